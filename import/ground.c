/* SPDX-License-Identifier: Apache-2.0 */
#include "import/ground.h"

#include "base/mem.h"
#include "base/parallel.h"
#include "base/text.h"
#include "import/ahead.h"
#include "import/standing.h"
#include "regclient/registry.h"

/* ---- what the new and changed images build on ---- */

struct assumed {
    struct rf_import_run *r;
    uint32_t *blobs;
    size_t n;
    bool *absent; /* per blob of the bundle */
};

static int look_in(struct rf_import_run *r, uint32_t blob, uint32_t number, struct rf_err *err)
{
    const struct rf_bundle_blob *b = &r->doc->blobs[blob];
    RF_CLEANUP(rf_freep)
    char *repo = rf_run_repo(r, rf_desired_str(&r->doc->desired, r->doc->repositories[number]));
    if (b->kind != RF_BLOB_MANIFEST)
        return rf_place_probe_blob(r->req->to, repo, &b->digest, b->size, RF_PROBE_RANGE, err);
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_manifest_expect expect = { .size = b->size,
                                         .media_type =
                                             rf_desired_str(&r->doc->desired, b->media_type) };
    int rc = rf_place_get_manifest(r->req->to, repo, NULL, &b->digest, &expect, &m, err);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&r->lock);
    rc = rf_content_check_manifest(&r->content, blob, m, err);
    pthread_mutex_unlock(&r->lock);
    return rc;
}

/* Item i of the places to look in: the repositories that the base names, then those that need it and are not among the former. RF_NO_ID: passed over. */
static uint32_t place_to_look(const struct rf_bundle *doc, const struct rf_bundle_blob *b,
                              uint32_t i)
{
    if (i < b->n_from)
        return doc->lists[b->first_from + i];
    uint32_t number = doc->lists[b->first_repo + (i - b->n_from)];
    for (uint32_t k = 0; k < b->n_from; k++)
        if (doc->lists[b->first_from + k] == number)
            return RF_NO_ID;
    return number;
}

/* Some registries answer for a repository that they do not have as for one that is not ours: that says nothing while another has the blob. */
static int assumed_job(void *ctx, size_t k, struct rf_err *err)
{
    struct assumed *a = ctx;
    struct rf_import_run *r = a->r;
    uint32_t blob = a->blobs[k];
    const struct rf_bundle_blob *b = &r->doc->blobs[blob];
    struct rf_err denied = RF_ERR_INIT;
    for (uint32_t i = 0; i < b->n_from + b->n_repos; i++) {
        uint32_t number = place_to_look(r->doc, b, i);
        struct rf_err why = RF_ERR_INIT;
        if (number == RF_NO_ID)
            continue;
        int rc = look_in(r, blob, number, &why);
        if (rc == 0) {
            r->found[blob] = number;
            rf_run_count(r, &r->counts.probes, 1);
            return 0;
        }
        if (rc == -RFE_DENIED)
            denied = why;
        else if (rc != -RFE_NOT_FOUND && rc != -RFE_DIGEST_MISMATCH && rc != -RFE_SIZE_MISMATCH)
            return rf_fail(err, -rc, "look for what the bundle builds on at %s: %s",
                           r->req->to_name, why.msg);
    }
    if (denied.code != 0)
        return rf_fail(err, denied.code, "look for what the bundle builds on at %s: %s",
                       r->req->to_name, denied.msg);
    a->absent[blob] = true;
    return 0;
}

/* ---- which images need what is missing ---- */

/* Lists of numbers, one per owner: those of owner i are list[first[i]] up to list[first[i + 1]]. */
struct lists {
    uint32_t *first, *list;
};

static void lists_release(struct lists *l)
{
    free(l->first);
    free(l->list);
}

struct pair {
    uint32_t owner, item;
};

/* The order of a list is that of the pairs. */
static void lists_make(struct lists *l, size_t n_owners, const struct pair *pairs, size_t n)
{
    l->first = rf_xcalloc(n_owners + 2, sizeof(*l->first));
    l->list = rf_xcalloc(n + 1, sizeof(*l->list));
    for (size_t i = 0; i < n; i++)
        l->first[pairs[i].owner + 2]++;
    for (size_t i = 2; i < n_owners + 2; i++)
        l->first[i] += l->first[i - 1];
    for (size_t i = 0; i < n; i++)
        l->list[l->first[pairs[i].owner + 1]++] = pairs[i].item;
}

struct pairs {
    struct pair *list;
    size_t n, cap;
};

static void add_pair(struct pairs *p, uint32_t owner, uint32_t item)
{
    p->list = rf_grow(p->list, p->n, &p->cap, sizeof(*p->list));
    p->list[p->n++] = (struct pair){ owner, item };
}

struct listing {
    struct rf_import_run *r;
    const bool *absent;
    struct pairs lacking;  /* manifest, what it names and is absent; guarded by the run's lock */
    struct lists children; /* per manifest: manifests below it */
    struct lists lacks;    /* per manifest */
    struct lists unread;   /* per repository: absent blobs that nothing that could be read names */
    uint32_t *visited, *told; /* per blob: the last image (+ 1) that came by */
    uint32_t *stack;
};

static void listing_release(struct listing *l)
{
    free(l->lacking.list);
    lists_release(&l->children);
    lists_release(&l->lacks);
    lists_release(&l->unread);
    free(l->visited);
    free(l->told);
    free(l->stack);
}

static void absent_entry(struct listing *l, uint32_t parent, const struct rf_descriptor *d)
{
    const struct rf_bundle_blob *b = rf_bundle_find(l->r->doc, &d->digest);
    if (b == NULL || b->kind == RF_BLOB_MANIFEST || !l->absent[b - l->r->doc->blobs])
        return;
    pthread_mutex_lock(&l->r->lock);
    add_pair(&l->lacking, parent, (uint32_t)(b - l->r->doc->blobs));
    pthread_mutex_unlock(&l->r->lock);
}

static int absent_entries_job(void *ctx, size_t blob, struct rf_err *err)
{
    struct listing *l = ctx;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    if (l->absent[blob])
        return 0;
    int rc = rf_run_manifest(l->r, (uint32_t)blob, &m, err);
    if (rc < 0)
        return rc;
    if (m->kind == RF_KIND_IMAGE)
        absent_entry(l, (uint32_t)blob, &m->config);
    for (size_t i = 0; i < m->n_entries; i++)
        absent_entry(l, (uint32_t)blob, &m->entries[i]);
    return 0;
}

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    if (x->owner != y->owner)
        return x->owner < y->owner ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

static void make_children(struct listing *l)
{
    const struct rf_content *c = &l->r->content;
    struct pairs p = { 0 };
    for (size_t i = 0; i < c->n_edges; i++)
        add_pair(&p, c->edges[i].parent, c->edges[i].child);
    if (p.n > 1)
        qsort(p.list, p.n, sizeof(*p.list), compare_pairs);
    lists_make(&l->children, l->r->doc->n_blobs, p.list, p.n);
    free(p.list);
}

/* What an absent manifest names cannot be read from it: everything absent that nothing else names is held to be its own. */
static void make_unread(struct listing *l)
{
    const struct rf_bundle *doc = l->r->doc;
    RF_CLEANUP(rf_freep) bool *named = rf_xcalloc(doc->n_blobs + 1, sizeof(*named));
    struct pairs p = { 0 };
    for (size_t i = 0; i < l->r->content.n_edges; i++)
        named[l->r->content.edges[i].child] = true;
    for (size_t i = 0; i < l->lacking.n; i++)
        named[l->lacking.list[i].item] = true;
    for (size_t i = 0; i < doc->desired.n; i++) {
        const struct rf_bundle_blob *top = rf_bundle_find(doc, &doc->desired.images[i].digest);
        if (top != NULL)
            named[top - doc->blobs] = true;
    }
    for (size_t i = 0; i < doc->n_blobs; i++)
        for (uint32_t k = 0; l->absent[i] && !named[i] && k < doc->blobs[i].n_repos; k++)
            add_pair(&p, doc->lists[doc->blobs[i].first_repo + k], (uint32_t)i);
    lists_make(&l->unread, doc->n_repositories, p.list, p.n);
    free(p.list);
}

static void tell(struct listing *l, size_t image, uint32_t blob)
{
    const struct rf_bundle_blob *b = &l->r->doc->blobs[blob];
    if (l->told[blob] == (uint32_t)image + 1)
        return;
    l->told[blob] = (uint32_t)image + 1;
    rf_run_add_missing(l->r, image, &b->digest, b->size, b->kind == RF_BLOB_MANIFEST);
}

static void tell_all(struct listing *l, size_t image, const struct lists *of, size_t owner)
{
    for (uint32_t i = of->first[owner]; i < of->first[owner + 1]; i++)
        tell(l, image, of->list[i]);
}

/* The number of the repository in the bundle's table; n_repositories when it is not there. */
static size_t repository_number(const struct rf_bundle *doc, const char *name)
{
    size_t lo = 0, hi = doc->n_repositories;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = strcmp(rf_desired_str(&doc->desired, doc->repositories[mid]), name);
        if (c == 0)
            return mid;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return doc->n_repositories;
}

/* All manifests below (and including) the image's, and what each of them lacks. */
static void list_image(struct listing *l, size_t image)
{
    const struct rf_bundle *doc = l->r->doc;
    const struct rf_image *im = &doc->desired.images[image];
    const struct rf_bundle_blob *top = rf_bundle_find(doc, &im->digest);
    bool unread = false;
    size_t n = 0;
    if (top == NULL)
        return;
    l->stack[n++] = (uint32_t)(top - doc->blobs);
    l->visited[top - doc->blobs] = (uint32_t)image + 1;
    while (n > 0) {
        uint32_t blob = l->stack[--n];
        unread = unread || l->absent[blob];
        if (l->absent[blob])
            tell(l, image, blob);
        tell_all(l, image, &l->lacks, blob);
        for (uint32_t i = l->children.first[blob]; i < l->children.first[blob + 1]; i++) {
            uint32_t child = l->children.list[i];
            if (l->visited[child] == (uint32_t)image + 1)
                continue;
            l->visited[child] = (uint32_t)image + 1;
            l->stack[n++] = child;
        }
    }
    size_t repository = repository_number(doc, rf_desired_str(&doc->desired, im->repository));
    if (unread && repository < doc->n_repositories)
        tell_all(l, image, &l->unread, repository);
}

/* Nothing is written of a manifest whose content would not be whole. What stands above it follows when manifests are written. */
static void fail_manifest(struct rf_import_run *r, uint32_t manifest, uint32_t lacks)
{
    const struct rf_bundle_blob *b = &r->doc->blobs[manifest];
    char text[RF_DIGEST_TEXT];
    rf_digest_text(&r->doc->blobs[lacks].digest, text);
    for (uint32_t k = 0; k < b->n_repos; k++)
        if (r->failed[b->first_repo + k] == NULL)
            r->failed[b->first_repo + k] = rf_xasprintf("%s is missing", text);
}

static void fail_unwhole(struct rf_import_run *r, const struct listing *l)
{
    for (size_t i = 0; i < l->lacking.n; i++)
        fail_manifest(r, l->lacking.list[i].owner, l->lacking.list[i].item);
    for (size_t i = 0; i < r->doc->n_blobs; i++)
        if (l->absent[i] && r->doc->blobs[i].kind == RF_BLOB_MANIFEST)
            fail_manifest(r, (uint32_t)i, (uint32_t)i);
}

static int list_changed(struct rf_import_run *r, const bool *absent, struct rf_err *err)
{
    const struct rf_bundle *doc = r->doc;
    RF_CLEANUP(listing_release) struct listing l = { .r = r, .absent = absent };
    size_t manifests = 0;
    while (manifests < doc->n_blobs && doc->blobs[manifests].kind == RF_BLOB_MANIFEST)
        manifests++;
    int rc = rf_parallel(r->req->parallel, manifests, absent_entries_job, &l, err);
    if (rc < 0)
        return rc;
    if (l.lacking.n > 1)
        qsort(l.lacking.list, l.lacking.n, sizeof(*l.lacking.list), compare_pairs);
    lists_make(&l.lacks, doc->n_blobs, l.lacking.list, l.lacking.n);
    make_children(&l);
    make_unread(&l);
    l.visited = rf_xcalloc(doc->n_blobs + 1, sizeof(*l.visited));
    l.told = rf_xcalloc(doc->n_blobs + 1, sizeof(*l.told));
    l.stack = rf_xcalloc(doc->n_blobs + 1, sizeof(*l.stack));
    for (size_t i = 0; i < doc->desired.n; i++)
        if (rf_image_travels(&doc->desired.images[i]) && r->refused[i] == NULL)
            list_image(&l, i);
    if (r->req->complete_only)
        fail_unwhole(r, &l);
    return 0;
}

static bool is_wanted_in(const struct rf_bundle *doc, const struct rf_bundle_blob *b,
                         uint32_t repository)
{
    for (uint32_t k = 0; k < b->n_repos; k++)
        if (doc->repositories[doc->lists[b->first_repo + k]] == repository)
            return true;
    return false;
}

/* A repair bundle's blobs belong to no image of it: each is told for the first one of a repository that needs it. */
static void list_repair(struct rf_import_run *r, const bool *absent)
{
    const struct rf_bundle *doc = r->doc;
    for (size_t i = 0; i < doc->n_blobs; i++) {
        const struct rf_bundle_blob *b = &doc->blobs[i];
        bool told = !absent[i];
        for (size_t k = 0; k < doc->desired.n && !told; k++) {
            told = is_wanted_in(doc, b, doc->desired.images[k].repository);
            if (told)
                rf_run_add_missing(r, k, &b->digest, b->size, b->kind == RF_BLOB_MANIFEST);
        }
    }
}

static int check_assumed(struct rf_import_run *r, struct rf_err *err)
{
    size_t n = r->doc->n_blobs, absent_count = 0;
    RF_CLEANUP(rf_freep) uint32_t *blobs = rf_xcalloc(n + 1, sizeof(*blobs));
    RF_CLEANUP(rf_freep) bool *absent = rf_xcalloc(n + 1, sizeof(*absent));
    struct assumed a = { .r = r, .blobs = blobs, .absent = absent };
    for (size_t i = 0; i < n; i++)
        if (r->doc->blobs[i].travel == RF_TRAVEL_ASSUMED)
            blobs[a.n++] = (uint32_t)i;
    int rc = rf_parallel(r->req->parallel, a.n, assumed_job, &a, err);
    for (size_t i = 0; i < n; i++)
        absent_count += absent[i];
    if (rc < 0 || absent_count == 0)
        return rc;
    if (!rf_bundle_is_repair(r->doc))
        return list_changed(r, absent, err);
    list_repair(r, absent);
    return r->n_missing > 0
               ? 0
               : rf_fail(err, RFE_DAMAGED,
                         "the repair bundle needs what no image of it has; export it anew");
}

static size_t count_wanted(const struct rf_import_run *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->doc->desired.n; i++)
        n += rf_image_is_wanted(&r->doc->desired.images[i]);
    return n;
}

int rf_ground_is_registry(const struct rf_import_request *req, struct rf_err *err)
{
    struct rf_err why = RF_ERR_INIT;
    struct rf_place *real = rf_ahead_below(req->to);
    if (rf_registry_remote(real) == NULL || rf_registry_ping(real, &why) != -RFE_NOT_FOUND)
        return 0;
    return rf_fail(
        err, RFE_PROTOCOL,
        "%s does not answer as a registry, so what it has cannot be told: %s; check --to, and what stands in front of the registry",
        req->to_name, why.msg);
}

/* No image stands there; those that the bundle brings say nothing. */
static bool found_nothing(const struct rf_import_run *r, size_t images)
{
    size_t brought = 0;
    for (size_t i = 0; i < r->doc->desired.n; i++)
        brought += rf_image_travels(&r->doc->desired.images[i]);
    return images + brought >= count_wanted(r);
}

int rf_ground_check(struct rf_import_run *r, struct rf_err *err)
{
    int rc = check_assumed(r, err);
    if (rc == 0 && !rf_bundle_is_repair(r->doc)) /* whose images stand is for the other to see */
        rc = rf_standing_check(r, err);
    if (rc < 0 || r->n_missing == 0)
        return rc;
    size_t images = 0;
    for (size_t i = 0; i < r->n_missing; i++)
        images += i == 0 || r->missing[i].image != r->missing[i - 1].image;
    if (found_nothing(r, images) && (rc = rf_ground_is_registry(r->req, err)) < 0)
        return rc;
    if (r->req->complete_only && !rf_bundle_is_repair(r->doc) && images < count_wanted(r)) {
        for (size_t i = 0; i < r->n_missing; i++)
            r->lacking[r->missing[i].image] = true;
        return 0;
    }
    return rf_fail(
        err, RFE_GROUND_MISSING,
        "%s lacks what this bundle builds on, for %zu image%s (listed above); nothing was written; apply the bundle that "
        "brought it first, or ask for it: regimport request -o FILE with the same arguments, and there regexport create --request FILE",
        r->req->to_name, images, rf_text_s(images));
}

static int can_write_job(void *ctx, size_t i, struct rf_err *err)
{
    struct rf_import_run *r = ctx;
    if (rf_run_is_idle(r, i))
        return 0;
    RF_CLEANUP(rf_freep)
    char *repo = rf_run_repo(r, rf_desired_str(&r->doc->desired, r->doc->repositories[i]));
    int rc = rf_place_can_write(r->req->to, repo, err);
    if (rc == -RFE_UNSUPPORTED)
        return 0;
    if (rc == -RFE_DENIED)
        return rf_wrap(err, rc, "no permission to write to %s at %s", repo, r->req->to_name);
    if (rc == -RFE_UNREACHABLE)
        return rf_hint(err, rf_wrap(err, rc, "destination %s", r->req->to_name),
                       "nothing was written; check --to and the network");
    return rc < 0 ? rf_wrap(err, rc, "destination %s", r->req->to_name) : 0;
}

int rf_ground_can_write(struct rf_import_run *r, struct rf_err *err)
{
    return rf_parallel(r->req->parallel, r->doc->n_repositories, can_write_job, r, err);
}
