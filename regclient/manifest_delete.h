/* SPDX-License-Identifier: Apache-2.0 */
/* Deleting a manifest so that the lists of referrers stay right. */
#ifndef RF_REGCLIENT_MANIFEST_DELETE_H
#define RF_REGCLIENT_MANIFEST_DELETE_H

#include "layout/place.h"

/*
 * Deletes the manifest `digest`. With `referrers`, one that has a subject is taken out of the index under the subject's fallback tag too, where there
 * is such a tag (the tag goes with its last entry): registries without a referrers list of their own leave that to the client. -RFE_NOT_FOUND.
 */
RF_MUST_USE int rf_manifest_delete(struct rf_place *p, const char *repo,
                                   const struct rf_digest *digest, bool referrers,
                                   struct rf_err *err);
/*
 * Registries that delete by digest only have a tag pointed to an empty image that says so, before that image is deleted (registry_delete.c). A run that was killed in
 * between leaves it: whether `digest` is such an image.
 */
bool rf_tag_is_half_deleted(struct rf_place *p, const char *repo, const struct rf_digest *digest);
/* False where rf_tag_is_half_deleted would say so of the manifest; nothing is asked. */
bool rf_manifest_may_be_half_deleted(const struct rf_manifest *m);

#endif
