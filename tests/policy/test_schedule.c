/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/schedule.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "tests/support/data_files.h"

static struct test_table table, refused;

static void use_zones(void)
{
    RF_CLEANUP(rf_freep) char *folder = test_data_path("policy/zones");
    setenv("TZDIR", folder, 1);
    setenv("TZ", "UTC", 1);
}

static time_t time_of(const char *text)
{
    time_t t = 0;
    ck_assert_msg(rf_text_time_parse(rf_slice_str(text), &t, NULL) == 0, "%s", text);
    return t;
}

static struct rf_schedule *parse(const char *text)
{
    struct rf_schedule *s = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_schedule_parse(text, 0, &s, &err) == 0, "%s: %s", text, err.msg);
    return s;
}

START_TEST(row)
{
    char **cells = table.rows[_i];
    use_zones();
    RF_CLEANUP(rf_schedule_freep) struct rf_schedule *s = parse(cells[0]);
    time_t at = time_of(cells[1]);
    for (char *p = cells[2]; p != NULL;) {
        char *end = strchr(p, ' ');
        if (end != NULL)
            *end++ = '\0';
        char have[32] = "never";
        if (rf_schedule_next(s, at, &at))
            (void)rf_text_time(at, have);
        ck_assert_msg(strcmp(have, p) == 0, "%s after %s: %s instead of %s", cells[0], cells[1],
                      have, p);
        p = end;
    }
    ck_assert_int_eq(rf_schedule_check(cells[0], NULL), 0);
}
END_TEST

START_TEST(refused_row)
{
    char **cells = refused.rows[_i];
    struct rf_schedule *s = NULL;
    struct rf_err err = RF_ERR_INIT;
    use_zones();
    ck_assert_msg(rf_schedule_parse(cells[0], 1, &s, &err) == -RFE_CONFIG, "%s", cells[0]);
    ck_assert_msg(strstr(err.msg, cells[1]) != NULL, "%s: %s", cells[0], err.msg);
    ck_assert_ptr_null(s);
    /* Which zones there are is asked of the machine that runs the schedule. */
    bool spelt = strstr(cells[0], "TZ=Europe") == cells[0];
    ck_assert_int_eq(rf_schedule_check(cells[0], NULL), spelt ? 0 : -RFE_CONFIG);
}
END_TEST

START_TEST(intervals)
{
    RF_CLEANUP(rf_schedule_freep) struct rf_schedule *s = NULL;
    time_t next = 0;
    use_zones();
    ck_assert_int_eq(rf_schedule_parse(NULL, 0, &s, NULL), -RFE_NOT_FOUND);
    ck_assert_int_eq(rf_schedule_parse("", 0, &s, NULL), -RFE_NOT_FOUND);
    ck_assert_int_eq(rf_schedule_parse("", 90000000000u, &s, NULL), 0);
    ck_assert(rf_schedule_next(s, 10, &next));
    ck_assert_int_eq(next, 100);
    rf_schedule_freep(&s);
    ck_assert_int_eq(rf_schedule_parse(NULL, 1, &s, NULL), 0);
    ck_assert(rf_schedule_next(s, 10, &next));
    ck_assert_int_eq(next, 11);
    rf_schedule_freep(&s);
    /* The schedule goes before the interval. */
    ck_assert_int_eq(rf_schedule_parse("@hourly", 1, &s, NULL), 0);
    ck_assert(rf_schedule_next(s, 10, &next));
    ck_assert_int_eq(next, 3600);
}
END_TEST

START_TEST(far_away)
{
    use_zones();
    RF_CLEANUP(rf_schedule_freep) struct rf_schedule *s = parse("TZ=Europe/Berlin * * * * *");
    time_t next = 7;
    ck_assert(!rf_schedule_next(s, INT64_MAX, &next));
    ck_assert(!rf_schedule_next(s, INT64_MIN, &next));
    ck_assert(!rf_schedule_next(s, 253402300799, &next));
    ck_assert_int_eq(next, 7);
    ck_assert(rf_schedule_next(s, -62135596800, &next));
    rf_schedule_freep(&s);
    s = parse("@every 2500000h");
    ck_assert(rf_schedule_next(s, 0, &next));
    ck_assert(!rf_schedule_next(s, 253402000000, &next));
}
END_TEST

/* "Every minute" is every minute, whatever clocks do. */
START_TEST(no_time_is_lost)
{
    static const char *const schedules[] = { "TZ=Europe/Berlin * * * * *",
                                             "TZ=Australia/Lord_Howe * * * * *" };
    static const char *const starts[] = { "2026-03-28T15:00:00Z", "2026-10-24T15:00:00Z",
                                          "2026-04-04T05:00:00Z", "2026-10-03T05:00:00Z" };
    use_zones();
    for (size_t k = 0; k < RF_ARRAY_LEN(schedules); k++) {
        RF_CLEANUP(rf_schedule_freep) struct rf_schedule *s = parse(schedules[k]);
        time_t at = time_of(starts[(size_t)_i]), next = 0;
        for (int i = 0; i < 20 * 60; i++, at = next) {
            ck_assert(rf_schedule_next(s, at, &next));
            ck_assert_int_eq(next - at, 60);
        }
    }
}
END_TEST

START_TEST(local_zone)
{
    RF_CLEANUP(rf_schedule_freep) struct rf_schedule *s = NULL;
    time_t next = 0;
    use_zones();
    setenv("TZ", "Europe/Berlin", 1);
    s = parse("0 6 * * *");
    ck_assert(rf_schedule_next(s, time_of("2026-01-01T00:00:00Z"), &next));
    ck_assert_int_eq(next, time_of("2026-01-01T05:00:00Z"));
    rf_schedule_freep(&s);
    setenv("TZ", "EST5EDT,M3.2.0,M11.1.0", 1);
    s = parse("0 6 * * *");
    ck_assert(rf_schedule_next(s, time_of("2026-07-01T00:00:00Z"), &next));
    ck_assert_int_eq(next, time_of("2026-07-01T10:00:00Z"));
    rf_schedule_freep(&s);
    setenv("TZ", "nonsense", 1);
    s = parse("0 6 * * *");
    ck_assert(rf_schedule_next(s, time_of("2026-07-01T00:00:00Z"), &next));
    ck_assert_int_eq(next, time_of("2026-07-01T06:00:00Z"));
}
END_TEST

START_TEST(tables_are_there)
{
    ck_assert_uint_ge(table.n, 45);
    ck_assert_uint_ge(refused.n, 35);
}
END_TEST

Suite *rf_schedule_suite(void);
Suite *rf_schedule_suite(void)
{
    Suite *s = suite_create("schedule");
    TCase *t = tcase_create("schedule");
    table = test_table_load("policy/schedules.table");
    refused = test_table_load("policy/schedules_refused.table");
    tcase_add_test(t, tables_are_there);
    tcase_add_loop_test(t, row, 0, (int)table.n);
    tcase_add_loop_test(t, refused_row, 0, (int)refused.n);
    tcase_add_test(t, intervals);
    tcase_add_test(t, far_away);
    tcase_add_loop_test(t, no_time_is_lost, 0, 4);
    tcase_add_test(t, local_zone);
    suite_add_tcase(s, t);
    return s;
}
