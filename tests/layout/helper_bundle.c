/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/layout/helper_bundle.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "manifests/media_type.h"
#include "tests/layout/helper_layout.h"
#include "tests/support/data_files.h"

void made_init(struct made *m)
{
    memset(m, 0, sizeof(*m));
    rf_bundle_init(&m->b);
    memcpy(m->b.site, "plant-7", 8);
    memcpy(m->b.chain, "db441b040eab9bdc7eecc0d009466316", RF_CHAIN_HEX + 1);
    m->b.sequence = 1;
    m->b.tool = rf_xstrdup("regexport 0.1.0");
}

void made_release(struct made *m)
{
    rf_bundle_release(&m->b);
    for (size_t i = 0; i < m->n_contents; i++)
        free(m->contents[i].bytes);
    free(m->contents);
}

struct rf_digest made_content(struct made *m, uint8_t algo, const char *text)
{
    struct made_content c = { .bytes = rf_xstrdup(text), .len = strlen(text) };
    rf_digest_of(algo, rf_slice_str(text), &c.digest);
    m->contents = rf_grow(m->contents, m->n_contents, &m->cap_contents, sizeof(*m->contents));
    m->contents[m->n_contents++] = c;
    return c.digest;
}

static const struct made_content *find_content(const struct made *m, const struct rf_digest *d)
{
    for (size_t i = 0; i < m->n_contents; i++)
        if (rf_digest_eq(&m->contents[i].digest, d))
            return &m->contents[i];
    return NULL;
}

static uint32_t string(struct made *m, const char *text)
{
    return rf_strings_add(&m->b.desired.strings, rf_slice_str(text));
}

struct rf_image *made_image(struct made *m, const char *repository, const char *tag,
                            const struct rf_digest *digest, const char *media_type,
                            enum rf_image_status status, const char *source)
{
    const struct made_content *c = find_content(m, digest);
    struct rf_image im = { .digest = *digest,
                           .size = c != NULL ? c->len : 1,
                           .repository = string(m, repository),
                           .tag = string(m, tag),
                           .media_type = string(m, media_type),
                           .source = string(m, source),
                           .original = RF_NO_ID,
                           .status = (uint8_t)status };
    size_t at = rf_desired_add(&m->b.desired, &m->b.desired, &im);
    return &m->b.desired.images[at];
}

uint32_t made_repository(struct made *m, const char *name)
{
    uint32_t id = string(m, name);
    for (uint32_t i = 0; i < m->b.n_repositories; i++)
        if (m->b.repositories[i] == id)
            return i;
    m->b.repositories =
        rf_grow(m->b.repositories, m->b.n_repositories, &m->b.cap_repositories, sizeof(uint32_t));
    m->b.repositories[m->b.n_repositories++] = id;
    return (uint32_t)m->b.n_repositories - 1;
}

static void add_list(struct made *m, const char *names, uint32_t *first, uint32_t *n)
{
    *first = (uint32_t)m->b.n_lists;
    *n = 0;
    while (*names != '\0') {
        size_t len = strcspn(names, " ");
        char *name = rf_xstrndup(names, len);
        uint32_t number = made_repository(m, name);
        free(name);
        m->b.lists = rf_grow(m->b.lists, m->b.n_lists, &m->b.cap_lists, sizeof(uint32_t));
        m->b.lists[m->b.n_lists++] = number;
        (*n)++;
        names += len + strspn(names + len, " ");
    }
}

struct rf_bundle_blob *made_blob(struct made *m, enum rf_blob_kind kind,
                                 const struct rf_digest *digest, const char *media_type,
                                 const char *repositories, const char *from)
{
    const struct made_content *c = find_content(m, digest);
    struct rf_bundle_blob blob = { .digest = *digest,
                                   .size = c != NULL ? c->len : 1,
                                   .media_type = string(m, media_type),
                                   .kind = (uint8_t)kind,
                                   .travel = from != NULL ? RF_TRAVEL_ASSUMED : RF_TRAVEL_CARRIED };
    add_list(m, repositories, &blob.first_repo, &blob.n_repos);
    if (from != NULL)
        add_list(m, from, &blob.first_from, &blob.n_from);
    m->b.blobs = rf_grow(m->b.blobs, m->b.n_blobs, &m->b.cap_blobs, sizeof(*m->b.blobs));
    m->b.blobs[m->b.n_blobs] = blob;
    return &m->b.blobs[m->b.n_blobs++];
}

void made_hole(struct made *m, const char *repository, const char *tag, const char *source,
               const char *reason)
{
    struct rf_hole h = { .source = string(m, source),
                         .repository = string(m, repository),
                         .tag = string(m, tag),
                         .reason = string(m, reason) };
    m->b.holes = rf_grow(m->b.holes, m->b.n_holes, &m->b.cap_holes, sizeof(*m->b.holes));
    m->b.holes[m->b.n_holes++] = h;
}

void made_seal(struct made *m)
{
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_bundle_seal(&m->b, &err);
    expect_ok(rc, err);
}

/* ---- the golden ones ---- */

#define LAYER_ONE "layer one\n"
#define LAYER_TWO "layer two\n"
#define CONFIG_A "{\"architecture\":\"amd64\",\"os\":\"linux\"}"
#define CONFIG_B "{\"architecture\":\"arm64\",\"os\":\"linux\"}"
#define SOURCE "registry.example/"

static char *descriptor(const struct made *m, const struct rf_digest *d, const char *media_type)
{
    char text[RF_DIGEST_TEXT];
    const struct made_content *c = find_content(m, d);
    RF_CHECK(c != NULL);
    return rf_xasprintf("{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}", media_type,
                        rf_digest_text(d, text), c->len);
}

/* An image of a config and one or two layers. */
static struct rf_digest image(struct made *m, const struct rf_digest *config,
                              const struct rf_digest *one, const struct rf_digest *two,
                              const char *extra)
{
    char *c = descriptor(m, config, RF_MT_OCI_CONFIG);
    char *first = descriptor(m, one, RF_MT_OCI_LAYER);
    char *second = two != NULL ? descriptor(m, two, RF_MT_OCI_LAYER) : rf_xstrdup("");
    char *text = rf_xasprintf("{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_MANIFEST
                              "\",\"config\":%s,\"layers\":[%s%s%s]%s}",
                              c, first, two != NULL ? "," : "", second, extra);
    struct rf_digest d = made_content(m, RF_DIGEST_SHA256, text);
    free(c);
    free(first);
    free(second);
    free(text);
    return d;
}

static struct rf_digest image_a(struct made *m)
{
    struct rf_digest config = made_content(m, RF_DIGEST_SHA256, CONFIG_A);
    struct rf_digest one = made_content(m, RF_DIGEST_SHA256, LAYER_ONE);
    return image(m, &config, &one, NULL, "");
}

void made_full(struct made *m)
{
    made_init(m);
    struct rf_digest a = image_a(m), config = digest_of(CONFIG_A), one = digest_of(LAYER_ONE);
    static const char *const lines[][2] = {
        { "team/app", "old" }, { "lab/held", "1" }, { "team/app", "edge" }, { "team/app", "1.0" }
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(lines); i++) {
        char *source = rf_xasprintf(SOURCE "%s:%s", lines[i][0], lines[i][1]);
        made_image(m, lines[i][0], lines[i][1], &a, RF_MT_OCI_MANIFEST, RF_IMAGE_NEW, source);
        free(source);
    }
    made_blob(m, RF_BLOB_LAYER, &one, RF_MT_OCI_LAYER, "team/app lab/held", NULL);
    made_blob(m, RF_BLOB_MANIFEST, &a, RF_MT_OCI_MANIFEST, "lab/held team/app", NULL);
    made_blob(m, RF_BLOB_CONFIG, &config, RF_MT_OCI_CONFIG, "team/app lab/held", NULL);
}

struct next_parts {
    struct rf_digest a, b, one, two, config, multi, pruned, note, original;
};

static void next_contents(struct made *m, struct next_parts *p)
{
    char text[RF_DIGEST_TEXT];
    p->a = image_a(m);
    p->one = digest_of(LAYER_ONE);
    p->two = made_content(m, RF_DIGEST_SHA512, LAYER_TWO);
    p->config = made_content(m, RF_DIGEST_SHA256, CONFIG_B);
    p->b = image(m, &p->config, &p->one, &p->two, "");
    p->original = digest_of("the index before it was pruned");
    struct rf_digest absent = digest_of("not chosen");
    char *child = descriptor(m, &p->b, RF_MT_OCI_MANIFEST);
    char *index = rf_xasprintf("{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX
                               "\",\"manifests\":[%s,{\"mediaType\":\"" RF_MT_OCI_MANIFEST
                               "\",\"digest\":\"%s\",\"size\":10}]}",
                               child, rf_digest_text(&absent, text));
    p->multi = made_content(m, RF_DIGEST_SHA256, index);
    free(index);
    index =
        rf_xasprintf("{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX
                     "\",\"manifests\":[%s],\"annotations\":{\"io.regferry.pruned-from\":\"%s\"}}",
                     child, rf_digest_text(&p->original, text));
    p->pruned = made_content(m, RF_DIGEST_SHA256, index);
    free(index);
    free(child);
    char *subject = descriptor(m, &p->multi, RF_MT_OCI_INDEX);
    char *extra = rf_xasprintf(",\"subject\":%s", subject);
    p->note = image(m, &p->config, &p->two, NULL, extra);
    free(extra);
    free(subject);
}

static void next_images(struct made *m, const struct next_parts *p)
{
    char text[RF_DIGEST_TEXT];
    made_image(m, "team/app", "old", &p->a, RF_MT_OCI_MANIFEST, RF_IMAGE_REMOVED,
               SOURCE "team/app:old");
    struct rf_image *im = made_image(m, "mirror/multi", "1", &p->multi, RF_MT_OCI_INDEX,
                                     RF_IMAGE_NEW, SOURCE "multi:1");
    im->first_child = rf_desired_add_digests(&m->b.desired, &p->b, 1);
    im->n_children = 1;
    made_image(m, "team/app", "1.0", &p->a, RF_MT_OCI_MANIFEST, RF_IMAGE_UNCHANGED,
               SOURCE "team/app:1.0");
    char *source = rf_xasprintf(SOURCE "multi@%s", rf_digest_text(&p->note, text));
    made_image(m, "mirror/multi", "", &p->note, RF_MT_OCI_MANIFEST, RF_IMAGE_NEW, source);
    free(source);
    im = made_image(m, "mirror/pruned", "1", &p->pruned, RF_MT_OCI_INDEX, RF_IMAGE_NEW,
                    SOURCE "multi:1");
    im->original = rf_desired_add_digests(&m->b.desired, &p->original, 1);
    made_image(m, "team/app", "edge", &p->b, RF_MT_OCI_MANIFEST, RF_IMAGE_CHANGED,
               SOURCE "team/app:edge");
    made_image(m, "lab/held", "1", &p->a, RF_MT_OCI_MANIFEST, RF_IMAGE_HELD, SOURCE "lab/held:1");
}

void made_next(struct made *m)
{
    static const char all[] = "team/app mirror/pruned mirror/multi";
    struct next_parts p;
    struct made full;
    made_full(&full);
    made_seal(&full);
    made_init(m);
    m->b.sequence = 2;
    m->b.parent = full.b.id;
    m->b.bases[m->b.n_bases++] = full.b.snapshot;
    made_release(&full);
    next_contents(m, &p);
    next_images(m, &p);
    made_blob(m, RF_BLOB_LAYER, &p.two, RF_MT_OCI_LAYER, all, NULL);
    made_blob(m, RF_BLOB_MANIFEST, &p.multi, RF_MT_OCI_INDEX, "mirror/multi", NULL);
    made_blob(m, RF_BLOB_LAYER, &p.one, RF_MT_OCI_LAYER, all, "team/app lab/held");
    made_blob(m, RF_BLOB_MANIFEST, &p.note, RF_MT_OCI_MANIFEST, "mirror/multi", NULL);
    made_blob(m, RF_BLOB_CONFIG, &p.config, RF_MT_OCI_CONFIG, all, NULL);
    made_blob(m, RF_BLOB_MANIFEST, &p.b, RF_MT_OCI_MANIFEST, all, NULL);
    made_blob(m, RF_BLOB_MANIFEST, &p.pruned, RF_MT_OCI_INDEX, "mirror/pruned", NULL);
    made_hole(m, "lab/held", "1", SOURCE "lab/held:1", "the registry answers 503");
    made_hole(m, "lab/gone", "", SOURCE "lab/gone", "no such \"repository\" \u00fc");
}

/* ---- files and documents ---- */

void made_tar(const struct made *m, struct rf_buf *out)
{
    static const char zero[1024];
    struct rf_err err = RF_ERR_INIT;
    struct rf_sink *sink = rf_sink_buf(out);
    int rc = rf_bundle_emit_head(&m->b, sink, &err);
    expect_ok(rc, err);
    rf_sink_free(sink);
    for (size_t i = 0; i < m->b.n_blobs; i++) {
        const struct rf_bundle_blob *blob = &m->b.blobs[i];
        if (blob->travel != RF_TRAVEL_CARRIED)
            continue;
        const struct made_content *c = find_content(m, &blob->digest);
        ck_assert_ptr_nonnull(c);
        rc = rf_bundle_blob_header(blob, out, &err);
        expect_ok(rc, err);
        rf_buf_add(out, c->bytes, c->len);
        rf_buf_add(out, zero, (512 - c->len % 512) % 512);
    }
    rf_buf_add(out, zero, sizeof(zero));
    ck_assert_int_eq(out->rc, 0);
}

void made_write(const struct made *m, const char *path)
{
    struct rf_buf tar;
    rf_buf_init(&tar, 0);
    made_tar(m, &tar);
    write_file(path, rf_buf_slice(&tar));
    rf_buf_release(&tar);
}

char *bundle_json_of(const struct rf_bundle *b)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_buf text;
    rf_buf_init(&text, 128u << 20);
    struct rf_sink *sink = rf_sink_buf(&text);
    int rc = rf_bundle_write(b, sink, &err);
    expect_ok(rc, err);
    rf_sink_free(sink);
    return rf_buf_take(&text, NULL);
}

int bundle_read_text(struct rf_slice text, struct rf_bundle *out, struct rf_err *err)
{
    struct rf_bundle own, *b = out != NULL ? out : &own;
    rf_bundle_init(b);
    struct rf_source *src = rf_source_mem(text);
    int rc = rf_bundle_read(src, text.len, b, err);
    rf_source_free(src);
    if (out == NULL || rc < 0)
        rf_bundle_release(b);
    return rc;
}

char *golden(const char *name, size_t *len)
{
    char *relative = rf_xasprintf("bundle/%s", name);
    char *path = test_data_path(relative);
    char *bytes = test_read_file(path, len);
    ck_assert_msg(bytes != NULL, "%s", path);
    free(relative);
    free(path);
    return bytes;
}

char *golden_json(const char *name, size_t *len)
{
    char *file = rf_xasprintf("%s.json", name);
    char *text = golden(file, len);
    free(file);
    return text;
}

void expect_text(const char *got, const char *want, const char *what)
{
    size_t i = 0;
    while (got[i] != '\0' && got[i] == want[i])
        i++;
    size_t from = i > 60 ? i - 60 : 0;
    ck_assert_msg(got[i] == want[i], "%s: byte %zu:\n%.120s\nwanted\n%.120s", what, i, got + from,
                  want + from);
}

void expect_same_document(const struct rf_bundle *a, const struct rf_bundle *b)
{
    char x[RF_DIGEST_TEXT], y[RF_DIGEST_TEXT];
    ck_assert_str_eq(rf_digest_text(&a->id, x), rf_digest_text(&b->id, y));
    ck_assert_str_eq(rf_digest_text(&a->snapshot, x), rf_digest_text(&b->snapshot, y));
    ck_assert_str_eq(rf_digest_text(&a->index_digest, x), rf_digest_text(&b->index_digest, y));
    ck_assert_uint_eq(a->index_size, b->index_size);
    ck_assert_uint_eq(a->json_size, b->json_size);
    ck_assert_str_eq(a->site, b->site);
    ck_assert_str_eq(a->chain, b->chain);
    ck_assert_str_eq(a->tool, b->tool);
    ck_assert_uint_eq(a->sequence, b->sequence);
    ck_assert_uint_eq(a->n_bases, b->n_bases);
    ck_assert_uint_eq(a->n_repositories, b->n_repositories);
    ck_assert_uint_eq(a->desired.n, b->desired.n);
    ck_assert_uint_eq(a->n_blobs, b->n_blobs);
    ck_assert_uint_eq(a->n_holes, b->n_holes);
}
