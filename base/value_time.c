/* SPDX-License-Identifier: Apache-2.0 */
/* The types of Go's time package, with their methods. */
#include "base/value.h"

#include <inttypes.h>

#include "base/duration.h"
#include "base/mem.h"

#define METHOD(name)                                                             \
    static int name(const struct rf_call *call, const struct rf_value *self,     \
                    const struct rf_value *args, size_t n, struct rf_value *out, \
                    struct rf_err *err)
#define UNUSED() (void)call, (void)self, (void)args, (void)n, (void)err

static struct rf_gotime_fields fields_of(const struct rf_value *v)
{
    struct rf_gotime_fields f;
    rf_gotime_fields(v->time, &f);
    return f;
}

/* A method without arguments that gives `expression`, in which f are the calendar's fields of the time. */
#define CALENDAR(name, expression)                   \
    METHOD(name)                                     \
    {                                                \
        UNUSED();                                    \
        struct rf_gotime_fields f = fields_of(self); \
        *out = (expression);                         \
        return 0;                                    \
    }

CALENDAR(time_year, rf_value_int(f.year))
CALENDAR(time_month, rf_value_typed(rf_value_int(f.month), &rf_type_month))
CALENDAR(time_day, rf_value_int(f.day))
CALENDAR(time_hour, rf_value_int(f.hour))
CALENDAR(time_minute, rf_value_int(f.minute))
CALENDAR(time_second, rf_value_int(f.second))
CALENDAR(time_weekday, rf_value_typed(rf_value_int(f.weekday), &rf_type_weekday))
CALENDAR(time_yearday, rf_value_int(f.yearday))

/* The same for a method that gives `expression` of args and self. */
#define SIMPLE(name, expression) \
    METHOD(name)                 \
    {                            \
        UNUSED();                \
        *out = (expression);     \
        return 0;                \
    }

SIMPLE(time_nanosecond, rf_value_int(self->time.nsec))
SIMPLE(time_unix, rf_value_int64(self->time.sec))
SIMPLE(time_add, rf_value_time(rf_gotime_add(self->time, args[0].integer)))
SIMPLE(time_add_date, rf_value_time(rf_gotime_add_date(self->time, args[0].integer, args[1].integer,
                                                       args[2].integer)))
SIMPLE(time_sub, rf_value_duration(rf_gotime_sub(self->time, args[0].time)))
SIMPLE(time_before, rf_value_bool(rf_gotime_compare(self->time, args[0].time) < 0))
SIMPLE(time_after, rf_value_bool(rf_gotime_compare(self->time, args[0].time) > 0))
SIMPLE(time_equal, rf_value_bool(rf_gotime_compare(self->time, args[0].time) == 0))
SIMPLE(time_compare, rf_value_int(rf_gotime_compare(self->time, args[0].time)))
SIMPLE(time_is_zero, rf_value_bool(rf_gotime_is_zero(self->time)))
SIMPLE(time_utc, rf_value_time(rf_gotime_utc(self->time)))
SIMPLE(time_local, rf_value_time(rf_gotime_local(self->time)))

/* Seconds in smaller units, cut at the ends of int64_t. */
static int64_t unix_in(const struct rf_gotime *t, int64_t units)
{
    int64_t v;
    if (__builtin_mul_overflow(t->sec, units, &v) ||
        __builtin_add_overflow(v, t->nsec / (1000000000 / units), &v))
        return t->sec < 0 ? INT64_MIN : INT64_MAX;
    return v;
}

SIMPLE(time_unix_milli, rf_value_int64(unix_in(&self->time, 1000)))
SIMPLE(time_unix_micro, rf_value_int64(unix_in(&self->time, 1000000)))
SIMPLE(time_unix_nano, rf_value_int64(unix_in(&self->time, 1000000000)))

/* How far t is behind the last multiple of d since year 1: Go counts from there. */
static int64_t behind(const struct rf_gotime *t, int64_t d)
{
    __extension__ typedef __int128 wide;
    wide ns = ((wide)t->sec - rf_gotime_zero().sec) * 1000000000 + t->nsec;
    int64_t r = (int64_t)(ns % d);
    return r < 0 ? r + d : r;
}

METHOD(time_truncate)
{
    UNUSED();
    int64_t d = args[0].integer;
    *out = *self;
    if (d > 0)
        out->time = rf_gotime_add(self->time, -behind(&self->time, d));
    return 0;
}

METHOD(time_round)
{
    UNUSED();
    int64_t d = args[0].integer;
    *out = *self;
    if (d <= 0)
        return 0;
    int64_t r = behind(&self->time, d);
    out->time = rf_gotime_add(self->time, r < d - r ? -r : d - r);
    return 0;
}

/* A text of its own in the arena. */
static struct rf_value text_value(const struct rf_call *call, const struct rf_buf *b)
{
    return rf_value_string(rf_arena_slice(call->arena, rf_buf_slice(b)));
}

METHOD(time_format)
{
    UNUSED();
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, rf_arena_room(call->arena) + 1);
    rf_gotime_format(&b, self->time, args[0].text);
    if (b.rc < 0)
        return rf_fail(err, -b.rc, "the text is too long");
    *out = text_value(call, &b);
    return 0;
}

METHOD(time_text)
{
    UNUSED();
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_gotime_string(&b, self->time);
    *out = text_value(call, &b);
    return 0;
}

/* The name of the zone, as Go's Location prints it. */
METHOD(time_location)
{
    UNUSED();
    *out = rf_value_string(rf_arena_slice(call->arena, rf_slice_str(self->time.zone)));
    return 0;
}

static const struct rf_func time_methods[] = {
    { "Add", "d", time_add },
    { "AddDate", "iii", time_add_date },
    { "After", "t", time_after },
    { "Before", "t", time_before },
    { "Compare", "t", time_compare },
    { "Day", "", time_day },
    { "Equal", "t", time_equal },
    { "Format", "s", time_format },
    { "Hour", "", time_hour },
    { "IsZero", "", time_is_zero },
    { "Local", "", time_local },
    { "Location", "", time_location },
    { "Minute", "", time_minute },
    { "Month", "", time_month },
    { "Nanosecond", "", time_nanosecond },
    { "Round", "d", time_round },
    { "Second", "", time_second },
    { "String", "", time_text },
    { "Sub", "t", time_sub },
    { "Truncate", "d", time_truncate },
    { "UTC", "", time_utc },
    { "Unix", "", time_unix },
    { "UnixMicro", "", time_unix_micro },
    { "UnixMilli", "", time_unix_milli },
    { "UnixNano", "", time_unix_nano },
    { "Weekday", "", time_weekday },
    { "Year", "", time_year },
    { "YearDay", "", time_yearday },
};

static int write_time(const struct rf_call *call, const struct rf_value *self, struct rf_buf *out,
                      struct rf_err *err)
{
    (void)call, (void)err;
    rf_gotime_string(out, self->time);
    return 0;
}

const struct rf_type rf_type_time = {
    .name = "time.Time", .kind = RF_VALUE_TIME, RF_METHODS(time_methods), .string = write_time
};

/* ---- time.Duration ---- */

SIMPLE(duration_hours, rf_value_float((double)self->integer / 3.6e12))
SIMPLE(duration_minutes, rf_value_float((double)self->integer / 6e10))
SIMPLE(duration_seconds, rf_value_float((double)self->integer / 1e9))
SIMPLE(duration_milli, rf_value_int64(self->integer / 1000000))
SIMPLE(duration_micro, rf_value_int64(self->integer / 1000))
SIMPLE(duration_nano, rf_value_int64(self->integer))
SIMPLE(duration_abs, rf_value_duration(self->integer == INT64_MIN ? INT64_MAX
                                       : self->integer < 0        ? -self->integer
                                                                  : self->integer))
SIMPLE(duration_truncate,
       rf_value_duration(args[0].integer > 0 ? self->integer - self->integer % args[0].integer
                                             : self->integer))

METHOD(duration_round)
{
    UNUSED();
    int64_t d = self->integer, m = args[0].integer;
    *out = *self;
    if (m <= 0)
        return 0;
    int64_t r = d % m, size = r < 0 ? -r : r, sum = d - r;
    /* Halves go away from zero; past the end the largest span stays. */
    if (size >= m - size && __builtin_add_overflow(sum, d < 0 ? -m : m, &sum))
        sum = d < 0 ? INT64_MIN : INT64_MAX;
    *out = rf_value_duration(sum);
    return 0;
}

METHOD(duration_text)
{
    UNUSED();
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_duration_format(&b, self->integer);
    *out = text_value(call, &b);
    return 0;
}

static const struct rf_func duration_methods[] = {
    { "Abs", "", duration_abs },
    { "Hours", "", duration_hours },
    { "Microseconds", "", duration_micro },
    { "Milliseconds", "", duration_milli },
    { "Minutes", "", duration_minutes },
    { "Nanoseconds", "", duration_nano },
    { "Round", "d", duration_round },
    { "Seconds", "", duration_seconds },
    { "String", "", duration_text },
    { "Truncate", "d", duration_truncate },
};

static int write_duration(const struct rf_call *call, const struct rf_value *self,
                          struct rf_buf *out, struct rf_err *err)
{
    (void)call, (void)err;
    rf_duration_format(out, self->integer);
    return 0;
}

const struct rf_type rf_type_duration = { .name = "time.Duration",
                                          .kind = RF_VALUE_INT,
                                          RF_METHODS(duration_methods),
                                          .string = write_duration };

/* ---- time.Month, time.Weekday ---- */

static int write_month(const struct rf_call *call, const struct rf_value *self, struct rf_buf *out,
                       struct rf_err *err)
{
    (void)call, (void)err;
    const char *name = rf_gotime_month_name(self->integer);
    if (name != NULL)
        rf_buf_add_str(out, name);
    else
        rf_buf_addf(out, "%%!Month(%" PRIu64 ")", (uint64_t)self->integer);
    return 0;
}

static int write_weekday(const struct rf_call *call, const struct rf_value *self,
                         struct rf_buf *out, struct rf_err *err)
{
    (void)call, (void)err;
    const char *name = rf_gotime_weekday_name(self->integer);
    if (name != NULL)
        rf_buf_add_str(out, name);
    else
        rf_buf_addf(out, "%%!Weekday(%" PRIu64 ")", (uint64_t)self->integer);
    return 0;
}

SIMPLE(month_text, rf_value_str(rf_gotime_month_name(self->integer)))
SIMPLE(weekday_text, rf_value_str(rf_gotime_weekday_name(self->integer)))

static const struct rf_func month_methods[] = { { "String", "", month_text } };
static const struct rf_func weekday_methods[] = { { "String", "", weekday_text } };

const struct rf_type rf_type_month = {
    .name = "time.Month", .kind = RF_VALUE_INT, RF_METHODS(month_methods), .string = write_month
};
const struct rf_type rf_type_weekday = { .name = "time.Weekday",
                                         .kind = RF_VALUE_INT,
                                         RF_METHODS(weekday_methods),
                                         .string = write_weekday };
