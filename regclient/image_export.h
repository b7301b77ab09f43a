/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images of any places into one tar, as a stream: an image layout that `docker load` reads as well. Members, in this order: oci-layout, index.json,
 * manifest.json (one element for each image that is for a single platform), then each image's documents: an index before its children, a manifest
 * before its config and layers; everything once. The same images and names give the same bytes.
 */
#ifndef RF_REGCLIENT_IMAGE_EXPORT_H
#define RF_REGCLIENT_IMAGE_EXPORT_H

#include "layout/place.h"
#include "manifests/reference.h"

#define RF_EXPORT_IMAGES_MAX 1000
#define RF_EXPORT_MANIFESTS_MAX \
    (64u << 20) /* bytes of all manifests together: they are kept until written */

struct rf_export_image {
    struct rf_place *place;
    const char *repo;
    const char *tag;                /* or NULL */
    const struct rf_digest *digest; /* or NULL; decides over the tag: a platform that was chosen */
    const struct rf_ref *name; /* what it is called in the tar: the source, or what the user says */
};

struct rf_export_options {
    bool compress; /* gzip around the whole */
    bool
        include_external; /* layers with urls as well; without them their image has no element in manifest.json */
    unsigned threads;                            /* for manifests; 0 = 4 */
    void (*progress)(void *ctx, uint64_t bytes); /* bytes of blobs more than before; or NULL */
    void *progress_ctx;
};

struct rf_export_result {
    uint64_t manifests, blobs;
    uint64_t blob_bytes;
};

/*
 * Nothing is written before all manifests have been read. Blobs go from their place straight into `out` and are hashed on the way; a failure
 * leaves `out` cut off in the middle: the caller commits it only on success. opts and result may be NULL.
 * Two different images of one name: -RFE_CONFLICT. A manifest or blob that is not there: -RFE_NOT_FOUND.
 */
RF_MUST_USE int rf_image_export(const struct rf_export_image *images, size_t n,
                                const struct rf_export_options *opts, struct rf_sink *out,
                                struct rf_export_result *result, struct rf_err *err);

/*
 * The name that docker gets to see (RepoTags): always with a tag ("latest" when there is none), never with a digest; a layout's is
 * localhost/<its path>. NULL when nothing in it can be a repository. The caller frees.
 */
char *rf_export_docker_name(const struct rf_ref *name);

#endif
