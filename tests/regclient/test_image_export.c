/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/image_export.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "regclient/gzip.h"
#include "tests/regclient/helper_home.h"
#include "tests/regclient/helper_tar.h"
#include "tests/support/data_files.h"

Suite *rf_image_export_suite(void);

#define P RF_CLEANUP(rf_place_freep) struct rf_place *
#define M RF_CLEANUP(rf_manifest_freep) __attribute__((unused)) struct rf_manifest *
#define IMAGES_MAX 8

static const char *const two_layers[] = { "layer one", "layer two", NULL };
static const char *const one_layer[] = { "layer one", NULL };
static const char *const no_layers[] = { NULL };

/* What to export: images of one place, with names of their own. */
struct job {
    struct rf_export_image images[IMAGES_MAX];
    struct rf_ref names[IMAGES_MAX];
    struct rf_digest digests[IMAGES_MAX];
    size_t n;
    struct rf_export_options opts;
    struct rf_export_result result;
};

static void job_release(struct job *j)
{
    for (size_t i = 0; i < j->n; i++)
        rf_ref_release(&j->names[i]);
}

static void want(struct job *j, struct rf_place *p, const char *tag, const struct rf_digest *digest,
                 const char *name)
{
    struct rf_err err = RF_ERR_INIT;
    size_t i = j->n++;
    ck_assert_msg(rf_ref_parse(name, &j->names[i], &err) == 0, "%s", err.msg);
    if (digest != NULL)
        j->digests[i] = *digest;
    j->images[i] = (struct rf_export_image){ .place = p,
                                             .repo = "",
                                             .tag = tag,
                                             .digest = digest != NULL ? &j->digests[i] : NULL,
                                             .name = &j->names[i] };
}

static int export_to(struct job *j, const char *path, struct rf_err *err)
{
    RF_CLEANUP(rf_sink_freep) struct rf_sink *out = NULL;
    *err = (struct rf_err)RF_ERR_INIT;
    ck_assert_int_eq(rf_file_sink(path, 0644, true, &out, err), 0);
    int rc = rf_image_export(j->images, j->n, &j->opts, out, &j->result, err);
    return rc < 0 ? rc : rf_sink_commit(out, err);
}

static void must_export(struct job *j, const char *path)
{
    struct rf_err err;
    int rc = export_to(j, path, &err);
    ck_assert_msg(rc == 0, "%s: %s", rf_error_name(rc), err.msg);
}

static void expect_failure(struct job *j, int code, const char *text)
{
    struct rf_err err;
    int rc = export_to(j, "failed.tar", &err);
    ck_assert_msg(rc == -code, "%s: %s", rf_error_name(rc), err.msg);
    ck_assert_msg(strstr(err.msg, text) != NULL, "no \"%s\" in: %s", text, err.msg);
    ck_assert(!rf_path_exists("failed.tar"));
}

/* Bytes written before a failure. */
struct count_sink {
    struct rf_sink base;
    uint64_t n, max;
};

static int count_write(struct rf_sink *s, const void *p, size_t n, struct rf_err *err)
{
    struct count_sink *c = (struct count_sink *)s;
    (void)p;
    if (n > c->max - c->n)
        return rf_fail(err, RFE_NO_SPACE, "the disk is full");
    c->n += n;
    return 0;
}

static void count_free(struct rf_sink *s)
{
    (void)s;
}

static int export_counted(struct job *j, uint64_t max, uint64_t *n, struct rf_err *err)
{
    static const struct rf_sink_ops ops = { count_write, NULL, count_free };
    struct count_sink c = { .base.ops = &ops, .max = max };
    *err = (struct rf_err)RF_ERR_INIT;
    int rc = rf_image_export(j->images, j->n, &j->opts, &c.base, NULL, err);
    *n = c.n;
    return rc;
}

static void expect_names(const char *path, const char *const *names)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    for (size_t i = 0; names[i] != NULL; i++)
        rf_buf_addf(&b, "%s\n", names[i]);
    RF_CLEANUP(rf_freep) char *got = tars_names(path);
    ck_assert_str_eq(got, b.ptr);
}

static void expect_member(const char *path, const char *name, const char *text)
{
    RF_CLEANUP(rf_freep) char *got = tars_member(path, name);
    ck_assert_msg(strcmp(got, text) == 0, "%s:\n%s\nnot\n%s", name, got, text);
}

static char *blob_of(const struct rf_digest *d)
{
    char hex[RF_DIGEST_TEXT];
    return rf_xasprintf("blobs/sha256/%s", rf_digest_hex(d, hex));
}

static char *blob_of_text(const char *text)
{
    struct rf_digest d = tars_digest(text);
    return blob_of(&d);
}

static json_t *parse(const char *text)
{
    json_t *doc = NULL;
    ck_assert_int_eq(rf_json_parse(rf_slice_str(text), 1 << 20, &doc, NULL), 0);
    return doc;
}

/* ---- one image ---- */

/* The golden file is a tar of 9 members, checked by an independent reader in the end-to-end tests. */
START_TEST(one_image_gives_the_golden_bytes)
{
    P p = tars_layout("src");
    M m = tars_put_image(p, "1.0", "oci", "{\"os\":\"linux\"}", two_layers, "");
    RF_CLEANUP(job_release) struct job j = { 0 };
    RF_CLEANUP(rf_buf_release) struct rf_buf got;
    RF_CLEANUP(rf_freep) char *path = test_data_path("tars/one-image.tar");
    want(&j, p, "1.0", NULL, "registry.example/team/app:1.0");
    must_export(&j, "one.tar");
    tars_read("one.tar", &got);
    if (getenv("RF_UPDATE_GOLDEN") != NULL)
        tars_write(path, rf_buf_slice(&got));
    size_t len = 0;
    RF_CLEANUP(rf_freep) char *golden = test_read_file(path, &len);
    ck_assert_ptr_nonnull(golden);
    ck_assert(rf_slice_eq(rf_buf_slice(&got), rf_slice_of(golden, len)));
    ck_assert_uint_eq(j.result.manifests, 1);
    ck_assert_uint_eq(j.result.blobs, 3);
    ck_assert_uint_eq(j.result.blob_bytes, 14 + 9 + 9);
}
END_TEST

START_TEST(the_members_stand_in_order)
{
    P p = tars_layout("src");
    M m = tars_put_image(p, "1.0", "docker", "{}", two_layers, "");
    RF_CLEANUP(job_release) struct job j = { 0 };
    want(&j, p, "1.0", NULL, "registry.example/team/app:1.0");
    must_export(&j, "one.tar");
    RF_CLEANUP(rf_freep) char *manifest = blob_of(&m->digest);
    RF_CLEANUP(rf_freep) char *config = blob_of_text("{}");
    RF_CLEANUP(rf_freep) char *one = blob_of_text("layer one");
    RF_CLEANUP(rf_freep) char *two = blob_of_text("layer two");
    const char *const names[] = { "oci-layout",
                                  "index.json",
                                  "manifest.json",
                                  "blobs/",
                                  "blobs/sha256/",
                                  manifest,
                                  config,
                                  one,
                                  two,
                                  NULL };
    expect_names("one.tar", names);
    expect_member("one.tar", "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
    expect_member("one.tar", manifest, m->body.ptr);
    expect_member("one.tar", two, "layer two");
    char digest[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_freep)
    char *index = rf_xasprintf(
        "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" RF_MT_DOCKER_MANIFEST
        "\",\"digest\":\"%s\",\"size\":%zu,\"annotations\":{\"io.containerd.image.name\":"
        "\"registry.example/team/app:1.0\",\"org.opencontainers.image.ref.name\":\"1.0\"}}]}",
        rf_digest_text(&m->digest, digest), m->body.len);
    expect_member("one.tar", "index.json", index);
    RF_CLEANUP(rf_freep) char *docker = tars_member("one.tar", "manifest.json");
    RF_CLEANUP(rf_freep)
    char *start =
        rf_xasprintf("[{\"Config\":\"%s\",\"RepoTags\":[\"registry.example/team/app:1.0\"],"
                     "\"Layers\":[\"%s\",\"%s\"],\"LayerSources\":{\"sha256:",
                     config, one, two);
    ck_assert_msg(strncmp(docker, start, strlen(start)) == 0, "%s", docker);
}
END_TEST

START_TEST(a_layer_that_comes_twice_is_stored_once)
{
    static const char *const layers[] = { "a", "b", "a", NULL };
    P p = tars_layout("src");
    M m = tars_put_image(p, "1.0", "oci", "{}", layers, "");
    RF_CLEANUP(job_release) struct job j = { 0 };
    want(&j, p, "1.0", NULL, "x.example/y:1.0");
    must_export(&j, "one.tar");
    ck_assert_uint_eq(j.result.blobs, 3);
    RF_CLEANUP(rf_freep) char *docker = tars_member("one.tar", "manifest.json");
    RF_CLEANUP(rf_freep) char *a = blob_of_text("a");
    RF_CLEANUP(rf_freep) char *b = blob_of_text("b");
    RF_CLEANUP(rf_freep) char *part = rf_xasprintf("[\"%s\",\"%s\",\"%s\"]", a, b, a);
    ck_assert_ptr_nonnull(strstr(docker, part));
}
END_TEST

START_TEST(annotations_of_layers_are_sorted)
{
    P p = tars_layout("src");
    tars_put_blob(p, "{}");
    tars_put_blob(p, "x");
    char config[RF_DIGEST_TEXT], layer[RF_DIGEST_TEXT];
    struct rf_digest c = tars_digest("{}"), l = tars_digest("x");
    RF_CLEANUP(rf_freep)
    char *text = rf_xasprintf(
        "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_MANIFEST
        "\",\"config\":{\"mediaType\":\"" RF_MT_OCI_CONFIG "\",\"digest\":\"%s\",\"size\":2},"
        "\"layers\":[{\"mediaType\":\"t/l\",\"digest\":\"%s\",\"size\":1,\"annotations\":{\"z\":\"1\",\"a\":\"2\"}}]}",
        rf_digest_text(&c, config), rf_digest_text(&l, layer));
    M m = tars_put_manifest(p, "1", text);
    RF_CLEANUP(job_release) struct job j = { 0 };
    want(&j, p, "1", NULL, "x.example/y:1");
    must_export(&j, "one.tar");
    RF_CLEANUP(rf_freep) char *docker = tars_member("one.tar", "manifest.json");
    ck_assert_msg(strstr(docker, "\"annotations\":{\"a\":\"2\",\"z\":\"1\"}") != NULL, "%s",
                  docker);
}
END_TEST

START_TEST(compressed_is_the_same_tar_behind_gzip)
{
    P p = tars_layout("src");
    M m = tars_put_image(p, "1.0", "oci", "{}", two_layers, "");
    RF_CLEANUP(job_release) struct job j = { 0 };
    RF_CLEANUP(rf_buf_release) struct rf_buf plain;
    RF_CLEANUP(rf_buf_release) struct rf_buf packed;
    RF_CLEANUP(rf_buf_release) struct rf_buf back;
    struct rf_err err = RF_ERR_INIT;
    want(&j, p, "1.0", NULL, "x.example/y:1.0");
    must_export(&j, "plain.tar");
    j.opts.compress = true;
    must_export(&j, "packed.tgz");
    tars_read("plain.tar", &plain);
    tars_read("packed.tgz", &packed);
    rf_buf_init(&back, 0);
    ck_assert_uint_lt(packed.len, plain.len);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_gunzip_sink(rf_sink_buf(&back), true);
    ck_assert_int_eq(rf_sink_write(sink, packed.ptr, packed.len, &err), 0);
    ck_assert_int_eq(rf_sink_commit(sink, &err), 0);
    ck_assert(rf_slice_eq(rf_buf_slice(&back), rf_buf_slice(&plain)));
}
END_TEST

static void add_up(void *ctx, uint64_t bytes)
{
    *(uint64_t *)ctx += bytes;
}

START_TEST(progress_counts_the_blobs)
{
    uint64_t sum = 0;
    P p = tars_layout("src");
    M m = tars_put_image(p, "1.0", "oci", "{}", two_layers, "");
    RF_CLEANUP(job_release) struct job j = { .opts = { .progress = add_up, .progress_ctx = &sum } };
    want(&j, p, "1.0", NULL, "x.example/y:1.0");
    must_export(&j, "t.tar");
    ck_assert_uint_eq(sum, 2 + 9 + 9);
    ck_assert_uint_eq(j.result.blob_bytes, sum);
}
END_TEST

/* ---- names ---- */

static const struct {
    const char *ref, *docker;
} docker_names[] = {
    { "alpine", "docker.io/library/alpine:latest" },
    { "localhost:5000/a/b:1", "localhost:5000/a/b:1" },
    { "reg.example/a@sha256:1111111111111111111111111111111111111111111111111111111111111111",
      "reg.example/a:latest" },
    { "reg.example/a:1@sha256:1111111111111111111111111111111111111111111111111111111111111111",
      "reg.example/a:1" },
    { "ocidir://path/to/Image:1", "localhost/path/to/image:1" },
    { "ocidir:///abs/x_y", "localhost/abs/x-y:latest" },
    { "ocidir://../up/./a b__c:2", "localhost/up/a-b-c:2" },
    { "ocidir://a/../../b", "localhost/b:latest" },
    { "ocidir://_a_/-/b", "localhost/a/b:latest" },
    { "ocidir://.", NULL },
    { "ocidir://__", NULL },
};

START_TEST(names_for_docker)
{
    RF_CLEANUP(rf_ref_release) struct rf_ref r = RF_REF_INIT;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_ref_parse(docker_names[_i].ref, &r, &err) == 0, "%s", err.msg);
    RF_CLEANUP(rf_freep) char *got = rf_export_docker_name(&r);
    if (docker_names[_i].docker == NULL)
        ck_assert_msg(got == NULL, "%s", got);
    else
        ck_assert_str_eq(got, docker_names[_i].docker);
}
END_TEST

START_TEST(an_image_without_a_tag_has_no_ref_name)
{
    P p = tars_layout("src");
    M m = tars_put_image(p, "1.0", "oci", "{}", one_layer, "");
    RF_CLEANUP(job_release) struct job j = { 0 };
    char digest[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_freep)
    char *name = rf_xasprintf("x.example/y@%s", rf_digest_text(&m->digest, digest));
    want(&j, p, NULL, &m->digest, name);
    must_export(&j, "t.tar");
    RF_CLEANUP(rf_freep) char *index = tars_member("t.tar", "index.json");
    RF_CLEANUP(rf_freep) char *docker = tars_member("t.tar", "manifest.json");
    RF_CLEANUP(rf_freep)
    char *part = rf_xasprintf("\"annotations\":{\"io.containerd.image.name\":\"%s\"}", name);
    ck_assert_msg(strstr(index, part) != NULL, "%s", index);
    ck_assert_msg(strstr(docker, "\"RepoTags\":[\"x.example/y:latest\"]") != NULL, "%s", docker);
    /* With others beside it, "latest" would be a guess. */
    M other = tars_put_image(p, "2.0", "oci", "{}", two_layers, "");
    want(&j, p, "2.0", NULL, "x.example/y:2.0");
    must_export(&j, "t.tar");
    RF_CLEANUP(rf_freep) char *both = tars_member("t.tar", "manifest.json");
    ck_assert_msg(strstr(both, "\"RepoTags\":null") != NULL, "%s", both);
    ck_assert_msg(strstr(both, "\"RepoTags\":[\"x.example/y:2.0\"]") != NULL, "%s", both);
}
END_TEST

/* ---- several images ---- */

START_TEST(several_images_share_what_they_have_in_common)
{
    P p = tars_layout("src");
    M a = tars_put_image(p, "a", "oci", "{}", one_layer, "");
    M b = tars_put_image(p, "b", "docker", "{\"os\":\"linux\"}", two_layers, "");
    RF_CLEANUP(job_release) struct job j = { 0 };
    want(&j, p, "a", NULL, "x.example/a:1");
    want(&j, p, "b", NULL, "x.example/b:2");
    want(&j, p, "a", NULL, "x.example/a:stable"); /* the same image by another name */
    want(&j, p, "a", NULL, "x.example/a:1");      /* and once more */
    must_export(&j, "t.tar");
    RF_CLEANUP(rf_freep) char *ma = blob_of(&a->digest);
    RF_CLEANUP(rf_freep) char *mb = blob_of(&b->digest);
    RF_CLEANUP(rf_freep) char *ca = blob_of_text("{}");
    RF_CLEANUP(rf_freep) char *cb = blob_of_text("{\"os\":\"linux\"}");
    RF_CLEANUP(rf_freep) char *one = blob_of_text("layer one");
    RF_CLEANUP(rf_freep) char *two = blob_of_text("layer two");
    const char *const names[] = {
        "oci-layout", "index.json", "manifest.json", "blobs/", "blobs/sha256/", ma, ca, one, mb, cb,
        two,          NULL
    };
    expect_names("t.tar", names);
    RF_CLEANUP(rf_freep) char *docker = tars_member("t.tar", "manifest.json");
    RF_CLEANUP(rf_json_decrefp) json_t *d = parse(docker);
    ck_assert_uint_eq(json_array_size(d), 2);
    RF_CLEANUP(rf_freep) char *index = tars_member("t.tar", "index.json");
    RF_CLEANUP(rf_json_decrefp) json_t *i = parse(index);
    ck_assert_uint_eq(json_array_size(json_object_get(i, "manifests")), 3);
    ck_assert_msg(strstr(docker, "[\"x.example/a:1\",\"x.example/a:stable\"]") != NULL, "%s",
                  docker);
}
END_TEST

/* A tag that several have would not tell them apart. */
START_TEST(tags_that_several_have_become_whole_names)
{
    P p = tars_layout("src");
    M a = tars_put_image(p, "a", "oci", "{}", one_layer, "");
    M b = tars_put_image(p, "b", "oci", "{}", two_layers, "");
    RF_CLEANUP(job_release) struct job j = { 0 };
    want(&j, p, "a", NULL, "x.example/a:1");
    want(&j, p, "b", NULL, "ocidir://some/B:1");
    want(&j, p, "b", NULL, "x.example/b:2");
    must_export(&j, "t.tar");
    RF_CLEANUP(rf_freep) char *index = tars_member("t.tar", "index.json");
    static const char *const parts[] = {
        "{\"io.containerd.image.name\":\"x.example/a:1\",\"org.opencontainers.image.ref.name\":\"x.example/a:1\"}",
        "{\"io.containerd.image.name\":\"ocidir://some/B:1\",\"org.opencontainers.image.ref.name\":\"localhost/some/b:1\"}",
        "{\"io.containerd.image.name\":\"x.example/b:2\",\"org.opencontainers.image.ref.name\":\"2\"}",
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(parts); i++)
        ck_assert_msg(strstr(index, parts[i]) != NULL, "no %s in %s", parts[i], index);
}
END_TEST

START_TEST(one_name_for_two_images_is_refused)
{
    P p = tars_layout("src");
    M a = tars_put_image(p, "a", "oci", "{}", one_layer, "");
    M b = tars_put_image(p, "b", "oci", "{}", two_layers, "");
    RF_CLEANUP(job_release) struct job j = { 0 };
    RF_CLEANUP(job_release) struct job k = { 0 };
    want(&j, p, "a", NULL, "x.example/a:1");
    want(&j, p, "b", NULL, "x.example/a:1");
    expect_failure(&j, RFE_CONFLICT, "x.example/a:1: two images of this name");
    /* Equal only for docker. */
    want(&k, p, "a", NULL, "ocidir://x_y:1");
    want(&k, p, "b", NULL, "ocidir://x-y:1");
    expect_failure(&k, RFE_CONFLICT, "localhost/x-y:1: two images");
}
END_TEST

START_TEST(no_images_are_refused)
{
    struct rf_err err = RF_ERR_INIT;
    uint64_t n = 0;
    struct job j = { 0 };
    ck_assert_int_eq(export_counted(&j, UINT64_MAX, &n, &err), -RFE_INVALID);
    ck_assert_uint_eq(n, 0);
}
END_TEST

/* ---- indexes ---- */

START_TEST(an_index_stands_before_its_children)
{
    P p = tars_layout("src");
    M a = tars_put_image(p, NULL, "oci", "{}", one_layer, "");
    M b = tars_put_image(p, NULL, "oci", "{\"os\":\"linux\"}", two_layers, "");
    const struct rf_manifest *const ab[] = { a, b, a, NULL };
    M inner = tars_put_index(p, NULL, ab);
    const struct rf_manifest *const outer_children[] = { inner, b, NULL };
    M outer = tars_put_index(p, "v", outer_children);
    RF_CLEANUP(job_release) struct job j = { 0 };
    want(&j, p, "v", NULL, "x.example/a:v");
    must_export(&j, "t.tar");
    RF_CLEANUP(rf_freep) char *mo = blob_of(&outer->digest);
    RF_CLEANUP(rf_freep) char *mi = blob_of(&inner->digest);
    RF_CLEANUP(rf_freep) char *ma = blob_of(&a->digest);
    RF_CLEANUP(rf_freep) char *mb = blob_of(&b->digest);
    RF_CLEANUP(rf_freep) char *ca = blob_of_text("{}");
    RF_CLEANUP(rf_freep) char *cb = blob_of_text("{\"os\":\"linux\"}");
    RF_CLEANUP(rf_freep) char *one = blob_of_text("layer one");
    RF_CLEANUP(rf_freep) char *two = blob_of_text("layer two");
    const char *const names[] = { "oci-layout", "index.json", "blobs/", "blobs/sha256/",
                                  mo,           mi,           ma,       ca,
                                  one,          mb,           cb,       two,
                                  NULL };
    expect_names("t.tar", names);
    ck_assert_uint_eq(j.result.manifests, 4);
}
END_TEST

START_TEST(one_platform_of_an_index)
{
    P p = tars_layout("src");
    M a = tars_put_image(p, NULL, "oci", "{}", one_layer, "");
    const struct rf_manifest *const children[] = { a, NULL };
    M index = tars_put_index(p, "v", children);
    char digest[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_freep)
    char *name = rf_xasprintf("x.example/a:v@%s", rf_digest_text(&a->digest, digest));
    RF_CLEANUP(job_release) struct job j = { 0 };
    want(&j, p, "v", &a->digest, name);
    must_export(&j, "t.tar");
    ck_assert_uint_eq(j.result.manifests, 1);
    RF_CLEANUP(rf_freep) char *text = tars_member("t.tar", "index.json");
    RF_CLEANUP(rf_freep)
    char *part = rf_xasprintf(
        "{\"io.containerd.image.name\":\"%s\",\"org.opencontainers.image.ref.name\":\"v\"}", name);
    ck_assert_msg(strstr(text, part) != NULL, "%s", text);
    RF_CLEANUP(rf_freep) char *docker = tars_member("t.tar", "manifest.json");
    ck_assert_msg(strstr(docker, "[\"x.example/a:v\"]") != NULL, "%s", docker);
}
END_TEST

START_TEST(indexes_that_lie_too_deep_are_refused)
{
    P p = tars_layout("src");
    struct rf_manifest *chain[12];
    chain[0] = tars_put_image(p, NULL, "oci", "{}", no_layers, "");
    for (size_t i = 1; i < RF_ARRAY_LEN(chain); i++) {
        const struct rf_manifest *const child[] = { chain[i - 1], NULL };
        chain[i] = tars_put_index(p, NULL, child);
    }
    RF_CLEANUP(job_release) struct job good = { 0 };
    RF_CLEANUP(job_release) struct job bad = { 0 };
    want(&good, p, NULL, &chain[8]->digest, "x.example/a:v");
    must_export(&good, "t.tar");
    want(&bad, p, NULL, &chain[9]->digest, "x.example/a:v");
    expect_failure(&bad, RFE_TOO_LARGE, "more than 8 indexes");
    for (size_t i = 0; i < RF_ARRAY_LEN(chain); i++)
        rf_manifest_free(chain[i]);
}
END_TEST

/* ---- external layers ---- */

START_TEST(layers_with_urls_stay_out)
{
    P p = tars_layout("src");
    tars_put_blob(p, "{}");
    tars_put_blob(p, "foreign");
    char config[RF_DIGEST_TEXT], layer[RF_DIGEST_TEXT];
    struct rf_digest c = tars_digest("{}"), l = tars_digest("foreign");
    RF_CLEANUP(rf_freep)
    char *text = rf_xasprintf(
        "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_DOCKER_MANIFEST
        "\",\"config\":{\"mediaType\":\"" RF_MT_DOCKER_CONFIG "\",\"digest\":\"%s\",\"size\":2},"
        "\"layers\":[{\"mediaType\":\"" RF_MT_DOCKER_LAYER_FOREIGN
        "\",\"digest\":\"%s\",\"size\":7,\"urls\":[\"https://x.example/l\"]}]}",
        rf_digest_text(&c, config), rf_digest_text(&l, layer));
    M m = tars_put_manifest(p, "1", text);
    RF_CLEANUP(job_release) struct job j = { 0 };
    want(&j, p, "1", NULL, "x.example/y:1");
    must_export(&j, "t.tar");
    RF_CLEANUP(rf_freep) char *without = tars_names("t.tar");
    ck_assert_uint_eq(j.result.blobs, 1);
    ck_assert_ptr_null(strstr(without, "manifest.json"));
    j.opts.include_external = true;
    must_export(&j, "t.tar");
    ck_assert_uint_eq(j.result.blobs, 2);
    RF_CLEANUP(rf_freep) char *docker = tars_member("t.tar", "manifest.json");
    ck_assert_ptr_nonnull(strstr(docker, "\"urls\":[\"https://x.example/l\"]"));
}
END_TEST

/* ---- failures ---- */

START_TEST(nothing_is_written_when_a_manifest_is_missing)
{
    P p = tars_layout("src");
    P elsewhere = tars_layout("elsewhere");
    M a = tars_put_image(p, NULL, "oci", "{}", one_layer, "");
    M b = tars_put_image(elsewhere, NULL, "oci", "{}", two_layers, "");
    const struct rf_manifest *const children[] = { a, b, NULL };
    M index = tars_put_index(p, "v", children);
    struct rf_err err;
    uint64_t n = 0;
    char digest[RF_DIGEST_TEXT];
    RF_CLEANUP(job_release) struct job j = { 0 };
    want(&j, p, "v", NULL, "x.example/a:v");
    ck_assert_int_eq(export_counted(&j, UINT64_MAX, &n, &err), -RFE_NOT_FOUND);
    ck_assert_uint_eq(n, 0);
    ck_assert_msg(strstr(err.msg, "export x.example/a:v") != NULL &&
                      strstr(err.msg, rf_digest_text(&b->digest, digest)) != NULL &&
                      strstr(err.msg, "not complete here") != NULL,
                  "%s", err.msg);
    want(&j, p, "absent", NULL, "x.example/a:w");
    ck_assert_int_eq(export_counted(&j, UINT64_MAX, &n, &err), -RFE_NOT_FOUND);
    ck_assert_uint_eq(n, 0);
}
END_TEST

START_TEST(a_blob_that_is_missing_or_damaged_ends_it)
{
    P p = tars_layout("src");
    M a = tars_put_image(p, "v", "oci", "{}", two_layers, "");
    RF_CLEANUP(rf_freep) char *blob = blob_of_text("layer two");
    RF_CLEANUP(rf_freep) char *path = rf_xasprintf("src/%s", blob);
    RF_CLEANUP(job_release) struct job j = { 0 };
    want(&j, p, "v", NULL, "x.example/a:v");
    tars_write(path, rf_slice_str("layer 2!!"));
    expect_failure(&j, RFE_DIGEST_MISMATCH, blob);
    tars_write(path, rf_slice_str("layer two and more"));
    expect_failure(&j, RFE_SIZE_MISMATCH, blob);
    tars_write(path, rf_slice_str("layer"));
    expect_failure(&j, RFE_SIZE_MISMATCH, blob);
    ck_assert_int_eq(unlink(path), 0);
    expect_failure(&j, RFE_NOT_FOUND, blob);
}
END_TEST

/* Wherever the disk is full, it is told, and no more is written. */
START_TEST(a_full_disk_is_told)
{
    P p = tars_layout("src");
    M a = tars_put_image(p, "v", "oci", "{}", two_layers, "");
    RF_CLEANUP(job_release) struct job j = { 0 };
    struct rf_err err;
    uint64_t whole = 0, n = 0;
    want(&j, p, "v", NULL, "x.example/a:v");
    j.opts.compress = _i == 1;
    ck_assert_int_eq(export_counted(&j, UINT64_MAX, &whole, &err), 0);
    for (uint64_t max = 0; max < whole; max += _i == 1 ? 1 : 61) {
        ck_assert_int_eq(export_counted(&j, max, &n, &err), -RFE_NO_SPACE);
        ck_assert_uint_le(n, max);
    }
}
END_TEST

Suite *rf_image_export_suite(void)
{
    Suite *s = suite_create("image_export");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, home_setup, home_teardown);
    tcase_add_test(all, one_image_gives_the_golden_bytes);
    tcase_add_test(all, the_members_stand_in_order);
    tcase_add_test(all, a_layer_that_comes_twice_is_stored_once);
    tcase_add_test(all, annotations_of_layers_are_sorted);
    tcase_add_test(all, compressed_is_the_same_tar_behind_gzip);
    tcase_add_test(all, progress_counts_the_blobs);
    tcase_add_loop_test(all, names_for_docker, 0, (int)RF_ARRAY_LEN(docker_names));
    tcase_add_test(all, an_image_without_a_tag_has_no_ref_name);
    tcase_add_test(all, several_images_share_what_they_have_in_common);
    tcase_add_test(all, tags_that_several_have_become_whole_names);
    tcase_add_test(all, one_name_for_two_images_is_refused);
    tcase_add_test(all, no_images_are_refused);
    tcase_add_test(all, an_index_stands_before_its_children);
    tcase_add_test(all, one_platform_of_an_index);
    tcase_add_test(all, indexes_that_lie_too_deep_are_refused);
    tcase_add_test(all, layers_with_urls_stay_out);
    tcase_add_test(all, nothing_is_written_when_a_manifest_is_missing);
    tcase_add_test(all, a_blob_that_is_missing_or_damaged_ends_it);
    tcase_add_loop_test(all, a_full_disk_is_told, 0, 2);
    suite_add_tcase(s, all);
    return s;
}
