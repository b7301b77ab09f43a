/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local policy's accept(): which images of a bundle this side takes. Around the check of the ground (import/ground.h):
 *
 *     rf_accept_ask(r, state, err)      who is refused is no missing ground
 *     rf_ground_check(r, err)
 *     rf_accept_settle(r, err)          what only refused images need is not written
 */
#ifndef RF_IMPORT_ACCEPT_H
#define RF_IMPORT_ACCEPT_H

#include "import/run.h"
#include "import/state.h"

/*
 * Asks for every image that the bundle wants, changed or not; what is not in the bundle is read from the destination. Refused ones are marked in
 * run->refused and run->by_policy. An image that is not there, and that the receipt of the bundle applied last says the policy refused, stays refused.
 * state NULL: nothing is known of that. Fails when it could not be told.
 */
RF_MUST_USE int rf_accept_ask(struct rf_import_run *r, const struct rf_import_state *state,
                              struct rf_err *err);
/* A reason (run->refused) that stands for an earlier verdict on an image that is not here. */
bool rf_accept_is_memory(const char *reason);
RF_MUST_USE int rf_accept_settle(struct rf_import_run *r, struct rf_err *err);

#endif
