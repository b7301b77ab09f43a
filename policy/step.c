/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/step.h"

#include "base/mem.h"
#include "base/text.h"
#include "manifests/media_type.h"
#include "policy/object/object_step.h"
#include "policy/render.h"
#include "policy/semver.h"
#include "policy/step_check.h"

#define LIST_MAX 10000

/* ---- release ---- */

static void filters_release(struct rf_referrer_filter *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].artifact_type);
        rf_yaml_list_release(&list[i].annotations);
    }
    free(list);
}

static void hook_free(struct rf_hook **hook)
{
    if (*hook == NULL)
        return;
    free((*hook)->type);
    rf_yaml_list_release(&(*hook)->params);
    free(*hook);
    *hook = NULL;
}

static void hooks_release(struct rf_hooks *h)
{
    hook_free(&h->pre);
    hook_free(&h->post);
    hook_free(&h->unchanged);
}

static void settings_release(struct rf_step_settings *s)
{
    filters_release(s->referrer_filters, s->n_referrer_filters);
    free(s->referrer_source);
    free(s->referrer_target);
    free(s->backup);
    free(s->backup_wrong);
    free(s->schedule);
    free(s->schedule_wrong);
    rf_yaml_list_release(&s->media_types);
    hooks_release(&s->hooks);
    *s = (struct rf_step_settings){ 0 };
}

void rf_step_release(struct rf_step *s)
{
    free(s->source);
    free(s->target);
    free(s->type_text);
    free(s->where);
    free(s->refused);
    rf_name_rules_release(&s->tags);
    rf_name_rules_release(&s->repos);
    for (size_t i = 0; i < s->n_tag_sets; i++)
        rf_name_rules_release(&s->tag_sets[i]);
    free(s->tag_sets);
    free(s->platform);
    rf_yaml_list_release(&s->platforms);
    settings_release(&s->s);
    rf_ref_release(&s->source_ref);
    rf_name_filter_free(s->tag_names);
    rf_name_filter_free(s->repo_names);
    *s = (struct rf_step){ 0 };
}

void rf_step_defaults_release(struct rf_step_defaults *d)
{
    settings_release(&d->s);
    free(d->user_agent);
    *d = (struct rf_step_defaults){ 0 };
}

/* ---- setters ---- */

/* A list of regular expressions, each tried out. */
static int set_patterns(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                        void *field, struct rf_err *err)
{
    int rc = rf_yaml_set_list(r, value, field, err);
    if (rc < 0)
        return rc;
    const struct rf_yaml_list *list = field;
    if (list->n > RF_TAG_FILTER_PATTERNS_MAX)
        return rf_yaml_fail(r->doc, value, err, "%s: more than %d patterns", r->key,
                            RF_TAG_FILTER_PATTERNS_MAX);
    for (size_t i = 0; i < list->n; i++) {
        struct rf_err cause = RF_ERR_INIT;
        if (rf_tag_filter_check(list->items[i], &cause) < 0)
            return rf_yaml_fail(r->doc, rf_yaml_list_node(value, i), err, "%s: %s", r->key,
                                cause.msg);
    }
    return 0;
}

/* A list of ranges of versions, each tried out. */
static int set_semver(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                      struct rf_err *err)
{
    int rc = rf_yaml_set_list(r, value, field, err);
    if (rc < 0)
        return rc;
    const struct rf_yaml_list *list = field;
    if (list->n > RF_SEMVER_RANGES_MAX)
        return rf_yaml_fail(r->doc, value, err, "%s: more than %d ranges", r->key,
                            RF_SEMVER_RANGES_MAX);
    for (size_t i = 0; i < list->n; i++) {
        struct rf_err cause = RF_ERR_INIT;
        if (rf_semver_range_check(list->items[i], &cause) < 0)
            return rf_yaml_fail(r->doc, rf_yaml_list_node(value, i), err, "%s: %s", r->key,
                                cause.msg);
    }
    return 0;
}

static const struct rf_yaml_field tag_fields[] = {
    { "allow", set_patterns, offsetof(struct rf_name_rules, allow), NULL },
    { "deny", set_patterns, offsetof(struct rf_name_rules, deny), NULL },
    { "semverRange", set_semver, offsetof(struct rf_name_rules, semver), NULL },
};

static int set_tags(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                    struct rf_err *err)
{
    return rf_yaml_read_map(r, value, r->key, tag_fields, RF_ARRAY_LEN(tag_fields), field, err);
}

static const struct rf_yaml_field repo_fields[] = {
    { "allow", set_patterns, offsetof(struct rf_name_rules, allow), NULL },
    { "deny", set_patterns, offsetof(struct rf_name_rules, deny), NULL },
};

static int set_repos(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                     struct rf_err *err)
{
    return rf_yaml_read_map(r, value, r->key, repo_fields, RF_ARRAY_LEN(repo_fields), field, err);
}

static int check_list(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                      struct rf_err *err)
{
    if (value->kind != RF_YAML_LIST)
        return rf_yaml_fail(r->doc, value, err, "%s: a list is wanted", r->key);
    if (value->n > LIST_MAX)
        return rf_yaml_fail(r->doc, value, err, "%s: more than %d elements", r->key, LIST_MAX);
    return 0;
}

/* Takes the whole step. */
static int set_tag_sets(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                        void *field, struct rf_err *err)
{
    struct rf_step *s = field;
    int rc = check_list(r, value, err);
    if (rc < 0)
        return rc;
    s->tag_sets = rf_xcalloc((size_t)value->n + 1, sizeof(*s->tag_sets));
    for (uint32_t i = 0; i < value->n; i++) {
        char name[96];
        (void)snprintf(name, sizeof(name), "%s[%u]", r->key, i);
        struct rf_yaml_reader inner = *r;
        inner.key = name;
        s->n_tag_sets++;
        rc = set_tags(&inner, value->items[i], &s->tag_sets[i], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static const struct rf_yaml_field filter_fields[] = {
    { "artifactType", rf_yaml_set_string, offsetof(struct rf_referrer_filter, artifact_type),
      NULL },
    { "annotations", rf_yaml_set_pairs, offsetof(struct rf_referrer_filter, annotations), NULL },
};

/* Takes the settings. */
static int set_referrer_filters(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                                void *field, struct rf_err *err)
{
    struct rf_step_settings *s = field;
    int rc = check_list(r, value, err);
    if (rc < 0)
        return rc;
    s->referrer_filters = rf_xcalloc((size_t)value->n + 1, sizeof(*s->referrer_filters));
    for (uint32_t i = 0; i < value->n; i++) {
        char name[96];
        (void)snprintf(name, sizeof(name), "%s[%u]", r->key, i);
        s->n_referrer_filters++;
        rc = rf_yaml_read_map(r, value->items[i], name, filter_fields, RF_ARRAY_LEN(filter_fields),
                              &s->referrer_filters[i], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static const struct rf_yaml_field ratelimit_fields[] = {
    { "min", rf_yaml_set_i64, offsetof(struct rf_step_settings, ratelimit_min), NULL },
    { "retry", rf_yaml_set_duration, offsetof(struct rf_step_settings, ratelimit_retry_ns), NULL },
};

static int set_ratelimit(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                         void *field, struct rf_err *err)
{
    return rf_yaml_read_map(r, value, r->key, ratelimit_fields, RF_ARRAY_LEN(ratelimit_fields),
                            field, err);
}

static void take_hook(struct rf_hook **step, const struct rf_hook *dflt)
{
    if (*step != NULL || dflt == NULL)
        return;
    *step = rf_xcalloc(1, sizeof(**step));
    (*step)->type = rf_xstrdup(dflt->type);
    rf_yaml_list_copy(&dflt->params, &(*step)->params);
}

static const struct rf_yaml_field hook_fields[] = {
    { "type", rf_yaml_set_string, offsetof(struct rf_hook, type), NULL },
    { "params", rf_yaml_set_list, offsetof(struct rf_hook, params), NULL },
};

static int set_hook(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                    struct rf_err *err)
{
    struct rf_hook **hook = field;
    hook_free(hook);
    *hook = rf_xcalloc(1, sizeof(**hook));
    return rf_yaml_read_map(r, value, r->key, hook_fields, RF_ARRAY_LEN(hook_fields), *hook, err);
}

static const struct rf_yaml_field hooks_fields[] = {
    { "pre", set_hook, offsetof(struct rf_hooks, pre), NULL },
    { "post", set_hook, offsetof(struct rf_hooks, post), NULL },
    { "unchanged", set_hook, offsetof(struct rf_hooks, unchanged), NULL },
};

static int set_hooks(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                     struct rf_err *err)
{
    return rf_yaml_read_map(r, value, r->key, hooks_fields, RF_ARRAY_LEN(hooks_fields), field, err);
}

#define SETTINGS(S)                                                                     \
    { "digestTags", rf_yaml_set_tri, offsetof(S, s.digest_tags), NULL },                \
        { "referrers", rf_yaml_set_tri, offsetof(S, s.referrers), NULL },               \
        { "referrerFilters", set_referrer_filters, offsetof(S, s), NULL },              \
        { "referrerSource", rf_yaml_set_string, offsetof(S, s.referrer_source), NULL }, \
        { "referrerTarget", rf_yaml_set_string, offsetof(S, s.referrer_target), NULL }, \
        { "referrerSlow", rf_yaml_set_tri, offsetof(S, s.referrer_slow), NULL },        \
        { "fastCheck", rf_yaml_set_tri, offsetof(S, s.fast_check), NULL },              \
        { "fastCopy", NULL, 0, "fastCheck" }, /* so the upstream site calls it */       \
        { "forceRecursive", rf_yaml_set_tri, offsetof(S, s.force_recursive), NULL },    \
        { "includeExternal", rf_yaml_set_tri, offsetof(S, s.include_external), NULL },  \
        { "backup", rf_yaml_set_string, offsetof(S, s.backup), NULL },                  \
        { "interval", rf_yaml_set_duration, offsetof(S, s.interval_ns), NULL },         \
        { "schedule", rf_yaml_set_string, offsetof(S, s.schedule), NULL },              \
        { "ratelimit", set_ratelimit, offsetof(S, s), NULL },                           \
        { "mediaTypes", rf_yaml_set_list, offsetof(S, s.media_types), NULL },           \
    {                                                                                   \
        "hooks", set_hooks, offsetof(S, s.hooks), NULL                                  \
    }

static const struct rf_yaml_field default_fields[] = {
    SETTINGS(struct rf_step_defaults),
    { "parallel", rf_yaml_set_count, offsetof(struct rf_step_defaults, parallel), NULL },
    { "blobLimit", rf_yaml_set_i64, offsetof(struct rf_step_defaults, blob_limit), NULL },
    { "cacheCount", rf_yaml_set_count, offsetof(struct rf_step_defaults, cache_count), NULL },
    { "cacheTime", rf_yaml_set_duration, offsetof(struct rf_step_defaults, cache_time_ns), NULL },
    { "skipDockerConfig", rf_yaml_set_tri, offsetof(struct rf_step_defaults, skip_docker_config),
      NULL },
    { "userAgent", rf_yaml_set_string, offsetof(struct rf_step_defaults, user_agent), NULL },
    { "timeout", rf_yaml_set_duration, offsetof(struct rf_step_defaults, timeout_ns), NULL },
};

static const struct rf_yaml_field step_fields[] = {
    SETTINGS(struct rf_step),
    { "source", rf_yaml_set_string, offsetof(struct rf_step, source), NULL },
    { "target", rf_yaml_set_string, offsetof(struct rf_step, target), NULL },
    { "type", rf_yaml_set_string, offsetof(struct rf_step, type_text), NULL },
    { "tags", set_tags, offsetof(struct rf_step, tags), NULL },
    { "tagSets", set_tag_sets, 0, NULL },
    { "repos", set_repos, offsetof(struct rf_step, repos), NULL },
    { "platform", rf_yaml_set_string, offsetof(struct rf_step, platform), NULL },
    { "platforms", rf_yaml_set_list, offsetof(struct rf_step, platforms), NULL },
    { "parallel", NULL, 0, "defaults." },
    { "blobLimit", NULL, 0, "defaults." },
    { "cacheCount", NULL, 0, "defaults." },
    { "cacheTime", NULL, 0, "defaults." },
    { "skipDockerConfig", NULL, 0, "defaults." },
    { "userAgent", NULL, 0, "defaults." },
};

#define TABLE(name, fields)                    \
    {                                          \
        (name), (fields), RF_ARRAY_LEN(fields) \
    }
const struct rf_yaml_table *rf_step_tables(size_t *n)
{
    static const struct rf_yaml_table tables[] = {
        TABLE("step", step_fields),
        TABLE("defaults", default_fields),
        TABLE("tagRules", tag_fields),
        TABLE("repoRules", repo_fields),
        TABLE("referrerFilter", filter_fields),
        TABLE("rateLimit", ratelimit_fields),
        TABLE("hooks", hooks_fields),
        TABLE("hook", hook_fields),
    };
    *n = RF_ARRAY_LEN(tables);
    return tables;
}

int rf_step_defaults_set(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                         void *field, struct rf_err *err)
{
    struct rf_step_defaults *d = field;
    int rc =
        rf_yaml_read_map(r, value, r->key, default_fields, RF_ARRAY_LEN(default_fields), d, err);
    if (rc == 0)
        rf_step_look_ahead(r, value, r->key, &d->s);
    return rc;
}

/* ---- defaults ---- */

static void take_tri(enum rf_tri *step, enum rf_tri dflt)
{
    if (*step == RF_TRI_UNSET)
        *step = dflt == RF_TRI_UNSET ? RF_TRI_NO : dflt;
}

static void take_text(char **step, const char *dflt)
{
    if (*step != NULL && (*step)[0] != '\0')
        return;
    free(*step);
    *step = dflt != NULL && dflt[0] != '\0' ? rf_xstrdup(dflt) : NULL;
}

static void take_filters(struct rf_step_settings *s, const struct rf_step_settings *d)
{
    if (s->referrer_filters != NULL || d->n_referrer_filters == 0)
        return;
    s->referrer_filters = rf_xcalloc(d->n_referrer_filters, sizeof(*s->referrer_filters));
    for (size_t i = 0; i < d->n_referrer_filters; i++) {
        struct rf_referrer_filter *to = &s->referrer_filters[s->n_referrer_filters++];
        to->artifact_type = rf_xstrdup(d->referrer_filters[i].artifact_type);
        rf_yaml_list_copy(&d->referrer_filters[i].annotations, &to->annotations);
    }
}

static void take_media_types(struct rf_step_settings *s, const struct rf_step_settings *d)
{
    static const char *const usual[] = { RF_MT_DOCKER_MANIFEST, RF_MT_DOCKER_LIST,
                                         RF_MT_OCI_MANIFEST, RF_MT_OCI_INDEX };
    struct rf_yaml_list *list = &s->media_types;
    if (list->n > 0)
        return;
    rf_yaml_list_release(list);
    if (d->media_types.n > 0) {
        rf_yaml_list_copy(&d->media_types, list);
        return;
    }
    list->items = rf_xcalloc(RF_ARRAY_LEN(usual), sizeof(*list->items));
    for (size_t i = 0; i < RF_ARRAY_LEN(usual); i++)
        list->items[list->n++] = rf_xstrdup(usual[i]);
}

static void take_defaults(struct rf_step_settings *s, const struct rf_step_settings *d)
{
    take_tri(&s->digest_tags, d->digest_tags);
    take_tri(&s->referrers, d->referrers);
    take_tri(&s->referrer_slow, d->referrer_slow);
    take_tri(&s->fast_check, d->fast_check);
    take_tri(&s->force_recursive, d->force_recursive);
    take_tri(&s->include_external, d->include_external);
    take_filters(s, d);
    take_text(&s->referrer_source, d->referrer_source);
    take_text(&s->referrer_target, d->referrer_target);
    if (s->backup == NULL || s->backup[0] == '\0')
        take_text(&s->backup_wrong, d->backup_wrong);
    take_text(&s->backup, d->backup);
    take_text(&s->schedule, NULL);
    /* When a step says itself when it runs, the default time does not add to it. */
    if (s->interval_ns == 0 && s->schedule == NULL) {
        take_text(&s->schedule, d->schedule);
        take_text(&s->schedule_wrong, d->schedule_wrong);
        s->interval_ns = s->schedule == NULL ? d->interval_ns : 0;
    }
    if (s->ratelimit_min == 0)
        s->ratelimit_min = d->ratelimit_min;
    if (s->ratelimit_retry_ns == 0)
        s->ratelimit_retry_ns = d->ratelimit_retry_ns;
    if (s->ratelimit_retry_ns < RF_STEP_RETRY_MIN_NS)
        s->ratelimit_retry_ns = RF_STEP_RETRY_MIN_NS;
    take_media_types(s, d);
    take_hook(&s->hooks.pre, d->hooks.pre);
    take_hook(&s->hooks.post, d->hooks.post);
    take_hook(&s->hooks.unchanged, d->hooks.unchanged);
}

/* ---- templates ---- */

static int expand_texts(const struct rf_yaml_reader *r, const struct rf_yaml_node *node,
                        const char *path, struct rf_step *s, struct rf_err *err)
{
    /* In this order, each seeing the ones before it expanded. */
    const struct {
        const char *key;
        char **text;
    } texts[] = { { "source", &s->source },
                  { "referrerSource", &s->s.referrer_source },
                  { "target", &s->target },
                  { "referrerTarget", &s->s.referrer_target } };
    const struct rf_step_object object = { .step = s, .ref = NULL };
    const struct rf_value data = rf_step_object_value(&object);
    for (size_t i = 0; i < RF_ARRAY_LEN(texts); i++) {
        if (*texts[i].text == NULL || !rf_render_needed(*texts[i].text))
            continue;
        char *expanded = NULL;
        struct rf_err cause = RF_ERR_INIT;
        if (rf_render(*texts[i].text, &data, &expanded, &cause) < 0)
            return rf_yaml_fail(r->doc, rf_step_key_at(node, texts[i].key), err, "%s.%s: %s", path,
                                texts[i].key, cause.msg);
        free(*texts[i].text);
        *texts[i].text = expanded;
    }
    return 0;
}

/* ---- what follows from the texts ---- */

static enum rf_step_type type_of(const char *text)
{
    if (text == NULL)
        return RF_STEP_UNKNOWN;
    if (strcmp(text, "registry") == 0)
        return RF_STEP_REGISTRY;
    if (strcmp(text, "repository") == 0)
        return RF_STEP_REPOSITORY;
    return strcmp(text, "image") == 0 ? RF_STEP_IMAGE : RF_STEP_UNKNOWN;
}

static int finish(const struct rf_yaml_reader *r, const struct rf_yaml_node *node, const char *path,
                  struct rf_step *s, struct rf_err *err)
{
    int rc = expand_texts(r, node, path, s, err);
    if (rc == 0)
        rc = rf_step_check(r, node, path, s, err);
    if (rc < 0)
        return rc;
    rc = rf_name_filter_new(&s->tags, s->tag_sets, s->n_tag_sets, &s->tag_names, err);
    if (rc == 0)
        rc = rf_name_filter_new(&s->repos, NULL, 0, &s->repo_names, err);
    return rc < 0 ? rf_yaml_wrap(r->doc, node, err) : 0;
}

static int read_step(const struct rf_yaml_reader *r, const struct rf_yaml_node *node,
                     const char *path, const struct rf_step_defaults *defaults, struct rf_step *s,
                     struct rf_err *err)
{
    int rc = rf_yaml_read_map(r, node, path, step_fields, RF_ARRAY_LEN(step_fields), s, err);
    if (rc == 0)
        rf_step_look_ahead(r, node, path, &s->s);
    take_defaults(&s->s, &defaults->s);
    take_text(&s->source, NULL);
    take_text(&s->target, NULL);
    take_text(&s->platform, NULL);
    s->type = type_of(s->type_text);
    return rc < 0 ? rc : finish(r, node, path, s, err);
}

/* It is told of when it is to run; the others are as good as without it. */
static int keep_refused(struct rf_step *s, const struct rf_err *why, struct rf_err *err)
{
    static const struct rf_name_rules none = { 0 };
    s->refused = rf_xstrdup(why->msg);
    s->refused_as = "Failed reading step";
    s->unread = true;
    rf_name_filter_freep(&s->tag_names);
    rf_name_filter_freep(&s->repo_names);
    int rc = rf_name_filter_new(&none, NULL, 0, &s->tag_names, err);
    return rc < 0 ? rc : rf_name_filter_new(&none, NULL, 0, &s->repo_names, err);
}

int rf_step_read(const struct rf_yaml_reader *r, const struct rf_yaml_node *node, const char *path,
                 const struct rf_step_defaults *defaults, struct rf_step *out, struct rf_err *err)
{
    RF_CLEANUP(rf_step_release) struct rf_step s = { .line = node->line, .column = node->column };
    struct rf_err why = RF_ERR_INIT;
    s.where = rf_xasprintf("%s:%u:%u: %s", rf_yaml_name(r->doc), s.line, s.column, path);
    int rc = read_step(r, node, path, defaults, &s, &why);
    if (rc < 0 && !r->strict)
        rc = keep_refused(&s, &why, &why);
    if (rc < 0) {
        if (err != NULL)
            *err = why;
        return rc;
    }
    *out = s;
    s = (struct rf_step){ 0 };
    return 0;
}
