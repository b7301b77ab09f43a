/* SPDX-License-Identifier: Apache-2.0 */
/* regctl repo */
#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "policy/object/object_list.h"
#include "policy/tag_filter.h"
#include "regclient/listing.h"
#include "regclient/repo_copy.h"
#include "tools/regctl/groups.h"
#include "tools/regctl/rows.h"
#include "tools/regctl/session.h"

#define CONCURRENT_MAX 64 /* what "no limit" means */

struct options {
    struct rf_list include, exclude;
    const char *format, *last;
    int64_t limit, concurrent;
    bool new_tags, referrers;
};

/* ---- copy ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Leaves out what the target has. */
static int leave_out(struct regctl_target *dst, struct rf_listing *l, struct rf_err *err)
{
    RF_CLEANUP(rf_listing_release) struct rf_listing have;
    struct rf_err e = RF_ERR_INIT;
    size_t kept = 0;
    rf_listing_init(&have);
    int rc = rf_listing_tags(dst->place, dst->repo, NULL, &have, &e);
    if (rc == -RFE_NOT_FOUND)
        return 0;
    if (rc < 0) {
        *err = e;
        return rf_wrap(err, rc, "failed to list tags in %s", dst->ref.text);
    }
    qsort(have.names, have.n, sizeof(*have.names), by_text);
    for (size_t i = 0; i < l->n; i++) {
        if (have.n > 0 &&
            bsearch(&l->names[i], have.names, have.n, sizeof(*have.names), by_text) != NULL)
            free(l->names[i]);
        else
            l->names[kept++] = l->names[i];
    }
    l->n = kept;
    return 0;
}

static int choose_tags(const struct options *o, struct regctl_target *src,
                       struct regctl_target *dst, struct rf_listing *l, struct rf_err *err)
{
    RF_CLEANUP(rf_tag_filter_freep) struct rf_tag_filter *filter = NULL;
    int rc = rf_tag_filter_new(o->include.items, o->include.n, o->exclude.items, o->exclude.n,
                               &filter, err);
    if (rc < 0)
        return rc;
    rc = rf_listing_tags(src->place, src->repo, NULL, l, err);
    if (rc < 0)
        return rf_wrap(err, rc, "failed to list tags in %s", src->ref.text);
    rc = rf_tag_filter_apply(filter, l->names, &l->n, err);
    return rc == 0 && o->new_tags ? leave_out(dst, l, err) : rc;
}

static int run_copy(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(regctl_target_release) struct regctl_target src = REGCTL_TARGET_INIT;
    RF_CLEANUP(regctl_target_release) struct regctl_target dst = REGCTL_TARGET_INIT;
    RF_CLEANUP(rf_listing_release) struct rf_listing l;
    (void)argc;
    rf_listing_init(&l);
    int rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = regctl_target_open(&s, argv[0], REGCTL_REPO, &src, err);
    if (rc == 0)
        rc = regctl_target_open(&s, argv[1], REGCTL_REPO | REGCTL_WRITE, &dst, err);
    if (rc == 0)
        rc = choose_tags(o, &src, &dst, &l, err);
    if (rc < 0)
        return rc;
    unsigned at_once = o->concurrent > 0 && o->concurrent < CONCURRENT_MAX ? (unsigned)o->concurrent
                                                                           : CONCURRENT_MAX;
    struct rf_copy_options how = { .referrers = o->referrers,
                                   .progress = rf_progress_bytes,
                                   .progress_ctx = regctl_progress(&s, "copying") };
    rc = rf_repo_copy(src.place, src.repo, dst.place, dst.repo, l.names, l.n, at_once, &how, NULL,
                      err);
    return rc < 0 ? rc : regctl_target_done(&dst, err);
}

/* ---- ls ---- */

static int show(const struct options *o, const struct rf_listing *l, struct rf_err *err)
{
    const struct rf_list_object object = { .names = (const char *const *)l->names,
                                           .n = l->n,
                                           .headers = &l->headers,
                                           .body = rf_buf_slice(&l->body),
                                           .whole = l->pages == 1 };
    const struct regctl_raw raw = { .headers = &l->headers, .body = rf_buf_slice(&l->body) };
    const struct rf_value v = rf_repo_list_value(&object);
    return regctl_print(o->format, &v, &raw, err);
}

static int run_ls(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    const struct options *o = ctx;
    RF_CLEANUP(regctl_session_release) struct regctl_session s = REGCTL_SESSION_INIT;
    RF_CLEANUP(rf_freep) char *registry = NULL;
    RF_CLEANUP(rf_listing_release) struct rf_listing l;
    struct rf_place *place = NULL;
    struct rf_listing_options how = { .last = o->last };
    (void)argc;
    rf_listing_init(&l);
    if (strchr(argv[0], '/') != NULL) {
        rf_log(RF_LOG_ERROR, "Hostname invalid", "host", argv[0], NULL);
        return rf_fail(err, RFE_USAGE, "invalid input");
    }
    if (o->limit > 0)
        how.limit = o->limit < UINT32_MAX ? (unsigned)o->limit : UINT32_MAX;
    int rc = rf_ref_parse_registry(argv[0], &registry, err);
    if (rc == 0)
        rc = regctl_session_open(&s, env, err);
    if (rc == 0)
        rc = rf_client_registry(s.client, registry, &place, err);
    if (rc == 0)
        rc = rf_listing_repos(place, &how, &l, err);
    return rc < 0 ? rc : show(o, &l, err);
}

/* ---- the rows ---- */

#define AT(field) offsetof(struct options, field)

static const struct rf_opt copy_opts[] = {
    REGCTL_INT("concurrent", AT(concurrent), "N",
               "images copied at once; 0 or less is as many as there are", "2"),
    REGCTL_EXCLUDE(AT(exclude)),
    REGCTL_INCLUDE(AT(include)),
    REGCTL_FLAG("new-tags", AT(new_tags), "only tags that the target does not have"),
    REGCTL_FLAG("referrers", AT(referrers),
                "take along what refers to the images: signatures, SBOMs, attestations"),
};
static const struct rf_opt ls_opts[] = {
    REGCTL_LIST_FORMAT(AT(format)),
    REGCTL_TEXT("last", AT(last), "REPOSITORY", "only repositories behind this one"),
    REGCTL_INT("limit", AT(limit), "N", "at most so many repositories", "0"),
};

static const struct rf_cmd commands[] = {
    {
        .name = "copy",
        .aliases = "cp",
        .synopsis = "SOURCE TARGET",
        .arg_kinds = "REPOSITORY REPOSITORY",
        .summary = "copy all tags of a repository, or some of them",
        .description =
            "Tags that the target has are moved to the source's images; no tag is taken away. Patterns must match the whole tag.",
        .examples =
            "regctl repo copy registry-a.example.org/repo registry-b.example.org/repo\n"
            "# tags of one line, with their signatures\n"
            "regctl repo copy --include 'v1\\.2\\..*' --referrers registry-a.example.org/repo registry-b.example.org/repo",
        .opts = copy_opts,
        .n_opts = RF_ARRAY_LEN(copy_opts),
        .ctx_size = sizeof(struct options),
        .min_args = 2,
        .max_args = 2,
        .run = run_copy,
    },
    {
        .name = "ls",
        .aliases = "list",
        .synopsis = "REGISTRY",
        .summary = "list the repositories of a registry",
        .description =
            "Docker Hub and some others do not tell. One page is shown: --last goes on behind it.",
        .examples = "regctl repo ls registry.example.org\n"
                    "regctl repo ls --last team/app --limit 5 registry.example.org",
        .opts = ls_opts,
        .n_opts = RF_ARRAY_LEN(ls_opts),
        .ctx_size = sizeof(struct options),
        .min_args = 1,
        .max_args = 1,
        .run = run_ls,
    },
};

const struct rf_cmd *regctl_repo_cmd(void)
{
    static const struct rf_cmd group = {
        .name = "repo",
        .summary = "work with repositories",
        .children = commands,
        .n_children = RF_ARRAY_LEN(commands),
    };
    return &group;
}
