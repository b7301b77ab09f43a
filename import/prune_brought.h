/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What bundles brought to a destination, and what of it is there still as far as pruning knows. The documents of bundles tell the first. The second is a memory in prune-<place>.json:
 * an image that a run has found to be away, or has deleted and looked for once more in vain, is dropped from it, so that nobody asks for it again. It comes back when a later
 * bundle brings it.
 */
#ifndef RF_IMPORT_PRUNE_BROUGHT_H
#define RF_IMPORT_PRUNE_BROUGHT_H

#include "import/prune_run.h"

/* Of the bundles that were applied before the one that is pruned by. */
struct rf_prune_brought {
    struct rf_strings lines;  /* "repository:tag@digest" */
    struct rf_strings images; /* "repository@digest" */
    struct rf_buf *tags;      /* per image: the tags that it had, apart by blanks */
    size_t n, cap;
    bool any; /* this side remembers such bundles; else the connected side's word has to do */
};
void rf_prune_brought_init(struct rf_prune_brought *b);
void rf_prune_brought_release(struct rf_prune_brought *b);
/* The documents of bundles; also brings the memory of p->out up to date, and begins the grace time anew of what waits and came again. */
void rf_prune_brought_load(struct rf_pruning *p, struct rf_prune_brought *b);
/* Some bundle brought it, under this tag or, without one, under whatever tag; *former, of an image without tag: its tags, for the caller to free. */
bool rf_prune_was_brought(const struct rf_prune_brought *b, const struct rf_prune_item *it,
                          char **former);

/* `repository` as the bundle names it. */
bool rf_prune_is_remembered(const struct rf_pruning *p, const char *repository,
                            const struct rf_digest *digest);
/* At the end of a run: drops from the memory what is away, which of what was deleted is asked once more. */
void rf_prune_forget_gone(struct rf_pruning *p);

#endif
