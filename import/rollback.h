/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking bundles back: the tags that they moved point again to what they pointed to before. No blob and no manifest is written or deleted.
 *
 *     rf_rollback_init(&b);  rc = rf_rollback(&req, &options, &b, err);  rf_rollback_text(&b, &out);  rf_rollback_release(&b);
 */
#ifndef RF_IMPORT_ROLLBACK_H
#define RF_IMPORT_ROLLBACK_H

#include "import/request.h"
#include "import/way_back.h"

struct rf_rollback_options {
    const char *id;  /* the bundle to go back to; NULL: the bundle that came last is taken back */
    bool plan;       /* only look */
    bool also_moved; /* tags too that somebody else moved since */
};

struct rf_rollback {
    const struct rf_import_request *req;
    struct rf_import_state *state;
    struct rf_way_back way;
    bool looked, done; /* the destination was looked at; its tags were set */
};
void rf_rollback_init(struct rf_rollback *b);
void rf_rollback_release(struct rf_rollback *b);
/*
 * First all is looked at: which tags still are what the bundles made them, and that what they were is whole. Images that are not: -RFE_GROUND_MISSING before
 * anything is written; with req->complete_only they are left. Then tags are set and read back, those that were not there are deleted, and the state
 * records it. -RFE_PARTIAL: done (or planned), but for tags that are listed.
 */
RF_MUST_USE int rf_rollback(const struct rf_import_request *req,
                            const struct rf_rollback_options *options, struct rf_rollback *b,
                            struct rf_err *err);
/* For people, and as one JSON object. Appended. */
void rf_rollback_text(const struct rf_rollback *b, struct rf_buf *out);
void rf_rollback_json(const struct rf_rollback *b, struct rf_buf *out);
size_t rf_rollback_count(const struct rf_rollback *b, enum rf_back_fate fate);

/* Images that tags go back to are whole at the destination, or their tags become RF_BACK_LACKING. Part of rf_rollback (import/back_ground.c). */
RF_MUST_USE int rf_rollback_check_ground(struct rf_rollback *b, struct rf_err *err);

#endif
