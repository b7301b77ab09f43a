/* SPDX-License-Identifier: Apache-2.0 */
#define RF_ERROR_DEFINES
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

struct error_row {
    const char *name;
    const char *text;
    int exit_status;
    bool retryable;
};

static const struct error_row rows[] = {
#define RF_ERROR_ROW(name_, exit_, retry_, text_) \
    { .name = #name_, .text = (text_), .exit_status = (exit_), .retryable = (retry_) },
    RF_ERROR_TABLE(RF_ERROR_ROW)
#undef RF_ERROR_ROW
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

_Static_assert((size_t)RFE_END - RFE_BASE - 1 == N_ROWS, "enum and rows come from one table");

static int positive(int code)
{
    if (code < 0)
        return code == INT32_MIN ? RFE_FAILED : -code;
    return code;
}

static const struct error_row *find_row(int code)
{
    int c = positive(code);
    if (c <= RFE_BASE || c >= RFE_END)
        return NULL;
    return &rows[c - RFE_BASE - 1];
}

/*
 * Formats into a buffer of fixed size, makes it safe to show, and marks a cut with "...". No allocation, so that
 * errors work when memory is gone. Returns the length.
 */
static size_t RF_PRINTF(3, 0) format_safe(char *out, size_t cap, const char *fmt, va_list ap)
{
    char raw[sizeof(((struct rf_err *)0)->msg) * 2];
    int n = vsnprintf(raw, sizeof(raw), fmt, ap);
    if (n < 0)
        return rf_text_safe_fixed(out, cap, rf_slice_str("(unprintable text)"));
    size_t len = (size_t)n < sizeof(raw) ? (size_t)n : sizeof(raw) - 1;
    return rf_text_safe_fixed(out, cap, rf_slice_of(raw, len));
}

/* err->msg = a, b, c; `a` is cut first, marked with "..."; what is left of b and c is cut at its end. */
static void join(struct rf_err *err, const char *a, const char *b, const char *c)
{
    char joined[sizeof(err->msg)];
    size_t tail = strlen(b) + strlen(c);
    size_t room = tail < sizeof(joined) ? sizeof(joined) - 1 - tail : 0;
    size_t head = strlen(a);
    const char *mark = "";
    if (head > room) {
        mark = room > 3 ? "..." : "";
        head = rf_text_boundary(rf_slice_str(a), room - strlen(mark));
    }
    /* Without room for any of `a`, its separator goes too. */
    if (head == 0)
        (void)snprintf(joined, sizeof(joined), "%s", c);
    else
        (void)snprintf(joined, sizeof(joined), "%.*s%s%s%s", (int)head, a, mark, b, c);
    memcpy(err->msg, joined, sizeof(joined));
}

int rf_fail(struct rf_err *err, int code, const char *fmt, ...)
{
    int c = positive(code);
    RF_CHECK(c != 0);
    if (err != NULL) {
        char msg[sizeof(err->msg)];
        va_list ap;
        va_start(ap, fmt);
        (void)format_safe(msg, sizeof(msg), fmt, ap);
        va_end(ap);
        *err = (struct rf_err){ .code = c };
        memcpy(err->msg, msg, sizeof(msg));
    }
    return -c;
}

int rf_fail_errno(struct rf_err *err, int errnum, const char *fmt, ...)
{
    int e = positive(errnum);
    if (e == 0)
        e = EIO;
    int code = e == ENOSPC || e == EDQUOT ? (int)RFE_NO_SPACE : e;
    if (err != NULL) {
        char msg[sizeof(err->msg)];
        va_list ap;
        va_start(ap, fmt);
        (void)format_safe(msg, sizeof(msg), fmt, ap);
        va_end(ap);
        *err = (struct rf_err){ .code = code };
        join(err, msg, ": ", rf_error_text(e));
    }
    return -code;
}

int rf_wrap(struct rf_err *err, int rc, const char *fmt, ...)
{
    if (err != NULL && rc < 0) {
        char msg[sizeof(err->msg)];
        va_list ap;
        va_start(ap, fmt);
        (void)format_safe(msg, sizeof(msg), fmt, ap);
        va_end(ap);
        if (err->code == 0)
            err->code = positive(rc);
        char cause[sizeof(err->msg)];
        memcpy(cause, err->msg, sizeof(cause));
        cause[sizeof(cause) - 1] = '\0';
        join(err, msg, ": ", cause[0] != '\0' ? cause : rf_error_text(rc));
    }
    return rc;
}

int rf_hint(struct rf_err *err, int rc, const char *fmt, ...)
{
    if (err != NULL && rc < 0) {
        char hint[sizeof(err->msg)];
        va_list ap;
        va_start(ap, fmt);
        (void)format_safe(hint, sizeof(hint), fmt, ap);
        va_end(ap);
        size_t len = strnlen(err->msg, sizeof(err->msg) - 1);
        /* A hint that does not fit whole would mislead: it is left out. */
        if (len + 2 + strlen(hint) < sizeof(err->msg))
            (void)snprintf(err->msg + len, sizeof(err->msg) - len, "%s%s", len > 0 ? "; " : "",
                           hint);
    }
    return rc;
}

const char *rf_error_name(int code)
{
    const struct error_row *row = find_row(code);
    if (row != NULL)
        return row->name;
    int c = positive(code);
    if (c == 0)
        return "OK";
    const char *name = c < RFE_BASE ? strerrorname_np(c) : NULL;
    return name != NULL ? name : "UNKNOWN";
}

const char *rf_error_text(int code)
{
    const struct error_row *row = find_row(code);
    if (row != NULL)
        return row->text;
    int c = positive(code);
    if (c == 0)
        return "no error";
    const char *text = c < RFE_BASE ? strerrordesc_np(c) : NULL;
    return text != NULL ? text : "unknown error";
}

int rf_error_exit_status(int code)
{
    const struct error_row *row = find_row(code);
    if (row != NULL)
        return row->exit_status;
    int c = positive(code);
    if (c == 0)
        return 0;
    return c == ENOSPC || c == EDQUOT ? find_row(RFE_NO_SPACE)->exit_status : 1;
}

bool rf_error_retryable(int code)
{
    const struct error_row *row = find_row(code);
    return row != NULL && row->retryable;
}

bool rf_error_row(size_t i, const char **name, int *exit_status, bool *retryable, const char **text)
{
    if (i >= N_ROWS)
        return false;
    *name = rows[i].name;
    *exit_status = rows[i].exit_status;
    *retryable = rows[i].retryable;
    *text = rows[i].text;
    return true;
}

_Noreturn void rf_bug(const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)fprintf(stderr, "%s:%d: programming error: ", file, line);
    (void)vfprintf(stderr, fmt, ap);
    (void)fputc('\n', stderr);
    va_end(ap);
    (void)fflush(stderr);
    abort();
}
