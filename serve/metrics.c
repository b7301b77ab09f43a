/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"

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
    struct rf_metric metric;
    value_fn *value;
} metrics[] = {
    { { "step_running", RF_METRIC_GAUGE, NULL, "Whether the step is running now." }, is_running },
    { { "step_last_start_timestamp_seconds", RF_METRIC_GAUGE, "seconds",
        "When the step was begun last." },
      last_start },
    { { "step_last_success_timestamp_seconds", RF_METRIC_GAUGE, "seconds",
        "When the step last ended without a failure." },
      last_success },
    { { "step_runs", RF_METRIC_COUNTER, NULL, "Runs of the step." }, runs },
    { { "step_failed_runs", RF_METRIC_COUNTER, NULL,
        "Runs of the step in which something failed." },
      failed_runs },
    { { "step_copies", RF_METRIC_COUNTER, NULL, "Images copied." }, copies },
    { { "step_unchanged", RF_METRIC_COUNTER, NULL, "Images found to be the same." }, unchanged },
    { { "step_errors", RF_METRIC_COUNTER, NULL, "Images and lists that failed." }, errors },
    { { "step_moved_bytes", RF_METRIC_COUNTER, "bytes", "Bytes of blobs that were moved." },
      bytes },
    { { "step_requests", RF_METRIC_COUNTER, NULL, "Requests made of registries." }, requests },
    { { "step_ratelimit_remaining", RF_METRIC_GAUGE, NULL, "Pulls that the source said are left." },
      remain },
    { { "step_ratelimit_limit", RF_METRIC_GAUGE, NULL, "Pulls that the source grants." }, limit },
};

static void add_sample(const struct rf_metrics_program *p, const struct rf_metric *m,
                       const struct table *t, size_t i, uint64_t value, struct rf_buf *out)
{
    const struct rf_step *step = rf_sync_step(t->sync, i);
    char number[24];
    const char *const labels[] = { "step",   number,       "source", step->source,
                                   "target", step->target, "type",   step->type_text };
    (void)snprintf(number, sizeof(number), "%lu", (unsigned long)step->number);
    rf_openmetrics_sample(p, m, labels, RF_ARRAY_LEN(labels) / 2, value, out);
}

void rf_metrics_text(const struct rf_metrics_program *p, struct rf_sync *sync, struct rf_buf *out)
{
    struct table t;
    take(sync, &t);
    rf_openmetrics_program(p, out);
    for (size_t m = 0; m < RF_ARRAY_LEN(metrics); m++) {
        rf_openmetrics_head(p, &metrics[m].metric, out);
        for (size_t i = 0; i < t.n; i++) {
            uint64_t value = 0;
            if (metrics[m].value(&t.rows[i], &value))
                add_sample(p, &metrics[m].metric, &t, i, value, out);
        }
    }
    rf_openmetrics_end(out);
    free(t.rows);
}

/* ---- JSON ---- */

static void add_text(struct rf_buf *out, const char *key, const char *value)
{
    rf_buf_addf(out, "\"%s\":", key);
    rf_json_add_string(out, value != NULL ? value : "");
}

static void add_step(struct rf_buf *out, const struct table *t, size_t i)
{
    const struct rf_step *step = rf_sync_step(t->sync, i);
    const struct rf_sync_status *s = &t->rows[i];
    rf_buf_addf(out, "{\"step\":%lu,", (unsigned long)step->number);
    add_text(out, "source", step->source);
    rf_buf_add_char(out, ',');
    add_text(out, "target", step->target);
    rf_buf_add_char(out, ',');
    add_text(out, "type", step->type_text);
    rf_buf_addf(out, ",\"running\":%s", s->running ? "true" : "false");
    rf_openmetrics_json_time("lastStart", s->last_start, out);
    rf_openmetrics_json_time("lastEnd", s->last_end, out);
    rf_openmetrics_json_time("lastSuccess", s->last_success, out);
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
    rf_openmetrics_program_json(p, out);
    rf_buf_add_str(out, ",\"steps\":[");
    for (size_t i = 0; i < t.n; i++) {
        if (i > 0)
            rf_buf_add_char(out, ',');
        add_step(out, &t, i);
    }
    rf_buf_add_str(out, "]}\n");
    free(t.rows);
}
