/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "layout/oci_dir.h"
#include "tests/layout/helper_layout.h"

Suite *rf_oci_dir_suite(void);

#define INDEX_HEAD "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX "\",\"manifests\":["
#define LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}"

static const char *const layers_a[] = { "a", NULL };
static const char *const layers_ab[] = { "a", "b", NULL };
static const char *const layers_c[] = { "c", NULL };

static struct rf_place *open_dir(const char *path, unsigned flags)
{
    struct rf_place *p = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_oci_dir_open(path, flags, &p, &err), err);
    return p;
}

static bool tag_is(struct rf_place *p, const char *repo, const char *tag,
                   const struct rf_manifest *m)
{
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    int rc = rf_place_resolve(p, repo, tag, NULL, &d, NULL);
    bool same = rc == 0 && rf_digest_eq(&d.digest, &m->digest) && d.size == m->body.len &&
                strcmp(d.media_type, m->media_type) == 0;
    rf_descriptor_release(&d);
    return same;
}

static int put(struct rf_place *p, const char *repo, const char *tag, const struct rf_manifest *m,
               unsigned flags)
{
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_place_put_manifest(p, repo, tag, m, flags, &err);
    ck_assert_msg(rc == 0, "%s", err.msg);
    return rc;
}

static int join_tag(void *ctx, const char *tag, struct rf_err *err)
{
    (void)err;
    rf_buf_addf(ctx, "%s ", tag);
    return 0;
}

static bool tags_are(struct rf_place *p, const char *repo, const char *want)
{
    struct rf_buf b;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&b, 0);
    expect_ok(rf_place_list_tags(p, repo, join_tag, &b, &err), err);
    bool same = strcmp(b.ptr, want) == 0;
    if (!same)
        fprintf(stderr, "tags: %s\n", b.ptr);
    rf_buf_release(&b);
    return same;
}

static int join_digest(void *ctx, const struct rf_descriptor *d, struct rf_err *err)
{
    char text[RF_DIGEST_TEXT];
    (void)err;
    rf_buf_addf(ctx, "%.10s:%s ", rf_digest_text(&d->digest, text) + 7,
                d->artifact_type != NULL ? d->artifact_type : "");
    return 0;
}

static char *entries(struct rf_place *p, const char *repo)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    ck_assert_int_eq(rf_oci_dir_entries(p, repo, join_digest, &b, NULL), 0);
    return rf_buf_take(&b, NULL);
}

static size_t count_entries(struct rf_place *p, const char *repo)
{
    char *all = entries(p, repo);
    size_t n = 0;
    for (const char *c = all; *c != '\0'; c++)
        n += *c == ' ';
    free(all);
    return n;
}

/* ---- the files ---- */

START_TEST(files_are_as_upstream_writes_them)
{
    struct rf_place *p = open_dir("d/e", RF_OCI_DIR_CREATE);
    ck_assert(!is_there("d"));
    ck_assert_str_eq(p->name, "ocidir://d/e");
    ck_assert_int_eq(setenv("SOURCE_DATE_EPOCH", "1700000000", 1), 0);
    struct rf_manifest *m = NULL;
    put_image(p, "", "v1", "cfg", layers_a, &m);
    ck_assert(file_is("d/e/oci-layout", LAYOUT));
    char text[RF_DIGEST_TEXT];
    char *want =
        rf_xasprintf(INDEX_HEAD "{\"mediaType\":\"" RF_MT_OCI_MANIFEST
                                "\",\"digest\":\"%s\",\"size\":%zu,\"annotations\":{"
                                "\"org.opencontainers.image.created\":\"2023-11-14T22:13:20Z\","
                                "\"org.opencontainers.image.ref.name\":\"v1\"}}]}",
                     rf_digest_text(&m->digest, text), m->body.len);
    ck_assert(file_is("d/e/index.json", want));
    free(want);
    char *path = blob_path("d/e", &m->digest);
    ck_assert(file_is(path, m->body.ptr));
    free(path);
    rf_manifest_free(m);
    rf_place_free(p);
}
END_TEST

START_TEST(upstreams_misspelt_variable_works_too)
{
    struct rf_place *p = open_dir("d", RF_OCI_DIR_CREATE);
    ck_assert_int_eq(setenv("SOURCE_DATE_EPOC", "1", 1), 0);
    put_image(p, "", "v1", "cfg", layers_a, NULL);
    char *text = file_text("d/index.json");
    ck_assert_ptr_nonnull(strstr(text, "1970-01-01T00:00:01Z"));
    free(text);
    /* The right spelling goes first; nonsense counts as unset. */
    ck_assert_int_eq(setenv("SOURCE_DATE_EPOCH", "2", 1), 0);
    put_image(p, "", "v2", "cfg", layers_a, NULL);
    ck_assert_int_eq(setenv("SOURCE_DATE_EPOCH", "-5", 1), 0);
    ck_assert_int_eq(setenv("SOURCE_DATE_EPOC", "soon", 1), 0);
    put_image(p, "", "v3", "cfg", layers_a, NULL);
    text = file_text("d/index.json");
    ck_assert_ptr_nonnull(strstr(text, "1970-01-01T00:00:02Z"));
    ck_assert_ptr_nonnull(strstr(text, "image.created\":\"20"));
    free(text);
    rf_place_free(p);
}
END_TEST

/* ---- reading what is not there ---- */

START_TEST(an_absent_layout_is_not_found)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    struct rf_manifest *m = make_image("cfg", layers_a, "");
    struct rf_digest x = digest_of("x");
    unsigned flags = _i == 0 ? 0 : _i == 1 ? RF_OCI_DIR_CREATE : RF_OCI_DIR_TREE;
    const char *repo = _i == 2 ? "r" : "";
    struct rf_place *p = open_dir("none", flags);
    expect_error(rf_place_resolve(p, repo, "v1", NULL, &d, &err), RFE_NOT_FOUND, err, "none");
    expect_error(rf_place_probe_blob(p, repo, &x, 1, RF_PROBE_HEAD, &err), RFE_NOT_FOUND, err,
                 "none");
    expect_error(rf_place_list_tags(p, repo, join_tag, NULL, &err), RFE_NOT_FOUND, err, "none");
    expect_error(rf_place_list_repos(p, join_tag, NULL, &err), RFE_NOT_FOUND, err, "none");
    expect_error(rf_place_delete_tag(p, repo, "v1", &err), RFE_NOT_FOUND, err, "none");
    expect_error(rf_place_delete_manifest(p, repo, &x, &err), RFE_NOT_FOUND, err, "none");
    expect_error(rf_place_delete_blob(p, repo, &x, &err), RFE_NOT_FOUND, err, "none");
    if (_i != 1)
        expect_error(rf_place_put_manifest(p, repo, "v1", m, 0, &err), RFE_NOT_FOUND, err, "none");
    ck_assert(!is_there("none"));
    rf_place_free(p);
    rf_manifest_free(m);
}
END_TEST

/* A folder that is no layout is not written into, unless a layout was asked for. */
START_TEST(other_folders_stay_as_they_are)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_manifest *m = make_image("cfg", layers_a, "");
    ck_assert_int_eq(mkdir("mine", 0755), 0);
    write_text("mine/file", "x");
    char *before = picture("mine");
    struct rf_place *p = open_dir("mine", 0);
    struct rf_digest x = digest_of("x");
    struct rf_source *src = rf_source_mem(rf_slice_str("x"));
    expect_error(rf_place_put_manifest(p, "", "v1", m, 0, &err), RFE_NOT_FOUND, err,
                 "no image layout");
    expect_error(rf_place_put_blob(p, "", &x, 1, src, &err), RFE_NOT_FOUND, err, "no image layout");
    expect_error(rf_place_delete_tag(p, "", "v1", &err), RFE_NOT_FOUND, err, "no image layout");
    struct rf_gc_result gc;
    expect_error(rf_oci_dir_gc(p, "", &gc, &err), RFE_NOT_FOUND, err, "no image layout");
    rf_source_free(src);
    rf_place_free(p);
    char *after = picture("mine");
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
    rf_manifest_free(m);
}
END_TEST

/* ---- tags (inventory of upstream, "Put tag") ---- */

START_TEST(tags_are_put_in_place)
{
    struct rf_place *p = open_dir("d", RF_OCI_DIR_CREATE);
    struct rf_manifest *one = make_image("cfg1", layers_a, "");
    struct rf_manifest *two = make_image("cfg2", layers_a, "");
    (void)setenv("SOURCE_DATE_EPOCH", "1", 1);
    put(p, "", "a", one, 0);
    put(p, "", "b", one, 0);
    put(p, "", "c", two, 0);
    ck_assert(tags_are(p, "", "a b c "));
    char *before = file_text("d/index.json");
    /* The same digest: nothing changes, not even the time. */
    (void)setenv("SOURCE_DATE_EPOCH", "2", 1);
    put(p, "", "b", one, 0);
    ck_assert(file_is("d/index.json", before));
    free(before);
    /* Another digest: replaced where it stands. */
    put(p, "", "a", two, 0);
    ck_assert(tag_is(p, "", "a", two) && tag_is(p, "", "b", one));
    char *text = file_text("d/index.json");
    ck_assert(strstr(text, "name\":\"a\"") < strstr(text, "name\":\"b\""));
    ck_assert_ptr_nonnull(
        strstr(text, "1970-01-01T00:00:02Z\",\"org.opencontainers.image.ref.name\":\"a\""));
    free(text);
    rf_manifest_free(one);
    rf_manifest_free(two);
    rf_place_free(p);
}
END_TEST

static void write_layout(const char *folder, const char *index)
{
    char *path = rf_path_join(folder, "oci-layout");
    (void)mkdir(folder, 0755);
    write_text(path, LAYOUT);
    free(path);
    path = rf_path_join(folder, "index.json");
    write_text(path, index);
    free(path);
}

static char *entry_json(const struct rf_manifest *m, const char *name, const char *more)
{
    char text[RF_DIGEST_TEXT];
    return rf_xasprintf("{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu,\"annotations\":{"
                        "\"org.opencontainers.image.ref.name\":\"%s\"}%s}",
                        m->media_type, rf_digest_text(&m->digest, text), m->body.len, name, more);
}

/* An index.json of other hands: names twice, fields that we do not know, keys in another order. */
START_TEST(foreign_entries_are_kept)
{
    struct rf_manifest *one = make_image("cfg1", layers_a, "");
    struct rf_manifest *two = make_image("cfg2", layers_a, "");
    char *a = entry_json(one, "a", ",\"x-mine\":{\"n\":[1,2.5,null]}");
    char *again = entry_json(two, "a", "");
    char *b = entry_json(one, "b", ",\"platform\":{\"architecture\":\"arm\",\"os\":\"linux\"}");
    char *index = rf_xasprintf("{\n \"x-top\": true,\n \"manifests\": [%s,\n%s,%s,%s],\n"
                               " \"schemaVersion\": 2,\"annotations\":{\"k\":\"v\"}}\n",
                               a, b, again, again);
    write_layout("d", index);
    struct rf_place *p = open_dir("d", 0);
    put(p, "", "a", two, 0);
    char *text = file_text("d/index.json");
    ck_assert_ptr_eq(strstr(text, "{\"x-top\":true,\"manifests\":["), text);
    ck_assert_ptr_nonnull(strstr(text, b));
    ck_assert_ptr_nonnull(strstr(text, ",\"schemaVersion\":2,\"annotations\":{\"k\":\"v\"}}"));
    ck_assert_uint_eq(count_entries(p, ""), 2);
    ck_assert(tag_is(p, "", "a", two));
    free(text);
    put(p, "", "b", two, 0);
    text = file_text("d/index.json");
    ck_assert_ptr_null(strstr(text, "\"arm\""));
    free(text);
    free(index);
    free(a);
    free(again);
    free(b);
    rf_place_free(p);
    rf_manifest_free(one);
    rf_manifest_free(two);
}
END_TEST

START_TEST(whole_names_are_tags_by_their_end)
{
    struct rf_manifest *one = make_image("cfg1", layers_a, "");
    struct rf_manifest *two = make_image("cfg2", layers_a, "");
    char *a = entry_json(one, "docker.io/library/alpine:3.20", "");
    char *b = entry_json(two, "localhost:5000/x:1", "");
    char *c = entry_json(two, "quay.io/y:1", "");
    char *d = entry_json(one, "1", "");
    char *e = entry_json(one, "localhost:5000/untagged", "");
    char *index = rf_xasprintf(INDEX_HEAD "%s,%s,%s,%s]}", a, b, c, e);
    write_layout("d", index);
    struct rf_place *p = open_dir("d", 0);
    struct rf_descriptor got = RF_DESCRIPTOR_INIT;
    struct rf_err err = RF_ERR_INIT;
    /* Their blobs, without listing them. */
    put(p, "", NULL, one, RF_PUT_CHILD);
    put(p, "", NULL, two, RF_PUT_CHILD);
    ck_assert(tag_is(p, "", "3.20", one));
    ck_assert(tag_is(p, "", "docker.io/library/alpine:3.20", one));
    ck_assert(tag_is(p, "", "1", two));
    ck_assert(tags_are(p, "", "1 3.20 localhost:5000/untagged "));
    expect_error(rf_place_resolve(p, "", "alpine:3.20", NULL, &got, &err), RFE_NOT_FOUND, err,
                 "alpine:3.20");
    expect_error(rf_place_resolve(p, "", "20", NULL, &got, &err), RFE_NOT_FOUND, err, "no tag 20");
    free(index);
    /* Two whole names that mean different images: nobody guesses. */
    char *f = entry_json(one, "quay.io/z:1", "");
    index = rf_xasprintf(INDEX_HEAD "%s,%s,%s]}", a, b, f);
    write_layout("d", index);
    expect_error(rf_place_resolve(p, "", "1", NULL, &got, &err), RFE_AMBIGUOUS, err,
                 "localhost:5000/x:1 or quay.io/z:1");
    free(index);
    free(f);
    /* The exact name goes before all. */
    index = rf_xasprintf(INDEX_HEAD "%s,%s,%s]}", b, c, d);
    write_layout("d", index);
    ck_assert(tag_is(p, "", "1", one));
    ck_assert_int_eq(rf_place_delete_tag(p, "", "1", NULL), 0);
    ck_assert(tag_is(p, "", "1", two));
    ck_assert_int_eq(rf_place_delete_tag(p, "", "1", NULL), 0);
    expect_error(rf_place_delete_tag(p, "", "1", &err), RFE_NOT_FOUND, err, "no tag 1");
    ck_assert(file_is("d/index.json", INDEX_HEAD "]}"));
    free(index);
    free(a);
    free(b);
    free(c);
    free(d);
    free(e);
    rf_place_free(p);
    rf_manifest_free(one);
    rf_manifest_free(two);
}
END_TEST

START_TEST(manifests_without_a_tag)
{
    struct rf_place *p = open_dir("d", RF_OCI_DIR_CREATE);
    struct rf_manifest *one = make_image("cfg1", layers_a, "");
    struct rf_manifest *two = make_image("cfg2", layers_a, "");
    struct rf_manifest *got = NULL;
    struct rf_err err = RF_ERR_INIT;
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    put(p, "", NULL, one, 0);
    put(p, "", NULL, one, 0);
    put(p, "", NULL, two, RF_PUT_CHILD);
    ck_assert_uint_eq(count_entries(p, ""), 1);
    ck_assert(tags_are(p, "", ""));
    /* By digest both are there: listed or not. */
    expect_ok(rf_place_get_manifest(p, "", NULL, &one->digest, NULL, &got, &err), err);
    ck_assert(rf_slice_eq(rf_buf_slice(&got->body), rf_buf_slice(&one->body)));
    rf_manifest_free(got);
    expect_ok(rf_place_get_manifest(p, "", NULL, &two->digest, NULL, &got, &err), err);
    rf_manifest_free(got);
    expect_ok(rf_place_resolve(p, "", NULL, &two->digest, &d, &err), err);
    ck_assert_str_eq(d.media_type, RF_MT_OCI_MANIFEST);
    ck_assert_uint_eq(d.size, two->body.len);
    rf_descriptor_release(&d);
    struct rf_digest x = digest_of("x");
    expect_error(rf_place_get_manifest(p, "", NULL, &x, NULL, &got, &err), RFE_NOT_FOUND, err,
                 "sha256:2d711642");
    /* A tag makes an entry of its own; with the digest tagged, none without tag is added. */
    put(p, "", "v1", two, 0);
    put(p, "", NULL, two, 0);
    ck_assert_uint_eq(count_entries(p, ""), 2);
    rf_manifest_free(one);
    rf_manifest_free(two);
    rf_place_free(p);
}
END_TEST

START_TEST(an_entry_without_its_blob_is_not_found)
{
    struct rf_place *p = open_dir("d", RF_OCI_DIR_CREATE);
    struct rf_manifest *m = NULL, *got = NULL;
    struct rf_err err = RF_ERR_INIT;
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    put_image(p, "", "v1", "cfg", layers_a, &m);
    char *path = blob_path("d", &m->digest);
    write_text(path, "torn");
    expect_error(rf_place_resolve(p, "", "v1", NULL, &d, &err), RFE_SIZE_MISMATCH, err, "has 4");
    expect_error(rf_place_get_manifest(p, "", "v1", NULL, NULL, &got, &err), RFE_DIGEST_MISMATCH,
                 err, "sha256:");
    ck_assert_int_eq(unlink(path), 0);
    expect_error(rf_place_resolve(p, "", "v1", NULL, &d, &err), RFE_NOT_FOUND, err, "sha256:");
    expect_error(rf_place_get_manifest(p, "", "v1", NULL, NULL, &got, &err), RFE_NOT_FOUND, err,
                 "sha256:");
    free(path);
    rf_manifest_free(m);
    rf_place_free(p);
}
END_TEST

START_TEST(reading_back_finds_a_lie)
{
    struct rf_place *p = open_dir("d", RF_OCI_DIR_CREATE);
    struct rf_manifest *m = make_image("cfg", layers_a, "");
    struct rf_err err = RF_ERR_INIT;
    put(p, "", "v1", m, RF_PUT_READ_BACK);
    put(p, "", NULL, m, RF_PUT_READ_BACK | RF_PUT_CHILD);
    /* The same length, other bytes: put itself does not look into a file that is there. */
    char *path = blob_path("d", &m->digest);
    char *bad = rf_xstrdup(m->body.ptr);
    bad[20] ^= 1;
    write_text(path, bad);
    expect_error(rf_place_put_manifest(p, "", "v1", m, RF_PUT_READ_BACK, &err), RFE_DIGEST_MISMATCH,
                 err, "sha256:");
    free(bad);
    free(path);
    rf_manifest_free(m);
    rf_place_free(p);
}
END_TEST

/* ---- blobs ---- */

START_TEST(blobs_go_in_and_out)
{
    struct rf_place *p = open_dir("d", RF_OCI_DIR_CREATE);
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest d = digest_of("hello"), empty = digest_of("");
    put_text_blob(p, "", "hello");
    put_text_blob(p, "", "");
    for (int how = RF_PROBE_HEAD; how <= RF_PROBE_RANGE; how++) {
        expect_ok(rf_place_probe_blob(p, "", &d, 5, (enum rf_probe)how, &err), err);
        expect_ok(rf_place_probe_blob(p, "", &empty, 0, (enum rf_probe)how, &err), err);
        expect_error(rf_place_probe_blob(p, "", &d, 6, (enum rf_probe)how, &err), RFE_NOT_FOUND,
                     err, "want 6");
    }
    struct rf_buf b;
    rf_buf_init(&b, 0);
    struct rf_sink *sink = rf_sink_buf(&b);
    expect_ok(rf_place_get_blob(p, "", &d, 5, 0, NULL, sink, &err), err);
    struct rf_hasher *start = rf_hasher_new(RF_DIGEST_SHA256);
    rf_hasher_update(start, "hel", 3);
    expect_ok(rf_place_get_blob(p, "", &d, 5, 3, start, sink, &err), err);
    ck_assert(rf_slice_is(rf_buf_slice(&b), "hellolo"));
    expect_error(rf_place_get_blob(p, "", &d, 4, 0, NULL, sink, &err), RFE_SIZE_MISMATCH, err,
                 "want 4");
    rf_sink_free(sink);
    rf_buf_release(&b);
    struct rf_source *src = NULL;
    expect_ok(rf_place_open_blob(p, "", &d, 5, &src, &err), err);
    ck_assert(rf_source_can_seek(src));
    rf_source_free(src);
    struct rf_digest sunk = digest_of("sunk");
    expect_ok(rf_place_blob_sink(p, "", &sunk, 4, &sink, &err), err);
    ck_assert_int_eq(rf_sink_write(sink, "sunk", 4, NULL), 0);
    ck_assert_int_eq(rf_sink_commit(sink, NULL), 0);
    rf_sink_free(sink);
    expect_ok(rf_place_probe_blob(p, "", &sunk, 4, RF_PROBE_HEAD, &err), err);
    expect_ok(rf_place_delete_blob(p, "", &sunk, &err), err);
    expect_error(rf_place_delete_blob(p, "", &sunk, &err), RFE_NOT_FOUND, err, "d: no blob");
    rf_place_free(p);
}
END_TEST

/* ---- trees ---- */

START_TEST(a_tree_has_a_layout_for_each_repository)
{
    struct rf_place *p = open_dir("t", RF_OCI_DIR_CREATE | RF_OCI_DIR_TREE);
    struct rf_manifest *m = NULL;
    struct rf_err err = RF_ERR_INIT;
    put_image(p, "library/alpine", "3.20", "cfg", layers_a, &m);
    put_image(p, "b", "1", "cfg", layers_a, NULL);
    put_image(p, "b/c/d", "1", "cfg", layers_a, NULL);
    ck_assert(file_is("t/library/alpine/oci-layout", LAYOUT));
    ck_assert(!is_there("t/oci-layout"));
    ck_assert(tag_is(p, "library/alpine", "3.20", m));
    /* What is no repository is passed over: folders, links to layouts, hidden ones. */
    ck_assert_int_eq(mkdir("t/Upper", 0755), 0);
    write_layout("t/Upper", INDEX_HEAD "]}");
    write_layout("t/.hidden", INDEX_HEAD "]}");
    ck_assert_int_eq(symlink("library", "t/linked"), 0);
    ck_assert_int_eq(symlink("..", "t/loop"), 0);
    ck_assert_int_eq(mkdir("t/empty", 0755), 0);
    write_text("t/file", "");
    struct rf_buf b;
    rf_buf_init(&b, 0);
    expect_ok(rf_place_list_repos(p, join_tag, &b, &err), err);
    ck_assert_str_eq(b.ptr, "b b/c/d library/alpine ");
    rf_buf_release(&b);
    rf_manifest_free(m);
    rf_place_free(p);
}
END_TEST

static const struct {
    const char *repo;
    int code;
} bad_repos[] = {
    { "", RFE_INVALID },
    { "..", RFE_INVALID },
    { "a/../../b", RFE_INVALID },
    { "/etc", RFE_INVALID },
    { "a//b", RFE_INVALID },
    { ".lock", RFE_INVALID },
    { "blobs", RFE_UNSUPPORTED },
    { "a/blobs/sha256", RFE_UNSUPPORTED },
    { "a/index.json", RFE_UNSUPPORTED },
    { "oci-layout/a", RFE_UNSUPPORTED },
};

START_TEST(bad_repositories_form_no_path)
{
    struct rf_place *p = open_dir("t", RF_OCI_DIR_CREATE | RF_OCI_DIR_TREE);
    struct rf_manifest *m = make_image("cfg", layers_a, "");
    struct rf_err err = RF_ERR_INIT;
    char *before = picture(".");
    int rc = rf_place_put_manifest(p, bad_repos[_i].repo, "v1", m, 0, &err);
    ck_assert_msg(rc == -bad_repos[_i].code, "%s: %s", bad_repos[_i].repo, err.msg);
    char *after = picture(".");
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
    rf_manifest_free(m);
    rf_place_free(p);
}
END_TEST

START_TEST(a_single_layout_has_no_repositories)
{
    struct rf_place *p = open_dir("d", RF_OCI_DIR_CREATE);
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest x = digest_of("x");
    expect_error(rf_place_probe_blob(p, "a", &x, 1, RF_PROBE_HEAD, &err), RFE_INVALID, err,
                 "single layout");
    put_image(p, "", "v1", "cfg", layers_a, NULL);
    struct rf_buf b;
    rf_buf_init(&b, 0);
    expect_ok(rf_place_list_repos(p, join_tag, &b, &err), err);
    ck_assert_str_eq(b.ptr, " ");
    rf_buf_release(&b);
    rf_place_free(p);
}
END_TEST

START_TEST(a_mount_in_a_tree_is_a_link)
{
    struct rf_place *p = open_dir("t", RF_OCI_DIR_CREATE | RF_OCI_DIR_TREE);
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest d = digest_of("hello");
    ck_assert((p->flags & RF_PLACE_CAN_MOUNT) != 0);
    expect_error(rf_place_mount(p, "to", "from", &d, 5, &err), RFE_NOT_FOUND, err, "from");
    ck_assert(!is_there("t/to"));
    put_text_blob(p, "from", "hello");
    expect_ok(rf_place_mount(p, "to", "from", &d, 5, &err), err);
    char *a = blob_path("t/from", &d), *b = blob_path("t/to", &d);
    struct stat sa, sb;
    ck_assert(stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_ino == sb.st_ino);
    ck_assert(file_is("t/to/oci-layout", LAYOUT));
    free(a);
    free(b);
    rf_place_free(p);
}
END_TEST

START_TEST(read_only_and_unwritable)
{
    struct rf_place *w = open_dir("d", RF_OCI_DIR_CREATE);
    put_image(w, "", "v1", "cfg", layers_a, NULL);
    rf_place_free(w);
    char *before = picture("d");
    struct rf_place *p = open_dir("d", RF_OCI_DIR_READ_ONLY);
    struct rf_err err = RF_ERR_INIT;
    struct rf_gc_result gc;
    ck_assert(tags_are(p, "", "v1 "));
    expect_error(rf_place_delete_tag(p, "", "v1", &err), RFE_UNSUPPORTED, err, "read-only");
    expect_error(rf_oci_dir_gc(p, "", &gc, &err), RFE_UNSUPPORTED, err, "read-only");
    expect_error(rf_place_can_write(p, "", &err), RFE_DENIED, err, "read-only");
    expect_ok(rf_place_hold(p, "", &err), err);
    rf_place_unhold(p, "");
    rf_place_free(p);
    char *after = picture("d");
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
    static const char *const paths[] = { "d", "new", "new/deep/er", "d/below", "/tmp", "." };
    for (size_t i = 0; i < RF_ARRAY_LEN(paths); i++) {
        p = open_dir(paths[i], RF_OCI_DIR_CREATE);
        expect_ok(rf_place_can_write(p, "", &err), err);
        rf_place_free(p);
    }
    ck_assert(!is_there("new"));
    if (geteuid() != 0) {
        ck_assert_int_eq(mkdir("closed", 0555), 0);
        p = open_dir("closed/x/y", RF_OCI_DIR_CREATE);
        expect_error(rf_place_can_write(p, "", &err), RFE_DENIED, err, "closed");
        rf_place_free(p);
    }
    /* The kernel's own files may not be written to by anybody. */
    p = open_dir("/proc/self/x", RF_OCI_DIR_CREATE);
    int rc = rf_place_can_write(p, "", &err);
    ck_assert(rc == 0 || rc == -RFE_DENIED);
    rf_place_free(p);
}
END_TEST

/* ---- referrers ---- */

static char *referrers(struct rf_place *p, const char *repo, const struct rf_manifest *subject)
{
    struct rf_buf b;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&b, 0);
    expect_ok(rf_place_referrers(p, repo, &subject->digest, NULL, join_digest, &b, &err), err);
    return rf_buf_take(&b, NULL);
}

static char *short_name(const struct rf_manifest *m, const char *type)
{
    char text[RF_DIGEST_TEXT];
    return rf_xasprintf("%.10s:%s ", rf_digest_text(&m->digest, text) + 7, type);
}

static struct rf_manifest *make_referrer(const struct rf_manifest *subject, const char *config,
                                         const char *type)
{
    char *d = descriptor_json(subject);
    char *extra = rf_xasprintf(
        ",\"artifactType\":\"%s\",\"subject\":%s,\"annotations\":{\"k\":\"%s\"}", type, d, config);
    struct rf_manifest *m = make_image(config, layers_a, extra);
    free(extra);
    free(d);
    return m;
}

START_TEST(a_fallback_tag_lists_referrers)
{
    struct rf_place *p = open_dir("d", RF_OCI_DIR_CREATE);
    struct rf_manifest *subject = NULL, *list = NULL;
    struct rf_err err = RF_ERR_INIT;
    put_image(p, "", "v1", "cfg", layers_a, &subject);
    struct rf_manifest *sig = make_referrer(subject, "sig", "application/sig");
    struct rf_manifest *bom = make_referrer(subject, "bom", "application/bom");
    char *none = referrers(p, "", subject);
    ck_assert_str_eq(none, "");
    free(none);
    put(p, "", NULL, sig, RF_PUT_CHILD);
    put(p, "", NULL, bom, RF_PUT_CHILD);
    put(p, "", NULL, sig, RF_PUT_CHILD); /* once is enough */
    char tag[RF_DIGEST_TEXT], text[RF_DIGEST_TEXT], text2[RF_DIGEST_TEXT];
    rf_fallback_tag(&subject->digest, tag);
    expect_ok(rf_place_get_manifest(p, "", tag, NULL, NULL, &list, &err), err);
    char *want = rf_xasprintf(
        INDEX_HEAD "{\"mediaType\":\"" RF_MT_OCI_MANIFEST
                   "\",\"digest\":\"%s\",\"size\":%zu,\"annotations\":{\"k\":\"sig\"},"
                   "\"artifactType\":\"application/sig\"},{\"mediaType\":\"" RF_MT_OCI_MANIFEST
                   "\",\"digest\":\"%s\",\"size\":%zu,\"annotations\":{\"k\":\"bom\"},"
                   "\"artifactType\":\"application/bom\"}]}",
        rf_digest_text(&sig->digest, text), sig->body.len, rf_digest_text(&bom->digest, text2),
        bom->body.len);
    ck_assert_str_eq(list->body.ptr, want);
    free(want);
    rf_manifest_free(list);
    char *a = short_name(sig, "application/sig"), *b = short_name(bom, "application/bom");
    char *both = rf_xasprintf("%s%s", a, b), *got = referrers(p, "", subject);
    ck_assert_str_eq(got, both);
    free(got);
    ck_assert_uint_eq(count_entries(p, ""), 2);
    /* Deleted ones leave the list, and an empty list goes. */
    expect_ok(rf_place_delete_manifest(p, "", &sig->digest, &err), err);
    got = referrers(p, "", subject);
    ck_assert_str_eq(got, b);
    free(got);
    expect_ok(rf_place_delete_manifest(p, "", &bom->digest, &err), err);
    ck_assert(tags_are(p, "", "v1 "));
    expect_error(rf_place_delete_manifest(p, "", &bom->digest, &err), RFE_NOT_FOUND, err,
                 "sha256:");
    free(a);
    free(b);
    free(both);
    rf_manifest_free(subject);
    rf_manifest_free(sig);
    rf_manifest_free(bom);
    rf_place_free(p);
}
END_TEST

/* Layouts of tools that write no fallback tags. */
START_TEST(listed_manifests_with_the_subject_are_referrers)
{
    struct rf_place *p = open_dir("d", RF_OCI_DIR_CREATE);
    struct rf_manifest *subject = NULL;
    put_image(p, "", "v1", "cfg", layers_a, &subject);
    struct rf_manifest *sig = make_referrer(subject, "sig", "application/sig");
    struct rf_manifest *other = make_referrer(sig, "other", "application/other");
    put(p, "", "tagged", sig, 0);
    put(p, "", NULL, other, 0);
    char tag[RF_DIGEST_TEXT];
    rf_fallback_tag(&subject->digest, tag);
    ck_assert_int_eq(rf_place_delete_tag(p, "", tag, NULL), 0);
    rf_fallback_tag(&sig->digest, tag);
    ck_assert_int_eq(rf_place_delete_tag(p, "", tag, NULL), 0);
    char *want = short_name(sig, "application/sig"), *got = referrers(p, "", subject);
    ck_assert_str_eq(got, want);
    free(got);
    free(want);
    want = short_name(other, "application/other");
    got = referrers(p, "", sig);
    ck_assert_str_eq(got, want);
    free(got);
    free(want);
    /* An entry whose blob is elsewhere is nobody's referrer; a damaged one might be: that is told. */
    struct rf_err err = RF_ERR_INIT;
    struct rf_manifest *absent = make_image("absent", layers_c, "");
    put(p, "", "absent", absent, 0);
    char *path = blob_path("d", &absent->digest);
    ck_assert_int_eq(unlink(path), 0);
    got = referrers(p, "", subject);
    ck_assert_str_ne(got, "");
    free(got);
    put(p, "", "again", absent, 0);
    write_text(path, "damaged");
    expect_error(rf_place_referrers(p, "", &subject->digest, NULL, join_digest, NULL, &err),
                 RFE_DIGEST_MISMATCH, err, "d");
    free(path);
    rf_manifest_free(absent);
    rf_manifest_free(subject);
    rf_manifest_free(sig);
    rf_manifest_free(other);
    rf_place_free(p);
}
END_TEST

/* ---- several at once ---- */

#define WRITERS 8
#define ROUNDS 12

struct crowd {
    struct rf_place *p;
    struct rf_manifest *m, *subject;
    int who;
};

static int put_many(void *ctx, size_t i, struct rf_err *err)
{
    struct crowd *c = ctx;
    char tag[32], config[32];
    (void)snprintf(tag, sizeof(tag), "t-%d-%02zu", c->who, i);
    (void)snprintf(config, sizeof(config), "c-%d-%zu", c->who, i);
    struct rf_manifest *ref = make_referrer(c->subject, config, "application/x");
    int rc = rf_place_put_manifest(c->p, "", tag, c->m, 0, err);
    if (rc == 0)
        rc = rf_place_put_manifest(c->p, "", NULL, ref, RF_PUT_CHILD, err);
    rf_manifest_free(ref);
    return rc;
}

/* Threads of several processes write tags and referrers into one layout: none is lost. */
START_TEST(no_entry_is_lost_between_writers)
{
    struct crowd c = { .m = make_image("cfg", layers_a, ""),
                       .subject = make_image("sub", layers_c, "") };
    pid_t children[3];
    for (int i = 0; i < 3; i++) {
        children[i] = fork();
        ck_assert_int_ge(children[i], 0);
        if (children[i] == 0) {
            struct rf_err err = RF_ERR_INIT;
            c.who = i;
            c.p = NULL;
            int rc = rf_oci_dir_open("d", RF_OCI_DIR_CREATE, &c.p, &err);
            if (rc == 0)
                rc = rf_parallel(WRITERS, ROUNDS, put_many, &c, &err);
            if (rc < 0)
                fprintf(stderr, "%s\n", err.msg);
            rf_place_free(c.p);
            rf_manifest_free(c.m);
            rf_manifest_free(c.subject);
            _exit(rc == 0 ? 0 : 1);
        }
    }
    for (int i = 0; i < 3; i++) {
        int status = -1;
        ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
        ck_assert_int_eq(status, 0);
    }
    struct rf_place *p = open_dir("d", 0);
    ck_assert_uint_eq(count_entries(p, ""), 3 * ROUNDS + 1);
    char *all = referrers(p, "", c.subject);
    ck_assert_uint_eq(strlen(all), 3 * ROUNDS * strlen("0123456789:application/x "));
    free(all);
    rf_place_free(p);
    rf_manifest_free(c.m);
    rf_manifest_free(c.subject);
}
END_TEST

/* Changes that are written together: one that fails spoils no other, and says so to its own caller only. */
static int put_or_fail(void *ctx, size_t i, struct rf_err *err)
{
    struct crowd *c = ctx;
    char tag[32];
    (void)snprintf(tag, sizeof(tag), "t-%zu", i);
    if (i % 3 != 0)
        return rf_place_put_manifest(c->p, "", tag, c->m, i % 3 == 1 ? RF_PUT_READ_BACK : 0, err);
    int rc = rf_place_delete_tag(c->p, "", tag, err);
    ck_assert_int_eq(rc, -RFE_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err->msg, tag));
    *err = (struct rf_err)RF_ERR_INIT;
    return 0;
}

START_TEST(a_failed_change_spoils_no_other)
{
    struct crowd c = { .p = open_dir("d", RF_OCI_DIR_CREATE),
                       .m = make_image("cfg", layers_a, "") };
    struct rf_err err = RF_ERR_INIT;
    put(c.p, "", "first", c.m, 0);
    expect_ok(rf_parallel(WRITERS, 60, put_or_fail, &c, &err), err);
    ck_assert_uint_eq(count_entries(c.p, ""), 41);
    rf_place_free(c.p);
    rf_manifest_free(c.m);
}
END_TEST

/* A change by another process is seen at once. */
START_TEST(changes_of_others_are_seen)
{
    struct rf_place *a = open_dir("d", RF_OCI_DIR_CREATE), *b = open_dir("d", 0);
    struct rf_manifest *one = make_image("cfg1", layers_a, "");
    struct rf_manifest *two = make_image("cfg2", layers_a, "");
    for (int i = 0; i < 20; i++) {
        put(a, "", "v", i % 2 == 0 ? one : two, 0);
        ck_assert(tag_is(b, "", "v", i % 2 == 0 ? one : two));
        put(b, "", "w", i % 2 == 0 ? two : one, 0);
        ck_assert(tag_is(a, "", "w", i % 2 == 0 ? two : one));
    }
    rf_place_free(a);
    rf_place_free(b);
    rf_manifest_free(one);
    rf_manifest_free(two);
}
END_TEST

/* ---- garbage ---- */

START_TEST(garbage_goes_and_all_else_stays)
{
    struct rf_place *p = open_dir("d", RF_OCI_DIR_CREATE);
    struct rf_manifest *image = NULL, *child = NULL, *gone = NULL;
    struct rf_err err = RF_ERR_INIT;
    struct rf_gc_result gc = { 0 };
    put_image(p, "", "v1", "cfg", layers_a, &image);
    put_image(p, "", NULL, "cfg2", layers_ab, &child);
    put_image(p, "", "gone", "cfg3", layers_c, &gone);
    const struct rf_manifest *children[] = { child, NULL };
    struct rf_manifest *ix = make_index(children, "");
    put(p, "", "multi", ix, 0);
    struct rf_manifest *sig = make_referrer(image, "sig", "application/sig");
    put_text_blob(p, "", "sig");
    put(p, "", NULL, sig, RF_PUT_CHILD);
    put_text_blob(p, "", "stray");
    expect_ok(rf_oci_dir_gc(p, "", &gc, &err), err);
    ck_assert_uint_eq(gc.blobs_deleted, 1);
    ck_assert_uint_eq(gc.bytes_deleted, 5);
    /* image, cfg, a; child, cfg2, b; gone, cfg3, c; index; sig and its config; the fallback list */
    ck_assert_uint_eq(gc.blobs_kept, 13);
    ck_assert_int_eq(rf_place_delete_tag(p, "", "gone", NULL), 0);
    write_text("d/blobs/sha256/.new-1-2-3", "of a killed writer");
    write_text("d/blobs/sha256/README", "kept");
    expect_ok(rf_oci_dir_gc(p, "", &gc, &err), err);
    ck_assert_uint_eq(gc.blobs_deleted, 3);
    ck_assert_uint_eq(gc.blobs_kept, 10);
    ck_assert(!is_there("d/blobs/sha256/.new-1-2-3"));
    ck_assert(is_there("d/blobs/sha256/README"));
    ck_assert(tag_is(p, "", "v1", image) && tag_is(p, "", "multi", ix));
    char *all = referrers(p, "", image);
    ck_assert_str_ne(all, "");
    free(all);
    struct rf_digest b = digest_of("b"), c = digest_of("c");
    ck_assert_int_eq(rf_place_probe_blob(p, "", &b, 1, RF_PROBE_HEAD, NULL), 0);
    ck_assert_int_eq(rf_place_probe_blob(p, "", &c, 1, RF_PROBE_HEAD, NULL), -RFE_NOT_FOUND);
    rf_manifest_free(image);
    rf_manifest_free(child);
    rf_manifest_free(gone);
    rf_manifest_free(ix);
    rf_manifest_free(sig);
    rf_place_free(p);
}
END_TEST

START_TEST(missing_manifests_are_tolerated_damaged_ones_are_not)
{
    struct rf_place *p = open_dir("d", RF_OCI_DIR_CREATE);
    struct rf_manifest *image = NULL, *child = make_image("elsewhere", layers_c, "");
    struct rf_err err = RF_ERR_INIT;
    struct rf_gc_result gc = { 0 };
    put_image(p, "", "v1", "cfg", layers_a, &image);
    const struct rf_manifest *children[] = { child, image, NULL };
    struct rf_manifest *ix = make_index(children, "");
    put(p, "", "sparse", ix, 0);
    put_text_blob(p, "", "stray");
    expect_ok(rf_oci_dir_gc(p, "", &gc, &err), err);
    ck_assert_uint_eq(gc.blobs_deleted, 1);
    put_text_blob(p, "", "stray");
    char *path = blob_path("d", &image->digest);
    char *bad = rf_xstrdup(image->body.ptr);
    bad[3] ^= 1;
    write_text(path, bad);
    char *before = picture("d/blobs");
    expect_error(rf_oci_dir_gc(p, "", &gc, &err), RFE_DIGEST_MISMATCH, err, "cannot be told");
    char *after = picture("d/blobs");
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
    free(bad);
    free(path);
    rf_manifest_free(image);
    rf_manifest_free(child);
    rf_manifest_free(ix);
    rf_place_free(p);
}
END_TEST

/* A document of a kind that we do not know keeps what it names, and what those name. */
START_TEST(unknown_documents_keep_what_they_name)
{
    struct rf_place *p = open_dir("d", RF_OCI_DIR_CREATE);
    struct rf_err err = RF_ERR_INIT;
    struct rf_gc_result gc = { 0 };
    struct rf_digest a = digest_of("blob a"), b = digest_of("blob b");
    char ta[RF_DIGEST_TEXT], tb[RF_DIGEST_TEXT], tc[RF_DIGEST_TEXT];
    put_text_blob(p, "", "blob a");
    put_text_blob(p, "", "blob b");
    put_text_blob(p, "", "stray");
    char *inner = rf_xasprintf("{\"x\":[{\"digest\":\"%s\"}]}", rf_digest_text(&b, tb));
    struct rf_digest di = digest_of(inner);
    put_text_blob(p, "", inner);
    char *outer = rf_xasprintf("{\"blobs\":[{\"digest\":\"%s\"},\"%s\",7,null,\"sha256:x\"]}",
                               rf_digest_text(&a, ta), rf_digest_text(&di, tb));
    struct rf_digest d_outer = digest_of(outer);
    put_text_blob(p, "", outer);
    char *index = rf_xasprintf(INDEX_HEAD "{\"mediaType\":\"" RF_MT_OCI_ARTIFACT
                                          "\",\"digest\":\"%s\",\"size\":%zu}]}",
                               rf_digest_text(&d_outer, tc), strlen(outer));
    write_text("d/index.json", index);
    expect_ok(rf_oci_dir_gc(p, "", &gc, &err), err);
    ck_assert_uint_eq(gc.blobs_deleted, 1);
    ck_assert_uint_eq(gc.blobs_kept, 4);
    free(inner);
    free(outer);
    free(index);
    rf_place_free(p);
}
END_TEST

START_TEST(collecting_keeps_away_from_writers)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_gc_result gc = { 0 };
    unsigned flags = RF_OCI_DIR_CREATE | (_i == 1 ? RF_OCI_DIR_TREE : 0);
    const char *repo = _i == 1 ? "r/s" : "";
    struct rf_place *p = open_dir("d", flags);
    put_image(p, repo, "v1", "cfg", layers_a, NULL);
    /* Held in this process. */
    expect_ok(rf_place_hold(p, repo, &err), err);
    expect_ok(rf_place_hold(p, repo, &err), err);
    expect_error(rf_oci_dir_gc(p, repo, &gc, &err), RFE_BUSY, err, "in use");
    rf_place_unhold(p, repo);
    expect_error(rf_oci_dir_gc(p, repo, &gc, &err), RFE_BUSY, err, "in use");
    rf_place_unhold(p, repo);
    expect_ok(rf_oci_dir_gc(p, repo, &gc, &err), err);
    /* Another one that has written (as another process would). */
    struct rf_place *other = open_dir("d", flags);
    put_text_blob(other, repo, "not named yet");
    expect_error(rf_oci_dir_gc(p, repo, &gc, &err), RFE_BUSY, err, "another process writes");
    struct rf_digest d = digest_of("not named yet");
    expect_ok(rf_place_probe_blob(p, repo, &d, 13, RF_PROBE_HEAD, &err), err);
    rf_place_free(other);
    expect_ok(rf_oci_dir_gc(p, repo, &gc, &err), err);
    ck_assert_uint_eq(gc.blobs_deleted, 1);
    /* Readers are in nobody's way. */
    other = open_dir("d", _i == 1 ? RF_OCI_DIR_TREE : 0);
    ck_assert(tags_are(other, repo, "v1 "));
    expect_ok(rf_oci_dir_gc(p, repo, &gc, &err), err);
    rf_place_free(other);
    rf_place_free(p);
}
END_TEST

/* ---- hostile layouts ---- */

static const struct {
    const char *index; /* NULL: see the test */
    int code;
    const char *text;
} bad_indexes[] = {
    { "", RFE_INVALID, "index.json" },
    { "[]", RFE_INVALID, "index.json" },
    { "{\"schemaVersion\":2,\"manifests\":[]} x", RFE_INVALID, "index.json" },
    { "{\"schemaVersion\":1,\"manifests\":[]}", RFE_UNSUPPORTED, "schemaVersion" },
    { "{\"manifests\":[]}", RFE_INVALID, "schemaVersion" },
    { "{\"schemaVersion\":2,\"manifests\":{}}", RFE_INVALID, "manifests" },
    { "{\"schemaVersion\":2,\"manifests\":[1]}", RFE_INVALID, "manifests[0]" },
    { "{\"schemaVersion\":2,\"manifests\":[],\"manifests\":[]}", RFE_INVALID, "index.json" },
    { "{\"schemaVersion\":2,\"manifests\":[],\"Manifests\":[]}", RFE_AMBIGUOUS, "Manifests" },
    { "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"a/b\",\"size\":1}]}", RFE_INVALID,
      "manifests[0].digest" },
    { "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"a/b\",\"size\":1,\"digest\":"
      "\"sha256:../../../../etc/passwd\"}]}",
      RFE_INVALID, "manifests[0].digest" },
    { "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"a/b\",\"size\":-1,\"digest\":"
      "\"sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\"}]}",
      RFE_INVALID, "manifests[0].size" },
};

START_TEST(bad_indexes_are_refused)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    struct rf_manifest *m = make_image("cfg", layers_a, "");
    write_layout("d", bad_indexes[_i].index);
    struct rf_place *p = open_dir("d", RF_OCI_DIR_CREATE);
    expect_error(rf_place_resolve(p, "", "v1", NULL, &d, &err), bad_indexes[_i].code, err,
                 bad_indexes[_i].text);
    ck_assert(strstr(err.msg, "d: ") != NULL);
    /* It is not written over either. */
    expect_error(rf_place_put_manifest(p, "", "v1", m, 0, &err), bad_indexes[_i].code, err,
                 bad_indexes[_i].text);
    ck_assert(file_is("d/index.json", bad_indexes[_i].index));
    rf_manifest_free(m);
    rf_place_free(p);
}
END_TEST

START_TEST(index_bombs_are_refused)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    struct rf_place *p = open_dir("d", 0);
    struct rf_buf b;
    rf_buf_init(&b, 80u << 20);
    /* Deeply nested. */
    rf_buf_add_str(&b, "{\"schemaVersion\":2,\"x\":");
    for (int i = 0; i < 100000; i++)
        rf_buf_add_char(&b, '[');
    write_layout("d", b.ptr);
    expect_error(rf_place_resolve(p, "", "v1", NULL, &d, &err), RFE_INVALID, err, "index.json");
    /* Over the number of entries. */
    rf_buf_clear(&b);
    rf_buf_add_str(&b, INDEX_HEAD "0");
    for (int i = 0; i < 100000; i++)
        rf_buf_add_str(&b, ",0");
    rf_buf_add_str(&b, "]}");
    write_layout("d", b.ptr);
    int rc = rf_place_resolve(p, "", "v1", NULL, &d, &err);
    ck_assert_msg(rc == -RFE_TOO_LARGE || rc == -RFE_INVALID, "%s", err.msg);
    ck_assert_ptr_nonnull(strstr(err.msg, "100000"));
    rf_buf_release(&b);
    /* Over the number of bytes; not read at all. */
    ck_assert_int_eq(truncate("d/index.json", (64 << 20) + 1), 0);
    expect_error(rf_place_resolve(p, "", "v1", NULL, &d, &err), RFE_TOO_LARGE, err, "67108865");
    rf_place_free(p);
}
END_TEST

static const struct {
    const char *text;
    int code;
} bad_layouts[] = { { "", RFE_INVALID },
                    { "{}", RFE_INVALID },
                    { "{\"imageLayoutVersion\":1}", RFE_INVALID },
                    { "{\"imageLayoutVersion\":\"2.0.0\"}", RFE_UNSUPPORTED },
                    { "{\"imageLayoutVersion\":\"1.0.0\",\"imageLayoutVersion\":\"1.0.0\"}",
                      RFE_INVALID } };

START_TEST(bad_layout_files_are_refused)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    write_layout("d", INDEX_HEAD "]}");
    write_text("d/oci-layout", bad_layouts[_i].text);
    struct rf_place *p = open_dir("d", 0);
    expect_error(rf_place_resolve(p, "", "v1", NULL, &d, &err), bad_layouts[_i].code, err,
                 "oci-layout");
    rf_place_free(p);
}
END_TEST

/* The layout's own files as links, FIFOs and folders. */
START_TEST(odd_files_in_a_layout_are_refused)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    static const char *const files[] = { "d/oci-layout", "d/index.json" };
    const char *file = files[_i % 2];
    struct rf_manifest *m = make_image("cfg", layers_a, "");
    write_layout("d", INDEX_HEAD "]}");
    write_text("secret", _i % 2 == 0 ? LAYOUT : INDEX_HEAD "]}");
    ck_assert_int_eq(unlink(file), 0);
    if (_i / 2 == 0)
        ck_assert_int_eq(symlink("../secret", file), 0);
    else if (_i / 2 == 1)
        ck_assert_int_eq(mkfifo(file, 0600), 0);
    else
        ck_assert_int_eq(mkdir(file, 0755), 0);
    struct rf_place *p = open_dir("d", 0);
    expect_error(rf_place_resolve(p, "", "v1", NULL, &d, &err), RFE_INVALID, err, file);
    expect_error(rf_place_put_manifest(p, "", "v1", m, 0, &err), RFE_INVALID, err, file);
    ck_assert(file_is("secret", _i % 2 == 0 ? LAYOUT : INDEX_HEAD "]}"));
    rf_manifest_free(m);
    rf_place_free(p);
}
END_TEST

START_TEST(a_linked_lock_or_blob_leads_nowhere)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_manifest *m = make_image("cfg", layers_a, ""), *got = NULL;
    struct rf_place *p = open_dir("d", RF_OCI_DIR_CREATE);
    put(p, "", "v1", m, 0);
    write_file("outside", rf_buf_slice(&m->body));
    char *path = blob_path("d", &m->digest);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(symlink("../../../outside", path), 0);
    expect_error(rf_place_get_manifest(p, "", "v1", NULL, NULL, &got, &err), RFE_INVALID, err,
                 "link");
    ck_assert_int_eq(unlink("d/.lock"), 0);
    ck_assert_int_eq(symlink("../made", "d/.lock"), 0);
    ck_assert_int_lt(rf_place_put_manifest(p, "", "v2", m, 0, &err), 0);
    ck_assert(!is_there("made"));
    free(path);
    rf_manifest_free(m);
    rf_place_free(p);
}
END_TEST

Suite *rf_oci_dir_suite(void)
{
    Suite *s = suite_create("oci_dir");
    TCase *c = tcase_create("layout");
    tcase_add_checked_fixture(c, work_setup, work_teardown);
    tcase_add_test(c, files_are_as_upstream_writes_them);
    tcase_add_test(c, upstreams_misspelt_variable_works_too);
    tcase_add_loop_test(c, an_absent_layout_is_not_found, 0, 3);
    tcase_add_test(c, other_folders_stay_as_they_are);
    tcase_add_test(c, tags_are_put_in_place);
    tcase_add_test(c, foreign_entries_are_kept);
    tcase_add_test(c, whole_names_are_tags_by_their_end);
    tcase_add_test(c, manifests_without_a_tag);
    tcase_add_test(c, an_entry_without_its_blob_is_not_found);
    tcase_add_test(c, reading_back_finds_a_lie);
    tcase_add_test(c, blobs_go_in_and_out);
    tcase_add_test(c, a_tree_has_a_layout_for_each_repository);
    tcase_add_loop_test(c, bad_repositories_form_no_path, 0, (int)RF_ARRAY_LEN(bad_repos));
    tcase_add_test(c, a_single_layout_has_no_repositories);
    tcase_add_test(c, a_mount_in_a_tree_is_a_link);
    tcase_add_test(c, read_only_and_unwritable);
    tcase_add_test(c, a_fallback_tag_lists_referrers);
    tcase_add_test(c, listed_manifests_with_the_subject_are_referrers);
    suite_add_tcase(s, c);
    TCase *many = tcase_create("many");
    tcase_add_checked_fixture(many, work_setup, work_teardown);
    tcase_set_timeout(many, 120);
    tcase_add_test(many, no_entry_is_lost_between_writers);
    tcase_add_test(many, a_failed_change_spoils_no_other);
    tcase_add_test(many, changes_of_others_are_seen);
    suite_add_tcase(s, many);
    TCase *garbage = tcase_create("garbage");
    tcase_add_checked_fixture(garbage, work_setup, work_teardown);
    tcase_add_test(garbage, garbage_goes_and_all_else_stays);
    tcase_add_test(garbage, missing_manifests_are_tolerated_damaged_ones_are_not);
    tcase_add_test(garbage, unknown_documents_keep_what_they_name);
    tcase_add_loop_test(garbage, collecting_keeps_away_from_writers, 0, 2);
    suite_add_tcase(s, garbage);
    TCase *hostile = tcase_create("hostile");
    tcase_add_checked_fixture(hostile, work_setup, work_teardown);
    tcase_set_timeout(hostile, 30);
    tcase_add_loop_test(hostile, bad_indexes_are_refused, 0, (int)RF_ARRAY_LEN(bad_indexes));
    tcase_add_test(hostile, index_bombs_are_refused);
    tcase_add_loop_test(hostile, bad_layout_files_are_refused, 0, (int)RF_ARRAY_LEN(bad_layouts));
    tcase_add_loop_test(hostile, odd_files_in_a_layout_are_refused, 0, 6);
    tcase_add_test(hostile, a_linked_lock_or_blob_leads_nowhere);
    suite_add_tcase(s, hostile);
    return s;
}
