/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may collect garbage in a layout, and when. Blobs are written before index.json names them, so a collector must not run between.
 * Within this process, by counts per repository; between processes, by kernel locks on folders: writers share one from their first
 * write until they are closed, a collector needs it alone.
 *
 *     rf_oci_guard_write(g, repo, folder, err)   before a write
 *     rf_oci_guard_hold / unhold(g, repo)        around the writing of an image
 *     rf_oci_guard_collect(g, repo, folder, fn, ctx, err)
 */
#ifndef RF_LAYOUT_OCI_GUARD_H
#define RF_LAYOUT_OCI_GUARD_H

#include "base/error.h"

struct rf_oci_guard;
/* `path`: the layout, or the root of a tree of them. */
struct rf_oci_guard *rf_oci_guard_new(const char *path);
void rf_oci_guard_free(struct rf_oci_guard *g);
/*
 * The folder must be there. `folder`: the repository's own, in a tree, else NULL; while the repository is held, whoever takes it for a single layout does
 * not collect in it either. -RFE_BUSY after a minute of collecting by another process.
 */
RF_MUST_USE int rf_oci_guard_write(struct rf_oci_guard *g, const char *repo, const char *folder,
                                   struct rf_err *err);
/* Waits while this process collects in the repository. */
void rf_oci_guard_hold(struct rf_oci_guard *g, const char *repo);
void rf_oci_guard_unhold(struct rf_oci_guard *g, const char *repo);
/* Calls fn while nobody else writes or collects. `folder` is the repository's own when it is not `path`, else NULL. -RFE_BUSY at once. */
RF_MUST_USE int rf_oci_guard_collect(struct rf_oci_guard *g, const char *repo, const char *folder,
                                     int (*fn)(void *ctx, struct rf_err *err), void *ctx,
                                     struct rf_err *err);

#endif
