/* SPDX-License-Identifier: Apache-2.0 */
/* Which descriptors of a list are wanted, and in which order: of referrers, and of the entries of an index. */
#ifndef RF_MANIFESTS_DESCRIPTOR_MATCH_H
#define RF_MANIFESTS_DESCRIPTOR_MATCH_H

#include "manifests/descriptor.h"

/* All borrowed; what is NULL says nothing. */
struct rf_descriptor_match {
    const char *artifact_type;
    const json_t *
        annotations; /* an object of strings: each must be there, with this value unless it is "" */
    const char *sort_annotation; /* in the order of its values; those without it come last */
    bool descending;
};
bool rf_descriptor_matches(const struct rf_descriptor_match *match, const struct rf_descriptor *d);
/* Leaves the wanted ones, in their order, releases the others, and returns how many are left. What is equal in order stays as it was. */
size_t rf_descriptor_filter(const struct rf_descriptor_match *match, struct rf_descriptor *list,
                            size_t n);
/* The first of the wanted ones, with a platform (may be NULL) the one that runs best on it: its place in the list. -RFE_NOT_FOUND. */
RF_MUST_USE int rf_descriptor_choose(const struct rf_descriptor_match *match,
                                     const struct rf_platform *platform,
                                     const struct rf_descriptor *list, size_t n, size_t *chosen,
                                     struct rf_err *err);

#endif
