/* SPDX-License-Identifier: Apache-2.0 */
/* The section `retain` of the policy file. */
#include "base/mem.h"
#include "base/text.h"
#include "policy/retain.h"

static void rule_release(struct rf_retain_rule *r)
{
    free(r->name);
    rf_yaml_list_release(&r->repositories);
    rf_yaml_list_release(&r->tags);
    rf_yaml_list_release(&r->labels);
    rf_yaml_list_release(&r->annotations);
    rf_tag_filter_free(r->repository_filter);
    rf_tag_filter_free(r->tag_filter);
}

void rf_retain_release(struct rf_retain *r)
{
    for (size_t i = 0; i < r->n_rules; i++)
        rule_release(&r->rules[i]);
    free(r->rules);
    rf_yaml_list_release(&r->protect);
    rf_tag_filter_free(r->protect_filter);
    *r = (struct rf_retain){ 0 };
}

/* A list of regular expressions, each tried out. An empty one is refused: it would say something else than a missing one, or nothing at all. */
static int set_patterns(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                        void *field, struct rf_err *err)
{
    int rc = rf_yaml_set_list(r, value, field, err);
    if (rc < 0)
        return rc;
    const struct rf_yaml_list *list = field;
    if (list->n == 0)
        return rf_yaml_fail(r->doc, value, err, "%s: an empty list; leave the key out", r->key);
    if (list->n > RF_TAG_FILTER_PATTERNS_MAX)
        return rf_yaml_fail(r->doc, value, err, "%s: more than %d patterns", r->key,
                            RF_TAG_FILTER_PATTERNS_MAX);
    for (size_t i = 0; i < list->n; i++) {
        struct rf_err cause = RF_ERR_INIT;
        if (rf_tag_filter_check(list->items[i], &cause) < 0)
            return rf_yaml_fail(r->doc, value->items[i], err, "%s: %s", r->key, cause.msg);
    }
    return 0;
}

static int set_pairs(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                     struct rf_err *err)
{
    if (value->kind != RF_YAML_MAP || value->n == 0)
        return rf_yaml_fail(r->doc, value, err, "%s: a map of names and values is wanted", r->key);
    return rf_yaml_set_pairs(r, value, field, err);
}

/* 0 would read as "keep none", and keepNone says that. */
static int set_last(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                    struct rf_err *err)
{
    int64_t n = 0;
    int rc = rf_yaml_i64(r->doc, value, r->key, 1, 1000000, &n, err);
    if (rc == 0)
        *(unsigned *)field = (unsigned)n;
    return rc;
}

static int set_age(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                   struct rf_err *err)
{
    int rc = rf_yaml_set_duration(r, value, field, err);
    if (rc == 0 && *(uint64_t *)field == 0)
        return rf_yaml_fail(r->doc, value, err, "%s: no time at all; leave the key out", r->key);
    return rc;
}

static const struct rf_yaml_field rule_fields[] = {
    { "name", rf_yaml_set_string, offsetof(struct rf_retain_rule, name), NULL },
    { "repositories", set_patterns, offsetof(struct rf_retain_rule, repositories), NULL },
    { "keepSemver", set_last, offsetof(struct rf_retain_rule, keep_semver), NULL },
    { "keepNewest", set_last, offsetof(struct rf_retain_rule, keep_newest), NULL },
    { "newerThan", set_age, offsetof(struct rf_retain_rule, newer_than_ns), NULL },
    { "tags", set_patterns, offsetof(struct rf_retain_rule, tags), NULL },
    { "labels", set_pairs, offsetof(struct rf_retain_rule, labels), NULL },
    { "annotations", set_pairs, offsetof(struct rf_retain_rule, annotations), NULL },
    { "keepNone", rf_yaml_set_tri, offsetof(struct rf_retain_rule, keep_none), NULL },
};

static int check_rule(const struct rf_yaml_reader *r, const struct rf_yaml_node *node,
                      const char *path, struct rf_retain_rule *rule, struct rf_err *err)
{
    bool says = rule->keep_semver > 0 || rule->keep_newest > 0 || rule->newer_than_ns > 0 ||
                rule->tags.n > 0 || rule->labels.n > 0 || rule->annotations.n > 0;
    bool none = rule->keep_none == RF_TRI_YES;
    if (!says && !none)
        return rf_yaml_fail(
            r->doc, node, err,
            "%s: it says nothing of what to keep; to keep nothing that is no longer selected, write keepNone: true",
            path);
    if (says && none)
        return rf_yaml_fail(r->doc, node, err, "%s.keepNone: the rule keeps something", path);
    int rc = rf_tag_filter_new(rule->repositories.items, rule->repositories.n, NULL, 0,
                               &rule->repository_filter, err);
    if (rc == 0 && rule->tags.n > 0)
        rc = rf_tag_filter_new(rule->tags.items, rule->tags.n, NULL, 0, &rule->tag_filter, err);
    return rc;
}

/* Takes the section. */
static int set_rules(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                     struct rf_err *err)
{
    struct rf_retain *s = field;
    if (value->kind != RF_YAML_LIST)
        return rf_yaml_fail(r->doc, value, err, "%s: a list is wanted", r->key);
    if (value->n > RF_RETAIN_RULES_MAX)
        return rf_yaml_fail(r->doc, value, err, "%s: more than %d rules", r->key,
                            RF_RETAIN_RULES_MAX);
    s->rules = rf_xcalloc((size_t)value->n + 1, sizeof(*s->rules));
    for (uint32_t i = 0; i < value->n; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "%s[%u]", r->key, i);
        struct rf_retain_rule *rule = &s->rules[s->n_rules++];
        rule->line = value->items[i]->line;
        rule->column = value->items[i]->column;
        int rc = rf_yaml_read_map(r, value->items[i], path, rule_fields, RF_ARRAY_LEN(rule_fields),
                                  rule, err);
        if (rc == 0)
            rc = check_rule(r, value->items[i], path, rule, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Takes the section. A number of images, or so many of a hundred. */
static int set_max(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                   struct rf_err *err)
{
    struct rf_retain *s = field;
    const char *text = "";
    int rc = rf_yaml_text(r->doc, value, r->key, &text, err);
    if (rc < 0)
        return rc;
    size_t len = strlen(text);
    s->max_is_percent = len > 0 && text[len - 1] == '%';
    s->has_max = true;
    if (rf_parse_u64(rf_slice_of(text, len - s->max_is_percent),
                     s->max_is_percent ? 100 : 100000000, &s->max_delete, NULL) < 0)
        return rf_yaml_fail(r->doc, value, err,
                            "%s: %s is neither a number of images nor a percentage such as 10%%",
                            r->key, text);
    return 0;
}

/* Takes the section. */
static int set_grace(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                     struct rf_err *err)
{
    struct rf_retain *s = field;
    s->has_grace = true;
    return rf_yaml_set_duration(r, value, &s->grace_ns, err);
}

static const struct rf_yaml_field retain_fields[] = {
    { "rules", set_rules, 0, NULL },
    { "protect", set_patterns, offsetof(struct rf_retain, protect), NULL },
    { "graceTime", set_grace, 0, NULL },
    { "maxDelete", set_max, 0, NULL },
};

static const struct rf_yaml_table tables[] = {
    { "retain", retain_fields, RF_ARRAY_LEN(retain_fields) },
    { "retainRule", rule_fields, RF_ARRAY_LEN(rule_fields) },
};

const struct rf_yaml_table *rf_retain_tables(size_t *n)
{
    *n = RF_ARRAY_LEN(tables);
    return tables;
}

int rf_retain_set(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                  struct rf_err *err)
{
    struct rf_retain *s = field;
    struct rf_yaml_reader strict = *r; /* a slip here could delete what was to stay */
    strict.strict = true;
    rf_retain_release(s);
    int rc = rf_yaml_read_map(&strict, value, r->key, retain_fields, RF_ARRAY_LEN(retain_fields), s,
                              err);
    if (rc == 0 && s->protect.n > 0)
        rc = rf_tag_filter_new(s->protect.items, s->protect.n, NULL, 0, &s->protect_filter, err);
    s->read = rc == 0;
    return rc;
}

static void put_list(struct rf_buf *out, const char *key, const struct rf_yaml_list *l, bool pairs)
{
    if (l->n == 0)
        return;
    rf_buf_addf(out, " %s [", key);
    for (size_t i = 0; i < l->n; i += pairs ? 2 : 1) {
        rf_buf_add_str(out, i > 0 ? ", " : "");
        rf_text_quote(out, rf_slice_str(l->items[i]));
        if (pairs && l->items[i + 1][0] != '\0') {
            rf_buf_add_char(out, '=');
            rf_text_quote(out, rf_slice_str(l->items[i + 1]));
        }
    }
    rf_buf_add_char(out, ']');
}

void rf_retain_rule_text(const struct rf_retain_rule *rule, struct rf_buf *out)
{
    size_t start = out->len;
    if (rule->name != NULL) {
        rf_buf_add_str(out, " name ");
        rf_text_quote(out, rf_slice_str(rule->name));
    }
    put_list(out, "repositories", &rule->repositories, false);
    if (rule->keep_semver > 0)
        rf_buf_addf(out, " keepSemver %u", rule->keep_semver);
    if (rule->keep_newest > 0)
        rf_buf_addf(out, " keepNewest %u", rule->keep_newest);
    if (rule->newer_than_ns > 0)
        rf_buf_addf(out, " newerThan %llus",
                    (unsigned long long)(rule->newer_than_ns / 1000000000u));
    put_list(out, "tags", &rule->tags, false);
    put_list(out, "labels", &rule->labels, true);
    put_list(out, "annotations", &rule->annotations, true);
    if (rule->keep_none == RF_TRI_YES)
        rf_buf_add_str(out, " keepNone");
    if (out->len > start) { /* without the first blank */
        memmove(out->ptr + start, out->ptr + start + 1, out->len - start);
        out->len--;
    }
}
