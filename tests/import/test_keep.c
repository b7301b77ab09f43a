/* SPDX-License-Identifier: Apache-2.0 */
/* This side's keep() has a say in pruning: what it keeps, what it fails on and what it cannot be asked about stays. */
#include "import/keep.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "layout/bundle_retain.h"
#include "tests/import/helper_policy.h"

Suite *rf_keep_suite(void);

static char *root, *user; /* configurations */

/* first.tar brings three images; second.tar lets app:old and lib:old go. */
static void setup(void)
{
    struct made m;
    struct rf_bundle_file *f = NULL;
    far_setup();
    root = config_of("root");
    user = config_of("carrier");
    made_init(&m);
    add_image(&m, "app", "new", user, "base one", RF_IMAGE_NEW, NULL, NULL);
    struct rf_digest app = add_image(&m, "app", "old", root, "base two", RF_IMAGE_NEW, NULL, NULL);
    struct rf_digest lib =
        add_image(&m, "lib", "old", user, "base three", RF_IMAGE_NEW, NULL, NULL);
    add_image(&m, "lib", "new", user, "base four", RF_IMAGE_NEW, NULL, NULL);
    char *path = written(&m, "first.tar");
    made_release(&m);
    applied_well(&far, path, NULL);
    free(path);
    made_init(&m);
    m.b.sequence = 2;
    add_base(&m, "first");
    add_line(&m, "app", "new", user, "base one", RF_IMAGE_UNCHANGED);
    add_line(&m, "lib", "new", user, "base four", RF_IMAGE_UNCHANGED);
    m.b.retain = (struct rf_bundle_retain){ .set = true, .known = 4 };
    rf_bundle_add_rule(&m.b, "keepNone");
    rf_bundle_add_candidate(&m.b, "app", "old", &app, "retain.rules[0]");
    rf_bundle_add_candidate(&m.b, "lib", "old", &lib, "retain.rules[0]");
    ck_assert_int_eq(rf_bundle_file_open("first.tar", &f, NULL), 0);
    m.b.parent = rf_bundle_file_doc(f)->id;
    rf_bundle_file_free(f);
    path = written(&m, "second.tar");
    made_release(&m);
    applied_well(&far, path, NULL);
    free(path);
}

static void teardown(void)
{
    free(root);
    free(user);
    far_teardown();
}

/* What keep() makes of it; script NULL: no policy. The caller releases *out. */
static void prune_with(const char *script, bool plan, struct rf_prune_result *out)
{
    struct rf_import_request req;
    struct rf_import_state *state = NULL;
    struct rf_in_use in_use;
    struct rf_err err = RF_ERR_INIT;
    request_of(&req, &far, NULL);
    req.to = far.inner; /* which is of the kind that frees space itself */
    req.policy = script != NULL ? policy_of(script) : NULL;
    rf_in_use_init(&in_use);
    const struct rf_prune_request prune = {
        .base = &req, .in_use = &in_use, .plan = plan, .now = time(NULL)
    };
    rf_prune_result_init(out);
    expect_ok(rf_import_state_open("import-state", &state, &err), err);
    expect_ok(rf_prune(&prune, state, out, &err), err);
    rf_import_state_free(state);
    rf_in_use_release(&in_use);
    rf_verdicts_free(req.policy);
}

static const struct rf_prune_item *item_of(const struct rf_prune_result *r, const char *repository)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->items[i].repository, repository) == 0)
            return &r->items[i];
    ck_abort_msg("nothing is said of %s", repository);
    return NULL;
}

static void expect_fate(const struct rf_prune_result *r, const char *repository,
                        enum rf_prune_fate fate, const char *reason)
{
    const struct rf_prune_item *it = item_of(r, repository);
    ck_assert_msg(it->fate == fate, "%s: fate %d: %s", repository, it->fate, it->reason);
    ck_assert_msg(strstr(it->reason, reason) != NULL, "%s: %s", repository, it->reason);
}

static bool has_tag(const char *repository, const char *tag)
{
    struct rf_digest d = tag_of(&far, repository, tag);
    return rf_digest_is_set(&d);
}

START_TEST(without_it_all_go)
{
    struct rf_prune_result r;
    prune_with(NULL, false, &r);
    expect_fate(&r, "app", RF_PRUNE_LET_GO, "retain.rules[0]");
    expect_fate(&r, "lib", RF_PRUNE_LET_GO, "retain.rules[0]");
    ck_assert(!has_tag("app", "old") && !has_tag("lib", "old"));
    ck_assert(has_tag("app", "new") && has_tag("lib", "new"));
    rf_prune_result_release(&r);
}
END_TEST

START_TEST(a_policy_without_it_has_no_say)
{
    struct rf_prune_result r;
    prune_with("function accept(image)\n  return false, 'no'\nend\n", true, &r);
    expect_fate(&r, "app", RF_PRUNE_LET_GO, "retain.rules[0]");
    ck_assert_ptr_null(strstr(item_of(&r, "app")->reason, "this side"));
    rf_prune_result_release(&r);
}
END_TEST

START_TEST(both_sides_say_why)
{
    struct rf_prune_result r;
    prune_with("function keep(image)\n  for _, one in ipairs(image.images) do\n"
               "    if one.config.config.User == 'root' then return false, 'runs as root' end\n"
               "  end\n  return true, 'not root'\nend\n",
               false, &r);
    expect_fate(&r, "app", RF_PRUNE_LET_GO, "retain.rules[0]");
    expect_fate(&r, "app", RF_PRUNE_LET_GO, "this side: keep: runs as root");
    expect_fate(&r, "lib", RF_PRUNE_KEPT, "this side: keep");
    ck_assert_uint_eq(r.let_go, 1);
    ck_assert(!has_tag("app", "old") && has_tag("lib", "old"));
    rf_prune_result_release(&r);
}
END_TEST

START_TEST(a_plan_asks_and_writes_nothing)
{
    struct rf_prune_result r;
    prune_with("function keep(image)\n  return image.tag == 'old', 'is not old'\nend\n", true, &r);
    expect_fate(&r, "app", RF_PRUNE_KEPT, "this side: keep");
    expect_fate(&r, "lib", RF_PRUNE_KEPT, "this side: keep");
    ck_assert_uint_eq(r.let_go, 0);
    ck_assert(has_tag("app", "old") && has_tag("lib", "old"));
    rf_prune_result_release(&r);
}
END_TEST

static const struct {
    const char *body, *reason;
} mistakes[] = {
    { "error('broken')", "broken" },        { "return image.nothing.here", "nil value" },
    { "return false", "without a reason" }, { "return", "returned nothing" },
    { "return 'no'", "returned a string" },
};

/* For keep, unlike for carry and accept, what goes wrong means yes. */
START_TEST(a_mistake_keeps)
{
    struct rf_prune_result r;
    char *script = rf_xasprintf("function keep(image)\n  %s\nend\n", mistakes[_i].body);
    prune_with(script, false, &r);
    expect_fate(&r, "app", RF_PRUNE_KEPT, "this side: keep failed: ");
    expect_fate(&r, "app", RF_PRUNE_KEPT, mistakes[_i].reason);
    ck_assert(has_tag("app", "old") && has_tag("lib", "old"));
    rf_prune_result_release(&r);
    free(script);
}
END_TEST

/* Its configuration is there with other bytes: nobody can say what image it is. */
START_TEST(what_cannot_be_read_is_kept)
{
    struct rf_prune_result r;
    struct rf_err err = RF_ERR_INIT;
    struct rf_digest d = digest_of(root);
    char *path = blob_path("far/app", &d), *other = rf_xstrdup(root);
    other[10] ^= 1;
    ck_assert_int_eq(remove(path), 0);
    expect_ok(rf_file_write(path, rf_slice_str(other), 0600, &err), err);
    prune_with("function keep(image)\n  return false, 'all go'\nend\n", false, &r);
    expect_fate(&r, "app", RF_PRUNE_KEPT, "this side: keep could not be asked");
    expect_fate(&r, "lib", RF_PRUNE_LET_GO, "this side: keep: all go");
    ck_assert(has_tag("app", "old") && !has_tag("lib", "old"));
    rf_prune_result_release(&r);
    free(other);
    free(path);
}
END_TEST

/* What is not there any more is nothing to keep. */
START_TEST(what_is_gone_is_not_asked_about)
{
    struct rf_prune_result r;
    lose_blob("app", root);
    prune_with("function keep(image)\n  return true\nend\n", true, &r);
    ck_assert_msg(strstr(item_of(&r, "app")->reason, "this side") == NULL, "%s",
                  item_of(&r, "app")->reason);
    expect_fate(&r, "lib", RF_PRUNE_KEPT, "this side: keep");
    rf_prune_result_release(&r);
}
END_TEST

/* Only what would go otherwise is asked about. */
START_TEST(what_is_kept_anyway_is_not_asked_about)
{
    struct rf_prune_result r;
    prune_with(
        "function keep(image)\n  if image.tag ~= 'old' then error('asked about ' .. image.tag) end\n"
        "  return false, 'asked'\nend\n",
        true, &r);
    ck_assert_uint_eq(r.let_go, 2);
    expect_fate(&r, "app", RF_PRUNE_LET_GO, "this side: keep: asked");
    rf_prune_result_release(&r);
}
END_TEST

Suite *rf_keep_suite(void)
{
    Suite *s = suite_create("keep");
    TCase *t = tcase_create("keep");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, without_it_all_go);
    tcase_add_test(t, a_policy_without_it_has_no_say);
    tcase_add_test(t, both_sides_say_why);
    tcase_add_test(t, a_plan_asks_and_writes_nothing);
    tcase_add_loop_test(t, a_mistake_keeps, 0, (int)RF_ARRAY_LEN(mistakes));
    tcase_add_test(t, what_cannot_be_read_is_kept);
    tcase_add_test(t, what_is_gone_is_not_asked_about);
    tcase_add_test(t, what_is_kept_anyway_is_not_asked_about);
    suite_add_tcase(s, t);
    return s;
}
