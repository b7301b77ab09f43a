/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items one after the other, of which one that has to wait lets the next be begun. The threads are as many as wait at once, and one more.
 *
 *     rf_sync_crew_run(512, n, fn, ctx, err);      fn(ctx, i, err) for each i, in order, one at a time
 *     inside of fn:  rf_sync_crew_pause();  ... wait ...  rf_sync_crew_resume();
 */
#ifndef RF_POLICY_SYNC_CREW_H
#define RF_POLICY_SYNC_CREW_H

#include <stddef.h>

#include "base/error.h"

/*
 * As rf_parallel with one thread, but for the waiting. At most `threads` items are begun and not ended; when all of them wait, the next is begun once
 * one of them has ended.
 */
RF_MUST_USE int rf_sync_crew_run(unsigned threads, size_t n,
                                 int (*fn)(void *ctx, size_t i, struct rf_err *err), void *ctx,
                                 struct rf_err *err);
/* The caller's item waits from now on: others may work. Of no effect in a thread that works for no crew. */
void rf_sync_crew_pause(void);
/* Returns when it is the caller's turn again; those that were begun go before those that were not. Also when cancelled. */
void rf_sync_crew_resume(void);

#endif
