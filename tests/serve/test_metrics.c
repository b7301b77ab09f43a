/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/metrics.h"

#include <check.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"

struct bench {
    struct rf_policy_config *config;
    struct rf_sync *sync;
};

static void open_bench(struct bench *b, struct rf_sync_ledger *ledger)
{
    static const char yaml[] =
        "sync:\n"
        "- {source: 'a\"b\\c', target: x, type: image}\n" /* no reference: its step fails at once */
        "- {source: b.example/app, target: c.example/app, type: repository}\n";
    const struct rf_sync_setup setup = { .ledger = ledger };
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_policy_config_parse("x.yml", rf_slice_str(yaml), 0, &b->config, &err);
    ck_assert_msg(rc == 0, "%s", err.msg);
    b->sync = rf_sync_new(b->config, NULL, &setup);
}

static void close_bench(struct bench *b)
{
    rf_sync_free(b->sync);
    rf_policy_config_free(b->config);
}

static const struct rf_metrics_program program = { .name = "regsync", .started = 1000000000 };

static void ck_line(const char *text, const char *line)
{
    RF_CLEANUP(rf_freep) char *whole = rf_xasprintf("\n%s\n", line);
    ck_assert_msg(strstr(text, whole) != NULL, "no line %s in\n%s", line, text);
}

START_TEST(lines)
{
    struct bench b;
    struct rf_sync_report_step r;
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 0);
    open_bench(&b, NULL);
    ck_assert_int_eq(rf_sync_one(b.sync, 0, RF_SYNC_COPY, &r, NULL), -RFE_FAILED);
    rf_sync_report_step_release(&r);
    rf_metrics_text(&program, b.sync, &out);
    ck_line(out.ptr, "regsync_start_timestamp_seconds 1000000000");
    ck_line(out.ptr, "# TYPE regsync_step_runs counter");
    ck_line(
        out.ptr,
        "regsync_step_runs_total{step=\"0\",source=\"a\\\"b\\\\c\",target=\"x\",type=\"image\"} 1");
    ck_line(
        out.ptr,
        "regsync_step_errors_total{step=\"0\",source=\"a\\\"b\\\\c\",target=\"x\",type=\"image\"} 1");
    ck_line(
        out.ptr,
        "regsync_step_runs_total{step=\"1\",source=\"b.example/app\",target=\"c.example/app\",type=\"repository\"} 0");
    ck_line(out.ptr, "# UNIT regsync_step_moved_bytes bytes");
    /* What never happened has no time. */
    ck_assert_ptr_null(strstr(out.ptr, "\nregsync_step_last_success_timestamp_seconds{"));
    ck_assert_ptr_nonnull(
        strstr(out.ptr, "\nregsync_step_last_start_timestamp_seconds{step=\"0\""));
    ck_assert_ptr_null(strstr(out.ptr, "ratelimit_remaining{"));
    ck_assert_str_eq(out.ptr + out.len - 6, "# EOF\n");
    close_bench(&b);
}
END_TEST

START_TEST(status)
{
    struct bench b;
    struct rf_sync_report_step r;
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 0);
    open_bench(&b, NULL);
    ck_assert_int_eq(rf_sync_one(b.sync, 0, RF_SYNC_COPY, &r, NULL), -RFE_FAILED);
    rf_sync_report_step_release(&r);
    rf_metrics_json(&program, b.sync, &out);
    RF_CLEANUP(rf_json_decrefp) json_t *j = json_loadb(out.ptr, out.len, 0, NULL);
    ck_assert_ptr_nonnull(j);
    const json_t *first = json_array_get(json_object_get(j, "steps"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(j, "started")), "2001-09-09T01:46:40Z");
    ck_assert_str_eq(json_string_value(json_object_get(first, "source")), "a\"b\\c");
    ck_assert_int_eq(json_integer_value(json_object_get(first, "failedRuns")), 1);
    ck_assert(json_is_null(json_object_get(first, "lastSuccess")));
    ck_assert(json_is_false(json_object_get(first, "running")));
    close_bench(&b);
}
END_TEST

/* A file that is read again: what was counted stays with its step, wherever that stands now. */
START_TEST(numbers_outlive_a_reload)
{
    struct bench b, again;
    struct rf_sync_report_step r;
    struct rf_sync_status s;
    struct rf_sync_ledger *ledger = rf_sync_ledger_new();
    open_bench(&b, ledger);
    open_bench(&again, ledger);
    ck_assert_int_eq(rf_sync_one(b.sync, 0, RF_SYNC_COPY, &r, NULL), -RFE_FAILED);
    rf_sync_report_step_release(&r);
    close_bench(&b);
    rf_sync_status_of(again.sync, 0, &s);
    ck_assert_uint_eq(s.runs, 1);
    ck_assert_uint_eq(s.failed_runs, 1);
    rf_sync_status_of(again.sync, 1, &s);
    ck_assert_uint_eq(s.runs, 0);
    close_bench(&again);
    rf_sync_ledger_free(ledger);
}
END_TEST

Suite *rf_metrics_suite(void);
Suite *rf_metrics_suite(void)
{
    Suite *s = suite_create("metrics");
    TCase *t = tcase_create("metrics");
    tcase_add_test(t, lines);
    tcase_add_test(t, status);
    tcase_add_test(t, numbers_outlive_a_reload);
    suite_add_tcase(s, t);
    return s;
}
