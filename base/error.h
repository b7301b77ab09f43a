/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error object and the one table of error codes.
 *
 * A fallible function returns 0 (or a count) on success and -code on failure; `struct rf_err *err` is
 * its last parameter, belongs to the caller and may be NULL. On failure outputs are untouched, on success
 * `err` is untouched. Codes below 1024 are errno values, those above come from RF_ERROR_TABLE: the
 * enum, the texts, the exit statuses, the retry policy and the table in docs/exit-statuses.md all come from it.
 *
 *     return rf_fail(err, RFE_NOT_FOUND, "no tag %s", tag);          -> -RFE_NOT_FOUND
 *     rc = f(..., err); if (rc < 0) return rf_wrap(err, rc, "pull %s", ref);
 */
#ifndef RF_BASE_ERROR_H
#define RF_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RF_MUST_USE __attribute__((warn_unused_result))
#define RF_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* X(name, exit status, retryable, text) */
#define RF_ERROR_TABLE(X)                                                                          \
    X(FAILED, 1, false, "the operation failed")                                                    \
    X(USAGE, 2, false, "the command line is wrong")                                                \
    X(CONFIG, 2, false, "a configuration file is wrong")                                           \
    X(SYNC_NEEDED, 2, false, "something is to be synced (regsync check --exit-code)")              \
    X(PARTIAL, 3, false, "done in part")                                                           \
    X(DAMAGED, 4, false, "a bundle is damaged or incomplete")                                      \
    X(NOT_BUNDLE, 4, false, "not a bundle")                                                        \
    X(GROUND_MISSING, 5, false, "content that the bundle builds on is missing at the destination") \
    X(REFUSED, 6, false, "refused by a rule")                                                      \
    X(NO_SPACE, 7, false, "no space left")                                                         \
    X(BUSY, 8, false, "another process holds the lock")                                            \
    X(CANCELLED, 130, false, "interrupted")                                                        \
    X(TERMINATED, 143, false, "terminated")                                                        \
    X(NOT_FOUND, 1, false, "not found")                                                            \
    X(EXISTS, 1, false, "already there")                                                           \
    X(UNSUPPORTED, 1, false, "not supported by this place")                                        \
    X(DENIED, 1, false, "access denied")                                                           \
    X(INVALID, 1, false, "malformed input")                                                        \
    X(AMBIGUOUS, 1, false, "a document that can be read in two ways")                              \
    X(TOO_LARGE, 1, false, "over a limit")                                                         \
    X(DIGEST_MISMATCH, 1, false, "content does not have its digest")                               \
    X(SIZE_MISMATCH, 1, false, "content does not have its size")                                   \
    X(PROTOCOL, 1, false, "the registry broke the protocol")                                       \
    X(UNREACHABLE, 1, true, "the network or the host failed")                                      \
    X(TLS, 1, false, "the TLS connection could not be trusted")                                    \
    X(RATE_LIMITED, 1, true, "the registry asks to slow down")                                     \
    X(SERVER, 1, true, "the registry failed")                                                      \
    X(LOOP, 1, false, "a loop of documents")                                                       \
    X(CONFLICT, 1, false, "two sources for one target")                                            \
    X(AGAIN, 1, true, "would block")

enum rf_error_code {
    RFE_BASE = 1024,
#define RF_ERROR_ENUM(name, exit, retry, text) RFE_##name,
    RF_ERROR_TABLE(RF_ERROR_ENUM)
#undef RF_ERROR_ENUM
        RFE_END
};

struct rf_err {
    int code;             /* errno below 1024, else enum rf_error_code; 0 = no error */
    uint16_t http_status; /* status of the answer that failed, 0 = none */
    uint32_t retry_after; /* seconds the registry asks to wait, 0 = it does not say */
    char msg[1024];       /* context first, cause last; one line; foreign text already escaped */
};
#define RF_ERR_INIT \
    {               \
        0           \
    }

/* Sets *err and returns -code. Control bytes in the formatted text become \xNN. */
int rf_fail(struct rf_err *err, int code, const char *fmt, ...) RF_PRINTF(3, 4);
/* As rf_fail with code = errnum and ": <strerror>" appended. ENOSPC and EDQUOT become RFE_NO_SPACE. */
int rf_fail_errno(struct rf_err *err, int errnum, const char *fmt, ...) RF_PRINTF(3, 4);
/* Puts "<context>: " before the message and returns rc. When the text is too long the context is cut, never the cause. */
int rf_wrap(struct rf_err *err, int rc, const char *fmt, ...) RF_PRINTF(3, 4);
/* Puts "; <text>" (the next step for the user) after the message and returns rc. */
int rf_hint(struct rf_err *err, int rc, const char *fmt, ...) RF_PRINTF(3, 4);

/* The three below take a code or its negative; errno values map to exit status 1, ENOSPC to 7. */
const char *rf_error_name(int code); /* "NOT_FOUND", for an errno "ENOENT"-like text; never NULL */
const char *rf_error_text(int code);
int rf_error_exit_status(int code);
bool rf_error_retryable(int code);
/* Row i of the table for documentation; false past the end. */
bool rf_error_row(size_t i, const char **name, int *exit_status, bool *retryable,
                  const char **text);

/* The static analyzer sees one file at a time: here it learns that what fails gives a negative number. */
#if defined(__clang_analyzer__) && !defined(RF_ERROR_DEFINES)
#define rf_fail(err, code, ...) ((void)(rf_fail)((err), (code), __VA_ARGS__), -(code))
#define rf_fail_errno(err, errnum, ...) \
    ((void)(rf_fail_errno)((err), (errnum), __VA_ARGS__), (errnum) > 0 ? -(errnum) : -1)
#define rf_wrap(err, rc, ...) ((void)(rf_wrap)((err), (rc), __VA_ARGS__), (rc))
#define rf_hint(err, rc, ...) ((void)(rf_hint)((err), (rc), __VA_ARGS__), (rc))
#endif

/* A programming error: prints place and text, then abort(). Stays on in release. */
_Noreturn void rf_bug(const char *file, int line, const char *fmt, ...) RF_PRINTF(3, 4);
#define RF_BUG(...) rf_bug(__FILE__, __LINE__, __VA_ARGS__)
#define RF_CHECK(cond)                         \
    do {                                       \
        if (!(cond))                           \
            RF_BUG("check failed: %s", #cond); \
    } while (0)

#endif
