/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of what is in use at a site, as cluster tools print them: any text in which digests (sha256:...) and references (registry/app:1) stand, apart by
 * blanks, quotes, commas or brackets. What is neither is passed over.
 */
#ifndef RF_IMPORT_IN_USE_H
#define RF_IMPORT_IN_USE_H

#include "base/digest.h"
#include "base/idmap.h"

#define RF_IN_USE_FILE_MAX (256u << 20)

struct rf_in_use {
    struct rf_strings digests; /* as texts */
    struct rf_strings names;   /* "repository:tag" without registry */
};
void rf_in_use_init(struct rf_in_use *u);
void rf_in_use_release(struct rf_in_use *u);
/* "-" is stdin. -RFE_USAGE when it has no digest and no reference at all: then it is hardly the right file. */
RF_MUST_USE int rf_in_use_load(struct rf_in_use *u, const char *path, struct rf_err *err);
/* The same of a text. Returns how many were found. */
size_t rf_in_use_add(struct rf_in_use *u, struct rf_slice text);
bool rf_in_use_has_digest(const struct rf_in_use *u, const struct rf_digest *d);
/* Whatever the registry was called there: `repository` of the destination, or `bundle_name`, the same without prefix; "library/" may be missing. */
bool rf_in_use_has_name(const struct rf_in_use *u, const char *repository, const char *bundle_name,
                        const char *tag);

#endif
