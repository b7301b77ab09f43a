/* SPDX-License-Identifier: Apache-2.0 */
/* The local policy's keep(): what of the images that pruning would let go stays. Part of import/prune.h. */
#ifndef RF_IMPORT_KEEP_H
#define RF_IMPORT_KEEP_H

#include "import/prune.h"
#include "import/prune_read.h"

/*
 * Asks for each item that is to be let go; what it keeps, and what cannot be read for it although it is there, is kept. Images that are not there any more are
 * not asked about. Without a policy, or a keep() in it, nothing happens.
 */
RF_MUST_USE int rf_keep_ask(const struct rf_prune_request *req, struct rf_prune_reader *reader,
                            struct rf_prune_result *out, struct rf_err *err);

#endif
