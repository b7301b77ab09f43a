/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/zone_rule.h"

#include "base/gotime.h"

/* ---- reading ---- */

/* Moves *s behind one of the letters `any`; false when it does not begin with one. */
static bool skip(struct rf_slice *s, const char *any, char *which)
{
    if (s->len == 0 || s->ptr[0] == '\0' || strchr(any, s->ptr[0]) == NULL)
        return false;
    if (which != NULL)
        *which = s->ptr[0];
    s->ptr++;
    s->len--;
    return true;
}

static bool take_number(struct rf_slice *s, int min, int max, int *out)
{
    size_t n = 0;
    int value = 0;
    while (n < s->len && n < 4 && s->ptr[n] >= '0' && s->ptr[n] <= '9')
        value = value * 10 + (s->ptr[n++] - '0');
    s->ptr += n;
    s->len -= n;
    *out = value;
    return n > 0 && value >= min && value <= max;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Three letters or more, or anything between < and >. What it is does not matter here. */
static bool skip_name(struct rf_slice *s)
{
    size_t n = 0;
    if (skip(s, "<", NULL)) {
        const char *end = s->len > 0 ? memchr(s->ptr, '>', s->len) : NULL;
        if (end == NULL)
            return false;
        n = (size_t)(end - s->ptr) + 1;
    } else {
        while (n < s->len && is_letter(s->ptr[n]))
            n++;
        if (n < 3)
            return false;
    }
    s->ptr += n;
    s->len -= n;
    return true;
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(struct rf_slice *s, int max_hours, int32_t *out)
{
    char sign = '+';
    int h = 0, m = 0, sec = 0;
    (void)skip(s, "+-", &sign);
    if (!take_number(s, 0, max_hours, &h))
        return false;
    if (skip(s, ":", NULL)) {
        if (!take_number(s, 0, 59, &m))
            return false;
        if (skip(s, ":", NULL) && !take_number(s, 0, 59, &sec))
            return false;
    }
    int32_t value = h * 3600 + m * 60 + sec;
    *out = sign == '-' ? -value : value;
    return true;
}

static bool take_day(struct rf_slice *s, struct rf_zone_day *d)
{
    bool ok;
    if (skip(s, "M", NULL)) {
        d->kind = RF_ZONE_DAY_WEEKDAY;
        ok = take_number(s, 1, 12, &d->month) && skip(s, ".", NULL) &&
             take_number(s, 1, 5, &d->week) && skip(s, ".", NULL) && take_number(s, 0, 6, &d->day);
    } else if (skip(s, "J", NULL)) {
        d->kind = RF_ZONE_DAY_JULIAN;
        ok = take_number(s, 1, 365, &d->day);
    } else {
        d->kind = RF_ZONE_DAY_NUMBER;
        ok = take_number(s, 0, 365, &d->day);
    }
    d->time = 2 * 3600;
    return ok && (!skip(s, "/", NULL) || take_time(s, 167, &d->time));
}

bool rf_zone_rule_parse(struct rf_slice text, struct rf_zone_rule *out)
{
    struct rf_zone_rule r = { 0 };
    struct rf_slice s = text;
    int32_t west = 0;
    if (text.len > RF_ZONE_RULE_MAX || !skip_name(&s) || !take_time(&s, 24, &west))
        return false;
    r.standard = -west;
    r.summer = r.standard + 3600;
    if (s.len > 0) {
        r.changes = true;
        if (!skip_name(&s))
            return false;
        if (s.len > 0 && s.ptr[0] != ',') {
            if (!take_time(&s, 24, &west))
                return false;
            r.summer = -west;
        }
        if (!skip(&s, ",", NULL) || !take_day(&s, &r.start) || !skip(&s, ",", NULL) ||
            !take_day(&s, &r.end) || s.len > 0)
            return false;
    }
    *out = r;
    return true;
}

/* ---- looking ---- */

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Midnight of that day of the year, as if it were UTC. */
static int64_t day_of(const struct rf_zone_day *d, int64_t year)
{
    if (d->kind == RF_ZONE_DAY_NUMBER)
        return rf_gotime_date(year, 1, 1 + d->day, 0, 0, 0).sec;
    if (d->kind == RF_ZONE_DAY_JULIAN)
        return rf_gotime_date(year, 1, d->day + (is_leap(year) && d->day > 59), 0, 0, 0).sec;
    struct rf_gotime first = rf_gotime_date(year, d->month, 1, 0, 0, 0);
    struct rf_gotime_fields f;
    rf_gotime_fields(first, &f);
    int day = 1 + (d->day - f.weekday + 7) % 7 + (d->week - 1) * 7;
    int64_t at = rf_gotime_date(year, d->month, day, 0, 0, 0).sec;
    /* The fifth is the last, which may be the fourth. */
    int64_t next = rf_gotime_date(year, d->month + 1, 1, 0, 0, 0).sec;
    return at >= next ? at - INT64_C(7) * 86400 : at;
}

static int64_t start_of(const struct rf_zone_rule *r, int64_t year)
{
    return day_of(&r->start, year) + r->start.time - r->standard;
}

static int64_t end_of(const struct rf_zone_rule *r, int64_t year)
{
    return day_of(&r->end, year) + r->end.time - r->summer;
}

static int64_t year_of(int64_t at)
{
    struct rf_gotime_fields f;
    rf_gotime_fields(rf_gotime_unix(at, 0), &f);
    return f.year;
}

int32_t rf_zone_rule_offset(const struct rf_zone_rule *r, int64_t at)
{
    if (!r->changes)
        return r->standard;
    /* What the latest change not behind `at` says; of two at once, the end of one summer is the start of the next. */
    int64_t year = year_of(at), latest = INT64_MIN;
    int32_t offset = r->standard;
    for (int64_t y = year - 1; y <= year + 1; y++) {
        int64_t end = end_of(r, y), start = start_of(r, y);
        if (end <= at && end >= latest) {
            latest = end;
            offset = r->standard;
        }
        if (start <= at && start >= latest) {
            latest = start;
            offset = r->summer;
        }
    }
    return offset;
}

bool rf_zone_rule_next(const struct rf_zone_rule *r, int64_t at, int64_t *when)
{
    if (!r->changes)
        return false;
    int64_t year = year_of(at), best = INT64_MAX;
    for (int64_t y = year - 1; y <= year + 2; y++) {
        int64_t end = end_of(r, y), start = start_of(r, y);
        if (start > at && start < best)
            best = start;
        if (end > at && end < best)
            best = end;
    }
    *when = best;
    return best != INT64_MAX;
}
