/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/lua/lua_wire.h"

#include <math.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

/* ---- strings ---- */

bool rf_lua_wire_text(const json_t *value, struct rf_buf *room, struct rf_slice *out)
{
    if (json_is_string(value)) {
        *out = rf_slice_of(json_string_value(value), json_string_length(value));
        return true;
    }
    const json_t *bytes = json_object_size(value) == 1 ? json_object_get(value, "$bytes") : NULL;
    if (!json_is_string(bytes))
        return false;
    rf_buf_clear(room);
    if (!rf_base64_decode(room, rf_slice_of(json_string_value(bytes), json_string_length(bytes))) ||
        room->rc < 0)
        return false;
    *out = rf_buf_slice(room);
    return true;
}

json_t *rf_lua_wire_string(struct rf_slice bytes)
{
    if (bytes.len == 0)
        return json_string("");
    if (memchr(bytes.ptr, '\0', bytes.len) == NULL && rf_text_is_utf8(bytes)) {
        json_t *plain = json_stringn(bytes.ptr, bytes.len);
        if (plain != NULL)
            return plain;
    }
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, 2 * bytes.len + 8);
    rf_base64_encode(&text, bytes);
    return json_pack("{s:s}", "$bytes", text.ptr);
}

/* ---- documents ---- */

static json_t *map_object(const json_t *in)
{
    json_t *out = json_object();
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)in, key, value) {
        RF_CLEANUP(rf_freep) char *name = key[0] == '$' ? rf_xasprintf("$%s", key) : NULL;
        (void)json_object_set_new(out, name != NULL ? name : key, rf_lua_wire_to(value));
    }
    return out;
}

json_t *rf_lua_wire_to(const json_t *document)
{
    if (json_is_object(document))
        return map_object(document);
    if (json_is_string(document))
        return rf_lua_wire_string(
            rf_slice_of(json_string_value(document), json_string_length(document)));
    if (!json_is_array(document))
        return json_incref((json_t *)(uintptr_t)document);
    json_t *out = json_array();
    for (size_t i = 0; i < json_array_size(document); i++)
        (void)json_array_append_new(out, rf_lua_wire_to(json_array_get(document, i)));
    return out;
}

static int from_any(const json_t *spelled, unsigned depth, json_t **out, struct rf_err *err);

static int from_object(const json_t *spelled, unsigned depth, json_t **out, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = json_object();
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)spelled, key, value) {
        json_t *member = NULL;
        if (key[0] == '$' && key[1] != '$')
            return rf_fail(err, RFE_INVALID, "%s",
                           strcmp(key, "$bytes") == 0
                               ? "a string that is not UTF-8 cannot stand in a document"
                               : "a number that JSON does not have");
        int rc = from_any(value, depth + 1, &member, err);
        if (rc < 0)
            return rc;
        (void)json_object_set_new(doc, key[0] == '$' ? key + 1 : key, member);
    }
    *out = RF_STEAL(doc);
    return 0;
}

static int from_array(const json_t *spelled, unsigned depth, json_t **out, struct rf_err *err)
{
    RF_CLEANUP(rf_json_decrefp) json_t *doc = json_array();
    for (size_t i = 0; i < json_array_size(spelled); i++) {
        json_t *member = NULL;
        int rc = from_any(json_array_get(spelled, i), depth + 1, &member, err);
        if (rc < 0)
            return rc;
        (void)json_array_append_new(doc, member);
    }
    *out = RF_STEAL(doc);
    return 0;
}

static int from_any(const json_t *spelled, unsigned depth, json_t **out, struct rf_err *err)
{
    if (depth > RF_JSON_DEPTH)
        return rf_fail(err, RFE_TOO_LARGE, "more than %d levels deep", RF_JSON_DEPTH);
    if (json_is_object(spelled))
        return from_object(spelled, depth, out, err);
    if (json_is_array(spelled))
        return from_array(spelled, depth, out, err);
    /* A script that halves a number has a float: documents want 5, not 5.0. */
    double real = json_real_value(spelled);
    if (json_is_real(spelled) && real == floor(real) && fabs(real) < 9007199254740992.0)
        *out = json_integer((json_int_t)real);
    else
        *out = json_incref((json_t *)(uintptr_t)spelled);
    return 0;
}

int rf_lua_wire_from(const json_t *spelled, json_t **document, struct rf_err *err)
{
    return from_any(spelled, 0, document, err);
}

/* ---- frames ---- */

static void put_head(char head[RF_LUA_FRAME_HEAD], size_t len)
{
    for (size_t i = 0; i < RF_LUA_FRAME_HEAD; i++)
        head[i] = (char)(uint8_t)(len >> (8 * i));
}

static size_t get_head(const char *head)
{
    size_t len = 0;
    for (size_t i = 0; i < RF_LUA_FRAME_HEAD; i++)
        len |= (size_t)(uint8_t)head[i] << (8 * i);
    return len;
}

int rf_lua_frame_add(struct rf_buf *out, const json_t *object, struct rf_err *err)
{
    RF_CLEANUP(rf_buf_release) struct rf_buf text;
    rf_buf_init(&text, RF_LUA_FRAME_MAX);
    rf_json_add_value(&text, object, false);
    if (text.rc < 0)
        return rf_fail(err, RFE_TOO_LARGE, "more than %u MiB in one message",
                       RF_LUA_FRAME_MAX >> 20);
    char head[RF_LUA_FRAME_HEAD];
    put_head(head, text.len);
    rf_buf_add(out, head, sizeof(head));
    rf_buf_add(out, text.ptr, text.len);
    return out->rc < 0 ? rf_fail(err, RFE_TOO_LARGE, "too many messages at once") : 0;
}

/* Every value but the first of its container follows a comma. */
static size_t count_nodes(struct rf_slice text)
{
    size_t n = 1;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == ',' || c == '[' || c == '{'))
            n++;
    }
    return n;
}

int rf_lua_frame_take(struct rf_slice in, size_t *used, json_t **out, struct rf_err *err)
{
    if (in.len < RF_LUA_FRAME_HEAD)
        return 0;
    size_t len = get_head(in.ptr);
    if (len > RF_LUA_FRAME_MAX)
        return rf_fail(err, RFE_TOO_LARGE, "a message of %zu bytes", len);
    if (in.len - RF_LUA_FRAME_HEAD < len)
        return 0;
    struct rf_slice text = rf_slice_of(in.ptr + RF_LUA_FRAME_HEAD, len);
    if (count_nodes(text) > RF_LUA_FRAME_NODES)
        return rf_fail(err, RFE_TOO_LARGE, "a message of more than %d values", RF_LUA_FRAME_NODES);
    RF_CLEANUP(rf_json_decrefp) json_t *object = NULL;
    int rc = rf_json_parse(text, RF_LUA_FRAME_MAX, &object, err);
    if (rc < 0)
        return rf_wrap(err, rc, "a message");
    if (!json_is_object(object))
        return rf_fail(err, RFE_INVALID, "a message that is no object");
    *used = RF_LUA_FRAME_HEAD + len;
    *out = RF_STEAL(object);
    return 1;
}
