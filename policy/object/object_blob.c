/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/object/object_blob.h"

#define METHOD(name)                                                             \
    static int name(const struct rf_call *call, const struct rf_value *self,     \
                    const struct rf_value *args, size_t n, struct rf_value *out, \
                    struct rf_err *err)
#define GETTER(name)                                                                              \
    static int name(const struct rf_call *call, const struct rf_field *field, const void *object, \
                    struct rf_value *out, struct rf_err *err)

static const struct rf_blob_object *of(const struct rf_value *self)
{
    return self->object;
}

/* ---- the answer ---- */

GETTER(response_header)
{
    (void)field, (void)err;
    *out = rf_object_headers(call->arena, ((const struct rf_blob_object *)object)->headers);
    return 0;
}

GETTER(response_length)
{
    (void)call, (void)field, (void)err;
    *out = rf_value_int64((int64_t)((const struct rf_blob_object *)object)->descriptor->size);
    return 0;
}

GETTER(response_code)
{
    (void)call, (void)field, (void)object, (void)err;
    *out = rf_value_int(200);
    return 0;
}

GETTER(response_status)
{
    (void)call, (void)field, (void)object, (void)err;
    *out = rf_value_str("200 OK");
    return 0;
}

static const struct rf_field response_fields[] = {
    { "Status", "Status", 0, response_status, 0, NULL },
    { "StatusCode", "StatusCode", 0, response_code, 0, NULL },
    { "Header", "Header", 0, response_header, 0, NULL },
    { "ContentLength", "ContentLength", 0, response_length, 0, NULL },
};
static const struct rf_type response_type = { .name = "http.Response",
                                              .kind = RF_VALUE_OBJECT,
                                              RF_FIELDS(response_fields) };

/* ---- the blob ---- */

static void drop_json(void *p)
{
    json_decref(p);
}

METHOD(get_descriptor)
{
    (void)args, (void)n, (void)err;
    json_t *d = rf_object_descriptor(of(self)->descriptor);
    rf_arena_defer(call->arena, drop_json, d);
    *out = rf_value_object(&rf_type_descriptor, d);
    return 0;
}

METHOD(get_digest)
{
    (void)args, (void)n, (void)err;
    *out = rf_object_digest(call->arena, &of(self)->descriptor->digest);
    return 0;
}

METHOD(get_length)
{
    (void)call, (void)args, (void)n, (void)err;
    *out = rf_value_int64((int64_t)of(self)->descriptor->size);
    return 0;
}

METHOD(get_media_type)
{
    (void)call, (void)args, (void)n, (void)err;
    *out = rf_value_str(of(self)->descriptor->media_type);
    return 0;
}

METHOD(raw_headers)
{
    (void)args, (void)n, (void)err;
    *out = rf_object_headers(call->arena, of(self)->headers);
    return 0;
}

METHOD(response)
{
    (void)call, (void)args, (void)n, (void)err;
    *out = rf_value_pointer(&response_type, of(self)->headers != NULL ? of(self) : NULL);
    return 0;
}

METHOD(raw_body)
{
    (void)call, (void)args, (void)n;
    const struct rf_blob_object *o = of(self);
    int rc = 0;
    if (o->read == NULL)
        return rf_fail(err, RFE_UNSUPPORTED, "the blob was only asked for");
    if (o->body->len == 0)
        rc = o->read(o->ctx, o->body, err);
    if (rc == 0)
        *out = rf_value_bytes(rf_buf_slice(o->body));
    return rc;
}

static const struct rf_func methods[] = {
    { "Digest", "", get_digest }, { "GetDescriptor", "", get_descriptor },
    { "Length", "", get_length }, { "MediaType", "", get_media_type },
    { "RawBody", "", raw_body },  { "RawHeaders", "", raw_headers },
    { "Response", "", response },
};
static const struct rf_type blob_type = { .name = "blob.BReader",
                                          .kind = RF_VALUE_OBJECT,
                                          RF_METHODS(methods) };

struct rf_value rf_blob_object_value(const struct rf_blob_object *o)
{
    return rf_value_pointer(&blob_type, o);
}

/* ---- what was made ---- */

static const struct rf_field made_fields[] = {
    { "Digest", "Digest", 0, rf_get_digest, offsetof(struct rf_blob_made, digest),
      &rf_type_digest },
    { "Size", "Size", 0, rf_get_size, offsetof(struct rf_blob_made, size), &rf_type_int64 },
};
const struct rf_type rf_type_blob_made = { .name = "struct { Digest digest.Digest; Size int64 }",
                                           .kind = RF_VALUE_OBJECT,
                                           RF_FIELDS(made_fields) };
