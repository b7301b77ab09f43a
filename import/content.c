/* SPDX-License-Identifier: Apache-2.0 */
#include "import/content.h"

#include "base/cancel.h"
#include "base/mem.h"

void rf_content_init(struct rf_content *c, struct rf_bundle_file *file)
{
    memset(c, 0, sizeof(*c));
    c->file = file;
    c->doc = rf_bundle_file_doc(file);
}

void rf_content_release(struct rf_content *c)
{
    free(c->edges);
    c->edges = NULL;
}

bool rf_image_chose(const struct rf_desired *d, const struct rf_image *im,
                    const struct rf_digest *child)
{
    for (uint32_t i = 0; i < im->n_children; i++)
        if (rf_digest_eq(&d->digests[im->first_child + i], child))
            return true;
    return false;
}

const struct rf_image *rf_content_sparse_line(const struct rf_content *c,
                                              const struct rf_digest *index)
{
    const struct rf_desired *d = &c->doc->desired;
    for (size_t i = 0; i < d->n; i++)
        if (d->images[i].n_children > 0 && rf_digest_eq(&d->images[i].digest, index))
            return &d->images[i];
    return NULL;
}

/* Some line with this root leaves the child out, and none asks for it. */
static bool left_out(const struct rf_content *c, const struct rf_digest *index,
                     const struct rf_digest *child)
{
    const struct rf_desired *d = &c->doc->desired;
    bool sparse = false;
    for (size_t i = 0; i < d->n; i++) {
        if (!rf_image_travels(&d->images[i]) || !rf_digest_eq(&d->images[i].digest, index))
            continue;
        if (d->images[i].n_children == 0 || rf_image_chose(d, &d->images[i], child))
            return false;
        sparse = true;
    }
    return sparse;
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
    if (blob == NULL) {
        if (d->n_urls > 0 && kind == RF_BLOB_LAYER)
            return 0; /* lies elsewhere, is not carried */
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
    if (!covers(c->doc, blob, &c->doc->blobs[parent]))
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
    int rc = 0;
    if (m->kind == RF_KIND_IMAGE)
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
