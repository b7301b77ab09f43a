/* SPDX-License-Identifier: Apache-2.0 */
/* Import's memory of one site: which bundles were applied where, what they said, what became of them, and which tags they moved. A hint, never a fact. */
#ifndef RF_IMPORT_STATE_H
#define RF_IMPORT_STATE_H

#include "layout/bundle.h"

struct rf_import_record {
    struct rf_digest id, snapshot;
    char chain[RF_CHAIN_HEX + 1];
    uint64_t sequence;
    bool partial; /* some images were refused, or their ground was missing */
    char *to, *time;
    char *taken_back; /* when; NULL: it stands */
};

struct rf_import_run;
struct rf_import_state {
    char *dir;
    int lock;
    struct rf_import_record *records; /* oldest first */
    size_t n, cap;
    const struct rf_import_run **planned; /* of records that only a plan has added */
    size_t n_planned, cap_planned;
};
/* Makes the folder when absent and takes the lock: -RFE_BUSY. */
RF_MUST_USE int rf_import_state_open(const char *dir, struct rf_import_state **out,
                                     struct rf_err *err);
void rf_import_state_free(struct rf_import_state *s);
void rf_import_state_freep(struct rf_import_state **s);
/* The last record for this destination that was not taken back, or NULL. */
const struct rf_import_record *rf_import_state_last(const struct rf_import_state *s,
                                                    const char *to);
/* The last of them that is of another bundle than `id`, or NULL. */
const struct rf_import_record *rf_import_state_below(const struct rf_import_state *s,
                                                     const char *to, const struct rf_digest *id);
/* All records for this destination from number `from` on are taken back. */
RF_MUST_USE int rf_import_state_take_back(struct rf_import_state *s, const char *to, size_t from,
                                          struct rf_err *err);
/* The bundle's document, then the line that it was applied. */
RF_MUST_USE int rf_import_state_record(struct rf_import_state *s, const struct rf_bundle *b,
                                       const char *to, bool partial, struct rf_err *err);
/* For plans: a record, with its document, of a run that is planned and would have been recorded by then. `r` must live as long. The state is not written any more. */
void rf_import_state_add_planned(struct rf_import_state *s, const struct rf_import_run *r,
                                 const char *to, bool partial);
/* NULL: no run of the bundle was planned. */
const struct rf_import_run *rf_import_state_find_planned(const struct rf_import_state *s,
                                                         const struct rf_digest *id);
/* The document of a bundle that was applied, into the initialised *b. -RFE_NOT_FOUND. */
RF_MUST_USE int rf_import_state_load_bundle(const struct rf_import_state *s,
                                            const struct rf_digest *id, struct rf_bundle *b,
                                            struct rf_err *err);
/* Where the receipt of a bundle for this destination is kept. The caller frees. */
char *rf_import_state_receipt_path(const struct rf_import_state *s, const struct rf_digest *id,
                                   const char *to);

/* Where the map of old tags of a bundle for this destination is kept (import/tag_map.h). The caller frees. */
char *rf_import_state_tags_path(const struct rf_import_state *s, const struct rf_digest *id,
                                const char *to);

/* One tag and what it pointed to before. */
struct rf_old_tag {
    const char *repository, *tag; /* borrowed; of the destination */
    struct rf_digest was;         /* not set: there was none */
    struct rf_digest becomes;
    bool foreign; /* no bundle brought what it was; of those that are to be saved */
};
/*
 * Saves the map for a later roll-back, durably, before the first tag moves; also when none moves. Entries that an interrupted run of this bundle saved for
 * this place, or an earlier one while the bundle is the last that was applied there, stay as they are, but for tags that somebody else moved since: what
 * they were then is nowhere else. Part of import/tag_map.h.
 */
RF_MUST_USE int rf_import_state_save_tags(struct rf_import_state *s, const struct rf_bundle *b,
                                          const char *to, const struct rf_old_tag *tags, size_t n,
                                          struct rf_err *err);

/* What the folder remembers is of the site `remembered`: -RFE_USAGE when the caller named another one (`site`, NULL when none). */
RF_MUST_USE int rf_import_state_check_site(const char *dir, const char *remembered,
                                           const char *site, struct rf_err *err);

#endif
