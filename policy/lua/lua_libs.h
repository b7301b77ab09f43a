/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What scripts find in a fresh state: an allow-list of Lua 5.4's functions, shims for what scripts of 5.1 use, and the modules json,
 * lunajson and semver. docs/lua-api.md is the list for users.
 */
#ifndef RF_POLICY_LUA_LIBS_H
#define RF_POLICY_LUA_LIBS_H

#include <lua.h>
#include <stdbool.h>

struct rf_lua_libs {
    bool unsafe;      /* all of the standard libraries besides */
    lua_Integer seed; /* of math.random */
    lua_CFunction print, log, source, getenv;
    /* source(name): the text of a module and its file name; or nil and where it was looked for. */
};
void rf_lua_libs_open(lua_State *L, const struct rf_lua_libs *libs);

/* The parts, in files of their own; each changes the globals. */
void rf_lua_compat_open(lua_State *L);  /* shims for 5.1: after the libraries */
void rf_lua_compat_env(lua_State *L);   /* setfenv and getfenv */
int rf_lua_semver_module(lua_State *L); /* pushes the module */

#endif
