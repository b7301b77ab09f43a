/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/regsync/session.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define SHARDS_MAX 10000u

/* ---- settings of registries ---- */

/* A text that is no reference is told of elsewhere. */
static bool is_on(const char *registry, const struct rf_step *step, const char *text)
{
    RF_CLEANUP(rf_ref_release) struct rf_ref ref = RF_REF_INIT;
    RF_CLEANUP(rf_freep) char *name = NULL;
    struct rf_err ignored;
    if (text == NULL)
        return false;
    if (step->type == RF_STEP_REGISTRY && rf_ref_parse_registry(text, &name, &ignored) == 0)
        return strcmp(name, registry) == 0;
    return rf_ref_parse(text, &ref, &ignored) == 0 && ref.registry != NULL &&
           strcmp(ref.registry, registry) == 0;
}

/* Without them the registry is another one: its steps are not run, the others are. */
static void refuse_steps(void *ctx, const struct rf_host *h, const struct rf_err *why)
{
    static const char msg[] = "Settings of the registry cannot be used";
    struct rf_policy_config *config = ctx;
    rf_log(RF_LOG_WARN, msg, "registry", h->name, "error", why->msg, NULL);
    for (size_t i = 0; i < config->n_steps; i++) {
        struct rf_step *step = &config->steps[i];
        const char *const texts[] = { step->source, step->target, step->s.referrer_source,
                                      step->s.referrer_target };
        for (size_t k = 0; step->refused == NULL && k < RF_ARRAY_LEN(texts); k++) {
            if (!is_on(h->name, step, texts[k]))
                continue;
            step->refused = rf_xstrdup(why->msg);
            step->refused_as = msg;
        }
    }
}

struct merging {
    struct rf_policy_config *config;
    bool strict;
};

static int merge_creds(void *ctx, struct rf_hosts *hosts, struct rf_err *err)
{
    const struct merging *m = ctx;
    if (m->config->defaults.skip_docker_config == RF_TRI_YES)
        rf_hosts_use_docker(hosts, false, false);
    if (m->strict)
        return rf_creds_merge(&m->config->creds, hosts, err);
    rf_creds_merge_usable(&m->config->creds, hosts, refuse_steps, m->config);
    return 0;
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
    s->setup.abort_on_error = o->abort_on_error;
    s->setup.hooks = o->hooks;
    s->setup.keep_images = o->output != NULL && strcmp(o->output, "json") == 0;
    s->env = env;
    int rc = parse_shard(o->shard, &s->setup, err);
    if (rc == 0)
        rc = regsync_config_load(o, &s->config, err);
    if (rc < 0)
        return rc;
    struct merging merging = { s->config, o->strict };
    rc = rf_runner_client(env, s->config, merge_creds, &merging, &s->client, err);
    if (rc == 0)
        s->sync = rf_sync_new(s->config, s->client, &s->setup);
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
