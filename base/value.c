/* SPDX-License-Identifier: Apache-2.0 */
#include "base/value.h"

#include <stdlib.h>

#include "base/mem.h"

/* Objects embedded in embedded objects. */
#define EMBEDDED_DEPTH 8

const struct rf_type rf_type_nil = { .name = "<nil>", .kind = RF_VALUE_NIL };
const struct rf_type rf_type_bool = { .name = "bool", .kind = RF_VALUE_BOOL };
const struct rf_type rf_type_int = { .name = "int", .kind = RF_VALUE_INT };
const struct rf_type rf_type_int64 = { .name = "int64", .kind = RF_VALUE_INT };
const struct rf_type rf_type_uint = { .name = "uint", .kind = RF_VALUE_UINT };
const struct rf_type rf_type_uint64 = { .name = "uint64", .kind = RF_VALUE_UINT };
const struct rf_type rf_type_byte = { .name = "uint8", .kind = RF_VALUE_UINT };
const struct rf_type rf_type_float64 = { .name = "float64", .kind = RF_VALUE_FLOAT };
const struct rf_type rf_type_string = { .name = "string", .kind = RF_VALUE_STRING };
const struct rf_type rf_type_bytes = { .name = "[]uint8",
                                       .kind = RF_VALUE_BYTES,
                                       .elem = &rf_type_byte };
const struct rf_type rf_type_list = { .name = "[]interface {}", .kind = RF_VALUE_LIST };
const struct rf_type rf_type_map = { .name = "map[string]interface {}", .kind = RF_VALUE_MAP };
const struct rf_type rf_type_func = { .name = "func()", .kind = RF_VALUE_FUNC };
const struct rf_type rf_type_string_list = { .name = "[]string",
                                             .kind = RF_VALUE_LIST,
                                             .elem = &rf_type_string };
const struct rf_type rf_type_string_map = { .name = "map[string]string",
                                            .kind = RF_VALUE_MAP,
                                            .elem = &rf_type_string };

/* ---- types ---- */

const struct rf_type *rf_value_type(const struct rf_value *v)
{
    static const struct rf_type nameless = { .name = "struct {}", .kind = RF_VALUE_OBJECT };
    static const struct rf_type *const plain[] = {
        [RF_VALUE_NIL] = &rf_type_nil,       [RF_VALUE_BOOL] = &rf_type_bool,
        [RF_VALUE_INT] = &rf_type_int,       [RF_VALUE_UINT] = &rf_type_uint,
        [RF_VALUE_FLOAT] = &rf_type_float64, [RF_VALUE_STRING] = &rf_type_string,
        [RF_VALUE_BYTES] = &rf_type_bytes,   [RF_VALUE_LIST] = &rf_type_list,
        [RF_VALUE_MAP] = &rf_type_map,       [RF_VALUE_TIME] = &rf_type_time,
        [RF_VALUE_OBJECT] = &nameless,       [RF_VALUE_FUNC] = &rf_type_func,
    };
    return v->type != NULL ? v->type : plain[v->kind];
}

const char *rf_value_type_name(struct rf_arena *arena, const struct rf_value *v)
{
    const char *name = rf_value_type(v)->name;
    return v->pointer ? rf_arena_printf(arena, "*%s", name).ptr : name;
}

static const struct rf_field *find_field(const struct rf_type *type, struct rf_slice name,
                                         unsigned depth)
{
    for (size_t i = 0; i < type->n_fields; i++)
        if (rf_slice_is(name, type->fields[i].name))
            return &type->fields[i];
    for (size_t i = 0; i < type->n_fields && depth < EMBEDDED_DEPTH; i++) {
        const struct rf_field *f = &type->fields[i];
        if (!(f->flags & RF_FIELD_EMBEDDED))
            continue;
        const struct rf_field *inner = find_field(f->type, name, depth + 1);
        if (inner != NULL)
            return inner;
    }
    return NULL;
}

const struct rf_field *rf_type_field(const struct rf_type *type, struct rf_slice name)
{
    return find_field(type, name, 0);
}

static const struct rf_func *own_method(const struct rf_type *type, struct rf_slice name)
{
    for (size_t i = 0; i < type->n_methods; i++)
        if (rf_slice_is(name, type->methods[i].name))
            return &type->methods[i];
    return NULL;
}

static const struct rf_func *find_method(const struct rf_type *type, struct rf_slice name,
                                         unsigned depth)
{
    const struct rf_func *m = own_method(type, name);
    for (size_t i = 0; m == NULL && i < type->n_fields && depth < EMBEDDED_DEPTH; i++)
        if (type->fields[i].flags & RF_FIELD_EMBEDDED)
            m = find_method(type->fields[i].type, name, depth + 1);
    return m;
}

const struct rf_func *rf_type_method(const struct rf_type *type, struct rf_slice name)
{
    return find_method(type, name, 0);
}

struct rf_value rf_type_zero(const struct rf_type *type)
{
    struct rf_value v = { .kind = RF_VALUE_NIL };
    if (type == NULL || type->kind == RF_VALUE_NIL)
        return v;
    v.kind = type->kind;
    v.type = type;
    if (v.kind == RF_VALUE_TIME)
        v.time = rf_gotime_zero();
    /* There is no structure to stand for a zero one. */
    if (v.kind == RF_VALUE_OBJECT || v.kind == RF_VALUE_FUNC)
        v.pointer = true;
    return v;
}

/* The embedded object of v that field f is, for a look into it; 0 when it is a nil pointer. */
static int embedded(const struct rf_call *call, const struct rf_value *v, const struct rf_field *f,
                    struct rf_value *out, struct rf_err *err)
{
    struct rf_value inner = rf_value_nil();
    int rc = f->get(call, f, v->object, &inner, err);
    if (rc < 0)
        return rc;
    if (inner.kind != RF_VALUE_OBJECT || inner.object == NULL)
        return 0;
    *out = inner;
    return 1;
}

static int get_field(const struct rf_call *call, const struct rf_value *v, struct rf_slice name,
                     unsigned depth, struct rf_value *out, struct rf_err *err)
{
    const struct rf_type *type = rf_value_type(v);
    for (size_t i = 0; i < type->n_fields; i++) {
        const struct rf_field *f = &type->fields[i];
        if (!rf_slice_is(name, f->name))
            continue;
        struct rf_value found = rf_value_nil();
        int rc = f->get(call, f, v->object, &found, err);
        if (rc < 0)
            return rc;
        *out = found;
        return 1;
    }
    for (size_t i = 0; i < type->n_fields && depth < EMBEDDED_DEPTH; i++) {
        const struct rf_field *f = &type->fields[i];
        struct rf_value inner;
        if (!(f->flags & RF_FIELD_EMBEDDED) || find_field(f->type, name, depth + 1) == NULL)
            continue;
        int rc = embedded(call, v, f, &inner, err);
        return rc == 1 ? get_field(call, &inner, name, depth + 1, out, err) : rc;
    }
    return 0;
}

int rf_value_field(const struct rf_call *call, const struct rf_value *object, struct rf_slice name,
                   struct rf_value *out, struct rf_err *err)
{
    if (object->kind != RF_VALUE_OBJECT || object->object == NULL)
        return 0;
    return get_field(call, object, name, 0, out, err);
}

int rf_value_method(const struct rf_call *call, const struct rf_value *v, struct rf_slice name,
                    const struct rf_func **out, struct rf_value *self, struct rf_err *err)
{
    struct rf_value at = *v;
    for (unsigned depth = 0; depth <= EMBEDDED_DEPTH; depth++) {
        const struct rf_type *type = rf_value_type(&at);
        const struct rf_func *m = own_method(type, name);
        if (m != NULL) {
            *out = m;
            *self = at;
            return 1;
        }
        const struct rf_field *next = NULL;
        for (size_t i = 0; next == NULL && i < type->n_fields; i++)
            if ((type->fields[i].flags & RF_FIELD_EMBEDDED) &&
                find_method(type->fields[i].type, name, depth + 1) != NULL)
                next = &type->fields[i];
        if (next == NULL)
            return 0;
        int rc = embedded(call, &at, next, &at, err);
        if (rc <= 0)
            return rc;
    }
    return 0;
}

/* ---- making values ---- */

struct rf_value rf_value_nil(void)
{
    return (struct rf_value){ .kind = RF_VALUE_NIL };
}

struct rf_value rf_value_bool(bool b)
{
    return (struct rf_value){ .kind = RF_VALUE_BOOL, .boolean = b };
}

struct rf_value rf_value_int(int64_t i)
{
    return (struct rf_value){ .kind = RF_VALUE_INT, .integer = i };
}

struct rf_value rf_value_int64(int64_t i)
{
    return (struct rf_value){ .kind = RF_VALUE_INT, .type = &rf_type_int64, .integer = i };
}

struct rf_value rf_value_uint(uint64_t u)
{
    return (struct rf_value){ .kind = RF_VALUE_UINT, .natural = u };
}

struct rf_value rf_value_float(double d)
{
    return (struct rf_value){ .kind = RF_VALUE_FLOAT, .real = d };
}

struct rf_value rf_value_string(struct rf_slice s)
{
    return (struct rf_value){ .kind = RF_VALUE_STRING, .text = s };
}

struct rf_value rf_value_str(const char *s)
{
    return rf_value_string(rf_slice_str(s));
}

struct rf_value rf_value_bytes(struct rf_slice s)
{
    return (struct rf_value){ .kind = RF_VALUE_BYTES, .text = s };
}

struct rf_value rf_value_time(struct rf_gotime t)
{
    return (struct rf_value){ .kind = RF_VALUE_TIME, .time = t };
}

struct rf_value rf_value_duration(int64_t nanoseconds)
{
    return rf_value_typed(rf_value_int(nanoseconds), &rf_type_duration);
}

struct rf_value rf_value_typed(struct rf_value v, const struct rf_type *type)
{
    RF_CHECK(v.kind == type->kind);
    v.type = type;
    return v;
}

struct rf_value rf_value_list(const struct rf_type *type, const struct rf_value *items, size_t n)
{
    return (struct rf_value){ .kind = RF_VALUE_LIST, .type = type, .list = { items, n } };
}

struct rf_value rf_value_strings(struct rf_arena *arena, const char *const *strings, size_t n)
{
    struct rf_value *items = rf_arena_array(arena, n, sizeof(*items));
    /* Over the cap: nil, and the arena says so. */
    for (size_t i = 0; items != NULL && i < n; i++)
        items[i] = rf_value_str(strings[i]);
    return rf_value_list(&rf_type_string_list, items, items != NULL ? n : 0);
}

static int compare_slices(struct rf_slice a, struct rf_slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n > 0 ? memcmp(a.ptr, b.ptr, n) : 0;
    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

struct ranked {
    struct rf_pair pair;
    size_t rank;
};

/* By key, then by rank, so that the last of equal keys comes last. */
static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *p = a, *q = b;
    int c = compare_slices(p->pair.key, q->pair.key);
    return c != 0 ? c : (p->rank > q->rank) - (p->rank < q->rank);
}

static size_t sort_pairs(struct rf_pair *pairs, size_t n)
{
    RF_CLEANUP(rf_freep) struct ranked *all = rf_xreallocarray(NULL, n, sizeof(*all));
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        all[i] = (struct ranked){ .pair = pairs[i], .rank = i };
    qsort(all, n, sizeof(*all), compare_ranked);
    for (size_t i = 0; i < n; i++)
        if (i + 1 == n || !rf_slice_eq(all[i].pair.key, all[i + 1].pair.key))
            pairs[kept++] = all[i].pair;
    return kept;
}

struct rf_value rf_value_map(const struct rf_type *type, struct rf_pair *pairs, size_t n)
{
    bool sorted = true;
    for (size_t i = 1; sorted && i < n; i++)
        sorted = compare_slices(pairs[i - 1].key, pairs[i].key) < 0;
    if (!sorted)
        n = sort_pairs(pairs, n);
    return (struct rf_value){ .kind = RF_VALUE_MAP, .type = type, .map = { pairs, n } };
}

struct rf_value rf_value_object(const struct rf_type *type, const void *object)
{
    return (struct rf_value){ .kind = RF_VALUE_OBJECT, .type = type, .object = object };
}

struct rf_value rf_value_pointer(const struct rf_type *type, const void *object)
{
    return (struct rf_value){
        .kind = RF_VALUE_OBJECT, .pointer = true, .type = type, .object = object
    };
}

struct rf_value rf_value_func(const struct rf_func *call, const void *self)
{
    return (struct rf_value){ .kind = RF_VALUE_FUNC, .func = { call, self } };
}

/* ---- looking at values ---- */

bool rf_value_is_nil(const struct rf_value *v)
{
    switch (v->kind) {
    case RF_VALUE_NIL:
        return true;
    case RF_VALUE_BYTES:
        return v->text.ptr == NULL;
    case RF_VALUE_LIST:
        return v->list.items == NULL;
    case RF_VALUE_MAP:
        return v->map.pairs == NULL;
    case RF_VALUE_OBJECT:
        return v->object == NULL;
    case RF_VALUE_FUNC:
        return v->func.call == NULL;
    default:
        return false;
    }
}

bool rf_value_is_true(const struct rf_value *v)
{
    switch (v->kind) {
    case RF_VALUE_TIME:
        return true;
    case RF_VALUE_OBJECT:
    case RF_VALUE_FUNC:
        return !rf_value_is_nil(v);
    default:
        return !rf_value_is_empty(v);
    }
}

bool rf_value_is_empty(const struct rf_value *v)
{
    switch (v->kind) {
    case RF_VALUE_NIL:
        return true;
    case RF_VALUE_BOOL:
        return !v->boolean;
    case RF_VALUE_INT:
        return v->integer == 0;
    case RF_VALUE_UINT:
        return v->natural == 0;
    case RF_VALUE_FLOAT:
        return v->real == 0;
    case RF_VALUE_STRING:
    case RF_VALUE_BYTES:
        return v->text.len == 0;
    case RF_VALUE_LIST:
        return v->list.n == 0;
    case RF_VALUE_MAP:
        return v->map.n == 0;
    case RF_VALUE_OBJECT:
    case RF_VALUE_FUNC:
        return rf_value_is_nil(v);
    default:
        return false;
    }
}

const struct rf_value *rf_value_lookup(const struct rf_value *map, struct rf_slice key)
{
    if (map->kind != RF_VALUE_MAP)
        return NULL;
    size_t low = 0, high = map->map.n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = compare_slices(map->map.pairs[mid].key, key);
        if (c == 0)
            return &map->map.pairs[mid].value;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}
