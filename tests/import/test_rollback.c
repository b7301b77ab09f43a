/* SPDX-License-Identifier: Apache-2.0 */
/* Taking bundles back: which, what moves and what is left, what must be whole, interruptions. */
#include <stdlib.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/mem.h"
#include "import/rollback.h"
#include "tests/import/helper_import.h"

Suite *rf_rollback_suite(void);

struct back {
    const char *id, *prefix, *site;
    bool plan, also_moved, complete;
    unsigned parallel;
};

/* The report is in *said (text, then JSON); the caller releases it. */
static int back_to(const struct back *how, struct rf_buf *said, struct rf_err *err)
{
    static const struct back usual = { 0 };
    struct rf_import_request req;
    struct rf_rollback b;
    if (how == NULL)
        how = &usual;
    struct how import = { .complete = how->complete,
                          .prefix = how->prefix,
                          .site = how->site,
                          .parallel = how->parallel };
    struct rf_rollback_options o = { how->id, how->plan, how->also_moved };
    request_of(&req, &far, &import);
    rf_rollback_init(&b);
    memset(err, 0, sizeof(*err));
    int rc = rf_rollback(&req, &o, &b, err);
    rf_buf_init(said, 0);
    if (b.looked) {
        rf_rollback_text(&b, said);
        rf_rollback_json(&b, said);
    }
    rf_rollback_release(&b);
    return rc;
}

static void back_well(const struct back *how)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf said;
    struct rf_err err;
    int rc = back_to(how, &said, &err);
    expect_ok(rc, err);
}

static void back_fails(const struct back *how, int code, const char *part, const char *text)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf said;
    struct rf_err err;
    int rc = back_to(how, &said, &err);
    expect_error(rc, code, err, part);
    if (text != NULL)
        ck_assert_msg(strstr(said.ptr, text) != NULL, "%s", said.ptr);
}

static void move_tag(const char *repo, const char *tag, const struct rf_digest *d)
{
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
    expect_ok(rf_place_get_manifest(far.inner, repo, NULL, d, NULL, &m, &err), err);
    expect_ok(rf_place_put_manifest(far.inner, repo, tag, m, 0, &err), err);
}

/* full.tar and next.tar, applied */
struct scene {
    char *full, *next;
    struct rf_digest first[3], then[3];
    char ids[2][RF_DIGEST_TEXT];
};
static struct scene scene;

static void id_of(const char *path, char out[RF_DIGEST_TEXT])
{
    struct rf_bundle_file *f = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_bundle_file_open(path, &f, &err), err);
    rf_digest_text(&rf_bundle_file_doc(f)->id, out);
    rf_bundle_file_free(f);
}

static void setup(void)
{
    far_setup();
    scene.full = full_bundle(scene.first);
    scene.next = next_bundle(scene.then);
    id_of(scene.full, scene.ids[0]);
    id_of(scene.next, scene.ids[1]);
    applied_well(&far, scene.full, NULL);
    applied_well(&far, scene.next, NULL);
    watched_clear(&far);
}

static void teardown(void)
{
    free(scene.full);
    free(scene.next);
    far_teardown();
}

static void expect_first(void)
{
    expect_tag("app", "1", &scene.first[0]);
    expect_tag("app", "2", &scene.first[1]);
    expect_tag("lib", "1", &scene.first[2]);
    expect_no_tag("new/app", "3");
}

static void expect_next(void)
{
    expect_tag("app", "1", &scene.then[0]);
    expect_tag("app", "2", &scene.first[1]);
    expect_tag("new/app", "3", &scene.then[2]);
}

START_TEST(the_last_bundle_goes_back)
{
    struct back plan = { .plan = true };
    RF_CLEANUP(rf_buf_release) struct rf_buf said;
    struct rf_err err;
    char a[RF_DIGEST_TEXT], b[RF_DIGEST_TEXT];
    int rc = back_to(&plan, &said, &err);
    expect_ok(rc, err);
    ck_assert_uint_eq(far.n_writes, 0);
    char *want =
        rf_xasprintf("move      app:1: has %s, had %s\n", rf_digest_text(&scene.then[0], a),
                     rf_digest_text(&scene.first[0], b));
    ck_assert_msg(strstr(said.ptr, want) != NULL, "%s", said.ptr);
    free(want);
    ck_assert_msg(strstr(said.ptr, "remove    new/app:3: has ") != NULL, "%s", said.ptr);
    ck_assert_msg(strstr(said.ptr, scene.ids[0]) != NULL, "%s", said.ptr);
    expect_next();
    back_well(NULL);
    expect_first();
    ck_assert_msg(strstr(far.log.ptr, "blob ") == NULL && strstr(far.log.ptr, "manifest ") == NULL,
                  "%s", far.log.ptr);
}
END_TEST

START_TEST(and_comes_again)
{
    back_well(NULL);
    applied_well(&far, scene.next,
                 NULL); /* no --allow-older: what stands is the bundle before it */
    expect_next();
    back_well(NULL);
    expect_first();
    applied_well(&far, scene.full, NULL);
    expect_first();
}
END_TEST

START_TEST(once_more_takes_nothing_more)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf said;
    struct rf_err err;
    back_well(NULL);
    watched_clear(&far);
    int rc = back_to(NULL, &said, &err);
    expect_ok(rc, err);
    ck_assert_msg(strstr(said.ptr, "again ") != NULL, "%s", said.ptr);
    ck_assert_uint_eq(far.n_writes, 0);
    expect_first();
    /* what was put back by hand is taken back again */
    move_tag("app", "1", &scene.then[0]);
    back_well(NULL);
    expect_first();
}
END_TEST

START_TEST(before_the_first)
{
    struct back none = { .id = RF_WAY_BACK_NONE };
    for (int i = 0; i < 2; i++) {
        back_well(&none);
        expect_no_tag("app", "1");
        expect_no_tag("app", "2");
        expect_no_tag("lib", "1");
        expect_no_tag("new/app", "3");
    }
    applied_well(&far, scene.next, NULL); /* its content is still there */
    expect_tag("app", "1", &scene.then[0]);
    back_well(NULL);
    expect_no_tag("app", "1");
}
END_TEST

START_TEST(to_a_bundle_by_name)
{
    struct back first = { .id = scene.ids[0] }, digits = { .id = scene.ids[0] + 7 };
    char few[16], eight[16];
    snprintf(few, sizeof(few), "%.7s", scene.ids[0] + 7);
    snprintf(eight, sizeof(eight), "%.8s", scene.ids[0] + 7);
    struct back unclear = { .id = few }, enough = { .id = eight };
    back_fails(&unclear, RFE_USAGE, "no such bundle is known", NULL);
    back_well(_i == 0 ? &first : _i == 1 ? &digits : &enough);
    expect_first();
    struct back gone = { .id = scene.ids[1] };
    back_fails(&gone, RFE_USAGE, "was taken back itself", NULL);
    back_well(&first); /* nothing is left to do */
    expect_first();
}
END_TEST

START_TEST(several_at_once)
{
    struct made m;
    made_init(&m);
    m.b.sequence = 3;
    add_base(&m, "next");
    struct rf_digest third =
        add_image(&m, "app", "1", "cfg7", "seven", RF_IMAGE_CHANGED, NULL, NULL);
    add_image(&m, "app", "2", "cfg8", "eight", RF_IMAGE_CHANGED, NULL, NULL);
    char *path = written(&m, "third.tar");
    made_release(&m);
    struct how older = { .older = true };
    applied_well(&far, path, &older);
    expect_tag("app", "1", &third);
    applied_well(&far, path, &older); /* applied once more: still one bundle */
    struct back first = { .id = scene.ids[0] };
    back_well(&first);
    expect_first();
    free(path);
}
END_TEST

START_TEST(what_somebody_moved_is_left)
{
    struct back also = { .also_moved = true };
    move_tag("app", "1", &scene.first[1]);
    back_fails(NULL, RFE_PARTIAL, "1 that somebody else moved", "foreign   app:1: has ");
    expect_tag("app", "1", &scene.first[1]);
    expect_no_tag("new/app", "3");
    back_well(&also);
    expect_first();
}
END_TEST

START_TEST(what_is_gone_is_left)
{
    struct back also = { .also_moved = true };
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_place_delete_tag(far.inner, "app", "1", &err), err);
    back_fails(NULL, RFE_PARTIAL, "1 tag is left", "; it was deleted since: left");
    expect_no_tag("app", "1");
    back_well(&also);
    expect_first();
}
END_TEST

START_TEST(old_images_must_be_whole)
{
    struct back part = { .complete = true };
    if (_i == 0)
        lose_manifest("app", &scene.first[0]);
    else
        lose_blob("app", "one");
    watched_clear(&far);
    back_fails(NULL, RFE_GROUND_MISSING, "lacks what 1 tag would go back to",
               "lacking   app:1: has ");
    ck_assert_uint_eq(far.n_writes, 0);
    expect_next();
    back_fails(&part, RFE_PARTIAL, "1 whose old image is not whole", "is missing");
    expect_tag("app", "1", &scene.then[0]);
    expect_no_tag("new/app", "3");
}
END_TEST

/* A tag that is where it is to be says nothing of what it needs. */
START_TEST(what_is_right_already_must_be_whole)
{
    struct back part = { .complete = true };
    back_well(NULL);
    if (_i == 0)
        lose_blob("app", "one");
    else
        forget("import-state/bundles"), lose_blob("app", "one");
    watched_clear(&far);
    back_fails(NULL, RFE_GROUND_MISSING, "lacks what 1 tag would go back to",
               "lacking   app:1: has ");
    back_fails(&part, RFE_PARTIAL, "1 whose old image is not whole", "is missing");
    ck_assert_uint_eq(far.n_writes, 0);
    expect_first();
}
END_TEST

START_TEST(without_the_documents_it_is_checked_as_well)
{
    forget("import-state/bundles");
    lose_blob("app", "one");
    back_fails(NULL, RFE_GROUND_MISSING, "lacks what 1 tag ", NULL);
    applied_well(&far, scene.next, NULL);
    struct how older = { .older = true };
    applied_well(&far, scene.full, &older);
    applied_well(&far, scene.next, NULL);
    forget("import-state/bundles");
    back_well(NULL);
    expect_tag("app", "1", &scene.first[0]);
    expect_tag("new/app", "3", &scene.then[2]); /* was there before the bundle came again */
}
END_TEST

START_TEST(sparse_indexes_go_back)
{
    struct made m;
    struct how older = { .older = true };
    made_init(&m);
    m.b.sequence = 3;
    struct rf_digest index = add_index(&m, "multi", "1", "m", 3, 1);
    char *one = written(&m, "one.tar");
    made_release(&m);
    made_init(&m);
    m.b.sequence = 4;
    add_base(&m, "first");
    add_image(&m, "multi", "1", "cfgm", "multi", RF_IMAGE_CHANGED, NULL, NULL);
    char *two = written(&m, "two.tar");
    made_release(&m);
    applied_well(&far, one, &older);
    applied_well(&far, two, &older);
    if (_i == 1)
        forget("import-state/bundles"); /* then the children that are there tell */
    back_well(NULL);
    expect_tag("multi", "1", &index);
    free(one);
    free(two);
}
END_TEST

static int refuse_deletes(struct watched *w, const char *what, const char *repo, const char *tag,
                          const struct rf_digest *d, struct rf_err *err)
{
    (void)repo;
    (void)tag;
    (void)d;
    return strcmp(what, "delete") == 0 ? rf_fail(err, (int)(uintptr_t)w->ctx, "no deletes here")
                                       : 0;
}

START_TEST(tags_that_cannot_be_deleted_are_told)
{
    static const int codes[] = { RFE_UNSUPPORTED, RFE_FAILED, RFE_DENIED };
    far.before_write = refuse_deletes;
    far.ctx = (void *)(uintptr_t)codes[_i];
    back_fails(NULL, RFE_PARTIAL, "1 that far refused to change", "no deletes here");
    expect_tag("app", "1", &scene.first[0]);
    expect_tag("new/app", "3", &scene.then[2]);
    far.before_write = NULL;
    back_well(NULL); /* the same once more, now that it can be done */
    expect_first();
}
END_TEST

START_TEST(a_destination_that_fails_is_no_success)
{
    far.before_write = refuse_deletes;
    far.ctx = (void *)(uintptr_t)RFE_UNREACHABLE;
    back_fails(NULL, RFE_UNREACHABLE, "no deletes here", NULL);
    char *record = file_text("import-state/applied.json");
    ck_assert_msg(strstr(record, "takenBack") == NULL, "%s", record);
    free(record);
}
END_TEST

static int stop_before(struct watched *w, const char *what, const char *repo, const char *tag,
                       const struct rf_digest *d, struct rf_err *err)
{
    (void)repo;
    (void)d;
    if (tag == NULL && strcmp(what, "delete") != 0)
        return 0; /* counted are the steps among the tags */
    if (w->ctx != NULL) {
        w->ctx = (void *)((uintptr_t)w->ctx - 1);
        return 0;
    }
    rf_cancel_set(RFE_CANCELLED);
    return rf_cancel_check(err);
}

START_TEST(stopped_anywhere_and_run_again)
{
    struct back how = { .parallel = 1 };
    for (uintptr_t n = 0; n < 2; n++) {
        RF_CLEANUP(rf_buf_release) struct rf_buf said;
        struct rf_err err;
        far.before_write = stop_before;
        far.ctx = (void *)n;
        int rc = back_to(&how, &said, &err);
        rf_cancel_reset();
        far.before_write = NULL;
        ck_assert_int_eq(rc, -RFE_CANCELLED);
        expect_tag("app", "1", n == 0 ? &scene.then[0] : &scene.first[0]);
        back_well(&how);
        expect_first();
        applied_well(&far, scene.next, NULL);
        expect_next();
    }
}
END_TEST

/* Between the marks on the maps and the record: the bundle still stands, its map is marked. */
START_TEST(marked_but_not_recorded)
{
    char *record = file_text("import-state/applied.json");
    back_well(NULL);
    write_text("import-state/applied.json", record);
    free(record);
    if (_i == 0) {
        back_well(NULL);
        expect_first();
    }
    applied_well(&far, scene.next, NULL);
    expect_next();
    back_well(NULL);
    expect_first();
}
END_TEST

START_TEST(an_interrupted_apply_goes_back)
{
    struct applied a;
    struct how how = { .parallel = 1 };
    struct back first = { .id = scene.ids[0], .parallel = 1 };
    back_well(&first);
    far.before_write = stop_before;
    far.ctx = (void *)1;
    apply(&a, &far, scene.next, &how);
    rf_cancel_reset();
    far.before_write = NULL;
    ck_assert_int_eq(a.rc, -RFE_CANCELLED);
    rf_import_result_release(&a.result);
    expect_tag("app", "1", &scene.then[0]); /* one of two */
    for (int i = 0; i < 2; i++) {           /* and never what stands below it */
        back_well(NULL);
        expect_first();
    }
    applied_well(&far, scene.next, NULL);
    expect_next();
}
END_TEST

START_TEST(a_lost_map_is_told)
{
    forget("import-state/tags");
    back_fails(NULL, RFE_NOT_FOUND, "cannot be taken back", NULL);
    /* what is applied once more does not pretend to know */
    applied_well(&far, scene.next, NULL);
    back_fails(NULL, RFE_NOT_FOUND, "cannot be taken back", NULL);
    expect_next();
}
END_TEST

static const char *const damaged[] = {
    "",
    "{\"tagsVersion\":2}",
    "{\"tagsVersion\":1,\"bundle\":\"%s\",\"to\":\"far\",\"time\":\"\",\"tags\":[]}",
    "{\"tagsVersion\":1,\"bundle\":\"%s\",\"to\":\"far\",\"time\":\"\",\"tags\":{\"app\":{\"was\":null,\"becomes\":null}}}",
    "{\"tagsVersion\":1,\"bundle\":\"%s\",\"to\":\"far\",\"time\":\"\",\"tags\":{\"app:1\":{\"was\":\"x\",\"becomes\":null}}}",
    "{\"tagsVersion\":1,\"bundle\":\"%s\",\"to\":\"elsewhere\",\"time\":\"\",\"tags\":{}}",
};

START_TEST(a_damaged_map_is_told)
{
    struct rf_import_state *s = NULL;
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest id;
    expect_ok(rf_import_state_open("import-state", &s, &err), err);
    expect_ok(rf_digest_parse(rf_slice_str(scene.ids[1]), &id, &err), err);
    char *path = rf_import_state_tags_path(s, &id, "far"), *text;
    rf_import_state_free(s);
    const char *mark = strstr(damaged[_i], "%s");
    text = mark == NULL ? rf_xstrdup(damaged[_i])
                        : rf_xasprintf("%.*s%s%s", (int)(mark - damaged[_i]), damaged[_i],
                                       scene.ids[1], mark + 2);
    write_text(path, text);
    free(text);
    back_fails(NULL, RFE_INVALID, path, NULL);
    expect_next();
    free(path);
}
END_TEST

START_TEST(another_site)
{
    struct back other = { .site = "elsewhere" }, ours = { .site = "plant-7" };
    watched_clear(&far);
    back_fails(&other, RFE_USAGE, "of site plant-7, not of elsewhere", NULL);
    ck_assert_uint_eq(far.n_writes, 0);
    expect_next();
    back_well(&ours);
    expect_first();
}
END_TEST

START_TEST(nothing_is_known)
{
    struct rf_import_request req;
    struct rf_rollback b;
    struct rf_rollback_options o = { 0 };
    struct rf_err err = RF_ERR_INIT;
    struct how how = { .state = "fresh-state" };
    request_of(&req, &far, &how);
    rf_rollback_init(&b);
    expect_error(rf_rollback(&req, &o, &b, &err), RFE_USAGE, err, "no bundle is known");
    rf_rollback_release(&b);
}
END_TEST

START_TEST(below_a_prefix)
{
    struct how how = { .prefix = "mirror", .state = "prefix-state" };
    struct rf_import_request req;
    struct rf_rollback b;
    struct rf_rollback_options o = { 0 };
    struct rf_err err = RF_ERR_INIT;
    applied_well(&far, scene.full, &how);
    applied_well(&far, scene.next, &how);
    expect_tag("mirror/app", "1", &scene.then[0]);
    request_of(&req, &far, &how);
    rf_rollback_init(&b);
    expect_ok(rf_rollback(&req, &o, &b, &err), err);
    rf_rollback_release(&b);
    expect_tag("mirror/app", "1", &scene.first[0]);
    expect_no_tag("mirror/new/app", "3");
    expect_next(); /* elsewhere nothing changed */
}
END_TEST

START_TEST(foreign_tags_come_back)
{
    struct made m;
    struct how how = { .state = "own-state" };
    struct rf_import_request req;
    struct rf_rollback b;
    struct rf_rollback_options o = { 0 };
    struct rf_err err = RF_ERR_INIT;

    made_init(&m);
    struct rf_digest mine = add_image(&m, "app", "1", "cfgx", "ex", RF_IMAGE_NEW, NULL, NULL);
    char *path = written(&m, "mine.tar");
    made_release(&m);
    applied_well(&far, path, &how); /* over what others set */
    expect_tag("app", "1", &mine);
    request_of(&req, &far, &how);
    rf_rollback_init(&b);
    expect_ok(rf_rollback(&req, &o, &b, &err), err);
    rf_rollback_release(&b);
    expect_next();
    free(path);
}
END_TEST

/* What somebody set between two runs of the last bundle is what goes back: the second run overwrote it. */
START_TEST(foreign_tags_come_back_after_a_second_run)
{
    move_tag("app", "1", &scene.first[1]);
    applied_well(&far, scene.next, NULL);
    expect_next();
    applied_well(&far, scene.next, NULL); /* nothing to set: nothing changes in the map */
    back_well(NULL);
    expect_tag("app", "1", &scene.first[1]);
    expect_no_tag("new/app", "3");
}
END_TEST

Suite *rf_rollback_suite(void)
{
    Suite *s = suite_create("rollback");
    TCase *t = tcase_create("rollback");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    tcase_add_test(t, the_last_bundle_goes_back);
    tcase_add_test(t, and_comes_again);
    tcase_add_test(t, once_more_takes_nothing_more);
    tcase_add_test(t, before_the_first);
    tcase_add_loop_test(t, to_a_bundle_by_name, 0, 3);
    tcase_add_test(t, several_at_once);
    tcase_add_test(t, what_somebody_moved_is_left);
    tcase_add_test(t, what_is_gone_is_left);
    tcase_add_loop_test(t, old_images_must_be_whole, 0, 2);
    tcase_add_loop_test(t, what_is_right_already_must_be_whole, 0, 2);
    tcase_add_test(t, without_the_documents_it_is_checked_as_well);
    tcase_add_loop_test(t, sparse_indexes_go_back, 0, 2);
    tcase_add_loop_test(t, tags_that_cannot_be_deleted_are_told, 0, 3);
    tcase_add_test(t, a_destination_that_fails_is_no_success);
    tcase_add_test(t, stopped_anywhere_and_run_again);
    tcase_add_loop_test(t, marked_but_not_recorded, 0, 2);
    tcase_add_test(t, an_interrupted_apply_goes_back);
    tcase_add_test(t, a_lost_map_is_told);
    tcase_add_loop_test(t, a_damaged_map_is_told, 0, (int)RF_ARRAY_LEN(damaged));
    tcase_add_test(t, another_site);
    tcase_add_test(t, nothing_is_known);
    tcase_add_test(t, below_a_prefix);
    tcase_add_test(t, foreign_tags_come_back);
    tcase_add_test(t, foreign_tags_come_back_after_a_second_run);
    return s;
}
