/* SPDX-License-Identifier: Apache-2.0 */
#include "base/gotime_layout.h"

#include "base/mem.h"

/* What an element looks like. Of two that fit, the longer one stands first. */
static const struct spelling {
    const char *text;
    enum rf_layout_kind kind;
    bool no_lower_after; /* "Janet" holds no month */
    bool z, colon;
    int parts;
} spellings[] = {
    { "January", RF_LAYOUT_MONTH_LONG, false, false, false, 0 },
    { "Jan", RF_LAYOUT_MONTH_SHORT, true, false, false, 0 },
    { "Monday", RF_LAYOUT_WEEKDAY_LONG, false, false, false, 0 },
    { "Mon", RF_LAYOUT_WEEKDAY_SHORT, true, false, false, 0 },
    { "MST", RF_LAYOUT_ZONE_NAME, false, false, false, 0 },
    { "002", RF_LAYOUT_YEARDAY_3, false, false, false, 0 },
    { "01", RF_LAYOUT_MONTH_2, false, false, false, 0 },
    { "02", RF_LAYOUT_DAY_2, false, false, false, 0 },
    { "03", RF_LAYOUT_HOUR12_2, false, false, false, 0 },
    { "04", RF_LAYOUT_MINUTE_2, false, false, false, 0 },
    { "05", RF_LAYOUT_SECOND_2, false, false, false, 0 },
    { "06", RF_LAYOUT_YEAR_2, false, false, false, 0 },
    { "15", RF_LAYOUT_HOUR, false, false, false, 0 },
    { "1", RF_LAYOUT_MONTH, false, false, false, 0 },
    { "2006", RF_LAYOUT_YEAR, false, false, false, 0 },
    { "2", RF_LAYOUT_DAY, false, false, false, 0 },
    { "__2", RF_LAYOUT_YEARDAY_SPACE, false, false, false, 0 },
    { "_2", RF_LAYOUT_DAY_SPACE, false, false, false, 0 },
    { "3", RF_LAYOUT_HOUR12, false, false, false, 0 },
    { "4", RF_LAYOUT_MINUTE, false, false, false, 0 },
    { "5", RF_LAYOUT_SECOND, false, false, false, 0 },
    { "PM", RF_LAYOUT_PM_UPPER, false, false, false, 0 },
    { "pm", RF_LAYOUT_PM_LOWER, false, false, false, 0 },
    { "-070000", RF_LAYOUT_OFFSET, false, false, false, 3 },
    { "-07:00:00", RF_LAYOUT_OFFSET, false, false, true, 3 },
    { "-0700", RF_LAYOUT_OFFSET, false, false, false, 2 },
    { "-07:00", RF_LAYOUT_OFFSET, false, false, true, 2 },
    { "-07", RF_LAYOUT_OFFSET, false, false, false, 1 },
    { "Z070000", RF_LAYOUT_OFFSET, false, true, false, 3 },
    { "Z07:00:00", RF_LAYOUT_OFFSET, false, true, true, 3 },
    { "Z0700", RF_LAYOUT_OFFSET, false, true, false, 2 },
    { "Z07:00", RF_LAYOUT_OFFSET, false, true, true, 2 },
    { "Z07", RF_LAYOUT_OFFSET, false, true, false, 1 },
};

/* A run of 0 or of 9 behind a point or comma, with no digit behind: its length with the point, else 0. */
static size_t fraction_at(struct rf_slice s, size_t at)
{
    if ((s.ptr[at] != '.' && s.ptr[at] != ',') || at + 1 >= s.len)
        return 0;
    char c = s.ptr[at + 1];
    if (c != '0' && c != '9')
        return 0;
    size_t end = at + 1;
    while (end < s.len && s.ptr[end] == c)
        end++;
    bool digit_after = end < s.len && s.ptr[end] >= '0' && s.ptr[end] <= '9';
    return digit_after ? 0 : end - at;
}

static bool spells(struct rf_slice at, const struct spelling *sp)
{
    size_t n = strlen(sp->text);
    if (!rf_slice_starts(at, sp->text))
        return false;
    if (sp->no_lower_after && n < at.len && at.ptr[n] >= 'a' && at.ptr[n] <= 'z')
        return false;
    /* "_2006" is an underscore and a year. */
    return sp->kind != RF_LAYOUT_DAY_SPACE || !rf_slice_starts(at, "_2006");
}

static bool element_at(struct rf_slice layout, size_t at, struct rf_layout_element *out)
{
    struct rf_slice here = rf_slice_of(layout.ptr + at, layout.len - at);
    size_t n = fraction_at(layout, at);
    if (n > 0) {
        out->kind = layout.ptr[at + 1] == '0' ? RF_LAYOUT_FRACTION_0 : RF_LAYOUT_FRACTION_9;
        out->digits = n - 1 < 1000 ? (int)(n - 1) : 1000;
    }
    for (size_t i = 0; n == 0 && i < RF_ARRAY_LEN(spellings); i++) {
        const struct spelling *sp = &spellings[i];
        if (!spells(here, sp))
            continue;
        out->kind = sp->kind;
        out->z = sp->z;
        out->colon = sp->colon;
        out->parts = sp->parts;
        n = strlen(sp->text);
    }
    if (n == 0)
        return false;
    out->before = rf_slice_of(layout.ptr, at);
    out->text = rf_slice_of(here.ptr, n);
    out->rest = rf_slice_of(here.ptr + n, here.len - n);
    return true;
}

void rf_layout_next(struct rf_slice layout, struct rf_layout_element *out)
{
    *out = (struct rf_layout_element){ .kind = RF_LAYOUT_END, .before = layout };
    for (size_t i = 0; i < layout.len; i++)
        if (element_at(layout, i, out))
            return;
}
