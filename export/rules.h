/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why each image of a plan is in it, or is not any more: a table of rules, numbered from 1; a line says which one decided by its number (rf_image.rule). No
 * bundle says any of this. Texts are kept once, and lines that follow each other by the same rule share it.
 *
 *     im->rule = rf_rules_add(&rules, &(struct rf_rule){ .by = "sync[1]", .line = 12, .how = "every tag" });
 *     rf_rules_get(&rules, im->rule, &rule)
 */
#ifndef RF_EXPORT_RULES_H
#define RF_EXPORT_RULES_H

#include "base/idmap.h"

/* NULL, 0: not said. Texts are the caller's; out of rf_rules_get the table's, until its release. */
struct rf_rule {
    const char *by;  /* "sync[1]", "command line", "request FILE", "--again" */
    uint32_t line;   /* where that stands in the policy file */
    const char *how; /* "named", "every tag", "tags: allow v1.*", "referrer" */
    const char *of_repository,
        *of_name;        /* what it goes with: a line's repository, and its tag, or its digest */
    const char *verdict; /* what carry() or the retain rules say beside it */
};

struct rf_rules {
    char *file; /* the policy file, which lines are of; or NULL */
    struct rf_strings texts;
    struct rf_rule_entry *list;
    size_t n, cap;
};
void rf_rules_init(struct rf_rules *r);
void rf_rules_release(struct rf_rules *r);
/* The number of the rule. */
uint32_t rf_rules_add(struct rf_rules *r, const struct rf_rule *rule);
/* False for 0 and numbers that were never given. */
bool rf_rules_get(const struct rf_rules *r, uint32_t number, struct rf_rule *out);

/* "sync[1] (ferry.yml:12), tags: allow v1.*"; file may be NULL. Appended, escaped. */
void rf_rule_text(const struct rf_rule *rule, const char *file, struct rf_buf *out);
/* " by sync[1] (ferry.yml:12)", for a message; "" when the rule stands in no file. The caller frees. */
char *rf_rules_where(const struct rf_rules *r, uint32_t number);
/* {"by":"sync[1]","line":12,"how":"tags: allow v1.*"}. Appended. */
void rf_rule_json(const struct rf_rule *rule, struct rf_buf *out);

#endif
