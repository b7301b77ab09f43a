/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lines.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"

Suite *rf_lines_suite(void);

#define SLICE(s) rf_slice_of((s), sizeof(s) - 1)

static const struct {
    const char *name;
    struct rf_slice text;
    const char *lines[5]; /* NULL ends; "<NUL>" stands for a line of one NUL */
    bool ended;           /* the last one had no LF */
} rows[] = {
    { "empty", { "", 0 }, { NULL }, false },
    { "one", { "a\n", 2 }, { "a", NULL }, false },
    { "one without end", { "a", 1 }, { "a", NULL }, true },
    { "empty line", { "\n", 1 }, { "", NULL }, false },
    { "empty lines", { "\n\n\n", 3 }, { "", "", "", NULL }, false },
    { "two", { "a\nbc\n", 5 }, { "a", "bc", NULL }, false },
    { "two, the last without end", { "a\nbc", 4 }, { "a", "bc", NULL }, true },
    { "empty line last", { "a\n\n", 3 }, { "a", "", NULL }, false },
    { "carriage returns are kept", { "a\r\nb", 4 }, { "a\r", "b", NULL }, true },
    { "NUL", { "a\n\0\nb\n", 6 }, { "a", "<NUL>", "b", NULL }, false },
};

/* Hands out `step` bytes at a time, then the end or a failure. */
struct dripping {
    struct rf_source base;
    struct rf_slice left;
    size_t step;
    int failure;
};

static ssize_t drip(struct rf_source *s, void *p, size_t n, struct rf_err *err)
{
    struct dripping *d = (struct dripping *)s;
    if (d->left.len == 0)
        return d->failure == 0 ? 0 : rf_fail(err, d->failure, "the cable was pulled");
    n = n < d->step ? n : d->step;
    n = n < d->left.len ? n : d->left.len;
    memcpy(p, d->left.ptr, n);
    d->left = rf_slice_of(d->left.ptr + n, d->left.len - n);
    return (ssize_t)n;
}

static const struct rf_source_ops drip_ops = { .read = drip };

static void expect_lines(size_t row, struct rf_source *src)
{
    struct rf_lines l;
    struct rf_slice line;
    rf_lines_init(&l, src, 100);
    size_t n = 0;
    for (; rows[row].lines[n] != NULL; n++) {
        const char *want = rows[row].lines[n];
        ck_assert_msg(rf_lines_next(&l, &line, NULL) == 1, "%s: line %zu", rows[row].name, n + 1);
        bool same = strcmp(want, "<NUL>") == 0 ? rf_slice_eq(line, rf_slice_of("", 1))
                                               : rf_slice_is(line, want);
        ck_assert_msg(same, "%s: line %zu is %.*s", rows[row].name, n + 1, (int)line.len, line.ptr);
        ck_assert_uint_eq(l.number, n + 1);
        bool last = rows[row].lines[n + 1] == NULL;
        ck_assert_msg(l.ended == (last && rows[row].ended), "%s: line %zu", rows[row].name, n + 1);
    }
    for (int again = 0; again < 2; again++)
        ck_assert_int_eq(rf_lines_next(&l, &line, NULL), 0);
    ck_assert_uint_eq(l.number, n);
    rf_lines_release(&l);
}

START_TEST(lines_of_a_text)
{
    struct rf_source *src = rf_source_mem(rows[_i].text);
    expect_lines((size_t)_i, src);
    rf_source_free(src);
    for (size_t step = 1; step < 4; step++) {
        struct dripping d = { .base.ops = &drip_ops, .left = rows[_i].text, .step = step };
        expect_lines((size_t)_i, &d.base);
    }
}
END_TEST

START_TEST(the_limit_is_exact)
{
    for (size_t max = 1; max < 40000; max = max * 3 + 1) {
        struct rf_buf text;
        struct rf_lines l;
        struct rf_slice line;
        struct rf_err err = RF_ERR_INIT;
        rf_buf_init(&text, 0);
        rf_buf_add_str(&text, max < 5 ? "\n" : "first\n");
        for (size_t i = 0; i < max; i++)
            rf_buf_add_char(&text, 'x');
        rf_buf_add_char(&text, '\n');
        for (size_t i = 0; i <= max; i++)
            rf_buf_add_char(&text, 'y');
        rf_buf_add_str(&text, "\nlast\n");
        struct rf_source *src = rf_source_mem(rf_buf_slice(&text));
        rf_lines_init(&l, src, max);
        ck_assert_int_eq(rf_lines_next(&l, &line, &err), 1);
        ck_assert_int_eq(rf_lines_next(&l, &line, &err), 1);
        ck_assert_uint_eq(line.len, max);
        ck_assert_int_eq(rf_lines_next(&l, &line, &err), -RFE_TOO_LARGE);
        char want[64];
        (void)snprintf(want, sizeof(want), "line 3 is longer than %zu bytes", max);
        ck_assert_str_eq(err.msg, want);
        rf_lines_release(&l);
        rf_source_free(src);
        rf_buf_release(&text);
    }
}
END_TEST

/* Also when no LF ever comes. */
START_TEST(a_text_without_lines_is_not_collected)
{
    struct rf_buf text;
    struct rf_lines l;
    struct rf_slice line;
    rf_buf_init(&text, 0);
    while (text.len < (8u << 20))
        rf_buf_add_str(&text, "0123456789abcdef0123456789abcdef");
    struct rf_source *src = rf_source_mem(rf_buf_slice(&text));
    rf_lines_init(&l, src, 1000);
    ck_assert_int_eq(rf_lines_next(&l, &line, NULL), -RFE_TOO_LARGE);
    ck_assert_uint_le(l.line.cap, 1001);
    rf_lines_release(&l);
    rf_source_free(src);
    rf_buf_release(&text);
}
END_TEST

START_TEST(failures_of_the_source_come_through)
{
    struct dripping d = {
        .base.ops = &drip_ops, .left = SLICE("a\nhalf"), .step = 3, .failure = RFE_UNREACHABLE
    };
    struct rf_lines l;
    struct rf_slice line;
    struct rf_err err = RF_ERR_INIT;
    rf_lines_init(&l, &d.base, 100);
    ck_assert_int_eq(rf_lines_next(&l, &line, &err), 1);
    ck_assert_int_eq(rf_lines_next(&l, &line, &err), -RFE_UNREACHABLE);
    ck_assert_str_eq(err.msg, "the cable was pulled");
    ck_assert_uint_eq(l.number, 1);
    rf_lines_release(&l);
}
END_TEST

/* Lines of all lengths over the edges of what is read at once. */
START_TEST(lines_over_the_edges)
{
    struct rf_buf text;
    struct rf_lines l;
    struct rf_slice line;
    rf_buf_init(&text, 0);
    for (size_t n = 0; n < 1500; n++) {
        for (size_t i = 0; i < n; i++)
            rf_buf_add_char(&text, (char)('a' + (n + i) % 26));
        rf_buf_add_char(&text, '\n');
    }
    struct rf_source *src = rf_source_mem(rf_buf_slice(&text));
    rf_lines_init(&l, src, 1500);
    for (size_t n = 0; n < 1500; n++) {
        ck_assert_int_eq(rf_lines_next(&l, &line, NULL), 1);
        ck_assert_uint_eq(line.len, n);
        for (size_t i = 0; i < n; i++)
            ck_assert_msg(line.ptr[i] == (char)('a' + (n + i) % 26), "line %zu byte %zu", n, i);
    }
    ck_assert_int_eq(rf_lines_next(&l, &line, NULL), 0);
    rf_lines_release(&l);
    rf_source_free(src);
    rf_buf_release(&text);
}
END_TEST

START_TEST(many_lines_take_no_time)
{
    struct rf_buf text;
    struct rf_lines l;
    struct rf_slice line;
    rf_buf_init(&text, 0);
    for (size_t i = 0; i < 2000000; i++)
        rf_buf_add_str(&text, "12345678\n");
    struct rf_source *src = rf_source_mem(rf_buf_slice(&text));
    rf_lines_init(&l, src, 100);
    uint64_t start = rf_now_ms();
    while (rf_lines_next(&l, &line, NULL) == 1)
        ck_assert_uint_eq(line.len, 8);
    ck_assert_uint_eq(l.number, 2000000);
    ck_assert_uint_lt(rf_now_ms() - start, 20000);
    rf_lines_release(&l);
    rf_source_free(src);
    rf_buf_release(&text);
}
END_TEST

Suite *rf_lines_suite(void)
{
    Suite *s = suite_create("lines");
    TCase *t = tcase_create("lines");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, lines_of_a_text, 0, (int)RF_ARRAY_LEN(rows));
    tcase_add_test(t, the_limit_is_exact);
    tcase_add_test(t, a_text_without_lines_is_not_collected);
    tcase_add_test(t, failures_of_the_source_come_through);
    tcase_add_test(t, lines_over_the_edges);
    tcase_add_test(t, many_lines_take_no_time);
    suite_add_tcase(s, t);
    return s;
}
