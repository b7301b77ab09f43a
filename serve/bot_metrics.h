/* SPDX-License-Identifier: Apache-2.0 */
/* What the runner of regbot has done, per script: for Prometheus and its kin (OpenMetrics 1.0), and as JSON. */
#ifndef RF_SERVE_BOT_METRICS_H
#define RF_SERVE_BOT_METRICS_H

#include "policy/bot/bot_run.h"
#include "serve/openmetrics.h"

/* Both append; any thread. */
void rf_bot_metrics_text(const struct rf_metrics_program *p, struct rf_bot *bot,
                         struct rf_buf *out);
void rf_bot_metrics_json(const struct rf_metrics_program *p, struct rf_bot *bot,
                         struct rf_buf *out);

#endif
