/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes as text, for messages. */
#include "base/template_impl.h"
#include "base/text.h"

static void show_names(struct rf_buf *out, const struct rf_name *names)
{
    for (; names != NULL; names = names->next) {
        rf_buf_add_char(out, '.');
        rf_buf_add(out, names->text.ptr, names->text.len);
    }
}

static void show_word(struct rf_buf *out, const struct rf_node *n)
{
    bool in_parens = n->kind == RF_NODE_PIPE;
    if (in_parens)
        rf_buf_add_char(out, '(');
    rf_node_show(out, n);
    if (in_parens)
        rf_buf_add_char(out, ')');
}

static void show_pipe(struct rf_buf *out, const struct rf_node *n)
{
    for (const struct rf_node *v = n->pipe.variables; v != NULL; v = v->next) {
        rf_node_show(out, v);
        rf_buf_add_str(out, v->next != NULL ? ", " : n->pipe.assigns ? " = " : " := ");
    }
    for (const struct rf_node *c = n->pipe.commands; c != NULL; c = c->next) {
        rf_node_show(out, c);
        if (c->next != NULL)
            rf_buf_add_str(out, " | ");
    }
}

static void show_command(struct rf_buf *out, const struct rf_node *n)
{
    for (const struct rf_node *w = n->command.words; w != NULL; w = w->next) {
        show_word(out, w);
        if (w->next != NULL)
            rf_buf_add_char(out, ' ');
    }
}

static void show_control(struct rf_buf *out, const struct rf_node *n)
{
    rf_buf_add_str(out, n->kind == RF_NODE_IF      ? "{{if "
                        : n->kind == RF_NODE_RANGE ? "{{range "
                        : n->kind == RF_NODE_WITH  ? "{{with "
                                                   : "{{");
    if (n->kind == RF_NODE_TEMPLATE) {
        rf_buf_add_str(out, "template ");
        rf_text_quote(out, n->text);
        if (n->control.pipe != NULL)
            rf_buf_add_char(out, ' ');
    }
    if (n->control.pipe != NULL)
        rf_node_show(out, n->control.pipe);
    rf_buf_add_str(out, "}}");
}

void rf_node_show(struct rf_buf *out, const struct rf_node *n)
{
    switch (n->kind) {
    case RF_NODE_BREAK:
    case RF_NODE_CONTINUE:
    case RF_NODE_ELSE:
    case RF_NODE_END:
        rf_buf_add_str(out, n->kind == RF_NODE_BREAK      ? "{{break}}"
                            : n->kind == RF_NODE_CONTINUE ? "{{continue}}"
                            : n->kind == RF_NODE_ELSE     ? "{{else}}"
                                                          : "{{end}}");
        break;
    case RF_NODE_ACTION:
    case RF_NODE_IF:
    case RF_NODE_RANGE:
    case RF_NODE_WITH:
    case RF_NODE_TEMPLATE:
        show_control(out, n);
        break;
    case RF_NODE_PIPE:
        show_pipe(out, n);
        break;
    case RF_NODE_COMMAND:
        show_command(out, n);
        break;
    case RF_NODE_CHAIN:
        show_word(out, n->fields.base);
        show_names(out, n->fields.names);
        break;
    case RF_NODE_FIELD:
        show_names(out, n->fields.names);
        break;
    case RF_NODE_VARIABLE:
        rf_buf_add(out, n->text.ptr, n->text.len);
        show_names(out, n->fields.names);
        break;
    default:
        rf_buf_add(out, n->text.ptr, n->text.len);
        break;
    }
}
