/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include <check.h>

#include "base/arena.h"
#include "base/mem.h"

Suite *rf_arena_suite(void);

START_TEST(pieces_are_zeroed_aligned_and_apart)
{
    RF_CLEANUP(rf_arena_release) struct rf_arena a;
    unsigned char *pieces[2000];
    rf_arena_init(&a, 0);
    for (size_t i = 0; i < RF_ARRAY_LEN(pieces); i++) {
        size_t size = i % 37;
        pieces[i] = rf_arena_alloc(&a, size);
        ck_assert_uint_eq((uintptr_t)pieces[i] % 16, 0);
        for (size_t k = 0; k < size; k++)
            ck_assert_uint_eq(pieces[i][k], 0);
        memset(pieces[i], (int)(i % 251), size);
    }
    for (size_t i = 0; i < RF_ARRAY_LEN(pieces); i++)
        for (size_t k = 0; k < i % 37; k++)
            ck_assert_uint_eq(pieces[i][k], i % 251);
    ck_assert(!a.over);
}
END_TEST

START_TEST(small_pieces_pass_the_cap_and_say_so)
{
    RF_CLEANUP(rf_arena_release) struct rf_arena a;
    rf_arena_init(&a, 100);
    ck_assert_ptr_nonnull(rf_arena_alloc(&a, 90));
    ck_assert(!a.over);
    ck_assert_ptr_nonnull(rf_arena_alloc(&a, 90));
    ck_assert(a.over);
    ck_assert_uint_eq(rf_arena_room(&a), 0);
    rf_arena_release(&a);
    ck_assert(!a.over);
    ck_assert_uint_eq(rf_arena_room(&a), 100);
}
END_TEST

START_TEST(arrays_are_refused_beyond_the_cap)
{
    RF_CLEANUP(rf_arena_release) struct rf_arena a;
    rf_arena_init(&a, 1000);
    ck_assert_ptr_nonnull(rf_arena_array(&a, 100, 8));
    ck_assert(!a.over);
    ck_assert_ptr_null(rf_arena_array(&a, 100, 8));
    ck_assert(a.over);
    rf_arena_release(&a);
    ck_assert_ptr_null(rf_arena_array(&a, SIZE_MAX / 4, 8));
    ck_assert(a.over);
    rf_arena_release(&a);
    ck_assert_ptr_nonnull(rf_arena_array(&a, 0, 8));
}
END_TEST

START_TEST(pieces_larger_than_a_block)
{
    RF_CLEANUP(rf_arena_release) struct rf_arena a;
    rf_arena_init(&a, 0);
    char *large = rf_arena_alloc(&a, 1000000);
    memset(large, 'x', 1000000);
    char *small = rf_arena_alloc(&a, 10);
    memset(small, 'y', 10);
    ck_assert_int_eq(large[999999], 'x');
}
END_TEST

START_TEST(copies)
{
    RF_CLEANUP(rf_arena_release) struct rf_arena a;
    rf_arena_init(&a, 0);
    ck_assert_str_eq(rf_arena_dup(&a, rf_slice_of("abcdef", 3)), "abc");
    ck_assert_str_eq(rf_arena_dup(&a, rf_slice_of(NULL, 0)), "");
    ck_assert(rf_slice_is(rf_arena_slice(&a, rf_slice_str("xyz")), "xyz"));
    ck_assert_str_eq(rf_arena_printf(&a, "%d-%s", 5, "z").ptr, "5-z");
}
END_TEST

static char order[8];

static void note(void *arg)
{
    size_t n = strlen(order);
    order[n] = *(const char *)arg;
}

START_TEST(deferred_calls_run_last_first)
{
    struct rf_arena a;
    static char one[] = "1", two[] = "2";
    rf_arena_init(&a, 0);
    rf_arena_defer(&a, note, one);
    rf_arena_defer(&a, note, two);
    ck_assert_str_eq(order, "");
    rf_arena_release(&a);
    ck_assert_str_eq(order, "21");
    rf_arena_release(&a);
    ck_assert_str_eq(order, "21");
}
END_TEST

Suite *rf_arena_suite(void)
{
    Suite *s = suite_create("arena");
    TCase *tc = tcase_create("core");
    tcase_add_test(tc, pieces_are_zeroed_aligned_and_apart);
    tcase_add_test(tc, small_pieces_pass_the_cap_and_say_so);
    tcase_add_test(tc, arrays_are_refused_beyond_the_cap);
    tcase_add_test(tc, pieces_larger_than_a_block);
    tcase_add_test(tc, copies);
    tcase_add_test(tc, deferred_calls_run_last_first);
    suite_add_tcase(s, tc);
    return s;
}
