/* SPDX-License-Identifier: Apache-2.0 */
#include "base/duration.h"

#include <check.h>

#include "base/mem.h"

#define S 1000000000ULL
#define NONE UINT64_MAX

static const struct {
    const char *text;
    uint64_t want;
} rows[] = {
    { "0", 0 },
    { "0s", 0 },
    { "1s", S },
    { "1h", 3600 * S },
    { "15m0s", 900 * S },
    { "1h30m", 5400 * S },
    { "1h2m3.5s", 3723 * S + S / 2 },
    { "1.5h", 5400 * S },
    { ".5s", S / 2 },
    { "1.s", S },
    { "300ms", 300000000 },
    { "20us", 20000 },
    { "20\xC2\xB5s", 20000 },
    { "20\xCE\xBCs", 20000 },
    { "7ns", 7 },
    { "0.0000001h", 0 },
    { "1.25m", 75 * S },
    { "2562047h", 2562047ULL * 3600 * S },
    { "2562048h", NONE },
    { "99999999999999999999h", NONE },
    { "1h2562047h", NONE },
    { "", NONE },
    { "1", NONE },
    { "60", NONE },
    { "s", NONE },
    { ".", NONE },
    { ".s", NONE },
    { "-1s", NONE },
    { "+1s", NONE },
    { "1 s", NONE },
    { "1s ", NONE },
    { "1d", NONE },
    { "1S", NONE },
    { "1e3s", NONE },
    { "1h1", NONE },
};

START_TEST(row)
{
    uint64_t have = 77;
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_duration_parse(rf_slice_str(rows[_i].text), &have, &err);
    if (rows[_i].want == NONE) {
        ck_assert_msg(rc == -RFE_INVALID, "\"%s\" was taken for %llu", rows[_i].text,
                      (unsigned long long)have);
        ck_assert_uint_eq(have, 77);
        return;
    }
    ck_assert_msg(rc == 0, "\"%s\": %s", rows[_i].text, err.msg);
    ck_assert_msg(have == rows[_i].want, "\"%s\": %llu", rows[_i].text, (unsigned long long)have);
}
END_TEST

Suite *rf_duration_suite(void);
static const struct {
    int64_t ns;
    const char *want;
} spans[] = {
    { 0, "0s" },
    { 1, "1ns" },
    { 999, "999ns" },
    { 1000, "1\xC2\xB5s" },
    { 1100, "1.1\xC2\xB5s" },
    { 2200000, "2.2ms" },
    { 999999999, "999.999999ms" },
    { 1000000000, "1s" },
    { 3300000000, "3.3s" },
    { 60000000000, "1m0s" },
    { 90500000000, "1m30.5s" },
    { 3600000000000, "1h0m0s" },
    { 5400000000001, "1h30m0.000000001s" },
    { 360000000000000, "100h0m0s" },
    { -1500000000, "-1.5s" },
    { INT64_MAX, "2562047h47m16.854775807s" },
    { INT64_MIN, "-2562047h47m16.854775808s" },
};

START_TEST(format)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_duration_format(&b, spans[_i].ns);
    ck_assert_str_eq(b.ptr, spans[_i].want);
}
END_TEST

Suite *rf_duration_suite(void)
{
    Suite *s = suite_create("duration");
    TCase *t = tcase_create("duration");
    tcase_add_loop_test(t, row, 0, (int)RF_ARRAY_LEN(rows));
    tcase_add_loop_test(t, format, 0, (int)RF_ARRAY_LEN(spans));
    suite_add_tcase(s, t);
    return s;
}
