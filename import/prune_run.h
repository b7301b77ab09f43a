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
/* import/prune_others.c: images that are neither selected nor candidates, which this side's rules count. */
struct rf_prune_other {
    char *repository, *tag;
    struct rf_digest digest;
};
/* lines: what bundles brought, as "repository:tag@digest". Those that are there still; the caller frees the list, also after a failure. */
RF_MUST_USE int rf_prune_others(struct rf_pruning *p, const struct rf_strings *lines,
                                struct rf_prune_other **out, size_t *n, struct rf_err *err);
void rf_prune_others_free(struct rf_prune_other *list, size_t n);
/* import/prune_find.c: which of the items are there, and have the digest that they were brought with. */
RF_MUST_USE int rf_prune_look(struct rf_pruning *p, struct rf_err *err);
/* What of the items and of the manifests that wait may go, as the destination is now. */
RF_MUST_USE int rf_prune_find(struct rf_pruning *p, struct rf_err *err);
/* import/prune_back.c: digests that a rollback of the bundle applied last would need become needed. */
RF_MUST_USE int rf_prune_protect_back(struct rf_pruning *p, struct rf_err *err);
/* import/prune_do.c */
RF_MUST_USE int rf_prune_carry_out(struct rf_pruning *p, struct rf_err *err);

#endif
