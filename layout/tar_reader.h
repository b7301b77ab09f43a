/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside layout/: libarchive over a file or a source, tar only, with at most one compression around it. A file is read by pread, so that the
 * descriptor's own position stays where it is. Memory is that of one chunk and the decompressor.
 */
#ifndef RF_LAYOUT_TAR_READER_H
#define RF_LAYOUT_TAR_READER_H

#include "layout/tar_index.h"

#include <archive.h>
#include <archive_entry.h>

/* What the first bytes say. */
RF_MUST_USE int rf_tar_packing_of(int fd, const char *name, enum rf_tar_packing *out,
                                  struct rf_err *err);
/* Fails with -RFE_UNSUPPORTED, naming the compression and how to undo it. */
int rf_tar_fail_packing(enum rf_tar_packing packing, const char *name, struct rf_err *err);
/* Fails because libarchive gave no object to begin with. */
int rf_tar_fail_start(const char *name, struct rf_err *err);

struct rf_tar_reader {
    int fd;                /* the caller's; -1: `src` it is */
    struct rf_source *src; /* the caller's */
    size_t peeked;         /* bytes of `src` that lie in `chunk` already */
    const char *name;      /* of the file, for messages; the caller's */
    uint64_t pos, size;
    char *chunk;
    struct rf_err why; /* the source's own failure */
    struct archive *archive;
};
/* Starts at the first member. *r: rf_tar_reader_release, also after a failure; it must not be moved. */
RF_MUST_USE int rf_tar_reader_open(struct rf_tar_reader *r, int fd, const char *name,
                                   enum rf_tar_packing packing, struct rf_err *err);
/* The same over a source, read once from where it stands; its first bytes say how it is compressed. */
RF_MUST_USE int rf_tar_reader_open_source(struct rf_tar_reader *r, struct rf_source *src,
                                          const char *name, struct rf_err *err);
void rf_tar_reader_release(struct rf_tar_reader *r);
/* 1 and the next entry (borrowed until the next call), 0 at the end. What libarchive warns of is a failure. */
RF_MUST_USE int rf_tar_reader_next(struct rf_tar_reader *r, struct archive_entry **entry,
                                   struct rf_err *err);
/* Up to n bytes of the current member's content; 0 at its end. */
RF_MUST_USE ssize_t rf_tar_reader_data(struct rf_tar_reader *r, void *p, size_t n,
                                       struct rf_err *err);
/* libarchive's failure as ours: that of the system, or -RFE_INVALID. */
int rf_tar_reader_fail(struct rf_tar_reader *r, struct rf_err *err);

#endif
