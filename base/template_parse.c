/* SPDX-License-Identifier: Apache-2.0 */
/* From tokens to nodes: actions, control structures, named templates. */
#include "base/mem.h"
#include "base/template_parser.h"

static int parse_item(struct rf_parser *p, struct rf_node **out);

/* ---- control structures ---- */

/* Nodes up to {{end}} or {{else}}, which is given in *end. */
static int parse_body(struct rf_parser *p, struct rf_node **out, struct rf_node **end)
{
    struct rf_list list = { 0 };
    while (rf_parser_peek(p).type != RF_TT_EOF) {
        struct rf_node *n;
        int rc = parse_item(p, &n);
        if (rc < 0)
            return rc;
        if (n->kind == RF_NODE_END || n->kind == RF_NODE_ELSE) {
            *out = list.first;
            *end = n;
            return 0;
        }
        rf_parser_append(&list, n);
    }
    return rf_parser_fail(p, "unexpected EOF");
}

/* Behind the word if, range or with. */
static int parse_control(struct rf_parser *p, enum rf_node_kind kind, struct rf_node **out);

/* Behind {{else, which may go on with another if or with. */
static int parse_otherwise(struct rf_parser *p, enum rf_node_kind kind, struct rf_node *n)
{
    struct rf_node *end;
    enum rf_tt again = kind == RF_NODE_IF ? RF_TT_IF : RF_TT_WITH;
    if (kind != RF_NODE_RANGE && rf_parser_peek(p).type == again) {
        (void)rf_parser_next(p);
        return parse_control(p, kind, &n->control.otherwise);
    }
    int rc = parse_body(p, &n->control.otherwise, &end);
    if (rc == 0 && end->kind != RF_NODE_END)
        rc = rf_parser_fail_node(p, "expected end; found ", end, "");
    return rc;
}

static int parse_control_parts(struct rf_parser *p, enum rf_node_kind kind, struct rf_node *n)
{
    struct rf_node *end;
    const char *context = kind == RF_NODE_IF ? "if" : kind == RF_NODE_RANGE ? "range" : "with";
    int rc = rf_parser_pipe(p, context, RF_TT_RIGHT, &n->control.pipe);
    if (rc < 0)
        return rc;
    n->pos = n->control.pipe->pos;
    p->action_line = 0;
    p->loops += kind == RF_NODE_RANGE;
    rc = parse_body(p, &n->control.body, &end);
    p->loops -= kind == RF_NODE_RANGE;
    if (rc == 0 && end->kind == RF_NODE_ELSE)
        rc = parse_otherwise(p, kind, n);
    return rc;
}

static int parse_control(struct rf_parser *p, enum rf_node_kind kind, struct rf_node **out)
{
    size_t variables = p->n_variables;
    int rc = rf_parser_enter(p);
    if (rc < 0)
        return rc;
    *out = rf_parser_node(p, kind, 0);
    rc = parse_control_parts(p, kind, *out);
    p->n_variables = variables;
    p->depth--;
    return rc;
}

static int parse_jump(struct rf_parser *p, struct rf_token t, struct rf_node **out)
{
    bool is_break = t.type == RF_TT_BREAK;
    int rc = rf_parser_expect(p, RF_TT_RIGHT, is_break ? "{{break}}" : "{{continue}}");
    if (rc == 0 && p->loops == 0)
        rc = rf_parser_fail(p, "{{%s}} outside {{range}}", is_break ? "break" : "continue");
    *out = rf_parser_node(p, is_break ? RF_NODE_BREAK : RF_NODE_CONTINUE, t.pos);
    return rc;
}

static int parse_else(struct rf_parser *p, struct rf_node **out)
{
    struct rf_token t = rf_parser_peek_word(p);
    *out = rf_parser_node(p, RF_NODE_ELSE, t.pos);
    if (t.type == RF_TT_IF || t.type == RF_TT_WITH) {
        rf_parser_give_back(p, rf_parser_next_word(p)); /* without blanks in front */
        return 0;
    }
    return rf_parser_expect(p, RF_TT_RIGHT, "else");
}

/* ---- named templates ---- */

static int parse_name(struct rf_parser *p, struct rf_token t, const char *context,
                      struct rf_slice *out)
{
    struct rf_node *n;
    if (t.type != RF_TT_STRING && t.type != RF_TT_RAW_STRING)
        return rf_parser_unexpected(p, t, context);
    int rc = rf_parser_string(p, t, &n);
    if (rc == 0)
        *out = n->string;
    return rc;
}

static bool is_blank(const struct rf_node *body)
{
    for (; body != NULL; body = body->next) {
        if (body->kind != RF_NODE_TEXT)
            return false;
        for (size_t i = 0; i < body->text.len; i++)
            if (strchr(" \t\r\n\v\f", body->text.ptr[i]) == NULL || body->text.ptr[i] == '\0')
                return false;
    }
    return true;
}

/* An empty definition gives way to another one; two with content are an error. */
static int define(struct rf_parser *p, struct rf_slice name, struct rf_node *body)
{
    struct rf_definition **at = &p->t->definitions;
    while (*at != NULL && !rf_slice_eq((*at)->name, name))
        at = &(*at)->next;
    if (*at != NULL && !is_blank((*at)->body)) {
        if (is_blank(body))
            return 0;
        RF_CLEANUP(rf_freep) char *shown = rf_parser_quoted(name);
        return rf_parser_fail(p, "template: multiple definition of template %s", shown);
    }
    if (*at == NULL && p->n_definitions++ >= RF_PARSER_DEFINITIONS_MAX)
        return rf_parser_too_large(p, "too many templates");
    if (*at == NULL)
        *at = rf_arena_alloc(&p->t->arena, sizeof(**at));
    (*at)->name = name;
    (*at)->body = body;
    return 0;
}

/* The body of a definition has variables and loops of its own. */
static int parse_definition_body(struct rf_parser *p, struct rf_slice name, const char *context)
{
    struct rf_node *body, *end;
    RF_CLEANUP(rf_freep) struct rf_slice *outer = p->variables;
    size_t n = p->n_variables, cap = p->cap_variables;
    unsigned loops = p->loops;
    p->variables = NULL;
    p->n_variables = p->cap_variables = 0;
    p->loops = 0;
    p->action_line = 0;
    rf_parser_declare(p, rf_slice_str("$"));
    int rc = parse_body(p, &body, &end);
    if (rc == 0 && end->kind != RF_NODE_END)
        rc = rf_parser_fail_node(p, "unexpected ", end,
                                 strcmp(context, "define clause") == 0 ? " in define clause"
                                                                       : " in block clause");
    if (rc == 0)
        rc = define(p, name, body);
    /* The new list goes with `outer`, the old one comes back. */
    struct rf_slice *inner = p->variables;
    p->variables = outer;
    outer = inner;
    p->n_variables = n;
    p->cap_variables = cap;
    p->loops = loops;
    return rc;
}

static int parse_define(struct rf_parser *p)
{
    struct rf_slice name;
    const char *context = "define clause";
    int rc = parse_name(p, rf_parser_next_word(p), context, &name);
    if (rc == 0)
        rc = rf_parser_expect(p, RF_TT_RIGHT, context);
    if (rc == 0)
        rc = parse_definition_body(p, name, context);
    return rc;
}

static int parse_block(struct rf_parser *p, struct rf_node **out)
{
    const char *context = "block clause";
    struct rf_token t = rf_parser_next_word(p);
    struct rf_node *n = rf_parser_node(p, RF_NODE_TEMPLATE, t.pos);
    int rc = parse_name(p, t, context, &n->text);
    if (rc == 0)
        rc = rf_parser_pipe(p, context, RF_TT_RIGHT, &n->control.pipe);
    if (rc == 0)
        rc = rf_parser_enter(p);
    if (rc < 0)
        return rc;
    rc = parse_definition_body(p, n->text, context);
    p->depth--;
    *out = n;
    return rc;
}

static int parse_template(struct rf_parser *p, struct rf_node **out)
{
    const char *context = "template clause";
    struct rf_token t = rf_parser_next_word(p);
    struct rf_node *n = rf_parser_node(p, RF_NODE_TEMPLATE, t.pos);
    int rc = parse_name(p, t, context, &n->text);
    if (rc < 0)
        return rc;
    *out = n;
    t = rf_parser_next_word(p);
    if (t.type == RF_TT_RIGHT)
        return 0;
    rf_parser_give_back(p, t);
    return rf_parser_pipe(p, context, RF_TT_RIGHT, &n->control.pipe);
}

/* ---- the whole ---- */

static int parse_action(struct rf_parser *p, struct rf_node **out)
{
    struct rf_token t = rf_parser_next_word(p);
    switch (t.type) {
    case RF_TT_BLOCK:
        return parse_block(p, out);
    case RF_TT_BREAK:
    case RF_TT_CONTINUE:
        return parse_jump(p, t, out);
    case RF_TT_ELSE:
        return parse_else(p, out);
    case RF_TT_END:
        *out = rf_parser_node(p, RF_NODE_END, t.pos);
        return rf_parser_expect(p, RF_TT_RIGHT, "end");
    case RF_TT_IF:
        return parse_control(p, RF_NODE_IF, out);
    case RF_TT_RANGE:
        return parse_control(p, RF_NODE_RANGE, out);
    case RF_TT_WITH:
        return parse_control(p, RF_NODE_WITH, out);
    case RF_TT_TEMPLATE:
        return parse_template(p, out);
    default:
        rf_parser_give_back(p, t);
        *out = rf_parser_node(p, RF_NODE_ACTION, t.pos);
        return rf_parser_pipe(p, "command", RF_TT_RIGHT, &(*out)->control.pipe);
    }
}

/* Text or an action. */
static int parse_item(struct rf_parser *p, struct rf_node **out)
{
    struct rf_token t = rf_parser_next_word(p);
    if (p->t->arena.over)
        return rf_parser_too_large(p, "too many parts");
    if (t.type == RF_TT_TEXT) {
        *out = rf_parser_node(p, RF_NODE_TEXT, t.pos);
        (*out)->text = t.text;
        return 0;
    }
    if (t.type != RF_TT_LEFT)
        return rf_parser_unexpected(p, t, "input");
    p->action_line = t.line;
    int rc = parse_action(p, out);
    if (rc == 0)
        p->action_line = 0;
    return rc;
}

static int parse_top(struct rf_parser *p)
{
    struct rf_list list = { 0 };
    while (rf_parser_peek(p).type != RF_TT_EOF) {
        struct rf_node *n;
        int rc;
        struct rf_token left = rf_parser_next(p);
        if (left.type == RF_TT_LEFT && rf_parser_peek_word(p).type == RF_TT_DEFINE) {
            (void)rf_parser_next_word(p);
            rc = parse_define(p);
            if (rc < 0)
                return rc;
            continue;
        }
        rf_parser_give_back(p, left);
        rc = parse_item(p, &n);
        if (rc < 0)
            return rc;
        if (n->kind == RF_NODE_END || n->kind == RF_NODE_ELSE)
            return rf_parser_fail_node(p, "unexpected ", n, "");
        rf_parser_append(&list, n);
    }
    return define(p, rf_slice_str(p->t->name), list.first);
}

int rf_template_parse_text(struct rf_template *t, struct rf_err *err)
{
    struct rf_parser p = { .t = t, .err = err, .line = 1 };
    rf_lexer_init(&p.lexer, t->text);
    p.lexer.break_is_name = rf_template_func(&t->options, rf_slice_str("break")) != NULL;
    p.lexer.continue_is_name = rf_template_func(&t->options, rf_slice_str("continue")) != NULL;
    rf_parser_declare(&p, rf_slice_str("$"));
    int rc = parse_top(&p);
    rf_freep(&p.variables);
    return rc;
}
