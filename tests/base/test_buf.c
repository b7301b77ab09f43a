/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "base/buf.h"
#include "base/mem.h"

Suite *rf_buf_suite(void);

START_TEST(starts_empty_and_terminated)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    ck_assert_ptr_nonnull(b.ptr);
    ck_assert_str_eq(b.ptr, "");
    ck_assert_uint_eq(b.max, (size_t)64 << 20);
    rf_buf_add(&b, NULL, 0);
    ck_assert_uint_eq(b.cap, 0);
    rf_buf_release(&b);
    ck_assert_str_eq(b.ptr, "");
}
END_TEST

START_TEST(appends_of_all_kinds)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_buf_add_str(&b, "ab");
    rf_buf_add_char(&b, 'c');
    rf_buf_add(&b, "d\0e", 3);
    rf_buf_addf(&b, "%d-%s", 5, "x");
    ck_assert_uint_eq(b.len, 9);
    ck_assert_mem_eq(b.ptr, "abcd\0e5-x", 10);
    rf_buf_clear(&b);
    ck_assert_str_eq(b.ptr, "");
    rf_buf_addf(&b, "%01000d", 7);
    ck_assert_uint_eq(b.len, 1000);
    ck_assert_uint_eq(strlen(b.ptr), 1000);
    ck_assert_int_eq(b.ptr[999], '7');
    rf_buf_release(&b);
}
END_TEST

START_TEST(cap_is_exact_and_sticky)
{
    struct rf_buf b;
    rf_buf_init(&b, 8);
    rf_buf_add_str(&b, "12345678");
    ck_assert_int_eq(b.rc, 0);
    ck_assert_str_eq(b.ptr, "12345678");
    rf_buf_add_char(&b, '9');
    ck_assert_int_eq(b.rc, -RFE_TOO_LARGE);
    ck_assert_str_eq(b.ptr, "12345678");
    rf_buf_release(&b);
    /* What would fit is not taken either after the first that did not. */
    rf_buf_add_str(&b, "1234");
    rf_buf_addf(&b, "%s", "56789");
    rf_buf_add_str(&b, "5");
    ck_assert_int_eq(b.rc, -RFE_TOO_LARGE);
    ck_assert_str_eq(b.ptr, "1234");
    rf_buf_clear(&b);
    rf_buf_add_str(&b, "5");
    ck_assert_int_eq(b.rc, 0);
    ck_assert_str_eq(b.ptr, "5");
    rf_buf_release(&b);
}
END_TEST

START_TEST(cap_holds_for_long_formats)
{
    struct rf_buf b;
    rf_buf_init(&b, 999);
    rf_buf_addf(&b, "%01000d", 7);
    ck_assert_int_eq(b.rc, -RFE_TOO_LARGE);
    ck_assert_uint_eq(b.len, 0);
    rf_buf_release(&b);
}
END_TEST

START_TEST(huge_lengths_do_not_overflow)
{
    struct rf_buf b;
    rf_buf_init(&b, SIZE_MAX);
    rf_buf_add_str(&b, "abc");
    rf_buf_add(&b, "x", SIZE_MAX);
    ck_assert_int_eq(b.rc, -RFE_TOO_LARGE);
    rf_buf_clear(&b);
    rf_buf_add_str(&b, "abc");
    rf_buf_add(&b, "x", SIZE_MAX - 3);
    ck_assert_int_eq(b.rc, -RFE_TOO_LARGE);
    ck_assert_str_eq(b.ptr, "abc");
    rf_buf_release(&b);
}
END_TEST

START_TEST(take_hands_over)
{
    struct rf_buf b;
    size_t n = 9;
    rf_buf_init(&b, 0);
    char *empty = rf_buf_take(&b, &n);
    ck_assert_str_eq(empty, "");
    ck_assert_uint_eq(n, 0);
    rf_buf_add_str(&b, "abc");
    char *p = rf_buf_take(&b, &n);
    ck_assert_str_eq(p, "abc");
    ck_assert_uint_eq(n, 3);
    ck_assert_str_eq(b.ptr, "");
    rf_buf_add_str(&b, "d");
    ck_assert_str_eq(b.ptr, "d");
    ck_assert_str_eq(p, "abc");
    free(p);
    free(empty);
    rf_buf_release(&b);
}
END_TEST

START_TEST(slices_compare)
{
    struct rf_slice none = rf_slice_str(NULL), abc = rf_slice_of("abcd", 3);
    ck_assert(rf_slice_eq(none, rf_slice_str("")));
    ck_assert(rf_slice_is(abc, "abc"));
    ck_assert(!rf_slice_is(abc, "abcd"));
    ck_assert(!rf_slice_is(abc, "abd"));
    ck_assert(!rf_slice_is(rf_slice_of("a\0b", 3), "a"));
    ck_assert(rf_slice_starts(abc, "ab"));
    ck_assert(rf_slice_starts(abc, ""));
    ck_assert(rf_slice_starts(none, ""));
    ck_assert(!rf_slice_starts(abc, "abcd"));
    ck_assert(!rf_slice_starts(none, "a"));
}
END_TEST

START_TEST(memory_helpers)
{
    ck_assert_ptr_null(rf_xstrdup(NULL));
    RF_CLEANUP(rf_freep) char *a = rf_xstrndup("abcdef", 3);
    ck_assert_str_eq(a, "abc");
    RF_CLEANUP(rf_freep) char *b = rf_xasprintf("%s-%d", a, 7);
    ck_assert_str_eq(b, "abc-7");
    char *stolen = RF_STEAL(b);
    ck_assert_ptr_null(b);
    ck_assert_str_eq(stolen, "abc-7");
    rf_wipe_freep(&stolen);
    ck_assert_ptr_null(stolen);
    rf_wipe_freep(&stolen);
    char secret[4] = "abc";
    rf_wipe(secret, sizeof(secret));
    ck_assert_mem_eq(secret, "\0\0\0\0", 4);
    free(rf_xmalloc(0));
    free(rf_xcalloc(0, 8));
    free(rf_xreallocarray(NULL, 0, 8));
    int fd = -1;
    rf_closep(&fd);
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    rf_closep(&ends[0]);
    ck_assert_int_eq(ends[0], -1);
    rf_closep(&ends[1]);
}
END_TEST

START_TEST(arrays_grow)
{
    RF_CLEANUP(rf_freep) uint32_t *list = NULL;
    size_t cap = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        list = rf_grow(list, i, &cap, sizeof(*list));
        ck_assert_uint_gt(cap, i);
        list[i] = i;
    }
    for (uint32_t i = 0; i < 1000; i++)
        ck_assert_uint_eq(list[i], i);
}
END_TEST

/* The sanitizers' allocators would report what is too large instead of failing. */
#define ASKED_BY_SANITIZER __attribute__((visibility("default")))
ASKED_BY_SANITIZER const char *__asan_default_options(void);
ASKED_BY_SANITIZER const char *__tsan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

/* volatile: the compiler must not see what is asked for here. */
static volatile size_t too_many = SIZE_MAX / 4;

static void calloc_too_much(void)
{
    (void)rf_xcalloc(too_many, 8);
}

static void realloc_too_much(void)
{
    (void)rf_xreallocarray(NULL, too_many, 8);
}

static void grow_too_much(void)
{
    size_t cap = SIZE_MAX - 1;
    (void)rf_grow(NULL, cap, &cap, 1);
}

static void (*const overflows[])(void) = { calloc_too_much, realloc_too_much, grow_too_much };

START_TEST(overflow_ends_with_status_70)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        overflows[_i]();
        _exit(0);
    }
    (void)close(ends[1]);
    char line[8192] = "";
    size_t n = 0;
    for (ssize_t got; (got = read(ends[0], line + n, sizeof(line) - 1 - n)) > 0;)
        n += (size_t)got;
    (void)close(ends[0]);
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 70);
    /* Behind what a sanitizer may say. */
    const char *want = "out of memory\n";
    ck_assert_uint_ge(n, strlen(want));
    ck_assert_str_eq(line + n - strlen(want), want);
}
END_TEST

Suite *rf_buf_suite(void)
{
    Suite *s = suite_create("buf");
    TCase *tc = tcase_create("buf");
    tcase_add_test(tc, starts_empty_and_terminated);
    tcase_add_test(tc, appends_of_all_kinds);
    tcase_add_test(tc, cap_is_exact_and_sticky);
    tcase_add_test(tc, cap_holds_for_long_formats);
    tcase_add_test(tc, huge_lengths_do_not_overflow);
    tcase_add_test(tc, take_hands_over);
    tcase_add_test(tc, slices_compare);
    tcase_add_test(tc, memory_helpers);
    tcase_add_test(tc, arrays_grow);
    tcase_add_loop_test(tc, overflow_ends_with_status_70, 0, 3);
    suite_add_tcase(s, tc);
    return s;
}
