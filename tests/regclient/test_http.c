/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/http.h"

#include <arpa/inet.h>
#include <check.h>
#include <pthread.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "base/text.h"
#include "regclient/http_private.h"
#include "tests/regclient/helper_raw.h"
#include "tests/regclient/helper_registry.h"

#define R RF_CLEANUP(test_registry_stopp) struct test_registry *r

/* One exchange in one struct, for short tests. */
struct exchange {
    struct rf_url url;
    struct rf_http_request req;
    struct rf_http_response resp;
    struct rf_err err;
    int rc;
};

static void exchange_release(struct exchange *x)
{
    rf_url_release(&x->url);
    rf_http_response_release(&x->resp);
}
#define EXCHANGE RF_CLEANUP(exchange_release) struct exchange x

static void prepare(struct exchange *x, enum rf_http_method method, const char *scheme,
                    const char *host, const char *path)
{
    RF_CLEANUP(rf_freep) char *text = rf_xasprintf("%s://%s%s", scheme, host, path);
    *x = (struct exchange){ .req = { .method = method, .url = &x->url } };
    ck_assert_int_eq(rf_url_parse(text, &x->url, NULL), 0);
    rf_http_response_init(&x->resp);
}

static int run(struct test_registry *r, struct exchange *x)
{
    x->rc = rf_http_do(r->http, &x->req, &x->resp, &x->err);
    return x->rc;
}

#define ASSERT_RC(x, want) \
    ck_assert_msg((x).rc == (want), "%d, not %d: %s", (x).rc, (want), (x).err.msg)

START_TEST(gets_and_heads)
{
    R = test_registry_start("plain", NULL);
    EXCHANGE;
    prepare(&x, RF_GET, "http", r->name, "/v2/");
    run(r, &x);
    ASSERT_RC(x, 0);
    ck_assert_int_eq(x.resp.status, 200);
    ck_assert_str_eq(x.resp.body.ptr, "{}");
    ck_assert_uint_eq(x.resp.received, 2);
    ck_assert_uint_eq(x.resp.peer, RF_ADDR_LOOPBACK);
    ck_assert_str_eq(rf_headers_get(&x.resp.headers, "content-type"), "application/json");
    x.req.method = RF_HEAD;
    run(r, &x);
    ASSERT_RC(x, 0);
    ck_assert_uint_eq(x.resp.body.len, 0);
}
END_TEST

/* A handle that sent a body must not send it again with the next request. */
START_TEST(bodies_do_not_linger)
{
    R = test_registry_start("plain", NULL);
    EXCHANGE;
    RF_CLEANUP(rf_freep) char *bytes = test_bytes(1, 5000);
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_mem(rf_slice_of(bytes, 5000));
    prepare(&x, RF_POST, "http", r->name, "/v2/a/blobs/uploads/");
    for (int i = 0; i < 2; i++) {
        x.req.method = RF_POST;
        x.req.body_source = NULL;
        x.req.body_size = 0;
        run(r, &x);
        ASSERT_RC(x, 0);
        ck_assert_int_eq(x.resp.status, 202);
        ck_assert_uint_eq(x.resp.sent, 0);
        struct exchange y;
        prepare(&y, RF_PATCH, "http", r->name, rf_headers_get(&x.resp.headers, "location"));
        y.req.body_source = src;
        y.req.body_size = 5000;
        ck_assert_int_eq(rf_source_seek(src, 0, NULL), 0);
        run(r, &y);
        ASSERT_RC(y, 0);
        ck_assert_int_eq(y.resp.status, 202);
        ck_assert_uint_eq(y.resp.sent, 5000);
        ck_assert_str_eq(rf_headers_get(&y.resp.headers, "range"), "0-4999");
        exchange_release(&y);
    }
}
END_TEST

START_TEST(small_body)
{
    R = test_registry_start("plain", NULL);
    EXCHANGE;
    static const char *const headers[] = { "Content-Type: " RF_MT_OCI_INDEX };
    prepare(&x, RF_PUT, "http", r->name, "/v2/a/manifests/t");
    x.req.headers = headers;
    x.req.n_headers = 1;
    x.req.body = rf_slice_str("{\"schemaVersion\":2,\"manifests\":[]}");
    run(r, &x);
    ASSERT_RC(x, 0);
    ck_assert_msg(x.resp.status == 201, "%s", x.resp.body.ptr);
}
END_TEST

/* ---- caps ---- */

static const char *const flood =
    "{\"rules\":[{\"match\":{\"count\":0},\"action\":{\"type\":\"header_flood\",\"lines\":10000}}]}";
static const char *const wide =
    "{\"rules\":[{\"match\":{\"count\":0},\"action\":{\"type\":\"header_flood\",\"lines\":70,\"width\":1000}}]}";
static const char *const endless =
    "{\"rules\":[{\"match\":{\"count\":0},\"action\":{\"type\":\"endless\"}}]}";

START_TEST(caps_headers)
{
    R = test_registry_start(_i == 0 ? flood : wide, NULL);
    EXCHANGE;
    prepare(&x, RF_GET, "http", r->name, "/v2/");
    run(r, &x);
    ASSERT_RC(x, -RFE_TOO_LARGE);
}
END_TEST

START_TEST(caps_bodies)
{
    R = test_registry_start(endless, NULL);
    EXCHANGE;
    prepare(&x, RF_GET, "http", r->name, "/v2/");
    x.req.body_max = 100000;
    run(r, &x);
    ASSERT_RC(x, -RFE_TOO_LARGE);
    ck_assert_uint_lt(x.resp.received, 1000000);
    /* Where only the start is wanted, more is no failure. */
    x.req.body_max = 10;
    x.req.cut_body = true;
    run(r, &x);
    ASSERT_RC(x, 0);
    ck_assert_uint_eq(x.resp.body.len, 10);
}
END_TEST

START_TEST(cuts_error_bodies)
{
    R = test_registry_start("endless-error", NULL);
    EXCHANGE;
    prepare(&x, RF_GET, "http", r->name, "/v2/a/manifests/t");
    run(r, &x);
    ASSERT_RC(x, 0);
    ck_assert_int_ge(x.resp.status, 400);
    ck_assert_uint_le(x.resp.body.len, 64u << 10);
}
END_TEST

START_TEST(caps_the_sink)
{
    R = test_registry_start(endless, NULL);
    EXCHANGE;
    struct rf_digest digest;
    uint64_t size = 0;
    RF_CLEANUP(rf_sink_freep)
    struct rf_sink *sink = rf_sink_measure(RF_DIGEST_SHA256, &digest, &size);
    prepare(&x, RF_GET, "http", r->name, "/v2/");
    x.req.sink = sink;
    x.req.sink_max = 100000;
    run(r, &x);
    ASSERT_RC(x, -RFE_SIZE_MISMATCH);
    ck_assert_uint_le(x.resp.sunk, 100000);
}
END_TEST

START_TEST(refuses_encodings)
{
    R = test_registry_start(
        "{\"rules\":[{\"match\":{\"count\":0},\"action\":{\"type\":\"headers\",\"set\":{\"Content-Encoding\":\"gzip\"}}}]}",
        NULL);
    EXCHANGE;
    prepare(&x, RF_GET, "http", r->name, "/v2/");
    run(r, &x);
    ASSERT_RC(x, -RFE_PROTOCOL);
    ck_assert_ptr_nonnull(strstr(x.err.msg, "gzip"));
    ck_assert_uint_eq(test_registry_count(r, NULL, "*"), 1);
}
END_TEST

START_TEST(refuses_line_ends_in_headers)
{
    R = test_registry_start("plain", NULL);
    EXCHANGE;
    static const char *const headers[] = { "Accept: x\r\nX: y" };
    prepare(&x, RF_GET, "http", r->name, "/v2/");
    x.req.headers = headers;
    x.req.n_headers = 1;
    run(r, &x);
    ASSERT_RC(x, -RFE_INVALID);
}
END_TEST

/* ---- addresses ---- */

static const struct {
    const char *text;
    unsigned class;
} addresses[] = {
    { "127.0.0.1", RF_ADDR_LOOPBACK },
    { "127.255.0.1", RF_ADDR_LOOPBACK },
    { "0.0.0.0", RF_ADDR_UNSPECIFIED },
    { "0.1.2.3", RF_ADDR_UNSPECIFIED },
    { "169.254.169.254", RF_ADDR_LINK_LOCAL },
    { "224.0.0.1", RF_ADDR_MULTICAST },
    { "255.255.255.255", RF_ADDR_MULTICAST },
    { "10.0.0.1", 0 },
    { "192.168.1.1", 0 },
    { "172.16.0.1", 0 },
    { "8.8.8.8", 0 },
    { "::1", RF_ADDR_LOOPBACK },
    { "::", RF_ADDR_UNSPECIFIED },
    { "fe80::1", RF_ADDR_LINK_LOCAL },
    { "ff02::1", RF_ADDR_MULTICAST },
    { "fd00::1", 0 },
    { "2001:db8::1", 0 },
    { "::ffff:127.0.0.1", RF_ADDR_LOOPBACK },
    { "::ffff:169.254.169.254", RF_ADDR_LINK_LOCAL },
    { "::ffff:10.0.0.1", 0 },
    { "::127.0.0.1", RF_ADDR_LOOPBACK },
    { "64:ff9b::7f00:1", RF_ADDR_LOOPBACK },
    { "64:ff9b::808:808", 0 },
};

START_TEST(classifies_addresses)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    const struct sockaddr *addr = (const struct sockaddr *)&in;
    if (inet_pton(AF_INET, addresses[_i].text, &in.sin_addr) != 1) {
        ck_assert_int_eq(inet_pton(AF_INET6, addresses[_i].text, &in6.sin6_addr), 1);
        addr = (const struct sockaddr *)&in6;
    }
    ck_assert_msg(rf_addr_classify(addr) == addresses[_i].class, "%s", addresses[_i].text);
}
END_TEST

static const char *const local_names[] = { "127.0.0.1", "localhost",  "0.0.0.0",
                                           "127.1",     "2130706433", "[::ffff:127.0.0.1]" };

START_TEST(foreign_urls_do_not_reach_this_machine)
{
    R = test_registry_start("plain", NULL);
    EXCHANGE;
    RF_CLEANUP(rf_freep) char *host = rf_xasprintf("%s%s", local_names[_i], strchr(r->name, ':'));
    prepare(&x, RF_GET, "http", host, "/v2/");
    x.req.foreign = true;
    run(r, &x);
    ASSERT_RC(x, -RFE_REFUSED);
    /* That a registry is on loopback allows loopback and nothing else. */
    x.req.allow_addr = RF_ADDR_LINK_LOCAL | RF_ADDR_MULTICAST;
    run(r, &x);
    ASSERT_RC(x, -RFE_REFUSED);
    ck_assert_uint_eq(test_registry_count(r, NULL, "*"), 0);
    if (_i == 0) {
        x.req.allow_addr = RF_ADDR_LOOPBACK;
        run(r, &x);
        ASSERT_RC(x, 0);
        /* The connection that is kept now is no way in for one that may not. */
        x.req.allow_addr = 0;
        run(r, &x);
        ASSERT_RC(x, -RFE_REFUSED);
    }
}
END_TEST

/* ---- failures ---- */

/* What a server answers, and what comes of it. */
static const struct {
    const char *name, *answer;
    bool endless;
    int rc, status;
} raw_rows[] = {
    { "as it should be", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", false, 0, 200 },
    { "line feeds alone", "HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", false, 0, 200 },
    { "no reason phrase", "HTTP/1.1 429\r\nContent-Length: 0\r\n\r\n", false, 0, 429 },
    { "until the end of the connection", "HTTP/1.0 200 OK\r\n\r\n{}", false, 0, 200 },
    { "a step on the way",
      "HTTP/1.1 103 Early\r\nX: y\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", false, 0,
      404 },
    { "chunks",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Trailer: y\r\n\r\n",
      false, 0, 200 },
    { "a folded header", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\n{}", false, 0,
      200 },
    { "no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", false, -RFE_PROTOCOL, 0 },
    { "nothing", "", false, -RFE_UNREACHABLE, 0 },
    { "half a status line", "HTTP/1.1 2", false, -RFE_UNREACHABLE, 0 },
    { "headers without end", "HTTP/1.1 200 OK\r\nX: y\r\n", false, -RFE_UNREACHABLE, 200 },
    { "a chunk cut short", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}", false,
      -RFE_UNREACHABLE, 200 },
    { "a control byte in a header", "HTTP/1.1 200 OK\r\nX: a\x01\r\nContent-Length: 0\r\n\r\n",
      false, -RFE_INVALID, 200 },
    { "steps without end", "HTTP/1.1 103 Early\r\nX: y\r\n\r\n", true, -RFE_TOO_LARGE, 103 },
};

START_TEST(odd_answers)
{
    struct raw_server server;
    struct rf_http *http = NULL;
    EXCHANGE;
    raw_server_start(&server, raw_rows[_i].answer, raw_rows[_i].endless);
    RF_CLEANUP(rf_freep) char *host = rf_xasprintf("127.0.0.1:%u", server.port);
    ck_assert_int_eq(rf_http_new(NULL, &http, NULL), 0);
    prepare(&x, RF_GET, "http", host, "/v2/");
    x.rc = rf_http_do(http, &x.req, &x.resp, &x.err);
    rf_http_free(http);
    raw_server_stop(&server);
    ck_assert_msg(x.rc == raw_rows[_i].rc, "%s: %d: %s", raw_rows[_i].name, x.rc, x.err.msg);
    ck_assert_msg(x.resp.status == raw_rows[_i].status, "%s: status %d", raw_rows[_i].name,
                  x.resp.status);
}
END_TEST

START_TEST(plain_http_where_tls_is_meant)
{
    struct raw_server server;
    struct rf_http *http = NULL;
    EXCHANGE;
    raw_server_start(&server, "HTTP/1.1 400 Bad Request\r\n\r\n", false);
    RF_CLEANUP(rf_freep) char *host = rf_xasprintf("127.0.0.1:%u", server.port);
    ck_assert_int_eq(rf_http_new(NULL, &http, NULL), 0);
    prepare(&x, RF_GET, "https", host, "/v2/");
    x.rc = rf_http_do(http, &x.req, &x.resp, &x.err);
    rf_http_free(http);
    raw_server_stop(&server);
    ASSERT_RC(x, -RFE_TLS);
    ck_assert_ptr_nonnull(strstr(x.err.msg, "tls=disabled"));
}
END_TEST

START_TEST(nobody_listens)
{
    R = test_registry_start("plain", NULL);
    EXCHANGE;
    prepare(&x, RF_GET, "http", "127.0.0.1:9", "/v2/?secret=canary");
    run(r, &x);
    ASSERT_RC(x, -RFE_UNREACHABLE);
    ck_assert_ptr_nonnull(strstr(x.err.msg, "127.0.0.1:9"));
    ck_assert_ptr_null(strstr(x.err.msg, "canary"));
    exchange_release(&x);
    prepare(&x, RF_GET, "http", "no-such-host.invalid", "/");
    run(r, &x);
    ASSERT_RC(x, -RFE_UNREACHABLE);
}
END_TEST

static const char *const cut_profile[] = {
    "{\"rules\":[{\"match\":{\"count\":0},\"action\":{\"type\":\"drop\",\"reset\":true}}]}",
    "{\"rules\":[{\"match\":{\"count\":0},\"action\":{\"type\":\"drop\"}}]}",
    "{\"rules\":[{\"match\":{\"count\":0},\"action\":{\"type\":\"reset\",\"body_bytes\":1}}]}",
    "{\"rules\":[{\"match\":{\"count\":0},\"action\":{\"type\":\"truncate\",\"body_bytes\":1}}]}",
};

START_TEST(cut_answers)
{
    R = test_registry_start(cut_profile[_i], NULL);
    EXCHANGE;
    prepare(&x, RF_GET, "http", r->name, "/v2/");
    run(r, &x);
    ASSERT_RC(x, -RFE_UNREACHABLE);
    ck_assert_int_eq(x.resp.status, _i < 2 ? 0 : 200);
}
END_TEST

/* ---- streams ---- */

struct odd_sink {
    struct rf_sink base;
    struct rf_http *kick;
    unsigned refuse; /* so many writes say "again" */
    int fail;
    uint64_t got;
    pthread_t thread;
    bool running;
};

static void *kick_later(void *arg)
{
    struct odd_sink *o = arg;
    usleep(2000);
    rf_http_kick(o->kick);
    return NULL;
}

static int odd_write(struct rf_sink *s, const void *p, size_t n, struct rf_err *err)
{
    struct odd_sink *o = (struct odd_sink *)s;
    (void)p;
    if (o->running)
        pthread_join(o->thread, NULL);
    o->running = false;
    if (o->refuse > 0 && o->got % 3 == 0) {
        o->refuse--;
        o->running = pthread_create(&o->thread, NULL, kick_later, o) == 0;
        return rf_fail(err, RFE_AGAIN, "later");
    }
    if (o->fail != 0)
        return rf_fail(err, o->fail, "the sink is full");
    o->got += n;
    return 0;
}

static void odd_free(struct rf_sink *s)
{
    struct odd_sink *o = (struct odd_sink *)s;
    if (o->running)
        pthread_join(o->thread, NULL);
}

static const struct rf_sink_ops odd_ops = { odd_write, NULL, odd_free };

START_TEST(sinks_may_wait)
{
    R = test_registry_start("plain", NULL);
    EXCHANGE;
    struct rf_digest digest;
    char text[RF_DIGEST_TEXT];
    struct odd_sink sink = { .base.ops = &odd_ops, .kick = r->http, .refuse = 20 };
    test_registry_blob(r, "a", 1, 3000000, &digest);
    RF_CLEANUP(rf_freep) char *path = rf_xasprintf("/v2/a/blobs/%s", rf_digest_text(&digest, text));
    prepare(&x, RF_GET, "http", r->name, path);
    x.req.sink = &sink.base;
    run(r, &x);
    odd_free(&sink.base);
    ASSERT_RC(x, 0);
    ck_assert_uint_eq(sink.got, 3000000);
    ck_assert_uint_eq(x.resp.sunk, 3000000);
    ck_assert_uint_eq(x.resp.received, 3000000);
    ck_assert_uint_lt(sink.refuse, 20);
}
END_TEST

START_TEST(sinks_fail_as_themselves)
{
    R = test_registry_start("plain", NULL);
    EXCHANGE;
    struct odd_sink sink = { .base.ops = &odd_ops, .kick = r->http, .fail = RFE_NO_SPACE };
    prepare(&x, RF_GET, "http", r->name, "/v2/");
    x.req.sink = &sink.base;
    run(r, &x);
    ASSERT_RC(x, -RFE_NO_SPACE);
    ck_assert_ptr_nonnull(strstr(x.err.msg, "the sink is full"));
}
END_TEST

START_TEST(only_2xx_reaches_the_sink)
{
    R = test_registry_start("plain", NULL);
    EXCHANGE;
    struct odd_sink sink = { .base.ops = &odd_ops, .kick = r->http };
    prepare(&x, RF_GET, "http", r->name, "/v2/a/tags/list");
    x.req.sink = &sink.base;
    run(r, &x);
    ASSERT_RC(x, 0);
    ck_assert_int_eq(x.resp.status, 404);
    ck_assert_uint_eq(sink.got, 0);
    ck_assert_uint_gt(x.resp.body.len, 0);
}
END_TEST

START_TEST(short_sources_fail)
{
    R = test_registry_start("plain", NULL);
    EXCHANGE;
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_mem(rf_slice_str("abc"));
    prepare(&x, RF_PUT, "http", r->name, "/v2/a/blobs/uploads/x");
    x.req.body_source = src;
    x.req.body_size = 4;
    run(r, &x);
    ASSERT_RC(x, -RFE_SIZE_MISMATCH);
}
END_TEST

/* ---- many at once, and stopping ---- */

struct many {
    struct test_registry *r;
    pthread_t thread;
    int failed;
};

static void *ask_often(void *arg)
{
    struct many *m = arg;
    EXCHANGE;
    prepare(&x, RF_GET, "http", m->r->name, "/v2/");
    for (int i = 0; i < 40; i++)
        if (run(m->r, &x) != 0 || x.resp.status != 200 || x.resp.body.len != 2)
            m->failed++;
    return NULL;
}

START_TEST(many_threads)
{
    R = test_registry_start("plain", NULL);
    struct many m[8];
    for (size_t i = 0; i < RF_ARRAY_LEN(m); i++) {
        m[i] = (struct many){ .r = r };
        ck_assert_int_eq(pthread_create(&m[i].thread, NULL, ask_often, &m[i]), 0);
    }
    for (size_t i = 0; i < RF_ARRAY_LEN(m); i++) {
        pthread_join(m[i].thread, NULL);
        ck_assert_int_eq(m[i].failed, 0);
    }
    ck_assert_uint_eq(test_registry_count(r, NULL, "GET /v2/"), 8 * 40);
}
END_TEST

static void *cancel_when_asked(void *arg)
{
    bool came = test_registry_waits_for(arg, "GET *", 1);
    rf_cancel_set(RFE_CANCELLED);
    return came ? arg : NULL;
}

START_TEST(stops_when_told)
{
    R = test_registry_start(
        "{\"rules\":[{\"match\":{\"method\":\"GET\",\"count\":0},\"action\":{\"type\":\"delay\",\"ms\":20000}}]}",
        NULL);
    EXCHANGE;
    pthread_t thread;
    void *came = NULL;
    uint64_t start = rf_now_ms();
    prepare(&x, RF_GET, "http", r->name, "/v2/");
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_when_asked, r), 0);
    run(r, &x);
    pthread_join(thread, &came);
    ck_assert_ptr_eq(came, r);
    ASSERT_RC(x, -RFE_CANCELLED);
    ck_assert_uint_lt(rf_now_ms() - start, 15000); /* the answer would come after twenty seconds */
    run(r, &x);
    ASSERT_RC(x, -RFE_CANCELLED);
    /* Ending what we left behind still goes out. */
    x.req.method = RF_HEAD;
    x.req.cleanup = true;
    run(r, &x);
    ASSERT_RC(x, 0);
    ck_assert_int_eq(x.resp.status, 200);
    rf_cancel_reset();
}
END_TEST

/* ---- proxies ---- */

static const struct {
    const char *except, *url;
    bool direct;
} proxy_rows[] = {
    { NULL, "http://registry.example/", false },
    { NULL, "http://localhost:5000/", true },
    { NULL, "http://127.0.0.2/", true },
    { NULL, "http://[::1]/", true },
    { "*", "http://registry.example/", true },
    { "registry.example", "http://registry.example/", true },
    { "Registry.Example", "http://registry.example:5000/", true },
    { "example", "http://registry.example/", true },
    { ".example", "http://registry.example/", true },
    { ".registry.example", "http://registry.example/", false },
    { "*.example", "http://registry.example/", true },
    { "istry.example", "http://registry.example/", false },
    { "registry.example:80", "http://registry.example/", true },
    { "registry.example:81", "http://registry.example/", false },
    { "a, registry.example ,b", "http://registry.example/", true },
    { "10.0.0.0/8", "http://10.1.2.3:5000/", true },
    { "10.0.0.0/16", "http://10.1.2.3/", false },
    { "10.1.2.3", "http://10.1.2.3/", true },
    { "fd00::/8", "http://[fd12::1]/", true },
    { "fe00::/8", "http://[fd12::1]/", false },
    { "10.0.0.0/99", "http://10.1.2.3/", false },
    { "", "http://registry.example/", false },
};

START_TEST(chooses_proxies)
{
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    setenv("HTTP_PROXY", "http://proxy.example:3128", 1);
    unsetenv("http_proxy");
    unsetenv("NO_PROXY");
    unsetenv("no_proxy");
    if (proxy_rows[_i].except != NULL)
        setenv("NO_PROXY", proxy_rows[_i].except, 1);
    struct rf_http_proxy *p = rf_http_proxy_new();
    ck_assert_int_eq(rf_url_parse(proxy_rows[_i].url, &url, NULL), 0);
    const char *got = rf_http_proxy_for(p, &url);
    ck_assert_msg((got == NULL) == proxy_rows[_i].direct, "no_proxy=%s %s", proxy_rows[_i].except,
                  proxy_rows[_i].url);
    url.https = true;
    ck_assert_ptr_null(rf_http_proxy_for(p, &url));
    rf_http_proxy_free(p);
}
END_TEST

START_TEST(goes_through_a_proxy)
{
    R = test_registry_start("plain", NULL);
    EXCHANGE;
    struct rf_http *http = NULL;
    RF_CLEANUP(rf_freep) char *proxy = rf_xasprintf("http://%s", r->name);
    setenv("http_proxy", proxy, 1);
    unsetenv("no_proxy");
    unsetenv("NO_PROXY");
    ck_assert_int_eq(rf_http_new(NULL, &http, NULL), 0);
    prepare(&x, RF_GET, "http", "registry.invalid", "/v2/");
    x.req.foreign = true; /* the proxy's own address does not matter */
    x.rc = rf_http_do(http, &x.req, &x.resp, &x.err);
    rf_http_free(http);
    ASSERT_RC(x, 0);
    ck_assert_uint_eq(x.resp.peer, 0);
    ck_assert_uint_eq(test_registry_count(r, NULL, "GET *"), 1);
}
END_TEST

Suite *rf_http_suite(void);
Suite *rf_http_suite(void)
{
    Suite *s = suite_create("http");
    TCase *t = tcase_create("exchanges");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, gets_and_heads);
    tcase_add_test(t, bodies_do_not_linger);
    tcase_add_test(t, small_body);
    tcase_add_loop_test(t, caps_headers, 0, 2);
    tcase_add_test(t, caps_bodies);
    tcase_add_test(t, cuts_error_bodies);
    tcase_add_test(t, caps_the_sink);
    tcase_add_test(t, refuses_encodings);
    tcase_add_test(t, refuses_line_ends_in_headers);
    suite_add_tcase(s, t);
    t = tcase_create("addresses");
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, classifies_addresses, 0, (int)RF_ARRAY_LEN(addresses));
    tcase_add_loop_test(t, foreign_urls_do_not_reach_this_machine, 0,
                        (int)RF_ARRAY_LEN(local_names));
    suite_add_tcase(s, t);
    t = tcase_create("failures");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, plain_http_where_tls_is_meant);
    tcase_add_loop_test(t, odd_answers, 0, (int)RF_ARRAY_LEN(raw_rows));
    tcase_add_test(t, nobody_listens);
    tcase_add_loop_test(t, cut_answers, 0, (int)RF_ARRAY_LEN(cut_profile));
    tcase_add_test(t, sinks_may_wait);
    tcase_add_test(t, sinks_fail_as_themselves);
    tcase_add_test(t, only_2xx_reaches_the_sink);
    tcase_add_test(t, short_sources_fail);
    tcase_add_test(t, many_threads);
    tcase_add_test(t, stops_when_told);
    suite_add_tcase(s, t);
    t = tcase_create("proxies");
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, chooses_proxies, 0, (int)RF_ARRAY_LEN(proxy_rows));
    tcase_add_test(t, goes_through_a_proxy);
    suite_add_tcase(s, t);
    return s;
}
