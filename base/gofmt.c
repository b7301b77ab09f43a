/* SPDX-License-Identifier: Apache-2.0 */
/* The formats of Printf: flags, widths, indexes of arguments. */
#include "base/gofmt.h"

#include "base/gofmt_impl.h"
#include "base/mem.h"
#include "base/text.h"

struct format {
    struct rf_gofmt g;
    struct rf_slice text;
    size_t at; /* in text */
    const struct rf_value *args;
    size_t n, next;             /* the argument to come */
    bool reordered, good_index; /* [n] was used anywhere; the index in this verb is right */
    bool after_index;           /* an index was just read */
};

static int finish(const struct rf_gofmt *g)
{
    return g->rc < 0 ? g->rc : 0;
}

static char peek(const struct format *f)
{
    return f->at < f->text.len ? f->text.ptr[f->at] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A decimal number at the place: false when there is none. One that is too large makes *out -1. */
static bool take_number(struct format *f, int *out)
{
    int v = 0;
    if (!is_digit(peek(f)))
        return false;
    for (; is_digit(peek(f)); f->at++)
        if (v >= 0)
            v = v <= RF_GOFMT_WIDTH_MAX ? v * 10 + (peek(f) - '0') : -1;
    *out = v > RF_GOFMT_WIDTH_MAX ? -1 : v;
    return true;
}

static void take_flags(struct format *f)
{
    for (; f->at < f->text.len; f->at++) {
        switch (peek(f)) {
        case '#':
            f->g.sharp = true;
            break;
        case '0':
            f->g.zero = true;
            break;
        case '+':
            f->g.plus = true;
            break;
        case '-':
            f->g.minus = true;
            break;
        case ' ':
            f->g.space = true;
            break;
        default:
            return;
        }
    }
}

/* [n]: the argument that comes next. */
static void take_index(struct format *f)
{
    if (peek(f) != '[')
        return;
    f->reordered = true;
    const char *close = memchr(f->text.ptr + f->at, ']', f->text.len - f->at);
    if (close == NULL || f->text.len - f->at < 3) {
        f->good_index = false;
        f->at++;
        return;
    }
    size_t end = (size_t)(close - f->text.ptr);
    int index = -1;
    f->at++;
    bool number = take_number(f, &index) && f->at == end;
    f->at = end + 1;
    if (!number || index < 1 || (size_t)index > f->n) {
        f->good_index = false;
        return;
    }
    f->next = (size_t)index - 1;
    f->after_index = true;
}

/* A width or precision from the arguments; false when it is no fitting int. */
static bool take_star(struct format *f, int *out)
{
    f->at++;
    f->after_index = false;
    if (f->next >= f->n)
        return false;
    const struct rf_value *v = &f->args[f->next++];
    int64_t i = v->kind == RF_VALUE_INT ? v->integer : INT64_MAX;
    if (v->kind == RF_VALUE_UINT && v->natural <= RF_GOFMT_WIDTH_MAX)
        i = (int64_t)v->natural;
    if (i < -RF_GOFMT_WIDTH_MAX || i > RF_GOFMT_WIDTH_MAX)
        return false;
    *out = (int)i;
    return true;
}

/* False when the format ends here: a width beyond all bounds. */
static bool take_width(struct format *f)
{
    int width = 0;
    if (peek(f) == '*') {
        f->g.has_width = take_star(f, &width);
        if (!f->g.has_width)
            rf_buf_add_str(f->g.out, "%!(BADWIDTH)");
        if (width < 0) {
            f->g.minus = true;
            f->g.zero = false;
        }
        f->g.width = width < 0 ? -width : width;
        return true;
    }
    f->g.has_width = take_number(f, &width);
    f->g.width = width;
    if (f->g.has_width && f->after_index)
        f->good_index = false; /* "%[3]2d" */
    return width >= 0;
}

static bool take_precision(struct format *f)
{
    int precision = 0;
    if (peek(f) != '.')
        return true;
    f->at++;
    if (f->after_index)
        f->good_index = false; /* "%[3].2d" */
    take_index(f);
    if (peek(f) == '*') {
        f->g.has_precision = take_star(f, &precision) && precision >= 0;
        if (!f->g.has_precision)
            rf_buf_add_str(f->g.out, "%!(BADPREC)");
        f->g.precision = precision > 0 ? precision : 0;
        return true;
    }
    (void)take_number(f, &precision);
    f->g.has_precision = true;
    f->g.precision = precision;
    return precision >= 0;
}

static void complain(struct format *f, uint32_t verb, const char *what)
{
    rf_buf_add_str(f->g.out, "%!");
    rf_gofmt_add_rune(f->g.out, verb);
    rf_buf_add_str(f->g.out, what);
}

static void put_verb(struct format *f, uint32_t verb)
{
    if (verb == '%') {
        rf_buf_add_char(f->g.out, '%');
        return;
    }
    if (!f->good_index) {
        complain(f, verb, "(BADINDEX)");
        return;
    }
    if (f->next >= f->n) {
        complain(f, verb, "(MISSING)");
        return;
    }
    if (verb == 'v') {
        /* These two are no flags of numbers here. */
        f->g.sharp_v = f->g.sharp;
        f->g.plus_v = f->g.plus;
        f->g.sharp = f->g.plus = false;
    }
    const struct rf_value *v = &f->args[f->next++];
    if (verb == 'w')
        rf_gofmt_bad_verb(&f->g, v, verb);
    else
        rf_gofmt_value(&f->g, v, verb);
}

/* From behind the percent sign. */
static void put_directive(struct format *f)
{
    uint32_t verb;
    rf_gofmt_clear(&f->g);
    f->good_index = true;
    f->after_index = false;
    take_flags(f);
    take_index(f);
    if (!take_width(f) || !take_precision(f))
        f->at = f->text.len;
    if (!f->after_index)
        take_index(f);
    if (f->at >= f->text.len) {
        rf_buf_add_str(f->g.out, "%!(NOVERB)");
        return;
    }
    struct rf_slice rest = rf_slice_of(f->text.ptr + f->at, f->text.len - f->at);
    f->at += rf_text_next(rest, &verb);
    put_verb(f, verb != UINT32_MAX ? verb : 0xFFFD);
}

static void put_extra(struct format *f)
{
    if (f->reordered || f->next >= f->n)
        return;
    rf_gofmt_clear(&f->g);
    rf_buf_add_str(f->g.out, "%!(EXTRA ");
    for (size_t i = f->next; i < f->n; i++) {
        const struct rf_value *v = &f->args[i];
        if (i > f->next)
            rf_buf_add_str(f->g.out, ", ");
        if (v->kind != RF_VALUE_NIL)
            rf_buf_addf(f->g.out, "%s=", rf_value_type_name(f->g.call->arena, v));
        rf_gofmt_value(&f->g, v, 'v');
    }
    rf_buf_add_char(f->g.out, ')');
}

int rf_gofmt_printf(const struct rf_call *call, struct rf_buf *out, struct rf_slice format,
                    const struct rf_value *args, size_t n, struct rf_err *err)
{
    struct format f = {
        .g = { .call = call, .out = out, .err = err }, .text = format, .args = args, .n = n
    };
    while (f.at < format.len && f.g.rc == 0 && out->rc == 0) {
        const char *from = format.ptr + f.at;
        const char *percent = memchr(from, '%', format.len - f.at);
        size_t plain = percent != NULL ? (size_t)(percent - from) : format.len - f.at;
        rf_buf_add(out, from, plain);
        f.at += plain;
        if (percent == NULL)
            break;
        f.at++;
        put_directive(&f);
    }
    put_extra(&f);
    return finish(&f.g);
}

int rf_gofmt_print(const struct rf_call *call, struct rf_buf *out, const struct rf_value *args,
                   size_t n, struct rf_err *err)
{
    struct rf_gofmt g = { .call = call, .out = out, .err = err };
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && args[i].kind != RF_VALUE_STRING && args[i - 1].kind != RF_VALUE_STRING)
            rf_buf_add_char(out, ' ');
        rf_gofmt_value(&g, &args[i], 'v');
    }
    return finish(&g);
}

int rf_gofmt_println(const struct rf_call *call, struct rf_buf *out, const struct rf_value *args,
                     size_t n, struct rf_err *err)
{
    struct rf_gofmt g = { .call = call, .out = out, .err = err };
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            rf_buf_add_char(out, ' ');
        rf_gofmt_value(&g, &args[i], 'v');
    }
    rf_buf_add_char(out, '\n');
    return finish(&g);
}
