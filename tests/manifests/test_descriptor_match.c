/* SPDX-License-Identifier: Apache-2.0 */
#include "manifests/descriptor_match.h"

#include <check.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"

/* Sizes tell them apart. */
static const char list_text[] =
    "[{\"size\":1,\"artifactType\":\"a/a\",\"annotations\":{\"n\":\"2\",\"k\":\"v\"}},"
    "{\"size\":2,\"artifactType\":\"a/b\"},"
    "{\"size\":3,\"artifactType\":\"a/a\",\"annotations\":{\"n\":\"1\"},\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}},"
    "{\"size\":4,\"annotations\":{\"n\":\"3\"},\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\"}},"
    "{\"size\":5,\"annotations\":{\"n\":\"1\",\"k\":\"w\"}}]";

static size_t load(struct rf_descriptor *list)
{
    RF_CLEANUP(rf_json_decrefp) json_t *all = NULL;
    struct rf_err err = RF_ERR_INIT;
    size_t i;
    json_t *one;
    ck_assert_int_eq(rf_json_parse(rf_slice_str(list_text), sizeof(list_text), &all, &err), 0);
    json_array_foreach (all, i, one) {
        json_object_set_new(one, "mediaType", json_string("a/m"));
        json_object_set_new(one, "digest",
                            json_string("sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310"
                                        "c060f61caaff8a"));
        list[i] = (struct rf_descriptor)RF_DESCRIPTOR_INIT;
        ck_assert_msg(rf_descriptor_from_json(one, "", &list[i], &err) == 0, "%s", err.msg);
    }
    return i;
}

static const struct {
    const char *type, *annotations, *sort;
    bool descending;
    const char *want; /* the sizes */
} rows[] = {
    { NULL, NULL, NULL, false, "12345" },        { "a/a", NULL, NULL, false, "13" },
    { NULL, "{\"k\":\"\"}", NULL, false, "15" }, { NULL, "{\"k\":\"w\"}", NULL, false, "5" },
    { "a/a", "{\"k\":\"w\"}", NULL, false, "" }, { NULL, NULL, "n", false, "35142" },
    { NULL, NULL, "n", true, "41352" },          { "a/a", NULL, "n", false, "31" },
};

START_TEST(filtered)
{
    struct rf_descriptor list[5];
    RF_CLEANUP(rf_json_decrefp) json_t *annotations = NULL;
    struct rf_err err = RF_ERR_INIT;
    char got[8] = "";
    size_t n = load(list);
    if (rows[_i].annotations != NULL)
        ck_assert_int_eq(rf_json_parse(rf_slice_str(rows[_i].annotations), 100, &annotations, &err),
                         0);
    const struct rf_descriptor_match match = { .artifact_type = rows[_i].type,
                                               .annotations = annotations,
                                               .sort_annotation = rows[_i].sort,
                                               .descending = rows[_i].descending };
    n = rf_descriptor_filter(&match, list, n);
    for (size_t i = 0; i < n; i++) {
        got[i] = (char)('0' + list[i].size);
        rf_descriptor_release(&list[i]);
    }
    ck_assert_str_eq(got, rows[_i].want);
}
END_TEST

START_TEST(chosen)
{
    struct rf_descriptor list[5];
    struct rf_platform arm = RF_PLATFORM_INIT;
    struct rf_err err = RF_ERR_INIT;
    size_t n = load(list), at = 99;
    ck_assert_int_eq(rf_platform_parse("linux/arm64", &arm, &err), 0);
    struct rf_descriptor_match match = { .sort_annotation = "n" };
    ck_assert_int_eq(rf_descriptor_choose(&match, NULL, list, n, &at, &err), 0);
    ck_assert_uint_eq(at, 2);
    ck_assert_int_eq(rf_descriptor_choose(&match, &arm, list, n, &at, &err), 0);
    ck_assert_uint_eq(at, 3);
    match.artifact_type = "a/a";
    ck_assert_int_eq(rf_descriptor_choose(&match, &arm, list, n, &at, &err), -RFE_NOT_FOUND);
    match.artifact_type = "no/such";
    ck_assert_int_eq(rf_descriptor_choose(&match, NULL, list, n, &at, &err), -RFE_NOT_FOUND);
    rf_platform_release(&arm);
    for (size_t i = 0; i < n; i++)
        rf_descriptor_release(&list[i]);
}
END_TEST

Suite *rf_descriptor_match_suite(void);
Suite *rf_descriptor_match_suite(void)
{
    Suite *s = suite_create("descriptor_match");
    TCase *t = tcase_create("descriptor_match");
    tcase_add_loop_test(t, filtered, 0, (int)RF_ARRAY_LEN(rows));
    tcase_add_test(t, chosen);
    suite_add_tcase(s, t);
    return s;
}
