/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/layout/helper_layout.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "base/file.h"
#include "base/mem.h"

/* ---- files ---- */

static char work[] = "/tmp/rf-layout-XXXXXX";

void work_setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(work));
    ck_assert_int_eq(chdir(work), 0);
    (void)umask(022);
    (void)unsetenv("SOURCE_DATE_EPOCH");
    (void)unsetenv("SOURCE_DATE_EPOC");
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void work_teardown(void)
{
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(nftw(work, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void write_file(const char *path, struct rf_slice bytes)
{
    FILE *f = fopen(path, "we");
    ck_assert_msg(f != NULL, "%s", path);
    ck_assert_uint_eq(fwrite(bytes.ptr, 1, bytes.len, f), bytes.len);
    ck_assert_int_eq(fclose(f), 0);
}

void write_text(const char *path, const char *text)
{
    write_file(path, rf_slice_str(text));
}

char *file_text(const char *path)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    ck_assert_msg(rf_file_read(path, &b, NULL) == 0, "%s", path);
    return rf_buf_take(&b, NULL);
}

bool file_is(const char *path, const char *text)
{
    char *got = file_text(path);
    bool same = strcmp(got, text) == 0;
    if (!same)
        fprintf(stderr, "%s: %s\n", path, got);
    free(got);
    return same;
}

bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static struct rf_buf *painting;

static int paint(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)kind;
    (void)ftw;
    rf_buf_addf(painting, "%s %o %lld\n", path, st->st_mode,
                S_ISDIR(st->st_mode) ? 0LL : (long long)st->st_size);
    if (S_ISREG(st->st_mode) && st->st_size < 65536) {
        char *text = file_text(path);
        rf_buf_add(painting, text, (size_t)st->st_size);
        free(text);
    }
    return 0;
}

char *picture(const char *path)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    painting = &b;
    ck_assert_int_eq(nftw(path, paint, 16, FTW_PHYS), 0);
    painting = NULL;
    return rf_buf_take(&b, NULL);
}

/* ---- documents ---- */

struct rf_digest digest_of(const char *text)
{
    struct rf_digest d;
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str(text), &d);
    return d;
}

char *blob_path(const char *folder, const struct rf_digest *d)
{
    char hex[RF_DIGEST_TEXT];
    return rf_xasprintf("%s/blobs/%s/%s", folder, rf_digest_algo_name(d->algo),
                        rf_digest_hex(d, hex));
}

struct rf_manifest *parse_manifest(const char *text)
{
    struct rf_manifest *m = NULL;
    struct rf_err err = RF_ERR_INIT;
    struct rf_manifest_expect expect = { 0 };
    ck_assert_msg(rf_manifest_parse(rf_slice_str(text), &expect, &m, &err) == 0, "%s: %s", text,
                  err.msg);
    return m;
}

static void add_descriptor(struct rf_buf *b, const char *media_type, const char *text)
{
    char digest[RF_DIGEST_TEXT];
    struct rf_digest d = digest_of(text);
    rf_buf_addf(b, "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}", media_type,
                rf_digest_text(&d, digest), strlen(text));
}

struct rf_manifest *make_image(const char *config, const char *const *layers, const char *extra)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_buf_add_str(&b, "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_MANIFEST "\",\"config\":");
    add_descriptor(&b, RF_MT_OCI_CONFIG, config);
    rf_buf_add_str(&b, ",\"layers\":[");
    for (size_t i = 0; layers[i] != NULL; i++) {
        rf_buf_add_str(&b, i > 0 ? "," : "");
        add_descriptor(&b, RF_MT_OCI_LAYER, layers[i]);
    }
    rf_buf_addf(&b, "]%s}", extra);
    struct rf_manifest *m = parse_manifest(b.ptr);
    rf_buf_release(&b);
    return m;
}

char *descriptor_json(const struct rf_manifest *m)
{
    char digest[RF_DIGEST_TEXT];
    return rf_xasprintf("{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}", m->media_type,
                        rf_digest_text(&m->digest, digest), m->body.len);
}

struct rf_manifest *make_index(const struct rf_manifest *const *children, const char *extra)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_buf_add_str(&b,
                   "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX "\",\"manifests\":[");
    for (size_t i = 0; children[i] != NULL; i++) {
        char *d = descriptor_json(children[i]);
        rf_buf_addf(&b, "%s%s", i > 0 ? "," : "", d);
        free(d);
    }
    rf_buf_addf(&b, "]%s}", extra);
    struct rf_manifest *m = parse_manifest(b.ptr);
    rf_buf_release(&b);
    return m;
}

void put_text_blob(struct rf_place *p, const char *repo, const char *text)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest d = digest_of(text);
    struct rf_source *src = rf_source_mem(rf_slice_str(text));
    int rc = rf_place_put_blob(p, repo, &d, strlen(text), src, &err);
    rf_source_free(src);
    expect_ok(rc, err);
}

void put_image(struct rf_place *p, const char *repo, const char *tag, const char *config,
               const char *const *layers, struct rf_manifest **out)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_manifest *m = make_image(config, layers, "");
    put_text_blob(p, repo, config);
    for (size_t i = 0; layers[i] != NULL; i++)
        put_text_blob(p, repo, layers[i]);
    int rc = rf_place_put_manifest(p, repo, tag, m, 0, &err);
    expect_ok(rc, err);
    if (out != NULL)
        *out = m;
    else
        rf_manifest_free(m);
}

/* ---- tar ---- */

void tar_add(struct rf_buf *tar, const struct tar_entry *e)
{
    char h[512] = { 0 };
    (void)snprintf(h, 100, "%s", e->name);
    memcpy(h + 100, "0000644", 8);
    memcpy(h + 108, "0000000", 8);
    memcpy(h + 116, "0000000", 8);
    if (e->size_field != NULL)
        memcpy(h + 124, e->size_field, 12);
    else
        (void)snprintf(h + 124, 12, "%011llo", (unsigned long long)e->size);
    memcpy(h + 136, "00000000000", 12);
    memset(h + 148, ' ', 8);
    h[156] = e->type;
    if (e->link != NULL)
        (void)snprintf(h + 157, 100, "%s", e->link);
    memcpy(h + 257, "ustar\00000", 8);
    unsigned sum = e->bad_sum ? 1 : 0;
    for (size_t i = 0; i < sizeof(h); i++)
        sum += (unsigned char)h[i];
    (void)snprintf(h + 148, 8, "%06o", sum);
    rf_buf_add(tar, h, sizeof(h));
    if (e->data == NULL)
        return;
    static const char zero[512];
    rf_buf_add(tar, e->data, e->size);
    rf_buf_add(tar, zero, (512 - e->size % 512) % 512);
}

void tar_file(struct rf_buf *tar, const char *name, const char *text)
{
    struct tar_entry e = { .name = name, .type = '0', .data = text, .size = strlen(text) };
    tar_add(tar, &e);
}

void tar_end(struct rf_buf *tar)
{
    static const char zero[1024];
    rf_buf_add(tar, zero, sizeof(zero));
}
