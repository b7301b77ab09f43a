/* SPDX-License-Identifier: Apache-2.0 */
/* Why each image of a plan is in it, or is not any more. */
#include <stdlib.h>

#include "base/mem.h"
#include "export/rules_file.h"
#include "tests/export/helper_export.h"

Suite *rf_rules_suite(void);

/* ---- the table ---- */

START_TEST(neighbours_share_a_rule)
{
    struct rf_rules r;
    struct rf_rule got;
    rf_rules_init(&r);
    const struct rf_rule a = { .by = "sync[0]", .line = 3, .how = "every tag" };
    const struct rf_rule b = {
        .by = "sync[0]", .line = 3, .how = "every tag", .verdict = "carry: good"
    };
    ck_assert(!rf_rules_get(&r, 0, &got));
    uint32_t first = rf_rules_add(&r, &a);
    ck_assert_uint_eq(rf_rules_add(&r, &a), first);
    uint32_t second = rf_rules_add(&r, &b);
    ck_assert_uint_ne(second, first);
    ck_assert(rf_rules_get(&r, second, &got));
    ck_assert_str_eq(got.how, "every tag");
    ck_assert_str_eq(got.verdict, "carry: good");
    ck_assert(rf_rules_get(&r, first, &got));
    ck_assert_ptr_null(got.verdict);
    ck_assert(!rf_rules_get(&r, second + 1, &got));
    rf_rules_release(&r);
}
END_TEST

START_TEST(a_rule_of_the_table_with_another_verdict)
{
    struct rf_rules r;
    struct rf_rule got;
    char verdict[4096];
    rf_rules_init(&r);
    uint32_t first = rf_rules_add(&r, &(struct rf_rule){ .by = "by", .how = "how" });
    for (unsigned i = 0; i < 100; i++) { /* the table grows under it */
        (void)snprintf(verdict, sizeof(verdict), "%04000u", i);
        ck_assert(rf_rules_get(&r, first, &got));
        got.verdict = verdict;
        ck_assert(rf_rules_get(&r, rf_rules_add(&r, &got), &got));
        ck_assert_str_eq(got.by, "by");
        ck_assert_str_eq(got.how, "how");
        ck_assert_str_eq(got.verdict, verdict);
    }
    rf_rules_release(&r);
}
END_TEST

START_TEST(texts_are_escaped)
{
    struct rf_buf out;
    const struct rf_rule rule = { .by = "sync[1]",
                                  .line = 7,
                                  .how = "tags: allow \033[31m",
                                  .of_repository = "app",
                                  .of_name = "1",
                                  .verdict = "carry: a \"b\"\n" };
    rf_buf_init(&out, 0);
    rf_rule_text(&rule, "ferry.yml", &out);
    ck_assert_str_eq(out.ptr,
                     "sync[1] (ferry.yml:7), tags: allow \\x1b[31m of app:1, carry: a \"b\"\\x0a");
    rf_buf_clear(&out);
    rf_rule_json(&rule, &out);
    ck_assert_str_eq(out.ptr, "{\"by\":\"sync[1]\",\"line\":7,\"how\":\"tags: allow \\u001b[31m\","
                              "\"of\":\"app:1\",\"verdict\":\"carry: a \\\"b\\\"\\n\"}");
    rf_buf_release(&out);
}
END_TEST

/* ---- of plans ---- */

static const struct run plain = { 0 };

static void expect_rules(const struct run *r, const char *args, const char *want)
{
    struct rf_export_result result;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(run_plan(r, args, &result, &err), err);
    char *got = rules_of(result.plan);
    ck_assert_str_eq(got, want);
    free(got);
    rf_export_result_release(&result);
}

START_TEST(named_and_every_tag)
{
    source_image("app", "1", "cfg1", "base one");
    source_image("lib", "1", "cfg2", "base two");
    expect_rules(&plain, "ocidir://app:1 ocidir://lib",
                 "new app:1: command line, named\nnew lib:1: command line, every tag\n");
}
END_TEST

START_TEST(sets_of_a_step)
{
    struct run run = {
        .config =
            "version: 1\nsync:\n"
            "  - {source: 'ocidir://app', target: r.example/app, type: repository, tags: {allow: ['1']},\n"
            "     tagSets: [{semverRange: ['>=2']}, {allow: ['x.*'], deny: ['xy']}]}\n"
            "  - {source: 'ocidir://lib:1', target: 'r.example/lib:1', type: image}\n"
            "  - {source: 'ocidir://lib', target: r.example/all, type: repository}\n"
    };
    source_image("app", "1", "cfg1", "base one");
    source_image("app", "2.1.0", "cfg2", "base two");
    source_image("app", "xx", "cfg3", "base three");
    source_image("app", "xy", "cfg4", "base four");
    source_image("lib", "1", "cfg5", "base five");
    expect_rules(&run, "",
                 "new all:1: sync[2] (ferry.yml:6), every tag\n"
                 "new app:1: sync[0] (ferry.yml:3), tags: allow 1\n"
                 "new app:2.1.0: sync[0] (ferry.yml:3), tagSets[0]: semverRange >=2\n"
                 "new app:xx: sync[0] (ferry.yml:3), tagSets[1]: allow x.* deny xy\n"
                 "new lib:1: sync[1] (ferry.yml:5), named\n");
}
END_TEST

START_TEST(what_goes_with_an_image)
{
    struct run run = { .referrers = true, .digest_tags = true };
    char tag[RF_DIGEST_TEXT + 8], text[RF_DIGEST_TEXT];
    struct rf_digest d = source_image("app", "1", "cfg1", "base one");
    struct rf_digest sig = source_referrer("app", NULL, &d, "signature");
    (void)source_referrer("app", NULL, &sig, "countersignature");
    (void)snprintf(tag, sizeof(tag), "sha256-%s.att", rf_digest_hex(&d, text));
    source_image("app", tag, "cfg2", "attestation");
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(run_plan(&run, "ocidir://app:1", &r, &err), err);
    char *got = rules_of(r.plan);
    char *chain = rf_xasprintf(": command line, referrer of app@%s\n", rf_digest_text(&sig, text));
    char *beside = rf_xasprintf("new app:%s: command line, digest tag of app:1\n", tag);
    ck_assert_msg(strstr(got, "new app:1: command line, named\n") != NULL, "%s", got);
    ck_assert_msg(strstr(got, "new app: command line, referrer of app:1\n") != NULL, "%s", got);
    ck_assert_msg(strstr(got, chain) != NULL, "%s", got);
    ck_assert_msg(strstr(got, beside) != NULL, "%s", got);
    free(beside);
    free(chain);
    free(got);
    rf_export_result_release(&r);
}
END_TEST

START_TEST(why_an_image_left)
{
    struct run all = {
        .config = "version: 1\nsync:\n"
                  "  - {source: 'ocidir://app', target: r.example/app, type: repository}\n"
                  "  - {source: 'ocidir://lib', target: r.example/lib, type: repository}\n"
    };
    struct run less = {
        .config = "version: 1\nsync:\n"
                  "  - {source: 'ocidir://app', target: r.example/app, type: repository,\n"
                  "     tags: {deny: ['2']}}\n"
    };
    source_image("app", "1", "cfg1", "base one");
    source_image("app", "2", "cfg2", "base two");
    source_image("app", "3", "cfg3", "base three");
    source_image("lib", "1", "cfg4", "base four");
    free(exported(&all, ""));
    source_untag("app", "3");
    expect_rules(&less, "",
                 "unchanged app:1: sync[0] (ferry.yml:3), tags: deny 2\n"
                 "removed app:2: sync[0] (ferry.yml:3), the tag is not taken any more\n"
                 "removed app:3: sync[0] (ferry.yml:3), the tag is gone at its source\n"
                 "removed lib:1: nothing wants it any more\n");
}
END_TEST

START_TEST(referrers_leave_with_their_image)
{
    struct run run = { .referrers = true };
    struct rf_digest d = source_image("app", "1", "cfg1", "base one");
    (void)source_referrer("app", NULL, &d, "signature");
    source_image("app", "2", "cfg2", "base two");
    free(exported(&run, "ocidir://app:1 ocidir://app:2"));
    expect_rules(&run, "ocidir://app:2",
                 "removed app: it goes with no image that is wanted, and is not named itself\n"
                 "removed app:1: nothing wants it any more\n"
                 "unchanged app:2: command line, named\n");
}
END_TEST

START_TEST(what_stands_for_a_hole)
{
    source_image("app", "1", "cfg1", "base one");
    source_image("app", "2", "cfg2", "base two");
    free(exported(&plain, "ocidir://app"));
    source_image("app", "1", "cfg3", "base three");
    source_lose("app", "three");
    expect_rules(&plain, "ocidir://app",
                 "held app:1: command line, stays for the hole of app:1\n"
                 "unchanged app:2: command line, every tag\n"
                 "hole app:1: command line, every tag\n");
}
END_TEST

/* A layer that fails while writing: the lines that stay keep their rules, what is held says why. */
START_TEST(rules_outlive_a_failure_while_writing)
{
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    source_image("app", "0", "cfg0", "base zero");
    source_image("app", "1", "cfg1", "base one");
    source_image("app", "2", "cfg2", "base two");
    free(exported(&plain, "ocidir://app"));
    source_untag("app", "0");
    source_image("app", "1", "cfg3", "base three");
    source_image("app", "3", "cfg4", "base four");
    source_spoil("app", "three");
    expect_ok(run_create(&plain, "ocidir://app", &r, &err), err);
    char *got = rules_of(r.plan);
    ck_assert_str_eq(got, "removed app:0: command line, the tag is gone at its source\n"
                          "held app:1: command line, stays for the hole of app:1\n"
                          "unchanged app:2: command line, every tag\n"
                          "new app:3: command line, every tag\n"
                          "hole app:1: command line, every tag\n");
    free(got);
    rf_export_result_release(&r);
}
END_TEST

/* Who wanted what could not be had: an image, one that was dropped for its referrers, a repository, a registry. */
START_TEST(who_wanted_a_hole)
{
    struct run run = {
        .config =
            "version: 1\nsync:\n"
            "  - {source: 'ocidir://app', target: r.example/app, type: repository, tags: {allow: ['1', 'x.*']}}\n"
            "  - {source: 'ocidir://gone', target: r.example/gone, type: repository, tags: {allow: ['1']}}\n"
            "  - {source: 'ocidir://gone:3', target: 'r.example/gone:3', type: image}\n"
            "  - {source: 'ocidir://lib:1', target: 'r.example/lib:1', type: image}\n"
    };
    source_image("app", "1", "cfg1", "base one");
    source_image("lib", "1", "cfg2", "base two");
    source_lose("app", "one");
    expect_rules(&run, "",
                 "new lib:1: sync[3] (ferry.yml:6), named\n"
                 "hole app:1: sync[0] (ferry.yml:3), tags: allow 1 allow x.*\n"
                 "hole gone: sync[1] (ferry.yml:4)\n"
                 "hole gone:3: sync[2] (ferry.yml:5), named\n");
}
END_TEST

/* Nothing is reported then: the message itself says where to look. */
START_TEST(failures_name_the_step)
{
    struct run run = {
        .config = "version: 1\nsync:\n"
                  "  - {source: 'ocidir://app', target: r.example/app, type: repository}\n"
    };
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    source_image("app", "1", "cfg1", "base one");
    source_image("app", "2", "cfg2", "base two");
    source_lose("app", "two");
    run.strict = true;
    expect_error(run_create(&run, "", &r, &err), RFE_FAILED, err,
                 "1 image could not be had, which --strict does not pass over");
    ck_assert_msg(strstr(err.msg, ":2 by sync[0] (ferry.yml:3): ") != NULL, "%s", err.msg);
    ck_assert_msg(strstr(err.msg, "; mend what is wrong, or carry the others") != NULL, "%s",
                  err.msg);
    rf_export_result_release(&r);
    run.strict = false;
    source_lose("app", "base");
    expect_error(run_create(&run, "", &r, &err), RFE_NOT_FOUND, err,
                 "none of the 2 images could be had");
    ck_assert_msg(strstr(err.msg, ":1 by sync[0] (ferry.yml:3): ") != NULL, "%s", err.msg);
    rf_export_result_release(&r);
    run = plain;
    expect_error(run_create(&run, "ocidir://app", &r, &err), RFE_NOT_FOUND, err, ":1: ");
    rf_export_result_release(&r);
}
END_TEST

/* ---- of plans that are taken up again ---- */

/* Interrupts the export of app:1 to app:3 while it writes. */
static void interrupt(const char *args)
{
    const struct run broken = { .stop_at = 1 };
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(run_create(&broken, args, &r, &err), -RFE_CANCELLED);
    ck_assert(!r.resumed);
    rf_export_result_release(&r);
}

static void expect_resumed(const char *args, const char *want)
{
    struct rf_export_result r;
    struct rf_err err = RF_ERR_INIT;
    expect_ok(run_create(&plain, args, &r, &err), err);
    ck_assert(r.resumed);
    char *got = rules_of(r.plan);
    ck_assert_str_eq(got, want);
    free(got);
    rf_export_result_release(&r);
    char *left = names_in("state/pending");
    ck_assert_str_eq(left, "request "); /* which knows whether its end was told */
    free(left);
}

START_TEST(rules_of_a_run_that_goes_on)
{
    source_image("app", "1", "cfg1", "base one");
    source_image("app", "2", "cfg2", "base two");
    interrupt("ocidir://app:1 ocidir://app:2");
    expect_resumed("ocidir://app:1 ocidir://app:2",
                   "new app:1: command line, named\nnew app:2: command line, named\n");
}
END_TEST

START_TEST(rules_of_holes_of_a_run_that_goes_on)
{
    source_image("app", "1", "cfg1", "base one");
    source_image("app", "2", "cfg2", "base two");
    source_lose("app", "two");
    interrupt("ocidir://app:1 ocidir://app:2 ocidir://lost");
    expect_resumed("ocidir://app:1 ocidir://app:2 ocidir://lost",
                   "new app:1: command line, named\n"
                   "hole app:2: command line, named\n"
                   "hole lost: command line\n");
}
END_TEST

/* What an earlier version left says nothing of holes. */
START_TEST(rules_without_those_of_holes)
{
    struct rf_bundle b;
    struct rf_rules rules;
    struct rf_err err = RF_ERR_INIT;
    char id[RF_DIGEST_TEXT];
    source_image("app", "1", "cfg1", "base one");
    interrupt("ocidir://app:1 ocidir://app:2");
    rf_bundle_init(&b);
    rf_rules_init(&rules);
    expect_ok(rf_bundle_load(&b, "state/pending/bundle.json", &err), err);
    char *text = rf_xasprintf("{\"bundle\":\"%s\",\"rules\":1}\n{\"line\":0,\"by\":\"x\"}\n[1,1]\n",
                              rf_digest_text(&b.id, id));
    write_text("state/pending/rules", text);
    ck_assert_int_lt(rf_rules_load(&rules, &b, "state/pending/rules", &err), 0);
    expect_resumed("ocidir://app:1 ocidir://app:2", "new app:1: \nhole app:2: \n");
    free(text);
    rf_rules_release(&rules);
    rf_bundle_release(&b);
}
END_TEST

START_TEST(rules_of_a_bundle_that_is_written_anew)
{
    struct rf_export_result r, again;
    struct rf_err err = RF_ERR_INIT;
    char id[RF_DIGEST_TEXT];
    source_image("app", "1", "cfg1", "base one");
    source_image("app", "2", "cfg2", "base two");
    source_image("app", "3", "cfg3", "base three");
    free(exported(&plain, "ocidir://app"));
    source_image("app", "1", "cfg4", "base four");
    source_image("lib", "1", "cfg5", "base five");
    source_untag("app", "3");
    expect_ok(run_create(&plain, "ocidir://app ocidir://lib:1 ocidir://lib:2", &r, &err), err);
    expect_ok(run_again(&plain, rf_digest_text(&r.plan->bundle->id, id), "anew", &again, &err),
              err);
    char *got = rules_of(again.plan);
    ck_assert_str_eq(got, "changed app:1: --again, carried again\n"
                          "unchanged app:2: --again, as recorded\n"
                          "removed app:3: --again, as recorded\n"
                          "new lib:1: --again, carried again\n"
                          "hole lib:2: --again, as recorded\n");
    free(got);
    rf_export_result_release(&again);
    rf_export_result_release(&r);
}
END_TEST

/* Whatever stands in the file: the run goes on, and does not say what it does not know. */
static const char *const damaged[] = {
    "",
    "rules",
    "[]\n",
    "{\"bundle\":\"sha256:00\",\"rules\":0}\n[0,2]\n",
    "{\"bundle\":\"ID\",\"rules\":0}\n",
    "{\"bundle\":\"ID\",\"rules\":0}\n[0,1]\n",
    "{\"bundle\":\"ID\",\"rules\":0}\n[0,3]\n",
    "{\"bundle\":\"ID\",\"rules\":0}\n[1,2]\n",
    "{\"bundle\":\"ID\",\"rules\":0}\n[0,-1]\n",
    "{\"bundle\":\"ID\",\"rules\":0}\n{}\n",
    "{\"bundle\":\"ID\",\"rules\":2}\n{\"line\":1}\n[1,2]\n",
    "{\"bundle\":\"ID\",\"rules\":2}\n{\"line\":1}\n{\"line\":1}\n[1,2]\n",
    "{\"bundle\":\"ID\",\"rules\":1}\n{\"line\":4294967296}\n[1,2]\n",
    "{\"bundle\":\"ID\",\"rules\":1}\n{\"line\":1,\"by\":7}\n[1,2]\n",
    "{\"bundle\":\"ID\",\"rules\":18446744073709551615}\n",
};

START_TEST(damaged_rules)
{
    struct rf_bundle b;
    struct rf_rules rules;
    struct rf_err err = RF_ERR_INIT;
    char id[RF_DIGEST_TEXT];
    source_image("app", "1", "cfg1", "base one");
    source_image("app", "2", "cfg2", "base two");
    interrupt("ocidir://app:1 ocidir://app:2");
    rf_bundle_init(&b);
    rf_rules_init(&rules);
    expect_ok(rf_bundle_load(&b, "state/pending/bundle.json", &err), err);
    expect_ok(rf_rules_load(&rules, &b, "state/pending/rules", &err), err);
    ck_assert_uint_eq(rules.n, 1);
    rf_rules_release(&rules);
    rf_rules_init(&rules);
    const char *hit = strstr(damaged[_i], "ID");
    char *text = hit == NULL ? rf_xstrdup(damaged[_i])
                             : rf_xasprintf("%.*s%s%s", (int)(hit - damaged[_i]), damaged[_i],
                                            rf_digest_text(&b.id, id), hit + 2);
    write_text("state/pending/rules", text);
    uint32_t before = b.desired.images[0].rule;
    ck_assert_int_lt(rf_rules_load(&rules, &b, "state/pending/rules", &err), 0);
    ck_assert_uint_eq(rules.n, 0);
    ck_assert_uint_eq(b.desired.images[0].rule, before);
    expect_resumed("ocidir://app:1 ocidir://app:2", "new app:1: \nnew app:2: \n");
    free(text);
    rf_rules_release(&rules);
    rf_bundle_release(&b);
}
END_TEST

/* The bundle of a plan has the same bytes, whoever asks and by which rule. */
START_TEST(no_bundle_says_any_of_it)
{
    struct run config = {
        .state = "b",
        .out = "outb",
        .config =
            "version: 1\nsync:\n"
            "  - {source: 'ocidir://app', target: r.example/app, type: repository, tags: {allow: ['1']}}\n"
    };
    source_image("app", "1", "cfg1", "base one");
    char *one = exported(&plain, "ocidir://app:1"), *two = exported(&config, "");
    expect_same_files(one, two);
    free(one);
    free(two);
}
END_TEST

Suite *rf_rules_suite(void)
{
    Suite *s = suite_create("rules");
    TCase *t = tcase_create("table");
    tcase_add_test(t, neighbours_share_a_rule);
    tcase_add_test(t, a_rule_of_the_table_with_another_verdict);
    tcase_add_test(t, texts_are_escaped);
    suite_add_tcase(s, t);
    t = tcase_create("plans");
    tcase_add_checked_fixture(t, work_setup, work_teardown);
    tcase_add_test(t, named_and_every_tag);
    tcase_add_test(t, sets_of_a_step);
    tcase_add_test(t, what_goes_with_an_image);
    tcase_add_test(t, why_an_image_left);
    tcase_add_test(t, referrers_leave_with_their_image);
    tcase_add_test(t, what_stands_for_a_hole);
    tcase_add_test(t, rules_outlive_a_failure_while_writing);
    tcase_add_test(t, who_wanted_a_hole);
    tcase_add_test(t, failures_name_the_step);
    tcase_add_test(t, rules_of_a_run_that_goes_on);
    tcase_add_test(t, rules_of_holes_of_a_run_that_goes_on);
    tcase_add_test(t, rules_without_those_of_holes);
    tcase_add_test(t, rules_of_a_bundle_that_is_written_anew);
    tcase_add_loop_test(t, damaged_rules, 0, (int)RF_ARRAY_LEN(damaged));
    tcase_add_test(t, no_bundle_says_any_of_it);
    suite_add_tcase(s, t);
    return s;
}
