/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of an image in progress: what the parts of the engine share. copy.c walks the source and decides, copy_along.c finds what goes along with the
 * image, copy_put.c brings what the destination lacks. */
#ifndef RF_REGCLIENT_COPY_PRIVATE_H
#define RF_REGCLIENT_COPY_PRIVATE_H

#include <pthread.h>

#include "regclient/copy.h"

/* A manifest to put under a tag of its own: a digest tag. */
struct rf_copy_extra {
    char *tag; /* NULL: a referrer */
    uint32_t node;
};

enum rf_copy_mark { RF_COPY_SEEN = 1, RF_COPY_NEEDED = 2, RF_COPY_THERE = 4 };

struct rf_copier {
    struct rf_place *src, *dst;
    const char *src_repo, *dst_repo, *dst_tag;
    const struct rf_copy_options *opts;
    struct rf_copy_result *result;
    bool same_repo;
    bool root_is_child; /* of a referrer, which is put after it; its tag is last all the same */
    unsigned threads;
    struct rf_graph graph;
    uint32_t root;
    struct rf_digest have;      /* what the destination has under the tag, or not set */
    struct rf_manifest *pruned; /* what is put instead of the root, or NULL */
    struct rf_copy_extra *extras;
    size_t n_extras, cap_extras;
    pthread_mutex_t lock;      /* guards `kept`, `found`, `later` and the counters of `result` */
    struct rf_manifest **kept; /* by node */
    size_t n_kept;
    struct rf_descriptor *found; /* referrers of one round */
    size_t n_found, cap_found;
    uint32_t asked;              /* nodes below this number were asked for their referrers */
    uint32_t *blobs, *manifests; /* what is to be there: nodes, manifests children first */
    size_t n_blobs, n_manifests;
    uint32_t *later; /* blobs that another copy moves */
    size_t n_later;
    uint8_t *seen;   /* by node */
    uint32_t *level; /* by node: 1 + the highest level of its children */
    size_t at_level;
};

/* Of these codes every part stops at once. */
static inline bool rf_copy_ends(int rc)
{
    return rc == -RFE_CANCELLED || rc == -RFE_TERMINATED;
}
/* The source's document of a node that was fetched; the copier's. Any thread. */
struct rf_manifest *rf_copier_kept(struct rf_copier *c, uint32_t node);

/* Referrers of everything in the graph, and of what that brings, until nothing new comes. */
RF_MUST_USE int rf_copier_walk_referrers(struct rf_copier *c, struct rf_err *err);
/* Tags of everything in the graph, and of what they bring: signatures of signatures. With referrers, theirs as well, until nothing new comes. */
RF_MUST_USE int rf_copier_walk_digest_tags(struct rf_copier *c, bool referrers, struct rf_err *err);
/* Referrers are read from or go to another place than the image. */
bool rf_copy_is_elsewhere(const struct rf_copy_options *o);
/* Such referrers of all that is in the graph, and theirs, one after the other. */
RF_MUST_USE int rf_copier_copy_outside(struct rf_copier *c, struct rf_err *err);

/* What has to be at the destination: c->blobs and c->manifests. The graph is walked. */
RF_MUST_USE int rf_copier_list_nodes(struct rf_copier *c, struct rf_err *err);
/* Blobs, manifests children first, digest tags, the root with its tag last. */
RF_MUST_USE int rf_copier_put_all(struct rf_copier *c, struct rf_err *err);
RF_MUST_USE int rf_copier_put_root(struct rf_copier *c, struct rf_err *err);
/* What is put under the tag: the source's document, or the pruned one. */
const struct rf_manifest *rf_copier_root_manifest(struct rf_copier *c);

#endif
