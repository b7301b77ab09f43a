/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blob of any place as a source: of a layout its file, of a registry the bytes as they come, through one bounded buffer. Nothing is kept.
 *
 *     rc = rf_blob_stream_open(place, repo, &digest, size, &src, err);
 *     read; what is read is not proven yet
 *     rc = rf_blob_stream_prove(src, err);        reads the rest: 0 when all of it had digest and size
 *     rf_source_free(src);
 */
#ifndef RF_REGCLIENT_BLOB_STREAM_H
#define RF_REGCLIENT_BLOB_STREAM_H

#include "layout/place.h"

/* *out belongs to the caller, who reads it in one thread. Its last bytes are handed on only when the digest is right. -RFE_NOT_FOUND, or at reading. */
RF_MUST_USE int rf_blob_stream_open(struct rf_place *p, const char *repo,
                                    const struct rf_digest *digest, uint64_t size,
                                    struct rf_source **out, struct rf_err *err);
/* -RFE_DIGEST_MISMATCH, -RFE_SIZE_MISMATCH. */
RF_MUST_USE int rf_blob_stream_prove(struct rf_source *src, struct rf_err *err);

#endif
