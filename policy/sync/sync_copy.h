/* SPDX-License-Identifier: Apache-2.0 */
/* The part of an image's step that writes: a place among the copies, the source's rate limit, the backup, the copy (inventory 2.9, steps 9 to 12). */
#ifndef RF_POLICY_SYNC_COPY_H
#define RF_POLICY_SYNC_COPY_H

#include "policy/sync/sync_image.h"

/* An image opened: both places, and how log lines call it. */
struct rf_sync_pair {
    struct rf_place *src, *dst;
    const char *src_repo, *dst_repo;
    char *source, *target; /* whole names */
};
RF_MUST_USE int rf_sync_pair_open(struct rf_sync_env *env, const struct rf_sync_image *i,
                                  struct rf_sync_pair *out, struct rf_err *err);
void rf_sync_pair_release(struct rf_sync_pair *p);
/* The tag that is meant: a layout's reference without one means "latest". NULL when only a digest is named. */
const char *rf_sync_tag(const struct rf_ref *r);

/*
 * Waits until `cost` pulls of the source leave ratelimit.min. `holds` tells that a place of the throttle is held: it is given away while waiting.
 * After success rf_rate_gate_leave is due when *entered. Fails only when cancelled, when it is left
 * (rf_sync_left) or when the source cannot be asked; no place is held then.
 */
RF_MUST_USE int rf_sync_rate_wait(struct rf_sync_env *env, const struct rf_step *step,
                                  struct rf_sync_image *i, const struct rf_sync_pair *pair,
                                  unsigned cost, bool holds, bool *entered, struct rf_err *err);
/* Copies `digest` of the source to the target. `replaces`: another image is there, to be saved before when the step says so. */
RF_MUST_USE int rf_sync_copy(struct rf_sync_env *env, const struct rf_step *step,
                             struct rf_sync_image *i, const struct rf_sync_pair *pair,
                             const struct rf_digest *digest, bool replaces,
                             struct rf_copy_result *out, struct rf_err *err);
/* Where referrers are, when `text` (the key `what`) says that it is elsewhere; NULL: *side stays as it is. *ref is what the side points into. */
RF_MUST_USE int rf_sync_open_side(struct rf_sync_env *env, const char *text, unsigned flags,
                                  const char *what, struct rf_ref *ref, struct rf_copy_side *side,
                                  struct rf_err *err);
/* Asks the source by HEAD; also for what it says of its limit. */
RF_MUST_USE int rf_sync_head(struct rf_place *p, const char *repo, const char *tag,
                             const struct rf_digest *digest, struct rf_descriptor *out,
                             struct rf_rate *rate, struct rf_err *err);

#endif
