/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests (OCI image-spec, descriptor.md "Digests"): parsed once at the edge into a struct; only that struct
 * forms paths and URLs.
 */
#ifndef RF_BASE_DIGEST_H
#define RF_BASE_DIGEST_H

#include "base/buf.h"

enum rf_digest_algo { RF_DIGEST_NONE = 0, RF_DIGEST_SHA256 = 1, RF_DIGEST_SHA512 = 2 };

#define RF_DIGEST_MAX_BYTES 64
#define RF_DIGEST_TEXT 136 /* holds "sha512:" + 128 hex + NUL */

struct rf_digest {
    uint8_t algo; /* enum rf_digest_algo; NONE = not set, all zero */
    uint8_t len;  /* bytes used: 32 or 64 */
    uint8_t bytes[RF_DIGEST_MAX_BYTES];
};

/* "sha256:<64 lower-case hex>" or "sha512:<128>", nothing else. -RFE_INVALID. */
RF_MUST_USE int rf_digest_parse(struct rf_slice text, struct rf_digest *out, struct rf_err *err);
/* Algorithm and hex apart, as in blobs/<algo>/<hex>. -RFE_INVALID. */
RF_MUST_USE int rf_digest_parse_parts(struct rf_slice algo, struct rf_slice hex,
                                      struct rf_digest *out, struct rf_err *err);
const char *rf_digest_text(const struct rf_digest *d,
                           char out[RF_DIGEST_TEXT]); /* returns out; "" when not set */
const char *rf_digest_hex(const struct rf_digest *d, char out[RF_DIGEST_TEXT]);
const char *rf_digest_algo_name(uint8_t algo); /* "sha256", "sha512" */
bool rf_digest_is_set(const struct rf_digest *d);
bool rf_digest_eq(const struct rf_digest *a, const struct rf_digest *b);
int rf_digest_cmp(const struct rf_digest *a, const struct rf_digest *b); /* order of the texts */
uint64_t rf_digest_hash(const struct rf_digest *d);                      /* for tables */

/* A running digest. One per stream, one thread at a time. */
struct rf_hasher;
struct rf_hasher *rf_hasher_new(uint8_t algo); /* RF_BUG on an unknown algorithm */
void rf_hasher_free(struct rf_hasher *h);
void rf_hasher_freep(struct rf_hasher **h);
void rf_hasher_update(struct rf_hasher *h, const void *p, size_t n);
void rf_hasher_final(struct rf_hasher *h,
                     struct rf_digest *out); /* the hasher is spent afterwards; only free it */
struct rf_hasher *rf_hasher_copy(const struct rf_hasher *h);
uint64_t rf_hasher_count(const struct rf_hasher *h); /* bytes hashed so far */

void rf_digest_of(uint8_t algo, struct rf_slice bytes, struct rf_digest *out);

#endif
