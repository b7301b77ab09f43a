/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step of `sync`: an image, a repository with its tags, or a registry with its repositories. What both sides have is asked ahead by several
 * threads; images are decided on, told of and copied one after the other, in the order of the source.
 */
#ifndef RF_POLICY_SYNC_STEP_H
#define RF_POLICY_SYNC_STEP_H

#include "policy/sync/sync_image.h"

#define RF_SYNC_ERRORS_MAX 10000u /* texts kept of one step */

struct rf_sync_report_image {
    char *source, *target;
    enum rf_sync_outcome outcome;
    struct rf_digest digest; /* not set when it could not be found out */
    uint64_t bytes;
    char *error; /* or NULL */
};

/* What came of a step. */
struct rf_sync_report_step {
    const struct rf_step *step;
    uint64_t outcomes[RF_SYNC_OUTCOME_COUNT];
    uint64_t bytes;
    struct rf_rate rate; /* the last that the source said */
    bool keep_images;    /* set by the caller */
    struct rf_sync_report_image *images;
    size_t n_images, cap_images;
    char **errors; /* every failure, as it is printed */
    size_t n_errors, cap_errors;
    uint64_t more_errors; /* not kept */
    bool cancelled;       /* not done to its end: interrupted, or left because of what others did */
};
void rf_sync_report_step_release(struct rf_sync_report_step *r);

/* Failures are in the report: what cannot be done does not keep the rest from being done, unless env says so. */
void rf_sync_step_run(struct rf_sync_env *env, const struct rf_step *step, enum rf_sync_mode mode,
                      struct rf_sync_report_step *report);
/* Something failed, or the program was interrupted. */
static inline bool rf_sync_step_failed(const struct rf_sync_report_step *r)
{
    return r->n_errors > 0 || (r->cancelled && rf_cancelled());
}

#endif
