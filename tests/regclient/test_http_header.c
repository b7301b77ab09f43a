/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/http_header.h"

#include <check.h>
#include <inttypes.h>

#include "base/mem.h"
#include "base/text.h"
#include "tests/support/data_files.h"

#define CONTENT_RANGE_ROWS 18
#define UPLOAD_RANGE_ROWS 12
#define LINK_ROWS 22
#define RETRY_ROWS 12
#define CHALLENGE_ROWS 20

static struct test_table loaded; /* in use to the end of the test */

static struct test_table table(const char *name, size_t rows)
{
    loaded = test_table_load(name);
    ck_assert_msg(loaded.n == rows, "%s has %zu rows", name, loaded.n);
    return loaded;
}

static int add(struct rf_headers *h, const char *line)
{
    return rf_headers_add(h, rf_slice_str(line), NULL);
}

static void add_lines(struct rf_headers *h, const char *lines)
{
    while (*lines != '\0') {
        size_t n = strcspn(lines, "\n");
        ck_assert_int_eq(rf_headers_add(h, rf_slice_of(lines, n), NULL), 0);
        lines += n;
        lines += *lines == '\n';
    }
}

START_TEST(keeps_headers)
{
    RF_CLEANUP(rf_headers_release) struct rf_headers h = { 0 };
    size_t pos = 0;
    ck_assert_int_eq(add(&h, "Content-Type:  text/plain \r\n"), 0);
    ck_assert_int_eq(add(&h, "LINK: <a>"), 0);
    ck_assert_int_eq(add(&h, "Empty:"), 0);
    ck_assert_int_eq(add(&h, "Link:<b>"), 0);
    ck_assert_int_eq(add(&h, "  folded"), 0);
    ck_assert_str_eq(rf_headers_get(&h, "content-TYPE"), "text/plain");
    ck_assert_str_eq(h.names[0], "content-type");
    ck_assert_str_eq(rf_headers_get(&h, "empty"), "");
    ck_assert_ptr_null(rf_headers_get(&h, "absent"));
    ck_assert_str_eq(rf_headers_next(&h, "link", &pos), "<a>");
    ck_assert_str_eq(rf_headers_next(&h, "link", &pos), "<b> folded");
    ck_assert_ptr_null(rf_headers_next(&h, "link", &pos));
    rf_headers_clear(&h);
    ck_assert_ptr_null(rf_headers_get(&h, "link"));
}
END_TEST

static const char *const odd_lines[] = { "",          "\r\n",     "no colon",
                                         ": no name", "na me: x", "a\x01: x",
                                         "a: \x01",   "a: x\x7f", " folded at once",
                                         "a\xc3: x" };

START_TEST(refuses_odd_lines)
{
    RF_CLEANUP(rf_headers_release) struct rf_headers h = { 0 };
    ck_assert_msg(add(&h, odd_lines[_i]) == -RFE_INVALID, "%s", odd_lines[_i]);
    ck_assert_uint_eq(h.n, 0);
    ck_assert_int_eq(rf_headers_add(&h, rf_slice_of("a: b\0c", 6), NULL), -RFE_INVALID);
}
END_TEST

START_TEST(bounds_the_lines)
{
    RF_CLEANUP(rf_headers_release) struct rf_headers h = { 0 };
    for (int i = 0; i < RF_HEADER_LINES_MAX; i++)
        ck_assert_int_eq(add(&h, "a: b"), 0);
    ck_assert_int_eq(add(&h, "a: b"), -RFE_TOO_LARGE);
    ck_assert_uint_eq(h.n, RF_HEADER_LINES_MAX);
}
END_TEST

START_TEST(bounds_the_bytes)
{
    RF_CLEANUP(rf_headers_release) struct rf_headers h = { 0 };
    RF_CLEANUP(rf_freep) char *line = rf_xmalloc(RF_HEADERS_MAX + 1);
    memset(line, 'x', RF_HEADERS_MAX + 1);
    memcpy(line, "a: ", 3);
    ck_assert_int_eq(rf_headers_add(&h, rf_slice_of(line, RF_HEADERS_MAX + 1), NULL),
                     -RFE_TOO_LARGE);
    ck_assert_int_eq(rf_headers_add(&h, rf_slice_of(line, RF_HEADERS_MAX), NULL), 0);
    ck_assert_int_eq(add(&h, "a: b"), -RFE_TOO_LARGE);
    /* A folded line is no way around. */
    ck_assert_int_eq(add(&h, " b"), -RFE_TOO_LARGE);
}
END_TEST

START_TEST(reads_content_range)
{
    char **row = table("regclient/content-range.tsv", CONTENT_RANGE_ROWS).rows[_i];
    uint64_t first = 7, last = 7, total = 7;
    char text[100];
    int rc = rf_content_range(row[1], &first, &last, &total, NULL);
    if (row[2] == NULL) {
        ck_assert_msg(rc == -RFE_INVALID && first == 7 && last == 7 && total == 7, "%s", row[0]);
        return;
    }
    ck_assert_msg(rc == 0, "%s", row[0]);
    if (total == UINT64_MAX)
        snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 " *", first, last);
    else
        snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 " %" PRIu64, first, last, total);
    RF_CLEANUP(rf_freep) char *want = rf_xasprintf("%s %s %s", row[2], row[3], row[4]);
    ck_assert_msg(strcmp(text, want) == 0, "%s: %s", row[0], text);
}
END_TEST

START_TEST(reads_upload_range)
{
    char **row = table("regclient/upload-range.tsv", UPLOAD_RANGE_ROWS).rows[_i];
    uint64_t held = 7;
    char text[32];
    int rc = rf_upload_range(row[1], &held, NULL);
    snprintf(text, sizeof(text), "%" PRIu64, held);
    if (row[2] == NULL)
        ck_assert_msg(rc == -RFE_INVALID && held == 7, "%s", row[0]);
    else
        ck_assert_msg(rc == 0 && strcmp(text, row[2]) == 0, "%s: %s", row[0], text);
}
END_TEST

START_TEST(absent_values_are_refused)
{
    uint64_t a, b, c;
    uint32_t s;
    ck_assert_int_eq(rf_content_range(NULL, &a, &b, &c, NULL), -RFE_INVALID);
    ck_assert_int_eq(rf_upload_range(NULL, &a, NULL), -RFE_INVALID);
    ck_assert(!rf_retry_after(NULL, &s));
}
END_TEST

START_TEST(finds_the_next_page)
{
    char **row = table("regclient/link-next.tsv", LINK_ROWS).rows[_i];
    RF_CLEANUP(rf_headers_release) struct rf_headers h = { 0 };
    RF_CLEANUP(rf_freep) char *target = NULL;
    add_lines(&h, row[1]);
    int rc = rf_link_next(&h, &target, NULL);
    if (row[2] != NULL && strcmp(row[2], "!") == 0) {
        ck_assert_msg(rc == -RFE_INVALID && target == NULL, "%s", row[0]);
        return;
    }
    ck_assert_msg(rc == 0, "%s", row[0]);
    if (row[2] == NULL)
        ck_assert_msg(target == NULL, "%s: %s", row[0], target);
    else
        ck_assert_msg(target != NULL && strcmp(target, row[2]) == 0, "%s: %s", row[0], target);
}
END_TEST

START_TEST(reads_retry_after)
{
    char **row = table("regclient/retry-after.tsv", RETRY_ROWS).rows[_i];
    uint32_t seconds = 7;
    char text[16];
    bool good = rf_retry_after(row[1], &seconds);
    snprintf(text, sizeof(text), "%u", seconds);
    if (row[2] == NULL)
        ck_assert_msg(!good && seconds == 7, "%s: %s", row[0], text);
    else
        ck_assert_msg(good && strcmp(text, row[2]) == 0, "%s: %s", row[0], text);
}
END_TEST

START_TEST(a_date_soon_is_counted)
{
    char text[64];
    uint32_t seconds = 0;
    time_t when = time(NULL) + 100;
    struct tm tm;
    ck_assert_ptr_nonnull(gmtime_r(&when, &tm));
    ck_assert_uint_gt(strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm), 0);
    ck_assert(rf_retry_after(text, &seconds));
    ck_assert_uint_ge(seconds, 98);
    ck_assert_uint_le(seconds, 100);
}
END_TEST

static const char *or_empty(const char *s)
{
    return s != NULL ? s : "";
}

START_TEST(reads_challenges)
{
    char **row = table("regclient/challenges.tsv", CHALLENGE_ROWS).rows[_i];
    RF_CLEANUP(rf_headers_release) struct rf_headers h = { 0 };
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    struct rf_challenge *list = NULL;
    size_t n = 0;
    rf_buf_init(&text, 0);
    add_lines(&h, row[1]);
    int rc = rf_challenges_parse(&h, &list, &n, NULL);
    if (row[2] != NULL && strcmp(row[2], "!") == 0) {
        ck_assert_msg(rc == -RFE_INVALID && list == NULL, "%s", row[0]);
        return;
    }
    ck_assert_msg(rc == 0, "%s", row[0]);
    for (size_t i = 0; i < n; i++)
        rf_buf_addf(&text, "%s%s|%s|%s|%s|%s", i > 0 ? " + " : "", list[i].scheme,
                    or_empty(list[i].realm), or_empty(list[i].service), or_empty(list[i].scope),
                    or_empty(list[i].error));
    rf_challenges_free(list, n);
    ck_assert_msg(strcmp(text.ptr, or_empty(row[2])) == 0, "%s: %s", row[0], text.ptr);
}
END_TEST

START_TEST(bounds_the_challenges)
{
    RF_CLEANUP(rf_headers_release) struct rf_headers h = { 0 };
    struct rf_challenge *list = NULL;
    size_t n = 0;
    add_lines(&h,
              "WWW-Authenticate: a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a");
    ck_assert_int_eq(rf_challenges_parse(&h, &list, &n, NULL), 0);
    ck_assert_uint_eq(n, 32);
    rf_challenges_free(list, n);
    add_lines(&h, "WWW-Authenticate: a");
    ck_assert_int_eq(rf_challenges_parse(&h, &list, &n, NULL), -RFE_INVALID);
}
END_TEST

Suite *rf_http_header_suite(void);
Suite *rf_http_header_suite(void)
{
    Suite *s = suite_create("http_header");
    TCase *t = tcase_create("headers");
    tcase_add_test(t, keeps_headers);
    tcase_add_loop_test(t, refuses_odd_lines, 0, (int)RF_ARRAY_LEN(odd_lines));
    tcase_add_test(t, bounds_the_lines);
    tcase_add_test(t, bounds_the_bytes);
    suite_add_tcase(s, t);
    t = tcase_create("values");
    tcase_add_loop_test(t, reads_content_range, 0, CONTENT_RANGE_ROWS);
    tcase_add_loop_test(t, reads_upload_range, 0, UPLOAD_RANGE_ROWS);
    tcase_add_test(t, absent_values_are_refused);
    tcase_add_loop_test(t, finds_the_next_page, 0, LINK_ROWS);
    tcase_add_loop_test(t, reads_retry_after, 0, RETRY_ROWS);
    tcase_add_test(t, a_date_soon_is_counted);
    tcase_add_loop_test(t, reads_challenges, 0, CHALLENGE_ROWS);
    tcase_add_test(t, bounds_the_challenges);
    suite_add_tcase(s, t);
    return s;
}
