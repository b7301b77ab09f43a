/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other side of policy/lua/lua_box.h: what runs in the child process. And how an API is offered to scripts: functions in Lua's C interface
 * that look after their arguments and leave the work to the parent.
 *
 *     static int tag_ls(lua_State *L)
 *     {
 *         luaL_checkstring(L, 1);
 *         return rf_lua_host_call(L, "tag.ls", lua_gettop(L));
 *     }
 *
 * Nothing here may trust that the parent gave in to a wish, and nothing may own memory outside of Lua while Lua may raise.
 */
#ifndef RF_POLICY_LUA_CHILD_H
#define RF_POLICY_LUA_CHILD_H

#include <lua.h>
#include <stdbool.h>

/* The first argument that makes a program the child of a box (policy/lua/lua_start.h). */
extern const char rf_lua_child_word[];
/* A set of functions for scripts; open() puts them into the globals of a fresh state, over the libraries that are there. It may raise. */
struct rf_lua_api {
    const char *name; /* as in rf_lua_box_options.api */
    void (*open)(lua_State *L);
    /* Each argument of rf_lua_box_call(), on top of the stack, may become another value there; or NULL. */
    void (*argument)(lua_State *L);
};
/* All that there are, ended by NULL; the list is in policy/lua/lua_apis.c. */
extern const struct rf_lua_api *const rf_lua_apis[];

/*
 * Calls host->call with the topmost n_args values, which it takes off the stack, and pushes one value: the result. Returns 1. Raises, with
 * the position of the script in front, when the host fails, when the time is over ("Context error: context deadline exceeded"), when an
 * argument cannot be sent (a function; deeper than RF_LUA_WIRE_DEPTH; a table in itself) or is too much for one message.
 */
int rf_lua_host_call(lua_State *L, const char *function, int n_args);
/* The same for host->tell: nothing comes back, nothing is pushed, nothing is raised but for want of memory. Also in a __gc of ours. */
void rf_lua_host_tell(lua_State *L, const char *function, int n_args);

#endif
