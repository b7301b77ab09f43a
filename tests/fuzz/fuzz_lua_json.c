/* SPDX-License-Identifier: Apache-2.0 */
/* JSON into Lua values and back: what can be read can be written, and means the same when it is read again. Plain JSON and messages by the first byte. */
#include <lauxlib.h>

#include "policy/lua/lua_json.h"
#include "policy/lua/lua_wire.h"
#include "tests/fuzz/fuzz.h"

/* The text of the value on top of the stack, pushed. */
static void push_text(lua_State *L, const struct rf_lua_json_style *style)
{
    int value = lua_gettop(L);
    struct rf_lua_text *t = rf_lua_text_push(L, RF_LUA_FRAME_MAX);
    rf_lua_json_encode(L, value, style, t);
    (void)lua_pushlstring(L, t->ptr, t->len);
    rf_lua_text_drop(L, t);
}

static int read_it(lua_State *L)
{
    const struct rf_lua_json_style *style = lua_touserdata(L, 1);
    size_t len;
    const char *text = lua_tolstring(L, 2, &len);
    size_t end = rf_lua_json_decode(L, text, len, 0, style);
    RF_CHECK(end <= len);
    return 1;
}

static int write_it(lua_State *L)
{
    push_text(L, lua_touserdata(L, 1));
    return 1;
}

/* What was written by us is read by us. */
static int again(lua_State *L)
{
    const struct rf_lua_json_style *style = lua_touserdata(L, 1);
    size_t len;
    const char *text = lua_tolstring(L, 2, &len);
    RF_CHECK(rf_lua_json_decode(L, text, len, 0, style) == len);
    push_text(L, style);
    RF_CHECK(lua_compare(L, 2, -1, LUA_OPEQ) != 0);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    lua_State *L = luaL_newstate();
    RF_CHECK(L != NULL);
    struct rf_lua_json_style style = { .wire = (data[0] & 1) != 0, .lengths = (data[0] & 2) != 0 };
    lua_pushcfunction(L, read_it);
    lua_pushlightuserdata(L, &style);
    (void)lua_pushlstring(L, (const char *)data + 1, size - 1);
    if (lua_pcall(L, 2, 1, 0) == LUA_OK) {
        lua_pushcfunction(L, write_it);
        lua_insert(L, 1);
        lua_pushlightuserdata(L, &style);
        lua_insert(L, 2);
        /* Depth in messages, and strings that are not UTF-8, may be too much for writing. */
        if (lua_pcall(L, 2, 1, 0) == LUA_OK) {
            lua_pushcfunction(L, again);
            lua_insert(L, 1);
            lua_pushlightuserdata(L, &style);
            lua_insert(L, 2);
            RF_CHECK(lua_pcall(L, 2, 0, 0) == LUA_OK);
        }
    }
    lua_close(L);
    return 0;
}
