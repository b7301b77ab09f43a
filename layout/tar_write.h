/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tar written as a stream, with the headers of layout/tar_index.h: owner 0, time 0, mode 0644 (folders 0755), so that the same members
 * give the same bytes.
 *
 *     struct rf_tar_writer *w = rf_tar_writer_new(out);
 *     rf_tar_writer_file(w, "oci-layout", bytes, err);
 *     rf_tar_writer_member(w, name, size, &sink, err);  pour, commit, free
 *     rf_tar_writer_finish(w, err);
 *
 * Members are written one after another by one thread. After a failure the tar cannot be whole any more.
 */
#ifndef RF_LAYOUT_TAR_WRITE_H
#define RF_LAYOUT_TAR_WRITE_H

#include "base/stream.h"

struct rf_tar_writer;
/* `out` stays the caller's, who commits it. */
struct rf_tar_writer *rf_tar_writer_new(struct rf_sink *out);
void rf_tar_writer_free(struct rf_tar_writer *w);
void rf_tar_writer_freep(struct rf_tar_writer **w);
/* A folder and those above it, each once; "blobs/sha256" or "blobs/sha256/". */
RF_MUST_USE int rf_tar_writer_folder(struct rf_tar_writer *w, const char *name, struct rf_err *err);
/* A member whose bytes are here already. */
RF_MUST_USE int rf_tar_writer_file(struct rf_tar_writer *w, const char *name, struct rf_slice bytes,
                                   struct rf_err *err);
/*
 * Writes the header; *out takes exactly `size` bytes, more are refused at once (-RFE_SIZE_MISMATCH), fewer at its commit. It is freed before
 * the next member begins. Without its commit the next member fails.
 */
RF_MUST_USE int rf_tar_writer_member(struct rf_tar_writer *w, const char *name, uint64_t size,
                                     struct rf_sink **out, struct rf_err *err);
/* The end mark. Once, last. */
RF_MUST_USE int rf_tar_writer_finish(struct rf_tar_writer *w, struct rf_err *err);

#endif
