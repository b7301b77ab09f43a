/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/config.h"

#include "base/mem.h"

#define STEPS_MAX 100000
#define SCRIPTS_MAX 10000

/* The file on its way: steps and scripts are read when the defaults are known, wherever those stand. */
struct reading {
    struct rf_policy_config *c;
    const struct rf_yaml_node *sync, *scripts;
};

static int set_version(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                       void *field, struct rf_err *err)
{
    struct reading *reading = field;
    int64_t version = 0;
    int rc = rf_yaml_i64(r->doc, value, r->key, INT64_MIN, INT64_MAX, &version, err);
    if (rc < 0)
        return rc;
    if (version < 0 || version > 1)
        return rf_yaml_fail(r->doc, value, err, "unsupported config version: %lld",
                            (long long)version);
    reading->c->version = 1;
    return 0;
}

static int set_creds(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                     struct rf_err *err)
{
    return rf_creds_set(r, value, &((struct reading *)field)->c->creds, err);
}

static int set_defaults(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                        void *field, struct rf_err *err)
{
    return rf_step_defaults_set(r, value, &((struct reading *)field)->c->defaults, err);
}

static int set_sync(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                    struct rf_err *err)
{
    if (value->kind != RF_YAML_LIST)
        return rf_yaml_fail(r->doc, value, err, "%s: a list is wanted", r->key);
    if (value->n > STEPS_MAX)
        return rf_yaml_fail(r->doc, value, err, "%s: more than %d steps", r->key, STEPS_MAX);
    ((struct reading *)field)->sync = value;
    return 0;
}

static int set_scripts(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                       void *field, struct rf_err *err)
{
    if (value->kind != RF_YAML_LIST)
        return rf_yaml_fail(r->doc, value, err, "%s: a list is wanted", r->key);
    if (value->n > SCRIPTS_MAX)
        return rf_yaml_fail(r->doc, value, err, "%s: more than %d scripts", r->key, SCRIPTS_MAX);
    ((struct reading *)field)->scripts = value;
    return 0;
}

static int set_sites(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                     struct rf_err *err)
{
    return r->strict ? rf_sites_set(r, value, &((struct reading *)field)->c->sites, err) : 0;
}

static int set_retain(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                      struct rf_err *err)
{
    return r->strict ? rf_retain_set(r, value, &((struct reading *)field)->c->retain, err) : 0;
}

static int set_policy(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                      struct rf_err *err)
{
    struct rf_policy_config *c = ((struct reading *)field)->c;
    return r->strict ? rf_policy_section_set(r, value, &c->policy, err) : 0;
}

static int set_bundle(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                      struct rf_err *err)
{
    struct rf_policy_config *c = ((struct reading *)field)->c;
    return r->strict ? rf_bundle_options_set(r, value, &c->bundle, err) : 0;
}

static const struct rf_yaml_field top_fields[] = {
    { "version", set_version, 0, NULL },
    { "creds", set_creds, 0, NULL },
    { "defaults", set_defaults, 0, NULL },
    { "sync", set_sync, 0, NULL },
    /* Ours. */
    { "sites", set_sites, 0, NULL },
    { "bundle", set_bundle, 0, NULL },
    { "retain", set_retain, 0, NULL },
    { "policy", set_policy, 0, NULL },
    { "scripts", set_scripts, 0, NULL },
};

const struct rf_yaml_table rf_policy_config_table = { "top", top_fields, RF_ARRAY_LEN(top_fields) };

static int read_steps(const struct rf_yaml_reader *r, const struct reading *reading,
                      struct rf_err *err)
{
    struct rf_policy_config *c = reading->c;
    size_t n = reading->sync != NULL ? reading->sync->n : 0;
    c->steps = rf_xcalloc(n + 1, sizeof(*c->steps));
    for (size_t i = 0; i < n; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "sync[%zu]", i);
        int rc = rf_step_read(r, reading->sync->items[i], path, &c->defaults, &c->steps[i], err);
        if (rc < 0)
            return rc;
        c->steps[i].number = (uint32_t)i;
        c->n_steps++;
    }
    return 0;
}

static int read_scripts(const struct rf_yaml_reader *r, const struct reading *reading,
                        struct rf_err *err)
{
    struct rf_policy_config *c = reading->c;
    size_t n = reading->scripts != NULL ? reading->scripts->n : 0;
    c->scripts = rf_xcalloc(n + 1, sizeof(*c->scripts));
    for (size_t i = 0; i < n; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "scripts[%zu]", i);
        c->n_scripts++;
        int rc = rf_bot_script_read(r, reading->scripts->items[i], path, &c->defaults,
                                    &c->scripts[i], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int read_document(const struct rf_yaml *y, unsigned flags, struct rf_policy_config **out,
                         struct rf_err *err)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = rf_xcalloc(1, sizeof(*c));
    c->name = rf_xstrdup(rf_yaml_name(y));
    c->version = 1;
    struct rf_yaml_told told = { .n = 0 };
    const struct rf_yaml_reader r = { .doc = y,
                                      .strict = (flags & RF_POLICY_STRICT) != 0,
                                      .told = &told };
    struct reading reading = { .c = c };
    int rc = rf_yaml_read_map(&r, rf_yaml_root(y), "", top_fields, RF_ARRAY_LEN(top_fields),
                              &reading, err);
    if (rc == 0)
        rc = read_steps(&r, &reading, err);
    if (rc == 0)
        rc = read_scripts(&r, &reading, err);
    if (rc < 0)
        return rc;
    *out = RF_STEAL(c);
    return 0;
}

int rf_policy_config_load(const char *path, unsigned flags, struct rf_policy_config **out,
                          struct rf_err *err)
{
    RF_CLEANUP(rf_yaml_freep) struct rf_yaml *y = NULL;
    int rc = rf_yaml_load(path, &y, err);
    return rc < 0 ? rc : read_document(y, flags, out, err);
}

int rf_policy_config_parse(const char *name, struct rf_slice text, unsigned flags,
                           struct rf_policy_config **out, struct rf_err *err)
{
    RF_CLEANUP(rf_yaml_freep) struct rf_yaml *y = NULL;
    int rc = rf_yaml_parse(name, text, &y, err);
    return rc < 0 ? rc : read_document(y, flags, out, err);
}

void rf_policy_config_free(struct rf_policy_config *c)
{
    if (c == NULL)
        return;
    free(c->name);
    rf_creds_release(&c->creds);
    rf_step_defaults_release(&c->defaults);
    for (size_t i = 0; i < c->n_steps; i++)
        rf_step_release(&c->steps[i]);
    free(c->steps);
    for (size_t i = 0; i < c->n_scripts; i++)
        rf_bot_script_release(&c->scripts[i]);
    free(c->scripts);
    rf_policy_section_release(&c->policy);
    rf_bundle_options_release(&c->bundle);
    rf_retain_release(&c->retain);
    rf_sites_release(&c->sites);
    free(c);
}

void rf_policy_config_freep(struct rf_policy_config **c)
{
    rf_policy_config_free(*c);
    *c = NULL;
}
