/* SPDX-License-Identifier: Apache-2.0 */
/* Image configurations (OCI image-spec config.md; Docker's are the same in what is read here). */
#ifndef RF_MANIFESTS_CONFIG_H
#define RF_MANIFESTS_CONFIG_H

#include "base/digest.h"
#include "manifests/platform.h"

#include <time.h>

#define RF_CONFIG_MAX (8u << 20)

struct rf_config {
    struct rf_platform platform;
    bool has_created;
    time_t created;
    char *author;   /* or NULL */
    json_t *labels; /* an object of strings, or NULL */
    struct rf_digest *diff_ids;
    size_t n_diff_ids;
    json_t *doc; /* the whole document, read-only */
};
/* -RFE_INVALID with the path of the wrong field. *out belongs to the caller. */
RF_MUST_USE int rf_config_parse(struct rf_slice bytes, struct rf_config **out, struct rf_err *err);
void rf_config_free(struct rf_config *c);
void rf_config_freep(struct rf_config **c);

#endif
