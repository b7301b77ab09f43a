/* SPDX-License-Identifier: Apache-2.0 */
/* Values from C structures and from JSON trees. */
#include "base/value.h"

#include "base/json.h"
#include "base/mem.h"

/* An array without elements is not nil. */
static const struct rf_value no_items[1];
static struct rf_pair no_pairs[1];
/* What a structure without any member looks like to json_object_get(). */
static const json_t no_object = { .type = JSON_NULL, .refcount = SIZE_MAX };

/* ---- from JSON ---- */

static struct rf_value string_of(const json_t *j)
{
    return rf_value_string(rf_slice_of(json_string_value(j), json_string_length(j)));
}

static int from_json(struct rf_arena *arena, const json_t *j, unsigned depth, struct rf_value *out,
                     struct rf_err *err);

static int list_from_json(struct rf_arena *arena, const json_t *j, unsigned depth,
                          struct rf_value *out, struct rf_err *err)
{
    size_t n = json_array_size(j);
    struct rf_value *items = rf_arena_array(arena, n, sizeof(*items));
    if (items == NULL)
        return rf_fail(err, RFE_TOO_LARGE, "a JSON array of %zu elements", n);
    for (size_t i = 0; i < n; i++) {
        int rc = from_json(arena, json_array_get(j, i), depth + 1, &items[i], err);
        if (rc < 0)
            return rc;
    }
    *out = rf_value_list(NULL, n > 0 ? items : no_items, n);
    return 0;
}

static int map_from_json(struct rf_arena *arena, const json_t *j, unsigned depth,
                         struct rf_value *out, struct rf_err *err)
{
    size_t n = json_object_size(j), i = 0;
    struct rf_pair *pairs = rf_arena_array(arena, n, sizeof(*pairs));
    if (pairs == NULL)
        return rf_fail(err, RFE_TOO_LARGE, "a JSON object of %zu members", n);
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)j, key, value) {
        pairs[i].key = rf_slice_str(key);
        int rc = from_json(arena, value, depth + 1, &pairs[i++].value, err);
        if (rc < 0)
            return rc;
    }
    *out = rf_value_map(NULL, n > 0 ? pairs : no_pairs, n);
    return 0;
}

static int from_json(struct rf_arena *arena, const json_t *j, unsigned depth, struct rf_value *out,
                     struct rf_err *err)
{
    if (depth > RF_JSON_DEPTH)
        return rf_fail(err, RFE_TOO_LARGE, "JSON more than %d deep", RF_JSON_DEPTH);
    switch (j != NULL ? json_typeof(j) : JSON_NULL) {
    case JSON_OBJECT:
        return map_from_json(arena, j, depth, out, err);
    case JSON_ARRAY:
        return list_from_json(arena, j, depth, out, err);
    case JSON_STRING:
        *out = string_of(j);
        return 0;
    case JSON_INTEGER:
        *out = rf_value_int(json_integer_value(j));
        return 0;
    case JSON_REAL:
        *out = rf_value_float(json_real_value(j));
        return 0;
    case JSON_TRUE:
    case JSON_FALSE:
        *out = rf_value_bool(json_is_true(j));
        return 0;
    default:
        *out = rf_value_nil();
        return 0;
    }
}

int rf_value_from_json(struct rf_arena *arena, const json_t *j, struct rf_value *out,
                       struct rf_err *err)
{
    return from_json(arena, j, 0, out, err);
}

/* ---- from JSON, as a type wants it ---- */

static int typed_from_json(const struct rf_call *call, const struct rf_type *type, const json_t *j,
                           unsigned flags, struct rf_value *out, struct rf_err *err);

static int typed_list(const struct rf_call *call, const struct rf_type *type, const json_t *j,
                      unsigned flags, struct rf_value *out, struct rf_err *err)
{
    size_t n = json_array_size(j);
    struct rf_value *items = rf_arena_array(call->arena, n, sizeof(*items));
    if (items == NULL)
        return rf_fail(err, RFE_TOO_LARGE, "a JSON array of %zu elements", n);
    for (size_t i = 0; i < n; i++) {
        int rc = typed_from_json(call, type->elem, json_array_get(j, i), flags, &items[i], err);
        if (rc < 0)
            return rc;
    }
    *out = rf_value_list(type, n > 0 ? items : no_items, n);
    return 0;
}

static int typed_map(const struct rf_call *call, const struct rf_type *type, const json_t *j,
                     unsigned flags, struct rf_value *out, struct rf_err *err)
{
    size_t n = json_object_size(j), i = 0;
    struct rf_pair *pairs = rf_arena_array(call->arena, n, sizeof(*pairs));
    if (pairs == NULL)
        return rf_fail(err, RFE_TOO_LARGE, "a JSON object of %zu members", n);
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)j, key, value) {
        pairs[i].key = rf_slice_str(key);
        int rc = typed_from_json(call, type->elem, value, flags, &pairs[i++].value, err);
        if (rc < 0)
            return rc;
    }
    *out = rf_value_map(type, n > 0 ? pairs : no_pairs, n);
    return 0;
}

static struct rf_value time_of(const json_t *j, unsigned flags)
{
    struct rf_gotime t = rf_gotime_zero();
    struct rf_err ignored = RF_ERR_INIT;
    if (j == NULL && (flags & RF_FIELD_POINTER))
        return rf_value_pointer(&rf_type_time, NULL);
    if (json_is_string(j) &&
        rf_gotime_parse(rf_slice_str(rf_gotime_rfc3339),
                        rf_slice_of(json_string_value(j), json_string_length(j)), &t, &ignored) < 0)
        t = rf_gotime_zero();
    return rf_value_time(t);
}

static int scalar_from_json(const struct rf_type *type, const json_t *j, struct rf_value *out)
{
    struct rf_value v = rf_type_zero(type);
    if (type->kind == RF_VALUE_STRING && json_is_string(j))
        v.text = string_of(j).text;
    else if (type->kind == RF_VALUE_BOOL)
        v.boolean = json_is_true(j);
    else if (type->kind == RF_VALUE_INT && json_is_integer(j))
        v.integer = json_integer_value(j);
    else if (type->kind == RF_VALUE_UINT && json_is_integer(j) && json_integer_value(j) >= 0)
        v.natural = (uint64_t)json_integer_value(j);
    else if (type->kind == RF_VALUE_FLOAT)
        v.real = json_number_value(j);
    *out = v;
    return 0;
}

/* Types of types are tables of ours, so this ends without counting. */
static int typed_from_json(const struct rf_call *call, const struct rf_type *type, const json_t *j,
                           unsigned flags, struct rf_value *out, struct rf_err *err)
{
    if (type == NULL)
        return from_json(call->arena, j, 0, out, err);
    switch (type->kind) {
    case RF_VALUE_LIST:
        if (json_is_array(j))
            return typed_list(call, type, j, flags, out, err);
        break;
    case RF_VALUE_MAP:
        if (json_is_object(j))
            return typed_map(call, type, j, flags, out, err);
        break;
    case RF_VALUE_TIME:
        *out = time_of(j, flags);
        return 0;
    case RF_VALUE_OBJECT:
        if (flags & RF_FIELD_POINTER)
            *out = rf_value_pointer(type, json_is_object(j) ? j : NULL);
        else
            *out = rf_value_object(type, json_is_object(j) ? j : &no_object);
        return 0;
    default:
        return scalar_from_json(type, j, out);
    }
    *out = rf_type_zero(type);
    return 0;
}

int rf_get_json(const struct rf_call *call, const struct rf_field *field, const void *object,
                struct rf_value *out, struct rf_err *err)
{
    const json_t *j = field->json != NULL ? json_object_get(object, field->json) : NULL;
    if (json_is_null(j))
        j = NULL;
    return typed_from_json(call, field->type, j, field->flags, out, err);
}

/* ---- from structures ---- */

static const void *at(const struct rf_field *field, const void *object)
{
    return (const char *)object + field->offset;
}

int rf_get_string(const struct rf_call *call, const struct rf_field *field, const void *object,
                  struct rf_value *out, struct rf_err *err)
{
    (void)call, (void)err;
    const char *s;
    memcpy(&s, at(field, object), sizeof(s));
    *out = rf_value_str(s);
    out->type = field->type;
    return 0;
}

int rf_get_bool(const struct rf_call *call, const struct rf_field *field, const void *object,
                struct rf_value *out, struct rf_err *err)
{
    (void)call, (void)err;
    bool b;
    memcpy(&b, at(field, object), sizeof(b));
    *out = rf_value_bool(b);
    return 0;
}

int rf_get_int(const struct rf_call *call, const struct rf_field *field, const void *object,
               struct rf_value *out, struct rf_err *err)
{
    (void)call, (void)err;
    int i;
    memcpy(&i, at(field, object), sizeof(i));
    *out = rf_value_int(i);
    out->type = field->type;
    return 0;
}

int rf_get_int64(const struct rf_call *call, const struct rf_field *field, const void *object,
                 struct rf_value *out, struct rf_err *err)
{
    (void)call, (void)err;
    int64_t i;
    memcpy(&i, at(field, object), sizeof(i));
    *out = rf_value_int64(i);
    if (field->type != NULL)
        out->type = field->type;
    return 0;
}

int rf_get_size(const struct rf_call *call, const struct rf_field *field, const void *object,
                struct rf_value *out, struct rf_err *err)
{
    (void)call, (void)err;
    uint64_t u;
    memcpy(&u, at(field, object), sizeof(u));
    *out = rf_value_int64(u <= INT64_MAX ? (int64_t)u : INT64_MAX);
    if (field->type != NULL)
        out->type = field->type;
    return 0;
}

int rf_get_float(const struct rf_call *call, const struct rf_field *field, const void *object,
                 struct rf_value *out, struct rf_err *err)
{
    (void)call, (void)err;
    double d;
    memcpy(&d, at(field, object), sizeof(d));
    *out = rf_value_float(d);
    return 0;
}

int rf_get_time(const struct rf_call *call, const struct rf_field *field, const void *object,
                struct rf_value *out, struct rf_err *err)
{
    (void)call, (void)err;
    struct rf_gotime t;
    memcpy(&t, at(field, object), sizeof(t));
    *out = rf_value_time(t);
    return 0;
}

int rf_get_object(const struct rf_call *call, const struct rf_field *field, const void *object,
                  struct rf_value *out, struct rf_err *err)
{
    (void)call, (void)err;
    *out = rf_value_object(field->type, at(field, object));
    return 0;
}

int rf_get_pointer(const struct rf_call *call, const struct rf_field *field, const void *object,
                   struct rf_value *out, struct rf_err *err)
{
    (void)call, (void)err;
    const void *p;
    memcpy(&p, at(field, object), sizeof(p));
    *out = rf_value_pointer(field->type, p);
    return 0;
}

static bool all_strings(const json_t *j)
{
    const char *key;
    json_t *value;
    bool all = json_is_object(j);
    json_object_foreach ((json_t *)(uintptr_t)j, key, value) {
        all = all && json_is_string(value);
    }
    return all;
}

int rf_get_json_pointer(const struct rf_call *call, const struct rf_field *field,
                        const void *object, struct rf_value *out, struct rf_err *err)
{
    const json_t *j;
    memcpy(&j, at(field, object), sizeof(j));
    if (field->type != NULL)
        return typed_from_json(call, field->type, j, field->flags, out, err);
    if (j != NULL && all_strings(j))
        return typed_map(call, &rf_type_string_map, j, 0, out, err);
    return from_json(call->arena, j, 0, out, err);
}
