/* SPDX-License-Identifier: Apache-2.0 */
#include "export/write.h"

#include "base/cancel.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "base/text.h"
#include "export/location.h"
#include "export/partial.h"
#include "export/select.h"
#include "layout/bundle_file.h"
#include "layout/tar_index.h"

#include <pthread.h>
#include <sys/stat.h>

struct writer {
    const struct rf_export_request *req;
    struct rf_export_state *state;
    struct rf_plan *plan;
    struct rf_locations locations;
    struct rf_partial *partial; /* NULL when streaming */
    uint32_t *where;            /* per blob of the bundle: where it comes from */
    uint32_t *
        image_where; /* per line of the snapshot: where it comes from; RF_NO_ID when it does not travel */
    uint32_t *jobs; /* blobs to carry, in file order */
    size_t n_jobs;
    bool *done;           /* per blob */
    pthread_mutex_t lock; /* guards failures */
    struct rf_plan_failure *failures;
    size_t n_failures, cap_failures;
};

static void drop_failures(struct writer *w)
{
    for (size_t i = 0; i < w->n_failures; i++)
        free(w->failures[i].reason);
    w->n_failures = 0;
}

static void writer_release(struct writer *w)
{
    drop_failures(w);
    free(w->failures);
    free(w->where);
    free(w->image_where);
    free(w->jobs);
    free(w->done);
    rf_partial_free(w->partial);
    rf_locations_release(&w->locations);
    pthread_mutex_destroy(&w->lock);
}

/* ---- where each blob comes from ---- */

/* Per blob of the snapshot: its number in the bundle when it is carried, else RF_NO_ID. */
static uint32_t *carried_numbers(const struct rf_plan *plan)
{
    const struct rf_snapshot *s = plan->snapshot;
    uint32_t *numbers = rf_xcalloc(s->n_blobs + 1, sizeof(*numbers));
    for (size_t i = 0; i < s->n_blobs; i++) {
        const struct rf_bundle_blob *blob = rf_bundle_find(plan->bundle, &s->blobs[i].digest);
        bool carried = blob != NULL && blob->travel == RF_TRAVEL_CARRIED;
        numbers[i] = carried ? (uint32_t)(blob - plan->bundle->blobs) : RF_NO_ID;
    }
    return numbers;
}

static int find_sources(struct writer *w, struct rf_err *err)
{
    const struct rf_snapshot *s = w->plan->snapshot;
    const struct rf_bundle *b = w->plan->bundle;
    RF_CLEANUP(rf_freep) uint32_t *numbers = carried_numbers(w->plan);
    free(w->where);
    free(w->image_where);
    free(w->jobs);
    free(w->done);
    w->image_where = rf_xcalloc(s->desired.n + 1, sizeof(*w->image_where));
    w->where = rf_xcalloc(b->n_blobs + 1, sizeof(*w->where));
    w->jobs = rf_xcalloc(b->n_blobs + 1, sizeof(*w->jobs));
    w->done = rf_xcalloc(b->n_blobs + 1, sizeof(*w->done));
    w->n_jobs = 0;
    for (size_t i = 0; i < b->n_blobs; i++) {
        w->where[i] = RF_NO_ID;
        if (b->blobs[i].travel == RF_TRAVEL_CARRIED)
            w->jobs[w->n_jobs++] = (uint32_t)i;
    }
    for (size_t i = 0; i < s->desired.n; i++) {
        const struct rf_image *im = &s->desired.images[i];
        uint32_t at;
        w->image_where[i] = RF_NO_ID;
        if (!rf_image_travels(im))
            continue;
        int rc = rf_locations_find_source(&w->locations, rf_desired_str(&s->desired, im->source),
                                          &at, err);
        if (rc < 0)
            return rf_wrap(err, rc, "%s", rf_desired_str(&s->desired, im->source));
        w->image_where[i] = at;
        for (uint32_t k = 0; k < im->n_blobs; k++) {
            uint32_t number = numbers[s->items[im->first_blob + k]];
            if (number != RF_NO_ID && w->where[number] == RF_NO_ID)
                w->where[number] = at;
        }
    }
    for (size_t k = 0; k < w->n_jobs; k++) {
        char text[RF_DIGEST_TEXT];
        if (w->where[w->jobs[k]] == RF_NO_ID)
            return rf_fail(err, RFE_INVALID,
                           "no image of the recorded plan has the blob %s; plan anew with --replan",
                           rf_digest_text(&b->blobs[w->jobs[k]].digest, text));
    }
    return 0;
}

/* ---- one blob ---- */

/* Bytes on their way, counted for the progress display. */
struct counting {
    struct rf_sink sink;
    struct rf_sink *inner;
    const struct rf_export_request *req;
};

static int counting_write(struct rf_sink *s, const void *p, size_t n, struct rf_err *err)
{
    struct counting *c = (struct counting *)s;
    int rc = rf_sink_write(c->inner, p, n, err);
    if (rc == 0 && c->req->progress != NULL)
        c->req->progress(c->req->progress_ctx, n);
    return rc;
}

static const struct rf_sink_ops counting_ops = { .write = counting_write };

#define FROM_CACHE RF_NO_ID /* instead of a location */

static bool is_cached(struct writer *w, size_t i)
{
    const struct rf_bundle_blob *blob = &w->plan->bundle->blobs[i];
    return blob->kind != RF_BLOB_LAYER &&
           rf_blob_store_stat(w->state->cache, &blob->digest, NULL, NULL) == 0;
}

static int pour_cached(struct writer *w, const struct rf_bundle_blob *blob, struct rf_sink *sink,
                       struct rf_err *err)
{
    struct rf_source *src = NULL;
    int rc = rf_blob_store_read(w->state->cache, &blob->digest, blob->size, &src, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_source_freep)
    struct rf_source *checked = rf_source_verify(src, &blob->digest, blob->size);
    return rf_stream_copy(checked, sink, NULL, err);
}

/* Blob i from one place, from `offset` on; `start` is the hash of what is before (taken over). */
static int pour(struct writer *w, size_t i, uint32_t where, uint64_t offset,
                struct rf_hasher *start, struct rf_sink *sink, struct rf_err *err)
{
    const struct rf_bundle_blob *blob = &w->plan->bundle->blobs[i];
    struct counting counting = { .sink.ops = &counting_ops, .inner = sink, .req = w->req };
    if (where != FROM_CACHE && blob->kind != RF_BLOB_MANIFEST) {
        const struct rf_location *l = &w->locations.list[where];
        return rf_place_get_blob(l->place, l->repo, &blob->digest, blob->size, offset, start,
                                 &counting.sink, err);
    }
    rf_hasher_free(start);
    if (where == FROM_CACHE)
        return pour_cached(w, blob, &counting.sink, err);
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    const struct rf_location *l = &w->locations.list[where];
    struct rf_manifest_expect expect = { .size = blob->size };
    int rc = rf_place_get_manifest(l->place, l->repo, NULL, &blob->digest, &expect, &m, err);
    return rc < 0 ? rc : rf_sink_write(&counting.sink, m->body.ptr, m->body.len, err);
}

static bool line_has(const struct rf_snapshot *s, const struct rf_image *im, uint32_t item)
{
    for (uint32_t k = 0; k < im->n_blobs; k++)
        if (s->items[im->first_blob + k] == item)
            return true;
    return false;
}

/* Another location that has blob i, behind `after` in number; RF_NO_ID when there is none. Looked for only when the first fails. */
static uint32_t next_location(const struct writer *w, size_t i, uint32_t after)
{
    const struct rf_snapshot *s = w->plan->snapshot;
    uint32_t item = rf_snapshot_find_blob(s, &w->plan->bundle->blobs[i].digest);
    uint32_t best = RF_NO_ID;
    for (size_t k = 0; k < s->desired.n; k++) {
        uint32_t at = w->image_where[k];
        bool later = at != RF_NO_ID && at != w->where[i] && (after == w->where[i] || at > after);
        if (later && (best == RF_NO_ID || at < best) && line_has(s, &s->desired.images[k], item))
            best = at;
    }
    return best;
}

/* An index that was pruned here is at no source: it is made anew from the one that it was pruned from. */
static int prune_again(struct writer *w, const struct rf_bundle_blob *blob, struct rf_err *err)
{
    const struct rf_snapshot *s = w->plan->snapshot;
    for (size_t k = 0; k < s->desired.n; k++) {
        const struct rf_image *im = &s->desired.images[k];
        RF_CLEANUP(rf_manifest_freep) struct rf_manifest *whole = NULL, *pruned = NULL;
        if (im->original == RF_NO_ID || w->image_where[k] == RF_NO_ID ||
            !rf_digest_eq(&im->digest, &blob->digest))
            continue;
        int rc = rf_export_fetch_manifest(w->state, &w->locations.list[w->image_where[k]],
                                          &s->desired.digests[im->original], 0, NULL, &whole, err);
        if (rc < 0)
            return rc;
        RF_CLEANUP(rf_freep) size_t *chosen = rf_xcalloc(whole->n_entries + 1, sizeof(*chosen));
        size_t n = 0;
        for (size_t e = 0; e < whole->n_entries; e++) {
            uint32_t item = rf_snapshot_find_blob(s, &whole->entries[e].digest);
            if (item != RF_NO_ID && line_has(s, im, item))
                chosen[n++] = e;
        }
        rc = rf_manifest_prune(whole, chosen, n, &pruned, err);
        if (rc == 0)
            rc = rf_blob_store_put_bytes(w->state->cache, &blob->digest,
                                         rf_buf_slice(&pruned->body), err);
        return rc;
    }
    return -RFE_NOT_FOUND;
}

static void keep_failure(struct writer *w, size_t i, const struct rf_err *why)
{
    struct rf_plan_failure f = { .blob = (uint32_t)i };
    RF_CLEANUP(rf_freep)
    char *shown = rf_location_reason("", w->locations.list[w->where[i]].path, why->msg);
    f.reason = rf_location_blob_reason(&w->plan->bundle->blobs[i].digest, shown);
    pthread_mutex_lock(&w->lock);
    w->failures = rf_grow(w->failures, w->n_failures, &w->cap_failures, sizeof(*w->failures));
    w->failures[w->n_failures++] = f;
    pthread_mutex_unlock(&w->lock);
}

/*
 * A transfer broke off and stayed so: is it this blob, or is nobody there any more? In the second case the blob is not the one to blame, and neither
 * are those that would follow.
 */
static bool source_is_gone(struct writer *w, size_t i, int rc)
{
    const struct rf_bundle_blob *blob = &w->plan->bundle->blobs[i];
    const struct rf_location *l = &w->locations.list[w->where[i]];
    return rc == -RFE_UNREACHABLE &&
           rf_place_probe_blob(l->place, l->repo, &blob->digest, blob->size, RF_PROBE_HEAD, NULL) ==
               -RFE_UNREACHABLE;
}

/* What an earlier run left at the place: 1 when the blob is whole, else *offset and *start say where to go on. */
static int take_up(struct writer *w, size_t i, uint64_t *offset, struct rf_hasher **start,
                   struct rf_err *err)
{
    const struct rf_bundle_blob *blob = &w->plan->bundle->blobs[i];
    uint64_t claimed = w->partial->claimed[i];
    RF_CLEANUP(rf_hasher_freep) struct rf_hasher *h = NULL;
    *offset = 0;
    *start = NULL;
    if (claimed == 0 || blob->kind == RF_BLOB_MANIFEST)
        return 0;
    int rc = rf_partial_hash(w->partial, i, claimed, &h, err);
    if (rc < 0)
        return rc;
    if (claimed < blob->size) {
        *offset = claimed;
        *start = RF_STEAL(h);
        return 0;
    }
    struct rf_digest got;
    rf_hasher_final(h, &got);
    return rf_digest_eq(&got, &blob->digest);
}

static int transfer(struct writer *w, size_t i, uint32_t where, uint64_t offset,
                    struct rf_hasher *start, int *disk, struct rf_err *err)
{
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_partial_sink(w->partial, i, offset, disk);
    int rc = pour(w, i, where, offset, start, sink, err);
    return rc < 0 ? rc : rf_sink_commit(sink, err);
}

/* From the cache, from where the plan says, from wherever else the blob is. *why keeps the failure of the planned source. */
static int obtain(struct writer *w, size_t i, uint64_t offset, struct rf_hasher *start, int *disk,
                  struct rf_err *why)
{
    const struct rf_bundle_blob *blob = &w->plan->bundle->blobs[i];
    struct rf_err later = RF_ERR_INIT;
    if (is_cached(w, i) && transfer(w, i, FROM_CACHE, 0, NULL, disk, why) == 0) {
        rf_hasher_free(start);
        return 0;
    }
    if (*disk < 0) {
        rf_hasher_free(start);
        return *disk;
    }
    int rc = transfer(w, i, w->where[i], offset, start, disk, why);
    if (rc == -RFE_DIGEST_MISMATCH && offset > 0 &&
        *disk == 0) /* the prefix was not what it claimed to be */
        rc = transfer(w, i, w->where[i], 0, NULL, disk, why);
    for (uint32_t at = w->where[i]; rc < 0 && *disk == 0 && !rf_cancelled();) {
        at = next_location(w, i, at);
        if (at == RF_NO_ID)
            break;
        rc = transfer(w, i, at, 0, NULL, disk, &later);
    }
    if (rc < 0 && *disk == 0 && blob->kind == RF_BLOB_MANIFEST && prune_again(w, blob, &later) == 0)
        rc = transfer(w, i, FROM_CACHE, 0, NULL, disk, &later);
    if (rc < 0 && *disk < 0)
        *why = later.code != 0 ? later : *why;
    return rc;
}

static int write_job(void *ctx, size_t k, struct rf_err *err)
{
    struct writer *w = ctx;
    size_t i = w->jobs[k];
    struct rf_hasher *start = NULL;
    struct rf_err why = RF_ERR_INIT;
    uint64_t offset = 0;
    int disk = 0;
    int rc = take_up(w, i, &offset, &start, err);
    if (rc < 0)
        return rc;
    if (w->req->progress != NULL)
        w->req->progress(w->req->progress_ctx, rc > 0 ? w->plan->bundle->blobs[i].size : offset);
    if (rc == 0) {
        rc = obtain(w, i, offset, start, &disk, &why);
    }
    if (rc >= 0) {
        w->done[i] = true;
        return 0;
    }
    if (rf_cancelled())
        return rf_cancel_check(err);
    if (disk < 0)
        return rf_fail(err, -disk, "%s", why.msg);
    if (source_is_gone(w, i, rc))
        return rf_fail(err, -rc, "%s; what was fetched is kept: the same command goes on from here",
                       why.msg);
    keep_failure(w, i, &why);
    return 0;
}

/* ---- a file ---- */

static void tell_phase(const struct rf_export_request *req, const char *what, uint64_t bytes)
{
    if (req->phase != NULL)
        req->phase(req->progress_ctx, what, bytes);
}

/*
 * Images whose blobs failed leave the bundle; what is finished moves to its new place. Killed in between, the old plan is taken up: what stands at
 * its place is taken, the rest is fetched, and the files of the new name are known to be ours.
 */
static int lay_out_again(struct writer *w, const char *key, struct rf_err *err)
{
    struct rf_bundle *old = NULL;
    RF_CLEANUP(rf_freep) bool *done = RF_STEAL(w->done);
    int rc = rf_plan_drop(w->plan, w->failures, w->n_failures, &old, err);
    drop_failures(w);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_freep) char *path = rf_partial_final_path(w->partial->dir, w->plan->bundle);
    bool pending = w->plan->repair == NULL; /* a repair is planned anew each time */
    if (pending)
        rc = rf_export_state_add_pending_file(w->state, path, err);
    if (rc == 0)
        rc = rf_partial_move(w->partial, w->plan->bundle, done, err);
    rf_bundle_release(old);
    free(old);
    if (rc == 0 && pending)
        rc = rf_plan_set_pending(w->plan, w->state, key, path, err);
    return rc < 0 ? rc : find_sources(w, err);
}

static int run_transfers(struct writer *w, const char *key, struct rf_err *err)
{
    for (;;) {
        tell_phase(w->req, "writing", rf_bundle_carried_bytes(w->plan->bundle));
        int rc = rf_parallel(w->req->parallel, w->n_jobs, write_job, w, err);
        if (rc < 0 || w->n_failures == 0)
            return rc;
        if (key == NULL && w->plan->repair == NULL)
            return rf_fail(err, RFE_FAILED, "the bundle cannot be written anew: %s",
                           w->failures[0].reason);
        if (w->req->strict)
            return rf_fail(
                err, RFE_FAILED,
                "%zu blob%s could not be had, which --strict does not pass over; the first: %s",
                w->n_failures, rf_text_s(w->n_failures), w->failures[0].reason);
        rc = lay_out_again(w, key, err);
        if (rc < 0)
            return rc;
    }
}

/* A file of the final name stands there: it has to be this bundle, whole. */
static int check_existing(const struct rf_export_request *req, const char *path,
                          const struct rf_bundle *b, uint64_t *size, struct rf_err *err)
{
    RF_CLEANUP(rf_bundle_file_freep) struct rf_bundle_file *file = NULL;
    tell_phase(req, "verifying", rf_bundle_carried_bytes(b));
    int rc = rf_bundle_file_open(path, &file, err);
    if (rc == 0 && !rf_digest_eq(&rf_bundle_file_doc(file)->id, &b->id))
        rc = rf_fail(err, RFE_EXISTS, "%s: another bundle stands there", path);
    if (rc == 0)
        rc = rf_bundle_file_verify(file, req->progress, req->progress_ctx, err);
    if (rc == 0)
        *size = rf_bundle_file_frame(file)->total;
    return rc < 0 ? rf_hint(err, rc, "it is never overwritten: move it away, then run again") : 0;
}

int rf_write_file(const struct rf_export_request *req, struct rf_export_state *state,
                  struct rf_plan *plan, const char *key, const char *dir, char **path,
                  uint64_t *size, struct rf_err *err)
{
    RF_CLEANUP(writer_release)
    struct writer w = {
        .req = req, .state = state, .plan = plan, .lock = PTHREAD_MUTEX_INITIALIZER
    };
    RF_CLEANUP(rf_freep) char *final = rf_partial_final_path(dir, plan->bundle);
    rf_locations_init(&w.locations, req->client, state);
    if (rf_path_exists(final)) {
        int rc = check_existing(req, final, plan->bundle, size, err);
        if (rc == 0)
            rc = rf_partial_discard(final,
                                    err); /* of a run that was stopped right behind the last step */
        if (rc == 0)
            *path = RF_STEAL(final);
        return rc;
    }
    int rc = find_sources(&w, err);
    if (rc == 0)
        rc = rf_partial_open(dir, plan->bundle, &w.partial, err);
    if (rc == 0)
        rc = run_transfers(&w, key, err);
    if (rc == 0)
        rc = rf_partial_finish(w.partial, err);
    if (rc < 0)
        return rc;
    *path = rf_partial_final_path(dir, plan->bundle);
    *size = w.partial->frame.total;
    return 0;
}

/* ---- a stream ---- */

static int stream_blob(struct writer *w, size_t i, struct rf_sink *out, struct rf_err *err)
{
    static const char zeros[512];
    const struct rf_bundle_blob *blob = &w->plan->bundle->blobs[i];
    RF_CLEANUP(rf_buf_release) struct rf_buf header;
    rf_buf_init(&header, 65536);
    int rc = rf_bundle_blob_header(blob, &header, err);
    if (rc == 0)
        rc = rf_sink_write(out, header.ptr, header.len, err);
    if (rc == 0)
        rc = pour(w, i, is_cached(w, i) ? FROM_CACHE : w->where[i], 0, NULL, out, err);
    size_t padding = (size_t)(rf_tar_padded(blob->size) - blob->size);
    if (rc == 0 && padding > 0)
        rc = rf_sink_write(out, zeros, padding, err);
    return rc;
}

int rf_write_stream(const struct rf_export_request *req, struct rf_export_state *state,
                    struct rf_plan *plan, int fd, uint64_t *size, struct rf_err *err)
{
    static const char zeros[RF_TAR_END];
    RF_CLEANUP(writer_release)
    struct writer w = {
        .req = req, .state = state, .plan = plan, .lock = PTHREAD_MUTEX_INITIALIZER
    };
    RF_CLEANUP(rf_sink_freep) struct rf_sink *out = rf_sink_fd(fd);
    struct rf_bundle_frame frame;
    rf_locations_init(&w.locations, req->client, state);
    tell_phase(req, "writing", rf_bundle_carried_bytes(plan->bundle));
    int rc = rf_bundle_frame_init(&frame, plan->bundle, err);
    if (rc == 0)
        rc = find_sources(&w, err);
    if (rc == 0)
        rc = rf_bundle_emit_head(plan->bundle, out, err);
    for (size_t k = 0; rc == 0 && k < w.n_jobs; k++) {
        rc = stream_blob(&w, w.jobs[k], out, err);
        if (rc == 0)
            rc = rf_cancel_check(err);
    }
    if (rc == 0)
        rc = rf_sink_write(out, zeros, RF_TAR_END, err);
    if (rc == 0)
        rc = rf_sink_commit(out, err);
    struct stat st;
    if (rc == 0 && fstat(fd, &st) == 0 &&
        S_ISREG(st.st_mode)) /* redirected: it is recorded as exported */
        rc = rf_fsync_fd(fd, "standard output", err);
    *size = frame.total;
    rf_bundle_frame_release(&frame);
    return rc;
}
