/* SPDX-License-Identifier: Apache-2.0 */
/* From items to lines: trees of layouts. Registries are looked at in tests/e2e/routes.py. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/export/helper_export.h"

Suite *rf_expand_suite(void);

#define STEP "{source: 'ocidir://tree', target: r.plant/all, type: registry"
static const struct run whole = { .config = "sync: [" STEP "}]" };

static void expect_plan(const struct run *r, const char *want)
{
    struct rf_export_result result;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(run_plan(r, "", &result, &err), err);
    char *got = story(result.plan->bundle);
    ck_assert_str_eq(got, want);
    free(got);
    rf_export_result_release(&result);
}

static void add_tree(void)
{
    source_image("tree/a", "1", "cfg1", "one");
    source_image("tree/a", "2", "cfg2", "two");
    source_image("tree/closed/app", "1", "cfg3", "three");
    source_image("tree/closed", "1", "cfg4", "four");
    source_image("tree/z/app", "1", "cfg5", "five");
}

START_TEST(repositories_of_a_tree)
{
    const struct run some = { .config = "sync: [" STEP
                                        ", repos: {deny: ['closed.*']}, tags: {allow: ['1']}}]" };
    const struct run bare = { .config = "sync: [{source: 'ocidir://./tree/', type: registry}]" };
    add_tree();
    expect_plan(&whole, "new all/a:1\nnew all/a:2\nnew all/closed:1\nnew all/closed/app:1\n"
                        "new all/z/app:1\n");
    expect_plan(&some, "new all/a:1\nnew all/z/app:1\n");
    expect_plan(&bare, "new a:1\nnew a:2\nnew closed:1\nnew closed/app:1\nnew z/app:1\n");
}
END_TEST

/* The list by which a layout keeps its referrers is no tag; a signature is one. */
START_TEST(lists_of_referrers_are_no_tags)
{
    char text[RF_DIGEST_TEXT], list[RF_DIGEST_TEXT];
    static const char *const archs[] = { "amd64" };
    struct rf_digest d = source_image("tree/app", "1", "cfg1", "one");
    rf_fallback_tag(&d, list);
    source_index("tree/app", list, "listed", archs, 1);
    RF_CLEANUP(rf_freep) char *sig = rf_xasprintf("%s.sig", list);
    source_image("tree/app", sig, "cfg2", "two");
    RF_CLEANUP(rf_freep) char *want = rf_xasprintf("new all/app:1\nnew all/app:%s\n", sig);
    expect_plan(&whole, want);
    /* Of that name, but an image. */
    struct rf_digest other = source_image("tree/app", "1", "cfg3", "three");
    rf_fallback_tag(&other, list);
    source_image("tree/app", list, "cfg4", "four");
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(run_plan(&whole, "", &r, &err), err);
    char *got = story(r.plan->bundle);
    ck_assert_msg(strstr(got, list) != NULL, "%s lacks %s", got, rf_digest_text(&other, text));
    free(got);
    rf_export_result_release(&r);
}
END_TEST

/* Only what lies in it is held. */
START_TEST(a_closed_folder_is_a_hole)
{
    add_tree();
    ck_assert_int_eq(chmod(".", 0777), 0);
    if (geteuid() == 0 && seteuid(65534) != 0)
        return; /* to root nothing is closed */
    free(exported(&whole, ""));
    ck_assert_int_eq(seteuid(getuid()), 0);
    ck_assert_int_eq(chmod("tree/closed", 0), 0);
    source_untag("tree/a", "2");
    ck_assert_int_eq(geteuid() == 0 ? seteuid(65534) : 0, 0);
    expect_plan(&whole,
                "unchanged all/a:1\nremoved all/a:2\nheld all/closed:1\nheld all/closed/app:1\n"
                "unchanged all/z/app:1\n"
                "hole all:\nhole all/closed:\nhole all/closed/app:\n");
    ck_assert_int_eq(seteuid(getuid()), 0);
    ck_assert_int_eq(chmod("tree/closed", 0755), 0);
}
END_TEST

/* Names of trees are names of folders; what is found of them does not depend on what else is there. */
START_TEST(trees_of_one_name)
{
    const struct run two = {
        .config =
            "sync: [" STEP "}, {source: 'ocidir://b/tree', target: r.plant/b, type: registry},"
            "{source: 'ocidir://tree/', target: r.plant/c, type: registry}]"
    };
    struct asked a;
    source_image("tree/app", "1", "cfg1", "one");
    source_image("b/tree/app", "1", "cfg2", "two");
    asked_init(&a, &two, "");
    ck_assert_str_eq(a.items.list[0].registry, "ocidir://tree");
    ck_assert_str_eq(a.items.list[1].registry, "ocidir://tree-2");
    ck_assert_str_eq(a.items.list[2].registry, "ocidir://tree");
    ck_assert_str_eq(a.items.list[2].source.path, "tree");
    ck_assert_str_ne(a.items.list[0].rules, a.items.list[1].rules);
    asked_release(&a);
    expect_plan(&two, "new all/app:1\nnew b/app:1\nnew c/app:1\n");
}
END_TEST

START_TEST(nothing_to_list_is_a_failure)
{
    static const char *const causes[] = { "no such folder",
                                          "no folder below it is an image layout" };
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    if (_i == 1)
        ck_assert_int_eq(mkdir("tree", 0755), 0);
    ck_assert_int_lt(run_plan(&whole, "", &r, &err), 0);
    ck_assert_msg(strstr(err.msg, causes[_i]) != NULL, "%s", err.msg);
}
END_TEST

Suite *rf_expand_suite(void)
{
    Suite *s = suite_create("expand");
    TCase *c = tcase_create("trees");
    tcase_add_checked_fixture(c, work_setup, work_teardown);
    tcase_add_test(c, repositories_of_a_tree);
    tcase_add_test(c, lists_of_referrers_are_no_tags);
    tcase_add_test(c, a_closed_folder_is_a_hole);
    tcase_add_test(c, trees_of_one_name);
    tcase_add_loop_test(c, nothing_to_list_is_a_failure, 0, 2);
    suite_add_tcase(s, c);
    return s;
}
