/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server mode: named jobs, each by its schedule, until told to stop. A job never runs beside itself: a time that comes while it still runs is
 * passed over. SIGHUP reads the file again; a broken one leaves the old one in force. What runs of an older file is told that there is a new one, and the new file's first
 * pass begins at once: whatever both do is theirs to keep apart.
 *
 *     rf_server_signals_open(&signals, err);
 *     const struct rf_server_options o = { .load = load, .clock = &signals.clock };
 *     rc = rf_server_run(&o, &failures, err);
 *     rf_server_signals_release(&signals);
 */
#ifndef RF_POLICY_SERVER_H
#define RF_POLICY_SERVER_H

#include <signal.h>
#include <time.h>

#include "base/buf.h"
#include "policy/schedule.h"

struct rf_server_job {
    char *name; /* taken over; jobs of the same name are the same job, also over a reload */
    struct rf_schedule *schedule; /* taken over; NULL: never by itself */
};

/* What a file says. */
struct rf_server_plan {
    void *ctx;
    struct rf_server_job *jobs; /* taken over */
    size_t n_jobs;
    int (*run)(void *ctx, size_t job, struct rf_err *err); /* in a thread of its own */
    int (*first)(void *ctx, struct rf_err *err); /* once, before the schedules begin; or NULL */
    /* Whether `first` is through with what the job does, so that its schedule may begin; NULL: when `first` has ended. Any thread. */
    bool (*passed)(void *ctx, size_t job);
    void (*retire)(
        void *ctx);          /* another file has taken the place: what runs may end soon; or NULL */
    void (*free)(void *ctx); /* when nothing of it runs any more */
};

enum rf_server_event {
    RF_SERVER_TIME,   /* the time waited for has come, or a job has ended */
    RF_SERVER_RELOAD, /* SIGHUP */
    RF_SERVER_STOP,   /* SIGINT or SIGTERM */
};
/* Where time and signals come from. */
struct rf_server_clock {
    void *ctx;
    time_t (*now)(void *ctx);
    enum rf_server_event (*wait)(void *ctx, time_t until, bool forever);
    void (*wake)(void *ctx);  /* ends a wait: a task has ended; any thread */
    void (*begun)(void *ctx); /* a task was begun; NULL: no matter */
};

struct rf_server_options {
    void *ctx;
    int (*load)(void *ctx, bool again, struct rf_server_plan *out, struct rf_err *err);
    bool abort_on_error; /* the first failure of a job ends the server */
    const struct rf_server_clock *clock;
};
/*
 * Until told to stop: then what runs is cancelled (base/cancel.h) and waited for. `failures` gets the text of each, one a line, the same only once, up to its cap. 0, or
 * -RFE_FAILED after any failure; what `load` returns at the start comes back as it is.
 */
RF_MUST_USE int rf_server_run(const struct rf_server_options *o, struct rf_buf *failures,
                              struct rf_err *err);

/* The real clock, and signals, which are held back from their handlers while it is open. For the main thread. */
struct rf_server_signals {
    struct rf_server_clock clock;
    int signals, wakeups; /* descriptors */
    sigset_t before;
};
RF_MUST_USE int rf_server_signals_open(struct rf_server_signals *s, struct rf_err *err);
void rf_server_signals_release(struct rf_server_signals *s);

#endif
