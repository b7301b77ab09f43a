/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step of `sync` and the `defaults` beneath it (inventory 2.5). After reading, a step is complete: what it leaves open has been
 * taken from the defaults, templates are expanded, and no switch is unset.
 */
#ifndef RF_POLICY_STEP_H
#define RF_POLICY_STEP_H

#include "manifests/platform.h"
#include "manifests/reference.h"
#include "policy/tag_filter.h"
#include "policy/yaml.h"

enum rf_step_type { RF_STEP_UNKNOWN = 0, RF_STEP_REGISTRY, RF_STEP_REPOSITORY, RF_STEP_IMAGE };

/* `tags`, an element of `tagSets`, `repos`. */
struct rf_name_rules {
    struct rf_yaml_list allow, deny;
    struct rf_yaml_list semver; /* semverRange; never for repos */
};

struct rf_referrer_filter {
    char *artifact_type; /* or NULL: any */
    struct rf_yaml_list
        annotations; /* name, value, name, value, ...; value "" = the name must be there */
};

/* What defaults and steps have in common. */
struct rf_step_settings {
    enum rf_tri digest_tags, referrers, referrer_slow, fast_check, force_recursive,
        include_external;
    struct rf_referrer_filter *referrer_filters;
    size_t n_referrer_filters;
    char *referrer_source, *referrer_target; /* NULL when unset */
    char *backup;                            /* a template, expanded when it is used */
    uint64_t interval_ns;                    /* 0 = unset */
    char *schedule;
    int64_t ratelimit_min;
    uint64_t ratelimit_retry_ns; /* at least 5 min in a step */
    struct rf_yaml_list media_types;
    bool has_hooks; /* known, never run */
};

struct rf_step {
    uint32_t line, column; /* where it stands in the file */
    char *source, *target; /* as written, templates expanded; target may be NULL in a strict file */
    char *type_text;
    enum rf_step_type type;
    struct rf_name_rules tags, repos;
    struct rf_name_rules *tag_sets;
    size_t n_tag_sets;
    char *platform; /* or NULL */
    struct rf_yaml_list platforms;
    struct rf_step_settings s;
    /* Made of the above. */
    struct rf_ref
        source_ref; /* type image (with its tag) and repository; empty when the text is no reference */
    struct rf_tag_filter *tag_filter;  /* never NULL; allow and deny of `tags` only */
    struct rf_tag_filter *repo_filter; /* never NULL */
};

/* The map `defaults`. */
struct rf_step_defaults {
    struct rf_step_settings s;
    unsigned parallel;
    int64_t blob_limit;
    unsigned cache_count;
    uint64_t cache_time_ns;
    enum rf_tri skip_docker_config;
    char *user_agent;
};

void rf_step_release(struct rf_step *s);
void rf_step_defaults_release(struct rf_step_defaults *d);
rf_yaml_setter rf_step_defaults_set; /* for a field of struct rf_step_defaults */

/*
 * Reads one step over the defaults. A strict reader also checks type, source, target and platforms, and refuses rules that are not built yet
 * (semverRange, tagSets), because passing over them would take more than is meant.
 */
RF_MUST_USE int rf_step_read(const struct rf_yaml_reader *r, const struct rf_yaml_node *node,
                             const char *path, const struct rf_step_defaults *defaults,
                             struct rf_step *out, struct rf_err *err);

#endif
