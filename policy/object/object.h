/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small things that templates and scripts meet everywhere: digests, platforms, descriptors, headers, references, rate limits. Each type is one
 * table with Go's name and the JSON name of every field.
 *
 * Descriptors and platforms are described over their JSON form: those inside of a document are looked at where they stand, and
 * rf_object_descriptor() makes one of a struct rf_descriptor.
 */
#ifndef RF_POLICY_OBJECT_H
#define RF_POLICY_OBJECT_H

#include "base/value.h"
#include "manifests/descriptor.h"
#include "manifests/reference.h"
#include "regclient/http_header.h"

/* digest.Digest: a string with Algorithm, Encoded, Hex, String. */
extern const struct rf_type rf_type_digest;
extern const struct rf_type rf_type_digest_list;
/* Objects: json_t of an object. */
extern const struct rf_type rf_type_platform;
extern const struct rf_type rf_type_descriptor;
extern const struct rf_type rf_type_descriptor_list;
/* http.Header: a map of []string, with Get. */
extern const struct rf_type rf_type_header;
/* ref.Ref; the object is a struct rf_ref. */
extern const struct rf_type rf_type_ref;
/* types.RateLimit; the object is a struct rf_rate_limit. */
extern const struct rf_type rf_type_rate_limit;

struct rf_rate_limit {
    int remain, limit, reset; /* 0 where the registry does not say */
    bool set;                 /* it says what remains */
    char **policies;
    size_t n_policies;
};
/* Out of RateLimit-Limit, -Remaining and -Reset. *out: rf_rate_limit_release. */
void rf_rate_limit_read(const struct rf_headers *headers, struct rf_rate_limit *out);
void rf_rate_limit_release(struct rf_rate_limit *r);

/* The text of a digest, in the arena. */
struct rf_value rf_object_digest(struct rf_arena *arena, const struct rf_digest *d);
/* The descriptor as a fresh JSON object; an empty digest is "". The caller drops the reference. */
json_t *rf_object_descriptor(const struct rf_descriptor *d);
/* Headers as a value; names in their usual spelling ("Content-Type"). headers may be NULL: nil. */
struct rf_value rf_object_headers(struct rf_arena *arena, const struct rf_headers *headers);
/* For getters whose object holds a digest at `offset`. */
int rf_get_digest(const struct rf_call *call, const struct rf_field *field, const void *object,
                  struct rf_value *out, struct rf_err *err);
/* A json_t of a descriptor in the lines of printPretty: "<indent>Digest:\t...\n" and so on, for rf_columns(). */
void rf_object_descriptor_pretty(const json_t *descriptor, const char *indent, struct rf_buf *out);
/* "<indent>Annotations:\t\n" and the pairs below it, sorted. */
void rf_object_annotations_pretty(const json_t *annotations, const char *indent,
                                  struct rf_buf *out);
/* "content-type" becomes "Content-Type", in place. */
void rf_object_header_name(char *name);
/* "312.000B", "1.234MB": at least five characters with three decimals, by 1000. Appended. */
void rf_object_size_pretty(uint64_t bytes, struct rf_buf *out);

#endif
