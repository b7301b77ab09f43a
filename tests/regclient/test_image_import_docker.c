/* SPDX-License-Identifier: Apache-2.0 */
/* Import of what docker save writes: layer folders with links, configs named by their digest, LayerSources. */
#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "regclient/gzip.h"
#include "tests/regclient/helper_home.h"
#include "tests/regclient/helper_tar.h"

Suite *rf_image_import_docker_suite(void);

#define P RF_CLEANUP(rf_place_freep) struct rf_place *
#define M RF_CLEANUP(rf_manifest_freep) __attribute__((unused)) struct rf_manifest *
#define S RF_CLEANUP(rf_freep) char *
#define BUF(name)                                  \
    RF_CLEANUP(rf_buf_release) struct rf_buf name; \
    rf_buf_init(&name, 0)

#define LAYERS_MAX 4

/* What the tar is made of. Contents are texts: nobody looks into a layer. */
struct saved {
    const char *layers[LAYERS_MAX]; /* uncompressed contents */
    const char *names[LAYERS_MAX];  /* in manifest.json; NULL: "l<i>/layer.tar" */
    const char *tags;               /* JSON, or NULL */
    const char *more;               /* more members of the element, or NULL */
    const char *config_name;        /* NULL: <hex>.json */
    const char *config;             /* NULL: with the right diff_ids */
};

static char *config_of(const struct saved *d)
{
    struct rf_buf b;
    char text[RF_DIGEST_TEXT];
    rf_buf_init(&b, 0);
    rf_buf_add_str(
        &b,
        "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[");
    for (size_t i = 0; i < LAYERS_MAX && d->layers[i] != NULL; i++) {
        struct rf_digest digest = tars_digest(d->layers[i]);
        rf_buf_addf(&b, "%s\"%s\"", i > 0 ? "," : "", rf_digest_text(&digest, text));
    }
    rf_buf_add_str(&b, "]}}");
    return rf_buf_take(&b, NULL);
}

static char *config_name(const struct saved *d, const char *config)
{
    char hex[RF_DIGEST_TEXT];
    struct rf_digest digest = tars_digest(config);
    return d->config_name != NULL ? rf_xstrdup(d->config_name)
                                  : rf_xasprintf("%s.json", rf_digest_hex(&digest, hex));
}

static char *layer_name(const struct saved *d, size_t i)
{
    return d->names[i] != NULL ? rf_xstrdup(d->names[i]) : rf_xasprintf("l%zu/layer.tar", i);
}

static void add_element(struct rf_buf *out, const struct saved *d)
{
    S config = d->config != NULL ? rf_xstrdup(d->config) : config_of(d);
    S name = config_name(d, config);
    rf_buf_addf(out, "{\"Config\":\"%s\",\"RepoTags\":%s,\"Layers\":[", name,
                d->tags != NULL ? d->tags : "null");
    for (size_t i = 0; i < LAYERS_MAX && d->layers[i] != NULL; i++) {
        S layer = layer_name(d, i);
        rf_buf_addf(out, "%s\"%s\"", i > 0 ? "," : "", layer);
    }
    rf_buf_addf(out, "]%s}", d->more != NULL ? d->more : "");
}

static void add_config(struct rf_buf *tar, const struct saved *d)
{
    S config = d->config != NULL ? rf_xstrdup(d->config) : config_of(d);
    S name = config_name(d, config);
    tars_file(tar, name, config);
}

/* The whole tar, as old engines order it: layers, config, manifest.json. */
static void add_saved(struct rf_buf *tar, const struct saved *d)
{
    BUF(manifest);
    for (size_t i = 0; i < LAYERS_MAX && d->layers[i] != NULL; i++) {
        S name = layer_name(d, i);
        tars_file(tar, name, d->layers[i]);
    }
    add_config(tar, d);
    rf_buf_add_char(&manifest, '[');
    add_element(&manifest, d);
    rf_buf_add_char(&manifest, ']');
    tars_file(tar, "manifest.json", manifest.ptr);
    tars_end(tar);
}

static struct rf_manifest *get(struct rf_place *p, const struct rf_digest *d)
{
    struct rf_manifest *m = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_place_get_manifest(p, "", NULL, d, NULL, &m, &err) == 0, "%s", err.msg);
    return m;
}

/* The blob behind gzip, uncompressed. */
static void gunzipped(struct rf_place *p, const struct rf_descriptor *d, struct rf_buf *out)
{
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(out, 0);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_gunzip_sink(rf_sink_buf(out), true);
    ck_assert_msg(rf_place_get_blob(p, "", &d->digest, d->size, 0, NULL, sink, &err) == 0, "%s",
                  err.msg);
    ck_assert_msg(rf_sink_commit(sink, &err) == 0, "%s", err.msg);
}

/* ---- the usual forms ---- */

START_TEST(plain_layers_are_compressed)
{
    static const struct saved d = { .layers = { "layer one", "layer two" },
                                    .tags = "[\"x.example/y:1\"]" };
    P dst = tars_layout("dst");
    BUF(tar);
    add_saved(&tar, &d);
    tars_save(&tar, tars_packings[_i]);
    struct tars_import i = { 0 }, again = { 0 };
    tars_must_import("t.tar", dst, &i);
    ck_assert(i.result.docker_form);
    struct rf_digest tagged = tars_tag(dst, "v");
    ck_assert(rf_digest_eq(&tagged, &i.result.digest));
    M m = get(dst, &i.result.digest);
    ck_assert_str_eq(m->media_type, RF_MT_DOCKER_MANIFEST);
    ck_assert_str_eq(m->config.media_type, RF_MT_DOCKER_CONFIG);
    ck_assert_uint_eq(m->n_entries, 2);
    S config = config_of(&d);
    struct rf_digest want = tars_digest(config);
    ck_assert(rf_digest_eq(&m->config.digest, &want));
    for (size_t k = 0; k < 2; k++) {
        RF_CLEANUP(rf_buf_release) struct rf_buf plain;
        ck_assert_str_eq(m->entries[k].media_type, RF_MT_DOCKER_LAYER_GZIP);
        gunzipped(dst, &m->entries[k], &plain);
        ck_assert_str_eq(plain.ptr, d.layers[k]);
    }
    ck_assert_msg(strncmp(m->body.ptr,
                          "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_DOCKER_MANIFEST
                          "\",\"config\":{\"mediaType\":\"" RF_MT_DOCKER_CONFIG "\",\"digest\":",
                          60) == 0,
                  "%s", m->body.ptr);
    /* The same file gives the same image. */
    tars_must_import("t.tar", dst, &again);
    ck_assert(rf_digest_eq(&again.result.digest, &i.result.digest));
    ck_assert_uint_eq(again.result.blobs_moved, 0);
    ck_assert_uint_eq(i.result.blobs_moved, 3);
}
END_TEST

/* Old engines store a layer that two images have once, and link to it. */
START_TEST(layers_may_be_links)
{
    static const struct saved d = { .layers = { "same", "other", "same" } };
    S config = config_of(&d);
    S name = config_name(&d, config);
    S manifest = rf_xasprintf("[{\"Config\":\"%s\",\"RepoTags\":null,\"Layers\":[\"a/layer.tar\","
                              "\"./b/layer.tar\",\"c/layer.tar\"]}]",
                              name);
    P dst = tars_layout("dst");
    BUF(tar);
    tars_link(&tar, "c/layer.tar", "../a/layer.tar");
    tars_file(&tar, "a/layer.tar", "same");
    tars_file(&tar, "a/json", "{}");
    tars_file(&tar, "b/layer.tar", "other");
    tars_file(&tar, name, config);
    tars_file(&tar, "manifest.json", manifest);
    tars_file(&tar, "repositories", "{}");
    tars_end(&tar);
    tars_save(&tar, tars_packings[_i]);
    struct tars_import i = { 0 };
    tars_must_import("t.tar", dst, &i);
    M m = get(dst, &i.result.digest);
    ck_assert_uint_eq(m->n_entries, 3);
    ck_assert(rf_digest_eq(&m->entries[0].digest, &m->entries[2].digest));
    ck_assert_uint_eq(i.result.blobs_moved, 3);
}
END_TEST

START_TEST(an_image_without_layers)
{
    static const struct saved d = { .layers = { NULL } };
    P dst = tars_layout("dst");
    BUF(tar);
    add_saved(&tar, &d);
    tars_save(&tar, NULL);
    struct tars_import i = { 0 };
    tars_must_import("t.tar", dst, &i);
    M m = get(dst, &i.result.digest);
    ck_assert_uint_eq(m->n_entries, 0);
}
END_TEST

/* Layers of several chunks, so that streams, passes and compression see more than one. */
START_TEST(large_layers)
{
    S big = rf_xcalloc(300001, 1);
    uint32_t x = 3;
    for (size_t i = 0; i < 300000; i++) {
        x = x * 1664525u + 1013904223u;
        big[i] = (char)('a' + (x >> 24) % 20);
    }
    struct saved d = { .layers = { "first", big, "last" } };
    P dst = tars_layout("dst");
    BUF(tar);
    add_saved(&tar, &d);
    tars_save(&tar, tars_packings[_i]);
    struct tars_import i = { 0 };
    tars_must_import("t.tar", dst, &i);
    M m = get(dst, &i.result.digest);
    RF_CLEANUP(rf_buf_release) struct rf_buf plain;
    gunzipped(dst, &m->entries[1], &plain);
    ck_assert_str_eq(plain.ptr, big);
    ck_assert_uint_lt(m->entries[1].size, 300000);
}
END_TEST

/* ---- which image ---- */

static void save_two(void)
{
    static const struct saved a = { .layers = { "a" },
                                    .names = { "a.tar" },
                                    .tags = "[\"alpine:3\",\"x.example/a:1\"]" };
    static const struct saved b = { .layers = { "b" },
                                    .names = { "b.tar" },
                                    .tags = "[\"x.example/b:1\"]" };
    BUF(tar);
    BUF(manifest);
    rf_buf_add_char(&manifest, '[');
    add_element(&manifest, &a);
    rf_buf_add_char(&manifest, ',');
    add_element(&manifest, &b);
    rf_buf_add_char(&manifest, ']');
    tars_file(&tar, "a.tar", "a");
    tars_file(&tar, "b.tar", "b");
    add_config(&tar, &a);
    add_config(&tar, &b);
    tars_file(&tar, "manifest.json", manifest.ptr);
    tars_end(&tar);
    tars_save(&tar, NULL);
}

static const struct {
    const char *name, *layer;
} choices[] = { { NULL, "a" },
                { "x.example/b:1", "b" },
                { "alpine:3", "a" },
                { "docker.io/library/alpine:3", "a" },
                { "x.example/a:1", "a" } };

START_TEST(one_of_several_is_chosen)
{
    save_two();
    P dst = tars_layout("dst");
    struct tars_import i = { .opts.name = choices[_i].name };
    home_log_begin();
    tars_must_import("t.tar", dst, &i);
    S log = home_log_end();
    /* Taking the first one of several is said. */
    ck_assert_msg((strstr(log, "several images") != NULL) == (choices[_i].name == NULL), "%s", log);
    M m = get(dst, &i.result.digest);
    RF_CLEANUP(rf_buf_release) struct rf_buf plain;
    gunzipped(dst, &m->entries[0], &plain);
    ck_assert_str_eq(plain.ptr, choices[_i].layer);
}
END_TEST

START_TEST(a_name_that_is_not_there)
{
    save_two();
    struct tars_import i = { .opts.name = "x.example/c" };
    tars_refused("t.tar", &i, RFE_NOT_FOUND,
                 "could not find requested name in manifest.json, x.example/c; it has alpine:3");
}
END_TEST

/* ---- layers that are compressed, LayerSources ---- */

/* One layer, "layer one", stored as `bytes` under `name`, with more members of the element. */
static void save_layer(const char *name, struct rf_slice bytes, const char *more)
{
    struct saved d = { .layers = { "layer one" }, .names = { name }, .more = more };
    BUF(tar);
    BUF(manifest);
    rf_buf_add_char(&manifest, '[');
    add_element(&manifest, &d);
    rf_buf_add_char(&manifest, ']');
    if (bytes.ptr != NULL)
        tars_add(&tar, name, '0', NULL, bytes);
    add_config(&tar, &d);
    tars_file(&tar, "manifest.json", manifest.ptr);
    tars_end(&tar);
    tars_save(&tar, NULL);
}

static struct rf_slice gzip_layer(struct rf_buf *b)
{
    rf_buf_init(b, 0);
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = rf_gzip_sink(rf_sink_buf(b), true);
    ck_assert_int_eq(rf_sink_write(sink, "layer one", 9, NULL), 0);
    ck_assert_int_eq(rf_sink_commit(sink, NULL), 0);
    /* Not the bytes that we would have made: two gzip members. */
    RF_CLEANUP(rf_sink_freep) struct rf_sink *empty = rf_gzip_sink(rf_sink_buf(b), true);
    ck_assert_int_eq(rf_sink_commit(empty, NULL), 0);
    return rf_buf_slice(b);
}

static char *source_json(const struct rf_digest *key, const char *type,
                         const struct rf_digest *digest, size_t size, const char *more)
{
    char a[RF_DIGEST_TEXT], b[RF_DIGEST_TEXT];
    return rf_xasprintf(
        ",\"LayerSources\":{\"%s\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu%s}}",
        rf_digest_text(key, a), type, rf_digest_text(digest, b), size, more);
}

START_TEST(compressed_layers_stay_as_they_are)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf gz;
    struct rf_slice bytes = gzip_layer(&gz);
    save_layer("l.tar.gz", bytes, NULL);
    P dst = tars_layout("dst");
    struct tars_import i = { 0 };
    tars_must_import("t.tar", dst, &i);
    M m = get(dst, &i.result.digest);
    struct rf_digest want;
    rf_digest_of(RF_DIGEST_SHA256, bytes, &want);
    ck_assert(rf_digest_eq(&m->entries[0].digest, &want));
    ck_assert_str_eq(m->entries[0].media_type, RF_MT_DOCKER_LAYER_GZIP);
}
END_TEST

/* The descriptor comes back with its type and annotations; OCI types make an OCI manifest. */
START_TEST(sources_give_descriptors_back)
{
    static const struct {
        const char *type, *manifest, *config;
        bool plain;
    } cases[] = {
        { RF_MT_DOCKER_LAYER_GZIP, RF_MT_DOCKER_MANIFEST, RF_MT_DOCKER_CONFIG, false },
        { RF_MT_OCI_LAYER_GZIP, RF_MT_OCI_MANIFEST, RF_MT_OCI_CONFIG, false },
        { RF_MT_OCI_LAYER, RF_MT_OCI_MANIFEST, RF_MT_OCI_CONFIG, true },
    };
    RF_CLEANUP(rf_buf_release) struct rf_buf gz;
    struct rf_slice bytes = gzip_layer(&gz);
    if (cases[_i].plain)
        bytes = rf_slice_str("layer one");
    struct rf_digest d;
    rf_digest_of(RF_DIGEST_SHA256, bytes, &d);
    S more = source_json(&d, cases[_i].type, &d, bytes.len, ",\"annotations\":{\"a\":\"b\"}");
    save_layer("l", bytes, more);
    P dst = tars_layout("dst");
    struct tars_import i = { 0 };
    tars_must_import("t.tar", dst, &i);
    M m = get(dst, &i.result.digest);
    ck_assert_str_eq(m->media_type, cases[_i].manifest);
    ck_assert_str_eq(m->config.media_type, cases[_i].config);
    ck_assert(rf_digest_eq(&m->entries[0].digest, &d));
    ck_assert_str_eq(m->entries[0].media_type, cases[_i].type);
    ck_assert_str_eq(rf_descriptor_annotation(&m->entries[0], "a"), "b");
}
END_TEST

/* docker's own LayerSources: by diff_id, for layers that are not distributed. */
START_TEST(sources_of_external_layers)
{
    struct rf_digest diff = tars_digest("layer one"), remote = tars_digest("remote");
    S more = source_json(&diff, RF_MT_DOCKER_LAYER_FOREIGN, &remote, 6,
                         ",\"urls\":[\"https://x.example/l\"]");
    struct rf_err err;
    save_layer("l.tar", (struct rf_slice){ NULL, 0 }, more);
    P dst = tars_layout("dst");
    struct tars_import i = { 0 };
    ck_assert_msg(tars_import("t.tar", dst, &i, &err) == 0, "%s", err.msg);
    M m = get(dst, &i.result.digest);
    ck_assert(rf_digest_eq(&m->entries[0].digest, &remote));
    ck_assert_str_eq(m->entries[0].media_type, RF_MT_DOCKER_LAYER_FOREIGN);
    ck_assert_uint_eq(m->entries[0].n_urls, 1);
    ck_assert_uint_eq(i.result.blobs_moved, 1);
    /* With its bytes in the file it is an ordinary layer. */
    save_layer("l.tar", rf_slice_str("layer one"), more);
    P other = tars_layout("other");
    tars_must_import("t.tar", other, &i);
    M n = get(other, &i.result.digest);
    ck_assert_str_eq(n->entries[0].media_type, RF_MT_DOCKER_LAYER_GZIP);
    ck_assert_uint_eq(n->entries[0].n_urls, 0);
}
END_TEST

START_TEST(sources_that_lie_are_refused)
{
    static const struct {
        const char *type;
        size_t size;
        bool other_digest;
        int code;
        const char *text;
    } cases[] = {
        { RF_MT_DOCKER_LAYER_GZIP, 8, false, RFE_SIZE_MISMATCH, "LayerSources says 8 bytes" },
        { "text/plain", 9, false, RFE_INVALID, "no layer's" },
        { RF_MT_DOCKER_LAYER_GZIP, 9, true, RFE_INVALID, "digest of another one" },
    };
    struct rf_digest key = tars_digest("layer one"), other = tars_digest("x");
    S more = source_json(&key, cases[_i].type, cases[_i].other_digest ? &other : &key,
                         cases[_i].size, "");
    save_layer("l.tar", rf_slice_str("layer one"), more);
    struct tars_import i = { 0 };
    tars_refused("t.tar", &i, cases[_i].code, cases[_i].text);
}
END_TEST

/* An index that lists nothing, or a layout of the future, does not hide docker's form. */
START_TEST(a_layout_that_says_nothing_is_passed_over)
{
    static const struct saved d = { .layers = { "layer one" } };
    P dst = tars_layout("dst");
    BUF(tar);
    tars_file(&tar, "oci-layout",
              _i == 1 ? "{\"imageLayoutVersion\":\"2.0.0\"}"
                      : "{\"imageLayoutVersion\":\"1.0.0\"}");
    if (_i != 2)
        tars_file(&tar, "index.json", "{\"schemaVersion\":2,\"manifests\":[]}");
    add_saved(&tar, &d);
    tars_save(&tar, NULL);
    struct tars_import i = { 0 };
    tars_must_import("t.tar", dst, &i);
    ck_assert(i.result.docker_form);
}
END_TEST

/* ---- what is refused ---- */

static const char some_hex[] = "1111111111111111111111111111111111111111111111111111111111111111";

START_TEST(layers_that_are_not_what_they_should_be)
{
    struct tars_import i = { 0 };
    RF_CLEANUP(rf_buf_release) struct rf_buf gz;
    struct rf_slice bytes = gzip_layer(&gz);
    S named = rf_xasprintf("blobs/sha256/%s", some_hex);
    save_layer("l.tar", rf_slice_str("layer 1!!"), NULL);
    tars_refused("t.tar", &i, RFE_DIGEST_MISMATCH, "l.tar: the config says diff_id sha256:");
    save_layer("l.tar", (struct rf_slice){ NULL, 0 }, NULL);
    tars_refused("t.tar", &i, RFE_NOT_FOUND, "\"l.tar\" is not in it");
    save_layer("l.tar", rf_slice_of(bytes.ptr, bytes.len - 3), NULL);
    tars_refused("t.tar", &i, RFE_INVALID, "l.tar: not sound gzip");
    save_layer("l.tar", rf_slice_str("\x28\xb5\x2f\xfd and more"), NULL);
    tars_refused("t.tar", &i, RFE_UNSUPPORTED, "it knows gzip");
    save_layer(named, rf_slice_str("layer one"), NULL);
    tars_refused("t.tar", &i, RFE_DIGEST_MISMATCH, "by its name");
}
END_TEST

START_TEST(names_that_lead_elsewhere)
{
    static const char *const names[] = { "../../etc/passwd", "/etc/passwd", "a/../../b", "" };
    struct saved d = { .layers = { "layer one" }, .names = { names[_i] } };
    BUF(tar);
    BUF(manifest);
    rf_buf_add_char(&manifest, '[');
    add_element(&manifest, &d);
    rf_buf_add_char(&manifest, ']');
    add_config(&tar, &d);
    tars_file(&tar, "manifest.json", manifest.ptr);
    tars_end(&tar);
    tars_save(&tar, NULL);
    struct tars_import i = { 0 };
    tars_refused("t.tar", &i, RFE_INVALID, "name");
    /* And as the config's. */
    tar.len = 0;
    S text = rf_xasprintf("[{\"Config\":\"%s\",\"Layers\":[]}]", names[_i]);
    tars_file(&tar, "manifest.json", text);
    tars_end(&tar);
    tars_save(&tar, NULL);
    tars_refused("t.tar", &i, RFE_INVALID, "name");
}
END_TEST

START_TEST(links_without_end_and_out_of_the_file)
{
    static const struct saved d = { .layers = { "layer one" } };
    static const struct {
        const char *to;
        int code;
        const char *text;
    } cases[] = { { "layer.tar", RFE_LOOP, "leads to no end" },
                  { "../../../etc/passwd", RFE_INVALID, "leads out of the file" },
                  { "/etc/passwd", RFE_INVALID, "leads out of the file" },
                  { "../nothing", RFE_NOT_FOUND, "a link to what is not in it" } };
    BUF(tar);
    BUF(manifest);
    rf_buf_add_char(&manifest, '[');
    add_element(&manifest, &d);
    rf_buf_add_char(&manifest, ']');
    tars_link(&tar, "l0/layer.tar", cases[_i].to);
    add_config(&tar, &d);
    tars_file(&tar, "manifest.json", manifest.ptr);
    tars_end(&tar);
    tars_save(&tar, NULL);
    struct tars_import i = { 0 };
    tars_refused("t.tar", &i, cases[_i].code, cases[_i].text);
}
END_TEST

START_TEST(configs_that_are_wrong)
{
    static const struct {
        const char *name, *config;
        int code;
        const char *text;
    } cases[] = {
        { NULL, "{\"os\":\"linux\",\"architecture\":\"amd64\"}", RFE_INVALID,
          "it has 0 diff_ids, manifest.json 1 layers" },
        { NULL, "not json", RFE_INVALID, ".json: image config" },
        { "1111111111111111111111111111111111111111111111111111111111111111.json", NULL,
          RFE_DIGEST_MISMATCH, "by its name" },
        { "blobs/sha256/1111111111111111111111111111111111111111111111111111111111111111", NULL,
          RFE_DIGEST_MISMATCH, "by its name" },
    };
    struct saved d = { .layers = { "layer one" },
                       .config_name = cases[_i].name,
                       .config = cases[_i].config };
    BUF(tar);
    add_saved(&tar, &d);
    tars_save(&tar, NULL);
    struct tars_import i = { 0 };
    tars_refused("t.tar", &i, cases[_i].code, cases[_i].text);
}
END_TEST

START_TEST(a_config_may_have_any_other_name)
{
    static const struct saved d = { .layers = { "layer one" }, .config_name = "config.json" };
    P dst = tars_layout("dst");
    BUF(tar);
    add_saved(&tar, &d);
    tars_save(&tar, NULL);
    struct tars_import i = { 0 };
    tars_must_import("t.tar", dst, &i);
}
END_TEST

START_TEST(a_huge_manifest_json_is_refused)
{
    size_t n = (4u << 20) + 1;
    S big = rf_xmalloc(n);
    memset(big, ' ', n);
    BUF(tar);
    tars_add(&tar, "manifest.json", '0', NULL, rf_slice_of(big, n));
    tars_end(&tar);
    tars_save(&tar, tars_packings[_i]);
    struct tars_import i = { 0 };
    tars_refused("t.tar", &i, RFE_TOO_LARGE, "manifest.json has 4194305 bytes, at most 4194304");
}
END_TEST

START_TEST(a_broken_manifest_json_is_refused)
{
    static const char *const texts[] = { "[]", "{}", "[{\"Config\":\"\",\"Layers\":[]}]", "[[" };
    BUF(tar);
    tars_file(&tar, "manifest.json", texts[_i]);
    tars_end(&tar);
    tars_save(&tar, NULL);
    struct tars_import i = { 0 };
    tars_refused("t.tar", &i, RFE_INVALID, "t.tar");
}
END_TEST

/* A target with a digest takes nothing else. */
START_TEST(the_target_wants_another_digest)
{
    static const struct saved d = { .layers = { "layer one" } };
    BUF(tar);
    add_saved(&tar, &d);
    tars_save(&tar, NULL);
    struct rf_digest want = tars_digest("x");
    struct tars_import i = { .digest = &want };
    tars_refused("t.tar", &i, RFE_DIGEST_MISMATCH, "the target wants sha256:");
}
END_TEST

Suite *rf_image_import_docker_suite(void)
{
    Suite *s = suite_create("image_import_docker");
    TCase *forms = tcase_create("forms");
    TCase *hostile = tcase_create("hostile");
    tcase_add_checked_fixture(forms, home_setup, home_teardown);
    tcase_add_loop_test(forms, plain_layers_are_compressed, 0, TARS_PACKINGS);
    tcase_add_loop_test(forms, layers_may_be_links, 0, TARS_PACKINGS);
    tcase_add_test(forms, an_image_without_layers);
    tcase_add_loop_test(forms, large_layers, 0, TARS_PACKINGS);
    tcase_add_loop_test(forms, one_of_several_is_chosen, 0, (int)RF_ARRAY_LEN(choices));
    tcase_add_test(forms, a_name_that_is_not_there);
    tcase_add_test(forms, compressed_layers_stay_as_they_are);
    tcase_add_loop_test(forms, sources_give_descriptors_back, 0, 3);
    tcase_add_test(forms, sources_of_external_layers);
    tcase_add_loop_test(forms, a_layout_that_says_nothing_is_passed_over, 0, 3);
    tcase_add_test(forms, a_config_may_have_any_other_name);
    tcase_add_checked_fixture(hostile, home_setup, home_teardown);
    tcase_add_loop_test(hostile, sources_that_lie_are_refused, 0, 3);
    tcase_add_test(hostile, layers_that_are_not_what_they_should_be);
    tcase_add_loop_test(hostile, names_that_lead_elsewhere, 0, 4);
    tcase_add_loop_test(hostile, links_without_end_and_out_of_the_file, 0, 4);
    tcase_add_loop_test(hostile, configs_that_are_wrong, 0, 4);
    tcase_add_loop_test(hostile, a_huge_manifest_json_is_refused, 0, TARS_PACKINGS);
    tcase_add_loop_test(hostile, a_broken_manifest_json_is_refused, 0, 4);
    tcase_add_test(hostile, the_target_wants_another_digest);
    suite_add_tcase(s, forms);
    suite_add_tcase(s, hostile);
    return s;
}
