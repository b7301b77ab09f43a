/* SPDX-License-Identifier: Apache-2.0 */
/* Where a program keeps what it remembers of a site. */
#ifndef RF_POLICY_STATE_DIR_H
#define RF_POLICY_STATE_DIR_H

#include "base/error.h"

/* ${XDG_STATE_HOME:-~/.local/state}/regferry/<side>/<site>; side is "export" or "import". -RFE_CONFIG without a home. The caller frees *out. */
RF_MUST_USE int rf_state_dir_default(const char *side, const char *site, char **out,
                                     struct rf_err *err);
/*
 * Makes the folder and those in it, takes its lock (*lock, the caller's; -RFE_BUSY after wait_ms), and removes what killed runs left half written. *lock is
 * the lock's also when what comes behind it fails.
 */
RF_MUST_USE int rf_state_dir_open(const char *dir, const char *const *folders, size_t n,
                                  unsigned wait_ms, int *lock, struct rf_err *err);
/* Writes the site's name into the folder on first use; another site's folder is -RFE_USAGE, so that histories cannot mix. */
RF_MUST_USE int rf_state_dir_claim(const char *dir, const char *site, struct rf_err *err);

#endif
