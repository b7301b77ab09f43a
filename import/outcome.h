/* SPDX-License-Identifier: Apache-2.0 */
/* What of a bundle was left out, in one sentence; the report lists the images. */
#ifndef RF_IMPORT_OUTCOME_H
#define RF_IMPORT_OUTCOME_H

#include "import/run.h"

/*
 * 0 when everything that the connected side selected is (or, by a plan, would be) in place; else -RFE_PARTIAL, naming the first that holds of: the
 * destination refused images, they lack their ground, the policy here refused them, the connected side could not fetch them.
 */
RF_MUST_USE int rf_import_outcome(const struct rf_import_run *r, struct rf_err *err);

#endif
