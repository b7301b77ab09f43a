/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration with all defaults in it, as YAML: what `regsync config` prints, in upstream's order and spelling. Secrets are in it. */
#ifndef RF_POLICY_CONFIG_PRINT_H
#define RF_POLICY_CONFIG_PRINT_H

#include "policy/config.h"

void rf_policy_config_print(const struct rf_policy_config *c, struct rf_buf *out);

#endif
