/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image layouts as folders (OCI image-spec, image-layout.md), as places.
 * A single layout has the repository ""; a tree of layouts has one layout per repository at ROOT/<repository>.
 * index.json is changed under a kernel lock on ROOT/<repo>/.lock across processes, and appears by rename.
 * Tags: annotation org.opencontainers.image.ref.name (a full name that ends in :tag also matches). Referrers: the fallback tag,
 * and index.json entries or blobs with that subject (inventory 4.8).
 */
#ifndef RF_LAYOUT_OCI_DIR_H
#define RF_LAYOUT_OCI_DIR_H

#include "layout/oci_index.h"
#include "layout/place.h"

enum rf_oci_dir_flags {
    RF_OCI_DIR_CREATE =
        1u << 0, /* made on the first write; otherwise an absent one is -RFE_NOT_FOUND at use */
    RF_OCI_DIR_TREE = 1u << 1, /* one layout per repository below the path */
    RF_OCI_DIR_READ_ONLY = 1u << 2,
};
/* Opens; nothing is written before the first put. *out: rf_place_free. */
RF_MUST_USE int rf_oci_dir_open(const char *path, unsigned flags, struct rf_place **out,
                                struct rf_err *err);

struct rf_gc_result {
    uint64_t blobs_deleted, bytes_deleted, blobs_kept;
};
/*
 * Removes blobs that index.json does not reach (fallback tags are entries like others), and temporaries of killed writers. Manifests that are
 * missing are tolerated; one that cannot be read ends it before anything is removed. -RFE_BUSY while the repository is held (rf_place_hold) or
 * another process has written to it and not closed it yet: somebody's blobs may not be named by index.json yet; to be tried again later.
 */
RF_MUST_USE int rf_oci_dir_gc(struct rf_place *p, const char *repo, struct rf_gc_result *out,
                              struct rf_err *err);
/* Changes many entries of index.json in one step. The judge may run in another thread, and is not asked by several at once. -RFE_NOT_FOUND: no layout. */
RF_MUST_USE int rf_oci_dir_sift(struct rf_place *p, const char *repo, rf_oci_judge judge, void *ctx,
                                struct rf_err *err);
/* Entries of index.json in their order, tagged or not. */
RF_MUST_USE int rf_oci_dir_entries(struct rf_place *p, const char *repo, rf_place_desc_cb cb,
                                   void *ctx, struct rf_err *err);

#endif
