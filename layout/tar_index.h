/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tar file indexed once and read in place (libarchive, tar only). Refuses everything but regular files and folders:
 * links, devices, sparse files, names that are absolute, hold "..", control bytes or come twice.
 */
#ifndef RF_LAYOUT_TAR_INDEX_H
#define RF_LAYOUT_TAR_INDEX_H

#include "base/stream.h"

enum rf_tar_packing {
    RF_TAR_PLAIN,
    RF_TAR_GZIP,
    RF_TAR_BZIP2,
    RF_TAR_ZSTD,
    RF_TAR_XZ, /* known and not read: its decoder takes as much memory as the file says */
};

struct rf_tar_member {
    char *name;            /* without leading "./" */
    uint64_t offset, size; /* offset 0 in a compressed file */
    char *
        link; /* the name of the member that this link means, NULL for a file; it need not be there */
};
struct rf_tar_index;
/* `max_members` bounds it (-RFE_TOO_LARGE). A compressed file is -RFE_UNSUPPORTED, no tar -RFE_INVALID. fd stays the caller's. */
RF_MUST_USE int rf_tar_index_new(int fd, const char *name, size_t max_members,
                                 struct rf_tar_index **out, struct rf_err *err);
enum rf_tar_index_flags {
    RF_TAR_LINKS = 1u << 0, /* takes links that stay inside: members of size 0 with `link` set */
    RF_TAR_PACKED =
        1u
        << 1, /* takes a file compressed with gzip, zstd or bzip2, which has no offsets (see layout/image_tar.h) */
};
/* As rf_tar_index_new, with flags. Members are numbered in file order, folders not counted. */
RF_MUST_USE int rf_tar_index_open(int fd, const char *name, unsigned flags, size_t max_members,
                                  struct rf_tar_index **out, struct rf_err *err);
void rf_tar_index_free(struct rf_tar_index *t);
void rf_tar_index_freep(struct rf_tar_index **t);
size_t rf_tar_index_count(const struct rf_tar_index *t);
const struct rf_tar_member *rf_tar_index_at(const struct rf_tar_index *t,
                                            size_t i); /* in file order */
const struct rf_tar_member *rf_tar_index_find(const struct rf_tar_index *t,
                                              const char *name); /* or NULL */

enum rf_tar_packing rf_tar_index_packing(const struct rf_tar_index *t);
/* The name without a leading "./". Borrowed. */
const char *rf_tar_plain_name(const char *name);
/* Why a member's name is refused ("has an absolute name"), or NULL. */
const char *rf_tar_name_fault(const char *name, size_t len);

/*
 * Writing: the exact header bytes (one 512-byte ustar block, or pax records and it where the size needs them) of a regular file with
 * mode 0644, owner 0, time 0. Appended to `out`. Made by libarchive.
 */
RF_MUST_USE int rf_tar_header(const char *name, uint64_t size, struct rf_buf *out,
                              struct rf_err *err);
/* The same of a folder, mode 0755; the name ends in "/". */
RF_MUST_USE int rf_tar_folder_header(const char *name, struct rf_buf *out, struct rf_err *err);
static inline uint64_t rf_tar_padded(uint64_t size)
{
    return (size + 511u) & ~(uint64_t)511u;
}
#define RF_TAR_END 1024u /* two zero blocks */

#endif
