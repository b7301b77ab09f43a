/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far the work is, on stderr: one line redrawn at most four times a second on a terminal, else a line every five seconds. Log lines
 * push the redrawn line aside.
 *
 *     RF_CLEANUP(rf_progress_freep) struct rf_progress *p = rf_progress_new(env->net, "regexport", "fetching", total);
 *     options.progress = rf_progress_bytes; options.progress_ctx = p;
 */
#ifndef RF_TOOLS_COMMON_PROGRESS_H
#define RF_TOOLS_COMMON_PROGRESS_H

#include "tools/common/net_options.h"

struct rf_progress;
/*
 * Starts the display; `total` bytes are expected, 0 when that is not known. Never NULL: with --progress none, or with JSON log lines where it
 * would be written line by line, nothing is shown. One at a time.
 */
struct rf_progress *rf_progress_new(const struct rf_net_options *o, const char *program,
                                    const char *what, uint64_t total);
/* Takes the display away; where lines are written and one was, a last line tells the sum. Accepts NULL. */
void rf_progress_free(struct rf_progress *p);
void rf_progress_freep(struct rf_progress **p);

/* Any thread. The first fits the progress callback of regclient/copy.h and accepts NULL. */
void rf_progress_bytes(void *progress, uint64_t bytes);
void rf_progress_add_total(struct rf_progress *p,
                           uint64_t bytes); /* more is expected than was said */
void rf_progress_phase(struct rf_progress *p, const char *what,
                       uint64_t total); /* the next phase counts from 0 */
void rf_progress_items(struct rf_progress *p, uint64_t done,
                       uint64_t total); /* "12/40", such as images; total 0: none */

/* ---- for tests ---- */

struct rf_progress_state {
    const char *program, *what;
    uint64_t bytes, total, items, items_total;
    double seconds; /* since the start of the phase */
    double rate;    /* bytes per second; 0: not known yet */
};
/* The text without control characters, at most `width` columns. */
void rf_progress_text(const struct rf_progress_state *s, size_t width, struct rf_buf *out);
/* The rate after one more look: `bytes` more in `seconds`. Smooth over some ten seconds. */
double rf_progress_rate(double before, uint64_t bytes, double seconds);

#endif
