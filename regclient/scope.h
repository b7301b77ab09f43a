/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scopes of access tokens (distribution "Token Scope Documentation"): space-separated parts `type:name:action,action`. NULL and "" are no scope.
 */
#ifndef RF_REGCLIENT_SCOPE_H
#define RF_REGCLIENT_SCOPE_H

#include "base/buf.h"

#define RF_SCOPE_MAX 4096

bool rf_scope_valid(const char *scope); /* visible ASCII and blanks, at most RF_SCOPE_MAX */
/* The next part from *at on; false at the end. *at starts at 0. */
bool rf_scope_next(const char *scope, size_t *at, struct rf_slice *part);
bool rf_scope_covers(
    const char *have,
    const char *want); /* each wanted action is among those of `have`; "*" is all of them */
/* All parts of `first`, then those of `second` that `first` does not cover. The caller frees. */
char *rf_scope_join(const char *first, const char *second);

enum rf_scope_answer { RF_SCOPE_UNKNOWN, RF_SCOPE_GRANTED, RF_SCOPE_WITHHELD };
/*
 * What a token says about a scope: services answer with less than was asked for instead of refusing. Tokens are opaque; a JSON web token with an "access"
 * claim can be read (unverified: the registry decides), any other is UNKNOWN.
 */
enum rf_scope_answer rf_scope_in_token(const char *token, const char *want);

#endif
