/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/zone.h"

#include <check.h>
#include <stdlib.h>

#include "base/gotime.h"
#include "base/mem.h"
#include "policy/zone_rule.h"
#include "tests/support/data_files.h"

static char *berlin(size_t *len)
{
    RF_CLEANUP(rf_freep) char *path = test_data_path("policy/zones/Europe/Berlin");
    char *bytes = test_read_file(path, len);
    ck_assert_ptr_nonnull(bytes);
    return bytes;
}

START_TEST(offsets)
{
    RF_CLEANUP(rf_zone_freep) struct rf_zone *z = NULL;
    size_t len = 0;
    RF_CLEANUP(rf_freep) char *bytes = berlin(&len);
    ck_assert_int_eq(rf_zone_parse(rf_slice_of(bytes, len), &z, NULL), 0);
    ck_assert_int_eq(rf_zone_offset(z, -4000000000), 3208);
    ck_assert_int_eq(rf_zone_offset(z, rf_gotime_date(2026, 3, 29, 0, 59, 59).sec), 3600);
    ck_assert_int_eq(rf_zone_offset(z, rf_gotime_date(2026, 3, 29, 1, 0, 0).sec), 7200);
    ck_assert_int_eq(rf_zone_offset(z, rf_gotime_date(2026, 10, 25, 0, 59, 59).sec), 7200);
    ck_assert_int_eq(rf_zone_offset(z, rf_gotime_date(2026, 10, 25, 1, 0, 0).sec), 3600);
    ck_assert_int_eq(rf_zone_offset(z, rf_gotime_date(2999, 7, 1, 0, 0, 0).sec), 7200);
    ck_assert_int_eq(rf_zone_offset(z, rf_gotime_date(2999, 12, 31, 23, 59, 59).sec), 3600);
    ck_assert_int_eq(rf_zone_offset(z, INT64_C(253402300799)), 3600);
}
END_TEST

START_TEST(moments_of_a_time)
{
    RF_CLEANUP(rf_zone_freep) struct rf_zone *z = NULL;
    int64_t m[2], jump = 0;
    ck_assert_int_eq(rf_zone_parse_rule("CET-1CEST,M3.5.0,M10.5.0/3", &z, NULL), 0);
    int64_t spring = rf_gotime_date(2026, 3, 29, 1, 0, 0).sec,
            autumn = rf_gotime_date(2026, 10, 25, 1, 0, 0).sec;
    ck_assert_uint_eq(rf_zone_moments(z, spring + 3599, m, &jump), 1);
    ck_assert_int_eq(m[0], spring - 1);
    for (int64_t s = 3600; s < 7200; s += 599) {
        ck_assert_uint_eq(rf_zone_moments(z, spring + s, m, &jump), 0);
        ck_assert_int_eq(jump, spring);
    }
    ck_assert_uint_eq(rf_zone_moments(z, spring + 7200, m, &jump), 1);
    ck_assert_int_eq(m[0], spring);
    ck_assert_uint_eq(rf_zone_moments(z, autumn + 3599, m, &jump), 1);
    ck_assert_uint_eq(rf_zone_moments(z, autumn + 3600, m, &jump), 2);
    ck_assert_int_eq(m[0], autumn - 3600);
    ck_assert_int_eq(m[1], autumn);
    ck_assert_uint_eq(rf_zone_moments(z, autumn + 7200, m, &jump), 1);
    ck_assert_int_eq(m[0], autumn + 3600);
}
END_TEST

/* What clocks show at any moment leads back to that moment. */
START_TEST(there_and_back)
{
    RF_CLEANUP(rf_zone_freep) struct rf_zone *z = NULL;
    size_t len = 0;
    RF_CLEANUP(rf_freep) char *bytes = berlin(&len);
    ck_assert_int_eq(rf_zone_parse(rf_slice_of(bytes, len), &z, NULL), 0);
    for (int64_t t = -3000000000; t < INT64_C(8000000000); t += 1234567) {
        int64_t m[2], jump;
        unsigned n = rf_zone_moments(z, t + rf_zone_offset(z, t), m, &jump);
        ck_assert_msg(n >= 1 && (m[0] == t || (n == 2 && m[1] == t)), "%lld", (long long)t);
    }
}
END_TEST

/* A file cut anywhere, or with any byte changed, is refused or read within its bounds. */
START_TEST(broken_files)
{
    size_t len = 0;
    RF_CLEANUP(rf_freep) char *bytes = berlin(&len);
    struct rf_zone *z = NULL;
    for (size_t i = 0; i < len; i++)
        ck_assert_msg(rf_zone_parse(rf_slice_of(bytes, i), &z, NULL) == -RFE_INVALID, "%zu", i);
    size_t refused = 0;
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (char)(bytes[i] ^ 0x80);
        if (rf_zone_parse(rf_slice_of(bytes, len), &z, NULL) < 0)
            refused++;
        else
            ck_assert_int_le(abs(rf_zone_offset(z, 1800000000)), 26 * 3600);
        rf_zone_freep(&z);
        bytes[i] = (char)(bytes[i] ^ 0x80);
    }
    ck_assert_uint_gt(refused, 500);
}
END_TEST

/* Version 1 has 32-bit times and no rule. */
START_TEST(old_file)
{
    static const char file[] =
        "TZif\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
        "\0\0\0\2\0\0\0\4\x40\0\0\0\1\0\0\x0e\x10\0\0\0\0\x1c\x20\1\0ABC";
    RF_CLEANUP(rf_zone_freep) struct rf_zone *z = NULL;
    ck_assert_int_eq(rf_zone_parse(rf_slice_of(file, sizeof(file)), &z, NULL), 0);
    ck_assert_int_eq(rf_zone_offset(z, 0x40000000 - 1), 3600);
    ck_assert_int_eq(rf_zone_offset(z, 0x40000000), 7200);
}
END_TEST

static const struct {
    const char *rule;
    bool good;
    int32_t january, july; /* seconds east of UTC in 2027 */
} rules[] = {
    { "UTC0", true, 0, 0 },
    { "<+0330>-3:30", true, 12600, 12600 },
    { "CET-1CEST,M3.5.0,M10.5.0/3", true, 3600, 7200 },
    { "NST3:30NDT,M3.2.0,M11.1.0", true, -12600, -9000 },
    { "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", true, -7200, -3600 },
    { "AEST-10AEDT,M10.1.0,M4.1.0/3", true, 39600, 36000 },
    { "IST-1GMT0,M10.5.0,M3.5.0/1", true, 0, 3600 },
    { "XXX3EDT4,0/0,J365/23", true, -14400, -14400 },
    { "AAA0BBB,J60,J300", true, 0, 3600 },
    { "AAA0BBB-2,59,299/24:30:15", true, 0, 7200 },
    { "", false, 0, 0 },
    { "AB0", false, 0, 0 },
    { "ABC", false, 0, 0 },
    { "ABC25", false, 0, 0 },
    { "ABC1:60", false, 0, 0 },
    { "ABC0DEF", false, 0, 0 },
    { "ABC0DEF,M3.5.0", false, 0, 0 },
    { "ABC0DEF,M13.5.0,M10.5.0", false, 0, 0 },
    { "ABC0DEF,M3.6.0,M10.5.0", false, 0, 0 },
    { "ABC0DEF,M3.5.7,M10.5.0", false, 0, 0 },
    { "ABC0DEF,J0,J1", false, 0, 0 },
    { "ABC0DEF,366,1", false, 0, 0 },
    { "ABC0DEF,1/168,2", false, 0, 0 },
    { "ABC0DEF,1,2x", false, 0, 0 },
    { "<ABC0", false, 0, 0 },
};

START_TEST(rule)
{
    RF_CLEANUP(rf_zone_freep) struct rf_zone *z = NULL;
    int rc = rf_zone_parse_rule(rules[_i].rule, &z, NULL);
    ck_assert_msg((rc == 0) == rules[_i].good, "%s", rules[_i].rule);
    if (rc < 0)
        return;
    ck_assert_msg(rf_zone_offset(z, rf_gotime_date(2027, 1, 10, 12, 0, 0).sec) == rules[_i].january,
                  "%s in January", rules[_i].rule);
    ck_assert_msg(rf_zone_offset(z, rf_gotime_date(2027, 7, 10, 12, 0, 0).sec) == rules[_i].july,
                  "%s in July", rules[_i].rule);
}
END_TEST

START_TEST(days_of_rules)
{
    struct rf_zone_rule r;
    int64_t when = 0;
    /* 1 March in a leap year and in another: J60 is always 1 March, 59 is 29 February in leap years. */
    ck_assert(rf_zone_rule_parse(rf_slice_str("AAA0BBB,J60/0,J300/0"), &r));
    ck_assert(rf_zone_rule_next(&r, rf_gotime_date(2028, 1, 1, 0, 0, 0).sec, &when));
    ck_assert_int_eq(when, rf_gotime_date(2028, 3, 1, 0, 0, 0).sec);
    ck_assert(rf_zone_rule_parse(rf_slice_str("AAA0BBB,59/0,J300/0"), &r));
    ck_assert(rf_zone_rule_next(&r, rf_gotime_date(2028, 1, 1, 0, 0, 0).sec, &when));
    ck_assert_int_eq(when, rf_gotime_date(2028, 2, 29, 0, 0, 0).sec);
    ck_assert(rf_zone_rule_next(&r, rf_gotime_date(2027, 1, 1, 0, 0, 0).sec, &when));
    ck_assert_int_eq(when, rf_gotime_date(2027, 3, 1, 0, 0, 0).sec);
    ck_assert(rf_zone_rule_next(&r, rf_gotime_date(2027, 12, 1, 0, 0, 0).sec, &when));
    ck_assert_int_eq(when, rf_gotime_date(2028, 2, 29, 0, 0, 0).sec);
}
END_TEST

START_TEST(names)
{
    static const char *const good[] = { "UTC", "Europe/Berlin", "America/Port-au-Prince",
                                        "Etc/GMT+5", "a.b" };
    static const char *const bad[] = { "",   "/etc/localtime", "..",  "a/../b", "a//b",    "a/",
                                       ".a", "a/.b",           "a b", "a\n",    "\xc3\xa4" };
    for (size_t i = 0; i < RF_ARRAY_LEN(good); i++)
        ck_assert_msg(rf_zone_name_valid(rf_slice_str(good[i])), "%s", good[i]);
    for (size_t i = 0; i < RF_ARRAY_LEN(bad); i++)
        ck_assert_msg(!rf_zone_name_valid(rf_slice_str(bad[i])), "%s", bad[i]);
    ck_assert(!rf_zone_name_valid(rf_slice_of("a\0b", 3)));
    struct rf_zone *z = NULL;
    ck_assert_int_eq(rf_zone_load("../x", &z, NULL), -RFE_INVALID);
    ck_assert_int_eq(rf_zone_load("No/Where", &z, NULL), -RFE_NOT_FOUND);
    ck_assert_ptr_null(z);
}
END_TEST

Suite *rf_zone_suite(void);
Suite *rf_zone_suite(void)
{
    Suite *s = suite_create("zone");
    TCase *t = tcase_create("zone");
    tcase_add_test(t, offsets);
    tcase_add_test(t, moments_of_a_time);
    tcase_add_test(t, there_and_back);
    tcase_add_test(t, broken_files);
    tcase_add_test(t, old_file);
    tcase_add_loop_test(t, rule, 0, (int)RF_ARRAY_LEN(rules));
    tcase_add_test(t, days_of_rules);
    tcase_add_test(t, names);
    suite_add_tcase(s, t);
    return s;
}
