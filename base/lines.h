/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a source, one at a time, in bounded memory. */
#ifndef RF_BASE_LINES_H
#define RF_BASE_LINES_H

#include "base/stream.h"

struct rf_lines {
    struct rf_source *src; /* the caller's */
    struct rf_buf line;
    char *chunk;
    size_t pos, len;
    uint64_t number; /* of the line last given, from 1 */
    bool ended;      /* the line last given had no LF behind it */
};
/* Lines longer than max_line bytes fail with -RFE_TOO_LARGE. */
void rf_lines_init(struct rf_lines *l, struct rf_source *src, size_t max_line);
void rf_lines_release(struct rf_lines *l);
/* 1 and the line without its LF (valid until the next call), 0 at the end. */
RF_MUST_USE int rf_lines_next(struct rf_lines *l, struct rf_slice *line, struct rf_err *err);

#endif
