/* SPDX-License-Identifier: Apache-2.0 */
/* Which program this is, under the names that scripts know from upstream's programs. */
#ifndef RF_POLICY_OBJECT_VERSION_H
#define RF_POLICY_OBJECT_VERSION_H

#include "base/value.h"

struct rf_version_info {
    const char *compiler, *language, *platform, *commit, *date, *ref, *state, *tag;
};
/* Of this build. What a build does not know of its sources is "unknown". */
const struct rf_version_info *rf_version_info(void);
/* version.Info; printPretty is one line for each field. */
extern const struct rf_type rf_type_version;

#endif
