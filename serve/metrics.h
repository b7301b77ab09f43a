/* SPDX-License-Identifier: Apache-2.0 */
/* What a runner has done, per step: for Prometheus and its kin (OpenMetrics 1.0), and as JSON. */
#ifndef RF_SERVE_METRICS_H
#define RF_SERVE_METRICS_H

#include "policy/sync_run.h"

#define RF_METRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

struct rf_metrics_program {
    const char *name; /* "regsync": the metrics are regsync_... */
    time_t started;
    uint64_t reloads, failed_reloads;
};
/* Both append; any thread. */
void rf_metrics_text(const struct rf_metrics_program *p, struct rf_sync *sync, struct rf_buf *out);
void rf_metrics_json(const struct rf_metrics_program *p, struct rf_sync *sync, struct rf_buf *out);

#endif
