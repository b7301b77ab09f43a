/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/repo_copy.h"

#include <check.h>

#include "base/mem.h"
#include "tests/regclient/helper_registry.h"

#define R RF_CLEANUP(test_registry_stopp) struct test_registry *
#define SLOW_GETS                                                                              \
    "{\"rules\":[{\"match\":{\"no_header\":[\"x-test\"],\"method\":\"GET\",\"path\":\"/blobs/" \
    "\",\"count\":0},\"action\":{\"type\":\"delay\",\"ms\":40}}]}"

static char *tags[] = { "a", "b", "c", "d" };

static bool has_tag(struct test_registry *r, const char *tag)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    return rf_place_resolve(r->place, "y", tag, NULL, &d, NULL) == 0;
}

START_TEST(sums_up_what_was_done)
{
    R a = test_registry_start("plain", NULL);
    R b = test_registry_start("plain", NULL);
    struct rf_digest d;
    struct rf_copy_result sum = { 0 };
    struct rf_err err = RF_ERR_INIT;
    for (size_t i = 0; i < 4; i++)
        test_registry_image(a, "x", tags[i], 2, 1000 + i, &d);
    ck_assert_msg(rf_repo_copy(a->place, "x", b->place, "y", tags, 4, 2, NULL, &sum, &err) == 0,
                  "%s", err.msg);
    ck_assert_uint_eq(sum.manifests_put, 4);
    /* Seeds of layers overlap: 1000..1004. */
    ck_assert_uint_eq(sum.blobs_moved + sum.blobs_there, 4 * 3);
    for (size_t i = 0; i < 4; i++)
        ck_assert(has_tag(b, tags[i]));
    /* Again: two requests for each tag. */
    test_registry_forget(a);
    test_registry_forget(b);
    ck_assert_int_eq(rf_repo_copy(a->place, "x", b->place, "y", tags, 4, 0, NULL, &sum, &err), 0);
    ck_assert_uint_eq(sum.manifests_put + sum.blobs_moved, 0);
    ck_assert_uint_eq(test_registry_count(a, NULL, "HEAD *"), 4);
    ck_assert_uint_eq(test_registry_count(b, NULL, "HEAD *"), 4);
    ck_assert_uint_eq(test_registry_count(a, NULL, "*") + test_registry_count(b, NULL, "*"), 8);
}
END_TEST

/* Of copies at once, one moves what all want; the others wait for it and find it there. */
START_TEST(moves_shared_blobs_once)
{
    R a = test_registry_start(SLOW_GETS, ",req-concurrent=8");
    R b = test_registry_start("plain", ",req-concurrent=8");
    struct rf_digest d;
    struct rf_copy_result sum = { 0 };
    struct rf_err err = RF_ERR_INIT;
    for (size_t i = 0; i < 4; i++)
        test_registry_image(a, "x", tags[i], 2, 1000, &d);
    test_registry_forget(a);
    ck_assert_msg(rf_repo_copy(a->place, "x", b->place, "y", tags, 4, 4, NULL, &sum, &err) == 0,
                  "%s", err.msg);
    ck_assert_uint_eq(sum.blobs_moved, 6); /* two layers, and a configuration for each */
    ck_assert_uint_eq(sum.blobs_there, 3 * 2);
    ck_assert_uint_eq(test_registry_count(a, NULL, "GET *blobs*"), 6);
    for (size_t i = 0; i < 4; i++)
        ck_assert(has_tag(b, tags[i]));
}
END_TEST

START_TEST(ends_with_the_first_failure)
{
    R a = test_registry_start("plain", NULL);
    R b = test_registry_start("plain", NULL);
    struct rf_digest d;
    struct rf_copy_result sum = { 0 };
    struct rf_err err = RF_ERR_INIT;
    test_registry_image(a, "x", "a", 1, 1000, &d);
    test_registry_image(a, "x", "c", 1, 1001, &d);
    test_registry_image(a, "x", "d", 1, 1002, &d);
    ck_assert_int_eq(rf_repo_copy(a->place, "x", b->place, "y", tags, 4, 1, NULL, &sum, &err),
                     -RFE_NOT_FOUND);
    ck_assert_msg(strstr(err.msg, "copying tag b") != NULL, "%s", err.msg);
    ck_assert_uint_eq(sum.manifests_put, 1);
    ck_assert(has_tag(b, "a") && !has_tag(b, "c") && !has_tag(b, "d"));
}
END_TEST

START_TEST(runs_as_many_at_once_as_asked)
{
    R a = test_registry_start(SLOW_GETS, ",req-concurrent=8");
    R b = test_registry_start("plain", ",req-concurrent=8");
    struct rf_digest d;
    struct rf_err err = RF_ERR_INIT;
    const struct rf_copy_options one = { .threads = 1 };
    unsigned most[2];
    for (size_t i = 0; i < 4; i++)
        test_registry_image(a, "x", tags[i], 4, 1000 + 10 * i, &d);
    for (unsigned i = 0; i < 2; i++) {
        static const char *const to[] = { "one", "four" };
        test_registry_forget(a);
        ck_assert_msg(rf_repo_copy(a->place, "x", b->place, to[i], tags, 4, i == 0 ? 1 : 4, &one,
                                   NULL, &err) == 0,
                      "%s", err.msg);
        most[i] = test_registry_most(a);
    }
    ck_assert_uint_eq(most[0], 1);
    ck_assert_msg(most[1] > 1 && most[1] <= 4, "%u at once", most[1]);
}
END_TEST

Suite *rf_repo_copy_suite(void);
Suite *rf_repo_copy_suite(void)
{
    Suite *s = suite_create("repo_copy");
    TCase *t = tcase_create("repo_copy");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, sums_up_what_was_done);
    tcase_add_test(t, moves_shared_blobs_once);
    tcase_add_test(t, ends_with_the_first_failure);
    tcase_add_test(t, runs_as_many_at_once_as_asked);
    suite_add_tcase(s, t);
    return s;
}
