/* SPDX-License-Identifier: Apache-2.0 */
/* What of a policy file counts for one of its sites (docs/policy.md, "sites"). */
#ifndef RF_POLICY_CONFIG_SITE_H
#define RF_POLICY_CONFIG_SITE_H

#include "policy/config.h"

/*
 * Leaves of the file what counts for the site `name`: its steps, its `bundle` and `retain` in those of the file, and of the sites it alone, with its name, `to` and
 * `paths`. Applied once more it changes nothing. *out (may be NULL) is that site; NULL for a file without sites, where every name will do. -RFE_CONFIG names the sites
 * that there are.
 */
RF_MUST_USE int rf_policy_config_take_site(struct rf_policy_config *c, const char *name,
                                           const struct rf_site **out, struct rf_err *err);

#endif
