/* SPDX-License-Identifier: Apache-2.0 */
/* Inside requests: the state of one registry. `lock` guards everything from `in_use` on; it is never held while waiting for the network. */
#ifndef RF_REGCLIENT_REQUEST_PRIVATE_H
#define RF_REGCLIENT_REQUEST_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/idmap.h"
#include "regclient/request.h"

struct rf_remote {
    char *name;
    struct rf_http *http;
    const struct rf_host *host;
    struct rf_auth *auth;
    struct rf_stats *stats;
    struct rf_url base; /* scheme, host and port that are ours */
    unsigned backoff_ms;
    unsigned limit;       /* slots */
    uint64_t interval_ms; /* between the starts of requests; 0 = no limit */
    atomic_uint peer;     /* enum rf_addr_class of the registry's own address */
    pthread_mutex_t lock;
    pthread_cond_t freed;
    unsigned in_use;
    uint64_t not_before_ms; /* the registry asked for quiet until then */
    uint64_t next_start_ms;
    struct rf_strings warnings; /* already shown */
    struct rf_remote_limit said;
    uint64_t turn, said_turn; /* requests started; how many there were when `said` was */
    atomic_uint_fast64_t calls[RF_REQ_COUNT];
};

/* request_slots.c */
RF_MUST_USE int rf_remote_admit(struct rf_remote *r,
                                struct rf_err *err); /* waits for rate and quiet */
void rf_remote_hold_off(struct rf_remote *r, uint32_t seconds);
RF_MUST_USE int rf_remote_take_slot(struct rf_remote *r, struct rf_err *err);
void rf_remote_give_slot(struct rf_remote *r);
/* request_limit.c: around a request, what its answer says of the limit. */
uint64_t rf_remote_turn(struct rf_remote *r);
void rf_remote_note_limit(struct rf_remote *r, uint64_t turn, const struct rf_headers *headers);
void rf_remote_count_call(struct rf_remote *r, enum rf_request_kind kind);
/* request_answer.c: logs what the registry warns of, each text once. */
void rf_remote_warnings(struct rf_remote *r, const struct rf_headers *headers);

#endif
