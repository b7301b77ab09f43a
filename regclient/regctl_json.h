/* SPDX-License-Identifier: Apache-2.0 */
/* regctl's configuration as text, to the byte as upstream's program writes it. */
#ifndef RF_REGCLIENT_REGCTL_JSON_H
#define RF_REGCLIENT_REGCTL_JSON_H

#include "base/json.h"

/*
 * Appends the document: two blanks for each level, the known keys in upstream's order and without those that are empty, 0 or false, maps
 * sorted, durations and TLS modes in their one spelling, `<`, `>` and `&` escaped, no newline at the end. Keys that upstream does
 * not know stand behind the others, as they were.
 */
void rf_regctl_json(struct rf_buf *out, const json_t *doc);

#endif
