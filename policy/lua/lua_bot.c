/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions that scripts find: reference, repo, tag, manifest, image, blob, referrer for regbot, and what of them needs nobody for policies.
 * Most are a row: what the arguments must be, whom to ask (policy/bot/bot_calls.h), and what the answer becomes.
 */
#include "policy/lua/lua_bot.h"

#include <lauxlib.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "policy/lua/lua_child.h"
#include "policy/lua/lua_json.h"
#include "policy/lua/lua_view.h"
#include "policy/object/object.h"

/* ---- rows ---- */

/*
 * params, a letter for each: r a reference; R the same, but a manifest is passed on whole; m a manifest; k a configuration; t text, T text or nothing;
 * i an integer, I an integer or nothing; o a table or nothing; c the content of a blob.
 * result: 0 nothing; v as it is; M manifest; C configuration; B blob; I image; d descriptor; D list of descriptors; 2 the elements of a pair.
 */
struct row {
    const char *name, *host, *params;
    char result;
};

static void push_fact(lua_State *L, int facts, const char *key)
{
    (void)lua_getfield(L, facts, key);
}

/* The manifest or configuration at `arg` as a table of what the other side needs of it. False: it is none. */
static bool push_whole(lua_State *L, int arg, enum rf_bot_object kind)
{
    static const char *const keys[] = { "ref", "mediaType", "digest", "body" };
    if (!rf_bot_facts(L, arg, kind))
        return false;
    int facts = lua_gettop(L);
    lua_createtable(L, 0, 5);
    for (size_t i = 0; i < RF_ARRAY_LEN(keys); i++) {
        push_fact(L, facts, keys[i]);
        lua_setfield(L, -2, keys[i]);
    }
    lua_remove(L, facts);
    return true;
}

/* What blob.put stores: text; or where the bytes are; or a document. */
static void push_content(lua_State *L, int arg)
{
    if (lua_type(L, arg) == LUA_TSTRING) {
        lua_pushvalue(L, arg);
        return;
    }
    if (push_whole(L, arg, RF_BOT_CONFIG) || push_whole(L, arg, RF_BOT_MANIFEST)) {
        push_fact(L, lua_gettop(L), "body");
        lua_remove(L, -2);
        if (lua_type(L, -1) == LUA_TSTRING)
            return;
    } else if (rf_bot_facts(L, arg, RF_BOT_BLOB)) {
        int facts = lua_gettop(L);
        lua_createtable(L, 0, 2);
        push_fact(L, facts, "ref");
        lua_setfield(L, -2, "ref");
        push_fact(L, facts, "digest");
        lua_setfield(L, -2, "digest");
        lua_remove(L, facts);
        return;
    }
    (void)luaL_argerror(L, arg, "string, blob or config expected");
}

static void push_argument(lua_State *L, char letter, int arg)
{
    switch (letter) {
    case 'R':
        if (push_whole(L, arg, RF_BOT_MANIFEST))
            return;
        rf_bot_check_reference(L, arg);
        return;
    case 'r':
        rf_bot_check_reference(L, arg);
        return;
    case 'm':
        luaL_argcheck(L, push_whole(L, arg, RF_BOT_MANIFEST), arg, "manifest expected");
        return;
    case 'k':
        luaL_argcheck(L, push_whole(L, arg, RF_BOT_CONFIG), arg, "config expected");
        return;
    case 'c':
        push_content(L, arg);
        return;
    case 't':
        (void)luaL_checkstring(L, arg);
        break;
    case 'T':
        (void)luaL_optstring(L, arg, NULL);
        break;
    case 'i':
        (void)luaL_checkinteger(L, arg);
        break;
    case 'I':
        (void)luaL_optinteger(L, arg, 0);
        break;
    default:
        if (!lua_isnoneornil(L, arg))
            luaL_checktype(L, arg, LUA_TTABLE);
    }
    lua_pushvalue(L, arg);
}

/* The answer is on top of the stack. */
static int push_result(lua_State *L, char result)
{
    switch (result) {
    case '0':
        return 0;
    case 'M':
        rf_bot_make(L, RF_BOT_MANIFEST);
        return 1;
    case 'C':
        rf_bot_make(L, RF_BOT_CONFIG);
        return 1;
    case 'B':
        rf_bot_make(L, RF_BOT_BLOB);
        return 1;
    case 'I':
        rf_bot_make(L, RF_BOT_IMAGE);
        return 1;
    case 'd':
        rf_lua_view_dress(L, -1, &rf_type_descriptor);
        return 1;
    case 'D':
        luaL_checktype(L, -1, LUA_TTABLE);
        for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i > 0; i--) {
            if (lua_rawgeti(L, -1, i) == LUA_TTABLE)
                rf_lua_view_dress(L, -1, &rf_type_descriptor);
            lua_pop(L, 1);
        }
        return 1;
    case '2':
        luaL_checktype(L, -1, LUA_TTABLE);
        (void)lua_rawgeti(L, -1, 1);
        (void)lua_rawgeti(L, -2, 2);
        return 2;
    default:
        return 1;
    }
}

static int ask(lua_State *L, const struct row *row)
{
    int n = (int)strlen(row->params);
    lua_settop(L, n);
    luaL_checkstack(L, n + 8, "arguments");
    for (int i = 0; i < n; i++)
        push_argument(L, row->params[i], i + 1);
    (void)rf_lua_host_call(L, row->host, n);
    return push_result(L, row->result);
}

static int call_row(lua_State *L)
{
    return ask(L, lua_touserdata(L, lua_upvalueindex(1)));
}

/* Adds the functions to the table on top of the stack. */
static void add_rows(lua_State *L, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        lua_pushlightuserdata(L, (void *)(uintptr_t)&rows[i]);
        lua_pushcclosure(L, call_row, 1);
        lua_setfield(L, -2, rows[i].name);
    }
}

/* ---- references ---- */

static int reference_new(lua_State *L)
{
    rf_bot_check_reference(L, 1);
    rf_bot_push_reference(L, lua_tostring(L, -1));
    /* What the user typed stays readable. */
    return 1;
}

static int reference_close(lua_State *L)
{
    static const struct row row = { "close", "reference.close", "r", '0' };
    return ask(L, &row);
}

/* Where there is nobody to tell. */
static int reference_forget(lua_State *L)
{
    rf_bot_check_reference(L, 1);
    return 0;
}

/* ---- lists that come page by page ---- */

enum {
    EACH_REF = 1,
    EACH_OPTIONS,
    EACH_PAGE,
    EACH_AT,
    EACH_LAST,
    EACH_HOST,
    EACH_UPVALUES = EACH_HOST
};

static void next_page(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(EACH_REF));
    lua_pushvalue(L, lua_upvalueindex(EACH_OPTIONS));
    lua_pushvalue(L, lua_upvalueindex(EACH_LAST));
    (void)rf_lua_host_call(L, lua_tostring(L, lua_upvalueindex(EACH_HOST)), 3);
    luaL_checktype(L, -1, LUA_TTABLE);
    (void)lua_getfield(L, -1, "last"); /* nil: there are no more */
    lua_replace(L, lua_upvalueindex(EACH_LAST));
    (void)lua_getfield(L, -1, "names");
    luaL_checktype(L, -1, LUA_TTABLE);
    lua_replace(L, lua_upvalueindex(EACH_PAGE));
    lua_pop(L, 1);
    lua_pushinteger(L, 0);
    lua_replace(L, lua_upvalueindex(EACH_AT));
}

static int each_next(lua_State *L)
{
    lua_settop(L, 0);
    for (;;) {
        lua_Integer at = lua_tointeger(L, lua_upvalueindex(EACH_AT)) + 1;
        lua_pushinteger(L, at);
        lua_replace(L, lua_upvalueindex(EACH_AT));
        if (lua_rawgeti(L, lua_upvalueindex(EACH_PAGE), at) != LUA_TNIL)
            return 1;
        lua_pop(L, 1);
        if (lua_isnil(L, lua_upvalueindex(EACH_LAST)))
            return 0;
        next_page(L);
    }
}

/* The reference is on top of the stack, the options are argument 2. */
static int push_each(lua_State *L, const char *host)
{
    if (!lua_isnoneornil(L, 2))
        luaL_checktype(L, 2, LUA_TTABLE);
    lua_pushvalue(L, 2);
    lua_newtable(L);
    lua_pushinteger(L, 0);
    lua_pushliteral(L, ""); /* from the start */
    (void)lua_pushstring(L, host);
    lua_pushcclosure(L, each_next, EACH_UPVALUES);
    return 1;
}

static int tag_each(lua_State *L)
{
    lua_settop(L, 2);
    rf_bot_check_reference(L, 1);
    return push_each(L, "tag.page");
}

static int repo_each(lua_State *L)
{
    (void)luaL_checkstring(L, 1);
    lua_settop(L, 2);
    lua_pushvalue(L, 1);
    return push_each(L, "repo.page");
}

/* ---- rate limits ---- */

/*
 * The other side waits a second at most in each call, so that a timeout of the script ends the waiting; between two calls it is told what it said
 * last.
 */
static int rate_wait(lua_State *L)
{
    lua_settop(L, 4);
    rf_bot_check_reference(L, 1);
    lua_replace(L, 1);
    (void)luaL_checkinteger(L, 2);
    (void)luaL_optstring(L, 3, NULL);
    (void)luaL_optstring(L, 4, NULL);
    lua_pushnil(L);
    for (;;) {
        for (int i = 1; i <= 5; i++)
            lua_pushvalue(L, i);
        (void)rf_lua_host_call(L, "image.ratelimitWait", 5);
        if (!lua_istable(L, -1))
            return 1;
        lua_replace(L, 5);
    }
}

static int manifest_rate(lua_State *L)
{
    static const char *const numbers[] = { "Remain", "Limit", "Reset" };
    luaL_argcheck(L, rf_bot_facts(L, 1, RF_BOT_MANIFEST), 1, "manifest expected");
    if (lua_getfield(L, -1, "rate") == LUA_TTABLE)
        return 1;
    lua_createtable(L, 0, 5);
    for (size_t i = 0; i < RF_ARRAY_LEN(numbers); i++) {
        lua_pushinteger(L, 0);
        lua_setfield(L, -2, numbers[i]);
    }
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "Set");
    lua_newtable(L);
    lua_setfield(L, -2, "Policies");
    return 1;
}

/* ---- manifests and configurations ---- */

/* {mediaType, digest, size} of the object at 1, when its facts have all of them. */
static bool push_own_descriptor(lua_State *L, enum rf_bot_object kind)
{
    if (!rf_bot_facts(L, 1, kind))
        return false;
    int facts = lua_gettop(L);
    lua_createtable(L, 0, 4);
    push_fact(L, facts, "mediaType");
    lua_setfield(L, -2, "mediaType");
    push_fact(L, facts, "digest");
    lua_setfield(L, -2, "digest");
    push_fact(L, facts, "size");
    lua_setfield(L, -2, "size");
    rf_lua_view_dress(L, -1, &rf_type_descriptor);
    return true;
}

static int manifest_descriptor(lua_State *L)
{
    static const struct row row = { "descriptor", "manifest.descriptor", "r", 'd' };
    return push_own_descriptor(L, RF_BOT_MANIFEST) || push_own_descriptor(L, RF_BOT_BLOB) ||
                   push_own_descriptor(L, RF_BOT_CONFIG)
               ? 1
               : ask(L, &row);
}

/* Asks for a document made of the changed tables: (facts, table). */
static int export_object(lua_State *L, enum rf_bot_object kind, const char *host, char result)
{
    if (!push_whole(L, 1, kind))
        return luaL_argerror(L, 1, kind == RF_BOT_CONFIG ? "config expected" : "manifest expected");
    (void)rf_bot_facts(L, 1, kind);
    (void)lua_getfield(L, -1, "document");
    lua_remove(L, -2);
    (void)rf_lua_host_call(L, host, 2);
    return push_result(L, result);
}

static int manifest_export(lua_State *L)
{
    return export_object(L, RF_BOT_MANIFEST, "manifest.export", 'M');
}

static int config_export(lua_State *L)
{
    return export_object(L, RF_BOT_CONFIG, "config.export", 'C');
}

static int image_config(lua_State *L)
{
    static const struct row row = { "config", "image.config", "R", 'C' };
    if (rf_bot_facts(L, 1, RF_BOT_IMAGE)) {
        rf_bot_push_image_part(L, -1, RF_BOT_CONFIG);
        return 1;
    }
    return ask(L, &row);
}

/* ---- what an image knows of itself, and else is asked for ---- */

static int image_fact(lua_State *L, const struct row *row, const char *key)
{
    if (!rf_bot_facts(L, 1, RF_BOT_IMAGE))
        return ask(L, row);
    (void)lua_getfield(L, -1, key);
    return 1;
}

static int image_created(lua_State *L)
{
    static const struct row row = { "created", "image.created", "R", 'v' };
    return image_fact(L, &row, "created");
}

static int image_platforms(lua_State *L)
{
    static const struct row row = { "platforms", "image.platforms", "R", 'v' };
    return image_fact(L, &row, "platforms");
}

/* In policies there is nothing to ask: only images are taken. */
static int own_fact(lua_State *L)
{
    luaL_argcheck(L, rf_bot_facts(L, 1, RF_BOT_IMAGE), 1, "image expected");
    (void)lua_getfield(L, -1, lua_tostring(L, lua_upvalueindex(1)));
    return 1;
}

static int own_part(lua_State *L)
{
    luaL_argcheck(L, rf_bot_facts(L, 1, RF_BOT_IMAGE), 1, "image expected");
    rf_bot_push_image_part(L, -1, (enum rf_bot_object)lua_tointeger(L, lua_upvalueindex(1)));
    return 1;
}

/* ---- the sets ---- */

static const struct row repo_rows[] = {
    { "ls", "repo.ls", "to", 'v' },
    { "exists", "repo.exists", "r", 'v' },
};
static const struct row tag_rows[] = {
    { "ls", "tag.ls", "ro", 'v' },
    { "delete", "tag.delete", "r", '0' },
    { "copy", "tag.copy", "rr", '0' },
};
static const struct row manifest_rows[] = {
    { "get", "manifest.get", "rT", 'M' },      { "getList", "manifest.getList", "r", 'M' },
    { "head", "manifest.head", "r", 'M' },     { "put", "manifest.put", "mr", '0' },
    { "delete", "manifest.delete", "m", '0' },
};
static const struct row manifest_methods[] = {
    { "get", "manifest.get", "rT", 'M' },
    { "head", "manifest.head", "r", 'M' },
    { "put", "manifest.put", "mr", '0' },
    { "delete", "manifest.delete", "m", '0' },
};
static const struct row image_rows[] = {
    { "copy", "image.copy", "rro", '0' },
    { "exportTar", "image.exportTar", "rt", '0' },
    { "importTar", "image.importTar", "rt", '0' },
    { "get", "image.get", "ro", 'I' },
    { "manifest", "manifest.get", "rT", 'M' },
    { "manifestHead", "manifest.head", "r", 'M' },
    { "manifestList", "manifest.getList", "r", 'M' },
};
static const struct row blob_rows[] = {
    { "get", "blob.get", "rT", 'B' },
    { "head", "blob.head", "rT", 'B' },
    { "put", "blob.put", "rc", '2' },
    { "delete", "blob.delete", "rT", '0' },
};
static const struct row referrer_rows[] = {
    { "ls", "referrer.ls", "ro", 'D' },
};

static int blob_read(lua_State *L)
{
    luaL_argcheck(L, rf_bot_facts(L, 1, RF_BOT_BLOB), 1, "blob expected");
    int facts = lua_gettop(L);
    push_fact(L, facts, "ref");
    push_fact(L, facts, "digest");
    return rf_lua_host_call(L, "blob.read", 2);
}

/* Makes the table on top of the stack a global, and a module for require(). */
static void set_module(lua_State *L, const char *name)
{
    (void)luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
    /* The registry's table names functions in messages; the one that require() looks into is the scripts' own. */
    if (lua_getglobal(L, "package") == LUA_TTABLE && lua_getfield(L, -1, "loaded") == LUA_TTABLE) {
        lua_pushvalue(L, -3);
        lua_setfield(L, -2, name);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    lua_setglobal(L, name);
}

static void add_module(lua_State *L, const char *name, const struct row *rows, size_t n,
                       const luaL_Reg *functions)
{
    lua_newtable(L);
    add_rows(L, rows, n);
    luaL_setfuncs(L, functions, 0);
    set_module(L, name);
}

static void add_methods(lua_State *L, enum rf_bot_object kind, const struct row *rows, size_t n,
                        const luaL_Reg *functions)
{
    rf_bot_push_methods(L, kind);
    add_rows(L, rows, n);
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}

static const luaL_Reg none[] = { { NULL, NULL } };

static void open_regbot_methods(lua_State *L)
{
    static const luaL_Reg of_reference[] = { { "close", reference_close }, { NULL, NULL } };
    static const luaL_Reg of_manifest[] = {
        { "config", image_config },     { "descriptor", manifest_descriptor },
        { "export", manifest_export },  { "ratelimit", manifest_rate },
        { "ratelimitWait", rate_wait }, { NULL, NULL }
    };
    static const luaL_Reg of_config[] = { { "export", config_export },
                                          { "descriptor", manifest_descriptor },
                                          { NULL, NULL } };
    static const luaL_Reg of_blob[] = { { "read", blob_read },
                                        { "descriptor", manifest_descriptor },
                                        { NULL, NULL } };
    add_methods(L, RF_BOT_REFERENCE, NULL, 0, of_reference);
    add_methods(L, RF_BOT_MANIFEST, manifest_methods, RF_ARRAY_LEN(manifest_methods), of_manifest);
    add_methods(L, RF_BOT_CONFIG, NULL, 0, of_config);
    add_methods(L, RF_BOT_BLOB, NULL, 0, of_blob);
    lua_pushcfunction(L, image_config);
    rf_lua_view_set_call(L);
}

static void open_regbot(lua_State *L)
{
    static const luaL_Reg references[] = { { "new", reference_new },
                                           { "close", reference_close },
                                           { NULL, NULL } };
    static const luaL_Reg repos[] = { { "each", repo_each }, { NULL, NULL } };
    static const luaL_Reg tags[] = { { "each", tag_each }, { NULL, NULL } };
    static const luaL_Reg manifests[] = { { "descriptor", manifest_descriptor },
                                          { "config", image_config },
                                          { "export", manifest_export },
                                          { "ratelimit", manifest_rate },
                                          { NULL, NULL } };
    static const luaL_Reg images[] = {
        { "config", image_config },       { "created", image_created },
        { "platforms", image_platforms }, { "ratelimitWait", rate_wait },
        { "rateLimitWait", rate_wait },   { NULL, NULL }
    };
    rf_bot_open_objects(L);
    open_regbot_methods(L);
    add_module(L, "reference", NULL, 0, references);
    add_module(L, "repo", repo_rows, RF_ARRAY_LEN(repo_rows), repos);
    add_module(L, "tag", tag_rows, RF_ARRAY_LEN(tag_rows), tags);
    add_module(L, "manifest", manifest_rows, RF_ARRAY_LEN(manifest_rows), manifests);
    add_module(L, "image", image_rows, RF_ARRAY_LEN(image_rows), images);
    add_module(L, "blob", blob_rows, RF_ARRAY_LEN(blob_rows), none);
    add_module(L, "referrer", referrer_rows, RF_ARRAY_LEN(referrer_rows), none);
}

/* m:config() of an image's manifest, in policies: the configuration came with the image. */
static void open_policy(lua_State *L)
{
    static const luaL_Reg references[] = { { "new", reference_new },
                                           { "close", reference_forget },
                                           { NULL, NULL } };
    static const luaL_Reg of_document[] = { { "descriptor", manifest_descriptor }, { NULL, NULL } };
    static const char *const facts[] = { "created", "platforms" };
    rf_bot_open_objects(L);
    add_methods(L, RF_BOT_MANIFEST, NULL, 0, of_document);
    add_methods(L, RF_BOT_CONFIG, NULL, 0, of_document);
    add_module(L, "reference", NULL, 0, references);
    lua_newtable(L);
    for (size_t i = 0; i < RF_ARRAY_LEN(facts); i++) {
        (void)lua_pushstring(L, facts[i]);
        lua_pushcclosure(L, own_fact, 1);
        lua_setfield(L, -2, facts[i]);
    }
    lua_pushinteger(L, RF_BOT_CONFIG);
    lua_pushcclosure(L, own_part, 1);
    lua_setfield(L, -2, "config");
    lua_pushinteger(L, RF_BOT_MANIFEST);
    lua_pushcclosure(L, own_part, 1);
    lua_setfield(L, -2, "manifest");
    set_module(L, "image");
}

/* {"rf.image": facts}, as policy/lua/lua_image.h makes it: the image itself. */
static void take_argument(lua_State *L)
{
    if (!lua_istable(L, -1))
        return;
    if (lua_getfield(L, -1, "rf.image") != LUA_TTABLE) {
        lua_pop(L, 1);
        return;
    }
    if (lua_getfield(L, -1, "referrers") == LUA_TTABLE)
        (void)push_result(L, 'D');
    lua_pop(L, 1);
    rf_bot_make(L, RF_BOT_IMAGE);
    lua_remove(L, -2);
}

extern const struct rf_lua_api rf_lua_api_regbot, rf_lua_api_policy;
const struct rf_lua_api rf_lua_api_regbot = { "regbot", open_regbot, take_argument };
const struct rf_lua_api rf_lua_api_policy = { "policy", open_policy, take_argument };
