/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "base/process.h"
#include "base/text.h"
#include "tests/base/helper_dir.h"

Suite *rf_process_suite(void);

/* A shell as the helper program: the scripts are ours. */
static int run_shell(const char *script, const char *in, struct rf_buf *out, unsigned ms,
                     int *status, struct rf_err *err)
{
    const char *const argv[] = { "sh", "-c", script, "sh", "arg one", NULL };
    return rf_process_run(argv, rf_slice_str(in), out, ms, status, err);
}

static size_t open_descriptors(void)
{
    return dir_count("/proc/self/fd");
}

/* Nothing of ours runs or waits to be waited for. */
static void check_no_children(void)
{
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

static const struct {
    const char *script, *in, *out;
    int status;
} runs[] = {
    { "cat", "hello", "hello", 0 },
    { "cat", NULL, "", 0 },
    { "printf %s \"$1\"", NULL, "arg one", 0 },
    { "exit 3", "unread", "", 3 },
    { "cat >/dev/null; exit 1", "read", "", 1 },
    { "echo lost >&2; echo kept", NULL, "kept\n", 0 },
    { "kill -9 $$", NULL, "", 137 },
    { "exec <&-; sleep 0.1; echo x", "unread", "x\n", 0 },
    { "exec >&-; cat >/dev/null; exit 5", "read", "", 5 },
    /* A grandchild that lives on and keeps the pipe is not waited for. */
    { "echo now; sleep 60 & exit 0", NULL, "now\n", 0 },
};

START_TEST(runs_and_tells)
{
    size_t fds = open_descriptors();
    struct rf_buf out;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&out, 1000);
    rf_buf_add_str(&out, "+");
    int status = -7;
    uint64_t start = rf_now_ms();
    int rc = run_shell(runs[_i].script, runs[_i].in, &out, 30000, &status, &err);
    ck_assert_msg(rc == 0, "%s: %s", runs[_i].script, err.msg);
    ck_assert_int_eq(status, runs[_i].status);
    ck_assert_int_eq(out.ptr[0], '+');
    ck_assert_str_eq(out.ptr + 1, runs[_i].out);
    ck_assert_uint_lt(rf_now_ms() - start, 20000);
    rf_buf_release(&out);
    ck_assert_uint_eq(open_descriptors(), fds);
    check_no_children();
}
END_TEST

START_TEST(much_goes_both_ways_at_once)
{
    enum { N = 1 << 20 };
    RF_CLEANUP(rf_freep) char *in = rf_xmalloc(N + 1);
    for (size_t i = 0; i < N; i++)
        in[i] = (char)('a' + i % 26);
    in[N] = '\0';
    struct rf_buf out;
    rf_buf_init(&out, N);
    int status = -1;
    ck_assert_int_eq(run_shell("cat", in, &out, 60000, &status, NULL), 0);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(out.len, N);
    ck_assert_mem_eq(out.ptr, in, N);
    rf_buf_release(&out);
}
END_TEST

static const struct {
    const char *script;
    unsigned ms;
    int rc;
} failures[] = {
    { "sleep 60", 100, -ETIMEDOUT },
    { "exec >&-; sleep 60", 100, -ETIMEDOUT },
    { "trap '' TERM INT; while :; do sleep 1; done", 100, -ETIMEDOUT },
    { "while :; do echo endless; done", 30000, -RFE_TOO_LARGE },
    { "printf %0200d 1", 30000, -RFE_TOO_LARGE },
};

START_TEST(bounded_in_time_and_size)
{
    size_t fds = open_descriptors();
    struct rf_buf out;
    rf_buf_init(&out, 100);
    rf_buf_add_str(&out, "+");
    int status = -7;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(run_shell(failures[_i].script, "in", &out, failures[_i].ms, &status, &err),
                     failures[_i].rc);
    ck_assert_int_eq(err.code, -failures[_i].rc);
    ck_assert_ptr_nonnull(strstr(err.msg, "sh: "));
    ck_assert_int_eq(status, -7);
    ck_assert_str_eq(out.ptr, "+");
    ck_assert_int_eq(out.rc, 0);
    rf_buf_release(&out);
    ck_assert_uint_eq(open_descriptors(), fds);
    check_no_children();
}
END_TEST

START_TEST(a_program_that_is_not_there)
{
    struct rf_buf out;
    rf_buf_init(&out, 100);
    int status;
    struct rf_err err = RF_ERR_INIT;
    const char *const absent[] = { "rf-no-such-program", NULL };
    ck_assert_int_eq(rf_process_run(absent, rf_slice_str(NULL), &out, 1000, &status, &err),
                     -RFE_NOT_FOUND);
    ck_assert_str_eq(err.msg, "rf-no-such-program: no such program");
    /* What is no program is not handed to a shell. */
    dir_write("script", "echo run by a shell\n");
    ck_assert_int_eq(chmod("script", 0755), 0);
    const char *const text[] = { "./script", NULL };
    ck_assert_int_eq(rf_process_run(text, rf_slice_str(NULL), &out, 1000, &status, &err), -ENOEXEC);
    ck_assert_uint_eq(out.len, 0);
    dir_write("plain", "x");
    const char *const plain[] = { "./plain", NULL };
    if (geteuid() != 0 || access("./plain", X_OK) != 0)
        ck_assert_int_eq(rf_process_run(plain, rf_slice_str(NULL), &out, 1000, &status, &err),
                         -EACCES);
    check_no_children();
}
END_TEST

START_TEST(arguments_are_not_expanded)
{
    struct rf_buf out;
    rf_buf_init(&out, 100);
    int status;
    const char *const argv[] = { "printf", "%s|", "$HOME", "`id`", "a b", ";", NULL };
    ck_assert_int_eq(rf_process_run(argv, rf_slice_str(NULL), &out, 10000, &status, NULL), 0);
    ck_assert_str_eq(out.ptr, "$HOME|`id`|a b|;|");
    rf_buf_release(&out);
}
END_TEST

START_TEST(descriptors_and_signals_are_not_inherited)
{
    int secret = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(secret, 0);
    rf_cancel_on_signals();
    struct rf_buf out;
    rf_buf_init(&out, 4000);
    int status;
    ck_assert_int_eq(run_shell("exec ls -l /proc/self/fd", NULL, &out, 10000, &status, NULL), 0);
    ck_assert_ptr_nonnull(strstr(out.ptr, "2 -> /dev/null"));
    ck_assert_ptr_null(strstr(out.ptr, "passwd"));
    rf_buf_clear(&out);
    sigset_t all;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, NULL);
    ck_assert_int_eq(run_shell("exec grep -E '^Sig(Blk|Ign)' /proc/self/status", NULL, &out, 10000,
                               &status, NULL),
                     0);
    const char *ignored = strstr(out.ptr, "SigIgn:\t");
    ck_assert(rf_slice_starts(rf_buf_slice(&out), "SigBlk:\t0000000000000000\n"));
    ck_assert_ptr_nonnull(ignored);
    unsigned long long mask = strtoull(ignored + strlen("SigIgn:\t"), NULL, 16);
    ck_assert_uint_eq(mask & (1ULL << (SIGPIPE - 1) | 1ULL << (SIGXFSZ - 1)), 0);
    rf_buf_release(&out);
}
END_TEST

START_TEST(a_program_that_does_not_read_raises_no_signal)
{
    (void)signal(SIGPIPE, SIG_DFL);
    RF_CLEANUP(rf_freep) char *in = rf_xcalloc(1, 1 << 20);
    memset(in, 'x', (1 << 20) - 1);
    struct rf_buf out;
    rf_buf_init(&out, 100);
    int status = -1;
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(run_shell("exec <&-; sleep 0.05", in, &out, 10000, &status, NULL), 0);
    ck_assert_int_eq(status, 0);
    sigset_t pending;
    ck_assert_int_eq(sigpending(&pending), 0);
    ck_assert_int_eq(sigismember(&pending, SIGPIPE), 0);
}
END_TEST

static void *cancel_soon(void *arg)
{
    (void)arg;
    (void)usleep(100000);
    rf_cancel_set(RFE_CANCELLED);
    return NULL;
}

START_TEST(cancelling_ends_it)
{
    struct rf_buf out;
    rf_buf_init(&out, 100);
    int status;
    pthread_t t;
    ck_assert_int_eq(rf_thread_start(&t, cancel_soon, NULL), 0);
    ck_assert_int_eq(run_shell("exec sleep 60", NULL, &out, 60000, &status, NULL), -RFE_CANCELLED);
    (void)pthread_join(t, NULL);
    check_no_children();
}
END_TEST

static int run_one(void *ctx, size_t i, struct rf_err *err)
{
    (void)ctx;
    (void)i;
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 100);
    int status = -1;
    int rc = run_shell("cat", "abc", &out, 30000, &status, err);
    if (rc < 0)
        return rc;
    return status == 0 && rf_slice_is(rf_buf_slice(&out), "abc")
               ? 0
               : rf_fail(err, RFE_FAILED, "mixed up");
}

START_TEST(the_tail_of_all_that_is_said)
{
    const char *const argv[] = { "sh", "-c", "seq 100000; echo error >&2; seq 3; exit 2", NULL };
    const struct rf_process_how how = { .timeout_ms = 30000, .tail = true };
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    int status = 0;
    rf_buf_init(&out, 8192);
    int rc = rf_process_run_with(argv, &how, rf_slice_str(NULL), &out, &status, &err);
    ck_assert_msg(rc == 0, "%s", err.msg);
    static const char end[] = "\n99999\n100000\nerror\n1\n2\n3\n";
    ck_assert_int_eq(status, 2);
    ck_assert_uint_gt(out.len, 4000);
    ck_assert_uint_le(out.len, 8192);
    ck_assert_str_eq(out.ptr + out.len - strlen(end), end);
}
END_TEST

START_TEST(several_at_once)
{
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_parallel(8, 40, run_one, NULL, &err) == 0, "%s", err.msg);
}
END_TEST

START_TEST(a_lost_status_is_no_success)
{
    (void)signal(SIGCHLD, SIG_IGN);
    struct rf_buf out;
    rf_buf_init(&out, 100);
    int status = -7;
    ck_assert_int_eq(run_shell("exit 1", NULL, &out, 10000, &status, NULL), -RFE_FAILED);
    ck_assert_int_eq(status, -7);
}
END_TEST

Suite *rf_process_suite(void)
{
    Suite *s = suite_create("process");
    TCase *tc = tcase_create("process");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, dir_setup, dir_teardown);
    tcase_add_loop_test(tc, runs_and_tells, 0, RF_ARRAY_LEN(runs));
    tcase_add_test(tc, much_goes_both_ways_at_once);
    tcase_add_loop_test(tc, bounded_in_time_and_size, 0, RF_ARRAY_LEN(failures));
    tcase_add_test(tc, a_program_that_is_not_there);
    tcase_add_test(tc, arguments_are_not_expanded);
    tcase_add_test(tc, descriptors_and_signals_are_not_inherited);
    tcase_add_test(tc, a_program_that_does_not_read_raises_no_signal);
    tcase_add_test(tc, cancelling_ends_it);
    tcase_add_test(tc, the_tail_of_all_that_is_said);
    tcase_add_test(tc, several_at_once);
    tcase_add_test(tc, a_lost_status_is_no_success);
    suite_add_tcase(s, tc);
    return s;
}
