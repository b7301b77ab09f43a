/* SPDX-License-Identifier: Apache-2.0 */
/* A server that says the same bytes to everybody, for answers that no decent server gives. */
#ifndef RF_TESTS_REGCLIENT_HELPER_RAW_H
#define RF_TESTS_REGCLIENT_HELPER_RAW_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"

struct raw_server {
    int fd;
    unsigned port;
    struct rf_slice answer;
    bool endless; /* the answer again and again */
    atomic_bool stop;
    pthread_t thread;
};
/* `answer` must outlive it. Stops with raw_server_stop. */
void raw_server_start(struct raw_server *s, const char *answer, bool endless);
void raw_server_stop(struct raw_server *s);

#endif
