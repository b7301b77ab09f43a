/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/auth.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/log.h"
#include "base/mem.h"
#include "tests/regclient/helper_home.h"
#include "tests/regclient/helper_token_server.h"

#define PULL "repository:a:pull"
#define PUSH "repository:a:pull,push"
#define ROUNDS 8

/* What the two servers do. %R in a challenge is the token service at the registry's host, %L the same at "localhost". */
static struct {
    const char *challenge;      /* of the registry to whoever is not let in */
    const char *second;         /* the challenge to who brings a token; NULL: the same */
    const char *third;          /* and from its third refusal on */
    const char *root_challenge; /* of /v2/ alone */
    const char
        *accepts; /* the value of Authorization that is let in; "*" any Bearer; NULL nobody */
    const char *only_scope;      /* the token service knows this scope alone: others are refused */
    const char *claims;          /* tokens are JSON web tokens with these claims */
    const char *extra;           /* members of the token's answer behind the token */
    int get_status, post_status; /* of the token service; 0: 200 */
    const char *headers;         /* more of them from the token service */
    size_t fill;                 /* bytes of blanks behind the token */
    unsigned fail_from;          /* from the n-th token request on it answers 503; 0 never */
    unsigned tokens, refusals;
} script;

static struct rf_hosts *hosts;
static struct rf_http *http;
static struct rf_stats *stats;
static struct rf_auth *auth;
static struct rf_url origin;

static char *expand(const char *text)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    for (; *text != '\0'; text++) {
        if (text[0] == '%' && (text[1] == 'R' || text[1] == 'L'))
            rf_buf_addf(&b, "http://%s:%u/token", *++text == 'R' ? "127.0.0.1" : "localhost",
                        server_port(SERVER_REALM));
        else
            rf_buf_add_char(&b, *text);
    }
    return rf_buf_take(&b, NULL);
}

static void challenge_with(struct rf_buf *out, const char *text)
{
    RF_CLEANUP(rf_freep) char *value = text != NULL ? expand(text) : NULL;
    RF_CLEANUP(rf_freep)
    char *line = value != NULL ? rf_xasprintf("WWW-Authenticate: %s\r\n", value) : rf_xstrdup("");
    server_reply(out, 401, line, "{}");
}

static void registry(const struct server_request *r, struct rf_buf *out)
{
    const char *sent = r->authorization;
    bool bearer = sent != NULL && strncmp(sent, "Bearer ", 7) == 0;
    if (strcmp(r->target, "/v2/") == 0 && script.root_challenge != NULL) {
        challenge_with(out, script.root_challenge);
    } else if (sent != NULL && script.accepts != NULL &&
               (strcmp(script.accepts, "*") == 0 ? bearer : strcmp(script.accepts, sent) == 0)) {
        server_reply(out, 200, "", "fine");
    } else {
        script.refusals++;
        const char *text = bearer && script.second != NULL ? script.second : script.challenge;
        challenge_with(out, script.refusals >= 3 && script.third != NULL ? script.third : text);
    }
}

static void add_token(struct rf_buf *body)
{
    rf_buf_addf(body, "{\"token\":\"");
    if (script.claims != NULL) {
        rf_buf_add_str(body, "e30.");
        rf_base64_encode(body, rf_slice_str(script.claims));
        while (body->ptr[body->len - 1] == '=')
            body->len--;
        rf_buf_add_str(body, ".sig\"");
    } else {
        rf_buf_addf(body, "t%u\"", script.tokens);
    }
    rf_buf_addf(body, "%s}", script.extra != NULL ? script.extra : "");
    for (size_t i = 0; i < script.fill; i++)
        rf_buf_add_char(body, ' ');
}

static void realm(const struct server_request *r, struct rf_buf *out)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    rf_buf_init(&body, 0);
    int status = strcmp(r->method, "POST") == 0 ? script.post_status : script.get_status;
    script.tokens++;
    if (script.fail_from != 0 && script.tokens >= script.fail_from)
        status = 503;
    if (script.only_scope != NULL) {
        /* Exactly one scope, and this one. */
        const char *at = strstr(r->target, "scope=");
        RF_CLEANUP(rf_buf_release) struct rf_buf want;
        rf_buf_init(&want, 0);
        rf_url_escape(&want, rf_slice_str(script.only_scope), false);
        bool same = at != NULL && strncmp(at + 6, want.ptr, want.len) == 0 &&
                    strstr(at + 6, "scope=") == NULL;
        status = same ? status : 400;
    }
    if (status == 0 || status == 200)
        add_token(&body);
    else
        rf_buf_add_str(&body, "no token for \033you");
    server_reply(out, status == 0 ? 200 : status, script.headers != NULL ? script.headers : "",
                 body.ptr);
}

static void answer(void *ctx, const struct server_request *r, struct rf_buf *out)
{
    (void)ctx;
    if (r->port == SERVER_REGISTRY)
        registry(r, out);
    else
        realm(r, out);
}

static void setup(void)
{
    struct rf_err err = RF_ERR_INIT;
    home_setup();
    server_start(answer, NULL);
    hosts = rf_hosts_new();
    stats = rf_stats_new();
    ck_assert_msg(rf_http_new(NULL, &http, &err) == 0, "%s", err.msg);
}

static void teardown(void)
{
    rf_auth_free(auth);
    rf_http_free(http);
    rf_hosts_freep(&hosts);
    rf_stats_free(stats);
    rf_url_release(&origin);
    server_stop();
    home_teardown();
}

/* The registry under its loopback address, with more of a --host option. */
static void start(const char *more)
{
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_freep) char *name = rf_xasprintf("127.0.0.1:%u", server_port(SERVER_REGISTRY));
    RF_CLEANUP(rf_freep) char *flag = rf_xasprintf("reg=%s,tls=disabled%s", name, more);
    RF_CLEANUP(rf_freep) char *url = rf_xasprintf("http://%s/v2/a/manifests/1", name);
    ck_assert_msg(rf_hosts_add_flag(hosts, flag, &err) == 0, "%s", err.msg);
    ck_assert_msg(rf_url_parse(url, &origin, &err) == 0, "%s", err.msg);
    auth = rf_auth_new(http, hosts, rf_hosts_get(hosts, name), stats);
}

/* A request as regclient/request.c makes it; the last status, or a failure of the login. */
static int request(const char *scope, struct rf_err *err)
{
    for (int i = 0; i < ROUNDS; i++) {
        RF_CLEANUP(rf_wipe_freep) char *value = NULL;
        RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
        rf_http_response_init(&resp);
        int rc = rf_auth_header(auth, &origin, scope, &value, err);
        if (rc < 0)
            return rc;
        RF_CLEANUP(rf_freep)
        char *line = value != NULL ? rf_xasprintf("Authorization: %s", value) : NULL;
        const char *const headers[] = { line };
        const struct rf_http_request req = {
            .method = RF_GET, .url = &origin, .headers = headers, .n_headers = line != NULL ? 1 : 0
        };
        rc = rf_http_do(http, &req, &resp, err);
        ck_assert_msg(rc == 0, "%s", err->msg);
        if (resp.status != 401)
            return resp.status;
        rc = rf_auth_challenge(auth, &origin, &resp.headers, scope, value, err);
        if (rc < 0)
            return rc;
    }
    ck_abort_msg("still being sent round");
}

static void check_status(const char *scope, int want)
{
    struct rf_err err = RF_ERR_INIT;
    int have = request(scope, &err);
    ck_assert_msg(have == want, "%d: %s", have, err.msg);
}

static void check_fails(const char *scope, int code, const char *part)
{
    struct rf_err err = RF_ERR_INIT;
    int have = request(scope, &err);
    ck_assert_msg(have == -code, "%d: %s", have, err.msg);
    ck_assert_msg(strstr(err.msg, part) != NULL, "%s", err.msg);
    ck_assert_ptr_null(strstr(err.msg, "canary"));
    ck_assert_ptr_null(strchr(err.msg, '\033'));
}

static const char *token_target(size_t i)
{
    const struct server_request *r = server_seen(SERVER_REALM, i);
    ck_assert_ptr_nonnull(r);
    return r->target;
}

START_TEST(open_registry)
{
    script.challenge = "Bearer realm=\"%R\"";
    start("");
    struct rf_err err = RF_ERR_INIT;
    char *value = (char *)0x1;
    ck_assert_int_eq(rf_auth_header(auth, &origin, PULL, &value, &err), 0);
    ck_assert_ptr_null(value);
    ck_assert_uint_eq(server_count(SERVER_REALM), 0);
}
END_TEST

START_TEST(anonymous_token)
{
    script.challenge = "Bearer realm=\"%R\",service=\"some service\",scope=\"" PULL "\"";
    script.accepts = "Bearer t1";
    start("");
    for (int i = 0; i < 3; i++)
        check_status(PULL, 200);
    ck_assert_uint_eq(server_count(SERVER_REALM), 1);
    ck_assert_uint_eq(server_count(SERVER_REGISTRY), 4);
    ck_assert_str_eq(
        token_target(0),
        "/token?client_id=regferry&scope=repository%3Aa%3Apull&service=some%20service");
    ck_assert_ptr_null(server_seen(SERVER_REALM, 0)->authorization);
    ck_assert_uint_eq(rf_stats_get(stats, RF_REQ_TOKEN), 1);
}
END_TEST

START_TEST(token_with_login)
{
    script.challenge = "Bearer realm=\"%R\",service=\"s\",scope=\"" PULL "\"";
    script.accepts = "*";
    start(",user=us er,pass=canary");
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_log_set_level("trace", &err), 0);
    home_log_begin();
    check_status(PULL, 200);
    RF_CLEANUP(rf_freep) char *log = home_log_end();
    ck_assert_str_eq(
        token_target(0),
        "/token?account=us%20er&client_id=regferry&scope=repository%3Aa%3Apull&service=s");
    ck_assert_str_eq(server_seen(SERVER_REALM, 0)->authorization, "Basic dXMgZXI6Y2FuYXJ5");
    ck_assert_ptr_null(strstr(log, "canary"));
    ck_assert_ptr_null(strstr(log, "Y2FuYXJ5"));
}
END_TEST

/* A narrower need is served by the token at hand, a wider or another one is not. */
START_TEST(tokens_by_scope)
{
    script.challenge = "Bearer realm=\"%R\",service=\"s\"";
    script.accepts = "*";
    start("");
    check_status(PUSH, 200);
    check_status(PULL, 200);
    check_status(PUSH, 200);
    ck_assert_uint_eq(server_count(SERVER_REALM), 1);
    check_status("repository:b:pull", 200);
    ck_assert_uint_eq(server_count(SERVER_REALM), 2);
    check_status("repository:b:pull,push", 200);
    ck_assert_uint_eq(server_count(SERVER_REALM), 3);
    check_status("repository:c:pull,push repository:d:pull", 200);
    ck_assert_str_eq(
        token_target(3),
        "/token?client_id=regferry&scope=repository%3Ac%3Apull%2Cpush&scope=repository%3Ad%3Apull&service=s");
    check_status(NULL, 200);
    ck_assert_str_eq(token_target(4), "/token?client_id=regferry&service=s");
    /* One refusal in all: the others had their token from the start. */
    ck_assert_uint_eq(script.refusals, 1);
}
END_TEST

START_TEST(basic)
{
    script.challenge = "Basic realm=\"x\"";
    script.accepts = "Basic dTpw";
    start(",user=u,pass=p");
    check_status(PULL, 200);
    check_status(PUSH, 200);
    ck_assert_uint_eq(server_count(SERVER_REGISTRY), 3);
    ck_assert_uint_eq(server_count(SERVER_REALM), 0);
}
END_TEST

START_TEST(basic_refused)
{
    script.challenge = "Basic realm=\"x\"";
    start(",user=u,pass=canary");
    check_fails(PULL, RFE_DENIED,
                "refuses access (" PULL
                "); the login of u does not suffice; give another with --host reg=127.0.0.1");
    ck_assert_uint_eq(server_count(SERVER_REGISTRY), 2);
}
END_TEST

START_TEST(basic_without_login)
{
    script.challenge = "Basic realm=\"x\"";
    start("");
    check_fails(PULL, RFE_DENIED, "unauthorized [http 401]: 127.0.0.1");
    check_fails(PULL, RFE_DENIED, ",user=...,pass-file=..., regctl registry login 127.0.0.1");
    ck_assert_uint_eq(server_count(SERVER_REGISTRY), 2);
}
END_TEST

#define BOTH "Bearer realm=\"%R\",service=\"s\", Basic realm=\"x\""

START_TEST(both_with_login_is_basic)
{
    script.challenge = BOTH;
    script.accepts = "Basic dTpw";
    start(",user=u,pass=p");
    check_status(PULL, 200);
    ck_assert_uint_eq(server_count(SERVER_REALM), 0);
}
END_TEST

START_TEST(both_without_login_is_bearer)
{
    script.challenge = BOTH;
    script.accepts = "*";
    start("");
    check_status(PULL, 200);
    ck_assert_uint_eq(server_count(SERVER_REALM), 1);
}
END_TEST

START_TEST(both_and_basic_refused)
{
    script.challenge = BOTH;
    script.accepts = "Bearer t1";
    start(",user=u,pass=p");
    check_status(PULL, 200);
    check_status(PULL, 200);
    ck_assert_uint_eq(server_count(SERVER_REGISTRY), 4);
}
END_TEST

START_TEST(unknown_scheme)
{
    script.challenge = "Negotiate";
    start(",user=u,pass=p");
    check_fails(PULL, RFE_DENIED, "wants a login by \"negotiate\", which is not supported");
}
END_TEST

START_TEST(identity_token)
{
    script.challenge = "Bearer realm=\"%R\",service=\"s\",scope=\"" PULL "\"";
    script.accepts = "*";
    script.extra = ",\"refresh_token\":\"next\"";
    start(",token=id/1");
    check_status(PULL, 200);
    const struct server_request *r = server_seen(SERVER_REALM, 0);
    ck_assert_str_eq(r->method, "POST");
    ck_assert_str_eq(r->target, "/token");
    ck_assert_str_eq(
        r->body,
        "client_id=regferry&grant_type=refresh_token&refresh_token=id%2F1&service=s&scope=repository%3Aa%3Apull");
    ck_assert_ptr_null(r->authorization);
    ck_assert_ptr_nonnull(
        strcasestr(r->head, "content-type: application/x-www-form-urlencoded\r\n"));
    /* The service has replaced the identity token. */
    check_status("repository:b:pull", 200);
    ck_assert_ptr_nonnull(strstr(server_seen(SERVER_REALM, 1)->body, "&refresh_token=next&"));
}
END_TEST

static const int no_post[] = { 400, 401, 403, 404, 405 };

START_TEST(services_without_post)
{
    script.challenge = "Bearer realm=\"%R\",service=\"s\"";
    script.accepts = "*";
    script.post_status = no_post[_i];
    start(",token=canary,user=u");
    check_status(PULL, 200);
    ck_assert_uint_eq(server_count(SERVER_REALM), 2);
    ck_assert_str_eq(server_seen(SERVER_REALM, 1)->method, "GET");
    ck_assert_ptr_null(server_seen(SERVER_REALM, 1)->authorization);
    ck_assert_ptr_null(strstr(token_target(1), "canary"));
}
END_TEST

START_TEST(identity_token_refused_is_said)
{
    script.challenge = "Bearer realm=\"%R\",service=\"s\"";
    script.post_status = 401;
    start(",token=canary");
    check_fails(PULL, RFE_DENIED, "the login of the identity token does not suffice");
}
END_TEST

START_TEST(told_to_wait)
{
    script.challenge = "Bearer realm=\"%R\",service=\"s\"";
    script.post_status = 429;
    script.headers = "Retry-After: 7\r\n";
    start(",token=canary");
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(request(PULL, &err), -RFE_RATE_LIMITED);
    ck_assert_uint_eq(err.retry_after, 7);
    ck_assert_uint_eq(err.http_status, 429);
    ck_assert_uint_eq(server_count(SERVER_REALM), 1);
}
END_TEST

static const struct {
    int status, code;
} failures[] = { { 401, RFE_DENIED },  { 403, RFE_DENIED }, { 429, RFE_RATE_LIMITED },
                 { 408, RFE_SERVER },  { 500, RFE_SERVER }, { 503, RFE_SERVER },
                 { 400, RFE_FAILED },  { 404, RFE_FAILED }, { 302, RFE_PROTOCOL },
                 { 307, RFE_PROTOCOL } };

START_TEST(service_fails)
{
    RF_CLEANUP(rf_freep) char *to = expand("Location: %R/elsewhere\r\n");
    script.challenge = "Bearer realm=\"%R\",service=\"s\"";
    script.get_status = failures[_i].status;
    script.headers = to;
    start(",user=u,pass=canary");
    check_fails(PULL, failures[_i].code, "the token service http://127.0.0.1");
    /* No redirect is followed, nothing is repeated here. */
    ck_assert_uint_eq(server_count(SERVER_REALM), 1);
    struct rf_err err = RF_ERR_INIT;
    (void)request(PULL, &err);
    ck_assert_uint_eq(err.http_status, (unsigned)failures[_i].status);
    ck_assert_ptr_nonnull(strstr(err.msg, "\\x1b"));
}
END_TEST

START_TEST(endless_answer)
{
    script.challenge = "Bearer realm=\"%R\",service=\"s\"";
    script.fill = 300000;
    start("");
    check_fails(PULL, RFE_TOO_LARGE, "token service");
}
END_TEST

START_TEST(answer_without_token)
{
    script.challenge = "Bearer realm=\"%R\",service=\"s\"";
    script.extra = ",";
    start("");
    check_fails(PULL, RFE_PROTOCOL, "token service");
}
END_TEST

static void pause_ms(long ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
    (void)nanosleep(&t, NULL);
}

START_TEST(renewed_ahead)
{
    script.challenge = "Bearer realm=\"%R\",service=\"s\"";
    script.accepts = "*";
    /* Counted from now on, whatever the service's clock says; the next one is fetched a fifth before the end. */
    script.extra = ",\"expires_in\":5,\"issued_at\":\"2001-01-01T00:00:00Z\"";
    start("");
    check_status(PULL, 200);
    check_status(PULL, 200);
    ck_assert_uint_eq(server_count(SERVER_REALM), 1);
    pause_ms(4100);
    check_status(PULL, 200);
    ck_assert_uint_eq(server_count(SERVER_REALM), 2);
    ck_assert_uint_eq(script.refusals, 1);
}
END_TEST

/* The service is down when a token is renewed ahead of time: the old one is used as long as it lasts. */
START_TEST(renewal_fails)
{
    script.challenge = "Bearer realm=\"%R\",service=\"s\"";
    script.accepts = "Bearer t1";
    script.extra = ",\"expires_in\":10";
    script.fail_from = 2;
    start("");
    check_status(PULL, 200);
    pause_ms(8050);
    check_status(PULL, 200); /* within the last two seconds of the old one */
    ck_assert_uint_eq(server_count(SERVER_REALM), 2);
    pause_ms(2000);
    check_fails(PULL, RFE_SERVER, "[http 503]");
}
END_TEST

/* A token that is refused at once is not asked for again and again. */
START_TEST(refused_for_good)
{
    script.challenge =
        "Bearer realm=\"%R\",service=\"s\",scope=\"" PULL "\",error=\"insufficient_scope\"";
    start(",user=u,pass=p");
    check_fails(PULL, RFE_DENIED,
                "refuses access (" PULL "): insufficient_scope; the login of u does not suffice");
    ck_assert_uint_eq(server_count(SERVER_REALM), 1);
    ck_assert_uint_eq(server_count(SERVER_REGISTRY), 2);
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(request(PULL, &err), -RFE_DENIED);
    ck_assert_uint_eq(err.http_status, 401);
    ck_assert_uint_eq(server_count(SERVER_REALM), 1);
}
END_TEST

/* A token that has done its work and is refused some time later was withdrawn: one new one is fetched. */
START_TEST(withdrawn_token)
{
    script.challenge = "Bearer realm=\"%R\",service=\"s\"";
    script.accepts = "Bearer t1";
    script.extra = ",\"expires_in\":10";
    start("");
    check_status(PULL, 200);
    script.accepts = "Bearer t2";
    pause_ms(5200); /* more than half of its life */
    check_status(PULL, 200);
    ck_assert_uint_eq(server_count(SERVER_REALM), 2);
    script.accepts = NULL;
    check_fails(PULL, RFE_DENIED, "refuses access");
    ck_assert_uint_eq(server_count(SERVER_REALM), 2);
}
END_TEST

START_TEST(more_scope_is_added_once)
{
    script.challenge = "Bearer realm=\"%R\",service=\"s\"";
    script.second = "Bearer realm=\"%R\",service=\"s\",scope=\"repository:other:pull\"";
    script.accepts = "Bearer t2";
    start("");
    check_status(PULL, 200);
    ck_assert_str_eq(
        token_target(1),
        "/token?client_id=regferry&scope=repository%3Aother%3Apull&scope=repository%3Aa%3Apull&service=s");
    script.accepts = NULL;
    check_fails(PULL, RFE_DENIED, "refuses access");
    /* Then the registry's own word alone, then it is over. */
    ck_assert_uint_eq(server_count(SERVER_REALM), 3);
    ck_assert_str_eq(token_target(2),
                     "/token?client_id=regferry&scope=repository%3Aother%3Apull&service=s");
    check_fails(PULL, RFE_DENIED, "refuses access");
    ck_assert_uint_eq(server_count(SERVER_REALM), 3);
}
END_TEST

/* The registry names another repository (a prefix) from the start: no round is lost. */
START_TEST(scope_of_the_first_challenge)
{
    script.challenge = "Bearer realm=\"%R\",service=\"s\",scope=\"repository:prefix/a:pull\"";
    script.accepts = "Bearer t1";
    start("");
    check_status(PULL, 200);
    ck_assert_str_eq(
        token_target(0),
        "/token?client_id=regferry&scope=repository%3Aprefix%2Fa%3Apull&scope=repository%3Aa%3Apull&service=s");
}
END_TEST

START_TEST(service_that_reads_one_scope)
{
    script.challenge = "Bearer realm=\"%R\",service=\"s\",scope=\"repository:a:pull\"";
    script.only_scope = "repository:a:pull";
    script.accepts = "*";
    start("");
    check_status("repository:a:delete", 200);
    ck_assert_uint_eq(server_count(SERVER_REALM), 2);
}
END_TEST

START_TEST(stranger_gets_no_login)
{
    script.challenge = "Bearer realm=\"%L\",service=\"s\"";
    start(",user=u,pass=canary");
    check_fails(
        PULL, RFE_DENIED,
        "the token service localhost is of another domain; if it is the right one, allow it with --host reg=127.0.0.1");
    check_fails(PULL, RFE_DENIED, ",token-host=localhost or apiOpts tokenHost");
    ck_assert_uint_eq(server_count(SERVER_REALM), 1);
    ck_assert_ptr_null(server_seen(SERVER_REALM, 0)->authorization);
    ck_assert_ptr_null(strstr(token_target(0), "account"));
}
END_TEST

START_TEST(stranger_gets_no_identity_token)
{
    script.challenge = "Bearer realm=\"%L\",service=\"s\"";
    script.accepts = "*";
    start(",token=canary");
    check_status(PULL, 200);
    ck_assert_uint_eq(server_count(SERVER_REALM), 1);
    ck_assert_str_eq(server_seen(SERVER_REALM, 0)->method, "GET");
    ck_assert_ptr_null(strstr(server_seen(SERVER_REALM, 0)->head, "canary"));
}
END_TEST

START_TEST(named_stranger_gets_the_login)
{
    script.challenge = "Bearer realm=\"%L\",service=\"s\"";
    script.accepts = "*";
    start(",user=u,pass=p,token-host=localhost");
    check_status(PULL, 200);
    ck_assert_str_eq(server_seen(SERVER_REALM, 0)->authorization, "Basic dTpw");
}
END_TEST

static const char *const odd_realms[] = {
    "Bearer service=\"s\"",
    "Bearer realm=\"http://user:pw@127.0.0.1/token\"",
    "Bearer realm=\"ftp://127.0.0.1/token\"",
    "Bearer realm=\"file:///etc/passwd\"",
    "Bearer realm=\"http://\"",
    "Bearer realm=\"http://127.0.0.1:99999/\"",
    "Bearer realm=\"http://127.0.0.1/\\\"x\"",
};

START_TEST(odd_realm)
{
    struct rf_err err = RF_ERR_INIT;
    script.challenge = odd_realms[_i];
    start(",user=u,pass=canary");
    int rc = request(PULL, &err);
    ck_assert_msg(rc == -RFE_PROTOCOL || rc == -RFE_INVALID, "%s: %d %s", odd_realms[_i], rc,
                  err.msg);
    ck_assert_uint_eq(server_count(SERVER_REALM), 0);
}
END_TEST

START_TEST(relative_realm)
{
    script.challenge = "Bearer realm=\"/token\",service=\"s\"";
    start(",user=u,pass=p");
    struct rf_err err = RF_ERR_INIT;
    (void)request(PULL, &err);
    /* At the registry itself, which in this test knows no tokens. */
    ck_assert_uint_eq(server_count(SERVER_REGISTRY), 2);
    ck_assert_int_eq(strncmp(server_seen(SERVER_REGISTRY, 1)->target, "/token?account=u&", 17), 0);
    ck_assert_str_eq(server_seen(SERVER_REGISTRY, 1)->authorization, "Basic dTpw");
}
END_TEST

/* Each repository may have a token service of its own (Artifactory); a service that changes with every answer is not followed. */
START_TEST(another_token_service)
{
    script.challenge = "Bearer realm=\"%R\",service=\"s\"";
    script.second = "Bearer realm=\"%R/b\",service=\"s\"";
    script.accepts = "Bearer t2";
    start("");
    check_status(PULL, 200);
    ck_assert_int_eq(strncmp(token_target(1), "/token/b?", 9), 0);
    script.accepts = NULL;
    script.third = "Bearer realm=\"%R/c\",service=\"s\"";
    script.refusals = 3;
    check_fails(PULL, RFE_PROTOCOL, "names one token service after the other");
}
END_TEST

START_TEST(repository_logins_apart)
{
    script.challenge = "Bearer realm=\"%R\",service=\"s\"";
    script.accepts = "*";
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_freep) char *name = rf_xasprintf("127.0.0.1:%u", server_port(SERVER_REGISTRY));
    const struct rf_host h = { .name = name, .repo_auth = true };
    ck_assert_int_eq(rf_hosts_merge(hosts, &h, &err), 0);
    start("");
    check_status(PULL, 200);
    check_status("repository:b:pull", 200);
    check_status("repository:b:pull", 200);
    /* Each repository is asked without a login first. */
    ck_assert_uint_eq(script.refusals, 2);
    ck_assert_uint_eq(server_count(SERVER_REALM), 2);
}
END_TEST

START_TEST(challenge_of_the_root)
{
    script.root_challenge = "Bearer realm=\"%R\",service=\"s\"";
    script.accepts = "*";
    start("");
    check_status(PULL, 200);
    check_status("repository:b:pull", 200);
    ck_assert_uint_eq(rf_stats_get(stats, RF_REQ_PING), 1);
    ck_assert_uint_eq(server_count(SERVER_REGISTRY), 4);
}
END_TEST

START_TEST(no_challenge_at_all)
{
    start(",user=u,pass=p");
    check_fails(PULL, RFE_DENIED, "refuses access");
    ck_assert_uint_eq(server_count(SERVER_REGISTRY), 2);
    ck_assert_ptr_null(server_seen(SERVER_REGISTRY, 1)->authorization);
}
END_TEST

/* Rows 8 and 9: whatever is asked elsewhere, nothing of this registry's goes there. */
START_TEST(other_origins)
{
    script.challenge = "Bearer realm=\"%R\",service=\"s\"";
    script.accepts = "*";
    start(",user=u,pass=p");
    check_status(PULL, 200);
    struct rf_err err = RF_ERR_INIT;
    static const char *const urls[] = { "https://127.0.0.1:%u/v2/", "http://localhost:%u/v2/",
                                        "http://127.0.0.1/v2/", "http://[::1]:%u/v2/" };
    for (size_t i = 0; i < RF_ARRAY_LEN(urls); i++) {
        RF_CLEANUP(rf_buf_release) struct rf_buf text;
        RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
        rf_buf_init(&text, 0);
        const char *hole = strstr(urls[i], "%u");
        rf_buf_addf(&text, "%.*s", hole != NULL ? (int)(hole - urls[i]) : (int)strlen(urls[i]),
                    urls[i]);
        if (hole != NULL)
            rf_buf_addf(&text, "%u%s", server_port(SERVER_REGISTRY), hole + 2);
        ck_assert_msg(rf_url_parse(text.ptr, &url, &err) == 0, "%s", err.msg);
        char *value = NULL;
        ck_assert_int_eq(rf_auth_header(auth, &url, PULL, &value, &err), 0);
        ck_assert_msg(value == NULL, "%s gets %s", text.ptr, value);
        RF_CLEANUP(rf_headers_release) struct rf_headers h = { 0 };
        ck_assert_int_eq(
            rf_headers_add(&h, rf_slice_str("WWW-Authenticate: Basic realm=\"x\""), &err), 0);
        ck_assert_int_eq(rf_auth_challenge(auth, &url, &h, PULL, NULL, &err), -RFE_DENIED);
    }
    check_status(PULL, 200);
    ck_assert_uint_eq(server_count(SERVER_REALM), 1);
}
END_TEST

static void *ask_many(void *arg)
{
    struct rf_err err = RF_ERR_INIT;
    (void)arg;
    for (int i = 0; i < 5; i++)
        if (request(PULL, &err) != 200)
            return auth;
    return NULL;
}

START_TEST(threads_share_a_token)
{
    script.challenge = "Bearer realm=\"%R\",service=\"s\"";
    script.accepts = "*";
    start("");
    pthread_t t[8];
    void *wrong = NULL;
    for (size_t i = 0; i < RF_ARRAY_LEN(t); i++)
        ck_assert_int_eq(pthread_create(&t[i], NULL, ask_many, NULL), 0);
    for (size_t i = 0; i < RF_ARRAY_LEN(t); i++) {
        ck_assert_int_eq(pthread_join(t[i], &wrong), 0);
        ck_assert_ptr_null(wrong);
    }
    ck_assert_uint_eq(server_count(SERVER_REALM), 1);
}
END_TEST

START_TEST(many_scopes)
{
    script.challenge = "Bearer realm=\"%R\",service=\"s\"";
    script.accepts = "*";
    start("");
    for (int i = 0; i < 300; i++) {
        RF_CLEANUP(rf_freep) char *scope = rf_xasprintf("repository:r%d:pull", i);
        check_status(scope, 200);
    }
    check_status("repository:r299:pull", 200);
    ck_assert_uint_eq(server_count(SERVER_REALM), 300);
    /* The oldest made room. */
    check_status("repository:r0:pull", 200);
    ck_assert_uint_eq(server_count(SERVER_REALM), 301);
}
END_TEST

START_TEST(helper_that_fails)
{
    script.challenge = "Bearer realm=\"%R\",service=\"s\"";
    script.accepts = "Bearer t1";
    home_program("docker-credential-x", "echo no luck; exit 1");
    start(",cred-helper=docker-credential-x");
    home_log_begin();
    check_status(PULL, 200);
    RF_CLEANUP(rf_freep) char *log = home_log_end();
    ck_assert_msg(strstr(log, "no luck") != NULL, "%s", log);
    ck_assert_ptr_null(strstr(strstr(log, "no luck") + 1, "no luck"));
    script.accepts = NULL;
    check_fails(PULL, RFE_DENIED, "exit status 1: no luck; give a login with");
}
END_TEST

#define ACCESS(actions) \
    "{\"access\":[{\"type\":\"repository\",\"name\":\"a\",\"actions\":[" actions "]}]}"

static int ask(const char *scope, struct rf_err *err)
{
    return rf_auth_ask_scope(auth, scope, err);
}

START_TEST(ask_scope)
{
    struct rf_err err = RF_ERR_INIT;
    script.challenge = "Bearer realm=\"%R\",service=\"s\"";
    script.claims = ACCESS("\"pull\"");
    start(",user=u,pass=p");
    ck_assert_int_eq(ask(PULL, &err), 0);
    ck_assert_int_eq(ask(PUSH, &err), -RFE_DENIED);
    ck_assert_msg(strstr(err.msg, "gives no right to " PUSH "; the login of u does not suffice") !=
                      NULL,
                  "%s", err.msg);
    script.claims = ACCESS("\"pull\",\"push\"");
    ck_assert_int_eq(ask("repository:a:push", &err), 0);
    /* A token that says nothing. */
    script.claims = NULL;
    ck_assert_int_eq(ask("repository:b:push", &err), 0);
    script.get_status = 403;
    ck_assert_int_eq(ask("repository:c:push", &err), -RFE_DENIED);
    script.get_status = 500;
    ck_assert_int_eq(ask("repository:d:push", &err), -RFE_SERVER);
    /* The registry itself was asked once, how to log in. */
    ck_assert_uint_eq(server_count(SERVER_REGISTRY), 1);
}
END_TEST

START_TEST(ask_scope_without_tokens)
{
    struct rf_err err = RF_ERR_INIT;
    script.challenge = "Basic realm=\"x\"";
    start(",user=u,pass=p");
    ck_assert_int_eq(ask(PUSH, &err), 0);
    rf_auth_free(auth);
    rf_url_release(&origin);
    rf_hosts_freep(&hosts);
    hosts = rf_hosts_new();
    script.challenge = NULL;
    start("");
    ck_assert_int_eq(ask(PUSH, &err), 0);
    ck_assert_uint_eq(server_count(SERVER_REALM), 0);
}
END_TEST

Suite *rf_auth_suite(void);
Suite *rf_auth_suite(void)
{
    Suite *s = suite_create("auth");
    TCase *t = tcase_create("auth");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, open_registry);
    tcase_add_test(t, anonymous_token);
    tcase_add_test(t, token_with_login);
    tcase_add_test(t, tokens_by_scope);
    tcase_add_test(t, basic);
    tcase_add_test(t, basic_refused);
    tcase_add_test(t, basic_without_login);
    tcase_add_test(t, both_with_login_is_basic);
    tcase_add_test(t, both_without_login_is_bearer);
    tcase_add_test(t, both_and_basic_refused);
    tcase_add_test(t, unknown_scheme);
    tcase_add_test(t, identity_token);
    tcase_add_loop_test(t, services_without_post, 0, (int)RF_ARRAY_LEN(no_post));
    tcase_add_test(t, identity_token_refused_is_said);
    tcase_add_test(t, told_to_wait);
    tcase_add_loop_test(t, service_fails, 0, (int)RF_ARRAY_LEN(failures));
    tcase_add_test(t, endless_answer);
    tcase_add_test(t, answer_without_token);
    tcase_add_test(t, renewed_ahead);
    tcase_add_test(t, renewal_fails);
    tcase_add_test(t, refused_for_good);
    tcase_add_test(t, withdrawn_token);
    tcase_add_test(t, more_scope_is_added_once);
    tcase_add_test(t, scope_of_the_first_challenge);
    tcase_add_test(t, service_that_reads_one_scope);
    tcase_add_test(t, stranger_gets_no_login);
    tcase_add_test(t, stranger_gets_no_identity_token);
    tcase_add_test(t, named_stranger_gets_the_login);
    tcase_add_loop_test(t, odd_realm, 0, (int)RF_ARRAY_LEN(odd_realms));
    tcase_add_test(t, relative_realm);
    tcase_add_test(t, another_token_service);
    tcase_add_test(t, repository_logins_apart);
    tcase_add_test(t, challenge_of_the_root);
    tcase_add_test(t, no_challenge_at_all);
    tcase_add_test(t, other_origins);
    tcase_add_test(t, threads_share_a_token);
    tcase_add_test(t, many_scopes);
    tcase_add_test(t, helper_that_fails);
    tcase_add_test(t, ask_scope);
    tcase_add_test(t, ask_scope_without_tokens);
    suite_add_tcase(s, t);
    return s;
}
