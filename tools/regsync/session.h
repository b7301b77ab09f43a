/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every command of regsync needs: the file, the registries as it, the files of Docker and regctl and --host describe them, a client, a runner.
 *
 *     RF_CLEANUP(regsync_session_release) struct regsync_session s = REGSYNC_SESSION_INIT;
 *     rc = regsync_session_open(&s, env, o, err);
 */
#ifndef RF_TOOLS_REGSYNC_SESSION_H
#define RF_TOOLS_REGSYNC_SESSION_H

#include "policy/sync/sync_run.h"
#include "tools/common/runner.h"

/* Of all commands; each has rows for those that it knows. */
struct regsync_options {
    const char *config, *output, *shard, *listen;
    bool abort_on_error, missing, strict, hooks, exit_code;
    bool server; /* set by the command */
};

struct regsync_session {
    const struct rf_env *env;
    struct rf_policy_config *config;
    struct rf_client *client;
    struct rf_sync_setup setup; /* `ledger` and `checks` are set by the command */
    struct rf_sync *sync;
    size_t *scheduled; /* of a server: its jobs' steps */
};
#define REGSYNC_SESSION_INIT \
    {                        \
        0                    \
    }
RF_MUST_USE int regsync_session_open(struct regsync_session *s, const struct rf_env *env,
                                     const struct regsync_options *o, struct rf_err *err);
/* Also prints the line of --stats. */
void regsync_session_release(struct regsync_session *s);
/* The file alone. Warns of what in it will be missed later; steps that were refused are the caller's to tell. */
RF_MUST_USE int regsync_config_load(const struct regsync_options *o, struct rf_policy_config **out,
                                    struct rf_err *err);

const struct rf_cmd *regsync_server_cmd(void);

#define REGSYNC_AT(field) offsetof(struct regsync_options, field)
#define REGSYNC_CONFIG_ROW RF_RUNNER_CONFIG_ROW(REGSYNC_AT(config))
#define REGSYNC_STRICT_ROW  \
    RF_RUNNER_STRICT_ROW(   \
        REGSYNC_AT(strict), \
        "refuse a file with unknown keys or steps that cannot be run, before anything is asked")
#define REGSYNC_RUN_ROWS                                                                           \
    REGSYNC_CONFIG_ROW, REGSYNC_STRICT_ROW,                                                        \
        { "abort-on-error",                                                                        \
          0,                                                                                       \
          RF_OPT_FLAG,                                                                             \
          REGSYNC_AT(abort_on_error),                                                              \
          NULL,                                                                                    \
          "begin nothing new after the first failure",                                             \
          NULL,                                                                                    \
          0 },                                                                                     \
    {                                                                                              \
        "shard", 0, RF_OPT_STRING, REGSYNC_AT(shard), "K/N",                                       \
            "only the steps of share K of N, so that N instances with one file do each step once", \
            NULL, 0                                                                                \
    }
#define REGSYNC_HOOKS_ROW                                                            \
    {                                                                                \
        "hooks", 0, RF_OPT_FLAG, REGSYNC_AT(hooks), NULL,                            \
            "run the hooks of the file: programs, and calls to other hosts", NULL, 0 \
    }

#endif
