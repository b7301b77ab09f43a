/* SPDX-License-Identifier: Apache-2.0 */
/* Inside `regctl blob`: its options, and what runs its commands. The rows are in cmd_blob.c. */
#ifndef RF_TOOLS_REGCTL_BLOB_H
#define RF_TOOLS_REGCTL_BLOB_H

#include "tools/common/options.h"

struct blob_options {
    const char *content_type, *digest, *format, *media_type;
    int64_t context;
    bool context_full, ignore_times;
};

/* blob_look.c: what reads */
int regctl_blob_diff_config(const struct rf_env *env, void *ctx, int argc, char **argv,
                            struct rf_err *err);
int regctl_blob_diff_layer(const struct rf_env *env, void *ctx, int argc, char **argv,
                           struct rf_err *err);
int regctl_blob_get(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err);
int regctl_blob_get_file(const struct rf_env *env, void *ctx, int argc, char **argv,
                         struct rf_err *err);
int regctl_blob_head(const struct rf_env *env, void *ctx, int argc, char **argv,
                     struct rf_err *err);
/* blob_move.c: what writes */
int regctl_blob_copy(const struct rf_env *env, void *ctx, int argc, char **argv,
                     struct rf_err *err);
int regctl_blob_delete(const struct rf_env *env, void *ctx, int argc, char **argv,
                       struct rf_err *err);
int regctl_blob_put(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err);

struct rf_blob_put;
/* Stores standard input: a file where it lies, all else through a spool. */
RF_MUST_USE int regctl_blob_put_stdin(struct rf_blob_put *put, struct rf_err *err);

#endif
