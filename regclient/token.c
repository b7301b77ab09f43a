/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/token.h"

#include "base/base64.h"
#include "base/mem.h"
#include "base/text.h"
#include "regclient/scope.h"
#include "regclient/secret.h"

#define CLIENT_ID "regferry"
#define LIFETIME_MAX_S UINT64_C(2592000) /* 30 days */
#define WORDS_MAX 300

void rf_token_release(struct rf_token *t)
{
    rf_wipe_freep(&t->value);
    rf_wipe_freep(&t->refresh);
}

static void release_wiped(struct rf_buf *b)
{
    rf_wipe(b->ptr, b->len);
    rf_buf_release(b);
}

static void response_release_wiped(struct rf_http_response *r)
{
    rf_wipe(r->body.ptr, r->body.len);
    rf_http_response_release(r);
}

char *rf_basic_value(const char *user, const char *pass)
{
    char *pair = rf_xasprintf("%s:%s", user, pass);
    RF_CLEANUP(release_wiped) struct rf_buf out;
    rf_buf_init(&out, 0);
    rf_buf_add_str(&out, "Basic ");
    rf_base64_encode(&out, rf_slice_str(pair));
    rf_wipe_freep(&pair);
    return rf_buf_take(&out, NULL);
}

/* ---- the answer ---- */

/* RFC 6750, 2.1 lists fewer characters; what matters is that none can end a header. */
static bool token_valid(const char *s)
{
    for (const char *p = s; *p != '\0'; p++)
        if (*p < 0x21 || *p > 0x7E)
            return false;
    return *s != '\0';
}

/* Missing, 0 or odd is the specification's default. The service's clock (issued_at) is not looked at. */
static uint64_t lifetime_of(const json_t *doc)
{
    const json_t *j = json_object_get(doc, "expires_in");
    double s = json_is_number(j) ? json_number_value(j) : 0;
    if (!(s >= 1))
        return RF_TOKEN_LIFETIME_S;
    return s < LIFETIME_MAX_S ? (uint64_t)s : LIFETIME_MAX_S;
}

int rf_token_parse(struct rf_slice body, struct rf_token *out, struct rf_err *err)
{
    RF_CLEANUP(rf_secret_json_wipep) json_t *doc = NULL;
    struct rf_err cause = RF_ERR_INIT;
    if (rf_secret_json_parse(body, RF_TOKEN_ANSWER_MAX, &doc, &cause) < 0)
        return rf_fail(err, RFE_PROTOCOL, "%s", cause.msg);
    const char *value = json_string_value(json_object_get(doc, "access_token"));
    if (value == NULL || *value == '\0')
        value = json_string_value(json_object_get(doc, "token"));
    if (value == NULL || !token_valid(value))
        return rf_fail(err, RFE_PROTOCOL, "no usable token in the answer");
    const char *refresh = json_string_value(json_object_get(doc, "refresh_token"));
    out->value = rf_xstrdup(value);
    out->refresh = refresh != NULL && token_valid(refresh) ? rf_xstrdup(refresh) : NULL;
    out->lifetime_s = lifetime_of(doc);
    return 0;
}

/* ---- the question ---- */

static int refusal(const struct rf_token_ask *ask, const struct rf_http_response *resp,
                   struct rf_err *err)
{
    int code = RFE_FAILED;
    if (resp->status == 401 || resp->status == 403)
        code = RFE_DENIED;
    else if (resp->status == 429)
        code = RFE_RATE_LIMITED;
    else if (resp->status == 408 || resp->status >= 500)
        code = RFE_SERVER;
    else if (resp->status < 400)
        code = RFE_PROTOCOL;
    RF_CLEANUP(rf_freep) char *where = rf_url_safe(ask->realm);
    RF_CLEANUP(rf_freep) char *words = rf_text_safe_dup(rf_buf_slice(&resp->body), WORDS_MAX);
    const char *what = code == RFE_PROTOCOL
                           ? "answered with a redirect, which is not followed for logins"
                           : "refused";
    int rc = rf_fail(err, code, "the token service %s %s [http %d]%s%s", where, what, resp->status,
                     words[0] != '\0' ? ": " : "", words);
    if (err != NULL) {
        err->http_status = (uint16_t)resp->status;
        (void)rf_retry_after(rf_headers_get(&resp->headers, "retry-after"), &err->retry_after);
    }
    return rc;
}

/* One exchange. *status is 0 when no answer came. */
static int exchange(const struct rf_token_ask *ask, const struct rf_http_request *req, int *status,
                    struct rf_token *out, struct rf_err *err)
{
    RF_CLEANUP(response_release_wiped) struct rf_http_response resp;
    rf_http_response_init(&resp);
    rf_stats_count(ask->stats, RF_REQ_TOKEN);
    int rc = rf_http_do(ask->http, req, &resp, err);
    rf_stats_bytes(ask->stats, resp.received, resp.sent);
    *status = resp.status;
    if (rc < 0)
        return rf_wrap(err, rc, "token service");
    if (resp.status < 200 || resp.status > 299)
        return refusal(ask, &resp, err);
    rc = rf_token_parse(rf_buf_slice(&resp.body), out, err);
    if (rc < 0) {
        RF_CLEANUP(rf_freep) char *where = rf_url_safe(ask->realm);
        return rf_wrap(err, rc, "the token service %s", where);
    }
    return 0;
}

static struct rf_http_request request_to(const struct rf_token_ask *ask, const struct rf_url *url)
{
    return (struct rf_http_request){ .url = url,
                                     .tls_of = ask->tls_of,
                                     .foreign = ask->foreign,
                                     .allow_addr = ask->allow_addr,
                                     .body_max = RF_TOKEN_ANSWER_MAX };
}

static void add_field(struct rf_buf *form, const char *key, const char *value)
{
    if (value == NULL)
        return;
    rf_buf_addf(form, "%s%s=", form->len > 0 ? "&" : "", key);
    rf_url_escape(form, rf_slice_str(value), false);
}

/* OAuth2 form, "grant_type=refresh_token". */
static int by_post(const struct rf_token_ask *ask, int *status, struct rf_token *out,
                   struct rf_err *err)
{
    RF_CLEANUP(release_wiped) struct rf_buf form;
    rf_buf_init(&form, 0);
    add_field(&form, "client_id", CLIENT_ID);
    add_field(&form, "grant_type", "refresh_token");
    add_field(&form, "refresh_token", ask->login->token);
    add_field(&form, "service", ask->service);
    add_field(&form, "scope", ask->scope);
    const char *const headers[] = { "Content-Type: application/x-www-form-urlencoded",
                                    "Accept: application/json" };
    struct rf_http_request req = request_to(ask, ask->realm);
    req.method = RF_POST;
    req.headers = headers;
    req.n_headers = RF_ARRAY_LEN(headers);
    req.body = rf_buf_slice(&form);
    return exchange(ask, &req, status, out, err);
}

static int by_get(const struct rf_token_ask *ask, struct rf_token *out, struct rf_err *err)
{
    const struct rf_login *login = ask->login;
    bool known = login->user != NULL && login->pass != NULL;
    RF_CLEANUP(rf_url_release) struct rf_url url = RF_URL_INIT;
    rf_url_copy(ask->realm, &url);
    if (known)
        rf_url_add_query(&url, "account", login->user);
    rf_url_add_query(&url, "client_id", CLIENT_ID);
    size_t at = 0;
    struct rf_slice part;
    while (rf_scope_next(ask->scope, &at, &part)) {
        RF_CLEANUP(rf_freep) char *one = rf_xstrndup(part.ptr, part.len);
        rf_url_add_query(&url, "scope", one);
    }
    if (ask->service != NULL)
        rf_url_add_query(&url, "service", ask->service);
    RF_CLEANUP(rf_wipe_freep) char *basic = known ? rf_basic_value(login->user, login->pass) : NULL;
    RF_CLEANUP(rf_wipe_freep) char *line = known ? rf_xasprintf("Authorization: %s", basic) : NULL;
    const char *const headers[] = { "Accept: application/json", line };
    struct rf_http_request req = request_to(ask, &url);
    req.method = RF_GET;
    req.headers = headers;
    req.n_headers = known ? 2 : 1;
    int status = 0;
    return exchange(ask, &req, &status, out, err);
}

/* Some services know no POST (400, 401, 404, 405); being told to wait is an answer of its own. */
static bool no_post_here(int status)
{
    return status >= 400 && status <= 499 && status != 408 && status != 429;
}

int rf_token_fetch(const struct rf_token_ask *ask, struct rf_token *out, struct rf_err *err)
{
    RF_CLEANUP(rf_token_release) struct rf_token got = { 0 };
    int rc = 0, status = 0;
    if (ask->login->token != NULL) {
        struct rf_err first = RF_ERR_INIT;
        rc = by_post(ask, &status, &got, &first);
        if (rc < 0 && !no_post_here(status)) {
            if (err != NULL)
                *err = first;
            return rc;
        }
        got.identity_refused = rc < 0;
    }
    if (got.value == NULL) {
        rc = by_get(ask, &got, err);
        if (rc < 0)
            return got.identity_refused
                       ? rf_wrap(err, rc, "the identity token was refused; without it")
                       : rc;
    }
    *out = got;
    got = (struct rf_token){ 0 };
    return 0;
}
