/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lazy.h"

#include <check.h>
#include <gnu/lib-names.h>

#include "base/mem.h"

Suite *rf_lazy_suite(void);

static struct {
    size_t (*length)(const char *text);
    int (*absolute)(int n);
} real;
static const char *const names[] = { "strlen", "abs" };

START_TEST(functions_in_their_order)
{
    ck_assert(rf_lazy_load(LIBC_SO, names, RF_ARRAY_LEN(names), &real));
    ck_assert_uint_eq(real.length("seven c"), 7);
    ck_assert_int_eq(real.absolute(-3), 3);
}
END_TEST

START_TEST(nothing_there)
{
    static const char *const unknown[] = { "strlen", "no_such_function_anywhere" };
    ck_assert(!rf_lazy_load("libno-such-library.so.1", names, RF_ARRAY_LEN(names), &real));
    ck_assert(!rf_lazy_load(LIBC_SO, unknown, RF_ARRAY_LEN(unknown), &real));
}
END_TEST

Suite *rf_lazy_suite(void)
{
    Suite *s = suite_create("lazy");
    TCase *t = tcase_create("lazy");
    tcase_add_test(t, functions_in_their_order);
    tcase_add_test(t, nothing_there);
    suite_add_tcase(s, t);
    return s;
}
