/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New indexes and images, and indexes with entries added and taken away. What is made fresh has the specification's order of keys and sorted
 * annotations; of an index that is edited everything else stays as it was.
 *
 *     RF_CLEANUP(rf_index_edit_freep) struct rf_index_edit *e = NULL;
 *     rf_index_edit_open(index, &e, err);
 *     rf_index_edit_add(e, &desc);
 *     rf_index_edit_finish(e, &edited, err);
 */
#ifndef RF_MANIFESTS_INDEX_EDIT_H
#define RF_MANIFESTS_INDEX_EDIT_H

#include "manifests/manifest.h"

struct rf_index_edit;
/* A fresh index without entries: RF_MT_OCI_INDEX or RF_MT_DOCKER_LIST, else -RFE_UNSUPPORTED. *out: rf_index_edit_free. */
RF_MUST_USE int rf_index_edit_new(const char *media_type, struct rf_index_edit **out,
                                  struct rf_err *err);
/* An index to change. -RFE_UNSUPPORTED for an image. */
RF_MUST_USE int rf_index_edit_open(const struct rf_manifest *index, struct rf_index_edit **out,
                                   struct rf_err *err);
void rf_index_edit_free(struct rf_index_edit *e);
void rf_index_edit_freep(struct rf_index_edit **e);
/* Appends an entry, unless one that is the same in every part is there. */
void rf_index_edit_add(struct rf_index_edit *e, const struct rf_descriptor *d);
/* Both take away all entries that have it, and return their number. */
size_t rf_index_edit_remove_digest(struct rf_index_edit *e, const struct rf_digest *digest);
size_t rf_index_edit_remove_platform(struct rf_index_edit *e, const struct rf_platform *platform);
void rf_index_edit_annotate(struct rf_index_edit *e, const char *key, const char *value);
void rf_index_edit_set_artifact_type(struct rf_index_edit *e, const char *type);
void rf_index_edit_set_subject(struct rf_index_edit *e, const struct rf_descriptor *subject);
/* The document as it is now, checked as any other. -RFE_TOO_LARGE. *out belongs to the caller. */
RF_MUST_USE int rf_index_edit_finish(const struct rf_index_edit *e, struct rf_manifest **out,
                                     struct rf_err *err);

/* ---- a fresh image ---- */

struct rf_image_plan {
    const char *media_type;             /* RF_MT_OCI_MANIFEST or RF_MT_DOCKER_MANIFEST */
    const char *created;                /* RFC 3339, or NULL */
    const struct rf_platform *platform; /* or NULL */
    const json_t *labels, *annotations; /* objects of strings, or NULL */
};
/* An image without layers: its configuration in *config (initialized), its manifest in *out, to be freed by the caller. -RFE_UNSUPPORTED. */
RF_MUST_USE int rf_image_plan_build(const struct rf_image_plan *plan, struct rf_buf *config,
                                    struct rf_manifest **out, struct rf_err *err);

/* ---- a fresh artifact ---- */

struct rf_artifact_plan {
    const char *artifact_type; /* or NULL: the type of the configuration stands for it */
    const struct rf_descriptor *config, *layers;
    size_t n_layers;
    const struct rf_descriptor *subject; /* or NULL */
    const json_t *annotations;           /* an object of strings, or NULL */
};
/* An OCI image manifest of that. *out is freed by the caller. -RFE_TOO_LARGE. */
RF_MUST_USE int rf_artifact_plan_build(const struct rf_artifact_plan *plan,
                                       struct rf_manifest **out, struct rf_err *err);

#endif
