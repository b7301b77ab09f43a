/* SPDX-License-Identifier: Apache-2.0 */
/* Writing: the order, what is there already, refusals, interruptions, the map of old tags. */
#include <stdlib.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "tests/import/helper_import.h"

Suite *rf_apply_suite(void);

START_TEST(full_then_next)
{
    struct rf_digest first[3], next[3];
    char *a = full_bundle(first), *b = next_bundle(next);
    applied_well(&far, a, NULL);
    expect_tag("app", "1", &first[0]);
    expect_tag("app", "2", &first[1]);
    expect_tag("lib", "1", &first[2]);
    ck_assert(has_blob(&far, "lib", "base"));
    watched_clear(&far);
    applied_well(&far, b, NULL);
    expect_tag("app", "1", &next[0]);
    expect_tag("app", "2", &first[1]);
    expect_tag("new/app", "3", &next[2]);
    expect_tag("lib", "1", &first[2]); /* removing is another command's work */
    ck_assert(has_blob(&far, "new/app", "three"));
    ck_assert_ptr_nonnull(strstr(far.log.ptr, "mount new/app\n"));
    free(a);
    free(b);
}
END_TEST

START_TEST(order_of_writes)
{
    struct made m;
    made_init(&m);
    add_index(&m, "multi", "1", "m", 3, 0);
    add_image(&m, "app", "1", "cfg1", "base one", RF_IMAGE_NEW, NULL, NULL);
    char *path = written(&m, "b.tar");
    struct how how = { .parallel = _i == 0 ? 1 : 8 };
    applied_well(&far, path, &how);
    const char *last_blob = NULL, *last_manifest = NULL;
    for (const char *at = far.log.ptr; (at = strstr(at, "blob ")) != NULL; at++)
        last_blob = at;
    for (const char *at = far.log.ptr; (at = strstr(at, "manifest ")) != NULL; at++)
        last_manifest = at;
    const char *first_manifest = strstr(far.log.ptr, "manifest "),
               *first_tag = strstr(far.log.ptr, "tag ");
    ck_assert(last_blob < first_manifest);
    ck_assert(last_manifest < first_tag);
    /* three children, the index behind them, the other image: before the two tags */
    ck_assert_ptr_nonnull(strstr(first_tag, "tag multi:1\n"));
    ck_assert_ptr_nonnull(strstr(first_tag, "tag app:1\n"));
    made_release(&m);
    free(path);
}
END_TEST

START_TEST(again_writes_nothing)
{
    struct rf_digest d[3];
    struct applied a;
    char *path = full_bundle(d);
    applied_well(&far, path, NULL);
    watched_clear(&far);
    apply(&a, &far, path, NULL);
    expect_ok(a.rc, a.err);
    ck_assert_msg(far.n_writes == 0, "%s", far.log.ptr);
    ck_assert(a.result.run.repeated);
    ck_assert_uint_eq(a.result.run.counts.tags_right, 3);
    ck_assert_uint_eq(a.result.run.counts.tags_set, 0);
    rf_import_result_release(&a.result);
    free(path);
}
END_TEST

START_TEST(what_is_lost_is_brought_again)
{
    struct rf_digest d[3];
    char *path = full_bundle(d);
    applied_well(&far, path, NULL);
    lose_blob("app", "two");
    lose_manifest("app", &d[0]);
    applied_well(&far, path, NULL);
    ck_assert(has_blob(&far, "app", "two"));
    expect_tag("app", "1", &d[0]);
    free(path);
}
END_TEST

START_TEST(below_a_prefix)
{
    struct rf_digest d[3];
    struct how how = { .prefix = "mirror/plant" };
    char *path = full_bundle(d);
    applied_well(&far, path, &how);
    expect_tag("mirror/plant/app", "1", &d[0]);
    expect_no_tag("app", "1");
    free(path);
}
END_TEST

START_TEST(streaming_is_the_same)
{
    struct rf_digest first[3], next[3];
    struct how how = { .stream = true };
    char *a = full_bundle(first), *b = next_bundle(next);
    applied_well(&far, a, &how);
    applied_well(&far, b, &how);
    expect_tag("app", "1", &next[0]);
    expect_tag("new/app", "3", &next[2]);
    free(a);
    free(b);
}
END_TEST

START_TEST(without_mounts)
{
    struct rf_digest first[3], next[3];
    char *a = full_bundle(first), *b = next_bundle(next);
    far.no_mount = true;
    applied_well(&far, a, NULL);
    applied_well(&far, b, NULL);
    ck_assert(has_blob(&far, "new/app", "three"));
    ck_assert_ptr_null(strstr(far.log.ptr, "mount"));
    free(a);
    free(b);
}
END_TEST

START_TEST(sparse_and_referrers)
{
    struct made m;
    struct rf_err err = RF_ERR_INIT;
    made_init(&m);
    struct rf_digest index = add_index(&m, "multi", "1", "m", 3, 2);
    struct rf_digest image = add_image(&m, "app", "1", "cfg1", "one", RF_IMAGE_NEW, NULL, NULL);
    struct rf_digest sig =
        add_referrer(&m, "app", &image, m.b.desired.images[m.b.desired.n - 1].size, "signature");
    char *path = written(&m, "b.tar");
    applied_well(&far, path, NULL);
    expect_tag("multi", "1", &index);
    ck_assert(has_blob(&far, "multi", "m-b"));
    ck_assert(!has_blob(&far, "multi", "m-c"));
    struct rf_manifest *got = NULL;
    expect_ok(rf_place_get_manifest(far.inner, "app", NULL, &sig, NULL, &got, &err), err);
    rf_manifest_free(got);
    made_release(&m);
    free(path);
}
END_TEST

static int count_referrer(void *ctx, const struct rf_descriptor *d, struct rf_err *err)
{
    (void)d;
    (void)err;
    ++*(unsigned *)ctx;
    return 0;
}

/* A killed run put the manifest, but did not get to the list of referrers. */
START_TEST(referrers_are_listed_again)
{
    struct made m;
    struct rf_err err = RF_ERR_INIT;
    unsigned n = 0;
    made_init(&m);
    far.base.flags &= ~(unsigned)RF_PLACE_LOCAL; /* as a registry: what is there is not put again */
    struct rf_digest image = add_image(&m, "app", "1", "cfg1", "one", RF_IMAGE_NEW, NULL, NULL);
    add_referrer(&m, "app", &image, m.b.desired.images[0].size, "signature");
    char *path = written(&m, "b.tar");
    applied_well(&far, path, NULL);
    write_text("far/app/index.json", "{\"schemaVersion\":2,\"manifests\":[]}");
    applied_well(&far, path, NULL);
    expect_ok(rf_place_referrers(far.inner, "app", &image, NULL, count_referrer, &n, &err), err);
    ck_assert_uint_eq(n, 1);
    made_release(&m);
    free(path);
}
END_TEST

START_TEST(tags_that_somebody_moved_come_back)
{
    struct rf_digest first[3], next[3];
    struct rf_err err = RF_ERR_INIT;
    char *a = full_bundle(first), *b = next_bundle(next);
    applied_well(&far, a, NULL);
    struct rf_manifest *m = NULL;
    expect_ok(rf_place_get_manifest(far.inner, "app", NULL, &first[0], NULL, &m, &err), err);
    expect_ok(rf_place_put_manifest(far.inner, "app", "2", m, 0, &err), err);
    rf_manifest_free(m);
    applied_well(&far, b, NULL);
    expect_tag("app", "2", &first[1]); /* unchanged in the bundle: it is what it describes */
    free(a);
    free(b);
}
END_TEST

/* Which manifests are refused, and how. */
struct refusal {
    const char *repo;
    struct rf_digest digest; /* not set: all of the repository */
    int code;
};

static int refuse(struct watched *at, const char *what, const char *repo, const char *tag,
                  const struct rf_digest *d, struct rf_err *err)
{
    const struct refusal *r = at->ctx;
    (void)tag;
    if (strcmp(what, "manifest") == 0 && strcmp(repo, r->repo) == 0 &&
        (!rf_digest_is_set(&r->digest) || rf_digest_eq(&r->digest, d)))
        return rf_fail(err, r->code, "the registry does not like it");
    return 0;
}

static const int refusals[] = { RFE_INVALID, RFE_GROUND_MISSING, RFE_NOT_FOUND, RFE_TOO_LARGE,
                                RFE_DIGEST_MISMATCH };

START_TEST(a_refused_image_is_one_image)
{
    struct made m;
    struct applied a;
    made_init(&m);
    struct rf_digest d = add_image(&m, "a", "1", "cfg1", "one", RF_IMAGE_NEW, NULL, NULL);
    add_image(&m, "b", "1", "cfg1", "one", RF_IMAGE_NEW, NULL, NULL); /* the same manifest */
    add_index(&m, "b", "index", "m", 2, 0);
    char *path = written(&m, "b.tar");
    made_release(&m);
    struct refusal r = { .repo = "b", .code = refusals[_i] };
    far.before_write = refuse;
    far.ctx = &r;
    apply(&a, &far, path, NULL);
    expect_error(a.rc, RFE_PARTIAL, a.err, "refused 2 images");
    expect_tag("a", "1", &d);
    expect_no_tag("b", "1");
    expect_no_tag("b", "index");
    size_t refused = rf_run_refused(&a.result.run);
    ck_assert_uint_eq(refused, 2);
    rf_import_result_release(&a.result);
    far.before_write = NULL;
    applied_well(&far, path, NULL);
    expect_tag("b", "1", &d);
    free(path);
}
END_TEST

/* What stands above a refused manifest is not even tried, in that repository. */
START_TEST(above_a_refused_child_nothing_is_put)
{
    struct made m;
    struct applied a;
    struct refusal r = { .repo = "b", .code = RFE_INVALID };
    made_init(&m);
    struct rf_digest index = add_index(&m, "a", "1", "m", 2, 0);
    add_index(&m, "b", "1", "m", 2, 0);
    for (size_t i = 0; i < m.b.n_blobs; i++) /* one of the two children */
        if (m.b.blobs[i].kind == RF_BLOB_MANIFEST && !rf_digest_eq(&m.b.blobs[i].digest, &index))
            r.digest = m.b.blobs[i].digest;
    char *path = written(&m, "b.tar");
    made_release(&m);
    far.before_write = refuse;
    far.ctx = &r;
    apply(&a, &far, path, NULL);
    expect_error(a.rc, RFE_PARTIAL, a.err, "refused 1 image ");
    expect_tag("a", "1", &index);
    expect_no_tag("b", "1");
    size_t put = 0;
    for (const char *at = far.log.ptr; (at = strstr(at, "manifest b\n")) != NULL; at++)
        put++;
    ck_assert_uint_eq(put, 1); /* the other child */
    rf_import_result_release(&a.result);
    free(path);
}
END_TEST

/* A failure of the destination as a whole is not one image's. */
START_TEST(a_destination_that_fails_ends_the_run)
{
    struct rf_digest d[3];
    struct applied a;
    struct refusal r = { .repo = "lib", .code = _i == 0 ? RFE_UNREACHABLE : RFE_DENIED };
    char *path = full_bundle(d);
    far.before_write = refuse;
    far.ctx = &r;
    apply(&a, &far, path, NULL);
    expect_error(a.rc, r.code, a.err, "lib: manifest sha256:");
    expect_no_tag("app", "1");
    rf_import_result_release(&a.result);
    ck_assert(!is_there("import-state/applied.json"));
    free(path);
}
END_TEST

START_TEST(a_refused_sparse_index_says_what_to_do)
{
    struct made m;
    struct applied a;
    made_init(&m);
    add_index(&m, "b", "1", "m", 3, 1);
    char *path = written(&m, "b.tar");
    made_release(&m);
    struct refusal r = { .repo = "b", .code = refusals[_i] };
    far.before_write = refuse;
    far.ctx = &r;
    apply(&a, &far, path, NULL);
    expect_error(a.rc, RFE_PARTIAL, a.err, "refused 1 image ");
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 0);
    rf_import_report_text(&a.result, &text);
    ck_assert_ptr_nonnull(strstr(text.ptr, "--sparse prune"));
    rf_import_result_release(&a.result);
    free(path);
}
END_TEST

/* The destination forgets a blob once, just when the manifest that names it comes. */
static int forget_once(struct watched *at, const char *what, const char *repo, const char *tag,
                       const struct rf_digest *d, struct rf_err *err)
{
    (void)tag;
    (void)d;
    if (strcmp(what, "manifest") != 0 || at->ctx == NULL)
        return 0;
    lose_blob(repo, at->ctx);
    at->ctx = NULL;
    return rf_fail(err, RFE_GROUND_MISSING, "MANIFEST_BLOB_UNKNOWN");
}

START_TEST(lost_blobs_are_put_again)
{
    struct rf_digest first[3], next[3];
    char *full = full_bundle(first), *b = next_bundle(next);
    far.before_write = forget_once;
    far.ctx = (void *)(uintptr_t) "base";
    struct how how = { .parallel = 1 };
    applied_well(&far, full, &how);
    ck_assert_ptr_null(far.ctx);
    ck_assert(has_blob(&far, "app", "base"));
    ck_assert(has_blob(&far, "lib", "base"));
    free(full);
    free(b);
}
END_TEST

/* Killed before write number n. */
static int stop_before(struct watched *at, const char *what, const char *repo, const char *tag,
                       const struct rf_digest *d, struct rf_err *err)
{
    (void)what;
    (void)repo;
    (void)tag;
    (void)d;
    if (at->n_writes < (unsigned)(uintptr_t)at->ctx)
        return 0;
    rf_cancel_set(RFE_CANCELLED);
    return rf_cancel_check(err);
}

START_TEST(stopped_anywhere_and_run_again)
{
    struct rf_digest first[3], next[3];
    struct applied a;
    char *full = full_bundle(first), *b = next_bundle(next);
    struct how how = { .parallel = 1 };
    applied_well(&far, full, &how);
    for (unsigned n = 0; n < 30; n++) {
        /* from the state after the first bundle */
        watched_close(&far);
        forget("far");
        forget("import-state");
        watched_open(&far);
        applied_well(&far, full, &how);
        watched_clear(&far);
        far.before_write = stop_before;
        far.ctx = (void *)(uintptr_t)n;
        apply(&a, &far, b, &how);
        rf_cancel_reset();
        far.before_write = NULL;
        bool done = a.rc == 0;
        ck_assert_msg(done || a.rc == -RFE_CANCELLED, "%d %s", a.rc, a.err.msg);
        if (!done && strstr(far.log.ptr, "tag ") == NULL)
            expect_tag("app", "1", &first[0]);
        rf_import_result_release(&a.result);
        applied_well(&far, b, &how);
        expect_tag("app", "1", &next[0]);
        expect_tag("app", "2", &first[1]);
        expect_tag("new/app", "3", &next[2]);
        if (done) {
            ck_assert_uint_gt(n, 8);
            break;
        }
        ck_assert_uint_lt(n, 29);
    }
    free(full);
    free(b);
}
END_TEST

/* The map is there before the first tag moves. */
static int map_is_there(struct watched *at, const char *what, const char *repo, const char *tag,
                        const struct rf_digest *d, struct rf_err *err)
{
    (void)repo;
    (void)tag;
    (void)d;
    (void)err;
    if (strcmp(what, "tag") == 0 && at->ctx == NULL)
        at->ctx = only_file("import-state/tags");
    return 0;
}

START_TEST(old_tags_are_saved_first)
{
    struct rf_digest first[3], next[3];
    char *full = full_bundle(first), *b = next_bundle(next), digest[RF_DIGEST_TEXT];
    applied_well(&far, full, NULL);
    forget("import-state/tags"); /* the map of the first */
    far.before_write = map_is_there;
    applied_well(&far, b, NULL);
    char *map = far.ctx;
    ck_assert_ptr_nonnull(map);
    char *want = rf_xasprintf("\"app:1\":{\"was\":\"%s\"", rf_digest_text(&first[0], digest));
    ck_assert_msg(strstr(map, want) != NULL, "%s", map);
    ck_assert_msg(strstr(map, "\"new/app:3\":{\"was\":null") != NULL, "%s", map);
    ck_assert_msg(strstr(map, "app:2") == NULL, "%s", map); /* does not move */
    free(want);
    free(map);
    free(full);
    free(b);
}
END_TEST

Suite *rf_apply_suite(void)
{
    Suite *s = suite_create("apply");
    TCase *t = tcase_create("apply");
    tcase_add_checked_fixture(t, far_setup, far_teardown);
    tcase_set_timeout(t, 120);
    suite_add_tcase(s, t);
    tcase_add_test(t, full_then_next);
    tcase_add_loop_test(t, order_of_writes, 0, 2);
    tcase_add_test(t, again_writes_nothing);
    tcase_add_test(t, what_is_lost_is_brought_again);
    tcase_add_test(t, below_a_prefix);
    tcase_add_test(t, streaming_is_the_same);
    tcase_add_test(t, without_mounts);
    tcase_add_test(t, sparse_and_referrers);
    tcase_add_test(t, referrers_are_listed_again);
    tcase_add_test(t, tags_that_somebody_moved_come_back);
    tcase_add_loop_test(t, a_refused_image_is_one_image, 0, (int)RF_ARRAY_LEN(refusals));
    tcase_add_test(t, above_a_refused_child_nothing_is_put);
    tcase_add_loop_test(t, a_destination_that_fails_ends_the_run, 0, 2);
    tcase_add_loop_test(t, a_refused_sparse_index_says_what_to_do, 0, 2);
    tcase_add_test(t, lost_blobs_are_put_again);
    tcase_add_test(t, stopped_anywhere_and_run_again);
    tcase_add_test(t, old_tags_are_saved_first);
    return s;
}
