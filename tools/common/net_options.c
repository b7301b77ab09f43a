/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/net_options.h"

#include "base/log.h"
#include "base/mem.h"
#include "tools/common/options.h"

#define AT(field) offsetof(struct rf_net_options, field)
#define HOST_ROW                                                                                                                                       \
    {                                                                                                                                                  \
        "host", 0, RF_OPT_LIST, AT(hosts), "reg=NAME,KEY=VALUE,...",                                                                                   \
            "settings of one registry for this run: user, pass-file, pass-env, pass, token, cred-helper, tls (enabled, insecure, disabled), ca-file, " \
            "cert-file, key-file, hostname, path-prefix, token-host, req-concurrent, req-per-sec, blob-chunk, blob-max; may be repeated; "             \
            "pass=, as every word of a command line, is seen by other users until the program has hidden it, so prefer pass-file",                     \
            NULL, 0                                                                                                                                    \
    }
#define PARALLEL_ROW(number)                                                                 \
    {                                                                                        \
        "parallel", 0, RF_OPT_COUNT, AT(parallel), "N",                                      \
            "requests at once to one registry, unless its settings say otherwise", number, 0 \
    }
#define STATS_ROW                                                                        \
    {                                                                                    \
        "stats", 0, RF_OPT_FLAG, AT(stats), NULL,                                        \
            "at the end print the requests made and the bytes moved, on stderr", NULL, 0 \
    }
#define LOG_ROWS(level)                                                                 \
    { "verbosity",   'v',     RF_OPT_STRING,                                            \
      AT(verbosity), "LEVEL", "log level: trace, debug, info, warn or error",           \
      level,         0 },                                                               \
        { "logopt", 0, RF_OPT_LIST, AT(logopt), "json", "log lines as JSON", NULL, 0 }, \
    {                                                                                   \
        "user-agent", 0, RF_OPT_STRING, AT(user_agent), "TEXT",                         \
            "how the program names itself to registries", NULL, 0                       \
    }

const struct rf_opt rf_net_opts[] = {
    HOST_ROW,
    { "output", 0, RF_OPT_CHOICE, AT(output), "text|json", "form of the result on stdout", "text",
      0 },
    PARALLEL_ROW("8"),
    STATS_ROW,
    { "progress", 0, RF_OPT_CHOICE, AT(progress), "auto|plain|none",
      "auto redraws one line when stderr is a terminal, else it writes a line every few seconds, as plain does always",
      "auto", 0 },
    LOG_ROWS("WARN"),
};
const size_t rf_net_opts_n = RF_ARRAY_LEN(rf_net_opts);

const struct rf_opt rf_habit_opts[] = {
    HOST_ROW,
    PARALLEL_ROW("3"),
    STATS_ROW,
    { "progress", 0, RF_OPT_CHOICE, AT(progress), "auto|plain|none",
      "auto redraws one line when stderr is a terminal and --verbosity is not given, plain writes a line every few seconds",
      "auto", 0 },
    LOG_ROWS("WARN"),
};
const size_t rf_habit_opts_n = RF_ARRAY_LEN(rf_habit_opts);

const struct rf_opt rf_runner_opts[] = {
    HOST_ROW,
    PARALLEL_ROW("8"),
    STATS_ROW,
    LOG_ROWS("INFO"),
};
const size_t rf_runner_opts_n = RF_ARRAY_LEN(rf_runner_opts);
#undef AT

bool rf_net_log_json(const struct rf_net_options *o)
{
    for (size_t i = 0; i < o->logopt.n; i++)
        if (strcmp(o->logopt.items[i], "json") == 0)
            return true;
    return false;
}

int rf_net_options_apply(const struct rf_net_options *o, struct rf_err *err)
{
    rf_log_set_json(rf_net_log_json(o));
    return rf_log_set_level(o->verbosity, err);
}

int rf_net_hosts(const struct rf_net_options *o,
                 int (*creds)(void *ctx, struct rf_hosts *hosts, struct rf_err *err), void *ctx,
                 struct rf_hosts **out, struct rf_err *err)
{
    RF_CLEANUP(rf_hosts_freep) struct rf_hosts *hosts = rf_hosts_new();
    int rc = rf_hosts_load_docker(hosts, err);
    if (rc == 0)
        rc = rf_hosts_load_regctl(hosts, err);
    if (rc == 0 && creds != NULL)
        rc = creds(ctx, hosts, err);
    for (size_t i = 0; rc == 0 && i < o->hosts.n; i++)
        rc = rf_hosts_add_flag(hosts, o->hosts.items[i], err);
    if (rc < 0)
        return rc;
    *out = RF_STEAL(hosts);
    return 0;
}

int rf_net_client(const struct rf_net_options *o,
                  int (*creds)(void *ctx, struct rf_hosts *hosts, struct rf_err *err), void *ctx,
                  struct rf_client **out, struct rf_err *err)
{
    struct rf_hosts *hosts = NULL;
    int rc = rf_net_hosts(o, creds, ctx, &hosts, err);
    if (rc < 0)
        return rc;
    const struct rf_client_options opts = { .user_agent = o->user_agent,
                                            .parallel = (unsigned)o->parallel };
    return rf_client_new(hosts, &opts, out, err);
}

void rf_net_stats(const struct rf_net_options *o, struct rf_client *client)
{
    if (!o->stats || client == NULL)
        return;
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    if (rf_net_json(o))
        rf_stats_json(rf_client_stats(client), &text);
    else
        rf_stats_text(rf_client_stats(client), &text);
    (void)fprintf(stderr, "%s\n", text.ptr);
}
