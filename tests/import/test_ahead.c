/* SPDX-License-Identifier: Apache-2.0 */
/* A destination as planned bundles will leave it. That plans of several are what runs do is tested with the programs: tests/e2e/import_plans.py. */
#include "import/ahead.h"

#include <stdlib.h>

#include "base/mem.h"
#include "tests/import/helper_import.h"

Suite *rf_ahead_suite(void);

static struct rf_ahead *ahead;
static struct rf_import_request request;

static void set_up(void)
{
    far_setup();
    ahead = rf_ahead_new(&far.base);
    request_of(&request, &far, NULL);
    request.to = rf_ahead_place(ahead);
    request.ahead = ahead;
}

static void tear_down(void)
{
    rf_ahead_freep(&ahead);
    far_teardown();
}

/* Plans it; when that goes well it counts as done. */
static int plan_next(const char *path, struct rf_err *err)
{
    struct rf_import_result *result = rf_xcalloc(1, sizeof(*result));
    rf_import_result_init(result);
    int rc = rf_import_plan(&request, path, result, err);
    if (rc == 0) {
        rf_ahead_enter(ahead, result, request.state_dir);
        return 0;
    }
    rf_import_result_release(result);
    free(result);
    return rc;
}

static int note_tag(void *ctx, const char *tag, struct rf_err *err)
{
    (void)err;
    rf_buf_addf(ctx, "%s ", tag);
    return 0;
}

static void expect_tags(const char *repo, const char *wanted)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf tags;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&tags, 1024);
    expect_ok(rf_place_list_tags(request.to, repo, note_tag, &tags, &err), err);
    ck_assert_str_eq(tags.ptr, wanted);
}

static void expect_ahead(const char *repo, const char *tag, const struct rf_digest *d)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor desc = RF_DESCRIPTOR_INIT;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_place_resolve(request.to, repo, tag, NULL, &desc, &err), err);
    ck_assert(rf_digest_eq(&desc.digest, d));
    expect_ok(rf_place_get_manifest(request.to, repo, tag, NULL, NULL, &m, &err), err);
    ck_assert(rf_digest_eq(&m->digest, d) && m->body.len == desc.size);
}

START_TEST(one_lays_the_ground_of_the_next)
{
    struct rf_digest first[3], second[3];
    struct rf_err err = RF_ERR_INIT;
    char *full = full_bundle(first), *next = next_bundle(second);
    ck_assert_int_eq(plan_next(next, &err), -RFE_GROUND_MISSING);
    expect_ok(plan_next(full, &err), err);
    expect_tags("app", "1 2 ");
    expect_ahead("app", "1", &first[0]);
    ck_assert_uint_gt(rf_ahead_requests(ahead), 0);
    ck_assert_uint_eq(rf_ahead_pulls(ahead), 1);
    expect_ok(plan_next(next, &err), err);
    expect_tags("new/app", "3 ");
    expect_ahead("app", "1", &second[0]);
    expect_ahead("app", "2", &first[1]);
    expect_no_tag("app", "1");
    ck_assert_uint_eq(far.n_writes, 0);
    free(full);
    free(next);
}
END_TEST

/* What is there already is asked of the place below; nothing can be written. */
START_TEST(what_is_there)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_digest first[3], second[3], absent;
    struct rf_err err = RF_ERR_INIT;
    char *full = full_bundle(first), *next = next_bundle(second);
    ck_assert_ptr_eq(rf_ahead_below(request.to), &far.base);
    ck_assert_ptr_eq(rf_ahead_below(&far.base), &far.base);
    applied_well(&far, full, NULL);
    expect_ahead("lib", "1", &first[2]);
    ck_assert_uint_eq(rf_ahead_requests(ahead), 0);
    expect_ok(plan_next(next, &err), err);
    expect_tags("app", "1 2 ");
    expect_ahead("app", "1", &second[0]);
    expect_ahead("lib", "1", &first[2]);
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str("absent"), &absent);
    ck_assert_int_eq(rf_place_get_manifest(request.to, "app", NULL, &absent, NULL, &m, NULL),
                     -RFE_NOT_FOUND);
    ck_assert_int_eq(rf_place_probe_blob(request.to, "app", &absent, 6, RF_PROBE_RANGE, NULL),
                     -RFE_NOT_FOUND);
    expect_ok(rf_place_get_manifest(request.to, "app", "1", NULL, NULL, &m, &err), err);
    ck_assert_int_eq(rf_place_put_manifest(request.to, "app", "x", m, 0, NULL), -RFE_UNSUPPORTED);
    ck_assert_int_eq(rf_place_delete_tag(request.to, "app", "1", NULL), -RFE_UNSUPPORTED);
    free(full);
    free(next);
}
END_TEST

/* As an import would by then; of another folder nothing. */
START_TEST(what_would_be_remembered)
{
    RF_CLEANUP(rf_import_state_freep) struct rf_import_state *s = NULL;
    struct rf_digest first[3];
    struct rf_err err = RF_ERR_INIT;
    struct rf_bundle doc;
    char *full = full_bundle(first);
    expect_ok(plan_next(full, &err), err);
    expect_ok(rf_import_state_open("import-state", &s, &err), err);
    ck_assert_uint_eq(s->n, 0);
    rf_ahead_remember(ahead, s, "elsewhere", request.to_name);
    ck_assert_uint_eq(s->n, 0);
    rf_ahead_remember(ahead, s, request.state_dir, request.to_name);
    const struct rf_import_record *last = rf_import_state_last(s, request.to_name);
    ck_assert_ptr_nonnull(last);
    ck_assert(!last->partial);
    rf_bundle_init(&doc);
    expect_ok(rf_import_state_load_bundle(s, &last->id, &doc, &err), err);
    ck_assert(rf_digest_eq(&doc.id, &last->id));
    ck_assert_uint_eq(doc.desired.n, 3);
    rf_bundle_release(&doc);
    ck_assert_ptr_null(rf_import_state_find_planned(s, &first[0]));
    free(full);
}
END_TEST

Suite *rf_ahead_suite(void)
{
    Suite *s = suite_create("ahead");
    TCase *t = tcase_create("ahead");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, one_lays_the_ground_of_the_next);
    tcase_add_test(t, what_is_there);
    tcase_add_test(t, what_would_be_remembered);
    suite_add_tcase(s, t);
    return s;
}
