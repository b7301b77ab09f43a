/* SPDX-License-Identifier: Apache-2.0 */
/* The sets of functions that a box can offer. A new one: its struct rf_lua_api in a file of its own, and its row here. */
#include "policy/lua/lua_child.h"

#include <stddef.h>

extern const struct rf_lua_api rf_lua_api_host, rf_lua_api_regbot, rf_lua_api_policy;

const struct rf_lua_api *const rf_lua_apis[] = {
    &rf_lua_api_host,
    &rf_lua_api_regbot,
    &rf_lua_api_policy,
    NULL,
};
