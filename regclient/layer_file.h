/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs brought to this machine for a while, and files of images looked for in their layers. A blob is checked as a whole before anything of it is
 * used, so it lies in a temporary file without name (in $TMPDIR, else /tmp) meanwhile.
 */
#ifndef RF_REGCLIENT_LAYER_FILE_H
#define RF_REGCLIENT_LAYER_FILE_H

#include "layout/layer_tar.h"
#include "layout/place.h"

/* Fetches the blob into a temporary file; *fd belongs to the caller (rf_closep). -RFE_NOT_FOUND, -RFE_NO_SPACE. */
RF_MUST_USE int rf_blob_to_file(struct rf_place *p, const char *repo, const struct rf_descriptor *d,
                                int *fd, struct rf_err *err);

/*
 * Looks for a path in the file system that the layers of an image make, from the top down. Symbolic links are followed (not the last part of the path
 * unless `follow`), hard links lead to the content of what they name. The content of a file goes to `sink` (may be NULL), which stays uncommitted.
 * *out is the caller's to release. -RFE_NOT_FOUND: "not found", or "file deleted" by a layer; -RFE_LOOP.
 */
RF_MUST_USE int rf_image_file(struct rf_place *p, const char *repo, const struct rf_manifest *image,
                              const char *path, bool follow, struct rf_layer_entry *out,
                              struct rf_sink *sink, struct rf_err *err);

#endif
