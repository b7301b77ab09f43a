/* SPDX-License-Identifier: Apache-2.0 */
#include "import/prune.h"

#include "base/cancel.h"
#include "base/mem.h"
#include "base/text.h"
#include "import/keep.h"
#include "import/needed.h"
#include "layout/bundle_retain.h"
#include "layout/oci_dir.h"
#include "policy/retain_facts.h"
#include "regclient/manifest_delete.h"

/* A repository of the destination that something may go from. */
struct view {
    char *repo;       /* there */
    const char *name; /* in bundles; NULL: no candidate is of it */
    struct rf_needed needed;
};

struct pruning {
    const struct rf_prune_request *req;
    struct rf_import_state *state;
    struct rf_prune_result *out;
    struct rf_bundle last;
    const struct rf_bundle *bundle; /* `last`, or the caller's */
    struct view **views;
    size_t n_views, cap_views;
    struct view *at; /* the one whose tags are looked at */
};

void rf_prune_result_init(struct rf_prune_result *r)
{
    memset(r, 0, sizeof(*r));
}

void rf_prune_result_release(struct rf_prune_result *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->items[i].repository);
        free(r->items[i].tag);
        free(r->items[i].reason);
    }
    free(r->items);
    for (size_t i = 0; i < r->n_manifests; i++) {
        free(r->manifests[i].repository);
        free(r->manifests[i].kept);
    }
    free(r->manifests);
    free(r->empties);
    memset(r, 0, sizeof(*r));
}

static void pruning_release(struct pruning *p)
{
    for (size_t i = 0; i < p->n_views; i++) {
        rf_needed_release(&p->views[i]->needed);
        free(p->views[i]->repo);
        free(p->views[i]);
    }
    free(p->views);
    rf_bundle_release(&p->last);
}

static char *repo_of(const struct pruning *p, const char *name)
{
    const char *prefix = p->req->base->prefix;
    return prefix[0] == '\0' ? rf_xstrdup(name) : rf_xasprintf("%s/%s", prefix, name);
}

static struct view *view_of(struct pruning *p, const char *repo, const char *name)
{
    for (size_t i = 0; i < p->n_views; i++) {
        if (strcmp(p->views[i]->repo, repo) != 0)
            continue;
        if (p->views[i]->name == NULL)
            p->views[i]->name = name;
        return p->views[i];
    }
    struct view *v = rf_xcalloc(1, sizeof(*v));
    v->repo = rf_xstrdup(repo);
    v->name = name;
    rf_needed_init(&v->needed);
    p->views = rf_grow(p->views, p->n_views, &p->cap_views, sizeof(*p->views));
    p->views[p->n_views++] = v;
    return v;
}

static void set_fate(struct rf_prune_item *it, enum rf_prune_fate fate, char *reason)
{
    free(it->reason);
    it->fate = fate;
    it->reason = reason;
}

/* ---- what bundles brought ---- */

static void brought_key(const char *repository, const char *tag, const struct rf_digest *d,
                        struct rf_buf *out)
{
    char text[RF_DIGEST_TEXT];
    rf_buf_clear(out);
    rf_buf_addf(out, "%s:%s@%s", repository, tag, rf_digest_text(d, text));
}

static void add_brought(const struct rf_bundle *b, struct rf_strings *brought)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf key;
    rf_buf_init(&key, 1024);
    for (size_t i = 0; i < b->desired.n; i++) {
        const struct rf_image *im = &b->desired.images[i];
        if (!rf_image_is_wanted(im))
            continue;
        brought_key(rf_desired_str(&b->desired, im->repository),
                    rf_desired_str(&b->desired, im->tag), &im->digest, &key);
        (void)rf_strings_add(brought, rf_buf_slice(&key));
    }
}

/*
 * Of the bundles that were applied before the last one. False when this side remembers none: then the connected side's word has to do, and the tag's digest.
 */
static bool load_brought(const struct pruning *p, struct rf_strings *brought)
{
    bool any = false;
    for (size_t i = 0; i < p->state->n; i++) {
        const struct rf_import_record *r = &p->state->records[i];
        struct rf_bundle b;
        if (strcmp(r->to, p->req->base->to_name) != 0 || rf_digest_eq(&r->id, &p->bundle->id))
            continue;
        rf_bundle_init(&b);
        if (rf_import_state_load_bundle(p->state, &r->id, &b, NULL) == 0) {
            add_brought(&b, brought);
            any = true;
        }
        rf_bundle_release(&b);
    }
    return any;
}

static void add_candidates(struct pruning *p)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf key;
    RF_CLEANUP(rf_strings_release) struct rf_strings brought;
    const struct rf_desired *d = &p->bundle->desired;
    struct rf_prune_result *out = p->out;
    rf_buf_init(&key, 1024);
    rf_strings_init(&brought);
    bool remembers = load_brought(p, &brought);
    for (size_t i = 0; i < p->bundle->retain.n; i++) {
        const struct rf_candidate *c = &p->bundle->retain.candidates[i];
        struct rf_prune_item it = { .digest = c->digest };
        it.repository = rf_xstrdup(rf_desired_str(d, c->repository));
        it.tag = rf_xstrdup(rf_desired_str(d, c->tag));
        brought_key(it.repository, it.tag, &it.digest, &key);
        if (remembers && rf_strings_find(&brought, rf_buf_slice(&key)) == RF_NO_ID)
            set_fate(&it, RF_PRUNE_KEPT, rf_xstrdup("no bundle that was applied here brought it"));
        else
            set_fate(&it, RF_PRUNE_LET_GO,
                     rf_xasprintf("connected side: %s", rf_desired_str(d, c->rule)));
        out->items = rf_grow(out->items, out->n, &out->cap, sizeof(*out->items));
        out->items[out->n++] = it;
    }
}

/* ---- this side's own rules ---- */

static int read_manifest(void *ctx, const char *repository, const struct rf_digest *digest,
                         struct rf_manifest **out, struct rf_err *err)
{
    struct pruning *p = ctx;
    RF_CLEANUP(rf_freep) char *repo = repo_of(p, repository);
    return rf_place_get_manifest(p->req->base->to, repo, NULL, digest, NULL, out, err);
}

static int read_blob(void *ctx, const char *repository, const struct rf_descriptor *desc,
                     struct rf_buf *out, struct rf_err *err)
{
    struct pruning *p = ctx;
    RF_CLEANUP(rf_freep) char *repo = repo_of(p, repository);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(out);
    return rf_place_get_blob(p->req->base->to, repo, &desc->digest, desc->size, 0, NULL, sink, err);
}

static int fill_fact(struct pruning *p, struct rf_retain_fact *f, struct rf_err *err)
{
    const struct rf_retain_reader from = { .manifest = read_manifest, .blob = read_blob, .ctx = p };
    int needs = rf_retain_needs(p->req->own, f->repository, err);
    if (needs >= 0)
        rf_retain_fact_fill(f, needs, &from);
    return needs < 0 ? needs : rf_cancel_check(err);
}

static int judge(struct pruning *p, struct rf_retain_fact *facts, size_t n, struct rf_err *err)
{
    const struct rf_bundle_retain *r = &p->bundle->retain;
    size_t first = n - p->out->n;
    struct rf_retain_verdict *verdicts = rf_xcalloc(n + 1, sizeof(*verdicts));
    int rc = rf_retain_judge(p->req->own, facts, n, r->has_as_of ? r->as_of : p->req->now, verdicts,
                             err);
    for (size_t i = 0; rc == 0 && i < p->out->n; i++) {
        struct rf_prune_item *it = &p->out->items[i];
        const char *rule = verdicts[first + i].rule;
        if (it->fate != RF_PRUNE_LET_GO)
            continue;
        set_fate(it, verdicts[first + i].keep ? RF_PRUNE_KEPT : RF_PRUNE_LET_GO,
                 verdicts[first + i].keep ? rf_xasprintf("this side: %s", rule)
                                          : rf_xasprintf("%s; this side: %s", it->reason, rule));
    }
    if (rc == 0)
        rf_retain_verdicts_free(verdicts, n);
    free(verdicts);
    return rc;
}

/* What is wanted counts among the last N here as there. */
static int judge_own(struct pruning *p, struct rf_err *err)
{
    const struct rf_desired *d = &p->bundle->desired;
    size_t n = 0;
    int rc = 0;
    if (p->req->own == NULL || !p->req->own->read)
        return 0;
    struct rf_retain_fact *facts = rf_xcalloc(d->n + p->out->n + 1, sizeof(*facts));
    for (size_t i = 0; i < d->n; i++)
        if (rf_image_is_wanted(&d->images[i]))
            facts[n++] =
                (struct rf_retain_fact){ .repository = rf_desired_str(d, d->images[i].repository),
                                         .tag = rf_desired_str(d, d->images[i].tag),
                                         .digest = d->images[i].digest,
                                         .wanted = true };
    for (size_t i = 0; i < p->out->n; i++)
        facts[n++] = (struct rf_retain_fact){ .repository = p->out->items[i].repository,
                                              .tag = p->out->items[i].tag,
                                              .digest = p->out->items[i].digest };
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = fill_fact(p, &facts[i], err);
    if (rc == 0)
        rc = judge(p, facts, n, err);
    for (size_t i = 0; i < n; i++)
        rf_retain_fact_release(&facts[i]);
    free(facts);
    return rc;
}

/* ---- the destination ---- */

/* The image or anything in it: of an index a platform's image, of an image its configuration, which some tools call the image's id. */
static int is_used(struct pruning *p, const char *repo, const struct rf_digest *digest,
                   unsigned depth, struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_err why = RF_ERR_INIT;
    const struct rf_in_use *u = p->req->in_use;
    if (u == NULL)
        return 0;
    if (rf_in_use_has_digest(u, digest))
        return 1;
    int rc = rf_place_get_manifest(p->req->base->to, repo, NULL, digest, NULL, &m, &why);
    if (rc == -RFE_NOT_FOUND)
        return 0;
    if (rc < 0)
        return rf_fail(err, -rc, "%s", why.msg);
    if (m->kind == RF_KIND_IMAGE)
        return rf_in_use_has_digest(u, &m->config.digest);
    for (size_t i = 0; rc == 0 && i < m->n_entries; i++) {
        rc = rf_in_use_has_digest(u, &m->entries[i].digest);
        if (rc == 0 && depth < RF_INDEX_DEPTH_MAX && rf_media_is_manifest(m->entries[i].media_type))
            rc = is_used(p, repo, &m->entries[i].digest, depth + 1, err);
    }
    return rc;
}

/* 1 and the digest, 0: it is not there. */
static int resolve(struct pruning *p, const char *repo, const char *tag,
                   const struct rf_digest *digest, struct rf_digest *found, struct rf_err *err)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor desc = { 0 };
    int rc = rf_place_resolve(p->req->base->to, repo, tag, digest, &desc, err);
    if (rc == -RFE_NOT_FOUND)
        return 0;
    if (rc == 0)
        *found = desc.digest;
    return rc < 0 ? rc : 1;
}

static int look_at(struct pruning *p, struct rf_prune_item *it, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *repo = repo_of(p, it->repository);
    struct rf_digest have;
    char text[RF_DIGEST_TEXT];
    (void)view_of(p, repo, it->repository);
    if (it->fate != RF_PRUNE_LET_GO)
        return 0;
    int rc = it->tag[0] != '\0' ? resolve(p, repo, it->tag, NULL, &have, err) : 0;
    if (rc < 0)
        return rc;
    if (rc > 0 && !rf_digest_eq(&have, &it->digest)) {
        set_fate(it, RF_PRUNE_KEPT,
                 rf_xasprintf("its tag has another digest now, %s", rf_digest_text(&have, text)));
        return 0;
    }
    bool tagged = rc > 0;
    if (!tagged && rf_prune_find_manifest(p->out, repo, &it->digest) != NULL) {
        it->fate = RF_PRUNE_WAITING;
        return 0;
    }
    if (!tagged && (rc = resolve(p, repo, NULL, &it->digest, &have, err)) == 0)
        it->fate = RF_PRUNE_GONE;
    if (rc <= 0)
        return rc;
    rc = rf_in_use_has_name(p->req->in_use, repo, it->repository, it->tag)
             ? 1
             : is_used(p, repo, &it->digest, 0, err);
    if (rc > 0)
        set_fate(it, RF_PRUNE_KEPT, rf_xstrdup("it is in use (--in-use)"));
    return rc < 0 ? rc : 0;
}

/* ---- what stays needs what ---- */

static bool tag_goes(void *ctx, const char *tag)
{
    const struct pruning *p = ctx;
    for (size_t i = 0; p->at->name != NULL && i < p->out->n; i++) {
        const struct rf_prune_item *it = &p->out->items[i];
        if (it->fate == RF_PRUNE_LET_GO && strcmp(it->tag, tag) == 0 &&
            strcmp(it->repository, p->at->name) == 0)
            return true;
    }
    return false;
}

/* What the bundle wants by digest, and what is kept without a tag. */
static int add_untagged(struct pruning *p, struct view *v, struct rf_err *err)
{
    const struct rf_desired *d = &p->bundle->desired;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < d->n; i++) {
        const struct rf_image *im = &d->images[i];
        RF_CLEANUP(rf_freep) char *repo = repo_of(p, rf_desired_str(d, im->repository));
        if (rf_image_is_wanted(im) && strcmp(repo, v->repo) == 0)
            rc = rf_needed_add(&v->needed, p->req->base->to, v->repo, &im->digest, err);
    }
    for (size_t i = 0; rc == 0 && v->name != NULL && i < p->out->n; i++) {
        const struct rf_prune_item *it = &p->out->items[i];
        if (it->fate == RF_PRUNE_KEPT && it->tag[0] == '\0' && strcmp(it->repository, v->name) == 0)
            rc = rf_needed_add(&v->needed, p->req->base->to, v->repo, &it->digest, err);
    }
    return rc;
}

static int find_needed(struct pruning *p, struct view *v, struct rf_err *err)
{
    rf_needed_release(&v->needed);
    rf_needed_init(&v->needed);
    p->at = v;
    int rc = add_untagged(p, v, err);
    return rc < 0 ? rc
                  : rf_needed_add_tags(&v->needed, p->req->base->to, v->repo, tag_goes, p, err);
}

/* The image that this one belongs to, as a referrer or digest tag; false: to none. */
static int subject_of(struct pruning *p, const struct view *v, const struct rf_prune_item *it,
                      struct rf_digest *subject, struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    if (it->tag[0] != '\0')
        return rf_digest_tag_parse(it->tag, subject);
    int rc = rf_place_get_manifest(p->req->base->to, v->repo, NULL, &it->digest, NULL, &m, err);
    if (rc < 0 || !m->has_subject)
        return rc == -RFE_NOT_FOUND ? 0 : rc;
    *subject = m->subject.digest;
    return 1;
}

/* What was to go and is needed stays; then more may be needed. 1 when something changed. */
static int keep_needed(struct pruning *p, struct view *v, struct rf_err *err)
{
    int changed = 0;
    for (size_t i = 0; v->name != NULL && i < p->out->n; i++) {
        struct rf_prune_item *it = &p->out->items[i];
        struct rf_digest subject;
        if (it->fate != RF_PRUNE_LET_GO || strcmp(it->repository, v->name) != 0)
            continue;
        int rc = subject_of(p, v, it, &subject, err);
        if (rc < 0)
            return rc;
        if (rc > 0 && rf_needed_has(&v->needed, &subject))
            set_fate(it, RF_PRUNE_KEPT, rf_xstrdup("it belongs to an image that stays"));
        else if (it->tag[0] == '\0' && rf_needed_has(&v->needed, &it->digest))
            set_fate(it, RF_PRUNE_KEPT, rf_xstrdup("what stays needs it"));
        changed |= it->fate != RF_PRUNE_LET_GO;
    }
    return changed;
}

static int find_all_needed(struct pruning *p, struct rf_err *err)
{
    for (size_t i = 0; i < p->n_views; i++) {
        int rc = 1;
        while (rc > 0) {
            rc = find_needed(p, p->views[i], err);
            if (rc == 0)
                rc = keep_needed(p, p->views[i], err);
            if (rc == 0)
                rc = rf_cancel_check(err);
        }
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* A tag that is gone already while something else needs its manifest: nothing is left to do. */
static int drop_shared(struct pruning *p, struct rf_err *err)
{
    for (size_t i = 0; i < p->out->n; i++) {
        struct rf_prune_item *it = &p->out->items[i];
        RF_CLEANUP(rf_freep) char *repo = repo_of(p, it->repository);
        struct rf_digest have;
        if (it->fate != RF_PRUNE_LET_GO || it->tag[0] == '\0' ||
            !rf_needed_has(&view_of(p, repo, it->repository)->needed, &it->digest))
            continue;
        int rc = resolve(p, repo, it->tag, NULL, &have, err);
        if (rc < 0)
            return rc;
        if (rc == 0)
            it->fate = RF_PRUNE_GONE;
    }
    return 0;
}

/* ---- caps ---- */

static bool is_wanted_repository(const struct rf_bundle *b, const char *name)
{
    for (size_t i = 0; i < b->desired.n; i++)
        if (rf_image_is_wanted(&b->desired.images[i]) &&
            strcmp(rf_desired_str(&b->desired, b->desired.images[i].repository), name) == 0)
            return true;
    return false;
}

static void count(struct pruning *p)
{
    struct rf_prune_result *out = p->out;
    for (size_t i = 0; i < out->n; i++) {
        const struct rf_prune_item *it = &out->items[i];
        if (it->fate != RF_PRUNE_LET_GO)
            continue;
        out->let_go++;
        if (out->empties == NULL && !is_wanted_repository(p->bundle, it->repository))
            out->empties = rf_xstrdup(it->repository);
    }
    out->needs_confirmation = out->empties != NULL;
}

static int check_caps(struct pruning *p, struct rf_err *err)
{
    const struct rf_bundle_retain *r = &p->bundle->retain;
    const struct rf_retain *own = p->req->own;
    struct rf_prune_result *out = p->out;
    int rc = 0;
    if (r->has_max)
        rc = rf_retain_check_max(r->max_delete, r->percent, out->let_go, r->known, "the bundle",
                                 err);
    if (rc == 0 && own != NULL && own->read && own->has_max)
        rc = rf_retain_check_max(own->max_delete, own->max_is_percent, out->let_go, r->known,
                                 "this side's file", err);
    if (rc == 0 && p->req->confirmed && p->req->confirm != out->let_go)
        rc = rf_fail(
            err, RFE_REFUSED,
            "--confirm-delete %llu: it would be %llu images; nothing was deleted; look at the plan",
            (unsigned long long)p->req->confirm, (unsigned long long)out->let_go);
    if (rc == 0 && out->empties != NULL && !p->req->confirmed)
        rc = rf_fail(
            err, RFE_REFUSED,
            "%s has no selected image any more, as when a section was emptied or misspelt; nothing was deleted; if it is meant, --confirm-delete %llu",
            out->empties, (unsigned long long)out->let_go);
    return rc;
}

/* ---- doing it ---- */

/* The manifest and, of an index, what is below it. */
static int begin_waiting(struct pruning *p, const char *repo, const struct rf_digest *digest,
                         unsigned depth, struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    int rc = rf_place_get_manifest(p->req->base->to, repo, NULL, digest, NULL, &m, err);
    if (rc == -RFE_NOT_FOUND)
        return 0; /* of a sparse index not all are there */
    if (rc < 0)
        return rc;
    rf_prune_add_manifest(p->out, repo, digest, p->req->now);
    for (size_t i = 0; rc == 0 && m->kind == RF_KIND_INDEX && i < m->n_entries; i++)
        if (depth < RF_INDEX_DEPTH_MAX && rf_media_is_manifest(m->entries[i].media_type))
            rc = begin_waiting(p, repo, &m->entries[i].digest, depth + 1, err);
    return rc;
}

static int begin_all(struct pruning *p, struct rf_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < p->out->n; i++) {
        const struct rf_prune_item *it = &p->out->items[i];
        RF_CLEANUP(rf_freep) char *repo = repo_of(p, it->repository);
        if (it->fate == RF_PRUNE_LET_GO)
            rc = begin_waiting(p, repo, &it->digest, 0, err);
    }
    return rc;
}

/* A layout would lose the image with its tag at the next collection: without a tag it stays listed until its time has come. */
static int untag(struct pruning *p, const struct rf_prune_item *it, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *repo = repo_of(p, it->repository);
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_place *to = p->req->base->to;
    struct rf_digest have;
    int rc = resolve(p, repo, it->tag, NULL, &have, err);
    if (rc <= 0)
        return rc;
    if (!rf_digest_eq(&have, &it->digest))
        return rf_fail(err, RFE_CONFLICT, "%s:%s was moved just now; nothing more is deleted", repo,
                       it->tag);
    bool local = (to->flags & RF_PLACE_LOCAL) != 0;
    rc = local ? rf_place_get_manifest(to, repo, NULL, &it->digest, NULL, &m, err) : 0;
    if (rc == 0)
        rc = rf_place_delete_tag(to, repo, it->tag, err);
    if (rc == 0 && local)
        rc = rf_place_put_manifest(to, repo, NULL, m, 0, err);
    return rc < 0 ? rf_wrap(err, rc, "taking away the tag") : 0;
}

static int untag_all(struct pruning *p, struct rf_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < p->out->n; i++) {
        const struct rf_prune_item *it = &p->out->items[i];
        if (it->fate == RF_PRUNE_LET_GO && it->tag[0] != '\0')
            rc = untag(p, it, err);
    }
    return rc;
}

/* Which of those that wait may go now. */
static int find_due(struct pruning *p, struct rf_err *err)
{
    struct rf_prune_result *out = p->out;
    for (size_t i = 0; i < out->n_manifests; i++) {
        struct rf_prune_manifest *m = &out->manifests[i];
        m->due = m->since <= p->req->now && (uint64_t)(p->req->now - m->since) >= out->grace_s;
        if (!m->due)
            continue;
        int rc = is_used(p, m->repository, &m->digest, 0, err);
        if (rc < 0)
            return rc;
        if (rc > 0)
            m->kept = rf_xstrdup("it is in use (--in-use)");
        else if (rf_needed_has(&view_of(p, m->repository, NULL)->needed, &m->digest))
            m->kept = rf_xstrdup("what stays needs it");
        out->deleted += m->kept == NULL;
    }
    return 0;
}

static int collect(struct pruning *p, const char *repo, struct rf_err *err)
{
    struct rf_place *to = p->req->base->to;
    struct rf_gc_result gc = { 0 };
    if ((to->flags & RF_PLACE_LOCAL) == 0)
        return 0;
    int rc = rf_oci_dir_gc(to, repo, &gc, err);
    p->out->freed_bytes += gc.bytes_deleted;
    p->out->freed_blobs += gc.blobs_deleted;
    return rc < 0 ? rf_wrap(err, rc, "%s: freeing the space", repo) : 0;
}

static int delete_due(struct pruning *p, struct rf_err *err)
{
    struct rf_prune_result *out = p->out;
    struct rf_place *to = p->req->base->to;
    int rc = 0;
    out->deleted = 0;
    for (size_t i = 0; rc == 0 && i < out->n_manifests; i++) {
        struct rf_prune_manifest *m = &out->manifests[i];
        if (!m->due || m->kept != NULL)
            continue;
        rc = rf_manifest_delete(to, m->repository, &m->digest, true, err);
        if (rc == -RFE_NOT_FOUND)
            rc = 0;
        if (rc < 0)
            return rf_hint(
                err, rc, "does this registry delete at all? its tags may be gone, the rest waits");
        m->deleted = true;
        out->deleted++;
        rc = rf_cancel_check(err);
    }
    for (size_t i = 0; rc == 0 && out->deleted > 0 && i < p->n_views; i++)
        rc = collect(p, p->views[i]->repo, err);
    return rc;
}

/* What is needed again need not wait: a later bundle brought it back. */
static void forget_needed(struct pruning *p)
{
    for (size_t i = 0; i < p->out->n_manifests; i++) {
        struct rf_prune_manifest *m = &p->out->manifests[i];
        if (rf_needed_has(&view_of(p, m->repository, NULL)->needed, &m->digest) && m->kept == NULL)
            m->kept = rf_xstrdup("what stays needs it");
    }
}

static void drop_kept(struct rf_prune_result *out)
{
    size_t n = 0;
    for (size_t i = 0; i < out->n_manifests; i++) {
        struct rf_prune_manifest *m = &out->manifests[i];
        bool needed = m->kept != NULL && strcmp(m->kept, "what stays needs it") == 0;
        if (needed) {
            free(m->repository);
            free(m->kept);
        } else {
            out->manifests[n++] = *m;
        }
    }
    out->n_manifests = n;
}

/* The state first: killed in between, a tag may be left that goes next time, never a manifest without its date. */
static int carry_out(struct pruning *p, struct rf_err *err)
{
    const char *to = p->req->base->to_name;
    drop_kept(p->out);
    int rc = rf_prune_state_store(p->state, to, p->out, err);
    if (rc == 0)
        rc = untag_all(p, err);
    if (rc < 0)
        return rc;
    struct rf_err why = RF_ERR_INIT;
    rc = delete_due(p, &why);
    int stored = rf_prune_state_store(p->state, to, p->out, rc < 0 ? NULL : err);
    if (rc < 0)
        return rf_fail(err, -rc, "%s", why.msg);
    p->out->applied = stored == 0;
    return stored;
}

static int load_last(struct pruning *p, struct rf_err *err)
{
    const char *to = p->req->base->to_name;
    const struct rf_import_record *last = rf_import_state_last(p->state, to);
    if (last == NULL)
        return rf_fail(
            err, RFE_USAGE,
            "no bundle is remembered as applied to %s; apply the last one (again) first, what is there costs nothing",
            to);
    int rc = rf_import_state_load_bundle(p->state, &last->id, &p->last, err);
    if (rc < 0)
        return rf_hint(err, rc, "apply the last bundle again");
    p->bundle = &p->last;
    return 0;
}

static int load_bundle(struct pruning *p, struct rf_err *err)
{
    struct rf_prune_result *out = p->out;
    const struct rf_retain *own = p->req->own;
    p->bundle = p->req->bundle;
    int rc = p->bundle == NULL ? load_last(p, err) : 0;
    if (rc < 0)
        return rc;
    out->bundle = p->bundle->id;
    out->has_rules = p->bundle->retain.set;
    out->registry = (p->req->base->to->flags & RF_PLACE_LOCAL) == 0;
    out->known = p->bundle->retain.known;
    out->grace_s = p->bundle->retain.grace_s;
    if (own != NULL && own->read && own->has_grace && rf_retain_grace_s(own) > out->grace_s)
        out->grace_s = rf_retain_grace_s(own);
    return rf_prune_state_load(p->state, p->req->base->to_name, out, err);
}

static int find_out(struct pruning *p, struct rf_err *err)
{
    add_candidates(p);
    int rc = judge_own(p, err);
    if (rc == 0)
        rc = rf_keep_ask(p->req, p->out, err);
    for (size_t i = 0; rc == 0 && i < p->out->n; i++)
        rc = look_at(p, &p->out->items[i], err);
    for (size_t i = 0; rc == 0 && i < p->out->n_manifests; i++)
        (void)view_of(p, p->out->manifests[i].repository, NULL);
    if (rc == 0)
        rc = find_all_needed(p, err);
    if (rc == 0)
        rc = drop_shared(p, err);
    if (rc == 0)
        count(p);
    if (rc == 0)
        rc = begin_all(p, err);
    if (rc == 0)
        rc = find_due(p, err);
    if (rc == 0)
        forget_needed(p);
    return rc;
}

int rf_prune(const struct rf_prune_request *req, struct rf_import_state *state,
             struct rf_prune_result *out, struct rf_err *err)
{
    RF_CLEANUP(pruning_release) struct pruning p = { .req = req, .state = state, .out = out };
    rf_bundle_init(&p.last);
    int rc = load_bundle(&p, err);
    if (rc < 0 || !out->has_rules)
        return rc;
    rc = find_out(&p, err);
    if (rc < 0 || req->plan)
        return rc;
    rc = check_caps(&p, err);
    return rc < 0 ? rc : carry_out(&p, err);
}
