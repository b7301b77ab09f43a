/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/sync/sync_crew.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/mem.h"

#define ITEMS 40u

struct world {
    pthread_mutex_t lock; /* guards all below */
    size_t order[ITEMS];
    size_t n, ended;
    unsigned working, most;
    size_t waits; /* items below that number wait until `until` have ended */
    size_t until;
    size_t fails; /* this one fails */
};

static void enter(struct world *w)
{
    pthread_mutex_lock(&w->lock);
    if (++w->working > w->most)
        w->most = w->working;
    pthread_mutex_unlock(&w->lock);
}

static void leave(struct world *w)
{
    pthread_mutex_lock(&w->lock);
    w->working--;
    pthread_mutex_unlock(&w->lock);
}

static void wait_for_others(struct world *w)
{
    leave(w);
    rf_sync_crew_pause();
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&w->lock);
        bool enough = w->ended >= w->until;
        pthread_mutex_unlock(&w->lock);
        if (enough || rf_cancelled())
            break;
        (void)usleep(2000);
    }
    rf_sync_crew_resume();
    enter(w);
}

static int item(void *ctx, size_t i, struct rf_err *err)
{
    struct world *w = ctx;
    enter(w);
    pthread_mutex_lock(&w->lock);
    w->order[w->n++] = i;
    pthread_mutex_unlock(&w->lock);
    if (i < w->waits)
        wait_for_others(w);
    pthread_mutex_lock(&w->lock);
    w->ended++;
    pthread_mutex_unlock(&w->lock);
    leave(w);
    return i == w->fails ? rf_fail(err, RFE_FAILED, "item %zu", i) : 0;
}

static int run(struct world *w, unsigned threads, struct rf_err *err)
{
    pthread_mutex_init(&w->lock, NULL);
    int rc = rf_sync_crew_run(threads, ITEMS, item, w, err);
    pthread_mutex_destroy(&w->lock);
    for (size_t i = 0; i < w->n; i++)
        ck_assert_uint_eq(w->order[i], i);
    ck_assert_uint_eq(w->most, 1);
    return rc;
}

START_TEST(in_order_and_one_at_a_time)
{
    struct world w = { .fails = ITEMS };
    ck_assert_int_eq(run(&w, 8, NULL), 0);
    ck_assert_uint_eq(w.ended, ITEMS);
}
END_TEST

START_TEST(who_waits_lets_the_others_go_first)
{
    struct world w = { .fails = ITEMS, .waits = 5, .until = ITEMS - 5 };
    ck_assert_int_eq(run(&w, 8, NULL), 0);
    ck_assert_uint_eq(w.ended, ITEMS);
}
END_TEST

/* Eight wait, that many threads there are: the rest is begun when some of them have ended. */
START_TEST(no_more_threads_than_so_many)
{
    struct world w = { .fails = ITEMS, .waits = ITEMS, .until = 0 };
    ck_assert_int_eq(run(&w, 8, NULL), 0);
    ck_assert_uint_eq(w.ended, ITEMS);
    w = (struct world){ .fails = ITEMS, .waits = ITEMS, .until = 0 };
    ck_assert_int_eq(run(&w, 1, NULL), 0);
    ck_assert_uint_eq(w.ended, ITEMS);
}
END_TEST

START_TEST(a_failure_ends_the_beginning)
{
    struct world w = { .fails = 7, .waits = 2, .until = 6 };
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(run(&w, 8, &err), -RFE_FAILED);
    ck_assert_str_eq(err.msg, "item 7");
    ck_assert_uint_ge(w.n, 8);
    ck_assert_uint_eq(w.ended, w.n);
    ck_assert_uint_lt(w.n, ITEMS);
}
END_TEST

static void *cancel_soon(void *arg)
{
    (void)usleep(100000);
    rf_cancel_set(RFE_TERMINATED);
    return arg;
}

START_TEST(cancelled_while_all_wait)
{
    struct world w = { .fails = ITEMS, .waits = ITEMS, .until = ITEMS };
    struct rf_err err = RF_ERR_INIT;
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_soon, NULL), 0);
    ck_assert_int_eq(run(&w, 8, &err), -RFE_TERMINATED);
    (void)pthread_join(thread, NULL);
    rf_cancel_reset();
    ck_assert_uint_eq(w.ended, w.n);
    ck_assert_uint_lt(w.n, ITEMS);
}
END_TEST

START_TEST(outside_of_a_crew)
{
    rf_sync_crew_pause();
    rf_sync_crew_resume();
}
END_TEST

Suite *rf_sync_crew_suite(void);
Suite *rf_sync_crew_suite(void)
{
    Suite *s = suite_create("sync_crew");
    TCase *t = tcase_create("sync_crew");
    tcase_add_test(t, in_order_and_one_at_a_time);
    tcase_add_test(t, who_waits_lets_the_others_go_first);
    tcase_add_test(t, no_more_threads_than_so_many);
    tcase_add_test(t, a_failure_ends_the_beginning);
    tcase_add_test(t, cancelled_while_all_wait);
    tcase_add_test(t, outside_of_a_crew);
    suite_add_tcase(s, t);
    return s;
}
