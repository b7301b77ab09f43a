/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/layer_tar.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/layout/helper_layout.h"

static const struct {
    const char *path, *want;
} clean[] = {
    { "/etc/passwd", "etc/passwd" },
    { "./a//b/./c/", "a/b/c" },
    { "a/../b", "b" },
    { "../../a", "a" },
    { "/", "" },
    { "", "" },
    { "a/b/..", "a" },
    { "..a/.b", "..a/.b" },
};

START_TEST(clean_paths)
{
    RF_CLEANUP(rf_freep) char *have = rf_layer_path(clean[_i].path);
    ck_assert_str_eq(have, clean[_i].want);
}
END_TEST

static const struct {
    const char *at, *link, *want;
} links[] = {
    { "etc/release", "../usr/lib/release", "usr/lib/release" },
    { "bin", "usr/bin", "usr/bin" },
    { "a/b/c", "/x/y", "x/y" },
    { "a/b", "c", "a/c" },
    { "a", "../../..", "" },
};

START_TEST(followed_links)
{
    RF_CLEANUP(rf_freep) char *have = rf_layer_follow(links[_i].at, links[_i].link);
    ck_assert_str_eq(have, links[_i].want);
}
END_TEST

static const struct tar_entry layer[] = {
    { .name = "usr/", .type = '5' },
    { .name = "./usr/lib/file", .type = '0', .data = "content\n", .size = 8 },
    { .name = "bin", .type = '2', .link = "usr/bin" },
    { .name = "hard", .type = '1', .link = "usr/lib/file" },
    { .name = "dev/null", .type = '3' },
    { .name = "tmp/.wh.gone", .type = '0', .data = "", .size = 0 },
    { .name = "opt/.wh..wh..opq", .type = '0', .data = "", .size = 0 },
    { .name = "opt/new", .type = '0', .data = "new", .size = 3 },
    { .name = ".wh.top", .type = '0', .data = "", .size = 0 },
    { .name = "tmp/twice", .type = '0', .data = "1", .size = 1 },
};

static const struct {
    const char *path;
    int want;
    char type;
    const char *link, *content;
} rows[] = {
    { "usr/lib/file", RF_LAYER_FOUND, '0', "", "content\n" },
    { "usr", RF_LAYER_FOUND, '5', "", "" },
    { "bin", RF_LAYER_FOUND, '2', "usr/bin", "" },
    { "hard", RF_LAYER_FOUND, '1', "usr/lib/file", "" },
    { "dev/null", RF_LAYER_FOUND, '3', "", "" },
    { "bin/sh", RF_LAYER_LINKED, '2', "usr/bin/sh", "" },
    { "tmp/gone", RF_LAYER_DELETED, 0, NULL, NULL },
    { "tmp/gone/below", RF_LAYER_DELETED, 0, NULL, NULL },
    { "tmp/gone2", RF_LAYER_ABSENT, 0, NULL, NULL },
    { "opt/old", RF_LAYER_DELETED, 0, NULL, NULL },
    { "opt/old/below", RF_LAYER_DELETED, 0, NULL, NULL },
    { "opt/new", RF_LAYER_FOUND, '0', "", "new" },
    { "top", RF_LAYER_DELETED, 0, NULL, NULL },
    { "other/top", RF_LAYER_ABSENT, 0, NULL, NULL },
    { "usr/lib", RF_LAYER_ABSENT, 0, NULL, NULL },
};

static int open_tar(const struct tar_entry *entries, size_t n)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf tar;
    rf_buf_init(&tar, 0);
    for (size_t i = 0; i < n; i++)
        tar_add(&tar, &entries[i]);
    tar_end(&tar);
    write_file("layer.tar", rf_buf_slice(&tar));
    int fd = open("layer.tar", O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fd;
}

/* All of the file as it is now. */
static struct rf_source *source_of(int fd)
{
    struct stat st;
    ck_assert_int_eq(fstat(fd, &st), 0);
    return rf_source_fd(fd, 0, (uint64_t)st.st_size);
}

START_TEST(members)
{
    RF_CLEANUP(rf_closep) int fd = open_tar(layer, RF_ARRAY_LEN(layer));
    RF_CLEANUP(rf_layer_entry_release) struct rf_layer_entry e = { 0 };
    RF_CLEANUP(rf_buf_release) struct rf_buf content;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&content, 0);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(&content);
    RF_CLEANUP(rf_source_freep) struct rf_source *src = source_of(fd);
    int rc = rf_layer_tar_find(src, "layer", rows[_i].path, &e, sink, &err);
    ck_assert_msg(rc == rows[_i].want, "%s: %d %s", rows[_i].path, rc, err.msg);
    if (rows[_i].link == NULL) {
        ck_assert_ptr_null(e.name);
        return;
    }
    ck_assert_int_eq(e.type, rows[_i].type);
    ck_assert_str_eq(e.link, rows[_i].link);
    ck_assert_str_eq(content.ptr, rows[_i].content);
}
END_TEST

START_TEST(damaged)
{
    RF_CLEANUP(rf_layer_entry_release) struct rf_layer_entry e = { 0 };
    struct rf_err err = RF_ERR_INIT;
    write_text("no.tar",
               "this is no tar at all, but long enough to look like something else than nothing");
    RF_CLEANUP(rf_closep) int fd = open("no.tar", O_RDONLY | O_CLOEXEC);
    RF_CLEANUP(rf_source_freep) struct rf_source *text = source_of(fd);
    ck_assert_int_eq(rf_layer_tar_find(text, "layer", "x", &e, NULL, &err), -RFE_INVALID);
    ck_assert_ptr_null(e.name);
    /* Cut inside of a member's content. */
    RF_CLEANUP(rf_closep) int whole = open_tar(layer, RF_ARRAY_LEN(layer));
    ck_assert_int_eq(truncate("layer.tar", 512 + 512 + 4), 0);
    RF_CLEANUP(rf_source_freep) struct rf_source *cut = source_of(whole);
    ck_assert_int_eq(rf_layer_tar_find(cut, "layer", "opt/new", &e, NULL, &err), -RFE_INVALID);
}
END_TEST

Suite *rf_layer_tar_suite(void);
Suite *rf_layer_tar_suite(void)
{
    Suite *s = suite_create("layer_tar");
    TCase *t = tcase_create("layer_tar");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    tcase_add_loop_test(t, clean_paths, 0, (int)RF_ARRAY_LEN(clean));
    tcase_add_loop_test(t, followed_links, 0, (int)RF_ARRAY_LEN(links));
    tcase_add_loop_test(t, members, 0, (int)RF_ARRAY_LEN(rows));
    tcase_add_test(t, damaged);
    suite_add_tcase(s, t);
    return s;
}
