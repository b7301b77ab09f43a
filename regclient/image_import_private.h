/* SPDX-License-Identifier: Apache-2.0 */
/* Inside image import: what is to be put, gathered by one of the two readers. */
#ifndef RF_REGCLIENT_IMAGE_IMPORT_PRIVATE_H
#define RF_REGCLIENT_IMAGE_IMPORT_PRIVATE_H

#include "layout/image_tar.h"
#include "layout/oci_index.h"
#include "regclient/docker_archive.h"
#include "regclient/image_import.h"

#define RF_IMPORT_THREADS_DEFAULT 4u
#define RF_IMPORT_SHOWN 200 /* bytes of a foreign name in a message */

struct rf_import_blob {
    struct rf_digest digest;
    uint64_t size;
    size_t member; /* of the tar */
    bool compress; /* it is the member's content behind gzip */
};

struct rf_importer {
    struct rf_image_tar *tar;
    const char *file; /* its path, for messages */
    const struct rf_import_target *target;
    const struct rf_import_options *opts;
    unsigned threads;
    struct rf_import_blob *blobs; /* each digest once */
    size_t n_blobs, cap_blobs;
    struct rf_manifest **manifests; /* children first, the image itself last */
    size_t n_manifests, cap_manifests;
};
/* `m` is taken over. */
void rf_import_add_manifest(struct rf_importer *x, struct rf_manifest *m);
void rf_import_add_blob(struct rf_importer *x, const struct rf_import_blob *blob);

/* Gathers the image out of an image layout, whose index.json is this. */
RF_MUST_USE int rf_import_oci(struct rf_importer *x, const struct rf_oci_index *index,
                              struct rf_err *err);
/* Gathers the image out of docker's form, whose manifest.json is this. Reads, and compresses, all layers once. */
RF_MUST_USE int rf_import_docker(struct rf_importer *x, const struct rf_docker_archive *archive,
                                 struct rf_err *err);

#endif
