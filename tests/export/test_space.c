/* SPDX-License-Identifier: Apache-2.0 */
/* Room for a bundle: what plans need, and that nothing is begun without it. */
#include <stdlib.h>
#include <sys/resource.h>

#include "base/file.h"
#include "base/mem.h"
#include "export/partial.h"
#include "export/space.h"
#include "tests/export/helper_export.h"

Suite *rf_space_suite(void);

static const struct run plain = { 0 };

static uint64_t needed(const struct run *r, const char *args, uint64_t *there)
{
    struct rf_export_result result;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(run_plan(r, args, &result, &err), err);
    ck_assert_uint_eq(result.rooms.n, 1); /* the state is on the same file system */
    uint64_t n = result.rooms.list[0].needed;
    if (there != NULL)
        *there = result.rooms.list[0].there;
    expect_ok(rf_export_check_plan(&result, &err), err);
    rf_export_result_release(&result);
    return n;
}

START_TEST(a_plan_knows_the_size)
{
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    uint64_t there = 0;
    source_image("app", "1", "cfg1", "base one");
    uint64_t n = needed(&plain, "ocidir://app", &there);
    expect_ok(run_create(&plain, "ocidir://app", &r, &err), err);
    ck_assert_uint_ge(n, r.size);
    ck_assert_uint_le(n, r.size + (64u << 10)); /* and what is remembered of it */
    ck_assert_uint_gt(there, 0);
    rf_export_result_release(&r);
}
END_TEST

START_TEST(without_a_folder_nobody_looks)
{
    struct run stream = { .out = "-" };
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    source_image("app", "1", "cfg1", "base one");
    expect_ok(run_plan(&stream, "ocidir://app", &r, &err), err);
    ck_assert_uint_eq(r.rooms.n, 0);
    expect_ok(rf_export_check_plan(&r, &err), err);
    rf_export_result_release(&r);
}
END_TEST

/* What was set aside by a run that was interrupted is there already. */
START_TEST(an_interrupted_run_counts)
{
    struct run broken = { .stop_at = 1 };
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    char *large = rf_xmalloc((1u << 20) + 1);
    memset(large, 'x', 1u << 20);
    large[1u << 20] = '\0';
    char *layers = rf_xasprintf("base %s", large);
    source_image("app", "1", "cfg1", layers);
    uint64_t before = needed(&plain, "ocidir://app", NULL);
    ck_assert_uint_gt(before, 1u << 20);
    ck_assert_int_lt(run_create(&broken, "ocidir://app", &r, &err), 0);
    char *final = rf_partial_final_path("out", r.plan->bundle);
    uint64_t mine = rf_partial_set_aside(final);
    ck_assert_uint_gt(mine, 1u << 19);
    ck_assert_uint_le(needed(&plain, "ocidir://app", NULL), before - mine + 8192); /* whole pages */
    /* another plan removes it first */
    source_image("app", "2", "cfg2", "base two");
    uint64_t there = 0, free_now = 0;
    uint64_t other = needed(&plain, "ocidir://app", &there);
    expect_ok(rf_free_space("out", &free_now, &err), err);
    ck_assert_uint_gt(other, before);
    ck_assert_uint_ge(there + (16u << 20), free_now + mine); /* others use the disk meanwhile */
    rf_export_result_release(&r);
    free(final);
    free(layers);
    free(large);
}
END_TEST

START_TEST(a_finished_bundle_needs_nothing)
{
    struct run full = { .full = true }, other = { .state = "b", .full = true };
    source_image("app", "1", "cfg1", "base one");
    free(exported(&full, "ocidir://app"));
    ck_assert_uint_lt(needed(&other, "ocidir://app", NULL), 32u << 10); /* the history alone */
}
END_TEST

START_TEST(more_than_any_disk_holds)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_bundle b;
    struct rf_snapshot snapshot = { 0 };
    struct rf_plan plan = { .bundle = &b, .snapshot = &snapshot };
    struct rf_export_state *state = NULL;
    RF_CLEANUP(rf_rooms_release) struct rf_rooms rooms = { 0 };
    rf_bundle_init(&b);
    memcpy(b.site, "site", 5);
    memcpy(b.chain, "db441b040eab9bdc7eecc0d009466316", RF_CHAIN_HEX + 1);
    b.sequence = 1;
    b.tool = rf_xstrdup("regexport 0");
    struct rf_digest d = digest_of("huge"), m = digest_of("m");
    uint32_t repo = rf_strings_add(&b.desired.strings, rf_slice_str("app"));
    b.repositories = rf_xcalloc(1, sizeof(uint32_t));
    b.repositories[b.n_repositories++] = repo;
    b.lists = rf_xcalloc(2, sizeof(uint32_t));
    b.n_lists = 2;
    b.blobs = rf_xcalloc(2, sizeof(*b.blobs));
    b.blobs[0] =
        (struct rf_bundle_blob){ .digest = m, .size = 10, .kind = RF_BLOB_MANIFEST, .n_repos = 1 };
    b.blobs[0].media_type = rf_strings_add(&b.desired.strings, rf_slice_str(RF_MT_OCI_MANIFEST));
    b.blobs[1] = (struct rf_bundle_blob){
        .digest = d, .size = UINT64_C(1) << 58, .kind = RF_BLOB_LAYER, .first_repo = 1, .n_repos = 1
    };
    b.blobs[1].media_type = rf_strings_add(&b.desired.strings, rf_slice_str(RF_MT_OCI_LAYER));
    b.n_blobs = 2;
    struct rf_image im = { .digest = m,
                           .size = 10,
                           .repository = repo,
                           .original = RF_NO_ID,
                           .media_type = b.blobs[0].media_type };
    im.tag = rf_strings_add(&b.desired.strings, rf_slice_str("1"));
    im.source = rf_strings_add(&b.desired.strings, rf_slice_str("r.example/app:1"));
    rf_desired_add(&b.desired, &b.desired, &im);
    expect_ok(rf_bundle_seal(&b, &err), err);
    expect_ok(rf_export_state_open("state", "site", 0, &state, &err), err);
    expect_ok(rf_space_look(&rooms, state, "new/out", &plan, &err), err);
    ck_assert_uint_gt(rooms.list[0].needed, UINT64_C(1) << 58);
    expect_error(rf_rooms_check(&rooms, &err), RFE_NO_SPACE, err, "new/out: ");
    ck_assert(!is_there("new"));
    rf_export_state_free(state);
    rf_bundle_release(&b);
}
END_TEST

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A limit on the size of files stands for a file system that has one. */
START_TEST(nothing_is_begun_without_room)
{
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    source_image("app", "1", "cfg1", "base one");
    limit_files(20000);
    expect_ok(run_plan(&plain, "ocidir://app", &r, &err), err);
    expect_error(rf_export_check_plan(&r, &err), RFE_NO_SPACE, err, "at most 20000 by the limit");
    rf_export_result_release(&r);
    expect_error(run_create(&plain, "ocidir://app", &r, &err), RFE_NO_SPACE, err,
                 "raise the limit");
    rf_export_result_release(&r);
    ck_assert(!rf_path_exists("out"));
    ck_assert(!rf_path_exists("state/pending/request"));
    limit_files(RLIM_INFINITY);
    free(exported(&plain, "ocidir://app"));
}
END_TEST

Suite *rf_space_suite(void)
{
    Suite *s = suite_create("space");
    TCase *t = tcase_create("plans");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    tcase_add_test(t, a_plan_knows_the_size);
    tcase_add_test(t, without_a_folder_nobody_looks);
    tcase_add_test(t, an_interrupted_run_counts);
    tcase_add_test(t, a_finished_bundle_needs_nothing);
    tcase_add_test(t, more_than_any_disk_holds);
    tcase_add_test(t, nothing_is_begun_without_room);
    suite_add_tcase(s, t);
    return s;
}
