/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/verdict_image.h"

#include "base/mem.h"
#include "base/text.h"
#include "manifests/config.h"
#include "policy/lua/lua_image.h"
#include "policy/lua/lua_wire.h"

/* buildx marks what it says of an image by these on its entry in the index. */
#define ANNOTATION_TYPE "vnd.docker.reference.type"
#define ANNOTATION_OF "vnd.docker.reference.digest"

struct reading {
    const struct rf_verdict_lines *lines;
    size_t line;
    struct rf_verdict_image *out;
    json_t *images, *attestations;
    struct rf_manifest *top;
    struct rf_buf config; /* of the first image */
    struct rf_digest config_digest;
    struct rf_strings seen; /* digests that are counted in size */
    uint64_t size;
    bool has_created;
    time_t created; /* the newest */
};

void rf_verdict_image_release(struct rf_verdict_image *im)
{
    json_decref(im->doc);
    free(im->manifests);
    *im = (struct rf_verdict_image){ 0 };
}

static json_t *digest_json(const struct rf_digest *d)
{
    char text[RF_DIGEST_TEXT];
    return json_string(rf_digest_text(d, text));
}

static void set_text(json_t *obj, const char *key, const char *text)
{
    if (text != NULL && text[0] != '\0')
        json_object_set_new(obj, key, json_string(text));
}

/* An object of its own, so that nothing is shared between threads; {} for NULL. */
static json_t *copy_or_empty(const json_t *object)
{
    return json_is_object(object) ? json_deep_copy(object) : json_object();
}

static void count(struct reading *r, const struct rf_descriptor *d)
{
    char text[RF_DIGEST_TEXT];
    size_t before = r->seen.len;
    if (rf_strings_add(&r->seen, rf_slice_str(rf_digest_text(&d->digest, text))) >= before &&
        r->size <= INT64_MAX / 2 && d->size <= INT64_MAX / 2)
        r->size += d->size;
}

/* ---- one platform ---- */

static void set_platform(json_t *to, const struct rf_platform *p)
{
    RF_CLEANUP(rf_freep) char *text = rf_platform_text(p);
    RF_CHECK(p != NULL);
    set_text(to, "platform", text);
    set_text(to, "os", p->os);
    set_text(to, "architecture", p->architecture);
    set_text(to, "variant", p->variant);
}

static void set_created(struct reading *r, json_t *to, const struct rf_config *c)
{
    char text[32];
    if (!c->has_created)
        return;
    json_object_set_new(to, "created", json_integer((json_int_t)c->created));
    json_object_set_new(to, "createdAt", json_string(rf_text_time(c->created, text)));
    if (!r->has_created || c->created > r->created)
        r->created = c->created;
    r->has_created = true;
}

static int add_platform(struct reading *r, const struct rf_manifest *m,
                        const struct rf_descriptor *entry, const json_t *doc, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf bytes;
    RF_CLEANUP(rf_config_freep) struct rf_config *config = NULL;
    char text[RF_DIGEST_TEXT];
    rf_buf_init(&bytes, RF_CONFIG_MAX);
    bool first = json_array_size(r->images) == 0;
    int rc = r->lines->config(r->lines->ctx, r->line, &m->config, &bytes, err);
    if (rc == 0)
        rc = rf_config_parse(rf_buf_slice(&bytes), &config, err);
    if (rc < 0)
        return rf_wrap(err, rc, "configuration %s", rf_digest_text(&m->config.digest, text));
    RF_CHECK(config != NULL);
    if (first) {
        rf_buf_add(&r->config, bytes.ptr, bytes.len);
        r->config_digest = m->config.digest;
    }
    json_t *p = json_object();
    json_array_append_new(r->images, p);
    set_platform(p, entry->platform != NULL ? entry->platform : &config->platform);
    json_object_set_new(p, "digest", digest_json(&m->digest));
    json_object_set_new(p, "manifest", json_deep_copy(doc));
    json_object_set_new(p, "config", json_deep_copy(config->doc));
    json_object_set_new(p, "labels", copy_or_empty(config->labels));
    json_object_set_new(p, "annotations", copy_or_empty(m->annotations));
    set_created(r, p, config);
    return 0;
}

static void add_attestation(struct reading *r, const struct rf_manifest *m,
                            const struct rf_descriptor *entry, const json_t *doc)
{
    json_t *a = json_object();
    json_array_append_new(r->attestations, a);
    json_object_set_new(a, "digest", digest_json(&m->digest));
    set_text(a, "type", rf_descriptor_annotation(entry, ANNOTATION_TYPE));
    set_text(a, "of", rf_descriptor_annotation(entry, ANNOTATION_OF));
    json_object_set_new(a, "manifest", json_deep_copy(doc));
}

/* ---- the tree ---- */

static bool is_chosen(const struct reading *r, const struct rf_digest *child)
{
    const struct rf_desired *d = r->lines->desired;
    const struct rf_image *im = &d->images[r->line];
    bool chosen = im->n_children == 0;
    for (uint32_t i = 0; i < im->n_children && !chosen; i++)
        chosen = rf_digest_eq(&d->digests[im->first_child + i], child);
    return chosen;
}

static bool is_known(const struct rf_verdict_image *im, const struct rf_digest *d)
{
    for (size_t i = 0; i < im->n; i++)
        if (rf_digest_eq(&im->manifests[i], d))
            return true;
    return false;
}

static int add_image(struct reading *r, const struct rf_manifest *m,
                     const struct rf_descriptor *entry, const json_t *doc, struct rf_err *err)
{
    count(r, &m->config);
    for (size_t i = 0; i < m->n_entries; i++)
        if (m->entries[i].n_urls == 0)
            count(r, &m->entries[i]);
    if (rf_descriptor_annotation(entry, ANNOTATION_TYPE) != NULL)
        add_attestation(r, m, entry, doc);
    else if (rf_media_is_config(m->config.media_type))
        return add_platform(r, m, entry, doc, err);
    return 0;
}

/* Depth first: an index has few levels, and their number is checked. */
static int add_manifest(struct reading *r, const struct rf_descriptor *entry, unsigned depth,
                        struct rf_err *err)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    struct rf_verdict_image *out = r->out;
    char text[RF_DIGEST_TEXT];
    if (is_known(out, &entry->digest))
        return 0;
    if (depth > RF_INDEX_DEPTH_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "indexes lie too deep in each other");
    int rc = r->lines->manifest(r->lines->ctx, r->line, entry, &m, err);
    if (rc == 0)
        rc = rf_json_parse(rf_buf_slice(&m->body), RF_MANIFEST_MAX, &doc, err);
    if (rc < 0)
        return rf_wrap(err, rc, "manifest %s", rf_digest_text(&entry->digest, text));
    RF_CHECK(m != NULL);
    out->manifests = rf_grow(out->manifests, out->n, &out->cap, sizeof(*out->manifests));
    out->manifests[out->n++] = entry->digest;
    count(r, &(struct rf_descriptor){ .digest = m->digest, .size = m->body.len });
    if (m->kind == RF_KIND_IMAGE)
        rc = add_image(r, m, entry, doc, err);
    for (size_t i = 0; rc == 0 && m->kind == RF_KIND_INDEX && i < m->n_entries; i++) {
        if (depth == 0 && !is_chosen(r, &m->entries[i].digest))
            continue;
        if (rf_media_is_manifest(m->entries[i].media_type))
            rc = add_manifest(r, &m->entries[i], depth + 1, err);
        else
            count(r, &m->entries[i]);
    }
    if (rc == 0 && depth == 0)
        r->top = RF_STEAL(m);
    return rc;
}

/* ---- the document ---- */

/* What regbot's scripts find in an image, and more. Spelled for the box: what is set here is plain. */
static json_t *make_facts(const struct reading *r)
{
    const struct rf_desired *d = r->lines->desired;
    const struct rf_image *im = &d->images[r->line];
    const char *tag = rf_desired_str(d, im->tag);
    const struct rf_lua_image image = { .name = rf_desired_str(d, im->repository),
                                        .tag = tag[0] != '\0' ? tag : NULL,
                                        .manifest = r->top,
                                        .config = rf_buf_slice(&r->config),
                                        .config_digest =
                                            r->config.len > 0 ? &r->config_digest : NULL,
                                        .size = r->size };
    json_t *facts = rf_lua_image_facts(&image);
    time_t when;
    char text[32];
    set_text(facts, "repository", image.name);
    set_text(facts, "source", rf_desired_str(d, im->source));
    set_text(facts, "artifactType", rf_manifest_artifact_type(r->top));
    /* of an index the newest image, unless the index itself says when it was made */
    if (r->has_created && !rf_bot_created(r->top, NULL, &when))
        json_object_set_new(facts, "created", json_integer((json_int_t)r->created));
    const json_t *created = json_object_get(facts, "created");
    if (created != NULL)
        set_text(facts, "createdAt", rf_text_time((time_t)json_integer_value(created), text));
    json_object_set_new(facts, "images", rf_lua_wire_to(r->images));
    json_object_set_new(facts, "attestations", rf_lua_wire_to(r->attestations));
    return facts;
}

int rf_verdict_image_read(const struct rf_verdict_lines *lines, size_t line,
                          struct rf_verdict_image *out, struct rf_err *err)
{
    const struct rf_desired *d = lines->desired;
    const struct rf_image *im = &d->images[line];
    RF_CLEANUP(rf_freep) char *media_type = rf_xstrdup(rf_desired_str(d, im->media_type));
    const struct rf_descriptor desc = { .digest = im->digest,
                                        .size = im->size,
                                        .media_type = media_type };
    struct reading r = { .lines = lines, .line = line, .out = out };
    rf_strings_init(&r.seen);
    rf_buf_init(&r.config, RF_CONFIG_MAX);
    r.images = json_array();
    r.attestations = json_array();
    int rc = add_manifest(&r, &desc, 0, err);
    if (rc == 0)
        out->doc = make_facts(&r);
    json_decref(r.images);
    json_decref(r.attestations);
    rf_manifest_free(r.top);
    rf_buf_release(&r.config);
    rf_strings_release(&r.seen);
    return rc;
}

json_t *rf_verdict_referrer(const struct rf_desired *d, size_t line, const struct rf_manifest *m)
{
    const struct rf_image *im = &d->images[line];
    json_t *out = json_object();
    set_text(out, "artifactType", rf_manifest_artifact_type(m));
    set_text(out, "mediaType", m->media_type);
    set_text(out, "tag", rf_desired_str(d, im->tag));
    json_object_set_new(out, "digest", digest_json(&im->digest));
    json_object_set_new(out, "size", json_integer((json_int_t)m->body.len));
    json_object_set_new(out, "annotations", copy_or_empty(m->annotations));
    json_t *spelled = rf_lua_wire_to(out);
    json_decref(out);
    return spelled;
}
