/* SPDX-License-Identifier: Apache-2.0 */
/* Where an export reads from, and what of it may stand in a bundle. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "export/location.h"
#include "tests/export/helper_export.h"

Suite *rf_location_suite(void);

static const struct run plain = { 0 };

struct places {
    struct asked a;
    struct rf_export_state *state;
    struct rf_locations l;
};

static void start(struct places *p)
{
    struct rf_err err = RF_ERR_INIT;
    asked_init(&p->a, &plain, "");
    p->state = NULL;
    expect_ok(rf_export_state_open("state", "site", 0, &p->state, &err), err);
    rf_locations_init(&p->l, p->a.client, p->state);
}

static void end(struct places *p)
{
    rf_locations_release(&p->l);
    rf_export_state_free(p->state);
    asked_release(&p->a);
}

static uint32_t find(struct places *p, const char *text)
{
    struct rf_ref ref = RF_REF_INIT;
    struct rf_err err = RF_ERR_INIT;
    uint32_t where = RF_NO_ID;
    expect_ok(rf_ref_parse_repo(text, &ref, &err), err);
    expect_ok(rf_locations_find(&p->l, &ref, &where, &err), err);
    rf_ref_release(&ref);
    return where;
}

START_TEST(each_place_once)
{
    struct places p;
    start(&p);
    uint32_t a = find(&p, "r.example/app:1"), b = find(&p, "r.example/lib:1");
    ck_assert_uint_ne(a, b);
    ck_assert_uint_eq(find(&p, "r.example/app:2"), a);
    uint32_t c = find(&p, "ocidir://x/app:1");
    ck_assert_uint_eq(find(&p, "ocidir://x/app:2"), c);
    ck_assert_uint_eq(p.l.n, 3);
    ck_assert_str_eq(p.l.list[a].name, "r.example/app");
    ck_assert_str_eq(p.l.list[a].repo, "app");
    ck_assert_str_eq(p.l.list[c].name, "ocidir://app");
    ck_assert_str_eq(p.l.list[c].repo, "");
    ck_assert_str_eq(p.l.list[c].path, "x/app");
    end(&p);
}
END_TEST

static const struct {
    const char *ref, *name;
} names[] = {
    { "alpine", "docker.io/library/alpine" },
    { "ocidir://a/b/c", "ocidir://c" },
    { "ocidir://a/b/c/", "ocidir://c" },
    { "ocidir:///a", "ocidir://a" },
    { "ocifile://a/b.tar", "ocifile://b.tar" },
    { "ocidir:///", "ocidir://layout" },
    { "ocifile://a/b.tar:team/app:1", "ocifile://b.tar:team/app" },
};

START_TEST(names_hold_no_path)
{
    struct rf_ref ref = RF_REF_INIT;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_ref_parse_repo(names[_i].ref, &ref, &err), err);
    char *name = rf_location_name(&ref);
    ck_assert_str_eq(name, names[_i].name);
    free(name);
    rf_ref_release(&ref);
}
END_TEST

START_TEST(dots_are_called_what_they_lead_to)
{
    struct rf_ref ref = RF_REF_INIT;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(mkdir("deep", 0777), 0);
    ck_assert_int_eq(chdir("deep"), 0);
    expect_ok(rf_ref_parse_repo("ocidir://.", &ref, &err), err);
    char *name = rf_location_name(&ref);
    ck_assert_str_eq(name, "ocidir://deep");
    free(name);
    rf_ref_release(&ref);
    ck_assert_int_eq(chdir(".."), 0);
}
END_TEST

START_TEST(sources_are_found_again_from_another_folder)
{
    struct places p;
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest one = digest_of("one"), two = digest_of("two");
    uint32_t first = RF_NO_ID, second = RF_NO_ID, other = RF_NO_ID;
    source_image("x/app", "1", "cfg", "one");
    source_image("y/app", "1", "cfg", "two");
    start(&p);
    (void)find(&p, "ocidir://x/app");
    second = find(&p, "ocidir://y/app");
    ck_assert_str_eq(p.l.list[second].name, "ocidir://app-2");
    rf_locations_release(&p.l);
    rf_locations_init(&p.l, p.a.client, p.state);
    /* the second name first: it must not take the place of the first */
    expect_ok(rf_locations_find_source(&p.l, "ocidir://app-2:1", &second, &err), err);
    expect_ok(rf_locations_find_source(&p.l, "ocidir://app@sha256:00", &first, &err), err);
    expect_ok(rf_locations_find_source(&p.l, "ocidir://app:x/y:2", &other, &err), err);
    ck_assert_uint_eq(other, first);
    ck_assert_uint_eq(p.l.n, 2);
    expect_error(rf_locations_find_source(&p.l, "ocidir://other:1", &other, &err), RFE_NOT_FOUND,
                 err, "export it anew");
    ck_assert_int_eq(chdir("x"), 0);
    expect_ok(rf_place_probe_blob(p.l.list[first].place, "", &one, 3, RF_PROBE_HEAD, &err), err);
    expect_ok(rf_place_probe_blob(p.l.list[second].place, "", &two, 3, RF_PROBE_HEAD, &err), err);
    ck_assert_int_eq(chdir(".."), 0);
    end(&p);
}
END_TEST

START_TEST(half_a_list_of_tags_is_none)
{
    struct places p;
    struct rf_err err = RF_ERR_INIT;
    source_image("app", "1", "cfg", "one");
    source_image("app", "2", "cfg", "two");
    start(&p);
    uint32_t at = find(&p, "ocidir://app");
    struct rf_location *l = &p.l.list[at];
    ck_assert_int_eq(rename("app/index.json", "app/index.bad"), 0);
    ck_assert_int_lt(rf_location_tags(l, &err), 0);
    ck_assert_uint_eq(l->n_tags, 0);
    ck_assert_int_eq(rename("app/index.bad", "app/index.json"), 0);
    expect_ok(rf_location_tags(l, &err), err);
    expect_ok(rf_location_tags(l, &err), err);
    ck_assert_uint_eq(l->n_tags, 2);
    end(&p);
}
END_TEST

static const struct {
    const char *source, *path, *cause, *want;
} reasons[] = {
    { "r.example/x:1", NULL, "r.example/x:1: not found", "not found" },
    { "r.example/x:1", NULL, "r.example/x:1: r.example/x:1: not found", "not found" },
    { "r.example/x:1", NULL, "r.example/x:10: not found", "r.example/x:10: not found" },
    { "r.example/x:1", NULL, "not found", "not found" },
    { "ocidir://app:1", "/home/me/app", "/home/me/app: no tag 1", "no tag 1" },
    { "ocidir://app:1", "/home/me/app", "open /home/me/app/blobs/x: no", "open app/blobs/x: no" },
    { "ocidir://app:1", "/home/me/app", "ocidir:///home/me/app: it is read-only",
      "it is read-only" },
    { "ocidir://app:1", "app", "app: no tag 1 in app", "no tag 1 in app" },
    { "ocidir://a:1", ".", "a. b.c", "a. b.c" },
    { "", NULL, "x: y", "x: y" },
};

START_TEST(reasons_are_cut)
{
    char *got = rf_location_reason(reasons[_i].source, reasons[_i].path, reasons[_i].cause);
    ck_assert_str_eq(got, reasons[_i].want);
    free(got);
}
END_TEST

START_TEST(blobs_are_named_once)
{
    char text[RF_DIGEST_TEXT];
    struct rf_digest d = digest_of("x");
    char *a = rf_location_blob_reason(&d, "gone"), *b = rf_location_blob_reason(&d, a);
    char *want = rf_xasprintf("blob %s: gone", rf_digest_text(&d, text));
    ck_assert_str_eq(a, want);
    ck_assert_str_eq(b, want);
    free(want);
    free(a);
    free(b);
}
END_TEST

Suite *rf_location_suite(void)
{
    Suite *s = suite_create("location");
    TCase *t = tcase_create("location");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    tcase_set_timeout(t, 30);
    suite_add_tcase(s, t);
    tcase_add_test(t, each_place_once);
    tcase_add_loop_test(t, names_hold_no_path, 0, RF_ARRAY_LEN(names));
    tcase_add_test(t, dots_are_called_what_they_lead_to);
    tcase_add_test(t, sources_are_found_again_from_another_folder);
    tcase_add_test(t, half_a_list_of_tags_is_none);
    tcase_add_loop_test(t, reasons_are_cut, 0, RF_ARRAY_LEN(reasons));
    tcase_add_test(t, blobs_are_named_once);
    return s;
}
