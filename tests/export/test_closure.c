/* SPDX-License-Identifier: Apache-2.0 */
/* What hangs below the lines: platforms, referrers, digest tags, what is asked for. */
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/mem.h"
#include "tests/export/helper_export.h"

Suite *rf_closure_suite(void);

static const char *const archs[] = { "amd64", "arm64", "s390x" };
static const char *const amd64[] = { "linux/amd64" }, *const two[] = { "linux/arm64",
                                                                       "linux/amd64" };
static const struct run plain = { 0 };

static void planned(const struct run *r, const char *args, struct rf_export_result *out)
{
    struct rf_err err = RF_ERR_INIT;
    expect_ok(run_plan(r, args, out, &err), err);
}

static const struct rf_image *only_line(const struct rf_export_result *r)
{
    ck_assert_uint_eq(r->plan->bundle->desired.n, 1);
    return &r->plan->bundle->desired.images[0];
}

static void expect_travel(const struct rf_export_result *r, const char *content, const char *want)
{
    ck_assert_msg(strcmp(travel_of(r->plan->bundle, content), want) == 0, "%s is %s", content,
                  travel_of(r->plan->bundle, content));
}

/* ---- platforms ---- */

START_TEST(without_platforms_all_children)
{
    struct rf_export_result r;
    source_index("multi", "1", "m", archs, 3);
    planned(&plain, "ocidir://multi", &r);
    ck_assert_uint_eq(only_line(&r)->n_children, 0);
    for (size_t i = 0; i < 3; i++) {
        char *content = rf_xasprintf("m-%s", archs[i]);
        expect_travel(&r, content, "carried");
        free(content);
    }
    rf_export_result_release(&r);
}
END_TEST

START_TEST(kept_indexes_name_what_was_chosen)
{
    struct rf_export_result r;
    struct run run = { .platforms = two, .n_platforms = 2 };
    struct rf_digest index = source_index("multi", "1", "m", archs, 3);
    planned(&run, "ocidir://multi", &r);
    const struct rf_image *im = only_line(&r);
    ck_assert(rf_digest_eq(&im->digest, &index));
    ck_assert_uint_eq(im->n_children, 2);
    ck_assert_uint_eq(im->original, RF_NO_ID);
    expect_travel(&r, "m-amd64", "carried");
    expect_travel(&r, "m-arm64", "carried");
    expect_travel(&r, "m-s390x", "absent");
    rf_export_result_release(&r);
    free(exported(&run, "ocidir://multi"));
}
END_TEST

START_TEST(pruned_indexes_are_new_ones)
{
    struct rf_export_result r;
    struct run run = { .platforms = amd64, .n_platforms = 1, .prune = true };
    struct rf_digest index = source_index("multi", "1", "m", archs, 3);
    planned(&run, "ocidir://multi", &r);
    const struct rf_image *im = only_line(&r);
    ck_assert(!rf_digest_eq(&im->digest, &index));
    ck_assert_uint_eq(im->n_children, 0);
    ck_assert_uint_ne(im->original, RF_NO_ID);
    ck_assert(rf_digest_eq(&r.plan->bundle->desired.digests[im->original], &index));
    expect_travel(&r, "m-amd64", "carried");
    expect_travel(&r, "m-arm64", "absent");
    rf_export_result_release(&r);
    char *path = exported(&run, "ocidir://multi");
    /* the same again gives the same digest: nothing changed */
    planned(&run, "ocidir://multi", &r);
    char *told = story(r.plan->bundle);
    ck_assert_str_eq(told, "unchanged multi:1\n");
    free(told);
    rf_export_result_release(&r);
    free(path);
}
END_TEST

START_TEST(choosing_all_is_choosing_nothing)
{
    struct rf_export_result r;
    struct run run = { .platforms = two, .n_platforms = 2, .prune = true };
    struct rf_digest index = source_index("multi", "1", "m", archs, 2);
    planned(&run, "ocidir://multi", &r);
    ck_assert(rf_digest_eq(&only_line(&r)->digest, &index));
    ck_assert_uint_eq(only_line(&r)->n_children, 0);
    rf_export_result_release(&r);
}
END_TEST

START_TEST(an_absent_platform_is_a_hole)
{
    static const char *const riscv[] = { "linux/riscv64" };
    struct rf_export_result r;
    struct run run = { .platforms = riscv, .n_platforms = 1 };
    source_index("multi", "1", "m", archs, 2);
    source_image("app", "1", "cfg1", "one"); /* not an index: travels as it is */
    planned(&run, "ocidir://multi ocidir://app", &r);
    char *told = story(r.plan->bundle);
    ck_assert_str_eq(told, "new app:1\nhole multi:1\n");
    const struct rf_bundle *b = r.plan->bundle;
    const char *reason = rf_desired_str(&b->desired, b->holes[0].reason);
    ck_assert_msg(strstr(reason, "linux/riscv64") != NULL && strstr(reason, "linux/amd64") != NULL,
                  "%s", reason);
    free(told);
    rf_export_result_release(&r);
}
END_TEST

START_TEST(another_choice_is_a_change)
{
    struct rf_export_result r;
    struct run one = { .platforms = amd64, .n_platforms = 1 },
               more = { .platforms = two, .n_platforms = 2 };
    source_index("multi", "1", "m", archs, 3);
    free(exported(&one, "ocidir://multi"));
    planned(&more, "ocidir://multi", &r);
    char *told = story(r.plan->bundle);
    ck_assert_str_eq(told, "changed multi:1\n");
    expect_travel(&r, "m-amd64", "assumed");
    expect_travel(&r, "m-arm64", "carried");
    free(told);
    rf_export_result_release(&r);
}
END_TEST

START_TEST(one_index_in_part_and_within_another_whole)
{
    struct rf_export_result r;
    struct run run = {
        .config = "version: 1\nsync:\n"
                  "  - {source: 'ocidir://multi:1', target: 'r.plant/multi:1', type: image, "
                  "platforms: [linux/amd64]}\n"
                  "  - {source: 'ocidir://multi:outer', target: 'r.plant/multi:outer', type: "
                  "image}\n"
    };
    struct rf_err err = RF_ERR_INIT;
    struct rf_manifest *inner = NULL;
    struct rf_digest d = source_index("multi", "1", "m", archs, 2);
    struct rf_place *p = source_open("multi");
    expect_ok(rf_place_get_manifest(p, "", NULL, &d, NULL, &inner, &err), err);
    const struct rf_manifest *children[] = { inner, NULL };
    struct rf_manifest *outer = make_index(children, "");
    expect_ok(rf_place_put_manifest(p, "", "outer", outer, 0, &err), err);
    planned(&run, "", &r);
    char *told = story(r.plan->bundle);
    ck_assert_str_eq(told, "new multi:1\nhole multi:outer\n");
    free(told);
    rf_export_result_release(&r);
    rf_manifest_free(outer);
    rf_manifest_free(inner);
    rf_place_free(p);
}
END_TEST

START_TEST(a_layer_that_is_a_manifest_elsewhere)
{
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    struct rf_manifest *inner = NULL;
    struct rf_digest d = source_image("app", "1", "cfg1", "one");
    struct rf_place *p = source_open("app");
    expect_ok(rf_place_get_manifest(p, "", NULL, &d, NULL, &inner, &err), err);
    source_image("app", "2", "cfg2", "two");
    const char *layers[] = { inner->body.ptr, NULL };
    struct rf_manifest *odd = make_image("cfg3", layers, "");
    put_text_blob(p, "", "cfg3");
    expect_ok(rf_place_put_manifest(p, "", "odd", odd, 0, &err), err);
    planned(&plain, "ocidir://app", &r);
    char *told = story(r.plan->bundle);
    ck_assert_str_eq(told, "new app:1\nnew app:2\nhole app:odd\n");
    free(told);
    rf_export_result_release(&r);
    rf_manifest_free(odd);
    rf_manifest_free(inner);
    rf_place_free(p);
}
END_TEST

/* ---- what refers to images ---- */

static size_t count_lines(const char *told, const char *start)
{
    size_t n = 0;
    for (const char *at = told; (at = strstr(at, start)) != NULL; at++)
        n++;
    return n;
}

static void expect_count(const struct run *r, const char *args, const char *start, size_t want)
{
    struct rf_export_result result;
    planned(r, args, &result);
    char *told = story(result.plan->bundle);
    ck_assert_msg(count_lines(told, start) == want, "wanted %zu %s in\n%s", want, start, told);
    free(told);
    rf_export_result_release(&result);
}

START_TEST(referrers_of_referrers)
{
    struct run run = { .referrers = true };
    struct rf_digest d = source_image("app", "1", "cfg1", "one");
    struct rf_digest sig = source_referrer("app", NULL, &d, "signature");
    source_referrer("app", NULL, &sig, "signature of the signature");
    source_image("app", "2", "cfg2", "two");
    expect_count(&run, "ocidir://app:1", "new app@", 2);
    expect_count(&run, "ocidir://app:2", "new app@", 0);
    expect_count(&plain, "ocidir://app:1", "new app@", 0);
}
END_TEST

START_TEST(referrers_of_children)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_manifest *m = NULL;
    struct run run = { .referrers = true };
    struct rf_digest d = source_index("multi", "1", "m", archs, 2);
    struct rf_place *p = source_open("multi");
    expect_ok(rf_place_get_manifest(p, "", NULL, &d, NULL, &m, &err), err);
    source_referrer("multi", NULL, &m->entries[1].digest, "sbom");
    expect_count(&run, "ocidir://multi:1", "new multi@", 1);
    run.platforms = amd64;
    run.n_platforms = 1;
    expect_count(&run, "ocidir://multi:1", "new multi@", 0); /* of a child that does not travel */
    rf_manifest_free(m);
    rf_place_free(p);
}
END_TEST

#define HEAD "version: 1\nsync:\n"
#define APP "  - {source: 'ocidir://app:1', target: 'r.plant/app:1', type: image, "

static void expect_story(const char *config, const char *want)
{
    struct rf_export_result result;
    struct run run = { .config = config };
    planned(&run, "", &result);
    char *told = story(result.plan->bundle);
    ck_assert_str_eq(told, want);
    free(told);
    rf_export_result_release(&result);
}

static void expect_travels(const char *config, const char *content, const char *want)
{
    struct rf_export_result result;
    struct run run = { .config = config };
    planned(&run, "", &result);
    expect_travel(&result, content, want);
    rf_export_result_release(&result);
}

/* An image with a referrer of the type that source_referrer() makes, and one that is signed itself. */
static struct rf_digest image_with_referrers(void)
{
    struct rf_digest d = source_image("app", "1", "cfg1", "one");
    struct rf_digest sig = source_referrer("app", NULL, &d, "signature");
    source_referrer("app", NULL, &sig, "signature of the signature");
    return d;
}

START_TEST(filters_choose_referrers)
{
    image_with_referrers();
    expect_story(HEAD APP "referrers: true, referrerFilters: [{artifactType: no/such}]}\n",
                 "new app:1\n");
    expect_story(HEAD APP "referrers: true, referrerFilters: [{annotations: {no: ''}}, {}]}\n",
                 "new app@\nnew app@\nnew app:1\n");
    /* Each mention has its own say. */
    expect_story(HEAD APP "referrers: true, referrerFilters: [{artifactType: no/such}]}\n" APP
                          "referrers: true}\n",
                 "new app@\nnew app@\nnew app:1\n");
}
END_TEST

/* Another repository at either end: then only what refers to the image and to its referrers counts. */
START_TEST(referrers_from_elsewhere)
{
    struct rf_digest d = image_with_referrers();
    source_image("sigs", "x", "cfg1", "one");
    struct rf_digest far = source_referrer("sigs", NULL, &d, "far signature");
    source_referrer("sigs", NULL, &far, "signed from afar");
    expect_story(HEAD APP "referrers: true, referrerSource: 'ocidir://sigs'}\n",
                 "new app@\nnew app@\nnew app:1\n");
    expect_travels(HEAD APP "referrers: true, referrerSource: 'ocidir://sigs'}\n",
                   "signed from afar", "carried");
    expect_travels(HEAD APP "referrers: true, referrerSource: 'ocidir://sigs'}\n", "signature",
                   "absent");
    expect_story(HEAD APP "referrers: true, referrerTarget: 'r.plant/far/sigs'}\n",
                 "new app:1\nnew far/sigs@\nnew far/sigs@\n");
    expect_story(HEAD APP "referrerTarget: 'r.plant/far/sigs'}\n", "new app:1\n");
    expect_story(HEAD APP "referrers: true, referrerSource: 'ocidir://none'}\n"
                          "  - {source: 'ocidir://sigs:x', target: 'r.plant/x:1', type: image}\n",
                 "new x:1\nhole app:1\n");
}
END_TEST

/* What went to another repository is held, too, when its image cannot be had. */
START_TEST(holes_hold_referrers_elsewhere)
{
    const char *config =
        HEAD APP "referrers: true, referrerTarget: 'r.plant/far'}\n"
                 "  - {source: 'ocidir://lib:1', target: 'r.plant/lib:1', type: image}\n";
    struct run run = { .config = config };
    image_with_referrers();
    source_image("lib", "1", "cfg2", "two");
    free(exported(&run, ""));
    source_untag("app", "1");
    source_image("lib", "1", "cfg3", "three");
    expect_story(config, "held app:1\nheld far@\nheld far@\nchanged lib:1\nhole app:1\n");
}
END_TEST

START_TEST(new_referrers_of_unchanged_images)
{
    struct rf_export_result r;
    struct run run = { .referrers = true };
    struct rf_digest d = source_image("app", "1", "cfg1", "one");
    source_referrer("app", NULL, &d, "first");
    free(exported(&run, "ocidir://app:1"));
    source_referrer("app", NULL, &d, "second");
    planned(&run, "ocidir://app:1", &r);
    char *told = story(r.plan->bundle);
    ck_assert_msg(count_lines(told, "new app@") == 1, "%s", told);
    ck_assert_msg(count_lines(told, "unchanged app") == 2, "%s", told);
    ck_assert_msg(strstr(told, "removed") == NULL, "%s", told);
    expect_travel(&r, "second", "carried");
    expect_travel(&r, "first", "absent");
    free(told);
    rf_export_result_release(&r);
}
END_TEST

START_TEST(digest_tags_travel_when_asked_for)
{
    struct run run = { .digest_tags = true };
    char tag[2][RF_DIGEST_TEXT + 8], text[RF_DIGEST_TEXT];
    struct rf_digest d = source_image("app", "1", "cfg1", "one"),
                     e = source_image("app", "2", "cfg2", "two");
    (void)snprintf(tag[0], sizeof(tag[0]), "sha256-%s.sig", rf_digest_hex(&d, text));
    (void)snprintf(tag[1], sizeof(tag[1]), "sha256-%s.sig", rf_digest_hex(&e, text));
    source_image("app", tag[0], "cfg3", "three");
    source_image("app", tag[1], "cfg4", "four");
    char *want = rf_xasprintf("new app:1\nnew app:%s\n", tag[0]);
    struct rf_export_result r;
    planned(&run, "ocidir://app:1", &r);
    char *told = story(r.plan->bundle);
    ck_assert_str_eq(told, want);
    free(told);
    free(want);
    rf_export_result_release(&r);
    expect_count(&plain, "ocidir://app:1", "new app", 1);
}
END_TEST

START_TEST(many_digest_tags)
{
    struct run run = { .digest_tags = true, .parallel = 4 };
    for (int i = 0; i < 20; i++) {
        char name[16], config[16], tag[RF_DIGEST_TEXT + 8], text[RF_DIGEST_TEXT];
        (void)snprintf(name, sizeof(name), "v%d", i);
        (void)snprintf(config, sizeof(config), "c%d", i);
        struct rf_digest d = source_image("app", name, config, name);
        (void)snprintf(tag, sizeof(tag), "sha256-%s.sig", rf_digest_hex(&d, text));
        source_image("app", tag, "sig", name);
    }
    expect_count(&run, "ocidir://app:v3 ocidir://app:v4", "new app:sha256-", 2);
    expect_count(&run, "ocidir://app", "new app:sha256-", 20);
}
END_TEST

/* ---- what is asked for ---- */

START_TEST(what_the_base_has_is_not_asked_for)
{
    struct rf_export_result r;
    source_image("app", "1", "cfg1", "base one");
    free(exported(&plain, "ocidir://app"));
    source_lose("app", "base"); /* nobody needs it here any more */
    source_lose("app", "one");
    struct rf_err err = RF_ERR_INIT;
    const char *const layers[] = { "base", "two", NULL };
    struct rf_manifest *m = make_image("cfg2", layers, "");
    struct rf_place *p = source_open("app");
    put_text_blob(p, "", "cfg2");
    put_text_blob(p, "", "two");
    expect_ok(rf_place_put_manifest(p, "", "2", m, 0, &err), err);
    planned(&plain, "ocidir://app", &r);
    char *told = story(r.plan->bundle);
    ck_assert_str_eq(told, "unchanged app:1\nnew app:2\n");
    ck_assert_uint_eq(r.plan->fetch_bytes, strlen("two"));
    free(told);
    rf_export_result_release(&r);
    rf_manifest_free(m);
    rf_place_free(p);
}
END_TEST

START_TEST(external_layers_stay_away)
{
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    struct rf_place *p = source_open("app");
    struct rf_buf b;
    char config[RF_DIGEST_TEXT], layer[RF_DIGEST_TEXT];
    struct rf_digest c = digest_of("cfg"), l = digest_of("far away");
    rf_buf_init(&b, 0);
    rf_buf_addf(&b,
                "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_MANIFEST
                "\",\"config\":{\"mediaType\":\"" RF_MT_OCI_CONFIG
                "\",\"digest\":\"%s\",\"size\":3},\"layers\":[{\"mediaType\":\"" RF_MT_OCI_LAYER
                "\",\"digest\":\"%s\",\"size\":8,\"urls\":[\"https://x.example/l\"]}]}",
                rf_digest_text(&c, config), rf_digest_text(&l, layer));
    struct rf_manifest *m = parse_manifest(b.ptr);
    put_text_blob(p, "", "cfg");
    expect_ok(rf_place_put_manifest(p, "", "1", m, 0, &err), err);
    planned(&plain, "ocidir://app", &r);
    expect_travel(&r, "far away", "absent");
    expect_travel(&r, "cfg", "carried");
    rf_export_result_release(&r);
    free(exported(&plain, "ocidir://app"));
    put_text_blob(p, "", "far away");
#define TWO                                                                  \
    "  - {source: 'ocidir://app:1', target: 'r.plant/app:1', type: image}\n" \
    "  - {source: 'ocidir://app:1', target: 'r.plant/lib:1', type: image, includeExternal: true}\n"
    struct run run = { .config = HEAD TWO, .full = true };
    planned(&run, "", &r);
    const struct rf_bundle_blob *far = rf_bundle_find(r.plan->bundle, &l);
    ck_assert(far != NULL && far->travel == RF_TRAVEL_CARRIED && far->n_repos == 1);
    rf_export_result_release(&r);
    rf_manifest_free(m);
    rf_buf_release(&b);
    rf_place_free(p);
}
END_TEST

START_TEST(a_full_state_folder_is_no_hole)
{
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    source_image("app", "1", "cfg1", "one");
    source_image("app", "2", "cfg2", "two");
    /* no file may become as large as a manifest */
    struct rlimit limit = { 200, RLIM_INFINITY }, before;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int rc = run_plan(&plain, "ocidir://app", &r, &err);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    ck_assert_int_lt(rc, 0);
    ck_assert_msg(strstr(err.msg, "state of site site") != NULL, "%s", err.msg);
    rf_export_result_release(&r);
}
END_TEST

Suite *rf_closure_suite(void)
{
    Suite *s = suite_create("closure");
    TCase *t = tcase_create("closure");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    tcase_set_timeout(t, 30);
    suite_add_tcase(s, t);
    tcase_add_test(t, without_platforms_all_children);
    tcase_add_test(t, kept_indexes_name_what_was_chosen);
    tcase_add_test(t, pruned_indexes_are_new_ones);
    tcase_add_test(t, choosing_all_is_choosing_nothing);
    tcase_add_test(t, an_absent_platform_is_a_hole);
    tcase_add_test(t, another_choice_is_a_change);
    tcase_add_test(t, one_index_in_part_and_within_another_whole);
    tcase_add_test(t, a_layer_that_is_a_manifest_elsewhere);
    tcase_add_test(t, referrers_of_referrers);
    tcase_add_test(t, referrers_of_children);
    tcase_add_test(t, filters_choose_referrers);
    tcase_add_test(t, referrers_from_elsewhere);
    tcase_add_test(t, holes_hold_referrers_elsewhere);
    tcase_add_test(t, new_referrers_of_unchanged_images);
    tcase_add_test(t, digest_tags_travel_when_asked_for);
    tcase_add_test(t, many_digest_tags);
    tcase_add_test(t, what_the_base_has_is_not_asked_for);
    tcase_add_test(t, external_layers_stay_away);
    tcase_add_test(t, a_full_state_folder_is_no_hole);
    return s;
}
