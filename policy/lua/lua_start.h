/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For main, first of all: a program that opens boxes (policy/lua/lua_box.h) is started anew as their children. Programs without boxes neither have
 * that function nor load Lua, which is why it is weak.
 */
#ifndef RF_POLICY_LUA_START_H
#define RF_POLICY_LUA_START_H

#include <stddef.h>

/*
 * When this process was started as the child of a box it does that work and never returns; else it returns 0. Before anything reads files or
 * starts threads.
 */
int rf_lua_child_if_asked(int argc, char **argv) __attribute__((weak));

static inline void rf_lua_start(int argc, char **argv)
{
    if (rf_lua_child_if_asked != NULL)
        (void)rf_lua_child_if_asked(argc, argv);
}

#endif
