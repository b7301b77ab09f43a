/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the two sides of a box talk: frames of a length (four bytes, least significant first) and that many bytes of JSON, an object each.
 *
 * Lua values in JSON, both ways:
 *     nil, true, 12, "text"    null, true, 12, "text"; integers stay integers, floats always have a point or an exponent
 *     a string with a NUL or that is not UTF-8    {"$bytes":"<base64>"}
 *     inf, -inf, nan    {"$float":"inf"}
 *     a table with keys 1 to n and no others    an array (arguments of a call that are nil become null)
 *     a table without elements    [] ; {} when it came as {} or was made by json.object()
 *     any other table    an object; its keys must be strings or integers, which become their decimal text; a key that begins with $ gets one more
 *     userdata with a metafield __wire, a function    what that function gives for it
 * Whatever else (functions, other userdata, threads, tables within themselves or deeper than RF_LUA_WIRE_DEPTH) is an error.
 * Towards Lua null in an array leaves a gap, null in an object leaves the key out.
 */
#ifndef RF_POLICY_LUA_WIRE_H
#define RF_POLICY_LUA_WIRE_H

#include "base/buf.h"

#include <jansson.h>

#define RF_LUA_FRAME_MAX (16u << 20)
#define RF_LUA_FRAME_HEAD 4
#define RF_LUA_FRAME_NODES \
    250000 /* values in one frame: what they take as JSON trees is far more than their text */
#define RF_LUA_WIRE_DEPTH 48 /* of tables; an envelope around it must stay under RF_JSON_DEPTH */

/* ---- values, for the parent ---- */

/* The bytes of a string in either spelling, borrowed from `value` or put into `room` (initialised; for $bytes). False: not a string. */
bool rf_lua_wire_text(const json_t *value, struct rf_buf *room, struct rf_slice *out);
/* A string in the spelling that fits it; a new reference. */
json_t *rf_lua_wire_string(struct rf_slice bytes);
/* Document JSON (a manifest, say) to and from the spelling above: keys that begin with $ are taken care of. New references; *_from fails on $bytes. */
json_t *rf_lua_wire_to(const json_t *document);
RF_MUST_USE int rf_lua_wire_from(const json_t *spelled, json_t **document, struct rf_err *err);

/* ---- frames ---- */

/* Appends a frame around the object. -RFE_TOO_LARGE. */
RF_MUST_USE int rf_lua_frame_add(struct rf_buf *out, const json_t *object, struct rf_err *err);
/*
 * Looks for one frame at the start of `in`: 1 and its object in *out (a new reference) and the bytes it took in *used; 0 when more bytes are
 * needed. -RFE_TOO_LARGE, -RFE_INVALID: whoever sends this cannot be talked to.
 */
RF_MUST_USE int rf_lua_frame_take(struct rf_slice in, size_t *used, json_t **out,
                                  struct rf_err *err);

#endif
