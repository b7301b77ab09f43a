/* SPDX-License-Identifier: Apache-2.0 */
#include "base/template.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/template_impl.h"

int rf_template_parse(const char *name, struct rf_slice text,
                      const struct rf_template_options *options, struct rf_template **out,
                      struct rf_err *err)
{
    if (text.len > RF_TEMPLATE_TEXT_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "template: %s: more than %u bytes", name,
                       RF_TEMPLATE_TEXT_MAX);
    RF_CLEANUP(rf_template_freep) struct rf_template *t = rf_xcalloc(1, sizeof(*t));
    rf_arena_init(&t->arena, RF_TEMPLATE_MEMORY_MAX);
    if (options != NULL)
        t->options = *options;
    t->name = rf_arena_dup(&t->arena, rf_slice_str(name));
    t->text = rf_arena_slice(&t->arena, text);
    int rc = rf_template_parse_text(t, err);
    if (rc < 0)
        return rc;
    *out = RF_STEAL(t);
    return 0;
}

void rf_template_free(struct rf_template *t)
{
    if (t == NULL)
        return;
    rf_arena_release(&t->arena);
    free(t);
}

void rf_template_freep(struct rf_template **t)
{
    rf_template_free(*t);
    *t = NULL;
}

const struct rf_definition *rf_template_find(const struct rf_template *t, struct rf_slice name)
{
    const struct rf_definition *d = t->definitions;
    while (d != NULL && !rf_slice_eq(d->name, name))
        d = d->next;
    return d;
}

int rf_template_render(const char *name, struct rf_slice text, const struct rf_value *data,
                       void *user, struct rf_buf *out, struct rf_err *err)
{
    RF_CLEANUP(rf_template_freep) struct rf_template *t = NULL;
    int rc = rf_template_parse(name, text, NULL, &t, err);
    return rc < 0 ? rc : rf_template_execute(t, data, user, out, err);
}
