/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "base/cancel.h"
#include "base/parallel.h"
#include "base/text.h"

Suite *rf_cancel_suite(void);

START_TEST(the_first_code_wins)
{
    struct rf_err err = RF_ERR_INIT;
    ck_assert(!rf_cancelled());
    ck_assert_int_eq(rf_cancel_check(&err), 0);
    ck_assert_int_eq(err.code, 0);
    rf_cancel_set(RFE_TERMINATED);
    rf_cancel_set(RFE_CANCELLED);
    ck_assert(rf_cancelled());
    ck_assert_int_eq(rf_cancel_check(&err), -RFE_TERMINATED);
    ck_assert_int_eq(err.code, RFE_TERMINATED);
    ck_assert_str_eq(err.msg, "interrupted");
    rf_cancel_reset();
    ck_assert(!rf_cancelled());
    ck_assert_int_eq(rf_cancel_check(NULL), 0);
}
END_TEST

static void *set_soon(void *arg)
{
    (void)arg;
    (void)usleep(50000);
    rf_cancel_set(RFE_CANCELLED);
    return NULL;
}

START_TEST(sleeping)
{
    uint64_t start = rf_now_ms();
    ck_assert_int_eq(rf_cancel_sleep(30, NULL), 0);
    ck_assert_uint_ge(rf_now_ms() - start, 30);
    ck_assert_int_eq(rf_cancel_sleep(0, NULL), 0);
    pthread_t t;
    ck_assert_int_eq(rf_thread_start(&t, set_soon, NULL), 0);
    start = rf_now_ms();
    ck_assert_int_eq(rf_cancel_sleep(UINT64_MAX, NULL), -RFE_CANCELLED);
    ck_assert_uint_lt(rf_now_ms() - start, 20000);
    ck_assert_int_eq(rf_cancel_sleep(UINT64_MAX, NULL), -RFE_CANCELLED);
    (void)pthread_join(t, NULL);
    rf_cancel_reset();
    start = rf_now_ms();
    ck_assert_int_eq(rf_cancel_sleep(30, NULL), 0);
    ck_assert_uint_ge(rf_now_ms() - start, 30);
}
END_TEST

static pthread_t caller;

static void count(void *arg)
{
    ck_assert(!pthread_equal(caller, pthread_self()));
    (void)atomic_fetch_add((atomic_int *)arg, 1);
}

/* Up to 10 s. */
static bool becomes(atomic_int *v, int want)
{
    for (int i = 0; i < 1000 && atomic_load(v) != want; i++)
        (void)usleep(10000);
    return atomic_load(v) == want;
}

START_TEST(wakeups_run_once_in_another_thread)
{
    atomic_int a = 0, b = 0, late = 0;
    caller = pthread_self();
    rf_cancel_add_wakeup(count, &a);
    rf_cancel_add_wakeup(count, &b);
    rf_cancel_remove_wakeup(count, &b);
    rf_cancel_set(RFE_CANCELLED);
    ck_assert(becomes(&a, 1));
    rf_cancel_set(RFE_CANCELLED);
    (void)usleep(50000);
    /* Registered too late is called all the same. */
    rf_cancel_add_wakeup(count, &late);
    ck_assert(becomes(&late, 1));
    (void)usleep(30000);
    ck_assert_int_eq(atomic_load(&a), 1);
    ck_assert_int_eq(atomic_load(&b), 0);
    rf_cancel_reset();
    rf_cancel_set(RFE_CANCELLED);
    ck_assert(becomes(&a, 2));
    rf_cancel_remove_wakeup(count, &a);
    rf_cancel_remove_wakeup(count, &late);
}
END_TEST

static atomic_int slow_state;

static void slow(void *arg)
{
    (void)arg;
    atomic_store(&slow_state, 1);
    (void)usleep(100000);
    atomic_store(&slow_state, 2);
}

START_TEST(remove_waits_for_a_running_call)
{
    rf_cancel_add_wakeup(slow, NULL);
    rf_cancel_set(RFE_CANCELLED);
    ck_assert(becomes(&slow_state, 1));
    rf_cancel_remove_wakeup(slow, NULL);
    ck_assert_int_eq(atomic_load(&slow_state), 2);
}
END_TEST

START_TEST(sixteen_wakeups_and_no_more)
{
    atomic_int n = 0;
    for (int i = 0; i < 16; i++)
        rf_cancel_add_wakeup(count, &n);
    if (_i == 0) {
        caller = pthread_self();
        rf_cancel_set(RFE_CANCELLED);
        ck_assert(becomes(&n, 16));
        (void)raise(SIGABRT);
    }
    rf_cancel_add_wakeup(count, &n);
}
END_TEST

/* ---- signals, each in a process of its own ---- */

enum { OK = 40, WRONG = 41 };

static int run_child(void (*body)(int), int arg)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        body(arg);
        _exit(WRONG);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

static const struct {
    int sig, code;
} signals[] = { { SIGINT, RFE_CANCELLED },
                { SIGTERM, RFE_TERMINATED },
                { SIGHUP, RFE_TERMINATED } };

static void one_signal(int i)
{
    static atomic_int woken;
    rf_cancel_on_signals();
    rf_cancel_add_wakeup(count, &woken);
    caller = pthread_self();
    (void)kill(getpid(), signals[i].sig);
    int rc = rf_cancel_sleep(10000, NULL);
    bool ok = rc == -signals[i].code && rf_cancelled();
    _exit(ok && becomes(&woken, 1) ? OK : WRONG);
}

START_TEST(a_signal_cancels)
{
    int status = run_child(one_signal, _i);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), OK);
}
END_TEST

static void two_signals(int i)
{
    rf_cancel_on_signals();
    (void)raise(SIGINT);
    if (rf_cancelled())
        (void)raise(signals[i].sig);
    _exit(OK);
}

START_TEST(a_second_signal_ends_at_once)
{
    int status = run_child(two_signals, _i);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), signals[_i].sig);
}
END_TEST

static void set_then_signal(int unused)
{
    (void)unused;
    /* Cancelled by a failure of our own, the first signal is still the first. */
    rf_cancel_on_signals();
    rf_cancel_set(RFE_TERMINATED);
    (void)raise(SIGINT);
    _exit(rf_cancel_check(NULL) == -RFE_TERMINATED ? OK : WRONG);
}

static void ignored_before(int unused)
{
    (void)unused;
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGCHLD, SIG_IGN);
    rf_cancel_on_signals();
    (void)raise(SIGHUP);
    (void)raise(SIGINT);
    struct sigaction act;
    (void)sigaction(SIGCHLD, NULL, &act);
    _exit(!rf_cancelled() && act.sa_handler == SIG_DFL ? OK : WRONG);
}

static void broken_pipe(int unused)
{
    (void)unused;
    int ends[2];
    rf_cancel_on_signals();
    if (pipe(ends) != 0)
        _exit(WRONG);
    (void)close(ends[0]);
    (void)raise(SIGXFSZ);
    _exit(write(ends[1], "x", 1) < 0 ? OK : WRONG);
}

static void (*const bodies[])(int) = { set_then_signal, ignored_before, broken_pipe };

START_TEST(signals_in_special_cases)
{
    int status = run_child(bodies[_i], 0);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), OK);
}
END_TEST

static atomic_bool spinning;

static void *spin(void *arg)
{
    (void)arg;
    while (atomic_load(&spinning))
        (void)usleep(1000);
    return NULL;
}

static void many_threads(int unused)
{
    (void)unused;
    rf_cancel_on_signals();
    pthread_t t[4];
    atomic_store(&spinning, true);
    for (int i = 0; i < 4; i++)
        if (rf_thread_start(&t[i], spin, NULL) != 0)
            _exit(WRONG);
    (void)kill(getpid(), SIGTERM);
    int rc = rf_cancel_sleep(10000, NULL);
    atomic_store(&spinning, false);
    for (int i = 0; i < 4; i++)
        (void)pthread_join(t[i], NULL);
    _exit(rc == -RFE_TERMINATED ? OK : WRONG);
}

START_TEST(signals_reach_a_process_of_many_threads)
{
    int status = run_child(many_threads, 0);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), OK);
}
END_TEST

Suite *rf_cancel_suite(void)
{
    Suite *s = suite_create("cancel");
    TCase *tc = tcase_create("cancel");
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, the_first_code_wins);
    tcase_add_test(tc, sleeping);
    tcase_add_test(tc, wakeups_run_once_in_another_thread);
    tcase_add_test(tc, remove_waits_for_a_running_call);
    tcase_add_loop_test_raise_signal(tc, sixteen_wakeups_and_no_more, SIGABRT, 0, 2);
    tcase_add_loop_test(tc, a_signal_cancels, 0, 3);
    tcase_add_loop_test(tc, a_second_signal_ends_at_once, 0, 3);
    tcase_add_loop_test(tc, signals_in_special_cases, 0, 3);
    tcase_add_test(tc, signals_reach_a_process_of_many_threads);
    suite_add_tcase(s, tc);
    return s;
}
