/* SPDX-License-Identifier: Apache-2.0 */
/* What the steps of one pruning share. Part of import/prune.h. */
#ifndef RF_IMPORT_PRUNE_RUN_H
#define RF_IMPORT_PRUNE_RUN_H

#include "import/prune.h"
#include "import/prune_view.h"

struct rf_pruning {
    const struct rf_prune_request *req;
    struct rf_import_state *state;
    struct rf_prune_result *out;
    struct rf_bundle last;
    const struct rf_bundle *bundle; /* `last`, or the caller's */
    bool is_last;                   /* it is the one that was applied last */
    unsigned threads;
    char **
        former; /* per item, the tags that earlier bundles gave an image without tag, apart by blanks; or NULL */
    struct rf_strings brought; /* by earlier bundles, as "repository@digest" */
    struct rf_prune_reader reader;
    struct rf_prune_views views;
};

/* The repository of the destination; the caller frees. */
char *rf_prune_repo(const struct rf_pruning *p, const char *name);
void rf_prune_set_fate(struct rf_prune_item *it, enum rf_prune_fate fate, char *reason);
void rf_prune_phase(const struct rf_pruning *p, const char *what);
static inline bool rf_prune_is_local(const struct rf_pruning *p)
{
    return (p->req->base->to->flags & RF_PLACE_LOCAL) != 0;
}

/* import/prune_rules.c: the candidates as items, and what the rules and the keep() of this side say of them. */
RF_MUST_USE int rf_prune_judge(struct rf_pruning *p, struct rf_err *err);
/* import/prune_find.c: what of the items and of the manifests that wait may go, as the destination is now. */
RF_MUST_USE int rf_prune_find(struct rf_pruning *p, struct rf_err *err);
/* import/prune_back.c: digests that a rollback of the bundle applied last would need become needed. */
RF_MUST_USE int rf_prune_protect_back(struct rf_pruning *p, struct rf_err *err);
/* import/prune_do.c */
RF_MUST_USE int rf_prune_carry_out(struct rf_pruning *p, struct rf_err *err);

#endif
