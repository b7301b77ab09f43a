/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP exchange at a time per caller, many at once per engine. A single I/O thread owns the curl multi handle and every easy handle;
 * callers block until their exchange is over. No redirects, no login, no retry here: regclient/request.h does those, so that one place
 * decides what goes to which origin.
 *
 * Here and only here the curl options of reliability-security 5.3 are set: netrc ignored, no redirects, http and https only, no content encodings,
 * TLS 1.2 at least, connect 10 s, no-progress < 1 KiB/s for 60 s, response headers capped, proxies from the environment.
 */
#ifndef RF_REGCLIENT_HTTP_H
#define RF_REGCLIENT_HTTP_H

#include "base/stream.h"
#include "regclient/hosts.h"
#include "regclient/http_header.h"
#include "regclient/url.h"

struct rf_http;
RF_MUST_USE int rf_http_new(const char *user_agent, struct rf_http **out, struct rf_err *err); /* starts the thread */
void rf_http_free(struct rf_http *h);                                                          /* no exchange may be running */

enum rf_http_method { RF_GET, RF_HEAD, RF_PUT, RF_POST, RF_PATCH, RF_DELETE };
const char *rf_http_method_name(enum rf_http_method m);

struct rf_http_request {
    enum rf_http_method method;
    const struct rf_url *url;
    const struct rf_host *tls_of;    /* whose CA, client certificate and tls mode hold; NULL: system CA, no client certificate */
    bool foreign;                    /* the URL came from a server and leaves the configured origin: refuse loopback, link-local,
                                        unspecified and multicast addresses at connect time (unless allow_local) */
    bool allow_local;
    const char *const *headers;      /* "Name: value" */
    size_t n_headers;
    struct rf_slice body;            /* a small body, or */
    struct rf_source *body_source;   /* a streamed body of body_size bytes; may answer -RFE_AGAIN, see on_again */
    uint64_t body_size;
    struct rf_sink *sink;            /* gets the body of 2xx answers; may answer -RFE_AGAIN (nothing taken). NULL: the body goes to response->body */
    size_t body_max;                 /* cap of response->body; 0 = 64 KiB. Over it on a 2xx answer is -RFE_TOO_LARGE, else cut */
    uint64_t sink_max;               /* most bytes the sink may get; more is -RFE_SIZE_MISMATCH */
    void (*on_headers)(void *ctx, int status, const struct rf_headers *headers); /* in the I/O thread, before body bytes; or NULL */
    void *on_headers_ctx;
    bool (*accept)(void *ctx, int status, const struct rf_headers *headers); /* in the I/O thread: does the sink want this answer? NULL: any 2xx */
    void *accept_ctx;
};
struct rf_http_response {
    int status;
    struct rf_headers headers;
    struct rf_buf body;     /* error bodies and small answers */
    uint64_t sunk;          /* bytes that the sink took */
    uint64_t received, sent;
};
void rf_http_response_init(struct rf_http_response *r);
void rf_http_response_release(struct rf_http_response *r);

/*
 * 0 when a complete answer came, whatever its status. The failure of a sink, source or cap comes back as itself. Branch on: -RFE_UNREACHABLE (retry
 * may help; also a body cut short), -RFE_TLS, -RFE_CANCELLED.
 */
RF_MUST_USE int rf_http_do(struct rf_http *h, const struct rf_http_request *req, struct rf_http_response *resp, struct rf_err *err);
/* Any thread: sources and sinks that said -RFE_AGAIN are asked again. */
void rf_http_kick(struct rf_http *h);

#endif
