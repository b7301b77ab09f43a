/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/name_rules.h"

#include <stdlib.h>

#include "base/idmap.h"
#include "base/mem.h"
#include "policy/semver.h"

void rf_name_rules_release(struct rf_name_rules *r)
{
    rf_yaml_list_release(&r->allow);
    rf_yaml_list_release(&r->deny);
    rf_yaml_list_release(&r->semver);
}

bool rf_name_rules_is_empty(const struct rf_name_rules *r)
{
    return r->allow.n == 0 && r->deny.n == 0 && r->semver.n == 0;
}

struct set {
    struct rf_semver_ranges *versions; /* NULL: any name */
    struct rf_tag_filter *patterns;
};

struct rf_name_filter {
    struct set *list; /* any of them; none: everything */
    size_t n;
    char *text;
};

static void add_text(struct rf_buf *text, const char *word, const struct rf_yaml_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        rf_buf_addf(text, "%s %s\n", word, list->items[i]);
}

static int add_set(struct rf_name_filter *f, const struct rf_name_rules *r, struct rf_buf *text,
                   struct rf_err *err)
{
    struct set *s = &f->list[f->n++];
    add_text(text, "semver", &r->semver);
    add_text(text, "allow", &r->allow);
    add_text(text, "deny", &r->deny);
    int rc =
        rf_tag_filter_new(r->allow.items, r->allow.n, r->deny.items, r->deny.n, &s->patterns, err);
    if (rc == 0 && r->semver.n > 0)
        rc = rf_semver_ranges_new(r->semver.items, r->semver.n, &s->versions, err);
    return rc;
}

int rf_name_filter_new(const struct rf_name_rules *first, const struct rf_name_rules *sets,
                       size_t n_sets, struct rf_name_filter **out, struct rf_err *err)
{
    RF_CLEANUP(rf_name_filter_freep) struct rf_name_filter *f = rf_xcalloc(1, sizeof(*f));
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    int rc = 0;
    rf_buf_init(&text, 0);
    f->list = rf_xcalloc(n_sets + 1, sizeof(*f->list));
    if (first != NULL && !rf_name_rules_is_empty(first))
        rc = add_set(f, first, &text, err);
    for (size_t i = 0; rc == 0 && i < n_sets; i++) {
        rf_buf_add_str(&text, "set\n");
        rc = add_set(f, &sets[i], &text, err);
    }
    if (rc < 0)
        return rc;
    f->text = rf_buf_take(&text, NULL);
    *out = RF_STEAL(f);
    return 0;
}

void rf_name_filter_free(struct rf_name_filter *f)
{
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->n; i++) {
        rf_semver_ranges_free(f->list[i].versions);
        rf_tag_filter_free(f->list[i].patterns);
    }
    free(f->list);
    free(f->text);
    free(f);
}

void rf_name_filter_freep(struct rf_name_filter **f)
{
    rf_name_filter_free(*f);
    *f = NULL;
}

static bool takes_all(const struct set *s)
{
    return s->versions == NULL && rf_tag_filter_is_empty(s->patterns);
}

bool rf_name_filter_is_empty(const struct rf_name_filter *f)
{
    bool all = f->n == 0;
    for (size_t i = 0; i < f->n; i++)
        all = all || takes_all(&f->list[i]);
    return all;
}

const char *rf_name_filter_text(const struct rf_name_filter *f)
{
    return rf_name_filter_is_empty(f) ? "" : f->text;
}

static bool version_fits(const struct set *s, const char *name)
{
    struct rf_semver v;
    return s->versions == NULL ||
           (rf_semver_parse(rf_slice_str(name), &v) && rf_semver_ranges_match(s->versions, &v));
}

int rf_name_filter_which(const struct rf_name_filter *f, const char *name, struct rf_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < f->n; i++) {
        if (version_fits(&f->list[i], name))
            rc = rf_tag_filter_match(f->list[i].patterns, name, err);
        if (rc > 0)
            return (int)i;
    }
    if (rc < 0 || f->n == 0)
        return rc;
    return rf_fail(err, RFE_NOT_FOUND, "no rule takes it");
}

int rf_name_filter_match(const struct rf_name_filter *f, const char *name, struct rf_err *err)
{
    struct rf_err why = RF_ERR_INIT;
    int rc = rf_name_filter_which(f, name, &why);
    if (rc < 0 && rc != -RFE_NOT_FOUND && err != NULL)
        *err = why;
    return rc >= 0 ? 1 : rc == -RFE_NOT_FOUND ? 0 : rc;
}

/* ---- whole lists ---- */

/* Names on their way: those that are picked move to `picked`, in their new order. */
struct picking {
    char **names; /* of the caller; NULL once picked */
    size_t n;
    char **picked;
    size_t n_picked;
    size_t *number; /* of a name in `left` */
    const char **left;
    bool *taken;       /* of the names in `left` */
    const bool *again; /* of all names: stands earlier in the list */
};

static void picking_release(struct picking *p)
{
    free(p->picked);
    free(p->number);
    free(p->left);
    free(p->taken);
}

/* What one set takes. Names that are picked already are not asked for again. */
static int pick_set(struct picking *p, const struct set *s, struct rf_err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (p->names[i] == NULL || p->again[i] || !version_fits(s, p->names[i]))
            continue;
        p->number[n] = i;
        p->left[n++] = p->names[i];
    }
    int rc = rf_tag_filter_pick(s->patterns, p->left, n, p->taken, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (p->taken[i])
            p->picked[p->n_picked++] = RF_STEAL(p->names[p->number[i]]);
    }
    return rc;
}

static struct rf_slice name_key(const void *ctx, uint32_t id)
{
    return rf_slice_str(((char *const *)ctx)[id]);
}

/* Which names stand earlier in the list. The caller frees. */
static bool *find_doubles(char *const *names, size_t n)
{
    struct rf_idmap seen;
    bool *again = rf_xcalloc(n, sizeof(*again));
    rf_idmap_init(&seen, name_key, names);
    for (size_t i = 0; i < n; i++) {
        again[i] = rf_idmap_find(&seen, rf_slice_str(names[i])) != RF_NO_ID;
        if (!again[i])
            rf_idmap_add(&seen, (uint32_t)i);
    }
    rf_idmap_release(&seen);
    return again;
}

int rf_name_filter_apply(const struct rf_name_filter *f, char **names, size_t *n,
                         struct rf_err *err)
{
    if (f->n == 0 || *n == 0)
        return 0;
    RF_CLEANUP(rf_freep) bool *again = find_doubles(names, *n);
    RF_CLEANUP(picking_release)
    struct picking p = { .names = names,
                         .n = *n,
                         .picked = rf_xcalloc(*n, sizeof(*p.picked)),
                         .number = rf_xcalloc(*n, sizeof(*p.number)),
                         .left = rf_xcalloc(*n, sizeof(*p.left)),
                         .taken = rf_xcalloc(*n, sizeof(*p.taken)),
                         .again = again };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < f->n; i++)
        rc = pick_set(&p, &f->list[i], err);
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++) {
        if (rc < 0 && names[i] != NULL)
            names[kept++] = names[i];
        else if (rc == 0)
            free(names[i]);
    }
    /* On failure they all are there, in some order; else only those that are picked. */
    memcpy(names + kept, p.picked, p.n_picked * sizeof(*names));
    if (rc == 0)
        *n = p.n_picked;
    return rc;
}
