/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/layer_tar.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "layout/tar_reader.h"

#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"

void rf_layer_entry_release(struct rf_layer_entry *e)
{
    free(e->name);
    free(e->link);
    free(e->user);
    free(e->group);
    *e = (struct rf_layer_entry){ 0 };
}

/* ---- paths ---- */

char *rf_layer_path(const char *path)
{
    char *out = rf_xmalloc(strlen(path) + 1);
    size_t len = 0;
    while (*path != '\0') {
        size_t n = strcspn(path, "/");
        if (n == 2 && strncmp(path, "..", 2) == 0) {
            while (len > 0 && out[len - 1] != '/')
                len--;
            len = len > 0 ? len - 1 : 0;
        } else if (n > 0 && !(n == 1 && path[0] == '.')) {
            if (len > 0)
                out[len++] = '/';
            memcpy(out + len, path, n);
            len += n;
        }
        path += n;
        path += strspn(path, "/");
    }
    out[len] = '\0';
    return out;
}

char *rf_layer_follow(const char *at, const char *link)
{
    const char *slash = strrchr(at, '/');
    RF_CLEANUP(rf_freep) char *joined = NULL;
    if (link[0] == '/')
        return rf_layer_path(link);
    joined = rf_xasprintf("%.*s/%s", slash != NULL ? (int)(slash - at) : 0, at, link);
    return rf_layer_path(joined);
}

/* `name` is a folder above `path`. */
static bool is_above(const char *name, const char *path)
{
    size_t n = strlen(name);
    return n > 0 && strncmp(name, path, n) == 0 && path[n] == '/';
}

/* A whiteout of that name takes the path away: of itself, of a folder above, or of all that a folder held. */
static bool whites_out(const char *name, const char *path)
{
    const char *slash = strrchr(name, '/');
    const char *last = slash != NULL ? slash + 1 : name;
    size_t folder = slash != NULL ? (size_t)(slash + 1 - name) : 0;
    if (strncmp(last, WHITEOUT, strlen(WHITEOUT)) != 0 || strncmp(name, path, folder) != 0)
        return false;
    if (strcmp(last, OPAQUE) == 0)
        return true;
    const char *gone = last + strlen(WHITEOUT);
    size_t n = strlen(gone);
    return n > 0 && strncmp(path + folder, gone, n) == 0 &&
           (path[folder + n] == '\0' || path[folder + n] == '/');
}

/* ---- members ---- */

/* Names are UTF-8 in most layers, and bytes in the others: both are taken, whatever the locale. */
static const char *first_of(const char *utf8, const char *raw)
{
    return utf8 != NULL ? utf8 : raw != NULL ? raw : "";
}

static const char *name_of(struct archive_entry *entry)
{
    return first_of(archive_entry_pathname_utf8(entry), archive_entry_pathname(entry));
}

static char type_of(struct archive_entry *entry)
{
    if (archive_entry_hardlink_utf8(entry) != NULL || archive_entry_hardlink(entry) != NULL)
        return '1';
    switch (archive_entry_filetype(entry)) {
    case AE_IFLNK:
        return '2';
    case AE_IFCHR:
        return '3';
    case AE_IFBLK:
        return '4';
    case AE_IFDIR:
        return '5';
    case AE_IFIFO:
        return '6';
    default:
        return '0';
    }
}

static void fill(struct rf_layer_entry *out, struct archive_entry *entry)
{
    char type = type_of(entry);
    const char *link = "";
    if (type == '1')
        link = first_of(archive_entry_hardlink_utf8(entry), archive_entry_hardlink(entry));
    else if (type == '2')
        link = first_of(archive_entry_symlink_utf8(entry), archive_entry_symlink(entry));
    *out = (struct rf_layer_entry){
        .name = rf_xstrdup(name_of(entry)),
        .link = rf_xstrdup(link),
        .user = rf_xstrdup(first_of(archive_entry_uname_utf8(entry), archive_entry_uname(entry))),
        .group = rf_xstrdup(first_of(archive_entry_gname_utf8(entry), archive_entry_gname(entry))),
        .type = type,
        .size = archive_entry_size(entry) > 0 ? (uint64_t)archive_entry_size(entry) : 0,
        .uid = archive_entry_uid(entry),
        .gid = archive_entry_gid(entry),
        .mtime = archive_entry_mtime(entry),
        .mtime_nsec = (uint32_t)archive_entry_mtime_nsec(entry),
        .mode = (uint32_t)archive_entry_perm(entry),
    };
}

static int write_content(struct rf_tar_reader *r, struct rf_sink *sink, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *chunk = rf_xmalloc(64u << 10);
    for (;;) {
        ssize_t n = rf_tar_reader_data(r, chunk, 64u << 10, err);
        if (n <= 0)
            return (int)n;
        int rc = rf_sink_write(sink, chunk, (size_t)n, err);
        if (rc < 0)
            return rc;
    }
}

/* 1 and the next member, 0 at the end. Unlike a file that we are to trust, a layer may be odd (names that this locale cannot show). */
static int next(struct rf_tar_reader *r, struct archive_entry **entry, struct rf_err *err)
{
    int rc = rf_cancel_check(err);
    if (rc < 0)
        return rc;
    int got = archive_read_next_header(r->archive, entry);
    if (got == ARCHIVE_EOF)
        return 0;
    return got == ARCHIVE_OK || got == ARCHIVE_WARN ? 1 : rf_tar_reader_fail(r, err);
}

static int found(struct rf_tar_reader *r, struct archive_entry *entry, struct rf_layer_entry *out,
                 struct rf_sink *sink, struct rf_err *err)
{
    fill(out, entry);
    int rc = sink != NULL && out->type == '0' ? write_content(r, sink, err) : 0;
    if (rc < 0)
        rf_layer_entry_release(out);
    return rc < 0 ? rc : RF_LAYER_FOUND;
}

/* The folder at `name` is a link: on to where the rest of the path lies then. */
static void linked(const char *name, const char *path, struct archive_entry *entry,
                   struct rf_layer_entry *out)
{
    struct rf_layer_entry e;
    fill(&e, entry);
    RF_CLEANUP(rf_freep) char *target = rf_layer_follow(name, e.link);
    free(e.link);
    e.link = rf_xasprintf("%s%s%s", target, target[0] != '\0' ? "/" : "", path + strlen(name) + 1);
    rf_layer_entry_release(out);
    *out = e;
}

static int search(struct rf_tar_reader *r, const char *path, struct rf_layer_entry *out,
                  struct rf_sink *sink, struct rf_err *err)
{
    int answer = RF_LAYER_ABSENT, rc;
    struct archive_entry *entry = NULL;
    while ((rc = next(r, &entry, err)) > 0) {
        RF_CLEANUP(rf_freep) char *name = rf_layer_path(name_of(entry));
        if (strcmp(name, path) == 0) {
            rf_layer_entry_release(out);
            return found(r, entry, out, sink, err);
        }
        /* A whiteout is of what lies below: the same layer may bring the path anew. */
        if (answer == RF_LAYER_ABSENT && whites_out(name, path))
            answer = RF_LAYER_DELETED;
        if (is_above(name, path) && type_of(entry) == '2') {
            linked(name, path, entry, out);
            answer = RF_LAYER_LINKED;
        }
    }
    return rc < 0 ? rc : answer;
}

int rf_layer_tar_find(struct rf_source *src, const char *name, const char *path,
                      struct rf_layer_entry *out, struct rf_sink *sink, struct rf_err *err)
{
    struct rf_tar_reader r = { 0 };
    struct rf_layer_entry entry = { 0 };
    int rc = rf_tar_reader_open_source(&r, src, name, err);
    if (rc == 0)
        rc = search(&r, path, &entry, sink, err);
    rf_tar_reader_release(&r);
    if (rc == RF_LAYER_FOUND || rc == RF_LAYER_LINKED)
        *out = entry;
    else
        rf_layer_entry_release(&entry);
    return rc;
}

/* ---- all members ---- */

struct content {
    struct rf_source base;
    struct rf_tar_reader *reader;
};

static ssize_t content_read(struct rf_source *s, void *p, size_t n, struct rf_err *err)
{
    return rf_tar_reader_data(((struct content *)s)->reader, p, n, err);
}

static void content_free(struct rf_source *s)
{
    (void)s;
}

int rf_layer_tar_each(struct rf_source *src, const char *name, rf_layer_tar_cb cb, void *ctx,
                      struct rf_err *err)
{
    static const struct rf_source_ops ops = { content_read, NULL, content_free };
    struct rf_tar_reader r = { 0 };
    struct archive_entry *member = NULL;
    int rc = rf_tar_reader_open_source(&r, src, name, err);
    if (rc == 0)
        rc = 1;
    while (rc > 0 && (rc = next(&r, &member, err)) > 0) {
        RF_CLEANUP(rf_layer_entry_release) struct rf_layer_entry entry = { 0 };
        struct content content = { .base.ops = &ops, .reader = &r };
        fill(&entry, member);
        if (entry.type != '0')
            entry.size = 0;
        rc = cb(ctx, &entry, &content.base, err);
        rc = rc < 0 ? rc : 1;
    }
    rf_tar_reader_release(&r);
    return rc;
}
