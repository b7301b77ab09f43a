/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes as people type them. */
#ifndef RF_TOOLS_COMMON_SIZE_TEXT_H
#define RF_TOOLS_COMMON_SIZE_TEXT_H

#include "base/error.h"

/* "4096", "700M", "64KiB", "1.5GB", "2Ti": k, M, G, T, P, E count by 1000, with "i" by 1024; a "B" may follow. -RFE_INVALID. */
RF_MUST_USE int rf_size_parse(const char *text, uint64_t *out, struct rf_err *err);

#endif
