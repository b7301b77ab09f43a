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
/* The same for a program of the user's own, with its children: all of them have ended, or were killed, when it returns. */
struct rf_process_how {
    unsigned timeout_ms;
    const char *const *env; /* "NAME=value", NULL at the end; NULL: this process's */
    bool group;             /* what it starts ends with it */
    /* out, which has to hold 8 KiB or more, gets stderr as well; when it is full, what came first gives way, and nothing is too large. */
    bool tail;
};
RF_MUST_USE int rf_process_run_with(const char *const *argv, const struct rf_process_how *how,
                                    struct rf_slice in, struct rf_buf *out, int *status,
                                    struct rf_err *err);

#endif
