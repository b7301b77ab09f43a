/* SPDX-License-Identifier: Apache-2.0 */
/* The receipt of a bundle that was applied. */
#ifndef RF_IMPORT_RECEIPT_H
#define RF_IMPORT_RECEIPT_H

#include "import/run.h"
#include "import/state.h"

/* Before anything is written: -RFE_USAGE when a receipt could not be put there. path may be NULL. */
RF_MUST_USE int rf_receipt_check_path(const char *path, struct rf_err *err);
/*
 * Writes it to the state (when there is one) and to where the request says: a file, or a folder, in which it is called as the bundle's file, with
 * .receipt.json instead of -1of1.tar.
 */
RF_MUST_USE int rf_receipt_give(const struct rf_import_run *r, const struct rf_import_state *state,
                                struct rf_err *err);

struct rf_receipt;
/* What became of a bundle that was applied there, or of one that is planned, into the initialised *out. As rf_receipt_load. */
RF_MUST_USE int rf_receipt_recall(const struct rf_import_state *s, const struct rf_digest *id,
                                  const char *to, struct rf_receipt *out, struct rf_err *err);

#endif
