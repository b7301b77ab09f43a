/* SPDX-License-Identifier: Apache-2.0 */
/* A blob as templates and scripts see it: what was answered for it, its bytes when they are asked for, and what storing one gave. */
#ifndef RF_POLICY_OBJECT_BLOB_H
#define RF_POLICY_OBJECT_BLOB_H

#include "policy/object/object.h"

#define RF_BLOB_BODY_MAX (64u << 20) /* bytes of a blob that a template may show */

/* blob.BReader. All borrowed. */
struct rf_blob_object {
    const struct rf_descriptor *descriptor;
    const struct rf_headers *headers; /* or NULL: not from a registry */
    /* Appends the bytes; NULL: it was only asked for. Called at most once, its result is kept in `body`. */
    int (*read)(void *ctx, struct rf_buf *out, struct rf_err *err);
    void *ctx;
    struct rf_buf *body; /* of the caller's, empty */
};
struct rf_value rf_blob_object_value(const struct rf_blob_object *o);

/* What `blob put` made; the object is a struct rf_blob_made. */
struct rf_blob_made {
    struct rf_digest digest;
    uint64_t size;
};
extern const struct rf_type rf_type_blob_made;

#endif
