/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation and cleanup. Small allocations whose size we chose cannot fail: without memory the process
 * writes one fixed line and ends with status 70 (every file we write survives that, see base/file.h).
 * What input sizes is capped first by its reader.
 *
 *     RF_CLEANUP(rf_freep) char *name = rf_xstrdup(text);      freed on every way out
 *     return RF_STEAL(name);                                   given away instead
 */
#ifndef RF_BASE_MEM_H
#define RF_BASE_MEM_H

#include "base/error.h"

#include <stdarg.h>
#include <stddef.h>

#define RF_CLEANUP(fn) __attribute__((cleanup(fn)))
/* Yields the pointer and sets the variable to NULL. */
#define RF_STEAL(p)                     \
    __extension__({                     \
        __typeof__(p) rf_stolen_ = (p); \
        (p) = NULL;                     \
        rf_stolen_;                     \
    })
#define RF_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

void *rf_xmalloc(size_t size);
void *rf_xcalloc(size_t n, size_t size);                /* zeroed; overflow ends the process */
void *rf_xreallocarray(void *p, size_t n, size_t size); /* overflow ends the process */
char *rf_xstrdup(const char *s);                        /* NULL gives NULL */
char *rf_xstrndup(const char *s, size_t n);
char *rf_xasprintf(const char *fmt, ...) RF_PRINTF(1, 2);
char *rf_xvasprintf(const char *fmt, va_list ap) RF_PRINTF(1, 0);

/* Makes room for one more element of `size` bytes behind `len` of them: doubles *cap when full. */
void *rf_grow(void *array, size_t len, size_t *cap, size_t size);

/* For RF_CLEANUP: each takes the address of the variable and accepts NULL or -1 in it. */
void rf_freep(void *pp);
void rf_closep(int *fd);

/* Yields the descriptor and sets the variable to -1: RF_STEAL for descriptors. */
static inline int rf_steal_fd(int *fd)
{
    int stolen = *fd;
    *fd = -1;
    return stolen;
}

/* Overwrites a secret before its memory is given back. */
void rf_wipe(void *p, size_t n);
void rf_wipe_freep(char **s);

#endif
