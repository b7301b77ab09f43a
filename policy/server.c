/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/server.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parallel.h"

#define OLDER_MAX 4u /* files, of which something still runs, beside the one in force */
#define FIRST SIZE_MAX
#define UNTIMED ((time_t)-1) /* its schedule has not begun */
#define LOOK_S 1 /* while a first pass runs: how often it is asked what it is through with */

/* A file as it was read, with all that was started by it. */
struct plan {
    struct rf_server_plan p;
    time_t *next; /* of each job; 0: never; or UNTIMED */
    unsigned running;
    bool in_force;
    bool first_runs;
    struct plan *older;
};

struct server;
struct task {
    struct server *server;
    struct plan *plan;
    size_t job; /* or FIRST */
    const char *name;
    pthread_t thread;
    bool done;    /* guarded by the server's lock; all else is the main thread's, once it is set */
    bool stopped; /* the program was being stopped when it came to its end */
    int rc;
    struct rf_err error;
    struct task *next;
};

struct server {
    const struct rf_server_options *o;
    struct rf_buf *failures;
    struct plan *plan; /* in force; older ones hang on it */
    struct task *tasks;
    bool failed, stop;
    pthread_mutex_t lock; /* guards `done` of the tasks */
};

/* ---- plans ---- */

static void plan_free(struct plan *p)
{
    for (size_t i = 0; i < p->p.n_jobs; i++) {
        free(p->p.jobs[i].name);
        rf_schedule_free(p->p.jobs[i].schedule);
    }
    free(p->p.jobs);
    if (p->p.free != NULL)
        p->p.free(p->p.ctx);
    free(p->next);
    free(p);
}

/* The older ones of which nothing runs any more. */
static void drop_plans(struct server *s, bool all)
{
    for (struct plan **at = &s->plan; *at != NULL;) {
        struct plan *p = *at;
        if (p->running > 0 || (p->in_force && !all)) {
            at = &p->older;
            continue;
        }
        *at = p->older;
        plan_free(p);
    }
}

/* A first pass comes before. */
static bool is_held(const struct server *s, size_t job)
{
    const struct rf_server_plan *p = &s->plan->p;
    return s->plan->first_runs && (p->passed == NULL || !p->passed(p->ctx, job));
}

/* Schedules begin when the first pass is through with the job. */
static void set_times(struct server *s)
{
    struct plan *p = s->plan;
    time_t now = s->o->clock->now(s->o->clock->ctx);
    for (size_t i = 0; i < p->p.n_jobs; i++) {
        const struct rf_schedule *when = p->p.jobs[i].schedule;
        if (p->next[i] != UNTIMED || is_held(s, i))
            continue;
        if (when == NULL || !rf_schedule_next(when, now, &p->next[i]))
            p->next[i] = 0;
    }
}

static int load(struct server *s, bool again, struct rf_err *err)
{
    struct plan *p = rf_xcalloc(1, sizeof(*p));
    int rc = s->o->load(s->o->ctx, again, &p->p, err);
    if (rc < 0) {
        free(p);
        return rc;
    }
    p->next = rf_xcalloc(p->p.n_jobs + 1, sizeof(*p->next));
    for (size_t i = 0; i < p->p.n_jobs; i++)
        p->next[i] = UNTIMED;
    p->in_force = true;
    if (s->plan != NULL)
        s->plan->in_force = false;
    p->older = s->plan;
    s->plan = p;
    return 0;
}

/* ---- tasks ---- */

static void *run_task(void *arg)
{
    struct task *t = arg;
    struct server *s = t->server;
    struct rf_server_plan *p = &t->plan->p;
    t->rc = t->job == FIRST ? p->first(p->ctx, &t->error) : p->run(p->ctx, t->job, &t->error);
    t->stopped =
        rf_cancelled(); /* what failed before the stop is a failure, however late it is noted */
    pthread_mutex_lock(&s->lock);
    t->done = true;
    s->o->clock->wake(s->o->clock->ctx);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* A server tries again and again: what keeps failing in the same way is told once. */
static bool is_told(const struct rf_buf *failures, struct rf_slice line)
{
    size_t at = 0;
    while (at < failures->len) {
        const char *p = failures->ptr + at;
        const char *end = memchr(p, '\n', failures->len - at);
        size_t n = end != NULL ? (size_t)(end - p) : failures->len - at;
        if (n == line.len && memcmp(p, line.ptr, n) == 0)
            return true;
        at += n + 1;
    }
    return false;
}

static void note_failure(struct server *s, const struct task *t)
{
    if (t->rc >= 0 || t->stopped)
        return;
    s->failed = true;
    s->stop = s->stop || s->o->abort_on_error;
    if (is_told(s->failures, rf_slice_str(t->error.msg)))
        return;
    size_t before = s->failures->len;
    rf_buf_addf(s->failures, "%s\n", t->error.msg);
    if (s->failures->len == before)
        s->failures->rc = 0; /* full: the log has them all */
}

static void start(struct server *s, size_t job, const char *name)
{
    struct task *t = rf_xcalloc(1, sizeof(*t));
    *t = (struct task){ .server = s, .plan = s->plan, .job = job, .name = name };
    int rc = rf_thread_start(&t->thread, run_task, t);
    if (rc != 0) {
        struct rf_err e = RF_ERR_INIT;
        (void)(rf_fail_errno)(&e, rc, "start a thread");
        rf_log(RF_LOG_ERROR, "Failed to run task", "task", name, "error", e.msg, NULL);
        free(t);
        return;
    }
    t->plan->running++;
    t->next = s->tasks;
    s->tasks = t;
    t->plan->first_runs = t->plan->first_runs || job == FIRST;
    if (s->o->clock->begun != NULL)
        s->o->clock->begun(s->o->clock->ctx);
}

static bool is_done(struct server *s, const struct task *t)
{
    pthread_mutex_lock(&s->lock);
    bool done = t->done;
    pthread_mutex_unlock(&s->lock);
    return done;
}

/* Takes away what has ended; with `all`, waits for the rest. */
static void reap(struct server *s, bool all)
{
    for (struct task **at = &s->tasks; *at != NULL;) {
        struct task *t = *at;
        if (!all && !is_done(s, t)) {
            at = &t->next;
            continue;
        }
        (void)pthread_join(t->thread, NULL);
        *at = t->next;
        note_failure(s, t);
        t->plan->running--;
        if (t->job == FIRST)
            t->plan->first_runs = false;
        free(t);
    }
    drop_plans(s, false);
}

static void start_first(struct server *s)
{
    if (s->plan->p.first != NULL)
        start(s, FIRST, "first pass");
}

static void reload(struct server *s)
{
    struct rf_err e = RF_ERR_INIT;
    unsigned older = 0;
    drop_plans(s, false);
    for (const struct plan *p = s->plan->older; p != NULL; p = p->older)
        older++;
    int rc = older < OLDER_MAX
                 ? load(s, true, &e)
                 : rf_fail(&e, RFE_BUSY, "runs of %u older files are still going on", older);
    if (rc < 0) {
        rf_log(RF_LOG_ERROR, "Failed to reload the configuration, the old one stays in force",
               "error", e.msg, NULL);
        return;
    }
    rf_log(RF_LOG_INFO, "Configuration reloaded", NULL);
    for (struct plan *p = s->plan->older; p != NULL; p = p->older)
        if (p->p.retire != NULL)
            p->p.retire(p->p.ctx);
    drop_plans(s, false);
    start_first(s);
}

static bool is_running(const struct server *s, const char *name)
{
    for (const struct task *t = s->tasks; t != NULL; t = t->next)
        if (t->job != FIRST && strcmp(t->name, name) == 0)
            return true;
    return false;
}

static void start_due(struct server *s)
{
    struct plan *p = s->plan;
    time_t now = s->o->clock->now(s->o->clock->ctx);
    for (size_t i = 0; i < p->p.n_jobs; i++) {
        if (p->next[i] == UNTIMED || p->next[i] == 0 || p->next[i] > now)
            continue;
        const char *name = p->p.jobs[i].name;
        if (is_running(s, name))
            rf_log(RF_LOG_DEBUG, "Task still running, this time is passed over", "task", name,
                   NULL);
        else
            start(s, i, name);
        if (!rf_schedule_next(p->p.jobs[i].schedule, now, &p->next[i]))
            p->next[i] = 0;
    }
}

/* 0: nothing is to come. */
static time_t soonest(const struct server *s)
{
    time_t at = 0;
    bool untimed = false;
    for (size_t i = 0; i < s->plan->p.n_jobs; i++) {
        time_t next = s->plan->next[i];
        untimed = untimed || next == UNTIMED;
        if (next != UNTIMED && next != 0 && (at == 0 || next < at))
            at = next;
    }
    if (!untimed || s->plan->p.passed == NULL)
        return at;
    time_t look = s->o->clock->now(s->o->clock->ctx) + LOOK_S;
    return at == 0 || look < at ? look : at;
}

/* ---- the whole ---- */

static void serve(struct server *s)
{
    const struct rf_server_clock *clock = s->o->clock;
    while (!s->stop) {
        time_t at = soonest(s);
        enum rf_server_event event = clock->wait(clock->ctx, at, at == 0);
        reap(s, false);
        if (event == RF_SERVER_STOP)
            break;
        if (event == RF_SERVER_RELOAD)
            reload(s);
        set_times(s);
        if (!s->stop)
            start_due(s);
    }
    rf_log(RF_LOG_INFO, "Stopping server", NULL);
    if (!rf_cancelled())
        rf_cancel_set(RFE_TERMINATED);
}

int rf_server_run(const struct rf_server_options *o, struct rf_buf *failures, struct rf_err *err)
{
    struct server s = { .o = o, .failures = failures };
    pthread_mutex_init(&s.lock, NULL);
    int rc = load(&s, false, err);
    if (rc == 0) {
        start_first(&s);
        set_times(&s);
        serve(&s);
        reap(&s, true);
        drop_plans(&s, true);
        if (s.failed)
            rc = rf_fail(err, RFE_FAILED, "some tasks failed");
    }
    pthread_mutex_destroy(&s.lock);
    return rc;
}
