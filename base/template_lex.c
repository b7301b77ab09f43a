/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of a template: plain text, and inside of {{ }} words, literals and signs. */
#include "base/mem.h"
#include "base/template_impl.h"
#include "base/text.h"

static const struct {
    const char *word;
    enum rf_tt type;
} keywords[] = {
    { "nil", RF_TT_NIL },           { "block", RF_TT_BLOCK },   { "break", RF_TT_BREAK },
    { "continue", RF_TT_CONTINUE }, { "define", RF_TT_DEFINE }, { "else", RF_TT_ELSE },
    { "end", RF_TT_END },           { "if", RF_TT_IF },         { "range", RF_TT_RANGE },
    { "template", RF_TT_TEMPLATE }, { "with", RF_TT_WITH },     { "true", RF_TT_BOOL },
    { "false", RF_TT_BOOL },
};

void rf_lexer_init(struct rf_lexer *l, struct rf_slice input)
{
    *l = (struct rf_lexer){ .input = input, .line = 1 };
}

static char at(const struct rf_lexer *l, uint32_t pos)
{
    return pos < l->input.len ? l->input.ptr[pos] : '\0';
}

static bool starts(const struct rf_lexer *l, uint32_t pos, const char *s)
{
    return pos <= l->input.len &&
           rf_slice_starts(rf_slice_of(l->input.ptr + pos, l->input.len - pos), s);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* One character: its bytes, 0 at the end of the text. */
static uint32_t rune_at(const struct rf_lexer *l, uint32_t pos, uint32_t *cp)
{
    *cp = 0;
    if (pos >= l->input.len)
        return 0;
    uint32_t n = (uint32_t)rf_text_next(rf_slice_of(l->input.ptr + pos, l->input.len - pos), cp);
    *cp = *cp == UINT32_MAX ? 0xFFFD : *cp;
    return n;
}

/* Letters, digits and the underscore; of the signs beyond ASCII, those blocks that hold no letters are left out. */
static bool is_alnum(uint32_t cp)
{
    if (cp < 0x80)
        return cp == '_' || (cp >= '0' && cp <= '9') || ((cp | 0x20) >= 'a' && (cp | 0x20) <= 'z');
    if (cp < 0xC0)
        return cp == 0xAA || cp == 0xB5 || cp == 0xBA;
    return cp != 0xD7 && cp != 0xF7 && !(cp >= 0x2000 && cp < 0x2C00) &&
           !(cp >= 0x3000 && cp < 0x3005) && cp != 0xFFFD && rf_text_is_printable(cp);
}

static void advance(struct rf_lexer *l, uint32_t to)
{
    for (; l->pos < to; l->pos++)
        l->line += l->input.ptr[l->pos] == '\n';
}

/* The token from the place up to `to`, which is the new place. */
static struct rf_token emit(struct rf_lexer *l, enum rf_tt type, uint32_t to)
{
    struct rf_token t = { .type = type,
                          .pos = l->pos,
                          .line = l->line,
                          .text = rf_slice_of(l->input.ptr + l->pos, to - l->pos) };
    advance(l, to);
    return t;
}

static struct rf_token fail(struct rf_lexer *l, const char *what)
{
    struct rf_token t = { .type = RF_TT_ERROR, .pos = l->pos, .line = l->line };
    l->dead = true;
    (void)snprintf(l->message, sizeof(l->message), "%s", what);
    t.text = rf_slice_str(l->message);
    return t;
}

/* "what U+002B '+'" */
static struct rf_token fail_rune(struct rf_lexer *l, const char *what, uint32_t pos)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    uint32_t cp;
    uint32_t n = rune_at(l, pos, &cp);
    rf_buf_init(&b, 0);
    rf_buf_addf(&b, "%s U+%04X", what, (unsigned)cp);
    if (rf_text_is_printable(cp))
        rf_buf_addf(&b, " '%.*s'", (int)n, l->input.ptr + pos);
    return fail(l, b.ptr);
}

/* ---- plain text ---- */

/* {{- with a blank behind it */
static bool trims_left(const struct rf_lexer *l, uint32_t pos)
{
    return at(l, pos) == '-' && pos + 1 < l->input.len && is_space(at(l, pos + 1));
}

/* The length of the right delimiter at pos with its marker: 0, 2 or 4. */
static uint32_t right_length(const struct rf_lexer *l, uint32_t pos)
{
    if (starts(l, pos, "}}"))
        return 2;
    return pos < l->input.len && is_space(at(l, pos)) && starts(l, pos + 1, "-}}") ? 4 : 0;
}

static void skip_spaces(struct rf_lexer *l)
{
    uint32_t to = l->pos;
    while (to < l->input.len && is_space(at(l, to)))
        to++;
    advance(l, to);
}

/* A comment from {{ to }}; false when it is malformed, then *what says how. */
static bool skip_comment(struct rf_lexer *l, uint32_t open, const char **what)
{
    const char *from = l->input.ptr + open;
    const char *end = memmem(from + 2, l->input.len - open - 2, "*/", 2);
    if (end == NULL) {
        *what = "unclosed comment";
        return false;
    }
    uint32_t behind = (uint32_t)(end + 2 - l->input.ptr);
    uint32_t right = right_length(l, behind);
    if (right == 0) {
        *what = "comment ends before closing delimiter";
        return false;
    }
    advance(l, behind + right);
    if (right == 4)
        skip_spaces(l);
    return true;
}

/* Text up to the next {{, without the blanks that a marker takes away. */
static struct rf_token next_outside(struct rf_lexer *l)
{
    for (;;) {
        const char *from = l->input.ptr + l->pos;
        size_t left = l->input.len - l->pos;
        const char *open = left > 0 ? memmem(from, left, "{{", 2) : NULL;
        if (open == NULL && left > 0)
            return emit(l, RF_TT_TEXT, (uint32_t)l->input.len);
        if (open == NULL) {
            l->dead = true;
            return emit(l, RF_TT_EOF, l->pos);
        }
        uint32_t delim = (uint32_t)(open - l->input.ptr), end = delim;
        bool trim = trims_left(l, delim + 2);
        while (trim && end > l->pos && is_space(at(l, end - 1)))
            end--;
        if (end > l->pos)
            return emit(l, RF_TT_TEXT, end);
        advance(l, delim);
        uint32_t behind = delim + (trim ? 4 : 2);
        if (starts(l, behind, "/*")) {
            const char *what;
            if (!skip_comment(l, behind, &what))
                return fail(l, what);
            continue;
        }
        struct rf_token t = emit(l, RF_TT_LEFT, delim + 2);
        advance(l, behind);
        l->inside = true;
        l->parens = 0;
        return t;
    }
}

/* ---- inside of an action ---- */

static bool at_terminator(const struct rf_lexer *l, uint32_t pos)
{
    char c = at(l, pos);
    if (pos >= l->input.len || is_space(c))
        return true;
    return (c != '\0' && strchr(".,|:)(", c) != NULL) || starts(l, pos, "}}");
}

static uint32_t alnum_end(const struct rf_lexer *l, uint32_t pos)
{
    uint32_t cp, n;
    while ((n = rune_at(l, pos, &cp)) > 0 && is_alnum(cp))
        pos += n;
    return pos;
}

static struct rf_token next_right(struct rf_lexer *l, uint32_t length)
{
    if (l->parens != 0)
        return fail(l, "unclosed left paren");
    advance(l, l->pos + length - 2);
    struct rf_token t = emit(l, RF_TT_RIGHT, l->pos + 2);
    if (length == 4)
        skip_spaces(l);
    l->inside = false;
    return t;
}

static struct rf_token next_space(struct rf_lexer *l)
{
    uint32_t to = l->pos;
    while (is_space(at(l, to)) && right_length(l, to) == 0)
        to++;
    return emit(l, RF_TT_SPACE, to);
}

/* A field, or the dot alone; a variable, or $ alone. */
static struct rf_token next_name(struct rf_lexer *l, enum rf_tt type)
{
    uint32_t to = l->pos + 1;
    if (at_terminator(l, to))
        return emit(l, type == RF_TT_FIELD ? RF_TT_DOT : type, to);
    to = alnum_end(l, to);
    if (!at_terminator(l, to))
        return fail_rune(l, "bad character", to);
    return emit(l, type, to);
}

static struct rf_token next_word(struct rf_lexer *l)
{
    uint32_t to = alnum_end(l, l->pos);
    enum rf_tt type = RF_TT_IDENTIFIER;
    if (!at_terminator(l, to))
        return fail_rune(l, "bad character", to);
    struct rf_slice word = rf_slice_of(l->input.ptr + l->pos, to - l->pos);
    for (size_t i = 0; i < RF_ARRAY_LEN(keywords); i++)
        if (rf_slice_is(word, keywords[i].word))
            type = keywords[i].type;
    if ((type == RF_TT_BREAK && l->break_is_name) ||
        (type == RF_TT_CONTINUE && l->continue_is_name))
        type = RF_TT_IDENTIFIER;
    return emit(l, type, to);
}

/* Between two quotes, with backslashes, on one line. */
static struct rf_token next_quoted(struct rf_lexer *l, char quote, enum rf_tt type,
                                   const char *unfinished)
{
    uint32_t to = l->pos + 1;
    for (;; to++) {
        char c = at(l, to);
        if (to >= l->input.len || c == '\n')
            return fail(l, unfinished);
        if (c == quote)
            return emit(l, type, to + 1);
        if (c == '\\' && at(l, to + 1) != '\n')
            to++;
    }
}

static struct rf_token next_raw(struct rf_lexer *l)
{
    const char *from = l->input.ptr + l->pos + 1;
    const char *end = memchr(from, '`', l->input.len - l->pos - 1);
    if (end == NULL)
        return fail(l, "unterminated raw quoted string");
    return emit(l, RF_TT_RAW_STRING, (uint32_t)(end + 1 - l->input.ptr));
}

static uint32_t skip_any(const struct rf_lexer *l, uint32_t pos, const char *set)
{
    while (pos < l->input.len && at(l, pos) != '\0' && strchr(set, at(l, pos)) != NULL)
        pos++;
    return pos;
}

static uint32_t skip_one(const struct rf_lexer *l, uint32_t pos, const char *set)
{
    return at(l, pos) != '\0' && strchr(set, at(l, pos)) != NULL ? pos + 1 : pos;
}

/* The end of what looks like a number. Whether it is one is found out when it is read. */
static uint32_t number_end(const struct rf_lexer *l, uint32_t pos)
{
    const char *digits = "0123456789_", *exponents = "eE";
    pos = skip_one(l, pos, "+-");
    if (at(l, pos) == '0' && at(l, pos + 1) != '\0' && strchr("xXoObB", at(l, pos + 1)) != NULL) {
        bool hex = (at(l, pos + 1) | 0x20) == 'x';
        digits = hex ? "0123456789abcdefABCDEF_" : "01234567_";
        exponents = hex ? "pP" : "";
        pos += 2;
    }
    pos = skip_any(l, pos, digits);
    if (at(l, pos) == '.')
        pos = skip_any(l, pos + 1, digits);
    uint32_t exponent = skip_one(l, pos, exponents);
    if (exponent > pos)
        pos = skip_any(l, skip_one(l, exponent, "+-"), "0123456789_");
    return pos;
}

static struct rf_token next_number(struct rf_lexer *l)
{
    uint32_t cp, to = number_end(l, l->pos);
    uint32_t n = rune_at(l, to, &cp);
    bool bad = n > 0 && is_alnum(cp);
    if (!bad && (at(l, to) == '+' || at(l, to) == '-')) {
        bad = true; /* a sum, or a complex number, which there is not here */
        to = number_end(l, to);
        n = 0;
    }
    if (!bad)
        return emit(l, RF_TT_NUMBER, to);
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    rf_buf_add_str(&b, "bad number syntax: ");
    struct rf_slice shown = rf_slice_of(l->input.ptr + l->pos, to + n - l->pos);
    if (shown.len > 60)
        shown.len = rf_text_boundary(shown, 60);
    rf_text_quote(&b, shown);
    return fail(l, b.ptr);
}

static struct rf_token next_paren(struct rf_lexer *l, char c)
{
    if (c == ')' && l->parens == 0)
        return fail(l, "unexpected right paren");
    l->parens += c == '(' ? 1 : -1;
    return emit(l, c == '(' ? RF_TT_LPAREN : RF_TT_RPAREN, l->pos + 1);
}

static struct rf_token next_inside(struct rf_lexer *l)
{
    uint32_t right = right_length(l, l->pos), cp;
    char c = at(l, l->pos);
    if (right > 0)
        return next_right(l, right);
    if (l->pos >= l->input.len)
        return fail(l, "unclosed action");
    if (is_space(c))
        return next_space(l);
    switch (c) {
    case '=':
        return emit(l, RF_TT_ASSIGN, l->pos + 1);
    case ':':
        return at(l, l->pos + 1) == '=' ? emit(l, RF_TT_DECLARE, l->pos + 2)
                                        : fail(l, "expected :=");
    case '|':
        return emit(l, RF_TT_PIPE, l->pos + 1);
    case '"':
        return next_quoted(l, '"', RF_TT_STRING, "unterminated quoted string");
    case '\'':
        return next_quoted(l, '\'', RF_TT_RUNE, "unterminated character constant");
    case '`':
        return next_raw(l);
    case '$':
        return next_name(l, RF_TT_VARIABLE);
    case '(':
    case ')':
        return next_paren(l, c);
    default:
        break;
    }
    if (c == '.' && !is_digit(at(l, l->pos + 1)))
        return next_name(l, RF_TT_FIELD);
    if (c == '.' || c == '+' || c == '-' || is_digit(c))
        return next_number(l);
    (void)rune_at(l, l->pos, &cp);
    if (is_alnum(cp))
        return next_word(l);
    if (c >= 0x20 && c < 0x7F)
        return emit(l, RF_TT_CHAR, l->pos + 1);
    return fail_rune(l, "unrecognized character in action:", l->pos);
}

struct rf_token rf_lexer_next(struct rf_lexer *l)
{
    if (l->dead) {
        struct rf_token t = { .type = RF_TT_EOF, .pos = l->pos, .line = l->line };
        return t;
    }
    return l->inside ? next_inside(l) : next_outside(l);
}

void rf_token_show(struct rf_buf *out, const struct rf_token *t)
{
    size_t n = 0;
    uint32_t cp;
    if (t->type == RF_TT_EOF) {
        rf_buf_add_str(out, "EOF");
    } else if (t->type == RF_TT_ERROR) {
        rf_buf_add(out, t->text.ptr, t->text.len);
    } else if (t->type > RF_TT_KEYWORDS) {
        rf_buf_addf(out, "<%.*s>", (int)t->text.len, t->text.ptr);
    } else {
        for (int i = 0; i < 10 && n < t->text.len; i++)
            n += rf_text_next(rf_slice_of(t->text.ptr + n, t->text.len - n), &cp);
        rf_text_quote(out, rf_slice_of(t->text.ptr, t->text.len > 10 ? n : t->text.len));
        if (t->text.len > 10)
            rf_buf_add_str(out, "...");
    }
}
