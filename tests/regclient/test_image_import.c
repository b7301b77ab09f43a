/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/image_import.h"

#include <check.h>
#include <stdlib.h>

#include "base/cancel.h"
#include "base/file.h"
#include "base/mem.h"
#include "layout/oci_dir.h"
#include "regclient/image_export.h"
#include "tests/regclient/helper_home.h"
#include "tests/regclient/helper_tar.h"

Suite *rf_image_import_suite(void);

#define P RF_CLEANUP(rf_place_freep) struct rf_place *
#define M RF_CLEANUP(rf_manifest_freep) __attribute__((unused)) struct rf_manifest *
#define S RF_CLEANUP(rf_freep) char *
#define BUF(name)                                  \
    RF_CLEANUP(rf_buf_release) struct rf_buf name; \
    rf_buf_init(&name, 0)

static const char *const one_layer[] = { "layer one", NULL };
static const char *const two_layers[] = { "layer one", "layer two", NULL };

static void export_tags(struct rf_place *p, const char *const *tags_and_names, const char *path)
{
    struct rf_export_image images[8] = { 0 };
    struct rf_ref names[8] = { 0 };
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_sink_freep) struct rf_sink *out = NULL;
    size_t n = 0;
    for (; tags_and_names[2 * n] != NULL; n++) {
        ck_assert_int_eq(rf_ref_parse(tags_and_names[2 * n + 1], &names[n], NULL), 0);
        images[n] = (struct rf_export_image){
            .place = p, .repo = "", .tag = tags_and_names[2 * n], .name = &names[n]
        };
    }
    ck_assert_int_eq(rf_file_sink(path, 0644, true, &out, NULL), 0);
    ck_assert_msg(rf_image_export(images, n, NULL, out, NULL, &err) == 0, "%s", err.msg);
    ck_assert_int_eq(rf_sink_commit(out, NULL), 0);
    for (size_t i = 0; i < n; i++)
        rf_ref_release(&names[i]);
}

static void add_descriptor(struct rf_buf *out, const char *type, const char *content)
{
    char text[RF_DIGEST_TEXT];
    struct rf_digest d = tars_digest(content);
    rf_buf_addf(out, "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}", type,
                rf_digest_text(&d, text), strlen(content));
}

static bool same_tag(struct rf_place *p, const char *tag, const struct rf_digest *want)
{
    struct rf_digest got = tars_tag(p, tag);
    return rf_digest_eq(&got, want);
}

/* ---- image layouts ---- */

START_TEST(what_was_exported_comes_back)
{
    P src = tars_layout("src");
    P dst = tars_layout("dst");
    M a = tars_put_image(src, NULL, "oci", "{}", one_layer, "");
    M b = tars_put_image(src, NULL, "docker", "{\"os\":\"linux\"}", two_layers, "");
    const struct rf_manifest *const ab[] = { a, b, NULL };
    M inner = tars_put_index(src, NULL, ab);
    const struct rf_manifest *const top[] = { inner, b, NULL };
    M outer = tars_put_index(src, "1", top);
    static const char *const tags[] = { "1", "x.example/y:1", NULL };
    struct tars_import i = { 0 }, again = { 0 };
    export_tags(src, tags, "plain.tar");
    BUF(tar);
    ck_assert_int_eq(rf_file_read("plain.tar", &tar, NULL), 0);
    tars_save(&tar, tars_packings[_i]);
    tars_must_import("t.tar", dst, &i);
    ck_assert(rf_digest_eq(&i.result.digest, &outer->digest));
    ck_assert(same_tag(dst, "v", &outer->digest));
    ck_assert(!i.result.docker_form);
    ck_assert_uint_eq(i.result.manifests_put, 4);
    ck_assert_uint_eq(i.result.blobs_moved, 4);
    ck_assert_uint_eq(i.result.bytes_moved, 2 + 14 + 9 + 9);
    tars_must_import("t.tar", dst, &again);
    ck_assert_uint_eq(again.result.blobs_moved, 0);
    ck_assert_uint_eq(again.result.blobs_there, 4);
}
END_TEST

static int count_entry(void *ctx, const struct rf_descriptor *d, struct rf_err *err)
{
    (void)d;
    (void)err;
    ++*(unsigned *)ctx;
    return 0;
}

START_TEST(children_are_no_entries_of_a_layout)
{
    P src = tars_layout("src");
    P dst = tars_layout("dst");
    M a = tars_put_image(src, NULL, "oci", "{}", one_layer, "");
    const struct rf_manifest *const children[] = { a, NULL };
    M index = tars_put_index(src, "1", children);
    static const char *const tags[] = { "1", "x.example/y:1", NULL };
    struct tars_import i = { 0 };
    unsigned n = 0;
    export_tags(src, tags, "t.tar");
    tars_must_import("t.tar", dst, &i);
    ck_assert_int_eq(rf_oci_dir_entries(dst, "", count_entry, &n, NULL), 0);
    ck_assert_uint_eq(n, 1);
}
END_TEST

static void several(struct rf_digest *a, struct rf_digest *b)
{
    P src = tars_layout("src");
    M ma = tars_put_image(src, "a", "oci", "{}", one_layer, "");
    M mb = tars_put_image(src, "b", "oci", "{}", two_layers, "");
    static const char *const tags[] = { "a", "x.example/a:1", "b", "x.example/b:1",
                                        "a", "x.example/a:2", "b", "alpine:3",
                                        NULL };
    export_tags(src, tags, "t.tar");
    *a = ma->digest;
    *b = mb->digest;
}

static const struct {
    const char *name, *tag, *image; /* image: "a", "b", or NULL: refused */
    int code;
    const char *text;
} choices[] = {
    { NULL, "2", "a", 0, NULL },
    { NULL, "3", "b", 0, NULL },
    { "3", "2", "b", 0, NULL },
    { "2", NULL, "a", 0, NULL },
    { "x.example/a:1", "2", "a", 0, NULL }, /* the ref.name of a tag that two have */
    { "x.example/b:1", "2", "b", 0, NULL },
    { "x.example/a:2", "3", "a", 0, NULL },              /* its ref.name is "2" alone */
    { "docker.io/library/alpine:3", "2", "b", 0, NULL }, /* io.containerd.image.name */
    { "alpine:3", "2", "b", 0, NULL },
    { NULL, "1", NULL, RFE_AMBIGUOUS, "several images of index.json fit 1" },
    { NULL, NULL, NULL, RFE_NOT_FOUND,
      "could not find requested tag in index.json, latest; it has x.example/a:1, x.example/b:1, 2, 3" },
    { NULL, "nope", NULL, RFE_NOT_FOUND, "could not find requested tag in index.json, nope" },
    { "nope", "2", NULL, RFE_NOT_FOUND, "could not find requested tag in index.json, nope" },
    { "x.example/a:9", "2", NULL, RFE_NOT_FOUND, "index.json, x.example/a:9" },
};

START_TEST(one_of_several_is_chosen)
{
    struct rf_digest a, b;
    several(&a, &b);
    struct tars_import i = { .tag = choices[_i].tag, .no_tag = choices[_i].tag == NULL };
    i.opts.name = choices[_i].name;
    if (choices[_i].image == NULL) {
        tars_refused("t.tar", &i, choices[_i].code, choices[_i].text);
        return;
    }
    P dst = tars_layout("dst");
    tars_must_import("t.tar", dst, &i);
    ck_assert(rf_digest_eq(&i.result.digest, choices[_i].image[0] == 'a' ? &a : &b));
}
END_TEST

START_TEST(a_digest_decides_over_names)
{
    struct rf_digest a, b, none = tars_digest("none");
    several(&a, &b);
    P dst = tars_layout("dst");
    struct tars_import i = { .tag = "2", .digest = &b };
    tars_must_import("t.tar", dst, &i);
    ck_assert(same_tag(dst, "2", &b));
    struct tars_import absent = { .digest = &none };
    tars_refused("t.tar", &absent, RFE_NOT_FOUND, "is not in it");
}
END_TEST

/* The only one is taken whatever its name, but not against a digest. */
START_TEST(the_only_image_needs_no_name)
{
    P src = tars_layout("src");
    M m = tars_put_image(src, "a", "oci", "{}", one_layer, "");
    static const char *const tags[] = { "a", "x.example/a:1", NULL };
    export_tags(src, tags, "t.tar");
    P dst = tars_layout("dst");
    struct tars_import i = { .tag = "other", .opts.name = "whatever" };
    tars_must_import("t.tar", dst, &i);
    ck_assert(same_tag(dst, "other", &m->digest));
    struct rf_digest d = tars_digest("{}");
    struct tars_import wrong = { .digest = &d };
    tars_refused("t.tar", &wrong, RFE_INVALID, "manifest");
}
END_TEST

/* A platform of an index that is in the file, asked for by its digest and without a tag. */
START_TEST(a_child_is_imported_by_its_digest)
{
    P src = tars_layout("src");
    P dst = tars_layout("dst");
    M a = tars_put_image(src, NULL, "oci", "{}", one_layer, "");
    const struct rf_manifest *const children[] = { a, NULL };
    M index = tars_put_index(src, "1", children);
    static const char *const tags[] = { "1", "x.example/y:1", NULL };
    export_tags(src, tags, "t.tar");
    struct tars_import i = { .no_tag = true, .digest = &a->digest };
    tars_must_import("t.tar", dst, &i);
    ck_assert(rf_digest_eq(&i.result.digest, &a->digest));
    ck_assert_uint_eq(i.result.manifests_put, 1);
}
END_TEST

/* ---- layouts by hand ---- */

/* The documents of a layout of one image; each part can be replaced. */
struct layout {
    const char *config, *layer; /* contents that the manifest names */
};

static char *layout_manifest(const struct layout *l)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_buf_add_str(&b, "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_MANIFEST "\",\"config\":");
    add_descriptor(&b, RF_MT_OCI_CONFIG, l->config);
    rf_buf_add_str(&b, ",\"layers\":[");
    add_descriptor(&b, RF_MT_OCI_LAYER_GZIP, l->layer);
    rf_buf_add_str(&b, "]}");
    return rf_buf_take(&b, NULL);
}

static char *index_of(const char *manifest, const char *type)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_buf_add_str(&b, "{\"schemaVersion\":2,\"manifests\":[");
    add_descriptor(&b, type, manifest);
    rf_buf_add_str(&b, "]}");
    return rf_buf_take(&b, NULL);
}

static void start_layout(struct rf_buf *tar, const char *index)
{
    tars_file(tar, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
    tars_file(tar, "index.json", index);
}

START_TEST(the_order_of_members_does_not_matter)
{
    static const struct layout l = { "{}", "layer" };
    S manifest = layout_manifest(&l);
    S index = index_of(manifest, RF_MT_OCI_MANIFEST);
    P dst = tars_layout("dst");
    BUF(tar);
    tars_blob(&tar, "layer");
    tars_blob(&tar, "{}");
    tars_blob(&tar, manifest);
    tars_file(&tar, "./index.json", index);
    tars_file(&tar, "./oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
    tars_end(&tar);
    tars_save(&tar, tars_packings[_i]);
    struct tars_import i = { 0 };
    tars_must_import("t.tar", dst, &i);
    struct rf_digest want = tars_digest(manifest);
    ck_assert(same_tag(dst, "v", &want));
}
END_TEST

START_TEST(blobs_may_be_links)
{
    static const struct layout l = { "{}", "layer" };
    S manifest = layout_manifest(&l);
    S index = index_of(manifest, RF_MT_OCI_MANIFEST);
    P dst = tars_layout("dst");
    char hex[RF_DIGEST_TEXT];
    struct rf_digest d = tars_digest("layer");
    S name = rf_xasprintf("blobs/sha256/%s", rf_digest_hex(&d, hex));
    BUF(tar);
    start_layout(&tar, index);
    tars_blob(&tar, manifest);
    tars_blob(&tar, "{}");
    if (_i % 2 == 0)
        tars_link(&tar, name, "../../elsewhere/layer");
    else
        tars_add(&tar, name, '1', "elsewhere/layer", rf_slice_str(""));
    tars_file(&tar, "elsewhere/layer", "layer");
    tars_end(&tar);
    tars_save(&tar, _i / 2 == 0 ? NULL : "gzip");
    struct tars_import i = { 0 };
    tars_must_import("t.tar", dst, &i);
}
END_TEST

enum damage {
    NO_LAYER,
    NO_CONFIG,
    NO_MANIFEST,
    OTHER_LAYER,
    LONG_LAYER,
    OTHER_MANIFEST,
    BAD_INDEX,
    NO_INDEX,
    BAD_LAYOUT,
    OTHER_VERSION,
    LOOP,
    LINK_OUT,
    UP,
    ABSOLUTE,
    TWICE,
    DAMAGES
};
static const struct {
    int code;
    const char *text;
} damages[DAMAGES] = {
    [NO_LAYER] = { RFE_NOT_FOUND, "is not in it" },
    [NO_CONFIG] = { RFE_NOT_FOUND, "is not in it" },
    [NO_MANIFEST] = { RFE_NOT_FOUND, "is not in it" },
    [OTHER_LAYER] = { RFE_DIGEST_MISMATCH, "has the digest" },
    [LONG_LAYER] = { RFE_SIZE_MISMATCH, "want 5 bytes, the member has 6" },
    [OTHER_MANIFEST] = { RFE_DIGEST_MISMATCH, "manifest sha256:" },
    [BAD_INDEX] = { RFE_INVALID, "t.tar" },
    [NO_INDEX] = { RFE_NOT_FOUND, "without index.json" },
    [BAD_LAYOUT] = { RFE_INVALID, "t.tar" },
    [OTHER_VERSION] = { RFE_UNSUPPORTED, "t.tar" },
    [LOOP] = { RFE_LOOP, "leads to no end" },
    [LINK_OUT] = { RFE_INVALID, "leads out of the file" },
    [UP] = { RFE_INVALID, "has \"..\" in its name" },
    [ABSOLUTE] = { RFE_INVALID, "has an absolute name" },
    [TWICE] = { RFE_INVALID, "comes twice" },
};

static void add_damaged(struct rf_buf *tar, enum damage d, const char *manifest, const char *index)
{
    char hex[RF_DIGEST_TEXT];
    struct rf_digest layer = tars_digest("layer"), m = tars_digest(manifest);
    S layer_name = rf_xasprintf("blobs/sha256/%s", rf_digest_hex(&layer, hex));
    S manifest_name = rf_xasprintf("blobs/sha256/%s", rf_digest_hex(&m, hex));
    tars_file(tar, "oci-layout",
              d == BAD_LAYOUT      ? "{}x"
              : d == OTHER_VERSION ? "{\"imageLayoutVersion\":\"2.0.0\"}"
                                   : "{\"imageLayoutVersion\":\"1.0.0\"}");
    if (d != NO_INDEX)
        tars_file(tar, "index.json", d == BAD_INDEX ? "{\"manifests\":7}" : index);
    if (d != NO_CONFIG)
        tars_blob(tar, "{}");
    if (d == OTHER_MANIFEST) {
        S other = rf_xstrdup(manifest);
        other[strlen(other) - 1] = ' ';
        tars_file(tar, manifest_name, other);
    } else if (d != NO_MANIFEST) {
        tars_blob(tar, manifest);
    }
    if (d == OTHER_LAYER || d == LONG_LAYER)
        tars_file(tar, layer_name, d == OTHER_LAYER ? "lay3r" : "layer!");
    else if (d == LOOP)
        tars_link(tar, layer_name, strrchr(layer_name, '/') + 1); /* to itself */
    else if (d != NO_LAYER)
        tars_blob(tar, "layer");
    if (d == LINK_OUT)
        tars_link(tar, "x", "../../etc/passwd");
    if (d == UP || d == ABSOLUTE)
        tars_file(tar, d == UP ? "a/../../x" : "/etc/x", "x");
    if (d == TWICE)
        tars_blob(tar, "layer");
    tars_end(tar);
}

START_TEST(damaged_layouts_are_refused)
{
    static const struct layout l = { "{}", "layer" };
    S manifest = layout_manifest(&l);
    S index = index_of(manifest, RF_MT_OCI_MANIFEST);
    BUF(tar);
    add_damaged(&tar, (enum damage)(_i / 2), manifest, index);
    tars_save(&tar, _i % 2 == 0 ? NULL : "gzip");
    struct tars_import i = { 0 };
    tars_refused("t.tar", &i, damages[_i / 2].code, damages[_i / 2].text);
}
END_TEST

/* docker save of an image whose other platforms were never pulled. */
START_TEST(an_index_of_which_a_part_is_missing)
{
    static const struct layout l = { "{}", "layer" };
    S manifest = layout_manifest(&l);
    BUF(index);
    rf_buf_add_str(&index,
                   "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX "\",\"manifests\":[");
    add_descriptor(&index, RF_MT_OCI_MANIFEST, manifest);
    rf_buf_add_char(&index, ',');
    add_descriptor(&index, RF_MT_OCI_MANIFEST, "{\"schemaVersion\":2,\"absent\":true}");
    rf_buf_add_str(&index, "]}");
    S top = index_of(index.ptr, RF_MT_OCI_INDEX);
    BUF(tar);
    start_layout(&tar, top);
    tars_blob(&tar, index.ptr);
    tars_blob(&tar, manifest);
    tars_blob(&tar, "{}");
    tars_blob(&tar, "layer");
    tars_end(&tar);
    tars_save(&tar, NULL);
    struct tars_import i = { 0 };
    tars_refused("t.tar", &i, RFE_NOT_FOUND, "only a part of this index");
    struct rf_digest d = tars_digest(manifest);
    P dst = tars_layout("dst");
    struct tars_import one = { .digest = &d };
    tars_must_import("t.tar", dst, &one);
}
END_TEST

START_TEST(external_layers_may_be_missing)
{
    char digest[RF_DIGEST_TEXT];
    struct rf_digest d = tars_digest("foreign");
    BUF(manifest);
    rf_buf_add_str(&manifest,
                   "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_DOCKER_MANIFEST "\",\"config\":");
    add_descriptor(&manifest, RF_MT_DOCKER_CONFIG, "{}");
    rf_buf_addf(&manifest,
                ",\"layers\":[{\"mediaType\":\"" RF_MT_DOCKER_LAYER_FOREIGN
                "\",\"digest\":\"%s\",\"size\":7,\"urls\":[\"https://x.example/l\"]}]}",
                rf_digest_text(&d, digest));
    S index = index_of(manifest.ptr, RF_MT_DOCKER_MANIFEST);
    for (int present = 0; present < 2; present++) {
        BUF(tar);
        start_layout(&tar, index);
        tars_blob(&tar, manifest.ptr);
        tars_blob(&tar, "{}");
        if (present)
            tars_blob(&tar, "foreign");
        tars_end(&tar);
        tars_save(&tar, NULL);
        struct rf_err err;
        struct tars_import i = { 0 };
        P dst = tars_layout(present ? "with" : "without");
        ck_assert_msg(tars_import("t.tar", dst, &i, &err) == 0, "%s", err.msg);
        ck_assert_uint_eq(i.result.blobs_moved, present ? 2 : 1);
    }
}
END_TEST

START_TEST(chains_of_indexes_are_refused)
{
    static const struct layout l = { "{}", "layer" };
    char *docs[40];
    size_t n = RF_ARRAY_LEN(docs);
    BUF(tar);
    BUF(top);
    rf_buf_add_str(&top,
                   "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX "\",\"manifests\":[");
    docs[0] = layout_manifest(&l);
    for (size_t i = 1; i < n; i++) {
        BUF(b);
        rf_buf_add_str(&b, "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX
                           "\",\"manifests\":[");
        add_descriptor(&b, i == 1 ? RF_MT_OCI_MANIFEST : RF_MT_OCI_INDEX, docs[i - 1]);
        rf_buf_add_str(&b, "]}");
        docs[i] = rf_buf_take(&b, NULL);
    }
    /* The second one names them all, so that none lies deep when it is first seen. */
    for (size_t i = n; i-- > 1;) {
        rf_buf_add_str(&top, i + 1 < n ? "," : "");
        add_descriptor(&top, RF_MT_OCI_INDEX, docs[i]);
    }
    rf_buf_add_str(&top, "]}");
    S index = index_of(_i == 0 ? docs[n - 1] : top.ptr, RF_MT_OCI_INDEX);
    start_layout(&tar, index);
    tars_blob(&tar, top.ptr);
    tars_blob(&tar, "{}");
    tars_blob(&tar, "layer");
    for (size_t i = 0; i < n; i++) {
        tars_blob(&tar, docs[i]);
        free(docs[i]);
    }
    tars_end(&tar);
    tars_save(&tar, NULL);
    struct tars_import i = { 0 };
    tars_refused("t.tar", &i, RFE_TOO_LARGE, "more than 8 indexes");
}
END_TEST

START_TEST(other_files_are_no_images)
{
    BUF(tar);
    tars_file(&tar, "hello", "world");
    tars_end(&tar);
    tars_save(&tar, NULL);
    struct tars_import i = { 0 };
    tars_refused("t.tar", &i, RFE_NOT_FOUND, "neither an image layout");
    tars_write("t.tar", rf_slice_str("not a tar"));
    tars_refused("t.tar", &i, RFE_INVALID, "not a sound tar");
    tars_refused("absent.tar", &i, RFE_NOT_FOUND, "no such file");
    tars_write("t.tar", rf_slice_str(""));
    struct rf_err err;
    P dst = tars_layout("dst");
    ck_assert_int_lt(tars_import("t.tar", dst, &i, &err), 0);
}
END_TEST

START_TEST(an_empty_index_is_no_image)
{
    BUF(tar);
    start_layout(&tar, "{\"schemaVersion\":2,\"manifests\":[]}");
    tars_end(&tar);
    tars_save(&tar, NULL);
    struct tars_import i = { 0 };
    tars_refused("t.tar", &i, RFE_NOT_FOUND, "index.json lists no image");
}
END_TEST

START_TEST(a_document_over_its_limit_is_refused)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf tar;
    rf_buf_init(&tar, 256u << 20);
    size_t n = _i == 0 ? (64u << 10) + 1 : (64u << 20) + 1;
    S big = rf_xmalloc(n);
    memset(big, ' ', n);
    tars_add(&tar, _i == 0 ? "oci-layout" : "index.json", '0', NULL, rf_slice_of(big, n));
    if (_i == 0)
        tars_file(&tar, "index.json", "{}");
    else
        tars_file(&tar, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
    tars_end(&tar);
    tars_save(&tar, "gzip");
    struct tars_import i = { 0 };
    tars_refused("t.tar", &i, RFE_TOO_LARGE, "at most");
}
END_TEST

static void add_up(void *ctx, uint64_t bytes)
{
    __atomic_fetch_add((uint64_t *)ctx, bytes, __ATOMIC_RELAXED);
}

START_TEST(progress_counts_what_moves)
{
    static const struct layout l = { "{}", "layer" };
    S manifest = layout_manifest(&l);
    S index = index_of(manifest, RF_MT_OCI_MANIFEST);
    P dst = tars_layout("dst");
    uint64_t sum = 0;
    BUF(tar);
    start_layout(&tar, index);
    tars_blob(&tar, manifest);
    tars_blob(&tar, "{}");
    tars_blob(&tar, "layer");
    tars_end(&tar);
    tars_save(&tar, NULL);
    struct tars_import i = { .opts = { .progress = add_up, .progress_ctx = &sum, .verify = true } };
    tars_must_import("t.tar", dst, &i);
    ck_assert_uint_eq(sum, 2 + 5);
}
END_TEST

START_TEST(a_target_that_cannot_be_written)
{
    static const struct layout l = { "{}", "layer" };
    S manifest = layout_manifest(&l);
    S index = index_of(manifest, RF_MT_OCI_MANIFEST);
    BUF(tar);
    start_layout(&tar, index);
    tars_blob(&tar, manifest);
    tars_blob(&tar, "{}");
    tars_blob(&tar, "layer");
    tars_end(&tar);
    tars_save(&tar, NULL);
    P dst = NULL;
    struct rf_err err;
    struct tars_import i = { 0 };
    ck_assert_int_eq(rf_oci_dir_open("ro", RF_OCI_DIR_READ_ONLY, &dst, NULL), 0);
    ck_assert_int_eq(tars_import("t.tar", dst, &i, &err), -RFE_UNSUPPORTED);
    rf_cancel_set(RFE_TERMINATED);
    P other = tars_layout("other");
    ck_assert_int_eq(tars_import("t.tar", other, &i, &err), -RFE_TERMINATED);
    rf_cancel_reset();
    ck_assert(tars_is_untagged("other"));
}
END_TEST

Suite *rf_image_import_suite(void)
{
    Suite *s = suite_create("image_import");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, home_setup, home_teardown);
    tcase_add_loop_test(all, what_was_exported_comes_back, 0, TARS_PACKINGS);
    tcase_add_test(all, children_are_no_entries_of_a_layout);
    tcase_add_loop_test(all, one_of_several_is_chosen, 0, (int)RF_ARRAY_LEN(choices));
    tcase_add_test(all, a_digest_decides_over_names);
    tcase_add_test(all, the_only_image_needs_no_name);
    tcase_add_test(all, a_child_is_imported_by_its_digest);
    tcase_add_loop_test(all, the_order_of_members_does_not_matter, 0, TARS_PACKINGS);
    tcase_add_loop_test(all, blobs_may_be_links, 0, 4);
    tcase_add_loop_test(all, damaged_layouts_are_refused, 0, 2 * DAMAGES);
    tcase_add_test(all, an_index_of_which_a_part_is_missing);
    tcase_add_test(all, external_layers_may_be_missing);
    tcase_add_loop_test(all, chains_of_indexes_are_refused, 0, 2);
    tcase_add_test(all, other_files_are_no_images);
    tcase_add_test(all, an_empty_index_is_no_image);
    tcase_add_loop_test(all, a_document_over_its_limit_is_refused, 0, 2);
    tcase_add_test(all, progress_counts_what_moves);
    tcase_add_test(all, a_target_that_cannot_be_written);
    suite_add_tcase(s, all);
    return s;
}
