/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A registry and a token service on loopback, in a thread of the test: each answer comes from a function of the test. One request per
 * connection, one at a time.
 */
#ifndef RF_TESTS_REGCLIENT_HELPER_TOKEN_SERVER_H
#define RF_TESTS_REGCLIENT_HELPER_TOKEN_SERVER_H

#include "base/buf.h"

#define SERVER_REGISTRY 0
#define SERVER_REALM 1

struct server_request {
    int port; /* SERVER_REGISTRY or SERVER_REALM */
    char *method, *target, *head, *body;
    char *authorization; /* the value, or NULL */
};
/* Appends the whole answer, status line first; it must end its head by itself. Called in the server's thread. */
typedef void (*server_answer)(void *ctx, const struct server_request *r, struct rf_buf *out);

void server_start(server_answer answer, void *ctx);
void server_stop(void);
unsigned server_port(int which);
/* Requests so far at a port, and the i-th of them (valid until server_stop). */
size_t server_count(int which);
const struct server_request *server_seen(int which, size_t i);

/* An answer with a body, as a helper for answer functions; `headers` are whole lines with \r\n. */
void server_reply(struct rf_buf *out, int status, const char *headers, const char *body);

#endif
