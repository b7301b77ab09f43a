/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/blob_turns.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/mem.h"

#define PARTS 256u /* of all digests, by their first byte */

struct rf_blob_turns {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    const struct rf_blob_turn **held;
    size_t n, cap;
    char **refusers; /* places that do not mount */
    size_t n_refusers, cap_refusers;
    uint64_t count;        /* of blobs that were moved */
    uint64_t moved[PARTS]; /* the number of the last one of each part */
};

struct rf_blob_turns *rf_blob_turns_new(void)
{
    struct rf_blob_turns *t = rf_xcalloc(1, sizeof(*t));
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
    return t;
}

void rf_blob_turns_free(struct rf_blob_turns *t)
{
    if (t == NULL)
        return;
    RF_CHECK(t->n == 0);
    for (size_t i = 0; i < t->n_refusers; i++)
        free(t->refusers[i]);
    free(t->refusers);
    free(t->held);
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

void rf_blob_turns_freep(struct rf_blob_turns **t)
{
    rf_blob_turns_free(*t);
    *t = NULL;
}

uint64_t rf_blob_turns_mark(struct rf_blob_turns *t)
{
    pthread_mutex_lock(&t->lock);
    uint64_t count = t->count;
    pthread_mutex_unlock(&t->lock);
    return count;
}

/* The lock is held in all of these. */
static size_t find_refuser(const struct rf_blob_turns *t, const char *place)
{
    size_t i = 0;
    while (i < t->n_refusers && strcmp(t->refusers[i], place) != 0)
        i++;
    return i;
}

static bool is_held(const struct rf_blob_turns *t, const struct rf_blob_turn *what)
{
    bool anywhere = what->mountable && find_refuser(t, what->place) == t->n_refusers;
    for (size_t i = 0; i < t->n; i++) {
        const struct rf_blob_turn *h = t->held[i];
        if (rf_digest_eq(h->digest, what->digest) && strcmp(h->place, what->place) == 0 &&
            (anywhere || strcmp(h->repo, what->repo) == 0))
            return true;
    }
    return false;
}

static uint64_t *last_moved(struct rf_blob_turns *t, const struct rf_digest *digest)
{
    return &t->moved[digest->bytes[0] % PARTS];
}

int rf_blob_turns_take(struct rf_blob_turns *t, const struct rf_blob_turn *what, uint64_t mark,
                       bool wait, bool *stale, struct rf_err *err)
{
    bool waited = false;
    pthread_mutex_lock(&t->lock);
    while (wait && is_held(t, what)) { /* who is told to stop gives its turn back */
        pthread_cond_wait(&t->changed, &t->lock);
        waited = true;
    }
    int rc = rf_cancel_check(err);
    if (rc == 0 && !is_held(t, what)) {
        t->held = rf_grow(t->held, t->n, &t->cap, sizeof(*t->held));
        t->held[t->n++] = what;
        *stale = waited || *last_moved(t, what->digest) > mark;
        rc = 1;
    }
    pthread_mutex_unlock(&t->lock);
    return rc;
}

void rf_blob_turns_give(struct rf_blob_turns *t, const struct rf_blob_turn *what, bool moved)
{
    size_t i = 0;
    pthread_mutex_lock(&t->lock);
    while (i < t->n && t->held[i] != what)
        i++;
    RF_CHECK(i < t->n);
    t->held[i] = t->held[--t->n];
    if (moved)
        *last_moved(t, what->digest) = ++t->count;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

void rf_blob_turns_mounts(struct rf_blob_turns *t, const char *place, bool can)
{
    pthread_mutex_lock(&t->lock);
    size_t i = find_refuser(t, place);
    bool known = i < t->n_refusers;
    if (can && known) {
        free(t->refusers[i]);
        t->refusers[i] = t->refusers[--t->n_refusers];
    } else if (!can && !known) {
        t->refusers = rf_grow(t->refusers, t->n_refusers, &t->cap_refusers, sizeof(*t->refusers));
        t->refusers[t->n_refusers++] = rf_xstrdup(place);
    }
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}
