/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pruning: what the connected side's rules let go, in the bundle that was applied last, is taken away here, if this side lets it go as well (design.md, 5.5).
 * Tags first; manifests when the grace time has passed since, by this side's clock. A candidate without tag is an image wanted by digest once, a referrer, or one that its tag
 * has left for a newer one: only its manifest goes.
 *
 * Never: a hole, what no bundle brought, a tag that points elsewhere now, what is in use, what a kept tag, index or referrer needs, what a rollback of the bundle
 * applied last would need, more than the cap.
 */
#ifndef RF_IMPORT_PRUNE_H
#define RF_IMPORT_PRUNE_H

#include "import/in_use.h"
#include "import/request.h"
#include "import/state.h"
#include "policy/retain.h"

struct rf_prune_request {
    const struct rf_import_request *base;
    const struct rf_retain *own; /* this side's rules; NULL or not read: it has none */
    const struct rf_in_use *in_use;
    const struct rf_bundle
        *bundle; /* NULL: the one that was applied last; else what it would be behind this one */
    bool plan;   /* writes nothing */
    bool confirmed;
    uint64_t confirm; /* the number that the user acknowledged */
    time_t now;
};

enum rf_prune_fate {
    RF_PRUNE_KEPT,    /* `reason` says why */
    RF_PRUNE_LET_GO,  /* its tag goes now; without a tag, the grace time begins */
    RF_PRUNE_WAITING, /* let go earlier; the grace time is running */
    RF_PRUNE_GONE,    /* nothing of it is there any more */
};
struct rf_prune_view;
struct rf_prune_item {
    char *repository, *tag; /* as the bundle names them; tag "" = none */
    struct rf_digest digest;
    enum rf_prune_fate fate;
    char *reason; /* by which rule of which side */
    /* of the run */
    struct rf_prune_view *view;
    uint32_t doc;
    struct rf_digest
        has; /* what its tag points to: this digest, or what an interrupted deletion left */
    bool tagged, done; /* its tag is there, and goes; was taken away */
    bool away;         /* neither the tag nor the manifest is there */
};
/* A manifest without a tag, which goes when the time has come. */
struct rf_prune_manifest {
    char *repository; /* of the destination */
    struct rf_digest digest;
    time_t since;
    bool due, deleted;
    bool needed; /* by what stays: it does not wait any more */
    bool
        again; /* it came again since it began to wait: so does its time, and that of what is below it */
    const char *kept; /* why it stays although it is due, or NULL */
    /* of the run */
    char *key;
    struct rf_prune_view *view;
    uint32_t doc;
};
/* What bundles brought and is not known to be away: nothing else is asked for. */
struct rf_prune_memory {
    bool set;
    struct rf_strings images; /* "repository of the destination@digest" */
    uint64_t records,
        taken_back; /* of the state's records so many are in it, and so many of them were taken back then */
    uint64_t standing;     /* the number of the record that stood last then, from 1; 0: none */
    struct rf_digest last; /* the bundle of the last record that is in it */
};
struct rf_prune_result {
    bool has_rules, registry;
    bool has_own_file, has_own; /* this side gave a file; it has a section retain */
    bool started, applied;      /* something was written; all was done */
    bool capped;                /* more would go than maxDelete allows */
    size_t own_rules;
    struct rf_digest bundle;
    uint64_t grace_s, known;
    struct rf_prune_item *items;
    size_t n, cap;
    struct rf_prune_manifest *manifests;
    size_t n_manifests, cap_manifests;
    struct rf_idmap by_key; /* of manifests */
    struct rf_prune_memory memory;
    uint64_t let_go, deleted, freed_bytes, freed_blobs;
    bool needs_confirmation; /* that was not given */
    char *empties;           /* a repository that would lose its last image, or NULL */
    char *refusal;           /* why nothing may be deleted, or NULL */
    size_t in_use_lists, in_use_names;
};
/* The address of *r must not change until release. */
void rf_prune_result_init(struct rf_prune_result *r);
void rf_prune_result_release(struct rf_prune_result *r);

/*
 * -RFE_USAGE: no bundle was applied here as far as the state knows. -RFE_REFUSED: the cap, or a number that is wrong or, of a run, has to be confirmed; nothing was deleted, and
 * the result says what would have been. `state` is open. Stopped at any moment, the same call again finishes.
 */
RF_MUST_USE int rf_prune(const struct rf_prune_request *req, struct rf_import_state *state,
                         struct rf_prune_result *out, struct rf_err *err);

void rf_prune_report_text(const struct rf_prune_result *r, bool plan, struct rf_buf *out);
void rf_prune_report_json(const struct rf_prune_result *r, bool plan, struct rf_buf *out);

/* ---- prune-<place>.json of the state: what waits, and what is not known to be away ---- */

/* Appends to r->manifests, sets r->memory. Absent: nothing waits. A damaged file is told and counts as lost: the grace time begins again, and all is asked for once more. */
RF_MUST_USE int rf_prune_state_load(const struct rf_import_state *s, const char *to,
                                    struct rf_prune_result *r, struct rf_err *err);
/* Those that are neither deleted nor needed, and the memory. */
RF_MUST_USE int rf_prune_state_store(const struct rf_import_state *s, const char *to,
                                     const struct rf_prune_result *r, struct rf_err *err);
/* Adds one unless it is there. */
struct rf_prune_manifest *rf_prune_add_manifest(struct rf_prune_result *r, const char *repository,
                                                const struct rf_digest *digest, time_t since);
struct rf_slice rf_prune_manifest_key(const void *ctx, uint32_t id); /* of the result's by_key */
/* NULL when it does not wait. Good until one is added. */
struct rf_prune_manifest *rf_prune_find_manifest(const struct rf_prune_result *r,
                                                 const char *repository,
                                                 const struct rf_digest *digest);

#endif
