/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parallel.h"

#include <signal.h>
#include <stdlib.h>

#include "base/cancel.h"
#include "base/mem.h"

#define MAX_THREADS 1024

/* Sanitizers keep red zones around every local. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define STACK_SIZE ((size_t)2 << 20)
#endif
#endif
#if !defined(STACK_SIZE) && (defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__))
#define STACK_SIZE ((size_t)2 << 20)
#endif
#if !defined(STACK_SIZE)
#define STACK_SIZE ((size_t)256 << 10)
#endif

static _Thread_local void *thread_note;

void *rf_thread_note(void)
{
    return thread_note;
}

void rf_thread_set_note(void *note)
{
    thread_note = note;
}

struct start {
    void *(*fn)(void *);
    void *arg, *note;
};

static void *begin(void *arg)
{
    struct start s = *(struct start *)arg;
    free(arg);
    thread_note = s.note;
    return s.fn(s.arg);
}

int rf_thread_start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
    pthread_attr_t attr;
    int rc = pthread_attr_init(&attr);
    if (rc != 0)
        return rc;
    struct start *s = rf_xmalloc(sizeof(*s));
    *s = (struct start){ fn, arg, thread_note };
    rc = pthread_attr_setstacksize(&attr, STACK_SIZE);
    sigset_t all, old;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    if (rc == 0)
        rc = pthread_create(thread, &attr, begin, s);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    (void)pthread_attr_destroy(&attr);
    if (rc != 0)
        free(s);
    return rc;
}

struct job {
    int (*fn)(void *ctx, size_t i, struct rf_err *err);
    void *ctx;
    size_t n;
    /* Guards all below. */
    pthread_mutex_t lock;
    size_t next;
    size_t failed_at; /* lowest index that failed; n = none */
    int failed_rc;
    struct rf_err failure;
};

static bool take_index(struct job *job, size_t *i)
{
    (void)pthread_mutex_lock(&job->lock);
    bool go = job->next < job->n && job->failed_rc == 0 && !rf_cancelled();
    if (go)
        *i = job->next++;
    (void)pthread_mutex_unlock(&job->lock);
    return go;
}

static void note_failure(struct job *job, size_t i, int rc, const struct rf_err *err)
{
    (void)pthread_mutex_lock(&job->lock);
    if (i < job->failed_at) {
        job->failed_at = i;
        job->failed_rc = rc;
        job->failure = *err;
    }
    (void)pthread_mutex_unlock(&job->lock);
}

static void *work(void *arg)
{
    struct job *job = arg;
    size_t i;
    while (take_index(job, &i)) {
        struct rf_err err = RF_ERR_INIT;
        int rc = job->fn(job->ctx, i, &err);
        if (rc < 0)
            note_failure(job, i, rc, &err);
    }
    return NULL;
}

int rf_parallel(unsigned threads, size_t n, int (*fn)(void *ctx, size_t i, struct rf_err *err),
                void *ctx, struct rf_err *err)
{
    struct job job = {
        .fn = fn, .ctx = ctx, .n = n, .lock = PTHREAD_MUTEX_INITIALIZER, .failed_at = n
    };
    size_t want = threads < MAX_THREADS ? threads : MAX_THREADS;
    if (want > n)
        want = n;
    RF_CLEANUP(rf_freep) pthread_t *started = rf_xcalloc(want + 1, sizeof(*started));
    size_t n_started = 0;
    /* Without resources for all of them, fewer do the work. */
    while (n_started + 1 < want && rf_thread_start(&started[n_started], work, &job) == 0)
        n_started++;
    (void)work(&job);
    for (size_t i = 0; i < n_started; i++)
        (void)pthread_join(started[i], NULL);
    (void)pthread_mutex_destroy(&job.lock);
    if (job.failed_rc != 0) {
        if (err != NULL)
            *err = job.failure;
        return job.failed_rc;
    }
    return job.next < n ? rf_cancel_check(err) : 0;
}
