/* SPDX-License-Identifier: Apache-2.0 */
/* The section `bundle` of the policy file: how regexport writes, where its command line does not say (docs/policy.md). */
#ifndef RF_POLICY_BUNDLE_OPTIONS_H
#define RF_POLICY_BUNDLE_OPTIONS_H

#include "policy/yaml.h"

struct rf_bundle_options {
    char *out;    /* as -o, or NULL */
    char *sparse; /* "keep" or "prune", or NULL */
    enum rf_tri strict;
};
void rf_bundle_options_release(struct rf_bundle_options *b);
rf_yaml_setter rf_bundle_options_set; /* for a field of struct rf_bundle_options */
/* The keys of it. */
extern const struct rf_yaml_table rf_bundle_options_table;

/* It says something. */
static inline bool rf_bundle_options_is_set(const struct rf_bundle_options *b)
{
    return b->out != NULL || b->sparse != NULL || b->strict != RF_TRI_UNSET;
}

#endif
