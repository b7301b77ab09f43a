/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/image_export.h"

#include "base/mem.h"
#include "base/parallel.h"
#include "layout/oci_index.h"
#include "layout/tar_write.h"
#include "regclient/docker_archive.h"
#include "regclient/gzip.h"
#include "regclient/image_export_private.h"

#define THREADS_DEFAULT 4u
#define ITEMS_MAX 1000000u

static struct rf_slice digest_key(const struct rf_digest *d)
{
    return rf_slice_of(d, offsetof(struct rf_digest, bytes) + d->len);
}

static struct rf_slice item_key(const void *ctx, uint32_t id)
{
    return digest_key(&((const struct rf_exporter *)ctx)->items[id].digest);
}

static void exporter_release(struct rf_exporter *x)
{
    for (size_t i = 0; x->roots != NULL && i < x->n_images; i++)
        rf_manifest_free(x->roots[i]);
    for (size_t i = 0; i < x->n_items; i++)
        rf_manifest_free(x->items[i].manifest);
    free(x->roots);
    free(x->items);
    rf_idmap_release(&x->by_digest);
}

/* ---- what will be in it ---- */

/* False when it is there already. */
static bool is_new(const struct rf_exporter *x, const struct rf_digest *digest)
{
    return rf_idmap_find(&x->by_digest, digest_key(digest)) == RF_NO_ID;
}

/* `m` is taken over when there is one. */
static int add_item(struct rf_exporter *x, const struct rf_export_image *from,
                    const struct rf_digest *digest, uint64_t size, struct rf_manifest *m,
                    struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *own = m;
    if (x->n_items == ITEMS_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "more than %u manifests and blobs", ITEMS_MAX);
    if (m != NULL) {
        x->manifest_bytes += size;
        if (x->manifest_bytes > RF_EXPORT_MANIFESTS_MAX)
            return rf_fail(err, RFE_TOO_LARGE, "manifests of more than %u bytes together",
                           RF_EXPORT_MANIFESTS_MAX);
    }
    x->items = rf_grow(x->items, x->n_items, &x->cap_items, sizeof(*x->items));
    x->items[x->n_items] = (struct rf_export_item){ .digest = *digest,
                                                    .size = size,
                                                    .manifest = RF_STEAL(own),
                                                    .place = from->place,
                                                    .repo = from->repo };
    rf_idmap_add(&x->by_digest, (uint32_t)x->n_items++);
    return 0;
}

static int add_blob(struct rf_exporter *x, const struct rf_export_image *from,
                    const struct rf_descriptor *d, struct rf_err *err)
{
    if (d->n_urls > 0 && !x->opts->include_external)
        return 0;
    uint32_t there = rf_idmap_find(&x->by_digest, digest_key(&d->digest));
    if (there == RF_NO_ID)
        return add_item(x, from, &d->digest, d->size, NULL, err);
    if (x->items[there].size == d->size)
        return 0;
    char text[RF_DIGEST_TEXT];
    return rf_fail(err, RFE_AMBIGUOUS, "%s: has two sizes, %llu and %llu",
                   rf_digest_text(&d->digest, text), (unsigned long long)x->items[there].size,
                   (unsigned long long)d->size);
}

static int add_manifest(struct rf_exporter *x, const struct rf_export_image *from,
                        struct rf_manifest *m, unsigned depth, struct rf_err *err);

struct children {
    struct rf_exporter *x;
    const struct rf_export_image *from;
    const struct rf_manifest *index;
    struct rf_manifest **got; /* by entry; NULL: a blob, or there already */
};

static int fetch_child(void *ctx, size_t i, struct rf_err *err)
{
    struct children *k = ctx;
    const struct rf_descriptor *d = &k->index->entries[i];
    if (!rf_media_is_manifest(d->media_type) || !is_new(k->x, &d->digest))
        return 0;
    struct rf_manifest_expect expect = { .digest = &d->digest,
                                         .size = d->size,
                                         .media_type = d->media_type };
    int rc = rf_place_get_manifest(k->from->place, k->from->repo, NULL, &d->digest, &expect,
                                   &k->got[i], err);
    if (rc == -RFE_NOT_FOUND)
        return rf_hint(
            err, rc, "the index is not complete here; one of its platforms can still be exported");
    return rc;
}

/* Children may come at any time; they are entered in the order of the document. */
static int add_children(struct rf_exporter *x, const struct rf_export_image *from,
                        const struct rf_manifest *index, unsigned depth, struct rf_err *err)
{
    struct children k = { .x = x, .from = from, .index = index };
    k.got = rf_xcalloc(index->n_entries + 1, sizeof(struct rf_manifest *));
    unsigned threads = x->opts->threads != 0 ? x->opts->threads : THREADS_DEFAULT;
    int rc = rf_parallel(threads, index->n_entries, fetch_child, &k, err);
    for (size_t i = 0; i < index->n_entries; i++) {
        struct rf_manifest *m = RF_STEAL(k.got[i]);
        const struct rf_descriptor *d = &index->entries[i];
        if (rc < 0 || (m != NULL && !is_new(x, &d->digest)))
            rf_manifest_free(m);
        else if (m != NULL)
            rc = add_manifest(x, from, m, depth + 1, err);
        else if (!rf_media_is_manifest(d->media_type))
            rc = add_blob(x, from, d, err);
    }
    free(k.got);
    return rc;
}

/* `m` is new here, and taken over. */
static int add_manifest(struct rf_exporter *x, const struct rf_export_image *from,
                        struct rf_manifest *m, unsigned depth, struct rf_err *err)
{
    int rc = add_item(x, from, &m->digest, m->body.len, m, err);
    if (rc < 0)
        return rc;
    if (depth > RF_INDEX_DEPTH_MAX) {
        char text[RF_DIGEST_TEXT];
        return rf_fail(err, RFE_TOO_LARGE, "%s: more than %d indexes inside each other",
                       rf_digest_text(&m->digest, text), RF_INDEX_DEPTH_MAX);
    }
    if (m->kind == RF_KIND_INDEX)
        return add_children(x, from, m, depth, err);
    rc = add_blob(x, from, &m->config, err);
    for (size_t i = 0; rc == 0 && i < m->n_entries; i++)
        rc = add_blob(x, from, &m->entries[i], err);
    return rc;
}

static int wrap_image(const struct rf_export_image *image, int rc, struct rf_err *err)
{
    if (rc >= 0)
        return rc;
    RF_CLEANUP(rf_freep) char *name = rf_ref_common_name(image->name);
    return rf_wrap(err, rc, "export %s", name);
}

/* Two readings of a manifest's bytes: one is kept as the member, one for the documents at the head. */
static int read_root(struct rf_exporter *x, size_t i, struct rf_err *err)
{
    const struct rf_export_image *image = &x->images[i];
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    int rc =
        rf_place_get_manifest(image->place, image->repo, image->tag, image->digest, NULL, &m, err);
    if (rc < 0)
        return rc;
    struct rf_manifest_expect expect = { .digest = &m->digest, .content_type = m->media_type };
    rc = rf_manifest_parse(rf_buf_slice(&m->body), &expect, &x->roots[i], err);
    if (rc == 0 && is_new(x, &m->digest))
        rc = add_manifest(x, image, RF_STEAL(m), 0, err);
    return rc;
}

/* ---- writing ---- */

struct told_sink {
    struct rf_sink base;
    struct rf_sink *inner; /* the caller's */
    const struct rf_export_options *opts;
};

static int told_write(struct rf_sink *s, const void *p, size_t n, struct rf_err *err)
{
    struct told_sink *t = (struct told_sink *)s;
    int rc = rf_sink_write(t->inner, p, n, err);
    if (rc == 0 && t->opts->progress != NULL)
        t->opts->progress(t->opts->progress_ctx, n);
    return rc;
}

static void told_free(struct rf_sink *s)
{
    (void)s;
}

static int write_blob(const struct rf_exporter *x, const struct rf_export_item *item,
                      const char *name, struct rf_tar_writer *tar, struct rf_err *err)
{
    static const struct rf_sink_ops ops = { told_write, NULL, told_free };
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = NULL;
    int rc = rf_tar_writer_member(tar, name, item->size, &sink, err);
    if (rc < 0)
        return rc;
    struct told_sink told = { .base.ops = &ops, .inner = sink, .opts = x->opts };
    rc = rf_place_get_blob(item->place, item->repo, &item->digest, item->size, 0, NULL, &told.base,
                           err);
    return rc < 0 ? rc : rf_sink_commit(sink, err);
}

static int write_item(const struct rf_exporter *x, const struct rf_export_item *item,
                      struct rf_tar_writer *tar, struct rf_export_result *result,
                      struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *name = rf_export_blob_name(&item->digest);
    RF_CLEANUP(rf_freep) char *folder = rf_xstrndup(name, (size_t)(strrchr(name, '/') - name));
    int rc = rf_tar_writer_folder(tar, folder, err);
    if (rc < 0)
        return rc;
    result->manifests += item->manifest != NULL;
    result->blobs += item->manifest == NULL;
    result->blob_bytes += item->manifest == NULL ? item->size : 0;
    if (item->manifest != NULL)
        return rf_tar_writer_file(tar, name, rf_buf_slice(&item->manifest->body), err);
    rc = write_blob(x, item, name, tar, err);
    return rc < 0 ? rf_wrap(err, rc, "export %s", name) : 0;
}

struct head {
    struct rf_buf index, manifest;
};

static void head_release(struct head *h)
{
    rf_buf_release(&h->index);
    rf_buf_release(&h->manifest);
}

static int write_all(const struct rf_exporter *x, const struct head *head, struct rf_sink *out,
                     struct rf_export_result *result, struct rf_err *err)
{
    RF_CLEANUP(rf_tar_writer_freep) struct rf_tar_writer *tar = rf_tar_writer_new(out);
    int rc = rf_tar_writer_file(tar, "oci-layout", rf_slice_str(RF_OCI_LAYOUT_TEXT), err);
    if (rc == 0)
        rc = rf_tar_writer_file(tar, "index.json", rf_buf_slice(&head->index), err);
    if (rc == 0 && head->manifest.len > 0)
        rc = rf_tar_writer_file(tar, RF_DOCKER_ARCHIVE_NAME, rf_buf_slice(&head->manifest), err);
    for (size_t i = 0; rc == 0 && i < x->n_items; i++)
        rc = write_item(x, &x->items[i], tar, result, err);
    return rc < 0 ? rc : rf_tar_writer_finish(tar, err);
}

int rf_image_export(const struct rf_export_image *images, size_t n,
                    const struct rf_export_options *opts, struct rf_sink *out,
                    struct rf_export_result *result, struct rf_err *err)
{
    static const struct rf_export_options plain = { 0 };
    struct rf_export_result counted = { 0 };
    RF_CLEANUP(head_release) struct head head;
    rf_buf_init(&head.index, RF_OCI_INDEX_MAX);
    rf_buf_init(&head.manifest, 0);
    RF_CLEANUP(exporter_release)
    struct rf_exporter x = { .images = images, .opts = opts != NULL ? opts : &plain };
    rf_idmap_init(&x.by_digest, item_key, &x);
    if (n == 0 || n > RF_EXPORT_IMAGES_MAX)
        return rf_fail(err, RFE_INVALID, "export of %zu images, 1 to %d are possible", n,
                       RF_EXPORT_IMAGES_MAX);
    x.roots = rf_xcalloc(n, sizeof(struct rf_manifest *));
    x.n_images = n;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = wrap_image(&images[i], read_root(&x, i, err), err);
    if (rc == 0)
        rc = rf_export_make_head(&x, &head.index, &head.manifest, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_sink_freep)
    struct rf_sink *packed = x.opts->compress ? rf_gzip_sink(out, false) : NULL;
    rc = write_all(&x, &head, packed != NULL ? packed : out, &counted, err);
    if (rc == 0 && packed != NULL)
        rc = rf_sink_commit(packed, err);
    if (rc == 0 && result != NULL)
        *result = counted;
    return rc;
}
