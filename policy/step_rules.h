/* SPDX-License-Identifier: Apache-2.0 */
/* What a step says about what it finds: which kinds of manifests and which referrers it takes. */
#ifndef RF_POLICY_STEP_RULES_H
#define RF_POLICY_STEP_RULES_H

#include "manifests/descriptor.h"
#include "policy/step.h"

/* `mediaTypes` has it. NULL is no kind. */
bool rf_step_takes_type(const struct rf_step *step, const char *media_type);
/* The INFO line about an image that is skipped for its kind. */
void rf_step_tell_skipped(const struct rf_step *step, const char *ref, const char *media_type);
/* Any of `referrerFilters` takes it, or there are none. Any thread. */
bool rf_step_takes_referrer(const struct rf_step *step, const struct rf_descriptor *d);
/* `referrerFilters` as a text: another text, another choice. Adds nothing when all are taken. */
void rf_step_referrers_text(const struct rf_step *step, struct rf_buf *out);

#endif
