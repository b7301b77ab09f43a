/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One layer of an image's file system, looked into (OCI image-spec layer.md): a tar of any usual compression, with links, devices and whiteouts.
 * Nothing is unpacked, and what is odd about other members does not matter.
 */
#ifndef RF_LAYOUT_LAYER_TAR_H
#define RF_LAYOUT_LAYER_TAR_H

#include "base/stream.h"

#define RF_LAYER_LINK_MAX 4096

/* As the tar has it. */
struct rf_layer_entry {
    char *name, *link, *user, *group; /* link: of hard and symbolic links, else "" */
    char
        type; /* '0' file, '1' hard link, '2' symbolic link, '3' '4' devices, '5' folder, '6' pipe */
    uint64_t size;
    int64_t uid, gid, mtime;
    uint32_t mtime_nsec;
    uint32_t mode; /* permissions */
};
void rf_layer_entry_release(struct rf_layer_entry *e);

enum rf_layer_answer {
    RF_LAYER_ABSENT, /* the layer says nothing of it */
    RF_LAYER_FOUND,
    RF_LAYER_DELETED, /* it, or a folder above, is whited out */
    RF_LAYER_LINKED, /* a folder on the way is a symbolic link: `link` of the entry is the path to go on with */
};
/* A path as layers name it: without leading "/", "." and "..". The caller frees; "" is the root. */
char *rf_layer_path(const char *path);
/* Where a symbolic link at `at` (a clean path) leads to, cleaned. The caller frees. */
char *rf_layer_follow(const char *at, const char *link);
/*
 * Looks for a clean path in the tar that `src` gives from where it stands (compressed or not), as far as it needs to; what is left of the source
 * is the caller's to read. *out (the caller releases it) is filled for FOUND and LINKED. With a `sink` (may be NULL) the content of a file is
 * written to it, not committed. Returns enum rf_layer_answer. -RFE_INVALID for what is no tar.
 */
RF_MUST_USE int rf_layer_tar_find(struct rf_source *src, const char *name, const char *path,
                                  struct rf_layer_entry *out, struct rf_sink *sink,
                                  struct rf_err *err);

/*
 * What is called for each member, in the tar's order. `content` gives the bytes of a file (nothing for all else); what is not read of it is passed
 * over. Both are borrowed for the call. 0 goes on, a negative code ends the walk with it.
 */
typedef int (*rf_layer_tar_cb)(void *ctx, const struct rf_layer_entry *entry,
                               struct rf_source *content, struct rf_err *err);
/* Goes through the tar that `src` gives, to its end mark. `name` is for messages. -RFE_INVALID, and what cb fails with. */
RF_MUST_USE int rf_layer_tar_each(struct rf_source *src, const char *name, rf_layer_tar_cb cb,
                                  void *ctx, struct rf_err *err);

#endif
