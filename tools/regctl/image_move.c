/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/file.h"
#include "base/gotime.h"
#include "base/mem.h"
#include "manifests/index_edit.h"
#include "policy/object/object_copy.h"
#include "regclient/copy.h"
#include "regclient/fetch.h"
#include "regclient/image_export.h"
#include "regclient/image_import.h"
#include "tools/regctl/image.h"
#include "tools/regctl/input.h"
#include "tools/regctl/session.h"

#include <unistd.h>

/* ---- copy ---- */

/* With --platform, the digest of that one image is what is copied. */
static int choose_platform(struct regctl_target *t, const char *text, struct rf_err *err)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    struct rf_platform platform = RF_PLATFORM_INIT;
    int wanted = regctl_platform(text, &platform, err);
    if (wanted <= 0)
        return wanted;
    int rc = rf_fetch_choice(t->place, t->repo, t->digest != NULL ? NULL : t->tag, t->digest,
                             &platform, &d, err);
    rf_platform_release(&platform);
    if (rc < 0)
        return rc;
    rf_ref_set_digest(&t->ref, &d.digest);
    t->digest = &t->ref.digest;
    return 0;
}

static int parse_platforms(const struct rf_list *list, struct rf_platform **out, size_t *n,
                           struct rf_err *err)
{
    int rc = 0;
    *out = rf_xcalloc(list->n + 1, sizeof(**out));
    for (*n = 0; rc >= 0 && *n < list->n; (*n)++) {
        rc = regctl_platform(list->items[*n], &(*out)[*n], err);
        if (rc == 0)
            rc = rf_fail(err, RFE_USAGE, "--platforms: empty");
        if (rc < 0)
            break;
    }
    return rc < 0 ? rc : 0;
}

/* Where referrers are and go, when not with their image. */
struct sides {
    struct regctl_target src, tgt;
};

static void sides_release(struct sides *s)
{
    regctl_target_release(&s->src);
    regctl_target_release(&s->tgt);
}

static int open_sides(struct regctl_session *s, const struct image_options *o, struct sides *sides,
                      struct rf_copy_options *how, struct rf_err *err)
{
    int rc = 0;
    if ((o->referrers_src != NULL || o->referrers_tgt != NULL) && !o->referrers)
        return rf_fail(
            err, RFE_USAGE,
            "referrers must be enabled to specify an external referrers source or target");
    if (o->referrers_src != NULL) {
        rc = regctl_target_open(s, o->referrers_src, REGCTL_REPO, &sides->src, err);
        if (rc < 0)
            return rf_wrap(err, rc, "failed parsing referrer external source");
        how->referrers_src = (struct rf_copy_side){ sides->src.place, sides->src.repo };
    }
    if (o->referrers_tgt != NULL) {
        rc = regctl_target_open(s, o->referrers_tgt, REGCTL_REPO | REGCTL_WRITE, &sides->tgt, err);
        if (rc < 0)
            return rf_wrap(err, rc, "failed parsing referrer external target");
        how->referrers_dst = (struct rf_copy_side){ sides->tgt.place, sides->tgt.repo };
    }
    return 0;
}

/* A target that names a digest gets exactly that image. */
static int check_digest(struct regctl_target *src, const struct regctl_target *dst,
                        struct rf_err *err)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    char have[RF_DIGEST_TEXT], want[RF_DIGEST_TEXT];
    if (dst->digest == NULL)
        return 0;
    int rc = rf_place_resolve(src->place, src->repo, src->digest != NULL ? NULL : src->tag,
                              src->digest, &d, err);
    if (rc < 0)
        return rc;
    if (rf_digest_eq(&d.digest, dst->digest))
        return 0;
    return rf_fail(err, RFE_DIGEST_MISMATCH, "%s has %s, the target is to have %s", src->ref.text,
                   rf_digest_text(&d.digest, have), rf_digest_text(dst->digest, want));
}

static int copy(struct regctl_session *s, const struct image_options *o, struct regctl_target *src,
                struct regctl_target *dst, struct rf_copy_result *result, struct rf_err *err)
{
    RF_CLEANUP(sides_release) struct sides sides = { .src = { .place = NULL } };
    struct rf_platform *platforms = NULL;
    size_t n = 0;
    struct rf_copy_options how = { .prune = o->prune,
                                   .referrers = o->referrers,
                                   .digest_tags = o->digest_tags,
                                   .include_external = o->include_external,
                                   .force = o->force,
                                   .fast = o->fast,
                                   .verify = o->verify,
                                   .progress = rf_progress_bytes };
    int rc = open_sides(s, o, &sides, &how, err);
    if (rc == 0)
        rc = parse_platforms(&o->platforms, &platforms, &n, err);
    if (rc == 0)
        rc = check_digest(src, dst, err);
    how.platforms = platforms;
    how.n_platforms = n;
    how.progress_ctx = regctl_progress(s, "copying");
    if (rc == 0)
        rc = rf_copy_image(src->place, src->repo, src->tag, src->digest, dst->place, dst->repo,
                           dst->tag, &how, result, err);
    for (size_t i = 0; i < n; i++)
        rf_platform_release(&platforms[i]);
    free(platforms);
    if (rc == 0 && sides.tgt.place != NULL)
        rc = regctl_target_done(&sides.tgt, err);
    return rc;
}

int regctl_image_copy(const struct rf_env *env, void *ctx, int argc, char **argv,
                      struct rf_err *err)
{
    const struct image_options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(regctl_target_release) struct regctl_target src = REGCTL_TARGET_INIT;
    RF_CLEANUP(regctl_target_release) struct regctl_target dst = REGCTL_TARGET_INIT;
    struct rf_copy_result result = { 0 };
    (void)argc;
    if (o->prune && o->platforms.n == 0)
        return rf_fail(err, RFE_USAGE, "--prune goes with --platforms");
    int rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = regctl_target_open(&s, argv[0], 0, &src, err);
    if (rc == 0)
        rc = regctl_target_open(&s, argv[1], REGCTL_WRITE, &dst, err);
    if (rc == 0)
        rc = choose_platform(&src, o->platform, err);
    if (rc == 0)
        rc = copy(&s, o, &src, &dst, &result, err);
    if (rc == 0)
        rc = regctl_target_done(&dst, err);
    if (rc < 0)
        return rc;
    rf_progress_freep(&s.progress);
    const struct rf_copy_object object = { .target = &dst.ref, .result = &result };
    const struct rf_value v = rf_copy_object_value(&object);
    return regctl_print(rf_opt_given(env, "format") ? o->format : "{{ .CommonName }}\n", &v, NULL,
                        err);
}

/* ---- create ---- */

/* "now" or RFC 3339, as it will stand in the configuration. */
static int created_text(const char *text, struct rf_buf *out, struct rf_err *err)
{
    struct rf_gotime t;
    if (text == NULL || text[0] == '\0')
        return 0;
    if (strcmp(text, "now") == 0) {
        t = rf_gotime_utc(rf_gotime_now());
    } else {
        int rc = rf_gotime_parse(rf_slice_str(rf_gotime_rfc3339), rf_slice_str(text), &t, err);
        if (rc < 0)
            return rf_wrap(err, rc, "failed to parse created time %s", text);
    }
    rf_gotime_format(out, t, rf_slice_str(rf_gotime_rfc3339_nano));
    return 0;
}

static int build(const struct image_options *o, struct rf_buf *config, struct rf_manifest **out,
                 struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf created;
    RF_CLEANUP(rf_json_decrefp) json_t *labels = regctl_pairs(&o->labels);
    RF_CLEANUP(rf_json_decrefp) json_t *annotations = regctl_pairs(&o->annotations);
    struct rf_platform platform = RF_PLATFORM_INIT;
    rf_buf_init(&created, 0);
    int rc = created_text(o->created, &created, err);
    int wanted = rc == 0 ? regctl_platform(o->platform, &platform, err) : rc;
    if (wanted < 0)
        return wanted;
    const struct rf_image_plan plan = { .media_type = o->media_type,
                                        .created = created.len > 0 ? created.ptr : NULL,
                                        .platform = wanted > 0 ? &platform : NULL,
                                        .labels = labels,
                                        .annotations = annotations };
    rc = rf_image_plan_build(&plan, config, out, err);
    rf_platform_release(&platform);
    return rc;
}

int regctl_image_create(const struct rf_env *env, void *ctx, int argc, char **argv,
                        struct rf_err *err)
{
    const struct image_options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(regctl_target_release) struct regctl_target t = REGCTL_TARGET_INIT;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    RF_CLEANUP(rf_buf_release) struct rf_buf config;
    (void)argc;
    rf_buf_init(&config, RF_CONFIG_MAX);
    int rc = build(o, &config, &m, err);
    if (rc == 0)
        rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = regctl_target_open(&s, argv[0], REGCTL_WRITE, &t, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_mem(rf_buf_slice(&config));
    rc = rf_place_put_blob(t.place, t.repo, &m->config.digest, config.len, src, err);
    if (rc < 0)
        return rf_wrap(err, rc, "failed to push config");
    rc = rf_place_put_manifest(t.place, t.repo, o->by_digest ? NULL : t.tag, m, 0, err);
    if (rc == 0)
        rc = regctl_target_done(&t, err);
    return rc < 0 ? rc : regctl_print_made(&t, m, o->format, o->by_digest, err);
}

/* ---- export ---- */

struct export_set {
    struct regctl_target *targets;
    struct rf_export_image *images;
    size_t n;
    struct rf_ref name; /* --name, of the first */
};

static void export_set_release(struct export_set *e)
{
    for (size_t i = 0; i < e->n; i++)
        regctl_target_release(&e->targets[i]);
    free(e->targets);
    free(e->images);
    rf_ref_release(&e->name);
}

static int add_image(struct regctl_session *s, const struct image_options *o, const char *text,
                     struct export_set *e, struct rf_err *err)
{
    struct regctl_target *t = &e->targets[e->n];
    int rc = regctl_target_open(s, text, 0, t, err);
    if (rc == 0)
        rc = choose_platform(t, o->platform, err);
    e->images[e->n++] = (struct rf_export_image){
        .place = t->place, .repo = t->repo, .tag = t->tag, .digest = t->digest, .name = &t->ref
    };
    return rc;
}

static int fill_set(struct regctl_session *s, const struct image_options *o, const char *first,
                    struct export_set *e, struct rf_err *err)
{
    e->targets = rf_xcalloc(o->more.n + 1, sizeof(*e->targets));
    e->images = rf_xcalloc(o->more.n + 1, sizeof(*e->images));
    int rc = add_image(s, o, first, e, err);
    for (size_t i = 0; rc == 0 && i < o->more.n; i++)
        rc = add_image(s, o, o->more.items[i], e, err);
    if (rc < 0 || o->name == NULL || o->name[0] == '\0')
        return rc;
    rc = rf_ref_parse(o->name, &e->name, err);
    if (rc < 0)
        return rf_wrap(err, rc, "cannot parse %s", o->name);
    e->images[0].name = &e->name;
    return 0;
}

static int open_tar(const char *path, struct rf_sink **out, struct rf_err *err)
{
    if (path != NULL && strcmp(path, "-") != 0)
        return rf_file_sink(path, 0666, true, out, err);
    if (isatty(STDOUT_FILENO) != 0)
        return rf_fail(err, RFE_USAGE,
                       "standard output is a terminal: name a file, or redirect it");
    *out = rf_sink_fd(STDOUT_FILENO);
    return 0;
}

int regctl_image_export(const struct rf_env *env, void *ctx, int argc, char **argv,
                        struct rf_err *err)
{
    const struct image_options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(export_set_release) struct export_set e = { 0 };
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = NULL;
    int rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = fill_set(&s, o, argv[0], &e, err);
    if (rc == 0)
        rc = open_tar(argc > 1 ? argv[1] : NULL, &sink, err);
    if (rc < 0)
        return rc;
    const struct rf_export_options how = { .compress = o->compress,
                                           .include_external = o->include_external,
                                           .progress = rf_progress_bytes,
                                           .progress_ctx = regctl_progress(&s, "exporting") };
    rc = rf_image_export(e.images, e.n, &how, sink, NULL, err);
    return rc < 0 ? rc : rf_sink_commit(sink, err);
}

/* ---- import ---- */

int regctl_image_import(const struct rf_env *env, void *ctx, int argc, char **argv,
                        struct rf_err *err)
{
    const struct image_options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(regctl_target_release) struct regctl_target t = REGCTL_TARGET_INIT;
    (void)argc;
    int rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = regctl_target_open(&s, argv[0], REGCTL_WRITE, &t, err);
    if (rc < 0)
        return rc;
    const struct rf_import_target to = {
        .place = t.place, .repo = t.repo, .tag = t.tag, .digest = t.digest
    };
    const struct rf_import_options how = { .name = o->name,
                                           .verify = o->verify,
                                           .progress = rf_progress_bytes,
                                           .progress_ctx = regctl_progress(&s, "importing") };
    rc = rf_image_import(argv[1], &to, &how, NULL, err);
    return rc < 0 ? rc : regctl_target_done(&t, err);
}
