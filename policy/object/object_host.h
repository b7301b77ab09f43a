/* SPDX-License-Identifier: Apache-2.0 */
/* regctl's configuration file as templates see it: the whole of it, and one registry's entry. */
#ifndef RF_POLICY_OBJECT_HOST_H
#define RF_POLICY_OBJECT_HOST_H

#include "policy/object/object.h"

/* config.Host. Borrowed; `doc` is the entry of the file. */
struct rf_host_object {
    const char *name;
    const json_t *doc;
};
extern const struct rf_type rf_type_host;

/* The whole file, main.Config. Borrowed. */
struct rf_config_file_object {
    const char *path;
    const json_t *doc;
};
extern const struct rf_type rf_type_config_file;

/* Takes passwords, tokens and private keys out of a document or an entry, to be shown. */
void rf_host_object_hide(json_t *entry);
void rf_config_file_object_hide(json_t *doc);

#endif
