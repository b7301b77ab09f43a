/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what goes along with an image, its referrers and digest tags, is at the target already. Nothing is written. */
#ifndef RF_POLICY_SYNC_COMPARE_H
#define RF_POLICY_SYNC_COMPARE_H

#include "policy/sync/sync_copy.h"

enum rf_sync_along {
    RF_SYNC_ALONG_THERE,   /* all that a copy would bring */
    RF_SYNC_ALONG_LACKS,   /* something of it is not there, or another */
    RF_SYNC_ALONG_UNKNOWN, /* only a copy would tell: forceRecursive, referrerSlow */
};
/*
 * For an image that is the same on both sides. Asks both for the referrers of each of its manifests, and for digest tags; documents are read from
 * the target alone, where no pull counts. What the target has beside that is no matter.
 */
RF_MUST_USE int rf_sync_compare_along(struct rf_sync_env *env, const struct rf_sync_image *i,
                                      const struct rf_sync_pair *pair, enum rf_sync_along *out,
                                      struct rf_err *err);

#endif
