/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/sections_print.h"

#include "base/mem.h"
#include "policy/yaml_write.h"

static void print_texts(struct rf_yaml_writer *w, const char *key, const struct rf_yaml_list *l)
{
    if (l->n > 0)
        rf_yaml_write_texts(w, key, l->items, l->n);
}

static void print_pairs(struct rf_yaml_writer *w, const char *key, const struct rf_yaml_list *l)
{
    if (l->n == 0)
        return;
    rf_yaml_write_open(w, key);
    for (size_t i = 0; i < l->n; i += 2)
        rf_yaml_write_text(w, l->items[i], l->items[i + 1]);
    rf_yaml_write_close(w);
}

static void print_tri(struct rf_yaml_writer *w, const char *key, enum rf_tri value)
{
    if (value != RF_TRI_UNSET)
        rf_yaml_write_bool(w, key, value == RF_TRI_YES);
}

static void print_rule(struct rf_yaml_writer *w, const struct rf_retain_rule *r)
{
    if (r->name != NULL)
        rf_yaml_write_text(w, "name", r->name);
    print_texts(w, "repositories", &r->repositories);
    if (r->keep_semver > 0)
        rf_yaml_write_int(w, "keepSemver", r->keep_semver);
    if (r->keep_newest > 0)
        rf_yaml_write_int(w, "keepNewest", r->keep_newest);
    if (r->newer_than_ns > 0)
        rf_yaml_write_duration(w, "newerThan", r->newer_than_ns);
    print_texts(w, "tags", &r->tags);
    print_pairs(w, "labels", &r->labels);
    print_pairs(w, "annotations", &r->annotations);
    print_tri(w, "keepNone", r->keep_none);
}

/* The file's own says all that counts; a site's only what it says itself. */
static void print_retain(struct rf_yaml_writer *w, const struct rf_retain *r, bool of_site)
{
    rf_yaml_write_open(w, "retain");
    if (!of_site || r->has_grace)
        rf_yaml_write_duration(w, "graceTime", rf_retain_grace_s(r) * UINT64_C(1000000000));
    if (r->has_max && r->max_is_percent) {
        RF_CLEANUP(rf_freep)
        char *percent = rf_xasprintf("%llu%%", (unsigned long long)r->max_delete);
        rf_yaml_write_text(w, "maxDelete", percent);
    } else if (r->has_max) {
        rf_yaml_write_int(w, "maxDelete", (int64_t)r->max_delete);
    }
    print_texts(w, "protect", &r->protect);
    if (rf_yaml_write_list(w, "rules", r->n_rules)) {
        for (size_t i = 0; i < r->n_rules; i++) {
            rf_yaml_write_item(w);
            print_rule(w, &r->rules[i]);
            rf_yaml_write_close(w);
        }
    }
    rf_yaml_write_close(w);
}

static void print_bundle(struct rf_yaml_writer *w, const struct rf_bundle_options *b)
{
    rf_yaml_write_open(w, "bundle");
    if (b->out != NULL)
        rf_yaml_write_text(w, "out", b->out);
    if (b->sparse != NULL)
        rf_yaml_write_text(w, "sparse", b->sparse);
    print_tri(w, "strict", b->strict);
    rf_yaml_write_close(w);
}

static void print_paths(struct rf_yaml_writer *w, const struct rf_path_map *m)
{
    if (m->n > 0 && rf_yaml_write_list(w, "paths", m->n)) {
        for (size_t i = 0; i < m->n; i++) {
            rf_yaml_write_item(w);
            rf_yaml_write_text(w, "from", m->rules[i].from);
            rf_yaml_write_text(w, "to", m->rules[i].to);
            rf_yaml_write_close(w);
        }
    }
    if (m->max_depth > 0)
        rf_yaml_write_int(w, "maxDepth", m->max_depth);
}

static void print_site(struct rf_yaml_writer *w, const struct rf_site *s)
{
    rf_yaml_write_text(w, "name", s->name);
    if (s->to != NULL)
        rf_yaml_write_text(w, "to", s->to);
    print_texts(w, "sources", &s->sources);
    print_texts(w, "platforms", &s->platforms);
    print_tri(w, "referrers", s->referrers);
    print_tri(w, "digestTags", s->digest_tags);
    print_paths(w, &s->paths);
    if (rf_bundle_options_is_set(&s->bundle))
        print_bundle(w, &s->bundle);
    if (s->retain.read)
        print_retain(w, &s->retain, true);
}

static void print_policy(struct rf_yaml_writer *w, const struct rf_policy_section *p)
{
    rf_yaml_write_open(w, "policy");
    if (p->file != NULL)
        rf_yaml_write_text(w, "file", p->file);
    if (p->text != NULL)
        rf_yaml_write_text(w, "script", p->text);
    if (p->timeout_ns > 0)
        rf_yaml_write_duration(w, "timeout", p->timeout_ns);
    if (p->memory_mib > 0)
        rf_yaml_write_int(w, "memory", p->memory_mib);
    rf_yaml_write_close(w);
}

void rf_policy_sections_print(const struct rf_policy_config *c, struct rf_buf *out)
{
    struct rf_yaml_writer w = { .out = out };
    if (c->sites.n > 0 && rf_yaml_write_list(&w, "sites", c->sites.n)) {
        for (size_t i = 0; i < c->sites.n; i++) {
            rf_yaml_write_item(&w);
            print_site(&w, &c->sites.list[i]);
            rf_yaml_write_close(&w);
        }
    }
    if (rf_bundle_options_is_set(&c->bundle))
        print_bundle(&w, &c->bundle);
    if (c->retain.read)
        print_retain(&w, &c->retain, false);
    if (rf_policy_section_is_set(&c->policy))
        print_policy(&w, &c->policy);
}
