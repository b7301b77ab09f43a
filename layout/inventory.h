/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An inventory: what a destination really has of a site's repositories, every manifest and blob of it read there. Its snapshot can be a base. One of the
 * companion files (docs/companion-files.md).
 */
#ifndef RF_LAYOUT_INVENTORY_H
#define RF_LAYOUT_INVENTORY_H

#include "layout/companion.h"
#include "layout/snapshot.h"

/* An image that is tagged there and cannot be read whole. */
struct rf_unwhole {
    struct rf_companion_image image; /* in the inventory's strings */
    uint32_t reason;
};

struct rf_inventory {
    struct rf_snapshot snapshot; /* the whole images; their source is "" */
    char *destination, *time, *tool;
    struct rf_strings strings;
    struct rf_unwhole *unwhole;
    size_t n_unwhole, cap_unwhole;
};
/* The address of *v must not change until release. */
void rf_inventory_init(struct rf_inventory *v);
void rf_inventory_release(struct rf_inventory *v);
void rf_inventory_add_unwhole(struct rf_inventory *v, const char *repository, const char *tag,
                              const struct rf_digest *digest, const char *reason);
/* Seals the snapshot, sorts, and appends the document. -RFE_TOO_LARGE. */
RF_MUST_USE int rf_inventory_write(struct rf_inventory *v, struct rf_buf *out, struct rf_err *err);
/* Into an initialised *v. -RFE_INVALID, -RFE_UNSUPPORTED, -RFE_NOT_FOUND. */
RF_MUST_USE int rf_inventory_load(struct rf_inventory *v, const char *path, struct rf_err *err);

#endif
