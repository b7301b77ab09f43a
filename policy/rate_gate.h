/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many pulls a registry still grants, shared by all who pull from it now: what one copy is about to use is taken off before the next is let
 * through, so that `ratelimit.min` is kept also when several start at the same moment.
 */
#ifndef RF_POLICY_RATE_GATE_H
#define RF_POLICY_RATE_GATE_H

#include "base/error.h"

/* What a registry said last (RateLimit-Remaining, RateLimit-Limit). */
struct rf_rate {
    bool set;
    int remain, limit; /* limit 0: not said */
};

struct rf_rate_gate;
struct rf_rate_gate *rf_rate_gate_new(void);
void rf_rate_gate_free(struct rf_rate_gate *g);
void rf_rate_gate_freep(struct rf_rate_gate **g);
/*
 * Whether `cost` pulls may be made of this registry with `min` left behind them; they count as made until rf_rate_gate_leave. A cost that could never be
 * met passes when nothing was pulled yet and `min` is there. *untouched belongs to the image, false at first: it is set when an entry finds that nothing
 * was pulled yet. What else the same image costs then passes, too, if it could never be met: what it has pulled itself is not held against it.
 * `rate` is fresh, and set. Any thread.
 */
bool rf_rate_gate_enter(struct rf_rate_gate *g, const char *registry, const struct rf_rate *rate,
                        int64_t min, unsigned cost, bool *untouched);
void rf_rate_gate_leave(struct rf_rate_gate *g, const char *registry, unsigned cost);
/* True the first time it is asked about `what`: of that, somebody is to be told once. Any thread. */
bool rf_rate_gate_first_word(struct rf_rate_gate *g, const void *what);

#endif
