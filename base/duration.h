/* SPDX-License-Identifier: Apache-2.0 */
/* Spans of time as Go writes them and as users know them from upstream's files: "1h30m", "15m0s", "1.5h", "300ms". */
#ifndef RF_BASE_DURATION_H
#define RF_BASE_DURATION_H

#include "base/buf.h"

/* One or more of <decimal number><unit> with units ns, us, ms, s, m, h, or "0"; not negative; at most 292 years. -RFE_INVALID. */
RF_MUST_USE int rf_duration_parse(struct rf_slice text, uint64_t *nanoseconds, struct rf_err *err);

/* Appends a span as Go prints it: "1h30m0s", "1.5s", "300ms", "2µs", "-5ns", "0s". */
void rf_duration_format(struct rf_buf *out, int64_t nanoseconds);

#endif
