/* SPDX-License-Identifier: Apache-2.0 */
#include "import/ground.h"

#include "base/cancel.h"
#include "base/mem.h"
#include "base/parallel.h"

/* ---- what the new and changed images build on ---- */

struct assumed {
    struct rf_import_run *r;
    uint32_t *blobs;
    size_t n;
    bool *absent; /* per blob of the bundle */
};

static int look_in(struct rf_import_run *r, uint32_t blob, uint32_t number, struct rf_err *err)
{
    const struct rf_bundle_blob *b = &r->doc->blobs[blob];
    RF_CLEANUP(rf_freep)
    char *repo = rf_run_repo(r, rf_desired_str(&r->doc->desired, r->doc->repositories[number]));
    if (b->kind != RF_BLOB_MANIFEST)
        return rf_place_probe_blob(r->req->to, repo, &b->digest, b->size, RF_PROBE_RANGE, err);
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_manifest_expect expect = { .size = b->size,
                                         .media_type =
                                             rf_desired_str(&r->doc->desired, b->media_type) };
    int rc = rf_place_get_manifest(r->req->to, repo, NULL, &b->digest, &expect, &m, err);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&r->lock);
    rc = rf_content_check_manifest(&r->content, blob, m, err);
    pthread_mutex_unlock(&r->lock);
    return rc;
}

/* In the repositories that the base names, then in those that need it. */
static int assumed_job(void *ctx, size_t k, struct rf_err *err)
{
    struct assumed *a = ctx;
    struct rf_import_run *r = a->r;
    uint32_t blob = a->blobs[k];
    const struct rf_bundle_blob *b = &r->doc->blobs[blob];
    for (uint32_t i = 0; i < b->n_from + b->n_repos; i++) {
        uint32_t item = i < b->n_from ? b->first_from + i : b->first_repo + (i - b->n_from);
        int rc = look_in(r, blob, r->doc->lists[item], err);
        if (rc == 0) {
            r->found[blob] = r->doc->lists[item];
            rf_run_count(r, &r->counts.probes, 1);
            return 0;
        }
        if (rc != -RFE_NOT_FOUND)
            return rf_wrap(err, rc, "look for what the bundle builds on at %s", r->req->to_name);
    }
    a->absent[blob] = true;
    return 0;
}

/* ---- images that did not change ---- */

static int fetch_ground(void *ctx, const struct rf_graph *g, uint32_t node,
                        struct rf_manifest **out, size_t **chosen, size_t *n_chosen,
                        struct rf_err *err)
{
    struct rf_import_run *r = ctx;
    const struct rf_desired *d = &r->doc->desired;
    const struct rf_image *im = &d->images[g->nodes[node].where];
    struct rf_manifest_expect expect = { .size = g->nodes[node].size,
                                         .media_type = rf_graph_media_type(g, node) };
    RF_CLEANUP(rf_freep) char *repo = rf_run_repo(r, rf_desired_str(d, im->repository));
    int rc =
        rf_place_get_manifest(r->req->to, repo, NULL, &g->nodes[node].digest, &expect, out, err);
    if (rc < 0 || im->n_children == 0 || !rf_digest_eq(&im->digest, &g->nodes[node].digest))
        return rc;
    size_t *list = rf_xcalloc((*out)->n_entries + 1, sizeof(*list));
    for (size_t i = 0; i < (*out)->n_entries; i++)
        if (rf_image_chose(d, im, &(*out)->entries[i].digest))
            list[(*n_chosen)++] = i;
    *chosen = list;
    return 0;
}

static bool stays(const struct rf_image *im)
{
    return im->status == RF_IMAGE_UNCHANGED || im->status == RF_IMAGE_HELD;
}

static int walk_ground(struct rf_import_run *r, struct rf_err *err)
{
    const struct rf_desired *d = &r->doc->desired;
    rf_graph_init(&r->ground, fetch_ground, r);
    for (size_t i = 0; i < d->n; i++) {
        const struct rf_image *im = &d->images[i];
        if (!stays(im))
            continue;
        RF_CLEANUP(rf_freep) char *media_type = rf_xstrdup(rf_desired_str(d, im->media_type));
        struct rf_descriptor desc = { .digest = im->digest,
                                      .size = im->size,
                                      .media_type = media_type };
        int rc = rf_graph_add_root(&r->ground, &desc, (uint32_t)i, &r->roots[i], err);
        if (rc < 0)
            return rc;
    }
    return rf_graph_walk(&r->ground, r->req->parallel, err);
}

struct ground_probes {
    struct rf_import_run *r;
    uint32_t *nodes;
    size_t n;
    bool *absent; /* per node */
};

static int ground_job(void *ctx, size_t k, struct rf_err *err)
{
    struct ground_probes *p = ctx;
    struct rf_import_run *r = p->r;
    const struct rf_node *n = &r->ground.nodes[p->nodes[k]];
    const struct rf_image *im = &r->doc->desired.images[n->where];
    RF_CLEANUP(rf_freep)
    char *repo = rf_run_repo(r, rf_desired_str(&r->doc->desired, im->repository));
    int rc = rf_place_probe_blob(r->req->to, repo, &n->digest, n->size, RF_PROBE_RANGE, err);
    if (rc == -RFE_NOT_FOUND) {
        p->absent[p->nodes[k]] = true;
        return 0;
    }
    if (rc == 0)
        rf_run_count(r, &r->counts.probes, 1);
    return rc < 0 ? rf_wrap(err, rc, "look for what the bundle builds on at %s", r->req->to_name)
                  : 0;
}

/* A manifest that is not there is missing ground; one that could not be read is a failure. */
static int judge_manifests(struct rf_import_run *r, bool *absent, struct rf_err *err)
{
    for (size_t i = 0; i < r->ground.n_nodes; i++) {
        const struct rf_node *n = &r->ground.nodes[i];
        if (n->error_code == 0)
            continue;
        if (n->error_code != RFE_NOT_FOUND)
            return rf_fail(err, n->error_code, "look for what the bundle builds on at %s: %s",
                           r->req->to_name, rf_strings_get(&r->ground.strings, n->error));
        absent[i] = true;
    }
    return 0;
}

static void add_missing(struct rf_import_run *r, size_t image, const struct rf_digest *d,
                        uint64_t size, bool manifest)
{
    r->missing = rf_grow(r->missing, r->n_missing, &r->cap_missing, sizeof(*r->missing));
    r->missing[r->n_missing++] = (struct rf_missing){
        .image = (uint32_t)image, .digest = *d, .size = size, .manifest = manifest
    };
}

struct listing {
    struct rf_import_run *r;
    const bool *absent;
    size_t image;
};

static int list_node(void *ctx, uint32_t node, struct rf_err *err)
{
    struct listing *l = ctx;
    const struct rf_node *n = &l->r->ground.nodes[node];
    (void)err;
    if (l->absent[node])
        add_missing(l->r, l->image, &n->digest, n->size, rf_node_is_manifest(n));
    return 0;
}

static int list_unchanged(struct rf_import_run *r, const bool *absent, struct rf_err *err)
{
    for (size_t i = 0; i < r->doc->desired.n; i++) {
        struct listing l = { .r = r, .absent = absent, .image = i };
        if (r->roots[i] == RF_NO_ID)
            continue;
        int rc = rf_graph_closure(&r->ground, r->roots[i], list_node, &l, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int check_unchanged(struct rf_import_run *r, struct rf_err *err)
{
    int rc = walk_ground(r, err);
    if (rc < 0)
        return rc;
    size_t n = r->ground.n_nodes;
    RF_CLEANUP(rf_freep) bool *absent = rf_xcalloc(n + 1, sizeof(*absent));
    RF_CLEANUP(rf_freep) uint32_t *nodes = rf_xcalloc(n + 1, sizeof(*nodes));
    struct ground_probes p = { .r = r, .nodes = nodes, .absent = absent };
    for (size_t i = 0; i < n; i++)
        if (!rf_node_is_manifest(&r->ground.nodes[i]) && !r->ground.nodes[i].external &&
            r->req->check == RF_CHECK_BLOBS)
            nodes[p.n++] = (uint32_t)i;
    rc = judge_manifests(r, absent, err);
    if (rc == 0)
        rc = rf_parallel(r->req->parallel, p.n, ground_job, &p, err);
    return rc < 0 ? rc : list_unchanged(r, absent, err);
}

/* ---- which images need what is missing ---- */

/* Direct children of a manifest that are absent; an absent manifest speaks for itself alone. */
struct children {
    uint32_t *list;
    size_t n, cap;
};

static void absent_entry(struct rf_import_run *r, const bool *absent, const struct rf_descriptor *d,
                         struct children *out)
{
    const struct rf_bundle_blob *b = rf_bundle_find(r->doc, &d->digest);
    if (b == NULL || !absent[b - r->doc->blobs])
        return;
    out->list = rf_grow(out->list, out->n, &out->cap, sizeof(*out->list));
    out->list[out->n++] = (uint32_t)(b - r->doc->blobs);
}

static int absent_children(struct rf_import_run *r, uint32_t blob, const bool *absent,
                           struct children *out, struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    if (absent[blob])
        return 0;
    int rc = rf_run_manifest(r, blob, &m, err);
    if (rc < 0)
        return rc;
    if (m->kind == RF_KIND_IMAGE)
        absent_entry(r, absent, &m->config, out);
    for (size_t i = 0; i < m->n_entries; i++)
        absent_entry(r, absent, &m->entries[i], out);
    return 0;
}

static bool is_of_repository(const struct rf_import_run *r, const struct rf_bundle_blob *b,
                             uint32_t repository)
{
    for (uint32_t k = 0; k < b->n_repos; k++)
        if (r->doc->repositories[r->doc->lists[b->first_repo + k]] == repository)
            return true;
    return false;
}

/* What an absent manifest names cannot be read from it: everything absent that nothing else names and that its repository needs. */
static void list_unread(struct rf_import_run *r, size_t image, const bool *absent,
                        const bool *named, bool *listed)
{
    const struct rf_bundle *doc = r->doc;
    for (size_t i = 0; i < doc->n_blobs; i++) {
        const struct rf_bundle_blob *b = &doc->blobs[i];
        if (!absent[i] || named[i] || listed[i] ||
            !is_of_repository(r, b, doc->desired.images[image].repository))
            continue;
        add_missing(r, image, &b->digest, b->size, b->kind == RF_BLOB_MANIFEST);
        listed[i] = true;
    }
}

/* All manifests below (and including) the image's, then what each of them lacks. */
static void list_image(struct rf_import_run *r, size_t image, const bool *absent, const bool *named,
                       const struct children *per_manifest)
{
    const struct rf_bundle *doc = r->doc;
    const struct rf_bundle_blob *top = rf_bundle_find(doc, &doc->desired.images[image].digest);
    if (top == NULL)
        return;
    RF_CLEANUP(rf_freep) bool *below = rf_xcalloc(doc->n_blobs + 1, sizeof(*below));
    RF_CLEANUP(rf_freep) bool *listed = rf_xcalloc(doc->n_blobs + 1, sizeof(*listed));
    below[top - doc->blobs] = true;
    for (bool more = true; more;) {
        more = false;
        for (size_t e = 0; e < r->content.n_edges; e++) {
            const struct rf_content_edge *edge = &r->content.edges[e];
            if (below[edge->parent] && !below[edge->child])
                more = below[edge->child] = true;
        }
    }
    bool unread = false;
    for (size_t i = 0; i < doc->n_blobs && doc->blobs[i].kind == RF_BLOB_MANIFEST; i++) {
        if (!below[i])
            continue;
        unread = unread || absent[i];
        if (absent[i] && !listed[i])
            add_missing(r, image, &doc->blobs[i].digest, doc->blobs[i].size, true);
        listed[i] = true;
        for (size_t k = 0; k < per_manifest[i].n; k++) {
            uint32_t child = per_manifest[i].list[k];
            if (!listed[child])
                add_missing(r, image, &doc->blobs[child].digest, doc->blobs[child].size, false);
            listed[child] = true;
        }
    }
    if (unread)
        list_unread(r, image, absent, named, listed);
}

/* What some manifest that could be read names, or an image itself. */
static void mark_named(const struct rf_import_run *r, const struct children *per_manifest,
                       bool *named)
{
    const struct rf_bundle *doc = r->doc;
    for (size_t e = 0; e < r->content.n_edges; e++)
        named[r->content.edges[e].child] = true;
    for (size_t i = 0; i < doc->n_blobs; i++)
        for (size_t k = 0; k < per_manifest[i].n; k++)
            named[per_manifest[i].list[k]] = true;
    for (size_t i = 0; i < doc->desired.n; i++) {
        const struct rf_bundle_blob *top = rf_bundle_find(doc, &doc->desired.images[i].digest);
        if (top != NULL)
            named[top - doc->blobs] = true;
    }
}

static int list_changed(struct rf_import_run *r, const bool *absent, struct rf_err *err)
{
    const struct rf_bundle *doc = r->doc;
    struct children *lists = rf_xcalloc(doc->n_blobs + 1, sizeof(*lists));
    RF_CLEANUP(rf_freep) bool *named = rf_xcalloc(doc->n_blobs + 1, sizeof(*named));
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < doc->n_blobs && doc->blobs[i].kind == RF_BLOB_MANIFEST; i++)
        rc = absent_children(r, (uint32_t)i, absent, &lists[i], err);
    mark_named(r, lists, named);
    for (size_t i = 0; rc == 0 && i < doc->desired.n; i++)
        if (rf_image_travels(&doc->desired.images[i]))
            list_image(r, i, absent, named, lists);
    for (size_t i = 0; i < doc->n_blobs; i++)
        free(lists[i].list);
    free(lists);
    return rc;
}

static int check_assumed(struct rf_import_run *r, struct rf_err *err)
{
    size_t n = r->doc->n_blobs, absent_count = 0;
    RF_CLEANUP(rf_freep) uint32_t *blobs = rf_xcalloc(n + 1, sizeof(*blobs));
    RF_CLEANUP(rf_freep) bool *absent = rf_xcalloc(n + 1, sizeof(*absent));
    struct assumed a = { .r = r, .blobs = blobs, .absent = absent };
    for (size_t i = 0; i < n; i++)
        if (r->doc->blobs[i].travel == RF_TRAVEL_ASSUMED)
            blobs[a.n++] = (uint32_t)i;
    int rc = rf_parallel(r->req->parallel, a.n, assumed_job, &a, err);
    for (size_t i = 0; i < n; i++)
        absent_count += absent[i];
    return rc < 0 || absent_count == 0 ? rc : list_changed(r, absent, err);
}

int rf_ground_check(struct rf_import_run *r, struct rf_err *err)
{
    int rc = check_assumed(r, err);
    if (rc == 0)
        rc = check_unchanged(r, err);
    if (rc < 0 || r->n_missing == 0)
        return rc;
    size_t images = 0;
    for (size_t i = 0; i < r->n_missing; i++)
        images += i == 0 || r->missing[i].image != r->missing[i - 1].image;
    return rf_fail(
        err, RFE_GROUND_MISSING,
        "%s lacks what this bundle builds on, for %zu images (listed above); nothing was written; apply the bundle that "
        "brought it first, or export anew with --full",
        r->req->to_name, images);
}

static int can_write_job(void *ctx, size_t i, struct rf_err *err)
{
    struct rf_import_run *r = ctx;
    RF_CLEANUP(rf_freep)
    char *repo = rf_run_repo(r, rf_desired_str(&r->doc->desired, r->doc->repositories[i]));
    int rc = rf_place_can_write(r->req->to, repo, err);
    if (rc == -RFE_UNSUPPORTED)
        return 0;
    if (rc == -RFE_DENIED)
        return rf_wrap(err, rc, "no permission to write to %s at %s", repo, r->req->to_name);
    return rc < 0 ? rf_wrap(err, rc, "destination %s", r->req->to_name) : 0;
}

int rf_ground_can_write(struct rf_import_run *r, struct rf_err *err)
{
    return rf_parallel(r->req->parallel, r->doc->n_repositories, can_write_job, r, err);
}
