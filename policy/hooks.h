/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hooks of a step: `pre` before an image is copied, `post` after it, `unchanged` when there was nothing to do. They are run only where the user says so
 * on the command line, since a policy file is read by more programs than it is written by people.
 *
 * type command: `params` are the program and its arguments, started without a shell. The facts come as one line of JSON on its standard input and as
 * REGFERRY_HOOK, REGFERRY_SOURCE and REGFERRY_TARGET; of our environment it sees only PATH, HOME and the like. After five minutes it and
 * what it started are killed. type webhook: the same JSON is posted to the URL in `params`; what is not answered with 2xx has failed.
 */
#ifndef RF_POLICY_HOOKS_H
#define RF_POLICY_HOOKS_H

#include "policy/step.h"

/* What a hook is told. Borrowed. */
struct rf_hook_facts {
    const char *hook; /* "pre", "post", "unchanged" */
    const struct rf_step *step;
    const char *source, *target, *outcome;
    const struct rf_digest *digest;
    uint64_t bytes; /* moved */
};

struct rf_hook_runner;
/* user_agent may be NULL. Nothing is opened before the first webhook. */
struct rf_hook_runner *rf_hook_runner_new(const char *user_agent);
void rf_hook_runner_free(struct rf_hook_runner *r);
void rf_hook_runner_freep(struct rf_hook_runner **r);
/* Whether it can be run as it is written. -RFE_CONFIG. */
RF_MUST_USE int rf_hook_check(const struct rf_hook *hook, struct rf_err *err);
/* hook may be NULL: nothing is done. Any thread. */
RF_MUST_USE int rf_hook_run(struct rf_hook_runner *r, const struct rf_hook *hook,
                            const struct rf_hook_facts *facts, struct rf_err *err);
/* The line of JSON, without its end. */
void rf_hook_facts_json(const struct rf_hook_facts *facts, struct rf_buf *out);

#endif
