/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request to a registry, seen through: login, redirects followed by ourselves, retries with backoff and Retry-After, per-host
 * concurrency and rate, counting. One classifier of answers for all paths (reliability-security F13).
 */
#ifndef RF_REGCLIENT_REQUEST_H
#define RF_REGCLIENT_REQUEST_H

#include "regclient/auth.h"

#define RF_REDIRECTS_MAX 5
#define RF_TRIES_MAX 5

struct rf_remote; /* one registry: host settings, auth, slots, backoff. Thread-safe. */
struct rf_remote_options {
    unsigned parallel; /* requests at once when the host's settings do not say; 0 = 3 */
    unsigned
        backoff_ms; /* the pause before the first repetition, doubled for each further one; 0 = 1000 */
    struct rf_stats *stats;
};
RF_MUST_USE int rf_remote_new(struct rf_http *http, struct rf_hosts *hosts, const char *name,
                              const struct rf_remote_options *opts, struct rf_remote **out,
                              struct rf_err *err);
void rf_remote_free(struct rf_remote *r);
const struct rf_host *rf_remote_host(const struct rf_remote *r);
struct rf_http *rf_remote_http(const struct rf_remote *r);
/* "https://host:port/v2/<prefix>" + path ("/library/alpine/tags/list") as a URL. */
RF_MUST_USE int rf_remote_url(const struct rf_remote *r, const char *path, struct rf_url *out,
                              struct rf_err *err);
/* The same without the prefix: "/v2" + path ("/_catalog", "/"). */
RF_MUST_USE int rf_remote_api_url(const struct rf_remote *r, const char *path, struct rf_url *out,
                                  struct rf_err *err);
/* It asked for quiet (Retry-After), and the time is not over. */
bool rf_remote_is_quiet(struct rf_remote *r);
/* As it was named in rf_remote_new. */
const char *rf_remote_name(const struct rf_remote *r);
/* Its calls of a kind that came to an answer, each once: logins and repetitions in them are not counted. */
uint64_t rf_remote_calls(const struct rf_remote *r, enum rf_request_kind kind);
/* What its last answer said of the limit on pulls (RateLimit-Remaining, RateLimit-Limit). */
struct rf_remote_limit {
    bool set;
    uint64_t remain, limit; /* limit 0: not said */
};
struct rf_remote_limit rf_remote_limit(struct rf_remote *r);
/* The URL is of the registry's configured scheme, host and port. */
bool rf_remote_is_own(const struct rf_remote *r, const struct rf_url *url);

struct rf_request {
    enum rf_request_kind kind;
    enum rf_http_method method;
    const struct rf_url *url;
    const char *scope; /* several are separated by a blank */
    const char *const *headers;
    size_t n_headers;
    struct rf_slice body;
    struct rf_source *body_source; /* repeated only when it can seek */
    uint64_t body_size;
    uint64_t
        body_offset; /* where the source stands at the first byte of the body, for repeating it */
    struct rf_sink *sink;
    uint64_t sink_max;
    size_t body_max;
    bool cut_body;
    bool (*accept)(void *ctx, int status, const struct rf_headers *headers);
    void *accept_ctx;
    bool once; /* not repeated on failures: the caller knows how to go on (uploads, blob bodies) */
    bool any_status; /* a status that is not 2xx is an answer too; of a 401 *err says why */
    bool cleanup; /* ends what we left at the server: goes out even when cancelled, one short try */
};
/*
 * 0 for a 2xx answer (or any with any_status). Otherwise the error carries http_status, and the registry's own words, escaped and cut:
 * 404 -RFE_NOT_FOUND, 401/403 -RFE_DENIED, 429 -RFE_RATE_LIMITED, 408/499/5xx -RFE_SERVER, other -RFE_FAILED. A redirect is followed for GET
 * and HEAD, to at most RF_REDIRECTS_MAX places, never from https to http; on another origin nothing secret goes along and the address is
 * checked when connecting. A call whose sink has taken bytes is never repeated. `resp` holds the last answer also after a failure (its status is
 * 0 when none came).
 */
RF_MUST_USE int rf_remote_call(struct rf_remote *r, const struct rf_request *call,
                               struct rf_http_response *resp, struct rf_err *err);
/* The failure that rf_remote_call would give for this answer, for callers with any_status. Returns -code. */
int rf_remote_fail(const struct rf_request *call, const struct rf_http_response *resp,
                   struct rf_err *err);
/* The answer's body is a list of errors that has this code ("MANIFEST_BLOB_UNKNOWN"). */
bool rf_answer_has_code(const struct rf_http_response *resp, const char *code);
/* Counts a repetition and waits before it: `tries` have failed in a row, the last one with `cause`. Fails only when cancelled. */
RF_MUST_USE int rf_remote_pause(struct rf_remote *r, unsigned tries, const struct rf_err *cause,
                                struct rf_err *err);
/* Gets a token for the scope without any other request: -RFE_DENIED when the token service says no; 0 also when it cannot be told. */
RF_MUST_USE int rf_remote_ask_scope(struct rf_remote *r, const char *scope, struct rf_err *err);

/*
 * A copy from one registry to another needs a slot of each at the same time. Taken one by one, two copies that cross, or two of one registry,
 * would wait for each other for ever:
 *
 *     rf_remote_reserve(a, b, err);              takes both, in an order that cannot deadlock; a may be b
 *     rf_remote_enter(a);  ...  rf_remote_leave();   in the thread that talks to a: its calls use the slot reserved
 *     rf_remote_unreserve(a, b);
 */
RF_MUST_USE int rf_remote_reserve(struct rf_remote *a, struct rf_remote *b, struct rf_err *err);
void rf_remote_unreserve(struct rf_remote *a, struct rf_remote *b);
void rf_remote_enter(struct rf_remote *r);
void rf_remote_leave(void);

#endif
