/* SPDX-License-Identifier: Apache-2.0 */
/* Requests counted per kind, for --stats and for tests of request economy. Any thread. */
#ifndef RF_REGCLIENT_STATS_H
#define RF_REGCLIENT_STATS_H

#include "base/buf.h"

/* X(name, text for people) */
#define RF_REQUEST_TABLE(X)               \
    X(PING, "ping")                       \
    X(TOKEN, "token")                     \
    X(MANIFEST_HEAD, "manifest head")     \
    X(MANIFEST_GET, "manifest get")       \
    X(MANIFEST_PUT, "manifest put")       \
    X(MANIFEST_DELETE, "manifest delete") \
    X(BLOB_HEAD, "blob head")             \
    X(BLOB_GET, "blob get")               \
    X(BLOB_PROBE, "blob probe")           \
    X(BLOB_MOUNT, "blob mount")           \
    X(UPLOAD_POST, "upload start")        \
    X(UPLOAD_PATCH, "upload chunk")       \
    X(UPLOAD_PUT, "upload finish")        \
    X(UPLOAD_STATUS, "upload status")     \
    X(UPLOAD_CANCEL, "upload cancel")     \
    X(BLOB_DELETE, "blob delete")         \
    X(TAGS, "tag list")                   \
    X(CATALOG, "catalog")                 \
    X(REFERRERS, "referrers")             \
    X(REDIRECT, "redirect followed")      \
    X(RETRY, "retry")

enum rf_request_kind {
#define RF_REQUEST_ENUM(name, text) RF_REQ_##name,
    RF_REQUEST_TABLE(RF_REQUEST_ENUM)
#undef RF_REQUEST_ENUM
        RF_REQ_COUNT
};

const char *rf_request_text(enum rf_request_kind kind); /* "manifest head" */
/* The same as a JSON key: "manifestHead" with its quotes. Appended. */
void rf_request_key(enum rf_request_kind kind, struct rf_buf *out);

struct rf_stats; /* counters: requests per kind, bytes received and sent */
struct rf_stats *rf_stats_new(void);
void rf_stats_free(struct rf_stats *s);
void rf_stats_count(struct rf_stats *s, enum rf_request_kind kind);
void rf_stats_bytes(struct rf_stats *s, uint64_t received, uint64_t sent);
/*
 * What this thread does, and threads that it starts, counts here as well; NULL ends that. The one before is returned. So one of several things that
 * share a client can be told from the others.
 */
struct rf_stats *rf_stats_also(struct rf_stats *s);
uint64_t rf_stats_get(const struct rf_stats *s, enum rf_request_kind kind);
uint64_t rf_stats_received(const struct rf_stats *s);
uint64_t rf_stats_sent(const struct rf_stats *s);
uint64_t rf_stats_requests(
    const struct rf_stats
        *s); /* all on the wire: every kind but RETRY (a retry is counted under its kind too) */
/* "requests: 12 (manifest head 4, ...), received 1.2 MB, sent 0 B"; only what is not 0. */
void rf_stats_text(const struct rf_stats *s, struct rf_buf *out);
void rf_stats_json(
    const struct rf_stats *s,
    struct rf_buf
        *out); /* an object: {"requests":N,"byKind":{"manifestHead":N,…},"received":N,"sent":N} */

#endif
