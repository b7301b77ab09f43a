/* SPDX-License-Identifier: Apache-2.0 */
/* The ground is checked before any write: what is missing is named by image, and nothing is written. */
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/import/helper_import.h"

Suite *rf_ground_suite(void);

static void expect_missing(const struct applied *a, const char *image, const char *content,
                           size_t times)
{
    const struct rf_import_run *r = &a->result.run;
    struct rf_digest d = digest_of(content);
    size_t n = 0;
    for (size_t i = 0; i < r->n_missing; i++) {
        RF_CLEANUP(rf_buf_release) struct rf_buf name;
        rf_buf_init(&name, 0);
        rf_image_name(&r->doc->desired, &r->doc->desired.images[r->missing[i].image], &name);
        n += strcmp(name.ptr, image) == 0 && rf_digest_eq(&r->missing[i].digest, &d);
    }
    ck_assert_msg(n == times, "%s of %s is listed %zu times", content, image, n);
}

START_TEST(a_wrong_base_writes_nothing)
{
    struct rf_digest next[3];
    struct applied a;
    struct how how = { .stream = _i == 1 };
    char *b = next_bundle(next);
    apply(&a, &far, b, &how);
    expect_error(a.rc, RFE_GROUND_MISSING, a.err, "for 3 images");
    ck_assert_uint_eq(far.n_writes, 0);
    ck_assert(!is_there("far"));
    expect_missing(&a, "app:1", "base", 1);
    expect_missing(&a, "new/app:3", "base", 1);
    expect_missing(&a, "new/app:3", "three", 1);
    expect_missing(&a, "app:1", "three", 0);
    expect_missing(&a, "app:1", "four", 0); /* carried */
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    rf_import_report_text(&a.result, &text);
    char digest[RF_DIGEST_TEXT];
    struct rf_digest d = digest_of("three");
    ck_assert_ptr_nonnull(strstr(text.ptr, rf_digest_text(&d, digest)));
    ck_assert_ptr_nonnull(
        strstr(text.ptr, rf_digest_text(&next[1], digest))); /* app:2's manifest */
    rf_import_result_release(&a.result);
    free(b);
}
END_TEST

START_TEST(one_lost_blob_is_named)
{
    static const struct {
        const char *repo, *content, *image;
    } cases[] = {
        { "app", "two", "app:2" },       /* of an unchanged image */
        { "lib", "three", "new/app:3" }, /* assumed, and nowhere else */
    };
    struct rf_digest first[3], next[3];
    struct applied a;
    char *full = full_bundle(first), *b = next_bundle(next);
    applied_well(&far, full, NULL);
    lose_blob(cases[_i].repo, cases[_i].content);
    watched_clear(&far);
    apply(&a, &far, b, NULL);
    expect_error(a.rc, RFE_GROUND_MISSING, a.err, "for 1 image ");
    expect_missing(&a, cases[_i].image, cases[_i].content, 1);
    ck_assert_uint_eq(a.result.run.n_missing, 1);
    ck_assert_uint_eq(far.n_writes, 0);
    expect_tag("app", "1", &first[0]);
    rf_import_result_release(&a.result);
    free(full);
    free(b);
}
END_TEST

START_TEST(found_in_another_repository)
{
    struct rf_digest first[3], next[3];
    char *full = full_bundle(first), *b = next_bundle(next);
    applied_well(&far, full, NULL);
    lose_blob("app", "base"); /* lib has it */
    struct applied a;
    apply(&a, &far, b, NULL);
    /* app:1 takes it from there; app:2 does not change, so that it has to be in app */
    expect_error(a.rc, RFE_GROUND_MISSING, a.err, "for 1 image ");
    expect_missing(&a, "app:2", "base", 1);
    expect_missing(&a, "app:1", "base", 0);
    rf_import_result_release(&a.result);
    free(full);
    free(b);
}
END_TEST

/* What an absent manifest names is named with it: nothing else does. */
START_TEST(below_an_absent_manifest)
{
    struct made m;
    struct applied a;
    made_init(&m);
    m.b.sequence = 2;
    add_base(&m, "first");
    struct rf_digest d = add_image(&m, "app", "1", "cfg1", "base one", RF_IMAGE_NEW,
                                   "manifest cfg1 base one", "app");
    add_image(&m, "lib", "1", "cfg2", "base", RF_IMAGE_NEW, NULL, NULL);
    char *path = written(&m, "b.tar");
    made_release(&m);
    apply(&a, &far, path, NULL);
    expect_error(a.rc, RFE_GROUND_MISSING, a.err, "for 2 images");
    expect_missing(&a, "app:1", "cfg1", 1);
    expect_missing(&a, "app:1", "one", 1);
    expect_missing(&a, "lib:1", "base", 1); /* a manifest that can be read names it */
    expect_missing(&a, "lib:1", "one", 0);
    bool listed = false;
    for (size_t i = 0; i < a.result.run.n_missing; i++)
        listed = listed || (a.result.run.missing[i].manifest &&
                            rf_digest_eq(&a.result.run.missing[i].digest, &d));
    ck_assert(listed);
    rf_import_result_release(&a.result);
    free(path);
}
END_TEST

START_TEST(each_place_is_asked_once)
{
    struct made m;
    struct applied a;
    made_init(&m);
    m.b.sequence = 2;
    add_base(&m, "first");
    add_image(&m, "app", "1", "cfg1", "base one", RF_IMAGE_NEW, "base", "app lib");
    char *path = written(&m, "b.tar");
    made_release(&m);
    apply(&a, &far, path, NULL);
    ck_assert_int_eq(a.rc, -RFE_GROUND_MISSING);
    ck_assert_uint_eq(far.n_reads, 2); /* app and lib, although app needs it too */
    rf_import_result_release(&a.result);
    free(path);
}
END_TEST

START_TEST(less_can_be_checked)
{
    struct rf_digest first[3], next[3];
    struct how how = { .manifests_only = true };
    char *full = full_bundle(first), *b = next_bundle(next);
    applied_well(&far, full, NULL);
    lose_blob("app", "two");
    applied_well(&far, b, &how);
    expect_tag("app", "1", &next[0]);
    free(full);
    free(b);
}
END_TEST

/* Its manifest, or a blob, is lost in one repository; another has the same. */
START_TEST(every_repository_is_looked_at_by_itself)
{
    static const char *const lost[] = { NULL, "one", "cfg1" };
    struct rf_digest gone;
    struct made m;
    struct applied a;
    made_init(&m);
    struct rf_digest d = add_image(&m, "a", "1", "cfg1", "one", RF_IMAGE_NEW, NULL, NULL);
    add_image(&m, "b", "1", "cfg1", "one", RF_IMAGE_NEW, NULL, NULL);
    char *full = written(&m, "full.tar");
    struct rf_digest id = m.b.id;
    made_release(&m);
    applied_well(&far, full, NULL);
    made_init(&m);
    m.b.sequence = 2;
    m.b.parent = id;
    add_base(&m, "first");
    add_line(&m, "a", "1", "cfg1", "one", RF_IMAGE_UNCHANGED);
    add_line(&m, "b", "1", "cfg1", "one", RF_IMAGE_HELD);
    char *next = written(&m, "next.tar");
    made_release(&m);
    gone = lost[_i / 2] != NULL ? digest_of(lost[_i / 2]) : d;
    if (lost[_i / 2] != NULL)
        lose_blob(_i % 2 ? "a" : "b", lost[_i / 2]);
    else
        lose_manifest(_i % 2 ? "a" : "b", &d);
    apply(&a, &far, next, NULL);
    expect_error(a.rc, RFE_GROUND_MISSING, a.err, "for 1 image ");
    ck_assert_uint_eq(a.result.run.n_missing, 1);
    ck_assert_uint_eq(a.result.run.missing[0].image, _i % 2 ? 0 : 1);
    ck_assert(rf_digest_eq(&a.result.run.missing[0].digest, &gone));
    ck_assert(a.result.run.missing[0].manifest == (lost[_i / 2] == NULL));
    rf_import_result_release(&a.result);
    free(full);
    free(next);
}
END_TEST

START_TEST(a_damaged_manifest_is_missing_ground)
{
    struct rf_digest first[3], next[3];
    struct applied a;
    char *full = full_bundle(first), *b = next_bundle(next);
    applied_well(&far, full, NULL);
    char *path = blob_path("far/app", &first[1]), *text = file_text(path);
    text[5] ^= 1;
    ck_assert_int_eq(unlink(path), 0);
    write_text(path, text);
    apply(&a, &far, b, NULL);
    expect_error(a.rc, RFE_GROUND_MISSING, a.err, "for 1 image ");
    rf_import_result_release(&a.result);
    free(text);
    free(path);
    free(full);
    free(b);
}
END_TEST

START_TEST(a_plan_writes_nothing)
{
    struct rf_digest d[3];
    struct applied a;
    char *path = full_bundle(d);
    plan(&a, &far, path, NULL);
    expect_ok(a.rc, a.err);
    ck_assert_uint_eq(far.n_writes, 0);
    ck_assert(!is_there("far"));
    ck_assert_uint_eq(a.result.run.counts.tags_set, 3);
    ck_assert_uint_eq(a.result.run.counts.blobs_uploaded, 7);
    ck_assert_uint_eq(a.result.run.counts.blobs_mounted, 1);
    rf_import_result_release(&a.result);
    ck_assert(!is_there("import-state/applied.json"));
    applied_well(&far, path, NULL);
    plan(&a, &far, path, NULL);
    expect_ok(a.rc, a.err);
    ck_assert_uint_eq(a.result.run.counts.tags_set, 0);
    ck_assert_uint_eq(a.result.run.counts.blobs_uploaded, 0);
    rf_import_result_release(&a.result);
    free(path);
}
END_TEST

Suite *rf_ground_suite(void)
{
    Suite *s = suite_create("ground");
    TCase *t = tcase_create("ground");
    tcase_add_checked_fixture(t, far_setup, far_teardown);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    tcase_add_loop_test(t, a_wrong_base_writes_nothing, 0, 2);
    tcase_add_loop_test(t, one_lost_blob_is_named, 0, 2);
    tcase_add_test(t, found_in_another_repository);
    tcase_add_test(t, below_an_absent_manifest);
    tcase_add_test(t, each_place_is_asked_once);
    tcase_add_test(t, less_can_be_checked);
    tcase_add_loop_test(t, every_repository_is_looked_at_by_itself, 0, 6);
    tcase_add_test(t, a_damaged_manifest_is_missing_ground);
    tcase_add_test(t, a_plan_writes_nothing);
    return s;
}
