/* SPDX-License-Identifier: Apache-2.0 */
/* regsync server: the steps of the file by their schedules, and pages for those who watch. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "policy/server.h"
#include "serve/listener.h"
#include "serve/metrics.h"
#include "tools/regsync/session.h"

#define FAILURES_MAX (64u << 10)

/* The server over its life. */
struct watch {
    const struct rf_env *env;
    const struct regsync_options *o;
    struct rf_metrics_program program;
    pthread_mutex_t
        lock; /* guards `program`, and that `current` is not freed while it is looked at */
    struct regsync_session *current;
};

/* ---- a file as jobs ---- */

static void free_session(void *ctx)
{
    struct regsync_session *s = ctx;
    struct watch *w = s->watch;
    pthread_mutex_lock(&w->lock);
    if (w->current == s)
        w->current = NULL;
    pthread_mutex_unlock(&w->lock);
    regsync_session_release(s);
    free(s);
}

static int run_step(void *ctx, size_t job, struct rf_err *err)
{
    struct regsync_session *s = ctx;
    struct rf_sync_report_step report;
    const struct rf_step *step = rf_sync_step(s->sync, s->scheduled[job]);
    rf_log(RF_LOG_DEBUG, "Running task", "source", step->source, "target", step->target, "type",
           step->type_text, NULL);
    int rc = rf_sync_one(s->sync, s->scheduled[job], RF_SYNC_COPY, &report, err);
    rf_sync_report_step_release(&report);
    return rc;
}

static int first_pass(void *ctx, struct rf_err *err)
{
    struct regsync_session *s = ctx;
    struct rf_sync_report report = { 0 };
    int rc = rf_sync_all(s->sync, RF_SYNC_MISSING, &report, err);
    rf_sync_report_release(&report);
    return rc;
}

static char *job_name(const struct rf_step *step)
{
    return rf_xasprintf("%s %s %s", step->type_text != NULL ? step->type_text : "",
                        step->source != NULL ? step->source : "",
                        step->target != NULL ? step->target : "");
}

/* A step that cannot be scheduled is told of; the others are. */
static void add_job(struct regsync_session *s, size_t i, struct rf_server_plan *out)
{
    const struct rf_step *step = rf_sync_step(s->sync, i);
    struct rf_schedule *when = NULL;
    struct rf_err e = RF_ERR_INIT;
    int rc = rf_schedule_parse(step->s.schedule, step->s.interval_ns, &when, &e);
    if (rc == -RFE_NOT_FOUND) {
        rf_log(RF_LOG_ERROR, "No schedule or interval found, ignoring", "source", step->source,
               "target", step->target, "type", step->type_text, NULL);
        return;
    }
    if (rc < 0) {
        rf_log(RF_LOG_ERROR, "Failed to schedule cron", "source", step->source, "target",
               step->target, "sched", step->s.schedule, "error", e.msg, NULL);
        return;
    }
    rf_log(RF_LOG_DEBUG, "Scheduled task", "source", step->source, "target", step->target, "type",
           step->type_text, "sched", step->s.schedule != NULL ? step->s.schedule : "", NULL);
    s->scheduled[out->n_jobs] = i;
    out->jobs[out->n_jobs++] = (struct rf_server_job){ .name = job_name(step), .schedule = when };
}

static void take_over(struct watch *w, struct regsync_session *s)
{
    pthread_mutex_lock(&w->lock);
    if (w->current != NULL)
        rf_sync_status_take(s->sync, w->current->sync);
    w->current = s;
    pthread_mutex_unlock(&w->lock);
}

static int load(void *ctx, bool again, struct rf_server_plan *out, struct rf_err *err)
{
    struct watch *w = ctx;
    struct regsync_session *s = rf_xcalloc(1, sizeof(*s));
    s->watch = w;
    int rc = again && strcmp(w->o->config, "-") == 0
                 ? rf_fail(err, RFE_CONFIG, "standard input was read already")
                 : regsync_session_open(s, w->env, w->o, err);
    pthread_mutex_lock(&w->lock);
    w->program.reloads += again && rc == 0;
    w->program.failed_reloads += again && rc < 0;
    pthread_mutex_unlock(&w->lock);
    if (rc < 0) {
        regsync_session_release(s);
        free(s);
        return rc;
    }
    size_t n = rf_sync_steps(s->sync);
    *out = (struct rf_server_plan){ .ctx = s, .run = run_step, .free = free_session };
    out->first = again ? NULL : first_pass;
    out->jobs = rf_xcalloc(n + 1, sizeof(*out->jobs));
    s->scheduled = rf_xcalloc(n + 1, sizeof(*s->scheduled));
    for (size_t i = 0; i < n; i++)
        add_job(s, i, out);
    take_over(w, s);
    return 0;
}

/* ---- pages ---- */

static bool make_page(struct watch *w, struct rf_buf *out,
                      void (*make)(const struct rf_metrics_program *, struct rf_sync *,
                                   struct rf_buf *))
{
    pthread_mutex_lock(&w->lock);
    bool there = w->current != NULL;
    if (there)
        make(&w->program, w->current->sync, out);
    pthread_mutex_unlock(&w->lock);
    return there;
}

static bool metrics_page(void *ctx, struct rf_buf *out)
{
    return make_page(ctx, out, rf_metrics_text);
}

static bool status_page(void *ctx, struct rf_buf *out)
{
    return make_page(ctx, out, rf_metrics_json);
}

static bool health_page(void *ctx, struct rf_buf *out)
{
    (void)ctx;
    rf_buf_add_str(out, "ok\n");
    return true;
}

static const struct rf_listener_page pages[] = {
    { "/metrics", RF_METRICS_TYPE, metrics_page },
    { "/healthz", "text/plain; charset=utf-8", health_page },
    { "/status", "application/json", status_page },
};

/* ---- the command ---- */

static int open_listener(struct watch *w, struct rf_listener **out, struct rf_err *err)
{
    if (w->o->listen == NULL)
        return 0;
    int rc = rf_listener_open(w->o->listen, pages, RF_ARRAY_LEN(pages), w, out, err);
    if (rc == 0)
        rf_log(RF_LOG_INFO, "Listening", "address", rf_listener_address(*out), NULL);
    return rc;
}

static int serve(struct watch *w, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf failures;
    RF_CLEANUP(rf_listener_closep) struct rf_listener *listener = NULL;
    struct rf_server_signals signals;
    rf_buf_init(&failures, FAILURES_MAX);
    int rc = rf_server_signals_open(&signals, err);
    if (rc < 0)
        return rc;
    const struct rf_server_options options = {
        .ctx = w, .load = load, .abort_on_error = w->o->abort_on_error, .clock = &signals.clock
    };
    rc = open_listener(w, &listener, err);
    if (rc == 0)
        rc = rf_server_run(&options, &failures, err);
    rf_server_signals_release(&signals);
    if (rc == -RFE_FAILED && failures.len > 0) {
        (void)fwrite(failures.ptr, 1, failures.len, stderr);
        err->msg[0] = '\0';
    }
    return rc;
}

static int run(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    struct watch w = { .env = env,
                       .o = ctx,
                       .program = { .name = "regsync", .started = time(NULL) } };
    (void)argc, (void)argv;
    pthread_mutex_init(&w.lock, NULL);
    int rc = serve(&w, err);
    pthread_mutex_destroy(&w.lock);
    return rc;
}

static const struct rf_opt opts[] = {
    REGSYNC_RUN_ROWS,
    REGSYNC_HOOKS_ROW,
    { "listen", 0, RF_OPT_STRING, REGSYNC_AT(listen), "ADDRESS",
      "serve /metrics, /healthz and /status over HTTP there: :9090 (loopback), 0.0.0.0:9090, [::]:9090",
      NULL, 0 },
};

const struct rf_cmd *regsync_server_cmd(void)
{
    static const struct rf_cmd cmd = {
        .name = "server",
        .summary = "run the steps of the file by their schedules",
        .description =
            "First every step copies what its target lacks, then each runs by its schedule or interval, never beside itself. SIGHUP reads the file again; a "
            "broken one leaves the old one in force. SIGTERM and SIGINT end the server within seconds; a copy on its way is given up, and its tag stays as it was.",
        .examples = "regsync server -c regsync.yml\n"
                    "# with metrics for Prometheus on the loopback interface\n"
                    "regsync server -c regsync.yml --listen :9090\n"
                    "# the second of three instances that share the work of one file\n"
                    "regsync server -c regsync.yml --shard 2/3",
        .opts = opts,
        .n_opts = RF_ARRAY_LEN(opts),
        .ctx_size = sizeof(struct regsync_options),
        .run = run,
    };
    return &cmd;
}
