/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/help.h"

#include <ctype.h>

#include "base/mem.h"

#define OPTION_INDENT 6
#define TEXT_COLUMN 26

static size_t columns_of(const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)text[i] & 0xC0) != 0x80)
            n++;
    return n;
}

static void pad(struct rf_buf *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        rf_buf_add_char(out, ' ');
}

/* Appends words from column `at` on; new lines start at column `indent`. Ends the line. An empty line in the text stays one. */
static void wrap(struct rf_buf *out, const char *text, size_t at, size_t indent)
{
    bool start = true;
    while (*text != '\0') {
        if (text[0] == '\n' && text[1] == '\n') {
            rf_buf_add_str(out, "\n\n");
            text += strspn(text, "\n");
            start = true;
            pad(out, indent);
            at = indent;
            continue;
        }
        size_t n = strcspn(text, " \n"), width = columns_of(text, n);
        if (n == 0) {
            text++;
            continue;
        }
        if (!start && at + 1 + width > RF_HELP_COLUMNS) {
            rf_buf_add_char(out, '\n');
            pad(out, indent);
            at = indent;
            start = true;
        }
        if (!start)
            rf_buf_add_char(out, ' ');
        rf_buf_add(out, text, n);
        at += width + (start ? 0 : 1);
        start = false;
        text += n;
    }
    rf_buf_add_char(out, '\n');
}

/* ---- options ---- */

static void option_head(const struct rf_opt *o, struct rf_buf *out)
{
    if (o->letter != 0)
        rf_buf_addf(out, "-%c, ", o->letter);
    rf_buf_addf(out, "--%s", o->name);
    if (o->value != NULL)
        rf_buf_addf(out, " %s", o->value);
}

static void option_tail(const struct rf_opt *o, struct rf_buf *out)
{
    rf_buf_add_str(out, o->help);
    if (o->dflt != NULL)
        rf_buf_addf(out, " (default %s)", o->dflt);
    if ((o->flags & RF_OPT_REQUIRED) != 0)
        rf_buf_add_str(out, " (required)");
}

static void help_option(const struct rf_opt *o, struct rf_buf *out)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf head, tail;
    rf_buf_init(&head, 0);
    rf_buf_init(&tail, 0);
    option_head(o, &head);
    option_tail(o, &tail);
    size_t at = o->letter != 0 ? 2 : OPTION_INDENT;
    pad(out, at);
    rf_buf_add(out, head.ptr, head.len);
    at += columns_of(head.ptr, head.len);
    if (at + 2 > TEXT_COLUMN) {
        rf_buf_add_char(out, '\n');
        at = 0;
    }
    pad(out, TEXT_COLUMN - at);
    wrap(out, tail.ptr, TEXT_COLUMN, TEXT_COLUMN);
}

static bool is_shown(const struct rf_opt *o)
{
    return (o->flags & RF_OPT_HIDDEN) == 0;
}

static bool is_shadowed(const struct rf_cmd *cmd, const struct rf_opt *global)
{
    for (size_t i = 0; cmd != NULL && i < cmd->n_opts; i++)
        if (strcmp(cmd->opts[i].name, global->name) == 0)
            return true;
    return false;
}

static void help_options(const struct rf_program *program, const struct rf_cmd *cmd,
                         struct rf_buf *out)
{
    bool titled = false;
    for (size_t i = 0; cmd != NULL && i < cmd->n_opts; i++) {
        if (!is_shown(&cmd->opts[i]))
            continue;
        if (!titled)
            rf_buf_add_str(out, "\nOptions:\n");
        titled = true;
        help_option(&cmd->opts[i], out);
    }
    rf_buf_add_str(out, cmd != NULL ? "\nOptions of all commands:\n" : "\nOptions:\n");
    size_t own = cmd != NULL ? cmd->n_opts : 0;
    for (size_t i = own; i < rf_options_count(program, cmd); i++) {
        const struct rf_opt *o = rf_options_row(program, cmd, i);
        if (is_shown(o) && !is_shadowed(cmd, o))
            help_option(o, out);
    }
    static const struct rf_opt help = {
        "help", 'h', RF_OPT_FLAG, 0, NULL, "show this text", NULL, 0
    };
    help_option(&help, out);
}

/* ---- a page of help ---- */

static void help_commands(const struct rf_cmd *list, size_t n, struct rf_buf *out)
{
    size_t width = 0;
    for (size_t i = 0; i < n; i++)
        if (!list[i].hidden && strlen(list[i].name) > width)
            width = strlen(list[i].name);
    rf_buf_add_str(out, "\nCommands:\n");
    for (size_t i = 0; i < n; i++) {
        if (list[i].hidden)
            continue;
        rf_buf_addf(out, "  %-*s  ", (int)width, list[i].name);
        wrap(out, list[i].summary, width + 4, width + 4);
    }
}

static void help_examples(const char *text, struct rf_buf *out)
{
    if (text == NULL)
        return;
    rf_buf_add_str(out, "\nExamples:\n");
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");
        if (n > 0)
            rf_buf_addf(out, "  %.*s", (int)n, text);
        rf_buf_add_char(out, '\n');
        text += n + (text[n] == '\n' ? 1 : 0);
    }
}

/* The summary as a sentence. */
static void add_summary(const char *summary, struct rf_buf *out)
{
    RF_CLEANUP(rf_freep) char *text = rf_xasprintf("%s.", summary);
    text[0] = (char)toupper((unsigned char)text[0]);
    wrap(out, text, 0, 0);
}

static void help_usage(const struct rf_cmd *cmd, const char *path, bool group, struct rf_buf *out)
{
    rf_buf_addf(out, "\nUsage:\n  %s", path);
    if (group)
        rf_buf_add_str(out, " COMMAND");
    rf_buf_add_str(out, " [OPTIONS]");
    if (!group && cmd != NULL && cmd->synopsis != NULL)
        rf_buf_addf(out, " %s", cmd->synopsis);
    rf_buf_add_char(out, '\n');
    if (cmd != NULL && cmd->aliases != NULL)
        rf_buf_addf(out, "\nAlso called: %s\n", cmd->aliases);
}

void rf_help(const struct rf_program *program, const struct rf_cmd *cmd, const char *path,
             struct rf_buf *out)
{
    const char *description = cmd != NULL ? cmd->description : program->description;
    const struct rf_cmd *list = cmd != NULL ? cmd->children : program->cmds;
    size_t n = cmd != NULL ? cmd->n_children : program->n_cmds;
    add_summary(cmd != NULL ? cmd->summary : program->summary, out);
    if (description != NULL) {
        rf_buf_add_char(out, '\n');
        wrap(out, description, 0, 0);
    }
    help_usage(cmd, path, n > 0, out);
    help_examples(cmd != NULL ? cmd->examples : program->examples, out);
    if (n > 0)
        help_commands(list, n, out);
    help_options(program, cmd, out);
    if (n > 0)
        rf_buf_addf(out, "\n%s COMMAND --help tells more of a command.\n", path);
}

/* ---- Markdown ---- */

/* "|" would end a cell; "<" would start a tag, but not in code. */
static void add_cell(const char *text, bool code, struct rf_buf *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            rf_buf_add_str(out, "\\|");
        else if (*text == '<' && !code)
            rf_buf_add_str(out, "&lt;");
        else
            rf_buf_add_char(out, *text);
    }
}

static void markdown_option(const struct rf_opt *o, struct rf_buf *out)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf head, tail;
    rf_buf_init(&head, 0);
    rf_buf_init(&tail, 0);
    option_head(o, &head);
    option_tail(o, &tail);
    rf_buf_add_str(out, "| `");
    add_cell(head.ptr, true, out);
    rf_buf_add_str(out, "` | ");
    add_cell(tail.ptr, false, out);
    rf_buf_add_str(out, " |\n");
}

static void markdown_options(const struct rf_opt *opts, size_t n, bool *titled, struct rf_buf *out)
{
    for (size_t i = 0; i < n; i++) {
        if (!is_shown(&opts[i]))
            continue;
        if (!*titled)
            rf_buf_add_str(out, "\n| option | meaning |\n|---|---|\n");
        *titled = true;
        markdown_option(&opts[i], out);
    }
}

static void markdown_command(const struct rf_cmd *c, const char *path, struct rf_buf *out)
{
    if (c->hidden)
        return;
    RF_CLEANUP(rf_freep) char *name = rf_xasprintf("%s %s", path, c->name);
    if (c->run != NULL) {
        rf_buf_addf(out, "\n### `%s%s%s`\n\n", name, c->synopsis != NULL ? " " : "",
                    c->synopsis != NULL ? c->synopsis : "");
        rf_buf_addf(out, "%c%s.\n", toupper((unsigned char)c->summary[0]), c->summary + 1);
        if (c->description != NULL)
            rf_buf_addf(out, "\n%s\n", c->description);
        if (c->examples != NULL)
            rf_buf_addf(out, "\n```sh\n%s%s```\n", c->examples,
                        c->examples[strlen(c->examples) - 1] == '\n' ? "" : "\n");
        bool titled = false;
        markdown_options(c->opts, c->n_opts, &titled, out);
    }
    for (size_t i = 0; i < c->n_children; i++)
        markdown_command(&c->children[i], name, out);
}

void rf_program_dump_markdown(const struct rf_program *program, struct rf_buf *out)
{
    for (size_t i = 0; i < program->n_cmds; i++)
        markdown_command(&program->cmds[i], program->name, out);
    rf_buf_add_str(out, "\n### Options of all commands\n");
    bool titled = false;
    markdown_options(program->opts, program->n_opts, &titled, out);
    size_t n;
    const struct rf_opt *global = rf_options_global(program, &n);
    markdown_options(global, n, &titled, out);
}

static void page_options(const struct rf_program *program, const struct rf_cmd *cmd, bool own,
                         struct rf_buf *out)
{
    size_t mine = cmd != NULL ? cmd->n_opts : rf_options_count(program, NULL);
    size_t end = own ? mine : rf_options_count(program, cmd);
    bool titled = false;
    for (size_t i = own ? 0 : mine; i < end; i++) {
        const struct rf_opt *o = rf_options_row(program, cmd, i);
        if (!is_shown(o) || (!own && is_shadowed(cmd, o)))
            continue;
        if (!titled)
            rf_buf_addf(out, "### Options%s\n\n```\n",
                        own ? "" : " inherited from parent commands");
        titled = true;
        help_option(o, out);
    }
    if (titled)
        rf_buf_add_str(out, "```\n\n");
}

void rf_help_page_markdown(const struct rf_program *program, const struct rf_cmd *cmd,
                           const char *path, struct rf_buf *out)
{
    const char *description = cmd != NULL ? cmd->description : program->description;
    const char *examples = cmd != NULL ? cmd->examples : program->examples;
    rf_buf_addf(out, "## %s\n\n", path);
    add_summary(cmd != NULL ? cmd->summary : program->summary, out);
    rf_buf_add_char(out, '\n');
    if (description != NULL)
        rf_buf_addf(out, "### Synopsis\n\n%s\n\n", description);
    if (cmd != NULL && cmd->run != NULL)
        rf_buf_addf(out, "```\n%s [OPTIONS]%s%s\n```\n\n", path, cmd->synopsis != NULL ? " " : "",
                    cmd->synopsis != NULL ? cmd->synopsis : "");
    if (examples != NULL)
        rf_buf_addf(out, "### Examples\n\n```\n%s%s```\n\n", examples,
                    examples[strlen(examples) - 1] == '\n' ? "" : "\n");
    page_options(program, cmd, true, out);
    page_options(program, cmd, false, out);
}

/* ---- checking the tables ---- */

static char *option_problem(const struct rf_opt *o)
{
    size_t len = o->help != NULL ? strlen(o->help) : 0;
    if (o->name == NULL || o->name[0] == '\0' ||
        strspn(o->name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(o->name))
        return rf_xasprintf("option \"%s\": a name is of a-z, 0-9 and -",
                            o->name != NULL ? o->name : "");
    if (len == 0 || o->help[len - 1] == '.')
        return rf_xasprintf("--%s: the help text is missing or ends with a full stop", o->name);
    if ((o->value == NULL) != (o->kind == RF_OPT_FLAG))
        return rf_xasprintf("--%s: all but flags have a word for their value", o->name);
    if (o->dflt != NULL && (o->kind == RF_OPT_LIST || o->kind == RF_OPT_COMMAS))
        return rf_xasprintf("--%s: lists have no default", o->name);
    return NULL;
}

static char *options_problem(const struct rf_program *program, const struct rf_cmd *cmd)
{
    size_t n = rf_options_count(program, cmd);
    for (size_t i = 0; i < n; i++) {
        const struct rf_opt *a = rf_options_row(program, cmd, i);
        char *problem = option_problem(a);
        if (problem != NULL)
            return problem;
        if (strcmp(a->name, "help") == 0)
            return rf_xasprintf("--help is there already");
        for (size_t k = i + 1; k < n; k++) {
            const struct rf_opt *b = rf_options_row(program, cmd, k);
            if (strcmp(a->name, b->name) == 0)
                return rf_xasprintf("--%s is there twice", a->name);
            if (a->letter != 0 && a->letter == b->letter)
                return rf_xasprintf("-%c is there twice", a->letter);
        }
    }
    return NULL;
}

static char *command_problem(const struct rf_program *program, const struct rf_cmd *c,
                             const char *path)
{
    RF_CLEANUP(rf_freep) char *name = rf_xasprintf("%s %s", path, c->name);
    size_t len = c->summary != NULL ? strlen(c->summary) : 0;
    if (len == 0 || c->summary[len - 1] == '.')
        return rf_xasprintf("%s: the summary is missing or ends with a full stop", name);
    if (c->run != NULL && !c->hidden && c->examples == NULL)
        return rf_xasprintf("%s: no example", name);
    if ((c->run == NULL) == (c->n_children == 0))
        return rf_xasprintf("%s: either it runs or it has commands", name);
    if (c->max_args != RF_ARGS_ANY && c->min_args > c->max_args)
        return rf_xasprintf("%s: more arguments needed than allowed", name);
    RF_CLEANUP(rf_freep) char *problem = options_problem(program, c);
    if (problem != NULL)
        return rf_xasprintf("%s: %s", name, problem);
    for (size_t i = 0; i < c->n_children; i++) {
        char *below = command_problem(program, &c->children[i], name);
        if (below != NULL)
            return below;
    }
    return NULL;
}

char *rf_program_problem(const struct rf_program *program)
{
    for (size_t i = 0; i < program->n_cmds; i++) {
        char *problem = command_problem(program, &program->cmds[i], program->name);
        if (problem != NULL)
            return problem;
        for (size_t k = 0; k < i; k++)
            if (strcmp(program->cmds[i].name, program->cmds[k].name) == 0)
                return rf_xasprintf("%s %s is there twice", program->name, program->cmds[i].name);
    }
    return options_problem(program, NULL);
}
