/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "base/parallel.h"

Suite *rf_parallel_suite(void);

struct counts {
    atomic_int calls[1000];
    atomic_int total, running, most;
    size_t fail_at;
    size_t cancel_at;
};

static void enter(struct counts *c)
{
    int now = atomic_fetch_add(&c->running, 1) + 1;
    int most = atomic_load(&c->most);
    while (now > most && !atomic_compare_exchange_weak(&c->most, &most, now))
        continue;
}

static int count_call(void *ctx, size_t i, struct rf_err *err)
{
    struct counts *c = ctx;
    enter(c);
    (void)atomic_fetch_add(&c->calls[i], 1);
    (void)atomic_fetch_add(&c->total, 1);
    if (i % 16 == 0)
        (void)usleep(500);
    if (i == c->cancel_at)
        rf_cancel_set(RFE_CANCELLED);
    /* Those behind it wait, so that none begins before. */
    while (i > c->cancel_at && !rf_cancelled())
        (void)usleep(1000);
    (void)atomic_fetch_sub(&c->running, 1);
    if (i >= c->fail_at)
        return rf_fail(err, RFE_DENIED, "item %zu", i);
    return 0;
}

static struct counts *counts_new(void)
{
    struct counts *c = rf_xcalloc(1, sizeof(*c));
    c->fail_at = c->cancel_at = SIZE_MAX;
    return c;
}

static const struct {
    unsigned threads;
    size_t n;
} runs[] = {
    { 1, 0 }, { 0, 3 }, { 1, 10 }, { 4, 1 }, { 4, 1000 }, { 100, 1000 }, { 100000, 1000 }
};

START_TEST(each_index_once)
{
    RF_CLEANUP(rf_freep) struct counts *c = counts_new();
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_parallel(runs[_i].threads, runs[_i].n, count_call, c, &err), 0);
    ck_assert_int_eq(err.code, 0);
    for (size_t i = 0; i < RF_ARRAY_LEN(c->calls); i++)
        ck_assert_int_eq(atomic_load(&c->calls[i]), i < runs[_i].n ? 1 : 0);
    unsigned allowed = runs[_i].threads > 0 ? runs[_i].threads : 1;
    ck_assert_uint_le((unsigned)atomic_load(&c->most), allowed);
}
END_TEST

static pthread_barrier_t barrier;

static int meet(void *ctx, size_t i, struct rf_err *err)
{
    (void)ctx;
    (void)i;
    (void)err;
    (void)pthread_barrier_wait(&barrier);
    return 0;
}

START_TEST(threads_run_at_the_same_time)
{
    /* Ends only when all eight are inside at once. */
    ck_assert_int_eq(pthread_barrier_init(&barrier, NULL, 8), 0);
    ck_assert_int_eq(rf_parallel(8, 8, meet, NULL, NULL), 0);
    (void)pthread_barrier_destroy(&barrier);
}
END_TEST

static int note_thread(void *ctx, size_t i, struct rf_err *err)
{
    (void)i;
    (void)err;
    *(pthread_t *)ctx = pthread_self();
    return 0;
}

START_TEST(one_thread_is_the_callers)
{
    pthread_t seen = 0;
    ck_assert_int_eq(rf_parallel(1, 1, note_thread, &seen, NULL), 0);
    ck_assert(pthread_equal(seen, pthread_self()));
}
END_TEST

START_TEST(a_failure_stops_new_work)
{
    RF_CLEANUP(rf_freep) struct counts *c = counts_new();
    c->fail_at = 100;
    struct rf_err err = RF_ERR_INIT;
    unsigned threads = _i == 0 ? 1 : 4;
    ck_assert_int_eq(rf_parallel(threads, 1000, count_call, c, &err), -RFE_DENIED);
    ck_assert_int_eq(err.code, RFE_DENIED);
    /* Started in rising order: what was running may go on, nothing new begins. */
    ck_assert_str_eq(err.msg, "item 100");
    ck_assert_int_ge(atomic_load(&c->total), 101);
    ck_assert_int_le(atomic_load(&c->total), 110);
    ck_assert_int_eq(rf_parallel(threads, 1000, count_call, c, NULL), -RFE_DENIED);
}
END_TEST

static int fail_in_order(void *ctx, size_t i, struct rf_err *err)
{
    bool lowest_first = *(bool *)ctx;
    (void)pthread_barrier_wait(&barrier);
    (void)usleep((useconds_t)(lowest_first ? i : 4 - i) * 20000);
    return rf_fail(err, i == 0 ? RFE_REFUSED : RFE_FAILED, "item %zu", i);
}

START_TEST(the_lowest_failure_is_told)
{
    ck_assert_int_eq(pthread_barrier_init(&barrier, NULL, 4), 0);
    struct rf_err err = RF_ERR_INIT;
    bool lowest_first = _i != 0;
    ck_assert_int_eq(rf_parallel(4, 4, fail_in_order, &lowest_first, &err), -RFE_REFUSED);
    ck_assert_str_eq(err.msg, "item 0");
    (void)pthread_barrier_destroy(&barrier);
}
END_TEST

static void *look_at_mask(void *arg)
{
    (void)pthread_sigmask(SIG_BLOCK, NULL, arg);
    return NULL;
}

START_TEST(threads_leave_signals_alone)
{
    sigset_t theirs, before, after;
    pthread_t t;
    (void)pthread_sigmask(SIG_BLOCK, NULL, &before);
    ck_assert_int_eq(rf_thread_start(&t, look_at_mask, &theirs), 0);
    (void)pthread_join(t, NULL);
    (void)pthread_sigmask(SIG_BLOCK, NULL, &after);
    ck_assert_int_eq(sigismember(&theirs, SIGINT), 1);
    ck_assert_int_eq(sigismember(&theirs, SIGTERM), 1);
    ck_assert_int_eq(sigismember(&after, SIGINT), sigismember(&before, SIGINT));
}
END_TEST

START_TEST(cancelling_stops_new_work)
{
    RF_CLEANUP(rf_freep) struct counts *c = counts_new();
    c->cancel_at = 50;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_parallel(4, 1000, count_call, c, &err), -RFE_CANCELLED);
    ck_assert_str_eq(err.msg, "interrupted");
    ck_assert_int_le(atomic_load(&c->total), 60);
    rf_cancel_reset();
    /* Nothing was left undone: a success. */
    c->cancel_at = 9; /* the last */
    ck_assert_int_eq(rf_parallel(1, 10, count_call, c, NULL), 0);
    rf_cancel_reset();
    /* A failure counts more than the cancelling. */
    c->cancel_at = 5;
    c->fail_at = 5;
    ck_assert_int_eq(rf_parallel(1, 10, count_call, c, NULL), -RFE_DENIED);
}
END_TEST

Suite *rf_parallel_suite(void)
{
    Suite *s = suite_create("parallel");
    TCase *tc = tcase_create("parallel");
    tcase_add_loop_test(tc, each_index_once, 0, RF_ARRAY_LEN(runs));
    tcase_add_test(tc, threads_run_at_the_same_time);
    tcase_add_test(tc, one_thread_is_the_callers);
    tcase_add_loop_test(tc, a_failure_stops_new_work, 0, 2);
    tcase_add_loop_test(tc, the_lowest_failure_is_told, 0, 2);
    tcase_add_test(tc, threads_leave_signals_alone);
    tcase_add_test(tc, cancelling_stops_new_work);
    suite_add_tcase(s, tc);
    return s;
}
