/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A manifest or index as templates and scripts see it: the fields of its document, and what is known of it beside (descriptor, reference, headers).
 *
 *     struct rf_manifest_object o;
 *     rf_manifest_object_init(&o, &(struct rf_manifest_facts){ .manifest = m, .ref = &ref, .headers = &headers });
 *     struct rf_value v = rf_manifest_object_value(&o);
 *     rf_manifest_object_release(&o);
 */
#ifndef RF_POLICY_OBJECT_MANIFEST_H
#define RF_POLICY_OBJECT_MANIFEST_H

#include "manifests/manifest.h"
#include "policy/object/object.h"

/* All borrowed, to outlive the object. */
struct rf_manifest_facts {
    const struct rf_manifest *manifest;     /* NULL: only asked for (HEAD) */
    const struct rf_descriptor *descriptor; /* what is known then; with a manifest it may be NULL */
    const struct rf_ref *ref;               /* as the user named it, or NULL */
    const struct rf_headers *headers;       /* or NULL: not from a registry */
};

struct rf_manifest_object {
    struct rf_manifest_facts facts;
    json_t *doc;        /* the document; empty when it was only asked for */
    json_t *descriptor; /* of the manifest itself */
    char *media_type;
    struct rf_rate_limit rate;
};
void rf_manifest_object_init(struct rf_manifest_object *o, const struct rf_manifest_facts *facts);
void rf_manifest_object_release(struct rf_manifest_object *o);
/* Valid as long as the object. Its JSON is the manifest's own bytes without blanks; printPretty is the overview for people. */
struct rf_value rf_manifest_object_value(const struct rf_manifest_object *o);

/* The document of an OCI index alone (v1.Index); the object is its json_t. */
extern const struct rf_type rf_type_oci_index;
/* The document of a manifest of that media type alone; an image's unless it is an index. */
const struct rf_type *rf_manifest_document_type(const char *media_type);

/* What is shown of a command that made a manifest: {{.Manifest.GetDescriptor.Digest}}; the object is a struct rf_manifest_object. */
extern const struct rf_type rf_type_manifest_result;

#endif
