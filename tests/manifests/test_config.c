/* SPDX-License-Identifier: Apache-2.0 */
#include "manifests/config.h"

#include <check.h>

#include "base/mem.h"

#define DIFF "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

START_TEST(everything)
{
    static const char text[] =
        "{\"created\":\"2026-01-02T03:04:05.123456789Z\",\"author\":\"A <a@b>\","
        "\"architecture\":\"arm64\",\"os\":\"linux\",\"variant\":\"v8\","
        "\"config\":{\"Labels\":{\"l\":\"v\"},\"Env\":[\"A=B\"]},"
        "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIFF "\",\"" DIFF "\"]},"
        "\"history\":[{}]}";
    RF_CLEANUP(rf_config_freep) struct rf_config *c = NULL;
    ck_assert_int_eq(rf_config_parse(rf_slice_str(text), &c, NULL), 0);
    ck_assert(c->has_created);
    ck_assert_int_eq(c->created, 1767323045);
    ck_assert_str_eq(c->author, "A <a@b>");
    ck_assert_str_eq(c->platform.architecture, "arm64");
    ck_assert_str_eq(json_string_value(json_object_get(c->labels, "l")), "v");
    ck_assert_uint_eq(c->n_diff_ids, 2);
    ck_assert(rf_digest_is_set(&c->diff_ids[1]));
    ck_assert(json_is_array(json_object_get(c->doc, "history")));
}
END_TEST

START_TEST(nothing)
{
    RF_CLEANUP(rf_config_freep) struct rf_config *c = NULL;
    ck_assert_int_eq(rf_config_parse(rf_slice_str("{}"), &c, NULL), 0);
    ck_assert(!c->has_created);
    ck_assert_ptr_null(c->author);
    ck_assert_ptr_null(c->labels);
    ck_assert_uint_eq(c->n_diff_ids, 0);
    ck_assert_str_eq(c->platform.os, "");
    rf_config_freep(&c);
    ck_assert_ptr_null(c);
    ck_assert_int_eq(rf_config_parse(rf_slice_str("{\"created\":\"\",\"config\":null,"
                                                  "\"rootfs\":{\"diff_ids\":null}}"),
                                     &c, NULL),
                     0);
    ck_assert(!c->has_created);
}
END_TEST

START_TEST(before_1970)
{
    RF_CLEANUP(rf_config_freep) struct rf_config *c = NULL;
    static const char text[] = "{\"created\":\"0001-01-01T00:00:00Z\"}";
    ck_assert_int_eq(rf_config_parse(rf_slice_str(text), &c, NULL), 0);
    ck_assert(c->has_created);
    ck_assert_int_lt(c->created, 0);
}
END_TEST

static const char *const refused[][2] = {
    { "", "image config: " },
    { "[]", "image config: not a JSON object" },
    { "{\"a\":1,\"a\":2}", "image config: JSON" },
    { "{\"os\":1}", "image config: os: not a string" },
    { "{\"created\":\"yesterday\"}", "image config: created: " },
    { "{\"created\":17}", "image config: created: not a string" },
    { "{\"author\":[]}", "image config: author: not a string" },
    { "{\"config\":\"x\"}", "image config: config: not an object" },
    { "{\"config\":{\"Labels\":[]}}", "image config: config.Labels: not an object" },
    { "{\"config\":{\"Labels\":{\"a\":1}}}", "image config: config.Labels[\"a\"]: not a string" },
    { "{\"rootfs\":[]}", "image config: rootfs: not an object" },
    { "{\"rootfs\":{\"diff_ids\":{}}}", "image config: rootfs.diff_ids: not an array" },
    { "{\"rootfs\":{\"diff_ids\":[\"" DIFF "\",\"x\"]}}", "image config: rootfs.diff_ids[1]: " },
    { "{\"rootfs\":{\"diff_ids\":[null]}}", "image config: rootfs.diff_ids[0]: not a string" },
};

START_TEST(refused_row)
{
    struct rf_config *c = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_config_parse(rf_slice_str(refused[_i][0]), &c, &err) == -RFE_INVALID, "%s",
                  refused[_i][0]);
    ck_assert_msg(strstr(err.msg, refused[_i][1]) == err.msg, "%s", err.msg);
    ck_assert_ptr_null(c);
}
END_TEST

START_TEST(over_the_cap)
{
    RF_CLEANUP(rf_freep) char *big = rf_xmalloc(RF_CONFIG_MAX + 1);
    memset(big, ' ', RF_CONFIG_MAX + 1);
    big[0] = '{';
    big[1] = '}';
    struct rf_config *c = NULL;
    ck_assert_int_eq(rf_config_parse(rf_slice_of(big, RF_CONFIG_MAX + 1), &c, NULL),
                     -RFE_TOO_LARGE);
    ck_assert_int_eq(rf_config_parse(rf_slice_of(big, RF_CONFIG_MAX), &c, NULL), 0);
    rf_config_free(c);
}
END_TEST

Suite *rf_config_suite(void);
Suite *rf_config_suite(void)
{
    Suite *s = suite_create("config");
    TCase *t = tcase_create("config");
    tcase_add_test(t, everything);
    tcase_add_test(t, nothing);
    tcase_add_test(t, before_1970);
    tcase_add_loop_test(t, refused_row, 0, (int)RF_ARRAY_LEN(refused));
    tcase_add_test(t, over_the_cap);
    suite_add_tcase(s, t);
    return s;
}
