/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner of regsync: all steps of a file, once; or single steps, as a server calls for them. What it did is remembered per step, for metrics.
 *
 *     rf_sync_new(config, client, &setup, &sync);
 *     rf_sync_all(sync, RF_SYNC_COPY, &report, err);    -RFE_FAILED when anything did; the texts are in the report
 *     rf_sync_report_release(&report);  rf_sync_free(sync);
 */
#ifndef RF_POLICY_SYNC_RUN_H
#define RF_POLICY_SYNC_RUN_H

#include "policy/config.h"
#include "policy/sync/sync_ledger.h"

struct rf_sync_setup {
    bool abort_on_error;    /* nothing new is begun after a failure */
    bool hooks;             /* run those of the file; else they are told of once */
    bool checks;            /* nothing but RF_SYNC_CHECK is asked for: no hook would run anyway */
    bool keep_images;       /* reports name every image */
    unsigned shard, shards; /* only the steps of this share, 1 to shards; 0: all */
    int (*sleep)(uint64_t ms, struct rf_err *err); /* NULL: the real one; for tests */
    struct rf_sync_ledger
        *ledger; /* shared by the runners of one server, and outlives them; NULL: one of its own */
};

struct rf_sync;
/* Both stay the caller's and must outlive it. */
struct rf_sync *rf_sync_new(const struct rf_policy_config *config, struct rf_client *client,
                            const struct rf_sync_setup *setup);
void rf_sync_free(struct rf_sync *s); /* nothing may be running */
void rf_sync_freep(struct rf_sync **s);

struct rf_sync_report {
    struct rf_sync_report_step *steps; /* those that were run, in the file's order */
    size_t n_steps;
};
void rf_sync_report_release(struct rf_sync_report *r);

/*
 * Every step of the share. With `parallel` in the file's defaults each in its own thread, else one after the other; one that waits for a rate limit
 * lets the next begin, up to 512 of them. *out is filled in any case.
 */
RF_MUST_USE int rf_sync_all(struct rf_sync *s, enum rf_sync_mode mode, struct rf_sync_report *out,
                            struct rf_err *err);
/*
 * One step. One that runs already, by whatever file, is passed over; with RF_SYNC_MISSING its end is waited for. What a run of RF_SYNC_COPY has left when it was retired, the
 * next one does, of whatever mode. Any thread.
 */
RF_MUST_USE int rf_sync_one(struct rf_sync *s, size_t step, enum rf_sync_mode mode,
                            struct rf_sync_report_step *out, struct rf_err *err);

/* rf_sync_all is through with that step. Any thread. */
bool rf_sync_passed(const struct rf_sync *s, size_t step);
/*
 * Another file has taken the place: no step is begun any more, every step ends after the images that are being copied, and nobody waits for a rate limit or for a place among
 * the copies. Any thread.
 */
void rf_sync_retire(struct rf_sync *s);

/* The steps of the share, 0..n-1, by their place in the file. */
size_t rf_sync_steps(const struct rf_sync *s);
const struct rf_step *rf_sync_step(const struct rf_sync *s, size_t step);
/* Steps of two files are the same when they have the same name: type, source and target. In one file each has another. */
const char *rf_sync_step_name(const struct rf_sync *s, size_t step);
/* Which share a step belongs to: 1 to shards. The same on every machine and in every version. */
unsigned rf_sync_shard_of(const struct rf_step *step, unsigned shards);

/* What is known of a step so far; with the ledger of a server, also from the files before. */
void rf_sync_status_of(const struct rf_sync *s, size_t step, struct rf_sync_status *out);

/* Images that a check found to be out of date. */
uint64_t rf_sync_report_needed(const struct rf_sync_report *r);
/* Appends every failure, one a line. */
void rf_sync_report_errors(const struct rf_sync_report *r, struct rf_buf *out);
/* {"steps":[{"source","target","type","images":[...],"unchanged":N,...}],"needed":N,"failed":N} and a newline. */
void rf_sync_report_json(const struct rf_sync_report *r, struct rf_buf *out);

#endif
