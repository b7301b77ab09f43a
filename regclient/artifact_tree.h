/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A manifest with its children and all that refers to any of them, as a tree. Registries may say anything of referrers: a manifest that is met
 * below itself ends the walk, and so does a tree that is too large.
 */
#ifndef RF_REGCLIENT_ARTIFACT_TREE_H
#define RF_REGCLIENT_ARTIFACT_TREE_H

#include "manifests/reference.h"
#include "regclient/referrer_list.h"

#define RF_ARTIFACT_TREE_NODES 10000u
#define RF_ARTIFACT_TREE_BYTES ((size_t)64 << 20) /* of all its manifests */

struct rf_artifact_node {
    struct rf_ref ref;
    struct rf_manifest *manifest;
    struct rf_platform *platform; /* of the entry that led here; or NULL */
    char *artifact_type;          /* likewise */
    struct rf_artifact_node **children, **referrers;
    size_t n_children, n_referrers, cap_children, cap_referrers;
};
void rf_artifact_node_free(struct rf_artifact_node *n);
void rf_artifact_node_freep(struct rf_artifact_node **n);

/* All borrowed. */
struct rf_artifact_side {
    struct rf_place *place;
    const char *repo;
    const struct rf_ref *ref;
};
struct rf_artifact_tree_plan {
    struct rf_artifact_side at;
    const char *tag; /* of the root, when it has no digest */
    const struct rf_digest *digest;
    struct rf_artifact_side referrers; /* where they are; place NULL: where their subject is */
    const struct rf_descriptor_match *match;
    bool slow, digest_tags;
};
/*
 * *out is set as soon as there is something, also when it fails then, and is the caller's to free. -RFE_LOOP: "loop encountered, already processed
 * ..."; -RFE_TOO_LARGE.
 */
RF_MUST_USE int rf_artifact_tree(const struct rf_artifact_tree_plan *plan,
                                 struct rf_artifact_node **out, struct rf_err *err);

#endif
