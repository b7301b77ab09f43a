/* SPDX-License-Identifier: Apache-2.0 */
/* Templates in texts of configuration files: base/template.h, with a warning where `file` finds nothing. */
#ifndef RF_POLICY_RENDER_H
#define RF_POLICY_RENDER_H

#include "base/value.h"

#define RF_RENDER_MAX (1u << 20) /* bytes of a result */

/* Without, a text stands for itself. */
bool rf_render_needed(const char *text);
/* `data` may be NULL: nothing. *out belongs to the caller and may hold a secret. -RFE_CONFIG with the message of the engine. */
RF_MUST_USE int rf_render(const char *text, const struct rf_value *data, char **out,
                          struct rf_err *err);
/* Only whether it can be parsed. */
RF_MUST_USE int rf_render_check(const char *text, struct rf_err *err);

#endif
