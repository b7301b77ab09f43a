/* SPDX-License-Identifier: Apache-2.0 */
/* regbot server: the scripts of the file by their schedules, and pages for those who watch. */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "serve/bot_metrics.h"
#include "serve/serving.h"
#include "tools/common/program.h"
#include "tools/regbot/session.h"

struct server {
    const struct rf_env *env;
    const struct regbot_options *o;
};

/* ---- a file as jobs ---- */

static void free_session(void *ctx)
{
    regbot_session_release(ctx);
    free(ctx);
}

static int run_script(void *ctx, size_t job, struct rf_err *err)
{
    struct regbot_session *s = ctx;
    size_t script = s->scheduled[job];
    rf_log(RF_LOG_DEBUG, "Running task", "script", rf_bot_script(s->bot, script)->name, NULL);
    return rf_bot_one(s->bot, script, err);
}

/* A script that cannot be scheduled is told of; the others are. */
static void add_job(struct regbot_session *s, size_t i, struct rf_server_plan *out)
{
    const struct rf_bot_script *script = rf_bot_script(s->bot, i);
    const char *text = script->schedule != NULL ? script->schedule : "";
    struct rf_schedule *when = NULL;
    struct rf_err e = RF_ERR_INIT;
    int rc = rf_schedule_parse(script->schedule, script->interval_ns, &when, &e);
    if (rc == -RFE_NOT_FOUND) {
        rf_log(RF_LOG_ERROR, "No schedule or interval found, ignoring", "script", script->name,
               NULL);
        return;
    }
    if (rc < 0) {
        rf_log(RF_LOG_ERROR, "Failed to schedule cron", "script", script->name, "sched", text,
               "error", e.msg, NULL);
        return;
    }
    rf_log(RF_LOG_DEBUG, "Scheduled task", "script", script->name, "sched", text, NULL);
    s->scheduled[out->n_jobs] = i;
    out->jobs[out->n_jobs++] =
        (struct rf_server_job){ .name = rf_xstrdup(rf_bot_script_key(s->bot, i)),
                                .schedule = when };
}

/* There is no first pass, as upstream has none: a script runs when its time comes. */
static int load(void *ctx, bool again, struct rf_server_plan *out, struct rf_err *err)
{
    const struct server *server = ctx;
    struct regbot_session *s = rf_xcalloc(1, sizeof(*s));
    (void)again;
    int rc = regbot_session_open(s, server->env, server->o, err);
    if (rc < 0) {
        free_session(s);
        return rc;
    }
    size_t n = rf_bot_scripts(s->bot);
    *out = (struct rf_server_plan){ .ctx = s, .run = run_script, .free = free_session };
    out->jobs = rf_xcalloc(n + 1, sizeof(*out->jobs));
    s->scheduled = rf_xcalloc(n + 1, sizeof(*s->scheduled));
    for (size_t i = 0; i < n; i++)
        add_job(s, i, out);
    return 0;
}

static void take_over(void *session, void *old)
{
    const struct regbot_session *s = session, *before = old;
    rf_bot_status_take(s->bot, before->bot);
}

/* ---- pages ---- */

static void metrics(const struct rf_metrics_program *p, void *session, struct rf_buf *out)
{
    rf_bot_metrics_text(p, ((struct regbot_session *)session)->bot, out);
}

static void status(const struct rf_metrics_program *p, void *session, struct rf_buf *out)
{
    rf_bot_metrics_json(p, ((struct regbot_session *)session)->bot, out);
}

/* ---- the command ---- */

static int run(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    static const struct rf_serving_ops ops = { load, take_over, metrics, status };
    struct server server = { .env = env, .o = ctx };
    const struct rf_serving serving = { .name = "regbot",
                                        .config = server.o->config,
                                        .listen = server.o->listen,
                                        .ops = &ops,
                                        .ctx = &server };
    RF_CLEANUP(rf_buf_release) struct rf_buf failures;
    (void)argc, (void)argv;
    rf_buf_init(&failures, RF_PROGRAM_FAILURES_MAX);
    int rc = rf_serving_run(&serving, &failures, err);
    return rf_program_tell(&failures, rc, err);
}

static const struct rf_opt opts[] = {
    REGBOT_CONFIG_ROW,
    REGBOT_STRICT_ROW,
    REGBOT_BOX_ROWS,
    RF_RUNNER_LISTEN_ROW(REGBOT_AT(listen)),
};

const struct rf_cmd *regbot_server_cmd(void)
{
    static const struct rf_cmd cmd = {
        .name = "server",
        .summary = "run the scripts of the file by their schedules",
        .description =
            "Each script runs by its schedule or interval, never beside itself; nothing runs at the start. SIGHUP reads the file again; a broken one leaves the old "
            "one in force. SIGTERM and SIGINT end the server within seconds; scripts are ended, and what they copy is given up, with its tag as it was.",
        .examples = "regbot server -c regbot.yml\n"
                    "# with metrics for Prometheus on the loopback interface\n"
                    "regbot server -c regbot.yml --listen :9090",
        .opts = opts,
        .n_opts = RF_ARRAY_LEN(opts),
        .ctx_size = sizeof(struct regbot_options),
        .run = run,
    };
    return &cmd;
}
