/* SPDX-License-Identifier: Apache-2.0 */
/* refused of bundle.json. */
#include <stdlib.h>

#include "base/mem.h"
#include "layout/bundle.h"
#include "manifests/media_type.h"
#include "tests/layout/helper_bundle.h"
#include "tests/layout/helper_companion.h"

Suite *rf_bundle_refused_suite(void);

static void refuse(struct made *m, const char *repository, const char *tag, const char *digest)
{
    struct rf_bundle *b = &m->b;
    struct rf_strings *s = &b->desired.strings;
    struct rf_bundle_refused r = { .digest = digest_of(digest) };
    r.repository = rf_strings_add(s, rf_slice_str(repository));
    r.tag = rf_strings_add(s, rf_slice_str(tag));
    r.source = rf_strings_add(s, rf_slice_str("reg/app"));
    r.reason = rf_strings_add(s, rf_slice_str("carry: too \"old\""));
    b->refused = rf_grow(b->refused, b->n_refused, &b->cap_refused, sizeof(*b->refused));
    b->refused[b->n_refused++] = r;
}

/* In another order than the sorted one, and one of them twice; a held line of the same name is fine. */
static void fill(struct made *m)
{
    made_init(m);
    m->b.bases[m->b.n_bases++] = digest_of("base");
    struct rf_digest manifest = made_content(m, RF_DIGEST_SHA256, "manifest");
    made_image(m, "team/app", "2", &manifest, RF_MT_OCI_MANIFEST, RF_IMAGE_HELD, "reg/app:2");
    struct rf_digest new = made_content(m, RF_DIGEST_SHA256, "new");
    made_image(m, "team/app", "3", &new, RF_MT_OCI_MANIFEST, RF_IMAGE_NEW, "reg/app:3");
    made_blob(m, RF_BLOB_MANIFEST, &new, RF_MT_OCI_MANIFEST, "team/app", NULL);
    refuse(m, "team/app", "2", "two");
    refuse(m, "team/app", "1", "one");
    refuse(m, "team/app", "", "loose");
    refuse(m, "team/app", "1", "one");
}

START_TEST(written_and_read)
{
    struct made m;
    struct rf_bundle back;
    struct rf_err err = RF_ERR_INIT;
    fill(&m);
    made_seal(&m);
    char *text = bundle_json_of(&m.b);
    ck_assert_ptr_nonnull(strstr(text,
                                 "\"holes\":[\n],\n\"refused\":[\n"
                                 "{\"repository\":\"team/app\",\"tag\":\"\",\"digest\":\"sha256:"));
    ck_assert_ptr_nonnull(strstr(
        text, "\"source\":\"reg/app\",\"reason\":\"carry: too \\\"old\\\"\"}\n],\n\"blobs\""));
    rf_bundle_init(&back);
    expect_ok(bundle_read_text(rf_slice_str(text), &back, &err), err);
    char *again = bundle_json_of(&back);
    expect_text(again, text, "read and written");
    ck_assert_uint_eq(back.n_refused, 3);
    struct rf_digest loose = digest_of("loose"), other = digest_of("other");
    ck_assert_ptr_nonnull(rf_bundle_find_refused(&back, "team/app", "1", &other));
    ck_assert_ptr_nonnull(rf_bundle_find_refused(&back, "team/app", "2", &other));
    ck_assert_ptr_nonnull(rf_bundle_find_refused(&back, "team/app", "", &loose));
    ck_assert_ptr_null(rf_bundle_find_refused(&back, "team/app", "", &other));
    ck_assert_ptr_null(rf_bundle_find_refused(&back, "team/app", "3", &other));
    ck_assert_ptr_null(rf_bundle_find_refused(&back, "team/ap", "1", &other));
    rf_bundle_release(&back);
    made_release(&m);
    free(again);
    free(text);
}
END_TEST

static const struct companion_edit edits[] = {
    { "out of order", "\"tag\":\"\",\"digest\"", "\"tag\":\"5\",\"digest\"", "out of order",
      RFE_DAMAGED },
    { "it travels", "{\"repository\":\"team/app\",\"tag\":\"2\",\"digest\":\"sha256:3",
      "{\"repository\":\"team/app\",\"tag\":\"3\",\"digest\":\"sha256:3", "travels", RFE_DAMAGED },
    { "no tag", "{\"repository\":\"team/app\",\"tag\":\"1\"",
      "{\"repository\":\"team/app\",\"tag\":\"a b\"", "not a tag", RFE_DAMAGED },
    { "no repository", "{\"repository\":\"team/app\",\"tag\":\"1\"",
      "{\"repository\":\"Team\",\"tag\":\"1\"", "not a repository", RFE_DAMAGED },
    { "no digest", "\"tag\":\"1\",\"digest\":\"sha256:", "\"tag\":\"1\",\"digest\":\"sha255:",
      "digest", RFE_DAMAGED },
    { "a number", "\"reason\":\"carry: too \\\"old\\\"\"", "\"reason\":1", "reason", RFE_DAMAGED },
    { "in other letters", "\"refused\":[", "\"Refused\":[", "other letters", RFE_DAMAGED },
    { "behind the blobs", "\"blobs\":[", "\"someday\":[\n],\n\"volumes\":[", "blobs is missing",
      RFE_DAMAGED },
};

START_TEST(edited)
{
    struct made m;
    fill(&m);
    made_expect_refused(&m, &edits[_i]);
}
END_TEST

Suite *rf_bundle_refused_suite(void)
{
    Suite *s = suite_create("bundle_refused");
    TCase *t = tcase_create("bundle_refused");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    tcase_add_test(t, written_and_read);
    tcase_add_loop_test(t, edited, 0, (int)RF_ARRAY_LEN(edits));
    suite_add_tcase(s, t);
    return s;
}
