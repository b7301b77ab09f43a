/* SPDX-License-Identifier: Apache-2.0 */
/* Many entries of an index.json changed at once (layout/oci_index.h). */
#include "layout/oci_index.h"

#include <check.h>

#include "base/mem.h"

#define D(c) "sha256:340d6132c83c70278344d127a37371ea04ba76e36b14c203ace233f97e26495" c
#define ENTRY(c, notes)                                                              \
    "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"" D( \
        c) "\",\"size\":2" notes "}"
#define NOTES(more) ",\"annotations\":{" more "}"
#define NAME(name) "\"org.opencontainers.image.ref.name\":\"" name "\""
#define INDEX(entries) "{\"schemaVersion\":2,\"x\":[1],\"manifests\":[" entries "]}"

static const char before[] = INDEX(ENTRY("1", NOTES(NAME("keep"))) "," ENTRY(
    "2",
    NOTES("\"mine\":\"1\"," NAME(
        "unname"))) "," ENTRY("3",
                              NOTES(NAME("drop"))) "," ENTRY("4",
                                                             "") "," ENTRY("1",
                                                                           NOTES(NAME("unname"))));
static const char after[] = INDEX(ENTRY("1", NOTES(NAME("keep"))) "," ENTRY(
    "2", NOTES("\"mine\":\"1\"")) "," ENTRY("4", "") "," ENTRY("1", ""));

struct asked {
    size_t n;
    bool all_kept;
};

static enum rf_oci_fate judge(void *ctx, const struct rf_oci_entry *e)
{
    struct asked *a = ctx;
    a->n++;
    if (a->all_kept || e->name == NULL)
        return a->all_kept ? RF_OCI_KEEP : RF_OCI_UNNAME; /* it has no name: nothing to do */
    if (strcmp(e->name, "drop") == 0)
        return RF_OCI_DROP;
    return strcmp(e->name, "unname") == 0 ? RF_OCI_UNNAME : RF_OCI_KEEP;
}

START_TEST(sift)
{
    RF_CLEANUP(rf_oci_index_unrefp) struct rf_oci_index *ix = NULL;
    RF_CLEANUP(rf_oci_index_unrefp) struct rf_oci_index *out = NULL;
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    struct asked asked = { 0 };
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&text, 0);
    ck_assert_msg(rf_oci_index_parse(rf_slice_str(before), &ix, &err) == 0, "%s", err.msg);
    ck_assert_int_eq(rf_oci_index_sift(ix, judge, &asked, &out, &err), 0);
    ck_assert_uint_eq(asked.n, 5);
    rf_oci_index_format(out, &text);
    ck_assert_str_eq(text.ptr, after);
    ck_assert_uint_eq(out->n, 4);
    ck_assert_str_eq(out->entries[0].name, "keep");
    ck_assert_ptr_null(out->entries[1].name);
    ck_assert_ptr_null(out->entries[3].name);
    /* the old one is as it was */
    rf_buf_clear(&text);
    rf_oci_index_format(ix, &text);
    ck_assert_str_eq(text.ptr, before);
}
END_TEST

START_TEST(nothing_to_change)
{
    RF_CLEANUP(rf_oci_index_unrefp) struct rf_oci_index *ix = NULL;
    struct rf_oci_index *out = NULL;
    struct asked asked = { .all_kept = true };
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_oci_index_parse(rf_slice_str(before), &ix, &err), 0);
    ck_assert_int_eq(rf_oci_index_sift(ix, judge, &asked, &out, &err), 0);
    ck_assert_ptr_null(out);
    ck_assert_uint_eq(asked.n, 5);
}
END_TEST

Suite *rf_oci_sift_suite(void);
Suite *rf_oci_sift_suite(void)
{
    Suite *s = suite_create("oci_sift");
    TCase *t = tcase_create("all");
    tcase_add_test(t, sift);
    tcase_add_test(t, nothing_to_change);
    suite_add_tcase(s, t);
    return s;
}
