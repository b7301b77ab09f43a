/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the login of one registry: auth_tokens.c keeps and fetches tokens, auth.c reads challenges and decides. `lock` is never held during a
 * request or while a helper runs; every function below is called with it held, unless it says otherwise.
 */
#ifndef RF_REGCLIENT_AUTH_PRIVATE_H
#define RF_REGCLIENT_AUTH_PRIVATE_H

#include <pthread.h>

#include "regclient/auth.h"
#include "regclient/realm.h"
#include "regclient/token.h"

/* Where tokens come from. */
struct rf_auth_bearer {
    bool set;
    struct rf_url realm;
    char *service;
    enum rf_realm_trust trust;
};

/* The token for one scope. */
struct rf_auth_slot {
    char *scope;               /* as asked for by our requests; "" for none */
    char *more;                /* what the registry asked for beside it, or NULL */
    bool only_more;            /* `more` alone is asked for: some services read one scope only */
    bool revoked;              /* a fresh token was called invalid, and renewed once for that */
    struct rf_auth_bearer own; /* not set: the host's */
    char *value;               /* NULL: no token */
    uint64_t got_ms, renew_ms, end_ms, used_ms;
    bool fetching; /* a thread is at the token service; it alone may change this slot */
};

enum rf_auth_scheme { SCHEME_NONE, SCHEME_BASIC, SCHEME_BEARER };

struct rf_auth {
    struct rf_http *http;
    struct rf_hosts *hosts;
    const struct rf_host *host;
    struct rf_stats *stats;
    struct rf_url origin;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t fetched;
    enum rf_auth_scheme scheme;
    bool basic_refused;
    struct rf_auth_bearer bearer;
    struct rf_auth_slot **slots;
    size_t len, cap;
    char *identity; /* a newer identity token than the host's, from a token service */
    char *note;     /* why a login was not used, for the final message */
    bool know_neighbourhood;
    unsigned neighbourhood;
};

void rf_auth_bearer_release(struct rf_auth_bearer *b);
void rf_auth_slot_free(struct rf_auth_slot *s);

/* The slot for a scope: its own, else one whose token covers it, else a new one. Another may go to make room for it. */
struct rf_auth_slot *rf_auth_slot_for(struct rf_auth *a, const char *scope, uint64_t now);
/* Where the slot's tokens come from; NULL when that is not known. */
const struct rf_auth_bearer *rf_auth_bearer_of(const struct rf_auth *a,
                                               const struct rf_auth_slot *s);
void rf_auth_discard(struct rf_auth_slot *s);
/* *out = "Bearer ..." with the newest token for the scope, fetched when there is none; NULL when no token service is known. Lets go of the lock meanwhile. */
RF_MUST_USE int rf_auth_bearer_header(struct rf_auth *a, const char *scope, char **out,
                                      struct rf_err *err);
/* The host's login. Called without the lock; runs helpers. */
void rf_auth_get_login(struct rf_auth *a, struct rf_login *out);
bool rf_auth_has_password(const struct rf_login *l);
/* Puts the next step for the user behind a refusal. */
int rf_auth_denied_hint(struct rf_auth *a, const struct rf_auth_bearer *b,
                        const struct rf_login *login, int rc, struct rf_err *err);

#endif
