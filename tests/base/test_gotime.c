/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <time.h>

#include <check.h>

#include "base/gotime.h"
#include "base/mem.h"

Suite *rf_gotime_suite(void);

#define DAY INT64_C(86400)

static void use_zone(const char *tz)
{
    ck_assert_int_eq(setenv("TZ", tz, 1), 0);
    tzset();
}

static char *text_of(struct rf_gotime t)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_gotime_string(&b, t);
    return rf_buf_take(&b, NULL);
}

/* ---- the calendar ---- */

static const struct {
    int64_t sec;
    int64_t year;
    int month, day, weekday, yearday;
} dates[] = {
    { 0, 1970, 1, 1, 4, 1 },
    { -1, 1969, 12, 31, 3, 365 },
    { 951782400, 2000, 2, 29, 2, 60 },
    { 951868800, 2000, 3, 1, 3, 61 },
    { 4107542400, 2100, 3, 1, 1, 60 },
    { 1735603200, 2024, 12, 31, 2, 366 },
    { 253402300799, 9999, 12, 31, 5, 365 },
    { 253402300800, 10000, 1, 1, 6, 1 },
    { -62135596800, 1, 1, 1, 1, 1 },
    { -62135596801, 0, 12, 31, 0, 366 },
    { -62198755200, -1, 1, 1, 5, 1 },
};

START_TEST(calendar)
{
    struct rf_gotime_fields f;
    rf_gotime_fields(rf_gotime_unix(dates[_i].sec, 0), &f);
    ck_assert_int_eq(f.year, dates[_i].year);
    ck_assert_int_eq(f.month, dates[_i].month);
    ck_assert_int_eq(f.day, dates[_i].day);
    ck_assert_int_eq(f.weekday, dates[_i].weekday);
    ck_assert_int_eq(f.yearday, dates[_i].yearday);
}
END_TEST

/* Our days and those of the C library, day by day over 800 years and their ends. */
START_TEST(calendar_agrees_with_the_library)
{
    for (int64_t day = -150000; day < 150000; day++) {
        time_t when = (time_t)(day * DAY + 4711);
        struct tm tm;
        struct rf_gotime_fields f;
        ck_assert_ptr_nonnull(gmtime_r(&when, &tm));
        rf_gotime_fields(rf_gotime_unix(when, 0), &f);
        bool same = f.year == tm.tm_year + 1900 && f.month == tm.tm_mon + 1 &&
                    f.day == tm.tm_mday && f.hour == tm.tm_hour && f.minute == tm.tm_min &&
                    f.second == tm.tm_sec && f.weekday == tm.tm_wday && f.yearday == tm.tm_yday + 1;
        ck_assert_msg(same, "day %lld", (long long)day);
        struct rf_gotime back = rf_gotime_date(f.year, f.month, f.day, f.hour, f.minute, f.second);
        ck_assert_int_eq(back.sec, when);
    }
}
END_TEST

START_TEST(fields_carry_over)
{
    ck_assert_int_eq(rf_gotime_date(2024, 1, 32, 0, 0, 0).sec,
                     rf_gotime_date(2024, 2, 1, 0, 0, 0).sec);
    ck_assert_int_eq(rf_gotime_date(2023, 14, 1, 0, 0, 0).sec,
                     rf_gotime_date(2024, 2, 1, 0, 0, 0).sec);
    ck_assert_int_eq(rf_gotime_date(2024, 0, 1, 0, 0, 0).sec,
                     rf_gotime_date(2023, 12, 1, 0, 0, 0).sec);
    ck_assert_int_eq(rf_gotime_date(2024, 3, 0, 0, 0, 0).sec,
                     rf_gotime_date(2024, 2, 29, 0, 0, 0).sec);
    ck_assert_int_eq(rf_gotime_date(2024, 1, 1, 0, -1, 0).sec,
                     rf_gotime_date(2023, 12, 31, 23, 59, 0).sec);
}
END_TEST

START_TEST(ends_of_time_hold)
{
    struct rf_gotime_fields f;
    RF_CLEANUP(rf_freep) char *text = NULL;
    struct rf_gotime far = rf_gotime_unix(INT64_MAX, INT64_MAX);
    ck_assert_int_eq(far.sec, RF_GOTIME_SEC_MAX);
    ck_assert_int_eq(rf_gotime_unix(INT64_MIN, 0).sec, -RF_GOTIME_SEC_MAX);
    far = rf_gotime_add(far, INT64_MAX);
    far = rf_gotime_add_date(far, INT64_MAX, INT64_MAX, INT64_MAX);
    far.offset = INT32_MAX;
    rf_gotime_fields(far, &f);
    ck_assert_int_gt(f.year, 3000000000);
    text = text_of(far);
    ck_assert_uint_gt(strlen(text), 20);
    far = rf_gotime_add_date(far, INT64_MIN, INT64_MIN, INT64_MIN);
    ck_assert_int_eq(far.sec, -RF_GOTIME_SEC_MAX);
    (void)rf_gotime_date(INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX);
    (void)rf_gotime_date(INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN);
    ck_assert_int_eq(rf_gotime_sub(rf_gotime_unix(INT64_MAX, 0), rf_gotime_unix(0, 0)), INT64_MAX);
    ck_assert_int_eq(rf_gotime_sub(rf_gotime_unix(0, 0), rf_gotime_unix(INT64_MAX, 0)), INT64_MIN);
}
END_TEST

START_TEST(nanoseconds_carry_over)
{
    struct rf_gotime t = rf_gotime_unix(10, -1);
    ck_assert_int_eq(t.sec, 9);
    ck_assert_int_eq(t.nsec, 999999999);
    t = rf_gotime_add(t, 1);
    ck_assert_int_eq(t.sec, 10);
    ck_assert_int_eq(t.nsec, 0);
    t = rf_gotime_add(t, -INT64_C(10000000001));
    ck_assert_int_eq(t.sec, -1);
    ck_assert_int_eq(t.nsec, 999999999);
    ck_assert_int_eq(rf_gotime_sub(rf_gotime_unix(2, 5), rf_gotime_unix(1, 7)), 999999998);
    ck_assert_int_eq(rf_gotime_compare(rf_gotime_unix(1, 5), rf_gotime_unix(1, 6)), -1);
    ck_assert_int_eq(rf_gotime_compare(rf_gotime_unix(2, 0), rf_gotime_unix(1, 6)), 1);
    ck_assert_int_eq(rf_gotime_compare(rf_gotime_unix(1, 1000000000), rf_gotime_unix(2, 0)), 0);
}
END_TEST

START_TEST(zero)
{
    RF_CLEANUP(rf_freep) char *text = text_of(rf_gotime_zero());
    ck_assert_str_eq(text, "0001-01-01 00:00:00 +0000 UTC");
    ck_assert(rf_gotime_is_zero(rf_gotime_zero()));
    ck_assert(!rf_gotime_is_zero(rf_gotime_unix(0, 0)));
}
END_TEST

START_TEST(names)
{
    ck_assert_str_eq(rf_gotime_month_name(1), "January");
    ck_assert_str_eq(rf_gotime_month_name(12), "December");
    ck_assert_ptr_null(rf_gotime_month_name(0));
    ck_assert_ptr_null(rf_gotime_month_name(13));
    ck_assert_str_eq(rf_gotime_weekday_name(0), "Sunday");
    ck_assert_str_eq(rf_gotime_weekday_name(6), "Saturday");
    ck_assert_ptr_null(rf_gotime_weekday_name(-1));
    ck_assert_ptr_null(rf_gotime_weekday_name(7));
}
END_TEST

/* ---- layouts ---- */

static const struct {
    const char *layout, *want;
} formats[] = {
    { "2006-01-02T15:04:05Z07:00", "2024-03-07T21:08:09+05:30" },
    { "2006-01-02T15:04:05.999999999Z07:00", "2024-03-07T21:08:09.0405+05:30" },
    { "Mon Jan _2 15:04:05 2006", "Thu Mar  7 21:08:09 2024" },
    { "Monday, 02-Jan-06 15:04:05 MST", "Thursday, 07-Mar-24 21:08:09 IST" },
    { "January 2 2006 3:04PM", "March 7 2024 9:08PM" },
    { "03:04:05 pm", "09:08:09 pm" },
    { "1/2/06", "3/7/24" },
    { "002 __2", "067  67" },
    { "-0700 -07:00 -07 -070000 -07:00:00", "+0530 +05:30 +05 +053000 +05:30:00" },
    { "Z0700 Z07:00 Z07", "+0530 +05:30 +05" },
    { "05.000 05.000000 05.000000000", "09.040 09.040500 09.040500000" },
    { "05.9 05.99 05,999", "09 09.04 09,04" },
    { "05.00000000000", "09.04050000000" },
    { "4:5", "8:9" },
    { "Janet Monet", "Janet Monet" },
    { "_2006 2006_", "_2024 2024_" },
    { "no element", "no element" },
    { "", "" },
    { ".0a .09 x.", ".0a .09 x." },
};

static struct rf_gotime sample(void)
{
    struct rf_gotime t = rf_gotime_date(2024, 3, 7, 15, 38, 9);
    t.nsec = 40500000;
    t.offset = 5 * 3600 + 1800;
    rf_gotime_set_zone(&t, rf_slice_str("IST"));
    return t;
}

START_TEST(format)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_gotime_format(&b, sample(), rf_slice_str(formats[_i].layout));
    ck_assert_str_eq(b.ptr, formats[_i].want);
}
END_TEST

START_TEST(format_of_utc_and_midnight)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_gotime_format(&b, rf_gotime_date(2024, 3, 7, 0, 0, 0),
                     rf_slice_str("3PM 03pm Z07:00 -07:00 MST|"));
    rf_gotime_format(&b, rf_gotime_date(2024, 3, 7, 12, 0, 0), rf_slice_str("3PM|"));
    rf_gotime_format(&b, rf_gotime_date(-5, 3, 7, 12, 0, 0), rf_slice_str("2006|06|"));
    rf_gotime_format(&b, rf_gotime_date(12345, 3, 7, 12, 0, 0), rf_slice_str("2006|06"));
    ck_assert_str_eq(b.ptr, "12AM 12am Z +00:00 UTC|12PM|-0005|95|12345|45");
}
END_TEST

START_TEST(zone_without_a_name_is_an_offset)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    struct rf_gotime t = sample();
    rf_buf_init(&b, 0);
    rf_gotime_set_zone(&t, rf_slice_str(""));
    t.offset = -(3 * 3600 + 1800);
    rf_gotime_format(&b, t, rf_slice_str("MST"));
    ck_assert_str_eq(b.ptr, "-0330");
    rf_gotime_set_zone(&t, rf_slice_str("LONGER-THAN-IT-MAY-BE"));
    ck_assert_str_eq(t.zone, "LONGER-");
}
END_TEST

/* ---- parsing ---- */

static const struct {
    const char *layout, *value, *want; /* the default text of the time */
} parsed[] = {
    { "2006-01-02", "2024-02-29", "2024-02-29 00:00:00 +0000 UTC" },
    { "2006-01-02T15:04:05Z07:00", "2024-05-06T07:08:09Z", "2024-05-06 07:08:09 +0000 UTC" },
    { "2006-01-02T15:04:05Z07:00", "2024-05-06T07:08:09.123456789123Z",
      "2024-05-06 07:08:09.123456789 +0000 UTC" },
    { "2006-01-02T15:04:05Z07:00", "2024-05-06T07:08:09-03:30", "2024-05-06 07:08:09 -0330 -0330" },
    { "2006-01-02 15:04:05 -0700 MST", "2024-05-06 07:08:09 -0700 MST",
      "2024-05-06 07:08:09 -0700 MST" },
    { "Mon Jan _2 15:04:05 2006", "Mon May  6 07:08:09 2024", "2024-05-06 07:08:09 +0000 UTC" },
    { "Jan 2, 2006", "mAy 6, 2024", "2024-05-06 00:00:00 +0000 UTC" },
    { "Monday January 2 2006", "FRIDAY december 31 1999", "1999-12-31 00:00:00 +0000 UTC" },
    { "3:04PM", "9:05PM", "0000-01-01 21:05:00 +0000 UTC" },
    { "3:04 pm", "12:05 am", "0000-01-01 00:05:00 +0000 UTC" },
    { "1/2/06", "3/7/69", "1969-03-07 00:00:00 +0000 UTC" },
    { "1/2/06", "3/7/68", "2068-03-07 00:00:00 +0000 UTC" },
    { "2006 002", "2024 366", "2024-12-31 00:00:00 +0000 UTC" },
    { "2006 __2", "2023  32", "2023-02-01 00:00:00 +0000 UTC" },
    { "15:04:05.000", "01:02:03.250", "0000-01-01 01:02:03.25 +0000 UTC" },
    { "15:04:05,999", "01:02:03,5", "0000-01-01 01:02:03.5 +0000 UTC" },
    { "15:04:05.999", "01:02:03", "0000-01-01 01:02:03 +0000 UTC" },
    { "2006-01-02 MST", "2024-05-06 UTC", "2024-05-06 00:00:00 +0000 UTC" },
    { "2006-01-02 MST", "2024-05-06 CEST", "2024-05-06 00:00:00 +0000 CEST" },
    { "2006-01-02 MST", "2024-05-06 GMT+3", "2024-05-06 03:00:00 +0300 GMT+3" },
    { "2006-01-02 MST", "2024-05-06 GMT-11", "2024-05-05 13:00:00 -1100 GMT-11" },
    { "2006  01", "2024      05", "2024-05-01 00:00:00 +0000 UTC" },
    { "-070000 2006", "+012345 2024", "2024-01-01 00:00:00 +0123 +0123" },
    { "2006-01-02T15:04:05Z07:00", "2024-05-06T7:08:09Z", "2024-05-06 07:08:09 +0000 UTC" },
    { "", "", "0000-01-01 00:00:00 +0000 UTC" },
};

START_TEST(parse)
{
    struct rf_gotime t;
    struct rf_err err = RF_ERR_INIT;
    use_zone("UTC");
    int rc =
        rf_gotime_parse(rf_slice_str(parsed[_i].layout), rf_slice_str(parsed[_i].value), &t, &err);
    ck_assert_msg(rc == 0, "%s", err.msg);
    RF_CLEANUP(rf_freep) char *text = text_of(t);
    ck_assert_str_eq(text, parsed[_i].want);
}
END_TEST

#define AS(value, layout, at, element) \
    "parsing time \"" value "\" as \"" layout "\": cannot parse \"" at "\" as \"" element "\""

static const struct {
    const char *layout, *value, *message;
} refused[] = {
    { "2006-01-02", "24-01-02", AS("24-01-02", "2006-01-02", "24-01-02", "2006") },
    { "2006-01-02", "2024-1-02", AS("2024-1-02", "2006-01-02", "1-02", "01") },
    { "2006-01-02", "2024/01/02", AS("2024/01/02", "2006-01-02", "/01/02", "-") },
    { "2006-01-02", "2024-01", AS("2024-01", "2006-01-02", "", "-") },
    { "2006-01-02", "2024-00-02", "parsing time \"2024-00-02\": month out of range" },
    { "2006-01-02", "2024-13-02", "parsing time \"2024-13-02\": month out of range" },
    { "2006-01-02", "2023-02-29", "parsing time \"2023-02-29\": day out of range" },
    { "2006-01-02", "2023-01-00", "parsing time \"2023-01-00\": day out of range" },
    { "15:04", "24:00", "parsing time \"24:00\": hour out of range" },
    { "15:04", "10:60", "parsing time \"10:60\": minute out of range" },
    { "15:04:05", "10:59:61", "parsing time \"10:59:61\": second out of range" },
    { "3PM", "13PM", "parsing time \"13PM\": hour out of range" },
    { "3PM", "3XM", AS("3XM", "3PM", "XM", "PM") },
    { "2006", "2024x", "parsing time \"2024x\": extra text: \"x\"" },
    { "Jan", "Foo", AS("Foo", "Jan", "Foo", "Jan") },
    { "Mon", "Xxx", AS("Xxx", "Mon", "Xxx", "Mon") },
    { "-0700", "0700", AS("0700", "-0700", "0700", "-0700") },
    { "-07:00", "+0700", AS("+0700", "-07:00", "+0700", "-07:00") },
    { "-07:00", "+25:00", "parsing time \"+25:00\": time zone offset hour out of range" },
    { "MST", "xyz", AS("xyz", "MST", "xyz", "MST") },
    { "MST", "ABCDEFG", AS("ABCDEFG", "MST", "ABCDEFG", "MST") },
    { "05.000", "01.25", AS("01.25", "05.000", ".25", ".000") },
    { "2006 002", "2023 366", "parsing time \"2023 366\": day-of-year out of range" },
    { "2006 002", "2023 000", "parsing time \"2023 000\": day-of-year out of range" },
    { "2006-01 002", "2023-01 032",
      "parsing time \"2023-01 032\": day-of-year does not match month" },
    { "2006-01-02 002", "2023-01-02 003",
      "parsing time \"2023-01-02 003\": day-of-year does not match day" },
    { "2006", "\x1b[2J", AS("\\x1b[2J", "2006", "\\x1b[2J", "2006") },
};

START_TEST(refuse)
{
    struct rf_gotime t = rf_gotime_unix(42, 0);
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_gotime_parse(rf_slice_str(refused[_i].layout), rf_slice_str(refused[_i].value), &t,
                             &err);
    ck_assert_int_eq(rc, -RFE_INVALID);
    ck_assert_str_eq(err.msg, refused[_i].message);
    ck_assert_int_eq(t.sec, 42);
}
END_TEST

START_TEST(what_is_written_is_read_back)
{
    static const char *const layouts[] = { "2006-01-02T15:04:05.999999999Z07:00",
                                           "Mon Jan _2 15:04:05.000000000 2006 -0700",
                                           "2006 002 03:04:05.999999999PM -07:00" };
    for (size_t i = 0; i < RF_ARRAY_LEN(layouts); i++) {
        RF_CLEANUP(rf_buf_release) struct rf_buf b;
        struct rf_gotime t = sample(), back;
        struct rf_err err = RF_ERR_INIT;
        rf_buf_init(&b, 0);
        rf_gotime_format(&b, t, rf_slice_str(layouts[i]));
        ck_assert_msg(rf_gotime_parse(rf_slice_str(layouts[i]), rf_buf_slice(&b), &back, &err) == 0,
                      "%s", err.msg);
        ck_assert_int_eq(rf_gotime_compare(t, back), 0);
        ck_assert_int_eq(back.offset, t.offset);
    }
}
END_TEST

/* ---- zones ---- */

START_TEST(local_zone)
{
    use_zone("CET-1CEST,M3.5.0,M10.5.0/3");
    RF_CLEANUP(rf_freep)
    char *winter = text_of(rf_gotime_local(rf_gotime_date(2024, 1, 15, 12, 0, 0)));
    RF_CLEANUP(rf_freep)
    char *summer = text_of(rf_gotime_local(rf_gotime_date(2024, 7, 15, 12, 0, 0)));
    ck_assert_str_eq(winter, "2024-01-15 13:00:00 +0100 CET");
    ck_assert_str_eq(summer, "2024-07-15 14:00:00 +0200 CEST");
    struct rf_gotime t = rf_gotime_utc(rf_gotime_local(rf_gotime_date(2024, 7, 15, 12, 0, 0)));
    ck_assert_str_eq(t.zone, "UTC");
    ck_assert_int_eq(t.offset, 0);
}
END_TEST

START_TEST(names_and_offsets_of_the_local_zone_are_known)
{
    struct rf_gotime t;
    struct rf_err err = RF_ERR_INIT;
    use_zone("CET-1CEST,M3.5.0,M10.5.0/3");
    ck_assert_int_eq(rf_gotime_parse(rf_slice_str("2006-01-02 15:04 MST"),
                                     rf_slice_str("2024-07-15 14:00 CEST"), &t, &err),
                     0);
    RF_CLEANUP(rf_freep) char *named = text_of(t);
    ck_assert_str_eq(named, "2024-07-15 14:00:00 +0200 CEST");
    ck_assert_int_eq(t.sec, rf_gotime_date(2024, 7, 15, 12, 0, 0).sec);
    ck_assert_int_eq(rf_gotime_parse(rf_slice_str("2006-01-02 15:04 -0700"),
                                     rf_slice_str("2024-07-15 14:00 +0200"), &t, &err),
                     0);
    ck_assert_str_eq(t.zone, "CEST");
    ck_assert_int_eq(rf_gotime_parse(rf_slice_str("2006-01-02 15:04 -0700"),
                                     rf_slice_str("2024-07-15 14:00 +0100"), &t, &err),
                     0);
    ck_assert_str_eq(t.zone, "");
}
END_TEST

START_TEST(now)
{
    time_t before = time(NULL);
    struct rf_gotime t = rf_gotime_now();
    ck_assert_int_ge(t.sec, before);
    ck_assert_int_le(t.sec, before + 60);
    ck_assert_int_ge(t.nsec, 0);
    ck_assert_int_lt(t.nsec, 1000000000);
}
END_TEST

START_TEST(add_date_keeps_the_clock_of_the_zone)
{
    struct rf_gotime t = rf_gotime_add_date(sample(), 1, -1, 25);
    RF_CLEANUP(rf_freep) char *text = text_of(t);
    ck_assert_str_eq(text, "2025-03-04 21:08:09.0405 +0530 IST");
}
END_TEST

Suite *rf_gotime_suite(void)
{
    Suite *s = suite_create("gotime");
    TCase *tc = tcase_create("calendar");
    tcase_add_loop_test(tc, calendar, 0, (int)RF_ARRAY_LEN(dates));
    tcase_add_test(tc, calendar_agrees_with_the_library);
    tcase_add_test(tc, fields_carry_over);
    tcase_add_test(tc, ends_of_time_hold);
    tcase_add_test(tc, nanoseconds_carry_over);
    tcase_add_test(tc, zero);
    tcase_add_test(tc, names);
    suite_add_tcase(s, tc);
    tc = tcase_create("format");
    tcase_add_loop_test(tc, format, 0, (int)RF_ARRAY_LEN(formats));
    tcase_add_test(tc, format_of_utc_and_midnight);
    tcase_add_test(tc, zone_without_a_name_is_an_offset);
    suite_add_tcase(s, tc);
    tc = tcase_create("parse");
    tcase_add_loop_test(tc, parse, 0, (int)RF_ARRAY_LEN(parsed));
    tcase_add_loop_test(tc, refuse, 0, (int)RF_ARRAY_LEN(refused));
    tcase_add_test(tc, what_is_written_is_read_back);
    suite_add_tcase(s, tc);
    tc = tcase_create("zones");
    tcase_add_test(tc, local_zone);
    tcase_add_test(tc, names_and_offsets_of_the_local_zone_are_known);
    tcase_add_test(tc, now);
    tcase_add_test(tc, add_date_keeps_the_clock_of_the_zone);
    suite_add_tcase(s, tc);
    return s;
}
