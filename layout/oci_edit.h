/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One change of a layout's index.json under its lock, made of several steps and stored at once.
 *
 *     RF_CLEANUP(rf_oci_edit_release) struct rf_oci_edit e = { .f = folder, .cache = cache, .mutex = m, .fd = -1 };
 *     rf_oci_edit_begin(&e, err)                 locks, reads
 *     rf_oci_edit_put(&e, tag, manifest, err)    any steps
 *     rf_oci_edit_store(&e, err)                 writes when something has changed
 */
#ifndef RF_LAYOUT_OCI_EDIT_H
#define RF_LAYOUT_OCI_EDIT_H

#include <pthread.h>

#include "layout/oci_folder.h"

struct rf_oci_edit {
    struct rf_oci_folder *f;
    struct rf_oci_cache *cache;
    pthread_mutex_t *mutex; /* so that threads queue up here and need not poll for the file's lock */
    bool locked;
    int fd;
    struct rf_oci_index *ix; /* what the file says, then what it shall say */
    bool changed;
};
RF_MUST_USE int rf_oci_edit_begin(struct rf_oci_edit *e, struct rf_err *err);
RF_MUST_USE int rf_oci_edit_store(struct rf_oci_edit *e, struct rf_err *err);
void rf_oci_edit_release(struct rf_oci_edit *e);

/* As rf_oci_index_put. */
RF_MUST_USE int rf_oci_edit_put(struct rf_oci_edit *e, const char *tag, const struct rf_manifest *m, struct rf_err *err);
/* -RFE_NOT_FOUND. */
RF_MUST_USE int rf_oci_edit_remove_tag(struct rf_oci_edit *e, const char *tag, struct rf_err *err);
/* *had: there was an entry. */
RF_MUST_USE int rf_oci_edit_remove_digest(struct rf_oci_edit *e, const struct rf_digest *d, bool *had, struct rf_err *err);
/* The fallback tag of m's subject lists m: at the end, when it did not before. */
RF_MUST_USE int rf_oci_edit_add_referrer(struct rf_oci_edit *e, const struct rf_manifest *m, struct rf_err *err);
/* It does not list `digest` any more; a list that is empty then goes with its tag. */
RF_MUST_USE int rf_oci_edit_remove_referrer(struct rf_oci_edit *e, const struct rf_digest *subject, const struct rf_digest *digest,
                                            struct rf_err *err);

#endif
