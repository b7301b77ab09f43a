/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The closure of images: which manifests and blobs hang below a manifest. One walk for copy, export, import and garbage
 * collection: over distinct digests, level by level, in parallel, with budgets (1,000,000 nodes, depth 8).
 *
 *     rf_graph_init(&g, fetch, ctx);
 *     rf_graph_add_root(&g, &desc, where, &root, err)    for each image
 *     rf_graph_walk(&g, threads, err)                    a root that fails is marked, the walk goes on
 *     rf_graph_closure(&g, root, cb, ctx)                children before parents
 *     rf_graph_release(&g);
 */
#ifndef RF_LAYOUT_GRAPH_H
#define RF_LAYOUT_GRAPH_H

#include "base/idmap.h"
#include "manifests/manifest.h"

#define RF_GRAPH_NODES_MAX 1000000u
#define RF_GRAPH_EDGES_MAX 16000000u

/* Rising: a node has the highest kind that any document names it as. */
enum rf_node_kind { RF_NODE_BLOB, RF_NODE_CONFIG, RF_NODE_IMAGE, RF_NODE_INDEX };

struct rf_node {
    struct rf_digest digest;
    uint8_t kind;  /* enum rf_node_kind; a node that is named as a manifest anywhere is one */
    uint8_t state; /* private to the walk */
    uint8_t depth;
    bool
        external; /* named only as a layer with urls, which are not distributed; closures visit it, who copies passes over it */
    uint32_t media_type;          /* in graph->strings */
    uint32_t where;               /* the first root's `where`: where it can be fetched */
    uint32_t first_edge, n_edges; /* in graph->edges: children, in document order */
    uint32_t error;               /* in graph->strings, RF_NO_ID = none: why it could not be read */
    int error_code;
    uint64_t size;
};

struct rf_graph;
/*
 * Reads manifest `node`. Called from several threads. Fails with the code that the caller wants to see at the root.
 * chosen/n_chosen: when set (malloc'd, taken over), only these entries of an index are followed.
 */
typedef int (*rf_graph_fetch)(void *ctx, const struct rf_graph *g, uint32_t node,
                              struct rf_manifest **out, size_t **chosen, size_t *n_chosen,
                              struct rf_err *err);

struct rf_graph {
    struct rf_node *nodes;
    size_t n_nodes, cap_nodes;
    uint32_t *edges;
    size_t n_edges, cap_edges;
    struct rf_strings strings;
    struct rf_idmap by_digest;
    rf_graph_fetch fetch;
    void *ctx;
    /* Told, in the walking thread, of each level's manifests before the first of them is read; or NULL. A failure ends the walk. ctx is `ctx`. */
    int (*ahead)(void *ctx, const struct rf_graph *g, const uint32_t *nodes, size_t n,
                 struct rf_err *err);
    bool keep_external; /* follow layers with urls as well */
};
/* The graph must not be moved after this. */
void rf_graph_init(struct rf_graph *g, rf_graph_fetch fetch, void *ctx);
void rf_graph_release(struct rf_graph *g);
/* The number of the node; an equal digest is the same node. Media type must be a manifest's; size 0 = unknown. A digest named with two
 * sizes or as both manifest kinds is -RFE_AMBIGUOUS. */
RF_MUST_USE int rf_graph_add_root(struct rf_graph *g, const struct rf_descriptor *desc,
                                  uint32_t where, uint32_t *node, struct rf_err *err);
/*
 * Fetches all manifests below the roots that are not fetched yet; may be called again after adding roots. Fails only for cancelling and the
 * budget of nodes and edges; what cannot be read, contradicts another document or lies too deep is marked on its node. The numbers do not
 * depend on `threads`. In an image all but the manifest is blobs; index entries that are no manifests are blobs too.
 */
RF_MUST_USE int rf_graph_walk(struct rf_graph *g, unsigned threads, struct rf_err *err);
/* Visits everything below and including `root`, each node once, children before parents. A negative return of cb ends it. -RFE_LOOP. */
RF_MUST_USE int rf_graph_closure(const struct rf_graph *g, uint32_t root,
                                 int (*cb)(void *ctx, uint32_t node, struct rf_err *err), void *ctx,
                                 struct rf_err *err);
/* 0, or the first failure in the closure of root as an error. */
RF_MUST_USE int rf_graph_check(const struct rf_graph *g, uint32_t root, struct rf_err *err);
uint32_t rf_graph_find(const struct rf_graph *g, const struct rf_digest *d); /* RF_NO_ID */
static inline const char *rf_graph_media_type(const struct rf_graph *g, uint32_t node)
{
    return rf_strings_get(&g->strings, g->nodes[node].media_type);
}
static inline bool rf_node_is_manifest(const struct rf_node *n)
{
    return n->kind == RF_NODE_IMAGE || n->kind == RF_NODE_INDEX;
}

#endif
