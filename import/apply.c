/* SPDX-License-Identifier: Apache-2.0 */
#include "import/apply.h"

#include "base/cancel.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "regclient/copy.h"

#define REPAIR_ROUNDS 3

static const char *repo_name(const struct rf_import_run *r, uint32_t number)
{
    return rf_desired_str(&r->doc->desired, r->doc->repositories[number]);
}

/* ---- blobs ---- */

static void count_outcome(struct rf_import_run *r, enum rf_blob_outcome outcome, uint64_t size)
{
    pthread_mutex_lock(&r->lock);
    rf_import_counts_add(&r->counts, outcome, size);
    pthread_mutex_unlock(&r->lock);
}

void rf_import_counts_add(struct rf_import_counts *c, enum rf_blob_outcome outcome, uint64_t size)
{
    c->blobs_there += outcome == RF_BLOB_THERE;
    c->blobs_mounted += outcome == RF_BLOB_MOUNTED;
    c->bytes_mounted += outcome == RF_BLOB_MOUNTED ? size : 0;
    c->blobs_uploaded += outcome == RF_BLOB_MOVED;
    c->bytes_uploaded += outcome == RF_BLOB_MOVED ? size : 0;
}

/*
 * One blob into one repository. `have` is a repository of the destination that is known to hold it: mounted from there, or moved from there
 * when it is not in the bundle.
 */
static int place_in(struct rf_import_run *r, uint32_t blob, const char *repo, const char *have,
                    enum rf_blob_outcome *outcome, struct rf_err *err)
{
    const struct rf_bundle_blob *b = &r->doc->blobs[blob];
    bool carried = b->travel == RF_TRAVEL_CARRIED;
    const char *from[] = { have };
    struct rf_copy_blob_options opts = { .probe = RF_PROBE_RANGE,
                                         .mount_from = from,
                                         .n_mount_from = have != NULL ? 1 : 0,
                                         .progress = r->req->progress,
                                         .progress_ctx = r->req->progress_ctx };
    if (carried)
        return rf_copy_blob(rf_bundle_file_place(r->file), "", r->req->to, repo, &b->digest,
                            b->size, &opts, outcome, err);
    return rf_copy_blob(r->req->to, have, r->req->to, repo, &b->digest, b->size, &opts, outcome,
                        err);
}

/* Into every repository that needs it; the first holds it for the others. */
static int place_blob(struct rf_import_run *r, uint32_t blob, bool *moved, struct rf_err *err)
{
    const struct rf_bundle_blob *b = &r->doc->blobs[blob];
    RF_CLEANUP(rf_freep)
    char *have = r->found[blob] != RF_NO_ID ? rf_run_repo(r, repo_name(r, r->found[blob])) : NULL;
    if (have == NULL && b->travel != RF_TRAVEL_CARRIED)
        return rf_fail(err, RFE_GROUND_MISSING, "it is not at the destination");
    for (uint32_t i = 0; i < b->n_repos; i++) {
        uint32_t number = r->doc->lists[b->first_repo + i];
        enum rf_blob_outcome outcome = RF_BLOB_THERE;
        if (rf_run_is_needless(r, b->first_repo + i))
            continue;
        RF_CLEANUP(rf_freep) char *repo = rf_run_repo(r, repo_name(r, number));
        if (number != r->found[blob]) {
            int rc = place_in(r, blob, repo, have, &outcome, err);
            if (rc < 0) {
                char text[RF_DIGEST_TEXT];
                return rf_wrap(err, rc, "%s: blob %s", repo, rf_digest_text(&b->digest, text));
            }
        }
        count_outcome(r, outcome, b->size);
        *moved = *moved || outcome == RF_BLOB_MOVED;
        if (have == NULL)
            have = RF_STEAL(repo);
    }
    return 0;
}

struct blob_jobs {
    struct rf_import_run *r;
    uint32_t *list;
    size_t n;
};

/* What is missing cannot be placed: the images that need it are left as they were. */
uint32_t *rf_apply_blob_list(const struct rf_import_run *r, size_t *n)
{
    uint32_t *list = rf_xcalloc(r->doc->n_blobs + 1, sizeof(*list));
    *n = 0;
    for (size_t i = 0; i < r->doc->n_blobs; i++) {
        const struct rf_bundle_blob *b = &r->doc->blobs[i];
        bool there = b->travel == RF_TRAVEL_CARRIED || r->found[i] != RF_NO_ID;
        if (b->kind != RF_BLOB_MANIFEST && there)
            list[(*n)++] = (uint32_t)i;
    }
    return list;
}

/* With --stream the blob is proven here: on its way into an upload, or by reading it when no upload does. */
static int blob_job(void *ctx, size_t k, struct rf_err *err)
{
    struct blob_jobs *jobs = ctx;
    struct rf_import_run *r = jobs->r;
    uint32_t blob = jobs->list[k];
    bool carried = r->doc->blobs[blob].travel == RF_TRAVEL_CARRIED, moved = false;
    bool prove = r->req->stream && carried;
    int rc = prove ? rf_bundle_file_verify_header(r->file, blob, err) : 0;
    if (rc == 0)
        rc = place_blob(r, blob, &moved, err);
    if (rc == 0 && prove && !moved)
        rc = rf_bundle_file_verify_blob(r->file, blob, r->req->progress, r->req->progress_ctx, err);
    if (rc == 0 && !r->req->stream && carried && !moved && r->req->progress != NULL)
        r->req->progress(r->req->progress_ctx, r->doc->blobs[blob].size);
    /* whose fault is it? the medium is asked once more before the destination is believed */
    if (carried && (rc == -RFE_DIGEST_MISMATCH || rc == -RFE_SIZE_MISMATCH)) {
        struct rf_err why = RF_ERR_INIT;
        int again = rf_bundle_file_verify_blob(r->file, blob, NULL, NULL, &why);
        if (again < 0)
            rc = rf_fail(err, -again, "%s", why.msg);
    }
    return rc;
}

int rf_apply_blobs(struct rf_import_run *r, struct rf_err *err)
{
    struct blob_jobs jobs = { .r = r };
    jobs.list = rf_apply_blob_list(r, &jobs.n);
    int rc = rf_parallel(r->req->parallel, jobs.n, blob_job, &jobs, err);
    free(jobs.list);
    if (rc == 0 && r->req->stream)
        rc = rf_bundle_file_verify_end(r->file, err);
    return rc;
}

/* ---- manifests ---- */

struct manifest_job {
    uint32_t blob, item; /* item: of doc->lists */
    uint32_t repo;
};

struct manifest_jobs {
    struct rf_import_run *r;
    struct manifest_job *list;
    size_t n, cap;
};

/* An untagged line of its own: a layout lists it in index.json. */
static bool is_untagged_line(const struct rf_import_run *r, uint32_t blob, uint32_t number)
{
    const struct rf_bundle_blob *b = &r->doc->blobs[blob];
    return rf_desired_find(&r->doc->desired, repo_name(r, number), "", &b->digest) != NULL;
}

/* The registry lost a blob since it said that it has it (a garbage collection): put all of the manifest's blobs there again. */
static int repair_blobs(struct rf_import_run *r, const struct rf_manifest *m, struct rf_err *err)
{
    for (size_t i = 0; i <= m->n_entries; i++) {
        const struct rf_descriptor *d = i < m->n_entries ? &m->entries[i] : &m->config;
        bool moved = false;
        if (!rf_digest_is_set(&d->digest))
            continue;
        const struct rf_bundle_blob *b = rf_bundle_find(r->doc, &d->digest);
        if (b == NULL || b->kind == RF_BLOB_MANIFEST)
            continue;
        int rc = place_blob(r, (uint32_t)(b - r->doc->blobs), &moved, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int say_lost(struct rf_err *err, int rc, const struct rf_err *why)
{
    rc = rf_fail(err, -rc, "%s", why->msg);
    if (rc != -RFE_NOT_FOUND && rc != -RFE_GROUND_MISSING)
        return rc;
    return rf_hint(
        err, rc,
        "after a garbage collection some registries remember what they no longer have: restart it, then apply again");
}

static int put_manifest(struct rf_import_run *r, const struct manifest_job *job, const char *repo,
                        struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    unsigned flags =
        RF_PUT_READ_BACK | (is_untagged_line(r, job->blob, job->repo) ? 0 : RF_PUT_CHILD);
    int rc = rf_run_manifest(r, job->blob, &m, err);
    for (int round = 0; rc == 0; round++) {
        struct rf_err why = RF_ERR_INIT;
        rc = rf_place_put_manifest(r->req->to, repo, NULL, m, flags, &why);
        if (rc == 0)
            return 0;
        bool lost = rc == -RFE_GROUND_MISSING || rc == -RFE_NOT_FOUND;
        if (round + 1 == REPAIR_ROUNDS || !lost || m->kind != RF_KIND_IMAGE)
            return say_lost(err, rc, &why);
        rc = repair_blobs(r, m, err);
    }
    return rc;
}

/*
 * What refers to something is put in any case: killed between a manifest and the list of referrers that registries without the API need,
 * an earlier run may have left it out of that.
 */
bool rf_apply_manifest_there(struct rf_import_run *r, uint32_t blob, uint32_t number,
                             const char *repo)
{
    const struct rf_bundle_blob *b = &r->doc->blobs[blob];
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_manifest_expect expect = { .size = b->size };
    struct rf_err unused = RF_ERR_INIT;
    if (number == r->found[blob])
        return true;
    if (is_untagged_line(r, blob, number) && (r->req->to->flags & RF_PLACE_LOCAL) != 0)
        return false; /* a layout's file may be there without its line in index.json */
    return rf_place_get_manifest(r->req->to, repo, NULL, &b->digest, &expect, &m, &unused) == 0 &&
           !m->has_subject;
}

static int manifest_job(void *ctx, size_t k, struct rf_err *err)
{
    struct manifest_jobs *jobs = ctx;
    struct rf_import_run *r = jobs->r;
    const struct manifest_job *job = &jobs->list[k];
    struct rf_err why = RF_ERR_INIT;
    RF_CLEANUP(rf_freep) char *repo = rf_run_repo(r, repo_name(r, job->repo));
    uint8_t seen = r->list_there != NULL ? r->list_there[job->item] : RF_LIST_NOT_ASKED;
    bool there = seen == RF_LIST_NOT_ASKED ? rf_apply_manifest_there(r, job->blob, job->repo, repo)
                                           : seen == RF_LIST_THERE;
    if (there) {
        rf_run_count(r, &r->counts.manifests_there, 1);
        return 0;
    }
    int rc = put_manifest(r, job, repo, &why);
    if (rc == 0) {
        rf_run_count(r, &r->counts.manifests_put, 1);
        return 0;
    }
    char text[RF_DIGEST_TEXT];
    rf_wrap(&why, rc, "%s: manifest %s", repo,
            rf_digest_text(&r->doc->blobs[job->blob].digest, text));
    if (rf_cancelled())
        return rf_cancel_check(err);
    if (rf_run_ends(rc))
        return rf_fail(err, -rc, "%s", why.msg);
    pthread_mutex_lock(&r->lock);
    if (r->failed[job->item] == NULL)
        r->failed[job->item] = rf_xstrdup(why.msg);
    pthread_mutex_unlock(&r->lock);
    return 0;
}

static void add_level(struct manifest_jobs *jobs, const uint8_t *levels, uint8_t level)
{
    const struct rf_bundle *doc = jobs->r->doc;
    jobs->n = 0;
    for (size_t i = 0; i < doc->n_blobs && doc->blobs[i].kind == RF_BLOB_MANIFEST; i++) {
        for (uint32_t k = 0; levels[i] == level && k < doc->blobs[i].n_repos; k++) {
            uint32_t item = doc->blobs[i].first_repo + k;
            if (jobs->r->failed[item] != NULL || rf_run_is_needless(jobs->r, item))
                continue;
            jobs->list = rf_grow(jobs->list, jobs->n, &jobs->cap, sizeof(*jobs->list));
            jobs->list[jobs->n++] = (struct manifest_job){ (uint32_t)i, item, doc->lists[item] };
        }
    }
}

/* The item of doc->lists that stands for the blob in this repository; the repository's list rises. RF_NO_ID when it is not wanted there. */
static uint32_t item_in(const struct rf_bundle *doc, const struct rf_bundle_blob *b, uint32_t repo)
{
    for (uint32_t k = 0; k < b->n_repos; k++)
        if (doc->lists[b->first_repo + k] == repo)
            return b->first_repo + k;
    return RF_NO_ID;
}

static bool fail_parent(struct rf_import_run *r, const struct rf_content_edge *e)
{
    const struct rf_bundle_blob *parent = &r->doc->blobs[e->parent],
                                *child = &r->doc->blobs[e->child];
    bool any = false;
    for (uint32_t k = 0; k < parent->n_repos; k++) {
        uint32_t item = parent->first_repo + k;
        uint32_t below = item_in(r->doc, child, r->doc->lists[item]);
        if (below == RF_NO_ID || r->failed[below] == NULL || r->failed[item] != NULL)
            continue;
        r->failed[item] = rf_xstrdup(r->failed[below]);
        any = true;
    }
    return any;
}

/* What stands above a refused manifest is not even tried. */
void rf_apply_fail_parents(struct rf_import_run *r)
{
    bool any = false;
    for (size_t i = 0; i < r->doc->n_lists && !any; i++)
        any = r->failed[i] != NULL;
    for (int round = 0; any && round <= RF_INDEX_DEPTH_MAX; round++) {
        any = false;
        for (size_t i = 0; i < r->content.n_edges; i++)
            any = fail_parent(r, &r->content.edges[i]) || any;
    }
}

static const char *failure_of(const struct rf_import_run *r, const struct rf_image *im)
{
    const struct rf_bundle *doc = r->doc;
    const struct rf_bundle_blob *b = rf_bundle_find(doc, &im->digest);
    for (uint32_t k = 0; b != NULL && k < b->n_repos; k++)
        if (doc->repositories[doc->lists[b->first_repo + k]] == im->repository)
            return r->failed[b->first_repo + k];
    return NULL;
}

static void refuse_images(struct rf_import_run *r)
{
    const struct rf_desired *d = &r->doc->desired;
    for (size_t i = 0; i < d->n; i++) {
        const char *reason =
            rf_image_travels(&d->images[i]) && r->refused[i] == NULL && !r->lacking[i]
                ? failure_of(r, &d->images[i])
                : NULL;
        if (reason == NULL)
            continue;
        r->refused[i] =
            d->images[i].n_children > 0
                ? rf_xasprintf(
                      "%s; the destination does not take an index without all of its children: export with --sparse prune",
                      reason)
                : rf_xstrdup(reason);
    }
}

/* A repair bundle has no images that could be refused: what was refused is said at the end. */
static int fail_repair(const struct rf_import_run *r, struct rf_err *err)
{
    for (size_t i = 0; i < r->doc->n_lists; i++)
        if (r->failed[i] != NULL)
            return rf_fail(err, RFE_PARTIAL, "%s refused a part of the repair: %s", r->req->to_name,
                           r->failed[i]);
    return 0;
}

int rf_apply_manifests(struct rf_import_run *r, struct rf_err *err)
{
    struct manifest_jobs jobs = { .r = r };
    uint8_t highest;
    RF_CLEANUP(rf_freep) uint8_t *levels = rf_content_levels(&r->content, &highest);
    int rc = 0;
    rf_apply_fail_parents(r); /* of what lacks its ground */
    for (unsigned level = 0; rc == 0 && level <= highest; level++) {
        add_level(&jobs, levels, (uint8_t)level);
        rc = rf_parallel(r->req->parallel, jobs.n, manifest_job, &jobs, err);
        rf_apply_fail_parents(r);
    }
    free(jobs.list);
    refuse_images(r);
    return rc == 0 && rf_bundle_is_repair(r->doc) ? fail_repair(r, err) : rc;
}

/* ---- repositories ---- */

int rf_apply_hold(struct rf_import_run *r, struct rf_err *err)
{
    for (size_t i = 0; i < r->doc->n_repositories; i++) {
        RF_CLEANUP(rf_freep) char *repo = rf_run_repo(r, repo_name(r, (uint32_t)i));
        int rc = rf_run_is_idle(r, i) ? 0 : rf_place_hold(r->req->to, repo, err);
        if (rc < 0)
            return rc;
        r->held++;
    }
    return 0;
}

void rf_apply_unhold(struct rf_import_run *r)
{
    for (; r->held > 0; r->held--) {
        RF_CLEANUP(rf_freep) char *repo = rf_run_repo(r, repo_name(r, (uint32_t)r->held - 1));
        if (!rf_run_is_idle(r, r->held - 1))
            rf_place_unhold(r->req->to, repo);
    }
}
