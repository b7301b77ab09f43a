/* SPDX-License-Identifier: Apache-2.0 */
/* What scripts find: each file of tests/data/lua/libs is a script of assertions, run in a box as users' scripts are. */
#include "policy/lua/lua_libs.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "policy/lua/lua_box.h"
#include "tests/support/data_files.h"

static struct test_case_list scripts;

START_TEST(scripts_are_there)
{
    ck_assert_uint_ge(scripts.n, 12);
}
END_TEST

START_TEST(script)
{
    const struct test_case_file *c = &scripts.list[_i];
    RF_CLEANUP(rf_freep) char *name = rf_xasprintf("lua/libs/%s.lua", c->name);
    RF_CLEANUP(rf_freep) char *path = test_data_path(name);
    RF_CLEANUP(rf_lua_box_closep) struct rf_lua_box *box = NULL;
    size_t len;
    RF_CLEANUP(rf_freep) char *text = test_read_file(path, &len);
    struct rf_lua_box_options options = RF_LUA_BOX_OPTIONS_INIT;
    struct rf_err err = RF_ERR_INIT;
    options.name = c->name;
    options.timeout_ns = INT64_C(20000000000);
    ck_assert_int_eq(setenv("TZ", "UTC", 1), 0);
    ck_assert_msg(rf_lua_box_open(&options, &box, &err) == 0, "%s", err.msg);
    int rc = rf_lua_box_run(box, c->name, rf_slice_of(text, len), &err);
    ck_assert_msg(rc == 0, "%s\n%s", err.msg, rf_lua_box_traceback(box));
}
END_TEST

Suite *rf_lua_libs_suite(void);
Suite *rf_lua_libs_suite(void)
{
    scripts = test_cases_load("lua/libs", ".lua");
    Suite *s = suite_create("lua_libs");
    TCase *t = tcase_create("libs");
    tcase_add_test(t, scripts_are_there);
    tcase_add_loop_test(t, script, 0, (int)scripts.n);
    suite_add_tcase(s, t);
    return s;
}
