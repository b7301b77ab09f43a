/* SPDX-License-Identifier: Apache-2.0 */
#include "manifests/media_type.h"

#include <check.h>

#include "base/mem.h"

START_TEST(kinds)
{
    ck_assert_int_eq(rf_media_kind(RF_MT_OCI_INDEX), RF_KIND_INDEX);
    ck_assert_int_eq(rf_media_kind(RF_MT_DOCKER_LIST), RF_KIND_INDEX);
    ck_assert_int_eq(rf_media_kind(RF_MT_OCI_MANIFEST), RF_KIND_IMAGE);
    ck_assert_int_eq(rf_media_kind(RF_MT_DOCKER_MANIFEST), RF_KIND_IMAGE);
    ck_assert_int_eq(rf_media_kind(RF_MT_DOCKER_V1), RF_KIND_LEGACY);
    ck_assert_int_eq(rf_media_kind(RF_MT_DOCKER_V1_SIGNED), RF_KIND_LEGACY);
    ck_assert_int_eq(rf_media_kind(RF_MT_OCI_ARTIFACT), RF_KIND_LEGACY);
    ck_assert_int_eq(rf_media_kind(RF_MT_OCI_CONFIG), RF_KIND_OTHER);
    ck_assert_int_eq(rf_media_kind(RF_MT_OCI_INDEX "x"), RF_KIND_OTHER);
    ck_assert_int_eq(rf_media_kind("application/vnd.oci.image.INDEX.v1+json"), RF_KIND_OTHER);
    ck_assert_int_eq(rf_media_kind(""), RF_KIND_OTHER);
    ck_assert_int_eq(rf_media_kind(NULL), RF_KIND_OTHER);
    ck_assert(rf_media_is_manifest(RF_MT_DOCKER_LIST));
    ck_assert(!rf_media_is_manifest(RF_MT_DOCKER_V1));
    ck_assert(!rf_media_is_manifest(NULL));
}
END_TEST

START_TEST(families)
{
    ck_assert(rf_media_is_docker(RF_MT_DOCKER_LAYER_FOREIGN));
    ck_assert(!rf_media_is_docker(RF_MT_OCI_LAYER));
    ck_assert(!rf_media_is_docker(NULL));
    ck_assert(rf_media_is_config(RF_MT_OCI_CONFIG));
    ck_assert(rf_media_is_config(RF_MT_DOCKER_CONFIG));
    ck_assert(!rf_media_is_config(RF_MT_OCI_EMPTY));
    ck_assert(!rf_media_is_config(NULL));
}
END_TEST

START_TEST(valid_names)
{
    static const char *const good[] = { "a/b", "application/vnd.oci.image.layer.v1.tar+gzip",
                                        "text/plain", "X-1/a!#$&^_.+-b", "0/9" };
    static const char *const bad[] = { "",      "a",     "/b",      "a/",   "a//b",   "a/b/c",
                                       "a /b",  "a/b;c", "a/b\r\n", "-a/b", "a/.b",   "a/\xc3\xa4",
                                       "a/b c", "a/b,c", "a/(b)",   "*/*",  "a/b\x01" };
    for (size_t i = 0; i < RF_ARRAY_LEN(good); i++)
        ck_assert_msg(rf_media_valid(rf_slice_str(good[i])), "%s", good[i]);
    for (size_t i = 0; i < RF_ARRAY_LEN(bad); i++)
        ck_assert_msg(!rf_media_valid(rf_slice_str(bad[i])), "%s", bad[i]);
    ck_assert(!rf_media_valid(rf_slice_of("a/b\0c", 5)));
    ck_assert(!rf_media_valid(rf_slice_of(NULL, 0)));
}
END_TEST

START_TEST(name_length)
{
    char text[300];
    memset(text, 'a', sizeof(text));
    text[127] = '/';
    ck_assert(rf_media_valid(rf_slice_of(text, 255))); /* 127 + "/" + 127 */
    ck_assert(!rf_media_valid(rf_slice_of(text, 256)));
    text[127] = 'a';
    text[128] = '/';
    ck_assert(!rf_media_valid(rf_slice_of(text, 200)));
}
END_TEST

START_TEST(content_type)
{
    char out[256];
    ck_assert_str_eq(rf_media_base("Application/JSON; charset=utf-8", out), "application/json");
    ck_assert_str_eq(rf_media_base("  text/plain \t", out), "text/plain");
    ck_assert_str_eq(rf_media_base(" a/b ;c", out), "a/b");
    ck_assert_str_eq(rf_media_base(";", out), "");
    ck_assert_str_eq(rf_media_base("", out), "");
    ck_assert_str_eq(rf_media_base(NULL, out), "");
    char text[400];
    memset(text, 'a', sizeof(text));
    text[1] = '/';
    text[255] = '\0';
    ck_assert_str_eq(rf_media_base(text, out), text);
    text[255] = 'a';
    text[256] = '\0';
    /* A type cut to fit would be another valid type. */
    ck_assert(!rf_media_valid(rf_slice_str(rf_media_base(text, out))));
}
END_TEST

Suite *rf_media_type_suite(void);
Suite *rf_media_type_suite(void)
{
    Suite *s = suite_create("media_type");
    TCase *t = tcase_create("media_type");
    tcase_add_test(t, kinds);
    tcase_add_test(t, families);
    tcase_add_test(t, valid_names);
    tcase_add_test(t, name_length);
    tcase_add_test(t, content_type);
    suite_add_tcase(s, t);
    return s;
}
