/* SPDX-License-Identifier: Apache-2.0 */
/* What refers to a manifest, and trees of artifacts, as templates and scripts see them. */
#ifndef RF_POLICY_OBJECT_REFERRERS_H
#define RF_POLICY_OBJECT_REFERRERS_H

#include "policy/object/object_manifest.h"
#include "regclient/artifact_tree.h"

/*
 * referrer.ReferrerList:
 *
 *     struct rf_referrers_object o;
 *     rf_referrers_object_init(&o, &list, &subject, NULL);
 *     struct rf_value v = rf_referrers_object_value(&o);
 *     rf_referrers_object_release(&o);
 */
struct rf_referrers_object {
    const struct rf_referrer_list *list;
    const struct rf_ref *subject,
        *source; /* source: where they are, when not with the subject; or NULL */
    json_t *doc; /* {"descriptors": [...]} */
    struct rf_manifest_object manifest; /* the index */
};
/* All borrowed, to outlive the object. */
void rf_referrers_object_init(struct rf_referrers_object *o, const struct rf_referrer_list *list,
                              const struct rf_ref *subject, const struct rf_ref *source);
void rf_referrers_object_release(struct rf_referrers_object *o);
/* printPretty: the subject, and a block for each referrer. */
struct rf_value rf_referrers_object_value(const struct rf_referrers_object *o);

/* A tree; the object is a struct rf_artifact_node. printPretty draws it. */
extern const struct rf_type rf_type_artifact_node;

#endif
