/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/config_print.h"

#include <stdlib.h>

#include "base/mem.h"
#include "policy/yaml_write.h"

#define NS_PER_S 1000000000u

/* ---- maps of texts ---- */

static int by_key(const void *a, const void *b)
{
    return strcmp(((const char *const *)a)[0], ((const char *const *)b)[0]);
}

/* name, value, name, value, ...; sorted. */
static void print_pairs(struct rf_yaml_writer *w, const char *key, const char **pairs, size_t n)
{
    if (n == 0) {
        rf_yaml_write_empty_map(w, key);
        return;
    }
    qsort(pairs, n / 2, 2 * sizeof(*pairs), by_key);
    rf_yaml_write_open(w, key);
    for (size_t i = 0; i < n; i += 2)
        rf_yaml_write_text(w, pairs[i], pairs[i + 1]);
    rf_yaml_write_close(w);
}

static void print_json_pairs(struct rf_yaml_writer *w, const char *key, json_t *object)
{
    RF_CLEANUP(rf_freep)
    const char **pairs = rf_xcalloc(2 * json_object_size(object) + 1, sizeof(*pairs));
    size_t n = 0;
    const char *name;
    json_t *value;
    json_object_foreach (object, name, value) {
        pairs[n++] = name;
        pairs[n++] = json_string_value(value);
    }
    print_pairs(w, key, pairs, n);
}

/* ---- creds ---- */

static void print_host(struct rf_yaml_writer *w, const struct rf_host *h,
                       const struct rf_creds_text *t)
{
    static const char *const tls[] = { "", "enabled", "insecure", "disabled" };
    rf_yaml_write_text(w, "registry", t->registry);
    rf_yaml_write_text(w, "tls", t->scheme_tls ? "" : tls[h->tls]);
    rf_yaml_write_text(w, "regcert", h->ca_pem);
    rf_yaml_write_text(w, "clientCert", h->client_cert_pem);
    rf_yaml_write_text(w, "clientKey", h->client_key_pem);
    rf_yaml_write_text(w, "hostname", h->hostname);
    rf_yaml_write_text(w, "user", h->user);
    rf_yaml_write_text(w, "pass", h->pass);
    rf_yaml_write_text(w, "token", h->token);
    rf_yaml_write_text(w, "credHelper", h->cred_helper);
    rf_yaml_write_int(w, "credExpire", (int64_t)(h->cred_expire_s * NS_PER_S));
    rf_yaml_write_text(w, "credHost", h->cred_host);
    rf_yaml_write_text(w, "pathPrefix", h->path_prefix);
    rf_yaml_write_texts(w, "mirrors", h->mirrors, h->n_mirrors);
    rf_yaml_write_int(w, "priority", h->priority);
    rf_yaml_write_bool(w, "repoAuth", h->repo_auth);
    rf_yaml_write_text(w, "api", t->api);
    print_json_pairs(w, "apiOpts", h->api_opts);
    rf_yaml_write_int(w, "blobChunk", h->blob_chunk);
    rf_yaml_write_int(w, "blobMax", h->blob_max);
    rf_yaml_write_double(w, "reqPerSec", h->req_per_sec);
    rf_yaml_write_int(w, "reqConcurrent", h->req_concurrent);
    rf_yaml_write_text(w, "scheme", t->scheme);
}

static void print_creds(struct rf_yaml_writer *w, const struct rf_creds *c)
{
    if (!rf_yaml_write_list(w, "creds", c->n))
        return;
    for (size_t i = 0; i < c->n; i++) {
        rf_yaml_write_item(w);
        print_host(w, &c->list[i], &c->texts[i]);
        rf_yaml_write_close(w);
    }
}

/* ---- what steps and defaults have in common ---- */

static void print_tri(struct rf_yaml_writer *w, const char *key, enum rf_tri value)
{
    if (value == RF_TRI_UNSET)
        rf_yaml_write_null(w, key);
    else
        rf_yaml_write_bool(w, key, value == RF_TRI_YES);
}

static void print_list(struct rf_yaml_writer *w, const char *key, const struct rf_yaml_list *list)
{
    rf_yaml_write_texts(w, key, list->items, list->n);
}

static void print_filters(struct rf_yaml_writer *w, const struct rf_step_settings *s)
{
    if (!rf_yaml_write_list(w, "referrerFilters", s->n_referrer_filters))
        return;
    for (size_t i = 0; i < s->n_referrer_filters; i++) {
        const struct rf_referrer_filter *f = &s->referrer_filters[i];
        RF_CLEANUP(rf_freep)
        const char **pairs = rf_xcalloc(f->annotations.n + 1, sizeof(*pairs));
        for (size_t k = 0; k < f->annotations.n; k++)
            pairs[k] = f->annotations.items[k];
        rf_yaml_write_item(w);
        rf_yaml_write_text(w, "artifactType", f->artifact_type);
        print_pairs(w, "annotations", pairs, f->annotations.n);
        rf_yaml_write_close(w);
    }
}

/* digestTags to referrerSlow: the same in both. */
static void print_extras(struct rf_yaml_writer *w, const struct rf_step_settings *s)
{
    print_tri(w, "digestTags", s->digest_tags);
    print_tri(w, "referrers", s->referrers);
    print_filters(w, s);
    rf_yaml_write_text(w, "referrerSource", s->referrer_source);
    rf_yaml_write_text(w, "referrerTarget", s->referrer_target);
    print_tri(w, "referrerSlow", s->referrer_slow);
}

static void print_copying(struct rf_yaml_writer *w, const struct rf_step_settings *s)
{
    print_tri(w, "fastCheck", s->fast_check);
    print_tri(w, "forceRecursive", s->force_recursive);
    print_tri(w, "includeExternal", s->include_external);
}

static void print_times(struct rf_yaml_writer *w, const struct rf_step_settings *s,
                        uint64_t retry_ns)
{
    rf_yaml_write_text(w, "backup", s->backup);
    rf_yaml_write_duration(w, "interval", s->interval_ns);
    rf_yaml_write_text(w, "schedule", s->schedule);
    rf_yaml_write_open(w, "ratelimit");
    rf_yaml_write_int(w, "min", s->ratelimit_min);
    rf_yaml_write_duration(w, "retry", retry_ns);
    rf_yaml_write_close(w);
}

static void print_hook(struct rf_yaml_writer *w, const char *key, const struct rf_hook *hook)
{
    if (hook == NULL) {
        rf_yaml_write_null(w, key);
        return;
    }
    rf_yaml_write_open(w, key);
    rf_yaml_write_text(w, "type", hook->type);
    print_list(w, "params", &hook->params);
    rf_yaml_write_close(w);
}

static void print_hooks(struct rf_yaml_writer *w, const struct rf_hooks *h)
{
    rf_yaml_write_open(w, "hooks");
    print_hook(w, "pre", h->pre);
    print_hook(w, "post", h->post);
    print_hook(w, "unchanged", h->unchanged);
    rf_yaml_write_close(w);
}

/* ---- the document ---- */

static void print_defaults(struct rf_yaml_writer *w, const struct rf_step_defaults *d)
{
    const struct rf_step_settings *s = &d->s;
    rf_yaml_write_open(w, "defaults");
    print_times(w, s,
                s->ratelimit_retry_ns < RF_STEP_RETRY_MIN_NS ? RF_STEP_RETRY_MIN_NS
                                                             : s->ratelimit_retry_ns);
    rf_yaml_write_int(w, "parallel", d->parallel);
    print_extras(w, s);
    print_copying(w, s);
    print_list(w, "mediaTypes", &s->media_types);
    print_hooks(w, &s->hooks);
    rf_yaml_write_int(w, "blobLimit", d->blob_limit);
    rf_yaml_write_int(w, "cacheCount", d->cache_count);
    rf_yaml_write_duration(w, "cacheTime", d->cache_time_ns);
    rf_yaml_write_bool(w, "skipDockerConfig", d->skip_docker_config == RF_TRI_YES);
    rf_yaml_write_text(w, "userAgent", d->user_agent);
    rf_yaml_write_close(w);
}

static void print_rules(struct rf_yaml_writer *w, const struct rf_name_rules *r)
{
    print_list(w, "allow", &r->allow);
    print_list(w, "deny", &r->deny);
    if (r->semver.n > 0)
        print_list(w, "semverRange", &r->semver);
}

static void print_step(struct rf_yaml_writer *w, const struct rf_step *s)
{
    rf_yaml_write_text(w, "source", s->source);
    rf_yaml_write_text(w, "target", s->target);
    rf_yaml_write_text(w, "type", s->type_text);
    rf_yaml_write_open(w, "tags");
    print_rules(w, &s->tags);
    rf_yaml_write_close(w);
    if (rf_yaml_write_list(w, "tagSets", s->n_tag_sets)) {
        for (size_t i = 0; i < s->n_tag_sets; i++) {
            rf_yaml_write_item(w);
            print_rules(w, &s->tag_sets[i]);
            rf_yaml_write_close(w);
        }
    }
    rf_yaml_write_open(w, "repos");
    print_rules(w, &s->repos);
    rf_yaml_write_close(w);
    print_extras(w, &s->s);
    rf_yaml_write_text(w, "platform", s->platform);
    print_list(w, "platforms", &s->platforms);
    print_copying(w, &s->s);
    print_times(w, &s->s, s->s.ratelimit_retry_ns);
    print_list(w, "mediaTypes", &s->s.media_types);
    print_hooks(w, &s->s.hooks);
}

void rf_policy_config_print(const struct rf_policy_config *c, struct rf_buf *out)
{
    struct rf_yaml_writer w = { .out = out };
    rf_yaml_write_int(&w, "version", c->version);
    print_creds(&w, &c->creds);
    print_defaults(&w, &c->defaults);
    if (!rf_yaml_write_list(&w, "sync", c->n_steps))
        return;
    for (size_t i = 0; i < c->n_steps; i++) {
        rf_yaml_write_item(&w);
        print_step(&w, &c->steps[i]);
        rf_yaml_write_close(&w);
    }
}
