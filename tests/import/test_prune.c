/* SPDX-License-Identifier: Apache-2.0 */
/* What waits, and what needs what. The rest is tested at real destinations: tests/e2e/prune.py, prune_kill.py. */
#include "import/prune.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "import/prune_view.h"

static char *folder;
static struct rf_import_state state;

static void set_up(void)
{
    folder = rf_xstrdup("/tmp/rf-prune-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    state.dir = folder;
}

static char *only_file(void)
{
    struct rf_digest d;
    char hex[RF_DIGEST_TEXT];
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_str("far"), &d);
    rf_digest_hex(&d, hex);
    return rf_xasprintf("%s/prune-%.12s.json", folder, hex);
}

static void tear_down(void)
{
    RF_CLEANUP(rf_freep) char *path = only_file();
    (void)unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
    rf_freep(&folder);
}

static void digest_of_number(uint32_t n, struct rf_digest *out)
{
    rf_digest_of(RF_DIGEST_SHA256, rf_slice_of(&n, sizeof(n)), out);
}

/* One digest in two repositories waits twice; what was deleted, and what is needed again, waits no more. */
START_TEST(what_waits)
{
    enum { N = 30000 };
    RF_CLEANUP(rf_prune_result_release) struct rf_prune_result r;
    RF_CLEANUP(rf_prune_result_release) struct rf_prune_result again;
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest d;
    rf_prune_result_init(&r);
    rf_prune_result_init(&again);
    for (uint32_t i = 0; i < N; i++) {
        digest_of_number(i / 2, &d);
        struct rf_prune_manifest *m =
            rf_prune_add_manifest(&r, i % 2 == 0 ? "a/app" : "lib", &d, 1000 + (time_t)i);
        m->deleted = i == 4;
        m->needed = i == 6;
    }
    digest_of_number(1, &d);
    ck_assert_int_eq(rf_prune_add_manifest(&r, "lib", &d, 7)->since, 1003);
    ck_assert_uint_eq(r.n_manifests, N);
    ck_assert_int_eq(rf_prune_state_store(&state, "far", &r, &err), 0);
    ck_assert_int_eq(rf_prune_state_load(&state, "far", &again, &err), 0);
    ck_assert_uint_eq(again.n_manifests, N - 2);
    ck_assert_int_eq(rf_prune_find_manifest(&again, "lib", &d)->since, 1003);
    digest_of_number(2, &d);
    ck_assert_ptr_null(rf_prune_find_manifest(&again, "a/app", &d));
    ck_assert_ptr_nonnull(rf_prune_find_manifest(&again, "lib", &d));
    digest_of_number(N, &d);
    ck_assert_ptr_null(rf_prune_find_manifest(&again, "lib", &d));
    ck_assert_int_eq(rf_prune_state_load(&state, "elsewhere", &again, &err), 0);
    ck_assert_uint_eq(again.n_manifests, N - 2);
}
END_TEST

#define DIGEST "sha256:340d6132c83c70278344d127a37371ea04ba76e36b14c203ace233f97e264951"
#define LINE(repository, digest, time) \
    "{\"repository\":\"" repository "\",\"digest\":\"" digest "\",\"untagged\":\"" time "\"}"
#define ONE LINE("app", DIGEST, "2026-01-01T00:00:00Z")
#define WAITING(lines) "{\"pruneVersion\":1,\"waiting\":[" lines "]}"

#define NUMBERS "\"records\":1,\"takenBack\":0,\"standing\":1"
#define BROUGHT(head, images) \
    "{\"pruneVersion\":1,\"waiting\":[" ONE "],\"brought\":{" head ",\"images\":[" images "]}}"

static const char *const damaged[] = {
    "",
    "{",
    "[]",
    "{\"pruneVersion\":2,\"waiting\":[]}",
    "{\"pruneVersion\":1}",
    WAITING(ONE ",{}"),
    WAITING(ONE "," LINE("../x", DIGEST, "2026-01-01T00:00:00Z")),
    WAITING(ONE "," LINE("app", "md5:00", "2026-01-01T00:00:00Z")),
    WAITING(LINE("app", DIGEST, "yesterday")),
    "{\"pruneVersion\":1,\"waiting\":[" ONE "],\"brought\":[]}",
    BROUGHT("\"records\":1", "\"app@" DIGEST "\""),
    BROUGHT(NUMBERS ",\"last\":\"none\"", "\"app@" DIGEST "\""),
    BROUGHT(NUMBERS ",\"last\":\"" DIGEST "\"", "\"app@" DIGEST "\",7"),
    BROUGHT(NUMBERS ",\"last\":\"" DIGEST "\"", "\"app\""),
    BROUGHT(NUMBERS ",\"last\":\"" DIGEST "\"", "\"../x@" DIGEST "\""),
    BROUGHT(NUMBERS ",\"last\":\"" DIGEST "\"", "\"app@sha256:00\""),
};

/* Then the grace time begins again, for all of it. */
START_TEST(damaged_file)
{
    RF_CLEANUP(rf_prune_result_release) struct rf_prune_result r;
    RF_CLEANUP(rf_freep) char *path = only_file();
    struct rf_err err = RF_ERR_INIT;
    rf_prune_result_init(&r);
    ck_assert_int_eq(rf_file_write(path, rf_slice_str(damaged[_i]), 0600, &err), 0);
    ck_assert_int_eq(rf_prune_state_load(&state, "far", &r, &err), 0);
    ck_assert_uint_eq(r.n_manifests, 0);
    ck_assert(!r.memory.set && r.memory.images.len == 0);
    ck_assert_int_eq(rf_file_write(path, rf_slice_str(WAITING(ONE)), 0600, &err), 0);
    ck_assert_int_eq(rf_prune_state_load(&state, "far", &r, &err), 0);
    ck_assert_uint_eq(r.n_manifests, 1);
    ck_assert_str_eq(r.manifests[0].repository, "app");
}
END_TEST

/* What is not known to be away; without it, as from an earlier version, nothing is known. */
START_TEST(what_is_remembered)
{
    RF_CLEANUP(rf_prune_result_release) struct rf_prune_result r;
    RF_CLEANUP(rf_prune_result_release) struct rf_prune_result again;
    RF_CLEANUP(rf_prune_result_release) struct rf_prune_result none;
    struct rf_err err = RF_ERR_INIT;
    rf_prune_result_init(&r);
    rf_prune_result_init(&again);
    rf_prune_result_init(&none);
    (void)rf_strings_add(&r.memory.images, rf_slice_str("a/app@" DIGEST));
    (void)rf_strings_add(&r.memory.images, rf_slice_str("@" DIGEST));
    ck_assert_int_eq(rf_prune_state_store(&state, "far", &r, &err), 0);
    ck_assert_int_eq(rf_prune_state_load(&state, "far", &none, &err), 0);
    ck_assert(!none.memory.set && none.memory.images.len == 0);
    r.memory.set = true;
    r.memory.records = 7;
    r.memory.taken_back = 2;
    r.memory.standing = 5;
    digest_of_number(1, &r.memory.last);
    ck_assert_int_eq(rf_prune_state_store(&state, "far", &r, &err), 0);
    ck_assert_int_eq(rf_prune_state_load(&state, "far", &again, &err), 0);
    ck_assert(again.memory.set && rf_digest_eq(&again.memory.last, &r.memory.last));
    ck_assert_uint_eq(again.memory.records, 7);
    ck_assert_uint_eq(again.memory.taken_back, 2);
    ck_assert_uint_eq(again.memory.standing, 5);
    ck_assert_uint_eq(again.memory.images.len, 2);
    ck_assert_str_eq(rf_strings_get(&again.memory.images, 1), "@" DIGEST);
}
END_TEST

static uint32_t doc(struct rf_prune_view *v, uint32_t n)
{
    struct rf_digest d;
    digest_of_number(n, &d);
    return rf_prune_view_doc(v, &d);
}

/* 0 is an index of 1 and 2, 2 one of 3 and 0; 4 is a referrer of 0, 5 one of 4. */
START_TEST(what_is_needed)
{
    RF_CLEANUP(rf_prune_views_release) struct rf_prune_views views;
    uint32_t below[] = { 1, 2 }, again[] = { 3, 0 };
    rf_prune_views_init(&views);
    struct rf_prune_view *v = rf_prune_views_at(&views, "app");
    for (uint32_t i = 0; i < 6; i++)
        ck_assert_uint_eq(doc(v, i), i);
    ck_assert_ptr_eq(rf_prune_views_at(&views, "app"), v);
    ck_assert_ptr_eq(rf_prune_views_find(&views, "app"), v);
    ck_assert_ptr_null(rf_prune_views_find(&views, "lib"));
    ck_assert_uint_eq(doc(v, 3), 3);
    v->docs[0].below = rf_xcalloc(2, sizeof(uint32_t));
    v->docs[2].below = rf_xcalloc(2, sizeof(uint32_t));
    memcpy(v->docs[0].below, below, sizeof(below));
    memcpy(v->docs[2].below, again, sizeof(again));
    v->docs[0].n_below = v->docs[2].n_below = 2;
    v->docs[4].subject_doc = 0;
    v->docs[5].subject_doc = 4;
    rf_prune_view_need(v, 2, true);
    for (uint32_t i = 0; i < 6; i++)
        ck_assert_msg(v->docs[i].needed == (i < 4) && v->docs[i].back == (i < 4), "%u", i);
    /* what a tag needs is not needed by a rollback alone, and stays so */
    rf_prune_view_need(v, 3, false);
    ck_assert(v->docs[3].needed && !v->docs[3].back && v->docs[2].back);
    rf_prune_view_need(v, 5, false);
    rf_prune_view_need(v, 5, true);
    for (uint32_t i = 0; i < 6; i++)
        ck_assert_msg(v->docs[i].needed && !v->docs[i].back, "%u", i);
}
END_TEST

START_TEST(tags_of_a_view)
{
    RF_CLEANUP(rf_prune_views_release) struct rf_prune_views views;
    char text[RF_DIGEST_TEXT];
    rf_prune_views_init(&views);
    struct rf_prune_view *v = rf_prune_views_at(&views, "app");
    struct rf_prune_tag *t = rf_prune_view_tag(v, "1");
    ck_assert(t->doc == RF_NO_ID && t->item == RF_NO_ID && !rf_digest_is_set(&t->subject));
    t->item = 3;
    t = rf_prune_view_tag(
        v, "sha256-340d6132c83c70278344d127a37371ea04ba76e36b14c203ace233f97e264951.sig");
    ck_assert_str_eq(rf_digest_text(&t->subject, text),
                     "sha256:340d6132c83c70278344d127a37371ea04ba76e36b14c203ace233f97e264951");
    ck_assert_uint_eq(rf_prune_view_tag(v, "1")->item, 3);
    ck_assert_uint_eq(v->n_tags, 2);
}
END_TEST

Suite *rf_prune_suite(void);
Suite *rf_prune_suite(void)
{
    Suite *s = suite_create("prune");
    TCase *t = tcase_create("state");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, what_waits);
    tcase_add_test(t, what_is_remembered);
    tcase_add_loop_test(t, damaged_file, 0, (int)RF_ARRAY_LEN(damaged));
    suite_add_tcase(s, t);
    t = tcase_create("view");
    tcase_add_test(t, what_is_needed);
    tcase_add_test(t, tags_of_a_view);
    suite_add_tcase(s, t);
    return s;
}
