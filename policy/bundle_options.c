/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/bundle_options.h"

#include <stdlib.h>

#include "base/mem.h"

static int set_out(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                   struct rf_err *err)
{
    char **out = field;
    int rc = rf_yaml_set_string(r, value, out, err);
    if (rc == 0 && (*out)[0] == '\0')
        return rf_yaml_fail(r->doc, value, err, "%s: empty", r->key);
    return rc;
}

static int set_sparse(const struct rf_yaml_reader *r, const struct rf_yaml_node *value, void *field,
                      struct rf_err *err)
{
    char **sparse = field;
    int rc = rf_yaml_set_string(r, value, sparse, err);
    if (rc == 0 && strcmp(*sparse, "keep") != 0 && strcmp(*sparse, "prune") != 0)
        return rf_yaml_fail(r->doc, value, err, "%s: keep or prune is wanted, not \"%s\"", r->key,
                            *sparse);
    return rc;
}

static const struct rf_yaml_field fields[] = {
    { "out", set_out, offsetof(struct rf_bundle_options, out), NULL },
    { "sparse", set_sparse, offsetof(struct rf_bundle_options, sparse), NULL },
    { "strict", rf_yaml_set_tri, offsetof(struct rf_bundle_options, strict), NULL },
};

const struct rf_yaml_table rf_bundle_options_table = { "bundle", fields, RF_ARRAY_LEN(fields) };

void rf_bundle_options_release(struct rf_bundle_options *b)
{
    free(b->out);
    free(b->sparse);
    *b = (struct rf_bundle_options){ 0 };
}

int rf_bundle_options_set(const struct rf_yaml_reader *r, const struct rf_yaml_node *value,
                          void *field, struct rf_err *err)
{
    return rf_yaml_read_map(r, value, r->key, fields, RF_ARRAY_LEN(fields), field, err);
}
