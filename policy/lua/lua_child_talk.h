/* SPDX-License-Identifier: Apache-2.0 */
/* The child of a box (policy/lua/lua_child.h) as it talks to its parent: frames both ways, and what a script says. Of the child alone. */
#ifndef RF_POLICY_LUA_CHILD_TALK_H
#define RF_POLICY_LUA_CHILD_TALK_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "policy/lua/lua_child.h"
#include "policy/lua/lua_json.h"

/* One per process, and what its one Lua state knows of the world. */
struct rf_lua_child {
    lua_State *L;
    int fd;
    size_t used, cap;                /* bytes of the Lua state */
    int64_t deadline_ns, cpu_end_ns; /* of what is running; 0: none */
    const char *over;                /* why the script has to end, NULL while it need not */
    bool missing;                    /* what was to be called is not there */
    char *in; /* the frame that came last, NUL behind it; kept here since Lua may raise */
    size_t in_len, in_cap;
    json_t *env;                  /* what os.getenv sees */
    const struct rf_lua_api *api; /* or NULL */
};

struct rf_lua_child *rf_lua_child_of(lua_State *L);
int64_t rf_lua_child_clock(clockid_t which); /* nanoseconds */
/* Why what is running has to end; NULL: it need not yet. */
const char *rf_lua_child_over(struct rf_lua_child *c);
/* The parent is gone, or what it sends makes no sense: nothing is left to do here. */
_Noreturn void rf_lua_child_leave(int status);

/* ---- frames; when the parent is gone they do not return ---- */

void rf_lua_child_send(struct rf_lua_child *c, const char *p, size_t n);
/* The next one into c->in. Outside of Lua's memory: a message that is on its way has to be taken whatever the script has left. */
void rf_lua_child_receive(struct rf_lua_child *c);
/* Pushes the object of the last one. */
void rf_lua_child_push_frame(lua_State *L, struct rf_lua_child *c);
/* Appends `name`, with all that stands before the value, and the value as a string. */
void rf_lua_child_add_member(lua_State *L, struct rf_lua_text *t, const char *name,
                             const char *value, size_t n);

/* ---- members of struct rf_lua_libs ---- */

int rf_lua_child_print(lua_State *L);
int rf_lua_child_log(lua_State *L);
int rf_lua_child_source(lua_State *L);
int rf_lua_child_getenv(lua_State *L);

#endif
