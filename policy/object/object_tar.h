/* SPDX-License-Identifier: Apache-2.0 */
/* A file of a tar as templates see it: {{.Header.Name}}, {{.Header.Size}}, and {{.Reader}} for its content. */
#ifndef RF_POLICY_OBJECT_TAR_H
#define RF_POLICY_OBJECT_TAR_H

#include "base/value.h"
#include "layout/layer_tar.h"

#define RF_TAR_FILE_CONTENT_MAX (64u << 20) /* bytes of a file that a template may show */

/* Go's tar.Header; the object is a struct rf_layer_entry. */
extern const struct rf_type rf_type_tar_header;

/* Borrowed. */
struct rf_tar_file_object {
    const struct rf_layer_entry *entry;
    struct rf_slice content;
};
/* The object is a struct rf_tar_file_object. */
extern const struct rf_type rf_type_tar_file;

#endif
