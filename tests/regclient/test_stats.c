/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/stats.h"

#include <check.h>

#include "base/mem.h"

START_TEST(counts)
{
    struct rf_stats *s = rf_stats_new();
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    rf_stats_text(s, &text);
    ck_assert_str_eq(text.ptr, "requests: 0, received 0 B, sent 0 B");
    rf_stats_count(s, RF_REQ_MANIFEST_HEAD);
    rf_stats_count(s, RF_REQ_MANIFEST_HEAD);
    rf_stats_count(s, RF_REQ_BLOB_GET);
    rf_stats_count(s, RF_REQ_RETRY);
    rf_stats_bytes(s, 1500, 7);
    ck_assert_uint_eq(rf_stats_get(s, RF_REQ_MANIFEST_HEAD), 2);
    ck_assert_uint_eq(rf_stats_requests(s), 3);
    ck_assert_uint_eq(rf_stats_received(s), 1500);
    ck_assert_uint_eq(rf_stats_sent(s), 7);
    rf_buf_clear(&text);
    rf_stats_text(s, &text);
    ck_assert_str_eq(
        text.ptr, "requests: 3 (manifest head 2, blob get 1, retry 1), received 1.5 kB, sent 7 B");
    rf_buf_clear(&text);
    rf_stats_json(s, &text);
    ck_assert_str_eq(
        text.ptr,
        "{\"requests\":3,\"byKind\":{\"manifestHead\":2,\"blobGet\":1,\"retry\":1},\"received\":1500,\"sent\":7}");
    rf_stats_free(s);
}
END_TEST

START_TEST(nobody_need_count)
{
    rf_stats_count(NULL, RF_REQ_PING);
    rf_stats_bytes(NULL, 1, 1);
    rf_stats_free(NULL);
}
END_TEST

Suite *rf_stats_suite(void);
Suite *rf_stats_suite(void)
{
    Suite *s = suite_create("stats");
    TCase *t = tcase_create("stats");
    tcase_add_test(t, counts);
    tcase_add_test(t, nobody_need_count);
    suite_add_tcase(s, t);
    return s;
}
