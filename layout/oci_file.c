/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/oci_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/mem.h"
#include "layout/oci_index.h"
#include "layout/oci_tree.h"
#include "layout/tar_index.h"
#include "manifests/reference.h"

#define MEMBERS_MAX 1000000
#define LAYOUT_FILE_MAX (64u << 10)

struct oci_file {
    struct rf_place base;
    char *path;
    int fd;
    struct rf_tar_index *tar;
    struct rf_oci_index *ix;
};

static struct oci_file *file_of(struct rf_place *p)
{
    return (struct oci_file *)p;
}

/* ---- blobs ---- */

static int find_blob(struct oci_file *f, const struct rf_digest *d,
                     const struct rf_tar_member **out, struct rf_err *err)
{
    char hex[RF_DIGEST_TEXT], text[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_freep)
    char *name = rf_xasprintf("blobs/%s/%s", rf_digest_algo_name(d->algo), rf_digest_hex(d, hex));
    const struct rf_tar_member *m = rf_tar_index_find(f->tar, name);
    if (m == NULL)
        return rf_fail(err, RFE_NOT_FOUND, "%s: does not hold the blob %s", f->path,
                       rf_digest_text(d, text));
    *out = m;
    return 0;
}

static int file_blob_size(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                          uint64_t *size, struct rf_err *err)
{
    const struct rf_tar_member *m = NULL;
    (void)repo;
    int rc = find_blob(file_of(p), digest, &m, err);
    if (rc == 0)
        *size = m->size;
    return rc;
}

static int file_open_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                          uint64_t size, struct rf_source **out, struct rf_err *err)
{
    struct oci_file *f = file_of(p);
    const struct rf_tar_member *m = NULL;
    (void)repo;
    int rc = find_blob(f, digest, &m, err);
    if (rc < 0)
        return rc;
    if (size != UINT64_MAX && size != m->size) {
        char text[RF_DIGEST_TEXT];
        return rf_fail(err, RFE_SIZE_MISMATCH, "%s: blob %s: want %llu bytes, the member has %llu",
                       f->path, rf_digest_text(digest, text), (unsigned long long)size,
                       (unsigned long long)m->size);
    }
    *out = rf_source_fd(f->fd, m->offset, m->size);
    return 0;
}

static int file_get_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                         uint64_t size, uint64_t offset, struct rf_sink *sink, struct rf_err *err)
{
    RF_CLEANUP(rf_source_freep) struct rf_source *src = NULL;
    int rc = file_open_blob(p, repo, digest, size, &src, err);
    if (rc == 0 && offset > 0)
        rc = rf_source_seek(src, offset, err);
    return rc < 0 ? rc : rf_stream_copy(src, sink, NULL, err);
}

static int file_probe_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                           uint64_t size, enum rf_probe how, struct rf_err *err)
{
    RF_CLEANUP(rf_source_freep) struct rf_source *src = NULL;
    char first;
    int rc = file_open_blob(p, repo, digest, size != 0 ? size : UINT64_MAX, &src, err);
    if (rc < 0 || how != RF_PROBE_RANGE)
        return rc;
    ssize_t got = rf_source_read(src, &first, 1, err);
    return got < 0 ? (int)got : 0;
}

/* ---- manifests ---- */

/* An rf_oci_load. */
static int load(void *ctx, const struct rf_digest *d, const struct rf_manifest_expect *expect,
                struct rf_manifest **out, struct rf_err *err)
{
    struct oci_file *f = ctx;
    const struct rf_tar_member *m = NULL;
    int rc = find_blob(f, d, &m, err);
    if (rc < 0)
        return rc;
    char text[RF_DIGEST_TEXT];
    if (m->size > RF_MANIFEST_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "%s: manifest %s: %llu bytes, at most %u are read",
                       f->path, rf_digest_text(d, text), (unsigned long long)m->size,
                       RF_MANIFEST_MAX);
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    rf_buf_init(&body, RF_MANIFEST_MAX);
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_fd(f->fd, m->offset, m->size);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(&body);
    rc = rf_stream_copy(src, sink, NULL, err);
    if (rc == 0)
        rc = rf_manifest_parse(rf_buf_slice(&body), expect, out, err);
    return rc < 0 ? rf_wrap(err, rc, "%s", f->path) : 0;
}

/* The entry of a tag, or of a digest when it has one; ix->n for a digest without. */
static int find_entry(struct oci_file *f, const char *repo, const char *tag,
                      const struct rf_digest *digest, size_t *i, struct rf_err *err)
{
    if (digest != NULL) {
        *i = rf_oci_index_find_digest(f->ix, digest);
        return 0;
    }
    int rc = rf_oci_index_find(f->ix, repo, tag, i, err);
    return rc < 0 ? rf_wrap(err, rc, "%s", f->path) : 0;
}

static int file_get_manifest(struct rf_place *p, const char *repo, const char *tag,
                             const struct rf_digest *digest,
                             const struct rf_manifest_expect *expect, struct rf_manifest **out,
                             struct rf_err *err)
{
    struct oci_file *f = file_of(p);
    size_t i = 0;
    int rc = find_entry(f, repo, tag, digest, &i, err);
    if (rc < 0)
        return rc;
    struct rf_manifest_expect want = *expect;
    want.digest = digest;
    if (i < f->ix->n) {
        want.digest = &f->ix->entries[i].digest;
        if (want.size == 0)
            want.size = f->ix->entries[i].size;
        if (want.media_type == NULL)
            want.media_type = f->ix->entries[i].media_type;
    }
    return load(f, want.digest, &want, out, err);
}

static int file_resolve(struct rf_place *p, const char *repo, const char *tag,
                        const struct rf_digest *digest, struct rf_descriptor *out,
                        struct rf_err *err)
{
    struct oci_file *f = file_of(p);
    size_t i = 0;
    int rc = find_entry(f, repo, tag, digest, &i, err);
    if (rc < 0)
        return rc;
    if (i < f->ix->n && rf_media_is_manifest(f->ix->entries[i].media_type)) {
        const struct rf_oci_entry *e = &f->ix->entries[i];
        rc = file_probe_blob(p, repo, &e->digest, e->size, RF_PROBE_HEAD, err);
        return rc < 0 ? rc : rf_oci_index_descriptor(f->ix, i, out, err);
    }
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_manifest_expect expect = { .digest =
                                             digest != NULL ? digest : &f->ix->entries[i].digest };
    rc = load(f, expect.digest, &expect, &m, err);
    if (rc == 0)
        rf_manifest_descriptor(m, out);
    return rc;
}

static int file_referrers(struct rf_place *p, const char *repo, const struct rf_digest *subject,
                          const char *artifact_type, rf_place_desc_cb cb, void *ctx,
                          struct rf_err *err)
{
    struct oci_file *f = file_of(p);
    (void)artifact_type; /* filtered for all places alike */
    return rf_oci_index_referrers(f->ix, repo, subject, load, f, cb, ctx, err);
}

/* ---- lists ---- */

/* The repository that an entry's name tells, in a fresh string; NULL when it tells none. */
static char *entry_repo(const struct rf_oci_entry *e)
{
    size_t n = 0;
    if (e->name == NULL)
        return NULL;
    (void)rf_oci_name_tag(e->name, &n);
    return n > 0 && rf_repository_valid(rf_slice_of(e->name, n)) ? rf_xstrndup(e->name, n) : NULL;
}

static int file_list_tags(struct rf_place *p, const char *repo, rf_place_tag_cb cb, void *ctx,
                          struct rf_err *err)
{
    struct oci_file *f = file_of(p);
    RF_CLEANUP(rf_oci_names_release) struct rf_oci_names names = { 0 };
    bool found = repo[0] == '\0';
    for (size_t i = 0; i < f->ix->n; i++) {
        const struct rf_oci_entry *e = &f->ix->entries[i];
        RF_CLEANUP(rf_freep) char *its = entry_repo(e);
        if (repo[0] == '\0' && e->name != NULL)
            rf_oci_names_add(&names, e->name);
        if (repo[0] == '\0' || its == NULL || strcmp(its, repo) != 0)
            continue;
        found = true;
        rf_oci_names_add(&names, e->name + strlen(its) + 1);
    }
    if (!found)
        return rf_fail(err, RFE_NOT_FOUND, "%s: no repository %s", f->path, repo);
    return rf_oci_names_each(&names, cb, ctx, err);
}

/* "" stands for entries that no repository has, or for a file without any. */
static int file_list_repos(struct rf_place *p, rf_place_tag_cb cb, void *ctx, struct rf_err *err)
{
    struct oci_file *f = file_of(p);
    RF_CLEANUP(rf_oci_names_release) struct rf_oci_names names = { 0 };
    bool others = f->ix->n == 0;
    for (size_t i = 0; i < f->ix->n; i++) {
        RF_CLEANUP(rf_freep) char *its = entry_repo(&f->ix->entries[i]);
        if (its != NULL)
            rf_oci_names_add(&names, its);
        else
            others = true;
    }
    int rc = others ? cb(ctx, "", err) : 0;
    return rc < 0 ? rc : rf_oci_names_each(&names, cb, ctx, err);
}

/* ---- life ---- */

static void file_free(struct rf_place *p)
{
    struct oci_file *f = file_of(p);
    rf_oci_index_unref(f->ix);
    rf_tar_index_free(f->tar);
    rf_closep(&f->fd);
    free(f->base.name);
    free(f->path);
    free(f);
}

static const struct rf_place_ops file_ops = {
    .resolve = file_resolve,
    .get_manifest = file_get_manifest,
    .probe_blob = file_probe_blob,
    .blob_size = file_blob_size,
    .get_blob = file_get_blob,
    .open_blob = file_open_blob,
    .list_tags = file_list_tags,
    .list_repos = file_list_repos,
    .referrers = file_referrers,
    .free = file_free,
};

static int read_member(struct oci_file *f, const char *name, size_t max, struct rf_buf *out,
                       struct rf_err *err)
{
    const struct rf_tar_member *m = rf_tar_index_find(f->tar, name);
    if (m == NULL) {
        int rc =
            rf_fail(err, RFE_INVALID, "%s: not an image layout: it holds no %s", f->path, name);
        if (rf_tar_index_find(f->tar, "manifest.json") == NULL)
            return rc;
        return rf_hint(err, rc, "it was made by docker save; regctl image import reads it");
    }
    if (m->size > max)
        return rf_fail(err, RFE_TOO_LARGE, "%s: %s has %llu bytes, at most %zu are read", f->path,
                       name, (unsigned long long)m->size, max);
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_fd(f->fd, m->offset, m->size);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(out);
    int rc = rf_stream_copy(src, sink, NULL, err);
    return rc < 0 ? rf_wrap(err, rc, "%s: %s", f->path, name) : 0;
}

static int read_layout(struct oci_file *f, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf layout;
    RF_CLEANUP(rf_buf_release) struct rf_buf index;
    rf_buf_init(&layout, LAYOUT_FILE_MAX);
    rf_buf_init(&index, RF_OCI_INDEX_MAX);
    int rc = read_member(f, "oci-layout", LAYOUT_FILE_MAX, &layout, err);
    if (rc == 0)
        rc = read_member(f, "index.json", RF_OCI_INDEX_MAX, &index, err);
    if (rc < 0)
        return rc;
    rc = rf_oci_layout_check(rf_buf_slice(&layout), err);
    if (rc == 0)
        rc = rf_oci_index_parse(rf_buf_slice(&index), &f->ix, err);
    return rc < 0 ? rf_wrap(err, rc, "%s", f->path) : 0;
}

int rf_oci_file_open(const char *path, struct rf_place **out, struct rf_err *err)
{
    struct oci_file *f = rf_xcalloc(1, sizeof(*f));
    RF_CLEANUP(rf_place_freep) struct rf_place *place = &f->base;
    f->base.ops = &file_ops;
    f->base.name = rf_xasprintf("ocifile://%s", path);
    f->base.flags = RF_PLACE_READ_ONLY | RF_PLACE_LOCAL | RF_PLACE_REFERRERS;
    f->path = rf_xstrdup(path);
    /* Not a FIFO: opening must not wait for a writer. */
    f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (f->fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return rf_fail(err, RFE_NOT_FOUND, "%s: no such file", path);
    if (f->fd < 0)
        return rf_fail_errno(err, errno, "%s", path);
    int rc = rf_tar_index_new(f->fd, path, MEMBERS_MAX, &f->tar, err);
    if (rc == 0)
        rc = read_layout(f, err);
    if (rc < 0)
        return rc;
    *out = RF_STEAL(place);
    return 0;
}
