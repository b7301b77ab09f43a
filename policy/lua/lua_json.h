/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lua values to and from JSON, inside of a Lua state: for messages (the spelling of policy/lua/lua_wire.h) and for the scripts' own json
 * module. Works in the memory of the state alone. Everything raises a Lua error where something is wrong, and takes any input.
 */
#ifndef RF_POLICY_LUA_JSON_H
#define RF_POLICY_LUA_JSON_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

/* ---- text that grows, held by a userdata on the stack ---- */

struct rf_lua_text {
    char *ptr;
    size_t len, cap, max;
    size_t nodes; /* values in it, as RF_LUA_FRAME_NODES counts them */
};
/* Pushes it. More than `max` bytes: an error. It must stay on the stack while it is in use. */
struct rf_lua_text *rf_lua_text_push(lua_State *L, size_t max);
void rf_lua_text_add(lua_State *L, struct rf_lua_text *t, const char *p, size_t n);
void rf_lua_text_add_str(lua_State *L, struct rf_lua_text *t, const char *s);
/* Gives its memory back before the collector comes by. */
void rf_lua_text_drop(lua_State *L, struct rf_lua_text *t);

/* ---- JSON ---- */

#define RF_LUA_JSON_DEPTH 100 /* for the module; messages have RF_LUA_WIRE_DEPTH */

struct rf_lua_json_style {
    bool wire;    /* the spelling of messages; else plain JSON, where float 5.0 is written 5 */
    bool lengths; /* arrays get their length as element 0 */
    int null;     /* stack index (absolute) of the value that stands for null; 0: nil */
};
/* Appends the value at `index` (absolute). Keys are sorted. */
void rf_lua_json_encode(lua_State *L, int index, const struct rf_lua_json_style *style,
                        struct rf_lua_text *out);
/* A string with its quotes, in the spelling of messages. */
void rf_lua_json_encode_bytes(lua_State *L, struct rf_lua_text *out, const char *s, size_t n);
/* Pushes the value that begins at text[at], blanks before it allowed; returns where it ends. */
size_t rf_lua_json_decode(lua_State *L, const char *text, size_t len, size_t at,
                          const struct rf_lua_json_style *style);
/* The first byte at or behind `at` that is not a blank. */
size_t rf_lua_json_blanks(const char *text, size_t len, size_t at);

/* Marks the table on top of the stack as an array or object, which counts when it is empty. */
void rf_lua_json_mark(lua_State *L, bool array);

/* Pushes the module: decode, encode, array, object, null. */
int rf_lua_json_module(lua_State *L);

#endif
