/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/key_lock.h"

#include "base/error.h"
#include "base/mem.h"

void rf_key_lock_init(struct rf_key_lock *k)
{
    *k = (struct rf_key_lock){ 0 };
    pthread_mutex_init(&k->lock, NULL);
    pthread_cond_init(&k->freed, NULL);
}

void rf_key_lock_release(struct rf_key_lock *k)
{
    RF_CHECK(k->n == 0);
    free(k->held);
    pthread_cond_destroy(&k->freed);
    pthread_mutex_destroy(&k->lock);
}

static size_t find(const struct rf_key_lock *k, const char *key)
{
    size_t i = 0;
    while (i < k->n && strcmp(k->held[i], key) != 0)
        i++;
    return i;
}

void rf_key_lock_take(struct rf_key_lock *k, const char *key)
{
    pthread_mutex_lock(&k->lock);
    while (find(k, key) < k->n)
        pthread_cond_wait(&k->freed, &k->lock);
    k->held = rf_grow(k->held, k->n, &k->cap, sizeof(*k->held));
    k->held[k->n++] = rf_xstrdup(key);
    pthread_mutex_unlock(&k->lock);
}

void rf_key_lock_give(struct rf_key_lock *k, const char *key)
{
    pthread_mutex_lock(&k->lock);
    size_t i = find(k, key);
    RF_CHECK(i < k->n);
    free(k->held[i]);
    k->held[i] = k->held[--k->n];
    pthread_cond_broadcast(&k->freed);
    pthread_mutex_unlock(&k->lock);
}
