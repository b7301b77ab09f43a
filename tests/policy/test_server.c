/* SPDX-License-Identifier: Apache-2.0 */
/* Server mode on a clock of the test's own: it jumps to the next time that is waited for, once everything that was begun has ended. */
#include "policy/server.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/mem.h"

#define START 1000000000

struct world {
    struct rf_server_clock clock;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    time_t now, end;
    unsigned begun, ended; /* tasks */
    unsigned seen;         /* of those that have ended, when the server looked last */
    unsigned held;         /* that do not end before they are let go */
    bool hold;             /* job 0 does not end before `let_go` */
    bool let_go;
    bool fail;        /* job 1 fails */
    bool vary;        /* each time with another text */
    bool stop_late;   /* the program is stopped when job 1 has failed, before the server knows */
    bool early;       /* a job before the first pass */
    bool first_waits; /* of the first file, before it is through with job 0: until it is retired */
    bool first_lingers; /* with it, until the second first pass has ended */
    bool retired;
    unsigned firsts, firsts_at_once, firsts_ended;
    bool beside; /* job 0 beside a first pass that was not through with it */
    unsigned runs[3];
    unsigned side_by_side, most;
    time_t reload_at; /* 0: never */
    bool broken;      /* the file, when it is read again */
    unsigned loads, frees, waits;
    const char *schedule[3];
};

static time_t now(void *ctx)
{
    struct world *w = ctx;
    pthread_mutex_lock(&w->lock);
    time_t t = w->now;
    pthread_mutex_unlock(&w->lock);
    return t;
}

static void settle(struct world *w)
{
    struct timespec limit;
    (void)clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 10;
    while (w->ended + w->held < w->begun)
        ck_assert_int_ne(pthread_cond_timedwait(&w->changed, &w->lock, &limit), ETIMEDOUT);
}

static enum rf_server_event wait_for(void *ctx, time_t until, bool forever)
{
    struct world *w = ctx;
    enum rf_server_event event = RF_SERVER_TIME;
    pthread_mutex_lock(&w->lock);
    ck_assert_uint_lt(w->waits++, 1000);
    settle(w);
    if (w->ended != w->seen) {
        w->seen = w->ended; /* they are looked at before time goes on */
    } else if (forever || until > w->end) {
        event = RF_SERVER_STOP;
    } else if (w->reload_at != 0 && until >= w->reload_at) {
        w->now = w->reload_at;
        w->reload_at = 0;
        event = RF_SERVER_RELOAD;
    } else {
        w->now = until > w->now ? until : w->now;
    }
    pthread_mutex_unlock(&w->lock);
    return event;
}

static void wake(void *ctx)
{
    struct world *w = ctx;
    pthread_mutex_lock(&w->lock);
    w->ended++;
    if (w->stop_late && w->runs[1] > 0)
        rf_cancel_set(RFE_TERMINATED);
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static void begun(void *ctx)
{
    struct world *w = ctx;
    pthread_mutex_lock(&w->lock);
    w->begun++;
    pthread_mutex_unlock(&w->lock);
}

static int first(void *ctx, struct rf_err *err)
{
    struct world *w = ctx;
    (void)err;
    pthread_mutex_lock(&w->lock);
    w->early = w->early || (w->firsts == 0 && w->runs[0] + w->runs[1] > 0);
    w->firsts_at_once++;
    w->firsts++;
    if (w->first_waits && w->firsts == 1) {
        w->held++;
        pthread_cond_broadcast(&w->changed);
        while ((!w->retired || (w->first_lingers && w->firsts_ended == 0)) && !rf_cancelled()) {
            pthread_mutex_unlock(&w->lock);
            (void)usleep(1000);
            pthread_mutex_lock(&w->lock);
        }
        w->held -= !w->retired;
    }
    w->firsts_at_once--;
    w->firsts_ended++;
    pthread_mutex_unlock(&w->lock);
    return 0;
}

static bool passed(void *ctx, size_t job)
{
    struct world *w = ctx;
    pthread_mutex_lock(&w->lock);
    bool through = !w->first_waits || w->firsts > 1 || job > 0;
    pthread_mutex_unlock(&w->lock);
    return through;
}

static void retire(void *ctx)
{
    struct world *w = ctx;
    pthread_mutex_lock(&w->lock);
    w->held -= w->first_waits && !w->retired; /* its end is waited for from now on */
    w->retired = true;
    pthread_mutex_unlock(&w->lock);
}

static int run(void *ctx, size_t job, struct rf_err *err)
{
    struct world *w = ctx;
    int rc = 0;
    pthread_mutex_lock(&w->lock);
    w->runs[job]++;
    w->beside = w->beside || (job == 0 && w->firsts_at_once > 0);
    if (++w->side_by_side > w->most)
        w->most = w->side_by_side;
    if (job == 0 && w->hold) {
        w->held++;
        pthread_cond_broadcast(&w->changed);
        while (!w->let_go && !rf_cancelled()) {
            pthread_mutex_unlock(&w->lock);
            (void)usleep(1000);
            pthread_mutex_lock(&w->lock);
        }
        w->held--;
    }
    w->side_by_side--;
    if (job == 1 && w->fail)
        rc = w->vary ? rf_fail(err, RFE_FAILED, "run %u failed", w->runs[1] % 10)
                     : rf_fail(err, RFE_FAILED, "job 1 failed");
    pthread_mutex_unlock(&w->lock);
    return rc;
}

static void freed(void *ctx)
{
    struct world *w = ctx;
    pthread_mutex_lock(&w->lock);
    w->frees++;
    pthread_mutex_unlock(&w->lock);
}

static int load(void *ctx, bool again, struct rf_server_plan *out, struct rf_err *err)
{
    struct world *w = ctx;
    pthread_mutex_lock(&w->lock);
    w->loads++;
    pthread_mutex_unlock(&w->lock);
    if (again && w->broken)
        return rf_fail(err, RFE_CONFIG, "the file is broken");
    *out = (struct rf_server_plan){ .ctx = w, .run = run, .free = freed };
    out->first = first;
    out->passed = passed;
    out->retire = retire;
    out->jobs = rf_xcalloc(3, sizeof(*out->jobs));
    for (size_t i = 0; i < 3 && w->schedule[i] != NULL; i++) {
        out->jobs[i].name = rf_xasprintf("job %zu", i);
        ck_assert_int_eq(rf_schedule_parse(w->schedule[i], 0, &out->jobs[i].schedule, NULL), 0);
        out->n_jobs++;
    }
    return 0;
}

static void init(struct world *w, time_t seconds)
{
    *w = (struct world){ .now = START, .end = START + seconds };
    w->clock = (struct rf_server_clock){
        .ctx = w, .now = now, .wait = wait_for, .wake = wake, .begun = begun
    };
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    w->schedule[0] = "@every 60s";
    w->schedule[1] = "@every 90s";
}

static int serve(struct world *w, bool abort_on_error, char **failures)
{
    const struct rf_server_options o = {
        .ctx = w, .load = load, .abort_on_error = abort_on_error, .clock = &w->clock
    };
    struct rf_buf text;
    rf_buf_init(&text, 64);
    int rc = rf_server_run(&o, &text, NULL);
    *failures = rf_buf_take(&text, NULL);
    rf_buf_release(&text);
    rf_cancel_reset();
    ck_assert_uint_eq(w->frees, w->loads - (w->broken ? 1 : 0));
    ck_assert(!w->early && !w->beside);
    return rc;
}

START_TEST(jobs_run_at_their_times)
{
    struct world w;
    RF_CLEANUP(rf_freep) char *failures = NULL;
    init(&w, 361);
    ck_assert_int_eq(serve(&w, false, &failures), 0);
    ck_assert_str_eq(failures, "");
    ck_assert_uint_eq(w.runs[0], 6);
    ck_assert_uint_eq(w.runs[1], 4);
}
END_TEST

START_TEST(a_job_never_runs_beside_itself)
{
    struct world w;
    RF_CLEANUP(rf_freep) char *failures = NULL;
    init(&w, 361);
    w.hold = true;
    ck_assert_int_eq(serve(&w, false, &failures), 0);
    ck_assert_uint_eq(w.runs[0], 1);
    ck_assert_uint_eq(w.runs[1], 4);
    ck_assert_uint_eq(w.most, 2);
}
END_TEST

START_TEST(a_new_file_takes_over)
{
    struct world w;
    RF_CLEANUP(rf_freep) char *failures = NULL;
    init(&w, 361);
    w.reload_at = START + 100;
    w.hold = _i == 1; /* a job of the old file runs on: it is the same job in the new one */
    w.schedule[0] = "@every 50s";
    ck_assert_int_eq(serve(&w, false, &failures), 0);
    ck_assert_uint_eq(w.loads, 2);
    /* At 50, and after the new file at 150, 200, ... 350. */
    ck_assert_uint_eq(w.runs[0], _i == 1 ? 1 : 6);
}
END_TEST

/* What the first pass is through with runs by its schedule, the rest does not yet. */
START_TEST(a_first_pass_that_waits_holds_up_its_own_job_alone)
{
    struct world w;
    RF_CLEANUP(rf_freep) char *failures = NULL;
    init(&w, 361);
    w.first_waits = true;
    ck_assert_int_eq(serve(&w, false, &failures), 0);
    ck_assert_uint_eq(w.firsts, 1);
    ck_assert_uint_eq(w.runs[0], 0);
    ck_assert_uint_eq(w.runs[1], 4);
}
END_TEST

/* It has a first pass of its own, which does not wait for the end of the one before; then everything runs. */
START_TEST(a_new_file_begins_with_a_first_pass)
{
    struct world w;
    RF_CLEANUP(rf_freep) char *failures = NULL;
    init(&w, 361);
    w.first_waits = _i >= 1;
    w.first_lingers = _i == 2;
    w.reload_at = START + 80;
    ck_assert_int_eq(serve(&w, false, &failures), 0);
    ck_assert_uint_eq(w.loads, 2);
    ck_assert(w.retired);
    ck_assert_uint_eq(w.firsts, 2);
    /* By the new file at 140, 200, 260, 320; by the old one at 60. */
    ck_assert_uint_eq(w.runs[0], _i >= 1 ? 4 : 5);
}
END_TEST

START_TEST(a_broken_file_leaves_the_old_one)
{
    struct world w;
    RF_CLEANUP(rf_freep) char *failures = NULL;
    init(&w, 361);
    w.reload_at = START + 100;
    w.broken = true;
    ck_assert_int_eq(serve(&w, false, &failures), 0);
    ck_assert_uint_eq(w.loads, 2);
    ck_assert_uint_eq(w.runs[0], 6);
}
END_TEST

START_TEST(failures_are_kept_within_bounds)
{
    struct world w;
    RF_CLEANUP(rf_freep) char *failures = NULL;
    init(&w, 901);
    w.fail = w.vary = true;
    ck_assert_int_eq(serve(&w, false, &failures), -RFE_FAILED);
    ck_assert_uint_eq(w.runs[1], 10);
    ck_assert_uint_eq(strlen(failures), 4 * strlen("run 1 failed\n"));
}
END_TEST

START_TEST(what_failed_before_the_stop_is_a_failure)
{
    struct world w;
    RF_CLEANUP(rf_freep) char *failures = NULL;
    init(&w, 100);
    w.fail = w.stop_late = true;
    ck_assert_int_eq(serve(&w, false, &failures), -RFE_FAILED);
    ck_assert_str_eq(failures, "job 1 failed\n");
}
END_TEST

START_TEST(the_same_failure_is_told_once)
{
    struct world w;
    RF_CLEANUP(rf_freep) char *failures = NULL;
    init(&w, 901);
    w.fail = true;
    ck_assert_int_eq(serve(&w, false, &failures), -RFE_FAILED);
    ck_assert_uint_eq(w.runs[1], 10);
    ck_assert_str_eq(failures, "job 1 failed\n");
}
END_TEST

START_TEST(the_first_failure_ends_it_where_wanted)
{
    struct world w;
    RF_CLEANUP(rf_freep) char *failures = NULL;
    init(&w, 901);
    w.fail = true;
    ck_assert_int_eq(serve(&w, true, &failures), -RFE_FAILED);
    ck_assert_uint_eq(w.runs[1], 1);
    ck_assert_str_eq(failures, "job 1 failed\n");
}
END_TEST

START_TEST(nothing_to_do)
{
    struct world w;
    RF_CLEANUP(rf_freep) char *failures = NULL;
    init(&w, 100);
    w.schedule[0] = NULL;
    ck_assert_int_eq(serve(&w, false, &failures), 0);
    free(RF_STEAL(failures));
    init(&w, 100);
    w.schedule[0] = "0 0 30 2 *"; /* never */
    w.schedule[1] = NULL;
    ck_assert_int_eq(serve(&w, false, &failures), 0);
    ck_assert_uint_eq(w.runs[0], 0);
}
END_TEST

/* ---- real signals ---- */

START_TEST(signals_are_events)
{
    struct rf_server_signals s;
    rf_cancel_on_signals();
    ck_assert_int_eq(rf_server_signals_open(&s, NULL), 0);
    ck_assert_int_eq(kill(getpid(), SIGHUP), 0);
    ck_assert_int_eq(s.clock.wait(s.clock.ctx, 0, true), RF_SERVER_RELOAD);
    s.clock.wake(s.clock.ctx);
    ck_assert_int_eq(s.clock.wait(s.clock.ctx, 0, true), RF_SERVER_TIME);
    time_t soon = s.clock.now(s.clock.ctx) + 1;
    ck_assert_int_eq(s.clock.wait(s.clock.ctx, soon, false), RF_SERVER_TIME);
    ck_assert_int_ge(s.clock.now(s.clock.ctx), soon);
    ck_assert(!rf_cancelled());
    ck_assert_int_eq(kill(getpid(), SIGTERM), 0);
    ck_assert_int_eq(s.clock.wait(s.clock.ctx, 0, true), RF_SERVER_STOP);
    ck_assert(rf_cancelled());
    rf_server_signals_release(&s);
}
END_TEST

Suite *rf_server_suite(void);
Suite *rf_server_suite(void)
{
    Suite *s = suite_create("server");
    TCase *t = tcase_create("server");
    tcase_add_test(t, jobs_run_at_their_times);
    tcase_add_test(t, a_job_never_runs_beside_itself);
    tcase_add_loop_test(t, a_new_file_takes_over, 0, 2);
    tcase_add_test(t, a_first_pass_that_waits_holds_up_its_own_job_alone);
    tcase_add_loop_test(t, a_new_file_begins_with_a_first_pass, 0, 3);
    tcase_add_test(t, a_broken_file_leaves_the_old_one);
    tcase_add_test(t, failures_are_kept_within_bounds);
    tcase_add_test(t, what_failed_before_the_stop_is_a_failure);
    tcase_add_test(t, the_same_failure_is_told_once);
    tcase_add_test(t, the_first_failure_ends_it_where_wanted);
    tcase_add_test(t, nothing_to_do);
    tcase_add_test(t, signals_are_events);
    suite_add_tcase(s, t);
    return s;
}
