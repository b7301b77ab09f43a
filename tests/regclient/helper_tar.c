/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/regclient/helper_tar.h"

#include <stdio.h>
#include <stdlib.h>

#include <archive.h>
#include <archive_entry.h>
#include <check.h>

#include "base/file.h"
#include "base/mem.h"
#include "layout/oci_dir.h"

/* ---- layouts ---- */

struct rf_place *tars_layout(const char *name)
{
    struct rf_place *p = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_oci_dir_open(name, RF_OCI_DIR_CREATE, &p, &err) == 0, "%s", err.msg);
    return p;
}

struct rf_digest tars_digest(const char *text)
{
    struct rf_digest d;
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str(text), &d);
    return d;
}

void tars_put_blob(struct rf_place *p, const char *text)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest d = tars_digest(text);
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_mem(rf_slice_str(text));
    ck_assert_msg(rf_place_put_blob(p, "", &d, strlen(text), src, &err) == 0, "%s", err.msg);
}

struct rf_manifest *tars_put_manifest(struct rf_place *p, const char *tag, const char *text)
{
    struct rf_manifest *m = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_manifest_parse(rf_slice_str(text), NULL, &m, &err) == 0, "%s: %s", text,
                  err.msg);
    ck_assert_msg(rf_place_put_manifest(p, "", tag, m, tag == NULL ? RF_PUT_CHILD : 0, &err) == 0,
                  "%s", err.msg);
    return m;
}

static void add_descriptor(struct rf_buf *out, const char *type, const struct rf_digest *d,
                           size_t size)
{
    char text[RF_DIGEST_TEXT];
    rf_buf_addf(out, "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}", type,
                rf_digest_text(d, text), size);
}

static void add_blob(struct rf_buf *out, struct rf_place *p, const char *type, const char *text)
{
    struct rf_digest d = tars_digest(text);
    tars_put_blob(p, text);
    add_descriptor(out, type, &d, strlen(text));
}

struct rf_manifest *tars_put_image(struct rf_place *p, const char *tag, const char *types,
                                   const char *config, const char *const *layers, const char *extra)
{
    bool oci = strcmp(types, "oci") == 0;
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_buf_addf(&b, "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":",
                oci ? RF_MT_OCI_MANIFEST : RF_MT_DOCKER_MANIFEST);
    add_blob(&b, p, oci ? RF_MT_OCI_CONFIG : RF_MT_DOCKER_CONFIG, config);
    rf_buf_add_str(&b, ",\"layers\":[");
    for (size_t i = 0; layers[i] != NULL; i++) {
        rf_buf_add_str(&b, i > 0 ? "," : "");
        add_blob(&b, p, oci ? RF_MT_OCI_LAYER_GZIP : RF_MT_DOCKER_LAYER_GZIP, layers[i]);
    }
    rf_buf_addf(&b, "]%s}", extra);
    return tars_put_manifest(p, tag, b.ptr);
}

struct rf_manifest *tars_put_index(struct rf_place *p, const char *tag,
                                   const struct rf_manifest *const *children)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_buf_add_str(&b,
                   "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX "\",\"manifests\":[");
    for (size_t i = 0; children[i] != NULL; i++) {
        rf_buf_add_str(&b, i > 0 ? "," : "");
        add_descriptor(&b, children[i]->media_type, &children[i]->digest, children[i]->body.len);
    }
    rf_buf_add_str(&b, "]}");
    return tars_put_manifest(p, tag, b.ptr);
}

struct rf_digest tars_tag(struct rf_place *p, const char *tag)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    if (rf_place_resolve(p, "", tag, NULL, &d, NULL) < 0)
        return (struct rf_digest){ 0 };
    return d.digest;
}

void tars_assert_whole(struct rf_place *p, const struct rf_digest *digest)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_place_get_manifest(p, "", NULL, digest, NULL, &m, &err) == 0, "%s", err.msg);
    bool image = m->kind == RF_KIND_IMAGE;
    for (size_t i = 0; i < m->n_entries + image; i++) {
        const struct rf_descriptor *d = i < m->n_entries ? &m->entries[i] : &m->config;
        if (!image) {
            tars_assert_whole(p, &d->digest);
            continue;
        }
        RF_CLEANUP(rf_sink_freep)
        struct rf_sink *sink = rf_sink_measure(RF_DIGEST_SHA256, NULL, NULL);
        ck_assert_msg(rf_place_get_blob(p, "", &d->digest, d->size, 0, NULL, sink, &err) == 0, "%s",
                      err.msg);
    }
}

static int on_entry(void *ctx, const struct rf_descriptor *d, struct rf_err *err)
{
    (void)d;
    (void)err;
    ++*(unsigned *)ctx;
    return 0;
}

bool tars_is_untagged(const char *layout)
{
    unsigned n = 0;
    RF_CLEANUP(rf_place_freep) struct rf_place *p = NULL;
    ck_assert_int_eq(rf_oci_dir_open(layout, 0, &p, NULL), 0);
    int rc = rf_oci_dir_entries(p, "", on_entry, &n, NULL);
    return n == 0 && (rc == 0 || rc == -RFE_NOT_FOUND);
}

/* ---- files ---- */

void tars_write(const char *path, struct rf_slice bytes)
{
    ck_assert_int_eq(rf_file_write(path, bytes, 0644, NULL), 0);
}

void tars_read(const char *path, struct rf_buf *out)
{
    rf_buf_init(out, 512u << 20);
    ck_assert_msg(rf_file_read(path, out, NULL) == 0, "%s", path);
}

void tars_pack(const char *from, const char *to, const char *how)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf bytes;
    tars_read(from, &bytes);
    struct archive *a = archive_write_new();
    struct archive_entry *e = archive_entry_new();
    ck_assert_int_eq(archive_write_add_filter_by_name(a, how), ARCHIVE_OK);
    ck_assert_int_eq(archive_write_set_format_raw(a), ARCHIVE_OK);
    ck_assert_int_eq(archive_write_open_filename(a, to), ARCHIVE_OK);
    archive_entry_set_pathname(e, "data");
    archive_entry_set_filetype(e, AE_IFREG);
    ck_assert_int_eq(archive_write_header(a, e), ARCHIVE_OK);
    ck_assert_int_eq(archive_write_data(a, bytes.ptr, bytes.len), (la_ssize_t)bytes.len);
    ck_assert_int_eq(archive_write_close(a), ARCHIVE_OK);
    archive_entry_free(e);
    ck_assert_int_eq(archive_write_free(a), ARCHIVE_OK);
}

/* ---- tars by hand ---- */

void tars_add(struct rf_buf *tar, const char *name, char type, const char *link,
              struct rf_slice data)
{
    static const char zero[512];
    char h[512] = { 0 };
    ck_assert_uint_lt(strlen(name), 100);
    (void)snprintf(h, 100, "%s", name);
    memcpy(h + 100, "0000644", 8);
    memcpy(h + 108, "0000000", 8);
    memcpy(h + 116, "0000000", 8);
    (void)snprintf(h + 124, 12, "%011llo", (unsigned long long)data.len);
    memcpy(h + 136, "00000000000", 12);
    memset(h + 148, ' ', 8);
    h[156] = type;
    if (link != NULL)
        (void)snprintf(h + 157, 100, "%s", link);
    memcpy(h + 257, "ustar\00000", 8);
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof(h); i++)
        sum += (unsigned char)h[i];
    (void)snprintf(h + 148, 8, "%06o", sum);
    rf_buf_add(tar, h, sizeof(h));
    if (data.len > 0)
        rf_buf_add(tar, data.ptr, data.len);
    rf_buf_add(tar, zero, (512 - data.len % 512) % 512);
}

void tars_file(struct rf_buf *tar, const char *name, const char *text)
{
    tars_add(tar, name, '0', NULL, rf_slice_str(text));
}

void tars_link(struct rf_buf *tar, const char *name, const char *to)
{
    tars_add(tar, name, '2', to, rf_slice_str(""));
}

void tars_blob(struct rf_buf *tar, const char *text)
{
    char hex[RF_DIGEST_TEXT];
    struct rf_digest d = tars_digest(text);
    RF_CLEANUP(rf_freep) char *name = rf_xasprintf("blobs/sha256/%s", rf_digest_hex(&d, hex));
    tars_file(tar, name, text);
}

void tars_end(struct rf_buf *tar)
{
    static const char zero[1024];
    rf_buf_add(tar, zero, sizeof(zero));
}

static struct archive *open_tar(const char *path)
{
    struct archive *a = archive_read_new();
    ck_assert_int_eq(archive_read_support_format_tar(a), ARCHIVE_OK);
    ck_assert_msg(archive_read_open_filename(a, path, 10240) == ARCHIVE_OK, "%s", path);
    return a;
}

char *tars_names(const char *path)
{
    struct rf_buf b;
    struct archive *a = open_tar(path);
    struct archive_entry *e = NULL;
    rf_buf_init(&b, 0);
    while (archive_read_next_header(a, &e) == ARCHIVE_OK)
        rf_buf_addf(&b, "%s\n", archive_entry_pathname(e));
    (void)archive_read_free(a);
    return rf_buf_take(&b, NULL);
}

char *tars_member(const char *path, const char *name)
{
    struct archive *a = open_tar(path);
    struct archive_entry *e = NULL;
    while (archive_read_next_header(a, &e) == ARCHIVE_OK) {
        if (strcmp(archive_entry_pathname(e), name) != 0)
            continue;
        size_t size = (size_t)archive_entry_size(e);
        char *text = rf_xcalloc(size + 1, 1);
        ck_assert_int_eq(archive_read_data(a, text, size), (la_ssize_t)size);
        (void)archive_read_free(a);
        return text;
    }
    ck_abort_msg("%s: no %s", path, name);
}

/* ---- importing ---- */

const char *const tars_packings[TARS_PACKINGS] = { NULL, "gzip", "bzip2", "zstd" };

int tars_import(const char *path, struct rf_place *dst, struct tars_import *i, struct rf_err *err)
{
    struct rf_import_target to = { .place = dst, .repo = "", .digest = i->digest };
    to.tag = i->no_tag ? NULL : i->tag != NULL ? i->tag : "v";
    *err = (struct rf_err)RF_ERR_INIT;
    return rf_image_import(path, &to, &i->opts, &i->result, err);
}

void tars_must_import(const char *path, struct rf_place *dst, struct tars_import *i)
{
    struct rf_err err;
    int rc = tars_import(path, dst, i, &err);
    ck_assert_msg(rc == 0, "%s: %s", rf_error_name(rc), err.msg);
    tars_assert_whole(dst, &i->result.digest);
}

/* The file is refused with this one message, and nothing is tagged. */
void tars_refused(const char *path, struct tars_import *i, int code, const char *text)
{
    struct rf_err err;
    RF_CLEANUP(rf_place_freep) struct rf_place *dst = tars_layout("refused");
    int rc = tars_import(path, dst, i, &err);
    ck_assert_msg(rc == -code, "%s: %s", rf_error_name(rc), err.msg);
    ck_assert_msg(strstr(err.msg, text) != NULL, "no \"%s\" in: %s", text, err.msg);
    ck_assert_msg(strstr(err.msg, path) != NULL, "%s", err.msg);
    ck_assert_msg(strchr(err.msg, '\n') == NULL, "%s", err.msg);
    ck_assert(tars_is_untagged("refused"));
}

void tars_save(const struct rf_buf *tar, const char *packing)
{
    tars_write("plain.tar", rf_buf_slice(tar));
    if (packing != NULL)
        tars_pack("plain.tar", "t.tar", packing);
    else
        tars_write("t.tar", rf_buf_slice(tar));
}
