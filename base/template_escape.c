/* SPDX-License-Identifier: Apache-2.0 */
/* html, js, urlquery: the text of the arguments made safe for one place. */
#include "base/gofmt.h"
#include "base/mem.h"
#include "base/template_impl.h"
#include "base/text.h"

typedef void (*escape_fn)(struct rf_buf *out, struct rf_slice s);

/* print of the arguments, escaped. */
static int escaped(const struct rf_call *call, escape_fn escape, const struct rf_value *args,
                   size_t n, struct rf_value *out, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text, b;
    size_t room = rf_arena_room(call->arena);
    rf_buf_init(&text, room + 1);
    rf_buf_init(&b, room + 1);
    struct rf_value *shown = rf_arena_alloc(call->arena, (n + 1) * sizeof(*shown));
    for (size_t i = 0; i < n; i++) {
        /* As an action prints it. */
        shown[i] = args[i].kind == RF_VALUE_NIL ? rf_value_str("<no value>") : args[i];
        shown[i].pointer = shown[i].pointer && shown[i].object == NULL;
    }
    int rc = rf_gofmt_print(call, &text, shown, n, err);
    if (rc < 0)
        return rc;
    escape(&b, rf_buf_slice(&text));
    if (text.rc < 0 || b.rc < 0 || b.len > room)
        return rf_fail(err, RFE_TOO_LARGE, "the text is too long");
    *out = rf_value_string(rf_arena_slice(call->arena, rf_buf_slice(&b)));
    return 0;
}

static void escape_html(struct rf_buf *out, struct rf_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        switch (s.ptr[i]) {
        case '\0':
            rf_buf_add_str(out, "\xEF\xBF\xBD");
            break;
        case '"':
            rf_buf_add_str(out, "&#34;");
            break;
        case '\'':
            rf_buf_add_str(out, "&#39;");
            break;
        case '&':
            rf_buf_add_str(out, "&amp;");
            break;
        case '<':
            rf_buf_add_str(out, "&lt;");
            break;
        case '>':
            rf_buf_add_str(out, "&gt;");
            break;
        default:
            rf_buf_add_char(out, s.ptr[i]);
            break;
        }
    }
}

static void escape_js(struct rf_buf *out, struct rf_slice s)
{
    for (size_t i = 0; i < s.len;) {
        uint32_t cp;
        size_t n = rf_text_next(rf_slice_of(s.ptr + i, s.len - i), &cp);
        if (cp == '\\' || cp == '\'' || cp == '"')
            rf_buf_addf(out, "\\%c", (char)cp);
        else if (cp == '<' || cp == '>' || cp == '&' || cp == '=' || cp < 0x20)
            rf_buf_addf(out, "\\u%04X", (unsigned)cp);
        else if (cp < 0x80 || (cp != UINT32_MAX && rf_text_is_printable(cp)))
            rf_buf_add(out, s.ptr + i, n);
        else
            rf_buf_addf(out, "\\u%04X", (unsigned)(cp == UINT32_MAX ? 0xFFFD : cp));
        i += n;
    }
}

static void escape_query(struct rf_buf *out, struct rf_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
            (c != '\0' && strchr("-_.~", c) != NULL))
            rf_buf_add_char(out, (char)c);
        else if (c == ' ')
            rf_buf_add_char(out, '+');
        else
            rf_buf_addf(out, "%%%02X", (unsigned)c);
    }
}

RF_TEMPLATE_FUNC(rf_template_html)
{
    (void)self;
    return escaped(call, escape_html, args, n, out, err);
}

RF_TEMPLATE_FUNC(rf_template_js)
{
    (void)self;
    return escaped(call, escape_js, args, n, out, err);
}

RF_TEMPLATE_FUNC(rf_template_urlquery)
{
    (void)self;
    return escaped(call, escape_query, args, n, out, err);
}
