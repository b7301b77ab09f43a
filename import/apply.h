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
#include "regclient/copy.h"

/* Before the first write, and behind the last: no garbage collection takes away what is written or found in between. */
RF_MUST_USE int rf_apply_hold(struct rf_import_run *r, struct rf_err *err);
void rf_apply_unhold(struct rf_import_run *r);
RF_MUST_USE int rf_apply_blobs(struct rf_import_run *r, struct rf_err *err);
/* What one image makes the destination refuse is marked in run->refused; the rest goes on. */
RF_MUST_USE int rf_apply_manifests(struct rf_import_run *r, struct rf_err *err);

/* ---- the same decisions for a look ahead (import/forecast.h) ---- */

/* Numbers of the blobs that are no manifests and can be placed. Malloc'd, the caller frees. */
uint32_t *rf_apply_blob_list(const struct rf_import_run *r, size_t *n);
/* Whether the manifest need not be put into the repository `number` of the bundle, `repo` of the destination. Asks the destination. */
bool rf_apply_manifest_there(struct rf_import_run *r, uint32_t blob, uint32_t number,
                             const char *repo);
/* What stands above a manifest that fails there, fails. */
void rf_apply_fail_parents(struct rf_import_run *r);
void rf_import_counts_add(struct rf_import_counts *c, enum rf_blob_outcome outcome, uint64_t size);

#endif
