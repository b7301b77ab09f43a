/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the person at the terminal. */
#ifndef RF_TOOLS_COMMON_PROMPT_H
#define RF_TOOLS_COMMON_PROMPT_H

#include "base/buf.h"

#define RF_PROMPT_MAX 65536u

/* Prints `question` on stdout and reads one line of standard input, without blanks at its end. The caller frees. -RFE_CANCELLED. */
RF_MUST_USE int rf_prompt_line(const char *question, char **out, struct rf_err *err);
/*
 * The same without echo, blanks kept: standard input must be a terminal (-RFE_USAGE), which is left as it was, also when interrupted. -RFE_TOO_LARGE for
 * a line that a terminal would cut. The caller wipes and frees (rf_wipe_freep).
 */
RF_MUST_USE int rf_prompt_secret(const char *question, char **out, struct rf_err *err);
/* All of standard input, without line breaks at its end. -RFE_TOO_LARGE over RF_PROMPT_MAX. The caller wipes and frees. */
RF_MUST_USE int rf_prompt_read_secret(char **out, struct rf_err *err);

#endif
