/* SPDX-License-Identifier: Apache-2.0 */
/* Where an export reads from: repositories of registries, layouts. Opened once each. Bundles name layouts without their path. */
#ifndef RF_EXPORT_LOCATION_H
#define RF_EXPORT_LOCATION_H

#include "export/state.h"
#include "regclient/client.h"

struct rf_location {
    struct rf_place *place;
    char *repo; /* at the place */
    char *name; /* in bundles: "docker.io/library/alpine", "ocidir://NAME" */
    char *real; /* "docker.io/library/alpine", "ocidir:///data/NAME" */
    bool registry;
    char **tags; /* all of its tags, once listed */
    size_t n_tags;
    bool listed;
};

struct rf_locations {
    struct rf_client *client;
    struct rf_export_state *state;
    struct rf_location *list;
    size_t n, cap;
};
void rf_locations_init(struct rf_locations *l, struct rf_client *client,
                       struct rf_export_state *state);
void rf_locations_release(struct rf_locations *l);
/* The number of where a reference is read from. Not thread-safe. */
RF_MUST_USE int rf_locations_find(struct rf_locations *l, const struct rf_ref *ref, uint32_t *where,
                                  struct rf_err *err);
/* The same for a source as it stands in a bundle; of a layout, its real path comes from the state. */
RF_MUST_USE int rf_locations_find_source(struct rf_locations *l, const char *source,
                                         uint32_t *where, struct rf_err *err);
/* Lists its tags, once. Not thread-safe. */
RF_MUST_USE int rf_location_tags(struct rf_location *l, struct rf_err *err);

#endif
