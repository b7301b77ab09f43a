/* SPDX-License-Identifier: Apache-2.0 */
/* Names in layouts: sorted lists of them, and the repositories of a tree of layouts. */
#ifndef RF_LAYOUT_OCI_TREE_H
#define RF_LAYOUT_OCI_TREE_H

#include "layout/place.h"

struct rf_oci_names {
    char **list;
    size_t n, cap;
};
void rf_oci_names_release(struct rf_oci_names *names);
void rf_oci_names_add(struct rf_oci_names *names, const char *name);
/* Sorts, then calls cb once for each different name that the rules of places allow (layout/place.h); others cannot be asked for anyway. */
RF_MUST_USE int rf_oci_names_each(struct rf_oci_names *names, rf_place_tag_cb cb, void *ctx,
                                  struct rf_err *err);

/* The repository has a part that layouts need for themselves ("blobs", "index.json", "oci-layout"), so it cannot lie in a tree. */
bool rf_oci_tree_reserved(const char *repo);
/* The folder, or the nearest one above it that exists, lets us write. `path` is used up. -RFE_DENIED. */
RF_MUST_USE int rf_oci_tree_can_write(char *path, struct rf_err *err);
/* Adds every repository below `path`: folders with a file oci-layout. Links are not followed. -RFE_NOT_FOUND, -RFE_TOO_LARGE. */
RF_MUST_USE int rf_oci_tree_list(const char *path, struct rf_oci_names *names, struct rf_err *err);

#define RF_OCI_TREE_FOLDERS_MAX 200000 /* those without a layout count, too */
#define RF_OCI_TREE_TOLD_MAX 100

/* What is met in a tree beside repositories. `folder` is seen from its root, and may hold any byte. */
struct rf_oci_tree_watch {
    void (*unread)(void *ctx, const char *folder,
                   const struct rf_err *why); /* so that not all repositories are known */
    void (*left_out)(void *ctx, const char *folder,
                     const char *why); /* a link to a folder, a layout with another name */
    void *ctx;
};
/* The same, but a folder that cannot be looked into is told of and does not keep the others from being listed. */
RF_MUST_USE int rf_oci_tree_walk(const char *path, const struct rf_oci_tree_watch *watch,
                                 struct rf_oci_names *names, struct rf_err *err);

#endif
