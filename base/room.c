/* SPDX-License-Identifier: Apache-2.0 */
#include "base/room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

#define FAT_MAGIC 0x4d44ul /* FAT12 to FAT32, as msdos or vfat */

void rf_rooms_release(struct rf_rooms *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->list[i].path);
    free(r->list);
    *r = (struct rf_rooms){ 0 };
}

/* ---- file systems ---- */

/* `path`, or the nearest folder above it that exists; where that cannot be told, what cannot be looked at. The caller frees. */
static char *nearest(const char *path)
{
    char *at = rf_path_absolute(path);
    struct stat st;
    while (stat(at, &st) < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        char *slash = strrchr(at, '/');
        if (slash == NULL || strcmp(at, "/") == 0)
            break;
        slash[slash == at ? 1 : 0] = '\0';
    }
    return at;
}

int rf_free_space(const char *path, uint64_t *bytes, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *at = nearest(path);
    struct statvfs vfs;
    if (statvfs(at, &vfs) < 0)
        return rf_fail_errno(err, errno, "ask for the free space of %s", path);
    uint64_t unit = vfs.f_frsize, blocks = vfs.f_bavail;
    bool known = vfs.f_blocks > 0 && (unit == 0 || blocks <= RF_ROOM_UNKNOWN / unit);
    *bytes = known ? unit * blocks : RF_ROOM_UNKNOWN;
    return 0;
}

uint64_t rf_room_file_max(unsigned long type)
{
    return type == FAT_MAGIC ? UINT32_MAX : RF_ROOM_UNKNOWN;
}

static void limit_files(struct rf_room *room, const struct statfs *fs)
{
    struct rlimit limit;
    room->file_max = rf_room_file_max((unsigned long)fs->f_type);
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur < room->file_max) {
        room->file_max = limit.rlim_cur;
        room->process_limit = true;
    }
}

/* ---- what is needed ---- */

int rf_rooms_find(struct rf_rooms *r, const char *path, const struct rf_room_use *use,
                  size_t *number, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *at = nearest(path);
    struct statfs fs;
    struct stat st;
    if (stat(at, &st) < 0)
        return rf_fail_errno(err, errno, "look where %s would be", path);
    for (*number = 0; *number < r->n; (*number)++)
        if (r->list[*number].device == st.st_dev)
            return 0;
    if (statfs(at, &fs) < 0)
        return rf_fail_errno(err, errno, "ask for the file system of %s", path);
    r->list = rf_grow(r->list, r->n, &r->cap, sizeof(*r->list));
    struct rf_room *room = &r->list[r->n++];
    *room = (struct rf_room){
        .path = rf_xstrdup(path), .use = use, .device = st.st_dev, .there = RF_ROOM_UNKNOWN
    };
    limit_files(room, &fs);
    return 0;
}

int rf_rooms_add(struct rf_rooms *r, const char *path, const struct rf_room_use *use,
                 uint64_t bytes, struct rf_err *err)
{
    size_t number = 0;
    int rc = rf_rooms_find(r, path, use, &number, err);
    if (rc == 0)
        r->list[number].needed += bytes;
    return rc;
}

void rf_room_add_file(struct rf_room *room, uint64_t size)
{
    room->needed += rf_room_of(size);
    if (size > room->file)
        room->file = size;
}

int rf_rooms_ask(struct rf_rooms *r,
                 int (*free_space)(const char *path, uint64_t *bytes, struct rf_err *err),
                 struct rf_err *err)
{
    for (size_t i = 0; i < r->n; i++) {
        struct rf_room *room = &r->list[i];
        int rc = free_space != NULL ? free_space(room->path, &room->there, err)
                                    : rf_free_space(room->path, &room->there, err);
        if (rc < 0)
            return rc;
        if (room->there != RF_ROOM_UNKNOWN)
            room->there += room->given_back;
    }
    return 0;
}

/* ---- does it fit ---- */

uint64_t rf_room_short(const struct rf_room *room)
{
    return room->there != RF_ROOM_UNKNOWN && room->needed > room->there ? room->needed - room->there
                                                                        : 0;
}

static bool is_too_large(const struct rf_room *room)
{
    return room->file > room->file_max;
}

static int check_one(const struct rf_room *room, struct rf_err *err)
{
    if (is_too_large(room))
        return rf_fail(
            err, RFE_NO_SPACE,
            "%s: %s has %llu bytes, but a file there has at most %llu%s; nothing was written; %s",
            room->path, room->use->file, (unsigned long long)room->file,
            (unsigned long long)room->file_max,
            room->process_limit ? " by the limit of this process (ulimit -f)"
                                : " on this file system",
            room->process_limit ? "raise the limit" : room->use->larger);
    if (rf_room_short(room) == 0)
        return 0;
    return rf_fail(
        err, RFE_NO_SPACE,
        "%s: %llu bytes are needed and %llu are free there: %llu bytes short; nothing was written; %s",
        room->path, (unsigned long long)room->needed, (unsigned long long)room->there,
        (unsigned long long)rf_room_short(room), room->use->more);
}

int rf_rooms_check(const struct rf_rooms *r, struct rf_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->n; i++)
        rc = check_one(&r->list[i], err);
    return rc;
}

/* ---- reports ---- */

static void put_line(const struct rf_room *room, struct rf_buf *out)
{
    char need[16], there[16];
    rf_buf_addf(out, "space     %s: needs %s, ", room->path, rf_text_size(room->needed, need));
    if (room->there == RF_ROOM_UNKNOWN)
        rf_buf_add_str(out, "how much is free is not known");
    else
        rf_buf_addf(out, "%s free", rf_text_size(room->there, there));
    if (rf_room_short(room) > 0)
        rf_buf_addf(out, ": %llu bytes short", (unsigned long long)rf_room_short(room));
    if (is_too_large(room))
        rf_buf_addf(out, ", but files of %s at most", rf_text_size(room->file_max, need));
    rf_buf_addf(out, "%s\n", room->use->note);
}

void rf_rooms_text(const struct rf_rooms *r, struct rf_buf *out)
{
    for (size_t i = 0; i < r->n; i++)
        put_line(&r->list[i], out);
}

static void put_json(const struct rf_room *room, struct rf_buf *out)
{
    rf_buf_add_str(out, "{\"path\":");
    rf_json_add_string(out, room->path);
    rf_buf_addf(out, ",\"needed\":%llu", (unsigned long long)room->needed);
    if (room->there != RF_ROOM_UNKNOWN)
        rf_buf_addf(out, ",\"free\":%llu", (unsigned long long)room->there);
    else
        rf_buf_add_str(out, ",\"free\":null");
    if (room->file > 0 && room->file_max != RF_ROOM_UNKNOWN)
        rf_buf_addf(out, ",\"fileMax\":%llu", (unsigned long long)room->file_max);
    rf_buf_add_char(out, '}');
}

void rf_rooms_json(const struct rf_rooms *r, struct rf_buf *out)
{
    rf_buf_add_char(out, '[');
    for (size_t i = 0; i < r->n; i++) {
        rf_buf_add_str(out, i > 0 ? "," : "");
        put_json(&r->list[i], out);
    }
    rf_buf_add_char(out, ']');
}
