/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/request.h"

#include <strings.h>

#include "base/mem.h"
#include "base/text.h"
#include "regclient/request_private.h"

#define HEADERS_SENT_MAX 16u
#define LOGINS_MAX 4u /* rounds per call, see rf_auth_challenge */

static int make_base(struct rf_remote *r, struct rf_err *err)
{
    const char *where = r->host->hostname != NULL ? r->host->hostname : r->name;
    RF_CLEANUP(rf_freep)
    char *text =
        rf_xasprintf("%s://%s/", r->host->tls == RF_TLS_DISABLED ? "http" : "https", where);
    int rc = rf_url_parse(text, &r->base, NULL);
    if (rc < 0 || strcmp(r->base.path, "/") != 0 || r->base.query != NULL)
        return rf_fail(err, RFE_CONFIG, "registry %s: invalid hostname \"%s\"", r->name, where);
    return 0;
}

int rf_remote_new(struct rf_http *http, struct rf_hosts *hosts, const char *name,
                  const struct rf_remote_options *opts, struct rf_remote **out, struct rf_err *err)
{
    struct rf_remote *r = rf_xcalloc(1, sizeof(*r));
    r->name = rf_xstrdup(name);
    r->http = http;
    r->host = rf_hosts_get(hosts, name);
    r->stats = opts != NULL ? opts->stats : NULL;
    r->backoff_ms = opts != NULL && opts->backoff_ms != 0 ? opts->backoff_ms : 1000;
    unsigned parallel = opts != NULL && opts->parallel != 0 ? opts->parallel : 3;
    r->limit = r->host->req_concurrent != 0 ? r->host->req_concurrent : parallel;
    if (r->host->req_per_sec > 0)
        r->interval_ms = r->host->req_per_sec >= 1000 ? 1 : (uint64_t)(1000 / r->host->req_per_sec);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->freed, NULL);
    rf_strings_init(&r->warnings);
    int rc = make_base(r, err);
    if (rc < 0) {
        rf_remote_free(r);
        return rc;
    }
    r->auth = rf_auth_new(http, hosts, r->host, r->stats);
    *out = r;
    return 0;
}

void rf_remote_free(struct rf_remote *r)
{
    if (r == NULL)
        return;
    rf_auth_free(r->auth);
    rf_strings_release(&r->warnings);
    rf_url_release(&r->base);
    pthread_cond_destroy(&r->freed);
    pthread_mutex_destroy(&r->lock);
    free(r->name);
    free(r);
}

const struct rf_host *rf_remote_host(const struct rf_remote *r)
{
    return r->host;
}

struct rf_http *rf_remote_http(const struct rf_remote *r)
{
    return r->http;
}

bool rf_remote_is_own(const struct rf_remote *r, const struct rf_url *url)
{
    return rf_url_same_origin(&r->base, url);
}

static int url_below(const struct rf_remote *r, const char *prefix, const char *path,
                     struct rf_url *out, struct rf_err *err)
{
    const char *lead = prefix != NULL ? prefix + strspn(prefix, "/") : "";
    size_t n = strlen(lead);
    while (n > 0 && lead[n - 1] == '/')
        n--;
    RF_CLEANUP(rf_freep)
    char *full = rf_xasprintf("/v2%s%.*s%s", n > 0 ? "/" : "", (int)n, lead, path);
    return rf_url_resolve(&r->base, full, out, err);
}

int rf_remote_url(const struct rf_remote *r, const char *path, struct rf_url *out,
                  struct rf_err *err)
{
    return url_below(r, r->host->path_prefix, path, out, err);
}

int rf_remote_api_url(const struct rf_remote *r, const char *path, struct rf_url *out,
                      struct rf_err *err)
{
    return url_below(r, NULL, path, out, err);
}

/* ---- one attempt: the request and its redirects ---- */

struct attempt {
    struct rf_remote *r;
    const struct rf_request *call;
    struct rf_http_response *resp;
    bool
        left; /* a redirect led to another origin: nothing secret from here on, even if the way leads back */
    bool own_answer; /* the last answer is the configured origin's */
    char *sent;      /* the Authorization header that went with it, or NULL */
};

/* Only what says which content is wanted may reach another origin. */
static bool may_travel(const char *header)
{
    return strncasecmp(header, "Accept:", 7) == 0 || strncasecmp(header, "Range:", 6) == 0;
}

static size_t collect_headers(const struct attempt *a, bool foreign, const char *authorization,
                              const char **out)
{
    size_t n = 0;
    RF_CHECK(a->call->n_headers < HEADERS_SENT_MAX);
    for (size_t i = 0; i < a->call->n_headers; i++)
        if (!foreign || may_travel(a->call->headers[i]))
            out[n++] = a->call->headers[i];
    if (authorization != NULL)
        out[n++] = authorization;
    return n;
}

static int send_one(struct attempt *a, const struct rf_url *url, enum rf_request_kind kind,
                    struct rf_err *err)
{
    struct rf_remote *r = a->r;
    const struct rf_request *c = a->call;
    const char *headers[HEADERS_SENT_MAX];
    RF_CLEANUP(rf_wipe_freep) char *line = NULL;
    bool own = rf_remote_is_own(r, url);
    rf_wipe_freep(&a->sent);
    if (own && !a->left) {
        int rc = rf_auth_header(r->auth, url, c->scope, &a->sent, err);
        if (rc < 0)
            return rc;
        if (a->sent != NULL)
            line = rf_xasprintf("Authorization: %s", a->sent);
    }
    struct rf_http_request req = {
        .method = c->method,
        .url = url,
        .tls_of = r->host,
        .foreign = !own,
        .allow_addr = atomic_load(&r->peer),
        .cleanup = c->cleanup,
        .headers = headers,
        .n_headers = collect_headers(a, !own || a->left, line, headers),
        .body = c->body,
        .body_source = c->body_source,
        .body_size = c->body_size,
        .sink = c->sink,
        .body_max = c->body_max,
        .cut_body = c->cut_body,
        .sink_max = c->sink_max,
        .accept = c->accept,
        .accept_ctx = c->accept_ctx,
    };
    rf_stats_count(r->stats, kind);
    uint64_t turn = rf_remote_turn(r);
    int rc = rf_http_do(r->http, &req, a->resp, err);
    rf_stats_bytes(r->stats, a->resp->received, a->resp->sent);
    if (rc == 0 && own)
        rf_remote_note_limit(r, turn, &a->resp->headers);
    a->own_answer = own && !a->left;
    if (own && a->resp->peer != 0)
        atomic_store(&r->peer, a->resp->peer);
    return rc;
}

static bool is_redirect(const struct rf_request *call, int status)
{
    return (call->method == RF_GET || call->method == RF_HEAD) &&
           (status == 301 || status == 302 || status == 303 || status == 307 || status == 308);
}

static int next_hop(struct attempt *a, struct rf_url *url, struct rf_err *err)
{
    const char *location = rf_headers_get(&a->resp->headers, "location");
    RF_CLEANUP(rf_freep) char *from = rf_url_safe(url);
    RF_CLEANUP(rf_url_release) struct rf_url next = RF_URL_INIT;
    if (location == NULL)
        return rf_fail(err, RFE_PROTOCOL, "%s: a redirect without Location", from);
    int rc = rf_url_resolve(url, location, &next, err);
    if (rc < 0)
        return rf_wrap(err, rc, "%s: redirect", from);
    if (url->https && !next.https) {
        RF_CLEANUP(rf_freep) char *to = rf_url_safe(&next);
        return rf_fail(err, RFE_REFUSED, "%s: a redirect from https to %s", from, to);
    }
    if (!rf_remote_is_own(a->r, &next))
        a->left = true;
    rf_url_release(url);
    *url = next;
    next = (struct rf_url)RF_URL_INIT;
    return 0;
}

static int attempt(struct attempt *a, struct rf_err *err)
{
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    rf_url_copy(a->call->url, &url);
    a->left = false;
    int rc = send_one(a, &url, a->call->kind, err);
    for (unsigned hops = 0; rc == 0 && is_redirect(a->call, a->resp->status); hops++) {
        if (hops == RF_REDIRECTS_MAX) {
            RF_CLEANUP(rf_freep) char *text = rf_url_safe(a->call->url);
            return rf_fail(err, RFE_PROTOCOL, "%s: stopped after %d redirects", text,
                           RF_REDIRECTS_MAX);
        }
        rc = next_hop(a, &url, err);
        if (rc == 0)
            rc = send_one(a, &url, RF_REQ_REDIRECT, err);
    }
    return rc;
}

/* ---- attempts until it is settled ---- */

static bool is_success(int status)
{
    return status >= 200 && status <= 299;
}

/* Some registries answer 401 without saying how to log in; /v2/ says it. */
static int ask_challenge(struct attempt *a, struct rf_err *err)
{
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    int rc = rf_remote_api_url(a->r, "/", &url, err);
    if (rc < 0)
        return rc;
    struct rf_request ping = { .kind = RF_REQ_PING, .method = RF_GET, .url = &url };
    struct rf_http_response resp;
    rf_http_response_init(&resp);
    struct attempt b = { .r = a->r, .call = &ping, .resp = &resp };
    rc = send_one(&b, &url, RF_REQ_PING, err);
    if (rc == 0 && resp.status == 401)
        rc = rf_auth_challenge(a->r->auth, a->call->url, &resp.headers, a->call->scope, a->sent,
                               err);
    else if (rc == 0)
        rc = -RFE_DENIED; /* log_in() says the rest */
    rf_wipe_freep(&b.sent);
    rf_http_response_release(&resp);
    return rc;
}

/* 0: send it again. */
static int log_in(struct attempt *a, struct rf_err *err)
{
    int rc;
    if (rf_headers_get(&a->resp->headers, "www-authenticate") == NULL &&
        a->call->kind != RF_REQ_PING)
        rc = ask_challenge(a, err);
    else
        rc = rf_auth_challenge(a->r->auth, a->call->url, &a->resp->headers, a->call->scope, a->sent,
                               err);
    if (rc == -RFE_DENIED) {
        struct rf_err why = *err;
        rc = rf_remote_fail(a->call, a->resp, err);
        return why.msg[0] == '\0' ? rc : rf_hint(err, rc, "%s", why.msg);
    }
    return rc;
}

static bool can_repeat(const struct rf_request *call, bool consumed)
{
    return !consumed || call->body_source == NULL || rf_source_can_seek(call->body_source);
}

static int rewind_body(const struct rf_request *call, struct rf_err *err)
{
    return call->body_source != NULL ? rf_source_seek(call->body_source, call->body_offset, err)
                                     : 0;
}

/* What one attempt came to: 0 when it settles the call, else the failure. */
static int judge(struct attempt *a, int rc, struct rf_err *err)
{
    if (rc < 0)
        return rc;
    rf_remote_warnings(a->r, &a->resp->headers);
    if (is_success(a->resp->status))
        return 0;
    rc = rf_remote_fail(a->call, a->resp, err);
    if (a->own_answer && err->retry_after > 0)
        rf_remote_hold_off(a->r, err->retry_after);
    return rc;
}

struct progress {
    unsigned tries, logins;
    bool consumed; /* bytes of the body's source were taken */
    bool unsure;   /* a try failed that may have been carried out */
};

static int run_once(struct attempt *a, struct rf_err *err)
{
    int rc = a->call->cleanup ? 0 : rf_remote_admit(a->r, err);
    if (rc == 0)
        rc = a->call->cleanup ? 0 : rf_remote_take_slot(a->r, err);
    if (rc < 0)
        return rc;
    rc = attempt(a, err);
    if (!a->call->cleanup)
        rf_remote_give_slot(a->r);
    return rc;
}

/* 1: again. 0: done. Else the failure. */
static int step(struct attempt *a, struct progress *p, struct rf_err *err)
{
    const struct rf_request *call = a->call;
    a->resp->status = 0;
    int rc = run_once(a, err);
    if (a->resp->sent > 0)
        p->consumed = true;
    bool refused = rc == 0 && a->resp->status == 401 && a->own_answer && !call->cleanup;
    bool again = can_repeat(call, p->consumed) && a->resp->sunk == 0;
    if (refused && p->logins < LOGINS_MAX && again) {
        p->logins++;
        rc = log_in(a, err);
        if (rc == 0)
            return p->consumed && rewind_body(call, err) < 0 ? -err->code : 1;
    } else {
        rc = judge(a, rc, err);
    }
    bool answered = call->any_status && a->resp->status != 0 && err->http_status == a->resp->status;
    p->tries++;
    if (rc == 0)
        return 0;
    if (call->once || call->cleanup || !rf_error_retryable(rc) || p->tries >= RF_TRIES_MAX ||
        !again)
        return answered ? 0 : rc;
    struct rf_err cause = *err;
    p->unsure |= rc == -RFE_SERVER || rc == -RFE_UNREACHABLE;
    rc = rf_remote_pause(a->r, p->tries, &cause, err);
    if (rc == 0 && p->consumed)
        rc = rewind_body(call, err);
    return rc < 0 ? rc : 1;
}

int rf_remote_call(struct rf_remote *r, const struct rf_request *call,
                   struct rf_http_response *resp, struct rf_err *err)
{
    struct attempt a = { .r = r, .call = call, .resp = resp };
    struct progress p = { 0 };
    struct rf_err e;
    int rc;
    do {
        e = (struct rf_err)RF_ERR_INIT;
        rc = step(&a, &p, &e);
    } while (rc > 0);
    resp->repeated = p.unsure;
    if (resp->status != 0)
        rf_remote_count_call(r, call->kind);
    rf_wipe_freep(&a.sent);
    /* who takes any status may want to know why nobody was let in */
    if (err != NULL && (rc < 0 || (resp->status == 401 && e.http_status == 401)))
        *err = e;
    return rc;
}

int rf_remote_ask_scope(struct rf_remote *r, const char *scope, struct rf_err *err)
{
    return rf_auth_ask_scope(r->auth, scope, err);
}
