/* SPDX-License-Identifier: Apache-2.0 */
/* regexport: the connected side. One row per command and option; what they do is in export/. */
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "export/export.h"
#include "export/items.h"
#include "export/record.h"
#include "policy/config_print.h"
#include "policy/config_site.h"
#include "policy/sections_print.h"
#include "policy/state_dir.h"
#include "tools/common/program.h"
#include "tools/common/progress.h"

#include <unistd.h>

struct options {
    const char *config, *site, *state, *out, *again, *sparse, *request, *as_of;
    struct rf_list bases, platforms;
    bool full, referrers, digest_tags, replan, strict;
};

/* All that a run holds, made from the options. */
struct session {
    struct rf_policy_config *config;
    const struct rf_site *site; /* of config; NULL: it has none */
    struct rf_verdicts *policy;
    struct rf_client *client;
    struct rf_items items;
    struct rf_progress *progress;
    char *state_dir;
    time_t as_of;
    struct rf_export_request req;
};

static void session_release(struct session *s)
{
    rf_progress_free(s->progress);
    rf_items_release(&s->items);
    rf_client_free(s->client);
    rf_verdicts_free(s->policy);
    rf_policy_config_free(s->config);
    free(s->state_dir);
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

static int check_site(const char *site, struct rf_err *err)
{
    if (rf_site_valid(rf_slice_str(site)))
        return 0;
    return rf_fail(err, RFE_USAGE,
                   "--site %s: a site's name is [a-z0-9][a-z0-9._-]{0,63}, such as plant-7", site);
}

static int set_state(struct session *s, const struct options *o, struct rf_err *err)
{
    int rc = check_site(o->site, err);
    if (rc < 0)
        return rc;
    if (o->state != NULL) {
        s->state_dir = rf_xstrdup(o->state);
        return 0;
    }
    return rf_state_dir_default("export", o->site, &s->state_dir, err);
}

/* A day means its first moment. */
static int parse_as_of(const char *text, time_t *out, struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *day = rf_xasprintf("%sT00:00:00Z", text);
    if (rf_text_time_parse(rf_slice_str(text), out, NULL) == 0 ||
        rf_text_time_parse(rf_slice_str(day), out, NULL) == 0)
        return 0;
    return rf_fail(err, RFE_USAGE,
                   "--as-of %s: neither a day (2026-01-31) nor a time (2026-01-31T12:00:00Z)",
                   text);
}

#define DAY_S 86400

static int take_as_of(struct session *s, const struct options *o, struct rf_err *err)
{
    char text[32];
    s->as_of = time(NULL);
    time_t latest = s->as_of + DAY_S;
    int rc = o->as_of != NULL ? parse_as_of(o->as_of, &s->as_of, err) : 0;
    if (rc == 0 && s->as_of > latest)
        rf_log(RF_LOG_WARN, "--as-of lies ahead: all images are older by that, and may be let go",
               "asOf", rf_text_time(s->as_of, text), NULL);
    return rc;
}

static int add_items(struct session *s, const struct options *o, int argc, char **argv,
                     struct rf_err *err)
{
    struct rf_item_options opts = { .platforms = (const char *const *)o->platforms.items,
                                    .n_platforms = o->platforms.n,
                                    .prune = strcmp(o->sparse, "prune") == 0,
                                    .referrers = o->referrers,
                                    .digest_tags = o->digest_tags,
                                    .paths = s->site != NULL ? &s->site->paths : NULL };
    int rc = 0;
    if (argc == 0 && s->config == NULL)
        return rf_fail(
            err, RFE_USAGE,
            "nothing to export: name references (regexport create alpine:3.20 -o DIR) or a policy file (-c FILE)");
    if (s->config != NULL)
        rc = rf_items_add_config(&s->items, s->config, &opts, err);
    for (int i = 0; rc == 0 && i < argc; i++)
        rc = rf_items_add_arg(&s->items, argv[i], &opts, err);
    return rc;
}

static void fill_request(struct session *s, const struct rf_env *env, const struct options *o)
{
    s->progress = rf_progress_new(env->net, "regexport", "starting", 0);
    s->req = (struct rf_export_request){
        .site = o->site,
        .state_dir = s->state_dir,
        .items = s->items.list,
        .n_items = s->items.n,
        .full = o->full,
        .bases = (const char *const *)o->bases.items,
        .n_bases = o->bases.n,
        .parallel = (unsigned)env->net->parallel,
        .replan = o->replan,
        .repair = o->request,
        .strict = o->strict,
        .policy = s->policy,
        .policy_file = s->config != NULL ? s->config->name : NULL,
        .retain = s->config != NULL ? &s->config->retain : NULL,
        .as_of = s->as_of,
        .as_of_given = o->as_of != NULL,
        .client = s->client,
        .phase = phase,
        .progress = rf_progress_bytes,
        .progress_ctx = s->progress,
    };
}

/* Everything that can be wrong with the command line and its files comes to light here, before anything is written or asked. */
static int open_session(struct session *s, const struct rf_env *env, struct options *o, int argc,
                        char **argv, bool items, struct rf_err *err)
{
    int rc = set_state(s, o, err);
    if (rc == 0)
        rc = take_as_of(s, o, err);
    if (rc == 0 && o->full && o->bases.n > 0)
        rc = rf_fail(err, RFE_USAGE,
                     "--full and --base exclude each other: a full bundle builds on nothing");
    if (rc == 0 && o->config != NULL)
        rc = rf_policy_config_load(o->config, RF_POLICY_STRICT, &s->config, err);
    if (rc == 0 && s->config != NULL)
        rc = rf_policy_config_take_site(s->config, o->site, &s->site, err);
    if (rc == 0 && s->config != NULL && s->config->bundle.sparse != NULL &&
        !rf_opt_given(env, "sparse"))
        o->sparse = s->config->bundle.sparse;
    if (rc == 0 && items)
        rc = add_items(s, o, argc, argv, err);
    if (rc == 0 && items && s->config != NULL && rf_policy_section_is_set(&s->config->policy))
        rc = rf_verdicts_open(&s->config->policy, &s->policy, err);
    if (rc == -RFE_INVALID || rc == -RFE_UNSUPPORTED)
        rc = err != NULL ? -(err->code = RFE_USAGE) : -RFE_USAGE;
    if (rc == 0)
        rc = rf_net_client(env->net, s->config != NULL ? merge_creds : NULL, s->config, &s->client,
                           err);
    if (rc == 0)
        fill_request(s, env, o);
    return rc;
}

static void print_buf(struct rf_buf *out, FILE *to)
{
    (void)fwrite(out->ptr, 1, out->len, to);
    (void)fflush(to); /* a failure is found once more at the end of the program */
    rf_buf_release(out);
}

static void report(const struct rf_env *env, struct session *s,
                   const struct rf_export_result *result)
{
    struct rf_buf out;
    bool streamed = result->path != NULL && strcmp(result->path, "-") == 0;
    rf_progress_freep(&s->progress);
    rf_buf_init(&out, 512u << 20);
    if (rf_net_json(env->net))
        rf_export_report_json(result, &out);
    else
        rf_export_report_text(result, &out);
    print_buf(&out, streamed ? stderr : stdout);
    rf_net_stats(env->net, s->client);
}

static int check_holes(const struct rf_export_result *result, struct rf_err *err)
{
    size_t n = result->plan->bundle->n_holes;
    size_t mistakes = rf_plan_mistakes(result->plan);
    if (n == 0 && mistakes > 0)
        return rf_fail(
            err, RFE_PARTIAL,
            "the policy failed for %zu image%s, which %s not in the bundle (listed as refused); the next run asks again",
            mistakes, rf_text_s(mistakes), rf_text_by_count(mistakes, "is", "are"));
    if (n == 0)
        return 0;
    return rf_fail(
        err, RFE_PARTIAL,
        "%zu image%s could not be had and %s not in the bundle (listed as %s); the next run tries %s again",
        n, rf_text_s(n), rf_text_by_count(n, "is", "are"), rf_text_by_count(n, "a hole", "holes"),
        rf_text_by_count(n, "it", "them"));
}

static int finish(const struct rf_env *env, struct session *s,
                  const struct rf_export_result *result, int rc, struct rf_err *err)
{
    if (rc == 0) {
        report(env, s, result);
        return check_holes(result, err);
    }
    rf_progress_freep(&s->progress);
    if (s->client != NULL)
        rf_net_stats(env->net, s->client);
    return rc;
}

/* Where the bundle goes: the command line's word, else the file's. */
static const char *output_of(const struct session *s, const struct rf_env *env,
                             const struct options *o)
{
    const char *said = s->config != NULL ? s->config->bundle.out : NULL;
    return said != NULL && !rf_opt_given(env, "out") ? said : o->out;
}

static int run_plan(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct options *o = ctx;
    RF_CLEANUP(rf_export_result_release) struct rf_export_result result = RF_EXPORT_RESULT_INIT;
    RF_CLEANUP(session_release) struct session s = { 0 };
    int rc = open_session(&s, env, ctx, argc, argv, true, err);
    if (rc == 0)
        rc = rf_export_plan(&s.req, output_of(&s, env, o), &result, err);
    bool planned = rc == 0;
    rc = finish(env, &s, &result, rc, err);
    if (!planned || (rc < 0 && rc != -RFE_PARTIAL))
        return rc;
    int fits = rf_export_check_plan(&result, err);
    return fits < 0 ? fits : rc;
}

/* What the file says of the bundle, where the command line does not. */
static void take_bundle(struct session *s, const struct rf_env *env, struct options *o)
{
    const struct rf_bundle_options *b = s->config != NULL ? &s->config->bundle : NULL;
    o->out = output_of(s, env, o);
    if (b != NULL && b->strict != RF_TRI_UNSET && !rf_opt_given(env, "strict"))
        s->req.strict = b->strict == RF_TRI_YES;
}

static int check_output(const struct options *o, struct rf_err *err)
{
    if (o->out[0] == '\0')
        return rf_fail(err, RFE_USAGE,
                       "-o is missing: name the folder for the bundle, or - for standard output");
    if (strcmp(o->out, "-") == 0 && isatty(STDOUT_FILENO) != 0)
        return rf_fail(err, RFE_USAGE,
                       "-o -: standard output is a terminal; redirect it to a file or a pipe");
    return 0;
}

static int run_create(const struct rf_env *env, void *ctx, int argc, char **argv,
                      struct rf_err *err)
{
    struct options *o = ctx;
    RF_CLEANUP(rf_export_result_release) struct rf_export_result result = RF_EXPORT_RESULT_INIT;
    RF_CLEANUP(session_release) struct session s = { 0 };
    int rc = 0;
    if (o->again != NULL && (argc > 0 || o->request != NULL))
        rc = rf_fail(
            err, RFE_USAGE,
            "--again writes a bundle of the history anew; references and --request do not go with it");
    if (rc == 0 && o->request != NULL && (argc > 0 || o->full || o->bases.n > 0))
        rc = rf_fail(
            err, RFE_USAGE,
            "--request says what is carried; references, --full and --base do not go with it");
    if (rc == 0)
        rc = open_session(&s, env, o, argc, argv, o->again == NULL && o->request == NULL, err);
    if (rc == 0) {
        take_bundle(&s, env, o);
        s.req.waits = true;
        rc = check_output(o, err);
    }
    if (rc == 0 && o->again != NULL)
        rc = rf_export_again(&s.req, o->again, o->out, &result, err);
    else if (rc == 0)
        rc = rf_export_create(&s.req, o->out, &result, err);
    return finish(env, &s, &result, rc, err);
}

/* Without --site the file as a whole. */
static int run_config(const struct rf_env *env, void *ctx, int argc, char **argv,
                      struct rf_err *err)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *config = NULL;
    const struct options *o = ctx;
    struct rf_buf out;
    (void)env;
    (void)argc;
    (void)argv;
    if (o->config == NULL)
        return rf_fail(err, RFE_USAGE, "-c is missing: the policy file to print");
    int rc = rf_policy_config_load(o->config, RF_POLICY_STRICT, &config, err);
    if (rc == 0 && o->site != NULL)
        rc = rf_policy_config_take_site(config, o->site, NULL, err);
    if (rc < 0)
        return rc;
    rf_buf_init(&out, 512u << 20);
    rf_policy_config_print(config, &out);
    rf_policy_sections_print(config, &out);
    print_buf(&out, stdout);
    return 0;
}

static int run_history(const struct rf_env *env, void *ctx, int argc, char **argv,
                       struct rf_err *err)
{
    RF_CLEANUP(session_release) struct session s = { 0 };
    RF_CLEANUP(rf_export_state_freep) struct rf_export_state *state = NULL;
    const struct options *o = ctx;
    struct rf_buf out;
    (void)argc;
    (void)argv;
    int rc = set_state(&s, o, err);
    if (rc == 0)
        rc = rf_export_state_peek(s.state_dir, o->site, &state, err);
    if (rc < 0)
        return rc;
    rf_buf_init(&out, 512u << 20);
    if (rf_net_json(env->net))
        rf_export_history_json(state, &out);
    else
        rf_export_history_text(state, &out);
    print_buf(&out, stdout);
    return 0;
}

static int record_files(struct rf_export_state *state, int argc, char **argv, struct rf_buf *said,
                        struct rf_err *err)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < argc; i++)
        rc = rf_export_record_file(state, argv[i], said, err);
    return rc;
}

static int run_record(const struct rf_env *env, void *ctx, int argc, char **argv,
                      struct rf_err *err)
{
    RF_CLEANUP(session_release) struct session s = { 0 };
    RF_CLEANUP(rf_export_state_freep) struct rf_export_state *state = NULL;
    const struct options *o = ctx;
    struct rf_buf out;
    int rc = set_state(&s, o, err);
    if (rc == 0)
        rc = rf_export_state_open(s.state_dir, o->site, 0, &state, err);
    if (rc < 0)
        return rc;
    rf_buf_init(&out, 512u << 20);
    rc = record_files(state, argc, argv, &out, err);
    if (rc == 0 && rf_net_json(env->net)) {
        rf_buf_clear(&out);
        rf_export_history_json(state, &out);
    }
    print_buf(&out, stdout);
    return rc;
}

#define AT(field) offsetof(struct options, field)
#define SITE_OPTS                                                                                              \
    { "site",                                                                                                  \
      0,                                                                                                       \
      RF_OPT_STRING,                                                                                           \
      AT(site),                                                                                                \
      "NAME",                                                                                                  \
      "the far side that this is for; each has its own history; in a file with sites one of these",            \
      "site",                                                                                                  \
      0 },                                                                                                     \
    {                                                                                                          \
        "state", 0, RF_OPT_STRING, AT(state), "DIR",                                                           \
            "what is remembered of the site (default ${XDG_STATE_HOME:-~/.local/state}/regferry/export/SITE)", \
            NULL, 0                                                                                            \
    }
#define SELECT_OPTS                                                                                                                                                                                                                                                       \
    { "config",                                                                                                                                                                                                                                                           \
      'c',                                                                                                                                                                                                                                                                \
      RF_OPT_STRING,                                                                                                                                                                                                                                                      \
      AT(config),                                                                                                                                                                                                                                                         \
      "FILE",                                                                                                                                                                                                                                                             \
      "policy file: creds, defaults, sync steps, sites, bundle, retain, policy; - for standard input",                                                                                                                                                                    \
      NULL,                                                                                                                                                                                                                                                               \
      0 },                                                                                                                                                                                                                                                                \
        SITE_OPTS, { "as-of",                                                                                                                                                                                                                                             \
                     0,                                                                                                                                                                                                                                                   \
                     RF_OPT_STRING,                                                                                                                                                                                                                                       \
                     AT(as_of),                                                                                                                                                                                                                                           \
                     "TIME",                                                                                                                                                                                                                                              \
                     "ages in retain rules are measured against this day or time (default: now)",                                                                                                                                                                         \
                     NULL,                                                                                                                                                                                                                                                \
                     0 },                                                                                                                                                                                                                                                 \
        { "full", 0, RF_OPT_FLAG, AT(full), NULL, "carry everything, whatever the site has", NULL, 0 },                                                                                                                                                                   \
        { "base",                                                                                                                                                                                                                                                         \
          0,                                                                                                                                                                                                                                                              \
          RF_OPT_LIST,                                                                                                                                                                                                                                                    \
          AT(bases),                                                                                                                                                                                                                                                      \
          "SNAPSHOT|BUNDLE|INVENTORY|confirmed",                                                                                                                                                                                                                          \
          "what the site has, instead of the snapshot last exported: a snapshot, bundle or inventory of the history (8 hex digits or more), the file of a bundle or an inventory, or confirmed for the last one that a receipt confirms; repeated, all of them together", \
          NULL,                                                                                                                                                                                                                                                           \
          0 },                                                                                                                                                                                                                                                            \
        { "platform",    0,          RF_OPT_COMMAS,                                                                                                                                                                                                                       \
          AT(platforms), "PLATFORM", "of indexes, only these, such as linux/amd64,linux/arm64",                                                                                                                                                                           \
          NULL,          0 },                                                                                                                                                                                                                                             \
        { "sparse",                                                                                                                                                                                                                                                       \
          0,                                                                                                                                                                                                                                                              \
          RF_OPT_CHOICE,                                                                                                                                                                                                                                                  \
          AT(sparse),                                                                                                                                                                                                                                                     \
          "keep|prune",                                                                                                                                                                                                                                                   \
          "of an index that is carried in part: keep it as it is, or make a new one of what is chosen (its digest changes); without this what the file says (bundle.sparse)",                                                                                             \
          "keep",                                                                                                                                                                                                                                                         \
          0 },                                                                                                                                                                                                                                                            \
        { "referrers", 0,                                                                                                                                                                                                                                                 \
          RF_OPT_FLAG, AT(referrers),                                                                                                                                                                                                                                     \
          NULL,        "take along what refers to the images: signatures, SBOMs, attestations",                                                                                                                                                                           \
          NULL,        0 },                                                                                                                                                                                                                                               \
    {                                                                                                                                                                                                                                                                     \
        "digest-tags", 0, RF_OPT_FLAG, AT(digest_tags), NULL,                                                                                                                                                                                                             \
            "take along tags of the form sha256-<digest>.suffix", NULL, 0                                                                                                                                                                                                 \
    }

static const struct rf_opt plan_opts[] = {
    { "out", 'o', RF_OPT_STRING, AT(out), "DIR|-",
      "folder that the bundle is to go to: is there room for it; - does not look; without it what the file says (bundle.out)",
      ".", 0 },
    SELECT_OPTS
};
static const struct rf_opt create_opts[] = {
    { "out", 'o', RF_OPT_STRING, AT(out), "DIR|-",
      "folder for the bundle, made when absent; - for standard output; without it what the file says (bundle.out)",
      ".", 0 },
    SELECT_OPTS,
    { "again", 0, RF_OPT_STRING, AT(again), "ID",
      "write a bundle of the history anew, byte for byte", NULL, 0 },
    { "request", 0, RF_OPT_STRING, AT(request), "FILE",
      "write a repair bundle: exactly what this request of regimport asks for", NULL, 0 },
    { "strict", 0, RF_OPT_FLAG, AT(strict), NULL,
      "an image that cannot be had is a failure (status 1) instead of a hole; nothing is recorded; without this what the file says (bundle.strict)",
      NULL, 0 },
    { "replan", 0, RF_OPT_FLAG, AT(replan), NULL,
      "do not go on with the plan of an interrupted run", NULL, 0 },
};
static const struct rf_opt record_opts[] = { SITE_OPTS };
static const struct rf_opt history_opts[] = { SITE_OPTS };
static const struct rf_opt config_opts[] = {
    { "config", 'c', RF_OPT_STRING, AT(config), "FILE", "policy file; - for standard input", NULL,
      0 },
    { "site", 0, RF_OPT_STRING, AT(site), "NAME", "only what counts for this site of the file",
      NULL, 0 },
};

static const struct rf_cmd commands[] = {
    {
        .name = "plan",
        .synopsis = "[SOURCE|SOURCE=PATH[:TAG]]...",
        .summary = "show what a bundle would carry, without writing one",
        .description =
            "Resolves every tag, reads manifests and configurations, subtracts what the site has, and asks for each layer. "
            "Fetched manifests are kept in the state, so that a create right after costs little.",
        .examples = "regexport plan alpine:3.20 nginx:1.27\n"
                    "regexport plan -c ferry.yml --site plant-7 --output json",
        .opts = plan_opts,
        .n_opts = RF_ARRAY_LEN(plan_opts),
        .ctx_size = sizeof(struct options),
        .max_args = RF_ARGS_ANY,
        .run = run_plan,
    },
    {
        .name = "create",
        .synopsis = "[SOURCE|SOURCE=PATH[:TAG]]...",
        .summary = "write a bundle with all that the site lacks",
        .description =
            "The first bundle of a site is a full one; every further one carries only what the last did not bring. SOURCE is an image of a "
            "registry (alpine:3.20, reg.example/team/app@sha256:...), a layout folder (ocidir://PATH[:TAG]) or a layout tar or bundle "
            "(ocifile://FILE[:TAG]). PATH[:TAG] is its name on the far side; without it the name stays.\n\n"
            "An interrupted run leaves NAME.partial and NAME.journal beside the bundle-to-be: the same command goes on from there. Images that cannot be had "
            "become holes and the exit status is 3; the rest is carried.",
        .examples =
            "regexport create alpine:3.20 nginx:1.27 -o /media/out\n"
            "# only what changed since, for one of several sites\n"
            "regexport create -c ferry.yml --site plant-7 -o /media/out\n"
            "# two platforms, under another name, with signatures\n"
            "regexport create --platform linux/amd64,linux/arm64 --referrers quay.io/team/app:2=mirror/app:2 -o /media/out\n"
            "# a lost disc: the same bytes once more\n"
            "regexport create --again 3f2a9c01 -o /media/out\n"
            "# only what the far side said that it lacks\n"
            "regexport create --request request.json -o /media/out\n"
            "# on what a receipt confirmed, not on what was sent\n"
            "regexport create -c ferry.yml --base confirmed -o /media/out",
        .opts = create_opts,
        .n_opts = RF_ARRAY_LEN(create_opts),
        .ctx_size = sizeof(struct options),
        .max_args = RF_ARGS_ANY,
        .run = run_create,
    },
    {
        .name = "record",
        .synopsis = "FILE...",
        .summary = "take in receipts and inventories that came back from a site",
        .description =
            "A receipt (regimport apply --receipt) confirms a bundle: --base confirmed builds on the last one so confirmed, without what was refused there. An inventory "
            "(regimport inventory) can be named with --base. Files of another site, or for bundles that the history does not know, are refused. Nothing depends on "
            "recording: without it, the next bundle builds on the last one sent.",
        .examples = "regexport record --site plant-7 /media/back/*.json\n"
                    "regexport history --site plant-7",
        .opts = record_opts,
        .n_opts = RF_ARRAY_LEN(record_opts),
        .ctx_size = sizeof(struct options),
        .min_args = 1,
        .max_args = RF_ARGS_ANY,
        .run = run_record,
    },
    {
        .name = "history",
        .summary = "list the bundles written for a site, and what came back",
        .examples = "regexport history --site plant-7",
        .opts = history_opts,
        .n_opts = RF_ARRAY_LEN(history_opts),
        .ctx_size = sizeof(struct options),
        .run = run_history,
    },
    {
        .name = "config",
        .summary = "print a policy file as it was understood",
        .description = "With defaults filled in, aliases and templates expanded. Logins are in it.",
        .examples = "regexport config -c ferry.yml --site plant-7",
        .opts = config_opts,
        .n_opts = RF_ARRAY_LEN(config_opts),
        .ctx_size = sizeof(struct options),
        .run = run_config,
    },
};

static const struct rf_program regexport = {
    .name = "regexport",
    .summary = "carry container images to where no network goes: the connected side",
    .description =
        "Reads registries and image layouts and writes bundles: files that hold all that a disconnected site lacks, for regimport there.",
    .examples = "regexport create alpine:3.20 -o /media/out\n"
                "regexport history",
    .cmds = commands,
    .n_cmds = RF_ARRAY_LEN(commands),
};

int main(int argc, char **argv)
{
    return rf_program_main(&regexport, argc, argv);
}
