/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/cli_doc.h"

#include "base/mem.h"
#include "base/template.h"
#include "tools/common/help.h"

struct cli_doc {
    bool list, hidden;
    const char *format;
};

static const struct rf_opt rows[] = {
    { "list", 0, RF_OPT_FLAG, offsetof(struct cli_doc, list), NULL, "list all commands", NULL, 0 },
    { "hidden", 0, RF_OPT_FLAG, offsetof(struct cli_doc, hidden), NULL,
      "hidden commands are in the list as well", NULL, 0 },
    { "format", 0, RF_OPT_STRING, offsetof(struct cli_doc, format), "TEMPLATE",
      "output by a template over the command", NULL, 0 },
};

/* A command and how it is called; cmd NULL is the program. */
struct subject {
    const struct rf_program *program;
    const struct rf_cmd *cmd;
    const char *path;
};

static const struct rf_cmd *children_of(const struct subject *s, size_t *n)
{
    *n = s->cmd != NULL ? s->cmd->n_children : s->program->n_cmds;
    return s->cmd != NULL ? s->cmd->children : s->program->cmds;
}

/* The first by name behind `after` (NULL: of all), or NULL. */
static const struct rf_cmd *next_by_name(const struct subject *s, const struct rf_cmd *after,
                                         bool hidden)
{
    size_t n;
    const struct rf_cmd *list = children_of(s, &n), *best = NULL;
    for (size_t i = 0; i < n; i++) {
        if ((list[i].hidden && !hidden) ||
            (after != NULL && strcmp(list[i].name, after->name) <= 0))
            continue;
        if (best == NULL || strcmp(list[i].name, best->name) < 0)
            best = &list[i];
    }
    return best;
}

static void add_list(const struct subject *s, bool hidden, struct rf_buf *out)
{
    rf_buf_addf(out, "%s\n", s->path);
    const struct rf_cmd *c = NULL;
    while ((c = next_by_name(s, c, hidden)) != NULL) {
        RF_CLEANUP(rf_freep) char *path = rf_xasprintf("%s %s", s->path, c->name);
        const struct subject child = { s->program, c, path };
        add_list(&child, hidden, out);
    }
}

static struct rf_value text_of(const char *text)
{
    return rf_value_string(rf_slice_str(text != NULL ? text : ""));
}

static struct rf_value names_of(const struct subject *s, struct rf_arena *arena)
{
    size_t n, len = 0;
    (void)children_of(s, &n);
    const char **names = rf_arena_alloc(arena, (n + 1) * sizeof(*names));
    const struct rf_cmd *c = NULL;
    while ((c = next_by_name(s, c, false)) != NULL)
        names[len++] = c->name;
    return rf_value_strings(arena, names, len);
}

static int add_by_template(const struct subject *s, const char *format, struct rf_buf *out,
                           struct rf_err *err)
{
    const struct rf_cmd *c = s->cmd;
    const struct rf_program *p = s->program;
    RF_CLEANUP(rf_arena_release) struct rf_arena arena;
    rf_arena_init(&arena, 0);
    const char *synopsis = c != NULL ? c->synopsis : NULL;
    const char *name = c != NULL ? c->name : p->name;
    struct rf_slice tail = rf_arena_printf(&arena, "%s%s", synopsis != NULL ? " " : "",
                                           synopsis != NULL ? synopsis : "");
    struct rf_slice use = rf_arena_printf(&arena, "%s%s", name, tail.ptr);
    struct rf_slice line = rf_arena_printf(&arena, "%s [OPTIONS]%s", s->path, tail.ptr);
    /* Sorted, as maps are. */
    struct rf_pair pairs[] = {
        { rf_slice_str("Aliases"), text_of(c != NULL ? c->aliases : NULL) },
        { rf_slice_str("CommandPath"), text_of(s->path) },
        { rf_slice_str("Commands"), names_of(s, &arena) },
        { rf_slice_str("Example"), text_of(c != NULL ? c->examples : p->examples) },
        { rf_slice_str("Hidden"), rf_value_bool(c != NULL && c->hidden) },
        { rf_slice_str("Long"), text_of(c != NULL ? c->description : p->description) },
        { rf_slice_str("Name"), text_of(name) },
        { rf_slice_str("Runnable"), rf_value_bool(c != NULL && c->run != NULL) },
        { rf_slice_str("Short"), text_of(c != NULL ? c->summary : p->summary) },
        { rf_slice_str("Use"), rf_value_string(use) },
        { rf_slice_str("UseLine"), rf_value_string(line) },
    };
    struct rf_value data = rf_value_map(NULL, pairs, RF_ARRAY_LEN(pairs));
    return rf_template_render("out", rf_slice_str(format), &data, NULL, out, err);
}

/* A word that a group does not know is passed over, as upstream does. */
static int find(const struct rf_env *env, int argc, char **argv, const struct rf_cmd **out,
                char **path, struct rf_err *err)
{
    const struct rf_cmd *at = NULL;
    *path = rf_xstrdup(env->program->name);
    for (int i = 0; i < argc; i++) {
        const struct rf_cmd *next = rf_options_child(env->program, at, argv[i]);
        if (next == NULL && at == NULL)
            return rf_fail(err, RFE_USAGE, "unknown command \"%s\" for \"%s\"", argv[i], *path);
        if (next == NULL)
            break;
        char *longer = rf_xasprintf("%s %s", *path, next->name);
        free(*path);
        *path = longer;
        at = next;
    }
    *out = at;
    return 0;
}

static int run_cli_doc(const struct rf_env *env, void *ctx, int argc, char **argv,
                       struct rf_err *err)
{
    const struct cli_doc *o = ctx;
    struct subject s = { env->program, NULL, env->program->name };
    RF_CLEANUP(rf_freep) char *path = NULL;
    RF_CLEANUP(rf_buf_release) struct rf_buf out;
    rf_buf_init(&out, 0);
    int rc = 0;
    if (o->list) {
        add_list(&s, o->hidden, &out);
    } else {
        rc = find(env, argc, argv, &s.cmd, &path, err);
        s.path = path;
        if (rc == 0 && o->format != NULL && o->format[0] != '\0')
            rc = add_by_template(&s, o->format, &out, err);
        else if (rc == 0)
            rf_help_page_markdown(s.program, s.cmd, s.path, &out);
    }
    (void)fwrite(out.ptr, 1, out.len, stdout);
    return rc;
}

struct rf_cmd rf_cli_doc_row(void)
{
    return (struct rf_cmd){
        .name = "cli-doc",
        .synopsis = "[COMMAND...]",
        .summary = "document the commands",
        .hidden = true,
        .opts = rows,
        .n_opts = RF_ARRAY_LEN(rows),
        .ctx_size = sizeof(struct cli_doc),
        .max_args = RF_ARGS_ANY,
        .run = run_cli_doc,
    };
}
