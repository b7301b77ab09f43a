/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/tar_unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "layout/layer_tar.h"
#include "layout/out_folder.h"

#define SHOWN 300
#define CHUNK ((size_t)64 << 10)

struct unpacking {
    int root;
    struct rf_tar_unpack *u;
    uint64_t written, max;
    size_t members;
    char *chunk;
};

/*
 * Only leading ".." may go up, and not further than the root: then the link leads into a real folder above, and what follows goes down, over
 * links of the same kind.
 */
bool rf_tar_link_stays(const char *link, unsigned depth)
{
    bool down = false;
    if (link[0] == '/' || link[0] == '\0')
        return false;
    while (*link != '\0') {
        size_t n = strcspn(link, "/");
        if (n == 2 && strncmp(link, "..", 2) == 0) {
            if (down || depth == 0)
                return false;
            depth--;
        } else if (n > 0 && !(n == 1 && link[0] == '.')) {
            down = true;
        }
        link += n;
        link += strspn(link, "/");
    }
    return true;
}

/* The folder that a member of this clean path lies in, and its own name. */
static int open_above(struct unpacking *x, const char *path, int *folder, const char **name,
                      struct rf_err *err)
{
    const char *slash = strrchr(path, '/');
    RF_CLEANUP(rf_freep)
    char *above = rf_xstrndup(path, slash != NULL ? (size_t)(slash - path) : 0);
    *name = slash != NULL ? slash + 1 : path;
    return rf_out_folder_below(x->root, above, true, folder, err);
}

static int fail_member(struct rf_err *err, int errnum, const char *path)
{
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(path), SHOWN);
    return rf_fail_errno(err, errnum, "%s", shown);
}

static int refuse(struct rf_err *err, const char *path, const char *link)
{
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(path), SHOWN);
    RF_CLEANUP(rf_freep) char *to = rf_text_safe_dup(rf_slice_str(link), SHOWN);
    return rf_fail(err, RFE_INVALID, "%s: a link to \"%s\" could lead out of the folder", shown,
                   to);
}

/* What an earlier member put there goes, unless it is a folder. */
static int make_room(int folder, const char *name, const char *path, struct rf_err *err)
{
    if (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
        return fail_member(err, errno, path);
    return 0;
}

static int write_all(int fd, const char *p, size_t n, const char *path, struct rf_err *err)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno != EINTR)
            return fail_member(err, errno, path);
        if (done > 0) {
            p += done;
            n -= (size_t)done;
        }
    }
    return 0;
}

static int unpack_file(struct unpacking *x, const struct rf_layer_entry *e, const char *path,
                       struct rf_source *content, struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int folder = -1;
    const char *name = NULL;
    int rc = open_above(x, path, &folder, &name, err);
    if (rc == 0)
        rc = make_room(folder, name, path, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_closep)
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    (e->mode & 0111) != 0 ? 0777 : 0666);
    if (fd < 0)
        return fail_member(err, errno, path);
    for (;;) {
        ssize_t n = rf_source_read(content, x->chunk, CHUNK, err);
        if (n <= 0)
            return (int)n;
        x->written += (uint64_t)n;
        if (x->written > x->max)
            return rf_fail(err, RFE_TOO_LARGE,
                           "%llu packed bytes unpack to more than %llu: it is left alone",
                           (unsigned long long)x->u->packed, (unsigned long long)x->max);
        rc = write_all(fd, x->chunk, (size_t)n, path, err);
        if (rc < 0)
            return rc;
    }
}

static int unpack_symlink(struct unpacking *x, const struct rf_layer_entry *e, const char *path,
                          struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int folder = -1;
    const char *name = NULL;
    unsigned depth = 0;
    for (const char *c = path; *c != '\0'; c++)
        depth += *c == '/';
    if (!rf_tar_link_stays(e->link, depth))
        return refuse(err, path, e->link);
    int rc = open_above(x, path, &folder, &name, err);
    if (rc == 0)
        rc = make_room(folder, name, path, err);
    if (rc == 0 && symlinkat(e->link, folder, name) < 0)
        rc = fail_member(err, errno, path);
    return rc;
}

/* Only to a file: a symbolic link would mean something else at another depth. */
static int unpack_hard_link(struct unpacking *x, const struct rf_layer_entry *e, const char *path,
                            struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *to = rf_layer_path(e->link);
    RF_CLEANUP(rf_closep) int folder = -1;
    RF_CLEANUP(rf_closep) int to_folder = -1;
    const char *name = NULL, *to_name = NULL;
    struct stat st;
    if (strcmp(to, path) == 0)
        return 0;
    int rc =
        to[0] != '\0' ? open_above(x, to, &to_folder, &to_name, err) : refuse(err, path, e->link);
    if (rc == 0 &&
        (fstatat(to_folder, to_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode)))
        rc = refuse(err, path, e->link);
    if (rc == 0)
        rc = open_above(x, path, &folder, &name, err);
    if (rc == 0)
        rc = make_room(folder, name, path, err);
    if (rc == 0 && linkat(to_folder, to_name, folder, name, 0) < 0)
        rc = fail_member(err, errno, path);
    return rc;
}

static int unpack_folder(struct unpacking *x, const char *path, struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int folder = -1;
    return rf_out_folder_below(x->root, path, true, &folder, err);
}

static int unpack_member(void *ctx, const struct rf_layer_entry *e, struct rf_source *content,
                         struct rf_err *err)
{
    struct unpacking *x = ctx;
    RF_CLEANUP(rf_freep) char *path = rf_layer_path(e->name);
    if (++x->members > RF_TAR_UNPACK_MEMBERS)
        return rf_fail(err, RFE_TOO_LARGE, "more than %u members", RF_TAR_UNPACK_MEMBERS);
    int rc = rf_out_folder_check(path, err);
    if (rc < 0 || (path[0] == '\0' && e->type == '5'))
        return rc;
    if (path[0] == '\0')
        return rf_fail(err, RFE_INVALID, "a member without a name");
    switch (e->type) {
    case '0':
        return unpack_file(x, e, path, content, err);
    case '1':
        return unpack_hard_link(x, e, path, err);
    case '2':
        return unpack_symlink(x, e, path, err);
    case '5':
        return unpack_folder(x, path, err);
    default:
        x->u->left_out++;
        return 0;
    }
}

int rf_tar_unpack(struct rf_source *src, const char *name, int root, struct rf_tar_unpack *u,
                  struct rf_err *err)
{
    struct unpacking x = { .root = root, .u = u, .max = RF_TAR_UNPACK_FREE };
    if (u->packed > RF_TAR_UNPACK_FREE / RF_TAR_UNPACK_GROWTH)
        x.max = u->packed < UINT64_MAX / RF_TAR_UNPACK_GROWTH ? u->packed * RF_TAR_UNPACK_GROWTH
                                                              : UINT64_MAX;
    if (u->max > 0)
        x.max = u->max;
    x.chunk = rf_xmalloc(CHUNK);
    int rc = rf_layer_tar_each(src, name, unpack_member, &x, err);
    rf_freep(&x.chunk);
    return rc;
}
