/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/oci_dir.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/idmap.h"
#include "base/mem.h"
#include "layout/oci_edit.h"
#include "layout/oci_folder.h"
#include "layout/oci_guard.h"
#include "layout/oci_tree.h"
#include "manifests/reference.h"

/* Repositories share queues, so that a tree of many needs no list of them. */
#define QUEUES 16

struct oci_dir {
    struct rf_place base;
    char *path;
    unsigned flags;
    struct rf_oci_cache *cache;
    struct rf_oci_guard *guard;
    struct rf_oci_queue queues[QUEUES];
};

static struct oci_dir *dir_of(struct rf_place *p)
{
    return (struct oci_dir *)p;
}

/* ---- paths ---- */

/* The folder of a repository. *out: the caller frees. */
static int repo_path(struct oci_dir *d, const char *repo, char **out, struct rf_err *err)
{
    bool tree = (d->flags & RF_OCI_DIR_TREE) != 0;
    if (!tree && repo[0] != '\0')
        return rf_fail(err, RFE_INVALID, "%s: one single layout, it has no repository %s",
                       d->base.name, repo);
    if (!tree) {
        *out = rf_xstrdup(d->path);
        return 0;
    }
    if (!rf_repository_valid(rf_slice_str(repo)))
        return rf_fail(err, RFE_INVALID, "%s: a tree of layouts, name a repository in it",
                       d->base.name);
    if (rf_oci_tree_reserved(repo))
        return rf_fail(err, RFE_UNSUPPORTED,
                       "%s: repository %s has a part that is a file name of layouts", d->base.name,
                       repo);
    *out = rf_path_join(d->path, repo);
    return 0;
}

static int open_folder(struct oci_dir *d, const char *repo, struct rf_oci_folder **out,
                       struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = NULL;
    int rc = repo_path(d, repo, &path, err);
    return rc < 0 ? rc : rf_oci_folder_open(path, out, err);
}

/* What index.json of the repository says. */
static int open_index(struct oci_dir *d, const char *repo, struct rf_oci_folder **f,
                      struct rf_oci_index **ix, struct rf_err *err)
{
    RF_CLEANUP(rf_oci_folder_freep) struct rf_oci_folder *folder = NULL;
    int rc = open_folder(d, repo, &folder, err);
    if (rc >= 0)
        rc = rf_oci_folder_index(folder, d->cache, ix, err);
    if (rc < 0)
        return rc;
    *f = RF_STEAL(folder);
    return 0;
}

/* A repository's own folder, when it is not the place's. */
static const char *folder_of(const struct oci_dir *d, const char *path)
{
    return (d->flags & RF_OCI_DIR_TREE) != 0 ? path : NULL;
}

/* The folder to write into; made when that was asked for. */
static int open_for_writing(struct oci_dir *d, const char *repo, struct rf_oci_folder **out,
                            struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = NULL;
    RF_CLEANUP(rf_oci_folder_freep) struct rf_oci_folder *f = NULL;
    RF_CLEANUP(rf_oci_index_unrefp) struct rf_oci_index *ix = NULL;
    int rc = repo_path(d, repo, &path, err);
    if (rc < 0)
        return rc;
    rc = (d->flags & RF_OCI_DIR_CREATE) != 0 ? rf_oci_folder_make(path, &f, err)
                                             : rf_oci_folder_open(path, &f, err);
    if (rc < 0)
        return rc;
    if ((d->flags & RF_OCI_DIR_CREATE) == 0)
        rc = rf_oci_folder_index(f, d->cache, &ix, err);
    if (rc >= 0)
        rc = rf_oci_guard_write(d->guard, repo, folder_of(d, path), err);
    if (rc >= 0)
        *out = RF_STEAL(f);
    return rc;
}

/* ---- manifests: reading ---- */

static int find_tag(struct rf_oci_folder *f, const struct rf_oci_index *ix, const char *tag,
                    size_t *i, struct rf_err *err)
{
    int rc = rf_oci_index_find(ix, "", tag, i, err);
    return rc < 0 ? rf_wrap(err, rc, "%s", f->path) : 0;
}

static int dir_get_manifest(struct rf_place *p, const char *repo, const char *tag,
                            const struct rf_digest *digest, const struct rf_manifest_expect *expect,
                            struct rf_manifest **out, struct rf_err *err)
{
    RF_CLEANUP(rf_oci_folder_freep) struct rf_oci_folder *f = NULL;
    RF_CLEANUP(rf_oci_index_unrefp) struct rf_oci_index *ix = NULL;
    int rc = open_index(dir_of(p), repo, &f, &ix, err);
    if (rc < 0)
        return rc;
    size_t i = 0;
    if (digest != NULL)
        i = rf_oci_index_find_digest(ix, digest);
    else
        rc = find_tag(f, ix, tag, &i, err);
    if (rc < 0)
        return rc;
    struct rf_manifest_expect want = *expect;
    if (i < ix->n) {
        want.digest = &ix->entries[i].digest;
        if (want.size == 0)
            want.size = ix->entries[i].size;
        if (want.media_type == NULL)
            want.media_type = ix->entries[i].media_type;
    } else {
        /* Not listed: part of another manifest, its blob is all there is. */
        want.digest = digest;
    }
    return rf_oci_folder_load(f, want.digest, &want, out, err);
}

/* A descriptor counts only when its blob is there in full length. */
static int check_there(struct rf_oci_folder *f, const struct rf_descriptor *desc,
                       struct rf_err *err)
{
    uint64_t size = 0;
    int rc = rf_blob_store_stat(f->store, &desc->digest, &size, err);
    if (rc >= 0 && size != desc->size) {
        char text[RF_DIGEST_TEXT];
        return rf_fail(err, RFE_SIZE_MISMATCH,
                       "%s: manifest %s: want %llu bytes, the file has %llu", f->path,
                       rf_digest_text(&desc->digest, text), (unsigned long long)desc->size,
                       (unsigned long long)size);
    }
    return rc;
}

static int dir_resolve(struct rf_place *p, const char *repo, const char *tag,
                       const struct rf_digest *digest, struct rf_descriptor *out,
                       struct rf_err *err)
{
    RF_CLEANUP(rf_oci_folder_freep) struct rf_oci_folder *f = NULL;
    RF_CLEANUP(rf_oci_index_unrefp) struct rf_oci_index *ix = NULL;
    int rc = open_index(dir_of(p), repo, &f, &ix, err);
    if (rc < 0)
        return rc;
    size_t i = ix->n;
    if (digest != NULL)
        i = rf_oci_index_find_digest(ix, digest);
    else
        rc = find_tag(f, ix, tag, &i, err);
    if (rc < 0)
        return rc;
    if (i < ix->n && rf_media_is_manifest(ix->entries[i].media_type)) {
        RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
        rc = rf_oci_index_descriptor(ix, i, &d, err);
        if (rc >= 0)
            rc = check_there(f, &d, err);
        if (rc < 0)
            return rc;
        *out = d;
        d = (struct rf_descriptor)RF_DESCRIPTOR_INIT;
        return 0;
    }
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_manifest_expect expect = { .digest =
                                             digest != NULL ? digest : &ix->entries[i].digest };
    rc = rf_oci_folder_load(f, expect.digest, &expect, &m, err);
    if (rc >= 0)
        rf_manifest_descriptor(m, out);
    return rc;
}

/* ---- manifests: writing ---- */

/* The manifest's file is read anew, as index.json was. */
static int read_back(struct rf_oci_folder *f, const struct rf_oci_index *ix, const char *tag,
                     const struct rf_manifest *m, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    rf_buf_init(&body, RF_MANIFEST_MAX);
    int rc = rf_blob_store_load(f->store, &m->digest, &body, err);
    if (rc < 0 || tag == NULL)
        return rc;
    size_t i = 0;
    rc = rf_oci_index_find(ix, "", tag, &i, err);
    if (rc >= 0 && !rf_digest_eq(&ix->entries[i].digest, &m->digest)) {
        char want[RF_DIGEST_TEXT], got[RF_DIGEST_TEXT];
        return rf_fail(err, RFE_DIGEST_MISMATCH, "tag %s is %s, it was written as %s", tag,
                       rf_digest_text(&ix->entries[i].digest, got),
                       rf_digest_text(&m->digest, want));
    }
    return rc;
}

static struct rf_oci_queue *queue_of(struct oci_dir *d, const char *repo)
{
    return &d->queues[rf_hash_bytes(rf_slice_str(repo)) % QUEUES];
}

struct listing {
    const char *tag;
    const struct rf_manifest *m;
    bool child;
};

static int list_manifest(struct rf_oci_edit *e, void *ctx, struct rf_err *err)
{
    const struct listing *l = ctx;
    int rc = l->child ? 0 : rf_oci_edit_put(e, l->tag, l->m, err);
    return rc == 0 && l->m->has_subject ? rf_oci_edit_add_referrer(e, l->m, err) : rc;
}

static int dir_put_manifest(struct rf_place *p, const char *repo, const char *tag,
                            const struct rf_manifest *m, unsigned flags, struct rf_err *err)
{
    struct oci_dir *d = dir_of(p);
    RF_CLEANUP(rf_oci_folder_freep) struct rf_oci_folder *f = NULL;
    RF_CLEANUP(rf_oci_index_unrefp) struct rf_oci_index *after = NULL;
    bool check = (flags & RF_PUT_READ_BACK) != 0;
    int rc = open_for_writing(d, repo, &f, err);
    if (rc >= 0)
        rc = rf_blob_store_put_bytes(f->store, &m->digest, rf_buf_slice(&m->body), err);
    if (rc < 0)
        return rc;
    struct listing l = { .tag = tag, .m = m };
    l.child = tag == NULL && (flags & RF_PUT_CHILD) != 0;
    if (!l.child || m->has_subject)
        rc = rf_oci_edit_run(queue_of(d, repo), f, d->cache, list_manifest, &l,
                             check && tag != NULL ? &after : NULL, err);
    if (rc >= 0 && check)
        rc = read_back(f, after, tag, m, err);
    return rc < 0 ? rf_wrap(err, rc, "%s", f->path) : 0;
}

/* Opens a layout that must be there, for a change. */
static int open_existing(struct oci_dir *d, const char *repo, struct rf_oci_folder **f,
                         struct rf_err *err)
{
    RF_CLEANUP(rf_oci_index_unrefp) struct rf_oci_index *ix = NULL;
    return open_index(d, repo, f, &ix, err);
}

struct removal {
    const char *tag;
    const struct rf_digest *digest;
    bool listed;
};

static int unlist_tag(struct rf_oci_edit *e, void *ctx, struct rf_err *err)
{
    const struct removal *r = ctx;
    return rf_oci_edit_remove_tag(e, r->tag, err);
}

static int unlist_manifest(struct rf_oci_edit *e, void *ctx, struct rf_err *err)
{
    struct removal *r = ctx;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_manifest_expect expect = { .digest = r->digest };
    int rc = rf_oci_edit_remove_digest(e, r->digest, &r->listed, err);
    /* What cannot be read any more can be deleted all the same. */
    if (rc < 0 || rf_oci_folder_load(e->f, r->digest, &expect, &m, NULL) < 0 || !m->has_subject)
        return rc;
    return rf_oci_edit_remove_referrer(e, &m->subject.digest, r->digest, err);
}

static int dir_delete_tag(struct rf_place *p, const char *repo, const char *tag, struct rf_err *err)
{
    struct oci_dir *d = dir_of(p);
    RF_CLEANUP(rf_oci_folder_freep) struct rf_oci_folder *f = NULL;
    struct removal r = { .tag = tag };
    int rc = open_existing(d, repo, &f, err);
    if (rc < 0)
        return rc;
    rc = rf_oci_edit_run(queue_of(d, repo), f, d->cache, unlist_tag, &r, NULL, err);
    return rc < 0 ? rf_wrap(err, rc, "%s", f->path) : 0;
}

int rf_oci_dir_sift(struct rf_place *p, const char *repo, rf_oci_judge judge, void *ctx,
                    struct rf_err *err)
{
    struct oci_dir *d = dir_of(p);
    RF_CLEANUP(rf_oci_folder_freep) struct rf_oci_folder *f = NULL;
    struct rf_oci_sift sift = { judge, ctx };
    int rc = open_existing(d, repo, &f, err);
    if (rc < 0)
        return rc;
    rc = rf_oci_edit_run(queue_of(d, repo), f, d->cache, rf_oci_edit_sift, &sift, NULL, err);
    return rc < 0 ? rf_wrap(err, rc, "%s", f->path) : 0;
}

static int dir_delete_manifest(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                               struct rf_err *err)
{
    RF_CLEANUP(rf_oci_folder_freep) struct rf_oci_folder *f = NULL;
    struct oci_dir *d = dir_of(p);
    struct removal r = { .digest = digest };
    int rc = open_existing(d, repo, &f, err);
    if (rc >= 0)
        rc = rf_oci_edit_run(queue_of(d, repo), f, d->cache, unlist_manifest, &r, NULL, err);
    if (rc < 0)
        return rc;
    struct rf_err failure = RF_ERR_INIT;
    rc = rf_blob_store_delete(f->store, digest, &failure);
    if (rc == -RFE_NOT_FOUND && r.listed)
        return 0;
    if (rc < 0 && err != NULL)
        *err = failure;
    return rc;
}

/* ---- blobs ---- */

static int dir_probe_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                          uint64_t size, enum rf_probe how, struct rf_err *err)
{
    RF_CLEANUP(rf_oci_folder_freep) struct rf_oci_folder *f = NULL;
    RF_CLEANUP(rf_source_freep) struct rf_source *src = NULL;
    uint64_t have = 0;
    int rc = open_folder(dir_of(p), repo, &f, err);
    if (rc >= 0)
        rc = rf_blob_store_stat(f->store, digest, &have, err);
    if (rc < 0)
        return rc;
    if (size != 0 && size != UINT64_MAX && size != have) {
        /* A torn file is none: writing the blob again replaces it. */
        char text[RF_DIGEST_TEXT];
        return rf_fail(err, RFE_NOT_FOUND, "%s: blob %s is damaged: want %llu bytes, it has %llu",
                       f->path, rf_digest_text(digest, text), (unsigned long long)size,
                       (unsigned long long)have);
    }
    if (how != RF_PROBE_RANGE || have == 0)
        return 0;
    char first;
    rc = rf_blob_store_read(f->store, digest, UINT64_MAX, &src, err);
    if (rc < 0)
        return rc;
    ssize_t got = rf_source_read(src, &first, 1, err);
    return got < 0 ? (int)got : 0;
}

static int dir_blob_size(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                         uint64_t *size, struct rf_err *err)
{
    RF_CLEANUP(rf_oci_folder_freep) struct rf_oci_folder *f = NULL;
    int rc = open_folder(dir_of(p), repo, &f, err);
    return rc < 0 ? rc : rf_blob_store_stat(f->store, digest, size, err);
}

static int dir_open_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                         uint64_t size, struct rf_source **out, struct rf_err *err)
{
    RF_CLEANUP(rf_oci_folder_freep) struct rf_oci_folder *f = NULL;
    int rc = open_folder(dir_of(p), repo, &f, err);
    return rc < 0 ? rc : rf_blob_store_read(f->store, digest, size, out, err);
}

static int dir_get_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                        uint64_t size, uint64_t offset, struct rf_sink *sink, struct rf_err *err)
{
    RF_CLEANUP(rf_source_freep) struct rf_source *src = NULL;
    int rc = dir_open_blob(p, repo, digest, size, &src, err);
    if (rc >= 0 && offset > 0)
        rc = rf_source_seek(src, offset, err);
    return rc < 0 ? rc : rf_stream_copy(src, sink, NULL, err);
}

static int dir_blob_sink(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                         uint64_t size, struct rf_sink **out, struct rf_err *err)
{
    RF_CLEANUP(rf_oci_folder_freep) struct rf_oci_folder *f = NULL;
    int rc = open_for_writing(dir_of(p), repo, &f, err);
    return rc < 0 ? rc : rf_blob_store_put(f->store, digest, size, out, err);
}

static int dir_put_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                        uint64_t size, struct rf_source *src, struct rf_err *err)
{
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = NULL;
    int rc = dir_blob_sink(p, repo, digest, size, &sink, err);
    if (rc >= 0)
        rc = rf_stream_copy(src, sink, NULL, err);
    return rc < 0 ? rc : rf_sink_commit(sink, err);
}

static int dir_mount(struct rf_place *p, const char *repo, const char *from_repo,
                     const struct rf_digest *digest, uint64_t size, struct rf_err *err)
{
    RF_CLEANUP(rf_oci_folder_freep) struct rf_oci_folder *from = NULL;
    RF_CLEANUP(rf_oci_folder_freep) struct rf_oci_folder *to = NULL;
    (void)size; /* the link keeps the file as it is; its reader checks */
    int rc = open_folder(dir_of(p), from_repo, &from, err);
    if (rc >= 0)
        rc = rf_blob_store_stat(from->store, digest, NULL, err);
    if (rc >= 0)
        rc = open_for_writing(dir_of(p), repo, &to, err);
    return rc < 0 ? rc : rf_blob_store_link(to->store, from->store, digest, err);
}

static int dir_delete_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                           struct rf_err *err)
{
    RF_CLEANUP(rf_oci_folder_freep) struct rf_oci_folder *f = NULL;
    int rc = open_folder(dir_of(p), repo, &f, err);
    return rc < 0 ? rc : rf_blob_store_delete(f->store, digest, err);
}

/* ---- lists ---- */

static int dir_list_tags(struct rf_place *p, const char *repo, rf_place_tag_cb cb, void *ctx,
                         struct rf_err *err)
{
    RF_CLEANUP(rf_oci_folder_freep) struct rf_oci_folder *f = NULL;
    RF_CLEANUP(rf_oci_index_unrefp) struct rf_oci_index *ix = NULL;
    int rc = open_index(dir_of(p), repo, &f, &ix, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_oci_names_release) struct rf_oci_names names = { 0 };
    for (size_t i = 0; i < ix->n; i++) {
        size_t repo_len = 0;
        if (ix->entries[i].name != NULL)
            rf_oci_names_add(&names, rf_oci_name_tag(ix->entries[i].name, &repo_len));
    }
    return rf_oci_names_each(&names, cb, ctx, err);
}

static int dir_list_repos(struct rf_place *p, rf_place_tag_cb cb, void *ctx, struct rf_err *err)
{
    struct oci_dir *d = dir_of(p);
    if ((d->flags & RF_OCI_DIR_TREE) != 0) {
        RF_CLEANUP(rf_oci_names_release) struct rf_oci_names names = { 0 };
        int rc = rf_oci_tree_list(d->path, &names, err);
        return rc < 0 ? rc : rf_oci_names_each(&names, cb, ctx, err);
    }
    RF_CLEANUP(rf_oci_folder_freep) struct rf_oci_folder *f = NULL;
    RF_CLEANUP(rf_oci_index_unrefp) struct rf_oci_index *ix = NULL;
    int rc = open_index(d, "", &f, &ix, err);
    return rc < 0 ? rc : cb(ctx, "", err);
}

static int dir_referrers(struct rf_place *p, const char *repo, const struct rf_digest *subject,
                         const char *artifact_type, rf_place_desc_cb cb, void *ctx,
                         struct rf_err *err)
{
    RF_CLEANUP(rf_oci_folder_freep) struct rf_oci_folder *f = NULL;
    RF_CLEANUP(rf_oci_index_unrefp) struct rf_oci_index *ix = NULL;
    (void)artifact_type; /* filtered for all places alike */
    int rc = open_index(dir_of(p), repo, &f, &ix, err);
    return rc < 0 ? rc
                  : rf_oci_index_referrers(ix, "", subject, rf_oci_folder_load, f, cb, ctx, err);
}

int rf_oci_dir_entries(struct rf_place *p, const char *repo, rf_place_desc_cb cb, void *ctx,
                       struct rf_err *err)
{
    RF_CLEANUP(rf_oci_folder_freep) struct rf_oci_folder *f = NULL;
    RF_CLEANUP(rf_oci_index_unrefp) struct rf_oci_index *ix = NULL;
    int rc = open_index(dir_of(p), repo, &f, &ix, err);
    for (size_t i = 0; rc >= 0 && i < ix->n; i++) {
        RF_CLEANUP(rf_descriptor_release) struct rf_descriptor desc = RF_DESCRIPTOR_INIT;
        rc = rf_oci_index_descriptor(ix, i, &desc, err);
        if (rc >= 0)
            rc = cb(ctx, &desc, err);
    }
    return rc < 0 ? rc : 0;
}

static int dir_can_write(struct rf_place *p, const char *repo, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *path = NULL;
    int rc = repo_path(dir_of(p), repo, &path, err);
    return rc < 0 ? rc : rf_oci_tree_can_write(path, err);
}

/* ---- holding, and collecting garbage ---- */

static int dir_hold(struct rf_place *p, const char *repo, struct rf_err *err)
{
    struct oci_dir *d = dir_of(p);
    RF_CLEANUP(rf_freep) char *path = NULL;
    rf_oci_guard_hold(d->guard, repo);
    if ((d->flags & RF_OCI_DIR_READ_ONLY) != 0 || !rf_path_is_dir(d->path))
        return 0;
    /* What is there already counts from now on; a folder that is made later is held when it is written to. */
    bool there = repo_path(d, repo, &path, NULL) == 0 && rf_path_is_dir(path);
    int rc = rf_oci_guard_write(d->guard, repo, there ? folder_of(d, path) : NULL, err);
    if (rc < 0)
        rf_oci_guard_unhold(d->guard, repo);
    return rc;
}

static void dir_unhold(struct rf_place *p, const char *repo)
{
    rf_oci_guard_unhold(dir_of(p)->guard, repo);
}

struct collect {
    struct oci_dir *d;
    const char *repo;
    struct rf_oci_folder *f;
    struct rf_gc_result result;
};

static int collect_locked(void *ctx, struct rf_err *err)
{
    struct collect *c = ctx;
    return rf_oci_folder_gc(c->f, &c->result, err);
}

static int collect(void *ctx, struct rf_err *err)
{
    struct collect *c = ctx;
    return rf_oci_edit_alone(queue_of(c->d, c->repo), c->f, collect_locked, c, err);
}

int rf_oci_dir_gc(struct rf_place *p, const char *repo, struct rf_gc_result *out,
                  struct rf_err *err)
{
    struct oci_dir *d = dir_of(p);
    RF_CLEANUP(rf_oci_folder_freep) struct rf_oci_folder *f = NULL;
    if ((d->flags & RF_OCI_DIR_READ_ONLY) != 0)
        return rf_fail(err, RFE_UNSUPPORTED, "%s: cannot collect garbage, it is read-only",
                       p->name);
    int rc = open_existing(d, repo, &f, err);
    if (rc < 0)
        return rc;
    struct collect c = { .d = d, .repo = repo, .f = f };
    rc = rf_oci_guard_collect(d->guard, repo, folder_of(d, f->path), collect, &c, err);
    if (rc >= 0)
        *out = c.result;
    return rc;
}

/* ---- life ---- */

static void dir_free(struct rf_place *p)
{
    struct oci_dir *d = dir_of(p);
    rf_oci_cache_free(d->cache);
    rf_oci_guard_free(d->guard);
    for (size_t i = 0; i < QUEUES; i++)
        rf_oci_queue_release(&d->queues[i]);
    free(d->base.name);
    free(d->path);
    free(d);
}

static const struct rf_place_ops dir_ops = {
    .resolve = dir_resolve,
    .get_manifest = dir_get_manifest,
    .put_manifest = dir_put_manifest,
    .probe_blob = dir_probe_blob,
    .blob_size = dir_blob_size,
    .get_blob = dir_get_blob,
    .put_blob = dir_put_blob,
    .open_blob = dir_open_blob,
    .blob_sink = dir_blob_sink,
    .mount = dir_mount,
    .list_tags = dir_list_tags,
    .list_repos = dir_list_repos,
    .referrers = dir_referrers,
    .delete_tag = dir_delete_tag,
    .delete_manifest = dir_delete_manifest,
    .delete_blob = dir_delete_blob,
    .can_write = dir_can_write,
    .hold = dir_hold,
    .unhold = dir_unhold,
    .free = dir_free,
};

int rf_oci_dir_open(const char *path, unsigned flags, struct rf_place **out, struct rf_err *err)
{
    if (path[0] == '\0')
        return rf_fail(err, RFE_INVALID, "a layout without a path");
    struct oci_dir *d = rf_xcalloc(1, sizeof(*d));
    d->base.ops = &dir_ops;
    d->base.name = rf_xasprintf("ocidir://%s", path);
    d->base.flags = RF_PLACE_LOCAL | RF_PLACE_REFERRERS;
    if ((flags & RF_OCI_DIR_READ_ONLY) != 0)
        d->base.flags |= RF_PLACE_READ_ONLY;
    if ((flags & RF_OCI_DIR_TREE) != 0)
        d->base.flags |= RF_PLACE_CAN_MOUNT;
    d->path = rf_xstrdup(path);
    d->flags = flags;
    d->cache = rf_oci_cache_new();
    d->guard = rf_oci_guard_new(path);
    for (size_t i = 0; i < QUEUES; i++)
        rf_oci_queue_init(&d->queues[i]);
    *out = &d->base;
    return 0;
}
