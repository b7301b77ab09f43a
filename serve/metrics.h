/* SPDX-License-Identifier: Apache-2.0 */
/* What the runner of regsync has done, per step: for Prometheus and its kin (OpenMetrics 1.0), and as JSON. */
#ifndef RF_SERVE_METRICS_H
#define RF_SERVE_METRICS_H

#include "policy/sync/sync_run.h"
#include "serve/openmetrics.h"

/* Both append; any thread. */
void rf_metrics_text(const struct rf_metrics_program *p, struct rf_sync *sync, struct rf_buf *out);
void rf_metrics_json(const struct rf_metrics_program *p, struct rf_sync *sync, struct rf_buf *out);

#endif
