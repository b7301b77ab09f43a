/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of repositories on the far side made from others: `paths` and `maxDepth` of a site (docs/policy.md, "sites"). The first rule whose pattern is the
 * whole name says the new one; then parts behind the last one that is allowed are joined to it by "-".
 *
 *     paths: [{from: "library/(.*)", to: "base/$1"}]     library/alpine becomes base/alpine
 *     maxDepth: 2                                        a/b/c becomes a/b-c
 */
#ifndef RF_POLICY_PATH_MAP_H
#define RF_POLICY_PATH_MAP_H

#include "base/buf.h"
#include "policy/yaml.h"

#define RF_PATH_RULES_MAX 1000

struct rf_path_rule {
    char *from, *to;
    void *code; /* `from`, compiled */
};
struct rf_path_map {
    struct rf_path_rule *rules;
    size_t n;
    unsigned max_depth; /* 0: any */
};
void rf_path_map_release(struct rf_path_map *m);
rf_yaml_setter rf_path_map_set;       /* `paths`, for a field of struct rf_path_map */
rf_yaml_setter rf_path_map_set_depth; /* `maxDepth`, for its max_depth */
extern const struct rf_yaml_table rf_path_rule_table;

static inline bool rf_path_map_is_empty(const struct rf_path_map *m)
{
    return m->n == 0 && m->max_depth == 0;
}
/*
 * The name on the far side of a repository that would be called `path` there. m may be NULL. -RFE_INVALID: what the rule makes of it is not the name of a repository;
 * -RFE_CONFIG: a pattern that cannot be run on it. The caller frees *out. Any thread.
 */
RF_MUST_USE int rf_path_map_apply(const struct rf_path_map *m, const char *path, char **out,
                                  struct rf_err *err);
/* All of it as a text, one rule a line: another text, other names. Appended. */
void rf_path_map_text(const struct rf_path_map *m, struct rf_buf *out);

#endif
