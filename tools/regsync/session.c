/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/regsync/session.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define SHARDS_MAX 10000u

static int merge_creds(void *ctx, struct rf_hosts *hosts, struct rf_err *err)
{
    const struct rf_policy_config *config = ctx;
    if (config->defaults.skip_docker_config == RF_TRI_YES)
        rf_hosts_use_docker(hosts, false, false);
    return rf_creds_merge(&config->creds, hosts, err);
}

static int parse_shard(const char *text, struct rf_sync_setup *out, struct rf_err *err)
{
    uint64_t k = 0, n = 0;
    if (text == NULL)
        return 0;
    const char *slash = strchr(text, '/');
    if (slash == NULL ||
        rf_parse_u64(rf_slice_of(text, (size_t)(slash - text)), SHARDS_MAX, &k, NULL) < 0 ||
        rf_parse_u64(rf_slice_str(slash + 1), SHARDS_MAX, &n, NULL) < 0 || k < 1 || k > n)
        return rf_fail(err, RFE_USAGE, "--shard %s: wanted is K/N with 1 <= K <= N, such as 1/4",
                       text);
    out->shard = (unsigned)k;
    out->shards = (unsigned)n;
    return 0;
}

/* ---- what will be missed later ---- */

static bool is_new(const char *line, const char *of_defaults)
{
    return line != NULL && (of_defaults == NULL || strcmp(line, of_defaults) != 0);
}

static void tell(const struct rf_step_settings *s, const struct rf_step_settings *defaults,
                 bool server)
{
    if (!server && is_new(s->schedule_wrong, defaults != NULL ? defaults->schedule_wrong : NULL))
        rf_log(RF_LOG_WARN, "Schedule cannot be read, a server would not run it", "error",
               s->schedule_wrong, NULL);
    if (is_new(s->backup_wrong, defaults != NULL ? defaults->backup_wrong : NULL))
        rf_log(RF_LOG_WARN, "Backup cannot be read, nothing will be overwritten", "error",
               s->backup_wrong, NULL);
}

/* A server tells of schedules itself, when it makes them. */
static void tell_unusable(const struct rf_policy_config *c, bool server)
{
    tell(&c->defaults.s, NULL, server);
    for (size_t i = 0; i < c->n_steps; i++)
        if (c->steps[i].refused == NULL)
            tell(&c->steps[i].s, &c->defaults.s, server);
}

int regsync_config_load(const struct regsync_options *o, struct rf_policy_config **out,
                        struct rf_err *err)
{
    int rc = rf_policy_config_load(o->config, o->strict ? RF_POLICY_STRICT : 0, out, err);
    if (rc == 0)
        tell_unusable(*out, o->server);
    return rc;
}

/* ---- the session ---- */

int regsync_session_open(struct regsync_session *s, const struct rf_env *env,
                         const struct regsync_options *o, struct rf_err *err)
{
    struct rf_sync_setup setup = { .abort_on_error = o->abort_on_error,
                                   .hooks = o->hooks,
                                   .keep_images =
                                       o->output != NULL && strcmp(o->output, "json") == 0 };
    s->env = env;
    int rc = parse_shard(o->shard, &setup, err);
    if (rc == 0)
        rc = regsync_config_load(o, &s->config, err);
    if (rc < 0)
        return rc;
    struct rf_net_options net = *env->net;
    if (net.user_agent == NULL)
        net.user_agent = s->config->defaults.user_agent;
    rc = rf_net_client(&net, merge_creds, s->config, &s->client, err);
    if (rc == 0)
        s->sync = rf_sync_new(s->config, s->client, &setup);
    return rc;
}

void regsync_session_release(struct regsync_session *s)
{
    if (s->client != NULL)
        rf_net_stats(s->env->net, s->client);
    rf_sync_freep(&s->sync);
    rf_client_freep(&s->client);
    rf_policy_config_freep(&s->config);
    free(RF_STEAL(s->scheduled));
}
