/* SPDX-License-Identifier: Apache-2.0 */
/* Where the blobs of a recorded snapshot can be had: at the sources of the images that have them. For repairs (export/repair.h). */
#ifndef RF_EXPORT_REPAIR_SOURCES_H
#define RF_EXPORT_REPAIR_SOURCES_H

#include "export/location.h"
#include "export/request.h"
#include "layout/graph.h"

/* Blobs are numbers of the snapshot's. */
struct rf_repair_sources {
    const struct rf_export_request *req;
    struct rf_export_state *state;
    const struct rf_snapshot *s;
    struct rf_locations locations;
    uint32_t *where; /* per line: in locations; RF_NO_ID: it cannot be opened */
    char *why;       /* the first that cannot */
    uint32_t *
        places; /* per blob RF_REPAIR_PLACES of them: locations of lines that have it; RF_NO_ID: no more */
    struct rf_graph graph;
};
#define RF_REPAIR_PLACES 4u

/* The address of *src must not change until release. `s` outlives it. */
void rf_repair_sources_init(struct rf_repair_sources *src, const struct rf_export_request *req,
                            struct rf_export_state *state, const struct rf_snapshot *s);
void rf_repair_sources_release(struct rf_repair_sources *src);
/* Adds a manifest; rf_repair_sources_walk then reads all manifests below those added. One that cannot be read is marked. */
void rf_repair_sources_add(struct rf_repair_sources *src, uint32_t manifest);
RF_MUST_USE int rf_repair_sources_walk(struct rf_repair_sources *src, struct rf_err *err);
/* All blobs below (and including) a manifest that was added; the caller frees *out. */
RF_MUST_USE int rf_repair_sources_below(const struct rf_repair_sources *src, uint32_t manifest,
                                        uint32_t **out, size_t *n, struct rf_err *err);
/* Asks for each of these blobs. failed[blob] gets the reason (malloc'd) of what cannot be had; *bytes what is still to be fetched. */
RF_MUST_USE int rf_repair_sources_ask(struct rf_repair_sources *src, const uint32_t *blobs,
                                      size_t n, char **failed, uint64_t *bytes, struct rf_err *err);
/* Lines whose source cannot be opened no longer travel in this snapshot (of the same lines): they are not to be read from. */
void rf_repair_sources_exclude(const struct rf_repair_sources *src, struct rf_snapshot *s);

#endif
