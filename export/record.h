/* SPDX-License-Identifier: Apache-2.0 */
/* What comes back from a site, receipts and inventories, taken into its history. Never required. */
#ifndef RF_EXPORT_RECORD_H
#define RF_EXPORT_RECORD_H

#include "export/state.h"
#include "layout/inventory.h"
#include "layout/receipt.h"

/*
 * Takes in a receipt or an inventory. Twice is once; of two receipts for one bundle the one with the later time stays. Appends a line for people to `said`.
 * -RFE_REFUSED: of another site, or for a bundle that the history does not have so.
 */
RF_MUST_USE int rf_export_record_file(struct rf_export_state *s, const char *path,
                                      struct rf_buf *said, struct rf_err *err);

/* The receipt that is kept for a bundle, into an initialised *out. -RFE_NOT_FOUND. */
RF_MUST_USE int rf_export_receipt(const struct rf_export_state *s, const struct rf_digest *bundle,
                                  struct rf_receipt *out, struct rf_err *err);
/* The last bundle of the chain that a receipt was taken in for, its receipt in the initialised *receipt. -RFE_NOT_FOUND. */
RF_MUST_USE int rf_export_confirmed(const struct rf_export_state *s,
                                    const struct rf_export_record **record,
                                    struct rf_receipt *receipt, struct rf_err *err);
/* The inventories that are kept, in order of snapshot; *out: array of *n, the caller frees. */
RF_MUST_USE int rf_export_inventories(const struct rf_export_state *s, struct rf_digest **out,
                                      size_t *n, struct rf_err *err);
/* One of these, into an initialised *out. -RFE_NOT_FOUND. */
RF_MUST_USE int rf_export_inventory(const struct rf_export_state *s,
                                    const struct rf_digest *snapshot, struct rf_inventory *out,
                                    struct rf_err *err);

#endif
