/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/bot_metrics.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"

/* A copy of all numbers, so that the lines of one answer belong together. */
static struct rf_bot_status *take(struct rf_bot *bot)
{
    size_t n = rf_bot_scripts(bot);
    struct rf_bot_status *rows = rf_xcalloc(n + 1, sizeof(*rows));
    for (size_t i = 0; i < n; i++)
        rf_bot_status_of(bot, i, &rows[i]);
    return rows;
}

/* ---- OpenMetrics ---- */

/* A number of a script; false: not known, no line. */
typedef bool value_fn(const struct rf_bot_status *s, uint64_t *out);

#define VALUE(name, expression, condition)                         \
    static bool name(const struct rf_bot_status *s, uint64_t *out) \
    {                                                              \
        *out = (uint64_t)(expression);                             \
        return condition;                                          \
    }
VALUE(is_running, s->running, true)
VALUE(runs, s->runs, true)
VALUE(failed_runs, s->failed_runs, true)
VALUE(timeouts, s->timeouts, true)
VALUE(requests, s->requests, true)
VALUE(calls, s->counts.calls, true)
VALUE(failed_calls, s->counts.failed, true)
VALUE(waited, s->counts.waited_ms / 1000, true)
VALUE(last_start, s->last_start, s->last_start != 0)
VALUE(last_success, s->last_success, s->last_success != 0)

static const struct {
    struct rf_metric metric;
    value_fn *value;
} metrics[] = {
    { { "script_running", RF_METRIC_GAUGE, NULL, "Whether the script is running now." },
      is_running },
    { { "script_last_start_timestamp_seconds", RF_METRIC_GAUGE, "seconds",
        "When the script was begun last." },
      last_start },
    { { "script_last_success_timestamp_seconds", RF_METRIC_GAUGE, "seconds",
        "When the script last ended without a failure." },
      last_success },
    { { "script_runs", RF_METRIC_COUNTER, NULL, "Runs of the script." }, runs },
    { { "script_failed_runs", RF_METRIC_COUNTER, NULL, "Runs of the script that failed." },
      failed_runs },
    { { "script_timeouts", RF_METRIC_COUNTER, NULL, "Runs that were longer than the timeout." },
      timeouts },
    { { "script_calls", RF_METRIC_COUNTER, NULL, "Functions of the API that were called." },
      calls },
    { { "script_failed_calls", RF_METRIC_COUNTER, NULL, "Those of them that failed." },
      failed_calls },
    { { "script_requests", RF_METRIC_COUNTER, NULL, "Requests made of registries." }, requests },
    { { "script_ratelimit_wait_seconds", RF_METRIC_COUNTER, "seconds",
        "Time spent waiting for rate limits." },
      waited },
};

static const struct rf_metric writes = {
    "script_writes", RF_METRIC_COUNTER, NULL,
    "What the script has written, by kind; in a dry run what it would have written."
};

static void add_writes(const struct rf_metrics_program *p, struct rf_bot *bot,
                       const struct rf_bot_status *rows, struct rf_buf *out)
{
    rf_openmetrics_head(p, &writes, out);
    for (size_t i = 0; i < rf_bot_scripts(bot); i++)
        for (int kind = 0; kind < RF_BOT_KINDS; kind++) {
            const char *const labels[] = { "script", rf_bot_script_key(bot, i), "kind",
                                           rf_bot_kind_key((enum rf_bot_kind)kind) };
            rf_openmetrics_sample(p, &writes, labels, 2, rows[i].counts.done[kind], out);
        }
}

void rf_bot_metrics_text(const struct rf_metrics_program *p, struct rf_bot *bot, struct rf_buf *out)
{
    struct rf_bot_status *rows = take(bot);
    rf_openmetrics_program(p, out);
    for (size_t m = 0; m < RF_ARRAY_LEN(metrics); m++) {
        rf_openmetrics_head(p, &metrics[m].metric, out);
        for (size_t i = 0; i < rf_bot_scripts(bot); i++) {
            const char *const labels[] = { "script", rf_bot_script_key(bot, i) };
            uint64_t value = 0;
            if (metrics[m].value(&rows[i], &value))
                rf_openmetrics_sample(p, &metrics[m].metric, labels, 1, value, out);
        }
    }
    add_writes(p, bot, rows, out);
    rf_openmetrics_end(out);
    free(rows);
}

/* ---- JSON ---- */

static void add_script(const char *key, const struct rf_bot_status *s, struct rf_buf *out)
{
    rf_buf_add_str(out, "{\"script\":");
    rf_json_add_string(out, key);
    rf_buf_addf(out, ",\"running\":%s", s->running ? "true" : "false");
    rf_openmetrics_json_time("lastStart", s->last_start, out);
    rf_openmetrics_json_time("lastEnd", s->last_end, out);
    rf_openmetrics_json_time("lastSuccess", s->last_success, out);
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = { { "runs", s->runs },
                    { "failedRuns", s->failed_runs },
                    { "timeouts", s->timeouts },
                    { "calls", s->counts.calls },
                    { "failedCalls", s->counts.failed },
                    { "requests", s->requests } };
    for (size_t k = 0; k < RF_ARRAY_LEN(numbers); k++)
        rf_buf_addf(out, ",\"%s\":%llu", numbers[k].key, (unsigned long long)numbers[k].value);
    for (int k = 0; k < RF_BOT_KINDS; k++)
        rf_buf_addf(out, ",\"%s\":%llu", rf_bot_kind_key((enum rf_bot_kind)k),
                    (unsigned long long)s->counts.done[k]);
    rf_buf_add_char(out, '}');
}

void rf_bot_metrics_json(const struct rf_metrics_program *p, struct rf_bot *bot, struct rf_buf *out)
{
    struct rf_bot_status *rows = take(bot);
    rf_openmetrics_program_json(p, out);
    rf_buf_add_str(out, ",\"scripts\":[");
    for (size_t i = 0; i < rf_bot_scripts(bot); i++) {
        if (i > 0)
            rf_buf_add_char(out, ',');
        add_script(rf_bot_script_key(bot, i), &rows[i], out);
    }
    rf_buf_add_str(out, "]}\n");
    free(rows);
}
