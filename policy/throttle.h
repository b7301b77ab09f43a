/* SPDX-License-Identifier: Apache-2.0 */
/* So many at once and no more. Who waits for something else meanwhile gives its place away and takes one again later. */
#ifndef RF_POLICY_THROTTLE_H
#define RF_POLICY_THROTTLE_H

#include "base/error.h"

struct rf_throttle;
struct rf_throttle *rf_throttle_new(unsigned places); /* at least 1 */
void rf_throttle_free(struct rf_throttle *t);         /* all places must have been given back */
void rf_throttle_freep(struct rf_throttle **t);
/* Waits for a place, in the order of asking. Fails only when cancelled (base/cancel.h) or shut, and then there is nothing to give back. */
RF_MUST_USE int rf_throttle_take(struct rf_throttle *t, struct rf_err *err);
void rf_throttle_give(struct rf_throttle *t);
/* Nobody gets a place any more: who waits, and who comes, fails as if cancelled. */
void rf_throttle_shut(struct rf_throttle *t);

#endif
