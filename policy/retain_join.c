/* SPDX-License-Identifier: Apache-2.0 */
/* Two sections `retain` made one. */
#include "base/mem.h"
#include "policy/retain.h"

static void move_rules(struct rf_retain *r, struct rf_retain *more, const char *whose)
{
    r->rules = rf_xreallocarray(r->rules, r->n_rules + more->n_rules + 1, sizeof(*r->rules));
    for (size_t i = 0; i < more->n_rules; i++) {
        struct rf_retain_rule *rule = &more->rules[i];
        if (rule->name == NULL)
            rule->name = rf_xasprintf("%s.rules[%zu]", whose, i);
        r->rules[r->n_rules++] = *rule;
    }
    more->n_rules = 0;
}

static int move_protect(struct rf_retain *r, struct rf_retain *more, struct rf_err *err)
{
    struct rf_yaml_list *to = &r->protect, *from = &more->protect;
    if (from->n == 0)
        return 0;
    to->items = rf_xreallocarray(to->items, to->n + from->n, sizeof(*to->items));
    memcpy(to->items + to->n, from->items, from->n * sizeof(*to->items));
    to->n += from->n;
    from->n = 0;
    rf_tag_filter_freep(&r->protect_filter);
    int rc = rf_tag_filter_new(to->items, to->n, NULL, 0, &r->protect_filter, err);
    return rc < 0 ? rf_wrap(err, rc, "retain.protect") : 0;
}

int rf_retain_join(struct rf_retain *r, struct rf_retain *more, const char *whose,
                   struct rf_err *err)
{
    int rc = 0;
    if (r->n_rules + more->n_rules > RF_RETAIN_RULES_MAX)
        rc = rf_fail(err, RFE_CONFIG, "retain.rules: more than %d rules", RF_RETAIN_RULES_MAX);
    if (rc == 0 && more->n_rules > 0)
        move_rules(r, more, whose);
    if (rc == 0)
        rc = move_protect(r, more, err);
    if (more->has_grace) {
        r->has_grace = true;
        r->grace_ns = more->grace_ns;
    }
    if (more->has_max) {
        r->has_max = true;
        r->max_is_percent = more->max_is_percent;
        r->max_delete = more->max_delete;
    }
    r->read = r->read || more->read;
    rf_retain_release(more);
    return rc;
}
