/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tags (or repositories) a step takes: sets of rules, any of which may take a name. In one set each rule narrows: semverRange, then allow,
 * then deny. Patterns are those of policy/tag_filter.h.
 */
#ifndef RF_POLICY_NAME_RULES_H
#define RF_POLICY_NAME_RULES_H

#include "policy/tag_filter.h"
#include "policy/yaml.h"

/* `tags`, an element of `tagSets`, `repos`: as written. */
struct rf_name_rules {
    struct rf_yaml_list allow, deny;
    struct rf_yaml_list semver; /* semverRange; never for repos */
};
void rf_name_rules_release(struct rf_name_rules *r);
bool rf_name_rules_is_empty(const struct rf_name_rules *r);

/* The rules made ready. */
struct rf_name_filter;
/*
 * `first` (may be NULL) counts beside the sets when it has any rule, or when there are no sets. Without any rule everything is taken. -RFE_CONFIG.
 * *out belongs to the caller.
 */
RF_MUST_USE int rf_name_filter_new(const struct rf_name_rules *first,
                                   const struct rf_name_rules *sets, size_t n_sets,
                                   struct rf_name_filter **out, struct rf_err *err);
void rf_name_filter_free(struct rf_name_filter *f);
void rf_name_filter_freep(struct rf_name_filter **f);
/* Takes everything, so that nobody needs to ask. */
bool rf_name_filter_is_empty(const struct rf_name_filter *f);
/* 1 = taken, 0 = not. -RFE_CONFIG as rf_tag_filter_match. Any thread. */
RF_MUST_USE int rf_name_filter_match(const struct rf_name_filter *f, const char *name,
                                     struct rf_err *err);
/* The number of the first set that takes it, counted from 0 in the order above; -RFE_NOT_FOUND: none. Without any set 0. Any thread. */
RF_MUST_USE int rf_name_filter_which(const struct rf_name_filter *f, const char *name,
                                     struct rf_err *err);
/*
 * Keeps the names that are taken at the front of `names` and frees the others: those of the first set in their order, then what the next set
 * adds, and so on; no name twice. Tells as rf_tag_filter_apply does of patterns that upstream reads otherwise. On failure all names are still there.
 */
RF_MUST_USE int rf_name_filter_apply(const struct rf_name_filter *f, char **names, size_t *n,
                                     struct rf_err *err);
/* The rules as a text, one a line: another text, another choice. "" when everything is taken. */
const char *rf_name_filter_text(const struct rf_name_filter *f);

#endif
