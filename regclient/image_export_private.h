/* SPDX-License-Identifier: Apache-2.0 */
/* Inside image export: what the walk, the head documents and the writing share. */
#ifndef RF_REGCLIENT_IMAGE_EXPORT_PRIVATE_H
#define RF_REGCLIENT_IMAGE_EXPORT_PRIVATE_H

#include "base/idmap.h"
#include "regclient/image_export.h"

#define RF_ANNOTATION_IMAGE_NAME "io.containerd.image.name"

/* One member below blobs/, in the order of the tar. */
struct rf_export_item {
    struct rf_digest digest;
    uint64_t size;
    struct rf_manifest *manifest; /* its bytes, or NULL: a blob of this place */
    struct rf_place *place;
    const char *repo;
};

struct rf_exporter {
    const struct rf_export_image *images;
    struct rf_manifest **roots; /* by image */
    size_t n_images;
    const struct rf_export_options *opts;
    struct rf_export_item *items;
    size_t n_items, cap_items;
    struct rf_idmap by_digest; /* of items */
    uint64_t manifest_bytes;
};

/* "blobs/<algo>/<hex>". The caller frees. */
char *rf_export_blob_name(const struct rf_digest *d);
/* Appends the texts of index.json and of manifest.json, which stays empty when no image can be in it. All roots are read. */
RF_MUST_USE int rf_export_make_head(const struct rf_exporter *x, struct rf_buf *index,
                                    struct rf_buf *manifest, struct rf_err *err);

#endif
