/* SPDX-License-Identifier: Apache-2.0 */
/* What a run says that it needs, and that nothing is begun without it. */
#include "import/forecast.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/import/helper_import.h"

static uint64_t free_bytes;

static int some_bytes(const char *path, uint64_t *bytes, struct rf_err *err)
{
    (void)path;
    (void)err;
    *bytes = free_bytes;
    return 0;
}

static void request_with_room(struct rf_import_request *req, uint64_t bytes)
{
    request_of(req, &far, NULL);
    req->to_dir = "far";
    req->free_space = some_bytes;
    free_bytes = bytes;
}

START_TEST(nothing_is_written_without_room)
{
    struct rf_digest d[3];
    struct rf_import_request req;
    struct rf_import_result result;
    struct rf_err err = RF_ERR_INIT;
    char *path = full_bundle(d);
    request_with_room(&req, 4096);
    rf_import_result_init(&result);
    ck_assert_int_eq(rf_import_apply(&req, path, &result, &err), -RFE_NO_SPACE);
    ck_assert_ptr_nonnull(strstr(err.msg, "4096 are free there"));
    ck_assert_ptr_nonnull(strstr(err.msg, "nothing was written"));
    ck_assert_uint_eq(far.n_writes, 0);
    ck_assert(!rf_path_is_dir("far"));
    rf_import_result_release(&result);
    free(path);
}
END_TEST

/* Exactly what a plan says that it needs is enough; a byte less is not. */
START_TEST(a_plan_says_what_is_enough)
{
    struct rf_digest d[3];
    struct rf_import_request req;
    struct rf_import_result result;
    struct rf_err err = RF_ERR_INIT;
    char *path = full_bundle(d);
    request_with_room(&req, 1);
    rf_import_result_init(&result);
    ck_assert_int_eq(rf_import_plan(&req, path, &result, &err), -RFE_NO_SPACE);
    ck_assert_int_eq(result.stage, RF_IMPORT_PLANNED);
    ck_assert_uint_eq(result.run.forecast.rooms.n, 1); /* the state is on the same one */
    uint64_t needed = result.run.forecast.rooms.list[0].needed;
    ck_assert_uint_eq(result.run.counts.blobs_uploaded, 7);
    ck_assert_uint_eq(result.run.counts.blobs_mounted, 1);
    ck_assert_uint_ge(needed, 10 * (uint64_t)RF_ROOM_UNIT);
    rf_import_result_release(&result);
    rf_import_result_init(&result);
    free_bytes = needed - 1;
    ck_assert_int_eq(rf_import_apply(&req, path, &result, &err), -RFE_NO_SPACE);
    rf_import_result_release(&result);
    rf_import_result_init(&result);
    free_bytes = needed;
    expect_ok(rf_import_apply(&req, path, &result, &err), err);
    expect_tag("app", "1", &d[0]);
    rf_import_result_release(&result);
    free(path);
}
END_TEST

/* The text of a plan that cannot be done tells by how much; so does its JSON. */
START_TEST(the_report_tells_it)
{
    struct rf_digest d[3];
    struct rf_import_request req;
    struct rf_import_result result;
    struct rf_err err = RF_ERR_INIT;
    struct rf_buf text;
    char *path = full_bundle(d);
    request_with_room(&req, 4097);
    rf_import_result_init(&result);
    rf_buf_init(&text, 0);
    ck_assert_int_eq(rf_import_plan(&req, path, &result, &err), -RFE_NO_SPACE);
    rf_import_report_text(&result, &text);
    ck_assert_msg(strstr(text.ptr, " bytes short") != NULL, "%s", text.ptr);
    rf_buf_clear(&text);
    rf_import_report_json(&result, &text);
    ck_assert_msg(strstr(text.ptr, "\"free\":4097}") != NULL, "%s", text.ptr);
    rf_buf_release(&text);
    rf_import_result_release(&result);
    free(path);
}
END_TEST

static void limit_files(rlim_t bytes)
{
    struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
    (void)getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    (void)setrlimit(RLIMIT_FSIZE, &limit);
}

/* A limit on the size of files stands for a file system that has one. */
START_TEST(a_blob_too_large_for_a_file)
{
    struct rf_digest d[3];
    struct rf_import_request req;
    struct rf_import_result result;
    struct rf_err err = RF_ERR_INIT;
    char *path = full_bundle(d);
    request_with_room(&req, RF_ROOM_UNKNOWN);
    rf_import_result_init(&result);
    ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR); /* what is said may go to a file, too */
    limit_files(10);
    int rc = rf_import_apply(&req, path, &result, &err);
    limit_files(RLIM_INFINITY);
    ck_assert_int_eq(rc, -RFE_NO_SPACE);
    ck_assert_msg(strstr(err.msg, "a blob has ") != NULL, "%s", err.msg);
    ck_assert_msg(strstr(err.msg, "a file there has at most 10 by the limit") != NULL, "%s",
                  err.msg);
    ck_assert_uint_eq(far.n_writes, 0);
    rf_import_result_release(&result);
    free(path);
}
END_TEST

Suite *rf_forecast_suite(void);
Suite *rf_forecast_suite(void)
{
    Suite *s = suite_create("forecast");
    TCase *t = tcase_create("rooms");
    tcase_add_checked_fixture(t, far_setup, far_teardown);
    tcase_add_test(t, nothing_is_written_without_room);
    tcase_add_test(t, a_plan_says_what_is_enough);
    tcase_add_test(t, the_report_tells_it);
    tcase_add_test(t, a_blob_too_large_for_a_file);
    suite_add_tcase(s, t);
    return s;
}
