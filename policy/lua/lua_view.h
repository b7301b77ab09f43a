/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents as scripts see them, on the child's side: Lua tables of the JSON that know their type (policy/object/object.h). Every field is there under
 * its Go name and under its JSON name, embedded parts under their name and flat, what is absent as its type's zero; times read as Go prints
 * them. Tables may be written to; policy/bot/bot_document.h makes a document of them again.
 */
#ifndef RF_POLICY_LUA_VIEW_H
#define RF_POLICY_LUA_VIEW_H

#include <lua.h>

#include "base/value.h"

/* Gives the table at `index`, freshly decoded, and those in it their types. What does not fit the type stays plain. */
void rf_lua_view_dress(lua_State *L, int index, const struct rf_type *type);
/* Pushes the field `key` of the dressed table at `index`: as indexing it does, but through any metatable of another kind. */
void rf_lua_view_field(lua_State *L, int index, const struct rf_type *type, const char *key);
/* What m:config() calls: an image's manifest has a field of that name. Set once per state; takes the function on top off the stack. */
void rf_lua_view_set_call(lua_State *L);

#endif
