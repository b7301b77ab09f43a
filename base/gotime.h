/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moments with the layouts and texts of Go's time package: "2006-01-02 15:04:05 -0700 MST". Proleptic Gregorian
 * calendar, no leap seconds, years of any size. A moment carries the offset and the name of its zone.
 */
#ifndef RF_BASE_GOTIME_H
#define RF_BASE_GOTIME_H

#include "base/buf.h"

/* Seconds beyond this (3 milliard years) are cut to it. */
#define RF_GOTIME_SEC_MAX INT64_C(100000000000000000)

struct rf_gotime {
    int64_t sec;    /* since 1970-01-01 00:00:00 UTC */
    int32_t nsec;   /* 0 to 999999999 */
    int32_t offset; /* seconds east of UTC */
    char zone[8];   /* "UTC", "CET"; empty: only the offset is known */
};

/* The calendar's view in the moment's own zone. */
struct rf_gotime_fields {
    int64_t year;
    int month, day, hour, minute, second; /* from 1: month, day */
    int weekday;                          /* 0 = Sunday */
    int yearday;                          /* from 1 */
};

struct rf_gotime rf_gotime_unix(int64_t sec, int64_t nsec); /* UTC; nsec may be any number */
struct rf_gotime rf_gotime_zero(void);                      /* 0001-01-01 00:00:00 UTC */
struct rf_gotime rf_gotime_now(void);                       /* in the local zone */
struct rf_gotime rf_gotime_utc(struct rf_gotime t);
struct rf_gotime rf_gotime_local(struct rf_gotime t);
/* Names the zone; what is longer than 7 bytes is cut. */
void rf_gotime_set_zone(struct rf_gotime *t, struct rf_slice name);
bool rf_gotime_is_zero(struct rf_gotime t);

void rf_gotime_fields(struct rf_gotime t, struct rf_gotime_fields *out);
/* UTC; fields out of their range carry over as in Go (32 January is 1 February). */
struct rf_gotime rf_gotime_date(int64_t year, int64_t month, int64_t day, int64_t hour,
                                int64_t minute, int64_t second);
struct rf_gotime rf_gotime_add(struct rf_gotime t, int64_t nanoseconds);
struct rf_gotime rf_gotime_add_date(struct rf_gotime t, int64_t years, int64_t months,
                                    int64_t days);
/* t - u in nanoseconds, cut at the ends of int64_t. */
int64_t rf_gotime_sub(struct rf_gotime t, struct rf_gotime u);
int rf_gotime_compare(struct rf_gotime t, struct rf_gotime u); /* -1, 0, 1 */

extern const char rf_gotime_rfc3339[];      /* "2006-01-02T15:04:05Z07:00" */
extern const char rf_gotime_rfc3339_nano[]; /* "2006-01-02T15:04:05.999999999Z07:00" */

const char *rf_gotime_month_name(int64_t month);     /* "January"; NULL outside 1 to 12 */
const char *rf_gotime_weekday_name(int64_t weekday); /* "Sunday"; NULL outside 0 to 6 */

/* Appends t by a layout, which shows how 2006-01-02 15:04:05 MST would be written. */
void rf_gotime_format(struct rf_buf *out, struct rf_gotime t, struct rf_slice layout);
/* Go's default text, "2006-01-02 15:04:05.999999999 -0700 MST". */
void rf_gotime_string(struct rf_buf *out, struct rf_gotime t);
/* Reads `value` by a layout; without a zone in it, UTC. -RFE_INVALID with Go's text. */
RF_MUST_USE int rf_gotime_parse(struct rf_slice layout, struct rf_slice value,
                                struct rf_gotime *out, struct rf_err *err);

#endif
