/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives up what a process can do, for good: limits, Landlock (no file, no TCP, no abstract socket) and seccomp (an allow-list of system calls).
 * What the kernel lacks is left out and reported; the limits hold everywhere.
 */
#ifndef RF_POLICY_LUA_JAIL_H
#define RF_POLICY_LUA_JAIL_H

#include <stdbool.h>
#include <stddef.h>

struct rf_lua_jail {
    int fd;        /* the one descriptor that may be read and written */
    size_t memory; /* bytes that the process may map beyond what it has now */
};
/* What could not be had; NULL where it is in force. Fixed texts. */
struct rf_lua_jail_gaps {
    const char *landlock, *seccomp;
};
/* First, for every child: ends with its parent, shows no memory to others, gains nothing by exec, leaves no core. */
void rf_lua_jail_basics(void);
/* False: not even the limits could be set. Files that will be needed must be open before. */
bool rf_lua_jail_enter(const struct rf_lua_jail *jail, struct rf_lua_jail_gaps *gaps);

#endif
