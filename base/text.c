/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

int rf_parse_u64(struct rf_slice s, uint64_t max, uint64_t *out, struct rf_err *err)
{
    uint64_t v = 0;
    bool ok = s.len > 0, over = false;
    for (size_t i = 0; ok && i < s.len; i++) {
        ok = s.ptr[i] >= '0' && s.ptr[i] <= '9';
        uint64_t digit = (uint64_t)(s.ptr[i] - '0');
        if (!ok || over)
            continue;
        over = v > UINT64_MAX / 10 || v * 10 > UINT64_MAX - digit || v * 10 + digit > max;
        if (!over)
            v = v * 10 + digit;
    }
    if (ok && !over) {
        *out = v;
        return 0;
    }
    size_t shown = s.len < 64 ? s.len : 64;
    if (!ok)
        return rf_fail(err, RFE_INVALID, "not a number: \"%.*s\"", (int)shown,
                       s.len > 0 ? s.ptr : "");
    return rf_fail(err, RFE_INVALID, "%.*s is over the largest value %llu", (int)shown, s.ptr,
                   (unsigned long long)max);
}

static bool is_tail(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

size_t rf_text_next(struct rf_slice s, uint32_t *cp)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    unsigned char c = p[0];
    if (c < 0x80) {
        *cp = c;
        return 1;
    }
    size_t len = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    uint32_t v = c & (0x7FU >> len);
    /* 0x80..0xC1 start nothing; above 0xF4 lies nothing. */
    bool ok = c >= 0xC2 && c <= 0xF4 && s.len >= len;
    for (size_t i = 1; ok && i < len; i++) {
        ok = is_tail(p[i]);
        v = (v << 6) | (p[i] & 0x3FU);
    }
    static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (!ok || v < least[len] || v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF)) {
        *cp = UINT32_MAX;
        return 1;
    }
    *cp = v;
    return len;
}

bool rf_text_is_utf8(struct rf_slice s)
{
    uint32_t cp;
    for (size_t i = 0; i < s.len;) {
        i += rf_text_next(rf_slice_of(s.ptr + i, s.len - i), &cp);
        if (cp == UINT32_MAX)
            return false;
    }
    return true;
}

size_t rf_text_boundary(struct rf_slice s, size_t n)
{
    if (n >= s.len)
        return s.len;
    /* A character is at most 4 bytes: look back for the start of the one that n would cut. */
    for (size_t back = 1; back <= 3 && back <= n; back++) {
        unsigned char c = (unsigned char)s.ptr[n - back];
        if (is_tail(c))
            continue;
        uint32_t cp;
        size_t len = rf_text_next(rf_slice_of(s.ptr + n - back, s.len - (n - back)), &cp);
        return len > back ? n - back : n;
    }
    return n;
}

/* What changes the direction or the line for a terminal or a reader (Unicode bidirectional controls, U+2028, U+2029). */
static bool is_deceptive(uint32_t cp)
{
    return cp == 0x061C || cp == 0x200E || cp == 0x200F || (cp >= 0x2028 && cp <= 0x202E) ||
           (cp >= 0x2066 && cp <= 0x2069);
}

static bool is_control(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7F && cp <= 0x9F);
}

bool rf_text_is_printable(uint32_t cp)
{
    static const struct {
        uint32_t first, last;
    } hidden[] = {
        { 0x00A0, 0x00A0 },    { 0x00AD, 0x00AD },   { 0x0600, 0x0605 },   { 0x061C, 0x061C },
        { 0x06DD, 0x06DD },    { 0x070F, 0x070F },   { 0x1680, 0x1680 },   { 0x180E, 0x180E },
        { 0x2000, 0x200F },    { 0x2028, 0x202F },   { 0x205F, 0x206F },   { 0x3000, 0x3000 },
        { 0xD800, 0xF8FF },    { 0xFDD0, 0xFDEF },   { 0xFEFF, 0xFEFF },   { 0xFFF0, 0xFFFB },
        { 0xFFFE, 0xFFFF },    { 0x1D173, 0x1D17A }, { 0x1FFFE, 0x1FFFF }, { 0xE0000, 0xE00FF },
        { 0xE01F0, 0x10FFFF },
    };
    if (is_control(cp) || cp > 0x10FFFF)
        return false;
    for (size_t i = 0; i < RF_ARRAY_LEN(hidden); i++)
        if (cp >= hidden[i].first && cp <= hidden[i].last)
            return false;
    return true;
}

/* One character of `s`, made safe: at most 16 bytes into `piece`; returns the bytes taken from `s`. */
static size_t safe_piece(struct rf_slice s, char piece[17], size_t *piece_len)
{
    uint32_t cp;
    size_t n = rf_text_next(s, &cp);
    *piece_len = 0;
    if (cp != UINT32_MAX && !is_control(cp) && !is_deceptive(cp)) {
        memcpy(piece, s.ptr, n);
        *piece_len = n;
        return n;
    }
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        char *q = piece + *piece_len;
        q[0] = '\\';
        q[1] = 'x';
        q[2] = digits[c >> 4];
        q[3] = digits[c & 15];
        *piece_len += 4;
    }
    return n;
}

void rf_text_safe(struct rf_buf *out, struct rf_slice s, size_t max)
{
    size_t end = rf_text_boundary(s, max);
    char piece[17];
    size_t n;
    for (size_t i = 0; i < end && out->rc == 0;) {
        /* Runs of plain text, the usual case, go in one piece. */
        size_t run = i;
        while (run < end && s.ptr[run] >= 0x20 && s.ptr[run] < 0x7F)
            run++;
        rf_buf_add(out, s.ptr + i, run - i);
        i = run;
        if (i < end) {
            i += safe_piece(rf_slice_of(s.ptr + i, end - i), piece, &n);
            rf_buf_add(out, piece, n);
        }
    }
    if (end < s.len)
        rf_buf_add_str(out, "...");
}

char *rf_text_safe_dup(struct rf_slice s, size_t max)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf b;
    /* Every byte shown may become four. */
    size_t shown = s.len < max ? s.len : max;
    rf_buf_init(&b, shown < SIZE_MAX / 8 ? shown * 4 + 4 : SIZE_MAX);
    rf_text_safe(&b, s, max);
    return rf_buf_take(&b, NULL);
}

size_t rf_text_safe_fixed(char *out, size_t cap, struct rf_slice s)
{
    size_t len = 0, fits = 0, i = 0, n;
    char piece[17];
    while (i < s.len) {
        i += safe_piece(rf_slice_of(s.ptr + i, s.len - i), piece, &n);
        if (len + n >= cap)
            break;
        memcpy(out + len, piece, n);
        len += n;
        /* The last end of a character behind which "..." has room. */
        if (len + 4 <= cap)
            fits = len;
        n = 0;
    }
    bool cut = i < s.len || (s.len > 0 && n != 0);
    if (cut && cap >= 4) {
        memcpy(out + fits, "...", 3);
        len = fits + 3;
    }
    out[len] = '\0';
    return len;
}

/* The letter of Go's short escapes, 0 for the others. */
static char short_escape(uint32_t cp)
{
    static const char letters[] = "abtnvfr";
    if (cp >= 7 && cp <= 13)
        return letters[cp - 7];
    if (cp == '"')
        return '"';
    return cp == '\\' ? '\\' : '\0';
}

void rf_text_quote(struct rf_buf *out, struct rf_slice s)
{
    rf_buf_add_char(out, '"');
    for (size_t i = 0; i < s.len;) {
        uint32_t cp;
        size_t n = rf_text_next(rf_slice_of(s.ptr + i, s.len - i), &cp);
        if (cp == UINT32_MAX)
            rf_buf_addf(out, "\\x%02x", (unsigned)(unsigned char)s.ptr[i]);
        else if (short_escape(cp) != 0)
            rf_buf_addf(out, "\\%c", short_escape(cp));
        else if (rf_text_is_printable(cp))
            rf_buf_add(out, s.ptr + i, n);
        else if (cp < 0x20 || cp == 0x7F)
            rf_buf_addf(out, "\\x%02x", (unsigned)cp);
        else
            rf_buf_addf(out, cp < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)cp);
        i += n;
    }
    rf_buf_add_char(out, '"');
}

void rf_hex_encode(const uint8_t *bytes, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * n] = '\0';
}

/* 16 for what is no lower-case digit. */
static unsigned hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

bool rf_hex_decode(struct rf_slice hex, uint8_t *bytes, size_t n)
{
    if (hex.len / 2 != n || hex.len % 2 != 0)
        return false;
    for (size_t i = 0; i < hex.len; i++)
        if (hex_value(hex.ptr[i]) > 15)
            return false;
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(hex_value(hex.ptr[2 * i]) << 4 | hex_value(hex.ptr[2 * i + 1]));
    return true;
}

const char *rf_text_size(uint64_t bytes, char out[16])
{
    static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
    if (bytes < 1000) {
        (void)snprintf(out, 16, "%u B", (unsigned)bytes);
        return out;
    }
    uint64_t unit = 1000;
    size_t i = 0;
    /* 999950 bytes would round to "1000.0 kB". */
    while (i + 1 < RF_ARRAY_LEN(units) && bytes >= unit * 1000 - unit / 20) {
        unit *= 1000;
        i++;
    }
    uint64_t tenths = bytes / (unit / 10) + (bytes % (unit / 10) >= unit / 20 ? 1 : 0);
    (void)snprintf(out, 16, "%u.%u %s", (unsigned)(tenths / 10), (unsigned)(tenths % 10), units[i]);
    return out;
}

const char *rf_text_s(uint64_t n)
{
    return rf_text_by_count(n, "", "s");
}

const char *rf_text_by_count(uint64_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

const char *rf_text_duration(double seconds, char out[24])
{
    uint64_t s = 0;
    if (seconds > 0)
        s = seconds < 1e12 ? (uint64_t)(seconds + 0.5) : 1000000000000U;
    if (s < 60)
        (void)snprintf(out, 24, "%u s", (unsigned)s);
    else if (s < 3600)
        (void)snprintf(out, 24, "%u min %02u s", (unsigned)(s / 60), (unsigned)(s % 60));
    else
        (void)snprintf(out, 24, "%u h %02u min", (unsigned)(s / 3600), (unsigned)(s / 60 % 60));
    return out;
}

const char *rf_text_time(time_t t, char out[32])
{
    struct tm tm;
    if (gmtime_r(&t, &tm) == NULL || tm.tm_year > 9999 - 1900 || tm.tm_year < -1900) {
        (void)snprintf(out, 32, "(no time)");
        return out;
    }
    (void)snprintf(out, 32, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)(tm.tm_year + 1900) % 10000,
                   (unsigned)(tm.tm_mon + 1) % 100, (unsigned)tm.tm_mday % 100,
                   (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
                   (unsigned)tm.tm_sec % 100);
    return out;
}

/* Reads `n` digits at *at, then the byte `after` (0: none). */
static bool take_number(struct rf_slice s, size_t *at, size_t n, char after, int *out)
{
    int v = 0;
    size_t end = *at + n;
    if (end > s.len || (after != 0 && end >= s.len))
        return false;
    for (size_t i = *at; i < end; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        v = v * 10 + (s.ptr[i] - '0');
    }
    if (after != 0 && (s.ptr[end] | 0x20) != (after | 0x20))
        return false;
    *at = end + (after != 0 ? 1 : 0);
    *out = v;
    return true;
}

/* Fraction and offset from UTC (in seconds) of an RFC 3339 time, up to the end of the text. */
static bool take_zone(struct rf_slice s, size_t at, int *offset)
{
    if (at < s.len && s.ptr[at] == '.') {
        size_t first = ++at;
        while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9')
            at++;
        if (at == first)
            return false;
    }
    *offset = 0;
    if (at >= s.len)
        return false;
    char sign = s.ptr[at++];
    if (sign == 'Z' || sign == 'z')
        return at == s.len;
    int h, m;
    if ((sign != '+' && sign != '-') || at + 5 != s.len || s.ptr[at + 2] != ':' ||
        !take_number(s, &at, 2, ':', &h) || !take_number(s, &at, 2, 0, &m) || h > 23 || m > 59)
        return false;
    *offset = (h * 60 + m) * 60 * (sign == '-' ? -1 : 1);
    return true;
}

static int days_in(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

int rf_text_time_parse(struct rf_slice s, time_t *out, struct rf_err *err)
{
    int year, mon, day, hour, min, sec, offset;
    size_t at = 0;
    /* '-' and ':' have no other letter case, so take_number's comparison is exact enough but for look-alikes. */
    bool ok = s.len >= 20 && s.ptr[4] == '-' && s.ptr[7] == '-' && s.ptr[13] == ':' &&
              s.ptr[16] == ':' && take_number(s, &at, 4, '-', &year) &&
              take_number(s, &at, 2, '-', &mon) && take_number(s, &at, 2, 'T', &day) &&
              take_number(s, &at, 2, ':', &hour) && take_number(s, &at, 2, ':', &min) &&
              take_number(s, &at, 2, 0, &sec) && take_zone(s, at, &offset);
    ok = ok && mon >= 1 && mon <= 12 && day >= 1 && day <= days_in(year, mon) && hour <= 23 &&
         min <= 59 && sec <= 60;
    if (!ok)
        return rf_fail(err, RFE_INVALID, "not an RFC 3339 time: \"%.*s\"",
                       s.len < 64 ? (int)s.len : 64, s.len > 0 ? s.ptr : "");
    struct tm tm = { .tm_year = year - 1900,
                     .tm_mon = mon - 1,
                     .tm_mday = day,
                     .tm_hour = hour,
                     .tm_min = min,
                     .tm_sec = sec };
    *out = timegm(&tm) - offset;
    return 0;
}

uint64_t rf_now_ms(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

bool rf_text_glob(const char *pattern, const char *s)
{
    const char *star = NULL, *retry = NULL;
    /* On a mismatch the last * takes one byte more; earlier ones never need to. */
    while (*s != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            retry = s;
        } else if (*pattern == '?' || (*pattern != '\0' && *pattern == *s)) {
            pattern++;
            s++;
        } else if (star != NULL) {
            pattern = star;
            s = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}
