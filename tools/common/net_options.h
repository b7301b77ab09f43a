/* SPDX-License-Identifier: Apache-2.0 */
/* The options that every program has, and the registries as they and the files of Docker and regctl describe them. */
#ifndef RF_TOOLS_COMMON_NET_OPTIONS_H
#define RF_TOOLS_COMMON_NET_OPTIONS_H

#include "regclient/client.h"

struct rf_list {
    char **items;
    size_t n, cap;
};

struct rf_net_options {
    struct rf_list hosts;
    const char *verbosity;
    struct rf_list logopt;
    const char *output;     /* "text" or "json" */
    const char *progress;   /* "auto", "plain" or "none" */
    const char *user_agent; /* NULL: "regferry/<version>" */
    uint64_t parallel;      /* requests at once per registry */
    bool stats;
};
/* Sets up the log lines. -RFE_USAGE. */
RF_MUST_USE int rf_net_options_apply(const struct rf_net_options *o, struct rf_err *err);
static inline bool rf_net_json(const struct rf_net_options *o)
{
    return strcmp(o->output, "json") == 0;
}
bool rf_net_log_json(const struct rf_net_options *o);

/*
 * The registries: Docker's files, regctl's, then what `creds` merges (a YAML file's; NULL for none), then --host. *out is the caller's.
 * -RFE_USAGE and -RFE_CONFIG.
 */
RF_MUST_USE int rf_net_hosts(const struct rf_net_options *o,
                             int (*creds)(void *ctx, struct rf_hosts *hosts, struct rf_err *err),
                             void *ctx, struct rf_hosts **out, struct rf_err *err);
/* The same, and a client over them; rf_client_free frees both. */
RF_MUST_USE int rf_net_client(const struct rf_net_options *o,
                              int (*creds)(void *ctx, struct rf_hosts *hosts, struct rf_err *err),
                              void *ctx, struct rf_client **out, struct rf_err *err);
/* With --stats: the line of requests on stderr, JSON with --output json. Call it when the work is over, also after a failure. */
void rf_net_stats(const struct rf_net_options *o, struct rf_client *client);

#endif
