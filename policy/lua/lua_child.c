/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/lua/lua_child.h"

#include <lauxlib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/json.h"
#include "base/mem.h"
#include "policy/lua/lua_child_private.h"
#include "policy/lua/lua_child_talk.h"
#include "policy/lua/lua_jail.h"
#include "policy/lua/lua_json.h"
#include "policy/lua/lua_libs.h"
#include "policy/lua/lua_start.h"
#include "policy/lua/lua_wire.h"

const char rf_lua_child_word[] = "--lua-child";

#define HOOK_STEPS 10000 /* instructions between two looks at the clock */
#define TRACE_MAX 16384
static const char
    trace_key; /* its address is the traceback's key in the registry: a key that takes no memory */

/* ---- memory ---- */

static void *allocate(void *ud, void *ptr, size_t old, size_t want)
{
    struct rf_lua_child *c = ud;
    size_t had = ptr != NULL ? old : 0;
    if (want == 0) {
        free(ptr);
        c->used -= had;
        return NULL;
    }
    if (want > had && want - had > c->cap - c->used)
        return NULL;
    void *p = realloc(ptr, want); /* allowed: failing is what Lua handles here */
    if (p != NULL)
        c->used += want - had;
    else if (want <= had)
        return ptr; /* Lua counts on shrinking */
    return p;
}

/* ---- time ---- */

/* Once the time is over, each further step fails: no pcall gets a script over that. */
static void hook(lua_State *L, lua_Debug *ar)
{
    const char *why = rf_lua_child_over(rf_lua_child_of(L));
    if (why == NULL)
        return;
    lua_sethook(L, hook, LUA_MASKCOUNT | LUA_MASKLINE, 1);
    if (lua_getinfo(L, "Sl", ar) != 0 && ar->currentline > 0)
        (void)lua_pushfstring(L, "%s:%d: %s", ar->short_src, ar->currentline, why);
    else
        (void)lua_pushstring(L, why);
    (void)lua_error(L);
}

/* ---- what the parent asks for ---- */

/* Message handler: a text, whatever the error is; the traceback goes into the registry. */
static int with_traceback(lua_State *L)
{
    if (lua_type(L, 1) != LUA_TSTRING) {
        if (luaL_callmeta(L, 1, "__tostring") == 0 || lua_type(L, -1) != LUA_TSTRING)
            (void)lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
        lua_replace(L, 1);
    }
    lua_settop(L, 1);
    luaL_traceback(L, L, NULL, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &trace_key);
    return 1;
}

/* Pushes the function "a.b", or nil. */
static bool push_function(lua_State *L, const char *name)
{
    lua_pushglobaltable(L);
    while (lua_istable(L, -1)) {
        size_t n = strcspn(name, ".");
        (void)lua_pushlstring(L, name, n);
        (void)lua_rawget(L, -2);
        lua_remove(L, -2);
        if (name[n] == '\0')
            break;
        name += n + 1;
    }
    return lua_isfunction(L, -1);
}

/* The object of the message is at index 1. Pushes the function and its arguments, returns their number. */
static int prepare(lua_State *L)
{
    (void)lua_getfield(L, 1, "do");
    const char *what = lua_tostring(L, -1);
    if (what == NULL)
        rf_lua_child_leave(70);
    if (strcmp(what, "run") == 0) {
        size_t n;
        (void)lua_getfield(L, 1, "text");
        (void)lua_getfield(L, 1, "chunk");
        const char *text = lua_tolstring(L, -2, &n);
        if (text == NULL || luaL_loadbufferx(L, text, n, lua_tostring(L, -1), "t") != LUA_OK)
            (void)lua_error(L);
        return 0;
    }
    (void)lua_getfield(L, 1, "function");
    if (!push_function(L, lua_tostring(L, -1))) {
        rf_lua_child_of(L)->missing = true;
        return luaL_error(L, "there is no function %s", lua_tostring(L, -2));
    }
    int n = 0;
    int function = lua_gettop(L);
    if (lua_getfield(L, 1, "n") == LUA_TNUMBER)
        n = (int)lua_tointeger(L, -1);
    (void)lua_getfield(L, 1, "args");
    luaL_checkstack(L, n + 8, "arguments");
    for (int i = 1; i <= n; i++) {
        (void)lua_rawgeti(L, function + 2, i);
        if (rf_lua_child_of(L)->api != NULL && rf_lua_child_of(L)->api->argument != NULL)
            rf_lua_child_of(L)->api->argument(L);
    }
    lua_remove(L, function + 2);
    lua_remove(L, function + 1);
    return n;
}

static void arm(struct rf_lua_child *c)
{
    lua_State *L = c->L;
    (void)lua_getfield(L, 1, "deadline");
    c->deadline_ns = lua_tointeger(L, -1);
    (void)lua_getfield(L, 1, "cpu");
    int64_t cpu = lua_tointeger(L, -1);
    c->cpu_end_ns = cpu > 0 ? rf_lua_child_clock(CLOCK_PROCESS_CPUTIME_ID) + cpu : 0;
    lua_pop(L, 2);
    if (c->deadline_ns > 0 || c->cpu_end_ns > 0)
        lua_sethook(L, hook, LUA_MASKCOUNT, HOOK_STEPS);
}

/* The whole of a run or call, protected: leaves its frame as text on top of the stack. */
static int perform(lua_State *L)
{
    const struct rf_lua_json_style style = { .wire = true };
    struct rf_lua_child *c = rf_lua_child_of(L);
    rf_lua_child_push_frame(L, c);
    arm(c);
    int n_args = prepare(L);
    lua_call(L, n_args, 1);
    lua_sethook(L, NULL, 0, 0);
    /* It may have been a coroutine, closed by now, that was stopped. */
    if (c->over != NULL)
        return luaL_error(L, "%s", c->over);
    int result = lua_gettop(L);
    struct rf_lua_text *t = rf_lua_text_push(L, RF_LUA_FRAME_MAX);
    rf_lua_text_add_str(L, t, "{\"say\":\"done\",\"value\":");
    rf_lua_json_encode(L, result, &style, t);
    (void)lua_pushfstring(L, ",\"memory\":%I}", (LUAI_UACINT)c->used);
    rf_lua_text_add_str(L, t, lua_tostring(L, -1));
    rf_lua_child_send(c, t->ptr, t->len);
    rf_lua_text_drop(L, t);
    return 0;
}

static const char *kind_of(struct rf_lua_child *c, int status)
{
    return c->over != NULL        ? "timeout"
           : status == LUA_ERRMEM ? "memory"
           : c->missing           ? "missing"
                                  : "error";
}

/* The error is at index 1, the kind of it at index 2. */
static int send_failure(lua_State *L)
{
    size_t n;
    const char *kind = lua_touserdata(L, 2);
    const char *text = luaL_tolstring(L, 1, &n);
    struct rf_lua_text *t = rf_lua_text_push(L, RF_LUA_FRAME_MAX);
    rf_lua_child_add_member(L, t, "{\"say\":\"failed\",\"kind\":", kind, strlen(kind));
    rf_lua_child_add_member(L, t, ",\"error\":", text, n < TRACE_MAX ? n : TRACE_MAX);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &trace_key) == LUA_TSTRING) {
        const char *trace = lua_tolstring(L, -1, &n);
        rf_lua_child_add_member(L, t, ",\"traceback\":", trace, n < TRACE_MAX ? n : TRACE_MAX);
    }
    (void)lua_pushfstring(L, ",\"memory\":%I}", (LUAI_UACINT)rf_lua_child_of(L)->used);
    rf_lua_text_add_str(L, t, lua_tostring(L, -1));
    rf_lua_child_send(rf_lua_child_of(L), t->ptr, t->len);
    rf_lua_text_drop(L, t);
    return 0;
}

static void fail(struct rf_lua_child *c, int status)
{
    lua_State *L = c->L;
    const char *kind = kind_of(c, status);
    lua_sethook(L, NULL, 0, 0);
    lua_replace(L, 1);
    lua_settop(L, 1);
    /* Room for the message: what the script held is garbage by now, unless it is global. */
    if (status == LUA_ERRMEM) {
        (void)lua_gc(L, LUA_GCCOLLECT);
        c->cap += 1u << 20;
    }
    lua_pushcfunction(L, send_failure);
    lua_insert(L, 1);
    lua_pushlightuserdata(L, (void *)(uintptr_t)kind);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
        char text[128];
        int n = snprintf(
            text, sizeof(text),
            "{\"say\":\"failed\",\"kind\":\"%s\",\"error\":\"the error cannot be told\"}", kind);
        rf_lua_child_send(c, text, (size_t)n);
    }
    if (status == LUA_ERRMEM)
        c->cap -= 1u << 20;
}

static int look_for_function(lua_State *L)
{
    rf_lua_child_push_frame(L, rf_lua_child_of(L));
    (void)lua_getfield(L, 1, "function");
    lua_pushboolean(L, push_function(L, lua_tostring(L, -1)));
    return 1;
}

/* A question before it is parsed: the parent writes its keys in this order. */
static bool is_question(const struct rf_lua_child *c)
{
    static const char begin[] = "{\"do\":\"has\"";
    return c->in_len >= sizeof(begin) - 1 && memcmp(c->in, begin, sizeof(begin) - 1) == 0;
}

static void answer_question(struct rf_lua_child *c)
{
    lua_State *L = c->L;
    lua_pushcfunction(L, look_for_function);
    bool has = lua_pcall(L, 0, 1, 0) == LUA_OK && lua_toboolean(L, -1);
    char text[64];
    int n = snprintf(text, sizeof(text), "{\"say\":\"done\",\"value\":%s}", has ? "true" : "false");
    rf_lua_child_send(c, text, (size_t)n);
}

_Noreturn static void serve(struct rf_lua_child *c)
{
    lua_State *L = c->L;
    for (;;) {
        lua_settop(L, 0);
        rf_lua_child_receive(c);
        c->over = NULL;
        c->missing = false;
        if (is_question(c)) {
            answer_question(c);
            continue;
        }
        lua_pushnil(L);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &trace_key);
        lua_pushcfunction(L, with_traceback);
        lua_pushcfunction(L, perform);
        int status = lua_pcall(L, 0, 0, 1);
        if (status != LUA_OK)
            fail(c, status);
    }
}

/* ---- starting ---- */

static int open_libs(lua_State *L)
{
    const json_t *wish = lua_touserdata(L, 1);
    const struct rf_lua_libs libs = {
        .unsafe = json_is_true(json_object_get(wish, "unsafe")),
        .seed = json_integer_value(json_object_get(wish, "seed")),
        .print = rf_lua_child_print,
        .log = rf_lua_child_log,
        .source = rf_lua_child_source,
        .getenv = rf_lua_child_getenv,
    };
    rf_lua_libs_open(L, &libs);
    const char *api = json_string_value(json_object_get(wish, "api"));
    for (size_t i = 0; api != NULL && rf_lua_apis[i] != NULL; i++) {
        if (strcmp(rf_lua_apis[i]->name, api) == 0) {
            rf_lua_apis[i]->open(L);
            rf_lua_child_of(L)->api = rf_lua_apis[i];
            return 0;
        }
    }
    return api != NULL ? luaL_error(L, "there is no API %s", api) : 0;
}

static void say_ready(struct rf_lua_child *c, const struct rf_lua_jail_gaps *gaps,
                      const char *error)
{
    json_t *ready = json_pack("{s:s, s:s*, s:s*, s:s*}", "say", "ready", "landlock", gaps->landlock,
                              "seccomp", gaps->seccomp, "error", error);
    char *text = json_dumps(ready, JSON_COMPACT);
    if (text == NULL)
        rf_lua_child_leave(70);
    rf_lua_child_send(c, text, strlen(text));
    free(text);
    json_decref(ready);
}

/* Time zone data is a file: it is read before there are no files any more. */
static void set_time_zone(const json_t *wish)
{
    const char *zone = json_string_value(json_object_get(wish, "zone"));
    if (zone != NULL)
        (void)setenv("TZ", zone, 1);
    tzset();
}

/* No memory outside of any protected call. */
static int panic(lua_State *L)
{
    (void)L;
    rf_lua_child_leave(72);
}

static void start(struct rf_lua_child *c, json_t *wish)
{
    struct rf_lua_jail_gaps gaps = { NULL, NULL };
    bool unsafe = json_is_true(json_object_get(wish, "unsafe"));
    c->cap = (size_t)json_integer_value(json_object_get(wish, "memory"));
    c->env = json_incref(json_object_get(wish, "env"));
    set_time_zone(wish);
    const struct rf_lua_jail jail = { .fd = c->fd,
                                      .memory = 2 * c->cap + 4 * (size_t)RF_LUA_FRAME_MAX };
    if (!unsafe && !rf_lua_jail_enter(&jail, &gaps))
        rf_lua_child_leave(71);
    c->L = lua_newstate(allocate, c);
    if (c->L == NULL)
        rf_lua_child_leave(70);
    memcpy(lua_getextraspace(c->L), &c, sizeof(c));
    (void)lua_atpanic(c->L, panic);
    lua_pushcfunction(c->L, open_libs);
    lua_pushlightuserdata(c->L, wish);
    const char *error = NULL;
    if (lua_pcall(c->L, 1, 0, 0) != LUA_OK)
        error = lua_tostring(c->L, -1) != NULL ? lua_tostring(c->L, -1) : "?";
    say_ready(c, &gaps, error);
}

/* Whoever types the word on a command line is not the parent of a box. */
static bool is_socket(int fd)
{
    int type = 0, domain = 0;
    socklen_t len = sizeof(type);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX;
}

int rf_lua_child_if_asked(int argc, char **argv)
{
    if (argc != 2 || strcmp(argv[1], rf_lua_child_word) != 0 || !is_socket(RF_LUA_CHILD_FD))
        return 0;
    rf_lua_jail_basics();
    struct rf_lua_child c = { .fd = RF_LUA_CHILD_FD };
    rf_lua_child_receive(&c);
    json_t *wish = NULL;
    if (rf_json_parse(rf_slice_of(c.in, c.in_len), RF_LUA_FRAME_MAX, &wish, NULL) < 0)
        rf_lua_child_leave(70);
    start(&c, wish);
    json_decref(wish);
    serve(&c);
}
