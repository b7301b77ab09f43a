/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of steps, by name, over all the files that a server reads one after the other: which of them run now, so that none runs beside itself,
 * and what came of them so far. A step of two files is the same when it has the same name; it is forgotten when no file that is still held has it.
 *
 *     record = rf_sync_ledger_hold(ledger, name);
 *     if (rf_sync_ledger_begin(record, waits, over, ctx, &mode)) { ... run ... rf_sync_ledger_end(record, &report, left); }
 *     rf_sync_ledger_drop(record);
 */
#ifndef RF_POLICY_SYNC_LEDGER_H
#define RF_POLICY_SYNC_LEDGER_H

#include <time.h>

#include "policy/sync/sync_step.h"

struct rf_stats;

/* What is known of a step so far. */
struct rf_sync_status {
    bool running;
    time_t last_start, last_end, last_success; /* 0: never */
    uint64_t runs, failed_runs, copies, unchanged, errors, bytes, requests;
    struct rf_rate rate;
};

struct rf_sync_ledger;
struct rf_sync_ledger *rf_sync_ledger_new(void);
void rf_sync_ledger_free(struct rf_sync_ledger *l); /* every record was dropped */

struct rf_sync_record;
/* The record of that name, a new one when there is none; for rf_sync_ledger_drop. Any thread, as all below. */
struct rf_sync_record *rf_sync_ledger_hold(struct rf_sync_ledger *l, const char *name);
void rf_sync_ledger_drop(struct rf_sync_record *r);
const char *rf_sync_ledger_name(const struct rf_sync_record *r);
/* Where its requests are counted. */
struct rf_stats *rf_sync_ledger_requests(struct rf_sync_record *r);

/*
 * Whether it may run now, as running from then on: false when it runs already. With `waits` it is waited for, until over(ctx), and the turn of a crew is given away
 * meanwhile. *mode becomes RF_SYNC_COPY when the run before was one and was left.
 */
bool rf_sync_ledger_begin(struct rf_sync_record *r, bool waits, bool (*over)(void *ctx), void *ctx,
                          enum rf_sync_mode *mode);
/* `left`: it was a run that copies what has changed, and the rest of it is the next one's. */
void rf_sync_ledger_end(struct rf_sync_record *r, const struct rf_sync_report_step *report,
                        bool left);
/* Who waits asks over(ctx) again. */
void rf_sync_ledger_stir(struct rf_sync_ledger *l);
void rf_sync_ledger_status(struct rf_sync_record *r, struct rf_sync_status *out);

#endif
