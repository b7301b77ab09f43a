/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/sync/sync_ledger.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/parallel.h"
#include "policy/sync/sync_crew.h"
#include "regclient/stats.h"

static const struct rf_sync_report_step nothing;
static atomic_bool over;

static bool is_over(void *ctx)
{
    (void)ctx;
    return atomic_load(&over) || rf_cancelled();
}

static bool begin(struct rf_sync_record *r, bool waits, enum rf_sync_mode *mode)
{
    return rf_sync_ledger_begin(r, waits, is_over, NULL, mode);
}

START_TEST(a_step_of_two_files_is_one)
{
    struct rf_sync_ledger *l = rf_sync_ledger_new();
    struct rf_sync_record *old = rf_sync_ledger_hold(l, "image a b");
    struct rf_sync_record *new = rf_sync_ledger_hold(l, "image a b");
    struct rf_sync_record *other = rf_sync_ledger_hold(l, "image a c");
    struct rf_sync_status s;
    enum rf_sync_mode mode = RF_SYNC_COPY;
    ck_assert_str_eq(rf_sync_ledger_name(new), "image a b");
    ck_assert(begin(old, false, &mode));
    ck_assert(!begin(new, false, &mode));
    ck_assert(begin(other, false, &mode));
    rf_sync_ledger_status(new, &s);
    ck_assert(s.running && s.runs == 0);
    rf_stats_count(rf_sync_ledger_requests(old), RF_REQ_TAGS);
    rf_sync_ledger_end(old, &nothing, false);
    rf_sync_ledger_drop(old);
    rf_sync_ledger_status(new, &s);
    ck_assert(!s.running && s.last_success > 0);
    ck_assert_uint_eq(s.runs, 1);
    ck_assert_uint_eq(s.requests, 1);
    rf_sync_ledger_end(other, &nothing, false);
    rf_sync_ledger_drop(other);
    rf_sync_ledger_drop(new);
    /* Nobody has it any more: it begins anew. */
    new = rf_sync_ledger_hold(l, "image a b");
    rf_sync_ledger_status(new, &s);
    ck_assert_uint_eq(s.runs, 0);
    rf_sync_ledger_drop(new);
    rf_sync_ledger_free(l);
}
END_TEST

/* What was left is owed once, by whatever run comes next. */
START_TEST(a_run_that_was_left_is_owed)
{
    struct rf_sync_ledger *l = rf_sync_ledger_new();
    struct rf_sync_record *r = rf_sync_ledger_hold(l, "x");
    const struct rf_sync_report_step left = { .cancelled = true };
    for (unsigned round = 0; round < 3; round++) {
        enum rf_sync_mode mode = RF_SYNC_MISSING;
        ck_assert(begin(r, true, &mode));
        ck_assert_int_eq(mode, round == 1 ? RF_SYNC_COPY : RF_SYNC_MISSING);
        rf_sync_ledger_end(r, round == 0 ? &left : &nothing, round == 0);
    }
    struct rf_sync_status s;
    rf_sync_ledger_status(r, &s);
    ck_assert_uint_eq(s.runs, 2); /* one of three was not done to its end */
    rf_sync_ledger_drop(r);
    rf_sync_ledger_free(l);
}
END_TEST

/* ---- waiting ---- */

static atomic_uint begun, done;

/* Item 0 is the step that runs elsewhere; it gives its turn away, and the others are done meanwhile. */
static int item(void *ctx, size_t i, struct rf_err *err)
{
    enum rf_sync_mode mode = RF_SYNC_MISSING;
    (void)err;
    if (i > 0) {
        atomic_fetch_add(&done, 1);
        return 0;
    }
    if (begin(ctx, true, &mode)) {
        atomic_fetch_add(&begun, 1);
        rf_sync_ledger_end(ctx, &nothing, false);
    }
    return 0;
}

static void *crew(void *arg)
{
    int rc = rf_sync_crew_run(4, 3, item, arg, NULL);
    ck_assert(rc == 0 || rf_cancelled());
    return NULL;
}

static void await_others(void)
{
    for (int i = 0; i < 2000 && atomic_load(&done) < 2; i++)
        (void)usleep(5000);
    ck_assert_uint_eq(atomic_load(&done), 2);
}

enum { ENDS, OVER, CANCELLED, WAYS };

/* Until the other run has ended, or there is nothing to wait for any more. */
START_TEST(who_waits_holds_nobody_up)
{
    struct rf_sync_ledger *l = rf_sync_ledger_new();
    struct rf_sync_record *r = rf_sync_ledger_hold(l, "x");
    enum rf_sync_mode mode = RF_SYNC_COPY;
    pthread_t thread;
    ck_assert(begin(r, false, &mode));
    ck_assert_int_eq(rf_thread_start(&thread, crew, r), 0);
    await_others();
    ck_assert_uint_eq(atomic_load(&begun), 0);
    if (_i == ENDS)
        rf_sync_ledger_end(r, &nothing, false);
    if (_i == OVER) {
        atomic_store(&over, true);
        rf_sync_ledger_stir(l);
    }
    if (_i == CANCELLED)
        rf_cancel_set(RFE_TERMINATED);
    (void)pthread_join(thread, NULL);
    ck_assert_uint_eq(atomic_load(&begun), _i == ENDS);
    if (_i != ENDS)
        rf_sync_ledger_end(r, &nothing, false);
    rf_cancel_reset();
    rf_sync_ledger_drop(r);
    rf_sync_ledger_free(l);
}
END_TEST

Suite *rf_sync_ledger_suite(void);
Suite *rf_sync_ledger_suite(void)
{
    Suite *s = suite_create("sync_ledger");
    TCase *t = tcase_create("sync_ledger");
    tcase_add_test(t, a_step_of_two_files_is_one);
    tcase_add_test(t, a_run_that_was_left_is_owed);
    tcase_add_loop_test(t, who_waits_holds_nobody_up, 0, WAYS);
    suite_add_tcase(s, t);
    return s;
}
