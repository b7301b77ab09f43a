/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request: what a destination lacks so that a bundle can be applied there, and which snapshots it has. Written by regimport, answered by regexport with
 * a repair bundle. One of the companion files (docs/companion-files.md).
 */
#ifndef RF_LAYOUT_REPAIR_REQUEST_H
#define RF_LAYOUT_REPAIR_REQUEST_H

#include "layout/companion.h"

/* A manifest or blob that is not there, and an image of the bundle that needs it. */
struct rf_lack {
    struct rf_companion_image image;
    struct rf_digest digest;
    uint64_t size;
    bool manifest; /* it could not be read, so nothing is said of what it names */
};
/* A snapshot that the destination has, except for these. */
struct rf_known {
    struct rf_digest snapshot;
    uint32_t first, n; /* in lacks */
};
/* What was looked for below manifests that could not be read, and was there. */
struct rf_found {
    uint32_t repository;
    struct rf_digest digest;
};
struct rf_refused {
    struct rf_companion_image image;
    uint32_t reason;
};

struct rf_repair_request {
    char site[RF_SITE_MAX + 1], chain[RF_CHAIN_HEX + 1];
    struct rf_digest bundle, snapshot; /* of the bundle asked about */
    uint64_t sequence;
    char *destination, *tool;
    struct rf_strings strings;
    struct rf_known *known;
    size_t n_known, cap_known;
    struct rf_digest *lacks;
    size_t n_lacks, cap_lacks;
    struct rf_found *found;
    size_t n_found, cap_found;
    struct rf_lack *missing;
    size_t n_missing, cap_missing;
    struct rf_refused
        *refused; /* images that the destination does not take; they are no missing ground */
    size_t n_refused, cap_refused;
};
void rf_repair_request_init(struct rf_repair_request *r);
void rf_repair_request_release(struct rf_repair_request *r);
void rf_repair_request_add(struct rf_repair_request *r, const struct rf_lack *lack);
void rf_repair_request_add_known(struct rf_repair_request *r, const struct rf_digest *snapshot,
                                 const struct rf_digest *lacks, size_t n);
void rf_repair_request_add_found(struct rf_repair_request *r, const char *repository,
                                 const struct rf_digest *digest);
void rf_repair_request_add_refused(struct rf_repair_request *r, const struct rf_refused *refused);
/* The distinct digests in `missing`, and the sum of their sizes. */
size_t rf_repair_request_count(const struct rf_repair_request *r, uint64_t *bytes);
/* Sorts the lists, drops what is there twice, and appends the document. */
RF_MUST_USE int rf_repair_request_write(struct rf_repair_request *r, struct rf_buf *out,
                                        struct rf_err *err);
/* Into an initialised *r. -RFE_INVALID, -RFE_UNSUPPORTED, -RFE_NOT_FOUND. */
RF_MUST_USE int rf_repair_request_load(struct rf_repair_request *r, const char *path,
                                       struct rf_err *err);

#endif
