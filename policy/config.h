/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy file: regsync's YAML and our own keys beside it (docs/policy.md). Every program reads the same file and passes over what
 * belongs to the others.
 *
 *     struct rf_policy_config *c;  rf_policy_config_load("ferry.yml", RF_POLICY_STRICT, &c, err);
 *     rf_creds_merge(&c->creds, hosts, err);  for each c->steps[i] ...
 */
#ifndef RF_POLICY_CONFIG_H
#define RF_POLICY_CONFIG_H

#include "policy/bot_script.h"
#include "policy/bundle_options.h"
#include "policy/creds.h"
#include "policy/policy_section.h"
#include "policy/retain.h"
#include "policy/sites.h"
#include "policy/step.h"

enum rf_policy_config_flags {
    RF_POLICY_STRICT =
        1, /* unknown keys are refused, steps are checked: regexport, regimport. Without: as regsync */
};

struct rf_policy_config {
    char *name; /* of the file, for messages */
    int64_t version;
    struct rf_creds creds;
    struct rf_step_defaults defaults;
    struct rf_step *steps;
    size_t n_steps;
    struct rf_bot_script *scripts;
    size_t n_scripts;
    struct rf_policy_section policy; /* strict alone, too */
    struct rf_sites sites;           /* likewise */
    struct rf_bundle_options bundle; /* likewise */
    struct rf_retain retain;         /* strict alone: the others pass over it */
};

/* "-" is stdin. Every failure is -RFE_CONFIG and reads FILE:LINE:COL: text. *out belongs to the caller. */
RF_MUST_USE int rf_policy_config_load(const char *path, unsigned flags,
                                      struct rf_policy_config **out, struct rf_err *err);
RF_MUST_USE int rf_policy_config_parse(const char *name, struct rf_slice text, unsigned flags,
                                       struct rf_policy_config **out, struct rf_err *err);
/* The keys at the top. */
extern const struct rf_yaml_table rf_policy_config_table;
void rf_policy_config_free(struct rf_policy_config *c);
void rf_policy_config_freep(struct rf_policy_config **c);

#endif
