/* SPDX-License-Identifier: Apache-2.0 */
/* What scripts written for Lua 5.1 use and 5.4 has no more, or does in another way. */
#include <lauxlib.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "policy/lua/lua_libs.h"

/* ---- table ---- */

static int table_getn(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushinteger(L, luaL_len(L, 1));
    return 1;
}

static int table_maxn(lua_State *L)
{
    lua_Number max = 0;
    luaL_checktype(L, 1, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, 1) != 0;) {
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TNUMBER && lua_tonumber(L, -1) > max)
            max = lua_tonumber(L, -1);
    }
    lua_Integer whole;
    if (max == floor(max) && lua_numbertointeger(max, &whole))
        lua_pushinteger(L, whole);
    else
        lua_pushnumber(L, max);
    return 1;
}

/* True when the value at index b belongs before the one at a. Index 2 is the function, or nil. */
static bool belongs_before(lua_State *L, int b, int a)
{
    if (lua_isnil(L, 2))
        return lua_compare(L, b, a, LUA_OPLT) != 0;
    lua_pushvalue(L, 2);
    lua_pushvalue(L, b);
    lua_pushvalue(L, a);
    lua_call(L, 2, 1);
    bool before = lua_toboolean(L, -1) != 0;
    lua_pop(L, 1);
    return before;
}

/* The table at index `from`, [left, middle) and [middle, right) sorted, into the table at index `to`. */
static void merge(lua_State *L, int from, int to, const lua_Integer ends[3])
{
    lua_Integer a = ends[0], b = ends[1];
    for (lua_Integer out = ends[0]; out < ends[2]; out++) {
        bool take_b = a >= ends[1];
        if (a < ends[1] && b < ends[2]) {
            (void)lua_rawgeti(L, from, a);
            (void)lua_rawgeti(L, from, b);
            int top = lua_gettop(L);
            take_b = belongs_before(L, top, top - 1);
            lua_pop(L, 2);
        }
        (void)lua_rawgeti(L, from, take_b ? b++ : a++);
        lua_rawseti(L, to, out);
    }
}

static lua_Integer least(lua_Integer a, lua_Integer b)
{
    return a < b ? a : b;
}

/*
 * table.sort(t [, before]): stable, and content with a function that contradicts itself, where Lua 5.4 raises "invalid order function".
 */
static int table_sort(lua_State *L)
{
    lua_Integer n = luaL_len(L, (luaL_checktype(L, 1, LUA_TTABLE), 1));
    luaL_argcheck(L, n < INT32_MAX, 1, "array too big");
    if (!lua_isnoneornil(L, 2))
        luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    int from = 3, to = 4;
    lua_createtable(L, (int)n, 0);
    lua_createtable(L, (int)n, 0);
    for (lua_Integer i = 1; i <= n; i++) {
        (void)lua_geti(L, 1, i);
        lua_rawseti(L, from, i);
    }
    for (lua_Integer width = 1; width < n; width *= 2) {
        for (lua_Integer left = 1; left <= n; left += 2 * width) {
            const lua_Integer ends[3] = { left, least(left + width, n + 1),
                                          least(left + 2 * width, n + 1) };
            merge(L, from, to, ends);
        }
        int swap = from;
        from = to;
        to = swap;
    }
    for (lua_Integer i = 1; i <= n; i++) {
        (void)lua_rawgeti(L, from, i);
        lua_seti(L, 1, i);
    }
    return 0;
}

/* ---- string ---- */

/* The letter of the conversion that begins behind s[0] == '%'; *s is set behind it. */
static char conversion(const char **s)
{
    const char *p = *s + 1;
    p += strspn(p, "-+ #0123456789.");
    char letter = *p;
    *s = letter != '\0' ? p + 1 : p;
    return letter;
}

/* string.format: %d and its kin cut a fraction off, where 5.4 raises "number has no integer representation". */
static int string_format(lua_State *L)
{
    const char *s = luaL_checkstring(L, 1);
    for (int arg = 2; (s = strchr(s, '%')) != NULL;) {
        char letter = conversion(&s);
        if (letter == '%')
            continue;
        lua_Integer whole;
        if (letter != '\0' && strchr("dicxXo", letter) != NULL && lua_isnumber(L, arg) != 0 &&
            lua_tointegerx(L, arg, NULL) == 0 &&
            lua_numbertointeger(trunc(lua_tonumber(L, arg)), &whole)) {
            lua_pushinteger(L, whole);
            lua_replace(L, arg);
        }
        arg++;
    }
    /* In our own frame, so that its errors name the script's line. */
    lua_CFunction real = lua_tocfunction(L, lua_upvalueindex(1));
    return real(L);
}

/* ---- math ---- */

static int math_pow(lua_State *L)
{
    lua_pushnumber(L, pow(luaL_checknumber(L, 1), luaL_checknumber(L, 2)));
    return 1;
}

static int math_log10(lua_State *L)
{
    lua_pushnumber(L, log10(luaL_checknumber(L, 1)));
    return 1;
}

static int math_cosh(lua_State *L)
{
    lua_pushnumber(L, cosh(luaL_checknumber(L, 1)));
    return 1;
}

static int math_sinh(lua_State *L)
{
    lua_pushnumber(L, sinh(luaL_checknumber(L, 1)));
    return 1;
}

static int math_tanh(lua_State *L)
{
    lua_pushnumber(L, tanh(luaL_checknumber(L, 1)));
    return 1;
}

static int math_ldexp(lua_State *L)
{
    lua_pushnumber(L, ldexp(luaL_checknumber(L, 1), (int)luaL_checkinteger(L, 2)));
    return 1;
}

static int math_frexp(lua_State *L)
{
    int e;
    lua_pushnumber(L, frexp(luaL_checknumber(L, 1), &e));
    lua_pushinteger(L, e);
    return 2;
}

/* ---- what cannot be had ---- */

static int gone(lua_State *L)
{
    return luaL_error(L, "%s is not there: a module returns its table, and require gives it",
                      lua_tostring(L, lua_upvalueindex(1)));
}

static void put_gone(lua_State *L, const char *field, const char *name)
{
    (void)lua_pushstring(L, name);
    lua_pushcclosure(L, gone, 1);
    lua_setfield(L, -2, field);
}

/* Member `old` of the table on top of the stack under the name `field` too. */
static void alias(lua_State *L, const char *field, const char *old)
{
    (void)lua_getfield(L, -1, old);
    lua_setfield(L, -2, field);
}

static void open_table(lua_State *L)
{
    static const luaL_Reg functions[] = {
        { "getn", table_getn }, { "maxn", table_maxn }, { "sort", table_sort }, { NULL, NULL }
    };
    (void)lua_getglobal(L, "table");
    luaL_setfuncs(L, functions, 0);
    (void)lua_getfield(L, -1, "unpack");
    lua_setglobal(L, "unpack");
    lua_pop(L, 1);
}

static void open_math(lua_State *L)
{
    static const luaL_Reg functions[] = { { "pow", math_pow },     { "log10", math_log10 },
                                          { "cosh", math_cosh },   { "sinh", math_sinh },
                                          { "tanh", math_tanh },   { "ldexp", math_ldexp },
                                          { "frexp", math_frexp }, { NULL, NULL } };
    (void)lua_getglobal(L, "math");
    luaL_setfuncs(L, functions, 0);
    alias(L, "mod", "fmod");
    lua_pop(L, 1);
}

void rf_lua_compat_open(lua_State *L)
{
    open_table(L);
    open_math(L);
    (void)lua_getglobal(L, "string");
    alias(L, "gfind", "gmatch");
    (void)lua_getfield(L, -1, "format");
    lua_pushcclosure(L, string_format, 1);
    lua_setfield(L, -2, "format");
    lua_pop(L, 1);
    lua_pushglobaltable(L);
    alias(L, "loadstring", "load");
    put_gone(L, "module", "module()");
    if (lua_getfield(L, -1, "package") == LUA_TTABLE)
        put_gone(L, "seeall", "package.seeall");
    lua_pop(L, 2);
}

/* ---- setfenv, getfenv: 5.4 keeps the globals of a function in an upvalue named _ENV ---- */

/* Pushes the Lua function that argument 1 means: itself, or the one at that level of the stack. */
static void push_function(lua_State *L)
{
    lua_Debug ar;
    if (lua_isfunction(L, 1)) {
        lua_pushvalue(L, 1);
        return;
    }
    lua_Integer level = luaL_optinteger(L, 1, 1);
    luaL_argcheck(L, level >= 1, 1, "the level must be 1 or more");
    luaL_argcheck(L, level < 1000 && lua_getstack(L, (int)level, &ar) != 0, 1, "invalid level");
    (void)lua_getinfo(L, "f", &ar);
}

/* The number of the upvalue _ENV of the function on top of the stack, whose value is pushed; 0 when it uses no globals. */
static int find_env(lua_State *L)
{
    const char *name;
    for (int i = 1; (name = lua_getupvalue(L, -1, i)) != NULL; i++) {
        if (strcmp(name, "_ENV") == 0)
            return i;
        lua_pop(L, 1);
    }
    return 0;
}

static int get_env(lua_State *L)
{
    if (lua_isinteger(L, 1) && lua_tointeger(L, 1) == 0) {
        lua_pushglobaltable(L);
        return 1;
    }
    push_function(L);
    if (find_env(L) == 0)
        lua_pushglobaltable(L);
    return 1;
}

static int set_env(lua_State *L)
{
    luaL_checktype(L, 2, LUA_TTABLE);
    if (lua_isinteger(L, 1) && lua_tointeger(L, 1) == 0)
        return luaL_error(L, "setfenv(0, ...) is not there: the globals stay what they are");
    push_function(L);
    int function = lua_gettop(L);
    int i = find_env(L);
    if (i > 0) {
        /* Other functions share the upvalue: this one gets its own, that of a fresh empty chunk. */
        if (luaL_loadbufferx(L, "", 0, "=setfenv", "t") != LUA_OK)
            return lua_error(L);
        lua_pushvalue(L, 2);
        (void)lua_setupvalue(L, -2, 1);
        lua_upvaluejoin(L, function, i, lua_gettop(L), 1);
    }
    lua_settop(L, function);
    return 1;
}

void rf_lua_compat_env(lua_State *L)
{
    lua_pushcfunction(L, get_env);
    lua_setglobal(L, "getfenv");
    lua_pushcfunction(L, set_env);
    lua_setglobal(L, "setfenv");
}
