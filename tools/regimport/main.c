/* SPDX-License-Identifier: Apache-2.0 */
/* regimport: the disconnected side. One row per command and option; what they do is in import/. */
#include "base/mem.h"
#include "import/import.h"
#include "policy/config.h"
#include "policy/state_dir.h"
#include "tools/common/program.h"
#include "tools/common/progress.h"

struct options {
    const char *config, *site, *state, *to, *check;
    bool allow_unsigned, allow_older, stream;
};

struct session {
    const struct rf_env *env;
    const struct options *o;
    struct rf_policy_config *config;
    struct rf_client *client;
    struct rf_progress *progress;
    struct rf_ref to;
    char *prefix;
    struct rf_import_request req;
};

static void session_release(struct session *s)
{
    rf_progress_free(s->progress);
    rf_client_free(s->client);
    rf_policy_config_free(s->config);
    rf_ref_release(&s->to);
    free(s->prefix);
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

/* Ended before a report is printed: the next bundle of the same command starts another. */
static void start_progress(struct session *s)
{
    if (s->progress == NULL)
        s->progress = rf_progress_new(s->env->net, "regimport", "starting", 0);
    s->req.phase = phase;
    s->req.progress = rf_progress_bytes;
    s->req.progress_ctx = s->progress;
}

static int open_session(struct session *s, const struct rf_env *env, const struct options *o,
                        bool destination, struct rf_err *err)
{
    int rc = 0;
    s->env = env;
    s->o = o;
    s->req = (struct rf_import_request){ .site = o->site,
                                         .to_name = o->to,
                                         .prefix = "",
                                         .allow_unsigned = o->allow_unsigned,
                                         .allow_older = o->allow_older,
                                         .stream = o->stream };
    s->req.check = o->check != NULL && strcmp(o->check, "manifests") == 0 ? RF_CHECK_MANIFESTS
                                                                          : RF_CHECK_BLOBS;
    s->req.parallel = (unsigned)env->net->parallel;
    if (o->site != NULL && !rf_site_valid(rf_slice_str(o->site)))
        return rf_fail(err, RFE_USAGE,
                       "--site %s: a site's name is [a-z0-9][a-z0-9._-]{0,63}, such as plant-7",
                       o->site);
    if (o->config != NULL)
        rc = rf_policy_config_load(o->config, RF_POLICY_STRICT, &s->config, err);
    if (rc == 0 && destination && o->to == NULL)
        rc = rf_fail(
            err, RFE_USAGE,
            "--to is missing: where to import to; write REGISTRY[/PREFIX] or ocidir://PATH");
    if (rc == 0 && destination)
        rc = parse_to(s, o->to, err);
    if (rc == 0 && destination)
        rc = open_destination(s, err);
    if (rc < 0)
        return rc;
    if (s->prefix != NULL)
        s->req.prefix = s->prefix;
    start_progress(s);
    return 0;
}

/* The state belongs to a site: the one named, or the one that the bundle was made for. */
static int set_state(struct session *s, const char *path, char **out, struct rf_err *err)
{
    RF_CLEANUP(rf_bundle_file_freep) struct rf_bundle_file *file = NULL;
    RF_CLEANUP(rf_freep) char *site = rf_xstrdup(s->o->site);
    if (s->o->state != NULL) {
        *out = rf_xstrdup(s->o->state);
        return 0;
    }
    if (site == NULL) {
        int rc = rf_bundle_file_open(path, &file, err);
        if (rc < 0)
            return rc;
        site = rf_xstrdup(rf_bundle_file_doc(file)->site);
    }
    return rf_state_dir_default("import", site, out, err);
}

static void report(struct session *s, const struct rf_import_result *result)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 512u << 20);
    if (rf_net_json(s->env->net))
        rf_import_report_json(result, &out);
    else
        rf_import_report_text(result, &out);
    (void)fwrite(out.ptr, 1, out.len, stdout);
}

/* A failure says its cause alone, unless it has a list that the user needs. */
static bool worth_telling(const struct rf_import_result *result, int rc)
{
    return result->run.doc != NULL && (rc == 0 || rc == -RFE_GROUND_MISSING || rc == -RFE_PARTIAL);
}

typedef int (*one_bundle)(const struct rf_import_request *, const char *, struct rf_import_result *,
                          struct rf_err *);

static int run_one(struct session *s, one_bundle f, const char *path, bool state,
                   struct rf_err *err)
{
    RF_CLEANUP(rf_import_result_release) struct rf_import_result result;
    RF_CLEANUP(rf_freep) char *dir = NULL;
    rf_import_result_init(&result);
    int rc = state ? set_state(s, path, &dir, err) : 0;
    if (rc < 0)
        return rc;
    s->req.state_dir = dir;
    start_progress(s);
    rc = f(&s->req, path, &result, err);
    rf_progress_phase(s->progress, "done", 0);
    if (worth_telling(&result, rc)) {
        rf_progress_freep(&s->progress);
        s->req.phase = NULL;
        s->req.progress = NULL;
        report(s, &result);
    }
    return rc;
}

static int run_all(const struct rf_env *env, const struct options *o, one_bundle f,
                   bool destination, int argc, char **argv, struct rf_err *err)
{
    RF_CLEANUP(session_release) struct session s = { 0 };
    int rc = open_session(&s, env, o, destination, err);
    int partial = 0;
    for (int i = 0; rc == 0 && i < argc; i++) {
        rc = run_one(&s, f, argv[i], destination, err);
        if (rc == -RFE_PARTIAL && i + 1 < argc) {
            partial = rc; /* the others may still be whole */
            rc = 0;
        }
    }
    rf_progress_freep(&s.progress);
    if (s.client != NULL)
        rf_net_stats(env->net, s.client);
    if (rc == 0 && partial < 0)
        return rf_fail(err, RFE_PARTIAL, "some images were refused (listed above)");
    return rc;
}

static int run_inspect(const struct rf_env *env, void *ctx, int argc, char **argv,
                       struct rf_err *err)
{
    return run_all(env, ctx, rf_import_inspect, false, argc, argv, err);
}

static int run_verify(const struct rf_env *env, void *ctx, int argc, char **argv,
                      struct rf_err *err)
{
    return run_all(env, ctx, rf_import_verify, false, argc, argv, err);
}

static int run_plan(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    return run_all(env, ctx, rf_import_plan, true, argc, argv, err);
}

/* Several bundles: all of them are whole before the first is applied. */
static int run_apply(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct options *o = ctx;
    if (argc > 1 && !o->stream) {
        struct options quiet = *o;
        for (int i = 0; i < argc; i++) {
            RF_CLEANUP(session_release) struct session s = { 0 };
            RF_CLEANUP(rf_import_result_release) struct rf_import_result result;
            rf_import_result_init(&result);
            int rc = open_session(&s, env, &quiet, false, err);
            if (rc == 0)
                rc = rf_import_verify(&s.req, argv[i], &result, err);
            if (rc < 0)
                return rc;
        }
    }
    return run_all(env, o, rf_import_apply, true, argc, argv, err);
}

#define AT(field) offsetof(struct options, field)
#define COMMON_OPTS                                                                                                 \
    { "config",   'c',    RF_OPT_STRING,                                                                            \
      AT(config), "FILE", "policy file: its creds; - for standard input",                                           \
      NULL,       0 },                                                                                              \
        { "site",                                                                                                   \
          0,                                                                                                        \
          RF_OPT_STRING,                                                                                            \
          AT(site),                                                                                                 \
          "NAME",                                                                                                   \
          "the site this is; a bundle for another is refused (default: the bundle's)",                              \
          NULL,                                                                                                     \
          0 },                                                                                                      \
        { "state",                                                                                                  \
          0,                                                                                                        \
          RF_OPT_STRING,                                                                                            \
          AT(state),                                                                                                \
          "DIR",                                                                                                    \
          "what is remembered of earlier imports (default ${XDG_STATE_HOME:-~/.local/state}/regferry/import/SITE)", \
          NULL,                                                                                                     \
          0 },                                                                                                      \
        { "allow-unsigned",                                                                                         \
          0,                                                                                                        \
          RF_OPT_FLAG,                                                                                              \
          AT(allow_unsigned),                                                                                       \
          NULL,                                                                                                     \
          "accept a bundle although no signature proves who made it",                                               \
          NULL,                                                                                                     \
          0 },                                                                                                      \
    {                                                                                                               \
        "allow-older", 0, RF_OPT_FLAG, AT(allow_older), NULL,                                                       \
            "accept a bundle that is older than the last one applied, or of another chain", NULL,                   \
            0                                                                                                       \
    }
#define TO_OPTS                                                                             \
    { "to",                                                                                 \
      0,                                                                                    \
      RF_OPT_STRING,                                                                        \
      AT(to),                                                                               \
      "REGISTRY[/PREFIX]|ocidir://PATH",                                                    \
      "the destination; below ocidir:// one layout per repository",                         \
      NULL,                                                                                 \
      0 },                                                                                  \
        COMMON_OPTS,                                                                        \
    {                                                                                       \
        "check", 0, RF_OPT_CHOICE, AT(check), "blobs|manifests",                            \
            "how far images that did not change are checked at the destination", "blobs", 0 \
    }

static const struct rf_opt look_opts[] = { COMMON_OPTS };
static const struct rf_opt plan_opts[] = { TO_OPTS };
static const struct rf_opt apply_opts[] = {
    TO_OPTS,
    { "stream", 0, RF_OPT_FLAG, AT(stream), NULL,
      "for slow media: read the bundle once, sending blobs while it is verified; manifests and tags still wait for the last byte",
      NULL, 0 },
};

static const struct rf_cmd commands[] = {
    {
        .name = "inspect",
        .synopsis = "BUNDLE...",
        .summary = "show what a bundle says of itself",
        .description = "Reads the head of the bundle only; `verify` reads all of it.",
        .examples = "regimport inspect /media/in/site-000002-3f2a9c01d4e5-1of1.tar",
        .opts = look_opts,
        .n_opts = RF_ARRAY_LEN(look_opts),
        .ctx_size = sizeof(struct options),
        .min_args = 1,
        .max_args = RF_ARGS_ANY,
        .run = run_inspect,
    },
    {
        .name = "verify",
        .synopsis = "BUNDLE...",
        .summary = "check every byte of a bundle, with nothing but the file",
        .examples = "regimport verify /media/in/*.tar",
        .opts = look_opts,
        .n_opts = RF_ARRAY_LEN(look_opts),
        .ctx_size = sizeof(struct options),
        .min_args = 1,
        .max_args = RF_ARGS_ANY,
        .run = run_verify,
    },
    {
        .name = "plan",
        .synopsis = "BUNDLE...",
        .summary = "verify, check the destination, and show what apply would write",
        .examples =
            "regimport plan --allow-unsigned --to registry.plant:5000/mirror /media/in/site-000002-3f2a9c01d4e5-1of1.tar",
        .opts = plan_opts,
        .n_opts = RF_ARRAY_LEN(plan_opts),
        .ctx_size = sizeof(struct options),
        .min_args = 1,
        .max_args = RF_ARGS_ANY,
        .run = run_plan,
    },
    {
        .name = "apply",
        .synopsis = "BUNDLE...",
        .summary = "bring the destination to what the bundle describes",
        .description =
            "Nothing is written before the whole bundle is verified and all that it builds on is found at the destination; what is missing is listed by image "
            "and the exit status is 5. Then blobs, then manifests, and all tags last, in one step. Everything is read back. Stopped at any moment, the same "
            "command again finishes.",
        .examples =
            "regimport apply --allow-unsigned --to registry.plant:5000 /media/in/site-000001-3f2a9c01d4e5-1of1.tar\n"
            "# into layout folders, one per repository\n"
            "regimport apply --allow-unsigned --to ocidir:///srv/images /media/in/*.tar",
        .opts = apply_opts,
        .n_opts = RF_ARRAY_LEN(apply_opts),
        .ctx_size = sizeof(struct options),
        .min_args = 1,
        .max_args = RF_ARGS_ANY,
        .run = run_apply,
    },
};

static const struct rf_program regimport = {
    .name = "regimport",
    .summary = "carry container images to where no network goes: the disconnected side",
    .description =
        "Verifies the bundles that regexport wrote and brings a registry, or image layouts, to what they describe.",
    .examples =
        "regimport verify /media/in/*.tar\n"
        "regimport apply --allow-unsigned --to registry.plant:5000 /media/in/site-000001-3f2a9c01d4e5-1of1.tar",
    .cmds = commands,
    .n_cmds = RF_ARRAY_LEN(commands),
};

int main(int argc, char **argv)
{
    return rf_program_main(&regimport, argc, argv);
}
