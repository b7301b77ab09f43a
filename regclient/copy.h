/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one copy engine: any place to any place. Import, regctl, regsync and scripts use it.
 * Order: blobs, then manifests children first, referrers before their subject's tag, the tag last (inventory 4.9). What is there is not asked for again.
 */
#ifndef RF_REGCLIENT_COPY_H
#define RF_REGCLIENT_COPY_H

#include "layout/graph.h"
#include "layout/place.h"
#include "regclient/blob_turns.h"

enum rf_blob_outcome {
    RF_BLOB_THERE,
    RF_BLOB_MOUNTED,
    RF_BLOB_MOVED,
    RF_BLOB_UNDER_WAY, /* with `defer`: by another copy */
};
struct rf_copy_blob_options {
    enum rf_probe probe;           /* how "already there" is found out */
    bool skip_probe;               /* known to be absent */
    const char *const *mount_from; /* repositories of the destination that may have it */
    size_t n_mount_from;
    /* Another repository of dst that may have it (NULL: none; freed by the copy), and word that it is there now. Or NULL. Any thread. */
    char *(*mount_hint)(void *ctx, const struct rf_digest *digest);
    void (*blob_there)(void *ctx, const struct rf_digest *digest);
    void *hint_ctx;
    struct rf_blob_turns
        *turns; /* of copies that run at once: one moves a blob, the others wait; or NULL */
    bool defer; /* do not wait for another copy, but say so */
    void (*progress)(void *ctx, uint64_t bytes); /* bytes more than before; or NULL */
    void *progress_ctx;
};
/*
 * Makes a blob present at dst: there already, else mounted, else moved (local source -> upload; registry -> local sink; registry -> registry
 * through one bounded buffer). Hashed on the way; nothing is staged.
 */
RF_MUST_USE int rf_copy_blob(struct rf_place *src, const char *src_repo, struct rf_place *dst,
                             const char *dst_repo, const struct rf_digest *digest, uint64_t size,
                             const struct rf_copy_blob_options *opts, enum rf_blob_outcome *outcome,
                             struct rf_err *err);

/* A repository of a place; place NULL: none. */
struct rf_copy_side {
    struct rf_place *place;
    const char *repo;
};

struct rf_copy_options {
    const struct rf_platform
        *platforms; /* only these children of indexes; the index keeps its bytes (unless prune) */
    size_t n_platforms;
    bool prune; /* with platforms: a new index of the chosen children */
    bool referrers, digest_tags, include_external, force, verify;
    bool fast;  /* the same digest under the tag is enough, whatever else is asked for */
    bool child; /* without tag: it becomes part of an index that is put afterwards (RF_PUT_CHILD) */
    struct rf_copy_side referrers_src,
        referrers_dst; /* with referrers: where they are and go, when not with the image */
    bool
        slow_referrers; /* look into every tag of the source too, for referrers that no list tells */
    bool (*want_referrer)(void *ctx,
                          const struct rf_descriptor *d); /* which of them; NULL: all. Any thread */
    void *want_referrer_ctx;
    const char *
        sparse_hint; /* what to do when the destination takes no index without all of its images; NULL: prune it */
    const struct rf_manifest
        *root; /* the source's document, when the caller has it already: not fetched again */
    const struct rf_digest *
        target_has; /* what the target's tag is known to point to, not set: to nothing; NULL: it is asked for */
    char *(*mount_hint)(void *ctx, const struct rf_digest *digest); /* as for a blob */
    void (*blob_there)(void *ctx, const struct rf_digest *digest);
    void *hint_ctx;
    struct rf_blob_turns
        *turns; /* as for a blob: what others move is left to the end, and waited for then */
    void (*read)(
        void *ctx); /* every manifest was read, blobs follow; in the caller's thread. Or NULL */
    void *read_ctx;
    unsigned threads; /* 0 = 4 */
    void (*progress)(void *ctx, uint64_t bytes);
    void *progress_ctx;
};
struct rf_copy_result {
    uint64_t blobs_moved, blobs_mounted, blobs_there, bytes_moved, manifests_put;
    struct rf_digest digest; /* of what the tag points to now */
};
/* src by tag or digest (digest wins); dst under dst_tag, or by digest alone when NULL. */
RF_MUST_USE int rf_copy_image(struct rf_place *src, const char *src_repo, const char *src_tag,
                              const struct rf_digest *src_digest, struct rf_place *dst,
                              const char *dst_repo, const char *dst_tag,
                              const struct rf_copy_options *opts, struct rf_copy_result *out,
                              struct rf_err *err);

#endif
