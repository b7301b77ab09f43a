/* SPDX-License-Identifier: Apache-2.0 */
/* regctl index */
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "regclient/fetch.h"
#include "regclient/index_build.h"
#include "tools/regctl/groups.h"
#include "tools/regctl/input.h"
#include "tools/regctl/rows.h"
#include "tools/regctl/session.h"

struct options {
    struct rf_list annotations, desc_annotations, digests, platforms, refs;
    const char *artifact_type, *desc_platform, *format, *media_type, *subject;
    bool by_digest, digest_tags, referrers;
};

/* ---- what the options name ---- */

/* Everything that a plan points to. */
struct inputs {
    struct regctl_target *refs;
    struct rf_index_source *sources;
    size_t n_refs;
    struct rf_platform *platforms;
    size_t n_platforms;
    struct rf_digest *digests;
    size_t n_digests;
    struct rf_platform entry_platform;
    json_t *entry_annotations;
};

static void inputs_release(struct inputs *in)
{
    for (size_t i = 0; i < in->n_refs; i++)
        regctl_target_release(&in->refs[i]);
    for (size_t i = 0; i < in->n_platforms; i++)
        rf_platform_release(&in->platforms[i]);
    rf_platform_release(&in->entry_platform);
    json_decref(in->entry_annotations);
    free(in->refs);
    free(in->sources);
    free(in->platforms);
    free(in->digests);
}

static int parse_digests(const struct options *o, struct inputs *in, struct rf_err *err)
{
    in->digests = rf_xcalloc(o->digests.n + 1, sizeof(*in->digests));
    for (size_t i = 0; i < o->digests.n; i++) {
        int rc =
            rf_digest_parse(rf_slice_str(o->digests.items[i]), &in->digests[in->n_digests++], err);
        if (rc < 0)
            return rf_wrap(err, rc, "--digest");
    }
    return 0;
}

static int parse_platforms(const struct options *o, struct inputs *in, struct rf_err *err)
{
    in->platforms = rf_xcalloc(o->platforms.n + 1, sizeof(*in->platforms));
    for (size_t i = 0; i < o->platforms.n; i++) {
        int rc = regctl_platform(o->platforms.items[i], &in->platforms[i], err);
        if (rc < 0)
            return rc;
        in->n_platforms++;
    }
    return 0;
}

static int open_refs(struct regctl_session *s, const struct options *o, struct inputs *in,
                     struct rf_err *err)
{
    in->refs = rf_xcalloc(o->refs.n + 1, sizeof(*in->refs));
    in->sources = rf_xcalloc(o->refs.n + 1, sizeof(*in->sources));
    for (size_t i = 0; i < o->refs.n; i++) {
        struct regctl_target *t = &in->refs[i];
        in->n_refs++;
        int rc = regctl_target_open(s, o->refs.items[i], 0, t, err);
        if (rc < 0)
            return rc;
        in->sources[i] = (struct rf_index_source){
            .place = t->place, .repo = t->repo, .tag = t->tag, .digest = t->digest
        };
    }
    return 0;
}

static int read_inputs(struct regctl_session *s, const struct options *o, struct inputs *in,
                       struct rf_err *err)
{
    int rc = parse_digests(o, in, err);
    if (rc == 0)
        rc = parse_platforms(o, in, err);
    if (rc == 0)
        rc = open_refs(s, o, in, err);
    if (rc == 0)
        rc = regctl_platform(o->desc_platform, &in->entry_platform, err);
    if (rc < 0)
        return rc;
    in->entry_annotations = regctl_pairs(&o->desc_annotations);
    return 0;
}

static int add_entries(struct regctl_session *s, const struct options *o, struct regctl_target *t,
                       struct inputs *in, struct rf_index_edit *edit, struct rf_err *err)
{
    bool own_platform = o->desc_platform != NULL && o->desc_platform[0] != '\0';
    const struct rf_index_plan plan = { .place = t->place,
                                        .repo = t->repo,
                                        .sources = in->sources,
                                        .n_sources = in->n_refs,
                                        .platforms = in->platforms,
                                        .n_platforms = in->n_platforms,
                                        .digests = in->digests,
                                        .n_digests = in->n_digests,
                                        .entry_platform = own_platform ? &in->entry_platform : NULL,
                                        .entry_annotations = in->entry_annotations,
                                        .referrers = o->referrers,
                                        .digest_tags = o->digest_tags,
                                        .progress = rf_progress_bytes,
                                        .progress_ctx = regctl_progress(s, "copying") };
    return rf_index_plan_add(&plan, edit, err);
}

/* ---- add and delete ---- */

/* Puts the index where the reference says; one that was named by digest alone is another one now. */
static int put(struct regctl_target *t, const struct rf_index_edit *edit, bool by_digest,
               struct rf_manifest **out, struct rf_err *err)
{
    int rc = rf_index_edit_finish(edit, out, err);
    return rc < 0
               ? rc
               : rf_place_put_manifest(t->place, t->repo, by_digest ? NULL : t->tag, *out, 0, err);
}

static int open_index(struct regctl_session *s, const char *text, struct regctl_target *t,
                      struct rf_index_edit **edit, struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    int rc = regctl_target_open(s, text, REGCTL_WRITE, t, err);
    if (rc == 0)
        rc = rf_place_get_manifest(t->place, t->repo, t->digest != NULL ? NULL : t->tag, t->digest,
                                   NULL, &m, err);
    return rc < 0 ? rc : rf_index_edit_open(m, edit, err);
}

/* From here until the index is put, nothing of what it will name may be taken for garbage. */
static int hold_and_add(struct regctl_session *s, const struct options *o, struct regctl_target *t,
                        struct inputs *in, struct rf_index_edit *edit, bool by_digest,
                        struct rf_manifest **out, struct rf_err *err)
{
    int rc = rf_place_hold(t->place, t->repo, err);
    if (rc < 0)
        return rc;
    rc = add_entries(s, o, t, in, edit, err);
    if (rc == 0)
        rc = put(t, edit, by_digest, out, err);
    rf_place_unhold(t->place, t->repo);
    return rc < 0 ? rc : regctl_target_done(t, err);
}

static int run_add(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(regctl_target_release) struct regctl_target t = REGCTL_TARGET_INIT;
    RF_CLEANUP(inputs_release) struct inputs in = { .refs = NULL };
    RF_CLEANUP(rf_index_edit_freep) struct rf_index_edit *edit = NULL;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    (void)argc;
    int rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = read_inputs(&s, o, &in, err);
    if (rc == 0)
        rc = open_index(&s, argv[0], &t, &edit, err);
    if (rc == 0)
        rc = hold_and_add(&s, o, &t, &in, edit, t.tag == NULL, &m, err);
    return rc < 0 ? rc : regctl_print_made(&t, m, NULL, t.tag == NULL, err);
}

static int run_delete(const struct rf_env *env, void *ctx, int argc, char **argv,
                      struct rf_err *err)
{
    const struct options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(regctl_target_release) struct regctl_target t = REGCTL_TARGET_INIT;
    RF_CLEANUP(inputs_release) struct inputs in = { .refs = NULL };
    RF_CLEANUP(rf_index_edit_freep) struct rf_index_edit *edit = NULL;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    (void)argc;
    int rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = parse_digests(o, &in, err);
    if (rc == 0)
        rc = parse_platforms(o, &in, err);
    if (rc == 0)
        rc = open_index(&s, argv[0], &t, &edit, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < in.n_digests; i++)
        (void)rf_index_edit_remove_digest(edit, &in.digests[i]);
    for (size_t i = 0; i < in.n_platforms; i++)
        (void)rf_index_edit_remove_platform(edit, &in.platforms[i]);
    rc = put(&t, edit, t.tag == NULL, &m, err);
    if (rc == 0)
        rc = regctl_target_done(&t, err);
    return rc < 0 ? rc : regctl_print_made(&t, m, NULL, t.tag == NULL, err);
}

/* ---- create ---- */

/* A tag or digest of the index's own repository. */
static int set_subject(struct regctl_target *t, const char *text, struct rf_index_edit *edit,
                       struct rf_err *err)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_digest digest;
    bool by_digest = rf_digest_parse(rf_slice_str(text), &digest, NULL) == 0;
    if (!by_digest && !rf_tag_valid(rf_slice_str(text)))
        return rf_fail(err, RFE_USAGE, "--subject %s: neither a tag nor a digest", text);
    /* What is written down is the manifest's own size: a header may tell another one. */
    int rc = rf_place_get_manifest(t->place, t->repo, by_digest ? NULL : text,
                                   by_digest ? &digest : NULL, NULL, &m, err);
    if (rc < 0)
        return rf_wrap(err, rc, "failed to lookup subject %s", text);
    rf_manifest_descriptor(m, &d);
    /* A subject is named, not described. */
    free(d.artifact_type);
    d.artifact_type = NULL;
    rf_index_edit_set_subject(edit, &d);
    return 0;
}

static int start(const struct options *o, struct regctl_target *t, struct rf_index_edit **out,
                 struct rf_err *err)
{
    RF_CLEANUP(rf_index_edit_freep) struct rf_index_edit *edit = NULL;
    RF_CLEANUP(rf_json_decrefp) json_t *annotations = regctl_pairs(&o->annotations);
    bool docker = rf_media_is_docker(o->media_type);
    const char *key;
    json_t *value;
    int rc = rf_index_edit_new(o->media_type, &edit, err);
    if (rc < 0)
        return rc;
    if (docker && (o->artifact_type != NULL || o->subject != NULL))
        return rf_fail(err, RFE_USAGE,
                       "a Docker manifest list has neither an artifact type nor a subject");
    if (o->artifact_type != NULL && o->artifact_type[0] != '\0')
        rf_index_edit_set_artifact_type(edit, o->artifact_type);
    json_object_foreach (annotations, key, value) {
        rf_index_edit_annotate(edit, key, json_string_value(value));
    }
    if (o->subject != NULL && o->subject[0] != '\0')
        rc = set_subject(t, o->subject, edit, err);
    if (rc == 0)
        *out = RF_STEAL(edit);
    return rc;
}

static int run_create(const struct rf_env *env, void *ctx, int argc, char **argv,
                      struct rf_err *err)
{
    const struct options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(regctl_target_release) struct regctl_target t = REGCTL_TARGET_INIT;
    RF_CLEANUP(inputs_release) struct inputs in = { .refs = NULL };
    RF_CLEANUP(rf_index_edit_freep) struct rf_index_edit *edit = NULL;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    (void)argc;
    int rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = regctl_target_open(&s, argv[0], REGCTL_WRITE, &t, err);
    if (rc == 0)
        rc = start(o, &t, &edit, err);
    if (rc == 0)
        rc = read_inputs(&s, o, &in, err);
    if (rc == 0)
        rc = hold_and_add(&s, o, &t, &in, edit, o->by_digest || t.tag == NULL, &m, err);
    return rc < 0 ? rc : regctl_print_made(&t, m, o->format, o->by_digest, err);
}

/* ---- the rows ---- */

#define AT(field) offsetof(struct options, field)
#define ENTRY_ROWS                                                                     \
    REGCTL_LIST("desc-annotation", AT(desc_annotations), "NAME=VALUE",                 \
                "annotation of the new entries; may be repeated"),                     \
        REGCTL_TEXT("desc-platform", AT(desc_platform), "PLATFORM",                    \
                    "platform of the new entries, instead of their images'"),          \
        REGCTL_LIST("digest", AT(digests), "DIGEST",                                   \
                    "a manifest of the same repository; may be repeated"),             \
        REGCTL_DIGEST_TAGS(AT(digest_tags)),                                           \
        REGCTL_LIST("platform", AT(platforms), "PLATFORM",                             \
                    "of the references, only images for it; may be repeated"),         \
        REGCTL_LIST("ref", AT(refs), "IMAGE",                                          \
                    "an image, which is copied into the repository; may be repeated"), \
        REGCTL_FLAG("referrers", AT(referrers),                                        \
                    "take along what refers to the images: signatures, SBOMs, attestations")

static const struct rf_opt add_opts[] = { ENTRY_ROWS };
static const struct rf_opt create_opts[] = {
    REGCTL_LIST("annotation", AT(annotations), "NAME=VALUE",
                "annotation of the index; may be repeated"),
    REGCTL_TEXT("artifact-type", AT(artifact_type), "TYPE", "artifact type of the index"),
    REGCTL_BY_DIGEST(AT(by_digest)),
    ENTRY_ROWS,
    REGCTL_FORMAT(AT(format), "form of the output ({{.Manifest}})", NULL),
    { "media-type", 'm', RF_OPT_STRING, AT(media_type), "TYPE",
      "OCI's, or application/vnd.docker.distribution.manifest.list.v2+json", RF_MT_OCI_INDEX, 0 },
    REGCTL_TEXT("subject", AT(subject), "TAG|DIGEST",
                "what the index refers to; it must be in the repository"),
};
static const struct rf_opt delete_opts[] = {
    REGCTL_LIST("digest", AT(digests), "DIGEST", "entries of this digest; may be repeated"),
    REGCTL_LIST("platform", AT(platforms), "PLATFORM",
                "entries for this platform; may be repeated"),
};

static const struct rf_cmd commands[] = {
    {
        .name = "add",
        .aliases = "append,insert",
        .synopsis = "IMAGE",
        .summary = "add entries to an index",
        .description =
            "Images are copied into the repository of the index; their platform is that of their configuration. What is listed already is not "
            "listed twice.",
        .examples =
            "regctl index add registry.example.org/repo:v1 --ref registry.example.org/repo:v1-arm64",
        .opts = add_opts,
        .n_opts = RF_ARRAY_LEN(add_opts),
        .ctx_size = sizeof(struct options),
        .min_args = 1,
        .max_args = 1,
        .run = run_add,
    },
    {
        .name = "create",
        .aliases = "init,new,put",
        .synopsis = "IMAGE",
        .summary = "make an index, empty or of images",
        .examples =
            "regctl index create registry.example.org/repo:v1\n"
            "# of some platforms of another index\n"
            "regctl index create registry.example.org/alpine:latest --ref alpine --platform linux/amd64 --platform linux/arm64\n"
            "# as a Docker manifest list\n"
            "regctl index create -m application/vnd.docker.distribution.manifest.list.v2+json registry.example.org/repo:v1 --digest sha256:fab3...",
        .opts = create_opts,
        .n_opts = RF_ARRAY_LEN(create_opts),
        .ctx_size = sizeof(struct options),
        .min_args = 1,
        .max_args = 1,
        .run = run_create,
    },
    {
        .name = "delete",
        .aliases = "del,rm,remove",
        .synopsis = "IMAGE",
        .summary = "take entries out of an index",
        .examples =
            "regctl index delete registry.example.org/repo:v1 --platform linux/s390x --platform unknown/unknown",
        .opts = delete_opts,
        .n_opts = RF_ARRAY_LEN(delete_opts),
        .ctx_size = sizeof(struct options),
        .min_args = 1,
        .max_args = 1,
        .run = run_delete,
    },
};

const struct rf_cmd *regctl_index_cmd(void)
{
    static const struct rf_cmd group = {
        .name = "index",
        .summary = "work with indexes (manifest lists)",
        .children = commands,
        .n_children = RF_ARRAY_LEN(commands),
    };
    return &group;
}
