/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blobs/ folder of an image layout: blobs/<algo>/<hex>. Also used bare, for the manifests and configs that export keeps in its state.
 * What has its final name is whole and has its digest. Links, devices and odd sizes are refused on reading.
 */
#ifndef RF_LAYOUT_BLOB_STORE_H
#define RF_LAYOUT_BLOB_STORE_H

#include "base/stream.h"

struct rf_blob_store;
/* `path` is the folder that holds blobs/; made when `create`. -RFE_NOT_FOUND. */
RF_MUST_USE int rf_blob_store_open(const char *path, bool create, struct rf_blob_store **out,
                                   struct rf_err *err);
void rf_blob_store_free(struct rf_blob_store *s);
void rf_blob_store_freep(struct rf_blob_store **s);
/* 0 and the size (size may be NULL); -RFE_NOT_FOUND. */
RF_MUST_USE int rf_blob_store_stat(struct rf_blob_store *s, const struct rf_digest *d,
                                   uint64_t *size, struct rf_err *err);
/* A seekable source. want_size UINT64_MAX = any, else -RFE_SIZE_MISMATCH. */
RF_MUST_USE int rf_blob_store_read(struct rf_blob_store *s, const struct rf_digest *d,
                                   uint64_t want_size, struct rf_source **out, struct rf_err *err);
/* The whole blob, verified, appended to `out` (its cap bounds it). */
RF_MUST_USE int rf_blob_store_load(struct rf_blob_store *s, const struct rf_digest *d,
                                   struct rf_buf *out, struct rf_err *err);
/* A verifying sink; commit on a blob that is there already is success (one of another size, or a link, is replaced). It may outlive `s`. */
RF_MUST_USE int rf_blob_store_put(struct rf_blob_store *s, const struct rf_digest *d, uint64_t size,
                                  struct rf_sink **out, struct rf_err *err);
RF_MUST_USE int rf_blob_store_put_bytes(struct rf_blob_store *s, const struct rf_digest *d,
                                        struct rf_slice bytes, struct rf_err *err);
/*
 * A committed blob is whole, also after a power cut, but its name may be lost by one. This makes all names last; to be called before
 * anything that refers to blobs is written. One call for many blobs.
 */
RF_MUST_USE int rf_blob_store_sync(struct rf_blob_store *s, struct rf_err *err);
/* Hard link (or copy, across file systems) from another store. -RFE_NOT_FOUND. */
RF_MUST_USE int rf_blob_store_link(struct rf_blob_store *s, struct rf_blob_store *from,
                                   const struct rf_digest *d, struct rf_err *err);
RF_MUST_USE int rf_blob_store_delete(struct rf_blob_store *s, const struct rf_digest *d,
                                     struct rf_err *err);
/* Every blob; names that are no digests are passed over. A negative return of cb ends the walk. */
RF_MUST_USE int rf_blob_store_each(struct rf_blob_store *s,
                                   int (*cb)(void *ctx, const struct rf_digest *d, uint64_t size,
                                             struct rf_err *err),
                                   void *ctx, struct rf_err *err);
/* Removes temporaries that a killed writer left. The caller holds the layout's exclusive lock. */
RF_MUST_USE int rf_blob_store_sweep(struct rf_blob_store *s, struct rf_err *err);

#endif
