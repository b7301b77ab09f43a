/* SPDX-License-Identifier: Apache-2.0 */
#include "manifests/descriptor.h"

#include <check.h>

#include "base/mem.h"

#define HEX64 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define BASE "\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX64 "\""

static int from_json(const char *text, struct rf_descriptor *out, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    ck_assert_int_eq(rf_json_parse(rf_slice_str(text), 65536, &doc, NULL), 0);
    return rf_descriptor_from_json(doc, "layers[3]", out, err);
}

static const char full[] =
    "{" BASE ",\"size\":7,\"urls\":[\"https://x/1\",\"https://x/2\"],"
    "\"annotations\":{\"z\":\"1\",\"a\":\"\\\"q\\\"\"},"
    "\"platform\":{\"architecture\":\"arm\",\"os\":\"linux\",\"os.version\":\"1\","
    "\"os.features\":[\"f\"],\"variant\":\"v7\"},\"artifactType\":\"c/d\"}";

START_TEST(json_round_trip)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor copy = RF_DESCRIPTOR_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 0);
    ck_assert_int_eq(from_json(full, &d, NULL), 0);
    rf_descriptor_add_json(&out, &d);
    ck_assert_str_eq(out.ptr, full);
    rf_descriptor_copy(&d, &copy);
    rf_descriptor_release(&d);
    rf_buf_clear(&out);
    rf_descriptor_add_json(&out, &copy);
    ck_assert_str_eq(out.ptr, full);
    ck_assert_str_eq(rf_descriptor_annotation(&copy, "z"), "1");
    ck_assert_ptr_null(rf_descriptor_annotation(&copy, "y"));
    ck_assert_ptr_null(rf_descriptor_annotation(&d, "z"));
    ck_assert_uint_eq(d.size, 0);
}
END_TEST

START_TEST(least)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 0);
    ck_assert_int_eq(from_json("{\"digest\":\"sha256:" HEX64 "\",\"size\":0}", &d, NULL), 0);
    ck_assert_ptr_null(d.media_type);
    ck_assert_ptr_null(d.platform);
    ck_assert_ptr_null(d.annotations);
    rf_descriptor_add_json(&out, &d);
    ck_assert_str_eq(out.ptr, "{\"digest\":\"sha256:" HEX64 "\",\"size\":0}");
}
END_TEST

START_TEST(embedded_data)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    /* The empty text, "{}" and three bytes. */
    ck_assert_int_eq(from_json("{" BASE ",\"size\":0,\"data\":\"\"}", &d, NULL), 0);
    rf_descriptor_release(&d);
    ck_assert_int_eq(
        from_json("{\"digest\":\"sha256:"
                  "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2,"
                  "\"data\":\"e30=\"}",
                  &d, NULL),
        0);
    rf_descriptor_release(&d);
    ck_assert_int_eq(
        from_json("{\"digest\":\"sha256:"
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\",\"size\":3,"
                  "\"data\":\"YWJj\"}",
                  &d, NULL),
        0);
}
END_TEST

static const struct {
    const char *json;
    int code;
    const char *msg;
} refused[] = {
    { "[]", RFE_INVALID, "layers[3]: not an object" },
    { "{}", RFE_INVALID, "layers[3].digest: missing" },
    { "{" BASE "}", RFE_INVALID, "layers[3].size: missing" },
    { "{" BASE ",\"size\":\"1\"}", RFE_INVALID, "layers[3].size: not an integer" },
    { "{" BASE ",\"size\":-1}", RFE_INVALID, "layers[3].size: negative" },
    { "{\"digest\":\"sha256:00\",\"size\":1}", RFE_INVALID, "layers[3].digest: " },
    { "{\"digest\":7,\"size\":1}", RFE_INVALID, "layers[3].digest: not a string" },
    { "{\"mediaType\":\"a b\"}", RFE_INVALID, "layers[3].mediaType: not a media type: \"a b\"" },
    { "{" BASE ",\"size\":1,\"annotations\":{\"k\":3}}", RFE_INVALID,
      "layers[3].annotations[\"k\"]: not a string" },
    { "{" BASE ",\"size\":1,\"urls\":[null]}", RFE_INVALID, "layers[3].urls[0]: not a URL" },
    { "{" BASE ",\"size\":1,\"platform\":[]}", RFE_INVALID, "layers[3].platform: not an object" },
    { "{" BASE ",\"size\":1,\"platform\":{\"OS\":\"x\"}}", RFE_AMBIGUOUS,
      "layers[3].platform: \"OS\" differs only in case from \"os\"" },
    { "{" BASE ",\"Size\":1}", RFE_AMBIGUOUS,
      "layers[3]: \"Size\" differs only in case from \"size\"" },
    { "{" BASE ",\"size\":0,\"data\":\"A\"}", RFE_INVALID, "layers[3].data: not base64" },
    { "{" BASE ",\"size\":0,\"data\":\"A===\"}", RFE_INVALID, "layers[3].data: not base64" },
    { "{" BASE ",\"size\":0,\"data\":\"AA=A\"}", RFE_INVALID, "layers[3].data: not base64" },
    { "{" BASE ",\"size\":0,\"data\":\"AA==AA==\"}", RFE_INVALID, "layers[3].data: not base64" },
    { "{" BASE ",\"size\":0,\"data\":\"AB==\"}", RFE_INVALID, "layers[3].data: not base64" },
    { "{" BASE ",\"size\":0,\"data\":\"AA\\n=\"}", RFE_INVALID, "layers[3].data: not base64" },
    { "{" BASE ",\"size\":1,\"data\":\"\"}", RFE_SIZE_MISMATCH,
      "layers[3].data: 0 bytes, the descriptor says 1" },
    { "{" BASE ",\"size\":1,\"data\":\"AA==\"}", RFE_DIGEST_MISMATCH,
      "layers[3].data: content is" },
};

START_TEST(refused_row)
{
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(from_json(refused[_i].json, &d, &err) == -refused[_i].code, "%s: %s",
                  refused[_i].json, err.msg);
    ck_assert_msg(strstr(err.msg, refused[_i].msg) == err.msg, "\"%s\" is not \"%s\"", err.msg,
                  refused[_i].msg);
    ck_assert_int_eq(err.code, refused[_i].code);
    ck_assert_ptr_null(d.media_type);
    /* Without an error object it is refused the same. */
    ck_assert_int_eq(from_json(refused[_i].json, &d, NULL), -refused[_i].code);
}
END_TEST

START_TEST(too_many_urls)
{
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    rf_buf_add_str(&text, "{" BASE ",\"size\":1,\"urls\":[\"u\"");
    for (int i = 0; i < 1000; i++)
        rf_buf_add_str(&text, ",\"u\"");
    rf_buf_add_str(&text, "]}");
    ck_assert_int_eq(from_json(text.ptr, &d, NULL), -RFE_TOO_LARGE);
}
END_TEST

Suite *rf_descriptor_suite(void);
Suite *rf_descriptor_suite(void)
{
    Suite *s = suite_create("descriptor");
    TCase *t = tcase_create("descriptor");
    tcase_add_test(t, json_round_trip);
    tcase_add_test(t, least);
    tcase_add_test(t, embedded_data);
    tcase_add_loop_test(t, refused_row, 0, (int)RF_ARRAY_LEN(refused));
    tcase_add_test(t, too_many_urls);
    suite_add_tcase(s, t);
    return s;
}
