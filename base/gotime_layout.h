/* SPDX-License-Identifier: Apache-2.0 */
/* The elements of a layout, for the reader and the writer of times. Internal to gotime. */
#ifndef RF_BASE_GOTIME_LAYOUT_H
#define RF_BASE_GOTIME_LAYOUT_H

#include "base/buf.h"

enum rf_layout_kind {
    RF_LAYOUT_END, /* no element any more */
    RF_LAYOUT_MONTH_LONG,
    RF_LAYOUT_MONTH_SHORT,
    RF_LAYOUT_MONTH,
    RF_LAYOUT_MONTH_2,
    RF_LAYOUT_WEEKDAY_LONG,
    RF_LAYOUT_WEEKDAY_SHORT,
    RF_LAYOUT_DAY,
    RF_LAYOUT_DAY_SPACE,
    RF_LAYOUT_DAY_2,
    RF_LAYOUT_YEARDAY_SPACE,
    RF_LAYOUT_YEARDAY_3,
    RF_LAYOUT_HOUR,
    RF_LAYOUT_HOUR12,
    RF_LAYOUT_HOUR12_2,
    RF_LAYOUT_MINUTE,
    RF_LAYOUT_MINUTE_2,
    RF_LAYOUT_SECOND,
    RF_LAYOUT_SECOND_2,
    RF_LAYOUT_YEAR,
    RF_LAYOUT_YEAR_2,
    RF_LAYOUT_PM_UPPER,
    RF_LAYOUT_PM_LOWER,
    RF_LAYOUT_ZONE_NAME,
    RF_LAYOUT_OFFSET,     /* -0700 and its forms */
    RF_LAYOUT_FRACTION_0, /* .000: as many digits as written */
    RF_LAYOUT_FRACTION_9, /* .999: without zeros at the end */
};

struct rf_layout_element {
    enum rf_layout_kind kind;
    struct rf_slice before; /* plain text in front of it */
    struct rf_slice text;   /* its own spelling */
    struct rf_slice rest;   /* what follows */
    /* Of an offset: "Z" stands for no offset; colons between the parts; parts = 1 hours, 2 minutes, 3 seconds. */
    bool z, colon;
    int parts;
    int digits; /* of a fraction */
};

/* Finds the first element of `layout`. */
void rf_layout_next(struct rf_slice layout, struct rf_layout_element *out);

#endif
