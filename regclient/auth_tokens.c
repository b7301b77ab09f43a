/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/auth_private.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "regclient/scope.h"

#define SLOTS_MAX 256       /* tokens kept per host: the longest unused goes first */
#define MARGIN_MAX_MS 60000 /* renewed that long before the end, see margin_of */

void rf_auth_bearer_release(struct rf_auth_bearer *b)
{
    rf_url_release(&b->realm);
    free(b->service);
    *b = (struct rf_auth_bearer){ 0 };
}

void rf_auth_slot_free(struct rf_auth_slot *s)
{
    free(s->scope);
    free(s->more);
    rf_auth_bearer_release(&s->own);
    rf_wipe_freep(&s->value);
    free(s);
}

/* ---- slots (a->lock held) ---- */

static bool usable(const struct rf_auth_slot *s, uint64_t now)
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
    rf_auth_slot_free(a->slots[oldest]);
    a->slots[oldest] = a->slots[--a->len];
}

/* The slot for a scope: its own, else one whose token covers it, else a new one. */
struct rf_auth_slot *rf_auth_slot_for(struct rf_auth *a, const char *scope, uint64_t now)
{
    struct rf_auth_slot *wider = NULL;
    for (size_t i = 0; i < a->len; i++) {
        struct rf_auth_slot *s = a->slots[i];
        if (strcmp(s->scope, scope) == 0)
            return s;
        if (wider == NULL && usable(s, now) && !s->only_more && *scope != '\0' &&
            rf_scope_covers(s->scope, scope))
            wider = s;
    }
    if (wider != NULL)
        return wider;
    make_room(a);
    struct rf_auth_slot *s = rf_xcalloc(1, sizeof(*s));
    s->scope = rf_xstrdup(scope);
    a->slots = rf_grow(a->slots, a->len, &a->cap, sizeof(struct rf_auth_slot *));
    a->slots[a->len++] = s;
    return s;
}

const struct rf_auth_bearer *rf_auth_bearer_of(const struct rf_auth *a,
                                               const struct rf_auth_slot *s)
{
    if (s->own.set)
        return &s->own;
    /* repoAuth: nothing is taken over from one repository to the next. */
    return a->bearer.set && !a->host->repo_auth ? &a->bearer : NULL;
}

void rf_auth_discard(struct rf_auth_slot *s)
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

static void store(struct rf_auth *a, struct rf_auth_slot *s, struct rf_token *token)
{
    uint64_t now = rf_now_ms(), lifetime = token->lifetime_s * 1000;
    rf_auth_discard(s);
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
void rf_auth_get_login(struct rf_auth *a, struct rf_login *out)
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

bool rf_auth_has_password(const struct rf_login *l)
{
    return l->user != NULL && l->user[0] != '\0' && l->pass != NULL;
}

int rf_auth_denied_hint(struct rf_auth *a, const struct rf_auth_bearer *b,
                        const struct rf_login *login, int rc, struct rf_err *err)
{
    const char *name = a->host->name;
    bool stranger = b != NULL && b->set && b->trust != RF_REALM_LOGIN;
    bool known = a->host->pass != NULL || a->host->token != NULL || a->host->cred_helper != NULL;
    if (stranger && known)
        return rf_hint(
            err, rc,
            "the login was kept back because the token service %s is of another domain; "
            "if it is the right one, allow it with --host reg=%s,token-host=%s or apiOpts tokenHost",
            b->realm.host, name, b->realm.host);
    if (login->user == NULL && login->token == NULL) {
        if (a->note != NULL)
            (void)rf_hint(err, rc, "%s", a->note);
        return rf_hint(
            err, rc,
            "give a login with --host reg=%s,user=...,pass-file=...%s%s, regctl registry login %s or docker login %s",
            name, stranger ? ",token-host=" : "", stranger ? b->realm.host : "", name, name);
    }
    return rf_hint(
        err, rc,
        "the login of %s does not suffice; give another with --host reg=%s,user=...,pass-file=..., regctl registry login %s or docker login %s",
        login->user != NULL ? login->user : "the identity token", name, name, name);
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

static void fill_order(const struct rf_auth *a, const struct rf_auth_slot *s, struct order *o)
{
    const struct rf_auth_bearer *b = rf_auth_bearer_of(a, s);
    RF_CHECK(b != NULL); /* there is no slot without a challenge */
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
    rf_auth_get_login(a, &o->login);
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

/* Fills the slot at the token service. Called and returns with the lock held; the slot is marked as being fetched meanwhile. */
static int fill(struct rf_auth *a, struct rf_auth_slot *s, struct rf_err *err)
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
        const struct rf_auth_bearer b = { .set = true, .realm = o.realm, .trust = o.trust };
        rc = rf_auth_denied_hint(a, &b, &o.login, rc, &failure);
    }
    if (err != NULL)
        *err = failure;
    return rc;
}

/* Some services answer nothing to a list of scopes of which they know only one (Quay and "delete"): then what the registry named is asked for alone. */
static int fill_or_less(struct rf_auth *a, struct rf_auth_slot *s, struct rf_err *err)
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

int rf_auth_bearer_header(struct rf_auth *a, const char *scope, char **out, struct rf_err *err)
{
    for (;;) {
        uint64_t now = rf_now_ms();
        struct rf_auth_slot *s = rf_auth_slot_for(a, scope, now);
        s->used_ms = now;
        if (rf_auth_bearer_of(a, s) == NULL)
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
