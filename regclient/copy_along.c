/* SPDX-License-Identifier: Apache-2.0 */
/* What goes along with an image: referrers, digest tags, and referrers that are kept elsewhere. */
#include "base/mem.h"
#include "base/parallel.h"
#include "regclient/copy_private.h"
#include "regclient/referrer_list.h"

/* ---- referrers and digest tags ---- */

static bool is_wanted(const struct rf_copy_options *o, const struct rf_descriptor *desc)
{
    return o->want_referrer == NULL || o->want_referrer(o->want_referrer_ctx, desc);
}

static int on_found(void *ctx, const struct rf_descriptor *desc, struct rf_err *err)
{
    struct rf_copier *c = ctx;
    (void)err;
    if (!is_wanted(c->opts, desc))
        return 0;
    pthread_mutex_lock(&c->lock);
    c->found = rf_grow(c->found, c->n_found, &c->cap_found, sizeof(*c->found));
    rf_descriptor_copy(desc, &c->found[c->n_found++]);
    pthread_mutex_unlock(&c->lock);
    return 0;
}

static int each_referrer(const struct rf_copier *c, struct rf_copy_side at,
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
    struct rf_copier *c = ctx;
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

static void add_extra(struct rf_copier *c, char *tag, uint32_t node)
{
    c->extras = rf_grow(c->extras, c->n_extras, &c->cap_extras, sizeof(*c->extras));
    c->extras[c->n_extras++] = (struct rf_copy_extra){ .tag = tag, .node = node };
}

static int enter_found(struct rf_copier *c, struct rf_err *err)
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

int rf_copier_walk_referrers(struct rf_copier *c, struct rf_err *err)
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
    struct rf_copier *c;
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
static int ask_tag(struct rf_copier *c, const char *tag, struct rf_descriptor *d,
                   struct rf_err *err)
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

static int enter_tag(struct rf_copier *c, char **tag, struct rf_err *err)
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

int rf_copier_walk_digest_tags(struct rf_copier *c, bool referrers, struct rf_err *err)
{
    struct tag_list l = { .c = c };
    int rc = rf_place_list_tags(c->src, c->src_repo, on_tag, &l, err);
    while (rc >= 0 && (rc = enter_tags(&l, err)) > 0) {
        rc = rf_graph_walk(&c->graph, c->threads, err);
        if (rc == 0 && referrers)
            rc = rf_copier_walk_referrers(c, err);
    }
    for (size_t i = 0; i < l.n; i++)
        free(l.tags[i]);
    free(l.tags);
    return rc < 0 ? rc : 0;
}

/* ---- referrers that are kept elsewhere ---- */

#define OUTSIDE_MAX 10000u

struct outside {
    struct rf_copier *c;
    struct rf_digest *digests; /* asked in this order: the image's manifests, then what was found */
    size_t n, cap;
};

bool rf_copy_is_elsewhere(const struct rf_copy_options *o)
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
                                     .turns = opts->turns,
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

int rf_copier_copy_outside(struct rf_copier *c, struct rf_err *err)
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
