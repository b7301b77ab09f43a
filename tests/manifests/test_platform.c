/* SPDX-License-Identifier: Apache-2.0 */
#include "manifests/platform.h"

#include <check.h>

#include "base/mem.h"
#include "tests/support/data_files.h"

static struct test_table texts, relations;

static void check_field(const char *text, const char *want, const char *have, const char *local)
{
    if (strcmp(want, "LOCAL") == 0)
        want = local;
    ck_assert_msg(strcmp(have, want) == 0, "%s: \"%s\", not \"%s\"", text, have, want);
}

START_TEST(text_row)
{
    char *const *f = texts.rows[_i];
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_platform_release) struct rf_platform p = RF_PLATFORM_INIT;
    int rc = rf_platform_parse(f[0], &p, &err);
    if (strcmp(f[1], "!") == 0) {
        ck_assert_msg(rc == -RFE_INVALID, "%s was accepted", f[0]);
        ck_assert_msg(strstr(err.msg, f[2]) != NULL, "\"%s\" lacks \"%s\"", err.msg, f[2]);
        ck_assert_msg(strstr(err.msg, "failed to parse platform") == err.msg, "%s", err.msg);
        ck_assert_ptr_null(p.os);
        return;
    }
    ck_assert_msg(rc == 0, "%s: %s", f[0], err.msg);
    RF_CLEANUP(rf_platform_release) struct rf_platform local = RF_PLATFORM_INIT;
    rf_platform_local(&local);
    check_field(f[0], f[1], p.os, local.os);
    check_field(f[0], f[2], p.architecture, local.architecture);
    check_field(f[0], f[3], p.variant, local.variant);
    check_field(f[0], f[4], p.os_version, "");
    RF_CLEANUP(rf_freep) char *printed = rf_platform_text(&p);
    RF_CLEANUP(rf_freep) char *here = rf_platform_text(&local);
    check_field(f[0], f[5], printed, here);
}
END_TEST

START_TEST(relation_row)
{
    char *const *f = relations.rows[_i];
    RF_CLEANUP(rf_platform_release) struct rf_platform a = RF_PLATFORM_INIT;
    RF_CLEANUP(rf_platform_release) struct rf_platform b = RF_PLATFORM_INIT;
    RF_CLEANUP(rf_platform_release) struct rf_platform c = RF_PLATFORM_INIT;
    ck_assert_int_eq(rf_platform_parse(f[1], &a, NULL), 0);
    ck_assert_int_eq(rf_platform_parse(f[2], &b, NULL), 0);
    if (f[3] != NULL)
        ck_assert_int_eq(rf_platform_parse(f[3], &c, NULL), 0);
    bool have;
    if (strcmp(f[0], "match") == 0) {
        have = rf_platform_match(&a, &b);
        ck_assert_msg(have == rf_platform_match(&b, &a), "match is symmetric");
    } else if (strcmp(f[0], "compatible") == 0) {
        have = rf_platform_compatible(&a, &b);
    } else {
        ck_assert_str_eq(f[0], "better");
        have = rf_platform_better(&a, &b, &c);
    }
    ck_assert_msg(have == (strcmp(f[4], "yes") == 0), "%s %s %s %s", f[0], f[1], f[2],
                  f[3] != NULL ? f[3] : "");
}
END_TEST

START_TEST(tables_are_there)
{
    ck_assert_uint_ge(texts.n, 45);
    ck_assert_uint_ge(relations.n, 45);
}
END_TEST

START_TEST(local_is_whole)
{
    RF_CLEANUP(rf_platform_release) struct rf_platform p = RF_PLATFORM_INIT;
    rf_platform_local(&p);
    ck_assert_str_ne(p.os, "");
    ck_assert_str_ne(p.architecture, "");
    ck_assert_ptr_nonnull(p.variant);
    ck_assert_ptr_nonnull(p.os_version);
    ck_assert(rf_platform_match(&p, &p));
    ck_assert(rf_platform_compatible(&p, &p));
}
END_TEST

static int from_json(const char *text, struct rf_platform *out, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    ck_assert_int_eq(rf_json_parse(rf_slice_str(text), 4096, &doc, NULL), 0);
    return rf_platform_from_json(doc, "manifests[0].platform", out, err);
}

START_TEST(json_is_kept_as_it_is)
{
    RF_CLEANUP(rf_platform_release) struct rf_platform p = RF_PLATFORM_INIT, q = RF_PLATFORM_INIT;
    ck_assert_int_eq(from_json("{\"os\":\"windows\",\"architecture\":\"x86_64\",\"variant\":\"v1\","
                               "\"os.version\":\"10.0.1.2\",\"os.features\":[\"win32k\",\"b\"]}",
                               &p, NULL),
                     0);
    ck_assert_str_eq(p.architecture, "x86_64");
    ck_assert_str_eq(p.variant, "v1");
    ck_assert_str_eq(p.os_version, "10.0.1.2");
    ck_assert_uint_eq(p.n_os_features, 2);
    RF_CLEANUP(rf_freep) char *text = rf_platform_text(&p);
    ck_assert_str_eq(text, "windows/amd64");
    rf_platform_copy(&p, &q);
    ck_assert(rf_platform_match(&p, &q));
    ck_assert_str_eq(q.os_features[1], "b");
    ck_assert_ptr_ne(q.os_features[1], p.os_features[1]);
}
END_TEST

START_TEST(json_without_anything)
{
    RF_CLEANUP(rf_platform_release) struct rf_platform p = RF_PLATFORM_INIT;
    ck_assert_int_eq(from_json("{}", &p, NULL), 0);
    ck_assert_str_eq(p.os, "");
    ck_assert_str_eq(p.os_version, "");
    RF_CLEANUP(rf_freep) char *text = rf_platform_text(&p);
    ck_assert_str_eq(text, "unknown");
    RF_CLEANUP(rf_platform_release) struct rf_platform zero = RF_PLATFORM_INIT;
    ck_assert(rf_platform_match(&p, &zero));
}
END_TEST

START_TEST(json_refused)
{
    static const char *const pairs[][2] = {
        { "[]", "manifests[0].platform: not an object" },
        { "{\"os\":1}", "manifests[0].platform.os: not a string" },
        { "{\"variant\":[]}", "manifests[0].platform.variant: not a string" },
        { "{\"os.features\":\"x\"}", "manifests[0].platform.os.features: not an array" },
        { "{\"os.features\":[1]}", "manifests[0].platform.os.features[0]: not a short string" },
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(pairs); i++) {
        struct rf_platform p = RF_PLATFORM_INIT;
        struct rf_err err = RF_ERR_INIT;
        ck_assert_int_eq(from_json(pairs[i][0], &p, &err), -RFE_INVALID);
        ck_assert_str_eq(err.msg, pairs[i][1]);
        ck_assert_ptr_null(p.os);
    }
}
END_TEST

START_TEST(other_systems_compare_features)
{
    RF_CLEANUP(rf_platform_release) struct rf_platform a = RF_PLATFORM_INIT, b = RF_PLATFORM_INIT;
    ck_assert_int_eq(from_json("{\"os\":\"zos\",\"os.features\":[\"x\"]}", &a, NULL), 0);
    ck_assert_int_eq(from_json("{\"os\":\"zos\",\"os.features\":[\"y\"]}", &b, NULL), 0);
    ck_assert(!rf_platform_match(&a, &b));
    ck_assert(!rf_platform_compatible(&a, &b));
    ck_assert(rf_platform_match(&a, &a));
}
END_TEST

Suite *rf_platform_suite(void);
Suite *rf_platform_suite(void)
{
    Suite *s = suite_create("platform");
    TCase *t = tcase_create("platform");
    texts = test_table_load("manifests/platforms.tsv");
    relations = test_table_load("manifests/platform-relations.tsv");
    tcase_add_test(t, tables_are_there);
    tcase_add_loop_test(t, text_row, 0, (int)texts.n);
    tcase_add_loop_test(t, relation_row, 0, (int)relations.n);
    tcase_add_test(t, local_is_whole);
    tcase_add_test(t, json_is_kept_as_it_is);
    tcase_add_test(t, json_without_anything);
    tcase_add_test(t, json_refused);
    tcase_add_test(t, other_systems_compare_features);
    suite_add_tcase(s, t);
    return s;
}
