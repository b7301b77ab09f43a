/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few templates that configuration files need: {{env "NAME"}}, {{file "/path"}} and values by name such as {{.Sync.Source}}, with
 * Go's trim markers ({{- -}}). Everything else between {{ and }} is refused; a whole template engine is another module.
 */
#ifndef RF_POLICY_EXPAND_H
#define RF_POLICY_EXPAND_H

#include "base/buf.h"

#define RF_EXPAND_MAX (1u << 20) /* bytes of a result, and of a file taken in */

struct rf_expand_var {
    const char *name;  /* ".Sync.Source" */
    const char *value; /* NULL is "" */
};

bool rf_expand_needed(const char *text);
/*
 * A variable that is not set gives "". A file gives its content without blanks at both ends; one that cannot be read gives "" and
 * a warning, as upstream does. *out belongs to the caller and may hold a secret. -RFE_CONFIG.
 */
RF_MUST_USE int rf_expand(const char *text, const struct rf_expand_var *vars, size_t n, char **out,
                          struct rf_err *err);

#endif
