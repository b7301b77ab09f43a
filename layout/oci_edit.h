/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of a layout's index.json under its lock. Threads that want to change the same one at the same time share one writing: the first
 * takes the lock and makes the changes of all who wait by then, one after the other, then writes once.
 *
 *     static int change(struct rf_oci_edit *e, void *ctx, struct rf_err *err) { return rf_oci_edit_put(e, tag, m, err); }
 *     rf_oci_edit_run(queue, folder, cache, change, ctx, NULL, err)
 */
#ifndef RF_LAYOUT_OCI_EDIT_H
#define RF_LAYOUT_OCI_EDIT_H

#include <pthread.h>

#include "layout/oci_folder.h"

struct rf_oci_edit {
    struct rf_oci_folder *f;
    struct rf_oci_index *ix; /* what the file says, then what it shall say */
};
/* Makes its change by the steps below. Runs in whichever of the waiting threads; what it did counts as undone when it fails. */
typedef int (*rf_oci_change)(struct rf_oci_edit *e, void *ctx, struct rf_err *err);

struct rf_oci_step;
struct rf_oci_queue {
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t moved;
    bool busy;
    struct rf_oci_step *first;
};
void rf_oci_queue_init(struct rf_oci_queue *q);
void rf_oci_queue_release(struct rf_oci_queue *q);
/*
 * One queue may serve several folders. Returns when index.json is on disk with the change, or with the reason why not. *after (may be NULL): what the file says then,
 * read anew from disk, once for all who share a writing; rf_oci_index_unref, set on success only.
 */
RF_MUST_USE int rf_oci_edit_run(struct rf_oci_queue *q, struct rf_oci_folder *f,
                                struct rf_oci_cache *cache, rf_oci_change change, void *ctx,
                                struct rf_oci_index **after, struct rf_err *err);
/* Calls fn under the lock, with nobody's change half made; writes nothing. */
RF_MUST_USE int rf_oci_edit_alone(struct rf_oci_queue *q, struct rf_oci_folder *f,
                                  int (*fn)(void *ctx, struct rf_err *err), void *ctx,
                                  struct rf_err *err);

/* As rf_oci_index_put. */
RF_MUST_USE int rf_oci_edit_put(struct rf_oci_edit *e, const char *tag, const struct rf_manifest *m,
                                struct rf_err *err);
/* -RFE_NOT_FOUND. */
RF_MUST_USE int rf_oci_edit_remove_tag(struct rf_oci_edit *e, const char *tag, struct rf_err *err);
/* *had: there was an entry. */
RF_MUST_USE int rf_oci_edit_remove_digest(struct rf_oci_edit *e, const struct rf_digest *d,
                                          bool *had, struct rf_err *err);
/* As rf_oci_index_sift; ctx is a struct rf_oci_sift (an rf_oci_change). */
struct rf_oci_sift {
    rf_oci_judge judge;
    void *ctx;
};
RF_MUST_USE int rf_oci_edit_sift(struct rf_oci_edit *e, void *ctx, struct rf_err *err);
/* The fallback tag of m's subject lists m: at the end, when it did not before. */
RF_MUST_USE int rf_oci_edit_add_referrer(struct rf_oci_edit *e, const struct rf_manifest *m,
                                         struct rf_err *err);
/* It does not list `digest` any more; a list that is empty then goes with its tag. */
RF_MUST_USE int rf_oci_edit_remove_referrer(struct rf_oci_edit *e, const struct rf_digest *subject,
                                            const struct rf_digest *digest, struct rf_err *err);

#endif
