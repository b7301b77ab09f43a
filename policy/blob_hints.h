/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In which repository of a registry a blob was put or seen last, so that the next repository gets it by mounting. A few thousand blobs are remembered;
 * newer ones take the place of older ones. A hint that is wrong costs a request.
 */
#ifndef RF_POLICY_BLOB_HINTS_H
#define RF_POLICY_BLOB_HINTS_H

#include "base/digest.h"

struct rf_blob_hints;
struct rf_blob_hints *rf_blob_hints_new(void);
void rf_blob_hints_free(struct rf_blob_hints *h);
/* `place` tells registries apart; it is not looked into. Any thread. */
void rf_blob_hints_note(struct rf_blob_hints *h, const void *place, const char *repo,
                        const struct rf_digest *digest);
/* NULL when nothing is known. The caller frees. */
char *rf_blob_hints_find(struct rf_blob_hints *h, const void *place,
                         const struct rf_digest *digest);

#endif
