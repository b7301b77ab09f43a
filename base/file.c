/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/idmap.h"
#include "base/mem.h"
#include "base/text.h"

#define READ_CHUNK ((size_t)64 << 10)
#define LOCK_POLL_MS 50
#define SWEEP_GRACE_SECONDS 10

/* ---- opening for reading ---- */

/* For errnos of opening a path: what is missing has its own code, what is no plain file too. */
static int fail_open(struct rf_err *err, int errnum, const char *name)
{
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(name), 512);
    switch (errnum) {
    case ENOENT:
    case ENOTDIR:
        return rf_fail(err, RFE_NOT_FOUND, "%s: no such file", shown);
    case ELOOP:
        return rf_fail(err, RFE_INVALID, "%s: is a symbolic link or lies behind one", shown);
    case EXDEV:
        return rf_fail(err, RFE_INVALID, "%s: leads out of its folder", shown);
    case ENXIO:
        return rf_fail(err, RFE_INVALID, "%s: not a regular file", shown);
    default:
        return rf_fail_errno(err, errnum, "open %s", shown);
    }
}

static int accept_regular(int opened, const char *name, int *fd, uint64_t *size, struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int owned = opened;
    struct stat st;
    if (fstat(owned, &st) < 0)
        return fail_open(err, errno, name);
    if (!S_ISREG(st.st_mode))
        return fail_open(err, ENXIO, name);
    *fd = rf_steal_fd(&owned);
    if (size != NULL)
        *size = (uint64_t)st.st_size;
    return 0;
}

/* O_NONBLOCK: a FIFO must not hang us before fstat tells what it is. */
#define OPEN_FLAGS (O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

int rf_file_open(const char *path, int *fd, uint64_t *size, struct rf_err *err)
{
    int opened = open(path, OPEN_FLAGS);
    if (opened < 0)
        return fail_open(err, errno, path);
    return accept_regular(opened, path, fd, size, err);
}

static bool is_link(int dirfd, const char *name)
{
    struct stat st;
    return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

/* Step by step, each part without following a link; for kernels without openat2. Returns a descriptor or -errno. */
static int open_beneath_by_steps(int dirfd, const char *name)
{
    RF_CLEANUP(rf_freep) char *copy = rf_xstrdup(name);
    RF_CLEANUP(rf_closep) int here = -1;
    char *part = copy;
    if (*part == '/')
        return -EXDEV;
    for (;;) {
        char *slash = strchr(part, '/');
        if (slash != NULL)
            *slash = '\0';
        if (strcmp(part, "..") == 0)
            return -EXDEV;
        const char *step = *part != '\0' ? part : ".";
        int flags = slash != NULL ? O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC : OPEN_FLAGS;
        int from = here >= 0 ? here : dirfd;
        int next = openat(from, step, flags);
        if (next < 0)
            return errno == ENOTDIR && is_link(from, step) ? -ELOOP : -errno;
        if (slash == NULL)
            return next;
        rf_closep(&here);
        here = next;
        part = slash + 1;
    }
}

static int open_beneath(int dirfd, const char *name)
{
    struct open_how how = { .flags = OPEN_FLAGS,
                            .resolve =
                                RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
    for (int tries = 0; tries < 16; tries++) {
        long fd = syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
        if (fd >= 0)
            return (int)fd;
        /* EAGAIN: something was renamed meanwhile. ENOSYS, EPERM: an old kernel or a filter before it. */
        if (errno == ENOSYS || errno == EPERM)
            break;
        if (errno != EAGAIN)
            return -errno;
    }
    return open_beneath_by_steps(dirfd, name);
}

int rf_file_open_at(int dirfd, const char *name, int *fd, uint64_t *size, struct rf_err *err)
{
    int opened = open_beneath(dirfd, name);
    if (opened < 0)
        return fail_open(err, -opened, name);
    return accept_regular(opened, name, fd, size, err);
}

int rf_file_read(const char *path, struct rf_buf *out, struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return errno == ELOOP ? rf_fail_errno(err, errno, "open %s", path)
                              : fail_open(err, errno, path);
    RF_CLEANUP(rf_freep) char *chunk = rf_xmalloc(READ_CHUNK);
    RF_CLEANUP(rf_buf_release) struct rf_buf bytes;
    rf_buf_init(&bytes, out->max);
    for (;;) {
        ssize_t n = read(fd, chunk, READ_CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rf_fail_errno(err, errno, "read %s", path);
        if (n == 0)
            break;
        rf_buf_add(&bytes, chunk, (size_t)n);
        if (bytes.rc < 0 || bytes.len > bytes.max - out->len)
            return rf_fail(err, RFE_TOO_LARGE, "%s: more than %zu bytes", path, bytes.max);
    }
    rf_buf_add(out, bytes.ptr, bytes.len);
    return out->rc < 0 ? rf_fail(err, -out->rc, "%s: no room to read it", path) : 0;
}

/* ---- folders and durability ---- */

/* The folder of `path` as a fresh string, and its last part. */
static char *split_path(const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    *name = slash != NULL ? slash + 1 : path;
    if (slash == NULL)
        return rf_xstrdup(".");
    return slash == path ? rf_xstrdup("/") : rf_xstrndup(path, (size_t)(slash - path));
}

int rf_fsync_fd(int fd, const char *name, struct rf_err *err)
{
    int rc;
    do {
        rc = fsync(fd);
    } while (rc < 0 && errno == EINTR);
    return rc < 0 ? rf_fail_errno(err, errno, "flush %s to disk", name) : 0;
}

static int fsync_folder(int fd, const char *name, struct rf_err *err)
{
    /* Some network file systems cannot flush folders, and say so by EINVAL: they order names by themselves. */
    if (fsync(fd) == 0 || errno == EINVAL)
        return 0;
    return errno == EINTR ? rf_fsync_fd(fd, name, err)
                          : rf_fail_errno(err, errno, "flush folder %s to disk", name);
}

static int open_folder(const char *path, int *fd, struct rf_err *err)
{
    int opened = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0 && (errno == ENOENT || errno == ENOTDIR))
        return rf_fail(err, RFE_NOT_FOUND, "%s: no such folder", path);
    if (opened < 0)
        return rf_fail_errno(err, errno, "open folder %s", path);
    *fd = opened;
    return 0;
}

int rf_fsync_parent(const char *path, struct rf_err *err)
{
    const char *name;
    RF_CLEANUP(rf_freep) char *dir = split_path(path, &name);
    RF_CLEANUP(rf_closep) int fd = -1;
    int rc = open_folder(dir, &fd, err);
    return rc < 0 ? rc : fsync_folder(fd, dir, err);
}

/* Looked at first: making what is there may be refused for other reasons than being there. */
static int make_folder(const char *path, unsigned mode, struct rf_err *err)
{
    if (rf_path_is_dir(path))
        return 0;
    if (mkdir(path, (mode_t)mode) == 0)
        return rf_fsync_parent(path, err);
    int why = errno;
    if (why != EEXIST)
        return rf_fail_errno(err, why, "make folder %s", path);
    return rf_path_is_dir(path)
               ? 0
               : rf_fail(err, RFE_EXISTS, "%s is no folder; name another one", path);
}

int rf_mkdirs(const char *path, unsigned mode, struct rf_err *err)
{
    if (*path == '\0')
        return rf_fail(err, RFE_INVALID, "a folder without a name");
    RF_CLEANUP(rf_freep) char *copy = rf_xstrdup(path);
    for (char *end = copy + 1;; end++) {
        if (*end != '/' && *end != '\0')
            continue;
        char stop = *end;
        *end = '\0';
        int rc = make_folder(copy, mode, err);
        *end = stop;
        if (rc < 0 || stop == '\0')
            return rc;
    }
}

/* ---- names that appear at once ---- */

/* Returns 0 or an errno; never replaces. */
static int rename_noreplace(int fromdir, const char *from, int todir, const char *to)
{
    if (renameat2(fromdir, from, todir, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS && errno != EPERM)
        return errno;
    if (linkat(fromdir, from, todir, to, 0) == 0)
        return unlinkat(fromdir, from, 0) == 0 ? 0 : errno;
    if (errno == EEXIST || errno == ENOENT || errno == ENOSPC || errno == EDQUOT)
        return errno;
    /* A file system with neither: what appears between the two calls is lost. */
    struct stat st;
    if (fstatat(todir, to, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return EEXIST;
    return renameat(fromdir, from, todir, to) == 0 ? 0 : errno;
}

int rf_rename_new(const char *from, const char *to, struct rf_err *err)
{
    int e = rename_noreplace(AT_FDCWD, from, AT_FDCWD, to);
    if (e == EEXIST || e == ENOTEMPTY)
        return rf_fail(err, RFE_EXISTS, "%s: is there already", to);
    if (e != 0)
        return rf_fail_errno(err, e, "rename %s to %s", from, to);
    int rc = rf_fsync_parent(to, err);
    return rc < 0 ? rc : rf_fsync_parent(from, err);
}

struct file_sink {
    struct rf_sink base;
    int dirfd, fd;
    bool replace;
    char *path;       /* as given, for messages */
    const char *name; /* last part of path */
    char *temp;       /* name of the temporary in its folder; NULL: it has none */
};

static int file_write(struct rf_sink *s, const void *p, size_t n, struct rf_err *err)
{
    struct file_sink *f = (struct file_sink *)s;
    const char *at = p;
    while (n > 0) {
        ssize_t done = write(f->fd, at, n < SSIZE_MAX ? n : SSIZE_MAX);
        if (done < 0 && errno != EINTR)
            return rf_fail_errno(err, errno, "write %s", f->path);
        if (done > 0) {
            at += done;
            n -= (size_t)done;
        }
    }
    return 0;
}

/* A name for a temporary that no other writer has. The caller frees. */
static char *temp_name(const struct file_sink *f, unsigned tries)
{
    /* Unpredictable is not needed (O_EXCL sees to safety), only different. */
    uint64_t mark[3] = { rf_now_ms(), (uint64_t)getpid(), (uint64_t)(uintptr_t)f + tries };
    uint64_t hash = rf_hash_bytes(rf_slice_of(mark, sizeof(mark)));
    return rf_xasprintf(RF_FILE_TEMP_PREFIX "%016llx", (unsigned long long)hash);
}

static int link_nameless(const struct file_sink *f, const char *name)
{
    char self[64];
    (void)snprintf(self, sizeof(self), "/proc/self/fd/%d", f->fd);
    return linkat(AT_FDCWD, self, f->dirfd, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

/* Linking never replaces, renaming does: the file gets a name for a moment. Its lock keeps rf_file_sweep away. */
static int name_to_replace(struct file_sink *f)
{
    (void)flock(f->fd, LOCK_EX | LOCK_NB);
    for (unsigned tries = 0; tries < 100; tries++) {
        char *temp = temp_name(f, tries);
        int e = link_nameless(f, temp);
        if (e == 0) {
            f->temp = temp;
            return 0;
        }
        free(temp);
        if (e != EEXIST)
            return e;
    }
    return EEXIST;
}

/* Gives the temporary its name. Returns 0 or an errno. */
static int give_name(struct file_sink *f)
{
    int e = 0;
    if (f->temp == NULL && !f->replace)
        return link_nameless(f, f->name);
    if (f->temp == NULL)
        e = name_to_replace(f);
    if (e != 0)
        return e;
    if (!f->replace)
        e = rename_noreplace(f->dirfd, f->temp, f->dirfd, f->name);
    else if (renameat(f->dirfd, f->temp, f->dirfd, f->name) < 0)
        e = errno;
    if (e == 0)
        rf_freep(&f->temp);
    return e;
}

static int file_commit(struct rf_sink *s, struct rf_err *err)
{
    struct file_sink *f = (struct file_sink *)s;
    int rc = rf_fsync_fd(f->fd, f->path, err);
    if (rc < 0)
        return rc;
    int e = give_name(f);
    struct stat st;
    if (e == EEXIST &&
        (fstatat(f->dirfd, f->name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode)))
        return rf_fail(err, RFE_EXISTS, "%s: something other than a file is there", f->path);
    if (e != 0 && e != EEXIST)
        return rf_fail_errno(err, e, "put %s in its place", f->path);
    /* Also when the file of another writer is there: its folder may not be on disk yet. */
    return fsync_folder(f->dirfd, f->path, err);
}

static void file_free(struct rf_sink *s)
{
    struct file_sink *f = (struct file_sink *)s;
    if (f->temp != NULL)
        (void)unlinkat(f->dirfd, f->temp, 0);
    rf_closep(&f->fd);
    rf_closep(&f->dirfd);
    free(f->temp);
    free(f->path);
    free(f);
}

/* -1 where the file system, the kernel or a missing /proc does not let us. */
static int open_nameless(int dirfd, unsigned mode)
{
    int fd = openat(dirfd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, (mode_t)mode);
    if (fd < 0)
        return -1;
    char self[64];
    (void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    struct stat a, b;
    if (stat(self, &a) == 0 && fstat(fd, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev)
        return fd;
    rf_closep(&fd);
    return -1;
}

static int open_named(struct file_sink *f, unsigned mode, struct rf_err *err)
{
    for (unsigned tries = 0; tries < 100; tries++) {
        char *temp = temp_name(f, tries);
        int fd = openat(f->dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                        (mode_t)mode);
        if (fd >= 0) {
            f->fd = fd;
            f->temp = temp;
            /* Tells rf_file_sweep that a living process writes here. */
            (void)flock(fd, LOCK_EX | LOCK_NB);
            return 0;
        }
        int e = errno;
        free(temp);
        if (e != EEXIST)
            return rf_fail_errno(err, e, "create %s", f->path);
    }
    return rf_fail_errno(err, EEXIST, "create %s", f->path);
}

static void sink_cleanup(struct file_sink **f)
{
    if (*f != NULL)
        file_free(&(*f)->base);
}

/* Renaming over a device or a pipe would put a file in its place, /dev/null for one, where root does it. */
static bool is_special(const struct file_sink *f)
{
    struct stat st;
    return fstatat(f->dirfd, f->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode) || S_ISFIFO(st.st_mode) ||
            S_ISSOCK(st.st_mode));
}

/* Over f->path and f->name in the folder that f->dirfd is. */
static int open_sink(struct file_sink **owned, unsigned mode, struct rf_sink **out,
                     struct rf_err *err)
{
    struct file_sink *f = *owned;
    if (f->replace && is_special(f))
        return rf_fail(err, RFE_EXISTS, "%s: a device or pipe is there, which no file replaces",
                       f->path);
    /* A killed writer leaves nothing behind, unless the file system knows no files without a name. */
    f->fd = open_nameless(f->dirfd, mode);
    int rc = f->fd < 0 ? open_named(f, mode, err) : 0;
    if (rc == 0) {
        *owned = NULL;
        *out = &f->base;
    }
    return rc;
}

static struct file_sink *new_sink(const char *path, bool replace)
{
    static const struct rf_sink_ops ops = { file_write, file_commit, file_free };
    struct file_sink *f = rf_xcalloc(1, sizeof(*f));
    f->base.ops = &ops;
    f->dirfd = f->fd = -1;
    f->replace = replace;
    f->path = rf_xstrdup(path);
    return f;
}

int rf_file_sink(const char *path, unsigned mode, bool replace, struct rf_sink **out,
                 struct rf_err *err)
{
    RF_CLEANUP(sink_cleanup) struct file_sink *f = new_sink(path, replace);
    RF_CLEANUP(rf_freep) char *dir = split_path(f->path, &f->name);
    if (*f->name == '\0')
        return rf_fail(err, RFE_INVALID, "%s: not the name of a file", path);
    int rc = open_folder(dir, &f->dirfd, err);
    return rc < 0 ? rc : open_sink(&f, mode, out, err);
}

int rf_file_sink_at(int dirfd, const char *name, unsigned mode, bool replace, struct rf_sink **out,
                    struct rf_err *err)
{
    RF_CLEANUP(sink_cleanup) struct file_sink *f = new_sink(name, replace);
    if (name[0] == '\0' || strchr(name, '/') != NULL || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0)
        return rf_fail(err, RFE_INVALID, "\"%s\": not the name of a file", name);
    f->name = f->path;
    f->dirfd = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
    if (f->dirfd < 0)
        return rf_fail_errno(err, errno, "%s", name);
    return open_sink(&f, mode, out, err);
}

int rf_file_write(const char *path, struct rf_slice bytes, unsigned mode, struct rf_err *err)
{
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = NULL;
    int rc = rf_file_sink(path, mode, true, &sink, err);
    if (rc < 0)
        return rc;
    rc = rf_sink_write(sink, bytes.ptr, bytes.len, err);
    return rc < 0 ? rc : rf_sink_commit(sink, err);
}

/* ---- positions ---- */

int rf_pread_full(int fd, void *p, size_t n, uint64_t offset, struct rf_err *err)
{
    char *at = p;
    if (offset > (uint64_t)INT64_MAX || n > (uint64_t)INT64_MAX - offset)
        return rf_fail(err, RFE_SIZE_MISMATCH, "offset %llu lies beyond what files can have",
                       (unsigned long long)offset);
    while (n > 0) {
        ssize_t got = pread(fd, at, n < SSIZE_MAX ? n : SSIZE_MAX, (off_t)offset);
        if (got < 0 && errno != EINTR)
            return rf_fail_errno(err, errno, "read");
        if (got == 0)
            return rf_fail(err, RFE_SIZE_MISMATCH, "the file ends at %llu, want %zu more bytes",
                           (unsigned long long)offset, n);
        if (got > 0) {
            at += got;
            n -= (size_t)got;
            offset += (uint64_t)got;
        }
    }
    return 0;
}

int rf_pwrite_full(int fd, const void *p, size_t n, uint64_t offset, struct rf_err *err)
{
    const char *at = p;
    if (offset > (uint64_t)INT64_MAX || n > (uint64_t)INT64_MAX - offset)
        return rf_fail_errno(err, EFBIG, "write");
    while (n > 0) {
        ssize_t done = pwrite(fd, at, n < SSIZE_MAX ? n : SSIZE_MAX, (off_t)offset);
        if (done < 0 && errno != EINTR)
            return rf_fail_errno(err, errno, "write");
        if (done > 0) {
            at += done;
            n -= (size_t)done;
            offset += (uint64_t)done;
        }
    }
    return 0;
}

/* ---- paths ---- */

bool rf_path_exists(const char *path)
{
    struct stat st;
    return fstatat(AT_FDCWD, path, &st, 0) == 0;
}

bool rf_path_is_dir(const char *path)
{
    struct stat st;
    return fstatat(AT_FDCWD, path, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

char *rf_path_join(const char *a, const char *b)
{
    size_t n = strlen(a);
    if (n == 0)
        return rf_xstrdup(b);
    return rf_xasprintf(a[n - 1] == '/' ? "%s%s" : "%s/%s", a, b);
}

char *rf_path_absolute(const char *path)
{
    RF_CLEANUP(rf_freep) char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);
    return here == NULL ? rf_xstrdup(path) : rf_path_join(here, path);
}

/* ---- locks ---- */

static int open_lock(const char *path, bool exclusive, struct rf_err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0 && !exclusive && (errno == EACCES || errno == EROFS || errno == EPERM))
        fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return fd < 0 ? rf_fail_errno(err, errno, "open lock %s", path) : fd;
}

/* The file may have been removed or renamed between opening and locking: then the lock guards nothing. */
static bool is_still_there(int fd, const char *path)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && fstatat(AT_FDCWD, path, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int rf_lock_file(const char *path, bool exclusive, unsigned wait_ms, int *fd, struct rf_err *err)
{
    uint64_t until = rf_now_ms() + wait_ms;
    RF_CLEANUP(rf_closep) int lock = -1;
    for (;;) {
        if (lock < 0) {
            lock = open_lock(path, exclusive, err);
            if (lock < 0) {
                int rc = lock;
                lock = -1;
                return rc;
            }
        }
        if (flock(lock, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0) {
            if (is_still_there(lock, path)) {
                *fd = rf_steal_fd(&lock);
                return 0;
            }
            rf_closep(&lock);
        } else if (errno != EWOULDBLOCK && errno != EINTR) {
            return rf_fail_errno(err, errno, "lock %s", path);
        }
        uint64_t now = rf_now_ms();
        if (now >= until)
            return rf_fail(err, RFE_BUSY, "%s: another process holds the lock", path);
        uint64_t pause = until - now < LOCK_POLL_MS ? until - now : LOCK_POLL_MS;
        int rc = rf_cancel_sleep(pause, err);
        if (rc < 0)
            return rc;
    }
}

/* ---- what killed processes left ---- */

/* A temporary belongs to nobody when its lock is free; an empty one may be between its making and its lock. */
static bool is_abandoned(int dirfd, const char *name)
{
    RF_CLEANUP(rf_closep) int fd = openat(dirfd, name, OPEN_FLAGS);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    if (st.st_size == 0 && time(NULL) - st.st_ctime < SWEEP_GRACE_SECONDS)
        return false;
    return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static void closedirp(DIR **dir)
{
    if (*dir != NULL)
        (void)closedir(*dir);
    *dir = NULL;
}

int rf_file_sweep(const char *path, struct rf_err *err)
{
    RF_CLEANUP(closedirp) DIR *dir = opendir(path);
    if (dir == NULL)
        return errno == ENOENT ? 0 : rf_fail_errno(err, errno, "open folder %s", path);
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL)
            return errno == 0 ? 0 : rf_fail_errno(err, errno, "read folder %s", path);
        if (!rf_slice_starts(rf_slice_str(entry->d_name), RF_FILE_TEMP_PREFIX) ||
            !is_abandoned(dirfd(dir), entry->d_name))
            continue;
        if (unlinkat(dirfd(dir), entry->d_name, 0) < 0 && errno != ENOENT)
            return rf_fail_errno(err, errno, "remove %s/%s", path, entry->d_name);
    }
}
