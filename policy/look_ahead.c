/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/look_ahead.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/parallel.h"

struct rf_look {
    struct rf_look_pool *pool;
    void (*ask)(void *ctx, size_t i);
    void *ctx;
    size_t n, window;
    size_t at;      /* the caller is there */
    size_t next;    /* the next one to begin */
    size_t running; /* on their way */
    bool *done;     /* a ring of `window` */
    struct rf_look *next_look;
};

struct rf_look_pool {
    unsigned threads, started, idle;
    pthread_t *ids;
    pthread_mutex_t lock; /* guards all below, and the looks */
    pthread_cond_t work;  /* there is something to ask, or the end has come */
    pthread_cond_t asked; /* an answer has come */
    struct rf_look *looks;
    bool ending;
};

struct rf_look_pool *rf_look_pool_new(unsigned threads)
{
    struct rf_look_pool *p = rf_xcalloc(1, sizeof(*p));
    p->threads = threads;
    p->ids = rf_xcalloc((size_t)threads + 1, sizeof(*p->ids));
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->asked, NULL);
    return p;
}

void rf_look_pool_free(struct rf_look_pool *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->ending = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->started; i++)
        (void)pthread_join(p->ids[i], NULL);
    pthread_cond_destroy(&p->asked);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p->ids);
    free(p);
}

void rf_look_pool_freep(struct rf_look_pool **p)
{
    rf_look_pool_free(*p);
    *p = NULL;
}

static bool may_begin(const struct rf_look *l)
{
    return l->next < l->n && l->next - l->at < l->window;
}

/* The lock is held; it is let go while asking. */
static void ask_next(struct rf_look *l)
{
    struct rf_look_pool *p = l->pool;
    size_t i = l->next++;
    RF_CHECK(l->window > 0);
    l->running++;
    pthread_mutex_unlock(&p->lock);
    l->ask(l->ctx, i);
    pthread_mutex_lock(&p->lock);
    l->running--;
    l->done[i % l->window] = true;
    pthread_cond_broadcast(&p->asked);
}

/* Who was served goes to the end of the line, so that no look waits for another. */
static struct rf_look *pick(struct rf_look_pool *p)
{
    struct rf_look **at = &p->looks;
    while (*at != NULL && !may_begin(*at))
        at = &(*at)->next_look;
    struct rf_look *l = *at;
    if (l == NULL)
        return NULL;
    *at = l->next_look;
    while (*at != NULL)
        at = &(*at)->next_look;
    *at = l;
    l->next_look = NULL;
    return l;
}

static void *work(void *arg)
{
    struct rf_look_pool *p = arg;
    pthread_mutex_lock(&p->lock);
    while (!p->ending) {
        struct rf_look *l = pick(p);
        if (l != NULL) {
            ask_next(l);
            continue;
        }
        p->idle++;
        pthread_cond_wait(&p->work, &p->lock);
        p->idle--;
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* The lock is held. Without resources for a thread, the callers ask. */
static void call_threads(struct rf_look_pool *p, size_t wanted)
{
    for (unsigned i = p->idle; i < wanted && p->started < p->threads; i++) {
        if (rf_thread_start(&p->ids[p->started], work, p) != 0)
            break;
        p->started++;
    }
    pthread_cond_broadcast(&p->work);
}

struct rf_look *rf_look_start(struct rf_look_pool *p, size_t n, size_t window,
                              void (*ask)(void *ctx, size_t i), void *ctx)
{
    struct rf_look *l = rf_xcalloc(1, sizeof(*l));
    *l = (struct rf_look){ .pool = p, .ask = ask, .ctx = ctx, .n = n, .window = window };
    l->done = rf_xcalloc(window, sizeof(*l->done));
    pthread_mutex_lock(&p->lock);
    l->next_look = p->looks;
    p->looks = l;
    /* The first is asked by the caller. */
    if (n > 1)
        call_threads(p, n - 1 < window ? n - 1 : window);
    pthread_mutex_unlock(&p->lock);
    return l;
}

void rf_look_wait(struct rf_look *l, size_t i)
{
    struct rf_look_pool *p = l->pool;
    pthread_mutex_lock(&p->lock);
    if (i > 0)
        l->done[(i - 1) % l->window] = false;
    l->at = i;
    if (may_begin(l) && p->idle > 0 && l->next > i)
        pthread_cond_signal(&p->work);
    while (l->next <= i)
        ask_next(l);
    while (!l->done[i % l->window])
        pthread_cond_wait(&p->asked, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

void rf_look_end(struct rf_look *l)
{
    if (l == NULL)
        return;
    struct rf_look_pool *p = l->pool;
    pthread_mutex_lock(&p->lock);
    l->n = 0;
    while (l->running > 0)
        pthread_cond_wait(&p->asked, &p->lock);
    struct rf_look **at = &p->looks;
    while (*at != l)
        at = &(*at)->next_look;
    *at = l->next_look;
    pthread_mutex_unlock(&p->lock);
    free(l->done);
    free(l);
}

void rf_look_endp(struct rf_look **l)
{
    rf_look_end(*l);
    *l = NULL;
}
