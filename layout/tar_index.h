/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tar file indexed once and read in place (libarchive, tar only). Refuses everything but regular files and folders:
 * links, devices, sparse files, names that are absolute, hold "..", control bytes or come twice.
 */
#ifndef RF_LAYOUT_TAR_INDEX_H
#define RF_LAYOUT_TAR_INDEX_H

#include "base/stream.h"

struct rf_tar_member {
    char *name; /* without leading "./" */
    uint64_t offset, size;
};
struct rf_tar_index;
/* `max_members` bounds it (-RFE_TOO_LARGE). A compressed file is -RFE_UNSUPPORTED, no tar -RFE_INVALID. fd stays the caller's. */
RF_MUST_USE int rf_tar_index_new(int fd, const char *name, size_t max_members, struct rf_tar_index **out, struct rf_err *err);
void rf_tar_index_free(struct rf_tar_index *t);
void rf_tar_index_freep(struct rf_tar_index **t);
size_t rf_tar_index_count(const struct rf_tar_index *t);
const struct rf_tar_member *rf_tar_index_at(const struct rf_tar_index *t, size_t i);      /* in file order */
const struct rf_tar_member *rf_tar_index_find(const struct rf_tar_index *t, const char *name); /* or NULL */

/*
 * Writing: the exact header bytes (one 512-byte ustar block, or pax records and it where the size needs them) of a regular file with
 * mode 0644, owner 0, time 0. Appended to `out`. Made by libarchive.
 */
RF_MUST_USE int rf_tar_header(const char *name, uint64_t size, struct rf_buf *out, struct rf_err *err);
static inline uint64_t rf_tar_padded(uint64_t size)
{
    return (size + 511u) & ~(uint64_t)511u;
}
#define RF_TAR_END 1024u /* two zero blocks */

#endif
