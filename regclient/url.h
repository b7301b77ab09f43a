/* SPDX-License-Identifier: Apache-2.0 */
/* URLs and origins. Every URL that a server hands us is untrusted (reliability-security 0.7, 0.8). */
#ifndef RF_REGCLIENT_URL_H
#define RF_REGCLIENT_URL_H

#include "base/buf.h"

#define RF_URL_MAX 8192

struct rf_url {
    bool https;
    char *host;    /* lower-case; IPv6 without brackets */
    uint16_t port; /* never 0: the scheme's default is filled in */
    char *path;    /* starts with "/", as given (escapes kept) */
    char *query;   /* without "?", or NULL */
};
#define RF_URL_INIT \
    {               \
        0           \
    }
/* Absolute http(s) URL without userinfo and fragment-free, no control bytes, at most RF_URL_MAX. -RFE_INVALID. */
RF_MUST_USE int rf_url_parse(const char *text, struct rf_url *out, struct rf_err *err);
/* A Location, Link or redirect target, absolute or relative, against the URL of the request. */
RF_MUST_USE int rf_url_resolve(const struct rf_url *base, const char *text, struct rf_url *out,
                               struct rf_err *err);
void rf_url_release(struct rf_url *u);
void rf_url_copy(const struct rf_url *from, struct rf_url *to);
char *rf_url_text(const struct rf_url *u); /* the caller frees */
char *rf_url_safe(const struct rf_url *u); /* for logs: query values left out; the caller frees */
bool rf_url_same_origin(const struct rf_url *a, const struct rf_url *b); /* scheme, host, port */
void rf_url_add_query(struct rf_url *u, const char *key,
                      const char *value); /* percent-encodes both */
/* Percent-encodes all but unreserved characters (and "/" when keep_slash). */
void rf_url_escape(struct rf_buf *out, struct rf_slice s, bool keep_slash);

#endif
