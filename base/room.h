/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room on file systems, asked before anything is written there. A list with one entry for each file system:
 *
 *     rf_rooms_find(&rooms, path, &use, &number, err);   where this folder is, which need not exist yet
 *     rf_room_add_file(&rooms.list[number], size);       ... what goes there
 *     rf_rooms_ask(&rooms, NULL, err);                   how much is free
 *     rf_rooms_check(&rooms, err);                       -RFE_NO_SPACE
 *
 * Bytes are counted as the caller gives them; rf_room_of() makes whole units of them, for many small files.
 */
#ifndef RF_BASE_ROOM_H
#define RF_BASE_ROOM_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"

#define RF_ROOM_UNKNOWN UINT64_MAX
#define RF_ROOM_UNIT 4096u /* a file takes a multiple of this */

/* What people are told of a place. All of it static. */
struct rf_room_use {
    const char *note;   /* behind its line in a report: "" or " (...)" */
    const char *file;   /* what the largest file is: "the bundle" */
    const char *more;   /* what to do when there is too little room */
    const char *larger; /* what to do when files there cannot be so large */
};

struct rf_room {
    char *path;                    /* the first folder that was named of it, and its use */
    const struct rf_room_use *use; /* the caller's */
    dev_t device;
    uint64_t needed;
    uint64_t given_back; /* by what is removed there before anything is written */
    uint64_t there;      /* free, and what is given back; RF_ROOM_UNKNOWN: nobody says */
    uint64_t file;       /* the largest file that is to be written there */
    uint64_t file_max;   /* the largest that can be; RF_ROOM_UNKNOWN: any */
    bool process_limit;  /* that is a limit of the process, not of the file system */
};
struct rf_rooms {
    struct rf_room *list;
    size_t n, cap;
};
void rf_rooms_release(struct rf_rooms *r);
/* The number of the room where `path` is, or would be. */
RF_MUST_USE int rf_rooms_find(struct rf_rooms *r, const char *path, const struct rf_room_use *use,
                              size_t *number, struct rf_err *err);
/* The same, and so much more is needed there. */
RF_MUST_USE int rf_rooms_add(struct rf_rooms *r, const char *path, const struct rf_room_use *use,
                             uint64_t bytes, struct rf_err *err);
/* A file of this size is to be there, in whole units. */
void rf_room_add_file(struct rf_room *room, uint64_t size);
/* free_space NULL: rf_free_space. */
RF_MUST_USE int rf_rooms_ask(struct rf_rooms *r,
                             int (*free_space)(const char *path, uint64_t *bytes,
                                               struct rf_err *err),
                             struct rf_err *err);
/* -RFE_NO_SPACE names the first that does not do, by how much, and the next step. */
RF_MUST_USE int rf_rooms_check(const struct rf_rooms *r, struct rf_err *err);
/* The bytes that one has too few; 0: it is enough. */
uint64_t rf_room_short(const struct rf_room *room);
/* A line for each; the value of a report's `space`. Appended. */
void rf_rooms_text(const struct rf_rooms *r, struct rf_buf *out);
void rf_rooms_json(const struct rf_rooms *r, struct rf_buf *out);

/* So much a file of this size takes. */
static inline uint64_t rf_room_of(uint64_t size)
{
    return (size + RF_ROOM_UNIT - 1) / RF_ROOM_UNIT * RF_ROOM_UNIT;
}
/* The largest file on a file system of this type (statfs, f_type); RF_ROOM_UNKNOWN: no limit that matters. */
uint64_t rf_room_file_max(unsigned long type);
/* Bytes free for us on the file system of `path`, or of the nearest folder above it that exists; RF_ROOM_UNKNOWN when it does not know. */
RF_MUST_USE int rf_free_space(const char *path, uint64_t *bytes, struct rf_err *err);

#endif
