/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/image_import.h"

#include <pthread.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "regclient/gzip.h"
#include "regclient/image_import_private.h"

#define LAYOUT_FILE_MAX (64u << 10)

static void importer_release(struct rf_importer *x)
{
    for (size_t i = 0; i < x->n_manifests; i++)
        rf_manifest_free(x->manifests[i]);
    free(x->manifests);
    free(x->blobs);
    rf_image_tar_free(x->tar);
}

void rf_import_add_manifest(struct rf_importer *x, struct rf_manifest *m)
{
    x->manifests =
        rf_grow(x->manifests, x->n_manifests, &x->cap_manifests, sizeof(struct rf_manifest *));
    x->manifests[x->n_manifests++] = m;
}

void rf_import_add_blob(struct rf_importer *x, const struct rf_import_blob *blob)
{
    x->blobs = rf_grow(x->blobs, x->n_blobs, &x->cap_blobs, sizeof(*x->blobs));
    x->blobs[x->n_blobs++] = *blob;
}

/* ---- what is in the file ---- */

/* 1: read, 0: it is not there. */
static int read_member(struct rf_importer *x, const char *name, size_t max, struct rf_buf *out,
                       struct rf_err *err)
{
    size_t member = 0;
    struct rf_err why = RF_ERR_INIT;
    int rc = rf_image_tar_find(x->tar, name, &member, NULL, &why);
    if (rc == -RFE_NOT_FOUND)
        return 0;
    if (rc < 0 && err != NULL)
        *err = why;
    if (rc == 0)
        rc = rf_image_tar_read(x->tar, member, max, out, err);
    return rc < 0 ? rc : 1;
}

/* 1 and the index of an image layout; 0: it is none, or not one that we know while docker's form is there as well. */
static int read_layout(struct rf_importer *x, bool has_docker, struct rf_oci_index **out,
                       struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf layout;
    RF_CLEANUP(rf_buf_release) struct rf_buf index;
    rf_buf_init(&layout, LAYOUT_FILE_MAX);
    rf_buf_init(&index, RF_OCI_INDEX_MAX);
    int rc = read_member(x, "oci-layout", LAYOUT_FILE_MAX, &layout, err);
    if (rc <= 0)
        return rc;
    rc = read_member(x, "index.json", RF_OCI_INDEX_MAX, &index, err);
    if (rc == 0 && !has_docker)
        return rf_fail(err, RFE_NOT_FOUND, "%s: an image layout without index.json", x->file);
    if (rc <= 0)
        return rc;
    struct rf_err why = RF_ERR_INIT;
    rc = rf_oci_layout_check(rf_buf_slice(&layout), &why);
    if (rc < 0 && has_docker)
        return 0;
    if (rc < 0 && err != NULL)
        *err = why;
    if (rc == 0)
        rc = rf_oci_index_parse(rf_buf_slice(&index), out, err);
    if (rc < 0)
        return rf_wrap(err, rc, "%s", x->file);
    return 1;
}

/* An empty index says nothing when docker's form is there. */
static int gather(struct rf_importer *x, struct rf_import_result *result, struct rf_err *err)
{
    RF_CLEANUP(rf_oci_index_unrefp) struct rf_oci_index *index = NULL;
    RF_CLEANUP(rf_docker_archive_release) struct rf_docker_archive archive = { 0 };
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, RF_DOCKER_ARCHIVE_MAX);
    size_t ignored = 0;
    bool has_docker = rf_image_tar_find(x->tar, RF_DOCKER_ARCHIVE_NAME, &ignored, NULL, NULL) == 0;
    int rc = read_layout(x, has_docker, &index, err);
    if (rc < 0)
        return rc;
    if (index != NULL && (index->n > 0 || !has_docker))
        return rf_import_oci(x, index, err);
    rc = read_member(x, RF_DOCKER_ARCHIVE_NAME, RF_DOCKER_ARCHIVE_MAX, &text, err);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return rf_fail(err, RFE_NOT_FOUND,
                       "%s: neither an image layout (oci-layout, index.json) nor a file of docker "
                       "save (" RF_DOCKER_ARCHIVE_NAME ")",
                       x->file);
    result->docker_form = true;
    rc = rf_docker_archive_parse(rf_buf_slice(&text), &archive, err);
    if (rc < 0)
        return rf_wrap(err, rc, "%s", x->file);
    return rf_import_docker(x, &archive, err);
}

static int check_image(const struct rf_importer *x, struct rf_err *err)
{
    const struct rf_digest *want = x->target->digest;
    const struct rf_manifest *root = x->manifests[x->n_manifests - 1];
    char a[RF_DIGEST_TEXT], b[RF_DIGEST_TEXT];
    if (want != NULL && !rf_digest_eq(want, &root->digest))
        return rf_fail(err, RFE_DIGEST_MISMATCH, "%s: holds the image %s, the target wants %s",
                       x->file, rf_digest_text(&root->digest, a), rf_digest_text(want, b));
    for (size_t i = 0; i < x->n_manifests; i++)
        if (x->manifests[i]->body.len > RF_MANIFEST_PUSH_MAX)
            return rf_fail(err, RFE_TOO_LARGE, "%s: manifest %s: %zu bytes, at most %u can be put",
                           x->file, rf_digest_text(&x->manifests[i]->digest, a),
                           x->manifests[i]->body.len, RF_MANIFEST_PUSH_MAX);
    return 0;
}

/* ---- blobs ---- */

struct told_source {
    struct rf_source base;
    struct rf_source *inner;
    const struct rf_import_options *opts;
    uint64_t pos, told; /* what is sent again is no progress */
};

static ssize_t told_read(struct rf_source *s, void *p, size_t n, struct rf_err *err)
{
    struct told_source *t = (struct told_source *)s;
    ssize_t got = rf_source_read(t->inner, p, n, err);
    if (got <= 0)
        return got;
    t->pos += (uint64_t)got;
    if (t->pos > t->told && t->opts->progress != NULL)
        t->opts->progress(t->opts->progress_ctx, t->pos - t->told);
    if (t->pos > t->told)
        t->told = t->pos;
    return got;
}

static int told_seek(struct rf_source *s, uint64_t offset, struct rf_err *err)
{
    struct told_source *t = (struct told_source *)s;
    int rc = rf_source_seek(t->inner, offset, err);
    if (rc == 0)
        t->pos = offset;
    return rc;
}

static void told_free(struct rf_source *s)
{
    (void)s;
}

struct putting {
    struct rf_importer *x;
    pthread_mutex_t lock; /* guards the counters of result */
    struct rf_import_result *result;
};

static int put_blob(void *ctx, size_t i, struct rf_err *err)
{
    static const struct rf_source_ops ops = { told_read, told_seek, told_free };
    struct putting *k = ctx;
    const struct rf_import_blob *b = &k->x->blobs[i];
    const struct rf_import_target *to = k->x->target;
    struct rf_err why = RF_ERR_INIT;
    /* What could not be told is found out by the upload. */
    int rc = rf_place_probe_blob(to->place, to->repo, &b->digest, b->size, RF_PROBE_HEAD, &why);
    bool there = rc == 0;
    if (!there) {
        RF_CLEANUP(rf_source_freep)
        struct rf_source *src = rf_image_tar_source(k->x->tar, b->member);
        if (b->compress)
            src = rf_gzip_source(src);
        struct told_source told = { .base.ops = &ops, .inner = src, .opts = k->x->opts };
        rc = rf_cancel_check(err);
        if (rc == 0)
            rc = rf_place_put_blob(to->place, to->repo, &b->digest, b->size, &told.base, err);
    }
    if (rc < 0)
        return rf_wrap(err, rc, "%s", k->x->file);
    pthread_mutex_lock(&k->lock);
    k->result->blobs_there += there;
    k->result->blobs_moved += !there;
    k->result->bytes_moved += there ? 0 : b->size;
    pthread_mutex_unlock(&k->lock);
    return 0;
}

static int by_member(const void *a, const void *b)
{
    const struct rf_import_blob *x = a, *y = b;
    if (x->member != y->member)
        return x->member < y->member ? -1 : 1;
    return rf_digest_cmp(&x->digest, &y->digest);
}

static int by_digest(const void *a, const void *b)
{
    const struct rf_import_blob *x = a, *y = b;
    int order = rf_digest_cmp(&x->digest, &y->digest);
    return order != 0 ? order : x->member < y->member ? -1 : x->member > y->member;
}

/* Each once, in file order: a compressed file is then read in one pass. */
static void order_blobs(struct rf_importer *x)
{
    size_t n = 0;
    if (x->n_blobs == 0)
        return;
    qsort(x->blobs, x->n_blobs, sizeof(*x->blobs), by_digest);
    for (size_t i = 0; i < x->n_blobs; i++)
        if (i == 0 || !rf_digest_eq(&x->blobs[i].digest, &x->blobs[n - 1].digest))
            x->blobs[n++] = x->blobs[i];
    x->n_blobs = n;
    qsort(x->blobs, n, sizeof(*x->blobs), by_member);
}

/* ---- all of it ---- */

static int put_all(struct rf_importer *x, struct rf_import_result *result, struct rf_err *err)
{
    const struct rf_import_target *to = x->target;
    struct putting k = { .x = x, .result = result };
    order_blobs(x);
    pthread_mutex_init(&k.lock, NULL);
    int rc = rf_parallel(x->threads, x->n_blobs, put_blob, &k, err);
    pthread_mutex_destroy(&k.lock);
    for (size_t i = 0; rc == 0 && i < x->n_manifests; i++) {
        bool last = i + 1 == x->n_manifests;
        unsigned flags = (x->opts->verify ? RF_PUT_READ_BACK : 0u) | (last ? 0u : RF_PUT_CHILD);
        rc = rf_place_put_manifest(to->place, to->repo, last ? to->tag : NULL, x->manifests[i],
                                   flags, err);
        result->manifests_put += rc == 0;
    }
    return rc;
}

int rf_image_import(const char *path, const struct rf_import_target *target,
                    const struct rf_import_options *opts, struct rf_import_result *result,
                    struct rf_err *err)
{
    static const struct rf_import_options plain = { 0 };
    struct rf_import_result done = { 0 };
    RF_CLEANUP(importer_release)
    struct rf_importer x = { .file = path, .target = target, .opts = opts != NULL ? opts : &plain };
    int rc = rf_image_tar_open(path, &x.tar, err);
    if (rc < 0)
        return rc;
    x.threads = x.opts->threads != 0 ? x.opts->threads : RF_IMPORT_THREADS_DEFAULT;
    if (rf_image_tar_is_packed(x.tar))
        x.threads = 1;
    rc = gather(&x, &done, err);
    if (rc == 0)
        rc = check_image(&x, err);
    if (rc == 0)
        rc = rf_place_hold(target->place, target->repo, err);
    if (rc < 0)
        return rc;
    rc = put_all(&x, &done, err);
    rf_place_unhold(target->place, target->repo);
    if (rc < 0)
        return rc;
    done.digest = x.manifests[x.n_manifests - 1]->digest;
    if (result != NULL)
        *result = done;
    return 0;
}
