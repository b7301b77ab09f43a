/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/auth.h"

#include <pthread.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "regclient/realm.h"
#include "regclient/scope.h"
#include "regclient/token.h"

#define SLOTS_MAX 256       /* tokens kept per host: the longest unused goes first */
#define MARGIN_MAX_MS 60000 /* renewed that long before the end, see margin_of */
#define FRESH_MS 10000      /* a token of that age or less is not renewed because it was refused */

/* Where tokens come from. */
struct bearer {
    bool set;
    struct rf_url realm;
    char *service;
    enum rf_realm_trust trust;
};

/* The token for one scope. */
struct slot {
    char *scope;       /* as asked for by our requests; "" for none */
    char *more;        /* what the registry asked for beside it, or NULL */
    bool only_more;    /* `more` alone is asked for: some services read one scope only */
    struct bearer own; /* not set: the host's */
    char *value;       /* NULL: no token */
    uint64_t got_ms, renew_ms, end_ms, used_ms;
    bool fetching; /* a thread is at the token service; it alone may change this slot */
};

enum scheme { SCHEME_NONE, SCHEME_BASIC, SCHEME_BEARER };

struct rf_auth {
    struct rf_http *http;
    struct rf_hosts *hosts;
    const struct rf_host *host;
    struct rf_stats *stats;
    struct rf_url origin;
    pthread_mutex_t lock; /* guards all below; never held during a request or while a helper runs */
    pthread_cond_t fetched;
    enum scheme scheme;
    bool basic_refused;
    struct bearer bearer;
    struct slot **slots;
    size_t len, cap;
    char *identity; /* a newer identity token than the host's, from a token service */
    char *note;     /* why a login was not used, for the final message */
    bool know_neighbourhood;
    unsigned neighbourhood;
};

static void bearer_release(struct bearer *b)
{
    rf_url_release(&b->realm);
    free(b->service);
    *b = (struct bearer){ 0 };
}

static void slot_free(struct slot *s)
{
    free(s->scope);
    free(s->more);
    bearer_release(&s->own);
    rf_wipe_freep(&s->value);
    free(s);
}

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
        slot_free(a->slots[i]);
    free(a->slots);
    bearer_release(&a->bearer);
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

/* ---- slots (a->lock held) ---- */

static bool usable(const struct slot *s, uint64_t now)
{
    return s->value != NULL && now < s->renew_ms;
}

/* Over the cap, the slot unused for longest goes. A slot being filled stays. */
static void make_room(struct rf_auth *a)
{
    size_t oldest = a->len;
    for (size_t i = 0; i < a->len; i++)
        if (!a->slots[i]->fetching &&
            (oldest == a->len || a->slots[i]->used_ms < a->slots[oldest]->used_ms))
            oldest = i;
    if (a->len < SLOTS_MAX || oldest == a->len)
        return;
    slot_free(a->slots[oldest]);
    a->slots[oldest] = a->slots[--a->len];
}

/* The slot for a scope: its own, else one whose token covers it, else a new one. */
static struct slot *slot_for(struct rf_auth *a, const char *scope, uint64_t now)
{
    struct slot *wider = NULL;
    for (size_t i = 0; i < a->len; i++) {
        struct slot *s = a->slots[i];
        if (strcmp(s->scope, scope) == 0)
            return s;
        if (wider == NULL && usable(s, now) && !s->only_more && *scope != '\0' &&
            rf_scope_covers(s->scope, scope))
            wider = s;
    }
    if (wider != NULL)
        return wider;
    make_room(a);
    struct slot *s = rf_xcalloc(1, sizeof(*s));
    s->scope = rf_xstrdup(scope);
    a->slots = rf_grow(a->slots, a->len, &a->cap, sizeof(struct slot *));
    a->slots[a->len++] = s;
    return s;
}

static const struct bearer *bearer_of(const struct rf_auth *a, const struct slot *s)
{
    if (s->own.set)
        return &s->own;
    /* repoAuth: nothing is taken over from one repository to the next. */
    return a->bearer.set && !a->host->repo_auth ? &a->bearer : NULL;
}

static void discard(struct slot *s)
{
    rf_wipe_freep(&s->value);
}

/*
 * How long before its end a token is renewed: 60 s, and for lifetimes under 5 min a fifth of the lifetime, so that short-lived tokens are
 * used at all. Counted on our clock from the arrival of the answer; the service's clock is not trusted.
 */
static uint64_t margin_of(uint64_t lifetime_ms)
{
    return lifetime_ms / 5 < MARGIN_MAX_MS ? lifetime_ms / 5 : MARGIN_MAX_MS;
}

static void store(struct rf_auth *a, struct slot *s, struct rf_token *token)
{
    uint64_t now = rf_now_ms(), lifetime = token->lifetime_s * 1000;
    discard(s);
    s->value = RF_STEAL(token->value);
    s->got_ms = now;
    s->end_ms = now + lifetime;
    s->renew_ms = s->end_ms - margin_of(lifetime);
    if (token->refresh != NULL) {
        rf_wipe_freep(&a->identity);
        a->identity = RF_STEAL(token->refresh);
    }
    if (token->identity_refused) {
        free(a->note);
        a->note = rf_xstrdup("the token service refused the identity token");
    }
}

/* ---- logins ---- */

/* The login of the host. A helper that fails means none, said aloud: public content stays reachable. */
static void get_login(struct rf_auth *a, struct rf_login *out)
{
    struct rf_err err = RF_ERR_INIT;
    if (rf_host_login(a->hosts, a->host, &out->user, &out->pass, &out->token, &err) == 0)
        return;
    (void)pthread_mutex_lock(&a->lock);
    bool again = a->note != NULL && strcmp(a->note, err.msg) == 0;
    free(a->note);
    a->note = rf_xstrdup(err.msg);
    (void)pthread_mutex_unlock(&a->lock);
    if (!again)
        rf_log(RF_LOG_WARN, "The login could not be read, going on without one", "host",
               a->host->name, "error", err.msg, NULL);
}

static bool has_password(const struct rf_login *l)
{
    return l->user != NULL && l->user[0] != '\0' && l->pass != NULL;
}

/* ---- getting a token ---- */

/* What to ask for, copied out of the locked state. */
struct order {
    struct rf_url realm;
    char *service, *scope;
    enum rf_realm_trust trust;
    struct rf_login login;
};

static void order_release(struct order *o)
{
    rf_url_release(&o->realm);
    free(o->service);
    free(o->scope);
    rf_login_release(&o->login);
}

static void fill_order(const struct rf_auth *a, const struct slot *s, struct order *o)
{
    const struct bearer *b = bearer_of(a, s);
    rf_url_copy(&b->realm, &o->realm);
    o->service = rf_xstrdup(b->service);
    o->trust = b->trust;
    /* What the registry named comes first, since some services read only one scope. */
    o->scope = s->more == NULL ? rf_xstrdup(s->scope)
                               : rf_scope_join(s->more, s->only_more ? NULL : s->scope);
}

static unsigned allowed_addresses(struct rf_auth *a)
{
    (void)pthread_mutex_lock(&a->lock);
    bool known = a->know_neighbourhood;
    unsigned classes = a->neighbourhood;
    (void)pthread_mutex_unlock(&a->lock);
    if (known)
        return classes;
    classes = rf_realm_neighbourhood(&a->origin);
    (void)pthread_mutex_lock(&a->lock);
    a->neighbourhood = classes;
    a->know_neighbourhood = true;
    (void)pthread_mutex_unlock(&a->lock);
    return classes;
}

static void add_login(struct rf_auth *a, struct order *o)
{
    if (o->trust != RF_REALM_LOGIN)
        return;
    get_login(a, &o->login);
    (void)pthread_mutex_lock(&a->lock);
    if (a->identity != NULL && o->login.token != NULL) {
        rf_wipe_freep(&o->login.token);
        o->login.token = rf_xstrdup(a->identity);
    }
    (void)pthread_mutex_unlock(&a->lock);
}

static int fetch(struct rf_auth *a, struct order *o, struct rf_token *token, struct rf_err *err)
{
    add_login(a, o);
    bool foreign = !rf_url_same_origin(&a->origin, &o->realm);
    const struct rf_token_ask ask = {
        .http = a->http,
        .stats = a->stats,
        .realm = &o->realm,
        .service = o->service,
        .scope = o->scope,
        .login = &o->login,
        /* A stranger is not covered by what the user said about the registry's certificates. */
        .tls_of = o->trust == RF_REALM_LOGIN ? a->host : NULL,
        .foreign = foreign,
        .allow_addr = foreign ? allowed_addresses(a) : 0
    };
    struct rf_err first = RF_ERR_INIT;
    int rc = rf_token_fetch(&ask, token, &first);
    if (rc == -RFE_DENIED && o->trust == RF_REALM_LOGIN &&
        rf_host_login_forget(a->hosts, a->host)) {
        /* What a helper gave hours ago may have run out. */
        rf_login_release(&o->login);
        add_login(a, o);
        return rf_token_fetch(&ask, token, err);
    }
    if (rc < 0 && err != NULL)
        *err = first;
    return rc;
}

static int denied_hint(struct rf_auth *a, const struct bearer *b, const struct rf_login *login,
                       int rc, struct rf_err *err);

/* Fills the slot at the token service. Called and returns with the lock held; the slot is marked as being fetched meanwhile. */
static int fill(struct rf_auth *a, struct slot *s, struct rf_err *err)
{
    RF_CLEANUP(order_release) struct order o = { 0 };
    RF_CLEANUP(rf_token_release) struct rf_token token = { 0 };
    struct rf_err failure = RF_ERR_INIT;
    fill_order(a, s, &o);
    s->fetching = true;
    (void)pthread_mutex_unlock(&a->lock);
    int rc = fetch(a, &o, &token, &failure);
    (void)pthread_mutex_lock(&a->lock);
    s->fetching = false;
    (void)pthread_cond_broadcast(&a->fetched);
    if (rc == 0) {
        store(a, s, &token);
        return 0;
    }
    /* Renewing ahead may fail as long as the token lasts. */
    if (rf_error_retryable(rc) && s->value != NULL && rf_now_ms() < s->end_ms)
        return 0;
    if (rc == -RFE_DENIED) {
        const struct bearer b = { .set = true, .realm = o.realm, .trust = o.trust };
        rc = denied_hint(a, &b, &o.login, rc, &failure);
    }
    if (err != NULL)
        *err = failure;
    return rc;
}

/* Some services answer nothing to a list of scopes of which they know only one (Quay and "delete"): then what the registry named is asked for alone. */
static int fill_or_less(struct rf_auth *a, struct slot *s, struct rf_err *err)
{
    struct rf_err first = RF_ERR_INIT;
    int rc = fill(a, s, &first);
    if (rc < 0 && !rf_error_retryable(rc) && first.http_status != 0 && s->more != NULL &&
        !s->only_more && *s->scope != '\0') {
        s->only_more = true;
        return fill(a, s, err);
    }
    if (rc < 0 && err != NULL)
        *err = first;
    return rc;
}

static int bearer_header(struct rf_auth *a, const char *scope, char **out, struct rf_err *err)
{
    for (;;) {
        uint64_t now = rf_now_ms();
        struct slot *s = slot_for(a, scope, now);
        s->used_ms = now;
        if (bearer_of(a, s) == NULL)
            return 0;
        if (s->fetching) {
            /* The slot may be gone afterwards; it is looked for again. */
            (void)pthread_cond_wait(&a->fetched, &a->lock);
            continue;
        }
        int rc = usable(s, now) ? 0 : fill_or_less(a, s, err);
        if (rc == 0)
            *out = rf_xasprintf("Bearer %s", s->value);
        return rc;
    }
}

static void basic_header(struct rf_auth *a, char **out)
{
    RF_CLEANUP(rf_login_release) struct rf_login login = { 0 };
    get_login(a, &login);
    if (has_password(&login))
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
        enum scheme scheme = a->scheme;
        if (scheme == SCHEME_BEARER)
            rc = bearer_header(a, scope != NULL ? scope : "", &value, err);
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

/* Puts the next step behind a refusal. */
static int denied_hint(struct rf_auth *a, const struct bearer *b, const struct rf_login *login,
                       int rc, struct rf_err *err)
{
    const char *name = a->host->name;
    if (b != NULL && b->set && b->trust != RF_REALM_LOGIN)
        return rf_hint(
            err, rc,
            "the login was kept back because the token service %s is of another domain; if it is the right one, "
            "allow it with --host reg=%s,token-host=%s or apiOpts tokenHost",
            b->realm.host, name, b->realm.host);
    if (login->user == NULL && login->token == NULL) {
        if (a->note != NULL)
            (void)rf_hint(err, rc, "%s", a->note);
        return rf_hint(err, rc,
                       "give a login with --host reg=%s,user=...,pass-file=... or docker login %s",
                       name, name);
    }
    return rf_hint(
        err, rc,
        "the login of %s does not suffice; give another with --host reg=%s,user=...,pass-file=... or docker login %s",
        login->user != NULL ? login->user : "the identity token", name, name);
}

/* -RFE_DENIED for a request that no further login can help. The lock is held. */
static int denied(struct rf_auth *a, const char *scope, const struct offers *o,
                  const struct bearer *b, const struct rf_login *login, struct rf_err *err)
{
    const char *why = o->bearer != NULL ? o->bearer->error : NULL;
    int rc = rf_fail(err, RFE_DENIED, "unauthorized [http 401]: %s refuses access%s%s%s%s%s",
                     a->host->name, scope != NULL ? " (" : "", scope != NULL ? scope : "",
                     scope != NULL ? ")" : "", why != NULL ? ": " : "", why != NULL ? why : "");
    if (err != NULL)
        err->http_status = 401;
    return denied_hint(a, b, login, rc, err);
}

/* The token service of a challenge, judged. */
static int read_bearer(struct rf_auth *a, const struct rf_url *url, const struct rf_challenge *c,
                       struct bearer *out, struct rf_err *err)
{
    RF_CLEANUP(bearer_release) struct bearer b = { .set = true };
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
    b = (struct bearer){ 0 };
    return 0;
}

static bool same_bearer(const struct bearer *a, const struct bearer *b)
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
static int take_bearer(struct rf_auth *a, struct slot *s, const struct refusal *r, bool *changed,
                       struct rf_err *err)
{
    RF_CLEANUP(bearer_release) struct bearer b = { 0 };
    int rc = read_bearer(a, r->url, r->offers->bearer, &b, err);
    if (rc < 0)
        return rc;
    const struct bearer *now = bearer_of(a, s);
    *changed = now == NULL || !same_bearer(now, &b);
    if (!*changed)
        return 0;
    if (s->own.set) {
        RF_CLEANUP(rf_freep) char *text = rf_url_safe(&b.realm);
        return rf_fail(err, RFE_PROTOCOL,
                       "%s names one token service after the other, the last is %s", a->host->name,
                       text);
    }
    struct bearer *to = a->bearer.set || a->host->repo_auth ? &s->own : &a->bearer;
    *to = b;
    b = (struct bearer){ 0 };
    discard(s);
    return 0;
}

/* A token that nobody has renewed for its age's sake: refused now, it will be refused again. */
static bool is_fresh(const struct slot *s, uint64_t now)
{
    uint64_t half = (s->end_ms - s->got_ms) / 2;
    return now - s->got_ms <= (half < FRESH_MS ? half : FRESH_MS);
}

/* The registry refused the token of this slot. True: there is something else to try. */
static bool try_more(struct slot *s, const char *asked, uint64_t now)
{
    if (asked != NULL && s->more == NULL && !rf_scope_covers(s->scope, asked)) {
        s->more = rf_xstrdup(asked);
        discard(s);
        return true;
    }
    if (s->more != NULL && !s->only_more && *s->scope != '\0') {
        s->only_more = true;
        discard(s);
        return true;
    }
    if (is_fresh(s, now))
        return false;
    discard(s);
    return true;
}

static bool is_sent(const struct slot *s, const char *sent)
{
    return s->value != NULL && strncmp(sent, "Bearer ", 7) == 0 && strcmp(sent + 7, s->value) == 0;
}

/* The lock is held. */
static int on_bearer(struct rf_auth *a, const struct refusal *r, const struct rf_login *login,
                     struct rf_err *err)
{
    uint64_t now = rf_now_ms();
    struct slot *s = slot_for(a, r->scope != NULL ? r->scope : "", now);
    while (s->fetching) {
        (void)pthread_cond_wait(&a->fetched, &a->lock);
        s = slot_for(a, r->scope != NULL ? r->scope : "", now);
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
    if (try_more(s, asked, now))
        return 0;
    if (rf_host_login_forget(a->hosts, a->host)) {
        discard(s);
        return 0;
    }
    return denied(a, r->scope, r->offers, bearer_of(a, s), login, err);
}

/* The lock is held. True: try (again) by Basic. */
static bool on_basic(struct rf_auth *a, const struct refusal *r, const struct rf_login *login)
{
    if (r->offers->basic == NULL || !has_password(login) || a->basic_refused)
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
    get_login(a, &login);
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
    get_login(a, &login);
    rc = rf_fail(err, RFE_DENIED, "%s gives no right to %s", a->host->name, scope);
    (void)pthread_mutex_lock(&a->lock);
    rc = denied_hint(a, &a->bearer, &login, rc, err);
    (void)pthread_mutex_unlock(&a->lock);
    return rc;
}
