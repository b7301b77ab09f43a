/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/look_ahead.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/mem.h"
#include "base/parallel.h"

#define WINDOW 8

struct questions {
    size_t ring[WINDOW]; /* the answer i + 1 in place i % WINDOW */
    atomic_size_t done;  /* what the caller has worked through */
    atomic_size_t asked; /* how many */
    atomic_bool too_far; /* a place was written that was still in use */
};

static void pause_us(long us)
{
    const struct timespec ts = { .tv_nsec = us * 1000 };
    (void)nanosleep(&ts, NULL);
}

static void ask(void *ctx, size_t i)
{
    struct questions *q = ctx;
    if (i >= atomic_load(&q->done) + WINDOW)
        atomic_store(&q->too_far, true);
    pause_us((long)(i * 37 % 300));
    q->ring[i % WINDOW] = i + 1;
    atomic_fetch_add(&q->asked, 1);
}

static void work_through(struct rf_look_pool *pool, size_t n)
{
    struct questions q = { .done = 0 };
    struct rf_look *look = rf_look_start(pool, n, WINDOW, ask, &q);
    for (size_t i = 0; i < n; i++) {
        rf_look_wait(look, i);
        ck_assert_uint_eq(q.ring[i % WINDOW], i + 1);
        q.ring[i % WINDOW] = 0;
        atomic_store(&q.done, i + 1);
    }
    rf_look_end(look);
    ck_assert_uint_eq(atomic_load(&q.asked), n);
    ck_assert(!atomic_load(&q.too_far));
}

START_TEST(answers_come_in_order)
{
    static const unsigned threads[] = { 0, 1, 4, 16 };
    RF_CLEANUP(rf_look_pool_freep)
    struct rf_look_pool *pool = rf_look_pool_new(threads[_i]);
    work_through(pool, 0);
    work_through(pool, 1);
    work_through(pool, WINDOW);
    work_through(pool, 200);
    work_through(pool, 3);
}
END_TEST

static int many(void *ctx, size_t i, struct rf_err *err)
{
    (void)err;
    work_through(ctx, 20 + i);
    return 0;
}

START_TEST(several_share_a_pool)
{
    RF_CLEANUP(rf_look_pool_freep) struct rf_look_pool *pool = rf_look_pool_new(3);
    ck_assert_int_eq(rf_parallel(6, 24, many, pool, NULL), 0);
}
END_TEST

START_TEST(an_end_before_the_end)
{
    RF_CLEANUP(rf_look_pool_freep) struct rf_look_pool *pool = rf_look_pool_new(4);
    struct questions q = { .done = 0 };
    struct rf_look *look = rf_look_start(pool, 1000, WINDOW, ask, &q);
    rf_look_wait(look, 0);
    rf_look_end(look);
    size_t asked = atomic_load(&q.asked);
    ck_assert_uint_le(asked, WINDOW);
    pause_us(2000);
    ck_assert_uint_eq(atomic_load(&q.asked), asked);
    rf_look_end(NULL);
}
END_TEST

Suite *rf_look_ahead_suite(void);
Suite *rf_look_ahead_suite(void)
{
    Suite *s = suite_create("look_ahead");
    TCase *t = tcase_create("look_ahead");
    tcase_add_loop_test(t, answers_come_in_order, 0, 4);
    tcase_add_test(t, several_share_a_pool);
    tcase_add_test(t, an_end_before_the_end);
    suite_add_tcase(s, t);
    return s;
}
