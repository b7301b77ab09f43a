/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan says: statuses, holes, what is held, what makes one plan another. */
#include <stdlib.h>

#include "base/mem.h"
#include "export/location.h"
#include "tests/export/helper_export.h"

Suite *rf_plan_suite(void);

static const struct run plain = { 0 };

static void expect_story(const struct rf_export_result *r, const char *want)
{
    char *got = story(r->plan->bundle);
    ck_assert_str_eq(got, want);
    free(got);
}

/* Plans, expects the story, and gives the result for more. */
static void planned(const struct run *r, const char *args, const char *want,
                    struct rf_export_result *out)
{
    struct rf_err err = RF_ERR_INIT;
    expect_ok(run_plan(r, args, out, &err), err);
    expect_story(out, want);
}

static void expect_plan(const struct run *r, const char *args, const char *want)
{
    struct rf_export_result result;
    planned(r, args, want, &result);
    rf_export_result_release(&result);
}

/* ---- statuses ---- */

START_TEST(first_plan_is_full)
{
    struct rf_export_result r;
    source_image("app", "1", "cfg1", "base one");
    source_image("app", "2", "cfg2", "base two");
    planned(&plain, "ocidir://app", "new app:1\nnew app:2\n", &r);
    ck_assert_uint_eq(r.plan->bundle->n_bases, 0);
    ck_assert_uint_eq(r.plan->bundle->sequence, 1);
    ck_assert(!rf_digest_is_set(&r.plan->bundle->parent));
    ck_assert_str_eq(travel_of(r.plan->bundle, "base"), "carried");
    ck_assert_ptr_null(r.path);
    rf_export_result_release(&r);
    char *left = names_in("out");
    ck_assert_str_eq(left, "");
    free(left);
}
END_TEST

START_TEST(second_plan_subtracts_the_last)
{
    struct rf_export_result r;
    source_image("app", "same", "cfg1", "base one");
    source_image("app", "moves", "cfg2", "base two");
    source_image("app", "goes", "cfg3", "base three");
    char *first = exported(&plain, "ocidir://app");
    source_image("app", "moves", "cfg4", "base four");
    source_image("app", "comes", "cfg5", "base five");
    source_untag("app", "goes");
    planned(&plain, "ocidir://app",
            "new app:comes\nremoved app:goes\nchanged app:moves\nunchanged app:same\n", &r);
    const struct rf_bundle *b = r.plan->bundle;
    ck_assert_uint_eq(b->n_bases, 1);
    ck_assert_uint_eq(b->sequence, 2);
    ck_assert_str_eq(travel_of(b, "base"), "assumed");
    ck_assert_str_eq(travel_of(b, "four"), "carried");
    ck_assert_str_eq(travel_of(b, "five"), "carried");
    ck_assert_str_eq(travel_of(b, "one"), "absent"); /* only of an unchanged image */
    ck_assert_str_eq(travel_of(b, "three"), "absent");
    rf_export_result_release(&r);
    free(first);
}
END_TEST

START_TEST(full_subtracts_nothing)
{
    struct rf_export_result r;
    struct run full = { .full = true };
    source_image("app", "1", "cfg1", "base one");
    free(exported(&plain, "ocidir://app"));
    planned(&full, "ocidir://app", "new app:1\n", &r);
    ck_assert_uint_eq(r.plan->bundle->n_bases, 0);
    ck_assert_uint_eq(r.plan->bundle->sequence, 2); /* of the same chain all the same */
    rf_export_result_release(&r);
}
END_TEST

START_TEST(names_on_the_far_side)
{
    source_image("app", "1", "cfg1", "base one");
    expect_plan(&plain, "ocidir://app:1=mirror/app:one ocidir://app:1=other",
                "new mirror/app:one\nnew other:1\n");
}
END_TEST

START_TEST(a_digest_has_no_tag)
{
    char text[RF_DIGEST_TEXT];
    struct rf_digest d = source_image("app", "1", "cfg1", "base one");
    char *arg = rf_xasprintf("ocidir://app@%s", rf_digest_text(&d, text));
    expect_plan(&plain, arg, "new app@\n");
    free(arg);
}
END_TEST

START_TEST(the_same_digest_twice_is_one)
{
    source_image("app", "1", "cfg1", "base one");
    expect_plan(&plain, "ocidir://app:1 ocidir://app ocidir://app:1=app:1", "new app:1\n");
}
END_TEST

START_TEST(two_sources_for_one_tag_conflict)
{
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    source_image("a", "1", "cfg1", "base one");
    source_image("b", "1", "cfg2", "base two");
    int rc = run_plan(&plain, "ocidir://a:1=x:1 ocidir://b:1=x:1", &r, &err);
    expect_error(rc, RFE_CONFLICT, err, "ocidir://a:1 and ocidir://b:1 differ");
    expect_error(rc, RFE_CONFLICT, err, "x:1");
    rf_export_result_release(&r);
}
END_TEST

START_TEST(a_platform_that_is_not_there)
{
    static const char *const archs[] = { "amd64", "arm64" }, *const wanted[] = { "linux/s390x" };
    const struct run run = { .platforms = wanted, .n_platforms = 1 };
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    source_index("app", "1", "p", archs, 2);
    expect_error(run_plan(&run, "ocidir://app:1", &r, &err), RFE_NOT_FOUND, err,
                 "(there is: linux/amd64, linux/arm64); check the name, the tag and the platforms");
    rf_export_result_release(&r);
}
END_TEST

START_TEST(different_platforms_of_one_tag_conflict)
{
    static const char *const archs[] = { "amd64", "arm64" };
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    source_index("app", "1", "x", archs, 2);
    struct run run = {
        .config =
            "version: 1\nsync:\n"
            "  - {source: 'ocidir://app:1', target: 'r.example/app:1', type: image, platform: linux/amd64}\n"
            "  - {source: 'ocidir://app:1', target: 'r.example/app:1', type: image, platform: linux/arm64}\n"
    };
    int rc = run_plan(&run, "", &r, &err);
    expect_error(rc, RFE_CONFLICT, err, "different platforms");
    rf_export_result_release(&r);
}
END_TEST

START_TEST(layouts_of_one_folder_name_keep_apart)
{
    struct rf_export_result r;
    source_image("a/app", "1", "cfg1", "base one");
    source_image("b/app", "1", "cfg2", "base two");
    planned(&plain, "ocidir://a/app:1=x:1 ocidir://b/app:1=y:1", "new x:1\nnew y:1\n", &r);
    const struct rf_desired *d = &r.plan->bundle->desired;
    ck_assert_str_eq(rf_desired_str(d, d->images[0].source), "ocidir://app:1");
    ck_assert_str_eq(rf_desired_str(d, d->images[1].source), "ocidir://app-2:1");
    rf_export_result_release(&r);
    free(exported(&plain, "ocidir://a/app:1=x:1 ocidir://b/app:1=y:1"));
}
END_TEST

/* ---- files that hold several repositories ---- */

/* One tag in two of them: each is what its own repository has. */
START_TEST(repositories_of_one_file)
{
    static const struct run other = { .state = "other", .out = "next" };
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest a = source_image("app", "1", "cfg1", "base one");
    struct rf_digest b = source_image("lib", "1", "cfg2", "base two");
    char *file = exported(&plain, "ocidir://app:1=team/app:1 ocidir://lib:1=team/lib:1");
    char *args = rf_xasprintf("ocifile://%s:team/app:1 ocifile://%s:team/lib:1", file, file);
    char *whole = rf_xasprintf("ocifile://%s:team/lib ocifile://%s:team/app", file, file);
    for (int i = 0; i < 2; i++) {
        planned(&other, i == 0 ? args : whole, "new team/app:1\nnew team/lib:1\n", &r);
        const struct rf_desired *d = &r.plan->bundle->desired;
        ck_assert(rf_digest_eq(&d->images[0].digest, &a));
        ck_assert(rf_digest_eq(&d->images[1].digest, &b));
        const char *source = rf_desired_str(d, d->images[1].source);
        ck_assert_msg(strstr(source, ".tar:team/lib:1") != NULL, "%s", source);
        ck_assert_str_eq(travel_of(r.plan->bundle, "two"), "carried");
        rf_export_result_release(&r);
    }
    free(exported(&other, args));
    /* where they lie is known by the name of the file */
    struct rf_locations l;
    struct asked asked;
    struct rf_export_state *state = NULL;
    uint32_t where = RF_NO_ID;
    asked_init(&asked, &other, "");
    expect_ok(rf_export_state_open("other", "site", 0, &state, &err), err);
    rf_locations_init(&l, asked.client, state);
    char *source = rf_xasprintf("ocifile://%s:team/lib:1", strrchr(file, '/') + 1);
    expect_ok(rf_locations_find_source(&l, source, &where, &err), err);
    ck_assert_str_eq(l.list[where].repo, "");
    free(source);
    rf_locations_release(&l);
    rf_export_state_free(state);
    asked_release(&asked);
    free(whole);
    free(args);
    free(file);
}
END_TEST

/* ---- holes ---- */

START_TEST(a_missing_blob_is_a_hole)
{
    struct rf_export_result r;
    source_image("app", "1", "cfg1", "base one");
    source_image("app", "2", "cfg2", "base two");
    source_lose("app", "two");
    planned(&plain, "ocidir://app", "new app:1\nhole app:2\n", &r);
    const struct rf_bundle *b = r.plan->bundle;
    const char *reason = rf_desired_str(&b->desired, b->holes[0].reason);
    struct rf_digest lost = digest_of("two");
    char text[RF_DIGEST_TEXT];
    ck_assert_ptr_nonnull(strstr(reason, rf_digest_text(&lost, text)));
    ck_assert_str_eq(travel_of(b, "two"), "absent");
    rf_export_result_release(&r);
}
END_TEST

START_TEST(a_missing_tag_is_a_hole)
{
    source_image("app", "1", "cfg1", "base one");
    expect_plan(&plain, "ocidir://app:1 ocidir://app:2", "new app:1\nhole app:2\n");
}
END_TEST

START_TEST(holes_hold_the_old_line)
{
    struct rf_export_result r;
    struct rf_digest old = source_image("app", "1", "cfg1", "base one");
    source_image("app", "2", "cfg2", "base two");
    free(exported(&plain, "ocidir://app"));
    source_image("app", "1", "cfg3", "base three");
    source_lose("app", "three");
    planned(&plain, "ocidir://app", "held app:1\nunchanged app:2\nhole app:1\n", &r);
    ck_assert(rf_digest_eq(&r.plan->bundle->desired.images[0].digest, &old));
    rf_export_result_release(&r);
}
END_TEST

START_TEST(an_unreadable_repository_holds_all_its_lines)
{
    source_image("app", "1", "cfg1", "base one");
    source_image("app", "2", "cfg2", "base two");
    source_image("lib", "1", "cfg3", "base three");
    free(exported(&plain, "ocidir://app ocidir://lib"));
    ck_assert_int_eq(rename("app/index.json", "app/index.bad"), 0);
    expect_plan(&plain, "ocidir://app ocidir://lib",
                "held app:1\nheld app:2\nunchanged lib:1\nhole app:\n");
}
END_TEST

START_TEST(what_another_item_brings_is_not_held)
{
    source_image("app", "1", "cfg1", "base one");
    free(exported(&plain, "ocidir://app"));
    source_image("other", "1", "cfg1", "base one");
    ck_assert_int_eq(rename("app/index.json", "app/index.bad"), 0);
    expect_plan(&plain, "ocidir://app ocidir://other:1=app:1", "unchanged app:1\nhole app:\n");
}
END_TEST

START_TEST(holes_hold_what_refers_to_them)
{
    struct run run = { .referrers = true, .digest_tags = true };
    char tag[RF_DIGEST_TEXT + 8], text[RF_DIGEST_TEXT];
    struct rf_digest d = source_image("app", "1", "cfg1", "base one");
    source_image("app", "2", "cfg2", "base two");
    source_referrer("app", NULL, &d, "signature");
    (void)snprintf(tag, sizeof(tag), "sha256-%s.att", rf_digest_hex(&d, text));
    source_referrer("app", tag, &d, "attestation");
    char *first = exported(&run, "ocidir://app:1 ocidir://app:2");
    char *told = story_of_file(first);
    ck_assert_msg(strstr(told, "new app@") != NULL, "%s", told);
    ck_assert_msg(strstr(told, tag) != NULL, "%s", told);
    free(told);
    source_lose("app", "one");
    source_image("app", "1", "cfg1", "base one more");
    source_lose("app", "more");
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(run_plan(&run, "ocidir://app:1 ocidir://app:2", &r, &err), err);
    char *then = story(r.plan->bundle);
    ck_assert_msg(strstr(then, "held app:1\n") != NULL, "%s", then);
    ck_assert_msg(strstr(then, "removed") == NULL, "%s", then);
    ck_assert_msg(strstr(then, "held app@") != NULL, "%s", then);
    free(then);
    free(first);
    rf_export_result_release(&r);
}
END_TEST

START_TEST(nothing_but_holes_is_a_failure)
{
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    source_image("app", "1", "cfg1", "base one");
    source_image("deep/app", "1", "cfg1", "base one");
    int rc = run_plan(&plain, "ocidir://deep/app:2", &r, &err);
    expect_error(rc, RFE_NOT_FOUND, err, "ocidir://deep/app:2: ");
    expect_error(rc, RFE_NOT_FOUND, err, "; check the name and the tag");
    ck_assert_ptr_null(strstr(strstr(err.msg, "app") + 1, "app")); /* named once */
    rf_export_result_release(&r);
    rc = run_plan(&plain, "ocidir://app:2 ocidir://app:3", &r, &err);
    expect_error(rc, RFE_NOT_FOUND, err, "none of the 2 images");
    rf_export_result_release(&r);
}
END_TEST

START_TEST(nothing_selected_is_a_failure)
{
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    source_image("app", "1", "cfg1", "base one");
    source_untag("app", "1");
    expect_error(run_plan(&plain, "ocidir://app", &r, &err), RFE_USAGE, err, "nothing is selected");
    rf_export_result_release(&r);
}
END_TEST

START_TEST(bundles_name_no_local_path)
{
    struct rf_export_result r;
    source_image("deep/down/app", "1", "cfg1", "base one");
    source_image("deep/down/app", "2", "cfg2", "base two");
    source_lose("deep/down/app", "two");
    planned(&plain, "ocidir://deep/down/app:1 ocidir://deep/down/app:2 ocidir://deep/down/app:3",
            "new app:1\nhole app:2\nhole app:3\n", &r);
    const struct rf_desired *d = &r.plan->bundle->desired;
    for (size_t i = 0; i < d->strings.len; i++)
        ck_assert_msg(strstr(rf_desired_str(d, (uint32_t)i), "deep") == NULL, "%s",
                      rf_desired_str(d, (uint32_t)i));
    rf_export_result_release(&r);
}
END_TEST

/* ---- what tells plans apart ---- */

static char *key_of(const struct run *r, const char *args, const char *output)
{
    struct asked a;
    asked_init(&a, r, args);
    char *key = rf_plan_key(&a.req, output);
    asked_release(&a);
    return key;
}

#define REGISTRY(target) \
    "version: 1\nsync:\n  - source: r.example\n    type: registry\n    target: " target "\n"
#define STEP(extra)                                                                      \
    "version: 1\nsync:\n  - source: ocidir://app\n    target: r.example/app\n    type: " \
    "repository\n" extra

START_TEST(keys_tell_requests_apart)
{
    static const char *const bases[] = { "12345678" }, *const platforms[] = { "linux/amd64" };
    const struct {
        struct run run;
        const char *args, *output;
    } cases[] = {
        { { 0 }, "ocidir://app", "out" },
        { { 0 }, "ocidir://app", "elsewhere" },
        { { 0 }, "ocidir://app:1", "out" },
        { { 0 }, "ocidir://app=x", "out" },
        { { 0 }, "ocidir://app ocidir://app:1", "out" },
        { { .site = "plant" }, "ocidir://app", "out" },
        { { .full = true }, "ocidir://app", "out" },
        { { .bases = bases, .n_bases = 1 }, "ocidir://app", "out" },
        { { .platforms = platforms, .n_platforms = 1 }, "ocidir://app", "out" },
        { { .platforms = platforms, .n_platforms = 1, .prune = true }, "ocidir://app", "out" },
        { { .referrers = true }, "ocidir://app", "out" },
        { { .digest_tags = true }, "ocidir://app", "out" },
        { { .config = STEP("    tags: {allow: ['1.*']}\n") }, "", "out" },
        { { .config = STEP("    tags: {allow: ['2.*']}\n") }, "", "out" },
        { { .config = STEP("    tags: {deny: ['2.*']}\n") }, "", "out" },
        { { .config = STEP("    mediaTypes: [a/b]\n") }, "", "out" },
        { { .config = STEP("    includeExternal: true\n") }, "", "out" },
        { { .config = STEP("    referrers: true\n") }, "", "out" },
        { { .config = STEP("    referrers: true\n    referrerSlow: true\n") }, "", "out" },
        { { .config = STEP("    referrers: true\n    referrerSource: 'ocidir://s'\n") },
          "",
          "out" },
        { { .config = STEP("    referrers: true\n    referrerTarget: 'r.plant/s'\n") }, "", "out" },
        { { .config = STEP("    referrers: true\n    referrerFilters: [{artifactType: a}]\n") },
          "",
          "out" },
        { { .config = REGISTRY("r.plant") }, "", "out" },
        { { .config = REGISTRY("r.plant/all") }, "", "out" },
        { { .config = REGISTRY("r.plant\n    repos: {allow: ['a.*']}") }, "", "out" },
    };
    char *keys[RF_ARRAY_LEN(cases)];
    for (size_t i = 0; i < RF_ARRAY_LEN(cases); i++) {
        keys[i] = key_of(&cases[i].run, cases[i].args, cases[i].output);
        char *again = key_of(&cases[i].run, cases[i].args, cases[i].output);
        ck_assert_str_eq(keys[i], again);
        free(again);
        for (size_t k = 0; k < i; k++)
            ck_assert_msg(strcmp(keys[k], keys[i]) != 0, "cases %zu and %zu", k, i);
    }
    for (size_t i = 0; i < RF_ARRAY_LEN(cases); i++)
        free(keys[i]);
}
END_TEST

START_TEST(parallelism_is_no_part_of_it)
{
    struct run two = { .parallel = 2 }, eight = { .parallel = 8, .replan = true };
    char *a = key_of(&two, "ocidir://app", "out"), *b = key_of(&eight, "ocidir://app", "out");
    ck_assert_str_eq(a, b);
    free(a);
    free(b);
}
END_TEST

Suite *rf_plan_suite(void)
{
    Suite *s = suite_create("plan");
    TCase *statuses = tcase_create("statuses"), *holes = tcase_create("holes"),
          *keys = tcase_create("keys");
    TCase *all[] = { statuses, holes, keys };
    for (size_t i = 0; i < RF_ARRAY_LEN(all); i++) {
        tcase_add_checked_fixture(all[i], work_setup, work_teardown);
        tcase_set_timeout(all[i], 30);
        suite_add_tcase(s, all[i]);
    }
    tcase_add_test(statuses, first_plan_is_full);
    tcase_add_test(statuses, second_plan_subtracts_the_last);
    tcase_add_test(statuses, full_subtracts_nothing);
    tcase_add_test(statuses, names_on_the_far_side);
    tcase_add_test(statuses, a_digest_has_no_tag);
    tcase_add_test(statuses, the_same_digest_twice_is_one);
    tcase_add_test(statuses, two_sources_for_one_tag_conflict);
    tcase_add_test(statuses, a_platform_that_is_not_there);
    tcase_add_test(statuses, different_platforms_of_one_tag_conflict);
    tcase_add_test(statuses, layouts_of_one_folder_name_keep_apart);
    tcase_add_test(statuses, repositories_of_one_file);
    tcase_add_test(holes, a_missing_blob_is_a_hole);
    tcase_add_test(holes, a_missing_tag_is_a_hole);
    tcase_add_test(holes, holes_hold_the_old_line);
    tcase_add_test(holes, an_unreadable_repository_holds_all_its_lines);
    tcase_add_test(holes, what_another_item_brings_is_not_held);
    tcase_add_test(holes, holes_hold_what_refers_to_them);
    tcase_add_test(holes, nothing_but_holes_is_a_failure);
    tcase_add_test(holes, nothing_selected_is_a_failure);
    tcase_add_test(holes, bundles_name_no_local_path);
    tcase_add_test(keys, keys_tell_requests_apart);
    tcase_add_test(keys, parallelism_is_no_part_of_it);
    return s;
}
