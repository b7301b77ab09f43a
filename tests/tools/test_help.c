/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/help.h"

#include <check.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/support/data_files.h"
#include "tests/tools/helper_program.h"

/* Compares with tests/data/tools/<name>; RF_UPDATE_GOLDEN=1 rewrites it. */
static void check_golden(const char *name, const struct rf_buf *have)
{
    const char *path = keep(test_data_path(name));
    struct rf_err err = RF_ERR_INIT;
    if (getenv("RF_UPDATE_GOLDEN") != NULL)
        ck_assert_msg(rf_file_write(path, rf_buf_slice(have), 0644, &err) == 0, "%s", err.msg);
    size_t len;
    const char *want = keep(test_read_file(path, &len));
    ck_assert_msg(want != NULL, "no %s", path);
    ck_assert_msg(strcmp(want, have->ptr) == 0, "%s: differs:\n%s", name, have->ptr);
}

START_TEST(pages)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_help(&sample, NULL, "sample", &b);
    check_golden("tools/help-program.txt", &b);
    rf_buf_clear(&b);
    rf_help(&sample, &sample.cmds[0], "sample create", &b);
    check_golden("tools/help-command.txt", &b);
    rf_buf_clear(&b);
    rf_help(&sample, &sample.cmds[2], "sample image", &b);
    check_golden("tools/help-group.txt", &b);
    rf_buf_clear(&b);
    rf_program_dump_markdown(&sample, &b);
    check_golden("tools/help.md", &b);
}
END_TEST

START_TEST(eighty_columns)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_help(&sample, &sample.cmds[0], "sample create", &b);
    rf_help(&sample, NULL, "sample", &b);
    for (const char *line = b.ptr; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        ck_assert_msg(n <= 80, "%.*s", (int)n, line);
        ck_assert_msg(n == 0 || line[n - 1] != ' ', "blank at the end: %.*s", (int)n, line);
        line += n + 1;
    }
    ck_assert_ptr_null(strstr(b.ptr, "secret-knob"));
    ck_assert_ptr_null(strstr(b.ptr, "unseen"));
}
END_TEST

START_TEST(good_tables)
{
    RF_CLEANUP(rf_freep) char *problem = rf_program_problem(&sample);
    ck_assert_msg(problem == NULL, "%s", problem);
}
END_TEST

static int nothing(const struct rf_env *env, void *ctx, int argc, char **argv, struct rf_err *err)
{
    (void)env;
    (void)ctx;
    (void)argc;
    (void)argv;
    (void)err;
    return 0;
}

static const struct rf_opt twice[] = { { "x", 0, RF_OPT_FLAG, 0, NULL, "a", NULL, 0 },
                                       { "x", 0, RF_OPT_FLAG, 0, NULL, "a", NULL, 0 } };
static const struct rf_opt letters[] = { { "x", 'a', RF_OPT_FLAG, 0, NULL, "a", NULL, 0 },
                                         { "y", 'a', RF_OPT_FLAG, 0, NULL, "a", NULL, 0 } };
static const struct rf_opt shadows[] = { { "host", 0, RF_OPT_FLAG, 0, NULL, "a", NULL, 0 } };
static const struct rf_opt stop[] = { { "x", 0, RF_OPT_FLAG, 0, NULL, "a sentence.", NULL, 0 } };
static const struct rf_opt wordless[] = { { "x", 0, RF_OPT_STRING, 0, NULL, "a", NULL, 0 } };
static const struct rf_opt upper[] = { { "X", 0, RF_OPT_FLAG, 0, NULL, "a", NULL, 0 } };
static const struct rf_opt helping[] = { { "help", 0, RF_OPT_FLAG, 0, NULL, "a", NULL, 0 } };
static const struct rf_opt listed[] = { { "x", 0, RF_OPT_LIST, 0, "X", "a", "b", 0 } };

static const struct {
    struct rf_cmd cmd;
    const char *part;
} bad[] = {
    { { .name = "c", .summary = "s", .examples = "e", .opts = twice, .n_opts = 2, .run = nothing },
      "--x is there twice" },
    { { .name = "c",
        .summary = "s",
        .examples = "e",
        .opts = letters,
        .n_opts = 2,
        .run = nothing },
      "-a is there twice" },
    { { .name = "c",
        .summary = "s",
        .examples = "e",
        .opts = shadows,
        .n_opts = 1,
        .run = nothing },
      "--host is there twice" },
    { { .name = "c", .summary = "s", .examples = "e", .opts = stop, .n_opts = 1, .run = nothing },
      "full stop" },
    { { .name = "c",
        .summary = "s",
        .examples = "e",
        .opts = wordless,
        .n_opts = 1,
        .run = nothing },
      "a word for their value" },
    { { .name = "c", .summary = "s", .examples = "e", .opts = upper, .n_opts = 1, .run = nothing },
      "a-z" },
    { { .name = "c",
        .summary = "s",
        .examples = "e",
        .opts = helping,
        .n_opts = 1,
        .run = nothing },
      "--help" },
    { { .name = "c", .summary = "s", .examples = "e", .opts = listed, .n_opts = 1, .run = nothing },
      "no default" },
    { { .name = "c", .summary = "s", .run = nothing }, "no example" },
    { { .name = "c", .summary = "s.", .examples = "e", .run = nothing }, "full stop" },
    { { .name = "c", .summary = "s", .examples = "e" }, "either it runs" },
    { { .name = "c",
        .summary = "s",
        .examples = "e",
        .min_args = 2,
        .max_args = 1,
        .run = nothing },
      "more arguments" },
};

START_TEST(bad_tables)
{
    const struct rf_program p = { .name = "p", .summary = "s", .cmds = &bad[_i].cmd, .n_cmds = 1 };
    RF_CLEANUP(rf_freep) char *problem = rf_program_problem(&p);
    ck_assert_msg(problem != NULL, "nothing is wrong, but: %s", bad[_i].part);
    ck_assert_msg(strstr(problem, bad[_i].part) != NULL, "%s", problem);
}
END_TEST

Suite *rf_help_suite(void);
Suite *rf_help_suite(void)
{
    Suite *s = suite_create("help");
    TCase *t = tcase_create("help");
    tcase_add_test(t, pages);
    tcase_add_test(t, eighty_columns);
    tcase_add_test(t, good_tables);
    tcase_add_loop_test(t, bad_tables, 0, (int)RF_ARRAY_LEN(bad));
    suite_add_tcase(s, t);
    return s;
}
