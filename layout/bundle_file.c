/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/bundle_file.h"

#include "base/cancel.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "layout/tar_index.h"

#include <errno.h>
#include <sys/stat.h>

#define CHUNK (256u << 10)
#define JSON_HEADER_AT 1024u /* behind oci-layout: one header block, one block of content */

struct rf_bundle_file {
    struct rf_place place;
    char *path;
    int fd;
    uint64_t size;
    struct stat opened;
    struct rf_bundle doc;
    struct rf_bundle_frame frame;
    size_t n_signatures;
};

static int damaged(struct rf_err *err, const struct rf_bundle_file *f, int rc,
                   const struct rf_err *why)
{
    bool own = rc == -RFE_NOT_BUNDLE || rc == -RFE_CANCELLED || rc == -RFE_TERMINATED;
    return rf_fail(err, own ? -rc : RFE_DAMAGED, "%s: %s", f->path, why->msg);
}

/* The bytes at `at` must be exactly these. */
static int expect_bytes(struct rf_bundle_file *f, uint64_t at, struct rf_slice want,
                        const char *what, struct rf_err *err)
{
    char chunk[4096];
    for (size_t done = 0; done < want.len;) {
        size_t n = want.len - done < sizeof(chunk) ? want.len - done : sizeof(chunk);
        int rc = rf_pread_full(f->fd, chunk, n, at + done, err);
        if (rc < 0)
            return rf_wrap(err, rc, "%s at byte %llu", what, (unsigned long long)at);
        if (memcmp(chunk, want.ptr + done, n) != 0)
            return rf_fail(err, RFE_DAMAGED, "%s at byte %llu is not as it has to be", what,
                           (unsigned long long)at);
        done += n;
    }
    return 0;
}

static int expect_zeros(struct rf_bundle_file *f, uint64_t at, size_t n, const char *what,
                        struct rf_err *err)
{
    static const char zeros[RF_TAR_END];
    return n > 0 ? expect_bytes(f, at, rf_slice_of(zeros, n), what, err) : 0;
}

static int expect_header(struct rf_bundle_file *f, uint64_t content_at, const char *name,
                         uint64_t size, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf header;
    rf_buf_init(&header, 65536);
    int rc = rf_tar_header(name, size, &header, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_freep) char *what = rf_xasprintf("the tar header of %s", name);
    return expect_bytes(f, content_at - header.len, rf_buf_slice(&header), what, err);
}

static int expect_padding(struct rf_bundle_file *f, uint64_t content_at, uint64_t size,
                          const char *name, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *what = rf_xasprintf("the padding behind %s", name);
    return expect_zeros(f, content_at + size, (size_t)(rf_tar_padded(size) - size), what, err);
}

/* The first member is the same in every bundle; what does not start with it is something else. */
static int check_start(struct rf_bundle_file *f, struct rf_err *err)
{
    static const char next_step[] =
        "it is not a bundle that regexport wrote; other image archives can be read by `regctl image import`";
    struct rf_err why = RF_ERR_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf start;
    rf_buf_init(&start, JSON_HEADER_AT);
    int rc = rf_tar_header("oci-layout", strlen(RF_OCI_LAYOUT_TEXT), &start, &why);
    rf_buf_add_str(&start, RF_OCI_LAYOUT_TEXT);
    while (start.rc == 0 && start.len < JSON_HEADER_AT)
        rf_buf_add_char(&start, '\0');
    size_t n = f->size < start.len ? (size_t)f->size : start.len;
    if (rc == 0)
        rc = expect_bytes(f, 0, rf_slice_of(start.ptr, n), "the start", &why);
    if (rc == -RFE_DAMAGED || (rc == 0 && n == 0))
        return rf_fail(err, RFE_NOT_BUNDLE, "%s", next_step);
    if (rc == 0 && f->size < JSON_HEADER_AT + 512)
        return rf_fail(err, RFE_DAMAGED, "it has only %llu bytes: it is cut off; copy it again",
                       (unsigned long long)f->size);
    return rc < 0 ? rf_fail(err, -rc, "%s", why.msg) : 0;
}

/* The size field of the ustar header of bundle.json, then the whole header must be ours. */
static int read_json_size(struct rf_bundle_file *f, uint64_t *size, struct rf_err *err)
{
    char header[512];
    uint64_t n = 0;
    int rc = rf_pread_full(f->fd, header, sizeof(header), JSON_HEADER_AT, err);
    if (rc < 0)
        return rc;
    if (memcmp(header, "bundle.json", sizeof("bundle.json")) != 0)
        return rf_fail(
            err, RFE_NOT_BUNDLE,
            "it is an image layout, but not a bundle that regexport wrote (its second member is not bundle.json)");
    for (size_t i = 124; i < 135; i++) {
        if (header[i] < '0' || header[i] > '7')
            return rf_fail(err, RFE_DAMAGED,
                           "the tar header of bundle.json is not as it has to be");
        n = n * 8 + (uint64_t)(header[i] - '0');
    }
    *size = n;
    return expect_header(f, JSON_HEADER_AT + 512, "bundle.json", n, err);
}

/* bundle.sig: one JSON object that names bundle.json's digest, then spaces. */
static int check_signature_frame(struct rf_bundle_file *f, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf sig;
    rf_buf_init(&sig, RF_BUNDLE_SIG_SIZE);
    char text[RF_DIGEST_TEXT], chunk[RF_BUNDLE_SIG_SIZE];
    int rc = rf_pread_full(f->fd, chunk, sizeof(chunk), f->frame.sig_at, err);
    if (rc < 0)
        return rc;
    rf_bundle_empty_sig(&f->doc.id, &sig);
    if (sig.len == sizeof(chunk) && memcmp(chunk, sig.ptr, sizeof(chunk)) == 0)
        return 0;
    size_t len = sizeof(chunk);
    while (len > 0 && chunk[len - 1] == ' ')
        len--;
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    const char *digest = "";
    const json_t *list = NULL;
    rc = rf_json_parse(rf_slice_of(chunk, len), sizeof(chunk), &doc, err);
    if (rc == 0)
        rc = rf_json_string(doc, "digest", "", RF_JSON_REQUIRED, &digest, err);
    if (rc == 0)
        rc = rf_json_array(doc, "signatures", "", RF_JSON_REQUIRED, 64, &list, err);
    if (rc < 0)
        return rf_wrap(err, rc, "bundle.sig");
    if (strcmp(digest, rf_digest_text(&f->doc.id, text)) != 0)
        return rf_fail(
            err, RFE_DAMAGED,
            "bundle.json is not the one that bundle.sig was made for: it has %s, bundle.sig names %s",
            text, digest);
    f->n_signatures = json_array_size(list);
    /* only what the signatures themselves say may differ from what we would write */
    rf_buf_clear(&sig);
    rf_buf_addf(&sig, "{\"digest\":\"%s\",\"signatures\":", text);
    rf_json_add_value(&sig, list, false);
    rf_buf_add_char(&sig, '}');
    if (f->n_signatures == 0 || !rf_slice_eq(rf_slice_of(chunk, len), rf_buf_slice(&sig)))
        return rf_fail(err, RFE_DAMAGED, "bundle.sig is not as it has to be");
    for (size_t i = 0; i < f->n_signatures; i++)
        if (!json_is_object(json_array_get(list, i)))
            return rf_fail(err, RFE_DAMAGED, "bundle.sig: signatures[%zu] is not an object", i);
    return 0;
}

static int check_index(struct rf_bundle_file *f, struct rf_err *err)
{
    RF_CLEANUP(rf_source_freep)
    struct rf_source *src =
        rf_source_verify(rf_source_fd(f->fd, f->frame.index_at, f->doc.index_size),
                         &f->doc.index_digest, f->doc.index_size);
    RF_CLEANUP(rf_sink_freep)
    struct rf_sink *nothing = rf_sink_measure(RF_DIGEST_SHA256, NULL, NULL);
    int rc = rf_stream_copy(src, nothing, NULL, err);
    return rc < 0 ? rf_wrap(err, rc, "index.json") : 0;
}

/* All that stands before the blobs, in file order: the first difference is the one that is named. */
static int check_head(struct rf_bundle_file *f, struct rf_err *err)
{
    uint64_t json_size = 0;
    int rc = check_start(f, err);
    if (rc == 0)
        rc = read_json_size(f, &json_size, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_source_freep)
    struct rf_source *json = rf_source_fd(f->fd, JSON_HEADER_AT + 512, json_size);
    rc = rf_bundle_read(json, json_size, &f->doc, err);
    if (rc == 0)
        rc = rf_bundle_frame_init(&f->frame, &f->doc, err);
    if (rc == 0)
        rc = expect_padding(f, f->frame.json_at, json_size, "bundle.json", err);
    if (rc == 0)
        rc = expect_header(f, f->frame.sig_at, "bundle.sig", RF_BUNDLE_SIG_SIZE, err);
    if (rc == 0)
        rc = check_signature_frame(f, err);
    if (rc == 0)
        rc = expect_header(f, f->frame.index_at, "index.json", f->doc.index_size, err);
    if (rc == 0)
        rc = check_index(f, err);
    if (rc == 0)
        rc = expect_padding(f, f->frame.index_at, f->doc.index_size, "index.json", err);
    if (rc == 0 && f->size != f->frame.total)
        rc = rf_fail(err, RFE_DAMAGED, "it has %llu bytes, a whole one has %llu; copy it again",
                     (unsigned long long)f->size, (unsigned long long)f->frame.total);
    return rc;
}

/* ---- as a place ---- */

static const struct rf_bundle_blob *carried(struct rf_bundle_file *f, const struct rf_digest *d)
{
    const struct rf_bundle_blob *blob = rf_bundle_find(&f->doc, d);
    return blob != NULL && blob->travel == RF_TRAVEL_CARRIED ? blob : NULL;
}

static int not_carried(const struct rf_digest *d, struct rf_err *err)
{
    char text[RF_DIGEST_TEXT];
    return rf_fail(err, RFE_NOT_FOUND, "%s is not carried by the bundle", rf_digest_text(d, text));
}

static int place_open_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                           uint64_t size, struct rf_source **out, struct rf_err *err)
{
    struct rf_bundle_file *f = (struct rf_bundle_file *)p;
    const struct rf_bundle_blob *blob = carried(f, digest);
    (void)repo;
    if (blob == NULL)
        return not_carried(digest, err);
    if (blob->size != size)
        return rf_fail(err, RFE_SIZE_MISMATCH, "the bundle lists %llu bytes, %llu are asked for",
                       (unsigned long long)blob->size, (unsigned long long)size);
    *out = rf_source_fd(f->fd, f->frame.blob_at[blob - f->doc.blobs], size);
    return 0;
}

static int place_get_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                          uint64_t size, uint64_t offset, struct rf_sink *sink, struct rf_err *err)
{
    RF_CLEANUP(rf_source_freep) struct rf_source *src = NULL;
    int rc = place_open_blob(p, repo, digest, size, &src, err);
    if (rc == 0)
        rc = rf_source_seek(src, offset, err);
    return rc < 0 ? rc : rf_stream_copy(src, sink, NULL, err);
}

static int place_probe_blob(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                            uint64_t size, enum rf_probe how, struct rf_err *err)
{
    RF_CLEANUP(rf_source_freep) struct rf_source *src = NULL;
    (void)how;
    return place_open_blob(p, repo, digest, size, &src, err);
}

static int place_get_manifest(struct rf_place *p, const char *repo, const char *tag,
                              const struct rf_digest *digest,
                              const struct rf_manifest_expect *expect, struct rf_manifest **out,
                              struct rf_err *err)
{
    struct rf_bundle_file *f = (struct rf_bundle_file *)p;
    struct rf_manifest_expect want = expect != NULL ? *expect : (struct rf_manifest_expect){ 0 };
    if (digest == NULL) {
        const struct rf_image *im = rf_desired_find(&f->doc.desired, repo, tag, NULL);
        if (im == NULL)
            return rf_fail(err, RFE_NOT_FOUND, "%s:%s is not in the bundle", repo, tag);
        digest = &im->digest;
    }
    const struct rf_bundle_blob *blob = carried(f, digest);
    if (blob == NULL || blob->kind != RF_BLOB_MANIFEST)
        return not_carried(digest, err);
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    rf_buf_init(&body, RF_MANIFEST_MAX);
    RF_CLEANUP(rf_source_freep)
    struct rf_source *src = rf_source_fd(f->fd, f->frame.blob_at[blob - f->doc.blobs], blob->size);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(&body);
    int rc = rf_stream_copy(src, sink, NULL, err);
    if (rc < 0)
        return rc;
    want.digest = digest;
    want.size = blob->size;
    want.media_type = rf_desired_str(&f->doc.desired, blob->media_type);
    return rf_manifest_parse(rf_buf_slice(&body), &want, out, err);
}

static const struct rf_place_ops place_ops = {
    .get_manifest = place_get_manifest,
    .probe_blob = place_probe_blob,
    .get_blob = place_get_blob,
    .open_blob = place_open_blob,
};

struct rf_place *rf_bundle_file_place(struct rf_bundle_file *f)
{
    return &f->place;
}

/* ---- opening and proving ---- */

int rf_bundle_file_open(const char *path, struct rf_bundle_file **out, struct rf_err *err)
{
    RF_CLEANUP(rf_bundle_file_freep) struct rf_bundle_file *f = rf_xcalloc(1, sizeof(*f));
    f->fd = -1;
    f->path = rf_text_safe_dup(rf_slice_str(path), 4096);
    f->place = (struct rf_place){ .ops = &place_ops, .flags = RF_PLACE_READ_ONLY | RF_PLACE_LOCAL };
    f->place.name = rf_xasprintf("bundle %s", f->path);
    rf_bundle_init(&f->doc);
    struct rf_err why = RF_ERR_INIT;
    int rc = rf_file_open(path, &f->fd, &f->size, &why);
    if (rc < 0)
        return rf_fail(err, rc == -RFE_INVALID ? RFE_NOT_BUNDLE : -rc, "%s", why.msg);
    if (fstat(f->fd, &f->opened) < 0)
        return rf_fail_errno(err, errno, "%s", f->path);
    rc = check_head(f, &why);
    if (rc < 0)
        return damaged(err, f, rc, &why);
    *out = RF_STEAL(f);
    return 0;
}

void rf_bundle_file_free(struct rf_bundle_file *f)
{
    if (f == NULL)
        return;
    rf_closep(&f->fd);
    rf_bundle_frame_release(&f->frame);
    rf_bundle_release(&f->doc);
    free(f->place.name);
    free(f->path);
    free(f);
}

void rf_bundle_file_freep(struct rf_bundle_file **f)
{
    rf_bundle_file_free(*f);
    *f = NULL;
}

const struct rf_bundle *rf_bundle_file_doc(const struct rf_bundle_file *f)
{
    return &f->doc;
}

const struct rf_bundle_frame *rf_bundle_file_frame(const struct rf_bundle_file *f)
{
    return &f->frame;
}

size_t rf_bundle_file_signatures(const struct rf_bundle_file *f)
{
    return f->n_signatures;
}

static int hash_blob(struct rf_bundle_file *f, size_t i,
                     void (*progress)(void *ctx, uint64_t bytes), void *ctx, struct rf_err *err)
{
    const struct rf_bundle_blob *blob = &f->doc.blobs[i];
    RF_CLEANUP(rf_hasher_freep) struct rf_hasher *h = rf_hasher_new(blob->digest.algo);
    RF_CLEANUP(rf_freep) char *chunk = rf_xmalloc(blob->size < CHUNK ? blob->size + 1 : CHUNK);
    for (uint64_t done = 0; done < blob->size;) {
        size_t n = blob->size - done < CHUNK ? (size_t)(blob->size - done) : CHUNK;
        int rc = rf_pread_full(f->fd, chunk, n, f->frame.blob_at[i] + done, err);
        if (rc == 0)
            rc = rf_cancel_check(err);
        if (rc < 0)
            return rc;
        rf_hasher_update(h, chunk, n);
        done += n;
        if (progress != NULL)
            progress(ctx, n);
    }
    struct rf_digest got;
    rf_hasher_final(h, &got);
    if (!rf_digest_eq(&got, &blob->digest))
        return rf_fail(
            err, RFE_DAMAGED,
            "its content at bytes %llu to %llu does not have its digest; copy the bundle again",
            (unsigned long long)f->frame.blob_at[i],
            (unsigned long long)(f->frame.blob_at[i] + blob->size));
    return 0;
}

int rf_bundle_file_verify_blob(struct rf_bundle_file *f, size_t i,
                               void (*progress)(void *ctx, uint64_t bytes), void *ctx,
                               struct rf_err *err)
{
    RF_CHECK(i < f->doc.n_blobs && f->doc.blobs[i].travel == RF_TRAVEL_CARRIED);
    const struct rf_bundle_blob *blob = &f->doc.blobs[i];
    char name[RF_DIGEST_TEXT + 8];
    struct rf_err why = RF_ERR_INIT;
    rf_bundle_blob_name(&blob->digest, name);
    int rc = expect_header(f, f->frame.blob_at[i], name, blob->size, &why);
    if (rc == 0) {
        rc = hash_blob(f, i, progress, ctx, &why);
        if (rc < 0)
            rf_wrap(&why, rc, "%s", name);
    }
    if (rc == 0)
        rc = expect_padding(f, f->frame.blob_at[i], blob->size, name, &why);
    return rc < 0 ? damaged(err, f, rc, &why) : 0;
}

int rf_bundle_file_verify_header(struct rf_bundle_file *f, size_t i, struct rf_err *err)
{
    RF_CHECK(i < f->doc.n_blobs && f->doc.blobs[i].travel == RF_TRAVEL_CARRIED);
    const struct rf_bundle_blob *blob = &f->doc.blobs[i];
    char name[RF_DIGEST_TEXT + 8];
    struct rf_err why = RF_ERR_INIT;
    rf_bundle_blob_name(&blob->digest, name);
    int rc = expect_header(f, f->frame.blob_at[i], name, blob->size, &why);
    if (rc == 0)
        rc = expect_padding(f, f->frame.blob_at[i], blob->size, name, &why);
    return rc < 0 ? damaged(err, f, rc, &why) : 0;
}

int rf_bundle_file_verify_end(struct rf_bundle_file *f, struct rf_err *err)
{
    struct rf_err why = RF_ERR_INIT;
    struct stat now;
    int rc =
        expect_zeros(f, f->frame.total - RF_TAR_END, RF_TAR_END, "the end of the archive", &why);
    if (rc < 0)
        return damaged(err, f, rc, &why);
    if (fstat(f->fd, &now) < 0)
        return rf_fail_errno(err, errno, "%s", f->path);
    if (now.st_size != f->opened.st_size || now.st_mtim.tv_sec != f->opened.st_mtim.tv_sec ||
        now.st_mtim.tv_nsec != f->opened.st_mtim.tv_nsec)
        return rf_fail(err, RFE_DAMAGED, "%s: it was changed while it was being read", f->path);
    return 0;
}

int rf_bundle_file_verify(struct rf_bundle_file *f, void (*progress)(void *ctx, uint64_t bytes),
                          void *ctx, struct rf_err *err)
{
    for (size_t i = 0; i < f->doc.n_blobs; i++) {
        if (f->doc.blobs[i].travel != RF_TRAVEL_CARRIED)
            continue;
        int rc = rf_bundle_file_verify_blob(f, i, progress, ctx, err);
        if (rc < 0)
            return rc;
    }
    return rf_bundle_file_verify_end(f, err);
}
