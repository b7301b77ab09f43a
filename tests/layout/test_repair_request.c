/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/repair_request.h"

#include <stdlib.h>

#include "base/mem.h"
#include "tests/layout/helper_companion.h"

Suite *rf_repair_request_suite(void);

static int load(const char *path, struct rf_err *err)
{
    struct rf_repair_request r;
    rf_repair_request_init(&r);
    int rc = rf_repair_request_load(&r, path, err);
    rf_repair_request_release(&r);
    return rc;
}

START_TEST(written_and_loaded)
{
    struct rf_repair_request r;
    struct rf_err err = RF_ERR_INIT;
    struct rf_buf out;
    uint64_t bytes;
    char *text = request_text();
    write_text("request", text);
    rf_repair_request_init(&r);
    expect_ok(rf_repair_request_load(&r, "request", &err), err);
    ck_assert_str_eq(r.site, "plant-7");
    ck_assert_uint_eq(r.sequence, 4);
    ck_assert_str_eq(r.destination, "far.example/plant");
    ck_assert_uint_eq(r.n_known, 2);
    ck_assert_uint_eq(r.known[0].n + r.known[1].n, 2);
    ck_assert_uint_eq(r.n_found, 2);
    ck_assert_str_eq(rf_strings_get(&r.strings, r.found[0].repository), "lib");
    ck_assert_uint_eq(r.n_missing, 2);
    ck_assert_str_eq(rf_strings_get(&r.strings, r.missing[0].image.repository), "lib");
    ck_assert(r.missing[0].manifest && !r.missing[1].manifest);
    ck_assert_uint_eq(rf_repair_request_count(&r, &bytes), 2);
    ck_assert_uint_eq(bytes, 200);
    ck_assert_uint_eq(r.n_refused, 1);
    ck_assert_str_eq(rf_strings_get(&r.strings, r.refused[0].reason), "not \"this\" one");
    rf_buf_init(&out, 0);
    expect_ok(rf_repair_request_write(&r, &out, &err), err);
    ck_assert_str_eq(out.ptr, text);
    rf_buf_release(&out);
    rf_repair_request_release(&r);
    free(text);
}
END_TEST

START_TEST(a_blob_of_two_images_counts_once)
{
    struct rf_repair_request r;
    uint64_t bytes;
    request_fill(&r);
    struct rf_lack again = r.missing[0];
    again.image = r.missing[1].image;
    rf_repair_request_add(&r, &again);
    ck_assert_uint_eq(rf_repair_request_count(&r, &bytes), 2);
    ck_assert_uint_eq(bytes, 200);
    rf_repair_request_release(&r);
}
END_TEST

START_TEST(every_cut_is_noticed)
{
    char *text = request_text();
    expect_no_cut(text, load);
    free(text);
}
END_TEST

static const struct companion_edit edits[] = {
    { "version", "\"requestVersion\":1", "\"requestVersion\":2", "format 2", RFE_UNSUPPORTED },
    { "version no number", "\"requestVersion\":1", "\"requestVersion\":\"1\"", "not an integer",
      0 },
    { "a receipt", "\"requestVersion\":1", "\"receiptVersion\":1",
      "it is a receipt; regexport record", 0 },
    { "an inventory", "\"requestVersion\":1", "\"inventoryVersion\":1", "it is an inventory", 0 },
    { "another document", "\"requestVersion\":1", "\"otherVersion\":1", "does not begin with", 0 },
    { "CR and LF", "{\n\"requestVersion\"", "{\r\n\"requestVersion\"", "CR and LF", 0 },
    { "another kind of file", "{\n\"requestVersion\"", "[\n\"requestVersion\"",
      "another kind of file", 0 },
    { "site", "\"site\":\"plant-7\"", "\"site\":\"Plant\"", "site", 0 },
    { "chain", "\"chain\":\"db", "\"chain\":\"DB", "chain", 0 },
    { "bundle", "\"bundle\":\"sha256:", "\"bundle\":\"sha1:", "bundle", 0 },
    { "sequence", "\"sequence\":4", "\"sequence\":-4", "sequence", 0 },
    { "sequence twice", "\"sequence\":4", "\"sequence\":4,\n\"sequence\":4", "twice", 0 },
    { "no sequence", "\"sequence\":4,\n", "", "snapshot: twice, out of order", 0 },
    { "other letters", "\"sequence\":4", "\"Sequence\":4", "in other letters", 0 },
    { "an unknown member twice", "\"tool\"", "\"x\":1,\n\"x\":1,\n\"tool\"", "unknown member twice",
      0 },
    { "an odd key", "\"tool\"", "\"to\\u006fl\":1,\n\"tool\"", "not a member", 0 },
    { "destination", "\"destination\":\"far", "\"destination\":1,\n\"x\":\"far", "destination", 0 },
    { "not a list", "\"missing\":[\n", "\"missing\":[],\n\"x\":[\n", "not an array of lines", 0 },
    { "not a value", "\"tool\":\"regimport 0.1.0\"", "\"tool\":[\n]", "not a value in one line",
      0 },
    { "two values", "\"sequence\":4", "\"sequence\":4,5", "not one value", 0 },
    { "no comma", "\"sequence\":4,\n", "\"sequence\":4\n", "no comma", 0 },
    { "kind", "\"kind\":\"blob\"", "\"kind\":\"thing\"", "kind", 0 },
    { "size", "\"size\":100,\"kind\":\"blob\"", "\"size\":1152921504606846977,\"kind\":\"blob\"",
      "beyond reason", 0 },
    { "repository", "\"repository\":\"team/app\",\"tag\":\"1\"",
      "\"repository\":\"../x\",\"tag\":\"1\"", "repository", 0 },
    { "tag", "\"tag\":\"1\"", "\"tag\":\"a b\"", "tag", 0 },
    { "a NUL", "\"tag\":\"1\"", "\"tag\":\"\\u0000\"", "", 0 },
    { "missing no digest", "\"missing\":\"sha256:", "\"missing\":\"", "missing", 0 },
    { "a comma too many", "\"}\n]", "\"},\n]", "comma behind the last", 0 },
    { "behind the end", "\n}\n", "\n}\n\n", "behind its end", 0 },
    { "reason", "\"reason\":\"not", "\"reason\":7,\"x\":\"not", "reason", 0 },
};

START_TEST(edited)
{
    struct rf_err err = RF_ERR_INIT;
    char *text = request_text();
    companion_edit(text, &edits[_i]);
    expect_refused(load("edited", &err), &err, &edits[_i]);
    free(text);
}
END_TEST

static const struct companion_edit fine[] = {
    { "an unknown member", "\"tool\"", "\"later\":{\"a\":[1]},\n\"tool\"", NULL, 0 },
    { "an unknown list", "\"tool\"", "\"later\":[\n1,\n\"two\"\n],\n\"tool\"", NULL, 0 },
    { "an unknown key", "\"kind\":\"blob\"", "\"kind\":\"blob\",\"why\":null", NULL, 0 },
    { "white space", "\"sequence\":4", "\"sequence\": 4 ", NULL, 0 },
};

START_TEST(what_is_not_known_is_passed_over)
{
    struct rf_err err = RF_ERR_INIT;
    char *text = request_text();
    companion_edit(text, &fine[_i]);
    expect_ok(load("edited", &err), err);
    free(text);
}
END_TEST

START_TEST(what_is_not_there)
{
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(load("absent", &err), -RFE_NOT_FOUND);
    write_text("empty", "");
    expect_error(load("empty", &err), RFE_INVALID, err, "request empty: it is empty");
}
END_TEST

START_TEST(the_three_are_told_apart)
{
    enum rf_companion_kind kind = RF_COMPANION_REQUEST;
    struct rf_err err = RF_ERR_INIT;
    char *texts[] = { request_text(), inventory_text(), receipt_text() };
    for (size_t i = 0; i < 3; i++) {
        write_text("one", texts[i]);
        expect_ok(rf_companion_detect("one", &kind, &err), err);
        ck_assert_uint_eq(kind, i);
        free(texts[i]);
    }
    ck_assert_str_eq(rf_companion_kind_name(RF_COMPANION_RECEIPT), "receipt");
    static const char *const others[] = { "", "{", "{\n\"receiptVersionX\":1",
                                          "{\"receiptVersion\":1" };
    for (size_t i = 0; i < RF_ARRAY_LEN(others); i++) {
        write_text("other", others[i]);
        expect_error(rf_companion_detect("other", &kind, &err), RFE_INVALID, err, "neither");
    }
    ck_assert_int_eq(rf_companion_detect("absent", &kind, &err), -RFE_NOT_FOUND);
}
END_TEST

START_TEST(lines_over_the_limit)
{
    struct rf_repair_request r;
    struct rf_err err = RF_ERR_INIT;
    struct rf_buf out;
    request_fill(&r);
    free(r.tool);
    r.tool = rf_xasprintf("%0*d", (int)RF_COMPANION_LINE_MAX, 1);
    rf_buf_init(&out, RF_COMPANION_MAX);
    expect_error(rf_repair_request_write(&r, &out, &err), RFE_TOO_LARGE, err, "a line");
    write_file("long", rf_buf_slice(&out));
    expect_error(load("long", &err), RFE_INVALID, err, "longer than");
    rf_buf_release(&out);
    rf_repair_request_release(&r);
}
END_TEST

Suite *rf_repair_request_suite(void)
{
    Suite *s = suite_create("repair_request");
    TCase *t = tcase_create("repair_request");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    tcase_add_test(t, written_and_loaded);
    tcase_add_test(t, a_blob_of_two_images_counts_once);
    tcase_add_test(t, every_cut_is_noticed);
    tcase_add_loop_test(t, edited, 0, (int)RF_ARRAY_LEN(edits));
    tcase_add_loop_test(t, what_is_not_known_is_passed_over, 0, (int)RF_ARRAY_LEN(fine));
    tcase_add_test(t, what_is_not_there);
    tcase_add_test(t, the_three_are_told_apart);
    tcase_add_test(t, lines_over_the_limit);
    suite_add_tcase(s, t);
    return s;
}
