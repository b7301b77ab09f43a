/* SPDX-License-Identifier: Apache-2.0 */
/* Response headers (capped) and the parsers of those that steer us. Each parser is total: odd input is an error, never a crash. */
#ifndef RF_REGCLIENT_HTTP_HEADER_H
#define RF_REGCLIENT_HTTP_HEADER_H

#include "base/buf.h"

#define RF_HEADERS_MAX (64u << 10)
#define RF_HEADER_LINES_MAX 200

struct rf_headers {
    char **names; /* lower-case */
    char **values;
    size_t n, cap, bytes;
};
void rf_headers_release(struct rf_headers *h);
void rf_headers_clear(struct rf_headers *h);
RF_MUST_USE int rf_headers_add(struct rf_headers *h, struct rf_slice line,
                               struct rf_err *err); /* "Name: value"; -RFE_TOO_LARGE */
const char *rf_headers_get(const struct rf_headers *h,
                           const char *name); /* the first; borrowed, or NULL */
const char *rf_headers_next(const struct rf_headers *h, const char *name,
                            size_t *pos); /* all of a name; *pos starts at 0 */

/* RFC 8288: target of rel=next, or NULL. The caller frees *out. */
RF_MUST_USE int rf_link_next(const struct rf_headers *h, char **out, struct rf_err *err);
/* "bytes A-B/T" (T may be "*": UINT64_MAX). */
RF_MUST_USE int rf_content_range(const char *value, uint64_t *first, uint64_t *last,
                                 uint64_t *total, struct rf_err *err);
/* Upload progress "0-N" or "bytes=0-N": bytes the registry holds (N+1, with "0-0" ambiguous: see .c). */
RF_MUST_USE int rf_upload_range(const char *value, uint64_t *received, struct rf_err *err);
/* Seconds or an HTTP date, relative to now; capped at 3600. False when absent or odd. */
bool rf_retry_after(const char *value, uint32_t *seconds);

/* One challenge of WWW-Authenticate (RFC 9110, 11.6.1; distribution token auth). */
struct rf_challenge {
    char *scheme;                          /* lower-case: "basic", "bearer" */
    char *realm, *service, *scope, *error; /* or NULL */
};
/* All challenges of all such headers. *out is an array of *n (the caller: rf_challenges_free). */
RF_MUST_USE int rf_challenges_parse(const struct rf_headers *h, struct rf_challenge **out,
                                    size_t *n, struct rf_err *err);
void rf_challenges_free(struct rf_challenge *list, size_t n);

#endif
