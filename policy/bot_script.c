/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/bot_script.h"

#include "base/mem.h"
#include "policy/lua/lua_box.h"
#include "policy/schedule.h"

static int set_text(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                    struct rf_err *err)
{
    int rc = rf_yaml_set_string(r, value, field, err);
    if (rc == 0 && strlen(*(char **)field) > RF_LUA_SCRIPT_MAX)
        return rf_yaml_fail(r->doc, value, err, "%s: more than %u bytes", r->key,
                            RF_LUA_SCRIPT_MAX);
    return rc;
}

static const struct rf_yaml_field fields[] = {
    { "name", rf_yaml_set_string, offsetof(struct rf_bot_script, name), NULL },
    { "script", set_text, offsetof(struct rf_bot_script, text), NULL },
    { "interval", rf_yaml_set_duration, offsetof(struct rf_bot_script, interval_ns), NULL },
    { "schedule", rf_yaml_set_string, offsetof(struct rf_bot_script, schedule), NULL },
    { "timeout", rf_yaml_set_duration, offsetof(struct rf_bot_script, timeout_ns), NULL },
};

const struct rf_yaml_table rf_bot_script_table = { "script", fields, RF_ARRAY_LEN(fields) };

void rf_bot_script_release(struct rf_bot_script *s)
{
    free(s->name);
    free(s->text);
    free(s->schedule);
    *s = (struct rf_bot_script){ 0 };
}

static bool is_empty(const char *text)
{
    return text == NULL || text[0] == '\0';
}

static void take_defaults(struct rf_bot_script *s, const struct rf_step_defaults *d,
                          const char *path)
{
    if (is_empty(s->name)) {
        free(s->name);
        s->name = rf_xstrdup(path);
    }
    if (is_empty(s->schedule))
        free(RF_STEAL(s->schedule));
    /* When a script says itself when it runs, the default time does not add to it. */
    if (s->interval_ns == 0 && s->schedule == NULL && !is_empty(d->s.schedule))
        s->schedule = rf_xstrdup(d->s.schedule);
    else if (s->interval_ns == 0 && s->schedule == NULL)
        s->interval_ns = d->s.interval_ns;
    if (s->timeout_ns == 0)
        s->timeout_ns = d->timeout_ns;
    if (s->text == NULL)
        s->text = rf_xstrdup("");
}

static int check(const struct rf_yaml_reader *r, const struct rf_yaml_node *node, const char *path,
                 const struct rf_bot_script *s, struct rf_err *err)
{
    if (s->text[0] == '\0')
        return rf_yaml_fail(r->doc, node, err, "%s.script: missing", path);
    if (s->schedule == NULL)
        return 0;
    struct rf_err cause = RF_ERR_INIT;
    if (rf_schedule_check(s->schedule, &cause) == 0)
        return 0;
    const struct rf_yaml_node *at = rf_yaml_get(node, "schedule");
    return rf_yaml_fail(r->doc, at != NULL ? at : node, err, "%s.schedule: %s", path, cause.msg);
}

int rf_bot_script_read(const struct rf_yaml_reader *r, const struct rf_yaml_node *node,
                       const char *path, const struct rf_step_defaults *defaults,
                       struct rf_bot_script *out, struct rf_err *err)
{
    int rc = rf_yaml_read_map(r, node, path, fields, RF_ARRAY_LEN(fields), out, err);
    if (rc < 0)
        return rc;
    const struct rf_yaml_node *at = rf_yaml_get(node, "script");
    at = at != NULL ? at : node;
    out->line = at->line;
    out->column = at->column;
    take_defaults(out, defaults, path);
    return r->strict ? check(r, node, path, out, err) : 0;
}
