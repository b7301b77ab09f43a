/* SPDX-License-Identifier: Apache-2.0 */
#include "export/extras.h"

#include "base/cancel.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "policy/step_rules.h"
#include "regclient/referrer_list.h"

static uint32_t rules_of(struct rf_extras *t, const struct rf_export_item *it)
{
    RF_CLEANUP(rf_freep)
    char *text = rf_xasprintf("%d %s %s", it->slow_referrers,
                              it->referrers_to != NULL ? it->referrers_to : "",
                              it->rules != NULL ? it->rules : "");
    return rf_strings_add(&t->rules, rf_slice_str(text));
}

void rf_extras_init(struct rf_extras *t, struct rf_closure *c)
{
    const struct rf_export_request *req = c->sel->req;
    memset(t, 0, sizeof(*t));
    t->c = c;
    rf_strings_init(&t->seen);
    rf_strings_init(&t->rules);
    t->rules_of = rf_xcalloc(req->n_items + 1, sizeof(*t->rules_of));
    for (size_t i = 0; i < req->n_items; i++)
        t->rules_of[i] = rules_of(t, &req->items[i]);
    t->failures = rf_xcalloc(c->sel->locations.n + 1, sizeof(*t->failures));
    t->entered = rf_xcalloc(c->sel->locations.n + 1, sizeof(*t->entered));
}

void rf_extras_release(struct rf_extras *t)
{
    rf_strings_release(&t->seen);
    rf_strings_release(&t->rules);
    free(t->rules_of);
    free(t->list);
    free(t->tags);
    free(t->failures);
    free(t->entered);
}

/* ---- the manifests that something may refer to ---- */

static void add_subject(struct rf_extras *t, const struct rf_digest *d)
{
    const struct rf_selection *s = t->c->sel;
    const struct rf_pick *p = &s->picks[t->pick];
    char text[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_freep)
    char *key =
        rf_xasprintf("%u %u %u %d%d%d %u %s", p->where, rf_selection_referrers_at(s, t->pick),
                     s->wanted.images[t->pick].repository, p->referrers, p->digest_tags, p->outside,
                     t->rules_of[p->item], rf_digest_text(d, text));
    size_t before = t->seen.len;
    if (rf_strings_add(&t->seen, rf_slice_str(key)) < before)
        return;
    t->list = rf_grow(t->list, t->n, &t->cap, sizeof(*t->list));
    t->list[t->n++] = (struct rf_subject){ .pick = t->pick, .digest = *d };
}

static int visit_manifest(void *ctx, uint32_t node, struct rf_err *err)
{
    struct rf_extras *t = ctx;
    const struct rf_node *n = &t->c->graph.nodes[node];
    (void)err;
    if (rf_node_is_manifest(n))
        add_subject(t, &n->digest);
    return 0;
}

/* Every manifest below a line, whether walked now or known from the base. Of a referrer that is kept elsewhere, itself alone. */
static int add_subjects(struct rf_extras *t, uint32_t pick, struct rf_err *err)
{
    struct rf_closure *c = t->c;
    struct rf_selection *s = c->sel;
    uint32_t line = rf_pick_line(s->picks, pick);
    t->pick = pick;
    if (s->picks[pick].outside) {
        add_subject(t, &s->wanted.images[pick].digest);
        return 0;
    }
    if (!s->picks[line].unchanged)
        return rf_graph_closure(&c->graph, s->picks[line].root, visit_manifest, t, err);
    const struct rf_snapshot *base = NULL;
    const struct rf_image *im = rf_closure_base_line(c, &s->wanted.images[line], &base);
    for (uint32_t i = 0; im != NULL && i < im->n_blobs; i++) {
        const struct rf_snapshot_blob *b = &base->blobs[base->items[im->first_blob + i]];
        if (b->kind == RF_BLOB_MANIFEST)
            add_subject(t, &b->digest);
    }
    return 0;
}

/* The whole line is a hole, whichever of its mentions has asked. */
static void fail_line(struct rf_selection *s, uint32_t pick, int code, const char *reason)
{
    rf_pick_fail(s, rf_pick_line(s->picks, pick), code, reason);
}

/* ---- referrers ---- */

struct found {
    struct rf_descriptor *list;
    size_t n, cap;
    int code;
    char *reason;
};

struct referring {
    struct rf_closure *c;
    const struct rf_subject *subjects;
    struct found *found;
};

static int keep_referrer(void *ctx, const struct rf_descriptor *desc, struct rf_err *err)
{
    struct found *f = ctx;
    (void)err;
    f->list = rf_grow(f->list, f->n, &f->cap, sizeof(*f->list));
    rf_descriptor_copy(desc, &f->list[f->n++]);
    return 0;
}

static int ask_referrers(const struct rf_selection *s, const struct rf_subject *of,
                         struct found *out, struct rf_err *err)
{
    const struct rf_location *l = &s->locations.list[rf_selection_referrers_at(s, of->pick)];
    RF_CLEANUP(rf_referrer_list_release) struct rf_referrer_list list = RF_REFERRER_LIST_INIT;
    const struct rf_referrer_query query = {
        .place = l->place, .repo = l->repo, .subject = &of->digest, .slow = true
    };
    if (!s->req->items[s->picks[of->pick].item].slow_referrers)
        return rf_place_referrers(l->place, l->repo, &of->digest, NULL, keep_referrer, out, err);
    int rc = rf_referrer_list_get(&query, &list, err);
    for (size_t i = 0; rc == 0 && i < list.n; i++)
        rc = keep_referrer(out, &list.items[i], err);
    return rc;
}

static int referrers_job(void *ctx, size_t i, struct rf_err *err)
{
    struct referring *r = ctx;
    const struct rf_selection *s = r->c->sel;
    struct rf_err why = RF_ERR_INIT;
    if (!s->picks[r->subjects[i].pick].referrers)
        return 0;
    int rc = ask_referrers(s, &r->subjects[i], &r->found[i], &why);
    if (rc == 0 || rc == -RFE_UNSUPPORTED)
        return 0;
    if (rf_cancelled())
        return rf_cancel_check(err);
    r->found[i].code = -rc;
    r->found[i].reason = rf_xasprintf("referrers: %s", why.msg);
    return 0;
}

static int compare_found(const void *a, const void *b)
{
    return rf_digest_cmp(&((const struct rf_descriptor *)a)->digest,
                         &((const struct rf_descriptor *)b)->digest);
}

/* In order of digest: registries list in any. */
static void enter_found(struct rf_selection *s, uint32_t of, struct found *f, bool fine)
{
    const struct rf_step *step = s->req->items[s->picks[of].item].step;
    if (f->n > 1)
        qsort(f->list, f->n, sizeof(*f->list), compare_found);
    for (size_t k = 0; k < f->n; k++) {
        bool taken = step == NULL || rf_step_takes_referrer(step, &f->list[k]);
        if (fine && taken && rf_media_is_manifest(f->list[k].media_type))
            (void)rf_selection_add_extra(s, of, NULL, &f->list[k]);
        rf_descriptor_release(&f->list[k]);
    }
    free(f->list);
    free(f->reason);
}

/* Asks for the referrers of the subjects that are new. */
static int find_referrers(struct rf_extras *t, struct rf_err *err)
{
    struct rf_selection *s = t->c->sel;
    size_t n = t->n - t->asked;
    struct referring r = { .c = t->c,
                           .subjects = t->list + t->asked,
                           .found = rf_xcalloc(n + 1, sizeof(*r.found)) };
    int rc = rf_parallel(s->req->parallel, n, referrers_job, &r, err);
    for (size_t i = 0; i < n; i++) {
        struct found *f = &r.found[i];
        uint32_t of = r.subjects[i].pick;
        if (rc == 0 && f->code != 0)
            fail_line(s, of, f->code, f->reason);
        enter_found(s, of, f, rc == 0);
    }
    free(r.found);
    return rc;
}

/* ---- digest tags ---- */

static int compare_speaking(const void *a, const void *b)
{
    const struct rf_digest_tag *x = a, *y = b;
    if (x->where != y->where)
        return x->where < y->where ? -1 : 1;
    int c = rf_digest_cmp(&x->of, &y->of);
    return c != 0 ? c : (x->tag > y->tag) - (x->tag < y->tag);
}

static int enter_tags(struct rf_extras *t, struct rf_locations *l, uint32_t where,
                      struct rf_err *err)
{
    if (t->entered[where])
        return 0;
    t->entered[where] = true;
    if (rf_location_tags(&l->list[where], &t->failures[where]) < 0)
        return rf_cancelled() ? rf_cancel_check(err) : 0;
    for (size_t i = 0; i < l->list[where].n_tags; i++) {
        struct rf_digest_tag one = { .where = where, .tag = (uint32_t)i };
        if (!rf_digest_tag_parse(l->list[where].tags[i], &one.of))
            continue;
        t->tags = rf_grow(t->tags, t->n_tags, &t->cap_tags, sizeof(*t->tags));
        t->tags[t->n_tags++] = one;
    }
    return 0;
}

/* A tag to be resolved for a subject. */
struct tag_job {
    uint32_t pick, where, tag;
    struct rf_descriptor desc;
    int code;
    char *reason;
};

struct tag_jobs {
    struct rf_selection *s;
    struct tag_job *list;
    size_t n, cap;
};

static int tag_job(void *ctx, size_t i, struct rf_err *err)
{
    struct tag_jobs *jobs = ctx;
    struct tag_job *j = &jobs->list[i];
    struct rf_selection *s = jobs->s;
    const struct rf_location *l = &s->locations.list[j->where];
    struct rf_err why = RF_ERR_INIT;
    int rc = rf_resolve_at(s->state, l, l->tags[j->tag], NULL, &j->desc, &why);
    if (rc < 0 && rf_cancelled())
        return rf_cancel_check(err);
    if (rc < 0) {
        j->code = -rc;
        j->reason = rf_xasprintf("digest tag %s: %s", l->tags[j->tag], why.msg);
    }
    return 0;
}

/* One that is gone since it was listed is none. */
static void enter_tag_jobs(struct tag_jobs *jobs, bool fine)
{
    struct rf_selection *s = jobs->s;
    for (size_t i = 0; i < jobs->n; i++) {
        struct tag_job *j = &jobs->list[i];
        if (fine && j->code == 0)
            (void)rf_selection_add_extra(s, j->pick, s->locations.list[j->where].tags[j->tag],
                                         &j->desc);
        else if (fine && j->code != RFE_NOT_FOUND)
            fail_line(s, j->pick, j->code, j->reason);
        rf_descriptor_release(&j->desc);
        free(j->reason);
    }
    free(jobs->list);
}

/* Without suffix they are the referrers' list, which the far side makes itself when referrers are carried. */
static void add_tag_jobs(struct tag_jobs *jobs, const struct rf_extras *t,
                         const struct rf_subject *subject)
{
    const struct rf_selection *s = jobs->s;
    const struct rf_pick *p = &s->picks[subject->pick];
    struct rf_digest_tag key = { .of = subject->digest, .where = p->where };
    size_t lo = 0, hi = t->n_tags;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (compare_speaking(&t->tags[mid], &key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (;
         lo < t->n_tags && t->tags[lo].where == p->where && rf_digest_eq(&t->tags[lo].of, &key.of);
         lo++) {
        const char *tag = s->locations.list[p->where].tags[t->tags[lo].tag];
        if (p->referrers && strchr(tag, '.') == NULL)
            continue;
        jobs->list = rf_grow(jobs->list, jobs->n, &jobs->cap, sizeof(*jobs->list));
        jobs->list[jobs->n++] =
            (struct tag_job){ .pick = subject->pick, .where = p->where, .tag = t->tags[lo].tag };
    }
}

/* Tags "sha256-<hex>.suffix" that speak of a new subject. */
static int find_digest_tags(struct rf_extras *t, struct rf_err *err)
{
    struct rf_selection *s = t->c->sel;
    struct tag_jobs jobs = { .s = s };
    size_t before = t->n_tags;
    for (size_t i = t->asked; i < t->n; i++) {
        uint32_t pick = t->list[i].pick, where = s->picks[pick].where;
        if (!s->picks[pick].digest_tags)
            continue;
        int rc = enter_tags(t, &s->locations, where, err);
        if (rc < 0)
            return rc;
        if (t->failures[where].code != 0)
            fail_line(s, pick, t->failures[where].code, t->failures[where].msg);
    }
    if (t->n_tags > before)
        qsort(t->tags, t->n_tags, sizeof(*t->tags), compare_speaking);
    for (size_t i = t->asked; i < t->n; i++)
        if (s->picks[t->list[i].pick].digest_tags)
            add_tag_jobs(&jobs, t, &t->list[i]);
    int rc = rf_parallel(s->req->parallel, jobs.n, tag_job, &jobs, err);
    enter_tag_jobs(&jobs, rc == 0);
    return rc;
}

int rf_extras_find(struct rf_extras *t, size_t first, size_t end, struct rf_err *err)
{
    struct rf_selection *s = t->c->sel;
    for (uint32_t i = (uint32_t)first; i < end; i++) {
        uint32_t line = rf_pick_line(s->picks, i);
        if (line != RF_NO_ID && rf_pick_usable(&s->picks[line]) &&
            (s->picks[i].referrers || s->picks[i].digest_tags))
            (void)add_subjects(t, i, NULL); /* a loop becomes a hole later */
    }
    int rc = find_referrers(t, err);
    if (rc == 0)
        rc = find_digest_tags(t, err);
    t->asked = t->n;
    return rc < 0 ? rc : rf_export_state_check(s->state, err);
}
