/* SPDX-License-Identifier: Apache-2.0 */
/* Import's memory: what was applied where, and what tags were before. */
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "import/state.h"
#include "tests/import/helper_import.h"

Suite *rf_import_state_suite(void);

static struct rf_import_state *opened(void)
{
    struct rf_import_state *s = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_import_state_open("state", &s, &err), err);
    return s;
}

static void bundle(struct rf_bundle *b, const char *name, uint64_t sequence)
{
    rf_bundle_init(b);
    b->id = digest_of(name);
    b->snapshot = digest_of("snapshot");
    b->sequence = sequence;
    memcpy(b->chain, "db441b040eab9bdc7eecc0d009466316", RF_CHAIN_HEX + 1);
}

static void record(struct rf_import_state *s, const struct rf_bundle *b, const char *to)
{
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_import_state_record(s, b, to, false, &err), err);
}

START_TEST(records_come_back)
{
    struct rf_bundle a, b;
    bundle(&a, "a", 1);
    bundle(&b, "b", 2);
    struct rf_import_state *s = opened();
    ck_assert_ptr_null(rf_import_state_last(s, "r.plant"));
    record(s, &a, "r.plant");
    record(s, &b, "r.plant \"other\"");
    rf_import_state_free(s);
    s = opened();
    const struct rf_import_record *r = rf_import_state_last(s, "r.plant");
    ck_assert(rf_digest_eq(&r->id, &a.id));
    ck_assert_uint_eq(r->sequence, 1);
    ck_assert_str_eq(r->chain, a.chain);
    r = rf_import_state_last(s, "r.plant \"other\"");
    ck_assert(rf_digest_eq(&r->id, &b.id));
    ck_assert_ptr_null(rf_import_state_last(s, "elsewhere"));
    record(s, &b, "r.plant");
    ck_assert_uint_eq(rf_import_state_last(s, "r.plant")->sequence, 2);
    rf_import_state_free(s);
    rf_bundle_release(&a);
    rf_bundle_release(&b);
}
END_TEST

START_TEST(a_damaged_record_is_an_error)
{
    static const char *const texts[] = { "", "{", "{\"appliedVersion\":2,\"bundles\":[]}",
                                         "{\"appliedVersion\":1,\"bundles\":[{}]}" };
    struct rf_import_state *s = NULL;
    struct rf_err err = RF_ERR_INIT;
    rf_import_state_free(opened());
    write_text("state/applied.json", texts[_i]);
    int rc = rf_import_state_open("state", &s, &err);
    ck_assert_int_lt(rc, 0);
    ck_assert_msg(strstr(err.msg, "state/applied.json") != NULL &&
                      strstr(err.msg, "move the file away") != NULL,
                  "%s", err.msg);
    ck_assert_ptr_null(s);
}
END_TEST

START_TEST(one_import_at_a_time)
{
    struct rf_import_state *s = opened(), *t = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_error(rf_import_state_open("state", &t, &err), RFE_BUSY, err, "wait for it");
    rf_import_state_free(s);
    rf_import_state_free(opened());
}
END_TEST

START_TEST(temporaries_of_killed_writers_go)
{
    rf_import_state_free(opened());
    write_text("state/" RF_FILE_TEMP_PREFIX "1", "x");
    write_text("state/tags/" RF_FILE_TEMP_PREFIX "1", "x");
    rf_import_state_free(opened());
    char *all = picture("state");
    ck_assert_ptr_null(strstr(all, RF_FILE_TEMP_PREFIX));
    free(all);
}
END_TEST

/* ---- old tags ---- */

static void save(struct rf_import_state *s, const struct rf_bundle *b, const char *tag,
                 const char *was)
{
    struct rf_err err = RF_ERR_INIT;
    struct rf_old_tag t = { .repository = "app", .tag = tag, .becomes = digest_of("becomes") };
    if (was != NULL)
        t.was = digest_of(was);
    expect_ok(rf_import_state_save_tags(s, b, "r.plant", &t, 1, &err), err);
}

/* The map of bundle `name` says that the tag was this (NULL: none); absent: it says nothing of it. */
static void expect_was(const char *tag, const char *was, bool absent)
{
    struct rf_err err = RF_ERR_INIT;
    char *text = only_file("state/tags"), digest[RF_DIGEST_TEXT];
    char *name = rf_xasprintf("app:%s", tag);
    json_t *doc = NULL;
    expect_ok(rf_json_parse(rf_slice_str(text), 1u << 20, &doc, &err), err);
    const json_t *one = json_object_get(json_object_get(doc, "tags"), name);
    ck_assert_msg((one == NULL) == absent, "%s", text);
    if (one != NULL && was == NULL)
        ck_assert_msg(json_is_null(json_object_get(one, "was")), "%s", text);
    if (one != NULL && was != NULL) {
        struct rf_digest d = digest_of(was);
        ck_assert_str_eq(json_string_value(json_object_get(one, "was")),
                         rf_digest_text(&d, digest));
    }
    json_decref(doc);
    free(name);
    free(text);
}

START_TEST(an_interrupted_run_is_continued)
{
    struct rf_bundle b;
    bundle(&b, "b", 1);
    struct rf_import_state *s = opened();
    save(s, &b, "1", "old");
    save(s, &b, "2", NULL);
    /* what the first run moved already is not what it was any more */
    save(s, &b, "1", "becomes");
    expect_was("1", "old", false);
    expect_was("2", NULL, false);
    expect_was("3", NULL, true);
    rf_import_state_free(s);
    rf_bundle_release(&b);
}
END_TEST

START_TEST(the_last_bundle_once_more)
{
    struct rf_bundle b;
    bundle(&b, "b", 1);
    struct rf_import_state *s = opened();
    save(s, &b, "1", "old");
    record(s, &b, "r.plant");
    save(s, &b, "1", "somebody's"); /* who moved it meanwhile */
    save(s, &b, "2", "old two");
    expect_was("1", "old", false);
    expect_was("2", "old two", false);
    /* when the run knows that no bundle brought it, nothing else remembers it */
    struct rf_err err = RF_ERR_INIT;
    struct rf_old_tag t = { "app", "1", digest_of("somebody's"), digest_of("becomes"), true };
    expect_ok(rf_import_state_save_tags(s, &b, "r.plant", &t, 1, &err), err);
    expect_was("1", "somebody's", false);
    expect_was("2", "old two", false);
    rf_import_state_free(s);
    rf_bundle_release(&b);
}
END_TEST

START_TEST(back_to_an_older_bundle)
{
    struct rf_bundle a, b;
    bundle(&a, "a", 1);
    bundle(&b, "b", 2);
    struct rf_import_state *s = opened();
    save(s, &a, "1", NULL);
    record(s, &a, "r.plant");
    record(s, &b, "r.plant");
    /* a again: what was before is what b brought */
    save(s, &a, "1", "of b");
    expect_was("1", "of b", false);
    save(s, &a, "2", "of b too"); /* the same run once more */
    expect_was("1", "of b", false);
    expect_was("2", "of b too", false);
    rf_import_state_free(s);
    rf_bundle_release(&a);
    rf_bundle_release(&b);
}
END_TEST

START_TEST(places_have_their_own_maps)
{
    struct rf_bundle b;
    struct rf_err err = RF_ERR_INIT;
    bundle(&b, "b", 1);
    struct rf_import_state *s = opened();
    save(s, &b, "1", "old");
    struct rf_old_tag t = { .repository = "app", .tag = "1", .was = digest_of("other") };
    t.becomes = digest_of("becomes");
    expect_ok(rf_import_state_save_tags(s, &b, "r.other", &t, 1, &err), err);
    rf_import_state_free(s);
    char *all = picture("state/tags"), digest[RF_DIGEST_TEXT];
    struct rf_digest old = digest_of("old"), other = digest_of("other");
    ck_assert_ptr_nonnull(strstr(all, rf_digest_text(&old, digest)));
    ck_assert_ptr_nonnull(strstr(all, rf_digest_text(&other, digest)));
    free(all);
    rf_bundle_release(&b);
}
END_TEST

Suite *rf_import_state_suite(void)
{
    Suite *s = suite_create("import_state");
    TCase *t = tcase_create("state");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    suite_add_tcase(s, t);
    tcase_add_test(t, records_come_back);
    tcase_add_loop_test(t, a_damaged_record_is_an_error, 0, 4);
    tcase_add_test(t, one_import_at_a_time);
    tcase_add_test(t, temporaries_of_killed_writers_go);
    tcase_add_test(t, an_interrupted_run_is_continued);
    tcase_add_test(t, the_last_bundle_once_more);
    tcase_add_test(t, back_to_an_older_bundle);
    tcase_add_test(t, places_have_their_own_maps);
    return s;
}
