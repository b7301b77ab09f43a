/* SPDX-License-Identifier: Apache-2.0 */
/* What both sides of a box have to agree on besides the frames. */
#ifndef RF_POLICY_LUA_CHILD_PRIVATE_H
#define RF_POLICY_LUA_CHILD_PRIVATE_H

#define RF_LUA_CHILD_FD 3 /* the child's end of the pair */

/* Sanitizers need system calls and address space that the walls do not grant. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RF_LUA_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RF_LUA_SANITIZED 1
#endif
#endif
#ifndef RF_LUA_SANITIZED
#define RF_LUA_SANITIZED 0
#endif

#endif
