/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/bot_metrics.h"

#include <check.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"

struct bench {
    struct rf_policy_config *config;
    struct rf_bot *bot;
    struct rf_buf out;
};

static const struct rf_metrics_program program = {
    .name = "regbot", .started = 1700000000, .reloads = 2, .failed_reloads = 1
};

static void open_bench(struct bench *b)
{
    static const char yaml[] = "scripts:\n"
                               "- {name: 'a \"b\"\\c', script: \"error('x')\"}\n"
                               "- {name: fine, script: 'x = 1'}\n";
    static const struct rf_bot_setup setup = { .dry_run = true };
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_policy_config_parse("x.yml", rf_slice_str(yaml), 0, &b->config, &err);
    ck_assert_msg(rc == 0, "%s", err.msg);
    b->bot = rf_bot_new(b->config, NULL, &setup);
    ck_assert_int_eq(rf_bot_one(b->bot, 0, &err), -RFE_FAILED);
    ck_assert_int_eq(rf_bot_one(b->bot, 1, &err), 0);
    rf_buf_init(&b->out, 1u << 20);
}

static void close_bench(struct bench *b)
{
    rf_buf_release(&b->out);
    rf_bot_free(b->bot);
    rf_policy_config_free(b->config);
}

START_TEST(openmetrics)
{
    static const char *const lines[] = {
        "regbot_start_timestamp_seconds 1700000000\n",
        "regbot_reloads_total 2\n",
        "regbot_failed_reloads_total 1\n",
        "# TYPE regbot_script_runs counter\n",
        "regbot_script_runs_total{script=\"a \\\"b\\\"\\\\c\"} 1\n",
        "regbot_script_failed_runs_total{script=\"a \\\"b\\\"\\\\c\"} 1\n",
        "regbot_script_failed_runs_total{script=\"fine\"} 0\n",
        "regbot_script_writes_total{script=\"fine\",kind=\"tagsDeleted\"} 0\n",
        "# UNIT regbot_script_ratelimit_wait_seconds seconds\n",
        "regbot_script_last_success_timestamp_seconds{script=\"fine\"} ",
    };
    struct bench b;
    open_bench(&b);
    rf_bot_metrics_text(&program, b.bot, &b.out);
    rf_buf_add_char(&b.out, '\0');
    for (size_t i = 0; i < RF_ARRAY_LEN(lines); i++)
        ck_assert_msg(strstr(b.out.ptr, lines[i]) != NULL, "no %s in\n%s", lines[i], b.out.ptr);
    ck_assert_ptr_null(strstr(b.out.ptr, "last_success_timestamp_seconds{script=\"a"));
    ck_assert_str_eq(b.out.ptr + b.out.len - 7, "# EOF\n");
    close_bench(&b);
}
END_TEST

START_TEST(json)
{
    struct bench b;
    open_bench(&b);
    rf_bot_metrics_json(&program, b.bot, &b.out);
    RF_CLEANUP(rf_json_decrefp) json_t *told = json_loadb(b.out.ptr, b.out.len, 0, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(told, "program")), "regbot");
    const json_t *first = json_array_get(json_object_get(told, "scripts"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(first, "script")), "a \"b\"\\c");
    ck_assert_int_eq(json_integer_value(json_object_get(first, "failedRuns")), 1);
    ck_assert(json_is_null(json_object_get(first, "lastSuccess")));
    ck_assert(json_is_integer(json_object_get(first, "imagesCopied")));
    ck_assert_uint_eq(json_array_size(json_object_get(told, "scripts")), 2);
    close_bench(&b);
}
END_TEST

Suite *rf_bot_metrics_suite(void);
Suite *rf_bot_metrics_suite(void)
{
    Suite *s = suite_create("bot_metrics");
    TCase *t = tcase_create("bot_metrics");
    tcase_add_test(t, openmetrics);
    tcase_add_test(t, json);
    suite_add_tcase(s, t);
    return s;
}
