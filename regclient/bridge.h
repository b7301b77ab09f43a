/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place where two transfers are joined: what one registry sends is what another gets, through one bounded buffer. Neither end
 * blocks; an end that cannot go on answers -RFE_AGAIN and is asked again once the other end has moved (rf_http_kick).
 *
 *     struct rf_bridge *b = rf_bridge_new(from_http, to_http);
 *     thread 1: rc = get(..., rf_bridge_sink(b));    rf_bridge_close_sink(b, rc, &err);
 *     thread 2: rc = put(..., rf_bridge_source(b));  rf_bridge_close_source(b, rc, &err);
 *     rf_bridge_free(b);
 *
 * A receiving end that is no transfer (`to` NULL) waits in its thread for what comes: rf_source_read does not answer -RFE_AGAIN there.
 *
 * Closing an end with a failure makes the other end fail with it; closing the sink with 0 is the end of the content.
 */
#ifndef RF_REGCLIENT_BRIDGE_H
#define RF_REGCLIENT_BRIDGE_H

#include "regclient/http.h"

#define RF_BRIDGE_BYTES (128u << 10)

struct rf_bridge;
struct rf_bridge *rf_bridge_new(struct rf_http *from, struct rf_http *to);
void rf_bridge_free(struct rf_bridge *b);
struct rf_sink *rf_bridge_sink(struct rf_bridge *b);     /* the bridge's; freeing it does nothing */
struct rf_source *rf_bridge_source(struct rf_bridge *b); /* the bridge's; freeing it does nothing */
/* True when the failure is this end's own, not the other end's passed on. */
bool rf_bridge_close_sink(struct rf_bridge *b, int rc, const struct rf_err *why);
void rf_bridge_close_source(struct rf_bridge *b, int rc, const struct rf_err *why);

#endif
