/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/config_site.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "policy/config_print.h"
#include "policy/sections_print.h"

static const char text[] = "sync:\n"
                           "- {source: 'reg/team/app', type: repository}\n"
                           "- {source: 'reg/base:1', type: image}\n"
                           "bundle: {out: /media, sparse: prune}\n"
                           "retain:\n"
                           "  graceTime: 24h\n"
                           "  maxDelete: 10%\n"
                           "  protect: ['base:.*']\n"
                           "  rules:\n"
                           "  - {repositories: ['team/.*'], keepSemver: 5}\n"
                           "sites:\n"
                           "- {name: plain}\n"
                           "- name: ship\n"
                           "  to: 'ocidir:///srv'\n"
                           "  sources: ['reg/team/.*']\n"
                           "  platforms: [linux/arm64]\n"
                           "  referrers: true\n"
                           "  paths: [{from: 'team/(.*)', to: 'crew/$1'}]\n"
                           "  maxDepth: 2\n"
                           "  bundle: {out: /usb, strict: true}\n"
                           "  retain:\n"
                           "    maxDelete: 3\n"
                           "    protect: ['crew/app:stable']\n"
                           "    rules:\n"
                           "    - {repositories: ['crew/.*'], keepNewest: 2}\n"
                           "    - {name: named, repositories: ['old/.*'], keepNone: true}\n"
                           "- name: graced\n"
                           "  retain: {graceTime: 1h}\n";

static struct rf_policy_config *take(const char *file, const char *name,
                                     const struct rf_site **site)
{
    struct rf_policy_config *c = NULL;
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_policy_config_parse("p.yml", rf_slice_str(file), RF_POLICY_STRICT, &c, &err);
    ck_assert_msg(rc == 0, "%s", err.msg);
    rc = rf_policy_config_take_site(c, name, site, &err);
    ck_assert_msg(rc == 0, "%s", err.msg);
    return c;
}

START_TEST(its_own_comes_over_the_file)
{
    const struct rf_site *site = NULL;
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = take(text, "ship", &site);
    RF_CLEANUP(rf_freep) char *path = NULL;
    ck_assert_uint_eq(c->n_steps, 1);
    ck_assert_str_eq(c->bundle.out, "/usb");
    ck_assert_str_eq(c->bundle.sparse, "prune");
    ck_assert_int_eq(c->bundle.strict, RF_TRI_YES);
    ck_assert_uint_eq(c->sites.n, 1);
    ck_assert_ptr_eq(site, &c->sites.list[0]);
    ck_assert_str_eq(site->to, "ocidir:///srv");
    ck_assert_int_eq(rf_path_map_apply(&site->paths, "team/a/b", &path, NULL), 0);
    ck_assert_str_eq(path, "crew/a-b");
}
END_TEST

/* Nothing that the file keeps is let go for a site's sake. */
START_TEST(retain_only_adds)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = take(text, "ship", NULL);
    const struct rf_retain *r = &c->retain;
    ck_assert_uint_eq(r->n_rules, 3);
    ck_assert_ptr_null(r->rules[0].name);
    ck_assert_uint_eq(r->rules[0].keep_semver, 5);
    ck_assert_str_eq(r->rules[1].name, "ship.rules[0]");
    ck_assert_str_eq(r->rules[2].name, "named");
    ck_assert_uint_eq(r->protect.n, 2);
    ck_assert_int_eq(rf_tag_filter_match(r->protect_filter, "base:1", NULL), 1);
    ck_assert_int_eq(rf_tag_filter_match(r->protect_filter, "crew/app:stable", NULL), 1);
    ck_assert_int_eq(rf_tag_filter_match(r->protect_filter, "crew/app:1", NULL), 0);
    ck_assert_uint_eq(rf_retain_grace_s(r), 24 * 3600);
    ck_assert(r->has_max && !r->max_is_percent && r->max_delete == 3);
}
END_TEST

START_TEST(grace_of_its_own)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = take(text, "graced", NULL);
    ck_assert_uint_eq(rf_retain_grace_s(&c->retain), 3600);
    ck_assert(c->retain.max_is_percent && c->retain.max_delete == 10);
    ck_assert_uint_eq(c->retain.n_rules, 1);
}
END_TEST

START_TEST(says_nothing_of_its_own)
{
    const struct rf_site *site = NULL;
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = take(text, "plain", &site);
    ck_assert_uint_eq(c->n_steps, 2);
    ck_assert_str_eq(c->bundle.out, "/media");
    ck_assert_uint_eq(c->retain.n_rules, 1);
    ck_assert_uint_eq(c->retain.protect.n, 1);
    ck_assert(rf_path_map_is_empty(&site->paths));
}
END_TEST

/* A section of the site alone. */
START_TEST(without_sections_of_the_file)
{
    static const char file[] =
        "sites:\n- {name: a, retain: {protect: ['x:.*']}, bundle: {sparse: keep}}\n";
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = take(file, "a", NULL);
    ck_assert(c->retain.read);
    ck_assert_uint_eq(rf_retain_grace_s(&c->retain), RF_RETAIN_GRACE_S);
    ck_assert_int_eq(rf_tag_filter_match(c->retain.protect_filter, "x:1", NULL), 1);
    ck_assert_str_eq(c->bundle.sparse, "keep");
}
END_TEST

static char *print(const struct rf_policy_config *c)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 1u << 20);
    rf_policy_config_print(c, &out);
    rf_policy_sections_print(c, &out);
    return rf_xstrdup(out.ptr);
}

/* What is printed for a site is a file for this site: read again and taken again, it says the same. */
START_TEST(printed_and_taken_again)
{
    static const char *const sites[] = { "plain", "ship", "graced" };
    for (size_t i = 0; i < RF_ARRAY_LEN(sites); i++) {
        RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = take(text, sites[i], NULL);
        RF_CLEANUP(rf_freep) char *once = print(c);
        RF_CLEANUP(rf_policy_config_freep)
        struct rf_policy_config *again = take(once, sites[i], NULL);
        RF_CLEANUP(rf_freep) char *twice = print(again);
        ck_assert_str_eq(twice, once);
        ck_assert_ptr_null(strstr(once, strcmp(sites[i], "ship") == 0 ? "graced" : "ship"));
    }
}
END_TEST

START_TEST(another_name)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = take(text, "ship", NULL);
    const struct rf_site *site = &c->sites.list[0];
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_policy_config_take_site(c, "plain", &site, &err), -RFE_CONFIG);
    ck_assert_ptr_null(site);
    RF_CLEANUP(rf_policy_config_freep)
    struct rf_policy_config *none = take("version: 1\n", "any", &site);
    ck_assert_ptr_null(site);
}
END_TEST

START_TEST(too_many_rules)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf file;
    struct rf_policy_config *c = NULL;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&file, 1u << 20);
    for (int half = 0; half < 2; half++) {
        rf_buf_add_str(&file,
                       half == 0 ? "retain: {rules: [" : "sites: [{name: a, retain: {rules: [");
        for (int i = 0; i < RF_RETAIN_RULES_MAX / 2 + 1; i++)
            rf_buf_add_str(&file, "{keepNewest: 1}, ");
        rf_buf_add_str(&file, half == 0 ? "]}\n" : "]}}]\n");
    }
    int rc = rf_policy_config_parse("p.yml", rf_buf_slice(&file), RF_POLICY_STRICT, &c, &err);
    ck_assert_msg(rc == 0, "%s", err.msg);
    ck_assert_int_eq(rf_policy_config_take_site(c, "a", NULL, &err), -RFE_CONFIG);
    ck_assert_msg(strstr(err.msg, "p.yml: site a: retain.rules: more than") != NULL, "%s", err.msg);
    rf_policy_config_free(c);
}
END_TEST

Suite *rf_config_site_suite(void);
Suite *rf_config_site_suite(void)
{
    Suite *s = suite_create("config_site");
    TCase *t = tcase_create("all");
    tcase_add_test(t, its_own_comes_over_the_file);
    tcase_add_test(t, retain_only_adds);
    tcase_add_test(t, grace_of_its_own);
    tcase_add_test(t, says_nothing_of_its_own);
    tcase_add_test(t, without_sections_of_the_file);
    tcase_add_test(t, printed_and_taken_again);
    tcase_add_test(t, another_name);
    tcase_add_test(t, too_many_rules);
    suite_add_tcase(s, t);
    return s;
}
