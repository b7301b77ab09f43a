/* SPDX-License-Identifier: Apache-2.0 */
/* One mutex per name, for names that come and go: at most one thread holds a name at a time. */
#ifndef RF_REGCLIENT_KEY_LOCK_H
#define RF_REGCLIENT_KEY_LOCK_H

#include <pthread.h>
#include <stddef.h>

struct rf_key_lock {
    pthread_mutex_t lock; /* guards `held` */
    pthread_cond_t freed;
    char **held;
    size_t n, cap;
};
void rf_key_lock_init(struct rf_key_lock *k);
void rf_key_lock_release(struct rf_key_lock *k); /* nothing may be held */
void rf_key_lock_take(struct rf_key_lock *k, const char *key);
void rf_key_lock_give(struct rf_key_lock *k, const char *key);

#endif
