/* SPDX-License-Identifier: Apache-2.0 */
#include "export/closure.h"

#include "base/cancel.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "export/ahead.h"
#include "export/carry.h"
#include "export/extras.h"
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

/* ---- platforms ---- */

struct choice {
    struct rf_digest *children;
    size_t n;
    struct rf_manifest *pruned;  /* or NULL */
    struct rf_descriptor single; /* instead of the index; or empty */
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
    return rf_export_state_keep(s->state, &out->pruned->digest, rf_buf_slice(&out->pruned->body),
                                err);
}

#define NESTED_MAX 8

/* The same image that regsync would copy; indexes within the index are chosen from, too. */
static int pick_single(const struct rf_selection *s, const struct rf_location *at,
                       const struct rf_manifest *m, const struct rf_platform *platform,
                       struct choice *out, struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *inner = NULL;
    for (unsigned depth = 0; depth < NESTED_MAX; depth++) {
        size_t k = 0;
        int rc = rf_manifest_pick(m, platform, &k, err);
        if (rc < 0)
            return rc;
        rf_descriptor_release(&out->single);
        rf_descriptor_copy(&m->entries[k], &out->single);
        const struct rf_descriptor *d = &out->single;
        if (rf_media_kind(d->media_type) != RF_KIND_INDEX)
            return 0;
        struct rf_manifest *next = NULL;
        rc = rf_export_fetch_manifest(s->state, at, &d->digest, d->size, d->media_type, &next, err);
        if (rc < 0)
            return rc;
        rf_manifest_free(inner);
        m = inner = next;
    }
    return rf_fail(err, RFE_TOO_LARGE, "indexes within indexes, more than %d deep", NESTED_MAX);
}

static int choose(struct choosing *ch, size_t i, struct choice *out, struct rf_err *err)
{
    struct rf_selection *s = ch->c->sel;
    const struct rf_image *im = &s->wanted.images[i];
    const struct rf_export_item *item = &s->req->items[s->picks[i].item];
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    int rc =
        rf_export_fetch_manifest(s->state, &s->locations.list[s->picks[i].where], &im->digest,
                                 im->size, rf_desired_str(&s->wanted, im->media_type), &m, err);
    if (rc < 0)
        return rc;
    if (item->single)
        return pick_single(s, &s->locations.list[s->picks[i].where], m, &item->platforms[0], out,
                           err);
    RF_CLEANUP(rf_freep) size_t *chosen = rf_xcalloc(m->n_entries + 1, sizeof(*chosen));
    int n = rf_manifest_select(m, item->platforms, item->n_platforms, chosen, err);
    if (n < 0)
        return n;
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
    if (!rf_pick_usable(p) || p->extra || s->req->items[p->item].n_platforms == 0 ||
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
    } else if (rf_digest_is_set(&choice->single.digest)) {
        const char *type = choice->single.media_type;
        im->digest = choice->single.digest;
        im->size = choice->single.size;
        im->media_type = rf_strings_add(&s->wanted.strings, rf_slice_str(type != NULL ? type : ""));
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
        rf_descriptor_release(&ch.choices[i].single);
        free(ch.choices[i].children);
        free(ch.choices[i].reason);
    }
    free(ch.choices);
    return rc < 0 ? rc : rf_export_state_check(s->state, err);
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
    int rc = rf_export_fetch_manifest(s->state, &s->locations.list[n->where], &n->digest, n->size,
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

/* ---- all of it ---- */

/* Walks the lines from `first` on, then what refers to them, until nothing new turns up. */
static int walk_all(struct rf_closure *c, struct rf_err *err)
{
    struct rf_selection *s = c->sel;
    RF_CLEANUP(rf_extras_release) struct rf_extras extras;
    rf_extras_init(&extras, c);
    for (size_t first = 0; first < s->wanted.n;) {
        size_t end = s->wanted.n;
        for (size_t i = first; i < end; i++)
            if (rf_pick_usable(&s->picks[i]))
                add_root(c, i);
        int rc = rf_graph_walk(&c->graph, s->req->parallel, err);
        if (rc == 0)
            rc = rf_export_state_check(s->state, err);
        if (rc == 0)
            rc = rf_extras_find(&extras, first, end, err);
        if (rc < 0)
            return rc;
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
    bool external; /* of the line: layers with urls, too */
    int *codes;
    char **reasons;
    bool *cached;
};

static int visit_needed(void *ctx, uint32_t node, struct rf_err *err)
{
    struct asking *a = ctx;
    const struct rf_node *n = &a->c->graph.nodes[node];
    (void)err;
    if (a->seen[node] || (n->external && !a->external) || rf_node_is_manifest(n) ||
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
    return rf_export_fetch_config(s->state, l, &n->digest, n->size, err);
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
    rc = rf_export_state_check(a->c->sel->state, err);
    if (rc < 0)
        return rc;
    a->codes[i] = why.code;
    a->reasons[i] = rf_location_blob_reason(&a->c->graph.nodes[a->nodes[i]].digest, why.msg);
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
    for (size_t i = 0; rc == 0 && i < s->wanted.n; i++) {
        a.external = s->picks[i].include_external;
        if (rf_pick_usable(&s->picks[i]) && !s->picks[i].unchanged)
            rc = rf_graph_closure(&c->graph, s->picks[i].root, visit_needed, &a, err);
    }
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

/* ---- holes ---- */

static void mark_node(struct rf_graph *g, uint32_t node, const char *why, uint32_t child)
{
    char text[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_freep)
    char *reason = rf_xasprintf("%s %s", rf_digest_text(&g->nodes[child].digest, text), why);
    g->nodes[node].error_code = RFE_UNSUPPORTED;
    g->nodes[node].error = rf_strings_add(&g->strings, rf_slice_str(reason));
}

/* Only some entries of this root are followed. */
static bool is_sparse(const struct rf_closure *c, uint32_t node)
{
    if (node >= c->n_first_pick || c->first_pick[node] == 0)
        return false;
    for (uint32_t p = c->first_pick[node]; p != 0; p = c->next_pick[p - 1])
        if (c->sel->wanted.images[p - 1].n_children == 0)
            return false;
    return true;
}

/* What one bundle cannot say: a digest that is a layer here and a manifest there, an index that is wanted whole here and in part there. */
static void mark_contradictions(struct rf_closure *c)
{
    struct rf_graph *g = &c->graph;
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const struct rf_node n = g->nodes[i];
        for (uint32_t e = 0; e < n.n_edges && g->nodes[i].error_code == 0; e++) {
            uint32_t child = g->edges[n.first_edge + e];
            if (n.kind == RF_NODE_IMAGE && rf_node_is_manifest(&g->nodes[child]))
                mark_node(g, i, "is a layer here and a manifest elsewhere; export them apart",
                          child);
            else if (n.kind == RF_NODE_INDEX && is_sparse(c, child))
                mark_node(g, i, "is wanted whole here and in part elsewhere; export them apart",
                          child);
        }
    }
}

static void mark_holes(struct rf_closure *c)
{
    struct rf_selection *s = c->sel;
    for (size_t i = 0; i < s->wanted.n; i++) {
        struct rf_err why = RF_ERR_INIT;
        if (!rf_pick_usable(&s->picks[i]) || s->picks[i].unchanged)
            continue;
        int rc = rf_graph_check(&c->graph, s->picks[i].root, &why);
        if (rc < 0)
            rf_pick_fail(s, i, -rc, why.msg);
    }
}

int rf_closure_build(struct rf_closure *c, struct rf_err *err)
{
    rf_graph_init(&c->graph, fetch_node, c);
    c->graph.ahead = rf_ahead_level;
    int rc = rf_ahead_lines(c, err);
    if (rc == 0)
        rc = choose_platforms(c, err);
    if (rc == 0)
        rc = walk_all(c, err);
    if (rc == 0) {
        mark_contradictions(c);
        mark_holes(c); /* what cannot be read is not asked for */
        rc = rf_carry_ask(c, err);
    }
    if (rc == 0)
        rc = ask_for_blobs(c, err);
    if (rc == 0)
        mark_holes(c);
    return rc;
}
