/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of Go's text/template: print, index, slice, len and the like; signatures of functions. */
#include "base/gofmt.h"
#include "base/mem.h"
#include "base/template_impl.h"

#define FUNC(name) static RF_TEMPLATE_FUNC(name)
#define UNUSED() (void)call, (void)self, (void)args, (void)n, (void)out

/* ---- signatures ---- */

const struct rf_parameter *rf_parameter_of(char letter)
{
    static const struct {
        char letter;
        struct rf_parameter p;
    } all[] = {
        { 'v', { "reflect.Value", RF_VALUE_NIL, NULL, true } },
        { 'a', { "interface {}", RF_VALUE_NIL, NULL, true } },
        { 's', { "string", RF_VALUE_STRING, &rf_type_string, false } },
        { 'b', { "bool", RF_VALUE_BOOL, &rf_type_bool, false } },
        { 'i', { "int", RF_VALUE_INT, &rf_type_int, false } },
        { 'I', { "int64", RF_VALUE_INT, &rf_type_int64, false } },
        { 'f', { "float64", RF_VALUE_FLOAT, &rf_type_float64, false } },
        { 'l', { "[]string", RF_VALUE_LIST, &rf_type_string_list, true } },
        { 't', { "time.Time", RF_VALUE_TIME, &rf_type_time, false } },
        { 'd', { "time.Duration", RF_VALUE_INT, &rf_type_duration, false } },
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(all); i++)
        if (all[i].letter == letter)
            return &all[i].p;
    RF_BUG("no parameter is called '%c'", letter);
}

size_t rf_parameter_count(const char *params, bool *variadic)
{
    size_t n = strlen(params);
    *variadic = n > 0 && params[n - 1] == '*';
    return *variadic ? n - 2 : n;
}

char rf_parameter_letter(const char *params, size_t i)
{
    bool variadic;
    size_t fixed = rf_parameter_count(params, &variadic);
    return params[i < fixed ? i : fixed];
}

struct rf_slice rf_func_signature(struct rf_arena *arena, const struct rf_func *f)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    bool variadic;
    size_t fixed = f != NULL ? rf_parameter_count(f->params, &variadic) : 0;
    rf_buf_init(&b, 0);
    rf_buf_add_str(&b, "func(");
    for (size_t i = 0; f != NULL && i < fixed + (variadic ? 1 : 0); i++)
        rf_buf_addf(&b, "%s%s%s", i > 0 ? ", " : "", i == fixed ? "..." : "",
                    rf_parameter_of(f->params[i])->name);
    rf_buf_add_char(&b, ')');
    return rf_arena_slice(arena, rf_buf_slice(&b));
}

/* ---- printing ---- */

/* The buffer's text as a string of the execution. */
static int give_text(const struct rf_call *call, struct rf_buf *b, struct rf_value *out,
                     struct rf_err *err)
{
    if (b->rc < 0 || b->len > rf_arena_room(call->arena))
        return rf_fail(err, RFE_TOO_LARGE, "the text is too long");
    *out = rf_value_string(rf_arena_slice(call->arena, rf_buf_slice(b)));
    return 0;
}

static void text_buffer(const struct rf_call *call, struct rf_buf *b)
{
    rf_buf_init(b, rf_arena_room(call->arena) + 1);
}

FUNC(do_print)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    (void)self;
    text_buffer(call, &b);
    int rc = rf_gofmt_print(call, &b, args, n, err);
    return rc < 0 ? rc : give_text(call, &b, out, err);
}

FUNC(do_println)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    (void)self;
    text_buffer(call, &b);
    int rc = rf_gofmt_println(call, &b, args, n, err);
    return rc < 0 ? rc : give_text(call, &b, out, err);
}

FUNC(do_printf)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    (void)self;
    text_buffer(call, &b);
    int rc = rf_gofmt_printf(call, &b, args[0].text, args + 1, n - 1, err);
    return rc < 0 ? rc : give_text(call, &b, out, err);
}

/* ---- index, slice, len ---- */

static const char *type_name(const struct rf_call *call, const struct rf_value *v)
{
    return rf_value_type_name(call->arena, v);
}

/* An index into something of `length` elements; the end itself is within bounds here. */
static int index_of(const struct rf_call *call, const struct rf_value *v, size_t length,
                    size_t *out, struct rf_err *err)
{
    int64_t i;
    if (v->kind == RF_VALUE_INT)
        i = v->integer;
    else if (v->kind == RF_VALUE_UINT)
        i = (int64_t)v->natural;
    else if (v->kind == RF_VALUE_NIL)
        return rf_fail(err, RFE_INVALID, "cannot index slice/array with nil");
    else
        return rf_fail(err, RFE_INVALID, "cannot index slice/array with type %s",
                       type_name(call, v));
    if (i < 0 || (uint64_t)i > length)
        return rf_fail(err, RFE_INVALID, "index out of range: %lld", (long long)i);
    *out = (size_t)i;
    return 0;
}

static int index_map(const struct rf_call *call, const struct rf_value *map,
                     const struct rf_value *key, struct rf_value *out, struct rf_err *err)
{
    if (key->kind == RF_VALUE_NIL)
        return rf_fail(err, RFE_INVALID, "value is nil; should be of type string");
    if (key->kind != RF_VALUE_STRING || rf_value_type(key) != &rf_type_string)
        return rf_fail(err, RFE_INVALID, "value has type %s; should be string",
                       type_name(call, key));
    const struct rf_value *found = rf_value_lookup(map, key->text);
    *out = found != NULL ? *found : rf_type_zero(rf_value_type(map)->elem);
    return 0;
}

static int index_once(const struct rf_call *call, const struct rf_value *v,
                      const struct rf_value *at, struct rf_value *out, struct rf_err *err)
{
    size_t i = 0, length;
    bool text = v->kind == RF_VALUE_STRING || v->kind == RF_VALUE_BYTES;
    if (v->kind == RF_VALUE_MAP)
        return index_map(call, v, at, out, err);
    if (v->kind == RF_VALUE_OBJECT && v->object == NULL)
        return rf_fail(err, RFE_INVALID, "index of nil pointer");
    if (!text && v->kind != RF_VALUE_LIST)
        return rf_fail(err, RFE_INVALID, "can't index item of type %s", type_name(call, v));
    length = text ? v->text.len : v->list.n;
    int rc = index_of(call, at, length, &i, err);
    if (rc < 0)
        return rc;
    if (i == length)
        return rf_fail(err, RFE_INVALID, "reflect: %s index out of range",
                       v->kind == RF_VALUE_STRING ? "string" : "slice");
    if (text)
        *out = rf_value_typed(rf_value_uint((unsigned char)v->text.ptr[i]), &rf_type_byte);
    else
        *out = v->list.items[i];
    return 0;
}

FUNC(do_index)
{
    struct rf_value v = args[0];
    (void)self;
    if (v.kind == RF_VALUE_NIL)
        return rf_fail(err, RFE_INVALID, "index of untyped nil");
    for (size_t i = 1; i < n; i++) {
        struct rf_value inner;
        /* What is nil inside cannot be indexed further either. */
        if (v.kind == RF_VALUE_NIL)
            return rf_fail(err, RFE_INVALID, "index of nil pointer");
        int rc = index_once(call, &v, &args[i], &inner, err);
        if (rc < 0)
            return rc;
        v = inner;
    }
    *out = v;
    return 0;
}

FUNC(do_slice)
{
    const struct rf_value *v = &args[0];
    bool text = v->kind == RF_VALUE_STRING || v->kind == RF_VALUE_BYTES;
    (void)self;
    if (v->kind == RF_VALUE_NIL)
        return rf_fail(err, RFE_INVALID, "slice of untyped nil");
    if (n > 4)
        return rf_fail(err, RFE_INVALID, "too many slice indexes: %zu", n - 1);
    if (v->kind == RF_VALUE_STRING && n == 4)
        return rf_fail(err, RFE_INVALID, "cannot 3-index slice a string");
    if (!text && v->kind != RF_VALUE_LIST)
        return rf_fail(err, RFE_INVALID, "can't slice item of type %s", type_name(call, v));
    size_t length = text ? v->text.len : v->list.n, at[3] = { 0, length, length };
    for (size_t i = 1; i < n; i++) {
        int rc = index_of(call, &args[i], length, &at[i - 1], err);
        if (rc < 0)
            return rc;
    }
    for (size_t i = 0; i < 2; i++)
        if (at[i] > at[i + 1])
            return rf_fail(err, RFE_INVALID, "invalid slice index: %zu > %zu", at[i], at[i + 1]);
    *out = *v;
    if (text) {
        out->text = rf_slice_of(v->text.len > 0 ? v->text.ptr + at[0] : v->text.ptr, at[1] - at[0]);
    } else {
        out->list.items = length > 0 ? v->list.items + at[0] : v->list.items;
        out->list.n = at[1] - at[0];
    }
    return 0;
}

FUNC(do_len)
{
    const struct rf_value *v = &args[0];
    (void)self, (void)n;
    switch (v->kind) {
    case RF_VALUE_STRING:
    case RF_VALUE_BYTES:
        *out = rf_value_int((int64_t)v->text.len);
        return 0;
    case RF_VALUE_LIST:
        *out = rf_value_int((int64_t)v->list.n);
        return 0;
    case RF_VALUE_MAP:
        *out = rf_value_int((int64_t)v->map.n);
        return 0;
    case RF_VALUE_NIL:
        return rf_fail(err, RFE_INVALID, "reflect: call of reflect.Value.Type on zero Value");
    default:
        break;
    }
    if (v->kind == RF_VALUE_OBJECT && v->object == NULL)
        return rf_fail(err, RFE_INVALID, "len of nil pointer");
    return rf_fail(err, RFE_INVALID, "len of type %s", type_name(call, v));
}

FUNC(do_not)
{
    (void)call, (void)self, (void)n, (void)err;
    *out = rf_value_bool(!rf_value_is_true(&args[0]));
    return 0;
}

/* The engine does these by itself, since not all of their arguments are evaluated. */
FUNC(do_by_engine)
{
    UNUSED();
    return rf_fail(err, RFE_FAILED, "not reached");
}

/* ---- the table ---- */

const struct rf_func rf_template_and = { "and", "vv*", do_by_engine };
const struct rf_func rf_template_or = { "or", "vv*", do_by_engine };
const struct rf_func rf_template_call = { "call", "vv*", do_by_engine };

static const struct rf_func builtins[] = {
    { "eq", "vv*", rf_template_eq }, { "ge", "vv", rf_template_ge },
    { "gt", "vv", rf_template_gt },  { "html", "a*", rf_template_html },
    { "index", "vv*", do_index },    { "js", "a*", rf_template_js },
    { "le", "vv", rf_template_le },  { "len", "v", do_len },
    { "lt", "vv", rf_template_lt },  { "ne", "vv", rf_template_ne },
    { "not", "v", do_not },          { "print", "a*", do_print },
    { "printf", "sa*", do_printf },  { "println", "a*", do_println },
    { "slice", "vv*", do_slice },    { "urlquery", "a*", rf_template_urlquery },
};

const struct rf_func *rf_template_func(const struct rf_template_options *options,
                                       struct rf_slice name)
{
    for (size_t i = 0; i < options->n_funcs; i++)
        if (rf_slice_is(name, options->funcs[i].name))
            return &options->funcs[i];
    const struct rf_func *extra =
        rf_template_extra(name, (options->flags & RF_TEMPLATE_NO_HOST) == 0);
    if (extra != NULL)
        return extra;
    for (size_t i = 0; i < RF_ARRAY_LEN(builtins); i++)
        if (rf_slice_is(name, builtins[i].name))
            return &builtins[i];
    static const struct rf_func *const by_engine[] = { &rf_template_and, &rf_template_or,
                                                       &rf_template_call };
    for (size_t i = 0; i < RF_ARRAY_LEN(by_engine); i++)
        if (rf_slice_is(name, by_engine[i]->name))
            return by_engine[i];
    return NULL;
}
