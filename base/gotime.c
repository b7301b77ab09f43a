/* SPDX-License-Identifier: Apache-2.0 */
#include "base/gotime.h"

#include <time.h>

#include "base/mem.h"

#define DAY_SECONDS 86400
/* Days from 0000-03-01 to 1970-01-01, and in a cycle of 400 years. */
#define EPOCH_DAYS 719468
#define CYCLE_DAYS 146097
#define ZERO_SECOND INT64_C(-62135596800)

const char rf_gotime_rfc3339[] = "2006-01-02T15:04:05Z07:00";
const char rf_gotime_rfc3339_nano[] = "2006-01-02T15:04:05.999999999Z07:00";

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

static int64_t cut(int64_t sec)
{
    if (sec > RF_GOTIME_SEC_MAX)
        return RF_GOTIME_SEC_MAX;
    return sec < -RF_GOTIME_SEC_MAX ? -RF_GOTIME_SEC_MAX : sec;
}

struct rf_gotime rf_gotime_unix(int64_t sec, int64_t nsec)
{
    int64_t carry = floor_div(nsec, 1000000000);
    struct rf_gotime t = { .sec = cut(cut(sec) + carry), .zone = "UTC" };
    t.nsec = (int32_t)(nsec - carry * 1000000000);
    return t;
}

struct rf_gotime rf_gotime_zero(void)
{
    return rf_gotime_unix(ZERO_SECOND, 0);
}

bool rf_gotime_is_zero(struct rf_gotime t)
{
    return t.sec == ZERO_SECOND && t.nsec == 0;
}

struct rf_gotime rf_gotime_utc(struct rf_gotime t)
{
    return rf_gotime_unix(t.sec, t.nsec);
}

void rf_gotime_set_zone(struct rf_gotime *t, struct rf_slice name)
{
    size_t n = name.len < sizeof(t->zone) ? name.len : sizeof(t->zone) - 1;
    memset(t->zone, 0, sizeof(t->zone));
    if (n > 0)
        memcpy(t->zone, name.ptr, n);
}

struct rf_gotime rf_gotime_local(struct rf_gotime t)
{
    time_t when = (time_t)t.sec;
    struct tm tm;
    t = rf_gotime_utc(t);
    if (localtime_r(&when, &tm) == NULL)
        return t;
    t.offset = (int32_t)tm.tm_gmtoff;
    rf_gotime_set_zone(&t, rf_slice_str(tm.tm_zone));
    return t;
}

struct rf_gotime rf_gotime_now(void)
{
    struct timespec ts = { 0 };
    (void)clock_gettime(CLOCK_REALTIME, &ts);
    return rf_gotime_local(rf_gotime_unix(ts.tv_sec, ts.tv_nsec));
}

/* Days since 1970-01-01 of the first day of a month (1 to 12). Years are counted from March, so the leap day comes last. */
static int64_t days_of_month(int64_t year, int64_t month)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t m = month <= 2 ? month + 9 : month - 3;
    int64_t cycle = floor_div(y, 400);
    int64_t in_cycle = y - cycle * 400;
    return cycle * CYCLE_DAYS + in_cycle * 365 + in_cycle / 4 - in_cycle / 100 + (153 * m + 2) / 5 -
           EPOCH_DAYS;
}

static void date_of_days(int64_t days, struct rf_gotime_fields *f)
{
    int64_t z = days + EPOCH_DAYS;
    int64_t cycle = floor_div(z, CYCLE_DAYS);
    int64_t day = z - cycle * CYCLE_DAYS;
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int64_t in_year = day - (365 * year + year / 4 - year / 100);
    int64_t m = (5 * in_year + 2) / 153;
    f->day = (int)(in_year - (153 * m + 2) / 5) + 1;
    f->month = (int)(m < 10 ? m + 3 : m - 9);
    f->year = year + cycle * 400 + (f->month <= 2 ? 1 : 0);
    f->weekday = (int)((days % 7 + 7 + 4) % 7);
    f->yearday = (int)(days - days_of_month(f->year, 1)) + 1;
}

void rf_gotime_fields(struct rf_gotime t, struct rf_gotime_fields *out)
{
    int64_t local = cut(t.sec) + t.offset;
    int64_t days = floor_div(local, DAY_SECONDS);
    int second = (int)(local - days * DAY_SECONDS);
    date_of_days(days, out);
    out->hour = second / 3600;
    out->minute = second / 60 % 60;
    out->second = second % 60;
}

/* Keeps what is multiplied later far from the ends of int64_t; the result is cut anyway. */
static int64_t modest(int64_t v, int64_t limit)
{
    if (v > limit)
        return limit;
    return v < -limit ? -limit : v;
}

struct rf_gotime rf_gotime_date(int64_t year, int64_t month, int64_t day, int64_t hour,
                                int64_t minute, int64_t second)
{
    int64_t m = modest(month, INT64_C(1) << 40) - 1;
    int64_t y = modest(year, INT64_C(1) << 32) + floor_div(m, 12);
    int64_t days =
        days_of_month(y, m - floor_div(m, 12) * 12 + 1) + modest(day, INT64_C(1) << 40) - 1;
    int64_t sec = modest(days, INT64_C(1) << 42) * DAY_SECONDS;
    sec += modest(hour, INT64_C(1) << 44) * 3600 + modest(minute, INT64_C(1) << 50) * 60 +
           modest(second, INT64_C(1) << 56);
    return rf_gotime_unix(sec, 0);
}

struct rf_gotime rf_gotime_add(struct rf_gotime t, int64_t nanoseconds)
{
    int64_t whole = floor_div(nanoseconds, 1000000000);
    int64_t rest = nanoseconds - whole * 1000000000 + t.nsec;
    struct rf_gotime sum = rf_gotime_unix(t.sec + whole, rest);
    t.sec = sum.sec;
    t.nsec = sum.nsec;
    return t;
}

struct rf_gotime rf_gotime_add_date(struct rf_gotime t, int64_t years, int64_t months, int64_t days)
{
    const int64_t limit = INT64_C(1) << 34;
    struct rf_gotime_fields f;
    rf_gotime_fields(t, &f);
    struct rf_gotime u =
        rf_gotime_date(f.year + modest(years, limit), f.month + modest(months, limit),
                       f.day + modest(days, limit), f.hour, f.minute, f.second);
    t.sec = cut(u.sec - t.offset);
    return t;
}

int64_t rf_gotime_sub(struct rf_gotime t, struct rf_gotime u)
{
    int64_t sec, ns;
    if (!__builtin_sub_overflow(t.sec, u.sec, &sec) &&
        !__builtin_mul_overflow(sec, INT64_C(1000000000), &ns) &&
        !__builtin_add_overflow(ns, (int64_t)t.nsec - u.nsec, &ns))
        return ns;
    return t.sec < u.sec ? INT64_MIN : INT64_MAX;
}

int rf_gotime_compare(struct rf_gotime t, struct rf_gotime u)
{
    if (t.sec != u.sec)
        return t.sec < u.sec ? -1 : 1;
    return t.nsec == u.nsec ? 0 : t.nsec < u.nsec ? -1 : 1;
}

const char *rf_gotime_month_name(int64_t month)
{
    static const char *const names[] = { "January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December" };
    return month >= 1 && month <= 12 ? names[month - 1] : NULL;
}

const char *rf_gotime_weekday_name(int64_t weekday)
{
    static const char *const names[] = { "Sunday",   "Monday", "Tuesday", "Wednesday",
                                         "Thursday", "Friday", "Saturday" };
    return weekday >= 0 && weekday <= 6 ? names[weekday] : NULL;
}
