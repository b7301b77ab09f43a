/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/bundle_frame.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "layout/tar_index.h"
#include "manifests/media_type.h"
#include "tests/layout/helper_bundle.h"
#include "tests/layout/helper_layout.h"

Suite *rf_bundle_frame_suite(void);

static const struct {
    const char *tar;
    void (*make)(struct made *m);
} samples[] = { { "full.tar", made_full }, { "next.tar", made_next } };

/* The golden files were written by another program, by the description of the format. */
START_TEST(the_file_as_described)
{
    struct made m;
    struct rf_buf got;
    size_t len;
    char *want = golden(samples[_i].tar, &len);
    samples[_i].make(&m);
    made_seal(&m);
    rf_buf_init(&got, 0);
    made_tar(&m, &got);
    ck_assert_uint_eq(got.len, len);
    for (size_t i = 0; i < len; i++)
        ck_assert_msg(got.ptr[i] == want[i], "%s: byte %zu", samples[_i].tar, i);
    rf_buf_release(&got);
    free(want);
    made_release(&m);
}
END_TEST

static void expect_at(const char *tar, size_t len, uint64_t at, const char *text)
{
    ck_assert_uint_le(at + strlen(text), len);
    ck_assert_msg(memcmp(tar + at, text, strlen(text)) == 0, "at %llu: not %s",
                  (unsigned long long)at, text);
}

START_TEST(offsets_lead_to_contents)
{
    struct made m;
    struct rf_bundle_frame f;
    struct rf_err err = RF_ERR_INIT;
    size_t len;
    char *tar = golden("next.tar", &len);
    made_next(&m);
    made_seal(&m);
    expect_ok(rf_bundle_frame_init(&f, &m.b, &err), err);
    ck_assert_uint_eq(f.total, len);
    expect_at(tar, len, f.json_at, "{\n\"bundleVersion\":1,");
    expect_at(tar, len, f.sig_at, "{\"digest\":\"sha256:" NEXT_ID "\",\"signatures\":[]} ");
    expect_at(tar, len, f.index_at, "{\"schemaVersion\":2,");
    expect_at(tar, len, f.blobs_at, "blobs/sha256/15d413249be1");
    ck_assert_uint_eq(f.index_at, f.sig_at + RF_BUNDLE_SIG_SIZE + 512);
    for (size_t i = 0; i < m.b.n_blobs; i++) {
        const struct rf_bundle_blob *blob = &m.b.blobs[i];
        struct rf_digest d;
        if (blob->travel == RF_TRAVEL_ASSUMED) {
            ck_assert_uint_eq(f.blob_at[i], 0);
            continue;
        }
        ck_assert_uint_eq(f.blob_at[i] % 512, 0);
        rf_digest_of(blob->digest.algo, rf_slice_of(tar + f.blob_at[i], blob->size), &d);
        ck_assert(rf_digest_eq(&d, &blob->digest));
    }
    rf_bundle_frame_release(&f);
    free(tar);
    made_release(&m);
}
END_TEST

/* Headers of one block, and of three where the name or the size needs pax records. */
static const struct {
    uint8_t algo;
    uint64_t size;
    size_t header;
} headers[] = {
    { RF_DIGEST_SHA256, 0, 512 },
    { RF_DIGEST_SHA256, 1, 512 },
    { RF_DIGEST_SHA256, 512, 512 },
    { RF_DIGEST_SHA256, (UINT64_C(1) << 33) - 1, 512 },
    { RF_DIGEST_SHA256, UINT64_C(1) << 33, 1536 },
    { RF_DIGEST_SHA256, (UINT64_C(1) << 36) - 1, 1536 },
    { RF_DIGEST_SHA256, UINT64_C(1) << 36, 1536 },
    { RF_DIGEST_SHA256, RF_BLOB_SIZE_MAX, 1536 },
    { RF_DIGEST_SHA512, 0, 1536 },
    { RF_DIGEST_SHA512, UINT64_C(1) << 33, 1536 },
};

START_TEST(blobs_stand_behind_their_headers)
{
    struct made m;
    struct rf_bundle_frame f;
    struct rf_buf header;
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest d;
    made_init(&m);
    rf_digest_of(headers[_i].algo, rf_slice_str("x"), &d);
    made_blob(&m, RF_BLOB_LAYER, &d, RF_MT_OCI_LAYER, "a", NULL)->size = headers[_i].size;
    made_seal(&m);
    rf_buf_init(&header, 0);
    expect_ok(rf_bundle_blob_header(&m.b.blobs[0], &header, &err), err);
    ck_assert_uint_eq(header.len, headers[_i].header);
    expect_ok(rf_bundle_frame_init(&f, &m.b, &err), err);
    ck_assert_uint_eq(f.blob_at[0], f.blobs_at + header.len);
    ck_assert_uint_eq(f.total, f.blob_at[0] + (headers[_i].size + 511) / 512 * 512 + RF_TAR_END);
    rf_bundle_frame_release(&f);
    rf_buf_release(&header);
    made_release(&m);
}
END_TEST

/* sha256sum of the headers that the golden files' program writes for these sizes */
START_TEST(header_bytes_of_large_and_sha512_blobs)
{
    static const struct {
        uint8_t algo;
        uint64_t size;
        const char *digest;
    } rows[] = {
        { RF_DIGEST_SHA256, 5, "f13f3a76ed7c45009942de9c8e32333f444b8a35d7e14a4eb0f5b3a2878d848f" },
        { RF_DIGEST_SHA256, UINT64_C(1) << 33,
          "8ad5f8fb3e2df0f3de0c4f62ef39fa19d8b28c7f72fea307a80138525b647e9d" },
        { RF_DIGEST_SHA256, (UINT64_C(1) << 36) - 1,
          "ec275258b96e7a0ff1c23fb06e137d7a071401734629ea6f4cd236a7be1b7870" },
        { RF_DIGEST_SHA256, UINT64_C(1) << 36,
          "0cc7d2ca74f8b09350416260d93295a489ca43986932b9e4bd5851806c4d7e4c" },
        { RF_DIGEST_SHA256, RF_BLOB_SIZE_MAX,
          "a7744cb839017fdb1ce352b3de410648402d18814afd1f0b739ddbf11653e41b" },
        { RF_DIGEST_SHA512, 5, "af114a00f9228c7740c9395309d29d139de2c664f749ee4861a5dd56501118f9" },
        { RF_DIGEST_SHA512, UINT64_C(1) << 33,
          "fbf97ce1ff2d2f2c7a6d92c10799c6388b2f019070939fc7db22a8a4529ac86e" },
        { RF_DIGEST_SHA512, RF_BLOB_SIZE_MAX,
          "fb8055f37d0581597cf3f9cba43bbcc8c54d5bffc832d17aa4198cc734850dd9" },
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(rows); i++) {
        struct rf_bundle_blob blob = { .size = rows[i].size };
        struct rf_buf header;
        struct rf_digest d;
        char hex[RF_DIGEST_TEXT];
        rf_digest_of(rows[i].algo, rf_slice_str("layer two\n"), &blob.digest);
        rf_buf_init(&header, 0);
        ck_assert_int_eq(rf_bundle_blob_header(&blob, &header, NULL), 0);
        rf_digest_of(RF_DIGEST_SHA256, rf_buf_slice(&header), &d);
        ck_assert_msg(strcmp(rf_digest_hex(&d, hex), rows[i].digest) == 0, "row %zu: %s", i, hex);
        rf_buf_release(&header);
    }
}
END_TEST

START_TEST(sizes_beyond_a_file_are_refused)
{
    struct made m;
    struct rf_bundle_frame f;
    struct rf_err err = RF_ERR_INIT;
    made_init(&m);
    for (unsigned i = 0; i < 4; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "%u", i);
        struct rf_digest d = digest_of(text);
        made_blob(&m, RF_BLOB_LAYER, &d, RF_MT_OCI_LAYER, "a", NULL)->size =
            i < 3 ? RF_BLOB_SIZE_MAX : RF_BLOB_SIZE_MAX - 65536;
    }
    made_seal(&m);
    expect_ok(rf_bundle_frame_init(&f, &m.b, &err), err);
    rf_bundle_frame_release(&f);
    for (size_t i = 0; i < 4; i++)
        m.b.blobs[i].size = RF_BLOB_SIZE_MAX;
    made_seal(&m);
    expect_error(rf_bundle_frame_init(&f, &m.b, &err), RFE_TOO_LARGE, err, "larger than a file");
    ck_assert_ptr_null(f.blob_at);
    rf_bundle_frame_release(&f); /* does no harm */
    made_release(&m);
}
END_TEST

START_TEST(the_empty_signature)
{
    struct rf_buf sig;
    struct rf_digest d = digest_of("x");
    rf_buf_init(&sig, 0);
    rf_buf_add_str(&sig, "before");
    rf_bundle_empty_sig(&d, &sig);
    ck_assert_uint_eq(sig.len, 6 + RF_BUNDLE_SIG_SIZE);
    size_t text = strlen("{\"digest\":\"sha256:\",\"signatures\":[]}") + 64;
    for (size_t i = text; i < RF_BUNDLE_SIG_SIZE; i++)
        ck_assert_int_eq(sig.ptr[6 + i], ' ');
    rf_buf_release(&sig);
}
END_TEST

START_TEST(names_of_members_and_files)
{
    struct made m;
    struct rf_digest d;
    char name[RF_DIGEST_TEXT + 8];
    ck_assert_int_eq(rf_digest_parse(rf_slice_str("sha256:" FULL_ID), &d, NULL), 0);
    ck_assert_str_eq(rf_bundle_blob_name(&d, name), "blobs/sha256/" FULL_ID);
    rf_digest_of(RF_DIGEST_SHA512, rf_slice_str("x"), &d);
    ck_assert_uint_eq(strlen(rf_bundle_blob_name(&d, name)), strlen("blobs/sha512/") + 128);
    made_full(&m);
    made_seal(&m);
    char *file = rf_bundle_file_name(&m.b);
    ck_assert_str_eq(file, "plant-7-000001-34b07dbb2482-1of1.tar");
    free(file);
    m.b.sequence = 1234567;
    file = rf_bundle_file_name(&m.b);
    ck_assert_str_eq(file, "plant-7-1234567-34b07dbb2482-1of1.tar");
    free(file);
    made_release(&m);
}
END_TEST

/* A sink that is full after `room` bytes: wherever it fails, emitting the head fails with it. */
struct small {
    struct rf_sink base;
    size_t room;
};

static int small_write(struct rf_sink *s, const void *p, size_t n, struct rf_err *err)
{
    struct small *f = (struct small *)s;
    (void)p;
    if (n > f->room)
        return rf_fail(err, RFE_NO_SPACE, "full");
    f->room -= n;
    return 0;
}

START_TEST(a_full_disk_in_the_head)
{
    static const struct rf_sink_ops ops = { .write = small_write };
    struct made m;
    struct rf_bundle_frame f;
    made_full(&m);
    made_seal(&m);
    ck_assert_int_eq(rf_bundle_frame_init(&f, &m.b, NULL), 0);
    for (size_t room = 0; room <= f.blobs_at; room += 64) {
        struct small s = { .base.ops = &ops, .room = room };
        struct rf_err err = RF_ERR_INIT;
        int rc = rf_bundle_emit_head(&m.b, &s.base, &err);
        ck_assert_msg(rc == (room < f.blobs_at ? -RFE_NO_SPACE : 0), "%zu: %s", room, err.msg);
    }
    rf_bundle_frame_release(&f);
    made_release(&m);
}
END_TEST

Suite *rf_bundle_frame_suite(void)
{
    Suite *s = suite_create("bundle_frame");
    TCase *t = tcase_create("frame");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, the_file_as_described, 0, (int)RF_ARRAY_LEN(samples));
    tcase_add_test(t, offsets_lead_to_contents);
    tcase_add_loop_test(t, blobs_stand_behind_their_headers, 0, (int)RF_ARRAY_LEN(headers));
    tcase_add_test(t, header_bytes_of_large_and_sha512_blobs);
    tcase_add_test(t, sizes_beyond_a_file_are_refused);
    tcase_add_test(t, the_empty_signature);
    tcase_add_test(t, names_of_members_and_files);
    tcase_add_test(t, a_full_disk_in_the_head);
    suite_add_tcase(s, t);
    return s;
}
