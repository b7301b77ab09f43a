/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/index_build.h"

#include <check.h>

#include "base/mem.h"
#include "layout/oci_dir.h"
#include "tests/regclient/helper_home.h"
#include "tests/regclient/helper_registry.h"

#define R RF_CLEANUP(test_registry_stopp) struct test_registry *

/* The index that the plan makes of nothing. NULL: it fails with `want`. */
static struct rf_manifest *build(const struct rf_index_plan *plan, int want)
{
    RF_CLEANUP(rf_index_edit_freep) struct rf_index_edit *edit = NULL;
    struct rf_manifest *m = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_index_edit_new(RF_MT_OCI_INDEX, &edit, &err), 0);
    int rc = rf_index_plan_add(plan, edit, &err);
    ck_assert_msg(rc == want, "%d: %s", rc, err.msg);
    if (rc == 0)
        ck_assert_int_eq(rf_index_edit_finish(edit, &m, &err), 0);
    return m;
}

static bool is_there(struct rf_place *p, const char *repo, const struct rf_digest *digest)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    return rf_place_resolve(p, repo, NULL, digest, &d, NULL) == 0;
}

static void find(struct test_registry *r, const char *tag, struct rf_digest *out)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    ck_assert_int_eq(rf_place_resolve(r->place, "x", tag, NULL, &d, NULL), 0);
    *out = d.digest;
}

static void check_platform(const struct rf_descriptor *d, const char *want)
{
    ck_assert_ptr_nonnull(d->platform);
    RF_CLEANUP(rf_freep) char *text = rf_platform_text(d->platform);
    ck_assert_str_eq(text, want);
}

START_TEST(images_come_with_their_platforms)
{
    R a = test_registry_start("plain", NULL);
    R b = test_registry_start("plain", NULL);
    struct rf_digest there, arm, riscv, artifact;
    RF_CLEANUP(rf_json_decrefp) json_t *notes = json_pack("{s:s}", "who", "us");
    test_registry_image_for(b, "y", "v0", "amd64", 1, 50, &there);
    test_registry_image_for(a, "x", "arm", "arm64", 1, 100, &arm);
    test_registry_image_for(a, "x", "riscv", "riscv64", 1, 101, &riscv);
    test_registry_artifact(a, "x", "a1", "application/x", NULL, &artifact);
    const struct rf_index_source sources[] = {
        { .place = a->place, .repo = "x", .tag = "riscv" },
        { .place = a->place, .repo = "x", .digest = &arm },
        { .place = a->place, .repo = "x", .tag = "a1" },
    };
    const struct rf_index_plan plan = { .place = b->place,
                                        .repo = "y",
                                        .sources = sources,
                                        .n_sources = 3,
                                        .digests = &there,
                                        .n_digests = 1,
                                        .entry_annotations = notes };
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = build(&plan, 0);
    const struct rf_digest *want[] = { &there, &riscv, &arm, &artifact };
    static const char *const platforms[] = { "linux/amd64", "linux/riscv64", "linux/arm64", NULL };
    ck_assert_uint_eq(m->n_entries, 4);
    for (size_t i = 0; i < 4; i++) {
        ck_assert(rf_digest_eq(&m->entries[i].digest, want[i]));
        ck_assert_str_eq(m->entries[i].media_type, RF_MT_OCI_MANIFEST);
        ck_assert_uint_ne(m->entries[i].size, 0);
        ck_assert_str_eq(rf_descriptor_annotation(&m->entries[i], "who"), "us");
        ck_assert(is_there(b->place, "y", want[i]));
        if (platforms[i] != NULL)
            check_platform(&m->entries[i], platforms[i]);
        else
            ck_assert_ptr_null(m->entries[i].platform);
    }
    /* Once more: it is all there, nothing is written. */
    test_registry_forget(b);
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *again = build(&plan, 0);
    ck_assert(rf_digest_eq(&again->digest, &m->digest));
    ck_assert_uint_eq(test_registry_count(b, NULL, "P*"), 0);
}
END_TEST

START_TEST(some_images_of_an_index)
{
    /* Whether HEAD says that it is one, or not. */
    R a = test_registry_start(
        _i == 0
            ? "plain"
            : "{\"rules\":[{\"match\":{\"method\":\"HEAD\",\"count\":0},\"action\":{\"type\":\"headers\",\"drop\":[\"Content-Type\"]}}]}",
        NULL);
    R b = test_registry_start("plain", NULL);
    struct rf_digest index, arm, amd;
    struct rf_platform platforms[2] = { RF_PLATFORM_INIT, RF_PLATFORM_INIT };
    ck_assert_int_eq(rf_platform_parse("linux/arm64", &platforms[0], NULL), 0);
    ck_assert_int_eq(rf_platform_parse("linux/mips", &platforms[1], NULL), 0);
    test_registry_index(a, "x", "v1", &index);
    find(a, "child-v1-arm64", &arm);
    find(a, "child-v1-amd64", &amd);
    const struct rf_index_source source = { .place = a->place, .repo = "x", .tag = "v1" };
    struct rf_index_plan plan = { .place = b->place,
                                  .repo = "y",
                                  .sources = &source,
                                  .n_sources = 1,
                                  .platforms = platforms,
                                  .n_platforms = 2 };
    home_setup();
    home_log_begin();
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = build(&plan, 0);
    RF_CLEANUP(rf_freep) char *log = home_log_end();
    home_teardown();
    ck_assert_uint_eq(m->n_entries, 1);
    ck_assert(rf_digest_eq(&m->entries[0].digest, &arm));
    ck_assert(is_there(b->place, "y", &arm) && !is_there(b->place, "y", &amd));
    ck_assert_msg(strstr(log, "linux/mips") != NULL && strstr(log, "linux/arm64") == NULL, "%s",
                  log);
    /* Without platforms: the index as a whole. */
    plan.n_platforms = 0;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *whole = build(&plan, 0);
    ck_assert_uint_eq(whole->n_entries, 1);
    ck_assert(rf_digest_eq(&whole->entries[0].digest, &index));
    ck_assert_str_eq(whole->entries[0].media_type, RF_MT_OCI_INDEX);
    ck_assert(is_there(b->place, "y", &amd));
    rf_platform_release(&platforms[0]);
    rf_platform_release(&platforms[1]);
}
END_TEST

START_TEST(the_platform_can_be_said)
{
    R a = test_registry_start("plain", NULL);
    struct rf_digest image, artifact;
    RF_CLEANUP(rf_platform_release) struct rf_platform windows = RF_PLATFORM_INIT;
    ck_assert_int_eq(rf_platform_parse("windows/amd64", &windows, NULL), 0);
    test_registry_image(a, "x", "v1", 1, 100, &image);
    test_registry_artifact(a, "x", "a1", "application/x", NULL, &artifact);
    const struct rf_digest both[] = { image, artifact };
    const struct rf_index_plan plan = {
        .place = a->place, .repo = "x", .digests = both, .n_digests = 2, .entry_platform = &windows
    };
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = build(&plan, 0);
    check_platform(&m->entries[0], "windows/amd64");
    check_platform(&m->entries[1], "windows/amd64");
}
END_TEST

START_TEST(what_is_not_there)
{
    R a = test_registry_start("plain", NULL);
    struct rf_digest none;
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str("none"), &none);
    const struct rf_index_source source = { .place = a->place, .repo = "x", .tag = "none" };
    const struct rf_index_plan by_tag = {
        .place = a->place, .repo = "y", .sources = &source, .n_sources = 1
    };
    const struct rf_index_plan by_digest = {
        .place = a->place, .repo = "y", .digests = &none, .n_digests = 1
    };
    ck_assert_ptr_null(build(&by_tag, -RFE_NOT_FOUND));
    ck_assert_ptr_null(build(&by_digest, -RFE_NOT_FOUND));
    ck_assert_uint_eq(test_registry_count(a, NULL, "P*"), 0);
}
END_TEST

static int count_tag(void *ctx, const char *tag, struct rf_err *err)
{
    (void)tag;
    (void)err;
    ++*(unsigned *)ctx;
    return 0;
}

/* What becomes an entry is not listed beside the index, also when referrers come along with it. */
START_TEST(a_layout_lists_only_the_index)
{
    R a = test_registry_start("plain", NULL);
    struct rf_digest image, signature;
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_place_freep) struct rf_place *dir = NULL;
    unsigned tags = 0;
    home_setup();
    RF_CLEANUP(rf_freep) char *path = rf_xasprintf("%s/layout", home_dir());
    ck_assert_int_eq(rf_oci_dir_open(path, RF_OCI_DIR_CREATE, &dir, &err), 0);
    test_registry_image(a, "x", "v1", 1, 100, &image);
    test_registry_artifact(a, "x", NULL, "application/sig", &image, &signature);
    struct rf_index_source source = { .place = a->place, .repo = "x", .tag = "v1" };
    const struct rf_index_plan plan = {
        .place = dir, .repo = "", .sources = &source, .n_sources = 1, .referrers = true
    };
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = build(&plan, 0);
    ck_assert_int_eq(rf_place_put_manifest(dir, "", "v1", m, 0, &err), 0);
    /* And once more out of the layout itself. */
    source = (struct rf_index_source){ .place = dir, .repo = "", .digest = &image };
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *again = build(&plan, 0);
    ck_assert_uint_eq(again->n_entries, 1);
    ck_assert(is_there(dir, "", &signature));
    ck_assert_int_eq(rf_place_list_tags(dir, "", count_tag, &tags, &err), 0);
    ck_assert_uint_eq(tags, 2); /* v1, and the list of referrers */
    RF_CLEANUP(rf_freep) char *index = home_read("layout/index.json");
    char text[RF_DIGEST_TEXT];
    ck_assert_msg(strstr(index, rf_digest_text(&image, text)) == NULL, "%s", index);
    home_teardown();
}
END_TEST

Suite *rf_index_build_suite(void);
Suite *rf_index_build_suite(void)
{
    Suite *s = suite_create("index_build");
    TCase *t = tcase_create("index_build");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, images_come_with_their_platforms);
    tcase_add_loop_test(t, some_images_of_an_index, 0, 2);
    tcase_add_test(t, the_platform_can_be_said);
    tcase_add_test(t, what_is_not_there);
    tcase_add_test(t, a_layout_lists_only_the_index);
    suite_add_tcase(s, t);
    return s;
}
