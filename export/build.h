/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a snapshot and its bases to the bundle that leads from the one to the other. Pure: the same snapshot, bases, holes and refusals give the
 * same bundle. Third step of planning (export/plan.h).
 */
#ifndef RF_EXPORT_BUILD_H
#define RF_EXPORT_BUILD_H

#include "export/state.h"

/* Far-side repositories named per assumed blob, at most. */
#define RF_FROM_MAX 16u

struct rf_build_hole {
    const char *source, *repository, *tag, *reason; /* borrowed */
    uint32_t rule; /* that wanted it: a number of the plan's rules */
};
struct rf_build_refused {
    const char *source, *repository, *tag, *reason; /* borrowed */
    struct rf_digest digest;
};
struct rf_build {
    const struct rf_snapshot *snapshot; /* sealed, with the status of each line set */
    struct rf_snapshot *const *bases;
    size_t n_bases;
    const struct rf_build_hole *holes;
    size_t n_holes;
    const struct rf_build_refused *refused; /* what the policy does not carry */
    size_t n_refused;
    const char *site;
    const struct rf_export_record *last; /* the chain goes on from it; NULL starts one */
};
/* Fills an initialised *out and seals it. */
RF_MUST_USE int rf_build_bundle(const struct rf_build *in, struct rf_bundle *out,
                                struct rf_err *err);

/* Appends a line of `from` with its closure to `to`; its status is kept. */
void rf_snapshot_copy_line(struct rf_snapshot *to, const struct rf_snapshot *from,
                           const struct rf_image *line, uint8_t status);
/* The base's line of the same repository and tag (or untagged digest); *base is its snapshot. NULL when there is none. */
const struct rf_image *rf_bases_line(struct rf_snapshot *const *bases, size_t n,
                                     const char *repository, const char *tag,
                                     const struct rf_digest *digest,
                                     const struct rf_snapshot **base);

#endif
