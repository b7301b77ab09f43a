/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/bundle_report.h"

#include <stdlib.h>

#include <check.h>

#include "base/mem.h"
#include "manifests/media_type.h"
#include "tests/layout/helper_bundle.h"

Suite *rf_bundle_report_suite(void);

#define SHA(c) "sha256:" c c c c c c c c c c c c c c c c

static struct rf_digest of(const char *text)
{
    struct rf_digest d;
    ck_assert_int_eq(rf_digest_parse(rf_slice_str(text), &d, NULL), 0);
    return d;
}

static void fill(struct made *m)
{
    struct rf_digest a = of(SHA("aaaa")), b = of(SHA("bbbb"));
    made_init(m);
    m->b.bases[m->b.n_bases++] = of(SHA("1111"));
    m->b.bases[m->b.n_bases++] = of(SHA("2222"));
    made_image(m, "app", "1", &a, RF_MT_OCI_INDEX, RF_IMAGE_NEW, "r/app:1")->n_children = 2;
    made_image(m, "app", "", &b, RF_MT_OCI_MANIFEST, RF_IMAGE_HELD, "r/app");
    made_image(m, "lib", "2", &b, RF_MT_OCI_MANIFEST, RF_IMAGE_NEW, "r/lib:2");
    made_hole(m, "app", "3", "r/app:3", "away");
}

static void expect(struct rf_buf *out, const char *want)
{
    ck_assert_str_eq(out->ptr, want);
    rf_buf_clear(out);
}

START_TEST(texts)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    uint64_t n[RF_IMAGE_HELD + 1];
    struct made m;
    fill(&m);
    rf_buf_init(&out, 0);
    rf_bundle_count_images(&m.b, n);
    ck_assert_uint_eq(n[RF_IMAGE_NEW], 2);
    ck_assert_uint_eq(n[RF_IMAGE_CHANGED], 0);
    ck_assert_uint_eq(n[RF_IMAGE_HELD], 1);
    rf_bundle_images_text(&m.b, &out);
    expect(&out, "images    2 new, 0 changed, 0 unchanged, 0 removed, 1 held, 1 hole");
    rf_bundle_image_text(&m.b.desired, &m.b.desired.images[0], &out);
    expect(&out, "new       app:1 " SHA("aaaa") " (2 platforms chosen)");
    rf_bundle_image_text(&m.b.desired, &m.b.desired.images[1], &out);
    expect(&out, "held      app@" SHA("bbbb"));
    rf_bundle_bases_text(&m.b, &out);
    expect(&out, "base      snapshot " SHA("1111") "\nbase      snapshot " SHA("2222") "\n");
    made_release(&m);
}
END_TEST

START_TEST(json)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    struct made m;
    fill(&m);
    rf_buf_init(&out, 0);
    rf_bundle_bases_json(&m.b, &out);
    expect(&out, ",\"bases\":[\"" SHA("1111") "\",\"" SHA("2222") "\"]");
    m.b.n_bases = 0;
    m.b.repairs = of(SHA("cccc"));
    rf_bundle_bases_json(&m.b, &out);
    expect(&out, ",\"repairs\":\"" SHA("cccc") "\",\"bases\":[]");
    rf_hole_json(&m.b, &m.b.holes[0], &out);
    expect(&out,
           "{\"repository\":\"app\",\"tag\":\"3\",\"source\":\"r/app:3\",\"reason\":\"away\"}");
    made_release(&m);
}
END_TEST

Suite *rf_bundle_report_suite(void)
{
    Suite *s = suite_create("bundle_report");
    TCase *t = tcase_create("parts");
    tcase_add_test(t, texts);
    tcase_add_test(t, json);
    suite_add_tcase(s, t);
    return s;
}
