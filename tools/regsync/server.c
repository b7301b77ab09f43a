/* SPDX-License-Identifier: Apache-2.0 */
/* regsync server: the steps of the file by their schedules, and pages for those who watch. */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "serve/metrics.h"
#include "serve/serving.h"
#include "tools/common/program.h"
#include "tools/regsync/session.h"

struct server {
    const struct rf_env *env;
    const struct regsync_options *o;
};

/* ---- a file as jobs ---- */

static void free_session(void *ctx)
{
    regsync_session_release(ctx);
    free(ctx);
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

static int load(void *ctx, bool again, struct rf_server_plan *out, struct rf_err *err)
{
    const struct server *server = ctx;
    struct regsync_session *s = rf_xcalloc(1, sizeof(*s));
    int rc = regsync_session_open(s, server->env, server->o, err);
    if (rc < 0) {
        free_session(s);
        return rc;
    }
    size_t n = rf_sync_steps(s->sync);
    *out = (struct rf_server_plan){ .ctx = s, .run = run_step, .free = free_session };
    out->first = again ? NULL : first_pass;
    out->jobs = rf_xcalloc(n + 1, sizeof(*out->jobs));
    s->scheduled = rf_xcalloc(n + 1, sizeof(*s->scheduled));
    for (size_t i = 0; i < n; i++)
        add_job(s, i, out);
    return 0;
}

static void take_over(void *session, void *old)
{
    const struct regsync_session *s = session, *before = old;
    rf_sync_status_take(s->sync, before->sync);
}

/* ---- pages ---- */

static void metrics(const struct rf_metrics_program *p, void *session, struct rf_buf *out)
{
    rf_metrics_text(p, ((struct regsync_session *)session)->sync, out);
}

static void status(const struct rf_metrics_program *p, void *session, struct rf_buf *out)
{
    rf_metrics_json(p, ((struct regsync_session *)session)->sync, out);
}

/* ---- the command ---- */

static int run(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    static const struct rf_serving_ops ops = { load, take_over, metrics, status };
    struct server server = { .env = env, .o = ctx };
    const struct rf_serving serving = { .name = "regsync",
                                        .config = server.o->config,
                                        .listen = server.o->listen,
                                        .abort_on_error = server.o->abort_on_error,
                                        .ops = &ops,
                                        .ctx = &server };
    RF_CLEANUP(rf_buf_release) struct rf_buf failures;
    (void)argc, (void)argv;
    rf_buf_init(&failures, RF_PROGRAM_FAILURES_MAX);
    int rc = rf_serving_run(&serving, &failures, err);
    return rf_program_tell(&failures, rc, err);
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
