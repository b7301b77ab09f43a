/* SPDX-License-Identifier: Apache-2.0 */
/* Items from arguments and from policy files. */
#include <stdlib.h>

#include "base/mem.h"
#include "tests/export/helper_export.h"

Suite *rf_items_suite(void);

static const struct rf_item_options none = { 0 };

static bool is_filtered(const struct rf_export_item *it)
{
    return it->whole_repository && it->step != NULL &&
           !rf_name_filter_is_empty(it->step->tag_names);
}

static bool takes(const struct rf_export_item *it, const char *tag)
{
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_name_filter_match(it->step->tag_names, tag, &err);
    ck_assert_msg(rc >= 0, "%s", err.msg);
    return rc > 0;
}

#define KINDS                                                               \
    "mediaType application/vnd.docker.distribution.manifest.v2+json\n"      \
    "mediaType application/vnd.docker.distribution.manifest.list.v2+json\n" \
    "mediaType application/vnd.oci.image.manifest.v1+json\n"                \
    "mediaType application/vnd.oci.image.index.v1+json\n"

/* "source repository:tag flags": what an item says; tag "-" = as at the source. The caller frees. */
static char *told(const struct rf_export_item *it)
{
    struct rf_buf out;
    char *source =
        it->registry != NULL ? rf_xstrdup(it->registry) : rf_ref_common_name(&it->source);
    rf_buf_init(&out, 0);
    rf_buf_addf(&out, "%s %s:%s%s%s%s%s%s", source, it->repository, it->tag != NULL ? it->tag : "-",
                it->whole_repository ? " whole" : "", is_filtered(it) ? " filtered" : "",
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
    ck_assert_str_eq(items.list[1].rules, KINDS);
    expect_item(&items.list[2],
                "r.example/a b:- whole filtered referrers digest-tags linux/amd64 linux/arm64");
    ck_assert_str_eq(items.list[2].rules, "tags 27\nallow 1.*\nallow 2\ndeny 1.9\n" KINDS);
    const struct rf_export_item *it = &items.list[2];
    ck_assert(takes(it, "1.8"));
    ck_assert(takes(it, "2"));
    ck_assert(!takes(it, "1.9"));
    ck_assert(!takes(it, "22"));
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
    ck_assert_str_eq(it->rules, "tags 39\nsemver >=1.2 <2\nsemver ^3\ndeny .*-rc.*\n" KINDS);
    ck_assert(takes(it, "v1.2"));
    ck_assert(takes(it, "3.7.1"));
    ck_assert(!takes(it, "2.1"));
    ck_assert(!takes(it, "1.5-rc1"));
    ck_assert(!takes(it, "latest"));
    it = &items.list[1];
    ck_assert_str_eq(it->rules, "tags 43\nallow latest\nset\nsemver ~1.2\nset\nallow v.*\n" KINDS);
    ck_assert(takes(it, "latest"));
    ck_assert(takes(it, "1.2.9"));
    ck_assert(takes(it, "vx"));
    ck_assert(!takes(it, "1.3"));
    /* A set without rules takes everything. */
    ck_assert(!is_filtered(&items.list[2]));
    ck_assert_str_eq(items.list[2].rules, KINDS);
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

START_TEST(registries)
{
    struct rf_policy_config *c = parsed(
        HEAD "  - {source: 'r.example:5000', target: 'r.plant/all', type: registry, repos: {deny: "
             "['x.*']}, tags: {allow: ['1']}}\n"
             "  - {source: 'r.example', target: 'r.plant:5000', type: registry}\n"
             "  - {source: 'index.docker.io', type: registry}\n"
             "  - {source: 'r.example', target: 'ocidir://data', type: registry}\n");
    struct rf_items items = { 0 };
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_items_add_config(&items, c, &none, &err), err);
    expect_item(&items.list[0], "r.example:5000 all:- whole filtered");
    ck_assert_str_eq(items.list[0].rules, "tags 8\nallow 1\nrepos 9\ndeny x.*\n" KINDS);
    expect_item(&items.list[1], "r.example :- whole");
    expect_item(&items.list[2], "docker.io :- whole");
    expect_item(&items.list[3], "r.example :- whole");
    rf_items_release(&items);
    rf_policy_config_free(c);
}
END_TEST

/* As regsync reads it. */
START_TEST(a_target_without_tag_is_latest)
{
    struct rf_policy_config *c = parsed(
        HEAD "  - {source: 'r.example/a:1', target: 'r.plant/b', type: image}\n"
             "  - {source: 'r.example/a:1', type: image}\n"
             "  - {source: 'r.example/a@" DIGEST "', target: 'ocidir://data/b', type: image}\n");
    struct rf_items items = { 0 };
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_items_add_config(&items, c, &none, &err), err);
    expect_item(&items.list[0], "r.example/a:1 b:latest");
    expect_item(&items.list[1], "r.example/a:1 a:1");
    expect_item(&items.list[2], "r.example/a@" DIGEST " b:latest");
    rf_items_release(&items);
    rf_policy_config_free(c);
}
END_TEST

START_TEST(what_refers_to_images)
{
    struct rf_policy_config *c = parsed(
        HEAD "  - {source: 'r.example/a:1', type: image, referrers: true, referrerSource: "
             "'r.example/sigs', referrerTarget: 'r.plant/far/sigs', referrerSlow: true, "
             "includeExternal: true, mediaTypes: [x/y], referrerFilters: [{artifactType: t, "
             "annotations: {a: b}}, {}]}\n"
             "  - {source: 'r.example/a:1', type: image, referrerSource: 'r.example/sigs'}\n");
    struct rf_items items = { 0 };
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_items_add_config(&items, c, &none, &err), err);
    const struct rf_export_item *it = &items.list[0];
    ck_assert_str_eq(it->referrers_from.repository, "sigs");
    ck_assert_str_eq(it->referrers_to, "far/sigs");
    ck_assert(it->slow_referrers && it->include_external && rf_export_item_outside(it));
    ck_assert_str_eq(it->rules, "mediaType x/y\nreferrers 1:t 1:a 1:b\nreferrers 0:\n");
    it = &items.list[1]; /* nobody asks for any */
    ck_assert(it->referrers_from.text == NULL && !rf_export_item_outside(it));
    ck_assert(!it->slow_referrers && !it->include_external);
    rf_items_release(&items);
    rf_policy_config_free(c);
}
END_TEST

/* The site's names, for all but what the command line names itself. */
START_TEST(names_of_a_site)
{
    struct rf_policy_config *c = parsed(
        HEAD
        "  - {source: 'r.example/team/app:1', target: 'r.plant/team/app:2', type: image}\n"
        "  - {source: 'r.example/a/b/c', type: repository, referrers: true, referrerTarget: 'r.plant/team/sigs'}\n"
        "  - {source: 'r.example', target: 'r.plant/team', type: registry}\n"
        "sites: [{name: s, paths: [{from: 'team/(.*)', to: 'crew/$1'}], maxDepth: 2}]\n");
    const struct rf_item_options opts = { .paths = &c->sites.list[0].paths };
    struct rf_items items = { 0 };
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_items_add_config(&items, c, &opts, &err), err);
    expect_ok(rf_items_add_arg(&items, "r.example/team/x/y:1", &opts, &err), err);
    expect_ok(rf_items_add_arg(&items, "r.example/team/x:1=team/x/y", &opts, &err), err);
    expect_item(&items.list[0], "r.example/team/app:1 crew/app:2");
    expect_item(&items.list[1], "r.example/a/b/c a/b-c:- whole referrers");
    ck_assert_str_eq(items.list[1].referrers_to, "crew/sigs");
    ck_assert_str_eq(items.list[1].rules, KINDS);
    expect_item(&items.list[2], "r.example team:- whole"); /* a prefix is none yet */
    ck_assert_ptr_eq(items.list[2].paths, opts.paths);
    ck_assert_str_eq(items.list[2].rules, "path 9 team/(.*)\ncrew/$1\nmaxDepth 2\n" KINDS);
    expect_item(&items.list[3], "r.example/team/x/y:1 crew/x-y:1");
    expect_item(&items.list[4], "r.example/team/x:1 team/x/y:1");
    rf_items_release(&items);
    rf_policy_config_free(c);
}
END_TEST

START_TEST(names_that_a_site_cannot_have)
{
    struct rf_policy_config *c =
        parsed(HEAD "  - {source: 'r.example/team/app:1', type: image}\n"
                    "sites: [{name: s, paths: [{from: 'team(/.*)', to: 'crew/$1'}]}]\n");
    const struct rf_item_options opts = { .paths = &c->sites.list[0].paths };
    struct rf_items items = { 0 };
    struct rf_err err = RF_ERR_INIT;
    static const char why[] =
        "the paths rule {from: \"team(/.*)\", to: \"crew/$1\"} makes \"crew//app\" of \"team/app\"";
    expect_error(rf_items_add_config(&items, c, &opts, &err), RFE_CONFIG, err, why);
    ck_assert_msg(strstr(err.msg, "ferry.yml:3:5: ") == err.msg, "%s", err.msg);
    expect_error(rf_items_add_arg(&items, "r.example/team/app:1", &opts, &err), RFE_USAGE, err,
                 why);
    rf_items_release(&items);
    rf_policy_config_free(c);
}
END_TEST

static const struct {
    const char *keys, *message;
} odd_steps[] = {
    { "referrerTarget: 'ocifile://x.tar'",
      "ferry.yml:3:5: referrerTarget: ocifile://x.tar: a tar" },
};

START_TEST(a_step_that_cannot_be_carried)
{
    char *text =
        rf_xasprintf(HEAD "  - {source: 'r.example/a:1', type: image, referrers: true, %s}\n",
                     odd_steps[_i].keys);
    struct rf_policy_config *c = parsed(text);
    struct rf_items items = { 0 };
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_items_add_config(&items, c, &none, &err);
    expect_error(rc, RFE_CONFIG, err, odd_steps[_i].message);
    rf_items_release(&items);
    rf_policy_config_free(c);
    free(text);
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
    tcase_add_test(t, registries);
    tcase_add_test(t, a_target_without_tag_is_latest);
    tcase_add_test(t, names_of_a_site);
    tcase_add_test(t, names_that_a_site_cannot_have);
    tcase_add_test(t, what_refers_to_images);
    tcase_add_loop_test(t, a_step_that_cannot_be_carried, 0, RF_ARRAY_LEN(odd_steps));
    return s;
}
