/* SPDX-License-Identifier: Apache-2.0 */
#include "manifests/manifest.h"

#include "manifests/strict.h"

#include "base/mem.h"
#include "base/text.h"

/* image-spec manifest.md and image-index.md "Properties", and what Docker's schema 1 has at the top. */
static const char *const top_keys[] = { "schemaVersion", "mediaType",   "artifactType",
                                        "config",        "layers",      "manifests",
                                        "subject",       "annotations", "fsLayers" };

/* A document on its way to a struct rf_manifest. */
struct reading {
    const struct rf_manifest_expect *expect;
    const json_t *doc;
    char *body_type;  /* mediaType of the body, or NULL */
    char header[256]; /* Content-Type without parameters; "" when it says nothing */
    bool manifests, config, layers, fs_layers;
};

static void release_reading(struct reading *r)
{
    free(r->body_type);
    r->body_type = NULL;
}

/* ---- bytes ---- */

static int check_bytes(struct rf_slice bytes, const struct rf_manifest_expect *expect, uint8_t algo,
                       struct rf_digest *digest, struct rf_err *err)
{
    if (bytes.len > RF_MANIFEST_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "manifest: %zu bytes, at most %u are read", bytes.len,
                       RF_MANIFEST_MAX);
    if (expect->size != 0 && bytes.len != expect->size)
        return rf_fail(err, RFE_SIZE_MISMATCH, "manifest: %zu bytes, expected %llu", bytes.len,
                       (unsigned long long)expect->size);
    rf_digest_of(algo, bytes, digest);
    if (expect->digest != NULL && rf_digest_is_set(expect->digest) &&
        !rf_digest_eq(digest, expect->digest)) {
        char is[RF_DIGEST_TEXT], want[RF_DIGEST_TEXT];
        return rf_fail(err, RFE_DIGEST_MISMATCH, "manifest: content is %s, expected %s",
                       rf_digest_text(digest, is), rf_digest_text(expect->digest, want));
    }
    return 0;
}

/* The strict reader refuses duplicate keys as malformed; here they have a code of their own. */
static bool has_duplicate_key(struct rf_slice bytes)
{
    json_error_t e;
    json_t *doc = json_loadb(bytes.len > 0 ? bytes.ptr : "", bytes.len,
                             JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
    if (doc == NULL)
        return json_error_code(&e) == json_error_duplicate_key;
    json_decref(doc);
    return false;
}

static int load(struct rf_slice bytes, json_t **doc, struct rf_err *err)
{
    struct rf_err cause = RF_ERR_INIT;
    int rc = rf_json_parse(bytes, RF_MANIFEST_MAX, doc, &cause);
    if (rc == -RFE_INVALID && has_duplicate_key(bytes))
        return rf_fail(err, RFE_AMBIGUOUS, "manifest: %s", cause.msg);
    if (rc < 0)
        return rf_fail(err, -rc, "manifest: %s", cause.msg);
    if (!json_is_object(*doc))
        return rf_fail(err, RFE_INVALID, "manifest: not a JSON object");
    return 0;
}

/* ---- what kind of document ---- */

/* Types that servers give to anything they do not know. */
static bool says_nothing(const char *type)
{
    return type[0] == '\0' || strncmp(type, "text/", 5) == 0 ||
           strcmp(type, "application/json") == 0 || strcmp(type, "application/octet-stream") == 0 ||
           strcmp(type, "binary/octet-stream") == 0;
}

static bool present(const json_t *doc, const char *key)
{
    const json_t *v = json_object_get(doc, key);
    return v != NULL && !json_is_null(v);
}

static int agree(const char *who_a, const char *a, const char *who_b, const char *b,
                 struct rf_err *err)
{
    if (a == NULL || a[0] == '\0' || b == NULL || b[0] == '\0' || strcmp(a, b) == 0)
        return 0;
    RF_CLEANUP(rf_freep) char *x = rf_text_safe_dup(rf_slice_str(a), 128);
    RF_CLEANUP(rf_freep) char *y = rf_text_safe_dup(rf_slice_str(b), 128);
    return rf_fail(err, RFE_AMBIGUOUS, "manifest: the %s says %s, the %s says %s", who_a, x, who_b,
                   y);
}

/* The one type that header, body and parent give; *out is NULL when none gives one. Borrowed. */
static int agreed_type(const struct reading *r, const char **out, struct rf_err *err)
{
    const char *parent = r->expect->media_type;
    int rc = agree("header", r->header, "body", r->body_type, err);
    if (rc < 0)
        return rc;
    rc = agree("parent", parent, "body", r->body_type, err);
    if (rc < 0)
        return rc;
    rc = agree("header", r->header, "parent", parent, err);
    if (rc < 0)
        return rc;
    *out = r->body_type;
    if (*out == NULL && parent != NULL && parent[0] != '\0')
        *out = parent;
    if (*out == NULL && r->header[0] != '\0')
        *out = r->header;
    return 0;
}

/* Docker schema 1 has fsLayers and schemaVersion 1, and nothing that a later manifest has. */
static int check_schema(const struct reading *r, enum rf_media_kind kind, struct rf_err *err)
{
    uint64_t version = 0;
    bool later = r->manifests || r->config || r->layers;
    if (r->manifests && (r->config || r->layers || r->fs_layers))
        return rf_fail(err, RFE_AMBIGUOUS,
                       "manifest: \"manifests\" stands together with \"config\", \"layers\" or "
                       "\"fsLayers\"");
    if (r->fs_layers && later)
        return rf_fail(err, RFE_AMBIGUOUS,
                       "manifest: \"fsLayers\" stands together with \"config\" or \"layers\"");
    if (kind == RF_KIND_LEGACY)
        return rf_fail(err, RFE_UNSUPPORTED,
                       "manifest: Docker schema 1 and old artifact manifests are not supported");
    int rc = rf_json_u64(r->doc, "schemaVersion", "", RF_JSON_REQUIRED, &version, err);
    if (rc < 0)
        return rf_wrap(err, rc, "manifest");
    if (version == 1 || r->fs_layers) {
        if (later || kind != RF_KIND_OTHER || version != 1)
            return rf_fail(err, RFE_AMBIGUOUS,
                           "manifest: in part Docker schema 1, in part a later manifest");
        return rf_fail(err, RFE_UNSUPPORTED, "manifest: Docker schema 1 is not supported");
    }
    if (version != 2)
        return rf_fail(err, RFE_INVALID, "manifest: schemaVersion: %llu instead of 2",
                       (unsigned long long)version);
    return 0;
}

/* Decides kind and media type from what was said and from the structure; refuses when they differ. */
static int classify(const struct reading *r, struct rf_manifest *m, struct rf_err *err)
{
    const char *type = NULL;
    int rc = agreed_type(r, &type, err);
    if (rc < 0)
        return rc;
    enum rf_media_kind kind = rf_media_kind(type);
    rc = check_schema(r, kind, err);
    if (rc < 0)
        return rc;
    if (type != NULL && kind == RF_KIND_OTHER) {
        RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(type), 128);
        return rf_fail(err, RFE_INVALID, "manifest: %s is not the type of a manifest", shown);
    }
    if (type == NULL) {
        /* Docker's documents must name their type, so one without it is OCI's. */
        if (!r->manifests && !r->config)
            return rf_fail(err, RFE_INVALID, "manifest: neither \"manifests\" nor \"config\"");
        kind = r->manifests ? RF_KIND_INDEX : RF_KIND_IMAGE;
        type = r->manifests ? RF_MT_OCI_INDEX : RF_MT_OCI_MANIFEST;
    }
    if (kind == RF_KIND_IMAGE ? r->manifests : r->config || r->layers)
        return rf_fail(err, RFE_AMBIGUOUS, "manifest: the type is %s, the content is %s", type,
                       r->manifests ? "an index" : "an image");
    m->kind = kind;
    m->media_type = rf_xstrdup(type);
    return 0;
}

/* ---- content ---- */

static int read_entries(const json_t *doc, const char *key, size_t max, struct rf_manifest *m,
                        struct rf_err *err)
{
    const json_t *list = NULL;
    bool index = m->kind == RF_KIND_INDEX;
    int rc = rf_json_array(doc, key, "", index ? RF_JSON_REQUIRED : RF_JSON_OPTIONAL, SIZE_MAX,
                           &list, err);
    if (rc < 0 || list == NULL)
        return rc;
    size_t n = json_array_size(list);
    if (n > max)
        return rf_fail(err, RFE_TOO_LARGE, "%s: %zu elements, at most %zu are read", key, n, max);
    m->entries = rf_xcalloc(n + 1, sizeof(*m->entries));
    for (size_t i = 0; i < n; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "%s[%zu]", key, i);
        rc = rf_descriptor_from_json(json_array_get(list, i), path, &m->entries[i], err);
        if (rc < 0)
            return rc;
        m->n_entries++;
        /* Whether an entry is walked into hangs on its type. */
        if (index && m->entries[i].media_type == NULL)
            return rf_fail(err, RFE_INVALID, "%s.mediaType: missing", path);
    }
    return 0;
}

static int by_digest(const void *a, const void *b)
{
    const struct rf_descriptor *const *x = a, *const *y = b;
    return rf_digest_cmp(&(*x)->digest, &(*y)->digest);
}

/* One digest with two sizes: whoever believes the first plans differently from whoever believes the last. */
static int check_sizes(const struct rf_manifest *m, struct rf_err *err)
{
    RF_CLEANUP(rf_freep)
    const struct rf_descriptor **all = rf_xcalloc(m->n_entries + 2, sizeof(struct rf_descriptor *));
    size_t n = 0;
    if (m->kind == RF_KIND_IMAGE)
        all[n++] = &m->config;
    if (m->has_subject)
        all[n++] = &m->subject;
    for (size_t i = 0; i < m->n_entries; i++)
        all[n++] = &m->entries[i];
    qsort(all, n, sizeof(struct rf_descriptor *), by_digest);
    for (size_t i = 1; i < n; i++) {
        char text[RF_DIGEST_TEXT];
        if (all[i - 1]->size != all[i]->size && rf_digest_eq(&all[i - 1]->digest, &all[i]->digest))
            return rf_fail(err, RFE_AMBIGUOUS, "%s has two sizes, %llu and %llu",
                           rf_digest_text(&all[i]->digest, text),
                           (unsigned long long)all[i - 1]->size, (unsigned long long)all[i]->size);
    }
    return 0;
}

static int read_content(const json_t *doc, struct rf_manifest *m, struct rf_err *err)
{
    int rc = rf_strict_artifact_type(doc, "", &m->artifact_type, err);
    if (rc < 0)
        return rc;
    rc = rf_strict_strings(doc, "annotations", "", &m->annotations, err);
    if (rc < 0)
        return rc;
    if (present(doc, "subject")) {
        rc = rf_descriptor_from_json(json_object_get(doc, "subject"), "subject", &m->subject, err);
        if (rc < 0)
            return rc;
        m->has_subject = true;
    }
    if (m->kind == RF_KIND_INDEX) {
        rc = read_entries(doc, "manifests", RF_INDEX_ENTRIES_MAX, m, err);
        return rc < 0 ? rc : check_sizes(m, err);
    }
    if (!present(doc, "config"))
        return rf_fail(err, RFE_INVALID, "config: missing");
    rc = rf_descriptor_from_json(json_object_get(doc, "config"), "config", &m->config, err);
    if (rc < 0)
        return rc;
    rc = read_entries(doc, "layers", RF_MANIFEST_LAYERS_MAX, m, err);
    return rc < 0 ? rc : check_sizes(m, err);
}

static int read_document(const json_t *doc, const struct rf_manifest_expect *expect,
                         struct rf_manifest *m, struct rf_err *err)
{
    RF_CLEANUP(release_reading) struct reading r = { .expect = expect, .doc = doc };
    int rc = rf_strict_keys(doc, "manifest", top_keys, RF_ARRAY_LEN(top_keys), err);
    if (rc < 0)
        return rc;
    rc = rf_strict_media_type(doc, "mediaType", "", &r.body_type, err);
    if (rc < 0)
        return rf_wrap(err, rc, "manifest");
    rf_media_base(expect->content_type, r.header);
    if (says_nothing(r.header))
        r.header[0] = '\0';
    r.manifests = present(doc, "manifests");
    r.config = present(doc, "config");
    r.layers = present(doc, "layers");
    r.fs_layers = present(doc, "fsLayers");
    rc = classify(&r, m, err);
    if (rc < 0)
        return rc;
    rc = read_content(doc, m, err);
    return rc < 0 ? rf_wrap(err, rc, "manifest") : 0;
}

static int parse(struct rf_slice bytes, const struct rf_manifest_expect *expect, uint8_t algo,
                 struct rf_manifest **out, struct rf_err *err)
{
    struct rf_digest digest;
    int rc = check_bytes(bytes, expect, algo, &digest, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    rc = load(bytes, &doc, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = rf_xcalloc(1, sizeof(*m));
    m->digest = digest;
    rf_buf_init(&m->body, RF_MANIFEST_MAX);
    rf_buf_add(&m->body, bytes.ptr, bytes.len);
    rc = read_document(doc, expect, m, err);
    if (rc < 0)
        return rc;
    *out = RF_STEAL(m);
    return 0;
}

int rf_manifest_parse(struct rf_slice bytes, const struct rf_manifest_expect *expect,
                      struct rf_manifest **out, struct rf_err *err)
{
    static const struct rf_manifest_expect nothing = { 0 };
    if (expect == NULL)
        expect = &nothing;
    bool given = expect->digest != NULL && rf_digest_is_set(expect->digest);
    return parse(bytes, expect, given ? expect->digest->algo : RF_DIGEST_SHA256, out, err);
}

void rf_manifest_free(struct rf_manifest *m)
{
    if (m == NULL)
        return;
    free(m->media_type);
    rf_buf_release(&m->body);
    free(m->artifact_type);
    json_decref(m->annotations);
    rf_descriptor_release(&m->subject);
    rf_descriptor_release(&m->config);
    for (size_t i = 0; i < m->n_entries; i++)
        rf_descriptor_release(&m->entries[i]);
    free(m->entries);
    free(m);
}

void rf_manifest_freep(struct rf_manifest **m)
{
    rf_manifest_free(*m);
    *m = NULL;
}

void rf_manifest_descriptor(const struct rf_manifest *m, struct rf_descriptor *out)
{
    *out = (struct rf_descriptor){
        .media_type = rf_xstrdup(m->media_type),
        .digest = m->digest,
        .size = m->body.len,
        .artifact_type = rf_xstrdup(rf_manifest_artifact_type(m)),
    };
}

const char *rf_manifest_artifact_type(const struct rf_manifest *m)
{
    if (m->artifact_type != NULL)
        return m->artifact_type;
    return m->kind == RF_KIND_IMAGE ? m->config.media_type : NULL;
}

/* ---- a part of an index ---- */

int rf_manifest_prune(const struct rf_manifest *index, const size_t *chosen, size_t n,
                      struct rf_manifest **out, struct rf_err *err)
{
    if (index->kind != RF_KIND_INDEX)
        RF_BUG("rf_manifest_prune: not an index");
    RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
    int rc = load(rf_buf_slice(&index->body), &doc, err);
    if (rc < 0)
        return rc;
    const json_t *all = json_object_get(doc, "manifests");
    json_t *kept = json_array();
    for (size_t i = 0; i < n; i++) {
        if (chosen[i] >= index->n_entries || (i > 0 && chosen[i] <= chosen[i - 1]))
            RF_BUG("rf_manifest_prune: indices must rise and be inside");
        json_array_append(kept, json_array_get(all, chosen[i]));
    }
    json_object_set_new(doc, "manifests", kept);
    if (!json_is_object(json_object_get(doc, "annotations")))
        json_object_set_new(doc, "annotations", json_object());
    char from[RF_DIGEST_TEXT];
    json_object_set_new(json_object_get(doc, "annotations"), RF_ANNOTATION_PRUNED_FROM,
                        json_string(rf_digest_text(&index->digest, from)));
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    rf_buf_init(&body, RF_MANIFEST_MAX);
    rf_json_add_value(&body, doc, false);
    if (body.rc < 0)
        return rf_fail(err, -body.rc, "manifest: the pruned index is over %u bytes",
                       RF_MANIFEST_MAX);
    const struct rf_manifest_expect expect = { .media_type = index->media_type };
    return parse(rf_buf_slice(&body), &expect, index->digest.algo, out, err);
}

static const char *attested(const struct rf_descriptor *d)
{
    return rf_descriptor_annotation(d, "vnd.docker.reference.digest");
}

/* As rf_platform_match, but a wanted platform without an OS version takes any. */
static bool wanted(const struct rf_platform *want, const struct rf_descriptor *entry)
{
    if (entry->platform == NULL || attested(entry) != NULL)
        return false;
    struct rf_platform have = *entry->platform;
    char none[1] = "";
    if (want->os_version == NULL || want->os_version[0] == '\0')
        have.os_version = none;
    return rf_platform_match(want, &have);
}

static int no_platform(const struct rf_manifest *index, const struct rf_platform *want,
                       struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf list;
    RF_CLEANUP(rf_freep) char *name = rf_platform_text(want);
    rf_buf_init(&list, 512);
    for (size_t i = 0; i < index->n_entries; i++) {
        if (index->entries[i].platform == NULL || attested(&index->entries[i]) != NULL)
            continue;
        RF_CLEANUP(rf_freep) char *text = rf_platform_text(index->entries[i].platform);
        rf_buf_addf(&list, "%s%s", list.len > 0 ? ", " : "", text);
    }
    return rf_fail(err, RFE_NOT_FOUND, "platform not found: %s (there is: %s%s)", name,
                   list.len > 0 ? list.ptr : "none", list.rc < 0 ? ", ..." : "");
}

static int digest_order(const void *a, const void *b)
{
    return rf_digest_cmp(a, b);
}

/* Marks the attestations of chosen entries. */
static void add_attestations(const struct rf_manifest *index, bool *taken)
{
    RF_CLEANUP(rf_freep)
    struct rf_digest *chosen = rf_xcalloc(index->n_entries + 1, sizeof(*chosen));
    size_t n = 0;
    for (size_t i = 0; i < index->n_entries; i++) {
        if (taken[i])
            chosen[n++] = index->entries[i].digest;
    }
    qsort(chosen, n, sizeof(*chosen), digest_order);
    for (size_t i = 0; i < index->n_entries; i++) {
        const char *of = attested(&index->entries[i]);
        struct rf_digest digest;
        if (of != NULL && rf_digest_parse(rf_slice_str(of), &digest, NULL) == 0)
            taken[i] = bsearch(&digest, chosen, n, sizeof(*chosen), digest_order) != NULL;
    }
}

int rf_manifest_select(const struct rf_manifest *index, const struct rf_platform *platforms,
                       size_t n, size_t *chosen, struct rf_err *err)
{
    if (index->kind != RF_KIND_INDEX)
        RF_BUG("rf_manifest_select: not an index");
    RF_CLEANUP(rf_freep) bool *taken = rf_xcalloc(index->n_entries + 1, sizeof(*taken));
    for (size_t p = 0; p < n; p++) {
        bool found = false;
        for (size_t i = 0; i < index->n_entries; i++) {
            if (wanted(&platforms[p], &index->entries[i]))
                taken[i] = found = true;
        }
        if (!found)
            return no_platform(index, &platforms[p], err);
    }
    add_attestations(index, taken);
    int count = 0;
    for (size_t i = 0; i < index->n_entries; i++) {
        if (n == 0 || taken[i])
            chosen[count++] = i;
    }
    return count;
}

int rf_manifest_pick(const struct rf_manifest *index, const struct rf_platform *host,
                     size_t *chosen, struct rf_err *err)
{
    if (index->kind != RF_KIND_INDEX)
        RF_BUG("rf_manifest_pick: not an index");
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < index->n_entries; i++) {
        const struct rf_descriptor *d = &index->entries[i];
        if (d->platform == NULL || attested(d) != NULL ||
            !rf_platform_compatible(host, d->platform))
            continue;
        if (best == SIZE_MAX ||
            rf_platform_better(host, d->platform, index->entries[best].platform))
            best = i;
    }
    if (best == SIZE_MAX)
        return no_platform(index, host, err);
    *chosen = best;
    return 0;
}

/* ---- an index of our own ---- */

void rf_index_builder_init(struct rf_index_builder *b)
{
    rf_buf_init(&b->entries, 0);
    b->n = 0;
}

void rf_index_builder_add(struct rf_index_builder *b, const struct rf_descriptor *d)
{
    if (b->n++ > 0)
        rf_buf_add_char(&b->entries, ',');
    rf_descriptor_add_json(&b->entries, d);
}

void rf_index_builder_finish(struct rf_index_builder *b, struct rf_buf *out)
{
    rf_buf_add_str(out,
                   "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX "\",\"manifests\":[");
    rf_buf_add(out, b->entries.ptr, b->entries.len);
    rf_buf_add_str(out, "]}");
    if (b->entries.rc < 0 && out->rc == 0)
        out->rc = b->entries.rc;
    rf_buf_release(&b->entries);
    b->n = 0;
}
