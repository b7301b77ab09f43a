/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and strings by verb and flags. */
#include "base/gofmt_impl.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"

void rf_gofmt_clear(struct rf_gofmt *g)
{
    g->has_width = g->has_precision = g->minus = g->plus = g->sharp = g->space = g->zero = false;
    g->plus_v = g->sharp_v = false;
    g->width = g->precision = 0;
}

void rf_gofmt_add_rune(struct rf_buf *out, uint32_t cp)
{
    if (cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
        cp = 0xFFFD;
    if (cp < 0x80) {
        rf_buf_add_char(out, (char)cp);
        return;
    }
    char bytes[4];
    size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; cp >>= 6)
        bytes[i] = (char)(0x80 | (cp & 0x3F));
    static const unsigned char lead[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
    bytes[0] = (char)(lead[n] | cp);
    rf_buf_add(out, bytes, n);
}

static void fill(struct rf_gofmt *g, char c, int64_t n)
{
    char run[64];
    memset(run, c, sizeof(run));
    for (; n > 0 && g->out->rc == 0; n -= (int64_t)sizeof(run))
        rf_buf_add(g->out, run, n < (int64_t)sizeof(run) ? (size_t)n : sizeof(run));
}

static int64_t rune_count(struct rf_slice s)
{
    int64_t n = 0;
    uint32_t cp;
    for (size_t i = 0; i < s.len; n++)
        i += rf_text_next(rf_slice_of(s.ptr + i, s.len - i), &cp);
    return n;
}

void rf_gofmt_pad(struct rf_gofmt *g, struct rf_slice text)
{
    int64_t missing = g->has_width ? g->width - rune_count(text) : 0;
    if (!g->minus)
        fill(g, g->zero ? '0' : ' ', missing);
    rf_buf_add(g->out, text.ptr, text.len);
    if (g->minus)
        fill(g, ' ', missing);
}

static void pad_with_blanks(struct rf_gofmt *g, struct rf_slice text)
{
    bool zero = g->zero;
    g->zero = false;
    rf_gofmt_pad(g, text);
    g->zero = zero;
}

/* ---- integers ---- */

/* Digits into the end of `buf` (65 bytes); returns their start. */
static char *digits_of(uint64_t u, unsigned base, bool upper, char buf[65])
{
    const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char *p = buf + 64;
    *p = '\0';
    do {
        *--p = set[u % base];
        u /= base;
    } while (u > 0);
    return p;
}

struct number {
    const char *sign, *prefix, *digits;
    int64_t zeros;
    struct rf_slice tail;
};

static void put_number(struct rf_gofmt *g, const struct number *n)
{
    int64_t length = (int64_t)(strlen(n->sign) + strlen(n->prefix) + strlen(n->digits)) + n->zeros +
                     rune_count(n->tail);
    int64_t missing = g->has_width ? g->width - length : 0;
    if (!g->minus)
        fill(g, ' ', missing);
    rf_buf_add_str(g->out, n->sign);
    rf_buf_add_str(g->out, n->prefix);
    fill(g, '0', n->zeros);
    rf_buf_add_str(g->out, n->digits);
    rf_buf_add(g->out, n->tail.ptr, n->tail.len);
    if (g->minus)
        fill(g, ' ', missing);
}

static const char *prefix_of(const struct rf_gofmt *g, unsigned base, uint32_t verb,
                             const struct number *n)
{
    if (verb == 'O')
        return "0o";
    if (!g->sharp)
        return "";
    if (base == 2)
        return "0b";
    if (base == 16)
        return verb == 'X' ? "0X" : "0x";
    return base == 8 && n->zeros == 0 && n->digits[0] != '0' ? "0" : "";
}

static void put_integer(struct rf_gofmt *g, uint64_t u, bool negative, unsigned base, uint32_t verb)
{
    char buf[65];
    struct number n = { .sign = negative   ? "-"
                                : g->plus  ? "+"
                                : g->space ? " "
                                           : "",
                        .digits = digits_of(u, base, verb == 'X', buf) };
    if (g->has_precision && g->precision == 0 && u == 0) {
        fill(g, ' ', g->has_width ? g->width : 0);
        return;
    }
    int64_t have = (int64_t)strlen(n.digits);
    if (g->has_precision)
        n.zeros = g->precision - have;
    else if (g->zero && g->has_width && !g->minus)
        n.zeros = g->width - have - (n.sign[0] != '\0' ? 1 : 0);
    n.zeros = n.zeros > 0 ? n.zeros : 0;
    n.prefix = prefix_of(g, base, verb, &n);
    put_number(g, &n);
}

/* U+0078, and with # the character behind it. */
static void put_unicode(struct rf_gofmt *g, uint64_t u)
{
    char buf[65];
    RF_CLEANUP(rf_buf_release) struct rf_buf tail;
    rf_buf_init(&tail, 0);
    struct number n = { .sign = "", .prefix = "U+", .digits = digits_of(u, 16, true, buf) };
    n.zeros = (g->has_precision && g->precision > 4 ? g->precision : 4) - (int64_t)strlen(n.digits);
    n.zeros = n.zeros > 0 ? n.zeros : 0;
    if (g->sharp && u <= 0x10FFFF && rf_text_is_printable((uint32_t)u)) {
        rf_buf_add_str(&tail, " '");
        rf_gofmt_add_rune(&tail, (uint32_t)u);
        rf_buf_add_char(&tail, '\'');
    }
    n.tail = rf_buf_slice(&tail);
    put_number(g, &n);
}

/* Escapes as in a Go literal between the quotes `quote`. */
static void quote_into(struct rf_buf *out, struct rf_slice s, char quote, bool ascii)
{
    static const char letters[] = "abtnvfr";
    rf_buf_add_char(out, quote);
    for (size_t i = 0; i < s.len;) {
        uint32_t cp;
        size_t n = rf_text_next(rf_slice_of(s.ptr + i, s.len - i), &cp);
        if (cp == UINT32_MAX)
            rf_buf_addf(out, "\\x%02x", (unsigned)(unsigned char)s.ptr[i]);
        else if (cp == (unsigned char)quote || cp == '\\')
            rf_buf_addf(out, "\\%c", (char)cp);
        else if (cp < 0x80 ? cp >= 0x20 && cp < 0x7F : !ascii && rf_text_is_printable(cp))
            rf_buf_add(out, s.ptr + i, n);
        else if (cp >= 7 && cp <= 13)
            rf_buf_addf(out, "\\%c", letters[cp - 7]);
        else if (cp < 0x80)
            rf_buf_addf(out, "\\x%02x", (unsigned)cp);
        else
            rf_buf_addf(out, cp < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)cp);
        i += n;
    }
    rf_buf_add_char(out, quote);
}

/* %c and %q of a number. */
static void put_rune(struct rf_gofmt *g, uint64_t u, bool quoted)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf rune, b;
    rf_buf_init(&rune, 0);
    rf_buf_init(&b, 0);
    rf_gofmt_add_rune(&rune, u <= 0x10FFFF ? (uint32_t)u : UINT32_MAX);
    if (quoted)
        quote_into(&b, rf_buf_slice(&rune), '\'', g->plus);
    else
        rf_buf_add(&b, rune.ptr, rune.len);
    rf_gofmt_pad(g, rf_buf_slice(&b));
}

bool rf_gofmt_integer(struct rf_gofmt *g, uint64_t u, bool is_signed, uint32_t verb)
{
    bool negative = is_signed && (int64_t)u < 0;
    uint64_t size = negative ? -u : u;
    bool sharp = g->sharp;
    switch (verb) {
    case 'v':
        g->sharp = g->sharp_v && !is_signed;
        put_integer(g, size, negative, g->sharp ? 16 : 10, 'x');
        g->sharp = sharp;
        return true;
    case 'd':
        put_integer(g, size, negative, 10, verb);
        return true;
    case 'b':
        put_integer(g, size, negative, 2, verb);
        return true;
    case 'o':
    case 'O':
        put_integer(g, size, negative, 8, verb);
        return true;
    case 'x':
    case 'X':
        put_integer(g, size, negative, 16, verb);
        return true;
    case 'c':
    case 'q':
        put_rune(g, u, verb == 'q');
        return true;
    case 'U':
        put_unicode(g, u);
        return true;
    default:
        return false;
    }
}

/* ---- floating point ---- */

/* The fewest significant digits that read back as d, as "%.*e" writes them. */
static void shortest(double d, char out[40])
{
    for (int digits = 0; digits < 17; digits++) {
        (void)snprintf(out, 40, "%.*e", digits, d);
        if (strtod(out, NULL) == d)
            return;
    }
}

/* The digits of "%.*e" text laid out around the point. */
static void lay_out(struct rf_buf *out, const char *e, int exponent)
{
    char digits[24];
    int n = 0;
    for (const char *p = e; *p != 'e' && n < 20; p++)
        if (*p >= '0' && *p <= '9')
            digits[n++] = *p;
    if (exponent < 0) {
        rf_buf_add_str(out, "0.");
        for (int i = -1; i > exponent; i--)
            rf_buf_add_char(out, '0');
        rf_buf_add(out, digits, (size_t)n);
        return;
    }
    for (int i = 0; i <= exponent || i < n; i++) {
        if (i == exponent + 1)
            rf_buf_add_char(out, '.');
        rf_buf_add_char(out, i < n ? digits[i] : '0');
    }
}

/* With an exponent where that is below `low` or from `high` on. d is finite and not negative. */
static void add_general(struct rf_buf *out, double d, int low, int high)
{
    char e[40];
    shortest(d, e);
    int exponent = (int)strtol(strchr(e, 'e') + 1, NULL, 10);
    if (exponent < low || exponent >= high)
        rf_buf_add_str(out, e);
    else
        lay_out(out, e, exponent);
}

static const char *special(double d)
{
    if (isnan(d))
        return "NaN";
    return d < 0 ? "-Inf" : "+Inf";
}

void rf_gofmt_float(struct rf_buf *out, double d, int low, int high)
{
    if (!isfinite(d)) {
        rf_buf_add_str(out, special(d));
        return;
    }
    if (signbit(d))
        rf_buf_add_char(out, '-');
    add_general(out, fabs(d), low, high);
}

/* With #: the point is always there, and of the general form zeros up to that many digits. `e`: the exponent's letters. */
static void add_sharp(struct rf_buf *b, const char *e, int digits)
{
    char tail[16] = "";
    bool counts = false; /* zeros in front do not */
    char *exponent = strpbrk(b->ptr, e);
    if (exponent != NULL) {
        (void)snprintf(tail, sizeof(tail), "%s", exponent);
        b->len = (size_t)(exponent - b->ptr);
        b->ptr[b->len] = '\0';
    }
    for (const char *p = b->ptr; *p != '\0'; p++) {
        counts = counts || (*p >= '1' && *p <= '9');
        digits -= counts && *p != '.';
    }
    digits -= !counts; /* nothing but a zero */
    if (strchr(b->ptr, '.') == NULL)
        rf_buf_add_char(b, '.');
    for (; digits > 0; digits--)
        rf_buf_add_char(b, '0');
    rf_buf_add_str(b, tail);
}

/* Mantissa and exponent of two, both whole: 4503599627370496p-52. */
static void add_binary(struct rf_buf *b, double d)
{
    int exponent;
    double m = frexp(d, &exponent);
    rf_buf_addf(b, "%.0fp%+d", ldexp(m, 53), d == 0 ? -1074 : exponent - 53);
}

/* 0x1.8p+01: C's %a with the digits Go has in an exponent. */
static void add_hex(struct rf_buf *b, const struct rf_gofmt *g, double d, bool upper)
{
    char text[64], *p;
    (void)snprintf(text, sizeof(text), upper ? "%A" : "%a", d);
    if (g->has_precision && g->precision < 20)
        (void)snprintf(text, sizeof(text), upper ? "%.*A" : "%.*a", g->precision, d);
    p = strpbrk(text, "pP");
    if (p == NULL)
        return;
    rf_buf_add(b, text, (size_t)(p - text));
    rf_buf_addf(b, "%c%+03ld", *p, strtol(p + 1, NULL, 10));
}

static void add_decimal(struct rf_buf *b, const struct rf_gofmt *g, double d, uint32_t verb)
{
    int precision = g->has_precision ? g->precision : 6;
    if (verb == 'e' || verb == 'E')
        rf_buf_addf(b, "%.*e", precision, d);
    else if (verb == 'f' || verb == 'F')
        rf_buf_addf(b, "%.*f", precision, d);
    else if (g->has_precision)
        rf_buf_addf(b, "%.*g", precision, d);
    else
        add_general(b, d, RF_GOFMT_EXPONENT_LOW, RF_GOFMT_EXPONENT_HIGH);
    if (g->sharp)
        add_sharp(b, "eE", strchr("eEfF", (int)verb) != NULL ? 0 : precision);
    for (size_t i = 0; (verb == 'E' || verb == 'G') && i < b->len; i++)
        b->ptr[i] = b->ptr[i] == 'e' ? 'E' : b->ptr[i];
}

/* Only the magnitude; the sign is put in front later. */
static void add_magnitude(struct rf_buf *b, const struct rf_gofmt *g, double d, uint32_t verb)
{
    if (verb == 'b') {
        add_binary(b, d);
    } else if (verb == 'x' || verb == 'X') {
        add_hex(b, g, d, verb == 'X');
        if (g->sharp)
            add_sharp(b, "pP", 0);
    } else {
        add_decimal(b, g, d, verb);
    }
}

bool rf_gofmt_real(struct rf_gofmt *g, double d, uint32_t verb)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, 0);
    if (verb == 0 || verb > 'x' || strchr("vbeEfFgGxX", (int)verb) == NULL)
        return false;
    const char *plus = g->plus ? "+" : g->space ? " " : "";
    if (!isfinite(d)) {
        const char *text = special(d);
        if (isnan(d) || (d > 0 && g->space))
            rf_buf_add_str(&b, plus);
        rf_buf_add_str(&b, b.len > 0 && d > 0 ? text + 1 : text);
        pad_with_blanks(g, rf_buf_slice(&b));
        return true;
    }
    const char *sign = signbit(d) ? "-" : plus;
    add_magnitude(&b, g, fabs(d), verb);
    if (g->zero && g->has_width && !g->minus) {
        rf_buf_add_str(g->out, sign);
        fill(g, '0', g->width - (int64_t)(b.len + strlen(sign)));
        rf_buf_add(g->out, b.ptr, b.len);
        return true;
    }
    RF_CLEANUP(rf_buf_release) struct rf_buf whole;
    rf_buf_init(&whole, 0);
    rf_buf_add_str(&whole, sign);
    rf_buf_add(&whole, b.ptr, b.len);
    rf_gofmt_pad(g, rf_buf_slice(&whole));
    return true;
}

/* ---- strings ---- */

static struct rf_slice truncated(const struct rf_gofmt *g, struct rf_slice s)
{
    size_t i = 0;
    uint32_t cp;
    if (!g->has_precision)
        return s;
    for (int n = 0; n < g->precision && i < s.len; n++)
        i += rf_text_next(rf_slice_of(s.ptr + i, s.len - i), &cp);
    return rf_slice_of(s.ptr, i);
}

/* A backquoted literal can hold it: one line of printable text without backquotes. */
static bool can_backquote(struct rf_slice s)
{
    for (size_t i = 0; i < s.len;) {
        uint32_t cp;
        i += rf_text_next(rf_slice_of(s.ptr + i, s.len - i), &cp);
        if (cp == UINT32_MAX || cp == '`' || cp == 0x7F || cp == 0xFEFF ||
            (cp < 0x20 && cp != '\t'))
            return false;
    }
    return true;
}

static void put_quoted(struct rf_gofmt *g, struct rf_slice s)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, g->out->max);
    if (g->sharp && can_backquote(s)) {
        rf_buf_add_char(&b, '`');
        rf_buf_add(&b, s.ptr, s.len);
        rf_buf_add_char(&b, '`');
    } else {
        quote_into(&b, s, '"', g->plus);
    }
    if (b.rc < 0)
        g->out->rc = b.rc;
    rf_gofmt_pad(g, rf_buf_slice(&b));
}

static void put_hex(struct rf_gofmt *g, struct rf_slice s, bool upper)
{
    const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    const char *prefix = upper ? "0X" : "0x";
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    rf_buf_init(&b, g->out->max);
    size_t n = g->has_precision && (size_t)g->precision < s.len ? (size_t)g->precision : s.len;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (i > 0 && g->space)
            rf_buf_add_char(&b, ' ');
        if (g->sharp && (i == 0 || g->space))
            rf_buf_add_str(&b, prefix);
        rf_buf_add_char(&b, set[c >> 4]);
        rf_buf_add_char(&b, set[c & 15]);
    }
    if (b.rc < 0)
        g->out->rc = b.rc;
    rf_gofmt_pad(g, rf_buf_slice(&b));
}

bool rf_gofmt_text(struct rf_gofmt *g, struct rf_slice s, uint32_t verb)
{
    switch (verb) {
    case 'v':
        if (g->sharp_v)
            put_quoted(g, s);
        else
            rf_gofmt_pad(g, truncated(g, s));
        return true;
    case 's':
        rf_gofmt_pad(g, truncated(g, s));
        return true;
    case 'q':
        put_quoted(g, truncated(g, s));
        return true;
    case 'x':
    case 'X':
        put_hex(g, s, verb == 'X');
        return true;
    default:
        return false;
    }
}
