/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/bundle_options.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "policy/config.h"

static int parse(const char *text, unsigned flags, struct rf_policy_config **c, struct rf_err *err)
{
    return rf_policy_config_parse("p.yml", rf_slice_str(text), flags, c, err);
}

START_TEST(all_keys)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(parse("bundle: {x-note: a, out: /media/out, sparse: prune, strict: true}\n",
                        RF_POLICY_STRICT, &c, &err) == 0,
                  "%s", err.msg);
    ck_assert_str_eq(c->bundle.out, "/media/out");
    ck_assert_str_eq(c->bundle.sparse, "prune");
    ck_assert_int_eq(c->bundle.strict, RF_TRI_YES);
    ck_assert(rf_bundle_options_is_set(&c->bundle));
}
END_TEST

/* What says nothing, and what only others read. */
static const struct {
    const char *text;
    unsigned flags;
} silent[] = {
    { "version: 1\n", RF_POLICY_STRICT },
    { "bundle:\n", RF_POLICY_STRICT },
    { "bundle: {}\n", RF_POLICY_STRICT },
    { "bundle: {out: , sparse: null, strict: ~}\n", RF_POLICY_STRICT },
    { "bundle: {out: /media/out, sparse: maybe, more: 1}\n", 0 },
};

START_TEST(says_nothing)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(parse(silent[_i].text, silent[_i].flags, &c, &err) == 0, "%s", err.msg);
    ck_assert(!rf_bundle_options_is_set(&c->bundle));
}
END_TEST

START_TEST(one_key_is_enough)
{
    static const char *const texts[] = { "bundle: {out: .}\n", "bundle: {sparse: keep}\n",
                                         "bundle: {strict: false}\n" };
    for (size_t i = 0; i < RF_ARRAY_LEN(texts); i++) {
        RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = NULL;
        ck_assert_int_eq(parse(texts[i], RF_POLICY_STRICT, &c, NULL), 0);
        ck_assert_msg(rf_bundle_options_is_set(&c->bundle), "%s", texts[i]);
    }
}
END_TEST

static const struct {
    const char *text, *want;
} refused[] = {
    { "bundle:\n  sparse: maybe\n",
      "p.yml:2:11: bundle.sparse: keep or prune is wanted, not \"maybe\"" },
    { "bundle:\n  sparse: Keep\n", "p.yml:2:11: bundle.sparse: " },
    { "bundle:\n  sparse: ''\n", "p.yml:2:11: bundle.sparse: " },
    { "bundle:\n  out: ''\n", "p.yml:2:8: bundle.out: empty" },
    { "bundle:\n  out: [a]\n", "p.yml:2:8: bundle.out: " },
    { "bundle:\n  strict: 1\n", "p.yml:2:11: bundle.strict: " },
    { "bundle:\n  sprase: keep\n", "p.yml:2:3: " },
    { "bundle:\n  referrers: true\n", "p.yml:2:3: " },
    { "bundle: [keep]\n", "p.yml:1:9: bundle" },
};

START_TEST(is_refused)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(parse(refused[_i].text, RF_POLICY_STRICT, &c, &err), -RFE_CONFIG);
    ck_assert_msg(strstr(err.msg, refused[_i].want) != NULL, "%s", err.msg);
}
END_TEST

Suite *rf_bundle_options_suite(void);
Suite *rf_bundle_options_suite(void)
{
    Suite *s = suite_create("bundle_options");
    TCase *t = tcase_create("all");
    tcase_add_test(t, all_keys);
    tcase_add_loop_test(t, says_nothing, 0, (int)RF_ARRAY_LEN(silent));
    tcase_add_test(t, one_key_is_enough);
    tcase_add_loop_test(t, is_refused, 0, (int)RF_ARRAY_LEN(refused));
    suite_add_tcase(s, t);
    return s;
}
