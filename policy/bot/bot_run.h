/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner of regbot: all scripts of a file, once; or single ones, as a server calls for them; or a text that is in no file. Each run has a box of its own
 * (policy/lua/lua_box.h). What was done is remembered per script, for metrics.
 *
 *     bot = rf_bot_new(config, client, &setup);
 *     rc = rf_bot_all(bot, &failures, &err);    -RFE_FAILED when anything did; the texts are in `failures`
 *     rf_bot_free(bot);
 */
#ifndef RF_POLICY_BOT_RUN_H
#define RF_POLICY_BOT_RUN_H

#include <time.h>

#include "policy/bot/bot_calls.h"
#include "policy/config.h"

/* What the operator grants to scripts. Borrowed, and must outlive the runner. */
struct rf_bot_setup {
    bool dry_run, unsafe_libs;
    size_t memory; /* bytes for each script; 0: the usual */
    const char *const *module_dirs;
    size_t n_module_dirs;
    const char *const *env; /* names that os.getenv() may see */
    size_t n_env;
    void (*print)(void *ctx, struct rf_slice text); /* as in rf_bot_options, with ctx NULL */
};

struct rf_bot;
/* Both stay the caller's and must outlive it; `client` may be NULL when nothing but rf_bot_check() is called. */
struct rf_bot *rf_bot_new(const struct rf_policy_config *config, struct rf_client *client,
                          const struct rf_bot_setup *setup);
void rf_bot_free(struct rf_bot *b); /* nothing may be running */
void rf_bot_freep(struct rf_bot **b);

/*
 * Every script: with `parallel` in the file's defaults each in its own thread, else one after the other. One that fails does not keep the others from
 * running; `failures` gets the text of each, one a line, up to its cap. A dry run ends with a line of the log that sums up.
 */
RF_MUST_USE int rf_bot_all(struct rf_bot *b, struct rf_buf *failures, struct rf_err *err);
/* One of them, as a server does. Any thread. */
RF_MUST_USE int rf_bot_one(struct rf_bot *b, size_t script, struct rf_err *err);
/* A text with arguments, which it finds as `...` and in the table `arg`; `name` stands in its errors and as arg[0]. */
RF_MUST_USE int rf_bot_run_text(struct rf_bot *b, const char *name, struct rf_slice text,
                                char **args, size_t n_args, struct rf_err *err);
/* Whether every script can be compiled and its schedule be read; none is run. `out` gets FILE:LINE:COL: and the text of each that cannot, one a line. *bad is their number. */
RF_MUST_USE int rf_bot_check(struct rf_bot *b, struct rf_buf *out, size_t *bad, struct rf_err *err);

/* The scripts, 0..n-1, by their place in the file. */
size_t rf_bot_scripts(const struct rf_bot *b);
const struct rf_bot_script *rf_bot_script(const struct rf_bot *b, size_t script);
/* Its name, or for the second of two of one name "NAME#2": no other script of the file has it. */
const char *rf_bot_script_key(const struct rf_bot *b, size_t script);

/* What is known of a script so far. */
struct rf_bot_status {
    bool running;
    time_t last_start, last_end, last_success; /* 0: never */
    uint64_t runs, failed_runs, timeouts, requests;
    struct rf_bot_counts counts;
};
void rf_bot_status_of(struct rf_bot *b, size_t script, struct rf_bot_status *out);
/* Takes over what another runner, of the file as it was before, knows of scripts of the same names. */
void rf_bot_status_take(struct rf_bot *b, struct rf_bot *old);

#endif
