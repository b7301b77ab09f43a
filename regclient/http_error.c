/* SPDX-License-Identifier: Apache-2.0 */
/* What a failure of the HTTP library means for us and for the user. */
#include <errno.h>

#include "base/mem.h"
#include "base/text.h"
#include "regclient/http_private.h"

/* X509_V_ERR_… of OpenSSL, which is all that the library tells about a refused certificate. */
enum verify_result {
    NOT_LOOKED_AT = 1,
    NOT_YET_VALID = 9,
    EXPIRED = 10,
    SELF_SIGNED = 18,
    SELF_SIGNED_CHAIN = 19,
    NO_ISSUER = 20,
    NO_FIRST = 21,
    WRONG_HOST = 62
};

static const char *setting_name(const struct rf_http_exchange *x)
{
    return x->req->tls_of != NULL && x->req->tls_of->name != NULL ? x->req->tls_of->name
                                                                  : x->req->url->host;
}

static int explain_verify(struct rf_http_exchange *x, const char *url, struct rf_err *err)
{
    long result = 0;
    curl_easy_getinfo(x->easy, CURLINFO_SSL_VERIFYRESULT, &result);
    int rc = rf_fail(err, RFE_TLS, "%s: %s", url, x->curl_text);
    if (result == EXPIRED || result == NOT_YET_VALID)
        return rf_hint(err, rc,
                       "look at the date of the certificate, and at the clock of this machine");
    if (result == SELF_SIGNED || result == SELF_SIGNED_CHAIN || result == NO_ISSUER ||
        result == NO_FIRST)
        return rf_hint(err, rc, "give its CA with --host reg=%s,ca-file=FILE", setting_name(x));
    /* The library compares the name by itself, before it looks at what OpenSSL says. */
    if (result == WRONG_HOST || result == NOT_LOOKED_AT)
        return rf_hint(err, rc, "the certificate is for another name");
    return rc;
}

/*
 * A handshake that fails has many causes behind one code. The texts are those of OpenSSL 1.1 and 3; where none of them fits, the failure
 * is final with the text alone.
 */
static int explain_handshake(struct rf_http_exchange *x, const char *url, struct rf_err *err)
{
    static const char *const plain[] = { "wrong version number", "packet length too long",
                                         "http request", "unknown protocol" };
    static const char *const cut[] = { "SSL_ERROR_SYSCALL", "unexpected eof", "Connection reset",
                                       "timed out", "SSL_ERROR_ZERO_RETURN" };
    for (size_t i = 0; i < RF_ARRAY_LEN(plain); i++) {
        if (strstr(x->curl_text, plain[i]) == NULL)
            continue;
        /* The words that users of Go's programs know, and look for. */
        int rc = rf_fail(err, RFE_TLS, "%s: http: server gave HTTP response to HTTPS client", url);
        return rf_hint(err, rc,
                       "if it is meant to be plain HTTP, say --host reg=%s,tls=disabled, or for "
                       "good: regctl registry set --tls disabled %s",
                       setting_name(x), setting_name(x));
    }
    for (size_t i = 0; i < RF_ARRAY_LEN(cut); i++)
        if (strstr(x->curl_text, cut[i]) != NULL)
            return rf_fail(err, RFE_UNREACHABLE, "%s: the connection ended in the TLS handshake",
                           url);
    return rf_fail(err, RFE_TLS, "%s: %s", url, x->curl_text);
}

/* A plain server may wait for ever for the end of what it takes for a request. */
static int explain_rest(struct rf_http_exchange *x, const char *url, struct rf_err *err)
{
    if (strstr(x->curl_text, "SSL connection timeout") == NULL)
        return rf_fail(err, RFE_UNREACHABLE, "%s: %s", url, x->curl_text);
    int rc = rf_fail(err, RFE_UNREACHABLE, "%s: the server does not answer the TLS greeting", url);
    return rf_hint(err, rc, "if it is meant to be plain HTTP, say --host reg=%s,tls=disabled",
                   setting_name(x));
}

static int explain_connect(struct rf_http_exchange *x, const char *url, struct rf_err *err)
{
    if (x->refused)
        return rf_fail(
            err, RFE_REFUSED,
            "%s: a server sent us to this address, which is local to this machine or network", url);
    return rf_fail(err, RFE_UNREACHABLE, "%s: %s", url, x->curl_text);
}

int rf_http_explain(struct rf_http_exchange *x, CURLcode code, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *url = rf_http_shown_url(x->req);
    if (x->curl_text[0] == '\0')
        (void)snprintf(x->curl_text, sizeof(x->curl_text), "%s", curl_easy_strerror(code));
    switch ((int)code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        return explain_verify(x, url, err);
    case CURLE_SSL_CONNECT_ERROR:
        return explain_handshake(x, url, err);
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_USE_SSL_FAILED:
    case CURLE_SSL_CLIENTCERT:
        return rf_fail(err, RFE_TLS, "%s: %s", url, x->curl_text);
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return explain_connect(x, url, err);
    case CURLE_UNSUPPORTED_PROTOCOL: /* no HTTP status line */
    case CURLE_WEIRD_SERVER_REPLY:
        return rf_fail(err, RFE_PROTOCOL, "%s: the server does not speak HTTP", url);
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_URL_MALFORMAT:
        return rf_fail(err, RFE_INVALID, "%s: %s", url, x->curl_text);
    case CURLE_OUT_OF_MEMORY:
        return rf_fail(err, ENOMEM, "%s: %s", url, x->curl_text);
    default:
        return explain_rest(x, url, err);
    }
}
