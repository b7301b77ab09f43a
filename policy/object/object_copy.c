/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/object/object_copy.h"

#define AT(field) offsetof(struct rf_copy_result, field)

static const struct rf_field result_fields[] = {
    { "Digest", "digest", 0, rf_get_digest, AT(digest), NULL },
    { "ManifestsPut", "manifestsPut", 0, rf_get_size, AT(manifests_put), NULL },
    { "BlobsMoved", "blobsMoved", 0, rf_get_size, AT(blobs_moved), NULL },
    { "BlobsMounted", "blobsMounted", 0, rf_get_size, AT(blobs_mounted), NULL },
    { "BlobsThere", "blobsThere", 0, rf_get_size, AT(blobs_there), NULL },
    { "BytesMoved", "bytesMoved", 0, rf_get_size, AT(bytes_moved), NULL },
};
const struct rf_type rf_type_copy_result = { .name = "copy.Result",
                                             .kind = RF_VALUE_OBJECT,
                                             RF_FIELDS(result_fields) };

static int get_target(const struct rf_call *call, const struct rf_field *field, const void *object,
                      struct rf_value *out, struct rf_err *err)
{
    (void)call, (void)field, (void)err;
    *out = rf_value_object(&rf_type_ref, ((const struct rf_copy_object *)object)->target);
    return 0;
}

static int get_result(const struct rf_call *call, const struct rf_field *field, const void *object,
                      struct rf_value *out, struct rf_err *err)
{
    (void)call, (void)field, (void)err;
    *out = rf_value_object(&rf_type_copy_result, ((const struct rf_copy_object *)object)->result);
    return 0;
}

static const struct rf_field copy_fields[] = {
    { "Ref", NULL, RF_FIELD_EMBEDDED, get_target, 0, &rf_type_ref },
    { "Result", NULL, 0, get_result, 0, NULL },
};
static const struct rf_type copy_type = { .name = "ref.Ref",
                                          .kind = RF_VALUE_OBJECT,
                                          RF_FIELDS(copy_fields) };

struct rf_value rf_copy_object_value(const struct rf_copy_object *o)
{
    return rf_value_object(&copy_type, o);
}
