/* SPDX-License-Identifier: Apache-2.0 */
/* What is printed of our own sections can be read again, and says the same. */
#include "policy/sections_print.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/support/data_files.h"

static char *print(const char *name, struct rf_slice text)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = NULL;
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&out, 1u << 20);
    ck_assert_msg(rf_policy_config_parse(name, text, RF_POLICY_STRICT, &c, &err) == 0, "%s in %s",
                  err.msg, text.ptr);
    rf_policy_sections_print(c, &out);
    return rf_xstrdup(out.ptr);
}

static const char *const samples[] = { "single.yml", "three-sites.yml", "strict-site.yml" };

START_TEST(samples_again)
{
    RF_CLEANUP(rf_freep) char *relative = rf_xasprintf("../../samples/policy/%s", samples[_i]);
    RF_CLEANUP(rf_freep) char *path = test_data_path(relative);
    size_t len = 0;
    RF_CLEANUP(rf_freep) char *text = test_read_file(path, &len);
    ck_assert_ptr_nonnull(text);
    RF_CLEANUP(rf_freep) char *once = print(samples[_i], rf_slice_of(text, len));
    RF_CLEANUP(rf_freep) char *twice = print("printed.yml", rf_slice_str(once));
    ck_assert(once[0] != '\0');
    ck_assert_str_eq(twice, once);
}
END_TEST

START_TEST(everything)
{
    static const char text[] =
        "sites:\n- {name: a, to: reg/x, sources: ['b.*'], platforms: [linux/arm64], referrers: true, digestTags: false,\n"
        "   paths: [{from: 'a/(.*)', to: 'b/$1'}], maxDepth: 2, bundle: {sparse: keep}, retain: {maxDelete: 1%}}\n"
        "bundle: {strict: false, out: /media/out, sparse: prune}\n"
        "retain:\n  maxDelete: 7\n  protect: ['x:1']\n  rules:\n"
        "  - {name: r, repositories: [x], keepSemver: 2, keepNewest: 3, newerThan: 72h, tags: ['1'], labels: {l: '', m: '1'}, annotations: {n: o}}\n"
        "  - keepNone: true\n";
    static const char want[] = "sites:\n"
                               "- name: a\n"
                               "  to: reg/x\n"
                               "  sources:\n"
                               "  - b.*\n"
                               "  platforms:\n"
                               "  - linux/arm64\n"
                               "  referrers: true\n"
                               "  digestTags: false\n"
                               "  paths:\n"
                               "  - from: a/(.*)\n"
                               "    to: b/$1\n"
                               "  maxDepth: 2\n"
                               "  bundle:\n"
                               "    sparse: keep\n"
                               "  retain:\n"
                               "    maxDelete: 1%\n"
                               "    rules: []\n"
                               "bundle:\n"
                               "  out: /media/out\n"
                               "  sparse: prune\n"
                               "  strict: false\n"
                               "retain:\n"
                               "  graceTime: 168h0m0s\n"
                               "  maxDelete: 7\n"
                               "  protect:\n"
                               "  - x:1\n"
                               "  rules:\n"
                               "  - name: r\n"
                               "    repositories:\n"
                               "    - x\n"
                               "    keepSemver: 2\n"
                               "    keepNewest: 3\n"
                               "    newerThan: 72h0m0s\n"
                               "    tags:\n"
                               "    - \"1\"\n"
                               "    labels:\n"
                               "      l: \"\"\n"
                               "      m: \"1\"\n"
                               "    annotations:\n"
                               "      \"n\": o\n"
                               "  - keepNone: true\n";
    RF_CLEANUP(rf_freep) char *have = print("p.yml", rf_slice_str(text));
    ck_assert_str_eq(have, want);
}
END_TEST

START_TEST(nothing)
{
    RF_CLEANUP(rf_freep) char *have = print("p.yml", rf_slice_str("version: 1\n"));
    ck_assert_str_eq(have, "");
}
END_TEST

Suite *rf_sections_print_suite(void);
Suite *rf_sections_print_suite(void)
{
    Suite *s = suite_create("sections_print");
    TCase *t = tcase_create("all");
    tcase_add_loop_test(t, samples_again, 0, (int)RF_ARRAY_LEN(samples));
    tcase_add_test(t, everything);
    tcase_add_test(t, nothing);
    suite_add_tcase(s, t);
    return s;
}
