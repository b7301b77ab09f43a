/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#define DEFAULT_MAX ((size_t)64 << 20)

/* What `ptr` of every buffer without memory points to; never written. */
static char nothing[1];

bool rf_slice_eq(struct rf_slice a, struct rf_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool rf_slice_is(struct rf_slice a, const char *s)
{
    return rf_slice_eq(a, rf_slice_str(s));
}

bool rf_slice_starts(struct rf_slice a, const char *prefix)
{
    size_t n = strlen(prefix);
    return a.len >= n && (n == 0 || memcmp(a.ptr, prefix, n) == 0);
}

void rf_buf_init(struct rf_buf *b, size_t max)
{
    *b = (struct rf_buf){ .ptr = nothing, .max = max > 0 ? max : DEFAULT_MAX };
}

void rf_buf_release(struct rf_buf *b)
{
    if (b->cap > 0)
        free(b->ptr);
    rf_buf_init(b, b->max);
}

void rf_buf_clear(struct rf_buf *b)
{
    b->len = 0;
    b->rc = 0;
    if (b->cap > 0)
        b->ptr[0] = '\0';
}

/* Makes room for n more bytes and the NUL, or sets rc. */
static bool reserve(struct rf_buf *b, size_t n)
{
    if (b->rc != 0)
        return false;
    size_t max = b->max > 0 ? b->max : DEFAULT_MAX;
    if (n > max || b->len > max - n || b->len + n == SIZE_MAX) {
        b->rc = -RFE_TOO_LARGE;
        return false;
    }
    size_t need = b->len + n + 1;
    if (need <= b->cap)
        return true;
    size_t want = b->cap < 64 ? 64 : b->cap;
    while (want < need)
        want = want > SIZE_MAX / 2 ? need : want * 2;
    /* A full buffer is exactly as large as its cap allows. */
    if (want > max && max < SIZE_MAX)
        want = max + 1;
    b->ptr = rf_xreallocarray(b->cap > 0 ? b->ptr : NULL, want, 1);
    b->cap = want;
    return true;
}

void rf_buf_add(struct rf_buf *b, const void *p, size_t n)
{
    if (n == 0 || !reserve(b, n))
        return;
    memcpy(b->ptr + b->len, p, n);
    b->len += n;
    b->ptr[b->len] = '\0';
}

void rf_buf_add_str(struct rf_buf *b, const char *s)
{
    rf_buf_add(b, s, strlen(s));
}

void rf_buf_add_char(struct rf_buf *b, char c)
{
    rf_buf_add(b, &c, 1);
}

void rf_buf_addf(struct rf_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    rf_buf_vaddf(b, fmt, ap);
    va_end(ap);
}

void rf_buf_vaddf(struct rf_buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    char small[256];
    int n = vsnprintf(small, sizeof(small), fmt, ap);
    if (n < 0) {
        /* Longer than INT_MAX. */
        if (b->rc == 0)
            b->rc = -RFE_TOO_LARGE;
    } else if ((size_t)n < sizeof(small)) {
        rf_buf_add(b, small, (size_t)n);
    } else if (reserve(b, (size_t)n)) {
        (void)vsnprintf(b->ptr + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

char *rf_buf_take(struct rf_buf *b, size_t *len)
{
    if (len != NULL)
        *len = b->len;
    char *p = b->cap > 0 ? b->ptr : rf_xstrdup("");
    rf_buf_init(b, b->max);
    return p;
}
