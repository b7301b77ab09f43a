/* SPDX-License-Identifier: Apache-2.0 */
/* What is missing becomes a request: by image, with what the destination is known to have. */
#include <stdlib.h>

#include "base/mem.h"
#include "tests/import/helper_import.h"

Suite *rf_ask_suite(void);

static bool asks_for(const struct rf_repair_request *doc, const char *repository, const char *tag,
                     const struct rf_digest *d)
{
    for (size_t i = 0; i < doc->n_missing; i++) {
        const struct rf_lack *m = &doc->missing[i];
        if (strcmp(rf_strings_get(&doc->strings, m->image.repository), repository) == 0 &&
            strcmp(rf_strings_get(&doc->strings, m->image.tag), tag) == 0 &&
            rf_digest_eq(&m->digest, d))
            return true;
    }
    return false;
}

static bool has_found(const struct rf_repair_request *doc, const char *repository, const char *text)
{
    struct rf_digest d = digest_of(text);
    for (size_t i = 0; i < doc->n_found; i++)
        if (strcmp(rf_strings_get(&doc->strings, doc->found[i].repository), repository) == 0 &&
            rf_digest_eq(&doc->found[i].digest, &d))
            return true;
    return false;
}

static void finish(struct applied *a, struct rf_repair_request *doc)
{
    rf_import_result_release(&a->result);
    rf_repair_request_release(doc);
}

START_TEST(nothing_known)
{
    struct rf_digest next[3], base = digest_of("base");
    struct rf_repair_request doc;
    struct applied a;
    char *b = next_bundle(next);
    ask(&a, &far, b, NULL, &doc);
    expect_ok(a.rc, a.err);
    ck_assert(rf_digest_eq(&doc.bundle, &a.result.run.doc->id));
    ck_assert_uint_eq(doc.sequence, 2);
    ck_assert_str_eq(doc.destination, "far");
    ck_assert_uint_eq(doc.n_known, 0);
    ck_assert_uint_eq(doc.n_found, 0);
    ck_assert(asks_for(&doc, "app", "1", &base));
    ck_assert(asks_for(&doc, "new/app", "3", &base));
    ck_assert(asks_for(&doc, "app", "2", &next[1]));
    ck_assert_uint_eq(far.n_writes, 0);
    finish(&a, &doc);
    free(b);
}
END_TEST

START_TEST(nothing_missing)
{
    struct rf_digest first[3], next[3];
    struct rf_repair_request doc;
    struct applied a;
    char *full = full_bundle(first), *b = next_bundle(next);
    applied_well(&far, full, NULL);
    ask(&a, &far, b, NULL, &doc);
    expect_ok(a.rc, a.err);
    ck_assert_uint_eq(doc.n_missing, 0);
    finish(&a, &doc);
    free(full);
    free(b);
}
END_TEST

/* A manifest that is gone does not say what it names; the bundle that brought it does. */
START_TEST(what_is_below_a_lost_manifest)
{
    struct rf_digest first[3], next[3];
    struct rf_repair_request doc;
    struct applied a;
    char *full = full_bundle(first), *b = next_bundle(next);
    applied_well(&far, full, NULL);
    lose_manifest("app", &first[1]);
    lose_blob("app", "two");
    watched_clear(&far);
    ask(&a, &far, b, NULL, &doc);
    expect_ok(a.rc, a.err);
    ck_assert_uint_eq(doc.n_missing, 1);
    ck_assert(doc.missing[0].manifest && asks_for(&doc, "app", "2", &first[1]));
    ck_assert_uint_eq(doc.n_known, 1);
    ck_assert_uint_eq(doc.known[0].n, 1);
    ck_assert(rf_digest_eq(&doc.lacks[0], &first[1]));
    ck_assert(has_found(&doc, "app", "cfg2"));
    ck_assert(has_found(&doc, "app", "base"));
    ck_assert(!has_found(&doc, "app", "two"));
    ck_assert(!has_found(&doc, "lib", "three")); /* nothing is missing there */
    ck_assert_uint_eq(far.n_writes, 0);
    finish(&a, &doc);
    free(full);
    free(b);
}
END_TEST

START_TEST(a_lost_memory_costs_only_bytes)
{
    struct rf_digest first[3], next[3];
    struct rf_repair_request doc;
    struct applied a;
    char *full = full_bundle(first), *b = next_bundle(next);
    applied_well(&far, full, NULL);
    lose_manifest("app", &first[1]);
    forget("import-state/bundles");
    ask(&a, &far, b, NULL, &doc);
    expect_ok(a.rc, a.err);
    ck_assert_uint_eq(doc.n_missing, 1);
    ck_assert_uint_eq(doc.n_known + doc.n_found, 0);
    finish(&a, &doc);
    free(full);
    free(b);
}
END_TEST

Suite *rf_ask_suite(void)
{
    Suite *s = suite_create("ask");
    TCase *t = tcase_create("ask");
    tcase_add_checked_fixture(t, far_setup, far_teardown);
    tcase_add_test(t, nothing_known);
    tcase_add_test(t, nothing_missing);
    tcase_add_test(t, what_is_below_a_lost_manifest);
    tcase_add_test(t, a_lost_memory_costs_only_bytes);
    suite_add_tcase(s, t);
    return s;
}
