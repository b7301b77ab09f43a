/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/auth.h"

#include "base/mem.h"
#include "base/text.h"
#include "regclient/auth_private.h"
#include "regclient/scope.h"

#define FRESH_MS 10000 /* a token of that age or less is not renewed because it was refused */

struct rf_auth *rf_auth_new(struct rf_http *http, struct rf_hosts *hosts,
                            const struct rf_host *host, struct rf_stats *stats)
{
    struct rf_auth *a = rf_xcalloc(1, sizeof(*a));
    a->http = http;
    a->hosts = hosts;
    a->host = host;
    a->stats = stats;
    RF_CLEANUP(rf_freep)
    char *text = rf_xasprintf("%s://%s/v2/", host->tls == RF_TLS_DISABLED ? "http" : "https",
                              host->hostname);
    /* An address that is no URL is the origin of nothing; the request itself will say so. */
    if (rf_url_parse(text, &a->origin, NULL) < 0)
        a->origin = (struct rf_url)RF_URL_INIT;
    (void)pthread_mutex_init(&a->lock, NULL);
    (void)pthread_cond_init(&a->fetched, NULL);
    return a;
}

void rf_auth_free(struct rf_auth *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; i < a->len; i++)
        rf_auth_slot_free(a->slots[i]);
    free(a->slots);
    rf_auth_bearer_release(&a->bearer);
    rf_url_release(&a->origin);
    rf_wipe_freep(&a->identity);
    free(a->note);
    (void)pthread_cond_destroy(&a->fetched);
    (void)pthread_mutex_destroy(&a->lock);
    free(a);
}

static bool is_own(const struct rf_auth *a, const struct rf_url *url)
{
    return a->origin.host != NULL && rf_url_same_origin(&a->origin, url);
}

static void basic_header(struct rf_auth *a, char **out)
{
    RF_CLEANUP(rf_login_release) struct rf_login login = { 0 };
    rf_auth_get_login(a, &login);
    if (rf_auth_has_password(&login))
        *out = rf_basic_value(login.user, login.pass);
}

int rf_auth_header(struct rf_auth *a, const struct rf_url *url, const char *scope, char **out,
                   struct rf_err *err)
{
    RF_CLEANUP(rf_wipe_freep) char *value = NULL;
    int rc = 0;
    /* The one place that writes this header: nothing of ours goes to another origin (rows 1, 8, 9). */
    if (is_own(a, url)) {
        (void)pthread_mutex_lock(&a->lock);
        enum rf_auth_scheme scheme = a->scheme;
        if (scheme == SCHEME_BEARER)
            rc = rf_auth_bearer_header(a, scope != NULL ? scope : "", &value, err);
        (void)pthread_mutex_unlock(&a->lock);
        if (scheme == SCHEME_BASIC)
            basic_header(a, &value);
    }
    if (rc == 0)
        *out = RF_STEAL(value);
    return rc;
}

/* ---- challenges ---- */

struct offers {
    struct rf_challenge *list;
    size_t n;
    const struct rf_challenge *basic, *bearer;
};

static void offers_release(struct offers *o)
{
    rf_challenges_free(o->list, o->n);
}

static int read_offers(const struct rf_headers *headers, struct offers *o, struct rf_err *err)
{
    int rc = rf_challenges_parse(headers, &o->list, &o->n, err);
    for (size_t i = 0; rc == 0 && i < o->n; i++) {
        if (o->basic == NULL && strcmp(o->list[i].scheme, "basic") == 0)
            o->basic = &o->list[i];
        if (o->bearer == NULL && strcmp(o->list[i].scheme, "bearer") == 0)
            o->bearer = &o->list[i];
    }
    return rc;
}

/* -RFE_DENIED for a request that no further login can help. The lock is held. */
static int denied(struct rf_auth *a, const char *scope, const struct offers *o,
                  const struct rf_auth_bearer *b, const struct rf_login *login, struct rf_err *err)
{
    const char *why = o->bearer != NULL ? o->bearer->error : NULL;
    int rc = rf_fail(err, RFE_DENIED, "unauthorized [http 401]: %s refuses access%s%s%s%s%s",
                     a->host->name, scope != NULL ? " (" : "", scope != NULL ? scope : "",
                     scope != NULL ? ")" : "", why != NULL ? ": " : "", why != NULL ? why : "");
    if (err != NULL)
        err->http_status = 401;
    return rf_auth_denied_hint(a, b, login, rc, err);
}

/* The token service of a challenge, judged. */
static int read_bearer(struct rf_auth *a, const struct rf_url *url, const struct rf_challenge *c,
                       struct rf_auth_bearer *out, struct rf_err *err)
{
    RF_CLEANUP(rf_auth_bearer_release) struct rf_auth_bearer b = { .set = true };
    if (c->realm == NULL || (c->scope != NULL && !rf_scope_valid(c->scope)) ||
        (c->service != NULL && strlen(c->service) > RF_SCOPE_MAX))
        return rf_fail(err, RFE_PROTOCOL, "%s asks for a token in a way that cannot be understood",
                       a->host->name);
    int rc = rf_url_resolve(url, c->realm, &b.realm, err);
    if (rc < 0)
        return rf_wrap(err, rc, "%s names a token service that is no valid address", a->host->name);
    rc = rf_realm_judge(&a->origin, &b.realm, a->host, &b.trust, err);
    if (rc < 0)
        return rf_wrap(err, rc, "%s", a->host->name);
    b.service = rf_xstrdup(c->service);
    *out = b;
    b = (struct rf_auth_bearer){ 0 };
    return 0;
}

static bool same_bearer(const struct rf_auth_bearer *a, const struct rf_auth_bearer *b)
{
    const char *x = a->service != NULL ? a->service : "", *y = b->service != NULL ? b->service : "";
    return rf_url_same_origin(&a->realm, &b->realm) && strcmp(a->realm.path, b->realm.path) == 0 &&
           strcmp(x, y) == 0;
}

/* What a 401 came for. */
struct refusal {
    const struct rf_url *url;
    const char *scope, *sent;
    const struct offers *offers;
};

/*
 * Takes over the token service of a challenge. The first one is the host's. A repository with another one keeps that for itself (Artifactory has one per
 * repository); a third is not followed. *changed: it is new to the slot.
 */
static int take_bearer(struct rf_auth *a, struct rf_auth_slot *s, const struct refusal *r,
                       bool *changed, struct rf_err *err)
{
    RF_CLEANUP(rf_auth_bearer_release) struct rf_auth_bearer b = { 0 };
    int rc = read_bearer(a, r->url, r->offers->bearer, &b, err);
    if (rc < 0)
        return rc;
    const struct rf_auth_bearer *now = rf_auth_bearer_of(a, s);
    *changed = now == NULL || !same_bearer(now, &b);
    if (!*changed)
        return 0;
    if (s->own.set) {
        RF_CLEANUP(rf_freep) char *text = rf_url_safe(&b.realm);
        return rf_fail(err, RFE_PROTOCOL,
                       "%s names one token service after the other, the last is %s", a->host->name,
                       text);
    }
    struct rf_auth_bearer *to = a->bearer.set || a->host->repo_auth ? &s->own : &a->bearer;
    *to = b;
    b = (struct rf_auth_bearer){ 0 };
    rf_auth_discard(s);
    return 0;
}

/* A token that nobody has renewed for its age's sake: refused now, it will be refused again. */
static bool is_fresh(const struct rf_auth_slot *s, uint64_t now)
{
    uint64_t half = (s->end_ms - s->got_ms) / 2;
    return now - s->got_ms <= (half < FRESH_MS ? half : FRESH_MS);
}

/* The registry refused the token of this slot. True: there is something else to try. */
static bool try_more(struct rf_auth_slot *s, const struct rf_challenge *c, uint64_t now)
{
    const char *asked = c->scope;
    if (asked != NULL && s->more == NULL && !rf_scope_covers(s->scope, asked)) {
        s->more = rf_xstrdup(asked);
        rf_auth_discard(s);
        return true;
    }
    if (s->more != NULL && !s->only_more && *s->scope != '\0') {
        s->only_more = true;
        rf_auth_discard(s);
        return true;
    }
    bool fresh = is_fresh(s, now);
    /* RFC 6750, 3.1: not too little for this request, but no longer a token at all. */
    bool invalid = c->error != NULL && strcmp(c->error, "invalid_token") == 0;
    if (fresh && (!invalid || s->revoked))
        return false;
    s->revoked = fresh;
    rf_auth_discard(s);
    return true;
}

static bool is_sent(const struct rf_auth_slot *s, const char *sent)
{
    return s->value != NULL && strncmp(sent, "Bearer ", 7) == 0 && strcmp(sent + 7, s->value) == 0;
}

/* The lock is held. */
static int on_bearer(struct rf_auth *a, const struct refusal *r, const struct rf_login *login,
                     struct rf_err *err)
{
    uint64_t now = rf_now_ms();
    struct rf_auth_slot *s = rf_auth_slot_for(a, r->scope != NULL ? r->scope : "", now);
    while (s->fetching) {
        (void)pthread_cond_wait(&a->fetched, &a->lock);
        s = rf_auth_slot_for(a, r->scope != NULL ? r->scope : "", now);
    }
    bool changed = false;
    int rc = take_bearer(a, s, r, &changed, err);
    if (rc < 0)
        return rc;
    a->scheme = SCHEME_BEARER;
    const char *asked = r->offers->bearer->scope;
    if (s->value == NULL && r->sent == NULL && asked != NULL && s->more == NULL &&
        !rf_scope_covers(s->scope, asked))
        s->more = rf_xstrdup(asked);
    /* Sent without a token, or with one that is not the newest: the newest has not been refused yet. */
    if (changed || r->sent == NULL || !is_sent(s, r->sent))
        return 0;
    if (try_more(s, r->offers->bearer, now))
        return 0;
    if (rf_host_login_forget(a->hosts, a->host)) {
        rf_auth_discard(s);
        return 0;
    }
    return denied(a, r->scope, r->offers, rf_auth_bearer_of(a, s), login, err);
}

/* The lock is held. True: try (again) by Basic. */
static bool on_basic(struct rf_auth *a, const struct refusal *r, const struct rf_login *login)
{
    if (r->offers->basic == NULL || !rf_auth_has_password(login) || a->basic_refused)
        return false;
    RF_CLEANUP(rf_wipe_freep) char *now = rf_basic_value(login->user, login->pass);
    bool refused = r->sent != NULL && strcmp(r->sent, now) == 0;
    if (refused && !rf_host_login_forget(a->hosts, a->host)) {
        /* With both on offer, the token service may still take it. */
        a->basic_refused = r->offers->bearer != NULL;
        return false;
    }
    a->scheme = SCHEME_BASIC;
    return true;
}

static int no_way(struct rf_auth *a, const struct refusal *r, const struct rf_login *login,
                  struct rf_err *err)
{
    const struct offers *o = r->offers;
    if (o->basic != NULL || o->n == 0)
        return denied(a, r->scope, o, NULL, login, err);
    RF_CLEANUP(rf_freep) char *scheme = rf_text_safe_dup(rf_slice_str(o->list[0].scheme), 40);
    int rc = rf_fail(err, RFE_DENIED,
                     "unauthorized [http 401]: %s wants a login by \"%s\", which is not supported",
                     a->host->name, scheme);
    if (err != NULL)
        err->http_status = 401;
    return rc;
}

static int decide(struct rf_auth *a, const struct refusal *r, struct rf_err *err)
{
    RF_CLEANUP(rf_login_release) struct rf_login login = { 0 };
    rf_auth_get_login(a, &login);
    (void)pthread_mutex_lock(&a->lock);
    int rc = 0;
    if (!on_basic(a, r, &login)) {
        if (r->offers->bearer != NULL)
            rc = on_bearer(a, r, &login, err);
        else
            rc = no_way(a, r, &login, err);
    }
    (void)pthread_mutex_unlock(&a->lock);
    return rc;
}

/* GET /v2/ without a login: its status, and its headers in `resp`. */
static int probe(struct rf_auth *a, struct rf_http_response *resp, struct rf_err *err)
{
    const struct rf_http_request req = {
        .method = RF_GET, .url = &a->origin, .tls_of = a->host, .cut_body = true
    };
    rf_stats_count(a->stats, RF_REQ_PING);
    int rc = rf_http_do(a->http, &req, resp, err);
    rf_stats_bytes(a->stats, resp->received, resp->sent);
    return rc < 0 ? rf_wrap(err, rc, "ask %s how to log in", a->host->name) : 0;
}

/* A 401 without a challenge (some registries): GET /v2/ tells what it should have been. */
static int challenge_of_root(struct rf_auth *a, struct offers *o, struct rf_err *err)
{
    RF_CLEANUP(rf_http_response_release) struct rf_http_response resp;
    rf_http_response_init(&resp);
    int rc = probe(a, &resp, err);
    if (rc == 0 && resp.status == 401)
        rc = read_offers(&resp.headers, o, err);
    return rc;
}

int rf_auth_challenge(struct rf_auth *a, const struct rf_url *url, const struct rf_headers *headers,
                      const char *scope, const char *sent, struct rf_err *err)
{
    RF_CLEANUP(offers_release) struct offers o = { 0 };
    if (!is_own(a, url)) {
        RF_CLEANUP(rf_freep) char *text = rf_url_safe(url);
        int rc = rf_fail(err, RFE_DENIED, "%s asks for a login, but it is not the registry %s",
                         text, a->host->name);
        return rc;
    }
    int rc = read_offers(headers, &o, err);
    (void)pthread_mutex_lock(&a->lock);
    bool unknown = a->scheme == SCHEME_NONE;
    (void)pthread_mutex_unlock(&a->lock);
    if (rc == 0 && o.n == 0 && unknown)
        rc = challenge_of_root(a, &o, err);
    if (rc < 0)
        return rf_wrap(err, rc, "login to %s", a->host->name);
    const struct refusal r = { .url = url, .scope = scope, .sent = sent, .offers = &o };
    return decide(a, &r, err);
}

/* Finds out how to log in, if nobody did yet. */
static int learn(struct rf_auth *a, const char *scope, struct rf_err *err)
{
    RF_CLEANUP(offers_release) struct offers o = { 0 };
    (void)pthread_mutex_lock(&a->lock);
    bool known = a->scheme != SCHEME_NONE;
    (void)pthread_mutex_unlock(&a->lock);
    if (known)
        return 0;
    int rc = challenge_of_root(a, &o, err);
    if (rc < 0 || o.n == 0)
        return rc;
    const struct refusal r = { .url = &a->origin, .scope = scope, .offers = &o };
    return decide(a, &r, err);
}

int rf_auth_ask_scope(struct rf_auth *a, const char *scope, struct rf_err *err)
{
    int rc = a->origin.host != NULL ? learn(a, scope, err) : 0;
    if (rc < 0 || a->origin.host == NULL)
        return rc;
    RF_CLEANUP(rf_wipe_freep) char *header = NULL;
    rc = rf_auth_header(a, &a->origin, scope, &header, err);
    if (rc < 0 || header == NULL || strncmp(header, "Bearer ", 7) != 0)
        return rc;
    if (rf_scope_in_token(header + 7, scope) != RF_SCOPE_WITHHELD)
        return 0;
    RF_CLEANUP(rf_login_release) struct rf_login login = { 0 };
    rf_auth_get_login(a, &login);
    rc = rf_fail(err, RFE_DENIED, "%s gives no right to %s", a->host->name, scope);
    (void)pthread_mutex_lock(&a->lock);
    /* Whoever asks again wants to know whether that has changed. */
    struct rf_auth_slot *s = rf_auth_slot_for(a, scope, rf_now_ms());
    if (!s->fetching && is_sent(s, header))
        rf_auth_discard(s);
    rc = rf_auth_denied_hint(a, &a->bearer, &login, rc, err);
    (void)pthread_mutex_unlock(&a->lock);
    return rc;
}
