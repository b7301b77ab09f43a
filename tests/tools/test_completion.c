/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/completion.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/tools/helper_program.h"

#define WORDS_MAX 8

static void add(struct rf_list *list, const char *name)
{
    list->items = rf_grow(list->items, list->n, &list->cap, sizeof(char *));
    list->items[list->n++] = rf_xstrdup(name);
}

static void registries(void *ctx, struct rf_list *names)
{
    (void)ctx;
    add(names, "two.example");
    add(names, "one.example:5000");
    add(names, "no registry");
}

static void repositories(void *ctx, const char *registry, struct rf_list *names)
{
    (void)ctx;
    if (strcmp(registry, "one.example:5000") != 0 && strcmp(registry, "localhost") != 0)
        return;
    add(names, "team/b");
    add(names, "team/a");
    add(names, "Team/c");
    add(names, "../up");
    add(names, "$(id)");
}

static void tags(void *ctx, const char *repository, struct rf_list *names)
{
    size_t *asked = ctx;
    (*asked)++;
    if (strcmp(repository, "one.example:5000/team/a") != 0 && strcmp(repository, "alpine") != 0)
        return;
    add(names, "v2");
    add(names, "v1");
    add(names, "-x");
    add(names, "a b");
    add(names, "");
}

static size_t asked;

/* The answer for words that are separated by one blank; a blank at the end begins an empty one. */
static const char *answer(const struct rf_program *program, const char *line)
{
    const struct rf_complete_source source = {
        .registries = registries, .repositories = repositories, .tags = tags, .ctx = &asked
    };
    char *text = keep(rf_xstrdup(line)), *words[WORDS_MAX];
    size_t n = 0;
    asked = 0;
    for (char *at = text; at != NULL && n < WORDS_MAX;) {
        words[n++] = strsep(&at, " ");
    }
    struct rf_buf out;
    rf_buf_init(&out, 0);
    rf_complete(program, words, n, &source, &out);
    return keep(rf_buf_take(&out, NULL));
}

/* The rows of the helper program and commands whose arguments are images. */
static const struct rf_opt look_opts[] = {
    { "platform", 'p', RF_OPT_COMMAS, 0, "PLATFORM", "of these", NULL, 0 },
    { "level", 0, RF_OPT_STRING, 0, "LEVEL", "how loud", NULL, 0 },
    { "type", 't', RF_OPT_STRING, 0, "TYPE", "media type", NULL, 0 },
    { "when", 0, RF_OPT_STRING, 0, "now|TIME", "moment", NULL, 0 },
    { "last", 0, RF_OPT_STRING, 0, "TAG", "behind this one", NULL, 0 },
    { "quiet", 'q', RF_OPT_FLAG, 0, NULL, "no\nwords\t", NULL, 0 },
    { "ref", 0, RF_OPT_LIST, 0, "IMAGE", "an image", NULL, 0 },
    { "to", 0, RF_OPT_STRING, 0, "DIR|-", "where to", NULL, 0 },
    { "hidden", 0, RF_OPT_STRING, 0, "FILE", "not shown", NULL, RF_OPT_HIDDEN },
};
static const struct rf_cmd image_cmds[] = {
    { .name = "look",
      .summary = "look at it",
      .synopsis = "IMAGE@DIGEST [FILE]",
      .opts = look_opts,
      .n_opts = RF_ARRAY_LEN(look_opts),
      .max_args = 2 },
    { .name = "move",
      .aliases = "mv",
      .summary = "all of it",
      .synopsis = "SOURCE TARGET",
      .arg_kinds = "REPOSITORY REPOSITORY",
      .max_args = 2 },
    { .name = "carry",
      .summary = "some",
      .synopsis = "[SOURCE|SOURCE=PATH[:TAG]]...",
      .max_args = RF_ARGS_ANY },
    { .name = "log", .summary = "log in", .synopsis = "[REGISTRY]", .max_args = 1 },
    { .name = "script", .summary = "for a shell", .synopsis = "bash|zsh", .max_args = 1 },
    { .name = "unseen", .summary = "not shown", .hidden = true },
};
static const struct rf_cmd top[] = {
    { .name = "image",
      .summary = "images",
      .children = image_cmds,
      .n_children = RF_ARRAY_LEN(image_cmds) },
    { .name = "index", .summary = "indexes", .max_args = 0 },
    { .name = "__complete", .summary = "this", .hidden = true },
};
static const struct rf_program program = { .name = "p",
                                           .summary = "a program",
                                           .cmds = top,
                                           .n_cmds = RF_ARRAY_LEN(top),
                                           .upstream_habits = true };

static const struct row {
    const char *line, *want;
} rows[] = {
    /* commands */
    { "", ":\nimage\timages\nindex\tindexes\n" },
    { "im", ":\nimage\timages\n" },
    { "x", ":\n" },
    { "help im", ":\nimage\timages\n" },
    { "--stats im", ":\nimage\timages\n" },
    { "--host reg=x im", ":\nimage\timages\n" },
    { "--platform linux/amd64 image lo", ":\nlook\tlook at it\nlog\tlog in\n" },
    { "-q image lo", ":\nlook\tlook at it\nlog\tlog in\n" },
    { "image nosuch ", ":\n" },
    { "nosuch ", ":\n" },
    { "image uns", ":\n" },
    /* options */
    { "image look --q", ":\n--quiet\tno words \n" },
    { "image look --quiet --q", ":\n" },
    { "image look --ref a --re", ":\n--ref\tan image\n" },
    { "image look --hid", ":\n" },
    { "image look --hel", ":\n--help\tshow the help\n" },
    { "image look -- --q", ":\n" },
    { "image look --progress=p", ":\n--progress=plain\n" },
    { "image look --progress ", ":\nauto\nplain\nnone\n" },
    { "image look --platform=linux/arm64,linux/am", ":\n--platform=linux/arm64,linux/amd64\n" },
    { "image look -p linux/s", ":\nlinux/s390x\n" },
    { "image look -qp linux/s", ":\nlinux/s390x\n" },
    { "image look -plinux/amd64 ocid", ": nospace\nocidir://\tlayout folder\n" },
    { "image look --level d", ":\ndebug\n" },
    { "image look --when ", ":\nnow\n" },
    { "image look --quiet=", ":\n--quiet=true\n--quiet=false\n" },
    { "image look --nosuch=x", ":\n" },
    { "image look --to ", ": dirs\n" },
    { "image look --to=x", ": dirs\n" },
    { "image look -t application/vnd.docker.distribution.manifest.l",
      ":\napplication/vnd.docker.distribution.manifest.list.v2+json\n" },
    { "image look --ref one.example:5000/team/a:v",
      ":\none.example:5000/team/a:v1\none.example:5000/team/a:v2\n" },
    { "image look one.example:5000/team/a --last v", ":\nv1\nv2\n" },
    { "image look one.example:5000/team/a:v1 --last=v2", ":\n--last=v2\n" },
    { "image look --last v", ":\n" },
    /* arguments */
    { "image look one", ": nospace\none.example:5000/\tregistry\n" },
    { "image look oci", ": nospace\nocidir://\tlayout folder\nocifile://\tlayout tar or bundle\n" },
    { "image look one.example:50", ": nospace\none.example:5000/\tregistry\n" },
    { "image look one.example:5000/",
      ": nospace\none.example:5000/team/a:\none.example:5000/team/b:\n" },
    { "image look localhost/team/b", ": nospace\nlocalhost/team/b:\n" },
    { "image look one.example:5000/team/a:",
      ":\none.example:5000/team/a:v1\none.example:5000/team/a:v2\n" },
    { "image look one.example:5000/team/a@", ":\n" },
    { "image look team/", ":\n" },
    { "image look alpine:", ":\nalpine:v1\nalpine:v2\n" },
    { "image look x ", ": files\n" },
    { "image look --quiet x ", ": files\n" },
    { "image look x y ", ":\n" },
    { "image move one.example:5000/team/a", ":\none.example:5000/team/a\n" },
    { "image mv x one.example:5000/team/b", ":\none.example:5000/team/b\n" },
    { "image mv one.example:5000/team/a:", ":\n" },
    { "image carry a b c alpine:v2", ":\nalpine:v2\n" },
    { "image log t", ":\ntwo.example\tregistry\n" },
    { "image script ", ":\nbash\nzsh\n" },
    { "index ", ":\n" },
    /* layouts */
    { "image look ocidir:///nowhere/at/all/", ": nospace\n" },
    { "image look ocidir:///nonexistent:", ":\n" },
};

START_TEST(answers)
{
    const struct row *r = &rows[_i];
    const char *have = answer(&program, r->line);
    ck_assert_msg(strcmp(have, r->want) == 0, "\"%s\":\n%s", r->line, have);
}
END_TEST

/* What is no longer an argument of an image asks nobody. */
START_TEST(asks_only_when_needed)
{
    static const char *const quiet[] = { "image look one.example:5000/team/a",
                                         "image look localhost:50",
                                         "image look registry.example.org",
                                         "image log x:",
                                         "image move a/b:",
                                         "image look x/y@sha256:" };
    for (size_t i = 0; i < RF_ARRAY_LEN(quiet); i++) {
        (void)answer(&program, quiet[i]);
        ck_assert_msg(asked == 0, "%s", quiet[i]);
    }
    (void)answer(&program, "image look x/y:");
    ck_assert_uint_eq(asked, 1);
}
END_TEST

START_TEST(other_habits)
{
    ck_assert_str_eq(answer(&sample, "create --sparse "), ":\nkeep\nprune\n");
    ck_assert_str_eq(answer(&sample, "create --output="), ":\n--output=text\n--output=json\n");
    ck_assert_str_eq(answer(&sample, "-c pol"), ": files\n");
    ck_assert_str_eq(answer(&sample, "inspect a "), ": files\n");
}
END_TEST

static void see_host(void *ctx, const char *value)
{
    struct rf_buf *seen = ctx;
    rf_buf_addf(seen, "%s;", value);
}

START_TEST(hosts)
{
    char *words[] = { "--host", "reg=a",  "image", "--host=reg=b", "look", "-q",
                      "--ref",  "--host", "--",    "--host",       "x" };
    struct rf_buf seen;
    rf_buf_init(&seen, 0);
    rf_complete_hosts(&program, words, RF_ARRAY_LEN(words), see_host, &seen);
    ck_assert_str_eq(keep(rf_buf_take(&seen, NULL)), "reg=a;reg=b;");
}
END_TEST

START_TEST(scripts)
{
    static const char *const shells[] = { "bash", "zsh", "fish" };
    for (size_t i = 0; i < RF_ARRAY_LEN(shells); i++) {
        RF_CLEANUP(rf_buf_release) struct rf_buf with, without;
        struct rf_err err;
        rf_buf_init(&with, 0);
        rf_buf_init(&without, 0);
        ck_assert_int_eq(rf_completion_script("prog", shells[i], true, &with, &err), 0);
        ck_assert_int_eq(rf_completion_script("prog", shells[i], false, &without, &err), 0);
        ck_assert_ptr_null(strchr(with.ptr, '@') != NULL ? strstr(with.ptr, "@P@") : NULL);
        ck_assert_ptr_null(strstr(with.ptr, "@D@"));
        ck_assert_ptr_nonnull(strstr(with.ptr, "prog"));
        ck_assert_ptr_nonnull(strstr(without.ptr, "__complete --no-descriptions"));
    }
    RF_CLEANUP(rf_buf_release) struct rf_buf none;
    struct rf_err err = RF_ERR_INIT;
    rf_buf_init(&none, 0);
    ck_assert_int_eq(rf_completion_script("prog", "powershell", true, &none, &err), -RFE_USAGE);
    ck_assert_ptr_nonnull(strstr(err.msg, "\"powershell\": choose one of bash, zsh, fish"));
    ck_assert_uint_eq(none.len, 0);
}
END_TEST

Suite *rf_completion_suite(void);
Suite *rf_completion_suite(void)
{
    Suite *s = suite_create("completion");
    TCase *t = tcase_create("completion");
    suite_add_tcase(s, t);
    tcase_add_loop_test(t, answers, 0, RF_ARRAY_LEN(rows));
    tcase_add_test(t, asks_only_when_needed);
    tcase_add_test(t, other_habits);
    tcase_add_test(t, hosts);
    tcase_add_test(t, scripts);
    return s;
}
