/* SPDX-License-Identifier: Apache-2.0 */
/* Content descriptors (OCI image-spec, descriptor.md). */
#ifndef RF_MANIFESTS_DESCRIPTOR_H
#define RF_MANIFESTS_DESCRIPTOR_H

#include "base/digest.h"
#include "manifests/media_type.h"
#include "manifests/platform.h"

struct rf_descriptor {
    char *media_type; /* NULL when unknown (an answer without Content-Type) */
    struct rf_digest digest;
    uint64_t size;
    char *artifact_type;          /* or NULL */
    struct rf_platform *platform; /* or NULL */
    json_t *annotations;          /* an object of strings, or NULL; read-only once shared */
    char **urls;                  /* external locations; never fetched unless asked */
    size_t n_urls;
};
#define RF_DESCRIPTOR_INIT \
    {                      \
        0                  \
    }

/* Checks types and ranges of every field; `data` is checked against digest and size when present. */
RF_MUST_USE int rf_descriptor_from_json(const json_t *obj, const char *path,
                                        struct rf_descriptor *out, struct rf_err *err);
void rf_descriptor_release(
    struct rf_descriptor *d); /* also for RF_CLEANUP; leaves an empty descriptor */
void rf_descriptor_copy(const struct rf_descriptor *from, struct rf_descriptor *to);
/* Value of an annotation, NULL when absent. Borrowed. */
const char *rf_descriptor_annotation(const struct rf_descriptor *d, const char *key);
/* Appends the descriptor as JSON: mediaType, digest, size, then what is set. */
void rf_descriptor_add_json(struct rf_buf *out, const struct rf_descriptor *d);

#endif
