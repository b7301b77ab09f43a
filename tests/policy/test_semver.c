/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/semver.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/support/data_files.h"

static struct test_table versions, ranges, refused;

START_TEST(version)
{
    char **row = versions.rows[_i];
    struct rf_semver a, b;
    bool is = rf_semver_parse(rf_slice_str(row[0]), &a);
    ck_assert_msg(is == (strcmp(row[1], "none") != 0), "\"%s\" %s", row[0], row[1]);
    if (!is)
        return;
    ck_assert_msg(rf_semver_parse(rf_slice_str(row[2]), &b), "%s", row[2]);
    int want = row[1][0] == '<' ? -1 : row[1][0] == '>';
    int have = rf_semver_compare(&a, &b), back = rf_semver_compare(&b, &a);
    ck_assert_msg((have > 0) - (have < 0) == want, "%s %s %s: %d", row[0], row[1], row[2], have);
    ck_assert_msg((back > 0) - (back < 0) == -want, "%s %s %s: %d back", row[0], row[1], row[2],
                  back);
}
END_TEST

/* Splits at `sign`, in place; the number of parts. */
static size_t split(char *text, char sign, char *parts[], size_t max)
{
    size_t n = 0;
    for (char *p = text; p != NULL && n < max;) {
        char *end = strchr(p, sign);
        if (end != NULL)
            *end++ = '\0';
        if (*p != '\0')
            parts[n++] = p;
        p = end;
    }
    return n;
}

static void check_all(const char *name, const struct rf_semver_ranges *r, char *list, bool want)
{
    char *texts[16];
    size_t n = split(list, ' ', texts, RF_ARRAY_LEN(texts));
    ck_assert_uint_gt(n, 0);
    for (size_t i = 0; i < n; i++) {
        struct rf_semver v;
        bool in = rf_semver_parse(rf_slice_str(texts[i]), &v) && rf_semver_ranges_match(r, &v);
        ck_assert_msg(in == want, "%s: %s is %s", name, texts[i], in ? "in" : "not in");
    }
}

START_TEST(range)
{
    char **row = ranges.rows[_i], *parts[8];
    RF_CLEANUP(rf_freep) char *name = rf_xstrdup(row[0]);
    RF_CLEANUP(rf_semver_ranges_freep) struct rf_semver_ranges *r = NULL;
    struct rf_err err = RF_ERR_INIT;
    size_t n = split(row[0], '|', parts, RF_ARRAY_LEN(parts));
    ck_assert_msg(rf_semver_ranges_new(parts, n, &r, &err) == 0, "%s: %s", name, err.msg);
    check_all(name, r, row[1], true);
    check_all(name, r, row[2], false);
}
END_TEST

START_TEST(refused_range)
{
    char **row = refused.rows[_i];
    struct rf_semver_ranges *r = NULL;
    struct rf_err err = RF_ERR_INIT;
    char *list[] = { "1", row[0] };
    ck_assert_msg(rf_semver_ranges_new(list, 2, &r, &err) == -RFE_CONFIG, "%s", row[0]);
    ck_assert_msg(strstr(err.msg, row[1]) != NULL, "%s: %s", row[0], err.msg);
    ck_assert_ptr_null(r);
    ck_assert_int_eq(rf_semver_range_check(row[0], NULL), -RFE_CONFIG);
    ck_assert_int_eq(rf_semver_range_check(">=1", NULL), 0);
}
END_TEST

START_TEST(bounds)
{
    char text[RF_SEMVER_TEXT_MAX + 2];
    struct rf_semver v;
    memset(text, '1', sizeof(text));
    text[1] = '-';
    ck_assert(rf_semver_parse(rf_slice_of(text, RF_SEMVER_TEXT_MAX), &v));
    ck_assert(!rf_semver_parse(rf_slice_of(text, RF_SEMVER_TEXT_MAX + 1), &v));
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    for (int i = 0; i < RF_SEMVER_TERMS_MAX; i++)
        rf_buf_add_str(&b, ">1 ");
    ck_assert_int_eq(rf_semver_range_check(b.ptr, NULL), 0);
    rf_buf_add_str(&b, ">1");
    ck_assert_int_eq(rf_semver_range_check(b.ptr, NULL), -RFE_CONFIG);
    char *many[RF_SEMVER_RANGES_MAX + 1];
    for (size_t i = 0; i < RF_ARRAY_LEN(many); i++)
        many[i] = "1";
    RF_CLEANUP(rf_semver_ranges_freep) struct rf_semver_ranges *r = NULL;
    ck_assert_int_eq(rf_semver_ranges_new(many, RF_SEMVER_RANGES_MAX + 1, &r, NULL), -RFE_CONFIG);
    ck_assert_int_eq(rf_semver_ranges_new(many, 0, &r, NULL), 0);
    ck_assert(!rf_semver_ranges_match(r, &v));
}
END_TEST

START_TEST(tables_are_there)
{
    ck_assert_uint_ge(versions.n, 45);
    ck_assert_uint_ge(ranges.n, 20);
    ck_assert_uint_ge(refused.n, 10);
}
END_TEST

Suite *rf_semver_suite(void);
Suite *rf_semver_suite(void)
{
    Suite *s = suite_create("semver");
    TCase *t = tcase_create("semver");
    versions = test_table_load("policy/versions.table");
    ranges = test_table_load("policy/ranges.table");
    refused = test_table_load("policy/ranges_refused.table");
    tcase_add_test(t, tables_are_there);
    tcase_add_loop_test(t, version, 0, (int)versions.n);
    tcase_add_loop_test(t, range, 0, (int)ranges.n);
    tcase_add_loop_test(t, refused_range, 0, (int)refused.n);
    tcase_add_test(t, bounds);
    suite_add_tcase(s, t);
    return s;
}
