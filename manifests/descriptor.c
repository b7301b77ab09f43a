/* SPDX-License-Identifier: Apache-2.0 */
#include "manifests/descriptor.h"

#include "manifests/strict.h"

#include "base/base64.h"
#include "base/mem.h"

#define URLS_MAX 1000
#define URL_MAX 4096

/* image-spec descriptor.md "Properties", and the platform of image-index.md. */
static const char *const descriptor_keys[] = { "mediaType",   "digest",      "size",
                                               "urls",        "data",        "platform",
                                               "annotations", "artifactType" };
static const char *const platform_keys[] = { "architecture", "os",      "os.version",
                                             "os.features",  "variant", "features" };

static int join(const char *path, const char *key, char out[256])
{
    return snprintf(out, 256, "%s%s%s", path, path[0] != '\0' ? "." : "", key);
}

/* ---- fields ---- */

static int read_digest(const json_t *obj, const char *path, struct rf_digest *out,
                       struct rf_err *err)
{
    const char *text = NULL;
    int rc = rf_json_string(obj, "digest", path, RF_JSON_REQUIRED, &text, err);
    if (rc < 0)
        return rc;
    rc = rf_digest_parse(rf_slice_str(text), out, err);
    if (rc < 0) {
        char where[256];
        join(path, "digest", where);
        return rf_wrap(err, rc, "%s", where);
    }
    return 0;
}

static int read_urls(const json_t *obj, const char *path, struct rf_descriptor *d,
                     struct rf_err *err)
{
    const json_t *list = NULL;
    int rc = rf_json_array(obj, "urls", path, RF_JSON_OPTIONAL, URLS_MAX, &list, err);
    if (rc < 0 || list == NULL || json_array_size(list) == 0)
        return rc;
    size_t n = json_array_size(list);
    d->urls = rf_xcalloc(n, sizeof(*d->urls));
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(list, i);
        const char *s = json_string_value(item);
        if (s == NULL || strlen(s) != json_string_length(item) || strlen(s) > URL_MAX) {
            char where[256];
            join(path, "urls", where);
            return rf_fail(err, RFE_INVALID, "%s[%zu]: not a URL", where, i);
        }
        d->urls[d->n_urls++] = rf_xstrdup(s);
    }
    return 0;
}

static int read_platform(const json_t *obj, const char *path, struct rf_descriptor *d,
                         struct rf_err *err)
{
    const json_t *p = NULL;
    int rc = rf_json_object(obj, "platform", path, RF_JSON_OPTIONAL, &p, err);
    if (rc < 0 || p == NULL)
        return rc;
    char where[256];
    join(path, "platform", where);
    rc = rf_strict_keys(p, where, platform_keys, RF_ARRAY_LEN(platform_keys), err);
    if (rc < 0)
        return rc;
    struct rf_platform platform = RF_PLATFORM_INIT;
    rc = rf_platform_from_json(p, where, &platform, err);
    if (rc < 0)
        return rc;
    d->platform = rf_xmalloc(sizeof(*d->platform));
    *d->platform = platform;
    return 0;
}

/* ---- embedded data (descriptor.md "Embedded Content") ---- */

/* RFC 4648, section 4, with padding: one of the forms that the decoder takes. */
static bool decode_standard(const char *text, struct rf_buf *out)
{
    return strlen(text) % 4 == 0 && strpbrk(text, "-_") == NULL &&
           rf_base64_decode(out, rf_slice_str(text));
}

static int check_data(const json_t *obj, const char *path, const struct rf_descriptor *d,
                      struct rf_err *err)
{
    const char *text = NULL;
    int rc = rf_json_string(obj, "data", path, RF_JSON_OPTIONAL, &text, err);
    if (rc < 0 || text == NULL)
        return rc;
    char where[256];
    join(path, "data", where);
    RF_CLEANUP(rf_buf_release) struct rf_buf bytes;
    rf_buf_init(&bytes, 0);
    if (!decode_standard(text, &bytes))
        return rf_fail(err, RFE_INVALID, "%s: not base64", where);
    if (bytes.len != d->size)
        return rf_fail(err, RFE_SIZE_MISMATCH, "%s: %zu bytes, the descriptor says %llu", where,
                       bytes.len, (unsigned long long)d->size);
    struct rf_digest have;
    rf_digest_of(d->digest.algo, rf_buf_slice(&bytes), &have);
    if (!rf_digest_eq(&have, &d->digest)) {
        char is[RF_DIGEST_TEXT], want[RF_DIGEST_TEXT];
        return rf_fail(err, RFE_DIGEST_MISMATCH, "%s: content is %s, the descriptor says %s", where,
                       rf_digest_text(&have, is), rf_digest_text(&d->digest, want));
    }
    return 0;
}

/* ---- the whole ---- */

static int read_into(const json_t *obj, const char *path, struct rf_descriptor *d,
                     struct rf_err *err)
{
    int rc = rf_strict_keys(obj, path, descriptor_keys, RF_ARRAY_LEN(descriptor_keys), err);
    if (rc < 0)
        return rc;
    rc = rf_strict_media_type(obj, "mediaType", path, &d->media_type, err);
    if (rc < 0)
        return rc;
    rc = rf_strict_artifact_type(obj, path, &d->artifact_type, err);
    if (rc < 0)
        return rc;
    rc = read_digest(obj, path, &d->digest, err);
    if (rc < 0)
        return rc;
    rc = rf_json_u64(obj, "size", path, RF_JSON_REQUIRED, &d->size, err);
    if (rc < 0)
        return rc;
    rc = rf_strict_strings(obj, "annotations", path, &d->annotations, err);
    if (rc < 0)
        return rc;
    rc = read_urls(obj, path, d, err);
    if (rc < 0)
        return rc;
    rc = read_platform(obj, path, d, err);
    if (rc < 0)
        return rc;
    return check_data(obj, path, d, err);
}

int rf_descriptor_from_json(const json_t *obj, const char *path, struct rf_descriptor *out,
                            struct rf_err *err)
{
    if (!json_is_object(obj))
        return rf_fail(err, RFE_INVALID, "%s: not an object",
                       path[0] != '\0' ? path : "descriptor");
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    int rc = read_into(obj, path, &d, err);
    if (rc < 0)
        return rc;
    *out = d;
    d = (struct rf_descriptor)RF_DESCRIPTOR_INIT;
    return 0;
}

void rf_descriptor_release(struct rf_descriptor *d)
{
    if (d == NULL)
        return;
    free(d->media_type);
    free(d->artifact_type);
    if (d->platform != NULL)
        rf_platform_release(d->platform);
    free(d->platform);
    json_decref(d->annotations);
    for (size_t i = 0; i < d->n_urls; i++)
        free(d->urls[i]);
    free(d->urls);
    *d = (struct rf_descriptor)RF_DESCRIPTOR_INIT;
}

void rf_descriptor_copy(const struct rf_descriptor *from, struct rf_descriptor *to)
{
    *to = (struct rf_descriptor){
        .media_type = rf_xstrdup(from->media_type),
        .digest = from->digest,
        .size = from->size,
        .artifact_type = rf_xstrdup(from->artifact_type),
        .annotations = json_incref(from->annotations),
    };
    if (from->platform != NULL) {
        to->platform = rf_xmalloc(sizeof(*to->platform));
        rf_platform_copy(from->platform, to->platform);
    }
    if (from->n_urls > 0) {
        to->urls = rf_xcalloc(from->n_urls, sizeof(*to->urls));
        for (size_t i = 0; i < from->n_urls; i++)
            to->urls[to->n_urls++] = rf_xstrdup(from->urls[i]);
    }
}

const char *rf_descriptor_annotation(const struct rf_descriptor *d, const char *key)
{
    return json_string_value(json_object_get(d->annotations, key));
}

static void add_member(struct rf_buf *out, const char *key, const char *value, bool *first)
{
    rf_buf_addf(out, "%s\"%s\":", *first ? "" : ",", key);
    rf_json_add_string(out, value);
    *first = false;
}

/* Keys in the order of image-spec's own examples; empty ones left out except the two required. */
static void add_platform(struct rf_buf *out, const struct rf_platform *p)
{
    bool first = true;
    rf_buf_add_str(out, ",\"platform\":{");
    add_member(out, "architecture", p->architecture != NULL ? p->architecture : "", &first);
    add_member(out, "os", p->os != NULL ? p->os : "", &first);
    if (p->os_version != NULL && p->os_version[0] != '\0')
        add_member(out, "os.version", p->os_version, &first);
    for (size_t i = 0; i < p->n_os_features; i++) {
        rf_buf_add_str(out, i == 0 ? ",\"os.features\":[" : ",");
        rf_json_add_string(out, p->os_features[i]);
    }
    if (p->n_os_features > 0)
        rf_buf_add_char(out, ']');
    if (p->variant != NULL && p->variant[0] != '\0')
        add_member(out, "variant", p->variant, &first);
    rf_buf_add_char(out, '}');
}

void rf_descriptor_add_json(struct rf_buf *out, const struct rf_descriptor *d)
{
    char digest[RF_DIGEST_TEXT];
    bool first = true;
    rf_buf_add_char(out, '{');
    if (d->media_type != NULL)
        add_member(out, "mediaType", d->media_type, &first);
    add_member(out, "digest", rf_digest_text(&d->digest, digest), &first);
    rf_buf_addf(out, ",\"size\":%llu", (unsigned long long)d->size);
    for (size_t i = 0; i < d->n_urls; i++) {
        rf_buf_add_str(out, i == 0 ? ",\"urls\":[" : ",");
        rf_json_add_string(out, d->urls[i]);
    }
    if (d->n_urls > 0)
        rf_buf_add_char(out, ']');
    if (d->annotations != NULL) {
        rf_buf_add_str(out, ",\"annotations\":");
        rf_json_add_value(out, d->annotations, false);
    }
    if (d->platform != NULL)
        add_platform(out, d->platform);
    if (d->artifact_type != NULL)
        add_member(out, "artifactType", d->artifact_type, &first);
    rf_buf_add_char(out, '}');
}
