/* SPDX-License-Identifier: Apache-2.0 */
/* What the site is known to have: the last snapshot, named ones, bundle files. */
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "export/bases.h"
#include "tests/export/helper_export.h"

Suite *rf_bases_suite(void);

static const struct run plain = { 0 };

/* Four snapshots in a row; names[i] are the bundle's ids (12 digits), paths[i] the files. */
struct past {
    char *paths[4];
    char names[4][13];
};

static void past_make(struct past *p)
{
    static const char *const layers[] = { "base one", "base two", "base three", "base four" };
    for (size_t i = 0; i < 4; i++) {
        char config[8];
        (void)snprintf(config, sizeof(config), "cfg%zu", i);
        source_image("app", "1", config, layers[i]);
        p->paths[i] = exported(&plain, "ocidir://app");
        memcpy(p->names[i], strrchr(p->paths[i], '/') + strlen("/site-000001-"), 12);
        p->names[i][12] = '\0';
    }
}

static void past_release(struct past *p)
{
    for (size_t i = 0; i < 4; i++)
        free(p->paths[i]);
}

static int load(const struct run *r, struct rf_snapshot ***list, size_t *n, struct rf_err *err)
{
    struct asked a;
    struct rf_export_state *state = NULL;
    struct rf_err why = RF_ERR_INIT;
    asked_init(&a, r, "ocidir://app");
    expect_ok(rf_export_state_open(a.req.state_dir, a.req.site, 0, &state, &why), why);
    int rc = rf_bases_load(&a.req, state, list, n, err);
    rf_export_state_free(state);
    asked_release(&a);
    return rc;
}

/* The layers that the bases have, "one two", in the order of the bases. */
static void expect_bases(const struct run *r, const char *want)
{
    static const char *const layers[] = { "one", "two", "three", "four" };
    struct rf_snapshot **list = NULL;
    struct rf_err err = RF_ERR_INIT;
    struct rf_buf got;
    size_t n = 0;
    rf_buf_init(&got, 0);
    expect_ok(load(r, &list, &n, &err), err);
    for (size_t i = 0; i < n; i++) {
        rf_buf_add_char(&got, i > 0 ? ' ' : '<');
        for (size_t k = 0; k < RF_ARRAY_LEN(layers); k++) {
            struct rf_digest d = digest_of(layers[k]);
            if (rf_snapshot_find_blob(list[i], &d) != RF_NO_ID)
                rf_buf_add_str(&got, layers[k]);
        }
    }
    rf_buf_add_char(&got, '>');
    ck_assert_str_eq(got.ptr, want);
    rf_buf_release(&got);
    rf_bases_free(list, n);
}

START_TEST(the_last_one_by_itself)
{
    struct past p;
    expect_bases(&plain, ">");
    past_make(&p);
    expect_bases(&plain, "<four>");
    struct run full = { .full = true };
    expect_bases(&full, ">");
    past_release(&p);
}
END_TEST

START_TEST(named_by_digits_newest_first)
{
    struct past p;
    past_make(&p);
    char whole[RF_DIGEST_TEXT + 8];
    const char *two[] = { p.names[1] };
    struct run run = { .bases = two, .n_bases = 1 };
    expect_bases(&run, "<two>");
    const char *several[] = { p.names[0], p.names[2], p.names[0] };
    run = (struct run){ .bases = several, .n_bases = 3 };
    expect_bases(&run, "<three one>");
    const char *swapped[] = { p.names[2], p.names[0] };
    run = (struct run){ .bases = swapped, .n_bases = 2 };
    expect_bases(&run, "<three one>");
    /* by the snapshot's digest too */
    struct rf_bundle_file *f = NULL;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(rf_bundle_file_open(p.paths[0], &f, &err), err);
    rf_digest_text(&rf_bundle_file_doc(f)->snapshot, whole);
    rf_bundle_file_free(f);
    const char *snapshot[] = { whole };
    run = (struct run){ .bases = snapshot, .n_bases = 1 };
    expect_bases(&run, "<one>");
    past_release(&p);
}
END_TEST

START_TEST(named_wrongly)
{
    static const struct {
        const char *name;
        int code;
        const char *text;
    } cases[] = {
        { "0123456789", RFE_NOT_FOUND, "no such snapshot or bundle in the history of site site" },
        { "absent.tar", RFE_NOT_FOUND, "absent.tar" },
        { "app/oci-layout", RFE_NOT_BUNDLE, "app/oci-layout" },
        { "1234567", RFE_NOT_FOUND, "8 hexadecimal digits or more" },
    };
    struct past p;
    struct rf_snapshot **list = NULL;
    size_t n = 0;
    past_make(&p);
    for (size_t i = 0; i < RF_ARRAY_LEN(cases); i++) {
        struct rf_err err = RF_ERR_INIT;
        struct run run = { .bases = &cases[i].name, .n_bases = 1 };
        expect_error(load(&run, &list, &n, &err), cases[i].code, err, cases[i].text);
        ck_assert_ptr_null(list);
    }
    past_release(&p);
}
END_TEST

START_TEST(too_many)
{
    const char *names[RF_BUNDLE_BASES_MAX + 1];
    struct rf_snapshot **list = NULL;
    struct rf_err err = RF_ERR_INIT;
    size_t n = 0;
    for (size_t i = 0; i < RF_ARRAY_LEN(names); i++)
        names[i] = "0123456789";
    struct run run = { .bases = names, .n_bases = RF_ARRAY_LEN(names) };
    expect_error(load(&run, &list, &n, &err), RFE_USAGE, err, "at most 64");
}
END_TEST

START_TEST(lost_snapshots)
{
    struct past p;
    struct rf_snapshot **list = NULL;
    struct rf_err err = RF_ERR_INIT;
    size_t n = 0;
    past_make(&p);
    const char *names[] = { p.names[3] };
    struct run named = { .bases = names, .n_bases = 1 };
    char *snapshots = names_in("state/snapshots"), *rest = snapshots, *word;
    while ((word = strsep(&rest, " ")) != NULL && word[0] != '\0') {
        char *path = rf_path_join("state/snapshots", word);
        if (_i == 0)
            ck_assert_int_eq(unlink(path), 0);
        else
            write_text(path, "{\"snapshotVersion\":1}\n");
        free(path);
    }
    expect_bases(&plain, ">"); /* told, and a full bundle */
    ck_assert_int_lt(load(&named, &list, &n, &err), 0);
    ck_assert_msg(strstr(err.msg, p.names[3]) != NULL && strstr(err.msg, "--full") != NULL, "%s",
                  err.msg);
    free(snapshots);
    past_release(&p);
}
END_TEST

/* ---- files ---- */

START_TEST(a_file_that_the_history_knows)
{
    struct past p;
    past_make(&p);
    const char *second[] = { p.paths[1] };
    struct run run = { .bases = second, .n_bases = 1 };
    expect_bases(&run, "<two>");
    past_release(&p);
}
END_TEST

START_TEST(a_full_file_of_another_history)
{
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    struct past p;
    past_make(&p);
    const char *first[] = { p.paths[0] };
    struct run run = { .state = "s2", .out = "o2", .bases = first, .n_bases = 1 };
    expect_ok(run_plan(&run, "ocidir://app", &r, &err), err);
    const struct rf_bundle *b = r.plan->bundle;
    ck_assert_uint_eq(b->n_bases, 1);
    ck_assert_str_eq(travel_of(b, "base"), "assumed");
    ck_assert_str_eq(travel_of(b, "four"), "carried");
    char *told = story(b);
    ck_assert_str_eq(told, "changed app:1\n");
    free(told);
    rf_export_result_release(&r);
    past_release(&p);
}
END_TEST

/* Of an incremental bundle only what it carries, and what it says is there, is known to be there. */
START_TEST(an_incremental_file_of_another_history)
{
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    source_image("app", "1", "cfg1", "base one");
    free(exported(&plain, "ocidir://app"));
    source_image("app", "2", "cfg2", "base two");
    char *second = exported(&plain, "ocidir://app");
    const char *names[] = { second };
    struct run run = { .state = "s2", .out = "o2", .bases = names, .n_bases = 1 };
    expect_ok(run_plan(&run, "ocidir://app", &r, &err), err);
    char *told = story(r.plan->bundle);
    ck_assert_str_eq(told, "new app:1\nunchanged app:2\n");
    ck_assert_str_eq(travel_of(r.plan->bundle, "one"), "carried");
    ck_assert_str_eq(travel_of(r.plan->bundle, "base"), "assumed");
    free(told);
    rf_export_result_release(&r);
    free(second);
}
END_TEST

START_TEST(plans_with_a_file_as_base_are_taken_up)
{
    struct past p;
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    past_make(&p);
    char *layer = rf_xmalloc(3000001);
    memset(layer, 'x', 3000000);
    layer[3000000] = '\0';
    source_image("app", "2", "cfg9", layer);
    free(layer);
    const char *names[] = { p.paths[0] };
    struct run run = {
        .state = "s2", .out = "o2", .bases = names, .n_bases = 1, .parallel = 1, .stop_at = 1000000
    };
    int rc = run_create(&run, "ocidir://app", &r, &err);
    ck_assert_int_eq(rc, -RFE_CANCELLED);
    rf_export_result_release(&r);
    run.stop_at = 0;
    expect_ok(run_create(&run, "ocidir://app", &r, &err), err);
    ck_assert(r.resumed);
    expect_whole(r.path);
    rf_export_result_release(&r);
    past_release(&p);
}
END_TEST

Suite *rf_bases_suite(void)
{
    Suite *s = suite_create("bases");
    TCase *t = tcase_create("bases");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    tcase_set_timeout(t, 30);
    suite_add_tcase(s, t);
    tcase_add_test(t, the_last_one_by_itself);
    tcase_add_test(t, named_by_digits_newest_first);
    tcase_add_test(t, named_wrongly);
    tcase_add_test(t, too_many);
    tcase_add_loop_test(t, lost_snapshots, 0, 2);
    tcase_add_test(t, a_file_that_the_history_knows);
    tcase_add_test(t, a_full_file_of_another_history);
    tcase_add_test(t, an_incremental_file_of_another_history);
    tcase_add_test(t, plans_with_a_file_as_base_are_taken_up);
    return s;
}
