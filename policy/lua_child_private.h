/* SPDX-License-Identifier: Apache-2.0 */
/* What both sides of a box have to agree on besides the frames. */
#ifndef RF_POLICY_LUA_CHILD_PRIVATE_H
#define RF_POLICY_LUA_CHILD_PRIVATE_H

#define RF_LUA_CHILD_FD 3 /* the child's end of the pair */

#endif
