/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/lua/lua_view.h"

#include <lauxlib.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "policy/lua/lua_json.h"
#include "policy/object/object.h"

#define DEPTH 16 /* of types in types */

static const char call_key; /* its address: the function behind m:config() in the registry */

static void *as_pointer(const void *p)
{
    return (void *)(uintptr_t)p;
}

/* ---- fields ---- */

/* By either name; those of embedded parts after the own ones. */
static const struct rf_field *find(const struct rf_type *type, const char *key, int depth)
{
    for (size_t i = 0; i < type->n_fields; i++) {
        const struct rf_field *f = &type->fields[i];
        if (strcmp(f->name, key) == 0 || (f->json != NULL && strcmp(f->json, key) == 0))
            return f;
    }
    for (size_t i = 0; i < type->n_fields && depth < DEPTH; i++) {
        const struct rf_field *f = &type->fields[i];
        const struct rf_field *inner =
            (f->flags & RF_FIELD_EMBEDDED) != 0 ? find(f->type, key, depth + 1) : NULL;
        if (inner != NULL)
            return inner;
    }
    return NULL;
}

/* A list, map or object that is absent becomes an empty one, in its place, so that it can be written to. */
static void push_new_table(lua_State *L, int table, const struct rf_field *f)
{
    lua_newtable(L);
    rf_lua_json_mark(L, f->type->kind == RF_VALUE_LIST);
    if (f->type->kind == RF_VALUE_OBJECT)
        rf_lua_view_dress(L, lua_gettop(L), f->type);
    lua_pushvalue(L, -1);
    lua_pushstring(L, f->json);
    lua_insert(L, -2);
    lua_rawset(L, table);
}

static void push_zero(lua_State *L, int table, const struct rf_field *f)
{
    switch (f->type != NULL ? f->type->kind : RF_VALUE_NIL) {
    case RF_VALUE_STRING:
        lua_pushliteral(L, "");
        break;
    case RF_VALUE_BOOL:
        lua_pushboolean(L, 0);
        break;
    case RF_VALUE_INT:
    case RF_VALUE_UINT:
        lua_pushinteger(L, 0);
        break;
    case RF_VALUE_FLOAT:
        lua_pushnumber(L, 0);
        break;
    case RF_VALUE_LIST:
    case RF_VALUE_MAP:
        push_new_table(L, table, f);
        break;
    case RF_VALUE_OBJECT:
        if ((f->flags & RF_FIELD_POINTER) == 0) {
            push_new_table(L, table, f);
            break;
        }
        lua_pushnil(L);
        break;
    default:
        lua_pushnil(L);
    }
}

/* An embedded part is the same table under another name. */
static void push_embedded(lua_State *L, int table)
{
    lua_newtable(L);
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, table);
    lua_setfield(L, -2, "__index");
    lua_pushvalue(L, table);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
}

static void push_field(lua_State *L, int table, const struct rf_type *type, const char *key)
{
    const struct rf_field *f = find(type, key, 0);
    luaL_checkstack(L, 8, "fields");
    if (f == NULL) {
        (void)lua_pushstring(L, key);
        (void)lua_rawget(L, table);
        return;
    }
    if ((f->flags & RF_FIELD_EMBEDDED) != 0) {
        push_embedded(L, table);
        return;
    }
    (void)lua_pushstring(L, f->json != NULL ? f->json : f->name);
    (void)lua_rawget(L, table);
    if (lua_isnil(L, -1) && f->json != NULL) {
        lua_pop(L, 1);
        push_zero(L, table, f);
    }
}

void rf_lua_view_field(lua_State *L, int index, const struct rf_type *type, const char *key)
{
    push_field(L, lua_absindex(L, index), type, key);
}

/* ---- metatables, one for each type ---- */

static int view_index(lua_State *L)
{
    const struct rf_type *type = lua_touserdata(L, lua_upvalueindex(1));
    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_type(L, 2) != LUA_TSTRING)
        return 0;
    push_field(L, 1, type, lua_tostring(L, 2));
    return 1;
}

static int view_newindex(lua_State *L)
{
    const struct rf_type *type = lua_touserdata(L, lua_upvalueindex(1));
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 3);
    const struct rf_field *f =
        lua_type(L, 2) == LUA_TSTRING ? find(type, lua_tostring(L, 2), 0) : NULL;
    if (f != NULL && (f->flags & RF_FIELD_EMBEDDED) != 0)
        return luaL_error(L, "%s is set by its fields", f->name);
    if (f != NULL && f->json != NULL) {
        (void)lua_pushstring(L, f->json);
        lua_replace(L, 2);
    }
    if (f != NULL && f->type != NULL && f->type->kind == RF_VALUE_OBJECT && lua_istable(L, 3) &&
        lua_getmetatable(L, 3) == 0)
        rf_lua_view_dress(L, 3, f->type);
    lua_settop(L, 3);
    lua_rawset(L, 1);
    return 0;
}

static void add_part(lua_State *L, luaL_Buffer *b, const char *key, const char *before)
{
    (void)lua_pushstring(L, key);
    (void)lua_rawget(L, 1);
    if (lua_type(L, -1) != LUA_TSTRING || lua_rawlen(L, -1) == 0) {
        lua_pop(L, 1);
        return;
    }
    char text[256];
    (void)snprintf(text, sizeof(text), "%s%s", before, lua_tostring(L, -1));
    lua_pop(L, 1);
    luaL_addstring(b, text);
}

static int platform_tostring(lua_State *L)
{
    luaL_Buffer b;
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_buffinit(L, &b);
    add_part(L, &b, "os", "");
    if (luaL_bufflen(&b) == 0)
        luaL_addstring(&b, "unknown");
    add_part(L, &b, "architecture", "/");
    add_part(L, &b, "variant", "/");
    luaL_pushresult(&b);
    return 1;
}

/* m:config() is m.config(m). */
static int descriptor_call(lua_State *L)
{
    lua_remove(L, 1);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &call_key) != LUA_TFUNCTION)
        return luaL_error(L, "a descriptor cannot be called");
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

void rf_lua_view_set_call(lua_State *L)
{
    lua_rawsetp(L, LUA_REGISTRYINDEX, &call_key);
}

static void push_meta(lua_State *L, const struct rf_type *type)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, type) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    lua_createtable(L, 0, 4);
    lua_pushlightuserdata(L, as_pointer(type));
    lua_pushcclosure(L, view_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushlightuserdata(L, as_pointer(type));
    lua_pushcclosure(L, view_newindex, 1);
    lua_setfield(L, -2, "__newindex");
    if (type == &rf_type_platform) {
        lua_pushcfunction(L, platform_tostring);
        lua_setfield(L, -2, "__tostring");
    }
    if (type == &rf_type_descriptor) {
        lua_pushcfunction(L, descriptor_call);
        lua_setfield(L, -2, "__call");
    }
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, type);
}

/* ---- dressing ---- */

/* The text of a time as Go prints it, "" when it is none. Nothing of ours is alive when it returns. */
static void go_time(const char *text, char *out, size_t size)
{
    struct rf_gotime t;
    struct rf_buf b;
    out[0] = '\0';
    if (rf_gotime_parse(rf_slice_str(rf_gotime_rfc3339), rf_slice_str(text), &t, NULL) < 0)
        return;
    rf_buf_init(&b, 256);
    rf_gotime_string(&b, t);
    if (b.len < size)
        memcpy(out, b.ptr, b.len + 1);
    rf_buf_release(&b);
}

static void dress(lua_State *L, int index, const struct rf_type *type, int depth);

static void dress_list(lua_State *L, int index, const struct rf_type *elem, int depth)
{
    lua_Integer n = (lua_Integer)lua_rawlen(L, index);
    for (lua_Integer i = 1; i <= n; i++) {
        if (lua_rawgeti(L, index, i) == LUA_TTABLE)
            dress(L, lua_gettop(L), elem, depth + 1);
        lua_pop(L, 1);
    }
}

/* The value of the field is on top of the stack. */
static void dress_value(lua_State *L, int table, const struct rf_field *f, int depth)
{
    int at = lua_gettop(L);
    if (f->type == &rf_type_time && lua_type(L, at) == LUA_TSTRING) {
        char text[128];
        go_time(lua_tostring(L, at), text, sizeof(text));
        if (text[0] != '\0') {
            (void)lua_pushstring(L, f->json);
            (void)lua_pushstring(L, text);
            lua_rawset(L, table);
        }
        return;
    }
    if (lua_type(L, at) != LUA_TTABLE)
        return;
    if (f->type->kind == RF_VALUE_OBJECT)
        dress(L, at, f->type, depth + 1);
    else if (f->type->kind == RF_VALUE_LIST && f->type->elem != NULL &&
             f->type->elem->kind == RF_VALUE_OBJECT)
        dress_list(L, at, f->type->elem, depth);
}

static void dress_fields(lua_State *L, int index, const struct rf_type *type, int depth)
{
    for (size_t i = 0; i < type->n_fields; i++) {
        const struct rf_field *f = &type->fields[i];
        if (f->type == NULL)
            continue;
        if ((f->flags & RF_FIELD_EMBEDDED) != 0) {
            dress_fields(L, index, f->type, depth + 1);
            continue;
        }
        (void)lua_pushstring(L, f->json != NULL ? f->json : f->name);
        (void)lua_rawget(L, index);
        dress_value(L, index, f, depth);
        lua_pop(L, 1);
    }
}

static void dress(lua_State *L, int index, const struct rf_type *type, int depth)
{
    if (depth > DEPTH || type->kind != RF_VALUE_OBJECT)
        return;
    luaL_checkstack(L, 12, "a document");
    push_meta(L, type);
    lua_setmetatable(L, index);
    dress_fields(L, index, type, depth);
}

void rf_lua_view_dress(lua_State *L, int index, const struct rf_type *type)
{
    dress(L, lua_absindex(L, index), type, 0);
}
