/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of images looked for in their layers. A layer is read as it comes, nothing of it is kept; what is found counts only when the whole layer
 * had its digest, which is known at its end.
 */
#ifndef RF_REGCLIENT_LAYER_FILE_H
#define RF_REGCLIENT_LAYER_FILE_H

#include "layout/layer_tar.h"
#include "layout/place.h"

/*
 * Looks for a path in the file system that the layers of an image make, from the top down. Symbolic links are followed (not the last part of the path
 * unless `follow`), hard links lead to the content of what they name; each link reads layers anew. The content of a file goes to `sink` (may be
 * NULL), which stays uncommitted: after a failure what it was given is of no use.
 * *out is the caller's to release. -RFE_NOT_FOUND: "not found", or "file deleted" by a layer; -RFE_LOOP.
 */
RF_MUST_USE int rf_image_file(struct rf_place *p, const char *repo, const struct rf_manifest *image,
                              const char *path, bool follow, struct rf_layer_entry *out,
                              struct rf_sink *sink, struct rf_err *err);
/*
 * The same in one layer alone. Neither kind of link is followed: they are told by the entry. -RFE_NOT_FOUND: "file not found", "file deleted".
 */
RF_MUST_USE int rf_layer_file(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                              uint64_t size, const char *path, struct rf_layer_entry *out,
                              struct rf_sink *sink, struct rf_err *err);

#endif
