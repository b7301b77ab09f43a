/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/sync/sync_crew.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "base/parallel.h"

struct crew {
    int (*fn)(void *ctx, size_t i, struct rf_err *err);
    void *ctx, *note;
    size_t n;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    bool taken;       /* somebody works */
    unsigned resumed; /* that want to go on */
    unsigned spare;   /* that want to begin another item */
    size_t next;
    size_t failed_at; /* lowest index that failed; n: none */
    int failed_rc;
    struct rf_err failure;
    unsigned threads, started;
    pthread_t *ids;
};

/* The crew of this thread. */
static _Thread_local struct crew *mine;

/* The lock is held. Without a failure and not cancelled. */
static bool has_more(const struct crew *c)
{
    return c->next < c->n && c->failed_rc == 0 && !rf_cancelled();
}

/* The lock is held, and the turn: with it an item is taken, so that they are begun in order. */
static bool begin_next(struct crew *c, size_t *i)
{
    c->spare++;
    while ((c->taken || c->resumed > 0) && has_more(c))
        pthread_cond_wait(&c->changed, &c->lock);
    c->spare--;
    if (!has_more(c))
        return false;
    c->taken = true;
    *i = c->next++;
    return true;
}

static void note_failure(struct crew *c, size_t i, int rc, const struct rf_err *err)
{
    if (i >= c->failed_at)
        return;
    c->failed_at = i;
    c->failed_rc = rc;
    c->failure = *err;
}

static void *work(void *arg)
{
    struct crew *c = arg;
    struct crew *before = mine;
    size_t i = 0;
    mine = c;
    pthread_mutex_lock(&c->lock);
    while (begin_next(c, &i)) {
        struct rf_err err = RF_ERR_INIT;
        pthread_mutex_unlock(&c->lock);
        rf_thread_set_note(c->note);
        int rc = c->fn(c->ctx, i, &err);
        pthread_mutex_lock(&c->lock);
        if (rc < 0)
            note_failure(c, i, rc, &err);
        c->taken = false;
        pthread_cond_broadcast(&c->changed);
    }
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    mine = before;
    return NULL;
}

void rf_sync_crew_pause(void)
{
    struct crew *c = mine;
    if (c == NULL)
        return;
    pthread_mutex_lock(&c->lock);
    c->taken = false;
    /* Without resources for a thread, the next item waits, too. */
    if (c->spare == 0 && has_more(c) && c->started + 1 < c->threads &&
        rf_thread_start(&c->ids[c->started], work, c) == 0)
        c->started++;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

void rf_sync_crew_resume(void)
{
    struct crew *c = mine;
    if (c == NULL)
        return;
    pthread_mutex_lock(&c->lock);
    c->resumed++;
    while (c->taken)
        pthread_cond_wait(&c->changed, &c->lock);
    c->resumed--;
    c->taken = true;
    pthread_mutex_unlock(&c->lock);
}

/* Who is started while others are waited for is found at the end of the list. */
static void join_all(struct crew *c)
{
    for (unsigned i = 0;; i++) {
        pthread_mutex_lock(&c->lock);
        bool there = i < c->started;
        pthread_t id = there ? c->ids[i] : (pthread_t)0;
        pthread_mutex_unlock(&c->lock);
        if (!there)
            return;
        (void)pthread_join(id, NULL);
    }
}

int rf_sync_crew_run(unsigned threads, size_t n, int (*fn)(void *ctx, size_t i, struct rf_err *err),
                     void *ctx, struct rf_err *err)
{
    struct crew c = { .fn = fn, .ctx = ctx, .note = rf_thread_note(), .n = n, .failed_at = n };
    c.threads = threads;
    c.ids = rf_xcalloc((size_t)threads + 1, sizeof(*c.ids));
    pthread_mutex_init(&c.lock, NULL);
    pthread_cond_init(&c.changed, NULL);
    (void)work(&c);
    join_all(&c);
    pthread_cond_destroy(&c.changed);
    pthread_mutex_destroy(&c.lock);
    free(c.ids);
    if (c.failed_rc != 0) {
        if (err != NULL)
            *err = c.failure;
        return c.failed_rc;
    }
    return c.next < n ? rf_cancel_check(err) : 0;
}
