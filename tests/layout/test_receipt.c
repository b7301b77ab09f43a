/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/receipt.h"

#include <stdlib.h>

#include "base/mem.h"
#include "tests/layout/helper_companion.h"

Suite *rf_receipt_suite(void);

static int load(const char *path, struct rf_err *err)
{
    struct rf_receipt r;
    rf_receipt_init(&r);
    int rc = rf_receipt_load(&r, path, err);
    rf_receipt_release(&r);
    return rc;
}

START_TEST(written_and_loaded)
{
    struct rf_receipt r;
    struct rf_err err = RF_ERR_INIT;
    struct rf_buf out;
    struct rf_digest one = digest_of("m1"), two = digest_of("m2");
    char *text = receipt_text();
    write_text("receipt", text);
    rf_receipt_init(&r);
    expect_ok(rf_receipt_load(&r, "receipt", &err), err);
    ck_assert_str_eq(r.time, "2026-01-02T03:04:05Z");
    ck_assert_uint_eq(r.bytes_sent, 1234);
    ck_assert_uint_eq(r.tags_right, 2);
    ck_assert_uint_eq(r.n, 3);
    ck_assert_uint_eq(rf_receipt_refused(&r), 1);
    const struct rf_receipt_image *hit = rf_receipt_find(&r, "lib", "", &one);
    ck_assert_ptr_nonnull(hit);
    ck_assert_str_eq(rf_strings_get(&r.strings, hit->by), "destination");
    ck_assert_str_eq(rf_strings_get(&r.strings, hit->reason), "the registry says \"no\"");
    ck_assert_uint_eq(rf_receipt_find(&r, "lib", "", &two)->by, RF_NO_ID);
    ck_assert_ptr_nonnull(rf_receipt_find(&r, "team/app", "1", &two)); /* by its tag alone */
    ck_assert_ptr_null(rf_receipt_find(&r, "team/app", "2", &one));
    ck_assert_ptr_null(rf_receipt_find(&r, "team/app", "", &one));
    rf_buf_init(&out, 0);
    expect_ok(rf_receipt_write(&r, &out, &err), err);
    ck_assert_str_eq(out.ptr, text);
    rf_buf_release(&out);
    rf_receipt_release(&r);
    free(text);
}
END_TEST

START_TEST(times_are_brought_to_one_form)
{
    struct rf_receipt r;
    struct rf_err err = RF_ERR_INIT;
    char *text = receipt_text();
    companion_edit(text, &(struct companion_edit){ .name = "time",
                                                   .find = "2026-01-02T03:04:05Z",
                                                   .replace = "2026-01-02T05:04:05.5+02:00" });
    rf_receipt_init(&r);
    expect_ok(rf_receipt_load(&r, "edited", &err), err);
    ck_assert_str_eq(r.time, "2026-01-02T03:04:05Z");
    rf_receipt_release(&r);
    free(text);
}
END_TEST

START_TEST(an_image_twice_is_not_written)
{
    struct rf_receipt r;
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest other = digest_of("other");
    struct rf_buf out;
    receipt_fill(&r);
    rf_receipt_add(&r, "team/app", "1", &other, NULL, NULL);
    rf_buf_init(&out, 0);
    expect_error(rf_receipt_write(&r, &out, &err), RFE_INVALID, err, "twice");
    rf_buf_release(&out);
    rf_receipt_release(&r);
}
END_TEST

START_TEST(long_reasons_are_cut_between_characters)
{
    struct rf_receipt r;
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest d = digest_of("m3");
    struct rf_buf out, reason;
    receipt_fill(&r);
    rf_buf_init(&reason, 0);
    rf_buf_add_char(&reason, 'x');
    for (int i = 0; i < 3000; i++)
        rf_buf_add_str(&reason, "\xc3\xbc");
    rf_receipt_add(&r, "zoo", "1", &d, "policy", reason.ptr);
    rf_buf_init(&out, 0);
    expect_ok(rf_receipt_write(&r, &out, &err), err);
    write_file("receipt", rf_buf_slice(&out));
    expect_ok(load("receipt", &err), err);
    rf_buf_release(&reason);
    rf_buf_release(&out);
    rf_receipt_release(&r);
}
END_TEST

START_TEST(every_cut_is_noticed)
{
    char *text = receipt_text();
    expect_no_cut(text, load);
    free(text);
}
END_TEST

static const struct companion_edit edits[] = {
    { "version", "\"receiptVersion\":1", "\"receiptVersion\":9", "format 9", RFE_UNSUPPORTED },
    { "time", "2026-01-02T03", "2026-13-02T03", "time", 0 },
    { "time no text", "\"time\":\"2026", "\"time\":1,\n\"x\":\"2026", "time", 0 },
    { "counts", "\"blobsSent\":0", "\"blobsSent\":\"0\"", "blobsSent", 0 },
    { "no counts", "\"blobsSent\":0,", "", "blobsSent", 0 },
    { "counts no object", "\"counts\":{", "\"counts\":0,\n\"x\":{", "counts", 0 },
    { "result", "\"result\":\"present\"", "\"result\":\"gone\"", "result", 0 },
    { "refused by nobody", "\"by\":\"destination\",", "", "by", 0 },
    { "no reason", "\"reason\"", "\"reasons\"", "reason", 0 },
    { "out of order", "\"repository\":\"lib\"", "\"repository\":\"zoo\"", "out of order", 0 },
    { "digest", "\"digest\":\"sha256:", "\"digest\":\"sha256:x", "digest", 0 },
};

START_TEST(edited)
{
    struct rf_err err = RF_ERR_INIT;
    char *text = receipt_text();
    companion_edit(text, &edits[_i]);
    expect_refused(load("edited", &err), &err, &edits[_i]);
    free(text);
}
END_TEST

Suite *rf_receipt_suite(void)
{
    Suite *s = suite_create("receipt");
    TCase *t = tcase_create("receipt");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    tcase_add_test(t, written_and_loaded);
    tcase_add_test(t, times_are_brought_to_one_form);
    tcase_add_test(t, an_image_twice_is_not_written);
    tcase_add_test(t, long_reasons_are_cut_between_characters);
    tcase_add_test(t, every_cut_is_noticed);
    tcase_add_loop_test(t, edited, 0, (int)RF_ARRAY_LEN(edits));
    suite_add_tcase(s, t);
    return s;
}
