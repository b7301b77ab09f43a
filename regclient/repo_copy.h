/* SPDX-License-Identifier: Apache-2.0 */
/* Many images of one repository to another place. */
#ifndef RF_REGCLIENT_REPO_COPY_H
#define RF_REGCLIENT_REPO_COPY_H

#include "regclient/copy.h"

/*
 * Copies these tags, `at_once` images at a time. After a failure nothing new is begun; it is the one returned, with the tag in its message. *out
 * (may be NULL) sums up what was done, also by a run that failed.
 */
RF_MUST_USE int rf_repo_copy(struct rf_place *src, const char *src_repo, struct rf_place *dst,
                             const char *dst_repo, char *const *tags, size_t n, unsigned at_once,
                             const struct rf_copy_options *opts, struct rf_copy_result *out,
                             struct rf_err *err);

#endif
