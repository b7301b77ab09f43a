/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines on stderr, as text or JSON, in the form of Go's slog (regclient-compatible):
 *     time=2026-01-02T03:04:05.678Z level=WARN msg="some text" key=value
 * Any thread; one line is written by one write. Values are escaped (base/text.h); never pass secrets or raw URLs.
 */
#ifndef RF_BASE_LOG_H
#define RF_BASE_LOG_H

#include "base/error.h"

enum rf_log_level {
    RF_LOG_TRACE = -8,
    RF_LOG_DEBUG = -4,
    RF_LOG_INFO = 0,
    RF_LOG_WARN = 4,
    RF_LOG_ERROR = 8
};

/* "debug", "INFO", "warn+2", exact "trace"; the default is WARN. The error text is Go's. -RFE_USAGE. */
RF_MUST_USE int rf_log_set_level(const char *text, struct rf_err *err);
void rf_log_set_json(bool json);
bool rf_log_enabled(int level);
/* Pairs of key, value (strings) end with NULL: rf_log(RF_LOG_WARN, "Registry warning message", "warning", text, NULL) */
void rf_log(int level, const char *msg, ...) __attribute__((sentinel));

/* Called around every line so that a progress display can clear and redraw itself; NULL to remove. */
void rf_log_set_hooks(void (*before)(void *), void (*after)(void *), void *arg);

#endif
