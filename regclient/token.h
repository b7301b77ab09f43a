/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to a token service (distribution "Token Authentication Specification", and its OAuth2 form). No redirects, answers of at most
 * 256 KiB, nothing of an answer in logs or messages but the service's own words on a refusal.
 */
#ifndef RF_REGCLIENT_TOKEN_H
#define RF_REGCLIENT_TOKEN_H

#include "regclient/cred_helper.h"
#include "regclient/http.h"
#include "regclient/stats.h"

#define RF_TOKEN_ANSWER_MAX (256u << 10)
#define RF_TOKEN_LIFETIME_S 60 /* when the service does not say */

struct rf_token_ask {
    struct rf_http *http;
    struct rf_stats *stats; /* may be NULL */
    const struct rf_url *realm;
    const char *service, *scope;  /* or NULL; scope is a list of parts */
    const struct rf_login *login; /* all parts NULL: anonymous */
    const struct rf_host *tls_of; /* as in rf_http_request */
    bool foreign;
    unsigned allow_addr;
};
struct rf_token {
    char *value;
    char *refresh;         /* the next identity token, or NULL */
    uint64_t lifetime_s;   /* counted from when the answer came */
    bool identity_refused; /* the identity token was turned down, this one was got without it */
};
void rf_token_release(struct rf_token *t); /* wipes */

/*
 * With an identity token the POST form first; where the service does not take it (4xx), the GET form with user and password, or
 * nobody's. Branch on: -RFE_DENIED, -RFE_RATE_LIMITED, -RFE_SERVER, -RFE_UNREACHABLE; err has http_status and retry_after.
 */
RF_MUST_USE int rf_token_fetch(const struct rf_token_ask *ask, struct rf_token *out,
                               struct rf_err *err);
/* The answer of a token service. -RFE_PROTOCOL. */
RF_MUST_USE int rf_token_parse(struct rf_slice body, struct rf_token *out, struct rf_err *err);
/* "Authorization: Basic ..." without the name: "Basic ...". The caller wipes and frees. */
char *rf_basic_value(const char *user, const char *pass);

#endif
