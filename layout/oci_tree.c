/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/oci_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "base/text.h"
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

int rf_oci_tree_can_write(char *path, struct rf_err *err)
{
    while (access(path, W_OK | X_OK) < 0) {
        if (errno == EACCES || errno == EROFS || errno == EPERM)
            return rf_fail(err, RFE_DENIED, "%s: may not be written to", path);
        if (errno != ENOENT)
            return 0;
        char *slash = strrchr(path, '/');
        if (slash == path && path[1] != '\0')
            path[1] = '\0';
        else if (slash != NULL && slash != path)
            *slash = '\0';
        else if (slash == NULL && strcmp(path, ".") != 0)
            (void)snprintf(path, strlen(path) + 1, ".");
        else
            return 0;
    }
    return 0;
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

/* 1, 0, or -errno when that cannot be seen. */
static int has_layout(int fd)
{
    struct stat st;
    if (fstatat(fd, "oci-layout", &st, AT_SYMLINK_NOFOLLOW) == 0)
        return S_ISREG(st.st_mode);
    return errno == ENOENT ? 0 : -errno;
}

/* A tree while it is looked through. */
struct walk {
    const char *path;
    const struct rf_oci_tree_watch *watch; /* or NULL */
    struct rf_oci_names *names;
    struct rf_oci_names todo; /* folders, seen from the root */
    size_t folders;
    unsigned told;
};

static void walk_release(struct walk *w)
{
    rf_oci_names_release(&w->todo);
}

/* A folder full of them is not listed to its end. */
static void tell(struct walk *w, const char *folder, const char *why)
{
    if (w->watch == NULL || w->told > RF_OCI_TREE_TOLD_MAX)
        return;
    if (w->told++ == RF_OCI_TREE_TOLD_MAX)
        w->watch->left_out(w->watch->ctx, "", "more folders are left out, and not listed");
    else
        w->watch->left_out(w->watch->ctx, folder, why);
}

static bool is_name(const char *repo)
{
    return rf_repository_valid(rf_slice_str(repo));
}

/* What is below is not known. Where no repository could be, that is no matter. */
static int unread(struct walk *w, const char *folder, int number, struct rf_err *err)
{
    struct rf_err why = RF_ERR_INIT;
    bool root = folder[0] == '\0';
    if (!root && !is_name(folder))
        return 0;
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(folder), RF_REPOSITORY_MAX);
    int rc = rf_fail_errno(&why, number, "%s%s%s", w->path, root ? "" : "/", shown);
    if (w->watch != NULL && !root) {
        w->watch->unread(w->watch->ctx, folder, &why);
        return 0;
    }
    if (err != NULL)
        *err = why;
    return rc;
}

enum kind { OTHER, FOLDER, LINK };
static enum kind kind_of(int fd, const struct dirent *e)
{
    struct stat st;
    if (e->d_type != DT_UNKNOWN)
        return e->d_type == DT_DIR ? FOLDER : e->d_type == DT_LNK ? LINK : OTHER;
    if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return OTHER;
    return S_ISDIR(st.st_mode) ? FOLDER : S_ISLNK(st.st_mode) ? LINK : OTHER;
}

static bool leads_to_folder(int fd, const char *link)
{
    struct stat st;
    return fstatat(fd, link, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

/* A folder that may be a repository, or lead to some. Of others it is only looked whether somebody took them for one. */
static void add_child(struct walk *w, int fd, const char *repo, const struct dirent *e)
{
    enum kind kind = kind_of(fd, e);
    if (e->d_name[0] == '.' || is_reserved(e->d_name, strlen(e->d_name)) || kind == OTHER)
        return;
    RF_CLEANUP(rf_freep)
    char *name = rf_xasprintf("%s%s%s", repo, repo[0] != '\0' ? "/" : "", e->d_name);
    if (kind == LINK) {
        if (w->watch != NULL && leads_to_folder(fd, e->d_name))
            tell(w, name, "a link, which is not followed");
    } else if (strlen(name) > RF_REPOSITORY_MAX) {
        tell(w, name, "it lies too deep for the name of a repository");
    } else if (w->watch != NULL || is_name(name)) {
        rf_oci_names_add(&w->todo, name);
    }
}

static int add_children(struct walk *w, int given, const char *repo, struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int fd = given;
    RF_CLEANUP(closedirp) DIR *d = fdopendir(fd);
    if (d == NULL)
        return unread(w, repo, errno, err);
    int at = rf_steal_fd(&fd); /* d has it */
    for (;;) {
        errno = 0;
        const struct dirent *e = readdir(d);
        if (e == NULL)
            return errno == 0 ? 0 : unread(w, repo, errno, err);
        add_child(w, at, repo, e);
        if (w->folders + w->todo.n > RF_OCI_TREE_FOLDERS_MAX)
            return rf_fail(err, RFE_TOO_LARGE,
                           "%s: more than %d folders, is that a tree of layouts?", w->path,
                           RF_OCI_TREE_FOLDERS_MAX);
    }
}

static int look_into(struct walk *w, int root, const char *repo, struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int fd = open_below(root, repo);
    /* A file, a link, or gone meanwhile. */
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
        return 0;
    if (fd < 0)
        return unread(w, repo, errno, err);
    int layout = repo[0] != '\0' ? has_layout(fd) : 0;
    if (layout < 0)
        return unread(w, repo, -layout, err);
    if (layout == 1 && !is_name(repo)) {
        tell(w, repo, "its name cannot be the one of a repository");
        return 0;
    }
    if (layout == 1)
        rf_oci_names_add(w->names, repo);
    return add_children(w, rf_steal_fd(&fd), repo, err);
}

int rf_oci_tree_walk(const char *path, const struct rf_oci_tree_watch *watch,
                     struct rf_oci_names *names, struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0 && errno == ENOENT)
        return rf_fail(err, RFE_NOT_FOUND, "%s: no such folder", path);
    if (root < 0)
        return rf_fail_errno(err, errno, "%s", path);
    RF_CLEANUP(walk_release) struct walk w = { .path = path, .watch = watch, .names = names };
    rf_oci_names_add(&w.todo, "");
    while (w.todo.n > 0) {
        RF_CLEANUP(rf_freep) char *repo = w.todo.list[--w.todo.n];
        w.folders++;
        int rc = rf_cancel_check(err);
        if (rc == 0)
            rc = look_into(&w, root, repo, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int rf_oci_tree_list(const char *path, struct rf_oci_names *names, struct rf_err *err)
{
    return rf_oci_tree_walk(path, NULL, names, err);
}
