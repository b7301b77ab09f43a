/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/object/object_config.h"

#define METHOD(name)                                                             \
    static int name(const struct rf_call *call, const struct rf_value *self,     \
                    const struct rf_value *args, size_t n, struct rf_value *out, \
                    struct rf_err *err)
#define GETTER(name)                                                                              \
    static int name(const struct rf_call *call, const struct rf_field *field, const void *object, \
                    struct rf_value *out, struct rf_err *err)

/* ---- the parts of a configuration ---- */

/* Go's map[string]struct{}: only the keys say something. */
static const struct rf_type empty_type = { .name = "struct {}", .kind = RF_VALUE_OBJECT };
static const struct rf_type set_type = { .name = "map[string]struct {}",
                                         .kind = RF_VALUE_MAP,
                                         .elem = &empty_type };

/* A number that need not be there. */
GETTER(optional_int)
{
    (void)call, (void)err;
    const json_t *j = json_object_get(object, field->json);
    *out = json_is_integer(j) ? rf_value_int(json_integer_value(j)) : rf_value_nil();
    return 0;
}

GETTER(duration)
{
    (void)call, (void)err;
    *out = rf_value_duration(json_integer_value(json_object_get(object, field->json)));
    return 0;
}

static const struct rf_field health_fields[] = {
    { "Test", "Test", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string_list },
    { "Interval", "Interval", RF_FIELD_OMITEMPTY, duration, 0, NULL },
    { "Timeout", "Timeout", RF_FIELD_OMITEMPTY, duration, 0, NULL },
    { "StartPeriod", "StartPeriod", RF_FIELD_OMITEMPTY, duration, 0, NULL },
    { "StartInterval", "StartInterval", RF_FIELD_OMITEMPTY, duration, 0, NULL },
    { "Retries", "Retries", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_int },
};
static const struct rf_type health_type = { .name = "v1.HealthConfig",
                                            .kind = RF_VALUE_OBJECT,
                                            RF_FIELDS(health_fields) };

static const struct rf_field execution_fields[] = {
    { "User", "User", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string },
    { "ExposedPorts", "ExposedPorts", RF_FIELD_OMITEMPTY, rf_get_json, 0, &set_type },
    { "Env", "Env", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string_list },
    { "Entrypoint", "Entrypoint", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string_list },
    { "Cmd", "Cmd", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string_list },
    { "Volumes", "Volumes", RF_FIELD_OMITEMPTY, rf_get_json, 0, &set_type },
    { "WorkingDir", "WorkingDir", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string },
    { "Labels", "Labels", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string_map },
    { "StopSignal", "StopSignal", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string },
    { "StopTimeout", "StopTimeout", RF_FIELD_OMITEMPTY, optional_int, 0, NULL },
    { "ArgsEscaped", "ArgsEscaped", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_bool },
    { "Healthcheck", "Healthcheck", RF_FIELD_OMITEMPTY | RF_FIELD_POINTER, rf_get_json, 0,
      &health_type },
    { "OnBuild", "OnBuild", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string_list },
    { "Shell", "Shell", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string_list },
};
static const struct rf_type execution_type = { .name = "v1.ImageConfig",
                                               .kind = RF_VALUE_OBJECT,
                                               RF_FIELDS(execution_fields) };

static const struct rf_field rootfs_fields[] = {
    { "Type", "type", 0, rf_get_json, 0, &rf_type_string },
    { "DiffIDs", "diff_ids", 0, rf_get_json, 0, &rf_type_digest_list },
};
static const struct rf_type rootfs_type = { .name = "v1.RootFS",
                                            .kind = RF_VALUE_OBJECT,
                                            RF_FIELDS(rootfs_fields) };

static const struct rf_field history_fields[] = {
    { "Created", "created", RF_FIELD_OMITEMPTY | RF_FIELD_POINTER, rf_get_json, 0, &rf_type_time },
    { "CreatedBy", "created_by", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string },
    { "Author", "author", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string },
    { "Comment", "comment", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string },
    { "EmptyLayer", "empty_layer", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_bool },
};
static const struct rf_type history_type = { .name = "v1.History",
                                             .kind = RF_VALUE_OBJECT,
                                             RF_FIELDS(history_fields) };
static const struct rf_type history_list = { .name = "[]v1.History",
                                             .kind = RF_VALUE_LIST,
                                             .elem = &history_type };

/* ---- the document ---- */

/* The platform lies flat in the document. */
GETTER(same_object)
{
    (void)call, (void)err;
    *out = rf_value_object(field->type, object);
    return 0;
}

static const struct rf_field image_fields[] = {
    { "Created", "created", RF_FIELD_OMITEMPTY | RF_FIELD_POINTER, rf_get_json, 0, &rf_type_time },
    { "Author", "author", RF_FIELD_OMITEMPTY, rf_get_json, 0, &rf_type_string },
    { "Platform", NULL, RF_FIELD_EMBEDDED, same_object, 0, &rf_type_platform },
    { "Config", "config", 0, rf_get_json, 0, &execution_type },
    { "RootFS", "rootfs", 0, rf_get_json, 0, &rootfs_type },
    { "History", "history", RF_FIELD_OMITEMPTY, rf_get_json, 0, &history_list },
};
const struct rf_type rf_type_image_config = { .name = "v1.Image",
                                              .kind = RF_VALUE_OBJECT,
                                              RF_FIELDS(image_fields) };

/* ---- the document with its blob ---- */

GETTER(document)
{
    (void)call, (void)err;
    *out = rf_value_object(field->type, ((const struct rf_config_object *)object)->doc);
    return 0;
}

METHOD(get_config)
{
    (void)call, (void)args, (void)n, (void)err;
    const struct rf_config_object *o = self->object;
    *out = rf_value_object(&rf_type_image_config, o->doc);
    return 0;
}

METHOD(get_descriptor)
{
    (void)call, (void)args, (void)n, (void)err;
    const struct rf_config_object *o = self->object;
    *out = rf_value_object(&rf_type_descriptor, o->descriptor);
    return 0;
}

METHOD(raw_body)
{
    (void)call, (void)args, (void)n, (void)err;
    const struct rf_config_object *o = self->object;
    *out = rf_value_bytes(o->body);
    return 0;
}

METHOD(raw_headers)
{
    (void)args, (void)n, (void)err;
    const struct rf_config_object *o = self->object;
    *out = rf_object_headers(call->arena, o->headers);
    return 0;
}

static int own_json(const struct rf_call *call, const struct rf_value *self, struct rf_buf *out,
                    struct rf_err *err)
{
    (void)call, (void)err;
    const struct rf_config_object *o = self->object;
    rf_buf_add(out, o->body.ptr, o->body.len);
    return 0;
}

static const struct rf_field config_fields[] = {
    { "Image", NULL, RF_FIELD_EMBEDDED, document, 0, &rf_type_image_config },
};
static const struct rf_func config_methods[] = {
    { "GetConfig", "", get_config },
    { "GetDescriptor", "", get_descriptor },
    { "RawBody", "", raw_body },
    { "RawHeaders", "", raw_headers },
};
static const struct rf_type config_type = { .name = "struct { *blob.BOCIConfig; v1.Image }",
                                            .kind = RF_VALUE_OBJECT,
                                            RF_FIELDS(config_fields),
                                            RF_METHODS(config_methods),
                                            .json = own_json };

struct rf_value rf_config_object_value(const struct rf_config_object *o)
{
    return rf_value_object(&config_type, o);
}
