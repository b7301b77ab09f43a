/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of unknown number, kept until they are all there: hashed on their way, a first part in memory, the rest in a temporary file without
 * name (in $TMPDIR, else /tmp).
 *
 *     struct rf_spool *s = rf_spool_new(RF_DIGEST_SHA256);
 *     pour into rf_spool_sink(s), commit it
 *     rf_spool_digest(s), rf_spool_size(s)
 *     rf_spool_source(s)                as often as wanted
 */
#ifndef RF_BASE_SPOOL_H
#define RF_BASE_SPOOL_H

#include "base/stream.h"

#define RF_SPOOL_MEMORY ((size_t)1 << 20) /* what stays in memory */

struct rf_spool;
struct rf_spool *rf_spool_new(uint8_t algo);
void rf_spool_free(struct rf_spool *s);
void rf_spool_freep(struct rf_spool **s);
/* The spool's; freeing it does nothing. -RFE_NO_SPACE. */
struct rf_sink *rf_spool_sink(struct rf_spool *s);
/* Both are valid once the sink is committed. */
const struct rf_digest *rf_spool_digest(const struct rf_spool *s);
uint64_t rf_spool_size(const struct rf_spool *s);
/* A seekable source of all that was written; the caller frees it, before the spool. */
struct rf_source *rf_spool_source(struct rf_spool *s);

#endif
