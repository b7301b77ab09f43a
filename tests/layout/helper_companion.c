/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/layout/helper_companion.h"

#include <stdlib.h>

#include "base/mem.h"
#include "manifests/media_type.h"

static struct rf_companion_image image(struct rf_strings *strings, const char *repository,
                                       const char *tag, const char *manifest)
{
    struct rf_companion_image im = { .digest = digest_of(manifest) };
    im.repository = rf_strings_add(strings, rf_slice_str(repository));
    im.tag = rf_strings_add(strings, rf_slice_str(tag));
    return im;
}

static void set_names(char *site, char *chain)
{
    memcpy(site, "plant-7", 8);
    memcpy(chain, "db441b040eab9bdc7eecc0d009466316", RF_CHAIN_HEX + 1);
}

void request_fill(struct rf_repair_request *r)
{
    rf_repair_request_init(r);
    set_names(r->site, r->chain);
    r->bundle = digest_of("bundle");
    r->snapshot = digest_of("snapshot");
    r->sequence = 4;
    r->destination = rf_xstrdup("far.example/plant");
    r->tool = rf_xstrdup("regimport 0.1.0");
    struct rf_digest lacks[] = { digest_of("two"), digest_of("one"), digest_of("two") };
    struct rf_digest first = digest_of("first"), second = digest_of("second"),
                     found = digest_of("found");
    rf_repair_request_add_known(r, &first, lacks, 3);
    rf_repair_request_add_known(r, &second, NULL, 0);
    rf_repair_request_add_found(r, "team/app", &found);
    rf_repair_request_add_found(r, "lib", &found);
    rf_repair_request_add_found(r, "lib", &found); /* once is enough */
    static const char *const blobs[] = { "layer", "manifest", "layer" };
    for (size_t i = 0; i < RF_ARRAY_LEN(blobs); i++) {
        struct rf_lack lack = { .digest = digest_of(blobs[i]), .size = 100, .manifest = i == 1 };
        lack.image = image(&r->strings, i == 1 ? "lib" : "team/app", i == 1 ? "" : "1", "manifest");
        rf_repair_request_add(r, &lack);
    }
    struct rf_refused refused = { .image = image(&r->strings, "team/app", "2", "m2") };
    refused.reason = rf_strings_add(&r->strings, rf_slice_str("not \"this\" one"));
    rf_repair_request_add_refused(r, &refused);
}

void receipt_fill(struct rf_receipt *r)
{
    struct rf_digest one = digest_of("m1"), two = digest_of("m2");
    rf_receipt_init(r);
    set_names(r->site, r->chain);
    r->bundle = digest_of("bundle");
    r->snapshot = digest_of("snapshot");
    r->sequence = 7;
    r->destination = rf_xstrdup("far.example/plant");
    r->time = rf_xstrdup("2026-01-02T03:04:05Z");
    r->tool = rf_xstrdup("regimport 0.1.0");
    r->bytes_sent = 1234;
    r->tags_right = 2;
    rf_receipt_add(r, "team/app", "1", &one, NULL, NULL);
    rf_receipt_add(r, "lib", "", &two, NULL, NULL);
    rf_receipt_add(r, "lib", "", &one, "destination", "the registry says \"no\"");
}

static uint32_t blob(struct rf_snapshot *s, const char *text, uint8_t kind)
{
    static const char *const types[] = { RF_MT_OCI_MANIFEST, RF_MT_OCI_CONFIG, RF_MT_OCI_LAYER };
    struct rf_digest d = digest_of(text);
    return rf_snapshot_add_blob(s, &d, strlen(text), types[kind], kind);
}

static void add_whole(struct rf_snapshot *s, const char *repository, const char *tag,
                      const char *manifest, const char *layer)
{
    struct rf_image im = { .digest = digest_of(manifest),
                           .size = strlen(manifest),
                           .original = RF_NO_ID };
    struct rf_strings *strings = &s->desired.strings;
    im.repository = rf_strings_add(strings, rf_slice_str(repository));
    im.tag = rf_strings_add(strings, rf_slice_str(tag));
    im.media_type = rf_strings_add(strings, rf_slice_str(RF_MT_OCI_MANIFEST));
    im.source = rf_strings_add(strings, rf_slice_str(""));
    im.first_blob = (uint32_t)s->n_items;
    rf_snapshot_add_item(s, blob(s, "{}", RF_BLOB_CONFIG));
    rf_snapshot_add_item(s, blob(s, layer, RF_BLOB_LAYER));
    rf_snapshot_add_item(s, blob(s, manifest, RF_BLOB_MANIFEST));
    im.n_blobs = (uint32_t)s->n_items - im.first_blob;
    rf_desired_add(&s->desired, &s->desired, &im);
}

void inventory_fill(struct rf_inventory *v)
{
    struct rf_digest broken = digest_of("broken");
    rf_inventory_init(v);
    memcpy(v->snapshot.site, "plant-7", 8);
    v->destination = rf_xstrdup("far.example/plant");
    v->time = rf_xstrdup("2026-01-02T03:04:05Z");
    v->tool = rf_xstrdup("regimport 0.1.0");
    add_whole(&v->snapshot, "team/app", "1", "manifest one", "layer one");
    add_whole(&v->snapshot, "lib", "1", "manifest two", "layer one");
    rf_inventory_add_unwhole(v, "lib", "2", &broken, "blob is gone");
}

char *request_text(void)
{
    struct rf_repair_request r;
    struct rf_err err = RF_ERR_INIT;
    struct rf_buf out;
    request_fill(&r);
    rf_buf_init(&out, 0);
    expect_ok(rf_repair_request_write(&r, &out, &err), err);
    rf_repair_request_release(&r);
    return rf_buf_take(&out, NULL);
}

char *receipt_text(void)
{
    struct rf_receipt r;
    struct rf_err err = RF_ERR_INIT;
    struct rf_buf out;
    receipt_fill(&r);
    rf_buf_init(&out, 0);
    expect_ok(rf_receipt_write(&r, &out, &err), err);
    rf_receipt_release(&r);
    return rf_buf_take(&out, NULL);
}

char *inventory_text(void)
{
    struct rf_inventory v;
    struct rf_err err = RF_ERR_INIT;
    struct rf_buf out;
    inventory_fill(&v);
    rf_buf_init(&out, 0);
    expect_ok(rf_inventory_write(&v, &out, &err), err);
    rf_inventory_release(&v);
    return rf_buf_take(&out, NULL);
}

void companion_edit(const char *text, const struct companion_edit *e)
{
    const char *at = strstr(text, e->find);
    struct rf_buf out;
    ck_assert_msg(at != NULL, "%s: nothing to edit", e->name);
    rf_buf_init(&out, 0);
    rf_buf_add(&out, text, (size_t)(at - text));
    rf_buf_add_str(&out, e->replace);
    rf_buf_add_str(&out, at + strlen(e->find));
    write_file("edited", rf_buf_slice(&out));
    rf_buf_release(&out);
}

void expect_refused(int rc, const struct rf_err *err, const struct companion_edit *e)
{
    int want = e->code != 0 ? e->code : RFE_INVALID;
    ck_assert_msg(rc == -want && strstr(err->msg, e->why) != NULL, "%s: %s %s", e->name,
                  rf_error_name(rc), err->msg);
}

void made_expect_refused(struct made *m, const struct companion_edit *e)
{
    struct rf_bundle back;
    struct rf_err err = RF_ERR_INIT;
    made_seal(m);
    char *text = bundle_json_of(&m->b);
    companion_edit(text, e);
    free(text);
    text = file_text("edited");
    rf_bundle_init(&back);
    expect_refused(bundle_read_text(rf_slice_str(text), &back, &err), &err, e);
    rf_bundle_release(&back);
    made_release(m);
    free(text);
}

void expect_no_cut(const char *text, int (*load)(const char *path, struct rf_err *err))
{
    struct rf_err err = RF_ERR_INIT;
    for (size_t n = strlen(text); n-- > 0;) {
        write_file("cut", rf_slice_of(text, n));
        int rc = load("cut", &err);
        ck_assert_msg(rc == -RFE_INVALID, "cut to %zu: %s", n, rf_error_name(rc));
    }
}
