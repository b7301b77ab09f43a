/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/out_folder.h"

#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/layout/helper_layout.h"

static int open_out(void)
{
    struct rf_err err = RF_ERR_INIT;
    int fd = -1;
    ck_assert(mkdir("out", 0755) == 0 || is_there("out"));
    expect_ok(rf_out_folder_open("out", &fd, &err), err);
    return fd;
}

static int write_below(int root, const char *path, const char *text, struct rf_err *err)
{
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = NULL;
    int rc = rf_out_folder_file(root, path, &sink, err);
    if (rc == 0)
        rc = rf_sink_write(sink, text, strlen(text), err);
    return rc < 0 ? rc : rf_sink_commit(sink, err);
}

START_TEST(files)
{
    RF_CLEANUP(rf_closep) int root = open_out();
    struct rf_err err = RF_ERR_INIT;
    expect_ok(write_below(root, "a", "1", &err), err);
    expect_ok(write_below(root, "x/y/z", "2", &err), err);
    expect_ok(write_below(root, "a", "3", &err), err);
    ck_assert(file_is("out/a", "3") && file_is("out/x/y/z", "2"));
    ck_assert_int_lt(write_below(root, "x/y", "4", &err), 0);
    expect_error(write_below(root, "a/b", "5", &err), RFE_INVALID, err, "other than a folder");
}
END_TEST

/* A link that somebody else left there is replaced as a last part, and refused on the way. */
START_TEST(links)
{
    RF_CLEANUP(rf_closep) int root = open_out();
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(mkdir("elsewhere", 0755), 0);
    write_text("elsewhere/file", "old");
    ck_assert_int_eq(symlink("../elsewhere", "out/folder"), 0);
    ck_assert_int_eq(symlink("../elsewhere/file", "out/link"), 0);
    expect_error(write_below(root, "folder/file", "new", &err), RFE_INVALID, err,
                 "other than a folder");
    expect_ok(write_below(root, "link", "new", &err), err);
    ck_assert(file_is("elsewhere/file", "old") && file_is("out/link", "new"));
}
END_TEST

START_TEST(names)
{
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_out_folder_check("caf\xc3\xa9 x", &err), err);
    expect_error(rf_out_folder_check("a\nb", &err), RFE_INVALID, err, "a\\x0ab");
    expect_error(rf_out_folder_check("a\x7f", &err), RFE_INVALID, err, "control");
}
END_TEST

START_TEST(moved)
{
    RF_CLEANUP(rf_closep) int root = open_out();
    RF_CLEANUP(rf_closep) int from = -1;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(write_below(root, "both/old", "old", &err), err);
    expect_ok(write_below(root, "both/same", "old", &err), err);
    expect_ok(rf_out_folder_below(root, "new", true, &from, &err), err);
    expect_ok(write_below(from, "both/same", "new", &err), err);
    expect_ok(write_below(from, "both/deep/er", "new", &err), err);
    expect_ok(write_below(from, "top", "new", &err), err);
    expect_ok(rf_out_folder_move(from, root, &err), err);
    expect_ok(rf_out_folder_remove(root, "new", &err), err);
    ck_assert(!is_there("out/new") && file_is("out/top", "new"));
    ck_assert(file_is("out/both/old", "old") && file_is("out/both/same", "new") &&
              file_is("out/both/deep/er", "new"));
}
END_TEST

START_TEST(removed)
{
    RF_CLEANUP(rf_closep) int root = open_out();
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(mkdir("elsewhere", 0755), 0);
    write_text("elsewhere/file", "stays");
    expect_ok(write_below(root, "tree/a/b", "1", &err), err);
    ck_assert_int_eq(symlink("../../elsewhere", "out/tree/link"), 0);
    expect_ok(rf_out_folder_remove(root, "tree", &err), err);
    expect_ok(rf_out_folder_remove(root, "tree", &err), err);
    ck_assert(!is_there("out/tree") && file_is("elsewhere/file", "stays"));
}
END_TEST

Suite *rf_out_folder_suite(void);
Suite *rf_out_folder_suite(void)
{
    Suite *s = suite_create("out_folder");
    TCase *t = tcase_create("out_folder");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    tcase_add_test(t, files);
    tcase_add_test(t, links);
    tcase_add_test(t, names);
    tcase_add_test(t, moved);
    tcase_add_test(t, removed);
    suite_add_tcase(s, t);
    return s;
}
