/* SPDX-License-Identifier: Apache-2.0 */
/* Where an export reads from: repositories of registries, layouts. Opened once each. Bundles name layouts without their path. */
#ifndef RF_EXPORT_LOCATION_H
#define RF_EXPORT_LOCATION_H

#include "export/pulls.h"
#include "export/state.h"
#include "regclient/client.h"

struct rf_location {
    struct rf_place *place;
    char *repo; /* at the place */
    char *
        name; /* in bundles: "docker.io/library/alpine", "ocidir://NAME", "ocidir://NAME/repository" of a tree, "ocifile://NAME:repository" */
    char *real; /* "docker.io/library/alpine", "ocidir:///data/NAME" */
    char *path; /* of a layout, as it was opened; else NULL */
    bool registry;
    struct rf_pulls *
        pulls; /* that manifests are counted in; pull_source: as which of its registries, RF_NO_ID: not at all */
    uint32_t pull_source;
    char **tags; /* all of its tags in order, once listed */
    size_t n_tags, cap_tags;
    bool listed;
};

struct rf_locations {
    struct rf_client *client;
    struct rf_export_state *state;
    struct rf_pulls *pulls; /* the user's, set before the first is found; NULL: nobody counts */
    struct rf_location *list;
    size_t n, cap;
    struct rf_strings reals; /* the number of each is its index in list */
    struct rf_strings names;
    uint32_t *name_where; /* per name: its index in list */
    size_t cap_names;
};
void rf_locations_init(struct rf_locations *l, struct rf_client *client,
                       struct rf_export_state *state);
void rf_locations_release(struct rf_locations *l);
/* What a reference without tag and digest is called in bundles. The caller frees. */
char *rf_location_name(const struct rf_ref *ref);
/* The number of where a reference is read from. Two layouts of one name get different ones: NAME, NAME-2. Not thread-safe. */
RF_MUST_USE int rf_locations_find(struct rf_locations *l, const struct rf_ref *ref, uint32_t *where,
                                  struct rf_err *err);
/*
 * A tree of layouts that bundles call `name` ("ocidir://NAME"), remembered for rf_locations_find_source. A repository in it is called NAME/<repository>, so that
 * it keeps its name whatever else is there.
 */
RF_MUST_USE int rf_locations_add_tree(struct rf_locations *l, const char *name,
                                      const struct rf_ref *tree, struct rf_err *err);
RF_MUST_USE int rf_locations_find_in_tree(struct rf_locations *l, const char *name,
                                          const struct rf_ref *tree, const char *repository,
                                          uint32_t *where, struct rf_err *err);
/* Its number when it was found before, else RF_NO_ID. */
uint32_t rf_locations_known(const struct rf_locations *s, const struct rf_ref *ref);
/* The same for a source as it stands in a bundle; of a layout, its real path comes from the state. */
RF_MUST_USE int rf_locations_find_source(struct rf_locations *l, const char *source,
                                         uint32_t *where, struct rf_err *err);
/* Lists its tags, once. Not thread-safe. */
RF_MUST_USE int rf_location_tags(struct rf_location *l, struct rf_err *err);
/*
 * A cause of failure as bundles and reports show it behind `source`: what names the source once more at its start is cut off, and the local path of a
 * layout (path, or NULL) becomes its last folder. The caller frees.
 */
char *rf_location_reason(const char *source, const char *path, const char *cause);
/* "blob DIGEST: cause", or the cause alone when it names the blob. The caller frees. */
char *rf_location_blob_reason(const struct rf_digest *blob, const char *cause);

#endif
