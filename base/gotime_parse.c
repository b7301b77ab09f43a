/* SPDX-License-Identifier: Apache-2.0 */
#include "base/gotime.h"
#include "base/gotime_layout.h"

#include <strings.h>
#include <time.h>

#include "base/mem.h"
#include "base/text.h"

#define UNSET (-1)
#define QUOTED_MAX 64

/* What has been read so far. */
struct reading {
    struct rf_slice layout, value; /* as given, for messages */
    struct rf_slice left;          /* of the value */
    int year, month, day, yearday; /* UNSET: not in the layout */
    int hour, minute, second;
    int nsec;
    bool pm, am, utc, has_offset;
    int offset;
    struct rf_slice zone; /* a name, if any */
    const char *range;    /* what is out of its range */
};

static bool digit_at(struct rf_slice s, size_t at)
{
    return at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9';
}

static void skip(struct rf_slice *s, size_t n)
{
    s->ptr += n;
    s->len -= n;
}

/* Exactly n digits at the start. */
static bool take_digits(struct rf_slice *s, size_t n, int *out)
{
    int v = 0;
    for (size_t i = 0; i < n; i++) {
        if (!digit_at(*s, i))
            return false;
        v = v * 10 + (s->ptr[i] - '0');
    }
    skip(s, n);
    *out = v;
    return true;
}

/* Two digits, or one where the layout does not ask for two. */
static bool take_number(struct rf_slice *s, bool two, int *out)
{
    return take_digits(s, two || digit_at(*s, 1) ? 2 : 1, out);
}

static bool take_in_range(struct reading *r, bool two, int low, int high, const char *what,
                          int *out)
{
    if (!take_number(&r->left, two, out))
        return false;
    if (*out < low || *out > high)
        r->range = what;
    return true;
}

/* One of the names in any case, whole or its first three letters; its number from `first`. */
static bool take_name(struct rf_slice *s, const char *(*name)(int64_t), int first, bool whole,
                      int *out)
{
    const char *n;
    for (int i = first; (n = name(i)) != NULL; i++) {
        size_t len = whole ? strlen(n) : 3;
        if (s->len < len || strncasecmp(s->ptr, n, len) != 0)
            continue;
        skip(s, len);
        *out = i;
        return true;
    }
    return false;
}

/* A fraction with its point: `n` digits, or as many as there are when n is 0. */
static bool take_fraction(struct reading *r, size_t n)
{
    if (r->left.len == 0 || (r->left.ptr[0] != '.' && r->left.ptr[0] != ','))
        return n == 0;
    if (n == 0 && !digit_at(r->left, 1))
        return true;
    int ns = 0, unit = 100000000;
    size_t i = 1;
    for (; n == 0 ? digit_at(r->left, i) : i <= n; i++) {
        if (!digit_at(r->left, i))
            return false;
        ns += (r->left.ptr[i] - '0') * unit;
        unit /= 10;
    }
    r->nsec = ns;
    skip(&r->left, i);
    return true;
}

static bool take_offset(struct reading *r, const struct rf_layout_element *e)
{
    struct rf_slice *s = &r->left;
    int parts[3] = { 0, 0, 0 };
    if (e->z && s->len > 0 && s->ptr[0] == 'Z') {
        skip(s, 1);
        r->utc = true;
        return true;
    }
    if (s->len == 0 || (s->ptr[0] != '+' && s->ptr[0] != '-'))
        return false;
    bool west = s->ptr[0] == '-';
    skip(s, 1);
    for (int i = 0; i < e->parts; i++) {
        if (i > 0 && e->colon) {
            if (s->len == 0 || s->ptr[0] != ':')
                return false;
            skip(s, 1);
        }
        if (!take_digits(s, 2, &parts[i]))
            return false;
    }
    static const char *const names[] = { "time zone offset hour", "time zone offset minute",
                                         "time zone offset second" };
    for (int i = 0; i < 3; i++)
        if (parts[i] > (i == 0 ? 24 : 60))
            r->range = names[i];
    r->offset = (parts[0] * 60 + parts[1]) * 60 + parts[2];
    r->offset = west ? -r->offset : r->offset;
    r->has_offset = true;
    return true;
}

/* A sign and an hour up to 23 behind "GMT", or alone: its length, 0 when there is none. */
static size_t signed_hours(struct rf_slice s)
{
    if (s.len < 2 || (s.ptr[0] != '+' && s.ptr[0] != '-') || !digit_at(s, 1))
        return 0;
    size_t n = digit_at(s, 2) ? 3 : 2;
    int hours = n == 3 ? (s.ptr[1] - '0') * 10 + s.ptr[2] - '0' : s.ptr[1] - '0';
    return hours < 24 && !digit_at(s, n) ? n : 0;
}

/* The length of a zone's name at the start: three to five capitals as names of zones go, "GMT+3", "+03". */
static size_t zone_length(struct rf_slice s)
{
    size_t n = 0;
    if (rf_slice_starts(s, "ChST") || rf_slice_starts(s, "MeST"))
        return 4;
    if (rf_slice_starts(s, "GMT"))
        return 3 + signed_hours(rf_slice_of(s.ptr + 3, s.len - 3));
    if (s.len > 0 && (s.ptr[0] == '+' || s.ptr[0] == '-'))
        return signed_hours(s);
    while (n < 6 && n < s.len && s.ptr[n] >= 'A' && s.ptr[n] <= 'Z')
        n++;
    if (n == 3)
        return 3;
    if (n == 4)
        return s.ptr[3] == 'T' || rf_slice_starts(s, "WITA") ? 4 : 0;
    return n == 5 && s.ptr[4] == 'T' ? 5 : 0;
}

static bool take_zone(struct reading *r)
{
    if (rf_slice_starts(r->left, "UTC")) {
        r->utc = true;
        skip(&r->left, 3);
        return true;
    }
    size_t n = zone_length(r->left);
    r->zone = rf_slice_of(r->left.ptr, n);
    skip(&r->left, n);
    return n > 0;
}

static bool take_half(struct reading *r, const char *am, const char *pm)
{
    if (rf_slice_starts(r->left, pm))
        r->pm = true;
    else if (rf_slice_starts(r->left, am))
        r->am = true;
    else
        return false;
    skip(&r->left, 2);
    return true;
}

static bool take_date(struct reading *r, enum rf_layout_kind kind)
{
    int ignored;
    switch (kind) {
    case RF_LAYOUT_YEAR:
        return take_digits(&r->left, 4, &r->year);
    case RF_LAYOUT_YEAR_2:
        if (!take_digits(&r->left, 2, &r->year))
            return false;
        r->year += r->year >= 69 ? 1900 : 2000;
        return true;
    case RF_LAYOUT_MONTH_LONG:
    case RF_LAYOUT_MONTH_SHORT:
        return take_name(&r->left, rf_gotime_month_name, 1, kind == RF_LAYOUT_MONTH_LONG,
                         &r->month);
    case RF_LAYOUT_MONTH:
    case RF_LAYOUT_MONTH_2:
        return take_in_range(r, kind == RF_LAYOUT_MONTH_2, 1, 12, "month", &r->month);
    case RF_LAYOUT_WEEKDAY_LONG:
    case RF_LAYOUT_WEEKDAY_SHORT:
        return take_name(&r->left, rf_gotime_weekday_name, 0, kind == RF_LAYOUT_WEEKDAY_LONG,
                         &ignored);
    case RF_LAYOUT_DAY_SPACE:
        if (r->left.len > 0 && r->left.ptr[0] == ' ')
            skip(&r->left, 1);
        return take_number(&r->left, false, &r->day);
    case RF_LAYOUT_DAY:
    case RF_LAYOUT_DAY_2:
        return take_number(&r->left, kind == RF_LAYOUT_DAY_2, &r->day);
    case RF_LAYOUT_YEARDAY_SPACE:
        for (int i = 0; i < 2 && r->left.len > 0 && r->left.ptr[0] == ' '; i++)
            skip(&r->left, 1);
        return take_digits(&r->left,
                           !digit_at(r->left, 1)  ? 1
                           : digit_at(r->left, 2) ? 3
                                                  : 2,
                           &r->yearday);
    default:
        return take_digits(&r->left, 3, &r->yearday);
    }
}

static bool take_clock(struct reading *r, enum rf_layout_kind kind)
{
    switch (kind) {
    case RF_LAYOUT_HOUR:
        return take_in_range(r, false, 0, 23, "hour", &r->hour);
    case RF_LAYOUT_HOUR12:
    case RF_LAYOUT_HOUR12_2:
        return take_in_range(r, kind == RF_LAYOUT_HOUR12_2, 0, 12, "hour", &r->hour);
    case RF_LAYOUT_MINUTE:
    case RF_LAYOUT_MINUTE_2:
        return take_in_range(r, kind == RF_LAYOUT_MINUTE_2, 0, 59, "minute", &r->minute);
    case RF_LAYOUT_PM_UPPER:
        return take_half(r, "AM", "PM");
    case RF_LAYOUT_PM_LOWER:
        return take_half(r, "am", "pm");
    default:
        return take_in_range(r, kind == RF_LAYOUT_SECOND_2, 0, 59, "second", &r->second);
    }
}

static bool take_element(struct reading *r, const struct rf_layout_element *e)
{
    struct rf_layout_element next;
    switch (e->kind) {
    case RF_LAYOUT_OFFSET:
        return take_offset(r, e);
    case RF_LAYOUT_ZONE_NAME:
        return take_zone(r);
    case RF_LAYOUT_FRACTION_0:
        return take_fraction(r, (size_t)e->digits);
    case RF_LAYOUT_FRACTION_9:
        return take_fraction(r, 0);
    case RF_LAYOUT_SECOND:
    case RF_LAYOUT_SECOND_2:
        if (!take_clock(r, e->kind))
            return false;
        /* A fraction is read even where the layout shows none. */
        rf_layout_next(e->rest, &next);
        if (next.kind == RF_LAYOUT_FRACTION_0 || next.kind == RF_LAYOUT_FRACTION_9)
            return true;
        return take_fraction(r, 0);
    case RF_LAYOUT_HOUR:
    case RF_LAYOUT_HOUR12:
    case RF_LAYOUT_HOUR12_2:
    case RF_LAYOUT_MINUTE:
    case RF_LAYOUT_MINUTE_2:
    case RF_LAYOUT_PM_UPPER:
    case RF_LAYOUT_PM_LOWER:
        return take_clock(r, e->kind);
    default:
        return take_date(r, e->kind);
    }
}

/* Plain text of the layout; a run of blanks stands for any number of them. */
static bool take_text(struct rf_slice *left, struct rf_slice text)
{
    while (text.len > 0) {
        if (text.ptr[0] == ' ') {
            if (left->len > 0 && left->ptr[0] != ' ')
                return false;
            while (text.len > 0 && text.ptr[0] == ' ')
                skip(&text, 1);
            while (left->len > 0 && left->ptr[0] == ' ')
                skip(left, 1);
            continue;
        }
        if (left->len == 0 || left->ptr[0] != text.ptr[0])
            return false;
        skip(&text, 1);
        skip(left, 1);
    }
    return true;
}

/* As much of a text as a message has room for. */
static void quote(struct rf_buf *out, struct rf_slice s)
{
    size_t n = rf_text_boundary(s, QUOTED_MAX);
    rf_text_quote(out, rf_slice_of(s.ptr, n));
    if (n < s.len)
        rf_buf_add_str(out, "...");
}

static int fail_element(const struct reading *r, struct rf_slice element, struct rf_slice at,
                        struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_buf_add_str(&b, "parsing time ");
    quote(&b, r->value);
    rf_buf_add_str(&b, " as ");
    quote(&b, r->layout);
    rf_buf_add_str(&b, ": cannot parse ");
    quote(&b, at);
    rf_buf_add_str(&b, " as ");
    quote(&b, element);
    return rf_fail(err, RFE_INVALID, "%s", b.ptr);
}

static int fail_because(const struct reading *r, const char *what, struct rf_slice extra,
                        struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_buf_add_str(&b, "parsing time ");
    quote(&b, r->value);
    rf_buf_addf(&b, ": %s", what);
    if (extra.len > 0)
        quote(&b, extra);
    return rf_fail(err, RFE_INVALID, "%s", b.ptr);
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in(int year, int month)
{
    static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Month and day from the day of the year, and whether they agree. NULL when all is well. */
static const char *settle_date(struct reading *r)
{
    r->year = r->year == UNSET ? 0 : r->year;
    if (r->yearday != UNSET) {
        int left = r->yearday, month = 1;
        if (left < 1 || left > (is_leap(r->year) ? 366 : 365))
            return "day-of-year out of range";
        while (left > days_in(r->year, month))
            left -= days_in(r->year, month++);
        if (r->month != UNSET && r->month != month)
            return "day-of-year does not match month";
        if (r->day != UNSET && r->day != left)
            return "day-of-year does not match day";
        r->month = month;
        r->day = left;
    }
    r->month = r->month == UNSET ? 1 : r->month;
    r->day = r->day == UNSET ? 1 : r->day;
    if (r->day < 1 || r->day > days_in(r->year, r->month))
        return "day out of range";
    return NULL;
}

/* The offset of a name that the local zone has at this time of the clock. */
static bool local_offset(const struct rf_gotime *t, const char *name, int *offset)
{
    struct rf_gotime local = rf_gotime_local(*t);
    /* The name may hold some hours away only; the moment itself is known when its offset is. */
    local = rf_gotime_local(rf_gotime_add(*t, -(int64_t)local.offset * 1000000000));
    *offset = local.offset;
    return strcmp(local.zone, name) == 0;
}

static struct rf_gotime settle_zone(const struct reading *r, struct rf_gotime t)
{
    struct rf_gotime local;
    int offset = r->offset;
    if (r->utc)
        return t;
    if (r->has_offset) {
        t.sec -= offset;
        t.offset = offset;
        rf_gotime_set_zone(&t, r->zone);
        local = rf_gotime_local(t);
        if (local.offset == offset && (t.zone[0] == '\0' || strcmp(t.zone, local.zone) == 0))
            return local;
        return t;
    }
    if (r->zone.len == 0)
        return t;
    rf_gotime_set_zone(&t, r->zone);
    if (local_offset(&t, t.zone, &offset)) {
        t.sec -= offset;
        t.offset = offset;
    } else if (r->zone.len > 3 && rf_slice_starts(r->zone, "GMT")) {
        /* As in Go, where the time is taken for UTC and only shown in that zone. */
        int hours = r->zone.ptr[4] - '0';
        if (r->zone.len > 5)
            hours = hours * 10 + r->zone.ptr[5] - '0';
        t.offset = (r->zone.ptr[3] == '-' ? -hours : hours) * 3600;
    }
    return t;
}

static int settle(struct reading *r, struct rf_gotime *out, struct rf_err *err)
{
    const char *wrong = settle_date(r);
    if (wrong != NULL)
        return fail_because(r, wrong, rf_slice_of(NULL, 0), err);
    if (r->pm && r->hour < 12)
        r->hour += 12;
    else if (r->am && r->hour == 12)
        r->hour = 0;
    struct rf_gotime t = rf_gotime_date(r->year, r->month, r->day, r->hour, r->minute, r->second);
    t.nsec = r->nsec;
    *out = settle_zone(r, t);
    return 0;
}

int rf_gotime_parse(struct rf_slice layout, struct rf_slice value, struct rf_gotime *out,
                    struct rf_err *err)
{
    struct reading r = { .layout = layout,
                         .value = value,
                         .left = value,
                         .year = UNSET,
                         .month = UNSET,
                         .day = UNSET,
                         .yearday = UNSET };
    struct rf_layout_element e = { .rest = layout };
    do {
        rf_layout_next(e.rest, &e);
        struct rf_slice at = r.left;
        if (!take_text(&r.left, e.before))
            return fail_element(&r, e.before, at, err);
        at = r.left;
        if (e.kind != RF_LAYOUT_END && !take_element(&r, &e))
            return fail_element(&r, e.text, at, err);
        if (r.range != NULL) {
            char what[64];
            (void)snprintf(what, sizeof(what), "%s out of range", r.range);
            return fail_because(&r, what, rf_slice_of(NULL, 0), err);
        }
    } while (e.kind != RF_LAYOUT_END);
    if (r.left.len > 0)
        return fail_because(&r, "extra text: ", r.left, err);
    return settle(&r, out, err);
}
