/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/sites.h"

#include "base/mem.h"
#include "layout/bundle.h"

void rf_site_release(struct rf_site *s)
{
    free(s->name);
    free(s->to);
    rf_yaml_list_release(&s->sources);
    rf_yaml_list_release(&s->platforms);
    rf_path_map_release(&s->paths);
    rf_bundle_options_release(&s->bundle);
    rf_retain_release(&s->retain);
    rf_tag_filter_free(s->filter);
    *s = (struct rf_site){ 0 };
}

void rf_sites_release(struct rf_sites *s)
{
    for (size_t i = 0; i < s->n; i++)
        rf_site_release(&s->list[i]);
    free(s->list);
    *s = (struct rf_sites){ 0 };
}

static int set_name(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                    struct rf_err *err)
{
    int rc = rf_yaml_set_string(r, value, field, err);
    if (rc == 0 && !rf_site_valid(rf_slice_str(*(char **)field)))
        return rf_yaml_fail(r->doc, value, err,
                            "%s: a site's name is [a-z0-9][a-z0-9._-]{0,63}, such as plant-7",
                            r->key);
    return rc;
}

static int set_sources(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                       void *field, struct rf_err *err)
{
    struct rf_yaml_list *list = field;
    int rc = rf_yaml_set_list(r, value, list, err);
    if (rc == 0 && list->n == 0)
        return rf_yaml_fail(r->doc, value, err, "%s: an empty list; leave the key out", r->key);
    for (size_t i = 0; rc == 0 && i < list->n; i++) {
        struct rf_err cause = RF_ERR_INIT;
        if (rf_tag_filter_check(list->items[i], &cause) < 0)
            rc = rf_yaml_fail(r->doc, value->items[i], err, "%s: %s", r->key, cause.msg);
    }
    return rc;
}

static int set_platforms(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                         void *field, struct rf_err *err)
{
    struct rf_yaml_list *list = field;
    int rc = rf_yaml_set_list(r, value, list, err);
    for (size_t i = 0; rc == 0 && i < list->n; i++) {
        struct rf_platform p = { 0 };
        struct rf_err cause = RF_ERR_INIT;
        if (rf_platform_parse(list->items[i], &p, &cause) < 0)
            rc = rf_yaml_fail(r->doc, value->items[i], err, "%s: %s", r->key, cause.msg);
        rf_platform_release(&p);
    }
    return rc;
}

static const struct rf_yaml_field site_fields[] = {
    { "name", set_name, offsetof(struct rf_site, name), NULL },
    { "to", rf_yaml_set_string, offsetof(struct rf_site, to), NULL },
    { "sources", set_sources, offsetof(struct rf_site, sources), NULL },
    { "platforms", set_platforms, offsetof(struct rf_site, platforms), NULL },
    { "referrers", rf_yaml_set_tri, offsetof(struct rf_site, referrers), NULL },
    { "digestTags", rf_yaml_set_tri, offsetof(struct rf_site, digest_tags), NULL },
    { "paths", rf_path_map_set, offsetof(struct rf_site, paths), NULL },
    { "maxDepth", rf_path_map_set_depth, offsetof(struct rf_site, paths.max_depth), NULL },
    { "bundle", rf_bundle_options_set, offsetof(struct rf_site, bundle), NULL },
    { "retain", rf_retain_set, offsetof(struct rf_site, retain), NULL },
};
const struct rf_yaml_table rf_sites_table = { "site", site_fields, RF_ARRAY_LEN(site_fields) };

static int read_site(const struct rf_yaml_reader *r, const struct rf_yaml_node *node, uint32_t i,
                     struct rf_sites *s, struct rf_err *err)
{
    char path[64];
    struct rf_site *site = &s->list[s->n++];
    (void)snprintf(path, sizeof(path), "%s[%u]", r->key, i);
    int rc = rf_yaml_read_map(r, node, path, site_fields, RF_ARRAY_LEN(site_fields), site, err);
    if (rc < 0)
        return rc;
    if (site->name == NULL)
        return rf_yaml_fail(r->doc, node, err, "%s.name is missing", path);
    for (size_t k = 0; k + 1 < s->n; k++)
        if (strcmp(s->list[k].name, site->name) == 0)
            return rf_yaml_fail(r->doc, node, err, "%s: another site is called %s", path,
                                site->name);
    return rf_tag_filter_new(site->sources.items, site->sources.n, NULL, 0, &site->filter, err);
}

int rf_sites_set(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                 struct rf_err *err)
{
    struct rf_sites *s = field;
    rf_sites_release(s);
    if (value->kind != RF_YAML_LIST)
        return rf_yaml_fail(r->doc, value, err, "%s: a list is wanted", r->key);
    if (value->n > RF_SITES_MAX)
        return rf_yaml_fail(r->doc, value, err, "%s: more than %d sites", r->key, RF_SITES_MAX);
    s->list = rf_xcalloc((size_t)value->n + 1, sizeof(*s->list));
    for (uint32_t i = 0; i < value->n; i++) {
        int rc = read_site(r, value->items[i], i, s, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int rf_sites_find(const struct rf_sites *s, const char *name, const struct rf_site **out,
                  struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf names;
    *out = NULL;
    rf_buf_init(&names, 4096);
    if (s->n == 0)
        return 0;
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(s->list[i].name, name) == 0) {
            *out = &s->list[i];
            return 0;
        }
        if (i < 20)
            rf_buf_addf(&names, "%s%s", i > 0 ? ", " : "", s->list[i].name);
    }
    return rf_fail(err, RFE_CONFIG, "--site %s: the policy file has no such site; it has %s%s",
                   name, names.ptr, s->n > 20 ? " and more" : "");
}

int rf_site_apply(const struct rf_site *site, struct rf_step *steps, size_t *n, struct rf_err *err)
{
    size_t left = 0;
    int rc = 0;
    if (site == NULL)
        return 0;
    /* none goes before all were asked: on failure every step is still there */
    RF_CLEANUP(rf_freep) bool *takes = rf_xcalloc(*n + 1, sizeof(*takes));
    for (size_t i = 0; rc >= 0 && i < *n; i++) {
        rc = site->filter != NULL ? rf_tag_filter_match(site->filter, steps[i].source, err) : 1;
        takes[i] = rc > 0;
    }
    if (rc < 0)
        return rf_wrap(err, rc, "site %s: sources", site->name);
    for (size_t i = 0; i < *n; i++) {
        struct rf_step *s = &steps[i];
        if (!takes[i]) {
            rf_step_release(s);
            continue;
        }
        if (site->platforms.n > 0 && s->platform == NULL) {
            rf_yaml_list_release(&s->platforms);
            rf_yaml_list_copy(&site->platforms, &s->platforms);
        }
        if (site->referrers != RF_TRI_UNSET)
            s->s.referrers = site->referrers;
        if (site->digest_tags != RF_TRI_UNSET)
            s->s.digest_tags = site->digest_tags;
        steps[left++] = *s;
    }
    *n = left;
    return 0;
}
