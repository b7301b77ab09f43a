/* SPDX-License-Identifier: Apache-2.0 */
/* From what a check of the ground found missing to a request for it. */
#ifndef RF_IMPORT_ASK_H
#define RF_IMPORT_ASK_H

#include "import/run.h"
#include "import/state.h"
#include "layout/repair_request.h"

/*
 * Fills the initialised *doc: what is missing, by image, and the snapshot that was applied last at this destination with what of it is not there any
 * more, which is checked now. Reads only. state NULL: nothing is known of earlier bundles.
 */
RF_MUST_USE int rf_ask_fill(struct rf_import_run *r, const struct rf_import_state *state,
                            struct rf_repair_request *doc, struct rf_err *err);

#endif
