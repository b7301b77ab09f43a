/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/artifact_tree.h"

#include <stdlib.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "regclient/listing.h"

#define DEPTH_MAX 64u

void rf_artifact_node_free(struct rf_artifact_node *n)
{
    if (n == NULL)
        return;
    for (size_t i = 0; i < n->n_children; i++)
        rf_artifact_node_free(n->children[i]);
    for (size_t i = 0; i < n->n_referrers; i++)
        rf_artifact_node_free(n->referrers[i]);
    rf_ref_release(&n->ref);
    rf_manifest_free(n->manifest);
    if (n->platform != NULL)
        rf_platform_release(n->platform);
    free(n->platform);
    free(n->artifact_type);
    free(n->children);
    free(n->referrers);
    free(n);
}

void rf_artifact_node_freep(struct rf_artifact_node **n)
{
    rf_artifact_node_free(*n);
    *n = NULL;
}

struct walk {
    const struct rf_artifact_tree_plan *plan;
    struct rf_listing tags; /* of the repository, for digest tags */
    struct rf_digest above[DEPTH_MAX];
    unsigned depth;
    size_t nodes, bytes;
};

static int visit(struct walk *w, const struct rf_artifact_side *side, const char *tag,
                 const struct rf_digest *digest, struct rf_artifact_node **out, struct rf_err *err);

/* What the entry that leads to a node says of it. */
static void describe(struct rf_artifact_node *n, const struct rf_descriptor *d)
{
    if (n == NULL)
        return;
    n->artifact_type = rf_xstrdup(d->artifact_type);
    if (d->platform != NULL) {
        n->platform = rf_xcalloc(1, sizeof(*n->platform));
        rf_platform_copy(d->platform, n->platform);
    }
}

static void append(struct rf_artifact_node ***list, size_t *n, size_t *cap,
                   struct rf_artifact_node *node)
{
    if (node == NULL)
        return;
    *list = rf_grow(*list, *n, cap, sizeof(struct rf_artifact_node *));
    (*list)[(*n)++] = node;
}

static int add_children(struct walk *w, const struct rf_artifact_side *side,
                        struct rf_artifact_node *node, struct rf_err *err)
{
    const struct rf_manifest *m = node->manifest;
    int rc = 0;
    for (size_t i = 0; rc == 0 && m->kind == RF_KIND_INDEX && i < m->n_entries; i++) {
        struct rf_artifact_node *child = NULL;
        rc = visit(w, side, NULL, &m->entries[i].digest, &child, err);
        describe(child, &m->entries[i]);
        append(&node->children, &node->n_children, &node->cap_children, child);
    }
    return rc;
}

static int add_referrers(struct walk *w, const struct rf_artifact_side *side,
                         struct rf_artifact_node *node, struct rf_err *err)
{
    const struct rf_artifact_tree_plan *plan = w->plan;
    const struct rf_artifact_side *from = plan->referrers.place != NULL ? &plan->referrers : side;
    RF_CLEANUP(rf_referrer_list_release) struct rf_referrer_list l = RF_REFERRER_LIST_INIT;
    const struct rf_referrer_query query = { .place = from->place,
                                             .repo = from->repo,
                                             .subject = &node->manifest->digest,
                                             .match = plan->match,
                                             .slow = plan->slow };
    int rc = rf_referrer_list_get(&query, &l, err);
    if (rc < 0) {
        RF_CLEANUP(rf_freep) char *name = rf_ref_common_name(&node->ref);
        return rf_wrap(err, rc, "failed to check referrers for %s", name);
    }
    for (size_t i = 0; rc == 0 && i < l.n; i++) {
        struct rf_artifact_node *child = NULL;
        rc = visit(w, from, NULL, &l.items[i].digest, &child, err);
        describe(child, &l.items[i]);
        append(&node->referrers, &node->n_referrers, &node->cap_referrers, child);
    }
    return rc;
}

static int add_digest_tags(struct walk *w, const struct rf_artifact_side *side,
                           struct rf_artifact_node *node, struct rf_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < w->tags.n; i++) {
        struct rf_artifact_node *child = NULL;
        if (!rf_is_digest_tag_of(w->tags.names[i], &node->manifest->digest))
            continue;
        rc = visit(w, side, w->tags.names[i], NULL, &child, err);
        append(&node->referrers, &node->n_referrers, &node->cap_referrers, child);
    }
    return rc;
}

static int go_down(struct walk *w, const struct rf_artifact_side *side,
                   struct rf_artifact_node *node, struct rf_err *err)
{
    const struct rf_digest *digest = &node->manifest->digest;
    char text[RF_DIGEST_TEXT];
    for (unsigned i = 0; i < w->depth; i++)
        if (rf_digest_eq(&w->above[i], digest))
            return rf_fail(err, RFE_LOOP, "loop encountered, already processed %s",
                           rf_digest_text(digest, text));
    if (w->depth == DEPTH_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "manifests more than %u deep", DEPTH_MAX);
    w->above[w->depth++] = *digest;
    int rc = add_children(w, side, node, err);
    if (rc == 0)
        rc = add_referrers(w, side, node, err);
    if (rc == 0)
        rc = add_digest_tags(w, side, node, err);
    w->depth--;
    return rc;
}

static int count(struct walk *w, const struct rf_artifact_node *node, struct rf_err *err)
{
    w->bytes += node->manifest->body.len;
    if (++w->nodes > RF_ARTIFACT_TREE_NODES || w->bytes > RF_ARTIFACT_TREE_BYTES)
        return rf_fail(err, RFE_TOO_LARGE, "the tree has more than %u manifests, or %zu bytes",
                       RF_ARTIFACT_TREE_NODES, RF_ARTIFACT_TREE_BYTES);
    return rf_cancel_check(err);
}

static int visit(struct walk *w, const struct rf_artifact_side *side, const char *tag,
                 const struct rf_digest *digest, struct rf_artifact_node **out, struct rf_err *err)
{
    RF_CLEANUP(rf_artifact_node_freep)
    struct rf_artifact_node *node = rf_xcalloc(1, sizeof(*node));
    int rc =
        rf_place_get_manifest(side->place, side->repo, tag, digest, NULL, &node->manifest, err);
    if (rc == 0)
        rc = count(w, node, err);
    if (rc < 0)
        return rc;
    rf_ref_copy(side->ref, &node->ref);
    if (w->depth > 0) {
        rf_ref_set_tag(&node->ref, tag);
        rf_ref_set_digest(&node->ref, digest);
    }
    rc = go_down(w, side, node, err);
    *out = RF_STEAL(node);
    return rc;
}

int rf_artifact_tree(const struct rf_artifact_tree_plan *plan, struct rf_artifact_node **out,
                     struct rf_err *err)
{
    struct walk w = { .plan = plan };
    int rc = 0;
    rf_listing_init(&w.tags);
    if (plan->digest_tags) {
        rc = rf_listing_tags(plan->at.place, plan->at.repo, NULL, &w.tags, err);
        if (rc < 0)
            rc = rf_wrap(err, rc, "failed to list tags");
    }
    if (rc == 0)
        rc = visit(&w, &plan->at, plan->digest != NULL ? NULL : plan->tag, plan->digest, out, err);
    rf_listing_release(&w.tags);
    return rc;
}
