/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing: blobs, then manifests children first, then all tags in one short step. Nothing that the far side shows changes before the tags.
 *
 *     rf_apply_hold(r, err)         ... rf_apply_unhold(r) at the end
 *     rf_apply_blobs(r, err)        there, mounted, or uploaded; hashed on the way out; with req->stream this is also the pass over the medium
 *     rf_apply_manifests(r, err)    by digest, read back
 *     rf_apply_tags(r, state, err)  import/tags.h
 */
#ifndef RF_IMPORT_APPLY_H
#define RF_IMPORT_APPLY_H

#include "import/run.h"

/* Before the first write, and behind the last: no garbage collection takes away what is written or found in between. */
RF_MUST_USE int rf_apply_hold(struct rf_import_run *r, struct rf_err *err);
void rf_apply_unhold(struct rf_import_run *r);
RF_MUST_USE int rf_apply_blobs(struct rf_import_run *r, struct rf_err *err);
/* What one image makes the destination refuse is marked in run->refused; the rest goes on. */
RF_MUST_USE int rf_apply_manifests(struct rf_import_run *r, struct rf_err *err);

/* What a plan wants to know: blobs and bytes that would be uploaded. Reads only. */
RF_MUST_USE int rf_apply_forecast(struct rf_import_run *r, struct rf_err *err);

#endif
