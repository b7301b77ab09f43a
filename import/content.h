/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the bundle's manifests say, held against what bundle.json says: types and sizes agree, everything that a manifest needs is listed,
 * for every repository that the manifest goes to. Keeps which manifest has which below it.
 */
#ifndef RF_IMPORT_CONTENT_H
#define RF_IMPORT_CONTENT_H

#include "layout/bundle_file.h"

/* parent and child are blobs of the bundle, both manifests */
struct rf_content_edge {
    uint32_t parent, child;
};

struct rf_content {
    struct rf_bundle_file *file;
    const struct rf_bundle *doc;
    struct rf_content_edge *edges;
    size_t n_edges, cap_edges;
    uint32_t *roots; /* the new and changed images, of a repair bundle all, by digest */
    size_t n_roots;
};
void rf_content_init(struct rf_content *c, struct rf_bundle_file *file);
void rf_content_release(struct rf_content *c);
/* Checks all carried manifests. -RFE_DAMAGED. */
RF_MUST_USE int rf_content_check(struct rf_content *c, struct rf_err *err);
/* Checks one manifest, whose number among the blobs is `blob`: an assumed one, once it was read at the destination. */
RF_MUST_USE int rf_content_check_manifest(struct rf_content *c, uint32_t blob,
                                          const struct rf_manifest *m, struct rf_err *err);
bool rf_image_chose(const struct rf_desired *d, const struct rf_image *im,
                    const struct rf_digest *child);
/* Per blob: 0 for a manifest without manifests below it, else one more than the highest of those. Malloc'd, the caller frees. */
uint8_t *rf_content_levels(const struct rf_content *c, uint8_t *highest);

#endif
