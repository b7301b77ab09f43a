/* SPDX-License-Identifier: Apache-2.0 */
/* Entries for an index: images brought into its repository, and their descriptors with the platform that their configuration says. */
#ifndef RF_REGCLIENT_INDEX_BUILD_H
#define RF_REGCLIENT_INDEX_BUILD_H

#include "manifests/index_edit.h"
#include "regclient/copy.h"

/* An image somewhere: tag or digest. */
struct rf_index_source {
    struct rf_place *place;
    const char *repo, *tag;
    const struct rf_digest *digest;
};

struct rf_index_plan {
    struct rf_place *place; /* where the index is to be */
    const char *repo;
    const struct rf_index_source *
        sources; /* copied there; of an index with platforms, its images for those, else it as a whole */
    size_t n_sources;
    const struct rf_platform *platforms;
    size_t n_platforms;
    const struct rf_digest *digests; /* that are there already */
    size_t n_digests;
    const struct rf_platform *entry_platform; /* instead of the configuration's; or NULL */
    const json_t *entry_annotations;          /* of each new entry; or NULL */
    bool referrers, digest_tags;
    void (*progress)(void *ctx, uint64_t bytes);
    void *progress_ctx;
};
/*
 * Adds an entry for each image to `edit`: those of the digests first, in their order. The repository must be held (rf_place_hold) until the index is
 * put. A platform that no source has is told by a WARN line.
 */
RF_MUST_USE int rf_index_plan_add(const struct rf_index_plan *plan, struct rf_index_edit *edit,
                                  struct rf_err *err);

#endif
