/* SPDX-License-Identifier: Apache-2.0 */
#include <lauxlib.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "manifests/media_type.h"
#include "manifests/reference.h"
#include "policy/lua/lua_bot.h"
#include "policy/lua/lua_json.h"
#include "policy/lua/lua_view.h"
#include "policy/object/object_config.h"
#include "policy/object/object_manifest.h"

/* How errors call them; also the keys of their metatables. */
static const char *const names[RF_BOT_OBJECTS] = {
    [RF_BOT_REFERENCE] = "reference", [RF_BOT_MANIFEST] = "manifest", [RF_BOT_CONFIG] = "config",
    [RF_BOT_BLOB] = "blob",           [RF_BOT_IMAGE] = "image",
};
static const char methods_key[RF_BOT_OBJECTS]; /* addresses: tables of methods in the registry */

void rf_bot_push_methods(lua_State *L, enum rf_bot_object kind)
{
    (void)lua_rawgetp(L, LUA_REGISTRYINDEX, &methods_key[kind]);
}

void rf_bot_make(lua_State *L, enum rf_bot_object kind)
{
    luaL_checktype(L, -1, LUA_TTABLE);
    luaL_checkstack(L, 6, "an object");
    (void)lua_newuserdatauv(L, 0, 1);
    lua_insert(L, -2);
    (void)lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, names[kind]);
}

bool rf_bot_facts(lua_State *L, int index, enum rf_bot_object kind)
{
    if (luaL_testudata(L, index, names[kind]) == NULL)
        return false;
    if (lua_getiuservalue(L, index, 1) == LUA_TTABLE)
        return true;
    lua_pop(L, 1);
    return false;
}

/* ---- references ---- */

/* The parts of a reference, held by nobody but the stack: Lua may raise at any time. */
struct parts {
    char text[RF_BOT_TEXT_MAX], location[RF_BOT_TEXT_MAX], path[RF_BOT_TEXT_MAX];
    char registry[RF_REGISTRY_MAX + 8], repository[RF_REPOSITORY_MAX + 1];
    char tag[RF_TAG_MAX + 1], digest[RF_DIGEST_TEXT];
    const char *scheme;
    struct rf_err err;
};

static bool put(char *out, size_t size, const char *text)
{
    int n = snprintf(out, size, "%s", text != NULL ? text : "");
    return n >= 0 && (size_t)n < size;
}

static bool take_parts(const struct rf_ref *ref, struct parts *p)
{
    RF_CLEANUP(rf_freep) char *location = rf_ref_location(ref);
    p->scheme = ref->scheme == RF_SCHEME_OCIDIR    ? "ocidir"
                : ref->scheme == RF_SCHEME_OCIFILE ? "ocifile"
                                                   : "reg";
    (void)rf_digest_text(&ref->digest, p->digest);
    bool fits = put(p->text, sizeof(p->text), ref->text) &&
                put(p->location, sizeof(p->location), location) &&
                put(p->path, sizeof(p->path), ref->path) &&
                put(p->registry, sizeof(p->registry), ref->registry) &&
                put(p->repository, sizeof(p->repository), ref->repository) &&
                put(p->tag, sizeof(p->tag), ref->tag);
    if (!fits)
        (void)rf_fail(&p->err, RFE_TOO_LARGE, "a reference that is too long");
    return fits;
}

static bool parse(const char *text, struct parts *p)
{
    RF_CLEANUP(rf_ref_release) struct rf_ref ref = RF_REF_INIT;
    p->err = (struct rf_err)RF_ERR_INIT;
    return rf_ref_parse(text, &ref, &p->err) == 0 && take_parts(&ref, p);
}

static void set(lua_State *L, const char *key, const char *value)
{
    (void)lua_pushstring(L, value);
    lua_setfield(L, -2, key);
}

void rf_bot_push_reference(lua_State *L, const char *text)
{
    struct parts p;
    if (!parse(text, &p))
        (void)luaL_error(L, "%s", p.err.msg);
    lua_createtable(L, 0, 8);
    set(L, "Scheme", p.scheme);
    set(L, "Reference", p.text);
    set(L, "Registry", p.registry);
    set(L, "Repository", p.repository);
    set(L, "Path", p.path);
    set(L, "Tag", p.tag);
    set(L, "Digest", p.digest);
    set(L, "location", p.location);
    rf_bot_make(L, RF_BOT_REFERENCE);
}

/* Pushes the full form of the facts at `facts`. */
static void push_common_name(lua_State *L, int facts)
{
    (void)lua_getfield(L, facts, "location");
    (void)lua_getfield(L, facts, "Tag");
    (void)lua_getfield(L, facts, "Digest");
    const char *location = luaL_optstring(L, -3, ""), *tag = luaL_optstring(L, -2, ""),
               *digest = luaL_optstring(L, -1, "");
    (void)lua_pushfstring(L, "%s%s%s%s%s", location, tag[0] != '\0' ? ":" : "", tag,
                          digest[0] != '\0' ? "@" : "", digest);
    lua_insert(L, -4);
    lua_pop(L, 3);
}

/* r:tag([t]), r:digest([d]): the part; with an argument it is set and the other one is cleared. */
static int reference_part(lua_State *L, const char *key, const char *other)
{
    size_t n = 0;
    lua_settop(L, 2);
    luaL_argcheck(L, rf_bot_facts(L, 1, RF_BOT_REFERENCE), 1, "reference expected");
    int facts = lua_gettop(L);
    const char *value = luaL_optlstring(L, 2, NULL, &n);
    if (value == NULL) {
        (void)lua_getfield(L, facts, key);
        return 1;
    }
    struct rf_digest ignored;
    bool good =
        strlen(value) == n &&
        (strcmp(key, "Tag") == 0 ? rf_tag_valid(rf_slice_of(value, n))
                                 : rf_digest_parse(rf_slice_of(value, n), &ignored, NULL) == 0);
    if (!good && n > 0)
        return luaL_error(L, "invalid %s \"%s\"", strcmp(key, "Tag") == 0 ? "tag" : "digest",
                          value);
    lua_pushvalue(L, 2);
    lua_setfield(L, facts, key);
    lua_pushliteral(L, "");
    lua_setfield(L, facts, other);
    push_common_name(L, facts);
    lua_setfield(L, facts, "Reference");
    lua_pushvalue(L, 2);
    return 1;
}

static int reference_tag(lua_State *L)
{
    return reference_part(L, "Tag", "Digest");
}

static int reference_digest(lua_State *L)
{
    return reference_part(L, "Digest", "Tag");
}

static int reference_tostring(lua_State *L)
{
    luaL_argcheck(L, rf_bot_facts(L, 1, RF_BOT_REFERENCE), 1, "reference expected");
    push_common_name(L, lua_gettop(L));
    return 1;
}

static int reference_concat(lua_State *L)
{
    (void)luaL_tolstring(L, 1, NULL);
    (void)luaL_tolstring(L, 2, NULL);
    lua_concat(L, 2);
    return 1;
}

static int reference_eq(lua_State *L)
{
    (void)luaL_tolstring(L, 1, NULL);
    (void)luaL_tolstring(L, 2, NULL);
    lua_pushboolean(L, lua_rawequal(L, -1, -2));
    return 1;
}

static int reference_index(lua_State *L)
{
    luaL_argcheck(L, rf_bot_facts(L, 1, RF_BOT_REFERENCE), 1, "reference expected");
    const char *key = luaL_checkstring(L, 2);
    rf_bot_push_methods(L, RF_BOT_REFERENCE);
    if (lua_getfield(L, -1, key) != LUA_TNIL)
        return 1;
    if (strcmp(key, "CommonName") == 0)
        push_common_name(L, lua_gettop(L) - 2);
    else if (key[0] >= 'A' && key[0] <= 'Z')
        (void)lua_getfield(L, -3, key);
    return 1;
}

void rf_bot_check_reference(lua_State *L, int arg)
{
    size_t n = 0;
    if (lua_type(L, arg) == LUA_TSTRING) {
        const char *text = lua_tolstring(L, arg, &n);
        luaL_argcheck(L, strlen(text) == n && n < RF_BOT_TEXT_MAX, arg, "not a reference");
        lua_pushvalue(L, arg);
        return;
    }
    if (rf_bot_facts(L, arg, RF_BOT_REFERENCE)) {
        push_common_name(L, lua_gettop(L));
        lua_remove(L, -2);
        return;
    }
    for (int kind = RF_BOT_MANIFEST; kind < RF_BOT_OBJECTS; kind++) {
        if (!rf_bot_facts(L, arg, (enum rf_bot_object)kind))
            continue;
        int type = lua_getfield(L, -1, "ref");
        lua_remove(L, -2);
        if (type == LUA_TSTRING)
            return;
    }
    (void)luaL_argerror(L, arg, "reference expected");
}

/* ---- documents ---- */

static const char *fact(lua_State *L, int facts, const char *key)
{
    (void)lua_getfield(L, facts, key);
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    lua_pop(L, 1);
    return text; /* the facts hold it */
}

static const struct rf_type *document_type(lua_State *L, int facts, enum rf_bot_object kind)
{
    return kind == RF_BOT_CONFIG ? &rf_type_image_config
                                 : rf_manifest_document_type(fact(L, facts, "mediaType"));
}

/* Pushes the document behind the facts, decoded when it is first asked for. Without one (a HEAD) an empty one. */
static void push_document(lua_State *L, int facts, enum rf_bot_object kind)
{
    size_t n = 0;
    if (lua_getfield(L, facts, "document") == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    if (lua_getfield(L, facts, "body") == LUA_TSTRING) {
        const struct rf_lua_json_style style = { .wire = false };
        const char *body = lua_tolstring(L, -1, &n);
        (void)rf_lua_json_decode(L, body, n, 0, &style);
        if (!lua_istable(L, -1))
            (void)luaL_error(L, "a document that is no object");
    } else {
        lua_newtable(L);
    }
    lua_remove(L, -2);
    rf_lua_view_dress(L, -1, document_type(L, facts, kind));
    lua_pushvalue(L, -1);
    lua_setfield(L, facts, "document");
}

/* What is known of a manifest or configuration as a whole. */
static bool push_known(lua_State *L, int facts, const char *key)
{
    static const char *const known[][2] = {
        { "mediaType", "mediaType" },
        { "MediaType", "mediaType" },
        { "digest", "digest" },
        { "Digest", "digest" },
        { "size", "size" },
        { "Size", "size" },
        { "ref", "ref" },
        { "Ref", "ref" },
    };
    for (size_t i = 0; i < RF_ARRAY_LEN(known); i++) {
        if (strcmp(key, known[i][0]) == 0) {
            (void)lua_getfield(L, facts, known[i][1]);
            return true;
        }
    }
    return false;
}

static bool is_image_field(lua_State *L, int facts, enum rf_bot_object kind, const char *key)
{
    if (kind != RF_BOT_MANIFEST || strcmp(key, "config") != 0)
        return false;
    bool has_body = fact(L, facts, "body") != NULL;
    return has_body && rf_media_kind(fact(L, facts, "mediaType")) == RF_KIND_IMAGE;
}

static bool is_blank(lua_State *L)
{
    return lua_isnil(L, -1) || (lua_type(L, -1) == LUA_TSTRING && lua_rawlen(L, -1) == 0);
}

static int document_index(lua_State *L, enum rf_bot_object kind)
{
    luaL_argcheck(L, rf_bot_facts(L, 1, kind), 1, names[kind]);
    int facts = lua_gettop(L);
    if (lua_type(L, 2) != LUA_TSTRING)
        return 0;
    const char *key = lua_tostring(L, 2);
    rf_bot_push_methods(L, kind);
    if (!is_image_field(L, facts, kind, key) && lua_getfield(L, -1, key) != LUA_TNIL)
        return 1;
    push_document(L, facts, kind);
    rf_lua_view_field(L, -1, document_type(L, facts, kind), key);
    /* The document need not say what is known all the same. */
    if (is_blank(L) && push_known(L, facts, key) && lua_isnil(L, -1))
        lua_pop(L, 1);
    return 1;
}

static int manifest_index(lua_State *L)
{
    return document_index(L, RF_BOT_MANIFEST);
}

static int config_index(lua_State *L)
{
    return document_index(L, RF_BOT_CONFIG);
}

static int blob_index(lua_State *L)
{
    luaL_argcheck(L, rf_bot_facts(L, 1, RF_BOT_BLOB), 1, "blob expected");
    int facts = lua_gettop(L);
    const char *key = luaL_checkstring(L, 2);
    rf_bot_push_methods(L, RF_BOT_BLOB);
    if (lua_getfield(L, -1, key) != LUA_TNIL || push_known(L, facts, key))
        return 1;
    return 0;
}

/* ---- text of documents ---- */

static void indent(luaL_Buffer *b, int depth)
{
    luaL_addchar(b, '\n');
    for (int i = 0; i < depth; i++)
        luaL_addstring(b, "  ");
}

static size_t copy_string(luaL_Buffer *b, const char *s, size_t n, size_t i)
{
    size_t from = i++;
    while (i < n && s[i] != '"')
        i += s[i] == '\\' ? 2 : 1;
    i = i < n ? i + 1 : n;
    luaL_addlstring(b, s + from, i - from);
    return i;
}

/* The same JSON with two blanks for each level: it was checked, so that it is enough to look at its punctuation. */
static void push_indented(lua_State *L, const char *s, size_t n)
{
    luaL_Buffer b;
    int depth = 0;
    luaL_buffinit(L, &b);
    for (size_t i = 0; i < n;) {
        char c = s[i];
        size_t next = rf_lua_json_blanks(s, n, i + 1);
        if (c == '"') {
            i = copy_string(&b, s, n, i);
            continue;
        }
        if ((c == '{' || c == '[') && next < n && (s[next] == '}' || s[next] == ']')) {
            luaL_addchar(&b, c);
            luaL_addchar(&b, s[next]);
            i = next + 1;
            continue;
        }
        if (c == '}' || c == ']')
            indent(&b, --depth);
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            luaL_addchar(&b, c);
        if (c == '{' || c == '[')
            indent(&b, ++depth);
        else if (c == ',')
            indent(&b, depth);
        else if (c == ':')
            luaL_addchar(&b, ' ');
        i++;
    }
    luaL_pushresult(&b);
}

static int document_tostring(lua_State *L, enum rf_bot_object kind)
{
    size_t n = 0;
    luaL_argcheck(L, rf_bot_facts(L, 1, kind), 1, names[kind]);
    int facts = lua_gettop(L);
    if (lua_getfield(L, facts, "body") != LUA_TSTRING) {
        (void)lua_getfield(L, facts, "digest");
        return 1;
    }
    const char *body = lua_tolstring(L, -1, &n);
    push_indented(L, body, n);
    return 1;
}

static int manifest_tostring(lua_State *L)
{
    return document_tostring(L, RF_BOT_MANIFEST);
}

static int config_tostring(lua_State *L)
{
    return document_tostring(L, RF_BOT_CONFIG);
}

static int blob_tostring(lua_State *L)
{
    luaL_argcheck(L, rf_bot_facts(L, 1, RF_BOT_BLOB), 1, "blob expected");
    (void)lua_getfield(L, -1, "digest");
    return 1;
}

/* ---- images ---- */

static void copy_fact(lua_State *L, int from, const char *key, const char *as)
{
    (void)lua_getfield(L, from, key);
    lua_setfield(L, -2, as);
}

void rf_bot_push_image_part(lua_State *L, int index, enum rf_bot_object kind)
{
    bool config = kind == RF_BOT_CONFIG;
    const char *made = config ? "configObject" : "manifestObject";
    int facts = lua_absindex(L, index);
    if (lua_getfield(L, facts, made) == LUA_TUSERDATA)
        return;
    lua_pop(L, 1);
    if (lua_getfield(L, facts, config ? "configBody" : "body") != LUA_TSTRING) {
        lua_pop(L, 1);
        lua_pushnil(L);
        return;
    }
    lua_createtable(L, 0, 5);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "body");
    copy_fact(L, facts, "ref", "ref");
    copy_fact(L, facts, config ? "configDigest" : "digest", "digest");
    copy_fact(L, facts, config ? "configMediaType" : "mediaType", "mediaType");
    (void)lua_getfield(L, facts, config ? "configBody" : "body");
    lua_pushinteger(L, (lua_Integer)lua_rawlen(L, -1));
    lua_setfield(L, -3, "size");
    lua_pop(L, 1);
    rf_bot_make(L, kind);
    lua_pushvalue(L, -1);
    lua_setfield(L, facts, made);
    lua_remove(L, -2);
}

/* Pushes part.field, or an empty table. */
static void push_of_part(lua_State *L, int facts, enum rf_bot_object kind, const char *field)
{
    rf_bot_push_image_part(L, facts, kind);
    if (lua_isnil(L, -1)) {
        lua_newtable(L);
        return;
    }
    (void)lua_getfield(L, -1, field);
}

static int image_index(lua_State *L)
{
    luaL_argcheck(L, rf_bot_facts(L, 1, RF_BOT_IMAGE), 1, "image expected");
    int facts = lua_gettop(L);
    if (lua_type(L, 2) != LUA_TSTRING)
        return 0;
    const char *key = lua_tostring(L, 2);
    rf_bot_push_methods(L, RF_BOT_IMAGE);
    if (lua_getfield(L, -1, key) != LUA_TNIL)
        return 1;
    if (strcmp(key, "manifest") == 0) {
        rf_bot_push_image_part(L, facts, RF_BOT_MANIFEST);
    } else if (strcmp(key, "config") == 0) {
        rf_bot_push_image_part(L, facts, RF_BOT_CONFIG);
    } else if (strcmp(key, "annotations") == 0) {
        push_of_part(L, facts, RF_BOT_MANIFEST, "annotations");
    } else if (strcmp(key, "labels") == 0) {
        push_of_part(L, facts, RF_BOT_CONFIG, "Config");
        if (luaL_getmetafield(L, -1, "__index") != LUA_TNIL) {
            lua_pop(L, 1);
            (void)lua_getfield(L, -1, "Labels");
        }
    } else {
        (void)lua_getfield(L, facts, key);
    }
    return 1;
}

static int image_tostring(lua_State *L)
{
    luaL_argcheck(L, rf_bot_facts(L, 1, RF_BOT_IMAGE), 1, "image expected");
    (void)lua_getfield(L, -1, "ref");
    return 1;
}

/* ---- the types ---- */

static int read_only(lua_State *L)
{
    return luaL_error(L, "%s is read-only: change what is in its tables",
                      lua_tostring(L, lua_upvalueindex(1)));
}

static void new_type(lua_State *L, enum rf_bot_object kind, const luaL_Reg *meta)
{
    (void)luaL_newmetatable(L, names[kind]);
    luaL_setfuncs(L, meta, 0);
    (void)lua_pushfstring(L, "a %s", names[kind]);
    lua_pushcclosure(L, read_only, 1);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &methods_key[kind]);
}

void rf_bot_open_objects(lua_State *L)
{
    static const luaL_Reg reference[] = {
        { "__index", reference_index },
        { "__tostring", reference_tostring },
        { "__concat", reference_concat },
        { "__eq", reference_eq },
        { NULL, NULL },
    };
    static const luaL_Reg manifest[] = { { "__index", manifest_index },
                                         { "__tostring", manifest_tostring },
                                         { NULL, NULL } };
    static const luaL_Reg config[] = { { "__index", config_index },
                                       { "__tostring", config_tostring },
                                       { NULL, NULL } };
    static const luaL_Reg blob[] = { { "__index", blob_index },
                                     { "__tostring", blob_tostring },
                                     { NULL, NULL } };
    static const luaL_Reg image[] = { { "__index", image_index },
                                      { "__tostring", image_tostring },
                                      { NULL, NULL } };
    static const luaL_Reg methods[] = { { "tag", reference_tag },
                                        { "digest", reference_digest },
                                        { NULL, NULL } };
    new_type(L, RF_BOT_REFERENCE, reference);
    new_type(L, RF_BOT_MANIFEST, manifest);
    new_type(L, RF_BOT_CONFIG, config);
    new_type(L, RF_BOT_BLOB, blob);
    new_type(L, RF_BOT_IMAGE, image);
    rf_bot_push_methods(L, RF_BOT_REFERENCE);
    luaL_setfuncs(L, methods, 0);
    lua_pop(L, 1);
}
