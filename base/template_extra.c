/* SPDX-License-Identifier: Apache-2.0 */
/* The functions beyond Go's own: default, env, file, join, json and the like. */
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/template_impl.h"
#include "base/text.h"

#define FUNC(name) static RF_TEMPLATE_FUNC(name)

static int too_long(struct rf_err *err)
{
    return rf_fail(err, RFE_TOO_LARGE, "the text is too long");
}

static int give_text(const struct rf_call *call, struct rf_buf *b, struct rf_value *out,
                     struct rf_err *err)
{
    if (b->rc < 0 || b->len > rf_arena_room(call->arena))
        return too_long(err);
    *out = rf_value_string(rf_arena_slice(call->arena, rf_buf_slice(b)));
    return 0;
}

/* ---- the host ---- */

FUNC(do_env)
{
    (void)self, (void)n, (void)err;
    struct rf_slice name = args[0].text;
    bool sane = name.len > 0 && memchr(name.ptr, '\0', name.len) == NULL;
    const char *v = sane ? getenv(rf_arena_dup(call->arena, name)) : NULL;
    *out = rf_value_string(rf_arena_slice(call->arena, rf_slice_str(v)));
    return 0;
}

/* White space as Unicode has it. */
static bool is_space(uint32_t cp)
{
    return (cp >= 9 && cp <= 13) || cp == ' ' || cp == 0x85 || cp == 0xA0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 || cp == 0x202F ||
           cp == 0x205F || cp == 0x3000;
}

static struct rf_slice trimmed(struct rf_slice s)
{
    uint32_t cp;
    size_t from = 0, to = 0;
    for (size_t i = 0, n; i < s.len; i += n) {
        n = rf_text_next(rf_slice_of(s.ptr + i, s.len - i), &cp);
        if (is_space(cp))
            continue;
        from = to == 0 ? i : from;
        to = i + n;
    }
    return rf_slice_of(s.len > 0 ? s.ptr + from : s.ptr, to - from);
}

FUNC(do_file)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    struct rf_err ignored = RF_ERR_INIT;
    (void)self, (void)n;
    rf_buf_init(&b, RF_TEMPLATE_FILE_MAX);
    struct rf_slice name = args[0].text;
    bool sane = name.len > 0 && memchr(name.ptr, '\0', name.len) == NULL;
    /* What cannot be read is empty, as users of upstream's files count on. */
    if (!sane || rf_file_read(rf_arena_dup(call->arena, name), &b, &ignored) < 0)
        rf_buf_clear(&b);
    struct rf_slice s = trimmed(rf_buf_slice(&b));
    if (s.len > rf_arena_room(call->arena))
        return too_long(err);
    *out = rf_value_string(rf_arena_slice(call->arena, s));
    return 0;
}

/* ---- strings ---- */

FUNC(do_trim_space)
{
    (void)call, (void)self, (void)n, (void)err;
    *out = rf_value_string(trimmed(args[0].text));
    return 0;
}

FUNC(do_join)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    (void)self, (void)n;
    rf_buf_init(&b, rf_arena_room(call->arena) + 1);
    for (size_t i = 0; i < args[0].list.n && b.rc == 0; i++) {
        const struct rf_value *v = &args[0].list.items[i];
        if (i > 0)
            rf_buf_add(&b, args[1].text.ptr, args[1].text.len);
        if (v->kind == RF_VALUE_STRING)
            rf_buf_add(&b, v->text.ptr, v->text.len);
    }
    return give_text(call, &b, out, err);
}

/* The next piece and what is left; a piece is what stands before the separator, or one character when that is empty. */
static struct rf_slice next_piece(struct rf_slice *left, struct rf_slice sep, bool *more)
{
    struct rf_slice piece = *left;
    size_t skip = 0;
    uint32_t cp;
    if (sep.len == 0) {
        piece.len = rf_text_next(*left, &cp);
    } else {
        const char *at = left->len > 0 ? memmem(left->ptr, left->len, sep.ptr, sep.len) : NULL;
        piece.len = at != NULL ? (size_t)(at - left->ptr) : left->len;
        skip = at != NULL ? sep.len : 0;
    }
    *more = sep.len == 0 ? piece.len < left->len : skip > 0;
    if (left->len > 0)
        left->ptr += piece.len + skip;
    left->len -= piece.len + skip;
    return piece;
}

FUNC(do_split)
{
    struct rf_slice left = args[0].text, sep = args[1].text;
    size_t pieces = 0;
    bool more = left.len > 0 || sep.len > 0;
    (void)self, (void)n;
    while (more) {
        (void)next_piece(&left, sep, &more);
        pieces++;
    }
    struct rf_value *items = rf_arena_array(call->arena, pieces + 1, sizeof(*items));
    if (items == NULL)
        return rf_fail(err, RFE_TOO_LARGE, "%zu pieces are too many", pieces);
    left = args[0].text;
    for (size_t i = 0; i < pieces; i++)
        items[i] = rf_value_string(next_piece(&left, sep, &more));
    *out = rf_value_list(&rf_type_string_list, items, pieces);
    return 0;
}

/* Lower and upper letters that lie a fixed way apart; the alphabets that names of people and places need. */
static const struct {
    uint32_t first, last; /* upper case */
    uint32_t distance;    /* 1: upper and lower take turns, starting with an even number; 0 odd */
} cases[] = {
    { 'A', 'Z', 32 },      { 0xC0, 0xD6, 32 },    { 0xD8, 0xDE, 32 },     { 0x100, 0x12F, 1 },
    { 0x132, 0x137, 1 },   { 0x139, 0x148, 0 },   { 0x14A, 0x177, 1 },    { 0x179, 0x17E, 0 },
    { 0x391, 0x3A1, 32 },  { 0x3A3, 0x3AB, 32 },  { 0x400, 0x40F, 80 },   { 0x410, 0x42F, 32 },
    { 0x460, 0x481, 1 },   { 0x48A, 0x4BF, 1 },   { 0x4D0, 0x52F, 1 },    { 0x531, 0x556, 48 },
    { 0x1E00, 0x1E95, 1 }, { 0x1EA0, 0x1EFF, 1 }, { 0xFF21, 0xFF3A, 32 },
};

static uint32_t change_case(uint32_t cp, bool upper)
{
    for (size_t i = 0; i < RF_ARRAY_LEN(cases); i++) {
        uint32_t first = cases[i].first, last = cases[i].last, by = cases[i].distance;
        if (by <= 1 && cp >= first && cp <= last) {
            bool is_upper = (cp & 1) == (by == 1 ? 0 : 1);
            return is_upper == upper ? cp : upper ? cp - 1 : cp + 1;
        }
        if (by > 1 && !upper && cp >= first && cp <= last)
            return cp + by;
        if (by > 1 && upper && cp >= first + by && cp <= last + by)
            return cp - by;
    }
    return upper && cp == 0xFF ? 0x178 : !upper && cp == 0x178 ? 0xFF : cp;
}

static void add_cased(struct rf_buf *b, struct rf_slice s, bool upper)
{
    for (size_t i = 0; i < s.len && b->rc == 0;) {
        uint32_t cp;
        size_t n = rf_text_next(rf_slice_of(s.ptr + i, s.len - i), &cp);
        uint32_t to = cp == UINT32_MAX ? cp : change_case(cp, upper);
        if (to == cp)
            rf_buf_add(b, s.ptr + i, n);
        else if (to < 0x80)
            rf_buf_add_char(b, (char)to);
        else if (to < 0x800)
            rf_buf_addf(b, "%c%c", (char)(0xC0 | to >> 6), (char)(0x80 | (to & 0x3F)));
        else
            rf_buf_addf(b, "%c%c%c", (char)(0xE0 | to >> 12), (char)(0x80 | (to >> 6 & 0x3F)),
                        (char)(0x80 | (to & 0x3F)));
        i += n;
    }
}

FUNC(do_lower)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    (void)self, (void)n;
    rf_buf_init(&b, rf_arena_room(call->arena) + 1);
    add_cased(&b, args[0].text, false);
    return give_text(call, &b, out, err);
}

FUNC(do_upper)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    (void)self, (void)n;
    rf_buf_init(&b, rf_arena_room(call->arena) + 1);
    add_cased(&b, args[0].text, true);
    return give_text(call, &b, out, err);
}

/* ---- values ---- */

FUNC(do_default)
{
    (void)call, (void)self, (void)n, (void)err;
    bool zero = rf_value_is_empty(&args[1]);
    if (args[1].kind == RF_VALUE_TIME)
        zero = rf_gotime_is_zero(args[1].time);
    *out = zero ? args[0] : args[1];
    return 0;
}

static int give_json(const struct rf_call *call, const struct rf_value *v, unsigned flags,
                     struct rf_value *out, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, rf_arena_room(call->arena) + 1);
    int rc = rf_value_json(call, v, flags, &b, err);
    rf_buf_add_char(&b, '\n');
    return rc < 0 ? rc : give_text(call, &b, out, err);
}

FUNC(do_json)
{
    (void)self, (void)n;
    return give_json(call, &args[0], 0, out, err);
}

FUNC(do_json_pretty)
{
    (void)self, (void)n;
    return give_json(call, &args[0], RF_VALUE_JSON_PRETTY, out, err);
}

FUNC(do_print_pretty)
{
    (void)self, (void)n;
    const struct rf_type *type = rf_value_type(&args[0]);
    if (type->pretty == NULL || rf_value_is_nil(&args[0]))
        return give_json(call, &args[0], RF_VALUE_JSON_PRETTY, out, err);
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, rf_arena_room(call->arena) + 1);
    int rc = type->pretty(call, &args[0], &b, err);
    return rc < 0 ? rc : give_text(call, &b, out, err);
}

/* ---- time ---- */

FUNC(time_now)
{
    (void)call, (void)self, (void)args, (void)n, (void)err;
    *out = rf_value_time(rf_gotime_now());
    return 0;
}

FUNC(time_parse)
{
    struct rf_gotime t;
    (void)call, (void)self, (void)n;
    int rc = rf_gotime_parse(args[0].text, args[1].text, &t, err);
    if (rc == 0)
        *out = rf_value_time(t);
    return rc;
}

FUNC(do_time)
{
    static const struct rf_func methods[] = { { "Now", "", time_now },
                                              { "Parse", "ss", time_parse } };
    static const struct rf_type type = { .name = "template.TimeFuncs",
                                         .kind = RF_VALUE_OBJECT,
                                         RF_METHODS(methods) };
    (void)call, (void)self, (void)args, (void)n, (void)err;
    *out = rf_value_pointer(&type, &type);
    return 0;
}

const struct rf_func *rf_template_extra(struct rf_slice name, bool host)
{
    static const struct rf_func all[] = {
        { "default", "aa", do_default },
        { "join", "ls", do_join },
        { "json", "a", do_json },
        { "jsonPretty", "a", do_json_pretty },
        { "lower", "s", do_lower },
        { "printPretty", "a", do_print_pretty },
        { "split", "ss", do_split },
        { "time", "", do_time },
        { "trimSpace", "s", do_trim_space },
        { "upper", "s", do_upper },
        /* of the host */
        { "env", "s", do_env },
        { "file", "s", do_file },
    };
    size_t n = RF_ARRAY_LEN(all) - (host ? 0 : 2);
    for (size_t i = 0; i < n; i++)
        if (rf_slice_is(name, all[i].name))
            return &all[i];
    return NULL;
}
