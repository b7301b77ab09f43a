/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every command of regbot needs: the file, the registries as it, the files of Docker and regctl and --host describe them, a client, a runner.
 *
 *     RF_CLEANUP(regbot_session_release) struct regbot_session s = REGBOT_SESSION_INIT;
 *     rc = regbot_session_open(&s, env, o, err);
 */
#ifndef RF_TOOLS_REGBOT_SESSION_H
#define RF_TOOLS_REGBOT_SESSION_H

#include "policy/bot/bot_run.h"
#include "tools/common/runner.h"

/* Of all commands; each has rows for those that it knows. */
struct regbot_options {
    const char *config, *listen; /* config NULL: no file, which `run` may do without */
    bool strict, dry_run, unsafe_libs;
    uint64_t memory, timeout_s;
    struct rf_list lua_path, env;
};

struct regbot_session {
    const struct rf_env *env;
    struct rf_policy_config *config;
    struct rf_client *client;
    struct rf_bot *bot;
    struct rf_list folders; /* of LUA_PATH */
    size_t *scheduled;      /* of a server: its jobs' scripts */
};
#define REGBOT_SESSION_INIT \
    {                       \
        0                   \
    }
RF_MUST_USE int regbot_session_open(struct regbot_session *s, const struct rf_env *env,
                                    const struct regbot_options *o, struct rf_err *err);
/* Without a client, for a command that asks no registry. */
RF_MUST_USE int regbot_session_offline(struct regbot_session *s, const struct rf_env *env,
                                       const struct regbot_options *o, struct rf_err *err);
/* Also prints the line of --stats. */
void regbot_session_release(struct regbot_session *s);

const struct rf_cmd *regbot_server_cmd(void);

#define REGBOT_AT(field) offsetof(struct regbot_options, field)
#define REGBOT_CONFIG_ROW RF_RUNNER_CONFIG_ROW(REGBOT_AT(config))
#define REGBOT_STRICT_ROW  \
    RF_RUNNER_STRICT_ROW(  \
        REGBOT_AT(strict), \
        "refuse a file with unknown keys or scripts that cannot be run, before any is begun")
#define REGBOT_BOX_ROWS                                                                                                                \
    { "dry-run",                                                                                                                       \
      0,                                                                                                                               \
      RF_OPT_FLAG,                                                                                                                     \
      REGBOT_AT(dry_run),                                                                                                              \
      NULL,                                                                                                                            \
      "write nothing to registries and layouts: tell what would be written, and sum up at the end",                                    \
      NULL,                                                                                                                            \
      0 },                                                                                                                             \
        { "lua-path",                                                                                                                  \
          0,                                                                                                                           \
          RF_OPT_LIST,                                                                                                                 \
          REGBOT_AT(lua_path),                                                                                                         \
          "DIR",                                                                                                                       \
          "folder with modules for require; may be repeated; without it the folders of LUA_PATH",                                      \
          NULL,                                                                                                                        \
          0 },                                                                                                                         \
        { "env",       0,                                                                                                              \
          RF_OPT_LIST, REGBOT_AT(env),                                                                                                 \
          "NAME",      "environment variable that scripts may read by os.getenv; may be repeated",                                     \
          NULL,        0 },                                                                                                            \
        { "memory",          0,      RF_OPT_SIZE,                                                                                      \
          REGBOT_AT(memory), "SIZE", "what one script may have, from 1MiB on",                                                         \
          "64MiB",           0 },                                                                                                      \
    {                                                                                                                                  \
        "unsafe-libs", 0, RF_OPT_FLAG, REGBOT_AT(unsafe_libs), NULL,                                                                   \
            "give scripts io, debug, all of os and package, and take the walls around them away: for scripts that you wrote yourself", \
            NULL, 0                                                                                                                    \
    }

#endif
