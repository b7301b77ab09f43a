/* SPDX-License-Identifier: Apache-2.0 */
/* What the process of a script may send: frames one behind the other, and the strings and documents inside. */
#include "base/json.h"
#include "policy/lua/lua_wire.h"
#include "tests/fuzz/fuzz.h"

static void look_at(const json_t *value, unsigned depth)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf room;
    struct rf_slice text;
    const char *key;
    json_t *member;
    RF_CHECK(depth <= RF_JSON_DEPTH + 1);
    rf_buf_init(&room, RF_LUA_FRAME_MAX);
    if (rf_lua_wire_text(value, &room, &text) && text.len > 0) {
        RF_CLEANUP(rf_buf_release) struct rf_buf again;
        struct rf_slice same = { 0 };
        rf_buf_init(&again, RF_LUA_FRAME_MAX);
        RF_CLEANUP(rf_json_decrefp) json_t *spelled = rf_lua_wire_string(text);
        RF_CHECK(rf_lua_wire_text(spelled, &again, &same) && rf_slice_eq(text, same));
    }
    for (size_t i = 0; i < json_array_size(value); i++)
        look_at(json_array_get(value, i), depth + 1);
    json_object_foreach ((json_t *)(uintptr_t)value, key, member) {
        look_at(member, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rf_slice in = rf_slice_of(data, size);
    for (;;) {
        RF_CLEANUP(rf_json_decrefp) json_t *object = NULL;
        RF_CLEANUP(rf_json_decrefp) json_t *doc = NULL;
        size_t used = 0;
        if (rf_lua_frame_take(in, &used, &object, NULL) != 1)
            return 0;
        RF_CHECK(used <= in.len && json_is_object(object));
        look_at(object, 0);
        if (rf_lua_wire_from(object, &doc, NULL) == 0) {
            /* A document goes to a script and comes back as it was. */
            RF_CLEANUP(rf_json_decrefp) json_t *spelled = rf_lua_wire_to(doc);
            RF_CLEANUP(rf_json_decrefp) json_t *back = NULL;
            RF_CHECK(rf_lua_wire_from(spelled, &back, NULL) == 0 && json_equal(doc, back));
        }
        in = rf_slice_of(in.ptr + used, in.len - used);
    }
}
