/* SPDX-License-Identifier: Apache-2.0 */
#include "export/repair_sources.h"

#include "base/cancel.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "export/select.h"

/* ---- places ---- */

static void add_place(struct rf_repair_sources *src, uint32_t blob, uint32_t where)
{
    uint32_t *list = src->places + (size_t)blob * RF_REPAIR_PLACES;
    for (size_t i = 0; i < RF_REPAIR_PLACES; i++) {
        if (list[i] == where)
            return;
        if (list[i] == RF_NO_ID) {
            list[i] = where;
            return;
        }
    }
}

static void open_places(struct rf_repair_sources *src)
{
    const struct rf_desired *d = &src->s->desired;
    for (size_t i = 0; i < d->n; i++) {
        const struct rf_image *im = &d->images[i];
        const char *source = rf_desired_str(d, im->source);
        struct rf_err why = RF_ERR_INIT;
        if (rf_locations_find_source(&src->locations, source, &src->where[i], &why) < 0) {
            src->where[i] = RF_NO_ID;
            if (src->why == NULL)
                src->why = rf_location_reason(source, NULL, why.msg);
            continue;
        }
        for (uint32_t k = 0; k < im->n_blobs; k++)
            add_place(src, src->s->items[im->first_blob + k], src->where[i]);
    }
}

static int fetch(void *ctx, const struct rf_graph *g, uint32_t node, struct rf_manifest **out,
                 size_t **chosen, size_t *n_chosen, struct rf_err *err)
{
    struct rf_repair_sources *src = ctx;
    const struct rf_node *n = &g->nodes[node];
    uint32_t blob = rf_snapshot_find_blob(src->s, &n->digest);
    const uint32_t *list = src->places + (size_t)blob * RF_REPAIR_PLACES;
    int rc = -RFE_NOT_FOUND;
    for (size_t i = 0; rc < 0 && i < RF_REPAIR_PLACES && list[i] != RF_NO_ID; i++)
        rc = rf_export_fetch_manifest(src->state, &src->locations.list[list[i]], &n->digest,
                                      n->size, rf_graph_media_type(g, node), out, err);
    if (list[0] == RF_NO_ID)
        return rf_fail(err, RFE_NOT_FOUND, "%s", src->why != NULL ? src->why : "no source has it");
    if (rc < 0 || (*out)->kind != RF_KIND_INDEX)
        return rc;
    /* children that nobody chose are not in the snapshot */
    *chosen = rf_xcalloc((*out)->n_entries + 1, sizeof(**chosen));
    for (size_t i = 0; i < (*out)->n_entries; i++)
        if (rf_snapshot_find_blob(src->s, &(*out)->entries[i].digest) != RF_NO_ID)
            (*chosen)[(*n_chosen)++] = i;
    return rc;
}

void rf_repair_sources_init(struct rf_repair_sources *src, const struct rf_export_request *req,
                            struct rf_export_state *state, const struct rf_snapshot *s)
{
    memset(src, 0, sizeof(*src));
    src->req = req;
    src->state = state;
    src->s = s;
    rf_locations_init(&src->locations, req->client, state);
    rf_graph_init(&src->graph, fetch, src);
    src->where = rf_xcalloc(s->desired.n + 1, sizeof(*src->where));
    src->places = rf_xcalloc(s->n_blobs + 1, RF_REPAIR_PLACES * sizeof(*src->places));
    for (size_t i = 0; i < s->n_blobs * RF_REPAIR_PLACES; i++)
        src->places[i] = RF_NO_ID;
    open_places(src);
}

void rf_repair_sources_release(struct rf_repair_sources *src)
{
    rf_graph_release(&src->graph);
    rf_locations_release(&src->locations);
    free(src->where);
    free(src->places);
    free(src->why);
}

/* ---- manifests ---- */

void rf_repair_sources_add(struct rf_repair_sources *src, uint32_t manifest)
{
    const struct rf_snapshot_blob *b = &src->s->blobs[manifest];
    RF_CLEANUP(rf_freep)
    char *media_type = rf_xstrdup(rf_desired_str(&src->s->desired, b->media_type));
    struct rf_descriptor desc = { .digest = b->digest, .size = b->size, .media_type = media_type };
    uint32_t root;
    struct rf_err unused = RF_ERR_INIT; /* a snapshot has one size and type for each digest */
    (void)!rf_graph_add_root(&src->graph, &desc, 0, &root, &unused);
}

int rf_repair_sources_walk(struct rf_repair_sources *src, struct rf_err *err)
{
    int rc = rf_graph_walk(&src->graph, src->req->parallel, err);
    return rc < 0 ? rc : rf_export_state_check(src->state, err);
}

struct below {
    const struct rf_repair_sources *src;
    uint32_t *list;
    size_t n, cap;
};

static int visit(void *ctx, uint32_t node, struct rf_err *err)
{
    struct below *b = ctx;
    uint32_t blob = rf_snapshot_find_blob(b->src->s, &b->src->graph.nodes[node].digest);
    (void)err;
    if (blob == RF_NO_ID) /* lies elsewhere, was not chosen */
        return 0;
    b->list = rf_grow(b->list, b->n, &b->cap, sizeof(*b->list));
    b->list[b->n++] = blob;
    return 0;
}

int rf_repair_sources_below(const struct rf_repair_sources *src, uint32_t manifest, uint32_t **out,
                            size_t *n, struct rf_err *err)
{
    struct below b = { .src = src };
    uint32_t root = rf_graph_find(&src->graph, &src->s->blobs[manifest].digest);
    int rc = root == RF_NO_ID ? 0 : rf_graph_closure(&src->graph, root, visit, &b, err);
    if (rc < 0) {
        free(b.list);
        return rc;
    }
    *out = b.list;
    *n = b.n;
    return 0;
}

/* ---- blobs ---- */

struct asking {
    struct rf_repair_sources *src;
    const uint32_t *blobs;
    char **failed;
    bool *cached; /* per item of blobs */
};

static int probe(struct rf_repair_sources *src, const struct rf_snapshot_blob *b, uint32_t where,
                 struct rf_err *why)
{
    const struct rf_location *l = &src->locations.list[where];
    struct rf_err first = RF_ERR_INIT;
    int rc = rf_place_probe_blob(l->place, l->repo, &b->digest, b->size, RF_PROBE_HEAD, &first);
    if (rc < 0) {
        RF_CLEANUP(rf_freep) char *shown = rf_location_reason("", l->path, first.msg);
        rc = rf_fail(why, -rc, "%s", shown);
    }
    return rc;
}

/* Of a manifest its node in the graph tells: those below what is missing were all read. */
static int manifest_state(struct rf_repair_sources *src, const struct rf_snapshot_blob *b,
                          struct rf_err *why)
{
    uint32_t node = rf_graph_find(&src->graph, &b->digest);
    if (node == RF_NO_ID || src->graph.nodes[node].error_code == 0)
        return 0;
    return rf_fail(why, src->graph.nodes[node].error_code, "%s",
                   rf_strings_get(&src->graph.strings, src->graph.nodes[node].error));
}

static int ask_job(void *ctx, size_t k, struct rf_err *err)
{
    struct asking *a = ctx;
    struct rf_repair_sources *src = a->src;
    const struct rf_snapshot_blob *b = &src->s->blobs[a->blobs[k]];
    const uint32_t *list = src->places + (size_t)a->blobs[k] * RF_REPAIR_PLACES;
    struct rf_err why = RF_ERR_INIT, later = RF_ERR_INIT;
    int rc = rf_blob_store_stat(src->state->cache, &b->digest, NULL, NULL);
    a->cached[k] = rc == 0;
    if (rc < 0 && b->kind == RF_BLOB_MANIFEST) {
        rc = manifest_state(src, b, &why);
    } else if (rc < 0 && list[0] == RF_NO_ID) {
        rc = rf_fail(&why, RFE_NOT_FOUND, "%s", src->why != NULL ? src->why : "no source has it");
    } else if (rc < 0) {
        rc = probe(src, b, list[0], &why);
        for (size_t i = 1; rc < 0 && i < RF_REPAIR_PLACES && list[i] != RF_NO_ID; i++)
            rc = probe(src, b, list[i], &later);
    }
    if (rf_cancelled())
        return rf_cancel_check(err);
    if (rc < 0)
        a->failed[a->blobs[k]] = rf_location_blob_reason(&b->digest, why.msg);
    return 0;
}

int rf_repair_sources_ask(struct rf_repair_sources *src, const uint32_t *blobs, size_t n,
                          char **failed, uint64_t *bytes, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) bool *cached = rf_xcalloc(n + 1, sizeof(*cached));
    struct asking a = { .src = src, .blobs = blobs, .failed = failed, .cached = cached };
    int rc = rf_parallel(src->req->parallel, n, ask_job, &a, err);
    *bytes = 0;
    for (size_t i = 0; i < n; i++)
        *bytes += cached[i] || failed[blobs[i]] != NULL ? 0 : src->s->blobs[blobs[i]].size;
    return rc;
}

void rf_repair_sources_exclude(const struct rf_repair_sources *src, struct rf_snapshot *s)
{
    for (size_t i = 0; i < s->desired.n; i++)
        if (src->where[i] == RF_NO_ID)
            s->desired.images[i].status = RF_IMAGE_UNCHANGED;
}
