/* SPDX-License-Identifier: Apache-2.0 */
/* The worker pool, in the one form that everything needs: many like items, N threads. */
#ifndef RF_BASE_PARALLEL_H
#define RF_BASE_PARALLEL_H

#include <pthread.h>

#include "base/error.h"

/*
 * Calls fn(ctx, i, err) for i = 0..n-1 on up to `threads` threads (at least 1; the caller's is one of them), each
 * index once, in rising order of starting. After the first failure, or when cancelled (base/cancel.h), no new index is
 * started; the failure with the lowest index among those seen is returned. fn runs without any lock held; what it
 * shares must be locked by the caller. Threads have 256 KiB of stack.
 */
RF_MUST_USE int rf_parallel(unsigned threads, size_t n,
                            int (*fn)(void *ctx, size_t i, struct rf_err *err), void *ctx,
                            struct rf_err *err);

/* A thread of ours: 256 KiB of stack, the note of its maker, and signals go to other threads. 0 or an errno, as pthread_create. */
RF_MUST_USE int rf_thread_start(pthread_t *thread, void *(*fn)(void *), void *arg);

/* For whom a thread works: a pointer that the threads it starts take over. NULL at first. regclient/stats.h uses it. */
void *rf_thread_note(void);
void rf_thread_set_note(void *note);

#endif
