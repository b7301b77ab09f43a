/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Short questions asked ahead of who needs the answers one by one: some threads ask, the caller acts on the answers in their order, and
 * never more than a window of answers is waiting.
 *
 *     struct rf_look *look = rf_look_start(pool, n, window, ask, ctx);
 *     for (i = 0; i < n; i++) { rf_look_wait(look, i);  ... act on what ask(ctx, i) left ... }
 *     rf_look_end(look);
 */
#ifndef RF_POLICY_LOOK_AHEAD_H
#define RF_POLICY_LOOK_AHEAD_H

#include <stddef.h>

struct rf_look_pool;
/* The threads are started when there is work for them. */
struct rf_look_pool *rf_look_pool_new(unsigned threads);
void rf_look_pool_free(struct rf_look_pool *p); /* every look must have ended */
void rf_look_pool_freep(struct rf_look_pool **p);

struct rf_look;
/* Questions 0..n-1, each asked once, by several threads at once; what `ask` writes for i must not be touched by others before rf_look_wait(i). */
struct rf_look *rf_look_start(struct rf_look_pool *p, size_t n, size_t window,
                              void (*ask)(void *ctx, size_t i), void *ctx);
/*
 * Returns when question i has been asked; if nobody has begun it, by asking here. The answers before i are done with: question i + window - 1 may be
 * asked from now on, so that a ring of `window` places is enough for the answers. i rises by one with each call.
 */
void rf_look_wait(struct rf_look *l, size_t i);
/* No further question is begun; returns when none is on its way. Accepts NULL. */
void rf_look_end(struct rf_look *l);
void rf_look_endp(struct rf_look **l);

#endif
