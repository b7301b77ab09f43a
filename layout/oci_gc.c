/* SPDX-License-Identifier: Apache-2.0 */
/* Garbage collection of one layout: what index.json reaches stays, every other blob goes. */
#include <errno.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "layout/graph.h"
#include "layout/oci_dir.h"
#include "layout/oci_folder.h"

#define THREADS 2

struct gc {
    struct rf_oci_folder *f;
    struct rf_graph graph;
    /* Digests found in documents that we do not understand. */
    struct rf_digest *extra;
    size_t n_extra, cap_extra;
    struct rf_idmap extra_by_digest;
    struct rf_gc_result result;
};

static struct rf_slice digest_key(const struct rf_digest *d)
{
    return rf_slice_of(d, offsetof(struct rf_digest, bytes) + d->len);
}

static struct rf_slice extra_key(const void *ctx, uint32_t id)
{
    return digest_key(&((const struct gc *)ctx)->extra[id]);
}

static void gc_release(struct gc *gc)
{
    rf_graph_release(&gc->graph);
    rf_idmap_release(&gc->extra_by_digest);
    rf_freep(&gc->extra);
}

static int fetch(void *ctx, const struct rf_graph *g, uint32_t node, struct rf_manifest **out,
                 size_t **chosen, size_t *n_chosen, struct rf_err *err)
{
    struct gc *gc = ctx;
    const struct rf_node *n = &g->nodes[node];
    struct rf_manifest_expect expect = { .digest = &n->digest,
                                         .size = n->size,
                                         .media_type = rf_graph_media_type(g, node) };
    (void)chosen;
    (void)n_chosen;
    return rf_oci_folder_load(gc->f, &n->digest, &expect, out, err);
}

/* ---- documents of unknown kind: whatever looks like a digest in them is kept ---- */

static void keep(struct gc *gc, const struct rf_digest *d)
{
    if (rf_idmap_find(&gc->extra_by_digest, digest_key(d)) != RF_NO_ID)
        return;
    gc->extra = rf_grow(gc->extra, gc->n_extra, &gc->cap_extra, sizeof(*gc->extra));
    gc->extra[gc->n_extra] = *d;
    rf_idmap_add(&gc->extra_by_digest, (uint32_t)gc->n_extra++);
}

/* The parser has bounded the depth. */
static void keep_strings(struct gc *gc, json_t *value)
{
    const char *key;
    json_t *item;
    size_t i;
    struct rf_digest d;
    if (json_is_string(value) &&
        rf_digest_parse(rf_slice_of(json_string_value(value), json_string_length(value)), &d,
                        NULL) == 0)
        keep(gc, &d);
    json_array_foreach (value, i, item) {
        keep_strings(gc, item);
    }
    json_object_foreach (value, key, item) {
        keep_strings(gc, item);
    }
}

/* Absent, large, or no JSON: a blob without children. */
static int scan_unknown(struct gc *gc, const struct rf_digest *d, struct rf_err *err)
{
    uint64_t size = 0;
    int rc = rf_blob_store_stat(gc->f->store, d, &size, err);
    if (rc == -RFE_NOT_FOUND || (rc == 0 && size > RF_MANIFEST_MAX))
        return 0;
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    rf_buf_init(&body, RF_MANIFEST_MAX);
    rc = rf_blob_store_load(gc->f->store, d, &body, err);
    if (rc < 0)
        return rc;
    if (rf_json_parse(rf_buf_slice(&body), RF_MANIFEST_MAX, &doc, NULL) == 0)
        keep_strings(gc, doc);
    return 0;
}

/* Each names further ones, until nothing new is named. */
static int scan_all_unknown(struct gc *gc, struct rf_err *err)
{
    for (size_t i = 0; i < gc->n_extra; i++) {
        struct rf_digest d = gc->extra[i];
        int rc = scan_unknown(gc, &d, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- what is reached ---- */

static int add_root(struct gc *gc, const struct rf_oci_index *ix, size_t i, struct rf_err *err)
{
    const struct rf_oci_entry *e = &ix->entries[i];
    if (!rf_media_is_manifest(e->media_type)) {
        keep(gc, &e->digest);
        return 0;
    }
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    uint32_t node;
    int rc = rf_oci_index_descriptor(ix, i, &d, err);
    return rc < 0 ? rc : rf_graph_add_root(&gc->graph, &d, 0, &node, err);
}

/* Refuses to guess when something cannot be read. */
static int check_nodes(struct gc *gc, struct rf_err *err)
{
    const struct rf_graph *g = &gc->graph;
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct rf_node *n = &g->nodes[i];
        if (n->error_code != 0 && n->error_code != RFE_NOT_FOUND)
            return rf_fail(err, n->error_code, "what it needs cannot be told: %s",
                           rf_strings_get(&g->strings, n->error));
        if (n->kind != RF_NODE_INDEX)
            continue;
        /* Entries of an index that are no manifests we know may be manifests that others know. */
        for (uint32_t k = 0; k < n->n_edges; k++) {
            const struct rf_node *child = &g->nodes[g->edges[n->first_edge + k]];
            if (!rf_node_is_manifest(child))
                keep(gc, &child->digest);
        }
    }
    return 0;
}

static int reach(struct gc *gc, const struct rf_oci_index *ix, struct rf_err *err)
{
    for (size_t i = 0; i < ix->n; i++) {
        int rc = add_root(gc, ix, i, err);
        if (rc < 0)
            return rc;
    }
    int rc = rf_graph_walk(&gc->graph, THREADS, err);
    if (rc == 0)
        rc = check_nodes(gc, err);
    return rc < 0 ? rc : scan_all_unknown(gc, err);
}

static int drop_blob(void *ctx, const struct rf_digest *d, uint64_t size, struct rf_err *err)
{
    struct gc *gc = ctx;
    if (rf_graph_find(&gc->graph, d) != RF_NO_ID ||
        rf_idmap_find(&gc->extra_by_digest, digest_key(d)) != RF_NO_ID) {
        gc->result.blobs_kept++;
        return 0;
    }
    int rc = rf_blob_store_delete(gc->f->store, d, err);
    if (rc == -RFE_NOT_FOUND)
        return 0;
    if (rc < 0)
        return rc;
    gc->result.blobs_deleted++;
    gc->result.bytes_deleted += size;
    return 0;
}

int rf_oci_folder_gc(struct rf_oci_folder *f, struct rf_gc_result *out, struct rf_err *err)
{
    RF_CLEANUP(rf_oci_index_unrefp) struct rf_oci_index *ix = NULL;
    int rc = rf_oci_folder_index(f, NULL, &ix, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(gc_release) struct gc gc = { .f = f };
    rf_graph_init(&gc.graph, fetch, &gc);
    gc.graph.keep_external = true;
    rf_idmap_init(&gc.extra_by_digest, extra_key, &gc);
    rc = reach(&gc, ix, err);
    if (rc == 0)
        rc = rf_blob_store_each(f->store, drop_blob, &gc, err);
    if (rc == 0)
        rc = rf_blob_store_sweep(f->store, err);
    if (rc == 0)
        rc = rf_file_sweep(f->path, err);
    if (rc < 0)
        return rf_wrap(err, rc, "%s: garbage collection", f->path);
    *out = gc.result;
    return 0;
}
