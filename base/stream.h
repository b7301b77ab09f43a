/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes on the move. A source is pulled, a sink is pushed; implementations embed the struct as first member.
 *
 *     while ((n = rf_source_read(src, chunk, sizeof(chunk), err)) > 0)
 *         if (rf_sink_write(sink, chunk, (size_t)n, err) < 0) ...
 *     rc = rf_sink_commit(sink, err);      nothing takes effect before this
 *     rf_sink_free(sink);                  without commit: as if it had never been
 *
 * A short read is not the end; 0 is. Errors are sticky: after a failure every later call fails with the same code
 * (the functions here see to that, so implementations need not); only a seek that succeeds ends this.
 * Implementations start zeroed (rf_xcalloc) with `ops` set; nobody but the functions here touches the other fields.
 * An implementation may answer -RFE_AGAIN (would block) only where its header says so.
 */
#ifndef RF_BASE_STREAM_H
#define RF_BASE_STREAM_H

#include <sys/types.h>

#include "base/digest.h"

struct rf_source;
struct rf_source_ops {
    ssize_t (*read)(struct rf_source *, void *, size_t, struct rf_err *);
    /* Continues at the absolute offset; NULL: cannot be rewound. */
    int (*seek)(struct rf_source *, uint64_t offset, struct rf_err *);
    void (*free)(struct rf_source *);
};
struct rf_source {
    const struct rf_source_ops *ops;
    int failed; /* the first failure, 0 = none; -RFE_AGAIN does not count */
};
RF_MUST_USE ssize_t rf_source_read(struct rf_source *s, void *p, size_t n, struct rf_err *err);
RF_MUST_USE int rf_source_seek(struct rf_source *s, uint64_t offset,
                               struct rf_err *err); /* -RFE_UNSUPPORTED */
bool rf_source_can_seek(const struct rf_source *s);
void rf_source_free(struct rf_source *s); /* accepts NULL */
void rf_source_freep(struct rf_source **s);

struct rf_sink;
struct rf_sink_ops {
    int (*write)(struct rf_sink *, const void *, size_t, struct rf_err *); /* all or failure */
    int (*commit)(struct rf_sink *, struct rf_err *); /* at most once, last; NULL: nothing to do */
    void (*free)(struct rf_sink *);
};
struct rf_sink {
    const struct rf_sink_ops *ops;
    int failed;     /* the first failure, 0 = none; -RFE_AGAIN does not count */
    bool committed; /* later writes and commits are programming errors */
};
RF_MUST_USE int rf_sink_write(struct rf_sink *s, const void *p, size_t n, struct rf_err *err);
RF_MUST_USE int rf_sink_commit(struct rf_sink *s, struct rf_err *err);
void rf_sink_free(struct rf_sink *s);
void rf_sink_freep(struct rf_sink **s);

/* ---- ready-made ---- */

/* Over bytes of the caller's, which must outlive it. Can seek. */
struct rf_source *rf_source_mem(struct rf_slice bytes);
/* Reads [offset, offset+size) of fd by pread; fd stays the caller's. Fewer bytes in the file: -RFE_SIZE_MISMATCH. Can seek. */
struct rf_source *rf_source_fd(int fd, uint64_t offset, uint64_t size);
/* As rf_source_fd, and closes fd when freed. */
struct rf_source *rf_source_fd_owned(int fd, uint64_t offset, uint64_t size);
/*
 * Passes `inner` through and checks it: exactly `size` bytes of digest `want`. The last bytes are handed on only
 * when the digest is right, so nobody can complete a transfer with wrong bytes (-RFE_DIGEST_MISMATCH,
 * -RFE_SIZE_MISMATCH). `inner` belongs to it from now on. Can seek if inner can (hashing starts over: seeking to 0
 * starts afresh, another offset re-reads the bytes before it).
 */
struct rf_source *rf_source_verify(struct rf_source *inner, const struct rf_digest *want,
                                   uint64_t size);

/* Appends to a buffer of the caller's, bounded by its cap. */
struct rf_sink *rf_sink_buf(struct rf_buf *buf);
/* Counts and hashes into *digest, *size at commit (either may be NULL); writes nothing. */
struct rf_sink *rf_sink_measure(uint8_t algo, struct rf_digest *digest, uint64_t *size);
/* Appends to fd with write(2) (a pipe or stdout); fd stays the caller's. */
struct rf_sink *rf_sink_fd(int fd);
/* Writes to [offset, offset+size) of fd by pwrite; writing past it is -RFE_SIZE_MISMATCH, commit checks that it is full. fd stays the caller's. */
struct rf_sink *rf_sink_fd_at(int fd, uint64_t offset, uint64_t size);
/*
 * Passes everything on to `inner` and checks at commit (before inner's commit) that it was exactly `size` bytes of
 * digest `want`; more than `size` bytes fail at once. `inner` stays the caller's when `own` is false.
 * `start` may carry the hash of a prefix that is already at its place (taken over), else NULL.
 */
struct rf_sink *rf_sink_verify(struct rf_sink *inner, bool own, const struct rf_digest *want,
                               uint64_t size, struct rf_hasher *start);

/* Pumps until the end of `src`; does not commit. Returns 0 and the count in *n (may be NULL). Stops when cancelled. */
RF_MUST_USE int rf_stream_copy(struct rf_source *src, struct rf_sink *sink, uint64_t *n,
                               struct rf_err *err);

#endif
