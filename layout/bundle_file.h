/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle on its medium, read in place, as a place of its own (read-only, local).
 *
 *     rf_bundle_file_open(path, &f, err)     structure: head, bundle.json, signature frame, size of the file
 *     rf_bundle_file_verify(f, ..., err)     one pass over everything: every byte is what it has to be
 *     rf_bundle_file_place(f)                blobs and manifests by digest; not to be trusted before verify
 */
#ifndef RF_LAYOUT_BUNDLE_FILE_H
#define RF_LAYOUT_BUNDLE_FILE_H

#include "layout/bundle_frame.h"
#include "layout/place.h"

struct rf_bundle_file;
/*
 * Opens and checks all but the blobs' contents and headers. -RFE_NOT_FOUND; -RFE_NOT_BUNDLE (a foreign file, a folder, a link, another
 * version); -RFE_DAMAGED (a bundle that is not whole). Messages name the path and the byte.
 */
RF_MUST_USE int rf_bundle_file_open(const char *path, struct rf_bundle_file **out,
                                    struct rf_err *err);
void rf_bundle_file_free(struct rf_bundle_file *f);
void rf_bundle_file_freep(struct rf_bundle_file **f);
const struct rf_bundle *rf_bundle_file_doc(const struct rf_bundle_file *f);
const struct rf_bundle_frame *rf_bundle_file_frame(const struct rf_bundle_file *f);
/* Signatures in bundle.sig, which nobody has checked yet; 0 = unsigned. */
size_t rf_bundle_file_signatures(const struct rf_bundle_file *f);

/*
 * Reads every carried blob from the medium in file order: tar header, size, digest, padding, end blocks. progress (or NULL) gets bytes read.
 * Checks at the end that the file is still the one that was opened. -RFE_DAMAGED names member, digest and offset.
 */
RF_MUST_USE int rf_bundle_file_verify(struct rf_bundle_file *f,
                                      void (*progress)(void *ctx, uint64_t bytes), void *ctx,
                                      struct rf_err *err);
/* Header, content and padding of the one carried blob i. */
RF_MUST_USE int rf_bundle_file_verify_blob(struct rf_bundle_file *f, size_t i,
                                           void (*progress)(void *ctx, uint64_t bytes), void *ctx,
                                           struct rf_err *err);
/* Header and padding of carried blob i alone, for one whose content is hashed on its way elsewhere. */
RF_MUST_USE int rf_bundle_file_verify_header(struct rf_bundle_file *f, size_t i,
                                             struct rf_err *err);
/* The end blocks, and that the file has not changed since it was opened. */
RF_MUST_USE int rf_bundle_file_verify_end(struct rf_bundle_file *f, struct rf_err *err);

/* The bundle's content as a place; belongs to f. */
struct rf_place *rf_bundle_file_place(struct rf_bundle_file *f);

#endif
