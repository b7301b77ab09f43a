/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <regex.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>
#include <jansson.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "tests/base/helper_dir.h"

Suite *rf_log_suite(void);

static void zone(const char *tz)
{
    ck_assert_int_eq(setenv("TZ", tz, 1), 0);
    tzset();
}

static bool matches(const char *s, const char *pattern)
{
    regex_t re;
    ck_assert_int_eq(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
    bool yes = regexec(&re, s, 0, NULL, 0) == 0;
    regfree(&re);
    return yes;
}

/* The line of text without its time. */
static char *log_line(int level, const char *msg, const char *key, const char *value)
{
    stderr_begin();
    rf_log(level, msg, key, value, NULL);
    char *all = stderr_end();
    const char *rest = strstr(all, " level=");
    char *line = rf_xstrdup(rest != NULL ? rest + 1 : all);
    free(all);
    return line;
}

static const struct {
    const char *value, *want;
} values[] = {
    { "plain", "plain" },
    { "a/b:c@sha256:0,[x]{y}'z'", "a/b:c@sha256:0,[x]{y}'z'" },
    { "back\\slash", "back\\slash" },
    { "", "\"\"" },
    { "two words", "\"two words\"" },
    { "a=b", "\"a=b\"" },
    { "say \"hi\"", "\"say \\\"hi\\\"\"" },
    { "say\"hi\"\\", "\"say\\\"hi\\\"\\\\\"" },
    { "line\nnext\tx\r", "\"line\\nnext\\tx\\r\"" },
    { "\033[31m", "\"\\x1b[31m\"" },
    { "\x7f", "\"\\x7f\"" },
    { "bad\xff", "\"bad\\xff\"" },
    { "\xc3\xa4\xe6\xbc\xa2", "\xc3\xa4\xe6\xbc\xa2" },
    { "a\xe2\x80\xae"
      "b",
      "\"a\\u202eb\"" },
    { "a\xc2\xa0"
      "b",
      "\"a\\u00a0b\"" },
    { "\xef\xbf\xbd", "\"\xef\xbf\xbd\"" },
    { "\xf3\xa0\x80\x81", "\"\\U000e0001\"" },
};

START_TEST(text_values_are_quoted_only_when_needed)
{
    RF_CLEANUP(rf_freep) char *line = log_line(RF_LOG_WARN, "message", "key", values[_i].value);
    RF_CLEANUP(rf_freep)
    char *want = rf_xasprintf("level=WARN msg=message key=%s\n", values[_i].want);
    ck_assert_str_eq(line, want);
    /* The message goes through the same. */
    RF_CLEANUP(rf_freep) char *line2 = log_line(RF_LOG_ERROR, values[_i].value, "k", "v");
    RF_CLEANUP(rf_freep) char *want2 = rf_xasprintf("level=ERROR msg=%s k=v\n", values[_i].want);
    ck_assert_str_eq(line2, want2);
}
END_TEST

START_TEST(text_line_has_time_in_the_local_zone)
{
    static const struct {
        const char *tz, *end;
    } zones[] = {
        { "UTC0", "Z" }, { "XXX-05:30", "\\+05:30" }, { "YYY8", "-08:00" }, { "ZZZ0:30", "-00:30" }
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(zones); i++) {
        zone(zones[i].tz);
        stderr_begin();
        rf_log(RF_LOG_WARN, "some text", "a", "1", "b", NULL, NULL);
        rf_log(RF_LOG_WARN, "x", NULL);
        RF_CLEANUP(rf_freep) char *all = stderr_end();
        RF_CLEANUP(rf_freep)
        char *pattern = rf_xasprintf(
            "^time=20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9]{3}%s"
            " level=WARN msg=\"some text\" a=1",
            zones[i].end);
        ck_assert_msg(matches(all, pattern), "%s: %s", zones[i].tz, all);
    }
}
END_TEST

START_TEST(json_lines_are_json)
{
    rf_log_set_json(true);
    zone("UTC0");
    stderr_begin();
    rf_log(RF_LOG_WARN, values[_i].value, "key", values[_i].value, "other", "x", NULL);
    RF_CLEANUP(rf_freep) char *all = stderr_end();
    ck_assert_msg(
        matches(
            all,
            "^\\{\"time\":\"20[0-9-]{8}T[0-9:]{8}(\\.[0-9]{1,9})?Z\",\"level\":\"WARN\",\"msg\":\""),
        "%s", all);
    ck_assert_ptr_null(memchr(all, '\033', strlen(all)));
    ck_assert_ptr_eq(strchr(all, '\n'), all + strlen(all) - 1);
    json_t *line = json_loads(all, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(line != NULL, "%s", all);
    const char *value = json_string_value(json_object_get(line, "key"));
    /* Bytes that are no text become U+FFFD. */
    ck_assert_str_eq(value, strcmp(values[_i].value, "bad\xff") == 0 ? "bad\xef\xbf\xbd"
                                                                     : values[_i].value);
    ck_assert_str_eq(json_string_value(json_object_get(line, "other")), "x");
    json_decref(line);
}
END_TEST

static const struct {
    const char *text;
    int threshold; /* lowest level that is shown; 99: refused */
    const char *error;
} levels[] = {
    { "debug", RF_LOG_DEBUG, NULL },
    { "DEBUG", RF_LOG_DEBUG, NULL },
    { "Info", RF_LOG_INFO, NULL },
    { "warn", RF_LOG_WARN, NULL },
    { "eRRor", RF_LOG_ERROR, NULL },
    { "trace", RF_LOG_TRACE, NULL },
    { "info+2", 2, NULL },
    { "debug-4", RF_LOG_TRACE, NULL },
    { "warn+0", RF_LOG_WARN, NULL },
    { "error-12", RF_LOG_DEBUG, NULL },
    { "warn+007", 11, NULL },
    { "TRACE", 99, "unable to parse verbosity TRACE: slog: level string \"TRACE\": unknown name" },
    { "trace+1", 99,
      "unable to parse verbosity trace+1: slog: level string \"trace+1\": unknown name" },
    { "", 99, "unable to parse verbosity : slog: level string \"\": unknown name" },
    { "warning", 99,
      "unable to parse verbosity warning: slog: level string \"warning\": unknown name" },
    { " warn", 99, "unable to parse verbosity  warn: slog: level string \" warn\": unknown name" },
    { "+1", 99, "unable to parse verbosity +1: slog: level string \"+1\": unknown name" },
    { "info+", 99,
      "unable to parse verbosity info+: slog: level string \"info+\": strconv.Atoi: parsing \"+\": invalid syntax" },
    { "info+x", 99,
      "unable to parse verbosity info+x: slog: level string \"info+x\": strconv.Atoi: parsing \"+x\": invalid syntax" },
    { "info+-1", 99,
      "unable to parse verbosity info+-1: slog: level string \"info+-1\": strconv.Atoi: parsing \"+-1\": invalid syntax" },
    { "info+99999999999999999999", 99,
      "unable to parse verbosity info+99999999999999999999: slog: level string \"info+99999999999999999999\": "
      "strconv.Atoi: parsing \"+99999999999999999999\": value out of range" },
    { "b\"\033", 99,
      "unable to parse verbosity b\"\\x1b: slog: level string \"b\\\"\\x1b\": unknown name" },
};

START_TEST(levels_are_read)
{
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_log_set_level(levels[_i].text, &err);
    if (levels[_i].error != NULL) {
        ck_assert_int_eq(rc, -RFE_USAGE);
        ck_assert_str_eq(err.msg, levels[_i].error);
        /* The level stays what it was. */
        ck_assert(rf_log_enabled(RF_LOG_WARN));
        ck_assert(!rf_log_enabled(RF_LOG_INFO));
        return;
    }
    ck_assert_int_eq(rc, 0);
    ck_assert(rf_log_enabled(levels[_i].threshold));
    ck_assert(!rf_log_enabled(levels[_i].threshold - 1));
}
END_TEST

START_TEST(levels_are_named)
{
    static const struct {
        int level;
        const char *want;
    } names[] = { { -8, "DEBUG-4" }, { -4, "DEBUG" }, { -1, "DEBUG+3" }, { 0, "INFO" },
                  { 2, "INFO+2" },   { 4, "WARN" },   { 8, "ERROR" },    { 12, "ERROR+4" } };
    ck_assert_int_eq(rf_log_set_level("trace", NULL), 0);
    for (size_t i = 0; i < RF_ARRAY_LEN(names); i++) {
        RF_CLEANUP(rf_freep) char *line = log_line(names[i].level, "m", "k", "v");
        RF_CLEANUP(rf_freep) char *want = rf_xasprintf("level=%s msg=m k=v\n", names[i].want);
        ck_assert_str_eq(line, want);
    }
}
END_TEST

START_TEST(warn_is_the_default)
{
    RF_CLEANUP(rf_freep) char *none = log_line(RF_LOG_INFO, "m", "k", "v");
    ck_assert_str_eq(none, "");
    RF_CLEANUP(rf_freep) char *some = log_line(RF_LOG_WARN, "m", "k", "v");
    ck_assert_str_ne(some, "");
}
END_TEST

static void say_before(void *arg)
{
    (*(int *)arg)++;
    (void)!write(STDERR_FILENO, "<", 1);
}

static void say_after(void *arg)
{
    (*(int *)arg) += 100;
    (void)!write(STDERR_FILENO, ">", 1);
}

START_TEST(hooks_stand_around_the_line)
{
    int n = 0;
    rf_log_set_hooks(say_before, say_after, &n);
    stderr_begin();
    rf_log(RF_LOG_WARN, "m", NULL);
    rf_log(RF_LOG_INFO, "not shown", NULL);
    RF_CLEANUP(rf_freep) char *all = stderr_end();
    ck_assert_int_eq(n, 101);
    ck_assert_int_eq(all[0], '<');
    ck_assert_str_eq(all + strlen(all) - 2, "\n>");
    rf_log_set_hooks(NULL, NULL, NULL);
    free(log_line(RF_LOG_WARN, "m", "k", "v"));
    ck_assert_int_eq(n, 101);
}
END_TEST

static int log_one(void *ctx, size_t i, struct rf_err *err)
{
    (void)ctx;
    (void)err;
    char number[32];
    (void)snprintf(number, sizeof(number), "%zu", i);
    rf_log(RF_LOG_WARN, "from a thread", "n", number, "end", "end", NULL);
    return 0;
}

START_TEST(lines_of_threads_stay_whole)
{
    stderr_begin();
    ck_assert_int_eq(rf_parallel(8, 500, log_one, NULL, NULL), 0);
    RF_CLEANUP(rf_freep) char *all = stderr_end();
    size_t n = 0;
    for (char *line = all, *end; *line != '\0'; line = end + 1, n++) {
        end = strchr(line, '\n');
        ck_assert_ptr_nonnull(end);
        *end = '\0';
        ck_assert_msg(
            matches(line, "^time=[^ ]+ level=WARN msg=\"from a thread\" n=[0-9]+ end=end$"), "%s",
            line);
    }
    ck_assert_uint_eq(n, 500);
}
END_TEST

START_TEST(endless_values_are_cut)
{
    RF_CLEANUP(rf_freep) char *big = rf_xcalloc(1, 3000001);
    memset(big, 'x', 3000000);
    stderr_begin();
    rf_log(RF_LOG_WARN, big, "k", big, NULL);
    RF_CLEANUP(rf_freep) char *all = stderr_end();
    ck_assert_uint_lt(strlen(all), 100000);
    ck_assert_int_eq(all[strlen(all) - 1], '\n');
}
END_TEST

/* ---- values with a type ---- */

static const struct rf_log_entry headers[] = { { "Accept", "application/json" },
                                               { "Accept", "text/plain" },
                                               { "Link", "a \"b\"\033" } };

static void log_typed(void)
{
    rf_log_with(RF_LOG_WARN, "typed", rf_log_text("source", "a b"), rf_log_text("none", NULL),
                rf_log_int("remain", -7), rf_log_int("least", INT64_MIN),
                rf_log_uint("most", UINT64_MAX), rf_log_bool("yes", true), rf_log_bool("no", false),
                rf_log_duration("sleep", INT64_C(300000000000)), rf_log_duration("short", 1500),
                rf_log_list("list", headers, 3), rf_log_list("empty", NULL, 0),
                rf_log_map("map", headers, 3), rf_log_map("nothing", NULL, 0));
}

/* The lines of tests/data/log are what programs print, without the time. */
START_TEST(typed_values_golden)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf want;
    RF_CLEANUP(rf_freep)
    char *path =
        rf_xasprintf("%s/log/typed-values.%s", getenv("RF_TEST_DATA"), _i == 0 ? "text" : "json");
    rf_buf_init(&want, 0);
    ck_assert_int_eq(rf_file_read(path, &want, NULL), 0);
    rf_log_set_json(_i == 1);
    stderr_begin();
    log_typed();
    RF_CLEANUP(rf_freep) char *all = stderr_end();
    const char *rest = strstr(all, _i == 0 ? "level=" : "\"level\":");
    ck_assert_ptr_nonnull(rest);
    ck_assert_str_eq(rest, want.ptr);
}
END_TEST

START_TEST(typed_values_are_json)
{
    rf_log_set_json(true);
    stderr_begin();
    log_typed();
    RF_CLEANUP(rf_freep) char *all = stderr_end();
    json_t *line = json_loads(all, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
    ck_assert_msg(line != NULL, "%s", all);
    ck_assert(json_is_number(json_object_get(line, "most")));
    ck_assert(json_is_true(json_object_get(line, "yes")));
    ck_assert(json_is_false(json_object_get(line, "no")));
    ck_assert_double_eq(json_number_value(json_object_get(line, "sleep")), 3e11);
    const json_t *map = json_object_get(line, "map");
    ck_assert_uint_eq(json_array_size(json_object_get(map, "Accept")), 2);
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(map, "Link"), 0)),
                     "a \"b\"\033");
    json_decref(line);
}
END_TEST

/* Whoever turns a text into a number must not change what people and scripts read. */
START_TEST(typed_text_is_as_of_strings)
{
    stderr_begin();
    rf_log(RF_LOG_WARN, "m", "n", "7", "yes", "true", "sleep", "5m0s", "us", "2\302\265s", "list",
           "[a b]", NULL);
    RF_CLEANUP(rf_freep) char *strings = stderr_end();
    static const struct rf_log_entry list[] = { { NULL, "a" }, { NULL, "b" } };
    stderr_begin();
    rf_log_with(RF_LOG_WARN, "m", rf_log_uint("n", 7), rf_log_bool("yes", true),
                rf_log_duration("sleep", INT64_C(300000000000)), rf_log_duration("us", 2000),
                rf_log_list("list", list, 2));
    RF_CLEANUP(rf_freep) char *typed = stderr_end();
    ck_assert_ptr_nonnull(strstr(strings, " level="));
    ck_assert_ptr_nonnull(strstr(typed, " level="));
    ck_assert_str_eq(strstr(typed, " level="), strstr(strings, " level="));
}
END_TEST

START_TEST(typed_lines_keep_to_the_level)
{
    stderr_begin();
    rf_log_with(RF_LOG_INFO, "m", rf_log_int("n", 7));
    RF_CLEANUP(rf_freep) char *all = stderr_end();
    ck_assert_str_eq(all, "");
}
END_TEST

Suite *rf_log_suite(void)
{
    Suite *s = suite_create("log");
    TCase *tc = tcase_create("log");
    tcase_add_loop_test(tc, text_values_are_quoted_only_when_needed, 0, RF_ARRAY_LEN(values));
    tcase_add_test(tc, text_line_has_time_in_the_local_zone);
    tcase_add_loop_test(tc, json_lines_are_json, 0, RF_ARRAY_LEN(values));
    tcase_add_loop_test(tc, levels_are_read, 0, RF_ARRAY_LEN(levels));
    tcase_add_test(tc, levels_are_named);
    tcase_add_test(tc, warn_is_the_default);
    tcase_add_test(tc, hooks_stand_around_the_line);
    tcase_add_test(tc, lines_of_threads_stay_whole);
    tcase_add_test(tc, endless_values_are_cut);
    tcase_add_loop_test(tc, typed_values_golden, 0, 2);
    tcase_add_test(tc, typed_values_are_json);
    tcase_add_test(tc, typed_text_is_as_of_strings);
    tcase_add_test(tc, typed_lines_keep_to_the_level);
    suite_add_tcase(s, tc);
    return s;
}
