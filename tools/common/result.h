/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard output, where results go: whatever becomes of it, the program ends with the right status and at most one line about it.
 *
 *     rf_result_open();                    before anything is printed
 *     fwrite(..., stdout), printf(...)     nobody has to look at what they return
 *     status = rf_result_close(name);      behind all else
 */
#ifndef RF_TOOLS_COMMON_RESULT_H
#define RF_TOOLS_COMMON_RESULT_H

/* From here on the first failure of stdout is remembered with its cause, which stdio forgets when a buffer is written out before the end. */
void rf_result_open(void);
/* Flushes and closes stdout: 0, or the exit status for a result that was not written. A reader that has gone away is not worth a message. */
int rf_result_close(const char *name);

#endif
