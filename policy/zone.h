/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time zones out of the system's files (RFC 8536), without the process's own zone, which cannot be changed while threads run. Read once, then
 * only looked at: any thread.
 */
#ifndef RF_POLICY_ZONE_H
#define RF_POLICY_ZONE_H

#include "base/buf.h"

struct rf_zone;
/*
 * "Europe/Berlin", looked for in $TZDIR, /usr/share/zoneinfo and /etc/zoneinfo; "UTC"; "Local" or NULL: the zone of the machine ($TZ, which may be a
 * POSIX rule, else /etc/localtime, else UTC). -RFE_INVALID, -RFE_NOT_FOUND. *out belongs to the caller.
 */
RF_MUST_USE int rf_zone_load(const char *name, struct rf_zone **out, struct rf_err *err);
/* From the bytes of a zone file. -RFE_INVALID. */
RF_MUST_USE int rf_zone_parse(struct rf_slice file, struct rf_zone **out, struct rf_err *err);
/* From a rule such as CET-1CEST,M3.5.0,M10.5.0/3. -RFE_INVALID. */
RF_MUST_USE int rf_zone_parse_rule(const char *rule, struct rf_zone **out, struct rf_err *err);
void rf_zone_free(struct rf_zone *z);
void rf_zone_freep(struct rf_zone **z);
/* Whether it can be a name: a relative path without dots at the front of its parts. */
bool rf_zone_name_valid(struct rf_slice name);

/* Seconds east of UTC at a moment. */
int32_t rf_zone_offset(const struct rf_zone *z, int64_t at);
/* Whether clocks do not change between the two moments. */
bool rf_zone_is_steady(const struct rf_zone *z, int64_t from, int64_t to);
/*
 * The moments, at most two, earlier one first, at which clocks show `local` (seconds since 1970 as if it were UTC). 0: they never do, since they jump
 * over it at *jump.
 */
unsigned rf_zone_moments(const struct rf_zone *z, int64_t local, int64_t moments[2], int64_t *jump);

#endif
