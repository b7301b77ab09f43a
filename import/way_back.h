/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which bundles are taken back, and where each tag goes then: read from import's state alone. What the destination really has is for the rollback to see.
 *
 * The bundles that were applied to a destination stand on each other. Taken back is what lies above a target: without a name the bundle that came last
 * (also one whose run was interrupted among the tags), and once only, so that repeating it takes nothing more; with a name everything above that bundle.
 */
#ifndef RF_IMPORT_WAY_BACK_H
#define RF_IMPORT_WAY_BACK_H

#include "import/tag_map.h"

#define RF_WAY_BACK_NONE "none" /* as a target: before the first bundle */

struct rf_back_bundle {
    struct rf_tag_map map;
    const struct rf_import_record *record; /* NULL: interrupted, never recorded */
};

enum rf_back_fate {
    RF_BACK_RIGHT,   /* it is what it was */
    RF_BACK_MOVE,    /* goes back to what it was */
    RF_BACK_REMOVE,  /* was not there */
    RF_BACK_FOREIGN, /* somebody else moved it since: left */
    RF_BACK_LACKING, /* what it was is not whole at the destination any more: left */
    RF_BACK_FAILED   /* the destination refused */
};

struct rf_back_tag {
    const char *repository, *tag; /* of the maps */
    struct rf_digest was;         /* where it goes; not set: it was not there */
    size_t first, n;              /* in gave */
    /* found at the destination, judged and done by the rollback */
    struct rf_digest now;
    enum rf_back_fate fate;
    bool done;
    char *reason;
};

struct rf_way_back {
    const struct rf_import_state *state;
    const struct rf_import_record *target; /* NULL: before the first */
    size_t from;                           /* records from this number on are taken back */
    bool again;                            /* all of it was taken back before */
    struct rf_back_bundle *bundles;        /* oldest first */
    size_t n_bundles, cap_bundles;
    struct rf_back_tag *tags; /* in order of name */
    size_t n_tags;
    struct rf_digest *gave; /* what the bundles gave the tags */
};
void rf_way_back_init(struct rf_way_back *w);
void rf_way_back_release(struct rf_way_back *w);
/*
 * Into an initialised *w. `id`: the bundle to go back to, its digest or at least 8 hexadecimal digits of it, RF_WAY_BACK_NONE, or NULL. -RFE_USAGE:
 * nothing was applied here, or not that bundle; -RFE_NOT_FOUND, -RFE_INVALID: a map of old tags is lost.
 */
RF_MUST_USE int rf_way_back_find(const struct rf_import_state *s, const char *to, const char *id,
                                 struct rf_way_back *w, struct rf_err *err);
/* Whether one of the bundles gave the tag this digest. */
bool rf_way_back_gave(const struct rf_way_back *w, const struct rf_back_tag *t,
                      const struct rf_digest *d);
/* The tag of this name, or NULL. */
struct rf_back_tag *rf_way_back_tag(const struct rf_way_back *w, const char *repository,
                                    const char *tag);

#endif
