/* SPDX-License-Identifier: Apache-2.0 */
/* What an export is asked to carry. Made by the program from its arguments or a policy file; only read here. */
#ifndef RF_EXPORT_REQUEST_H
#define RF_EXPORT_REQUEST_H

#include "manifests/platform.h"
#include "manifests/reference.h"
#include "policy/retain.h"
#include "policy/verdict.h"
#include "regclient/client.h"

struct rf_export_item {
    struct rf_ref source;  /* registry, ocidir or ocifile; whole_repository: without tag */
    char *repository;      /* far side */
    char *tag;             /* far side; NULL: as at the source */
    bool whole_repository; /* every tag that `allow` lets through */
    bool (*allow)(void *ctx, const char *tag); /* NULL: all */
    void *allow_ctx;
    char *filter; /* what `allow` goes by, as a text: another one is another plan; NULL: all */
    struct rf_platform *platforms; /* of an index, only these children; n_platforms 0 = all */
    size_t n_platforms;
    bool single; /* with one platform: its image instead of the index */
    bool prune;  /* with platforms: a new index of them */
    bool referrers, digest_tags;
};

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
    bool strict;                /* what cannot be had is a failure, not a hole */
    struct rf_verdicts *policy; /* its carry() decides what travels; NULL: everything does */
    struct rf_client *client;
    void (*phase)(void *ctx, const char *what,
                  uint64_t total_bytes); /* a new phase of the run; or NULL */
    void (*progress)(void *ctx, uint64_t bytes);
    void *progress_ctx;
};

#endif
