/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of what is in use at a site, as cluster tools print them: any text, JSON and tables too, in which digests (sha256:...), references (registry/app:1) and
 * short ids (12 hexadecimal digits or more) stand, apart by blanks, quotes, commas or brackets. Lines that begin with # are comments; what else is
 * neither is passed over. It only ever protects: a word that is taken for a name keeps an image of that name.
 */
#ifndef RF_IMPORT_IN_USE_H
#define RF_IMPORT_IN_USE_H

#include "base/digest.h"
#include "base/idmap.h"

#define RF_IN_USE_FILE_MAX (256u << 20)
#define RF_IN_USE_NAMES_MAX 4000000u /* of all lists together, each once */

struct rf_in_use {
    struct rf_strings digests; /* as texts */
    struct rf_strings names;   /* "repository:tag" without registry */
    struct rf_strings ids;     /* the first 12 digits of ids without algorithm, and of cut ones */
    size_t lists;              /* so many were loaded */
};
void rf_in_use_init(struct rf_in_use *u);
void rf_in_use_release(struct rf_in_use *u);
/*
 * "-" is stdin. -RFE_USAGE when it has no digest, reference or id at all: then it is hardly the right file; also when it is not there, or is UTF-16.
 * -RFE_TOO_LARGE.
 */
RF_MUST_USE int rf_in_use_load(struct rf_in_use *u, const char *path, struct rf_err *err);
/* The same of a text, up to RF_IN_USE_NAMES_MAX. Returns how many were found. */
size_t rf_in_use_add(struct rf_in_use *u, struct rf_slice text);
size_t rf_in_use_count(const struct rf_in_use *u); /* digests, names and ids, each once */
bool rf_in_use_is_empty(const struct rf_in_use *u);
bool rf_in_use_has_digest(const struct rf_in_use *u, const struct rf_digest *d);
/* Whatever the registry was called there: `repository` of the destination, or `bundle_name`, the same without prefix; "library/" may be missing. */
bool rf_in_use_has_name(const struct rf_in_use *u, const char *repository, const char *bundle_name,
                        const char *tag);

#endif
