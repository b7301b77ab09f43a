/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cancel.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "base/text.h"
#include "manifests/config.h"
#include "regclient/gzip.h"
#include "regclient/image_import_private.h"

#define CHUNK ((size_t)32 << 10)
#define MAGIC_MAX 6

enum packing { PACKING_NONE, PACKING_GZIP, PACKING_OTHER };

/* A member that one or more layers are in. */
struct content {
    size_t member;
    const char *name; /* as manifest.json calls it first */
    enum packing packing;
    struct rf_digest raw; /* of the member's bytes */
    uint64_t raw_size;
    struct rf_digest diff; /* of the tar inside; not set when that cannot be told */
    struct rf_digest gzip; /* of the member behind gzip; PACKING_NONE only */
    uint64_t gzip_size;
};

struct docker {
    struct rf_importer *x;
    const struct rf_docker_image *image;
    struct rf_buf config;
    struct rf_digest config_digest;
    size_t config_member;
    struct rf_config *parsed;
    struct content *contents; /* in file order, each member once */
    size_t n_contents;
    size_t *of_layer; /* by layer: its content; n_layers = none, it is not in the file */
    struct rf_descriptor *layers;
    size_t n_described;
};

static void docker_release(struct docker *k)
{
    for (size_t i = 0; i < k->n_described; i++)
        rf_descriptor_release(&k->layers[i]);
    free(k->layers);
    free(k->contents);
    free(k->of_layer);
    rf_config_free(k->parsed);
    rf_buf_release(&k->config);
}

static int wrap_name(const struct docker *k, const char *name, int rc, struct rf_err *err)
{
    if (rc >= 0)
        return rc;
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(rf_slice_str(name), RF_IMPORT_SHOWN);
    return rf_wrap(err, rc, "%s: %s", k->x->file, shown);
}

/* ---- names that tell a digest ---- */

/* blobs/<algo>/<hex>: the digest that the content must have. Any other name tells none. */
static bool name_digest(const char *name, struct rf_digest *out)
{
    const char *plain = strncmp(name, "./", 2) == 0 ? name + 2 : name;
    if (strncmp(plain, "blobs/", 6) != 0)
        return false;
    const char *algo = plain + 6, *slash = strchr(algo, '/');
    return slash != NULL && rf_digest_parse_parts(rf_slice_of(algo, (size_t)(slash - algo)),
                                                  rf_slice_str(slash + 1), out, NULL) == 0;
}

/* Docker names a config <hex>.json. */
static bool config_name_digest(const char *name, struct rf_digest *out)
{
    const char *slash = strrchr(name, '/');
    const char *base = slash != NULL ? slash + 1 : name;
    size_t len = strlen(base);
    if (name_digest(name, out))
        return true;
    return len > 5 && strcmp(base + len - 5, ".json") == 0 &&
           rf_digest_parse_parts(rf_slice_str("sha256"), rf_slice_of(base, len - 5), out, NULL) ==
               0;
}

static int check_named(const struct rf_digest *named, const struct rf_digest *got,
                       struct rf_err *err)
{
    char a[RF_DIGEST_TEXT], b[RF_DIGEST_TEXT];
    if (named->algo != RF_DIGEST_SHA256)
        return rf_fail(err, RFE_UNSUPPORTED, "docker's form is read with SHA-256 only");
    if (rf_digest_eq(named, got))
        return 0;
    return rf_fail(err, RFE_DIGEST_MISMATCH, "%s by its name: the content has the digest %s",
                   rf_digest_text(named, a), rf_digest_text(got, b));
}

/* ---- config ---- */

static int read_config(struct docker *k, struct rf_err *err)
{
    const char *name = k->image->config;
    struct rf_digest named = { 0 };
    bool told = config_name_digest(name, &named);
    int rc = rf_image_tar_find(k->x->tar, name, &k->config_member, NULL, err);
    if (rc == 0)
        rc = rf_image_tar_read(k->x->tar, k->config_member, RF_CONFIG_MAX, &k->config, err);
    if (rc < 0)
        return rc;
    rf_digest_of(RF_DIGEST_SHA256, rf_buf_slice(&k->config), &k->config_digest);
    if (told)
        rc = check_named(&named, &k->config_digest, err);
    if (rc == 0)
        rc = rf_config_parse(rf_buf_slice(&k->config), &k->parsed, err);
    if (rc == 0 && k->parsed->n_diff_ids != k->image->n_layers)
        rc = rf_fail(err, RFE_INVALID, "it has %zu diff_ids, " RF_DOCKER_ARCHIVE_NAME " %zu layers",
                     k->parsed->n_diff_ids, k->image->n_layers);
    for (size_t i = 0; rc == 0 && i < k->parsed->n_diff_ids; i++)
        if (k->parsed->diff_ids[i].algo != RF_DIGEST_SHA256)
            rc = rf_fail(err, RFE_UNSUPPORTED, "diff_ids[%zu]: not of SHA-256", i);
    return wrap_name(k, name, rc, err);
}

/* ---- which members ---- */

/* Docker keeps here, under the diff_id, what a layer was that is not distributed. */
static const struct rf_descriptor *external_source(const struct docker *k, size_t layer)
{
    const struct rf_descriptor *d = rf_docker_image_source(k->image, &k->parsed->diff_ids[layer]);
    return d != NULL && d->n_urls > 0 && d->media_type != NULL ? d : NULL;
}

struct layer_member {
    size_t layer, member;
};

static int by_member(const void *a, const void *b)
{
    const struct layer_member *x = a, *y = b;
    if (x->member != y->member)
        return x->member < y->member ? -1 : 1;
    return x->layer < y->layer ? -1 : x->layer > y->layer;
}

static int find_layers(struct docker *k, struct rf_err *err)
{
    size_t n = k->image->n_layers, found = 0;
    RF_CLEANUP(rf_freep) struct layer_member *list = rf_xcalloc(n + 1, sizeof(*list));
    k->contents = rf_xcalloc(n + 1, sizeof(*k->contents));
    k->of_layer = rf_xcalloc(n + 1, sizeof(*k->of_layer));
    k->layers = rf_xcalloc(n + 1, sizeof(*k->layers));
    for (size_t i = 0; i < n; i++) {
        k->of_layer[i] = n;
        int rc = rf_image_tar_find(k->x->tar, k->image->layers[i], &list[found].member, NULL, err);
        if (rc == -RFE_NOT_FOUND && external_source(k, i) != NULL)
            continue;
        if (rc < 0)
            return rc;
        list[found++].layer = i;
    }
    qsort(list, found, sizeof(*list), by_member);
    for (size_t i = 0; i < found; i++) {
        if (i == 0 || list[i].member != list[i - 1].member)
            k->contents[k->n_contents++] =
                (struct content){ .member = list[i].member,
                                  .name = k->image->layers[list[i].layer] };
        k->of_layer[list[i].layer] = k->n_contents - 1;
    }
    return 0;
}

/* ---- measuring ---- */

static enum packing packing_of(const char *p, size_t n)
{
    static const struct {
        const char *magic;
        size_t len;
        enum packing packing;
    } known[] = { { "\x1f\x8b", 2, PACKING_GZIP },
                  { "\x28\xb5\x2f\xfd", 4, PACKING_OTHER },
                  { "\xfd"
                    "7zXZ\0",
                    6, PACKING_OTHER },
                  { "BZh", 3, PACKING_OTHER } };
    for (size_t i = 0; i < RF_ARRAY_LEN(known); i++)
        if (n >= known[i].len && memcmp(p, known[i].magic, known[i].len) == 0)
            return known[i].packing;
    return PACKING_NONE;
}

/* At least MAGIC_MAX bytes, unless the member ends before. */
static ssize_t read_start(struct rf_source *src, char *chunk, struct rf_err *err)
{
    size_t n = 0;
    while (n < MAGIC_MAX) {
        ssize_t got = rf_source_read(src, chunk + n, CHUNK - n, err);
        if (got < 0)
            return got;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

static struct rf_sink *measure_other_form(struct content *c)
{
    switch (c->packing) {
    case PACKING_GZIP:
        return rf_gunzip_sink(rf_sink_measure(RF_DIGEST_SHA256, &c->diff, NULL), true);
    case PACKING_NONE:
        return rf_gzip_sink(rf_sink_measure(RF_DIGEST_SHA256, &c->gzip, &c->gzip_size), true);
    case PACKING_OTHER:
        break;
    }
    return rf_sink_measure(RF_DIGEST_SHA256, NULL, NULL);
}

static int measure_content(struct docker *k, struct content *c, struct rf_err *err)
{
    struct rf_digest named = { 0 };
    bool told = name_digest(c->name, &named);
    RF_CLEANUP(rf_freep) char *chunk = rf_xmalloc(CHUNK);
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_image_tar_source(k->x->tar, c->member);
    RF_CLEANUP(rf_sink_freep)
    struct rf_sink *raw = rf_sink_measure(RF_DIGEST_SHA256, &c->raw, &c->raw_size);
    ssize_t got = read_start(src, chunk, err);
    if (got < 0)
        return (int)got;
    c->packing = packing_of(chunk, (size_t)got);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *other = measure_other_form(c);
    while (got > 0) {
        int rc = rf_sink_write(raw, chunk, (size_t)got, err);
        if (rc == 0)
            rc = rf_sink_write(other, chunk, (size_t)got, err);
        if (rc == 0)
            rc = rf_cancel_check(err);
        if (rc < 0)
            return rc;
        got = rf_source_read(src, chunk, CHUNK, err);
    }
    if (got < 0)
        return (int)got;
    int rc = rf_sink_commit(raw, err);
    if (rc == 0)
        rc = rf_sink_commit(other, err);
    if (c->packing == PACKING_NONE)
        c->diff = c->raw;
    if (rc == 0 && told)
        rc = check_named(&named, &c->raw, err);
    return rc;
}

static int measure(void *ctx, size_t i, struct rf_err *err)
{
    struct docker *k = ctx;
    struct content *c = &k->contents[i];
    return wrap_name(k, c->name, measure_content(k, c, err), err);
}

/* ---- descriptors ---- */

static bool starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool is_layer_type(const char *media_type)
{
    return media_type != NULL && (starts(media_type, "application/vnd.oci.image.layer.") ||
                                  starts(media_type, "application/vnd.docker.image.rootfs."));
}

/* What the layer was in its registry, when the member holds exactly that. */
static int known_source(const struct docker *k, const struct content *c,
                        const struct rf_descriptor **out, struct rf_err *err)
{
    const struct rf_descriptor *d = rf_docker_image_source(k->image, &c->raw);
    *out = NULL;
    if (d == NULL)
        return 0;
    if (!rf_digest_eq(&d->digest, &c->raw))
        return d->n_urls > 0 ? 0
                             : rf_fail(err, RFE_INVALID,
                                       "LayerSources describes it with the digest of another one");
    if (d->size != c->raw_size)
        return rf_fail(err, RFE_SIZE_MISMATCH, "LayerSources says %llu bytes, the member has %llu",
                       (unsigned long long)d->size, (unsigned long long)c->raw_size);
    if (!is_layer_type(d->media_type))
        return rf_fail(err, RFE_INVALID, "LayerSources gives it a type that is no layer's");
    *out = d;
    return 0;
}

static int check_diff(const struct docker *k, size_t layer, const struct content *c,
                      struct rf_err *err)
{
    const struct rf_digest *want = &k->parsed->diff_ids[layer];
    char a[RF_DIGEST_TEXT], b[RF_DIGEST_TEXT];
    if (!rf_digest_is_set(&c->diff) || rf_digest_eq(want, &c->diff))
        return 0;
    return rf_fail(err, RFE_DIGEST_MISMATCH, "the config says diff_id %s, the layer has %s",
                   rf_digest_text(want, a), rf_digest_text(&c->diff, b));
}

static int describe_content(struct docker *k, size_t layer, const struct content *c,
                            struct rf_descriptor *out, struct rf_err *err)
{
    const struct rf_descriptor *known = NULL;
    struct rf_import_blob blob = { .digest = c->raw, .size = c->raw_size, .member = c->member };
    int rc = check_diff(k, layer, c, err);
    if (rc == 0)
        rc = known_source(k, c, &known, err);
    if (rc < 0)
        return rc;
    if (known == NULL && c->packing == PACKING_OTHER)
        return rf_fail(err, RFE_UNSUPPORTED,
                       "compressed in a way that docker's form does not know; it knows gzip");
    if (known == NULL && c->packing == PACKING_NONE) {
        blob.digest = c->gzip;
        blob.size = c->gzip_size;
        blob.compress = true;
    }
    rf_import_add_blob(k->x, &blob);
    if (known != NULL)
        rf_descriptor_copy(known, out);
    else
        *out = (struct rf_descriptor){ .digest = blob.digest, .size = blob.size };
    return 0;
}

/* Layers of OCI types, as LayerSources may give them, do not belong into a Docker manifest. */
static bool is_oci(const struct docker *k)
{
    for (size_t i = 0; i < k->n_described; i++)
        if (k->layers[i].media_type != NULL &&
            starts(k->layers[i].media_type, "application/vnd.oci."))
            return true;
    return false;
}

static int describe_layers(struct docker *k, struct rf_err *err)
{
    for (size_t i = 0; i < k->image->n_layers; i++) {
        int rc = 0;
        if (k->of_layer[i] == k->image->n_layers)
            rf_descriptor_copy(external_source(k, i), &k->layers[i]);
        else
            rc = describe_content(k, i, &k->contents[k->of_layer[i]], &k->layers[i], err);
        if (rc < 0)
            return wrap_name(k, k->image->layers[i], rc, err);
        k->n_described = i + 1;
    }
    bool oci = is_oci(k);
    for (size_t i = 0; i < k->n_described; i++)
        if (k->layers[i].media_type == NULL)
            k->layers[i].media_type =
                rf_xstrdup(oci ? RF_MT_OCI_LAYER_GZIP : RF_MT_DOCKER_LAYER_GZIP);
    return 0;
}

static int make_manifest(struct docker *k, struct rf_err *err)
{
    bool oci = is_oci(k);
    struct rf_import_blob blob = { .digest = k->config_digest,
                                   .size = k->config.len,
                                   .member = k->config_member };
    RF_CLEANUP(rf_descriptor_release)
    struct rf_descriptor config = {
        .media_type = rf_xstrdup(oci ? RF_MT_OCI_CONFIG : RF_MT_DOCKER_CONFIG),
        .digest = blob.digest,
        .size = blob.size,
    };
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    rf_buf_init(&body, RF_MANIFEST_PUSH_MAX);
    rf_import_add_blob(k->x, &blob);
    rf_buf_addf(&body, "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":",
                oci ? RF_MT_OCI_MANIFEST : RF_MT_DOCKER_MANIFEST);
    rf_descriptor_add_json(&body, &config);
    rf_buf_add_str(&body, ",\"layers\":[");
    for (size_t i = 0; i < k->n_described; i++) {
        rf_buf_add_str(&body, i > 0 ? "," : "");
        rf_descriptor_add_json(&body, &k->layers[i]);
    }
    rf_buf_add_str(&body, "]}");
    if (body.rc < 0)
        return rf_fail(err, -body.rc, "%s: its manifest would have more than %zu bytes", k->x->file,
                       body.max);
    struct rf_manifest *m = NULL;
    int rc = rf_manifest_parse(rf_buf_slice(&body), NULL, &m, err);
    if (rc == 0)
        rf_import_add_manifest(k->x, m);
    return rc;
}

/* ---- which image ---- */

static int choose(const struct rf_importer *x, const struct rf_docker_archive *archive, size_t *i,
                  struct rf_err *err)
{
    *i = 0;
    if (x->opts->name != NULL) {
        int rc = rf_docker_archive_find(archive, x->opts->name, i, err);
        return rc < 0 ? rf_wrap(err, rc, "%s", x->file) : 0;
    }
    if (archive->n > 1)
        rf_log(RF_LOG_WARN, "The file holds several images, the first is imported", "file", x->file,
               "name", archive->images[0].n_tags > 0 ? archive->images[0].tags[0] : "", NULL);
    return 0;
}

int rf_import_docker(struct rf_importer *x, const struct rf_docker_archive *archive,
                     struct rf_err *err)
{
    size_t chosen = 0;
    int rc = choose(x, archive, &chosen, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(docker_release)
    struct docker k = { .x = x, .image = &archive->images[chosen] };
    rf_buf_init(&k.config, RF_CONFIG_MAX);
    rc = read_config(&k, err);
    if (rc == 0)
        rc = find_layers(&k, err);
    if (rc == 0)
        rc = rf_parallel(x->threads, k.n_contents, measure, &k, err);
    if (rc == 0)
        rc = describe_layers(&k, err);
    if (rc == 0)
        rc = make_manifest(&k, err);
    return rc;
}
