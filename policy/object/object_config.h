/* SPDX-License-Identifier: Apache-2.0 */
/* An image's configuration as templates and scripts see it: its fields, and what is known of the blob it came from. */
#ifndef RF_POLICY_OBJECT_CONFIG_H
#define RF_POLICY_OBJECT_CONFIG_H

#include "policy/object/object.h"

/* The document alone (v1.Image); the object is its json_t. */
extern const struct rf_type rf_type_image_config;

/* All borrowed, to outlive the value. */
struct rf_config_object {
    const json_t *doc;
    struct rf_slice body; /* the bytes of the document */
    const json_t *descriptor;
    const struct rf_headers *headers; /* or NULL */
};
/* The document's fields, GetConfig, GetDescriptor, RawBody, RawHeaders. Its JSON is the bytes without blanks. */
struct rf_value rf_config_object_value(const struct rf_config_object *o);

#endif
