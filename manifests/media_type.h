/* SPDX-License-Identifier: Apache-2.0 */
/* Media types of OCI image-spec 1.1 and Docker image manifest schema 2. */
#ifndef RF_MANIFESTS_MEDIA_TYPE_H
#define RF_MANIFESTS_MEDIA_TYPE_H

#include "base/buf.h"

#define RF_MT_OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define RF_MT_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define RF_MT_OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define RF_MT_OCI_LAYER "application/vnd.oci.image.layer.v1.tar"
#define RF_MT_OCI_LAYER_GZIP "application/vnd.oci.image.layer.v1.tar+gzip"
#define RF_MT_OCI_LAYER_ZSTD "application/vnd.oci.image.layer.v1.tar+zstd"
#define RF_MT_OCI_EMPTY "application/vnd.oci.empty.v1+json"
#define RF_MT_OCI_ARTIFACT "application/vnd.oci.artifact.manifest.v1+json"
#define RF_MT_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define RF_MT_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define RF_MT_DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"
#define RF_MT_DOCKER_LAYER_GZIP "application/vnd.docker.image.rootfs.diff.tar.gzip"
#define RF_MT_DOCKER_LAYER_FOREIGN "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
#define RF_MT_DOCKER_V1 "application/vnd.docker.distribution.manifest.v1+json"
#define RF_MT_DOCKER_V1_SIGNED "application/vnd.docker.distribution.manifest.v1+prettyjws"

enum rf_media_kind {
    RF_KIND_OTHER = 0, /* a blob: config, layer, anything */
    RF_KIND_IMAGE,     /* OCI or Docker image manifest */
    RF_KIND_INDEX,     /* OCI index or Docker manifest list */
    RF_KIND_LEGACY,    /* Docker schema 1, old OCI artifact manifest: known and refused */
};
enum rf_media_kind rf_media_kind(const char *media_type); /* NULL gives OTHER */
static inline bool rf_media_is_manifest(const char *media_type)
{
    enum rf_media_kind k = rf_media_kind(media_type);
    return k == RF_KIND_IMAGE || k == RF_KIND_INDEX;
}
bool rf_media_is_docker(const char *media_type);
bool rf_media_is_config(
    const char *media_type); /* an image configuration that rf_config_parse reads */
/* RFC 6838 type/subtype, at most 255 bytes. */
bool rf_media_valid(struct rf_slice s);
/* The part before ";" of a Content-Type header, trimmed and lower-cased, into out (256 bytes). Returns out. */
const char *rf_media_base(const char *content_type, char out[256]);

#endif
