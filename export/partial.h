/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle while it is being written: NAME.partial at its full size, every byte at its final place, and NAME.journal beside it, which
 * says how far each member has come. What the journal claims is hashed again before it is believed, so it needs no fsync of its own
 * and a power cut costs at most what did not reach the disk.
 */
#ifndef RF_EXPORT_PARTIAL_H
#define RF_EXPORT_PARTIAL_H

#include "layout/bundle_frame.h"

/* A running transfer notes its progress every so many bytes. */
#define RF_JOURNAL_STEP (8u << 20)

struct rf_partial {
    char *dir, *name; /* of the finished file */
    char *path, *journal_path;
    const struct rf_bundle *bundle; /* the caller's */
    struct rf_bundle_frame frame;
    int fd, journal;
    uint64_t *claimed; /* per blob: bytes that an earlier run says it wrote */
};
/*
 * Makes or reopens the partial file of this bundle in `dir` (made when absent), reserves its space and writes everything but the blobs. The caller has
 * looked for room (export/space.h); where the disk does not set it aside all the same, no new file stays. -RFE_BUSY: another process writes it.
 */
RF_MUST_USE int rf_partial_open(const char *dir, const struct rf_bundle *bundle,
                                struct rf_partial **out, struct rf_err *err);
void rf_partial_free(struct rf_partial *p); /* closes; the files stay for the next run */
void rf_partial_freep(struct rf_partial **p);

/* Hashes the first `claimed` bytes of blob i that are at their place, into a fresh *hasher. */
RF_MUST_USE int rf_partial_hash(struct rf_partial *p, size_t i, uint64_t n,
                                struct rf_hasher **hasher, struct rf_err *err);
/* A sink for blob i from `offset` on, which notes progress; *disk gets the failure when it was the disk's. Commit notes the end. */
struct rf_sink *rf_partial_sink(struct rf_partial *p, size_t i, uint64_t offset, int *disk);
/* Moves to another layout of (mostly) the same members: finished ones are moved within the file. */
RF_MUST_USE int rf_partial_move(struct rf_partial *p, const struct rf_bundle *bundle,
                                const bool *done, struct rf_err *err);
/* Everything is written: durable under its final name. */
RF_MUST_USE int rf_partial_finish(struct rf_partial *p, struct rf_err *err);
/* Removes what an unfinished run left beside this path of a finished bundle, unless another process is writing it. */
RF_MUST_USE int rf_partial_discard(const char *final_path, struct rf_err *err);
/* Bytes that the disk has set aside for what an unfinished run left beside this path; 0 when there is nothing. */
uint64_t rf_partial_set_aside(const char *final_path);
char *rf_partial_final_path(const char *dir, const struct rf_bundle *bundle); /* the caller frees */

#endif
