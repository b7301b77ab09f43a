/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The module semver: semver("1.2.3-rc.1") or semver(1, 2, 3, "rc.1", "build") gives a table with major, minor, patch, prerelease, build that
 * can be compared (semver.org's order), printed, and raised: nextMajor(), nextMinor(), nextPatch(). a ^ b: an upgrade from a to b
 * breaks nothing. semver.valid(text), semver.match(range, text): as in a policy's semverRange.
 */
#include <lauxlib.h>
#include <string.h>

#include "base/mem.h"
#include "policy/lua/lua_libs.h"
#include "policy/semver.h"

#define TYPE "rf.semver"

static const char *const numbers[3] = { "major", "minor", "patch" };

/* A version as read from its table; texts are borrowed from it. */
struct version {
    lua_Integer number[3];
    struct rf_slice pre;
};

/* ---- making ---- */

/* The table with these numbers; prerelease and build are the two values on top of the stack, which it replaces. */
static void push_version(lua_State *L, const lua_Integer number[3])
{
    lua_createtable(L, 0, 5);
    lua_insert(L, -3);
    lua_setfield(L, -3, "build");
    lua_setfield(L, -2, "prerelease");
    for (int i = 0; i < 3; i++) {
        lua_pushinteger(L, number[i]);
        lua_setfield(L, -2, numbers[i]);
    }
    (void)luaL_getmetatable(L, TYPE);
    lua_setmetatable(L, -2);
}

static bool is_identifiers(struct rf_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool fine = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                    c == '-' || (c == '.' && i > 0 && s.ptr[i - 1] != '.' && i + 1 < s.len);
        if (!fine)
            return false;
    }
    return true;
}

static void push_optional(lua_State *L, struct rf_slice s)
{
    if (s.len > 0)
        (void)lua_pushlstring(L, s.ptr, s.len);
    else
        lua_pushnil(L);
}

/* Pushes the version, or nothing: false. */
static bool parse(lua_State *L, const char *text, size_t len)
{
    struct rf_semver v;
    lua_Integer number[3] = { 0 };
    if (!rf_semver_parse(rf_slice_of(text, len), &v) || v.n > 3 || !is_identifiers(v.pre) ||
        !is_identifiers(v.build))
        return false;
    for (size_t i = 0; i < v.n; i++) {
        if (v.parts[i] > LUA_MAXINTEGER)
            return false;
        number[i] = (lua_Integer)v.parts[i];
    }
    push_optional(L, v.pre);
    push_optional(L, v.build);
    push_version(L, number);
    return true;
}

static void check_identifiers(lua_State *L, int index)
{
    size_t n;
    const char *s = luaL_optlstring(L, index, "", &n);
    luaL_argcheck(L, is_identifiers(rf_slice_of(s, n)), index,
                  "letters, digits and - with points between them");
}

/* (major [, minor [, patch [, prerelease [, build]]]]) or (text), from argument `at` on. */
static int make(lua_State *L, int at)
{
    lua_Integer number[3];
    if (lua_type(L, at) == LUA_TSTRING) {
        size_t n;
        const char *text = lua_tolstring(L, at, &n);
        if (!parse(L, text, n))
            return luaL_error(L, "not a version: %s", text);
        return 1;
    }
    for (int i = 0; i < 3; i++) {
        number[i] = i == 0 ? luaL_checkinteger(L, at) : luaL_optinteger(L, at + i, 0);
        luaL_argcheck(L, number[i] >= 0, at + i, "a number of a version is not negative");
    }
    lua_settop(L, at + 4);
    check_identifiers(L, at + 3);
    check_identifiers(L, at + 4);
    push_version(L, number);
    return 1;
}

static int module_call(lua_State *L)
{
    return make(L, 2);
}

static int module_valid(lua_State *L)
{
    size_t n;
    const char *text = luaL_checklstring(L, 1, &n);
    lua_pushboolean(L, parse(L, text, n));
    return 1;
}

/* match(range, version): the version as text or table. */
static int module_match(lua_State *L)
{
    /* The list of ranges wants strings of its own. */
    union {
        const char *in;
        char *out;
    } range = { .in = luaL_checkstring(L, 1) };
    size_t n;
    const char *text = luaL_tolstring(L, 2, &n);
    struct rf_semver version;
    struct rf_semver_ranges *ranges = NULL;
    struct rf_err err = RF_ERR_INIT;
    if (rf_semver_ranges_new(&range.out, 1, &ranges, &err) < 0)
        return luaL_error(L, "%s", err.msg);
    bool match =
        rf_semver_parse(rf_slice_of(text, n), &version) && rf_semver_ranges_match(ranges, &version);
    rf_semver_ranges_free(ranges);
    lua_pushboolean(L, match);
    return 1;
}

/* ---- using ---- */

/* Leaves the prerelease on the stack, so that its text stays. */
static void read_version(lua_State *L, int index, struct version *v)
{
    luaL_checktype(L, index, LUA_TTABLE);
    for (int i = 0; i < 3; i++) {
        (void)lua_getfield(L, index, numbers[i]);
        if (!lua_isinteger(L, -1))
            (void)luaL_argerror(L, index, "not a version");
        v->number[i] = lua_tointeger(L, -1);
        lua_pop(L, 1);
    }
    v->pre = (struct rf_slice){ .ptr = "" };
    if (lua_getfield(L, index, "prerelease") == LUA_TSTRING)
        v->pre.ptr = lua_tolstring(L, -1, &v->pre.len);
}

static bool is_digits(struct rf_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    return s.len > 0;
}

static int compare_bytes(struct rf_slice a, struct rf_slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n > 0 ? memcmp(a.ptr, b.ptr, n) : 0;
    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

/* Numbers by value, whatever their length, and before all that is not a number. */
static int compare_identifier(struct rf_slice a, struct rf_slice b)
{
    bool x = is_digits(a), y = is_digits(b);
    if (x != y)
        return x ? -1 : 1;
    if (!x)
        return compare_bytes(a, b);
    for (; a.len > 1 && a.ptr[0] == '0'; a.ptr++)
        a.len--;
    for (; b.len > 1 && b.ptr[0] == '0'; b.ptr++)
        b.len--;
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return compare_bytes(a, b);
}

static struct rf_slice first_identifier(struct rf_slice *rest)
{
    const char *dot = rest->len > 0 ? memchr(rest->ptr, '.', rest->len) : NULL;
    struct rf_slice first = *rest;
    if (dot != NULL)
        first.len = (size_t)(dot - rest->ptr);
    size_t used = first.len + (dot != NULL ? 1 : 0);
    *rest = rf_slice_of(rest->ptr + used, rest->len - used);
    return first;
}

static int compare_prerelease(struct rf_slice a, struct rf_slice b)
{
    if (a.len == 0 || b.len == 0)
        return (a.len == 0) - (b.len == 0);
    int c = 0;
    while (c == 0 && a.len > 0 && b.len > 0) {
        struct rf_slice x = first_identifier(&a);
        c = compare_identifier(x, first_identifier(&b));
    }
    return c != 0 ? c : (a.len > 0) - (b.len > 0);
}

static int compare(lua_State *L)
{
    struct version a, b;
    read_version(L, 1, &a);
    read_version(L, 2, &b);
    for (int i = 0; i < 3; i++)
        if (a.number[i] != b.number[i])
            return a.number[i] < b.number[i] ? -1 : 1;
    return compare_prerelease(a.pre, b.pre);
}

static int version_eq(lua_State *L)
{
    lua_pushboolean(L, compare(L) == 0);
    return 1;
}

static int version_lt(lua_State *L)
{
    lua_pushboolean(L, compare(L) < 0);
    return 1;
}

static int version_le(lua_State *L)
{
    lua_pushboolean(L, compare(L) <= 0);
    return 1;
}

/* Below 1.0.0 nothing but the same version is safe. */
static int version_upgrade(lua_State *L)
{
    struct version a, b;
    bool not_older = compare(L) <= 0;
    read_version(L, 1, &a);
    read_version(L, 2, &b);
    lua_pushboolean(L, a.number[0] == 0
                           ? compare(L) == 0
                           : a.number[0] == b.number[0] && not_older && a.number[1] <= b.number[1]);
    return 1;
}

static int version_tostring(lua_State *L)
{
    struct version v;
    read_version(L, 1, &v);
    (void)lua_pushfstring(L, "%I.%I.%I", (LUAI_UACINT)v.number[0], (LUAI_UACINT)v.number[1],
                          (LUAI_UACINT)v.number[2]);
    if (v.pre.len > 0) {
        (void)lua_pushfstring(L, "-%s", v.pre.ptr);
        lua_concat(L, 2);
    }
    if (lua_getfield(L, 1, "build") == LUA_TSTRING) {
        (void)lua_pushfstring(L, "+%s", lua_tostring(L, -1));
        lua_remove(L, -2);
        lua_concat(L, 2);
    } else {
        lua_pop(L, 1);
    }
    return 1;
}

static int next(lua_State *L, int which)
{
    struct version v;
    read_version(L, 1, &v);
    for (int i = which + 1; i < 3; i++)
        v.number[i] = 0;
    if (v.number[which] == LUA_MAXINTEGER)
        return luaL_error(L, "there is no next version");
    /* The release of a prerelease is the next patch. */
    if (which != 2 || v.pre.len == 0)
        v.number[which]++;
    lua_pushnil(L);
    lua_pushnil(L);
    push_version(L, v.number);
    return 1;
}

static int next_major(lua_State *L)
{
    return next(L, 0);
}

static int next_minor(lua_State *L)
{
    return next(L, 1);
}

static int next_patch(lua_State *L)
{
    return next(L, 2);
}

int rf_lua_semver_module(lua_State *L)
{
    static const luaL_Reg meta[] = { { "__eq", version_eq },
                                     { "__lt", version_lt },
                                     { "__le", version_le },
                                     { "__pow", version_upgrade },
                                     { "__tostring", version_tostring },
                                     { NULL, NULL } };
    static const luaL_Reg methods[] = { { "nextMajor", next_major },
                                        { "nextMinor", next_minor },
                                        { "nextPatch", next_patch },
                                        { NULL, NULL } };
    static const luaL_Reg functions[] = { { "valid", module_valid },
                                          { "match", module_match },
                                          { NULL, NULL } };
    if (luaL_newmetatable(L, TYPE)) {
        luaL_setfuncs(L, meta, 0);
        luaL_newlib(L, methods);
        lua_setfield(L, -2, "__index");
    }
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    lua_newtable(L);
    lua_pushcfunction(L, module_call);
    lua_setfield(L, -2, "__call");
    lua_setmetatable(L, -2);
    return 1;
}
