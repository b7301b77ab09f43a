/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the HTTP engine. A lane is a thread with a curl multi handle of its own. Exchanges whose connections must never be shared (TLS
 * settings differ, or the address was not checked) run in different lanes; nearly always there is one lane, and a second for redirects.
 *
 * Locks: http.lock guards the list of lanes; lane.lock guards its queue and each exchange's `done`. Neither is held while a callback
 * runs, and they are never held together. Everything else of a lane belongs to its thread.
 */
#ifndef RF_REGCLIENT_HTTP_PRIVATE_H
#define RF_REGCLIENT_HTTP_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include <curl/curl.h>

#include "regclient/http.h"

#define RF_HTTP_IDLE_HANDLES 32 /* easy handles kept per lane */

struct rf_http_proxy; /* the proxies that the environment names */
struct rf_http_proxy *rf_http_proxy_new(void);
void rf_http_proxy_free(struct rf_http_proxy *p);
/* The proxy for a URL, borrowed; NULL: direct. */
const char *rf_http_proxy_for(const struct rf_http_proxy *p, const struct rf_url *url);

/* Where the system's certificates are: a folder of hashed names (nothing is loaded ahead), or one file. */
struct rf_http_trust {
    char *dir, *file;
};

struct rf_http {
    char *user_agent;
    struct rf_http_proxy *proxy;
    struct rf_http_trust trust;
    pthread_mutex_t lock;
    struct rf_http_lane *lanes;
};

/* What must be equal for two exchanges to share connections. The strings are borrowed from the hosts' settings. */
struct rf_http_lane_key {
    bool insecure, foreign;
    unsigned allow_addr;
    const char *ca_pem, *cert_pem, *key_pem; /* or NULL */
};

struct rf_http_exchange {
    const struct rf_http_request *req;
    struct rf_http_response *resp;
    struct rf_http_lane *lane;
    struct rf_http_exchange *next, **link; /* in the queue, then among the active */
    CURL *easy;
    struct curl_slist *header_list;
    pthread_cond_t cond;
    bool done; /* guarded by lane.lock */
    int rc; /* the result; while it runs, what a callback failed with (it decides over curl's code) */
    struct rf_err err;
    bool headers_over; /* the final answer's headers are complete */
    bool to_sink;      /* its body goes to the sink */
    bool stopped;      /* ended on purpose with what is there */
    bool refused;      /* an address was refused */
    bool proxied;
    bool paused;
    size_t header_bytes;
    size_t header_lines;
    uint64_t body_pos;            /* of the request's body */
    uint64_t mark_ms, mark_bytes; /* the last time that enough had moved */
    char status_text[64];         /* "404 Not Found", as the server put it */
    char curl_text[CURL_ERROR_SIZE];
};

struct rf_http_lane {
    struct rf_http *http;
    struct rf_http_lane *next;
    struct rf_http_lane_key key;
    char *
        trust_pem; /* key.ca_pem and the system's certificates together, where there is no folder of them; or NULL */
    CURLM *multi;
    CURLSH *share; /* TLS sessions */
    pthread_t thread;
    atomic_bool kicked;
    pthread_mutex_t lock;
    struct rf_http_exchange *queue, **queue_end; /* guarded by lock */
    bool stop;                                   /* guarded by lock */
    struct rf_http_exchange *active;
    uint64_t checked_ms; /* when the active were last looked through for such that stand still */
    CURL *idle[RF_HTTP_IDLE_HANDLES];
    size_t n_idle;
};

/* http_lane.c. A lane starts its thread at once. */
RF_MUST_USE int rf_http_lane_new(struct rf_http *http, const struct rf_http_lane_key *key,
                                 struct rf_http_lane **out, struct rf_err *err);
void rf_http_lane_free(struct rf_http_lane *lane); /* waits for the thread */
int rf_http_lane_run(struct rf_http_lane *lane,
                     struct rf_http_exchange *x); /* blocks; the result is x->rc and x->err */
void rf_http_lane_wake(struct rf_http_lane *lane);

/* http_setup.c: puts every option of an easy handle, fresh. */
RF_MUST_USE int rf_http_prepare(struct rf_http_exchange *x, struct rf_err *err);
/* http_error.c: what a CURLcode means; returns -code. */
int rf_http_explain(struct rf_http_exchange *x, CURLcode code, struct rf_err *err);
/* http_trace.c: the record of an exchange that is over; at debug level only of those that failed. Costs nothing when it is not wanted. */
void rf_http_trace(const struct rf_http_exchange *x);

#endif
