/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step of `sync` and the `defaults` beneath it (inventory 2.5). After reading, a step is complete: what it leaves open has been
 * taken from the defaults, templates are expanded, and no switch is unset.
 */
#ifndef RF_POLICY_STEP_H
#define RF_POLICY_STEP_H

#include "manifests/platform.h"
#include "manifests/reference.h"
#include "policy/name_rules.h"

/* Waiting for a rate limit is never shorter. */
#define RF_STEP_RETRY_MIN_NS (300ull * 1000000000ull)

enum rf_step_type { RF_STEP_UNKNOWN = 0, RF_STEP_REGISTRY, RF_STEP_REPOSITORY, RF_STEP_IMAGE };

struct rf_referrer_filter {
    char *artifact_type; /* or NULL: any */
    struct rf_yaml_list
        annotations; /* name, value, name, value, ...; value "" = the name must be there */
};

struct rf_hook {
    char *type;
    struct rf_yaml_list params;
};
/* NULL where there is none. */
struct rf_hooks {
    struct rf_hook *pre, *post, *unchanged;
};

/* What defaults and steps have in common. */
struct rf_step_settings {
    enum rf_tri digest_tags, referrers, referrer_slow, fast_check, force_recursive,
        include_external;
    struct rf_referrer_filter *referrer_filters; /* not NULL and none: the defaults' do not count */
    size_t n_referrer_filters;
    char *referrer_source, *referrer_target; /* NULL when unset */
    char *backup;                            /* a template, expanded when it is used */
    char *backup_wrong,
        *schedule_wrong; /* why these cannot be read, as a line that begins with FILE:LINE:COLUMN; NULL: they can */
    uint64_t interval_ns; /* 0 = unset */
    char *schedule;       /* NULL when unset */
    int64_t ratelimit_min;
    uint64_t ratelimit_retry_ns; /* at least 5 min in a step */
    struct rf_yaml_list media_types;
    struct rf_hooks hooks;
};

struct rf_step {
    uint32_t line, column; /* where it stands in the file */
    uint32_t number;       /* its place in `sync`, from 0 */
    char *where;           /* the same for messages: "FILE:LINE:COLUMN: sync[2]" */
    /* Of a lenient reader alone: why it cannot be run, as a line that begins with FILE:LINE:COLUMN; NULL: it can. Then the rest is as far as it was read. */
    char *refused;
    const char *refused_as; /* what a runner's log calls that */
    bool unread; /* with `refused`: a value is wrong, so that the step cannot even be shown */
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
        source_ref; /* type image (with its tag), repository, and registry when that is a tree of layouts; empty when the text is no reference, or a registry's name */
    struct rf_name_filter *tag_names;  /* never NULL; of `tags` and `tagSets` */
    struct rf_name_filter *repo_names; /* never NULL */
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
    uint64_t timeout_ns; /* of scripts; 0: none */
};

void rf_step_release(struct rf_step *s);
void rf_step_defaults_release(struct rf_step_defaults *d);
rf_yaml_setter rf_step_defaults_set; /* for a field of struct rf_step_defaults */

/* The keys of a step ("step"), of `defaults` ("defaults") and of the maps inside of them. */
const struct rf_yaml_table *rf_step_tables(size_t *n);

/*
 * Reads one step over the defaults. A strict reader also checks type, source, target, schedule and what `backup` is made of, and fails for anything
 * that is wrong. A lenient one keeps a step that cannot be run (`refused`), so that the others are, and notes a schedule or
 * backup that cannot be read (`schedule_wrong`, `backup_wrong`).
 */
RF_MUST_USE int rf_step_read(const struct rf_yaml_reader *r, const struct rf_yaml_node *node,
                             const char *path, const struct rf_step_defaults *defaults,
                             struct rf_step *out, struct rf_err *err);

/* A step of type registry whose source is a tree of layouts: ocidir://FOLDER with one layout per repository below it. */
static inline bool rf_step_is_tree(const struct rf_step *s)
{
    return s->type == RF_STEP_REGISTRY && s->source_ref.path != NULL;
}
/* The reference in `source`, by the type. Of a registry without one only the name is checked. -RFE_INVALID. */
RF_MUST_USE int rf_step_parse_source(const struct rf_step *s, struct rf_ref *out,
                                     struct rf_err *err);

#endif
