/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest.json of a tar as `docker save` writes it and `docker load` reads it: a list of images, each with the names of the members that
 * hold its config and layers. Pure data. LayerSources (of regclient's exports, and of docker for layers with urls) keeps the descriptors that the
 * layers had in their registry.
 */
#ifndef RF_REGCLIENT_DOCKER_ARCHIVE_H
#define RF_REGCLIENT_DOCKER_ARCHIVE_H

#include "manifests/descriptor.h"

#define RF_DOCKER_ARCHIVE_NAME "manifest.json"
#define RF_DOCKER_ARCHIVE_MAX (4u << 20) /* bytes read */
#define RF_DOCKER_ARCHIVE_IMAGES_MAX 10000
#define RF_DOCKER_ARCHIVE_TAGS_MAX 10000 /* of one image */

struct rf_layer_source {
    struct rf_digest key;
    struct rf_descriptor desc;
};

struct rf_docker_image {
    char *config; /* name of a member */
    char **tags;  /* whole references, as they stand there */
    size_t n_tags, cap_tags;
    char **layers; /* names of members, the lowest layer first */
    size_t n_layers, cap_layers;
    struct rf_layer_source *sources; /* in order of their keys */
    size_t n_sources, cap_sources;
};

struct rf_docker_archive {
    struct rf_docker_image *images;
    size_t n, cap;
};

/* Checks types and limits of every field; names of members are not looked at. *out: the caller releases. */
RF_MUST_USE int rf_docker_archive_parse(struct rf_slice bytes, struct rf_docker_archive *out,
                                        struct rf_err *err);
void rf_docker_archive_release(struct rf_docker_archive *a); /* leaves an empty one */
/*
 * The image with this name among its tags, as it stands there or as a reference means it ("alpine" is "docker.io/library/alpine:latest").
 * -RFE_NOT_FOUND tells which there are.
 */
RF_MUST_USE int rf_docker_archive_find(const struct rf_docker_archive *a, const char *name,
                                       size_t *image, struct rf_err *err);
/* The descriptor under this key, or NULL. */
const struct rf_descriptor *rf_docker_image_source(const struct rf_docker_image *image,
                                                   const struct rf_digest *key);

/* Building one; texts and descriptors are copied. A tag or key that is there already changes nothing. */
struct rf_docker_image *rf_docker_archive_add(struct rf_docker_archive *a, const char *config);
void rf_docker_image_add_tag(struct rf_docker_image *image, const char *tag);
void rf_docker_image_add_layer(struct rf_docker_image *image, const char *name);
void rf_docker_image_add_source(struct rf_docker_image *image, const struct rf_digest *key,
                                const struct rf_descriptor *desc);
/* Appends the document, compact, as upstream writes it. */
void rf_docker_archive_format(const struct rf_docker_archive *a, struct rf_buf *out);

/* Both name the same image: equal, or equal as references. */
bool rf_image_name_eq(const char *a, const char *b);

#endif
