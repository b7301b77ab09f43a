/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "layout/out_folder.h"
#include "regclient/artifact_save.h"
#include "regclient/fetch.h"
#include "tools/regctl/artifact.h"
#include "tools/regctl/output.h"

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* ---- options ---- */

static const char *subject_of(const struct artifact_options *o)
{
    return is_given(o->subject) ? o->subject : is_given(o->refers) ? o->refers : NULL;
}

static int check_output(const char *path, struct rf_err *err)
{
    struct stat st;
    if (!is_given(path))
        return 0;
    if (stat(path, &st) < 0)
        return rf_fail_errno(err, errno, "output directory unavailable: stat %s", path);
    if (!S_ISDIR(st.st_mode))
        return rf_fail(err, RFE_USAGE, "output must be a directory: \"%s\"", path);
    return 0;
}

static int check_options(const struct artifact_options *o, int argc, struct rf_err *err)
{
    const char *subject = subject_of(o);
    if (is_given(o->refers))
        rf_log(RF_LOG_WARN, "--refers is deprecated, use --subject instead", NULL);
    if (is_given(o->external) && subject == NULL)
        rf_log(RF_LOG_WARN, "--external option depends on --subject", NULL);
    if (argc == 0 && subject == NULL)
        return rf_fail(err, RFE_USAGE, "either a reference or subject must be provided");
    return check_output(o->output, err);
}

/* ---- which manifest ---- */

/* An artifact: where it is, and its manifest. */
struct artifact {
    struct artifact_subject subject;
    struct regctl_target named;
    const struct regctl_target *at;
    struct rf_manifest *manifest;
};

static void artifact_release(struct artifact *a)
{
    regctl_artifact_subject_release(&a->subject);
    regctl_target_release(&a->named);
    rf_manifest_free(a->manifest);
}

static int by_subject(struct regctl_session *s, const struct artifact_options *o,
                      const struct artifact_match *m, struct artifact *a, struct rf_err *err)
{
    const char *subject = subject_of(o);
    int rc = regctl_artifact_referrers(s, o, subject, m, &a->subject, err);
    if (rc < 0)
        return rc;
    const struct rf_referrer_list *l = &a->subject.list;
    if (l->n == 0)
        return rf_fail(err, RFE_NOT_FOUND, "no matching referrers to %s", subject);
    if (l->n > 1 && m->match.sort_annotation == NULL) {
        rf_log_with(RF_LOG_WARN, "multiple referrers match, using first match",
                    rf_log_uint("match count", l->n), rf_log_text("subject", subject));
    }
    a->at = regctl_artifact_source(&a->subject);
    return rf_place_get_manifest(a->at->place, a->at->repo, NULL, &l->items[0].digest, NULL,
                                 &a->manifest, err);
}

static int by_name(struct regctl_session *s, const char *name, struct artifact *a,
                   struct rf_err *err)
{
    int rc = regctl_target_open(s, name, 0, &a->named, err);
    if (rc < 0)
        return rc;
    a->at = &a->named;
    return rf_place_get_manifest(a->at->place, a->at->repo,
                                 a->at->digest != NULL ? NULL : a->at->tag, a->at->digest, NULL,
                                 &a->manifest, err);
}

/* Of an index, the entry that the same filters lead to. */
static int step_into(const struct artifact_options *o, const struct artifact_match *m,
                     struct artifact *a, struct rf_err *err)
{
    struct rf_platform platform = RF_PLATFORM_INIT;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *index = NULL;
    size_t chosen = 0;
    if (a->manifest->kind != RF_KIND_INDEX)
        return 0;
    index = RF_STEAL(a->manifest);
    int wanted = regctl_platform(o->platform, &platform, err);
    if (wanted < 0)
        return rf_wrap(err, wanted, "platform could not be parsed");
    int rc = rf_descriptor_choose(&m->match, wanted > 0 ? &platform : NULL, index->entries,
                                  index->n_entries, &chosen, err);
    rf_platform_release(&platform);
    if (rc < 0)
        return rf_wrap(err, rc, "no matching artifacts found in index");
    const struct rf_descriptor *d = &index->entries[chosen];
    const struct rf_manifest_expect expect = { .size = d->size, .media_type = d->media_type };
    return rf_place_get_manifest(a->at->place, a->at->repo, NULL, &d->digest, &expect, &a->manifest,
                                 err);
}

static int find_artifact(struct regctl_session *s, const struct artifact_options *o,
                         const char *name, const struct artifact_match *m, struct artifact *a,
                         struct rf_err *err)
{
    int rc = name != NULL ? by_name(s, name, a, err) : by_subject(s, o, m, a, err);
    if (rc == 0)
        rc = step_into(o, m, a, err);
    if (rc == 0 && a->manifest->kind != RF_KIND_IMAGE)
        rc = rf_fail(err, RFE_UNSUPPORTED, "manifest does not support image methods");
    return rc;
}

/* ---- its content ---- */

static int save_all(const struct artifact_options *o, const struct artifact *a,
                    const size_t *layers, size_t n, struct rf_err *err)
{
    RF_CLEANUP(rf_closep) int root = -1;
    size_t left_out = 0;
    int rc = rf_out_folder_open(o->output, &root, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = rf_artifact_save(a->at->place, a->at->repo, &a->manifest->entries[layers[i]], root,
                              o->strip_dirs, &left_out, err);
    if (left_out > 0) {
        rf_log_with(RF_LOG_WARN, "Devices and pipes are not unpacked",
                    rf_log_uint("count", left_out));
    }
    return rc;
}

static int get_layers(const struct artifact_options *o, const struct artifact *a,
                      struct rf_err *err)
{
    const struct rf_manifest *m = a->manifest;
    RF_CHECK(m != NULL);
    RF_CLEANUP(rf_freep) size_t *layers = rf_xcalloc(m->n_entries + 1, sizeof(*layers));
    const struct rf_artifact_wanted wanted = {
        .titles = (const char *const *)o->files.items,
        .n_titles = o->files.n,
        .media_types = (const char *const *)o->file_types.items,
        .n_media_types = o->file_types.n,
    };
    size_t n = rf_artifact_layers(m, &wanted, layers);
    if (n == 0)
        return rf_fail(err, RFE_NOT_FOUND,
                       "no matching layers found in the artifact, verify media-type and filename");
    if (is_given(o->output))
        return save_all(o, a, layers, n, err);
    if (n > 1)
        return rf_fail(err, RFE_USAGE,
                       "more than one matching layer found, add filters or specify output dir");
    const struct rf_descriptor *d = &m->entries[layers[0]];
    return regctl_pour_blob(a->at->place, a->at->repo, &d->digest, d->size, err);
}

static int get_content(const struct artifact_options *o, const struct artifact *a,
                       struct rf_err *err)
{
    const struct rf_descriptor *config = &a->manifest->config;
    int rc = 0;
    RF_CHECK(a->at != NULL);
    if (is_given(o->config_file) || o->config)
        rc = regctl_save_blob(a->at->place, a->at->repo, &config->digest, config->size,
                              o->config_file, err);
    return rc < 0 || o->config ? rc : get_layers(o, a, err);
}

int regctl_artifact_get(const struct rf_env *env, void *ctx, int argc, char **argv,
                        struct rf_err *err)
{
    const struct artifact_options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(regctl_artifact_match_release) struct artifact_match m = { .annotations = NULL };
    RF_CLEANUP(artifact_release) struct artifact a = { .manifest = NULL };
    int rc = regctl_artifact_match(o, &m, err);
    if (rc == 0)
        rc = check_options(o, argc, err);
    if (rc == 0)
        rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = find_artifact(&s, o, argc > 0 ? argv[0] : NULL, &m, &a, err);
    return rc < 0 ? rc : get_content(o, &a, err);
}
