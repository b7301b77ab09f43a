/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/snapshot.h"

#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "manifests/media_type.h"
#include "tests/layout/helper_bundle.h"
#include "tests/layout/helper_layout.h"

Suite *rf_snapshot_suite(void);

static uint32_t string(struct rf_snapshot *s, const char *text)
{
    return rf_strings_add(&s->desired.strings, rf_slice_str(text));
}

static uint32_t blob(struct rf_snapshot *s, const char *text, uint8_t kind)
{
    static const char *const types[] = { RF_MT_OCI_MANIFEST, RF_MT_OCI_CONFIG, RF_MT_OCI_LAYER };
    struct rf_digest d = digest_of(text);
    return rf_snapshot_add_blob(s, &d, strlen(text), types[kind], kind);
}

/* A line whose closure is its manifest and these blobs (texts, NULL ends). */
static void add_image(struct rf_snapshot *s, const char *repository, const char *tag,
                      const char *manifest, const char *const *blobs)
{
    struct rf_image im = { .digest = digest_of(manifest),
                           .size = strlen(manifest),
                           .original = RF_NO_ID };
    im.repository = string(s, repository);
    im.tag = string(s, tag);
    im.media_type = string(s, RF_MT_OCI_MANIFEST);
    im.source = string(s, "registry.example/app");
    im.first_blob = (uint32_t)s->n_items;
    rf_snapshot_add_item(s, blob(s, manifest, RF_BLOB_MANIFEST));
    for (size_t i = 0; blobs[i] != NULL; i++)
        rf_snapshot_add_item(s, blob(s, blobs[i], i == 0 ? RF_BLOB_CONFIG : RF_BLOB_LAYER));
    im.n_blobs = (uint32_t)s->n_items - im.first_blob;
    rf_desired_add(&s->desired, &s->desired, &im);
}

static void fill(struct rf_snapshot *s)
{
    static const char *const one[] = { "config one", "layer one", "layer two", NULL };
    static const char *const two[] = { "config two", "layer one", NULL };
    rf_snapshot_init(s);
    memcpy(s->site, "plant-7", 8);
    add_image(s, "team/app", "2.0", "manifest two", two);
    add_image(s, "lab/odd", "", "manifest one", one);
    add_image(s, "team/app", "1.0", "manifest one", one);
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_snapshot_seal(s, &err), err);
}

static int load(const char *path, struct rf_err *err)
{
    struct rf_snapshot s;
    rf_snapshot_init(&s);
    int rc = rf_snapshot_load(&s, path, err);
    rf_snapshot_release(&s);
    return rc;
}

START_TEST(blobs_are_kept_once)
{
    struct rf_snapshot s;
    struct rf_digest d = digest_of("layer one"), none = digest_of("none"), large;
    fill(&s);
    ck_assert_uint_eq(s.n_blobs, 6);
    ck_assert_uint_eq(s.n_items, 11);
    uint32_t id = rf_snapshot_find_blob(&s, &d);
    ck_assert_uint_eq(rf_snapshot_add_blob(&s, &d, 999, "other/type", RF_BLOB_CONFIG), id);
    ck_assert_uint_eq(s.blobs[id].size, 9);
    ck_assert_uint_eq(s.blobs[id].kind, RF_BLOB_LAYER);
    ck_assert_uint_eq(rf_snapshot_find_blob(&s, &none), RF_NO_ID);
    rf_digest_of(RF_DIGEST_SHA512, rf_slice_str("layer one"), &large);
    ck_assert_uint_eq(rf_snapshot_find_blob(&s, &large), RF_NO_ID);
    ck_assert_uint_eq(rf_snapshot_add_blob(&s, &large, 9, RF_MT_OCI_LAYER, RF_BLOB_LAYER), 6);
    ck_assert_uint_eq(rf_snapshot_find_blob(&s, &large), 6);
    rf_snapshot_release(&s);
    rf_snapshot_init(&s);
    ck_assert_uint_eq(rf_snapshot_find_blob(&s, &d), RF_NO_ID);
    rf_snapshot_release(&s);
}
END_TEST

START_TEST(two_lines_of_one_key_are_not_sealed)
{
    static const char *const none[] = { NULL };
    struct rf_snapshot s;
    struct rf_err err = RF_ERR_INIT;
    fill(&s);
    add_image(&s, "team/app", "1.0", "another", none);
    expect_error(rf_snapshot_seal(&s, &err), RFE_INVALID, err, "team/app:1.0 is listed twice");
    rf_snapshot_release(&s);
}
END_TEST

static void expect_closure(const struct rf_snapshot *s, const char *repository, const char *tag,
                           const char *digest, const char *const *texts)
{
    struct rf_digest d = digest_of(digest);
    const struct rf_image *im = rf_desired_find(&s->desired, repository, tag, &d);
    ck_assert_ptr_nonnull(im);
    uint32_t n = 0;
    for (; texts[n] != NULL; n++) {
        const struct rf_snapshot_blob *b = &s->blobs[s->items[im->first_blob + n]];
        d = digest_of(texts[n]);
        ck_assert(rf_digest_eq(&b->digest, &d));
        ck_assert_uint_eq(b->size, strlen(texts[n]));
        ck_assert_uint_eq(b->kind, n < 3 ? n : RF_BLOB_LAYER);
    }
    ck_assert_uint_eq(im->n_blobs, n);
}

START_TEST(stored_and_loaded)
{
    static const char *const one[] = { "manifest one", "config one", "layer one", "layer two",
                                       NULL };
    static const char *const two[] = { "manifest two", "config two", "layer one", NULL };
    struct rf_snapshot s, back;
    struct rf_err err = RF_ERR_INIT;
    struct stat st;
    fill(&s);
    expect_ok(rf_snapshot_store(&s, "snap", &err), err);
    ck_assert_int_eq(stat("snap", &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    rf_snapshot_init(&back);
    expect_ok(rf_snapshot_load(&back, "snap", &err), err);
    ck_assert(rf_digest_eq(&back.id, &s.id));
    ck_assert_str_eq(back.site, "plant-7");
    ck_assert_uint_eq(back.n_blobs, 6);
    ck_assert_uint_eq(back.desired.n, 3);
    expect_closure(&back, "team/app", "1.0", "manifest one", one);
    expect_closure(&back, "team/app", "2.0", "manifest two", two);
    expect_closure(&back, "lab/odd", "", "manifest one", one);
    /* the same bytes again, over the old ones */
    char *text = file_text("snap");
    expect_ok(rf_snapshot_store(&back, "snap", &err), err);
    ck_assert(file_is("snap", text));
    free(text);
    rf_snapshot_release(&back);
    rf_snapshot_release(&s);
}
END_TEST

START_TEST(an_empty_one)
{
    struct rf_snapshot s;
    struct rf_err err = RF_ERR_INIT;
    rf_snapshot_init(&s);
    memcpy(s.site, "a", 2);
    expect_ok(rf_snapshot_seal(&s, &err), err);
    expect_ok(rf_snapshot_store(&s, "snap", &err), err);
    expect_ok(load("snap", &err), err);
    rf_snapshot_release(&s);
}
END_TEST

START_TEST(what_is_not_there)
{
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(load("absent", &err), -RFE_NOT_FOUND);
    ck_assert_int_eq(mkdir("folder", 0700), 0);
    ck_assert_int_eq(load("folder", &err), -RFE_INVALID);
    write_text("empty", "");
    expect_error(load("empty", &err), RFE_INVALID, err, "snapshot empty");
    struct rf_snapshot s;
    fill(&s);
    expect_error(rf_snapshot_store(&s, "no/such/folder", &err), RFE_NOT_FOUND, err, "no/such");
    rf_snapshot_release(&s);
}
END_TEST

/* ---- damage ---- */

START_TEST(every_cut_is_noticed)
{
    struct rf_snapshot s;
    struct rf_err err = RF_ERR_INIT;
    fill(&s);
    expect_ok(rf_snapshot_store(&s, "snap", &err), err);
    rf_snapshot_release(&s);
    char *text = file_text("snap");
    for (size_t n = strlen(text); n-- > 0;) {
        ck_assert_int_eq(truncate("snap", (off_t)n), 0);
        int rc = load("snap", &err);
        ck_assert_msg(rc == -RFE_INVALID, "cut to %zu: %s", n, rf_error_name(rc));
    }
    free(text);
}
END_TEST

START_TEST(every_bit_is_covered)
{
    struct rf_snapshot s;
    struct rf_err err = RF_ERR_INIT;
    fill(&s);
    expect_ok(rf_snapshot_store(&s, "snap", &err), err);
    rf_snapshot_release(&s);
    char *text = file_text("snap");
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        char flipped = (char)(text[i] ^ (1 << _i));
        FILE *f = fopen("snap", "r+e");
        ck_assert(f != NULL && fseek(f, (long)i, SEEK_SET) == 0 && fputc(flipped, f) != EOF);
        ck_assert_int_eq(fclose(f), 0);
        int rc = load("snap", &err);
        ck_assert_msg(rc == -RFE_INVALID, "bit %d of byte %zu: %s", _i, i, rf_error_name(rc));
        f = fopen("snap", "r+e");
        ck_assert(f != NULL && fseek(f, (long)i, SEEK_SET) == 0 && fputc(text[i], f) != EOF);
        ck_assert_int_eq(fclose(f), 0);
    }
    expect_ok(load("snap", &err), err);
    free(text);
}
END_TEST

/* Edits with a checksum that is right for them: `find` is replaced once by `replace`. */
static const struct {
    const char *name, *find, *replace, *why;
} edits[] = {
    { "version", "\"snapshotVersion\":1", "\"snapshotVersion\":2", "version 2" },
    { "version missing", "\"snapshotVersion\":1,", "", "snapshotVersion" },
    { "site", "plant-7", "Plant", "site" },
    { "snapshot no digest", "\"snapshot\":\"sha256:", "\"snapshot\":\"sha1:", "sha1" },
    { "fewer blobs", "\"blobs\":6", "\"blobs\":5", "image" },
    { "more blobs", "\"blobs\":6", "\"blobs\":7", "digest" },
    { "very many blobs", "\"blobs\":6", "\"blobs\":9223372036854775807", "digest" },
    { "fewer images", "\"images\":3", "\"images\":2", "checksum" },
    { "more images", "\"images\":3", "\"images\":4", "image" },
    { "size negative", "\"size\":12,\"kind\"", "\"size\":-12,\"kind\"", "size" },
    { "size too large", "\"size\":12,\"kind\"", "\"size\":1152921504606846977,\"kind\"",
      "cannot be" },
    { "kind unknown", "\"kind\":\"config\"", "\"kind\":\"blob\"", "kind" },
    { "kind and media type", "\"kind\":\"config\"", "\"kind\":\"manifest\"", "cannot be" },
    { "blob twice", "sha256:C1", "sha256:C2", "twice" },
    { "closure no list", "\"closure\":[3,", "\"closure\":{\"a\":[2]},\"x\":[2,", "closure" },
    { "closure not there", "\"closure\":[3,", "\"closure\":[6,", "closure[0]" },
    { "closure negative", "\"closure\":[3,", "\"closure\":[-1,", "closure[0]" },
    { "closure text", "\"closure\":[3,", "\"closure\":[\"2\",", "closure[0]" },
    { "closure far beyond", "\"closure\":[3,", "\"closure\":[4294967298,", "closure[0]" },
    { "image no object", "{\"image\":{", "{\"image\":1,\"x\":{", "image" },
    { "image wrong", "\"repository\":\"lab/odd\"", "\"repository\":\"lab//odd\"", "repository" },
    { "image other", "\"repository\":\"lab/odd\"", "\"repository\":\"lab/od\"", "not those of" },
    { "images out of order", "\"tag\":\"1.0\"", "\"tag\":\"3.0\"", "out of order" },
    { "image twice", "\"tag\":\"1.0\"", "\"tag\":\"2.0\"", "twice" },
    { "no JSON", "{\"image\":", "{image:", "JSON" },
    { "key twice", "\"closure\":[3,", "\"closure\":[1],\"closure\":[3,", "duplicate" },
};

static void write_checked(struct rf_slice text)
{
    struct rf_buf out;
    struct rf_digest d;
    char sum[RF_DIGEST_TEXT];
    rf_digest_of(RF_DIGEST_SHA256, text, &d);
    rf_buf_init(&out, 0);
    rf_buf_add(&out, text.ptr, text.len);
    rf_buf_addf(&out, "%s\n", rf_digest_text(&d, sum));
    write_file("snap", rf_buf_slice(&out));
    rf_buf_release(&out);
}

/* "sha256:C1" stands for the digest of config one, C2 for that of config two. */
static char *with_digests(const char *text)
{
    if (strcmp(text, "sha256:C1") != 0 && strcmp(text, "sha256:C2") != 0)
        return rf_xstrdup(text);
    char sum[RF_DIGEST_TEXT];
    struct rf_digest d = digest_of(text[8] == '1' ? "config one" : "config two");
    return rf_xstrdup(rf_digest_text(&d, sum));
}

START_TEST(wrong_though_the_checksum_is_right)
{
    struct rf_snapshot s;
    struct rf_err err = RF_ERR_INIT;
    struct rf_buf out;
    fill(&s);
    expect_ok(rf_snapshot_store(&s, "snap", &err), err);
    rf_snapshot_release(&s);
    char *text = file_text("snap");
    size_t len = strlen(text) - strlen("sha256:\n") - 64;
    write_checked(rf_slice_of(text, len));
    ck_assert(file_is("snap", text)); /* the checksum is what we think it is */
    char *find = with_digests(edits[_i].find), *replace = with_digests(edits[_i].replace);
    char *at = strstr(text, find);
    ck_assert_msg(at != NULL, "%s", edits[_i].name);
    rf_buf_init(&out, 0);
    rf_buf_add(&out, text, (size_t)(at - text));
    rf_buf_add_str(&out, replace);
    rf_buf_add(&out, at + strlen(find), len - (size_t)(at - text) - strlen(find));
    write_checked(rf_buf_slice(&out));
    int rc = load("snap", &err);
    ck_assert_msg(rc == -RFE_INVALID && strstr(err.msg, edits[_i].why) != NULL, "%s: %s %s",
                  edits[_i].name, rf_error_name(rc), err.msg);
    free(find);
    free(replace);
    free(text);
    rf_buf_release(&out);
}
END_TEST

START_TEST(something_behind_the_end)
{
    static const char *const more[] = { "\n", "x", "x\n", "{\"end\":true}\n" };
    struct rf_snapshot s;
    struct rf_err err = RF_ERR_INIT;
    fill(&s);
    expect_ok(rf_snapshot_store(&s, "snap", &err), err);
    char *text = file_text("snap");
    char *longer = rf_xasprintf("%s%s", text, more[_i]);
    write_text("snap", longer);
    expect_error(load("snap", &err), RFE_INVALID, err, "behind its end");
    free(longer);
    free(text);
    rf_snapshot_release(&s);
}
END_TEST

START_TEST(lines_over_the_limit)
{
    struct rf_snapshot s;
    struct rf_err err = RF_ERR_INIT;
    fill(&s);
    char *source = rf_xasprintf("%0*d", (int)RF_SNAPSHOT_LINE_MAX, 1);
    s.desired.images[0].source = string(&s, source);
    expect_error(rf_snapshot_store(&s, "snap", &err), RFE_TOO_LARGE, err, "16777216");
    ck_assert(!is_there("snap"));
    char *longer = rf_xasprintf("%s0", source);
    write_text("long", longer);
    free(longer);
    expect_error(load("long", &err), RFE_INVALID, err, "longer than");
    /* nearly as long is fine */
    source[RF_SNAPSHOT_LINE_MAX - 1000] = '\0';
    s.desired.images[0].source = string(&s, source);
    expect_ok(rf_snapshot_store(&s, "snap", &err), err);
    expect_ok(load("snap", &err), err);
    free(source);
    rf_snapshot_release(&s);
}
END_TEST

START_TEST(large_ones_take_no_time)
{
    struct rf_snapshot s;
    struct rf_err err = RF_ERR_INIT;
    rf_snapshot_init(&s);
    memcpy(s.site, "a", 2);
    for (unsigned i = 0; i < 10000; i++) {
        char texts[11][48];
        const char *blobs[11] = { NULL };
        for (unsigned k = 0; k < 11; k++)
            (void)snprintf(texts[k], sizeof(texts[k]), "%u of %u", k, i);
        for (unsigned k = 0; k < 10; k++)
            blobs[k] = texts[k];
        add_image(&s, "team/app", texts[10] + strlen("10 of "), texts[10], blobs);
    }
    ck_assert_uint_eq(s.n_blobs, 110000);
    clock_t start = clock(); /* what others do on this machine does not count */
    expect_ok(rf_snapshot_seal(&s, &err), err);
    expect_ok(rf_snapshot_store(&s, "snap", &err), err);
    expect_ok(load("snap", &err), err);
    ck_assert_int_lt((clock() - start) / CLOCKS_PER_SEC, SANITIZED ? 60 : 15);
    rf_snapshot_release(&s);
}
END_TEST

Suite *rf_snapshot_suite(void)
{
    Suite *s = suite_create("snapshot");
    TCase *t = tcase_create("snapshot");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, blobs_are_kept_once);
    tcase_add_test(t, two_lines_of_one_key_are_not_sealed);
    tcase_add_test(t, stored_and_loaded);
    tcase_add_test(t, an_empty_one);
    tcase_add_test(t, what_is_not_there);
    tcase_add_test(t, every_cut_is_noticed);
    tcase_add_loop_test(t, every_bit_is_covered, 0, 8);
    tcase_add_loop_test(t, wrong_though_the_checksum_is_right, 0, (int)RF_ARRAY_LEN(edits));
    tcase_add_loop_test(t, something_behind_the_end, 0, 4);
    tcase_add_test(t, lines_over_the_limit);
    tcase_add_test(t, large_ones_take_no_time);
    suite_add_tcase(s, t);
    return s;
}
