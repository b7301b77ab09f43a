/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluating: pipelines, commands, fields, methods and functions with their arguments. */
#include "base/mem.h"
#include "base/template_impl.h"

/* The arguments of a call: the words behind the first one, and what a pipeline hands over. */
struct arguments {
    const struct rf_node *words;
    const struct rf_value *final; /* NULL: none */
};
static const struct arguments no_arguments;

static int eval_word(struct rf_exec *s, const struct rf_value *dot, const struct rf_node *n,
                     struct rf_value *out);

static const char *type_name(struct rf_exec *s, const struct rf_value *v)
{
    return rf_value_type_name(&s->arena, v);
}

static bool has_arguments(const struct arguments *a)
{
    return a->words != NULL || a->final != NULL;
}

static char *shown(const struct rf_node *n)
{
    struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_node_show(&b, n);
    return rf_buf_take(&b, NULL);
}

static int not_a_function(struct rf_exec *s, const struct rf_node *word, const struct arguments *a)
{
    if (!has_arguments(a))
        return 0;
    RF_CLEANUP(rf_freep) char *text = shown(word);
    return rf_exec_fail(s, RFE_INVALID, "can't give argument to non-function %s", text);
}

/* ---- arguments ---- */

/* A value for a parameter of this type: the value itself, or what a pointer points to. */
static int fit_value(struct rf_exec *s, char letter, struct rf_value *v)
{
    const struct rf_parameter *p = rf_parameter_of(letter);
    if (v->kind == RF_VALUE_NIL && !p->takes_nil)
        return rf_exec_fail(s, RFE_INVALID, "invalid value; expected %s", p->name);
    if (p->type == NULL)
        return 0;
    if (v->kind == RF_VALUE_NIL) {
        *v = rf_type_zero(p->type);
        return 0;
    }
    if (v->pointer || rf_value_type(v) != p->type)
        return rf_exec_fail(s, RFE_INVALID, "wrong type for value; expected %s; got %s", p->name,
                            type_name(s, v));
    return 0;
}

static int fail_constant(struct rf_exec *s, const char *expected, const struct rf_node *n)
{
    RF_CLEANUP(rf_freep) char *text = shown(n);
    return rf_exec_fail(s, RFE_INVALID, "expected %s; found %s", expected, text);
}

/* A number without a type, as Go takes it where nothing says more. */
static int ideal_number(struct rf_exec *s, const struct rf_node *n, struct rf_value *out)
{
    const struct rf_number *x = &n->number;
    if (x->is_float && x->looks_float && n->text.ptr[0] != '\'')
        *out = rf_value_float(x->f);
    else if (x->is_int)
        *out = rf_value_int(x->i);
    else
        return rf_exec_fail(s, RFE_INVALID, "%.*s overflows int", (int)n->text.len, n->text.ptr);
    return 0;
}

/* A literal for a parameter that wants a type: constants take on what is asked of them. */
static int fit_constant(struct rf_exec *s, char letter, const struct rf_node *n,
                        struct rf_value *out)
{
    const struct rf_parameter *p = rf_parameter_of(letter);
    bool number = n->kind == RF_NODE_NUMBER;
    switch (p->kind) {
    case RF_VALUE_BOOL:
        if (n->kind != RF_NODE_BOOL)
            return fail_constant(s, "bool", n);
        *out = rf_value_bool(n->boolean);
        return 0;
    case RF_VALUE_STRING:
        if (n->kind != RF_NODE_STRING)
            return fail_constant(s, "string", n);
        *out = rf_value_string(n->string);
        return 0;
    case RF_VALUE_INT:
        if (!number || !n->number.is_int)
            return fail_constant(s, "integer", n);
        *out = rf_value_typed(rf_value_int(n->number.i), p->type);
        return 0;
    case RF_VALUE_FLOAT:
        if (!number || !n->number.is_float)
            return fail_constant(s, "float", n);
        *out = rf_value_float(n->number.f);
        return 0;
    default:
        break;
    }
    RF_CLEANUP(rf_freep) char *text = shown(n);
    return rf_exec_fail(s, RFE_INVALID, "can't handle %s for arg of type %s", text, p->name);
}

static int eval_argument(struct rf_exec *s, const struct rf_value *dot, char letter,
                         const struct rf_node *n, struct rf_value *out)
{
    const struct rf_parameter *p = rf_parameter_of(letter);
    bool literal =
        n->kind == RF_NODE_BOOL || n->kind == RF_NODE_NUMBER || n->kind == RF_NODE_STRING;
    s->node = n;
    if (n->kind == RF_NODE_NIL) {
        if (!p->takes_nil)
            return rf_exec_fail(s, RFE_INVALID, "cannot assign nil to %s", p->name);
        *out = rf_type_zero(p->type);
        return 0;
    }
    if (literal && p->type != NULL)
        return fit_constant(s, letter, n, out);
    int rc = eval_word(s, dot, n, out);
    return rc < 0 ? rc : fit_value(s, letter, out);
}

static size_t count_words(const struct rf_node *words)
{
    size_t n = 0;
    for (; words != NULL; words = words->next)
        n++;
    return n;
}

static int check_count(struct rf_exec *s, const struct rf_func *f, struct rf_slice name,
                       size_t words, size_t all)
{
    bool variadic;
    size_t fixed = rf_parameter_count(f->params, &variadic);
    if (variadic ? all >= fixed : all == fixed)
        return 0;
    if (variadic)
        return rf_exec_fail(s, RFE_INVALID,
                            "wrong number of args for %.*s: want at least %zu got %zu",
                            (int)name.len, name.ptr, fixed, words);
    return rf_exec_fail(s, RFE_INVALID, "wrong number of args for %.*s: want %zu got %zu",
                        (int)name.len, name.ptr, fixed, all);
}

/* ---- calls ---- */

/* and, or: only as much is evaluated as decides. */
static int call_logic(struct rf_exec *s, const struct rf_func *f, const struct rf_value *dot,
                      const struct arguments *a, struct rf_value *out)
{
    bool stop_at = f == &rf_template_or;
    struct rf_value v = rf_value_nil();
    for (const struct rf_node *w = a->words; w != NULL; w = w->next) {
        int rc = eval_argument(s, dot, 'v', w, &v);
        if (rc < 0)
            return rc;
        if (rf_value_is_true(&v) == stop_at) {
            *out = v;
            return 0;
        }
    }
    *out = a->final != NULL ? *a->final : v;
    return 0;
}

static int collect(struct rf_exec *s, const struct rf_func *f, const struct rf_value *dot,
                   const struct arguments *a, struct rf_value *values)
{
    size_t i = 0;
    for (const struct rf_node *w = a->words; w != NULL; w = w->next, i++) {
        int rc = eval_argument(s, dot, rf_parameter_letter(f->params, i), w, &values[i]);
        if (rc < 0)
            return rc;
    }
    if (a->final == NULL)
        return 0;
    values[i] = *a->final;
    return fit_value(s, rf_parameter_letter(f->params, i), &values[i]);
}

/* The function proper, with an error of its own reported at `n`. */
static int invoke(struct rf_exec *s, const struct rf_func *f, const struct rf_value *self,
                  const struct rf_value *values, size_t n_values, struct rf_value *out)
{
    struct rf_value result = rf_value_nil();
    int rc = f->call(&s->call, self, values, n_values, &result, s->err);
    if (rc == 0)
        *out = result;
    return rc;
}

static int fail_call(struct rf_exec *s, int rc, const struct rf_node *n, struct rf_slice name)
{
    s->node = n;
    rc = rf_wrap(s->err, rc, "error calling %.*s", (int)name.len, name.ptr);
    return rf_exec_pass(s, rc);
}

/* call .F 1 2: the value in front is a function. */
static int call_value(struct rf_exec *s, const struct rf_node *n, const struct arguments *a,
                      const struct rf_value *values, size_t n_values, struct rf_value *out)
{
    const struct rf_value *v = &values[0];
    struct rf_slice name = rf_slice_str("call");
    RF_CLEANUP(rf_freep)
    char *text = a->words != NULL ? shown(a->words) : rf_xstrdup("pipeline value");
    int rc = 0;
    if (v->kind == RF_VALUE_NIL)
        rc = rf_fail(s->err, RFE_INVALID, "call of nil");
    else if (v->kind != RF_VALUE_FUNC)
        rc = rf_fail(s->err, RFE_INVALID, "non-function %s of type %s", text, type_name(s, v));
    else if (v->func.call == NULL)
        rc = rf_fail(s->err, RFE_INVALID, "call of nil function");
    if (rc < 0)
        return fail_call(s, rc, n, name);
    const struct rf_func *f = v->func.call;
    bool variadic;
    size_t fixed = rf_parameter_count(f->params, &variadic);
    if (variadic ? n_values - 1 < fixed : n_values - 1 != fixed) {
        rc = rf_fail(s->err, RFE_INVALID, "wrong number of args for %s: got %zu want %s%zu", text,
                     n_values - 1, variadic ? "at least " : "", fixed);
        return fail_call(s, rc, n, name);
    }
    for (size_t i = 1; i < n_values; i++) {
        const struct rf_parameter *p = rf_parameter_of(rf_parameter_letter(f->params, i - 1));
        if (p->type == NULL || (rf_value_type(&values[i]) == p->type && !values[i].pointer))
            continue;
        rc = rf_fail(s->err, RFE_INVALID, "arg %zu: value has type %s; should be %s", i - 1,
                     type_name(s, &values[i]), p->name);
        return fail_call(s, rc, n, name);
    }
    struct rf_value self = { .kind = RF_VALUE_OBJECT, .object = v->func.self };
    rc = invoke(s, f, &self, values + 1, n_values - 1, out);
    return rc < 0 ? fail_call(s, rc, n, name) : 0;
}

/* `n` is where an error of the function itself is reported. */
static int eval_call(struct rf_exec *s, const struct rf_value *dot, const struct rf_func *f,
                     const struct rf_value *self, const struct rf_node *n,
                     const struct arguments *a, struct rf_value *out)
{
    struct rf_slice name = rf_slice_str(f->name);
    size_t words = count_words(a->words), all = words + (a->final != NULL ? 1 : 0);
    int rc = check_count(s, f, name, words, all);
    if (rc < 0)
        return rc;
    if (f == &rf_template_and || f == &rf_template_or)
        return call_logic(s, f, dot, a, out);
    struct rf_value few[4] = { 0 }, *values = few;
    if (all > RF_ARRAY_LEN(few))
        values = rf_arena_alloc(&s->arena, all * sizeof(*values));
    rc = collect(s, f, dot, a, values);
    if (rc < 0)
        return rc;
    if (f == &rf_template_call)
        return call_value(s, n, a, values, all, out);
    rc = invoke(s, f, self, values, all, out);
    return rc < 0 ? fail_call(s, rc, n, name) : 0;
}

/* ---- fields ---- */

static int fail_nil_pointer(struct rf_exec *s, const struct rf_value *v, struct rf_slice name)
{
    return rf_exec_fail(s, RFE_INVALID, "nil pointer evaluating %s.%.*s", type_name(s, v),
                        (int)name.len, name.ptr);
}

static int fail_field(struct rf_exec *s, const struct rf_value *v, struct rf_slice name)
{
    return rf_exec_fail(s, RFE_INVALID, "can't evaluate field %.*s in type %s", (int)name.len,
                        name.ptr, type_name(s, v));
}

/* A getter failed. */
static int fail_reading(struct rf_exec *s, int rc, struct rf_slice name)
{
    rc = rf_wrap(s->err, rc, "error reading %.*s", (int)name.len, name.ptr);
    return rf_exec_pass(s, rc);
}

static int eval_member(struct rf_exec *s, const struct rf_value *v, struct rf_slice name,
                       const struct arguments *a, struct rf_value *out)
{
    if (v->kind == RF_VALUE_MAP) {
        if (has_arguments(a))
            return rf_exec_fail(s, RFE_INVALID, "%.*s is not a method but has arguments",
                                (int)name.len, name.ptr);
        const struct rf_value *found = rf_value_lookup(v, name);
        *out = found != NULL ? *found : rf_value_nil();
        return 0;
    }
    int rc = rf_value_field(&s->call, v, name, out, s->err);
    if (rc < 0)
        return fail_reading(s, rc, name);
    if (rc == 0)
        return fail_field(s, v, name);
    if (has_arguments(a))
        return rf_exec_fail(s, RFE_INVALID, "%.*s has arguments but cannot be invoked as function",
                            (int)name.len, name.ptr);
    return 0;
}

static int eval_field(struct rf_exec *s, const struct rf_value *dot, const struct rf_node *n,
                      struct rf_slice name, const struct arguments *a, const struct rf_value *v,
                      struct rf_value *out)
{
    struct rf_value self;
    const struct rf_func *method;
    s->node = n;
    if (v->kind == RF_VALUE_NIL) {
        *out = rf_value_nil();
        return 0;
    }
    if (v->kind == RF_VALUE_OBJECT && v->object == NULL) {
        const struct rf_type *type = rf_value_type(v);
        bool known = rf_type_method(type, name) != NULL || rf_type_field(type, name) != NULL;
        return known ? fail_nil_pointer(s, v, name) : fail_field(s, v, name);
    }
    int rc = rf_value_method(&s->call, v, name, &method, &self, s->err);
    if (rc < 0)
        return fail_reading(s, rc, name);
    if (rc == 1)
        return eval_call(s, dot, method, &self, n, a, out);
    return eval_member(s, v, name, a, out);
}

/* .A.B.C of a value; the last one gets the arguments. */
static int eval_fields(struct rf_exec *s, const struct rf_value *dot, const struct rf_node *n,
                       const struct arguments *a, struct rf_value v, struct rf_value *out)
{
    for (const struct rf_name *name = n->fields.names; name != NULL; name = name->next) {
        struct rf_value next = rf_value_nil();
        int rc =
            eval_field(s, dot, n, name->text, name->next != NULL ? &no_arguments : a, &v, &next);
        if (rc == 0)
            rc = rf_exec_step(s);
        if (rc < 0)
            return rc;
        v = next;
    }
    *out = v;
    return 0;
}

static int eval_variable(struct rf_exec *s, const struct rf_value *dot, const struct rf_node *n,
                         const struct arguments *a, struct rf_value *out)
{
    s->node = n;
    for (size_t i = s->n_variables; i-- > s->frame;) {
        if (!rf_slice_eq(s->variables[i].name, n->text))
            continue;
        struct rf_value v = s->variables[i].value;
        if (n->fields.names != NULL)
            return eval_fields(s, dot, n, a, v, out);
        *out = v;
        return not_a_function(s, n, a);
    }
    return rf_exec_fail(s, RFE_INVALID, "undefined variable: %.*s", (int)n->text.len, n->text.ptr);
}

static int eval_chain(struct rf_exec *s, const struct rf_value *dot, const struct rf_node *n,
                      const struct arguments *a, struct rf_value *out)
{
    struct rf_value base;
    int rc = eval_word(s, dot, n->fields.base, &base);
    s->node = rc < 0 ? s->node : n;
    return rc < 0 ? rc : eval_fields(s, dot, n, a, base, out);
}

/* ---- words, commands, pipelines ---- */

/* `command` is where errors of a function are reported. */
static int eval_first(struct rf_exec *s, const struct rf_value *dot, const struct rf_node *n,
                      const struct rf_node *command, const struct arguments *a,
                      struct rf_value *out)
{
    switch (n->kind) {
    case RF_NODE_FIELD:
        s->node = n;
        return eval_fields(s, dot, n, a, *dot, out);
    case RF_NODE_CHAIN:
        s->node = n;
        return eval_chain(s, dot, n, a, out);
    case RF_NODE_IDENTIFIER:
        s->node = n;
        return eval_call(s, dot, n->func, NULL, command, a, out);
    case RF_NODE_VARIABLE:
        return eval_variable(s, dot, n, a, out);
    default:
        break;
    }
    if (n->kind != RF_NODE_PIPE)
        s->node = n;
    int rc = not_a_function(s, n, a);
    if (rc < 0)
        return rc;
    switch (n->kind) {
    case RF_NODE_PIPE:
        return rf_exec_pipe(s, dot, n, out);
    case RF_NODE_BOOL:
        *out = rf_value_bool(n->boolean);
        return 0;
    case RF_NODE_DOT:
        *out = *dot;
        return 0;
    case RF_NODE_NUMBER:
        return ideal_number(s, n, out);
    case RF_NODE_STRING:
        *out = rf_value_string(n->string);
        return 0;
    default:
        return rf_exec_fail(s, RFE_INVALID, "nil is not a command");
    }
}

static int eval_word(struct rf_exec *s, const struct rf_value *dot, const struct rf_node *n,
                     struct rf_value *out)
{
    int rc = rf_exec_step(s);
    return rc < 0 ? rc : eval_first(s, dot, n, n, &no_arguments, out);
}

static int eval_pipe(struct rf_exec *s, const struct rf_value *dot, const struct rf_node *pipe,
                     struct rf_value *out)
{
    struct rf_value v = rf_value_nil(), before;
    bool first = true;
    s->node = pipe;
    for (const struct rf_node *c = pipe->pipe.commands; c != NULL; c = c->next) {
        const struct rf_node *word = c->command.words;
        struct arguments a = { .words = word->next, .final = first ? NULL : &before };
        before = v;
        int rc = rf_exec_step(s);
        if (rc == 0)
            rc = eval_first(s, dot, word, c, &a, &v);
        if (rc < 0)
            return rc;
        first = false;
    }
    for (const struct rf_node *d = pipe->pipe.variables; d != NULL; d = d->next) {
        if (pipe->pipe.assigns)
            rf_exec_set(s, d->text, &v);
        else
            rf_exec_push(s, d->text, &v);
    }
    *out = v;
    return 0;
}

int rf_exec_pipe(struct rf_exec *s, const struct rf_value *dot, const struct rf_node *pipe,
                 struct rf_value *out)
{
    if (pipe == NULL) {
        *out = rf_value_nil();
        return 0;
    }
    int rc = rf_exec_enter(s);
    if (rc == 0)
        rc = eval_pipe(s, dot, pipe, out);
    s->depth--;
    return rc;
}
