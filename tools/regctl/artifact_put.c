/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "manifests/index_edit.h"
#include "regclient/artifact_files.h"
#include "regclient/blob_put.h"
#include "regclient/fetch.h"
#include "tools/regctl/artifact.h"
#include "tools/regctl/blob.h"
#include "tools/regctl/input.h"

#define TYPE_UNKNOWN "application/vnd.unknown.config+json"
#define TYPE_BYTES "application/octet-stream"

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* ---- types ---- */

/* As they are used, after defaults. */
struct types {
    const char *artifact, *config;
    const char **files; /* one for each file, or the one of standard input */
    size_t n_files;
};

static void types_release(struct types *t)
{
    free(t->files);
}

static int check_type(const char *type, struct rf_err *err)
{
    if (!is_given(type) || rf_media_valid(rf_slice_str(type)))
        return 0;
    return rf_fail(err, RFE_USAGE, "invalid media type: %s", type);
}

static int check_types(const struct artifact_options *o, struct rf_err *err)
{
    if (is_given(o->media_type) && strcmp(o->media_type, RF_MT_OCI_MANIFEST) != 0)
        return rf_fail(err, RFE_USAGE, "unsupported manifest media type: %s", o->media_type);
    int rc = check_type(o->config_type, err);
    if (rc == 0)
        rc = check_type(o->artifact_type, err);
    for (size_t i = 0; rc == 0 && i < o->file_types.n; i++)
        rc = check_type(o->file_types.items[i], err);
    return rc;
}

static int choose_config_type(const struct artifact_options *o, struct types *t, struct rf_err *err)
{
    t->artifact = is_given(o->artifact_type) ? o->artifact_type : NULL;
    t->config = is_given(o->config_type) ? o->config_type : NULL;
    if (t->config == NULL && !is_given(o->config_file)) {
        t->config = RF_MT_OCI_EMPTY;
    } else if (t->config == NULL) {
        if (t->artifact == NULL)
            return rf_fail(err, RFE_USAGE, "config-type is required for config-file");
        t->config = t->artifact;
        rf_log(RF_LOG_WARN, "setting config-type using artifact-type", NULL);
    }
    if (t->artifact == NULL && strcmp(t->config, RF_MT_OCI_EMPTY) == 0) {
        rf_log(RF_LOG_WARN, "using default value for artifact-type is not recommended", NULL);
        t->artifact = TYPE_UNKNOWN;
    }
    return 0;
}

/* One type for one content; none means the artifact's for a single content, and plain bytes where that says nothing. */
static int choose_file_types(const struct artifact_options *o, struct types *t, struct rf_err *err)
{
    size_t given = o->file_types.n, files = o->files.n;
    t->files = rf_xcalloc(given + 1, sizeof(*t->files));
    for (; t->n_files < given; t->n_files++)
        t->files[t->n_files] = o->file_types.items[t->n_files];
    if (given == 0 && files <= 1) {
        bool told = t->artifact != NULL && strcmp(t->artifact, TYPE_UNKNOWN) != 0;
        t->files[t->n_files++] = told ? t->artifact : TYPE_BYTES;
    }
    if (t->n_files != (files > 0 ? files : 1))
        return rf_fail(err, RFE_USAGE,
                       "one artifact media-type must be set for each artifact file");
    return 0;
}

/* ---- where ---- */

struct put {
    struct regctl_target named, subject, external;
    struct regctl_target *to;
    bool has_name, has_subject;
    struct types types;
    struct rf_descriptor subject_descriptor, config, *layers;
    size_t n_layers;
    json_t *annotations;
    struct rf_manifest *manifest;
};

static void put_release(struct put *p)
{
    regctl_target_release(&p->named);
    regctl_target_release(&p->subject);
    regctl_target_release(&p->external);
    types_release(&p->types);
    rf_descriptor_release(&p->subject_descriptor);
    rf_descriptor_release(&p->config);
    for (size_t i = 0; i < p->n_layers; i++)
        rf_descriptor_release(&p->layers[i]);
    free(p->layers);
    json_decref(p->annotations);
    rf_manifest_free(p->manifest);
}

static const char *subject_of(const struct artifact_options *o)
{
    if (is_given(o->refers))
        rf_log(RF_LOG_WARN, "--refers is deprecated, use --subject instead", NULL);
    return is_given(o->subject) ? o->subject : is_given(o->refers) ? o->refers : NULL;
}

static int open_external(struct regctl_session *s, const struct artifact_options *o, struct put *p,
                         struct rf_err *err)
{
    if (!is_given(o->external))
        return 0;
    if (!p->has_subject)
        return rf_fail(err, RFE_USAGE,
                       "pushing a referrer to an external repository requires a subject");
    int rc = regctl_target_open(s, o->external, REGCTL_WRITE, &p->external, err);
    if (rc < 0)
        return rc;
    if (p->has_name &&
        (p->named.place != p->external.place || strcmp(p->named.repo, p->external.repo) != 0))
        return rf_fail(err, RFE_USAGE,
                       "push by reference and external to separate repositories is not supported");
    if (!p->has_name)
        p->to = &p->external;
    return 0;
}

static int open_targets(struct regctl_session *s, const struct artifact_options *o,
                        const char *name, const char *subject, struct put *p, struct rf_err *err)
{
    int rc = 0;
    if (name == NULL && subject == NULL)
        return rf_fail(err, RFE_USAGE, "either a reference or subject must be provided");
    if (subject != NULL) {
        /* It gets the artifact when nothing else is named. */
        bool elsewhere = name != NULL || is_given(o->external);
        p->has_subject = true;
        rc = regctl_target_open(s, subject, elsewhere ? 0 : REGCTL_WRITE, &p->subject, err);
        p->to = &p->subject;
    }
    if (rc == 0 && name != NULL) {
        p->has_name = true;
        rc = regctl_target_open(s, name, REGCTL_WRITE, &p->named, err);
        p->to = &p->named;
    }
    return rc < 0 ? rc : open_external(s, o, p, err);
}

/* Of an index with --platform, the one image. */
static int find_subject(const struct artifact_options *o, struct put *p, struct rf_err *err)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor chosen = RF_DESCRIPTOR_INIT;
    const struct regctl_target *t = &p->subject;
    struct rf_platform platform = RF_PLATFORM_INIT;
    const struct rf_digest *digest = t->digest;
    if (!p->has_subject)
        return 0;
    int wanted = regctl_platform(o->platform, &platform, err);
    if (wanted < 0)
        return rf_wrap(err, wanted, "failed to parse platform %s", o->platform);
    int rc = 0;
    if (wanted > 0) {
        rc = rf_fetch_choice(t->place, t->repo, digest != NULL ? NULL : t->tag, digest, &platform,
                             &chosen, err);
        digest = &chosen.digest;
    }
    rf_platform_release(&platform);
    if (rc == 0)
        rc = rf_fetch_whole_descriptor(t->place, t->repo, digest != NULL ? NULL : t->tag, digest,
                                       &p->subject_descriptor, err);
    if (rc < 0)
        return rf_wrap(err, rc, "unable to find subject manifest");
    /* Three members make a subject; what an index says of the image beside does not belong there. */
    struct rf_descriptor d = { .media_type = rf_xstrdup(p->subject_descriptor.media_type),
                               .digest = p->subject_descriptor.digest,
                               .size = p->subject_descriptor.size };
    rf_descriptor_release(&p->subject_descriptor);
    p->subject_descriptor = d;
    return 0;
}

/* ---- blobs ---- */

static int put_config(const struct artifact_options *o, struct put *p, struct rf_err *err)
{
    const struct rf_artifact_file file = { .path = o->config_file, .media_type = p->types.config };
    if (is_given(o->config_file))
        return rf_artifact_file_put(p->to->place, p->to->repo, &file, &p->config, err);
    struct rf_blob_put put = { .place = p->to->place, .repo = p->to->repo, .ask = true };
    int rc = rf_blob_put_bytes(&put, rf_slice_str("{}"), err);
    if (rc < 0)
        return rc;
    p->config = (struct rf_descriptor){ .media_type = rf_xstrdup(p->types.config),
                                        .digest = put.digest,
                                        .size = put.size };
    return 0;
}

static int put_stdin(struct put *p, struct rf_err *err)
{
    struct rf_blob_put put = { .place = p->to->place, .repo = p->to->repo };
    int rc = regctl_blob_put_stdin(&put, err);
    if (rc < 0)
        return rc;
    p->layers[p->n_layers++] = (struct rf_descriptor){ .media_type = rf_xstrdup(p->types.files[0]),
                                                       .digest = put.digest,
                                                       .size = put.size };
    return 0;
}

static int put_blobs(const struct artifact_options *o, struct put *p, struct rf_err *err)
{
    p->layers = rf_xcalloc(o->files.n + 1, sizeof(*p->layers));
    int rc = put_config(o, p, err);
    if (rc == 0 && o->files.n == 0)
        return put_stdin(p, err);
    for (size_t i = 0; rc == 0 && i < o->files.n; i++) {
        const struct rf_artifact_file file = { .path = o->files.items[i],
                                               .media_type = p->types.files[i],
                                               .title = o->file_title,
                                               .strip_dirs = o->strip_dirs };
        rc = rf_artifact_file_put(p->to->place, p->to->repo, &file, &p->layers[i], err);
        if (rc == 0)
            p->n_layers++;
    }
    return rc;
}

/* ---- manifest and index ---- */

static int put_manifest(const struct artifact_options *o, struct put *p, struct rf_err *err)
{
    const struct rf_artifact_plan plan = {
        .artifact_type = p->types.artifact,
        .config = &p->config,
        .layers = p->layers,
        .n_layers = p->n_layers,
        .subject = p->has_subject ? &p->subject_descriptor : NULL,
        .annotations = p->annotations,
    };
    bool child = !p->has_name || o->index;
    char have[RF_DIGEST_TEXT], want[RF_DIGEST_TEXT];
    int rc = rf_artifact_plan_build(&plan, &p->manifest, err);
    if (rc < 0)
        return rc;
    if (!child && p->to->digest != NULL && !rf_digest_eq(p->to->digest, &p->manifest->digest))
        return rf_fail(err, RFE_DIGEST_MISMATCH, "the artifact has %s, it is to be stored as %s",
                       rf_digest_text(&p->manifest->digest, have),
                       rf_digest_text(p->to->digest, want));
    return rf_place_put_manifest(p->to->place, p->to->repo,
                                 child || o->by_digest ? NULL : p->to->tag, p->manifest,
                                 child ? RF_PUT_CHILD : 0, err);
}

static int describe_entry(const struct artifact_options *o, const struct put *p,
                          struct rf_descriptor *d, struct rf_err *err)
{
    struct rf_platform platform = RF_PLATFORM_INIT;
    rf_manifest_descriptor(p->manifest, d);
    free(d->artifact_type);
    json_decref(d->annotations);
    d->artifact_type = rf_xstrdup(p->types.artifact);
    d->annotations = json_object_size(p->annotations) > 0 ? json_deep_copy(p->annotations) : NULL;
    int wanted = regctl_platform(o->platform, &platform, err);
    if (wanted < 0)
        return rf_wrap(err, wanted, "failed to parse platform");
    if (wanted > 0) {
        d->platform = rf_xcalloc(1, sizeof(*d->platform));
        *d->platform = platform;
    }
    return 0;
}

/* What the tag points to when it is an index, else a fresh one. */
static int open_index(const struct put *p, struct rf_index_edit **edit, struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *old = NULL;
    struct rf_err e = RF_ERR_INIT;
    int rc =
        rf_place_get_manifest(p->to->place, p->to->repo, p->to->digest != NULL ? NULL : p->to->tag,
                              p->to->digest, NULL, &old, &e);
    if (rc == 0 && old->kind == RF_KIND_INDEX)
        return rf_index_edit_open(old, edit, err);
    if (rc == 0 || rc == -RFE_NOT_FOUND)
        return rf_index_edit_new(RF_MT_OCI_INDEX, edit, err);
    *err = e;
    return rc;
}

static int put_index(const struct artifact_options *o, struct put *p, struct rf_err *err)
{
    RF_CLEANUP(rf_index_edit_freep) struct rf_index_edit *edit = NULL;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *index = NULL;
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    if (!o->index || !p->has_name)
        return 0;
    int rc = describe_entry(o, p, &d, err);
    if (rc == 0)
        rc = open_index(p, &edit, err);
    if (rc < 0)
        return rc;
    rf_index_edit_add(edit, &d);
    rc = rf_index_edit_finish(edit, &index, err);
    return rc < 0 ? rc
                  : rf_place_put_manifest(p->to->place, p->to->repo, p->to->tag, index, 0, err);
}

static int store(const struct artifact_options *o, struct put *p, struct rf_err *err)
{
    RF_CHECK(p->to != NULL);
    int rc = rf_place_hold(p->to->place, p->to->repo, err);
    if (rc < 0)
        return rc;
    rc = put_blobs(o, p, err);
    if (rc == 0)
        rc = put_manifest(o, p, err);
    if (rc == 0)
        rc = put_index(o, p, err);
    rf_place_unhold(p->to->place, p->to->repo);
    return rc < 0 ? rc : regctl_target_done(p->to, err);
}

int regctl_artifact_put(const struct rf_env *env, void *ctx, int argc, char **argv,
                        struct rf_err *err)
{
    const struct artifact_options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(put_release) struct put p = { .to = NULL };
    const char *subject = subject_of(o);
    int rc = check_types(o, err);
    if (rc == 0)
        rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = open_targets(&s, o, argc > 0 ? argv[0] : NULL, subject, &p, err);
    if (rc == 0)
        rc = choose_config_type(o, &p.types, err);
    if (rc == 0)
        rc = choose_file_types(o, &p.types, err);
    if (rc == 0)
        rc = find_subject(o, &p, err);
    if (rc < 0)
        return rc;
    p.annotations = regctl_pairs(&o->annotations);
    rc = store(o, &p, err);
    return rc < 0 ? rc : regctl_print_made(p.to, p.manifest, o->format, o->by_digest, err);
}
