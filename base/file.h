/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that survive a crash. What has its final name is whole: written to a temporary, fsync, rename (or link),
 * fsync of the folder. All descriptors are close-on-exec, nothing follows a symbolic link in its last part where
 * it says so, and a full disk is -RFE_NO_SPACE.
 */
#ifndef RF_BASE_FILE_H
#define RF_BASE_FILE_H

#include "base/stream.h"

/* Opens a regular file for reading without following a link in the last part; its size in *size (may be NULL).
 * -RFE_NOT_FOUND; anything but a regular file is -RFE_INVALID. */
RF_MUST_USE int rf_file_open(const char *path, int *fd, uint64_t *size, struct rf_err *err);
/* As rf_file_open, relative to a folder, for names that come from elsewhere: no part may be a link, nothing leaves the folder. */
RF_MUST_USE int rf_file_open_at(int dirfd, const char *name, int *fd, uint64_t *size,
                                struct rf_err *err);
/* Appends the whole file to `out`, whose cap bounds it (-RFE_TOO_LARGE). Follows links (configuration files). -RFE_NOT_FOUND. */
RF_MUST_USE int rf_file_read(const char *path, struct rf_buf *out, struct rf_err *err);
/* Replaces the file by these bytes, durably. As everywhere here, `mode` is what open() takes: less the umask. */
RF_MUST_USE int rf_file_write(const char *path, struct rf_slice bytes, unsigned mode,
                              struct rf_err *err);
/* A sink whose commit makes `path` appear whole (replacing an older one when `replace`, else an existing one counts as success and ours is dropped). */
RF_MUST_USE int rf_file_sink(const char *path, unsigned mode, bool replace, struct rf_sink **out,
                             struct rf_err *err);
/* The same in an open folder (the caller's): `name` is one part of a path, without "/". */
RF_MUST_USE int rf_file_sink_at(int dirfd, const char *name, unsigned mode, bool replace,
                                struct rf_sink **out, struct rf_err *err);
/* Temporary files that have a name while they are written begin with this. */
#define RF_FILE_TEMP_PREFIX ".rf-tmp-"
/* Removes the temporaries in folder `path` that no living process is writing; an absent folder is fine. Not into folders below. */
RF_MUST_USE int rf_file_sweep(const char *path, struct rf_err *err);
/* mkdir -p; each new folder gets `mode`; durable. */
RF_MUST_USE int rf_mkdirs(const char *path, unsigned mode, struct rf_err *err);
/* fsync of the folder that holds `path`. */
RF_MUST_USE int rf_fsync_parent(const char *path, struct rf_err *err);
RF_MUST_USE int rf_fsync_fd(int fd, const char *name, struct rf_err *err);
/* rename without replacing (-RFE_EXISTS), then fsync of the folder. */
RF_MUST_USE int rf_rename_new(const char *from, const char *to, struct rf_err *err);
RF_MUST_USE int rf_pread_full(int fd, void *p, size_t n, uint64_t offset,
                              struct rf_err *err); /* -RFE_SIZE_MISMATCH at the end of file */
RF_MUST_USE int rf_pwrite_full(int fd, const void *p, size_t n, uint64_t offset,
                               struct rf_err *err);
bool rf_path_exists(const char *path);
bool rf_path_is_dir(const char *path);
char *rf_path_join(const char *a, const char *b); /* the caller frees */
/* Behind the working folder when it is relative; links and dots stay. The caller frees. */
char *rf_path_absolute(const char *path);

/*
 * A kernel lock on the file `path` (made when absent), held until the descriptor is closed; a killed holder leaves none.
 * Waits up to wait_ms. Branch on -RFE_BUSY. A shared lock needs no right to write where the file is there already.
 */
RF_MUST_USE int rf_lock_file(const char *path, bool exclusive, unsigned wait_ms, int *fd,
                             struct rf_err *err);

#endif
