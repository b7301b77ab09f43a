/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/blob_turns.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "base/parallel.h"

static struct rf_digest digest_of(uint8_t first, uint8_t last)
{
    struct rf_digest d = { .algo = RF_DIGEST_SHA256, .len = 32 };
    d.bytes[0] = first;
    d.bytes[31] = last;
    return d;
}

static int take(struct rf_blob_turns *t, const struct rf_blob_turn *what, uint64_t mark,
                bool *stale)
{
    return rf_blob_turns_take(t, what, mark, false, stale, NULL);
}

/* Against a blob of place "a", repository "x" that is on its way. */
static const struct {
    const char *place, *repo;
    uint8_t last;
    bool mountable, refused;
    int want; /* whether it is free */
} others[] = {
    { "a", "x", 1, false, false, 0 }, { "a", "x", 1, true, true, 0 },
    { "a", "x", 2, true, false, 1 },  { "a", "y", 1, false, false, 1 },
    { "a", "y", 1, true, false, 0 },  { "a", "y", 1, true, true, 1 },
    { "b", "x", 1, true, false, 1 },
};

START_TEST(who_waits_for_whom)
{
    RF_CLEANUP(rf_blob_turns_freep) struct rf_blob_turns *t = rf_blob_turns_new();
    const struct rf_digest first = digest_of(7, 1), other = digest_of(7, others[_i].last);
    const struct rf_blob_turn held = { "a", "x", &first, true };
    const struct rf_blob_turn what = { others[_i].place, others[_i].repo, &other,
                                       others[_i].mountable };
    bool stale = true;
    ck_assert_int_eq(take(t, &held, 0, &stale), 1);
    ck_assert(!stale);
    if (others[_i].refused)
        rf_blob_turns_mounts(t, "a", false);
    int rc = take(t, &what, 0, &stale);
    ck_assert_int_eq(rc, others[_i].want);
    if (rc == 1)
        rf_blob_turns_give(t, &what, false);
    if (others[_i].refused) { /* it does after all */
        rf_blob_turns_mounts(t, "a", true);
        ck_assert_int_eq(take(t, &what, 0, &stale), 0);
    }
    rf_blob_turns_give(t, &held, true);
    ck_assert_int_eq(take(t, &what, 0, &stale), 1);
    rf_blob_turns_give(t, &what, false);
}
END_TEST

/* What was asked before a move has ended is to be asked again. */
START_TEST(what_was_moved_since)
{
    RF_CLEANUP(rf_blob_turns_freep) struct rf_blob_turns *t = rf_blob_turns_new();
    const struct rf_digest one = digest_of(7, 1), two = digest_of(8, 1);
    const struct rf_blob_turn what = { "a", "x", &one, true }, other = { "a", "x", &two, true };
    bool stale = true;
    uint64_t mark = rf_blob_turns_mark(t);
    for (int round = 0; round < 2; round++) {
        ck_assert_int_eq(take(t, &what, mark, &stale), 1);
        ck_assert(!stale); /* it failed before */
        rf_blob_turns_give(t, &what, round == 1);
    }
    ck_assert_int_eq(take(t, &other, mark, &stale), 1);
    ck_assert(!stale);
    rf_blob_turns_give(t, &other, true);
    for (int round = 0; round < 2; round++) {
        ck_assert_int_eq(take(t, &what, round == 0 ? mark : rf_blob_turns_mark(t), &stale), 1);
        ck_assert_int_eq(stale, round == 0);
        rf_blob_turns_give(t, &what, false);
    }
}
END_TEST

#define WORKERS 8u

struct crowd {
    struct rf_blob_turns *t;
    struct rf_digest digest;
    atomic_uint inside, most, moves, stale;
    unsigned fail; /* so many of the first */
};

static int work(void *ctx, size_t i, struct rf_err *err)
{
    struct crowd *c = ctx;
    const char *const repos[] = { "x", "y" };
    const struct rf_blob_turn what = { "a", repos[i % 2], &c->digest, true };
    bool stale = false;
    int rc = rf_blob_turns_take(c->t, &what, 0, true, &stale, err);
    if (rc < 0)
        return rc;
    ck_assert_uint_eq(atomic_fetch_add(&c->inside, 1), 0);
    (void)usleep(1000);
    bool there = atomic_load(&c->moves) > c->fail;
    atomic_fetch_add(&c->stale, stale);
    atomic_fetch_add(&c->moves, !there);
    atomic_fetch_sub(&c->inside, 1);
    rf_blob_turns_give(c->t, &what, !there && atomic_load(&c->moves) > c->fail);
    return 0;
}

START_TEST(one_at_a_time)
{
    struct crowd c = { .t = rf_blob_turns_new(), .digest = digest_of(1, 1), .fail = (unsigned)_i };
    ck_assert_int_eq(rf_parallel(WORKERS, WORKERS, work, &c, NULL), 0);
    ck_assert_uint_eq(atomic_load(&c.moves), 1 + c.fail);
    ck_assert_uint_ge(atomic_load(&c.stale), WORKERS - 1 - c.fail);
    rf_blob_turns_free(c.t);
}
END_TEST

static void *run(void *arg)
{
    struct crowd *c = arg;
    c->fail = (unsigned)-work(c, 0, NULL);
    return NULL;
}

/* The holder is told to stop as well, and gives its turn back. */
START_TEST(a_stop_ends_the_waiting)
{
    struct crowd c = { .t = rf_blob_turns_new(), .digest = digest_of(1, 1) };
    const struct rf_blob_turn held = { "a", "x", &c.digest, true };
    pthread_t thread;
    bool stale;
    ck_assert_int_eq(take(c.t, &held, 0, &stale), 1);
    ck_assert_int_eq(rf_thread_start(&thread, run, &c), 0);
    (void)usleep(20000);
    rf_cancel_set(RFE_TERMINATED);
    rf_blob_turns_give(c.t, &held, false);
    (void)pthread_join(thread, NULL);
    rf_cancel_reset();
    ck_assert_uint_eq(c.fail, RFE_TERMINATED);
    ck_assert_uint_eq(atomic_load(&c.moves), 0);
    rf_blob_turns_free(c.t);
}
END_TEST

Suite *rf_blob_turns_suite(void);
Suite *rf_blob_turns_suite(void)
{
    Suite *s = suite_create("blob_turns");
    TCase *t = tcase_create("blob_turns");
    tcase_add_loop_test(t, who_waits_for_whom, 0, (int)RF_ARRAY_LEN(others));
    tcase_add_test(t, what_was_moved_since);
    tcase_add_loop_test(t, one_at_a_time, 0, 3);
    tcase_add_test(t, a_stop_ends_the_waiting);
    suite_add_tcase(s, t);
    return s;
}
