/* SPDX-License-Identifier: Apache-2.0 */
#include "manifests/config.h"

#include "manifests/manifest.h"
#include "manifests/strict.h"

#include "base/mem.h"
#include "base/text.h"

static int read_created(const json_t *doc, struct rf_config *c, struct rf_err *err)
{
    const char *text = NULL;
    int rc = rf_json_string(doc, "created", "", RF_JSON_OPTIONAL, &text, err);
    if (rc < 0 || text == NULL || text[0] == '\0')
        return rc;
    rc = rf_text_time_parse(rf_slice_str(text), &c->created, err);
    if (rc < 0)
        return rf_wrap(err, rc, "created");
    c->has_created = true;
    return 0;
}

static int read_author(const json_t *doc, struct rf_config *c, struct rf_err *err)
{
    const char *text = NULL;
    int rc = rf_json_string(doc, "author", "", RF_JSON_OPTIONAL, &text, err);
    if (rc == 0)
        c->author = rf_xstrdup(text);
    return rc;
}

static int read_labels(const json_t *doc, struct rf_config *c, struct rf_err *err)
{
    const json_t *config = NULL;
    int rc = rf_json_object(doc, "config", "", RF_JSON_OPTIONAL, &config, err);
    if (rc < 0 || config == NULL)
        return rc;
    return rf_strict_strings(config, "Labels", "config", &c->labels, err);
}

static int read_diff_ids(const json_t *doc, struct rf_config *c, struct rf_err *err)
{
    const json_t *rootfs = NULL, *list = NULL;
    int rc = rf_json_object(doc, "rootfs", "", RF_JSON_OPTIONAL, &rootfs, err);
    if (rc < 0 || rootfs == NULL)
        return rc;
    rc = rf_json_array(rootfs, "diff_ids", "rootfs", RF_JSON_OPTIONAL, SIZE_MAX, &list, err);
    if (rc < 0 || list == NULL)
        return rc;
    size_t n = json_array_size(list);
    if (n > RF_MANIFEST_LAYERS_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "rootfs.diff_ids: %zu elements, at most %d are read", n,
                       RF_MANIFEST_LAYERS_MAX);
    c->diff_ids = rf_xcalloc(n + 1, sizeof(*c->diff_ids));
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(list, i);
        rc = json_is_string(item)
                 ? rf_digest_parse(rf_slice_of(json_string_value(item), json_string_length(item)),
                                   &c->diff_ids[i], err)
                 : rf_fail(err, RFE_INVALID, "not a string");
        if (rc < 0)
            return rf_wrap(err, rc, "rootfs.diff_ids[%zu]", i);
        c->n_diff_ids++;
    }
    return 0;
}

static int read_fields(struct rf_config *c, struct rf_err *err)
{
    const json_t *doc = c->doc;
    if (!json_is_object(doc))
        return rf_fail(err, RFE_INVALID, "not a JSON object");
    int rc = rf_platform_from_json(doc, "", &c->platform, err);
    if (rc < 0)
        return rc;
    rc = read_created(doc, c, err);
    if (rc < 0)
        return rc;
    rc = read_author(doc, c, err);
    if (rc < 0)
        return rc;
    rc = read_labels(doc, c, err);
    if (rc < 0)
        return rc;
    return read_diff_ids(doc, c, err);
}

int rf_config_parse(struct rf_slice bytes, struct rf_config **out, struct rf_err *err)
{
    RF_CLEANUP(rf_config_freep) struct rf_config *c = rf_xcalloc(1, sizeof(*c));
    int rc = rf_json_parse(bytes, RF_CONFIG_MAX, &c->doc, err);
    if (rc == 0)
        rc = read_fields(c, err);
    if (rc < 0)
        return rf_wrap(err, rc, "image config");
    *out = RF_STEAL(c);
    return 0;
}

void rf_config_free(struct rf_config *c)
{
    if (c == NULL)
        return;
    rf_platform_release(&c->platform);
    free(c->author);
    json_decref(c->labels);
    free(c->diff_ids);
    json_decref(c->doc);
    free(c);
}

void rf_config_freep(struct rf_config **c)
{
    rf_config_free(*c);
    *c = NULL;
}
