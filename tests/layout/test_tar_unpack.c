/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/tar_unpack.h"

#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "layout/out_folder.h"
#include "tests/layout/helper_layout.h"

static const struct {
    const char *link;
    unsigned depth;
    bool stays;
} link_rows[] = {
    { "a", 0, true },     { "a/b", 0, true },       { "./a", 0, true },      { ".", 0, true },
    { "../a", 1, true },  { "../../a/b", 2, true }, { ".//../a", 1, true },  { "..", 1, true },
    { "/a", 5, false },   { "", 1, false },         { "..", 0, false },      { "../..", 1, false },
    { "a/..", 3, false }, { "../a/..", 3, false },  { "a/../..", 3, false }, { "..a", 0, true },
};

START_TEST(links_that_stay)
{
    ck_assert_msg(rf_tar_link_stays(link_rows[_i].link, link_rows[_i].depth) == link_rows[_i].stays,
                  "%s at %u", link_rows[_i].link, link_rows[_i].depth);
}
END_TEST

static int unpack(const struct tar_entry *entries, size_t n, struct rf_tar_unpack *u,
                  struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf tar;
    RF_CLEANUP(rf_closep) int root = -1;
    rf_buf_init(&tar, 0);
    for (size_t i = 0; i < n; i++)
        tar_add(&tar, &entries[i]);
    tar_end(&tar);
    ck_assert_int_eq(mkdir("out", 0755), 0);
    expect_ok(rf_out_folder_open("out", &root, err), *err);
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_mem(rf_buf_slice(&tar));
    u->packed = tar.len;
    return rf_tar_unpack(src, "t", root, u, err);
}

#define FILE_OF(path, text)                                               \
    {                                                                     \
        .name = path, .type = '0', .data = text, .size = sizeof(text) - 1 \
    }

static const struct {
    struct tar_entry entries[3];
    size_t n;
    const char *refused; /* of the message; NULL: taken */
    const char *file, *text;
} rows[] = {
    { { FILE_OF("a/b", "1") }, 1, NULL, "out/a/b", "1" },
    { { FILE_OF("../../x", "1") }, 1, NULL, "out/x", "1" },
    { { FILE_OF("/x", "1") }, 1, NULL, "out/x", "1" },
    { { FILE_OF("x", "1"), FILE_OF("./x", "2") }, 2, NULL, "out/x", "2" },
    { { FILE_OF("x", "1"), { .name = "y", .type = '1', .link = "x" } }, 2, NULL, "out/y", "1" },
    { { FILE_OF("d/x", "1"), { .name = "d/y", .type = '2', .link = "x" } },
      2,
      NULL,
      "out/d/y",
      "1" },
    /* what a link replaces, or what replaces a link, is never written through it */
    { { { .name = "x", .type = '2', .link = "y" }, FILE_OF("x", "1") }, 2, NULL, "out/x", "1" },
    { { FILE_OF("x", "1"), { .name = "y", .type = '1', .link = "x" }, FILE_OF("y", "2") },
      3,
      NULL,
      "out/x",
      "1" },
    { { { .name = "x", .type = '2', .link = "/etc" } }, 1, "could lead out", NULL, NULL },
    { { { .name = "x", .type = '2', .link = ".." } }, 1, "could lead out", NULL, NULL },
    { { { .name = "d", .type = '2', .link = "e" }, FILE_OF("d/x", "1") },
      2,
      "other than a folder",
      NULL,
      NULL },
    { { { .name = "x", .type = '1', .link = "../../etc/passwd" } },
      1,
      "could lead out",
      NULL,
      NULL },
    { { { .name = "l", .type = '2', .link = "f" }, { .name = "h", .type = '1', .link = "l" } },
      2,
      "could lead out",
      NULL,
      NULL },
    { { FILE_OF("a\nb", "1") }, 1, "control characters", NULL, NULL },
    { { FILE_OF("..", "1") }, 1, "without a name", NULL, NULL },
    { { FILE_OF("d/x", "1"), FILE_OF("d", "1") }, 2, "d", NULL, NULL },
};

START_TEST(members)
{
    struct rf_tar_unpack u = { .packed = 0 };
    struct rf_err err = RF_ERR_INIT;
    int rc = unpack(rows[_i].entries, rows[_i].n, &u, &err);
    if (rows[_i].refused != NULL) {
        ck_assert_msg(rc < 0, "row %d is taken", _i);
        ck_assert_msg(strstr(err.msg, rows[_i].refused) != NULL, "row %d: %s", _i, err.msg);
    } else {
        ck_assert_msg(rc == 0, "row %d: %s", _i, err.msg);
        ck_assert_msg(file_is(rows[_i].file, rows[_i].text), "row %d: %s", _i, rows[_i].file);
    }
    ck_assert(!is_there("x") && !is_there("e"));
}
END_TEST

START_TEST(modes_and_devices)
{
    static const struct tar_entry entries[] = {
        { .name = "null", .type = '3' },
        { .name = "pipe", .type = '6' },
        FILE_OF("x", "1"),
    };
    struct rf_tar_unpack u = { .packed = 0 };
    struct rf_err err = RF_ERR_INIT;
    struct stat st;
    expect_ok(unpack(entries, RF_ARRAY_LEN(entries), &u, &err), err);
    ck_assert_uint_eq(u.left_out, 2);
    ck_assert(!is_there("out/null") && !is_there("out/pipe"));
    ck_assert_int_eq(stat("out/x", &st), 0);
    ck_assert_uint_eq(st.st_mode & 07000, 0);
}
END_TEST

START_TEST(bounded)
{
    static const struct tar_entry entries[] = { FILE_OF("x", "12345"), FILE_OF("y", "12345") };
    struct rf_tar_unpack u = { .max = 9 };
    struct rf_err err = RF_ERR_INIT;
    expect_error(unpack(entries, RF_ARRAY_LEN(entries), &u, &err), RFE_TOO_LARGE, err,
                 "unpack to more than 9");
}
END_TEST

Suite *rf_tar_unpack_suite(void);
Suite *rf_tar_unpack_suite(void)
{
    Suite *s = suite_create("tar_unpack");
    TCase *t = tcase_create("tar_unpack");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    tcase_add_loop_test(t, links_that_stay, 0, (int)RF_ARRAY_LEN(link_rows));
    tcase_add_loop_test(t, members, 0, (int)RF_ARRAY_LEN(rows));
    tcase_add_test(t, modes_and_devices);
    tcase_add_test(t, bounded);
    suite_add_tcase(s, t);
    return s;
}
