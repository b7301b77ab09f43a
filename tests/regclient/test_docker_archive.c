/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/docker_archive.h"

#include <check.h>

#include "base/mem.h"
#include "manifests/manifest.h"

Suite *rf_docker_archive_suite(void);

#define A RF_CLEANUP(rf_docker_archive_release) struct rf_docker_archive
#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define DESC(type, digest) "{\"mediaType\":\"" type "\",\"digest\":\"" digest "\",\"size\":5}"

static struct rf_digest digest(const char *text)
{
    struct rf_digest d;
    ck_assert_int_eq(rf_digest_parse(rf_slice_str(text), &d, NULL), 0);
    return d;
}

static int parse(const char *text, struct rf_docker_archive *a, struct rf_err *err)
{
    *a = (struct rf_docker_archive){ 0 };
    return rf_docker_archive_parse(rf_slice_str(text), a, err);
}

START_TEST(what_docker_writes_is_read)
{
    A a;
    struct rf_err err = RF_ERR_INIT;
    int rc = parse(
        "[{\"Config\":\"c.json\",\"RepoTags\":[\"alpine:3\",\"x.example/y:1\"],"
        "\"Layers\":[\"l1/layer.tar\",\"l2/layer.tar\"],\"Parent\":\"" D1 "\","
        "\"LayerSources\":{\"" D2 "\":" DESC("t/b", D2) ",\"" D1 "\":" DESC(
            "t/a", D1) "}},"
                       "{\"Config\":\"d.json\",\"RepoTags\":null,\"Layers\":null,\"Other\":{}}]",
        &a, &err);
    ck_assert_msg(rc == 0, "%s", err.msg);
    ck_assert_uint_eq(a.n, 2);
    ck_assert_str_eq(a.images[0].config, "c.json");
    ck_assert_uint_eq(a.images[0].n_tags, 2);
    ck_assert_str_eq(a.images[0].tags[1], "x.example/y:1");
    ck_assert_uint_eq(a.images[0].n_layers, 2);
    ck_assert_str_eq(a.images[0].layers[0], "l1/layer.tar");
    struct rf_digest d1 = digest(D1), d2 = digest(D2);
    ck_assert_str_eq(rf_docker_image_source(&a.images[0], &d1)->media_type, "t/a");
    ck_assert_str_eq(rf_docker_image_source(&a.images[0], &d2)->media_type, "t/b");
    ck_assert_ptr_null(rf_docker_image_source(&a.images[1], &d1));
    ck_assert_uint_eq(a.images[1].n_tags, 0);
    ck_assert_uint_eq(a.images[1].n_layers, 0);
}
END_TEST

static const struct {
    const char *text;
    int code;
    const char *message;
} wrong[] = {
    { "", RFE_INVALID, "manifest.json" },
    { "{}", RFE_INVALID, "not an array" },
    { "[]", RFE_INVALID, "no image" },
    { "[1]", RFE_INVALID, "[0]: not an object" },
    { "[{}]", RFE_INVALID, "Config" },
    { "[{\"Config\":1}]", RFE_INVALID, "[0].Config" },
    { "[{\"Config\":\"c\",\"Layers\":{}}]", RFE_INVALID, "[0].Layers" },
    { "[{\"Config\":\"c\",\"Layers\":[1]}]", RFE_INVALID, "[0].Layers[0]: not a text" },
    { "[{\"Config\":\"c\",\"Layers\":[\"a\\u0000b\"]}]", RFE_INVALID, "" },
    { "[{\"Config\":\"c\",\"RepoTags\":\"x\"}]", RFE_INVALID, "[0].RepoTags" },
    { "[{\"Config\":\"c\",\"config\":\"d\"}]", RFE_AMBIGUOUS, "config" },
    { "[{\"Config\":\"c\",\"Config\":\"d\"}]", RFE_INVALID, "manifest.json" },
    { "[{\"Config\":\"c\",\"LayerSources\":[]}]", RFE_INVALID, "LayerSources" },
    { "[{\"Config\":\"c\",\"LayerSources\":{\"x\":{}}}]", RFE_INVALID, "LayerSources.x" },
    { "[{\"Config\":\"c\",\"LayerSources\":{\"" D1 "\":{}}}]", RFE_INVALID, "digest" },
    { "[{\"Config\":\"c\",\"LayerSources\":{\"" D1 "\":7}}]", RFE_INVALID, "LayerSources" },
    { "[{\"Config\":\"c\"}] ", 0, "" },
    { "[{\"Config\":\"c\"}] x", RFE_INVALID, "manifest.json" },
};

START_TEST(what_is_wrong_is_refused)
{
    A a;
    struct rf_err err = RF_ERR_INIT;
    int rc = parse(wrong[_i].text, &a, &err);
    ck_assert_msg(rc == -wrong[_i].code, "%s: %s: %s", wrong[_i].text, rf_error_name(rc), err.msg);
    ck_assert_msg(strstr(err.msg, wrong[_i].message) != NULL, "%s: %s", wrong[_i].text, err.msg);
}
END_TEST

START_TEST(limits_hold)
{
    A a = { 0 };
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_buf_add_char(&b, '[');
    for (size_t i = 0; i <= RF_DOCKER_ARCHIVE_IMAGES_MAX; i++)
        rf_buf_addf(&b, "%s{\"Config\":\"c\"}", i > 0 ? "," : "");
    rf_buf_add_char(&b, ']');
    ck_assert_int_eq(rf_docker_archive_parse(rf_buf_slice(&b), &a, &err), -RFE_TOO_LARGE);
    rf_buf_clear(&b);
    rf_buf_add_str(&b, "[{\"Config\":\"c\",\"Layers\":[\"l\"");
    for (size_t i = 0; i < RF_MANIFEST_LAYERS_MAX; i++)
        rf_buf_add_str(&b, ",\"l\"");
    rf_buf_add_str(&b, "]}]");
    ck_assert_int_eq(rf_docker_archive_parse(rf_buf_slice(&b), &a, &err), -RFE_TOO_LARGE);
    rf_buf_clear(&b);
    while (b.len <= RF_DOCKER_ARCHIVE_MAX)
        rf_buf_add_str(&b, "                                                                ");
    rf_buf_add_str(&b, "[{\"Config\":\"c\"}]");
    ck_assert_int_eq(rf_docker_archive_parse(rf_buf_slice(&b), &a, &err), -RFE_TOO_LARGE);
    ck_assert_uint_eq(a.n, 0);
}
END_TEST

START_TEST(names_are_found)
{
    A a;
    struct rf_err err = RF_ERR_INIT;
    size_t i = 9;
    int rc = parse(
        "[{\"Config\":\"a\",\"RepoTags\":[\"alpine:3\"]},"
        "{\"Config\":\"b\",\"RepoTags\":[\"docker.io/library/alpine:3\",\"reg.example/x:y\"]},"
        "{\"Config\":\"c\",\"RepoTags\":[\"busybox:latest\"]}]",
        &a, &err);
    ck_assert_msg(rc == 0, "%s", err.msg);
    static const struct {
        const char *name;
        size_t image;
    } cases[] = { { "alpine:3", 0 },
                  { "docker.io/library/alpine:3", 1 }, /* the text itself goes before its meaning */
                  { "library/alpine:3", 0 },
                  { "reg.example/x:y", 1 },
                  { "busybox", 2 },
                  { "docker.io/library/busybox", 2 } };
    for (size_t k = 0; k < RF_ARRAY_LEN(cases); k++) {
        rc = rf_docker_archive_find(&a, cases[k].name, &i, &err);
        ck_assert_msg(rc == 0 && i == cases[k].image, "%s: %zu %s", cases[k].name, i, err.msg);
    }
    rc = rf_docker_archive_find(&a, "nope:1", &i, &err);
    ck_assert_int_eq(rc, -RFE_NOT_FOUND);
    ck_assert_str_eq(err.msg,
                     "could not find requested name in manifest.json, nope:1; it has alpine:3, "
                     "docker.io/library/alpine:3, reg.example/x:y, busybox:latest");
    ck_assert_int_eq(rf_docker_archive_find(&a, "Not A Name", &i, &err), -RFE_NOT_FOUND);
}
END_TEST

START_TEST(many_names_are_cut_short)
{
    A a = { 0 };
    struct rf_err err = RF_ERR_INIT;
    size_t i = 0;
    struct rf_docker_image *image = rf_docker_archive_add(&a, "c");
    for (int k = 0; k < 50; k++) {
        RF_CLEANUP(rf_freep) char *tag = rf_xasprintf("x:%d", k);
        rf_docker_image_add_tag(image, tag);
    }
    ck_assert_int_eq(rf_docker_archive_find(&a, "y", &i, &err), -RFE_NOT_FOUND);
    ck_assert_msg(strstr(err.msg, "x:9, ...") != NULL && strstr(err.msg, "x:10") == NULL, "%s",
                  err.msg);
}
END_TEST

START_TEST(what_is_written_is_upstreams_form)
{
    A a = { 0 };
    A back;
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 0);
    char type[] = "t/x";
    struct rf_digest d1 = digest(D1), d2 = digest(D2);
    struct rf_docker_image *image = rf_docker_archive_add(&a, "blobs/c");
    rf_docker_image_add_tag(image, "x.example/y:1");
    rf_docker_image_add_tag(image, "x.example/y:2");
    rf_docker_image_add_tag(image, "x.example/y:1");
    rf_docker_image_add_layer(image, "l2");
    rf_docker_image_add_layer(image, "l1");
    rf_docker_image_add_layer(image, "l2");
    struct rf_descriptor x = { .media_type = type, .digest = d2, .size = 5 };
    rf_docker_image_add_source(image, &d2, &x);
    x.digest = d1;
    rf_docker_image_add_source(image, &d1, &x);
    x.size = 6;
    rf_docker_image_add_source(image, &d1, &x);
    (void)rf_docker_archive_add(&a, "blobs/d");
    rf_docker_archive_format(&a, &out);
    ck_assert_str_eq(out.ptr,
                     "[{\"Config\":\"blobs/c\",\"RepoTags\":[\"x.example/y:1\",\"x.example/y:2\"],"
                     "\"Layers\":[\"l2\",\"l1\",\"l2\"],\"LayerSources\":{"
                     "\"" D1 "\":" DESC("t/x", D1) ",\"" D2 "\":" DESC(
                         "t/x", D2) "}},"
                                    "{\"Config\":\"blobs/d\",\"RepoTags\":null,\"Layers\":[]}]");
    ck_assert_msg(parse(out.ptr, &back, &err) == 0, "%s", err.msg);
    ck_assert_uint_eq(back.images[0].n_sources, 2);
}
END_TEST

Suite *rf_docker_archive_suite(void)
{
    Suite *s = suite_create("docker_archive");
    TCase *all = tcase_create("all");
    tcase_add_test(all, what_docker_writes_is_read);
    tcase_add_loop_test(all, what_is_wrong_is_refused, 0, (int)RF_ARRAY_LEN(wrong));
    tcase_add_test(all, limits_hold);
    tcase_add_test(all, names_are_found);
    tcase_add_test(all, many_names_are_cut_short);
    tcase_add_test(all, what_is_written_is_upstreams_form);
    suite_add_tcase(s, all);
    return s;
}
