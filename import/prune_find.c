/* SPDX-License-Identifier: Apache-2.0 */
/* What may go as the destination is now: of what both sides let go, that which nobody uses and nothing that stays needs. */
#include "import/prune_run.h"

#include "base/cancel.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "import/run.h"
#include "regclient/manifest_delete.h"

static const char in_use[] = "it is in use (--in-use)";
static const char needed[] = "what stays needs it";
static const char needed_back[] =
    "regimport rollback needs it, until another bundle has been applied";

static bool goes(const struct rf_prune_item *it)
{
    return it->fate == RF_PRUNE_LET_GO;
}

/* ---- where the items are ---- */

/* 1 and the digest; 0: there is no such tag. What is no image to us can be what the tag is all the same. *small: the image is of the kind that a tag is deleted with. */
static int tag_digest(struct rf_pruning *p, const struct rf_prune_item *it, struct rf_digest *have,
                      bool *small, struct rf_err *err)
{
    const char *repo = it->view->repo;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor desc = RF_DESCRIPTOR_INIT;
    struct rf_err why = RF_ERR_INIT;
    int rc = rf_prune_reader_tag(&p->reader, repo, it->tag, &m, &why);
    if (rc < 0 && rc != -RFE_NOT_FOUND && !rf_run_ends(rc))
        rc = rf_place_resolve(p->req->base->to, repo, it->tag, NULL, &desc, &why);
    if (rc == -RFE_NOT_FOUND)
        return 0;
    if (rc < 0)
        return rf_fail(err, -rc, "%s:%s: %s", repo, it->tag, why.msg);
    *have = m != NULL ? m->digest : desc.digest;
    *small = m != NULL && rf_manifest_may_be_half_deleted(m);
    return 1;
}

static int look_at_untagged(struct rf_pruning *p, struct rf_prune_item *it, struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    if (rf_prune_find_manifest(p->out, it->view->repo, &it->digest) != NULL) {
        it->fate = RF_PRUNE_WAITING;
        return 0;
    }
    int rc = rf_prune_reader_manifest(&p->reader, it->view->repo, &it->digest, &m, err);
    if (rc != -RFE_NOT_FOUND)
        return rc;
    it->fate = RF_PRUNE_GONE;
    it->away = true;
    return 0;
}

/* A run that was killed began with it. Its registry may have carried that out after a later run looked, so that the state need not know of it. */
static bool is_half_deleted(const struct rf_pruning *p, const struct rf_prune_item *it)
{
    return !rf_prune_is_local(p) &&
           rf_tag_is_half_deleted(p->req->base->to, it->view->repo, &it->has);
}

static int look_job(void *ctx, size_t i, struct rf_err *err)
{
    struct rf_pruning *p = ctx;
    struct rf_prune_item *it = &p->out->items[i];
    char text[RF_DIGEST_TEXT];
    if (!goes(it))
        return 0;
    bool small = false;
    int rc = it->tag[0] != '\0' ? tag_digest(p, it, &it->has, &small, err) : 0;
    if (rc < 0)
        return rc;
    if (rc == 0)
        return look_at_untagged(p, it, err);
    it->tagged = rf_digest_eq(&it->has, &it->digest) || (small && is_half_deleted(p, it));
    if (!it->tagged)
        rf_prune_set_fate(
            it, RF_PRUNE_KEPT,
            rf_xasprintf("its tag has another digest now, %s", rf_digest_text(&it->has, text)));
    return 0;
}

/* Should the tag stay after all, it is not asked for again. */
static void remember_tag(const struct rf_prune_item *it)
{
    if (rf_digest_is_set(&it->has))
        rf_prune_view_tag(it->view, it->tag)->doc = rf_prune_view_doc(it->view, &it->has);
}

int rf_prune_look(struct rf_pruning *p, struct rf_err *err)
{
    rf_prune_phase(p, "looking at what may go");
    for (size_t i = 0; i < p->out->n; i++) {
        struct rf_prune_item *it = &p->out->items[i];
        RF_CLEANUP(rf_freep) char *repo = rf_prune_repo(p, it->repository);
        it->view = rf_prune_views_at(&p->views, repo);
    }
    int rc = rf_parallel(p->threads, p->out->n, look_job, p, err);
    for (size_t i = 0; rc == 0 && i < p->out->n; i++)
        remember_tag(&p->out->items[i]);
    return rc;
}

/* ---- the repositories that something may go from ---- */

static bool is_due(const struct rf_pruning *p, const struct rf_prune_manifest *m)
{
    return (uint64_t)(p->req->now - m->since) >= p->out->grace_s;
}

/* What waits until later is of no interest yet; but layouts, whose space is freed at once, keep listed what waits. */
static void open_views(struct rf_pruning *p)
{
    struct rf_prune_result *out = p->out;
    for (size_t i = 0; i < out->n_manifests; i++) {
        struct rf_prune_manifest *m = &out->manifests[i];
        m->view = rf_prune_views_at(&p->views, m->repository);
        m->view->open = true;
        if (m->since > p->req->now)
            m->since = p->req->now; /* a clock was wrong */
        if (m->again || is_due(p, m) || rf_prune_is_local(p))
            m->doc = rf_prune_view_doc(m->view, &m->digest);
    }
    for (size_t i = 0; i < out->n; i++) {
        struct rf_prune_item *it = &out->items[i];
        if (!goes(it))
            continue;
        it->view->open = true;
        it->doc = rf_prune_view_doc(it->view, &it->digest);
    }
}

/* What was judged and stays or waits, whoever brought it. */
static void add_staying(struct rf_pruning *p)
{
    for (size_t i = 0; i < p->out->n; i++) {
        const struct rf_prune_item *it = &p->out->items[i];
        if (it->view->open && (it->fate == RF_PRUNE_KEPT || it->fate == RF_PRUNE_WAITING)) {
            uint32_t id = rf_prune_view_doc(it->view, &it->digest);
            it->view->docs[id].listed = true;
        }
    }
}

/* What has lost its tag in a layout is listed again before space is freed there (import/prune_do.c): all that bundles brought, as far as it is there. */
static void add_listed(struct rf_pruning *p)
{
    if (rf_prune_is_local(p))
        add_staying(p);
    const struct rf_strings *images = &p->out->memory.images;
    for (size_t i = 0; rf_prune_is_local(p) && i < images->len; i++) {
        const char *line = rf_strings_get(images, (uint32_t)i), *at = strrchr(line, '@');
        RF_CLEANUP(rf_freep) char *repo = rf_xstrndup(line, (size_t)(at - line));
        struct rf_prune_view *v = rf_prune_views_find(&p->views, repo);
        struct rf_digest d;
        if (v == NULL || !v->open || rf_digest_parse(rf_slice_str(at + 1), &d, NULL) < 0)
            continue;
        uint32_t id = rf_prune_view_doc(v, &d);
        v->docs[id].listed = true;
    }
}

/* All tags but those that go; digest tags are asked for when the image that they belong to is needed. */
static int ask_tags(struct rf_pruning *p, struct rf_err *err)
{
    size_t asked;
    rf_prune_phase(p, "reading what stays");
    int rc = rf_prune_views_tags(&p->views, &p->reader, p->threads, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < p->out->n; i++)
        if (p->out->items[i].tagged && goes(&p->out->items[i]))
            rf_prune_view_tag(p->out->items[i].view, p->out->items[i].tag)->item = (uint32_t)i;
    for (size_t i = 0; i < p->views.n; i++)
        for (size_t k = 0; k < p->views.list[i]->n_tags; k++) {
            struct rf_prune_tag *t = &p->views.list[i]->tags[k];
            if (t->item != RF_NO_ID)
                t->doc = p->out->items[t->item].doc;
            else
                t->wanted = !rf_digest_is_set(&t->subject);
        }
    return rf_prune_views_ask(&p->views, &p->reader, p->threads, &asked, err);
}

/* ---- what is in use ---- */

enum { NOT_ASKED, FREE, USED };

/* The image or anything in it: of an index a platform's image, of an image its configuration, which some tools call the image's id. */
static bool is_used(const struct rf_in_use *u, struct rf_prune_view *v, uint32_t id, unsigned depth)
{
    struct rf_prune_doc *d = &v->docs[id];
    if (d->used != NOT_ASKED)
        return d->used == USED;
    d->used = FREE; /* also should an index come by itself */
    bool used = rf_in_use_has_digest(u, &d->digest) ||
                (rf_digest_is_set(&d->config) && rf_in_use_has_digest(u, &d->config));
    for (uint32_t i = 0; !used && depth < RF_INDEX_DEPTH_MAX && i < d->n_below; i++)
        used = is_used(u, v, d->below[i], depth + 1);
    v->docs[id].used = used ? USED : FREE;
    return used;
}

static bool has_lists(const struct rf_pruning *p)
{
    return p->req->in_use != NULL && !rf_in_use_is_empty(p->req->in_use);
}

static void keep_used(struct rf_pruning *p)
{
    for (size_t i = 0; has_lists(p) && i < p->out->n; i++) {
        struct rf_prune_item *it = &p->out->items[i];
        if (goes(it) &&
            (rf_in_use_has_name(p->req->in_use, it->view->repo, it->repository, it->tag) ||
             is_used(p->req->in_use, it->view, it->doc, 0)))
            rf_prune_set_fate(it, RF_PRUNE_KEPT, rf_xstrdup(in_use));
    }
}

/* ---- what stays needs what ---- */

/* What the bundle wants by whatever name. */
static void add_wanted(struct rf_pruning *p)
{
    const struct rf_desired *d = &p->bundle->desired;
    struct rf_prune_view *view = NULL;
    for (size_t i = 0; i < d->n; i++) {
        const struct rf_image *im = &d->images[i];
        if (i == 0 || im->repository != d->images[i - 1].repository) {
            RF_CLEANUP(rf_freep) char *repo = rf_prune_repo(p, rf_desired_str(d, im->repository));
            view = rf_prune_views_find(&p->views, repo);
        }
        if (view != NULL && view->open && rf_image_is_wanted(im))
            rf_prune_view_need(view, rf_prune_view_doc(view, &im->digest), false);
    }
}

/* An image without tag that is kept, whatever for. */
static void add_kept(struct rf_prune_item *it)
{
    if (it->fate == RF_PRUNE_KEPT && it->tag[0] == '\0' && it->view->open)
        rf_prune_view_need(it->view, rf_prune_view_doc(it->view, &it->digest), false);
}

/* A tag that stays needs its image; one that speaks of an image, only when that is needed. */
static void add_tag(const struct rf_pruning *p, struct rf_prune_view *v, struct rf_prune_tag *t)
{
    if (t->rooted || t->gone || (t->item != RF_NO_ID && goes(&p->out->items[t->item])))
        return;
    if (rf_digest_is_set(&t->subject)) {
        const struct rf_prune_doc *subject = rf_prune_view_find(v, &t->subject);
        if (subject == NULL || !subject->needed)
            return;
    }
    t->wanted = true;
    t->rooted = t->doc != RF_NO_ID;
    if (t->rooted)
        rf_prune_view_need(v, t->doc, false);
}

/* What was to go and is needed stays. True when something changed. */
static bool keep_needed(struct rf_pruning *p)
{
    bool changed = false;
    for (size_t i = 0; i < p->out->n; i++) {
        struct rf_prune_item *it = &p->out->items[i];
        if (!goes(it))
            continue;
        const struct rf_prune_doc *doc = &it->view->docs[it->doc];
        struct rf_digest subject = doc->subject;
        if (it->tag[0] != '\0' && !rf_digest_tag_parse(it->tag, &subject))
            continue;
        const struct rf_prune_doc *of =
            rf_digest_is_set(&subject) ? rf_prune_view_find(it->view, &subject) : NULL;
        if (of != NULL && of->needed)
            rf_prune_set_fate(it, RF_PRUNE_KEPT, rf_xstrdup("it belongs to an image that stays"));
        else if (it->tag[0] == '\0' && doc->needed)
            rf_prune_set_fate(it, RF_PRUNE_KEPT, rf_xstrdup(doc->back ? needed_back : needed));
        changed = changed || !goes(it);
        if (it->tag[0] == '\0' && !goes(it))
            rf_prune_view_need(it->view, it->doc, doc->back);
    }
    return changed;
}

/* Signatures of signatures, referrers of referrers: until a round finds nothing new. */
static int settle(struct rf_pruning *p, struct rf_err *err)
{
    for (;;) {
        size_t asked = 0;
        for (size_t i = 0; i < p->views.n; i++)
            for (size_t k = 0; p->views.list[i]->open && k < p->views.list[i]->n_tags; k++)
                add_tag(p, p->views.list[i], &p->views.list[i]->tags[k]);
        int rc = rf_prune_views_ask(&p->views, &p->reader, p->threads, &asked, err);
        if (rc == 0)
            rc = rf_prune_views_read(&p->views, &p->reader, p->threads, err);
        if (rc == 0)
            rc = rf_cancel_check(err);
        if (rc < 0)
            return rc;
        if (!keep_needed(p) && asked == 0)
            return 0;
    }
}

static int find_needed(struct rf_pruning *p, struct rf_err *err)
{
    add_wanted(p);
    int rc = rf_prune_views_read(&p->views, &p->reader, p->threads, err);
    if (rc < 0)
        return rc;
    keep_used(p);
    for (size_t i = 0; i < p->out->n; i++)
        add_kept(&p->out->items[i]);
    rc = settle(p, err);
    if (rc == 0)
        rc = rf_prune_protect_back(p, err);
    return rc < 0 ? rc : settle(p, err);
}

/* ---- what follows ---- */

/* A tag that is gone already while something else needs its manifest: nothing is left to do. */
static void drop_shared(struct rf_pruning *p)
{
    for (size_t i = 0; i < p->out->n; i++) {
        struct rf_prune_item *it = &p->out->items[i];
        if (goes(it) && it->tag[0] != '\0' && !it->tagged && it->view->docs[it->doc].needed)
            it->fate = RF_PRUNE_GONE;
    }
}

/*
 * The manifest and, of an index, what is below it. Of a sparse index not all are there. Their time begins now, also where it had begun before: a tag goes only now, or an index
 * does without which they would not be asked for.
 */
static void begin_waiting(struct rf_pruning *p, struct rf_prune_view *v, uint32_t id,
                          unsigned depth)
{
    struct rf_prune_doc *d = &v->docs[id];
    if (d->absent || d->mark != 0)
        return;
    d->mark = 1;
    struct rf_prune_manifest *m = rf_prune_add_manifest(p->out, v->repo, &d->digest, p->req->now);
    m->view = v;
    m->doc = id;
    m->since = p->req->now;
    for (uint32_t i = 0; depth < RF_INDEX_DEPTH_MAX && i < d->n_below; i++)
        begin_waiting(p, v, d->below[i], depth + 1);
}

static void begin_all(struct rf_pruning *p)
{
    for (size_t i = 0; i < p->out->n; i++) {
        const struct rf_prune_item *it = &p->out->items[i];
        if (goes(it))
            begin_waiting(p, it->view, it->doc, 0);
    }
    for (size_t i = 0, n = p->out->n_manifests; i < n; i++) {
        const struct rf_prune_manifest *m = &p->out->manifests[i];
        if (m->again)
            begin_waiting(p, m->view, m->doc, 0);
    }
}

/* Which of those that wait may go now. What is needed again, by a later bundle say, waits no more. */
static void find_due(struct rf_pruning *p)
{
    struct rf_prune_result *out = p->out;
    for (size_t i = 0; i < out->n_manifests; i++) {
        struct rf_prune_manifest *m = &out->manifests[i];
        const struct rf_prune_doc *d = rf_prune_view_find(m->view, &m->digest);
        m->due = is_due(p, m);
        m->needed = d != NULL && d->needed;
        if (m->needed)
            m->kept = d->back ? needed_back : needed;
        else if (m->due && m->doc != RF_NO_ID && has_lists(p) &&
                 is_used(p->req->in_use, m->view, m->doc, 0))
            m->kept = in_use;
        out->deleted += m->due && m->kept == NULL;
    }
}

int rf_prune_find(struct rf_pruning *p, struct rf_err *err)
{
    open_views(p);
    add_listed(p);
    int rc = ask_tags(p, err);
    if (rc == 0)
        rc = find_needed(p, err);
    if (rc < 0)
        return rc;
    drop_shared(p);
    begin_all(p);
    find_due(p);
    return 0;
}
