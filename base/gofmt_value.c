/* SPDX-License-Identifier: Apache-2.0 */
/* Values of all kinds by one verb: lists, maps and structures element by element. */
#include "base/gofmt_impl.h"

#include "base/mem.h"

static bool stopped(const struct rf_gofmt *g)
{
    return g->rc < 0 || g->out->rc < 0;
}

void rf_gofmt_bad_verb(struct rf_gofmt *g, const struct rf_value *v, uint32_t verb)
{
    bool complaining = g->complaining;
    g->complaining = true;
    rf_buf_add_str(g->out, "%!");
    rf_gofmt_add_rune(g->out, verb);
    rf_buf_add_char(g->out, '(');
    if (v->kind == RF_VALUE_NIL) {
        rf_buf_add_str(g->out, "<nil>");
    } else {
        rf_buf_add_str(g->out, rf_value_type_name(g->call->arena, v));
        rf_buf_add_char(g->out, '=');
        rf_gofmt_value(g, v, 'v');
    }
    rf_buf_add_char(g->out, ')');
    g->complaining = complaining;
}

/* The text of a type's own String(), as if it were the value. */
static bool by_string(struct rf_gofmt *g, const struct rf_value *v, uint32_t verb)
{
    const struct rf_type *type = rf_value_type(v);
    if (type->string == NULL || g->complaining || g->sharp_v || rf_value_is_nil(v))
        return false;
    if (verb != 'v' && verb != 's' && verb != 'q' && verb != 'x' && verb != 'X')
        return false;
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, g->out->max);
    int rc = type->string(g->call, v, &text, g->err);
    if (rc < 0 || text.rc < 0)
        g->rc = rc < 0 ? rc : rf_fail(g->err, -text.rc, "the text of a %s", type->name);
    else
        (void)rf_gofmt_text(g, rf_buf_slice(&text), verb);
    return true;
}

static void open_bracket(struct rf_gofmt *g, const char *name, const char *plain)
{
    if (g->sharp_v)
        rf_buf_addf(g->out, "%s{", name);
    else
        rf_buf_add_str(g->out, plain);
}

static void separator(struct rf_gofmt *g, size_t i)
{
    if (i > 0)
        rf_buf_add_str(g->out, g->sharp_v ? ", " : " ");
}

static void put_bytes(struct rf_gofmt *g, const struct rf_value *v, uint32_t verb)
{
    if (verb != 'v' && verb != 'd') {
        if (!rf_gofmt_text(g, v->text, verb))
            rf_gofmt_bad_verb(g, v, verb);
        return;
    }
    if (g->sharp_v && v->text.ptr == NULL) {
        rf_buf_add_str(g->out, "[]byte(nil)");
        return;
    }
    open_bracket(g, "[]byte", "[");
    for (size_t i = 0; i < v->text.len && !stopped(g); i++) {
        separator(g, i);
        (void)rf_gofmt_integer(g, (unsigned char)v->text.ptr[i], false, g->sharp_v ? 'v' : 'd');
    }
    rf_buf_add_char(g->out, g->sharp_v ? '}' : ']');
}

static bool put_nil_composite(struct rf_gofmt *g, const struct rf_value *v)
{
    if (!g->sharp_v || !rf_value_is_nil(v))
        return false;
    rf_buf_addf(g->out, "%s(nil)", rf_value_type(v)->name);
    return true;
}

static void put_list(struct rf_gofmt *g, const struct rf_value *v, uint32_t verb)
{
    if (put_nil_composite(g, v))
        return;
    open_bracket(g, rf_value_type(v)->name, "[");
    for (size_t i = 0; i < v->list.n && !stopped(g); i++) {
        separator(g, i);
        rf_gofmt_value(g, &v->list.items[i], verb);
    }
    rf_buf_add_char(g->out, g->sharp_v ? '}' : ']');
}

static void put_map(struct rf_gofmt *g, const struct rf_value *v, uint32_t verb)
{
    if (put_nil_composite(g, v))
        return;
    open_bracket(g, rf_value_type(v)->name, "map[");
    for (size_t i = 0; i < v->map.n && !stopped(g); i++) {
        struct rf_value key = rf_value_string(v->map.pairs[i].key);
        separator(g, i);
        rf_gofmt_value(g, &key, verb);
        rf_buf_add_char(g->out, ':');
        rf_gofmt_value(g, &v->map.pairs[i].value, verb);
    }
    rf_buf_add_char(g->out, g->sharp_v ? '}' : ']');
}

static void put_nil_pointer(struct rf_gofmt *g, const struct rf_value *v, uint32_t verb)
{
    if (g->sharp_v)
        rf_buf_addf(g->out, "(%s)(nil)", rf_value_type_name(g->call->arena, v));
    else if (verb == 'v' || g->complaining)
        rf_gofmt_pad(g, rf_slice_str("<nil>"));
    else if (verb == 's' && rf_value_type(v)->string != NULL)
        rf_buf_add_str(g->out, "<nil>");
    else
        rf_gofmt_bad_verb(g, v, verb);
}

static void put_object(struct rf_gofmt *g, const struct rf_value *v, uint32_t verb)
{
    const struct rf_type *type = rf_value_type(v);
    if (v->object == NULL) {
        put_nil_pointer(g, v, verb);
        return;
    }
    if (v->pointer)
        rf_buf_add_char(g->out, '&');
    open_bracket(g, type->name, "{");
    for (size_t i = 0; i < type->n_fields && !stopped(g); i++) {
        struct rf_value member = rf_value_nil();
        g->rc = type->fields[i].get(g->call, &type->fields[i], v->object, &member, g->err);
        if (g->rc < 0)
            return;
        separator(g, i);
        if (g->plus_v || g->sharp_v)
            rf_buf_addf(g->out, "%s:", type->fields[i].name);
        rf_gofmt_value(g, &member, verb);
    }
    rf_buf_add_char(g->out, '}');
}

static void put_by_kind(struct rf_gofmt *g, const struct rf_value *v, uint32_t verb)
{
    bool fits = true;
    switch (v->kind) {
    case RF_VALUE_BOOL:
        fits = verb == 'v' || verb == 't';
        if (fits)
            rf_gofmt_pad(g, rf_slice_str(v->boolean ? "true" : "false"));
        break;
    case RF_VALUE_INT:
        fits = rf_gofmt_integer(g, (uint64_t)v->integer, true, verb);
        break;
    case RF_VALUE_UINT:
        fits = rf_gofmt_integer(g, v->natural, false, verb);
        break;
    case RF_VALUE_FLOAT:
        fits = rf_gofmt_real(g, v->real, verb);
        break;
    case RF_VALUE_STRING:
        fits = rf_gofmt_text(g, v->text, verb);
        break;
    case RF_VALUE_BYTES:
        put_bytes(g, v, verb);
        break;
    case RF_VALUE_LIST:
        put_list(g, v, verb);
        break;
    case RF_VALUE_MAP:
        put_map(g, v, verb);
        break;
    case RF_VALUE_TIME:
        if (verb == 'v')
            rf_gotime_string(g->out, v->time);
        else
            fits = false;
        break;
    case RF_VALUE_OBJECT:
        put_object(g, v, verb);
        break;
    default:
        rf_gofmt_pad(g, rf_slice_str("0x0"));
        break;
    }
    if (!fits)
        rf_gofmt_bad_verb(g, v, verb);
}

void rf_gofmt_value(struct rf_gofmt *g, const struct rf_value *v, uint32_t verb)
{
    if (stopped(g))
        return;
    if (g->depth >= RF_VALUE_DEPTH_MAX) {
        g->rc = rf_fail(g->err, RFE_TOO_LARGE, "a value more than %d deep", RF_VALUE_DEPTH_MAX);
        return;
    }
    g->depth++;
    if (verb == 'T')
        (void)rf_gofmt_text(g, rf_slice_str(rf_value_type_name(g->call->arena, v)), 's');
    else if (v->kind == RF_VALUE_NIL && verb == 'v')
        rf_gofmt_pad(g, rf_slice_str("<nil>"));
    else if (v->kind == RF_VALUE_NIL || verb == 'p')
        rf_gofmt_bad_verb(g, v, verb);
    else if (!by_string(g, v, verb))
        put_by_kind(g, v, verb);
    g->depth--;
}
