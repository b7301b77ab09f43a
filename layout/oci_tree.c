/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/oci_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "manifests/reference.h"

/* ---- names ---- */

void rf_oci_names_release(struct rf_oci_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->list[i]);
    rf_freep(&names->list);
    names->n = names->cap = 0;
}

void rf_oci_names_add(struct rf_oci_names *names, const char *name)
{
    names->list = rf_grow(names->list, names->n, &names->cap, sizeof(*names->list));
    names->list[names->n++] = rf_xstrdup(name);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int rf_oci_names_each(struct rf_oci_names *names, rf_place_tag_cb cb, void *ctx, struct rf_err *err)
{
    if (names->n > 0)
        qsort(names->list, names->n, sizeof(*names->list), compare);
    for (size_t i = 0; i < names->n; i++) {
        if (i > 0 && strcmp(names->list[i], names->list[i - 1]) == 0)
            continue;
        if (!rf_place_name_valid(names->list[i]))
            continue;
        int rc = cb(ctx, names->list[i], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- trees ---- */

static bool is_reserved(const char *part, size_t n)
{
    static const char *const files[] = { "blobs", "index.json", "oci-layout" };
    for (size_t i = 0; i < RF_ARRAY_LEN(files); i++)
        if (strlen(files[i]) == n && memcmp(files[i], part, n) == 0)
            return true;
    return false;
}

bool rf_oci_tree_reserved(const char *repo)
{
    for (const char *part = repo; *part != '\0';) {
        size_t n = strcspn(part, "/");
        if (is_reserved(part, n))
            return true;
        part += part[n] == '/' ? n + 1 : n;
    }
    return false;
}

static void closedirp(DIR **d)
{
    if (*d != NULL)
        (void)closedir(*d);
    *d = NULL;
}

/* Each part is opened without following a link; "" is the root itself. */
static int open_below(int root, const char *repo)
{
    int at = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (const char *part = repo; at >= 0 && *part != '\0';) {
        size_t n = strcspn(part, "/");
        RF_CLEANUP(rf_freep) char *name = rf_xstrndup(part, n);
        RF_CLEANUP(rf_closep) int above = at;
        at = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        part += part[n] == '/' ? n + 1 : n;
    }
    return at;
}

static bool has_layout(int fd)
{
    struct stat st;
    return fstatat(fd, "oci-layout", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* Adds the folders in `repo` that may be repositories, or lead to some. */
static int add_folders(int given, const char *repo, struct rf_oci_names *todo, struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int fd = given;
    RF_CLEANUP(closedirp) DIR *d = fdopendir(fd);
    if (d == NULL)
        return rf_fail_errno(err, errno, "folder %s", repo);
    (void)rf_steal_fd(&fd); /* d has it */
    for (;;) {
        errno = 0;
        const struct dirent *e = readdir(d);
        if (e == NULL)
            return errno == 0 ? 0 : rf_fail_errno(err, errno, "folder %s", repo);
        if (e->d_name[0] == '.' || is_reserved(e->d_name, strlen(e->d_name)) ||
            (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN))
            continue;
        RF_CLEANUP(rf_freep)
        char *name = rf_xasprintf("%s%s%s", repo, repo[0] != '\0' ? "/" : "", e->d_name);
        if (rf_repository_valid(rf_slice_str(name)))
            rf_oci_names_add(todo, name);
    }
}

int rf_oci_tree_list(const char *path, struct rf_oci_names *names, struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0 && errno == ENOENT)
        return rf_fail(err, RFE_NOT_FOUND, "%s: no such folder", path);
    if (root < 0)
        return rf_fail_errno(err, errno, "%s", path);
    RF_CLEANUP(rf_oci_names_release) struct rf_oci_names todo = { 0 };
    rf_oci_names_add(&todo, "");
    while (todo.n > 0) {
        RF_CLEANUP(rf_freep) char *repo = todo.list[--todo.n];
        int rc = rf_cancel_check(err);
        if (rc < 0)
            return rc;
        int fd = open_below(root, repo);
        /* A file, a link, or gone meanwhile. */
        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
            continue;
        if (fd < 0)
            return rf_fail_errno(err, errno, "%s/%s", path, repo);
        if (repo[0] != '\0' && has_layout(fd))
            rf_oci_names_add(names, repo);
        rc = add_folders(fd, repo, &todo, err);
        if (rc < 0)
            return rf_wrap(err, rc, "%s", path);
    }
    return 0;
}
