/* SPDX-License-Identifier: Apache-2.0 */
#include "base/spool.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"

/* Pieces of an odd size, so that the limit of the memory falls into one. */
static void fill(struct rf_spool *s, size_t size, char *bytes)
{
    struct rf_err err = RF_ERR_INIT;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(i * 31 + i / 251);
    for (size_t at = 0; at < size;) {
        size_t n = size - at < 77777 ? size - at : 77777;
        ck_assert_int_eq(rf_sink_write(rf_spool_sink(s), bytes + at, n, &err), 0);
        at += n;
    }
    ck_assert_int_eq(rf_sink_commit(rf_spool_sink(s), &err), 0);
}

static void expect_bytes(struct rf_spool *s, const char *bytes, size_t size)
{
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf got;
    rf_buf_init(&got, 0);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(&got);
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_spool_source(s);
    ck_assert_int_eq(rf_stream_copy(src, sink, NULL, &err), 0);
    ck_assert_uint_eq(got.len, size);
    ck_assert(size == 0 || memcmp(got.ptr, bytes, size) == 0);
    ck_assert(rf_source_can_seek(src));
}

static const size_t sizes[] = { 0, 1, RF_SPOOL_MEMORY, RF_SPOOL_MEMORY + 1, 3 * RF_SPOOL_MEMORY };

START_TEST(kept)
{
    size_t size = sizes[_i];
    RF_CLEANUP(rf_freep) char *bytes = rf_xmalloc(size + 1);
    RF_CLEANUP(rf_spool_freep) struct rf_spool *s = rf_spool_new(RF_DIGEST_SHA256);
    struct rf_digest want;
    fill(s, size, bytes);
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_of(bytes, size), &want);
    ck_assert(rf_digest_eq(&want, rf_spool_digest(s)));
    ck_assert_uint_eq(rf_spool_size(s), size);
    expect_bytes(s, bytes, size);
    expect_bytes(s, bytes, size);
}
END_TEST

START_TEST(no_folder)
{
    RF_CLEANUP(rf_freep) char *bytes = rf_xcalloc(1, RF_SPOOL_MEMORY + 1);
    RF_CLEANUP(rf_spool_freep) struct rf_spool *s = rf_spool_new(RF_DIGEST_SHA512);
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(setenv("TMPDIR", "/no/such/folder", 1), 0);
    ck_assert_int_eq(rf_sink_write(rf_spool_sink(s), bytes, 10, &err), 0);
    ck_assert_int_lt(rf_sink_write(rf_spool_sink(s), bytes, RF_SPOOL_MEMORY + 1, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.msg, "/no/such/folder"));
}
END_TEST

Suite *rf_spool_suite(void);
Suite *rf_spool_suite(void)
{
    Suite *s = suite_create("spool");
    TCase *t = tcase_create("spool");
    tcase_add_loop_test(t, kept, 0, (int)RF_ARRAY_LEN(sizes));
    tcase_add_test(t, no_folder);
    suite_add_tcase(s, t);
    return s;
}
