/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP exchange at a time per caller, many at once per engine. A single I/O thread owns the curl multi handle and every easy handle;
 * callers block until their exchange is over. No redirects, no login, no retry here: regclient/request.h does those, so that one place
 * decides what goes to which origin.
 *
 * Here and only here the curl options of reliability-security 5.3 are set: netrc ignored, no redirects, http and https only, no content encodings,
 * TLS 1.2 at least, connect 10 s, no-progress < 1 KiB/s for 60 s (10 min while a registry stores what was sent), response headers capped,
 * proxies from the environment.
 */
#ifndef RF_REGCLIENT_HTTP_H
#define RF_REGCLIENT_HTTP_H

#include <sys/socket.h>

#include "base/stream.h"
#include "regclient/hosts.h"
#include "regclient/http_header.h"
#include "regclient/url.h"

struct rf_http;
RF_MUST_USE int rf_http_new(const char *user_agent, struct rf_http **out,
                            struct rf_err *err); /* starts the thread */
void rf_http_free(struct rf_http *h);            /* no exchange may be running */

enum rf_http_method { RF_GET, RF_HEAD, RF_PUT, RF_POST, RF_PATCH, RF_DELETE };
const char *rf_http_method_name(enum rf_http_method m);

struct rf_http_request {
    enum rf_http_method method;
    const struct rf_url *url;
    const struct rf_host *
        tls_of; /* whose CA, client certificate and tls mode hold; NULL: system CA, no client certificate */
    bool
        foreign; /* the URL came from a server and leaves the configured origin: no client certificate, and loopback,
                                        link-local, unspecified and multicast addresses are refused when connecting */
    unsigned
        allow_addr; /* foreign: these classes are allowed after all, since the configured registry is of them */
    bool private_path; /* whoever knows the path may call it: messages name the host alone */
    bool
        cleanup; /* runs even after the program was told to stop, at most 3 s: ends what we left at a server */
    const char *const *headers; /* "Name: value" */
    size_t n_headers;
    struct rf_slice body; /* a small body, or */
    struct rf_source *
        body_source; /* a streamed body of body_size bytes; may answer -RFE_AGAIN, see rf_http_kick */
    uint64_t body_size;
    struct rf_sink *
        sink; /* gets the body of 2xx answers; may answer -RFE_AGAIN (nothing taken). NULL: the body goes to response->body */
    size_t
        body_max; /* cap of response->body; 0 = 64 KiB. Over it on a 2xx answer is -RFE_TOO_LARGE, else cut */
    bool
        cut_body; /* a 2xx body over the cap is cut as well: the first bytes are all that is wanted */
    uint64_t sink_max; /* most bytes the sink may get, 0 = any number; more is -RFE_SIZE_MISMATCH */
    void (*on_headers)(
        void *ctx, int status,
        const struct rf_headers *headers); /* in the I/O thread, before body bytes; or NULL */
    void *on_headers_ctx;
    bool (*accept)(
        void *ctx, int status,
        const struct rf_headers
            *headers); /* in the I/O thread: does the sink want this 2xx answer? NULL: yes */
    void *accept_ctx;
};
/* Classes of addresses that a server-supplied URL must not reach by itself (reliability-security 1a, rule 12). */
enum rf_addr_class {
    RF_ADDR_LOOPBACK = 1u << 0,
    RF_ADDR_LINK_LOCAL = 1u << 1,
    RF_ADDR_UNSPECIFIED = 1u << 2,
    RF_ADDR_MULTICAST = 1u << 3
};

struct rf_http_response {
    int status; /* 0 until an answer came; set even when the exchange failed behind its headers */
    unsigned
        peer; /* enum rf_addr_class of the address that answered; 0 for all others, and behind a proxy */
    struct rf_headers headers;
    struct rf_buf body;      /* error bodies and small answers */
    uint64_t sunk;           /* bytes that the sink took */
    uint64_t received, sent; /* body bytes */
    bool closed_early;       /* the peer hung up in good order before all that it had announced */
    bool
        repeated; /* rf_remote_call asked before, and does not know what the failed tries did there */
};
void rf_http_response_init(struct rf_http_response *r);
void rf_http_response_release(struct rf_http_response *r);

/*
 * 0 when a complete answer came, whatever its status. The failure of a sink, source or cap comes back as itself. Branch on: -RFE_UNREACHABLE (retry
 * may help; also a body cut short), -RFE_TLS, -RFE_CANCELLED.
 */
RF_MUST_USE int rf_http_do(struct rf_http *h, const struct rf_http_request *req,
                           struct rf_http_response *resp, struct rf_err *err);
/* The request's URL for messages and logs; the caller frees. */
char *rf_http_shown_url(const struct rf_http_request *req);
/* Any thread, also out of a callback: sources and sinks that said -RFE_AGAIN are asked again. */
void rf_http_kick(struct rf_http *h);
/* enum rf_addr_class bits of an address; IPv4 inside of IPv6 counts as IPv4. */
unsigned rf_addr_classify(const struct sockaddr *addr);

#endif
