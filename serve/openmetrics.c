/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/openmetrics.h"

#include "base/json.h"
#include "base/text.h"

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

void rf_openmetrics_head(const struct rf_metrics_program *p, const struct rf_metric *m,
                         struct rf_buf *out)
{
    rf_buf_addf(out, "# TYPE %s_%s %s\n", p->name, m->name,
                m->kind == RF_METRIC_COUNTER ? "counter" : "gauge");
    if (m->unit != NULL)
        rf_buf_addf(out, "# UNIT %s_%s %s\n", p->name, m->name, m->unit);
    rf_buf_addf(out, "# HELP %s_%s %s\n", p->name, m->name, m->help);
}

void rf_openmetrics_sample(const struct rf_metrics_program *p, const struct rf_metric *m,
                           const char *const *labels, size_t n_labels, uint64_t value,
                           struct rf_buf *out)
{
    rf_buf_addf(out, "%s_%s%s", p->name, m->name, m->kind == RF_METRIC_COUNTER ? "_total" : "");
    for (size_t i = 0; i < n_labels; i++) {
        rf_buf_add_char(out, i == 0 ? '{' : ',');
        add_label(out, labels[2 * i], labels[2 * i + 1]);
    }
    rf_buf_addf(out, "%s %llu\n", n_labels > 0 ? "}" : "", (unsigned long long)value);
}

void rf_openmetrics_end(struct rf_buf *out)
{
    rf_buf_add_str(out, "# EOF\n");
}

void rf_openmetrics_program(const struct rf_metrics_program *p, struct rf_buf *out)
{
    static const struct rf_metric start = { "start_timestamp_seconds", RF_METRIC_GAUGE, "seconds",
                                            "When the server was started." };
    static const struct rf_metric reloads = { "reloads", RF_METRIC_COUNTER, NULL,
                                              "Times the file was read again." };
    static const struct rf_metric failed = { "failed_reloads", RF_METRIC_COUNTER, NULL,
                                             "Times it could not be read." };
    rf_buf_addf(
        out,
        "# TYPE %s_build info\n# HELP %s_build The program.\n%s_build_info{version=\"%s\"} 1\n",
        p->name, p->name, p->name, RF_VERSION);
    rf_openmetrics_head(p, &start, out);
    rf_openmetrics_sample(p, &start, NULL, 0, (uint64_t)p->started, out);
    rf_openmetrics_head(p, &reloads, out);
    rf_openmetrics_sample(p, &reloads, NULL, 0, p->reloads, out);
    rf_openmetrics_head(p, &failed, out);
    rf_openmetrics_sample(p, &failed, NULL, 0, p->failed_reloads, out);
}

void rf_openmetrics_json_time(const char *key, time_t when, struct rf_buf *out)
{
    char text[32];
    if (when == 0)
        rf_buf_addf(out, ",\"%s\":null", key);
    else
        rf_buf_addf(out, ",\"%s\":\"%s\"", key, rf_text_time(when, text));
}

void rf_openmetrics_program_json(const struct rf_metrics_program *p, struct rf_buf *out)
{
    rf_buf_add_str(out, "{\"program\":");
    rf_json_add_string(out, p->name);
    rf_buf_addf(out, ",\"version\":\"%s\"", RF_VERSION);
    rf_openmetrics_json_time("started", p->started, out);
    rf_buf_addf(out, ",\"reloads\":%llu,\"failedReloads\":%llu", (unsigned long long)p->reloads,
                (unsigned long long)p->failed_reloads);
}
