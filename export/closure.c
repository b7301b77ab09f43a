/* SPDX-License-Identifier: Apache-2.0 */
#include "export/closure.h"

#include "base/cancel.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "manifests/config.h"

void rf_closure_init(struct rf_closure *c, struct rf_selection *sel,
                     struct rf_snapshot *const *bases, size_t n_bases)
{
    memset(c, 0, sizeof(*c));
    c->sel = sel;
    c->bases = bases;
    c->n_bases = n_bases;
}

void rf_closure_release(struct rf_closure *c)
{
    rf_graph_release(&c->graph);
    free(c->first_pick);
    free(c->next_pick);
}

bool rf_bases_have(struct rf_snapshot *const *bases, size_t n, const struct rf_digest *d)
{
    for (size_t i = 0; i < n; i++)
        if (rf_snapshot_find_blob(bases[i], d) != RF_NO_ID)
            return true;
    return false;
}

const struct rf_image *rf_closure_base_line(const struct rf_closure *c, const struct rf_image *im,
                                            const struct rf_snapshot **base)
{
    const struct rf_desired *d = &c->sel->wanted;
    for (size_t i = 0; i < c->n_bases; i++) {
        const struct rf_desired *b = &c->bases[i]->desired;
        const struct rf_image *hit = rf_desired_find(b, rf_desired_str(d, im->repository),
                                                     rf_desired_str(d, im->tag), &im->digest);
        if (hit != NULL && rf_image_same(d, im, b, hit)) {
            *base = c->bases[i];
            return hit;
        }
    }
    return NULL;
}

static bool usable(const struct rf_pick *p)
{
    return p->error_code == 0 && !p->dropped;
}

/* ---- platforms ---- */

struct choice {
    struct rf_digest *children;
    size_t n;
    struct rf_manifest *pruned; /* or NULL */
    int code;
    char *reason;
};

struct choosing {
    struct rf_closure *c;
    struct choice *choices;
};

static int prune_index(struct rf_selection *s, const struct rf_manifest *m, const size_t *chosen,
                       size_t n, struct choice *out, struct rf_err *err)
{
    int rc = rf_manifest_prune(m, chosen, n, &out->pruned, err);
    if (rc < 0)
        return rc;
    return rf_blob_store_put_bytes(s->state->cache, &out->pruned->digest,
                                   rf_buf_slice(&out->pruned->body), err);
}

static int choose(struct choosing *ch, size_t i, struct choice *out, struct rf_err *err)
{
    struct rf_selection *s = ch->c->sel;
    const struct rf_image *im = &s->wanted.images[i];
    const struct rf_export_item *item = &s->req->items[s->picks[i].item];
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    int rc = rf_fetch_manifest(s->state, &s->locations.list[s->picks[i].where], &im->digest,
                               im->size, rf_desired_str(&s->wanted, im->media_type), &m, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_freep) size_t *chosen = rf_xcalloc(m->n_entries + 1, sizeof(*chosen));
    int n = rf_manifest_select(m, item->platforms, item->n_platforms, chosen, err);
    if (n < 0)
        return rf_wrap(err, n, "%s", rf_desired_str(&s->wanted, im->source));
    if ((size_t)n == m->n_entries)
        return 0; /* all of them: the index travels as it is */
    if (item->prune)
        return prune_index(s, m, chosen, (size_t)n, out, err);
    out->children = rf_xcalloc((size_t)n + 1, sizeof(*out->children));
    out->n = (size_t)n;
    for (size_t k = 0; k < out->n; k++)
        out->children[k] = m->entries[chosen[k]].digest;
    return 0;
}

static int choose_job(void *ctx, size_t i, struct rf_err *err)
{
    struct choosing *ch = ctx;
    struct rf_selection *s = ch->c->sel;
    struct rf_err why = RF_ERR_INIT;
    const struct rf_pick *p = &s->picks[i];
    if (!usable(p) || p->extra || s->req->items[p->item].n_platforms == 0 ||
        rf_media_kind(rf_desired_str(&s->wanted, s->wanted.images[i].media_type)) != RF_KIND_INDEX)
        return 0;
    int rc = choose(ch, i, &ch->choices[i], &why);
    if (rc < 0 && rf_cancelled())
        return rf_cancel_check(err);
    if (rc < 0) {
        ch->choices[i].code = -rc;
        ch->choices[i].reason = rf_xstrdup(why.msg);
    }
    return 0;
}

static void enter_choice(struct rf_selection *s, size_t i, const struct choice *choice)
{
    struct rf_image *im = &s->wanted.images[i];
    if (choice->code != 0) {
        rf_pick_fail(s, i, choice->code, choice->reason);
    } else if (choice->pruned != NULL) {
        im->original = rf_desired_add_digests(&s->wanted, &im->digest, 1);
        im->digest = choice->pruned->digest;
        im->size = choice->pruned->body.len;
    } else if (choice->n > 0) {
        im->first_child = rf_desired_add_digests(&s->wanted, choice->children, choice->n);
        im->n_children = (uint32_t)choice->n;
    }
}

static int choose_platforms(struct rf_closure *c, struct rf_err *err)
{
    struct rf_selection *s = c->sel;
    size_t n = s->wanted.n;
    struct choosing ch = { .c = c, .choices = rf_xcalloc(n + 1, sizeof(*ch.choices)) };
    int rc = rf_parallel(s->req->parallel, n, choose_job, &ch, err);
    for (size_t i = 0; i < n; i++) {
        if (rc == 0)
            enter_choice(s, i, &ch.choices[i]);
        rf_manifest_free(ch.choices[i].pruned);
        free(ch.choices[i].children);
        free(ch.choices[i].reason);
    }
    free(ch.choices);
    return rc;
}

/* ---- the walk ---- */

/* Entries that some line with this root wants; all of them when one line wants all. */
static void chosen_entries(const struct rf_closure *c, uint32_t node, const struct rf_manifest *m,
                           size_t **chosen, size_t *n_chosen)
{
    const struct rf_desired *d = &c->sel->wanted;
    size_t n = 0;
    if (node >= c->n_first_pick || c->first_pick[node] == 0 || m->kind != RF_KIND_INDEX)
        return;
    size_t *list = rf_xcalloc(m->n_entries + 1, sizeof(*list));
    for (size_t e = 0; e < m->n_entries; e++) {
        bool wanted = false;
        for (uint32_t p = c->first_pick[node]; p != 0 && !wanted; p = c->next_pick[p - 1]) {
            const struct rf_image *im = &d->images[p - 1];
            wanted = im->n_children == 0;
            for (uint32_t k = 0; k < im->n_children && !wanted; k++)
                wanted = rf_digest_eq(&d->digests[im->first_child + k], &m->entries[e].digest);
        }
        if (wanted)
            list[n++] = e;
    }
    *chosen = list;
    *n_chosen = n;
}

static int fetch_node(void *ctx, const struct rf_graph *g, uint32_t node, struct rf_manifest **out,
                      size_t **chosen, size_t *n_chosen, struct rf_err *err)
{
    const struct rf_closure *c = ctx;
    const struct rf_node *n = &g->nodes[node];
    struct rf_selection *s = c->sel;
    int rc = rf_fetch_manifest(s->state, &s->locations.list[n->where], &n->digest, n->size,
                               rf_graph_media_type(g, node), out, err);
    if (rc == 0)
        chosen_entries(c, node, *out, chosen, n_chosen);
    return rc;
}

static void remember_root(struct rf_closure *c, uint32_t node, size_t pick)
{
    if (node >= c->n_first_pick) {
        size_t n = (size_t)node * 2 + 64;
        c->first_pick = rf_xreallocarray(c->first_pick, n, sizeof(*c->first_pick));
        memset(c->first_pick + c->n_first_pick, 0, (n - c->n_first_pick) * sizeof(*c->first_pick));
        c->n_first_pick = n;
    }
    if (pick >= c->n_next_pick) {
        size_t n = pick * 2 + 64;
        c->next_pick = rf_xreallocarray(c->next_pick, n, sizeof(*c->next_pick));
        memset(c->next_pick + c->n_next_pick, 0, (n - c->n_next_pick) * sizeof(*c->next_pick));
        c->n_next_pick = n;
    }
    c->next_pick[pick] = c->first_pick[node];
    c->first_pick[node] = (uint32_t)pick + 1;
}

static void add_root(struct rf_closure *c, size_t i)
{
    struct rf_selection *s = c->sel;
    struct rf_image *im = &s->wanted.images[i];
    struct rf_descriptor desc = { .digest = im->digest, .size = im->size };
    const struct rf_snapshot *base;
    struct rf_err why = RF_ERR_INIT;
    RF_CLEANUP(rf_freep) char *media_type = rf_xstrdup(rf_desired_str(&s->wanted, im->media_type));
    if (rf_closure_base_line(c, im, &base) != NULL) {
        s->picks[i].unchanged = true;
        return;
    }
    desc.media_type = media_type;
    int rc = rf_graph_add_root(&c->graph, &desc, s->picks[i].where, &s->picks[i].root, &why);
    if (rc < 0)
        rf_pick_fail(s, i, -rc, why.msg);
    else
        remember_root(c, s->picks[i].root, i);
}

/* ---- what refers to an image ---- */

struct subject {
    uint32_t pick;
    struct rf_digest digest;
};

struct subjects {
    struct rf_closure *c;
    uint32_t pick;          /* whose closure is being visited */
    struct rf_strings seen; /* "where repository digest" */
    struct subject *list;
    size_t n, cap, asked; /* those before `asked` were asked for already */
};

static void add_subject(struct subjects *t, const struct rf_digest *d)
{
    const struct rf_selection *s = t->c->sel;
    char text[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_freep)
    char *key = rf_xasprintf("%u %u %s", s->picks[t->pick].where,
                             s->wanted.images[t->pick].repository, rf_digest_text(d, text));
    size_t before = t->seen.len;
    if (rf_strings_add(&t->seen, rf_slice_str(key)) < before)
        return;
    t->list = rf_grow(t->list, t->n, &t->cap, sizeof(*t->list));
    t->list[t->n++] = (struct subject){ .pick = t->pick, .digest = *d };
}

static int visit_manifest(void *ctx, uint32_t node, struct rf_err *err)
{
    struct subjects *t = ctx;
    const struct rf_node *n = &t->c->graph.nodes[node];
    (void)err;
    if (rf_node_is_manifest(n))
        add_subject(t, &n->digest);
    return 0;
}

/* Every manifest below a line, whether walked now or known from the base. */
static int add_subjects(struct subjects *t, uint32_t pick, struct rf_err *err)
{
    struct rf_closure *c = t->c;
    t->pick = pick;
    if (!c->sel->picks[pick].unchanged)
        return rf_graph_closure(&c->graph, c->sel->picks[pick].root, visit_manifest, t, err);
    const struct rf_snapshot *base = NULL;
    const struct rf_image *im = rf_closure_base_line(c, &c->sel->wanted.images[pick], &base);
    for (uint32_t i = 0; im != NULL && i < im->n_blobs; i++) {
        const struct rf_snapshot_blob *b = &base->blobs[base->items[im->first_blob + i]];
        if (b->kind == RF_BLOB_MANIFEST)
            add_subject(t, &b->digest);
    }
    return 0;
}

struct found {
    struct rf_descriptor *list;
    size_t n, cap;
    int code;
    char *reason;
};

struct referring {
    struct rf_closure *c;
    const struct subject *subjects;
    struct found *found;
};

static int keep_referrer(void *ctx, const struct rf_descriptor *desc, struct rf_err *err)
{
    struct found *f = ctx;
    (void)err;
    f->list = rf_grow(f->list, f->n, &f->cap, sizeof(*f->list));
    rf_descriptor_copy(desc, &f->list[f->n++]);
    return 0;
}

static int referrers_job(void *ctx, size_t i, struct rf_err *err)
{
    struct referring *r = ctx;
    const struct rf_selection *s = r->c->sel;
    const struct rf_location *l = &s->locations.list[s->picks[r->subjects[i].pick].where];
    struct rf_err why = RF_ERR_INIT;
    if (!s->req->items[s->picks[r->subjects[i].pick].item].referrers)
        return 0;
    int rc = rf_place_referrers(l->place, l->repo, &r->subjects[i].digest, NULL, keep_referrer,
                                &r->found[i], &why);
    if (rc == 0 || rc == -RFE_UNSUPPORTED)
        return 0;
    if (rf_cancelled())
        return rf_cancel_check(err);
    r->found[i].code = -rc;
    r->found[i].reason = rf_xasprintf("referrers: %s", why.msg);
    return 0;
}

/* Asks for the referrers of the subjects that are new; returns how many new lines that gave. */
static int find_referrers(struct subjects *t, struct rf_err *err)
{
    struct rf_selection *s = t->c->sel;
    size_t n = t->n - t->asked;
    int added = 0;
    struct referring r = { .c = t->c,
                           .subjects = t->list + t->asked,
                           .found = rf_xcalloc(n + 1, sizeof(*r.found)) };
    int rc = rf_parallel(s->req->parallel, n, referrers_job, &r, err);
    for (size_t i = 0; i < n; i++) {
        struct found *f = &r.found[i];
        uint32_t of = r.subjects[i].pick;
        if (rc == 0 && f->code != 0)
            rf_pick_fail(s, of, f->code, f->reason);
        for (size_t k = 0; k < f->n; k++) {
            if (rc == 0 && rf_media_is_manifest(f->list[k].media_type))
                added += rf_selection_add_extra(s, of, NULL, &f->list[k]) != RF_NO_ID;
            rf_descriptor_release(&f->list[k]);
        }
        free(f->list);
        free(f->reason);
    }
    free(r.found);
    return rc < 0 ? rc : added;
}

static int add_digest_tag(struct rf_selection *s, uint32_t of, const char *tag, struct rf_err *err)
{
    const struct rf_location *l = &s->locations.list[s->picks[of].where];
    struct rf_descriptor desc = RF_DESCRIPTOR_INIT;
    int rc = rf_place_resolve(l->place, l->repo, tag, NULL, &desc, err);
    if (rc == 0)
        rc = rf_selection_add_extra(s, of, tag, &desc) != RF_NO_ID;
    rf_descriptor_release(&desc);
    return rc;
}

/* Tags "sha256-<hex>.suffix" that speak of a new subject; without suffix they are the referrers' list, which the far side makes itself. */
static int find_digest_tags(struct subjects *t, struct rf_err *err)
{
    struct rf_selection *s = t->c->sel;
    int added = 0;
    for (size_t i = t->asked; i < t->n; i++) {
        const struct rf_export_item *item = &s->req->items[s->picks[t->list[i].pick].item];
        uint32_t where = s->picks[t->list[i].pick].where;
        if (!item->digest_tags)
            continue;
        int rc = rf_location_tags(&s->locations.list[where], err);
        for (size_t k = 0; rc >= 0 && k < s->locations.list[where].n_tags; k++) {
            const char *tag = s->locations.list[where].tags[k];
            struct rf_digest d;
            if (!rf_digest_tag_parse(tag, &d) || !rf_digest_eq(&d, &t->list[i].digest))
                continue;
            if (item->referrers && strchr(tag, '.') == NULL)
                continue;
            rc = add_digest_tag(s, t->list[i].pick, tag, err);
            added += rc > 0;
        }
        if (rc < 0)
            return rf_wrap(err, rc, "digest tags of %s", s->locations.list[where].name);
    }
    return added;
}

static bool wants_extras(const struct rf_closure *c, const struct rf_pick *p)
{
    const struct rf_export_item *item = &c->sel->req->items[p->item];
    return item->referrers || item->digest_tags;
}

/* Walks the lines from `first` on, then what refers to them, until nothing new turns up. */
static int walk_all(struct rf_closure *c, struct subjects *t, struct rf_err *err)
{
    struct rf_selection *s = c->sel;
    for (size_t first = 0; first < s->wanted.n;) {
        size_t end = s->wanted.n;
        for (size_t i = first; i < end; i++)
            if (usable(&s->picks[i]))
                add_root(c, i);
        int rc = rf_graph_walk(&c->graph, s->req->parallel, err);
        for (size_t i = first; rc == 0 && i < end; i++)
            if (usable(&s->picks[i]) && wants_extras(c, &s->picks[i]))
                (void)add_subjects(t, (uint32_t)i, NULL); /* a loop becomes a hole in mark_holes */
        if (rc == 0)
            rc = find_referrers(t, err);
        if (rc >= 0)
            rc = find_digest_tags(t, err);
        if (rc < 0)
            return rc;
        t->asked = t->n;
        first = end;
    }
    return 0;
}

/* ---- asking for what is to be carried ---- */

struct asking {
    struct rf_closure *c;
    uint32_t *nodes;
    size_t n, cap;
    uint8_t *seen;
    int *codes;
    char **reasons;
    bool *cached;
};

static int visit_needed(void *ctx, uint32_t node, struct rf_err *err)
{
    struct asking *a = ctx;
    const struct rf_node *n = &a->c->graph.nodes[node];
    (void)err;
    if (a->seen[node] || n->external || rf_node_is_manifest(n) ||
        rf_bases_have(a->c->bases, a->c->n_bases, &n->digest))
        return 0;
    a->seen[node] = 1;
    a->nodes = rf_grow(a->nodes, a->n, &a->cap, sizeof(*a->nodes));
    a->nodes[a->n++] = node;
    return 0;
}

static int ask(struct asking *a, size_t i, struct rf_err *err)
{
    struct rf_selection *s = a->c->sel;
    const struct rf_node *n = &a->c->graph.nodes[a->nodes[i]];
    const struct rf_location *l = &s->locations.list[n->where];
    if (n->kind != RF_NODE_CONFIG || n->size > RF_CONFIG_MAX)
        return rf_place_probe_blob(l->place, l->repo, &n->digest, n->size, RF_PROBE_HEAD, err);
    a->cached[i] = true;
    if (rf_blob_store_stat(s->state->cache, &n->digest, NULL, err) == 0)
        return 0;
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = NULL;
    int rc = rf_blob_store_put(s->state->cache, &n->digest, n->size, &sink, err);
    if (rc == 0)
        rc = rf_place_get_blob(l->place, l->repo, &n->digest, n->size, 0, NULL, sink, err);
    return rc < 0 ? rc : rf_sink_commit(sink, err);
}

static int ask_job(void *ctx, size_t i, struct rf_err *err)
{
    struct asking *a = ctx;
    struct rf_err why = RF_ERR_INIT;
    int rc = ask(a, i, &why);
    if (rc == 0)
        return 0;
    if (rf_cancelled())
        return rf_cancel_check(err);
    if (rc == -RFE_NO_SPACE)
        return rf_fail(err, -rc, "%s", why.msg);
    char text[RF_DIGEST_TEXT];
    const struct rf_node *n = &a->c->graph.nodes[a->nodes[i]];
    a->codes[i] = -rc;
    a->reasons[i] = rf_xasprintf("blob %s: %s", rf_digest_text(&n->digest, text), why.msg);
    return 0;
}

static void enter_answers(struct asking *a)
{
    struct rf_graph *g = &a->c->graph;
    for (size_t i = 0; i < a->n; i++) {
        struct rf_node *n = &g->nodes[a->nodes[i]];
        if (a->codes[i] != 0) {
            n->error_code = a->codes[i];
            n->error = rf_strings_add(&g->strings, rf_slice_str(a->reasons[i]));
        } else if (!a->cached[i]) {
            a->c->fetch_bytes += n->size;
        }
        free(a->reasons[i]);
    }
}

static int ask_for_blobs(struct rf_closure *c, struct rf_err *err)
{
    struct rf_selection *s = c->sel;
    struct asking a = { .c = c, .seen = rf_xcalloc(c->graph.n_nodes + 1, 1) };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < s->wanted.n; i++)
        if (usable(&s->picks[i]) && !s->picks[i].unchanged)
            rc = rf_graph_closure(&c->graph, s->picks[i].root, visit_needed, &a, err);
    a.codes = rf_xcalloc(a.n + 1, sizeof(*a.codes));
    a.reasons = rf_xcalloc(a.n + 1, sizeof(*a.reasons));
    a.cached = rf_xcalloc(a.n + 1, sizeof(*a.cached));
    if (rc == 0)
        rc = rf_parallel(s->req->parallel, a.n, ask_job, &a, err);
    enter_answers(&a);
    free(a.codes);
    free(a.reasons);
    free(a.cached);
    free(a.nodes);
    free(a.seen);
    return rc;
}

static void mark_holes(struct rf_closure *c)
{
    struct rf_selection *s = c->sel;
    for (size_t i = 0; i < s->wanted.n; i++) {
        struct rf_err why = RF_ERR_INIT;
        if (!usable(&s->picks[i]) || s->picks[i].unchanged)
            continue;
        int rc = rf_graph_check(&c->graph, s->picks[i].root, &why);
        if (rc < 0)
            rf_pick_fail(s, i, -rc, why.msg);
    }
}

int rf_closure_build(struct rf_closure *c, struct rf_err *err)
{
    struct subjects t = { .c = c };
    rf_graph_init(&c->graph, fetch_node, c);
    rf_strings_init(&t.seen);
    int rc = choose_platforms(c, err);
    if (rc == 0)
        rc = walk_all(c, &t, err);
    if (rc == 0) {
        mark_holes(c); /* what cannot be read is not asked for */
        rc = ask_for_blobs(c, err);
    }
    if (rc == 0)
        mark_holes(c);
    rf_strings_release(&t.seen);
    free(t.list);
    return rc;
}
