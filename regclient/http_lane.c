/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "base/text.h"
#include "regclient/http_private.h"

#define TRUST_MAX (8u << 20)
#define CHECK_MS 1000u
#define SLOW_BYTES 1024u /* per second is too little, over ... */
#define SLOW_SECONDS 60u
#define SETTLE_SECONDS \
    600u /* ... or, once all is sent, this long: registries take minutes to store a big blob before they answer */

static _Thread_local struct rf_http_lane *own_lane; /* of the thread that runs one */

void rf_http_lane_wake(struct rf_http_lane *lane)
{
    atomic_store(&lane->kicked, true);
    /* A lane's own thread looks at `kicked` before it waits again. */
    if (own_lane != lane)
        curl_multi_wakeup(lane->multi);
}

static void link_active(struct rf_http_lane *lane, struct rf_http_exchange *x)
{
    x->next = lane->active;
    x->link = &lane->active;
    if (x->next != NULL)
        x->next->link = &x->next;
    lane->active = x;
}

static void unlink_active(struct rf_http_exchange *x)
{
    if (x->link == NULL)
        return;
    *x->link = x->next;
    if (x->next != NULL)
        x->next->link = x->link;
    x->link = NULL;
}

/* Gives the exchange back to its caller; it must not be touched afterwards. */
static void finish(struct rf_http_lane *lane, struct rf_http_exchange *x, int rc)
{
    unlink_active(x);
    if (x->easy != NULL) {
        curl_multi_remove_handle(lane->multi, x->easy);
        if (lane->n_idle < RF_HTTP_IDLE_HANDLES) {
            curl_easy_reset(x->easy);
            lane->idle[lane->n_idle++] = x->easy;
        } else {
            curl_easy_cleanup(x->easy);
        }
        x->easy = NULL;
    }
    curl_slist_free_all(x->header_list);
    x->header_list = NULL;
    pthread_mutex_lock(&lane->lock);
    x->rc = rc;
    x->done = true;
    pthread_cond_signal(&x->cond);
    pthread_mutex_unlock(&lane->lock);
}

static void start(struct rf_http_lane *lane, struct rf_http_exchange *x)
{
    x->easy = lane->n_idle > 0 ? lane->idle[--lane->n_idle] : curl_easy_init();
    if (x->easy == NULL) {
        finish(lane, x, rf_fail(&x->err, RFE_FAILED, "the HTTP library gives no handle"));
        return;
    }
    int rc = rf_http_prepare(x, &x->err);
    if (rc == 0 && curl_multi_add_handle(lane->multi, x->easy) != CURLM_OK)
        rc = rf_fail(&x->err, RFE_FAILED, "the HTTP library does not take the request");
    if (rc < 0) {
        finish(lane, x, rc);
        return;
    }
    link_active(lane, x);
}

/* Starts what callers queued. Returns false once the lane is to end. */
static bool take_queue(struct rf_http_lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    struct rf_http_exchange *list = lane->queue;
    bool stop = lane->stop;
    lane->queue = NULL;
    lane->queue_end = &lane->queue;
    pthread_mutex_unlock(&lane->lock);
    while (list != NULL) {
        struct rf_http_exchange *x = list;
        list = x->next;
        x->next = NULL;
        start(lane, x);
    }
    return !stop;
}

static void note_peer(struct rf_http_exchange *x)
{
    char *ip = NULL;
    if (x->proxied || curl_easy_getinfo(x->easy, CURLINFO_PRIMARY_IP, &ip) != CURLE_OK ||
        ip == NULL)
        return;
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    if (inet_pton(AF_INET, ip, &in.sin_addr) == 1)
        x->resp->peer = rf_addr_classify((const struct sockaddr *)&in);
    else if (inet_pton(AF_INET6, ip, &in6.sin6_addr) == 1)
        x->resp->peer = rf_addr_classify((const struct sockaddr *)&in6);
}

static void settle(struct rf_http_lane *lane, struct rf_http_exchange *x, CURLcode code)
{
    int rc = x->rc;
    note_peer(x);
    /* A server may refuse an upload and hang up while we still send: what counts is its answer. */
    bool answered = x->headers_over && x->resp->status >= 400 &&
                    (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR);
    if (rc < 0) {
        RF_CLEANUP(rf_freep) char *url = rf_http_shown_url(x->req);
        rc = rf_wrap(&x->err, rc, "%s", url);
    } else if (code != CURLE_OK && !x->stopped && !answered) {
        x->resp->closed_early = code == CURLE_PARTIAL_FILE;
        rc = rf_http_explain(x, code, &x->err);
    } else if (!x->headers_over) {
        /* The library takes headers that break off for an answer. */
        RF_CLEANUP(rf_freep) char *url = rf_http_shown_url(x->req);
        rc = rf_fail(&x->err, RFE_UNREACHABLE, "%s: the answer breaks off in its headers", url);
    }
    finish(lane, x, rc);
}

static void reap(struct rf_http_lane *lane)
{
    int left = 0;
    CURLMsg *msg;
    while ((msg = curl_multi_info_read(lane->multi, &left)) != NULL) {
        struct rf_http_exchange *x = NULL;
        CURLcode code = msg->data.result;
        if (msg->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&x);
        settle(lane, x, code);
    }
}

/* The user or a signal asks to stop: what is under way ends now. */
static void abort_all(struct rf_http_lane *lane)
{
    struct rf_http_exchange *next;
    for (struct rf_http_exchange *x = lane->active; x != NULL; x = next) {
        next = x->next;
        if (!x->req->cleanup)
            finish(lane, x, rf_cancel_check(&x->err));
    }
}

static bool stands_still(struct rf_http_exchange *x, uint64_t now)
{
    uint64_t bytes = x->header_bytes + x->resp->received + x->resp->sent;
    uint64_t body = x->req->body_source != NULL ? x->req->body_size : x->req->body.len;
    uint64_t limit = body > 0 && x->body_pos == body ? SETTLE_SECONDS : SLOW_SECONDS;
    if (x->paused || bytes < x->mark_bytes || bytes - x->mark_bytes >= SLOW_BYTES * limit ||
        x->mark_ms == 0) {
        x->mark_ms = now;
        x->mark_bytes = bytes;
    }
    return now - x->mark_ms >= limit * 1000;
}

/* The library's own check counts bytes in one way for sending, settling and receiving, and knows nothing of our pauses. */
static void check_progress(struct rf_http_lane *lane)
{
    uint64_t now = rf_now_ms();
    struct rf_http_exchange *next;
    if (now - lane->checked_ms < CHECK_MS)
        return;
    lane->checked_ms = now;
    for (struct rf_http_exchange *x = lane->active; x != NULL; x = next) {
        next = x->next;
        if (!stands_still(x, now))
            continue;
        RF_CLEANUP(rf_freep) char *url = rf_http_shown_url(x->req);
        finish(lane, x,
               rf_fail(&x->err, RFE_UNREACHABLE, "%s: nothing moved for %llu s", url,
                       (unsigned long long)(now - x->mark_ms) / 1000));
    }
}

static void resume_paused(struct rf_http_lane *lane)
{
    struct rf_http_exchange *next;
    for (struct rf_http_exchange *x = lane->active; x != NULL; x = next) {
        next = x->next;
        if (!x->paused)
            continue;
        x->paused = false;
        CURLcode code = curl_easy_pause(x->easy, CURLPAUSE_CONT);
        if (code != CURLE_OK)
            settle(lane, x, code);
    }
}

static void *run(void *arg)
{
    struct rf_http_lane *lane = arg;
    own_lane = lane;
    while (take_queue(lane) || lane->active != NULL) {
        int running = 0;
        if (rf_cancelled())
            abort_all(lane);
        curl_multi_perform(lane->multi, &running);
        reap(lane);
        if (atomic_exchange(&lane->kicked, false)) {
            resume_paused(lane);
            reap(lane);
            continue;
        }
        check_progress(lane);
        curl_multi_poll(lane->multi, NULL, 0, lane->active != NULL ? 1000 : 60000, NULL);
    }
    return NULL;
}

int rf_http_lane_run(struct rf_http_lane *lane, struct rf_http_exchange *x)
{
    pthread_cond_init(&x->cond, NULL);
    pthread_mutex_lock(&lane->lock);
    *lane->queue_end = x;
    lane->queue_end = &x->next;
    pthread_mutex_unlock(&lane->lock);
    curl_multi_wakeup(lane->multi);
    pthread_mutex_lock(&lane->lock);
    while (!x->done)
        pthread_cond_wait(&x->cond, &lane->lock);
    pthread_mutex_unlock(&lane->lock);
    pthread_cond_destroy(&x->cond);
    return x->rc;
}

/* Where certificates come as one file, extra ones cannot stand beside it: both go into one text. */
static int make_trust(struct rf_http_lane *lane, struct rf_err *err)
{
    const struct rf_http_trust *t = &lane->http->trust;
    if (lane->key.ca_pem == NULL || t->dir != NULL || t->file == NULL)
        return 0;
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, TRUST_MAX);
    int rc = rf_file_read(t->file, &b, err);
    if (rc == -RFE_NOT_FOUND)
        return 0;
    if (rc < 0)
        return rc;
    rf_buf_addf(&b, "\n%s\n", lane->key.ca_pem);
    if (b.rc < 0)
        return rf_fail(err, RFE_TOO_LARGE, "the certificates in %s", t->file);
    lane->trust_pem = rf_buf_take(&b, NULL);
    return 0;
}

static int start_thread(struct rf_http_lane *lane, struct rf_err *err)
{
    int rc = rf_thread_start(&lane->thread, run, lane);
    return rc == 0 ? 0 : rf_fail_errno(err, rc, "no thread for transfers");
}

static void release(struct rf_http_lane *lane)
{
    for (size_t i = 0; i < lane->n_idle; i++)
        curl_easy_cleanup(lane->idle[i]);
    curl_multi_cleanup(lane->multi);
    curl_share_cleanup(lane->share);
    pthread_mutex_destroy(&lane->lock);
    free(lane->trust_pem);
    free(lane);
}

int rf_http_lane_new(struct rf_http *http, const struct rf_http_lane_key *key,
                     struct rf_http_lane **out, struct rf_err *err)
{
    struct rf_http_lane *lane = rf_xcalloc(1, sizeof(*lane));
    lane->http = http;
    lane->key = *key;
    lane->queue_end = &lane->queue;
    pthread_mutex_init(&lane->lock, NULL);
    lane->multi = curl_multi_init();
    lane->share = curl_share_init();
    int rc = 0;
    if (lane->multi == NULL || lane->share == NULL)
        rc = rf_fail(err, RFE_FAILED, "the HTTP library gives no handle");
    if (rc == 0)
        rc = make_trust(lane, err);
    if (rc == 0) {
        curl_share_setopt(lane->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
        curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, 64L);
        rc = start_thread(lane, err);
    }
    if (rc < 0) {
        release(lane);
        return rc;
    }
    *out = lane;
    return 0;
}

void rf_http_lane_free(struct rf_http_lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    lane->stop = true;
    pthread_mutex_unlock(&lane->lock);
    curl_multi_wakeup(lane->multi);
    pthread_join(lane->thread, NULL);
    release(lane);
}
