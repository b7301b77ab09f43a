/* SPDX-License-Identifier: Apache-2.0 */
#include "export/items.h"

#include "base/log.h"
#include "base/mem.h"
#include "policy/target_path.h"

static void item_release(struct rf_export_item *it)
{
    rf_ref_release(&it->source);
    free(it->repository);
    free(it->tag);
    free(it->filter);
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
    it.repository = RF_STEAL(target.repository);
    it.tag = RF_STEAL(target.tag);
    keep(items, &it);
    return 0;
}

static bool filter_allows(void *ctx, const char *tag)
{
    struct rf_err why = RF_ERR_INIT;
    int rc = rf_name_filter_match(ctx, tag, &why);
    if (rc < 0)
        rf_log(RF_LOG_WARN, "Tag passed over", "error", why.msg, NULL);
    return rc > 0;
}

static int at_step(const struct rf_policy_config *c, const struct rf_step *s, int rc,
                   struct rf_err *err)
{
    struct rf_err why = err != NULL ? *err : (struct rf_err)RF_ERR_INIT;
    (void)rc;
    return rf_fail(err, RFE_CONFIG, "%s:%u:%u: %s", c->name, s->line, s->column, why.msg);
}

static int step_target(const struct rf_step *s, const struct rf_ref *source, struct rf_target *out,
                       struct rf_err *err)
{
    if (s->target != NULL && s->target[0] != '\0')
        return rf_target_of_text(s->target, out, err);
    return rf_target_of_source(source, out, err);
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

static int add_step(struct rf_items *items, const struct rf_step *s,
                    const struct rf_item_options *opts, struct rf_err *err)
{
    RF_CLEANUP(item_release) struct rf_export_item it = { 0 };
    RF_CLEANUP(rf_target_release) struct rf_target target = { 0 };
    if (s->type == RF_STEP_REGISTRY)
        return rf_fail(
            err, RFE_CONFIG,
            "type registry: regexport takes steps of type image and repository; name the repositories");
    int rc = step_target(s, &s->source_ref, &target, err);
    if (rc == 0 && opts->n_platforms > 0)
        rc = add_platforms(&it, opts, err);
    else if (rc == 0)
        rc = step_platforms(s, &it, err);
    if (rc < 0)
        return rc;
    rf_ref_copy(&s->source_ref, &it.source);
    it.prune = opts->prune;
    it.referrers = opts->referrers || s->s.referrers == RF_TRI_YES;
    it.digest_tags = opts->digest_tags || s->s.digest_tags == RF_TRI_YES;
    if (s->type == RF_STEP_REPOSITORY) {
        it.whole_repository = true;
        if (!rf_name_filter_is_empty(s->tag_names)) {
            it.allow = filter_allows;
            it.allow_ctx = s->tag_names;
            it.filter = rf_xstrdup(rf_name_filter_text(s->tag_names));
        }
    } else {
        it.tag = RF_STEAL(target.tag);
    }
    it.repository = RF_STEAL(target.repository);
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
