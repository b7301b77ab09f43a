/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/bundle.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdlib.h>

void rf_bundle_init(struct rf_bundle *b)
{
    memset(b, 0, sizeof(*b));
    rf_desired_init(&b->desired);
}

void rf_bundle_release(struct rf_bundle *b)
{
    rf_desired_release(&b->desired);
    free(b->tool);
    free(b->repositories);
    free(b->blobs);
    free(b->lists);
    free(b->holes);
    memset(b, 0, sizeof(*b));
}

bool rf_site_valid(struct rf_slice s)
{
    if (s.len == 0 || s.len > RF_SITE_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!alnum && (i == 0 || (c != '.' && c != '_' && c != '-')))
            return false;
    }
    return true;
}

void rf_chain_name(const char *site, const struct rf_digest *first_snapshot,
                   char out[RF_CHAIN_HEX + 1])
{
    RF_CLEANUP(rf_hasher_freep) struct rf_hasher *h = rf_hasher_new(RF_DIGEST_SHA256);
    char text[RF_DIGEST_TEXT];
    struct rf_digest d;
    rf_hasher_update(h, site, strlen(site));
    rf_hasher_update(h, "\n", 1);
    rf_digest_text(first_snapshot, text);
    rf_hasher_update(h, text, strlen(text));
    rf_hasher_final(h, &d);
    rf_hex_encode(d.bytes, RF_CHAIN_HEX / 2, out);
}

static int compare_blobs(const void *a, const void *b)
{
    const struct rf_bundle_blob *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return rf_digest_cmp(&x->digest, &y->digest);
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int compare_strings(const void *a, const void *b, void *ctx)
{
    const struct rf_desired *d = ctx;
    return strcmp(rf_desired_str(d, *(const uint32_t *)a), rf_desired_str(d, *(const uint32_t *)b));
}

/* Puts the table of repositories in order of name and renumbers the lists. */
static void sort_repositories(struct rf_bundle *b)
{
    if (b->n_repositories == 0)
        return;
    uint32_t *sorted = rf_xcalloc(b->n_repositories, sizeof(*sorted));
    memcpy(sorted, b->repositories, b->n_repositories * sizeof(*sorted));
    qsort_r(sorted, b->n_repositories, sizeof(*sorted), compare_strings, &b->desired);
    uint32_t *place = rf_xcalloc(b->desired.strings.len, sizeof(*place)); /* string -> new number */
    for (size_t i = 0; i < b->n_repositories; i++)
        place[sorted[i]] = (uint32_t)i;
    for (size_t i = 0; i < b->n_lists; i++)
        b->lists[i] = place[b->repositories[b->lists[i]]];
    free(place);
    free(b->repositories);
    b->repositories = sorted;
    b->cap_repositories = b->n_repositories;
    for (size_t i = 0; i < b->n_blobs; i++) {
        struct rf_bundle_blob *blob = &b->blobs[i];
        if (blob->n_repos > 1)
            qsort(b->lists + blob->first_repo, blob->n_repos, sizeof(uint32_t), compare_u32);
        if (blob->n_from > 1)
            qsort(b->lists + blob->first_from, blob->n_from, sizeof(uint32_t), compare_u32);
    }
}

static int compare_holes(const void *a, const void *b, void *ctx)
{
    const struct rf_desired *d = ctx;
    const struct rf_hole *x = a, *y = b;
    int c = strcmp(rf_desired_str(d, x->repository), rf_desired_str(d, y->repository));
    if (c == 0)
        c = strcmp(rf_desired_str(d, x->tag), rf_desired_str(d, y->tag));
    if (c == 0)
        c = strcmp(rf_desired_str(d, x->source), rf_desired_str(d, y->source));
    return c;
}

static int measure(const struct rf_bundle *b,
                   int (*write)(const struct rf_bundle *, struct rf_sink *, struct rf_err *),
                   struct rf_digest *digest, uint64_t *size, struct rf_err *err)
{
    RF_CLEANUP(rf_sink_freep)
    struct rf_sink *sink = rf_sink_measure(RF_DIGEST_SHA256, digest, size);
    int rc = write(b, sink, err);
    return rc < 0 ? rc : rf_sink_commit(sink, err);
}

int rf_bundle_seal(struct rf_bundle *b, struct rf_err *err)
{
    int rc = rf_desired_sort(&b->desired, err);
    if (rc < 0)
        return rc;
    sort_repositories(b);
    if (b->n_blobs > 0)
        qsort(b->blobs, b->n_blobs, sizeof(*b->blobs), compare_blobs);
    if (b->n_holes > 0)
        qsort_r(b->holes, b->n_holes, sizeof(*b->holes), compare_holes, &b->desired);
    rf_desired_snapshot(&b->desired, &b->snapshot);
    rc = measure(b, rf_bundle_write_index, &b->index_digest, &b->index_size, err);
    if (rc == 0)
        rc = measure(b, rf_bundle_write, &b->id, &b->json_size, err);
    if (rc == 0 && b->json_size > RF_BUNDLE_JSON_MAX)
        rc = rf_fail(
            err, RFE_TOO_LARGE,
            "bundle.json would have %llu bytes, the limit is %u; export fewer images at once",
            (unsigned long long)b->json_size, RF_BUNDLE_JSON_MAX);
    return rc;
}

const struct rf_bundle_blob *rf_bundle_find(const struct rf_bundle *b, const struct rf_digest *d)
{
    struct rf_bundle_blob key = { .digest = *d };
    for (uint8_t kind = RF_BLOB_MANIFEST; kind <= RF_BLOB_LAYER; kind++) {
        key.kind = kind;
        if (b->n_blobs == 0)
            return NULL;
        const struct rf_bundle_blob *hit =
            bsearch(&key, b->blobs, b->n_blobs, sizeof(*b->blobs), compare_blobs);
        if (hit != NULL)
            return hit;
    }
    return NULL;
}

uint64_t rf_bundle_carried_bytes(const struct rf_bundle *b)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < b->n_blobs; i++)
        if (b->blobs[i].travel == RF_TRAVEL_CARRIED)
            sum += b->blobs[i].size;
    return sum;
}

size_t rf_bundle_carried_count(const struct rf_bundle *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n_blobs; i++)
        n += b->blobs[i].travel == RF_TRAVEL_CARRIED;
    return n;
}
