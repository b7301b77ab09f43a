/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <check.h>

#include "base/mem.h"
#include "base/text.h"

Suite *rf_text_suite(void);

#define LIT(s)             \
    {                      \
        (s), sizeof(s) - 1 \
    }

static const struct {
    struct rf_slice in;
    uint64_t max;
    bool ok;
    uint64_t want;
} numbers[] = {
    { LIT("0"), 0, true, 0 },
    { LIT("18446744073709551615"), UINT64_MAX, true, UINT64_MAX },
    { LIT("18446744073709551616"), UINT64_MAX, false, 0 },
    { LIT("99999999999999999999999999"), UINT64_MAX, false, 0 },
    { LIT("100"), 100, true, 100 },
    { LIT("101"), 100, false, 0 },
    { LIT("007"), 100, true, 7 },
    { LIT(""), 100, false, 0 },
    { LIT("+1"), 100, false, 0 },
    { LIT("-1"), 100, false, 0 },
    { LIT(" 1"), 100, false, 0 },
    { LIT("1 "), 100, false, 0 },
    { LIT("1\0"), 100, false, 0 },
    { LIT("1k"), 100, false, 0 },
    { LIT("0x1"), 100, false, 0 },
};

START_TEST(numbers_are_strict)
{
    uint64_t v = 42;
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_parse_u64(numbers[_i].in, numbers[_i].max, &v, &err);
    if (numbers[_i].ok) {
        ck_assert_int_eq(rc, 0);
        ck_assert_uint_eq(v, numbers[_i].want);
        ck_assert_int_eq(err.code, 0);
    } else {
        ck_assert_int_eq(rc, -RFE_INVALID);
        ck_assert_uint_eq(v, 42);
        ck_assert_int_eq(err.code, RFE_INVALID);
    }
}
END_TEST

static const struct {
    struct rf_slice in;
    size_t max;
    const char *want;
    bool utf8;
} safe[] = {
    { LIT(""), 10, "", true },
    { LIT("plain text"), 100, "plain text", true },
    { LIT("tab\tnul\0del\x7f"), 100, "tab\\x09nul\\x00del\\x7f", true },
    { LIT("\033]0;t\007\r\n"), 100, "\\x1b]0;t\\x07\\x0d\\x0a", true },
    /* Letters of all lengths stay. */
    { LIT("\xc3\xa4\xe6\xbc\xa2\xf0\x9f\x9a\xa2"), 100, "\xc3\xa4\xe6\xbc\xa2\xf0\x9f\x9a\xa2",
      true },
    /* C1, bidirectional controls, line separators. */
    { LIT("\xc2\x9b"), 100, "\\xc2\\x9b", true },
    { LIT("a\xe2\x80\xae"
          "b\xe2\x81\xa6"),
      100, "a\\xe2\\x80\\xaeb\\xe2\\x81\\xa6", true },
    { LIT("\xe2\x80\x8f\xd8\x9c"), 100, "\\xe2\\x80\\x8f\\xd8\\x9c", true },
    { LIT("\xe2\x80\xa8"), 100, "\\xe2\\x80\\xa8", true },
    /* Not UTF-8: lone, overlong, surrogate, too high, cut short. */
    { LIT("\x80x"), 100, "\\x80x", false },
    { LIT("\xc0\xaf"), 100, "\\xc0\\xaf", false },
    { LIT("\xe0\x80\xaf"), 100, "\\xe0\\x80\\xaf", false },
    { LIT("\xed\xa0\x80"), 100, "\\xed\\xa0\\x80", false },
    { LIT("\xf4\x90\x80\x80"), 100, "\\xf4\\x90\\x80\\x80", false },
    { LIT("\xf8\x88\x80\x80\x80"), 100, "\\xf8\\x88\\x80\\x80\\x80", false },
    { LIT("\xe6\xbc"), 100, "\\xe6\\xbc", false },
    { LIT("\xe6"
          "abc"),
      100,
      "\\xe6"
      "abc",
      false },
    /* Cuts, never through a character. */
    { LIT("abcdef"), 3, "abc...", true },
    { LIT("abc"), 3, "abc", true },
    { LIT("ab\xe6\xbc\xa2"), 4, "ab...", true },
    { LIT("ab\xe6\xbc\xa2"), 5, "ab\xe6\xbc\xa2", true },
    { LIT("\xf0\x9f\x9a\xa2"), 3, "...", true },
    { LIT("abc"), 0, "...", true },
};

START_TEST(foreign_text_becomes_safe)
{
    RF_CLEANUP(rf_freep) char *got = rf_text_safe_dup(safe[_i].in, safe[_i].max);
    ck_assert_str_eq(got, safe[_i].want);
    ck_assert_int_eq(rf_text_is_utf8(safe[_i].in), safe[_i].utf8);
    ck_assert(rf_text_is_utf8(rf_slice_str(got)));
}
END_TEST

START_TEST(fixed_form_marks_its_cuts)
{
    char out[12];
    ck_assert_uint_eq(rf_text_safe_fixed(out, 12, rf_slice_str("12345678901")), 11);
    ck_assert_str_eq(out, "12345678901");
    ck_assert_uint_eq(rf_text_safe_fixed(out, 12, rf_slice_str("123456789012")), 11);
    ck_assert_str_eq(out, "12345678...");
    /* An escape is left out whole. */
    (void)rf_text_safe_fixed(out, 12, rf_slice_str("123456\n\n"));
    ck_assert_str_eq(out, "123456...");
    (void)rf_text_safe_fixed(out, 12, rf_slice_str("1234567\n"));
    ck_assert_str_eq(out, "1234567\\x0a");
    (void)rf_text_safe_fixed(out, 12, rf_slice_str("12345678\n"));
    ck_assert_str_eq(out, "12345678...");
    ck_assert_uint_eq(rf_text_safe_fixed(out, 12, rf_slice_str("")), 0);
    ck_assert_str_eq(out, "");
    /* Too small for the mark. */
    (void)rf_text_safe_fixed(out, 3, rf_slice_str("abcdef"));
    ck_assert_str_eq(out, "ab");
    (void)rf_text_safe_fixed(out, 1, rf_slice_str("abcdef"));
    ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(safe_text_never_harms)
{
    /* Every byte pair: what comes out is printable UTF-8. */
    for (unsigned v = 0; v < 65536; v++) {
        char in[2] = { (char)(v >> 8), (char)(v & 255) };
        RF_CLEANUP(rf_freep) char *got = rf_text_safe_dup(rf_slice_of(in, 2), 2);
        for (size_t i = 0; got[i] != '\0'; i++)
            ck_assert_msg((unsigned char)got[i] >= 0x20 && got[i] != 0x7f, "input %04x", v);
        ck_assert_msg(rf_text_is_utf8(rf_slice_str(got)), "input %04x", v);
    }
}
END_TEST

START_TEST(quoted_as_go_does)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_text_quote(
        &b, rf_slice_str(
                "a\"b\\c\n\t\a\x1b\x7f\xff\xc2\x85\xe2\x80\xae\xf0\x9f\x9a\xa2\xf3\xa0\x80\x81"));
    ck_assert_str_eq(
        b.ptr, "\"a\\\"b\\\\c\\n\\t\\a\\x1b\\x7f\\xff\\u0085\\u202e\xf0\x9f\x9a\xa2\\U000e0001\"");
    rf_buf_release(&b);
}
END_TEST

START_TEST(hex_both_ways)
{
    uint8_t bytes[4] = { 0, 0x1f, 0xab, 0xff }, back[4] = { 9, 9, 9, 9 };
    char text[9];
    rf_hex_encode(bytes, 4, text);
    ck_assert_str_eq(text, "001fabff");
    ck_assert(rf_hex_decode(rf_slice_str(text), back, 4));
    ck_assert_mem_eq(bytes, back, 4);
    static const char *const wrong[] = { "001fabf", "001fabff0", "001FABFF", "001fabfg",
                                         "",        "001fab0x",  " 01fabff", "001fabff00" };
    for (size_t i = 0; i < RF_ARRAY_LEN(wrong); i++) {
        uint8_t untouched[4] = { 1, 2, 3, 4 };
        ck_assert_msg(!rf_hex_decode(rf_slice_str(wrong[i]), untouched, 4), "%s", wrong[i]);
        ck_assert_mem_eq(untouched, "\1\2\3\4", 4);
    }
    ck_assert(rf_hex_decode(rf_slice_str(""), back, 0));
}
END_TEST

static const struct {
    uint64_t bytes;
    const char *want;
} sizes[] = {
    { 0, "0 B" },
    { 999, "999 B" },
    { 1000, "1.0 kB" },
    { 1500000, "1.5 MB" },
    { 999949, "999.9 kB" },
    { 999950, "1.0 MB" },
    { 999999999, "1.0 GB" },
    { 123456789012345, "123.5 TB" },
    { 1000000000000000, "1.0 PB" },
    { UINT64_MAX, "18.4 EB" },
};

START_TEST(sizes_for_people)
{
    char out[16];
    ck_assert_str_eq(rf_text_size(sizes[_i].bytes, out), sizes[_i].want);
}
END_TEST

START_TEST(one_is_not_many)
{
    ck_assert_str_eq(rf_text_s(0), "s");
    ck_assert_str_eq(rf_text_s(1), "");
    ck_assert_str_eq(rf_text_s(2), "s");
    ck_assert_str_eq(rf_text_s((uint64_t)UINT32_MAX + 2), "s"); /* not the low half of it */
    ck_assert_str_eq(rf_text_by_count(1, "is", "are"), "is");
    ck_assert_str_eq(rf_text_by_count(21, "is", "are"), "are");
}
END_TEST

static const struct {
    double seconds;
    const char *want;
} durations[] = {
    { 0, "0 s" },
    { -5, "0 s" },
    { 2.6, "3 s" },
    { 59.4, "59 s" },
    { 59.6, "1 min 00 s" },
    { 125, "2 min 05 s" },
    { 3599.6, "1 h 00 min" },
    { 3725, "1 h 02 min" },
    { 1e9, "277777 h 46 min" },
    { 1e300, "277777777 h 46 min" },
};

START_TEST(durations_for_people)
{
    char out[24];
    ck_assert_str_eq(rf_text_duration(durations[_i].seconds, out), durations[_i].want);
    ck_assert_str_eq(rf_text_duration(__builtin_nan(""), out), "0 s");
}
END_TEST

static const struct {
    const char *in;
    const char *want; /* NULL: refused */
} times[] = {
    { "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z" },
    { "2026-01-02t03:04:05z", "2026-01-02T03:04:05Z" },
    { "2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05Z" },
    { "2026-01-02T03:04:05+02:30", "2026-01-02T00:34:05Z" },
    { "2026-01-01T00:00:00.5-01:00", "2026-01-01T01:00:00Z" },
    { "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z" },
    { "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z" },
    { "2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z" },
    { "2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z" },
    { "2023-02-29T00:00:00Z", NULL },
    { "2100-02-29T00:00:00Z", NULL },
    { "2026-13-01T00:00:00Z", NULL },
    { "2026-00-01T00:00:00Z", NULL },
    { "2026-01-00T00:00:00Z", NULL },
    { "2026-01-02T24:00:00Z", NULL },
    { "2026-01-02T03:60:00Z", NULL },
    { "2026-01-02T03:04:61Z", NULL },
    { "2026-01-02T03:04:05", NULL },
    { "2026-01-02T03:04:05.Z", NULL },
    { "2026-01-02 03:04:05Z", NULL },
    { "2026-01-02T03:04:05Zx", NULL },
    { "2026-01-02T03:04:05+0230", NULL },
    { "2026-01-02T03:04:05+24:00", NULL },
    { "2026-01-02T03:04:05+02:3", NULL },
    { "26-01-02T03:04:05Z", NULL },
    { "2026\x0d"
      "01-02T03:04:05Z",
      NULL },
    { "2026-01-02T03:04\x1a"
      "05Z",
      NULL },
    { "+026-01-02T03:04:05Z", NULL },
    { "", NULL },
};

START_TEST(times_are_read_and_written)
{
    time_t t = 42;
    char out[32];
    int rc = rf_text_time_parse(rf_slice_str(times[_i].in), &t, NULL);
    if (times[_i].want == NULL) {
        ck_assert_int_eq(rc, -RFE_INVALID);
        ck_assert_int_eq(t, 42);
    } else {
        ck_assert_int_eq(rc, 0);
        ck_assert_str_eq(rf_text_time(t, out), times[_i].want);
    }
}
END_TEST

START_TEST(times_out_of_range_have_no_text)
{
    char out[32];
    ck_assert_str_eq(rf_text_time((time_t)INT64_MAX, out), "(no time)");
    ck_assert_str_eq(rf_text_time((time_t)INT64_MIN, out), "(no time)");
    ck_assert_str_eq(rf_text_time((time_t)253402300799, out), "9999-12-31T23:59:59Z");
    ck_assert_str_eq(rf_text_time((time_t)253402300800, out), "(no time)");
}
END_TEST

START_TEST(the_clock_runs)
{
    uint64_t a = rf_now_ms();
    struct timespec ts = { 0, 20000000 };
    (void)nanosleep(&ts, NULL);
    uint64_t gone = rf_now_ms() - a;
    ck_assert_uint_ge(gone, 19);
}
END_TEST

static const struct {
    const char *pattern, *s;
    bool want;
} globs[] = {
    { "", "", true },
    { "", "a", false },
    { "*", "", true },
    { "*", "abc", true },
    { "a?c", "abc", true },
    { "a?c", "ac", false },
    { "*.example.com", "a.b.example.com", true },
    { "*.example.com", "example.com", false },
    { "a*b*c", "aXbYbZc", true },
    { "a*b*c", "aXbYbZ", false },
    { "**a", "bba", true },
    { "a[b]", "ab", false },
    { "a[b]", "a[b]", true },
    { "?", "", false },
    { "*?", "", false },
    { "*?", "x", true },
    { "ab*", "ab", true },
    { "a\\*", "a*", false },
};

START_TEST(globs_match)
{
    ck_assert_int_eq(rf_text_glob(globs[_i].pattern, globs[_i].s), globs[_i].want);
}
END_TEST

START_TEST(globs_take_no_exponential_time)
{
    char pattern[201], s[20001];
    for (size_t i = 0; i < 200; i += 2)
        memcpy(pattern + i, "*a", 2);
    pattern[199] = 'b';
    pattern[200] = '\0';
    memset(s, 'a', 20000);
    s[20000] = '\0';
    ck_assert(!rf_text_glob(pattern, s));
}
END_TEST

Suite *rf_text_suite(void)
{
    Suite *s = suite_create("text");
    TCase *tc = tcase_create("text");
    tcase_add_loop_test(tc, numbers_are_strict, 0, RF_ARRAY_LEN(numbers));
    tcase_add_loop_test(tc, foreign_text_becomes_safe, 0, RF_ARRAY_LEN(safe));
    tcase_add_test(tc, fixed_form_marks_its_cuts);
    tcase_add_test(tc, safe_text_never_harms);
    tcase_add_test(tc, quoted_as_go_does);
    tcase_add_test(tc, hex_both_ways);
    tcase_add_loop_test(tc, sizes_for_people, 0, RF_ARRAY_LEN(sizes));
    tcase_add_test(tc, one_is_not_many);
    tcase_add_loop_test(tc, durations_for_people, 0, RF_ARRAY_LEN(durations));
    tcase_add_loop_test(tc, times_are_read_and_written, 0, RF_ARRAY_LEN(times));
    tcase_add_test(tc, times_out_of_range_have_no_text);
    tcase_add_test(tc, the_clock_runs);
    tcase_add_loop_test(tc, globs_match, 0, RF_ARRAY_LEN(globs));
    tcase_add_test(tc, globs_take_no_exponential_time);
    suite_add_tcase(s, tc);
    return s;
}
