/* SPDX-License-Identifier: Apache-2.0 */
/* The rule by which a zone's clocks change every year: POSIX' TZ, "CET-1CEST,M3.5.0,M10.5.0/3", with the longer hours of RFC 8536, 3.3.1. */
#ifndef RF_POLICY_ZONE_RULE_H
#define RF_POLICY_ZONE_RULE_H

#include "base/buf.h"

#define RF_ZONE_RULE_MAX 256 /* bytes */

enum rf_zone_day_kind {
    RF_ZONE_DAY_WEEKDAY, /* Mm.w.d */
    RF_ZONE_DAY_JULIAN,  /* Jn: 1 to 365, without 29 February */
    RF_ZONE_DAY_NUMBER   /* n: 0 to 365 */
};

/* One change of the year. */
struct rf_zone_day {
    enum rf_zone_day_kind kind;
    int month, week, day; /* day: of the week from 0 = Sunday, or of the year */
    int32_t time;         /* seconds behind midnight, by the clocks before the change */
};

struct rf_zone_rule {
    int32_t standard, summer; /* seconds east of UTC */
    bool changes;             /* there is a summer time */
    struct rf_zone_day start, end;
};

/* False when it is none. */
bool rf_zone_rule_parse(struct rf_slice text, struct rf_zone_rule *out);
int32_t rf_zone_rule_offset(const struct rf_zone_rule *r, int64_t at);
/* The first change behind `at`. */
bool rf_zone_rule_next(const struct rf_zone_rule *r, int64_t at, int64_t *when);

#endif
