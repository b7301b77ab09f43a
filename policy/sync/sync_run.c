/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/sync/sync_run.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/cancel.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "policy/blob_hints.h"
#include "policy/hooks.h"
#include "policy/index_cache.h"
#include "policy/look_ahead.h"
#include "policy/sync/sync_crew.h"
#include "regclient/stats.h"

#define STEPS_AT_ONCE \
    512u            /* threads; most of them wait, for a limit or for a place among the copies */
#define LOOKERS 16u /* threads that ask ahead: eight for either side */

struct rf_sync {
    struct rf_sync_env env;
    struct rf_sync_setup setup;
    bool keep_images;
    unsigned parallel;
    const struct rf_step **steps;
    size_t n;
    pthread_mutex_t lock; /* guards `status` and `passed` */
    struct rf_sync_status *status;
    bool *passed;               /* rf_sync_all is through with it */
    struct rf_stats **requests; /* per step */
};

/* ---- shares ---- */

/* FNV-1a of 64 bits, and a last stir so that its low bits depend on all of the text. */
static uint64_t stable_hash(const char *a, const char *b)
{
    uint64_t h = 14695981039346656037u;
    for (int part = 0; part < 2; part++) {
        const char *s = part == 0 ? a : b;
        for (; s != NULL && *s != '\0'; s++)
            h = (h ^ (uint8_t)*s) * 1099511628211u;
        h = (h ^ 0xFFu) * 1099511628211u; /* between the texts */
    }
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdu;
    return h ^ (h >> 33);
}

unsigned rf_sync_shard_of(const struct rf_step *step, unsigned shards)
{
    return shards < 2 ? 1 : (unsigned)(stable_hash(step->source, step->target) % shards) + 1;
}

/* ---- making ---- */

static void choose_steps(struct rf_sync *s, const struct rf_policy_config *config,
                         const struct rf_sync_setup *setup)
{
    s->steps = rf_xcalloc(config->n_steps + 1, sizeof(*s->steps));
    for (size_t i = 0; i < config->n_steps; i++)
        if (setup->shards < 2 || rf_sync_shard_of(&config->steps[i], setup->shards) == setup->shard)
            s->steps[s->n++] = &config->steps[i];
    s->status = rf_xcalloc(s->n + 1, sizeof(*s->status));
    s->passed = rf_xcalloc(s->n + 1, sizeof(*s->passed));
    s->requests = rf_xcalloc(s->n + 1, sizeof(*s->requests));
    for (size_t i = 0; i < s->n; i++)
        s->requests[i] = rf_stats_new();
}

static void tell_hooks(const struct rf_sync *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct rf_hooks *h = &s->steps[i]->s.hooks;
        if (h->pre == NULL && h->post == NULL && h->unchanged == NULL)
            continue;
        rf_log(RF_LOG_WARN, "Hooks are only run with --hooks", NULL);
        return;
    }
}

struct rf_sync *rf_sync_new(const struct rf_policy_config *config, struct rf_client *client,
                            const struct rf_sync_setup *setup)
{
    struct rf_sync *s = rf_xcalloc(1, sizeof(*s));
    unsigned copies = config->defaults.parallel > 0 ? config->defaults.parallel : 1;
    s->parallel = config->defaults.parallel;
    s->setup = *setup;
    s->keep_images = setup->keep_images;
    s->env.client = client;
    s->env.throttle = rf_throttle_new(copies);
    s->env.gate = rf_rate_gate_new();
    s->env.looks = rf_look_pool_new(LOOKERS);
    s->env.choices = rf_index_cache_new();
    s->env.hints = rf_blob_hints_new();
    if (setup->hooks)
        s->env.hooks = rf_hook_runner_new(config->defaults.user_agent);
    s->env.abort_on_error = setup->abort_on_error;
    s->env.sleep = setup->sleep;
    atomic_init(&s->env.stop, false);
    atomic_init(&s->env.retired, false);
    pthread_mutex_init(&s->lock, NULL);
    choose_steps(s, config, setup);
    if (!setup->hooks && !setup->checks)
        tell_hooks(s);
    rf_log_with(RF_LOG_DEBUG, "Configuring parallel settings", rf_log_uint("concurrent", copies));
    return s;
}

void rf_sync_free(struct rf_sync *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n; i++)
        rf_stats_free(s->requests[i]);
    rf_hook_runner_free(s->env.hooks);
    rf_look_pool_free(s->env.looks);
    rf_throttle_free(s->env.throttle);
    rf_rate_gate_free(s->env.gate);
    rf_index_cache_free(s->env.choices);
    rf_blob_hints_free(s->env.hints);
    pthread_mutex_destroy(&s->lock);
    free(s->steps);
    free(s->status);
    free(s->passed);
    free(s->requests);
    free(s);
}

void rf_sync_freep(struct rf_sync **s)
{
    rf_sync_free(*s);
    *s = NULL;
}

size_t rf_sync_steps(const struct rf_sync *s)
{
    return s->n;
}

const struct rf_step *rf_sync_step(const struct rf_sync *s, size_t step)
{
    return s->steps[step];
}

bool rf_sync_passed(struct rf_sync *s, size_t step)
{
    pthread_mutex_lock(&s->lock);
    bool passed = s->passed[step];
    pthread_mutex_unlock(&s->lock);
    return passed;
}

void rf_sync_retire(struct rf_sync *s)
{
    atomic_store(&s->env.retired, true);
}

/* ---- status ---- */

void rf_sync_status_of(struct rf_sync *s, size_t step, struct rf_sync_status *out)
{
    pthread_mutex_lock(&s->lock);
    *out = s->status[step];
    pthread_mutex_unlock(&s->lock);
    out->requests += rf_stats_requests(s->requests[step]);
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

static bool same_step(const struct rf_step *a, const struct rf_step *b)
{
    return a->type == b->type && same_text(a->source, b->source) && same_text(a->target, b->target);
}

void rf_sync_status_take(struct rf_sync *s, struct rf_sync *old)
{
    for (size_t i = 0; i < s->n; i++) {
        for (size_t k = 0; k < old->n; k++) {
            struct rf_sync_status known;
            if (!same_step(s->steps[i], old->steps[k]))
                continue;
            rf_sync_status_of(old, k, &known);
            known.running = false;
            pthread_mutex_lock(&s->lock);
            s->status[i] = known;
            pthread_mutex_unlock(&s->lock);
            break;
        }
    }
}

static void note_start(struct rf_sync *s, size_t step)
{
    pthread_mutex_lock(&s->lock);
    s->status[step].running = true;
    s->status[step].last_start = time(NULL);
    pthread_mutex_unlock(&s->lock);
}

static void note_end(struct rf_sync *s, size_t step, const struct rf_sync_report_step *r)
{
    pthread_mutex_lock(&s->lock);
    struct rf_sync_status *t = &s->status[step];
    t->running = false;
    t->last_end = time(NULL);
    t->runs += !r->cancelled || rf_sync_step_failed(r);
    if (rf_sync_step_failed(r))
        t->failed_runs++;
    else if (!r->cancelled)
        t->last_success = t->last_end;
    t->copies += r->outcomes[RF_SYNC_COPIED] + r->outcomes[RF_SYNC_REFRESHED];
    t->unchanged += r->outcomes[RF_SYNC_UNCHANGED] + r->outcomes[RF_SYNC_EXISTS];
    t->errors += r->outcomes[RF_SYNC_FAILED];
    t->bytes += r->bytes;
    if (r->rate.set)
        t->rate = r->rate;
    pthread_mutex_unlock(&s->lock);
}

/* ---- running ---- */

int rf_sync_one(struct rf_sync *s, size_t step, enum rf_sync_mode mode,
                struct rf_sync_report_step *out, struct rf_err *err)
{
    *out = (struct rf_sync_report_step){ .step = s->steps[step], .keep_images = s->keep_images };
    if (s->setup.begin != NULL && !s->setup.begin(s->setup.ctx, step))
        return 0;
    note_start(s, step);
    struct rf_stats *before = rf_stats_also(s->requests[step]);
    rf_sync_step_run(&s->env, s->steps[step], mode, out);
    (void)rf_stats_also(before);
    note_end(s, step, out);
    if (s->setup.end != NULL)
        s->setup.end(s->setup.ctx, step);
    if (out->cancelled && rf_cancelled())
        return rf_cancel_check(err);
    if (out->n_errors == 0)
        return 0;
    return rf_fail(err, RFE_FAILED, "%s", out->errors[0]);
}

struct all {
    struct rf_sync *s;
    enum rf_sync_mode mode;
    struct rf_sync_report *out;
};

/* A step that fails does not end the others: env.stop does, when that is wanted. */
static int run_one(const struct all *a, size_t i, struct rf_err *err)
{
    struct rf_err e = RF_ERR_INIT;
    int rc = rf_sync_one(a->s, i, a->mode, &a->out->steps[i], &e);
    pthread_mutex_lock(&a->s->lock);
    a->s->passed[i] = true;
    pthread_mutex_unlock(&a->s->lock);
    if (rc == -RFE_FAILED || rc == 0)
        return 0;
    *err = e;
    return rc;
}

static int run_readable(void *ctx, size_t i, struct rf_err *err)
{
    const struct all *a = ctx;
    if (a->s->steps[i]->unread || atomic_load(&a->s->env.retired))
        return 0;
    return run_one(a, i, err);
}

/* These are told of before anything is done: with abort_on_error, instead. */
static int tell_unread(const struct all *a, struct rf_err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < a->s->n; i++)
        if (a->s->steps[i]->unread)
            rc = run_one(a, i, err);
    return rc;
}

int rf_sync_all(struct rf_sync *s, enum rf_sync_mode mode, struct rf_sync_report *out,
                struct rf_err *err)
{
    struct all a = { .s = s, .mode = mode, .out = out };
    out->steps = rf_xcalloc(s->n + 1, sizeof(*out->steps));
    out->n_steps = s->n;
    for (size_t i = 0; i < s->n; i++)
        out->steps[i].step = s->steps[i];
    int rc = tell_unread(&a, err);
    if (rc == 0)
        rc = s->parallel > 0 ? rf_parallel(STEPS_AT_ONCE, s->n, run_readable, &a, err)
                             : rf_sync_crew_run(STEPS_AT_ONCE, s->n, run_readable, &a, err);
    for (size_t i = 0; rc == 0 && i < s->n; i++)
        if (out->steps[i].n_errors > 0)
            return rf_fail(err, RFE_FAILED, "%s", out->steps[i].errors[0]);
    return rc;
}
