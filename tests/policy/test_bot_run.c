/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/bot/bot_run.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"

struct bench {
    struct rf_policy_config *config;
    struct rf_bot *bot;
    struct rf_buf failures;
    struct rf_err err;
};

static void open_with(struct bench *b, const char *yaml, const struct rf_bot_setup *setup)
{
    *b = (struct bench){ .config = NULL };
    int rc = rf_policy_config_parse("f.yml", rf_slice_str(yaml), 0, &b->config, &b->err);
    ck_assert_msg(rc == 0, "%s", b->err.msg);
    b->bot = rf_bot_new(b->config, NULL, setup);
    rf_buf_init(&b->failures, 1u << 20);
}

static void open_bench(struct bench *b, const char *yaml)
{
    static const struct rf_bot_setup setup = { .dry_run = false };
    open_with(b, yaml, &setup);
}

static void close_bench(struct bench *b)
{
    rf_bot_free(b->bot);
    rf_policy_config_free(b->config);
    rf_buf_release(&b->failures);
}

static const char *failures(struct bench *b)
{
    rf_buf_add_char(&b->failures, '\0');
    return b->failures.ptr;
}

static struct rf_bot_status status(struct bench *b, size_t script)
{
    struct rf_bot_status s;
    rf_bot_status_of(b->bot, script, &s);
    return s;
}

/* All run, each failure is a line in the order of the file, the first one is the error. */
static void check_all(const char *defaults)
{
    struct bench b;
    RF_CLEANUP(rf_freep)
    char *yaml = rf_xasprintf("defaults: %s\n"
                              "scripts:\n"
                              "- {name: one, script: 'x = 1'}\n"
                              "- {name: two, script: 'error(tostring(x))'}\n"
                              "- {name: three, script: 'error({})'}\n"
                              "- {name: four, script: 'assert(x == nil)'}\n",
                              defaults);
    open_bench(&b, yaml);
    ck_assert_int_eq(rf_bot_all(b.bot, &b.failures, &b.err), -RFE_FAILED);
    ck_assert_str_eq(b.err.msg, "script two: <string>:1: nil");
    ck_assert_ptr_eq(strstr(failures(&b), "script two: <string>:1: nil\nscript three: "),
                     b.failures.ptr);
    const uint64_t failed[] = { 0, 1, 1, 0 };
    for (size_t i = 0; i < 4; i++) {
        const struct rf_bot_status s = status(&b, i);
        ck_assert_uint_eq(s.runs, 1);
        ck_assert_uint_eq(s.failed_runs, failed[i]);
        ck_assert(!s.running && s.last_start > 0 && s.last_end >= s.last_start);
        ck_assert_int_eq(s.last_success != 0, failed[i] == 0);
    }
    close_bench(&b);
}

START_TEST(one_after_the_other)
{
    check_all("{}");
}
END_TEST

START_TEST(beside_each_other)
{
    check_all("{parallel: 2}");
}
END_TEST

START_TEST(nothing_to_run)
{
    struct bench b;
    open_bench(&b, "version: 1\n");
    ck_assert_int_eq(rf_bot_all(b.bot, &b.failures, &b.err), 0);
    ck_assert_uint_eq(rf_bot_scripts(b.bot), 0);
    close_bench(&b);
}
END_TEST

START_TEST(timeouts)
{
    struct bench b;
    open_bench(&b, "defaults: {timeout: 200ms}\n"
                   "scripts:\n"
                   "- {name: loop, script: 'while true do end'}\n"
                   "- {name: short, script: 'x = 1', timeout: 20s}\n");
    ck_assert_int_eq(rf_bot_one(b.bot, 0, &b.err), -RFE_FAILED);
    ck_assert_str_eq(b.err.msg, "script loop: <string>:1: script ran longer than its timeout");
    ck_assert_int_eq(b.err.code, RFE_FAILED);
    ck_assert_uint_eq(status(&b, 0).timeouts, 1);
    ck_assert_int_eq(rf_bot_one(b.bot, 1, &b.err), 0);
    ck_assert_uint_eq(status(&b, 1).timeouts, 0);
    close_bench(&b);
}
END_TEST

START_TEST(memory_is_granted)
{
    static const char yaml[] =
        "scripts: [{script: 'local t = {} for i = 1, 4000 do t[i] = (\"x\"):rep(1000) .. i end'}]\n";
    static const struct rf_bot_setup little = { .memory = 2u << 20 },
                                     much = { .memory = 16u << 20 };
    struct bench b;
    open_with(&b, yaml, &little);
    ck_assert_int_eq(rf_bot_one(b.bot, 0, &b.err), -RFE_FAILED);
    ck_assert_ptr_nonnull(strstr(b.err.msg, "not enough memory"));
    close_bench(&b);
    open_with(&b, yaml, &much);
    ck_assert_int_eq(rf_bot_one(b.bot, 0, &b.err), 0);
    close_bench(&b);
}
END_TEST

START_TEST(keys_are_unique)
{
    struct bench b, next;
    open_bench(&b,
               "scripts: [{name: a, script: ''}, {name: b, script: ''}, {name: a, script: ''}]\n");
    ck_assert_str_eq(rf_bot_script_key(b.bot, 0), "a");
    ck_assert_str_eq(rf_bot_script_key(b.bot, 1), "b");
    ck_assert_str_eq(rf_bot_script_key(b.bot, 2), "a#2");
    ck_assert_int_eq(rf_bot_one(b.bot, 2, &b.err), 0);
    ck_assert_int_eq(rf_bot_one(b.bot, 1, &b.err), 0);
    ck_assert_int_eq(rf_bot_one(b.bot, 1, &b.err), 0);
    /* The same scripts in another order, with a new one. */
    open_bench(&next,
               "scripts: [{name: c, script: ''}, {name: b, script: ''}, {name: a, script: ''}]\n");
    rf_bot_status_take(next.bot, b.bot);
    ck_assert_uint_eq(status(&next, 0).runs, 0);
    ck_assert_uint_eq(status(&next, 1).runs, 2);
    ck_assert_uint_eq(status(&next, 2).runs, 0);
    close_bench(&b);
    close_bench(&next);
}
END_TEST

/* ---- a text with arguments ---- */

static int run_text(struct bench *b, const char *text, char **args, size_t n)
{
    return rf_bot_run_text(b->bot, "clean.lua", rf_slice_str(text), args, n, &b->err);
}

START_TEST(arguments)
{
    struct bench b;
    char *args[] = { (char[]){ "one" }, (char[]){ "t\xc3\xa4w\xff" } };
    open_bench(&b, "version: 1\n");
    ck_assert_int_eq(run_text(&b,
                              "assert(select('#', ...) == 2 and ... == 'one')\n"
                              "assert(#arg == 2 and arg[0] == 'clean.lua')\n"
                              "assert(arg[2] == 't\\xc3\\xa4w\\xff')\n"
                              "assert(regbot_run == nil)\n",
                              args, 2),
                     0);
    ck_assert_int_eq(run_text(&b, "assert(select('#', ...) == 0 and #arg == 0)", NULL, 0), 0);
    close_bench(&b);
}
END_TEST

START_TEST(errors_name_the_file)
{
    struct bench b;
    open_bench(&b, "version: 1\n");
    ck_assert_int_eq(run_text(&b, "\n\nerror('x')", NULL, 0), -RFE_FAILED);
    ck_assert_str_eq(b.err.msg, "clean.lua:3: x");
    ck_assert_int_eq(run_text(&b, "x = = 1", NULL, 0), -RFE_FAILED);
    ck_assert_str_eq(b.err.msg, "clean.lua:1: unexpected symbol near '='");
    ck_assert_int_eq(run_text(&b, "\x1bLua", NULL, 0), -RFE_FAILED);
    ck_assert_ptr_nonnull(strstr(b.err.msg, "attempt to load a binary chunk"));
    close_bench(&b);
}
END_TEST

/* ---- checking ---- */

START_TEST(check_tells_places)
{
    struct bench b;
    size_t bad = 0;
    open_bench(&b, "scripts:\n"
                   "- {name: fine, script: 'while true do end'}\n"
                   "- name: broken\n"
                   "  script: |\n"
                   "    x = 1\n"
                   "    y = = 2\n"
                   "- {name: when, script: '', schedule: '99 * * * *'}\n"
                   "- {name: compiled, script: \"\\eLua\"}\n");
    ck_assert_int_eq(rf_bot_check(b.bot, &b.failures, &bad, &b.err), 0);
    ck_assert_uint_eq(bad, 3);
    const char *text = failures(&b);
    ck_assert_ptr_nonnull(
        strstr(text, "f.yml:4:11: script broken: <string>:2: unexpected symbol near '='\n"));
    ck_assert_ptr_nonnull(strstr(text, "script when: schedule: "));
    ck_assert_ptr_nonnull(strstr(text, "script compiled: "));
    ck_assert_ptr_null(strstr(text, "fine"));
    ck_assert_uint_eq(status(&b, 0).runs, 0);
    close_bench(&b);
}
END_TEST

START_TEST(check_tells_of_scripts_without_text)
{
    struct bench b;
    size_t bad = 0;
    open_bench(
        &b,
        "scripts: [{name: none}, {name: blank, script: \" \\n\"}, {name: some, script: '--'}]\n");
    ck_assert_int_eq(rf_bot_check(b.bot, &b.failures, &bad, &b.err), 0);
    ck_assert_uint_eq(bad, 2);
    const char *text = failures(&b);
    ck_assert_ptr_nonnull(strstr(text, "script none: no text: \"script\" is empty or missing\n"));
    ck_assert_ptr_nonnull(strstr(text, "script blank: no text"));
    close_bench(&b);
}
END_TEST

/* ---- hints ---- */

START_TEST(walls_are_named)
{
    static const struct rf_bot_setup unsafe = { .unsafe_libs = true };
    static const char yaml[] =
        "scripts: [{name: s, script: 'if not io then io = 5 error(\"none\") end'},\n"
        "          {name: t, script: 'io.open(\"x\")'}, {name: u, script: 'os.execute()'},\n"
        "          {name: v, script: 'local ok, e = pcall(function() io.open() end) error(#e, 0)'}]\n";
    struct bench b;
    open_bench(&b, yaml);
    ck_assert_int_eq(rf_bot_one(b.bot, 0, &b.err), -RFE_FAILED);
    ck_assert_str_eq(b.err.msg, "script s: <string>:1: none");
    ck_assert_int_eq(rf_bot_one(b.bot, 1, &b.err), -RFE_FAILED);
    ck_assert_ptr_nonnull(
        strstr(b.err.msg, "<string>:1: attempt to index a nil value (global 'io') (io is not"));
    ck_assert_ptr_nonnull(strstr(b.err.msg, "--unsafe-libs"));
    ck_assert_int_eq(rf_bot_one(b.bot, 2, &b.err), -RFE_FAILED);
    ck_assert_ptr_nonnull(strstr(b.err.msg, "(if os.execute is meant"));
    /* What a script catches is Lua's own text. */
    ck_assert_int_eq(rf_bot_one(b.bot, 3, &b.err), -RFE_FAILED);
    ck_assert_ptr_null(strstr(b.err.msg, "unsafe"));
    close_bench(&b);
    open_with(&b, yaml, &unsafe);
    ck_assert_int_eq(rf_bot_one(b.bot, 0, &b.err), 0);
    close_bench(&b);
}
END_TEST

/* ---- surroundings ---- */

START_TEST(bytes_in_the_environment)
{
    static const char *const names[] = { "RF_TEST_BYTES", "RF_TEST_TEXT" };
    static const struct rf_bot_setup setup = { .env = names, .n_env = 2 };
    struct bench b;
    ck_assert_int_eq(setenv("TZ", "\xff", 1), 0);
    ck_assert_int_eq(setenv("RF_TEST_BYTES", "\xff", 1), 0);
    ck_assert_int_eq(setenv("RF_TEST_TEXT", "text", 1), 0);
    open_with(&b,
              "scripts: [{script: 'assert(os.getenv(\"RF_TEST_BYTES\") == nil) "
              "assert(os.getenv(\"RF_TEST_TEXT\") == \"text\") os.date()'}]\n",
              &setup);
    ck_assert_msg(rf_bot_one(b.bot, 0, &b.err) == 0, "%s", b.err.msg);
    close_bench(&b);
    (void)unsetenv("TZ");
    (void)unsetenv("RF_TEST_BYTES");
    (void)unsetenv("RF_TEST_TEXT");
}
END_TEST

Suite *rf_bot_run_suite(void);
Suite *rf_bot_run_suite(void)
{
    Suite *s = suite_create("bot_run");
    TCase *t = tcase_create("bot_run");
    tcase_add_test(t, one_after_the_other);
    tcase_add_test(t, beside_each_other);
    tcase_add_test(t, nothing_to_run);
    tcase_add_test(t, timeouts);
    tcase_add_test(t, memory_is_granted);
    tcase_add_test(t, keys_are_unique);
    tcase_add_test(t, arguments);
    tcase_add_test(t, errors_name_the_file);
    tcase_add_test(t, check_tells_places);
    tcase_add_test(t, check_tells_of_scripts_without_text);
    tcase_add_test(t, walls_are_named);
    tcase_add_test(t, bytes_in_the_environment);
    suite_add_tcase(s, t);
    return s;
}
