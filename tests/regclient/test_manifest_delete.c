/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/manifest_delete.h"

#include <check.h>

#include "base/mem.h"
#include "tests/regclient/helper_registry.h"

#define R RF_CLEANUP(test_registry_stopp) struct test_registry *
#define N 4

static struct rf_digest image, sig[N];
static char tag[RF_DIGEST_TEXT];

static int put_manifest_of(struct rf_place *p, const char *type, struct rf_digest *digest,
                           struct rf_err *err)
{
    char text[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    RF_CLEANUP(rf_freep)
    char *body = rf_xasprintf(
        "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX
        "\",\"artifactType\":\"%s\",\"manifests\":[],\"subject\":{\"mediaType\":\"" RF_MT_OCI_MANIFEST
        "\",\"size\":1,\"digest\":\"%s\"}}",
        type, rf_digest_text(&image, text));
    int rc = rf_manifest_parse(rf_slice_str(body), NULL, &m, err);
    if (rc == 0)
        rc = rf_place_put_manifest(p, "x", NULL, m, 0, err);
    if (rc == 0)
        *digest = m->digest;
    return rc;
}

/* An image with N referrers, put by us: where the registry keeps no list, it stands under the fallback tag. */
static void fill(struct test_registry *r)
{
    struct rf_err err = RF_ERR_INIT;
    test_registry_image(r, "x", "v1", 1, 100, &image);
    rf_fallback_tag(&image, tag);
    for (int i = 0; i < N; i++) {
        RF_CLEANUP(rf_freep) char *type = rf_xasprintf("application/sig-%d", i);
        ck_assert_msg(put_manifest_of(r->place, type, &sig[i], &err) == 0, "%s", err.msg);
    }
    test_registry_forget(r);
}

static bool is_there(struct test_registry *r, const struct rf_digest *digest)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    return rf_place_resolve(r->place, "x", NULL, digest, &d, NULL) == 0;
}

/* The list under the fallback tag: digits of the referrers in their order, "" when the tag is gone. */
static void check_list(struct test_registry *r, const char *want)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    char seen[N + 1] = "";
    size_t n = 0;
    int rc = rf_place_get_manifest(r->place, "x", tag, NULL, NULL, &m, NULL);
    ck_assert_int_eq(rc, want[0] == '\0' ? -RFE_NOT_FOUND : 0);
    for (size_t i = 0; rc == 0 && i < m->n_entries; i++)
        for (int k = 0; k < N; k++)
            if (rf_digest_eq(&m->entries[i].digest, &sig[k]) && n < N)
                seen[n++] = (char)('0' + k);
    ck_assert_str_eq(seen, want);
}

START_TEST(the_list_keeps_its_order_and_goes_with_the_last)
{
    R r = test_registry_start("no-referrers-api", NULL);
    struct rf_err err = RF_ERR_INIT;
    static const struct {
        int which;
        const char *left;
    } rows[] = { { 1, "023" }, { 3, "02" }, { 0, "2" }, { 2, "" } };
    fill(r);
    check_list(r, "0123");
    for (size_t i = 0; i < RF_ARRAY_LEN(rows); i++) {
        ck_assert_msg(rf_manifest_delete(r->place, "x", &sig[rows[i].which], true, &err) == 0, "%s",
                      err.msg);
        ck_assert(!is_there(r, &sig[rows[i].which]));
        check_list(r, rows[i].left);
    }
    ck_assert(is_there(r, &image));
    ck_assert_int_eq(rf_manifest_delete(r->place, "x", &sig[0], true, &err), -RFE_NOT_FOUND);
}
END_TEST

START_TEST(the_list_is_not_touched_unasked)
{
    R r = test_registry_start("no-referrers-api", NULL);
    struct rf_err err = RF_ERR_INIT;
    fill(r);
    ck_assert_int_eq(rf_manifest_delete(r->place, "x", &sig[1], false, &err), 0);
    ck_assert_uint_eq(test_registry_count(r, NULL, "*"), 1);
    check_list(r, "0123");
}
END_TEST

/* What may not be deleted is listed as before. */
START_TEST(a_refusal_leaves_the_list_whole)
{
    static const char *const refusing[] = {
        "{\"options\":{\"referrers_api\":false,\"deletes\":false,\"tag_deletes\":false}}",
        "{\"options\":{\"referrers_api\":false},\"rules\":[{\"match\":{\"method\":\"DELETE\",\"path\":\"/manifests/sha256:\",\"count\":0},"
        "\"action\":{\"type\":\"status\",\"status\":403}}]}",
    };
    R r = test_registry_start(refusing[_i], NULL);
    struct rf_err err = RF_ERR_INIT;
    fill(r);
    ck_assert_int_lt(rf_manifest_delete(r->place, "x", &sig[1], true, &err), 0);
    ck_assert(is_there(r, &sig[1]));
    check_list(r, "0123");
}
END_TEST

START_TEST(registries_with_a_list_of_their_own)
{
    R r = test_registry_start("plain", NULL);
    struct rf_err err = RF_ERR_INIT;
    fill(r);
    ck_assert_int_eq(rf_manifest_delete(r->place, "x", &sig[1], true, &err), 0);
    ck_assert_uint_eq(test_registry_count(r, NULL, "PUT *"), 0);
    ck_assert_int_eq(rf_manifest_delete(r->place, "x", &image, true, &err), 0);
    ck_assert(!is_there(r, &image) && !is_there(r, &sig[1]) && is_there(r, &sig[0]));
}
END_TEST

/* A tag of that name that is no list is somebody's image. */
START_TEST(somebodys_image_stays)
{
    R r = test_registry_start("no-referrers-api", NULL);
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest other;
    fill(r);
    test_registry_image(r, "x", tag, 1, 300, &other);
    ck_assert_int_eq(rf_manifest_delete(r->place, "x", &sig[1], true, &err), 0);
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    ck_assert_int_eq(rf_place_resolve(r->place, "x", tag, NULL, &d, NULL), 0);
    ck_assert(rf_digest_eq(&d.digest, &other));
}
END_TEST

Suite *rf_manifest_delete_suite(void);
Suite *rf_manifest_delete_suite(void)
{
    Suite *s = suite_create("manifest_delete");
    TCase *t = tcase_create("manifest_delete");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, the_list_keeps_its_order_and_goes_with_the_last);
    tcase_add_test(t, the_list_is_not_touched_unasked);
    tcase_add_loop_test(t, a_refusal_leaves_the_list_whole, 0, 2);
    tcase_add_test(t, registries_with_a_list_of_their_own);
    tcase_add_test(t, somebodys_image_stays);
    suite_add_tcase(s, t);
    return s;
}
