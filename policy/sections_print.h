/* SPDX-License-Identifier: Apache-2.0 */
/* The sections of a policy file that regexport and regimport read beside regsync's: behind rf_policy_config_print, the whole file as it was understood. */
#ifndef RF_POLICY_SECTIONS_PRINT_H
#define RF_POLICY_SECTIONS_PRINT_H

#include "policy/config.h"

/* Those that are there. What is printed can be read again and says the same. */
void rf_policy_sections_print(const struct rf_policy_config *c, struct rf_buf *out);

#endif
