/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/regimport/session.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "policy/config_site.h"
#include "policy/state_dir.h"

void session_release(struct session *s)
{
    rf_progress_free(s->progress);
    rf_client_free(s->client);
    rf_verdicts_free(s->policy);
    rf_policy_config_free(s->config);
    rf_ref_release(&s->to);
    free(s->prefix);
    free(s->folder);
}

static void phase(void *ctx, const char *what, uint64_t total)
{
    rf_progress_phase(ctx, what, total);
}

static int merge_creds(void *ctx, struct rf_hosts *hosts, struct rf_err *err)
{
    const struct rf_policy_config *config = ctx;
    return rf_creds_merge(&config->creds, hosts, err);
}

/* What "ABOVE/.." leads to, which is not what stands before ABOVE when that is a link. Takes `above` over. */
static char *one_up(char *above)
{
    RF_CLEANUP(rf_freep) char *given = above;
    RF_CLEANUP(rf_freep) char *up = rf_xasprintf("%s/..", given);
    RF_CLEANUP(rf_freep) char *real = realpath(up, NULL);
    if (real == NULL)
        return RF_STEAL(up);
    return rf_xstrdup(strcmp(real, "/") == 0 ? "" : real);
}

/*
 * The state knows a destination by its name. A layout has many: this is the one that says from every working folder which it is, without dots and slashes
 * that say nothing. Links stay.
 */
static char *name_folder(const char *path)
{
    RF_CLEANUP(rf_freep) char *whole = rf_path_absolute(path);
    char *name = rf_xstrdup("");
    for (const char *at = whole; *at != '\0';) {
        size_t n = strcspn(at, "/");
        if (n == 2 && strncmp(at, "..", 2) == 0) {
            name = one_up(name);
        } else if (n > 0 && !(n == 1 && at[0] == '.')) {
            char *longer = rf_xasprintf("%s/%.*s", name, (int)n, at);
            free(name);
            name = longer;
        }
        at += n + (at[n] == '/');
    }
    RF_CLEANUP(rf_freep) char *done = name;
    return rf_xasprintf("ocidir://%s", name[0] != '\0' ? name : "/");
}

/* REGISTRY[/PREFIX] or ocidir://PATH. */
static int parse_to(struct session *s, const char *to, struct rf_err *err)
{
    static const char hint[] =
        "write REGISTRY[/PREFIX], such as registry.example:5000/mirror, or ocidir://PATH";
    if (strncmp(to, "ocidir://", 9) == 0) {
        s->prefix = rf_xstrdup("");
        int rc = rf_ref_parse_repo(to, &s->to, err);
        if (rc == 0 && (s->to.tag != NULL || rf_digest_is_set(&s->to.digest)))
            rc = rf_fail(err, RFE_USAGE, "it names one image, a folder is needed");
        if (rc == 0)
            s->req.to_name = s->folder = name_folder(s->to.path);
        return rc < 0 ? rf_fail(err, RFE_USAGE, "--to %s: not a destination; %s", to, hint) : 0;
    }
    size_t host = strcspn(to, "/");
    RF_CLEANUP(rf_freep) char *registry = rf_xstrndup(to, host);
    s->prefix = rf_xstrdup(to[host] == '/' ? to + host + 1 : "");
    struct rf_err why = RF_ERR_INIT;
    if ((s->prefix[0] == '\0') == (to[host] == '/') || strstr(to, "://") != NULL ||
        (s->prefix[0] != '\0' && !rf_repository_valid(rf_slice_str(s->prefix))) ||
        rf_ref_parse_registry(registry, &s->to.registry, &why) < 0)
        return rf_fail(err, RFE_USAGE, "--to %s: not a destination; %s", to, hint);
    return 0;
}

static int open_destination(struct session *s, struct rf_err *err)
{
    const char *repo;
    int rc = rf_net_client(s->env->net, s->config != NULL ? merge_creds : NULL, s->config,
                           &s->client, err);
    if (rc == 0 && s->to.scheme == RF_SCHEME_OCIDIR)
        rc = rf_client_place(s->client, &s->to, RF_CLIENT_WRITE | RF_CLIENT_TREE, &s->req.to, &repo,
                             err);
    else if (rc == 0)
        rc = rf_client_registry(s->client, s->to.registry, &s->req.to, err);
    return rc;
}

void session_progress(struct session *s)
{
    if (s->progress == NULL)
        s->progress = rf_progress_new(s->env->net, "regimport", "starting", 0);
    s->req.phase = phase;
    s->req.progress = rf_progress_bytes;
    s->req.progress_ctx = s->progress;
}

/* Of the policy file what counts for the site; --to, or what it says of that. */
static int find_to(struct session *s, const struct options *o, struct rf_err *err)
{
    const struct rf_site *site = NULL;
    int rc = 0;
    if (s->config != NULL && o->site != NULL)
        rc = rf_policy_config_take_site(s->config, o->site, &site, err);
    else if (s->config != NULL && s->config->sites.n > 0 && o->prune)
        rc = rf_fail(
            err, RFE_USAGE,
            "--site is missing: %s has several sites, and what a site keeps may be said in its own entry",
            o->config);
    s->req.to_name = o->to == NULL && site != NULL ? site->to : o->to;
    return rc;
}

static int fail_to(const struct session *s, const struct options *o, struct rf_err *err)
{
    int rc =
        rf_fail(err, RFE_USAGE,
                "--to is missing: where to import to; write REGISTRY[/PREFIX] or ocidir://PATH");
    if (s->config == NULL || s->config->sites.n == 0)
        return rc;
    return rf_hint(err, rc,
                   o->site == NULL ? "or --site, for what the policy file says of that site"
                                   : "or \"to\" in the site's entry of the policy file");
}

int session_open(struct session *s, const struct rf_env *env, const struct options *o,
                 bool destination, struct rf_err *err)
{
    int rc = 0;
    s->env = env;
    s->o = o;
    s->req = (struct rf_import_request){ .site = o->site,
                                         .to_name = o->to,
                                         .prefix = "",
                                         .receipt = o->receipt,
                                         .allow_unsigned = o->allow_unsigned,
                                         .allow_older = o->allow_older,
                                         .stream = o->stream,
                                         .complete_only = o->complete_only,
                                         .list_all = o->all };
    s->req.check = o->check != NULL && strcmp(o->check, "manifests") == 0 ? RF_CHECK_MANIFESTS
                                                                          : RF_CHECK_BLOBS;
    s->req.parallel = (unsigned)env->net->parallel;
    if (o->site != NULL && !rf_site_valid(rf_slice_str(o->site)))
        return rf_fail(err, RFE_USAGE,
                       "--site %s: a site's name is [a-z0-9][a-z0-9._-]{0,63}, such as plant-7",
                       o->site);
    if (o->config != NULL)
        rc = rf_policy_config_load(o->config, RF_POLICY_STRICT, &s->config, err);
    if (rc == 0 && destination && s->config != NULL && rf_policy_section_is_set(&s->config->policy))
        rc = rf_verdicts_open(&s->config->policy, &s->policy, err);
    if (rc == 0)
        rc = find_to(s, o, err);
    if (rc == 0 && destination && s->req.to_name == NULL)
        rc = fail_to(s, o, err);
    if (rc == 0 && destination)
        rc = parse_to(s, s->req.to_name, err);
    if (rc == 0 && destination)
        rc = open_destination(s, err);
    if (rc < 0)
        return rc;
    s->req.policy = s->policy;
    if (s->prefix != NULL)
        s->req.prefix = s->prefix;
    if (s->to.scheme == RF_SCHEME_OCIDIR)
        s->req.to_dir = s->to.path;
    session_progress(s);
    return 0;
}

void session_end_progress(struct session *s)
{
    rf_progress_freep(&s->progress);
    s->req.phase = NULL;
    s->req.progress = NULL;
}

int session_state(const struct session *s, const char *path, char **out, struct rf_err *err)
{
    RF_CLEANUP(rf_bundle_file_freep) struct rf_bundle_file *file = NULL;
    RF_CLEANUP(rf_freep) char *site = rf_xstrdup(s->o->site);
    if (s->o->state != NULL) {
        *out = rf_xstrdup(s->o->state);
        return 0;
    }
    if (site == NULL && path != NULL) {
        int rc = rf_bundle_file_open(path, &file, err);
        if (rc < 0)
            return rc;
        site = rf_xstrdup(rf_bundle_file_doc(file)->site);
    }
    return rf_state_dir_default("import", site != NULL ? site : "site", out, err);
}
