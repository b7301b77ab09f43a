/* SPDX-License-Identifier: Apache-2.0 */
/* regctl manifest: what `image delete|digest|manifest` are other names of, too. */
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "policy/object/object_manifest.h"
#include "regclient/fetch.h"
#include "regclient/manifest_delete.h"
#include "tools/regctl/groups.h"
#include "tools/regctl/input.h"
#include "tools/regctl/output.h"
#include "tools/regctl/rows.h"

struct options {
    bool by_digest, force_tag, ignore_missing, referrers, context_full;
    bool list, require_digest, require_list;
    const char *content_type, *format, *platform;
    int64_t context;
};

/* ---- delete ---- */

/* The digest that is to go: the reference's own, or with --force-tag-dereference the tag's. */
static int find_digest(struct regctl_target *t, const struct options *o, struct rf_digest *out,
                       struct rf_err *err)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    if (t->digest != NULL) {
        *out = *t->digest;
        return 0;
    }
    if (!o->force_tag) {
        RF_CLEANUP(rf_freep) char *name = rf_ref_common_name(&t->ref);
        return rf_fail(err, RFE_USAGE, "digest required to delete manifest, reference %s", name);
    }
    int rc = rf_place_resolve(t->place, t->repo, t->tag, NULL, &d, err);
    if (rc == 0)
        *out = d.digest;
    return rc;
}

/* A registry that deletes nothing says so before it looks: whether it is there decides. */
static bool is_missing(struct regctl_target *t)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    struct rf_err ignored;
    return rf_place_resolve(t->place, t->repo, t->digest != NULL ? NULL : t->tag, t->digest, &d,
                            &ignored) == -RFE_NOT_FOUND;
}

static int run_delete(const struct rf_env *env, void *ctx, int argc, char **argv,
                      struct rf_err *err)
{
    const struct options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(regctl_target_release) struct regctl_target t = REGCTL_TARGET_INIT;
    struct rf_digest digest = { 0 };
    struct rf_err e = RF_ERR_INIT;
    (void)argc;
    int rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = regctl_target_open(&s, argv[0], REGCTL_WRITE, &t, err);
    if (rc < 0)
        return rc;
    rc = find_digest(&t, o, &digest, &e);
    if (rc == 0)
        rc = rf_manifest_delete(t.place, t.repo, &digest, o->referrers, &e);
    if (rc == 0)
        return regctl_target_done(&t, err);
    if (o->ignore_missing && (t.digest != NULL || o->force_tag) &&
        (rc == -RFE_NOT_FOUND || is_missing(&t)))
        return 0;
    *err = e;
    return rc;
}

/* ---- diff ---- */

static int indented(struct regctl_session *s, const char *reference, struct rf_buf *out,
                    struct rf_err *err)
{
    RF_CLEANUP(regctl_target_release) struct regctl_target t = REGCTL_TARGET_INIT;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    RF_CLEANUP(rf_manifest_object_release) struct rf_manifest_object object = { 0 };
    RF_CLEANUP(rf_arena_release) struct rf_arena arena;
    rf_arena_init(&arena, 0);
    const struct rf_call call = { .arena = &arena };
    int rc = regctl_target_open(s, reference, 0, &t, err);
    if (rc == 0)
        rc = rf_place_get_manifest(t.place, t.repo, t.digest != NULL ? NULL : t.tag, t.digest, NULL,
                                   &m, err);
    if (rc < 0)
        return rc;
    rf_manifest_object_init(&object, &(struct rf_manifest_facts){ .manifest = m });
    const struct rf_value v = rf_manifest_object_value(&object);
    return rf_value_json(&call, &v, RF_VALUE_JSON_PRETTY, out, err);
}

static int run_diff(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf a, b;
    (void)argc;
    rf_buf_init(&a, 0);
    rf_buf_init(&b, 0);
    int rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = indented(&s, argv[0], &a, err);
    if (rc == 0)
        rc = indented(&s, argv[1], &b, err);
    if (rc == 0)
        regctl_print_diff(&a, &b, o->context, o->context_full);
    return rc;
}

/* ---- get and head ---- */

/* What is shown names the image itself, not the index that it was found in. */
static void name_chosen(struct regctl_target *t, const struct rf_fetched *f)
{
    if (!f->chosen)
        return;
    rf_ref_set_tag(&t->ref, NULL);
    rf_ref_set_digest(&t->ref, &f->descriptor.digest);
}

static int check_list(const struct rf_env *env, const struct options *o, struct rf_err *err)
{
    if (rf_opt_given(env, "list"))
        rf_log(
            RF_LOG_INFO,
            "list option has been deprecated, manifest list is output by default until a platform is specified",
            NULL);
    if (o->platform != NULL && o->platform[0] != '\0' && o->require_list)
        return rf_fail(err, RFE_USAGE, "cannot request a platform and require-list simultaneously");
    return 0;
}

static int check_is_list(const struct options *o, const struct rf_fetched *f, struct rf_err *err)
{
    const char *type = f->descriptor.media_type;
    if (!o->require_list || rf_media_kind(type) == RF_KIND_INDEX)
        return 0;
    return rf_fail(err, RFE_UNSUPPORTED, "manifest list not received, media type %s",
                   type != NULL ? type : "unknown");
}

static int open_and_fetch(struct regctl_session *s, const struct options *o, const char *reference,
                          bool head, struct regctl_target *t, struct rf_fetched *f,
                          struct rf_err *err)
{
    struct rf_platform platform = RF_PLATFORM_INIT;
    int rc = regctl_target_open(s, reference, 0, t, err);
    int wanted = rc == 0 ? regctl_platform(o->platform, &platform, err) : rc;
    if (wanted < 0)
        return wanted;
    const char *tag = t->digest != NULL ? NULL : t->tag;
    const struct rf_platform *p = wanted > 0 ? &platform : NULL;
    rc = head ? rf_fetch_head(t->place, t->repo, tag, t->digest, p, f, err)
              : rf_fetch_manifest(t->place, t->repo, tag, t->digest, p, f, err);
    rf_platform_release(&platform);
    if (rc == 0)
        rc = check_is_list(o, f, err);
    if (rc == 0)
        name_chosen(t, f);
    return rc;
}

static int show(const char *format, const struct regctl_target *t, const struct rf_fetched *f,
                const struct regctl_raw *raw, struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_object_release) struct rf_manifest_object object = { 0 };
    const struct rf_manifest_facts facts = { .manifest = f->manifest,
                                             .descriptor = &f->descriptor,
                                             .ref = &t->ref,
                                             .headers = &f->headers };
    rf_manifest_object_init(&object, &facts);
    const struct rf_value v = rf_manifest_object_value(&object);
    return regctl_print(format, &v, raw, err);
}

static int run_get(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(regctl_target_release) struct regctl_target t = REGCTL_TARGET_INIT;
    RF_CLEANUP(rf_fetched_release) struct rf_fetched f = RF_FETCHED_INIT;
    (void)argc;
    int rc = check_list(env, o, err);
    if (rc == 0)
        rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = open_and_fetch(&s, o, argv[0], false, &t, &f, err);
    if (rc < 0)
        return rc;
    RF_CHECK(f.manifest != NULL);
    const struct regctl_raw raw = { .headers = &f.headers,
                                    .body = rf_buf_slice(&f.manifest->body) };
    return show(o->format, &t, &f, &raw, err);
}

static int run_head(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(regctl_target_release) struct regctl_target t = REGCTL_TARGET_INIT;
    RF_CLEANUP(rf_fetched_release) struct rf_fetched f = RF_FETCHED_INIT;
    const char *format = o->format;
    (void)argc;
    int rc = check_list(env, o, err);
    if (rc == 0)
        rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = open_and_fetch(&s, o, argv[0], true, &t, &f, err);
    if (rc < 0)
        return rc;
    if (format == NULL || format[0] == '\0' || strcmp(format, "digest") == 0)
        format = "{{ printf \"%s\\n\" .GetDescriptor.Digest }}";
    const struct regctl_raw raw = { .headers = &f.headers, .headers_only = true };
    return show(format, &t, &f, &raw, err);
}

/* ---- put ---- */

static int parse_input(const struct options *o, const struct regctl_target *t,
                       struct rf_manifest **out, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    rf_buf_init(&body, RF_MANIFEST_PUSH_MAX);
    int rc = regctl_read_stdin(&body, err);
    if (rc < 0)
        return rc;
    const struct rf_manifest_expect expect = { .digest = t->digest, .media_type = o->content_type };
    return rf_manifest_parse(rf_buf_slice(&body), &expect, out, err);
}

static int run_put(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(regctl_target_release) struct regctl_target t = REGCTL_TARGET_INIT;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    (void)argc;
    int rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = regctl_target_open(&s, argv[0], REGCTL_WRITE, &t, err);
    if (rc == 0)
        rc = parse_input(o, &t, &m, err);
    if (rc == 0)
        rc = rf_place_put_manifest(t.place, t.repo, o->by_digest ? NULL : t.tag, m, 0, err);
    if (rc == 0)
        rc = regctl_target_done(&t, err);
    return rc < 0 ? rc : regctl_print_made(&t, m, o->format, o->by_digest, err);
}

/* ---- the rows ---- */

#define AT(field) offsetof(struct options, field)

static const struct rf_opt delete_opts[] = {
    REGCTL_FLAG("force-tag-dereference", AT(force_tag),
                "take a tag for the digest that it points to; all tags of that image go"),
    REGCTL_FLAG("ignore-missing", AT(ignore_missing), "what is not there counts as deleted"),
    REGCTL_FLAG(
        "referrers", AT(referrers),
        "look for a subject and keep its list of referrers right; recommended for artifacts"),
};
static const struct rf_opt diff_opts[] = {
    REGCTL_CONTEXT(AT(context)),
    REGCTL_CONTEXT_FULL(AT(context_full)),
};
#define LIST_ROW                                                                                 \
    {                                                                                            \
        "list", 0, RF_OPT_FLAG, AT(list), NULL, "without effect: indexes are shown as they are", \
            NULL, RF_OPT_HIDDEN                                                                  \
    }
static const struct rf_opt get_opts[] = {
    REGCTL_FORMAT(
        AT(format),
        "form of the output; raw-body is the manifest as it is, raw-headers and raw are known, too",
        "{{printPretty .}}"),
    LIST_ROW,
    REGCTL_PLATFORM(AT(platform), "of an index, the image for this platform (linux/amd64, local)"),
    REGCTL_FLAG("require-list", AT(require_list), "fail when it is no index (deprecated)"),
};
static const struct rf_opt head_opts[] = {
    REGCTL_FORMAT(AT(format),
                  "form of the output, by default the digest; raw-headers are those of the answer",
                  NULL),
    LIST_ROW,
    REGCTL_PLATFORM(
        AT(platform),
        "of an index, the image for this platform (linux/amd64, local); the index is fetched"),
    REGCTL_FLAG("require-digest", AT(require_digest),
                "fetch the manifest when the answer's headers have no digest"),
    REGCTL_FLAG("require-list", AT(require_list), "fail when it is no index"),
};
static const struct rf_opt put_opts[] = {
    REGCTL_BY_DIGEST(AT(by_digest)),
    { "content-type", 't', RF_OPT_STRING, AT(content_type), "TYPE",
      "media type, when the manifest does not say it", NULL, 0 },
    REGCTL_FORMAT(AT(format), "form of the output ({{.Manifest}})", NULL),
};

static const struct rf_cmd commands[] = {
    [REGCTL_MANIFEST_DELETE] = {
        .name = "delete",
        .aliases = "del,rm,remove",
        .synopsis = "IMAGE@DIGEST",
        .summary = "delete a manifest",
        .description =
            "The manifest goes, and with it all tags that point to it; \"regctl tag delete\" takes away one tag only. Whether a registry "
            "deletes at all is up to it, and layers go when it collects its garbage.",
        .examples = "regctl manifest delete registry.example.org/repo@sha256:fab3...\n"
                    "# what a tag points to, with all of its tags\n"
                    "regctl manifest delete registry.example.org/repo:v1.2.3 --force-tag-dereference\n"
                    "# an artifact, which its subject lists\n"
                    "regctl manifest delete --referrers registry.example.org/repo@sha256:fab3...",
        .opts = delete_opts,
        .n_opts = RF_ARRAY_LEN(delete_opts),
        .ctx_size = sizeof(struct options),
        .min_args = 1,
        .max_args = 1,
        .run = run_delete,
    },
    [REGCTL_MANIFEST_DIFF] = {
        .name = "diff",
        .synopsis = "IMAGE IMAGE",
        .summary = "compare two manifests line by line",
        .examples = "regctl manifest diff registry.example.org/repo:v1 registry.example.org/repo:v2\n"
                    "regctl manifest diff --context-full alpine:3.19 alpine:3.20",
        .opts = diff_opts,
        .n_opts = RF_ARRAY_LEN(diff_opts),
        .ctx_size = sizeof(struct options),
        .min_args = 2,
        .max_args = 2,
        .run = run_diff,
    },
    [REGCTL_MANIFEST_GET] = {
        .name = "get",
        .aliases = "pull",
        .synopsis = "IMAGE",
        .summary = "show a manifest or an index",
        .examples = "regctl manifest get alpine\n"
                    "# the bytes for one platform\n"
                    "regctl manifest get alpine --format raw-body --platform linux/arm64\n"
                    "# digests of the layers\n"
                    "regctl manifest get alpine -p local --format '{{range .Layers}}{{println .Digest}}{{end}}'",
        .opts = get_opts,
        .n_opts = RF_ARRAY_LEN(get_opts),
        .ctx_size = sizeof(struct options),
        .min_args = 1,
        .max_args = 1,
        .run = run_get,
    },
    [REGCTL_MANIFEST_HEAD] = {
        .name = "head",
        .aliases = "digest",
        .synopsis = "IMAGE",
        .summary = "ask for a manifest's digest or headers without fetching it",
        .examples = "regctl manifest head alpine\n"
                    "regctl manifest head alpine --platform linux/arm64\n"
                    "regctl manifest head alpine --format raw-headers",
        .opts = head_opts,
        .n_opts = RF_ARRAY_LEN(head_opts),
        .ctx_size = sizeof(struct options),
        .min_args = 1,
        .max_args = 1,
        .run = run_head,
    },
    [REGCTL_MANIFEST_PUT] = {
        .name = "put",
        .aliases = "push",
        .synopsis = "IMAGE",
        .summary = "push a manifest or an index from standard input",
        .description = "What it refers to has to be in the repository already.",
        .examples = "regctl manifest put registry.example.org/repo:v1 <manifest.json\n"
                    "regctl manifest put --by-digest registry.example.org/repo <manifest.json",
        .opts = put_opts,
        .n_opts = RF_ARRAY_LEN(put_opts),
        .ctx_size = sizeof(struct options),
        .min_args = 1,
        .max_args = 1,
        .run = run_put,
    },
};

const struct rf_cmd *regctl_manifest_command(enum regctl_manifest_command which)
{
    return &commands[which];
}

const struct rf_cmd *regctl_manifest_cmd(void)
{
    static const struct rf_cmd group = {
        .name = "manifest",
        .summary = "work with manifests and indexes",
        .children = commands,
        .n_children = RF_ARRAY_LEN(commands),
    };
    return &group;
}
