/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/blob_stream.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "regclient/blob_put.h"
#include "regclient/layer_file.h"
#include "tests/regclient/helper_home.h"
#include "tests/regclient/helper_registry.h"
#include "tests/regclient/helper_tar.h"

/* More than the buffer in between. */
#define SIZE 700000u

static int read_all(struct rf_source *src, struct rf_buf *out, struct rf_err *err)
{
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(out);
    return rf_stream_copy(src, sink, NULL, err);
}

static int stream(const char *profile, size_t size, struct rf_buf *got, struct rf_err *err)
{
    RF_CLEANUP(test_registry_stopp)
    struct test_registry *r = test_registry_start(profile, NULL);
    RF_CLEANUP(rf_source_freep) struct rf_source *src = NULL;
    struct rf_digest d;
    test_registry_blob(r, "a/b", 1, size, &d);
    int rc = rf_blob_stream_open(r->place, "a/b", &d, size, &src, err);
    if (rc == 0)
        rc = read_all(src, got, err);
    return rc < 0 ? rc : rf_blob_stream_prove(src, err);
}

static const struct {
    const char *profile;
    size_t size;
    int code;
} rows[] = {
    { "plain", SIZE, 0 },
    { "plain", 1, 0 },
    { "plain", 0, 0 },
    { "reset-mid-blob", SIZE, 0 },
    { "lie-blob-bytes", SIZE, RFE_DIGEST_MISMATCH },
    { "lie-blob-short", SIZE, RFE_SIZE_MISMATCH },
    { "lie-blob-long", SIZE, RFE_SIZE_MISMATCH },
    { "blob-missing", SIZE, RFE_NOT_FOUND },
};

START_TEST(of_a_registry)
{
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf got;
    rf_buf_init(&got, 0);
    int rc = stream(rows[_i].profile, rows[_i].size, &got, &err);
    ck_assert_msg(rc == -rows[_i].code, "%s: %s: %s", rows[_i].profile, rf_error_name(rc), err.msg);
    if (rc < 0) {
        ck_assert_uint_lt(got.len, SIZE); /* the end is held back */
        return;
    }
    RF_CLEANUP(rf_freep) char *want = test_bytes(1, rows[_i].size);
    ck_assert_uint_eq(got.len, rows[_i].size);
    ck_assert(memcmp(got.ptr, want, got.len) == 0);
}
END_TEST

/* Whoever has seen enough leaves: the transfer ends with it. */
START_TEST(left_early)
{
    RF_CLEANUP(test_registry_stopp)
    struct test_registry *r = test_registry_start("slow-drip", NULL);
    struct rf_err err = RF_ERR_INIT;
    struct rf_source *src = NULL;
    struct rf_digest d;
    char c;
    test_registry_blob(r, "a/b", 1, SIZE, &d);
    ck_assert_int_eq(rf_blob_stream_open(r->place, "a/b", &d, SIZE, &src, &err), 0);
    rf_source_free(src);
    ck_assert_int_eq(rf_blob_stream_open(r->place, "a/b", &d, SIZE, &src, &err), 0);
    ck_assert_int_eq(rf_source_read(src, &c, 1, &err), 1);
    rf_source_free(src);
}
END_TEST

START_TEST(of_a_layout)
{
    RF_CLEANUP(rf_place_freep) struct rf_place *p = tars_layout("l");
    RF_CLEANUP(rf_source_freep) struct rf_source *src = NULL;
    RF_CLEANUP(rf_buf_release) struct rf_buf got;
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest d = tars_digest("text"), none = tars_digest("none");
    uint64_t size = 0;
    rf_buf_init(&got, 0);
    tars_put_blob(p, "text");
    ck_assert_int_eq(rf_place_blob_size(p, "", &d, &size, &err), 0);
    ck_assert_uint_eq(size, 4);
    ck_assert_int_eq(rf_place_blob_size(p, "", &none, &size, &err), -RFE_NOT_FOUND);
    ck_assert_int_eq(rf_blob_stream_open(p, "", &d, 4, &src, &err), 0);
    ck_assert_int_eq(read_all(src, &got, &err), 0);
    ck_assert_str_eq(got.ptr, "text");
    ck_assert_int_lt(rf_blob_stream_open(p, "", &none, 4, &src, &err), 0);
}
END_TEST

/* What is found counts only when the whole layer is right: the content was written, the answer is a failure. */
START_TEST(file_of_a_wrong_layer)
{
    RF_CLEANUP(rf_place_freep) struct rf_place *p = tars_layout("l");
    RF_CLEANUP(rf_buf_release) struct rf_buf tar, content;
    struct rf_err err = RF_ERR_INIT;
    struct rf_layer_entry entry = { 0 };
    rf_buf_init(&tar, 0);
    rf_buf_init(&content, 0);
    tars_file(&tar, "etc/motd", "hello");
    tars_end(&tar);
    struct rf_blob_put put = { .place = p, .repo = "" };
    ck_assert_int_eq(rf_blob_put_bytes(&put, rf_buf_slice(&tar), &err), 0);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(&content);
    ck_assert_int_eq(rf_layer_file(p, "", &put.digest, put.size, "/etc/motd", &entry, sink, &err),
                     0);
    ck_assert_str_eq(content.ptr, "hello");
    rf_layer_entry_release(&entry);
    char hex[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_freep)
    char *path = rf_xasprintf("l/blobs/sha256/%s", rf_digest_hex(&put.digest, hex));
    tar.ptr[tar.len - 1] = 'x'; /* behind the member that is looked for */
    tars_write(path, rf_buf_slice(&tar));
    RF_CLEANUP(rf_sink_freep) struct rf_sink *again = rf_sink_buf(&content);
    ck_assert_int_eq(rf_layer_file(p, "", &put.digest, put.size, "/etc/motd", &entry, again, &err),
                     -RFE_DIGEST_MISMATCH);
    ck_assert_ptr_null(entry.name);
}
END_TEST

Suite *rf_blob_stream_suite(void);
Suite *rf_blob_stream_suite(void)
{
    Suite *s = suite_create("blob_stream");
    TCase *t = tcase_create("blob_stream");
    tcase_add_checked_fixture(t, home_setup, home_teardown);
    tcase_add_loop_test(t, of_a_registry, 0, (int)RF_ARRAY_LEN(rows));
    tcase_add_test(t, left_early);
    tcase_add_test(t, of_a_layout);
    tcase_add_test(t, file_of_a_wrong_layer);
    suite_add_tcase(s, t);
    return s;
}
