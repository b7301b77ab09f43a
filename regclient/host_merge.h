/* SPDX-License-Identifier: Apache-2.0 */
/* One registry's settings laid over another's, and the checks that every source of settings goes through. */
#ifndef RF_REGCLIENT_HOST_MERGE_H
#define RF_REGCLIENT_HOST_MERGE_H

#include "regclient/hosts.h"

#define RF_HUB_NAME "docker.io"
#define RF_HUB_HOSTNAME "registry-1.docker.io"
#define RF_HUB_CRED_HOST "https://index.docker.io/v1/"

/*
 * The name under which settings are kept: the registry of `text`, which may carry http(s):// and, for Docker Hub, /v1/. *exact (may be NULL) is false when a
 * path stood behind it. NULL when it is no registry name. The caller frees.
 */
char *rf_host_name_of(const char *text, bool *exact);
/* Checks every field that is said. -RFE_CONFIG `hostname "x": ...`; no secret is in the message. */
RF_MUST_USE int rf_host_check(const struct rf_host *h, struct rf_err *err);
/* Lays `from` over `to`, field by field. With `loud`, a changed field is a WARN line. */
void rf_host_merge(struct rf_host *to, const struct rf_host *from, bool loud);
/* "enabled", "insecure", "disabled" in any case; "" and "undefined" are UNSET. -RFE_CONFIG. */
RF_MUST_USE int rf_tls_parse(const char *text, enum rf_tls *out, struct rf_err *err);
const char *rf_tls_name(enum rf_tls tls); /* "undefined" when UNSET, as upstream's log lines */

#endif
