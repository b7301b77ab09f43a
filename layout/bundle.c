/* SPDX-License-Identifier: Apache-2.0 */
#include "layout/bundle.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "layout/bundle_retain.h"

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
    free(b->retain.rules);
    free(b->retain.candidates);
    free(b->refused);
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

int rf_bundle_blob_cmp(const struct rf_bundle_blob *a, const struct rf_bundle_blob *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return rf_digest_cmp(&a->digest, &b->digest);
}

static int compare_blobs(const void *a, const void *b)
{
    return rf_bundle_blob_cmp(a, b);
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

static int compare_holes(const void *a, const void *b, void *ctx)
{
    return rf_hole_cmp(ctx, a, b);
}

static int compare_refused(const void *a, const void *b, void *ctx)
{
    return rf_bundle_refused_cmp(ctx, a, b);
}

static int compare_digests(const void *a, const void *b)
{
    return rf_digest_cmp(a, b);
}

static int check_segment(const struct rf_bundle *b, uint32_t first, uint32_t n, struct rf_err *err)
{
    if (n > b->n_lists || first > b->n_lists - n)
        return rf_fail(err, RFE_INVALID, "a blob's list lies outside of the lists");
    for (uint32_t i = first; i < first + n; i++)
        if (b->lists[i] >= b->n_repositories)
            return rf_fail(err, RFE_INVALID, "a blob's list names repository %u of %zu",
                           b->lists[i], b->n_repositories);
    return 0;
}

/* Every list lies inside of `lists` and names repositories that are there: what follows relies on it. */
static int check_segments(const struct rf_bundle *b, struct rf_err *err)
{
    for (size_t i = 0; i < b->n_blobs; i++) {
        int rc = check_segment(b, b->blobs[i].first_repo, b->blobs[i].n_repos, err);
        if (rc == 0)
            rc = check_segment(b, b->blobs[i].first_from, b->blobs[i].n_from, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Sorts one list and drops what is there twice. Returns how many are left. */
static uint32_t sort_list(struct rf_bundle *b, uint32_t first, uint32_t n)
{
    if (n < 2)
        return n;
    uint32_t left = 0, *list = b->lists + first;
    qsort(list, n, sizeof(*list), compare_u32);
    for (uint32_t i = 0; i < n; i++)
        if (left == 0 || list[left - 1] != list[i])
            list[left++] = list[i];
    return left;
}

static void mark_used(const struct rf_bundle *b, uint32_t first, uint32_t n, uint32_t *place)
{
    for (uint32_t i = first; i < first + n; i++)
        place[b->repositories[b->lists[i]]] = 1;
}

/* The table holds each repository that a list names, once, in order of name; the lists are numbered anew. */
static void sort_repositories(struct rf_bundle *b)
{
    size_t n = 0;
    uint32_t *place = rf_xcalloc(b->desired.strings.len + 1, sizeof(*place)); /* per string */
    uint32_t *sorted = rf_xcalloc(b->n_repositories + 1, sizeof(*sorted));
    for (size_t i = 0; i < b->n_blobs; i++) {
        mark_used(b, b->blobs[i].first_repo, b->blobs[i].n_repos, place);
        if (b->blobs[i].travel == RF_TRAVEL_ASSUMED)
            mark_used(b, b->blobs[i].first_from, b->blobs[i].n_from, place);
    }
    for (size_t i = 0; i < b->n_repositories; i++) {
        if (place[b->repositories[i]] == 1)
            sorted[n++] = b->repositories[i];
        place[b->repositories[i]] = 0;
    }
    if (n > 1)
        qsort_r(sorted, n, sizeof(*sorted), compare_strings, &b->desired);
    for (size_t i = 0; i < n; i++)
        place[sorted[i]] = (uint32_t)i;
    for (size_t i = 0; i < b->n_lists; i++)
        b->lists[i] = b->lists[i] < b->n_repositories ? place[b->repositories[b->lists[i]]] : 0;
    free(place);
    free(b->repositories);
    b->repositories = sorted;
    b->cap_repositories = b->n_repositories + 1;
    b->n_repositories = n;
    for (size_t i = 0; i < b->n_blobs; i++) {
        struct rf_bundle_blob *blob = &b->blobs[i];
        blob->n_repos = sort_list(b, blob->first_repo, blob->n_repos);
        blob->n_from = sort_list(b, blob->first_from, blob->n_from);
    }
}

static void sort_holes(struct rf_bundle *b)
{
    size_t n = 0;
    if (b->n_holes > 1)
        qsort_r(b->holes, b->n_holes, sizeof(*b->holes), compare_holes, &b->desired);
    for (size_t i = 0; i < b->n_holes; i++)
        if (n == 0 || rf_hole_cmp(&b->desired, &b->holes[n - 1], &b->holes[i]) != 0)
            b->holes[n++] = b->holes[i];
    b->n_holes = n;
}

static void sort_refused(struct rf_bundle *b)
{
    size_t n = 0;
    if (b->n_refused > 1)
        qsort_r(b->refused, b->n_refused, sizeof(*b->refused), compare_refused, &b->desired);
    for (size_t i = 0; i < b->n_refused; i++)
        if (n == 0 || rf_bundle_refused_cmp(&b->desired, &b->refused[n - 1], &b->refused[i]) != 0)
            b->refused[n++] = b->refused[i];
    b->n_refused = n;
}

static void sort_bases(struct rf_bundle *b)
{
    size_t n = 0;
    if (b->n_bases > 1)
        qsort(b->bases, b->n_bases, sizeof(b->bases[0]), compare_digests);
    for (size_t i = 0; i < b->n_bases; i++)
        if (n == 0 || !rf_digest_eq(&b->bases[n - 1], &b->bases[i]))
            b->bases[n++] = b->bases[i];
    b->n_bases = n;
}

static int sort_all(struct rf_bundle *b, struct rf_err *err)
{
    int rc = rf_desired_sort(&b->desired, err);
    if (rc == 0)
        rc = check_segments(b, err);
    if (rc < 0)
        return rc;
    sort_bases(b);
    sort_repositories(b);
    if (b->n_blobs > 1)
        qsort(b->blobs, b->n_blobs, sizeof(*b->blobs), compare_blobs);
    sort_holes(b);
    sort_refused(b);
    rf_bundle_sort_candidates(b);
    return 0;
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
    int rc = sort_all(b, err);
    if (rc == 0)
        rc = rf_bundle_check(b, err);
    if (rc < 0)
        return rc;
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
    for (unsigned kind = RF_BLOB_MANIFEST; kind <= RF_BLOB_LAYER; kind++) {
        key.kind = (uint8_t)kind;
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

/* ---- files of bundle.json alone ---- */

int rf_bundle_store(const struct rf_bundle *b, const char *path, struct rf_err *err)
{
    RF_CLEANUP(rf_sink_freep) struct rf_sink *sink = NULL;
    int rc = rf_file_sink(path, 0600, true, &sink, err);
    if (rc == 0)
        rc = rf_bundle_write(b, sink, err);
    if (rc == 0)
        rc = rf_sink_commit(sink, err);
    return rc < 0 ? rf_wrap(err, rc, "%s", path) : 0;
}

int rf_bundle_load(struct rf_bundle *b, const char *path, struct rf_err *err)
{
    int fd = -1;
    uint64_t size;
    int rc = rf_file_open(path, &fd, &size, err);
    if (rc < 0)
        return rc;
    RF_CLEANUP(rf_source_freep) struct rf_source *src = rf_source_fd_owned(fd, 0, size);
    rc = rf_bundle_read(src, size, b, err);
    return rc < 0 ? rf_wrap(err, rc, "%s", path) : 0;
}
