/* SPDX-License-Identifier: Apache-2.0 */
/* An inventory says what can be read at a destination, and nothing else. */
#include "import/inventory.h"

#include <stdlib.h>

#include "base/mem.h"
#include "layout/receipt.h"
#include "tests/import/helper_import.h"

Suite *rf_inventory_suite(void);

static int take(const char *const *repositories, size_t n, const struct how *how,
                struct rf_inventory *out, struct rf_err *err)
{
    struct rf_import_request req;
    struct rf_inventory_scope scope = { .repositories = repositories, .n = n };
    request_of(&req, &far, how);
    rf_inventory_init(out);
    int rc = rf_inventory_take(&req, &scope, out, err);
    return rc < 0 ? rc : rf_snapshot_seal(&out->snapshot, err);
}

static char *told(const struct rf_inventory *v)
{
    const struct rf_desired *d = &v->snapshot.desired;
    struct rf_buf out;
    rf_buf_init(&out, 0);
    for (size_t i = 0; i < d->n; i++)
        rf_buf_addf(&out, "%s:%s/%u/%u ", rf_desired_str(d, d->images[i].repository),
                    rf_desired_str(d, d->images[i].tag), d->images[i].n_blobs,
                    d->images[i].n_children);
    for (size_t i = 0; i < v->n_unwhole; i++)
        rf_buf_addf(&out, "!%s:%s ", rf_strings_get(&v->strings, v->unwhole[i].image.repository),
                    rf_strings_get(&v->strings, v->unwhole[i].image.tag));
    return rf_buf_take(&out, NULL);
}

static void expect_told(const char *const *repositories, size_t n, const char *want)
{
    struct rf_inventory v;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(take(repositories, n, NULL, &v, &err), err);
    char *got = told(&v);
    ck_assert_str_eq(got, want);
    free(got);
    rf_inventory_release(&v);
}

START_TEST(what_the_last_bundle_brought)
{
    static const char *const lib[] = { "lib" }, *const absent[] = { "absent", "lib", "lib" };
    struct rf_digest first[3];
    char *full = full_bundle(first);
    applied_well(&far, full, NULL);
    watched_clear(&far);
    expect_told(NULL, 0, "app:1/4/0 app:2/4/0 lib:1/4/0 ");
    expect_told(lib, 1, "lib:1/4/0 ");
    expect_told(absent, 3, "lib:1/4/0 ");
    ck_assert_uint_eq(far.n_writes, 0);
    free(full);
}
END_TEST

START_TEST(what_cannot_be_read_is_not_claimed)
{
    struct rf_digest first[3], two = digest_of("two");
    struct rf_inventory v;
    struct rf_err err = RF_ERR_INIT;
    char *full = full_bundle(first);
    applied_well(&far, full, NULL);
    lose_blob("app", "two");
    lose_manifest("lib", &first[2]);
    expect_ok(take(NULL, 0, NULL, &v, &err), err);
    char *got = told(&v);
    ck_assert_str_eq(got, "app:1/4/0 !app:2 !lib:1 ");
    ck_assert_uint_eq(rf_snapshot_find_blob(&v.snapshot, &two), RF_NO_ID);
    ck_assert(strstr(rf_strings_get(&v.strings, v.unwhole[0].reason), "sha256:") != NULL);
    free(got);
    rf_inventory_release(&v);
    free(full);
}
END_TEST

/* Each repository is asked for itself: what only another has is not claimed. */
START_TEST(a_blob_is_asked_for_in_its_repository)
{
    struct rf_digest first[3];
    char *full = full_bundle(first);
    applied_well(&far, full, NULL);
    lose_blob("lib", "base");
    expect_told(NULL, 0, "app:1/4/0 app:2/4/0 !lib:1 ");
    free(full);
}
END_TEST

START_TEST(an_index_with_what_is_there_of_it)
{
    struct made m;
    made_init(&m);
    add_index(&m, "multi", "1", "part", 3, 0);
    char *path = written(&m, "multi.tar");
    made_release(&m);
    applied_well(&far, path, NULL);
    expect_told(NULL, 0, "multi:1/7/0 ");
    lose_blob("multi", "part-b");
    expect_told(NULL, 0, "multi:1/5/2 ");
    free(path);
}
END_TEST

START_TEST(a_scope_is_needed)
{
    static const char *const odd[] = { "../x" };
    struct rf_inventory v;
    struct rf_err err = RF_ERR_INIT;
    expect_error(take(NULL, 0, NULL, &v, &err), RFE_USAGE, err, "--repository");
    rf_inventory_release(&v);
    expect_error(take(odd, 1, NULL, &v, &err), RFE_USAGE, err, "not a repository name");
    rf_inventory_release(&v);
}
END_TEST

START_TEST(receipts_are_given)
{
    struct rf_receipt r;
    struct rf_digest first[3];
    struct rf_err err = RF_ERR_INIT;
    struct how how = { .receipt = "receipt.json" };
    char *full = full_bundle(first);
    applied_well(&far, full, &how);
    char *kept = only_file("import-state/receipts");
    ck_assert(file_is("receipt.json", kept));
    rf_receipt_init(&r);
    expect_ok(rf_receipt_load(&r, "receipt.json", &err), err);
    ck_assert_uint_eq(r.n, 3);
    ck_assert_uint_eq(rf_receipt_refused(&r), 0);
    ck_assert_uint_eq(r.tags_set, 3);
    ck_assert_str_eq(r.destination, "far");
    rf_receipt_release(&r);
    free(kept);
    free(full);
}
END_TEST

Suite *rf_inventory_suite(void)
{
    Suite *s = suite_create("inventory");
    TCase *t = tcase_create("inventory");
    tcase_add_checked_fixture(t, far_setup, far_teardown);
    tcase_add_test(t, what_the_last_bundle_brought);
    tcase_add_test(t, what_cannot_be_read_is_not_claimed);
    tcase_add_test(t, a_blob_is_asked_for_in_its_repository);
    tcase_add_test(t, an_index_with_what_is_there_of_it);
    tcase_add_test(t, a_scope_is_needed);
    tcase_add_test(t, receipts_are_given);
    suite_add_tcase(s, t);
    return s;
}
