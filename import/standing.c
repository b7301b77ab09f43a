/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines stand in order of repository, so each repository is a run of lines. It is walked in a graph of its own, and asked for each blob that is named in it,
 * because what one repository has says nothing of another: layouts keep files of their own, and a registry may delete a blob in one of them.
 */
#include "import/standing.h"

#include "base/mem.h"
#include "base/parallel.h"
#include "layout/graph.h"

struct group {
    struct rf_import_run *r;
    size_t first, end; /* its lines */
    char *repo;        /* at the destination */
    bool sparse;       /* some line chose children */
    unsigned threads;
    struct rf_graph graph;
    uint32_t *roots; /* per line from `first` on; RF_NO_ID when it does not stand */
    bool *absent;    /* per node */
};

struct blob {
    uint32_t group, node;
};

struct standing {
    struct rf_import_run *r;
    struct group *groups;
    size_t n, cap;
    struct blob *blobs;
    size_t n_blobs, cap_blobs;
};

static void standing_release(struct standing *s)
{
    for (size_t i = 0; i < s->n; i++) {
        rf_graph_release(&s->groups[i].graph);
        free(s->groups[i].roots);
        free(s->groups[i].absent);
        free(s->groups[i].repo);
    }
    free(s->groups);
    free(s->blobs);
}

/* What the policy refused need not be there. */
static bool stands(const struct rf_import_run *r, size_t line)
{
    uint8_t status = r->doc->desired.images[line].status;
    return (status == RF_IMAGE_UNCHANGED || status == RF_IMAGE_HELD) &&
           (r->refused == NULL || r->refused[line] == NULL);
}

static int could_not_tell(const struct rf_import_run *r, int rc, struct rf_err *err)
{
    return rf_wrap(err, rc, "look for what the bundle builds on at %s", r->req->to_name);
}

/* ---- the manifests of each repository ---- */

/* Some line with this root wants the child; only asked where lines chose children. */
static bool wanted(const struct group *g, const struct rf_digest *root,
                   const struct rf_digest *child)
{
    const struct rf_desired *d = &g->r->doc->desired;
    for (size_t i = g->first; i < g->end; i++) {
        const struct rf_image *im = &d->images[i];
        if (stands(g->r, i) && rf_digest_eq(&im->digest, root) &&
            (im->n_children == 0 || rf_image_chose(d, im, child)))
            return true;
    }
    return false;
}

static bool is_root(const struct group *g, uint32_t node)
{
    for (size_t i = g->first; i < g->end; i++)
        if (g->roots[i - g->first] == node)
            return true;
    return false;
}

static int fetch(void *ctx, const struct rf_graph *graph, uint32_t node, struct rf_manifest **out,
                 size_t **chosen, size_t *n_chosen, struct rf_err *err)
{
    struct group *g = ctx;
    const struct rf_node *n = &graph->nodes[node];
    struct rf_manifest_expect expect = { .size = n->size,
                                         .media_type = rf_graph_media_type(graph, node) };
    int rc = rf_place_get_manifest(g->r->req->to, g->repo, NULL, &n->digest, &expect, out, err);
    if (rc < 0 || !g->sparse || (*out)->kind != RF_KIND_INDEX || !is_root(g, node))
        return rc;
    size_t *list = rf_xcalloc((*out)->n_entries + 1, sizeof(*list));
    for (size_t i = 0; i < (*out)->n_entries; i++)
        if (wanted(g, &n->digest, &(*out)->entries[i].digest))
            list[(*n_chosen)++] = i;
    *chosen = list;
    return 0;
}

static int add_root(struct group *g, size_t line, struct rf_err *err)
{
    const struct rf_desired *d = &g->r->doc->desired;
    const struct rf_image *im = &d->images[line];
    RF_CLEANUP(rf_freep) char *media_type = rf_xstrdup(rf_desired_str(d, im->media_type));
    struct rf_descriptor desc = { .digest = im->digest,
                                  .size = im->size,
                                  .media_type = media_type };
    struct rf_err why = RF_ERR_INIT;
    int rc = rf_graph_add_root(&g->graph, &desc, 0, &g->roots[line - g->first], &why);
    return rc < 0 ? rf_fail(err, RFE_DAMAGED, "%s: its list of images contradicts itself: %s",
                            g->r->file != NULL ? rf_bundle_file_place(g->r->file)->name
                                               : "what is remembered of earlier bundles",
                            why.msg)
                  : 0;
}

static int walk_group(void *ctx, size_t i, struct rf_err *err)
{
    struct standing *s = ctx;
    struct group *g = &s->groups[i];
    int rc = 0;
    rf_graph_init(&g->graph, fetch, g);
    for (size_t k = g->first; rc == 0 && k < g->end; k++)
        if (stands(g->r, k))
            rc = add_root(g, k, err);
    return rc < 0 ? rc : rf_graph_walk(&g->graph, g->threads, err);
}

static void add_group(struct standing *s, size_t first, size_t end)
{
    const struct rf_desired *d = &s->r->doc->desired;
    struct group g = { .r = s->r, .first = first, .end = end };
    bool any = false;
    for (size_t i = first; i < end; i++) {
        any = any || stands(s->r, i);
        g.sparse = g.sparse || (stands(s->r, i) && d->images[i].n_children > 0);
    }
    if (!any)
        return;
    g.repo = rf_run_repo(s->r, rf_desired_str(d, d->images[first].repository));
    g.roots = rf_xcalloc(end - first, sizeof(*g.roots));
    for (size_t i = first; i < end; i++)
        g.roots[i - first] = RF_NO_ID;
    s->groups = rf_grow(s->groups, s->n, &s->cap, sizeof(*s->groups));
    s->groups[s->n++] = g;
}

static int walk(struct standing *s, struct rf_err *err)
{
    const struct rf_desired *d = &s->r->doc->desired;
    unsigned threads = s->r->req->parallel > 0 ? s->r->req->parallel : 4;
    for (size_t first = 0, i = 1; i <= d->n; i++) {
        if (i < d->n && d->images[i].repository == d->images[first].repository)
            continue;
        add_group(s, first, i);
        first = i;
    }
    /* many repositories keep the threads busy by themselves, few need them inside */
    for (size_t i = 0; i < s->n; i++)
        s->groups[i].threads = s->n >= threads ? 1 : threads / (unsigned)s->n;
    return rf_parallel(threads, s->n, walk_group, s, err);
}

/* ---- what of it is missing ---- */

/* Not there, or not what its digest says, which is no better. */
static bool is_absent(int code)
{
    return code == RFE_NOT_FOUND || code == RFE_DIGEST_MISMATCH || code == RFE_SIZE_MISMATCH;
}

/* A manifest that is absent is missing ground; one that could not be read is a failure. */
static int judge_manifests(const struct standing *s, struct rf_err *err)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct rf_graph *g = &s->groups[i].graph;
        for (size_t k = 0; k < g->n_nodes; k++) {
            const struct rf_node *n = &g->nodes[k];
            if (n->error_code != 0 && !is_absent(n->error_code))
                return could_not_tell(
                    s->r, rf_fail(err, n->error_code, "%s", rf_strings_get(&g->strings, n->error)),
                    err);
        }
    }
    return 0;
}

static void collect_blobs(struct standing *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct rf_graph *g = &s->groups[i].graph;
        s->groups[i].absent = rf_xcalloc(g->n_nodes + 1, sizeof(bool));
        for (size_t k = 0; k < g->n_nodes; k++) {
            if (rf_node_is_manifest(&g->nodes[k]) || g->nodes[k].external)
                continue;
            s->blobs = rf_grow(s->blobs, s->n_blobs, &s->cap_blobs, sizeof(*s->blobs));
            s->blobs[s->n_blobs++] = (struct blob){ .group = (uint32_t)i, .node = (uint32_t)k };
        }
    }
}

static int probe(void *ctx, size_t i, struct rf_err *err)
{
    struct standing *s = ctx;
    struct group *g = &s->groups[s->blobs[i].group];
    const struct rf_node *n = &g->graph.nodes[s->blobs[i].node];
    int rc = rf_place_probe_blob(s->r->req->to, g->repo, &n->digest, n->size, RF_PROBE_RANGE, err);
    if (rc < 0 && !is_absent(-rc))
        return could_not_tell(s->r, rc, err);
    g->absent[s->blobs[i].node] = rc < 0;
    if (rc == 0)
        rf_run_count(s->r, &s->r->counts.probes, 1);
    return 0;
}

struct listing {
    struct standing *s;
    const struct group *group;
    size_t line;
};

static int list_node(void *ctx, uint32_t node, struct rf_err *err)
{
    struct listing *l = ctx;
    const struct rf_node *n = &l->group->graph.nodes[node];
    bool manifest = rf_node_is_manifest(n);
    (void)err;
    if (manifest ? n->error_code != 0 : l->group->absent != NULL && l->group->absent[node])
        rf_run_add_missing(l->s->r, l->line, &n->digest, n->size, manifest);
    return 0;
}

static int list(struct standing *s, struct rf_err *err)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct group *g = &s->groups[i];
        for (size_t k = g->first; k < g->end; k++) {
            struct listing l = { .s = s, .group = g, .line = k };
            if (g->roots[k - g->first] == RF_NO_ID)
                continue;
            int rc = rf_graph_closure(&g->graph, g->roots[k - g->first], list_node, &l, err);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

int rf_standing_check(struct rf_import_run *r, struct rf_err *err)
{
    RF_CLEANUP(standing_release) struct standing s = { .r = r };
    int rc = walk(&s, err);
    if (rc == 0)
        rc = judge_manifests(&s, err);
    if (rc == 0 && r->req->check == RF_CHECK_BLOBS) {
        collect_blobs(&s);
        rc = rf_parallel(r->req->parallel, s.n_blobs, probe, &s, err);
    }
    return rc < 0 ? rc : list(&s, err);
}
