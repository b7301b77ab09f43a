/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/tar_pack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "base/text.h"
#include "layout/tar_reader.h"

#define DEPTH_MAX 256
#define CHUNK ((size_t)64 << 10)
#define SHOWN 300

struct packer {
    struct rf_sink *out;
    struct archive *archive;
    struct rf_err why; /* the sink's failure */
    bool over;         /* nothing is written any more */
    char *chunk;
};

/*
 * To libarchive all goes well: told of a failure it would leave memory behind, and its end writes zeros for what is missing. What is failed or
 * over is passed by here, and looked for behind each of its calls.
 */
static la_ssize_t pass_on(struct archive *a, void *ctx, const void *p, size_t n)
{
    struct packer *k = ctx;
    (void)a;
    if (!k->over && rf_sink_write(k->out, p, n, &k->why) < 0)
        k->over = true;
    return (la_ssize_t)n;
}

static int fail(const char *path, int errnum, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(path), SHOWN);
    return rf_fail_errno(err, errnum, "%s", shown);
}

/* After a call of libarchive, with whether it went well: 0, or what failed. */
static int judge(struct packer *k, bool well, const char *path, struct rf_err *err)
{
    if (well && k->why.code == 0)
        return 0;
    if (k->why.code != 0) {
        if (err != NULL)
            *err = k->why;
        return -k->why.code;
    }
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(path), SHOWN);
    return rf_fail(err, RFE_INVALID, "%s: cannot be put into a tar: %s", shown,
                   archive_error_string(k->archive));
}

static void free_entry(struct archive_entry **e)
{
    archive_entry_free(*e);
}

static int write_header(struct packer *k, const char *path, const struct stat *st, const char *link,
                        struct rf_err *err)
{
    RF_CLEANUP(free_entry) struct archive_entry *e = archive_entry_new();
    bool folder = S_ISDIR(st->st_mode);
    RF_CLEANUP(rf_freep) char *name = rf_xasprintf(folder ? "%s/" : "%s", path);
    if (e == NULL)
        return rf_tar_fail_start(path, err);
    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, st->st_mode & S_IFMT);
    archive_entry_set_perm(e, folder || (st->st_mode & 0111) != 0 ? 0755 : 0644);
    archive_entry_set_mtime(e, 0, 0);
    archive_entry_set_size(e, S_ISREG(st->st_mode) ? st->st_size : 0);
    if (link != NULL) {
        archive_entry_set_symlink(e, link);
        archive_entry_set_perm(e, 0777);
    }
    return judge(k, archive_write_header(k->archive, e) == ARCHIVE_OK, path, err);
}

static int pack_file(struct packer *k, int dirfd, const char *name, const char *path,
                     struct rf_err *err)
{
    struct stat st;
    RF_CLEANUP(rf_closep)
    int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(path, errno, err);
    if (!S_ISREG(st.st_mode))
        return rf_fail(err, RFE_INVALID, "%s: changed while it was packed", path);
    int rc = write_header(k, path, &st, NULL, err);
    for (int64_t left = st.st_size; rc == 0 && left > 0;) {
        rc = rf_cancel_check(err);
        ssize_t n = rc < 0 ? 0 : read(fd, k->chunk, left < (int64_t)CHUNK ? (size_t)left : CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            rc = fail(path, errno, err);
        else if (n == 0 && rc == 0)
            rc = rf_fail(err, RFE_INVALID, "%s: changed while it was packed", path);
        else if (rc == 0)
            rc = judge(k, archive_write_data(k->archive, k->chunk, (size_t)n) == n, path, err);
        left -= n;
    }
    return rc;
}

static int pack_link(struct packer *k, int dirfd, const char *name, const char *path,
                     const struct stat *st, struct rf_err *err)
{
    char to[PATH_MAX];
    ssize_t n = readlinkat(dirfd, name, to, sizeof(to) - 1);
    if (n < 0)
        return fail(path, errno, err);
    to[n] = '\0';
    return write_header(k, path, st, to, err);
}

/* ---- folders ---- */

struct names {
    char **items;
    size_t n, cap;
};

static void names_release(struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->items[i]);
    free(names->items);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(int fd, const char *path, struct names *names, struct rf_err *err)
{
    int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = own >= 0 ? fdopendir(own) : NULL;
    if (d == NULL) {
        int e = errno;
        rf_closep(&own);
        return fail(path, e, err);
    }
    for (;;) {
        errno = 0;
        const struct dirent *e = readdir(d);
        if (e == NULL)
            break;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        names->items = rf_grow(names->items, names->n, &names->cap, sizeof(*names->items));
        names->items[names->n++] = rf_xstrdup(e->d_name);
    }
    int e = errno;
    (void)closedir(d);
    if (e != 0)
        return fail(path, e, err);
    if (names->n > 1)
        qsort(names->items, names->n, sizeof(*names->items), by_bytes);
    return 0;
}

static int pack_folder(struct packer *k, int fd, const char *path, unsigned depth,
                       struct rf_err *err);

static int pack_one(struct packer *k, int dirfd, const char *name, const char *path, unsigned depth,
                    struct rf_err *err)
{
    struct stat st;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(path, errno, err);
    if (S_ISREG(st.st_mode))
        return pack_file(k, dirfd, name, path, err);
    if (S_ISLNK(st.st_mode))
        return pack_link(k, dirfd, name, path, &st, err);
    if (!S_ISDIR(st.st_mode))
        return rf_fail(err, RFE_INVALID, "%s: neither file, folder nor link", path);
    if (depth == DEPTH_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "%s: folders more than %d deep", path, DEPTH_MAX);
    RF_CLEANUP(rf_closep)
    int inner = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner < 0)
        return fail(path, errno, err);
    int rc = write_header(k, path, &st, NULL, err);
    return rc < 0 ? rc : pack_folder(k, inner, path, depth + 1, err);
}

static int pack_folder(struct packer *k, int fd, const char *path, unsigned depth,
                       struct rf_err *err)
{
    RF_CLEANUP(names_release) struct names names = { 0 };
    int rc = read_names(fd, path, &names, err);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        RF_CLEANUP(rf_freep)
        char *inner = rf_xasprintf("%s%s%s", path, path[0] != '\0' ? "/" : "", names.items[i]);
        rc = pack_one(k, fd, names.items[i], inner, depth, err);
    }
    return rc;
}

static int run(struct packer *k, int fd, struct rf_err *err)
{
    if (archive_write_set_format_pax_restricted(k->archive) != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(k->archive, 0) != ARCHIVE_OK ||
        archive_write_open(k->archive, k, NULL, pass_on, NULL) != ARCHIVE_OK)
        return judge(k, false, "a tar", err);
    int rc = pack_folder(k, fd, "", 0, err);
    return rc < 0 ? rc : judge(k, archive_write_close(k->archive) == ARCHIVE_OK, "a tar", err);
}

int rf_tar_pack(const char *folder, struct rf_sink *out, struct rf_err *err)
{
    struct packer k = { .out = out, .why = RF_ERR_INIT };
    RF_CLEANUP(rf_closep) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(folder, errno, err);
    k.archive = archive_write_new();
    if (k.archive == NULL)
        return rf_tar_fail_start(folder, err);
    k.chunk = rf_xmalloc(CHUNK);
    int rc = run(&k, fd, err);
    k.over = true;
    (void)archive_write_free(k.archive);
    free(k.chunk);
    return rc < 0 ? rf_wrap(err, rc, "%s", folder) : 0;
}
