/* SPDX-License-Identifier: Apache-2.0 */
/* The items of a request, from arguments and from a policy file. */
#ifndef RF_EXPORT_ITEMS_H
#define RF_EXPORT_ITEMS_H

#include "export/request.h"
#include "policy/config.h"

/* What the command line says for all items. */
struct rf_item_options {
    const char *const *platforms; /* "linux/amd64"; over what steps say */
    size_t n_platforms;
    bool prune, referrers, digest_tags;
    const struct rf_path_map *paths; /* of the site; NULL: none. Outlives the items */
};

struct rf_items {
    struct rf_export_item *list;
    size_t n, cap;
};
void rf_items_release(struct rf_items *items);
/* SOURCE or SOURCE=PATH[:TAG]; PATH is the name that is meant, whatever the site's paths say. -RFE_USAGE. */
RF_MUST_USE int rf_items_add_arg(struct rf_items *items, const char *arg,
                                 const struct rf_item_options *opts, struct rf_err *err);
/* Every step of the file, which must outlive the items (its filters are used). -RFE_CONFIG with line and column. */
RF_MUST_USE int rf_items_add_config(struct rf_items *items, const struct rf_policy_config *config,
                                    const struct rf_item_options *opts, struct rf_err *err);

#endif
