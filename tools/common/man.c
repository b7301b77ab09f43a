/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/man.h"

#include <ctype.h>

#include "base/mem.h"
#include "base/text.h"

/* ---- text ---- */

static const char *escape_of(char c, unsigned style)
{
    switch (c) {
    case '\\':
        return "\\e";
    case '-':
        return (style & RF_MAN_CODE) != 0 ? "\\-" : NULL;
    case '\'':
        return "\\(aq";
    case '`':
        return "\\(ga";
    case '^':
        return "\\(ha";
    case '~':
        return "\\(ti";
    case '"':
        return "\\(dq"; /* also right within the arguments of a macro */
    default:
        return NULL;
    }
}

void rf_man_text(struct rf_slice text, unsigned style, struct rf_buf *out)
{
    while (text.len > 0) {
        uint32_t cp;
        size_t n = rf_text_next(text, &cp);
        const char *escape = n == 1 ? escape_of(text.ptr[0], style) : NULL;
        bool starts_line = out->len == 0 || out->ptr[out->len - 1] == '\n';
        if (starts_line && (text.ptr[0] == '.' || text.ptr[0] == '\'' || cp == 0x2026))
            rf_buf_add_str(out, "\\&");
        if (escape != NULL)
            rf_buf_add_str(out, escape);
        else if (cp == 0x2026) /* the ellipsis, which plain terminals lack */
            rf_buf_add_str(out, "...");
        else if (n > 1)
            rf_buf_addf(out, "\\[u%04X]", (unsigned)cp);
        else
            rf_buf_add_char(out, text.ptr[0]);
        text.ptr += n;
        text.len -= n;
    }
}

static void add(struct rf_buf *out, const char *text, unsigned style)
{
    rf_man_text(rf_slice_str(text), style, out);
}

void rf_man_paragraph(struct rf_buf *out)
{
    size_t at = out->len > 0 ? out->len - 1 : 0;
    while (at > 0 && out->ptr[at - 1] != '\n')
        at--;
    if (strncmp(out->ptr + at, ".SH", 3) != 0 && strncmp(out->ptr + at, ".SS", 3) != 0)
        rf_buf_add_str(out, ".PP\n");
}

void rf_man_block(struct rf_slice lines, struct rf_buf *out)
{
    rf_buf_add_str(out, ".RS 4\n.nf\n");
    while (lines.len > 0) {
        const char *end = memchr(lines.ptr, '\n', lines.len);
        size_t n = end != NULL ? (size_t)(end - lines.ptr) : lines.len;
        if (n == 0)
            rf_buf_add_str(out, "\\&");
        rf_man_text(rf_slice_of(lines.ptr, n), RF_MAN_CODE, out);
        rf_buf_add_char(out, '\n');
        lines.ptr += n + (end != NULL ? 1 : 0);
        lines.len -= n + (end != NULL ? 1 : 0);
    }
    rf_buf_add_str(out, ".fi\n.RE\n");
}

/* A text of the table: paragraphs are separated by an empty line. */
static void add_paragraphs(struct rf_buf *out, const char *text)
{
    while (*text != '\0') {
        const char *end = strstr(text, "\n\n");
        size_t n = end != NULL ? (size_t)(end - text) : strlen(text);
        rf_man_paragraph(out);
        rf_man_text(rf_slice_of(text, n), RF_MAN_TEXT, out);
        rf_buf_add_char(out, '\n');
        text += n;
        text += strspn(text, "\n");
    }
}

static void add_sentence(struct rf_buf *out, const char *summary)
{
    RF_CLEANUP(rf_freep) char *text = rf_xasprintf("%s.\n", summary);
    text[0] = (char)toupper((unsigned char)text[0]);
    add(out, text, RF_MAN_TEXT);
}

/* ---- options ---- */

static bool is_shown(const struct rf_opt *o)
{
    return (o->flags & RF_OPT_HIDDEN) == 0;
}

static void add_option(struct rf_buf *out, const struct rf_opt *o)
{
    rf_buf_add_str(out, ".TP\n");
    if (o->letter != 0)
        rf_buf_addf(out, "\\fB\\-%c\\fR, ", o->letter);
    rf_buf_add_str(out, "\\fB\\-\\-");
    add(out, o->name, RF_MAN_CODE);
    rf_buf_add_str(out, "\\fR");
    if (o->value != NULL) {
        rf_buf_add_str(out, " \\fI");
        add(out, o->value, RF_MAN_CODE);
        rf_buf_add_str(out, "\\fR");
    }
    rf_buf_add_char(out, '\n');
    add(out, o->help, RF_MAN_TEXT);
    if (o->dflt != NULL) {
        rf_buf_add_str(out, " (default ");
        add(out, o->dflt, RF_MAN_CODE);
        rf_buf_add_char(out, ')');
    }
    rf_buf_add_str(out, (o->flags & RF_OPT_REQUIRED) != 0 ? " (required)\n" : "\n");
}

static void add_options(struct rf_buf *out, const struct rf_opt *opts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is_shown(&opts[i]))
            add_option(out, &opts[i]);
}

/* ---- commands ---- */

static void add_examples(struct rf_buf *out, const char *examples)
{
    if (examples == NULL)
        return;
    size_t n = strlen(examples);
    rf_man_paragraph(out);
    rf_man_block(rf_slice_of(examples, n > 0 && examples[n - 1] == '\n' ? n - 1 : n), out);
}

static void add_command(struct rf_buf *out, const struct rf_cmd *c, const char *path)
{
    if (c->hidden)
        return;
    RF_CLEANUP(rf_freep) char *name = rf_xasprintf("%s %s", path, c->name);
    if (c->run != NULL) {
        rf_buf_add_str(out, ".SS \"");
        add(out, name, RF_MAN_CODE);
        if (c->synopsis != NULL) {
            rf_buf_add_char(out, ' ');
            add(out, c->synopsis, RF_MAN_CODE);
        }
        rf_buf_add_str(out, "\"\n");
        add_sentence(out, c->summary);
        if (c->aliases != NULL) {
            rf_buf_add_str(out, "Also called ");
            add(out, c->aliases, RF_MAN_TEXT);
            rf_buf_add_str(out, ".\n");
        }
        if (c->description != NULL)
            add_paragraphs(out, c->description);
        add_examples(out, c->examples);
        add_options(out, c->opts, c->n_opts);
    }
    for (size_t i = 0; i < c->n_children; i++)
        add_command(out, &c->children[i], name);
}

/* ---- the page ---- */

static void add_head(struct rf_buf *out, const struct rf_program *program, const char *date)
{
    rf_buf_add_str(out, ".\\\" Made from the program's tables and its page in docs/.\n.TH ");
    for (const char *at = program->name; *at != '\0'; at++)
        rf_buf_add_char(out, (char)toupper((unsigned char)*at));
    rf_buf_addf(out, " 1 \"%s\" \"regferry %s\" \"regferry\"\n", date, RF_VERSION);
    rf_buf_add_str(out, ".SH NAME\n");
    add(out, program->name, RF_MAN_CODE);
    rf_buf_add_str(out, " \\- ");
    add(out, program->summary, RF_MAN_TEXT);
    rf_buf_addf(out,
                "\n.SH SYNOPSIS\n\\fB%s\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]\n"
                ".PP\n\\fB%s\\fR [\\fICOMMAND\\fR] \\fB\\-\\-help\\fR\n",
                program->name, program->name);
}

/* Without the title, which is the program's name. */
static struct rf_slice before_commands(struct rf_slice prose)
{
    static const char stop[] = "\n## Commands\n";
    if (prose.len > 2 && prose.ptr[0] == '#' && prose.ptr[1] == ' ') {
        const char *end = memchr(prose.ptr, '\n', prose.len);
        size_t n = end != NULL ? (size_t)(end - prose.ptr) : prose.len;
        prose = rf_slice_of(prose.ptr + n, prose.len - n);
    }
    const char *commands =
        prose.len > 0 ? memmem(prose.ptr, prose.len, stop, sizeof(stop) - 1) : NULL;
    if (commands != NULL)
        prose.len = (size_t)(commands + 1 - prose.ptr);
    return prose;
}

void rf_man_page(const struct rf_program *program, struct rf_slice prose, const char *date,
                 struct rf_buf *out)
{
    size_t n;
    const struct rf_opt *global = rf_options_global(program, &n);
    add_head(out, program, date);
    rf_buf_add_str(out, ".SH DESCRIPTION\n");
    rf_man_prose(before_commands(prose), out);
    rf_buf_add_str(out, ".SH COMMANDS\n");
    for (size_t i = 0; i < program->n_cmds; i++)
        add_command(out, &program->cmds[i], program->name);
    rf_buf_add_str(out, ".SH OPTIONS\nThese are known to all commands.\n");
    add_options(out, program->opts, program->n_opts);
    add_options(out, global, n);
    if (program->examples != NULL) {
        rf_buf_add_str(out, ".SH EXAMPLES\n");
        add_examples(out, program->examples);
    }
}
