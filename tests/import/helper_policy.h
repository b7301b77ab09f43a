/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of import: a policy of this side, from the text of its script. */
#ifndef RF_TESTS_IMPORT_HELPER_POLICY_H
#define RF_TESTS_IMPORT_HELPER_POLICY_H

#include "tests/import/helper_import.h"

/* The script must run. The caller frees it (rf_verdicts_free). */
struct rf_verdicts *policy_of(const char *script);
/* One import with it, from end to end; script NULL: without. The caller releases a->result. */
void apply_with(struct applied *a, const char *script, const char *path, const struct how *how);
void plan_with(struct applied *a, const char *script, const char *path, const struct how *how);
/* Why the line was refused; NULL when it was not. Fails when there is no such line. */
const char *refusal_of(const struct applied *a, const char *repository, const char *tag);
/* A configuration with this user. The caller frees. */
char *config_of(const char *user);

/* Refuses an image whose configuration names the user root. */
extern const char no_root[];

#endif
