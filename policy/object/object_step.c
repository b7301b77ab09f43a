/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/object/object_step.h"

#include "base/mem.h"
#include "base/text.h"
#include "policy/render.h"

#define GETTER(name)                                                                              \
    static int name(const struct rf_call *call, const struct rf_field *field, const void *object, \
                    struct rf_value *out, struct rf_err *err)

static const void *member(const void *object, const struct rf_field *field)
{
    return (const char *)object + field->offset;
}

/* ---- getters ---- */

GETTER(get_tri)
{
    (void)call, (void)err;
    enum rf_tri tri;
    memcpy(&tri, member(object, field), sizeof(tri));
    *out = tri == RF_TRI_UNSET ? rf_value_nil() : rf_value_bool(tri == RF_TRI_YES);
    return 0;
}

GETTER(get_duration)
{
    (void)call, (void)err;
    uint64_t ns;
    memcpy(&ns, member(object, field), sizeof(ns));
    *out = rf_value_duration((int64_t)ns);
    return 0;
}

GETTER(get_count)
{
    (void)call, (void)err;
    int64_t n;
    memcpy(&n, member(object, field), sizeof(n));
    *out = rf_value_int(n);
    return 0;
}

GETTER(get_list)
{
    (void)err;
    const struct rf_yaml_list *list = member(object, field);
    *out = list->items == NULL
               ? rf_value_list(&rf_type_string_list, NULL, 0)
               : rf_value_strings(call->arena, (const char *const *)list->items, list->n);
    return 0;
}

GETTER(get_annotations)
{
    (void)err;
    const struct rf_yaml_list *list = member(object, field);
    struct rf_pair *pairs = NULL;
    if (list->items != NULL)
        pairs = rf_arena_alloc(call->arena, (list->n / 2 + 1) * sizeof(*pairs));
    for (size_t i = 0; pairs != NULL && i + 1 < list->n; i += 2)
        pairs[i / 2] =
            (struct rf_pair){ rf_slice_str(list->items[i]), rf_value_str(list->items[i + 1]) };
    *out = rf_value_map(&rf_type_string_map, pairs, list->n / 2);
    return 0;
}

/* ---- types ---- */

static const struct rf_field tags_fields[] = {
    { "Allow", "allow", 0, get_list, offsetof(struct rf_name_rules, allow), NULL },
    { "Deny", "deny", 0, get_list, offsetof(struct rf_name_rules, deny), NULL },
    { "SemverRange", "semverRange", RF_FIELD_OMITEMPTY, get_list,
      offsetof(struct rf_name_rules, semver), NULL },
};
static const struct rf_type type_tags = { .name = "main.TagAllowDeny",
                                          .kind = RF_VALUE_OBJECT,
                                          RF_FIELDS(tags_fields) };
static const struct rf_type type_tags_list = { .name = "[]main.TagAllowDeny",
                                               .kind = RF_VALUE_LIST,
                                               .elem = &type_tags };
static const struct rf_type type_repos = {
    .name = "main.RepoAllowDeny", .kind = RF_VALUE_OBJECT, .fields = tags_fields, .n_fields = 2
};

static const struct rf_field filter_fields[] = {
    { "ArtifactType", "artifactType", 0, rf_get_string,
      offsetof(struct rf_referrer_filter, artifact_type), NULL },
    { "Annotations", "annotations", 0, get_annotations,
      offsetof(struct rf_referrer_filter, annotations), NULL },
};
static const struct rf_type type_filter = { .name = "main.ConfigReferrerFilter",
                                            .kind = RF_VALUE_OBJECT,
                                            RF_FIELDS(filter_fields) };
static const struct rf_type type_filter_list = { .name = "[]main.ConfigReferrerFilter",
                                                 .kind = RF_VALUE_LIST,
                                                 .elem = &type_filter };

static const struct rf_field ratelimit_fields[] = {
    { "Min", "min", 0, get_count, offsetof(struct rf_step_settings, ratelimit_min), NULL },
    { "Retry", "retry", 0, get_duration, offsetof(struct rf_step_settings, ratelimit_retry_ns),
      NULL },
};
static const struct rf_type type_ratelimit = { .name = "main.ConfigRateLimit",
                                               .kind = RF_VALUE_OBJECT,
                                               RF_FIELDS(ratelimit_fields) };

static const struct rf_field hook_fields[] = {
    { "Type", "type", 0, rf_get_string, offsetof(struct rf_hook, type), NULL },
    { "Params", "params", 0, get_list, offsetof(struct rf_hook, params), NULL },
};
static const struct rf_type type_hook = { .name = "main.ConfigHook",
                                          .kind = RF_VALUE_OBJECT,
                                          RF_FIELDS(hook_fields) };
static const struct rf_field hooks_fields[] = {
    { "Pre", "pre", 0, rf_get_pointer, offsetof(struct rf_hooks, pre), &type_hook },
    { "Post", "post", 0, rf_get_pointer, offsetof(struct rf_hooks, post), &type_hook },
    { "Unchanged", "unchanged", 0, rf_get_pointer, offsetof(struct rf_hooks, unchanged),
      &type_hook },
};
static const struct rf_type type_hooks = { .name = "main.ConfigHooks",
                                           .kind = RF_VALUE_OBJECT,
                                           RF_FIELDS(hooks_fields) };

GETTER(get_tag_sets)
{
    (void)field, (void)err;
    const struct rf_step *s = object;
    struct rf_value *items = NULL;
    if (s->tag_sets != NULL)
        items = rf_arena_alloc(call->arena, (s->n_tag_sets + 1) * sizeof(*items));
    for (size_t i = 0; items != NULL && i < s->n_tag_sets; i++)
        items[i] = rf_value_object(&type_tags, &s->tag_sets[i]);
    *out = rf_value_list(&type_tags_list, items, s->n_tag_sets);
    return 0;
}

GETTER(get_filters)
{
    (void)field, (void)err;
    const struct rf_step_settings *s = &((const struct rf_step *)object)->s;
    struct rf_value *items = NULL;
    if (s->referrer_filters != NULL)
        items = rf_arena_alloc(call->arena, (s->n_referrer_filters + 1) * sizeof(*items));
    for (size_t i = 0; items != NULL && i < s->n_referrer_filters; i++)
        items[i] = rf_value_object(&type_filter, &s->referrer_filters[i]);
    *out = rf_value_list(&type_filter_list, items, s->n_referrer_filters);
    return 0;
}

#define AT(member) offsetof(struct rf_step, member)
static const struct rf_field step_fields[] = {
    { "Source", "source", 0, rf_get_string, AT(source), NULL },
    { "Target", "target", 0, rf_get_string, AT(target), NULL },
    { "Type", "type", 0, rf_get_string, AT(type_text), NULL },
    { "Tags", "tags", 0, rf_get_object, AT(tags), &type_tags },
    { "TagSets", "tagSets", 0, get_tag_sets, 0, NULL },
    { "Repos", "repos", 0, rf_get_object, AT(repos), &type_repos },
    { "DigestTags", "digestTags", 0, get_tri, AT(s.digest_tags), NULL },
    { "Referrers", "referrers", 0, get_tri, AT(s.referrers), NULL },
    { "ReferrerFilters", "referrerFilters", 0, get_filters, 0, NULL },
    { "ReferrerSrc", "referrerSource", 0, rf_get_string, AT(s.referrer_source), NULL },
    { "ReferrerTgt", "referrerTarget", 0, rf_get_string, AT(s.referrer_target), NULL },
    { "ReferrerSlow", "referrerSlow", 0, get_tri, AT(s.referrer_slow), NULL },
    { "Platform", "platform", 0, rf_get_string, AT(platform), NULL },
    { "Platforms", "platforms", 0, get_list, AT(platforms), NULL },
    { "FastCheck", "fastCheck", 0, get_tri, AT(s.fast_check), NULL },
    { "ForceRecursive", "forceRecursive", 0, get_tri, AT(s.force_recursive), NULL },
    { "IncludeExternal", "includeExternal", 0, get_tri, AT(s.include_external), NULL },
    { "Backup", "backup", 0, rf_get_string, AT(s.backup), NULL },
    { "Interval", "interval", 0, get_duration, AT(s.interval_ns), NULL },
    { "Schedule", "schedule", 0, rf_get_string, AT(s.schedule), NULL },
    { "RateLimit", "ratelimit", 0, rf_get_object, AT(s), &type_ratelimit },
    { "MediaTypes", "mediaTypes", 0, get_list, AT(s.media_types), NULL },
    { "Hooks", "hooks", 0, rf_get_object, AT(s.hooks), &type_hooks },
};
#undef AT
const struct rf_type rf_type_step = { .name = "main.ConfigSync",
                                      .kind = RF_VALUE_OBJECT,
                                      RF_FIELDS(step_fields) };

/* ---- the data of templates ---- */

GETTER(get_step)
{
    (void)call, (void)field, (void)err;
    *out = rf_value_object(&rf_type_step, ((const struct rf_step_object *)object)->step);
    return 0;
}

GETTER(get_ref)
{
    (void)call, (void)field, (void)err;
    *out = rf_value_object(&rf_type_ref, ((const struct rf_step_object *)object)->ref);
    return 0;
}

static const struct rf_field load_fields[] = { { "Sync", "Sync", 0, get_step, 0, NULL } };
static const struct rf_type type_load = { .name = "struct { Sync main.ConfigSync }",
                                          .kind = RF_VALUE_OBJECT,
                                          RF_FIELDS(load_fields) };
static const struct rf_field backup_fields[] = {
    { "Ref", "Ref", 0, get_ref, 0, NULL },
    { "Step", "Step", 0, get_step, 0, NULL },
    { "Sync", "Sync", 0, get_step, 0, NULL },
};
static const struct rf_type type_backup = {
    .name = "struct { Ref ref.Ref; Step main.ConfigSync; Sync main.ConfigSync }",
    .kind = RF_VALUE_OBJECT,
    RF_FIELDS(backup_fields)
};

struct rf_value rf_step_object_value(const struct rf_step_object *o)
{
    return rf_value_object(o->ref != NULL ? &type_backup : &type_load, o);
}

/* Takes blanks off both ends, in place. */
static char *trim(char *text)
{
    text += strspn(text, " \t\r\n");
    size_t n = strlen(text);
    while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL)
        text[--n] = '\0';
    return text;
}

int rf_step_backup(const struct rf_step *step, const struct rf_ref *target, struct rf_ref *out,
                   struct rf_err *err)
{
    const struct rf_step_object object = { .step = step, .ref = target };
    const struct rf_value data = rf_step_object_value(&object);
    RF_CLEANUP(rf_freep) char *text = NULL;
    int rc = rf_render(step->s.backup != NULL ? step->s.backup : "", &data, &text, err);
    if (rc < 0)
        return rc;
    const char *name = trim(text);
    if (strpbrk(name, ":/") != NULL)
        return rf_ref_parse(name, out, err);
    if (!rf_tag_valid(rf_slice_str(name))) {
        RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(name), 128);
        return rf_fail(err, RFE_INVALID, "backup: \"%s\" is neither a tag nor a reference", shown);
    }
    RF_CLEANUP(rf_ref_release) struct rf_ref r = RF_REF_INIT;
    rf_ref_copy(target, &r);
    rf_ref_set_digest(&r, NULL);
    rf_ref_set_tag(&r, name);
    *out = r;
    r = (struct rf_ref)RF_REF_INIT;
    return 0;
}
