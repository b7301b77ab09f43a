/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing what the destination lacks: blobs, then manifests, children first. */
#include "base/log.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "regclient/copy_private.h"

#define REPAIR_ROUNDS 3u

/* ---- what has to be at the destination ---- */

static int visit(void *ctx, uint32_t node, struct rf_err *err)
{
    struct rf_copier *c = ctx;
    const struct rf_node *n = &c->graph.nodes[node];
    (void)err;
    if (c->seen[node] != 0 || !rf_node_is_manifest(n))
        return 0;
    c->seen[node] = RF_COPY_SEEN;
    for (uint32_t i = 0; i < n->n_edges; i++) {
        uint32_t child = c->graph.edges[n->first_edge + i];
        if (c->level[child] >= c->level[node])
            c->level[node] = c->level[child] + 1;
        c->root_is_child |= child == c->root;
    }
    c->manifests[c->n_manifests++] = node;
    return 0;
}

/* The root is known from its tag; a pruned one is another document. */
static int ask_manifest(void *ctx, size_t i, struct rf_err *err)
{
    struct rf_copier *c = ctx;
    uint32_t node = c->manifests[i];
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    struct rf_err e = RF_ERR_INIT;
    if (node == c->root) {
        if (c->pruned == NULL && rf_digest_eq(&c->have, &c->graph.nodes[node].digest))
            c->seen[node] |= RF_COPY_THERE;
        return 0;
    }
    int rc = rf_place_resolve(c->dst, c->dst_repo, NULL, &c->graph.nodes[node].digest, &d, &e);
    if (rc == 0)
        c->seen[node] |= RF_COPY_THERE;
    if (rf_copy_ends(rc) && err != NULL)
        *err = e;
    return rf_copy_ends(rc) ? rc : 0;
}

/* Blobs of the manifests that the destination lacks. */
static void list_blobs(struct rf_copier *c)
{
    for (size_t i = 0; i < c->n_manifests; i++) {
        const struct rf_node *n = &c->graph.nodes[c->manifests[i]];
        if ((c->seen[c->manifests[i]] & RF_COPY_THERE) != 0)
            continue;
        for (uint32_t k = 0; k < n->n_edges; k++) {
            uint32_t child = c->graph.edges[n->first_edge + k];
            const struct rf_node *b = &c->graph.nodes[child];
            if (rf_node_is_manifest(b) || c->seen[child] != 0 ||
                (b->external && !c->opts->include_external))
                continue;
            c->seen[child] = RF_COPY_NEEDED;
            c->blobs[c->n_blobs++] = child;
        }
    }
}

int rf_copier_list_nodes(struct rf_copier *c, struct rf_err *err)
{
    size_t n = c->graph.n_nodes;
    c->seen = rf_xcalloc(n, sizeof(*c->seen));
    c->level = rf_xcalloc(n, sizeof(*c->level));
    c->blobs = rf_xcalloc(n, sizeof(*c->blobs));
    c->manifests = rf_xcalloc(n, sizeof(*c->manifests));
    int rc = rf_graph_check(&c->graph, c->root, err);
    if (rc == 0)
        rc = rf_graph_closure(&c->graph, c->root, visit, c, err);
    for (size_t i = 0; rc == 0 && i < c->n_extras; i++) {
        rc = rf_graph_check(&c->graph, c->extras[i].node, err);
        if (rc == 0)
            rc = rf_graph_closure(&c->graph, c->extras[i].node, visit, c, err);
    }
    /* Without referrers and tags leave_out_present() has asked already. */
    if (rc == 0 && !c->opts->force && (c->opts->referrers || c->opts->digest_tags))
        rc = rf_parallel(c->threads, c->n_manifests, ask_manifest, c, err);
    if (rc == 0)
        list_blobs(c);
    return rc;
}

/* ---- blobs ---- */

enum round {
    FIRST,  /* what another copy moves is left for later */
    LATER,  /* and waited for then */
    REPAIR, /* the destination lacks what it said it had */
};

/* 1: left for later. */
static int copy_one(struct rf_copier *c, const struct rf_digest *digest, uint64_t size,
                    enum round round, struct rf_err *err)
{
    const struct rf_copy_blob_options o = {
        .probe = round == REPAIR ? RF_PROBE_RANGE : RF_PROBE_HEAD,
        .skip_probe = round == LATER, /* it was asked in the first round */
        .defer = round == FIRST,
        .turns = c->opts->turns,
        .mount_hint = c->opts->mount_hint,
        .blob_there = c->opts->blob_there,
        .hint_ctx = c->opts->hint_ctx,
        .progress = c->opts->progress,
        .progress_ctx = c->opts->progress_ctx,
    };
    enum rf_blob_outcome outcome = RF_BLOB_THERE;
    int rc =
        rf_copy_blob(c->src, c->src_repo, c->dst, c->dst_repo, digest, size, &o, &outcome, err);
    if (rc < 0 || outcome == RF_BLOB_UNDER_WAY)
        return rc < 0 ? rc : 1;
    pthread_mutex_lock(&c->lock);
    c->result->blobs_there += outcome == RF_BLOB_THERE;
    c->result->blobs_mounted += outcome == RF_BLOB_MOUNTED;
    c->result->blobs_moved += outcome == RF_BLOB_MOVED;
    c->result->bytes_moved += outcome == RF_BLOB_MOVED ? size : 0;
    pthread_mutex_unlock(&c->lock);
    return 0;
}

/* A layout of its own has no repository in it. */
static char *repo_text(const struct rf_place *place, const char *repo)
{
    return rf_xasprintf("%s%s%s", place->name, *repo ? "/" : "", repo);
}

static void tell_blob(const struct rf_copier *c, const struct rf_node *n)
{
    char text[RF_DIGEST_TEXT];
    bool config = n->kind == RF_NODE_CONFIG;
    if (!rf_log_enabled(RF_LOG_INFO))
        return;
    RF_CLEANUP(rf_freep) char *from = repo_text(c->src, c->src_repo);
    RF_CLEANUP(rf_freep) char *to = repo_text(c->dst, c->dst_repo);
    rf_log(RF_LOG_INFO, config ? "Copy config" : "Copy layer", "source", from, "target", to,
           config ? "digest" : "layer", rf_digest_text(&n->digest, text), NULL);
}

static int copy_blob_node(void *ctx, size_t i, struct rf_err *err)
{
    struct rf_copier *c = ctx;
    const struct rf_node *n = &c->graph.nodes[c->blobs[i]];
    tell_blob(c, n);
    int rc = copy_one(c, &n->digest, n->size, FIRST, err);
    if (rc != 1)
        return rc;
    pthread_mutex_lock(&c->lock);
    c->later[c->n_later++] = c->blobs[i];
    pthread_mutex_unlock(&c->lock);
    return 0;
}

static int copy_later(void *ctx, size_t i, struct rf_err *err)
{
    struct rf_copier *c = ctx;
    const struct rf_node *n = &c->graph.nodes[c->later[i]];
    return copy_one(c, &n->digest, n->size, LATER, err);
}

/* Waiting comes last: meanwhile all that nobody else moves was moved. */
static int copy_blobs(struct rf_copier *c, struct rf_err *err)
{
    c->later = rf_xcalloc(c->n_blobs + 1, sizeof(*c->later));
    int rc = rf_parallel(c->threads, c->n_blobs, copy_blob_node, c, err);
    return rc < 0 ? rc : rf_parallel(c->threads, c->n_later, copy_later, c, err);
}

/* ---- manifests ---- */

/* The registry lacks what it said it had, or lost it since: look again by reading, and move what is gone. */
static int restore_blobs(struct rf_copier *c, const struct rf_manifest *m, struct rf_err *err)
{
    int rc = 0;
    if (m->kind != RF_KIND_IMAGE)
        return -RFE_GROUND_MISSING;
    if (m->config.size > 0 || rf_digest_is_set(&m->config.digest))
        rc = copy_one(c, &m->config.digest, m->config.size, REPAIR, err);
    for (size_t i = 0; rc == 0 && i < m->n_entries; i++) {
        const struct rf_descriptor *d = &m->entries[i];
        if (d->n_urls == 0 || c->opts->include_external)
            rc = copy_one(c, &d->digest, d->size, REPAIR, err);
    }
    return rc;
}

static int put(struct rf_copier *c, const char *tag, const struct rf_manifest *m, unsigned flags,
               struct rf_err *err)
{
    if (c->opts->verify)
        flags |= RF_PUT_READ_BACK;
    int rc = rf_place_put_manifest(c->dst, c->dst_repo, tag, m, flags, err);
    for (unsigned round = 0; rc == -RFE_GROUND_MISSING && !c->same_repo && round < REPAIR_ROUNDS;
         round++) {
        struct rf_err why = RF_ERR_INIT;
        int restored = restore_blobs(c, m, &why);
        if (restored == -RFE_GROUND_MISSING)
            break;
        if (restored < 0) {
            if (err != NULL)
                *err = why;
            return restored;
        }
        rc = rf_place_put_manifest(c->dst, c->dst_repo, tag, m, flags, err);
    }
    if (rc == -RFE_GROUND_MISSING && m->kind == RF_KIND_INDEX && c->opts->n_platforms > 0 &&
        !c->opts->prune)
        return rf_hint(err, rc, "the destination takes no index without all of its images; %s",
                       c->opts->sparse_hint != NULL ? c->opts->sparse_hint
                                                    : "a pruned index would do");
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&c->lock);
    c->result->manifests_put++;
    pthread_mutex_unlock(&c->lock);
    return 0;
}

/* All manifests of one level: their children are there by now. The root's tag comes last, by rf_copier_put_root(). */
static int put_level(void *ctx, size_t i, struct rf_err *err)
{
    struct rf_copier *c = ctx;
    uint32_t node = c->manifests[i];
    if ((node == c->root && !c->root_is_child) || c->level[node] != c->at_level ||
        (c->seen[node] & RF_COPY_THERE) != 0)
        return 0;
    return put(c, NULL, rf_copier_kept(c, node), RF_PUT_CHILD, err);
}

/* What was there before we came may well have its tag, too. */
static bool has_tag(struct rf_copier *c, const struct rf_copy_extra *x)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    struct rf_err ignored;
    return (c->seen[x->node] & RF_COPY_THERE) != 0 &&
           rf_place_resolve(c->dst, c->dst_repo, x->tag, NULL, &d, &ignored) == 0 &&
           rf_digest_eq(&d.digest, &c->graph.nodes[x->node].digest);
}

static int put_extra_tags(struct rf_copier *c, struct rf_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < c->n_extras; i++)
        if (c->extras[i].tag != NULL && !has_tag(c, &c->extras[i]))
            rc = put(c, c->extras[i].tag, rf_copier_kept(c, c->extras[i].node), 0, err);
    return rc;
}

const struct rf_manifest *rf_copier_root_manifest(struct rf_copier *c)
{
    return c->pruned != NULL ? c->pruned : rf_copier_kept(c, c->root);
}

int rf_copier_put_root(struct rf_copier *c, struct rf_err *err)
{
    return put(c, c->dst_tag, rf_copier_root_manifest(c),
               c->opts->child && c->dst_tag == NULL ? RF_PUT_CHILD : 0, err);
}

int rf_copier_put_all(struct rf_copier *c, struct rf_err *err)
{
    size_t top = 0;
    int rc = copy_blobs(c, err);
    for (size_t i = 0; i < c->n_manifests; i++)
        if (c->level[c->manifests[i]] > top)
            top = c->level[c->manifests[i]];
    for (c->at_level = 0; rc == 0 && c->at_level <= top; c->at_level++)
        rc = rf_parallel(c->threads, c->n_manifests, put_level, c, err);
    if (rc == 0)
        rc = put_extra_tags(c, err);
    return rc < 0 || (c->seen[c->root] & RF_COPY_THERE) != 0 ? rc : rf_copier_put_root(c, err);
}
