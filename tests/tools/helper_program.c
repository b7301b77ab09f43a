/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/helper_program.h"

#include <stdlib.h>

#include "base/mem.h"

char *sample_seen;
int sample_returns;
const char *sample_prints;

char *keep(char *text)
{
    static struct {
        char *list[200];
        size_t n;
    } kept;
    RF_CHECK(kept.n < RF_ARRAY_LEN(kept.list));
    kept.list[kept.n++] = text;
    return text;
}

static const struct rf_opt create_opts[] = {
    { "full", 'f', RF_OPT_FLAG, offsetof(struct sample_ctx, full), NULL, "carry everything", NULL,
      0 },
    { "dry-run", 'n', RF_OPT_FLAG, offsetof(struct sample_ctx, dry_run), NULL, "write nothing",
      NULL, 0 },
    { "out", 'o', RF_OPT_STRING, offsetof(struct sample_ctx, out), "DIR", "where it goes", ".", 0 },
    { "sparse", 0, RF_OPT_CHOICE, offsetof(struct sample_ctx, sparse), "keep|prune",
      "indexes with children left out", "keep", 0 },
    { "platform", 'p', RF_OPT_COMMAS, offsetof(struct sample_ctx, platforms), "OS/ARCH",
      "only these", NULL, 0 },
    { "note", 0, RF_OPT_LIST, offsetof(struct sample_ctx, notes), "TEXT",
      "a remark | with a bar and a <tag>", NULL, 0 },
    { "number", 0, RF_OPT_U64, offsetof(struct sample_ctx, number), "N", "a number", "7", 0 },
    { "count", 0, RF_OPT_COUNT, offsetof(struct sample_ctx, count), "N", "how many", NULL, 0 },
    { "size", 0, RF_OPT_SIZE, offsetof(struct sample_ctx, size), "SIZE", "how large", "4k", 0 },
    { "age", 0, RF_OPT_SECONDS, offsetof(struct sample_ctx, age), "AGE", "how old", NULL, 0 },
    { "secret-knob", 0, RF_OPT_FLAG, offsetof(struct sample_ctx, full), NULL, "not shown", NULL,
      RF_OPT_HIDDEN },
};
static const struct rf_opt needy_opts[] = {
    { "to", 0, RF_OPT_STRING, offsetof(struct sample_ctx, out), "PLACE", "the destination", NULL,
      RF_OPT_REQUIRED },
};
static const struct rf_opt own_opts[] = {
    { "config", 'c', RF_OPT_STRING, offsetof(struct sample_own, config), "FILE", "the policy file",
      NULL, 0 },
};

static void add_list(struct rf_buf *b, const struct rf_list *list)
{
    rf_buf_add_char(b, '[');
    for (size_t i = 0; i < list->n; i++)
        rf_buf_addf(b, "%s%s", i > 0 ? " " : "", list->items[i]);
    rf_buf_add_char(b, ']');
}

static int run_create(const struct rf_env *env, void *ctx, int argc, char **argv,
                      struct rf_err *err)
{
    const struct sample_ctx *c = ctx;
    const struct sample_own *own = env->own;
    struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_buf_addf(&b, "%s full=%d dry=%d out=%s sparse=%s ", env->path, c->full, c->dry_run, c->out,
                c->sparse);
    add_list(&b, &c->platforms);
    add_list(&b, &c->notes);
    rf_buf_addf(&b, " %llu %llu %llu %llu c=%s hosts=", (unsigned long long)c->number,
                (unsigned long long)c->count, (unsigned long long)c->size,
                (unsigned long long)c->age, own->config != NULL ? own->config : "-");
    add_list(&b, &env->net->hosts);
    rf_buf_addf(&b, " par=%llu v=%s%s :", (unsigned long long)env->net->parallel,
                env->net->verbosity, rf_opt_given(env, "number") ? " given" : "");
    for (int i = 0; i < argc; i++)
        rf_buf_addf(&b, " %s", argv[i]);
    free(sample_seen);
    sample_seen = rf_buf_take(&b, NULL);
    if (sample_prints != NULL) {
        (void)fputs(sample_prints, stdout);
        (void)fflush(stdout);
    }
    if (sample_returns != 0)
        return rf_fail(err, sample_returns, "it did not\nwork");
    return 0;
}

static int run_nothing(const struct rf_env *env, void *ctx, int argc, char **argv,
                       struct rf_err *err)
{
    (void)env;
    (void)ctx;
    (void)argc;
    (void)argv;
    (void)err;
    return 0;
}

static const struct rf_cmd image_cmds[] = {
    { .name = "copy",
      .aliases = "cp,mirror",
      .summary = "copy an image",
      .synopsis = "SOURCE TARGET",
      .examples = "sample image copy a b\n",
      .opts = needy_opts,
      .n_opts = RF_ARRAY_LEN(needy_opts),
      .ctx_size = sizeof(struct sample_ctx),
      .min_args = 2,
      .max_args = 2,
      .run = run_nothing },
    { .name = "list",
      .summary = "list images",
      .examples = "sample image list\n",
      .min_args = 0,
      .max_args = 1,
      .run = run_nothing },
    { .name = "between",
      .summary = "take some",
      .examples = "sample image between a\n",
      .min_args = 1,
      .max_args = 2,
      .run = run_nothing },
};
static const struct rf_cmd cmds[] = {
    { .name = "create",
      .summary = "write a bundle",
      .synopsis = "IMAGE...",
      .examples = "# everything\nsample create --full alpine\n",
      .description = "Writes a bundle of the images named.\n\nA second paragraph.",
      .opts = create_opts,
      .n_opts = RF_ARRAY_LEN(create_opts),
      .ctx_size = sizeof(struct sample_ctx),
      .max_args = RF_ARGS_ANY,
      .run = run_create },
    { .name = "inspect",
      .summary = "show a bundle",
      .synopsis = "BUNDLE...",
      .examples = "sample inspect x.tar\n",
      .min_args = 1,
      .max_args = RF_ARGS_ANY,
      .run = run_nothing },
    { .name = "image",
      .summary = "work on images",
      .children = image_cmds,
      .n_children = RF_ARRAY_LEN(image_cmds) },
    { .name = "unseen", .summary = "not shown", .hidden = true, .max_args = 0, .run = run_nothing },
};
#define SAMPLE                                                                             \
    .name = "sample", .summary = "show how it goes", .examples = "sample create alpine\n", \
    .cmds = cmds, .n_cmds = RF_ARRAY_LEN(cmds), .opts = own_opts,                          \
    .n_opts = RF_ARRAY_LEN(own_opts), .opts_size = sizeof(struct sample_own)
const struct rf_program sample = { SAMPLE };
const struct rf_program sample_upstream = { SAMPLE, .upstream_habits = true };
