/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

#include <check.h>

#include "base/error.h"

Suite *rf_error_suite(void);

START_TEST(fail_sets_code_and_text)
{
    struct rf_err err = { .http_status = 500, .retry_after = 3, .msg = "old" };
    ck_assert_int_eq(rf_fail(&err, RFE_NOT_FOUND, "no tag %s", "v1"), -RFE_NOT_FOUND);
    ck_assert_int_eq(err.code, RFE_NOT_FOUND);
    ck_assert_str_eq(err.msg, "no tag v1");
    ck_assert_int_eq(err.http_status, 0);
    ck_assert_uint_eq(err.retry_after, 0);
}
END_TEST

START_TEST(all_accept_no_object)
{
    ck_assert_int_eq(rf_fail(NULL, RFE_BUSY, "x"), -RFE_BUSY);
    ck_assert_int_eq(rf_fail_errno(NULL, ENOENT, "x"), -ENOENT);
    ck_assert_int_eq(rf_wrap(NULL, -RFE_BUSY, "x"), -RFE_BUSY);
    ck_assert_int_eq(rf_hint(NULL, -RFE_BUSY, "x"), -RFE_BUSY);
}
END_TEST

START_TEST(foreign_text_is_made_safe)
{
    struct rf_err err = RF_ERR_INIT;
    (void)rf_fail(&err, RFE_INVALID, "tag %s", "a\033[31m\nb\xff\xe2\x80\xae");
    ck_assert_str_eq(err.msg, "tag a\\x1b[31m\\x0ab\\xff\\xe2\\x80\\xae");
    /* What is escaped stays as it is when it goes through again. */
    (void)rf_wrap(&err, -1, "x\ry");
    ck_assert_str_eq(err.msg, "x\\x0dy: tag a\\x1b[31m\\x0ab\\xff\\xe2\\x80\\xae");
}
END_TEST

START_TEST(errno_text_is_appended)
{
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_fail_errno(&err, EACCES, "open %s", "f"), -EACCES);
    ck_assert_str_eq(err.msg, "open f: Permission denied");
    ck_assert_int_eq(rf_fail_errno(&err, ENOSPC, "write"), -RFE_NO_SPACE);
    ck_assert_int_eq(err.code, RFE_NO_SPACE);
    ck_assert_str_eq(err.msg, "write: No space left on device");
    ck_assert_int_eq(rf_fail_errno(&err, EDQUOT, "write"), -RFE_NO_SPACE);
    /* A forgotten errno is a failure all the same. */
    ck_assert_int_eq(rf_fail_errno(&err, 0, "write"), -EIO);
}
END_TEST

START_TEST(wrap_puts_context_first)
{
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_fail(&err, RFE_DIGEST_MISMATCH, "cause");
    err.http_status = 404;
    ck_assert_int_eq(rf_wrap(&err, rc, "pull %s", "r/a:1"), -RFE_DIGEST_MISMATCH);
    ck_assert_str_eq(err.msg, "pull r/a:1: cause");
    ck_assert_int_eq(err.code, RFE_DIGEST_MISMATCH);
    ck_assert_int_eq(err.http_status, 404);
    /* Success passes through. */
    ck_assert_int_eq(rf_wrap(&err, 7, "x"), 7);
    ck_assert_str_eq(err.msg, "pull r/a:1: cause");
    /* The message may be an argument of its own successor. */
    (void)rf_fail(&err, RFE_FAILED, "again: %s", err.msg);
    ck_assert_str_eq(err.msg, "again: pull r/a:1: cause");
}
END_TEST

START_TEST(wrap_of_an_empty_object_names_the_code)
{
    struct rf_err err = RF_ERR_INIT;
    (void)rf_wrap(&err, -RFE_BUSY, "lock f");
    ck_assert_str_eq(err.msg, "lock f: another process holds the lock");
    ck_assert_int_eq(err.code, RFE_BUSY);
}
END_TEST

START_TEST(wrap_cuts_the_context_never_the_cause)
{
    struct rf_err err = RF_ERR_INIT;
    char cause[301], context[1500];
    memset(cause, 'c', sizeof(cause));
    cause[300] = '\0';
    memset(context, 'x', sizeof(context));
    context[1499] = '\0';
    int rc = rf_fail(&err, RFE_FAILED, "%s", cause);
    (void)rf_wrap(&err, rc, "%s", context);
    ck_assert_uint_eq(strlen(err.msg), sizeof(err.msg) - 1);
    ck_assert_int_eq(strncmp(err.msg, "xxxx", 4), 0);
    const char *tail = err.msg + strlen(err.msg) - 300;
    ck_assert_str_eq(tail, cause);
    ck_assert_int_eq(strncmp(tail - 5, "...: ", 5), 0);
    /* A second time there is no room left for anything new. */
    char before[sizeof(err.msg)];
    memcpy(before, err.msg, sizeof(before));
    (void)rf_wrap(&err, rc, "y");
    ck_assert_str_eq(err.msg, before);
}
END_TEST

START_TEST(wrap_cuts_between_characters)
{
    struct rf_err err = RF_ERR_INIT;
    /* 500 times U+00E4; with a cause of every small length the cut falls on both bytes. */
    char context[1001];
    for (size_t i = 0; i < 1000; i += 2)
        memcpy(context + i, "\xc3\xa4", 2);
    context[1000] = '\0';
    for (int n = 100; n < 104; n++) {
        int rc = rf_fail(&err, RFE_FAILED, "%0*d", n, 0);
        (void)rf_wrap(&err, rc, "%s", context);
        const char *dots = strstr(err.msg, "...");
        ck_assert_ptr_nonnull(dots);
        ck_assert_int_eq((dots - err.msg) % 2, 0);
    }
}
END_TEST

START_TEST(a_long_text_is_marked_as_cut)
{
    struct rf_err err = RF_ERR_INIT;
    (void)rf_fail(&err, RFE_FAILED, "%05000d", 1);
    ck_assert_uint_eq(strlen(err.msg), sizeof(err.msg) - 1);
    ck_assert_str_eq(err.msg + strlen(err.msg) - 3, "...");
    (void)rf_fail_errno(&err, EACCES, "%05000d", 1);
    const char *end = "...: Permission denied";
    ck_assert_str_eq(err.msg + strlen(err.msg) - strlen(end), end);
}
END_TEST

START_TEST(hint_comes_last_and_whole)
{
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_fail(&err, RFE_REFUSED, "unsigned");
    ck_assert_int_eq(rf_hint(&err, rc, "use --allow-%s", "unsigned"), -RFE_REFUSED);
    ck_assert_str_eq(err.msg, "unsigned; use --allow-unsigned");
    ck_assert_int_eq(rf_hint(&err, 0, "x"), 0);
    ck_assert_str_eq(err.msg, "unsigned; use --allow-unsigned");
    (void)rf_hint(&err, rc, "%0999d", 1);
    ck_assert_str_eq(err.msg, "unsigned; use --allow-unsigned");
}
END_TEST

START_TEST(table_rows_agree_with_the_functions)
{
    const char *name, *text;
    int status;
    bool retryable;
    size_t n = 0;
    while (rf_error_row(n, &name, &status, &retryable, &text)) {
        int code = RFE_BASE + 1 + (int)n;
        ck_assert_str_eq(rf_error_name(code), name);
        ck_assert_str_eq(rf_error_name(-code), name);
        ck_assert_str_eq(rf_error_text(-code), text);
        ck_assert_int_eq(rf_error_exit_status(-code), status);
        ck_assert_int_eq(rf_error_retryable(-code), retryable);
        ck_assert_int_gt(status, 0);
        n++;
    }
    ck_assert_uint_eq(n, (size_t)(RFE_END - RFE_BASE - 1));
}
END_TEST

static const struct {
    int code, status;
    bool retryable;
    const char *name;
} samples[] = {
    { 0, 0, false, "OK" },
    { RFE_FAILED, 1, false, "FAILED" },
    { -RFE_PARTIAL, 3, false, "PARTIAL" },
    { RFE_GROUND_MISSING, 5, false, "GROUND_MISSING" },
    { RFE_CANCELLED, 130, false, "CANCELLED" },
    { RFE_TERMINATED, 143, false, "TERMINATED" },
    { RFE_AGAIN, 1, true, "AGAIN" },
    { RFE_SERVER, 1, true, "SERVER" },
    { -ENOENT, 1, false, "ENOENT" },
    { ENOSPC, 7, false, "ENOSPC" },
    { -EDQUOT, 7, false, "EDQUOT" },
    { RFE_BASE, 1, false, "UNKNOWN" },
    { RFE_END, 1, false, "UNKNOWN" },
    { 1000000, 1, false, "UNKNOWN" },
    { INT32_MIN, 1, false, "FAILED" },
};

START_TEST(codes_have_status_and_name)
{
    ck_assert_str_eq(rf_error_name(samples[_i].code), samples[_i].name);
    ck_assert_int_eq(rf_error_exit_status(samples[_i].code), samples[_i].status);
    ck_assert_int_eq(rf_error_retryable(samples[_i].code), samples[_i].retryable);
    ck_assert_ptr_nonnull(rf_error_text(samples[_i].code));
}
END_TEST

START_TEST(check_ends_the_process)
{
    RF_CHECK(1 + 1 == 3);
}
END_TEST

START_TEST(fail_without_code_is_a_bug)
{
    (void)rf_fail(NULL, 0, "x");
}
END_TEST

Suite *rf_error_suite(void)
{
    Suite *s = suite_create("error");
    TCase *tc = tcase_create("error");
    tcase_add_test(tc, fail_sets_code_and_text);
    tcase_add_test(tc, all_accept_no_object);
    tcase_add_test(tc, foreign_text_is_made_safe);
    tcase_add_test(tc, errno_text_is_appended);
    tcase_add_test(tc, wrap_puts_context_first);
    tcase_add_test(tc, wrap_of_an_empty_object_names_the_code);
    tcase_add_test(tc, wrap_cuts_the_context_never_the_cause);
    tcase_add_test(tc, wrap_cuts_between_characters);
    tcase_add_test(tc, a_long_text_is_marked_as_cut);
    tcase_add_test(tc, hint_comes_last_and_whole);
    tcase_add_test(tc, table_rows_agree_with_the_functions);
    tcase_add_loop_test(tc, codes_have_status_and_name, 0, sizeof(samples) / sizeof(samples[0]));
    tcase_add_test_raise_signal(tc, check_ends_the_process, SIGABRT);
    tcase_add_test_raise_signal(tc, fail_without_code_is_a_bug, SIGABRT);
    suite_add_tcase(s, tc);
    return s;
}
