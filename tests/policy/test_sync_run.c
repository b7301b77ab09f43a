/* SPDX-License-Identifier: Apache-2.0 */
/* The runner over layouts and the scripted registry; the programs' log lines and requests are looked at in tests/e2e/regsync.py. */
#include "policy/sync/sync_run.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "regclient/stats.h"
#include "tests/regclient/helper_registry.h"

struct bench {
    struct test_registry *registry;
    struct rf_policy_config *config;
    struct rf_client *client;
    struct rf_sync *sync;
};

static struct rf_policy_config *config_of(const char *yaml)
{
    struct rf_policy_config *c = NULL;
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_policy_config_parse("test.yml", rf_slice_str(yaml), 0, &c, &err);
    ck_assert_msg(rc == 0, "%s", err.msg);
    return c;
}

/* HOST in the text is the registry. */
static void open_bench(struct bench *b, const char *yaml, const struct rf_sync_setup *setup)
{
    static const struct rf_sync_setup plain = { .keep_images = true };
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    for (const char *at = yaml; *at != '\0';) {
        const char *host = strstr(at, "HOST");
        rf_buf_add(&text, at, host != NULL ? (size_t)(host - at) : strlen(at));
        if (host == NULL)
            break;
        rf_buf_add_str(&text, b->registry->name);
        at = host + 4;
    }
    b->config = config_of(text.ptr);
    struct rf_hosts *hosts = rf_hosts_new();
    RF_CLEANUP(rf_freep) char *flag = rf_xasprintf("reg=%s,tls=disabled", b->registry->name);
    ck_assert_int_eq(rf_hosts_add_flag(hosts, flag, NULL), 0);
    ck_assert_int_eq(rf_client_new(hosts, NULL, &b->client, NULL), 0);
    b->sync = rf_sync_new(b->config, b->client, setup != NULL ? setup : &plain);
}

static void close_bench(struct bench *b)
{
    rf_sync_free(b->sync);
    rf_client_free(b->client);
    rf_policy_config_free(b->config);
    test_registry_stop(b->registry);
}

static uint64_t outcome(const struct rf_sync_report *r, enum rf_sync_outcome o)
{
    return r->steps[0].outcomes[o];
}

START_TEST(copied_once_then_unchanged)
{
    struct bench b = { .registry = test_registry_start("plain", NULL) };
    struct rf_sync_report r = { 0 };
    struct rf_sync_status status;
    test_registry_image(b.registry, "a/app", "1", 2, 900, NULL);
    test_registry_image(b.registry, "a/app", "2", 2, 900, NULL);
    open_bench(&b, "sync: [{source: HOST/a/app, target: HOST/b/app, type: repository}]", NULL);
    ck_assert_int_eq(rf_sync_all(b.sync, RF_SYNC_CHECK, &r, NULL), 0);
    ck_assert_uint_eq(outcome(&r, RF_SYNC_NEEDED), 2);
    ck_assert_uint_eq(rf_sync_report_needed(&r), 2);
    rf_sync_report_release(&r);
    ck_assert_int_eq(rf_sync_all(b.sync, RF_SYNC_COPY, &r, NULL), 0);
    ck_assert_uint_eq(outcome(&r, RF_SYNC_COPIED), 2);
    ck_assert_uint_eq(r.steps[0].n_images, 2);
    rf_sync_report_release(&r);
    rf_sync_status_of(b.sync, 0, &status);
    uint64_t before = status.requests;
    ck_assert_int_eq(rf_sync_all(b.sync, RF_SYNC_COPY, &r, NULL), 0);
    ck_assert_uint_eq(outcome(&r, RF_SYNC_UNCHANGED), 2);
    rf_sync_report_release(&r);
    /* A list, and one question at each side for each tag. */
    rf_sync_status_of(b.sync, 0, &status);
    ck_assert_uint_eq(status.requests - before, 5);
    ck_assert_uint_eq(status.requests, rf_stats_requests(rf_client_stats(b.client)));
    ck_assert_uint_eq(status.runs, 3);
    ck_assert_uint_eq(status.copies, 2);
    ck_assert(status.last_success > 0 && !status.running);
    close_bench(&b);
}
END_TEST

START_TEST(failures_are_joined)
{
    struct bench b = { .registry = test_registry_start("plain", NULL) };
    struct rf_sync_report r = { 0 };
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    test_registry_image(b.registry, "a/app", "1", 1, 900, NULL);
    open_bench(&b,
               "sync:\n"
               "- {source: HOST/a/none:1, target: HOST/b/none:1, type: image}\n"
               "- {source: HOST/a/app:1, target: HOST/b/app:1, type: image}\n"
               "- {source: HOST/a/app:1, target: HOST/b/App:1, type: image}\n"
               "- {source: HOST/a/app:1, target: HOST/b/app:1, type: imige}\n",
               NULL);
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_sync_all(b.sync, RF_SYNC_COPY, &r, &err), -RFE_FAILED);
    ck_assert_uint_eq(r.steps[1].outcomes[RF_SYNC_COPIED], 1);
    rf_sync_report_errors(&r, &text);
    unsigned lines = 0;
    for (size_t i = 0; i < text.len; i++)
        lines += text.ptr[i] == '\n';
    ck_assert_uint_eq(lines, 3);
    ck_assert_ptr_nonnull(strstr(text.ptr, "a/none:1"));
    ck_assert_ptr_nonnull(strstr(text.ptr, "b/App:1"));
    ck_assert_ptr_nonnull(strstr(text.ptr, "\"imige\""));
    rf_sync_report_release(&r);
    close_bench(&b);
}
END_TEST

START_TEST(nothing_is_begun_after_a_failure)
{
    const struct rf_sync_setup setup = { .abort_on_error = true, .keep_images = true };
    struct bench b = { .registry = test_registry_start("plain", NULL) };
    struct rf_sync_report r = { 0 };
    test_registry_image(b.registry, "a/app", "1", 1, 900, NULL);
    open_bench(&b,
               "sync:\n"
               "- {source: HOST/a/none:1, target: HOST/b/none:1, type: image}\n"
               "- {source: HOST/a/app:1, target: HOST/b/app:1, type: image}\n",
               &setup);
    ck_assert_int_eq(rf_sync_all(b.sync, RF_SYNC_COPY, &r, NULL), -RFE_FAILED);
    ck_assert_uint_eq(r.steps[1].outcomes[RF_SYNC_COPIED], 0);
    ck_assert_uint_eq(test_registry_count(b.registry, NULL, "PUT *"), 2 + 1);
    rf_sync_report_release(&r);
    close_bench(&b);
}
END_TEST

/* What cannot be read is told of first; without the flag it keeps nothing from being done. */
START_TEST(steps_that_cannot_be_read)
{
    const struct rf_sync_setup setup = { .abort_on_error = _i == 1, .keep_images = true };
    struct bench b = { .registry = test_registry_start("plain", NULL) };
    struct rf_sync_report r = { 0 };
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    test_registry_image(b.registry, "a/app", "1", 1, 900, NULL);
    open_bench(&b,
               "sync:\n"
               "- {source: HOST/a/app:1, target: HOST/b/app:1, type: image}\n"
               "- {source: HOST/a/app:1, target: HOST/c/app:1, type: image, tags: 5}\n",
               &setup);
    ck_assert_int_eq(rf_sync_all(b.sync, RF_SYNC_COPY, &r, NULL), -RFE_FAILED);
    ck_assert_uint_eq(r.steps[0].outcomes[RF_SYNC_COPIED], _i == 1 ? 0 : 1);
    ck_assert_uint_eq(r.steps[1].outcomes[RF_SYNC_FAILED], 1);
    rf_sync_report_errors(&r, &text);
    ck_assert_int_eq(strncmp(text.ptr, "test.yml:3:", 11), 0);
    ck_assert_ptr_nonnull(strstr(text.ptr, ": sync[1].tags: a map is wanted\n"));
    rf_sync_report_release(&r);
    close_bench(&b);
}
END_TEST

/* ---- rate limits ---- */

#define SLOW_PROFILE                                                                  \
    "{\"about\":\"four pulls\",\"rules\":[{\"match\":{\"method\":[\"HEAD\",\"GET\"]," \
    "\"path\":\"/v2/lim/\",\"count\":0},\"action\":{\"type\":\"headers\",\"set\":"    \
    "{\"RateLimit-Limit\":\"100;w=60\",\"RateLimit-Remaining\":\"4;w=60\"}}}]}"

static atomic_int sleeps;
static atomic_bool other_done;

/* Waits for the other step, which needs the one place among the copies. */
static int sleep_until_other(uint64_t ms, struct rf_err *err)
{
    ck_assert_uint_ge(ms, 300000);
    if (atomic_fetch_add(&sleeps, 1) > 0) {
        rf_cancel_set(RFE_CANCELLED);
        return rf_cancel_check(err);
    }
    for (int i = 0; i < 1000 && !atomic_load(&other_done); i++)
        (void)usleep(10000);
    return 0;
}

static void *run_other(void *arg)
{
    struct rf_sync_report_step r;
    int rc = rf_sync_one(arg, 1, RF_SYNC_COPY, &r, NULL);
    atomic_store(&other_done, rc == 0 && r.outcomes[RF_SYNC_COPIED] == 1);
    rf_sync_report_step_release(&r);
    return NULL;
}

START_TEST(who_waits_for_a_limit_holds_nobody_up)
{
    const struct rf_sync_setup setup = { .sleep = sleep_until_other };
    struct bench b = { .registry = test_registry_start(SLOW_PROFILE, NULL) };
    struct rf_sync_report_step r;
    pthread_t thread;
    test_registry_image(b.registry, "lim/app", "1", 1, 900, NULL);
    test_registry_image(b.registry, "free/app", "1", 1, 900, NULL);
    open_bench(
        &b,
        "sync:\n"
        "- {source: HOST/lim/app:1, target: HOST/b/lim:1, type: image, ratelimit: {min: 4}}\n"
        "- {source: HOST/free/app:1, target: HOST/b/free:1, type: image}\n",
        &setup);
    test_registry_forget(b.registry);
    ck_assert_int_eq(rf_thread_start(&thread, run_other, b.sync), 0);
    ck_assert_int_eq(rf_sync_one(b.sync, 0, RF_SYNC_COPY, &r, NULL), -RFE_CANCELLED);
    (void)pthread_join(thread, NULL);
    rf_cancel_reset();
    ck_assert_int_eq(atomic_load(&sleeps), 2);
    ck_assert(atomic_load(&other_done));
    /* Four remain and four are to remain: nothing was pulled. */
    ck_assert_uint_eq(test_registry_count(b.registry, NULL, "GET /v2/lim/*"), 0);
    ck_assert_uint_eq(test_registry_count(b.registry, NULL, "PUT /v2/b/lim/*"), 0);
    rf_sync_report_step_release(&r);
    close_bench(&b);
}
END_TEST

START_TEST(a_limit_that_is_met_is_no_matter)
{
    struct bench b = { .registry = test_registry_start(SLOW_PROFILE, NULL) };
    struct rf_sync_report r = { 0 };
    test_registry_index(b.registry, "lim/app", "1", NULL);
    open_bench(
        &b,
        "sync: [{source: 'HOST/lim/app:1', target: 'HOST/b/lim:1', type: image, ratelimit: {min: 2}}]",
        NULL);
    test_registry_forget(b.registry);
    ck_assert_int_eq(rf_sync_all(b.sync, RF_SYNC_COPY, &r, NULL), 0);
    ck_assert_uint_eq(outcome(&r, RF_SYNC_COPIED), 1);
    ck_assert_int_eq(r.steps[0].rate.remain, 4);
    /* The index once, and its two images. */
    ck_assert_uint_eq(test_registry_count(b.registry, NULL, "GET /v2/lim/app/manifests/*"), 3);
    rf_sync_report_release(&r);
    close_bench(&b);
}
END_TEST

static const struct rf_sync *looked_at; /* NULL: at once */

/* One after the other, and the one that waits gives its turn away: while it waits, the other is begun and ended. */
static int sleep_until_copied(uint64_t ms, struct rf_err *err)
{
    (void)ms;
    for (int i = 0; i < 1000 && looked_at != NULL && !rf_sync_passed(looked_at, 2); i++)
        (void)usleep(10000);
    rf_cancel_set(RFE_CANCELLED);
    return rf_cancel_check(err);
}

START_TEST(a_step_that_waits_gives_its_turn_away)
{
    const struct rf_sync_setup setup = { .sleep = sleep_until_copied };
    struct bench b = { .registry = test_registry_start(SLOW_PROFILE, NULL) };
    struct rf_sync_report r = { 0 };
    test_registry_image(b.registry, "lim/app", "1", 1, 900, NULL);
    test_registry_image(b.registry, "free/app", "1", 1, 900, NULL);
    open_bench(
        &b,
        "sync:\n"
        "- {source: HOST/lim/app:1, target: HOST/b/lim:1, type: image, ratelimit: {min: 4}}\n"
        "- {source: HOST/free/app:1, target: HOST/b/one:1, type: image}\n"
        "- {source: HOST/free/app:1, target: HOST/b/two:1, type: image}\n",
        &setup);
    looked_at = b.sync;
    ck_assert_int_eq(rf_sync_all(b.sync, RF_SYNC_COPY, &r, NULL), -RFE_CANCELLED);
    looked_at = NULL;
    rf_cancel_reset();
    ck_assert_uint_eq(r.steps[1].outcomes[RF_SYNC_COPIED], 1);
    ck_assert_uint_eq(r.steps[2].outcomes[RF_SYNC_COPIED], 1);
    ck_assert(rf_sync_passed(b.sync, 2));
    ck_assert_uint_eq(test_registry_count(b.registry, NULL, "PUT /v2/b/lim/*"), 0);
    rf_sync_report_release(&r);
    close_bench(&b);
}
END_TEST

/* Another file is there: who waits stops waiting, without a failure, and steps that were not begun are not. */
static void *retire_soon(void *arg)
{
    (void)usleep(300000);
    rf_sync_retire(arg);
    return NULL;
}

START_TEST(a_runner_that_is_retired_waits_for_nothing)
{
    struct bench b = { .registry = test_registry_start(SLOW_PROFILE, NULL) };
    struct rf_sync_report r = { 0 };
    struct rf_sync_status status;
    pthread_t thread;
    test_registry_image(b.registry, "lim/app", "1", 1, 900, NULL);
    open_bench(
        &b,
        "sync: [{source: 'HOST/lim/app:1', target: 'HOST/b/lim:1', type: image, ratelimit: {min: 200}}]",
        NULL);
    ck_assert_int_eq(rf_thread_start(&thread, retire_soon, b.sync), 0);
    ck_assert_int_eq(rf_sync_all(b.sync, RF_SYNC_MISSING, &r, NULL), 0);
    (void)pthread_join(thread, NULL);
    ck_assert_uint_eq(r.steps[0].n_errors, 0);
    ck_assert_uint_eq(outcome(&r, RF_SYNC_FAILED), 0);
    rf_sync_status_of(b.sync, 0, &status);
    ck_assert(!status.running && status.last_success == 0);
    ck_assert_uint_eq(status.runs, 0);
    rf_sync_report_release(&r);
    ck_assert_int_eq(rf_sync_all(b.sync, RF_SYNC_COPY, &r, NULL), 0);
    ck_assert_uint_eq(outcome(&r, RF_SYNC_COPIED), 0);
    rf_sync_report_release(&r);
    close_bench(&b);
}
END_TEST

/* What a run by a schedule has left when another file came is done by that file's first pass, also where the target has something. */
START_TEST(what_was_left_is_done_by_the_next_file)
{
    struct rf_sync_ledger *ledger = rf_sync_ledger_new();
    const struct rf_sync_setup setup = { .ledger = ledger };
    struct bench b = { .registry = test_registry_start("plain", NULL) }, next;
    struct rf_sync_report r = { 0 };
    struct rf_sync_report_step one;
    static const char yaml[] =
        "sync: [{source: 'HOST/a/app:1', target: 'HOST/b/app:1', type: image}]";
    test_registry_image(b.registry, "a/app", "1", 1, 900, NULL);
    test_registry_image(b.registry, "b/app", "1", 1, 500, NULL);
    next = b;
    open_bench(&b, yaml, &setup);
    open_bench(&next, yaml, &setup);
    ck_assert_int_eq(rf_sync_all(next.sync, RF_SYNC_MISSING, &r, NULL), 0);
    ck_assert_uint_eq(outcome(&r, RF_SYNC_EXISTS), 1);
    rf_sync_report_release(&r);
    rf_sync_retire(b.sync);
    ck_assert_int_eq(rf_sync_one(b.sync, 0, RF_SYNC_COPY, &one, NULL), 0);
    ck_assert_uint_eq(one.outcomes[RF_SYNC_COPIED], 0);
    for (unsigned round = 0; round < 2; round++) {
        ck_assert_int_eq(rf_sync_all(next.sync, RF_SYNC_MISSING, &r, NULL), 0);
        ck_assert_uint_eq(outcome(&r, RF_SYNC_COPIED), round == 0);
        rf_sync_report_release(&r);
    }
    rf_sync_free(next.sync);
    rf_client_free(next.client);
    rf_policy_config_free(next.config);
    close_bench(&b);
    rf_sync_ledger_free(ledger);
}
END_TEST

/* An index whose images cannot be had with `min` left is copied from a limit that nobody has touched, although reading it touches it. */
START_TEST(an_index_near_the_limit)
{
    static const char profile[] =
        "{\"about\":\"a limit that counts\",\"options\":{\"pulls\":{\"limit\":5,\"remaining\":5}},"
        "\"rules\":[]}";
    struct bench b = { .registry = test_registry_start(profile, NULL) };
    struct rf_sync_report r = { 0 };
    const struct rf_sync_setup setup = { .sleep = sleep_until_copied };
    test_registry_index(b.registry, "lim/app", "1", NULL);
    open_bench(
        &b,
        "sync: [{source: 'HOST/lim/app:1', target: 'HOST/b/lim:1', type: image, ratelimit: {min: 5}}]",
        &setup);
    ck_assert_int_eq(rf_sync_all(b.sync, RF_SYNC_COPY, &r, NULL), 0);
    ck_assert_uint_eq(outcome(&r, RF_SYNC_COPIED), 1);
    rf_sync_report_release(&r);
    close_bench(&b);
}
END_TEST

/* ---- checks ---- */

/* What a check says after a copy. */
static const struct {
    const char *settings;
    enum rf_sync_outcome then;
    unsigned needed;
} alongs[] = {
    { "referrers: true", RF_SYNC_UNCHANGED, 0 },
    { "digestTags: true", RF_SYNC_UNCHANGED, 0 },
    { "referrers: true, digestTags: true", RF_SYNC_UNCHANGED, 0 },
    { "forceRecursive: true", RF_SYNC_MAY_DIFFER, 0 },
    { "referrers: true, referrerSlow: true", RF_SYNC_MAY_DIFFER, 0 },
};

START_TEST(a_check_after_a_copy)
{
    struct bench b = { .registry = test_registry_start("plain", NULL) };
    struct rf_sync_report r = { 0 };
    test_registry_index(b.registry, "a/app", "1", NULL);
    RF_CLEANUP(rf_freep)
    char *yaml =
        rf_xasprintf("sync: [{source: 'HOST/a/app:1', target: 'HOST/b/app:1', type: image, %s}]",
                     alongs[_i].settings);
    open_bench(&b, yaml, NULL);
    ck_assert_int_eq(rf_sync_all(b.sync, RF_SYNC_CHECK, &r, NULL), 0);
    ck_assert_uint_eq(outcome(&r, RF_SYNC_NEEDED), 1);
    rf_sync_report_release(&r);
    ck_assert_int_eq(rf_sync_all(b.sync, RF_SYNC_COPY, &r, NULL), 0);
    rf_sync_report_release(&r);
    test_registry_forget(b.registry);
    ck_assert_int_eq(rf_sync_all(b.sync, RF_SYNC_CHECK, &r, NULL), 0);
    ck_assert_uint_eq(outcome(&r, alongs[_i].then), 1);
    ck_assert_uint_eq(rf_sync_report_needed(&r), alongs[_i].needed);
    ck_assert_uint_eq(test_registry_count(b.registry, NULL, "PUT *"), 0);
    /* The source's documents are not pulled for it. */
    ck_assert_uint_eq(test_registry_count(b.registry, NULL, "GET /v2/a/app/manifests/*"), 0);
    rf_sync_report_release(&r);
    close_bench(&b);
}
END_TEST

/* A referrer of the index, and a referrer of that: each is missed until it was copied. */
START_TEST(a_check_misses_referrers)
{
    struct bench b = { .registry = test_registry_start("plain", NULL) };
    struct rf_sync_report r = { 0 };
    struct rf_digest index, first;
    test_registry_index(b.registry, "a/app", "1", &index);
    open_bench(
        &b,
        "sync: [{source: 'HOST/a/app:1', target: 'HOST/b/app:1', type: image, referrers: true,"
        " referrerFilters: [{artifactType: application/x.one}]}]",
        NULL);
    for (int round = 0; round < 4; round++) {
        if (round == 1)
            test_registry_artifact(b.registry, "a/app", NULL, "application/x.one", &index, &first);
        if (round == 2)
            test_registry_artifact(b.registry, "a/app", NULL, "application/x.one", &first, NULL);
        if (round == 3) /* not asked for */
            test_registry_artifact(b.registry, "a/app", NULL, "application/x.two", &index, NULL);
        ck_assert_int_eq(rf_sync_all(b.sync, RF_SYNC_CHECK, &r, NULL), 0);
        unsigned needed = round == 3 ? 0 : 1;
        ck_assert_msg(rf_sync_report_needed(&r) == needed, "round %d", round);
        ck_assert_uint_eq(outcome(&r, round == 0 ? RF_SYNC_NEEDED : RF_SYNC_REFRESH_NEEDED),
                          needed);
        rf_sync_report_release(&r);
        ck_assert_int_eq(rf_sync_all(b.sync, RF_SYNC_COPY, &r, NULL), 0);
        rf_sync_report_release(&r);
    }
    close_bench(&b);
}
END_TEST

/* ---- shares ---- */

START_TEST(every_step_belongs_to_one_share)
{
    unsigned per[5] = { 0 };
    for (int i = 0; i < 400; i++) {
        struct rf_step s = { .source = rf_xasprintf("a.example/r%d", i),
                             .target = rf_xasprintf("b.example/r%d", i) };
        unsigned k = rf_sync_shard_of(&s, 4);
        ck_assert(k >= 1 && k <= 4);
        per[k]++;
        ck_assert_uint_eq(rf_sync_shard_of(&s, 1), 1);
        free(s.source);
        free(s.target);
    }
    for (int k = 1; k <= 4; k++)
        ck_assert_msg(per[k] > 60 && per[k] < 140, "share %d has %u of 400", k, per[k]);
    /* Instances of different versions work side by side: these never change. */
    char source[] = "docker.io/library/alpine", target[] = "registry.example.org/mirror/alpine";
    const struct rf_step fixed = { .source = source, .target = target };
    ck_assert_uint_eq(rf_sync_shard_of(&fixed, 2), 2);
    ck_assert_uint_eq(rf_sync_shard_of(&fixed, 7), 6);
}
END_TEST

Suite *rf_sync_run_suite(void);
Suite *rf_sync_run_suite(void)
{
    Suite *s = suite_create("sync_run");
    TCase *t = tcase_create("sync_run");
    tcase_add_test(t, copied_once_then_unchanged);
    tcase_add_test(t, failures_are_joined);
    tcase_add_test(t, nothing_is_begun_after_a_failure);
    tcase_add_loop_test(t, steps_that_cannot_be_read, 0, 2);
    tcase_add_test(t, who_waits_for_a_limit_holds_nobody_up);
    tcase_add_test(t, a_limit_that_is_met_is_no_matter);
    tcase_add_test(t, a_step_that_waits_gives_its_turn_away);
    tcase_add_test(t, a_runner_that_is_retired_waits_for_nothing);
    tcase_add_test(t, what_was_left_is_done_by_the_next_file);
    tcase_add_test(t, an_index_near_the_limit);
    tcase_add_loop_test(t, a_check_after_a_copy, 0, (int)RF_ARRAY_LEN(alongs));
    tcase_add_test(t, a_check_misses_referrers);
    tcase_add_test(t, every_step_belongs_to_one_share);
    suite_add_tcase(s, t);
    return s;
}
