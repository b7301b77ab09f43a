/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void rf_base64_encode(struct rf_buf *out, struct rf_slice bytes)
{
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t v = (uint32_t)p[i] << 16;
        if (n > 1)
            v |= (uint32_t)p[i + 1] << 8;
        if (n > 2)
            v |= p[i + 2];
        char four[4] = { standard[v >> 18], standard[(v >> 12) & 63],
                         n > 1 ? standard[(v >> 6) & 63] : '=', n > 2 ? standard[v & 63] : '=' };
        rf_buf_add(out, four, sizeof(four));
    }
}

/* The six bits of a character, or -1. *url and *std note which alphabet was seen. */
static int bits_of(char c, bool *url, bool *std)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '-' || c == '_') {
        *url = true;
        return c == '-' ? 62 : 63;
    }
    if (c == '+' || c == '/') {
        *std = true;
        return c == '+' ? 62 : 63;
    }
    return -1;
}

static bool well_formed(struct rf_slice text, size_t *len)
{
    size_t n = text.len;
    while (n > 0 && text.len - n < 2 && text.ptr[n - 1] == '=')
        n--;
    *len = n;
    if (n % 4 == 1 || (n != text.len && text.len % 4 != 0))
        return false;
    bool url = false, std = false;
    int last = 0;
    for (size_t i = 0; i < n; i++) {
        last = bits_of(text.ptr[i], &url, &std);
        if (last < 0)
            return false;
    }
    unsigned unused = n % 4 == 2 ? 15 : n % 4 == 3 ? 3 : 0;
    return !(url && std) && ((unsigned)last & unused) == 0;
}

bool rf_base64_decode(struct rf_buf *out, struct rf_slice text)
{
    size_t n;
    bool url, std;
    if (!well_formed(text, &n))
        return false;
    size_t start = out->len;
    for (size_t i = 0; i < n; i += 4) {
        uint32_t v = 0;
        size_t have = n - i < 4 ? n - i : 4;
        for (size_t k = 0; k < 4; k++)
            v = v << 6 | (k < have ? (uint32_t)bits_of(text.ptr[i + k], &url, &std) : 0);
        char three[3] = { (char)(v >> 16 & 255), (char)(v >> 8 & 255), (char)(v & 255) };
        rf_buf_add(out, three, have - 1);
    }
    if (out->rc == 0)
        return true;
    if (out->len > start) {
        out->len = start;
        out->ptr[start] = '\0';
    }
    return false;
}
