/* SPDX-License-Identifier: Apache-2.0 */
#include "base/diff.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"

static void text_diff(const char *a, const char *b, size_t context, bool full, struct rf_buf *out)
{
    const struct rf_diff_options o = { .context = context, .full = full };
    rf_buf_init(out, 0);
    rf_diff_text(rf_slice_str(a), rf_slice_str(b), &o, out);
}

static const struct {
    const char *name, *a, *b;
    size_t context;
    bool full;
    const char *want;
} cases[] = {
    { "equal", "a\nb", "a\nb", 3, false, "" },
    { "both empty", "", "", 3, false, "" },
    { "changed line", "a\nb\nc", "a\nx\nc", 3, false, "@@ -1,3 +1,3 @@\n  a\n- b\n+ x\n  c\n" },
    { "no context", "a\nb\nc", "a\nx\nc", 0, false, "@@ -2,1 +2,1 @@\n- b\n+ x\n" },
    { "added at the end", "a", "a\nb", 3, false, "@@ -1,1 +1,2 @@\n  a\n+ b\n" },
    { "added at the start", "b", "a\nb", 3, false, "@@ -1,1 +1,2 @@\n+ a\n  b\n" },
    { "taken away", "a\nb\nc", "a\nc", 1, false, "@@ -1,3 +1,2 @@\n  a\n- b\n  c\n" },
    { "everything", "a\nb", "c\nd", 3, false, "@@ -1,2 +1,2 @@\n- a\n- b\n+ c\n+ d\n" },
    { "near changes are one hunk", "1\n2\n3\n4\n5", "x\n2\n3\n4\ny", 3, false,
      "@@ -1,5 +1,5 @@\n- 1\n+ x\n  2\n  3\n  4\n- 5\n+ y\n" },
    { "far changes are two", "1\n2\n3\n4\n5", "x\n2\n3\n4\ny", 1, false,
      "@@ -1,2 +1,2 @@\n- 1\n+ x\n  2\n@@ -4,2 +4,2 @@\n  4\n- 5\n+ y\n" },
    { "full", "1\n2\n3\n4\n5", "x\n2\n3\n4\n5", 0, true,
      "@@ -1,5 +1,5 @@\n- 1\n+ x\n  2\n  3\n  4\n  5\n" },
    { "numbers go on behind an insertion", "1\n2\n3\n4\n5\n6", "1\nn\n2\n3\n4\n5\nx", 1, false,
      "@@ -1,2 +1,3 @@\n  1\n+ n\n  2\n@@ -5,2 +6,2 @@\n  5\n- 6\n+ x\n" },
};

START_TEST(hunks)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    text_diff(cases[_i].a, cases[_i].b, cases[_i].context, cases[_i].full, &out);
    ck_assert_msg(strcmp(out.ptr, cases[_i].want) == 0, "%s: got\n%s", cases[_i].name, out.ptr);
}
END_TEST

/* Applies what a full diff says to a: gives b. */
static void check_full(const char *a, const char *b)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    RF_CLEANUP(rf_buf_release) struct rf_buf from, to;
    text_diff(a, b, 0, true, &out);
    if (strcmp(a, b) == 0) {
        ck_assert_uint_eq(out.len, 0);
        return;
    }
    rf_buf_init(&from, 0);
    rf_buf_init(&to, 0);
    const char *at = strchr(out.ptr, '\n') + 1;
    while (*at != '\0') {
        size_t n = strcspn(at, "\n");
        ck_assert_uint_ge(n, 2);
        if (at[0] != '+')
            rf_buf_addf(&from, "%.*s\n", (int)n - 2, at + 2);
        if (at[0] != '-')
            rf_buf_addf(&to, "%.*s\n", (int)n - 2, at + 2);
        at += n + 1;
    }
    from.ptr[from.len - 1] = '\0';
    to.ptr[to.len - 1] = '\0';
    ck_assert_str_eq(from.ptr, a);
    ck_assert_str_eq(to.ptr, b);
}

START_TEST(random_texts_are_rebuilt)
{
    uint32_t seed = 12345;
    for (int round = 0; round < 400; round++) {
        char a[64], b[64];
        char *texts[] = { a, b };
        for (size_t t = 0; t < 2; t++) {
            size_t n = 1;
            texts[t][0] = 'a';
            for (size_t i = 0; i < 12; i++) {
                seed = seed * 1664525u + 1013904223u;
                if ((seed >> 30) == 0)
                    continue;
                texts[t][n++] = '\n';
                texts[t][n++] = (char)('a' + (seed >> 16) % 4);
            }
            texts[t][n] = '\0';
        }
        check_full(a, b);
    }
}
END_TEST

/* More edits than one stretch may have: the lines that both have once hold the rest together. */
START_TEST(many_edits)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf a, b;
    rf_buf_init(&a, 0);
    rf_buf_init(&b, 0);
    for (int i = 0; i < 20000; i++) {
        rf_buf_addf(&a, "%s%d %s", i > 0 ? "\n" : "", i, i % 3 == 0 ? "old" : "kept");
        rf_buf_addf(&b, "%s%d %s", i > 0 ? "\n" : "", i, i % 3 == 0 ? "new" : "kept");
    }
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    text_diff(a.ptr, b.ptr, 0, false, &out);
    size_t gone = 0;
    for (const char *at = out.ptr; (at = strstr(at, "\n- ")) != NULL; at++)
        gone++;
    ck_assert_uint_eq(gone, 6667);
    check_full(a.ptr, b.ptr);
}
END_TEST

START_TEST(nothing_in_common)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf a, b;
    rf_buf_init(&a, 0);
    rf_buf_init(&b, 0);
    for (int i = 0; i < 50000; i++) {
        rf_buf_addf(&a, "a%d\n", i);
        rf_buf_addf(&b, "b%d\n", i);
    }
    rf_buf_add_str(&a, "last");
    rf_buf_add_str(&b, "end");
    check_full(a.ptr, b.ptr);
}
END_TEST

Suite *rf_diff_suite(void);
Suite *rf_diff_suite(void)
{
    Suite *s = suite_create("diff");
    TCase *t = tcase_create("diff");
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, hunks, 0, (int)RF_ARRAY_LEN(cases));
    tcase_add_test(t, random_texts_are_rebuilt);
    tcase_add_test(t, many_edits);
    tcase_add_test(t, nothing_in_common);
    suite_add_tcase(s, t);
    return s;
}
