/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/bot_script.h"

#include <check.h>

#include "base/mem.h"
#include "policy/config.h"

static struct rf_policy_config *parse(const char *text, unsigned flags)
{
    struct rf_policy_config *c = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_policy_config_parse("p.yml", rf_slice_str(text), flags, &c, &err) == 0, "%s",
                  err.msg);
    return c;
}

START_TEST(all_keys)
{
    RF_CLEANUP(rf_policy_config_freep)
    struct rf_policy_config *c = parse("scripts:\n"
                                       "- name: clean\n"
                                       "  script: |\n"
                                       "    print(1)\n"
                                       "    print(2)\n"
                                       "  interval: 90m\n"
                                       "  schedule: '@daily'\n"
                                       "  timeout: 59m\n",
                                       RF_POLICY_STRICT);
    ck_assert_uint_eq(c->n_scripts, 1);
    const struct rf_bot_script *s = &c->scripts[0];
    ck_assert_str_eq(s->name, "clean");
    ck_assert_str_eq(s->text, "print(1)\nprint(2)\n");
    ck_assert_uint_eq(s->interval_ns, UINT64_C(5400000000000));
    ck_assert_str_eq(s->schedule, "@daily");
    ck_assert_uint_eq(s->timeout_ns, UINT64_C(3540000000000));
    ck_assert_uint_eq(s->line, 3);
}
END_TEST

/* The defaults may stand behind the scripts. A script that says when it runs does not take the default time. */
START_TEST(defaults_count)
{
    RF_CLEANUP(rf_policy_config_freep)
    struct rf_policy_config *c =
        parse("scripts:\n"
              "- script: a\n"
              "- {script: b, interval: 1m, timeout: 1s, name: ''}\n"
              "- {script: c, schedule: '@hourly', name: 7}\n"
              "defaults: {interval: 1h, schedule: '@daily', timeout: 2m, parallel: 3}\n",
              RF_POLICY_STRICT);
    ck_assert_uint_eq(c->n_scripts, 3);
    ck_assert_str_eq(c->scripts[0].name, "scripts[0]");
    ck_assert_str_eq(c->scripts[0].schedule, "@daily");
    ck_assert_uint_eq(c->scripts[0].interval_ns, 0);
    ck_assert_uint_eq(c->scripts[0].timeout_ns, UINT64_C(120000000000));
    ck_assert_str_eq(c->scripts[1].name, "scripts[1]");
    ck_assert_ptr_null(c->scripts[1].schedule);
    ck_assert_uint_eq(c->scripts[1].interval_ns, UINT64_C(60000000000));
    ck_assert_uint_eq(c->scripts[1].timeout_ns, UINT64_C(1000000000));
    ck_assert_str_eq(c->scripts[2].name, "7");
    ck_assert_str_eq(c->scripts[2].schedule, "@hourly");
    ck_assert_uint_eq(c->scripts[2].interval_ns, 0);
}
END_TEST

/* As regbot reads it: what is wrong with a script is told when it is run or scheduled. */
START_TEST(lenient)
{
    RF_CLEANUP(rf_policy_config_freep)
    struct rf_policy_config *c =
        parse("scripts:\n- {name: a, schedule: never, whatever: 1}\n- \n", 0);
    ck_assert_uint_eq(c->n_scripts, 2);
    ck_assert_str_eq(c->scripts[0].text, "");
    ck_assert_str_eq(c->scripts[0].schedule, "never");
    ck_assert_str_eq(c->scripts[1].name, "scripts[1]");
}
END_TEST

START_TEST(not_a_map)
{
    struct rf_policy_config *c = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(
        rf_policy_config_parse("p.yml", rf_slice_str("scripts: [1, {script: []}]"), 0, &c, &err),
        -RFE_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.msg, "scripts[0]: a map is wanted"));
}
END_TEST

Suite *rf_bot_script_suite(void);
Suite *rf_bot_script_suite(void)
{
    Suite *s = suite_create("bot_script");
    TCase *t = tcase_create("bot_script");
    tcase_add_test(t, all_keys);
    tcase_add_test(t, defaults_count);
    tcase_add_test(t, lenient);
    tcase_add_test(t, not_a_map);
    suite_add_tcase(s, t);
    return s;
}
