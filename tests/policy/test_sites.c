/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/sites.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "policy/config.h"

static const char text[] =
    "sync:\n"
    "- {source: 'reg/team/app', type: repository, platforms: [linux/s390x], referrers: true}\n"
    "- {source: 'reg/base:1', type: image, platform: linux/amd64}\n"
    "- {source: 'reg/team/lib:2', type: image}\n"
    "sites:\n"
    "- {name: all, to: reg.far/mirror}\n"
    "- {name: team, sources: ['reg/team/.*'], platforms: [linux/arm64], referrers: false, digestTags: true}\n"
    "- {name: arm, platforms: [linux/arm64]}\n"
    "- {name: none, sources: [nothing]}\n";

static struct rf_policy_config *parse(unsigned flags)
{
    struct rf_policy_config *c = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_policy_config_parse("p.yml", rf_slice_str(text), flags, &c, &err) == 0, "%s",
                  err.msg);
    return c;
}

static const struct rf_site *take(struct rf_policy_config *c, const char *name)
{
    const struct rf_site *site = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_sites_find(&c->sites, name, &site, &err) == 0, "%s", err.msg);
    ck_assert_int_eq(rf_site_apply(site, c->steps, &c->n_steps, &err), 0);
    return site;
}

START_TEST(steps_of_a_site)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = parse(RF_POLICY_STRICT);
    ck_assert_ptr_null(take(c, "team")->to);
    ck_assert_uint_eq(c->n_steps, 2);
    ck_assert_str_eq(c->steps[0].source, "reg/team/app");
    ck_assert_str_eq(c->steps[1].source, "reg/team/lib:2");
    for (size_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(c->steps[i].platforms.n, 1);
        ck_assert_str_eq(c->steps[i].platforms.items[0], "linux/arm64");
        ck_assert_int_eq(c->steps[i].s.referrers, RF_TRI_NO);
        ck_assert_int_eq(c->steps[i].s.digest_tags, RF_TRI_YES);
    }
}
END_TEST

START_TEST(as_the_steps_say)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = parse(RF_POLICY_STRICT);
    ck_assert_str_eq(take(c, "all")->to, "reg.far/mirror");
    ck_assert_uint_eq(c->n_steps, 3);
    ck_assert_str_eq(c->steps[0].platforms.items[0], "linux/s390x");
    ck_assert_int_eq(c->steps[0].s.referrers, RF_TRI_YES);
    ck_assert_uint_eq(c->steps[2].platforms.n, 0);
}
END_TEST

/* A step for one platform's image stays what it is. */
START_TEST(one_platform_stays)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = parse(RF_POLICY_STRICT);
    (void)take(c, "arm");
    ck_assert_uint_eq(c->steps[1].platforms.n, 0);
    ck_assert_str_eq(c->steps[1].platform, "linux/amd64");
    ck_assert_str_eq(c->steps[2].platforms.items[0], "linux/arm64");
}
END_TEST

START_TEST(no_step_and_no_site)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = parse(RF_POLICY_STRICT);
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *lenient = parse(0);
    const struct rf_site *site = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_sites_find(&c->sites, "other", &site, &err), -RFE_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.msg, "it has all, team, arm, none"));
    (void)take(c, "none");
    ck_assert_uint_eq(c->n_steps, 0);
    ck_assert_uint_eq(lenient->sites.n, 0);
    ck_assert_ptr_null(take(lenient, "other"));
    ck_assert_uint_eq(lenient->n_steps, 3);
}
END_TEST

Suite *rf_sites_suite(void);
Suite *rf_sites_suite(void)
{
    Suite *s = suite_create("sites");
    TCase *t = tcase_create("all");
    tcase_add_test(t, steps_of_a_site);
    tcase_add_test(t, as_the_steps_say);
    tcase_add_test(t, one_platform_stays);
    tcase_add_test(t, no_step_and_no_site);
    suite_add_tcase(s, t);
    return s;
}
