/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text in columns: cells end with a tab, lines with a newline, as Go's tabwriter sets them with a padding of one blank. What stands behind the
 * last tab of a line belongs to no column. A column goes on as long as each line has a cell in it; the widest cell decides.
 */
#ifndef RF_BASE_COLUMNS_H
#define RF_BASE_COLUMNS_H

#include "base/buf.h"

/* Appends `text` with its tabs turned into blanks. Widths count characters. A failure is the sticky rc of `out`. */
void rf_columns(struct rf_slice text, struct rf_buf *out);

#endif
