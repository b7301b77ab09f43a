/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room on the file systems that an import writes to, asked before it writes anything. A list with one entry for each of them:
 *
 *     rf_rooms_add(&rooms, path, bytes, err);      ... once for whatever goes below this folder, which need not exist yet
 *     rf_rooms_ask(&rooms, NULL, err);             how much is free
 *     rf_rooms_short(&rooms)                       the first that has too little
 */
#ifndef RF_IMPORT_ROOMS_H
#define RF_IMPORT_ROOMS_H

#include "base/error.h"

#define RF_ROOM_UNKNOWN UINT64_MAX
#define RF_ROOM_UNIT 4096u /* a file takes a multiple of this */

struct rf_room {
    char *path; /* the first folder that was named of it */
    uint64_t device;
    uint64_t needed;
    uint64_t there; /* RF_ROOM_UNKNOWN: the file system does not say */
};
struct rf_rooms {
    struct rf_room *list;
    size_t n, cap;
};
void rf_rooms_release(struct rf_rooms *r);
/* The number of the room where `path` is, or would be. */
RF_MUST_USE int rf_rooms_find(struct rf_rooms *r, const char *path, size_t *number,
                              struct rf_err *err);
RF_MUST_USE int rf_rooms_add(struct rf_rooms *r, const char *path, uint64_t bytes,
                             struct rf_err *err);
/* free_space NULL: rf_free_space. */
RF_MUST_USE int rf_rooms_ask(struct rf_rooms *r,
                             int (*free_space)(const char *path, uint64_t *bytes,
                                               struct rf_err *err),
                             struct rf_err *err);
const struct rf_room *rf_rooms_short(const struct rf_rooms *r);
/* So much a file of this size takes. */
static inline uint64_t rf_room_of(uint64_t size)
{
    return (size + RF_ROOM_UNIT - 1) / RF_ROOM_UNIT * RF_ROOM_UNIT;
}

#endif
