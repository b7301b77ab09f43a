/* SPDX-License-Identifier: Apache-2.0 */
/* JSON text into Lua values: a plain recursive reader whose depth is bounded, so that its stack is too. */
#include <lauxlib.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/lua/lua_json.h"
#include "policy/lua/lua_wire.h"

struct reader {
    lua_State *L;
    const struct rf_lua_json_style *style;
    const char *text;
    size_t len, at;
    int depth, max_depth;
};

static int fail(struct reader *r, const char *what)
{
    return luaL_error(r->L, "JSON, byte %d: %s", (int)r->at + 1, what);
}

size_t rf_lua_json_blanks(const char *text, size_t len, size_t at)
{
    while (at < len &&
           (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r'))
        at++;
    return at;
}

/* The next byte that is not a blank, 0 at the end. */
static char peek(struct reader *r)
{
    r->at = rf_lua_json_blanks(r->text, r->len, r->at);
    return r->at < r->len ? r->text[r->at] : '\0';
}

static void expect(struct reader *r, char c, const char *what)
{
    if (peek(r) != c)
        (void)fail(r, what);
    r->at++;
}

/* ---- strings ---- */

static uint32_t read_hex4(struct reader *r)
{
    uint32_t cp = 0;
    if (r->len - r->at < 4)
        (void)fail(r, "a \\u with less than four digits");
    for (int i = 0; i < 4; i++) {
        char c = r->text[r->at + (size_t)i];
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit > 15)
            (void)fail(r, "a \\u without four digits");
        cp = cp << 4 | digit;
    }
    r->at += 4;
    return cp;
}

static void add_utf8(luaL_Buffer *b, uint32_t cp)
{
    if (cp < 0x80) {
        luaL_addchar(b, (char)cp);
        return;
    }
    if (cp < 0x800) {
        luaL_addchar(b, (char)(0xc0 | cp >> 6));
    } else {
        if (cp < 0x10000) {
            luaL_addchar(b, (char)(0xe0 | cp >> 12));
        } else {
            luaL_addchar(b, (char)(0xf0 | cp >> 18));
            luaL_addchar(b, (char)(0x80 | (cp >> 12 & 0x3f)));
        }
        luaL_addchar(b, (char)(0x80 | (cp >> 6 & 0x3f)));
    }
    luaL_addchar(b, (char)(0x80 | (cp & 0x3f)));
}

static void read_unicode(struct reader *r, luaL_Buffer *b)
{
    uint32_t cp = read_hex4(r);
    if (cp >= 0xdc00 && cp <= 0xdfff)
        (void)fail(r, "half of a surrogate pair");
    if (cp >= 0xd800 && cp <= 0xdbff) {
        if (r->len - r->at < 6 || r->text[r->at] != '\\' || r->text[r->at + 1] != 'u')
            (void)fail(r, "half of a surrogate pair");
        r->at += 2;
        uint32_t low = read_hex4(r);
        if (low < 0xdc00 || low > 0xdfff)
            (void)fail(r, "half of a surrogate pair");
        cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
    }
    add_utf8(b, cp);
}

static void read_escape(struct reader *r, luaL_Buffer *b)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (r->at >= r->len)
        (void)fail(r, "a string that does not end");
    char c = r->text[r->at++];
    const char *known = c != '\0' ? strchr(from, c) : NULL;
    if (c == 'u')
        read_unicode(r, b);
    else if (known != NULL)
        luaL_addchar(b, to[known - from]);
    else
        (void)fail(r, "an escape that JSON does not have");
}

/* The bytes up to the next quote or backslash. */
static size_t plain_run(struct reader *r)
{
    size_t i = r->at;
    while (i < r->len && r->text[i] != '"' && r->text[i] != '\\') {
        if ((unsigned char)r->text[i] < 0x20) {
            r->at = i;
            (void)fail(r, "a control character in a string");
        }
        i++;
    }
    if (i >= r->len)
        (void)fail(r, "a string that does not end");
    return i - r->at;
}

static void read_string(struct reader *r)
{
    expect(r, '"', "a string was expected");
    size_t n = plain_run(r);
    if (r->text[r->at + n] == '"') {
        (void)lua_pushlstring(r->L, r->text + r->at, n);
        r->at += n + 1;
        return;
    }
    luaL_Buffer b;
    luaL_buffinit(r->L, &b);
    for (;;) {
        luaL_addlstring(&b, r->text + r->at, n);
        r->at += n;
        if (r->text[r->at++] == '"')
            break;
        read_escape(r, &b);
        n = plain_run(r);
    }
    luaL_pushresult(&b);
}

/* ---- what messages spell in their own way ---- */

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Replaces the string on top of the stack by its bytes. */
static void unpack_bytes(struct reader *r)
{
    size_t n;
    const char *s = lua_tolstring(r->L, -1, &n);
    while (n > 0 && s[n - 1] == '=')
        n--;
    luaL_Buffer b;
    luaL_buffinit(r->L, &b);
    uint32_t bits = 0;
    int have = 0;
    for (size_t i = 0; i < n; i++) {
        int digit = base64_digit(s[i]);
        if (digit < 0)
            (void)fail(r, "not base64");
        bits = bits << 6 | (uint32_t)digit;
        have += 6;
        if (have >= 8) {
            have -= 8;
            luaL_addchar(&b, (char)(uint8_t)(bits >> have));
        }
    }
    luaL_pushresult(&b);
    lua_remove(r->L, -2);
}

static void unpack_float(struct reader *r)
{
    const char *s = lua_tostring(r->L, -1);
    double d = strcmp(s, "inf") == 0 ? HUGE_VAL : strcmp(s, "-inf") == 0 ? -HUGE_VAL : (double)NAN;
    lua_pop(r->L, 1);
    lua_pushnumber(r->L, d);
}

/* On top of the stack is a key that begins with $. True: it was a value of its own, which now stands there instead of the key. */
static bool read_special(struct reader *r)
{
    const char *key = lua_tostring(r->L, -1);
    bool bytes = strcmp(key, "$bytes") == 0;
    if (!bytes && strcmp(key, "$float") != 0) {
        size_t n;
        key = lua_tolstring(r->L, -1, &n);
        (void)lua_pushlstring(r->L, key + 1, n - 1);
        lua_remove(r->L, -2);
        return false;
    }
    lua_pop(r->L, 1);
    expect(r, ':', "a colon was expected");
    read_string(r);
    if (bytes)
        unpack_bytes(r);
    else
        unpack_float(r);
    expect(r, '}', "more than one member");
    return true;
}

/* ---- values ---- */

static void read_value(struct reader *r);

static void enter(struct reader *r)
{
    if (++r->depth > r->max_depth)
        (void)fail(r, "nested too deeply");
    luaL_checkstack(r->L, 8, "JSON in JSON");
}

static void read_array(struct reader *r)
{
    lua_Integer n = 0;
    enter(r);
    r->at++;
    lua_newtable(r->L);
    while (peek(r) != ']') {
        if (n > 0)
            expect(r, ',', "a comma or ] was expected");
        read_value(r);
        lua_rawseti(r->L, -2, ++n);
    }
    r->at++;
    if (n == 0)
        rf_lua_json_mark(r->L, true);
    if (r->style->lengths) {
        lua_pushinteger(r->L, n);
        lua_rawseti(r->L, -2, 0);
    }
    r->depth--;
}

static void read_object(struct reader *r)
{
    bool first = true;
    enter(r);
    r->at++;
    lua_newtable(r->L);
    while (peek(r) != '}') {
        if (!first)
            expect(r, ',', "a comma or } was expected");
        (void)peek(r);
        read_string(r);
        if (r->style->wire && lua_tostring(r->L, -1)[0] == '$' && read_special(r)) {
            if (!first)
                (void)fail(r, "more than one member");
            lua_remove(r->L, -2);
            r->depth--;
            return;
        }
        expect(r, ':', "a colon was expected");
        read_value(r);
        lua_rawset(r->L, -3);
        first = false;
    }
    r->at++;
    if (first)
        rf_lua_json_mark(r->L, false);
    r->depth--;
}

static size_t digits(struct reader *r)
{
    size_t n = 0;
    while (r->at < r->len && r->text[r->at] >= '0' && r->text[r->at] <= '9') {
        r->at++;
        n++;
    }
    return n;
}

static void push_number(struct reader *r, size_t from, bool whole)
{
    char text[400];
    size_t n = r->at - from;
    if (n >= sizeof(text))
        (void)fail(r, "a number of too many digits");
    memcpy(text, r->text + from, n);
    text[n] = '\0';
    /* Lua's own rule: an integer where it fits, else a float. */
    if (lua_stringtonumber(r->L, text) == 0)
        (void)fail(r, "not a number");
    if (!whole && lua_isinteger(r->L, -1)) {
        lua_Number d = lua_tonumber(r->L, -1);
        lua_pop(r->L, 1);
        lua_pushnumber(r->L, d);
    }
}

static void read_number(struct reader *r)
{
    size_t from = r->at;
    bool whole = true;
    if (r->text[r->at] == '-')
        r->at++;
    bool zero = r->at < r->len && r->text[r->at] == '0';
    size_t n = digits(r);
    if (n == 0 || (zero && n > 1))
        (void)fail(r, "not a number");
    if (r->at < r->len && r->text[r->at] == '.') {
        whole = false;
        r->at++;
        if (digits(r) == 0)
            (void)fail(r, "no digit behind the point");
    }
    if (r->at < r->len && (r->text[r->at] == 'e' || r->text[r->at] == 'E')) {
        whole = false;
        r->at++;
        if (r->at < r->len && (r->text[r->at] == '+' || r->text[r->at] == '-'))
            r->at++;
        if (digits(r) == 0)
            (void)fail(r, "no digit in the exponent");
    }
    push_number(r, from, whole);
}

static bool word(struct reader *r, const char *w)
{
    size_t n = strlen(w);
    if (r->len - r->at < n || memcmp(r->text + r->at, w, n) != 0)
        return false;
    r->at += n;
    return true;
}

static void read_word(struct reader *r)
{
    if (word(r, "true"))
        lua_pushboolean(r->L, 1);
    else if (word(r, "false"))
        lua_pushboolean(r->L, 0);
    else if (!word(r, "null"))
        (void)fail(r, "a value was expected");
    else if (r->style->null != 0)
        lua_pushvalue(r->L, r->style->null);
    else
        lua_pushnil(r->L);
}

static void read_value(struct reader *r)
{
    char c = peek(r);
    if (c == '{')
        read_object(r);
    else if (c == '[')
        read_array(r);
    else if (c == '"')
        read_string(r);
    else if (c == '-' || (c >= '0' && c <= '9'))
        read_number(r);
    else
        read_word(r);
}

size_t rf_lua_json_decode(lua_State *L, const char *text, size_t len, size_t at,
                          const struct rf_lua_json_style *style)
{
    /* Messages have their envelope around what may be RF_JSON_DEPTH deep. */
    struct reader r = {
        .L = L, .style = style, .text = text, .len = len, .at = at, .max_depth = RF_LUA_JSON_DEPTH
    };
    luaL_checkstack(L, 8, "JSON");
    read_value(&r);
    return r.at;
}
