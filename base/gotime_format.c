/* SPDX-License-Identifier: Apache-2.0 */
#include "base/gotime.h"
#include "base/gotime_layout.h"

#include <inttypes.h>
#include <stdlib.h>

static void add_year(struct rf_buf *out, int64_t year)
{
    rf_buf_addf(out, year < 0 ? "-%04" PRId64 : "%04" PRId64, year < 0 ? -year : year);
}

/* Hours, minutes and seconds of an offset, two digits each. */
static void add_offset(struct rf_buf *out, int32_t offset, bool colon, int parts)
{
    int32_t o = offset < 0 ? -offset : offset;
    const int32_t values[] = { o / 3600, o / 60 % 60, o % 60 };
    rf_buf_add_char(out, offset < 0 ? '-' : '+');
    for (int i = 0; i < parts && i < 3; i++)
        rf_buf_addf(out, i > 0 && colon ? ":%02d" : "%02d", (int)values[i]);
}

static void add_fraction(struct rf_buf *out, const struct rf_layout_element *e, int32_t nsec)
{
    char digits[16];
    (void)snprintf(digits, sizeof(digits), "%09u", (unsigned)nsec % 1000000000U);
    int n = e->digits < 9 ? e->digits : 9;
    if (e->kind == RF_LAYOUT_FRACTION_9)
        while (n > 0 && digits[n - 1] == '0')
            n--;
    if (n == 0)
        return;
    rf_buf_add_char(out, e->text.ptr[0]);
    rf_buf_add(out, digits, (size_t)n);
    /* A nanosecond is the smallest part there is. */
    for (int i = 9; e->kind == RF_LAYOUT_FRACTION_0 && i < e->digits; i++)
        rf_buf_add_char(out, '0');
}

static void add_date_element(struct rf_buf *out, enum rf_layout_kind kind,
                             const struct rf_gotime_fields *f)
{
    const char *month = rf_gotime_month_name(f->month);
    const char *weekday = rf_gotime_weekday_name(f->weekday);
    switch (kind) {
    case RF_LAYOUT_MONTH_LONG:
        rf_buf_add_str(out, month);
        break;
    case RF_LAYOUT_MONTH_SHORT:
        rf_buf_add(out, month, 3);
        break;
    case RF_LAYOUT_MONTH:
    case RF_LAYOUT_MONTH_2:
        rf_buf_addf(out, kind == RF_LAYOUT_MONTH ? "%d" : "%02d", f->month);
        break;
    case RF_LAYOUT_WEEKDAY_LONG:
        rf_buf_add_str(out, weekday);
        break;
    case RF_LAYOUT_WEEKDAY_SHORT:
        rf_buf_add(out, weekday, 3);
        break;
    case RF_LAYOUT_DAY:
        rf_buf_addf(out, "%d", f->day);
        break;
    case RF_LAYOUT_DAY_SPACE:
    case RF_LAYOUT_DAY_2:
        rf_buf_addf(out, kind == RF_LAYOUT_DAY_2 ? "%02d" : "%2d", f->day);
        break;
    case RF_LAYOUT_YEARDAY_SPACE:
    case RF_LAYOUT_YEARDAY_3:
        rf_buf_addf(out, kind == RF_LAYOUT_YEARDAY_3 ? "%03d" : "%3d", f->yearday);
        break;
    case RF_LAYOUT_YEAR:
        add_year(out, f->year);
        break;
    case RF_LAYOUT_YEAR_2:
        rf_buf_addf(out, "%02d", (int)((f->year % 100 + 100) % 100));
        break;
    default:
        break;
    }
}

static void add_clock_element(struct rf_buf *out, enum rf_layout_kind kind,
                              const struct rf_gotime_fields *f)
{
    int twelve = f->hour % 12 == 0 ? 12 : f->hour % 12;
    switch (kind) {
    case RF_LAYOUT_HOUR:
        rf_buf_addf(out, "%02d", f->hour);
        break;
    case RF_LAYOUT_HOUR12:
    case RF_LAYOUT_HOUR12_2:
        rf_buf_addf(out, kind == RF_LAYOUT_HOUR12 ? "%d" : "%02d", twelve);
        break;
    case RF_LAYOUT_MINUTE:
    case RF_LAYOUT_MINUTE_2:
        rf_buf_addf(out, kind == RF_LAYOUT_MINUTE ? "%d" : "%02d", f->minute);
        break;
    case RF_LAYOUT_SECOND:
    case RF_LAYOUT_SECOND_2:
        rf_buf_addf(out, kind == RF_LAYOUT_SECOND ? "%d" : "%02d", f->second);
        break;
    case RF_LAYOUT_PM_UPPER:
        rf_buf_add_str(out, f->hour >= 12 ? "PM" : "AM");
        break;
    case RF_LAYOUT_PM_LOWER:
        rf_buf_add_str(out, f->hour >= 12 ? "pm" : "am");
        break;
    default:
        break;
    }
}

static void add_element(struct rf_buf *out, const struct rf_layout_element *e,
                        const struct rf_gotime *t, const struct rf_gotime_fields *f)
{
    switch (e->kind) {
    case RF_LAYOUT_ZONE_NAME:
        if (t->zone[0] != '\0')
            rf_buf_add_str(out, t->zone);
        else
            add_offset(out, t->offset, false, 2);
        break;
    case RF_LAYOUT_OFFSET:
        if (e->z && t->offset == 0)
            rf_buf_add_char(out, 'Z');
        else
            add_offset(out, t->offset, e->colon, e->parts);
        break;
    case RF_LAYOUT_FRACTION_0:
    case RF_LAYOUT_FRACTION_9:
        add_fraction(out, e, t->nsec);
        break;
    default:
        add_date_element(out, e->kind, f);
        add_clock_element(out, e->kind, f);
        break;
    }
}

void rf_gotime_format(struct rf_buf *out, struct rf_gotime t, struct rf_slice layout)
{
    struct rf_gotime_fields f;
    struct rf_layout_element e = { .rest = layout };
    rf_gotime_fields(t, &f);
    do {
        rf_layout_next(e.rest, &e);
        rf_buf_add(out, e.before.ptr, e.before.len);
        if (e.kind != RF_LAYOUT_END)
            add_element(out, &e, &t, &f);
    } while (e.kind != RF_LAYOUT_END);
}

void rf_gotime_string(struct rf_buf *out, struct rf_gotime t)
{
    rf_gotime_format(out, t, rf_slice_str("2006-01-02 15:04:05.999999999 -0700 MST"));
}
