/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a planned bundle: transfers in parallel straight to their places, or one after the other to a stream. */
#ifndef RF_EXPORT_WRITE_H
#define RF_EXPORT_WRITE_H

#include "export/plan.h"

/*
 * Writes the plan's bundle into `dir` and gives it its final name (*path, the caller frees; *size). Goes on where an earlier run stopped. Blobs that
 * fail for good change the plan (holes) and, for a plan with `key`, what is pending. An existing file of the final name is verified, not rewritten.
 */
RF_MUST_USE int rf_write_file(const struct rf_export_request *req, struct rf_export_state *state,
                              struct rf_plan *plan, const char *key, const char *dir, char **path,
                              uint64_t *size, struct rf_err *err);
/* Writes the same bytes to fd, in order. A blob that fails ends the run. */
RF_MUST_USE int rf_write_stream(const struct rf_export_request *req, struct rf_export_state *state,
                                struct rf_plan *plan, int fd, uint64_t *size, struct rf_err *err);

#endif
