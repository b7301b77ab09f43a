/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/copy.h"

#include "base/mem.h"
#include "base/parallel.h"
#include "regclient/copy_private.h"

#define THREADS_DEFAULT 4u

static void copier_release(struct rf_copier *c)
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
    free(c->later);
    free(c->seen);
    free(c->level);
    rf_graph_release(&c->graph);
    pthread_mutex_destroy(&c->lock);
}

/* ---- walking the source ---- */

static void keep(struct rf_copier *c, uint32_t node, struct rf_manifest *m)
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

struct rf_manifest *rf_copier_kept(struct rf_copier *c, uint32_t node)
{
    pthread_mutex_lock(&c->lock);
    struct rf_manifest *m = node < c->n_kept ? c->kept[node] : NULL;
    pthread_mutex_unlock(&c->lock);
    return m;
}

struct children {
    struct rf_copier *c;
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
    if (rf_copy_ends(rc) && err != NULL)
        *err = e;
    return rf_copy_ends(rc) ? rc : 0;
}

/*
 * Children that the destination has are not fetched: a pull limit counts each of them. Not so when their referrers or tags are wanted, or by
 * force.
 */
static int leave_out_present(struct rf_copier *c, const struct rf_manifest *index, size_t *chosen,
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

static int choose(struct rf_copier *c, uint32_t node, const struct rf_manifest *m, size_t **out,
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
    struct rf_copier *c = ctx;
    const struct rf_node *n = &g->nodes[node];
    const char *type = rf_graph_media_type(g, node);
    struct rf_manifest_expect expect = { .digest = &n->digest,
                                         .size = n->size,
                                         .media_type = type[0] != '\0' ? type : NULL };
    struct rf_manifest *m = rf_copier_kept(c, node);
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

/* ---- the whole ---- */

/* -RFE_NOT_FOUND when there is nothing. Only what keeps us from the destination at all is a failure here. */
static int ask_destination(struct rf_copier *c, const struct rf_digest *digest,
                           struct rf_digest *out, struct rf_err *err)
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
    if (rf_copy_ends(rc) || (e.http_status == 0 && (rc == -RFE_UNREACHABLE || rc == -RFE_TLS))) {
        if (err != NULL)
            *err = e;
        return rf_wrap(err, rc, "failed to access target registry");
    }
    return -RFE_NOT_FOUND;
}

/* What the source has now, by HEAD. -RFE_NOT_FOUND is not believed: some registries answer so to HEAD for what they have. */
static int ask_source(struct rf_copier *c, const char *tag, const struct rf_digest *digest,
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

static int load_root(struct rf_copier *c, const char *tag, const struct rf_digest *digest,
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

static int copy_graph(struct rf_copier *c, struct rf_err *err)
{
    int rc = rf_graph_walk(&c->graph, c->threads, err);
    if (rc == 0)
        rc = rf_graph_check(&c->graph, c->root, err);
    if (rc == 0 && c->pruned != NULL && (c->opts->fast || !wants_more(c->opts)) &&
        rf_digest_eq(&c->have, &c->pruned->digest))
        return 0; /* which index it will be shows only now */
    bool elsewhere = rf_copy_is_elsewhere(c->opts);
    if (rc == 0 && c->opts->referrers && !elsewhere)
        rc = rf_copier_walk_referrers(c, err);
    if (rc == 0 && c->opts->digest_tags)
        rc = rf_copier_walk_digest_tags(c, c->opts->referrers && !elsewhere, err);
    if (rc == 0 && elsewhere)
        rc = rf_copier_copy_outside(c, err);
    if (rc == 0)
        rc = rf_copier_list_nodes(c, err);
    if (rc == 0 && c->opts->read != NULL)
        c->opts->read(c->opts->read_ctx);
    return rc < 0 ? rc : rf_copier_put_all(c, err);
}

static int run(struct rf_copier *c, const char *src_tag, const struct rf_digest *src_digest,
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
    if (c->same_repo && !prune && !rf_copy_is_elsewhere(c->opts))
        rc = rf_copier_put_root(c, err);
    else
        rc = copy_graph(c, err);
    if (rc == 0)
        c->result->digest = rf_copier_root_manifest(c)->digest;
    return rc;
}

int rf_copy_image(struct rf_place *src, const char *src_repo, const char *src_tag,
                  const struct rf_digest *src_digest, struct rf_place *dst, const char *dst_repo,
                  const char *dst_tag, const struct rf_copy_options *opts,
                  struct rf_copy_result *out, struct rf_err *err)
{
    static const struct rf_copy_options plain = { 0 };
    struct rf_copy_result result = { 0 };
    struct rf_copier c = { .src = src,
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
