/* SPDX-License-Identifier: Apache-2.0 */
/* A layer as text, one line for each member of its tar: what two of them differ in is what base/diff.h finds. */
#ifndef RF_REGCLIENT_LAYER_LIST_H
#define RF_REGCLIENT_LAYER_LIST_H

#include "layout/place.h"

#define RF_LAYER_LIST_MAX ((size_t)64 << 20) /* bytes of text */

struct rf_layer_list_options {
    bool no_times;
};
/*
 * Appends "-rw-r--r-- 0/0      123 2026-01-02T03:04:05Z etc/motd   sha256:..." for each member: mode, owner and group, size, time, name, and of a
 * file that is not empty the digest of its content. -RFE_TOO_LARGE over the cap of `out`.
 */
RF_MUST_USE int rf_layer_list(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                              uint64_t size, const struct rf_layer_list_options *opts,
                              struct rf_buf *out, struct rf_err *err);

#endif
