/* SPDX-License-Identifier: Apache-2.0 */
/* Running a template: text and actions in order, conditions, loops, calls of other templates. */
#include "base/cancel.h"
#include "base/gofmt.h"
#include "base/mem.h"
#include "base/template_impl.h"
#include "base/text.h"

/* Of the parts of a message: a node as text, a template's name, what is wrong. */
#define SHOWN_MAX 200
#define NAME_MAX_SHOWN 100
#define CAUSE_MAX 500
#define CANCEL_EVERY 1024

static int walk(struct rf_exec *s, const struct rf_value *dot, const struct rf_node *body);

/* ---- errors and limits ---- */

/* Safe for a terminal and not longer than that. */
static void add_cut(struct rf_buf *out, struct rf_slice text, size_t max)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_text_safe(&b, text, max);
    rf_buf_add(out, b.ptr, rf_text_boundary(rf_buf_slice(&b), max));
    if (b.len > max)
        rf_buf_add_str(out, "...");
}

/* "template: out:1:2: executing "out" at <.Nope>", the column counted from 0 in bytes. */
static void add_place(const struct rf_exec *s, struct rf_buf *out)
{
    size_t line = 1, column = 0;
    RF_CLEANUP(rf_buf_release) struct rf_buf shown, name;
    rf_buf_init(&shown, (size_t)4 * RF_TEMPLATE_TEXT_MAX);
    rf_buf_init(&name, 0);
    rf_buf_addf(out, "template: %s", s->t->name);
    if (s->node == NULL)
        return;
    for (uint32_t i = 0; i < s->node->pos; i++) {
        column = s->t->text.ptr[i] == '\n' ? 0 : column + 1;
        line += s->t->text.ptr[i] == '\n';
    }
    rf_text_quote(&name, s->running);
    rf_node_show(&shown, s->node);
    rf_buf_addf(out, ":%zu:%zu: executing ", line, column);
    add_cut(out, rf_buf_slice(&name), NAME_MAX_SHOWN);
    rf_buf_add_str(out, " at <");
    add_cut(out, rf_buf_slice(&shown), SHOWN_MAX);
    rf_buf_add_char(out, '>');
}

/* Both are cut so that none pushes the other one out of the message. */
static int fail_with(struct rf_exec *s, int code, struct rf_slice what)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    add_place(s, &b);
    rf_buf_add_str(&b, ": ");
    add_cut(&b, what, CAUSE_MAX);
    return rf_fail(s->err, code, "%s", b.ptr);
}

int rf_exec_fail(struct rf_exec *s, int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    RF_CLEANUP(rf_freep) char *what = rf_xvasprintf(fmt, ap);
    va_end(ap);
    return fail_with(s, code, rf_slice_str(what));
}

int rf_exec_pass(struct rf_exec *s, int rc)
{
    RF_CLEANUP(rf_freep) char *what = rf_xstrdup(s->err->msg);
    return fail_with(s, -rc, rf_slice_str(what));
}

int rf_exec_step(struct rf_exec *s)
{
    if (s->out->rc < 0)
        return rf_exec_fail(s, -s->out->rc, "the output is over %zu bytes", s->out->max);
    if (s->arena.over)
        return rf_exec_fail(s, RFE_TOO_LARGE, "the template needs more than %zu bytes of memory",
                            s->arena.max);
    if (s->steps_left == 0)
        return rf_exec_fail(s, RFE_TOO_LARGE, "the template takes too many steps");
    s->steps_left--;
    if (s->steps_left % CANCEL_EVERY == 0) {
        int rc = rf_cancel_check(s->err);
        if (rc < 0)
            return rf_exec_pass(s, rc);
    }
    return 0;
}

int rf_exec_enter(struct rf_exec *s)
{
    if (++s->depth > RF_TEMPLATE_DEPTH_MAX)
        return rf_exec_fail(s, RFE_TOO_LARGE, "exceeded maximum template depth (%d)",
                            RF_TEMPLATE_DEPTH_MAX);
    return rf_exec_step(s);
}

/* ---- variables ---- */

void rf_exec_push(struct rf_exec *s, struct rf_slice name, const struct rf_value *v)
{
    s->variables = rf_grow(s->variables, s->n_variables, &s->cap_variables, sizeof(*s->variables));
    s->variables[s->n_variables++] = (struct rf_exec_variable){ .name = name, .value = *v };
}

void rf_exec_set(struct rf_exec *s, struct rf_slice name, const struct rf_value *v)
{
    for (size_t i = s->n_variables; i-- > s->frame;) {
        if (!rf_slice_eq(s->variables[i].name, name))
            continue;
        s->variables[i].value = *v;
        return;
    }
}

/* ---- nodes ---- */

static int print_value(struct rf_exec *s, const struct rf_node *n, struct rf_value v)
{
    s->node = n;
    if (v.kind == RF_VALUE_FUNC) {
        RF_CLEANUP(rf_buf_release) struct rf_buf shown;
        rf_buf_init(&shown, 0);
        rf_node_show(&shown, n);
        return rf_exec_fail(s, RFE_INVALID, "can't print %s of type %s", shown.ptr,
                            rf_func_signature(&s->arena, v.func.call).ptr);
    }
    if (v.kind == RF_VALUE_NIL) {
        rf_buf_add_str(s->out, "<no value>");
        return 0;
    }
    if (v.kind == RF_VALUE_OBJECT && v.object != NULL)
        v.pointer = false;
    size_t before = s->out->len;
    int rc = rf_gofmt_print(&s->call, s->out, &v, 1, s->err);
    if (rc == 0)
        return 0;
    /* An action that fails writes nothing. */
    if (s->out->len > before) {
        s->out->len = before;
        s->out->ptr[before] = '\0';
    }
    return rf_exec_pass(s, rc);
}

static int walk_action(struct rf_exec *s, const struct rf_value *dot, const struct rf_node *n)
{
    struct rf_value v;
    int rc = rf_exec_pipe(s, dot, n->control.pipe, &v);
    if (rc < 0 || n->control.pipe->pipe.variables != NULL)
        return rc;
    return print_value(s, n, v);
}

static int walk_condition(struct rf_exec *s, const struct rf_value *dot, const struct rf_node *n)
{
    struct rf_value v;
    size_t mark = s->n_variables;
    int rc = rf_exec_pipe(s, dot, n->control.pipe, &v);
    if (rc == 0 && rf_value_is_true(&v))
        rc = walk(s, n->kind == RF_NODE_WITH ? &v : dot, n->control.body);
    else if (rc == 0)
        rc = walk(s, dot, n->control.otherwise);
    s->n_variables = mark;
    return rc;
}

/* One turn of a loop. The loop's own variables lie just below `mark`. */
static int turn(struct rf_exec *s, const struct rf_node *n, size_t mark,
                const struct rf_value *index, const struct rf_value *element)
{
    const struct rf_node *pipe = n->control.pipe, *first = pipe->pipe.variables;
    const struct rf_node *second = first != NULL ? first->next : NULL;
    int rc = rf_exec_step(s);
    if (rc < 0)
        return rc;
    if (first != NULL && pipe->pipe.assigns) {
        rf_exec_set(s, first->text, second != NULL ? index : element);
        if (second != NULL)
            rf_exec_set(s, second->text, element);
    } else if (first != NULL) {
        s->variables[mark - 1].value = *element;
        if (second != NULL)
            s->variables[mark - 2].value = *index;
    }
    rc = walk(s, element, n->control.body);
    s->n_variables = mark;
    if (s->jump == RF_JUMP_CONTINUE)
        s->jump = RF_JUMP_NONE;
    return rc;
}

static int range_list(struct rf_exec *s, const struct rf_node *n, const struct rf_value *v)
{
    size_t mark = s->n_variables;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < v->list.n && s->jump == RF_JUMP_NONE; i++) {
        struct rf_value index = rf_value_int((int64_t)i), element = v->list.items[i];
        rc = turn(s, n, mark, &index, &element);
    }
    return rc;
}

static int range_bytes(struct rf_exec *s, const struct rf_node *n, const struct rf_value *v)
{
    size_t mark = s->n_variables;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < v->text.len && s->jump == RF_JUMP_NONE; i++) {
        struct rf_value index = rf_value_int((int64_t)i);
        struct rf_value byte =
            rf_value_typed(rf_value_uint((unsigned char)v->text.ptr[i]), &rf_type_byte);
        rc = turn(s, n, mark, &index, &byte);
    }
    return rc;
}

static int range_map(struct rf_exec *s, const struct rf_node *n, const struct rf_value *v)
{
    size_t mark = s->n_variables;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < v->map.n && s->jump == RF_JUMP_NONE; i++) {
        struct rf_value key = rf_value_string(v->map.pairs[i].key);
        struct rf_value element = v->map.pairs[i].value;
        rc = turn(s, n, mark, &key, &element);
    }
    return rc;
}

/* range 3: 0, 1, 2 */
static int range_int(struct rf_exec *s, const struct rf_node *n, const struct rf_value *v)
{
    size_t mark = s->n_variables;
    const struct rf_node *first = n->control.pipe->pipe.variables;
    if (first != NULL && first->next != NULL)
        return rf_exec_fail(s, RFE_INVALID, "can't use %lld to iterate over more than one variable",
                            (long long)v->integer);
    int rc = 0;
    for (int64_t i = 0; rc == 0 && i < v->integer && s->jump == RF_JUMP_NONE; i++) {
        struct rf_value element = *v;
        element.integer = i;
        rc = turn(s, n, mark, &element, &element);
    }
    return rc;
}

static int fail_range(struct rf_exec *s, const struct rf_value *v)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 4096);
    int rc = rf_gofmt_print(&s->call, &b, v, 1, s->err);
    if (rc < 0)
        return rf_exec_pass(s, rc);
    return rf_exec_fail(s, RFE_INVALID, "range can't iterate over %s", b.ptr);
}

/* *any: there was something to go over. */
static int range_value(struct rf_exec *s, const struct rf_node *n, const struct rf_value *v,
                       bool *any)
{
    *any = false;
    switch (v->kind) {
    case RF_VALUE_NIL:
        return 0;
    case RF_VALUE_LIST:
        *any = v->list.n > 0;
        return range_list(s, n, v);
    case RF_VALUE_MAP:
        *any = v->map.n > 0;
        return range_map(s, n, v);
    case RF_VALUE_BYTES:
        *any = v->text.len > 0;
        return range_bytes(s, n, v);
    case RF_VALUE_INT:
        *any = v->integer > 0;
        return range_int(s, n, v);
    default:
        return fail_range(s, v);
    }
}

static int walk_range(struct rf_exec *s, const struct rf_value *dot, const struct rf_node *n)
{
    struct rf_value v;
    size_t mark = s->n_variables;
    bool any = false;
    int rc = rf_exec_pipe(s, dot, n->control.pipe, &v);
    if (rc == 0)
        rc = range_value(s, n, &v, &any);
    s->n_variables = mark;
    if (s->jump == RF_JUMP_BREAK)
        s->jump = RF_JUMP_NONE;
    if (rc == 0 && !any)
        rc = walk(s, dot, n->control.otherwise);
    s->n_variables = mark;
    return rc;
}

static int walk_template(struct rf_exec *s, const struct rf_value *dot, const struct rf_node *n)
{
    s->node = n;
    const struct rf_definition *d = rf_template_find(s->t, n->text);
    struct rf_value v;
    if (d == NULL) {
        RF_CLEANUP(rf_buf_release) struct rf_buf name;
        rf_buf_init(&name, 0);
        rf_text_quote(&name, n->text);
        return rf_exec_fail(s, RFE_INVALID, "template %s not defined", name.ptr);
    }
    int rc = rf_exec_pipe(s, dot, n->control.pipe, &v);
    if (rc < 0)
        return rc;
    s->node = n;
    struct rf_slice running = s->running;
    size_t frame = s->frame, mark = s->n_variables;
    s->running = d->name;
    s->frame = mark;
    rf_exec_push(s, rf_slice_str("$"), &v);
    rc = walk(s, &v, d->body);
    s->running = running;
    s->frame = frame;
    s->n_variables = mark;
    return rc;
}

static int walk_node(struct rf_exec *s, const struct rf_value *dot, const struct rf_node *n)
{
    switch (n->kind) {
    case RF_NODE_ACTION:
        return walk_action(s, dot, n);
    case RF_NODE_IF:
    case RF_NODE_WITH:
        return walk_condition(s, dot, n);
    case RF_NODE_RANGE:
        return walk_range(s, dot, n);
    case RF_NODE_TEMPLATE:
        return walk_template(s, dot, n);
    case RF_NODE_BREAK:
    case RF_NODE_CONTINUE:
        s->jump = n->kind == RF_NODE_BREAK ? RF_JUMP_BREAK : RF_JUMP_CONTINUE;
        return 0;
    default:
        rf_buf_add(s->out, n->text.ptr, n->text.len);
        return 0;
    }
}

/* A body, from its first node on. */
static int walk(struct rf_exec *s, const struct rf_value *dot, const struct rf_node *body)
{
    if (body == NULL)
        return 0;
    int rc = rf_exec_enter(s);
    for (; rc == 0 && body != NULL && s->jump == RF_JUMP_NONE; body = body->next) {
        /* An error while text is written belongs to the text's place. */
        rc = walk_node(s, dot, body);
        if (rc == 0 && s->out->rc < 0)
            rc = rf_exec_step(s);
    }
    s->depth--;
    return rc;
}

int rf_template_execute(const struct rf_template *t, const struct rf_value *data, void *user,
                        struct rf_buf *out, struct rf_err *err)
{
    struct rf_err ignored = RF_ERR_INIT;
    const struct rf_definition *d = rf_template_find(t, rf_slice_str(t->name));
    size_t memory = t->options.max_memory > 0 ? t->options.max_memory : RF_TEMPLATE_MEMORY_MAX;
    struct rf_exec s = { .t = t, .out = out, .err = err != NULL ? err : &ignored };
    s.steps_left = t->options.max_steps > 0 ? t->options.max_steps : RF_TEMPLATE_STEPS_MAX;
    s.running = d->name;
    rf_arena_init(&s.arena, memory);
    s.call = (struct rf_call){ .arena = &s.arena, .user = user };
    rf_exec_push(&s, rf_slice_str("$"), data);
    int rc = walk(&s, data, d->body);
    rf_freep(&s.variables);
    rf_arena_release(&s.arena);
    return rc;
}
