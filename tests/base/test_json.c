/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "base/text.h"
#include "tests/support/data_files.h"

Suite *rf_json_suite(void);

#define MAX ((size_t)16 << 20)

static struct test_case_list cases;

/* tests/data/json: "expect" is OK or the name of the error, "message" a part of its text, "max" the cap. */
START_TEST(documents)
{
    const struct test_case_file *c = &cases.list[_i];
    RF_CLEANUP(rf_freep) char *expect = test_case_value(c, "expect");
    RF_CLEANUP(rf_freep) char *message = test_case_value(c, "message");
    RF_CLEANUP(rf_freep) char *max_text = test_case_value(c, "max");
    uint64_t max = MAX;
    if (max_text != NULL)
        ck_assert_int_eq(rf_parse_u64(rf_slice_str(max_text), MAX, &max, NULL), 0);
    json_t *doc = NULL;
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_json_parse(rf_slice_of(c->body, c->body_len), (size_t)max, &doc, &err);
    ck_assert_ptr_nonnull(expect);
    if (strcmp(expect, "OK") == 0) {
        ck_assert_msg(rc == 0, "%s: %s", c->name, err.msg);
        ck_assert_ptr_nonnull(doc);
        rf_json_decrefp(&doc);
        ck_assert_ptr_null(doc);
        return;
    }
    ck_assert_msg(rc == -test_error_code(expect), "%s: %d", c->name, rc);
    ck_assert_ptr_null(doc);
    ck_assert_msg(message == NULL || strstr(err.msg, message) != NULL, "%s: %s", c->name, err.msg);
    ck_assert_msg(rf_text_is_utf8(rf_slice_str(err.msg)) && strchr(err.msg, '\033') == NULL, "%s",
                  c->name);
}
END_TEST

START_TEST(all_cases_are_there)
{
    ck_assert_uint_ge(cases.n, 49);
}
END_TEST

/* Every beginning of a document is refused, or is a document itself: the reader never runs past the end. */
START_TEST(every_cut_is_handled)
{
    static const char text[] =
        "{\"a\\\"\\u00e4\":[1.5e3,-2,true,null,{\"b\":\"\xc3\xa4\\\\\"}],\"c\":{}}";
    for (size_t n = 0; n < sizeof(text); n++) {
        /* A copy of exactly this size, so that a sanitizer sees reads behind it. */
        char *copy = rf_xmalloc(n);
        memcpy(copy, text, n);
        json_t *doc = NULL;
        int rc = rf_json_parse(rf_slice_of(copy, n), MAX, &doc, NULL);
        ck_assert_int_eq(rc, n == sizeof(text) - 1 ? 0 : -RFE_INVALID);
        rf_json_decrefp(&doc);
        free(copy);
    }
}
END_TEST

static char *object_with_keys(unsigned n)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_buf_add_str(&b, "[{");
    for (unsigned i = 0; i < n; i++)
        rf_buf_addf(&b, "%s\"k%u\":0", i > 0 ? "," : "", i);
    /* Another object has its own count. */
    rf_buf_add_str(&b, "},{\"a\":1}]");
    return rf_buf_take(&b, NULL);
}

START_TEST(keys_are_counted_per_object)
{
    RF_CLEANUP(rf_freep) char *most = object_with_keys(RF_JSON_KEYS);
    RF_CLEANUP(rf_freep) char *more = object_with_keys(RF_JSON_KEYS + 1);
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    ck_assert_int_eq(rf_json_parse(rf_slice_str(most), MAX, &doc, NULL), 0);
    ck_assert_uint_eq(json_object_size(json_array_get(doc, 0)), RF_JSON_KEYS);
    json_t *none = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_json_parse(rf_slice_str(more), MAX, &none, &err), -RFE_INVALID);
    ck_assert_ptr_nonnull(strstr(err.msg, "keys"));
}
END_TEST

/* ---- getters ---- */

#define DOC                                                                                                      \
    "{\"s\":\"text\",\"e\":\"\",\"nul\":\"a\\u0000b\",\"i\":7,\"neg\":-1,\"big\":9223372036854775807,\"r\":1.0," \
    "\"t\":true,\"f\":false,\"n\":null,\"o\":{\"x\":1},\"a\":[1,2,3]}"

static const struct {
    char kind; /* s, u, b, o, a */
    const char *key, *path;
    enum rf_json_need need;
    const char *error; /* NULL: fine */
} getters[] = {
    { 's', "s", "", RF_JSON_REQUIRED, NULL },
    { 's', "e", "", RF_JSON_REQUIRED, NULL },
    { 's', "n", "", RF_JSON_OPTIONAL, NULL },
    { 's', "none", "", RF_JSON_OPTIONAL, NULL },
    { 's', "none", "", RF_JSON_REQUIRED, "none: missing" },
    { 's', "n", "layers[3]", RF_JSON_REQUIRED, "layers[3].n: null" },
    { 's', "i", "", RF_JSON_OPTIONAL, "i: not a string" },
    { 's', "nul", "p", RF_JSON_OPTIONAL, "p.nul: a NUL byte inside" },
    { 'u', "i", "", RF_JSON_REQUIRED, NULL },
    { 'u', "big", "", RF_JSON_REQUIRED, NULL },
    { 'u', "n", "", RF_JSON_OPTIONAL, NULL },
    { 'u', "none", "", RF_JSON_OPTIONAL, NULL },
    { 'u', "none", "x", RF_JSON_REQUIRED, "x.none: missing" },
    { 'u', "r", "layers[3]", RF_JSON_REQUIRED, "layers[3].r: not an integer" },
    { 'u', "s", "", RF_JSON_OPTIONAL, "s: not an integer" },
    { 'u', "neg", "", RF_JSON_OPTIONAL, "neg: negative" },
    { 'b', "t", "", RF_JSON_OPTIONAL, NULL },
    { 'b', "f", "", RF_JSON_OPTIONAL, NULL },
    { 'b', "n", "", RF_JSON_OPTIONAL, NULL },
    { 'b', "none", "", RF_JSON_OPTIONAL, NULL },
    { 'b', "i", "", RF_JSON_OPTIONAL, "i: neither true nor false" },
    { 'o', "o", "", RF_JSON_REQUIRED, NULL },
    { 'o', "none", "", RF_JSON_OPTIONAL, NULL },
    { 'o', "none", "", RF_JSON_REQUIRED, "none: missing" },
    { 'o', "a", "", RF_JSON_OPTIONAL, "a: not an object" },
    { 'a', "a", "", RF_JSON_REQUIRED, NULL },
    { 'a', "none", "", RF_JSON_OPTIONAL, NULL },
    { 'a', "n", "", RF_JSON_REQUIRED, "n: null" },
    { 'a', "o", "q", RF_JSON_OPTIONAL, "q.o: not an array" },
};

START_TEST(members)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    ck_assert_int_eq(rf_json_parse(rf_slice_str(DOC), MAX, &doc, NULL), 0);
    const char *key = getters[_i].key, *path = getters[_i].path;
    enum rf_json_need need = getters[_i].need;
    struct rf_err err = RF_ERR_INIT;
    const json_t *v = doc;
    const char *s = "untouched";
    uint64_t u = 42;
    bool b = true;
    int rc = getters[_i].kind == 's'   ? rf_json_string(doc, key, path, need, &s, &err)
             : getters[_i].kind == 'u' ? rf_json_u64(doc, key, path, need, &u, &err)
             : getters[_i].kind == 'b' ? rf_json_bool(doc, key, path, true, &b, &err)
             : getters[_i].kind == 'o' ? rf_json_object(doc, key, path, need, &v, &err)
                                       : rf_json_array(doc, key, path, need, 3, &v, &err);
    const json_t *have = json_object_get(doc, key);
    if (getters[_i].error != NULL) {
        ck_assert_int_eq(rc, -RFE_INVALID);
        ck_assert_str_eq(err.msg, getters[_i].error);
        ck_assert_str_eq(s, "untouched");
        ck_assert_uint_eq(u, 42);
        ck_assert(b);
        ck_assert_ptr_eq(v, doc);
        return;
    }
    ck_assert_int_eq(rc, 0);
    bool there = have != NULL && !json_is_null(have);
    if (getters[_i].kind == 's')
        ck_assert_ptr_eq(s, there ? json_string_value(have) : NULL);
    else if (getters[_i].kind == 'u')
        ck_assert_uint_eq(u, there ? (uint64_t)json_integer_value(have) : 0);
    else if (getters[_i].kind == 'b')
        ck_assert_int_eq(b, there ? json_is_true(have) : true);
    else
        ck_assert_ptr_eq(v, there ? have : NULL);
}
END_TEST

START_TEST(what_is_no_object_has_no_members)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    ck_assert_int_eq(rf_json_parse(rf_slice_str("[1]"), MAX, &doc, NULL), 0);
    struct rf_err err = RF_ERR_INIT;
    const char *s;
    uint64_t u;
    ck_assert_int_eq(rf_json_string(doc, "a", "", RF_JSON_OPTIONAL, &s, &err), -RFE_INVALID);
    ck_assert_str_eq(err.msg, "the document: not an object");
    ck_assert_int_eq(
        rf_json_u64(json_array_get(doc, 0), "a", "layers[0]", RF_JSON_OPTIONAL, &u, &err),
        -RFE_INVALID);
    ck_assert_str_eq(err.msg, "layers[0]: not an object");
    ck_assert_int_eq(rf_json_u64(NULL, "a", "", RF_JSON_OPTIONAL, &u, &err), -RFE_INVALID);
}
END_TEST

START_TEST(digests)
{
    static const char doc[] = "{\"d\":\"sha256:"
                              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\","
                              "\"x\":\"sha256:12\",\"n\":null}";
    RF_CLEANUP(rf_json_decrefp) json_t *v = NULL;
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest d, empty;
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str(""), &empty);
    ck_assert_int_eq(rf_json_parse(rf_slice_str(doc), MAX, &v, NULL), 0);
    ck_assert_int_eq(rf_json_digest(v, "d", "", RF_JSON_REQUIRED, &d, &err), 0);
    ck_assert(rf_digest_eq(&d, &empty));
    ck_assert_int_eq(rf_json_digest(v, "n", "", RF_JSON_OPTIONAL, &d, &err), 0);
    ck_assert(!rf_digest_is_set(&d));
    ck_assert_int_eq(rf_json_digest(v, "none", "", RF_JSON_REQUIRED, &d, &err), -RFE_INVALID);
    ck_assert_int_lt(rf_json_digest(v, "x", "images[2]", RF_JSON_REQUIRED, &d, &err), 0);
    ck_assert_msg(strncmp(err.msg, "images[2].x: ", 13) == 0, "%s", err.msg);
}
END_TEST

START_TEST(arrays_are_capped)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    ck_assert_int_eq(rf_json_parse(rf_slice_str(DOC), MAX, &doc, NULL), 0);
    const json_t *a = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_json_array(doc, "a", "p", RF_JSON_REQUIRED, 3, &a, NULL), 0);
    ck_assert_int_eq(rf_json_array(doc, "a", "p", RF_JSON_REQUIRED, 2, &a, &err), -RFE_TOO_LARGE);
    ck_assert_str_eq(err.msg, "p.a: more than 2 elements");
}
END_TEST

/* ---- writing ---- */

static const struct {
    const char *in, *want;
} strings[] = {
    { "", "\"\"" },
    { "plain", "\"plain\"" },
    { "a/b<>&'", "\"a/b<>&'\"" },
    { "q\"b\\", "\"q\\\"b\\\\\"" },
    { "\b\t\n\f\r", "\"\\b\\t\\n\\f\\r\"" },
    { "\x01\x0b\x1f\x7f", "\"\\u0001\\u000b\\u001f\x7f\"" },
    { "\xc3\xa4\xe2\x80\xa8", "\"\xc3\xa4\xe2\x80\xa8\"" },
};

START_TEST(strings_are_escaped_as_little_as_possible)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_json_add_string(&b, strings[_i].in);
    ck_assert_str_eq(b.ptr, strings[_i].want);
    RF_CLEANUP(rf_json_decrefp) json_t *back = NULL;
    ck_assert_int_eq(rf_json_parse(rf_buf_slice(&b), MAX, &back, NULL), 0);
    ck_assert_str_eq(json_string_value(back), strings[_i].in);
    rf_buf_release(&b);
}
END_TEST

START_TEST(values_are_compact)
{
    static const char text[] =
        " { \"b\" : [ 1 , -2 , true , null , \"x/\\u00e4\\\"\" ] ,\n \"a\" : { \"d\" : 1, \"c\" : {} } } ";
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    ck_assert_int_eq(rf_json_parse(rf_slice_str(text), MAX, &doc, NULL), 0);
    struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_buf_add_str(&b, "+");
    rf_json_add_value(&b, doc, false);
    ck_assert_str_eq(b.ptr,
                     "+{\"b\":[1,-2,true,null,\"x/\xc3\xa4\\\"\"],\"a\":{\"d\":1,\"c\":{}}}");
    rf_buf_clear(&b);
    rf_json_add_value(&b, doc, true);
    ck_assert_str_eq(b.ptr, "{\"a\":{\"c\":{},\"d\":1},\"b\":[1,-2,true,null,\"x/\xc3\xa4\\\"\"]}");
    rf_buf_release(&b);
    /* No room for all of it: none of it. */
    rf_buf_init(&b, 10);
    rf_buf_add_str(&b, "+");
    rf_json_add_value(&b, doc, false);
    ck_assert_int_eq(b.rc, -RFE_TOO_LARGE);
    ck_assert_str_eq(b.ptr, "+");
    rf_buf_release(&b);
    rf_buf_init(&b, 0);
    rf_json_add_value(&b, json_object_get(json_object_get(doc, "a"), "d"), false);
    ck_assert_str_eq(b.ptr, "1");
    rf_buf_release(&b);
}
END_TEST

static int parse_one(void *ctx, size_t i, struct rf_err *err)
{
    (void)ctx;
    (void)i;
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    return rf_json_parse(rf_slice_str(DOC), MAX, &doc, err);
}

START_TEST(many_threads_parse_at_once)
{
    /* Also the first use of all, where the hash of objects is seeded. */
    ck_assert_int_eq(rf_parallel(8, 200, parse_one, NULL, NULL), 0);
}
END_TEST

Suite *rf_json_suite(void)
{
    Suite *s = suite_create("json");
    TCase *tc = tcase_create("json");
    cases = test_cases_load("json", ".case");
    tcase_add_test(tc, all_cases_are_there);
    tcase_add_loop_test(tc, documents, 0, (int)cases.n);
    tcase_add_test(tc, every_cut_is_handled);
    tcase_add_test(tc, keys_are_counted_per_object);
    tcase_add_loop_test(tc, members, 0, RF_ARRAY_LEN(getters));
    tcase_add_test(tc, what_is_no_object_has_no_members);
    tcase_add_test(tc, digests);
    tcase_add_test(tc, arrays_are_capped);
    tcase_add_loop_test(tc, strings_are_escaped_as_little_as_possible, 0, RF_ARRAY_LEN(strings));
    tcase_add_test(tc, values_are_compact);
    tcase_add_test(tc, many_threads_parse_at_once);
    suite_add_tcase(s, tc);
    return s;
}
