/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <pthread.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "tests/regclient/helper_registry.h"

#define R RF_CLEANUP(test_registry_stopp) struct test_registry *r
#define SIZE 3000000u
#define LOGIN ",user=carrier,pass=canary-secret-1"
#define RULE(match, action) \
    "{\"match\":{\"no_header\":[\"x-test\"]," match "},\"action\":{" action "}}"
#define PROFILE(rules) "{\"rules\":[" rules "]}"
#define PUT "\"method\":\"PUT\",\"path\":\"/blobs/uploads/\""
#define PATCH "\"method\":\"PATCH\",\"path\":\"/blobs/uploads/\""
#define POST "\"method\":\"POST\",\"path\":\"/blobs/uploads/\""

static int put(struct test_registry *r, unsigned seed, size_t size, struct rf_digest *digest,
               struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *bytes = test_bytes(seed, size);
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_of(bytes, size), digest);
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_mem(rf_slice_of(bytes, size));
    return rf_place_put_blob(r->place, "a/b", digest, size, src, err);
}

static bool is_there(struct test_registry *r, const char *repo, const struct rf_digest *digest,
                     uint64_t size)
{
    return rf_place_probe_blob(r->place, repo, digest, size, RF_PROBE_RANGE, NULL) == 0;
}

static const struct {
    const char *profile, *host;
    int rc;
    unsigned posts, patches, puts;
} rows[] = {
    { "plain", NULL, 0, 1, 0, 1 },
    { "basic", LOGIN, 0, 2, 0, 1 },
    { "bearer-revoked-mid-upload", LOGIN, 0, 2, 0, 2 },
    { "drop-uploads", NULL, 0, 2, 0, 2 },
    /* What arrived before the break is kept, and the registry says so. */
    { PROFILE(
          RULE(PUT ",\"count\":1",
               "\"type\":\"drop\",\"reset\":true,\"after_request_bytes\":500000,\"keep\":true")),
      NULL, 0, 1, 3, 2 },
    { PROFILE(RULE(POST ",\"count\":2", "\"type\":\"status\",\"status\":503")), NULL, 0, 3, 0, 1 },
    { PROFILE(RULE(PUT ",\"count\":2", "\"type\":\"status\",\"status\":502")), NULL, 0, 3, 3, 3 },
    /* The answer is lost, the blob is not. */
    { PROFILE(RULE(PUT ",\"count\":1", "\"type\":\"reset\",\"body_bytes\":0")), NULL, 0, 1, 0, 1 },
    { PROFILE(RULE(PUT ",\"count\":1", "\"type\":\"status\",\"status\":404")), NULL, 0, 2, 0, 2 },
    { PROFILE(RULE(PUT ",\"count\":0", "\"type\":\"status\",\"status\":400")), NULL, -RFE_FAILED, 1,
      0, 1 },
    { PROFILE(RULE(PUT ",\"count\":0", "\"type\":\"status\",\"status\":403")), NULL, -RFE_DENIED, 1,
      0, 1 },
    { PROFILE(RULE(POST ",\"count\":0", "\"type\":\"status\",\"status\":403")), NULL, -RFE_DENIED,
      1, 0, 0 },
    { PROFILE(RULE(POST ",\"count\":0", "\"type\":\"status\",\"status\":202")), NULL, -RFE_PROTOCOL,
      1, 0, 0 },
    { PROFILE(RULE(PUT ",\"count\":0", "\"type\":\"status\",\"status\":204,\"body\":\"\"")), NULL,
      0, 1, 0, 1 },
    { PROFILE(RULE(
          PUT ",\"count\":0",
          "\"type\":\"headers\",\"set\":{\"Docker-Content-Digest\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\"}")),
      NULL, -RFE_PROTOCOL, 1, 0, 1 },
    /* Chunks: by setting, by need. */
    { "plain", ",blob-max=1000000", 0, 1, 3, 1 },
    { "plain", ",blob-max=1000000,blob-chunk=1500000", 0, 1, 2, 1 },
    { "plain", ",blob-max=3000000", 0, 1, 0, 1 },
    { "{\"options\":{\"put_max\":0}}", NULL, 0, 2, 3, 2 },
    { "{\"options\":{\"put_max\":0,\"chunk_min\":2000000}}", NULL, 0, 2, 2, 2 },
    { "{\"options\":{\"put_max\":0,\"chunk_take\":900000}}", NULL, 0, 2, 4, 2 },
    { "{\"options\":{\"put_max\":0},\"rules\":[" RULE(PATCH ",\"count\":2",
                                                      "\"type\":\"status\",\"status\":503") "]}",
      NULL, 0, 2, 5, 2 },
    { "{\"options\":{\"put_max\":0},\"rules\":[" RULE(
          PATCH ",\"nth\":2",
          "\"type\":\"drop\",\"reset\":true,\"after_request_bytes\":300000,\"keep\":true") "]}",
      NULL, 0, 2, 4, 2 },
    /* Parts that are too small for a registry that does not say how large they must be. */
    { "{\"rules\":[" RULE(PATCH ",\"count\":0,\"header\":{\"Content-Length\":\"^1048576$\"}",
                          "\"type\":\"status\",\"status\":400") "]}",
      ",blob-max=1000000", 0, 2, 12, 1 },
    /* 201 to a chunk: the session may be closed by that. */
    { "{\"rules\":[" RULE(PATCH ",\"count\":0", "\"type\":\"headers\",\"status\":201") "]}",
      ",blob-max=1000000", 0, 1, 3, 1 },
    { PROFILE(RULE(PATCH ",\"count\":0", "\"type\":\"headers\",\"set\":{\"Range\":\"0-9999999\"}")),
      ",blob-max=1000000", -RFE_PROTOCOL, 1, 1, 0 },
};

START_TEST(puts_blobs)
{
    R = test_registry_start(rows[_i].profile, rows[_i].host);
    struct rf_digest digest;
    struct rf_err err = RF_ERR_INIT;
    int rc = put(r, 1, SIZE, &digest, &err);
    ck_assert_msg(rc == rows[_i].rc, "%d: %s: %d %s", _i, rows[_i].profile, rc, err.msg);
    RF_CLEANUP(rf_freep) char *log = test_registry_log(r);
    unsigned posts = test_registry_count(r, NULL, "POST *");
    unsigned patches = test_registry_count(r, NULL, "PATCH *");
    unsigned puts = test_registry_count(r, NULL, "PUT *");
    ck_assert_msg(posts == rows[_i].posts && patches == rows[_i].patches && puts == rows[_i].puts,
                  "%d: %s: %u %u %u: %s", _i, rows[_i].profile, posts, patches, puts, log);
    if (rc == 0 && strstr(rows[_i].profile, "204") == NULL)
        ck_assert(is_there(r, "a/b", &digest, SIZE));
    if (rc < 0)
        ck_assert_msg(strstr(err.msg, "a/b: blob sha256:") != NULL, "%s", err.msg);
}
END_TEST

START_TEST(what_was_learned_is_kept)
{
    R = test_registry_start("{\"options\":{\"put_max\":1000000,\"chunk_min\":2000000}}", NULL);
    struct rf_digest digest;
    ck_assert_int_eq(put(r, 1, SIZE, &digest, NULL), 0);
    test_registry_forget(r);
    ck_assert_int_eq(put(r, 2, SIZE, &digest, NULL), 0);
    ck_assert_uint_eq(test_registry_count(r, NULL, "PATCH *"), 2);
    ck_assert_uint_eq(test_registry_count(r, NULL, "PUT *"), 1);
    /* Small ones go in one as before. */
    test_registry_forget(r);
    ck_assert_int_eq(put(r, 3, 1000, &digest, NULL), 0);
    ck_assert_uint_eq(test_registry_count(r, NULL, "PATCH *"), 0);
}
END_TEST

/* Cut after so many bytes of the body: it must arrive in the end, whatever is kept. */
static const unsigned cuts[] = { 0, 1, 2, 65535, 65536, 65537, 1048576, 1500000, 2999999, 3000000 };

START_TEST(survives_a_cut_anywhere)
{
    RF_CLEANUP(rf_freep)
    char *profile = rf_xasprintf(
        PROFILE(RULE("\"method\":[\"PUT\",\"PATCH\"],\"path\":\"/blobs/uploads/\",\"count\":1",
                     "\"type\":\"drop\",\"reset\":true,\"after_request_bytes\":%u,\"keep\":%s")),
        cuts[_i / 2], _i % 2 == 0 ? "true" : "false");
    R = test_registry_start(profile, NULL);
    struct rf_digest digest;
    struct rf_err err = RF_ERR_INIT;
    int rc = put(r, 1, SIZE, &digest, &err);
    ck_assert_msg(rc == 0, "%s: %s", profile, err.msg);
    ck_assert(is_there(r, "a/b", &digest, SIZE));
}
END_TEST

START_TEST(empty_and_tiny)
{
    R = test_registry_start(_i == 0 ? "plain" : "{\"options\":{\"put_max\":0}}", NULL);
    struct rf_digest digest;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(put(r, 1, 0, &digest, &err) == 0, "%s", err.msg);
    ck_assert(is_there(r, "a/b", &digest, 0));
    ck_assert_msg(put(r, 1, 1, &digest, &err) == 0, "%s", err.msg);
    ck_assert(is_there(r, "a/b", &digest, 1));
}
END_TEST

static const struct {
    size_t size, told;
    bool wrong;
    int rc;
} wrong_rows[] = {
    { 5000, 5000, true, -RFE_DIGEST_MISMATCH }, { 5000, 4999, false, -RFE_SIZE_MISMATCH },
    { 5000, 5001, false, -RFE_SIZE_MISMATCH },  { 0, 0, true, -RFE_DIGEST_MISMATCH },
    { 1, 0, false, -RFE_SIZE_MISMATCH },
};

START_TEST(wrong_content_is_never_completed)
{
    R = test_registry_start(
        "{\"rules\":[{\"match\":{\"count\":0,\"path\":\"/uploads/\"},\"action\":{\"type\":\"no_digest_check\"}}]}",
        NULL);
    struct rf_digest digest;
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_freep) char *bytes = test_bytes(1, wrong_rows[_i].size);
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_of(bytes, wrong_rows[_i].size), &digest);
    digest.bytes[31] ^= wrong_rows[_i].wrong;
    RF_CLEANUP(rf_source_freep)
    struct rf_source *src = rf_source_mem(rf_slice_of(bytes, wrong_rows[_i].size));
    int rc = rf_place_put_blob(r->place, "a/b", &digest, wrong_rows[_i].told, src, &err);
    ck_assert_msg(rc == wrong_rows[_i].rc, "%d: %s", rc, err.msg);
    ck_assert(!is_there(r, "a/b", &digest, wrong_rows[_i].told));
    /* One that was begun is ended. */
    ck_assert_uint_eq(test_registry_count(r, NULL, "POST *"),
                      test_registry_count(r, NULL, "DELETE *"));
}
END_TEST

/* ---- where uploads are sent ---- */

START_TEST(uploads_do_not_go_to_plain_http_elsewhere)
{
    R = test_registry_start("upload-location-elsewhere", NULL);
    struct rf_digest digest;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(put(r, 1, 1000, &digest, &err), -RFE_REFUSED);
    ck_assert_ptr_nonnull(strstr(err.msg, "not https"));
    ck_assert_uint_eq(test_registry_count(r, "other", "*"), 0);
}
END_TEST

static const char *const locations[] = { "http://169.254.169.254/x", "https://127.0.0.1:1/x",
                                         "ftp://h/", "", "http://u@h/" };

START_TEST(bad_locations)
{
    RF_CLEANUP(rf_freep)
    char *profile = rf_xasprintf("{\"options\":{\"upload_location\":\"%s\"}}", locations[_i]);
    R = test_registry_start(profile, NULL);
    struct rf_digest digest;
    struct rf_err err = RF_ERR_INIT;
    int rc = put(r, 1, 1000, &digest, &err);
    ck_assert_msg(rc < 0, "%s", locations[_i]);
    ck_assert_uint_eq(test_registry_count(r, NULL, "PUT *"), 0);
    ck_assert_uint_eq(test_registry_count(r, "other", "*"), 0);
}
END_TEST

/* ---- streams that cannot be rewound ---- */

struct stream {
    struct rf_source base;
    struct rf_source *inner;
};

static ssize_t stream_read(struct rf_source *s, void *p, size_t n, struct rf_err *err)
{
    return rf_source_read(((struct stream *)s)->inner, p, n, err);
}

static void stream_free(struct rf_source *s)
{
    (void)s;
}

START_TEST(streams)
{
    static const struct rf_source_ops ops = { stream_read, NULL, stream_free };
    R = test_registry_start(_i == 0 ? "plain" : "drop-uploads", NULL);
    struct rf_digest digest;
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_freep) char *bytes = test_bytes(1, SIZE);
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_of(bytes, SIZE), &digest);
    RF_CLEANUP(rf_source_freep) struct rf_source *inner = rf_source_mem(rf_slice_of(bytes, SIZE));
    struct stream src = { .base.ops = &ops, .inner = inner };
    int rc = rf_place_put_blob(r->place, "a/b", &digest, SIZE, &src.base, &err);
    ck_assert_msg(rc == (_i == 0 ? 0 : -RFE_UNREACHABLE), "%d: %s", rc, err.msg);
    ck_assert_uint_eq(test_registry_count(r, NULL, "PUT *"), 1);
}
END_TEST

/* ---- at once, and stopping ---- */

struct worker {
    struct test_registry *r;
    pthread_t thread;
    int rc;
};

static void *put_same(void *arg)
{
    struct worker *w = arg;
    struct rf_digest digest;
    w->rc = put(w->r, 1, 100000, &digest, NULL);
    return NULL;
}

START_TEST(one_upload_of_a_blob_at_a_time)
{
    R = test_registry_start(
        "{\"rules\":[{\"match\":{\"count\":0,\"method\":\"PUT\"},\"action\":{\"type\":\"delay\",\"ms\":100}}]}",
        NULL);
    struct worker w[3];
    for (size_t i = 0; i < RF_ARRAY_LEN(w); i++) {
        w[i] = (struct worker){ .r = r };
        ck_assert_int_eq(pthread_create(&w[i].thread, NULL, put_same, &w[i]), 0);
    }
    for (size_t i = 0; i < RF_ARRAY_LEN(w); i++) {
        pthread_join(w[i].thread, NULL);
        ck_assert_int_eq(w[i].rc, 0);
    }
    /* POST and PUT in turn: never two sessions open. */
    RF_CLEANUP(rf_freep) char *begun = test_registry_begun(r, "P*");
    char order[16] = "";
    size_t n = 0;
    for (const char *p = begun; (p = strstr(p, "P")) != NULL; p = strchr(p, '\n'))
        if (n + 1 < sizeof(order))
            order[n++] = p[1] == 'O' ? 'o' : 'u';
    ck_assert_str_eq(order, "ououou");
}
END_TEST

static void *cancel_at_put(void *arg)
{
    bool came = test_registry_waits_for(arg, "PUT *", 1);
    rf_cancel_set(RFE_CANCELLED);
    return came ? arg : NULL;
}

START_TEST(a_stopped_upload_is_taken_back)
{
    R = test_registry_start(
        "{\"rules\":[{\"match\":{\"count\":0,\"method\":\"PUT\"},\"action\":{\"type\":\"delay\",\"ms\":20000}}]}",
        NULL);
    struct rf_digest digest;
    pthread_t thread;
    void *came = NULL;
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_at_put, r), 0);
    int rc = put(r, 1, 1000, &digest, NULL);
    pthread_join(thread, &came);
    rf_cancel_reset();
    ck_assert_ptr_eq(came, r);
    ck_assert_int_eq(rc, -RFE_CANCELLED);
    ck_assert_uint_eq(test_registry_count(r, NULL, "DELETE *"), 1);
    ck_assert_uint_eq(test_registry_sessions(r), 0);
}
END_TEST

/* ---- mounts ---- */

static const struct {
    const char *profile, *host;
    int rc;
    unsigned deletes;
} mount_rows[] = {
    { "plain", NULL, 0, 0 },
    { "bearer", LOGIN, -RFE_UNSUPPORTED, 0 }, /* the blob could not be put there without help */
    { "mount-refused", NULL, -RFE_UNSUPPORTED, 0 },
    { "{\"options\":{\"mount\":\"ignore\"}}", NULL, -RFE_UNSUPPORTED, 1 },
    { PROFILE(RULE(POST ",\"count\":0", "\"type\":\"status\",\"status\":401")), NULL,
      -RFE_UNSUPPORTED, 0 },
    { PROFILE(RULE(POST ",\"count\":0", "\"type\":\"status\",\"status\":404")), NULL,
      -RFE_UNSUPPORTED, 0 },
    { PROFILE(RULE(POST ",\"count\":0", "\"type\":\"status\",\"status\":503")), NULL, -RFE_SERVER,
      0 },
};

START_TEST(mounts)
{
    R = test_registry_start(mount_rows[_i].profile, mount_rows[_i].host);
    struct rf_digest digest = { .algo = RF_DIGEST_SHA256, .len = 32 };
    struct rf_err err = RF_ERR_INIT;
    if (mount_rows[_i].host == NULL)
        test_registry_blob(r, "from/here", 1, 1000, &digest);
    test_registry_forget(r);
    int rc = rf_place_mount(r->place, "a/b", "from/here", &digest, 1000, &err);
    if (mount_rows[_i].host != NULL) {
        /* The token is asked for both repositories; the registry then does not know the blob and opens an upload. */
        ck_assert_msg(rc == -RFE_UNSUPPORTED, "%s", err.msg);
        ck_assert_uint_eq(test_registry_count(r, NULL, "DELETE *"), 1);
        RF_CLEANUP(rf_freep) char *log = test_registry_log(r);
        ck_assert_msg(strstr(log, "from%2Fhere") != NULL || strstr(log, "from/here") != NULL, "%s",
                      log);
        return;
    }
    ck_assert_msg(rc == mount_rows[_i].rc, "%s: %d %s", mount_rows[_i].profile, rc, err.msg);
    ck_assert_uint_eq(test_registry_count(r, NULL, "DELETE *"), mount_rows[_i].deletes);
    ck_assert(is_there(r, "a/b", &digest, 1000) == (rc == 0));
}
END_TEST

Suite *rf_registry_upload_suite(void);
Suite *rf_registry_upload_suite(void)
{
    Suite *s = suite_create("registry_upload");
    TCase *t = tcase_create("uploads");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, puts_blobs, 0, (int)RF_ARRAY_LEN(rows));
    tcase_add_test(t, what_was_learned_is_kept);
    tcase_add_loop_test(t, survives_a_cut_anywhere, 0, 2 * (int)RF_ARRAY_LEN(cuts));
    tcase_add_loop_test(t, empty_and_tiny, 0, 2);
    tcase_add_loop_test(t, wrong_content_is_never_completed, 0, (int)RF_ARRAY_LEN(wrong_rows));
    tcase_add_test(t, uploads_do_not_go_to_plain_http_elsewhere);
    tcase_add_loop_test(t, bad_locations, 0, (int)RF_ARRAY_LEN(locations));
    tcase_add_loop_test(t, streams, 0, 2);
    tcase_add_test(t, one_upload_of_a_blob_at_a_time);
    tcase_add_test(t, a_stopped_upload_is_taken_back);
    tcase_add_loop_test(t, mounts, 0, (int)RF_ARRAY_LEN(mount_rows));
    suite_add_tcase(s, t);
    return s;
}
