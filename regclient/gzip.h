/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip (RFC 1952) on the move, in bounded memory. What is written has neither time nor name in its header: the same bytes in, the same bytes
 * out, wherever it runs.
 */
#ifndef RF_REGCLIENT_GZIP_H
#define RF_REGCLIENT_GZIP_H

#include "base/stream.h"

/* Compresses what is written into `inner`; commit ends the stream, and commits and later frees `inner` when `own`. */
struct rf_sink *rf_gzip_sink(struct rf_sink *inner, bool own);
/* What `inner` gives, compressed: the bytes that rf_gzip_sink would write. `inner` belongs to it. Seeks by starting over, if inner can. */
struct rf_source *rf_gzip_source(struct rf_source *inner);
/*
 * Uncompresses what is written into `inner`: one or more gzip members, nothing else (-RFE_INVALID, also at commit when the end is missing).
 * Lengths and checksums are checked. Commit commits and later frees `inner` when `own`.
 */
struct rf_sink *rf_gunzip_sink(struct rf_sink *inner, bool own);

#endif
