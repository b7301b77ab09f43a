/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pruning carried out. The state first: killed in between, a tag may be left that goes next time, never a manifest without its date. Then tags, then what is due, indexes before
 * what is below them, then the space of layouts, then the state again.
 */
#include "import/prune_run.h"

#include "base/cancel.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "import/prune_brought.h"
#include "layout/oci_dir.h"
#include "regclient/manifest_delete.h"

#include <stdlib.h>

static bool goes_now(const struct rf_prune_manifest *m)
{
    return m->due && m->kept == NULL && m->doc != RF_NO_ID;
}

/* ---- tags ---- */

/*
 * 1: it is still what it was, or what a tag is deleted with: a registry may carry that out for a killed run when the next one has looked already; 0: it is gone.
 */
static int is_unmoved(struct rf_place *to, const char *repo, const struct rf_prune_item *it,
                      struct rf_err *err)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor desc = RF_DESCRIPTOR_INIT;
    int rc = rf_place_resolve(to, repo, it->tag, NULL, &desc, err);
    if (rc == -RFE_NOT_FOUND)
        return 0;
    if (rc == 0 && !rf_digest_eq(&desc.digest, &it->has) &&
        !rf_tag_is_half_deleted(to, repo, &desc.digest))
        rc = rf_fail(err, RFE_CONFLICT, "it has another digest now; nothing more is deleted");
    return rc < 0 ? rc : 1;
}

static int untag_job(void *ctx, size_t i, struct rf_err *err)
{
    struct rf_pruning *p = ctx;
    struct rf_prune_item *it = &p->out->items[i];
    struct rf_place *to = p->req->base->to;
    if (it->fate != RF_PRUNE_LET_GO || !it->tagged)
        return 0;
    int rc = is_unmoved(to, it->view->repo, it, err);
    if (rc > 0)
        rc = rf_place_delete_tag(to, it->view->repo, it->tag, err);
    if (rc == -RFE_NOT_FOUND)
        rc = 0; /* gone meanwhile */
    it->done = rc == 0;
    return rc < 0 ? rf_wrap(err, rc, "taking away the tag %s:%s", it->view->repo, it->tag) : 0;
}

/* ---- tags of layouts, all of one at once ---- */

struct unnaming {
    struct rf_pruning *p;
    struct rf_prune_view *view;
    const struct rf_prune_item *moved; /* its tag has another digest now */
};

/*
 * A layout would lose the image with its tag at the next collection: without a tag it stays listed until its time has come. Once is enough, and not at all when another tag
 * that stays has it.
 */
static enum rf_oci_fate judge_tag(void *ctx, const struct rf_oci_entry *e)
{
    struct unnaming *u = ctx;
    size_t len = 0;
    const char *tag = e->name != NULL ? rf_oci_name_tag(e->name, &len) : NULL;
    uint32_t id = tag != NULL ? rf_idmap_find(&u->view->by_name, rf_slice_str(tag)) : RF_NO_ID;
    if (id == RF_NO_ID || u->view->tags[id].item == RF_NO_ID)
        return RF_OCI_KEEP;
    struct rf_prune_item *it = &u->p->out->items[u->view->tags[id].item];
    struct rf_prune_doc *doc = &u->view->docs[it->doc];
    if (it->fate != RF_PRUNE_LET_GO)
        return RF_OCI_KEEP;
    if (!rf_digest_eq(&e->digest, &it->digest)) {
        u->moved = it;
        return RF_OCI_KEEP;
    }
    it->done = true;
    bool once_more = doc->needed || doc->unnamed;
    doc->unnamed = true;
    return once_more ? RF_OCI_DROP : RF_OCI_UNNAME;
}

/* So many of its tags go; `undo`: none of them went. */
static size_t tags_that_go(const struct rf_pruning *p, const struct rf_prune_view *v, bool undo)
{
    size_t n = 0;
    for (size_t i = 0; i < v->n_tags; i++) {
        if (v->tags[i].item == RF_NO_ID)
            continue;
        struct rf_prune_item *it = &p->out->items[v->tags[i].item];
        n += it->fate == RF_PRUNE_LET_GO;
        it->done = it->done && !undo;
    }
    return n;
}

static int untag_layout(struct rf_pruning *p, struct rf_prune_view *v, struct rf_err *err)
{
    struct unnaming u = { .p = p, .view = v };
    if (tags_that_go(p, v, false) == 0)
        return 0;
    int rc = rf_oci_dir_sift(p->req->base->to, v->repo, judge_tag, &u, err);
    if (rc < 0)
        (void)tags_that_go(p, v, true);
    if (rc == 0 && u.moved != NULL)
        rc =
            rf_fail(err, RFE_CONFLICT,
                    "taking away the tag %s:%s: it has another digest now; nothing more is deleted",
                    v->repo, u.moved->tag);
    return rc;
}

static int untag_all(struct rf_pruning *p, struct rf_err *err)
{
    int rc = 0;
    if (!rf_prune_is_local(p))
        return rf_parallel(p->threads, p->out->n, untag_job, p, err);
    for (size_t i = 0; rc == 0 && i < p->views.n; i++)
        rc = untag_layout(p, p->views.list[i], err);
    return rc;
}

/* ---- layouts list what waits ---- */

struct listed {
    struct rf_prune_view *view;
    struct rf_strings digests;
};

static int add_listed(void *ctx, const struct rf_descriptor *desc, struct rf_err *err)
{
    struct listed *l = ctx;
    char text[RF_DIGEST_TEXT];
    (void)err;
    (void)rf_strings_add(&l->digests, rf_slice_str(rf_digest_text(&desc->digest, text)));
    return 0;
}

static int list_one(struct rf_pruning *p, const struct listed *l, const struct rf_prune_doc *d,
                    struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    char text[RF_DIGEST_TEXT];
    if (!d->read || d->absent ||
        rf_strings_find(&l->digests, rf_slice_str(rf_digest_text(&d->digest, text))) != RF_NO_ID)
        return 0;
    int rc = rf_prune_reader_manifest(&p->reader, l->view->repo, &d->digest, &m, err);
    return rc < 0 ? rc : rf_place_put_manifest(p->req->base->to, l->view->repo, NULL, m, 0, err);
}

/* What an index that is kept itself has below it is reached by that. */
static void mark_below(struct rf_prune_view *v, const bool *kept, bool *below)
{
    for (size_t i = 0; i < v->n; i++)
        for (uint32_t k = 0; kept[i] && k < v->docs[i].n_below; k++)
            below[v->docs[i].below[k]] = true;
}

/* What waits, what a rollback needs, and whatever bundles brought or this run keeps. */
static void find_kept(const struct rf_pruning *p, const struct rf_prune_view *v, bool *kept)
{
    for (size_t i = 0; i < v->n; i++)
        kept[i] = v->docs[i].listed || (v->docs[i].needed && v->docs[i].back);
    for (size_t i = 0; i < p->out->n_manifests; i++) {
        const struct rf_prune_manifest *m = &p->out->manifests[i];
        if (m->view == v && m->doc != RF_NO_ID && !m->needed)
            kept[m->doc] = !goes_now(m);
    }
}

static int shelter(struct rf_pruning *p, struct rf_prune_view *v, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) bool *kept = rf_xcalloc(v->n + 1, sizeof(*kept));
    RF_CLEANUP(rf_freep) bool *below = rf_xcalloc(v->n + 1, sizeof(*below));
    struct listed l = { .view = v };
    find_kept(p, v, kept);
    mark_below(v, kept, below);
    rf_strings_init(&l.digests);
    int rc = rf_oci_dir_entries(p->req->base->to, v->repo, add_listed, &l, err);
    for (size_t i = 0; rc == 0 && i < v->n; i++)
        if (kept[i] && !below[i])
            rc = list_one(p, &l, &v->docs[i], err);
    rf_strings_release(&l.digests);
    return rc == -RFE_NOT_FOUND ? 0 : rc;
}

/* They have lost their entry when their tag moved, and would go with the next collection, whoever starts it. This also mends what an interrupted run left. */
static int shelter_all(struct rf_pruning *p, struct rf_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && rf_prune_is_local(p) && i < p->views.n; i++)
        if (p->views.list[i]->open)
            rc = shelter(p, p->views.list[i], err);
    return rc;
}

/* ---- manifests ---- */

/* Those that are deleted one after the other: referrers of one subject change one list. */
struct batch {
    struct rf_pruning *p;
    uint32_t *order; /* numbers of manifests */
    size_t *first;   /* where a group begins in order, and the end */
    size_t n, n_groups;
    const uint8_t *depth; /* per manifest */
};

static const struct rf_prune_doc *doc_of(const struct rf_prune_manifest *m)
{
    return &m->view->docs[m->doc];
}

static int compare_due(const void *a, const void *b, void *ctx)
{
    const struct batch *ba = ctx;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    const struct rf_prune_manifest *mx = &ba->p->out->manifests[x], *my = &ba->p->out->manifests[y];
    if (ba->depth[x] != ba->depth[y])
        return ba->depth[x] < ba->depth[y] ? -1 : 1;
    int c = mx->view != my->view ? strcmp(mx->repository, my->repository)
                                 : rf_digest_cmp(&doc_of(mx)->subject, &doc_of(my)->subject);
    return c != 0 ? c : (x > y) - (x < y);
}

static bool same_group(const struct batch *b, uint32_t x, uint32_t y)
{
    const struct rf_prune_manifest *mx = &b->p->out->manifests[x], *my = &b->p->out->manifests[y];
    return mx->view == my->view && rf_digest_is_set(&doc_of(mx)->subject) &&
           rf_digest_eq(&doc_of(mx)->subject, &doc_of(my)->subject);
}

static int delete_one(struct rf_pruning *p, struct rf_prune_manifest *m, struct rf_err *err)
{
    int rc = rf_manifest_delete(p->req->base->to, m->repository, &m->digest,
                                rf_digest_is_set(&doc_of(m)->subject), err);
    m->deleted = rc == 0 || rc == -RFE_NOT_FOUND;
    return m->deleted ? 0 : rc;
}

static int delete_job(void *ctx, size_t g, struct rf_err *err)
{
    struct batch *b = ctx;
    int rc = 0;
    for (size_t i = b->first[g]; rc == 0 && i < b->first[g + 1]; i++)
        rc = delete_one(b->p, &b->p->out->manifests[b->order[i]], err);
    return rc;
}

/* How deep below other manifests that go. Some registries refuse to delete what an index still names. */
static void find_depths(const struct rf_prune_result *out, uint8_t *depth)
{
    bool changed = true;
    for (unsigned round = 0; changed && round < RF_INDEX_DEPTH_MAX; round++) {
        changed = false;
        for (size_t i = 0; i < out->n_manifests; i++) {
            const struct rf_prune_manifest *m = &out->manifests[i];
            for (uint32_t k = 0; goes_now(m) && k < doc_of(m)->n_below; k++) {
                const struct rf_prune_manifest *child = rf_prune_find_manifest(
                    out, m->repository, &m->view->docs[doc_of(m)->below[k]].digest);
                if (child == NULL || depth[child - out->manifests] > depth[i] ||
                    depth[i] >= RF_INDEX_DEPTH_MAX)
                    continue;
                depth[child - out->manifests] = (uint8_t)(depth[i] + 1);
                changed = true;
            }
        }
    }
}

static int delete_depth(struct batch *b, size_t from, size_t end, struct rf_err *err)
{
    b->n_groups = 0;
    for (size_t i = from; i < end; i++)
        if (i == from || !same_group(b, b->order[i - 1], b->order[i]))
            b->first[b->n_groups++] = i;
    b->first[b->n_groups] = end;
    return rf_parallel(b->p->threads, b->n_groups, delete_job, b, err);
}

static enum rf_oci_fate judge_due(void *ctx, const struct rf_oci_entry *e)
{
    const struct unnaming *u = ctx;
    const struct rf_prune_manifest *m =
        rf_prune_find_manifest(u->p->out, u->view->repo, &e->digest);
    return m != NULL && goes_now(m) ? RF_OCI_DROP : RF_OCI_KEEP;
}

/* One change of index.json for all that goes; what is left to do for each is small then. */
static int unlist_due(struct rf_pruning *p, struct rf_err *err)
{
    int rc = 0;
    for (size_t i = 0; rf_prune_is_local(p) && i < p->out->n_manifests; i++)
        if (goes_now(&p->out->manifests[i]))
            p->out->manifests[i].view->emptied = true;
    for (size_t i = 0; rc == 0 && i < p->views.n; i++) {
        struct unnaming u = { .p = p, .view = p->views.list[i] };
        if (!u.view->emptied)
            continue;
        rc = rf_oci_dir_sift(p->req->base->to, u.view->repo, judge_due, &u, err);
        u.view->emptied = false;
        if (rc == -RFE_NOT_FOUND)
            rc = 0;
    }
    return rc;
}

static int delete_due(struct rf_pruning *p, struct rf_err *err)
{
    struct rf_prune_result *out = p->out;
    RF_CLEANUP(rf_freep) uint8_t *depth = rf_xcalloc(out->n_manifests + 1, sizeof(*depth));
    RF_CLEANUP(rf_freep) uint32_t *order = rf_xcalloc(out->n_manifests + 1, sizeof(*order));
    RF_CLEANUP(rf_freep) size_t *first = rf_xcalloc(out->n_manifests + 2, sizeof(*first));
    struct batch b = { .p = p, .order = order, .first = first, .depth = depth };
    int rc = 0;
    for (size_t i = 0; i < out->n_manifests; i++)
        if (goes_now(&out->manifests[i]))
            order[b.n++] = (uint32_t)i;
    find_depths(out, depth);
    rc = unlist_due(p, err);
    if (b.n > 1)
        qsort_r(order, b.n, sizeof(*order), compare_due, &b);
    for (size_t i = 0, end; rc == 0 && i < b.n; i = end) {
        for (end = i + 1; end < b.n && depth[order[end]] == depth[order[i]];)
            end++;
        rc = delete_depth(&b, i, end, err);
    }
    out->deleted = 0;
    for (size_t i = 0; i < out->n_manifests; i++) {
        const struct rf_prune_manifest *m = &out->manifests[i];
        out->deleted += m->deleted;
        if (!m->deleted)
            continue;
        m->view->emptied = true;
        out->freed_bytes += !out->registry ? doc_of(m)->size : 0;
        out->freed_blobs += !out->registry && !doc_of(m)->absent;
    }
    return rc < 0 ? rf_hint(err, rc,
                            "does this registry delete at all? tags may be gone, the rest waits")
                  : 0;
}

/* ---- space ---- */

/* What was deleted and whose space is still taken waits on, so that a later run comes back for it. */
static void unfinish(struct rf_prune_result *out, const struct rf_prune_view *v)
{
    for (size_t i = 0; i < out->n_manifests; i++)
        if (out->manifests[i].view == v && out->manifests[i].deleted) {
            out->manifests[i].deleted = false;
            out->deleted--;
        }
}

static int collect_all(struct rf_pruning *p, struct rf_err *err)
{
    int failed = 0;
    for (size_t i = 0; rf_prune_is_local(p) && i < p->views.n; i++) {
        struct rf_prune_view *v = p->views.list[i];
        struct rf_gc_result gc = { 0 };
        if (!v->emptied)
            continue;
        int rc = failed == 0 ? rf_oci_dir_gc(p->req->base->to, v->repo, &gc, err) : failed;
        p->out->freed_bytes += gc.bytes_deleted;
        p->out->freed_blobs += gc.blobs_deleted;
        if (rc < 0)
            unfinish(p->out, v);
        if (rc < 0 && failed == 0)
            failed = rf_wrap(err, rc, "%s: freeing the space; prune again for it", v->repo);
    }
    return failed;
}

int rf_prune_carry_out(struct rf_pruning *p, struct rf_err *err)
{
    const char *to = p->req->base->to_name;
    int rc = rf_prune_state_store(p->state, to, p->out, err);
    if (rc < 0)
        return rc;
    p->out->deleted = 0;
    p->out->started = true;
    rf_prune_phase(p, "taking away tags");
    rc = untag_all(p, err);
    if (rc == 0)
        rc = shelter_all(p, err);
    if (rc < 0)
        return rc;
    rf_prune_phase(p, "deleting");
    struct rf_err why = RF_ERR_INIT;
    rc = delete_due(p, &why);
    if (rc == 0)
        rc = collect_all(p, &why);
    if (rc == 0)
        rf_prune_forget_gone(p);
    int stored = rf_prune_state_store(p->state, to, p->out, rc < 0 ? NULL : err);
    if (rc < 0)
        return rf_fail(err, -rc, "%s", why.msg);
    p->out->applied = stored == 0;
    return stored;
}
