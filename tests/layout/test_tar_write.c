/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/tar_write.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <check.h>

#include "base/mem.h"
#include "layout/tar_index.h"
#include "tests/layout/helper_layout.h"

Suite *rf_tar_write_suite(void);

#define OUT                                            \
    RF_CLEANUP(rf_buf_release) struct rf_buf out;      \
    rf_buf_init(&out, 0);                              \
    RF_CLEANUP(rf_sink_freep)                          \
    struct rf_sink *sink = rf_sink_buf(&out);          \
    RF_CLEANUP(rf_tar_writer_freep)                    \
    struct rf_tar_writer *w = rf_tar_writer_new(sink); \
    struct rf_err err = RF_ERR_INIT

START_TEST(members_stand_where_they_were_written)
{
    OUT;
    RF_CLEANUP(rf_sink_freep) struct rf_sink *m = NULL;
    expect_ok(rf_tar_writer_file(w, "first", rf_slice_str("one"), &err), err);
    expect_ok(rf_tar_writer_folder(w, "a/b", &err), err);
    expect_ok(rf_tar_writer_member(w, "a/b/second", 600, &m, &err), err);
    char bytes[600];
    memset(bytes, 'x', sizeof(bytes));
    expect_ok(rf_sink_write(m, bytes, 100, &err), err);
    expect_ok(rf_sink_write(m, bytes, 500, &err), err);
    expect_ok(rf_sink_commit(m, &err), err);
    expect_ok(rf_tar_writer_file(w, "empty", rf_slice_str(""), &err), err);
    expect_ok(rf_tar_writer_finish(w, &err), err);
    /* header + content, two folders, header + two blocks, header, end */
    ck_assert_uint_eq(out.len, 1024 + 1024 + 512 + 1024 + 512 + RF_TAR_END);
    ck_assert_int_eq(memcmp(out.ptr + 512, "one", 4), 0);
    ck_assert_str_eq(out.ptr + 1024, "a/");
    ck_assert_str_eq(out.ptr + 1536, "a/b/");
    ck_assert_int_eq(out.ptr[1024 + 156], '5');
    ck_assert_int_eq(memcmp(out.ptr + 1024 + 100, "000755 ", 7), 0);
    ck_assert_str_eq(out.ptr + 2048, "a/b/second");
    ck_assert_int_eq(memcmp(out.ptr + 2560, bytes, 600), 0);
    for (size_t i = 2560 + 600; i < 2560 + 1024; i++)
        ck_assert_int_eq(out.ptr[i], 0);
    write_file("t.tar", rf_buf_slice(&out));
    /* And our own strict reader takes it. */
    struct rf_tar_index *t = NULL;
    int fd = open("t.tar", O_RDONLY | O_CLOEXEC);
    expect_ok(rf_tar_index_new(fd, "t.tar", 10, &t, &err), err);
    ck_assert_uint_eq(rf_tar_index_count(t), 3);
    ck_assert_uint_eq(rf_tar_index_find(t, "a/b/second")->offset, 2560);
    rf_tar_index_free(t);
    (void)close(fd);
}
END_TEST

START_TEST(a_folder_is_written_once)
{
    OUT;
    expect_ok(rf_tar_writer_folder(w, "blobs/sha256", &err), err);
    expect_ok(rf_tar_writer_folder(w, "blobs/sha256/", &err), err);
    expect_ok(rf_tar_writer_folder(w, "blobs/sha512", &err), err);
    ck_assert_uint_eq(out.len, 3 * 512);
    ck_assert_str_eq(out.ptr + 1024, "blobs/sha512/");
}
END_TEST

START_TEST(a_member_takes_exactly_its_bytes)
{
    OUT;
    struct rf_sink *m = NULL;
    expect_ok(rf_tar_writer_member(w, "m", 3, &m, &err), err);
    size_t before = out.len;
    expect_error(rf_sink_write(m, "four", 4, &err), RFE_SIZE_MISMATCH, err,
                 "more than the 3 bytes");
    ck_assert_uint_eq(out.len, before);
    rf_sink_free(m);
    /* It is not whole, so nothing may follow. */
    expect_error(rf_tar_writer_file(w, "n", rf_slice_str("x"), &err), RFE_FAILED, err, "not whole");
    expect_error(rf_tar_writer_finish(w, &err), RFE_FAILED, err, "not whole");
    expect_error(rf_tar_writer_folder(w, "f", &err), RFE_FAILED, err, "not whole");
    ck_assert_uint_eq(out.len, before);
}
END_TEST

START_TEST(too_few_bytes_fail_at_the_commit)
{
    OUT;
    struct rf_sink *m = NULL;
    expect_ok(rf_tar_writer_member(w, "m", 3, &m, &err), err);
    expect_ok(rf_sink_write(m, "ab", 2, &err), err);
    expect_error(rf_sink_commit(m, &err), RFE_SIZE_MISMATCH, err, "want 3 bytes, got 2");
    rf_sink_free(m);
    expect_error(rf_tar_writer_finish(w, &err), RFE_FAILED, err, "not whole");
}
END_TEST

START_TEST(what_the_sink_refuses_is_told)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf small;
    rf_buf_init(&small, 700);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(&small);
    RF_CLEANUP(rf_tar_writer_freep) struct rf_tar_writer *w = rf_tar_writer_new(sink);
    struct rf_err err = RF_ERR_INIT;
    char bytes[300] = { 0 };
    expect_error(rf_tar_writer_file(w, "m", rf_slice_of(bytes, sizeof(bytes)), &err), RFE_TOO_LARGE,
                 err, "more than 700");
}
END_TEST

Suite *rf_tar_write_suite(void)
{
    Suite *s = suite_create("tar_write");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, work_setup, work_teardown);
    tcase_add_test(all, members_stand_where_they_were_written);
    tcase_add_test(all, a_folder_is_written_once);
    tcase_add_test(all, a_member_takes_exactly_its_bytes);
    tcase_add_test(all, too_few_bytes_fail_at_the_commit);
    tcase_add_test(all, what_the_sink_refuses_is_told);
    suite_add_tcase(s, all);
    return s;
}
