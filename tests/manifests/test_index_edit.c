/* SPDX-License-Identifier: Apache-2.0 */
#include "manifests/index_edit.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define ENTRY(digest, rest) \
    "{\"mediaType\":\"" RF_MT_OCI_MANIFEST "\",\"digest\":\"" digest "\",\"size\":7" rest "}"
#define HEAD "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX "\","

static struct rf_manifest *parse(const char *text)
{
    struct rf_manifest *m = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_manifest_parse(rf_slice_str(text), NULL, &m, &err) == 0, "%s", err.msg);
    return m;
}

static struct rf_descriptor entry(const char *digest)
{
    struct rf_descriptor d = { .media_type = rf_xstrdup(RF_MT_OCI_MANIFEST), .size = 7 };
    ck_assert_int_eq(rf_digest_parse(rf_slice_str(digest), &d.digest, NULL), 0);
    return d;
}

static void check_body(const struct rf_index_edit *e, const char *want)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_index_edit_finish(e, &m, &err) == 0, "%s", err.msg);
    ck_assert_str_eq(m->body.ptr, want);
    struct rf_digest digest;
    rf_digest_of(RF_DIGEST_SHA256, rf_buf_slice(&m->body), &digest);
    ck_assert(rf_digest_eq(&digest, &m->digest));
}

START_TEST(fresh_in_order)
{
    RF_CLEANUP(rf_index_edit_freep) struct rf_index_edit *e = NULL;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = entry(D1);
    ck_assert_int_eq(rf_index_edit_new(RF_MT_OCI_INDEX, &e, NULL), 0);
    check_body(e, HEAD "\"manifests\":[]}");
    rf_index_edit_annotate(e, "b", "2");
    rf_index_edit_annotate(e, "a", "1");
    rf_index_edit_set_subject(e, &d);
    rf_index_edit_add(e, &d);
    rf_index_edit_set_artifact_type(e, "application/x");
    check_body(
        e,
        HEAD "\"artifactType\":\"application/x\",\"manifests\":[" ENTRY(
            D1, "") "],\"subject\":" ENTRY(D1, "") ",\"annotations\":{\"a\":\"1\",\"b\":\"2\"}}");
}
END_TEST

START_TEST(other_types)
{
    RF_CLEANUP(rf_index_edit_freep) struct rf_index_edit *e = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_index_edit_new(RF_MT_DOCKER_LIST, &e, NULL), 0);
    check_body(e, "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_DOCKER_LIST "\",\"manifests\":[]}");
    rf_index_edit_freep(&e);
    ck_assert_int_eq(rf_index_edit_new(RF_MT_OCI_MANIFEST, &e, &err), -RFE_UNSUPPORTED);
    ck_assert_str_eq(err.msg, "unsupported manifest media type: " RF_MT_OCI_MANIFEST);
    RF_CLEANUP(rf_manifest_freep)
    struct rf_manifest *image = parse(
        "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_MANIFEST "\",\"config\":{\"mediaType\":"
        "\"" RF_MT_OCI_CONFIG "\",\"digest\":\"" D1 "\",\"size\":2},\"layers\":[]}");
    ck_assert_int_eq(rf_index_edit_open(image, &e, &err), -RFE_UNSUPPORTED);
    ck_assert_ptr_null(e);
}
END_TEST

#define OLD                                                                         \
    "{\"x-own\":[1],\"schemaVersion\":2,\"annotations\":{\"z\":\"1\",\"a\":\"2\"}," \
    "\"mediaType\":\"" RF_MT_OCI_INDEX "\",\"manifests\":["

START_TEST(edited_keeps_the_rest)
{
    RF_CLEANUP(rf_manifest_freep)
    struct rf_manifest *m = parse(OLD ENTRY(
        D1, ",\"platform\":{\"architecture\":\"arm\",\"os\":\"linux\",\"variant\":\"v7\"}") "]}");
    RF_CLEANUP(rf_index_edit_freep) struct rf_index_edit *e = NULL;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = entry(D2);
    ck_assert_int_eq(rf_index_edit_open(m, &e, NULL), 0);
    rf_index_edit_add(e, &d);
    rf_index_edit_add(e, &d);
    check_body(
        e,
        OLD ENTRY(D1, ",\"platform\":{\"architecture\":\"arm\",\"os\":\"linux\",\"variant\":\"v7\"}") "," ENTRY(
            D2, "") "]}");
    /* The same digest with something else beside it is another entry. */
    d.artifact_type = rf_xstrdup("application/x");
    rf_index_edit_add(e, &d);
    struct rf_platform arm = RF_PLATFORM_INIT, intel = RF_PLATFORM_INIT;
    ck_assert_int_eq(rf_platform_parse("linux/arm", &arm, NULL), 0);
    ck_assert_int_eq(rf_platform_parse("linux/amd64", &intel, NULL), 0);
    ck_assert_uint_eq(rf_index_edit_remove_platform(e, &intel), 0);
    ck_assert_uint_eq(rf_index_edit_remove_platform(e, &arm), 1);
    ck_assert_uint_eq(rf_index_edit_remove_digest(e, &m->digest), 0);
    ck_assert_uint_eq(rf_index_edit_remove_digest(e, &d.digest), 2);
    check_body(e, OLD "]}");
    rf_platform_release(&arm);
    rf_platform_release(&intel);
}
END_TEST

START_TEST(too_large)
{
    RF_CLEANUP(rf_index_edit_freep) struct rf_index_edit *e = NULL;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    RF_CLEANUP(rf_freep) char *value = rf_xmalloc(RF_MANIFEST_PUSH_MAX + 1);
    struct rf_err err = RF_ERR_INIT;
    memset(value, 'x', RF_MANIFEST_PUSH_MAX);
    value[RF_MANIFEST_PUSH_MAX] = '\0';
    ck_assert_int_eq(rf_index_edit_new(RF_MT_OCI_INDEX, &e, NULL), 0);
    rf_index_edit_annotate(e, "k", value);
    ck_assert_int_eq(rf_index_edit_finish(e, &m, &err), -RFE_TOO_LARGE);
    ck_assert_ptr_null(m);
}
END_TEST

START_TEST(image_plan)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    RF_CLEANUP(rf_buf_release) struct rf_buf config;
    struct rf_platform arm = RF_PLATFORM_INIT;
    struct rf_err err = RF_ERR_INIT;
    json_t *labels = json_pack("{s:s,s:s}", "b", "2", "a", "1");
    ck_assert_int_eq(rf_platform_parse("linux/arm/v6", &arm, NULL), 0);
    struct rf_image_plan plan = { .media_type = RF_MT_OCI_MANIFEST };
    rf_buf_init(&config, 0);
    ck_assert_int_eq(rf_image_plan_build(&plan, &config, &m, &err), 0);
    ck_assert_str_eq(
        config.ptr,
        "{\"architecture\":\"\",\"os\":\"\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
    ck_assert_uint_eq(m->config.size, config.len);
    ck_assert_uint_eq(m->n_entries, 0);
    rf_manifest_freep(&m);
    rf_buf_clear(&config);
    plan = (struct rf_image_plan){ .media_type = RF_MT_DOCKER_MANIFEST,
                                   .created = "2024-01-02T03:04:05Z",
                                   .platform = &arm,
                                   .labels = labels,
                                   .annotations = labels };
    ck_assert_int_eq(rf_image_plan_build(&plan, &config, &m, &err), 0);
    ck_assert_str_eq(
        config.ptr,
        "{\"created\":\"2024-01-02T03:04:05Z\",\"architecture\":\"arm\",\"os\":\"linux\","
        "\"variant\":\"v6\",\"config\":{\"Labels\":{\"a\":\"1\",\"b\":\"2\"}},"
        "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
    ck_assert_str_eq(m->config.media_type, RF_MT_DOCKER_CONFIG);
    ck_assert_ptr_nonnull(
        strstr(m->body.ptr, "\"layers\":[],\"annotations\":{\"a\":\"1\",\"b\":\"2\"}}"));
    rf_manifest_freep(&m);
    plan.media_type = "text/plain";
    ck_assert_int_eq(rf_image_plan_build(&plan, &config, &m, &err), -RFE_UNSUPPORTED);
    json_decref(labels);
    rf_platform_release(&arm);
}
END_TEST

Suite *rf_index_edit_suite(void);
Suite *rf_index_edit_suite(void)
{
    Suite *s = suite_create("index_edit");
    TCase *t = tcase_create("index_edit");
    tcase_add_test(t, fresh_in_order);
    tcase_add_test(t, other_types);
    tcase_add_test(t, edited_keeps_the_rest);
    tcase_add_test(t, too_large);
    tcase_add_test(t, image_plan);
    suite_add_tcase(s, t);
    return s;
}
