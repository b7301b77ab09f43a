/* SPDX-License-Identifier: Apache-2.0 */
#include "base/columns.h"

#include <check.h>

#include "base/mem.h"

static const struct {
    const char *name, *text, *want;
} cases[] = {
    { "empty", "", "" },
    { "no columns", "one\ntwo\n", "one\ntwo\n" },
    { "two columns", "Name:\tx\nMediaType:\ty\n", "Name:      x\nMediaType: y\n" },
    { "an empty second cell keeps its blanks", "A:\tx\n\t\nLong:\t\n",
      "A:    x\n      \nLong: \n" },
    { "no newline at the end", "A:\tx\nBB:\ty", "A:  x\nBB: y" },
    { "a line without cell ends the column", "A:\tx\nplain\nLong:\ty\n", "A: x\nplain\nLong: y\n" },
    { "three columns", "a\tb\tc\naa\tbbb\tc\n", "a  b   c\naa bbb c\n" },
    { "a column that only some lines have", "a\tb\tc\naaa\tx\n", "a   b c\naaa x\n" },
    { "characters, not bytes", "\xc3\xa4:\tx\nab:\ty\n", "\xc3\xa4:  x\nab: y\n" },
};

START_TEST(texts)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 0);
    rf_columns(rf_slice_str(cases[_i].text), &out);
    ck_assert_msg(strcmp(out.ptr, cases[_i].want) == 0, "%s: got\n%s", cases[_i].name, out.ptr);
}
END_TEST

START_TEST(bounded)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 8);
    rf_columns(rf_slice_str("a very long cell\tx\nb\ty\n"), &out);
    ck_assert_int_eq(out.rc, -RFE_TOO_LARGE);
}
END_TEST

Suite *rf_columns_suite(void);
Suite *rf_columns_suite(void)
{
    Suite *s = suite_create("columns");
    TCase *t = tcase_create("columns");
    tcase_add_loop_test(t, texts, 0, (int)RF_ARRAY_LEN(cases));
    tcase_add_test(t, bounded);
    suite_add_tcase(s, t);
    return s;
}
