/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/lua/lua_wire.h"

#include <check.h>

#include "base/json.h"
#include "base/mem.h"

static struct rf_buf frame_of(const void *text, size_t len)
{
    struct rf_buf b;
    rf_buf_init(&b, 2 * RF_LUA_FRAME_MAX);
    for (size_t i = 0; i < RF_LUA_FRAME_HEAD; i++)
        rf_buf_add_char(&b, (char)(uint8_t)(len >> (8 * i)));
    rf_buf_add(&b, text, len);
    return b;
}

START_TEST(frames_there_and_back)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    RF_CLEANUP(rf_json_decrefp)
    json_t *object = json_pack("{s:s, s:[i, f, n]}", "say", "x", "args", 1, 2.0);
    rf_buf_init(&b, 0);
    ck_assert_int_eq(rf_lua_frame_add(&b, object, NULL), 0);
    ck_assert_int_eq(rf_lua_frame_add(&b, object, NULL), 0);
    size_t first = b.len / 2, used = 0;
    json_t *out = NULL;
    for (size_t n = 0; n < first; n++)
        ck_assert_int_eq(rf_lua_frame_take(rf_slice_of(b.ptr, n), &used, &out, NULL), 0);
    ck_assert_ptr_null(out);
    for (size_t n = first; n <= b.len; n++) {
        ck_assert_int_eq(rf_lua_frame_take(rf_slice_of(b.ptr, n), &used, &out, NULL), 1);
        ck_assert_uint_eq(used, first);
        ck_assert(json_equal(out, object));
        ck_assert(json_is_real(json_array_get(json_object_get(out, "args"), 1)));
        json_decref(out);
    }
}
END_TEST

static const struct {
    const char *text;
    int code;
} hostile[] = {
    { "", RFE_INVALID },
    { "{", RFE_INVALID },
    { "[]", RFE_INVALID },
    { "1", RFE_INVALID },
    { "null", RFE_INVALID },
    { "{} {}", RFE_INVALID },
    { "{\"a\":1,\"a\":2}", RFE_AMBIGUOUS },
    { "{\"a\":\"\xff\"}", RFE_INVALID },
};

START_TEST(hostile_frames)
{
    struct rf_err err = RF_ERR_INIT;
    size_t used = 0;
    json_t *out = NULL;
    RF_CLEANUP(rf_buf_release)
    struct rf_buf b = frame_of(hostile[_i].text, strlen(hostile[_i].text));
    int rc = rf_lua_frame_take(rf_buf_slice(&b), &used, &out, &err);
    ck_assert_msg(rc == -hostile[_i].code || rc == -RFE_INVALID, "%s: %d %s", hostile[_i].text, rc,
                  err.msg);
    ck_assert_ptr_null(out);
}
END_TEST

START_TEST(frames_have_bounds)
{
    static const char head[] = { 1, 0, 0, 1 }; /* 16 MiB and a byte */
    size_t used = 0;
    json_t *out = NULL;
    ck_assert_int_eq(rf_lua_frame_take(rf_slice_of(head, 4), &used, &out, NULL), -RFE_TOO_LARGE);
    ck_assert_int_eq(rf_lua_frame_take(rf_slice_of("\xff\xff\xff\xff", 4), &used, &out, NULL),
                     -RFE_TOO_LARGE);
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    rf_buf_add_str(&text, "{\"a\":[");
    for (int i = 0; i < RF_LUA_FRAME_NODES; i++)
        rf_buf_add_str(&text, "[],");
    rf_buf_add_str(&text, "1]}");
    RF_CLEANUP(rf_buf_release) struct rf_buf many = frame_of(text.ptr, text.len);
    ck_assert_int_eq(rf_lua_frame_take(rf_buf_slice(&many), &used, &out, NULL), -RFE_TOO_LARGE);
    /* Commas in a string are no values. */
    rf_buf_clear(&text);
    rf_buf_add_str(&text, "{\"a\":\"\\\"");
    for (int i = 0; i < RF_LUA_FRAME_NODES; i++)
        rf_buf_add_str(&text, ",[{\\\\");
    rf_buf_add_str(&text, "\"}");
    RF_CLEANUP(rf_buf_release) struct rf_buf one = frame_of(text.ptr, text.len);
    ck_assert_int_eq(rf_lua_frame_take(rf_buf_slice(&one), &used, &out, NULL), 1);
    json_decref(out);
    out = NULL;
    rf_buf_clear(&text);
    rf_buf_add_str(&text, "{\"a\":");
    for (int i = 0; i < 100; i++)
        rf_buf_add_str(&text, "[");
    RF_CLEANUP(rf_buf_release) struct rf_buf deep = frame_of(text.ptr, text.len);
    ck_assert_int_lt(rf_lua_frame_take(rf_buf_slice(&deep), &used, &out, NULL), 0);
    ck_assert_ptr_null(out);
    RF_CLEANUP(rf_freep) char *big = rf_xcalloc(1, RF_LUA_FRAME_MAX + 1);
    memset(big, 'x', RF_LUA_FRAME_MAX);
    RF_CLEANUP(rf_json_decrefp) json_t *object = json_pack("{s:s}", "a", big);
    ck_assert_int_eq(rf_lua_frame_add(&text, object, NULL), -RFE_TOO_LARGE);
}
END_TEST

START_TEST(strings_in_both_spellings)
{
    static const struct {
        const char *bytes;
        size_t len;
        bool plain;
    } rows[] = { { "", 0, true },
                 { "text", 4, true },
                 { "\xc3\xa9", 2, true },
                 { "a\0b", 3, false },
                 { "\xff", 1, false },
                 { "\0", 1, false },
                 { "\xed\xa0\x80", 3, false } };
    for (size_t i = 0; i < RF_ARRAY_LEN(rows); i++) {
        RF_CLEANUP(rf_buf_release) struct rf_buf room;
        struct rf_slice in = rf_slice_of(rows[i].bytes, rows[i].len), out = { 0 };
        rf_buf_init(&room, 0);
        RF_CLEANUP(rf_json_decrefp) json_t *value = rf_lua_wire_string(in);
        ck_assert_int_eq(json_is_string(value), rows[i].plain);
        ck_assert(rf_lua_wire_text(value, &room, &out));
        ck_assert(rf_slice_eq(in, out));
    }
}
END_TEST

START_TEST(what_is_no_string)
{
    static const char *const rows[] = { "{}",
                                        "[]",
                                        "{\"a\":1}",
                                        "{\"n\":{\"$bytes\":1}}",
                                        "{\"n\":{\"$bytes\":\"!\"}}",
                                        "{\"n\":{\"$bytes\":\"AAAA\",\"x\":1}}",
                                        "{\"n\":{\"$bytes\":\"AAA=AAA=\"}}" };
    for (size_t i = 0; i < RF_ARRAY_LEN(rows); i++) {
        RF_CLEANUP(rf_buf_release) struct rf_buf room;
        struct rf_slice out = { 0 };
        rf_buf_init(&room, 0);
        RF_CLEANUP(rf_json_decrefp) json_t *value = json_loads(rows[i], 0, NULL);
        const json_t *inner = json_object_get(value, "n");
        ck_assert_msg(!rf_lua_wire_text(inner != NULL ? inner : value, &room, &out), "%s", rows[i]);
        ck_assert(!rf_lua_wire_text(NULL, &room, &out));
    }
}
END_TEST

START_TEST(documents_there_and_back)
{
    static const char text[] =
        "{\"$ref\":1,\"a\":[null,true,{\"$$x\":\"y\"}],\"$bytes\":\"AAAA\",\"\":{}}";
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_json_decrefp) json_t *doc = json_loads(text, 0, NULL);
    RF_CLEANUP(rf_json_decrefp) json_t *spelled = rf_lua_wire_to(doc);
    ck_assert_ptr_nonnull(json_object_get(spelled, "$$ref"));
    ck_assert_ptr_nonnull(json_object_get(spelled, "$$bytes"));
    RF_CLEANUP(rf_json_decrefp) json_t *back = NULL;
    ck_assert_int_eq(rf_lua_wire_from(spelled, &back, &err), 0);
    ck_assert(json_equal(doc, back));
    /* What a script has computed: 10 / 2. */
    RF_CLEANUP(rf_json_decrefp) json_t *half = json_pack("[f, f]", 5.0, 2.5);
    RF_CLEANUP(rf_json_decrefp) json_t *whole = NULL;
    ck_assert_int_eq(rf_lua_wire_from(half, &whole, &err), 0);
    ck_assert(json_is_integer(json_array_get(whole, 0)) && json_is_real(json_array_get(whole, 1)));
    RF_CLEANUP(rf_json_decrefp) json_t *bytes = json_pack("[{s:s}]", "$bytes", "AAAA");
    RF_CLEANUP(rf_json_decrefp) json_t *nan = json_pack("{s:{s:s}}", "x", "$float", "nan");
    json_t *none = NULL;
    ck_assert_int_eq(rf_lua_wire_from(bytes, &none, &err), -RFE_INVALID);
    ck_assert_ptr_nonnull(strstr(err.msg, "not UTF-8"));
    ck_assert_int_eq(rf_lua_wire_from(nan, &none, &err), -RFE_INVALID);
    ck_assert_ptr_null(none);
}
END_TEST

Suite *rf_lua_wire_suite(void);
Suite *rf_lua_wire_suite(void)
{
    Suite *s = suite_create("lua_wire");
    TCase *t = tcase_create("wire");
    tcase_add_test(t, frames_there_and_back);
    tcase_add_loop_test(t, hostile_frames, 0, (int)RF_ARRAY_LEN(hostile));
    tcase_add_test(t, frames_have_bounds);
    tcase_add_test(t, strings_in_both_spellings);
    tcase_add_test(t, what_is_no_string);
    tcase_add_test(t, documents_there_and_back);
    suite_add_tcase(s, t);
    return s;
}
