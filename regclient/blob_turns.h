/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs on their way to destinations, for copies that run at once: one of them moves a blob, the others find it there, or mount it from where it went. A copy holds a turn
 * while it moves bytes and waits for no other meanwhile; who waits holds nothing that a mover needs.
 *
 *     mark = rf_blob_turns_mark(turns);
 *     ... is it there already? can it be mounted? ...
 *     take(turns, &what, mark, wait, &stale, err);    1: it is the caller's; stale: what was asked above may be otherwise by now. 0: another's (not with `wait`)
 *     ... move it ...
 *     give(turns, &what, moved);
 */
#ifndef RF_REGCLIENT_BLOB_TURNS_H
#define RF_REGCLIENT_BLOB_TURNS_H

#include "base/digest.h"
#include "base/error.h"

struct rf_blob_turns;
struct rf_blob_turns *rf_blob_turns_new(void);
void rf_blob_turns_free(struct rf_blob_turns *t); /* nothing may be held; accepts NULL */
void rf_blob_turns_freep(struct rf_blob_turns **t);

/* One blob for one repository of a place; texts belong to the caller, who keeps them while the turn is held. */
struct rf_blob_turn {
    const char *place, *repo;
    const struct rf_digest *digest;
    bool
        mountable; /* from another repository of the place: one on its way to any of them is waited for */
};
/* A moment. Any thread, as all below. */
uint64_t rf_blob_turns_mark(struct rf_blob_turns *t);
/* 1, 0, or fails when cancelled. *stale: it was waited for, or such a blob was moved since `mark`. */
RF_MUST_USE int rf_blob_turns_take(struct rf_blob_turns *t, const struct rf_blob_turn *what,
                                   uint64_t mark, bool wait, bool *stale, struct rf_err *err);
void rf_blob_turns_give(struct rf_blob_turns *t, const struct rf_blob_turn *what, bool moved);
/* The place did or did not mount what another repository of it has. Where it does not, nobody waits for other repositories. */
void rf_blob_turns_mounts(struct rf_blob_turns *t, const char *place, bool can);

#endif
