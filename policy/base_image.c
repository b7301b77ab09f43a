/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/base_image.h"

#include <stdlib.h>

#include "base/gotime.h"
#include "base/json.h"
#include "base/mem.h"
#include "regclient/fetch.h"

struct side {
    struct rf_place *place;
    const char *repo, *tag;
    const struct rf_digest *digest;
    struct rf_manifest *manifest; /* what the reference leads to; NULL: not fetched yet */
};

struct check {
    const struct rf_base_options *opts;
    struct side image, base;
    struct rf_ref base_ref;
    char *base_name; /* for messages */
    char *base_digest;
    char *why;
};

static void check_release(struct check *c)
{
    rf_manifest_free(c->image.manifest);
    rf_manifest_free(c->base.manifest);
    rf_ref_release(&c->base_ref);
    free(c->base_name);
    free(c->base_digest);
    free(c->why);
}

static int open_side(struct rf_client *client, const struct rf_ref *ref, struct side *s,
                     struct rf_err *err)
{
    bool by_digest = rf_digest_is_set(&ref->digest);
    const char *tag = ref->tag != NULL ? ref->tag : "latest";
    s->digest = by_digest ? &ref->digest : NULL;
    s->tag = by_digest ? NULL : tag;
    return rf_client_place(client, ref, 0, &s->place, &s->repo, err);
}

static int load(struct side *s, struct rf_err *err)
{
    return s->manifest != NULL ? 0
                               : rf_place_get_manifest(s->place, s->repo, s->tag, s->digest, NULL,
                                                       &s->manifest, err);
}

static int get_entry(struct side *s, const struct rf_descriptor *d, struct rf_manifest **out,
                     struct rf_err *err)
{
    const struct rf_manifest_expect expect = { .size = d->size, .media_type = d->media_type };
    return rf_place_get_manifest(s->place, s->repo, NULL, &d->digest, &expect, out, err);
}

static int changed(struct check *c, char *why)
{
    free(c->why);
    c->why = why;
    return 1;
}

/* ---- the configurations ---- */

static bool same_text(const json_t *a, const json_t *b, const char *key)
{
    const char *x = json_string_value(json_object_get(a, key));
    const char *y = json_string_value(json_object_get(b, key));
    return strcmp(x != NULL ? x : "", y != NULL ? y : "") == 0;
}

/* The same moment, however it is written. */
static bool same_time(const json_t *a, const json_t *b)
{
    const char *x = json_string_value(json_object_get(a, "created"));
    const char *y = json_string_value(json_object_get(b, "created"));
    struct rf_slice layout = rf_slice_str(rf_gotime_rfc3339);
    struct rf_gotime t, u;
    if (x == NULL || y == NULL || same_text(a, b, "created"))
        return same_text(a, b, "created");
    return rf_gotime_parse(layout, rf_slice_str(x), &t, NULL) == 0 &&
           rf_gotime_parse(layout, rf_slice_str(y), &u, NULL) == 0 && rf_gotime_compare(t, u) == 0;
}

static bool same_step(const json_t *a, const json_t *b)
{
    return same_text(a, b, "author") && same_text(a, b, "comment") && same_time(a, b) &&
           same_text(a, b, "created_by") &&
           json_is_true(json_object_get(a, "empty_layer")) ==
               json_is_true(json_object_get(b, "empty_layer"));
}

static int compare_history(struct check *c, const struct rf_config *image,
                           const struct rf_config *base, struct rf_err *err)
{
    const json_t *have = json_object_get(image->doc, "history");
    const json_t *want = json_object_get(base->doc, "history");
    for (size_t i = 0; i < json_array_size(want); i++) {
        if (i >= json_array_size(have))
            return rf_fail(err, RFE_INVALID, "image has fewer history entries than base image");
        if (!same_step(json_array_get(have, i), json_array_get(want, i)))
            return changed(c, rf_xasprintf("base history changed, %s[%zu]", c->base_name, i));
    }
    return 0;
}

/* ---- one image against its base ---- */

static int compare_layers(struct check *c, const struct rf_manifest *image,
                          const struct rf_manifest *base, struct rf_err *err)
{
    char was[RF_DIGEST_TEXT], is[RF_DIGEST_TEXT];
    if (base->n_entries == 0)
        return rf_fail(err, RFE_INVALID, "base image has no layers");
    for (size_t i = 0; i < base->n_entries; i++) {
        if (i >= image->n_entries)
            return rf_fail(err, RFE_INVALID, "image has fewer layers than base image");
        const struct rf_digest *have = &image->entries[i].digest;
        const struct rf_digest *want = &base->entries[i].digest;
        if (!rf_digest_eq(have, want))
            return changed(c, rf_xasprintf("base layer changed, %s[%zu], expected %s, received %s",
                                           c->base_name, i, rf_digest_text(have, was),
                                           rf_digest_text(want, is)));
    }
    return 0;
}

/* The base for this platform in *out; NULL there: the base is no index. */
static int choose_base(struct check *c, const struct rf_platform *platform,
                       struct rf_manifest **out, struct rf_err *err)
{
    size_t i = 0;
    int rc = load(&c->base, err);
    if (rc < 0 || c->base.manifest->kind != RF_KIND_INDEX)
        return rc;
    rc = rf_manifest_pick(c->base.manifest, platform, &i, err);
    return rc < 0 ? rf_wrap(err, rc, "%s", c->base_name)
                  : get_entry(&c->base, &c->base.manifest->entries[i], out, err);
}

static int compare_image(struct check *c, const struct rf_manifest *image,
                         const struct rf_platform *platform, struct rf_err *err)
{
    RF_CLEANUP(rf_config_freep) struct rf_config *config = NULL;
    RF_CLEANUP(rf_config_freep) struct rf_config *base_config = NULL;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *chosen = NULL;
    if (image->kind != RF_KIND_IMAGE)
        return rf_fail(err, RFE_UNSUPPORTED, "manifest must be an image");
    int rc = load(&c->base, err);
    /* Which entry of the base it is for is said by the image itself when nobody else does. */
    bool look = rc == 0 && platform == NULL && c->base.manifest->kind == RF_KIND_INDEX;
    if (rc == 0 && (look || !c->opts->skip_config))
        rc = rf_fetch_config(c->image.place, c->image.repo, image, &config, NULL, err);
    if (rc == 0)
        rc = choose_base(c, platform != NULL || config == NULL ? platform : &config->platform,
                         &chosen, err);
    if (rc < 0)
        return rc;
    const struct rf_manifest *base = chosen != NULL ? chosen : c->base.manifest;
    if (base->kind != RF_KIND_IMAGE)
        return rf_fail(err, RFE_UNSUPPORTED, "base image manifest must be an image");
    rc = compare_layers(c, image, base, err);
    if (rc != 0 || c->opts->skip_config)
        return rc;
    rc = rf_fetch_config(c->base.place, c->base.repo, base, &base_config, NULL, err);
    if (rc < 0)
        return rc;
    RF_CHECK(config != NULL && base_config != NULL);
    return compare_history(c, config, base_config, err);
}

/* ---- an index ---- */

static int compare_entry(struct check *c, const struct rf_descriptor *d, struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    if (d->platform == NULL || rf_descriptor_annotation(d, "vnd.docker.reference.digest") != NULL)
        return 0; /* an attestation, or something else that has no base */
    RF_CLEANUP(rf_freep) char *name = rf_platform_text(d->platform);
    int rc = get_entry(&c->image, d, &m, err);
    if (rc == 0) {
        RF_CHECK(m != NULL);
        rc = compare_image(c, m, d->platform, err);
    }
    if (rc == 1)
        return changed(c, rf_xasprintf("platform %s mismatch: %s", name, c->why));
    return rc < 0 ? rf_wrap(err, rc, "platform %s mismatch", name) : 0;
}

static int compare_all(struct check *c, struct rf_err *err)
{
    const struct rf_manifest *m = c->image.manifest;
    const struct rf_platform *platform = c->opts->platform;
    size_t i = 0;
    int rc = 0;
    if (m->kind != RF_KIND_INDEX)
        return compare_image(c, m, platform, err);
    if (platform != NULL) {
        RF_CLEANUP(rf_manifest_freep) struct rf_manifest *chosen = NULL;
        rc = rf_manifest_pick(m, platform, &i, err);
        if (rc == 0)
            rc = get_entry(&c->image, &m->entries[i], &chosen, err);
        if (rc < 0)
            return rc;
        RF_CHECK(chosen != NULL);
        return compare_image(c, chosen, platform, err);
    }
    for (; rc == 0 && i < m->n_entries; i++)
        rc = compare_entry(c, &m->entries[i], err);
    return rc;
}

/* ---- the whole ---- */

static const char *annotation(const struct rf_manifest *m, const char *key)
{
    return m->annotations != NULL ? json_string_value(json_object_get(m->annotations, key)) : NULL;
}

static int find_base(struct rf_client *client, struct check *c, struct rf_err *err)
{
    const char *name = c->opts->base, *digest = c->opts->digest;
    if (name == NULL) {
        int rc = load(&c->image, err);
        if (rc < 0)
            return rc;
        name = annotation(c->image.manifest, RF_ANNOTATION_BASE_NAME);
        if (digest == NULL)
            digest = annotation(c->image.manifest, RF_ANNOTATION_BASE_DIGEST);
    }
    if (name == NULL)
        return rf_fail(err, RFE_NOT_FOUND,
                       "image does not have a base annotation, base image must be provided");
    c->base_digest = rf_xstrdup(digest);
    int rc = rf_ref_parse(name, &c->base_ref, err);
    if (rc < 0)
        return rc;
    c->base_name = rf_ref_common_name(&c->base_ref);
    return open_side(client, &c->base_ref, &c->base, err);
}

static int compare_digest(struct check *c, struct rf_err *err)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor now = RF_DESCRIPTOR_INIT;
    struct rf_digest was;
    char is[RF_DIGEST_TEXT];
    int rc = rf_digest_parse(rf_slice_str(c->base_digest), &was, err);
    if (rc == 0)
        rc = rf_place_resolve(c->base.place, c->base.repo, c->base.tag, c->base.digest, &now, err);
    if (rc < 0)
        return rc;
    if (rf_digest_eq(&now.digest, &was))
        return 0;
    return changed(c, rf_xasprintf("base digest changed, %s, expected %s, received %s",
                                   c->base_name, c->base_digest, rf_digest_text(&now.digest, is)));
}

int rf_base_image_check(struct rf_client *client, const struct rf_ref *image,
                        const struct rf_base_options *opts, char **why, struct rf_err *err)
{
    RF_CLEANUP(check_release) struct check c = { .opts = opts };
    int rc = open_side(client, image, &c.image, err);
    if (rc == 0)
        rc = find_base(client, &c, err);
    if (rc < 0)
        return rc;
    if (c.base_digest != NULL) {
        rc = compare_digest(&c, err);
    } else {
        rc = load(&c.image, err);
        rc = rc < 0 ? rc : compare_all(&c, err);
    }
    if (rc == 1)
        *why = RF_STEAL(c.why);
    return rc;
}
