/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/bridge.h"

#include <pthread.h>

#include "base/mem.h"

#define HALF (RF_BRIDGE_BYTES / 2)

struct rf_bridge {
    struct rf_sink sink;
    struct rf_source source;
    struct rf_http *from, *to;
    pthread_mutex_t lock; /* guards everything below; never held while kicking */
    size_t start, len;    /* what is in `bytes`, around the end */
    pthread_cond_t moved; /* for a receiving end that waits in its thread */
    bool sink_waits, source_waits;
    bool ended;             /* nothing more will be written */
    int sink_rc, source_rc; /* with what each end was closed */
    struct rf_err sink_why, source_why;
    char bytes[RF_BRIDGE_BYTES];
};

static struct rf_bridge *of_sink(struct rf_sink *s)
{
    return (struct rf_bridge *)s; /* its first member */
}

static struct rf_bridge *of_source(struct rf_source *s)
{
    return (struct rf_bridge *)(void *)((char *)s - offsetof(struct rf_bridge, source));
}

static void copy_in(struct rf_bridge *b, const char *p, size_t n)
{
    size_t at = (b->start + b->len) % RF_BRIDGE_BYTES;
    size_t first = n < RF_BRIDGE_BYTES - at ? n : RF_BRIDGE_BYTES - at;
    memcpy(b->bytes + at, p, first);
    memcpy(b->bytes, p + first, n - first);
    b->len += n;
}

static void copy_out(struct rf_bridge *b, char *p, size_t n)
{
    size_t first = n < RF_BRIDGE_BYTES - b->start ? n : RF_BRIDGE_BYTES - b->start;
    memcpy(p, b->bytes + b->start, first);
    memcpy(p + first, b->bytes, n - first);
    b->start = (b->start + n) % RF_BRIDGE_BYTES;
    b->len -= n;
}

static void wake_source(struct rf_bridge *b)
{
    if (b->to != NULL)
        rf_http_kick(b->to);
    else
        pthread_cond_signal(&b->moved);
}

static int bridge_write(struct rf_sink *s, const void *p, size_t n, struct rf_err *err)
{
    struct rf_bridge *b = of_sink(s);
    int rc = 0;
    bool wake = false;
    pthread_mutex_lock(&b->lock);
    if (b->source_rc < 0) {
        rc = b->source_rc;
        if (err != NULL)
            *err = b->source_why;
    } else if (n > RF_BRIDGE_BYTES) {
        rc = rf_fail(err, RFE_TOO_LARGE, "a piece of %zu bytes", n);
    } else if (n > RF_BRIDGE_BYTES - b->len) {
        b->sink_waits = true;
        rc = rf_fail(err, RFE_AGAIN, "the receiving end is behind");
    } else {
        copy_in(b, p, n);
        wake = b->source_waits && b->len >= HALF;
        b->source_waits = b->source_waits && !wake;
    }
    /* A writer that waits and a reader that waits for half a buffer more would be the end of both. */
    if (rc == -RFE_AGAIN && b->source_waits) {
        b->source_waits = false;
        wake = true;
    }
    pthread_mutex_unlock(&b->lock);
    if (wake)
        wake_source(b);
    return rc;
}

static ssize_t bridge_read(struct rf_source *s, void *p, size_t n, struct rf_err *err)
{
    struct rf_bridge *b = of_source(s);
    ssize_t rc = 0;
    bool wake = false;
    pthread_mutex_lock(&b->lock);
    while (b->to == NULL && b->len == 0 && !b->ended) {
        b->source_waits = true;
        pthread_cond_wait(&b->moved, &b->lock);
    }
    if (b->len > 0) {
        rc = (ssize_t)(n < b->len ? n : b->len);
        copy_out(b, p, (size_t)rc);
        wake = b->sink_waits && b->len <= HALF;
        b->sink_waits = b->sink_waits && !wake;
    } else if (b->sink_rc < 0) {
        rc = b->sink_rc;
        if (err != NULL)
            *err = b->sink_why;
    } else if (!b->ended) {
        b->source_waits = true;
        rc = rf_fail(err, RFE_AGAIN, "the sending end is behind");
    }
    pthread_mutex_unlock(&b->lock);
    if (wake)
        rf_http_kick(b->from);
    return rc;
}

static void keep_sink(struct rf_sink *s)
{
    (void)s;
}

static void keep_source(struct rf_source *s)
{
    (void)s;
}

struct rf_bridge *rf_bridge_new(struct rf_http *from, struct rf_http *to)
{
    static const struct rf_sink_ops sink_ops = { bridge_write, NULL, keep_sink };
    static const struct rf_source_ops source_ops = { bridge_read, NULL, keep_source };
    struct rf_bridge *b = rf_xcalloc(1, sizeof(*b));
    b->sink.ops = &sink_ops;
    b->source.ops = &source_ops;
    b->from = from;
    b->to = to;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->moved, NULL);
    return b;
}

void rf_bridge_free(struct rf_bridge *b)
{
    if (b == NULL)
        return;
    pthread_cond_destroy(&b->moved);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

struct rf_sink *rf_bridge_sink(struct rf_bridge *b)
{
    return &b->sink;
}

struct rf_source *rf_bridge_source(struct rf_bridge *b)
{
    return &b->source;
}

bool rf_bridge_close_sink(struct rf_bridge *b, int rc, const struct rf_err *why)
{
    pthread_mutex_lock(&b->lock);
    bool own = rc < 0 && b->source_rc == 0;
    b->ended = true;
    b->sink_rc = rc < 0 ? rc : 0;
    if (rc < 0)
        b->sink_why = *why;
    b->source_waits = false;
    pthread_mutex_unlock(&b->lock);
    wake_source(b);
    return own;
}

void rf_bridge_close_source(struct rf_bridge *b, int rc, const struct rf_err *why)
{
    static const struct rf_err over = { .code = RFE_FAILED,
                                        .msg = "the receiving end is finished" };
    pthread_mutex_lock(&b->lock);
    b->source_rc = rc < 0 ? rc : -RFE_FAILED;
    b->source_why = rc < 0 ? *why : over;
    b->sink_waits = false;
    pthread_mutex_unlock(&b->lock);
    rf_http_kick(b->from);
}
