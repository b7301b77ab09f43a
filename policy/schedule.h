/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a step or a script runs: every so often, or by cron's five fields (docs/policy.md).
 *
 *     "15 3 * * mon-fri"   "*" "/15 * * * *"   "@daily"   "@every 15m"   "CRON_TZ=Europe/Berlin 0 6 * * *"
 *
 * Where clocks jump, an hour that is named runs once: one that is left out runs at the jump, one that comes twice runs the first time. With "*" as
 * the hour it runs whenever the clock shows such a time.
 */
#ifndef RF_POLICY_SCHEDULE_H
#define RF_POLICY_SCHEDULE_H

#include <time.h>

#include "base/error.h"

#define RF_SCHEDULE_TEXT_MAX 1024

struct rf_schedule;
/*
 * `text` counts when it is neither NULL nor empty, else the interval (whole seconds, at least one). Neither is -RFE_NOT_FOUND. A time zone is read
 * from the system's files here, never later. -RFE_CONFIG. *out belongs to the caller.
 */
RF_MUST_USE int rf_schedule_parse(const char *text, uint64_t interval_ns, struct rf_schedule **out,
                                  struct rf_err *err);
/* Only whether the text can be read; zones are checked by their spelling, not looked for. */
RF_MUST_USE int rf_schedule_check(const char *text, struct rf_err *err);
void rf_schedule_free(struct rf_schedule *s);
void rf_schedule_freep(struct rf_schedule **s);
/* The first time strictly after `after`; false when there is none (30 February). Any thread. */
bool rf_schedule_next(const struct rf_schedule *s, time_t after, time_t *next);

#endif
