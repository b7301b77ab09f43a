/* SPDX-License-Identifier: Apache-2.0 */
/* A copy that was made: the target's reference (.CommonName, .Tag), and beside it what was done (.Result.BytesMoved). */
#ifndef RF_POLICY_OBJECT_COPY_H
#define RF_POLICY_OBJECT_COPY_H

#include "policy/object/object.h"
#include "regclient/copy.h"

/* Digest, ManifestsPut, BlobsMoved, BlobsMounted, BlobsThere, BytesMoved; the object is a struct rf_copy_result. */
extern const struct rf_type rf_type_copy_result;

/* Borrowed. */
struct rf_copy_object {
    const struct rf_ref *target;
    const struct rf_copy_result *result;
};
/* Its JSON is the reference's, as upstream's users know it. */
struct rf_value rf_copy_object_value(const struct rf_copy_object *o);

#endif
