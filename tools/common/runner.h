/* SPDX-License-Identifier: Apache-2.0 */
/* What regsync and regbot share: `version`, the rows of the file that they run, and its client. `at` of a row is where the value lands. */
#ifndef RF_TOOLS_COMMON_RUNNER_H
#define RF_TOOLS_COMMON_RUNNER_H

#include "policy/config.h"
#include "tools/common/options.h"

/* `version`, whose words upstream's users know. */
struct rf_cmd rf_runner_version_cmd(const char *examples);

#define RF_RUNNER_CONFIG_ROW(at)                                                              \
    {                                                                                         \
        "config", 'c', RF_OPT_STRING, at, "FILE", "configuration file; - for standard input", \
            NULL, RF_OPT_REQUIRED                                                             \
    }
#define RF_RUNNER_STRICT_ROW(at, help)                    \
    {                                                     \
        "strict", 0, RF_OPT_FLAG, at, NULL, help, NULL, 0 \
    }
#define RF_RUNNER_LISTEN_ROW(at)                                                                               \
    {                                                                                                          \
        "listen", 0, RF_OPT_STRING, at, "ADDRESS",                                                             \
            "serve /metrics, /healthz and /status over HTTP there: :9090 (loopback), 0.0.0.0:9090, [::]:9090", \
            NULL, 0                                                                                            \
    }

/* rf_net_client with the defaults of the file, where the command line does not say better. */
RF_MUST_USE int rf_runner_client(const struct rf_env *env, const struct rf_policy_config *config,
                                 int (*creds)(void *ctx, struct rf_hosts *hosts,
                                              struct rf_err *err),
                                 void *ctx, struct rf_client **out, struct rf_err *err);

#endif
