/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of tags and of repositories as templates and scripts see them. */
#ifndef RF_POLICY_OBJECT_LIST_H
#define RF_POLICY_OBJECT_LIST_H

#include "policy/object/object.h"

/* All borrowed, to outlive the value. */
struct rf_list_object {
    const char *const *names;
    size_t n;
    const struct rf_headers *headers; /* of the answer, or NULL */
    struct rf_slice body;             /* the answer */
    const json_t *doc;                /* the answer as JSON, or NULL */
    bool whole;  /* the answer has all of the names and no more: it is the JSON of the list */
    bool layout; /* the answer is the index.json of a layout */
};
/* printPretty: one name per line, sorted. */
struct rf_value rf_tag_list_value(const struct rf_list_object *o);
struct rf_value rf_repo_list_value(const struct rf_list_object *o);

#endif
