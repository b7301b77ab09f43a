/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void out_of_memory(void)
{
    static const char line[] = "out of memory\n";
    ssize_t n = write(STDERR_FILENO, line, sizeof(line) - 1);
    (void)n;
    _exit(70);
}

void *rf_xmalloc(size_t size)
{
    void *p = malloc(size > 0 ? size : 1);
    if (p == NULL)
        out_of_memory();
    return p;
}

void *rf_xcalloc(size_t n, size_t size)
{
    void *p = n > 0 && size > 0 ? calloc(n, size) : calloc(1, 1);
    if (p == NULL)
        out_of_memory();
    return p;
}

void *rf_xreallocarray(void *p, size_t n, size_t size)
{
    /* A size of 0 would free the block and give NULL. */
    void *q = n > 0 && size > 0 ? reallocarray(p, n, size) : reallocarray(p, 1, 1);
    if (q == NULL)
        out_of_memory();
    return q;
}

char *rf_xstrdup(const char *s)
{
    return s != NULL ? rf_xstrndup(s, strlen(s)) : NULL;
}

char *rf_xstrndup(const char *s, size_t n)
{
    size_t len = n > 0 ? strnlen(s, n) : 0;
    if (len == SIZE_MAX)
        out_of_memory();
    char *copy = rf_xmalloc(len + 1);
    if (len > 0)
        memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

char *rf_xasprintf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = rf_xvasprintf(fmt, ap);
    va_end(ap);
    return s;
}

char *rf_xvasprintf(const char *fmt, va_list ap)
{
    char *s = NULL;
    if (vasprintf(&s, fmt, ap) < 0 || s == NULL)
        out_of_memory();
    return s;
}

void *rf_grow(void *array, size_t len, size_t *cap, size_t size)
{
    if (len < *cap)
        return array;
    if (len > SIZE_MAX / 2)
        out_of_memory();
    size_t want = len < 4 ? 8 : len * 2;
    void *p = rf_xreallocarray(array, want, size);
    *cap = want;
    return p;
}

void rf_freep(void *pp)
{
    /* The variable has some other pointer type: copied as bytes, not read through void **. */
    void *p;
    memcpy(&p, pp, sizeof(p));
    free(p);
    p = NULL;
    memcpy(pp, &p, sizeof(p));
}

void rf_closep(int *fd)
{
    if (*fd >= 0) {
        int saved = errno;
        (void)close(*fd);
        errno = saved;
    }
    *fd = -1;
}

void rf_wipe(void *p, size_t n)
{
    if (p != NULL && n > 0)
        explicit_bzero(p, n);
}

void rf_wipe_freep(char **s)
{
    if (*s != NULL)
        explicit_bzero(*s, strlen(*s));
    free(*s);
    *s = NULL;
}
