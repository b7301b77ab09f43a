/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/idmap.h"
#include "base/mem.h"
#include "base/text.h"

struct algo {
    const char *name;
    const char *openssl_name;
    uint8_t len;
};
static const struct algo algos[] = {
    [RF_DIGEST_SHA256] = { "sha256", "SHA256", 32 },
    [RF_DIGEST_SHA512] = { "sha512", "SHA512", 64 },
};

static const struct algo *find_algo(uint8_t algo)
{
    RF_CHECK(algo == RF_DIGEST_SHA256 || algo == RF_DIGEST_SHA512);
    return &algos[algo];
}

int rf_digest_parse_parts(struct rf_slice algo, struct rf_slice hex, struct rf_digest *out,
                          struct rf_err *err)
{
    for (size_t i = RF_DIGEST_SHA256; i < RF_ARRAY_LEN(algos); i++) {
        if (!rf_slice_is(algo, algos[i].name))
            continue;
        struct rf_digest d = { .algo = (uint8_t)i, .len = algos[i].len };
        if (!rf_hex_decode(hex, d.bytes, d.len)) {
            RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(hex, 140);
            return rf_fail(err, RFE_INVALID,
                           "malformed digest: \"%s:%s\": %s needs %u lower-case hexadecimal digits",
                           algos[i].name, shown, algos[i].name, 2U * algos[i].len);
        }
        *out = d;
        return 0;
    }
    RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(algo, 32);
    return rf_fail(err, RFE_INVALID, "malformed digest: algorithm \"%s\" is not known", shown);
}

int rf_digest_parse(struct rf_slice text, struct rf_digest *out, struct rf_err *err)
{
    const char *colon = text.len > 0 ? memchr(text.ptr, ':', text.len) : NULL;
    if (colon == NULL) {
        RF_CLEANUP(rf_freep) char *shown = rf_text_safe_dup(text, 32);
        return rf_fail(err, RFE_INVALID, "malformed digest: \"%s\" has no algorithm", shown);
    }
    size_t at = (size_t)(colon - text.ptr);
    return rf_digest_parse_parts(rf_slice_of(text.ptr, at),
                                 rf_slice_of(colon + 1, text.len - at - 1), out, err);
}

const char *rf_digest_text(const struct rf_digest *d, char out[RF_DIGEST_TEXT])
{
    out[0] = '\0';
    if (!rf_digest_is_set(d))
        return out;
    const char *name = rf_digest_algo_name(d->algo);
    size_t n = strlen(name);
    memcpy(out, name, n);
    out[n] = ':';
    rf_hex_encode(d->bytes, d->len, out + n + 1);
    return out;
}

const char *rf_digest_hex(const struct rf_digest *d, char out[RF_DIGEST_TEXT])
{
    out[0] = '\0';
    if (rf_digest_is_set(d))
        rf_hex_encode(d->bytes, d->len, out);
    return out;
}

const char *rf_digest_algo_name(uint8_t algo)
{
    return find_algo(algo)->name;
}

bool rf_digest_is_set(const struct rf_digest *d)
{
    return d->algo != RF_DIGEST_NONE;
}

bool rf_digest_eq(const struct rf_digest *a, const struct rf_digest *b)
{
    return rf_digest_cmp(a, b) == 0;
}

int rf_digest_cmp(const struct rf_digest *a, const struct rf_digest *b)
{
    /* The numbers of the algorithms rise as their names do, and hex as its bytes. */
    if (a->algo != b->algo)
        return a->algo < b->algo ? -1 : 1;
    return memcmp(a->bytes, b->bytes, a->len);
}

uint64_t rf_digest_hash(const struct rf_digest *d)
{
    return rf_hash_bytes(rf_slice_of(d->bytes, d->len));
}

/* Fetched once and shared: looking an algorithm up takes longer than hashing a small document. */
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static EVP_MD *fetched[RF_DIGEST_SHA512 + 1];

static void fetch_all(void)
{
    for (size_t i = RF_DIGEST_SHA256; i <= RF_DIGEST_SHA512; i++)
        fetched[i] = EVP_MD_fetch(NULL, algos[i].openssl_name, NULL);
}

struct rf_hasher {
    EVP_MD_CTX *ctx;
    uint64_t count;
    uint8_t algo;
    uint8_t len;
};

struct rf_hasher *rf_hasher_new(uint8_t algo)
{
    const struct algo *a = find_algo(algo);
    (void)pthread_once(&fetch_once, fetch_all);
    struct rf_hasher *h = rf_xcalloc(1, sizeof(*h));
    h->algo = algo;
    h->len = a->len;
    h->ctx = EVP_MD_CTX_new();
    if (h->ctx == NULL || fetched[algo] == NULL ||
        EVP_DigestInit_ex2(h->ctx, fetched[algo], NULL) != 1)
        RF_BUG("the cryptographic library has no %s", a->name);
    return h;
}

void rf_hasher_free(struct rf_hasher *h)
{
    if (h == NULL)
        return;
    EVP_MD_CTX_free(h->ctx);
    free(h);
}

void rf_hasher_freep(struct rf_hasher **h)
{
    rf_hasher_free(*h);
    *h = NULL;
}

void rf_hasher_update(struct rf_hasher *h, const void *p, size_t n)
{
    if (n == 0)
        return;
    RF_CHECK(EVP_DigestUpdate(h->ctx, p, n) == 1);
    h->count += n;
}

void rf_hasher_final(struct rf_hasher *h, struct rf_digest *out)
{
    struct rf_digest d = { .algo = h->algo, .len = h->len };
    unsigned len = 0;
    RF_CHECK(EVP_DigestFinal_ex(h->ctx, d.bytes, &len) == 1 && len == h->len);
    *out = d;
}

struct rf_hasher *rf_hasher_copy(const struct rf_hasher *h)
{
    struct rf_hasher *copy = rf_xcalloc(1, sizeof(*copy));
    *copy = *h;
    copy->ctx = EVP_MD_CTX_new();
    RF_CHECK(copy->ctx != NULL && EVP_MD_CTX_copy_ex(copy->ctx, h->ctx) == 1);
    return copy;
}

uint64_t rf_hasher_count(const struct rf_hasher *h)
{
    return h->count;
}

void rf_digest_of(uint8_t algo, struct rf_slice bytes, struct rf_digest *out)
{
    RF_CLEANUP(rf_hasher_freep) struct rf_hasher *h = rf_hasher_new(algo);
    rf_hasher_update(h, bytes.ptr, bytes.len);
    rf_hasher_final(h, out);
}
