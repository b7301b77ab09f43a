/* SPDX-License-Identifier: Apache-2.0 */
#include "base/room.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <check.h>

#include "base/mem.h"
#include "tests/base/helper_dir.h"

Suite *rf_room_suite(void);

static const struct rf_room_use use = {
    .note = " (a note)", .file = "the file", .more = "make room", .larger = "go elsewhere"
};
static uint64_t free_bytes;

static int some_bytes(const char *path, uint64_t *bytes, struct rf_err *err)
{
    (void)path;
    (void)err;
    *bytes = free_bytes;
    return 0;
}

static int no_answer(const char *path, uint64_t *bytes, struct rf_err *err)
{
    (void)bytes;
    return rf_fail(err, RFE_FAILED, "%s: no answer", path);
}

static void add(struct rf_rooms *rooms, const char *path, uint64_t bytes)
{
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_rooms_add(rooms, path, &use, bytes, &err) == 0, "%s", err.msg);
}

static void ask(struct rf_rooms *rooms, uint64_t bytes)
{
    free_bytes = bytes;
    ck_assert_int_eq(rf_rooms_ask(rooms, some_bytes, NULL), 0);
}

/* ---- which room ---- */

START_TEST(one_room_for_one_file_system)
{
    struct rf_rooms rooms = { 0 };
    add(&rooms, "not/there/yet", 5);
    add(&rooms, ".", 7);
    ck_assert_uint_eq(rooms.n, 1);
    ck_assert_str_eq(rooms.list[0].path, "not/there/yet");
    ck_assert_uint_eq(rooms.list[0].needed, 12);
    ck_assert_int_eq(rf_rooms_ask(&rooms, NULL, NULL), 0);
    ck_assert_uint_gt(rooms.list[0].there, 12);
    ck_assert_int_eq(rf_rooms_check(&rooms, NULL), 0);
    rf_rooms_release(&rooms);
    ck_assert_uint_eq(rooms.n, 0);
}
END_TEST

START_TEST(another_file_system_is_another_room)
{
    struct rf_rooms rooms = { 0 };
    struct stat here, there;
    size_t number = 9;
    ck_assert_int_eq(stat(".", &here), 0);
    if (stat("/proc", &there) < 0 || here.st_dev == there.st_dev)
        return; /* none to compare with */
    add(&rooms, ".", 1);
    ck_assert_int_eq(rf_rooms_find(&rooms, "/proc/not-there", &use, &number, NULL), 0);
    ck_assert_uint_eq(number, 1);
    ck_assert_uint_eq(rooms.list[1].needed, 0);
    rf_rooms_release(&rooms);
}
END_TEST

START_TEST(what_cannot_be_looked_at)
{
    struct rf_rooms rooms = { 0 };
    struct rf_err err = RF_ERR_INIT;
    uint64_t bytes = 0;
    char *name = rf_xmalloc(5001);
    memset(name, 'x', 5000);
    name[5000] = '\0';
    ck_assert_int_lt(rf_rooms_add(&rooms, name, &use, 1, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.msg, "look where xxx"));
    ck_assert_int_lt(rf_free_space(name, &bytes, &err), 0);
    ck_assert_uint_eq(rooms.n, 0);
    free(name);
}
END_TEST

START_TEST(free_space)
{
    uint64_t space = 0;
    ck_assert_int_eq(rf_free_space("/", &space, NULL), 0);
    ck_assert_int_eq(rf_free_space("/no/such/place", &space, NULL), 0);
    ck_assert_int_eq(rf_free_space("no/such/place", &space, NULL), 0);
    ck_assert_uint_gt(space, 0);
}
END_TEST

/* ---- does it fit ---- */

static void expect_check(const struct rf_rooms *rooms, const char *message)
{
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_rooms_check(rooms, &err), message != NULL ? -RFE_NO_SPACE : 0);
    if (message != NULL)
        ck_assert_str_eq(err.msg, message);
}

START_TEST(the_shortfall_is_named)
{
    struct rf_rooms rooms = { 0 };
    struct rf_err err = RF_ERR_INIT;
    add(&rooms, ".", 1000);
    ask(&rooms, 999);
    ck_assert_uint_eq(rf_room_short(&rooms.list[0]), 1);
    expect_check(
        &rooms,
        ".: 1000 bytes are needed and 999 are free there: 1 bytes short; nothing was written; make room");
    ask(&rooms, 1000);
    ck_assert_uint_eq(rf_room_short(&rooms.list[0]), 0);
    expect_check(&rooms, NULL);
    rooms.list[0].given_back = 1;
    ask(&rooms, 999);
    ck_assert_uint_eq(rooms.list[0].there, 1000);
    expect_check(&rooms, NULL);
    rooms.list[0].needed = UINT64_MAX - 1;
    ask(&rooms, RF_ROOM_UNKNOWN);
    ck_assert_uint_eq(rf_room_short(&rooms.list[0]), 0);
    expect_check(&rooms, NULL);
    ck_assert_int_eq(rf_rooms_ask(&rooms, no_answer, &err), -RFE_FAILED);
    rf_rooms_release(&rooms);
}
END_TEST

START_TEST(files_of_fat)
{
    struct rf_rooms rooms = { 0 };
    ck_assert_uint_eq(rf_room_file_max(0x4d44), UINT32_MAX);
    ck_assert_uint_eq(rf_room_file_max(0xef53), RF_ROOM_UNKNOWN);     /* ext4 */
    ck_assert_uint_eq(rf_room_file_max(0x2011bab0), RF_ROOM_UNKNOWN); /* exFAT */
    add(&rooms, ".", 0);
    ask(&rooms, RF_ROOM_UNKNOWN);
    rooms.list[0].file_max = rf_room_file_max(0x4d44);
    rooms.list[0].process_limit = false;
    rf_room_add_file(&rooms.list[0], UINT32_MAX);
    expect_check(&rooms, NULL);
    rf_room_add_file(&rooms.list[0], UINT64_C(1) << 32);
    rf_room_add_file(&rooms.list[0], 1);
    expect_check(
        &rooms,
        ".: the file has 4294967296 bytes, but a file there has at most 4294967295 on this file system; nothing was written; go elsewhere");
    rf_rooms_release(&rooms);
}
END_TEST

START_TEST(a_limit_of_the_process)
{
    struct rlimit limit;
    struct rf_rooms rooms = { 0 };
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = 20000;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    add(&rooms, ".", 0);
    rf_room_add_file(&rooms.list[0], 20000);
    expect_check(&rooms, NULL);
    rf_room_add_file(&rooms.list[0], 20001);
    expect_check(
        &rooms,
        ".: the file has 20001 bytes, but a file there has at most 20000 by the limit of this process (ulimit -f); nothing was written; raise the limit");
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

/* ---- reports ---- */

static void expect_reports(const struct rf_rooms *rooms, const char *text, const char *json)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 0);
    rf_rooms_text(rooms, &out);
    ck_assert_str_eq(out.ptr != NULL ? out.ptr : "", text);
    rf_buf_clear(&out);
    rf_rooms_json(rooms, &out);
    ck_assert_str_eq(out.ptr, json);
}

START_TEST(reports)
{
    struct rf_rooms rooms = { 0 };
    expect_reports(&rooms, "", "[]");
    add(&rooms, ".", 4000);
    rooms.list[0].file_max = RF_ROOM_UNKNOWN;
    expect_reports(&rooms, "space     .: needs 4.0 kB, how much is free is not known (a note)\n",
                   "[{\"path\":\".\",\"needed\":4000,\"free\":null}]");
    ask(&rooms, 3000);
    rooms.list[0].file_max = 2000; /* matters for files alone */
    expect_reports(&rooms, "space     .: needs 4.0 kB, 3.0 kB free: 1000 bytes short (a note)\n",
                   "[{\"path\":\".\",\"needed\":4000,\"free\":3000}]");
    rooms.list[0].needed = 0;
    rf_room_add_file(&rooms.list[0], 2001);
    ask(&rooms, 5000);
    expect_reports(&rooms,
                   "space     .: needs 4.1 kB, 5.0 kB free, but files of 2.0 kB at most (a note)\n",
                   "[{\"path\":\".\",\"needed\":4096,\"free\":5000,\"fileMax\":2000}]");
    rf_rooms_release(&rooms);
}
END_TEST

Suite *rf_room_suite(void)
{
    Suite *s = suite_create("room");
    TCase *t = tcase_create("rooms");
    tcase_add_checked_fixture(t, dir_setup, dir_teardown);
    tcase_add_test(t, one_room_for_one_file_system);
    tcase_add_test(t, another_file_system_is_another_room);
    tcase_add_test(t, what_cannot_be_looked_at);
    tcase_add_test(t, free_space);
    tcase_add_test(t, the_shortfall_is_named);
    tcase_add_test(t, files_of_fat);
    tcase_add_test(t, a_limit_of_the_process);
    tcase_add_test(t, files_take_whole_units);
    tcase_add_test(t, reports);
    suite_add_tcase(s, t);
    return s;
}
