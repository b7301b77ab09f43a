/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/step_check.h"

#include "base/mem.h"
#include "base/text.h"
#include "policy/render.h"
#include "policy/schedule.h"
#include "policy/target_path.h"

#define TREE "ocidir://"

const struct rf_yaml_node *rf_step_key_at(const struct rf_yaml_node *step, const char *key)
{
    const struct rf_yaml_node *value = rf_yaml_get(step, key);
    return value != NULL ? value : step;
}

/* ---- source and target ---- */

static int no_tag(const struct rf_step *s, struct rf_err *err)
{
    return rf_fail(err, RFE_INVALID, "a tag or digest has no place in a step of type %s",
                   s->type_text);
}

int rf_step_parse_source(const struct rf_step *s, struct rf_ref *out, struct rf_err *err)
{
    if (s->type == RF_STEP_IMAGE)
        return rf_ref_parse(s->source, out, err);
    bool tree = s->type == RF_STEP_REGISTRY && rf_slice_starts(rf_slice_str(s->source), TREE);
    if (s->type == RF_STEP_REGISTRY && !tree) {
        RF_CLEANUP(rf_freep) char *host = NULL;
        return rf_ref_parse_registry(s->source, &host, err);
    }
    RF_CLEANUP(rf_ref_release) struct rf_ref ref = RF_REF_INIT;
    int rc = rf_ref_parse_repo(s->source, &ref, err);
    if (rc < 0)
        return rc;
    if (ref.tag != NULL || rf_digest_is_set(&ref.digest))
        return no_tag(s, err);
    *out = ref;
    ref = (struct rf_ref)RF_REF_INIT;
    return 0;
}

static int check_target(const struct rf_step *s, struct rf_err *err)
{
    RF_CLEANUP(rf_target_release) struct rf_target t = { 0 };
    if (s->target != NULL && s->type == RF_STEP_REGISTRY)
        return rf_target_of_registry(s->target, &t, err);
    if (s->target != NULL) {
        int rc = rf_target_of_text(s->target, &t, err);
        return rc == 0 && t.tag != NULL && s->type == RF_STEP_REPOSITORY ? no_tag(s, err) : rc;
    }
    /* Without a target the source's own path counts. */
    return s->type == RF_STEP_REGISTRY ? 0 : rf_target_of_source(&s->source_ref, &t, err);
}

static int unknown_type(const struct rf_step *s, struct rf_err *err)
{
    if (s->type_text == NULL)
        return rf_fail(err, RFE_INVALID, "missing, image, repository or registry is wanted");
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(s->type_text), 64);
    return rf_fail(err, RFE_INVALID, "\"%s\" is not one of image, repository, registry", shown);
}

static int check_source_and_target(const struct rf_yaml_reader *r, const struct rf_yaml_node *node,
                                   const char *path, struct rf_step *s, struct rf_err *err)
{
    struct rf_err cause = RF_ERR_INIT;
    if (s->source == NULL)
        return rf_yaml_fail(r->doc, rf_step_key_at(node, "source"), err, "%s.source: missing",
                            path);
    if (s->type == RF_STEP_UNKNOWN && unknown_type(s, &cause) < 0)
        return rf_yaml_fail(r->doc, rf_step_key_at(node, "type"), err, "%s.type: %s", path,
                            cause.msg);
    if (rf_step_parse_source(s, &s->source_ref, &cause) < 0)
        return rf_yaml_fail(r->doc, rf_step_key_at(node, "source"), err, "%s.source: %s", path,
                            cause.msg);
    if (check_target(s, &cause) < 0)
        return rf_yaml_fail(r->doc, rf_step_key_at(node, "target"), err, "%s.target: %s", path,
                            cause.msg);
    return 0;
}

/* ---- other texts ---- */

static int check_platforms(const struct rf_yaml_reader *r, const struct rf_yaml_node *node,
                           const char *path, const struct rf_step *s, struct rf_err *err)
{
    for (size_t i = 0; i <= s->platforms.n; i++) {
        bool listed = i < s->platforms.n;
        const char *text = listed ? s->platforms.items[i] : s->platform;
        RF_CLEANUP(rf_platform_release) struct rf_platform p = RF_PLATFORM_INIT;
        struct rf_err cause = RF_ERR_INIT;
        if (text == NULL || text[0] == '\0' || rf_platform_parse(text, &p, &cause) == 0)
            continue;
        if (!listed)
            return rf_yaml_fail(r->doc, rf_step_key_at(node, "platform"), err, "%s.platform: %s",
                                path, cause.msg);
        return rf_yaml_fail(r->doc, rf_yaml_list_node(rf_step_key_at(node, "platforms"), i), err,
                            "%s.platforms[%zu]: %s", path, i, cause.msg);
    }
    return 0;
}

/* Without referrers nobody looks at them. */
static int check_referrers(const struct rf_yaml_reader *r, const struct rf_yaml_node *node,
                           const char *path, const struct rf_step *s, struct rf_err *err)
{
    const struct {
        const char *key, *text;
    } places[] = { { "referrerSource", s->s.referrer_source },
                   { "referrerTarget", s->s.referrer_target } };
    for (size_t i = 0; s->s.referrers == RF_TRI_YES && i < RF_ARRAY_LEN(places); i++) {
        RF_CLEANUP(rf_ref_release) struct rf_ref ref = RF_REF_INIT;
        struct rf_err cause = RF_ERR_INIT;
        if (places[i].text != NULL && rf_ref_parse_repo(places[i].text, &ref, &cause) < 0)
            return rf_yaml_fail(r->doc, rf_step_key_at(node, places[i].key), err, "%s.%s: %s", path,
                                places[i].key, cause.msg);
    }
    return 0;
}

/* ---- what only matters later ---- */

static const struct {
    const char *key;
    size_t text, wrong; /* in the settings */
    int (*check)(const char *text, struct rf_err *err);
} later[] = {
    { "schedule", offsetof(struct rf_step_settings, schedule),
      offsetof(struct rf_step_settings, schedule_wrong), rf_schedule_check },
    { "backup", offsetof(struct rf_step_settings, backup),
      offsetof(struct rf_step_settings, backup_wrong), rf_render_check },
};

static char **member(struct rf_step_settings *s, size_t at)
{
    return (char **)(void *)((char *)s + at);
}

void rf_step_look_ahead(const struct rf_yaml_reader *r, const struct rf_yaml_node *map,
                        const char *path, struct rf_step_settings *s)
{
    for (size_t i = 0; i < RF_ARRAY_LEN(later); i++) {
        const char *text = *member(s, later[i].text);
        struct rf_err cause = RF_ERR_INIT, line = RF_ERR_INIT;
        if (text == NULL || text[0] == '\0' || later[i].check(text, &cause) == 0)
            continue;
        (void)rf_yaml_fail(r->doc, rf_step_key_at(map, later[i].key), &line, "%s.%s: %s", path,
                           later[i].key, cause.msg);
        free(*member(s, later[i].wrong));
        *member(s, later[i].wrong) = rf_xstrdup(line.msg);
    }
}

static int check_later(const struct rf_step *s, struct rf_err *err)
{
    const char *wrong = s->s.schedule_wrong != NULL ? s->s.schedule_wrong : s->s.backup_wrong;
    return wrong != NULL ? rf_fail(err, RFE_CONFIG, "%s", wrong) : 0;
}

/* ---- all of it ---- */

/* Whether a runner can do something with the target. */
static int check_run_target(const struct rf_step *s, struct rf_err *err)
{
    RF_CLEANUP(rf_target_release) struct rf_target t = { 0 };
    RF_CLEANUP(rf_ref_release) struct rf_ref ref = RF_REF_INIT;
    if (s->target == NULL)
        return rf_fail(err, RFE_INVALID, "missing");
    if (s->type == RF_STEP_REGISTRY)
        return rf_target_of_registry(s->target, &t, err);
    int rc = s->type == RF_STEP_IMAGE ? rf_ref_parse(s->target, &ref, err)
                                      : rf_ref_parse_repo(s->target, &ref, err);
    if (rc < 0 || s->type == RF_STEP_IMAGE)
        return rc;
    return ref.tag != NULL || rf_digest_is_set(&ref.digest) ? no_tag(s, err) : 0;
}

/* Others may still be glad of a step that cannot be run here. */
static void look_at_run(const struct rf_yaml_reader *r, const struct rf_yaml_node *node,
                        const char *path, struct rf_step *s)
{
    struct rf_err cause = RF_ERR_INIT, line = RF_ERR_INIT;
    const char *key = NULL;
    if (s->source == NULL) {
        key = "source";
        (void)rf_fail(&cause, RFE_INVALID, "missing");
        s->refused_as = "Failed parsing source";
    } else if (s->type == RF_STEP_UNKNOWN) {
        key = "type";
        (void)(unknown_type(s, &cause) < 0);
        s->refused_as = "Type not recognized, must be one of: registry, repository, or image";
    } else if (rf_step_parse_source(s, &s->source_ref, &cause) < 0) {
        key = "source";
        s->refused_as = "Failed parsing source";
    } else if (check_run_target(s, &cause) < 0) {
        key = "target";
        s->refused_as = "Failed parsing target";
    }
    if (key == NULL)
        return;
    (void)rf_yaml_fail(r->doc, rf_step_key_at(node, key), &line, "%s.%s: %s", path, key, cause.msg);
    s->refused = rf_xstrdup(line.msg);
}

int rf_step_check(const struct rf_yaml_reader *r, const struct rf_yaml_node *node, const char *path,
                  struct rf_step *s, struct rf_err *err)
{
    int rc = r->strict ? check_source_and_target(r, node, path, s, err) : 0;
    if (rc == 0 && r->strict)
        rc = check_later(s, err);
    if (rc == 0)
        rc = check_platforms(r, node, path, s, err);
    if (rc == 0)
        rc = check_referrers(r, node, path, s, err);
    if (rc == 0 && !r->strict)
        look_at_run(r, node, path, s);
    return rc;
}
