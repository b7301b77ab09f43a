/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retention on the connected side: which images of earlier snapshots of the site the rules let go (docs/policy.md, "retain"). They travel in the bundle;
 * the far side has its own say.
 */
#ifndef RF_EXPORT_RETAIN_H
#define RF_EXPORT_RETAIN_H

#include "export/request.h"
#include "export/state.h"

/*
 * Judges what `snapshot` has and what the snapshots of the history had, and puts rules and candidates into `out`, which is sealed, and is sealed again. Never
 * a candidate: what is wanted, a hole, what was refused. An image whose tag has another one now is a candidate without tag, unless some other name has it. Labels and times are those of the cache; what it does not have any more keeps the image.
 * Without rules nothing is done.
 */
RF_MUST_USE int rf_export_retain(const struct rf_export_request *req, struct rf_export_state *state,
                                 const struct rf_snapshot *snapshot, time_t as_of,
                                 struct rf_bundle *out, struct rf_err *err);

#endif
