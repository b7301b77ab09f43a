/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many small allocations with one end: everything lives until the arena is released. For values that a template or a
 * script makes on its way, whose owners nobody wants to name.
 *
 *     struct rf_arena a;  rf_arena_init(&a, 0);  ...rf_arena_dup(&a, s)...  rf_arena_release(&a);
 *
 * The cap is soft for pieces whose size the code chooses: they always succeed and set `over`, which whoever drives
 * the work looks at between two steps. What input sizes goes through rf_arena_array(), which refuses. One thread.
 */
#ifndef RF_BASE_ARENA_H
#define RF_BASE_ARENA_H

#include "base/buf.h"

struct rf_arena_block;
struct rf_arena {
    struct rf_arena_block *blocks;
    struct rf_arena_defer *defers;
    char *at;    /* free bytes of the newest block */
    size_t left; /* and how many */
    size_t used, max;
    bool over; /* sticky: more than max was asked for */
};

void rf_arena_init(struct rf_arena *a, size_t max); /* 0 means 64 MiB */
void rf_arena_release(struct rf_arena *a);          /* also for RF_CLEANUP */

/* Zeroed bytes, aligned for any type; never NULL. */
void *rf_arena_alloc(struct rf_arena *a, size_t size);
/* n elements, zeroed; NULL, and `over` set, when that is more than the cap leaves. */
void *rf_arena_array(struct rf_arena *a, size_t n, size_t size);
/* A copy of bytes that exist already, with a NUL behind. */
char *rf_arena_dup(struct rf_arena *a, struct rf_slice s);
struct rf_slice rf_arena_slice(struct rf_arena *a, struct rf_slice s);
struct rf_slice rf_arena_printf(struct rf_arena *a, const char *fmt, ...) RF_PRINTF(2, 3);
/* What is left below the cap. */
size_t rf_arena_room(const struct rf_arena *a);
/* fn(arg) runs at the release, the last one first: for what a getter had to make on the heap. */
void rf_arena_defer(struct rf_arena *a, void (*fn)(void *), void *arg);

#endif
