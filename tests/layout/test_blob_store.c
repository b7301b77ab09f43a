/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <check.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "layout/blob_store.h"
#include "tests/layout/helper_layout.h"

Suite *rf_blob_store_suite(void);

static struct rf_blob_store *open_store(const char *path)
{
    struct rf_blob_store *s = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_blob_store_open(path, true, &s, &err), err);
    return s;
}

static void put(struct rf_blob_store *s, const char *text)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest d = digest_of(text);
    expect_ok(rf_blob_store_put_bytes(s, &d, rf_slice_str(text), &err), err);
}

static bool has(struct rf_blob_store *s, const char *text)
{
    struct rf_digest d = digest_of(text);
    struct rf_buf b;
    rf_buf_init(&b, 0);
    int rc = rf_blob_store_load(s, &d, &b, NULL);
    bool same = rc == 0 && rf_slice_is(rf_buf_slice(&b), text);
    rf_buf_release(&b);
    return same;
}

static size_t count_names(const char *folder)
{
    char *all = picture(folder);
    size_t n = 0;
    for (const char *c = all; *c != '\0'; c++)
        n += *c == '\n';
    free(all);
    return n - 1; /* the folder itself */
}

/* ---- writing and reading ---- */

START_TEST(what_is_put_is_read)
{
    struct rf_blob_store *s = open_store("a/b");
    struct rf_digest d = digest_of("hello");
    struct rf_err err = RF_ERR_INIT;
    uint64_t size = 0;
    expect_error(rf_blob_store_stat(s, &d, &size, &err), RFE_NOT_FOUND, err, "sha256:2cf24d");
    put(s, "hello");
    put(s, "");
    expect_ok(rf_blob_store_stat(s, &d, &size, &err), err);
    ck_assert_uint_eq(size, 5);
    ck_assert(has(s, "hello"));
    ck_assert(has(s, ""));
    char *path = blob_path("a/b", &d);
    ck_assert(file_is(path, "hello"));
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0644);
    free(path);

    struct rf_source *src = NULL;
    expect_ok(rf_blob_store_read(s, &d, 5, &src, &err), err);
    char got[8] = "";
    ck_assert_int_eq(rf_source_read(src, got, sizeof(got), NULL), 5);
    ck_assert_int_eq(rf_source_seek(src, 3, NULL), 0);
    ck_assert_int_eq(rf_source_read(src, got, sizeof(got), NULL), 2);
    ck_assert_int_eq(memcmp(got, "lo", 2), 0);
    rf_source_free(src);
    expect_ok(rf_blob_store_read(s, &d, UINT64_MAX, &src, &err), err);
    rf_source_free(src);
    expect_error(rf_blob_store_read(s, &d, 6, &src, &err), RFE_SIZE_MISMATCH, err, "want 6");
    rf_blob_store_free(s);
}
END_TEST

START_TEST(sha512_has_its_own_folder)
{
    struct rf_blob_store *s = open_store(".");
    struct rf_digest d;
    rf_digest_of(RF_DIGEST_SHA512, rf_slice_str("long"), &d);
    ck_assert_int_eq(rf_blob_store_put_bytes(s, &d, rf_slice_str("long"), NULL), 0);
    ck_assert_int_eq(rf_blob_store_stat(s, &d, NULL, NULL), 0);
    char *path = blob_path(".", &d);
    ck_assert(strstr(path, "./blobs/sha512/") == path && file_is(path, "long"));
    free(path);
    rf_blob_store_free(s);
}
END_TEST

START_TEST(an_absent_folder_is_made_only_when_asked)
{
    struct rf_blob_store *s = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_error(rf_blob_store_open("none", false, &s, &err), RFE_NOT_FOUND, err, "none");
    ck_assert(!is_there("none"));
    write_text("file", "x");
    ck_assert_int_lt(rf_blob_store_open("file", true, &s, &err), 0);
    /* A folder without blobs/ is an empty store. */
    ck_assert_int_eq(mkdir("empty", 0755), 0);
    expect_ok(rf_blob_store_open("empty", false, &s, &err), err);
    struct rf_digest d = digest_of("x");
    expect_error(rf_blob_store_stat(s, &d, NULL, &err), RFE_NOT_FOUND, err, "empty");
    expect_error(rf_blob_store_delete(s, &d, &err), RFE_NOT_FOUND, err, "empty");
    expect_ok(rf_blob_store_sync(s, &err), err);
    expect_ok(rf_blob_store_sweep(s, &err), err);
    ck_assert_uint_eq(count_names("empty"), 0);
    rf_blob_store_free(s);
}
END_TEST

/* ---- wrong content never gets a name ---- */

static const struct {
    const char *text;
    uint64_t size;
    int code;
} wrong[] = { { "hellO", 5, RFE_DIGEST_MISMATCH }, { "hell", 5, RFE_SIZE_MISMATCH },
              { "hello!", 5, RFE_SIZE_MISMATCH },  { "hello", 4, RFE_SIZE_MISMATCH },
              { "hello", 6, RFE_SIZE_MISMATCH },   { "", 5, RFE_SIZE_MISMATCH } };

START_TEST(wrong_bytes_leave_nothing)
{
    struct rf_blob_store *s = open_store(".");
    struct rf_digest d = digest_of("hello");
    struct rf_err err = RF_ERR_INIT;
    struct rf_sink *sink = NULL;
    expect_ok(rf_blob_store_put(s, &d, wrong[_i].size, &sink, &err), err);
    int rc = rf_sink_write(sink, wrong[_i].text, strlen(wrong[_i].text), &err);
    if (rc == 0)
        rc = rf_sink_commit(sink, &err);
    expect_error(rc, wrong[_i].code, err, "sha256:2cf24d");
    rf_sink_free(sink);
    ck_assert_int_eq(rf_blob_store_stat(s, &d, NULL, NULL), -RFE_NOT_FOUND);
    ck_assert_uint_eq(count_names("blobs/sha256"), 0);
    rf_blob_store_free(s);
}
END_TEST

START_TEST(nothing_is_seen_before_commit)
{
    struct rf_blob_store *s = open_store(".");
    struct rf_digest d = digest_of("hello");
    struct rf_sink *sink = NULL, *dropped = NULL;
    ck_assert_int_eq(rf_blob_store_put(s, &d, 5, &sink, NULL), 0);
    ck_assert_int_eq(rf_blob_store_put(s, &d, 5, &dropped, NULL), 0);
    ck_assert_int_eq(rf_sink_write(sink, "hel", 3, NULL), 0);
    ck_assert_int_eq(rf_sink_write(dropped, "hello", 5, NULL), 0);
    rf_sink_free(dropped);
    /* The sink lives longer than the store. */
    rf_blob_store_free(s);
    char *path = blob_path(".", &d);
    ck_assert(!is_there(path));
    ck_assert_int_eq(rf_sink_write(sink, "lo", 2, NULL), 0);
    ck_assert(!is_there(path));
    ck_assert_int_eq(rf_sink_commit(sink, NULL), 0);
    ck_assert(file_is(path, "hello"));
    rf_sink_free(sink);
    ck_assert_uint_eq(count_names("blobs/sha256"), 1);
    free(path);
}
END_TEST

START_TEST(a_blob_that_is_there_is_left_alone)
{
    struct rf_blob_store *s = open_store(".");
    put(s, "hello");
    struct rf_digest d = digest_of("hello");
    char *path = blob_path(".", &d);
    struct stat before, after;
    ck_assert_int_eq(stat(path, &before), 0);
    put(s, "hello");
    ck_assert_int_eq(stat(path, &after), 0);
    ck_assert_uint_eq(before.st_ino, after.st_ino);
    rf_blob_store_free(s);
    free(path);
}
END_TEST

static int put_same(void *ctx, size_t i, struct rf_err *err)
{
    struct rf_digest d = digest_of("the same for all");
    (void)i;
    return rf_blob_store_put_bytes(ctx, &d, rf_slice_str("the same for all"), err);
}

START_TEST(many_writers_of_one_blob_all_succeed)
{
    struct rf_blob_store *s = open_store(".");
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_parallel(8, 64, put_same, s, &err), err);
    ck_assert(has(s, "the same for all"));
    ck_assert_int_eq(rf_blob_store_sync(s, NULL), 0);
    char *all = picture("blobs/sha256");
    ck_assert_ptr_null(strstr(all, ".new-"));
    free(all);
    rf_blob_store_free(s);
}
END_TEST

/* ---- what other hands put into blobs/ ---- */

static void make_trap(int kind, const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    switch (kind) {
    case 0:
        ck_assert_int_eq(symlink("../../../secret", path), 0);
        break;
    case 1:
        ck_assert_int_eq(symlink("/etc/passwd", path), 0);
        break;
    case 2:
        ck_assert_int_eq(symlink("nowhere", path), 0);
        break;
    case 3:
        ck_assert_int_eq(mkfifo(path, 0600), 0);
        break;
    case 4:
        ck_assert_int_eq(mkdir(path, 0755), 0);
        break;
    default: {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char here[4096];
        ck_assert_ptr_nonnull(getcwd(here, sizeof(here)));
        ck_assert_int_eq(chdir("s/blobs/sha256"), 0);
        (void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", strrchr(path, '/') + 1);
        ck_assert_int_eq(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
        ck_assert_int_eq(chdir(here), 0);
        (void)close(fd);
    }
    }
}

#define TRAPS 6

START_TEST(what_is_no_plain_file_is_refused)
{
    struct rf_blob_store *s = open_store("s");
    put(s, "other");
    write_text("secret", "secret");
    struct rf_digest d = digest_of("secret");
    char *path = blob_path("s", &d);
    make_trap(_i, path);
    struct rf_err err = RF_ERR_INIT;
    struct rf_source *src = NULL;
    struct rf_buf b;
    rf_buf_init(&b, 0);
    expect_error(rf_blob_store_stat(s, &d, NULL, &err), RFE_INVALID, err, "s");
    expect_error(rf_blob_store_read(s, &d, UINT64_MAX, &src, &err), RFE_INVALID, err, "s");
    expect_error(rf_blob_store_load(s, &d, &b, &err), RFE_INVALID, err, "s");
    ck_assert_uint_eq(b.len, 0);
    rf_buf_release(&b);
    rf_blob_store_free(s);
    free(path);
}
END_TEST

START_TEST(writing_replaces_what_is_no_plain_file)
{
    struct rf_blob_store *s = open_store("s");
    put(s, "other");
    write_text("secret", "old!!!");
    struct rf_digest d = digest_of("secret");
    char *path = blob_path("s", &d);
    make_trap(_i, path);
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_blob_store_put_bytes(s, &d, rf_slice_str("secret"), &err);
    if (_i == 4) {
        /* A folder is in the way: an error, no more. */
        ck_assert_int_lt(rc, 0);
        ck_assert_uint_eq(count_names("s/blobs/sha256"), 2);
    } else {
        expect_ok(rc, err);
        ck_assert(has(s, "secret"));
        struct stat st;
        ck_assert(lstat(path, &st) == 0 && S_ISREG(st.st_mode));
    }
    ck_assert(file_is("secret", "old!!!"));
    rf_blob_store_free(s);
    free(path);
}
END_TEST

START_TEST(torn_files_are_found_and_replaced)
{
    struct rf_blob_store *s = open_store(".");
    struct rf_digest d = digest_of("hello");
    struct rf_err err = RF_ERR_INIT;
    struct rf_buf b;
    rf_buf_init(&b, 0);
    put(s, "hello");
    char *path = blob_path(".", &d);
    write_text(path, "hel");
    expect_error(rf_blob_store_load(s, &d, &b, &err), RFE_DIGEST_MISMATCH, err, "sha256:2cf24d");
    put(s, "hello");
    ck_assert(has(s, "hello"));
    /* The same length, other bytes: seen by whoever reads. */
    write_text(path, "hellO");
    rf_buf_clear(&b);
    expect_error(rf_blob_store_load(s, &d, &b, &err), RFE_DIGEST_MISMATCH, err, "sha256:2cf24d");
    rf_buf_release(&b);
    free(path);
    rf_blob_store_free(s);
}
END_TEST

/* blobs, or blobs/sha256, as a link to elsewhere. */
START_TEST(linked_folders_are_not_followed)
{
    ck_assert_int_eq(mkdir("s", 0755), 0);
    ck_assert_int_eq(mkdir("elsewhere", 0755), 0);
    ck_assert_int_eq(mkdir("elsewhere/sha256", 0755), 0);
    struct rf_digest d = digest_of("hello");
    if (_i == 0) {
        ck_assert_int_eq(symlink("../elsewhere", "s/blobs"), 0);
    } else {
        ck_assert_int_eq(mkdir("s/blobs", 0755), 0);
        ck_assert_int_eq(symlink("../../elsewhere/sha256", "s/blobs/sha256"), 0);
    }
    write_text("elsewhere/sha256/.new-1-2-3", "left over");
    char *before = picture("elsewhere");
    struct rf_blob_store *s = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_blob_store_open("s", true, &s, &err), err);
    expect_error(rf_blob_store_stat(s, &d, NULL, &err), RFE_INVALID, err, "links are not followed");
    expect_error(rf_blob_store_put_bytes(s, &d, rf_slice_str("hello"), &err), RFE_INVALID, err,
                 "links are not followed");
    expect_error(rf_blob_store_delete(s, &d, &err), RFE_INVALID, err, "links are not followed");
    expect_error(rf_blob_store_sweep(s, &err), RFE_INVALID, err, "links are not followed");
    expect_error(rf_blob_store_sync(s, &err), RFE_INVALID, err, "links are not followed");
    char *after = picture("elsewhere");
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
    rf_blob_store_free(s);
}
END_TEST

START_TEST(a_load_is_bounded_by_its_buffer)
{
    struct rf_blob_store *s = open_store(".");
    put(s, "0123456789");
    struct rf_digest d = digest_of("0123456789");
    struct rf_err err = RF_ERR_INIT;
    struct rf_buf b;
    rf_buf_init(&b, 10);
    expect_ok(rf_blob_store_load(s, &d, &b, &err), err);
    expect_error(rf_blob_store_load(s, &d, &b, &err), RFE_TOO_LARGE, err, "10 bytes");
    ck_assert_uint_eq(b.len, 10);
    rf_buf_release(&b);
    rf_blob_store_free(s);
}
END_TEST

/* ---- links, deleting, walking, sweeping ---- */

START_TEST(links_share_the_file)
{
    struct rf_blob_store *a = open_store("a"), *b = open_store("b");
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest d = digest_of("hello");
    expect_error(rf_blob_store_link(b, a, &d, &err), RFE_NOT_FOUND, err, "a");
    put(a, "hello");
    expect_ok(rf_blob_store_link(b, a, &d, &err), err);
    expect_ok(rf_blob_store_link(b, a, &d, &err), err);
    char *pa = blob_path("a", &d), *pb = blob_path("b", &d);
    struct stat sa, sb;
    ck_assert(stat(pa, &sa) == 0 && stat(pb, &sb) == 0);
    ck_assert_uint_eq(sa.st_ino, sb.st_ino);
    ck_assert_int_eq(rf_blob_store_delete(a, &d, NULL), 0);
    ck_assert(has(b, "hello"));
    free(pa);
    free(pb);
    rf_blob_store_free(a);
    rf_blob_store_free(b);
}
END_TEST

START_TEST(links_are_never_made_to_links)
{
    struct rf_blob_store *a = open_store("a"), *b = open_store("b");
    put(a, "other");
    write_text("secret", "secret");
    struct rf_digest d = digest_of("secret");
    char *pa = blob_path("a", &d), *pb = blob_path("b", &d);
    ck_assert_int_eq(symlink("../../../secret", pa), 0);
    struct rf_err err = RF_ERR_INIT;
    expect_error(rf_blob_store_link(b, a, &d, &err), RFE_INVALID, err, "a");
    ck_assert(!is_there(pb));
    free(pa);
    free(pb);
    rf_blob_store_free(a);
    rf_blob_store_free(b);
}
END_TEST

/* /dev/shm is another file system than /tmp nearly everywhere. */
START_TEST(across_file_systems_it_is_a_copy)
{
    char other[] = "/dev/shm/rf-store-XXXXXX";
    struct stat here, there;
    if (mkdtemp(other) == NULL)
        return;
    ck_assert(stat(".", &here) == 0 && stat(other, &there) == 0);
    struct rf_blob_store *a = open_store("a"), *b = open_store(other);
    put(a, "hello");
    struct rf_digest d = digest_of("hello");
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_blob_store_link(b, a, &d, &err), err);
    ck_assert(has(b, "hello"));
    /* A copy is checked on the way. */
    struct rf_digest bad = digest_of("good");
    char *path = blob_path("a", &bad);
    write_text(path, "evil");
    if (here.st_dev != there.st_dev)
        expect_error(rf_blob_store_link(b, a, &bad, &err), RFE_DIGEST_MISMATCH, err, "sha256:");
    free(path);
    rf_blob_store_free(a);
    rf_blob_store_free(b);
    char *command[] = { blob_path(other, &d), rf_xasprintf("%s/blobs/sha256", other),
                        rf_xasprintf("%s/blobs", other), rf_xstrdup(other) };
    for (size_t i = 0; i < RF_ARRAY_LEN(command); i++) {
        (void)remove(command[i]);
        free(command[i]);
    }
}
END_TEST

struct seen {
    uint64_t n, bytes;
    int stop;
};

static int see(void *ctx, const struct rf_digest *d, uint64_t size, struct rf_err *err)
{
    struct seen *seen = ctx;
    ck_assert(rf_digest_is_set(d));
    seen->n++;
    seen->bytes += size;
    return seen->stop != 0 ? rf_fail(err, seen->stop, "enough") : 0;
}

START_TEST(a_walk_sees_blobs_and_nothing_else)
{
    struct rf_blob_store *s = open_store("s");
    struct rf_digest d512, link = digest_of("link"), fifo = digest_of("fifo");
    rf_digest_of(RF_DIGEST_SHA512, rf_slice_str("123"), &d512);
    put(s, "1");
    put(s, "12");
    ck_assert_int_eq(rf_blob_store_put_bytes(s, &d512, rf_slice_str("123"), NULL), 0);
    write_text("s/blobs/sha256/README", "not a digest");
    write_text("s/blobs/sha256/.new-1-2-3", "not a digest");
    ck_assert_int_eq(mkdir("s/blobs/md5", 0755), 0);
    char *p = blob_path("s", &link);
    ck_assert_int_eq(symlink("README", p), 0);
    free(p);
    p = blob_path("s", &fifo);
    ck_assert_int_eq(mkfifo(p, 0600), 0);
    free(p);
    struct seen seen = { 0 };
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_blob_store_each(s, see, &seen, &err), err);
    ck_assert_uint_eq(seen.n, 3);
    ck_assert_uint_eq(seen.bytes, 6);
    seen = (struct seen){ .stop = RFE_CANCELLED };
    expect_error(rf_blob_store_each(s, see, &seen, &err), RFE_CANCELLED, err, "enough");
    ck_assert_uint_eq(seen.n, 1);
    rf_blob_store_free(s);
}
END_TEST

START_TEST(sweeping_takes_only_what_nobody_writes)
{
    struct rf_blob_store *s = open_store("s");
    struct rf_err err = RF_ERR_INIT;
    put(s, "kept");
    write_text("s/blobs/sha256/.new-1-1-1", "of a killed writer");
    write_text("s/blobs/sha256/.new-2-2-2", "of a living writer");
    write_text("s/blobs/sha256/.new-3-3-3", ""); /* perhaps made this very moment */
    write_text("s/blobs/sha256/notes", "mine");
    ck_assert_int_eq(symlink("notes", "s/blobs/sha256/.new-4-4-4"), 0);
    int fd = open("s/blobs/sha256/.new-2-2-2", O_RDWR | O_CLOEXEC);
    ck_assert_int_eq(flock(fd, LOCK_SH), 0);
    expect_ok(rf_blob_store_sweep(s, &err), err);
    ck_assert(!is_there("s/blobs/sha256/.new-1-1-1"));
    ck_assert(is_there("s/blobs/sha256/.new-2-2-2"));
    ck_assert(is_there("s/blobs/sha256/.new-3-3-3"));
    ck_assert(file_is("s/blobs/sha256/notes", "mine"));
    (void)close(fd);
    expect_ok(rf_blob_store_sweep(s, &err), err);
    ck_assert(!is_there("s/blobs/sha256/.new-2-2-2"));
    ck_assert(has(s, "kept"));
    rf_blob_store_free(s);
}
END_TEST

START_TEST(deleting_tells_what_was_not_there)
{
    struct rf_blob_store *s = open_store(".");
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest d = digest_of("x");
    put(s, "x");
    expect_ok(rf_blob_store_delete(s, &d, &err), err);
    expect_error(rf_blob_store_delete(s, &d, &err), RFE_NOT_FOUND, err, "sha256:2d711642");
    ck_assert(!has(s, "x"));
    rf_blob_store_free(s);
}
END_TEST

/* ---- file systems and kernels that cannot or will not ---- */

/* From here on this process is told errnum by `call`, when all bits of mask are set in its argument arg (mask 0: always). */
static void deny(long call, unsigned arg, uint32_t mask, uint32_t errnum)
{
    uint32_t value = (uint32_t)(offsetof(struct seccomp_data, args) + arg * sizeof(uint64_t));
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, value),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, mask, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | errnum),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = { .len = RF_ARRAY_LEN(code), .filter = code };
    ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

/* No files without names, and no hard links. */
static void poor_setup(void)
{
    work_setup();
    deny(SYS_openat, 2, O_TMPFILE & ~O_DIRECTORY, EOPNOTSUPP);
    deny(SYS_linkat, 0, 0, EPERM);
}

START_TEST(without_links_a_link_is_a_copy)
{
    struct rf_blob_store *a = open_store("a"), *b = open_store("b");
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest d = digest_of("hello");
    put(a, "hello");
    expect_ok(rf_blob_store_link(b, a, &d, &err), err);
    ck_assert_int_eq(rf_blob_store_delete(a, &d, NULL), 0);
    ck_assert(has(b, "hello"));
    ck_assert_uint_eq(count_names("b/blobs/sha256"), 1);
    rf_blob_store_free(a);
    rf_blob_store_free(b);
}
END_TEST

static const struct {
    long call;
    uint32_t errnum;
    int code;
} faults[] = { { SYS_fsync, EIO, EIO },
               { SYS_pwrite64, ENOSPC, RFE_NO_SPACE },
               { SYS_pwrite64, EDQUOT, RFE_NO_SPACE },
               { SYS_pwrite64, EIO, EIO } };

START_TEST(a_fault_leaves_nothing)
{
    struct rf_blob_store *s = open_store(".");
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest d = digest_of("hello");
    put(s, "other");
    deny(faults[_i].call, 0, 0, faults[_i].errnum);
    expect_error(rf_blob_store_put_bytes(s, &d, rf_slice_str("hello"), &err), faults[_i].code, err,
                 ".");
    ck_assert_int_eq(rf_blob_store_stat(s, &d, NULL, NULL), -RFE_NOT_FOUND);
    ck_assert_uint_eq(count_names("blobs/sha256"), 1);
    rf_blob_store_free(s);
}
END_TEST

static void add_writing(TCase *c)
{
    tcase_add_test(c, what_is_put_is_read);
    tcase_add_loop_test(c, wrong_bytes_leave_nothing, 0, (int)RF_ARRAY_LEN(wrong));
    tcase_add_test(c, a_blob_that_is_there_is_left_alone);
    tcase_add_test(c, many_writers_of_one_blob_all_succeed);
    tcase_add_loop_test(c, writing_replaces_what_is_no_plain_file, 0, TRAPS);
    tcase_add_test(c, torn_files_are_found_and_replaced);
    tcase_add_loop_test(c, a_fault_leaves_nothing, 0, (int)RF_ARRAY_LEN(faults));
}

Suite *rf_blob_store_suite(void)
{
    Suite *s = suite_create("blob_store");
    TCase *basic = tcase_create("basic");
    tcase_add_checked_fixture(basic, work_setup, work_teardown);
    tcase_add_test(basic, sha512_has_its_own_folder);
    tcase_add_test(basic, an_absent_folder_is_made_only_when_asked);
    tcase_add_test(basic, nothing_is_seen_before_commit);
    add_writing(basic);
    tcase_add_test(basic, a_load_is_bounded_by_its_buffer);
    tcase_add_test(basic, links_share_the_file);
    tcase_add_test(basic, across_file_systems_it_is_a_copy);
    tcase_add_test(basic, a_walk_sees_blobs_and_nothing_else);
    tcase_add_test(basic, sweeping_takes_only_what_nobody_writes);
    tcase_add_test(basic, deleting_tells_what_was_not_there);
    suite_add_tcase(s, basic);
    TCase *hostile = tcase_create("hostile");
    tcase_add_checked_fixture(hostile, work_setup, work_teardown);
    tcase_add_loop_test(hostile, what_is_no_plain_file_is_refused, 0, TRAPS);
    tcase_add_loop_test(hostile, linked_folders_are_not_followed, 0, 2);
    tcase_add_test(hostile, links_are_never_made_to_links);
    suite_add_tcase(s, hostile);
    TCase *poor = tcase_create("poor");
    tcase_add_checked_fixture(poor, poor_setup, work_teardown);
    add_writing(poor);
    tcase_add_test(poor, without_links_a_link_is_a_copy);
    suite_add_tcase(s, poor);
    return s;
}
