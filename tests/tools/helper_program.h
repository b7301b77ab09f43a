/* SPDX-License-Identifier: Apache-2.0 */
/* A small program with every kind of option, nested commands and the two sets of habits. */
#ifndef RF_TESTS_TOOLS_HELPER_PROGRAM_H
#define RF_TESTS_TOOLS_HELPER_PROGRAM_H

#include "tools/common/options.h"

struct sample_ctx {
    bool full, dry_run;
    const char *out, *sparse;
    struct rf_list platforms, notes;
    uint64_t number, count, size, age;
};
struct sample_own {
    const char *config;
};
extern const struct rf_program sample;          /* exit statuses and hints of ours */
extern const struct rf_program sample_upstream; /* the same commands with upstream's habits */

/* What the last run of `sample create` saw; NULL before. Its texts are joined with blanks. */
extern char *sample_seen;
/* What it is to return. */
extern int sample_returns;
/* What it is to print, at once and out of the buffer; NULL: nothing. */
extern const char *sample_prints;

/* Keeps a text reachable until the test's process ends, so that tests need not free what they only look at. Returns it. */
char *keep(char *text);

#endif
