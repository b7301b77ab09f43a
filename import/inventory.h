/* SPDX-License-Identifier: Apache-2.0 */
/* Taking stock of a destination: what of a site's repositories can really be read there. */
#ifndef RF_IMPORT_INVENTORY_H
#define RF_IMPORT_INVENTORY_H

#include "import/request.h"
#include "import/state.h"
#include "layout/inventory.h"

struct rf_inventory_scope {
    const char *site; /* NULL: that of the bundle applied last, else "site" */
    const char *const
        *repositories; /* as bundles name them; none: those of the bundle applied last */
    size_t n;
};
/*
 * Every tag of these repositories, and what the bundle applied last has there without a tag: each manifest is got by digest, of each blob a byte is read, in
 * each repository for itself. What is whole goes into the snapshot of the initialised *out, an index of which some children are there with those alone;
 * what is not is listed by name. -RFE_USAGE when it is not known which repositories; fails when something could not be told.
 */
RF_MUST_USE int rf_inventory_take(const struct rf_import_request *req,
                                  const struct rf_inventory_scope *scope, struct rf_inventory *out,
                                  struct rf_err *err);

#endif
