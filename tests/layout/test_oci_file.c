/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "base/mem.h"
#include "base/parallel.h"
#include "layout/oci_file.h"
#include "layout/oci_index.h"
#include "layout/tar_index.h"
#include "tests/layout/helper_layout.h"

Suite *rf_oci_file_suite(void);

static const char *const layers_a[] = { "a", NULL };
static const char *const layers_b[] = { "b", NULL };

/* ---- making such files ---- */

static void add_blob(struct rf_buf *tar, const char *text)
{
    struct rf_digest d = digest_of(text);
    char *path = blob_path("x", &d);
    tar_file(tar, path + 2, text);
    free(path);
}

static void add_image(struct rf_buf *tar, const struct rf_manifest *m, const char *config,
                      const char *layer)
{
    if (config != NULL)
        add_blob(tar, config);
    if (layer != NULL)
        add_blob(tar, layer);
    add_blob(tar, m->body.ptr);
}

static void add_entry(struct rf_buf *index, const struct rf_manifest *m, const char *name)
{
    char *d = descriptor_json(m);
    if (index->len == 0)
        rf_buf_add_str(index, "{\"schemaVersion\":2,\"manifests\":[");
    else
        rf_buf_add_char(index, ',');
    if (name == NULL)
        rf_buf_add_str(index, d);
    else
        rf_buf_addf(index, "%.*s,\"annotations\":{\"" RF_ANNOTATION_REF_NAME "\":\"%s\"}}",
                    (int)strlen(d) - 1, d, name);
    free(d);
}

/* Writes x.tar: the index, then the blobs that were added to `tar` already. */
static void write_tar(struct rf_buf *index, struct rf_buf *tar)
{
    struct rf_buf all;
    rf_buf_init(&all, 0);
    rf_buf_add_str(index, index->len == 0 ? "{\"schemaVersion\":2,\"manifests\":[]}" : "]}");
    tar_file(&all, "oci-layout", RF_OCI_LAYOUT_TEXT);
    tar_file(&all, "index.json", index->ptr);
    rf_buf_add(&all, tar->ptr, tar->len);
    tar_end(&all);
    write_file("x.tar", rf_buf_slice(&all));
    rf_buf_release(&all);
    rf_buf_release(index);
    rf_buf_release(tar);
}

static struct rf_place *open_tar(void)
{
    struct rf_place *p = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_oci_file_open("x.tar", &p, &err), err);
    return p;
}

static bool tag_is(struct rf_place *p, const char *repo, const char *tag,
                   const struct rf_manifest *m)
{
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    struct rf_manifest *got = NULL;
    bool same = rf_place_resolve(p, repo, tag, NULL, &d, NULL) == 0 &&
                rf_digest_eq(&d.digest, &m->digest) && d.size == m->body.len &&
                rf_place_get_manifest(p, repo, tag, NULL, NULL, &got, NULL) == 0 &&
                rf_slice_eq(rf_buf_slice(&got->body), rf_buf_slice(&m->body));
    rf_descriptor_release(&d);
    rf_manifest_free(got);
    return same;
}

static int join_tag(void *ctx, const char *tag, struct rf_err *err)
{
    (void)err;
    rf_buf_addf(ctx, "[%s]", tag);
    return 0;
}

static bool tags_are(struct rf_place *p, const char *repo, const char *want)
{
    struct rf_buf b;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&b, 0);
    int rc = repo != NULL ? rf_place_list_tags(p, repo, join_tag, &b, &err)
                          : rf_place_list_repos(p, join_tag, &b, &err);
    expect_ok(rc, err);
    bool same = strcmp(b.ptr, want) == 0;
    if (!same)
        fprintf(stderr, "%s\n", b.ptr);
    rf_buf_release(&b);
    return same;
}

/* ---- repositories and tags ---- */

struct two {
    struct rf_buf index, tar;
    struct rf_manifest *a, *b;
};

static struct two make_two(void)
{
    struct two t = { .a = make_image("cfg a", layers_a, ""),
                     .b = make_image("cfg b", layers_b, "") };
    rf_buf_init(&t.index, 0);
    rf_buf_init(&t.tar, 0);
    add_image(&t.tar, t.a, "cfg a", "a");
    add_image(&t.tar, t.b, "cfg b", "b");
    return t;
}

static void free_two(struct two *t)
{
    rf_manifest_free(t->a);
    rf_manifest_free(t->b);
}

START_TEST(a_bundle_has_repositories)
{
    struct two t = make_two();
    struct rf_err err = RF_ERR_INIT;
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    add_entry(&t.index, t.a, "library/alpine:3.20");
    add_entry(&t.index, t.b, "library/alpine:3.19");
    add_entry(&t.index, t.b, "nginx:1.27");
    write_tar(&t.index, &t.tar);
    struct rf_place *p = open_tar();
    ck_assert_str_eq(p->name, "ocifile://x.tar");
    ck_assert(tags_are(p, NULL, "[library/alpine][nginx]"));
    ck_assert(tags_are(p, "library/alpine", "[3.19][3.20]"));
    ck_assert(tags_are(p, "nginx", "[1.27]"));
    ck_assert(tags_are(p, "", "[library/alpine:3.19][library/alpine:3.20][nginx:1.27]"));
    ck_assert(tag_is(p, "library/alpine", "3.20", t.a));
    ck_assert(tag_is(p, "library/alpine", "3.19", t.b));
    ck_assert(tag_is(p, "", "library/alpine:3.20", t.a));
    ck_assert(tag_is(p, "", "3.20", t.a));
    ck_assert(tag_is(p, "", "1.27", t.b));
    expect_error(rf_place_resolve(p, "nginx", "3.20", NULL, &d, &err), RFE_NOT_FOUND, err,
                 "nginx:3.20");
    expect_error(rf_place_resolve(p, "alpine", "3.20", NULL, &d, &err), RFE_NOT_FOUND, err,
                 "alpine:3.20");
    expect_error(rf_place_list_tags(p, "none", join_tag, NULL, &err), RFE_NOT_FOUND, err, "none");
    rf_place_free(p);
    free_two(&t);
}
END_TEST

START_TEST(a_plain_archive_has_one)
{
    struct two t = make_two();
    add_entry(&t.index, t.a, "3.20");
    add_entry(&t.index, t.b, NULL);
    write_tar(&t.index, &t.tar);
    struct rf_place *p = open_tar();
    struct rf_manifest *got = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert(tags_are(p, NULL, "[]"));
    ck_assert(tags_are(p, "", "[3.20]"));
    ck_assert(tag_is(p, "", "3.20", t.a));
    expect_ok(rf_place_get_manifest(p, "", NULL, &t.b->digest, NULL, &got, &err), err);
    rf_manifest_free(got);
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    expect_ok(rf_place_resolve(p, "", NULL, &t.b->digest, &d, &err), err);
    ck_assert_str_eq(d.media_type, RF_MT_OCI_MANIFEST);
    rf_descriptor_release(&d);
    rf_place_free(p);
    free_two(&t);
}
END_TEST

START_TEST(mixed_and_odd_names)
{
    struct two t = make_two();
    struct rf_err err = RF_ERR_INIT;
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    add_entry(&t.index, t.a, "x/y:1");
    add_entry(&t.index, t.b, "plain");
    add_entry(&t.index, t.b, "Upper/Case:1");
    add_entry(&t.index, t.b, "bad name\\u001b");
    add_entry(&t.index, t.b, "../../etc:1");
    write_tar(&t.index, &t.tar);
    struct rf_place *p = open_tar();
    ck_assert(tags_are(p, NULL, "[][x/y]"));
    ck_assert(tags_are(p, "", "[../../etc:1][Upper/Case:1][plain][x/y:1]"));
    expect_error(rf_place_resolve(p, "", "1", NULL, &d, &err), RFE_AMBIGUOUS, err, "x/y:1 or");
    rf_place_free(p);
    free_two(&t);
}
END_TEST

START_TEST(an_empty_layout)
{
    struct rf_buf index, tar;
    rf_buf_init(&index, 0);
    rf_buf_init(&tar, 0);
    write_tar(&index, &tar);
    struct rf_place *p = open_tar();
    ck_assert(tags_are(p, NULL, "[]"));
    ck_assert(tags_are(p, "", ""));
    rf_place_free(p);
}
END_TEST

/* ---- blobs ---- */

START_TEST(blobs_are_read_in_place)
{
    struct two t = make_two();
    struct rf_err err = RF_ERR_INIT;
    write_tar(&t.index, &t.tar);
    struct rf_place *p = open_tar();
    struct rf_digest d = digest_of("cfg a"), none = digest_of("none");
    ck_assert((p->flags & RF_PLACE_LOCAL) != 0);
    expect_ok(rf_place_probe_blob(p, "any/repo", &d, 5, RF_PROBE_RANGE, &err), err);
    expect_ok(rf_place_probe_blob(p, "", &d, 0, RF_PROBE_HEAD, &err), err);
    ck_assert_int_lt(rf_place_probe_blob(p, "", &d, 6, RF_PROBE_HEAD, &err), 0);
    expect_error(rf_place_probe_blob(p, "", &none, 4, RF_PROBE_HEAD, &err), RFE_NOT_FOUND, err,
                 "does not hold the blob sha256:");
    struct rf_source *src = NULL;
    char got[16] = "";
    expect_ok(rf_place_open_blob(p, "", &d, 5, &src, &err), err);
    ck_assert_int_eq(rf_source_read(src, got, sizeof(got), NULL), 5);
    ck_assert_str_eq(got, "cfg a");
    ck_assert_int_eq(rf_source_read(src, got, sizeof(got), NULL), 0);
    rf_source_free(src);
    struct rf_buf b;
    rf_buf_init(&b, 0);
    struct rf_sink *sink = rf_sink_buf(&b);
    struct rf_hasher *start = rf_hasher_new(RF_DIGEST_SHA256);
    rf_hasher_update(start, "cf", 2);
    expect_ok(rf_place_get_blob(p, "", &d, 5, 2, start, sink, &err), err);
    ck_assert_str_eq(b.ptr, "g a");
    rf_sink_free(sink);
    rf_buf_release(&b);
    rf_place_free(p);
    free_two(&t);
}
END_TEST

static int read_all(void *ctx, size_t i, struct rf_err *err)
{
    struct rf_digest d = digest_of(i % 2 == 0 ? "cfg a" : "cfg b");
    struct rf_buf b;
    rf_buf_init(&b, 0);
    struct rf_sink *sink = rf_sink_buf(&b);
    int rc = rf_place_get_blob(ctx, "", &d, 5, 0, NULL, sink, err);
    rf_sink_free(sink);
    rf_buf_release(&b);
    return rc;
}

START_TEST(many_read_at_once)
{
    struct two t = make_two();
    struct rf_err err = RF_ERR_INIT;
    write_tar(&t.index, &t.tar);
    struct rf_place *p = open_tar();
    expect_ok(rf_parallel(8, 200, read_all, p, &err), err);
    rf_place_free(p);
    free_two(&t);
}
END_TEST

/* An incremental bundle names blobs that are elsewhere. */
START_TEST(absent_and_damaged_blobs)
{
    struct two t = make_two();
    struct rf_err err = RF_ERR_INIT;
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    struct rf_manifest *absent = make_image("elsewhere", layers_a, ""), *got = NULL;
    add_entry(&t.index, absent, "absent:1");
    add_entry(&t.index, t.a, "there:1");
    write_tar(&t.index, &t.tar);
    struct rf_place *p = open_tar();
    expect_error(rf_place_resolve(p, "absent", "1", NULL, &d, &err), RFE_NOT_FOUND, err,
                 "does not hold the blob sha256:");
    expect_error(rf_place_get_manifest(p, "absent", "1", NULL, NULL, &got, &err), RFE_NOT_FOUND,
                 err, "does not hold the blob sha256:");
    ck_assert(tag_is(p, "there", "1", t.a));
    /* Bytes that change under our hands are noticed where they are used. */
    struct stat st;
    ck_assert_int_eq(stat("x.tar", &st), 0);
    int fd = open("x.tar", O_RDWR | O_CLOEXEC);
    char *bytes = rf_xmalloc((size_t)st.st_size);
    ck_assert_int_eq(pread(fd, bytes, (size_t)st.st_size, 0), st.st_size);
    char *at = memmem(bytes, (size_t)st.st_size, t.a->body.ptr, t.a->body.len);
    ck_assert_ptr_nonnull(at);
    ck_assert_int_eq(pwrite(fd, "X", 1, at - bytes + 3), 1);
    (void)close(fd);
    free(bytes);
    expect_error(rf_place_get_manifest(p, "there", "1", NULL, NULL, &got, &err),
                 RFE_DIGEST_MISMATCH, err, "x.tar");
    ck_assert_int_eq(truncate("x.tar", 3000), 0);
    ck_assert_int_lt(rf_place_get_manifest(p, "there", "1", NULL, NULL, &got, &err), 0);
    rf_place_free(p);
    rf_manifest_free(absent);
    free_two(&t);
}
END_TEST

START_TEST(it_is_read_only)
{
    struct two t = make_two();
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest d = digest_of("x");
    write_tar(&t.index, &t.tar);
    struct rf_place *p = open_tar();
    expect_error(rf_place_put_manifest(p, "", "v1", t.a, 0, &err), RFE_UNSUPPORTED, err,
                 "read-only");
    expect_error(rf_place_delete_blob(p, "", &d, &err), RFE_UNSUPPORTED, err, "read-only");
    expect_error(rf_place_can_write(p, "", &err), RFE_DENIED, err, "read-only");
    rf_place_free(p);
    free_two(&t);
}
END_TEST

/* ---- referrers ---- */

static int count(void *ctx, const struct rf_descriptor *d, struct rf_err *err)
{
    (void)err;
    ck_assert_str_eq(d->artifact_type, "application/sig");
    ++*(unsigned *)ctx;
    return 0;
}

static unsigned referrers(struct rf_place *p, const char *repo, const struct rf_manifest *m)
{
    unsigned n = 0;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_place_referrers(p, repo, &m->digest, NULL, count, &n, &err), err);
    return n;
}

START_TEST(referrers_by_tag_and_by_subject)
{
    struct two t = make_two();
    char *d = descriptor_json(t.a);
    char *extra = rf_xasprintf(",\"artifactType\":\"application/sig\",\"subject\":%s", d);
    struct rf_manifest *sig = make_image("sig", layers_a, extra);
    char *s = descriptor_json(sig);
    char *with_type = rf_xasprintf("{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX
                                   "\",\"manifests\":[%.*s,\"artifactType\":\"application/sig\"}]}",
                                   (int)strlen(s) - 1, s);
    struct rf_manifest *list = parse_manifest(with_type);
    char tag[RF_DIGEST_TEXT];
    rf_fallback_tag(&t.a->digest, tag);
    char *name = rf_xasprintf("x/y:%s", tag);
    add_entry(&t.index, t.a, "x/y:1");
    add_entry(&t.index, t.a, "other:1");
    add_entry(&t.index, t.b, "x/y:2");
    add_entry(&t.index, list, name);
    add_image(&t.tar, sig, "sig", NULL);
    add_blob(&t.tar, list->body.ptr);
    write_tar(&t.index, &t.tar);
    struct rf_place *p = open_tar();
    ck_assert_uint_eq(referrers(p, "x/y", t.a), 1);
    ck_assert_uint_eq(referrers(p, "", t.a), 1);
    ck_assert_uint_eq(referrers(p, "other", t.a), 0);
    ck_assert_uint_eq(referrers(p, "x/y", t.b), 0);
    rf_place_free(p);
    /* Without the list, but listed itself. */
    struct rf_buf index, tar;
    rf_buf_init(&index, 0);
    rf_buf_init(&tar, 0);
    add_entry(&index, t.a, "x/y:1");
    add_entry(&index, sig, "x/y:sig");
    add_image(&tar, t.a, "cfg a", "a");
    add_image(&tar, sig, "sig", NULL);
    write_tar(&index, &tar);
    p = open_tar();
    ck_assert_uint_eq(referrers(p, "x/y", t.a), 1);
    ck_assert_uint_eq(referrers(p, "", t.a), 1);
    ck_assert_uint_eq(referrers(p, "z", t.a), 0);
    rf_place_free(p);
    free(d);
    free(extra);
    free(s);
    free(with_type);
    free(name);
    rf_manifest_free(sig);
    rf_manifest_free(list);
    free_two(&t);
}
END_TEST

/* ---- what is no such file ---- */

static int open_text(struct rf_buf *tar, struct rf_err *err)
{
    struct rf_place *p = NULL;
    tar_end(tar);
    write_file("x.tar", rf_buf_slice(tar));
    rf_buf_clear(tar);
    int rc = rf_oci_file_open("x.tar", &p, err);
    ck_assert(rc < 0 && p == NULL);
    return rc;
}

START_TEST(other_files_are_refused)
{
    struct rf_place *p = NULL;
    struct rf_err err = RF_ERR_INIT;
    struct rf_buf tar;
    rf_buf_init(&tar, 0);
    expect_error(rf_oci_file_open("none.tar", &p, &err), RFE_NOT_FOUND, err, "none.tar");
    expect_error(rf_oci_file_open(".", &p, &err), RFE_INVALID, err, "not a regular file");
    ck_assert_int_eq(mkfifo("fifo", 0600), 0);
    expect_error(rf_oci_file_open("fifo", &p, &err), RFE_INVALID, err, "not a regular file");
    write_text("x.tar", "hello");
    expect_error(rf_oci_file_open("x.tar", &p, &err), RFE_INVALID, err, "x.tar");
    write_file("x.tar", rf_slice_of("\x1f\x8b\x08", 3));
    expect_error(rf_oci_file_open("x.tar", &p, &err), RFE_UNSUPPORTED, err, "gunzip");
    expect_error(open_text(&tar, &err), RFE_INVALID, err, "no oci-layout");
    tar_file(&tar, "index.json", "{\"schemaVersion\":2,\"manifests\":[]}");
    expect_error(open_text(&tar, &err), RFE_INVALID, err, "no oci-layout");
    tar_file(&tar, "oci-layout", RF_OCI_LAYOUT_TEXT);
    expect_error(open_text(&tar, &err), RFE_INVALID, err, "no index.json");
    tar_file(&tar, "manifest.json", "[]");
    expect_error(open_text(&tar, &err), RFE_INVALID, err, "docker save");
    tar_file(&tar, "oci-layout", "{\"imageLayoutVersion\":\"3\"}");
    tar_file(&tar, "index.json", "{\"schemaVersion\":2,\"manifests\":[]}");
    expect_error(open_text(&tar, &err), RFE_UNSUPPORTED, err, "oci-layout");
    tar_file(&tar, "oci-layout", RF_OCI_LAYOUT_TEXT);
    tar_file(&tar, "index.json", "{\"schemaVersion\":2,\"manifests\":[7]}");
    expect_error(open_text(&tar, &err), RFE_INVALID, err, "manifests[0]");
    tar_file(&tar, "oci-layout", RF_OCI_LAYOUT_TEXT);
    tar_add(&tar, &(struct tar_entry){ .name = "index.json", .type = '2', .link = "/etc/passwd" });
    expect_error(open_text(&tar, &err), RFE_INVALID, err, "symbolic link");
    rf_buf_release(&tar);
}
END_TEST

/* Sizes that the file really has, so that only the caps stand in the way. */
START_TEST(large_documents_are_not_read)
{
    struct rf_buf tar;
    struct rf_err err = RF_ERR_INIT;
    struct rf_place *p = NULL;
    rf_buf_init(&tar, 0);
    ck_assert_int_eq(rf_tar_header("oci-layout", 1 << 20, &tar, NULL), 0);
    int fd = open("x.tar", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_eq(pwrite(fd, tar.ptr, tar.len, 0), (ssize_t)tar.len);
    ck_assert_int_eq(ftruncate(fd, (off_t)tar.len + (1 << 20) + 1024), 0);
    expect_error(rf_oci_file_open("x.tar", &p, &err), RFE_TOO_LARGE, err, "oci-layout");
    rf_buf_clear(&tar);
    tar_file(&tar, "oci-layout", RF_OCI_LAYOUT_TEXT);
    ck_assert_int_eq(rf_tar_header("index.json", (64 << 20) + 1, &tar, NULL), 0);
    ck_assert_int_eq(ftruncate(fd, 0), 0);
    ck_assert_int_eq(pwrite(fd, tar.ptr, tar.len, 0), (ssize_t)tar.len);
    ck_assert_int_eq(ftruncate(fd, (off_t)tar.len + (65 << 20)), 0);
    expect_error(rf_oci_file_open("x.tar", &p, &err), RFE_TOO_LARGE, err, "index.json");
    (void)close(fd);
    rf_buf_release(&tar);
}
END_TEST

Suite *rf_oci_file_suite(void)
{
    Suite *s = suite_create("oci_file");
    TCase *c = tcase_create("file");
    tcase_add_checked_fixture(c, work_setup, work_teardown);
    tcase_set_timeout(c, 30);
    tcase_add_test(c, a_bundle_has_repositories);
    tcase_add_test(c, a_plain_archive_has_one);
    tcase_add_test(c, mixed_and_odd_names);
    tcase_add_test(c, an_empty_layout);
    tcase_add_test(c, blobs_are_read_in_place);
    tcase_add_test(c, many_read_at_once);
    tcase_add_test(c, absent_and_damaged_blobs);
    tcase_add_test(c, it_is_read_only);
    tcase_add_test(c, referrers_by_tag_and_by_subject);
    tcase_add_test(c, other_files_are_refused);
    tcase_add_test(c, large_documents_are_not_read);
    suite_add_tcase(s, c);
    return s;
}
