/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tar of images as others make it: with links between its members, and perhaps compressed as a whole (gzip, zstd, bzip2). Nothing is unpacked.
 *
 * A plain file is read in place, from any thread, several sources at once. A compressed one has a single place of reading that moves forward and
 * starts over for what lies behind it: one thread, and sources opened in rising order of their members cost one pass together.
 */
#ifndef RF_LAYOUT_IMAGE_TAR_H
#define RF_LAYOUT_IMAGE_TAR_H

#include "base/stream.h"

#define RF_IMAGE_TAR_MEMBERS_MAX 200000

struct rf_image_tar;
/*
 * Opens and indexes the file. -RFE_NOT_FOUND; -RFE_INVALID for what is no sound tar, holds devices, names that are absolute or have ".." in them
 * or come twice, links that lead out of it; -RFE_UNSUPPORTED for another compression or a pipe; -RFE_TOO_LARGE.
 */
RF_MUST_USE int rf_image_tar_open(const char *path, struct rf_image_tar **out, struct rf_err *err);
void rf_image_tar_free(struct rf_image_tar *t);
void rf_image_tar_freep(struct rf_image_tar **t);
bool rf_image_tar_is_packed(const struct rf_image_tar *t);
const char *rf_image_tar_name(const struct rf_image_tar *t); /* the path, for messages; borrowed */

/*
 * The member that a name means, links followed; a leading "./" is passed over. *size may be NULL. -RFE_NOT_FOUND (also for a link that leads to
 * nothing), -RFE_LOOP, -RFE_INVALID for a name that no member can have.
 */
RF_MUST_USE int rf_image_tar_find(const struct rf_image_tar *t, const char *name, size_t *member,
                                  uint64_t *size, struct rf_err *err);
/* The member's content as a seekable source, to be freed before the tar. */
struct rf_source *rf_image_tar_source(struct rf_image_tar *t, size_t member);
/* Appends the whole member. -RFE_TOO_LARGE when it has more than `max` bytes. */
RF_MUST_USE int rf_image_tar_read(struct rf_image_tar *t, size_t member, size_t max,
                                  struct rf_buf *out, struct rf_err *err);

#endif
