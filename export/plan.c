/* SPDX-License-Identifier: Apache-2.0 */
#include "export/plan.h"

#include "base/log.h"
#include "base/mem.h"
#include "export/bases.h"
#include "export/build.h"
#include "export/closure.h"
#include "export/repair.h"
#include "export/retain.h"

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
    rf_repair_free(p->repair); /* before the snapshot, which it points into */
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

struct rf_plan *rf_plan_new(const char *site)
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

struct refusals {
    struct rf_build_refused *list;
    size_t n, cap;
};

static void refusals_release(struct refusals *r)
{
    free(r->list);
}

static void add_refusal(struct refusals *r, const struct rf_build_refused *one)
{
    r->list = rf_grow(r->list, r->n, &r->cap, sizeof(*r->list));
    r->list[r->n++] = *one;
}

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
    line->first_blob = (uint32_t)p->snapshot->n_items;
    int rc = rf_graph_closure(&c->graph, c->sel->picks[i].root, fill_node, &f, err);
    line->n_blobs = (uint32_t)p->snapshot->n_items - line->first_blob;
    line->size = c->graph.nodes[c->sel->picks[i].root].size; /* a referrers list may not say it */
    return rc;
}

/* ---- what the base has and could not be had now ---- */

/* Adds lines of the base behind the `had` first ones of the plan's snapshot, which are sorted; each once, and none that is among those. */
struct holding {
    struct rf_plan *p;
    size_t had;
    struct rf_strings seen;
};

static void holding_init(struct holding *h, struct rf_plan *p)
{
    h->p = p;
    h->had = p->snapshot->desired.n;
    rf_strings_init(&h->seen);
}

static void holding_release(struct holding *h)
{
    rf_strings_release(&h->seen);
}

static bool seen_before(struct holding *h, const char *what, const char *repository,
                        const char *detail)
{
    RF_CLEANUP(rf_freep) char *key = rf_xasprintf("%s %s %s", what, repository, detail);
    size_t before = h->seen.len;
    return rf_strings_add(&h->seen, rf_slice_str(key)) < before;
}

static void hold(struct holding *h, const struct rf_snapshot *base, const struct rf_image *line)
{
    struct rf_desired had = h->p->snapshot->desired;
    const char *repository = rf_desired_str(&base->desired, line->repository);
    const char *tag = rf_desired_str(&base->desired, line->tag);
    char text[RF_DIGEST_TEXT];
    had.n = h->had;
    if (rf_desired_find(&had, repository, tag, &line->digest) == NULL &&
        !seen_before(h, "line", repository,
                     tag[0] != '\0' ? tag : rf_digest_text(&line->digest, text)))
        rf_snapshot_copy_line(h->p->snapshot, base, line, RF_IMAGE_HELD);
}

static void hold_line(struct holding *h, const char *repository, const char *tag,
                      const struct rf_digest *digest)
{
    const struct rf_snapshot *base;
    const struct rf_image *line =
        rf_bases_line(h->p->bases, h->p->n_bases, repository, tag, digest, &base);
    if (line != NULL)
        hold(h, base, line);
}

/* The first line of the repository, or where it would stand. */
static size_t first_of(const struct rf_desired *d, const char *repository)
{
    size_t lo = 0, hi = d->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (strcmp(rf_desired_str(d, d->images[mid].repository), repository) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/*
 * What the bases have of a repository: all of it when it could not be listed. Else what may refer to an image that is a hole and so was not asked for:
 * untagged lines and digest tags. Without this they would count as removed.
 */
static void hold_repository(struct holding *h, const char *repository, bool all)
{
    if (seen_before(h, all ? "all" : "extras", repository, ""))
        return;
    for (size_t b = 0; b < h->p->n_bases; b++) {
        const struct rf_desired *d = &h->p->bases[b]->desired;
        if (h->p->bases[b]->stock) /* others may have brought a part of it */
            continue;
        for (size_t i = first_of(d, repository);
             i < d->n && strcmp(rf_desired_str(d, d->images[i].repository), repository) == 0; i++) {
            const char *tag = rf_desired_str(d, d->images[i].tag);
            struct rf_digest of;
            if (all || tag[0] == '\0' || rf_digest_tag_parse(tag, &of))
                hold(h, h->p->bases[b], &d->images[i]);
        }
    }
}

/* What refers to a line that is a hole, as this mention of it would have asked. */
static void hold_extras(struct holding *h, const struct rf_selection *s, size_t mention)
{
    const struct rf_pick *pick = &s->picks[mention];
    const struct rf_export_item *it = &s->req->items[pick->item];
    const char *repository = rf_desired_str(&s->wanted, s->wanted.images[mention].repository);
    if (pick->referrers || pick->digest_tags)
        hold_repository(h, repository, false);
    if (pick->referrers && it->referrers_to != NULL)
        hold_repository(h, it->referrers_to, false);
}

/* The line comes from the registry, by an item with this prefix. */
static bool is_of_registry(const struct rf_desired *d, const struct rf_image *im,
                           const struct rf_export_item *it)
{
    const char *source = rf_desired_str(d, im->source);
    const char *repository = rf_desired_str(d, im->repository);
    size_t n = strlen(it->registry), m = strlen(it->repository);
    return strncmp(source, it->registry, n) == 0 && source[n] == '/' &&
           (m == 0 || (strncmp(repository, it->repository, m) == 0 && repository[m] == '/'));
}

/* What the bases have of a registry that could not be listed: each of its repositories is a hole. */
static void hold_registry(struct holding *h, const struct rf_export_item *it,
                          const struct rf_build_hole *hole, struct holes *holes)
{
    for (size_t b = 0; b < h->p->n_bases; b++) {
        const struct rf_desired *d = &h->p->bases[b]->desired;
        for (size_t i = 0; i < d->n && !h->p->bases[b]->stock; i++) {
            struct rf_build_hole one = *hole;
            one.repository = rf_desired_str(d, d->images[i].repository);
            if (!is_of_registry(d, &d->images[i], it) ||
                seen_before(h, it->registry, one.repository, ""))
                continue;
            add_hole(holes, &one);
            hold_repository(h, one.repository, true);
        }
    }
}

static void add_failed(struct holding *h, struct rf_closure *c, size_t i, struct holes *holes)
{
    const struct rf_selection *s = c->sel;
    const struct rf_image *im = &s->wanted.images[i];
    const struct rf_pick *pick = &s->picks[i];
    const struct rf_export_item *it = &s->req->items[pick->item];
    struct rf_build_hole hole = { .source = rf_desired_str(&s->wanted, im->source),
                                  .repository = rf_desired_str(&s->wanted, im->repository),
                                  .tag = rf_desired_str(&s->wanted, im->tag),
                                  .reason = rf_desired_str(&s->wanted, pick->error) };
    add_hole(holes, &hole);
    rf_log(RF_LOG_WARN, "Image left out", "source", hole.source, "error", hole.reason, NULL);
    if (pick->listless)
        hold_registry(h, it, &hole, holes);
    else if (it->whole_repository && pick->where == RF_NO_ID)
        hold_repository(h, hole.repository, true);
    hold_line(h, hole.repository, hole.tag, &im->digest);
    hold_extras(h, s, i);
}

/* The site keeps what it has under this name. */
static void add_refused(struct holding *h, const struct rf_selection *s, size_t i,
                        struct refusals *refused)
{
    const struct rf_image *im = &s->wanted.images[i];
    const struct rf_build_refused one = { .source = rf_desired_str(&s->wanted, im->source),
                                          .repository = rf_desired_str(&s->wanted, im->repository),
                                          .tag = rf_desired_str(&s->wanted, im->tag),
                                          .reason = rf_desired_str(&s->wanted, s->picks[i].error),
                                          .digest = im->digest };
    add_refusal(refused, &one);
    hold_line(h, one.repository, one.tag, &one.digest);
}

/* An inventory does not know where its images come from. */
static void add_unchanged(struct rf_plan *p, const struct rf_snapshot *base,
                          const struct rf_image *line, const char *source)
{
    struct rf_desired *d = &p->snapshot->desired;
    rf_snapshot_copy_line(p->snapshot, base, line, RF_IMAGE_UNCHANGED);
    if (rf_desired_str(&base->desired, line->source)[0] == '\0')
        d->images[d->n - 1].source = rf_strings_add(&d->strings, rf_slice_str(source));
}

static int fill_snapshot(struct rf_plan *p, struct rf_closure *c, struct holes *holes,
                         struct refusals *refused, struct rf_err *err)
{
    struct rf_selection *s = c->sel;
    RF_CLEANUP(holding_release) struct holding h;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < s->wanted.n; i++) {
        const struct rf_snapshot *base;
        const struct rf_image *same;
        if (!rf_pick_usable(&s->picks[i]))
            continue;
        if (s->picks[i].unchanged &&
            (same = rf_closure_base_line(c, &s->wanted.images[i], &base)) != NULL)
            add_unchanged(p, base, same, rf_desired_str(&s->wanted, s->wanted.images[i].source));
        else
            rc = add_walked(p, c, i, err);
    }
    if (rc == 0)
        rc = rf_desired_sort(&p->snapshot->desired, err);
    holding_init(&h, p);
    for (uint32_t i = 0; rc == 0 && i < s->wanted.n; i++) {
        uint32_t line = rf_pick_line(s->picks, i);
        if (line != i && line != RF_NO_ID && s->picks[line].error_code != 0)
            hold_extras(&h, s, i);
        else if (line == i && s->picks[i].error_code != 0)
            add_failed(&h, c, i, holes);
        else if (line == i && s->picks[i].refused)
            add_refused(&h, s, i, refused);
    }
    return rc < 0 ? rc : rf_snapshot_seal(p->snapshot, err);
}

/* What to do about a source that could not be had; "" when the cause says it all. */
static const char *next_step(int code, const char *cause)
{
    if (strstr(cause, "; ") != NULL)
        return "";
    switch (code) {
    case RFE_NOT_FOUND:
        return "check the name and the tag";
    case RFE_UNREACHABLE:
        return "check the name and the network";
    case RFE_DENIED:
        return "log in (regctl registry login), or give --host reg=NAME,user=...,pass-file=FILE";
    default:
        return "";
    }
}

/* No bundle comes of it, so the place may be named as it was given: a layout by its path. */
static char *shown_source(const struct rf_selection *s, size_t i)
{
    const struct rf_pick *pick = &s->picks[i];
    const struct rf_ref *ref = &s->req->items[pick->item].source;
    const char *source = rf_desired_str(&s->wanted, s->wanted.images[i].source);
    const char *name = strstr(source, "://");
    if (ref->scheme == RF_SCHEME_REGISTRY || name == NULL)
        return rf_xstrdup(source);
    RF_CLEANUP(rf_freep) char *location = rf_ref_location(ref);
    return rf_xasprintf("%s%s", location, name + 3 + strcspn(name + 3, ":@"));
}

static int fail_with(const struct rf_selection *s, size_t i, size_t failed, struct rf_err *err)
{
    const char *reason = rf_desired_str(&s->wanted, s->picks[i].error);
    int code = s->picks[i].error_code;
    RF_CLEANUP(rf_freep) char *source = shown_source(s, i);
    int rc = failed == 1
                 ? rf_fail(err, code, "%s: %s", source, reason)
                 : rf_fail(err, code, "none of the %zu images could be had; the first: %s: %s",
                           failed, source, reason);
    const char *step = next_step(code, reason);
    return step[0] != '\0' ? rf_hint(err, rc, "%s", step) : rc;
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
    return fail_with(s, first, failed, err);
}

static int lay_out(struct rf_plan *p, const struct rf_build *in, struct rf_err *err)
{
    struct rf_build build = *in;
    build.snapshot = p->snapshot;
    build.bases = p->bases;
    build.n_bases = p->n_bases;
    int rc = rf_build_bundle(&build, p->bundle, err);
    if (rc < 0 || p->req == NULL)
        return rc;
    return rf_export_retain(p->req, p->state, p->snapshot, p->as_of, p->bundle, err);
}

int rf_plan_make(const struct rf_export_request *req, struct rf_export_state *state,
                 struct rf_plan **out, struct rf_err *err)
{
    RF_CLEANUP(rf_plan_freep) struct rf_plan *p = rf_plan_new(req->site);
    RF_CLEANUP(rf_selection_release) struct rf_selection sel;
    RF_CLEANUP(rf_closure_release) struct rf_closure closure;
    RF_CLEANUP(holes_release) struct holes holes = { 0 };
    RF_CLEANUP(refusals_release) struct refusals refused = { 0 };
    p->req = req;
    p->state = state;
    p->as_of = req->as_of;
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
        rc = fill_snapshot(p, &closure, &holes, &refused, err);
    if (rc < 0)
        return rc;
    p->fetch_bytes = closure.fetch_bytes;
    rf_graph_release(&closure.graph); /* before the bundle takes its memory */
    const struct rf_build in = { .holes = holes.list,
                                 .n_holes = holes.n,
                                 .refused = refused.list,
                                 .n_refused = refused.n,
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
    RF_CLEANUP(rf_freep)
    char *name = it->registry != NULL ? rf_xstrdup(it->registry) : rf_ref_common_name(&it->source);
    rf_buf_addf(out, "item %s %s %s %d %d %d %d", name, it->repository,
                it->tag != NULL ? it->tag : "-", it->whole_repository, it->prune, it->referrers,
                it->digest_tags);
    if (it->single)
        rf_buf_add_str(out, " single");
    for (size_t i = 0; i < it->n_platforms; i++) {
        RF_CLEANUP(rf_freep) char *platform = rf_platform_text(&it->platforms[i]);
        rf_buf_addf(out, " %s", platform);
    }
    if (it->registry != NULL)
        rf_buf_add_str(out, " registry");
    if (it->slow_referrers || it->include_external)
        rf_buf_addf(out, " slow %d external %d", it->slow_referrers, it->include_external);
    if (it->referrers_from.text != NULL)
        rf_buf_addf(out, "\nreferrers from %s", it->referrers_from.text);
    if (it->referrers_to != NULL)
        rf_buf_addf(out, "\nreferrers to %s", it->referrers_to);
    if (it->rules != NULL)
        rf_buf_addf(out, "\nrules %zu %s", strlen(it->rules), it->rules);
    rf_buf_add_char(out, '\n');
}

static void key_retain(struct rf_buf *out, const struct rf_export_request *req)
{
    const struct rf_retain *r = req->retain;
    if (r == NULL || !r->read)
        return;
    rf_buf_addf(out, "retain %llu %d %d %llu", (unsigned long long)rf_retain_grace_s(r), r->has_max,
                r->max_is_percent, (unsigned long long)r->max_delete);
    if (req->as_of_given)
        rf_buf_addf(out, " %lld", (long long)req->as_of);
    for (size_t i = 0; i < r->protect.n; i++)
        rf_buf_addf(out, "\nprotect %s", r->protect.items[i]);
    for (size_t i = 0; i < r->n_rules; i++) {
        rf_buf_add_str(out, "\nrule ");
        rf_retain_rule_text(&r->rules[i], out);
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
    rf_buf_addf(&text, "3 %s %s %d %d\n", req->site, output, req->full, req->strict);
    for (size_t i = 0; i < req->n_bases; i++)
        rf_buf_addf(&text, "base %s\n", req->bases[i]);
    if (rf_verdicts_has(req->policy, RF_VERDICT_CARRY) ||
        rf_verdicts_has(req->policy, RF_VERDICT_KEEP))
        rf_buf_addf(&text, "policy %s\n", rf_verdicts_id(req->policy));
    for (size_t i = 0; i < req->n_items; i++)
        key_item(&text, &req->items[i]);
    key_retain(&text, req);
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

/* The bases of the recorded bundle: from the history, or once more from what the request names. */
static int find_bases_again(struct rf_plan *p, const struct rf_export_request *req,
                            struct rf_export_state *state, struct rf_err *err)
{
    int rc = rf_bases_load_for(p->bundle, state, &p->bases, &p->n_bases, err);
    if (rc == 0 || req->n_bases == 0)
        return rc;
    rc = rf_bases_load(req, state, &p->bases, &p->n_bases, err);
    if (rc < 0)
        return rc;
    size_t same = 0;
    for (size_t i = 0; i < p->n_bases; i++)
        for (size_t k = 0; k < p->bundle->n_bases; k++)
            same += rf_digest_eq(&p->bases[i]->id, &p->bundle->bases[k]);
    return same == p->n_bases && same == p->bundle->n_bases
               ? 0
               : rf_fail(err, RFE_INVALID, "the bases are others now");
}

int rf_plan_resume(const struct rf_export_request *req, struct rf_export_state *state,
                   const char *key, struct rf_plan **out, struct rf_err *err)
{
    RF_CLEANUP(rf_plan_freep) struct rf_plan *p = rf_plan_new(req->site);
    struct rf_err why = RF_ERR_INIT;
    int rc = rf_export_state_get_pending(state, key, p->bundle, p->snapshot, err);
    if (rc <= 0)
        return rc;
    const struct rf_export_record *last = rf_export_state_last(state);
    /* recorded already: a run that was stopped right behind its last step */
    bool finished = last != NULL && rf_digest_eq(&last->id, &p->bundle->id);
    bool next = last == NULL ? !rf_digest_is_set(&p->bundle->parent)
                             : rf_digest_eq(&last->id, &p->bundle->parent);
    if (!finished && !next)
        return 0; /* the history went on without it */
    if (strcmp(p->bundle->site, req->site) != 0 || find_bases_again(p, req, state, &why) < 0)
        return 0;
    take_statuses(p);
    p->resumed = true;
    p->req = req;
    p->state = state;
    p->as_of = p->bundle->retain.has_as_of ? p->bundle->retain.as_of : req->as_of;
    *out = RF_STEAL(p);
    return 1;
}

int rf_plan_again(struct rf_export_state *state, const struct rf_digest *id, struct rf_plan **out,
                  struct rf_err *err)
{
    RF_CLEANUP(rf_plan_freep) struct rf_plan *p = rf_plan_new(state->site);
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
    if (rf_bundle_is_repair(p->bundle))
        rf_repair_statuses(p->bundle, p->snapshot);
    else
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

static void keep_old_refusals(const struct rf_bundle *b, struct refusals *refused)
{
    const struct rf_desired *d = &b->desired;
    for (size_t i = 0; i < b->n_refused; i++) {
        const struct rf_bundle_refused *r = &b->refused[i];
        add_refusal(refused,
                    &(struct rf_build_refused){ .source = rf_desired_str(d, r->source),
                                                .repository = rf_desired_str(d, r->repository),
                                                .tag = rf_desired_str(d, r->tag),
                                                .reason = rf_desired_str(d, r->reason),
                                                .digest = r->digest });
    }
}

size_t rf_plan_mistakes(const struct rf_plan *p)
{
    const struct rf_bundle *b = p->bundle;
    size_t n = 0;
    for (size_t i = 0; i < b->n_refused; i++) {
        const char *reason = rf_desired_str(&b->desired, b->refused[i].reason);
        n += rf_verdict_is_mistake(RF_VERDICT_CARRY, reason);
    }
    return n;
}

/* Copies what stands from `from` to the plan's fresh snapshot; what failed is held or gone. *left counts what could be had. */
static int split_lines(struct rf_plan *p, const struct rf_snapshot *from,
                       const char *const *reasons, struct holes *holes, size_t *left,
                       struct rf_err *err)
{
    const struct rf_desired *d = &from->desired;
    RF_CLEANUP(holding_release) struct holding h;
    for (size_t i = 0; i < d->n; i++) {
        const struct rf_image *im = &d->images[i];
        if (line_failure(from, im, reasons) != NULL)
            continue;
        rf_snapshot_copy_line(p->snapshot, from, im, im->status);
        *left += im->status != RF_IMAGE_HELD;
    }
    int rc = rf_desired_sort(&p->snapshot->desired, err);
    holding_init(&h, p);
    for (size_t i = 0; rc == 0 && i < d->n; i++) {
        const struct rf_image *im = &d->images[i];
        const char *reason = line_failure(from, im, reasons);
        if (reason == NULL)
            continue;
        const char *source = rf_desired_str(d, im->source);
        struct rf_build_hole hole = { .source = source,
                                      .repository = rf_desired_str(d, im->repository),
                                      .tag = rf_desired_str(d, im->tag),
                                      .reason = reason };
        add_hole(holes, &hole);
        rf_log(RF_LOG_WARN, "Image left out", "source", source, "error", reason, NULL);
        hold_line(&h, hole.repository, hole.tag, &im->digest);
        hold_repository(&h, hole.repository, false);
    }
    return rc;
}

int rf_plan_drop(struct rf_plan *p, const struct rf_plan_failure *failures, size_t n,
                 struct rf_bundle **old, struct rf_err *err)
{
    if (p->repair != NULL)
        return rf_repair_drop(p, failures, n, old, err);
    RF_CLEANUP(holes_release) struct holes holes = { 0 };
    RF_CLEANUP(refusals_release) struct refusals refused = { 0 };
    struct rf_snapshot *from = p->snapshot;
    struct rf_bundle *was = p->bundle;
    struct rf_export_record last = { .sequence = was->sequence - 1, .id = was->parent };
    memcpy(last.chain, was->chain, sizeof(last.chain));
    const char **reasons = reasons_by_blob(p, failures, n);
    p->snapshot = new_snapshot(was->site);
    p->bundle = new_bundle();
    keep_old_holes(was, &holes);
    keep_old_refusals(was, &refused);
    size_t left = 0;
    int rc = split_lines(p, from, reasons, &holes, &left, err);
    free(reasons);
    if (rc == 0 && left == 0)
        rc = rf_fail(err, RFE_FAILED, "nothing that was to be carried could be had; the first: %s",
                     failures[0].reason);
    if (rc == 0)
        rc = rf_snapshot_seal(p->snapshot, err);
    const struct rf_build in = { .holes = holes.list,
                                 .n_holes = holes.n,
                                 .refused = refused.list,
                                 .n_refused = refused.n,
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
