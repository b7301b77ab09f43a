/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/schedule.h"

#include <stdlib.h>

#include "base/duration.h"
#include "base/gotime.h"
#include "base/mem.h"
#include "base/text.h"
#include "policy/zone.h"

#define NS 1000000000u
#define DAY INT64_C(86400)
/* 29 February can be 8 years away; what does not come until then never comes. */
#define DAYS_MAX (INT64_C(9) * 366)
/* Where the calendar of this module ends: the year 9999. */
#define TIME_MAX INT64_C(253402300799)

struct rf_schedule {
    uint64_t every_s;                       /* 0: by the fields */
    uint64_t minute, hour, dom, month, dow; /* bit n: n */
    bool any_hour, any_dom, any_dow;        /* written with * */
    struct rf_zone *zone;
};

void rf_schedule_free(struct rf_schedule *s)
{
    if (s == NULL)
        return;
    rf_zone_free(s->zone);
    free(s);
}

void rf_schedule_freep(struct rf_schedule **s)
{
    rf_schedule_free(*s);
    *s = NULL;
}

/* ---- fields ---- */

struct field {
    const char *name;
    unsigned min, max;
    const char *names; /* three letters each, from `first` on */
    unsigned first;
};

static const struct field fields[] = {
    { "minute", 0, 59, NULL, 0 },
    { "hour", 0, 23, NULL, 0 },
    { "day of month", 1, 31, NULL, 0 },
    { "month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec", 1 },
    { "day of week", 0, 7, "sunmontuewedthufrisat", 0 }, /* 7 is Sunday too */
};

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool read_value(const struct field *f, struct rf_slice s, unsigned *out)
{
    uint64_t n = 0;
    for (size_t i = 0; f->names != NULL && s.ptr != NULL && s.len == 3 && i < strlen(f->names);
         i += 3) {
        if (lower(s.ptr[0]) != f->names[i] || lower(s.ptr[1]) != f->names[i + 1] ||
            lower(s.ptr[2]) != f->names[i + 2])
            continue;
        *out = f->first + (unsigned)(i / 3);
        return true;
    }
    if (rf_parse_u64(s, f->max, &n, NULL) < 0 || n < f->min)
        return false;
    *out = (unsigned)n;
    return true;
}

static struct rf_slice cut(struct rf_slice *s, char sign, bool *found)
{
    const char *at = s->len > 0 && s->ptr != NULL ? memchr(s->ptr, sign, s->len) : NULL;
    *found = at != NULL;
    struct rf_slice front = rf_slice_of(s->ptr, at != NULL ? (size_t)(at - s->ptr) : s->len);
    size_t used = front.len + (at != NULL);
    s->ptr += used;
    s->len -= used;
    return front;
}

/* "*", "N", "N-M", each perhaps with "/STEP". *star: all of the field's values, as such. */
static bool read_range(const struct field *f, struct rf_slice s, uint64_t *bits, bool *star)
{
    bool stepped, ranged;
    uint64_t step = 1;
    unsigned from = f->min, to = f->max;
    struct rf_slice range = cut(&s, '/', &stepped);
    if (stepped && (rf_parse_u64(s, 1000, &step, NULL) < 0 || step == 0))
        return false;
    if (rf_slice_is(range, "*") || rf_slice_is(range, "?")) {
        *star = true;
        to = f->max == 7 ? 6 : f->max;
    } else {
        struct rf_slice first = cut(&range, '-', &ranged);
        if (!read_value(f, first, &from))
            return false;
        /* "N/STEP" goes on to the end. */
        to = stepped ? (f->max == 7 && from < 7 ? 6 : f->max) : from;
        if (ranged && (!read_value(f, range, &to) || from > to))
            return false;
    }
    for (uint64_t n = from; n <= to; n += step)
        *bits |= UINT64_C(1) << n;
    return true;
}

static int read_field(const struct field *f, struct rf_slice text, uint64_t *bits, bool *star,
                      struct rf_err *err)
{
    bool more = true;
    struct rf_slice rest = text;
    while (more) {
        struct rf_slice item = cut(&rest, ',', &more);
        if (!read_range(f, item, bits, star)) {
            RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(text, 100);
            return rf_fail(err, RFE_CONFIG, "schedule: %s \"%s\" is not made of *, %u-%u%s and /",
                           f->name, shown, f->min, f->max, f->names != NULL ? ", names" : "");
        }
    }
    return 0;
}

static struct rf_slice take_word(struct rf_slice *s)
{
    while (s->len > 0 && strchr(" \t\r\n", s->ptr[0]) != NULL) {
        s->ptr++;
        s->len--;
    }
    size_t n = 0;
    while (n < s->len && strchr(" \t\r\n", s->ptr[n]) == NULL)
        n++;
    struct rf_slice word = rf_slice_of(s->ptr, n);
    s->ptr += n;
    s->len -= n;
    return word;
}

static int read_fields(struct rf_schedule *s, struct rf_slice text, struct rf_err *err)
{
    bool ignored = false;
    uint64_t *const bits[] = { &s->minute, &s->hour, &s->dom, &s->month, &s->dow };
    bool *const stars[] = { &ignored, &s->any_hour, &s->any_dom, &ignored, &s->any_dow };
    struct rf_slice words[RF_ARRAY_LEN(fields)];
    size_t n = 0;
    for (struct rf_slice w = take_word(&text); w.len > 0; w = take_word(&text), n++) {
        if (n < RF_ARRAY_LEN(fields))
            words[n] = w;
    }
    if (n != RF_ARRAY_LEN(fields))
        return rf_fail(err, RFE_CONFIG,
                       "schedule: 5 fields are wanted (minute, hour, day of month, month, day of "
                       "week), not %zu",
                       n);
    for (size_t i = 0; i < n; i++) {
        int rc = read_field(&fields[i], words[i], bits[i], stars[i], err);
        if (rc < 0)
            return rc;
    }
    if (s->dow & (1u << 7))
        s->dow |= 1;
    return 0;
}

/* ---- the whole text ---- */

static int read_every(struct rf_schedule *s, struct rf_slice text, struct rf_err *err)
{
    uint64_t ns = 0;
    text.ptr += strlen("@every ");
    text.len -= strlen("@every ");
    if (rf_duration_parse(text, &ns, NULL) < 0 || ns == 0) {
        RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(text, 100);
        return rf_fail(err, RFE_CONFIG,
                       "schedule: @every \"%s\" is not followed by a duration such as 1h30m",
                       shown);
    }
    s->every_s = ns < NS ? 1 : ns / NS;
    return 0;
}

static int read_word(struct rf_schedule *s, struct rf_slice text, struct rf_err *err)
{
    static const char *const words[][2] = {
        { "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" }, { "@monthly", "0 0 1 * *" },
        { "@weekly", "0 0 * * 0" }, { "@daily", "0 0 * * *" },    { "@midnight", "0 0 * * *" },
        { "@hourly", "0 * * * *" },
    };
    if (rf_slice_starts(text, "@every "))
        return read_every(s, text, err);
    for (size_t i = 0; i < RF_ARRAY_LEN(words); i++) {
        if (rf_slice_is(text, words[i][0]))
            return read_fields(s, rf_slice_str(words[i][1]), err);
    }
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(text, 100);
    return rf_fail(err, RFE_CONFIG,
                   "schedule: \"%s\" is none of @yearly, @monthly, @weekly, @daily, @hourly, "
                   "@every DURATION",
                   shown);
}

static int read_zone(struct rf_schedule *s, struct rf_slice name, bool load, struct rf_err *err)
{
    if (name.len > 0 && !rf_zone_name_valid(name)) {
        RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(name, 100);
        return rf_fail(err, RFE_CONFIG, "schedule: \"%s\" is not the name of a time zone", shown);
    }
    if (!load)
        return 0;
    RF_CLEANUP(rf_freep) char *text = rf_xstrndup(name.ptr, name.len);
    struct rf_err cause = RF_ERR_INIT;
    if (rf_zone_load(name.len > 0 ? text : "UTC", &s->zone, &cause) < 0)
        return rf_fail(err, RFE_CONFIG, "schedule: %s", cause.msg);
    return 0;
}

static int read_text(const char *string, bool load, struct rf_schedule *s, struct rf_err *err)
{
    static const char *const prefixes[] = { "CRON_TZ=", "TZ=" };
    struct rf_slice text = rf_slice_str(string);
    bool zoned = false;
    if (text.len > RF_SCHEDULE_TEXT_MAX)
        return rf_fail(err, RFE_CONFIG, "schedule: over %d bytes", RF_SCHEDULE_TEXT_MAX);
    for (size_t i = 0; !zoned && i < RF_ARRAY_LEN(prefixes); i++) {
        if (!rf_slice_starts(text, prefixes[i]))
            continue;
        text.ptr += strlen(prefixes[i]);
        text.len -= strlen(prefixes[i]);
        bool ignored;
        int rc = read_zone(s, cut(&text, ' ', &ignored), load, err);
        if (rc < 0)
            return rc;
        zoned = true;
    }
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[0]) != NULL) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[text.len - 1]) != NULL)
        text.len--;
    if (load && !zoned && rf_zone_load(NULL, &s->zone, err) < 0)
        return -RFE_CONFIG;
    return text.len > 0 && text.ptr[0] == '@' ? read_word(s, text, err) : read_fields(s, text, err);
}

int rf_schedule_parse(const char *text, uint64_t interval_ns, struct rf_schedule **out,
                      struct rf_err *err)
{
    RF_CLEANUP(rf_schedule_freep) struct rf_schedule *s = rf_xcalloc(1, sizeof(*s));
    int rc = 0;
    if (text != NULL && text[0] != '\0')
        rc = read_text(text, true, s, err);
    else if (interval_ns == 0)
        rc = rf_fail(err, RFE_NOT_FOUND, "neither schedule nor interval");
    else
        s->every_s = interval_ns < NS ? 1 : interval_ns / NS;
    if (rc < 0)
        return rc;
    *out = RF_STEAL(s);
    return 0;
}

int rf_schedule_check(const char *text, struct rf_err *err)
{
    RF_CLEANUP(rf_schedule_freep) struct rf_schedule *s = rf_xcalloc(1, sizeof(*s));
    return read_text(text, false, s, err);
}

/* ---- the next time ---- */

static bool has(uint64_t bits, int n)
{
    return (bits >> n & 1) != 0;
}

/* Where both days are named, either will do; where one of them is *, the other one counts. */
static bool day_fits(const struct rf_schedule *s, const struct rf_gotime_fields *f)
{
    bool dom = has(s->dom, f->day), dow = has(s->dow, f->weekday);
    return has(s->month, f->month) && (s->any_dom || s->any_dow ? dom && dow : dom || dow);
}

/* Moments of one wall-clock time, those behind `after`, into *best when earlier. */
static void look_at(const struct rf_schedule *s, int64_t local, int64_t after, int64_t *best)
{
    int64_t moments[2], jump;
    unsigned n = rf_zone_moments(s->zone, local, moments, &jump);
    if (n == 0 && !s->any_hour)
        moments[n++] = jump;
    else if (n == 2 && !s->any_hour)
        n = 1;
    for (unsigned i = 0; i < n; i++) {
        if (moments[i] > after && moments[i] < *best)
            *best = moments[i];
    }
}

/* Where clocks do not change around that day, its first time is enough. */
static bool look_at_plain_day(const struct rf_schedule *s, int64_t midnight, int64_t after,
                              int64_t *best)
{
    if (!rf_zone_is_steady(s->zone, midnight - 2 * DAY, midnight + 3 * DAY))
        return false;
    int64_t start = midnight - rf_zone_offset(s->zone, midnight);
    for (int hour = 0; hour < 24; hour++) {
        for (int minute = 0; has(s->hour, hour) && minute < 60; minute++) {
            int64_t moment = start + hour * INT64_C(3600) + minute * INT64_C(60);
            if (!has(s->minute, minute) || moment <= after)
                continue;
            if (moment < *best)
                *best = moment;
            return true;
        }
    }
    return true;
}

static void look_at_day(const struct rf_schedule *s, int64_t midnight, int64_t after, int64_t *best)
{
    if (look_at_plain_day(s, midnight, after, best))
        return;
    for (int hour = 0; hour < 24; hour++) {
        for (int minute = 0; has(s->hour, hour) && minute < 60; minute++) {
            if (has(s->minute, minute))
                look_at(s, midnight + hour * INT64_C(3600) + minute * INT64_C(60), after, best);
        }
    }
}

static bool next_by_fields(const struct rf_schedule *s, int64_t after, int64_t *next)
{
    int64_t local = after + rf_zone_offset(s->zone, after), best = INT64_MAX;
    int64_t day = (local < 0 ? local - (DAY - 1) : local) / DAY - 2;
    for (int64_t end = day + DAYS_MAX; day < end; day++) {
        struct rf_gotime_fields f;
        /* Days overlap where clocks go back at midnight: one more day is looked at. */
        bool last = best != INT64_MAX;
        rf_gotime_fields(rf_gotime_unix(day * DAY, 0), &f);
        if (day_fits(s, &f))
            look_at_day(s, day * DAY, after, &best);
        if (last)
            break;
    }
    *next = best;
    return best != INT64_MAX;
}

bool rf_schedule_next(const struct rf_schedule *s, time_t after, time_t *next)
{
    int64_t at = (int64_t)after, found = 0;
    if (at < -TIME_MAX || at > TIME_MAX)
        return false;
    if (s->every_s > 0)
        found = s->every_s <= (uint64_t)TIME_MAX ? at + (int64_t)s->every_s : INT64_MAX;
    else if (!next_by_fields(s, at, &found))
        return false;
    if (found > TIME_MAX)
        return false;
    *next = (time_t)found;
    return true;
}
