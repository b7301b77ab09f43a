/* SPDX-License-Identifier: Apache-2.0 */
/* What a step's texts have to be, looked at when it is read (policy/step.h). Schedules and backups only matter later: a lenient reader notes what is wrong. */
#ifndef RF_POLICY_STEP_CHECK_H
#define RF_POLICY_STEP_CHECK_H

#include "policy/step.h"

/* Where the value of a key stands; the step itself when it came from the defaults. */
const struct rf_yaml_node *rf_step_key_at(const struct rf_yaml_node *step, const char *key);
/* After the templates were expanded. Fills source_ref. -RFE_CONFIG. */
RF_MUST_USE int rf_step_check(const struct rf_yaml_reader *r, const struct rf_yaml_node *node,
                              const char *path, struct rf_step *s, struct rf_err *err);
/* Notes a schedule and a backup that the map has itself and that cannot be read. */
void rf_step_look_ahead(const struct rf_yaml_reader *r, const struct rf_yaml_node *map,
                        const char *path, struct rf_step_settings *s);

#endif
