/* SPDX-License-Identifier: Apache-2.0 */
/* regctl tag */
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "policy/object/object_list.h"
#include "policy/tag_filter.h"
#include "regclient/listing.h"
#include "tools/regctl/groups.h"
#include "tools/regctl/rows.h"
#include "tools/regctl/session.h"

struct options {
    struct rf_list include, exclude;
    const char *format, *last;
    int64_t limit;
    bool ignore_missing;
};

/* ---- delete ---- */

static bool is_missing(struct regctl_target *t)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    struct rf_err ignored;
    return rf_place_resolve(t->place, t->repo, t->tag, NULL, &d, &ignored) == -RFE_NOT_FOUND;
}

static int run_delete(const struct rf_env *env, void *ctx, int argc, char **argv,
                      struct rf_err *err)
{
    const struct options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(regctl_target_release) struct regctl_target t = REGCTL_TARGET_INIT;
    struct rf_err e = RF_ERR_INIT;
    (void)argc;
    int rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = regctl_target_open(&s, argv[0], REGCTL_WRITE, &t, err);
    if (rc < 0)
        return rc;
    if (t.tag == NULL)
        return rf_fail(err, RFE_USAGE, "tag missing from image reference");
    rc = rf_place_delete_tag(t.place, t.repo, t.tag, &e);
    if (rc == 0)
        return regctl_target_done(&t, err);
    if (o->ignore_missing && (rc == -RFE_NOT_FOUND || is_missing(&t)))
        return 0;
    *err = e;
    /* Upstream's words, since scripts look for them. */
    return e.http_status == 404
               ? rf_wrap(err, rc,
                         "failed to request manifest head %s: request failed: not found [http 404]",
                         argv[0])
               : rc;
}

/* ---- ls ---- */

/* A layout has no pages: what --limit leaves out is left out here, behind the filters. */
static void cut(struct rf_listing *l, size_t limit)
{
    for (size_t i = limit; i < l->n; i++)
        free(l->names[i]);
    l->n = l->n > limit ? limit : l->n;
}

static int show(const struct options *o, const struct rf_listing *l, bool whole, bool layout,
                struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    struct rf_err ignored;
    /* Registries answer in many ways: what is no JSON has no members to show. */
    if (rf_json_parse(rf_buf_slice(&l->body), SIZE_MAX, &doc, &ignored) < 0)
        doc = NULL;
    const struct rf_list_object object = { .names = (const char *const *)l->names,
                                           .n = l->n,
                                           .headers = &l->headers,
                                           .body = rf_buf_slice(&l->body),
                                           .doc = doc,
                                           .whole = whole,
                                           .layout = layout };
    const struct regctl_raw raw = { .headers = &l->headers, .body = rf_buf_slice(&l->body) };
    const struct rf_value v = rf_tag_list_value(&object);
    return regctl_print(o->format, &v, &raw, err);
}

static int run_ls(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(regctl_target_release) struct regctl_target t = REGCTL_TARGET_INIT;
    RF_CLEANUP(rf_tag_filter_freep) struct rf_tag_filter *filter = NULL;
    RF_CLEANUP(rf_listing_release) struct rf_listing l;
    struct rf_listing_options how = { .last = o->last };
    (void)argc;
    rf_listing_init(&l);
    if (o->limit > 0)
        how.limit = o->limit < UINT32_MAX ? (unsigned)o->limit : UINT32_MAX;
    int rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = regctl_target_open(&s, argv[0], REGCTL_REPO, &t, err);
    if (rc == 0)
        rc = rf_tag_filter_new(o->include.items, o->include.n, o->exclude.items, o->exclude.n,
                               &filter, err);
    if (rc == 0)
        rc = rf_listing_tags(t.place, t.repo, &how, &l, err);
    if (rc == 0)
        rc = rf_tag_filter_apply(filter, l.names, &l.n, err);
    if (rc < 0)
        return rc;
    bool layout = rf_registry_remote(t.place) == NULL;
    if (layout && how.limit > 0)
        cut(&l, how.limit);
    bool whole = l.pages == 1 && rf_tag_filter_is_empty(filter) && !(layout && how.limit > 0);
    return show(o, &l, whole, layout, err);
}

/* ---- the rows ---- */

#define AT(field) offsetof(struct options, field)

static const struct rf_opt delete_opts[] = {
    REGCTL_FLAG("ignore-missing", AT(ignore_missing), "a tag that is not there counts as deleted"),
};
static const struct rf_opt ls_opts[] = {
    REGCTL_EXCLUDE(AT(exclude)),
    REGCTL_LIST_FORMAT(AT(format)),
    REGCTL_INCLUDE(AT(include)),
    REGCTL_TEXT("last", AT(last), "TAG",
                "only tags behind this one, where the registry can do that"),
    REGCTL_INT("limit", AT(limit), "N",
               "at most so many tags, where the registry can do that; else all are listed", "0"),
};

static const struct rf_cmd commands[] = {
    {
        .name = "delete",
        .aliases = "del,rm,remove",
        .synopsis = "IMAGE",
        .summary = "delete a tag",
        .description =
            "The image stays as long as other tags or its digest are in use. On a registry that deletes manifests only, the tag is moved to a "
            "small image of its own, which is deleted then; where nothing can be deleted, the tag is left as it was.",
        .examples = "regctl tag delete registry.example.org/repo:v42",
        .opts = delete_opts,
        .n_opts = RF_ARRAY_LEN(delete_opts),
        .ctx_size = sizeof(struct options),
        .min_args = 1,
        .max_args = 1,
        .run = run_delete,
    },
    {
        .name = "ls",
        .aliases = "list",
        .synopsis = "REPOSITORY",
        .summary = "list the tags of a repository",
        .description = "Patterns must match the whole tag. Of a layout, {{.Index}} is its index.",
        .examples =
            "regctl tag ls registry.example.org/repo\n"
            "# no digest tags\n"
            "regctl tag ls registry.example.org/repo --exclude 'sha256-.*'\n"
            "regctl tag ls registry.example.org/repo --include 'v1\\.[0-9]+' --format '{{join .Tags \",\"}}'",
        .opts = ls_opts,
        .n_opts = RF_ARRAY_LEN(ls_opts),
        .ctx_size = sizeof(struct options),
        .min_args = 1,
        .max_args = 1,
        .run = run_ls,
    },
};

const struct rf_cmd *regctl_tag_cmd(void)
{
    static const struct rf_cmd group = {
        .name = "tag",
        .summary = "work with tags",
        .children = commands,
        .n_children = RF_ARRAY_LEN(commands),
    };
    return &group;
}
