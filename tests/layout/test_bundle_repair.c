/* SPDX-License-Identifier: Apache-2.0 */
/* The feature "repair" of bundle.json. */
#include <stdlib.h>

#include "base/mem.h"
#include "manifests/media_type.h"
#include "tests/layout/helper_bundle.h"
#include "tests/layout/helper_companion.h"

Suite *rf_bundle_repair_suite(void);

/* A loose layer for an image that is not in the bundle. */
static void fill(struct made *m)
{
    made_init(m);
    m->b.repairs = digest_of("another bundle");
    m->b.bases[m->b.n_bases++] = digest_of("base");
    struct rf_digest manifest = made_content(m, RF_DIGEST_SHA256, "manifest");
    struct rf_digest layer = made_content(m, RF_DIGEST_SHA256, "layer");
    made_image(m, "team/app", "1", &manifest, RF_MT_OCI_MANIFEST, RF_IMAGE_UNCHANGED, "reg/app:1");
    made_blob(m, RF_BLOB_LAYER, &layer, RF_MT_OCI_LAYER, "team/app", NULL);
}

START_TEST(written_and_read)
{
    struct made m;
    struct rf_bundle back;
    struct rf_err err = RF_ERR_INIT;
    fill(&m);
    made_seal(&m);
    char *text = bundle_json_of(&m.b);
    ck_assert_ptr_nonnull(strstr(text, "\"features\":[\"repair\"],\n\"repairs\":\"sha256:"));
    rf_bundle_init(&back);
    expect_ok(bundle_read_text(rf_slice_str(text), &back, &err), err);
    ck_assert(rf_bundle_is_repair(&back));
    expect_same_document(&m.b, &back);
    rf_bundle_release(&back);
    made_release(&m);
    free(text);
}
END_TEST

static const struct companion_edit edits[] = {
    { "no feature", "\"features\":[\"repair\"]", "\"features\":[]", "repairs", RFE_DAMAGED },
    { "another feature", "[\"repair\"]", "[\"repair\",\"more\"]", "more", RFE_NOT_BUNDLE },
    { "the feature twice", "[\"repair\"]", "[\"repair\",\"repair\"]", "twice", RFE_DAMAGED },
    { "a feature that is no text", "[\"repair\"]", "[7]", "strings", RFE_DAMAGED },
    { "for nothing", "\"repairs\":\"sha256:", "\"later\":\"sha256:", "repairs", RFE_DAMAGED },
    { "for null", "\"repairs\":\"", "\"repairs\":null,\n\"later\":\"", "repairs", RFE_DAMAGED },
    { "in other letters", "\"repairs\":", "\"Repairs\":", "in other letters", RFE_DAMAGED },
    { "it changes an image", "\"status\":\"unchanged\"", "\"status\":\"changed\"",
      "changes no image", RFE_DAMAGED },
    { "for an odd digest", "\"repairs\":\"sha256:", "\"repairs\":\"sha1:", "repairs", RFE_DAMAGED },
};

START_TEST(edited)
{
    struct made m;
    fill(&m);
    made_expect_refused(&m, &edits[_i]);
}
END_TEST

START_TEST(sealing_checks)
{
    struct made m;
    struct rf_err err = RF_ERR_INIT;
    fill(&m);
    m.b.n_bases = 0;
    expect_error(rf_bundle_seal(&m.b, &err), RFE_INVALID, err, "at least one");
    made_release(&m);
    fill(&m);
    m.b.desired.images[0].status = RF_IMAGE_HELD;
    expect_error(rf_bundle_seal(&m.b, &err), RFE_INVALID, err, "held");
    made_release(&m);
}
END_TEST

Suite *rf_bundle_repair_suite(void)
{
    Suite *s = suite_create("bundle_repair");
    TCase *t = tcase_create("bundle_repair");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    tcase_add_test(t, written_and_read);
    tcase_add_loop_test(t, edited, 0, (int)RF_ARRAY_LEN(edits));
    tcase_add_test(t, sealing_checks);
    suite_add_tcase(s, t);
    return s;
}
