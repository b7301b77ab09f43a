/* SPDX-License-Identifier: Apache-2.0 */
/* Which image of an index a platform means never changes: the last few hundred answers, so that an unchanged index is not fetched again. */
#ifndef RF_POLICY_INDEX_CACHE_H
#define RF_POLICY_INDEX_CACHE_H

#include "base/digest.h"

struct rf_index_cache;
struct rf_index_cache *rf_index_cache_new(void);
void rf_index_cache_free(struct rf_index_cache *c);
/* Any thread. */
bool rf_index_cache_get(struct rf_index_cache *c, const struct rf_digest *index,
                        const char *platform, struct rf_digest *out);
void rf_index_cache_put(struct rf_index_cache *c, const struct rf_digest *index,
                        const char *platform, const struct rf_digest *choice);

#endif
