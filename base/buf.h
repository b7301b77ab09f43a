/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct rf_slice: bytes that somebody else owns. struct rf_buf: a growable byte string with a cap.
 *
 * Invariants of rf_buf: `ptr` is never NULL and always ends with a NUL byte behind `len`; once an append
 * would pass `max`, `rc` is -RFE_TOO_LARGE, the content is left as it was and later appends do nothing,
 * so builders append freely and look at rc once.
 */
#ifndef RF_BASE_BUF_H
#define RF_BASE_BUF_H

#include "base/error.h"

#include <stdarg.h>
#include <string.h>

struct rf_slice {
    const char *ptr; /* may be NULL when len is 0; not NUL-terminated */
    size_t len;
};

static inline struct rf_slice rf_slice_of(const void *ptr, size_t len)
{
    return (struct rf_slice){ .ptr = (const char *)ptr, .len = len };
}
static inline struct rf_slice rf_slice_str(const char *s)
{
    return (struct rf_slice){ .ptr = s, .len = s != NULL ? strlen(s) : 0 };
}
bool rf_slice_eq(struct rf_slice a, struct rf_slice b);
bool rf_slice_is(struct rf_slice a, const char *s);
bool rf_slice_starts(struct rf_slice a, const char *prefix);

struct rf_buf {
    char *ptr;
    size_t len, cap, max;
    int rc; /* sticky: 0 or -RFE_TOO_LARGE */
};

/* A buffer that holds at most `max` bytes; 0 means 64 MiB. */
void rf_buf_init(struct rf_buf *b, size_t max);
void rf_buf_release(
    struct rf_buf *b); /* also for RF_CLEANUP; leaves an empty, usable buffer of the same cap */
void rf_buf_clear(struct rf_buf *b); /* len 0 and rc 0; memory kept */
void rf_buf_add(struct rf_buf *b, const void *p, size_t n);
void rf_buf_add_str(struct rf_buf *b, const char *s);
void rf_buf_add_char(struct rf_buf *b, char c);
void rf_buf_addf(struct rf_buf *b, const char *fmt, ...) RF_PRINTF(2, 3);
void rf_buf_vaddf(struct rf_buf *b, const char *fmt, va_list ap) RF_PRINTF(2, 0);
/* Hands the bytes over (NUL-terminated, to be freed with free()) and leaves an empty buffer. */
char *rf_buf_take(struct rf_buf *b, size_t *len);
static inline struct rf_slice rf_buf_slice(const struct rf_buf *b)
{
    return rf_slice_of(b->ptr, b->len);
}

#endif
