/* SPDX-License-Identifier: Apache-2.0 */
/* From picks to the snapshot that the site will have, with the status of each line (export/plan.h). */
#include "export/plan_private.h"

#include "base/log.h"
#include "base/mem.h"
#include "export/bases.h"

struct filling {
    struct rf_snapshot *to;
    const struct rf_graph *g;
    bool external; /* layers with urls, too */
};

static int fill_node(void *ctx, uint32_t node, struct rf_err *err)
{
    static const uint8_t kinds[] = {
        [RF_NODE_BLOB] = RF_BLOB_LAYER,
        [RF_NODE_CONFIG] = RF_BLOB_CONFIG,
        [RF_NODE_IMAGE] = RF_BLOB_MANIFEST,
        [RF_NODE_INDEX] = RF_BLOB_MANIFEST,
    };
    struct filling *f = ctx;
    const struct rf_node *n = &f->g->nodes[node];
    const char *media_type = rf_graph_media_type(f->g, node);
    (void)err;
    if (n->external && !f->external)
        return 0;
    /* in a bundle a manifest's type means a manifest; what a layer is called stands in its own manifest */
    if (!rf_node_is_manifest(n) && rf_media_is_manifest(media_type))
        media_type = "application/octet-stream";
    rf_snapshot_add_item(
        f->to, rf_snapshot_add_blob(f->to, &n->digest, n->size, media_type, kinds[n->kind]));
    return 0;
}

/* A line whose content was walked now. */
static int add_walked(struct rf_plan *p, struct rf_closure *c, size_t i, struct rf_err *err)
{
    const struct rf_desired *d = &c->sel->wanted;
    const struct rf_image *im = &d->images[i];
    const struct rf_snapshot *base;
    struct filling f = { .to = p->snapshot,
                         .g = &c->graph,
                         .external = c->sel->picks[i].include_external };
    bool known = rf_bases_line(p->bases, p->n_bases, rf_desired_str(d, im->repository),
                               rf_desired_str(d, im->tag), &im->digest, &base) != NULL;
    size_t at = rf_desired_add(&p->snapshot->desired, d, im);
    struct rf_image *line = &p->snapshot->desired.images[at];
    line->status = known ? RF_IMAGE_CHANGED : RF_IMAGE_NEW;
    line->rule = rf_plan_rule_of(p, c->sel, i);
    line->first_blob = (uint32_t)p->snapshot->n_items;
    int rc = rf_graph_closure(&c->graph, c->sel->picks[i].root, fill_node, &f, err);
    line->n_blobs = (uint32_t)p->snapshot->n_items - line->first_blob;
    line->size = c->graph.nodes[c->sel->picks[i].root].size; /* a referrers list may not say it */
    return rc;
}

static void add_failed(struct rf_holding *h, struct rf_closure *c, size_t i, struct rf_holes *holes)
{
    const struct rf_selection *s = c->sel;
    const struct rf_image *im = &s->wanted.images[i];
    const struct rf_pick *pick = &s->picks[i];
    const struct rf_export_item *it = &s->req->items[pick->item];
    struct rf_build_hole hole = { .source = rf_desired_str(&s->wanted, im->source),
                                  .repository = rf_desired_str(&s->wanted, im->repository),
                                  .tag = rf_desired_str(&s->wanted, im->tag),
                                  .reason = rf_desired_str(&s->wanted, pick->error),
                                  .rule = rf_plan_rule_of(h->p, s, i) };
    rf_holes_add(holes, &hole);
    rf_log(RF_LOG_WARN, "Image left out", "source", hole.source, "error", hole.reason, NULL);
    if (pick->listless)
        rf_hold_registry(h, it, &hole, holes);
    else if (it->whole_repository && pick->where == RF_NO_ID)
        rf_hold_repository(h, hole.repository, true);
    if (!rf_hold_line(h, hole.repository, hole.tag, &im->digest) && !pick->listless)
        rf_hold_moved(h, hole.source, pick->referrers || pick->digest_tags);
    rf_hold_extras(h, s, i);
}

/* The site keeps what it has under this name. */
static void add_refused(struct rf_holding *h, const struct rf_selection *s, size_t i,
                        struct rf_refusals *refused)
{
    const struct rf_image *im = &s->wanted.images[i];
    const struct rf_build_refused one = { .source = rf_desired_str(&s->wanted, im->source),
                                          .repository = rf_desired_str(&s->wanted, im->repository),
                                          .tag = rf_desired_str(&s->wanted, im->tag),
                                          .reason = rf_desired_str(&s->wanted, s->picks[i].error),
                                          .digest = im->digest };
    rf_refusals_add(refused, &one);
    if (!rf_hold_line(h, one.repository, one.tag, &one.digest))
        rf_hold_moved(h, one.source, false);
}

/* An inventory does not know where its images come from. */
static void add_unchanged(struct rf_plan *p, const struct rf_selection *s, size_t i,
                          const struct rf_snapshot *base, const struct rf_image *line)
{
    const char *source = rf_desired_str(&s->wanted, s->wanted.images[i].source);
    struct rf_desired *d = &p->snapshot->desired;
    rf_snapshot_copy_line(p->snapshot, base, line, RF_IMAGE_UNCHANGED);
    if (rf_desired_str(&base->desired, line->source)[0] == '\0')
        d->images[d->n - 1].source = rf_strings_add(&d->strings, rf_slice_str(source));
    d->images[d->n - 1].rule = rf_plan_rule_of(p, s, i);
}

int rf_plan_fill(struct rf_plan *p, struct rf_closure *c, struct rf_holes *holes,
                 struct rf_refusals *refused, struct rf_err *err)
{
    struct rf_selection *s = c->sel;
    RF_CLEANUP(rf_holding_release) struct rf_holding h;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < s->wanted.n; i++) {
        const struct rf_snapshot *base;
        const struct rf_image *same;
        if (!rf_pick_usable(&s->picks[i]))
            continue;
        if (s->picks[i].unchanged &&
            (same = rf_closure_base_line(c, &s->wanted.images[i], &base)) != NULL)
            add_unchanged(p, s, i, base, same);
        else
            rc = add_walked(p, c, i, err);
    }
    if (rc == 0)
        rc = rf_desired_sort(&p->snapshot->desired, err);
    rf_holding_init(&h, p);
    for (uint32_t i = 0; rc == 0 && i < s->wanted.n; i++) {
        uint32_t line = rf_pick_line(s->picks, i);
        if (line != RF_NO_ID && !rf_pick_usable(&s->picks[line]))
            h.rule = rf_plan_rule_held(p, s, line);
        if (line != i && line != RF_NO_ID && s->picks[line].error_code != 0)
            rf_hold_extras(&h, s, i);
        else if (line == i && s->picks[i].error_code != 0)
            add_failed(&h, c, i, holes);
        else if (line == i && s->picks[i].refused)
            add_refused(&h, s, i, refused);
    }
    return rc < 0 ? rc : rf_snapshot_seal(p->snapshot, err);
}
