/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of the box share: talking (lua_box.c), and starting the child and looking for modules (lua_box_start.c). */
#ifndef RF_POLICY_LUA_BOX_PRIVATE_H
#define RF_POLICY_LUA_BOX_PRIVATE_H

#include <sys/types.h>

#include "policy/lua/lua_box.h"

struct rf_lua_box {
    char *name;
    size_t memory_cap, memory_used;
    int64_t timeout_ns, cpu_ns;
    const struct rf_lua_host *host;
    char **module_dirs;
    size_t n_module_dirs;
    pid_t pid; /* 0: gone */
    int wait_status;
    int fd;            /* our end, does not block; -1: gone */
    struct rf_buf in;  /* frames that came, from `taken` on */
    struct rf_buf out; /* frames to go, from `sent` on */
    size_t taken, sent;
    char *trace;
};

/* The first message (taken over) and its answer. */
RF_MUST_USE int rf_lua_box_hello(struct rf_lua_box *box, json_t *wish, struct rf_err *err);
/* The text of a module and the name of its file: {"text":..., "file":...}, or only "file", where it was looked for. */
RF_MUST_USE int rf_lua_box_module(const struct rf_lua_box *box, const char *name, json_t **out,
                                  struct rf_err *err);

#endif
