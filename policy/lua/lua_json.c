/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/lua/lua_json.h"

#include <lauxlib.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "policy/lua/lua_wire.h"

#define TEXT_TYPE "rf.text"
#define ARRAY_TYPE "json.array"
#define OBJECT_TYPE "json.object"

/* ---- text ---- */

void rf_lua_text_drop(lua_State *L, struct rf_lua_text *t)
{
    void *ud;
    lua_Alloc alloc = lua_getallocf(L, &ud);
    if (t->ptr != NULL)
        (void)alloc(ud, t->ptr, t->cap, 0);
    t->ptr = NULL;
    t->len = t->cap = 0;
}

static int text_gc(lua_State *L)
{
    rf_lua_text_drop(L, lua_touserdata(L, 1));
    return 0;
}

struct rf_lua_text *rf_lua_text_push(lua_State *L, size_t max)
{
    struct rf_lua_text *t = lua_newuserdatauv(L, sizeof(*t), 0);
    *t = (struct rf_lua_text){ .max = max };
    if (luaL_newmetatable(L, TEXT_TYPE)) {
        lua_pushcfunction(L, text_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return t;
}

/* The allocator counts: Lua collects garbage only on its own behalf, so what it refuses is tried once more behind a collection. */
static void grow(lua_State *L, struct rf_lua_text *t, size_t need)
{
    size_t cap = t->cap < 256 ? 256 : t->cap;
    while (cap < need)
        cap *= 2;
    void *ud;
    lua_Alloc alloc = lua_getallocf(L, &ud);
    char *p = alloc(ud, t->ptr, t->cap, cap);
    if (p == NULL) {
        (void)lua_gc(L, LUA_GCCOLLECT);
        p = alloc(ud, t->ptr, t->cap, cap);
    }
    if (p == NULL)
        (void)luaL_error(L, "not enough memory");
    t->ptr = p;
    t->cap = cap;
}

void rf_lua_text_add(lua_State *L, struct rf_lua_text *t, const char *p, size_t n)
{
    if (n > t->max || t->len > t->max - n)
        (void)luaL_error(L, "more than %d bytes of JSON", (int)t->max);
    if (t->len + n > t->cap)
        grow(L, t, t->len + n);
    if (n > 0)
        memcpy(t->ptr + t->len, p, n);
    t->len += n;
}

void rf_lua_text_add_str(lua_State *L, struct rf_lua_text *t, const char *s)
{
    rf_lua_text_add(L, t, s, strlen(s));
}

/* ---- writing ---- */

struct writer {
    lua_State *L;
    const struct rf_lua_json_style *style;
    struct rf_lua_text *out;
    int depth, max_depth;
};

static void put(struct writer *w, const char *s)
{
    rf_lua_text_add_str(w->L, w->out, s);
}

static void put_escape(lua_State *L, struct rf_lua_text *out, unsigned char c)
{
    char text[8];
    int n;
    if (c == '"' || c == '\\')
        n = snprintf(text, sizeof(text), "\\%c", c);
    else if (c == '\n')
        n = snprintf(text, sizeof(text), "\\n");
    else
        n = snprintf(text, sizeof(text), "\\u%04x", c);
    rf_lua_text_add(L, out, text, (size_t)n);
}

static void put_quoted(lua_State *L, struct rf_lua_text *out, const char *s, size_t n)
{
    size_t from = 0;
    rf_lua_text_add(L, out, "\"", 1);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        rf_lua_text_add(L, out, s + from, i - from);
        put_escape(L, out, c);
        from = i + 1;
    }
    rf_lua_text_add(L, out, s + from, n - from);
    rf_lua_text_add(L, out, "\"", 1);
}

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void put_base64(lua_State *L, struct rf_lua_text *out, const unsigned char *s, size_t n)
{
    rf_lua_text_add_str(L, out, "{\"$bytes\":\"");
    for (size_t i = 0; i < n; i += 3) {
        size_t have = n - i < 3 ? n - i : 3;
        uint32_t bits = (uint32_t)s[i] << 16;
        if (have > 1)
            bits |= (uint32_t)s[i + 1] << 8;
        if (have > 2)
            bits |= s[i + 2];
        const char quad[4] = { base64[bits >> 18], base64[bits >> 12 & 63],
                               have > 1 ? base64[bits >> 6 & 63] : '=',
                               have > 2 ? base64[bits & 63] : '=' };
        rf_lua_text_add(L, out, quad, sizeof(quad));
    }
    rf_lua_text_add_str(L, out, "\"}");
}

static bool is_plain(const char *s, size_t n)
{
    return n == 0 || (memchr(s, '\0', n) == NULL && rf_text_is_utf8(rf_slice_of(s, n)));
}

void rf_lua_json_encode_bytes(lua_State *L, struct rf_lua_text *out, const char *s, size_t n)
{
    if (is_plain(s, n))
        put_quoted(L, out, s, n);
    else
        put_base64(L, out, (const unsigned char *)s, n);
}

static void put_string(struct writer *w, int index)
{
    size_t n;
    const char *s = lua_tolstring(w->L, index, &n);
    if (w->style->wire)
        rf_lua_json_encode_bytes(w->L, w->out, s, n);
    else if (n == 0 || rf_text_is_utf8(rf_slice_of(s, n)))
        put_quoted(w->L, w->out, s, n);
    else
        (void)luaL_error(w->L, "a string that is not UTF-8 cannot be JSON");
}

/* 0.1 and not 0.10000000000000001: as many digits as it takes to read the same number again. */
static void shortest(char *text, size_t size, double d)
{
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, size, "%.*g", digits, d);
        if (strtod(text, NULL) == d)
            return;
    }
}

static void put_float(struct writer *w, double d)
{
    char text[40];
    if (!isfinite(d)) {
        if (!w->style->wire)
            (void)luaL_error(w->L, "a number that is not finite cannot be JSON");
        put(w, isnan(d) ? "{\"$float\":\"nan\"}"
               : d > 0  ? "{\"$float\":\"inf\"}"
                        : "{\"$float\":\"-inf\"}");
        return;
    }
    bool whole = !w->style->wire && d == floor(d) && fabs(d) < 9007199254740992.0;
    if (whole)
        (void)snprintf(text, sizeof(text), "%.0f", d == 0 ? 0.0 : d); /* not -0 */
    else
        shortest(text, sizeof(text), d);
    put(w, text);
    if (w->style->wire && strpbrk(text, ".e") == NULL)
        put(w, ".0");
}

static void put_number(struct writer *w, int index)
{
    char text[24];
    if (!lua_isinteger(w->L, index)) {
        put_float(w, lua_tonumber(w->L, index));
        return;
    }
    (void)snprintf(text, sizeof(text), "%lld", (long long)lua_tointeger(w->L, index));
    put(w, text);
}

static void put_value(struct writer *w, int index);

/* A message has a bound on its values; a document of a script has not. */
static void count_values(struct writer *w, size_t n)
{
    w->out->nodes += n + 1;
    if (w->style->wire && w->out->nodes > RF_LUA_FRAME_NODES)
        (void)luaL_error(w->L, "more than %d values at once", RF_LUA_FRAME_NODES);
}

static void put_array(struct writer *w, int index, lua_Integer n)
{
    count_values(w, (size_t)n);
    put(w, "[");
    for (lua_Integer i = 1; i <= n; i++) {
        if (i > 1)
            put(w, ",");
        (void)lua_rawgeti(w->L, index, i);
        put_value(w, lua_gettop(w->L));
        lua_pop(w->L, 1);
    }
    put(w, "]");
}

/* A key: its text is `s`, or stands in `digits`, since qsort moves the structure. */
struct key {
    const char *s;
    size_t n;
    lua_Integer number;
    char digits[24];
};

static const char *key_text(const struct key *k)
{
    return k->s != NULL ? k->s : k->digits;
}

static int compare_keys(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int c = n > 0 ? memcmp(key_text(x), key_text(y), n) : 0;
    return c != 0 ? c : (x->n > y->n) - (x->n < y->n);
}

static void read_key(struct writer *w, int index, struct key *k)
{
    *k = (struct key){ .s = NULL };
    if (lua_type(w->L, index) == LUA_TSTRING) {
        k->s = lua_tolstring(w->L, index, &k->n);
        if (!is_plain(k->s, k->n))
            (void)luaL_error(w->L, "a key that is not UTF-8 cannot be JSON");
        return;
    }
    if (!lua_isinteger(w->L, index))
        (void)luaL_error(w->L, "a %s as key of a table cannot be JSON",
                         lua_isnumber(w->L, index) ? "fraction" : luaL_typename(w->L, index));
    k->number = lua_tointeger(w->L, index);
    k->n = (size_t)snprintf(k->digits, sizeof(k->digits), "%lld", (long long)k->number);
}

static void put_member(struct writer *w, int table, const struct key *k)
{
    const char *text = key_text(k);
    if (w->style->wire && k->n > 0 && text[0] == '$') {
        (void)lua_pushfstring(w->L, "$%s", text);
        put_quoted(w->L, w->out, lua_tostring(w->L, -1), k->n + 1);
        lua_pop(w->L, 1);
    } else {
        put_quoted(w->L, w->out, text, k->n);
    }
    put(w, ":");
    if (k->s != NULL) {
        (void)lua_pushlstring(w->L, k->s, k->n);
        (void)lua_rawget(w->L, table);
    } else {
        (void)lua_rawgeti(w->L, table, k->number);
    }
    put_value(w, lua_gettop(w->L));
    lua_pop(w->L, 1);
}

/* Sorted, so that the same table is the same bytes and has the same digest each time. */
static void put_object(struct writer *w, int index, size_t n)
{
    lua_State *L = w->L;
    count_values(w, n);
    if (w->style->wire && n > RF_JSON_KEYS)
        (void)luaL_error(L, "more than %d keys in a table", RF_JSON_KEYS);
    struct key *keys = lua_newuserdatauv(L, (n + 1) * sizeof(*keys), 0);
    size_t have = 0;
    int top = lua_gettop(L);
    for (lua_pushnil(L); have < n && lua_next(L, index) != 0; have++) {
        lua_pop(L, 1);
        read_key(w, lua_gettop(L), &keys[have]);
    }
    lua_settop(L, top);
    qsort(keys, have, sizeof(*keys), compare_keys);
    put(w, "{");
    for (size_t i = 0; i < have; i++) {
        if (i > 0 && compare_keys(&keys[i - 1], &keys[i]) == 0)
            (void)luaL_error(L, "two keys of a table that are spelled alike: %s",
                             key_text(&keys[i]));
        if (i > 0)
            put(w, ",");
        put_member(w, index, &keys[i]);
    }
    put(w, "}");
    lua_pop(L, 1);
}

/* The number of elements in *n; true when the keys are 1 to n. */
static bool look_at_keys(lua_State *L, int index, size_t *n)
{
    lua_Integer max = 0;
    bool sequence = true;
    *n = 0;
    for (lua_pushnil(L); lua_next(L, index) != 0; (*n)++) {
        lua_pop(L, 1);
        lua_Integer i = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
        sequence = sequence && i >= 1;
        max = i > max ? i : max;
    }
    return sequence && (size_t)max == *n;
}

static bool has_mark(lua_State *L, int index, const char *type)
{
    if (!lua_getmetatable(L, index))
        return false;
    (void)luaL_getmetatable(L, type);
    bool same = lua_rawequal(L, -1, -2) != 0;
    lua_pop(L, 2);
    return same;
}

/* For the module an array may say its length in element 0, as scripts know it. */
static bool given_length(struct writer *w, int index, lua_Integer *n)
{
    if (w->style->wire)
        return false;
    (void)lua_rawgeti(w->L, index, 0);
    bool given = lua_isinteger(w->L, -1) && lua_tointeger(w->L, -1) >= 0;
    *n = lua_tointeger(w->L, -1);
    lua_pop(w->L, 1);
    return given;
}

static void put_table(struct writer *w, int index)
{
    size_t n;
    lua_Integer length;
    if (++w->depth > w->max_depth)
        (void)luaL_error(w->L, "a table within itself, or more than %d levels of tables",
                         w->max_depth);
    luaL_checkstack(w->L, 8, "tables in tables");
    if (given_length(w, index, &length)) {
        put_array(w, index, length);
    } else if (!look_at_keys(w->L, index, &n)) {
        put_object(w, index, n);
    } else if (n > 0) {
        put_array(w, index, (lua_Integer)n);
    } else if (w->style->wire) {
        count_values(w, 0);
        put(w, has_mark(w->L, index, OBJECT_TYPE) ? "{}" : "[]");
    } else {
        put(w, has_mark(w->L, index, ARRAY_TYPE) ? "[]" : "{}");
    }
    w->depth--;
}

static void put_other(struct writer *w, int index)
{
    if (!w->style->wire || lua_type(w->L, index) != LUA_TUSERDATA ||
        luaL_getmetafield(w->L, index, "__wire") != LUA_TFUNCTION)
        (void)luaL_error(w->L, w->style->wire ? "a %s cannot be passed on" : "a %s cannot be JSON",
                         luaL_typename(w->L, index));
    if (++w->depth > w->max_depth)
        (void)luaL_error(w->L, "an object within itself");
    luaL_checkstack(w->L, 4, "objects in objects");
    lua_pushvalue(w->L, index);
    lua_call(w->L, 1, 1);
    put_value(w, lua_gettop(w->L));
    lua_pop(w->L, 1);
    w->depth--;
}

static bool is_null(struct writer *w, int index)
{
    return lua_isnil(w->L, index) ||
           (w->style->null != 0 && lua_rawequal(w->L, index, w->style->null)) ||
           (lua_islightuserdata(w->L, index) && lua_touserdata(w->L, index) == NULL);
}

static void put_value(struct writer *w, int index)
{
    if (is_null(w, index)) {
        put(w, "null");
        return;
    }
    switch (lua_type(w->L, index)) {
    case LUA_TBOOLEAN:
        put(w, lua_toboolean(w->L, index) ? "true" : "false");
        break;
    case LUA_TNUMBER:
        put_number(w, index);
        break;
    case LUA_TSTRING:
        put_string(w, index);
        break;
    case LUA_TTABLE:
        put_table(w, index);
        break;
    default:
        put_other(w, index);
    }
}

void rf_lua_json_encode(lua_State *L, int index, const struct rf_lua_json_style *style,
                        struct rf_lua_text *out)
{
    struct writer w = { .L = L,
                        .style = style,
                        .out = out,
                        .max_depth = style->wire ? RF_LUA_WIRE_DEPTH : RF_LUA_JSON_DEPTH };
    luaL_checkstack(L, 8, "JSON");
    put_value(&w, index);
}

/* ---- the module ---- */

void rf_lua_json_mark(lua_State *L, bool array)
{
    (void)luaL_newmetatable(L, array ? ARRAY_TYPE : OBJECT_TYPE);
    lua_setmetatable(L, -2);
}

static int module_encode(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_settop(L, 2);
    struct rf_lua_json_style style = { .null = lua_isnil(L, 2) ? 0 : 2 };
    struct rf_lua_text *t = rf_lua_text_push(L, RF_LUA_FRAME_MAX);
    rf_lua_json_encode(L, 1, &style, t);
    (void)lua_pushlstring(L, t->ptr, t->len);
    rf_lua_text_drop(L, t);
    return 1;
}

static int module_decode(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    bool from = !lua_isnoneornil(L, 2);
    lua_Integer at = luaL_optinteger(L, 2, 1);
    lua_settop(L, 4);
    luaL_argcheck(L, at >= 1 && (lua_Unsigned)at <= len + 1, 2, "behind the end of the text");
    struct rf_lua_json_style style = { .null = lua_isnil(L, 3) ? 0 : 3,
                                       .lengths = lua_toboolean(L, 4) };
    size_t end = rf_lua_json_decode(L, text, len, (size_t)at - 1, &style);
    if (from) {
        lua_pushinteger(L, (lua_Integer)end + 1);
        return 2;
    }
    end = rf_lua_json_blanks(text, len, end);
    if (end < len)
        return luaL_error(L, "JSON, byte %d: something behind the value", (int)end + 1);
    return 1;
}

static int mark(lua_State *L, bool array)
{
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    rf_lua_json_mark(L, array);
    return 1;
}

static int module_array(lua_State *L)
{
    return mark(L, true);
}

static int module_object(lua_State *L)
{
    return mark(L, false);
}

int rf_lua_json_module(lua_State *L)
{
    static const luaL_Reg functions[] = { { "encode", module_encode },
                                          { "decode", module_decode },
                                          { "array", module_array },
                                          { "object", module_object },
                                          { NULL, NULL } };
    luaL_newlib(L, functions);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    return 1;
}
