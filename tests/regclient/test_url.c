/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/url.h"

#include <check.h>

#include "base/mem.h"
#include "tests/support/data_files.h"

#define PARSE_ROWS 52
#define RESOLVE_ROWS 27
#define SAFE_ROWS 6

static struct test_table loaded; /* in use to the end of the test */

static struct test_table table(const char *name, size_t rows)
{
    loaded = test_table_load(name);
    ck_assert_msg(loaded.n == rows, "%s has %zu rows", name, loaded.n);
    return loaded;
}

START_TEST(parses)
{
    char **row = table("regclient/url-parse.tsv", PARSE_ROWS).rows[_i];
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_url_parse(row[1], &url, &err);
    if (row[2] == NULL) {
        ck_assert_msg(rc == -RFE_INVALID && url.host == NULL, "%s: %d", row[0], rc);
        return;
    }
    ck_assert_msg(rc == 0, "%s: %s", row[0], err.msg);
    RF_CLEANUP(rf_freep) char *text = rf_url_text(&url);
    ck_assert_msg(strcmp(text, row[2]) == 0, "%s: %s", row[0], text);
}
END_TEST

START_TEST(resolves)
{
    char **row = table("regclient/url-resolve.tsv", RESOLVE_ROWS).rows[_i];
    RF_CLEANUP(rf_url_release) struct rf_url base = RF_URL_INIT;
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_url_parse(row[1], &base, &err), 0);
    int rc = rf_url_resolve(&base, row[2], &url, &err);
    if (row[3] == NULL) {
        ck_assert_msg(rc == -RFE_INVALID, "%s: %d", row[0], rc);
        return;
    }
    ck_assert_msg(rc == 0, "%s: %s", row[0], err.msg);
    RF_CLEANUP(rf_freep) char *text = rf_url_text(&url);
    ck_assert_msg(strcmp(text, row[3]) == 0, "%s: %s", row[0], text);
}
END_TEST

START_TEST(shows_without_secrets)
{
    char **row = table("regclient/url-safe.tsv", SAFE_ROWS).rows[_i];
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    ck_assert_int_eq(rf_url_parse(row[1], &url, NULL), 0);
    RF_CLEANUP(rf_freep) char *text = rf_url_safe(&url);
    ck_assert_msg(strcmp(text, row[2]) == 0, "%s: %s", row[0], text);
}
END_TEST

static bool same(const char *a, const char *b)
{
    RF_CLEANUP(rf_url_release) struct rf_url x = RF_URL_INIT;
    RF_CLEANUP(rf_url_release) struct rf_url y = RF_URL_INIT;
    ck_assert_int_eq(rf_url_parse(a, &x, NULL), 0);
    ck_assert_int_eq(rf_url_parse(b, &y, NULL), 0);
    return rf_url_same_origin(&x, &y);
}

START_TEST(compares_origins)
{
    ck_assert(same("https://h/a", "https://H:443/b?c"));
    ck_assert(same("http://[::1]/", "http://[0::1]:80/"));
    ck_assert(!same("https://h/", "http://h/"));
    ck_assert(!same("https://h/", "https://h:5000/"));
    ck_assert(!same("http://h:443/", "https://h:443/"));
    ck_assert(!same("https://h/", "https://h.example/"));
    ck_assert(!same("https://h/", "https://x.h/"));
}
END_TEST

START_TEST(adds_queries)
{
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    ck_assert_int_eq(rf_url_parse("https://h/a", &url, NULL), 0);
    rf_url_add_query(&url, "digest", "sha256:00");
    rf_url_add_query(&url, "a b", "x&y=z/\xc3\xa4");
    ck_assert_str_eq(url.query, "digest=sha256%3A00&a%20b=x%26y%3Dz%2F%C3%A4");
    RF_CLEANUP(rf_url_release) struct rf_url kept = RF_URL_INIT;
    ck_assert_int_eq(rf_url_parse("https://h/a?_state=x&", &kept, NULL), 0);
    rf_url_add_query(&kept, "n", "1");
    ck_assert_str_eq(kept.query, "_state=x&n=1");
}
END_TEST

/* A URL of n bytes. */
static char *long_url(const char *lead, size_t n)
{
    char *text = rf_xmalloc(n + 1);
    memset(text, 'a', n);
    memcpy(text, lead, strlen(lead));
    text[n] = '\0';
    return text;
}

START_TEST(bounds_the_length)
{
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    RF_CLEANUP(rf_freep) char *fits = long_url("https://h/", RF_URL_MAX);
    RF_CLEANUP(rf_freep) char *over = long_url("https://h/", RF_URL_MAX + 1);
    /* Its slash is added on reading. */
    RF_CLEANUP(rf_freep) char *grows = long_url("https://h?", RF_URL_MAX);
    ck_assert_int_eq(rf_url_parse(over, &url, NULL), -RFE_INVALID);
    ck_assert_int_eq(rf_url_parse(grows, &url, NULL), -RFE_INVALID);
    ck_assert_int_eq(rf_url_parse(fits, &url, NULL), 0);
    RF_CLEANUP(rf_url_release) struct rf_url next = RF_URL_INIT;
    RF_CLEANUP(rf_freep) char *relative = long_url("b", RF_URL_MAX);
    RF_CLEANUP(rf_url_release) struct rf_url base = RF_URL_INIT;
    ck_assert_int_eq(rf_url_parse("https://h/dir/", &base, NULL), 0);
    ck_assert_int_eq(rf_url_resolve(&base, relative, &next, NULL), -RFE_INVALID);
}
END_TEST

START_TEST(copies)
{
    RF_CLEANUP(rf_url_release) struct rf_url a = RF_URL_INIT;
    RF_CLEANUP(rf_url_release) struct rf_url b = RF_URL_INIT;
    ck_assert_int_eq(rf_url_parse("http://[::1]:7/p?q", &a, NULL), 0);
    rf_url_copy(&a, &b);
    rf_url_release(&a);
    RF_CLEANUP(rf_freep) char *text = rf_url_text(&b);
    ck_assert_str_eq(text, "http://[::1]:7/p?q");
}
END_TEST

Suite *rf_url_suite(void);
Suite *rf_url_suite(void)
{
    Suite *s = suite_create("url");
    TCase *t = tcase_create("url");
    tcase_add_loop_test(t, parses, 0, PARSE_ROWS);
    tcase_add_loop_test(t, resolves, 0, RESOLVE_ROWS);
    tcase_add_loop_test(t, shows_without_secrets, 0, SAFE_ROWS);
    tcase_add_test(t, compares_origins);
    tcase_add_test(t, adds_queries);
    tcase_add_test(t, bounds_the_length);
    tcase_add_test(t, copies);
    suite_add_tcase(s, t);
    return s;
}
