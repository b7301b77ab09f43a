/* SPDX-License-Identifier: Apache-2.0 */
/* What the steps of one import share: the bundle, the destination, what was found there, what was done. */
#ifndef RF_IMPORT_RUN_H
#define RF_IMPORT_RUN_H

#include "base/room.h"
#include "import/content.h"
#include "import/request.h"

#include <pthread.h>

struct rf_missing {
    uint32_t image;          /* in desired.images */
    struct rf_digest digest; /* what is missing for it */
    uint64_t size;
    bool manifest;
};

/* A tag that points to what no bundle brought, as far as is known: somebody else set it. */
struct rf_foreign {
    uint32_t image; /* in desired.images */
    struct rf_digest was;
};

/* Whether a carried list of referrers was there before the run. */
enum rf_list_there { RF_LIST_NOT_ASKED, RF_LIST_THERE, RF_LIST_ABSENT };

/* A list of referrers in which others listed some as well: they stay. */
struct rf_merged {
    uint32_t image; /* in desired.images */
    size_t others;
};

struct rf_import_counts {
    uint64_t blobs_uploaded, blobs_mounted, blobs_there, bytes_uploaded, bytes_mounted;
    uint64_t manifests_put, manifests_there, tags_set, tags_right;
    uint64_t probes; /* places where assumed or unchanged content was found */
    uint64_t
        requests; /* to a registry, of this run; forecast: of a whole run; 0 when it is no registry */
};

/* What the destination says that it still grants: pulls, that is manifests that are got. */
struct rf_import_rate {
    bool set;
    uint64_t remain, limit; /* limit 0: not said */
};

/* What a run would do, found out without writing. */
struct rf_import_forecast {
    struct rf_import_counts counts;
    uint64_t pulls; /* manifests that the run would get */
    uint64_t asked; /* manifests that this look ahead got itself */
    struct rf_rooms rooms;
};

struct rf_import_run {
    const struct rf_import_request *req;
    struct rf_bundle_file *file;
    const struct rf_bundle *doc;
    struct rf_content content;
    uint32_t *
        found; /* per blob: the repository (of doc->repositories) where assumed ground was found, or RF_NO_ID */
    struct rf_missing *missing;
    size_t n_missing, cap_missing;
    bool *lacking;   /* per image: its ground is missing, and the others go on without it */
    char **refused;  /* per image: why it was refused, or NULL */
    bool *by_policy; /* per image: it was the local policy that refused it, not the destination */
    bool *unasked;   /* per image: it could not be read for the policy */
    char **
        failed; /* per item of doc->lists (a manifest and a repository): why the destination refused it, or NULL */
    bool *needless; /* per item of doc->lists: only what is refused needs it there; NULL: none is */
    bool *idle; /* per repository of the bundle: nothing is to be written to it; NULL: none is */
    struct rf_foreign *foreign; /* of the tags that move */
    size_t n_foreign;
    struct rf_import_counts counts;
    struct rf_import_forecast forecast;
    struct rf_import_rate rate;
    struct rf_digest *tag_had;  /* per image: what its tag had before; NULL: not asked yet */
    struct rf_digest *tag_gets; /* with tag_had: what it gets */
    struct rf_digest *
        list_had; /* per image: what the tag of a list of referrers had before the run; NULL: not looked */
    uint8_t *
        list_there; /* per item of doc->lists: enum rf_list_there, of carried lists of referrers; NULL: not looked */
    struct rf_merged *merged;
    size_t n_merged;
    pthread_mutex_t lock; /* guards counts, forecast, content.edges, failed, refused, missing */
    size_t held;          /* so many of doc->repositories are held at the destination */
    bool repeated;        /* this bundle was applied here before */
};
/* `file` becomes the run's. */
void rf_run_init(struct rf_import_run *r, const struct rf_import_request *req,
                 struct rf_bundle_file *file);
void rf_run_release(struct rf_import_run *r);
/* The destination's repository for one of the bundle; the caller frees. */
char *rf_run_repo(const struct rf_import_run *r, const char *repository);
/* Manifest number `blob`: from the bundle (-RFE_DAMAGED when it is not what was verified), or from where the ground was found. */
RF_MUST_USE int rf_run_manifest(struct rf_import_run *r, uint32_t blob, struct rf_manifest **out,
                                struct rf_err *err);
void rf_run_add_missing(struct rf_import_run *r, size_t image, const struct rf_digest *d,
                        uint64_t size, bool manifest);
void rf_run_count(struct rf_import_run *r, uint64_t *counter, uint64_t n);
/* A failure of this code is about the destination as a whole, not about one image: it ends the run. */
bool rf_run_ends(int rc);
size_t rf_run_refused(const struct rf_import_run *r);
/* Of those refused, by the policy alone. */
size_t rf_run_by_policy(const struct rf_import_run *r);
/* An item of doc->lists that only images need which the policy refused. */
static inline bool rf_run_is_needless(const struct rf_import_run *r, uint32_t item)
{
    return r->needless != NULL && r->needless[item];
}
static inline bool rf_run_is_idle(const struct rf_import_run *r, size_t repository)
{
    return r->idle != NULL && r->idle[repository];
}
size_t rf_run_lacking(const struct rf_import_run *r);

#endif
