/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of OpenMetrics 1.0, and what every program that serves has in common: on /metrics and, as JSON, on /status. All append. */
#ifndef RF_SERVE_OPENMETRICS_H
#define RF_SERVE_OPENMETRICS_H

#include <time.h>

#include "base/buf.h"

#define RF_METRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

struct rf_metrics_program {
    const char *name; /* "regsync": the metrics are regsync_... */
    time_t started;
    uint64_t reloads, failed_reloads;
};
/* Which program, since when, how often the file was read again. */
void rf_openmetrics_program(const struct rf_metrics_program *p, struct rf_buf *out);
/* The same at the beginning of an object that is left open: {"program":...,"failedReloads":N */
void rf_openmetrics_program_json(const struct rf_metrics_program *p, struct rf_buf *out);

enum rf_metric_kind { RF_METRIC_GAUGE, RF_METRIC_COUNTER };
struct rf_metric {
    const char *name; /* without the program */
    enum rf_metric_kind kind;
    const char *unit; /* the end of the name, or NULL */
    const char *help;
};
/* What stands before the samples of a metric. */
void rf_openmetrics_head(const struct rf_metrics_program *p, const struct rf_metric *m,
                         struct rf_buf *out);
/* labels: pairs of name, value; a value may be NULL. */
void rf_openmetrics_sample(const struct rf_metrics_program *p, const struct rf_metric *m,
                           const char *const *labels, size_t n_labels, uint64_t value,
                           struct rf_buf *out);
void rf_openmetrics_end(struct rf_buf *out);

/* ,"key":"2026-01-02T03:04:05Z", or null when there is no time. */
void rf_openmetrics_json_time(const char *key, time_t when, struct rf_buf *out);

#endif
