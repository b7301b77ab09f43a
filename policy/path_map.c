/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/path_map.h"

#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/mem.h"
#include "base/text.h"
#include "manifests/reference.h"
#include "policy/tag_filter.h"

/* As for the other patterns of a policy file (policy/tag_filter.c). */
#define MATCH_LIMIT 200000
#define DEPTH_LIMIT 10000
#define HEAP_LIMIT_KIB 8192
#define OUTPUT_MAX 4096
#define DEPTH_MAX 100

static void rule_release(struct rf_path_rule *rule)
{
    free(rule->from);
    free(rule->to);
    pcre2_code_free(rule->code);
}

static void release_rules(struct rf_path_map *m)
{
    for (size_t i = 0; i < m->n; i++)
        rule_release(&m->rules[i]);
    free(m->rules);
    m->rules = NULL;
    m->n = 0;
}

void rf_path_map_release(struct rf_path_map *m)
{
    release_rules(m);
    *m = (struct rf_path_map){ 0 };
}

/* ---- what `to` says ---- */

/* A part of `to`: a text, or the number of a group. */
struct piece {
    struct rf_slice text;
    uint32_t group;
    bool is_group;
};

/* $N or ${N} at *at, behind the "$". */
static bool read_group(const char **at, uint32_t *group)
{
    const char *p = *at;
    bool braces = *p == '{';
    uint64_t n = 0;
    p += braces;
    size_t digits = strspn(p, "0123456789");
    if (!braces && digits > 1)
        digits = 1; /* $12 is $1 and a 2; ${12} is the twelfth */
    if (rf_parse_u64(rf_slice_of(p, digits), 99, &n, NULL) < 0)
        return false;
    p += digits;
    if (braces && *p != '}')
        return false;
    *at = p + braces;
    *group = (uint32_t)n;
    return true;
}

/* 1: *out is the next piece; 0: the end; -1: neither a text that a name can have nor a group. */
static int next_piece(const char **at, struct piece *out)
{
    size_t n = strspn(*at, "abcdefghijklmnopqrstuvwxyz0123456789._-/");
    if (**at == '\0')
        return 0;
    *out = (struct piece){ .text = rf_slice_of(*at, n) };
    *at += n;
    if (n > 0)
        return 1;
    if (**at != '$')
        return -1;
    ++*at;
    out->is_group = true;
    return read_group(at, &out->group) ? 1 : -1;
}

/* ---- reading ---- */

static int set_from(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                    struct rf_err *err)
{
    struct rf_err cause = RF_ERR_INIT;
    int rc = rf_yaml_set_string(r, value, field, err);
    if (rc == 0 && rf_tag_filter_check(*(char **)field, &cause) < 0)
        return rf_yaml_fail(r->doc, value, err, "%s: %s", r->key, cause.msg);
    return rc;
}

static int set_to(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                  struct rf_err *err)
{
    char **to = field;
    struct piece piece;
    int rc = rf_yaml_set_string(r, value, to, err);
    if (rc < 0)
        return rc;
    const char *at = *to;
    int more = (*to)[0] == '\0' ? -1 : 1;
    while (more > 0)
        more = next_piece(&at, &piece);
    if (more == 0)
        return 0;
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(*to), 200);
    return rf_yaml_fail(
        r->doc, value, err,
        "%s: \"%s\" is no name of a repository; small letters, digits, / . _ - and $1 to $9 (or ${12}) for what groups matched are wanted",
        r->key, shown);
}

static const struct rf_yaml_field rule_fields[] = {
    { "from", set_from, offsetof(struct rf_path_rule, from), NULL },
    { "to", set_to, offsetof(struct rf_path_rule, to), NULL },
};
const struct rf_yaml_table rf_path_rule_table = { "pathRule", rule_fields,
                                                  RF_ARRAY_LEN(rule_fields) };

static int compile(struct rf_path_rule *rule)
{
    int code;
    PCRE2_SIZE offset;
    uint32_t options = PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF |
                       PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C;
    rule->code =
        pcre2_compile((PCRE2_SPTR)rule->from, PCRE2_ZERO_TERMINATED, options, &code, &offset, NULL);
    return rule->code != NULL ? 0 : -1;
}

/* Every group that `to` names has to be there. */
static int check_groups(const struct rf_yaml_reader *r, const struct rf_yaml_node *node,
                        const char *path, const struct rf_path_rule *rule, struct rf_err *err)
{
    uint32_t groups = 0;
    struct piece piece;
    (void)pcre2_pattern_info(rule->code, PCRE2_INFO_CAPTURECOUNT, &groups);
    for (const char *at = rule->to; next_piece(&at, &piece) > 0;)
        if (piece.is_group && piece.group > groups)
            return rf_yaml_fail(r->doc, node, err, "%s.to: $%u, but the pattern has %u groups",
                                path, piece.group, groups);
    return 0;
}

static int read_rule(const struct rf_yaml_reader *r, const struct rf_yaml_node *node,
                     const char *path, struct rf_path_rule *rule, struct rf_err *err)
{
    int rc = rf_yaml_read_map(r, node, path, rule_fields, RF_ARRAY_LEN(rule_fields), rule, err);
    if (rc < 0)
        return rc;
    if (rule->from == NULL || rule->to == NULL)
        return rf_yaml_fail(r->doc, node, err, "%s.%s is missing", path,
                            rule->from == NULL ? "from" : "to");
    if (compile(rule) < 0) /* it was tried out before */
        return rf_yaml_fail(r->doc, node, err, "%s.from: no memory for patterns", path);
    return check_groups(r, node, path, rule, err);
}

int rf_path_map_set(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                    struct rf_err *err)
{
    struct rf_path_map *m = field;
    if (value->kind != RF_YAML_LIST)
        return rf_yaml_fail(r->doc, value, err, "%s: a list of rules with from and to is wanted",
                            r->key);
    if (value->n == 0)
        return rf_yaml_fail(r->doc, value, err, "%s: an empty list; leave the key out", r->key);
    if (value->n > RF_PATH_RULES_MAX)
        return rf_yaml_fail(r->doc, value, err, "%s: more than %d rules", r->key,
                            RF_PATH_RULES_MAX);
    release_rules(m);
    m->rules = rf_xcalloc(value->n, sizeof(*m->rules));
    for (uint32_t i = 0; i < value->n; i++) {
        RF_CLEANUP(rf_freep) char *path = rf_xasprintf("%s[%u]", r->key, i);
        int rc = read_rule(r, value->items[i], path, &m->rules[m->n++], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int rf_path_map_set_depth(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                          void *field, struct rf_err *err)
{
    int64_t n = 0;
    int rc = rf_yaml_i64(r->doc, value, r->key, 1, DEPTH_MAX, &n, err);
    if (rc == 0)
        *(unsigned *)field = (unsigned)n;
    return rc;
}

/* ---- names ---- */

static void expand(const struct rf_path_rule *rule, const char *path, pcre2_match_data *found,
                   struct rf_buf *out)
{
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(found);
    uint32_t n = pcre2_get_ovector_count(found);
    struct piece p;
    for (const char *at = rule->to; next_piece(&at, &p) > 0;) {
        size_t begin = 2 * (size_t)p.group;
        if (!p.is_group)
            rf_buf_add(out, p.text.ptr, p.text.len);
        else if (p.group < n && ends[begin] != PCRE2_UNSET)
            rf_buf_add(out, path + ends[begin], ends[begin + 1] - ends[begin]);
    }
}

/* 1: the rule is for this name, and *out has what it makes of it. */
static int try_rule(const struct rf_path_rule *rule, const char *path, struct rf_buf *out,
                    struct rf_err *err)
{
    pcre2_match_data *found = pcre2_match_data_create_from_pattern(rule->code, NULL);
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    int rc = PCRE2_ERROR_NOMEMORY;
    if (found != NULL && limits != NULL) {
        pcre2_set_match_limit(limits, MATCH_LIMIT);
        pcre2_set_depth_limit(limits, DEPTH_LIMIT);
        pcre2_set_heap_limit(limits, HEAP_LIMIT_KIB);
        rc = pcre2_match(rule->code, (PCRE2_SPTR)path, strlen(path), 0, 0, found, limits);
    }
    if (rc >= 0)
        expand(rule, path, found, out);
    pcre2_match_data_free(found);
    pcre2_match_context_free(limits);
    if (rc >= 0 || rc == PCRE2_ERROR_NOMATCH)
        return rc >= 0;
    PCRE2_UCHAR why[128] = { 0 };
    (void)pcre2_get_error_message(rc, why, sizeof(why));
    RF_CLEANUP(rf_freep) char *from = rf_text_safe_dup(rf_slice_str(rule->from), 200);
    return rf_fail(err, RFE_CONFIG, "paths: pattern \"%s\" on \"%s\": %s", from, path, (char *)why);
}

static void flatten(char *path, unsigned max_depth)
{
    unsigned depth = 1;
    for (char *c = path; max_depth > 0 && *c != '\0'; c++)
        if (*c == '/' && ++depth > max_depth)
            *c = '-';
}

static int invalid(const struct rf_path_rule *rule, const char *path, const char *made,
                   struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(made), 300);
    RF_CLEANUP(rf_freep) char *from = rf_text_safe_dup(rf_slice_str(rule->from), 200);
    return rf_fail(
        err, RFE_INVALID,
        "the paths rule {from: \"%s\", to: \"%s\"} makes \"%s\" of \"%s\", which is not the name of a repository",
        from, rule->to, shown, path);
}

int rf_path_map_apply(const struct rf_path_map *m, const char *path, char **out, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf made;
    const struct rf_path_rule *hit = NULL;
    rf_buf_init(&made, OUTPUT_MAX);
    for (size_t i = 0; m != NULL && i < m->n && hit == NULL; i++) {
        int rc = try_rule(&m->rules[i], path, &made, err);
        if (rc < 0)
            return rc;
        hit = rc > 0 ? &m->rules[i] : NULL;
    }
    RF_CLEANUP(rf_freep) char *name = rf_xstrdup(hit != NULL ? made.ptr : path);
    if (hit != NULL && (made.rc < 0 || !rf_repository_valid(rf_slice_str(name))))
        return invalid(hit, path, name, err);
    if (m != NULL)
        flatten(name, m->max_depth);
    *out = RF_STEAL(name);
    return 0;
}

void rf_path_map_text(const struct rf_path_map *m, struct rf_buf *out)
{
    for (size_t i = 0; i < m->n; i++)
        rf_buf_addf(out, "path %zu %s\n%s\n", strlen(m->rules[i].from), m->rules[i].from,
                    m->rules[i].to);
    if (m->max_depth > 0)
        rf_buf_addf(out, "maxDepth %u\n", m->max_depth);
}
