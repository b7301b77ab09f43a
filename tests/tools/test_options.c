/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/options.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/tools/helper_program.h"

/* Splits at blanks; "_" is an empty word. */
static int words(const char *line, char *copy, char **argv)
{
    int n = 0;
    memcpy(copy, line, strlen(line) + 1);
    for (char *w = copy; *w != '\0';) {
        size_t len = strcspn(w, " ");
        bool last = w[len] == '\0';
        w[len] = '\0';
        argv[n++] = strcmp(w, "_") == 0 ? w + 1 : w;
        w += last ? len : len + 1;
    }
    return n;
}

static int run_line(const struct rf_program *program, const char *line, struct rf_err *err)
{
    char copy[1024], *argv[64];
    int argc = words(line, copy, argv);
    RF_CLEANUP(rf_parsed_release) struct rf_parsed p = RF_PARSED_INIT;
    int rc = rf_options_parse(program, argc, argv, &p, err);
    if (rc < 0)
        return rc;
    if (p.kind == RF_PARSED_HELP) {
        free(sample_seen);
        sample_seen = rf_xasprintf("help %s", p.path);
        return 0;
    }
    struct rf_env env;
    rf_parsed_env(&p, &env);
    return p.cmd->run(&env, p.ctx, p.n_args, p.args, err);
}

#define PLAIN \
    "sample create full=0 dry=0 out=. sparse=keep [][] 7 0 4000 0 c=- hosts=[] par=8 v=WARN :"

static const struct {
    const char *line, *want;
} good[] = {
    { "create", PLAIN },
    { "create a b", PLAIN " a b" },
    { "create a --full b",
      "sample create full=1 dry=0 out=. sparse=keep [][] 7 0 4000 0 c=- hosts=[] par=8 v=WARN : a b" },
    { "--full create a",
      "sample create full=1 dry=0 out=. sparse=keep [][] 7 0 4000 0 c=- hosts=[] par=8 v=WARN : a" },
    { "-f create a",
      "sample create full=1 dry=0 out=. sparse=keep [][] 7 0 4000 0 c=- hosts=[] par=8 v=WARN : a" },
    { "--out x create a",
      "sample create full=0 dry=0 out=x sparse=keep [][] 7 0 4000 0 c=- hosts=[] par=8 v=WARN : a" },
    { "-o create create a",
      "sample create full=0 dry=0 out=create sparse=keep [][] 7 0 4000 0 c=- hosts=[] par=8 v=WARN : a" },
    { "create --full=false a", PLAIN " a" },
    { "create --full=T --full=0", PLAIN },
    { "create -fn",
      "sample create full=1 dry=1 out=. sparse=keep [][] 7 0 4000 0 c=- hosts=[] par=8 v=WARN :" },
    { "create -fno/x a",
      "sample create full=1 dry=1 out=/x sparse=keep [][] 7 0 4000 0 c=- hosts=[] par=8 v=WARN : a" },
    { "create -o=x -f=false",
      "sample create full=0 dry=0 out=x sparse=keep [][] 7 0 4000 0 c=- hosts=[] par=8 v=WARN :" },
    { "create -o -",
      "sample create full=0 dry=0 out=- sparse=keep [][] 7 0 4000 0 c=- hosts=[] par=8 v=WARN :" },
    { "create --out --full",
      "sample create full=0 dry=0 out=--full sparse=keep [][] 7 0 4000 0 c=- hosts=[] par=8 v=WARN :" },
    { "create --out= a",
      "sample create full=0 dry=0 out= sparse=keep [][] 7 0 4000 0 c=- hosts=[] par=8 v=WARN : a" },
    { "create -- --full -x", PLAIN " --full -x" },
    { "create - a", PLAIN " - a" },
    { "create _ a", PLAIN "  a" },
    { "create create", PLAIN " create" },
    { "create -p a,b -p c,,d --note x,y --note z",
      "sample create full=0 dry=0 out=. sparse=keep [a b c d][x,y z] 7 0 4000 0 c=- hosts=[] par=8 v=WARN :" },
    { "create --number 18446744073709551615 --count 1 --size 1Ki --age 1h30m",
      "sample create full=0 dry=0 out=. sparse=keep [][] 18446744073709551615 1 1024 5400 c=- hosts=[] par=8 v=WARN given :" },
    { "create --age 30d --number 7",
      "sample create full=0 dry=0 out=. sparse=keep [][] 7 0 4000 2592000 c=- hosts=[] par=8 v=WARN given :" },
    { "create --sparse prune -c f.yml --host reg=a --host reg=b --parallel 5 -vdebug",
      "sample create full=0 dry=0 out=. sparse=prune [][] 7 0 4000 0 c=f.yml hosts=[reg=a reg=b] par=5 v=debug :" },
    { "-v debug -c f create x",
      "sample create full=0 dry=0 out=. sparse=keep [][] 7 0 4000 0 c=f hosts=[] par=8 v=debug : x" },
    { "create --secret-knob",
      "sample create full=1 dry=0 out=. sparse=keep [][] 7 0 4000 0 c=- hosts=[] par=8 v=WARN :" },
    { "--help", "help sample" },
    { "-h", "help sample" },
    { "help", "help sample" },
    { "help create", "help sample create" },
    { "help image copy", "help sample image copy" },
    { "create --help", "help sample create" },
    { "create a --no-such --help", NULL },
    { "create -fh", "help sample create" },
    { "--help create", "help sample create" },
    { "image --help", "help sample image" },
    { "image cp --help", "help sample image copy" },
    { "image mirror -h", "help sample image copy" },
    { "image copy --help a", "help sample image copy" },
};

START_TEST(good_row)
{
    struct rf_err err = RF_ERR_INIT;
    free(sample_seen);
    sample_seen = NULL;
    int rc = run_line(&sample, good[_i].line, &err);
    if (good[_i].want == NULL) {
        ck_assert_int_eq(rc, -RFE_USAGE);
        return;
    }
    ck_assert_msg(rc == 0, "%s: %s", good[_i].line, err.msg);
    ck_assert_msg(sample_seen != NULL && strcmp(sample_seen, good[_i].want) == 0, "%s: %s",
                  good[_i].line, sample_seen);
}
END_TEST

static const struct {
    const char *line, *want;
} bad[] = {
    { "", "no command is given; see sample --help" },
    { "--full", "unknown flag: --full; see sample --help" },
    { "nosuch", "unknown command \"nosuch\" for \"sample\"; see sample --help" },
    { "creat x",
      "unknown command \"creat\" for \"sample\"; did you mean \"create\"? see sample --help" },
    { "unsee", "unknown command \"unsee\" for \"sample\"; see sample --help" },
    { "help nosuch", "unknown command \"nosuch\" for \"sample\"; see sample --help" },
    { "image", "no command is given; see sample image --help" },
    { "image cop",
      "unknown command \"cop\" for \"sample image\"; did you mean \"copy\"? see sample image --help" },
    { "create --x", "unknown flag: --x; see sample create --help" },
    { "create --ful", "unknown flag: --ful; did you mean \"--full\"? see sample create --help" },
    { "create --secret-kno", "unknown flag: --secret-kno; see sample create --help" },
    { "create --fullish=1", "unknown flag: --fullish; see sample create --help" },
    { "create -x", "unknown shorthand flag: 'x' in -x; see sample create --help" },
    { "create -fx", "unknown shorthand flag: 'x' in -fx; see sample create --help" },
    { "create --out", "flag needs an argument: --out; see sample create --help" },
    { "create -o", "flag needs an argument: 'o' in -o; see sample create --help" },
    { "create -fo", "flag needs an argument: 'o' in -fo; see sample create --help" },
    { "create --full=maybe",
      "invalid argument \"maybe\" for \"-f, --full\" flag: neither true nor false; see sample create --help" },
    { "create --full=",
      "invalid argument \"\" for \"-f, --full\" flag: neither true nor false; see sample create --help" },
    { "create --sparse maybe",
      "invalid argument \"maybe\" for \"--sparse\" flag: choose one of keep, prune; see sample create --help" },
    { "create --sparse keep|prune",
      "invalid argument \"keep|prune\" for \"--sparse\" flag: choose one of keep, prune; see sample create --help" },
    { "create --sparse kee",
      "invalid argument \"kee\" for \"--sparse\" flag: choose one of keep, prune; see sample create --help" },
    { "create --number -1",
      "invalid argument \"-1\" for \"--number\" flag: not a number: \"-1\"; see sample create --help" },
    { "create --number 18446744073709551616", NULL },
    { "create --count 0",
      "invalid argument \"0\" for \"--count\" flag: must be at least 1; see sample create --help" },
    { "create --count 4097", NULL },
    { "create --parallel many",
      "invalid argument \"many\" for \"--parallel\" flag: not a number: \"many\"; see sample create --help" },
    { "create --size big",
      "invalid argument \"big\" for \"--size\" flag: not a size such as 700M, 4GiB or 1.5TB; see sample create --help" },
    { "create --age -1d",
      "invalid argument \"-1d\" for \"--age\" flag: not a duration such as 90s, 1h30m or 30d; see sample create --help" },
    { "create --age 90",
      "invalid argument \"90\" for \"--age\" flag: not a duration such as 90s, 1h30m or 30d; see sample create --help" },
    { "inspect",
      "requires at least 1 arg(s), only received 0; usage: sample inspect BUNDLE...; see sample inspect --help" },
    { "image copy a --to x",
      "accepts 2 arg(s), received 1; usage: sample image copy SOURCE TARGET; see sample image copy --help" },
    { "image copy a b",
      "required flag(s) \"to\" not set; add --to PLACE; see sample image copy --help" },
    { "image list a b", "accepts at most 1 arg(s), received 2; see sample image list --help" },
    { "image between",
      "accepts between 1 and 2 arg(s), received 0; see sample image between --help" },
    { "unseen x", "accepts 0 arg(s), received 1; see sample unseen --help" },
};

START_TEST(bad_row)
{
    struct rf_err err = RF_ERR_INIT;
    int rc = run_line(&sample, bad[_i].line, &err);
    ck_assert_msg(rc == -RFE_USAGE, "%s: %d", bad[_i].line, rc);
    if (bad[_i].want != NULL)
        ck_assert_msg(strcmp(err.msg, bad[_i].want) == 0, "%s: %s", bad[_i].line, err.msg);
}
END_TEST

/* What scripts around upstream's tools see. */
START_TEST(upstream_habits)
{
    struct rf_err err = RF_ERR_INIT;
    static const struct {
        const char *line, *want;
    } rows[] = {
        { "nosuch", "unknown command \"nosuch\" for \"sample\"" },
        { "create --x", "unknown flag: --x" },
        { "create -x", "unknown shorthand flag: 'x' in -x" },
        { "image list a b", "accepts at most 1 arg(s), received 2" },
        { "image copy a", "accepts 2 arg(s), received 1" },
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(rows); i++) {
        ck_assert_int_eq(run_line(&sample_upstream, rows[i].line, &err), -RFE_USAGE);
        ck_assert_str_eq(err.msg, rows[i].want);
    }
    static const struct {
        const char *line, *want;
    } helps[] = { { "", "help sample" },
                  { "image", "help sample image" },
                  { "image nosuch", "help sample image" } };
    for (size_t i = 0; i < RF_ARRAY_LEN(helps); i++) {
        ck_assert_int_eq(run_line(&sample_upstream, helps[i].line, &err), 0);
        ck_assert_str_eq(sample_seen, helps[i].want);
    }
}
END_TEST

/* A word that comes from elsewhere may be long or hostile; the message stays one bounded line. */
START_TEST(hostile_words)
{
    static char word[100000];
    memset(word, 'x', sizeof(word) - 1);
    char create[] = "create", flag[] = "--\033[31m\n";
    char *a[] = { word }, *b[] = { create, flag };
    struct rf_err err = RF_ERR_INIT;
    RF_CLEANUP(rf_parsed_release) struct rf_parsed p = RF_PARSED_INIT;
    ck_assert_int_eq(rf_options_parse(&sample, 1, a, &p, &err), -RFE_USAGE);
    ck_assert_int_eq(rf_options_parse(&sample, 2, b, &p, &err), -RFE_USAGE);
    ck_assert_ptr_null(strchr(err.msg, '\033'));
    ck_assert_ptr_null(strchr(err.msg, '\n'));
    ck_assert_ptr_null(p.path);
    word[1] = '=';
    memcpy(word, "--out", 5);
    char *c[] = { create, word };
    ck_assert_int_eq(rf_options_parse(&sample, 2, c, &p, &err), -RFE_USAGE);
}
END_TEST

Suite *rf_options_suite(void);
Suite *rf_options_suite(void)
{
    Suite *s = suite_create("options");
    TCase *t = tcase_create("lines");
    tcase_add_loop_test(t, good_row, 0, (int)RF_ARRAY_LEN(good));
    tcase_add_loop_test(t, bad_row, 0, (int)RF_ARRAY_LEN(bad));
    tcase_add_test(t, upstream_habits);
    tcase_add_test(t, hostile_words);
    suite_add_tcase(s, t);
    return s;
}
