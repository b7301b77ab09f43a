/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy_section.h"

#include "base/mem.h"
#include "policy/lua/lua_box.h"

static int set_text(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                    struct rf_err *err)
{
    struct rf_policy_section *s = field;
    int rc = rf_yaml_set_string(r, value, &s->text, err);
    if (rc == 0 && strlen(s->text) > RF_LUA_SCRIPT_MAX)
        return rf_yaml_fail(r->doc, value, err, "%s: more than %u bytes", r->key,
                            RF_LUA_SCRIPT_MAX);
    /* a block of text begins on the line behind its key, all else on the same */
    if (rc == 0)
        s->lines = value->line - (!value->plain && strchr(value->text, '\n') != NULL ? 0 : 1);
    return rc;
}

static int set_file(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                    struct rf_err *err)
{
    struct rf_policy_section *s = field;
    int rc = rf_yaml_set_string(r, value, &s->file, err);
    if (rc == 0 && s->file[0] == '\0')
        return rf_yaml_fail(r->doc, value, err, "%s: empty", r->key);
    return rc;
}

static int set_timeout(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                       void *field, struct rf_err *err)
{
    struct rf_policy_section *s = field;
    int rc = rf_yaml_set_duration(r, value, &s->timeout_ns, err);
    if (rc == 0 && (s->timeout_ns == 0 || s->timeout_ns > RF_POLICY_TIMEOUT_MAX_NS))
        return rf_yaml_fail(r->doc, value, err, "%s: more than 0 and at most 1h is wanted", r->key);
    return rc;
}

static int set_memory(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                      struct rf_err *err)
{
    struct rf_policy_section *s = field;
    return rf_yaml_i64(r->doc, value, r->key, 1, RF_POLICY_MEMORY_MAX_MIB, &s->memory_mib, err);
}

static const struct rf_yaml_field fields[] = {
    { "script", set_text, 0, NULL },
    { "file", set_file, 0, NULL },
    { "timeout", set_timeout, 0, NULL },
    { "memory", set_memory, 0, NULL },
};

const struct rf_yaml_table rf_policy_section_table = { "policy", fields, RF_ARRAY_LEN(fields) };

void rf_policy_section_release(struct rf_policy_section *s)
{
    free(s->text);
    free(s->file);
    free(s->place);
    *s = (struct rf_policy_section){ 0 };
}

int rf_policy_section_set(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                          void *field, struct rf_err *err)
{
    struct rf_policy_section *s = field;
    int rc = rf_yaml_read_map(r, value, "policy", fields, RF_ARRAY_LEN(fields), s, err);
    if (rc < 0)
        return rc;
    if (s->text != NULL && s->file != NULL)
        return rf_yaml_fail(r->doc, value, err, "policy: script and file exclude each other");
    if (!rf_policy_section_is_set(s) && r->strict)
        return rf_yaml_fail(
            r->doc, value, err,
            "policy: neither script nor file; take the section out to have no policy");
    s->place = rf_xstrdup(rf_yaml_name(r->doc));
    return 0;
}
