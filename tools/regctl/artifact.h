/* SPDX-License-Identifier: Apache-2.0 */
/* Inside `regctl artifact`: its options, and what runs its commands. The rows are in cmd_artifact.c. */
#ifndef RF_TOOLS_REGCTL_ARTIFACT_H
#define RF_TOOLS_REGCTL_ARTIFACT_H

#include "regclient/referrer_list.h"
#include "tools/regctl/session.h"

struct artifact_options {
    struct rf_list annotations, files, file_types, filter_annotations;
    const char *artifact_type, *config_file, *config_type, *external, *filter_type, *format;
    const char *media_type, *output, *platform, *refers, *sort_annotation, *subject;
    bool by_digest, config, digest_tags, file_title, index, latest, slow, sort_desc, strip_dirs;
};

int regctl_artifact_get(const struct rf_env *env, void *ctx, int argc, char **argv,
                        struct rf_err *err);
int regctl_artifact_list(const struct rf_env *env, void *ctx, int argc, char **argv,
                         struct rf_err *err);
int regctl_artifact_put(const struct rf_env *env, void *ctx, int argc, char **argv,
                        struct rf_err *err);
int regctl_artifact_tree(const struct rf_env *env, void *ctx, int argc, char **argv,
                         struct rf_err *err);

/* ---- for those ---- */

/* The filters and the order that the options ask for. */
struct artifact_match {
    struct rf_descriptor_match match;
    json_t *annotations;
};
/* -RFE_USAGE for options that contradict each other. */
RF_MUST_USE int regctl_artifact_match(const struct artifact_options *o, struct artifact_match *m,
                                      struct rf_err *err);
void regctl_artifact_match_release(struct artifact_match *m);

/* What is referred to, and where referrers are: beside it, or with --external elsewhere. */
struct artifact_subject {
    struct regctl_target at, external;
    bool has_external;
    struct rf_digest digest;
    struct rf_referrer_list list;
};
void regctl_artifact_subject_release(struct artifact_subject *s);
const struct regctl_target *regctl_artifact_source(const struct artifact_subject *s);
/* Opens both, finds the digest (with --platform that of the one image) and lists what refers to it. The reference becomes that of the digest. */
RF_MUST_USE int regctl_artifact_referrers(struct regctl_session *session,
                                          const struct artifact_options *o, const char *subject,
                                          const struct artifact_match *m,
                                          struct artifact_subject *s, struct rf_err *err);

#endif
