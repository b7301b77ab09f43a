/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Docker's credential helpers: small programs that answer `get` with a login. What reaches them and what comes back is bounded
 * (reliability-security row 20): a checked server name, no shell, 64 KiB, 30 s.
 */
#ifndef RF_REGCLIENT_CRED_HELPER_H
#define RF_REGCLIENT_CRED_HELPER_H

#include "base/buf.h"

#define RF_CRED_HELPER_PREFIX "docker-credential-"
#define RF_CRED_HELPER_OUTPUT_MAX (64u << 10)
#define RF_CRED_HELPER_MS 30000

/* A login; each part may be NULL. `token` is an identity token. */
struct rf_login {
    char *user, *pass, *token;
};
void rf_login_release(struct rf_login *l); /* wipes */

bool rf_cred_helper_name_valid(
    const char *program); /* [A-Za-z0-9._-]+, not starting with '.' or '-', no path */
bool rf_cred_helper_server_valid(
    const char *server); /* a registry name, with or without http(s):// and a plain path */

/* Runs `<program> get`. 0 with an empty login when the helper has none for the server. Takes up to 30 s. */
RF_MUST_USE int rf_cred_helper_get(const char *program, const char *server, struct rf_login *out,
                                   struct rf_err *err);
/* Runs `<program> store`: keeps the login; a user "<token>" says that the password is an identity token. -RFE_DENIED when it refuses. */
RF_MUST_USE int rf_cred_helper_store(const char *program, const char *server, const char *user,
                                     const char *pass, struct rf_err *err);
/* Runs `<program> erase`: 0 also when it had none. */
RF_MUST_USE int rf_cred_helper_erase(const char *program, const char *server, struct rf_err *err);
/* What a helper printed, as a login for `server`. */
RF_MUST_USE int rf_cred_helper_parse(struct rf_slice output, const char *server,
                                     struct rf_login *out, struct rf_err *err);

#endif
