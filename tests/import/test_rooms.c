/* SPDX-License-Identifier: Apache-2.0 */
#include "import/rooms.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/import/helper_import.h"

static uint64_t free_bytes;
static unsigned asked;

static int some_bytes(const char *path, uint64_t *bytes, struct rf_err *err)
{
    (void)path;
    (void)err;
    asked++;
    *bytes = free_bytes;
    return 0;
}

static int no_answer(const char *path, uint64_t *bytes, struct rf_err *err)
{
    (void)bytes;
    return rf_fail(err, RFE_FAILED, "%s: no answer", path);
}

START_TEST(one_room_for_one_file_system)
{
    struct rf_rooms rooms = { 0 };
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_rooms_add(&rooms, "not/there/yet", 5, &err), err);
    expect_ok(rf_rooms_add(&rooms, ".", 7, &err), err);
    ck_assert_uint_eq(rooms.n, 1);
    ck_assert_str_eq(rooms.list[0].path, "not/there/yet");
    ck_assert_uint_eq(rooms.list[0].needed, 12);
    expect_ok(rf_rooms_ask(&rooms, NULL, &err), err);
    ck_assert_uint_gt(rooms.list[0].there, 12);
    ck_assert_ptr_null(rf_rooms_short(&rooms));
    rf_rooms_release(&rooms);
}
END_TEST

START_TEST(another_file_system_is_another_room)
{
    struct rf_rooms rooms = { 0 };
    struct rf_err err = RF_ERR_INIT;
    struct stat here, there;
    size_t number = 9;
    ck_assert_int_eq(stat(".", &here), 0);
    if (stat("/proc", &there) < 0 || here.st_dev == there.st_dev)
        return; /* none to compare with */
    expect_ok(rf_rooms_add(&rooms, ".", 1, &err), err);
    expect_ok(rf_rooms_find(&rooms, "/proc/not-there", &number, &err), err);
    ck_assert_uint_eq(number, 1);
    ck_assert_uint_eq(rooms.list[1].needed, 0);
    rf_rooms_release(&rooms);
}
END_TEST

START_TEST(what_is_short)
{
    struct rf_rooms rooms = { 0 };
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_rooms_add(&rooms, ".", 100, &err), err);
    free_bytes = 99;
    expect_ok(rf_rooms_ask(&rooms, some_bytes, &err), err);
    ck_assert_ptr_eq(rf_rooms_short(&rooms), &rooms.list[0]);
    free_bytes = 100;
    expect_ok(rf_rooms_ask(&rooms, some_bytes, &err), err);
    ck_assert_ptr_null(rf_rooms_short(&rooms));
    rooms.list[0].needed = UINT64_MAX - 1;
    free_bytes = RF_ROOM_UNKNOWN;
    expect_ok(rf_rooms_ask(&rooms, some_bytes, &err), err);
    ck_assert_ptr_null(rf_rooms_short(&rooms));
    ck_assert_int_eq(rf_rooms_ask(&rooms, no_answer, &err), -RFE_FAILED);
    rf_rooms_release(&rooms);
}
END_TEST

START_TEST(files_take_whole_units)
{
    ck_assert_uint_eq(rf_room_of(0), 0);
    ck_assert_uint_eq(rf_room_of(1), RF_ROOM_UNIT);
    ck_assert_uint_eq(rf_room_of(RF_ROOM_UNIT), RF_ROOM_UNIT);
    ck_assert_uint_eq(rf_room_of(RF_ROOM_UNIT + 1), 2 * RF_ROOM_UNIT);
}
END_TEST

/* ---- in a run ---- */

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

Suite *rf_rooms_suite(void);
Suite *rf_rooms_suite(void)
{
    Suite *s = suite_create("rooms");
    TCase *t = tcase_create("rooms");
    tcase_add_checked_fixture(t, far_setup, far_teardown);
    tcase_add_test(t, one_room_for_one_file_system);
    tcase_add_test(t, another_file_system_is_another_room);
    tcase_add_test(t, what_is_short);
    tcase_add_test(t, files_take_whole_units);
    tcase_add_test(t, nothing_is_written_without_room);
    tcase_add_test(t, a_plan_says_what_is_enough);
    tcase_add_test(t, the_report_tells_it);
    suite_add_tcase(s, t);
    return s;
}
