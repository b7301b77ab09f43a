/* SPDX-License-Identifier: Apache-2.0 */
#include "export/rules.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

#define SHOWN_MAX 600

struct rf_rule_entry {
    uint32_t by, how, of_repository, of_name, verdict; /* in texts; RF_NO_ID: not said */
    uint32_t line;
};

void rf_rules_init(struct rf_rules *r)
{
    memset(r, 0, sizeof(*r));
    rf_strings_init(&r->texts);
}

void rf_rules_release(struct rf_rules *r)
{
    rf_strings_release(&r->texts);
    free(r->list);
    rf_freep(&r->file);
    r->list = NULL;
    r->n = r->cap = 0;
}

static uint32_t text_id(struct rf_rules *r, const char *text)
{
    return text != NULL ? rf_strings_add(&r->texts, rf_slice_str(text)) : RF_NO_ID;
}

static const char *text_of(const struct rf_rules *r, uint32_t id)
{
    return id != RF_NO_ID ? rf_strings_get(&r->texts, id) : NULL;
}

uint32_t rf_rules_add(struct rf_rules *r, const struct rf_rule *rule)
{
    struct rf_rule_entry e = { .line = rule->line };
    e.by = text_id(r, rule->by);
    e.how = text_id(r, rule->how);
    e.of_repository = text_id(r, rule->of_repository);
    e.of_name = text_id(r, rule->of_name);
    e.verdict = text_id(r, rule->verdict);
    if (r->n > 0 && memcmp(&r->list[r->n - 1], &e, sizeof(e)) == 0)
        return (uint32_t)r->n;
    r->list = rf_grow(r->list, r->n, &r->cap, sizeof(*r->list));
    r->list[r->n++] = e;
    return (uint32_t)r->n;
}

bool rf_rules_get(const struct rf_rules *r, uint32_t number, struct rf_rule *out)
{
    if (number == 0 || number > r->n)
        return false;
    const struct rf_rule_entry *e = &r->list[number - 1];
    *out = (struct rf_rule){ .by = text_of(r, e->by),
                             .line = e->line,
                             .how = text_of(r, e->how),
                             .of_repository = text_of(r, e->of_repository),
                             .of_name = text_of(r, e->of_name),
                             .verdict = text_of(r, e->verdict) };
    return true;
}

/* ---- as texts ---- */

/* No tag has a colon, every digest has one. */
static void add_of(const struct rf_rule *rule, struct rf_buf *out)
{
    const char *name = rule->of_name != NULL ? rule->of_name : "";
    rf_buf_add_str(out, rule->of_repository);
    if (name[0] != '\0')
        rf_buf_addf(out, "%s%s", strchr(name, ':') != NULL ? "@" : ":", name);
}

void rf_rule_text(const struct rf_rule *rule, const char *file, struct rf_buf *out)
{
    const char *between = "";
    if (rule->by != NULL) {
        rf_text_safe(out, rf_slice_str(rule->by), SHOWN_MAX);
        if (rule->line > 0 && file != NULL) {
            rf_buf_add_str(out, " (");
            rf_text_safe(out, rf_slice_str(file), SHOWN_MAX);
            rf_buf_addf(out, ":%u)", rule->line);
        }
        between = ", ";
    }
    if (rule->how != NULL) {
        rf_buf_add_str(out, between);
        rf_text_safe(out, rf_slice_str(rule->how), SHOWN_MAX);
        between = ", ";
    }
    if (rule->of_repository != NULL) {
        rf_buf_add_str(out, rule->how != NULL ? " of " : between);
        add_of(rule, out);
        between = ", ";
    }
    if (rule->verdict != NULL) {
        rf_buf_add_str(out, between);
        rf_text_safe(out, rf_slice_str(rule->verdict), 1024);
    }
}

char *rf_rules_where(const struct rf_rules *r, uint32_t number)
{
    struct rf_buf out;
    struct rf_rule rule;
    rf_buf_init(&out, 0);
    if (rf_rules_get(r, number, &rule) && rule.line > 0 && r->file != NULL) {
        const struct rf_rule place = { .by = rule.by, .line = rule.line };
        rf_buf_add_str(&out, " by ");
        rf_rule_text(&place, r->file, &out);
    }
    return rf_buf_take(&out, NULL);
}

void rf_rule_json(const struct rf_rule *rule, struct rf_buf *out)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf of;
    rf_buf_init(&of, 0);
    if (rule->of_repository != NULL)
        add_of(rule, &of);
    const char *const keys[] = { "by", "how", "of", "verdict" };
    const char *const values[] = { rule->by, rule->how, of.len > 0 ? of.ptr : NULL, rule->verdict };
    const char *between = "";
    rf_buf_add_char(out, '{');
    for (size_t i = 0; i < RF_ARRAY_LEN(keys); i++) {
        if (values[i] == NULL)
            continue;
        rf_buf_addf(out, "%s\"%s\":", between, keys[i]);
        rf_json_add_string(out, values[i]);
        if (i == 0 && rule->line > 0)
            rf_buf_addf(out, ",\"line\":%u", rule->line);
        between = ",";
    }
    rf_buf_add_char(out, '}');
}
