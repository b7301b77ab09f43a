/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answering a request (layout/repair_request.h): a repair bundle of what a destination lacks for a bundle of the history, and nothing else. What is missing
 * below a manifest that could not be read there is what that bundle's snapshot says, less what the destination is known to have.
 */
#ifndef RF_EXPORT_REPAIR_H
#define RF_EXPORT_REPAIR_H

#include "export/plan.h"

struct rf_repair;
/*
 * The plan of the repair that req->repair asks for. -RFE_REFUSED: for another site or chain, or a bundle that the history does not know. Images whose
 * missing blobs are at none of the places they came from become holes; fails when nothing could be had.
 */
RF_MUST_USE int rf_repair_plan(const struct rf_export_request *req, struct rf_export_state *state,
                               struct rf_plan **out, struct rf_err *err);
/* As rf_plan_drop, of a plan that was made here. */
RF_MUST_USE int rf_repair_drop(struct rf_plan *p, const struct rf_plan_failure *failures, size_t n,
                               struct rf_bundle **old, struct rf_err *err);
/* Marks the lines of the snapshot that have blobs which the repair bundle carries: where those can be read from. */
void rf_repair_statuses(const struct rf_bundle *b, struct rf_snapshot *s);
void rf_repair_free(struct rf_repair *r); /* accepts NULL */

#endif
