/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging in to registries: Basic, and Bearer by token service in both forms (inventory 4.5, distribution token authentication).
 * Credentials go to the configured origin and to a realm that rule 11 of reliability-security allows, nowhere else.
 */
#ifndef RF_REGCLIENT_AUTH_H
#define RF_REGCLIENT_AUTH_H

#include "regclient/http.h"
#include "regclient/stats.h"

struct rf_auth; /* the state of one host: challenge seen, tokens by scope. Thread-safe. */
struct rf_auth *rf_auth_new(struct rf_http *http, struct rf_hosts *hosts,
                            const struct rf_host *host, struct rf_stats *stats);
void rf_auth_free(struct rf_auth *a);
/*
 * The value of the Authorization header for a request of `scope` ("repository:R:pull,push", several parts with blanks between, "registry:catalog:*", NULL none)
 * to `url`, or NULL when none is needed yet or `url` is not of the host's own origin. A token that expires within its margin is renewed first.
 * The caller wipes and frees *out. Fails with what the token service said: -RFE_DENIED is final, the retryable codes (base/error.h) may be tried
 * again; nothing is retried here.
 */
RF_MUST_USE int rf_auth_header(struct rf_auth *a, const struct rf_url *url, const char *scope,
                               char **out, struct rf_err *err);
/*
 * A 401 came for a request sent with `sent` (what rf_auth_header gave, or NULL). 0: try again, with what rf_auth_header gives then; a request that goes on being refused
 * gets there after a few rounds. -RFE_DENIED: final. Only answers of the host's own origin may be passed.
 */
RF_MUST_USE int rf_auth_challenge(struct rf_auth *a, const struct rf_url *url,
                                  const struct rf_headers *headers, const char *scope,
                                  const char *sent, struct rf_err *err);
/*
 * May we do `scope`? Asks the token service only (and the registry who that is, once). -RFE_DENIED: no, by its refusal or by a token that lacks it.
 * 0: yes, or it cannot be told (no login wanted, Basic, a token that cannot be read). Other codes: could not be asked.
 */
RF_MUST_USE int rf_auth_ask_scope(struct rf_auth *a, const char *scope, struct rf_err *err);

#endif
