/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do about an error of a script that met the walls of its box: Lua says only that something is nil. The hint is for people who read the log; a script that
 * catches its error sees the text without it, and what is not there stays nil, so that scripts can ask for it.
 */
#ifndef RF_POLICY_BOT_HINT_H
#define RF_POLICY_BOT_HINT_H

#include "base/error.h"

/* NULL where there is nothing to add. Static text. */
const char *rf_bot_hint(const char *error);
/* Adds it at the end of the message, in parentheses. */
void rf_bot_add_hint(struct rf_err *err);

#endif
