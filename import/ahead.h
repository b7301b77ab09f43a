/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A destination as it will be when bundles have been applied that are only planned. It is a place over the real one: what a planned bundle would have brought is answered from
 * that bundle, everything else below. Nothing can be written to it. Plans of several bundles are made on it, one after the other.
 *
 *     ahead = rf_ahead_new(real);  req.to = rf_ahead_place(ahead);  req.ahead = ahead;
 *     rf_import_plan(&req, path, result, err);  rf_ahead_enter(ahead, result, state_dir);   ... the next
 */
#ifndef RF_IMPORT_AHEAD_H
#define RF_IMPORT_AHEAD_H

#include "import/import.h"
#include "import/state.h"

struct rf_ahead;
/* `below` is borrowed. */
struct rf_ahead *rf_ahead_new(struct rf_place *below);
void rf_ahead_free(struct rf_ahead *a);
void rf_ahead_freep(struct rf_ahead **a);
struct rf_place *rf_ahead_place(struct rf_ahead *a);
/* The real place: of one that is ahead the one below it, else the place itself. */
struct rf_place *rf_ahead_below(struct rf_place *p);

/* From now on the plan counts as done. `planned` is heap memory, and becomes the list's. Its request must live as long. */
void rf_ahead_enter(struct rf_ahead *a, struct rf_import_result *planned, const char *state_dir);
/* While a plan is made: a list of referrers that it would make of two. */
void rf_ahead_add_list(struct rf_ahead *a, const char *repo, const struct rf_manifest *list);
/* What an import would remember by then; the state must not be written. */
void rf_ahead_remember(const struct rf_ahead *a, struct rf_import_state *s, const char *dir,
                       const char *to);

/* What it answered by itself; in an import these are requests to a registry, and manifests that are got. */
uint64_t rf_ahead_requests(const struct rf_ahead *a);
uint64_t rf_ahead_pulls(const struct rf_ahead *a);
/* Pulls and bytes that the planned ones take before. */
uint64_t rf_ahead_pulls_planned(const struct rf_ahead *a);
uint64_t rf_ahead_room_planned(const struct rf_ahead *a, dev_t device);

#endif
