/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an image goes on the far side, without the registry there: repository and tag. From a step's `target`, from SOURCE=PATH[:TAG]
 * on the command line, or from the source itself.
 */
#ifndef RF_POLICY_TARGET_PATH_H
#define RF_POLICY_TARGET_PATH_H

#include "manifests/reference.h"

struct rf_target {
    char *repository; /* "" only from rf_target_of_registry: no prefix */
    char *tag;        /* NULL when none was named */
};
void rf_target_release(struct rf_target *t);

/* Path of a reference without its registry (docker.io/library/x is library/x); of ocidir:// the last folder. A digest is refused. -RFE_INVALID. */
RF_MUST_USE int rf_target_of_text(const char *target, struct rf_target *out, struct rf_err *err);
/* Target of a step of type registry: host[:port][/prefix] gives the prefix; ocidir:// gives none. -RFE_INVALID. */
RF_MUST_USE int rf_target_of_registry(const char *target, struct rf_target *out,
                                      struct rf_err *err);
/*
 * What a source is called when nothing else is said: its repository; of a layout its folder's name, of a tar its file's name without
 * ".tar". The tag is the source's. -RFE_INVALID when that is no repository name; the message says what to write instead.
 */
RF_MUST_USE int rf_target_of_source(const struct rf_ref *source, struct rf_target *out,
                                    struct rf_err *err);
/* repository, or prefix/repository. -RFE_INVALID when the result is too long. The caller frees *out. */
RF_MUST_USE int rf_target_join(const char *prefix, const char *repository, char **out,
                               struct rf_err *err);

/* SOURCE or SOURCE=PATH[:TAG]. Without PATH as rf_target_of_source; with PATH but no TAG the tag is the source's. -RFE_USAGE. */
RF_MUST_USE int rf_target_parse_arg(const char *arg, struct rf_ref *source, struct rf_target *out,
                                    struct rf_err *err);

#endif
