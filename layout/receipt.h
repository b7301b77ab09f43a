/* SPDX-License-Identifier: Apache-2.0 */
/* A receipt: what became of a bundle at a destination, image by image. One of the companion files (docs/companion-files.md). */
#ifndef RF_LAYOUT_RECEIPT_H
#define RF_LAYOUT_RECEIPT_H

#include "layout/companion.h"

struct rf_receipt_image {
    struct rf_companion_image image;
    uint32_t by,
        reason; /* RF_NO_ID: it is there. Else who refused it ("destination", "policy"), and why */
};

struct rf_receipt {
    char site[RF_SITE_MAX + 1], chain[RF_CHAIN_HEX + 1];
    struct rf_digest bundle, snapshot;
    uint64_t sequence;
    char *destination, *time, *tool;
    uint64_t blobs_sent, bytes_sent, blobs_mounted, blobs_there;
    uint64_t manifests_put, manifests_there, tags_set, tags_right;
    struct rf_strings strings;
    struct rf_receipt_image *images; /* every wanted image of the bundle */
    size_t n, cap;
};
void rf_receipt_init(struct rf_receipt *r);
void rf_receipt_release(struct rf_receipt *r);
/* by NULL: the image is there. */
void rf_receipt_add(struct rf_receipt *r, const char *repository, const char *tag,
                    const struct rf_digest *digest, const char *by, const char *reason);
size_t rf_receipt_refused(const struct rf_receipt *r);
/* The entry of (repository, tag), for an empty tag of (repository, digest); NULL when there is none. r is loaded. */
const struct rf_receipt_image *rf_receipt_find(const struct rf_receipt *r, const char *repository,
                                               const char *tag, const struct rf_digest *digest);
/* Sorts and appends the document. -RFE_INVALID when an image is there twice. */
RF_MUST_USE int rf_receipt_write(struct rf_receipt *r, struct rf_buf *out, struct rf_err *err);
/* Into an initialised *r. -RFE_INVALID, -RFE_UNSUPPORTED, -RFE_NOT_FOUND. */
RF_MUST_USE int rf_receipt_load(struct rf_receipt *r, const char *path, struct rf_err *err);

#endif
