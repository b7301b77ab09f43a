/* SPDX-License-Identifier: Apache-2.0 */
#include "regclient/layer_file.h"

#include <stdlib.h>

#include "base/mem.h"
#include "regclient/blob_stream.h"

#define LINKS_MAX 40

/* ---- one layer ---- */

/* Returns enum rf_layer_answer, which the whole layer stands for: it was read to its end, and had its digest. */
static int look_into(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                     uint64_t size, const char *path, struct rf_layer_entry *out,
                     struct rf_sink *sink, struct rf_err *err)
{
    RF_CLEANUP(rf_source_freep) struct rf_source *src = NULL;
    struct rf_layer_entry entry = { 0 };
    int rc = rf_blob_stream_open(p, repo, digest, size, &src, err);
    if (rc < 0)
        return rc;
    int answer = rf_layer_tar_find(src, "layer", path, &entry, sink, err);
    rc = answer < 0 ? answer : rf_blob_stream_prove(src, err);
    if (rc == 0 && (answer == RF_LAYER_FOUND || answer == RF_LAYER_LINKED))
        *out = entry;
    else
        rf_layer_entry_release(&entry);
    return rc < 0 ? rc : answer;
}

int rf_layer_file(struct rf_place *p, const char *repo, const struct rf_digest *digest,
                  uint64_t size, const char *path, struct rf_layer_entry *out, struct rf_sink *sink,
                  struct rf_err *err)
{
    RF_CLEANUP(rf_freep) char *clean = rf_layer_path(path);
    struct rf_layer_entry entry = { 0 };
    int rc = look_into(p, repo, digest, size, clean, &entry, sink, err);
    if (rc < 0)
        return rc;
    if (rc != RF_LAYER_FOUND) {
        rf_layer_entry_release(&entry);
        return rf_fail(err, RFE_NOT_FOUND,
                       rc == RF_LAYER_DELETED ? "file deleted" : "file not found");
    }
    *out = entry;
    return 0;
}

/* ---- an image's file system ---- */

/* Where links have led to so far: the same place again is a circle. */
struct trail {
    char *paths[LINKS_MAX];
    size_t tops[LINKS_MAX];
    unsigned n;
};

static void trail_release(struct trail *t)
{
    while (t->n > 0)
        free(t->paths[--t->n]);
}

/* Takes the path over. */
static int go_on(struct trail *t, char *path, size_t top, const char *asked, struct rf_err *err)
{
    for (unsigned i = 0; i < t->n; i++) {
        if (t->tops[i] != top || strcmp(t->paths[i], path) != 0)
            continue;
        free(path);
        return rf_fail(err, RFE_LOOP, "%s: links lead in a circle", asked);
    }
    if (t->n == LINKS_MAX) {
        free(path);
        return rf_fail(err, RFE_LOOP, "%s: more than %d links", asked, LINKS_MAX);
    }
    t->paths[t->n] = path;
    t->tops[t->n++] = top;
    return 0;
}

struct look {
    struct rf_place *place;
    const char *repo;
    const struct rf_manifest *image;
    struct rf_sink *sink;
};

/* From layer `top` - 1 down. Returns RF_LAYER_FOUND or _LINKED, and the layer. */
static int look_down(const struct look *l, size_t top, const char *path, struct rf_layer_entry *out,
                     size_t *layer, struct rf_err *err)
{
    for (size_t i = top; i > 0; i--) {
        const struct rf_descriptor *d = &l->image->entries[i - 1];
        int rc = look_into(l->place, l->repo, &d->digest, d->size, path, out, l->sink, err);
        if (rc == RF_LAYER_DELETED)
            rc = rf_fail(err, RFE_NOT_FOUND, "file deleted");
        if (rc < 0)
            return rf_wrap(err, rc, "failed pulling from layer %zu", i - 1);
        *layer = i - 1;
        if (rc != RF_LAYER_ABSENT)
            return rc;
    }
    return rf_fail(err, RFE_NOT_FOUND, "not found");
}

int rf_image_file(struct rf_place *p, const char *repo, const struct rf_manifest *image,
                  const char *path, bool follow, struct rf_layer_entry *out, struct rf_sink *sink,
                  struct rf_err *err)
{
    const struct look l = { .place = p, .repo = repo, .image = image, .sink = sink };
    if (image->kind != RF_KIND_IMAGE)
        return rf_fail(err, RFE_UNSUPPORTED, "reference is not a known image media type");
    RF_CLEANUP(trail_release) struct trail trail = { .n = 0 };
    size_t layer = 0;
    int rc = go_on(&trail, rf_layer_path(path), image->n_entries, path, err);
    while (rc == 0) {
        struct rf_layer_entry entry = { 0 };
        const char *at = trail.paths[trail.n - 1];
        size_t top = trail.tops[trail.n - 1];
        char *next = NULL;
        rc = look_down(&l, top, at, &entry, &layer, err);
        if (rc < 0)
            return rc;
        top = image->n_entries;
        if (rc == RF_LAYER_LINKED) {
            next = rf_xstrdup(entry.link);
        } else if (entry.type == '2' && follow) {
            next = rf_layer_follow(at, entry.link);
        } else if (entry.type == '1' && sink != NULL) {
            /* A hard link names what its own layer has, or one below. */
            next = rf_layer_path(entry.link);
            top = layer + 1;
        } else {
            *out = entry;
            return 0;
        }
        rf_layer_entry_release(&entry);
        rc = go_on(&trail, next, top, path, err);
    }
    return rc;
}
