/* SPDX-License-Identifier: Apache-2.0 */
/* Items from arguments and from policy files. */
#include <stdlib.h>

#include "base/mem.h"
#include "tests/export/helper_export.h"

Suite *rf_items_suite(void);

static const struct rf_item_options none = { 0 };

/* "source repository:tag flags": what an item says; tag "-" = as at the source. The caller frees. */
static char *told(const struct rf_export_item *it)
{
    struct rf_buf out;
    char *source = rf_ref_common_name(&it->source);
    rf_buf_init(&out, 0);
    rf_buf_addf(&out, "%s %s:%s%s%s%s%s%s", source, it->repository, it->tag != NULL ? it->tag : "-",
                it->whole_repository ? " whole" : "", it->allow != NULL ? " filtered" : "",
                it->prune ? " prune" : "", it->referrers ? " referrers" : "",
                it->digest_tags ? " digest-tags" : "");
    for (size_t i = 0; i < it->n_platforms; i++) {
        char *p = rf_platform_text(&it->platforms[i]);
        rf_buf_addf(&out, " %s", p);
        free(p);
    }
    free(source);
    return rf_buf_take(&out, NULL);
}

static void expect_item(const struct rf_export_item *it, const char *want)
{
    char *got = told(it);
    ck_assert_str_eq(got, want);
    free(got);
}

#define DIGEST "sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"

static const struct {
    const char *arg, *want;
} args[] = {
    { "alpine", "docker.io/library/alpine:latest library/alpine:latest" },
    { "alpine:3.20", "docker.io/library/alpine:3.20 library/alpine:3.20" },
    { "alpine:3.20=mirror/os", "docker.io/library/alpine:3.20 mirror/os:3.20" },
    { "alpine:3.20=mirror/os:1", "docker.io/library/alpine:3.20 mirror/os:1" },
    { "r.example:5000/a/b:1", "r.example:5000/a/b:1 a/b:1" },
    { "r.example/a@" DIGEST, "r.example/a@" DIGEST " a:-" },
    { "r.example/a@" DIGEST "=b:2", "r.example/a@" DIGEST " b:2" },
    { "r.example/a:1@" DIGEST, "r.example/a:1@" DIGEST " a:1" },
    { "ocidir://data/app:1", "ocidir://data/app:1 app:1" },
    { "ocidir://data/app", "ocidir://data/app app:- whole" },
    { "ocidir://data/app=x/y", "ocidir://data/app x/y:- whole" },
    { "ocidir://data/app:1=x:2", "ocidir://data/app:1 x:2" },
    { "ocifile://data/app.tar", "ocifile://data/app.tar app:- whole" },
};

START_TEST(arguments)
{
    struct rf_items items = { 0 };
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_items_add_arg(&items, args[_i].arg, &none, &err), err);
    ck_assert_uint_eq(items.n, 1);
    expect_item(&items.list[0], args[_i].want);
    rf_items_release(&items);
}
END_TEST

static const struct {
    const char *arg, *text;
} wrong[] = {
    { "", "" },
    { "Alpine", "Alpine" },
    { "alpine=", "" },
    { "alpine=UPPER", "UPPER" },
    { "alpine=a:b:c", "a:b:c" },
    { "alpine:3.20=r.example:5000/x", "r.example:5000/x" },
    { "ocidir://data/app=x:2", "name the image of the layout that becomes x:2" },
    { "ocidir://data/App", "SOURCE=PATH" },
    { "http://r.example/a", "http://r.example/a" },
};

START_TEST(wrong_arguments)
{
    struct rf_items items = { 0 };
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_items_add_arg(&items, wrong[_i].arg, &none, &err);
    expect_error(rc, RFE_USAGE, err, wrong[_i].text);
    ck_assert_uint_eq(items.n, 0);
    rf_items_release(&items);
}
END_TEST

START_TEST(options_hold_for_all_arguments)
{
    static const char *const platforms[] = { "linux/amd64", "linux/arm/v7" };
    const struct rf_item_options opts = { .platforms = platforms,
                                          .n_platforms = 2,
                                          .prune = true,
                                          .referrers = true,
                                          .digest_tags = true };
    struct rf_items items = { 0 };
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_items_add_arg(&items, "r.example/a:1", &opts, &err), err);
    expect_ok(rf_items_add_arg(&items, "r.example/b:1", &opts, &err), err);
    expect_item(&items.list[0],
                "r.example/a:1 a:1 prune referrers digest-tags linux/amd64 linux/arm/v7");
    expect_item(&items.list[1],
                "r.example/b:1 b:1 prune referrers digest-tags linux/amd64 linux/arm/v7");
    rf_items_release(&items);
}
END_TEST

START_TEST(a_wrong_platform)
{
    static const char *const platforms[] = { "linux/amd64", "linux/" };
    const struct rf_item_options opts = { .platforms = platforms, .n_platforms = 2 };
    struct rf_items items = { 0 };
    struct rf_err err = RF_ERR_INIT;
    expect_error(rf_items_add_arg(&items, "r.example/a:1", &opts, &err), RFE_USAGE, err,
                 "--platform linux/: not a platform");
    rf_items_release(&items);
}
END_TEST

/* ---- policy files ---- */

#define HEAD "version: 1\nsync:\n"

static struct rf_policy_config *parsed(const char *text)
{
    struct rf_policy_config *c = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_policy_config_parse("ferry.yml", rf_slice_str(text), RF_POLICY_STRICT, &c, &err),
              err);
    return c;
}

START_TEST(steps)
{
    struct rf_policy_config *c = parsed(
        HEAD "  - {source: 'alpine:3.20', target: 'r.plant/os/alpine:1', type: image}\n"
             "  - {source: 'r.example/a', target: 'r.plant:5000/b', type: repository}\n"
             "  - {source: 'r.example/a', target: 'r.plant/b', type: repository, tags: {allow: "
             "['1.*', '2'], deny: ['1.9']}, referrers: true, digestTags: true, platforms: "
             "[linux/amd64, linux/arm64]}\n"
             "  - {source: 'r.example/a:1', target: 'ocidir://data/b:1', type: image, platform: "
             "linux/s390x}\n");
    struct rf_items items = { 0 };
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_items_add_config(&items, c, &none, &err), err);
    ck_assert_uint_eq(items.n, 4);
    expect_item(&items.list[0], "docker.io/library/alpine:3.20 os/alpine:1");
    expect_item(&items.list[1], "r.example/a b:- whole");
    ck_assert_ptr_null(items.list[1].filter);
    expect_item(&items.list[2],
                "r.example/a b:- whole filtered referrers digest-tags linux/amd64 linux/arm64");
    ck_assert_str_eq(items.list[2].filter, "allow 1.*\nallow 2\ndeny 1.9\n");
    const struct rf_export_item *it = &items.list[2];
    ck_assert(it->allow(it->allow_ctx, "1.8"));
    ck_assert(it->allow(it->allow_ctx, "2"));
    ck_assert(!it->allow(it->allow_ctx, "1.9"));
    ck_assert(!it->allow(it->allow_ctx, "22"));
    expect_item(&items.list[3], "r.example/a:1 b:1 linux/s390x");
    rf_items_release(&items);
    rf_policy_config_free(c);
}
END_TEST

START_TEST(versions_and_sets_of_tags)
{
    struct rf_policy_config *c = parsed(
        HEAD "  - {source: 'r.example/a', target: 'r.plant/b', type: repository,\n"
             "     tags: {semverRange: ['>=1.2 <2', '^3'], deny: ['.*-rc.*']}}\n"
             "  - {source: 'r.example/a', target: 'r.plant/c', type: repository,\n"
             "     tags: {allow: [latest]}, tagSets: [{semverRange: ['~1.2']}, {allow: ['v.*']}]}\n"
             "  - {source: 'r.example/a', target: 'r.plant/d', type: repository, tagSets: [{}]}\n");
    struct rf_items items = { 0 };
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_items_add_config(&items, c, &none, &err), err);
    ck_assert_uint_eq(items.n, 3);
    const struct rf_export_item *it = &items.list[0];
    ck_assert_str_eq(it->filter, "semver >=1.2 <2\nsemver ^3\ndeny .*-rc.*\n");
    ck_assert(it->allow(it->allow_ctx, "v1.2"));
    ck_assert(it->allow(it->allow_ctx, "3.7.1"));
    ck_assert(!it->allow(it->allow_ctx, "2.1"));
    ck_assert(!it->allow(it->allow_ctx, "1.5-rc1"));
    ck_assert(!it->allow(it->allow_ctx, "latest"));
    it = &items.list[1];
    ck_assert_str_eq(it->filter, "allow latest\nset\nsemver ~1.2\nset\nallow v.*\n");
    ck_assert(it->allow(it->allow_ctx, "latest"));
    ck_assert(it->allow(it->allow_ctx, "1.2.9"));
    ck_assert(it->allow(it->allow_ctx, "vx"));
    ck_assert(!it->allow(it->allow_ctx, "1.3"));
    /* A set without rules takes everything. */
    ck_assert(items.list[2].allow == NULL);
    ck_assert_ptr_null(items.list[2].filter);
    rf_items_release(&items);
    rf_policy_config_free(c);
}
END_TEST

START_TEST(options_go_over_steps)
{
    static const char *const platforms[] = { "linux/amd64" };
    const struct rf_item_options opts = {
        .platforms = platforms, .n_platforms = 1, .prune = true, .referrers = true
    };
    struct rf_policy_config *c = parsed(
        HEAD
        "  - {source: 'r.example/a:1', target: 'r.plant/b:1', type: image, platform: linux/arm64}\n");
    struct rf_items items = { 0 };
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_items_add_config(&items, c, &opts, &err), err);
    expect_item(&items.list[0], "r.example/a:1 b:1 prune referrers linux/amd64");
    rf_items_release(&items);
    rf_policy_config_free(c);
}
END_TEST

START_TEST(a_step_that_cannot_be_carried)
{
    struct rf_policy_config *c =
        parsed(HEAD "  - {source: 'r.example/a:1', target: 'r.plant/b:1', type: image}\n"
                    "  - {source: 'r.example', target: 'r.plant', type: registry}\n");
    struct rf_items items = { 0 };
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_items_add_config(&items, c, &none, &err);
    expect_error(rc, RFE_CONFIG, err, "ferry.yml:4:");
    expect_error(rc, RFE_CONFIG, err, "type registry");
    rf_items_release(&items);
    rf_policy_config_free(c);
}
END_TEST

Suite *rf_items_suite(void)
{
    Suite *s = suite_create("items");
    TCase *t = tcase_create("items");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    suite_add_tcase(s, t);
    tcase_add_loop_test(t, arguments, 0, RF_ARRAY_LEN(args));
    tcase_add_loop_test(t, wrong_arguments, 0, RF_ARRAY_LEN(wrong));
    tcase_add_test(t, options_hold_for_all_arguments);
    tcase_add_test(t, a_wrong_platform);
    tcase_add_test(t, steps);
    tcase_add_test(t, versions_and_sets_of_tags);
    tcase_add_test(t, options_go_over_steps);
    tcase_add_test(t, a_step_that_cannot_be_carried);
    return s;
}
