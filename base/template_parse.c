/* SPDX-License-Identifier: Apache-2.0 */
/* From tokens to nodes: actions, control structures, pipelines. */
#include "base/mem.h"
#include "base/template_impl.h"
#include "base/text.h"

/* At one place; both are looked up one by one. */
#define VARIABLES_MAX 1000
#define DEFINITIONS_MAX 1000

struct parser {
    struct rf_template *t;
    struct rf_err *err;
    struct rf_lexer lexer;
    struct rf_token back[4]; /* given back, the last one first */
    unsigned n_back;
    uint32_t line;        /* of the token read last, where errors are reported */
    uint32_t action_line; /* of the {{ of the action being read, 0 outside */
    struct rf_slice *variables;
    size_t n_variables, cap_variables, n_definitions;
    unsigned loops; /* range around the place */
    unsigned depth;
};

static int parse_pipe(struct parser *p, const char *context, enum rf_tt end, struct rf_node **out);
static int parse_item(struct parser *p, struct rf_node **out);

/* ---- tokens and errors ---- */

static int fail(struct parser *p, const char *fmt, ...) RF_PRINTF(2, 3);
static int fail(struct parser *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    RF_CLEANUP(rf_freep) char *what = rf_xvasprintf(fmt, ap);
    va_end(ap);
    return rf_fail(p->err, RFE_INVALID, "template: %s:%u: %s", p->t->name, (unsigned)p->line, what);
}

static int too_large(struct parser *p, const char *what)
{
    return rf_fail(p->err, RFE_TOO_LARGE, "template: %s:%u: %s", p->t->name, (unsigned)p->line,
                   what);
}

static struct rf_token next(struct parser *p)
{
    if (p->n_back > 0)
        return p->back[--p->n_back];
    struct rf_token t = rf_lexer_next(&p->lexer);
    p->line = t.line;
    return t;
}

static void give_back(struct parser *p, struct rf_token t)
{
    RF_CHECK(p->n_back < RF_ARRAY_LEN(p->back));
    p->back[p->n_back++] = t;
}

static struct rf_token next_word(struct parser *p)
{
    struct rf_token t;
    do {
        t = next(p);
    } while (t.type == RF_TT_SPACE);
    return t;
}

static struct rf_token peek(struct parser *p)
{
    struct rf_token t = next(p);
    give_back(p, t);
    return t;
}

static struct rf_token peek_word(struct parser *p)
{
    struct rf_token t = next_word(p);
    give_back(p, t);
    return t;
}

static int unexpected(struct parser *p, struct rf_token t, const char *context)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_token_show(&b, &t);
    if (t.type != RF_TT_ERROR)
        return fail(p, "unexpected %s in %s", b.ptr, context);
    if (p->action_line == 0 || p->action_line == t.line)
        return fail(p, "%s", b.ptr);
    const char *tail = b.len >= 7 ? b.ptr + b.len - 7 : b.ptr;
    return fail(p, "%s%s started at %s:%u", b.ptr, strcmp(tail, " action") == 0 ? "" : " in action",
                p->t->name, (unsigned)p->action_line);
}

static int expect(struct parser *p, enum rf_tt type, const char *context)
{
    struct rf_token t = next_word(p);
    return t.type == type ? 0 : unexpected(p, t, context);
}

/* "%q" of Go for one operand. */
static char *quoted(struct rf_slice s)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_text_quote(&b, s);
    return rf_buf_take(&b, NULL);
}

static int fail_node(struct parser *p, const char *before, const struct rf_node *n,
                     const char *behind)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_node_show(&b, n);
    return fail(p, "%s%s%s", before, b.ptr, behind);
}

static int enter(struct parser *p)
{
    if (p->depth >= RF_TEMPLATE_NESTING_MAX)
        return too_large(p, "nested too deep");
    if (p->t->arena.over)
        return too_large(p, "too many parts");
    p->depth++;
    return 0;
}

/* ---- nodes ---- */

static struct rf_node *new_node(struct parser *p, enum rf_node_kind kind, uint32_t pos)
{
    struct rf_node *n = rf_arena_alloc(&p->t->arena, sizeof(*n));
    n->kind = kind;
    n->pos = pos;
    return n;
}

static void append(struct rf_list *list, struct rf_node *n)
{
    if (list->last != NULL)
        list->last->next = n;
    else
        list->first = n;
    list->last = n;
}

/* `at` is the end of a list of names; gives the new end. */
static struct rf_name **add_name(struct parser *p, struct rf_name **at, struct rf_slice text)
{
    *at = rf_arena_alloc(&p->t->arena, sizeof(**at));
    (*at)->text = rf_slice_of(text.ptr + 1, text.len - 1); /* without the dot */
    return &(*at)->next;
}

static void declare(struct parser *p, struct rf_slice name)
{
    p->variables = rf_grow(p->variables, p->n_variables, &p->cap_variables, sizeof(*p->variables));
    p->variables[p->n_variables++] = name;
}

static struct rf_node *variable_node(struct parser *p, struct rf_token t)
{
    struct rf_node *n = new_node(p, RF_NODE_VARIABLE, t.pos);
    n->text = t.text;
    return n;
}

/* ---- terms and commands ---- */

static int parse_variable(struct parser *p, struct rf_token t, struct rf_node **out)
{
    for (size_t i = 0; i < p->n_variables; i++) {
        if (!rf_slice_eq(p->variables[i], t.text))
            continue;
        *out = variable_node(p, t);
        return 0;
    }
    RF_CLEANUP(rf_freep) char *name = quoted(t.text);
    return fail(p, "undefined variable %s", name);
}

static int parse_identifier(struct parser *p, struct rf_token t, struct rf_node **out)
{
    const struct rf_func *f = rf_template_func(&p->t->options, t.text);
    if (f == NULL) {
        RF_CLEANUP(rf_freep) char *name = quoted(t.text);
        return fail(p, "function %s not defined", name);
    }
    *out = new_node(p, RF_NODE_IDENTIFIER, t.pos);
    (*out)->text = t.text;
    (*out)->func = f;
    return 0;
}

static int parse_number(struct parser *p, struct rf_token t, struct rf_node **out)
{
    struct rf_node *n = new_node(p, RF_NODE_NUMBER, t.pos);
    n->text = t.text;
    *out = n;
    if (t.type == RF_TT_RUNE) {
        uint32_t cp;
        if (!rf_literal_rune(t.text, &cp))
            return fail(p, "malformed character constant: %.*s", (int)t.text.len, t.text.ptr);
        n->number = (struct rf_number){
            .is_int = true, .is_uint = true, .is_float = true, .i = cp, .u = cp, .f = cp
        };
        return 0;
    }
    const char *wrong = rf_literal_number(t.text, &n->number);
    if (wrong == NULL)
        return 0;
    RF_CLEANUP(rf_freep) char *text = quoted(t.text);
    return fail(p, "%s: %s", wrong, text);
}

static int parse_string(struct parser *p, struct rf_token t, struct rf_node **out)
{
    struct rf_node *n = new_node(p, RF_NODE_STRING, t.pos);
    n->text = t.text;
    if (!rf_literal_string(&p->t->arena, t.text, &n->string))
        return fail(p, "invalid syntax");
    *out = n;
    return 0;
}

static int parse_parens(struct parser *p, struct rf_node **out)
{
    int rc = enter(p);
    if (rc < 0)
        return rc;
    rc = parse_pipe(p, "parenthesized pipeline", RF_TT_RPAREN, out);
    p->depth--;
    return rc;
}

/* One operand without the fields behind it; NULL in *out when the next token starts none. */
static int parse_term(struct parser *p, struct rf_node **out)
{
    struct rf_token t = next_word(p);
    *out = NULL;
    switch (t.type) {
    case RF_TT_IDENTIFIER:
        return parse_identifier(p, t, out);
    case RF_TT_VARIABLE:
        return parse_variable(p, t, out);
    case RF_TT_FIELD:
        *out = new_node(p, RF_NODE_FIELD, t.pos);
        (void)add_name(p, &(*out)->fields.names, t.text);
        return 0;
    case RF_TT_DOT:
    case RF_TT_NIL:
    case RF_TT_BOOL:
        *out = new_node(p,
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
        return parse_string(p, t, out);
    default:
        give_back(p, t);
        return 0;
    }
}

static int parse_operand(struct parser *p, struct rf_node **out)
{
    struct rf_node *term, *n;
    int rc = parse_term(p, &term);
    struct rf_token t;
    *out = term;
    if (rc < 0 || term == NULL || (t = peek(p)).type != RF_TT_FIELD)
        return rc;
    n = term;
    if (term->kind == RF_NODE_PIPE || term->kind == RF_NODE_IDENTIFIER) {
        n = new_node(p, RF_NODE_CHAIN, t.pos);
        n->fields.base = term;
    } else if (term->kind == RF_NODE_FIELD || term->kind == RF_NODE_VARIABLE) {
        /* Messages name the place where the chain goes on. */
        n->pos = t.pos;
    } else {
        RF_CLEANUP(rf_freep) char *text = quoted(term->text);
        return fail(p, "unexpected . after term %s", text);
    }
    struct rf_name **end = &n->fields.names;
    while (*end != NULL)
        end = &(*end)->next;
    while (peek(p).type == RF_TT_FIELD)
        end = add_name(p, end, next(p).text);
    *out = n;
    return 0;
}

/* Words up to a pipe sign, which is taken, or an end, which is left. */
static int parse_command(struct parser *p, struct rf_node **out)
{
    struct rf_list words = { 0 };
    struct rf_node *n = new_node(p, RF_NODE_COMMAND, peek_word(p).pos);
    for (bool more = true; more;) {
        struct rf_node *operand;
        int rc = parse_operand(p, &operand);
        if (rc < 0)
            return rc;
        if (operand != NULL)
            append(&words, operand);
        struct rf_token t = next(p);
        more = t.type == RF_TT_SPACE;
        if (t.type == RF_TT_RIGHT || t.type == RF_TT_RPAREN)
            give_back(p, t);
        else if (!more && t.type != RF_TT_PIPE)
            return unexpected(p, t, "operand");
        if (p->t->arena.over)
            return too_large(p, "too many parts");
    }
    if (words.first == NULL)
        return fail(p, "empty command");
    n->command.words = words.first;
    *out = n;
    return 0;
}

/* ---- pipelines ---- */

/* "$k, " of a range: another variable must come. */
static int check_second_variable(struct parser *p, const char *context, size_t n)
{
    if (strcmp(context, "range") != 0 || n >= 2)
        return fail(p, "too many declarations in %s", context);
    struct rf_token t = peek_word(p);
    if (t.type != RF_TT_VARIABLE && t.type != RF_TT_RIGHT && t.type != RF_TT_RPAREN)
        return fail(p, "range can only initialize variables");
    return 0;
}

/* "$x :=", "$x =", "$k, $v :=" in front of a pipeline. */
static int parse_declarations(struct parser *p, const char *context, struct rf_node *pipe)
{
    struct rf_list list = { 0 };
    for (size_t n = 1; peek_word(p).type == RF_TT_VARIABLE; n++) {
        struct rf_token v = next_word(p), behind = next(p), sign = behind;
        if (behind.type == RF_TT_SPACE)
            sign = next_word(p);
        bool comma = sign.type == RF_TT_CHAR && rf_slice_is(sign.text, ",");
        if (!comma && sign.type != RF_TT_DECLARE && sign.type != RF_TT_ASSIGN) {
            give_back(p, sign);
            if (behind.type == RF_TT_SPACE)
                give_back(p, behind);
            give_back(p, v);
            break;
        }
        append(&list, variable_node(p, v));
        declare(p, v.text);
        pipe->pipe.assigns = sign.type == RF_TT_ASSIGN;
        int rc = comma ? check_second_variable(p, context, n) : 0;
        if (rc == 0 && p->n_variables > VARIABLES_MAX)
            rc = too_large(p, "too many variables");
        if (rc < 0)
            return rc;
        if (!comma)
            break;
    }
    pipe->pipe.variables = list.first;
    return 0;
}

static int check_pipe(struct parser *p, const char *context, const struct rf_node *pipe)
{
    unsigned stage = 1;
    if (pipe->pipe.commands == NULL)
        return fail(p, "missing value for %s", context);
    for (const struct rf_node *c = pipe->pipe.commands->next; c != NULL; c = c->next) {
        enum rf_node_kind k = c->command.words->kind;
        stage++;
        if (k == RF_NODE_BOOL || k == RF_NODE_DOT || k == RF_NODE_NIL || k == RF_NODE_NUMBER ||
            k == RF_NODE_STRING)
            return fail(p, "non executable command in pipeline stage %u", stage);
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

static int parse_pipe(struct parser *p, const char *context, enum rf_tt end, struct rf_node **out)
{
    struct rf_list commands = { 0 };
    struct rf_node *pipe = new_node(p, RF_NODE_PIPE, peek_word(p).pos);
    int rc = parse_declarations(p, context, pipe);
    while (rc == 0) {
        struct rf_node *command;
        struct rf_token t = next_word(p);
        if (t.type == end)
            break;
        if (!starts_operand(t.type))
            return unexpected(p, t, context);
        give_back(p, t);
        rc = parse_command(p, &command);
        if (rc == 0)
            append(&commands, command);
    }
    if (rc < 0)
        return rc;
    pipe->pipe.commands = commands.first;
    *out = pipe;
    return check_pipe(p, context, pipe);
}

/* ---- control structures ---- */

/* Nodes up to {{end}} or {{else}}, which is given in *end. */
static int parse_body(struct parser *p, struct rf_node **out, struct rf_node **end)
{
    struct rf_list list = { 0 };
    while (peek(p).type != RF_TT_EOF) {
        struct rf_node *n;
        int rc = parse_item(p, &n);
        if (rc < 0)
            return rc;
        if (n->kind == RF_NODE_END || n->kind == RF_NODE_ELSE) {
            *out = list.first;
            *end = n;
            return 0;
        }
        append(&list, n);
    }
    return fail(p, "unexpected EOF");
}

/* Behind the word if, range or with. */
static int parse_control(struct parser *p, enum rf_node_kind kind, struct rf_node **out);

/* Behind {{else, which may go on with another if or with. */
static int parse_otherwise(struct parser *p, enum rf_node_kind kind, struct rf_node *n)
{
    struct rf_node *end;
    enum rf_tt again = kind == RF_NODE_IF ? RF_TT_IF : RF_TT_WITH;
    if (kind != RF_NODE_RANGE && peek(p).type == again) {
        (void)next(p);
        return parse_control(p, kind, &n->control.otherwise);
    }
    int rc = parse_body(p, &n->control.otherwise, &end);
    if (rc == 0 && end->kind != RF_NODE_END)
        rc = fail_node(p, "expected end; found ", end, "");
    return rc;
}

static int parse_control_parts(struct parser *p, enum rf_node_kind kind, struct rf_node *n)
{
    struct rf_node *end;
    const char *context = kind == RF_NODE_IF ? "if" : kind == RF_NODE_RANGE ? "range" : "with";
    int rc = parse_pipe(p, context, RF_TT_RIGHT, &n->control.pipe);
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

static int parse_control(struct parser *p, enum rf_node_kind kind, struct rf_node **out)
{
    size_t variables = p->n_variables;
    int rc = enter(p);
    if (rc < 0)
        return rc;
    *out = new_node(p, kind, 0);
    rc = parse_control_parts(p, kind, *out);
    p->n_variables = variables;
    p->depth--;
    return rc;
}

static int parse_jump(struct parser *p, struct rf_token t, struct rf_node **out)
{
    bool is_break = t.type == RF_TT_BREAK;
    int rc = expect(p, RF_TT_RIGHT, is_break ? "{{break}}" : "{{continue}}");
    if (rc == 0 && p->loops == 0)
        rc = fail(p, "{{%s}} outside {{range}}", is_break ? "break" : "continue");
    *out = new_node(p, is_break ? RF_NODE_BREAK : RF_NODE_CONTINUE, t.pos);
    return rc;
}

static int parse_else(struct parser *p, struct rf_node **out)
{
    struct rf_token t = peek_word(p);
    *out = new_node(p, RF_NODE_ELSE, t.pos);
    if (t.type == RF_TT_IF || t.type == RF_TT_WITH) {
        give_back(p, next_word(p)); /* without blanks in front */
        return 0;
    }
    return expect(p, RF_TT_RIGHT, "else");
}

/* ---- named templates ---- */

static int parse_name(struct parser *p, struct rf_token t, const char *context,
                      struct rf_slice *out)
{
    struct rf_node *n;
    if (t.type != RF_TT_STRING && t.type != RF_TT_RAW_STRING)
        return unexpected(p, t, context);
    int rc = parse_string(p, t, &n);
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
static int define(struct parser *p, struct rf_slice name, struct rf_node *body)
{
    struct rf_definition **at = &p->t->definitions;
    while (*at != NULL && !rf_slice_eq((*at)->name, name))
        at = &(*at)->next;
    if (*at != NULL && !is_blank((*at)->body)) {
        if (is_blank(body))
            return 0;
        RF_CLEANUP(rf_freep) char *shown = quoted(name);
        return fail(p, "template: multiple definition of template %s", shown);
    }
    if (*at == NULL && p->n_definitions++ >= DEFINITIONS_MAX)
        return too_large(p, "too many templates");
    if (*at == NULL)
        *at = rf_arena_alloc(&p->t->arena, sizeof(**at));
    (*at)->name = name;
    (*at)->body = body;
    return 0;
}

/* The body of a definition has variables and loops of its own. */
static int parse_definition_body(struct parser *p, struct rf_slice name, const char *context)
{
    struct rf_node *body, *end;
    RF_CLEANUP(rf_freep) struct rf_slice *outer = p->variables;
    size_t n = p->n_variables, cap = p->cap_variables;
    unsigned loops = p->loops;
    p->variables = NULL;
    p->n_variables = p->cap_variables = 0;
    p->loops = 0;
    p->action_line = 0;
    declare(p, rf_slice_str("$"));
    int rc = parse_body(p, &body, &end);
    if (rc == 0 && end->kind != RF_NODE_END)
        rc = fail_node(p, "unexpected ", end,
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

static int parse_define(struct parser *p)
{
    struct rf_slice name;
    const char *context = "define clause";
    int rc = parse_name(p, next_word(p), context, &name);
    if (rc == 0)
        rc = expect(p, RF_TT_RIGHT, context);
    if (rc == 0)
        rc = parse_definition_body(p, name, context);
    return rc;
}

static int parse_block(struct parser *p, struct rf_node **out)
{
    const char *context = "block clause";
    struct rf_token t = next_word(p);
    struct rf_node *n = new_node(p, RF_NODE_TEMPLATE, t.pos);
    int rc = parse_name(p, t, context, &n->text);
    if (rc == 0)
        rc = parse_pipe(p, context, RF_TT_RIGHT, &n->control.pipe);
    if (rc == 0)
        rc = enter(p);
    if (rc < 0)
        return rc;
    rc = parse_definition_body(p, n->text, context);
    p->depth--;
    *out = n;
    return rc;
}

static int parse_template(struct parser *p, struct rf_node **out)
{
    const char *context = "template clause";
    struct rf_token t = next_word(p);
    struct rf_node *n = new_node(p, RF_NODE_TEMPLATE, t.pos);
    int rc = parse_name(p, t, context, &n->text);
    if (rc < 0)
        return rc;
    *out = n;
    t = next_word(p);
    if (t.type == RF_TT_RIGHT)
        return 0;
    give_back(p, t);
    return parse_pipe(p, context, RF_TT_RIGHT, &n->control.pipe);
}

/* ---- the whole ---- */

static int parse_action(struct parser *p, struct rf_node **out)
{
    struct rf_token t = next_word(p);
    switch (t.type) {
    case RF_TT_BLOCK:
        return parse_block(p, out);
    case RF_TT_BREAK:
    case RF_TT_CONTINUE:
        return parse_jump(p, t, out);
    case RF_TT_ELSE:
        return parse_else(p, out);
    case RF_TT_END:
        *out = new_node(p, RF_NODE_END, t.pos);
        return expect(p, RF_TT_RIGHT, "end");
    case RF_TT_IF:
        return parse_control(p, RF_NODE_IF, out);
    case RF_TT_RANGE:
        return parse_control(p, RF_NODE_RANGE, out);
    case RF_TT_WITH:
        return parse_control(p, RF_NODE_WITH, out);
    case RF_TT_TEMPLATE:
        return parse_template(p, out);
    default:
        give_back(p, t);
        *out = new_node(p, RF_NODE_ACTION, t.pos);
        return parse_pipe(p, "command", RF_TT_RIGHT, &(*out)->control.pipe);
    }
}

/* Text or an action. */
static int parse_item(struct parser *p, struct rf_node **out)
{
    struct rf_token t = next_word(p);
    if (p->t->arena.over)
        return too_large(p, "too many parts");
    if (t.type == RF_TT_TEXT) {
        *out = new_node(p, RF_NODE_TEXT, t.pos);
        (*out)->text = t.text;
        return 0;
    }
    if (t.type != RF_TT_LEFT)
        return unexpected(p, t, "input");
    p->action_line = t.line;
    int rc = parse_action(p, out);
    if (rc == 0)
        p->action_line = 0;
    return rc;
}

static int parse_top(struct parser *p)
{
    struct rf_list list = { 0 };
    while (peek(p).type != RF_TT_EOF) {
        struct rf_node *n;
        int rc;
        struct rf_token left = next(p);
        if (left.type == RF_TT_LEFT && peek_word(p).type == RF_TT_DEFINE) {
            (void)next_word(p);
            rc = parse_define(p);
            if (rc < 0)
                return rc;
            continue;
        }
        give_back(p, left);
        rc = parse_item(p, &n);
        if (rc < 0)
            return rc;
        if (n->kind == RF_NODE_END || n->kind == RF_NODE_ELSE)
            return fail_node(p, "unexpected ", n, "");
        append(&list, n);
    }
    return define(p, rf_slice_str(p->t->name), list.first);
}

int rf_template_parse_text(struct rf_template *t, struct rf_err *err)
{
    struct parser p = { .t = t, .err = err, .line = 1 };
    rf_lexer_init(&p.lexer, t->text);
    p.lexer.break_is_name = rf_template_func(&t->options, rf_slice_str("break")) != NULL;
    p.lexer.continue_is_name = rf_template_func(&t->options, rf_slice_str("continue")) != NULL;
    declare(&p, rf_slice_str("$"));
    int rc = parse_top(&p);
    rf_freep(&p.variables);
    return rc;
}
