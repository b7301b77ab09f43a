/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include <check.h>

#include "base/gofmt.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/value.h"
#include "tests/support/template_objects.h"

Suite *rf_value_suite(void);

static struct rf_arena arena;
static struct rf_call call = { .arena = &arena };

static void set_up(void)
{
    rf_arena_init(&arena, 0);
}

static void tear_down(void)
{
    rf_arena_release(&arena);
}

static struct rf_value object(const char *name)
{
    struct rf_value v = rf_value_nil();
    ck_assert(test_template_object(name, &v));
    return v;
}

static const char *json_of(struct rf_value v, unsigned flags)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&b, 0);
    ck_assert_msg(rf_value_json(&call, &v, flags, &b, &err) == 0, "%s", err.msg);
    return rf_arena_dup(&arena, rf_buf_slice(&b));
}

static const char *text_of(struct rf_value v)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&b, 0);
    ck_assert_msg(rf_gofmt_print(&call, &b, &v, 1, &err) == 0, "%s", err.msg);
    return rf_arena_dup(&arena, rf_buf_slice(&b));
}

static struct rf_value from_text(const char *text)
{
    struct rf_value v;
    struct rf_err err = RF_ERR_INIT;
    json_t *j = json_loads(text, JSON_DECODE_ANY, NULL);
    ck_assert_ptr_nonnull(j);
    rf_arena_defer(&arena, (void (*)(void *))json_delete, j);
    ck_assert_int_eq(rf_value_from_json(&arena, j, &v, &err), 0);
    return v;
}

/* ---- types and names ---- */

START_TEST(names_of_types)
{
    struct rf_value tags = object("tags"), inner = tags,
                    names[] = {
                        rf_value_nil(),
                        rf_value_bool(true),
                        rf_value_int(1),
                        rf_value_int64(1),
                        rf_value_uint(1),
                        rf_value_float(1),
                        rf_value_str("x"),
                        rf_value_bytes(rf_slice_str("x")),
                        rf_value_list(NULL, NULL, 0),
                        rf_value_map(NULL, NULL, 0),
                        rf_value_strings(&arena, NULL, 0),
                        rf_value_time(rf_gotime_zero()),
                        rf_value_duration(1),
                    };
    static const char *const want[] = {
        "<nil>",    "bool",      "int",           "int64",          "uint",
        "float64",  "string",    "[]uint8",       "[]interface {}", "map[string]interface {}",
        "[]string", "time.Time", "time.Duration",
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(names); i++)
        ck_assert_str_eq(rf_value_type_name(&arena, &names[i]), want[i]);
    inner.pointer = false;
    ck_assert_str_eq(rf_value_type_name(&arena, &tags), "*tag.List");
    ck_assert_str_eq(rf_value_type_name(&arena, &inner), "tag.List");
}
END_TEST

START_TEST(zero_values)
{
    struct rf_value v = rf_type_zero(NULL);
    ck_assert_int_eq(v.kind, RF_VALUE_NIL);
    v = rf_type_zero(&rf_type_string);
    ck_assert(v.kind == RF_VALUE_STRING && v.text.len == 0);
    v = rf_type_zero(&rf_type_string_map);
    ck_assert(v.kind == RF_VALUE_MAP && rf_value_is_nil(&v));
    v = rf_type_zero(&rf_type_time);
    ck_assert(rf_gotime_is_zero(v.time));
    v = rf_type_zero(&rf_type_duration);
    ck_assert_str_eq(text_of(v), "0s");
}
END_TEST

/* ---- fields and methods ---- */

START_TEST(fields_by_name)
{
    struct rf_value v, index = object("index");
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_value_field(&call, &index, rf_slice_str("MediaType"), &v, &err), 1);
    ck_assert(rf_slice_is(v.text, "application/vnd.oci.image.index.v1+json"));
    /* Two embedded objects deep. */
    ck_assert_int_eq(rf_value_field(&call, &index, rf_slice_str("SchemaVersion"), &v, &err), 1);
    ck_assert_int_eq(v.integer, 2);
    ck_assert_int_eq(rf_value_field(&call, &index, rf_slice_str("Nope"), &v, &err), 0);
    ck_assert_int_eq(rf_value_field(&call, &index, rf_slice_str("mediaType"), &v, &err), 0);
    ck_assert_int_eq(rf_value_field(&call, &v, rf_slice_str("MediaType"), &v, &err), 0);
    ck_assert_ptr_nonnull(rf_type_field(index.type, rf_slice_str("SchemaVersion")));
    ck_assert_ptr_null(rf_type_field(index.type, rf_slice_str("Layers")));
    v = object("mix");
    ck_assert_int_eq(rf_value_field(&call, &v, rf_slice_str("Broken"), &index, &err), -RFE_FAILED);
    ck_assert_str_eq(err.msg, "cannot be read");
}
END_TEST

START_TEST(methods_by_name)
{
    struct rf_value self, out, tags = object("tags"), nothing = rf_value_int(1);
    const struct rf_func *m = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_value_method(&call, &tags, rf_slice_str("GetTags"), &m, &self, &err), 1);
    ck_assert_int_eq(m->call(&call, &self, NULL, 0, &out, &err), 0);
    ck_assert_uint_eq(out.list.n, 3);
    ck_assert_int_eq(rf_value_method(&call, &tags, rf_slice_str("Name"), &m, &self, &err), 0);
    ck_assert_int_eq(rf_value_method(&call, &nothing, rf_slice_str("Name"), &m, &self, &err), 0);
    ck_assert_ptr_nonnull(rf_type_method(tags.type, rf_slice_str("GetTags")));
    ck_assert_ptr_null(rf_type_method(tags.type, rf_slice_str("GetRepos")));
}
END_TEST

struct outer {
    int inner;
};
static int inner_method(const struct rf_call *c, const struct rf_value *self,
                        const struct rf_value *args, size_t n, struct rf_value *out,
                        struct rf_err *err)
{
    (void)c, (void)args, (void)n, (void)err;
    *out = rf_value_int(*(const int *)self->object);
    return 0;
}
static const struct rf_func inner_methods[] = { { "Get", "", inner_method } };
static const struct rf_type inner_type = { .name = "test.Inner",
                                           .kind = RF_VALUE_OBJECT,
                                           RF_METHODS(inner_methods) };
static const struct rf_field outer_fields[] = {
    { "Inner", NULL, RF_FIELD_EMBEDDED, rf_get_object, offsetof(struct outer, inner), &inner_type },
};
static const struct rf_type outer_type = { .name = "test.Outer",
                                           .kind = RF_VALUE_OBJECT,
                                           RF_FIELDS(outer_fields) };

START_TEST(methods_of_embedded_objects)
{
    static const struct outer o = { 42 };
    struct rf_value self, out, v = rf_value_object(&outer_type, &o);
    const struct rf_func *m = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_value_method(&call, &v, rf_slice_str("Get"), &m, &self, &err), 1);
    ck_assert_int_eq(m->call(&call, &self, NULL, 0, &out, &err), 0);
    ck_assert_int_eq(out.integer, 42);
    ck_assert_ptr_nonnull(rf_type_method(&outer_type, rf_slice_str("Get")));
}
END_TEST

/* ---- ready-made getters ---- */

struct all {
    const char *string, *no_string;
    bool boolean;
    int integer;
    int64_t wide;
    uint64_t size, huge;
    double real;
    struct rf_gotime time;
    struct outer inside;
    const struct outer *pointer, *nothing;
    json_t *labels, *mixed, *no_json;
};
static const struct rf_field all_fields[] = {
    { "String", "string", 0, rf_get_string, offsetof(struct all, string), NULL },
    { "NoString", "noString", RF_FIELD_OMITEMPTY, rf_get_string, offsetof(struct all, no_string),
      NULL },
    { "Bool", "bool", 0, rf_get_bool, offsetof(struct all, boolean), NULL },
    { "Int", "int", 0, rf_get_int, offsetof(struct all, integer), NULL },
    { "Wide", "wide", 0, rf_get_int64, offsetof(struct all, wide), &rf_type_duration },
    { "Size", "size", 0, rf_get_size, offsetof(struct all, size), NULL },
    { "Huge", "huge", 0, rf_get_size, offsetof(struct all, huge), NULL },
    { "Float", "float", 0, rf_get_float, offsetof(struct all, real), NULL },
    { "Time", "time", 0, rf_get_time, offsetof(struct all, time), NULL },
    { "Inside", "inside", 0, rf_get_object, offsetof(struct all, inside), &inner_type },
    { "Pointer", "pointer", 0, rf_get_pointer, offsetof(struct all, pointer), &inner_type },
    { "Nothing", "nothing", 0, rf_get_pointer, offsetof(struct all, nothing), &inner_type },
    { "Labels", "labels", 0, rf_get_json_pointer, offsetof(struct all, labels), NULL },
    { "Mixed", "mixed", 0, rf_get_json_pointer, offsetof(struct all, mixed), NULL },
    { "NoJSON", "noJSON", 0, rf_get_json_pointer, offsetof(struct all, no_json),
      &rf_type_string_map },
    { "Hidden", NULL, 0, rf_get_int, offsetof(struct all, integer), NULL },
};
static const struct rf_type all_type = { .name = "test.All",
                                         .kind = RF_VALUE_OBJECT,
                                         RF_FIELDS(all_fields) };

START_TEST(ready_made_getters)
{
    RF_CLEANUP(rf_json_decrefp) json_t *labels = json_loads("{\"b\":\"2\",\"a\":\"1\"}", 0, NULL);
    RF_CLEANUP(rf_json_decrefp) json_t *mixed = json_loads("{\"b\":[1,2.5],\"a\":null}", 0, NULL);
    struct outer inner = { 3 };
    struct all all = { .string = "s",
                       .boolean = true,
                       .integer = -4,
                       .wide = 1000000,
                       .size = 77,
                       .huge = UINT64_MAX,
                       .real = 0.5,
                       .time = rf_gotime_unix(0, 0),
                       .pointer = &inner,
                       .labels = labels,
                       .mixed = mixed };
    struct rf_value v = rf_value_object(&all_type, &all), labels_value;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_str_eq(json_of(v, 0),
                     "{\"string\":\"s\",\"bool\":true,\"int\":-4,\"wide\":1000000,\"size\":77,"
                     "\"huge\":9223372036854775807,\"float\":0.5,\"time\":\"1970-01-01T00:00:00Z\","
                     "\"inside\":{},\"pointer\":{},\"nothing\":null,\"labels\":{\"a\":\"1\",\"b\":"
                     "\"2\"},\"mixed\":{\"a\":null,\"b\":[1,2.5]},\"noJSON\":null}");
    ck_assert_str_eq(text_of(v),
                     "{s  true -4 1ms 77 9223372036854775807 0.5 1970-01-01 00:00:00 "
                     "+0000 UTC {} &{} <nil> map[a:1 b:2] map[a:<nil> b:[1 2.5]] map[] -4}");
    ck_assert_int_eq(rf_value_field(&call, &v, rf_slice_str("Labels"), &labels_value, &err), 1);
    ck_assert_str_eq(rf_value_type_name(&arena, &labels_value), "map[string]string");
}
END_TEST

/* ---- objects over JSON ---- */

static const struct rf_type leaf_type;
static const struct rf_type leaf_list = { .name = "[]*test.Leaf",
                                          .kind = RF_VALUE_LIST,
                                          .elem = &leaf_type };
static const struct rf_type leaf_map = { .name = "map[string]test.Leaf",
                                         .kind = RF_VALUE_MAP,
                                         .elem = &leaf_type };
static const struct rf_field leaf_fields[] = {
    { "S", "s", 0, rf_get_json, 0, &rf_type_string },
    { "I", "i", 0, rf_get_json, 0, &rf_type_int64 },
    { "U", "u", 0, rf_get_json, 0, &rf_type_uint64 },
    { "B", "b", 0, rf_get_json, 0, &rf_type_bool },
    { "F", "f", 0, rf_get_json, 0, &rf_type_float64 },
    { "T", "t", 0, rf_get_json, 0, &rf_type_time },
    { "P", "p", RF_FIELD_POINTER, rf_get_json, 0, &rf_type_time },
    { "L", "l", 0, rf_get_json, 0, &rf_type_string_list },
    { "M", "m", 0, rf_get_json, 0, &rf_type_string_map },
    { "Leaves", "leaves", RF_FIELD_OMITEMPTY | RF_FIELD_POINTER, rf_get_json, 0, &leaf_list },
    { "Map", "map", RF_FIELD_OMITEMPTY, rf_get_json, 0, &leaf_map },
    { "Any", "any", RF_FIELD_OMITEMPTY, rf_get_json, 0, NULL },
};
static const struct rf_type leaf_type = { .name = "test.Leaf",
                                          .kind = RF_VALUE_OBJECT,
                                          RF_FIELDS(leaf_fields) };

#define EMPTY_LEAF                                                                               \
    "{\"s\":\"\",\"i\":0,\"u\":0,\"b\":false,\"f\":0,\"t\":\"0001-01-01T00:00:00Z\",\"p\":null," \
    "\"l\":null,\"m\":null}"

static const struct {
    const char *in, *out;
} leaves[] = {
    { "{}", EMPTY_LEAF },
    { "{\"s\":null,\"l\":null,\"any\":null}", EMPTY_LEAF },
    /* Of another kind than asked for: as if it were absent. */
    { "{\"s\":1,\"i\":\"x\",\"u\":-1,\"b\":\"true\",\"f\":\"1\",\"t\":\"no\",\"l\":{},\"m\":[],"
      "\"leaves\":{},\"map\":7}",
      EMPTY_LEAF },
    { "{\"s\":\"a\",\"i\":-5,\"u\":5,\"b\":true,\"f\":1.5,\"t\":\"2024-01-02T03:04:05Z\",\"p\":"
      "\"2024-01-02T03:04:05.5+01:00\",\"l\":[\"x\",7],\"m\":{\"k\":\"v\",\"n\":1}}",
      "{\"s\":\"a\",\"i\":-5,\"u\":5,\"b\":true,\"f\":1.5,\"t\":\"2024-01-02T03:04:05Z\",\"p\":"
      "\"2024-01-02T03:04:05.5+01:00\",\"l\":[\"x\",\"\"],\"m\":{\"k\":\"v\",\"n\":\"\"}}" },
    { "{\"leaves\":[{},null],\"any\":{\"z\":[1]}}",
      "{\"s\":\"\",\"i\":0,\"u\":0,\"b\":false,\"f\":0,\"t\":\"0001-01-01T00:00:00Z\",\"p\":null,"
      "\"l\":null,\"m\":null,\"leaves\":[" EMPTY_LEAF ",null],\"any\":{\"z\":[1]}}" },
    { "{\"map\":{\"b\":{},\"a\":5},\"l\":[],\"m\":{}}",
      "{\"s\":\"\",\"i\":0,\"u\":0,\"b\":false,\"f\":0,\"t\":\"0001-01-01T00:00:00Z\",\"p\":null,"
      "\"l\":[],\"m\":{},\"map\":{\"a\":" EMPTY_LEAF ",\"b\":" EMPTY_LEAF "}}" },
};

START_TEST(objects_over_json)
{
    RF_CLEANUP(rf_json_decrefp) json_t *j = json_loads(leaves[_i].in, 0, NULL);
    ck_assert_ptr_nonnull(j);
    ck_assert_str_eq(json_of(rf_value_object(&leaf_type, j), 0), leaves[_i].out);
}
END_TEST

/* ---- lists, maps, JSON ---- */

START_TEST(maps_are_sorted_and_the_last_of_equal_keys_counts)
{
    struct rf_pair pairs[] = {
        { rf_slice_str("b"), rf_value_int(1) }, { rf_slice_str("a"), rf_value_int(2) },
        { rf_slice_str("b"), rf_value_int(3) }, { rf_slice_str("ab"), rf_value_int(4) },
        { rf_slice_str(""), rf_value_int(5) },  { rf_slice_str("B"), rf_value_int(6) },
        { rf_slice_str("a"), rf_value_int(7) },
    };
    struct rf_value v = rf_value_map(NULL, pairs, RF_ARRAY_LEN(pairs));
    ck_assert_str_eq(text_of(v), "map[:5 B:6 a:7 ab:4 b:3]");
    ck_assert_int_eq(rf_value_lookup(&v, rf_slice_str("ab"))->integer, 4);
    ck_assert_int_eq(rf_value_lookup(&v, rf_slice_str(""))->integer, 5);
    ck_assert_ptr_null(rf_value_lookup(&v, rf_slice_str("abc")));
    v = rf_value_int(1);
    ck_assert_ptr_null(rf_value_lookup(&v, rf_slice_str("ab")));
}
END_TEST

START_TEST(large_maps)
{
    enum { N = 20000 };
    struct rf_pair *pairs = rf_arena_array(&arena, N, sizeof(*pairs));
    for (int i = 0; i < N; i++) {
        pairs[i].key = rf_arena_printf(&arena, "%d", (i * 7919) % N);
        pairs[i].value = rf_value_int((i * 7919) % N);
    }
    struct rf_value v = rf_value_map(NULL, pairs, N);
    ck_assert_uint_eq(v.map.n, N);
    for (int i = 0; i < N; i += 97)
        ck_assert_int_eq(rf_value_lookup(&v, rf_arena_printf(&arena, "%d", i))->integer, i);
}
END_TEST

static const struct {
    const char *in, *compact, *text;
} trees[] = {
    { "{\"b\":1,\"a\":[true,null,\"x\",1.5,[],{}]}", "{\"a\":[true,null,\"x\",1.5,[],{}],\"b\":1}",
      "map[a:[true <nil> x 1.5 [] map[]] b:1]" },
    { "[]", "[]", "[]" },
    { "{}", "{}", "map[]" },
    { "\"a\\u0000b\"", "\"a\\u0000b\"", "a" },
    { "9223372036854775807", "9223372036854775807", "9223372036854775807" },
    { "-1", "-1", "-1" },
    { "1e3", "1000", "1000" },
    { "null", "null", "<nil>" },
};

START_TEST(json_in_and_out)
{
    json_t *j = json_loads(trees[_i].in, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    struct rf_err err = RF_ERR_INIT;
    struct rf_value v;
    ck_assert_ptr_nonnull(j);
    ck_assert_int_eq(rf_value_from_json(&arena, j, &v, &err), 0);
    ck_assert_str_eq(json_of(v, 0), trees[_i].compact);
    ck_assert_str_eq(text_of(v), trees[_i].text);
    json_decref(j);
}
END_TEST

START_TEST(json_tree_too_deep_or_too_large)
{
    RF_CLEANUP(rf_json_decrefp) json_t *j = json_array();
    struct rf_err err = RF_ERR_INIT;
    struct rf_value v;
    for (int i = 0; i < RF_JSON_DEPTH + 1; i++) {
        json_t *outer = json_array();
        json_array_append_new(outer, j);
        j = outer;
    }
    ck_assert_int_eq(rf_value_from_json(&arena, j, &v, &err), -RFE_TOO_LARGE);
    json_decref(j);
    j = json_array();
    for (int i = 0; i < 1000; i++)
        json_array_append_new(j, json_integer(i));
    RF_CLEANUP(rf_arena_release) struct rf_arena small;
    rf_arena_init(&small, 1000);
    ck_assert_int_eq(rf_value_from_json(&small, j, &v, &err), -RFE_TOO_LARGE);
}
END_TEST

START_TEST(pretty_json)
{
    ck_assert_str_eq(json_of(from_text("{\"a\":{\"b\":[1,2],\"c\":\"x,{y}:\\\\\\\"\"},\"d\":[]}"),
                             RF_VALUE_JSON_PRETTY),
                     "{\n  \"a\": {\n    \"b\": [\n      1,\n      2\n    ],\n    \"c\": "
                     "\"x,{y}:\\\\\\\"\"\n  },\n  \"d\": []\n}");
}
END_TEST

static int own_json(const struct rf_call *c, const struct rf_value *self, struct rf_buf *out,
                    struct rf_err *err)
{
    (void)c, (void)self;
    if (self->object == out)
        return rf_fail(err, RFE_FAILED, "never");
    rf_buf_add_str(out, " { \"k v\" : [ 1 ,\n 2 ] , \"e\\\" \" : { } } ");
    return 0;
}

static int failing_write(const struct rf_call *c, const struct rf_value *self, struct rf_buf *out,
                         struct rf_err *err)
{
    (void)c, (void)self, (void)out;
    return rf_fail(err, RFE_PROTOCOL, "no text today");
}

START_TEST(types_with_json_of_their_own)
{
    static const struct rf_type type = { .name = "t.T", .kind = RF_VALUE_OBJECT, .json = own_json };
    struct rf_value v = rf_value_pointer(&type, &type);
    ck_assert_str_eq(json_of(v, 0), "{\"k v\":[1,2],\"e\\\" \":{}}");
    ck_assert_str_eq(
        json_of(rf_value_list(NULL, &v, 1), RF_VALUE_JSON_PRETTY),
        "[\n  {\n    \"k v\": [\n      1,\n      2\n    ],\n    \"e\\\" \": {}\n  }\n]");
    v = rf_value_pointer(&type, NULL);
    ck_assert_str_eq(json_of(v, 0), "null");
}
END_TEST

START_TEST(failures_of_hooks_reach_the_caller)
{
    static const struct rf_type type = {
        .name = "t.T", .kind = RF_VALUE_OBJECT, .json = failing_write, .string = failing_write
    };
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    struct rf_err err = RF_ERR_INIT;
    struct rf_value v = rf_value_pointer(&type, &type), list = rf_value_list(NULL, &v, 1);
    rf_buf_init(&b, 0);
    ck_assert_int_eq(rf_value_json(&call, &list, 0, &b, &err), -RFE_PROTOCOL);
    ck_assert_uint_eq(b.len, 0);
    ck_assert_int_eq(rf_gofmt_print(&call, &b, &list, 1, &err), -RFE_PROTOCOL);
    ck_assert_str_eq(err.msg, "no text today");
}
END_TEST

START_TEST(json_of_what_has_none)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    struct rf_err err = RF_ERR_INIT;
    struct rf_value v = rf_value_float(NAN);
    rf_buf_init(&b, 0);
    ck_assert_int_eq(rf_value_json(&call, &v, 0, &b, &err), -RFE_INVALID);
    ck_assert_str_eq(err.msg, "json: unsupported value: NaN");
    v = rf_value_float(-INFINITY);
    ck_assert_int_eq(rf_value_json(&call, &v, 0, &b, &err), -RFE_INVALID);
    ck_assert_str_eq(err.msg, "json: unsupported value: -Inf");
    v = rf_value_time(rf_gotime_date(10000, 1, 1, 0, 0, 0));
    ck_assert_int_eq(rf_value_json(&call, &v, 0, &b, &err), -RFE_INVALID);
    v = rf_value_func(&inner_methods[0], NULL);
    ck_assert_int_eq(rf_value_json(&call, &v, 0, &b, &err), -RFE_INVALID);
    ck_assert_str_eq(err.msg, "json: unsupported type: func()");
}
END_TEST

START_TEST(json_into_a_full_buffer)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    struct rf_value v = rf_value_str("0123456789");
    rf_buf_init(&b, 8);
    ck_assert_int_eq(rf_value_json(&call, &v, 0, &b, NULL), 0);
    ck_assert_int_eq(b.rc, -RFE_TOO_LARGE);
}
END_TEST

/* ---- truth ---- */

START_TEST(truth)
{
    struct rf_value no[] = { rf_value_nil(),
                             rf_value_bool(false),
                             rf_value_int(0),
                             rf_value_uint(0),
                             rf_value_float(0),
                             rf_value_str(""),
                             rf_value_bytes(rf_slice_of(NULL, 0)),
                             rf_value_list(NULL, NULL, 0),
                             rf_value_map(NULL, NULL, 0),
                             rf_value_pointer(&inner_type, NULL),
                             rf_value_func(NULL, NULL) };
    struct rf_value one = rf_value_int(0);
    struct rf_pair pair = { rf_slice_str("k"), rf_value_nil() };
    struct rf_value yes[] = { rf_value_bool(true),
                              rf_value_int(-1),
                              rf_value_uint(1),
                              rf_value_float(0.1),
                              rf_value_str("0"),
                              rf_value_bytes(rf_slice_str("x")),
                              rf_value_list(NULL, &one, 1),
                              rf_value_map(NULL, &pair, 1),
                              rf_value_time(rf_gotime_zero()),
                              rf_value_object(&inner_type, &one),
                              rf_value_func(&inner_methods[0], NULL) };
    for (size_t i = 0; i < RF_ARRAY_LEN(no); i++)
        ck_assert_msg(!rf_value_is_true(&no[i]), "%zu", i);
    for (size_t i = 0; i < RF_ARRAY_LEN(yes); i++)
        ck_assert_msg(rf_value_is_true(&yes[i]), "%zu", i);
}
END_TEST

/* ---- printing ---- */

static const struct {
    double d;
    const char *want;
} floats[] = {
    { 0, "0" },           { -0.0, "-0" },
    { 1, "1" },           { 100000, "100000" },
    { 1000000, "1e+06" }, { 123456.5, "123456.5" },
    { 0.1, "0.1" },       { 1.0 / 3, "0.3333333333333333" },
    { 0.0001, "0.0001" }, { 0.00001, "1e-05" },
    { 5e-324, "5e-324" }, { 1.7976931348623157e308, "1.7976931348623157e+308" },
    { INFINITY, "+Inf" }, { -INFINITY, "-Inf" },
    { NAN, "NaN" },
};

START_TEST(shortest_floats)
{
    ck_assert_str_eq(text_of(rf_value_float(floats[_i].d)), floats[_i].want);
}
END_TEST

static const struct {
    const char *format;
    double d;
    const char *want;
} specials[] = {
    { "%5.1f|", INFINITY, " +Inf|" },
    { "%-6v|", NAN, "NaN   |" },
    { "%+g", NAN, "+NaN" },
    { "% v", INFINITY, " Inf" },
    { "%+f", INFINITY, "+Inf" },
    { "%06f", -INFINITY, "  -Inf" },
    { "% f", NAN, " NaN" },
    { "%b", 0.0, "0p-1074" },
    { "%b", -1.0, "-4503599627370496p-52" },
    { "%d", 1.5, "%!d(float64=1.5)" },
};

START_TEST(floats_that_are_no_numbers)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    struct rf_value v = rf_value_float(specials[_i].d);
    rf_buf_init(&b, 0);
    ck_assert_int_eq(rf_gofmt_printf(&call, &b, rf_slice_str(specials[_i].format), &v, 1, NULL), 0);
    ck_assert_str_eq(b.ptr, specials[_i].want);
}
END_TEST

START_TEST(printf_of_bytes_that_are_no_text)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    struct rf_value v = rf_value_string(rf_slice_of("a\xff\0b", 4));
    rf_buf_init(&b, 0);
    ck_assert_int_eq(rf_gofmt_printf(&call, &b, rf_slice_str("%q|%x|%\xff|"), &v, 1, NULL), 0);
    ck_assert_str_eq(b.ptr, "\"a\\xff\\x00b\"|%!x(MISSING)|%!\xEF\xBF\xBD(MISSING)|");
}
END_TEST

START_TEST(println_and_print)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    struct rf_value v[] = { rf_value_int(1), rf_value_int(2), rf_value_str("x"), rf_value_nil() };
    rf_buf_init(&b, 0);
    ck_assert_int_eq(rf_gofmt_println(&call, &b, v, 4, NULL), 0);
    ck_assert_int_eq(rf_gofmt_print(&call, &b, v, 4, NULL), 0);
    ck_assert_int_eq(rf_gofmt_print(&call, &b, v, 0, NULL), 0);
    ck_assert_str_eq(b.ptr, "1 2 x <nil>\n1 2x<nil>");
}
END_TEST

START_TEST(own_text_is_not_asked_inside_of_a_complaint)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    struct rf_value v = rf_value_typed(rf_value_int(2), &rf_type_month);
    rf_buf_init(&b, 0);
    ck_assert_int_eq(rf_gofmt_printf(&call, &b, rf_slice_str("%t %v"), &v, 1, NULL), 0);
    ck_assert_str_eq(b.ptr, "%!t(time.Month=2) %!v(MISSING)");
    rf_buf_clear(&b);
    v.integer = 13;
    ck_assert_int_eq(rf_gofmt_printf(&call, &b, rf_slice_str("%v"), &v, 1, NULL), 0);
    ck_assert_str_eq(b.ptr, "%!Month(13)");
}
END_TEST

Suite *rf_value_suite(void)
{
    Suite *s = suite_create("value");
    TCase *tc = tcase_create("types");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, names_of_types);
    tcase_add_test(tc, zero_values);
    tcase_add_test(tc, fields_by_name);
    tcase_add_test(tc, methods_by_name);
    tcase_add_test(tc, methods_of_embedded_objects);
    tcase_add_test(tc, ready_made_getters);
    tcase_add_loop_test(tc, objects_over_json, 0, (int)RF_ARRAY_LEN(leaves));
    tcase_add_test(tc, truth);
    suite_add_tcase(s, tc);
    tc = tcase_create("json");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, maps_are_sorted_and_the_last_of_equal_keys_counts);
    tcase_add_test(tc, large_maps);
    tcase_add_loop_test(tc, json_in_and_out, 0, (int)RF_ARRAY_LEN(trees));
    tcase_add_test(tc, json_tree_too_deep_or_too_large);
    tcase_add_test(tc, pretty_json);
    tcase_add_test(tc, types_with_json_of_their_own);
    tcase_add_test(tc, failures_of_hooks_reach_the_caller);
    tcase_add_test(tc, json_of_what_has_none);
    tcase_add_test(tc, json_into_a_full_buffer);
    suite_add_tcase(s, tc);
    tc = tcase_create("print");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(tc, shortest_floats, 0, (int)RF_ARRAY_LEN(floats));
    tcase_add_loop_test(tc, floats_that_are_no_numbers, 0, (int)RF_ARRAY_LEN(specials));
    tcase_add_test(tc, printf_of_bytes_that_are_no_text);
    tcase_add_test(tc, println_and_print);
    tcase_add_test(tc, own_text_is_not_asked_inside_of_a_complaint);
    suite_add_tcase(s, tc);
    return s;
}
