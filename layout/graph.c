/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Level by level: the manifests of a level are fetched in parallel in batches and boiled down to lists of children where they were
 * fetched; the lists are entered into the graph in order between the batches. So the graph stands still while it is read by the
 * fetchers, has the same numbers whatever the parallelism, and never holds more than a batch of lists.
 */
#include "layout/graph.h"

#include <stdlib.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "base/text.h"

#define BATCH 256
#define ERROR_TEXT_MAX 1024

enum node_state { STATE_NEW = 0, STATE_DONE };

/* ---- nodes ---- */

static struct rf_slice digest_key(const struct rf_digest *d)
{
    return rf_slice_of(d, offsetof(struct rf_digest, bytes) + d->len);
}

static struct rf_slice node_key(const void *ctx, uint32_t id)
{
    return digest_key(&((const struct rf_graph *)ctx)->nodes[id].digest);
}

void rf_graph_init(struct rf_graph *g, rf_graph_fetch fetch, void *ctx)
{
    *g = (struct rf_graph){ .fetch = fetch, .ctx = ctx };
    rf_strings_init(&g->strings);
    rf_idmap_init(&g->by_digest, node_key, g);
}

void rf_graph_release(struct rf_graph *g)
{
    free(g->nodes);
    free(g->edges);
    rf_strings_release(&g->strings);
    rf_idmap_release(&g->by_digest);
    g->nodes = NULL;
    g->edges = NULL;
    g->n_nodes = g->cap_nodes = g->n_edges = g->cap_edges = 0;
}

uint32_t rf_graph_find(const struct rf_graph *g, const struct rf_digest *d)
{
    return rf_idmap_find(&g->by_digest, digest_key(d));
}

/* What a document or a caller says of a node. */
struct named {
    struct rf_digest digest;
    uint64_t size;
    const char *media_type; /* or NULL */
    uint32_t where;
    uint8_t kind, depth;
    bool external;
};

static bool is_manifest_kind(uint8_t kind)
{
    return kind == RF_NODE_IMAGE || kind == RF_NODE_INDEX;
}

static const char *kind_text(uint8_t kind)
{
    static const char *const texts[] = { "a blob", "a config", "an image", "an index" };
    return texts[kind];
}

/* A node that was known already is named once more: what both say must fit together. */
static int merge_node(struct rf_graph *g, struct rf_node *n, const struct named *v,
                      struct rf_err *err)
{
    char text[RF_DIGEST_TEXT];
    if (n->size != 0 && v->size != 0 && n->size != v->size)
        return rf_fail(err, RFE_AMBIGUOUS, "%s is named with two sizes, %llu and %llu",
                       rf_digest_text(&n->digest, text), (unsigned long long)n->size,
                       (unsigned long long)v->size);
    if (is_manifest_kind(n->kind) && is_manifest_kind(v->kind) && n->kind != v->kind)
        return rf_fail(err, RFE_AMBIGUOUS, "%s is named as %s and as %s",
                       rf_digest_text(&n->digest, text), kind_text(n->kind), kind_text(v->kind));
    if (n->size == 0)
        n->size = v->size;
    if (v->kind > n->kind) {
        n->kind = v->kind;
        n->depth = v->depth;
        n->media_type = rf_strings_add(&g->strings, rf_slice_str(v->media_type));
    }
    if (!v->external)
        n->external = false;
    return 0;
}

static int add_node(struct rf_graph *g, const struct named *v, uint32_t *id, struct rf_err *err)
{
    uint32_t old = rf_graph_find(g, &v->digest);
    if (old != RF_NO_ID) {
        int rc = merge_node(g, &g->nodes[old], v, err);
        if (rc == 0)
            *id = old;
        return rc;
    }
    if (g->n_nodes >= RF_GRAPH_NODES_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "more than %u manifests and blobs in one walk",
                       RF_GRAPH_NODES_MAX);
    g->nodes = rf_grow(g->nodes, g->n_nodes, &g->cap_nodes, sizeof(*g->nodes));
    g->nodes[g->n_nodes] = (struct rf_node){
        .digest = v->digest,
        .kind = v->kind,
        .depth = v->depth,
        .external = v->external,
        .media_type = rf_strings_add(&g->strings, rf_slice_str(v->media_type)),
        .where = v->where,
        .error = RF_NO_ID,
        .size = v->size,
    };
    *id = (uint32_t)g->n_nodes++;
    rf_idmap_add(&g->by_digest, *id);
    return 0;
}

int rf_graph_add_root(struct rf_graph *g, const struct rf_descriptor *desc, uint32_t where,
                      uint32_t *node, struct rf_err *err)
{
    enum rf_media_kind kind = rf_media_kind(desc->media_type);
    if (kind != RF_KIND_IMAGE && kind != RF_KIND_INDEX) {
        char text[RF_DIGEST_TEXT];
        RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(desc->media_type), 255);
        return rf_fail(err, RFE_UNSUPPORTED, "%s: media type \"%s\" is no image's or index's",
                       rf_digest_text(&desc->digest, text), shown);
    }
    struct named v = { .digest = desc->digest,
                       .size = desc->size,
                       .media_type = desc->media_type,
                       .where = where,
                       .kind = kind == RF_KIND_IMAGE ? RF_NODE_IMAGE : RF_NODE_INDEX };
    uint32_t id = RF_NO_ID;
    int rc = add_node(g, &v, &id, err);
    if (rc < 0)
        return rc;
    struct rf_node *n = &g->nodes[id];
    if (n->depth > RF_INDEX_DEPTH_MAX && n->error_code == RFE_TOO_LARGE) {
        /* It was too deep below another root; here it is on top. */
        n->state = STATE_NEW;
        n->error = RF_NO_ID;
        n->error_code = 0;
    }
    n->depth = 0;
    *node = id;
    return 0;
}

/* ---- fetching: each result is boiled down where it was fetched ---- */

struct child {
    struct rf_digest digest;
    uint64_t size;
    uint32_t media_type; /* in result.types */
    uint8_t kind;
    bool external;
};

struct result {
    uint32_t node;
    int error_code;
    char *error; /* when error_code is set */
    uint64_t size;
    struct rf_strings types;
    struct child *children;
    size_t n, cap;
};

static void result_clear(struct result *r)
{
    rf_freep(&r->error);
    rf_freep(&r->children);
    rf_strings_release(&r->types);
    r->n = r->cap = 0;
    r->error_code = 0;
}

static void result_fail(struct result *r, const struct rf_err *err)
{
    r->error_code = err->code;
    rf_freep(&r->error);
    r->error = rf_xstrndup(err->msg, ERROR_TEXT_MAX);
    r->n = 0;
}

static void add_child(struct result *r, const struct rf_descriptor *d, uint8_t kind, bool external)
{
    r->children = rf_grow(r->children, r->n, &r->cap, sizeof(*r->children));
    r->children[r->n++] =
        (struct child){ .digest = d->digest,
                        .size = d->size,
                        .media_type = rf_strings_add(&r->types, rf_slice_str(d->media_type)),
                        .kind = kind,
                        .external = external };
}

static int add_index_child(struct result *r, const struct rf_descriptor *d, struct rf_err *err)
{
    char text[RF_DIGEST_TEXT];
    switch (rf_media_kind(d->media_type)) {
    case RF_KIND_IMAGE:
        add_child(r, d, RF_NODE_IMAGE, false);
        return 0;
    case RF_KIND_INDEX:
        add_child(r, d, RF_NODE_INDEX, false);
        return 0;
    case RF_KIND_LEGACY:
        return rf_fail(err, RFE_UNSUPPORTED, "the entry %s has the retired media type %s",
                       rf_digest_text(&d->digest, text), d->media_type);
    case RF_KIND_OTHER:
        break;
    }
    add_child(r, d, RF_NODE_BLOB, false);
    return 0;
}

static int boil_index(struct result *r, const struct rf_manifest *m, const size_t *chosen,
                      size_t n_chosen, struct rf_err *err)
{
    size_t n = chosen != NULL ? n_chosen : m->n_entries;
    for (size_t i = 0; i < n; i++) {
        size_t at = chosen != NULL ? chosen[i] : i;
        RF_CHECK(at < m->n_entries);
        int rc = add_index_child(r, &m->entries[at], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void boil_image(const struct rf_graph *g, struct result *r, const struct rf_manifest *m)
{
    add_child(r, &m->config, RF_NODE_CONFIG, false);
    for (size_t i = 0; i < m->n_entries; i++)
        add_child(r, &m->entries[i], RF_NODE_BLOB, m->entries[i].n_urls > 0 && !g->keep_external);
}

/* The fetched document must be what the node was named as. */
static int check_fetched(const struct rf_node *n, const struct rf_manifest *m, struct rf_err *err)
{
    char a[RF_DIGEST_TEXT], b[RF_DIGEST_TEXT];
    if (!rf_digest_eq(&m->digest, &n->digest))
        return rf_fail(err, RFE_DIGEST_MISMATCH, "asked for %s, got %s",
                       rf_digest_text(&n->digest, a), rf_digest_text(&m->digest, b));
    if (n->size != 0 && n->size != m->body.len)
        return rf_fail(err, RFE_SIZE_MISMATCH, "%s: want %llu bytes, got %zu",
                       rf_digest_text(&n->digest, a), (unsigned long long)n->size, m->body.len);
    uint8_t kind = m->kind == RF_KIND_INDEX ? RF_NODE_INDEX : RF_NODE_IMAGE;
    if (n->kind != kind)
        return rf_fail(err, RFE_AMBIGUOUS, "%s is named as %s, but is %s",
                       rf_digest_text(&n->digest, a), kind_text(n->kind), kind_text(kind));
    return 0;
}

struct batch {
    const struct rf_graph *g;
    struct result results[BATCH];
};

static bool ends_walk(int rc)
{
    return rc == -RFE_CANCELLED || rc == -RFE_TERMINATED;
}

static int fetch_one(void *ctx, size_t i, struct rf_err *err)
{
    struct batch *batch = ctx;
    const struct rf_graph *g = batch->g;
    struct result *r = &batch->results[i];
    const struct rf_node *n = &g->nodes[r->node];
    struct rf_err failure = RF_ERR_INIT;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    RF_CLEANUP(rf_freep) size_t *chosen = NULL;
    size_t n_chosen = 0;
    int rc = g->fetch(g->ctx, g, r->node, &m, &chosen, &n_chosen, &failure);
    if (ends_walk(rc)) {
        if (err != NULL)
            *err = failure;
        return rc;
    }
    if (rc == 0)
        rc = check_fetched(n, m, &failure);
    if (rc == 0 && m->kind == RF_KIND_INDEX) {
        rc = boil_index(r, m, chosen, n_chosen, &failure);
        if (rc < 0) {
            char text[RF_DIGEST_TEXT];
            rc = rf_wrap(&failure, rc, "%s", rf_digest_text(&n->digest, text));
        }
    } else if (rc == 0) {
        boil_image(g, r, m);
    }
    if (rc == 0)
        r->size = m->body.len;
    else
        result_fail(r, &failure);
    return 0;
}

/* ---- entering results ---- */

static void mark(struct rf_graph *g, uint32_t node, int code, const char *text)
{
    struct rf_node *n = &g->nodes[node];
    n->state = STATE_DONE;
    n->error_code = code;
    n->error = rf_strings_add(&g->strings, rf_slice_str(text));
}

/* The numbers of nodes that are fetched next. */
struct list {
    uint32_t *ids;
    size_t n, cap;
};

static void list_release(struct list *l)
{
    rf_freep(&l->ids);
}

static void list_add(struct list *l, uint32_t id)
{
    l->ids = rf_grow(l->ids, l->n, &l->cap, sizeof(*l->ids));
    l->ids[l->n++] = id;
}

static int enter_child(struct rf_graph *g, const struct result *r, const struct child *c,
                       struct list *next, struct rf_err *err)
{
    const struct rf_node *parent = &g->nodes[r->node];
    struct named v = { .digest = c->digest,
                       .size = c->size,
                       .media_type = rf_strings_get(&r->types, c->media_type),
                       .where = parent->where,
                       .kind = c->kind,
                       .depth = (uint8_t)(parent->depth + 1),
                       .external = c->external };
    uint32_t before = rf_graph_find(g, &c->digest);
    bool was_manifest = before != RF_NO_ID && rf_node_is_manifest(&g->nodes[before]);
    uint32_t id = RF_NO_ID;
    int rc = add_node(g, &v, &id, err);
    if (rc < 0)
        return rc;
    if (g->n_edges >= RF_GRAPH_EDGES_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "more than %u entries in one walk", RF_GRAPH_EDGES_MAX);
    g->edges = rf_grow(g->edges, g->n_edges, &g->cap_edges, sizeof(*g->edges));
    g->edges[g->n_edges++] = id;
    if (!rf_node_is_manifest(&g->nodes[id]) || was_manifest)
        return 0;
    if (v.depth <= RF_INDEX_DEPTH_MAX) {
        list_add(next, id);
    } else {
        char text[128];
        (void)snprintf(text, sizeof(text), "more than %d indexes within each other",
                       RF_INDEX_DEPTH_MAX);
        mark(g, id, RFE_TOO_LARGE, text);
    }
    return 0;
}

/* A document that contradicts another is marked; only a budget ends the walk. */
static int enter_result(struct rf_graph *g, const struct result *r, struct list *next,
                        struct rf_err *err)
{
    if (r->error_code != 0) {
        mark(g, r->node, r->error_code, r->error);
        return 0;
    }
    size_t first = g->n_edges;
    for (size_t i = 0; i < r->n; i++) {
        struct rf_err failure = RF_ERR_INIT;
        int rc = enter_child(g, r, &r->children[i], next, &failure);
        if (rc == -RFE_AMBIGUOUS) {
            char text[RF_DIGEST_TEXT];
            rc = rf_wrap(&failure, rc, "%s", rf_digest_text(&g->nodes[r->node].digest, text));
            g->n_edges = first;
            mark(g, r->node, -rc, failure.msg);
            return 0;
        }
        if (rc < 0) {
            if (err != NULL)
                *err = failure;
            return rc;
        }
    }
    struct rf_node *n = &g->nodes[r->node];
    n->first_edge = (uint32_t)first;
    n->n_edges = (uint32_t)(g->n_edges - first);
    n->size = r->size;
    n->state = STATE_DONE;
    return 0;
}

static int walk_batch(struct rf_graph *g, struct batch *batch, const uint32_t *ids, size_t n,
                      unsigned threads, struct list *next, struct rf_err *err)
{
    for (size_t i = 0; i < n; i++) {
        batch->results[i] = (struct result){ .node = ids[i] };
        rf_strings_init(&batch->results[i].types);
    }
    int rc = rf_parallel(threads, n, fetch_one, batch, err);
    for (size_t i = 0; i < n; i++) {
        if (rc == 0)
            rc = enter_result(g, &batch->results[i], next, err);
        result_clear(&batch->results[i]);
    }
    return rc;
}

int rf_graph_walk(struct rf_graph *g, unsigned threads, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) struct batch *batch = rf_xcalloc(1, sizeof(*batch));
    RF_CLEANUP(list_release) struct list level = { 0 };
    batch->g = g;
    for (size_t i = 0; i < g->n_nodes; i++)
        if (rf_node_is_manifest(&g->nodes[i]) && g->nodes[i].state == STATE_NEW)
            list_add(&level, (uint32_t)i);
    while (level.n > 0) {
        RF_CLEANUP(list_release) struct list next = { 0 };
        int told = g->ahead != NULL ? g->ahead(g->ctx, g, level.ids, level.n, err) : 0;
        if (told < 0)
            return told;
        for (size_t at = 0; at < level.n; at += BATCH) {
            size_t n = level.n - at < BATCH ? level.n - at : BATCH;
            int rc = walk_batch(g, batch, level.ids + at, n, threads, &next, err);
            if (rc < 0)
                return rc;
        }
        struct list spent = level;
        level = next;
        next = spent;
    }
    return 0;
}

/* ---- reading the graph ---- */

struct frame {
    uint32_t node, edge;
};

/* The way from the root to where the visit is, and what was met. */
struct visit {
    struct frame *stack;
    size_t depth, cap;
    uint8_t *entered, *left; /* bitmaps over nodes */
};

static void visit_release(struct visit *v)
{
    rf_freep(&v->stack);
    rf_freep(&v->entered);
    rf_freep(&v->left);
}

static bool bit(const uint8_t *map, uint32_t i)
{
    return (map[i / 8] >> (i % 8) & 1) != 0;
}

static void set_bit(uint8_t *map, uint32_t i)
{
    map[i / 8] = (uint8_t)(map[i / 8] | 1U << (i % 8));
}

static void enter(struct visit *v, uint32_t node)
{
    v->stack = rf_grow(v->stack, v->depth, &v->cap, sizeof(*v->stack));
    v->stack[v->depth++] = (struct frame){ .node = node };
    set_bit(v->entered, node);
}

int rf_graph_closure(const struct rf_graph *g, uint32_t root,
                     int (*cb)(void *ctx, uint32_t node, struct rf_err *err), void *ctx,
                     struct rf_err *err)
{
    RF_CHECK(root < g->n_nodes);
    RF_CLEANUP(visit_release) struct visit v = { 0 };
    v.entered = rf_xcalloc(g->n_nodes / 8 + 1, 1);
    v.left = rf_xcalloc(g->n_nodes / 8 + 1, 1);
    enter(&v, root);
    while (v.depth > 0) {
        struct frame *top = &v.stack[v.depth - 1];
        const struct rf_node *n = &g->nodes[top->node];
        if (top->edge < n->n_edges) {
            uint32_t child = g->edges[n->first_edge + top->edge++];
            if (!bit(v.entered, child)) {
                enter(&v, child);
            } else if (!bit(v.left, child)) {
                char text[RF_DIGEST_TEXT];
                return rf_fail(err, RFE_LOOP, "%s holds itself",
                               rf_digest_text(&g->nodes[child].digest, text));
            }
            continue;
        }
        set_bit(v.left, top->node);
        int rc = cb(ctx, top->node, err);
        if (rc < 0)
            return rc;
        v.depth--;
    }
    return 0;
}

struct check {
    const struct rf_graph *g;
};

static int check_node(void *ctx, uint32_t node, struct rf_err *err)
{
    const struct rf_graph *g = ((const struct check *)ctx)->g;
    const struct rf_node *n = &g->nodes[node];
    if (n->error_code == 0)
        return 0;
    const char *text = n->error != RF_NO_ID ? rf_strings_get(&g->strings, n->error) : "unreadable";
    return rf_fail(err, n->error_code, "%s", text);
}

int rf_graph_check(const struct rf_graph *g, uint32_t root, struct rf_err *err)
{
    struct check check = { g };
    return rf_graph_closure(g, root, check_node, &check, err);
}
