/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/image_tar.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>
#include <check.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/mem.h"
#include "tests/layout/helper_layout.h"

Suite *rf_image_tar_suite(void);

#define T RF_CLEANUP(rf_image_tar_freep) struct rf_image_tar *

static const char *const packings[] = { NULL, "gzip", "bzip2", "zstd" };

static void link_to(struct rf_buf *tar, const char *name, char type, const char *to)
{
    struct tar_entry e = { .name = name, .type = type, .link = to };
    tar_add(tar, &e);
}

/* The bytes as t.tar, behind a compression when one is named. */
static void save(const struct rf_buf *tar, const char *packing)
{
    if (packing == NULL) {
        write_file("t.tar", rf_buf_slice(tar));
        return;
    }
    struct archive *a = archive_write_new();
    struct archive_entry *e = archive_entry_new();
    ck_assert_int_eq(archive_write_add_filter_by_name(a, packing), ARCHIVE_OK);
    ck_assert_int_eq(archive_write_set_format_raw(a), ARCHIVE_OK);
    ck_assert_int_eq(archive_write_open_filename(a, "t.tar"), ARCHIVE_OK);
    archive_entry_set_pathname(e, "data");
    archive_entry_set_filetype(e, AE_IFREG);
    ck_assert_int_eq(archive_write_header(a, e), ARCHIVE_OK);
    ck_assert_int_eq(archive_write_data(a, tar->ptr, tar->len), (la_ssize_t)tar->len);
    ck_assert_int_eq(archive_write_close(a), ARCHIVE_OK);
    archive_entry_free(e);
    ck_assert_int_eq(archive_write_free(a), ARCHIVE_OK);
}

static int open_saved(const struct rf_buf *tar, struct rf_image_tar **t, struct rf_err *err)
{
    write_file("t.tar", rf_buf_slice(tar));
    return rf_image_tar_open("t.tar", t, err);
}

static size_t find(struct rf_image_tar *t, const char *name)
{
    size_t member = 0;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_image_tar_find(t, name, &member, NULL, &err), err);
    return member;
}

static void expect_content(struct rf_image_tar *t, const char *name, const char *text)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&b, 0);
    expect_ok(rf_image_tar_read(t, find(t, name), 1000000, &b, &err), err);
    ck_assert_msg(strcmp(b.ptr, text) == 0, "%s: \"%s\"", name, b.ptr);
}

/* ---- reading ---- */

START_TEST(members_are_read_in_any_order)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf tar;
    rf_buf_init(&tar, 0);
    struct tar_entry folder = { .name = "d/", .type = '5' };
    tar_file(&tar, "a", "first");
    tar_add(&tar, &folder);
    tar_file(&tar, "./d/b", "second");
    tar_file(&tar, "empty", "");
    tar_file(&tar, "c", "last");
    tar_end(&tar);
    save(&tar, packings[_i]);
    T t = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_image_tar_open("t.tar", &t, &err), err);
    ck_assert(rf_image_tar_is_packed(t) == (packings[_i] != NULL));
    ck_assert_str_eq(rf_image_tar_name(t), "t.tar");
    expect_content(t, "c", "last");
    expect_content(t, "a", "first");
    expect_content(t, "d/b", "second");
    expect_content(t, "./d/b", "second");
    expect_content(t, "empty", "");
    expect_content(t, "d/b", "second");
    ck_assert_uint_lt(find(t, "a"), find(t, "d/b"));
    ck_assert_uint_lt(find(t, "d/b"), find(t, "c"));
}
END_TEST

/* Two sources that take turns, and seeks back and forth: each sees its own bytes. */
START_TEST(sources_take_turns)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf tar;
    rf_buf_init(&tar, 0);
    RF_CLEANUP(rf_freep) char *big = rf_xcalloc(200001, 1);
    for (size_t i = 0; i < 200000; i++)
        big[i] = (char)('a' + i * 7 % 26);
    tar_file(&tar, "big", big);
    tar_file(&tar, "small", "0123456789");
    tar_end(&tar);
    save(&tar, packings[_i]);
    T t = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_image_tar_open("t.tar", &t, &err), err);
    RF_CLEANUP(rf_source_freep) struct rf_source *a = rf_image_tar_source(t, find(t, "big"));
    RF_CLEANUP(rf_source_freep) struct rf_source *b = rf_image_tar_source(t, find(t, "small"));
    size_t pos = 0;
    char chunk[15000], one;
    for (size_t turn = 0; turn < 10; turn++) {
        ssize_t got = rf_source_read(a, chunk, sizeof(chunk), &err);
        ck_assert_msg(got > 0, "%s", err.msg);
        ck_assert_int_eq(memcmp(chunk, big + pos, (size_t)got), 0);
        pos += (size_t)got;
        ck_assert_int_eq(rf_source_read(b, &one, 1, &err), 1);
        ck_assert_int_eq(one, (int)('0' + turn));
    }
    ck_assert_int_eq(rf_source_read(b, &one, 1, &err), 0);
    expect_ok(rf_source_seek(b, 4, &err), err);
    ck_assert_int_eq(rf_source_read(b, &one, 1, &err), 1);
    ck_assert_int_eq(one, '4');
    expect_ok(rf_source_seek(a, 199999, &err), err);
    ck_assert_int_eq(rf_source_read(a, chunk, sizeof(chunk), &err), 1);
    ck_assert_int_eq(chunk[0], big[199999]);
    ck_assert_int_eq(rf_source_read(a, chunk, sizeof(chunk), &err), 0);
    expect_error(rf_source_seek(a, 200001, &err), RFE_INVALID, err, "behind the end");
}
END_TEST

START_TEST(no_more_is_read_than_was_allowed)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf tar;
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&tar, 0);
    rf_buf_init(&out, 0);
    tar_file(&tar, "a", "12345");
    tar_end(&tar);
    T t = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(open_saved(&tar, &t, &err), err);
    expect_error(rf_image_tar_read(t, 0, 4, &out, &err), RFE_TOO_LARGE, err,
                 "a has 5 bytes, at most 4");
    expect_ok(rf_image_tar_read(t, 0, 5, &out, &err), err);
    ck_assert_str_eq(out.ptr, "12345");
}
END_TEST

/* ---- links ---- */

START_TEST(links_inside_are_followed)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf tar;
    rf_buf_init(&tar, 0);
    link_to(&tar, "x/layer.tar", '2', "../y/./layer.tar");
    link_to(&tar, "top", '2', "y//layer.tar");
    link_to(&tar, "hard", '1', "./y/layer.tar");
    link_to(&tar, "again", '2', "x/layer.tar");
    link_to(&tar, "deep/er/l", '2', "../../hard");
    tar_file(&tar, "y/layer.tar", "content");
    tar_end(&tar);
    save(&tar, packings[_i]);
    T t = NULL;
    struct rf_err err = RF_ERR_INIT;
    uint64_t size = 0;
    expect_ok(rf_image_tar_open("t.tar", &t, &err), err);
    static const char *const names[] = { "x/layer.tar", "top", "hard", "again", "deep/er/l" };
    for (size_t i = 0; i < RF_ARRAY_LEN(names); i++)
        expect_content(t, names[i], "content");
    size_t member = 0;
    expect_ok(rf_image_tar_find(t, "again", &member, &size, &err), err);
    ck_assert_uint_eq(size, 7);
    ck_assert_uint_eq(member, find(t, "y/layer.tar"));
}
END_TEST

/* What leads out of the file is refused wherever it stands, before anything is read. */
static const struct {
    const char *name;
    char type;
    const char *to, *text;
} leading_out[] = {
    { "l", '2', "/etc/passwd", "leads out" },
    { "l", '2', "../up", "leads out" },
    { "a/l", '2', "../../up", "leads out" },
    { "a/l", '2', "b/../../../up", "leads out" },
    { "l", '2', "..", "leads out" },
    { "a/l", '2', "..", "leads out" },
    { "l", '2', "", "leads out" },
    { "l", '2', ".", "leads out" },
    { "l", '1', "/etc/passwd", "leads out" },
    { "a/l", '1', "../up", "leads out" },
    { "l", '2', "bad\x01name", "leads out" },
    { "../l", '2', "x", "has \"..\"" },
    { "/l", '2', "x", "absolute" },
    { "l", '3', "", "a device" },
    { "l", '6', "", "a FIFO" },
};

START_TEST(links_that_lead_out_are_refused)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf tar;
    rf_buf_init(&tar, 0);
    tar_file(&tar, "x", "content");
    link_to(&tar, leading_out[_i].name, leading_out[_i].type, leading_out[_i].to);
    tar_end(&tar);
    T t = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_error(open_saved(&tar, &t, &err), RFE_INVALID, err, leading_out[_i].text);
    ck_assert_ptr_null(t);
    save(&tar, "gzip");
    expect_error(rf_image_tar_open("t.tar", &t, &err), RFE_INVALID, err, leading_out[_i].text);
}
END_TEST

START_TEST(loops_and_links_to_nothing_have_their_codes)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf tar;
    rf_buf_init(&tar, 0);
    link_to(&tar, "self", '2', "self");
    link_to(&tar, "a", '2', "b");
    link_to(&tar, "b", '2', "c");
    link_to(&tar, "c", '2', "a");
    link_to(&tar, "gone", '2', "nothing");
    link_to(&tar, "to-folder", '2', "d");
    struct tar_entry folder = { .name = "d/", .type = '5' };
    tar_add(&tar, &folder);
    tar_end(&tar);
    T t = NULL;
    struct rf_err err = RF_ERR_INIT;
    size_t m = 77;
    expect_ok(open_saved(&tar, &t, &err), err);
    expect_error(rf_image_tar_find(t, "self", &m, NULL, &err), RFE_LOOP, err, "no end");
    expect_error(rf_image_tar_find(t, "b", &m, NULL, &err), RFE_LOOP, err, "\"b\"");
    expect_error(rf_image_tar_find(t, "gone", &m, NULL, &err), RFE_NOT_FOUND, err, "not in it");
    expect_error(rf_image_tar_find(t, "to-folder", &m, NULL, &err), RFE_NOT_FOUND, err,
                 "not in it");
    expect_error(rf_image_tar_find(t, "absent", &m, NULL, &err), RFE_NOT_FOUND, err, "\"absent\"");
    ck_assert_uint_eq(m, 77);
}
END_TEST

START_TEST(names_that_no_member_can_have)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf tar;
    rf_buf_init(&tar, 0);
    tar_file(&tar, "x", "content");
    tar_end(&tar);
    T t = NULL;
    struct rf_err err = RF_ERR_INIT;
    size_t m = 0;
    expect_ok(open_saved(&tar, &t, &err), err);
    static const char *const names[] = { "", "./", "/x", "../x", "a/../x", "a//x", "x\n" };
    for (size_t i = 0; i < RF_ARRAY_LEN(names); i++)
        expect_error(rf_image_tar_find(t, names[i], &m, NULL, &err), RFE_INVALID, err, "t.tar");
}
END_TEST

START_TEST(a_link_with_content_is_refused)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf tar;
    rf_buf_init(&tar, 0);
    struct tar_entry e = { .name = "l", .type = "12"[_i], .link = "x", .data = "abc", .size = 3 };
    tar_file(&tar, "x", "content");
    tar_add(&tar, &e);
    tar_end(&tar);
    T t = NULL;
    struct rf_err err = RF_ERR_INIT;
    int rc = open_saved(&tar, &t, &err);
    ck_assert_int_eq(rc, -RFE_INVALID);
}
END_TEST

/* ---- files that are none ---- */

START_TEST(other_files_are_refused)
{
    T t = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_error(rf_image_tar_open("absent", &t, &err), RFE_NOT_FOUND, err, "absent: no such file");
    ck_assert_int_eq(mkfifo("fifo", 0600), 0);
    expect_error(rf_image_tar_open("fifo", &t, &err), RFE_UNSUPPORTED, err, "more than once");
    ck_assert_int_eq(mkdir("folder", 0700), 0);
    expect_error(rf_image_tar_open("folder", &t, &err), RFE_INVALID, err, "not a regular file");
    write_text(
        "text",
        "no tar at all, but more than enough bytes for a header of one, as long as nobody looks");
    ck_assert_int_eq(rf_image_tar_open("text", &t, &err), -RFE_INVALID);
    write_file("xz", rf_slice_of("\xfd"
                                 "7zXZ\0",
                                 6));
    expect_error(rf_image_tar_open("xz", &t, &err), RFE_UNSUPPORTED, err, "unxz -k xz");
}
END_TEST

START_TEST(a_compressed_file_that_is_cut_off_is_refused)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf tar;
    RF_CLEANUP(rf_buf_release) struct rf_buf whole;
    rf_buf_init(&tar, 0);
    rf_buf_init(&whole, 0);
    RF_CLEANUP(rf_freep) char *big = rf_xcalloc(100001, 1);
    uint32_t x = 1;
    for (size_t i = 0; i < 100000; i++) {
        x = x * 1664525u + 1013904223u;
        big[i] = (char)('a' + (x >> 24) % 26);
    }
    tar_file(&tar, "big", big);
    tar_file(&tar, "b", "behind");
    tar_end(&tar);
    save(&tar, packings[_i + 1]);
    ck_assert_int_eq(rf_file_read("t.tar", &whole, NULL), 0);
    write_file("cut", rf_slice_of(whole.ptr, whole.len / 2));
    T t = NULL;
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_image_tar_open("cut", &t, &err);
    ck_assert_msg(rc == -RFE_INVALID, "%s: %s", rf_error_name(rc), err.msg);
}
END_TEST

/* Only one compression is undone: what is inside another one is no tar. */
START_TEST(compressions_do_not_nest)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf tar;
    RF_CLEANUP(rf_buf_release) struct rf_buf once;
    rf_buf_init(&tar, 0);
    rf_buf_init(&once, 0);
    tar_file(&tar, "a", "x");
    tar_end(&tar);
    save(&tar, "gzip");
    ck_assert_int_eq(rf_file_read("t.tar", &once, NULL), 0);
    save(&once, "gzip");
    T t = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_image_tar_open("t.tar", &t, &err), -RFE_INVALID);
}
END_TEST

START_TEST(a_file_that_changes_is_noticed)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf tar;
    RF_CLEANUP(rf_buf_release) struct rf_buf other;
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&tar, 0);
    rf_buf_init(&other, 0);
    rf_buf_init(&out, 0);
    tar_file(&tar, "a", "x");
    tar_end(&tar);
    tar_file(&other, "b", "x");
    tar_end(&other);
    save(&tar, "gzip");
    T t = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_image_tar_open("t.tar", &t, &err), err);
    save(&other, "gzip"); /* into the same file: it is truncated and written anew */
    expect_error(rf_image_tar_read(t, 0, 10, &out, &err), RFE_INVALID, err, "was changed");
}
END_TEST

START_TEST(cancelling_ends_a_pass)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf tar;
    rf_buf_init(&tar, 0);
    tar_file(&tar, "a", "x");
    tar_end(&tar);
    save(&tar, packings[_i]);
    T t = NULL;
    struct rf_err err = RF_ERR_INIT;
    rf_cancel_set(RFE_CANCELLED);
    expect_error(rf_image_tar_open("t.tar", &t, &err), RFE_CANCELLED, err, "interrupted");
    rf_cancel_reset();
}
END_TEST

/* Long names of many members must not fill the memory. */
START_TEST(names_are_bounded_together)
{
    struct archive *a = archive_write_new();
    struct archive_entry *e = archive_entry_new();
    ck_assert_int_eq(archive_write_add_filter_gzip(a), ARCHIVE_OK);
    ck_assert_int_eq(archive_write_set_format_pax(a), ARCHIVE_OK);
    ck_assert_int_eq(archive_write_set_options(a, "gzip:compression-level=1"), ARCHIVE_OK);
    ck_assert_int_eq(archive_write_open_filename(a, "t.tar"), ARCHIVE_OK);
    char name[4001];
    memset(name, 'n', 4000);
    name[4000] = '\0';
    for (unsigned i = 0; i < 10000; i++) {
        (void)snprintf(name, 10, "%09u", i % 10000);
        name[9] = 'n';
        archive_entry_clear(e);
        archive_entry_set_pathname(e, name);
        archive_entry_set_filetype(e, AE_IFREG);
        archive_entry_set_size(e, 0);
        ck_assert_int_eq(archive_write_header(a, e), ARCHIVE_OK);
    }
    ck_assert_int_eq(archive_write_close(a), ARCHIVE_OK);
    archive_entry_free(e);
    (void)archive_write_free(a);
    T t = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_error(rf_image_tar_open("t.tar", &t, &err), RFE_TOO_LARGE, err, "too many long names");
}
END_TEST

Suite *rf_image_tar_suite(void)
{
    Suite *s = suite_create("image_tar");
    TCase *sound = tcase_create("sound");
    TCase *hostile = tcase_create("hostile");
    int n = (int)RF_ARRAY_LEN(packings);
    tcase_add_checked_fixture(sound, work_setup, work_teardown);
    tcase_add_loop_test(sound, members_are_read_in_any_order, 0, n);
    tcase_add_loop_test(sound, sources_take_turns, 0, n);
    tcase_add_loop_test(sound, links_inside_are_followed, 0, n);
    tcase_add_test(sound, no_more_is_read_than_was_allowed);
    tcase_add_loop_test(sound, cancelling_ends_a_pass, 0, n);
    tcase_add_checked_fixture(hostile, work_setup, work_teardown);
    tcase_add_loop_test(hostile, links_that_lead_out_are_refused, 0,
                        (int)RF_ARRAY_LEN(leading_out));
    tcase_add_test(hostile, loops_and_links_to_nothing_have_their_codes);
    tcase_add_test(hostile, names_that_no_member_can_have);
    tcase_add_loop_test(hostile, a_link_with_content_is_refused, 0, 2);
    tcase_add_test(hostile, other_files_are_refused);
    tcase_add_loop_test(hostile, a_compressed_file_that_is_cut_off_is_refused, 0, n - 1);
    tcase_add_test(hostile, compressions_do_not_nest);
    tcase_add_test(hostile, a_file_that_changes_is_noticed);
    tcase_add_test(hostile, names_are_bounded_together);
    suite_add_tcase(s, sound);
    suite_add_tcase(s, hostile);
    return s;
}
