/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"

#define DEFAULT_MAX ((size_t)64 << 20)
#define BLOCK_SIZE ((size_t)8192)
#define ALIGNMENT alignof(max_align_t)

struct rf_arena_block {
    struct rf_arena_block *next;
    max_align_t bytes[];
};

struct rf_arena_defer {
    struct rf_arena_defer *next;
    void (*fn)(void *);
    void *arg;
};

void rf_arena_init(struct rf_arena *a, size_t max)
{
    *a = (struct rf_arena){ .max = max > 0 ? max : DEFAULT_MAX };
}

void rf_arena_release(struct rf_arena *a)
{
    for (struct rf_arena_defer *d = a->defers; d != NULL; d = d->next)
        d->fn(d->arg);
    while (a->blocks != NULL) {
        struct rf_arena_block *b = a->blocks;
        a->blocks = b->next;
        free(b);
    }
    rf_arena_init(a, a->max);
}

/* A block with at least `size` free bytes becomes the newest one. */
static void add_block(struct rf_arena *a, size_t size)
{
    size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
    RF_CHECK(room <= SIZE_MAX - sizeof(struct rf_arena_block));
    struct rf_arena_block *b = rf_xcalloc(1, sizeof(*b) + room);
    b->next = a->blocks;
    a->blocks = b;
    a->at = (char *)b->bytes;
    a->left = room;
}

void *rf_arena_alloc(struct rf_arena *a, size_t size)
{
    RF_CHECK(size <= SIZE_MAX / 2);
    size_t whole = size > 0 ? (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
    if (whole > rf_arena_room(a))
        a->over = true;
    a->used += whole;
    if (whole > a->left)
        add_block(a, whole);
    char *p = a->at;
    a->at += whole;
    a->left -= whole;
    return p;
}

void *rf_arena_array(struct rf_arena *a, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes) || bytes > rf_arena_room(a)) {
        a->over = true;
        return NULL;
    }
    return rf_arena_alloc(a, bytes);
}

char *rf_arena_dup(struct rf_arena *a, struct rf_slice s)
{
    char *copy = rf_arena_alloc(a, s.len + 1);
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    return copy;
}

struct rf_slice rf_arena_slice(struct rf_arena *a, struct rf_slice s)
{
    return rf_slice_of(rf_arena_dup(a, s), s.len);
}

struct rf_slice rf_arena_printf(struct rf_arena *a, const char *fmt, ...)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    va_list ap;
    va_start(ap, fmt);
    rf_buf_vaddf(&b, fmt, ap);
    va_end(ap);
    return rf_arena_slice(a, rf_buf_slice(&b));
}

size_t rf_arena_room(const struct rf_arena *a)
{
    return a->used < a->max ? a->max - a->used : 0;
}

void rf_arena_defer(struct rf_arena *a, void (*fn)(void *), void *arg)
{
    struct rf_arena_defer *d = rf_arena_alloc(a, sizeof(*d));
    *d = (struct rf_arena_defer){ .next = a->defers, .fn = fn, .arg = arg };
    a->defers = d;
}
