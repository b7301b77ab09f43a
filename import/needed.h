/* SPDX-License-Identifier: Apache-2.0 */
/* Which manifests of a repository at the destination are needed by what stays there: its tags, the indexes below them, referrers and what they refer to. */
#ifndef RF_IMPORT_NEEDED_H
#define RF_IMPORT_NEEDED_H

#include "base/idmap.h"
#include "layout/place.h"

struct rf_needed {
    struct rf_digest *list;
    size_t n, cap;
    struct rf_idmap by_digest;
};
/* The address of *n must not change until release. */
void rf_needed_init(struct rf_needed *n);
void rf_needed_release(struct rf_needed *n);
bool rf_needed_has(const struct rf_needed *n, const struct rf_digest *d);

/*
 * Adds the manifest and all that it needs: children of an index, the image that a referrer belongs to. What is not there is passed over; fails when something could not
 * be told.
 */
RF_MUST_USE int rf_needed_add(struct rf_needed *n, struct rf_place *place, const char *repo,
                              const struct rf_digest *digest, struct rf_err *err);
/*
 * Every tag of the repository but those that `goes` says go. Digest tags (sha256-...) need something only when the image that they belong to is needed. An
 * absent repository needs nothing.
 */
RF_MUST_USE int rf_needed_add_tags(struct rf_needed *n, struct rf_place *place, const char *repo,
                                   bool (*goes)(void *ctx, const char *tag), void *ctx,
                                   struct rf_err *err);

#endif
