/* SPDX-License-Identifier: Apache-2.0 */
/* What refers to the lines of a selection: referrers, and tags that speak of a digest. Part of the walk (export/closure.h). */
#ifndef RF_EXPORT_EXTRAS_H
#define RF_EXPORT_EXTRAS_H

#include "export/closure.h"

/* A manifest that something may refer to, of the line of the mention `pick`. */
struct rf_subject {
    uint32_t pick;
    struct rf_digest digest;
};
/* A tag of a location that speaks of a digest. */
struct rf_digest_tag {
    struct rf_digest of;
    uint32_t where, tag; /* tag: in the location's list */
};

struct rf_extras {
    struct rf_closure *c;
    uint32_t pick;           /* whose closure is being visited */
    struct rf_strings seen;  /* "where repository flags rules digest" */
    struct rf_strings rules; /* what items say of referrers */
    uint32_t *rules_of;      /* per item, in `rules` */
    struct rf_subject *list;
    size_t n, cap, asked;       /* those before `asked` were asked for already */
    struct rf_digest_tag *tags; /* by place and digest, of all places that were asked for */
    size_t n_tags, cap_tags;
    struct rf_err *failures; /* per location: why its tags could not be listed */
    bool *entered;           /* per location: its tags are in `tags` */
};
void rf_extras_init(struct rf_extras *t, struct rf_closure *c);
void rf_extras_release(struct rf_extras *t);
/*
 * Adds to the selection what refers to its lines [first, end), which are walked. A line whose referrers or tags cannot be asked for becomes a hole. Fails
 * for cancelling and when the state cannot be written.
 */
RF_MUST_USE int rf_extras_find(struct rf_extras *t, size_t first, size_t end, struct rf_err *err);

#endif
