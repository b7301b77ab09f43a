/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to requests: exactly what is missing, from where it came from. */
#include "export/repair.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "layout/repair_request.h"
#include "tests/export/helper_export.h"

Suite *rf_repair_suite(void);

/* Two bundles: app:1 (base one) and lib:1 (base three), then app:2 (base one two) and tool:1 (base four) on top. */
static struct rf_bundle_file *scene(void)
{
    static const struct run plain = { 0 };
    struct rf_bundle_file *f = NULL;
    struct rf_err err = RF_ERR_INIT;
    source_image("app", "1", "cfg1", "base one");
    source_image("lib", "1", "cfg3", "base three");
    free(exported(&plain, "ocidir://app ocidir://lib"));
    source_image("app", "2", "cfg2", "base one two");
    source_image("tool", "1", "cfg4", "base four");
    char *path = exported(&plain, "ocidir://app ocidir://lib ocidir://tool");
    expect_ok(rf_bundle_file_open(path, &f, &err), err);
    free(path);
    return f;
}

struct asking {
    struct rf_repair_request doc;
    struct rf_bundle_file *file;
    const struct rf_bundle *b;
};

static void asking_init(struct asking *a)
{
    a->file = scene();
    a->b = rf_bundle_file_doc(a->file);
    rf_repair_request_init(&a->doc);
    memcpy(a->doc.site, a->b->site, sizeof(a->doc.site));
    memcpy(a->doc.chain, a->b->chain, sizeof(a->doc.chain));
    a->doc.bundle = a->b->id;
    a->doc.snapshot = a->b->snapshot;
    a->doc.sequence = a->b->sequence;
}

static void asking_release(struct asking *a)
{
    rf_repair_request_release(&a->doc);
    rf_bundle_file_free(a->file);
}

/* content NULL: the image's manifest */
static void lacks(struct asking *a, const char *repository, const char *tag, const char *content)
{
    const struct rf_image *im = rf_desired_find(&a->b->desired, repository, tag, NULL);
    struct rf_lack lack = { .size = 1, .manifest = content == NULL };
    ck_assert_ptr_nonnull(im);
    lack.image.digest = im->digest;
    lack.image.repository = rf_strings_add(&a->doc.strings, rf_slice_str(repository));
    lack.image.tag = rf_strings_add(&a->doc.strings, rf_slice_str(tag));
    lack.digest = content != NULL ? digest_of(content) : im->digest;
    rf_repair_request_add(&a->doc, &lack);
}

static int answer(struct asking *a, bool strict, struct rf_export_result *out, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    struct run r = { .repair = "request.json", .out = "answer", .strict = strict };
    rf_buf_init(&text, 0);
    expect_ok(rf_repair_request_write(&a->doc, &text, err), *err);
    write_file("request.json", rf_buf_slice(&text));
    return run_create(&r, "", out, err);
}

static void expect_travels(const struct rf_bundle *b, const char *const *rows)
{
    for (; rows[0] != NULL; rows += 2)
        ck_assert_msg(strcmp(travel_of(b, rows[0]), rows[1]) == 0, "%s is %s", rows[0],
                      travel_of(b, rows[0]));
}

START_TEST(one_layer)
{
    static const char *const rows[] = { "one",    "carried", "two",    "absent", "base",
                                        "absent", "cfg2",    "absent", NULL };
    struct asking a;
    struct rf_export_result result;
    struct rf_err err = RF_ERR_INIT;
    asking_init(&a);
    lacks(&a, "app", "2", "one");
    expect_ok(answer(&a, false, &result, &err), err);
    const struct rf_bundle *b = result.plan->bundle;
    expect_travels(b, rows);
    ck_assert_uint_eq(b->n_blobs, 1);
    ck_assert(rf_digest_eq(&b->repairs, &a.b->id) && rf_digest_eq(&b->snapshot, &a.b->snapshot));
    ck_assert_uint_eq(b->sequence, 2);
    expect_whole(result.path);
    rf_export_result_release(&result);
    asking_release(&a);
}
END_TEST

/* Nothing is known of what stands below, but lib:1 is whole, so "base" is there; "one" is what app:2 builds on, and was found. */
START_TEST(an_unread_manifest)
{
    static const char *const rows[] = { "one",     "assumed", "cfg1",   "carried", "base",
                                        "assumed", "two",     "absent", NULL };
    struct asking a;
    struct rf_export_result result;
    struct rf_err err = RF_ERR_INIT;
    asking_init(&a);
    lacks(&a, "app", "1", NULL);
    expect_ok(answer(&a, false, &result, &err), err);
    const struct rf_bundle *b = result.plan->bundle;
    struct rf_digest base = digest_of("base");
    expect_travels(b, rows);
    ck_assert_uint_eq(rf_bundle_carried_count(b), 2);
    const struct rf_bundle_blob *blob = rf_bundle_find(b, &base);
    bool in_lib = false;
    for (uint32_t i = 0; i < blob->n_from; i++)
        in_lib = in_lib || strcmp(rf_bundle_repo(b, blob->first_from + i), "lib") == 0;
    ck_assert(in_lib);
    rf_export_result_release(&result);
    asking_release(&a);
}
END_TEST

START_TEST(what_is_known_is_subtracted)
{
    static const char *const want[] = { "assumed", "carried", "assumed" };
    struct asking a;
    struct rf_export_result result;
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest config = digest_of("cfg1");
    asking_init(&a);
    lacks(&a, "app", "1", NULL);
    if (_i == 0)
        rf_repair_request_add_found(&a.doc, "app", &config);
    else /* a snapshot that lacks the manifest tells nothing of what is below, another does */
        rf_repair_request_add_known(&a.doc, &a.b->bases[0], &a.doc.missing[0].digest, _i == 1);
    expect_ok(answer(&a, false, &result, &err), err);
    ck_assert_str_eq(travel_of(result.plan->bundle, "cfg1"), want[_i]);
    rf_export_result_release(&result);
    asking_release(&a);
}
END_TEST

START_TEST(a_known_snapshot_that_is_not_in_the_history)
{
    struct asking a;
    struct rf_export_result result;
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest other = digest_of("another snapshot");
    asking_init(&a);
    lacks(&a, "app", "1", "one");
    rf_repair_request_add_known(&a.doc, &other, NULL, 0);
    expect_ok(answer(&a, false, &result, &err), err);
    ck_assert_str_eq(travel_of(result.plan->bundle, "one"), "carried");
    rf_export_result_release(&result);
    asking_release(&a);
}
END_TEST

/* ---- what is refused ---- */

static void other_site(struct asking *a)
{
    memcpy(a->doc.site, "elsewhere", 10);
}
static void other_chain(struct asking *a)
{
    memset(a->doc.chain, 'a', RF_CHAIN_HEX);
}
static void other_bundle(struct asking *a)
{
    a->doc.bundle = digest_of("unknown");
}
static void other_blob(struct asking *a)
{
    lacks(a, "lib", "1", "two"); /* the bundle has it, the image does not */
}
static void other_image(struct asking *a)
{
    a->doc.missing[0].image.digest = digest_of("another");
}
static void nothing(struct asking *a)
{
    a->doc.n_missing = 0;
}

static const struct {
    const char *name;
    void (*change)(struct asking *a);
    int code;
    const char *why;
} refusals[] = {
    { "site", other_site, RFE_REFUSED, "site elsewhere" },
    { "chain", other_chain, RFE_REFUSED, "does not know" },
    { "bundle", other_bundle, RFE_REFUSED, "does not know" },
    { "blob", other_blob, RFE_REFUSED, "does not have so" },
    { "image", other_image, RFE_REFUSED, "does not have so" },
    { "nothing", nothing, RFE_USAGE, "asks for nothing" },
};

START_TEST(refused)
{
    struct asking a;
    struct rf_export_result result;
    struct rf_err err = RF_ERR_INIT;
    asking_init(&a);
    lacks(&a, "app", "2", "one");
    refusals[_i].change(&a);
    int rc = answer(&a, false, &result, &err);
    ck_assert_msg(rc == -refusals[_i].code && strstr(err.msg, refusals[_i].why) != NULL, "%s: %s",
                  refusals[_i].name, err.msg);
    char *left = names_in("answer");
    ck_assert_str_eq(left, "");
    free(left);
    rf_export_result_release(&result);
    asking_release(&a);
}
END_TEST

/* ---- what cannot be had ---- */

START_TEST(a_lost_source_is_a_hole)
{
    struct asking a;
    struct rf_export_result result;
    struct rf_err err = RF_ERR_INIT;
    asking_init(&a);
    lacks(&a, "app", "1", "one");
    lacks(&a, "tool", "1", "four");
    source_lose("tool", "four");
    expect_error(answer(&a, true, &result, &err), RFE_FAILED, err, "--strict");
    rf_export_result_release(&result);
    expect_ok(answer(&a, false, &result, &err), err);
    char *told = story(result.plan->bundle);
    ck_assert_str_eq(told, "unchanged app:1\nunchanged app:2\nunchanged lib:1\nunchanged tool:1\n"
                           "hole tool:1\n");
    free(told);
    char *rules = rules_of(result.plan);
    ck_assert_str_eq(rules, "unchanged app:1: request request.json, asked for\n"
                            "unchanged app:2: request request.json, not asked for\n"
                            "unchanged lib:1: request request.json, not asked for\n"
                            "unchanged tool:1: request request.json, asked for\n"
                            "hole tool:1: request request.json, asked for\n");
    free(rules);
    ck_assert_str_eq(travel_of(result.plan->bundle, "one"), "carried");
    ck_assert_str_eq(travel_of(result.plan->bundle, "four"), "absent");
    rf_export_result_release(&result);
    asking_release(&a);
}
END_TEST

START_TEST(wrong_bytes_while_writing)
{
    struct asking a;
    struct rf_export_result result;
    struct rf_err err = RF_ERR_INIT;
    asking_init(&a);
    lacks(&a, "app", "1", "one");
    lacks(&a, "tool", "1", "four");
    source_spoil("tool", "four");
    expect_ok(answer(&a, false, &result, &err), err);
    ck_assert_uint_eq(result.plan->bundle->n_holes, 1);
    ck_assert_str_eq(travel_of(result.plan->bundle, "four"), "absent");
    struct rf_rule rule = { 0 };
    ck_assert(rf_rules_get(&result.plan->rules, result.plan->bundle->holes[0].rule, &rule));
    ck_assert_str_eq(rule.how, "asked for");
    expect_whole(result.path);
    rf_export_result_release(&result);
    asking_release(&a);
}
END_TEST

START_TEST(nothing_could_be_had)
{
    struct asking a;
    struct rf_export_result result;
    struct rf_err err = RF_ERR_INIT;
    asking_init(&a);
    lacks(&a, "tool", "1", "four");
    source_lose("tool", "four");
    expect_error(answer(&a, false, &result, &err), RFE_FAILED, err, "nothing that was asked for");
    rf_export_result_release(&result);
    asking_release(&a);
}
END_TEST

/* A blob that another image's source has as well is read there. */
START_TEST(another_source)
{
    struct asking a;
    struct rf_export_result result;
    struct rf_err err = RF_ERR_INIT;
    asking_init(&a);
    lacks(&a, "app", "1", "base");
    source_lose("app", "base");
    expect_ok(answer(&a, false, &result, &err), err);
    ck_assert_uint_eq(result.plan->bundle->n_holes, 0);
    expect_whole(result.path);
    rf_export_result_release(&result);
    asking_release(&a);
}
END_TEST

/* ---- beside the chain ---- */

START_TEST(the_chain_goes_on)
{
    static const struct run plain = { 0 };
    struct asking a;
    struct rf_export_result result, again;
    struct rf_err err = RF_ERR_INIT;
    char id[RF_DIGEST_TEXT];
    asking_init(&a);
    lacks(&a, "app", "2", "one");
    expect_ok(answer(&a, false, &result, &err), err);
    source_image("app", "3", "cfg5", "base five");
    expect_ok(run_create(&plain, "ocidir://app ocidir://lib ocidir://tool", &again, &err), err);
    ck_assert_uint_eq(again.plan->bundle->sequence, 3);
    ck_assert(rf_digest_eq(&again.plan->bundle->parent, &a.b->id));
    rf_export_result_release(&again);
    /* the same request, the same bytes; and by its id */
    expect_ok(run_again(&plain, rf_digest_text(&result.plan->bundle->id, id), "anew", &again, &err),
              err);
    expect_same_files(result.path, again.path);
    char *rules = rules_of(again.plan);
    /* "one" is in both */
    ck_assert_str_eq(rules, "unchanged app:1: --again, carried again\n"
                            "unchanged app:2: --again, carried again\n"
                            "unchanged lib:1: --again, as recorded\n"
                            "unchanged tool:1: --again, as recorded\n");
    free(rules);
    rf_export_result_release(&again);
    rf_export_result_release(&result);
    asking_release(&a);
}
END_TEST

Suite *rf_repair_suite(void)
{
    Suite *s = suite_create("repair");
    TCase *t = tcase_create("repair");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    tcase_add_test(t, one_layer);
    tcase_add_test(t, an_unread_manifest);
    tcase_add_loop_test(t, what_is_known_is_subtracted, 0, 3);
    tcase_add_test(t, a_known_snapshot_that_is_not_in_the_history);
    tcase_add_loop_test(t, refused, 0, (int)RF_ARRAY_LEN(refusals));
    tcase_add_test(t, a_lost_source_is_a_hole);
    tcase_add_test(t, wrong_bytes_while_writing);
    tcase_add_test(t, nothing_could_be_had);
    tcase_add_test(t, another_source);
    tcase_add_test(t, the_chain_goes_on);
    suite_add_tcase(s, t);
    return s;
}
