/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan of an export: what is wanted, what of it the base lacks, what could not be had, what the policy refuses.
 *
 *     rf_plan_make(req, state, &plan, err)       select, resolve, walk, subtract, ask for each layer
 *     plan->bundle                               sealed: every byte but the blobs' contents is fixed
 *     rf_plan_drop(plan, failed blobs ...)       images whose blobs failed for good become holes; laid out again
 */
#ifndef RF_EXPORT_PLAN_H
#define RF_EXPORT_PLAN_H

#include "export/request.h"
#include "export/rules.h"
#include "export/state.h"

struct rf_plan {
    struct rf_bundle *bundle;
    struct rf_snapshot *snapshot; /* what the site will have; status of each line set */
    struct rf_snapshot **bases;
    size_t n_bases;
    uint64_t fetch_bytes; /* from registries; what the cache has is not fetched again */
    struct rf_rules
        rules; /* what decided on each line of the bundle: its rule is a number in here; empty when resumed */
    struct rf_pulls *pulls;   /* what was read of each registry; NULL: not counted */
    struct rf_repair *repair; /* of a repair bundle: what it answers (export/repair.h) */
    uint32_t
        asked;    /* of a repair bundle: the rule of the lines that have what it carries; else 0 */
    bool resumed; /* taken from the state, not made anew */
    /* for retention, which is judged anew whenever images fall out of the plan; NULL: not judged */
    const struct rf_export_request *req;
    struct rf_export_state *state;
    time_t as_of;
};
void rf_plan_free(struct rf_plan *p);
void rf_plan_freep(struct rf_plan **p);

/*
 * Makes the plan. Images that cannot be had become holes; when nothing at all could be had, the first cause is the failure.
 * -RFE_CONFLICT: two sources for one far-side tag.
 */
/* An empty one. */
struct rf_plan *rf_plan_new(const char *site);
RF_MUST_USE int rf_plan_make(const struct rf_export_request *req, struct rf_export_state *state,
                             struct rf_plan **out, struct rf_err *err);
/* The pending plan of this request: 1, or 0 when there is none. */
RF_MUST_USE int rf_plan_resume(const struct rf_export_request *req, struct rf_export_state *state,
                               const char *key, struct rf_plan **out, struct rf_err *err);
/* Makes this plan the pending one of the request, whose bundle is to have that path; what decided on its lines stands beside it. */
RF_MUST_USE int rf_plan_set_pending(const struct rf_plan *p, struct rf_export_state *state,
                                    const char *key, const char *path, struct rf_err *err);
/* The plan of a recorded bundle, to write it anew. -RFE_NOT_FOUND with the next step when its record is lost. */
RF_MUST_USE int rf_plan_again(struct rf_export_state *state, const struct rf_digest *id,
                              struct rf_plan **out, struct rf_err *err);
/* Images that are left out because the policy's carry() failed on them. */
size_t rf_plan_mistakes(const struct rf_plan *p);
/* What tells one request from another: everything that decides the plan. The caller frees. */
char *rf_plan_key(const struct rf_export_request *req, const char *output);

/* A blob that failed for good while writing, and why. */
struct rf_plan_failure {
    uint32_t blob; /* in plan->bundle.blobs */
    char *reason;
};
/*
 * Makes every image that needs one of these a hole and lays the bundle out again. The bundle as it was goes to the caller in *old
 * (release and free): finished members are found by it. Fails with the first reason when nothing would be left to carry.
 */
RF_MUST_USE int rf_plan_drop(struct rf_plan *p, const struct rf_plan_failure *failures, size_t n,
                             struct rf_bundle **old, struct rf_err *err);

#endif
