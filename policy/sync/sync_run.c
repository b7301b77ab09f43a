/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/sync/sync_run.h"

#include <stdlib.h>

#include "base/cancel.h"
#include "base/idmap.h"
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
    bool keep_images;
    unsigned parallel;
    const struct rf_step **steps;
    size_t n;
    struct rf_sync_ledger *ledger; /* the setup's, or our own */
    bool own_ledger;
    struct rf_sync_record **records; /* of the steps */
    atomic_bool *passed;             /* rf_sync_all is through with it */
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
    s->passed = rf_xcalloc(s->n + 1, sizeof(*s->passed));
    for (size_t i = 0; i < s->n; i++)
        atomic_init(&s->passed[i], false);
}

static const char *text_or_none(const char *text)
{
    return text != NULL ? text : "";
}

/* What makes it the same step in another file. The same type, source and target twice are two steps. */
static void hold_records(struct rf_sync *s)
{
    RF_CLEANUP(rf_strings_release) struct rf_strings known;
    RF_CLEANUP(rf_freep) unsigned *times = rf_xcalloc(s->n + 1, sizeof(*times));
    rf_strings_init(&known);
    s->records = rf_xcalloc(s->n + 1, sizeof(struct rf_sync_record *));
    for (size_t i = 0; i < s->n; i++) {
        const struct rf_step *step = s->steps[i];
        RF_CLEANUP(rf_freep)
        char *plain = rf_xasprintf("%s %s %s", text_or_none(step->type_text),
                                   text_or_none(step->source), text_or_none(step->target));
        unsigned before = times[rf_strings_add(&known, rf_slice_str(plain))]++;
        RF_CLEANUP(rf_freep)
        char *name = before > 0 ? rf_xasprintf("%s (%u)", plain, before + 1) : RF_STEAL(plain);
        s->records[i] = rf_sync_ledger_hold(s->ledger, name);
    }
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
    s->keep_images = setup->keep_images;
    s->env.client = client;
    s->env.throttle = rf_throttle_new(copies);
    s->env.gate = rf_rate_gate_new();
    s->env.looks = rf_look_pool_new(LOOKERS);
    s->env.choices = rf_index_cache_new();
    s->env.hints = rf_blob_hints_new();
    s->env.turns = rf_blob_turns_new();
    if (setup->hooks)
        s->env.hooks = rf_hook_runner_new(config->defaults.user_agent);
    s->env.abort_on_error = setup->abort_on_error;
    s->env.sleep = setup->sleep;
    atomic_init(&s->env.stop, false);
    atomic_init(&s->env.retired, false);
    choose_steps(s, config, setup);
    s->own_ledger = setup->ledger == NULL;
    s->ledger = s->own_ledger ? rf_sync_ledger_new() : setup->ledger;
    hold_records(s);
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
        rf_sync_ledger_drop(s->records[i]);
    if (s->own_ledger)
        rf_sync_ledger_free(s->ledger);
    rf_hook_runner_free(s->env.hooks);
    rf_look_pool_free(s->env.looks);
    rf_throttle_free(s->env.throttle);
    rf_rate_gate_free(s->env.gate);
    rf_index_cache_free(s->env.choices);
    rf_blob_hints_free(s->env.hints);
    rf_blob_turns_free(s->env.turns);
    free(s->steps);
    free(s->records);
    free(s->passed);
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

const char *rf_sync_step_name(const struct rf_sync *s, size_t step)
{
    return rf_sync_ledger_name(s->records[step]);
}

bool rf_sync_passed(const struct rf_sync *s, size_t step)
{
    return atomic_load(&s->passed[step]);
}

void rf_sync_retire(struct rf_sync *s)
{
    atomic_store(&s->env.retired, true);
    rf_throttle_shut(s->env.throttle);
    rf_sync_ledger_stir(s->ledger);
}

void rf_sync_status_of(const struct rf_sync *s, size_t step, struct rf_sync_status *out)
{
    rf_sync_ledger_status(s->records[step], out);
}

/* ---- running ---- */

static bool is_over(void *ctx)
{
    const struct rf_sync *s = ctx;
    return rf_sync_stopped(&s->env) || atomic_load(&s->env.retired);
}

int rf_sync_one(struct rf_sync *s, size_t step, enum rf_sync_mode mode,
                struct rf_sync_report_step *out, struct rf_err *err)
{
    struct rf_sync_record *record = s->records[step];
    *out = (struct rf_sync_report_step){ .step = s->steps[step], .keep_images = s->keep_images };
    if (!rf_sync_ledger_begin(record, mode == RF_SYNC_MISSING, is_over, s, &mode))
        return rf_cancel_check(err);
    struct rf_stats *before = rf_stats_also(rf_sync_ledger_requests(record));
    rf_sync_step_run(&s->env, s->steps[step], mode, out);
    (void)rf_stats_also(before);
    bool left = mode == RF_SYNC_COPY && out->cancelled && atomic_load(&s->env.retired);
    rf_sync_ledger_end(record, out, left);
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
    atomic_store(&a->s->passed[i], true);
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
