/* SPDX-License-Identifier: Apache-2.0 */
/* What comes back from a site: receipts and inventories, and bundles that build on them. */
#include "export/record.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "export/build.h"
#include "tests/export/helper_export.h"

Suite *rf_record_suite(void);

static const struct run plain = { 0 };

static int record(const char *path, struct rf_err *err)
{
    RF_CLEANUP(rf_export_state_freep) struct rf_export_state *state = NULL;
    RF_CLEANUP(rf_buf_release) struct rf_buf said;
    struct rf_err why = RF_ERR_INIT;
    rf_buf_init(&said, 0);
    expect_ok(rf_export_state_open("state", "site", 0, &state, &why), why);
    return rf_export_record_file(state, path, &said, err);
}

/* A receipt of the bundle file; `refused` is an image's tag in app. */
static void receipt_of(const char *bundle, const char *time, const char *refused, const char *path)
{
    struct rf_bundle_file *f = NULL;
    struct rf_err err = RF_ERR_INIT;
    struct rf_receipt r;
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    expect_ok(rf_bundle_file_open(bundle, &f, &err), err);
    const struct rf_bundle *b = rf_bundle_file_doc(f);
    rf_receipt_init(&r);
    memcpy(r.site, b->site, sizeof(r.site));
    memcpy(r.chain, b->chain, sizeof(r.chain));
    r.bundle = b->id;
    r.snapshot = b->snapshot;
    r.sequence = b->sequence;
    r.time = rf_xstrdup(time);
    for (size_t i = 0; i < b->desired.n; i++) {
        const struct rf_image *im = &b->desired.images[i];
        const char *tag = rf_desired_str(&b->desired, im->tag);
        bool no = strcmp(tag, refused) == 0;
        rf_receipt_add(&r, rf_desired_str(&b->desired, im->repository), tag, &im->digest,
                       no ? "destination" : NULL, no ? "no" : NULL);
    }
    rf_buf_init(&text, 0);
    expect_ok(rf_receipt_write(&r, &text, &err), err);
    write_file(path, rf_buf_slice(&text));
    rf_receipt_release(&r);
    rf_bundle_file_free(f);
}

static void expect_plan_on(const char *base, const char *args, const char *want)
{
    const char *bases[] = { base };
    struct run r = { .bases = bases, .n_bases = 1 };
    struct rf_export_result result;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(run_plan(&r, args, &result, &err), err);
    char *got = story(result.plan->bundle);
    ck_assert_str_eq(got, want);
    free(got);
    rf_export_result_release(&result);
}

START_TEST(confirmed)
{
    struct run r = { .n_bases = 1, .bases = (const char *const[]){ "confirmed" } };
    struct rf_export_result result;
    struct rf_err err = RF_ERR_INIT;
    source_image("app", "1", "cfg1", "base one");
    source_image("app", "2", "cfg2", "base two");
    char *first = exported(&plain, "ocidir://app");
    source_image("app", "3", "cfg3", "base three");
    char *second = exported(&plain, "ocidir://app");
    expect_error(run_plan(&r, "ocidir://app", &result, &err), RFE_NOT_FOUND, err, "record");
    rf_export_result_release(&result);

    receipt_of(first, "2026-01-02T03:04:05Z", "-", "receipt");
    expect_ok(record("receipt", &err), err);
    expect_ok(record("receipt", &err), err);
    expect_plan_on("confirmed", "ocidir://app", "unchanged app:1\nunchanged app:2\nnew app:3\n");

    receipt_of(second, "2026-01-03T03:04:05Z", "2", "receipt");
    expect_ok(record("receipt", &err), err);
    expect_plan_on("confirmed", "ocidir://app", "unchanged app:1\nnew app:2\nunchanged app:3\n");

    /* an earlier one of the same bundle changes nothing, a later one does */
    receipt_of(second, "2026-01-03T03:04:04Z", "-", "receipt");
    expect_ok(record("receipt", &err), err);
    expect_plan_on("confirmed", "ocidir://app", "unchanged app:1\nnew app:2\nunchanged app:3\n");
    receipt_of(second, "2026-01-03T03:04:06Z", "-", "receipt");
    expect_ok(record("receipt", &err), err);
    expect_plan_on("confirmed", "ocidir://app",
                   "unchanged app:1\nunchanged app:2\nunchanged app:3\n");
    free(first);
    free(second);
}
END_TEST

START_TEST(receipts_that_are_not_ours)
{
    struct rf_err err = RF_ERR_INIT;
    struct run other = { .state = "other", .site = "elsewhere", .out = "other-out" };
    struct run fresh = { .state = "fresh", .out = "fresh-out" };
    source_image("app", "1", "cfg1", "base one");
    free(exported(&plain, "ocidir://app"));
    char *foreign = exported(&other, "ocidir://app");
    source_image("app", "2", "cfg2", "base two");
    char *unknown = exported(&fresh, "ocidir://app");
    receipt_of(foreign, "2026-01-02T03:04:05Z", "-", "receipt");
    expect_error(record("receipt", &err), RFE_REFUSED, err, "site elsewhere");
    receipt_of(unknown, "2026-01-02T03:04:05Z", "-", "receipt");
    expect_error(record("receipt", &err), RFE_REFUSED, err, "does not know");
    write_text("odd", "{}");
    expect_error(record("odd", &err), RFE_INVALID, err, "neither");
    write_text("odd", "");
    expect_error(record("odd", &err), RFE_INVALID, err, "it is empty");
    write_text("odd", "{\r\n\"receiptVersion\":1,\r\n");
    expect_error(record("odd", &err), RFE_INVALID, err, "CR and LF");
    ck_assert_int_eq(record("absent", &err), -RFE_NOT_FOUND);
    char *left = names_in("state/receipts");
    ck_assert_str_eq(left, "");
    free(left);
    free(foreign);
    free(unknown);
}
END_TEST

/* Replaces a part of a file, which has to be there. */
static void edit(const char *path, const char *part, const char *by)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&text, 0);
    expect_ok(rf_file_read(path, &text, &err), err);
    char *at = strstr(text.ptr, part);
    ck_assert_ptr_nonnull(at);
    RF_CLEANUP(rf_freep)
    char *edited = rf_xasprintf("%.*s%s%s", (int)(at - text.ptr), text.ptr, by, at + strlen(part));
    write_text(path, edited);
}

/* It tells of every image of its bundle, and of no other. */
START_TEST(receipts_that_were_changed)
{
    struct rf_err err = RF_ERR_INIT;
    source_image("app", "1", "cfg1", "base one");
    source_image("app", "2", "cfg2", "base two");
    char *bundle = exported(&plain, "ocidir://app");
    receipt_of(bundle, "2026-01-02T03:04:05Z", "2", "receipt");
    edit("receipt", "\"tag\":\"2\"", "\"tag\":\"22\"");
    expect_error(record("receipt", &err), RFE_REFUSED, err, "what became of app:2");
    receipt_of(bundle, "2026-01-02T03:04:05Z", "-", "receipt");
    edit(
        "receipt", "\"result\":\"present\"}\n]",
        "\"result\":\"present\"},\n{\"repository\":\"app\",\"tag\":\"3\",\"digest\":\"sha256:"
        "6dec86dc4fa9ac0612d71caf4b43a682cfbe7a6c131594e00ff0b9456304f13c\",\"result\":\"present\"}\n]");
    expect_error(record("receipt", &err), RFE_REFUSED, err, "tells of 3 images, its bundle has 2");
    char *left = names_in("state/receipts");
    ck_assert_str_eq(left, "");
    receipt_of(bundle, "2026-01-02T03:04:05Z", "-", "receipt");
    expect_ok(record("receipt", &err), err);
    free(left);
    free(bundle);
}
END_TEST

/* ---- inventories ---- */

/* Of the images of a snapshot in the history, and a tag that nobody here knows. */
static void inventory_of(const char *site, const char *path, char name[RF_DIGEST_TEXT])
{
    RF_CLEANUP(rf_export_state_freep) struct rf_export_state *state = NULL;
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    struct rf_inventory v;
    struct rf_snapshot s;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_export_state_open("state", "site", 0, &state, &err), err);
    char *from = rf_export_state_snapshot_path(state, &rf_export_state_last(state)->snapshot);
    rf_snapshot_init(&s);
    expect_ok(rf_snapshot_load(&s, from, &err), err);
    rf_inventory_init(&v);
    memcpy(v.snapshot.site, site, strlen(site) + 1);
    v.time = rf_xstrdup("2026-01-02T03:04:05Z");
    rf_snapshot_copy_line(&v.snapshot, &s, &s.desired.images[0], RF_IMAGE_UNCHANGED);
    rf_snapshot_copy_line(&v.snapshot, &s, &s.desired.images[0], RF_IMAGE_UNCHANGED);
    struct rf_desired *d = &v.snapshot.desired;
    d->images[1].tag = rf_strings_add(&d->strings, rf_slice_str("strange"));
    d->images[0].source = d->images[1].source = rf_strings_add(&d->strings, rf_slice_str(""));
    rf_buf_init(&text, 0);
    expect_ok(rf_inventory_write(&v, &text, &err), err);
    write_file(path, rf_buf_slice(&text));
    rf_digest_hex(&v.snapshot.id, name);
    rf_inventory_release(&v);
    rf_snapshot_release(&s);
    free(from);
}

START_TEST(an_inventory_is_a_base)
{
    static const char want[] = "unchanged app:1\nnew app:2\n"; /* nothing is removed */
    const char *bases[] = { "inventory" };
    struct run r = { .bases = bases, .n_bases = 1 };
    struct rf_export_result result;
    struct rf_err err = RF_ERR_INIT;
    char name[RF_DIGEST_TEXT];
    source_image("app", "1", "cfg1", "base one");
    source_image("app", "2", "cfg2", "base two");
    free(exported(&plain, "ocidir://app"));
    inventory_of("site", "inventory", name);
    expect_plan_on("inventory", "ocidir://app", want);
    expect_ok(record("inventory", &err), err);
    expect_ok(record("inventory", &err), err);
    name[16] = '\0';
    expect_plan_on(name, "ocidir://app", want);
    /* a bundle comes of it, and the source of what did not change is known again */
    expect_ok(run_create(&r, "ocidir://app", &result, &err), err);
    const struct rf_desired *d = &result.plan->bundle->desired;
    ck_assert_str_eq(rf_desired_str(d, d->images[0].source), "ocidir://app:1");
    ck_assert_str_eq(travel_of(result.plan->bundle, "base"), "assumed");
    expect_whole(result.path);
    rf_export_result_release(&result);
}
END_TEST

START_TEST(an_inventory_of_another_site)
{
    const char *bases[] = { "inventory" };
    struct run r = { .bases = bases, .n_bases = 1 };
    struct rf_export_result result;
    struct rf_err err = RF_ERR_INIT;
    char name[RF_DIGEST_TEXT];
    source_image("app", "1", "cfg1", "base one");
    free(exported(&plain, "ocidir://app"));
    inventory_of("elsewhere", "inventory", name);
    expect_error(run_plan(&r, "ocidir://app", &result, &err), RFE_REFUSED, err, "elsewhere");
    rf_export_result_release(&result);
    expect_error(record("inventory", &err), RFE_REFUSED, err, "elsewhere");
}
END_TEST

START_TEST(history_tells)
{
    struct rf_export_state *state = NULL;
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    char name[RF_DIGEST_TEXT];
    source_image("app", "1", "cfg1", "base one");
    char *path = exported(&plain, "ocidir://app");
    receipt_of(path, "2026-01-02T03:04:05Z", "1", "receipt");
    inventory_of("site", "inventory", name);
    expect_ok(record("receipt", &err), err);
    expect_ok(record("inventory", &err), err);
    rf_buf_init(&text, 0);
    expect_ok(rf_export_state_peek("state", "site", &state, &err), err);
    rf_export_history_text(state, &text);
    ck_assert_ptr_nonnull(strstr(text.ptr, "confirmed 2026-01-02T03:04:05Z, 1 image refused"));
    ck_assert_ptr_nonnull(strstr(text.ptr, "inventory 2026-01-02T03:04:05Z"));
    rf_buf_clear(&text);
    rf_export_history_json(state, &text);
    json_t *doc = NULL;
    expect_ok(rf_json_parse(rf_buf_slice(&text), 1u << 20, &doc, &err), err);
    ck_assert_uint_eq(json_array_size(json_object_get(doc, "inventories")), 1);
    json_decref(doc);
    rf_export_state_free(state);
    free(path);
}
END_TEST

/* ---- strict ---- */

START_TEST(strict)
{
    struct run r = { .strict = true };
    struct rf_export_result result;
    struct rf_err err = RF_ERR_INIT;
    source_image("app", "1", "cfg1", "base one");
    source_image("app", "2", "cfg2", "base two");
    if (_i == 0)
        source_lose("app", "two"); /* known before anything is written */
    else
        source_spoil("app", "two");
    expect_error(run_create(&r, "ocidir://app", &result, &err), RFE_FAILED, err, "--strict");
    rf_export_result_release(&result);
    char *left = names_in("state/bundles");
    ck_assert_str_eq(left, "");
    free(left);
    source_restore("app", "two");
    free(exported(&r, "ocidir://app"));
}
END_TEST

Suite *rf_record_suite(void)
{
    Suite *s = suite_create("record");
    TCase *t = tcase_create("record");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    tcase_add_test(t, confirmed);
    tcase_add_test(t, receipts_that_are_not_ours);
    tcase_add_test(t, receipts_that_were_changed);
    tcase_add_test(t, an_inventory_is_a_base);
    tcase_add_test(t, an_inventory_of_another_site);
    tcase_add_test(t, history_tells);
    tcase_add_loop_test(t, strict, 0, 2);
    suite_add_tcase(s, t);
    return s;
}
