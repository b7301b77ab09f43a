/* SPDX-License-Identifier: Apache-2.0 */
/* A registry as a place: the distribution API (OCI distribution-spec 1.1, end-1 to end-14). */
#ifndef RF_REGCLIENT_REGISTRY_H
#define RF_REGCLIENT_REGISTRY_H

#include "layout/place.h"
#include "regclient/request.h"

/* `remote` stays the caller's and must outlive it. */
RF_MUST_USE int rf_registry_open(struct rf_remote *remote, struct rf_place **out, struct rf_err *err);
/* GET /v2/: 0 when it speaks the API and lets us in. */
RF_MUST_USE int rf_registry_ping(struct rf_place *p, struct rf_err *err);

#endif
