/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/out_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#define DEPTH_MAX 256 /* of folders in each other */
#define SHOWN 300     /* bytes of a foreign name in a message */
#define FOLDER (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static int fail(struct rf_err *err, int errnum, const char *name)
{
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(name), SHOWN);
    if (errnum == ENOTDIR || errnum == ELOOP)
        return rf_fail(err, RFE_INVALID, "%s: something other than a folder is there", shown);
    return rf_fail_errno(err, errnum, "%s", shown);
}

int rf_out_folder_check(const char *name, struct rf_err *err)
{
    for (const char *c = name; *c != '\0'; c++) {
        if ((unsigned char)*c >= ' ' && *c != 0x7f)
            continue;
        RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(name), SHOWN);
        return rf_fail(err, RFE_INVALID, "the file name \"%s\" has control characters", shown);
    }
    return 0;
}

int rf_out_folder_open(const char *path, int *fd, struct rf_err *err)
{
    int opened = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0)
        return rf_fail_errno(err, errno, "%s", path);
    *fd = opened;
    return 0;
}

/* One step; `here` becomes the folder `part` in it. */
static int step(int *here, const char *part, bool make)
{
    if (make && mkdirat(*here, part, 0777) < 0 && errno != EEXIST)
        return errno;
    int next = openat(*here, part, FOLDER);
    if (next < 0)
        return errno;
    rf_closep(here);
    *here = next;
    return 0;
}

int rf_out_folder_below(int root, const char *path, bool make, int *fd, struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int here = fcntl(root, F_DUPFD_CLOEXEC, 0);
    RF_CLEANUP(rf_freep) char *copy = rf_xstrdup(path);
    if (here < 0)
        return rf_fail_errno(err, errno, "%s", path);
    unsigned depth = 0;
    for (char *part = copy; *part != '\0';) {
        size_t n = strcspn(part, "/");
        bool last = part[n] == '\0';
        part[n] = '\0';
        RF_CHECK(n > 0 && strcmp(part, "..") != 0);
        if (++depth > DEPTH_MAX)
            return rf_fail(err, RFE_TOO_LARGE, "folders more than %d deep", DEPTH_MAX);
        int e = step(&here, part, make);
        if (e != 0)
            return fail(err, e, path);
        part += last ? n : n + 1;
    }
    *fd = rf_steal_fd(&here);
    return 0;
}

int rf_out_folder_file(int root, const char *path, struct rf_sink **out, struct rf_err *err)
{
    const char *slash = strrchr(path, '/');
    RF_CLEANUP(rf_freep)
    char *above = rf_xstrndup(path, slash != NULL ? (size_t)(slash - path) : 0);
    const char *name = slash != NULL ? slash + 1 : path;
    RF_CLEANUP(rf_closep) int folder = -1;
    struct stat st;
    int rc = rf_out_folder_below(root, above, true, &folder, err);
    if (rc == 0 && fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        rc = fail(err, EISDIR, path);
    return rc < 0 ? rc : rf_file_sink_at(folder, name, 0666, true, out, err);
}

/* ---- whole folders ---- */

static void close_listing(DIR **d)
{
    if (*d != NULL)
        (void)closedir(*d);
}

/* A listing of its own position; fd stays the caller's. */
static DIR *list(int fd)
{
    int own = openat(fd, ".", FOLDER);
    DIR *d = own >= 0 ? fdopendir(own) : NULL;
    if (d == NULL)
        rf_closep(&own);
    return d;
}

/* NULL at the end; errno is 0 then. */
static const char *next_name(DIR *d)
{
    for (;;) {
        errno = 0;
        const struct dirent *e = readdir(d);
        if (e == NULL)
            return NULL;
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            return e->d_name;
    }
}

static int remove_tree(int dirfd, const char *name, unsigned depth, struct rf_err *err)
{
    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return fail(err, errno, name);
    RF_CLEANUP(rf_closep) int fd = openat(dirfd, name, FOLDER);
    RF_CLEANUP(close_listing) DIR *d = fd >= 0 ? list(fd) : NULL;
    if (d == NULL)
        return fail(err, errno, name);
    const char *inner;
    while ((inner = next_name(d)) != NULL) {
        int rc =
            depth == DEPTH_MAX ? fail(err, ELOOP, name) : remove_tree(fd, inner, depth + 1, err);
        if (rc < 0)
            return rc;
    }
    if (errno != 0 || unlinkat(dirfd, name, AT_REMOVEDIR) < 0)
        return fail(err, errno, name);
    return 0;
}

int rf_out_folder_remove(int dirfd, const char *name, struct rf_err *err)
{
    return remove_tree(dirfd, name, 0, err);
}

static int move_tree(int from, int to, unsigned depth, struct rf_err *err);

static int move_one(int from, int to, const char *name, unsigned depth, struct rf_err *err)
{
    if (renameat(from, name, to, name) == 0)
        return 0;
    /* A folder that is not empty is there under this name: theirs and ours become one. */
    if (errno != ENOTEMPTY && errno != EEXIST)
        return fail(err, errno, name);
    RF_CLEANUP(rf_closep) int inner_from = openat(from, name, FOLDER);
    RF_CLEANUP(rf_closep) int inner_to = inner_from >= 0 ? openat(to, name, FOLDER) : -1;
    if (inner_to < 0)
        return fail(err, errno, name);
    return depth == DEPTH_MAX ? fail(err, ELOOP, name)
                              : move_tree(inner_from, inner_to, depth + 1, err);
}

static int move_tree(int from, int to, unsigned depth, struct rf_err *err)
{
    RF_CLEANUP(close_listing) DIR *d = list(from);
    if (d == NULL)
        return rf_fail_errno(err, errno, "reading a folder");
    const char *name;
    while ((name = next_name(d)) != NULL) {
        int rc = move_one(from, to, name, depth, err);
        if (rc < 0)
            return rc;
    }
    return errno != 0 ? rf_fail_errno(err, errno, "reading a folder") : 0;
}

int rf_out_folder_move(int from, int to, struct rf_err *err)
{
    return move_tree(from, to, 0, err);
}
