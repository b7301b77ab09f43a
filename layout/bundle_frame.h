/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where everything of a bundle stands in its file. All of it follows from the sealed bundle: every byte that is not content of a blob
 * is known before the first transfer, and a reader compares it byte for byte.
 *
 *     oci-layout | bundle.json | bundle.sig | index.json | carried blobs: manifests, configs, layers, by digest | two zero blocks
 */
#ifndef RF_LAYOUT_BUNDLE_FRAME_H
#define RF_LAYOUT_BUNDLE_FRAME_H

#include "layout/bundle.h"

#define RF_BUNDLE_SIG_SIZE 16384u
#define RF_OCI_LAYOUT_TEXT "{\"imageLayoutVersion\":\"1.0.0\"}"

struct rf_bundle_frame {
    uint64_t json_at, sig_at, index_at; /* offsets of contents in the file */
    uint64_t blobs_at;                  /* the first blob's tar header, or the end blocks */
    uint64_t *blob_at; /* per blob of the bundle: its content; 0 when it is not carried */
    uint64_t total;    /* size of the file */
};
/* `b` is sealed or read. -RFE_TOO_LARGE when the sizes add up beyond an off_t; then there is nothing to release. */
RF_MUST_USE int rf_bundle_frame_init(struct rf_bundle_frame *f, const struct rf_bundle *b,
                                     struct rf_err *err);
void rf_bundle_frame_release(struct rf_bundle_frame *f);

/* Writes the file from its start up to blobs_at: unsigned, exactly. */
RF_MUST_USE int rf_bundle_emit_head(const struct rf_bundle *b, struct rf_sink *sink,
                                    struct rf_err *err);
/* The exact bytes of one member's tar header. Appended. */
RF_MUST_USE int rf_bundle_blob_header(const struct rf_bundle_blob *blob, struct rf_buf *out,
                                      struct rf_err *err);
/* "blobs/sha256/<hex>"; out holds RF_DIGEST_TEXT + 8. Returns out. */
const char *rf_bundle_blob_name(const struct rf_digest *d, char out[RF_DIGEST_TEXT + 8]);
/* The content of bundle.sig with no signature: exactly RF_BUNDLE_SIG_SIZE bytes. Appended. */
void rf_bundle_empty_sig(const struct rf_digest *id, struct rf_buf *out);
/* "<site>-<sequence, 6 digits>-<id, 12 hex>-1of1.tar". The caller frees. */
char *rf_bundle_file_name(const struct rf_bundle *b);

#endif
