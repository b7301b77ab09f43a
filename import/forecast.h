/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an apply would do, found out by the same questions that it asks itself, and without writing. Behind the checks of ground and policy:
 *
 *     rf_forecast_make(r, state, err)       r->forecast: blobs, manifests, tags, requests, and the room that they take
 *     rf_forecast_rate(r, err)              what the registry says that it still grants
 *     rf_forecast_judge(r, err)             -RFE_NO_SPACE, -RFE_REFUSED
 *
 * What cannot be known beforehand: whether a registry mounts (where it does not, these bytes are sent as well), and what it refuses.
 */
#ifndef RF_IMPORT_FORECAST_H
#define RF_IMPORT_FORECAST_H

#include "import/run.h"
#include "import/state.h"

/* As its last answer said; when no manifest was asked for yet, by one HEAD. A registry that says nothing leaves r->rate unset. */
RF_MUST_USE int rf_forecast_rate(struct rf_import_run *r, struct rf_err *err);
/* Asks for every blob, manifest and tag. */
RF_MUST_USE int rf_forecast_make(struct rf_import_run *r, const struct rf_import_state *state,
                                 struct rf_err *err);
/* Only the room for what is remembered of the run: in the state, and for the receipt. Part of rf_forecast_make. */
RF_MUST_USE int rf_forecast_memory(struct rf_import_run *r, const struct rf_import_state *state,
                                   struct rf_err *err);
/* Whether an apply may need more pulls than are left, by what the bundle says alone: then it looks ahead itself. `earlier`: what it needs before that. */
bool rf_forecast_is_near(const struct rf_import_run *r, uint64_t earlier);
/* Asks how much is free. Fails when it is too little, or when more pulls are needed (r->forecast.pulls) than the registry grants. */
RF_MUST_USE int rf_forecast_judge(struct rf_import_run *r, struct rf_err *err);

#endif
