/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/tag_filter.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

/* Processor time since then: what others do on this machine does not count. */
static uint64_t cpu_ms(clock_t start)
{
    return (uint64_t)(clock() - start) * 1000 / CLOCKS_PER_SEC;
}

#define MAX 4

static const struct {
    const char *allow[MAX], *deny[MAX];
    const char *name;
    int want;
} rows[] = {
    { { NULL }, { NULL }, "anything", 1 },
    { { "latest" }, { NULL }, "latest", 1 },
    { { "latest" }, { NULL }, "latest1", 0 },
    { { "latest" }, { NULL }, "xlatest", 0 },
    /* Each is anchored as a whole, so an alternative does not let loose ends through. */
    { { "v1|a.*" }, { NULL }, "v1", 1 },
    { { "v1|a.*" }, { NULL }, "alpha", 1 },
    { { "v1|a.*" }, { NULL }, "v1-beta", 0 },
    { { "v1|a.*" }, { NULL }, "beta", 0 },
    { { "a|ab" }, { NULL }, "ab", 1 },
    { { "^v1$" }, { NULL }, "v1", 1 },
    { { "^v1$|x" }, { NULL }, "x", 1 },
    { { "v[0-9]+\\.[0-9]+" }, { NULL }, "v1.27", 1 },
    { { "v[0-9]+\\.[0-9]+" }, { NULL }, "v1.27.3", 0 },
    { { "(?i)ALPINE" }, { NULL }, "alpine", 1 },
    { { "(?P<n>a)b" }, { NULL }, "ab", 1 },
    { { "[[:alpha:]]+" }, { NULL }, "abc", 1 },
    { { "\\d+" }, { NULL }, "12", 1 },
    { { ".*" }, { NULL }, "", 1 },
    { { "" }, { NULL }, "", 1 },
    { { "" }, { NULL }, "a", 0 },
    { { "a", "b" }, { NULL }, "b", 1 },
    { { "a", "b" }, { NULL }, "c", 0 },
    { { NULL }, { "rc.*" }, "rc1", 0 },
    { { NULL }, { "rc.*" }, "1-rc1", 1 },
    { { "v.*" }, { ".*-rc[0-9]+", "v0" }, "v1", 1 },
    { { "v.*" }, { ".*-rc[0-9]+", "v0" }, "v1-rc2", 0 },
    { { "v.*" }, { ".*-rc[0-9]+", "v0" }, "v0", 0 },
    { { "v.*" }, { ".*-rc[0-9]+", "v0" }, "w", 0 },
    { { "a\\b#x" }, { NULL }, "a#x", 1 },
    { { "(?x) a b # c" }, { NULL }, "ab", 1 },
    { { "a\n" }, { NULL }, "a", 0 },
    { { "a$" }, { NULL }, "a\n", 0 },
};

static size_t count(const char *const *list)
{
    size_t n = 0;
    while (n < MAX && list[n] != NULL)
        n++;
    return n;
}

static struct rf_tag_filter *make(const char *const *allow, const char *const *deny)
{
    struct rf_tag_filter *f = NULL;
    struct rf_err err = RF_ERR_INIT;
    char *copy[2][MAX];
    for (size_t i = 0; i < MAX; i++) {
        copy[0][i] = rf_xstrdup(allow[i]);
        copy[1][i] = rf_xstrdup(deny[i]);
    }
    ck_assert_msg(rf_tag_filter_new(copy[0], count(allow), copy[1], count(deny), &f, &err) == 0,
                  "%s", err.msg);
    for (size_t i = 0; i < MAX; i++) {
        free(copy[0][i]);
        free(copy[1][i]);
    }
    return f;
}

START_TEST(row)
{
    RF_CLEANUP(rf_tag_filter_freep) struct rf_tag_filter *f = make(rows[_i].allow, rows[_i].deny);
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_tag_filter_match(f, rows[_i].name, &err);
    ck_assert_msg(rc == rows[_i].want, "%s on %s: %d %s",
                  rows[_i].allow[0] != NULL ? rows[_i].allow[0] : "", rows[_i].name, rc, err.msg);
    ck_assert(rf_tag_filter_is_empty(f) == (rows[_i].allow[0] == NULL && rows[_i].deny[0] == NULL));
}
END_TEST

START_TEST(wrong_patterns)
{
    static const char *const bad[][2] = {
        { "v[1", "pattern \"v[1\": missing terminating ] for character class at character 4" },
        { "(", "pattern \"(\": missing closing parenthesis at character 2" },
        { "a)|(b", "pattern \"a)|(b\": unmatched closing parenthesis at character 2" },
        { "*", "pattern \"*\": quantifier does not follow a repeatable item at character 1" },
        { "a{2,1}", "pattern \"a{2,1}\": " },
        { "\\", "pattern \"\\\": " },
        { "(*UTF)a", "pattern \"(*UTF)a\": " },
        { "a\\Cb", "pattern \"a\\Cb\": " },
        { "((a{99}b){999}){999}", "pattern \"((a{99}b){999}){999}\": " },
        { "\x1b[2J(", "pattern \"\\x1b[2J(\": " },
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(bad); i++) {
        struct rf_err err = RF_ERR_INIT;
        ck_assert_msg(rf_tag_filter_check(bad[i][0], &err) == -RFE_CONFIG, "%s", bad[i][0]);
        ck_assert_msg(strstr(err.msg, bad[i][1]) == err.msg, "%s", err.msg);
        struct rf_tag_filter *f = NULL;
        char *list[] = { rf_xstrdup("ok"), rf_xstrdup(bad[i][0]) };
        ck_assert_int_eq(rf_tag_filter_new(list, 1, list, 2, &f, NULL), -RFE_CONFIG);
        ck_assert_int_eq(rf_tag_filter_new(list, 2, NULL, 0, &f, NULL), -RFE_CONFIG);
        ck_assert_ptr_null(f);
        free(list[0]);
        free(list[1]);
    }
    ck_assert_int_eq(rf_tag_filter_check("a)b|(c", NULL), -RFE_CONFIG);
}
END_TEST

START_TEST(limits_of_patterns)
{
    char *text = rf_xmalloc(RF_TAG_FILTER_PATTERN_MAX + 2);
    memset(text, 'a', RF_TAG_FILTER_PATTERN_MAX + 1);
    text[RF_TAG_FILTER_PATTERN_MAX + 1] = '\0';
    ck_assert_int_eq(rf_tag_filter_check(text, NULL), -RFE_CONFIG);
    text[RF_TAG_FILTER_PATTERN_MAX] = '\0';
    ck_assert_int_eq(rf_tag_filter_check(text, NULL), 0);
    struct rf_tag_filter *f = NULL;
    ck_assert_int_eq(rf_tag_filter_new(NULL, RF_TAG_FILTER_PATTERNS_MAX + 1, NULL, 0, &f, NULL),
                     -RFE_CONFIG);
    free(text);
}
END_TEST

static const struct {
    const char *allow[MAX], *deny[MAX], *want; /* want: what is told, of the names below */
} hints[] = {
    { { "v1|a.*" }, { NULL }, "pattern=v1|a.* not-matched=3 example=v10\n" },
    /* Others take one of them, and one would not have come through. */
    { { "v1|a.*", "lat.*" }, { "v10" }, "pattern=v1|a.* not-matched=1 example=ba\n" },
    { { "v1|a.*", ".*" }, { NULL }, NULL },
    { { NULL }, { "v1|a.*" }, "pattern=v1|a.* not-matched=3 example=v10\n" },
    { { "v.*" }, { "v1|a.*" }, "pattern=v1|a.* not-matched=1 example=v10\n" },
    { { "ba" }, { "v1|x.*" }, NULL },
    { { "(v1|a.*)" }, { NULL }, NULL },
};

/* Only what makes a difference for the names that there are. */
START_TEST(patterns_that_upstream_reads_otherwise)
{
    static const char *const names[] = { "v1", "v10", "ba", "abc", "latest-a" };
    struct rf_err err = RF_ERR_INIT;
    bool taken[RF_ARRAY_LEN(names)];
    char told[1000] = { 0 };
    RF_CLEANUP(rf_tag_filter_freep)
    struct rf_tag_filter *f = make(hints[_i].allow, hints[_i].deny);
    FILE *log = tmpfile();
    ck_assert_ptr_nonnull(log);
    int before = dup(STDERR_FILENO);
    ck_assert_int_ge(dup2(fileno(log), STDERR_FILENO), 0);
    int rc = rf_tag_filter_pick(f, names, RF_ARRAY_LEN(names), taken, &err);
    ck_assert_int_ge(dup2(before, STDERR_FILENO), 0);
    (void)close(before);
    ck_assert_msg(rc == 0, "%s", err.msg);
    rewind(log);
    size_t n = fread(told, 1, sizeof(told) - 1, log);
    (void)fclose(log);
    if (hints[_i].want == NULL) {
        ck_assert_str_eq(told, "");
        return;
    }
    size_t end = strlen(hints[_i].want);
    ck_assert_uint_gt(n, end);
    ck_assert_str_eq(told + n - end, hints[_i].want);
    ck_assert_ptr_eq(strchr(told, '\n'), told + n - 1);
}
END_TEST

/* Patterns that need exponential time end soon, with the pattern and the name in the message. */
START_TEST(endless_patterns)
{
    static const char *const bombs[] = { "(a+)+", "(a|aa)*", "(a*)*b", "(.*a){25}", "(a|a?)+x" };
    char name[129];
    memset(name, 'a', 128);
    name[127] = '!';
    name[128] = '\0';
    for (size_t i = 0; i < RF_ARRAY_LEN(bombs); i++) {
        const char *allow[MAX] = { bombs[i] }, *none[MAX] = { NULL };
        RF_CLEANUP(rf_tag_filter_freep) struct rf_tag_filter *f = make(allow, none);
        struct rf_err err = RF_ERR_INIT;
        clock_t start = clock();
        int rc = rf_tag_filter_match(f, name, &err);
        ck_assert_uint_lt(cpu_ms(start), 1000);
        ck_assert_msg(rc == -RFE_CONFIG || rc == 0, "%s: %d", bombs[i], rc);
        if (i == 0) {
            ck_assert_int_eq(rc, -RFE_CONFIG);
            ck_assert_msg(strstr(err.msg, "pattern \"(a+)+\" on \"aaaa") == err.msg, "%s", err.msg);
        }
    }
    /* In a deny list, "could not tell" is not "not denied". */
    const char *none[MAX] = { NULL }, *deny[MAX] = { "(a+)+" };
    RF_CLEANUP(rf_tag_filter_freep) struct rf_tag_filter *f = make(none, deny);
    ck_assert_int_eq(rf_tag_filter_match(f, name, NULL), -RFE_CONFIG);
}
END_TEST

static struct rf_tag_filter *filter_of(char *allow, char *deny)
{
    struct rf_tag_filter *f = NULL;
    struct rf_err err = RF_ERR_INIT;
    int rc =
        rf_tag_filter_new(&allow, allow != NULL ? 1 : 0, &deny, deny != NULL ? 1 : 0, &f, &err);
    ck_assert_msg(rc == 0, "%s", err.msg);
    return f;
}

START_TEST(lists_keep_their_order)
{
    char allow[] = "v.*", deny[] = ".*-rc";
    RF_CLEANUP(rf_tag_filter_freep) struct rf_tag_filter *f = filter_of(allow, deny);
    char *names[] = { rf_xstrdup("v2"), rf_xstrdup("latest"), rf_xstrdup("v1-rc"),
                      rf_xstrdup("v1") };
    size_t n = 4;
    ck_assert_int_eq(rf_tag_filter_apply(f, names, &n, NULL), 0);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(names[0], "v2");
    ck_assert_str_eq(names[1], "v1");
    free(names[0]);
    free(names[1]);
    n = 0;
    ck_assert_int_eq(rf_tag_filter_apply(f, NULL, &n, NULL), 0);
}
END_TEST

START_TEST(lists_keep_all_after_a_failure)
{
    char allow[] = "(a*)*b";
    RF_CLEANUP(rf_tag_filter_freep) struct rf_tag_filter *f = filter_of(allow, NULL);
    char *names[] = { rf_xstrdup("b"),
                      rf_xstrdup("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac"),
                      rf_xstrdup("c") };
    size_t n = 3;
    struct rf_err err = RF_ERR_INIT;
    int rc = rf_tag_filter_apply(f, names, &n, &err);
    ck_assert_uint_eq(n, rc < 0 ? 3U : 1U);
    for (size_t i = 0; i < n; i++)
        free(names[i]);
}
END_TEST

Suite *rf_tag_filter_suite(void);
Suite *rf_tag_filter_suite(void)
{
    Suite *s = suite_create("tag_filter");
    TCase *t = tcase_create("tag_filter");
    tcase_add_loop_test(t, row, 0, (int)RF_ARRAY_LEN(rows));
    tcase_add_loop_test(t, patterns_that_upstream_reads_otherwise, 0, (int)RF_ARRAY_LEN(hints));
    tcase_add_test(t, wrong_patterns);
    tcase_add_test(t, limits_of_patterns);
    tcase_add_test(t, endless_patterns);
    tcase_add_test(t, lists_keep_their_order);
    tcase_add_test(t, lists_keep_all_after_a_failure);
    suite_add_tcase(s, t);
    return s;
}
