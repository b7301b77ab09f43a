/* SPDX-License-Identifier: Apache-2.0 */
/* The section `policy` of the policy file: a script in Lua, whose functions judge images (policy/verdict.h). */
#ifndef RF_POLICY_POLICY_SECTION_H
#define RF_POLICY_POLICY_SECTION_H

#include "policy/yaml.h"

#define RF_POLICY_TIMEOUT_MAX_NS (3600u * UINT64_C(1000000000))
#define RF_POLICY_MEMORY_MAX_MIB 4096

struct rf_policy_section {
    char *text; /* `script`, or NULL */
    char *file; /* `file`, as written, or NULL */
    char *
        place; /* of the policy file: its path, for messages and for what `file` is relative to; NULL: there is no such section */
    uint32_t lines;      /* of the policy file that stand before the first line of `text` */
    uint64_t timeout_ns; /* 0: unset */
    int64_t memory_mib;  /* 0: unset */
};
void rf_policy_section_release(struct rf_policy_section *s);
rf_yaml_setter rf_policy_section_set; /* for a field of struct rf_policy_section */
/* The keys of it. */
extern const struct rf_yaml_table rf_policy_section_table;

/* There is a script. */
static inline bool rf_policy_section_is_set(const struct rf_policy_section *s)
{
    return s->text != NULL || s->file != NULL;
}

#endif
