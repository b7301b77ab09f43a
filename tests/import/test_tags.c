/* SPDX-License-Identifier: Apache-2.0 */
/* Tags that somebody else moved, and imports of what is whole. */
#include <stdlib.h>

#include "base/mem.h"
#include "tests/import/helper_import.h"

Suite *rf_tags_suite(void);

static void expect_report(const struct applied *a, const char *want, bool there)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    rf_import_report_text(&a->result, &text);
    rf_import_report_json(&a->result, &text);
    ck_assert_msg((strstr(text.ptr, want) != NULL) == there, "%s", text.ptr);
}

/* Points a tag of the destination to another image of the same repository. */
static void move_tag(const char *repo, const char *tag, const struct rf_digest *d)
{
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    expect_ok(rf_place_get_manifest(far.inner, repo, NULL, d, NULL, &m, &err), err);
    expect_ok(rf_place_put_manifest(far.inner, repo, tag, m, 0, &err), err);
}

START_TEST(a_tag_that_somebody_moved_is_told)
{
    struct rf_digest first[3], next[3];
    struct applied a;
    char *full = full_bundle(first), *b = next_bundle(next), text[RF_DIGEST_TEXT];
    applied_well(&far, full, NULL);
    move_tag("app", "1", &first[1]); /* of app:2: app:1 never was that */
    char *want = rf_xasprintf("tag app:1 has %s, not brought by us: it would be overwritten",
                              rf_digest_text(&first[1], text));
    plan(&a, &far, b, NULL);
    expect_ok(a.rc, a.err);
    expect_report(&a, want, true);
    expect_report(&a, "tag app:2", false);
    rf_import_result_release(&a.result);
    free(want);
    apply(&a, &far, b, NULL);
    expect_ok(a.rc, a.err);
    want = rf_xasprintf("{\"image\":\"app:1\",\"digest\":\"%s\"}", rf_digest_text(&first[1], text));
    expect_report(&a, want, true);
    rf_import_result_release(&a.result);
    expect_tag("app", "1", &next[0]);
    free(want);
    free(full);
    free(b);
}
END_TEST

START_TEST(what_bundles_brought_is_not_foreign)
{
    struct rf_digest first[3], next[3];
    struct applied a;
    struct how older = { .older = true };
    char *full = full_bundle(first), *b = next_bundle(next);
    applied_well(&far, full, NULL);
    apply(&a, &far, b, NULL);
    expect_ok(a.rc, a.err);
    ck_assert_uint_eq(a.result.run.n_foreign, 0);
    rf_import_result_release(&a.result);
    apply(&a, &far, full, &older);
    expect_ok(a.rc, a.err);
    ck_assert_uint_eq(a.result.run.n_foreign, 0);
    rf_import_result_release(&a.result);
    expect_tag("app", "1", &first[0]);
    free(full);
    free(b);
}
END_TEST

START_TEST(without_a_memory_every_other_digest_is_foreign)
{
    struct rf_digest first[3], next[3];
    struct applied a;
    struct how elsewhere = { .state = "other-state" };
    char *full = full_bundle(first), *b = next_bundle(next);
    applied_well(&far, full, NULL);
    plan(&a, &far, b, &elsewhere);
    expect_ok(a.rc, a.err);
    ck_assert_uint_eq(a.result.run.n_foreign,
                      1); /* app:1; app:2 is right, new/app:3 is not there */
    rf_import_result_release(&a.result);
    free(full);
    free(b);
}
END_TEST

/* ---- --complete-only ---- */

/* next.tar needs "base" for app:1, and "base", "three" for new/app:3. */
START_TEST(whole_images_come_and_the_others_stay)
{
    struct rf_digest first[3], next[3];
    struct applied a;
    struct how how = { .complete = true };
    char *full = full_bundle(first), *b = next_bundle(next);
    applied_well(&far, full, NULL);
    lose_blob("lib", "three");
    watched_clear(&far);
    apply(&a, &far, b, NULL);
    expect_error(a.rc, RFE_GROUND_MISSING, a.err, "for 1 image ");
    rf_import_result_release(&a.result);
    ck_assert_uint_eq(far.n_writes, 0);
    plan(&a, &far, b, &how);
    expect_error(a.rc, RFE_PARTIAL, a.err, "lacks what 1 image builds on");
    ck_assert_uint_eq(a.result.run.counts.tags_set, 1);
    rf_import_result_release(&a.result);
    ck_assert_uint_eq(far.n_writes, 0);
    apply(&a, &far, b, &how);
    expect_error(a.rc, RFE_PARTIAL, a.err, "lacks what 1 image builds on");
    expect_report(&a, "missing   for new/app:3:", true);
    rf_import_result_release(&a.result);
    expect_tag("app", "1", &next[0]);
    expect_no_tag("new/app", "3");
    ck_assert_msg(strstr(far.log.ptr, "manifest new/app") == NULL, "%s", far.log.ptr);
    char *record = file_text("import-state/applied.json");
    ck_assert_msg(strstr(record, "\"sequence\":2,\"partial\":true") != NULL, "%s", record);
    free(record);
    /* with the ground the same bundle finishes */
    struct how older = { .older = true };
    applied_well(&far, full, &older);
    applied_well(&far, b, &how);
    expect_tag("app", "1", &next[0]);
    expect_tag("new/app", "3", &next[2]);
    free(full);
    free(b);
}
END_TEST

START_TEST(when_nothing_is_whole_nothing_is_written)
{
    struct rf_digest next[3];
    struct applied a;
    struct how how = { .complete = true };
    char *b = next_bundle(next);
    apply(&a, &far, b, &how);
    expect_error(a.rc, RFE_GROUND_MISSING, a.err, "for 3 images");
    rf_import_result_release(&a.result);
    ck_assert_uint_eq(far.n_writes, 0);
    ck_assert(!is_there("import-state/applied.json"));
    free(b);
}
END_TEST

/* An index is whole with its children only; a manifest that is absent takes what stands above it along. */
START_TEST(above_a_missing_child_nothing_is_put)
{
    struct rf_digest first[3], child = { 0 };
    struct applied a;
    struct made m;
    struct how how = { .complete = true, .older = true };
    char *full = full_bundle(first);
    applied_well(&far, full, NULL);
    made_init(&m);
    m.b.sequence = 2;
    add_base(&m, "first");
    struct rf_digest index = add_index(&m, "multi", "1", "m", 2, 0);
    for (size_t i = 0; i < m.b.n_blobs; i++) {
        struct rf_bundle_blob *b = &m.b.blobs[i];
        if (b->kind != RF_BLOB_MANIFEST || rf_digest_eq(&b->digest, &index) ||
            rf_digest_is_set(&child))
            continue;
        child = b->digest;
        b->travel = RF_TRAVEL_ASSUMED;
        b->first_from = b->first_repo;
        b->n_from = b->n_repos;
    }
    struct rf_digest app = add_image(&m, "app", "9", "cfg9", "nine", RF_IMAGE_NEW, NULL, NULL);
    char *path = written(&m, "b.tar");
    made_release(&m);
    watched_clear(&far);
    apply(&a, &far, path, &how);
    expect_error(a.rc, RFE_PARTIAL, a.err, "lacks what 1 image builds on");
    rf_import_result_release(&a.result);
    expect_tag("app", "9", &app);
    expect_no_tag("multi", "1");
    size_t put = 0;
    for (const char *at = far.log.ptr; (at = strstr(at, "manifest multi\n")) != NULL; at++)
        put++;
    ck_assert_uint_eq(put, 1); /* the child that is carried */
    free(path);
    free(full);
}
END_TEST

Suite *rf_tags_suite(void)
{
    Suite *s = suite_create("tags");
    TCase *t = tcase_create("tags");
    tcase_add_checked_fixture(t, far_setup, far_teardown);
    suite_add_tcase(s, t);
    tcase_add_test(t, a_tag_that_somebody_moved_is_told);
    tcase_add_test(t, what_bundles_brought_is_not_foreign);
    tcase_add_test(t, without_a_memory_every_other_digest_is_foreign);
    tcase_add_test(t, whole_images_come_and_the_others_stay);
    tcase_add_test(t, when_nothing_is_whole_nothing_is_written);
    tcase_add_test(t, above_a_missing_child_nothing_is_put);
    return s;
}
