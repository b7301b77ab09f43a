/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One image out of a tar into any place: an image layout (oci-layout and index.json in it), else what `docker save` writes (manifest.json), the tar
 * plain or compressed with gzip, zstd or bzip2. Nothing is unpacked and nothing is written before the tar's documents are whole; every byte is
 * hashed on its way, and the tag comes last.
 *
 * Which image of a layout: the only one; else the one with the target's digest; else `name`, else the target's tag ("latest" when it has none),
 * among the names of index.json. Of docker's form: `name` among RepoTags, else the first.
 *
 * Docker's form: layers that are plain tars are compressed with gzip, always to the same bytes, and a Docker manifest (schema 2) is made. Layers
 * that are compressed already stay as they are. LayerSources gives layers the descriptors that they had before; such of OCI types make it an OCI
 * manifest. Layers are checked against the config's diff_ids.
 */
#ifndef RF_REGCLIENT_IMAGE_IMPORT_H
#define RF_REGCLIENT_IMAGE_IMPORT_H

#include "layout/place.h"

#define RF_IMPORT_MANIFESTS_MAX \
    (64u << 20) /* bytes of all manifests together: they are kept until put */

struct rf_import_target {
    struct rf_place *place;
    const char *repo;
    const char *tag;                /* or NULL */
    const struct rf_digest *digest; /* or NULL: the image must have it */
};

struct rf_import_options {
    const char *name;                            /* which image, or NULL */
    bool verify;                                 /* manifests are read back */
    unsigned threads;                            /* 0 = 4; a compressed tar is read by one */
    void (*progress)(void *ctx, uint64_t bytes); /* bytes more than before; or NULL */
    void *progress_ctx;
};

struct rf_import_result {
    struct rf_digest digest; /* of the image */
    bool docker_form;
    uint64_t manifests_put, blobs_moved, blobs_there, bytes_moved;
};

/*
 * `path` is a file that can be read more than once. opts and result may be NULL. -RFE_NOT_FOUND: no file, no such image, a member is missing.
 * -RFE_INVALID, -RFE_LOOP, -RFE_TOO_LARGE, -RFE_AMBIGUOUS, -RFE_DIGEST_MISMATCH, -RFE_SIZE_MISMATCH: what the tar says cannot be trusted.
 */
RF_MUST_USE int rf_image_import(const char *path, const struct rf_import_target *target,
                                const struct rf_import_options *opts,
                                struct rf_import_result *result, struct rf_err *err);

#endif
