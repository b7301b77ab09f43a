/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Export's memory of one site: a hint, never a fact. Losing it costs bytes, never correctness.
 *
 *     lock  history.json  bundles/<id>.json  snapshots/<snapshot>  cache/blobs/...   pending/{request,bundle.json,snapshot,rules}
 *     receipts/<bundle>.json  inventories/<snapshot>.json                             what came back: export/record.h
 *
 * A pending plan is one whose run has not told its end: killed right behind its last step, the same command must not write a second bundle.
 */
#ifndef RF_EXPORT_STATE_H
#define RF_EXPORT_STATE_H

#include "layout/blob_store.h"
#include "layout/snapshot.h"

#include <pthread.h>
#include <sys/types.h>

struct rf_export_record {
    struct rf_digest id, snapshot, parent; /* parent not set: the first */
    struct rf_digest repairs;              /* set: a repair bundle, which is beside its chain */
    char chain[RF_CHAIN_HEX + 1];
    uint64_t sequence, size, carried_bytes;
    uint64_t images, changed, removed,
        holes; /* lines wanted; of them new or changed; removed; not fetched */
    bool full;
    char *file; /* its name, without folder; "-" when it was streamed */
    char *time; /* RFC 3339, when it was recorded */
};

struct rf_export_state {
    char *dir, *site;
    int lock;
    struct rf_blob_store *cache;      /* manifests and configs */
    struct rf_export_record *records; /* oldest first */
    size_t n, cap;
    pthread_mutex_t mutex; /* guards broken */
    struct rf_err broken;  /* the first failure to write here */
};
/* Makes the folder when absent, takes the lock (-RFE_BUSY after wait_ms), reads the history. A damaged history is told and set aside. */
RF_MUST_USE int rf_export_state_open(const char *dir, const char *site, unsigned wait_ms,
                                     struct rf_export_state **out, struct rf_err *err);
/* Reads the history without lock or writing; an absent folder is an empty history. */
RF_MUST_USE int rf_export_state_peek(const char *dir, const char *site,
                                     struct rf_export_state **out, struct rf_err *err);
void rf_export_state_free(struct rf_export_state *s);
void rf_export_state_freep(struct rf_export_state **s);

/* The last one of the chain, or NULL: repair bundles are passed over. */
const struct rf_export_record *rf_export_state_last(const struct rf_export_state *s);
/* By the whole id, or a prefix of at least 8 hex digits, "sha256:" optional. -RFE_NOT_FOUND, -RFE_AMBIGUOUS. */
RF_MUST_USE int rf_export_state_find(const struct rf_export_state *s, const char *id,
                                     const struct rf_export_record **out, struct rf_err *err);
/* The document of a recorded bundle, into the initialised *b. -RFE_NOT_FOUND. */
RF_MUST_USE int rf_export_state_load_bundle(const struct rf_export_state *s,
                                            const struct rf_digest *id, struct rf_bundle *b,
                                            struct rf_err *err);
/*
 * A full disk on our side is nobody's hole, nor is a registry's limit (-RFE_REFUSED): who plans writes to the state through these, any thread, and looks after each step whether it holds.
 * rf_export_state_note keeps a failure of writing to the state (rc < 0) and returns rc; check returns the first one kept.
 */
int rf_export_state_note(struct rf_export_state *s, int rc, const struct rf_err *err);
RF_MUST_USE int rf_export_state_check(struct rf_export_state *s, struct rf_err *err);
/* Keeps a manifest. */
RF_MUST_USE int rf_export_state_keep(struct rf_export_state *s, const struct rf_digest *d,
                                     struct rf_slice bytes, struct rf_err *err);
/* Paths inside the folder; the caller frees. */
char *rf_export_state_bundle_path(const struct rf_export_state *s, const struct rf_digest *id);
char *rf_export_state_snapshot_path(const struct rf_export_state *s,
                                    const struct rf_digest *snapshot);
char *rf_export_state_receipt_path(const struct rf_export_state *s, const struct rf_digest *bundle);
char *rf_export_state_inventory_path(const struct rf_export_state *s,
                                     const struct rf_digest *snapshot);
char *rf_export_state_pending_path(const struct rf_export_state *s, const char *name);

/*
 * Remembers a plan until its bundle is whole: the request it answers (an opaque key), the bundle, the snapshot, and `file`, the path that the bundle will
 * have. Durable. What an older plan left beside its own path (export/partial.h) is removed.
 */
RF_MUST_USE int rf_export_state_set_pending(struct rf_export_state *s, const char *key,
                                            const struct rf_bundle *b,
                                            const struct rf_snapshot *snap, const char *file,
                                            struct rf_err *err);
/* The pending plan may leave something beside this path too. Durable. */
RF_MUST_USE int rf_export_state_add_pending_file(struct rf_export_state *s, const char *file,
                                                 struct rf_err *err);
/* 1 and the plan when one is pending for `key` (loaded into the initialised *b and *snap; it may be recorded already), 0 when not. */
RF_MUST_USE int rf_export_state_get_pending(struct rf_export_state *s, const char *key,
                                            struct rf_bundle *b, struct rf_snapshot *snap,
                                            struct rf_err *err);
/* Bytes that what it left takes on this file system: a new plan removes them before it writes. What is beside `but` (may be NULL) does not count. */
uint64_t rf_export_state_pending_bytes(struct rf_export_state *s, dev_t device, const char *but);
/* Forgets the plan and removes what it left; never a finished bundle. */
RF_MUST_USE int rf_export_state_clear_pending(struct rf_export_state *s, struct rf_err *err);
/*
 * The bundle is recorded: removes what the plan left. The plan stays pending until its end was told, when it is the one of this bundle. *told: a
 * descriptor for rf_export_state_told, or -1; the caller closes it.
 */
RF_MUST_USE int rf_export_state_finish_pending(struct rf_export_state *s,
                                               const struct rf_digest *id, int *told,
                                               struct rf_err *err);
/* The run that made the plan has said so to whoever started it. As little work as can be: it is the last thing that a run does. Also without the lock. */
void rf_export_state_told(int fd);
/* The bundle is whole under its name: its document, snapshot and history line become durable, in this order. Twice is once. The pending plan stays. */
RF_MUST_USE int rf_export_state_record(struct rf_export_state *s, const struct rf_bundle *b,
                                       const struct rf_snapshot *snap, uint64_t size,
                                       const char *file, struct rf_err *err);

/* Where sources of the form ocidir://NAME really are: bundles hold no local paths. Remembered per state folder. */
RF_MUST_USE int rf_export_state_set_location(struct rf_export_state *s, const char *name,
                                             const char *location, struct rf_err *err);
/* The caller frees *out; NULL when not known. */
RF_MUST_USE int rf_export_state_get_location(struct rf_export_state *s, const char *name,
                                             char **out, struct rf_err *err);

#endif
