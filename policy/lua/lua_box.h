/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A box for scripts: Lua 5.4 in a child process that has no credentials, no files, no network and no environment. All that a script can
 * do beyond computing goes as a message to this side, where `host` decides. docs/lua-api.md says what scripts see.
 *
 *     struct rf_lua_box_options o = RF_LUA_BOX_OPTIONS_INIT;
 *     o.name = "cleanup";  o.timeout_ns = ...;  o.host = &host;  o.api = "regbot";
 *     rc = rf_lua_box_open(&o, &box, &err);
 *     rc = rf_lua_box_run(box, "<string>", text, &err);                  runs the script
 *     rc = rf_lua_box_call(box, "keep", args, &result, &err);            and then any number of calls of its functions
 *     rf_lua_box_close(box);
 *
 * Invariants: one box is one Lua state; nothing is shared between boxes. Whatever the child sends is taken as hostile. When a script
 * runs over its time or memory, or the child breaks the protocol, the child is gone and every later use of the box fails; an
 * ordinary error of a script leaves the box usable.
 * The program's main must begin with rf_lua_start() (policy/lua/lua_start.h); rf_program_main does.
 * A box is used by one thread at a time, and the thread that opened it must outlive it (the kernel ends the child with that thread).
 */
#ifndef RF_POLICY_LUA_BOX_H
#define RF_POLICY_LUA_BOX_H

#include "base/buf.h"

#include <jansson.h>

/*
 * What scripts reach of this side. All are called from within rf_lua_box_run() and rf_lua_box_call(), on their thread, and must not
 * use the box. `where` is the place in the script, "<string>:12", safe to print. Members but `call` may be NULL.
 */
struct rf_lua_host {
    void *user;
    /*
     * The script called `function` with the array `args` (spelled as policy/lua/lua_wire.h says; the bytes of a string by rf_lua_wire_text).
     * *result: a new reference, or NULL for nil. A failure becomes a Lua error with err->msg behind the position.
     * It is never cut short by the timeout, so it may write; when the time is over it is not called at all.
     */
    int (*call)(void *user, const char *where, const char *function, const json_t *args,
                json_t **result, struct rf_err *err);
    /* A call that nobody waits for (an object was dropped). */
    void (*tell)(void *user, const char *function, const json_t *args);
    /* A line of print(), without its newline; and the text of log(). Neither is escaped. */
    void (*print)(void *user, struct rf_slice text);
    void (*log)(void *user, const char *where, struct rf_slice text);
};

#define RF_LUA_MEMORY_DEFAULT (64u << 20)
#define RF_LUA_MEMORY_MIN (1u << 20)
#define RF_LUA_MEMORY_MAX ((size_t)1 << 36)
#define RF_LUA_CPU_DEFAULT (5 * INT64_C(1000000000)) /* pure computing, for policy functions */
#define RF_LUA_MODULE_MAX (1u << 20)                 /* bytes of a module that require() loads */
#define RF_LUA_SCRIPT_MAX (4u << 20)                 /* bytes of a script */

struct rf_lua_box_options {
    const char *name;   /* of the script, for messages */
    size_t memory;      /* bytes that the Lua state may have; 0: RF_LUA_MEMORY_DEFAULT */
    int64_t timeout_ns; /* of each run and each call, time within host->call included; 0: none */
    int64_t cpu_ns; /* CPU time of the child in each run and each call; 0: no limit of its own */
    bool
        unsafe_libs; /* io, debug, all of os and package: the child is a plain process then, without the walls around it */
    const char *const
        *module_dirs; /* where require() looks for NAME.lua and NAME/init.lua, in this order */
    size_t n_module_dirs;
    const char *const *env; /* names of the environment variables that os.getenv() may see */
    size_t n_env;
    const char *
        api; /* the functions that scripts get: a name of rf_lua_apis (policy/lua/lua_child.h); NULL: only the language */
    const struct rf_lua_host *host; /* NULL: calls fail, print and log go nowhere */
};
#define RF_LUA_BOX_OPTIONS_INIT \
    {                           \
        .memory = 0             \
    }

struct rf_lua_box;

/* Starts the child. The options are copied, but for host, which must outlive the box. What containment the kernel lacks is logged, once per process. */
RF_MUST_USE int rf_lua_box_open(const struct rf_lua_box_options *options, struct rf_lua_box **out,
                                struct rf_err *err);
/* Ends the child, at once. NULL is fine. */
void rf_lua_box_close(struct rf_lua_box *box);
void rf_lua_box_closep(struct rf_lua_box **box); /* for RF_CLEANUP */

/*
 * Runs a chunk of text; errors begin with "<chunk>:LINE: ". Globals that it sets stay for later calls.
 * Branch on: -RFE_FAILED the script failed, err->msg is its error; -ETIMEDOUT it ran out of `timeout_ns` or `cpu_ns`; -RFE_TOO_LARGE it
 * ran out of memory (or is itself too large); -RFE_CANCELLED, -RFE_TERMINATED the program is to stop.
 */
RF_MUST_USE int rf_lua_box_run(struct rf_lua_box *box, const char *chunk, struct rf_slice text,
                               struct rf_err *err);
/*
 * Calls the global function `function` ("keep", or "a.b" for one in a table) with the elements of the array `args` (NULL: none), spelled as
 * policy/lua/lua_wire.h says (rf_lua_wire_to for documents); its first result in the same spelling in *result (a new reference; json null for nil). Codes as for run; -RFE_NOT_FOUND: no such function.
 */
RF_MUST_USE int rf_lua_box_call(struct rf_lua_box *box, const char *function, const json_t *args,
                                json_t **result, struct rf_err *err);
/* Whether there is such a function. */
RF_MUST_USE int rf_lua_box_has(struct rf_lua_box *box, const char *function, bool *has,
                               struct rf_err *err);
/* Where the last failure came from, several lines as Lua writes them; "" when there is none. Borrowed until the next use. */
const char *rf_lua_box_traceback(const struct rf_lua_box *box);
/* Bytes that the Lua state had at the end of the last run or call. */
size_t rf_lua_box_memory(const struct rf_lua_box *box);

#endif
