/* SPDX-License-Identifier: Apache-2.0 */
/* What is found in trees of layouts, and what is told of the rest; as places, trees are looked at in test_oci_dir.c. */
#include "layout/oci_tree.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "layout/oci_dir.h"
#include "tests/layout/helper_layout.h"

Suite *rf_oci_tree_suite(void);

static void add_folder(const char *path)
{
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_mkdirs(path, 0755, &err), err);
}

static void add_layout(const char *path)
{
    add_folder(path);
    RF_CLEANUP(rf_freep) char *file = rf_path_join(path, "oci-layout");
    write_text(file, "{\"imageLayoutVersion\":\"1.0.0\"}");
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void expect_names(struct rf_oci_names *names, const char *want)
{
    struct rf_buf text;
    rf_buf_init(&text, 0);
    if (names->n > 0)
        qsort(names->list, names->n, sizeof(*names->list), by_text);
    for (size_t i = 0; i < names->n; i++)
        rf_buf_addf(&text, "%s ", names->list[i]);
    ck_assert_str_eq(text.ptr, want);
    rf_buf_release(&text);
}

/* What a walk told, in any order. */
struct told {
    struct rf_oci_names left_out, unread;
};

static void note_left_out(void *ctx, const char *folder, const char *why)
{
    struct told *t = ctx;
    RF_CLEANUP(rf_freep) char *line = rf_xasprintf("%s (%.12s)", folder, why);
    rf_oci_names_add(&t->left_out, line);
}

static void note_unread(void *ctx, const char *folder, const struct rf_err *why)
{
    struct told *t = ctx;
    ck_assert_msg(strstr(why->msg, folder) != NULL, "%s", why->msg);
    rf_oci_names_add(&t->unread, folder);
}

static int walk(const char *path, struct rf_oci_names *names, struct told *t, struct rf_err *err)
{
    const struct rf_oci_tree_watch watch = { note_unread, note_left_out, t };
    return rf_oci_tree_walk(path, &watch, names, err);
}

static void told_release(struct told *t)
{
    rf_oci_names_release(&t->left_out);
    rf_oci_names_release(&t->unread);
}

START_TEST(layouts_are_repositories)
{
    struct rf_oci_names names = { 0 };
    struct told t = { .left_out = { 0 } };
    struct rf_err err = RF_ERR_INIT;
    add_layout("t/b");
    add_layout("t/b/c/d");
    add_layout("t/team__x/app.v1-2");
    add_layout("t/b/blobs/never"); /* a layout's own folder */
    add_folder("t/empty/emptier");
    write_text("t/file", "");
    ck_assert_int_eq(mkfifo("t/pipe", 0600), 0);
    expect_ok(walk("t", &names, &t, &err), err);
    expect_names(&names, "b b/c/d team__x/app.v1-2 ");
    expect_names(&t.left_out, "");
    expect_names(&t.unread, "");
    rf_oci_names_release(&names);
    expect_ok(rf_oci_tree_list("t/", &names, &err), err);
    expect_names(&names, "b b/c/d team__x/app.v1-2 ");
    rf_oci_names_release(&names);
    /* What the folder itself is makes no difference. */
    write_text("t/oci-layout", "");
    expect_ok(walk("t", &names, &t, &err), err);
    ck_assert_uint_eq(names.n, 3);
    rf_oci_names_release(&names);
    told_release(&t);
}
END_TEST

START_TEST(what_cannot_be_a_repository_is_told)
{
    struct rf_oci_names names = { 0 };
    struct told t = { .left_out = { 0 } };
    struct rf_err err = RF_ERR_INIT;
    add_layout("t/ok");
    add_layout("t/Upper");
    add_layout("t/Upper/below"); /* told of with what is above */
    add_layout("t/odd name/app");
    add_layout("t/.hidden");
    add_folder("t/lost+found"); /* no layout in it, so nobody misses one */
    add_layout("elsewhere/app");
    ck_assert_int_eq(symlink("../elsewhere", "t/linked"), 0);
    ck_assert_int_eq(symlink("..", "t/loop"), 0);
    ck_assert_int_eq(symlink("nowhere", "t/broken"), 0);
    add_folder("t/half");
    ck_assert_int_eq(symlink("../ok/oci-layout", "t/half/oci-layout"), 0);
    expect_ok(walk("t", &names, &t, &err), err);
    expect_names(&names, "ok ");
    expect_names(&t.left_out, "Upper (its name can) linked (a link, whic) loop (a link, whic) "
                              "odd name/app (its name can) ");
    expect_names(&t.unread, "");
    rf_oci_names_release(&names);
    told_release(&t);
}
END_TEST

/* Names of repositories have 255 bytes at most, so folders below that cannot lead to one. */
START_TEST(a_deep_tree_has_an_end)
{
    struct rf_oci_names names = { 0 };
    struct told t = { .left_out = { 0 } };
    struct rf_err err = RF_ERR_INIT;
    struct rf_buf path;
    rf_buf_init(&path, 0);
    rf_buf_add_str(&path, "t");
    for (int i = 0; i < 400; i++)
        rf_buf_add_str(&path, "/a");
    add_layout(path.ptr);
    path.ptr[1 + 256] = '\0'; /* 128 levels: a name of 255 bytes */
    add_layout(path.ptr);
    expect_ok(walk("t", &names, &t, &err), err);
    ck_assert_uint_eq(names.n, 1);
    ck_assert_uint_eq(strlen(names.list[0]), 255);
    ck_assert_uint_eq(t.left_out.n, 1);
    ck_assert_ptr_nonnull(strstr(t.left_out.list[0], "it lies too "));
    rf_oci_names_release(&names);
    told_release(&t);
    rf_buf_release(&path);
}
END_TEST

START_TEST(telling_has_an_end)
{
    struct rf_oci_names names = { 0 };
    struct told t = { .left_out = { 0 } };
    struct rf_err err = RF_ERR_INIT;
    add_layout("t/ok");
    for (int i = 0; i < RF_OCI_TREE_TOLD_MAX + 50; i++) {
        RF_CLEANUP(rf_freep) char *path = rf_xasprintf("t/Upper%d", i);
        add_layout(path);
    }
    expect_ok(walk("t", &names, &t, &err), err);
    expect_names(&names, "ok ");
    ck_assert_uint_eq(t.left_out.n, RF_OCI_TREE_TOLD_MAX + 1);
    rf_oci_names_release(&names);
    told_release(&t);
}
END_TEST

START_TEST(folders_that_cannot_be_read)
{
    struct rf_oci_names names = { 0 };
    struct told t = { .left_out = { 0 } };
    struct rf_err err = RF_ERR_INIT;
    add_layout("t/a");
    add_layout("t/closed/app");
    add_layout("t/listed/app");
    add_layout("t/Upper/app");
    ck_assert_int_eq(chmod("t/closed", 0), 0);
    ck_assert_int_eq(chmod("t/listed", 0444), 0); /* names, but nothing behind them */
    ck_assert_int_eq(chmod("t/Upper", 0), 0);
    /* To root nothing is closed. */
    ck_assert_int_eq(chmod(".", 0755), 0);
    if (geteuid() == 0 && seteuid(65534) != 0)
        return;
    expect_ok(walk("t", &names, &t, &err), err);
    expect_names(&names, "a ");
    expect_names(&t.unread, "closed listed ");
    expect_names(&t.left_out, "");
    rf_oci_names_release(&names);
    /* Whoever wants to know all of them does not get a part. */
    ck_assert_int_lt(rf_oci_tree_list("t", &names, &err), 0);
    rf_oci_names_release(&names);
    ck_assert_int_eq(seteuid(getuid()), 0);
    ck_assert_int_eq(chmod("t/closed", 0755), 0);
    ck_assert_int_eq(chmod("t/listed", 0755), 0);
    ck_assert_int_eq(chmod("t/Upper", 0755), 0);
    told_release(&t);
}
END_TEST

START_TEST(no_tree_at_all)
{
    struct rf_oci_names names = { 0 };
    struct told t = { .left_out = { 0 } };
    struct rf_err err = RF_ERR_INIT;
    expect_error(walk("t", &names, &t, &err), RFE_NOT_FOUND, err, "t: no such folder");
    write_text("file", "");
    ck_assert_int_lt(walk("file", &names, &t, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.msg, "file"));
    ck_assert_uint_eq(names.n + t.left_out.n + t.unread.n, 0);
}
END_TEST

/* One of them has a repository of a tree, the other the same folder as a layout. */
START_TEST(who_writes_in_a_tree_is_seen_from_its_layouts)
{
    static const char *const layers[] = { "a", NULL };
    struct rf_place *tree = NULL, *layout = NULL;
    struct rf_err err = RF_ERR_INIT;
    struct rf_gc_result gc = { 0 };
    expect_ok(rf_oci_dir_open("t", RF_OCI_DIR_CREATE | RF_OCI_DIR_TREE, &tree, &err), err);
    /* What does not exist yet is held as soon as it does. */
    expect_ok(rf_place_hold(tree, "team/app", &err), err);
    put_text_blob(tree, "team/app", "not named yet");
    expect_ok(rf_oci_dir_open("t/team/app", RF_OCI_DIR_CREATE, &layout, &err), err);
    expect_error(rf_oci_dir_gc(layout, "", &gc, &err), RFE_BUSY, err, "another process writes");
    put_image(tree, "team/app", "1", "cfg", layers, NULL);
    rf_place_unhold(tree, "team/app");
    expect_ok(rf_oci_dir_gc(layout, "", &gc, &err), err);
    ck_assert_uint_eq(gc.blobs_deleted, 1);
    /* What was there before counts from the beginning. */
    expect_ok(rf_place_hold(tree, "team/app", &err), err);
    expect_error(rf_oci_dir_gc(layout, "", &gc, &err), RFE_BUSY, err, "another process writes");
    rf_place_unhold(tree, "team/app");
    expect_ok(rf_oci_dir_gc(layout, "", &gc, &err), err);
    rf_place_free(layout);
    rf_place_free(tree);
}
END_TEST

static const struct {
    const char *tag;
    bool is;
} fallbacks[] = {
#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    { "sha256-" HEX64, true },
    { "sha512-" HEX64, true },
    { "sha256-" HEX64 ".sig", false },
    { "sha512-" HEX64 HEX64, false },
    { "sha256-0123", false },
    { "sha384-" HEX64, false },
    { "1.0", false },
    { "", false },
};

START_TEST(names_of_lists_of_referrers)
{
    ck_assert_msg(rf_fallback_tag_is(fallbacks[_i].tag) == fallbacks[_i].is, "%s",
                  fallbacks[_i].tag);
}
END_TEST

Suite *rf_oci_tree_suite(void)
{
    Suite *s = suite_create("oci_tree");
    TCase *c = tcase_create("oci_tree");
    tcase_add_checked_fixture(c, work_setup, work_teardown);
    tcase_add_test(c, layouts_are_repositories);
    tcase_add_test(c, what_cannot_be_a_repository_is_told);
    tcase_add_test(c, a_deep_tree_has_an_end);
    tcase_add_test(c, telling_has_an_end);
    tcase_add_test(c, folders_that_cannot_be_read);
    tcase_add_test(c, no_tree_at_all);
    tcase_add_test(c, who_writes_in_a_tree_is_seen_from_its_layouts);
    tcase_add_loop_test(c, names_of_lists_of_referrers, 0, (int)RF_ARRAY_LEN(fallbacks));
    suite_add_tcase(s, c);
    return s;
}
