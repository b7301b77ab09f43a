/* SPDX-License-Identifier: Apache-2.0 */
/* Inside `regctl image`: its options, and what runs its commands. The rows are in cmd_image.c. */
#ifndef RF_TOOLS_REGCTL_IMAGE_H
#define RF_TOOLS_REGCTL_IMAGE_H

#include "tools/common/options.h"

struct image_options {
    struct rf_list annotations, labels, platforms, more;
    const char *base, *created, *digest, *format, *media_type, *name, *platform;
    const char *referrers_src, *referrers_tgt;
    bool by_digest, compress, digest_tags, fast, force, include_external, no_config, prune;
    bool quiet, referrers, verify;
};

/* image_look.c: what reads */
int regctl_image_check_base(const struct rf_env *env, void *ctx, int argc, char **argv,
                            struct rf_err *err);
int regctl_image_get_file(const struct rf_env *env, void *ctx, int argc, char **argv,
                          struct rf_err *err);
int regctl_image_inspect(const struct rf_env *env, void *ctx, int argc, char **argv,
                         struct rf_err *err);
int regctl_image_ratelimit(const struct rf_env *env, void *ctx, int argc, char **argv,
                           struct rf_err *err);
/* image_move.c: what writes */
int regctl_image_copy(const struct rf_env *env, void *ctx, int argc, char **argv,
                      struct rf_err *err);
int regctl_image_create(const struct rf_env *env, void *ctx, int argc, char **argv,
                        struct rf_err *err);
int regctl_image_export(const struct rf_env *env, void *ctx, int argc, char **argv,
                        struct rf_err *err);
int regctl_image_import(const struct rf_env *env, void *ctx, int argc, char **argv,
                        struct rf_err *err);

#endif
