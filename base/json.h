/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict JSON over jansson: capped, at most 64 deep, no duplicate keys, nothing behind the value, valid UTF-8.
 * Typed getters put the path into the message: "layers[3].size: not an integer".
 */
#ifndef RF_BASE_JSON_H
#define RF_BASE_JSON_H

#include "base/buf.h"
#include "base/digest.h"

#include <jansson.h>

#define RF_JSON_DEPTH 64
#define RF_JSON_KEYS 100000 /* per object */

/* Bytes over `max` are -RFE_TOO_LARGE, all else wrong is -RFE_INVALID. *out belongs to the caller (json_decref). */
RF_MUST_USE int rf_json_parse(struct rf_slice bytes, size_t max, json_t **out, struct rf_err *err);
void rf_json_decrefp(json_t **j); /* for RF_CLEANUP */

enum rf_json_need { RF_JSON_OPTIONAL, RF_JSON_REQUIRED };
/* Member `key` of `obj`. Absent or null and OPTIONAL: returns 0, output NULL (or 0). `path` is where obj stands, "" at the top. */
RF_MUST_USE int rf_json_string(const json_t *obj, const char *key, const char *path,
                               enum rf_json_need need, const char **out,
                               struct rf_err *err); /* borrowed; a NUL inside is refused */
/* Absent and OPTIONAL: not set. */
RF_MUST_USE int rf_json_digest(const json_t *obj, const char *key, const char *path,
                               enum rf_json_need need, struct rf_digest *out, struct rf_err *err);
RF_MUST_USE int rf_json_u64(const json_t *obj, const char *key, const char *path,
                            enum rf_json_need need, uint64_t *out, struct rf_err *err);
RF_MUST_USE int rf_json_bool(const json_t *obj, const char *key, const char *path, bool dflt,
                             bool *out, struct rf_err *err);
RF_MUST_USE int rf_json_object(const json_t *obj, const char *key, const char *path,
                               enum rf_json_need need, const json_t **out, struct rf_err *err);
RF_MUST_USE int rf_json_array(const json_t *obj, const char *key, const char *path,
                              enum rf_json_need need, size_t max_len, const json_t **out,
                              struct rf_err *err);

/* Appends a JSON string with quotes; bytes must be UTF-8. Escapes only what JSON demands. */
void rf_json_add_string(struct rf_buf *out, const char *s);
/* Appends the value compactly, keys in their order (sorted when `sort`). */
void rf_json_add_value(struct rf_buf *out, const json_t *value, bool sort);

#endif
