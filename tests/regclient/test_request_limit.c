/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of a registry's answers: how many, and what they say of the limit on pulls. */
#include <check.h>

#include "base/mem.h"
#include "regclient/request_private.h"
#include "tests/regclient/helper_registry.h"

#define R RF_CLEANUP(test_registry_stopp) struct test_registry *r

static void read_manifest(struct test_registry *r, enum rf_http_method method, int want)
{
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_remote_url(r->remote, "/a/manifests/1", &url, NULL), 0);
    rf_http_response_init(&resp);
    const struct rf_request call = { .kind = method == RF_HEAD ? RF_REQ_MANIFEST_HEAD
                                                               : RF_REQ_MANIFEST_GET,
                                     .method = method,
                                     .url = &url,
                                     .scope = "repository:a:pull",
                                     .once = true,
                                     .body_max = 1u << 20 };
    int rc = rf_remote_call(r->remote, &call, &resp, &err);
    ck_assert_msg(rc == want, "%d: %s", rc, err.msg);
}

static void expect_limit(struct test_registry *r, uint64_t remain, uint64_t limit)
{
    struct rf_remote_limit said = rf_remote_limit(r->remote);
    ck_assert(said.set);
    ck_assert_uint_eq(said.remain, remain);
    ck_assert_uint_eq(said.limit, limit);
}

START_TEST(what_is_left_of_a_limit)
{
    R = test_registry_start("{\"options\":{\"pulls\":{\"limit\":100,\"remaining\":2}}}", NULL);
    struct rf_digest d;
    test_registry_image(r, "a", "1", 1, 10, &d);
    ck_assert(!rf_remote_limit(r->remote).set);
    read_manifest(r, RF_HEAD, 0);
    expect_limit(r, 2, 100);
    read_manifest(r, RF_GET, 0);
    expect_limit(r, 1, 100);
    read_manifest(r, RF_GET, 0);
    read_manifest(r, RF_GET, -RFE_RATE_LIMITED);
    expect_limit(r, 0, 100);
}
END_TEST

START_TEST(late_answers_give_nothing_back)
{
    R = test_registry_start("plain", NULL);
    struct rf_headers seven = { 0 }, five = { 0 }, nine = { 0 }, odd = { 0 };
    ck_assert_int_eq(rf_headers_add(&seven, rf_slice_str("RateLimit-Remaining: 7;w=60"), NULL), 0);
    ck_assert_int_eq(rf_headers_add(&five, rf_slice_str("RateLimit-Remaining: 5"), NULL), 0);
    ck_assert_int_eq(rf_headers_add(&nine, rf_slice_str("RateLimit-Remaining: 9"), NULL), 0);
    ck_assert_int_eq(rf_headers_add(&odd, rf_slice_str("RateLimit-Remaining: many"), NULL), 0);
    uint64_t first = rf_remote_turn(r->remote), second = rf_remote_turn(r->remote);
    rf_remote_note_limit(r->remote, second, &five);
    rf_remote_note_limit(r->remote, first, &seven); /* under way together: it was before */
    expect_limit(r, 5, 0);
    rf_remote_note_limit(r->remote, rf_remote_turn(r->remote), &odd);
    expect_limit(r, 5, 0);
    rf_remote_note_limit(r->remote, rf_remote_turn(r->remote), &nine); /* the window went on */
    expect_limit(r, 9, 0);
    rf_headers_release(&seven);
    rf_headers_release(&five);
    rf_headers_release(&nine);
    rf_headers_release(&odd);
}
END_TEST

START_TEST(calls_are_counted_without_logins)
{
    R = test_registry_start("basic", ",user=carrier,pass=canary-secret-1");
    struct rf_digest d;
    test_registry_image(r, "a", "1", 1, 10, &d);
    uint64_t sent = rf_stats_get(r->stats, RF_REQ_MANIFEST_GET);
    read_manifest(r, RF_GET, 0);
    read_manifest(r, RF_GET, 0);
    ck_assert_uint_eq(rf_remote_calls(r->remote, RF_REQ_MANIFEST_GET), 2);
    ck_assert_uint_eq(rf_remote_calls(r->remote, RF_REQ_MANIFEST_HEAD), 0);
    ck_assert_uint_eq(rf_stats_get(r->stats, RF_REQ_MANIFEST_GET) - sent, 3); /* one was a 401 */
}
END_TEST

Suite *rf_request_limit_suite(void);
Suite *rf_request_limit_suite(void)
{
    Suite *s = suite_create("request_limit");
    TCase *t = tcase_create("answers");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, what_is_left_of_a_limit);
    tcase_add_test(t, late_answers_give_nothing_back);
    tcase_add_test(t, calls_are_counted_without_logins);
    suite_add_tcase(s, t);
    return s;
}
