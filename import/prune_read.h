/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifests and configurations of the destination that pruning goes by. What was got is kept in memory, up to a bound, so that each is asked for once
 * whoever needs it: this side's rules, its keep(), the search for what is needed. Any thread.
 */
#ifndef RF_IMPORT_PRUNE_READ_H
#define RF_IMPORT_PRUNE_READ_H

#include "base/idmap.h"
#include "layout/place.h"

#include <pthread.h>

#define RF_PRUNE_READ_MAX \
    ((size_t)64 << 20) /* bytes that are kept; what does not fit is got again */

struct rf_prune_reader {
    struct rf_place *to;
    pthread_mutex_t lock; /* guards the rest */
    struct rf_prune_document *list;
    size_t n, cap, bytes;
    struct rf_idmap by_key;
};
/* The address of *r must not change until release. */
void rf_prune_reader_init(struct rf_prune_reader *r, struct rf_place *to);
void rf_prune_reader_release(struct rf_prune_reader *r);
/* As rf_place_get_manifest, by digest. */
RF_MUST_USE int rf_prune_reader_manifest(struct rf_prune_reader *r, const char *repo,
                                         const struct rf_digest *digest, struct rf_manifest **out,
                                         struct rf_err *err);
/* By tag, which is always asked for; the manifest is kept for those that want it by its digest. */
RF_MUST_USE int rf_prune_reader_tag(struct rf_prune_reader *r, const char *repo, const char *tag,
                                    struct rf_manifest **out, struct rf_err *err);
/* -RFE_TOO_LARGE: more than RF_CONFIG_MAX bytes. */
RF_MUST_USE int rf_prune_reader_config(struct rf_prune_reader *r, const char *repo,
                                       const struct rf_descriptor *desc, struct rf_buf *out,
                                       struct rf_err *err);

#endif
