/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests read from registries that count them ("pulls"), within what the registry says is left (RateLimit-Remaining) and what the steps want to leave
 * (`ratelimit.min`; of several steps for one registry the largest). HEAD, blobs and lists are not counted anywhere that is known.
 *
 *     rf_pulls_ahead(p, needs, err)                          so many are to be read: do they fit?
 *     rf_pulls_enter(p, number, at, &digest, err); ... rf_pulls_leave(p, number, kept);     around each
 */
#ifndef RF_EXPORT_PULLS_H
#define RF_EXPORT_PULLS_H

#include "export/request.h"

/* One registry. */
struct rf_pull_source {
    struct rf_place *place;
    int64_t min;       /* to be left */
    uint64_t retry_ns; /* between two looks when there is less */
    uint64_t under_way;
    uint64_t kept, kept_configs; /* read into the state: they need not be read again */
    bool sleeping;               /* somebody waits for more to be granted */
};

struct rf_pulls;
struct rf_pulls *rf_pulls_new(const struct rf_export_request *req); /* req outlives it */
void rf_pulls_free(struct rf_pulls *p);                             /* accepts NULL */
/* The number of the place's registry; RF_NO_ID: it is none. Not thread-safe. */
uint32_t rf_pulls_source(struct rf_pulls *p, struct rf_place *place);
size_t rf_pulls_count(const struct rf_pulls *p);
const struct rf_pull_source *rf_pulls_get(const struct rf_pulls *p, size_t number);
/* Some registry limits pulls, or a step wants some left: only then does it matter what comes. */
bool rf_pulls_matter(const struct rf_pulls *p);
/*
 * needs[i]: how many manifests are to be read from registry i. -RFE_REFUSED names the registry, the shortfall and the next step; where the run waits for
 * what its steps want to leave, only a limit that can never be kept is refused.
 */
RF_MUST_USE int rf_pulls_ahead(struct rf_pulls *p, const uint64_t *needs, struct rf_err *err);
/* Before one is read; waits, or is refused as above. `repo`, `digest`: what can be asked for to see what is left. Any thread. */
RF_MUST_USE int rf_pulls_enter(struct rf_pulls *p, uint32_t number, const char *repo,
                               const struct rf_digest *digest, struct rf_err *err);
void rf_pulls_leave(struct rf_pulls *p, uint32_t number, bool kept);
void rf_pulls_kept_config(struct rf_pulls *p, uint32_t number);

/* What the above asks of registries, for tests. */
struct rf_pulls_ways {
    struct rf_remote_limit (*limit)(void *ctx, struct rf_place *place);
    int (*look)(void *ctx, struct rf_place *place, const char *repo, const struct rf_digest *digest,
                struct rf_err *err); /* brings the limit up to date */
    int (*sleep)(void *ctx, uint64_t ms, struct rf_err *err);
    bool (*counts)(void *ctx, struct rf_place *place); /* it is a registry */
    void *ctx;
};
void rf_pulls_set_ways(struct rf_pulls *p, const struct rf_pulls_ways *ways);

#endif
