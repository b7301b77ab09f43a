/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/path_map.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "policy/config.h"

static struct rf_policy_config *parse(const char *site)
{
    RF_CLEANUP(rf_freep) char *text = rf_xasprintf("sites:\n- {name: a, %s}\n", site);
    struct rf_policy_config *c = NULL;
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_policy_config_parse("p.yml", rf_slice_str(text), RF_POLICY_STRICT, &c, &err);
    ck_assert_msg(rc == 0, "%s", err.msg);
    return c;
}

static const struct {
    const char *site, *path, *want;
} names[] = {
    { "to: reg", "a/b/c", "a/b/c" },
    { "paths: [{from: 'library/(.*)', to: 'base/$1'}]", "library/alpine", "base/alpine" },
    { "paths: [{from: 'library/(.*)', to: 'base/$1'}]", "team/app", "team/app" },
    /* the whole name has to match */
    { "paths: [{from: 'library', to: base}]", "library/alpine", "library/alpine" },
    { "paths: [{from: 'a|b/c', to: x}]", "b/c", "x" },
    { "paths: [{from: 'a|b/c', to: x}]", "a/c", "a/c" },
    /* the first that matches */
    { "paths: [{from: 'a/(.*)', to: 'x/$1'}, {from: '.*', to: rest}, {from: 'c', to: y}]", "a/b",
      "x/b" },
    { "paths: [{from: 'a/(.*)', to: 'x/$1'}, {from: '.*', to: rest}, {from: 'c', to: y}]", "c",
      "rest" },
    /* and only once */
    { "paths: [{from: a, to: b}, {from: b, to: c}]", "a", "b" },
    { "paths: [{from: '(.*)/(.*)', to: '${2}s/$1-$0'}]", "a/b", "bs/a-a/b" },
    { "paths: [{from: '(a)(b)?(c)', to: 'x$2$3'}]", "ac", "xc" },
    { "paths: [{from: '(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)', to: '${11}$10'}]", "abcdefghijk",
      "ka0" },
    { "maxDepth: 2", "a/b/c/d", "a/b-c-d" },
    { "maxDepth: 1", "a/b/c", "a-b-c" },
    { "maxDepth: 3", "a/b", "a/b" },
    /* behind the rules */
    { "paths: [{from: '(.*)', to: 'org/$1'}], maxDepth: 2", "a/b/c", "org/a-b-c" },
    { "maxDepth: 2, paths: [{from: 'gone/(.*)', to: '$1'}]", "gone/a/b", "a/b" },
};

START_TEST(makes_names)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = parse(names[_i].site);
    RF_CLEANUP(rf_freep) char *have = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_msg(rf_path_map_apply(&c->sites.list[0].paths, names[_i].path, &have, &err) == 0,
                  "%s", err.msg);
    ck_assert_str_eq(have, names[_i].want);
}
END_TEST

START_TEST(without_a_map)
{
    RF_CLEANUP(rf_freep) char *have = NULL;
    ck_assert_int_eq(rf_path_map_apply(NULL, "a/b", &have, NULL), 0);
    ck_assert_str_eq(have, "a/b");
}
END_TEST

/* What only a name shows; each message has the rule, what came in and what came out. */
static const struct {
    const char *site, *path;
    int code;
    const char *want;
} mistakes[] = {
    { "paths: [{from: 'a(.*)', to: 'b/$1'}]", "a/x", RFE_INVALID,
      "the paths rule {from: \"a(.*)\", to: \"b/$1\"} makes \"b//x\" of \"a/x\", which is not the name of a repository" },
    { "paths: [{from: 'a/(x?)b', to: '$1'}]", "a/b", RFE_INVALID, "makes \"\" of \"a/b\"" },
    { "paths: [{from: 'a', to: '-b'}]", "a", RFE_INVALID, "makes \"-b\" of \"a\"" },
    { "paths: [{from: '(.*)', to: '$1/$1/$1/$1/$1/$1/$1/$1'}]",
      "a23456789012345678901234567890123456789012345678901234567890", RFE_INVALID,
      "not the name of a repository" },
    { "paths: [{from: '(a+)+[bd]', to: x}]", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", RFE_CONFIG,
      "paths: pattern \"(a+)+[bd]\" on \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac\": match limit" },
};

START_TEST(tells_mistakes)
{
    RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = parse(mistakes[_i].site);
    char *have = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(rf_path_map_apply(&c->sites.list[0].paths, mistakes[_i].path, &have, &err),
                     -mistakes[_i].code);
    ck_assert_ptr_null(have);
    ck_assert_msg(strstr(err.msg, mistakes[_i].want) != NULL, "%s", err.msg);
}
END_TEST

static const struct {
    const char *site, *want;
} refused[] = {
    { "paths: {from: a, to: b}", "p.yml:2:20: sites[0].paths: a list of rules" },
    { "paths: []", "p.yml:2:20: sites[0].paths: an empty list" },
    { "paths: [{from: a}]", "sites[0].paths[0].to is missing" },
    { "paths: [{to: a}]", "sites[0].paths[0].from is missing" },
    { "paths: [{from: a, to: b}, {from: '(', to: b}]",
      "p.yml:2:46: sites[0].paths[1].from: pattern \"(\"" },
    { "paths: [{from: a, to: B}]", "sites[0].paths[0].to: \"B\" is no name of a repository" },
    { "paths: [{from: a, to: ''}]", "sites[0].paths[0].to: \"\"" },
    { "paths: [{from: '(a)', to: '\\1'}]", "$1 to $9" },
    { "paths: [{from: '(a)', to: 'b$'}]", "sites[0].paths[0].to: \"b$\"" },
    { "paths: [{from: '(a)', to: '${1'}]", "sites[0].paths[0].to: \"${1\"" },
    { "paths: [{from: '(a)', to: '${}'}]", "sites[0].paths[0].to: \"${}\"" },
    { "paths: [{from: '(a)', to: '$2'}]",
      "sites[0].paths[0].to: $2, but the pattern has 1 groups" },
    { "paths: [{fro: a, to: b}]",
      "p.yml:2:22: unknown key \"fro\" in sites[0].paths[0]; did you mean \"from\"" },
    { "maxDepth: 0", "sites[0].maxDepth" },
    { "maxDepth: 101", "sites[0].maxDepth" },
    { "maxdepth: 2",
      "p.yml:2:13: unknown key \"maxdepth\" in sites[0]; did you mean \"maxDepth\"" },
};

START_TEST(is_refused)
{
    RF_CLEANUP(rf_freep) char *text = rf_xasprintf("sites:\n- {name: a, %s}\n", refused[_i].site);
    struct rf_policy_config *c = NULL;
    struct rf_err err = RF_ERR_INIT;
    ck_assert_int_eq(
        rf_policy_config_parse("p.yml", rf_slice_str(text), RF_POLICY_STRICT, &c, &err),
        -RFE_CONFIG);
    ck_assert_msg(strstr(err.msg, refused[_i].want) != NULL, "%s", err.msg);
}
END_TEST

/* Another map, another text. */
START_TEST(as_text)
{
    static const char *const sites[] = { "to: x",
                                         "maxDepth: 1",
                                         "maxDepth: 2",
                                         "paths: [{from: a, to: b}]",
                                         "paths: [{from: a, to: c}]",
                                         "paths: [{from: b, to: c}, {from: a, to: b}]",
                                         "paths: [{from: a, to: b}, {from: b, to: c}]" };
    char *texts[RF_ARRAY_LEN(sites)];
    for (size_t i = 0; i < RF_ARRAY_LEN(sites); i++) {
        RF_CLEANUP(rf_policy_config_freep) struct rf_policy_config *c = parse(sites[i]);
        RF_CLEANUP(rf_buf_release) struct rf_buf out;
        rf_buf_init(&out, 4096);
        rf_path_map_text(&c->sites.list[0].paths, &out);
        texts[i] = rf_xstrdup(out.ptr);
        ck_assert_int_eq(rf_path_map_is_empty(&c->sites.list[0].paths), i == 0);
        for (size_t k = 0; k < i; k++)
            ck_assert_str_ne(texts[i], texts[k]);
    }
    for (size_t i = 0; i < RF_ARRAY_LEN(sites); i++)
        free(texts[i]);
}
END_TEST

Suite *rf_path_map_suite(void);
Suite *rf_path_map_suite(void)
{
    Suite *s = suite_create("path_map");
    TCase *t = tcase_create("all");
    tcase_add_loop_test(t, makes_names, 0, (int)RF_ARRAY_LEN(names));
    tcase_add_test(t, without_a_map);
    tcase_add_loop_test(t, tells_mistakes, 0, (int)RF_ARRAY_LEN(mistakes));
    tcase_add_loop_test(t, is_refused, 0, (int)RF_ARRAY_LEN(refused));
    tcase_add_test(t, as_text);
    suite_add_tcase(s, t);
    return s;
}
