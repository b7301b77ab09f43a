/* SPDX-License-Identifier: Apache-2.0 */
/* The last step of an import: all tags, in one short run, after the map of what they were is on disk. */
#ifndef RF_IMPORT_TAGS_H
#define RF_IMPORT_TAGS_H

#include "import/run.h"
#include "import/state.h"

/*
 * The old map saved first; set in parallel, read back by tag and digest. Tags that point to what no bundle brought are overwritten, said loudly, and
 * listed in run->foreign. state NULL: no map is kept.
 */
RF_MUST_USE int rf_apply_tags(struct rf_import_run *r, struct rf_import_state *state,
                              struct rf_err *err);
/* How many tags would move (in run->forecast), what they have now, and which of them somebody else set. Reads only. */
RF_MUST_USE int rf_apply_forecast_tags(struct rf_import_run *r, const struct rf_import_state *state,
                                       struct rf_err *err);

#endif
