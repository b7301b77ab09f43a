/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/lua/lua_child_talk.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "policy/lua/lua_wire.h"

struct rf_lua_child *rf_lua_child_of(lua_State *L)
{
    struct rf_lua_child *c;
    memcpy(&c, lua_getextraspace(L), sizeof(c));
    return c;
}

int64_t rf_lua_child_clock(clockid_t which)
{
    struct timespec t = { 0, 0 };
    (void)clock_gettime(which, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

_Noreturn void rf_lua_child_leave(int status)
{
    _exit(status);
}

const char *rf_lua_child_over(struct rf_lua_child *c)
{
    if (c->over == NULL && c->deadline_ns > 0 &&
        rf_lua_child_clock(CLOCK_MONOTONIC) >= c->deadline_ns)
        c->over = "script ran longer than its timeout";
    if (c->over == NULL && c->cpu_end_ns > 0 &&
        rf_lua_child_clock(CLOCK_PROCESS_CPUTIME_ID) >= c->cpu_end_ns)
        c->over = "script used more CPU time than it may";
    return c->over;
}

/* ---- frames ---- */

static void write_all(struct rf_lua_child *c, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(c->fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            rf_lua_child_leave(0);
        p += done;
        n -= (size_t)done;
    }
}

void rf_lua_child_send(struct rf_lua_child *c, const char *p, size_t n)
{
    char head[RF_LUA_FRAME_HEAD];
    for (size_t i = 0; i < sizeof(head); i++)
        head[i] = (char)(uint8_t)(n >> (8 * i));
    write_all(c, head, sizeof(head));
    write_all(c, p, n);
}

static void read_all(struct rf_lua_child *c, char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = read(c->fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            rf_lua_child_leave(0);
        p += done;
        n -= (size_t)done;
    }
}

void rf_lua_child_receive(struct rf_lua_child *c)
{
    uint8_t head[RF_LUA_FRAME_HEAD];
    size_t len = 0;
    read_all(c, (char *)head, sizeof(head));
    for (size_t i = 0; i < sizeof(head); i++)
        len |= (size_t)head[i] << (8 * i);
    if (len > RF_LUA_FRAME_MAX)
        rf_lua_child_leave(70);
    if (len + 1 > c->in_cap || c->in_cap > (1u << 20)) {
        free(c->in);
        c->in_cap = len + 1 > 4096 ? len + 1 : 4096;
        c->in = rf_xmalloc(c->in_cap);
    }
    read_all(c, c->in, len);
    c->in[len] = '\0';
    c->in_len = len;
}

void rf_lua_child_push_frame(lua_State *L, struct rf_lua_child *c)
{
    const struct rf_lua_json_style style = { .wire = true };
    (void)rf_lua_json_decode(L, c->in, c->in_len, 0, &style);
    if (!lua_istable(L, -1))
        rf_lua_child_leave(70);
}

/* ---- what a script says ---- */

/* "<string>:12" of the Lua function that is running, or "". Pushes it. */
static const char *push_where(lua_State *L)
{
    lua_Debug ar;
    for (int level = 0; lua_getstack(L, level, &ar) != 0 && level < 20; level++) {
        if (lua_getinfo(L, "Sl", &ar) != 0 && ar.currentline > 0)
            return lua_pushfstring(L, "%s:%d", ar.short_src, ar.currentline);
    }
    return lua_pushliteral(L, "");
}

void rf_lua_child_add_member(lua_State *L, struct rf_lua_text *t, const char *name,
                             const char *value, size_t n)
{
    rf_lua_text_add_str(L, t, name);
    rf_lua_json_encode_bytes(L, t, value, n);
}

/* Sends {"say":..., "where":..., "function":..., "args":[the topmost values]} and takes the values off the stack. */
static void send_call(lua_State *L, const char *say, const char *function, int n_args)
{
    const struct rf_lua_json_style style = { .wire = true };
    int first = lua_gettop(L) - n_args + 1;
    luaL_checkstack(L, 8, "a call");
    struct rf_lua_text *t = rf_lua_text_push(L, RF_LUA_FRAME_MAX);
    const char *where = push_where(L);
    rf_lua_child_add_member(L, t, "{\"say\":", say, strlen(say));
    rf_lua_child_add_member(L, t, ",\"where\":", where, strlen(where));
    rf_lua_child_add_member(L, t, ",\"function\":", function, strlen(function));
    rf_lua_text_add_str(L, t, ",\"args\":[");
    t->nodes = (size_t)n_args + 8;
    for (int i = 0; i < n_args; i++) {
        if (i > 0)
            rf_lua_text_add(L, t, ",", 1);
        rf_lua_json_encode(L, first + i, &style, t);
    }
    rf_lua_text_add_str(L, t, "]}");
    rf_lua_child_send(rf_lua_child_of(L), t->ptr, t->len);
    rf_lua_text_drop(L, t);
    lua_settop(L, first - 1);
}

/* Pushes the value of the reply, or raises its error. */
static void take_reply(lua_State *L, int level)
{
    struct rf_lua_child *c = rf_lua_child_of(L);
    rf_lua_child_receive(c);
    rf_lua_child_push_frame(L, c);
    if (lua_getfield(L, -1, "error") == LUA_TSTRING) {
        luaL_where(L, level);
        lua_insert(L, -2);
        lua_concat(L, 2);
        (void)lua_error(L);
    }
    lua_pop(L, 1);
    (void)lua_getfield(L, -1, "value");
    lua_remove(L, -2);
}

int rf_lua_host_call(lua_State *L, const char *function, int n_args)
{
    if (rf_lua_child_over(rf_lua_child_of(L)) != NULL)
        return luaL_error(L, "Context error: context deadline exceeded");
    send_call(L, "call", function, n_args);
    take_reply(L, 1);
    return 1;
}

void rf_lua_host_tell(lua_State *L, const char *function, int n_args)
{
    send_call(L, "tell", function, n_args);
}

/* Long lines take their time, and the hook counts steps. */
static void check_time(lua_State *L)
{
    const char *why = rf_lua_child_over(rf_lua_child_of(L));
    if (why != NULL)
        (void)luaL_error(L, "%s", why);
}

int rf_lua_child_print(lua_State *L)
{
    int n = lua_gettop(L);
    check_time(L);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (int i = 1; i <= n; i++) {
        if (i > 1)
            luaL_addchar(&b, '\t');
        (void)luaL_tolstring(L, i, NULL);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    send_call(L, "print", "print", 1);
    return 0;
}

int rf_lua_child_log(lua_State *L)
{
    check_time(L);
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    (void)luaL_tolstring(L, 1, NULL);
    send_call(L, "log", "log", 1);
    return 0;
}

/* source(name) of struct rf_lua_libs. */
int rf_lua_child_source(lua_State *L)
{
    luaL_checkstring(L, 1);
    lua_settop(L, 1);
    if (rf_lua_child_over(rf_lua_child_of(L)) != NULL)
        return luaL_error(L, "Context error: context deadline exceeded");
    send_call(L, "require", "require", 1);
    take_reply(L, 2);
    if (!lua_istable(L, -1))
        return luaL_error(L, "no answer");
    (void)lua_getfield(L, -1, "text");
    (void)lua_getfield(L, -2, "file");
    return 2;
}

int rf_lua_child_getenv(lua_State *L)
{
    const char *value =
        json_string_value(json_object_get(rf_lua_child_of(L)->env, luaL_checkstring(L, 1)));
    if (value != NULL)
        (void)lua_pushstring(L, value);
    else
        lua_pushnil(L);
    return 1;
}
