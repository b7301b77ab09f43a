/* SPDX-License-Identifier: Apache-2.0 */
/* Values as JSON, as Go's encoder writes them: fields in the order of their table, keys of maps sorted. */
#include <inttypes.h>
#include <math.h>

#include "base/base64.h"
#include "base/gofmt.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/value.h"

struct writer {
    const struct rf_call *call;
    struct rf_buf *out;
    struct rf_err *err;
    unsigned depth;
};

static int write_value(struct writer *w, const struct rf_value *v);

/* The bytes that JSON must not hold as they are, or that Go writes otherwise for the sake of scripts. */
static void add_escaped(struct rf_buf *out, uint32_t cp)
{
    switch (cp) {
    case '"':
    case '\\':
        rf_buf_addf(out, "\\%c", (char)cp);
        break;
    case '\b':
        rf_buf_add_str(out, "\\b");
        break;
    case '\f':
        rf_buf_add_str(out, "\\f");
        break;
    case '\n':
        rf_buf_add_str(out, "\\n");
        break;
    case '\r':
        rf_buf_add_str(out, "\\r");
        break;
    case '\t':
        rf_buf_add_str(out, "\\t");
        break;
    default:
        rf_buf_addf(out, "\\u%04x", (unsigned)(cp == UINT32_MAX ? 0xFFFD : cp));
        break;
    }
}

static void write_string(struct writer *w, struct rf_slice s)
{
    rf_buf_add_char(w->out, '"');
    for (size_t i = 0; i < s.len && w->out->rc == 0;) {
        size_t run = i;
        while (run < s.len && s.ptr[run] >= 0x20 && s.ptr[run] < 0x7F && s.ptr[run] != '"' &&
               s.ptr[run] != '\\')
            run++;
        rf_buf_add(w->out, s.ptr + i, run - i);
        i = run;
        if (i >= s.len)
            break;
        uint32_t cp;
        size_t n = rf_text_next(rf_slice_of(s.ptr + i, s.len - i), &cp);
        if (cp < 0x20 || cp == '"' || cp == '\\' || cp == 0x2028 || cp == 0x2029 ||
            cp == UINT32_MAX)
            add_escaped(w->out, cp);
        else
            rf_buf_add(w->out, s.ptr + i, n);
        i += n;
    }
    rf_buf_add_char(w->out, '"');
}

static int write_float(struct writer *w, double d)
{
    if (!isfinite(d))
        return rf_fail(w->err, RFE_INVALID, "json: unsupported value: %s",
                       isnan(d) ? "NaN"
                       : d < 0  ? "-Inf"
                                : "+Inf");
    char *e;
    size_t from = w->out->len;
    rf_gofmt_float(w->out, d, -6, 21);
    /* e-09 becomes e-9. */
    e = w->out->rc == 0 ? strstr(w->out->ptr + from, "e-0") : NULL;
    if (e != NULL) {
        char digit = e[3];
        w->out->len = (size_t)(e + 2 - w->out->ptr);
        rf_buf_add_char(w->out, digit);
    }
    return 0;
}

static int write_list(struct writer *w, const struct rf_value *v)
{
    rf_buf_add_char(w->out, '[');
    for (size_t i = 0; i < v->list.n && w->out->rc == 0; i++) {
        if (i > 0)
            rf_buf_add_char(w->out, ',');
        int rc = write_value(w, &v->list.items[i]);
        if (rc < 0)
            return rc;
    }
    rf_buf_add_char(w->out, ']');
    return 0;
}

static int write_map(struct writer *w, const struct rf_value *v)
{
    rf_buf_add_char(w->out, '{');
    for (size_t i = 0; i < v->map.n && w->out->rc == 0; i++) {
        if (i > 0)
            rf_buf_add_char(w->out, ',');
        write_string(w, v->map.pairs[i].key);
        rf_buf_add_char(w->out, ':');
        int rc = write_value(w, &v->map.pairs[i].value);
        if (rc < 0)
            return rc;
    }
    rf_buf_add_char(w->out, '}');
    return 0;
}

/* The members of an object without its braces; *any: something stands before. */
static int write_members(struct writer *w, const struct rf_value *v, unsigned level, bool *any)
{
    const struct rf_type *type = rf_value_type(v);
    for (size_t i = 0; i < type->n_fields && w->out->rc == 0; i++) {
        const struct rf_field *f = &type->fields[i];
        struct rf_value member = rf_value_nil();
        if (f->json == NULL && !(f->flags & RF_FIELD_EMBEDDED))
            continue;
        int rc = f->get(w->call, f, v->object, &member, w->err);
        if (rc < 0)
            return rc;
        /* An embedded object without a name of its own in JSON lies flat in the outer one. */
        if (f->json == NULL) {
            if (member.kind == RF_VALUE_OBJECT && member.object != NULL && level < 8)
                rc = write_members(w, &member, level + 1, any);
            if (rc < 0)
                return rc;
            continue;
        }
        if ((f->flags & RF_FIELD_OMITEMPTY) && rf_value_is_empty(&member))
            continue;
        if (*any)
            rf_buf_add_char(w->out, ',');
        *any = true;
        write_string(w, rf_slice_str(f->json));
        rf_buf_add_char(w->out, ':');
        rc = write_value(w, &member);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int write_object(struct writer *w, const struct rf_value *v)
{
    bool any = false;
    rf_buf_add_char(w->out, '{');
    int rc = write_members(w, v, 0, &any);
    rf_buf_add_char(w->out, '}');
    return rc;
}

/* JSON that a type writes itself, without blanks between its parts. */
static int write_own(struct writer *w, const struct rf_value *v)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, w->out->max);
    int rc = rf_value_type(v)->json(w->call, v, &b, w->err);
    if (rc < 0 || b.rc < 0)
        return rc < 0 ? rc : rf_fail(w->err, -b.rc, "the JSON of a %s", rf_value_type(v)->name);
    bool in_string = false;
    for (size_t i = 0; i < b.len; i++) {
        char c = b.ptr[i];
        if (!in_string && (c == ' ' || c == '\t' || c == '\r' || c == '\n'))
            continue;
        rf_buf_add_char(w->out, c);
        if (in_string && c == '\\' && i + 1 < b.len)
            rf_buf_add_char(w->out, b.ptr[++i]);
        else if (c == '"')
            in_string = !in_string;
    }
    return 0;
}

static void write_bytes(struct writer *w, struct rf_slice s)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, w->out->max);
    rf_base64_encode(&b, s);
    rf_buf_add_char(w->out, '"');
    rf_buf_add(w->out, b.ptr, b.len);
    rf_buf_add_char(w->out, '"');
    if (b.rc < 0)
        w->out->rc = b.rc;
}

static int write_time(struct writer *w, const struct rf_gotime *t)
{
    struct rf_gotime_fields f;
    rf_gotime_fields(*t, &f);
    if (f.year < 0 || f.year > 9999)
        return rf_fail(w->err, RFE_INVALID, "Time.MarshalJSON: year outside of range [0,9999]");
    rf_buf_add_char(w->out, '"');
    rf_gotime_format(w->out, *t, rf_slice_str(rf_gotime_rfc3339_nano));
    rf_buf_add_char(w->out, '"');
    return 0;
}

static int write_by_kind(struct writer *w, const struct rf_value *v)
{
    switch (v->kind) {
    case RF_VALUE_BOOL:
        rf_buf_add_str(w->out, v->boolean ? "true" : "false");
        return 0;
    case RF_VALUE_INT:
        rf_buf_addf(w->out, "%" PRId64, v->integer);
        return 0;
    case RF_VALUE_UINT:
        rf_buf_addf(w->out, "%" PRIu64, v->natural);
        return 0;
    case RF_VALUE_FLOAT:
        return write_float(w, v->real);
    case RF_VALUE_STRING:
        write_string(w, v->text);
        return 0;
    case RF_VALUE_BYTES:
        write_bytes(w, v->text);
        return 0;
    case RF_VALUE_LIST:
        return write_list(w, v);
    case RF_VALUE_MAP:
        return write_map(w, v);
    case RF_VALUE_TIME:
        return write_time(w, &v->time);
    case RF_VALUE_OBJECT:
        return write_object(w, v);
    default:
        return rf_fail(w->err, RFE_INVALID, "json: unsupported type: %s", rf_value_type(v)->name);
    }
}

static int write_value(struct writer *w, const struct rf_value *v)
{
    if (w->depth >= RF_VALUE_DEPTH_MAX)
        return rf_fail(w->err, RFE_TOO_LARGE, "a value more than %d deep", RF_VALUE_DEPTH_MAX);
    if (rf_value_is_nil(v)) {
        rf_buf_add_str(w->out, "null");
        return 0;
    }
    w->depth++;
    int rc = rf_value_type(v)->json != NULL ? write_own(w, v) : write_by_kind(w, v);
    w->depth--;
    return rc;
}

static void new_line(struct rf_buf *out, size_t depth)
{
    rf_buf_add_char(out, '\n');
    for (size_t i = 0; i < depth; i++)
        rf_buf_add_str(out, "  ");
}

/* The place behind the string that starts at `from`. */
static size_t string_end(struct rf_slice json, size_t from)
{
    size_t i = from + 1;
    while (i < json.len && json.ptr[i] != '"')
        i += json.ptr[i] == '\\' ? 2 : 1;
    return i < json.len ? i + 1 : json.len;
}

/* A sign between values of compact JSON; *depth is that of the brackets. */
static void indent_sign(struct rf_buf *out, char c, char next, size_t *depth)
{
    bool closes = c == '}' || c == ']', empty = next == '}' || next == ']';
    if (closes && *depth > 0)
        new_line(out, --*depth);
    rf_buf_add_char(out, c);
    if (c == ':')
        rf_buf_add_char(out, ' ');
    else if (c == ',')
        new_line(out, *depth);
    else if ((c == '{' || c == '[') && !empty)
        new_line(out, ++*depth);
}

/* Compact JSON with lines and blanks between its parts. */
static void indent(struct rf_buf *out, struct rf_slice json)
{
    size_t depth = 0;
    for (size_t i = 0; i < json.len && out->rc == 0;) {
        char c = json.ptr[i], next = i + 1 < json.len ? json.ptr[i + 1] : '\0';
        if (c == '"') {
            size_t end = string_end(json, i);
            rf_buf_add(out, json.ptr + i, end - i);
            i = end;
            continue;
        }
        bool pair = (c == '{' && next == '}') || (c == '[' && next == ']');
        if (pair)
            rf_buf_add(out, json.ptr + i, 2);
        else
            indent_sign(out, c, next, &depth);
        i += pair ? 2 : 1;
    }
}

int rf_value_json(const struct rf_call *call, const struct rf_value *v, unsigned flags,
                  struct rf_buf *out, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, out->max);
    struct writer w = { .call = call, .out = &b, .err = err };
    int rc = write_value(&w, v);
    if (rc < 0)
        return rc;
    if (b.rc < 0)
        out->rc = b.rc;
    else if (flags & RF_VALUE_JSON_PRETTY)
        indent(out, rf_buf_slice(&b));
    else
        rf_buf_add(out, b.ptr, b.len);
    return 0;
}
