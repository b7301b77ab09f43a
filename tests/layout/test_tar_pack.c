/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/tar_pack.h"

#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/mem.h"
#include "layout/layer_tar.h"
#include "tests/layout/helper_layout.h"

static int pack(const char *folder, struct rf_buf *out, struct rf_err *err)
{
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(out);
    return rf_tar_pack(folder, sink, err);
}

/* The same files, made in one order or the other, at different times, with different rights. */
static void make(const char *folder, bool other)
{
    static const char *const names[] = { "b", "a", "sub/z", "sub/y" };
    RF_CLEANUP(rf_freep) char *sub = rf_xasprintf("%s/sub", folder);
    RF_CLEANUP(rf_freep) char *link = rf_xasprintf("%s/link", folder);
    struct timeval old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
    ck_assert_int_eq(mkdir(folder, other ? 0700 : 0755), 0);
    ck_assert_int_eq(mkdir(sub, other ? 0700 : 0755), 0);
    for (size_t i = 0; i < RF_ARRAY_LEN(names); i++) {
        size_t at = other ? RF_ARRAY_LEN(names) - 1 - i : i;
        RF_CLEANUP(rf_freep) char *path = rf_xasprintf("%s/%s", folder, names[at]);
        write_text(path, names[at]);
        ck_assert_int_eq(chmod(path, at == 1 ? (other ? 0700 : 0755) : (other ? 0600 : 0664)), 0);
        if (other)
            ck_assert_int_eq(utimes(path, old), 0);
    }
    ck_assert_int_eq(symlink("sub/y", link), 0);
}

static int add_line(void *ctx, const struct rf_layer_entry *e, struct rf_source *content,
                    struct rf_err *err)
{
    char text[64];
    ssize_t n = rf_source_read(content, text, sizeof(text), err);
    ck_assert_int_ge(n, 0);
    rf_buf_addf(ctx, "%c %o %lld %lld %s%s%s %.*s\n", e->type, e->mode, (long long)e->uid,
                (long long)e->mtime, e->name, e->link[0] != '\0' ? " -> " : "", e->link, (int)n,
                text);
    return 0;
}

START_TEST(same_everywhere)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf a, b, list;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&a, 0);
    rf_buf_init(&b, 0);
    rf_buf_init(&list, 0);
    make("one", false);
    make("two", true);
    expect_ok(pack("one", &a, &err), err);
    expect_ok(pack("two/", &b, &err), err);
    ck_assert_uint_eq(a.len, b.len);
    ck_assert_int_eq(memcmp(a.ptr, b.ptr, a.len), 0);
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_mem(rf_buf_slice(&a));
    expect_ok(rf_layer_tar_each(src, "t", add_line, &list, &err), err);
    ck_assert_str_eq(list.ptr, "0 755 0 0 a a\n"
                               "0 644 0 0 b b\n"
                               "2 777 0 0 link -> sub/y \n"
                               "5 755 0 0 sub/ \n"
                               "0 644 0 0 sub/y sub/y\n"
                               "0 644 0 0 sub/z sub/z\n");
}
END_TEST

START_TEST(refused)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&out, 0);
    ck_assert_int_lt(pack("none", &out, &err), 0);
    ck_assert_int_eq(mkdir("in", 0755), 0);
    ck_assert_int_eq(mkfifo("in/pipe", 0644), 0);
    expect_error(pack("in", &out, &err), RFE_INVALID, err, "pipe: neither file");
}
END_TEST

/* What the sink fails with is what is told. */
START_TEST(full)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&out, 700);
    make("one", false);
    ck_assert_int_eq(pack("one", &out, &err), -RFE_TOO_LARGE);
}
END_TEST

Suite *rf_tar_pack_suite(void);
Suite *rf_tar_pack_suite(void)
{
    Suite *s = suite_create("tar_pack");
    TCase *t = tcase_create("tar_pack");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    tcase_add_test(t, same_everywhere);
    tcase_add_test(t, refused);
    tcase_add_test(t, full);
    suite_add_tcase(s, t);
    return s;
}
