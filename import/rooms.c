/* SPDX-License-Identifier: Apache-2.0 */
#include "import/rooms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"

void rf_rooms_release(struct rf_rooms *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->list[i].path);
    free(r->list);
    *r = (struct rf_rooms){ 0 };
}

/* Of the nearest folder above that exists. */
static int device_of(const char *path, uint64_t *device, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *at = rf_path_absolute(path);
    struct stat st;
    while (stat(at, &st) < 0) {
        char *slash = strrchr(at, '/');
        if ((errno != ENOENT && errno != ENOTDIR) || slash == NULL || at[1] == '\0')
            return rf_fail_errno(err, errno, "look where %s would be", path);
        slash[slash == at ? 1 : 0] = '\0';
    }
    *device = (uint64_t)st.st_dev;
    return 0;
}

int rf_rooms_find(struct rf_rooms *r, const char *path, size_t *number, struct rf_err *err)
{
    uint64_t device = 0;
    int rc = device_of(path, &device, err);
    if (rc < 0)
        return rc;
    for (*number = 0; *number < r->n; (*number)++)
        if (r->list[*number].device == device)
            return 0;
    r->list = rf_grow(r->list, r->n, &r->cap, sizeof(*r->list));
    r->list[r->n++] =
        (struct rf_room){ .path = rf_xstrdup(path), .device = device, .there = RF_ROOM_UNKNOWN };
    return 0;
}

int rf_rooms_add(struct rf_rooms *r, const char *path, uint64_t bytes, struct rf_err *err)
{
    size_t number = 0;
    int rc = rf_rooms_find(r, path, &number, err);
    if (rc == 0)
        r->list[number].needed += bytes;
    return rc;
}

int rf_rooms_ask(struct rf_rooms *r,
                 int (*free_space)(const char *path, uint64_t *bytes, struct rf_err *err),
                 struct rf_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->n; i++)
        rc = free_space != NULL ? free_space(r->list[i].path, &r->list[i].there, err)
                                : rf_free_space(r->list[i].path, &r->list[i].there, err);
    return rc;
}

const struct rf_room *rf_rooms_short(const struct rf_rooms *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->list[i].there != RF_ROOM_UNKNOWN && r->list[i].needed > r->list[i].there)
            return &r->list[i];
    return NULL;
}
