/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing: blobs, then manifests children first, then all tags in one short step. Nothing that the far side shows changes before the tags.
 *
 *     rf_apply_blobs(r, err)        there, mounted, or uploaded; hashed on the way out; with req->stream this is also the pass over the medium
 *     rf_apply_manifests(r, err)    by digest, read back
 *     rf_apply_tags(r, state, err)  the old map saved first; read back by tag and digest
 */
#ifndef RF_IMPORT_APPLY_H
#define RF_IMPORT_APPLY_H

#include "import/run.h"
#include "import/state.h"

RF_MUST_USE int rf_apply_blobs(struct rf_import_run *r, struct rf_err *err);
/* What one image makes the destination refuse is marked in run->refused; the rest goes on. */
RF_MUST_USE int rf_apply_manifests(struct rf_import_run *r, struct rf_err *err);
RF_MUST_USE int rf_apply_tags(struct rf_import_run *r, struct rf_import_state *state,
                              struct rf_err *err);

/* What a plan wants to know: bytes that would be uploaded, tags that would move. Reads only. */
RF_MUST_USE int rf_apply_forecast(struct rf_import_run *r, struct rf_err *err);

#endif
