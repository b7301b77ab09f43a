/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/lua/lua_image.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "manifests/config.h"
#include "policy/lua/lua_wire.h"
#include "policy/object/object.h"

#define CREATED "org.opencontainers.image.created"

static void set_text(json_t *o, const char *key, const char *value)
{
    if (value != NULL)
        (void)json_object_set_new(o, key, rf_lua_wire_string(rf_slice_str(value)));
}

static void set_digest(json_t *o, const char *key, const struct rf_digest *d)
{
    char text[RF_DIGEST_TEXT];
    set_text(o, key, rf_digest_text(d, text));
}

/* An attestation, say, is no image for a platform. */
static bool is_for_platform(const struct rf_descriptor *d)
{
    return d->platform != NULL && d->platform->os != NULL &&
           strcmp(d->platform->os, "unknown") != 0 && d->platform->os[0] != '\0';
}

json_t *rf_bot_platforms(const struct rf_manifest *m, const struct rf_config *config)
{
    json_t *out = json_array();
    for (size_t i = 0; m->kind == RF_KIND_INDEX && i < m->n_entries; i++) {
        if (!is_for_platform(&m->entries[i]))
            continue;
        RF_CLEANUP(rf_freep) char *text = rf_platform_text(m->entries[i].platform);
        (void)json_array_append_new(out, rf_lua_wire_string(rf_slice_str(text)));
    }
    if (m->kind == RF_KIND_IMAGE && config != NULL && config->platform.os != NULL &&
        config->platform.os[0] != '\0') {
        RF_CLEANUP(rf_freep) char *text = rf_platform_text(&config->platform);
        (void)json_array_append_new(out, rf_lua_wire_string(rf_slice_str(text)));
    }
    return out;
}

bool rf_bot_created(const struct rf_manifest *m, const struct rf_config *config, time_t *out)
{
    const char *text = json_string_value(json_object_get(m->annotations, CREATED));
    if (text != NULL && rf_text_time_parse(rf_slice_str(text), out, NULL) == 0)
        return true;
    if (config == NULL || !config->has_created)
        return false;
    *out = config->created;
    return true;
}

static uint64_t size_of(const struct rf_lua_image *image)
{
    const struct rf_manifest *m = image->manifest;
    if (image->size > 0 || m->kind != RF_KIND_IMAGE)
        return image->size;
    uint64_t sum = m->body.len + m->config.size;
    for (size_t i = 0; i < m->n_entries; i++)
        sum += m->entries[i].size;
    return sum;
}

static void set_names(json_t *facts, const struct rf_lua_image *image)
{
    char digest[RF_DIGEST_TEXT];
    RF_CLEANUP(rf_freep)
    char *ref = rf_xasprintf("%s%s%s", image->name, image->tag != NULL ? ":" : "@",
                             image->tag != NULL ? image->tag
                                                : rf_digest_text(&image->manifest->digest, digest));
    set_text(facts, "name", image->name);
    set_text(facts, "tag", image->tag);
    set_text(facts, "ref", ref);
    set_digest(facts, "digest", &image->manifest->digest);
    set_text(facts, "mediaType", image->manifest->media_type);
    (void)json_object_set_new(facts, "body",
                              rf_lua_wire_string(rf_buf_slice(&image->manifest->body)));
}

static void set_config(json_t *facts, const struct rf_lua_image *image,
                       const struct rf_config *config)
{
    time_t created;
    if (config != NULL) {
        (void)json_object_set_new(facts, "configBody", rf_lua_wire_string(image->config));
        set_text(facts, "configMediaType",
                 image->manifest->kind == RF_KIND_IMAGE ? image->manifest->config.media_type
                                                        : NULL);
        if (image->config_digest != NULL)
            set_digest(facts, "configDigest", image->config_digest);
        else if (image->manifest->kind == RF_KIND_IMAGE)
            set_digest(facts, "configDigest", &image->manifest->config.digest);
    }
    if (rf_bot_created(image->manifest, config, &created))
        (void)json_object_set_new(facts, "created", json_integer((json_int_t)created));
    json_t *platforms = rf_bot_platforms(image->manifest, config);
    (void)json_object_set(facts, "platform", json_array_get(platforms, 0));
    (void)json_object_set_new(facts, "platforms", platforms);
}

json_t *rf_lua_image_facts(const struct rf_lua_image *image)
{
    RF_CLEANUP(rf_config_freep) struct rf_config *config = NULL;
    struct rf_err ignored;
    json_t *facts = json_object();
    json_t *referrers = json_array();
    /* What is no configuration of an image says nothing of it. */
    if (image->config.len > 0 && rf_config_parse(image->config, &config, &ignored) < 0)
        config = NULL;
    set_names(facts, image);
    set_config(facts, image, config);
    for (size_t i = 0; i < image->n_referrers; i++) {
        RF_CLEANUP(rf_json_decrefp) json_t *d = rf_object_descriptor(&image->referrers[i]);
        (void)json_array_append_new(referrers, rf_lua_wire_to(d));
    }
    (void)json_object_set_new(facts, "referrers", referrers);
    uint64_t size = size_of(image);
    if (size > 0)
        (void)json_object_set_new(facts, "size", json_integer((json_int_t)size));
    return facts;
}

json_t *rf_lua_image_argument(const struct rf_lua_image *image)
{
    json_t *out = json_object();
    (void)json_object_set_new(out, "rf.image", rf_lua_image_facts(image));
    return out;
}
