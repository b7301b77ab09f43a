/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/bot/bot_document.h"

#include "base/json.h"
#include "base/mem.h"
#include "policy/lua/lua_wire.h"

#define DEPTH_MAX 64

static const char go_layout[] = "2006-01-02 15:04:05.999999999 -0700 MST";

static json_t *fix(const struct rf_type *type, const json_t *value, const json_t *old,
                   unsigned depth);

static bool is_empty_table(const json_t *v)
{
    return (json_is_array(v) && json_array_size(v) == 0) ||
           (json_is_object(v) && json_object_size(v) == 0);
}

/* What a script meets where nothing is: not worth a key of its own. */
static bool is_nothing(const json_t *v)
{
    return v == NULL || json_is_null(v) || is_empty_table(v) ||
           (json_is_string(v) && json_string_length(v) == 0);
}

/* Scripts see times as Go prints them. */
static json_t *fix_time(const json_t *value, const json_t *old)
{
    struct rf_gotime t, was;
    const char *text = json_string_value(value), *before = json_string_value(old);
    if (text == NULL)
        return json_incref((json_t *)(uintptr_t)value);
    if (rf_gotime_parse(rf_slice_str(go_layout), rf_slice_str(text), &t, NULL) < 0)
        return json_incref((json_t *)(uintptr_t)value);
    if (before != NULL &&
        rf_gotime_parse(rf_slice_str(rf_gotime_rfc3339), rf_slice_str(before), &was, NULL) == 0 &&
        rf_gotime_compare(t, was) == 0)
        return json_incref((json_t *)(uintptr_t)old);
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 256);
    rf_gotime_format(&out, t, rf_slice_str(rf_gotime_rfc3339_nano));
    return json_string(out.ptr);
}

static void put(json_t *out, const char *key, json_t *owned, const json_t *old)
{
    if (old == NULL && is_nothing(owned))
        json_decref(owned);
    else
        (void)json_object_set_new(out, key, owned);
}

static void fix_fields(const struct rf_type *type, const json_t *value, const json_t *old,
                       json_t *out, unsigned depth)
{
    for (size_t i = 0; i < type->n_fields; i++) {
        const struct rf_field *f = &type->fields[i];
        if ((f->flags & RF_FIELD_EMBEDDED) != 0) {
            fix_fields(f->type, value, old, out, depth + 1);
            continue;
        }
        const json_t *v = f->json != NULL ? json_object_get(value, f->json) : NULL;
        if (v == NULL)
            continue;
        const json_t *was = json_object_get(old, f->json);
        put(out, f->json, fix(f->type, v, was, depth + 1), was);
    }
}

static json_t *fix_object(const struct rf_type *type, const json_t *value, const json_t *old,
                          unsigned depth)
{
    json_t *out = json_object();
    const char *key;
    json_t *v;
    if (type != NULL && type->kind == RF_VALUE_OBJECT)
        fix_fields(type, value, old, out, depth);
    const struct rf_type *elem = type != NULL && type->kind == RF_VALUE_MAP ? type->elem : NULL;
    json_object_foreach ((json_t *)(uintptr_t)value, key, v) {
        const json_t *was = json_object_get(old, key);
        if (json_object_get(out, key) != NULL || (was == NULL && json_is_null(v)))
            continue;
        json_t *fixed = fix(elem, v, was, depth + 1);
        /* Keys of a map say something without a value, too; a field that is nothing has been passed over above. */
        if (type != NULL && type->kind == RF_VALUE_OBJECT)
            put(out, key, fixed, was);
        else
            (void)json_object_set_new(out, key, fixed);
    }
    return out;
}

static json_t *fix_list(const struct rf_type *type, const json_t *value, const json_t *old,
                        unsigned depth)
{
    json_t *out = json_array();
    for (size_t i = 0; i < json_array_size(value); i++)
        (void)json_array_append_new(out,
                                    fix(type != NULL ? type->elem : NULL, json_array_get(value, i),
                                        json_array_get(old, i), depth + 1));
    return out;
}

/* An empty table is a list or an object, as its type says, else as it was. */
static bool wants_object(const struct rf_type *type, const json_t *old)
{
    if (type != NULL)
        return type->kind == RF_VALUE_OBJECT || type->kind == RF_VALUE_MAP;
    return json_is_object(old);
}

static json_t *fix(const struct rf_type *type, const json_t *value, const json_t *old,
                   unsigned depth)
{
    if (depth > DEPTH_MAX)
        return json_incref((json_t *)(uintptr_t)value);
    if (type == &rf_type_time)
        return fix_time(value, old);
    if (is_empty_table(value))
        return wants_object(type, old) ? json_object() : json_array();
    if (json_is_object(value))
        return fix_object(type, value, old, depth);
    if (json_is_array(value))
        return fix_list(type, value, old, depth);
    return json_incref((json_t *)(uintptr_t)value);
}

int rf_bot_document(const struct rf_type *type, const json_t *table, struct rf_slice before,
                    struct rf_buf *out, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *old = NULL;
    struct rf_err ignored;
    if (!json_is_object(table))
        return rf_fail(err, RFE_INVALID, "a document is a table with fields");
    if (before.len > 0 && rf_json_parse(before, before.len, &old, &ignored) < 0)
        old = NULL;
    RF_CLEANUP(rf_json_decrefp) json_t *made = fix(type, table, old, 0);
    if (old != NULL && json_equal(made, old))
        rf_buf_add(out, before.ptr, before.len);
    else
        rf_json_add_value(out, made, false);
    return out->rc < 0 ? rf_fail(err, RFE_TOO_LARGE, "a document of more than %zu bytes", out->max)
                       : 0;
}
