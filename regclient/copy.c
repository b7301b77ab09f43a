/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/copy.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/cancel.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "regclient/referrer_list.h"

#define THREADS_DEFAULT 4u
#define REPAIR_ROUNDS 3u

/* A manifest to put under a tag of its own: a digest tag. */
struct extra {
    char *tag; /* NULL: a referrer */
    uint32_t node;
};

enum mark { SEEN = 1, NEEDED = 2, THERE = 4 };

struct copier {
    struct rf_place *src, *dst;
    const char *src_repo, *dst_repo, *dst_tag;
    const struct rf_copy_options *opts;
    struct rf_copy_result *result;
    bool same_repo;
    bool root_is_child; /* of a referrer, which is put after it; its tag is last all the same */
    unsigned threads;
    struct rf_graph graph;
    uint32_t root;
    struct rf_digest have;      /* what the destination has under the tag, or not set */
    struct rf_manifest *pruned; /* what is put instead of the root, or NULL */
    struct extra *extras;
    size_t n_extras, cap_extras;
    pthread_mutex_t lock;      /* guards `kept`, `found` and the counters of `result` */
    struct rf_manifest **kept; /* by node */
    size_t n_kept;
    struct rf_descriptor *found; /* referrers of one round */
    size_t n_found, cap_found;
    uint32_t asked;              /* nodes below this number were asked for their referrers */
    uint32_t *blobs, *manifests; /* what is to be there: nodes, manifests children first */
    size_t n_blobs, n_manifests;
    uint8_t *seen;   /* by node */
    uint32_t *level; /* by node: 1 + the highest level of its children */
    size_t at_level;
};

static bool ends_it(int rc)
{
    return rc == -RFE_CANCELLED || rc == -RFE_TERMINATED;
}

static void copier_release(struct copier *c)
{
    for (size_t i = 0; i < c->n_kept; i++)
        rf_manifest_free(c->kept[i]);
    for (size_t i = 0; i < c->n_found; i++)
        rf_descriptor_release(&c->found[i]);
    for (size_t i = 0; i < c->n_extras; i++)
        free(c->extras[i].tag);
    rf_manifest_free(c->pruned);
    free(c->kept);
    free(c->found);
    free(c->extras);
    free(c->blobs);
    free(c->manifests);
    free(c->seen);
    free(c->level);
    rf_graph_release(&c->graph);
    pthread_mutex_destroy(&c->lock);
}

/* ---- walking the source ---- */

static void keep(struct copier *c, uint32_t node, struct rf_manifest *m)
{
    pthread_mutex_lock(&c->lock);
    if (node >= c->n_kept) {
        size_t n = (size_t)node + 64;
        c->kept = rf_xreallocarray(c->kept, n, sizeof(*c->kept));
        for (size_t i = c->n_kept; i < n; i++)
            c->kept[i] = NULL;
        c->n_kept = n;
    }
    rf_manifest_free(c->kept[node]);
    c->kept[node] = m;
    pthread_mutex_unlock(&c->lock);
}

static struct rf_manifest *kept(struct copier *c, uint32_t node)
{
    pthread_mutex_lock(&c->lock);
    struct rf_manifest *m = node < c->n_kept ? c->kept[node] : NULL;
    pthread_mutex_unlock(&c->lock);
    return m;
}

struct children {
    struct copier *c;
    const struct rf_manifest *index;
    const size_t *chosen;
    bool *there;
};

static int ask_child(void *ctx, size_t i, struct rf_err *err)
{
    struct children *k = ctx;
    const struct rf_descriptor *d = &k->index->entries[k->chosen[i]];
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor got = RF_DESCRIPTOR_INIT;
    if (!rf_media_is_manifest(d->media_type))
        return 0;
    struct rf_err e = RF_ERR_INIT;
    int rc = rf_place_resolve(k->c->dst, k->c->dst_repo, NULL, &d->digest, &got, &e);
    k->there[i] = rc == 0;
    if (ends_it(rc) && err != NULL)
        *err = e;
    return ends_it(rc) ? rc : 0;
}

/*
 * Children that the destination has are not fetched: a pull limit counts each of them. Not so when their referrers or tags are wanted, or by
 * force.
 */
static int leave_out_present(struct copier *c, const struct rf_manifest *index, size_t *chosen,
                             size_t *n, struct rf_err *err)
{
    if (c->opts->force || c->opts->referrers || c->opts->digest_tags || *n == 0)
        return 0;
    RF_CLEANUP(rf_freep) bool *there = rf_xcalloc(*n, sizeof(*there));
    struct children k = { .c = c, .index = index, .chosen = chosen, .there = there };
    int rc = rf_parallel(c->threads, *n, ask_child, &k, err);
    size_t left = 0;
    for (size_t i = 0; rc == 0 && i < *n; i++)
        if (!there[i])
            chosen[left++] = chosen[i];
    if (rc == 0)
        *n = left;
    return rc;
}

static int choose(struct copier *c, uint32_t node, const struct rf_manifest *m, size_t **out,
                  size_t *n, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) size_t *chosen = rf_xcalloc(m->n_entries + 1, sizeof(*chosen));
    size_t count = m->n_entries;
    for (size_t i = 0; i < count; i++)
        chosen[i] = i;
    if (c->opts->n_platforms > 0 && node == c->root) {
        int rc = rf_manifest_select(m, c->opts->platforms, c->opts->n_platforms, chosen, err);
        if (rc < 0)
            return rc;
        count = (size_t)rc;
        if (c->opts->prune) {
            rc = rf_manifest_prune(m, chosen, count, &c->pruned, err);
            if (rc < 0)
                return rc;
        }
    }
    int rc = leave_out_present(c, m, chosen, &count, err);
    if (rc < 0)
        return rc;
    *out = RF_STEAL(chosen);
    *n = count;
    return 0;
}

/* The walk frees what it gets, and the bytes are needed once more for putting: the second reading of them is for the walk. */
static int fetch(void *ctx, const struct rf_graph *g, uint32_t node, struct rf_manifest **out,
                 size_t **chosen, size_t *n_chosen, struct rf_err *err)
{
    struct copier *c = ctx;
    const struct rf_node *n = &g->nodes[node];
    const char *type = rf_graph_media_type(g, node);
    struct rf_manifest_expect expect = { .digest = &n->digest,
                                         .size = n->size,
                                         .media_type = type[0] != '\0' ? type : NULL };
    struct rf_manifest *m = kept(c, node);
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *copy = NULL;
    int rc = 0;
    if (m == NULL) {
        rc = rf_place_get_manifest(c->src, c->src_repo, NULL, &n->digest, &expect, &m, err);
        if (rc < 0)
            return rc;
        keep(c, node, m);
    }
    expect.content_type = m->media_type;
    rc = rf_manifest_parse(rf_buf_slice(&m->body), &expect, &copy, err);
    if (rc == 0 && m->kind == RF_KIND_INDEX)
        rc = choose(c, node, m, chosen, n_chosen, err);
    if (rc < 0)
        return rc;
    *out = RF_STEAL(copy);
    return 0;
}

/* ---- referrers and digest tags ---- */

static bool is_wanted(const struct rf_copy_options *o, const struct rf_descriptor *desc)
{
    return o->want_referrer == NULL || o->want_referrer(o->want_referrer_ctx, desc);
}

static int on_found(void *ctx, const struct rf_descriptor *desc, struct rf_err *err)
{
    struct copier *c = ctx;
    (void)err;
    if (!is_wanted(c->opts, desc))
        return 0;
    pthread_mutex_lock(&c->lock);
    c->found = rf_grow(c->found, c->n_found, &c->cap_found, sizeof(*c->found));
    rf_descriptor_copy(desc, &c->found[c->n_found++]);
    pthread_mutex_unlock(&c->lock);
    return 0;
}

static int each_referrer(const struct copier *c, struct rf_copy_side at,
                         const struct rf_digest *subject, rf_place_desc_cb cb, void *ctx,
                         struct rf_err *err)
{
    RF_CLEANUP(rf_referrer_list_release) struct rf_referrer_list l = RF_REFERRER_LIST_INIT;
    const struct rf_referrer_query query = {
        .place = at.place, .repo = at.repo, .subject = subject, .slow = true
    };
    if (!c->opts->slow_referrers)
        return rf_place_referrers(at.place, at.repo, subject, NULL, cb, ctx, err);
    int rc = rf_referrer_list_get(&query, &l, err);
    for (size_t i = 0; rc == 0 && i < l.n; i++)
        rc = cb(ctx, &l.items[i], err);
    return rc;
}

static int ask_referrers(void *ctx, size_t i, struct rf_err *err)
{
    struct copier *c = ctx;
    const struct rf_node *n = &c->graph.nodes[c->asked + i];
    if (!rf_node_is_manifest(n))
        return 0;
    return each_referrer(c, (struct rf_copy_side){ c->src, c->src_repo }, &n->digest, on_found, c,
                         err);
}

static int by_digest(const void *a, const void *b)
{
    return rf_digest_cmp(&((const struct rf_descriptor *)a)->digest,
                         &((const struct rf_descriptor *)b)->digest);
}

static void add_extra(struct copier *c, char *tag, uint32_t node)
{
    c->extras = rf_grow(c->extras, c->n_extras, &c->cap_extras, sizeof(*c->extras));
    c->extras[c->n_extras++] = (struct extra){ .tag = tag, .node = node };
}

static int enter_found(struct copier *c, struct rf_err *err)
{
    int rc = 0;
    if (c->n_found > 1)
        qsort(c->found, c->n_found, sizeof(*c->found), by_digest);
    for (size_t i = 0; i < c->n_found; i++) {
        struct rf_descriptor *d = &c->found[i];
        uint32_t node = RF_NO_ID;
        if (rc == 0 && rf_graph_find(&c->graph, &d->digest) == RF_NO_ID) {
            rc = rf_graph_add_root(&c->graph, d, 0, &node, err);
            if (rc == 0)
                add_extra(c, NULL, node);
        }
        rf_descriptor_release(d);
    }
    c->n_found = 0;
    return rc;
}

/* Referrers of everything in the graph, and of what that brings, until nothing new comes. */
static int walk_referrers(struct copier *c, struct rf_err *err)
{
    while (c->asked < c->graph.n_nodes) {
        uint32_t before = c->asked;
        uint32_t n = (uint32_t)c->graph.n_nodes;
        int rc = rf_parallel(c->threads, n - before, ask_referrers, c, err);
        if (rc == 0)
            rc = enter_found(c, err);
        if (rc == 0)
            rc = rf_graph_walk(&c->graph, c->threads, err);
        if (rc < 0)
            return rc;
        c->asked = n;
    }
    return 0;
}

/* Digest tags of the source that nobody has asked for yet. */
struct tag_list {
    struct copier *c;
    char **tags;
    size_t n, cap;
};

static int on_tag(void *ctx, const char *tag, struct rf_err *err)
{
    struct tag_list *l = ctx;
    struct rf_digest digest;
    char fallback[RF_DIGEST_TEXT];
    (void)err;
    if (!rf_digest_tag_parse(tag, &digest))
        return 0;
    rf_fallback_tag(&digest, fallback);
    if (l->c->opts->referrers && strcmp(tag, fallback) == 0)
        return 0; /* the destination keeps such lists itself */
    l->tags = rf_grow(l->tags, l->n, &l->cap, sizeof(*l->tags));
    l->tags[l->n++] = rf_xstrdup(tag);
    return 0;
}

/* What the tag points to. HEAD may not say of what type that is, or that it is there at all: then the manifest does. Its size may be wrong. */
static int ask_tag(struct copier *c, const char *tag, struct rf_descriptor *d, struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    int rc = rf_place_resolve(c->src, c->src_repo, tag, NULL, d, err);
    d->size = 0;
    if (rc != -RFE_NOT_FOUND && (rc < 0 || rf_media_kind(d->media_type) != RF_KIND_OTHER))
        return rc;
    rc = rf_place_get_manifest(c->src, c->src_repo, tag, NULL, NULL, &m, err);
    if (rc < 0)
        return rc;
    rf_descriptor_release(d);
    rf_manifest_descriptor(m, d);
    return 0;
}

static int enter_tag(struct copier *c, char **tag, struct rf_err *err)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    uint32_t node = RF_NO_ID;
    int rc = ask_tag(c, *tag, &d, err);
    if (rc == -RFE_NOT_FOUND)
        return 0; /* gone since it was listed */
    if (rc == 0)
        rc = rf_graph_add_root(&c->graph, &d, 0, &node, err);
    if (rc == 0)
        add_extra(c, RF_STEAL(*tag), node);
    return rc;
}

/* Those that speak of something in the graph. Each is taken once; the others stay. Gives the number taken. */
static int enter_tags(struct tag_list *l, struct rf_err *err)
{
    int taken = 0;
    for (size_t i = 0; i < l->n; i++) {
        struct rf_digest digest;
        if (l->tags[i] == NULL || !rf_digest_tag_parse(l->tags[i], &digest) ||
            rf_graph_find(&l->c->graph, &digest) == RF_NO_ID)
            continue;
        int rc = enter_tag(l->c, &l->tags[i], err);
        if (rc < 0)
            return rc;
        free(l->tags[i]);
        l->tags[i] = NULL;
        taken++;
    }
    return taken;
}

/* Tags of everything in the graph, and of what they bring: signatures of signatures. With referrers, theirs as well, until nothing new comes. */
static int walk_digest_tags(struct copier *c, bool referrers, struct rf_err *err)
{
    struct tag_list l = { .c = c };
    int rc = rf_place_list_tags(c->src, c->src_repo, on_tag, &l, err);
    while (rc >= 0 && (rc = enter_tags(&l, err)) > 0) {
        rc = rf_graph_walk(&c->graph, c->threads, err);
        if (rc == 0 && referrers)
            rc = walk_referrers(c, err);
    }
    for (size_t i = 0; i < l.n; i++)
        free(l.tags[i]);
    free(l.tags);
    return rc < 0 ? rc : 0;
}

/* ---- referrers that are kept elsewhere ---- */

#define OUTSIDE_MAX 10000u

struct outside {
    struct copier *c;
    struct rf_digest *digests; /* asked in this order: the image's manifests, then what was found */
    size_t n, cap;
};

static bool is_elsewhere(const struct rf_copy_options *o)
{
    return o->referrers && (o->referrers_src.place != NULL || o->referrers_dst.place != NULL);
}

static int enter_digest(struct outside *o, const struct rf_digest *digest, struct rf_err *err)
{
    for (size_t i = 0; i < o->n; i++)
        if (rf_digest_eq(&o->digests[i], digest))
            return 0;
    if (o->n == OUTSIDE_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "more than %u manifests and referrers", OUTSIDE_MAX);
    o->digests = rf_grow(o->digests, o->n, &o->cap, sizeof(*o->digests));
    o->digests[o->n++] = *digest;
    return 1;
}

static int on_outside(void *ctx, const struct rf_descriptor *desc, struct rf_err *err)
{
    struct outside *o = ctx;
    const struct rf_copy_options *opts = o->c->opts;
    struct rf_copy_side src = opts->referrers_src.place != NULL
                                  ? opts->referrers_src
                                  : (struct rf_copy_side){ o->c->src, o->c->src_repo };
    struct rf_copy_side dst = opts->referrers_dst.place != NULL
                                  ? opts->referrers_dst
                                  : (struct rf_copy_side){ o->c->dst, o->c->dst_repo };
    struct rf_copy_options plain = { .include_external = opts->include_external,
                                     .force = opts->force,
                                     .verify = opts->verify,
                                     .threads = opts->threads,
                                     .progress = opts->progress,
                                     .progress_ctx = opts->progress_ctx };
    struct rf_copy_result done = { 0 };
    if (!is_wanted(opts, desc))
        return 0;
    int rc = enter_digest(o, &desc->digest, err);
    if (rc <= 0)
        return rc;
    rc = rf_copy_image(src.place, src.repo, NULL, &desc->digest, dst.place, dst.repo, NULL, &plain,
                       &done, err);
    if (rc < 0)
        return rf_wrap(err, rc, "referrer");
    struct rf_copy_result *sum = o->c->result;
    sum->blobs_moved += done.blobs_moved;
    sum->blobs_mounted += done.blobs_mounted;
    sum->blobs_there += done.blobs_there;
    sum->bytes_moved += done.bytes_moved;
    sum->manifests_put += done.manifests_put;
    return 0;
}

/* Referrers of all that is in the graph, and theirs, one after the other. */
static int copy_outside(struct copier *c, struct rf_err *err)
{
    struct outside o = { .c = c };
    struct rf_copy_side src = c->opts->referrers_src.place != NULL
                                  ? c->opts->referrers_src
                                  : (struct rf_copy_side){ c->src, c->src_repo };
    int rc = 0;
    for (size_t i = 0; rc >= 0 && i < c->graph.n_nodes; i++)
        if (rf_node_is_manifest(&c->graph.nodes[i]))
            rc = enter_digest(&o, &c->graph.nodes[i].digest, err);
    for (size_t i = 0; rc >= 0 && i < o.n; i++) {
        struct rf_digest subject = o.digests[i];
        rc = each_referrer(c, src, &subject, on_outside, &o, err);
    }
    free(o.digests);
    return rc < 0 ? rc : 0;
}

/* ---- what has to be at the destination ---- */

static int visit(void *ctx, uint32_t node, struct rf_err *err)
{
    struct copier *c = ctx;
    const struct rf_node *n = &c->graph.nodes[node];
    (void)err;
    if (c->seen[node] != 0 || !rf_node_is_manifest(n))
        return 0;
    c->seen[node] = SEEN;
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
    struct copier *c = ctx;
    uint32_t node = c->manifests[i];
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    struct rf_err e = RF_ERR_INIT;
    if (node == c->root) {
        if (c->pruned == NULL && rf_digest_eq(&c->have, &c->graph.nodes[node].digest))
            c->seen[node] |= THERE;
        return 0;
    }
    int rc = rf_place_resolve(c->dst, c->dst_repo, NULL, &c->graph.nodes[node].digest, &d, &e);
    if (rc == 0)
        c->seen[node] |= THERE;
    if (ends_it(rc) && err != NULL)
        *err = e;
    return ends_it(rc) ? rc : 0;
}

/* Blobs of the manifests that the destination lacks. */
static void list_blobs(struct copier *c)
{
    for (size_t i = 0; i < c->n_manifests; i++) {
        const struct rf_node *n = &c->graph.nodes[c->manifests[i]];
        if ((c->seen[c->manifests[i]] & THERE) != 0)
            continue;
        for (uint32_t k = 0; k < n->n_edges; k++) {
            uint32_t child = c->graph.edges[n->first_edge + k];
            const struct rf_node *b = &c->graph.nodes[child];
            if (rf_node_is_manifest(b) || c->seen[child] != 0 ||
                (b->external && !c->opts->include_external))
                continue;
            c->seen[child] = NEEDED;
            c->blobs[c->n_blobs++] = child;
        }
    }
}

static int list_nodes(struct copier *c, struct rf_err *err)
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

static int copy_one(struct copier *c, const struct rf_digest *digest, uint64_t size,
                    enum rf_probe how, struct rf_err *err)
{
    struct rf_copy_blob_options o = { .probe = how,
                                      .progress = c->opts->progress,
                                      .progress_ctx = c->opts->progress_ctx };
    enum rf_blob_outcome outcome = RF_BLOB_THERE;
    RF_CLEANUP(rf_freep)
    char *hint =
        c->opts->mount_hint != NULL ? c->opts->mount_hint(c->opts->hint_ctx, digest) : NULL;
    const char *from = hint;
    if (hint != NULL && strcmp(hint, c->dst_repo) != 0) {
        o.mount_from = &from;
        o.n_mount_from = 1;
    }
    int rc =
        rf_copy_blob(c->src, c->src_repo, c->dst, c->dst_repo, digest, size, &o, &outcome, err);
    if (rc < 0)
        return rc;
    if (c->opts->blob_there != NULL)
        c->opts->blob_there(c->opts->hint_ctx, digest);
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

static void tell_blob(const struct copier *c, const struct rf_node *n)
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
    struct copier *c = ctx;
    const struct rf_node *n = &c->graph.nodes[c->blobs[i]];
    tell_blob(c, n);
    return copy_one(c, &n->digest, n->size, RF_PROBE_HEAD, err);
}

/* ---- manifests ---- */

/* The registry lacks what it said it had, or lost it since: look again by reading, and move what is gone. */
static int restore_blobs(struct copier *c, const struct rf_manifest *m, struct rf_err *err)
{
    int rc = 0;
    if (m->kind != RF_KIND_IMAGE)
        return -RFE_GROUND_MISSING;
    if (m->config.size > 0 || rf_digest_is_set(&m->config.digest))
        rc = copy_one(c, &m->config.digest, m->config.size, RF_PROBE_RANGE, err);
    for (size_t i = 0; rc == 0 && i < m->n_entries; i++) {
        const struct rf_descriptor *d = &m->entries[i];
        if (d->n_urls == 0 || c->opts->include_external)
            rc = copy_one(c, &d->digest, d->size, RF_PROBE_RANGE, err);
    }
    return rc;
}

static int put(struct copier *c, const char *tag, const struct rf_manifest *m, unsigned flags,
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
        return rf_hint(
            err, rc,
            "the destination takes no index without all of its images; a pruned index would do");
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&c->lock);
    c->result->manifests_put++;
    pthread_mutex_unlock(&c->lock);
    return 0;
}

/* All manifests of one level: their children are there by now. The root's tag comes last, by put_root(). */
static int put_level(void *ctx, size_t i, struct rf_err *err)
{
    struct copier *c = ctx;
    uint32_t node = c->manifests[i];
    if ((node == c->root && !c->root_is_child) || c->level[node] != c->at_level ||
        (c->seen[node] & THERE) != 0)
        return 0;
    return put(c, NULL, kept(c, node), RF_PUT_CHILD, err);
}

/* What was there before we came may well have its tag, too. */
static bool has_tag(struct copier *c, const struct extra *x)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    struct rf_err ignored;
    return (c->seen[x->node] & THERE) != 0 &&
           rf_place_resolve(c->dst, c->dst_repo, x->tag, NULL, &d, &ignored) == 0 &&
           rf_digest_eq(&d.digest, &c->graph.nodes[x->node].digest);
}

static int put_extra_tags(struct copier *c, struct rf_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < c->n_extras; i++)
        if (c->extras[i].tag != NULL && !has_tag(c, &c->extras[i]))
            rc = put(c, c->extras[i].tag, kept(c, c->extras[i].node), 0, err);
    return rc;
}

static const struct rf_manifest *root_manifest(struct copier *c)
{
    return c->pruned != NULL ? c->pruned : kept(c, c->root);
}

static int put_root(struct copier *c, struct rf_err *err)
{
    return put(c, c->dst_tag, root_manifest(c),
               c->opts->child && c->dst_tag == NULL ? RF_PUT_CHILD : 0, err);
}

static int put_all(struct copier *c, struct rf_err *err)
{
    size_t top = 0;
    int rc = rf_parallel(c->threads, c->n_blobs, copy_blob_node, c, err);
    for (size_t i = 0; i < c->n_manifests; i++)
        if (c->level[c->manifests[i]] > top)
            top = c->level[c->manifests[i]];
    for (c->at_level = 0; rc == 0 && c->at_level <= top; c->at_level++)
        rc = rf_parallel(c->threads, c->n_manifests, put_level, c, err);
    if (rc == 0)
        rc = put_extra_tags(c, err);
    return rc < 0 || (c->seen[c->root] & THERE) != 0 ? rc : put_root(c, err);
}

/* ---- the whole ---- */

/* -RFE_NOT_FOUND when there is nothing. Only what keeps us from the destination at all is a failure here. */
static int ask_destination(struct copier *c, const struct rf_digest *digest, struct rf_digest *out,
                           struct rf_err *err)
{
    if (c->opts->target_has != NULL) {
        *out = *c->opts->target_has;
        return rf_digest_is_set(out) ? 0 : -RFE_NOT_FOUND;
    }
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    struct rf_err e = RF_ERR_INIT;
    int rc = rf_place_resolve(c->dst, c->dst_repo, c->dst_tag, c->dst_tag == NULL ? digest : NULL,
                              &d, &e);
    if (rc == 0) {
        *out = d.digest;
        return 0;
    }
    if (ends_it(rc) || (e.http_status == 0 && (rc == -RFE_UNREACHABLE || rc == -RFE_TLS))) {
        if (err != NULL)
            *err = e;
        return rf_wrap(err, rc, "failed to access target registry");
    }
    return -RFE_NOT_FOUND;
}

/* What the source has now, by HEAD. -RFE_NOT_FOUND is not believed: some registries answer so to HEAD for what they have. */
static int ask_source(struct copier *c, const char *tag, const struct rf_digest *digest,
                      struct rf_digest *out, struct rf_err *err)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    struct rf_err e = RF_ERR_INIT;
    int rc = rf_place_resolve(c->src, c->src_repo, tag, digest, &d, &e);
    if (rc == 0)
        *out = d.digest;
    if (rc == 0 || rc == -RFE_NOT_FOUND)
        return 0;
    if (err != NULL)
        *err = e;
    return rc;
}

static int load_root(struct copier *c, const char *tag, const struct rf_digest *digest,
                     struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    const struct rf_manifest *known = c->opts->root;
    int rc = 0;
    if (known != NULL && (digest == NULL || rf_digest_eq(digest, &known->digest))) {
        const struct rf_manifest_expect expect = { .digest = &known->digest,
                                                   .content_type = known->media_type };
        rc = rf_manifest_parse(rf_buf_slice(&known->body), &expect, &m, err);
    } else {
        rc = rf_place_get_manifest(c->src, c->src_repo, tag, digest, NULL, &m, err);
    }
    if (rc < 0)
        return rc;
    rf_manifest_descriptor(m, &d);
    rc = rf_graph_add_root(&c->graph, &d, 0, &c->root, err);
    if (rc == 0)
        keep(c, c->root, RF_STEAL(m));
    return rc;
}

static bool wants_more(const struct rf_copy_options *o)
{
    return o->force || o->referrers || o->digest_tags;
}

static int copy_graph(struct copier *c, struct rf_err *err)
{
    int rc = rf_graph_walk(&c->graph, c->threads, err);
    if (rc == 0)
        rc = rf_graph_check(&c->graph, c->root, err);
    if (rc == 0 && c->pruned != NULL && (c->opts->fast || !wants_more(c->opts)) &&
        rf_digest_eq(&c->have, &c->pruned->digest))
        return 0; /* which index it will be shows only now */
    bool elsewhere = is_elsewhere(c->opts);
    if (rc == 0 && c->opts->referrers && !elsewhere)
        rc = walk_referrers(c, err);
    if (rc == 0 && c->opts->digest_tags)
        rc = walk_digest_tags(c, c->opts->referrers && !elsewhere, err);
    if (rc == 0 && elsewhere)
        rc = copy_outside(c, err);
    if (rc == 0)
        rc = list_nodes(c, err);
    return rc < 0 ? rc : put_all(c, err);
}

static int run(struct copier *c, const char *src_tag, const struct rf_digest *src_digest,
               struct rf_err *err)
{
    bool prune = c->opts->prune && c->opts->n_platforms > 0;
    bool plain = (c->opts->fast || !wants_more(c->opts)) && !prune;
    bool ask = c->dst_tag != NULL || src_digest != NULL;
    const char *tag = src_digest == NULL ? src_tag : NULL;
    struct rf_digest now = { 0 };
    int there = ask ? ask_destination(c, src_digest, &c->have, err) : -RFE_NOT_FOUND;
    if (there < 0 && there != -RFE_NOT_FOUND)
        return there;
    if (src_digest != NULL)
        now = *src_digest;
    /* What will be fetched in any case need not be asked for before. */
    int rc = src_digest == NULL && plain && there == 0 ? ask_source(c, tag, NULL, &now, err) : 0;
    if (rc < 0)
        return rc;
    if (plain && there == 0 && rf_digest_eq(&c->have, &now)) {
        c->result->digest = now;
        return 0;
    }
    bool known = rf_digest_is_set(&now);
    rc = load_root(c, known ? NULL : tag, known ? &now : NULL, err);
    if (rc < 0)
        return rc;
    /* Inside one repository all but the tag is there. */
    if (c->same_repo && !prune && !is_elsewhere(c->opts))
        rc = put_root(c, err);
    else
        rc = copy_graph(c, err);
    if (rc == 0)
        c->result->digest = root_manifest(c)->digest;
    return rc;
}

int rf_copy_image(struct rf_place *src, const char *src_repo, const char *src_tag,
                  const struct rf_digest *src_digest, struct rf_place *dst, const char *dst_repo,
                  const char *dst_tag, const struct rf_copy_options *opts,
                  struct rf_copy_result *out, struct rf_err *err)
{
    static const struct rf_copy_options plain = { 0 };
    struct rf_copy_result result = { 0 };
    struct copier c = { .src = src,
                        .dst = dst,
                        .src_repo = src_repo,
                        .dst_repo = dst_repo,
                        .dst_tag = dst_tag,
                        .opts = opts != NULL ? opts : &plain,
                        .result = &result };
    c.same_repo = rf_place_same(src, dst) && strcmp(src_repo, dst_repo) == 0;
    c.threads = c.opts->threads != 0 ? c.opts->threads : THREADS_DEFAULT;
    pthread_mutex_init(&c.lock, NULL);
    rf_graph_init(&c.graph, fetch, &c);
    struct rf_err e = RF_ERR_INIT;
    int rc = run(&c, src_tag, src_digest, &e);
    copier_release(&c);
    if (rc < 0) {
        if (err != NULL)
            *err = e;
        return rc;
    }
    if (out != NULL)
        *out = result;
    return 0;
}
