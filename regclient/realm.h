/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which token service may see a login (reliability-security rows 11 and 12). A registry names its token service in a header, that is,
 * in text that whoever answers for the registry can choose.
 */
#ifndef RF_REGCLIENT_REALM_H
#define RF_REGCLIENT_REALM_H

#include "regclient/hosts.h"
#include "regclient/url.h"

enum rf_realm_trust {
    RF_REALM_ANONYMOUS, /* may be asked, without any login */
    RF_REALM_LOGIN,
};

/*
 * Judges the token service of a registry. LOGIN: same host, its parent or sub-domain, a sibling under one parent domain, a built-in pair, or
 * named by apiOpts tokenHost of `host`. -RFE_DENIED for plain http under an https registry.
 */
RF_MUST_USE int rf_realm_judge(const struct rf_url *registry, const struct rf_url *realm,
                               const struct rf_host *host, enum rf_realm_trust *out,
                               struct rf_err *err);
/*
 * enum rf_addr_class bits of the registry's own neighbourhood: 0 unless all its addresses are loopback, link-local and so on. A token service elsewhere may
 * then be there as well. May ask the resolver.
 */
unsigned rf_realm_neighbourhood(const struct rf_url *registry);

#endif
