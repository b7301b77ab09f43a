/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The section `sites` of the policy file: one file for many far sides (docs/policy.md). A site has a name, perhaps the place where bundles go there, what
 * of the steps it gets and under which names, and what it says of its own beside `bundle` and `retain`. policy/config_site.h applies all of it.
 */
#ifndef RF_POLICY_SITES_H
#define RF_POLICY_SITES_H

#include "policy/bundle_options.h"
#include "policy/path_map.h"
#include "policy/retain.h"
#include "policy/step.h"

#define RF_SITES_MAX 10000

struct rf_site {
    char *name;
    char *to;                      /* what regimport takes for --to, or NULL */
    struct rf_yaml_list sources;   /* patterns of the steps' `source`; none: every step */
    struct rf_yaml_list platforms; /* over what steps say; none: as they say */
    enum rf_tri referrers, digest_tags;
    struct rf_path_map paths;        /* names of its repositories */
    struct rf_bundle_options bundle; /* over the section of that name */
    struct rf_retain retain;         /* beside the section of that name */
    struct rf_tag_filter *filter;    /* of sources */
};
struct rf_sites {
    struct rf_site *list;
    size_t n;
};
void rf_site_release(struct rf_site *s);
void rf_sites_release(struct rf_sites *s);
rf_yaml_setter rf_sites_set; /* for a field of struct rf_sites */
extern const struct rf_yaml_table rf_sites_table;

/* Without any site in the file *out is NULL: then every name will do. -RFE_CONFIG names those that there are. */
RF_MUST_USE int rf_sites_find(const struct rf_sites *s, const char *name,
                              const struct rf_site **out, struct rf_err *err);
/* Leaves the steps that the site gets, at the front, as it gets them; releases the others. site may be NULL. */
RF_MUST_USE int rf_site_apply(const struct rf_site *site, struct rf_step *steps, size_t *n,
                              struct rf_err *err);

#endif
