/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/idmap.h"
#include "base/mem.h"

Suite *rf_idmap_suite(void);

static struct rf_slice number_key(const void *ctx, uint32_t id)
{
    const uint32_t *numbers = ctx;
    return rf_slice_of(&numbers[id], sizeof(numbers[id]));
}

START_TEST(finds_what_was_added)
{
    enum { N = 20000 };
    RF_CLEANUP(rf_freep) uint32_t *numbers = rf_xcalloc(N, sizeof(*numbers));
    struct rf_idmap m;
    rf_idmap_init(&m, number_key, numbers);
    uint32_t probe = 7;
    ck_assert_uint_eq(rf_idmap_find(&m, rf_slice_of(&probe, sizeof(probe))), RF_NO_ID);
    for (uint32_t i = 0; i < N; i++) {
        numbers[i] = i * 2654435761U;
        rf_idmap_add(&m, i);
    }
    ck_assert_uint_eq(m.len, N);
    for (uint32_t i = 0; i < N; i++) {
        uint32_t key = i * 2654435761U, absent = (i + N) * 2654435761U;
        ck_assert_uint_eq(rf_idmap_find(&m, rf_slice_of(&key, sizeof(key))), i);
        ck_assert_uint_eq(rf_idmap_find(&m, rf_slice_of(&absent, sizeof(absent))), RF_NO_ID);
    }
    /* The promise of the header. */
    ck_assert_uint_le(m.cap * sizeof(*m.slots), (size_t)N * 10);
    rf_idmap_release(&m);
    ck_assert_uint_eq(rf_idmap_find(&m, rf_slice_of(&probe, sizeof(probe))), RF_NO_ID);
}
END_TEST

START_TEST(the_same_key_twice_is_a_bug)
{
    uint32_t numbers[2] = { 5, 5 };
    struct rf_idmap m;
    rf_idmap_init(&m, number_key, numbers);
    rf_idmap_add(&m, 0);
    rf_idmap_add(&m, 1);
}
END_TEST

START_TEST(strings_are_kept_once)
{
    struct rf_strings s;
    rf_strings_init(&s);
    ck_assert_uint_eq(rf_strings_find(&s, rf_slice_str("a")), RF_NO_ID);
    ck_assert_uint_eq(rf_strings_add(&s, rf_slice_of("abc", 1)), 0);
    ck_assert_uint_eq(rf_strings_add(&s, rf_slice_str("b")), 1);
    ck_assert_uint_eq(rf_strings_add(&s, rf_slice_str("")), 2);
    ck_assert_uint_eq(rf_strings_add(&s, rf_slice_str("a")), 0);
    ck_assert_uint_eq(rf_strings_add(&s, rf_slice_str(NULL)), 2);
    ck_assert_str_eq(rf_strings_get(&s, 0), "a");
    ck_assert_str_eq(rf_strings_get(&s, 2), "");
    ck_assert_uint_eq(rf_strings_find(&s, rf_slice_str("ab")), RF_NO_ID);
    rf_strings_release(&s);
}
END_TEST

START_TEST(strings_stay_valid_while_growing)
{
    struct rf_strings s;
    rf_strings_init(&s);
    (void)rf_strings_add(&s, rf_slice_str("first"));
    const char *first = rf_strings_get(&s, 0);
    char text[32];
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(text, sizeof(text), "%u", i);
        ck_assert_uint_eq(rf_strings_add(&s, rf_slice_str(text)), i + 1);
    }
    ck_assert_str_eq(first, "first");
    /* The struct may be moved. */
    struct rf_strings moved = s;
    memset(&s, 0, sizeof(s));
    ck_assert_uint_eq(rf_strings_find(&moved, rf_slice_str("4999")), 5000);
    ck_assert_uint_eq(rf_strings_add(&moved, rf_slice_str("4999")), 5000);
    ck_assert_uint_eq(rf_strings_add(&moved, rf_slice_str("new")), 5001);
    rf_strings_release(&moved);
    ck_assert_uint_eq(rf_strings_add(&moved, rf_slice_str("again")), 0);
    rf_strings_release(&moved);
}
END_TEST

START_TEST(hashes_depend_on_every_byte)
{
    char bytes[40] = { 0 };
    for (size_t n = 1; n <= sizeof(bytes); n++) {
        uint64_t base = rf_hash_bytes(rf_slice_of(bytes, n));
        ck_assert(base == rf_hash_bytes(rf_slice_of(bytes, n)));
        ck_assert(base != rf_hash_bytes(rf_slice_of(bytes, n - 1)));
        for (size_t i = 0; i < n; i++) {
            bytes[i] = 1;
            ck_assert(base != rf_hash_bytes(rf_slice_of(bytes, n)));
            bytes[i] = 0;
        }
    }
}
END_TEST

START_TEST(unknown_number_is_a_bug)
{
    struct rf_strings s;
    rf_strings_init(&s);
    (void)rf_strings_get(&s, 0);
}
END_TEST

Suite *rf_idmap_suite(void)
{
    Suite *s = suite_create("idmap");
    TCase *tc = tcase_create("idmap");
    tcase_add_test(tc, finds_what_was_added);
    tcase_add_test_raise_signal(tc, the_same_key_twice_is_a_bug, SIGABRT);
    tcase_add_test(tc, strings_are_kept_once);
    tcase_add_test(tc, strings_stay_valid_while_growing);
    tcase_add_test(tc, hashes_depend_on_every_byte);
    tcase_add_test_raise_signal(tc, unknown_number_is_a_bug, SIGABRT);
    suite_add_tcase(s, tc);
    return s;
}
