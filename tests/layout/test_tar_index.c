/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <check.h>

#include "base/file.h"
#include "base/mem.h"
#include "layout/tar_index.h"
#include "tests/layout/helper_layout.h"

Suite *rf_tar_index_suite(void);

#define BIG_HEADER_DIGEST "sha256:86dfebe0e0f7fc42aec9ff4bac2595d37f42c95e8bd9a7bbf3eee0a864e47b2b"

/* ---- opening ---- */

static int open_file(const char *path, size_t max, struct rf_tar_index **out, struct rf_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    int rc = rf_tar_index_new(fd, path, max, out, err);
    /* The descriptor's own position is nobody's business. */
    ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 0);
    ck_assert_int_eq(close(fd), 0);
    return rc;
}

static int open_bytes(const struct rf_buf *tar, struct rf_tar_index **out, struct rf_err *err)
{
    write_file("t.tar", rf_buf_slice(tar));
    return open_file("t.tar", 1000, out, err);
}

static void expect_member(const struct rf_tar_index *t, const char *name, const char *text)
{
    const struct rf_tar_member *m = rf_tar_index_find(t, name);
    ck_assert_msg(m != NULL, "%s", name);
    ck_assert_uint_eq(m->size, strlen(text));
    char got[4096];
    int fd = open("t.tar", O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(rf_pread_full(fd, got, m->size, m->offset, NULL), 0);
    (void)close(fd);
    ck_assert_int_eq(memcmp(got, text, m->size), 0);
}

/* ---- sound files ---- */

START_TEST(members_are_found_at_their_bytes)
{
    struct rf_buf tar;
    struct rf_tar_index *t = NULL;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&tar, 0);
    struct tar_entry folder = { .name = "./", .type = '5' };
    struct tar_entry blobs = { .name = "./blobs/", .type = '5' };
    struct tar_entry old = { .name = "old", .type = '\0', .data = "V7", .size = 2 };
    tar_add(&tar, &folder);
    tar_file(&tar, "./oci-layout", "{}");
    tar_add(&tar, &blobs);
    tar_file(&tar, "blobs/a", "");
    tar_add(&tar, &old);
    tar_file(&tar, "b", "the last one");
    tar_end(&tar);
    expect_ok(open_bytes(&tar, &t, &err), err);
    ck_assert_uint_eq(rf_tar_index_count(t), 4);
    ck_assert_str_eq(rf_tar_index_at(t, 0)->name, "oci-layout");
    ck_assert_str_eq(rf_tar_index_at(t, 3)->name, "b");
    expect_member(t, "oci-layout", "{}");
    expect_member(t, "blobs/a", "");
    expect_member(t, "old", "V7");
    expect_member(t, "b", "the last one");
    ck_assert_ptr_null(rf_tar_index_find(t, "blobs/"));
    ck_assert_ptr_null(rf_tar_index_find(t, "./b"));
    rf_tar_index_free(t);
    rf_buf_release(&tar);
}
END_TEST

/* Written by libarchive in each form that layouts are written in. */
static const struct {
    const char *name;
    int (*set)(struct archive *);
} formats[] = { { "ustar", archive_write_set_format_ustar },
                { "gnutar", archive_write_set_format_gnutar },
                { "pax", archive_write_set_format_pax },
                { "pax restricted", archive_write_set_format_pax_restricted } };

static void write_member(struct archive *a, const char *name, const char *text)
{
    struct archive_entry *e = archive_entry_new();
    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, 0600);
    archive_entry_set_mtime(e, 1700000000, 123456789); /* needs pax records */
    archive_entry_set_size(e, (la_int64_t)strlen(text));
    ck_assert_int_eq(archive_write_header(a, e), ARCHIVE_OK);
    ck_assert_int_eq(archive_write_data(a, text, strlen(text)), (int)strlen(text));
    archive_entry_free(e);
}

START_TEST(every_usual_form_is_read)
{
    /* 180 bytes: over the 100 of the name field, into prefix, pax record or long name. */
    char deep[181];
    for (size_t i = 0; i < 180; i++)
        deep[i] = i % 60 == 59 ? '/' : 'n';
    deep[179] = 'n';
    deep[180] = '\0';
    struct archive *a = archive_write_new();
    ck_assert_int_eq(formats[_i].set(a), ARCHIVE_OK);
    ck_assert_int_eq(archive_write_open_filename(a, "t.tar"), ARCHIVE_OK);
    write_member(a, "first", "one");
    write_member(a, deep, "deep down");
    write_member(a, "empty", "");
    write_member(a, "last", "three");
    ck_assert_int_eq(archive_write_close(a), ARCHIVE_OK);
    ck_assert_int_eq(archive_write_free(a), ARCHIVE_OK);
    struct rf_tar_index *t = NULL;
    struct rf_err err = RF_ERR_INIT;
    int rc = open_file("t.tar", 10, &t, &err);
    ck_assert_msg(rc == 0, "%s: %s", formats[_i].name, err.msg);
    expect_member(t, "first", "one");
    expect_member(t, deep, "deep down");
    expect_member(t, "empty", "");
    expect_member(t, "last", "three");
    rf_tar_index_free(t);
}
END_TEST

/* Of processor time: what others do on this machine does not count. */
static double seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* Members over the 8 GiB of the octal size field; holes on disk, jumped over while indexing. */
START_TEST(large_members_are_jumped_over)
{
    const uint64_t big = (9ULL << 30) + 5;
    struct rf_buf head, tail;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&head, 0);
    rf_buf_init(&tail, 0);
    tar_file(&head, "before", "1");
    expect_ok(rf_tar_header("big", big, &head, &err), err);
    tar_file(&tail, "after", "found again");
    tar_end(&tail);
    int fd = open("t.tar", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    uint64_t at = head.len + rf_tar_padded(big);
    ck_assert_int_eq(rf_pwrite_full(fd, head.ptr, head.len, 0, NULL), 0);
    ck_assert_int_eq(rf_pwrite_full(fd, "<", 1, head.len, NULL), 0);
    ck_assert_int_eq(rf_pwrite_full(fd, ">", 1, head.len + big - 1, NULL), 0);
    ck_assert_int_eq(rf_pwrite_full(fd, tail.ptr, tail.len, at, NULL), 0);
    (void)close(fd);

    struct rf_tar_index *t = NULL;
    double start = seconds();
    expect_ok(open_file("t.tar", 10, &t, &err), err);
    ck_assert_msg(seconds() - start < 1.0, "%f seconds", seconds() - start);
    const struct rf_tar_member *m = rf_tar_index_find(t, "big");
    ck_assert_uint_eq(m->size, big);
    ck_assert_uint_eq(m->offset, head.len);
    fd = open("t.tar", O_RDONLY | O_CLOEXEC);
    char c = 0;
    ck_assert_int_eq(rf_pread_full(fd, &c, 1, m->offset, NULL), 0);
    ck_assert_int_eq(c, '<');
    ck_assert_int_eq(rf_pread_full(fd, &c, 1, m->offset + m->size - 1, NULL), 0);
    ck_assert_int_eq(c, '>');
    (void)close(fd);
    expect_member(t, "before", "1");
    expect_member(t, "after", "found again");
    rf_tar_index_free(t);

    /* Cut within the hole: found without reading it. */
    ck_assert_int_eq(truncate("t.tar", (off_t)(head.len + big - 1)), 0);
    expect_error(open_file("t.tar", 10, &t, &err), RFE_INVALID, err, "\"big\"");
    rf_buf_release(&head);
    rf_buf_release(&tail);
}
END_TEST

/* ---- hostile files ---- */

static const struct {
    struct tar_entry entry;
    const char *why;
} refused[] = {
    { { .name = "a", .type = '2', .link = "/etc/passwd" }, "symbolic link" },
    { { .name = "a", .type = '2', .link = "blobs" }, "symbolic link" },
    { { .name = "a", .type = '1', .link = "first" }, "hard link" },
    { { .name = "a", .type = '1', .link = "/etc/shadow" }, "hard link" },
    { { .name = "a", .type = '3' }, "device" },
    { { .name = "a", .type = '4' }, "device" },
    { { .name = "a", .type = '6' }, "FIFO" },
    { { .name = "/etc/passwd", .type = '0', .data = "x", .size = 1 }, "absolute" },
    { { .name = "//x", .type = '0', .data = "x", .size = 1 }, "absolute" },
    { { .name = "/", .type = '5' }, "absolute" },
    { { .name = "../x", .type = '0', .data = "x", .size = 1 }, "\"..\"" },
    { { .name = "a/../../x", .type = '0', .data = "x", .size = 1 }, "\"..\"" },
    { { .name = "./../x", .type = '0', .data = "x", .size = 1 }, "\"..\"" },
    { { .name = "a/..", .type = '5' }, "\"..\"" },
    { { .name = "..", .type = '5' }, "\"..\"" },
    { { .name = "blobs/../first", .type = '0', .data = "x", .size = 1 }, "\"..\"" },
    { { .name = "a//b", .type = '0', .data = "x", .size = 1 }, "empty" },
    { { .name = "a/./b", .type = '0', .data = "x", .size = 1 }, "empty" },
    { { .name = "././a", .type = '0', .data = "x", .size = 1 }, "empty" },
    { { .name = ".//first", .type = '0', .data = "x", .size = 1 }, "absolute" },
    { { .name = "a\nb", .type = '0', .data = "x", .size = 1 }, "control" },
    { { .name = "a\x1b[31m", .type = '0', .data = "x", .size = 1 }, "control" },
    { { .name = "a\x7f", .type = '0', .data = "x", .size = 1 }, "control" },
    { { .name = "a\xff\xfe", .type = '0', .data = "x", .size = 1 }, "" },
    { { .name = "", .type = '0', .data = "x", .size = 1 }, "" },
    { { .name = "first", .type = '0', .data = "x", .size = 1 }, "twice" },
    { { .name = "./first", .type = '0', .data = "x", .size = 1 }, "twice" },
    { { .name = "a", .type = '0', .data = "x", .size = 1, .bad_sum = true }, "" },
    { { .name = "a", .type = '5', .data = "x", .size = 1 }, "folder with content" },
    { { .name = "a", .type = 'S', .data = "x", .size = 1 }, "" },
    { { .name = "a", .type = 'D', .data = "x", .size = 1 }, "" },
    { { .name = "a", .type = 'M', .data = "x", .size = 1 }, "" },
    { { .name = "a", .type = 'V', .data = "x", .size = 1 }, "" },
    { { .name = "a", .type = '0', .size_field = "77777777777" }, "cut off" },
    { { .name = "a", .type = '0', .size_field = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" },
      "" },
    { { .name = "a", .type = '0', .size_field = "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff" }, "" },
    { { .name = "a", .type = '0', .size_field = "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff" },
      "" },
    { { .name = "a", .type = '0', .size_field = "-0000000001" }, "" },
};

START_TEST(odd_members_are_refused)
{
    struct rf_buf tar;
    struct rf_tar_index *t = NULL;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&tar, 0);
    tar_file(&tar, "first", "1");
    tar_add(&tar, &refused[_i].entry);
    tar_file(&tar, "last", "2");
    tar_end(&tar);
    int rc = open_bytes(&tar, &t, &err);
    ck_assert_msg(rc == -RFE_INVALID, "row %d (%s): %s %s", _i, refused[_i].entry.name,
                  rf_error_name(rc), err.msg);
    ck_assert_msg(strstr(err.msg, refused[_i].why) != NULL, "row %d: no \"%s\" in: %s", _i,
                  refused[_i].why, err.msg);
    ck_assert_msg(strstr(err.msg, "t.tar") != NULL, "%s", err.msg);
    for (const char *c = err.msg; *c != '\0'; c++)
        ck_assert_int_ge((unsigned char)*c, ' ');
    ck_assert_ptr_null(t);
    rf_buf_release(&tar);
}
END_TEST

static void pax_record(struct rf_buf *tar, char type, const char *records)
{
    struct tar_entry e = {
        .name = "PaxHeader/x", .type = type, .data = records, .size = strlen(records)
    };
    tar_add(tar, &e);
}

static const struct {
    const char *records, *why;
} pax_refused[] = {
    { "17 path=/etc/pwd\n", "absolute" },
    { "14 path=../x\n", "" }, /* the length is wrong as well */
    { "13 path=../x\n", "\"..\"" },
    { "14 path=first\n", "twice" },
    { "16 linkpath=abc\n", "" },
    { "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n25 GNU.sparse.realsize=9\n", "" },
    { "26 GNU.sparse.map=0,1,9,1\n25 GNU.sparse.realsize=10\n", "" },
    { "13 size=9999\n", "cut off" },
    { "11 size=-9\n", "" },
    { "30 size=999999999999999999999\n", "" },
    { "99999999999 path=x\n", "" },
    { "xx path=y\n", "" },
};

START_TEST(odd_pax_records_are_refused)
{
    struct rf_buf tar;
    struct rf_tar_index *t = NULL;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&tar, 0);
    tar_file(&tar, "first", "1");
    pax_record(&tar, 'x', pax_refused[_i].records);
    tar_file(&tar, "plain", "x");
    tar_end(&tar);
    int rc = open_bytes(&tar, &t, &err);
    if (rc == 0) {
        /* A reader may pass over a record that says nothing of a plain file; but the bytes must be right. */
        ck_assert_msg(pax_refused[_i].why[0] == '\0', "row %d was taken", _i);
        ck_assert_uint_eq(rf_tar_index_count(t), 2);
        expect_member(t, rf_tar_index_at(t, 1)->name, "x");
        rf_tar_index_free(t);
    } else {
        ck_assert_msg(rc == -RFE_INVALID, "row %d: %s %s", _i, rf_error_name(rc), err.msg);
        ck_assert_msg(strstr(err.msg, pax_refused[_i].why) != NULL, "row %d: no \"%s\" in: %s", _i,
                      pax_refused[_i].why, err.msg);
    }
    rf_buf_release(&tar);
}
END_TEST

START_TEST(sparse_files_of_other_writers_are_refused)
{
    struct archive *a = archive_write_new();
    ck_assert_int_eq(archive_write_set_format_pax(a), ARCHIVE_OK);
    ck_assert_int_eq(archive_write_open_filename(a, "t.tar"), ARCHIVE_OK);
    struct archive_entry *e = archive_entry_new();
    archive_entry_set_pathname(e, "holes");
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_size(e, 1 << 20);
    archive_entry_sparse_add_entry(e, 65536, 512);
    ck_assert_int_eq(archive_write_header(a, e), ARCHIVE_OK);
    archive_entry_free(e);
    ck_assert_int_eq(archive_write_close(a), ARCHIVE_OK);
    ck_assert_int_eq(archive_write_free(a), ARCHIVE_OK);
    struct rf_tar_index *t = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_error(open_file("t.tar", 10, &t, &err), RFE_INVALID, err, "t.tar");
}
END_TEST

/* A sparse file whose one block is the whole file looks plain, but for the map before its data. */
START_TEST(sparse_files_without_holes_are_refused)
{
    struct rf_buf tar;
    struct rf_tar_index *t = NULL;
    struct rf_err err = RF_ERR_INIT;
    char data[1024] = "1\n0\n4\n";
    memcpy(data + 512, "abcd", 4);
    rf_buf_init(&tar, 0);
    pax_record(&tar, 'x',
               "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n21 GNU.sparse.name=h\n"
               "25 GNU.sparse.realsize=4\n");
    struct tar_entry e = { .name = "h", .type = '0', .data = data, .size = 516 };
    tar_add(&tar, &e);
    tar_end(&tar);
    expect_error(open_bytes(&tar, &t, &err), RFE_INVALID, err, "h");
    rf_buf_release(&tar);
}
END_TEST

static const struct {
    const char *magic;
    size_t len;
    const char *what;
} compressed[] = { { "\x1f\x8b\x08\0\0", 5, "gunzip" },
                   { "\x28\xb5\x2f\xfd\0", 5, "unzstd" },
                   { "\xfd"
                     "7zXZ\0",
                     6, "unxz" },
                   { "BZh91", 5, "bunzip2" } };

START_TEST(compressed_files_name_the_next_step)
{
    struct rf_tar_index *t = NULL;
    struct rf_err err = RF_ERR_INIT;
    write_file("t.tar", rf_slice_of(compressed[_i].magic, compressed[_i].len));
    expect_error(open_file("t.tar", 10, &t, &err), RFE_UNSUPPORTED, err, compressed[_i].what);
}
END_TEST

START_TEST(other_files_are_no_tar)
{
    static const char *const texts[] = { "", "hello", "#!/bin/sh\nexit 0\n" };
    for (size_t i = 0; i < RF_ARRAY_LEN(texts); i++) {
        struct rf_tar_index *t = NULL;
        struct rf_err err = RF_ERR_INIT;
        write_text("t.tar", texts[i]);
        expect_error(open_file("t.tar", 10, &t, &err), RFE_INVALID, err, "t.tar");
    }
    char noise[4096];
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (char)(i * 131 + 7);
    struct rf_tar_index *t = NULL;
    struct rf_err err = RF_ERR_INIT;
    write_file("t.tar", rf_slice_of(noise, sizeof(noise)));
    expect_error(open_file("t.tar", 10, &t, &err), RFE_INVALID, err, "t.tar");
    expect_error(open_file(".", 10, &t, &err), RFE_INVALID, err, "not a regular file");
}
END_TEST

/* Whatever the place of the cut, it is noticed. */
START_TEST(every_cut_is_noticed)
{
    struct rf_buf tar;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&tar, 0);
    tar_file(&tar, "a", "some bytes");
    pax_record(&tar, 'x', "13 path=long\n");
    tar_file(&tar, "b", "more bytes");
    tar_end(&tar);
    size_t need = tar.len - 512; /* one zero block is enough of an end mark */
    write_file("t.tar", rf_buf_slice(&tar));
    for (size_t n = tar.len + 1; n-- > 0;) {
        struct rf_tar_index *t = NULL;
        ck_assert_int_eq(truncate("t.tar", (off_t)n), 0);
        int rc = open_file("t.tar", 10, &t, &err);
        if (n < need)
            ck_assert_msg(rc == -RFE_INVALID, "cut to %zu: %s %s", n, rf_error_name(rc), err.msg);
        else
            ck_assert_msg(rc == 0 || rc == -RFE_INVALID, "cut to %zu: %s", n, err.msg);
        if (n == tar.len)
            ck_assert_int_eq(rc, 0);
        rf_tar_index_free(t);
    }
    rf_buf_release(&tar);
}
END_TEST

START_TEST(bytes_instead_of_the_end_mark_are_refused)
{
    struct rf_buf tar;
    struct rf_tar_index *t = NULL;
    struct rf_err err = RF_ERR_INIT;
    char noise[1024];
    memset(noise, 'x', sizeof(noise));
    rf_buf_init(&tar, 0);
    tar_file(&tar, "a", "1");
    rf_buf_add(&tar, noise, sizeof(noise));
    expect_error(open_bytes(&tar, &t, &err), RFE_INVALID, err, "t.tar");
    rf_buf_release(&tar);
}
END_TEST

START_TEST(the_number_of_members_is_bounded)
{
    struct rf_buf tar;
    struct rf_tar_index *t = NULL;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&tar, 0);
    for (int i = 0; i < 11; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "m%d", i);
        if (i % 2 == 0)
            tar_file(&tar, name, "x");
        else
            tar_add(&tar, &(struct tar_entry){ .name = name, .type = '5' });
    }
    tar_end(&tar);
    write_file("t.tar", rf_buf_slice(&tar));
    expect_error(open_file("t.tar", 10, &t, &err), RFE_TOO_LARGE, err, "10 members");
    expect_ok(open_file("t.tar", 11, &t, &err), err);
    ck_assert_uint_eq(rf_tar_index_count(t), 6);
    rf_tar_index_free(t);
    rf_buf_release(&tar);
}
END_TEST

/* ---- headers that we write ---- */

static const struct {
    uint64_t size;
    size_t len;
} sizes[] = { { 0, 512 },           { 1, 512 },          { 4096, 512 }, { (8ULL << 30) - 1, 512 },
              { 8ULL << 30, 1536 }, { 1ULL << 40, 1536 } };

START_TEST(headers_have_the_size_they_need)
{
    struct rf_buf h, again;
    struct rf_err err = RF_ERR_INIT;
    const char *name =
        "blobs/sha256/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    rf_buf_init(&h, 0);
    rf_buf_init(&again, 0);
    rf_buf_add_str(&h, "before");
    expect_ok(rf_tar_header(name, sizes[_i].size, &h, &err), err);
    ck_assert_uint_eq(h.len, 6 + sizes[_i].len);
    expect_ok(rf_tar_header(name, sizes[_i].size, &again, &err), err);
    ck_assert_int_eq(memcmp(h.ptr + 6, again.ptr, again.len), 0);
    rf_buf_release(&h);
    rf_buf_release(&again);
}
END_TEST

/* The bytes are part of the format: a bundle must be the same wherever it is written. */
START_TEST(header_bytes_are_fixed)
{
    struct rf_buf h;
    rf_buf_init(&h, 0);
    ck_assert_int_eq(rf_tar_header("oci-layout", 30, &h, NULL), 0);
    ck_assert_uint_eq(h.len, 512);
    char want[512] = { 0 };
    memcpy(want, "oci-layout", 10);
    memcpy(want + 100, "000644 ", 8);
    memcpy(want + 108, "000000 ", 8);
    memcpy(want + 116, "000000 ", 8);
    memcpy(want + 124, "00000000036 ", 12);
    memcpy(want + 136, "00000000000 ", 12);
    want[156] = '0';
    memcpy(want + 257, "ustar\00000", 8);
    memcpy(want + 329, "000000 ", 8);
    memcpy(want + 337, "000000 ", 8);
    memset(want + 148, ' ', 8);
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof(want); i++)
        sum += (unsigned char)want[i];
    (void)snprintf(want + 148, 8, "%06o", sum);
    for (size_t i = 0; i < sizeof(want); i++)
        ck_assert_msg(h.ptr[i] == want[i], "byte %zu: %02x, want %02x", i, (unsigned char)h.ptr[i],
                      (unsigned char)want[i]);
    rf_buf_clear(&h);
    ck_assert_int_eq(rf_tar_header("big", 1ULL << 40, &h, NULL), 0);
    struct rf_digest d;
    char text[RF_DIGEST_TEXT];
    rf_digest_of(RF_DIGEST_SHA256, rf_buf_slice(&h), &d);
    ck_assert_str_eq(rf_digest_text(&d, text), BIG_HEADER_DIGEST);
    rf_buf_release(&h);
}
END_TEST

START_TEST(headers_that_cannot_be_are_refused)
{
    struct rf_buf h;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&h, 0);
    expect_error(rf_tar_header("x", UINT64_MAX, &h, &err), RFE_TOO_LARGE, err, "x");
    expect_error(rf_tar_header("x", INT64_MAX, &h, &err), RFE_TOO_LARGE, err, "x");
    struct rf_buf small;
    rf_buf_init(&small, 100);
    expect_error(rf_tar_header("x", 1, &small, &err), RFE_TOO_LARGE, err, "x");
    rf_buf_release(&small);
    rf_buf_release(&h);
}
END_TEST

START_TEST(a_hundred_thousand_headers_take_no_time)
{
    struct rf_buf h;
    char name[96];
    rf_buf_init(&h, 1 << 20);
    double start = seconds();
    for (unsigned i = 0; i < 100000; i++) {
        (void)snprintf(name, sizeof(name), "blobs/sha256/%064x", i);
        rf_buf_clear(&h);
        ck_assert_int_eq(rf_tar_header(name, i, &h, NULL), 0);
    }
    double took = seconds() - start;
    /* Sanitizers make it several times slower. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    double limit = 20.0;
#else
    double limit = 2.0;
#endif
    ck_assert_msg(took < limit, "%f seconds", took);
    rf_buf_release(&h);
}
END_TEST

Suite *rf_tar_index_suite(void)
{
    Suite *s = suite_create("tar_index");
    TCase *read = tcase_create("read");
    tcase_add_checked_fixture(read, work_setup, work_teardown);
    tcase_set_timeout(read, 60);
    tcase_add_test(read, members_are_found_at_their_bytes);
    tcase_add_loop_test(read, every_usual_form_is_read, 0, (int)RF_ARRAY_LEN(formats));
    tcase_add_test(read, large_members_are_jumped_over);
    suite_add_tcase(s, read);
    TCase *hostile = tcase_create("hostile");
    tcase_add_checked_fixture(hostile, work_setup, work_teardown);
    tcase_set_timeout(hostile, 60);
    tcase_add_loop_test(hostile, odd_members_are_refused, 0, (int)RF_ARRAY_LEN(refused));
    tcase_add_loop_test(hostile, odd_pax_records_are_refused, 0, (int)RF_ARRAY_LEN(pax_refused));
    tcase_add_test(hostile, sparse_files_of_other_writers_are_refused);
    tcase_add_test(hostile, sparse_files_without_holes_are_refused);
    tcase_add_loop_test(hostile, compressed_files_name_the_next_step, 0,
                        (int)RF_ARRAY_LEN(compressed));
    tcase_add_test(hostile, other_files_are_no_tar);
    tcase_add_test(hostile, every_cut_is_noticed);
    tcase_add_test(hostile, bytes_instead_of_the_end_mark_are_refused);
    tcase_add_test(hostile, the_number_of_members_is_bounded);
    suite_add_tcase(s, hostile);
    TCase *write = tcase_create("write");
    tcase_set_timeout(write, 60);
    tcase_add_loop_test(write, headers_have_the_size_they_need, 0, (int)RF_ARRAY_LEN(sizes));
    tcase_add_test(write, header_bytes_are_fixed);
    tcase_add_test(write, headers_that_cannot_be_are_refused);
    tcase_add_test(write, a_hundred_thousand_headers_take_no_time);
    suite_add_tcase(s, write);
    return s;
}
