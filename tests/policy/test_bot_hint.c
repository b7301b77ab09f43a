/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/bot/bot_hint.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *error, *hint; /* NULL: none */
} errors[] = {
    { "<string>:3: attempt to index a nil value (global 'io')", "io is not there for scripts" },
    { "<string>:1: attempt to index a nil value (global 'debug')", "--unsafe-libs" },
    { "<string>:1: attempt to call a nil value (global 'dofile')", "--lua-path" },
    { "<string>:1: attempt to call a nil value (global 'loadfile')", "require()" },
    { "<string>:9: attempt to call a nil value (field 'execute')", "if os.execute is meant" },
    { "<string>:9: attempt to call a nil value (field 'remove')", "docs/lua-api.md" },
    { "not enough memory: the script may have 64 MiB", "--memory" },
    { "<string>:2: unexpected symbol near '..'", "parentheses" },
    { "<string>:1: module 'x' not found: there is no folder for modules", "--lua-path DIR" },
    { "<string>:3: attempt to index a nil value (local 'io')", NULL },
    { "<string>:3: attempt to index a nil value (global 'ios')", NULL },
    { "<string>:3: attempt to call a nil value (field 'executes')", NULL },
    { "<string>:3: Failed retrieving tag list: not found", NULL },
    { "", NULL },
};

START_TEST(hints)
{
    const char *hint = rf_bot_hint(errors[_i].error);
    if (errors[_i].hint == NULL)
        ck_assert_ptr_null(hint);
    else
        ck_assert_msg(hint != NULL && strstr(hint, errors[_i].hint) != NULL, "%s: got %s",
                      errors[_i].error, hint != NULL ? hint : "nothing");
}
END_TEST

START_TEST(a_hint_is_whole_or_not_there)
{
    static const char text[] = "(global 'io')";
    struct rf_err err;
    for (size_t room = 0; room < 400; room++) {
        err = (struct rf_err)RF_ERR_INIT;
        size_t n = sizeof(err.msg) - 1 - room;
        if (n < sizeof(text))
            break;
        memset(err.msg, 'x', n);
        memcpy(err.msg + n - (sizeof(text) - 1), text, sizeof(text));
        rf_bot_add_hint(&err);
        size_t now = strlen(err.msg);
        ck_assert_msg(now == n || err.msg[now - 1] == ')', "%zu", room);
        ck_assert(now == n || strstr(err.msg, rf_bot_hint(text)) != NULL);
        ck_assert_int_eq(now == n, room < strlen(rf_bot_hint(text)) + 3);
    }
    rf_bot_add_hint(NULL);
}
END_TEST

Suite *rf_bot_hint_suite(void);

Suite *rf_bot_hint_suite(void)
{
    Suite *s = suite_create("bot_hint");
    TCase *t = tcase_create("bot_hint");
    tcase_add_loop_test(t, hints, 0, sizeof(errors) / sizeof(errors[0]));
    tcase_add_test(t, a_hint_is_whole_or_not_there);
    suite_add_tcase(s, t);
    return s;
}
