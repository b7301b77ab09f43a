/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/object/object_list.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "policy/object/object_manifest.h"

#define METHOD(name)                                                             \
    static int name(const struct rf_call *call, const struct rf_value *self,     \
                    const struct rf_value *args, size_t n, struct rf_value *out, \
                    struct rf_err *err)
#define GETTER(name)                                                                              \
    static int name(const struct rf_call *call, const struct rf_field *field, const void *object, \
                    struct rf_value *out, struct rf_err *err)

/* ---- what some registries tell of each manifest beside the tags ---- */

/* A number in a string. */
GETTER(size_in_text)
{
    (void)call, (void)err;
    const char *text = json_string_value(json_object_get(object, field->json));
    uint64_t size = 0;
    if (text != NULL && rf_parse_u64(rf_slice_str(text), INT64_MAX, &size, NULL) < 0)
        size = 0;
    *out = rf_value_typed(rf_value_uint(size), &rf_type_uint64);
    return 0;
}

/* Milliseconds in a string. */
GETTER(time_in_text)
{
    (void)call, (void)err;
    const char *text = json_string_value(json_object_get(object, field->json));
    uint64_t ms = 0;
    if (text == NULL || rf_parse_u64(rf_slice_str(text), INT64_MAX, &ms, NULL) < 0)
        *out = rf_value_time(rf_gotime_zero());
    else
        *out = rf_value_time(rf_gotime_unix((int64_t)(ms / 1000), (int64_t)(ms % 1000) * 1000000));
    return 0;
}

static int info_json(const struct rf_call *call, const struct rf_value *self, struct rf_buf *out,
                     struct rf_err *err)
{
    (void)call, (void)err;
    rf_json_add_value(out, self->object, false);
    return 0;
}

static const struct rf_field info_fields[] = {
    { "Size", "imageSizeBytes", 0, size_in_text, 0, NULL },
    { "MediaType", "mediaType", 0, rf_get_json, 0, &rf_type_string },
    { "Created", "timeCreatedMs", 0, time_in_text, 0, NULL },
    { "Uploaded", "timeUploadedMs", 0, time_in_text, 0, NULL },
    { "Tags", "tag", 0, rf_get_json, 0, &rf_type_string_list },
};
static const struct rf_type info_type = { .name = "tag.GCRManifestInfo",
                                          .kind = RF_VALUE_OBJECT,
                                          RF_FIELDS(info_fields),
                                          .json = info_json };
static const struct rf_type info_map = { .name = "map[string]tag.GCRManifestInfo",
                                         .kind = RF_VALUE_MAP,
                                         .elem = &info_type };

/* ---- both lists ---- */

GETTER(names)
{
    (void)field, (void)err;
    const struct rf_list_object *o = object;
    *out = rf_value_strings(call->arena, o->names, o->n);
    return 0;
}

METHOD(get_names)
{
    (void)args, (void)n;
    return names(call, NULL, self->object, out, err);
}

METHOD(raw_body)
{
    (void)call, (void)args, (void)n, (void)err;
    *out = rf_value_bytes(((const struct rf_list_object *)self->object)->body);
    return 0;
}

METHOD(raw_headers)
{
    (void)args, (void)n, (void)err;
    const struct rf_list_object *o = self->object;
    *out = rf_object_headers(call->arena, o->headers);
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int pretty(const struct rf_call *call, const struct rf_value *self, struct rf_buf *out,
                  struct rf_err *err)
{
    const struct rf_list_object *o = self->object;
    (void)call, (void)err;
    RF_CLEANUP(rf_freep) const char **sorted = rf_xcalloc(o->n + 1, sizeof(*sorted));
    for (size_t i = 0; i < o->n; i++)
        sorted[i] = o->names[i];
    qsort(sorted, o->n, sizeof(*sorted), by_text);
    for (size_t i = 0; i < o->n; i++) {
        rf_buf_add_str(out, sorted[i]);
        rf_buf_add_char(out, '\n');
    }
    return 0;
}

/* A member of the answer, when it is a registry's. */
static int answer_member(const struct rf_call *call, const struct rf_field *field,
                         const void *object, struct rf_value *out, struct rf_err *err)
{
    const struct rf_list_object *o = object;
    if (o->doc == NULL || o->layout) {
        *out = rf_type_zero(field->type);
        return 0;
    }
    return rf_get_json(call, field, o->doc, out, err);
}

/* The answer as it came where it is the whole list, else the members. */
static int list_json(const struct rf_value *self, const char *key, bool named, struct rf_buf *out)
{
    const struct rf_list_object *o = self->object;
    const char *name = o->layout ? NULL : json_string_value(json_object_get(o->doc, "name"));
    if (o->whole && o->body.len > 0) {
        rf_buf_add(out, o->body.ptr, o->body.len);
        return 0;
    }
    rf_buf_add_char(out, '{');
    if (named) {
        rf_buf_add_str(out, "\"name\":");
        rf_json_add_string(out, name != NULL ? name : "");
        rf_buf_add_char(out, ',');
    }
    rf_buf_addf(out, "\"%s\":[", key);
    for (size_t i = 0; i < o->n; i++) {
        if (i > 0)
            rf_buf_add_char(out, ',');
        rf_json_add_string(out, o->names[i]);
    }
    rf_buf_add_str(out, "]}");
    return 0;
}

/* ---- tags ---- */

static int tags_json(const struct rf_call *call, const struct rf_value *self, struct rf_buf *out,
                     struct rf_err *err)
{
    (void)call, (void)err;
    return list_json(self, "tags", true, out);
}

GETTER(layout_index)
{
    (void)call, (void)err;
    static const json_t none = { .type = JSON_NULL, .refcount = SIZE_MAX };
    const struct rf_list_object *o = object;
    *out = rf_value_object(field->type, o->layout && o->doc != NULL ? o->doc : &none);
    return 0;
}

static const struct rf_field tag_fields[] = {
    { "Name", "name", 0, answer_member, 0, &rf_type_string },
    { "Tags", "tags", 0, names, 0, NULL },
    { "Children", "child", RF_FIELD_OMITEMPTY, answer_member, 0, &rf_type_string_list },
    { "Manifests", "manifest", RF_FIELD_OMITEMPTY, answer_member, 0, &info_map },
    { "Index", "Index", 0, layout_index, 0, &rf_type_oci_index },
};
static const struct rf_func tag_methods[] = {
    { "GetTags", "", get_names },
    { "RawBody", "", raw_body },
    { "RawHeaders", "", raw_headers },
};
static const struct rf_type tag_list = { .name = "tag.List",
                                         .kind = RF_VALUE_OBJECT,
                                         RF_FIELDS(tag_fields),
                                         RF_METHODS(tag_methods),
                                         .json = tags_json,
                                         .pretty = pretty };

struct rf_value rf_tag_list_value(const struct rf_list_object *o)
{
    return rf_value_pointer(&tag_list, o);
}

/* ---- repositories ---- */

static int repos_json(const struct rf_call *call, const struct rf_value *self, struct rf_buf *out,
                      struct rf_err *err)
{
    (void)call, (void)err;
    return list_json(self, "repositories", false, out);
}

static const struct rf_field repo_fields[] = {
    { "Repositories", "repositories", 0, names, 0, NULL },
};
static const struct rf_func repo_methods[] = {
    { "GetRepos", "", get_names },
    { "RawBody", "", raw_body },
    { "RawHeaders", "", raw_headers },
};
static const struct rf_type repo_list = { .name = "repo.RepoList",
                                          .kind = RF_VALUE_OBJECT,
                                          RF_FIELDS(repo_fields),
                                          RF_METHODS(repo_methods),
                                          .json = repos_json,
                                          .pretty = pretty };

struct rf_value rf_repo_list_value(const struct rf_list_object *o)
{
    return rf_value_pointer(&repo_list, o);
}
