/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/lua/lua_libs.h"

#include <lauxlib.h>
#include <lualib.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "policy/lua/lua_child.h"
#include "policy/lua/lua_json.h"

/* ---- the base library, by name: what is not here does not exist ---- */

static const char *const base_names[] = {
    "assert",   "error",    "getmetatable", "ipairs", "next",     "pairs",
    "pcall",    "rawequal", "rawget",       "rawlen", "rawset",   "select",
    "tonumber", "tostring", "type",         "xpcall", "_VERSION", NULL,
};
static const char *const string_out[] = { "dump", NULL };
static const char *const os_names[] = { "clock", "date", "difftime", "time", NULL };

/* The table on top of the stack is replaced by one with these members alone. */
static void keep_only(lua_State *L, const char *const *names)
{
    lua_newtable(L);
    for (size_t i = 0; names[i] != NULL; i++) {
        (void)lua_getfield(L, -2, names[i]);
        lua_setfield(L, -2, names[i]);
    }
    lua_remove(L, -2);
}

static void drop(lua_State *L, const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        lua_pushnil(L);
        lua_setfield(L, -2, names[i]);
    }
}

/* ---- functions that are narrower here ---- */

/* The real function is upvalue 1. It runs in our own frame, so that its errors name the script's line and the function as called. */
static int go_on(lua_State *L)
{
    lua_CFunction real = lua_tocfunction(L, lua_upvalueindex(1));
    return real(L);
}

/* load(chunk [, name [, mode [, env]]]): text only. The real one is given an env only when we were. */
static int load_text(lua_State *L)
{
    if (!lua_isnoneornil(L, 3) && strchr(luaL_checkstring(L, 3), 't') == NULL)
        return luaL_error(L, "only text can be loaded, no compiled code");
    int n = lua_gettop(L) < 3 ? 3 : lua_gettop(L) > 4 ? 4 : lua_gettop(L);
    lua_settop(L, n);
    lua_pushliteral(L, "t");
    lua_replace(L, 3);
    return go_on(L);
}

/* A finalizer runs where no clock can stop it. Lua looks for one at this moment only, so a later one has no effect. */
static int set_metatable(lua_State *L)
{
    if (lua_istable(L, 2)) {
        (void)lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL)
            return luaL_error(L, "setmetatable: __gc is not there for scripts");
        lua_pop(L, 1);
    }
    return go_on(L);
}

static int collect(lua_State *L)
{
    static const char *const options[] = { "collect", "count", "step", NULL };
    int option = luaL_checkoption(L, 1, "collect", options);
    if (option == 1) {
        lua_pushnumber(L, (lua_Number)lua_gc(L, LUA_GCCOUNT) +
                              (lua_Number)lua_gc(L, LUA_GCCOUNTB) / 1024);
        return 1;
    }
    lua_pushinteger(L, lua_gc(L, LUA_GCCOLLECT));
    return 1;
}

static void wrap_global(lua_State *L, const char *name, lua_CFunction wrapper)
{
    (void)lua_getglobal(L, name);
    lua_pushcclosure(L, wrapper, 1);
    lua_setglobal(L, name);
}

/* ---- os: scripts of 5.1 give it fractions ---- */

static void floor_at(lua_State *L, int index)
{
    if (lua_type(L, index) == LUA_TNUMBER && !lua_isinteger(L, index)) {
        lua_Integer whole;
        if (lua_numbertointeger(floor(lua_tonumber(L, index)), &whole)) {
            lua_pushinteger(L, whole);
            lua_replace(L, index);
        }
    }
}

static int os_date(lua_State *L)
{
    if (lua_gettop(L) >= 2)
        floor_at(L, 2);
    return go_on(L);
}

/* Lua writes the normal form of the fields back into the table, so it is the caller's table that gets whole numbers. */
static int os_time(lua_State *L)
{
    static const char *const fields[] = { "year", "month", "day", "hour", "min", "sec", NULL };
    for (size_t i = 0; lua_istable(L, 1) && fields[i] != NULL; i++) {
        (void)lua_getfield(L, 1, fields[i]);
        floor_at(L, lua_gettop(L));
        lua_setfield(L, 1, fields[i]);
    }
    return go_on(L);
}

static void open_os(lua_State *L, const struct rf_lua_libs *libs)
{
    luaL_requiref(L, LUA_OSLIBNAME, luaopen_os, 0);
    if (!libs->unsafe)
        keep_only(L, os_names);
    (void)lua_getfield(L, -1, "date");
    lua_pushcclosure(L, os_date, 1);
    lua_setfield(L, -2, "date");
    (void)lua_getfield(L, -1, "time");
    lua_pushcclosure(L, os_time, 1);
    lua_setfield(L, -2, "time");
    lua_pushcfunction(L, libs->getenv);
    lua_setfield(L, -2, "getenv");
    lua_setglobal(L, LUA_OSLIBNAME);
}

/* ---- require ---- */

#define LOADING "rf.loading"

/* Pushes the loader of a module that is not loaded: a preloaded one, or its text from the parent; and the loader's second argument. */
static void find_loader(lua_State *L, const char *name)
{
    (void)lua_getfield(L, lua_upvalueindex(1), "preload");
    if (lua_istable(L, -1) && lua_getfield(L, -1, name) == LUA_TFUNCTION) {
        lua_pushliteral(L, ":preload:");
        return;
    }
    lua_pushvalue(L, lua_upvalueindex(2));
    (void)lua_pushstring(L, name);
    lua_call(L, 1, 2);
    size_t n;
    const char *text = lua_tolstring(L, -2, &n);
    const char *file = lua_tostring(L, -1);
    if (text == NULL)
        (void)luaL_error(L, "module '%s' not found:%s", name, file != NULL ? file : "");
    (void)lua_pushfstring(L, "@%s", file != NULL ? file : name);
    if (luaL_loadbufferx(L, text, n, lua_tostring(L, -1), "t") != LUA_OK)
        (void)luaL_error(L, "error loading module '%s':\n\t%s", name, lua_tostring(L, -1));
    (void)lua_pushstring(L, file != NULL ? file : name);
}

/* For package.searchers, where all libraries are there. Upvalue: source. */
static int search_folder(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    size_t n;
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_call(L, 1, 2);
    const char *text = lua_tolstring(L, -2, &n);
    if (text == NULL)
        return 1;
    (void)lua_pushfstring(L, "@%s", lua_tostring(L, -1));
    if (luaL_loadbufferx(L, text, n, lua_tostring(L, -1), "t") != LUA_OK)
        return luaL_error(L, "error loading module '%s':\n\t%s", name, lua_tostring(L, -1));
    lua_pushvalue(L, 3);
    return 2;
}

/* package is on top of the stack: the folder for modules comes before the system's. */
static void add_searcher(lua_State *L, lua_CFunction source)
{
    (void)lua_getfield(L, -1, "searchers");
    for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i >= 2; i--) {
        (void)lua_rawgeti(L, -1, i);
        lua_rawseti(L, -2, i + 1);
    }
    lua_pushcfunction(L, source);
    lua_pushcclosure(L, search_folder, 1);
    lua_rawseti(L, -2, 2);
    lua_pop(L, 1);
}

/* Upvalues: package, source. */
static int require(lua_State *L)
{
    size_t n;
    const char *name = luaL_checklstring(L, 1, &n);
    luaL_argcheck(L, strlen(name) == n, 1, "not the name of a module");
    lua_settop(L, 1);
    (void)lua_getfield(L, lua_upvalueindex(1), "loaded");
    luaL_checktype(L, 2, LUA_TTABLE);
    if (lua_getfield(L, 2, name) != LUA_TNIL)
        return 1;
    lua_settop(L, 2);
    find_loader(L, name);
    (void)lua_pushvalue(L, 1);
    lua_insert(L, -2);
    lua_call(L, 2, 1);
    if (!lua_isnil(L, -1)) {
        lua_pushvalue(L, -1);
        lua_setfield(L, 2, name);
    } else if (lua_getfield(L, 2, name) == LUA_TNIL) {
        lua_pushboolean(L, 1);
        lua_pushvalue(L, -1);
        lua_setfield(L, 2, name);
    }
    return 1;
}

static void preload(lua_State *L, const char *name, lua_CFunction open)
{
    lua_pushcfunction(L, open);
    lua_setfield(L, -2, name);
}

/* Pushes a package of our own, and makes the global require. */
static void push_own_package(lua_State *L, lua_CFunction source)
{
    static const char *const in_loaded[] = { "string", "table",     "math", "utf8",
                                             "os",     "coroutine", NULL };
    static const char *const empty[] = { "path", "cpath" };
    lua_newtable(L);
    lua_newtable(L);
    lua_setfield(L, -2, "preload");
    lua_newtable(L);
    for (size_t i = 0; in_loaded[i] != NULL; i++) {
        (void)lua_getglobal(L, in_loaded[i]);
        lua_setfield(L, -2, in_loaded[i]);
    }
    lua_pushglobaltable(L);
    lua_setfield(L, -2, LUA_GNAME);
    lua_setfield(L, -2, "loaded");
    for (size_t i = 0; i < RF_ARRAY_LEN(empty); i++) {
        lua_pushliteral(L, "");
        lua_setfield(L, -2, empty[i]);
    }
    lua_pushvalue(L, -1);
    lua_pushcfunction(L, source);
    lua_pushcclosure(L, require, 2);
    lua_setglobal(L, "require");
}

static void open_package(lua_State *L, const struct rf_lua_libs *libs)
{
    if (libs->unsafe) {
        luaL_requiref(L, LUA_LOADLIBNAME, luaopen_package, 1);
        add_searcher(L, libs->source);
    } else {
        push_own_package(L, libs->source);
    }
    (void)lua_getfield(L, -1, "preload");
    preload(L, "json", rf_lua_json_module);
    preload(L, "lunajson", rf_lua_json_module);
    preload(L, "semver", rf_lua_semver_module);
    lua_pop(L, 1);
    lua_setglobal(L, LUA_LOADLIBNAME);
}

/* ---- all of it ---- */

static void open_base(lua_State *L, bool unsafe)
{
    luaL_requiref(L, LUA_GNAME, luaopen_base, 0);
    lua_pop(L, 1);
    if (unsafe)
        return;
    /* The globals stay the same table: what goes is everything that is not on the list, but for what is wrapped. */
    wrap_global(L, "load", load_text);
    wrap_global(L, "setmetatable", set_metatable);
    lua_pushglobaltable(L);
    (void)lua_getfield(L, -1, "load");
    (void)lua_getfield(L, -2, "setmetatable");
    lua_pushvalue(L, -3);
    keep_only(L, base_names);
    /* Stack: globals, load, setmetatable, kept. */
    for (lua_pushnil(L); lua_next(L, -5) != 0;) {
        lua_pop(L, 1);
        lua_pushvalue(L, -1);
        lua_pushnil(L);
        lua_rawset(L, -7);
    }
    for (lua_pushnil(L); lua_next(L, -2) != 0;) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -7);
    }
    lua_pop(L, 1);
    lua_setfield(L, -3, "setmetatable");
    lua_setfield(L, -2, "load");
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, LUA_GNAME);
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "collectgarbage");
    lua_pop(L, 1);
}

static void open_plain(lua_State *L, const char *name, lua_CFunction open,
                       const char *const *without)
{
    luaL_requiref(L, name, open, 0);
    if (without != NULL)
        drop(L, without);
    lua_setglobal(L, name);
}

/* Strings find their methods through a metatable that scripts have no business with. */
static void lock_strings(lua_State *L)
{
    lua_pushliteral(L, "");
    if (lua_getmetatable(L, -1)) {
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void open_unsafe(lua_State *L)
{
    luaL_requiref(L, LUA_IOLIBNAME, luaopen_io, 1);
    luaL_requiref(L, LUA_DBLIBNAME, luaopen_debug, 1);
    lua_pop(L, 2);
}

void rf_lua_libs_open(lua_State *L, const struct rf_lua_libs *libs)
{
    luaL_checkstack(L, 20, "libraries");
    open_base(L, libs->unsafe);
    open_plain(L, LUA_STRLIBNAME, luaopen_string, libs->unsafe ? NULL : string_out);
    open_plain(L, LUA_TABLIBNAME, luaopen_table, NULL);
    open_plain(L, LUA_MATHLIBNAME, luaopen_math, NULL);
    open_plain(L, LUA_UTF8LIBNAME, luaopen_utf8, NULL);
    open_plain(L, LUA_COLIBNAME, luaopen_coroutine, NULL);
    open_os(L, libs);
    open_package(L, libs);
    if (libs->unsafe)
        open_unsafe(L);
    else
        lock_strings(L);
    lua_pushcfunction(L, libs->print);
    lua_setglobal(L, "print");
    lua_pushcfunction(L, libs->log);
    lua_setglobal(L, "log");
    rf_lua_compat_open(L);
    rf_lua_compat_env(L);
    (void)lua_getglobal(L, LUA_MATHLIBNAME);
    (void)lua_getfield(L, -1, "randomseed");
    lua_pushinteger(L, libs->seed);
    lua_call(L, 1, 0);
    lua_pop(L, 1);
}

/* ---- the API "host": host.anything(...) calls the parent's function of that name ---- */

static int call_by_name(lua_State *L)
{
    return rf_lua_host_call(L, lua_tostring(L, lua_upvalueindex(1)), lua_gettop(L));
}

static int find_by_name(lua_State *L)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    size_t n;
    const char *name = luaL_checklstring(L, 2, &n);
    luaL_argcheck(L, n > 0 && n <= 64 && strspn(name, letters) == n, 2, "no name of a function");
    lua_settop(L, 2);
    lua_pushcclosure(L, call_by_name, 1);
    return 1;
}

static void open_host(lua_State *L)
{
    lua_newtable(L);
    lua_newtable(L);
    lua_pushcfunction(L, find_by_name);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_setglobal(L, "host");
}

extern const struct rf_lua_api rf_lua_api_host;
const struct rf_lua_api rf_lua_api_host = { .name = "host", .open = open_host };
