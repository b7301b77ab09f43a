/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From selected lines to all that hangs below them: platforms chosen, manifests and configs fetched (into the cache), referrers and
 * digest tags found, layers asked for. Second step of planning (export/plan.h). What fails marks its lines as holes.
 */
#ifndef RF_EXPORT_CLOSURE_H
#define RF_EXPORT_CLOSURE_H

#include "export/select.h"
#include "layout/graph.h"

struct rf_closure {
    struct rf_selection *sel;
    struct rf_snapshot *const *bases;
    size_t n_bases;
    struct rf_graph graph;
    uint32_t *
        first_pick; /* per node that is a root: its first pick + 1; further ones through next_pick */
    size_t n_first_pick;
    uint32_t *next_pick; /* per pick: another of the same root + 1 */
    size_t n_next_pick;
    uint64_t fetch_bytes; /* still to fetch while writing */
};
/* The address of *c must not change until release. */
void rf_closure_init(struct rf_closure *c, struct rf_selection *sel,
                     struct rf_snapshot *const *bases, size_t n_bases);
void rf_closure_release(struct rf_closure *c);
RF_MUST_USE int rf_closure_build(struct rf_closure *c, struct rf_err *err);
/* The base's line that is exactly this one; *base is set to its snapshot. NULL when there is none. */
const struct rf_image *rf_closure_base_line(const struct rf_closure *c, const struct rf_image *im,
                                            const struct rf_snapshot **base);
/* Some base has the blob. */
bool rf_bases_have(struct rf_snapshot *const *bases, size_t n, const struct rf_digest *d);

#endif
