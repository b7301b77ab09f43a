/* SPDX-License-Identifier: Apache-2.0 */
#include "export/items.h"

#include "base/log.h"
#include "base/mem.h"
#include "export/location.h"
#include "policy/step_rules.h"
#include "policy/target_path.h"

static void item_release(struct rf_export_item *it)
{
    rf_ref_release(&it->source);
    rf_ref_release(&it->referrers_from);
    free(it->registry);
    free(it->repository);
    free(it->tag);
    free(it->rules);
    free(it->referrers_to);
    for (size_t i = 0; i < it->n_platforms; i++)
        rf_platform_release(&it->platforms[i]);
    free(it->platforms);
}

void rf_items_release(struct rf_items *items)
{
    for (size_t i = 0; i < items->n; i++)
        item_release(&items->list[i]);
    free(items->list);
    memset(items, 0, sizeof(*items));
}

static int add_platform(struct rf_export_item *it, const char *text, struct rf_err *err)
{
    struct rf_platform p = RF_PLATFORM_INIT;
    int rc = rf_platform_parse(text, &p, err);
    if (rc < 0)
        return rc;
    it->platforms = rf_xreallocarray(it->platforms, it->n_platforms + 1, sizeof(*it->platforms));
    it->platforms[it->n_platforms++] = p;
    return 0;
}

static int add_platforms(struct rf_export_item *it, const struct rf_item_options *opts,
                         struct rf_err *err)
{
    for (size_t i = 0; i < opts->n_platforms; i++) {
        int rc = add_platform(it, opts->platforms[i], err);
        if (rc < 0)
            return rf_fail(
                err, RFE_USAGE,
                "--platform %s: not a platform; write OS/ARCH[/VARIANT], such as linux/amd64",
                opts->platforms[i]);
    }
    it->prune = opts->prune;
    return 0;
}

static void keep(struct rf_items *items, struct rf_export_item *it)
{
    items->list = rf_grow(items->list, items->n, &items->cap, sizeof(*items->list));
    items->list[items->n++] = *it;
    memset(it, 0, sizeof(*it));
}

/* Without tag and digest a layout may hold one image or many: then all of its tags are meant. */
static bool means_all_tags(const struct rf_ref *source)
{
    return source->scheme != RF_SCHEME_REGISTRY && source->tag == NULL &&
           !rf_digest_is_set(&source->digest);
}

/* The name of the site for it. */
static int map_path(const struct rf_path_map *paths, char **repository, struct rf_err *err)
{
    char *mapped = NULL;
    int rc = rf_path_map_apply(paths, *repository, &mapped, err);
    if (rc < 0)
        return rc;
    free(*repository);
    *repository = mapped;
    return 0;
}

int rf_items_add_arg(struct rf_items *items, const char *arg, const struct rf_item_options *opts,
                     struct rf_err *err)
{
    RF_CLEANUP(item_release)
    struct rf_export_item it = { .referrers = opts->referrers, .digest_tags = opts->digest_tags };
    RF_CLEANUP(rf_target_release) struct rf_target target = { 0 };
    int rc = rf_target_parse_arg(arg, &it.source, &target, err);
    if (rc == 0)
        rc = add_platforms(&it, opts, err);
    if (rc < 0)
        return rc;
    if (means_all_tags(&it.source)) {
        if (target.tag != NULL)
            return rf_fail(
                err, RFE_USAGE,
                "%s: name the image of the layout that becomes %s:%s, as in ocidir://PATH:TAG=%s:%s",
                arg, target.repository, target.tag, target.repository, target.tag);
        it.whole_repository = true;
    }
    struct rf_err why = RF_ERR_INIT;
    if (strchr(arg, '=') == NULL && map_path(opts->paths, &target.repository, &why) < 0)
        return rf_fail(err, RFE_USAGE, "%s: %s; name it yourself: SOURCE=PATH[:TAG]", arg, why.msg);
    it.repository = RF_STEAL(target.repository);
    it.tag = RF_STEAL(target.tag);
    keep(items, &it);
    return 0;
}

static int at_step(const struct rf_policy_config *c, const struct rf_step *s, int rc,
                   struct rf_err *err)
{
    struct rf_err why = err != NULL ? *err : (struct rf_err)RF_ERR_INIT;
    (void)rc;
    return rf_fail(err, RFE_CONFIG, "%s:%u:%u: %s", c->name, s->line, s->column, why.msg);
}

/* Where images go; a target without tag means "latest", as for regsync. The repositories of a registry get their names when they are known. */
static int step_target(const struct rf_step *s, const struct rf_path_map *paths,
                       struct rf_export_item *it, struct rf_err *err)
{
    RF_CLEANUP(rf_target_release) struct rf_target target = { 0 };
    bool named = s->target != NULL && s->target[0] != '\0';
    int rc;
    if (s->type == RF_STEP_REGISTRY && !named)
        target.repository = rf_xstrdup("");
    if (s->type == RF_STEP_REGISTRY)
        rc = named ? rf_target_of_registry(s->target, &target, err) : 0;
    else if (named)
        rc = rf_target_of_text(s->target, &target, err);
    else
        rc = rf_target_of_source(&s->source_ref, &target, err);
    if (rc == 0 && s->type != RF_STEP_REGISTRY)
        rc = map_path(paths, &target.repository, err);
    if (rc < 0)
        return rc;
    it->repository = RF_STEAL(target.repository);
    if (s->type == RF_STEP_IMAGE)
        it->tag = target.tag == NULL && named ? rf_xstrdup("latest") : RF_STEAL(target.tag);
    return 0;
}

static int step_platforms(const struct rf_step *s, struct rf_export_item *it, struct rf_err *err)
{
    int rc = s->platform != NULL ? add_platform(it, s->platform, err) : 0;
    if (s->platform != NULL) {
        it->single = true; /* the image itself: there is no index to choose from */
        return rc;
    }
    for (size_t i = 0; rc == 0 && i < s->platforms.n; i++)
        rc = add_platform(it, s->platforms.items[i], err);
    return rc;
}

/* From where to where referrers go, when not with the image. */
static int step_referrers(const struct rf_step *s, const struct rf_path_map *paths,
                          struct rf_export_item *it, struct rf_err *err)
{
    RF_CLEANUP(rf_target_release) struct rf_target target = { 0 };
    int rc = 0;
    if (!it->referrers)
        return 0;
    if (s->s.referrer_source != NULL)
        rc = rf_ref_parse_repo(s->s.referrer_source, &it->referrers_from, err);
    if (rc < 0)
        return rf_wrap(err, rc, "referrerSource");
    if (s->s.referrer_target == NULL)
        return 0;
    rc = rf_target_of_text(s->s.referrer_target, &target, err);
    if (rc == 0)
        rc = map_path(paths, &target.repository, err);
    if (rc < 0)
        return rf_wrap(err, rc, "referrerTarget");
    it->referrers_to = RF_STEAL(target.repository);
    return 0;
}

static void add_names(struct rf_buf *out, const char *what, const struct rf_name_filter *names)
{
    const char *text = rf_name_filter_text(names);
    if (text[0] != '\0')
        rf_buf_addf(out, "%s %zu\n%s", what, strlen(text), text);
}

/* What the step takes of what it finds. */
static void step_rules(const struct rf_step *s, struct rf_export_item *it)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    if (it->whole_repository)
        add_names(&text, "tags", s->tag_names);
    if (it->registry != NULL)
        add_names(&text, "repos", s->repo_names);
    if (it->registry != NULL && it->source.path != NULL)
        rf_buf_addf(&text, "tree %s\n", it->source.path);
    if (it->paths != NULL)
        rf_path_map_text(it->paths, &text);
    for (size_t i = 0; i < s->s.media_types.n; i++)
        rf_buf_addf(&text, "mediaType %s\n", s->s.media_types.items[i]);
    if (it->referrers)
        rf_step_referrers_text(s, &text);
    it->step = s;
    it->rules = rf_buf_take(&text, NULL);
}

/* A tree is called by its folder; a second one of that name is another one. */
static char *tree_name(const struct rf_items *items, const struct rf_ref *tree)
{
    char *name = rf_location_name(tree);
    RF_CLEANUP(rf_freep) char *first = rf_xstrdup(name);
    unsigned n = 1;
    for (size_t i = 0; i < items->n;) {
        const struct rf_export_item *it = &items->list[i++];
        if (it->registry == NULL || it->source.path == NULL || strcmp(it->registry, name) != 0 ||
            strcmp(it->source.path, tree->path) == 0)
            continue;
        free(name);
        name = rf_xasprintf("%s-%u", first, ++n);
        i = 0; /* that one may be there, too */
    }
    return name;
}

/* Where it reads: an image, a repository, all of a registry or of a tree of layouts. */
static int step_source(const struct rf_items *items, const struct rf_step *s,
                       struct rf_export_item *it, struct rf_err *err)
{
    bool tree = rf_step_is_tree(s);
    if (s->type == RF_STEP_REGISTRY && !tree)
        return rf_ref_parse_registry(s->source, &it->registry, err);
    rf_ref_copy(&s->source_ref, &it->source);
    if (tree) {
        for (size_t n = strlen(it->source.path); n > 1 && it->source.path[n - 1] == '/'; n--)
            it->source.path[n - 1] = '\0';
        it->registry = tree_name(items, &it->source);
    }
    return 0;
}

static int add_step(struct rf_items *items, const struct rf_step *s,
                    const struct rf_item_options *opts, struct rf_err *err)
{
    RF_CLEANUP(item_release) struct rf_export_item it = { 0 };
    int rc = step_target(s, opts->paths, &it, err);
    if (rc == 0 && opts->n_platforms > 0)
        rc = add_platforms(&it, opts, err);
    else if (rc == 0)
        rc = step_platforms(s, &it, err);
    if (rc == 0)
        rc = step_source(items, s, &it, err);
    if (rc < 0)
        return rc;
    it.whole_repository = s->type != RF_STEP_IMAGE;
    it.paths = it.registry != NULL ? opts->paths : NULL;
    it.prune = opts->prune;
    it.referrers = opts->referrers || s->s.referrers == RF_TRI_YES;
    it.digest_tags = opts->digest_tags || s->s.digest_tags == RF_TRI_YES;
    it.slow_referrers = s->s.referrer_slow == RF_TRI_YES;
    it.include_external = s->s.include_external == RF_TRI_YES;
    rc = step_referrers(s, opts->paths, &it, err);
    if (rc < 0)
        return rc;
    step_rules(s, &it);
    if (s->s.fast_check == RF_TRI_YES && (it.referrers || it.digest_tags))
        rf_log(RF_LOG_INFO, "fastCheck does not count for bundles", "source", s->source, "meaning",
               "referrers and digest tags of unchanged images are looked for, too", NULL);
    keep(items, &it);
    return 0;
}

int rf_items_add_config(struct rf_items *items, const struct rf_policy_config *config,
                        const struct rf_item_options *opts, struct rf_err *err)
{
    for (size_t i = 0; i < config->n_steps; i++) {
        int rc = add_step(items, &config->steps[i], opts, err);
        if (rc < 0)
            return at_step(config, &config->steps[i], rc, err);
    }
    return 0;
}
