/* SPDX-License-Identifier: Apache-2.0 */
/* The exit statuses as documented in docs/exit-statuses.md, out of the one table of errors (base/error.h). */
#ifndef RF_TOOLS_COMMON_EXIT_TABLE_H
#define RF_TOOLS_COMMON_EXIT_TABLE_H

#include "base/buf.h"

/* Two Markdown tables: exit status and when; error code, text, status, whether repeating can help. */
void rf_exit_table_markdown(struct rf_buf *out);

#endif
