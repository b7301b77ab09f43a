/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/bridge.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>

#include "base/mem.h"

#define TOTAL 3000000u

static struct rf_http *http;
static struct rf_bridge *bridge;

static void setup(void)
{
    ck_assert_int_eq(rf_http_new(NULL, &http, NULL), 0);
    bridge = rf_bridge_new(http, http);
}

static void teardown(void)
{
    rf_bridge_free(bridge);
    rf_http_free(http);
}

static char byte_at(uint64_t pos)
{
    return (char)(pos * 31 + (pos >> 8));
}

/* Pieces of odd sizes; "again" is asked again at once, as an engine would once it is kicked. */
static void *write_all(void *arg)
{
    uint64_t limit = *(uint64_t *)arg;
    char piece[20000];
    for (uint64_t pos = 0; pos < limit;) {
        size_t n = 1 + (size_t)(pos * 7 % 16384);
        if (n > limit - pos)
            n = (size_t)(limit - pos);
        for (size_t i = 0; i < n; i++)
            piece[i] = byte_at(pos + i);
        int rc = rf_sink_write(rf_bridge_sink(bridge), piece, n, NULL);
        if (rc == -RFE_AGAIN) {
            sched_yield();
            continue;
        }
        if (rc < 0)
            break;
        pos += n;
    }
    rf_bridge_close_sink(bridge, 0, NULL);
    return NULL;
}

START_TEST(carries_everything_in_order)
{
    pthread_t thread;
    uint64_t limit = TOTAL;
    uint64_t pos = 0;
    char piece[70000];
    ck_assert_int_eq(pthread_create(&thread, NULL, write_all, &limit), 0);
    for (;;) {
        ssize_t n = rf_source_read(rf_bridge_source(bridge), piece,
                                   1 + (size_t)(pos % sizeof(piece)), NULL);
        if (n == -RFE_AGAIN) {
            sched_yield();
            continue;
        }
        ck_assert_int_ge(n, 0);
        if (n == 0)
            break;
        for (ssize_t i = 0; i < n; i++)
            ck_assert(piece[i] == byte_at(pos + (uint64_t)i));
        pos += (uint64_t)n;
    }
    pthread_join(thread, NULL);
    ck_assert_uint_eq(pos, TOTAL);
}
END_TEST

START_TEST(is_bounded)
{
    static char piece[RF_BRIDGE_BYTES];
    char byte;
    struct rf_sink *sink = rf_bridge_sink(bridge);
    struct rf_source *source = rf_bridge_source(bridge);
    ck_assert_int_eq(rf_source_read(source, &byte, 1, NULL), -RFE_AGAIN);
    ck_assert_int_eq(rf_sink_write(sink, piece, sizeof(piece), NULL), 0);
    /* All or nothing of a piece is taken. */
    ck_assert_int_eq(rf_sink_write(sink, piece, 2, NULL), -RFE_AGAIN);
    ck_assert_int_eq(rf_source_read(source, &byte, 1, NULL), 1);
    ck_assert_int_eq(rf_sink_write(sink, piece, 2, NULL), -RFE_AGAIN);
    ck_assert_int_eq(rf_sink_write(sink, piece, 1, NULL), 0);
    ck_assert_int_eq(rf_source_seek(source, 0, NULL), -RFE_UNSUPPORTED);
}
END_TEST

START_TEST(failures_pass_over)
{
    struct rf_err why = RF_ERR_INIT;
    struct rf_err err = RF_ERR_INIT;
    char byte = 'x';
    int rc = rf_fail(&why, RFE_NO_SPACE, "the far end is full");
    ck_assert_int_eq(rf_sink_write(rf_bridge_sink(bridge), &byte, 1, NULL), 0);
    if (_i == 0) {
        rf_bridge_close_source(bridge, rc, &why);
        ck_assert_int_eq(rf_sink_write(rf_bridge_sink(bridge), &byte, 1, &err), -RFE_NO_SPACE);
        ck_assert_str_eq(err.msg, "the far end is full");
        ck_assert(!rf_bridge_close_sink(bridge, -RFE_NO_SPACE, &err)); /* not its own */
        return;
    }
    ck_assert(rf_bridge_close_sink(bridge, rc, &why));
    /* What came before the failure is still there to read; the end is not an end. */
    ck_assert_int_eq(rf_source_read(rf_bridge_source(bridge), &byte, 1, &err), 1);
    ck_assert_int_eq(rf_source_read(rf_bridge_source(bridge), &byte, 1, &err), -RFE_NO_SPACE);
    ck_assert_str_eq(err.msg, "the far end is full");
}
END_TEST

Suite *rf_bridge_suite(void);
Suite *rf_bridge_suite(void)
{
    Suite *s = suite_create("bridge");
    TCase *t = tcase_create("bridge");
    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, carries_everything_in_order);
    tcase_add_test(t, is_bounded);
    tcase_add_loop_test(t, failures_pass_over, 0, 2);
    suite_add_tcase(s, t);
    return s;
}
