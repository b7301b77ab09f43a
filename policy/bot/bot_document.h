/* SPDX-License-Identifier: Apache-2.0 */
/* Documents out of the tables that scripts changed: what policy/lua/lua_view.h made of them, undone. */
#ifndef RF_POLICY_BOT_DOCUMENT_H
#define RF_POLICY_BOT_DOCUMENT_H

#include "base/value.h"

/*
 * Appends the document: `table` (as rf_lua_wire_from gives it) by its type, beside the bytes that it was made of (may be empty). Keys come in the order
 * of the type, then the others; what reading has left there (an empty table where nothing was) is left out, times are RFC 3339 again. When
 * nothing was changed it is the same bytes, with the same digest. -RFE_INVALID.
 */
RF_MUST_USE int rf_bot_document(const struct rf_type *type, const json_t *table,
                                struct rf_slice before, struct rf_buf *out, struct rf_err *err);

#endif
