/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/docker_archive.h"

#include "base/mem.h"
#include "base/text.h"
#include "manifests/manifest.h"
#include "manifests/reference.h"
#include "manifests/strict.h"

#define NAMES_SHOWN 10u /* in a message */
#define SHOWN 200       /* bytes of one name */

static const char *const image_keys[] = { "Config", "RepoTags", "Layers", "Parent",
                                          "LayerSources" };

static void image_release(struct rf_docker_image *image)
{
    for (size_t i = 0; i < image->n_tags; i++)
        free(image->tags[i]);
    for (size_t i = 0; i < image->n_layers; i++)
        free(image->layers[i]);
    for (size_t i = 0; i < image->n_sources; i++)
        rf_descriptor_release(&image->sources[i].desc);
    free(image->config);
    free(image->tags);
    free(image->layers);
    free(image->sources);
}

void rf_docker_archive_release(struct rf_docker_archive *a)
{
    for (size_t i = 0; i < a->n; i++)
        image_release(&a->images[i]);
    free(a->images);
    *a = (struct rf_docker_archive){ 0 };
}

/* ---- building ---- */

struct rf_docker_image *rf_docker_archive_add(struct rf_docker_archive *a, const char *config)
{
    a->images = rf_grow(a->images, a->n, &a->cap, sizeof(*a->images));
    struct rf_docker_image *image = &a->images[a->n++];
    *image = (struct rf_docker_image){ .config = rf_xstrdup(config) };
    return image;
}

void rf_docker_image_add_tag(struct rf_docker_image *image, const char *tag)
{
    for (size_t i = 0; i < image->n_tags; i++)
        if (strcmp(image->tags[i], tag) == 0)
            return;
    image->tags = rf_grow(image->tags, image->n_tags, &image->cap_tags, sizeof(*image->tags));
    image->tags[image->n_tags++] = rf_xstrdup(tag);
}

void rf_docker_image_add_layer(struct rf_docker_image *image, const char *name)
{
    image->layers =
        rf_grow(image->layers, image->n_layers, &image->cap_layers, sizeof(*image->layers));
    image->layers[image->n_layers++] = rf_xstrdup(name);
}

/* The first source whose key is not before `key`. */
static size_t source_at(const struct rf_docker_image *image, const struct rf_digest *key)
{
    size_t low = 0, high = image->n_sources;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (rf_digest_cmp(&image->sources[mid].key, key) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

void rf_docker_image_add_source(struct rf_docker_image *image, const struct rf_digest *key,
                                const struct rf_descriptor *desc)
{
    size_t at = source_at(image, key);
    if (at < image->n_sources && rf_digest_eq(&image->sources[at].key, key))
        return;
    image->sources =
        rf_grow(image->sources, image->n_sources, &image->cap_sources, sizeof(*image->sources));
    memmove(&image->sources[at + 1], &image->sources[at],
            (image->n_sources - at) * sizeof(*image->sources));
    image->sources[at].key = *key;
    rf_descriptor_copy(desc, &image->sources[at].desc);
    image->n_sources++;
}

const struct rf_descriptor *rf_docker_image_source(const struct rf_docker_image *image,
                                                   const struct rf_digest *key)
{
    size_t at = source_at(image, key);
    return at < image->n_sources && rf_digest_eq(&image->sources[at].key, key)
               ? &image->sources[at].desc
               : NULL;
}

/* ---- reading ---- */

struct strings {
    char ***list;
    size_t *n;
};

static int read_strings(const json_t *obj, const char *key, const char *path, size_t max,
                        const struct strings *out, struct rf_err *err)
{
    const json_t *list = NULL;
    int rc = rf_json_array(obj, key, path, RF_JSON_OPTIONAL, max, &list, err);
    if (rc < 0 || list == NULL)
        return rc;
    size_t n = json_array_size(list);
    *out->list = rf_xcalloc(n + 1, sizeof(**out->list));
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(list, i);
        const char *s = json_string_value(item);
        if (s == NULL || strlen(s) != json_string_length(item))
            return rf_fail(err, RFE_INVALID, "%s.%s[%zu]: not a text", path, key, i);
        (*out->list)[(*out->n)++] = rf_xstrdup(s);
    }
    return 0;
}

static int read_sources(const json_t *obj, const char *path, struct rf_docker_image *image,
                        struct rf_err *err)
{
    const json_t *all = NULL;
    int rc = rf_json_object(obj, "LayerSources", path, RF_JSON_OPTIONAL, &all, err);
    if (rc < 0 || all == NULL)
        return rc;
    if (json_object_size(all) > RF_MANIFEST_LAYERS_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "%s.LayerSources: more than %d members", path,
                       RF_MANIFEST_LAYERS_MAX);
    /* The iterator of jansson wants a writable object but does not write to it. */
    json_t *writable = (json_t *)(uintptr_t)all;
    for (void *it = json_object_iter(writable); it != NULL;
         it = json_object_iter_next(writable, it)) {
        struct rf_digest key;
        RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
        RF_CLEANUP(rf_freep)
        char *shown = rf_text_safe_dup(rf_slice_str(json_object_iter_key(it)), SHOWN);
        RF_CLEANUP(rf_freep) char *where = rf_xasprintf("%s.LayerSources.%s", path, shown);
        rc = rf_digest_parse(rf_slice_str(json_object_iter_key(it)), &key, err);
        if (rc < 0)
            return rf_wrap(err, rc, "%s", where);
        rc = rf_descriptor_from_json(json_object_iter_value(it), where, &d, err);
        if (rc < 0)
            return rc;
        rf_docker_image_add_source(image, &key, &d);
    }
    return 0;
}

static int read_image(const json_t *obj, const char *path, struct rf_docker_archive *a,
                      struct rf_err *err)
{
    const char *config = NULL;
    if (!json_is_object(obj))
        return rf_fail(err, RFE_INVALID, "%s: not an object", path);
    int rc = rf_strict_keys(obj, path, image_keys, RF_ARRAY_LEN(image_keys), err);
    if (rc == 0)
        rc = rf_json_string(obj, "Config", path, RF_JSON_REQUIRED, &config, err);
    if (rc < 0)
        return rc;
    struct rf_docker_image *image = rf_docker_archive_add(a, config);
    struct strings tags = { &image->tags, &image->n_tags };
    struct strings layers = { &image->layers, &image->n_layers };
    rc = read_strings(obj, "RepoTags", path, RF_DOCKER_ARCHIVE_TAGS_MAX, &tags, err);
    if (rc == 0)
        rc = read_strings(obj, "Layers", path, RF_MANIFEST_LAYERS_MAX, &layers, err);
    if (rc == 0)
        rc = read_sources(obj, path, image, err);
    return rc;
}

static int read_images(const json_t *doc, struct rf_docker_archive *a, struct rf_err *err)
{
    if (!json_is_array(doc))
        return rf_fail(err, RFE_INVALID, "not an array");
    size_t n = json_array_size(doc);
    if (n == 0)
        return rf_fail(err, RFE_INVALID, "it lists no image");
    if (n > RF_DOCKER_ARCHIVE_IMAGES_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "more than %d images", RF_DOCKER_ARCHIVE_IMAGES_MAX);
    for (size_t i = 0; i < n; i++) {
        char path[32];
        (void)snprintf(path, sizeof(path), "[%zu]", i);
        int rc = read_image(json_array_get(doc, i), path, a, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int rf_docker_archive_parse(struct rf_slice bytes, struct rf_docker_archive *out,
                            struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    RF_CLEANUP(rf_docker_archive_release) struct rf_docker_archive a = { 0 };
    int rc = rf_json_parse(bytes, RF_DOCKER_ARCHIVE_MAX, &doc, err);
    if (rc == 0)
        rc = read_images(doc, &a, err);
    if (rc < 0)
        return rf_wrap(err, rc, RF_DOCKER_ARCHIVE_NAME);
    *out = a;
    a = (struct rf_docker_archive){ 0 };
    return 0;
}

/* ---- names ---- */

bool rf_image_name_eq(const char *a, const char *b)
{
    if (strcmp(a, b) == 0)
        return true;
    RF_CLEANUP(rf_ref_release) struct rf_ref x = RF_REF_INIT;
    RF_CLEANUP(rf_ref_release) struct rf_ref y = RF_REF_INIT;
    if (rf_ref_parse(a, &x, NULL) < 0 || rf_ref_parse(b, &y, NULL) < 0)
        return false;
    RF_CLEANUP(rf_freep) char *p = rf_ref_common_name(&x);
    RF_CLEANUP(rf_freep) char *q = rf_ref_common_name(&y);
    return strcmp(p, q) == 0;
}

static int fail_find(const struct rf_docker_archive *a, const char *name, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf all;
    rf_buf_init(&all, 0);
    size_t shown = 0;
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; k < a->images[i].n_tags && shown <= NAMES_SHOWN; k++, shown++) {
            rf_buf_add_str(&all, shown > 0 ? ", " : "");
            if (shown == NAMES_SHOWN)
                rf_buf_add_str(&all, "...");
            else
                rf_text_safe(&all, rf_slice_str(a->images[i].tags[k]), SHOWN);
        }
    RF_CLEANUP(rf_freep) char *safe = rf_text_safe_dup(rf_slice_str(name), SHOWN);
    int rc = rf_fail(err, RFE_NOT_FOUND,
                     "could not find requested name in " RF_DOCKER_ARCHIVE_NAME ", %s", safe);
    return all.len > 0 ? rf_hint(err, rc, "it has %s", all.ptr) : rc;
}

int rf_docker_archive_find(const struct rf_docker_archive *a, const char *name, size_t *image,
                           struct rf_err *err)
{
    for (int exact = 1; exact >= 0; exact--)
        for (size_t i = 0; i < a->n; i++)
            for (size_t k = 0; k < a->images[i].n_tags; k++) {
                const char *tag = a->images[i].tags[k];
                if (exact ? strcmp(tag, name) == 0 : rf_image_name_eq(tag, name)) {
                    *image = i;
                    return 0;
                }
            }
    return fail_find(a, name, err);
}

/* ---- writing ---- */

static void add_list(struct rf_buf *out, char *const *list, size_t n)
{
    rf_buf_add_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        rf_buf_add_str(out, i > 0 ? "," : "");
        rf_json_add_string(out, list[i]);
    }
    rf_buf_add_char(out, ']');
}

static void add_image(struct rf_buf *out, const struct rf_docker_image *image)
{
    rf_buf_add_str(out, "{\"Config\":");
    rf_json_add_string(out, image->config);
    rf_buf_add_str(out, ",\"RepoTags\":");
    if (image->n_tags > 0)
        add_list(out, image->tags, image->n_tags);
    else
        rf_buf_add_str(out, "null");
    rf_buf_add_str(out, ",\"Layers\":");
    add_list(out, image->layers, image->n_layers);
    for (size_t i = 0; i < image->n_sources; i++) {
        char key[RF_DIGEST_TEXT];
        rf_buf_add_str(out, i == 0 ? ",\"LayerSources\":{" : ",");
        rf_json_add_string(out, rf_digest_text(&image->sources[i].key, key));
        rf_buf_add_char(out, ':');
        rf_descriptor_add_json(out, &image->sources[i].desc);
    }
    rf_buf_add_str(out, image->n_sources > 0 ? "}}" : "}");
}

void rf_docker_archive_format(const struct rf_docker_archive *a, struct rf_buf *out)
{
    rf_buf_add_char(out, '[');
    for (size_t i = 0; i < a->n; i++) {
        rf_buf_add_str(out, i > 0 ? "," : "");
        add_image(out, &a->images[i]);
    }
    rf_buf_add_char(out, ']');
}
