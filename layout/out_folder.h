/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder that files of strangers' naming are written into. Names are cleaned (rf_layer_path: no leading "/", no ".."), folders on the way are
 * made, and no link in them is followed, whoever made it: nothing is written outside.
 */
#ifndef RF_LAYOUT_OUT_FOLDER_H
#define RF_LAYOUT_OUT_FOLDER_H

#include "base/stream.h"

/* Opens an existing folder; the path is the user's own, links in it are followed. *fd: rf_closep. */
RF_MUST_USE int rf_out_folder_open(const char *path, int *fd, struct rf_err *err);
/* Opens a folder below `root` by a clean path ("" is root itself), making what is missing when `make`. -RFE_INVALID for a link or file on the way. */
RF_MUST_USE int rf_out_folder_below(int root, const char *path, bool make, int *fd,
                                    struct rf_err *err);
/* A sink whose commit makes the file appear whole below `root`, replacing what is there under that name (a link itself, not what it leads to). */
RF_MUST_USE int rf_out_folder_file(int root, const char *path, struct rf_sink **out,
                                   struct rf_err *err);
/* 0 when the name has no control bytes, which no name of ours may have; else -RFE_INVALID, showing it. */
RF_MUST_USE int rf_out_folder_check(const char *name, struct rf_err *err);
/* Removes what is named, with all below when it is a folder. Links are removed, not followed. */
RF_MUST_USE int rf_out_folder_remove(int dirfd, const char *name, struct rf_err *err);
/* Moves everything inside the folder `from` into the folder `to`: folders that are in both are merged, files of the same name replaced. */
RF_MUST_USE int rf_out_folder_move(int from, int to, struct rf_err *err);

#endif
