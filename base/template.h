/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text templates in the language of Go's text/template, over the values of base/value.h. docs/templates.md describes it
 * for users.
 *
 *     rf_template_parse("out", text, NULL, &t, err)  ->  rf_template_execute(t, &data, NULL, &out, err)  ->  rf_template_free(t)
 *
 * Messages are Go's: `template: out:1:2: executing "out" at <.Nope>: can't evaluate field Nope in type *tag.List`, with
 * line and column. What stood before the place of the error is in `out` already.
 *
 * Everything is bounded: text, nesting, steps, depth of calls, memory of one execution, and the output by the cap of
 * `out` (-RFE_TOO_LARGE). Texts of users may be run as they are; the functions `env` and `file` read the environment and
 * files, so templates of strangers are run with RF_TEMPLATE_NO_HOST.
 */
#ifndef RF_BASE_TEMPLATE_H
#define RF_BASE_TEMPLATE_H

#include "base/value.h"

#define RF_TEMPLATE_TEXT_MAX (1u << 20)
#define RF_TEMPLATE_NESTING_MAX 200 /* control structures and parentheses in each other */
#define RF_TEMPLATE_DEPTH_MAX \
    500 /* of an execution: the same, and templates that call each other */
#define RF_TEMPLATE_STEPS_MAX 5000000 /* evaluations and turns of loops */
#define RF_TEMPLATE_MEMORY_MAX (64u << 20)
#define RF_TEMPLATE_FILE_MAX \
    (1u << 20) /* bytes that `file` reads; a larger file counts as not readable */

enum rf_template_flags { RF_TEMPLATE_NO_HOST = 1 }; /* without `env` and `file` */

struct rf_template_options {
    const struct rf_func
        *funcs; /* more functions, kept by pointer; one of the same name hides ours */
    size_t n_funcs;
    unsigned flags;
    uint64_t max_steps; /* 0: as above; likewise the next */
    size_t max_memory;
};

struct rf_template;

/* `name` stands in messages ("out" where users expect upstream's). options may be NULL. -RFE_INVALID, -RFE_TOO_LARGE. */
RF_MUST_USE int rf_template_parse(const char *name, struct rf_slice text,
                                  const struct rf_template_options *options,
                                  struct rf_template **out, struct rf_err *err);
void rf_template_free(struct rf_template *t);
void rf_template_freep(struct rf_template **t);

/*
 * Appends the result to `out`, on failure what came before the error. `user` reaches getters and functions as call->user.
 * -RFE_INVALID for errors of the template, the getter's or method's own code where one failed. One parsed template may be
 * executed by several threads at once.
 */
RF_MUST_USE int rf_template_execute(const struct rf_template *t, const struct rf_value *data,
                                    void *user, struct rf_buf *out, struct rf_err *err);
/* Both in one: for a text that is used once. */
RF_MUST_USE int rf_template_render(const char *name, struct rf_slice text,
                                   const struct rf_value *data, void *user, struct rf_buf *out,
                                   struct rf_err *err);

#endif
