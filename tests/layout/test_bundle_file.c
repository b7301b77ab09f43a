/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/bundle_file.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "layout/oci_dir.h"
#include "layout/oci_file.h"
#include "layout/tar_index.h"
#include "manifests/media_type.h"
#include "tests/layout/helper_bundle.h"
#include "tests/layout/helper_layout.h"

Suite *rf_bundle_file_suite(void);

#define FILE_NAME "plant-7-000002-7a6b07c2bdaf-1of1.tar"

/* Opens and verifies; the code of the first that fails. */
static int prove(const char *path, struct rf_err *err)
{
    struct rf_bundle_file *f = NULL;
    int rc = rf_bundle_file_open(path, &f, err);
    if (rc < 0)
        ck_assert_ptr_null(f);
    else
        rc = rf_bundle_file_verify(f, NULL, NULL, err);
    rf_bundle_file_free(f);
    return rc;
}

static struct rf_bundle_file *open_good(const char *path)
{
    struct rf_bundle_file *f = NULL;
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_bundle_file_open(path, &f, &err);
    expect_ok(rc, err);
    return f;
}

static void put_golden(const char *name, const char *path, struct rf_slice *bytes)
{
    size_t len;
    char *tar = golden(name, &len);
    write_file(path, rf_slice_of(tar, len));
    if (bytes != NULL)
        *bytes = rf_slice_of(tar, len);
    else
        free(tar);
}

/* ---- sound ---- */

static void count_bytes(void *ctx, uint64_t bytes)
{
    *(uint64_t *)ctx += bytes;
}

START_TEST(a_whole_bundle_is_proven)
{
    struct rf_err err = RF_ERR_INIT;
    uint64_t seen = 0;
    char hex[RF_DIGEST_TEXT];
    put_golden("next.tar", FILE_NAME, NULL);
    struct rf_bundle_file *f = open_good(FILE_NAME);
    const struct rf_bundle *doc = rf_bundle_file_doc(f);
    ck_assert_str_eq(rf_digest_hex(&doc->id, hex), NEXT_ID);
    char *name = rf_bundle_file_name(doc);
    ck_assert_str_eq(name, FILE_NAME);
    free(name);
    ck_assert_uint_eq(rf_bundle_file_signatures(f), 0);
    expect_ok(rf_bundle_file_verify(f, count_bytes, &seen, &err), err);
    ck_assert_uint_eq(seen, rf_bundle_carried_bytes(doc));
    /* Each part by itself, and twice does no harm. */
    for (size_t i = 0; i < doc->n_blobs; i++) {
        if (doc->blobs[i].travel != RF_TRAVEL_CARRIED)
            continue;
        expect_ok(rf_bundle_file_verify_header(f, i, &err), err);
        expect_ok(rf_bundle_file_verify_blob(f, i, NULL, NULL, &err), err);
    }
    expect_ok(rf_bundle_file_verify_end(f, &err), err);
    rf_bundle_file_free(f);
}
END_TEST

static void expect_blob(struct rf_place *p, const char *repo, const char *text, uint8_t algo)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest d;
    struct rf_source *src = NULL;
    struct rf_buf got;
    rf_digest_of(algo, rf_slice_str(text), &d);
    rf_buf_init(&got, 0);
    struct rf_sink *sink = rf_sink_buf(&got);
    expect_ok(rf_place_open_blob(p, repo, &d, strlen(text), &src, &err), err);
    expect_ok(rf_stream_copy(src, sink, NULL, &err), err);
    ck_assert_str_eq(got.ptr, text);
    rf_source_free(src);
    rf_sink_free(sink);
    rf_buf_release(&got);
}

START_TEST(content_as_a_place)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_manifest *m = NULL;
    struct rf_source *src = NULL;
    char hex[RF_DIGEST_TEXT];
    put_golden("next.tar", FILE_NAME, NULL);
    struct rf_bundle_file *f = open_good(FILE_NAME);
    struct rf_place *p = rf_bundle_file_place(f);
    ck_assert_str_eq(p->name, "bundle " FILE_NAME);
    expect_blob(p, "team/app", "layer two\n", RF_DIGEST_SHA512);
    expect_ok(rf_place_get_manifest(p, "team/app", "edge", NULL, NULL, &m, &err), err);
    struct rf_digest b = m->digest;
    ck_assert_uint_eq(m->n_entries, 2);
    rf_manifest_free(m);
    expect_ok(rf_place_get_manifest(p, "", NULL, &b, NULL, &m, &err), err);
    rf_manifest_free(m);
    /* assumed, or not of this bundle at all */
    struct rf_digest one = digest_of("layer one\n"), none = digest_of("none");
    expect_error(rf_place_open_blob(p, "team/app", &one, 10, &src, &err), RFE_NOT_FOUND, err,
                 "not carried");
    expect_error(rf_place_probe_blob(p, "team/app", &none, 4, RF_PROBE_HEAD, &err), RFE_NOT_FOUND,
                 err, rf_digest_hex(&none, hex));
    expect_error(rf_place_get_manifest(p, "team/app", "1.0", NULL, NULL, &m, &err), RFE_NOT_FOUND,
                 err, "not carried");
    expect_error(rf_place_get_manifest(p, "team/app", "3.0", NULL, NULL, &m, &err), RFE_NOT_FOUND,
                 err, "team/app:3.0");
    struct rf_digest two;
    rf_digest_of(RF_DIGEST_SHA512, rf_slice_str("layer two\n"), &two);
    expect_error(rf_place_get_manifest(p, "team/app", NULL, &two, NULL, &m, &err), RFE_NOT_FOUND,
                 err, "not carried");
    expect_error(rf_place_open_blob(p, "team/app", &two, 11, &src, &err), RFE_SIZE_MISMATCH, err,
                 "10 bytes");
    expect_ok(rf_place_probe_blob(p, "team/app", &two, 10, RF_PROBE_RANGE, &err), err);
    ck_assert_int_eq(rf_place_put_blob(p, "team/app", &two, 10, src, &err), -RFE_UNSUPPORTED);
    rf_bundle_file_free(f);
}
END_TEST

/* From an offset on, as an interrupted upload goes on. */
START_TEST(blobs_from_the_middle)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest two;
    struct rf_buf got;
    put_golden("next.tar", FILE_NAME, NULL);
    struct rf_bundle_file *f = open_good(FILE_NAME);
    struct rf_place *p = rf_bundle_file_place(f);
    rf_digest_of(RF_DIGEST_SHA512, rf_slice_str("layer two\n"), &two);
    rf_buf_init(&got, 0);
    struct rf_sink *sink = rf_sink_buf(&got);
    expect_ok(p->ops->get_blob(p, "", &two, 10, 6, sink, &err), err);
    ck_assert_str_eq(got.ptr, "two\n");
    rf_sink_free(sink);
    rf_buf_release(&got);
    rf_bundle_file_free(f);
}
END_TEST

/* libarchive sees the members where the frame says they are. */
START_TEST(libarchive_reads_it)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_tar_index *t = NULL;
    static const char *const first[] = { "oci-layout", "bundle.json", "bundle.sig", "index.json" };
    put_golden("next.tar", FILE_NAME, NULL);
    struct rf_bundle_file *f = open_good(FILE_NAME);
    const struct rf_bundle *doc = rf_bundle_file_doc(f);
    const struct rf_bundle_frame *frame = rf_bundle_file_frame(f);
    int fd = open(FILE_NAME, O_RDONLY | O_CLOEXEC);
    expect_ok(rf_tar_index_new(fd, FILE_NAME, 100, &t, &err), err);
    ck_assert_int_eq(close(fd), 0);
    ck_assert_uint_eq(rf_tar_index_count(t), 4 + rf_bundle_carried_count(doc));
    for (size_t i = 0; i < RF_ARRAY_LEN(first); i++)
        ck_assert_str_eq(rf_tar_index_at(t, i)->name, first[i]);
    ck_assert_uint_eq(rf_tar_index_at(t, 1)->offset, frame->json_at);
    ck_assert_uint_eq(rf_tar_index_at(t, 2)->offset, frame->sig_at);
    ck_assert_uint_eq(rf_tar_index_at(t, 3)->offset, frame->index_at);
    size_t at = 4;
    for (size_t i = 0; i < doc->n_blobs; i++) {
        char name[RF_DIGEST_TEXT + 8];
        if (doc->blobs[i].travel != RF_TRAVEL_CARRIED)
            continue;
        const struct rf_tar_member *m = rf_tar_index_at(t, at++);
        ck_assert_str_eq(m->name, rf_bundle_blob_name(&doc->blobs[i].digest, name));
        ck_assert_uint_eq(m->offset, frame->blob_at[i]);
        ck_assert_uint_eq(m->size, doc->blobs[i].size);
    }
    rf_tar_index_free(t);
    rf_bundle_file_free(f);
}
END_TEST

/* 0 when the program ended well, -1 when it is not there. */
static int run(const char *const *argv)
{
    int status = 0;
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(errno == ENOENT ? 127 : 126);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status) == 127 ? -1 : WEXITSTATUS(status);
}

/* A full bundle is an image layout, as a tar and unpacked by tar(1). */
START_TEST(an_image_layout_for_others)
{
    static const char *const unpack[] = { "tar", "-xf", "full.tar", "-C", "out", NULL };
    struct rf_err err = RF_ERR_INIT;
    struct rf_place *p = NULL;
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    put_golden("full.tar", "full.tar", NULL);
    expect_ok(rf_oci_file_open("full.tar", &p, &err), err);
    expect_ok(rf_place_resolve(p, "", "team/app:1.0", NULL, &d, &err), err);
    ck_assert_uint_eq(d.size, 394);
    expect_blob(p, "", "layer one\n", RF_DIGEST_SHA256);
    rf_descriptor_release(&d);
    rf_place_free(p);
    ck_assert_int_eq(mkdir("out", 0700), 0);
    int rc = run(unpack);
    if (rc == -1)
        return; /* no tar(1) here */
    ck_assert_int_eq(rc, 0);
    ck_assert(file_is("out/oci-layout", RF_OCI_LAYOUT_TEXT));
    struct rf_digest one = digest_of("layer one\n");
    char *path = blob_path("out", &one);
    ck_assert(file_is(path, "layer one\n"));
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mtime, 0);
    ck_assert_int_eq(st.st_mode & 07777, 0644);
    free(path);
}
END_TEST

/* ---- large ---- */

static void write_at(const char *path, const void *p, size_t n, uint64_t at)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(rf_pwrite_full(fd, p, n, at, NULL), 0);
    ck_assert_int_eq(close(fd), 0);
}

/* A layer of 9 GiB, a hole on disk: everything but its digest is checked in no time. */
START_TEST(members_over_8_gib)
{
    const uint64_t big = (UINT64_C(9) << 30) + 5;
    struct rf_bundle_frame f;
    struct rf_err err = RF_ERR_INIT;
    struct rf_buf head;
    struct made m;
    struct rf_digest d = digest_of("nobody knows"), small;
    made_init(&m);
    small = made_content(&m, RF_DIGEST_SHA256, "behind it");
    made_blob(&m, RF_BLOB_CONFIG, &d, RF_MT_OCI_CONFIG, "a", NULL)->size = big;
    made_blob(&m, RF_BLOB_LAYER, &small, RF_MT_OCI_LAYER, "a", NULL);
    made_seal(&m);
    expect_ok(rf_bundle_frame_init(&f, &m.b, &err), err);
    rf_buf_init(&head, 0);
    struct rf_sink *sink = rf_sink_buf(&head);
    expect_ok(rf_bundle_emit_head(&m.b, sink, &err), err);
    rf_sink_free(sink);
    expect_ok(rf_bundle_blob_header(&m.b.blobs[0], &head, &err), err);
    ck_assert_uint_eq(head.len, f.blob_at[0]);
    write_at("big.tar", head.ptr, head.len, 0);
    rf_buf_clear(&head);
    expect_ok(rf_bundle_blob_header(&m.b.blobs[1], &head, &err), err);
    rf_buf_add_str(&head, "behind it");
    write_at("big.tar", head.ptr, head.len, f.blob_at[1] - 512);
    ck_assert_int_eq(truncate("big.tar", (off_t)f.total), 0);

    struct rf_bundle_file *file = open_good("big.tar");
    expect_ok(rf_bundle_file_verify_header(file, 0, &err), err);
    expect_ok(rf_bundle_file_verify_blob(file, 1, NULL, NULL, &err), err);
    expect_ok(rf_bundle_file_verify_end(file, &err), err);
    expect_blob(rf_bundle_file_place(file), "a", "behind it", RF_DIGEST_SHA256);
    rf_bundle_file_free(file);
    write_at("big.tar", "x", 1, f.blob_at[0] + big); /* into its padding */
    file = open_good("big.tar");
    expect_error(rf_bundle_file_verify_header(file, 0, &err), RFE_DAMAGED, err, "padding");
    rf_bundle_file_free(file);
    rf_buf_release(&head);
    rf_bundle_frame_release(&f);
    made_release(&m);
}
END_TEST

/* ---- damage ---- */

/* Every offset where a header or a content starts or ends. */
static size_t boundaries(const struct rf_bundle_file *f, uint64_t *out)
{
    const struct rf_bundle *doc = rf_bundle_file_doc(f);
    const struct rf_bundle_frame *frame = rf_bundle_file_frame(f);
    size_t n = 0;
    const uint64_t fixed[] = { 0,
                               512,
                               512 + strlen(RF_OCI_LAYOUT_TEXT),
                               1024,
                               frame->json_at,
                               frame->json_at + doc->json_size,
                               frame->sig_at - 512,
                               frame->sig_at,
                               frame->index_at - 512,
                               frame->index_at,
                               frame->index_at + doc->index_size,
                               frame->blobs_at,
                               frame->total - 512 };
    for (size_t i = 0; i < RF_ARRAY_LEN(fixed); i++)
        out[n++] = fixed[i];
    for (size_t i = 0; i < doc->n_blobs; i++) {
        if (doc->blobs[i].travel != RF_TRAVEL_CARRIED)
            continue;
        out[n++] = frame->blob_at[i] - 512;
        out[n++] = frame->blob_at[i];
        out[n++] = frame->blob_at[i] + doc->blobs[i].size;
        out[n++] = frame->blob_at[i] + rf_tar_padded(doc->blobs[i].size);
    }
    return n;
}

START_TEST(every_cut_is_noticed)
{
    struct rf_slice good;
    uint64_t cuts[100];
    put_golden("next.tar", FILE_NAME, &good);
    struct rf_bundle_file *f = open_good(FILE_NAME);
    size_t n = boundaries(f, cuts);
    ck_assert_uint_gt(n, 30);
    rf_bundle_file_free(f);
    for (size_t i = 0; i < n; i++) {
        for (int by = -1; by <= 1; by++) {
            struct rf_err err = RF_ERR_INIT;
            uint64_t at = cuts[i] + (uint64_t)by;
            if (at >= good.len)
                continue;
            write_file("cut.tar", rf_slice_of(good.ptr, at));
            int rc = prove("cut.tar", &err);
            ck_assert_msg(rc == (at == 0 ? -RFE_NOT_BUNDLE : -RFE_DAMAGED), "cut to %llu: %s %s",
                          (unsigned long long)at, rf_error_name(rc), err.msg);
            ck_assert_ptr_nonnull(strstr(err.msg, "cut.tar"));
        }
    }
    free((char *)(uintptr_t)good.ptr);
}
END_TEST

START_TEST(more_than_the_bundle)
{
    struct rf_slice good;
    struct rf_err err = RF_ERR_INIT;
    struct rf_buf more;
    static const char zeros[512];
    put_golden("full.tar", "full.tar", &good);
    rf_buf_init(&more, 0);
    for (size_t n = 1; n <= sizeof(zeros); n += 511) {
        rf_buf_clear(&more);
        rf_buf_add(&more, good.ptr, good.len);
        rf_buf_add(&more, zeros, n);
        write_file("more.tar", rf_buf_slice(&more));
        expect_error(prove("more.tar", &err), RFE_DAMAGED, err, "a whole one has 27136");
    }
    rf_buf_add(&more, good.ptr, good.len);
    write_file("more.tar", rf_buf_slice(&more));
    expect_error(prove("more.tar", &err), RFE_DAMAGED, err, "a whole one has 27136");
    rf_buf_release(&more);
    free((char *)(uintptr_t)good.ptr);
}
END_TEST

/*
 * Each bit of the file, one after the other. The test has one case per bit of a byte. Of the blanks of bundle.sig, which are
 * compared at once, only every 31st byte is tried.
 */
START_TEST(every_bit_flipped)
{
    struct rf_slice good;
    put_golden("full.tar", "flip.tar", &good);
    struct rf_bundle_file *f = open_good("flip.tar");
    uint64_t blanks = rf_bundle_file_frame(f)->sig_at + 200;
    uint64_t blanks_end = rf_bundle_file_frame(f)->index_at - 512;
    rf_bundle_file_free(f);
    int fd = open("flip.tar", O_WRONLY | O_CLOEXEC);
    for (uint64_t at = 0; at < good.len; at++) {
        struct rf_err err = RF_ERR_INIT;
        char flipped = (char)(good.ptr[at] ^ (1 << _i));
        if (at > blanks && at < blanks_end && at % 31 != 0)
            continue;
        if (SANITIZED && at % 5 != (uint64_t)_i % 5)
            continue;
        ck_assert_int_eq(rf_pwrite_full(fd, &flipped, 1, at, NULL), 0);
        int rc = prove("flip.tar", &err);
        /* What the file starts with says whether it is a bundle at all; another version is one that we cannot read. */
        bool other = at < 1024 + 12 || (at >= 1536 && at < 1536 + 20);
        if (rc != -RFE_DAMAGED && (rc != -RFE_NOT_BUNDLE || !other))
            ck_abort_msg("bit %d of byte %llu: %s %s", _i, (unsigned long long)at,
                         rf_error_name(rc), err.msg);
        if (pwrite(fd, good.ptr + at, 1, (off_t)at) != 1)
            ck_abort_msg("pwrite");
    }
    struct rf_err err = RF_ERR_INIT;
    expect_ok(prove("flip.tar", &err), err);
    (void)close(fd);
    free((char *)(uintptr_t)good.ptr);
}
END_TEST

START_TEST(damage_is_named)
{
    struct rf_slice good;
    struct rf_err err = RF_ERR_INIT;
    char text[64];
    put_golden("full.tar", "full.tar", &good);
    struct rf_bundle_file *f = open_good("full.tar");
    const struct rf_bundle_frame *frame = rf_bundle_file_frame(f);
    uint64_t layer = frame->blob_at[2], json = frame->json_at, sig = frame->sig_at;
    rf_bundle_file_free(f);
    write_at("full.tar", "L", 1, layer);
    expect_error(prove("full.tar", &err), RFE_DAMAGED, err,
                 "blobs/sha256/28791cd3683215b645245f3832c8085fb096a7fefc04b63bb66483ad491007c4");
    (void)snprintf(text, sizeof(text), "at bytes %llu to %llu", (unsigned long long)layer,
                   (unsigned long long)layer + 10);
    ck_assert_ptr_nonnull(strstr(err.msg, text));
    write_at("full.tar", "l", 1, layer);
    write_at("full.tar", "x", 1, json + 30);
    expect_error(prove("full.tar", &err), RFE_DAMAGED, err, "full.tar");
    write_at("full.tar", good.ptr + json + 30, 1, json + 30);
    write_at("full.tar", "x", 1, sig - 512);
    expect_error(prove("full.tar", &err), RFE_DAMAGED, err, "tar header of bundle.sig");
    write_at("full.tar", "b", 1, sig - 512);
    write_at("full.tar", "8", 1, json + strlen("{\n\"bundleVersion\":1,\n\"site\":\"plant-"));
    expect_error(prove("full.tar", &err), RFE_DAMAGED, err,
                 "bundle.json is not the one that bundle.sig was made for");
    free((char *)(uintptr_t)good.ptr);
}
END_TEST

/* Changed while it is read: longer, shorter, or written to. */
static void touch_it(void *ctx, uint64_t bytes)
{
    (void)bytes;
    const int *how = ctx;
    const struct timespec later[2] = { { 1700000000, 0 }, { 1700000000, 1 } };
    if (*how == 0) {
        write_at("full.tar", "x", 1, 27136);
    } else if (*how == 1) {
        ck_assert_int_eq(utimensat(AT_FDCWD, "full.tar", later, 0), 0);
    } else {
        ck_assert_int_eq(truncate("full.tar", 27135), 0);
    }
}

START_TEST(changed_while_it_is_read)
{
    struct rf_err err = RF_ERR_INIT;
    put_golden("full.tar", "full.tar", NULL);
    struct rf_bundle_file *f = open_good("full.tar");
    expect_error(rf_bundle_file_verify(f, touch_it, &_i, &err), RFE_DAMAGED, err, "full.tar");
    if (_i < 2)
        ck_assert_ptr_nonnull(strstr(err.msg, "changed while"));
    rf_bundle_file_free(f);
}
END_TEST

/* Another file under the same name is not what was opened. */
START_TEST(replaced_while_it_is_read)
{
    struct rf_err err = RF_ERR_INIT;
    put_golden("full.tar", "full.tar", NULL);
    struct rf_bundle_file *f = open_good("full.tar");
    write_text("other", "something else");
    ck_assert_int_eq(rename("other", "full.tar"), 0);
    expect_ok(rf_bundle_file_verify(f, NULL, NULL, &err), err);
    expect_blob(rf_bundle_file_place(f), "team/app", "layer one\n", RF_DIGEST_SHA256);
    rf_bundle_file_free(f);
}
END_TEST

/* ---- signatures ---- */

#define SIG_START "{\"digest\":\"sha256:" FULL_ID "\",\"signatures\":["
static const struct {
    const char *text;
    int code; /* 0 = accepted */
    size_t signatures;
} sigs[] = {
    { SIG_START "]}", 0, 0 },
    { SIG_START "{\"keyid\":\"k\",\"sig\":\"AAAA\"}]}", 0, 1 },
    { SIG_START "{},{\"a\":[1,{}]}]}", 0, 2 },
    { SIG_START "1]}", RFE_DAMAGED, 0 },
    { SIG_START " ]}", RFE_DAMAGED, 0 },
    { SIG_START "{\"keyid\": \"k\"}]}", RFE_DAMAGED, 0 },
    { SIG_START "{\"keyid\":\"\\u006b\"}]}", RFE_DAMAGED, 0 },
    { SIG_START "{\"a\":1,\"a\":1}]}", RFE_DAMAGED, 0 },
    { SIG_START "{}],\"x\":1}", RFE_DAMAGED, 0 },
    { SIG_START "{}]}x", RFE_DAMAGED, 0 },
    { SIG_START "{}]}\n", RFE_DAMAGED, 0 },
    { " " SIG_START "{}]}", RFE_DAMAGED, 0 },
    { SIG_START "{}]", RFE_DAMAGED, 0 },
    { "{\"digest\":\"sha256:" NEXT_ID "\",\"signatures\":[{}]}", RFE_DAMAGED, 0 },
    { "{\"signatures\":[{}]}", RFE_DAMAGED, 0 },
    { "{\"digest\":\"sha256:" FULL_ID "\"}", RFE_DAMAGED, 0 },
    { "{\"digest\":\"sha256:" FULL_ID "\",\"signatures\":{}}", RFE_DAMAGED, 0 },
    { "", RFE_DAMAGED, 0 },
};

START_TEST(signature_frames)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_bundle_file *f = NULL;
    char sig[RF_BUNDLE_SIG_SIZE];
    put_golden("full.tar", "full.tar", NULL);
    f = open_good("full.tar");
    uint64_t at = rf_bundle_file_frame(f)->sig_at;
    rf_bundle_file_free(f);
    f = NULL;
    memset(sig, ' ', sizeof(sig));
    memcpy(sig, sigs[_i].text, strlen(sigs[_i].text));
    write_at("full.tar", sig, sizeof(sig), at);
    int rc = rf_bundle_file_open("full.tar", &f, &err);
    ck_assert_msg(rc == -sigs[_i].code, "%s: %s %s", sigs[_i].text, rf_error_name(rc), err.msg);
    if (rc == 0)
        ck_assert_uint_eq(rf_bundle_file_signatures(f), sigs[_i].signatures);
    else
        ck_assert_ptr_nonnull(strstr(err.msg, "bundle.sig"));
    rf_bundle_file_free(f);
}
END_TEST

/* ---- what is no bundle ---- */

START_TEST(other_files)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_buf tar;
    rf_buf_init(&tar, 0);
    expect_error(prove("absent.tar", &err), RFE_NOT_FOUND, err, "absent.tar");
    write_text("empty", "");
    expect_error(prove("empty", &err), RFE_NOT_BUNDLE, err, "empty");
    write_text("text", "hello, this is no bundle\n");
    expect_error(prove("text", &err), RFE_NOT_BUNDLE, err, "not a bundle");
    tar_file(&tar, "oci-layout", RF_OCI_LAYOUT_TEXT);
    tar_file(&tar, "index.json", "{}");
    tar_end(&tar);
    write_file("layout.tar", rf_buf_slice(&tar));
    expect_error(prove("layout.tar", &err), RFE_NOT_BUNDLE, err, "regctl image import");
    /* our header, then not bundle.json */
    rf_buf_clear(&tar);
    ck_assert_int_eq(rf_tar_header("oci-layout", strlen(RF_OCI_LAYOUT_TEXT), &tar, NULL), 0);
    rf_buf_add_str(&tar, RF_OCI_LAYOUT_TEXT);
    while (tar.len % 512 != 0)
        rf_buf_add_char(&tar, '\0');
    ck_assert_int_eq(rf_tar_header("index.json", 512, &tar, NULL), 0);
    tar_end(&tar);
    write_file("layout.tar", rf_buf_slice(&tar));
    expect_error(prove("layout.tar", &err), RFE_NOT_BUNDLE, err, "second member");
    ck_assert_int_eq(mkdir("folder", 0700), 0);
    expect_error(prove("folder", &err), RFE_NOT_BUNDLE, err, "folder");
    ck_assert_int_eq(mkfifo("fifo", 0600), 0);
    expect_error(prove("fifo", &err), RFE_NOT_BUNDLE, err, "fifo");
    put_golden("full.tar", "full.tar", NULL);
    ck_assert_int_eq(symlink("full.tar", "link"), 0);
    expect_error(prove("link", &err), RFE_NOT_BUNDLE, err, "symbolic link");
    rf_buf_release(&tar);
}
END_TEST

/* A size of bundle.json that is not there, or far too large, is found before anything is read. */
START_TEST(hostile_sizes_of_the_document)
{
    static const struct {
        uint64_t size;
        int code;
    } rows[] = { { 0, RFE_DAMAGED },
                 { 1, RFE_DAMAGED },
                 { 2150, RFE_DAMAGED },
                 { 2152, RFE_DAMAGED },
                 { 1 << 20, RFE_DAMAGED },
                 { RF_BUNDLE_JSON_MAX, RFE_DAMAGED },
                 { RF_BUNDLE_JSON_MAX + 1, RFE_NOT_BUNDLE },
                 { (UINT64_C(1) << 33) - 1, RFE_NOT_BUNDLE } };
    struct rf_err err = RF_ERR_INIT;
    struct rf_buf header;
    put_golden("full.tar", "full.tar", NULL);
    rf_buf_init(&header, 0);
    ck_assert_int_eq(rf_tar_header("bundle.json", rows[_i].size, &header, NULL), 0);
    write_at("full.tar", header.ptr, header.len, 1024);
    int rc = prove("full.tar", &err);
    ck_assert_msg(rc == -rows[_i].code, "%llu: %s %s", (unsigned long long)rows[_i].size,
                  rf_error_name(rc), err.msg);
    rf_buf_release(&header);
}
END_TEST

static void add_damage_cases(Suite *s)
{
    TCase *t = tcase_create("damage");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, every_cut_is_noticed);
    tcase_add_test(t, more_than_the_bundle);
    tcase_add_loop_test(t, every_bit_flipped, 0, 8);
    tcase_add_test(t, damage_is_named);
    tcase_add_loop_test(t, changed_while_it_is_read, 0, 3);
    tcase_add_test(t, replaced_while_it_is_read);
    tcase_add_loop_test(t, signature_frames, 0, (int)RF_ARRAY_LEN(sigs));
    tcase_add_test(t, other_files);
    tcase_add_loop_test(t, hostile_sizes_of_the_document, 0, 8);
    suite_add_tcase(s, t);
}

Suite *rf_bundle_file_suite(void)
{
    Suite *s = suite_create("bundle_file");
    TCase *t = tcase_create("sound");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_whole_bundle_is_proven);
    tcase_add_test(t, content_as_a_place);
    tcase_add_test(t, blobs_from_the_middle);
    tcase_add_test(t, libarchive_reads_it);
    tcase_add_test(t, an_image_layout_for_others);
    tcase_add_test(t, members_over_8_gib);
    suite_add_tcase(s, t);
    add_damage_cases(s);
    return s;
}
