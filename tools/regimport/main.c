/* SPDX-License-Identifier: Apache-2.0 */
/* regimport: the disconnected side. One row per command and option; what they do is in import/. */
#include "base/file.h"
#include "base/mem.h"
#include "import/ahead.h"
#include "import/order.h"
#include "tools/regimport/session.h"

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
    return result->run.doc != NULL && (rc == 0 || rc == -RFE_GROUND_MISSING || rc == -RFE_PARTIAL ||
                                       result->stage == RF_IMPORT_PLANNED);
}

typedef int (*one_bundle)(const struct rf_import_request *, const char *, struct rf_import_result *,
                          struct rf_err *);

static void result_freep(struct rf_import_result **r)
{
    if (*r != NULL)
        rf_import_result_release(*r);
    rf_freep(r);
}

/* `last`: no other bundle comes behind it. */
static int run_one(struct session *s, one_bundle f, const char *path, bool state, bool last,
                   struct rf_err *err)
{
    RF_CLEANUP(result_freep) struct rf_import_result *result = rf_xcalloc(1, sizeof(*result));
    RF_CLEANUP(rf_freep) char *dir = NULL;
    rf_import_result_init(result);
    int rc = state ? session_state(s, path, &dir, err) : 0;
    if (rc < 0)
        return rc;
    s->req.state_dir = dir;
    session_progress(s);
    rc = f(&s->req, path, result, err);
    rf_progress_phase(s->progress, "done", 0);
    if (worth_telling(result, rc)) {
        session_end_progress(s);
        report(s, result);
    }
    if (s->req.ahead != NULL && !last && (rc == 0 || rc == -RFE_PARTIAL))
        rf_ahead_enter(s->req.ahead, RF_STEAL(result), dir);
    return rc;
}

static int run_bundles(struct session *s, one_bundle f, bool destination, int argc, char **argv,
                       struct rf_err *err)
{
    int rc = 0, partial = 0;
    for (int i = 0; rc == 0 && i < argc; i++) {
        rc = run_one(s, f, argv[i], destination, i + 1 == argc, err);
        if (rc == -RFE_PARTIAL && i + 1 < argc) {
            partial = rc; /* the others may still be whole */
            rc = 0;
        }
    }
    rf_progress_freep(&s->progress);
    if (rc == 0 && partial < 0)
        return rf_fail(err, RFE_PARTIAL,
                       "not all images that were selected are in place (listed above)");
    return rc;
}

static int run_all(const struct rf_env *env, const struct options *o, one_bundle f,
                   bool destination, int argc, char **argv, struct rf_err *err)
{
    RF_CLEANUP(session_release) struct session s = { 0 };
    int rc = session_open(&s, env, o, destination, err);
    if (rc == 0)
        rc = run_bundles(&s, f, destination, argc, argv, err);
    if (s.client != NULL)
        rf_net_stats(env->net, s.client);
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

/* Several: each as the destination is when those before it have been applied. */
static int plan_all(struct session *s, int argc, char **argv, struct rf_err *err)
{
    RF_CLEANUP(rf_ahead_freep) struct rf_ahead *ahead = NULL;
    if (argc > 1) {
        s->req.ahead = ahead = rf_ahead_new(s->req.to);
        s->req.to = rf_ahead_place(ahead);
    }
    int rc = run_bundles(s, rf_import_plan, true, argc, argv, err);
    if (rc == 0 && s->o->prune)
        rc = prune_behind(s, argv[argc - 1], true, err);
    session_end_progress(s);
    return rc;
}

static int run_plan(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct options *o = ctx;
    int rc = check_prune_options(o, err);
    if (rc < 0)
        return rc;
    rf_import_order(argv, (size_t)argc);
    RF_CLEANUP(session_release) struct session s = { 0 };
    rc = session_open(&s, env, o, true, err);
    if (rc == 0)
        rc = plan_all(&s, argc, argv, err);
    if (s.client != NULL)
        rf_net_stats(env->net, s.client);
    return rc;
}

/* Several bundles: all of them are whole before the first is applied. */
static int run_apply(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct options *o = ctx;
    int rc0 = check_prune_options(o, err);
    if (rc0 < 0)
        return rc0;
    if (argc > 1 && o->receipt != NULL && !rf_path_is_dir(o->receipt))
        return rf_fail(err, RFE_USAGE,
                       "--receipt %s: several bundles have a receipt each; name a folder",
                       o->receipt);
    rf_import_order(argv, (size_t)argc);
    if (argc > 1 && !o->stream) {
        struct options quiet = *o;
        for (int i = 0; i < argc; i++) {
            RF_CLEANUP(session_release) struct session s = { 0 };
            RF_CLEANUP(rf_import_result_release) struct rf_import_result result;
            rf_import_result_init(&result);
            int rc = session_open(&s, env, &quiet, false, err);
            if (rc == 0)
                rc = rf_import_verify(&s.req, argv[i], &result, err);
            if (rc < 0)
                return rc;
        }
    }
    int rc = run_all(env, o, rf_import_apply, true, argc, argv, err);
    /* Not behind a bundle of which a part is missing: then more is needed than can be seen. */
    return rc == 0 && o->prune ? run_prune_behind(env, o, argv[argc - 1], err) : rc;
}

#define AT(field) offsetof(struct options, field)
#define COMMON_OPTS                                                                                                 \
    { "config",                                                                                                     \
      'c',                                                                                                          \
      RF_OPT_STRING,                                                                                                \
      AT(config),                                                                                                   \
      "FILE",                                                                                                       \
      "policy file: creds, the site's `to`, and what this side accepts and keeps; - for standard input",            \
      NULL,                                                                                                         \
      0 },                                                                                                          \
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
#define TO_OPTS                                                     \
    { "to",                                                         \
      0,                                                            \
      RF_OPT_STRING,                                                \
      AT(to),                                                       \
      "REGISTRY[/PREFIX]|ocidir://PATH",                            \
      "the destination; below ocidir:// one layout per repository", \
      NULL,                                                         \
      0 },                                                          \
        COMMON_OPTS
#define CHECK_OPT                                                                           \
    {                                                                                       \
        "check", 0, RF_OPT_CHOICE, AT(check), "blobs|manifests",                            \
            "how far images that did not change are checked at the destination", "blobs", 0 \
    }

#define COMPLETE_OPT                                                                                                   \
    {                                                                                                                  \
        "complete-only", 0, RF_OPT_FLAG, AT(complete_only), NULL,                                                      \
            "where ground is missing, take the images that are whole and leave the others as they are; exit status 3", \
            NULL, 0                                                                                                    \
    }

#define PRUNE_OPTS                                                                                                            \
    { "in-use",                                                                                                               \
      0,                                                                                                                      \
      RF_OPT_LIST,                                                                                                            \
      AT(in_use),                                                                                                             \
      "FILE",                                                                                                                 \
      "what these digests or references name stays; a list as cluster tools print it, - for standard input; may be repeated", \
      NULL,                                                                                                                   \
      0 },                                                                                                                    \
    {                                                                                                                         \
        "confirm-delete", 0, RF_OPT_STRING, AT(confirm_delete), "N",                                                          \
            "exactly so many images are meant to go; wanted where a repository would have no selected image any more",        \
            NULL, 0                                                                                                           \
    }
#define PRUNE_OPT                                                                                \
    {                                                                                            \
        "prune", 0, RF_OPT_FLAG, AT(prune), NULL, "afterwards, as regimport prune does", NULL, 0 \
    }

static const struct rf_opt look_opts[] = { COMMON_OPTS };
static const struct rf_opt plan_opts[] = {
    TO_OPTS,
    CHECK_OPT,
    COMPLETE_OPT,
    { "all", 0, RF_OPT_FLAG, AT(all), NULL,
      "also list the images that do not change, line by line; JSON always has them", NULL, 0 },
    PRUNE_OPT,
    PRUNE_OPTS,
};
static const struct rf_opt apply_opts[] = {
    TO_OPTS,
    CHECK_OPT,
    COMPLETE_OPT,
    PRUNE_OPT,
    PRUNE_OPTS,
    { "stream", 0, RF_OPT_FLAG, AT(stream), NULL,
      "for slow media: read the bundle once, sending blobs while it is verified; manifests and tags still wait for the last byte",
      NULL, 0 },
    { "receipt", 0, RF_OPT_STRING, AT(receipt), "FILE|DIR",
      "also write the receipt there, to be carried back for regexport record; in a folder it is named after the bundle",
      NULL, 0 },
};

static const struct rf_opt request_opts[] = {
    { "out", 'o', RF_OPT_STRING, AT(out), "FILE", "where the request goes; - for standard output",
      "-", 0 },
    TO_OPTS,
};
static const struct rf_opt inventory_opts[] = {
    { "out", 'o', RF_OPT_STRING, AT(out), "FILE", "where the inventory goes; - for standard output",
      "-", 0 },
    { "to", 0, RF_OPT_STRING, AT(to), "REGISTRY[/PREFIX]|ocidir://PATH",
      "the destination; below ocidir:// one layout per repository", NULL, 0 },
    { "repository", 0, RF_OPT_LIST, AT(repositories), "NAME",
      "only this one, as bundles name it (without PREFIX); may be repeated (default: those of the bundle applied last)",
      NULL, 0 },
    { "config", 'c', RF_OPT_STRING, AT(config), "FILE",
      "policy file: creds, and the site's `to`; - for standard input", NULL, 0 },
    { "site", 0, RF_OPT_STRING, AT(site), "NAME",
      "the site this is (default: that of the bundle applied last, else site)", NULL, 0 },
    { "state", 0, RF_OPT_STRING, AT(state), "DIR",
      "what is remembered of earlier imports (default ${XDG_STATE_HOME:-~/.local/state}/regferry/import/SITE)",
      NULL, 0 },
};

static const struct rf_opt prune_opts[] = {
    { "plan", 0, RF_OPT_FLAG, AT(plan), NULL, "only show what would be done", NULL, 0 },
    { "to", 0, RF_OPT_STRING, AT(to), "REGISTRY[/PREFIX]|ocidir://PATH",
      "the destination, as it was named for apply", NULL, 0 },
    PRUNE_OPTS,
    { "config", 'c', RF_OPT_STRING, AT(config), "FILE",
      "policy file: creds, the site's `to`, and what this side keeps; - for standard input", NULL,
      0 },
    { "site", 0, RF_OPT_STRING, AT(site), "NAME", "the site whose state this is (default: site)",
      NULL, 0 },
    { "state", 0, RF_OPT_STRING, AT(state), "DIR",
      "what is remembered of earlier imports (default ${XDG_STATE_HOME:-~/.local/state}/regferry/import/SITE)",
      NULL, 0 },
};

static const struct rf_opt config_opts[] = {
    { "config", 'c', RF_OPT_STRING, AT(config), "FILE", "policy file; - for standard input", NULL,
      0 },
    { "site", 0, RF_OPT_STRING, AT(site), "NAME", "only what counts for this site of the file",
      NULL, 0 },
};

static const struct rf_opt rollback_opts[] = {
    { "plan", 0, RF_OPT_FLAG, AT(plan), NULL, "only show what would be done", NULL, 0 },
    { "also-moved", 0, RF_OPT_FLAG, AT(also_moved), NULL,
      "take back tags too that somebody else has moved since", NULL, 0 },
    { "complete-only", 0, RF_OPT_FLAG, AT(complete_only), NULL,
      "where an old image is not whole any more, leave its tag and take back the others; exit status 3",
      NULL, 0 },
    { "to", 0, RF_OPT_STRING, AT(to), "REGISTRY[/PREFIX]|ocidir://PATH",
      "the destination, as it was named for apply", NULL, 0 },
    { "config", 'c', RF_OPT_STRING, AT(config), "FILE",
      "policy file: creds, and the site's `to`; - for standard input", NULL, 0 },
    { "site", 0, RF_OPT_STRING, AT(site), "NAME", "the site whose state this is (default: site)",
      NULL, 0 },
    { "state", 0, RF_OPT_STRING, AT(state), "DIR",
      "what is remembered of earlier imports (default ${XDG_STATE_HOME:-~/.local/state}/regferry/import/SITE)",
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
        .description =
            "Nothing is written. Several bundles are taken in the order of their chain, each as the destination is by then: with what those before it bring.",
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
            "command again finishes. Several bundles are taken in the order of their chain, however they are listed, each on the ground that the one before has laid.",
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
    {
        .name = "prune",
        .summary = "delete what the retention rules of both sides let go",
        .description =
            "What the rules of the bundle applied last let go loses its tag, if this side's own rules (-c FILE) let it go as well, the tag still has the digest that a bundle "
            "brought, and it is not in use. Its manifests are deleted by a later run, when the grace time has passed and nothing that stays needs them. Layouts free the "
            "space then; of a registry its own garbage collection does. More than maxDelete, or a repository that would have no selected image any more: nothing is deleted (status 6).",
        .examples = "regimport prune --plan --to registry.plant:5000\n"
                    "kubectl get pods -A -o jsonpath='{..image} {..imageID}' > in-use.txt\n"
                    "regimport prune --to registry.plant:5000 --in-use in-use.txt",
        .opts = prune_opts,
        .n_opts = RF_ARRAY_LEN(prune_opts),
        .ctx_size = sizeof(struct options),
        .run = run_prune,
    },
    {
        .name = "config",
        .summary = "print a policy file as it was understood",
        .description = "With defaults filled in, aliases and templates expanded. Logins are in it.",
        .examples = "regimport config -c ferry.yml --site plant-7",
        .opts = config_opts,
        .n_opts = RF_ARRAY_LEN(config_opts),
        .ctx_size = sizeof(struct options),
        .run = run_config,
    },
    {
        .name = "rollback",
        .synopsis = "[BUNDLE-ID|none]",
        .summary = "point tags back to what they were before a bundle",
        .description =
            "Without an ID the bundle that was applied last is taken back, once: repeated, it takes nothing more. With an ID all bundles are taken back "
            "that were applied after that one; none goes back to before the first. An ID is a digest, or its first 8 digits or more. Tags that somebody else "
            "moved since are listed and left, those that were not there before are deleted. What tags go back to is read first: when an image is not "
            "whole any more, nothing is written and the exit status is 5. No content is deleted. The bundle can be applied again.",
        .examples = "regimport rollback --plan --to registry.plant:5000\n"
                    "regimport rollback --to registry.plant:5000 --site plant-7\n"
                    "# everything that came after this bundle\n"
                    "regimport rollback 3f2a9c01d4e5 --to ocidir:///srv/images",
        .opts = rollback_opts,
        .n_opts = RF_ARRAY_LEN(rollback_opts),
        .ctx_size = sizeof(struct options),
        .max_args = 1,
        .run = run_rollback,
    },
    {
        .name = "request",
        .synopsis = "BUNDLE",
        .summary = "ask for what a bundle builds on and the destination lacks",
        .description =
            "Verifies the bundle and checks the destination as apply does, and writes what is missing as a small readable file. Carried back, "
            "`regexport create --request` answers with a repair bundle of exactly these bytes: apply that one, then this one. The exit status is 0 too when "
            "nothing is missing; then no file is written. Nothing is ever written to the destination.",
        .examples =
            "regimport request --allow-unsigned --to registry.plant:5000 -o request.json /media/in/site-000004-3f2a9c01d4e5-1of1.tar",
        .opts = request_opts,
        .n_opts = RF_ARRAY_LEN(request_opts),
        .ctx_size = sizeof(struct options),
        .min_args = 1,
        .max_args = 1,
        .run = run_request,
    },
    {
        .name = "inventory",
        .summary = "write down what the destination really has",
        .description =
            "Gets every manifest and reads a byte of every blob of the site's repositories, and lists the images that are whole. Carried back, it tells "
            "regexport what the site has: as --base, or by regexport record.",
        .examples =
            "regimport inventory --to registry.plant:5000 -o inventory.json\n"
            "# a destination that no bundle is remembered of\n"
            "regimport inventory --to registry.plant:5000/mirror --site plant-7 --repository library/alpine --repository team/app -o inventory.json",
        .opts = inventory_opts,
        .n_opts = RF_ARRAY_LEN(inventory_opts),
        .ctx_size = sizeof(struct options),
        .run = run_inventory,
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
