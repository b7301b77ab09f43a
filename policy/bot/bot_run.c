/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/bot/bot_run.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "base/text.h"
#include "policy/bot/bot_hint.h"
#include "policy/lua/lua_wire.h"
#include "policy/schedule.h"
#include "regclient/stats.h"

#define API "regbot"
#define CHUNK \
    "<string>" /* how errors have named the text of a script since upstream's first version */
#define BOXES_AT_ONCE 32u /* each is a process, and most of them wait for a registry */
#define CHECK_TIME_NS (60 * INT64_C(1000000000))
#define SUMMARY_MAX 4096u

struct rf_bot {
    const struct rf_policy_config *config;
    struct rf_client *client;
    struct rf_bot_setup setup;
    struct rf_throttle *throttle;
    char **keys;
    pthread_mutex_t lock; /* guards `status` */
    struct rf_bot_status *status;
    struct rf_stats **requests; /* per script */
};

/* ---- making ---- */

static char *make_key(const struct rf_policy_config *c, size_t script)
{
    const char *name = c->scripts[script].name;
    size_t nth = 1;
    for (size_t i = 0; i < script; i++)
        nth += strcmp(c->scripts[i].name, name) == 0;
    return nth == 1 ? rf_xstrdup(name) : rf_xasprintf("%s#%zu", name, nth);
}

struct rf_bot *rf_bot_new(const struct rf_policy_config *config, struct rf_client *client,
                          const struct rf_bot_setup *setup)
{
    struct rf_bot *b = rf_xcalloc(1, sizeof(*b));
    unsigned places = config->defaults.parallel > 0 ? config->defaults.parallel : 1;
    b->config = config;
    b->client = client;
    b->setup = *setup;
    b->throttle = rf_throttle_new(places);
    b->keys = rf_xcalloc(config->n_scripts + 1, sizeof(*b->keys));
    b->status = rf_xcalloc(config->n_scripts + 1, sizeof(*b->status));
    b->requests = rf_xcalloc(config->n_scripts + 1, sizeof(struct rf_stats *));
    for (size_t i = 0; i < config->n_scripts; i++) {
        b->keys[i] = make_key(config, i);
        b->requests[i] = rf_stats_new();
    }
    pthread_mutex_init(&b->lock, NULL);
    rf_log_with(RF_LOG_DEBUG, "Configuring parallel settings", rf_log_uint("concurrent", places));
    return b;
}

void rf_bot_free(struct rf_bot *b)
{
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->config->n_scripts; i++) {
        free(b->keys[i]);
        rf_stats_free(b->requests[i]);
    }
    rf_throttle_free(b->throttle);
    pthread_mutex_destroy(&b->lock);
    free(b->keys);
    free(b->status);
    free(b->requests);
    free(b);
}

void rf_bot_freep(struct rf_bot **b)
{
    rf_bot_free(*b);
    *b = NULL;
}

size_t rf_bot_scripts(const struct rf_bot *b)
{
    return b->config->n_scripts;
}

const struct rf_bot_script *rf_bot_script(const struct rf_bot *b, size_t script)
{
    return &b->config->scripts[script];
}

const char *rf_bot_script_key(const struct rf_bot *b, size_t script)
{
    return b->keys[script];
}

/* ---- status ---- */

void rf_bot_status_of(struct rf_bot *b, size_t script, struct rf_bot_status *out)
{
    pthread_mutex_lock(&b->lock);
    *out = b->status[script];
    pthread_mutex_unlock(&b->lock);
    out->requests += rf_stats_requests(b->requests[script]);
}

void rf_bot_status_take(struct rf_bot *b, struct rf_bot *old)
{
    for (size_t i = 0; i < rf_bot_scripts(b); i++) {
        for (size_t k = 0; k < rf_bot_scripts(old); k++) {
            struct rf_bot_status known;
            if (strcmp(b->keys[i], old->keys[k]) != 0)
                continue;
            rf_bot_status_of(old, k, &known);
            known.running = false;
            pthread_mutex_lock(&b->lock);
            b->status[i] = known;
            pthread_mutex_unlock(&b->lock);
            break;
        }
    }
}

static void note_start(struct rf_bot *b, size_t script)
{
    pthread_mutex_lock(&b->lock);
    b->status[script].running = true;
    b->status[script].last_start = time(NULL);
    pthread_mutex_unlock(&b->lock);
}

static void note_end(struct rf_bot *b, size_t script, int rc, const struct rf_bot_counts *counts)
{
    pthread_mutex_lock(&b->lock);
    struct rf_bot_status *s = &b->status[script];
    s->running = false;
    s->last_end = time(NULL);
    s->runs++;
    s->failed_runs += rc < 0;
    s->timeouts += rc == -ETIMEDOUT;
    if (rc == 0)
        s->last_success = s->last_end;
    rf_bot_counts_add(&s->counts, counts);
    pthread_mutex_unlock(&b->lock);
}

/* ---- one run ---- */

/* What is run in a box: the text of a script, or one that is called with arguments. */
struct run {
    const char *name, *chunk;
    struct rf_slice text;
    uint64_t timeout_ns;
    bool has_args;
    char **args;
    size_t n_args;
};

/* Takes itself away, so that the text finds the globals that every text finds. */
static const char call_with_args[] = "function regbot_run(text, name, ...)\n"
                                     "  regbot_run = nil\n"
                                     "  local f, problem = load(text, '=' .. name, 't')\n"
                                     "  if not f then error(problem, 0) end\n"
                                     "  arg = { [0] = name, ... }\n"
                                     "  f(...)\n"
                                     "end\n";

static int run_with_args(struct rf_lua_box *box, const struct run *run, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *args = json_array(), *result = NULL;
    json_array_append_new(args, rf_lua_wire_string(run->text));
    json_array_append_new(args, rf_lua_wire_string(rf_slice_str(run->chunk)));
    for (size_t i = 0; i < run->n_args; i++)
        json_array_append_new(args, rf_lua_wire_string(rf_slice_str(run->args[i])));
    int rc = rf_lua_box_run(box, "=regbot", rf_slice_str(call_with_args), err);
    return rc < 0 ? rc : rf_lua_box_call(box, "regbot_run", args, &result, err);
}

static void box_options(const struct rf_bot *b, struct rf_lua_box_options *o)
{
    *o = (struct rf_lua_box_options)RF_LUA_BOX_OPTIONS_INIT;
    o->memory = b->setup.memory;
    o->unsafe_libs = b->setup.unsafe_libs;
    o->module_dirs = b->setup.module_dirs;
    o->n_module_dirs = b->setup.n_module_dirs;
    o->env = b->setup.env;
    o->n_env = b->setup.n_env;
    o->api = API;
}

/* In a box that ends with it. */
static int run_in_box(const struct rf_bot *b, const struct run *run,
                      const struct rf_bot_calls *calls, struct rf_err *err)
{
    RF_CLEANUP(rf_lua_box_closep) struct rf_lua_box *box = NULL;
    struct rf_lua_box_options o;
    box_options(b, &o);
    o.name = run->name;
    o.timeout_ns = run->timeout_ns > INT64_MAX ? INT64_MAX : (int64_t)run->timeout_ns;
    o.host = rf_bot_calls_host(calls);
    int rc = rf_lua_box_open(&o, &box, err);
    if (rc < 0)
        return rc;
    rc = run->has_args ? run_with_args(box, run, err)
                       : rf_lua_box_run(box, run->chunk, run->text, err);
    if (rc < 0 && rf_lua_box_traceback(box)[0] != '\0')
        rf_log(RF_LOG_DEBUG, "Traceback of script", "script", run->name, "traceback",
               rf_lua_box_traceback(box), NULL);
    return rc;
}

static bool was_stopped(int rc)
{
    return rc == -RFE_CANCELLED || rc == -RFE_TERMINATED;
}

/* *counts: what it did. */
static int run_once(const struct rf_bot *b, const struct run *run, struct rf_bot_counts *counts,
                    struct rf_err *err)
{
    struct rf_bot_options o = RF_BOT_OPTIONS_INIT;
    o.client = b->client;
    o.script = run->name;
    o.dry_run = b->setup.dry_run;
    o.throttle = b->throttle;
    o.print = b->setup.print;
    int rc = rf_cancel_check(err);
    if (rc < 0)
        return rc;
    rf_log(RF_LOG_DEBUG, "Starting script", "script", run->name, NULL);
    RF_CLEANUP(rf_bot_calls_freep) struct rf_bot_calls *calls = rf_bot_calls_new(&o);
    rc = run_in_box(b, run, calls, err);
    *counts = *rf_bot_calls_counts(calls);
    if (rc < 0 && !was_stopped(rc)) {
        rf_bot_add_hint(err);
        rf_log(RF_LOG_ERROR, "Runtime error from script", "script", run->name, "error", err->msg,
               NULL);
        rf_log(RF_LOG_WARN, "Error running script", "script", run->name, "error", err->msg, NULL);
    }
    rf_log(RF_LOG_DEBUG, "Finished script", "script", run->name, NULL);
    return rc;
}

/* Notes how it went. A failure keeps its code, for the note, and gets the name of the script in front. */
static int run_script(struct rf_bot *b, size_t script, struct rf_bot_counts *counts,
                      struct rf_err *err)
{
    const struct rf_bot_script *s = rf_bot_script(b, script);
    const struct run run = {
        .name = s->name, .chunk = CHUNK, .text = rf_slice_str(s->text), .timeout_ns = s->timeout_ns
    };
    note_start(b, script);
    struct rf_stats *before = rf_stats_also(b->requests[script]);
    int rc = run_once(b, &run, counts, err);
    (void)rf_stats_also(before);
    note_end(b, script, rc, counts);
    return rc < 0 && !was_stopped(rc) ? rf_wrap(err, rc, "script %s", s->name) : rc;
}

static void sum_up(const struct rf_bot *b, const char *script, const struct rf_bot_counts *counts)
{
    struct rf_buf out;
    size_t len = 0;
    if (!b->setup.dry_run)
        return;
    rf_buf_init(&out, SUMMARY_MAX);
    rf_bot_counts_text(counts, &out);
    RF_CLEANUP(rf_freep) char *text = rf_buf_take(&out, &len);
    const char *all = "Dry run, nothing was written";
    if (script != NULL)
        rf_log(RF_LOG_INFO, all, "script", script, "would-be", text, NULL);
    else
        rf_log(RF_LOG_INFO, all, "would-be", text, NULL);
}

/* A script's failure as the runner tells it: the code of all of them. */
static int as_failed(int rc, struct rf_err *err)
{
    if (rc >= 0 || was_stopped(rc))
        return rc;
    if (err != NULL)
        err->code = RFE_FAILED;
    return -RFE_FAILED;
}

int rf_bot_one(struct rf_bot *b, size_t script, struct rf_err *err)
{
    struct rf_bot_counts counts = { .calls = 0 };
    int rc = run_script(b, script, &counts, err);
    sum_up(b, rf_bot_script(b, script)->name, &counts);
    return as_failed(rc, err);
}

int rf_bot_run_text(struct rf_bot *b, const char *name, struct rf_slice text, char **args,
                    size_t n_args, struct rf_err *err)
{
    struct rf_bot_counts counts = { .calls = 0 };
    const struct run run = { .name = name,
                             .chunk = name,
                             .text = text,
                             .timeout_ns = b->config->defaults.timeout_ns,
                             .has_args = true,
                             .args = args,
                             .n_args = n_args };
    int rc = run_once(b, &run, &counts, err);
    sum_up(b, name, &counts);
    return as_failed(rc, err);
}

/* ---- all ---- */

struct all {
    struct rf_bot *b;
    struct rf_bot_counts *counts; /* per script, as are */
    char **failures;
};

/* A script that fails does not end the others. */
static int run_nth(void *ctx, size_t i, struct rf_err *err)
{
    const struct all *a = ctx;
    struct rf_err e = RF_ERR_INIT;
    int rc = run_script(a->b, i, &a->counts[i], &e);
    if (rc >= 0)
        return 0;
    if (!was_stopped(rc)) {
        a->failures[i] = rf_xstrdup(e.msg);
        return 0;
    }
    *err = e;
    return rc;
}

static size_t gather(const struct all *a, struct rf_bot_counts *sum, struct rf_buf *failures)
{
    size_t failed = 0;
    for (size_t i = 0; i < rf_bot_scripts(a->b); i++) {
        rf_bot_counts_add(sum, &a->counts[i]);
        if (a->failures[i] == NULL)
            continue;
        failed++;
        rf_buf_addf(failures, "%s\n", a->failures[i]);
    }
    return failed;
}

int rf_bot_all(struct rf_bot *b, struct rf_buf *failures, struct rf_err *err)
{
    size_t n = rf_bot_scripts(b);
    unsigned threads = b->config->defaults.parallel > 0 ? BOXES_AT_ONCE : 1;
    struct rf_bot_counts sum = { .calls = 0 };
    struct all a = { .b = b };
    a.counts = rf_xcalloc(n + 1, sizeof(*a.counts));
    a.failures = rf_xcalloc(n + 1, sizeof(*a.failures));
    int rc = rf_parallel(threads, n, run_nth, &a, err);
    size_t failed = gather(&a, &sum, failures);
    sum_up(b, NULL, &sum);
    for (size_t i = 0; rc == 0 && failed > 0 && i < n; i++)
        if (a.failures[i] != NULL && rc == 0)
            rc = rf_fail(err, RFE_FAILED, "%s", a.failures[i]);
    for (size_t i = 0; i < n; i++)
        free(a.failures[i]);
    free(a.failures);
    free(a.counts);
    return rc;
}

/* ---- checking ---- */

static const char compile[] = "function regbot_compile(text, name)\n"
                              "  local f, problem = load(text, '=' .. name, 't')\n"
                              "  return problem\n"
                              "end\n";

/* A line of what is wrong with a script. Its name and what Lua shows of its text come from the file, the line may go to a terminal. */
static int tell(const struct rf_bot *b, const struct rf_bot_script *s, const char *what,
                struct rf_slice problem, struct rf_buf *out)
{
    rf_buf_addf(out, "%s:%u:%u: script ", b->config->name, s->line, s->column);
    rf_text_safe(out, rf_slice_str(s->name), strlen(s->name));
    rf_buf_addf(out, ": %s", what);
    rf_text_safe(out, problem, problem.len);
    rf_buf_add_char(out, '\n');
    return 1;
}

static int check_one(struct rf_bot *b, struct rf_lua_box *box, size_t script, struct rf_buf *out,
                     struct rf_err *err)
{
    const struct rf_bot_script *s = rf_bot_script(b, script);
    RF_CLEANUP(rf_buf_release) struct rf_buf room;
    RF_CLEANUP(rf_json_decrefp) json_t *args = json_array(), *result = NULL;
    struct rf_slice problem;
    struct rf_err cause = RF_ERR_INIT;
    rf_buf_init(&room, 0);
    if (s->schedule != NULL && rf_schedule_check(s->schedule, &cause) < 0)
        return tell(b, s, "schedule: ", rf_slice_str(cause.msg), out);
    if (strspn(s->text, " \t\r\n") == strlen(s->text))
        return tell(b, s, "no text: \"script\" is empty or missing", rf_slice_str(""), out);
    json_array_append_new(args, rf_lua_wire_string(rf_slice_str(s->text)));
    json_array_append_new(args, rf_lua_wire_string(rf_slice_str(CHUNK)));
    int rc = rf_lua_box_call(box, "regbot_compile", args, &result, err);
    if (rc < 0)
        return rf_wrap(err, rc, "script %s", s->name);
    return rf_lua_wire_text(result, &room, &problem) ? tell(b, s, "", problem, out) : 0;
}

int rf_bot_check(struct rf_bot *b, struct rf_buf *out, size_t *bad, struct rf_err *err)
{
    RF_CLEANUP(rf_lua_box_closep) struct rf_lua_box *box = NULL;
    struct rf_lua_box_options o;
    box_options(b, &o);
    o.name = "check";
    o.unsafe_libs = false; /* nothing is run */
    o.timeout_ns = CHECK_TIME_NS;
    *bad = 0;
    int rc = rf_lua_box_open(&o, &box, err);
    if (rc == 0)
        rc = rf_lua_box_run(box, "=check", rf_slice_str(compile), err);
    for (size_t i = 0; rc >= 0 && i < rf_bot_scripts(b); i++) {
        rc = check_one(b, box, i, out, err);
        *bad += rc > 0;
    }
    return rc < 0 ? rc : 0;
}
