/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few pages over HTTP for those who watch a server: metrics, health, status. Only GET and HEAD; at most 32 connections, 16 KiB of request and ten
 * seconds of silence each. Nothing of a request but its path is looked at.
 *
 *     static const struct rf_listener_page pages[] = { { "/healthz", "text/plain", make_health } };
 *     rf_listener_open("127.0.0.1:9090", pages, 1, ctx, &listener, err);
 */
#ifndef RF_SERVE_LISTENER_H
#define RF_SERVE_LISTENER_H

#include "base/buf.h"

struct rf_listener_page {
    const char *path, *content_type;
    /* Appends the body; in a thread of the listener's, one at a time. False: 503. */
    bool (*make)(void *ctx, struct rf_buf *out);
};

struct rf_listener;
/*
 * address: PORT, :PORT or localhost:PORT (loopback), IPv4:PORT, [IPv6]:PORT. Port 0 is one that is free. The pages and what ctx points to must
 * outlive the listener. -RFE_USAGE for the address.
 */
RF_MUST_USE int rf_listener_open(const char *address, const struct rf_listener_page *pages,
                                 size_t n_pages, void *ctx, struct rf_listener **out,
                                 struct rf_err *err);
void rf_listener_close(struct rf_listener *l);
void rf_listener_closep(struct rf_listener **l);
/* Where it listens: "127.0.0.1:9090". */
const char *rf_listener_address(const struct rf_listener *l);

#endif
