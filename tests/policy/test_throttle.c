/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/throttle.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/cancel.h"
#include "base/parallel.h"
#include "policy/rate_gate.h"

struct crowd {
    struct rf_throttle *t;
    atomic_int inside, most;
};

static void pause_ms(long ms)
{
    const struct timespec ts = { .tv_nsec = ms * 1000000 };
    (void)nanosleep(&ts, NULL);
}

static int pass(void *ctx, size_t i, struct rf_err *err)
{
    struct crowd *c = ctx;
    int rc = rf_throttle_take(c->t, err);
    if (rc < 0)
        return rc;
    int now = atomic_fetch_add(&c->inside, 1) + 1;
    int most = atomic_load(&c->most);
    while (now > most && !atomic_compare_exchange_weak(&c->most, &most, now))
        continue;
    /* The first three wait for each other, however slowly threads begin. */
    for (int k = 0; k < 10000 && atomic_load(&c->most) < 3; k++)
        pause_ms(1);
    pause_ms(i % 2 == 0 ? 2 : 1);
    atomic_fetch_sub(&c->inside, 1);
    rf_throttle_give(c->t);
    return 0;
}

START_TEST(no_more_than_so_many)
{
    struct crowd c = { .t = rf_throttle_new(3) };
    ck_assert_int_eq(rf_parallel(16, 64, pass, &c, NULL), 0);
    ck_assert_int_eq(atomic_load(&c.most), 3);
    rf_throttle_free(c.t);
}
END_TEST

static void *wait_for_place(void *arg)
{
    struct rf_err err = RF_ERR_INIT;
    int *rc = arg;
    *rc = rf_throttle_take((struct rf_throttle *)rf_thread_note(), &err);
    return NULL;
}

START_TEST(who_is_told_to_stop_has_no_place)
{
    struct rf_throttle *t = rf_throttle_new(1);
    pthread_t thread;
    int rc = 1;
    ck_assert_int_eq(rf_throttle_take(t, NULL), 0);
    rf_thread_set_note(t);
    ck_assert_int_eq(rf_thread_start(&thread, wait_for_place, &rc), 0);
    pause_ms(20);
    rf_cancel_set(RFE_CANCELLED);
    (void)pthread_join(thread, NULL);
    ck_assert_int_eq(rc, -RFE_CANCELLED);
    rf_cancel_reset();
    rf_throttle_give(t);
    /* The one place is free again, and only that. */
    ck_assert_int_eq(rf_throttle_take(t, NULL), 0);
    rf_throttle_give(t);
    rf_throttle_free(t);
}
END_TEST

/* Without being told to stop: nothing more is to be begun. What has a place keeps it. */
START_TEST(nobody_gets_a_place_of_what_is_shut)
{
    struct rf_throttle *t = rf_throttle_new(1);
    pthread_t thread;
    int rc = 1;
    ck_assert_int_eq(rf_throttle_take(t, NULL), 0);
    rf_thread_set_note(t);
    ck_assert_int_eq(rf_thread_start(&thread, wait_for_place, &rc), 0);
    pause_ms(20);
    rf_throttle_shut(t);
    (void)pthread_join(thread, NULL);
    ck_assert_int_eq(rc, -RFE_CANCELLED);
    rf_throttle_give(t);
    ck_assert_int_eq(rf_throttle_take(t, NULL), -RFE_CANCELLED);
    rf_throttle_free(t);
}
END_TEST

static const struct {
    struct rf_rate rate;
    int64_t min;
    unsigned under_way, cost;
    bool want;
} gates[] = {
    { { true, 100, 200 }, 100, 0, 1, false }, /* it would leave 99 */
    { { true, 101, 200 }, 100, 0, 1, true },
    { { true, 101, 200 }, 100, 1, 1, false }, /* another one is on its way */
    { { true, 99, 200 }, 100, 0, 1, false },
    { { true, 110, 200 }, 100, 0, 10, true },
    { { true, 110, 200 }, 100, 0, 11, false },
    { { true, 200, 200 }, 195, 0, 10, true }, /* more will never be there */
    { { true, 200, 200 }, 195, 1, 10, false },
    { { true, 100, 100 }, 150, 0, 1, false }, /* never */
    { { true, 5, 0 }, 1, 0, 4, true },
};

START_TEST(limits)
{
    const struct rf_rate rich = { true, 1000, 1000 };
    struct rf_rate_gate *g = rf_rate_gate_new();
    bool untouched[4] = { false };
    if (gates[_i].under_way > 0)
        ck_assert(rf_rate_gate_enter(g, "a", &rich, 0, gates[_i].under_way, &untouched[0]));
    ck_assert_msg(rf_rate_gate_enter(g, "a", &gates[_i].rate, gates[_i].min, gates[_i].cost,
                                     &untouched[1]) == gates[_i].want,
                  "row %d", _i);
    /* What other registries grant is no matter. */
    ck_assert(rf_rate_gate_enter(g, "b", &rich, 999, 1, &untouched[2]));
    if (gates[_i].want)
        rf_rate_gate_leave(g, "a", gates[_i].cost);
    if (gates[_i].under_way > 0)
        rf_rate_gate_leave(g, "a", gates[_i].under_way);
    ck_assert(rf_rate_gate_enter(g, "a", &rich, 0, 1000, &untouched[3]));
    rf_rate_gate_free(g);
}
END_TEST

/* An index near the limit: reading it has touched the limit, which is not held against its images. */
START_TEST(what_an_image_pulled_itself)
{
    const struct rf_rate whole = { true, 20, 20 }, after = { true, 19, 20 };
    struct rf_rate_gate *g = rf_rate_gate_new();
    bool image = false, other = false;
    ck_assert(rf_rate_gate_enter(g, "a", &whole, 15, 1, &image));
    ck_assert(image);
    rf_rate_gate_leave(g, "a", 1);
    ck_assert(!rf_rate_gate_enter(g, "a", &after, 15, 12, &other));
    ck_assert(!other);
    ck_assert(rf_rate_gate_enter(g, "a", &after, 15, 12, &image));
    rf_rate_gate_leave(g, "a", 12);
    /* What could be met later waits for it. */
    const struct rf_rate low = { true, 7, 20 };
    ck_assert(!rf_rate_gate_enter(g, "a", &low, 5, 3, &image));
    /* The whole limit is to remain: one image in each window. */
    const struct rf_rate hub = { true, 100, 100 }, one = { true, 99, 100 };
    image = other = false;
    ck_assert(rf_rate_gate_enter(g, "b", &hub, 100, 1, &image));
    rf_rate_gate_leave(g, "b", 1);
    ck_assert(rf_rate_gate_enter(g, "b", &one, 100, 3, &image));
    rf_rate_gate_leave(g, "b", 3);
    ck_assert(!rf_rate_gate_enter(g, "b", &one, 100, 1, &other));
    rf_rate_gate_free(g);
}
END_TEST

START_TEST(a_word_is_first_once)
{
    struct rf_rate_gate *g = rf_rate_gate_new();
    int a = 0, b = 0;
    ck_assert(rf_rate_gate_first_word(g, &a));
    ck_assert(rf_rate_gate_first_word(g, &b));
    ck_assert(!rf_rate_gate_first_word(g, &a));
    rf_rate_gate_free(g);
}
END_TEST

Suite *rf_throttle_suite(void);
Suite *rf_throttle_suite(void)
{
    Suite *s = suite_create("throttle");
    TCase *t = tcase_create("throttle");
    tcase_add_test(t, no_more_than_so_many);
    tcase_add_test(t, who_is_told_to_stop_has_no_place);
    tcase_add_test(t, nobody_gets_a_place_of_what_is_shut);
    tcase_add_test(t, what_an_image_pulled_itself);
    tcase_add_test(t, a_word_is_first_once);
    tcase_add_loop_test(t, limits, 0, (int)(sizeof(gates) / sizeof(gates[0])));
    suite_add_tcase(s, t);
    return s;
}
