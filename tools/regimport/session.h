/* SPDX-License-Identifier: Apache-2.0 */
/* What regimport's commands share: the options of all of them, and what is made of them. */
#ifndef RF_TOOLS_REGIMPORT_SESSION_H
#define RF_TOOLS_REGIMPORT_SESSION_H

#include "import/import.h"
#include "policy/config.h"
#include "tools/common/program.h"
#include "tools/common/progress.h"

struct options {
    const char *config, *site, *state, *to, *check, *receipt, *out, *confirm_delete;
    struct rf_list repositories, in_use;
    bool allow_unsigned, allow_older, stream, complete_only, plan, also_moved, prune, all;
};

struct session {
    const struct rf_env *env;
    const struct options *o;
    struct rf_policy_config *config;
    struct rf_verdicts *policy;
    struct rf_client *client;
    struct rf_progress *progress;
    struct rf_ref to;
    char *prefix;
    char *folder; /* of a layout, the name that the state knows it by */
    struct rf_import_request req;
};

void session_release(struct session *s);
/* Everything that can be wrong with the options comes to light here. `destination`: opens --to. */
RF_MUST_USE int session_open(struct session *s, const struct rf_env *env, const struct options *o,
                             bool destination, struct rf_err *err);
/* Ended before a report is printed: the next bundle of the same command starts another. */
void session_progress(struct session *s);
void session_end_progress(struct session *s);
/* The state belongs to a site: the one named, or the one that the bundle `path` was made for; without a bundle, the default. The caller frees *out. */
RF_MUST_USE int session_state(const struct session *s, const char *path, char **out,
                              struct rf_err *err);

int run_request(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err);
int run_config(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err);
int run_prune(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err);
/* Before anything is done: what can be wrong with the options of pruning. */
RF_MUST_USE int check_prune_options(const struct options *o, struct rf_err *err);
/* Behind the bundle `path`, which was applied. */
RF_MUST_USE int run_prune_behind(const struct rf_env *env, const struct options *o,
                                 const char *path, struct rf_err *err);
/* The same in a session that is open; or, with `plan`, what would be pruned behind it. */
RF_MUST_USE int prune_behind(struct session *s, const char *path, bool plan, struct rf_err *err);
int run_rollback(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err);
int run_inventory(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err);

#endif
