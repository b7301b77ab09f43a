/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One image layout as a folder, below what oci_dir.h offers: its files, its locks, and a cache of parsed index.json files.
 *
 *     rf_oci_folder_open(path, &f, err)             or rf_oci_folder_make
 *     rf_oci_folder_index(f, cache, &ix, err)       what index.json says now
 *     rf_oci_folder_lock(f, &lock, err)             before an edit: lock, read, change, store
 *     rf_oci_folder_store(f, cache, ix, err)
 *     rf_oci_folder_free(f)
 *
 * Order on disk: blobs are durable under their names before index.json, which appears by rename, can name them.
 */
#ifndef RF_LAYOUT_OCI_FOLDER_H
#define RF_LAYOUT_OCI_FOLDER_H

#include "layout/blob_store.h"
#include "layout/oci_index.h"

/* Parsed indexes by path, each good for as long as its file is the same. Any thread. */
struct rf_oci_cache;
struct rf_oci_cache *rf_oci_cache_new(void);
void rf_oci_cache_free(struct rf_oci_cache *c);

struct rf_oci_folder {
    char *path;
    struct rf_blob_store *store;
};
/* -RFE_NOT_FOUND when there is no such folder. *out: rf_oci_folder_free. */
RF_MUST_USE int rf_oci_folder_open(const char *path, struct rf_oci_folder **out,
                                   struct rf_err *err);
/* Makes the folder, oci-layout and an empty index.json, whichever is missing. */
RF_MUST_USE int rf_oci_folder_make(const char *path, struct rf_oci_folder **out,
                                   struct rf_err *err);
void rf_oci_folder_free(struct rf_oci_folder *f);
void rf_oci_folder_freep(struct rf_oci_folder **f);

/* cache NULL reads the file whatever was read before. *out: rf_oci_index_unref. -RFE_NOT_FOUND: no layout. */
RF_MUST_USE int rf_oci_folder_index(struct rf_oci_folder *f, struct rf_oci_cache *cache,
                                    struct rf_oci_index **out, struct rf_err *err);
/* The exclusive lock for edits, across processes and descriptors; ends with closing *fd. -RFE_BUSY after a minute. */
RF_MUST_USE int rf_oci_folder_lock(struct rf_oci_folder *f, int *fd, struct rf_err *err);
/* Under the lock: flushes the names of all blobs, then replaces index.json. */
RF_MUST_USE int rf_oci_folder_store(struct rf_oci_folder *f, struct rf_oci_cache *cache,
                                    struct rf_oci_index *ix, struct rf_err *err);
/* Reads and parses a manifest. -RFE_NOT_FOUND. ctx is the folder (an rf_oci_load). */
RF_MUST_USE int rf_oci_folder_load(void *folder, const struct rf_digest *d,
                                   const struct rf_manifest_expect *expect,
                                   struct rf_manifest **out, struct rf_err *err);

struct rf_gc_result;
/* Under the lock: removes what the index does not reach (oci_gc.c). */
RF_MUST_USE int rf_oci_folder_gc(struct rf_oci_folder *f, struct rf_gc_result *out,
                                 struct rf_err *err);

#endif
