/* SPDX-License-Identifier: Apache-2.0 */
/* One short helper program (a credential helper): bytes in, bytes out, bounded in time and size. No shell. */
#ifndef RF_BASE_PROCESS_H
#define RF_BASE_PROCESS_H

#include "base/buf.h"

/*
 * Runs argv[0] (found in PATH), writes `in` to its stdin and appends its stdout to `out` up to out's cap; its stderr is
 * passed over. Killed after timeout_ms. *status is its exit status. -RFE_NOT_FOUND: no such program; -RFE_TOO_LARGE;
 * -ETIMEDOUT.
 */
RF_MUST_USE int rf_process_run(const char *const *argv, struct rf_slice in, struct rf_buf *out,
                               unsigned timeout_ms, int *status, struct rf_err *err);

#endif
