/* SPDX-License-Identifier: Apache-2.0 */
/* asOf, retain and candidates of bundle.json. */
#include <stdlib.h>

#include "base/mem.h"
#include "layout/bundle_retain.h"
#include "manifests/media_type.h"
#include "tests/layout/helper_bundle.h"
#include "tests/layout/helper_companion.h"

Suite *rf_bundle_retain_suite(void);

/* Two candidates in another order than the sorted one, and one of them twice. */
static void fill(struct made *m)
{
    struct rf_digest gone = digest_of("gone"), loose = digest_of("loose");
    made_init(m);
    m->b.bases[m->b.n_bases++] = digest_of("base");
    struct rf_digest manifest = made_content(m, RF_DIGEST_SHA256, "manifest");
    made_image(m, "team/app", "2", &manifest, RF_MT_OCI_MANIFEST, RF_IMAGE_UNCHANGED, "reg/app:2");
    made_hole(m, "team/hole", "", "reg/hole", "away");
    struct rf_bundle_retain *r = &m->b.retain;
    *r = (struct rf_bundle_retain){ .set = true,
                                    .has_as_of = true,
                                    .as_of = 1700000000,
                                    .has_max = true,
                                    .percent = true,
                                    .max_delete = 10,
                                    .grace_s = 3600,
                                    .known = 3 };
    rf_bundle_add_rule(&m->b, "keepNone");
    rf_bundle_add_candidate(&m->b, "team/app", "1", &gone, "retain.rules[0]");
    rf_bundle_add_candidate(&m->b, "team/app", "", &loose, "retain.rules[0]");
    rf_bundle_add_candidate(&m->b, "team/app", "1", &gone, "retain.rules[0]");
}

START_TEST(written_and_read)
{
    struct made m;
    struct rf_bundle back;
    struct rf_err err = RF_ERR_INIT;
    fill(&m);
    made_seal(&m);
    char *text = bundle_json_of(&m.b);
    ck_assert_ptr_nonnull(strstr(
        text,
        "\"asOf\":\"2023-11-14T22:13:20Z\",\n"
        "\"retain\":{\"graceSeconds\":3600,\"maxPercent\":10,\"known\":3,\"rules\":[\"keepNone\"]},\n"
        "\"candidates\":[\n{\"repository\":\"team/app\",\"tag\":\"\",\"digest\":\"sha256:"));
    rf_bundle_init(&back);
    expect_ok(bundle_read_text(rf_slice_str(text), &back, &err), err);
    char *again = bundle_json_of(&back);
    expect_text(again, text, "read and written");
    ck_assert(back.retain.set && back.retain.has_as_of && back.retain.percent);
    ck_assert_int_eq(back.retain.as_of, 1700000000);
    ck_assert_uint_eq(back.retain.n, 2);
    ck_assert_str_eq(rf_desired_str(&back.desired, back.retain.candidates[1].tag), "1");
    rf_bundle_release(&back);
    made_release(&m);
    free(again);
    free(text);
}
END_TEST

static const struct companion_edit edits[] = {
    { "no rules", "\"retain\":{", "\"someday\":{", "candidates", RFE_DAMAGED },
    { "no candidates", "\"candidates\":[", "\"someday\":[", "candidates is missing", RFE_DAMAGED },
    { "another time", "22:13:20Z", "22:13:20+01:00", "not a time in UTC", RFE_DAMAGED },
    { "no object",
      "\"retain\":{\"graceSeconds\":3600,\"maxPercent\":10,\"known\":3,\"rules\":[\"keepNone\"]}",
      "\"retain\":[1]", "not an object", RFE_DAMAGED },
    { "two caps", "\"maxPercent\":10", "\"maxPercent\":10,\"maxDelete\":1", "two caps",
      RFE_DAMAGED },
    { "more than all", "\"maxPercent\":10", "\"maxPercent\":101", "reason", RFE_DAMAGED },
    { "endless grace", "\"graceSeconds\":3600", "\"graceSeconds\":9000000000000000000", "reason",
      RFE_DAMAGED },
    { "a wanted image", "\"tag\":\"1\"", "\"tag\":\"2\"", "is wanted", RFE_DAMAGED },
    { "a hole", "{\"repository\":\"team/app\",\"tag\":\"1\"",
      "{\"repository\":\"team/hole\",\"tag\":\"1\"", "is a hole", RFE_DAMAGED },
    { "out of order", "\"tag\":\"\",\"digest\"", "\"tag\":\"3\",\"digest\"", "out of order",
      RFE_DAMAGED },
    { "no tag", "\"tag\":\"1\"", "\"tag\":\"a b\"", "not a tag", RFE_DAMAGED },
    { "no repository", "{\"repository\":\"team/app\",\"tag\":\"1\"",
      "{\"repository\":\"Team\",\"tag\":\"1\"", "not a repository", RFE_DAMAGED },
    { "a repair", "\"features\":[]",
      "\"features\":[\"repair\"],\n\"repairs\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\"",
      "lets nothing go", RFE_DAMAGED },
};

START_TEST(edited)
{
    struct made m;
    fill(&m);
    made_expect_refused(&m, &edits[_i]);
}
END_TEST

Suite *rf_bundle_retain_suite(void)
{
    Suite *s = suite_create("bundle_retain");
    TCase *t = tcase_create("bundle_retain");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    tcase_add_test(t, written_and_read);
    tcase_add_loop_test(t, edited, 0, (int)RF_ARRAY_LEN(edits));
    suite_add_tcase(s, t);
    return s;
}
