/* SPDX-License-Identifier: Apache-2.0 */
/* Literals in Go's syntax: strings, characters, numbers. */
#include <math.h>
#include <stdlib.h>

#include "base/gofmt_impl.h"
#include "base/mem.h"
#include "base/template_impl.h"
#include "base/text.h"

/* ---- strings ---- */

static unsigned digit_of(char c)
{
    char low = (char)(c | 0x20);
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    return low >= 'a' && low <= 'f' ? (unsigned)(low - 'a') + 10 : 99;
}

/* Exactly n digits of a base from *at on. */
static bool take_digits(struct rf_slice s, size_t *at, size_t n, unsigned base, uint32_t *out)
{
    uint32_t v = 0;
    if (s.len - *at < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned d = digit_of(s.ptr[*at + i]);
        if (d >= base)
            return false;
        v = v * base + d;
    }
    *at += n;
    *out = v;
    return true;
}

static bool is_character(uint32_t cp)
{
    return cp <= 0x10FFFF && !(cp >= 0xD800 && cp <= 0xDFFF);
}

/* Behind a backslash: the character, or with *byte one byte of a string. */
static bool take_escape(struct rf_slice s, size_t *at, char quote, uint32_t *cp, bool *byte)
{
    static const char letters[] = "abtnvfr";
    if (*at >= s.len)
        return false;
    char c = s.ptr[*at];
    const char *letter = c != '\0' ? strchr(letters, c) : NULL;
    *byte = false;
    if (letter != NULL)
        *cp = (uint32_t)(letter - letters) + 7;
    else if (c == '\\' || c == quote)
        *cp = (unsigned char)c;
    if (letter != NULL || c == '\\' || c == quote) {
        ++*at;
        return true;
    }
    if (c >= '0' && c <= '7') {
        *byte = true;
        return take_digits(s, at, 3, 8, cp) && *cp <= 255;
    }
    ++*at;
    if (c == 'x') {
        *byte = true;
        return take_digits(s, at, 2, 16, cp);
    }
    if (c != 'u' && c != 'U')
        return false;
    return take_digits(s, at, c == 'u' ? 4 : 8, 16, cp) && is_character(*cp);
}

static struct rf_slice inner(struct rf_slice quoted)
{
    return rf_slice_of(quoted.ptr + 1, quoted.len - 2);
}

/* Raw strings hold everything but carriage returns. */
static struct rf_slice raw_string(struct rf_arena *arena, struct rf_slice quoted)
{
    struct rf_slice s = inner(quoted);
    char *copy = rf_arena_dup(arena, s);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] != '\r')
            copy[n++] = s.ptr[i];
    return rf_slice_of(copy, n);
}

bool rf_literal_string(struct rf_arena *arena, struct rf_slice quoted, struct rf_slice *out)
{
    if (quoted.len < 2)
        return false;
    if (quoted.ptr[0] == '`') {
        *out = raw_string(arena, quoted);
        return true;
    }
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    struct rf_slice s = inner(quoted);
    rf_buf_init(&b, 0);
    for (size_t i = 0; i < s.len;) {
        uint32_t cp;
        bool byte;
        if (s.ptr[i] != '\\') {
            rf_buf_add_char(&b, s.ptr[i++]);
            continue;
        }
        i++;
        if (!take_escape(s, &i, '"', &cp, &byte))
            return false;
        if (byte)
            rf_buf_add_char(&b, (char)cp);
        else
            rf_gofmt_add_rune(&b, cp);
    }
    *out = rf_arena_slice(arena, rf_buf_slice(&b));
    return true;
}

bool rf_literal_rune(struct rf_slice quoted, uint32_t *out)
{
    size_t at = 0;
    bool byte;
    if (quoted.len < 3)
        return false;
    struct rf_slice s = inner(quoted);
    if (s.ptr[0] == '\\') {
        at = 1;
        return take_escape(s, &at, '\'', out, &byte) && at == s.len;
    }
    at = rf_text_next(s, out);
    *out = *out == UINT32_MAX ? 0xFFFD : *out;
    return at == s.len;
}

/* ---- numbers ---- */

/* Underscores stand between digits, or behind the prefix of a base. */
static bool underscores_fit(const char *s, bool prefixed)
{
    for (size_t i = 0; s[i] != '\0'; i++) {
        if (s[i] != '_')
            continue;
        bool before = i > 0 ? s[i - 1] != '_' : prefixed;
        if (!before || s[i + 1] == '\0' || strchr("_.eEpP+-", s[i + 1]) != NULL ||
            (i > 0 && strchr(".+-", s[i - 1]) != NULL))
            return false;
    }
    return true;
}

/* The base that the prefix tells, which is passed over; *any: the prefix counts as a digit. */
static unsigned take_base(const char **s, bool *any)
{
    *any = false;
    if ((*s)[0] != '0' || (*s)[1] == '\0')
        return 10;
    char p = (char)((*s)[1] | 0x20);
    unsigned base = p == 'x' ? 16 : p == 'o' ? 8 : p == 'b' ? 2 : 0;
    *any = base == 0;
    *s += base == 0 ? 1 : 2;
    return base == 0 ? 8 : base;
}

/* The digits behind a sign: base by prefix, all used up. */
static bool parse_unsigned(const char *s, uint64_t *out)
{
    uint64_t v = 0;
    bool any = false;
    unsigned base = take_base(&s, &any);
    if (!underscores_fit(s, base != 10))
        return false;
    for (; *s != '\0'; s++) {
        if (*s == '_')
            continue;
        unsigned d = digit_of(*s);
        if (d >= base || __builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v))
            return false;
        any = true;
    }
    *out = v;
    return any;
}

static bool parse_float(const char *s, double *out)
{
    char plain[80];
    size_t n = 0;
    for (const char *p = s; *p != '\0'; p++)
        if (*p != '_')
            plain[n++] = *p;
    plain[n] = '\0';
    char *end;
    bool hex = strpbrk(plain, "xX") != NULL;
    /* Go wants the exponent in hexadecimal, and a digit somewhere. */
    if (strpbrk(plain, "0123456789") == NULL || (hex && strpbrk(plain, "pP") == NULL))
        return false;
    *out = strtod(plain, &end);
    return *end == '\0' && isfinite(*out) && underscores_fit(s, hex);
}

/* A float that is whole can stand for an integer too. */
static void whole_float(struct rf_number *n)
{
    if (n->f >= -9223372036854775808.0 && n->f < 9223372036854775808.0 &&
        (double)(int64_t)n->f == n->f) {
        n->is_int = true;
        n->i = (int64_t)n->f;
    }
    if (n->f >= 0 && n->f < 18446744073709551616.0 && (double)(uint64_t)n->f == n->f) {
        n->is_uint = true;
        n->u = (uint64_t)n->f;
    }
}

const char *rf_literal_number(struct rf_slice text, struct rf_number *out)
{
    char s[72];
    uint64_t u;
    *out = (struct rf_number){ 0 };
    if (text.len == 0 || text.len >= sizeof(s) || memchr(text.ptr, '\0', text.len) != NULL)
        return "illegal number syntax";
    memcpy(s, text.ptr, text.len);
    s[text.len] = '\0';
    bool negative = s[0] == '-', sign = negative || s[0] == '+';
    bool hex = strpbrk(s, "xX") != NULL;
    out->looks_float = strpbrk(s, hex ? ".pP" : ".eEpP") != NULL;
    if (parse_unsigned(s + (sign ? 1 : 0), &u)) {
        out->is_uint = !sign || u == 0;
        out->u = u;
        out->is_int = negative ? u <= (uint64_t)INT64_MAX + 1 : u <= INT64_MAX;
        out->i = negative ? (int64_t)-u : (int64_t)u;
        out->is_float = out->is_int || out->is_uint;
        out->f = out->is_int ? (double)out->i : (double)u;
        return out->is_float ? NULL : "integer overflow";
    }
    if (!parse_float(s, &out->f))
        return "illegal number syntax";
    if (!out->looks_float)
        return "integer overflow";
    out->is_float = true;
    whole_float(out);
    return NULL;
}
