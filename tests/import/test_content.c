/* SPDX-License-Identifier: Apache-2.0 */
/* What manifests say against what bundle.json says. */
#include <stdlib.h>

#include "base/mem.h"
#include "tests/import/helper_import.h"

Suite *rf_content_suite(void);

static int checked(struct made *m, struct rf_err *err)
{
    struct rf_content c;
    struct rf_bundle_file *f = NULL;
    char *path = written(m, "b.tar");
    expect_ok(rf_bundle_file_open(path, &f, err), *err);
    rf_content_init(&c, f);
    int rc = rf_content_check(&c, err);
    rf_content_release(&c);
    rf_bundle_file_free(f);
    free(path);
    return rc;
}

static struct rf_bundle_blob *blob_of(struct made *m, const char *content)
{
    struct rf_digest d = digest_of(content);
    for (size_t i = 0; i < m->b.n_blobs; i++)
        if (rf_digest_eq(&m->b.blobs[i].digest, &d))
            return &m->b.blobs[i];
    ck_abort_msg("no blob %s", content);
}

/* Takes the blob out of the list. */
static void drop_blob(struct made *m, const char *content)
{
    *blob_of(m, content) = m->b.blobs[m->b.n_blobs - 1];
    m->b.n_blobs--;
}

START_TEST(sound)
{
    struct made m;
    struct rf_err err = RF_ERR_INIT;
    made_init(&m);
    struct rf_digest d = add_image(&m, "app", "1", "cfg", "base one", RF_IMAGE_NEW, NULL, NULL);
    add_referrer(&m, "app", &d, m.b.desired.images[0].size, "signature");
    add_index(&m, "multi", "1", "m", 3, 0);
    add_index(&m, "sparse", "1", "s", 3, 2);
    expect_ok(checked(&m, &err), err);
    made_release(&m);
}
END_TEST

START_TEST(something_is_not_listed)
{
    static const char *const contents[] = { "cfg", "base", "m-b" };
    struct made m;
    struct rf_err err = RF_ERR_INIT;
    char text[RF_DIGEST_TEXT];
    struct rf_digest d = digest_of(contents[_i]);
    made_init(&m);
    add_image(&m, "app", "1", "cfg", "base one", RF_IMAGE_NEW, NULL, NULL);
    add_index(&m, "multi", "1", "m", 3, 0);
    drop_blob(&m, contents[_i]);
    int rc = checked(&m, &err);
    expect_error(rc, RFE_DAMAGED, err, "which the bundle does not list");
    expect_error(rc, RFE_DAMAGED, err, rf_digest_text(&d, text));
    expect_error(rc, RFE_DAMAGED, err, "b.tar");
    made_release(&m);
}
END_TEST

START_TEST(a_child_is_left_out_by_nobody)
{
    struct made m;
    struct rf_err err = RF_ERR_INIT;
    made_init(&m);
    add_index(&m, "sparse", "1", "s", 3, 2);
    m.b.desired.images[0].n_children = 0; /* the line wants all of it */
    expect_error(checked(&m, &err), RFE_DAMAGED, err, "which the bundle does not list");
    made_release(&m);
}
END_TEST

START_TEST(one_line_leaves_out_what_another_wants)
{
    struct made m;
    struct rf_err err = RF_ERR_INIT;
    made_init(&m);
    struct rf_digest d = add_index(&m, "sparse", "1", "s", 3, 2);
    made_image(&m, "sparse", "2", &d, RF_MT_OCI_INDEX, RF_IMAGE_NEW, "r.example/x:1");
    expect_error(checked(&m, &err), RFE_DAMAGED, err, "which the bundle does not list");
    made_release(&m);
}
END_TEST

START_TEST(chosen_but_not_in_it)
{
    struct made m;
    struct rf_err err = RF_ERR_INIT;
    made_init(&m);
    add_image(&m, "sparse", "2", "cfg", "base", RF_IMAGE_NEW, NULL, NULL);
    add_index(&m, "sparse", "1", "s", 3, 1);
    m.b.desired.digests[m.b.desired.images[1].first_child] = m.b.desired.images[0].digest;
    expect_error(checked(&m, &err), RFE_DAMAGED, err, "is chosen of it, but is not in it");
    made_release(&m);
}
END_TEST

START_TEST(sizes_differ)
{
    struct made m;
    struct rf_err err = RF_ERR_INIT;
    char a[RF_DIGEST_TEXT], b[RF_DIGEST_TEXT];
    made_init(&m);
    struct rf_digest c = made_content(&m, RF_DIGEST_SHA256, "cfg"),
                     l = made_content(&m, RF_DIGEST_SHA256, "layer");
    char *text = rf_xasprintf(
        "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_MANIFEST
        "\",\"config\":{\"mediaType\":\"" RF_MT_OCI_CONFIG
        "\",\"digest\":\"%s\",\"size\":3},\"layers\":[{\"mediaType\":\"" RF_MT_OCI_LAYER
        "\",\"digest\":\"%s\",\"size\":6}]}",
        rf_digest_text(&c, a), rf_digest_text(&l, b));
    struct rf_digest d = made_content(&m, RF_DIGEST_SHA256, text);
    made_image(&m, "app", "1", &d, RF_MT_OCI_MANIFEST, RF_IMAGE_NEW, "r.example/x:1");
    made_blob(&m, RF_BLOB_MANIFEST, &d, RF_MT_OCI_MANIFEST, "app", NULL);
    made_blob(&m, RF_BLOB_CONFIG, &c, RF_MT_OCI_CONFIG, "app", NULL);
    made_blob(&m, RF_BLOB_LAYER, &l, RF_MT_OCI_LAYER, "app", NULL);
    expect_error(checked(&m, &err), RFE_DAMAGED, err, "with 6 bytes, the bundle lists 5");
    free(text);
    made_release(&m);
}
END_TEST

/* A layer with urls may be carried for one repository and lie elsewhere for another. */
START_TEST(a_layer_that_lies_elsewhere_too)
{
    static const char *const urls[] = { ",\"urls\":[\"https://x.example/l\"]", "" };
    struct made m;
    struct rf_err err = RF_ERR_INIT;
    char a[RF_DIGEST_TEXT], b[RF_DIGEST_TEXT];
    made_init(&m);
    struct rf_digest c = made_content(&m, RF_DIGEST_SHA256, "cfg"),
                     l = made_content(&m, RF_DIGEST_SHA256, "layer");
    char *text = rf_xasprintf(
        "{\"schemaVersion\":2,\"mediaType\":\"" RF_MT_OCI_MANIFEST
        "\",\"config\":{\"mediaType\":\"" RF_MT_OCI_CONFIG
        "\",\"digest\":\"%s\",\"size\":3},\"layers\":[{\"mediaType\":\"" RF_MT_OCI_LAYER
        "\",\"digest\":\"%s\",\"size\":5%s}]}",
        rf_digest_text(&c, a), rf_digest_text(&l, b), urls[_i]);
    struct rf_digest d = made_content(&m, RF_DIGEST_SHA256, text);
    made_image(&m, "app", "1", &d, RF_MT_OCI_MANIFEST, RF_IMAGE_NEW, "r.example/x:1");
    made_image(&m, "lib", "1", &d, RF_MT_OCI_MANIFEST, RF_IMAGE_NEW, "r.example/x:1");
    made_blob(&m, RF_BLOB_MANIFEST, &d, RF_MT_OCI_MANIFEST, "app lib", NULL);
    made_blob(&m, RF_BLOB_CONFIG, &c, RF_MT_OCI_CONFIG, "app lib", NULL);
    made_blob(&m, RF_BLOB_LAYER, &l, RF_MT_OCI_LAYER, "app", NULL);
    if (_i == 0)
        expect_ok(checked(&m, &err), err);
    else
        expect_error(checked(&m, &err), RFE_DAMAGED, err, "is not listed for every repository");
    free(text);
    made_release(&m);
}
END_TEST

START_TEST(not_for_every_repository)
{
    struct made m;
    struct rf_err err = RF_ERR_INIT;
    made_init(&m);
    add_image(&m, "a", "1", "cfg", "base", RF_IMAGE_NEW, NULL, NULL);
    add_image(&m, "b", "1", "cfg", "base", RF_IMAGE_NEW, NULL, NULL);
    blob_of(&m, "base")->n_repos = 1;
    expect_error(checked(&m, &err), RFE_DAMAGED, err,
                 "is not listed for every repository that needs it");
    made_release(&m);
}
END_TEST

START_TEST(another_kind)
{
    struct made m;
    struct rf_err err = RF_ERR_INIT;
    made_init(&m);
    add_image(&m, "app", "1", "cfg", "base", RF_IMAGE_NEW, NULL, NULL);
    struct rf_bundle_blob *b = blob_of(&m, "base");
    b->kind = RF_BLOB_MANIFEST;
    b->media_type = rf_strings_add(&m.b.desired.strings, rf_slice_str(RF_MT_OCI_MANIFEST));
    ck_assert_int_eq(checked(&m, &err), -RFE_DAMAGED);
    made_release(&m);
}
END_TEST

START_TEST(a_manifest_that_is_none)
{
    struct made m;
    struct rf_err err = RF_ERR_INIT;
    made_init(&m);
    struct rf_digest d = made_content(&m, RF_DIGEST_SHA256, "{\"schemaVersion\":2}");
    made_image(&m, "app", "1", &d, RF_MT_OCI_MANIFEST, RF_IMAGE_NEW, "r.example/x:1");
    made_blob(&m, RF_BLOB_MANIFEST, &d, RF_MT_OCI_MANIFEST, "app", NULL);
    expect_error(checked(&m, &err), RFE_DAMAGED, err, "b.tar");
    made_release(&m);
}
END_TEST

START_TEST(levels_rise_from_the_leaves)
{
    struct made m;
    struct rf_err err = RF_ERR_INIT;
    struct rf_content c;
    struct rf_bundle_file *f = NULL;
    uint8_t highest = 9;
    made_init(&m);
    struct rf_digest image = add_image(&m, "app", "1", "cfg", "base", RF_IMAGE_NEW, NULL, NULL);
    struct rf_digest index = add_index(&m, "multi", "1", "m", 2, 0);
    char *path = written(&m, "b.tar");
    expect_ok(rf_bundle_file_open(path, &f, &err), err);
    rf_content_init(&c, f);
    expect_ok(rf_content_check(&c, &err), err);
    uint8_t *levels = rf_content_levels(&c, &highest);
    ck_assert_uint_eq(highest, 1);
    for (size_t i = 0; i < c.doc->n_blobs; i++)
        ck_assert_uint_eq(levels[i], rf_digest_eq(&c.doc->blobs[i].digest, &index) ? 1 : 0);
    ck_assert_ptr_nonnull(rf_bundle_find(c.doc, &image));
    free(levels);
    rf_content_release(&c);
    rf_bundle_file_free(f);
    free(path);
    made_release(&m);
}
END_TEST

Suite *rf_content_suite(void)
{
    Suite *s = suite_create("content");
    TCase *t = tcase_create("content");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    suite_add_tcase(s, t);
    tcase_add_test(t, sound);
    tcase_add_loop_test(t, something_is_not_listed, 0, 3);
    tcase_add_test(t, a_child_is_left_out_by_nobody);
    tcase_add_test(t, one_line_leaves_out_what_another_wants);
    tcase_add_test(t, chosen_but_not_in_it);
    tcase_add_test(t, sizes_differ);
    tcase_add_test(t, not_for_every_repository);
    tcase_add_loop_test(t, a_layer_that_lies_elsewhere_too, 0, 2);
    tcase_add_test(t, another_kind);
    tcase_add_test(t, a_manifest_that_is_none);
    tcase_add_test(t, levels_rise_from_the_leaves);
    return s;
}
