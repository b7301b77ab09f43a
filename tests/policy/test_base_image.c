/* SPDX-License-Identifier: Apache-2.0 */
/* Images on their bases, all of them in layout folders. */
#include "policy/base_image.h"

#include <check.h>
#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "layout/oci_dir.h"

static char *folder;
static struct rf_client *client;

static void setup(void)
{
    char name[] = "/tmp/rf-base-XXXXXX";
    struct rf_err err = RF_ERR_INIT;
    ck_assert_ptr_nonnull(mkdtemp(name));
    folder = rf_xstrdup(name);
    ck_assert_int_eq(rf_client_new(rf_hosts_new(), NULL, &client, &err), 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static void teardown(void)
{
    rf_client_freep(&client);
    ck_assert_int_eq(nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(folder);
}

/* ---- images ---- */

static struct rf_place *layout(const char *name)
{
    struct rf_place *p = NULL;
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_freep) char *path = rf_path_join(folder, name);
    ck_assert_msg(rf_oci_dir_open(path, RF_OCI_DIR_CREATE, &p, &err) == 0, "%s", err.msg);
    return p;
}

static void put_blob(struct rf_place *p, const char *text, struct rf_digest *digest)
{
    struct rf_slice bytes = rf_slice_str(text);
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_mem(bytes);
    rf_digest_of(RF_DIGEST_SHA256, bytes, digest);
    ck_assert_int_eq(rf_place_put_blob(p, "", digest, bytes.len, src, NULL), 0);
}

static void put_manifest(struct rf_place *p, const char *tag, const char *body,
                         struct rf_descriptor *out)
{
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_manifest_parse(rf_slice_str(body), NULL, &m, &err) == 0, "%s", err.msg);
    ck_assert_msg(rf_place_put_manifest(p, "", tag, m, 0, &err) == 0, "%s", err.msg);
    if (out != NULL)
        rf_manifest_descriptor(m, out);
}

/* An image of one layer for each letter of `layers`, and a step of history for each of `steps` (a small letter: one without a layer). */
static void image(const char *where, const char *tag, const char *architecture, const char *layers,
                  const char *steps, const char *annotations, struct rf_descriptor *out)
{
    RF_CLEANUP(rf_place_freep) struct rf_place *p = layout(where);
    RF_CLEANUP(rf_buf_release) struct rf_buf config, body;
    struct rf_digest d;
    char text[RF_DIGEST_TEXT];
    rf_buf_init(&config, 0);
    rf_buf_init(&body, 0);
    rf_buf_addf(
        &config,
        "{\"os\":\"linux\",\"architecture\":\"%s\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]},\"history\":[",
        architecture);
    for (const char *s = steps; *s != '\0'; s++)
        rf_buf_addf(&config,
                    "%s{\"created\":\"2024-01-02T03:04:05%s\",\"created_by\":\"step %c\"%s}",
                    s > steps ? "," : "", out == NULL ? "Z" : ".000+00:00", *s,
                    *s >= 'a' ? ",\"empty_layer\":true" : "");
    rf_buf_add_str(&config, "]}");
    put_blob(p, config.ptr, &d);
    rf_buf_addf(&body,
                "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_MANIFEST
                "\",\"config\":{\"mediaType\":\"" RF_MT_OCI_CONFIG
                "\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[",
                rf_digest_text(&d, text), config.len);
    for (const char *l = layers; *l != '\0'; l++) {
        char layer[] = { *l, '\0' };
        put_blob(p, layer, &d);
        rf_buf_addf(&body, "%s{\"mediaType\":\"" RF_MT_OCI_LAYER "\",\"digest\":\"%s\",\"size\":1}",
                    l > layers ? "," : "", rf_digest_text(&d, text));
    }
    rf_buf_addf(&body, "]%s%s}", annotations != NULL ? ",\"annotations\":" : "",
                annotations != NULL ? annotations : "");
    put_manifest(p, tag, body.ptr, out);
}

/* An index of two images that are there: for amd64 and arm64. */
static void index_of(const char *where, const char *tag, struct rf_descriptor entries[2])
{
    static const char *const architectures[] = { "amd64", "arm64" };
    RF_CLEANUP(rf_place_freep) struct rf_place *p = layout(where);
    RF_CLEANUP(rf_buf_release) struct rf_buf body;
    rf_buf_init(&body, 0);
    rf_buf_add_str(&body,
                   "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_INDEX "\",\"manifests\":[");
    for (size_t i = 0; i < 2; i++) {
        char text[RF_DIGEST_TEXT];
        rf_buf_addf(
            &body,
            "%s{\"mediaType\":\"" RF_MT_OCI_MANIFEST
            "\",\"digest\":\"%s\",\"size\":%llu,\"platform\":{\"os\":\"linux\",\"architecture\":\"%s\"}}",
            i > 0 ? "," : "", rf_digest_text(&entries[i].digest, text),
            (unsigned long long)entries[i].size, architectures[i]);
        rf_descriptor_release(&entries[i]);
    }
    rf_buf_add_str(&body, "]}");
    put_manifest(p, tag, body.ptr, NULL);
}

/* ---- asking ---- */

struct options {
    const char *base, *digest, *platform;
    bool skip_config;
};

/* The answer, and what it says: *said is the reason of a change, or the error's message. */
static int ask(const char *name, const struct options *o, char **said)
{
    RF_CLEANUP(rf_ref_release) struct rf_ref ref = { 0 };
    RF_CLEANUP(rf_platform_release) struct rf_platform platform = RF_PLATFORM_INIT;
    RF_CLEANUP(rf_freep) char *text = rf_xasprintf("ocidir://%s/%s", folder, name);
    RF_CLEANUP(rf_freep)
    char *base = o->base != NULL ? rf_xasprintf("ocidir://%s/%s", folder, o->base) : NULL;
    struct rf_err err = RF_ERR_INIT;
    const struct rf_base_options opts = { .base = base,
                                          .digest = o->digest,
                                          .skip_config = o->skip_config,
                                          .platform = o->platform != NULL ? &platform : NULL };
    ck_assert_int_eq(rf_ref_parse(text, &ref, &err), 0);
    if (o->platform != NULL)
        ck_assert_int_eq(rf_platform_parse(o->platform, &platform, &err), 0);
    *said = NULL;
    int rc = rf_base_image_check(client, &ref, &opts, said, &err);
    if (rc < 0)
        *said = rf_xstrdup(err.msg);
    return rc;
}

#define ASK(want, part, name, ...)                                                                \
    do {                                                                                          \
        RF_CLEANUP(rf_freep) char *said = NULL;                                                   \
        int rc = ask(name, &(const struct options){ __VA_ARGS__ }, &said);                        \
        ck_assert_msg(rc == (want) && (said == NULL || strstr(said, part) != NULL), "%d: %s", rc, \
                      said != NULL ? said : "");                                                  \
    } while (0)

static void digest_of(const char *where, const char *tag, char text[RF_DIGEST_TEXT])
{
    RF_CLEANUP(rf_place_freep) struct rf_place *p = layout(where);
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    ck_assert_int_eq(rf_place_resolve(p, "", tag, NULL, &d, NULL), 0);
    rf_digest_text(&d.digest, text);
}

START_TEST(layers_and_history)
{
    image("base", "1", "amd64", "AB", "ABc", NULL, NULL);
    image("app", "on", "amd64", "ABX", "ABcX", NULL, NULL);
    image("app", "layer", "amd64", "ACX", "ABcX", NULL, NULL);
    image("app", "step", "amd64", "ABX", "ABdX", NULL, NULL);
    image("app", "short", "amd64", "A", "ABc", NULL, NULL);
    image("app", "forgets", "amd64", "ABX", "AB", NULL, NULL);
    image("app", "empty", "amd64", "ABX", "ABC", NULL, NULL);
    ASK(0, "", "app:on", .base = "base:1");
    ASK(1, "base layer changed", "app:layer", .base = "base:1");
    ASK(1, "[1], expected sha256:", "app:layer", .base = "base:1");
    ASK(1, "base history changed", "app:step", .base = "base:1");
    ASK(1, "base history changed", "app:empty", .base = "base:1");
    ASK(0, "", "app:step", .base = "base:1", .skip_config = true);
    ASK(-RFE_INVALID, "fewer layers", "app:short", .base = "base:1");
    ASK(-RFE_INVALID, "fewer history entries", "app:forgets", .base = "base:1");
    ASK(-RFE_NOT_FOUND, "", "app:none", .base = "base:1");
    ASK(-RFE_NOT_FOUND, "", "app:on", .base = "base:none");
    ASK(-RFE_NOT_FOUND, "base image must be provided", "app:on", .base = NULL);
}
END_TEST

START_TEST(the_same_moment_written_in_two_ways)
{
    RF_CLEANUP(rf_descriptor_release) struct rf_descriptor ignored = RF_DESCRIPTOR_INIT;
    image("base", "1", "amd64", "A", "A", NULL, NULL);
    image("app", "1", "amd64", "AX", "AX", NULL, &ignored);
    ASK(0, "", "app:1", .base = "base:1");
}
END_TEST

START_TEST(by_digest_only_the_base_is_asked_for)
{
    char was[RF_DIGEST_TEXT];
    image("base", "1", "amd64", "A", "A", NULL, NULL);
    digest_of("base", "1", was);
    /* There is no such image at all. */
    rf_place_free(layout("app"));
    ASK(0, "", "app:none", .base = "base:1", .digest = was);
    image("base", "1", "amd64", "B", "A", NULL, NULL);
    ASK(1, "base digest changed", "app:none", .base = "base:1", .digest = was);
    ASK(1, was, "app:none", .base = "base:1", .digest = was);
    ASK(-RFE_INVALID, "", "app:none", .base = "base:1", .digest = "sha256:zz");
}
END_TEST

START_TEST(annotations_name_the_base)
{
    char was[RF_DIGEST_TEXT], now[RF_DIGEST_TEXT];
    image("base", "1", "amd64", "A", "A", NULL, NULL);
    digest_of("base", "1", was);
    RF_CLEANUP(rf_freep)
    char *name = rf_xasprintf("{\"" RF_ANNOTATION_BASE_NAME "\":\"ocidir://%s/base:1\"}", folder);
    RF_CLEANUP(rf_freep)
    char *both = rf_xasprintf("{\"" RF_ANNOTATION_BASE_NAME
                              "\":\"ocidir://%s/base:1\",\"" RF_ANNOTATION_BASE_DIGEST "\":\"%s\"}",
                              folder, was);
    /* The second one has other layers than its base: only the digest counts. */
    image("app", "name", "amd64", "AX", "AX", name, NULL);
    image("app", "both", "amd64", "CX", "CX", both, NULL);
    ASK(0, "", "app:name", .base = NULL);
    ASK(0, "", "app:both", .base = NULL);
    image("base", "1", "amd64", "B", "B", NULL, NULL);
    digest_of("base", "1", now);
    ASK(1, "base layer changed", "app:name", .base = NULL);
    ASK(1, "base digest changed", "app:both", .base = NULL);
    /* What the user says goes before what the image says. */
    ASK(0, "", "app:both", .digest = now);
    ASK(1, "base layer changed", "app:both", .base = "base:1");
}
END_TEST

static struct rf_descriptor made(const char *where, const char *architecture, const char *layers)
{
    struct rf_descriptor d = RF_DESCRIPTOR_INIT;
    image(where, NULL, architecture, layers, layers, NULL, &d);
    return d;
}

START_TEST(images_of_indexes)
{
    index_of("base", "1",
             (struct rf_descriptor[]){ made("base", "amd64", "AM"), made("base", "arm64", "AR") });
    index_of("app", "on",
             (struct rf_descriptor[]){ made("app", "amd64", "AMX"), made("app", "arm64", "ARX") });
    index_of("app", "half",
             (struct rf_descriptor[]){ made("app", "amd64", "AMX"), made("app", "arm64", "AOX") });
    image("app", "arm", "arm64", "ARX", "ARX", NULL, NULL);
    image("app", "mips", "mips", "ARX", "ARX", NULL, NULL);
    ASK(0, "", "app:on", .base = "base:1");
    ASK(1, "platform linux/arm64 mismatch", "app:half", .base = "base:1");
    ASK(0, "", "app:half", .base = "base:1", .platform = "linux/amd64");
    ASK(1, "base layer changed", "app:half", .base = "base:1", .platform = "linux/arm64");
    ASK(-RFE_NOT_FOUND, "platform not found", "app:on", .base = "base:1", .platform = "linux/mips");
    /* An image alone says itself which of the base's it is for. */
    ASK(0, "", "app:arm", .base = "base:1");
    ASK(0, "", "app:arm", .base = "base:1", .skip_config = true);
    ASK(-RFE_NOT_FOUND, "platform not found", "app:mips", .base = "base:1");
}
END_TEST

Suite *rf_base_image_suite(void);
Suite *rf_base_image_suite(void)
{
    Suite *s = suite_create("base_image");
    TCase *t = tcase_create("base_image");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, layers_and_history);
    tcase_add_test(t, the_same_moment_written_in_two_ways);
    tcase_add_test(t, by_digest_only_the_base_is_asked_for);
    tcase_add_test(t, annotations_name_the_base);
    tcase_add_test(t, images_of_indexes);
    suite_add_tcase(s, t);
    return s;
}
