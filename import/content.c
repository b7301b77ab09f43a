/* SPDX-License-Identifier: Apache-2.0 */
#include "import/content.h"

#include "base/cancel.h"
#include "base/mem.h"

static int compare_roots(const void *a, const void *b, void *ctx)
{
    const struct rf_desired *d = ctx;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int c = rf_digest_cmp(&d->images[x].digest, &d->images[y].digest);
    return c != 0 ? c : (x > y) - (x < y);
}

void rf_content_init(struct rf_content *c, struct rf_bundle_file *file)
{
    memset(c, 0, sizeof(*c));
    c->file = file;
    c->doc = rf_bundle_file_doc(file);
    struct rf_desired d = c->doc->desired;
    c->roots = rf_xcalloc(d.n + 1, sizeof(*c->roots));
    for (size_t i = 0; i < d.n; i++)
        if (rf_image_travels(&d.images[i]) || rf_bundle_is_repair(c->doc))
            c->roots[c->n_roots++] = (uint32_t)i;
    if (c->n_roots > 1)
        qsort_r(c->roots, c->n_roots, sizeof(*c->roots), compare_roots, &d);
}

void rf_content_release(struct rf_content *c)
{
    free(c->edges);
    free(c->roots);
    c->edges = NULL;
    c->roots = NULL;
}

bool rf_image_chose(const struct rf_desired *d, const struct rf_image *im,
                    const struct rf_digest *child)
{
    for (uint32_t i = 0; i < im->n_children; i++)
        if (rf_digest_eq(&d->digests[im->first_child + i], child))
            return true;
    return false;
}

/* The first in c->roots of this digest, or where it would stand. */
static size_t first_root(const struct rf_content *c, const struct rf_digest *d)
{
    size_t lo = 0, hi = c->n_roots;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (rf_digest_cmp(&c->doc->desired.images[c->roots[mid]].digest, d) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The next line of this root from number *at on, or NULL. */
static const struct rf_image *next_line(const struct rf_content *c, const struct rf_digest *root,
                                        size_t *at)
{
    if (*at == c->n_roots)
        return NULL;
    const struct rf_image *im = &c->doc->desired.images[c->roots[*at]];
    if (!rf_digest_eq(&im->digest, root))
        return NULL;
    ++*at;
    return im;
}

/* Some line with this root leaves the child out, and none asks for it. */
static bool left_out(const struct rf_content *c, const struct rf_digest *index,
                     const struct rf_digest *child)
{
    const struct rf_image *im;
    bool sparse = false;
    for (size_t at = first_root(c, index); (im = next_line(c, index, &at)) != NULL;) {
        if (im->n_children == 0 || rf_image_chose(&c->doc->desired, im, child))
            return false;
        sparse = true;
    }
    return sparse;
}

static bool has_entry(const struct rf_manifest *m, const struct rf_digest *d)
{
    for (size_t i = 0; i < m->n_entries; i++)
        if (rf_digest_eq(&m->entries[i].digest, d))
            return true;
    return false;
}

/* What a line chose of this index must be in it. */
static int check_chosen(const struct rf_content *c, const struct rf_manifest *m, struct rf_err *err)
{
    const struct rf_image *im;
    char text[RF_DIGEST_TEXT];
    for (size_t at = first_root(c, &m->digest); (im = next_line(c, &m->digest, &at)) != NULL;) {
        for (uint32_t i = 0; i < im->n_children; i++) {
            const struct rf_digest *child = &c->doc->desired.digests[im->first_child + i];
            if (m->kind != RF_KIND_INDEX || !has_entry(m, child))
                return rf_fail(err, RFE_DAMAGED, "%s is chosen of it, but is not in it",
                               rf_digest_text(child, text));
        }
    }
    return 0;
}

/* Both lists rise. */
static bool covers(const struct rf_bundle *b, const struct rf_bundle_blob *child,
                   const struct rf_bundle_blob *parent)
{
    uint32_t k = 0;
    for (uint32_t i = 0; i < parent->n_repos; i++) {
        while (k < child->n_repos &&
               b->lists[child->first_repo + k] < b->lists[parent->first_repo + i])
            k++;
        if (k == child->n_repos ||
            b->lists[child->first_repo + k] != b->lists[parent->first_repo + i])
            return false;
    }
    return true;
}

static int check_child(struct rf_content *c, uint32_t parent, const struct rf_manifest *m,
                       const struct rf_descriptor *d, enum rf_blob_kind kind, struct rf_err *err)
{
    const struct rf_bundle_blob *blob = rf_bundle_find(c->doc, &d->digest);
    char text[RF_DIGEST_TEXT];
    rf_digest_text(&d->digest, text);
    bool elsewhere = d->n_urls > 0 && kind == RF_BLOB_LAYER; /* it need not be carried */
    if (blob == NULL) {
        if (elsewhere)
            return 0;
        if (m->kind == RF_KIND_INDEX && left_out(c, &m->digest, &d->digest))
            return 0;
        return rf_fail(err, RFE_DAMAGED, "it needs %s, which the bundle does not list", text);
    }
    if (blob->size != d->size)
        return rf_fail(err, RFE_DAMAGED, "it needs %s with %llu bytes, the bundle lists %llu", text,
                       (unsigned long long)d->size, (unsigned long long)blob->size);
    if ((blob->kind == RF_BLOB_MANIFEST) != (kind == RF_BLOB_MANIFEST))
        return rf_fail(err, RFE_DAMAGED, "it needs %s as something else than the bundle lists",
                       text);
    if (!elsewhere && !covers(c->doc, blob, &c->doc->blobs[parent]))
        return rf_fail(err, RFE_DAMAGED, "%s is not listed for every repository that needs it",
                       text);
    if (kind == RF_BLOB_MANIFEST) {
        c->edges = rf_grow(c->edges, c->n_edges, &c->cap_edges, sizeof(*c->edges));
        c->edges[c->n_edges++] =
            (struct rf_content_edge){ parent, (uint32_t)(blob - c->doc->blobs) };
    }
    return 0;
}

int rf_content_check_manifest(struct rf_content *c, uint32_t blob, const struct rf_manifest *m,
                              struct rf_err *err)
{
    int rc = check_chosen(c, m, err);
    if (rc == 0 && m->kind == RF_KIND_IMAGE)
        rc = check_child(c, blob, m, &m->config, RF_BLOB_CONFIG, err);
    for (size_t i = 0; rc == 0 && i < m->n_entries; i++) {
        const struct rf_descriptor *d = &m->entries[i];
        bool manifest = m->kind == RF_KIND_INDEX && rf_media_is_manifest(d->media_type);
        rc = check_child(c, blob, m, d, manifest ? RF_BLOB_MANIFEST : RF_BLOB_LAYER, err);
    }
    if (rc < 0) {
        char text[RF_DIGEST_TEXT];
        return rf_wrap(err, rc, "manifest %s", rf_digest_text(&m->digest, text));
    }
    return 0;
}

int rf_content_check(struct rf_content *c, struct rf_err *err)
{
    struct rf_place *place = rf_bundle_file_place(c->file);
    for (size_t i = 0; i < c->doc->n_blobs && c->doc->blobs[i].kind == RF_BLOB_MANIFEST; i++) {
        RF_CLEANUP(rf_manifest_freep) struct rf_manifest *m = NULL;
        struct rf_err why = RF_ERR_INIT;
        if (c->doc->blobs[i].travel != RF_TRAVEL_CARRIED)
            continue;
        int rc = rf_place_get_manifest(place, "", NULL, &c->doc->blobs[i].digest, NULL, &m, &why);
        if (rc == 0)
            rc = rf_content_check_manifest(c, (uint32_t)i, m, &why);
        if (rc == 0)
            rc = rf_cancel_check(err);
        else
            rc = rf_fail(err, RFE_DAMAGED, "%s: %s", place->name, why.msg);
        if (rc < 0)
            return rc;
    }
    return 0;
}

uint8_t *rf_content_levels(const struct rf_content *c, uint8_t *highest)
{
    uint8_t *levels = rf_xcalloc(c->doc->n_blobs + 1, 1);
    *highest = 0;
    /* indexes nest at most RF_INDEX_DEPTH_MAX deep: as many rounds settle it */
    for (int round = 0; round <= RF_INDEX_DEPTH_MAX; round++) {
        for (size_t i = 0; i < c->n_edges; i++) {
            uint8_t above = (uint8_t)(levels[c->edges[i].child] + 1);
            if (levels[c->edges[i].parent] < above && above <= RF_INDEX_DEPTH_MAX + 1)
                levels[c->edges[i].parent] = above;
        }
    }
    for (size_t i = 0; i < c->doc->n_blobs; i++)
        if (levels[i] > *highest)
            *highest = levels[i];
    return levels;
}
