/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tags of a repository, or repositories of a registry, with the answer they came in: for those who show it. Plain listing is
 * rf_place_list_tags().
 */
#ifndef RF_REGCLIENT_LISTING_H
#define RF_REGCLIENT_LISTING_H

#include "layout/place.h"
#include "regclient/http_header.h"

struct rf_listing {
    char **names; /* in the registry's order, of a layout sorted */
    size_t n, cap;
    unsigned pages;            /* answers that it took */
    struct rf_headers headers; /* of the last answer */
    struct rf_buf body;        /* the last answer; of a layout its index.json */
};
struct rf_listing_options {
    unsigned limit;   /* so many at most, in one page; 0 = all, page by page */
    const char *last; /* those behind this one; NULL = from the start */
};
void rf_listing_init(struct rf_listing *l);
void rf_listing_release(struct rf_listing *l);
/* opts may be NULL. A layout has no pages: limit is not looked at there. -RFE_NOT_FOUND. *l is initialized; on failure its content is of no use. */
RF_MUST_USE int rf_listing_tags(struct rf_place *p, const char *repo,
                                const struct rf_listing_options *opts, struct rf_listing *l,
                                struct rf_err *err);
/* One page, as the registry gives it. */
RF_MUST_USE int rf_listing_repos(struct rf_place *p, const struct rf_listing_options *opts,
                                 struct rf_listing *l, struct rf_err *err);

#endif
