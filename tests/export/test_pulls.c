/* SPDX-License-Identifier: Apache-2.0 */
/* What a registry grants, and what steps want left of it: nobody begins what does not fit, and whoever may wait does. */
#include <check.h>
#include <stdlib.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "export/pulls.h"
#include "tests/layout/helper_layout.h"

Suite *rf_pulls_suite(void);

/* A registry in name: what is left, and what comes back while somebody sleeps. */
struct hub {
    struct rf_remote_limit said;
    uint64_t grants; /* by each look behind a sleep */
    unsigned sleeps, looks;
    uint64_t slept_ms;
    int wakes_with; /* what sleeping ends with */
    struct rf_place place;
    struct rf_step step;
    struct rf_export_item item;
    struct rf_export_request req;
    struct rf_pulls *pulls;
};

static struct rf_remote_limit hub_limit(void *ctx, struct rf_place *place)
{
    struct hub *h = ctx;
    (void)place;
    return (struct rf_remote_limit){ .set = h->said.set,
                                     .limit = h->said.limit,
                                     .remain = __atomic_load_n(&h->said.remain, __ATOMIC_SEQ_CST) };
}

static int hub_look(void *ctx, struct rf_place *place, const char *repo,
                    const struct rf_digest *digest, struct rf_err *err)
{
    struct hub *h = ctx;
    (void)place, (void)repo, (void)digest, (void)err;
    h->looks++;
    h->said.remain += h->grants;
    return 0;
}

static int hub_sleep(void *ctx, uint64_t ms, struct rf_err *err)
{
    struct hub *h = ctx;
    h->sleeps++;
    h->slept_ms += ms;
    return h->wakes_with == 0 ? 0 : rf_fail(err, h->wakes_with, "stopped");
}

static bool hub_counts(void *ctx, struct rf_place *place)
{
    (void)place;
    return ctx != NULL;
}

static char hub_name[] = "docker.io";

static void hub_open(struct hub *h, uint64_t remain, uint64_t limit, int64_t min)
{
    memset(h, 0, sizeof(*h));
    h->said = (struct rf_remote_limit){ .set = true, .remain = remain, .limit = limit };
    h->place.name = hub_name;
    h->step.s.ratelimit_min = min;
    h->item = (struct rf_export_item){ .source.registry = hub_name, .step = &h->step };
    h->req = (struct rf_export_request){ .items = &h->item, .n_items = 1, .waits = true };
    h->pulls = rf_pulls_new(&h->req);
    const struct rf_pulls_ways ways = { hub_limit, hub_look, hub_sleep, hub_counts, h };
    rf_pulls_set_ways(h->pulls, &ways);
    ck_assert_uint_eq(rf_pulls_source(h->pulls, &h->place), 0);
    ck_assert_uint_eq(rf_pulls_source(h->pulls, &h->place), 0);
    ck_assert_uint_eq(rf_pulls_count(h->pulls), 1);
}

static void hub_close(struct hub *h)
{
    rf_pulls_free(h->pulls);
}
#define HUB RF_CLEANUP(hub_close) struct hub h

static int ahead(struct hub *h, uint64_t need, struct rf_err *err)
{
    return rf_pulls_ahead(h->pulls, &need, err);
}

static int enter(struct hub *h, struct rf_err *err)
{
    struct rf_digest d = { 0 };
    return rf_pulls_enter(h->pulls, 0, "library/alpine", &d, err);
}

START_TEST(what_fits_is_begun)
{
    HUB;
    struct rf_err err = RF_ERR_INIT;
    hub_open(&h, 10, 100, 0);
    expect_ok(ahead(&h, 0, &err), err);
    expect_ok(ahead(&h, 10, &err), err);
    expect_error(
        ahead(&h, 11, &err), RFE_REFUSED, err,
        "docker.io: at least 11 requests that count are needed (manifests to read) and 10 of 100 are left: 1 too few; no bundle was written; what was read is kept: run again");
    h.said.set = false; /* a registry that does not say has no limit */
    expect_ok(ahead(&h, UINT64_MAX, &err), err);
}
END_TEST

START_TEST(what_steps_want_left)
{
    HUB;
    struct rf_err err = RF_ERR_INIT;
    hub_open(&h, 10, 100, 6);
    expect_ok(ahead(&h, 1000, &err), err); /* it waits then */
    h.req.waits = false;
    expect_ok(ahead(&h, 4, &err), err);
    expect_error(ahead(&h, 5, &err), RFE_REFUSED, err,
                 "of which ratelimit.min is to leave 6: 1 too few");
    expect_error(ahead(&h, 5, &err), RFE_REFUSED, err, "regexport create waits for more");
    expect_ok(enter(&h, &err), err);
}
END_TEST

START_TEST(a_min_that_no_limit_has)
{
    HUB;
    struct rf_err err = RF_ERR_INIT;
    hub_open(&h, 100, 100, 100);
    expect_error(ahead(&h, 1, &err), RFE_REFUSED, err, "ratelimit.min has to be below the limit");
    expect_error(enter(&h, &err), RFE_REFUSED, err, "ratelimit.min has to be below the limit");
    ck_assert_uint_eq(h.sleeps, 0);
}
END_TEST

START_TEST(waits_for_more)
{
    HUB;
    struct rf_err err = RF_ERR_INIT;
    hub_open(&h, 5, 100, 5);
    h.grants = 1;
    expect_ok(enter(&h, &err), err);
    ck_assert_uint_eq(h.sleeps, 1);
    ck_assert_uint_eq(h.looks, 1);
    ck_assert_uint_eq(h.slept_ms, 300000); /* the least that a step may say */
    h.said.remain--;                       /* its answer says so */
    rf_pulls_leave(h.pulls, 0, true);
    h.step.s.ratelimit_retry_ns = 1; /* is read once */
    h.grants = 0;
    h.wakes_with = RFE_CANCELLED;
    ck_assert_int_eq(enter(&h, &err), -RFE_CANCELLED);
    ck_assert_uint_eq(rf_pulls_get(h.pulls, 0)->kept, 1);
    ck_assert_uint_eq(rf_pulls_get(h.pulls, 0)->under_way, 0);
}
END_TEST

START_TEST(without_a_min_nobody_waits)
{
    HUB;
    struct rf_err err = RF_ERR_INIT;
    hub_open(&h, 0, 0, 0);
    expect_error(enter(&h, &err), RFE_REFUSED, err,
                 "at least 1 request that counts is needed (manifests to read) and 0 are left");
    ck_assert_uint_eq(h.sleeps, 0);
}
END_TEST

/* Several at once: what is left is never passed, though answers come late. */
static int read_one(void *ctx, size_t i, struct rf_err *err)
{
    struct hub *h = ctx;
    (void)i;
    int rc = enter(h, err);
    if (rc < 0)
        return rc;
    ck_assert_uint_gt(__atomic_fetch_sub(&h->said.remain, 1, __ATOMIC_SEQ_CST), 3);
    rf_pulls_leave(h->pulls, 0, true);
    return 0;
}

START_TEST(many_at_once)
{
    HUB;
    struct rf_err err = RF_ERR_INIT;
    hub_open(&h, 23, 100, 3);
    h.wakes_with = RFE_CANCELLED;
    expect_ok(rf_parallel(8, 20, read_one, &h, &err),
              err); /* exactly what there is, without a pause */
    ck_assert_uint_eq(h.said.remain, 3);
    ck_assert_uint_eq(h.sleeps, 0);
    ck_assert_int_eq(rf_parallel(8, 5, read_one, &h, &err), -RFE_CANCELLED);
    ck_assert_uint_eq(h.said.remain, 3);
}
END_TEST

START_TEST(layouts_do_not_count)
{
    HUB;
    struct rf_err err = RF_ERR_INIT;
    struct rf_place layout = { .name = hub_name };
    hub_open(&h, 0, 100, 0);
    const struct rf_pulls_ways ways = { hub_limit, hub_look, hub_sleep, hub_counts, NULL };
    rf_pulls_set_ways(h.pulls, &ways);
    ck_assert_uint_eq(rf_pulls_source(h.pulls, &layout), RF_NO_ID);
    expect_ok(rf_pulls_enter(NULL, RF_NO_ID, "", NULL, &err), err);
    rf_pulls_leave(NULL, RF_NO_ID, true);
    rf_pulls_kept_config(NULL, RF_NO_ID);
}
END_TEST

Suite *rf_pulls_suite(void)
{
    Suite *s = suite_create("pulls");
    TCase *t = tcase_create("limits");
    tcase_add_test(t, what_fits_is_begun);
    tcase_add_test(t, what_steps_want_left);
    tcase_add_test(t, a_min_that_no_limit_has);
    tcase_add_test(t, waits_for_more);
    tcase_add_test(t, without_a_min_nobody_waits);
    tcase_add_test(t, many_at_once);
    tcase_add_test(t, layouts_do_not_count);
    suite_add_tcase(s, t);
    return s;
}
