/* SPDX-License-Identifier: Apache-2.0 */
/* What an export is asked to carry. Made by the program from its arguments or a policy file; only read here. */
#ifndef RF_EXPORT_REQUEST_H
#define RF_EXPORT_REQUEST_H

#include "manifests/platform.h"
#include "manifests/reference.h"
#include "policy/path_map.h"
#include "policy/retain.h"
#include "policy/step.h"
#include "policy/verdict.h"
#include "regclient/client.h"

struct rf_export_item {
    struct rf_ref source; /* registry, ocidir or ocifile; whole_repository: without tag */
    char *
        registry; /* all of its repositories; `repository` goes before their names then, and may be "". Instead of source, but for a tree of layouts: then `source` is where that lies, and this what bundles call it */
    const struct rf_path_map
        *paths;       /* with registry: what its repositories are called then; NULL: as they are */
    char *repository; /* far side */
    char *tag;        /* far side; NULL: as at the source */
    bool whole_repository; /* every tag that the step takes; with registry, too */
    const struct rf_step
        *step; /* whose names, kinds and referrers count; NULL: all. Outlives the request */
    char *
        rules; /* what the step says of these, as a text: another one is another plan. NULL: nothing */
    struct rf_platform *platforms; /* of an index, only these children; n_platforms 0 = all */
    size_t n_platforms;
    bool single; /* with one platform: its image instead of the index */
    bool prune;  /* with platforms: a new index of them */
    bool referrers, digest_tags;
    bool slow_referrers;   /* look into every tag for referrers, too */
    bool include_external; /* layers with urls travel, too */
    struct rf_ref
        referrers_from; /* a repository that has the referrers; empty: where the image is */
    char *referrers_to; /* their repository on the far side; NULL: the image's */
};
/* Referrers are not beside their images: then only those of the images count, and theirs, without digest tags and children. */
static inline bool rf_export_item_outside(const struct rf_export_item *it)
{
    return it->referrers && (it->referrers_from.text != NULL || it->referrers_to != NULL);
}

struct rf_export_request {
    const char *site;
    const char *state_dir; /* of this site */
    struct rf_export_item *items;
    size_t n_items;
    bool full;
    const char *const *
        bases; /* snapshot digests (or at least 8 hex digits of one), files of bundles or inventories, "confirmed"; none: the last one exported */
    size_t n_bases;
    const char *repair; /* the file of a request to answer instead of all this; or NULL */
    const struct rf_retain *retain; /* NULL or not read: nothing is given up */
    time_t as_of;                   /* ages are measured against it */
    bool as_of_given;               /* by the user, so that it tells one request from another */
    unsigned parallel;              /* 0 = 4 */
    bool replan;
    bool waits;                 /* for a registry's limit, as steps ask for; else that is refused */
    bool strict;                /* what cannot be had is a failure, not a hole */
    struct rf_verdicts *policy; /* its carry() decides what travels; NULL: everything does */
    const char *policy_file;    /* its name, for reports; NULL: there is none */
    struct rf_client *client;
    void (*phase)(void *ctx, const char *what,
                  uint64_t total_bytes); /* a new phase of the run; or NULL */
    void (*progress)(void *ctx, uint64_t bytes);
    void *progress_ctx;
};

#endif
