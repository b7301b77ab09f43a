/* SPDX-License-Identifier: Apache-2.0 */
/* Export's memory of a site: history, pending plans, where layouts lie. */
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "export/state.h"
#include "tests/export/helper_export.h"
#include "tests/layout/helper_bundle.h"

Suite *rf_state_suite(void);

static struct rf_export_state *opened(void)
{
    struct rf_export_state *s = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_export_state_open("state", "plant-7", 0, &s, &err), err);
    return s;
}

/* A sealed bundle without images but one, told apart by its tag, and its snapshot. */
struct one {
    struct made m;
    struct rf_snapshot snap;
};

static void one_init(struct one *o, const char *tag, uint64_t sequence)
{
    struct rf_err err = RF_ERR_INIT;
    made_init(&o->m);
    o->m.b.sequence = sequence;
    struct rf_digest d = made_content(&o->m, RF_DIGEST_SHA256, "manifest");
    made_image(&o->m, "app", tag, &d, RF_MT_OCI_MANIFEST, RF_IMAGE_NEW, "r.example/app:1");
    made_blob(&o->m, RF_BLOB_MANIFEST, &d, RF_MT_OCI_MANIFEST, "app", NULL);
    made_seal(&o->m);
    rf_snapshot_init(&o->snap);
    memcpy(o->snap.site, "plant-7", 8);
    size_t at = rf_desired_add(&o->snap.desired, &o->m.b.desired, &o->m.b.desired.images[0]);
    rf_snapshot_add_item(&o->snap, rf_snapshot_add_blob(&o->snap, &d, strlen("manifest"),
                                                        RF_MT_OCI_MANIFEST, RF_BLOB_MANIFEST));
    o->snap.desired.images[at].n_blobs = 1;
    expect_ok(rf_snapshot_seal(&o->snap, &err), err);
    ck_assert(rf_digest_eq(&o->snap.id, &o->m.b.snapshot));
}

static void one_release(struct one *o)
{
    made_release(&o->m);
    rf_snapshot_release(&o->snap);
}

static void record(struct rf_export_state *s, struct one *o)
{
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_export_state_record(s, &o->m.b, &o->snap, 1234, "f.tar", &err), err);
}

/* ---- history ---- */

START_TEST(records_come_back)
{
    struct one a, b;
    one_init(&a, "a", 1);
    one_init(&b, "b", 2);
    struct rf_export_state *s = opened();
    ck_assert_ptr_null(rf_export_state_last(s));
    record(s, &a);
    record(s, &b);
    record(s, &b); /* twice is once */
    rf_export_state_free(s);
    s = opened();
    ck_assert_uint_eq(s->n, 2);
    const struct rf_export_record *r = rf_export_state_last(s);
    ck_assert(rf_digest_eq(&r->id, &b.m.b.id));
    ck_assert(rf_digest_eq(&r->snapshot, &b.m.b.snapshot));
    ck_assert_uint_eq(r->sequence, 2);
    ck_assert_uint_eq(r->size, 1234);
    ck_assert_uint_eq(r->images, 1);
    ck_assert_uint_eq(r->changed, 1);
    ck_assert(r->full);
    ck_assert_str_eq(r->file, "f.tar");
    struct rf_bundle again;
    struct rf_err err = RF_ERR_INIT;
    rf_bundle_init(&again);
    expect_ok(rf_export_state_load_bundle(s, &a.m.b.id, &again, &err), err);
    ck_assert(rf_digest_eq(&again.id, &a.m.b.id));
    rf_bundle_release(&again);
    rf_export_state_free(s);
    one_release(&a);
    one_release(&b);
}
END_TEST

START_TEST(found_by_a_prefix)
{
    struct one a, b;
    const struct rf_export_record *r = NULL;
    struct rf_err err = RF_ERR_INIT;
    char hex[RF_DIGEST_TEXT], prefix[16];
    one_init(&a, "a", 1);
    one_init(&b, "b", 2);
    struct rf_export_state *s = opened();
    record(s, &a);
    record(s, &b);
    rf_digest_hex(&a.m.b.id, hex);
    (void)snprintf(prefix, sizeof(prefix), "%.8s", hex);
    expect_ok(rf_export_state_find(s, prefix, &r, &err), err);
    ck_assert(rf_digest_eq(&r->id, &a.m.b.id));
    expect_ok(rf_export_state_find(s, rf_digest_text(&b.m.b.id, hex), &r, &err), err);
    ck_assert(rf_digest_eq(&r->id, &b.m.b.id));
    r = NULL;
    expect_error(rf_export_state_find(s, "1234567", &r, &err), RFE_USAGE, err, "8 hexadecimal");
    expect_error(rf_export_state_find(s, "00000000", &r, &err), RFE_NOT_FOUND, err, "plant-7");
    ck_assert_ptr_null(r);
    s->records[1].id = s->records[0].id;
    s->records[1].id.bytes[31] ^= 1;
    expect_error(rf_export_state_find(s, prefix, &r, &err), RFE_AMBIGUOUS, err, prefix);
    rf_export_state_free(s);
    one_release(&a);
    one_release(&b);
}
END_TEST

START_TEST(a_damaged_history_is_set_aside)
{
    static const char *const texts[] = { "", "{", "{\"historyVersion\":1}",
                                         "{\"historyVersion\":1,\"bundles\":[{}]}", "\xff" };
    rf_export_state_free(opened());
    write_text("state/history.json", texts[_i]);
    struct rf_export_state *s = opened();
    ck_assert_uint_eq(s->n, 0);
    rf_export_state_free(s);
    char *names = names_in("state");
    ck_assert_msg(strstr(names, "history.json.damaged-") != NULL, "%s", names);
    ck_assert(!is_there("state/history.json"));
    free(names);
}
END_TEST

START_TEST(a_newer_history_is_left_alone)
{
    struct rf_export_state *s = NULL;
    struct rf_err err = RF_ERR_INIT;
    rf_export_state_free(opened());
    write_text("state/history.json", "{\"historyVersion\":2,\"bundles\":[]}");
    expect_error(rf_export_state_open("state", "plant-7", 0, &s, &err), RFE_UNSUPPORTED, err,
                 "history format 2");
    ck_assert(file_is("state/history.json", "{\"historyVersion\":2,\"bundles\":[]}"));
    ck_assert_ptr_null(s);
}
END_TEST

START_TEST(looking_changes_nothing)
{
    struct rf_export_state *s = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_export_state_peek("state", "plant-7", &s, &err), err);
    ck_assert_uint_eq(s->n, 0);
    rf_export_state_freep(&s);
    ck_assert(!is_there("state"));
    rf_export_state_free(opened());
    write_text("state/history.json", "rubbish");
    expect_ok(rf_export_state_peek("state", "plant-7", &s, &err), err);
    rf_export_state_freep(&s);
    ck_assert(file_is("state/history.json", "rubbish"));
}
END_TEST

START_TEST(one_export_of_a_site_at_a_time)
{
    struct rf_export_state *s = opened(), *t = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_error(rf_export_state_open("state", "plant-7", 0, &t, &err), RFE_BUSY, err, "plant-7");
    rf_export_state_free(s);
    expect_ok(rf_export_state_open("state", "plant-7", 0, &t, &err), err);
    rf_export_state_freep(&t);
    expect_error(rf_export_state_open("state", "other", 0, &t, &err), RFE_USAGE, err,
                 "state of site plant-7, not of other");
}
END_TEST

START_TEST(temporaries_of_killed_writers_go)
{
    rf_export_state_free(opened());
    write_text("state/" RF_FILE_TEMP_PREFIX "1", "x");
    write_text("state/bundles/" RF_FILE_TEMP_PREFIX "1", "x");
    write_text("state/snapshots/" RF_FILE_TEMP_PREFIX "1", "x");
    write_text("state/pending/" RF_FILE_TEMP_PREFIX "1", "x");
    rf_export_state_free(opened());
    char *all = picture("state");
    ck_assert_ptr_null(strstr(all, RF_FILE_TEMP_PREFIX));
    free(all);
}
END_TEST

/* ---- pending ---- */

static int pending(struct rf_export_state *s, const char *key, struct rf_digest *id)
{
    struct rf_bundle b;
    struct rf_snapshot snap;
    struct rf_err err = RF_ERR_INIT;
    rf_bundle_init(&b);
    rf_snapshot_init(&snap);
    int rc = rf_export_state_get_pending(s, key, &b, &snap, &err);
    ck_assert_msg(rc >= 0, "%s", err.msg);
    if (rc > 0)
        *id = b.id;
    rf_bundle_release(&b);
    rf_snapshot_release(&snap);
    return rc;
}

static void set_pending(struct rf_export_state *s, struct one *o, const char *key, const char *file)
{
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_export_state_set_pending(s, key, &o->m.b, &o->snap, file, &err), err);
}

START_TEST(a_plan_is_pending_for_its_key)
{
    struct one a, b;
    struct rf_digest id;
    struct rf_err err = RF_ERR_INIT;
    one_init(&a, "a", 1);
    one_init(&b, "b", 1);
    struct rf_export_state *s = opened();
    ck_assert_int_eq(pending(s, "k1", &id), 0);
    set_pending(s, &a, "k1", "out/a.tar");
    ck_assert_int_eq(pending(s, "k1", &id), 1);
    ck_assert(rf_digest_eq(&id, &a.m.b.id));
    ck_assert_int_eq(pending(s, "k2", &id), 0);
    set_pending(s, &b, "k2", "out/b.tar");
    ck_assert_int_eq(pending(s, "k1", &id), 0);
    ck_assert_int_eq(pending(s, "k2", &id), 1);
    ck_assert(rf_digest_eq(&id, &b.m.b.id));
    expect_ok(rf_export_state_clear_pending(s, &err), err);
    ck_assert_int_eq(pending(s, "k2", &id), 0);
    char *names = names_in("state/pending");
    ck_assert_str_eq(names, "");
    free(names);
    rf_export_state_free(s);
    one_release(&a);
    one_release(&b);
}
END_TEST

START_TEST(a_plan_in_parts_is_none)
{
    struct one a, b;
    struct rf_digest id;
    struct rf_err err = RF_ERR_INIT;
    one_init(&a, "a", 1);
    one_init(&b, "b", 1);
    struct rf_export_state *s = opened();
    set_pending(s, &a, "k1", "out/a.tar");
    switch (_i) { /* killed while the next one was being written */
    case 0:
        expect_ok(rf_bundle_store(&b.m.b, "state/pending/bundle.json", &err), err);
        break;
    case 1:
        expect_ok(rf_snapshot_store(&b.snap, "state/pending/snapshot", &err), err);
        break;
    case 2: /* both are whole and go together, but the request is of the older one */
        expect_ok(rf_bundle_store(&b.m.b, "state/pending/bundle.json", &err), err);
        expect_ok(rf_snapshot_store(&b.snap, "state/pending/snapshot", &err), err);
        break;
    case 3:
        write_text("state/pending/bundle.json", "{");
        break;
    case 4:
        ck_assert_int_eq(unlink("state/pending/snapshot"), 0);
        break;
    default:
        write_text("state/pending/request", "k1");
        break;
    }
    ck_assert_int_eq(pending(s, "k1", &id), 0);
    rf_export_state_free(s);
    one_release(&a);
    one_release(&b);
}
END_TEST

static void leave(const char *final)
{
    static const char *const ends[] = { ".partial", ".journal", ".journal.new" };
    for (size_t i = 0; i < RF_ARRAY_LEN(ends); i++) {
        char *path = rf_xasprintf("%s%s", final, ends[i]);
        write_text(path, "x");
        free(path);
    }
}

START_TEST(what_a_dropped_plan_left_goes)
{
    struct one a, b;
    struct rf_err err = RF_ERR_INIT;
    one_init(&a, "a", 1);
    one_init(&b, "b", 1);
    expect_ok(rf_mkdirs("out", 0777, &err), err);
    expect_ok(rf_mkdirs("elsewhere", 0777, &err), err);
    struct rf_export_state *s = opened();
    set_pending(s, &a, "k", "out/a.tar");
    leave("out/a.tar");
    leave("out/foreign.tar");
    write_text("out/a.tar", "finished");
    set_pending(s, &a, "k", "out/a.tar"); /* the same one: it goes on with its file */
    ck_assert(is_there("out/a.tar.partial"));
    expect_ok(rf_export_state_add_pending_file(s, "out/a2.tar", &err), err);
    leave("out/a2.tar");
    set_pending(s, &b, "k", "elsewhere/b.tar");
    leave("elsewhere/b.tar");
    char *names = names_in("out");
    ck_assert_str_eq(names,
                     "a.tar foreign.tar.journal foreign.tar.journal.new foreign.tar.partial ");
    free(names);
    expect_ok(rf_export_state_clear_pending(s, &err), err);
    names = names_in("elsewhere");
    ck_assert_str_eq(names, "");
    free(names);
    rf_export_state_free(s);
    one_release(&a);
    one_release(&b);
}
END_TEST

START_TEST(recorded_but_not_told)
{
    struct one a;
    struct rf_digest id;
    struct rf_err err = RF_ERR_INIT;
    int told = -1;
    one_init(&a, "a", 1);
    struct rf_export_state *s = opened();
    set_pending(s, &a, "k", "out/a.tar");
    record(s, &a);
    expect_ok(rf_export_state_finish_pending(s, &a.m.b.id, &told, &err), err);
    char *names = names_in("state/pending");
    ck_assert_str_eq(names, "request ");
    free(names);
    ck_assert_int_eq(pending(s, "k", &id), 1); /* from the history now */
    ck_assert(rf_digest_eq(&id, &a.m.b.id));
    rf_export_state_told(told);
    close(told);
    ck_assert_int_eq(pending(s, "k", &id), 0);
    rf_export_state_free(s);
    one_release(&a);
}
END_TEST

START_TEST(another_bundle_recorded_clears_the_plan)
{
    struct one a, b;
    struct rf_digest id;
    struct rf_err err = RF_ERR_INIT;
    int told = -1;
    one_init(&a, "a", 1);
    one_init(&b, "b", 1);
    struct rf_export_state *s = opened();
    set_pending(s, &a, "k", "out/a.tar");
    record(s, &b);
    expect_ok(rf_export_state_finish_pending(s, &b.m.b.id, &told, &err), err);
    ck_assert_int_eq(told, -1);
    ck_assert_int_eq(pending(s, "k", &id), 0);
    rf_export_state_free(s);
    one_release(&a);
    one_release(&b);
}
END_TEST

/* ---- failures and places ---- */

START_TEST(the_first_failure_to_write_is_kept)
{
    struct rf_err first = RF_ERR_INIT, second = RF_ERR_INIT, err = RF_ERR_INIT;
    struct rf_export_state *s = opened();
    expect_ok(rf_export_state_check(s, &err), err);
    ck_assert_int_eq(rf_export_state_note(s, 0, &first), 0);
    expect_ok(rf_export_state_check(s, &err), err);
    int rc = rf_fail(&first, RFE_NO_SPACE, "the disk is full");
    ck_assert_int_eq(rf_export_state_note(s, rc, &first), -RFE_NO_SPACE);
    rc = rf_fail(&second, RFE_DENIED, "may not");
    ck_assert_int_eq(rf_export_state_note(s, rc, &second), -RFE_DENIED);
    expect_error(rf_export_state_check(s, &err), RFE_NO_SPACE, err, "plant-7: the disk is full");
    rf_export_state_free(s);
}
END_TEST

START_TEST(layouts_are_remembered)
{
    struct rf_err err = RF_ERR_INIT;
    char *where = NULL;
    struct rf_export_state *s = opened();
    expect_ok(rf_export_state_get_location(s, "ocidir://app", &where, &err), err);
    ck_assert_ptr_null(where);
    expect_ok(rf_export_state_set_location(s, "ocidir://app", "ocidir:///a/app", &err), err);
    expect_ok(rf_export_state_set_location(s, "ocidir://lib", "ocidir:///a/lib", &err), err);
    expect_ok(rf_export_state_set_location(s, "ocidir://app", "ocidir:///b/app", &err), err);
    rf_export_state_free(s);
    s = opened();
    expect_ok(rf_export_state_get_location(s, "ocidir://app", &where, &err), err);
    ck_assert_str_eq(where, "ocidir:///b/app");
    free(where);
    expect_ok(rf_export_state_get_location(s, "ocidir://lib", &where, &err), err);
    ck_assert_str_eq(where, "ocidir:///a/lib");
    free(where);
    rf_export_state_free(s);
}
END_TEST

Suite *rf_state_suite(void)
{
    Suite *s = suite_create("state");
    TCase *t = tcase_create("state");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    tcase_set_timeout(t, 30);
    suite_add_tcase(s, t);
    tcase_add_test(t, records_come_back);
    tcase_add_test(t, found_by_a_prefix);
    tcase_add_loop_test(t, a_damaged_history_is_set_aside, 0, 5);
    tcase_add_test(t, a_newer_history_is_left_alone);
    tcase_add_test(t, looking_changes_nothing);
    tcase_add_test(t, one_export_of_a_site_at_a_time);
    tcase_add_test(t, temporaries_of_killed_writers_go);
    tcase_add_test(t, a_plan_is_pending_for_its_key);
    tcase_add_loop_test(t, a_plan_in_parts_is_none, 0, 6);
    tcase_add_test(t, what_a_dropped_plan_left_goes);
    tcase_add_test(t, recorded_but_not_told);
    tcase_add_test(t, another_bundle_recorded_clears_the_plan);
    tcase_add_test(t, the_first_failure_to_write_is_kept);
    tcase_add_test(t, layouts_are_remembered);
    return s;
}
