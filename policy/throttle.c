/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/throttle.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/cancel.h"
#include "base/mem.h"

struct waiter {
    struct waiter *next;
    bool has_place;
};

struct rf_throttle {
    pthread_mutex_t lock; /* guards all below, and the waiters */
    pthread_cond_t changed;
    unsigned free;
    bool shut;
    struct waiter *first, **end;
};

static void wake(void *arg)
{
    struct rf_throttle *t = arg;
    pthread_mutex_lock(&t->lock);
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

struct rf_throttle *rf_throttle_new(unsigned places)
{
    struct rf_throttle *t = rf_xcalloc(1, sizeof(*t));
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
    t->free = places > 0 ? places : 1;
    t->end = &t->first;
    rf_cancel_add_wakeup(wake, t);
    return t;
}

void rf_throttle_free(struct rf_throttle *t)
{
    if (t == NULL)
        return;
    rf_cancel_remove_wakeup(wake, t);
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

void rf_throttle_freep(struct rf_throttle **t)
{
    rf_throttle_free(*t);
    *t = NULL;
}

static void leave(struct rf_throttle *t, const struct waiter *w)
{
    for (struct waiter **at = &t->first; *at != NULL; at = &(*at)->next) {
        if (*at != w)
            continue;
        *at = w->next;
        if (*at == NULL)
            t->end = at;
        return;
    }
}

/* The lock is held. */
static bool is_over(const struct rf_throttle *t)
{
    return t->shut || rf_cancelled();
}

int rf_throttle_take(struct rf_throttle *t, struct rf_err *err)
{
    struct waiter w = { 0 };
    pthread_mutex_lock(&t->lock);
    if (t->free > 0 && t->first == NULL && !is_over(t)) {
        t->free--;
        w.has_place = true;
    } else {
        *t->end = &w;
        t->end = &w.next;
    }
    while (!w.has_place && !is_over(t))
        pthread_cond_wait(&t->changed, &t->lock);
    if (!w.has_place)
        leave(t, &w);
    pthread_mutex_unlock(&t->lock);
    if (w.has_place)
        return 0;
    int rc = rf_cancel_check(err);
    return rc < 0 ? rc : rf_fail(err, RFE_CANCELLED, "nothing more is to be begun");
}

void rf_throttle_give(struct rf_throttle *t)
{
    pthread_mutex_lock(&t->lock);
    struct waiter *w = t->first;
    if (w != NULL) {
        t->first = w->next;
        if (t->first == NULL)
            t->end = &t->first;
        w->has_place = true;
        pthread_cond_broadcast(&t->changed);
    } else {
        t->free++;
    }
    pthread_mutex_unlock(&t->lock);
}

void rf_throttle_shut(struct rf_throttle *t)
{
    pthread_mutex_lock(&t->lock);
    t->shut = true;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}
