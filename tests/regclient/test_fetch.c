/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/fetch.h"

#include <check.h>

#include "base/mem.h"
#include "layout/oci_dir.h"
#include "tests/regclient/helper_home.h"
#include "tests/regclient/helper_registry.h"

#define R RF_CLEANUP(test_registry_stopp) struct test_registry *
#define F(name) RF_CLEANUP(rf_fetched_release) struct rf_fetched name = RF_FETCHED_INIT
#define HEADERS(method, headers)                                              \
    "{\"rules\":[{\"match\":{\"no_header\":[\"x-test\"],\"method\":\"" method \
    "\",\"path\":\"/manifests/\",\"count\":0},\"action\":{\"type\":\"headers\"," headers "}}]}"

static struct rf_platform platform_of(const char *text)
{
    struct rf_platform p = RF_PLATFORM_INIT;
    ck_assert_int_eq(rf_platform_parse(text, &p, NULL), 0);
    return p;
}

static unsigned count(struct test_registry *r, const char *method)
{
    RF_CLEANUP(rf_freep) char *glob = rf_xasprintf("%s *", method);
    return test_registry_count(r, NULL, glob);
}

/* An index of one entry under the tag: "what" says of what type and for which platform. */
static void push_over(struct test_registry *r, const char *tag, const char *type,
                      const struct rf_digest *child, uint64_t size, struct rf_digest *digest)
{
    char text[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_freep)
    char *body = rf_xasprintf(
        "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX
        "\",\"manifests\":[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%llu,\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\"}}]}",
        type, rf_digest_text(child, text), (unsigned long long)size);
    test_registry_manifest(r, "x", tag, RF_MT_OCI_INDEX, body, digest);
}

static uint64_t size_of(struct test_registry *r, const struct rf_digest *digest)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    ck_assert_int_eq(rf_place_resolve(r->place, "x", NULL, digest, &d, NULL), 0);
    return d.size;
}

START_TEST(a_manifest_and_its_headers)
{
    R r = test_registry_start("plain", NULL);
    RF_CLEANUP(rf_platform_release) struct rf_platform mips = platform_of("linux/mips");
    struct rf_digest image;
    struct rf_err err = RF_ERR_INIT;
    F(a);
    F(b);
    F(c);
    test_registry_image(r, "x", "v1", 1, 100, &image);
    ck_assert_msg(rf_fetch_manifest(r->place, "x", "v1", NULL, NULL, &a, &err) == 0, "%s", err.msg);
    ck_assert(rf_digest_eq(&a.manifest->digest, &image));
    ck_assert(rf_digest_eq(&a.descriptor.digest, &image));
    ck_assert_uint_eq(a.descriptor.size, a.manifest->body.len);
    ck_assert_str_eq(rf_headers_get(&a.headers, "content-type"), RF_MT_OCI_MANIFEST);
    ck_assert(!a.chosen);
    /* An image is taken as it is, whatever its platform. */
    ck_assert_int_eq(rf_fetch_manifest(r->place, "x", NULL, &image, &mips, &b, &err), 0);
    ck_assert(rf_digest_eq(&b.manifest->digest, &image) && !b.chosen);
    ck_assert_int_eq(rf_fetch_manifest(r->place, "x", "none", NULL, NULL, &c, &err),
                     -RFE_NOT_FOUND);
    ck_assert_ptr_null(c.manifest);
}
END_TEST

START_TEST(the_image_for_a_platform)
{
    R r = test_registry_start("plain", NULL);
    RF_CLEANUP(rf_platform_release) struct rf_platform arm = platform_of("linux/arm64");
    RF_CLEANUP(rf_platform_release) struct rf_platform mips = platform_of("linux/mips");
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest index;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor child = RF_DESCRIPTOR_INIT;
    F(got);
    F(asked);
    F(none);
    test_registry_index(r, "x", "v1", &index);
    ck_assert_int_eq(rf_place_resolve(r->place, "x", "child-v1-arm64", NULL, &child, NULL), 0);
    test_registry_forget(r);
    ck_assert_msg(rf_fetch_manifest(r->place, "x", "v1", NULL, &arm, &got, &err) == 0, "%s",
                  err.msg);
    ck_assert(got.chosen && rf_digest_eq(&got.manifest->digest, &child.digest));
    ck_assert(rf_digest_eq(&got.descriptor.digest, &child.digest));
    ck_assert_uint_eq(count(r, "GET"), 2);
    ck_assert_uint_eq(count(r, "*"), 2);
    /* By HEAD: the index has to be read, the image only asked for. */
    test_registry_forget(r);
    ck_assert_int_eq(rf_fetch_head(r->place, "x", "v1", NULL, &arm, &asked, &err), 0);
    ck_assert(asked.chosen && asked.manifest == NULL);
    ck_assert(rf_digest_eq(&asked.descriptor.digest, &child.digest));
    ck_assert_uint_eq(count(r, "HEAD"), 2);
    ck_assert_uint_eq(count(r, "GET"), 1);
    ck_assert_int_eq(rf_fetch_manifest(r->place, "x", "v1", NULL, &mips, &none, &err),
                     -RFE_NOT_FOUND);
    ck_assert_msg(strstr(err.msg, "platform not found: linux/mips") != NULL, "%s", err.msg);
    ck_assert_int_eq(rf_fetch_head(r->place, "x", "v1", NULL, &mips, &none, &err), -RFE_NOT_FOUND);
    ck_assert(none.manifest == NULL && none.descriptor.media_type == NULL);
}
END_TEST

START_TEST(which_image_a_platform_means)
{
    R r = test_registry_start("plain", NULL);
    RF_CLEANUP(rf_platform_release) struct rf_platform arm = platform_of("linux/arm64");
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest index;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor child = RF_DESCRIPTOR_INIT;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor same = RF_DESCRIPTOR_INIT;
    test_registry_index(r, "x", "v1", &index);
    ck_assert_int_eq(rf_place_resolve(r->place, "x", "child-v1-arm64", NULL, &child, NULL), 0);
    test_registry_forget(r);
    ck_assert_int_eq(rf_fetch_choice(r->place, "x", "v1", NULL, &arm, &d, &err), 0);
    ck_assert(rf_digest_eq(&d.digest, &child.digest));
    ck_assert_uint_eq(d.size, child.size);
    ck_assert_uint_eq(count(r, "HEAD"), 1);
    ck_assert_uint_eq(count(r, "GET"), 1);
    ck_assert_int_eq(rf_fetch_choice(r->place, "x", NULL, &child.digest, &arm, &same, &err), 0);
    ck_assert(rf_digest_eq(&same.digest, &child.digest));
}
END_TEST

/* Servers of plain files know no media types, and some answers lack the header: what it is then has to be looked at. */
static const char *const vague[] = {
    HEADERS("HEAD", "\"drop\":[\"Content-Type\"]"),
    HEADERS("HEAD", "\"set\":{\"Content-Type\":\"application/octet-stream\"}"),
    HEADERS("HEAD", "\"set\":{\"Content-Type\":\"text/plain\"}"),
};

START_TEST(heads_that_do_not_say_what_it_is)
{
    R r = test_registry_start(vague[_i], NULL);
    RF_CLEANUP(rf_platform_release) struct rf_platform arm = platform_of("linux/arm64");
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest index;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor child = RF_DESCRIPTOR_INIT;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor whole = RF_DESCRIPTOR_INIT;
    F(asked);
    test_registry_index(r, "x", "v1", &index);
    ck_assert_int_eq(rf_place_resolve(r->place, "x", "child-v1-arm64", NULL, &child, NULL), 0);
    ck_assert_msg(rf_fetch_choice(r->place, "x", "v1", NULL, &arm, &d, &err) == 0, "%s", err.msg);
    ck_assert(rf_digest_eq(&d.digest, &child.digest));
    ck_assert_msg(rf_fetch_head(r->place, "x", "v1", NULL, &arm, &asked, &err) == 0, "%s", err.msg);
    ck_assert(asked.chosen && rf_digest_eq(&asked.descriptor.digest, &child.digest));
    ck_assert_int_eq(rf_fetch_whole_descriptor(r->place, "x", "v1", NULL, &whole, &err), 0);
    ck_assert_str_eq(whole.media_type, RF_MT_OCI_INDEX);
    ck_assert(rf_digest_eq(&whole.digest, &index));
    ck_assert_uint_ne(whole.size, 0);
}
END_TEST

START_TEST(a_whole_descriptor_costs_one_head)
{
    R r = test_registry_start("plain", NULL);
    struct rf_digest image;
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    test_registry_image(r, "x", "v1", 1, 100, &image);
    test_registry_forget(r);
    ck_assert_int_eq(rf_fetch_whole_descriptor(r->place, "x", "v1", NULL, &d, &err), 0);
    ck_assert_str_eq(d.media_type, RF_MT_OCI_MANIFEST);
    ck_assert_uint_ne(d.size, 0);
    ck_assert_uint_eq(count(r, "*"), 1);
}
END_TEST

START_TEST(indexes_in_each_other)
{
    R r = test_registry_start("plain", NULL);
    RF_CLEANUP(rf_platform_release) struct rf_platform arm = platform_of("linux/arm64");
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest image, at;
    test_registry_image_for(r, "x", "v1", "arm64", 1, 100, &image);
    push_over(r, "1", RF_MT_OCI_MANIFEST, &image, size_of(r, &image), &at);
    for (unsigned depth = 2; depth <= RF_INDEX_DEPTH_MAX + 1; depth++) {
        RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
        RF_CLEANUP(rf_freep) char *tag = rf_xasprintf("%u", depth);
        F(got);
        F(asked);
        push_over(r, tag, RF_MT_OCI_INDEX, &at, size_of(r, &at), &at);
        int want = depth <= RF_INDEX_DEPTH_MAX ? 0 : -RFE_TOO_LARGE;
        ck_assert_int_eq(rf_fetch_manifest(r->place, "x", tag, NULL, &arm, &got, &err), want);
        ck_assert_int_eq(rf_fetch_head(r->place, "x", tag, NULL, &arm, &asked, &err), want);
        ck_assert_int_eq(rf_fetch_choice(r->place, "x", tag, NULL, &arm, &d, &err), want);
        ck_assert(want < 0 || (rf_digest_eq(&got.manifest->digest, &image) &&
                               rf_digest_eq(&asked.descriptor.digest, &image) &&
                               rf_digest_eq(&d.digest, &image)));
    }
}
END_TEST

START_TEST(an_index_that_lies_about_its_image)
{
    R r = test_registry_start("plain", NULL);
    RF_CLEANUP(rf_platform_release) struct rf_platform arm = platform_of("linux/arm64");
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest image, ignored;
    F(a);
    F(b);
    test_registry_image_for(r, "x", "v1", "arm64", 1, 100, &image);
    push_over(r, "size", RF_MT_OCI_MANIFEST, &image, size_of(r, &image) + 1, &ignored);
    push_over(r, "type", RF_MT_DOCKER_MANIFEST, &image, size_of(r, &image), &ignored);
    ck_assert_int_eq(rf_fetch_manifest(r->place, "x", "size", NULL, &arm, &a, &err),
                     -RFE_SIZE_MISMATCH);
    ck_assert_int_eq(rf_fetch_manifest(r->place, "x", "type", NULL, &arm, &b, &err),
                     -RFE_AMBIGUOUS);
    ck_assert(a.manifest == NULL && b.manifest == NULL);
}
END_TEST

START_TEST(small_blobs_and_configurations)
{
    R r = test_registry_start("plain", NULL);
    struct rf_digest image, artifact;
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf body, small;
    RF_CLEANUP(rf_config_freep) struct rf_config *config = NULL;
    RF_CLEANUP(rf_config_freep) struct rf_config *none = NULL;
    F(got);
    F(other);
    rf_buf_init(&body, 0);
    rf_buf_init(&small, 10);
    test_registry_image_for(r, "x", "v1", "riscv64", 1, 100, &image);
    ck_assert_int_eq(rf_fetch_manifest(r->place, "x", "v1", NULL, NULL, &got, &err), 0);
    ck_assert_msg(rf_fetch_config(r->place, "x", got.manifest, &config, &body, &err) == 0, "%s",
                  err.msg);
    ck_assert_str_eq(config->platform.architecture, "riscv64");
    ck_assert_uint_eq(body.len, got.manifest->config.size);
    test_registry_forget(r);
    ck_assert_int_eq(rf_fetch_blob(r->place, "x", &got.manifest->config, &small, &err),
                     -RFE_TOO_LARGE);
    ck_assert_uint_eq(count(r, "*"), 0); /* its size says it already */
    RF_CLEANUP(rf_freep)
    char *text = rf_xasprintf(
        "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_MANIFEST
        "\",\"config\":{\"mediaType\":\"application/vnd.example+json\",\"digest\":\"sha256:%064d\",\"size\":2},\"layers\":[]}",
        0);
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    ck_assert_int_eq(rf_manifest_parse(rf_slice_str(text), NULL, &m, &err), 0);
    ck_assert_int_eq(rf_fetch_config(r->place, "x", m, &none, NULL, &err), -RFE_UNSUPPORTED);
    ck_assert_msg(strstr(err.msg, "application/vnd.example+json") != NULL, "%s", err.msg);
    test_registry_index(r, "x", "v2", &artifact);
    ck_assert_int_eq(rf_fetch_manifest(r->place, "x", "v2", NULL, NULL, &other, &err), 0);
    ck_assert_int_eq(rf_fetch_config(r->place, "x", other.manifest, &none, NULL, &err),
                     -RFE_UNSUPPORTED);
}
END_TEST

START_TEST(a_layout_has_no_headers)
{
    R r = test_registry_start("plain", NULL);
    struct rf_digest image;
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_place_freep) struct rf_place *dir = NULL;
    F(source);
    F(got);
    F(asked);
    home_setup();
    RF_CLEANUP(rf_freep) char *path = rf_xasprintf("%s/layout", home_dir());
    ck_assert_int_eq(rf_oci_dir_open(path, RF_OCI_DIR_CREATE, &dir, &err), 0);
    test_registry_image(r, "x", "v1", 1, 100, &image);
    ck_assert_int_eq(rf_fetch_manifest(r->place, "x", "v1", NULL, NULL, &source, &err), 0);
    ck_assert_int_eq(rf_place_put_manifest(dir, "", "v1", source.manifest, 0, &err), 0);
    ck_assert_int_eq(rf_fetch_manifest(dir, "", "v1", NULL, NULL, &got, &err), 0);
    ck_assert_int_eq(rf_fetch_head(dir, "", "v1", NULL, NULL, &asked, &err), 0);
    ck_assert(rf_digest_eq(&got.manifest->digest, &image));
    ck_assert(rf_digest_eq(&asked.descriptor.digest, &image));
    ck_assert_uint_eq(got.headers.n + asked.headers.n, 0);
    home_teardown();
}
END_TEST

Suite *rf_fetch_suite(void);
Suite *rf_fetch_suite(void)
{
    Suite *s = suite_create("fetch");
    TCase *t = tcase_create("fetch");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_manifest_and_its_headers);
    tcase_add_test(t, the_image_for_a_platform);
    tcase_add_test(t, which_image_a_platform_means);
    tcase_add_loop_test(t, heads_that_do_not_say_what_it_is, 0, (int)RF_ARRAY_LEN(vague));
    tcase_add_test(t, a_whole_descriptor_costs_one_head);
    tcase_add_test(t, indexes_in_each_other);
    tcase_add_test(t, an_index_that_lies_about_its_image);
    tcase_add_test(t, small_blobs_and_configurations);
    tcase_add_test(t, a_layout_has_no_headers);
    suite_add_tcase(s, t);
    return s;
}
