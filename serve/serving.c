/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/serving.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "serve/listener.h"

struct watch {
    const struct rf_serving *serving;
    struct rf_metrics_program program;
    pthread_mutex_t
        lock;      /* guards `program`, and that `current` is not freed while it is looked at */
    void *current; /* session */
};

/* What the server has in place of a session: its frees go through here. */
struct shell {
    struct watch *watch;
    struct rf_server_plan inner;
};

/* ---- sessions ---- */

static void free_shell(void *ctx)
{
    struct shell *s = ctx;
    pthread_mutex_lock(&s->watch->lock);
    if (s->watch->current == s->inner.ctx)
        s->watch->current = NULL;
    pthread_mutex_unlock(&s->watch->lock);
    if (s->inner.free != NULL)
        s->inner.free(s->inner.ctx);
    free(s);
}

static int run_job(void *ctx, size_t job, struct rf_err *err)
{
    const struct shell *s = ctx;
    return s->inner.run(s->inner.ctx, job, err);
}

static bool has_passed(void *ctx, size_t job)
{
    const struct shell *s = ctx;
    return s->inner.passed(s->inner.ctx, job);
}

static void retire(void *ctx)
{
    const struct shell *s = ctx;
    s->inner.retire(s->inner.ctx);
}

static int run_first(void *ctx, struct rf_err *err)
{
    const struct shell *s = ctx;
    return s->inner.first(s->inner.ctx, err);
}

static int load(void *ctx, bool again, struct rf_server_plan *out, struct rf_err *err)
{
    struct watch *w = ctx;
    const struct rf_serving *v = w->serving;
    struct shell *s = rf_xcalloc(1, sizeof(*s));
    s->watch = w;
    int rc = again && strcmp(v->config, "-") == 0
                 ? rf_fail(err, RFE_CONFIG, "standard input was read already")
                 : v->ops->load(v->ctx, again, &s->inner, err);
    pthread_mutex_lock(&w->lock);
    w->program.reloads += again && rc == 0;
    w->program.failed_reloads += again && rc < 0;
    if (rc == 0) {
        if (w->current != NULL && v->ops->take_over != NULL)
            v->ops->take_over(s->inner.ctx, w->current);
        w->current = s->inner.ctx;
    }
    pthread_mutex_unlock(&w->lock);
    if (rc < 0) {
        free(s);
        return rc;
    }
    *out = s->inner;
    out->ctx = s;
    out->run = run_job;
    out->first = s->inner.first != NULL ? run_first : NULL;
    out->passed = s->inner.passed != NULL ? has_passed : NULL;
    out->retire = s->inner.retire != NULL ? retire : NULL;
    out->free = free_shell;
    return 0;
}

/* ---- pages ---- */

static bool make_page(struct watch *w, struct rf_buf *out,
                      void (*make)(const struct rf_metrics_program *, void *, struct rf_buf *))
{
    pthread_mutex_lock(&w->lock);
    bool there = w->current != NULL;
    if (there)
        make(&w->program, w->current, out);
    pthread_mutex_unlock(&w->lock);
    return there;
}

static bool metrics_page(void *ctx, struct rf_buf *out)
{
    struct watch *w = ctx;
    return make_page(w, out, w->serving->ops->metrics);
}

static bool status_page(void *ctx, struct rf_buf *out)
{
    struct watch *w = ctx;
    return make_page(w, out, w->serving->ops->status);
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

/* ---- the whole ---- */

static int open_listener(struct watch *w, struct rf_listener **out, struct rf_err *err)
{
    if (w->serving->listen == NULL)
        return 0;
    int rc = rf_listener_open(w->serving->listen, pages, RF_ARRAY_LEN(pages), w, out, err);
    if (rc == 0)
        rf_log(RF_LOG_INFO, "Listening", "address", rf_listener_address(*out), NULL);
    return rc;
}

static int serve(struct watch *w, struct rf_buf *failures, struct rf_err *err)
{
    RF_CLEANUP(rf_listener_closep) struct rf_listener *listener = NULL;
    struct rf_server_signals signals;
    int rc = rf_server_signals_open(&signals, err);
    if (rc < 0)
        return rc;
    const struct rf_server_options options = { .ctx = w,
                                               .load = load,
                                               .abort_on_error = w->serving->abort_on_error,
                                               .clock = &signals.clock };
    rc = open_listener(w, &listener, err);
    if (rc == 0)
        rc = rf_server_run(&options, failures, err);
    rf_server_signals_release(&signals);
    return rc;
}

int rf_serving_run(const struct rf_serving *serving, struct rf_buf *failures, struct rf_err *err)
{
    struct watch w = { .serving = serving,
                       .program = { .name = serving->name, .started = time(NULL) } };
    pthread_mutex_init(&w.lock, NULL);
    int rc = serve(&w, failures, err);
    pthread_mutex_destroy(&w.lock);
    return rc;
}
