/* SPDX-License-Identifier: Apache-2.0 */
#include "export/plan.h"

#include "base/log.h"
#include "base/mem.h"
#include "export/bases.h"
#include "export/build.h"
#include "export/closure.h"

static struct rf_bundle *new_bundle(void)
{
    struct rf_bundle *b = rf_xcalloc(1, sizeof(*b));
    rf_bundle_init(b);
    return b;
}

static void free_bundle(struct rf_bundle *b)
{
    if (b != NULL)
        rf_bundle_release(b);
    free(b);
}

static struct rf_snapshot *new_snapshot(const char *site)
{
    struct rf_snapshot *s = rf_xcalloc(1, sizeof(*s));
    rf_snapshot_init(s);
    memcpy(s->site, site, strlen(site) + 1);
    return s;
}

static void free_snapshot(struct rf_snapshot *s)
{
    if (s != NULL)
        rf_snapshot_release(s);
    free(s);
}

void rf_plan_free(struct rf_plan *p)
{
    if (p == NULL)
        return;
    free_bundle(p->bundle);
    free_snapshot(p->snapshot);
    rf_bases_free(p->bases, p->n_bases);
    free(p);
}

void rf_plan_freep(struct rf_plan **p)
{
    rf_plan_free(*p);
    *p = NULL;
}

static struct rf_plan *new_plan(const char *site)
{
    struct rf_plan *p = rf_xcalloc(1, sizeof(*p));
    p->bundle = new_bundle();
    p->snapshot = new_snapshot(site);
    return p;
}

/* ---- from picks to a snapshot ---- */

struct holes {
    struct rf_build_hole *list;
    size_t n, cap;
};

static void holes_release(struct holes *h)
{
    free(h->list);
}

static void add_hole(struct holes *h, const struct rf_build_hole *hole)
{
    h->list = rf_grow(h->list, h->n, &h->cap, sizeof(*h->list));
    h->list[h->n++] = *hole;
}

struct filling {
    struct rf_snapshot *to;
    const struct rf_graph *g;
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
    (void)err;
    if (!n->external)
        rf_snapshot_add_item(f->to,
                             rf_snapshot_add_blob(f->to, &n->digest, n->size,
                                                  rf_graph_media_type(f->g, node), kinds[n->kind]));
    return 0;
}

/* A line whose content was walked now. */
static int add_walked(struct rf_plan *p, struct rf_closure *c, size_t i, struct rf_err *err)
{
    const struct rf_desired *d = &c->sel->wanted;
    const struct rf_image *im = &d->images[i];
    const struct rf_snapshot *base;
    struct filling f = { .to = p->snapshot, .g = &c->graph };
    bool known = rf_bases_line(p->bases, p->n_bases, rf_desired_str(d, im->repository),
                               rf_desired_str(d, im->tag), &im->digest, &base) != NULL;
    size_t at = rf_desired_add(&p->snapshot->desired, d, im);
    struct rf_image *line = &p->snapshot->desired.images[at];
    line->status = known ? RF_IMAGE_CHANGED : RF_IMAGE_NEW;
    line->first_blob = (uint32_t)p->snapshot->n_items;
    int rc = rf_graph_closure(&c->graph, c->sel->picks[i].root, fill_node, &f, err);
    line->n_blobs = (uint32_t)p->snapshot->n_items - line->first_blob;
    return rc;
}

static void add_held(struct rf_plan *p, const char *repository, const char *tag,
                     const struct rf_digest *digest)
{
    const struct rf_snapshot *base;
    const struct rf_image *line =
        rf_bases_line(p->bases, p->n_bases, repository, tag, digest, &base);
    if (line != NULL)
        rf_snapshot_copy_line(p->snapshot, base, line, RF_IMAGE_HELD);
}

/* A repository that could not be listed holds all lines that the base has of it. */
static void add_held_repository(struct rf_plan *p, const char *repository)
{
    for (size_t b = 0; b < p->n_bases; b++) {
        const struct rf_desired *d = &p->bases[b]->desired;
        for (size_t i = 0; i < d->n; i++) {
            const struct rf_snapshot *earlier;
            if (strcmp(rf_desired_str(d, d->images[i].repository), repository) == 0 &&
                rf_bases_line(p->bases, b, repository, rf_desired_str(d, d->images[i].tag),
                              &d->images[i].digest, &earlier) == NULL)
                rf_snapshot_copy_line(p->snapshot, p->bases[b], &d->images[i], RF_IMAGE_HELD);
        }
    }
}

static void add_failed(struct rf_plan *p, struct rf_closure *c, size_t i, struct holes *holes)
{
    const struct rf_selection *s = c->sel;
    const struct rf_image *im = &s->wanted.images[i];
    const struct rf_pick *pick = &s->picks[i];
    struct rf_build_hole hole = { .source = rf_desired_str(&s->wanted, im->source),
                                  .repository = rf_desired_str(&s->wanted, im->repository),
                                  .tag = rf_desired_str(&s->wanted, im->tag),
                                  .reason = rf_desired_str(&s->wanted, pick->error) };
    add_hole(holes, &hole);
    rf_log(RF_LOG_WARN, "Image left out", "source", hole.source, "error", hole.reason, NULL);
    if (s->req->items[pick->item].whole_repository && pick->where == RF_NO_ID)
        add_held_repository(p, hole.repository);
    else
        add_held(p, hole.repository, hole.tag, &im->digest);
}

static int fill_snapshot(struct rf_plan *p, struct rf_closure *c, struct holes *holes,
                         struct rf_err *err)
{
    struct rf_selection *s = c->sel;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < s->wanted.n; i++) {
        const struct rf_snapshot *base;
        const struct rf_image *same;
        if (s->picks[i].dropped)
            continue;
        if (s->picks[i].error_code != 0)
            add_failed(p, c, i, holes);
        else if (s->picks[i].unchanged &&
                 (same = rf_closure_base_line(c, &s->wanted.images[i], &base)) != NULL)
            rf_snapshot_copy_line(p->snapshot, base, same, RF_IMAGE_UNCHANGED);
        else
            rc = add_walked(p, c, i, err);
    }
    return rc < 0 ? rc : rf_snapshot_seal(p->snapshot, err);
}

/* Nothing could be had: that is no bundle but a failure, with the first cause. */
static int check_any(const struct rf_selection *s, struct rf_err *err)
{
    size_t failed = 0, first = SIZE_MAX;
    for (size_t i = 0; i < s->wanted.n; i++) {
        if (s->picks[i].dropped)
            continue;
        if (s->picks[i].error_code == 0)
            return 0;
        failed++;
        if (first == SIZE_MAX)
            first = i;
    }
    if (first == SIZE_MAX)
        return rf_fail(
            err, RFE_USAGE,
            "nothing is selected: no image is named and no tag passes the filters; name images or check the policy file");
    const char *reason = rf_desired_str(&s->wanted, s->picks[first].error);
    const char *source = rf_desired_str(&s->wanted, s->wanted.images[first].source);
    int code = s->picks[first].error_code;
    if (failed == 1)
        return rf_fail(err, code, "%s: %s", source, reason);
    return rf_fail(err, code, "none of the %zu images could be had; the first: %s: %s", failed,
                   source, reason);
}

static int lay_out(struct rf_plan *p, const struct rf_build *in, struct rf_err *err)
{
    struct rf_build build = *in;
    build.snapshot = p->snapshot;
    build.bases = p->bases;
    build.n_bases = p->n_bases;
    return rf_build_bundle(&build, p->bundle, err);
}

int rf_plan_make(const struct rf_export_request *req, struct rf_export_state *state,
                 struct rf_plan **out, struct rf_err *err)
{
    RF_CLEANUP(rf_plan_freep) struct rf_plan *p = new_plan(req->site);
    RF_CLEANUP(rf_selection_release) struct rf_selection sel;
    RF_CLEANUP(rf_closure_release) struct rf_closure closure;
    RF_CLEANUP(holes_release) struct holes holes = { 0 };
    rf_selection_init(&sel, req, state);
    rf_closure_init(&closure, &sel, NULL, 0);
    int rc = rf_bases_load(req, state, &p->bases, &p->n_bases, err);
    if (rc < 0)
        return rc;
    closure.bases = p->bases;
    closure.n_bases = p->n_bases;
    rc = rf_select(&sel, err);
    if (rc == 0)
        rc = rf_closure_build(&closure, err);
    if (rc == 0)
        rc = check_any(&sel, err);
    if (rc == 0)
        rc = fill_snapshot(p, &closure, &holes, err);
    if (rc < 0)
        return rc;
    p->fetch_bytes = closure.fetch_bytes;
    rf_graph_release(&closure.graph); /* before the bundle takes its memory */
    const struct rf_build in = { .holes = holes.list,
                                 .n_holes = holes.n,
                                 .site = req->site,
                                 .last = rf_export_state_last(state) };
    rc = lay_out(p, &in, err);
    if (rc < 0)
        return rc;
    *out = RF_STEAL(p);
    return 0;
}

/* ---- resuming ---- */

static void key_item(struct rf_buf *out, const struct rf_export_item *it)
{
    RF_CLEANUP(rf_freep) char *name = rf_ref_common_name(&it->source);
    rf_buf_addf(out, "item %s %s %s %d %d %d %d", name, it->repository,
                it->tag != NULL ? it->tag : "-", it->whole_repository, it->prune, it->referrers,
                it->digest_tags);
    for (size_t i = 0; i < it->n_platforms; i++) {
        RF_CLEANUP(rf_freep) char *platform = rf_platform_text(&it->platforms[i]);
        rf_buf_addf(out, " %s", platform);
    }
    rf_buf_add_char(out, '\n');
}

char *rf_plan_key(const struct rf_export_request *req, const char *output)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    RF_CLEANUP(rf_hasher_freep) struct rf_hasher *h = rf_hasher_new(RF_DIGEST_SHA256);
    struct rf_digest d;
    char hex[RF_DIGEST_TEXT];
    rf_buf_init(&text, 64u << 20);
    rf_buf_addf(&text, "1 %s %s %d\n", req->site, output, req->full);
    for (size_t i = 0; i < req->n_bases; i++)
        rf_buf_addf(&text, "base %s\n", req->bases[i]);
    for (size_t i = 0; i < req->n_items; i++)
        key_item(&text, &req->items[i]);
    rf_hasher_update(h, text.ptr, text.len);
    rf_hasher_final(h, &d);
    return rf_xstrdup(rf_digest_text(&d, hex));
}

/* The snapshot file knows no status: the bundle does. */
static void take_statuses(struct rf_plan *p)
{
    const struct rf_desired *from = &p->bundle->desired;
    struct rf_desired *to = &p->snapshot->desired;
    for (size_t i = 0; i < to->n; i++) {
        struct rf_image *im = &to->images[i];
        const struct rf_image *line = rf_desired_find(from, rf_desired_str(to, im->repository),
                                                      rf_desired_str(to, im->tag), &im->digest);
        if (line != NULL)
            im->status = line->status;
    }
}

int rf_plan_resume(const struct rf_export_request *req, struct rf_export_state *state,
                   const char *key, struct rf_plan **out, struct rf_err *err)
{
    RF_CLEANUP(rf_plan_freep) struct rf_plan *p = new_plan(req->site);
    struct rf_err why = RF_ERR_INIT;
    int rc = rf_export_state_get_pending(state, key, p->bundle, p->snapshot, err);
    if (rc <= 0)
        return rc;
    const struct rf_export_record *last = rf_export_state_last(state);
    if ((last == NULL) != !rf_digest_is_set(&p->bundle->parent) ||
        (last != NULL && !rf_digest_eq(&last->id, &p->bundle->parent)))
        return 0; /* the history went on without it */
    if (strcmp(p->bundle->site, req->site) != 0 ||
        rf_bases_load_for(p->bundle, state, &p->bases, &p->n_bases, &why) < 0)
        return 0;
    take_statuses(p);
    p->resumed = true;
    *out = RF_STEAL(p);
    return 1;
}

int rf_plan_again(struct rf_export_state *state, const struct rf_digest *id, struct rf_plan **out,
                  struct rf_err *err)
{
    RF_CLEANUP(rf_plan_freep) struct rf_plan *p = new_plan(state->site);
    int rc = rf_export_state_load_bundle(state, id, p->bundle, err);
    if (rc == 0) {
        RF_CLEANUP(rf_freep)
        char *path = rf_export_state_snapshot_path(state, &p->bundle->snapshot);
        rc = rf_snapshot_load(p->snapshot, path, err);
    }
    if (rc < 0)
        return rf_hint(
            err, rc,
            "the record of this bundle is lost; write a new one with `regexport create --full`");
    take_statuses(p);
    p->resumed = true;
    *out = RF_STEAL(p);
    return 0;
}

/* ---- images that failed while writing ---- */

/* Per blob of the snapshot: why it failed, or NULL. */
static const char **reasons_by_blob(const struct rf_plan *p, const struct rf_plan_failure *failures,
                                    size_t n)
{
    const char **reasons = rf_xcalloc(p->snapshot->n_blobs + 1, sizeof(*reasons));
    for (size_t i = 0; i < n; i++) {
        uint32_t item =
            rf_snapshot_find_blob(p->snapshot, &p->bundle->blobs[failures[i].blob].digest);
        if (item != RF_NO_ID)
            reasons[item] = failures[i].reason;
    }
    return reasons;
}

static const char *line_failure(const struct rf_snapshot *s, const struct rf_image *im,
                                const char *const *reasons)
{
    for (uint32_t i = 0; rf_image_travels(im) && i < im->n_blobs; i++)
        if (reasons[s->items[im->first_blob + i]] != NULL)
            return reasons[s->items[im->first_blob + i]];
    return NULL;
}

static void keep_old_holes(const struct rf_bundle *b, struct holes *holes)
{
    const struct rf_desired *d = &b->desired;
    for (size_t i = 0; i < b->n_holes; i++) {
        const struct rf_hole *h = &b->holes[i];
        add_hole(holes, &(struct rf_build_hole){ .source = rf_desired_str(d, h->source),
                                                 .repository = rf_desired_str(d, h->repository),
                                                 .tag = rf_desired_str(d, h->tag),
                                                 .reason = rf_desired_str(d, h->reason) });
    }
}

/* Copies what stands from `from` to the plan's fresh snapshot; what failed is held or gone. */
static size_t split_lines(struct rf_plan *p, const struct rf_snapshot *from,
                          const char *const *reasons, struct holes *holes)
{
    const struct rf_desired *d = &from->desired;
    size_t left = 0;
    for (size_t i = 0; i < d->n; i++) {
        const struct rf_image *im = &d->images[i];
        const char *reason = line_failure(from, im, reasons);
        if (reason == NULL) {
            rf_snapshot_copy_line(p->snapshot, from, im, im->status);
            left += rf_image_travels(im);
            continue;
        }
        struct rf_build_hole hole = { .source = rf_desired_str(d, im->source),
                                      .repository = rf_desired_str(d, im->repository),
                                      .tag = rf_desired_str(d, im->tag),
                                      .reason = reason };
        add_hole(holes, &hole);
        rf_log(RF_LOG_WARN, "Image left out", "source", hole.source, "error", reason, NULL);
        add_held(p, hole.repository, hole.tag, &im->digest);
    }
    return left;
}

int rf_plan_drop(struct rf_plan *p, const struct rf_plan_failure *failures, size_t n,
                 struct rf_bundle **old, struct rf_err *err)
{
    RF_CLEANUP(holes_release) struct holes holes = { 0 };
    struct rf_snapshot *from = p->snapshot;
    struct rf_bundle *was = p->bundle;
    struct rf_export_record last = { .sequence = was->sequence - 1, .id = was->parent };
    memcpy(last.chain, was->chain, sizeof(last.chain));
    const char **reasons = reasons_by_blob(p, failures, n);
    p->snapshot = new_snapshot(was->site);
    p->bundle = new_bundle();
    keep_old_holes(was, &holes);
    size_t left = split_lines(p, from, reasons, &holes);
    free(reasons);
    int rc = left > 0 ? rf_snapshot_seal(p->snapshot, err)
                      : rf_fail(err, RFE_FAILED,
                                "nothing that was to be carried could be had; the first: %s",
                                failures[0].reason);
    const struct rf_build in = { .holes = holes.list,
                                 .n_holes = holes.n,
                                 .site = was->site,
                                 .last = rf_digest_is_set(&was->parent) ? &last : NULL };
    if (rc == 0)
        rc = lay_out(p, &in, err);
    if (rc == 0) {
        free_snapshot(from);
        *old = was;
        return 0;
    }
    free_snapshot(p->snapshot); /* as it was: a later run may find it better */
    free_bundle(p->bundle);
    p->snapshot = from;
    p->bundle = was;
    return rc;
}
