/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of the command line as values of an option's kind. `base` is the struct that holds the value, at the row's offset. */
#ifndef RF_TOOLS_COMMON_OPTION_VALUE_H
#define RF_TOOLS_COMMON_OPTION_VALUE_H

#include "tools/common/options.h"

/* A list gets one more, all else is overwritten; strings are borrowed. What fails is the cause alone, without the option's name. */
RF_MUST_USE int rf_option_set(const struct rf_opt *o, char *base, const char *text,
                              struct rf_err *err);
/* Frees the list that the row has there, if it has one, and wipes its texts. */
void rf_option_release(const struct rf_opt *o, char *base);

#endif
