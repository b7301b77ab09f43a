/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot: a desired state together with its closure, as export's history keeps it (state, never inside a bundle).
 * It is what a base is subtracted as: for every image its manifests and blobs, with sizes. The file is checksummed; a damaged one
 * is an error that costs a full bundle, never correctness.
 */
#ifndef RF_LAYOUT_SNAPSHOT_H
#define RF_LAYOUT_SNAPSHOT_H

#include "layout/bundle.h"

#define RF_SNAPSHOT_LINE_MAX (16u << 20)
#define RF_SNAPSHOT_MAX (1u << 30)
#define RF_SNAPSHOT_CLOSURE_MAX 1000000u /* blobs of one image */

struct rf_snapshot_blob {
    struct rf_digest digest;
    uint64_t size;
    uint32_t media_type; /* in desired.strings */
    uint8_t kind;        /* enum rf_blob_kind */
};

struct rf_snapshot {
    char site[RF_SITE_MAX + 1];
    bool stock;          /* taken at a destination, so that others may have brought a part of it */
    struct rf_digest id; /* rf_desired_snapshot of desired */
    struct rf_desired desired; /* wanted lines; first_blob, n_blobs of each count in items */
    struct rf_snapshot_blob *blobs;
    size_t n_blobs, cap_blobs;
    uint32_t *items; /* indices of blobs */
    size_t n_items, cap_items;
    struct rf_idmap by_digest;
};
/* The address of *s must not change until release. */
void rf_snapshot_init(struct rf_snapshot *s);
void rf_snapshot_release(struct rf_snapshot *s);
/* The number of the blob, added when new. */
uint32_t rf_snapshot_add_blob(struct rf_snapshot *s, const struct rf_digest *d, uint64_t size,
                              const char *media_type, uint8_t kind);
uint32_t rf_snapshot_find_blob(const struct rf_snapshot *s,
                               const struct rf_digest *d); /* RF_NO_ID */
/* Appends an item to the image that is being built: the caller sets first_blob = n_items before, n_blobs after. */
void rf_snapshot_add_item(struct rf_snapshot *s, uint32_t blob);

/* Sorted, with its id set. */
RF_MUST_USE int rf_snapshot_seal(struct rf_snapshot *s, struct rf_err *err);
/* Writes durably, replacing. Sealed. */
/* -RFE_TOO_LARGE when it would pass a limit above. */
RF_MUST_USE int rf_snapshot_store(const struct rf_snapshot *s, const char *path,
                                  struct rf_err *err);
/* Into an initialised *s. -RFE_NOT_FOUND; -RFE_INVALID when it is damaged, or no snapshot. */
RF_MUST_USE int rf_snapshot_load(struct rf_snapshot *s, const char *path, struct rf_err *err);

#endif
