/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/request.h"

#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "tests/regclient/helper_home.h"
#include "tests/regclient/helper_raw.h"
#include "tests/regclient/helper_registry.h"

#define R RF_CLEANUP(test_registry_stopp) struct test_registry *r
#define SCOPE "repository:a:pull,push"
#define LOGIN ",user=carrier,pass=canary-secret-1"

/* Rules of test_registry_start's own pushes never fire: they carry X-Test. */
#define RULE(match, action) \
    "{\"match\":{\"no_header\":[\"x-test\"]," match "},\"action\":{" action "}}"
#define PROFILE(rules) "{\"rules\":[" rules "]}"

struct call {
    struct rf_url url;
    struct rf_request call;
    struct rf_http_response resp;
    struct rf_err err;
    int rc;
};

static void call_release(struct call *c)
{
    rf_url_release(&c->url);
    rf_http_response_release(&c->resp);
}
#define CALL RF_CLEANUP(call_release) struct call c

static void prepare(struct test_registry *r, struct call *c, enum rf_http_method method,
                    const char *path)
{
    *c = (struct call){
        .call = { .kind = RF_REQ_PING, .method = method, .url = &c->url, .scope = SCOPE }
    };
    rf_http_response_init(&c->resp);
    ck_assert_int_eq(rf_remote_url(r->remote, path, &c->url, NULL), 0);
}

static int run(struct test_registry *r, struct call *c)
{
    c->err = (struct rf_err)RF_ERR_INIT;
    c->rc = rf_remote_call(r->remote, &c->call, &c->resp, &c->err);
    return c->rc;
}

#define ASSERT_RC(c, want) \
    ck_assert_msg((c).rc == (want), "%d, not %d: %s", (c).rc, (want), (c).err.msg)

/* ---- answers ---- */

static const struct {
    int status, rc, tries;
} statuses[] = {
    { 200, 0, 1 },
    { 204, 0, 1 },
    { 400, -RFE_FAILED, 1 },
    { 403, -RFE_DENIED, 1 },
    { 404, -RFE_NOT_FOUND, 1 },
    { 405, -RFE_FAILED, 1 },
    { 408, -RFE_SERVER, RF_TRIES_MAX },
    { 409, -RFE_FAILED, 1 },
    { 416, -RFE_FAILED, 1 },
    { 429, -RFE_RATE_LIMITED, RF_TRIES_MAX },
    { 499, -RFE_SERVER, RF_TRIES_MAX },
    { 500, -RFE_SERVER, RF_TRIES_MAX },
    { 501, -RFE_FAILED, 1 },
    { 502, -RFE_SERVER, RF_TRIES_MAX },
    { 503, -RFE_SERVER, RF_TRIES_MAX },
    { 504, -RFE_SERVER, RF_TRIES_MAX },
    { 522, -RFE_SERVER, RF_TRIES_MAX },
};

START_TEST(classifies_answers)
{
    RF_CLEANUP(rf_freep)
    char *profile = rf_xasprintf(PROFILE(RULE("\"count\":0", "\"type\":\"status\",\"status\":%d")),
                                 statuses[_i].status);
    R = test_registry_start(profile, NULL);
    CALL;
    prepare(r, &c, RF_GET, "/a/tags/list");
    run(r, &c);
    ASSERT_RC(c, statuses[_i].rc);
    ck_assert_int_eq(c.resp.status, statuses[_i].status);
    if (c.rc < 0) {
        RF_CLEANUP(rf_freep)
        char *mark = rf_xasprintf("[http %d]: UNKNOWN: scripted", statuses[_i].status);
        ck_assert_int_eq(c.err.http_status, statuses[_i].status);
        ck_assert_msg(strstr(c.err.msg, mark) != NULL, "%s", c.err.msg);
        ck_assert_msg(strstr(c.err.msg, "/v2/a/tags/list") != NULL, "%s", c.err.msg);
    }
    ck_assert_uint_eq(test_registry_count(r, NULL, "GET *"), (unsigned)statuses[_i].tries);
    ck_assert_uint_eq(rf_stats_get(r->stats, RF_REQ_RETRY), (unsigned)statuses[_i].tries - 1);
    /* As an answer and not as a failure. */
    c.call.any_status = true;
    c.call.once = true;
    test_registry_forget(r);
    run(r, &c);
    ASSERT_RC(c, 0);
    ck_assert_int_eq(c.resp.status, statuses[_i].status);
    ck_assert_uint_eq(test_registry_count(r, NULL, "GET *"), 1);
}
END_TEST

START_TEST(foreign_words_are_harmless)
{
    R = test_registry_start("error-with-escapes", NULL);
    CALL;
    prepare(r, &c, RF_GET, "/a/manifests/t");
    run(r, &c);
    ASSERT_RC(c, -RFE_NOT_FOUND);
    for (const char *p = c.err.msg; *p != '\0'; p++)
        ck_assert_msg(*p >= 0x20 && *p < 0x7f, "%s", c.err.msg);
    ck_assert_ptr_nonnull(strstr(c.err.msg, "not found [http 404]: X: gone"));
}
END_TEST

static const struct {
    const char *body, *type, *words;
} bodies[] = {
    { "{\\\"errors\\\":[{\\\"code\\\":\\\"A\\\"},{\\\"message\\\":\\\"b\\\"},{\\\"code\\\":\\\"C\\\",\\\"message\\\":\\\"d\\\",\\\"detail\\\":\\\"e\\\"}]}",
      "application/json", "[http 400]: A, b, C: d: e" },
    { "slow\\r\\ndown  please\\n", "text/plain", "[http 400]: slow down please" },
    { "<html><body>Bad</body></html>", "text/html", "[http 400]" },
    { "", "text/plain", "[http 400]" },
    { "{\\\"errors\\\":{}}", "application/json", "[http 400]: {\"errors\":{}}" },
    { "{\\\"errors\\\":[1,null,{\\\"code\\\":2}]}", "application/json", "[http 400]" },
};

START_TEST(words_of_answers)
{
    RF_CLEANUP(rf_freep)
    char *profile = rf_xasprintf(
        PROFILE(RULE(
            "\"count\":0",
            "\"type\":\"status\",\"status\":400,\"body\":\"%s\",\"headers\":{\"Content-Type\":\"%s\"}")),
        bodies[_i].body, bodies[_i].type);
    R = test_registry_start(profile, NULL);
    CALL;
    prepare(r, &c, RF_GET, "/a/tags/list");
    run(r, &c);
    ASSERT_RC(c, -RFE_FAILED);
    const char *at = strstr(c.err.msg, "[http 400]");
    ck_assert_msg(at != NULL && strcmp(at, bodies[_i].words) == 0, "%s", c.err.msg);
}
END_TEST

START_TEST(codes_of_answers)
{
    struct rf_http_response resp;
    rf_http_response_init(&resp);
    ck_assert(!rf_answer_has_code(&resp, "A"));
    rf_buf_add_str(&resp.body, "{\"errors\":[{\"code\":\"A\"},{\"code\":\"B\"},7]}");
    ck_assert(rf_answer_has_code(&resp, "A"));
    ck_assert(rf_answer_has_code(&resp, "B"));
    ck_assert(!rf_answer_has_code(&resp, "C"));
    rf_buf_add_char(&resp.body, '}');
    ck_assert(!rf_answer_has_code(&resp, "A"));
    rf_http_response_release(&resp);
}
END_TEST

/* ---- repeating ---- */

START_TEST(repeats_what_passes)
{
    R = test_registry_start(PROFILE(RULE("\"count\":2", "\"type\":\"status\",\"status\":503")),
                            NULL);
    CALL;
    prepare(r, &c, RF_GET, "/");
    run(r, &c);
    ASSERT_RC(c, 0);
    ck_assert_uint_eq(test_registry_count(r, NULL, "GET *"), 3);
}
END_TEST

START_TEST(repeats_after_resets)
{
    R = test_registry_start("drop-connections", NULL);
    CALL;
    prepare(r, &c, RF_GET, "/a/tags/list");
    run(r, &c);
    ASSERT_RC(c, -RFE_NOT_FOUND);
    ck_assert_uint_eq(test_registry_count(r, NULL, "GET *"), 2);
}
END_TEST

START_TEST(once_is_once)
{
    R = test_registry_start(PROFILE(RULE("\"count\":0", "\"type\":\"status\",\"status\":503")),
                            NULL);
    CALL;
    prepare(r, &c, RF_GET, "/");
    c.call.once = true;
    run(r, &c);
    ASSERT_RC(c, -RFE_SERVER);
    ck_assert_uint_eq(test_registry_count(r, NULL, "GET *"), 1);
}
END_TEST

static void *ask_at_once(void *arg)
{
    struct test_registry *r = arg;
    CALL;
    for (int i = 0; i < 20000 && !rf_remote_is_quiet(r->remote); i++)
        usleep(1000); /* until the other one waits */
    prepare(r, &c, RF_HEAD, "/");
    run(r, &c);
    return NULL;
}

START_TEST(nobody_asks_before_retry_after)
{
    RF_CLEANUP(rf_freep)
    char *profile = rf_xasprintf(
        PROFILE(RULE("\"count\":1",
                     "\"type\":\"status\",\"status\":%d,\"headers\":{\"Retry-After\":\"1\"}")),
        _i == 0 ? 429 : 503);
    R = test_registry_start(profile, NULL);
    CALL;
    pthread_t thread;
    uint64_t start = rf_now_ms();
    prepare(r, &c, RF_GET, "/");
    ck_assert_int_eq(pthread_create(&thread, NULL, ask_at_once, r), 0);
    run(r, &c);
    ASSERT_RC(c, 0);
    pthread_join(thread, NULL);
    ck_assert_uint_ge(rf_now_ms() - start, 950);
    /* The first, and both of the others not before the time. */
    ck_assert_uint_eq(test_registry_count(r, NULL, "*"), 3);
    RF_CLEANUP(rf_freep) char *log = test_registry_log(r);
    double times[8];
    size_t n = 0;
    for (const char *p = log; n < 8 && (p = strstr(p, "\"time\": ")) != NULL; p += 8)
        times[n++] = strtod(p + 8, NULL);
    ck_assert_uint_eq(n, 3);
    /* Moments of answers; their lines may stand in another order. */
    double first = fmin(times[0], fmin(times[1], times[2]));
    unsigned later = 0;
    for (size_t i = 0; i < n; i++)
        later += times[i] - first > 0.95;
    ck_assert_msg(later == 2, "%f %f %f", times[0], times[1], times[2]);
}
END_TEST

START_TEST(waiting_can_be_stopped)
{
    R = test_registry_start(
        PROFILE(RULE("\"count\":1",
                     "\"type\":\"status\",\"status\":429,\"headers\":{\"Retry-After\":\"3000\"}")),
        NULL);
    CALL;
    uint64_t start = rf_now_ms();
    prepare(r, &c, RF_GET, "/");
    c.call.once = true;
    run(r, &c);
    ASSERT_RC(c, -RFE_RATE_LIMITED);
    ck_assert_uint_eq(c.err.retry_after, 3000);
    rf_cancel_set(RFE_TERMINATED);
    run(r, &c);
    ASSERT_RC(c, -RFE_TERMINATED);
    ck_assert_uint_lt(rf_now_ms() - start, 5000);
    rf_cancel_reset();
}
END_TEST

START_TEST(bodies_are_repeated_when_they_can)
{
    R = test_registry_start(
        PROFILE(RULE("\"count\":1,\"method\":\"PUT\"", "\"type\":\"status\",\"status\":503")),
        NULL);
    CALL;
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_mem(rf_slice_str("0123456789"));
    prepare(r, &c, RF_PUT, "/a/manifests/t");
    c.call.body_source = src;
    c.call.body_size = 10;
    run(r, &c);
    ASSERT_RC(c, -RFE_FAILED); /* no manifest */
    ck_assert_uint_eq(test_registry_count(r, NULL, "PUT *"), 2);
    ck_assert_uint_eq(c.resp.sent, 10);
}
END_TEST

struct stream {
    struct rf_source base;
    uint64_t pos;
};

static ssize_t stream_read(struct rf_source *s, void *p, size_t n, struct rf_err *err)
{
    (void)err;
    memset(p, 'x', n);
    ((struct stream *)s)->pos += n;
    return (ssize_t)n;
}

static void stream_free(struct rf_source *s)
{
    (void)s;
}

START_TEST(streams_are_not_repeated)
{
    static const struct rf_source_ops ops = { stream_read, NULL, stream_free };
    R = test_registry_start(
        PROFILE(RULE("\"count\":0,\"method\":\"PUT\"", "\"type\":\"status\",\"status\":503")),
        NULL);
    CALL;
    struct stream src = { .base.ops = &ops };
    prepare(r, &c, RF_PUT, "/a/manifests/t");
    c.call.body_source = &src.base;
    c.call.body_size = 10;
    run(r, &c);
    ASSERT_RC(c, -RFE_SERVER);
    ck_assert_uint_eq(test_registry_count(r, NULL, "PUT *"), 1);
}
END_TEST

START_TEST(sinks_are_not_filled_twice)
{
    R = test_registry_start("reset-mid-blob", NULL);
    CALL;
    struct rf_digest digest;
    char text[RF_DIGEST_TEXT];
    uint64_t size = 0;
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_measure(RF_DIGEST_SHA256, NULL, &size);
    test_registry_blob(r, "a", 1, 20000, &digest);
    RF_CLEANUP(rf_freep) char *path = rf_xasprintf("/a/blobs/%s", rf_digest_text(&digest, text));
    prepare(r, &c, RF_GET, path);
    c.call.sink = sink;
    run(r, &c);
    ASSERT_RC(c, -RFE_UNREACHABLE);
    ck_assert_uint_eq(test_registry_count(r, NULL, "GET *"), 1);
}
END_TEST

/* ---- redirects ---- */

static const int redirect_codes[] = { 301, 302, 303, 307, 308 };

START_TEST(nothing_secret_crosses_origins)
{
    RF_CLEANUP(rf_freep)
    char *profile = rf_xasprintf(
        "{\"options\":{\"auth\":{\"type\":\"basic\",\"user\":\"carrier\",\"pass\":\"canary-secret-1\"}},\"rules\":[" RULE(
            "\"path\":\"/blobs/\",\"count\":0,\"header\":{\"Authorization\":\".\"}",
            "\"type\":\"redirect\",\"to\":\"other\",\"status\":%d") "]}",
        redirect_codes[_i]);
    R = test_registry_start(profile, LOGIN);
    CALL;
    static const char *const headers[] = { "Accept: text/x-wanted", "X-Api-Key: canary",
                                           "Cookie: canary" };
    struct rf_digest digest;
    char text[RF_DIGEST_TEXT];
    test_registry_blob(r, "a", 1, 100, &digest);
    RF_CLEANUP(rf_freep) char *path = rf_xasprintf("/a/blobs/%s", rf_digest_text(&digest, text));
    prepare(r, &c, RF_GET, path);
    c.call.headers = headers;
    c.call.n_headers = 3;
    test_registry_forget(r);
    run(r, &c);
    ASSERT_RC(c, 0);
    ck_assert_int_eq(c.resp.status, 200);
    ck_assert_uint_eq(c.resp.body.len, 100);
    ck_assert_uint_eq(test_registry_count(r, "other", "GET /elsewhere/*"), 1);
    ck_assert_uint_eq(test_registry_logins(r, "other", "*"), 0);
    ck_assert_uint_eq(test_registry_logins(r, "main", "*"), 1);
    ck_assert_uint_eq(rf_stats_get(r->stats, RF_REQ_REDIRECT), 1);
    RF_CLEANUP(rf_freep) char *log = test_registry_log(r);
    const char *other = strstr(log, "\"other\"");
    ck_assert_ptr_nonnull(other);
    RF_CLEANUP(rf_freep) char *line = rf_xstrndup(other, strcspn(other, "\n"));
    ck_assert_msg(strstr(line, "\"accept\"") != NULL && strstr(line, "x-api-key") == NULL &&
                      strstr(line, "cookie") == NULL,
                  "%s", line);
}
END_TEST

/* The way leads to another origin and back: by then nobody knows who asks. */
START_TEST(no_login_after_a_detour)
{
    R = test_registry_start(
        "{\"options\":{\"auth\":{\"type\":\"basic\",\"user\":\"carrier\",\"pass\":\"canary-secret-1\"}},\"rules\":[" RULE(
            "\"path\":\"/v2/a/tags\",\"count\":0,\"header\":{\"Authorization\":\".\"}",
            "\"type\":\"redirect\",\"location\":\"{other}/elsewhere/x\"") "," RULE("\"path\":\"/elsewhere/\",\"origin\":\"other\",\"count\":0",
                                                                                   "\"type\":\"redirect\",\"location\":\"{self}/v2/\"") "]}",
        LOGIN);
    CALL;
    prepare(r, &c, RF_GET, "/a/tags/list");
    run(r, &c);
    ASSERT_RC(c, -RFE_DENIED);
    ck_assert_uint_eq(test_registry_count(r, "main", "GET /v2/"), 1);
    ck_assert_uint_eq(test_registry_logins(r, "main", "GET /v2/"), 0);
}
END_TEST

START_TEST(a_login_asked_for_elsewhere_is_not_given)
{
    R = test_registry_start("redirect-login", LOGIN);
    CALL;
    struct rf_digest digest;
    char text[RF_DIGEST_TEXT];
    test_registry_blob(r, "a", 1, 100, &digest);
    RF_CLEANUP(rf_freep) char *path = rf_xasprintf("/a/blobs/%s", rf_digest_text(&digest, text));
    prepare(r, &c, RF_GET, path);
    run(r, &c);
    ASSERT_RC(c, -RFE_DENIED);
    ck_assert_uint_ge(test_registry_count(r, "other", "*"), 1);
    ck_assert_uint_eq(test_registry_logins(r, "other", "*"), 0);
}
END_TEST

START_TEST(redirects_end)
{
    R = test_registry_start(
        PROFILE(RULE("\"path\":\"/v2/.+\",\"count\":0", "\"type\":\"redirect\",\"to\":\"self\"")),
        NULL);
    CALL;
    prepare(r, &c, RF_GET, "/a/tags/list");
    run(r, &c);
    ASSERT_RC(c, -RFE_PROTOCOL);
    ck_assert_uint_eq(test_registry_count(r, NULL, "GET *"), RF_REDIRECTS_MAX + 1);
}
END_TEST

START_TEST(writes_are_not_redirected)
{
    R = test_registry_start(
        PROFILE(RULE("\"method\":[\"POST\",\"PUT\",\"DELETE\",\"PATCH\"],\"count\":0",
                     "\"type\":\"redirect\",\"to\":\"other\"")),
        NULL);
    CALL;
    prepare(r, &c, RF_POST, "/a/blobs/uploads/");
    run(r, &c);
    ASSERT_RC(c, -RFE_FAILED);
    ck_assert_uint_eq(test_registry_count(r, "other", "*"), 0);
}
END_TEST

static const struct {
    const char *location;
    int rc;
} bad_locations[] = {
    { "http://169.254.169.254/latest/meta-data/", -RFE_REFUSED },
    { "http://[::ffff:169.254.169.254]/", -RFE_REFUSED },
    { "http://0.0.0.0:1/", -RFE_REFUSED },
    { "ftp://registry.example/", -RFE_INVALID },
    { "file:///etc/passwd", -RFE_INVALID },
    { "http://user:pass@registry.example/", -RFE_INVALID },
    { "http://registry.example/a b", -RFE_INVALID },
};

START_TEST(refuses_bad_redirects)
{
    RF_CLEANUP(rf_freep)
    char *profile =
        rf_xasprintf(PROFILE(RULE("\"count\":0", "\"type\":\"redirect\",\"location\":\"%s\"")),
                     bad_locations[_i].location);
    R = test_registry_start(profile, NULL);
    CALL;
    prepare(r, &c, RF_GET, "/a/tags/list");
    run(r, &c);
    ASSERT_RC(c, bad_locations[_i].rc);
    ck_assert_uint_eq(test_registry_count(r, NULL, "*"), 1);
}
END_TEST

/* ---- logins ---- */

START_TEST(logs_in_when_asked)
{
    R = test_registry_start(_i == 0 ? "basic" : "bearer", LOGIN);
    CALL;
    prepare(r, &c, RF_GET, "/a/tags/list");
    run(r, &c);
    ASSERT_RC(c, -RFE_NOT_FOUND);
    ck_assert_uint_eq(test_registry_logins(r, "main", "GET /v2/*"), 1);
    test_registry_forget(r);
    run(r, &c);
    ASSERT_RC(c, -RFE_NOT_FOUND);
    ck_assert_uint_eq(test_registry_count(r, "main", "*"), 1);
}
END_TEST

START_TEST(a_wrong_login_ends)
{
    R = test_registry_start(_i == 0 ? "basic" : "bearer", ",user=carrier,pass=wrong");
    CALL;
    prepare(r, &c, RF_GET, "/a/tags/list");
    run(r, &c);
    ASSERT_RC(c, -RFE_DENIED);
    ck_assert_int_eq(c.err.http_status, 401);
    ck_assert_ptr_null(strstr(c.err.msg, "wrong\""));
    ck_assert_uint_le(test_registry_count(r, NULL, "*"), 4);
}
END_TEST

/* Some answer 401 without a challenge; the base of the API has it. */
START_TEST(finds_the_challenge_at_the_base)
{
    R = test_registry_start(
        "{\"options\":{\"auth\":{\"type\":\"basic\",\"user\":\"carrier\",\"pass\":\"canary-secret-1\"}},\"rules\":[" RULE(
            "\"path\":\"/tags/\",\"count\":1", "\"type\":\"status\",\"status\":401") "]}",
        LOGIN);
    CALL;
    prepare(r, &c, RF_GET, "/a/tags/list");
    run(r, &c);
    ASSERT_RC(c, -RFE_NOT_FOUND);
    ck_assert_uint_eq(test_registry_count(r, "main", "GET /v2/"), 1);
}
END_TEST

START_TEST(asks_for_rights)
{
    R = test_registry_start(_i == 0 ? "bearer" : "pull-only", LOGIN);
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_remote_ask_scope(r->remote, SCOPE, &err);
    /* The tokens of this service say nothing of what they allow: that it cannot be told is no refusal. */
    ck_assert_msg(rc == 0 || (_i == 1 && rc == -RFE_DENIED), "%s", err.msg);
    ck_assert_uint_eq(test_registry_count(r, NULL, "P*"), 0);
}
END_TEST

/* ---- slots and rate ---- */

struct worker {
    struct test_registry *r;
    pthread_t thread;
    int rc;
};

static void *ask_slowly(void *arg)
{
    struct worker *w = arg;
    CALL;
    prepare(w->r, &c, RF_GET, "/");
    w->rc = run(w->r, &c);
    return NULL;
}

static uint64_t run_workers(struct test_registry *r, unsigned n)
{
    struct worker w[16];
    uint64_t start = rf_now_ms();
    for (unsigned i = 0; i < n; i++) {
        w[i] = (struct worker){ .r = r };
        ck_assert_int_eq(pthread_create(&w[i].thread, NULL, ask_slowly, &w[i]), 0);
    }
    for (unsigned i = 0; i < n; i++) {
        pthread_join(w[i].thread, NULL);
        ck_assert_int_eq(w[i].rc, 0);
    }
    return rf_now_ms() - start;
}

static const char *const slow =
    "{\"rules\":[{\"match\":{\"count\":0},\"action\":{\"type\":\"delay\",\"ms\":100}}]}";

START_TEST(slots_bound_what_runs_at_once)
{
    R = test_registry_start(slow, ",req-concurrent=2");
    ck_assert_uint_ge(run_workers(r, 8), 390);
}
END_TEST

START_TEST(rate_is_kept)
{
    R = test_registry_start("plain", ",req-per-sec=20,req-concurrent=8");
    ck_assert_uint_ge(run_workers(r, 6), 240);
}
END_TEST

struct pair {
    struct rf_remote *a, *b;
    pthread_t thread;
    int rc;
};

/* Both ends of a copy: the one must never wait for a slot while it holds the other's. */
static void *reserve_often(void *arg)
{
    struct pair *p = arg;
    for (int i = 0; i < 300 && p->rc == 0; i++) {
        p->rc = rf_remote_reserve(p->a, p->b, NULL);
        if (p->rc < 0)
            break;
        if (i % 10 == 0)
            usleep(10);
        rf_remote_unreserve(p->a, p->b);
    }
    return NULL;
}

START_TEST(reserving_does_not_deadlock)
{
    R = test_registry_start("plain", _i == 0 ? ",req-concurrent=1" : ",req-concurrent=3");
    struct rf_remote *other = NULL;
    struct rf_remote_options opts = { .parallel = 2 };
    struct pair p[9];
    ck_assert_int_eq(rf_remote_new(r->http, r->hosts, r->other, &opts, &other, NULL), 0);
    for (size_t i = 0; i < RF_ARRAY_LEN(p); i++) {
        p[i] = (struct pair){ .a = i % 3 == 0 ? other : r->remote,
                              .b = i % 3 == 1 ? other : r->remote };
        ck_assert_int_eq(pthread_create(&p[i].thread, NULL, reserve_often, &p[i]), 0);
    }
    for (size_t i = 0; i < RF_ARRAY_LEN(p); i++) {
        pthread_join(p[i].thread, NULL);
        ck_assert_int_eq(p[i].rc, 0);
    }
    rf_remote_free(other);
    /* With a slot reserved its calls need no other. */
    CALL;
    ck_assert_int_eq(rf_remote_reserve(r->remote, r->remote, NULL), 0);
    rf_remote_enter(r->remote);
    prepare(r, &c, RF_GET, "/");
    run(r, &c);
    rf_remote_leave();
    rf_remote_unreserve(r->remote, r->remote);
    ASSERT_RC(c, 0);
    run(r, &c);
    ASSERT_RC(c, 0);
}
END_TEST

/* ---- the rest ---- */

START_TEST(makes_urls)
{
    R = test_registry_start("plain", ",path-prefix=some/where");
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    RF_CLEANUP(rf_url_release) struct rf_url api = RF_URL_INIT;
    ck_assert_int_eq(rf_remote_url(r->remote, "/a/tags/list", &url, NULL), 0);
    ck_assert_str_eq(url.path, "/v2/some/where/a/tags/list");
    ck_assert_int_eq(rf_remote_api_url(r->remote, "/_catalog", &api, NULL), 0);
    ck_assert_str_eq(api.path, "/v2/_catalog");
    ck_assert(rf_remote_is_own(r->remote, &url));
    url.https = true;
    ck_assert(!rf_remote_is_own(r->remote, &url));
}
END_TEST

START_TEST(warnings_are_shown_once)
{
    home_setup();
    R = test_registry_start(
        PROFILE(RULE("\"count\":0",
                     "\"type\":\"headers\",\"set\":{\"Warning\":\"299 - \\\"soon\\tgone\\\"\"}")),
        NULL);
    CALL;
    ck_assert_int_eq(rf_log_set_level("warn", NULL), 0);
    home_log_begin();
    prepare(r, &c, RF_GET, "/");
    run(r, &c);
    run(r, &c);
    RF_CLEANUP(rf_freep) char *log = home_log_end();
    ASSERT_RC(c, 0);
    const char *first = strstr(log, "Registry warning message");
    ck_assert_msg(first != NULL && strstr(first + 1, "Registry warning message") == NULL, "%s",
                  log);
    ck_assert_ptr_nonnull(strstr(first, "soon"));
    home_teardown();
}
END_TEST

START_TEST(plain_http_to_a_tls_port)
{
    struct raw_server server;
    raw_server_start(
        &server,
        "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n", false);
    RF_CLEANUP(rf_freep) char *name = rf_xasprintf("127.0.0.1:%u", server.port);
    RF_CLEANUP(rf_freep) char *flag = rf_xasprintf("reg=%s,tls=disabled", name);
    struct rf_hosts *hosts = rf_hosts_new();
    struct rf_client *client = NULL;
    struct rf_place *place = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_hosts_add_flag(hosts, flag, NULL), 0);
    ck_assert_int_eq(rf_client_new(hosts, NULL, &client, NULL), 0);
    ck_assert_int_eq(rf_client_registry(client, name, &place, NULL), 0);
    int rc = rf_registry_ping(place, &err);
    rf_client_free(client);
    raw_server_stop(&server);
    ck_assert_int_eq(rc, -RFE_FAILED);
    ck_assert_msg(strstr(err.msg, "wants TLS") != NULL, "%s", err.msg);
}
END_TEST

static void add_answers(Suite *s)
{
    TCase *t = tcase_create("answers");
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, classifies_answers, 0, (int)RF_ARRAY_LEN(statuses));
    tcase_add_test(t, foreign_words_are_harmless);
    tcase_add_loop_test(t, words_of_answers, 0, (int)RF_ARRAY_LEN(bodies));
    tcase_add_test(t, codes_of_answers);
    tcase_add_test(t, makes_urls);
    tcase_add_test(t, warnings_are_shown_once);
    tcase_add_test(t, plain_http_to_a_tls_port);
    suite_add_tcase(s, t);
}

static void add_repeats(Suite *s)
{
    TCase *t = tcase_create("repeats");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, repeats_what_passes);
    tcase_add_test(t, repeats_after_resets);
    tcase_add_test(t, once_is_once);
    tcase_add_loop_test(t, nobody_asks_before_retry_after, 0, 2);
    tcase_add_test(t, waiting_can_be_stopped);
    tcase_add_test(t, bodies_are_repeated_when_they_can);
    tcase_add_test(t, streams_are_not_repeated);
    tcase_add_test(t, sinks_are_not_filled_twice);
    suite_add_tcase(s, t);
}

Suite *rf_request_suite(void);
Suite *rf_request_suite(void)
{
    Suite *s = suite_create("request");
    add_answers(s);
    add_repeats(s);
    TCase *t = tcase_create("redirects");
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, nothing_secret_crosses_origins, 0, (int)RF_ARRAY_LEN(redirect_codes));
    tcase_add_test(t, no_login_after_a_detour);
    tcase_add_test(t, a_login_asked_for_elsewhere_is_not_given);
    tcase_add_test(t, redirects_end);
    tcase_add_test(t, writes_are_not_redirected);
    tcase_add_loop_test(t, refuses_bad_redirects, 0, (int)RF_ARRAY_LEN(bad_locations));
    suite_add_tcase(s, t);
    t = tcase_create("logins");
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, logs_in_when_asked, 0, 2);
    tcase_add_loop_test(t, a_wrong_login_ends, 0, 2);
    tcase_add_test(t, finds_the_challenge_at_the_base);
    tcase_add_loop_test(t, asks_for_rights, 0, 2);
    suite_add_tcase(s, t);
    t = tcase_create("slots");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, slots_bound_what_runs_at_once);
    tcase_add_test(t, rate_is_kept);
    tcase_add_loop_test(t, reserving_does_not_deadlock, 0, 2);
    suite_add_tcase(s, t);
    return s;
}
