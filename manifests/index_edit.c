/* SPDX-License-Identifier: Apache-2.0 */
#include "manifests/index_edit.h"

#include <stdlib.h>

#include "base/mem.h"

struct rf_index_edit {
    json_t *doc;
    char *media_type;
    uint8_t algo; /* of the digest */
    bool fresh;
};

/* ---- making JSON ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The same members in the order of their keys; a new reference. */
static json_t *sorted_copy(const json_t *object)
{
    size_t n = json_object_size(object), i = 0;
    RF_CLEANUP(rf_freep) const char **keys = rf_xcalloc(n + 1, sizeof(*keys));
    json_t *copy = json_object();
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
        keys[i++] = key;
    }
    qsort(keys, n, sizeof(*keys), by_text);
    for (i = 0; i < n; i++)
        json_object_set(copy, keys[i], json_object_get(object, keys[i]));
    return copy;
}

static json_t *descriptor_json(const struct rf_descriptor *d)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    struct rf_err e = RF_ERR_INIT;
    json_t *j = NULL;
    rf_buf_init(&text, 0);
    rf_descriptor_add_json(&text, d);
    if (rf_json_parse(rf_buf_slice(&text), text.len, &j, &e) < 0)
        RF_BUG("a descriptor's own JSON: %s", e.msg);
    if (d->annotations != NULL)
        json_object_set_new(j, "annotations", sorted_copy(d->annotations));
    return j;
}

/* The members that the list names first, in its order, then the others. A new reference. */
static json_t *in_order(const json_t *doc, const char *const *order, size_t n)
{
    json_t *copy = json_object();
    const char *key;
    json_t *value;
    for (size_t i = 0; i < n; i++)
        if (json_object_get(doc, order[i]) != NULL)
            json_object_set(copy, order[i], json_object_get(doc, order[i]));
    json_object_foreach ((json_t *)(uintptr_t)doc, key, value) {
        if (json_object_get(copy, key) == NULL)
            json_object_set(copy, key, value);
    }
    return copy;
}

static int to_manifest(const json_t *doc, const char *media_type, uint8_t algo,
                       struct rf_manifest **out, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    struct rf_digest digest;
    rf_buf_init(&body, RF_MANIFEST_PUSH_MAX);
    rf_json_add_value(&body, doc, false);
    if (body.rc < 0)
        return rf_fail(err, -body.rc, "the manifest is over %u bytes", RF_MANIFEST_PUSH_MAX);
    rf_digest_of(algo, rf_buf_slice(&body), &digest);
    const struct rf_manifest_expect expect = { .media_type = media_type, .digest = &digest };
    return rf_manifest_parse(rf_buf_slice(&body), &expect, out, err);
}

/* ---- indexes ---- */

int rf_index_edit_new(const char *media_type, struct rf_index_edit **out, struct rf_err *err)
{
    if (strcmp(media_type, RF_MT_OCI_INDEX) != 0 && strcmp(media_type, RF_MT_DOCKER_LIST) != 0)
        return rf_fail(err, RFE_UNSUPPORTED, "unsupported manifest media type: %s", media_type);
    struct rf_index_edit *e = rf_xcalloc(1, sizeof(*e));
    e->doc = json_object();
    json_object_set_new(e->doc, "schemaVersion", json_integer(2));
    json_object_set_new(e->doc, "mediaType", json_string(media_type));
    json_object_set_new(e->doc, "manifests", json_array());
    e->media_type = rf_xstrdup(media_type);
    e->algo = RF_DIGEST_SHA256;
    e->fresh = true;
    *out = e;
    return 0;
}

int rf_index_edit_open(const struct rf_manifest *index, struct rf_index_edit **out,
                       struct rf_err *err)
{
    json_t *doc = NULL;
    if (index->kind != RF_KIND_INDEX)
        return rf_fail(err, RFE_UNSUPPORTED,
                       "current manifest is not an index/manifest list, \"%s\"", index->media_type);
    int rc = rf_json_parse(rf_buf_slice(&index->body), RF_MANIFEST_MAX, &doc, err);
    if (rc < 0)
        return rc;
    struct rf_index_edit *e = rf_xcalloc(1, sizeof(*e));
    e->doc = doc;
    if (!json_is_array(json_object_get(doc, "manifests")))
        json_object_set_new(doc, "manifests", json_array());
    e->media_type = rf_xstrdup(index->media_type);
    e->algo = index->digest.algo;
    *out = e;
    return 0;
}

void rf_index_edit_free(struct rf_index_edit *e)
{
    if (e == NULL)
        return;
    json_decref(e->doc);
    free(e->media_type);
    free(e);
}

void rf_index_edit_freep(struct rf_index_edit **e)
{
    rf_index_edit_free(*e);
    *e = NULL;
}

static json_t *entries_of(const struct rf_index_edit *e)
{
    return json_object_get(e->doc, "manifests");
}

void rf_index_edit_add(struct rf_index_edit *e, const struct rf_descriptor *d)
{
    json_t *entry = descriptor_json(d);
    size_t i;
    const json_t *have;
    bool there = false;
    json_array_foreach (entries_of(e), i, have) {
        there = there || json_equal(have, entry) != 0;
    }
    if (there)
        json_decref(entry);
    else
        json_array_append_new(entries_of(e), entry);
}

size_t rf_index_edit_remove_digest(struct rf_index_edit *e, const struct rf_digest *digest)
{
    char text[RF_DIGEST_TEXT];
    size_t removed = 0;
    rf_digest_text(digest, text);
    for (size_t i = json_array_size(entries_of(e)); i > 0; i--) {
        const json_t *entry = json_array_get(entries_of(e), i - 1);
        const char *have = json_string_value(json_object_get(entry, "digest"));
        if (have == NULL || strcmp(have, text) != 0)
            continue;
        json_array_remove(entries_of(e), i - 1);
        removed++;
    }
    return removed;
}

static bool has_platform(const json_t *entry, const struct rf_platform *want)
{
    struct rf_platform have = RF_PLATFORM_INIT;
    struct rf_err ignored;
    const json_t *j = json_object_get(entry, "platform");
    if (!json_is_object(j) || rf_platform_from_json(j, "platform", &have, &ignored) < 0)
        return false;
    bool match = rf_platform_match(want, &have);
    rf_platform_release(&have);
    return match;
}

size_t rf_index_edit_remove_platform(struct rf_index_edit *e, const struct rf_platform *platform)
{
    size_t removed = 0;
    for (size_t i = json_array_size(entries_of(e)); i > 0; i--) {
        if (!has_platform(json_array_get(entries_of(e), i - 1), platform))
            continue;
        json_array_remove(entries_of(e), i - 1);
        removed++;
    }
    return removed;
}

void rf_index_edit_annotate(struct rf_index_edit *e, const char *key, const char *value)
{
    json_t *all = json_object_get(e->doc, "annotations");
    if (!json_is_object(all)) {
        all = json_object();
        json_object_set_new(e->doc, "annotations", all);
    }
    json_object_set_new(all, key, json_string(value));
}

void rf_index_edit_set_artifact_type(struct rf_index_edit *e, const char *type)
{
    json_object_set_new(e->doc, "artifactType", json_string(type));
}

void rf_index_edit_set_subject(struct rf_index_edit *e, const struct rf_descriptor *subject)
{
    json_object_set_new(e->doc, "subject", descriptor_json(subject));
}

int rf_index_edit_finish(const struct rf_index_edit *e, struct rf_manifest **out,
                         struct rf_err *err)
{
    static const char *const order[] = { "schemaVersion", "mediaType", "artifactType",
                                         "manifests",     "subject",   "annotations" };
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    if (!e->fresh)
        return to_manifest(e->doc, e->media_type, e->algo, out, err);
    doc = in_order(e->doc, order, RF_ARRAY_LEN(order));
    const json_t *annotations = json_object_get(doc, "annotations");
    if (annotations != NULL)
        json_object_set_new(doc, "annotations", sorted_copy(annotations));
    return to_manifest(doc, e->media_type, e->algo, out, err);
}

/* ---- a fresh image ---- */

/* `text` may be NULL: not said. */
static void add_text(json_t *object, const char *key, const char *text, bool always)
{
    if (always || (text != NULL && text[0] != '\0'))
        json_object_set_new(object, key, json_string(text != NULL ? text : ""));
}

static void add_platform(json_t *config, const struct rf_platform *p)
{
    add_text(config, "architecture", p != NULL ? p->architecture : NULL, true);
    add_text(config, "os", p != NULL ? p->os : NULL, true);
    add_text(config, "os.version", p != NULL ? p->os_version : NULL, false);
    add_text(config, "variant", p != NULL ? p->variant : NULL, false);
}

static void build_config(const struct rf_image_plan *plan, struct rf_buf *out)
{
    RF_CLEANUP(rf_json_decrefp) json_t *config = json_object();
    if (plan->created != NULL)
        json_object_set_new(config, "created", json_string(plan->created));
    add_platform(config, plan->platform);
    if (json_object_size(plan->labels) > 0) {
        json_t *inner = json_object();
        json_object_set_new(inner, "Labels", sorted_copy(plan->labels));
        json_object_set_new(config, "config", inner);
    }
    json_t *rootfs = json_object();
    json_object_set_new(rootfs, "type", json_string("layers"));
    json_object_set_new(rootfs, "diff_ids", json_array());
    json_object_set_new(config, "rootfs", rootfs);
    rf_json_add_value(out, config, false);
}

int rf_image_plan_build(const struct rf_image_plan *plan, struct rf_buf *config,
                        struct rf_manifest **out, struct rf_err *err)
{
    bool docker = strcmp(plan->media_type, RF_MT_DOCKER_MANIFEST) == 0;
    if (!docker && strcmp(plan->media_type, RF_MT_OCI_MANIFEST) != 0)
        return rf_fail(err, RFE_UNSUPPORTED, "unsupported manifest media type: %s",
                       plan->media_type);
    RF_CLEANUP(rf_json_decrefp) json_t *doc = json_object();
    build_config(plan, config);
    struct rf_descriptor d = { .size = config->len };
    rf_digest_of(RF_DIGEST_SHA256, rf_buf_slice(config), &d.digest);
    json_t *desc = descriptor_json(&d);
    json_t *typed = json_object();
    json_object_set_new(typed, "mediaType",
                        json_string(docker ? RF_MT_DOCKER_CONFIG : RF_MT_OCI_CONFIG));
    json_object_update(typed, desc);
    json_decref(desc);
    json_object_set_new(doc, "schemaVersion", json_integer(2));
    json_object_set_new(doc, "mediaType", json_string(plan->media_type));
    json_object_set_new(doc, "config", typed);
    json_object_set_new(doc, "layers", json_array());
    if (json_object_size(plan->annotations) > 0)
        json_object_set_new(doc, "annotations", sorted_copy(plan->annotations));
    return to_manifest(doc, plan->media_type, RF_DIGEST_SHA256, out, err);
}

/* ---- a fresh artifact ---- */

int rf_artifact_plan_build(const struct rf_artifact_plan *plan, struct rf_manifest **out,
                           struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = json_object();
    json_t *layers = json_array();
    for (size_t i = 0; i < plan->n_layers; i++)
        json_array_append_new(layers, descriptor_json(&plan->layers[i]));
    json_object_set_new(doc, "schemaVersion", json_integer(2));
    json_object_set_new(doc, "mediaType", json_string(RF_MT_OCI_MANIFEST));
    add_text(doc, "artifactType", plan->artifact_type, false);
    json_object_set_new(doc, "config", descriptor_json(plan->config));
    json_object_set_new(doc, "layers", layers);
    if (plan->subject != NULL)
        json_object_set_new(doc, "subject", descriptor_json(plan->subject));
    if (json_object_size(plan->annotations) > 0)
        json_object_set_new(doc, "annotations", sorted_copy(plan->annotations));
    return to_manifest(doc, RF_MT_OCI_MANIFEST, RF_DIGEST_SHA256, out, err);
}
