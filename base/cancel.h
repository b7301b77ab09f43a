/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stopping early. One flag per process: signals and the first fatal failure set it, long operations look at it and
 * leave a resumable state. Wake-ups are called from an ordinary thread, never from a signal handler.
 */
#ifndef RF_BASE_CANCEL_H
#define RF_BASE_CANCEL_H

#include "base/error.h"

/* SIGINT, SIGTERM and SIGHUP set the flag (a second one ends the process at once); SIGPIPE and
 * SIGXFSZ are ignored, as are SIGINT and SIGHUP that came ignored (nohup). Call once, before threads start. */
void rf_cancel_on_signals(void);
void rf_cancel_set(int code); /* RFE_CANCELLED or RFE_TERMINATED; the first call wins */
bool rf_cancelled(void);
/* 0, or fails with the code and the text "interrupted". */
RF_MUST_USE int rf_cancel_check(struct rf_err *err);
/* Sleeps up to ms milliseconds; cut short when cancelled. Returns as rf_cancel_check. */
RF_MUST_USE int rf_cancel_sleep(uint64_t ms, struct rf_err *err);
/*
 * Registers a call for the moment of cancelling (from a helper thread; soon, when cancelled already); up to 16.
 * fn must not call add or remove. After remove returns, fn is not running and will not run.
 */
void rf_cancel_add_wakeup(void (*fn)(void *), void *arg);
void rf_cancel_remove_wakeup(void (*fn)(void *), void *arg);
void rf_cancel_reset(void); /* for tests */

#endif
