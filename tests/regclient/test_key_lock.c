/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/key_lock.h"

#include <check.h>
#include <sched.h>

#include "base/mem.h"

struct worker {
    struct rf_key_lock *locks;
    const char *key;
    unsigned *counter; /* of the key; only its holder may touch it */
    pthread_t thread;
};

static void *count(void *arg)
{
    struct worker *w = arg;
    for (int i = 0; i < 500; i++) {
        rf_key_lock_take(w->locks, w->key);
        unsigned n = *w->counter;
        sched_yield();
        *w->counter = n + 1;
        rf_key_lock_give(w->locks, w->key);
    }
    return NULL;
}

START_TEST(one_holder_per_name)
{
    struct rf_key_lock locks;
    unsigned counters[3] = { 0 };
    static const char *const keys[] = { "upload a", "upload b", "" };
    struct worker w[9];
    rf_key_lock_init(&locks);
    for (size_t i = 0; i < RF_ARRAY_LEN(w); i++) {
        w[i] = (struct worker){ .locks = &locks, .key = keys[i % 3], .counter = &counters[i % 3] };
        ck_assert_int_eq(pthread_create(&w[i].thread, NULL, count, &w[i]), 0);
    }
    for (size_t i = 0; i < RF_ARRAY_LEN(w); i++)
        pthread_join(w[i].thread, NULL);
    for (size_t i = 0; i < RF_ARRAY_LEN(counters); i++)
        ck_assert_uint_eq(counters[i], 1500);
    rf_key_lock_release(&locks);
}
END_TEST

START_TEST(names_do_not_wait_for_others)
{
    struct rf_key_lock locks;
    rf_key_lock_init(&locks);
    rf_key_lock_take(&locks, "a");
    rf_key_lock_take(&locks, "b"); /* would hang otherwise */
    rf_key_lock_give(&locks, "a");
    rf_key_lock_take(&locks, "a");
    rf_key_lock_give(&locks, "b");
    rf_key_lock_give(&locks, "a");
    rf_key_lock_release(&locks);
}
END_TEST

Suite *rf_key_lock_suite(void);
Suite *rf_key_lock_suite(void)
{
    Suite *s = suite_create("key_lock");
    TCase *t = tcase_create("key_lock");
    tcase_add_test(t, one_holder_per_name);
    tcase_add_test(t, names_do_not_wait_for_others);
    suite_add_tcase(s, t);
    return s;
}
