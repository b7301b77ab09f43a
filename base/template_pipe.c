/* SPDX-License-Identifier: Apache-2.0 */
/* From tokens to nodes: terms, commands, pipelines. */
#include "base/mem.h"
#define RF_PARSER_DEFINES
#include "base/template_parser.h"
#include "base/text.h"

/* ---- tokens and errors ---- */

int rf_parser_fail(struct rf_parser *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    RF_CLEANUP(rf_freep) char *what = rf_xvasprintf(fmt, ap);
    va_end(ap);
    return rf_fail(p->err, RFE_INVALID, "template: %s:%u: %s", p->t->name, (unsigned)p->line, what);
}

int rf_parser_too_large(struct rf_parser *p, const char *what)
{
    return rf_fail(p->err, RFE_TOO_LARGE, "template: %s:%u: %s", p->t->name, (unsigned)p->line,
                   what);
}

struct rf_token rf_parser_next(struct rf_parser *p)
{
    if (p->n_back > 0)
        return p->back[--p->n_back];
    struct rf_token t = rf_lexer_next(&p->lexer);
    p->line = t.line;
    return t;
}

void rf_parser_give_back(struct rf_parser *p, struct rf_token t)
{
    RF_CHECK(p->n_back < RF_ARRAY_LEN(p->back));
    p->back[p->n_back++] = t;
}

struct rf_token rf_parser_next_word(struct rf_parser *p)
{
    struct rf_token t;
    do {
        t = rf_parser_next(p);
    } while (t.type == RF_TT_SPACE);
    return t;
}

struct rf_token rf_parser_peek(struct rf_parser *p)
{
    struct rf_token t = rf_parser_next(p);
    rf_parser_give_back(p, t);
    return t;
}

struct rf_token rf_parser_peek_word(struct rf_parser *p)
{
    struct rf_token t = rf_parser_next_word(p);
    rf_parser_give_back(p, t);
    return t;
}

int rf_parser_unexpected(struct rf_parser *p, struct rf_token t, const char *context)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_token_show(&b, &t);
    if (t.type != RF_TT_ERROR)
        return rf_parser_fail(p, "unexpected %s in %s", b.ptr, context);
    if (p->action_line == 0 || p->action_line == t.line)
        return rf_parser_fail(p, "%s", b.ptr);
    const char *tail = b.len >= 7 ? b.ptr + b.len - 7 : b.ptr;
    return rf_parser_fail(p, "%s%s started at %s:%u", b.ptr,
                          strcmp(tail, " action") == 0 ? "" : " in action", p->t->name,
                          (unsigned)p->action_line);
}

int rf_parser_expect(struct rf_parser *p, enum rf_tt type, const char *context)
{
    struct rf_token t = rf_parser_next_word(p);
    return t.type == type ? 0 : rf_parser_unexpected(p, t, context);
}

/* "%q" of Go for one operand. */
char *rf_parser_quoted(struct rf_slice s)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_text_quote(&b, s);
    return rf_buf_take(&b, NULL);
}

int rf_parser_fail_node(struct rf_parser *p, const char *before, const struct rf_node *n,
                        const char *behind)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_node_show(&b, n);
    return rf_parser_fail(p, "%s%s%s", before, b.ptr, behind);
}

int rf_parser_enter(struct rf_parser *p)
{
    if (p->depth >= RF_TEMPLATE_NESTING_MAX)
        return rf_parser_too_large(p, "nested too deep");
    if (p->t->arena.over)
        return rf_parser_too_large(p, "too many parts");
    p->depth++;
    return 0;
}

/* ---- nodes ---- */

struct rf_node *rf_parser_node(struct rf_parser *p, enum rf_node_kind kind, uint32_t pos)
{
    struct rf_node *n = rf_arena_alloc(&p->t->arena, sizeof(*n));
    n->kind = kind;
    n->pos = pos;
    return n;
}

void rf_parser_append(struct rf_list *list, struct rf_node *n)
{
    if (list->last != NULL)
        list->last->next = n;
    else
        list->first = n;
    list->last = n;
}

/* `at` is the end of a list of names; gives the new end. */
static struct rf_name **add_name(struct rf_parser *p, struct rf_name **at, struct rf_slice text)
{
    *at = rf_arena_alloc(&p->t->arena, sizeof(**at));
    (*at)->text = rf_slice_of(text.ptr + 1, text.len - 1); /* without the dot */
    return &(*at)->next;
}

void rf_parser_declare(struct rf_parser *p, struct rf_slice name)
{
    p->variables = rf_grow(p->variables, p->n_variables, &p->cap_variables, sizeof(*p->variables));
    p->variables[p->n_variables++] = name;
}

static struct rf_node *variable_node(struct rf_parser *p, struct rf_token t)
{
    struct rf_node *n = rf_parser_node(p, RF_NODE_VARIABLE, t.pos);
    n->text = t.text;
    return n;
}

/* ---- terms and commands ---- */

static int parse_variable(struct rf_parser *p, struct rf_token t, struct rf_node **out)
{
    for (size_t i = 0; i < p->n_variables; i++) {
        if (!rf_slice_eq(p->variables[i], t.text))
            continue;
        *out = variable_node(p, t);
        return 0;
    }
    RF_CLEANUP(rf_freep) char *name = rf_parser_quoted(t.text);
    return rf_parser_fail(p, "undefined variable %s", name);
}

static int parse_identifier(struct rf_parser *p, struct rf_token t, struct rf_node **out)
{
    const struct rf_func *f = rf_template_func(&p->t->options, t.text);
    if (f == NULL) {
        RF_CLEANUP(rf_freep) char *name = rf_parser_quoted(t.text);
        return rf_parser_fail(p, "function %s not defined", name);
    }
    *out = rf_parser_node(p, RF_NODE_IDENTIFIER, t.pos);
    (*out)->text = t.text;
    (*out)->func = f;
    return 0;
}

static int parse_number(struct rf_parser *p, struct rf_token t, struct rf_node **out)
{
    struct rf_node *n = rf_parser_node(p, RF_NODE_NUMBER, t.pos);
    n->text = t.text;
    *out = n;
    if (t.type == RF_TT_RUNE) {
        uint32_t cp;
        if (!rf_literal_rune(t.text, &cp))
            return rf_parser_fail(p, "malformed character constant: %.*s", (int)t.text.len,
                                  t.text.ptr);
        n->number = (struct rf_number){
            .is_int = true, .is_uint = true, .is_float = true, .i = cp, .u = cp, .f = cp
        };
        return 0;
    }
    const char *wrong = rf_literal_number(t.text, &n->number);
    if (wrong == NULL)
        return 0;
    RF_CLEANUP(rf_freep) char *text = rf_parser_quoted(t.text);
    return rf_parser_fail(p, "%s: %s", wrong, text);
}

int rf_parser_string(struct rf_parser *p, struct rf_token t, struct rf_node **out)
{
    struct rf_node *n = rf_parser_node(p, RF_NODE_STRING, t.pos);
    n->text = t.text;
    if (!rf_literal_string(&p->t->arena, t.text, &n->string))
        return rf_parser_fail(p, "invalid syntax");
    *out = n;
    return 0;
}

static int parse_parens(struct rf_parser *p, struct rf_node **out)
{
    int rc = rf_parser_enter(p);
    if (rc < 0)
        return rc;
    rc = rf_parser_pipe(p, "parenthesized pipeline", RF_TT_RPAREN, out);
    p->depth--;
    return rc;
}

/* One operand without the fields behind it; NULL in *out when the next token starts none. */
static int parse_term(struct rf_parser *p, struct rf_node **out)
{
    struct rf_token t = rf_parser_next_word(p);
    *out = NULL;
    switch (t.type) {
    case RF_TT_IDENTIFIER:
        return parse_identifier(p, t, out);
    case RF_TT_VARIABLE:
        return parse_variable(p, t, out);
    case RF_TT_FIELD:
        *out = rf_parser_node(p, RF_NODE_FIELD, t.pos);
        (void)add_name(p, &(*out)->fields.names, t.text);
        return 0;
    case RF_TT_DOT:
    case RF_TT_NIL:
    case RF_TT_BOOL:
        *out = rf_parser_node(p,
                              t.type == RF_TT_DOT   ? RF_NODE_DOT
                              : t.type == RF_TT_NIL ? RF_NODE_NIL
                                                    : RF_NODE_BOOL,
                              t.pos);
        (*out)->text = t.text;
        if (t.type == RF_TT_BOOL)
            (*out)->boolean = rf_slice_is(t.text, "true");
        return 0;
    case RF_TT_RUNE:
    case RF_TT_NUMBER:
        return parse_number(p, t, out);
    case RF_TT_LPAREN:
        return parse_parens(p, out);
    case RF_TT_STRING:
    case RF_TT_RAW_STRING:
        return rf_parser_string(p, t, out);
    default:
        rf_parser_give_back(p, t);
        return 0;
    }
}

static int parse_operand(struct rf_parser *p, struct rf_node **out)
{
    struct rf_node *term, *n;
    int rc = parse_term(p, &term);
    struct rf_token t;
    *out = term;
    if (rc < 0 || term == NULL || (t = rf_parser_peek(p)).type != RF_TT_FIELD)
        return rc;
    n = term;
    if (term->kind == RF_NODE_PIPE || term->kind == RF_NODE_IDENTIFIER) {
        n = rf_parser_node(p, RF_NODE_CHAIN, t.pos);
        n->fields.base = term;
    } else if (term->kind == RF_NODE_FIELD || term->kind == RF_NODE_VARIABLE) {
        /* Messages name the place where the chain goes on. */
        n->pos = t.pos;
    } else {
        RF_CLEANUP(rf_freep) char *text = rf_parser_quoted(term->text);
        return rf_parser_fail(p, "unexpected . after term %s", text);
    }
    struct rf_name **end = &n->fields.names;
    while (*end != NULL)
        end = &(*end)->next;
    while (rf_parser_peek(p).type == RF_TT_FIELD)
        end = add_name(p, end, rf_parser_next(p).text);
    *out = n;
    return 0;
}

/* Words up to a pipe sign, which is taken, or an end, which is left. */
static int parse_command(struct rf_parser *p, struct rf_node **out)
{
    struct rf_list words = { 0 };
    struct rf_node *n = rf_parser_node(p, RF_NODE_COMMAND, rf_parser_peek_word(p).pos);
    for (bool more = true; more;) {
        struct rf_node *operand;
        int rc = parse_operand(p, &operand);
        if (rc < 0)
            return rc;
        if (operand != NULL)
            rf_parser_append(&words, operand);
        struct rf_token t = rf_parser_next(p);
        more = t.type == RF_TT_SPACE;
        if (t.type == RF_TT_RIGHT || t.type == RF_TT_RPAREN)
            rf_parser_give_back(p, t);
        else if (!more && t.type != RF_TT_PIPE)
            return rf_parser_unexpected(p, t, "operand");
        if (p->t->arena.over)
            return rf_parser_too_large(p, "too many parts");
    }
    if (words.first == NULL)
        return rf_parser_fail(p, "empty command");
    n->command.words = words.first;
    *out = n;
    return 0;
}

/* ---- pipelines ---- */

/* "$k, " of a range: another variable must come. */
static int check_second_variable(struct rf_parser *p, const char *context, size_t n)
{
    if (strcmp(context, "range") != 0 || n >= 2)
        return rf_parser_fail(p, "too many declarations in %s", context);
    struct rf_token t = rf_parser_peek_word(p);
    if (t.type != RF_TT_VARIABLE && t.type != RF_TT_RIGHT && t.type != RF_TT_RPAREN)
        return rf_parser_fail(p, "range can only initialize variables");
    return 0;
}

/* "$x :=", "$x =", "$k, $v :=" in front of a pipeline. */
static int parse_declarations(struct rf_parser *p, const char *context, struct rf_node *pipe)
{
    struct rf_list list = { 0 };
    for (size_t n = 1; rf_parser_peek_word(p).type == RF_TT_VARIABLE; n++) {
        struct rf_token v = rf_parser_next_word(p), behind = rf_parser_next(p), sign = behind;
        if (behind.type == RF_TT_SPACE)
            sign = rf_parser_next_word(p);
        bool comma = sign.type == RF_TT_CHAR && rf_slice_is(sign.text, ",");
        if (!comma && sign.type != RF_TT_DECLARE && sign.type != RF_TT_ASSIGN) {
            rf_parser_give_back(p, sign);
            if (behind.type == RF_TT_SPACE)
                rf_parser_give_back(p, behind);
            rf_parser_give_back(p, v);
            break;
        }
        rf_parser_append(&list, variable_node(p, v));
        rf_parser_declare(p, v.text);
        pipe->pipe.assigns = sign.type == RF_TT_ASSIGN;
        int rc = comma ? check_second_variable(p, context, n) : 0;
        if (rc == 0 && p->n_variables > RF_PARSER_VARIABLES_MAX)
            rc = rf_parser_too_large(p, "too many variables");
        if (rc < 0)
            return rc;
        if (!comma)
            break;
    }
    pipe->pipe.variables = list.first;
    return 0;
}

static int check_pipe(struct rf_parser *p, const char *context, const struct rf_node *pipe)
{
    unsigned stage = 1;
    if (pipe->pipe.commands == NULL)
        return rf_parser_fail(p, "missing value for %s", context);
    for (const struct rf_node *c = pipe->pipe.commands->next; c != NULL; c = c->next) {
        enum rf_node_kind k = c->command.words->kind;
        stage++;
        if (k == RF_NODE_BOOL || k == RF_NODE_DOT || k == RF_NODE_NIL || k == RF_NODE_NUMBER ||
            k == RF_NODE_STRING)
            return rf_parser_fail(p, "non executable command in pipeline stage %u", stage);
    }
    return 0;
}

static bool starts_operand(enum rf_tt type)
{
    switch (type) {
    case RF_TT_BOOL:
    case RF_TT_RUNE:
    case RF_TT_DOT:
    case RF_TT_FIELD:
    case RF_TT_IDENTIFIER:
    case RF_TT_NUMBER:
    case RF_TT_NIL:
    case RF_TT_RAW_STRING:
    case RF_TT_STRING:
    case RF_TT_VARIABLE:
    case RF_TT_LPAREN:
        return true;
    default:
        return false;
    }
}

int rf_parser_pipe(struct rf_parser *p, const char *context, enum rf_tt end, struct rf_node **out)
{
    struct rf_list commands = { 0 };
    struct rf_node *pipe = rf_parser_node(p, RF_NODE_PIPE, rf_parser_peek_word(p).pos);
    int rc = parse_declarations(p, context, pipe);
    while (rc == 0) {
        struct rf_node *command = NULL;
        struct rf_token t = rf_parser_next_word(p);
        if (t.type == end)
            break;
        if (!starts_operand(t.type))
            return rf_parser_unexpected(p, t, context);
        rf_parser_give_back(p, t);
        rc = parse_command(p, &command);
        if (rc == 0)
            rf_parser_append(&commands, command);
    }
    if (rc < 0)
        return rc;
    pipe->pipe.commands = commands.first;
    *out = pipe;
    return check_pipe(p, context, pipe);
}
