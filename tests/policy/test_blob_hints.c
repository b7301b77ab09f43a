/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/blob_hints.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "policy/index_cache.h"

static struct rf_digest digest_of(int n)
{
    struct rf_digest d;
    char text[16];
    (void)snprintf(text, sizeof(text), "%d", n);
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str(text), &d);
    return d;
}

START_TEST(hints)
{
    struct rf_blob_hints *h = rf_blob_hints_new();
    struct rf_digest d = digest_of(1);
    int one, other;
    ck_assert_ptr_null(rf_blob_hints_find(h, &one, &d));
    rf_blob_hints_note(h, &one, "a/b", &d);
    rf_blob_hints_note(h, &one, "c/d", &d);
    char *repo = rf_blob_hints_find(h, &one, &d);
    ck_assert_str_eq(repo, "c/d");
    free(repo);
    ck_assert_ptr_null(rf_blob_hints_find(h, &other, &d));
    /* More than there is room for: what is found is right. */
    for (int i = 0; i < 20000; i++) {
        RF_CLEANUP(rf_freep) char *name = rf_xasprintf("r/%d", i);
        d = digest_of(i);
        rf_blob_hints_note(h, &one, name, &d);
    }
    int found = 0;
    for (int i = 0; i < 20000; i++) {
        RF_CLEANUP(rf_freep) char *name = rf_xasprintf("r/%d", i);
        d = digest_of(i);
        RF_CLEANUP(rf_freep) char *has = rf_blob_hints_find(h, &one, &d);
        if (has == NULL)
            continue;
        found++;
        ck_assert_str_eq(has, name);
    }
    ck_assert_int_gt(found, 2000);
    rf_blob_hints_free(h);
}
END_TEST

START_TEST(choices_of_platforms)
{
    struct rf_index_cache *c = rf_index_cache_new();
    struct rf_digest index = digest_of(1), arm = digest_of(2), got;
    ck_assert(!rf_index_cache_get(c, &index, "linux/arm64", &got));
    rf_index_cache_put(c, &index, "linux/arm64", &arm);
    ck_assert(!rf_index_cache_get(c, &index, "linux/amd64", &got));
    ck_assert(rf_index_cache_get(c, &index, "linux/arm64", &got));
    ck_assert(rf_digest_eq(&got, &arm));
    for (int i = 10; i < 2000; i++) {
        struct rf_digest d = digest_of(i);
        rf_index_cache_put(c, &d, "linux/arm64", &d);
        ck_assert(rf_index_cache_get(c, &d, "linux/arm64", &got) && rf_digest_eq(&got, &d));
    }
    ck_assert(!rf_index_cache_get(c, &index, "linux/arm64", &got));
    rf_index_cache_free(c);
}
END_TEST

Suite *rf_blob_hints_suite(void);
Suite *rf_blob_hints_suite(void)
{
    Suite *s = suite_create("blob_hints");
    TCase *t = tcase_create("blob_hints");
    tcase_add_test(t, hints);
    tcase_add_test(t, choices_of_platforms);
    suite_add_tcase(s, t);
    return s;
}
