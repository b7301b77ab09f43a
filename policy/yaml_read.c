/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/yaml.h"

#include <math.h>
#include <stdlib.h>

#include "base/duration.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define PATH_MAX_TEXT 256

/* ---- messages ---- */

int(rf_yaml_fail)(const struct rf_yaml *y, const struct rf_yaml_node *at, struct rf_err *err,
                  const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    RF_CLEANUP(rf_freep) char *text = rf_xvasprintf(fmt, ap);
    va_end(ap);
    return rf_fail(err, RFE_CONFIG, "%s:%u:%u: %s", rf_yaml_name(y), at->line, at->column, text);
}

int rf_yaml_wrap(const struct rf_yaml *y, const struct rf_yaml_node *at, struct rf_err *err)
{
    if (err == NULL)
        return -RFE_CONFIG;
    err->code = RFE_CONFIG;
    return rf_wrap(err, -RFE_CONFIG, "%s:%u:%u", rf_yaml_name(y), at->line, at->column);
}

/* ---- getters ---- */

bool rf_yaml_is_null(const struct rf_yaml_node *node)
{
    static const char *const words[] = { "", "~", "null", "Null", "NULL" };
    if (node == NULL)
        return true;
    if (node->kind != RF_YAML_SCALAR || !node->plain)
        return false;
    for (size_t i = 0; i < RF_ARRAY_LEN(words); i++) {
        if (strcmp(node->text, words[i]) == 0)
            return true;
    }
    return false;
}

const struct rf_yaml_node *rf_yaml_get(const struct rf_yaml_node *map, const char *key)
{
    if (map == NULL || map->kind != RF_YAML_MAP)
        return NULL;
    for (uint32_t i = 0; i < map->n; i++) {
        if (strcmp(rf_yaml_key(map, i)->text, key) == 0)
            return rf_yaml_is_null(rf_yaml_value(map, i)) ? NULL : rf_yaml_value(map, i);
    }
    return NULL;
}

/* The value as messages show it, escaped and short. The caller frees. */
static char *shown(const char *text)
{
    return rf_text_safe_dup(rf_slice_str(text), 64);
}

int rf_yaml_text(const struct rf_yaml *y, const struct rf_yaml_node *node, const char *name,
                 const char **out, struct rf_err *err)
{
    if (node->kind != RF_YAML_SCALAR)
        return rf_yaml_fail(y, node, err, "%s: a text is wanted, not a %s", name,
                            node->kind == RF_YAML_LIST ? "list" : "map");
    *out = node->text;
    return 0;
}

int rf_yaml_bool(const struct rf_yaml *y, const struct rf_yaml_node *node, const char *name,
                 bool *out, struct rf_err *err)
{
    static const char *const words[2][3] = { { "false", "False", "FALSE" },
                                             { "true", "True", "TRUE" } };
    const char *text = NULL;
    int rc = rf_yaml_text(y, node, name, &text, err);
    if (rc < 0)
        return rc;
    for (size_t v = 0; v < 2; v++) {
        for (size_t i = 0; i < 3; i++) {
            if (strcmp(text, words[v][i]) != 0)
                continue;
            *out = v == 1;
            return 0;
        }
    }
    RF_CLEANUP(rf_freep) char *s = shown(text);
    return rf_yaml_fail(y, node, err, "%s: \"%s\" is neither true nor false", name, s);
}

int rf_yaml_i64(const struct rf_yaml *y, const struct rf_yaml_node *node, const char *name,
                int64_t min, int64_t max, int64_t *out, struct rf_err *err)
{
    const char *text = NULL;
    int rc = rf_yaml_text(y, node, name, &text, err);
    if (rc < 0)
        return rc;
    RF_CHECK(text != NULL);
    bool negative = text[0] == '-';
    const char *digits = text + (negative || text[0] == '+');
    uint64_t n = 0;
    RF_CLEANUP(rf_freep) char *s = shown(text);
    if (rf_parse_u64(rf_slice_str(digits), (uint64_t)INT64_MAX, &n, NULL) < 0)
        return rf_yaml_fail(y, node, err, "%s: \"%s\" is not an integer that fits", name, s);
    int64_t value = negative ? -(int64_t)n : (int64_t)n;
    if (value < min || value > max)
        return rf_yaml_fail(y, node, err, "%s: %s is not between %lld and %lld", name, s,
                            (long long)min, (long long)max);
    *out = value;
    return 0;
}

int rf_yaml_double(const struct rf_yaml *y, const struct rf_yaml_node *node, const char *name,
                   double *out, struct rf_err *err)
{
    const char *text = NULL;
    int rc = rf_yaml_text(y, node, name, &text, err);
    if (rc < 0)
        return rc;
    /* Decimal numbers only: no blanks, hexadecimal, infinity. */
    size_t ok = strspn(text, "0123456789.eE+-");
    char *end = NULL;
    double value = ok > 0 && text[ok] == '\0' ? strtod(text, &end) : NAN;
    if (end == NULL || *end != '\0' || end == text || !isfinite(value)) {
        RF_CLEANUP(rf_freep) char *s = shown(text);
        return rf_yaml_fail(y, node, err, "%s: \"%s\" is not a number", name, s);
    }
    *out = value;
    return 0;
}

int rf_yaml_duration(const struct rf_yaml *y, const struct rf_yaml_node *node, const char *name,
                     uint64_t *out, struct rf_err *err)
{
    const char *text = NULL;
    int rc = rf_yaml_text(y, node, name, &text, err);
    if (rc < 0)
        return rc;
    if (rf_duration_parse(rf_slice_str(text), out, NULL) < 0) {
        RF_CLEANUP(rf_freep) char *s = shown(text);
        return rf_yaml_fail(y, node, err, "%s: \"%s\" is not a duration such as 1h30m", name, s);
    }
    return 0;
}

/* ---- setters ---- */

int rf_yaml_set_string(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                       void *field, struct rf_err *err)
{
    const char *text = NULL;
    char **out = field;
    int rc = rf_yaml_text(r->doc, value, r->key, &text, err);
    if (rc < 0)
        return rc;
    rf_wipe_freep(out);
    *out = rf_xstrdup(text);
    return 0;
}

int rf_yaml_set_tri(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                    struct rf_err *err)
{
    bool b = false;
    enum rf_tri *out = field;
    int rc = rf_yaml_bool(r->doc, value, r->key, &b, err);
    if (rc < 0)
        return rc;
    *out = b ? RF_TRI_YES : RF_TRI_NO;
    return 0;
}

int rf_yaml_set_i64(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                    struct rf_err *err)
{
    return rf_yaml_i64(r->doc, value, r->key, INT64_MIN, INT64_MAX, field, err);
}

int rf_yaml_set_count(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                      struct rf_err *err)
{
    int64_t n = 0;
    int rc = rf_yaml_i64(r->doc, value, r->key, 0, 1000000, &n, err);
    if (rc == 0)
        *(unsigned *)field = (unsigned)n;
    return rc;
}

int rf_yaml_set_double(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                       void *field, struct rf_err *err)
{
    double d = 0;
    int rc = rf_yaml_double(r->doc, value, r->key, &d, err);
    if (rc == 0 && d < 0)
        return rf_yaml_fail(r->doc, value, err, "%s: less than 0", r->key);
    if (rc == 0)
        *(double *)field = d;
    return rc;
}

int rf_yaml_set_duration(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                         void *field, struct rf_err *err)
{
    return rf_yaml_duration(r->doc, value, r->key, field, err);
}

void rf_yaml_list_release(struct rf_yaml_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->items[i]);
    free(l->items);
    *l = (struct rf_yaml_list){ 0 };
}

void rf_yaml_list_move(struct rf_yaml_list *from, struct rf_yaml_list *to)
{
    rf_yaml_list_release(to);
    *to = *from;
    *from = (struct rf_yaml_list){ 0 };
}

void rf_yaml_list_copy(const struct rf_yaml_list *from, struct rf_yaml_list *to)
{
    *to = (struct rf_yaml_list){ 0 };
    if (from->n == 0)
        return;
    to->items = rf_xcalloc(from->n, sizeof(*to->items));
    for (size_t i = 0; i < from->n; i++)
        to->items[to->n++] = rf_xstrdup(from->items[i]);
}

const struct rf_yaml_node *rf_yaml_list_node(const struct rf_yaml_node *list, size_t i)
{
    for (uint32_t k = 0; list->kind == RF_YAML_LIST && k < list->n; k++) {
        if (rf_yaml_is_null(list->items[k]))
            continue;
        if (i == 0)
            return list->items[k];
        i--;
    }
    return list;
}

/* Whether it is new and there is room to tell of it. */
static bool tell_once(struct rf_yaml_told *told, const struct rf_yaml_node *what)
{
    if (told == NULL || told->more)
        return false;
    for (size_t i = 0; i < told->n; i++) {
        if (told->keys[i] == what)
            return false;
    }
    told->more = told->n == RF_YAML_TOLD_MAX;
    if (told->more)
        rf_log(RF_LOG_WARN, "More unknown keys in the configuration are not listed", NULL);
    else
        told->keys[told->n++] = what;
    return !told->more;
}

static void warn_null(const struct rf_yaml_reader *r, const struct rf_yaml_node *node,
                      const char *name)
{
    if (!tell_once(r->told, node))
        return;
    RF_CLEANUP(rf_freep)
    char *at = rf_xasprintf("%s:%u:%u", rf_yaml_name(r->doc), node->line, node->column);
    rf_log(RF_LOG_WARN, "Empty element of a list is passed over", "at", at, "in", name, NULL);
}

int rf_yaml_set_list(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                     struct rf_err *err)
{
    if (value->kind != RF_YAML_LIST)
        return rf_yaml_fail(r->doc, value, err, "%s: a list is wanted", r->key);
    RF_CLEANUP(rf_yaml_list_release) struct rf_yaml_list list = { 0 };
    list.items = rf_xcalloc((size_t)value->n + 1, sizeof(*list.items));
    for (uint32_t i = 0; i < value->n; i++) {
        char name[PATH_MAX_TEXT];
        const char *text = NULL;
        (void)snprintf(name, sizeof(name), "%s[%u]", r->key, i);
        if (rf_yaml_is_null(value->items[i])) {
            warn_null(r, value->items[i], name);
            continue;
        }
        int rc = rf_yaml_text(r->doc, value->items[i], name, &text, err);
        if (rc < 0)
            return rc;
        list.items[list.n++] = rf_xstrdup(text);
    }
    /* A filter of nothing would be no filter. */
    if (value->n > 0 && list.n == 0)
        return rf_yaml_fail(r->doc, value, err,
                            "%s: all its elements are empty; leave it out, or name some", r->key);
    rf_yaml_list_move(&list, field);
    return 0;
}

int rf_yaml_set_pairs(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                      struct rf_err *err)
{
    if (value->kind != RF_YAML_MAP)
        return rf_yaml_fail(r->doc, value, err, "%s: a map is wanted", r->key);
    RF_CLEANUP(rf_yaml_list_release) struct rf_yaml_list list = { 0 };
    list.items = rf_xcalloc(2 * (size_t)value->n + 1, sizeof(*list.items));
    for (uint32_t i = 0; i < value->n; i++) {
        const char *text = "";
        const struct rf_yaml_node *v = rf_yaml_value(value, i);
        int rc = rf_yaml_is_null(v) ? 0 : rf_yaml_text(r->doc, v, r->key, &text, err);
        if (rc < 0)
            return rc;
        list.items[list.n++] = rf_xstrdup(rf_yaml_key(value, i)->text);
        list.items[list.n++] = rf_xstrdup(text);
    }
    /* A filter of nothing would be no filter. */
    if (value->n > 0 && list.n == 0)
        return rf_yaml_fail(r->doc, value, err,
                            "%s: all its elements are empty; leave it out, or name some", r->key);
    rf_yaml_list_move(&list, field);
    return 0;
}

/* ---- maps ---- */

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* How many letters differ (Levenshtein, case passed over); 99 when far apart. */
static unsigned distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    unsigned row[33];
    if (n > 32 || m > 32)
        return 99;
    for (size_t j = 0; j <= m; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned best = diagonal + (lower(a[i - 1]) != lower(b[j - 1]));
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m];
}

static const char *nearest(const char *key, const struct rf_yaml_field *fields, size_t n)
{
    const char *best = NULL;
    unsigned least = strlen(key) > 4 ? 3 : 2; /* exclusive */
    for (size_t i = 0; i < n; i++) {
        unsigned d = fields[i].instead == NULL ? distance(key, fields[i].key) : 99;
        if (d < least) {
            least = d;
            best = fields[i].key;
        }
    }
    return best;
}

static const struct rf_yaml_field *find(const struct rf_yaml_field *fields, size_t n,
                                        const char *key)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(fields[i].key, key) == 0)
            return &fields[i];
    }
    return NULL;
}

/* A map that is being read. */
struct table {
    const char *path;
    const struct rf_yaml_field *fields;
    size_t n;
    void *target;
};

static void warn(const struct rf_yaml_reader *r, const struct table *t,
                 const struct rf_yaml_node *key, const char *msg, const char *label,
                 const char *meant)
{
    if (!tell_once(r->told, key))
        return;
    RF_CLEANUP(rf_freep)
    char *at = rf_xasprintf("%s:%u:%u", rf_yaml_name(r->doc), key->line, key->column);
    RF_CLEANUP(rf_freep) char *s = shown(key->text);
    rf_log(RF_LOG_WARN, msg, "at", at, "in", t->path[0] != '\0' ? t->path : "the document", "key",
           s, meant != NULL ? label : NULL, meant, NULL);
}

static int refuse(const struct rf_yaml_reader *r, const struct table *t,
                  const struct rf_yaml_node *key, const char *meant, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *s = shown(key->text);
    int rc = rf_yaml_fail(r->doc, key, err, "unknown key \"%s\"%s%s", s,
                          t->path[0] != '\0' ? " in " : "", t->path);
    return meant != NULL ? rf_hint(err, rc, "did you mean \"%s\"?", meant) : rc;
}

static int unknown(const struct rf_yaml_reader *r, const struct table *t,
                   const struct rf_yaml_node *key, struct rf_err *err)
{
    if (strncmp(key->text, "x-", 2) == 0)
        return 0;
    const char *near = nearest(key->text, t->fields, t->n);
    if (r->strict)
        return refuse(r, t, key, near, err);
    warn(r, t, key, "Unknown key in the configuration is passed over", "nearest", near);
    return 0;
}

/* A documented slip: refused with what is meant, or taken for it. */
static int slip(const struct rf_yaml_reader *r, const struct table *t,
                const struct rf_yaml_node *key, const struct rf_yaml_field **f, struct rf_err *err)
{
    const char *meant = (*f)->instead;
    if (r->strict)
        return refuse(r, t, key, meant, err);
    warn(r, t, key, "Key is misspelt in the configuration", "meant", meant);
    *f = find(t->fields, t->n, meant);
    return 0;
}

/* "defaults.": a key of another map. */
static bool is_of_another(const struct rf_yaml_field *f)
{
    size_t n = f->instead != NULL ? strlen(f->instead) : 0;
    return n > 0 && f->instead[n - 1] == '.';
}

static int misplaced(const struct rf_yaml_reader *r, const struct table *t,
                     const struct rf_yaml_node *key, const struct rf_yaml_field *f,
                     struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *map = rf_xstrndup(f->instead, strlen(f->instead) - 1);
    if (!r->strict) {
        warn(r, t, key, "Unknown key in the configuration is passed over", "belongs-to", map);
        return 0;
    }
    int rc = refuse(r, t, key, NULL, err);
    return rf_hint(err, rc, "it belongs to \"%s\"", map);
}

static int read_pair(const struct rf_yaml_reader *r, const struct table *t,
                     const struct rf_yaml_node *key, const struct rf_yaml_node *value,
                     struct rf_err *err)
{
    const struct rf_yaml_field *f = find(t->fields, t->n, key->text);
    if (f == NULL)
        return unknown(r, t, key, err);
    if (is_of_another(f))
        return misplaced(r, t, key, f, err);
    if (f->instead != NULL) {
        int rc = slip(r, t, key, &f, err);
        if (rc < 0)
            return rc;
    }
    if (f == NULL || f->set == NULL || rf_yaml_is_null(value))
        return 0;
    char name[PATH_MAX_TEXT];
    (void)snprintf(name, sizeof(name), "%s%s%s", t->path, t->path[0] != '\0' ? "." : "", f->key);
    struct rf_yaml_reader inner = *r;
    inner.key = name;
    return f->set(&inner, value, (char *)t->target + f->offset, err);
}

int rf_yaml_read_map(const struct rf_yaml_reader *r, const struct rf_yaml_node *map,
                     const char *path, const struct rf_yaml_field *fields, size_t n, void *target,
                     struct rf_err *err)
{
    if (rf_yaml_is_null(map))
        return 0;
    if (map->kind != RF_YAML_MAP)
        return rf_yaml_fail(r->doc, map, err, "%s: a map is wanted",
                            path[0] != '\0' ? path : "the document");
    const struct table t = { .path = path, .fields = fields, .n = n, .target = target };
    for (uint32_t i = 0; i < map->n; i++) {
        int rc = read_pair(r, &t, rf_yaml_key(map, i), rf_yaml_value(map, i), err);
        if (rc < 0)
            return rc;
    }
    return 0;
}
