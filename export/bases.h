/* SPDX-License-Identifier: Apache-2.0 */
/* What the site is known to have: the snapshots that a plan subtracts. */
#ifndef RF_EXPORT_BASES_H
#define RF_EXPORT_BASES_H

#include "export/request.h"
#include "export/state.h"

/*
 * The bases of a request: none with `full`, the named ones, else the snapshot last exported. A recorded snapshot that is lost or damaged is told
 * and left out (costs bytes); one that was named is an error. *out: array of *n, the newest of the history first, freed with rf_bases_free.
 */
RF_MUST_USE int rf_bases_load(const struct rf_export_request *req, struct rf_export_state *state,
                              struct rf_snapshot ***out, size_t *n, struct rf_err *err);
/* The bases of a recorded bundle. -RFE_NOT_FOUND when one is lost. */
RF_MUST_USE int rf_bases_load_for(const struct rf_bundle *b, struct rf_export_state *state,
                                  struct rf_snapshot ***out, size_t *n, struct rf_err *err);
void rf_bases_free(struct rf_snapshot **bases, size_t n);

#endif
