/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a blob becomes durable: folders are flushed when they are made; the blob's bytes go to an unnamed file (or to one with a temporary name where the file system or a missing /proc
 * rule that out), fsync, then link. So a name never stands for less than the whole content, after a power cut neither. The fsync of the
 * folder, which makes the name itself last, is rf_blob_store_sync: once for many blobs, before anything refers to them.
 */
#include "layout/blob_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/mem.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define TEMP_PREFIX ".new-"
#define TEMP_NAME 64
#define FOLDER_MODE 0755
#define BLOB_MODE 0644
#define SWEEP_GRACE_SECONDS 10

struct rf_blob_store {
    char *path;
    int fd; /* the folder that holds blobs/ */
};

static const uint8_t algos[] = { RF_DIGEST_SHA256, RF_DIGEST_SHA512 };

/* ---- folders ---- */

int rf_blob_store_open(const char *path, bool create, struct rf_blob_store **out,
                       struct rf_err *err)
{
    if (create) {
        int rc = rf_mkdirs(path, FOLDER_MODE, err);
        if (rc < 0)
            return rc;
    }
    int fd = open(path, DIR_FLAGS);
    if (fd < 0 && errno == ENOENT)
        return rf_fail(err, RFE_NOT_FOUND, "%s: no such folder", path);
    if (fd < 0)
        return rf_fail_errno(err, errno, "%s", path);
    struct rf_blob_store *s = rf_xcalloc(1, sizeof(*s));
    s->path = rf_xstrdup(path);
    s->fd = fd;
    *out = s;
    return 0;
}

void rf_blob_store_free(struct rf_blob_store *s)
{
    if (s == NULL)
        return;
    rf_closep(&s->fd);
    free(s->path);
    free(s);
}

void rf_blob_store_freep(struct rf_blob_store **s)
{
    rf_blob_store_free(*s);
    *s = NULL;
}

static int sync_folder(struct rf_blob_store *s, int fd, struct rf_err *err)
{
    /* Network file systems that order names by themselves say EINVAL. */
    return fsync(fd) < 0 && errno != EINVAL ? rf_fail_errno(err, errno, "%s: fsync", s->path) : 0;
}

/* Opens the folder `name` in `at`, made when `create`; a link is refused. */
static int open_folder(struct rf_blob_store *s, int at, const char *name, bool create, int *out,
                       struct rf_err *err)
{
    int fd = openat(at, name, DIR_FLAGS | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT && create) {
        if (mkdirat(at, name, FOLDER_MODE) < 0 && errno != EEXIST)
            return rf_fail_errno(err, errno, "%s: make the folder %s", s->path, name);
        int rc = sync_folder(s, at, err);
        if (rc < 0)
            return rc;
        fd = openat(at, name, DIR_FLAGS | O_NOFOLLOW);
    }
    if (fd >= 0) {
        *out = fd;
        return 0;
    }
    if (errno == ENOENT)
        return rf_fail(err, RFE_NOT_FOUND, "%s: no folder %s", s->path, name);
    if (errno == ELOOP || errno == ENOTDIR)
        return rf_fail(err, RFE_INVALID, "%s: %s is not a folder (links are not followed)", s->path,
                       name);
    return rf_fail_errno(err, errno, "%s: folder %s", s->path, name);
}

/* blobs/<algo>. Branch on -RFE_NOT_FOUND. */
static int open_algo(struct rf_blob_store *s, uint8_t algo, bool create, int *out,
                     struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int blobs = -1;
    int rc = open_folder(s, s->fd, "blobs", create, &blobs, err);
    return rc < 0 ? rc : open_folder(s, blobs, rf_digest_algo_name(algo), create, out, err);
}

static int fail_absent(struct rf_blob_store *s, const struct rf_digest *d, struct rf_err *err)
{
    char text[RF_DIGEST_TEXT];
    return rf_fail(err, RFE_NOT_FOUND, "%s: no blob %s", s->path, rf_digest_text(d, text));
}

/* ---- reading ---- */

static int open_blob(struct rf_blob_store *s, const struct rf_digest *d, int *fd, uint64_t *size,
                     struct rf_err *err)
{
    char hex[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_closep) int dir = -1;
    int rc = open_algo(s, d->algo, false, &dir, err);
    if (rc == -RFE_NOT_FOUND)
        return fail_absent(s, d, err);
    if (rc < 0)
        return rc;
    rc = rf_file_open_at(dir, rf_digest_hex(d, hex), fd, size, err);
    if (rc == -RFE_NOT_FOUND)
        return fail_absent(s, d, err);
    return rc < 0 ? rf_wrap(err, rc, "%s: blob", s->path) : 0;
}

int rf_blob_store_stat(struct rf_blob_store *s, const struct rf_digest *d, uint64_t *size,
                       struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int fd = -1;
    uint64_t n = 0;
    int rc = open_blob(s, d, &fd, &n, err);
    if (rc == 0 && size != NULL)
        *size = n;
    return rc;
}

int rf_blob_store_read(struct rf_blob_store *s, const struct rf_digest *d, uint64_t want_size,
                       struct rf_source **out, struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int fd = -1;
    uint64_t size = 0;
    int rc = open_blob(s, d, &fd, &size, err);
    if (rc < 0)
        return rc;
    if (want_size != UINT64_MAX && want_size != size) {
        char text[RF_DIGEST_TEXT];
        return rf_fail(err, RFE_SIZE_MISMATCH, "%s: blob %s: want %llu bytes, the file has %llu",
                       s->path, rf_digest_text(d, text), (unsigned long long)want_size,
                       (unsigned long long)size);
    }
    *out = rf_source_fd_owned(rf_steal_fd(&fd), 0, size);
    return 0;
}

int rf_blob_store_load(struct rf_blob_store *s, const struct rf_digest *d, struct rf_buf *out,
                       struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int fd = -1;
    uint64_t size = 0;
    int rc = open_blob(s, d, &fd, &size, err);
    if (rc < 0)
        return rc;
    char text[RF_DIGEST_TEXT];
    if (size > out->max - out->len)
        return rf_fail(err, RFE_TOO_LARGE, "%s: blob %s: %llu bytes, at most %zu are read", s->path,
                       rf_digest_text(d, text), (unsigned long long)size, out->max - out->len);
    RF_CLEANUP(rf_source_freep)
    struct rf_source *src = rf_source_verify(rf_source_fd(fd, 0, size), d, size);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_sink_buf(out);
    rc = rf_stream_copy(src, sink, NULL, err);
    return rc < 0 ? rf_wrap(err, rc, "%s", s->path) : 0;
}

/* ---- writing ---- */

struct blob_sink {
    struct rf_sink base;
    int dir, fd;
    uint64_t size;
    char temp[TEMP_NAME]; /* "" while the file has no name */
    char hex[RF_DIGEST_TEXT];
};

static void temp_name(char out[TEMP_NAME])
{
    static atomic_ulong counter;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)snprintf(out, TEMP_NAME, TEMP_PREFIX "%ld-%lu-%lx", (long)getpid(),
                   atomic_fetch_add(&counter, 1), (unsigned long)now.tv_nsec);
}

/* An unnamed file can be given its name later only through /proc. */
static bool can_link_unnamed(int fd)
{
    char proc[64];
    (void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
    return access(proc, F_OK) == 0;
}

static int open_temp(struct blob_sink *b, struct rf_err *err)
{
    b->fd = openat(b->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, BLOB_MODE);
    if (b->fd >= 0 && can_link_unnamed(b->fd))
        return 0;
    int cause = errno;
    if (b->fd < 0 && cause != EOPNOTSUPP && cause != EISDIR && cause != EINVAL && cause != ENOENT)
        return rf_fail_errno(err, cause, "a new file");
    rf_closep(&b->fd);
    temp_name(b->temp);
    b->fd = openat(b->dir, b->temp, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, BLOB_MODE);
    if (b->fd < 0) {
        b->temp[0] = '\0';
        return rf_fail_errno(err, errno, "a new file");
    }
    /* Marks it as in use, so that nobody sweeps it away. */
    (void)flock(b->fd, LOCK_SH | LOCK_NB);
    return 0;
}

static int blob_write(struct rf_sink *sink, const void *p, size_t n, struct rf_err *err)
{
    struct blob_sink *b = (struct blob_sink *)sink;
    int rc = rf_pwrite_full(b->fd, p, n, b->size, err);
    if (rc == 0)
        b->size += n;
    return rc;
}

static int name_unnamed(struct blob_sink *b, const char *name)
{
    char proc[64];
    (void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", b->fd);
    return linkat(AT_FDCWD, proc, b->dir, name, AT_SYMLINK_FOLLOW);
}

/* What is there under the final name is a file of our size: a twin, by its digest. */
static bool twin_there(struct blob_sink *b)
{
    struct stat st;
    return fstatat(b->dir, b->hex, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
           (uint64_t)st.st_size == b->size;
}

static int blob_commit(struct rf_sink *sink, struct rf_err *err)
{
    struct blob_sink *b = (struct blob_sink *)sink;
    if (twin_there(b))
        return 0;
    int rc = rf_fsync_fd(b->fd, b->hex, err);
    if (rc < 0)
        return rc;
    if (b->temp[0] == '\0') {
        if (name_unnamed(b, b->hex) == 0 || (errno == EEXIST && twin_there(b)))
            return 0;
        if (errno != EEXIST)
            return rf_fail_errno(err, errno, "name the blob %s", b->hex);
        /* Something else has the name, a link or a torn file: it gives way. */
        temp_name(b->temp);
        if (name_unnamed(b, b->temp) < 0) {
            b->temp[0] = '\0';
            return rf_fail_errno(err, errno, "name the blob %s", b->hex);
        }
    }
    if (renameat(b->dir, b->temp, b->dir, b->hex) < 0)
        return rf_fail_errno(err, errno, "name the blob %s", b->hex);
    b->temp[0] = '\0';
    return 0;
}

static void blob_sink_free(struct rf_sink *sink)
{
    struct blob_sink *b = (struct blob_sink *)sink;
    if (b->temp[0] != '\0')
        (void)unlinkat(b->dir, b->temp, 0);
    rf_closep(&b->fd);
    rf_closep(&b->dir);
    free(b);
}

int rf_blob_store_put(struct rf_blob_store *s, const struct rf_digest *d, uint64_t size,
                      struct rf_sink **out, struct rf_err *err)
{
    static const struct rf_sink_ops ops = { blob_write, blob_commit, blob_sink_free };
    struct blob_sink *b = rf_xcalloc(1, sizeof(*b));
    b->base.ops = &ops;
    b->dir = -1;
    b->fd = -1;
    RF_CLEANUP(rf_sink_freep) struct rf_sink *owner = &b->base;
    rf_digest_hex(d, b->hex);
    int rc = open_algo(s, d->algo, true, &b->dir, err);
    if (rc < 0)
        return rc;
    rc = open_temp(b, err);
    if (rc < 0)
        return rf_wrap(err, rc, "%s: blob %s", s->path, b->hex);
    *out = rf_sink_verify(RF_STEAL(owner), true, d, size, NULL);
    return 0;
}

int rf_blob_store_put_bytes(struct rf_blob_store *s, const struct rf_digest *d,
                            struct rf_slice bytes, struct rf_err *err)
{
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = NULL;
    int rc = rf_blob_store_put(s, d, bytes.len, &sink, err);
    if (rc == 0)
        rc = rf_sink_write(sink, bytes.ptr, bytes.len, err);
    if (rc == 0)
        rc = rf_sink_commit(sink, err);
    return rc < 0 ? rf_wrap(err, rc, "%s", s->path) : 0;
}

int rf_blob_store_sync(struct rf_blob_store *s, struct rf_err *err)
{
    for (size_t i = 0; i < RF_ARRAY_LEN(algos); i++) {
        RF_CLEANUP(rf_closep) int dir = -1;
        int rc = open_algo(s, algos[i], false, &dir, err);
        if (rc == 0)
            rc = sync_folder(s, dir, err);
        if (rc < 0 && rc != -RFE_NOT_FOUND)
            return rc;
    }
    return 0;
}

/* ---- links between stores ---- */

static int copy_blob(struct rf_blob_store *s, const struct rf_digest *d, int fd, uint64_t size,
                     struct rf_err *err)
{
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_fd(fd, 0, size);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = NULL;
    int rc = rf_blob_store_put(s, d, size, &sink, err);
    if (rc == 0)
        rc = rf_stream_copy(src, sink, NULL, err);
    return rc < 0 ? rc : rf_sink_commit(sink, err);
}

/* Links the file behind `fd`; false when it has to be copied. Never links a symbolic link, and never another file of the same name. */
static bool try_link(int from_dir, int fd, int to_dir, const char *hex)
{
    struct stat want, got;
    if (linkat(from_dir, hex, to_dir, hex, 0) < 0)
        return false;
    if (fstat(fd, &want) == 0 && fstatat(to_dir, hex, &got, AT_SYMLINK_NOFOLLOW) == 0 &&
        want.st_ino == got.st_ino && want.st_dev == got.st_dev)
        return true;
    (void)unlinkat(to_dir, hex, 0);
    return false;
}

int rf_blob_store_link(struct rf_blob_store *s, struct rf_blob_store *from,
                       const struct rf_digest *d, struct rf_err *err)
{
    char hex[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_closep) int fd = -1;
    RF_CLEANUP(rf_closep) int from_dir = -1;
    RF_CLEANUP(rf_closep) int to_dir = -1;
    uint64_t size = 0, there = 0;
    int rc = open_blob(from, d, &fd, &size, err);
    if (rc < 0)
        return rc;
    if (rf_blob_store_stat(s, d, &there, NULL) == 0 && there == size)
        return 0;
    rc = open_algo(from, d->algo, false, &from_dir, err);
    if (rc == 0)
        rc = open_algo(s, d->algo, true, &to_dir, err);
    if (rc < 0)
        return rc;
    if (try_link(from_dir, fd, to_dir, rf_digest_hex(d, hex)))
        return 0;
    return copy_blob(s, d, fd, size, err);
}

int rf_blob_store_delete(struct rf_blob_store *s, const struct rf_digest *d, struct rf_err *err)
{
    char hex[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_closep) int dir = -1;
    int rc = open_algo(s, d->algo, false, &dir, err);
    if (rc == -RFE_NOT_FOUND)
        return fail_absent(s, d, err);
    if (rc < 0)
        return rc;
    if (unlinkat(dir, rf_digest_hex(d, hex), 0) == 0)
        return 0;
    if (errno == ENOENT)
        return fail_absent(s, d, err);
    return rf_fail_errno(err, errno, "%s: delete blob %s", s->path, hex);
}

/* ---- walking ---- */

static void closedirp(DIR **d)
{
    if (*d != NULL)
        (void)closedir(*d);
    *d = NULL;
}

/* Calls fn for each name in blobs/<algo>. An absent folder is an empty one. */
static int each_name(struct rf_blob_store *s, uint8_t algo,
                     int (*fn)(void *ctx, int dir, const char *name, struct rf_err *err), void *ctx,
                     struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int fd = -1;
    int rc = open_algo(s, algo, false, &fd, err);
    if (rc < 0)
        return rc == -RFE_NOT_FOUND ? 0 : rc;
    RF_CLEANUP(closedirp) DIR *d = fdopendir(fd);
    if (d == NULL)
        return rf_fail_errno(err, errno, "%s: list blobs", s->path);
    (void)rf_steal_fd(&fd); /* d has it */
    for (;;) {
        rc = rf_cancel_check(err);
        if (rc < 0)
            return rc;
        errno = 0;
        struct dirent *e = readdir(d);
        if (e == NULL)
            return errno == 0 ? 0 : rf_fail_errno(err, errno, "%s: list blobs", s->path);
        rc = fn(ctx, dirfd(d), e->d_name, err);
        if (rc < 0)
            return rc;
    }
}

struct each {
    uint8_t algo;
    int (*cb)(void *ctx, const struct rf_digest *d, uint64_t size, struct rf_err *err);
    void *ctx;
};

static int each_blob(void *ctx, int dir, const char *name, struct rf_err *err)
{
    struct each *each = ctx;
    struct rf_digest d;
    struct stat st;
    if (rf_digest_parse_parts(rf_slice_str(rf_digest_algo_name(each->algo)), rf_slice_str(name), &d,
                              NULL) < 0)
        return 0;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return 0;
    return each->cb(each->ctx, &d, (uint64_t)st.st_size, err);
}

int rf_blob_store_each(struct rf_blob_store *s,
                       int (*cb)(void *ctx, const struct rf_digest *d, uint64_t size,
                                 struct rf_err *err),
                       void *ctx, struct rf_err *err)
{
    for (size_t i = 0; i < RF_ARRAY_LEN(algos); i++) {
        struct each each = { algos[i], cb, ctx };
        int rc = each_name(s, algos[i], each_blob, &each, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int sweep_name(void *ctx, int dir, const char *name, struct rf_err *err)
{
    (void)ctx;
    (void)err;
    if (strncmp(name, TEMP_PREFIX, strlen(TEMP_PREFIX)) != 0)
        return 0;
    RF_CLEANUP(rf_closep)
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    /* A writer that lives holds a lock on it, or is just about to. */
    if (st.st_size == 0 && time(NULL) - st.st_ctime < SWEEP_GRACE_SECONDS)
        return 0;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        (void)unlinkat(dir, name, 0);
    return 0;
}

int rf_blob_store_sweep(struct rf_blob_store *s, struct rf_err *err)
{
    for (size_t i = 0; i < RF_ARRAY_LEN(algos); i++) {
        int rc = each_name(s, algos[i], sweep_name, NULL, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}
