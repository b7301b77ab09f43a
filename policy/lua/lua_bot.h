/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The objects of the API for registries, on the child's side: references, manifests, configurations, blobs, images. Each is a userdata that holds a
 * table of what is known (its facts, as policy/bot/bot_calls.h answers them) and is read-only itself. The functions are in policy/lua/lua_bot.c.
 */
#ifndef RF_POLICY_LUA_BOT_H
#define RF_POLICY_LUA_BOT_H

#include <lua.h>
#include <stdbool.h>

enum rf_bot_object {
    RF_BOT_REFERENCE,
    RF_BOT_MANIFEST,
    RF_BOT_CONFIG,
    RF_BOT_BLOB,
    RF_BOT_IMAGE,
    RF_BOT_OBJECTS
};
#define RF_BOT_TEXT_MAX 4800 /* bytes of a reference */

/* Makes the types. Methods are added to the table that rf_bot_push_methods() pushes. */
void rf_bot_open_objects(lua_State *L);
void rf_bot_push_methods(lua_State *L, enum rf_bot_object kind);
/* Makes the facts on top of the stack the object that they are. */
void rf_bot_make(lua_State *L, enum rf_bot_object kind);
/* The object at `index` is of that kind: pushes its facts. Else pushes nothing and returns false. */
bool rf_bot_facts(lua_State *L, int index, enum rf_bot_object kind);

/* Pushes a reference. Raises where the text is none. */
void rf_bot_push_reference(lua_State *L, const char *text);
/* Argument `arg` is a reference, a text or an object that has one: pushes its text. Else an error for argument `arg`. */
void rf_bot_check_reference(lua_State *L, int arg);
/* Pushes the object of an image's manifest or configuration; of an image without one nil. The image's facts are at `index`. */
void rf_bot_push_image_part(lua_State *L, int index, enum rf_bot_object kind);

#endif
