/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What manifests and descriptors share when they are read strictly: a document that a reader with other habits
 * (Go's JSON reader takes "MediaType" for "mediaType") would read differently is refused.
 */
#ifndef RF_MANIFESTS_STRICT_H
#define RF_MANIFESTS_STRICT_H

#include "base/json.h"

/* Refuses (-RFE_AMBIGUOUS) members of obj that equal a known key but for case, or but for the two letters that
 * Unicode folds into ASCII (U+017F to s, U+212A to k). */
RF_MUST_USE int rf_strict_keys(const json_t *obj, const char *path, const char *const *known,
                               size_t n, struct rf_err *err);
/* A member that is a media type; absent or "" gives NULL. *out belongs to the caller. */
RF_MUST_USE int rf_strict_media_type(const json_t *obj, const char *key, const char *path,
                                     char **out, struct rf_err *err);
/* artifactType: as it is in the wild, so any short text without control bytes. *out belongs to the caller. */
RF_MUST_USE int rf_strict_artifact_type(const json_t *obj, const char *path, char **out,
                                        struct rf_err *err);
/* A member that is an object of strings; a new reference in *out, NULL when absent. */
RF_MUST_USE int rf_strict_strings(const json_t *obj, const char *key, const char *path,
                                  json_t **out, struct rf_err *err);

#endif
