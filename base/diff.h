/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What differs between two texts, line by line, in hunks:
 *
 *     @@ -12,5 +12,6 @@          lines of a, lines of b (from 1, count)
 *       kept                     each line behind two characters
 *     - only in a
 *     + only in b
 *
 * The script is a shortest one (Myers' greedy algorithm), deletions first. Texts that differ in very many places are cut at lines that both have
 * exactly once, and what lies between and still differs too much is told as replaced.
 */
#ifndef RF_BASE_DIFF_H
#define RF_BASE_DIFF_H

#include "base/buf.h"

struct rf_diff_options {
    size_t context; /* kept lines around a change; further ones in between start a new hunk */
    bool full;      /* all lines, in one hunk */
};
/* Appends the hunks, each line with a newline; nothing when the texts are equal. */
void rf_diff_lines(const struct rf_slice *a, size_t n_a, const struct rf_slice *b, size_t n_b,
                   const struct rf_diff_options *opts, struct rf_buf *out);
/* The same of two texts: their lines are what stands between newlines. */
void rf_diff_text(struct rf_slice a, struct rf_slice b, const struct rf_diff_options *opts,
                  struct rf_buf *out);

#endif
