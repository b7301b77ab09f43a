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
    struct rf_buf refused; /* steps of the file as it is now that never run, one a line */
    struct rf_sync_ledger *ledger;
};

static const char *text_or_none(const char *text)
{
    return text != NULL ? text : "";
}

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

static bool has_passed(void *ctx, size_t job)
{
    struct regsync_session *s = ctx;
    return rf_sync_passed(s->sync, s->scheduled[job]);
}

static void retire(void *ctx)
{
    const struct regsync_session *s = ctx;
    rf_sync_retire(s->sync);
}

/* A step that cannot be scheduled is told of, and is a failure at the end; the others run. */
static void tell_unscheduled(struct server *server, const struct rf_step *step,
                             const struct rf_err *why)
{
    const char *line = step->s.schedule_wrong;
    RF_CLEANUP(rf_freep) char *made = NULL;
    if (line == NULL) /* it can be read, but its time zone is not there */
        line = made = rf_xasprintf("%s.schedule: %s", step->where, why->msg);
    rf_log(RF_LOG_ERROR, "Failed to schedule cron", "source", text_or_none(step->source), "target",
           text_or_none(step->target), "sched", text_or_none(step->s.schedule), "error", line,
           "step", step->where, NULL);
    rf_buf_addf(&server->refused, "%s\n", line);
}

static void add_job(struct server *server, struct regsync_session *s, size_t i,
                    struct rf_server_plan *out)
{
    const struct rf_step *step = rf_sync_step(s->sync, i);
    struct rf_schedule *when = NULL;
    struct rf_err e = RF_ERR_INIT;
    if (step->refused != NULL) { /* the first pass tells of it */
        rf_buf_addf(&server->refused, "%s\n", step->refused);
        return;
    }
    int rc = rf_schedule_parse(step->s.schedule, step->s.interval_ns, &when, &e);
    if (rc == -RFE_NOT_FOUND) {
        rf_log(RF_LOG_ERROR, "No schedule or interval found, ignoring", "source",
               text_or_none(step->source), "target", text_or_none(step->target), "type",
               text_or_none(step->type_text), "step", step->where, NULL);
        return;
    }
    if (rc < 0) {
        tell_unscheduled(server, step, &e);
        return;
    }
    time_t next;
    if (!rf_schedule_next(when, time(NULL), &next))
        rf_log(RF_LOG_WARN, "Schedule has no time that ever comes", "source",
               text_or_none(step->source), "target", text_or_none(step->target), "sched",
               text_or_none(step->s.schedule), "step", step->where, NULL);
    rf_log(RF_LOG_DEBUG, "Scheduled task", "source", text_or_none(step->source), "target",
           text_or_none(step->target), "type", text_or_none(step->type_text), "sched",
           text_or_none(step->s.schedule), NULL);
    s->scheduled[out->n_jobs] = i;
    out->jobs[out->n_jobs++] =
        (struct rf_server_job){ .name = rf_xstrdup(rf_sync_step_name(s->sync, i)),
                                .schedule = when };
}

/* At the start such a step is left out; a file that was whole before is rather kept as it was. */
static int refuse_broken(const struct regsync_session *s, struct rf_err *err)
{
    for (size_t i = 0; i < s->config->n_steps; i++)
        if (s->config->steps[i].refused != NULL)
            return rf_fail(err, RFE_CONFIG, "%s", s->config->steps[i].refused);
    return 0;
}

static int load(void *ctx, bool again, struct rf_server_plan *out, struct rf_err *err)
{
    struct server *server = ctx;
    struct regsync_session *s = rf_xcalloc(1, sizeof(*s));
    s->setup.ledger = server->ledger;
    int rc = regsync_session_open(s, server->env, server->o, err);
    if (rc == 0 && again)
        rc = refuse_broken(s, err);
    if (rc < 0) {
        free_session(s);
        return rc;
    }
    size_t n = rf_sync_steps(s->sync);
    rf_buf_clear(&server->refused);
    *out = (struct rf_server_plan){ .ctx = s,
                                    .run = run_step,
                                    .first = first_pass,
                                    .passed = has_passed,
                                    .retire = retire,
                                    .free = free_session };
    out->jobs = rf_xcalloc(n + 1, sizeof(*out->jobs));
    s->scheduled = rf_xcalloc(n + 1, sizeof(*s->scheduled));
    for (size_t i = 0; i < n; i++)
        add_job(server, s, i, out);
    return 0;
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

/* Those that the first pass has told of already stand there. */
static int add_refused(const struct rf_buf *refused, struct rf_buf *failures, int rc,
                       struct rf_err *err)
{
    for (const char *at = refused->ptr; *at != '\0';) {
        size_t n = strcspn(at, "\n") + 1;
        RF_CLEANUP(rf_freep) char *line = rf_xstrndup(at, n);
        if (strstr(failures->ptr, line) == NULL)
            rf_buf_add_str(failures, line);
        at += n;
    }
    if (rc < 0 || refused->len == 0)
        return rc;
    return rf_fail(err, RFE_FAILED, "steps that cannot be run");
}

static int run(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    static const struct rf_serving_ops ops = { .load = load, .metrics = metrics, .status = status };
    struct regsync_options *o = ctx;
    struct server server = { .env = env, .o = o };
    const struct rf_serving serving = { .name = "regsync",
                                        .config = server.o->config,
                                        .listen = server.o->listen,
                                        .abort_on_error = server.o->abort_on_error,
                                        .ops = &ops,
                                        .ctx = &server };
    RF_CLEANUP(rf_buf_release) struct rf_buf failures;
    (void)argc, (void)argv;
    o->server = true;
    rf_buf_init(&failures, RF_PROGRAM_FAILURES_MAX);
    rf_buf_init(&server.refused, RF_PROGRAM_FAILURES_MAX);
    server.ledger = rf_sync_ledger_new();
    int rc = rf_serving_run(&serving, &failures, err);
    if (rc == 0 || rc == -RFE_FAILED)
        rc = add_refused(&server.refused, &failures, rc, err);
    rf_buf_release(&server.refused);
    rf_sync_ledger_free(server.ledger);
    return rf_program_tell(&failures, rc, err);
}

static const struct rf_opt opts[] = {
    REGSYNC_RUN_ROWS,
    REGSYNC_HOOKS_ROW,
    RF_RUNNER_LISTEN_ROW(REGSYNC_AT(listen)),
};

const struct rf_cmd *regsync_server_cmd(void)
{
    static const struct rf_cmd cmd = {
        .name = "server",
        .summary = "run the steps of the file by their schedules",
        .description =
            "First every step copies what its target lacks, then it runs by its schedule or interval, never beside itself. SIGHUP reads the file again and begins "
            "so once more, without ending copies that are on their way; a broken one leaves the old one in force. SIGTERM and SIGINT end the server within seconds; a copy on its way is given up, and its tag stays as it was.",
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
