/* SPDX-License-Identifier: Apache-2.0 */
/* The policy file: YAML, then the whole reader, strict and lenient, and all patterns and templates in it. */
#include "policy/config.h"

#include "base/log.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Counts nodes as the budget does, and looks at every position. */
static uint64_t walk(const struct rf_yaml_node *n, unsigned depth)
{
    uint64_t nodes = 1;
    RF_CHECK(depth <= RF_YAML_DEPTH_MAX && n->line > 0 && n->column > 0);
    for (uint32_t i = 0; n->kind != RF_YAML_SCALAR && i < n->n; i++) {
        if (n->kind == RF_YAML_MAP)
            RF_CHECK(rf_yaml_key(n, i)->kind == RF_YAML_SCALAR);
        nodes += n->kind == RF_YAML_LIST ? walk(n->items[i], depth + 1)
                                         : 1 + walk(rf_yaml_value(n, i), depth + 1);
    }
    return nodes;
}

static void read_config(struct rf_slice text, unsigned flags)
{
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = NULL;
    int rc = rf_policy_config_parse("f", text, flags, &c, &err);
    RF_CHECK(rc == 0 || (rc == -RFE_CONFIG && strncmp(err.msg, "f:", 2) == 0));
    for (size_t i = 0; rc == 0 && i < c->n_steps && i < 4; i++) {
        struct rf_step *s = &c->steps[i];
        int taken = rf_name_filter_match(s->tag_names, "v1.2.3-rc1-alpine", &err);
        RF_CHECK(taken == 0 || taken == 1 || taken == -RFE_CONFIG);
        (void)(rf_name_filter_match(s->repo_names, "team/app", &err) < 0);
        RF_CHECK(!(flags & RF_POLICY_STRICT) || (s->source != NULL && s->type != RF_STEP_UNKNOWN));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rf_slice text = rf_slice_of(data, size);
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_yaml_freep) struct rf_yaml *y = NULL;
    (void)(rf_log_set_level("error", &err) < 0); /* misspelt keys and files are warned of */
    if (rf_yaml_parse("f", text, &y, &err) < 0) {
        RF_CHECK(err.code == RFE_CONFIG && strncmp(err.msg, "f:", 2) == 0);
        return 0;
    }
    RF_CHECK(walk(rf_yaml_root(y), 0) <= RF_YAML_NODES_MAX);
    read_config(text, RF_POLICY_STRICT);
    read_config(text, 0);
    return 0;
}
