/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/inventory.h"

#include <stdlib.h>

#include "base/mem.h"
#include "tests/layout/helper_companion.h"

Suite *rf_inventory_suite(void);

static int load(const char *path, struct rf_err *err)
{
    struct rf_inventory v;
    rf_inventory_init(&v);
    int rc = rf_inventory_load(&v, path, err);
    rf_inventory_release(&v);
    return rc;
}

START_TEST(written_and_loaded)
{
    struct rf_inventory v;
    struct rf_err err = RF_ERR_INIT;
    struct rf_buf out;
    struct rf_digest layer = digest_of("layer one");
    char *text = inventory_text();
    write_text("inventory", text);
    rf_inventory_init(&v);
    expect_ok(rf_inventory_load(&v, "inventory", &err), err);
    ck_assert_str_eq(v.snapshot.site, "plant-7");
    ck_assert(v.snapshot.stock);
    ck_assert_uint_eq(v.snapshot.n_blobs, 4);
    ck_assert_uint_eq(v.snapshot.desired.n, 2);
    ck_assert_str_eq(rf_desired_str(&v.snapshot.desired, v.snapshot.desired.images[0].repository),
                     "lib");
    ck_assert_uint_eq(v.snapshot.desired.images[1].n_blobs, 3);
    ck_assert_uint_ne(rf_snapshot_find_blob(&v.snapshot, &layer), RF_NO_ID);
    ck_assert_uint_eq(v.n_unwhole, 1);
    ck_assert_str_eq(rf_strings_get(&v.strings, v.unwhole[0].reason), "blob is gone");
    rf_buf_init(&out, 0);
    expect_ok(rf_inventory_write(&v, &out, &err), err);
    ck_assert_str_eq(out.ptr, text);
    rf_buf_release(&out);
    rf_inventory_release(&v);
    free(text);
}
END_TEST

START_TEST(an_empty_one)
{
    struct rf_inventory v;
    struct rf_err err = RF_ERR_INIT;
    struct rf_buf out;
    rf_inventory_init(&v);
    memcpy(v.snapshot.site, "a", 2);
    v.time = rf_xstrdup("2026-01-02T03:04:05Z");
    rf_buf_init(&out, 0);
    expect_ok(rf_inventory_write(&v, &out, &err), err);
    write_file("inventory", rf_buf_slice(&out));
    expect_ok(load("inventory", &err), err);
    rf_buf_release(&out);
    rf_inventory_release(&v);
}
END_TEST

START_TEST(every_cut_is_noticed)
{
    char *text = inventory_text();
    expect_no_cut(text, load);
    free(text);
}
END_TEST

static const struct companion_edit edits[] = {
    { "version", "\"inventoryVersion\":1", "\"inventoryVersion\":0", "format 0", RFE_UNSUPPORTED },
    { "snapshot", "\"snapshot\":\"sha256:", "\"snapshot\":\"sha512:", "snapshot", 0 },
    { "other images", "\"tag\":\"1\"", "\"tag\":\"3\"", "not those of its snapshot", 0 },
    { "image twice", "\"repository\":\"team/app\"", "\"repository\":\"lib\"", "listed twice", 0 },
    { "blob kind", "\"kind\":\"config\"", "\"kind\":\"thing\"", "kind", 0 },
    { "a layer that is a manifest", "\"kind\":\"manifest\"", "\"kind\":\"layer\"",
      "do not go together", 0 },
    { "a manifest without bytes", "\"size\":12,\"kind\":\"manifest\"",
      "\"size\":0,\"kind\":\"manifest\"", "do not go together", 0 },
    { "blob size", "\"size\":9,", "\"size\":1152921504606846977,", "do not go together", 0 },
    { "no such blob", "\"blobs\":[0,1,2]}", "\"blobs\":[0,1,4]}", "not a blob's number", 0 },
    { "a number below zero", "\"blobs\":[0,1,2]}", "\"blobs\":[0,1,-1]}", "not a blob's number",
      0 },
    { "without its manifest", "\"blobs\":[0,1,2]}", "\"blobs\":[0,1]}", "its manifest", 0 },
    { "manifest of another size", "\"size\":12}", "\"size\":13}", "its manifest", 0 },
    { "media type", "\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"source\"",
      "\"mediaType\":\"text/plain\",\"source\"", "mediaType", 0 },
    { "unwhole reason", "\"reason\":\"blob", "\"reason\":null,\"x\":\"blob", "reason", 0 },
};

START_TEST(edited)
{
    struct rf_err err = RF_ERR_INIT;
    char *text = inventory_text();
    companion_edit(text, &edits[_i]);
    expect_refused(load("edited", &err), &err, &edits[_i]);
    free(text);
}
END_TEST

START_TEST(a_blob_twice)
{
    struct rf_err err = RF_ERR_INIT;
    char *text = inventory_text();
    char *line = strstr(text, "\"blobs\":[\n") + strlen("\"blobs\":[\n");
    char *twice = rf_xasprintf("%.*s%.*s%s", (int)(line - text), text,
                               (int)(strchr(line, '\n') - line + 1), line, line);
    write_text("inventory", twice);
    expect_error(load("inventory", &err), RFE_INVALID, err, "stands twice");
    free(twice);
    free(text);
}
END_TEST

Suite *rf_inventory_suite(void)
{
    Suite *s = suite_create("inventory");
    TCase *t = tcase_create("inventory");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    tcase_add_test(t, written_and_loaded);
    tcase_add_test(t, an_empty_one);
    tcase_add_test(t, every_cut_is_noticed);
    tcase_add_loop_test(t, edited, 0, (int)RF_ARRAY_LEN(edits));
    tcase_add_test(t, a_blob_twice);
    suite_add_tcase(s, t);
    return s;
}
