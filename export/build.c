/* SPDX-License-Identifier: Apache-2.0 */
#include "export/build.h"

#include "base/mem.h"

void rf_snapshot_copy_line(struct rf_snapshot *to, const struct rf_snapshot *from,
                           const struct rf_image *line, uint8_t status)
{
    size_t at = rf_desired_add(&to->desired, &from->desired, line);
    struct rf_image *copy = &to->desired.images[at];
    copy->status = status;
    copy->first_blob = (uint32_t)to->n_items;
    for (uint32_t i = 0; i < line->n_blobs; i++) {
        const struct rf_snapshot_blob *b = &from->blobs[from->items[line->first_blob + i]];
        const char *media_type = rf_desired_str(&from->desired, b->media_type);
        rf_snapshot_add_item(to,
                             rf_snapshot_add_blob(to, &b->digest, b->size, media_type, b->kind));
    }
    copy->n_blobs = line->n_blobs;
}

const struct rf_image *rf_bases_line(struct rf_snapshot *const *bases, size_t n,
                                     const char *repository, const char *tag,
                                     const struct rf_digest *digest,
                                     const struct rf_snapshot **base)
{
    for (size_t i = 0; i < n; i++) {
        const struct rf_image *hit = rf_desired_find(&bases[i]->desired, repository, tag, digest);
        if (hit != NULL) {
            *base = bases[i];
            return hit;
        }
    }
    return NULL;
}

/* A blob and a repository that it belongs to. */
struct pair {
    uint32_t blob, repo;
};

struct builder {
    const struct rf_build *in;
    struct rf_bundle *out;
    struct rf_strings repos; /* numbers of the table, in order of appearance; sealing sorts them */
    uint32_t
        *blob_of; /* per blob of the snapshot: its number in the bundle, RF_NO_ID = not in it */
    struct pair *pairs;
    size_t n_pairs, cap_pairs;
};

static void add_pair(struct builder *b, uint32_t blob, const char *repository)
{
    uint32_t repo = rf_strings_add(&b->repos, rf_slice_str(repository));
    b->pairs = rf_grow(b->pairs, b->n_pairs, &b->cap_pairs, sizeof(*b->pairs));
    b->pairs[b->n_pairs++] = (struct pair){ .blob = blob, .repo = repo };
}

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    if (x->blob != y->blob)
        return x->blob < y->blob ? -1 : 1;
    return (x->repo > y->repo) - (x->repo < y->repo);
}

static size_t unique_pairs(struct builder *b)
{
    size_t n = 0;
    if (b->n_pairs > 0)
        qsort(b->pairs, b->n_pairs, sizeof(*b->pairs), compare_pairs);
    for (size_t i = 0; i < b->n_pairs; i++)
        if (n == 0 || compare_pairs(&b->pairs[n - 1], &b->pairs[i]) != 0)
            b->pairs[n++] = b->pairs[i];
    return n;
}

/* Turns the pairs into each blob's list; `from` says which of its two. */
static void fill_lists(struct builder *b, bool from)
{
    struct rf_bundle *out = b->out;
    size_t n = unique_pairs(b);
    for (size_t i = 0; i < n;) {
        uint32_t blob = b->pairs[i].blob, first = (uint32_t)out->n_lists, count = 0;
        for (; i < n && b->pairs[i].blob == blob; i++) {
            if (from && count == RF_FROM_MAX)
                continue;
            out->lists = rf_grow(out->lists, out->n_lists, &out->cap_lists, sizeof(*out->lists));
            out->lists[out->n_lists++] = b->pairs[i].repo;
            count++;
        }
        struct rf_bundle_blob *hit = &out->blobs[blob];
        if (from) {
            hit->first_from = first;
            hit->n_from = count;
        } else {
            hit->first_repo = first;
            hit->n_repos = count;
        }
    }
    b->n_pairs = 0;
}

static uint32_t add_blob(struct builder *b, uint32_t item)
{
    if (b->blob_of[item] != RF_NO_ID)
        return b->blob_of[item];
    const struct rf_snapshot *s = b->in->snapshot;
    const struct rf_snapshot_blob *from = &s->blobs[item];
    struct rf_bundle *out = b->out;
    struct rf_bundle_blob blob = {
        .digest = from->digest, .size = from->size, .kind = from->kind, .travel = RF_TRAVEL_CARRIED
    };
    blob.media_type = rf_strings_add(&out->desired.strings,
                                     rf_slice_str(rf_desired_str(&s->desired, from->media_type)));
    for (size_t i = 0; i < b->in->n_bases && blob.travel == RF_TRAVEL_CARRIED; i++)
        if (rf_snapshot_find_blob(b->in->bases[i], &blob.digest) != RF_NO_ID)
            blob.travel = RF_TRAVEL_ASSUMED;
    out->blobs = rf_grow(out->blobs, out->n_blobs, &out->cap_blobs, sizeof(*out->blobs));
    b->blob_of[item] = (uint32_t)out->n_blobs;
    out->blobs[out->n_blobs] = blob;
    return (uint32_t)out->n_blobs++;
}

static void add_lines(struct builder *b)
{
    const struct rf_snapshot *s = b->in->snapshot;
    for (size_t i = 0; i < s->desired.n; i++) {
        const struct rf_image *im = &s->desired.images[i];
        size_t at = rf_desired_add(&b->out->desired, &s->desired, im);
        b->out->desired.images[at].first_blob = 0;
        b->out->desired.images[at].n_blobs = 0;
        if (!rf_image_travels(im))
            continue;
        for (uint32_t k = 0; k < im->n_blobs; k++)
            add_pair(b, add_blob(b, s->items[im->first_blob + k]),
                     rf_desired_str(&s->desired, im->repository));
    }
    fill_lists(b, false);
}

/* Where the base has what is assumed. */
static void add_origins(struct builder *b)
{
    for (size_t i = 0; i < b->in->n_bases; i++) {
        const struct rf_snapshot *base = b->in->bases[i];
        RF_CLEANUP(rf_freep) uint32_t *number = rf_xcalloc(base->n_blobs + 1, sizeof(*number));
        for (size_t k = 0; k < base->n_blobs; k++) {
            uint32_t item = rf_snapshot_find_blob(b->in->snapshot, &base->blobs[k].digest);
            number[k] = item != RF_NO_ID ? b->blob_of[item] : RF_NO_ID;
        }
        for (size_t k = 0; k < base->desired.n; k++) {
            const struct rf_image *im = &base->desired.images[k];
            for (uint32_t c = 0; c < im->n_blobs; c++)
                if (number[base->items[im->first_blob + c]] != RF_NO_ID)
                    add_pair(b, number[base->items[im->first_blob + c]],
                             rf_desired_str(&base->desired, im->repository));
        }
    }
    fill_lists(b, true);
}

static void add_removed(struct builder *b)
{
    const struct rf_desired *now = &b->in->snapshot->desired;
    for (size_t i = 0; i < b->in->n_bases; i++) {
        const struct rf_desired *base = &b->in->bases[i]->desired;
        /* of what was found at a destination others may have brought a part: nothing of that is ours to remove */
        for (size_t k = 0; !b->in->bases[i]->stock && k < base->n; k++) {
            const struct rf_image *im = &base->images[k];
            const char *repository = rf_desired_str(base, im->repository),
                       *tag = rf_desired_str(base, im->tag);
            const struct rf_snapshot *earlier;
            if (rf_desired_find(now, repository, tag, &im->digest) != NULL ||
                rf_bases_line(b->in->bases, i, repository, tag, &im->digest, &earlier) != NULL)
                continue;
            size_t at = rf_desired_add(&b->out->desired, base, im);
            b->out->desired.images[at].status = RF_IMAGE_REMOVED;
            b->out->desired.images[at].first_blob = 0;
            b->out->desired.images[at].n_blobs = 0;
        }
    }
}

static void add_holes(struct builder *b)
{
    struct rf_bundle *out = b->out;
    struct rf_strings *strings = &out->desired.strings;
    for (size_t i = 0; i < b->in->n_holes; i++) {
        const struct rf_build_hole *h = &b->in->holes[i];
        out->holes = rf_grow(out->holes, out->n_holes, &out->cap_holes, sizeof(*out->holes));
        struct rf_hole *hole = &out->holes[out->n_holes++];
        hole->source = rf_strings_add(strings, rf_slice_str(h->source));
        hole->repository = rf_strings_add(strings, rf_slice_str(h->repository));
        hole->tag = rf_strings_add(strings, rf_slice_str(h->tag));
        hole->reason = rf_strings_add(strings, rf_slice_str(h->reason));
        hole->rule = h->rule;
    }
}

static void add_refused(struct builder *b)
{
    struct rf_bundle *out = b->out;
    struct rf_strings *strings = &out->desired.strings;
    for (size_t i = 0; i < b->in->n_refused; i++) {
        const struct rf_build_refused *from = &b->in->refused[i];
        struct rf_bundle_refused r = { .digest = from->digest };
        r.source = rf_strings_add(strings, rf_slice_str(from->source));
        r.repository = rf_strings_add(strings, rf_slice_str(from->repository));
        r.tag = rf_strings_add(strings, rf_slice_str(from->tag));
        r.reason = rf_strings_add(strings, rf_slice_str(from->reason));
        out->refused =
            rf_grow(out->refused, out->n_refused, &out->cap_refused, sizeof(*out->refused));
        out->refused[out->n_refused++] = r;
    }
}

static int compare_digests(const void *a, const void *b)
{
    return rf_digest_cmp(a, b);
}

static int put_header(struct builder *b, struct rf_err *err)
{
    const struct rf_build *in = b->in;
    struct rf_bundle *out = b->out;
    if (in->n_bases > RF_BUNDLE_BASES_MAX)
        return rf_fail(err, RFE_USAGE, "more than %u bases", RF_BUNDLE_BASES_MAX);
    memcpy(out->site, in->site, strlen(in->site) + 1);
    out->tool = rf_xstrdup("regexport " RF_VERSION);
    for (size_t i = 0; i < in->n_bases; i++)
        out->bases[out->n_bases++] = in->bases[i]->id;
    if (out->n_bases > 1)
        qsort(out->bases, out->n_bases, sizeof(out->bases[0]), compare_digests);
    out->sequence = 1;
    if (in->last != NULL) {
        out->sequence = in->last->sequence + 1;
        out->parent = in->last->id;
        memcpy(out->chain, in->last->chain, sizeof(out->chain));
    } else {
        rf_chain_name(in->site, &in->snapshot->id, out->chain);
    }
    return 0;
}

int rf_build_bundle(const struct rf_build *in, struct rf_bundle *out, struct rf_err *err)
{
    struct builder b = { .in = in, .out = out };
    int rc = put_header(&b, err);
    if (rc < 0)
        return rc;
    rf_strings_init(&b.repos);
    b.blob_of = rf_xcalloc(in->snapshot->n_blobs + 1, sizeof(*b.blob_of));
    for (size_t i = 0; i < in->snapshot->n_blobs; i++)
        b.blob_of[i] = RF_NO_ID;
    add_lines(&b);
    add_origins(&b);
    add_removed(&b);
    add_holes(&b);
    add_refused(&b);
    for (uint32_t i = 0; i < b.repos.len; i++) {
        out->repositories = rf_grow(out->repositories, out->n_repositories, &out->cap_repositories,
                                    sizeof(uint32_t));
        out->repositories[out->n_repositories++] =
            rf_strings_add(&out->desired.strings, rf_slice_str(rf_strings_get(&b.repos, i)));
    }
    free(b.blob_of);
    free(b.pairs);
    rf_strings_release(&b.repos);
    return rf_bundle_seal(out, err);
}
