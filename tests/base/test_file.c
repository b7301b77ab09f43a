/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "base/room.h"
#include "base/text.h"
#include "tests/base/helper_dir.h"

Suite *rf_file_suite(void);

static unsigned mode_of(const char *path)
{
    struct stat st;
    ck_assert_int_eq(lstat(path, &st), 0);
    return st.st_mode & 07777;
}

/* ---- opening ---- */

START_TEST(open_gives_regular_files)
{
    dir_write("f", "hello");
    int fd = -1;
    uint64_t size = 0;
    ck_assert_int_eq(rf_file_open("f", &fd, &size, NULL), 0);
    ck_assert_uint_eq(size, 5);
    ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    (void)close(fd);
    ck_assert_int_eq(rf_file_open("f", &fd, NULL, NULL), 0);
    (void)close(fd);
}
END_TEST

static void make_odd_files(void)
{
    ck_assert_int_eq(mkdir("dir", 0755), 0);
    ck_assert_int_eq(mkdir("dir/sub", 0755), 0);
    dir_write("dir/f", "inside");
    dir_write("dir/sub/g", "deeper");
    dir_write("secret", "outside");
    ck_assert_int_eq(mkfifo("dir/fifo", 0600), 0);
    ck_assert_int_eq(symlink("f", "dir/link"), 0);
    ck_assert_int_eq(symlink("../secret", "dir/out"), 0);
    ck_assert_int_eq(symlink("sub", "dir/linked"), 0);
    ck_assert_int_eq(symlink("loop", "dir/loop"), 0);
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = "dir/socket" };
    ck_assert_int_eq(bind(s, (const struct sockaddr *)&addr, sizeof(addr)), 0);
    (void)close(s);
}

static const struct {
    const char *path; /* below dir/ */
    int at, plain;    /* result relative to dir, and of the path as a whole */
} odd[] = {
    { "f", 0, 0 },
    { "sub/g", 0, 0 },
    { "./f", 0, 0 },
    { "sub//g", 0, 0 },
    { "absent", -RFE_NOT_FOUND, -RFE_NOT_FOUND },
    { "f/x", -RFE_NOT_FOUND, -RFE_NOT_FOUND },
    { "sub", -RFE_INVALID, -RFE_INVALID },
    { ".", -RFE_INVALID, -RFE_INVALID },
    { "fifo", -RFE_INVALID, -RFE_INVALID },
    { "socket", -RFE_INVALID, -RFE_INVALID },
    { "link", -RFE_INVALID, -RFE_INVALID },
    { "out", -RFE_INVALID, -RFE_INVALID },
    { "loop", -RFE_INVALID, -RFE_INVALID },
    /* Only the last part matters for a path of the user's; all parts for a name from elsewhere. */
    { "linked/g", -RFE_INVALID, 0 },
    { "../secret", -RFE_INVALID, 0 },
    { "/etc/passwd", -RFE_INVALID, -RFE_NOT_FOUND },
};

START_TEST(open_takes_nothing_else)
{
    make_odd_files();
    int dirfd = open("dir", O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -7;
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_file_open_at(dirfd, odd[_i].path, &fd, NULL, &err);
    ck_assert_msg(rc == odd[_i].at, "%s: %d, %s", odd[_i].path, rc, err.msg);
    if (rc == 0)
        ck_assert_int_eq(close(fd), 0);
    else
        ck_assert_int_eq(fd, -7);
    RF_CLEANUP(rf_freep) char *path = rf_path_join("dir", odd[_i].path);
    rc = rf_file_open(path, &fd, NULL, &err);
    ck_assert_msg(rc == odd[_i].plain, "%s: %d, %s", path, rc, err.msg);
    if (rc == 0)
        ck_assert_int_eq(close(fd), 0);
    (void)close(dirfd);
}
END_TEST

START_TEST(read_appends_and_is_bounded)
{
    dir_write("f", "hello");
    ck_assert_int_eq(symlink("f", "link"), 0);
    struct rf_buf b;
    rf_buf_init(&b, 12);
    rf_buf_add_str(&b, "x=");
    ck_assert_int_eq(rf_file_read("f", &b, NULL), 0);
    ck_assert_int_eq(rf_file_read("link", &b, NULL), 0);
    ck_assert_str_eq(b.ptr, "x=hellohello");
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_file_read("f", &b, &err), -RFE_TOO_LARGE);
    ck_assert_str_eq(b.ptr, "x=hellohello");
    ck_assert_int_eq(b.rc, 0);
    ck_assert_int_eq(rf_file_read("absent", &b, &err), -RFE_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err.msg, "absent"));
    ck_assert_int_eq(rf_file_read(".", &b, &err), -EISDIR);
    ck_assert_int_eq(rf_file_read("/dev/zero", &b, &err), -RFE_TOO_LARGE);
    rf_buf_release(&b);
}
END_TEST

/* ---- writing ---- */

START_TEST(write_replaces_whole_files)
{
    ck_assert_int_eq(rf_file_write("f", rf_slice_str("one"), 0600, NULL), 0);
    ck_assert(dir_has("f", "one"));
    ck_assert_uint_eq(mode_of("f"), 0600);
    ck_assert_int_eq(rf_file_write("f", rf_slice_str(NULL), 0666, NULL), 0);
    ck_assert(dir_has("f", ""));
    ck_assert_uint_eq(mode_of("f"), 0644);
    /* A link is replaced, not followed. */
    dir_write("target", "t");
    ck_assert_int_eq(symlink("target", "link"), 0);
    ck_assert_int_eq(rf_file_write("link", rf_slice_str("new"), 0600, NULL), 0);
    ck_assert(dir_has("target", "t"));
    ck_assert_uint_eq(mode_of("link"), 0600);
    ck_assert_uint_eq(dir_count("."), 3);
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_file_write("absent/f", rf_slice_str("x"), 0600, &err), -RFE_NOT_FOUND);
    ck_assert_int_eq(rf_file_write("", rf_slice_str("x"), 0600, &err), -RFE_INVALID);
    ck_assert_int_eq(rf_file_write("f/", rf_slice_str("x"), 0600, &err), -RFE_INVALID);
    ck_assert_int_eq(mkdir("dir", 0755), 0);
    ck_assert_int_lt(rf_file_write("dir", rf_slice_str("x"), 0600, &err), 0);
    ck_assert_uint_eq(dir_count("."), 4);
}
END_TEST

static struct rf_sink *begin(const char *path, bool replace, const char *text)
{
    struct rf_sink *s = NULL;
    ck_assert_int_eq(rf_file_sink(path, 0644, replace, &s, NULL), 0);
    ck_assert_int_eq(rf_sink_write(s, text, strlen(text), NULL), 0);
    return s;
}

START_TEST(nothing_appears_before_commit)
{
    bool replace = _i != 0;
    struct rf_sink *s = begin("f", replace, "abc");
    ck_assert(!rf_path_exists("f"));
    rf_sink_free(s);
    ck_assert_uint_eq(dir_count("."), 0);
    s = begin("f", replace, "abc");
    ck_assert_int_eq(rf_sink_commit(s, NULL), 0);
    ck_assert(dir_has("f", "abc"));
    rf_sink_free(s);
    ck_assert(dir_has("f", "abc"));
    ck_assert_uint_eq(dir_count("."), 1);
}
END_TEST

START_TEST(an_existing_file_wins_or_is_replaced)
{
    bool replace = _i != 0;
    struct rf_sink *s = begin("f", replace, "new");
    dir_write("f", "old");
    ck_assert_int_eq(rf_sink_commit(s, NULL), 0);
    rf_sink_free(s);
    ck_assert(dir_has("f", replace ? "new" : "old"));
    ck_assert_uint_eq(dir_count("."), 1);
}
END_TEST

START_TEST(what_exists_must_be_a_file)
{
    struct rf_sink *s = begin("f", false, "new");
    ck_assert_int_eq(symlink("nowhere", "f"), 0);
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_sink_commit(s, &err), -RFE_EXISTS);
    rf_sink_free(s);
    ck_assert_uint_eq(dir_count("."), 1);
}
END_TEST

START_TEST(devices_and_pipes_are_not_replaced)
{
    struct rf_sink *s = NULL;
    struct rf_err err = RF_ERR_INIT;
    struct stat st;
    ck_assert_int_eq(mkfifo("f", 0644), 0);
    ck_assert_int_eq(rf_file_sink("f", 0644, true, &s, &err), -RFE_EXISTS);
    ck_assert_ptr_nonnull(strstr(err.msg, "f: a device or pipe is there"));
    ck_assert_int_eq(lstat("f", &st), 0);
    ck_assert(S_ISFIFO(st.st_mode));
    ck_assert_uint_eq(dir_count("."), 1);
}
END_TEST

START_TEST(moving_the_folder_does_not_misplace_the_file)
{
    ck_assert_int_eq(mkdir("a", 0755), 0);
    struct rf_sink *s = begin("a/f", _i != 0, "abc");
    ck_assert_int_eq(rename("a", "b"), 0);
    ck_assert_int_eq(rf_sink_commit(s, NULL), 0);
    rf_sink_free(s);
    ck_assert(dir_has("b/f", "abc"));
}
END_TEST

/* In a file system of 1 MiB; needs root, else passed over. */
static bool mount_small(void)
{
    ck_assert_int_eq(mkdir("small", 0755), 0);
    return geteuid() == 0 && mount("tmpfs", "small", "tmpfs", 0, "size=1m") == 0;
}

START_TEST(full_disk_leaves_nothing)
{
    if (!mount_small())
        return;
    char chunk[65536] = { 0 };
    for (int replace = 0; replace < 2; replace++) {
        struct rf_sink *s = NULL;
        struct rf_err err = RF_ERR_INIT;
        int rc = rf_file_sink("small/f", 0644, replace != 0, &s, &err);
        ck_assert_int_eq(rc, 0);
        for (int i = 0; i < 40 && rc == 0; i++)
            rc = rf_sink_write(s, chunk, sizeof(chunk), &err);
        ck_assert_int_eq(rc, -RFE_NO_SPACE);
        ck_assert_int_eq(rf_sink_commit(s, &err), -RFE_NO_SPACE);
        rf_sink_free(s);
        ck_assert_uint_eq(dir_count("small"), 0);
        /* The space is back. */
        uint64_t space = 0;
        ck_assert_int_eq(rf_free_space("small/not/there", &space, &err), 0);
        ck_assert_uint_gt(space, 900000);
        ck_assert_uint_le(space, 1 << 20);
    }
    ck_assert_int_eq(umount("small"), 0);
}
END_TEST

START_TEST(a_file_over_the_limit_is_an_error)
{
    struct rlimit limit = { 1000, 1000 };
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    rf_cancel_on_signals();
    char chunk[2000] = { 0 };
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_file_write("f", rf_slice_of(chunk, sizeof(chunk)), 0600, &err), -EFBIG);
    ck_assert_uint_eq(dir_count("."), 0);
}
END_TEST

static int write_own(void *ctx, size_t i, struct rf_err *err)
{
    (void)ctx;
    char text[32];
    (void)snprintf(text, sizeof(text), "writer %zu", i);
    return rf_file_write("shared", rf_slice_str(text), 0600, err);
}

START_TEST(many_writers_leave_one_whole_file)
{
    ck_assert_int_eq(rf_parallel(8, 200, write_own, NULL, NULL), 0);
    ck_assert_uint_eq(dir_count("."), 1);
    struct rf_buf b;
    rf_buf_init(&b, 0);
    ck_assert_int_eq(rf_file_read("shared", &b, NULL), 0);
    ck_assert(rf_slice_starts(rf_buf_slice(&b), "writer "));
    rf_buf_release(&b);
}
END_TEST

/* ---- leftovers ---- */

START_TEST(sweep_removes_what_the_dead_left)
{
    dir_write("keep", "x");
    dir_write(".other", "x");
    dir_write(RF_FILE_TEMP_PREFIX "0123456789abcdef", "left");
    /* Empty and new: perhaps just being made. */
    dir_write(RF_FILE_TEMP_PREFIX "empty", "");
    ck_assert_int_eq(symlink("keep", RF_FILE_TEMP_PREFIX "link"), 0);
    struct rf_sink *living = begin("f", true, "abc");
    ck_assert_int_eq(rf_file_sweep(".", NULL), 0);
    ck_assert(rf_path_exists("keep"));
    ck_assert(rf_path_exists(".other"));
    ck_assert(!rf_path_exists(RF_FILE_TEMP_PREFIX "0123456789abcdef"));
    ck_assert(rf_path_exists(RF_FILE_TEMP_PREFIX "empty"));
    ck_assert_int_eq(rf_sink_commit(living, NULL), 0);
    rf_sink_free(living);
    ck_assert(dir_has("f", "abc"));
    ck_assert_int_eq(rf_file_sweep("absent", NULL), 0);
    ck_assert_int_lt(rf_file_sweep("keep", NULL), 0);
}
END_TEST

START_TEST(a_killed_writer_is_swept)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        (void)begin("f", true, "abc");
        (void)raise(SIGKILL);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status));
    /* at most one, where the file system knows no files without a name */
    ck_assert_uint_le(dir_count("."), 1);
    ck_assert_int_eq(rf_file_sweep(".", NULL), 0);
    ck_assert_uint_eq(dir_count("."), 0);
}
END_TEST

START_TEST(a_killed_blob_writer_leaves_nothing)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        (void)begin("f", false, "abc");
        (void)raise(SIGKILL);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(rf_file_sweep(".", NULL), 0);
    ck_assert_uint_eq(dir_count("."), 0);
}
END_TEST

/* ---- folders, names, positions ---- */

START_TEST(mkdirs_makes_all_parts)
{
    ck_assert_int_eq(rf_mkdirs("a/b//c/", 0700, NULL), 0);
    ck_assert_uint_eq(mode_of("a"), 0700);
    ck_assert_uint_eq(mode_of("a/b/c"), 0700);
    ck_assert_int_eq(rf_mkdirs("a/b/c", 0755, NULL), 0);
    ck_assert_uint_eq(mode_of("a/b/c"), 0700);
    ck_assert_int_eq(rf_mkdirs("/", 0755, NULL), 0);
    ck_assert_int_eq(rf_mkdirs(".", 0755, NULL), 0);
    char here[256], abs[300];
    ck_assert_ptr_nonnull(getcwd(here, sizeof(here)));
    (void)snprintf(abs, sizeof(abs), "%s/x/y", here);
    ck_assert_int_eq(rf_mkdirs(abs, 0755, NULL), 0);
    ck_assert(rf_path_is_dir("x/y"));
    /* A link to a folder is as good as a folder. */
    ck_assert_int_eq(symlink("a", "l"), 0);
    ck_assert_int_eq(rf_mkdirs("l/new", 0755, NULL), 0);
    ck_assert(rf_path_is_dir("a/new"));
    dir_write("f", "x");
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_lt(rf_mkdirs("f/sub", 0755, &err), 0);
    ck_assert_int_lt(rf_mkdirs("f", 0755, &err), 0);
    ck_assert_int_eq(rf_mkdirs("", 0755, &err), -RFE_INVALID);
}
END_TEST

static int make_same(void *ctx, size_t i, struct rf_err *err)
{
    (void)ctx;
    (void)i;
    return rf_mkdirs("p/q/r/s/t", 0755, err);
}

START_TEST(mkdirs_may_race)
{
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_parallel(8, 64, make_same, NULL, &err) == 0, "%s", err.msg);
    ck_assert(rf_path_is_dir("p/q/r/s/t"));
}
END_TEST

START_TEST(rename_never_replaces)
{
    dir_write("a", "A");
    dir_write("b", "B");
    ck_assert_int_eq(mkdir("d", 0755), 0);
    ck_assert_int_eq(rf_rename_new("a", "b", NULL), -RFE_EXISTS);
    ck_assert(dir_has("a", "A"));
    ck_assert(dir_has("b", "B"));
    ck_assert_int_eq(rf_rename_new("a", "d", NULL), -RFE_EXISTS);
    ck_assert_int_eq(rf_rename_new("a", "d/a", NULL), 0);
    ck_assert(dir_has("d/a", "A"));
    ck_assert(!rf_path_exists("a"));
    ck_assert_int_eq(rf_rename_new("d", "e", NULL), 0);
    ck_assert(dir_has("e/a", "A"));
    ck_assert_int_eq(rf_rename_new("absent", "x", NULL), -ENOENT);
}
END_TEST

START_TEST(positions_are_read_and_written_in_full)
{
    dir_write("f", "0123456789");
    int fd = open("f", O_RDWR | O_CLOEXEC);
    char p[8] = "";
    ck_assert_int_eq(rf_pread_full(fd, p, 4, 6, NULL), 0);
    ck_assert_str_eq(p, "6789");
    ck_assert_int_eq(rf_pread_full(fd, p, 4, 7, NULL), -RFE_SIZE_MISMATCH);
    ck_assert_int_eq(rf_pread_full(fd, p, 1, 100, NULL), -RFE_SIZE_MISMATCH);
    ck_assert_int_eq(rf_pread_full(fd, p, 1, UINT64_MAX, NULL), -RFE_SIZE_MISMATCH);
    ck_assert_int_eq(rf_pread_full(fd, p, 0, 10, NULL), 0);
    ck_assert_int_eq(rf_pwrite_full(fd, "ab", 2, 9, NULL), 0);
    ck_assert(dir_has("f", "012345678ab"));
    ck_assert_int_eq(rf_pwrite_full(fd, "ab", 2, UINT64_MAX, NULL), -EFBIG);
    ck_assert_int_eq(rf_fsync_fd(fd, "f", NULL), 0);
    (void)close(fd);
    ck_assert_int_eq(rf_pread_full(-1, p, 1, 0, NULL), -EBADF);
    ck_assert_int_eq(rf_fsync_fd(-1, "f", NULL), -EBADF);
    ck_assert_int_eq(rf_fsync_parent("f", NULL), 0);
    ck_assert_int_eq(rf_fsync_parent("/f", NULL), 0);
    ck_assert_int_eq(rf_fsync_parent("absent/f", NULL), -RFE_NOT_FOUND);
}
END_TEST

START_TEST(paths)
{
    static const char *const rows[][3] = {
        { "a", "b", "a/b" }, { "a/", "b", "a/b" }, { "", "b", "b" },
        { "/", "b", "/b" },  { "a", "", "a/" },
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(rows); i++) {
        RF_CLEANUP(rf_freep) char *got = rf_path_join(rows[i][0], rows[i][1]);
        ck_assert_str_eq(got, rows[i][2]);
    }
    dir_write("f", "");
    ck_assert_int_eq(symlink("absent", "dangling"), 0);
    ck_assert(rf_path_exists("f"));
    ck_assert(!rf_path_exists("dangling"));
    ck_assert(rf_path_is_dir("."));
    ck_assert(!rf_path_is_dir("f"));
    ck_assert(!rf_path_is_dir("absent"));
}
END_TEST

/* ---- locks ---- */

START_TEST(locks_exclude)
{
    int a = -1, b = -1, c = -1;
    ck_assert_int_eq(rf_lock_file("lock", false, 0, &a, NULL), 0);
    ck_assert_int_eq(rf_lock_file("lock", false, 0, &b, NULL), 0);
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_lock_file("lock", true, 0, &c, &err), -RFE_BUSY);
    ck_assert_int_eq(c, -1);
    ck_assert_ptr_nonnull(strstr(err.msg, "lock"));
    rf_closep(&a);
    rf_closep(&b);
    ck_assert_int_eq(rf_lock_file("lock", true, 0, &c, NULL), 0);
    ck_assert_int_eq(fcntl(c, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    uint64_t start = rf_now_ms();
    ck_assert_int_eq(rf_lock_file("lock", false, 120, &a, NULL), -RFE_BUSY);
    ck_assert_uint_ge(rf_now_ms() - start, 119);
    rf_closep(&c);
    ck_assert_int_eq(symlink("lock", "link"), 0);
    ck_assert_int_lt(rf_lock_file("link", true, 0, &c, NULL), 0);
    ck_assert_int_lt(rf_lock_file("absent/lock", true, 0, &c, NULL), 0);
}
END_TEST

START_TEST(a_killed_holder_leaves_no_lock)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        int fd;
        char c = rf_lock_file("lock", true, 0, &fd, NULL) == 0 ? 'y' : 'n';
        (void)!write(ends[1], &c, 1);
        (void)pause();
        _exit(0);
    }
    char c = 0;
    ck_assert_int_eq(read(ends[0], &c, 1), 1);
    ck_assert_int_eq(c, 'y');
    int fd = -1;
    ck_assert_int_eq(rf_lock_file("lock", true, 0, &fd, NULL), -RFE_BUSY);
    (void)kill(pid, SIGKILL);
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(rf_lock_file("lock", true, 0, &fd, NULL), 0);
    rf_closep(&fd);
}
END_TEST

static void *release_later(void *arg)
{
    (void)usleep(100000);
    rf_closep(arg);
    return NULL;
}

START_TEST(waiting_gets_the_lock)
{
    int held = -1, fd = -1;
    ck_assert_int_eq(rf_lock_file("lock", true, 0, &held, NULL), 0);
    pthread_t t;
    ck_assert_int_eq(rf_thread_start(&t, release_later, &held), 0);
    ck_assert_int_eq(rf_lock_file("lock", true, 30000, &fd, NULL), 0);
    (void)pthread_join(t, NULL);
    rf_closep(&fd);
}
END_TEST

static void *remove_and_release(void *arg)
{
    (void)usleep(100000);
    (void)unlink("lock");
    rf_closep(arg);
    return NULL;
}

START_TEST(a_removed_lock_file_is_made_anew)
{
    int held = -1, fd = -1, third = -1;
    ck_assert_int_eq(rf_lock_file("lock", true, 0, &held, NULL), 0);
    pthread_t t;
    ck_assert_int_eq(rf_thread_start(&t, remove_and_release, &held), 0);
    ck_assert_int_eq(rf_lock_file("lock", true, 30000, &fd, NULL), 0);
    (void)pthread_join(t, NULL);
    ck_assert(rf_path_exists("lock"));
    ck_assert_int_eq(rf_lock_file("lock", true, 0, &third, NULL), -RFE_BUSY);
    rf_closep(&fd);
}
END_TEST

static void *cancel_later(void *arg)
{
    (void)arg;
    (void)usleep(50000);
    rf_cancel_set(RFE_TERMINATED);
    return NULL;
}

START_TEST(waiting_ends_when_cancelled)
{
    int held = -1, fd = -1;
    ck_assert_int_eq(rf_lock_file("lock", true, 0, &held, NULL), 0);
    pthread_t t;
    ck_assert_int_eq(rf_thread_start(&t, cancel_later, NULL), 0);
    ck_assert_int_eq(rf_lock_file("lock", true, 60000, &fd, NULL), -RFE_TERMINATED);
    (void)pthread_join(t, NULL);
    rf_closep(&held);
}
END_TEST

/* ---- the same on poorer systems ---- */

/* Makes one system call fail from here on, when argument `arg` has all bits of `mask` (a mask of 0: always). */
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

/* An old kernel, or a file system without these: no openat2, no files without names, no renaming without replacing. */
static void poor_setup(void)
{
    dir_setup();
    deny(SYS_openat2, 0, 0, ENOSYS);
    deny(SYS_openat, 2, O_TMPFILE & ~O_DIRECTORY, EOPNOTSUPP);
    deny(SYS_renameat2, 4, RENAME_NOREPLACE, EINVAL);
}

/* And no hard links. */
static void poorest_setup(void)
{
    poor_setup();
    deny(SYS_linkat, 0, 0, EPERM);
}

START_TEST(the_poor_system_is_poor)
{
    ck_assert_int_eq(open(".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600), -1);
    ck_assert_int_eq(errno, EOPNOTSUPP);
    dir_write("f", "x");
    ck_assert_int_eq(renameat2(AT_FDCWD, "f", AT_FDCWD, "g", RENAME_NOREPLACE), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(syscall(SYS_openat2, AT_FDCWD, ".", NULL, 0), -1);
    ck_assert_int_eq(errno, ENOSYS);
    struct rf_sink *s = begin("h", false, "abc");
    ck_assert_uint_eq(dir_count("."), 2);
    rf_sink_free(s);
    ck_assert_uint_eq(dir_count("."), 1);
}
END_TEST

/* The folder will be opened as 63 and the file as 64: so flushing one of them can be told to fail. */
static void fail_fsync(uint32_t which)
{
    int fd;
    while ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0 && fd < 62)
        continue;
    ck_assert_int_eq(fd, 62);
    deny(SYS_fsync, 0, which, EIO);
}

START_TEST(nothing_takes_its_name_before_it_is_on_disk)
{
    dir_write("f", "old");
    fail_fsync(64);
    ck_assert_int_eq(rf_file_write("f", rf_slice_str("new"), 0644, NULL), -EIO);
    ck_assert(dir_has("f", "old"));
    struct rf_sink *s = begin("g", false, "new");
    ck_assert_int_eq(rf_sink_commit(s, NULL), -EIO);
    rf_sink_free(s);
    ck_assert_uint_eq(dir_count("."), 1);
}
END_TEST

START_TEST(nothing_is_done_before_its_name_is_on_disk)
{
    fail_fsync(63);
    ck_assert_int_eq(rf_file_write("f", rf_slice_str("new"), 0644, NULL), -EIO);
    struct rf_sink *s = begin("g", false, "new");
    ck_assert_int_eq(rf_sink_commit(s, NULL), -EIO);
    rf_sink_free(s);
    /* Also when it was there already: another process may just have made it. */
    s = begin("g", false, "new");
    ck_assert_int_eq(rf_sink_commit(s, NULL), -EIO);
    rf_sink_free(s);
    ck_assert_int_eq(rf_mkdirs("d", 0755, NULL), -EIO);
    ck_assert_int_eq(rf_rename_new("f", "h", NULL), -EIO);
}
END_TEST

START_TEST(folders_that_cannot_be_flushed_are_fine)
{
    fail_fsync(1024);
    deny(SYS_fsync, 0, 63, EINVAL);
    ck_assert_int_eq(rf_file_write("f", rf_slice_str("new"), 0644, NULL), 0);
    ck_assert(dir_has("f", "new"));
}
END_TEST

static void add_poor(Suite *s, const char *name, void (*setup)(void))
{
    TCase *tc = tcase_create(name);
    tcase_add_checked_fixture(tc, setup, dir_teardown);
    tcase_add_test(tc, the_poor_system_is_poor);
    tcase_add_loop_test(tc, open_takes_nothing_else, 0, RF_ARRAY_LEN(odd));
    tcase_add_test(tc, write_replaces_whole_files);
    tcase_add_loop_test(tc, nothing_appears_before_commit, 0, 2);
    tcase_add_loop_test(tc, an_existing_file_wins_or_is_replaced, 0, 2);
    tcase_add_test(tc, what_exists_must_be_a_file);
    tcase_add_test(tc, devices_and_pipes_are_not_replaced);
    tcase_add_loop_test(tc, moving_the_folder_does_not_misplace_the_file, 0, 2);
    tcase_add_test(tc, rename_never_replaces);
    suite_add_tcase(s, tc);
}

Suite *rf_file_suite(void)
{
    Suite *s = suite_create("file");
    TCase *tc = tcase_create("file");
    tcase_add_checked_fixture(tc, dir_setup, dir_teardown);
    tcase_add_test(tc, open_gives_regular_files);
    tcase_add_loop_test(tc, open_takes_nothing_else, 0, RF_ARRAY_LEN(odd));
    tcase_add_test(tc, read_appends_and_is_bounded);
    tcase_add_test(tc, write_replaces_whole_files);
    tcase_add_loop_test(tc, nothing_appears_before_commit, 0, 2);
    tcase_add_loop_test(tc, an_existing_file_wins_or_is_replaced, 0, 2);
    tcase_add_test(tc, what_exists_must_be_a_file);
    tcase_add_test(tc, devices_and_pipes_are_not_replaced);
    tcase_add_loop_test(tc, moving_the_folder_does_not_misplace_the_file, 0, 2);
    tcase_add_test(tc, full_disk_leaves_nothing);
    tcase_add_test(tc, a_file_over_the_limit_is_an_error);
    tcase_add_test(tc, many_writers_leave_one_whole_file);
    tcase_add_test(tc, sweep_removes_what_the_dead_left);
    tcase_add_test(tc, a_killed_writer_is_swept);
    tcase_add_test(tc, a_killed_blob_writer_leaves_nothing);
    tcase_add_test(tc, mkdirs_makes_all_parts);
    tcase_add_test(tc, mkdirs_may_race);
    tcase_add_test(tc, rename_never_replaces);
    tcase_add_test(tc, positions_are_read_and_written_in_full);
    tcase_add_test(tc, paths);
    suite_add_tcase(s, tc);
    tc = tcase_create("lock");
    tcase_add_checked_fixture(tc, dir_setup, dir_teardown);
    tcase_add_test(tc, locks_exclude);
    tcase_add_test(tc, a_killed_holder_leaves_no_lock);
    tcase_add_test(tc, waiting_gets_the_lock);
    tcase_add_test(tc, a_removed_lock_file_is_made_anew);
    tcase_add_test(tc, waiting_ends_when_cancelled);
    suite_add_tcase(s, tc);
    tc = tcase_create("flush");
    tcase_add_checked_fixture(tc, dir_setup, dir_teardown);
    tcase_add_test(tc, nothing_takes_its_name_before_it_is_on_disk);
    tcase_add_test(tc, nothing_is_done_before_its_name_is_on_disk);
    tcase_add_test(tc, folders_that_cannot_be_flushed_are_fine);
    suite_add_tcase(s, tc);
    add_poor(s, "poor", poor_setup);
    add_poor(s, "poorest", poorest_setup);
    return s;
}
