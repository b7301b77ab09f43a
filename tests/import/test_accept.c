/* SPDX-License-Identifier: Apache-2.0 */
/* The policy of this side decides what is taken: before anything is written, and what it refuses leaves no trace. */
#include "import/accept.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "manifests/config.h"
#include "manifests/media_type.h"
#include "tests/import/helper_policy.h"

Suite *rf_accept_suite(void);

static char *root, *user, *other; /* configurations */

static void setup(void)
{
    far_setup();
    root = config_of("root");
    user = config_of("carrier");
    other = config_of("nobody");
}

static void teardown(void)
{
    free(root);
    free(user);
    free(other);
    far_teardown();
}

static void expect_refused(const struct applied *a, const char *repository, const char *tag,
                           const char *reason)
{
    const char *got = refusal_of(a, repository, tag);
    ck_assert_msg(got != NULL, "%s:%s was taken", repository, tag);
    ck_assert_msg(strstr(got, reason) != NULL, "%s:%s: %s", repository, tag, got);
}

static void expect_taken(const struct applied *a, const char *repository, const char *tag)
{
    const char *got = refusal_of(a, repository, tag);
    ck_assert_msg(got == NULL, "%s:%s: %s", repository, tag, got);
}

/* first.tar: app:1 runs as a user, app:2 as root, lib:1 as another user. All have the layer base. */
static char *first_bundle(struct rf_digest d[3])
{
    struct made m;
    made_init(&m);
    d[0] = add_image(&m, "app", "1", user, "base one", RF_IMAGE_NEW, NULL, NULL);
    d[1] = add_image(&m, "app", "2", root, "base two", RF_IMAGE_NEW, NULL, NULL);
    d[2] = add_image(&m, "lib", "1", other, "base three", RF_IMAGE_NEW, NULL, NULL);
    char *path = written(&m, "first.tar");
    made_release(&m);
    return path;
}

/* second.tar behind it: app:1 becomes root's, the others stay. */
static char *second_bundle(struct rf_digest *d)
{
    struct made m;
    struct rf_bundle_file *f = NULL;
    made_init(&m);
    m.b.sequence = 2;
    add_base(&m, "first");
    *d = add_image(&m, "app", "1", root, "base four", RF_IMAGE_CHANGED, "base", "app lib");
    add_line(&m, "app", "2", root, "base two", RF_IMAGE_UNCHANGED);
    add_line(&m, "lib", "1", other, "base three", RF_IMAGE_UNCHANGED);
    ck_assert_int_eq(rf_bundle_file_open("first.tar", &f, NULL), 0);
    m.b.parent = rf_bundle_file_doc(f)->id;
    rf_bundle_file_free(f);
    char *path = written(&m, "second.tar");
    made_release(&m);
    return path;
}

START_TEST(what_is_refused_leaves_no_trace)
{
    struct rf_digest d[3];
    struct applied a;
    char *path = first_bundle(d);
    apply_with(&a, no_root, path, NULL);
    expect_error(a.rc, RFE_PARTIAL, a.err, "the policy here refused 1 image ");
    expect_refused(&a, "app", "2", "accept: runs as root");
    expect_taken(&a, "app", "1");
    expect_tag("app", "1", &d[0]);
    expect_tag("lib", "1", &d[2]);
    expect_no_tag("app", "2");
    ck_assert(has_blob(&far, "app", "one") && has_blob(&far, "app", "base"));
    ck_assert(!has_blob(&far, "app", "two") && !has_blob(&far, "app", root));
    rf_import_result_release(&a.result);
    free(path);
}
END_TEST

START_TEST(a_plan_says_the_same_and_writes_nothing)
{
    struct rf_digest d[3];
    struct applied planned, a;
    char *path = first_bundle(d);
    plan_with(&planned, no_root, path, NULL);
    expect_error(planned.rc, RFE_PARTIAL, planned.err, "the policy here refused 1 image ");
    expect_refused(&planned, "app", "2", "accept: runs as root");
    ck_assert_uint_eq(far.n_writes, 0);
    apply_with(&a, no_root, path, NULL);
    const struct rf_import_counts *p = &planned.result.run.counts, *c = &a.result.run.counts;
    ck_assert_uint_eq(p->blobs_uploaded, c->blobs_uploaded);
    ck_assert_uint_eq(p->bytes_uploaded, c->bytes_uploaded);
    ck_assert_uint_eq(p->blobs_mounted, c->blobs_mounted);
    ck_assert_uint_eq(p->manifests_put, c->manifests_put);
    ck_assert_uint_eq(p->tags_set, c->tags_set);
    ck_assert_uint_eq(c->tags_set, 2);
    rf_import_result_release(&planned.result);
    rf_import_result_release(&a.result);
    free(path);
}
END_TEST

START_TEST(a_refused_image_leaves_its_tag)
{
    struct rf_digest d[3], next;
    struct applied a;
    char *first = first_bundle(d), *second = second_bundle(&next);
    applied_well(&far, first, NULL);
    watched_clear(&far);
    apply_with(&a, no_root, second, NULL);
    expect_error(a.rc, RFE_PARTIAL, a.err, "refused 2 images");
    expect_refused(&a, "app", "1", "runs as root");
    expect_tag("app", "1", &d[0]);
    ck_assert_msg(far.n_writes == 0, "%s", far.log.ptr);
    ck_assert(!has_blob(&far, "app", "four"));
    rf_import_result_release(&a.result);
    free(first);
    free(second);
}
END_TEST

START_TEST(an_unchanged_image_is_read_at_the_destination)
{
    struct rf_digest d[3], next;
    struct applied a;
    char *first = first_bundle(d), *second = second_bundle(&next);
    applied_well(&far, first, NULL);
    apply_with(&a, no_root, second, NULL);
    expect_refused(&a, "app", "2", "runs as root");
    expect_taken(&a, "lib", "1");
    expect_tag("app", "2", &d[1]); /* it came before the policy did; it is not taken away */
    rf_import_result_release(&a.result);
    free(first);
    free(second);
}
END_TEST

/* Its configuration is gone: it cannot be judged, and the check of the ground says so as well. */
START_TEST(an_unchanged_image_that_is_not_whole_is_missing_ground)
{
    struct rf_digest d[3], next;
    struct applied a;
    char *first = first_bundle(d), *second = second_bundle(&next);
    applied_well(&far, first, NULL);
    lose_blob("lib", other);
    watched_clear(&far);
    apply_with(&a, no_root, second, NULL);
    ck_assert_int_eq(a.rc, -RFE_GROUND_MISSING);
    expect_taken(&a, "lib", "1");
    ck_assert_uint_eq(a.result.run.n_missing, 1);
    ck_assert_uint_eq(far.n_writes, 0);
    rf_import_result_release(&a.result);
    free(first);
    free(second);
}
END_TEST

START_TEST(what_was_refused_is_no_missing_ground)
{
    struct rf_digest d[3], next;
    struct applied a;
    char *first = first_bundle(d), *second = second_bundle(&next);
    apply_with(&a, no_root, first, NULL);
    rf_import_result_release(&a.result);
    apply_with(&a, no_root, second, NULL);
    expect_error(a.rc, RFE_PARTIAL, a.err, "refused 2 images");
    expect_refused(&a, "app", "2", "accept: runs as root");
    expect_tag("app", "1", &d[0]);
    rf_import_result_release(&a.result);
    /* also when nobody asks any more; what is new is taken then */
    apply_with(&a, NULL, second, NULL);
    expect_error(a.rc, RFE_PARTIAL, a.err, "refused 1 image, 1 earlier already");
    expect_refused(&a, "app", "2", "accept: runs as root");
    expect_tag("app", "1", &next);
    rf_import_result_release(&a.result);
    free(first);
    free(second);
}
END_TEST

START_TEST(without_a_memory_it_is_missing_ground)
{
    struct rf_digest d[3], next;
    struct applied a;
    const struct how elsewhere = { .state = "another-state" };
    char *first = first_bundle(d), *second = second_bundle(&next);
    apply_with(&a, no_root, first, NULL);
    rf_import_result_release(&a.result);
    apply_with(&a, no_root, second, &elsewhere);
    ck_assert_int_eq(a.rc, -RFE_GROUND_MISSING);
    expect_taken(&a, "app", "2");
    rf_import_result_release(&a.result);
    free(first);
    free(second);
}
END_TEST

/* Both are of one repository and share a layer that only one of them brings. */
START_TEST(blobs_that_accepted_images_need_are_written)
{
    struct made m;
    struct applied a;
    made_init(&m);
    add_image(&m, "app", "1", root, "base one", RF_IMAGE_NEW, NULL, NULL);
    struct rf_digest d = add_image(&m, "app", "2", user, "base one two", RF_IMAGE_NEW, NULL, NULL);
    add_image(&m, "lib", "1", root, "base", RF_IMAGE_NEW, NULL, NULL);
    char *path = written(&m, "b.tar");
    made_release(&m);
    apply_with(&a, no_root, path, NULL);
    ck_assert_int_eq(a.rc, -RFE_PARTIAL);
    expect_tag("app", "2", &d);
    ck_assert(has_blob(&far, "app", "one") && has_blob(&far, "app", "base"));
    ck_assert(!rf_path_is_dir("far/lib")); /* nothing goes there at all */
    ck_assert_uint_eq(a.result.run.counts.blobs_uploaded, 4);
    rf_import_result_release(&a.result);
    free(path);
}
END_TEST

START_TEST(when_all_is_refused_nothing_is_written)
{
    struct rf_digest d[3];
    struct applied a;
    char *path = first_bundle(d);
    apply_with(&a, "function accept(image)\n  return false, 'closed'\nend\n", path, NULL);
    expect_error(a.rc, RFE_PARTIAL, a.err, "refused 3 images");
    expect_refused(&a, "lib", "1", "accept: closed");
    ck_assert_uint_eq(far.n_writes, 0);
    ck_assert(!rf_path_is_dir("far"));
    rf_import_result_release(&a.result);
    free(path);
}
END_TEST

START_TEST(a_function_that_fails_accepts_nothing)
{
    struct rf_digest d[3];
    struct applied a;
    char *path = first_bundle(d);
    apply_with(&a,
               "function accept(image)\n  if image.tag == '2' then error('broken') end\n"
               "  if image.repository == 'lib' then return false end\n  return true\nend\n",
               path, NULL);
    expect_error(a.rc, RFE_PARTIAL, a.err, "could not judge 2 images and refused 0 ");
    expect_refused(&a, "app", "2", "accept failed: ");
    expect_refused(&a, "app", "2", "broken");
    expect_refused(&a, "lib", "1", "without a reason");
    expect_tag("app", "1", &d[0]);
    rf_import_result_release(&a.result);
    free(path);
}
END_TEST

/* No document that could be judged, wherever it is read: a configuration beyond every limit. */
START_TEST(what_cannot_be_judged_is_not_accepted)
{
    struct made m;
    struct applied a;
    char *big = rf_xmalloc(RF_CONFIG_MAX + 2);
    memset(big, 'x', RF_CONFIG_MAX + 1);
    big[RF_CONFIG_MAX + 1] = '\0';
    made_init(&m);
    add_image(&m, "app", "big", big, "base", RF_IMAGE_NEW, NULL, NULL);
    struct rf_digest d = add_image(&m, "app", "1", user, "base", RF_IMAGE_NEW, NULL, NULL);
    char *path = written(&m, "b.tar");
    made_release(&m);
    apply_with(&a, no_root, path, NULL);
    expect_error(a.rc, RFE_PARTIAL, a.err, "could not judge 1 image and refused 0 ");
    expect_refused(&a, "app", "big", "accept failed: ");
    expect_no_tag("app", "big");
    expect_tag("app", "1", &d);
    rf_import_result_release(&a.result);
    free(path);
    free(big);
}
END_TEST

/* What refers to an image goes with it. */
START_TEST(referrers_are_not_asked_about)
{
    struct made m;
    struct applied a;
    made_init(&m);
    struct rf_digest bad = add_image(&m, "app", "1", root, "base one", RF_IMAGE_NEW, NULL, NULL);
    struct rf_digest good = add_image(&m, "app", "2", user, "base two", RF_IMAGE_NEW, NULL, NULL);
    struct rf_digest of_bad = add_referrer(&m, "app", &bad, 100, "signature-of-bad");
    struct rf_digest of_good = add_referrer(&m, "app", &good, 100, "signature-of-good");
    char *path = written(&m, "b.tar");
    made_release(&m);
    apply_with(&a,
               "function accept(image)\n  if image.tag == '' then error('asked') end\n"
               "  if image.tag == '1' then return false, 'not this' end\n  return true\nend\n",
               path, NULL);
    expect_error(a.rc, RFE_PARTIAL, a.err, "refused 2 images");
    ck_assert(has_blob(&far, "app", "signature-of-good"));
    ck_assert(!has_blob(&far, "app", "signature-of-bad"));
    for (size_t i = 0; i < a.result.run.doc->desired.n; i++) {
        const struct rf_digest *d = &a.result.run.doc->desired.images[i].digest;
        bool refused = a.result.run.refused[i] != NULL;
        ck_assert_int_eq(refused, rf_digest_eq(d, &bad) || rf_digest_eq(d, &of_bad));
        ck_assert(!rf_digest_eq(d, &of_good) || !refused);
    }
    rf_import_result_release(&a.result);
    free(path);
}
END_TEST

/* The receipt names the side, the rule, and nothing else of what was left out. */
START_TEST(the_receipt_tells_what_was_refused)
{
    struct rf_digest d[3];
    struct applied a;
    char *path = first_bundle(d);
    apply_with(&a, no_root, path, NULL);
    char *receipt = only_file("import-state/receipts");
    ck_assert_msg(strstr(receipt, "\"by\":\"policy\",\"reason\":\"accept: runs as root\"") != NULL,
                  "%s", receipt);
    rf_import_result_release(&a.result);
    free(receipt);
    free(path);
}
END_TEST

Suite *rf_accept_suite(void)
{
    Suite *s = suite_create("accept");
    TCase *t = tcase_create("accept");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_is_refused_leaves_no_trace);
    tcase_add_test(t, a_plan_says_the_same_and_writes_nothing);
    tcase_add_test(t, a_refused_image_leaves_its_tag);
    tcase_add_test(t, an_unchanged_image_is_read_at_the_destination);
    tcase_add_test(t, an_unchanged_image_that_is_not_whole_is_missing_ground);
    tcase_add_test(t, what_was_refused_is_no_missing_ground);
    tcase_add_test(t, without_a_memory_it_is_missing_ground);
    tcase_add_test(t, blobs_that_accepted_images_need_are_written);
    tcase_add_test(t, when_all_is_refused_nothing_is_written);
    tcase_add_test(t, a_function_that_fails_accepts_nothing);
    tcase_add_test(t, what_cannot_be_judged_is_not_accepted);
    tcase_add_test(t, referrers_are_not_asked_about);
    tcase_add_test(t, the_receipt_tells_what_was_refused);
    suite_add_tcase(s, t);
    return s;
}
