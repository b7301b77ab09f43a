/* SPDX-License-Identifier: Apache-2.0 */
/* Repair bundles: bytes for another bundle, no tag, no record. */
#include <stdlib.h>

#include "base/mem.h"
#include "manifests/media_type.h"
#include "tests/import/helper_import.h"

Suite *rf_repair_suite(void);

/* The lines of next.tar, with what the first bundle brought of them: "two" and "base" loose, app:2's manifest and config. */
static char *repair_bundle(const char *assumed_from)
{
    struct made m;
    struct rf_bundle_file *f = NULL;
    struct rf_err err = RF_ERR_INIT;
    static const char *const layers[] = { "base", "two", NULL };
    expect_ok(rf_bundle_file_open("next.tar", &f, &err), err);
    const struct rf_bundle *next = rf_bundle_file_doc(f);
    made_init(&m);
    memcpy(m.b.chain, next->chain, sizeof(m.b.chain));
    m.b.sequence = next->sequence;
    m.b.parent = next->parent;
    m.b.repairs = next->id;
    add_base(&m, "first");
    for (size_t i = 0; i < next->desired.n; i++) {
        if (!rf_image_is_wanted(&next->desired.images[i]))
            continue;
        size_t at = rf_desired_add(&m.b.desired, &next->desired, &next->desired.images[i]);
        m.b.desired.images[at].status = RF_IMAGE_UNCHANGED;
    }
    rf_bundle_file_free(f);
    struct rf_manifest *image = make_image("cfg2", layers, "");
    struct rf_digest manifest = made_content(&m, RF_DIGEST_SHA256, image->body.ptr);
    struct rf_digest config = made_content(&m, RF_DIGEST_SHA256, "cfg2");
    struct rf_digest base = made_content(&m, RF_DIGEST_SHA256, "base");
    struct rf_digest two = made_content(&m, RF_DIGEST_SHA256, "two");
    struct rf_digest three = made_content(&m, RF_DIGEST_SHA256, "three");
    rf_manifest_free(image);
    made_blob(&m, RF_BLOB_MANIFEST, &manifest, RF_MT_OCI_MANIFEST, "app", NULL);
    made_blob(&m, RF_BLOB_CONFIG, &config, RF_MT_OCI_CONFIG, "app", NULL);
    made_blob(&m, RF_BLOB_LAYER, &base, RF_MT_OCI_LAYER, "app new/app", assumed_from);
    made_blob(&m, RF_BLOB_LAYER, &two, RF_MT_OCI_LAYER, "app", NULL);
    made_blob(&m, RF_BLOB_LAYER, &three, RF_MT_OCI_LAYER, "new/app", NULL);
    char *path = written(&m, "repair.tar");
    made_release(&m);
    return path;
}

START_TEST(it_makes_the_ground_whole)
{
    struct rf_digest next[3];
    struct applied a;
    char *b = next_bundle(next), *repair = repair_bundle(NULL);
    apply(&a, &far, b, NULL);
    ck_assert_int_eq(a.rc, -RFE_GROUND_MISSING);
    rf_import_result_release(&a.result);
    applied_well(&far, repair, NULL);
    expect_no_tag("app", "2");
    expect_no_tag("app", "1");
    ck_assert(has_blob(&far, "app", "two") && has_blob(&far, "new/app", "three"));
    ck_assert(!is_there("import-state/applied.json"));
    applied_well(&far, b, NULL);
    expect_tag("app", "1", &next[0]);
    expect_tag("app", "2", &next[1]);
    expect_tag("new/app", "3", &next[2]);
    applied_well(&far, repair, NULL); /* later: neither older nor harmful */
    expect_tag("app", "2", &next[1]);
    free(b);
    free(repair);
}
END_TEST

START_TEST(its_own_ground_is_checked)
{
    struct rf_digest next[3];
    struct applied a;
    char *b = next_bundle(next), *repair = repair_bundle("lib");
    apply(&a, &far, repair, NULL);
    expect_error(a.rc, RFE_GROUND_MISSING, a.err, "lacks");
    ck_assert_uint_eq(a.result.run.n_missing, 1);
    ck_assert_uint_eq(far.n_writes, 0);
    rf_import_result_release(&a.result);
    free(b);
    free(repair);
}
END_TEST

START_TEST(another_chain_is_refused)
{
    struct rf_digest first[3], next[3];
    struct applied a;
    char *full = full_bundle(first), *b = next_bundle(next), *repair = repair_bundle(NULL);
    applied_well(&far, full, NULL);
    struct made m;
    made_init(&m);
    memset(m.b.chain, 'a', RF_CHAIN_HEX);
    add_image(&m, "other", "1", "cfg9", "nine", RF_IMAGE_NEW, NULL, NULL);
    char *other = written(&m, "other.tar");
    made_release(&m);
    struct how older = { .older = true };
    applied_well(&far, other, &older);
    apply(&a, &far, repair, NULL);
    expect_error(a.rc, RFE_REFUSED, a.err, "another chain");
    rf_import_result_release(&a.result);
    free(full);
    free(b);
    free(repair);
    free(other);
}
END_TEST

static int refuse_manifests(struct watched *w, const char *what, const char *repo, const char *tag,
                            const struct rf_digest *d, struct rf_err *err)
{
    (void)w;
    (void)repo;
    (void)tag;
    (void)d;
    return strcmp(what, "manifest") == 0 ? rf_fail(err, RFE_INVALID, "no such manifests here") : 0;
}

START_TEST(what_is_refused_is_said)
{
    struct rf_digest next[3];
    struct applied a;
    char *b = next_bundle(next), *repair = repair_bundle(NULL);
    far.before_write = refuse_manifests;
    apply(&a, &far, repair, NULL);
    expect_error(a.rc, RFE_PARTIAL, a.err, "no such manifests here");
    rf_import_result_release(&a.result);
    far.before_write = NULL;
    free(b);
    free(repair);
}
END_TEST

START_TEST(it_cannot_be_asked_for)
{
    struct rf_digest next[3];
    struct applied a;
    struct rf_repair_request doc;
    char *b = next_bundle(next), *repair = repair_bundle(NULL);
    ask(&a, &far, repair, NULL, &doc);
    expect_error(a.rc, RFE_USAGE, a.err, "repair bundle");
    rf_import_result_release(&a.result);
    rf_repair_request_release(&doc);
    free(b);
    free(repair);
}
END_TEST

Suite *rf_repair_suite(void)
{
    Suite *s = suite_create("repair");
    TCase *t = tcase_create("repair");
    tcase_add_checked_fixture(t, far_setup, far_teardown);
    tcase_add_test(t, it_makes_the_ground_whole);
    tcase_add_test(t, its_own_ground_is_checked);
    tcase_add_test(t, another_chain_is_refused);
    tcase_add_test(t, what_is_refused_is_said);
    tcase_add_test(t, it_cannot_be_asked_for);
    suite_add_tcase(s, t);
    return s;
}
