/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What refers to a manifest, as commands show it: filtered, sorted, with the digest tags when asked for. Plain listing is rf_place_referrers().
 *
 *     RF_CLEANUP(rf_referrer_list_release) struct rf_referrer_list l = RF_REFERRER_LIST_INIT;
 *     rc = rf_referrer_list_get(&query, &l, err);
 */
#ifndef RF_REGCLIENT_REFERRER_LIST_H
#define RF_REGCLIENT_REFERRER_LIST_H

#include "layout/place.h"
#include "manifests/descriptor_match.h"

/* All borrowed. */
struct rf_referrer_query {
    struct rf_place *place; /* where they are, which need not be where the subject is */
    const char *repo;
    const struct rf_digest *subject;
    const struct rf_descriptor_match *match; /* or NULL: all */
    bool slow; /* look into every tag of the repository as well, for what no list tells */
};
struct rf_referrer_list {
    struct rf_descriptor *items;
    size_t n, cap;
    struct rf_manifest *index; /* the list as one document, before filters on annotations */
    char **tags;               /* digest tags among the items */
    size_t n_tags, cap_tags;
};
#define RF_REFERRER_LIST_INIT \
    {                         \
        0                     \
    }
void rf_referrer_list_release(struct rf_referrer_list *l);
/* *l is empty before. Nothing that refers to it is success. */
RF_MUST_USE int rf_referrer_list_get(const struct rf_referrer_query *query,
                                     struct rf_referrer_list *l, struct rf_err *err);
/* Tags of the form sha256-<digest of the subject>.suffix, each with its name as annotation org.opencontainers.image.ref.name. */
RF_MUST_USE int rf_referrer_list_add_tags(struct rf_place *p, const char *repo,
                                          const struct rf_digest *subject,
                                          struct rf_referrer_list *l, struct rf_err *err);
/* A tag of that form, which is not the one that stands in for the referrers API. */
bool rf_is_digest_tag_of(const char *tag, const struct rf_digest *subject);

#endif
