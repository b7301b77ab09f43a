/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/snapshot.h"

#include "base/file.h"
#include "base/lines.h"
#include "base/mem.h"
#include "manifests/media_type.h"

static const char *const kind_names[] = { "manifest", "config", "layer" };

static struct rf_slice blob_key(const void *ctx, uint32_t id)
{
    const struct rf_snapshot *s = ctx;
    const struct rf_digest *d = &s->blobs[id].digest;
    return rf_slice_of(d, offsetof(struct rf_digest, bytes) + d->len);
}

void rf_snapshot_init(struct rf_snapshot *s)
{
    memset(s, 0, sizeof(*s));
    rf_desired_init(&s->desired);
    rf_idmap_init(&s->by_digest, blob_key, s);
}

void rf_snapshot_release(struct rf_snapshot *s)
{
    rf_desired_release(&s->desired);
    rf_idmap_release(&s->by_digest);
    free(s->blobs);
    free(s->items);
    memset(s, 0, sizeof(*s));
}

uint32_t rf_snapshot_find_blob(const struct rf_snapshot *s, const struct rf_digest *d)
{
    return rf_idmap_find(&s->by_digest, rf_slice_of(d, offsetof(struct rf_digest, bytes) + d->len));
}

uint32_t rf_snapshot_add_blob(struct rf_snapshot *s, const struct rf_digest *d, uint64_t size,
                              const char *media_type, uint8_t kind)
{
    uint32_t id = rf_snapshot_find_blob(s, d);
    if (id != RF_NO_ID)
        return id;
    s->blobs = rf_grow(s->blobs, s->n_blobs, &s->cap_blobs, sizeof(*s->blobs));
    id = (uint32_t)s->n_blobs++;
    s->blobs[id] = (struct rf_snapshot_blob){ .digest = *d, .size = size, .kind = kind };
    s->blobs[id].media_type = rf_strings_add(&s->desired.strings, rf_slice_str(media_type));
    rf_idmap_add(&s->by_digest, id);
    return id;
}

void rf_snapshot_add_item(struct rf_snapshot *s, uint32_t blob)
{
    s->items = rf_grow(s->items, s->n_items, &s->cap_items, sizeof(*s->items));
    s->items[s->n_items++] = blob;
}

int rf_snapshot_seal(struct rf_snapshot *s, struct rf_err *err)
{
    int rc = rf_desired_sort(&s->desired, err);
    if (rc == 0)
        rf_desired_snapshot(&s->desired, &s->id);
    return rc;
}

/* ---- the file: a header line, a line per blob, a line per image, the digest of all of that ---- */

struct out {
    struct rf_sink *sink;
    struct rf_buf buf;
    struct rf_hasher *hasher;
    size_t line; /* where the line that is being written starts */
    int rc;
    struct rf_err *err;
};

static void end_line(struct out *o, bool force)
{
    if (o->rc == 0 && (o->buf.rc < 0 || o->buf.len - o->line > RF_SNAPSHOT_LINE_MAX))
        o->rc = rf_fail(o->err, RFE_TOO_LARGE, "a line of the snapshot would pass %u bytes",
                        RF_SNAPSHOT_LINE_MAX);
    rf_buf_add_char(&o->buf, '\n');
    o->line = o->buf.len;
    if (!force && o->buf.len < 65536)
        return;
    rf_hasher_update(o->hasher, o->buf.ptr, o->buf.len);
    if (o->rc == 0)
        o->rc = rf_sink_write(o->sink, o->buf.ptr, o->buf.len, o->err);
    rf_buf_clear(&o->buf);
    o->line = 0;
    if (o->rc == 0 && rf_hasher_count(o->hasher) > RF_SNAPSHOT_MAX - RF_DIGEST_TEXT)
        o->rc = rf_fail(o->err, RFE_TOO_LARGE, "the snapshot would pass %u bytes", RF_SNAPSHOT_MAX);
}

static void put_header(struct out *o, const struct rf_snapshot *s)
{
    char text[RF_DIGEST_TEXT];
    rf_buf_addf(
        &o->buf,
        "{\"snapshotVersion\":1,\"site\":\"%s\",\"snapshot\":\"%s\",\"blobs\":%zu,\"images\":%zu}",
        s->site, rf_digest_text(&s->id, text), s->n_blobs, s->desired.n);
    end_line(o, false);
}

static void put_blob(struct out *o, const struct rf_snapshot *s, const struct rf_snapshot_blob *b)
{
    char text[RF_DIGEST_TEXT];
    rf_buf_addf(&o->buf, "{\"digest\":\"%s\",\"size\":%llu,\"kind\":\"%s\",\"mediaType\":",
                rf_digest_text(&b->digest, text), (unsigned long long)b->size, kind_names[b->kind]);
    rf_json_add_string(&o->buf, rf_desired_str(&s->desired, b->media_type));
    rf_buf_add_char(&o->buf, '}');
    end_line(o, false);
}

static void put_image(struct out *o, const struct rf_snapshot *s, const struct rf_image *im)
{
    rf_buf_add_str(&o->buf, "{\"image\":");
    rf_image_json(&s->desired, im, false, &o->buf);
    rf_buf_add_str(&o->buf, ",\"closure\":[");
    for (uint32_t i = 0; i < im->n_blobs; i++)
        rf_buf_addf(&o->buf, "%s%u", i > 0 ? "," : "", s->items[im->first_blob + i]);
    rf_buf_add_str(&o->buf, "]}");
    end_line(o, false);
}

int rf_snapshot_store(const struct rf_snapshot *s, const char *path, struct rf_err *err)
{
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = NULL;
    RF_CLEANUP(rf_hasher_freep) struct rf_hasher *hasher = rf_hasher_new(RF_DIGEST_SHA256);
    int rc = rf_file_sink(path, 0600, true, &sink, err);
    if (rc < 0)
        return rc;
    struct out o = { .sink = sink, .hasher = hasher, .err = err };
    rf_buf_init(&o.buf, RF_SNAPSHOT_LINE_MAX + (1u << 20));
    put_header(&o, s);
    for (size_t i = 0; o.rc == 0 && i < s->n_blobs; i++)
        put_blob(&o, s, &s->blobs[i]);
    for (size_t i = 0; o.rc == 0 && i < s->desired.n; i++)
        put_image(&o, s, &s->desired.images[i]);
    rf_buf_add_str(&o.buf, "{\"end\":true}");
    end_line(&o, true);
    rf_buf_release(&o.buf);
    if (o.rc < 0)
        return rf_wrap(err, o.rc, "%s", path);
    struct rf_digest sum;
    char text[RF_DIGEST_TEXT], line[RF_DIGEST_TEXT + 1];
    rf_hasher_final(hasher, &sum);
    int n = snprintf(line, sizeof(line), "%s\n", rf_digest_text(&sum, text));
    rc = rf_sink_write(sink, line, (size_t)n, err);
    if (rc == 0)
        rc = rf_sink_commit(sink, err);
    return rc < 0 ? rf_wrap(err, rc, "%s", path) : 0;
}

struct in {
    struct rf_snapshot *s;
    struct rf_lines lines;
    struct rf_hasher *hasher;
    uint64_t n_blobs, n_images;
};

/* The next line, hashed and parsed. */
static int next(struct in *in, json_t **out, struct rf_err *err)
{
    struct rf_slice line;
    int rc = rf_lines_next(&in->lines, &line, err);
    if (rc < 0)
        return rc;
    if (rc == 0 || in->lines.ended)
        return rf_fail(err, RFE_INVALID, "it ends in the middle");
    rf_hasher_update(in->hasher, line.ptr, line.len);
    rf_hasher_update(in->hasher, "\n", 1);
    return rf_json_parse(line, RF_SNAPSHOT_LINE_MAX, out, err);
}

static int get_header(struct in *in, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *v = NULL;
    uint64_t version = 0;
    const char *site = "";
    int rc = next(in, &v, err);
    if (rc == 0)
        rc = rf_json_u64(v, "snapshotVersion", "", RF_JSON_REQUIRED, &version, err);
    if (rc == 0 && version != 1)
        rc = rf_fail(err, RFE_INVALID, "version %llu is not known", (unsigned long long)version);
    if (rc == 0)
        rc = rf_json_string(v, "site", "", RF_JSON_REQUIRED, &site, err);
    if (rc == 0 && !rf_site_valid(rf_slice_str(site)))
        rc = rf_fail(err, RFE_INVALID, "site: not a site name");
    if (rc == 0)
        rc = rf_json_digest(v, "snapshot", "", RF_JSON_REQUIRED, &in->s->id, err);
    if (rc == 0)
        rc = rf_json_u64(v, "blobs", "", RF_JSON_REQUIRED, &in->n_blobs, err);
    if (rc == 0)
        rc = rf_json_u64(v, "images", "", RF_JSON_REQUIRED, &in->n_images, err);
    if (rc == 0)
        memcpy(in->s->site, site, strlen(site) + 1);
    return rc;
}

static int get_blob(struct in *in, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *v = NULL;
    const char *digest = "", *kind = "", *media_type = "";
    struct rf_digest d;
    uint64_t size = 0;
    uint8_t k = 0;
    int rc = next(in, &v, err);
    if (rc == 0)
        rc = rf_json_string(v, "digest", "", RF_JSON_REQUIRED, &digest, err);
    if (rc == 0)
        rc = rf_digest_parse(rf_slice_str(digest), &d, err);
    if (rc == 0)
        rc = rf_json_u64(v, "size", "", RF_JSON_REQUIRED, &size, err);
    if (rc == 0)
        rc = rf_json_string(v, "kind", "", RF_JSON_REQUIRED, &kind, err);
    if (rc == 0)
        rc = rf_json_string(v, "mediaType", "", RF_JSON_REQUIRED, &media_type, err);
    if (rc < 0)
        return rc;
    while (k < RF_ARRAY_LEN(kind_names) && strcmp(kind, kind_names[k]) != 0)
        k++;
    if (k == RF_ARRAY_LEN(kind_names))
        return rf_fail(err, RFE_INVALID, "kind: unknown value %s", kind);
    if (size > RF_BLOB_SIZE_MAX || (k == RF_BLOB_MANIFEST && !rf_media_is_manifest(media_type)))
        return rf_fail(err, RFE_INVALID, "blob %s cannot be", digest);
    size_t before = in->s->n_blobs;
    if (rf_snapshot_add_blob(in->s, &d, size, media_type, k) != before)
        return rf_fail(err, RFE_INVALID, "blob %s stands twice", digest);
    return 0;
}

static int get_image(struct in *in, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *v = NULL;
    const json_t *image = NULL, *closure = NULL;
    int rc = next(in, &v, err);
    if (rc == 0)
        rc = rf_json_object(v, "image", "", RF_JSON_REQUIRED, &image, err);
    if (rc == 0)
        rc = rf_json_array(v, "closure", "", RF_JSON_REQUIRED, RF_SNAPSHOT_CLOSURE_MAX, &closure,
                           err);
    if (rc == 0)
        rc = rf_image_from_json(&in->s->desired, image, false, err);
    if (rc < 0)
        return rc;
    struct rf_image *im = &in->s->desired.images[in->s->desired.n - 1];
    im->first_blob = (uint32_t)in->s->n_items;
    im->n_blobs = (uint32_t)json_array_size(closure);
    for (size_t i = 0; i < im->n_blobs; i++) {
        const json_t *item = json_array_get(closure, i);
        json_int_t id = json_is_integer(item) ? json_integer_value(item) : -1;
        if (id < 0 || (uint64_t)id >= in->s->n_blobs)
            return rf_fail(err, RFE_INVALID, "closure[%zu]: not a blob's number", i);
        rf_snapshot_add_item(in->s, (uint32_t)id);
    }
    return 0;
}

static int get_end(struct in *in, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *v = NULL;
    struct rf_slice line;
    struct rf_digest sum;
    char text[RF_DIGEST_TEXT];
    int rc = next(in, &v, err);
    if (rc < 0)
        return rc;
    rf_hasher_final(in->hasher, &sum);
    rc = rf_lines_next(&in->lines, &line, err);
    if (rc < 0)
        return rc;
    if (rc == 0 || in->lines.ended || !rf_slice_is(line, rf_digest_text(&sum, text)))
        return rf_fail(err, RFE_INVALID, "its checksum does not match");
    rc = rf_lines_next(&in->lines, &line, err);
    if (rc != 0)
        return rc < 0 ? rc : rf_fail(err, RFE_INVALID, "something stands behind its end");
    rf_desired_snapshot(&in->s->desired, &sum);
    if (!rf_digest_eq(&sum, &in->s->id))
        return rf_fail(err, RFE_INVALID, "its images are not those of its snapshot");
    return 0;
}

static int load(struct in *in, struct rf_err *err)
{
    int rc = get_header(in, err);
    for (uint64_t i = 0; rc == 0 && i < in->n_blobs; i++)
        rc = get_blob(in, err);
    for (uint64_t i = 0; rc == 0 && i < in->n_images; i++)
        rc = get_image(in, err);
    if (rc == 0)
        rc = rf_desired_check_sorted(&in->s->desired, err);
    return rc < 0 ? rc : get_end(in, err);
}

int rf_snapshot_load(struct rf_snapshot *s, const char *path, struct rf_err *err)
{
    int fd = -1;
    uint64_t size;
    struct rf_err why = RF_ERR_INIT;
    int rc = rf_file_open(path, &fd, &size, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_fd_owned(fd, 0, size);
    RF_CLEANUP(rf_hasher_freep) struct rf_hasher *hasher = rf_hasher_new(RF_DIGEST_SHA256);
    struct in in = { .s = s, .hasher = hasher };
    rf_lines_init(&in.lines, src, RF_SNAPSHOT_LINE_MAX);
    if (size > RF_SNAPSHOT_MAX)
        rc = rf_fail(&why, RFE_INVALID, "it has more than %u bytes", RF_SNAPSHOT_MAX);
    else
        rc = load(&in, &why);
    unsigned long long line = in.lines.number;
    rf_lines_release(&in.lines);
    if (rc == 0)
        return 0;
    /* a line over a limit, or a file that shrinks, is damage like any other */
    if (rc == -RFE_TOO_LARGE || rc == -RFE_SIZE_MISMATCH)
        rc = -RFE_INVALID;
    return rf_fail(err, -rc, "snapshot %s line %llu: %s", path, line, why.msg);
}
