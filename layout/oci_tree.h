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
/* Adds every repository below `path`: folders with a file oci-layout. Links are not followed. -RFE_NOT_FOUND. */
RF_MUST_USE int rf_oci_tree_list(const char *path, struct rf_oci_names *names, struct rf_err *err);

#endif
