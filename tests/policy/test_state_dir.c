/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/state_dir.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "base/file.h"
#include "base/mem.h"

Suite *rf_state_dir_suite(void);

static const char *const folders[] = { "one", "two" };
static char home[] = "/tmp/rf-state-XXXXXX";

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(home));
    ck_assert_int_eq(chdir(home), 0);
}

static void teardown(void)
{
    static const char *const left[] = { "s/lock", "s/site", "s/one", "s/two", "s", home };
    for (size_t i = 0; i < RF_ARRAY_LEN(left); i++)
        ck_assert_msg(remove(left[i]) == 0 || !rf_path_exists(left[i]), "%s", left[i]);
    memcpy(home + sizeof(home) - 7, "XXXXXX", 6);
}

START_TEST(one_run_at_a_time)
{
    int first = -1, second = -1;
    struct stat st;
    ck_assert_int_eq(rf_state_dir_open("s", folders, 2, 0, &first, NULL), 0);
    ck_assert(rf_path_is_dir("s/one"));
    ck_assert_int_eq(stat("s/two", &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0700);
    ck_assert_int_eq(rf_state_dir_open("s", folders, 2, 0, &second, NULL), -RFE_BUSY);
    rf_closep(&first);
    ck_assert_int_eq(rf_state_dir_open("s", folders, 2, 0, &second, NULL), 0);
    rf_closep(&second);
}
END_TEST

/* What a killed run left half written. */
START_TEST(temporaries_are_swept)
{
    int lock = -1;
    ck_assert_int_eq(rf_mkdirs("s/two", 0700, NULL), 0);
    for (int k = 0; k < 2; k++) {
        FILE *f =
            fopen(k == 0 ? "s/" RF_FILE_TEMP_PREFIX "1" : "s/two/" RF_FILE_TEMP_PREFIX "2", "w");
        ck_assert_ptr_nonnull(f);
        ck_assert_int_gt(fputs("x", f), 0);
        ck_assert_int_eq(fclose(f), 0);
    }
    ck_assert_int_eq(rf_state_dir_open("s", folders, 2, 0, &lock, NULL), 0);
    ck_assert(!rf_path_exists("s/" RF_FILE_TEMP_PREFIX "1"));
    ck_assert(!rf_path_exists("s/two/" RF_FILE_TEMP_PREFIX "2"));
    rf_closep(&lock);
}
END_TEST

START_TEST(a_folder_is_of_one_site)
{
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_mkdirs("s", 0700, NULL), 0);
    ck_assert_int_eq(rf_state_dir_claim("s", "a", &err), 0);
    ck_assert_int_eq(rf_state_dir_claim("s", "a", &err), 0);
    ck_assert_int_eq(rf_state_dir_claim("s", "b", &err), -RFE_USAGE);
    ck_assert_msg(strstr(err.msg, "of site a, not of b") != NULL, "%s", err.msg);
}
END_TEST

Suite *rf_state_dir_suite(void)
{
    Suite *s = suite_create("state_dir");
    TCase *t = tcase_create("folder");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, one_run_at_a_time);
    tcase_add_test(t, temporaries_are_swept);
    tcase_add_test(t, a_folder_is_of_one_site);
    suite_add_tcase(s, t);
    return s;
}
