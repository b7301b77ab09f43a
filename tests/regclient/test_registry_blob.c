/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "tests/regclient/helper_registry.h"

#define R RF_CLEANUP(test_registry_stopp) struct test_registry *r
#define SIZE 300000u
#define RULE(match, action) \
    "{\"match\":{\"no_header\":[\"x-test\"]," match "},\"action\":{" action "}}"
#define PROFILE(rules) "{\"rules\":[" rules "]}"
#define BLOB_GET "\"method\":\"GET\",\"path\":\"/blobs/sha\""

/* ---- getting ---- */

struct got {
    struct rf_buf bytes;
    struct rf_err err;
    int rc;
};

static void got_release(struct got *g)
{
    rf_buf_release(&g->bytes);
}

static void get(struct test_registry *r, const struct rf_digest *digest, uint64_t size,
                uint64_t offset, const char *prefix, struct got *g)
{
    *g = (struct got){ 0 };
    rf_buf_init(&g->bytes, 0);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(&g->bytes);
    struct rf_hasher *start = NULL;
    if (offset > 0) {
        start = rf_hasher_new(RF_DIGEST_SHA256);
        rf_hasher_update(start, prefix, offset);
    }
    g->rc = rf_place_get_blob(r->place, "a/b", digest, size, offset, start, sink, &g->err);
}

static const struct {
    const char *profile;
    unsigned n_gets;
    int rc;
} get_rows[] = {
    { "plain", 1, 0 },
    { "reset-mid-blob", 2, 0 },
    { "reset-mid-blob-ignore-range", 2, 0 },
    { "truncated-blob", 2, 0 },
    { "redirect-blobs", 1, 0 },
    { PROFILE(RULE(BLOB_GET ",\"count\":1", "\"type\":\"drop\",\"reset\":true")), 2, 0 },
    { PROFILE(RULE(BLOB_GET ",\"count\":4", "\"type\":\"status\",\"status\":503")), 5, 0 },
    { PROFILE(RULE(BLOB_GET ",\"count\":0", "\"type\":\"reset\",\"body_bytes\":50000")), 6,
      0 }, /* each time a bit more */
    { PROFILE(RULE(BLOB_GET ",\"count\":0", "\"type\":\"reset\",\"body_bytes\":0")), RF_TRIES_MAX,
      -RFE_UNREACHABLE },
    { PROFILE(RULE(BLOB_GET ",\"count\":0", "\"type\":\"truncate\",\"body_bytes\":0")), 2,
      -RFE_NOT_FOUND }, /* it lost the blob and does not know */
    { PROFILE(RULE(BLOB_GET ",\"count\":1", "\"type\":\"truncate\",\"body_bytes\":0")), 2, 0 },
    { PROFILE(RULE(BLOB_GET ",\"count\":0", "\"type\":\"status\",\"status\":500")), RF_TRIES_MAX,
      -RFE_SERVER },
    { PROFILE(RULE(BLOB_GET ",\"count\":0", "\"type\":\"status\",\"status\":403")), 1,
      -RFE_DENIED },
    { PROFILE(RULE(BLOB_GET ",\"count\":0", "\"type\":\"status\",\"status\":206,\"body\":\"x\"")),
      1, -RFE_PROTOCOL },
    { PROFILE(RULE(BLOB_GET ",\"count\":0", "\"type\":\"status\",\"status\":204,\"body\":\"\"")), 1,
      -RFE_PROTOCOL },
    { "blob-missing", 1, -RFE_NOT_FOUND },
    { "lie-blob-bytes", 1, -RFE_DIGEST_MISMATCH },
    { "lie-blob-short", 1, -RFE_SIZE_MISMATCH },
    { "lie-blob-long", 1, -RFE_SIZE_MISMATCH },
    { "lie-html", 1, -RFE_SIZE_MISMATCH },
    { PROFILE(RULE(BLOB_GET ",\"count\":0", "\"type\":\"endless\"")), 1, -RFE_SIZE_MISMATCH },
    { PROFILE(RULE(BLOB_GET ",\"count\":0",
                   "\"type\":\"headers\",\"set\":{\"Content-Encoding\":\"gzip\"}")),
      1, -RFE_PROTOCOL },
};

START_TEST(gets_blobs)
{
    R = test_registry_start(get_rows[_i].profile, NULL);
    RF_CLEANUP(got_release) struct got g;
    RF_CLEANUP(rf_freep) char *want = test_bytes(1, SIZE);
    struct rf_digest digest;
    test_registry_blob(r, "a/b", 1, SIZE, &digest);
    get(r, &digest, SIZE, 0, NULL, &g);
    ck_assert_msg(g.rc == get_rows[_i].rc, "%s: %d %s", get_rows[_i].profile, g.rc, g.err.msg);
    if (g.rc == 0)
        ck_assert(g.bytes.len == SIZE && memcmp(g.bytes.ptr, want, SIZE) == 0);
    else
        ck_assert_msg(strstr(g.err.msg, "blob sha256:") != NULL || g.rc == -RFE_DIGEST_MISMATCH,
                      "%s", g.err.msg);
    ck_assert_msg(g.bytes.len <= SIZE, "%zu", g.bytes.len);
    ck_assert_msg(test_registry_count(r, "main", "GET /v2/a/b/blobs/*") == get_rows[_i].n_gets,
                  "%s: %u requests", get_rows[_i].profile,
                  test_registry_count(r, "main", "GET /v2/a/b/blobs/*"));
}
END_TEST

/* What is answered to a request for the rest. A wrong part is given up for the whole blob, from its start. */
static const struct {
    const char *range; /* Content-Range */
    int rc;
} range_rows[] = {
    { "bytes 1000-299999/300000", 0 }, { "bytes 1000-299999/*", 0 },
    { "bytes 0-299999/300000", 0 },    { "bytes 1001-299999/300000", 0 },
    { "bytes 1000-299999/300001", 0 }, { "bytes 1000-300000/300001", 0 },
    { "bytes 1000-299999", 0 },        { "", 0 },
};

START_TEST(goes_on_where_it_was)
{
    RF_CLEANUP(rf_freep)
    char *profile =
        rf_xasprintf(PROFILE(RULE(BLOB_GET ",\"count\":0",
                                  "\"type\":\"headers\",\"set\":{\"Content-Range\":\"%s\"}")),
                     range_rows[_i].range);
    R = test_registry_start(profile, NULL);
    RF_CLEANUP(got_release) struct got g;
    RF_CLEANUP(rf_freep) char *want = test_bytes(1, SIZE);
    struct rf_digest digest;
    test_registry_blob(r, "a/b", 1, SIZE, &digest);
    get(r, &digest, SIZE, 1000, want, &g);
    ck_assert_msg(g.rc == range_rows[_i].rc, "%s: %d %s", range_rows[_i].range, g.rc, g.err.msg);
    if (g.rc == 0)
        ck_assert(g.bytes.len == SIZE - 1000 && memcmp(g.bytes.ptr, want + 1000, SIZE - 1000) == 0);
    else
        ck_assert_uint_eq(g.bytes.len, 0);
}
END_TEST

START_TEST(goes_on_with_all_of_it)
{
    R = test_registry_start("{\"options\":{\"ignore_range\":true}}", NULL);
    RF_CLEANUP(got_release) struct got g;
    RF_CLEANUP(rf_freep) char *want = test_bytes(1, SIZE);
    struct rf_digest digest;
    test_registry_blob(r, "a/b", 1, SIZE, &digest);
    get(r, &digest, SIZE, 1000, want, &g);
    ck_assert_msg(g.rc == 0, "%s", g.err.msg);
    ck_assert(g.bytes.len == SIZE - 1000 && memcmp(g.bytes.ptr, want + 1000, SIZE - 1000) == 0);
}
END_TEST

START_TEST(nothing_is_left_to_get)
{
    R = test_registry_start("plain", NULL);
    RF_CLEANUP(got_release) struct got g;
    RF_CLEANUP(rf_freep) char *want = test_bytes(1, 1000);
    struct rf_digest digest;
    test_registry_blob(r, "a/b", 1, 1000, &digest);
    get(r, &digest, 1000, 1000, want, &g);
    ck_assert_msg(g.rc == 0, "%s", g.err.msg);
    /* An unsatisfiable range makes some registries hang up: it is never asked for. */
    ck_assert_uint_eq(test_registry_count(r, NULL, "GET /v2/a/b/*"), 0);
}
END_TEST

START_TEST(gets_the_empty_blob)
{
    R = test_registry_start("plain", NULL);
    RF_CLEANUP(got_release) struct got g;
    struct rf_digest digest;
    struct rf_digest absent;
    test_registry_blob(r, "a/b", 1, 0, &digest);
    get(r, &digest, 0, 0, NULL, &g);
    ck_assert_msg(g.rc == 0 && g.bytes.len == 0, "%s", g.err.msg);
    rf_digest_of(RF_DIGEST_SHA512, rf_slice_of(NULL, 0), &absent);
    get(r, &absent, 0, 0, NULL, &g);
    ck_assert_int_eq(g.rc, -RFE_NOT_FOUND);
}
END_TEST

START_TEST(stops_between_tries)
{
    R = test_registry_start(
        PROFILE(RULE(BLOB_GET ",\"count\":0", "\"type\":\"reset\",\"body_bytes\":5000")), NULL);
    RF_CLEANUP(got_release) struct got g;
    struct rf_digest digest;
    test_registry_blob(r, "a/b", 1, SIZE, &digest);
    rf_cancel_set(RFE_CANCELLED);
    get(r, &digest, SIZE, 0, NULL, &g);
    rf_cancel_reset();
    ck_assert_int_eq(g.rc, -RFE_CANCELLED);
}
END_TEST

/* ---- asking ---- */

static const struct {
    const char *profile;
    enum rf_probe how;
    int rc;
    unsigned heads, n_gets;
} probe_rows[] = {
    { "plain", RF_PROBE_HEAD, 0, 1, 0 },
    { "plain", RF_PROBE_RANGE, 0, 0, 1 },
    { "blob-missing", RF_PROBE_HEAD, -RFE_NOT_FOUND, 1, 0 },
    { "blob-missing", RF_PROBE_RANGE, -RFE_NOT_FOUND, 0, 1 },
    { "head-200-get-404", RF_PROBE_HEAD, 0, 1, 0 },
    { "head-200-get-404", RF_PROBE_RANGE, -RFE_NOT_FOUND, 0, 1 },
    { "lie-size-head", RF_PROBE_HEAD, 0, 1, 1 },
    { "{\"options\":{\"ignore_range\":true}}", RF_PROBE_RANGE, 0, 0, 1 },
    { PROFILE(RULE("\"method\":\"HEAD\",\"count\":0", "\"type\":\"status\",\"status\":405")),
      RF_PROBE_HEAD, 0, 1, 1 },
    { PROFILE(RULE("\"method\":\"HEAD\",\"count\":0", "\"type\":\"status\",\"status\":403")),
      RF_PROBE_HEAD, -RFE_DENIED, 1, 0 },
    { PROFILE(RULE(BLOB_GET ",\"count\":0", "\"type\":\"truncate\",\"body_bytes\":0")),
      RF_PROBE_RANGE, -RFE_NOT_FOUND, 0, 2 },
    { PROFILE(RULE(BLOB_GET ",\"count\":1", "\"type\":\"truncate\",\"body_bytes\":0")),
      RF_PROBE_RANGE, 0, 0, 2 },
    { PROFILE(RULE(BLOB_GET ",\"count\":1", "\"type\":\"drop\",\"reset\":true")), RF_PROBE_RANGE, 0,
      0, 2 },
    { PROFILE(RULE(BLOB_GET ",\"count\":0", "\"type\":\"status\",\"status\":503")), RF_PROBE_RANGE,
      -RFE_SERVER, 0, RF_TRIES_MAX },
    { PROFILE(RULE(BLOB_GET ",\"count\":0", "\"type\":\"status\",\"status\":416")), RF_PROBE_RANGE,
      -RFE_SIZE_MISMATCH, 0, 1 },
    { PROFILE(RULE(BLOB_GET ",\"count\":0",
                   "\"type\":\"headers\",\"set\":{\"Content-Range\":\"bytes 0-0/7\"}")),
      RF_PROBE_RANGE, -RFE_SIZE_MISMATCH, 0, 1 },
    { PROFILE(RULE(BLOB_GET ",\"count\":0",
                   "\"type\":\"headers\",\"set\":{\"Content-Range\":\"bytes 1-1/300000\"}")),
      RF_PROBE_RANGE, -RFE_PROTOCOL, 0, 1 },
    { "redirect-blobs", RF_PROBE_RANGE, 0, 0, 1 },
};

START_TEST(probes_blobs)
{
    R = test_registry_start(probe_rows[_i].profile, NULL);
    struct rf_digest digest;
    struct rf_err err = RF_ERR_INIT;
    test_registry_blob(r, "a/b", 1, SIZE, &digest);
    int rc = rf_place_probe_blob(r->place, "a/b", &digest, SIZE, probe_rows[_i].how, &err);
    ck_assert_msg(rc == probe_rows[_i].rc, "%d: %s: %d %s", _i, probe_rows[_i].profile, rc,
                  err.msg);
    ck_assert_uint_eq(test_registry_count(r, "main", "HEAD *"), probe_rows[_i].heads);
    ck_assert_uint_eq(test_registry_count(r, "main", "GET *"), probe_rows[_i].n_gets);
    /* Never more than a bit of it. */
    ck_assert_uint_lt(rf_stats_received(r->stats), 100000);
}
END_TEST

START_TEST(probes_the_empty_blob)
{
    R = test_registry_start("plain", NULL);
    struct rf_digest digest;
    test_registry_blob(r, "a/b", 1, 0, &digest);
    ck_assert_int_eq(rf_place_probe_blob(r->place, "a/b", &digest, 0, RF_PROBE_RANGE, NULL), 0);
    ck_assert_int_eq(rf_place_probe_blob(r->place, "a/c", &digest, 0, RF_PROBE_RANGE, NULL),
                     -RFE_NOT_FOUND);
}
END_TEST

START_TEST(tells_sizes)
{
    R = test_registry_start("plain", NULL);
    struct rf_digest digest;
    uint64_t size = 0;
    RF_CLEANUP(rf_freep) char *type = NULL;
    test_registry_blob(r, "a/b", 1, 777, &digest);
    ck_assert_int_eq(rf_registry_head_blob(r->place, "a/b", &digest, &size, &type, NULL), 0);
    ck_assert_uint_eq(size, 777);
    ck_assert_str_eq(type, "application/octet-stream");
    ck_assert_int_eq(rf_registry_head_blob(r->place, "a/c", &digest, &size, NULL, NULL),
                     -RFE_NOT_FOUND);
    struct rf_digest none = { 0 };
    ck_assert_int_eq(rf_place_probe_blob(r->place, "", &digest, 1, RF_PROBE_HEAD, NULL),
                     -RFE_INVALID);
    ck_assert_int_eq(rf_place_probe_blob(r->place, "a", &none, 1, RF_PROBE_HEAD, NULL),
                     -RFE_INVALID);
}
END_TEST

Suite *rf_registry_blob_suite(void);
Suite *rf_registry_blob_suite(void)
{
    Suite *s = suite_create("registry_blob");
    TCase *t = tcase_create("getting");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, gets_blobs, 0, (int)RF_ARRAY_LEN(get_rows));
    tcase_add_loop_test(t, goes_on_where_it_was, 0, (int)RF_ARRAY_LEN(range_rows));
    tcase_add_test(t, goes_on_with_all_of_it);
    tcase_add_test(t, nothing_is_left_to_get);
    tcase_add_test(t, gets_the_empty_blob);
    tcase_add_test(t, stops_between_tries);
    suite_add_tcase(s, t);
    t = tcase_create("asking");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, probes_blobs, 0, (int)RF_ARRAY_LEN(probe_rows));
    tcase_add_test(t, probes_the_empty_blob);
    tcase_add_test(t, tells_sizes);
    suite_add_tcase(s, t);
    return s;
}
