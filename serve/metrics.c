/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/metrics.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

/* A copy of all numbers, so that the lines of one answer belong together. */
struct table {
    size_t n;
    struct rf_sync *sync;
    struct rf_sync_status *rows;
};

static void take(struct rf_sync *sync, struct table *t)
{
    t->sync = sync;
    t->n = rf_sync_steps(sync);
    t->rows = rf_xcalloc(t->n + 1, sizeof(*t->rows));
    for (size_t i = 0; i < t->n; i++)
        rf_sync_status_of(sync, i, &t->rows[i]);
}

/* ---- OpenMetrics ---- */

static void add_label(struct rf_buf *out, const char *name, const char *value)
{
    rf_buf_addf(out, "%s=\"", name);
    for (const char *p = value != NULL ? value : ""; *p != '\0'; p++) {
        if (*p == '\n')
            rf_buf_add_str(out, "\\n");
        else if (*p == '"' || *p == '\\')
            rf_buf_addf(out, "\\%c", *p);
        else
            rf_buf_add_char(out, *p);
    }
    rf_buf_add_char(out, '"');
}

enum kind { GAUGE, COUNTER };

/* A number of a step; false: not known, no line. */
typedef bool value_fn(const struct rf_sync_status *s, uint64_t *out);

#define ALWAYS(name, member)                                        \
    static bool name(const struct rf_sync_status *s, uint64_t *out) \
    {                                                               \
        *out = (uint64_t)s->member;                                 \
        return true;                                                \
    }
#define WHEN_SET(name, member, condition)                           \
    static bool name(const struct rf_sync_status *s, uint64_t *out) \
    {                                                               \
        *out = (uint64_t)s->member;                                 \
        return condition;                                           \
    }
ALWAYS(is_running, running)
ALWAYS(runs, runs)
ALWAYS(failed_runs, failed_runs)
ALWAYS(copies, copies)
ALWAYS(unchanged, unchanged)
ALWAYS(errors, errors)
ALWAYS(bytes, bytes)
ALWAYS(requests, requests)
WHEN_SET(last_start, last_start, s->last_start != 0)
WHEN_SET(last_success, last_success, s->last_success != 0)
WHEN_SET(remain, rate.remain, s->rate.set)
WHEN_SET(limit, rate.limit, s->rate.set && s->rate.limit > 0)

static const struct {
    const char *name;
    enum kind kind;
    const char *unit, *help;
    value_fn *value;
} metrics[] = {
    { "step_running", GAUGE, NULL, "Whether the step is running now.", is_running },
    { "step_last_start_timestamp_seconds", GAUGE, "seconds", "When the step was begun last.",
      last_start },
    { "step_last_success_timestamp_seconds", GAUGE, "seconds",
      "When the step last ended without a failure.", last_success },
    { "step_runs", COUNTER, NULL, "Runs of the step.", runs },
    { "step_failed_runs", COUNTER, NULL, "Runs of the step in which something failed.",
      failed_runs },
    { "step_copies", COUNTER, NULL, "Images copied.", copies },
    { "step_unchanged", COUNTER, NULL, "Images found to be the same.", unchanged },
    { "step_errors", COUNTER, NULL, "Images and lists that failed.", errors },
    { "step_moved_bytes", COUNTER, "bytes", "Bytes of blobs that were moved.", bytes },
    { "step_requests", COUNTER, NULL, "Requests made of registries.", requests },
    { "step_ratelimit_remaining", GAUGE, NULL, "Pulls that the source said are left.", remain },
    { "step_ratelimit_limit", GAUGE, NULL, "Pulls that the source grants.", limit },
};

static void add_head(struct rf_buf *out, const char *program, const char *name, enum kind kind,
                     const char *unit, const char *help)
{
    rf_buf_addf(out, "# TYPE %s_%s %s\n", program, name, kind == COUNTER ? "counter" : "gauge");
    if (unit != NULL)
        rf_buf_addf(out, "# UNIT %s_%s %s\n", program, name, unit);
    rf_buf_addf(out, "# HELP %s_%s %s\n", program, name, help);
}

static void add_sample(struct rf_buf *out, const char *program, const char *name, enum kind kind,
                       const struct table *t, size_t i, uint64_t value)
{
    const struct rf_step *step = rf_sync_step(t->sync, i);
    rf_buf_addf(out, "%s_%s%s{step=\"%zu\",", program, name, kind == COUNTER ? "_total" : "", i);
    add_label(out, "source", step->source);
    rf_buf_add_char(out, ',');
    add_label(out, "target", step->target);
    rf_buf_add_char(out, ',');
    add_label(out, "type", step->type_text);
    rf_buf_addf(out, "} %llu\n", (unsigned long long)value);
}

void rf_metrics_text(const struct rf_metrics_program *p, struct rf_sync *sync, struct rf_buf *out)
{
    struct table t;
    take(sync, &t);
    rf_buf_addf(
        out,
        "# TYPE %s_build info\n# HELP %s_build The program.\n%s_build_info{version=\"%s\"} 1\n",
        p->name, p->name, p->name, RF_VERSION);
    add_head(out, p->name, "start_timestamp_seconds", GAUGE, "seconds",
             "When the server was started.");
    rf_buf_addf(out, "%s_start_timestamp_seconds %lld\n", p->name, (long long)p->started);
    add_head(out, p->name, "reloads", COUNTER, NULL, "Times the file was read again.");
    rf_buf_addf(out, "%s_reloads_total %llu\n", p->name, (unsigned long long)p->reloads);
    add_head(out, p->name, "failed_reloads", COUNTER, NULL, "Times it could not be read.");
    rf_buf_addf(out, "%s_failed_reloads_total %llu\n", p->name,
                (unsigned long long)p->failed_reloads);
    for (size_t m = 0; m < RF_ARRAY_LEN(metrics); m++) {
        add_head(out, p->name, metrics[m].name, metrics[m].kind, metrics[m].unit, metrics[m].help);
        for (size_t i = 0; i < t.n; i++) {
            uint64_t value = 0;
            if (metrics[m].value(&t.rows[i], &value))
                add_sample(out, p->name, metrics[m].name, metrics[m].kind, &t, i, value);
        }
    }
    rf_buf_add_str(out, "# EOF\n");
    free(t.rows);
}

/* ---- JSON ---- */

static void add_time(struct rf_buf *out, const char *key, time_t when)
{
    char text[32];
    if (when == 0)
        rf_buf_addf(out, ",\"%s\":null", key);
    else
        rf_buf_addf(out, ",\"%s\":\"%s\"", key, rf_text_time(when, text));
}

static void add_text(struct rf_buf *out, const char *key, const char *value)
{
    rf_buf_addf(out, "\"%s\":", key);
    rf_json_add_string(out, value != NULL ? value : "");
}

static void add_step(struct rf_buf *out, const struct table *t, size_t i)
{
    const struct rf_step *step = rf_sync_step(t->sync, i);
    const struct rf_sync_status *s = &t->rows[i];
    rf_buf_add_char(out, '{');
    add_text(out, "source", step->source);
    rf_buf_add_char(out, ',');
    add_text(out, "target", step->target);
    rf_buf_add_char(out, ',');
    add_text(out, "type", step->type_text);
    rf_buf_addf(out, ",\"running\":%s", s->running ? "true" : "false");
    add_time(out, "lastStart", s->last_start);
    add_time(out, "lastEnd", s->last_end);
    add_time(out, "lastSuccess", s->last_success);
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = { { "runs", s->runs },        { "failedRuns", s->failed_runs },
                    { "copies", s->copies },    { "unchanged", s->unchanged },
                    { "errors", s->errors },    { "bytes", s->bytes },
                    { "requests", s->requests } };
    for (size_t k = 0; k < RF_ARRAY_LEN(numbers); k++)
        rf_buf_addf(out, ",\"%s\":%llu", numbers[k].key, (unsigned long long)numbers[k].value);
    if (s->rate.set)
        rf_buf_addf(out, ",\"rateLimit\":{\"remaining\":%d,\"limit\":%d}", s->rate.remain,
                    s->rate.limit);
    rf_buf_add_char(out, '}');
}

void rf_metrics_json(const struct rf_metrics_program *p, struct rf_sync *sync, struct rf_buf *out)
{
    struct table t;
    take(sync, &t);
    rf_buf_add_char(out, '{');
    add_text(out, "program", p->name);
    rf_buf_addf(out, ",\"version\":\"%s\"", RF_VERSION);
    add_time(out, "started", p->started);
    rf_buf_addf(out, ",\"reloads\":%llu,\"failedReloads\":%llu,\"steps\":[",
                (unsigned long long)p->reloads, (unsigned long long)p->failed_reloads);
    for (size_t i = 0; i < t.n; i++) {
        if (i > 0)
            rf_buf_add_char(out, ',');
        add_step(out, &t, i);
    }
    rf_buf_add_str(out, "]}\n");
    free(t.rows);
}
